"""Refunds of the simulated PayPay. Requests with the same merchant, refund id and payment id are the same refund.
Refund window, limits and the refundable amount are checked.
"""

from datetime import timedelta

from console.sandbox.http.messages import HttpReply
from console.sandbox.payments.ledger import Payment, Refund
from console.sandbox.paypay.requests import RefundRequest
from console.sandbox.paypay.responses import make_refund_data, make_result_refusal, make_result_reply
from console.sandbox.paypay.state import PayPayState
from console.sandbox.paypay.time_limits import get_last_second_to_refund

PROVIDER_NAME = "paypay"
SIMILAR_REFUND_PERIOD = timedelta(seconds=60)


class PayPayRefundIntake:
    """Accepts or refuses refunds at the simulated PayPay. Several threads may use this object at the same time."""

    def __init__(self, state: PayPayState) -> None:
        self._state = state
        self._payment_ledger = state.payment_ledger

    def find_refund(self, merchant: str, key: str, payment_id: str) -> tuple[Payment, Refund] | None:
        """Return the payment and the refund with these three ids (merchant, refund id `key`, payment id); None if
        they are unknown. An equal refund id with a different payment id means a different refund.
        """
        payment = self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, payment_id)
        if payment is None or payment.merchant != merchant:
            return None
        return next(((payment, refund) for refund in payment.refunds if refund.key == key), None)

    def accept_refund(self, merchant: str, new_refund: RefundRequest) -> HttpReply:
        """Accept a refund and return the answer. If a refund with the same ids was accepted before, the answer has
        that refund in its current state.

        Raises `RequestRefused` with PayPay's result code if the payment is unknown or a rule is broken.
        """
        with self._payment_ledger.lock:
            known_refund = self.find_refund(merchant, new_refund.key, new_refund.payment_id)
            if known_refund is None:
                payment = self._require_payment(merchant, new_refund)
                self._require_refundable(payment, new_refund)
                refund = self._payment_ledger.accept_refund(
                    payment,
                    new_refund.key,
                    new_refund.amount_yen,
                    reason=new_refund.reason,
                    requested_at=new_refund.requested_at,
                )
                known_refund = payment, refund
            return make_result_reply(
                "SUCCESS", make_refund_data(*known_refund), ledger_entry_id=known_refund[1].serial
            )

    def _require_payment(self, merchant: str, new_refund: RefundRequest) -> Payment:
        payment = self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, new_refund.payment_id)
        if payment is not None and payment.merchant == merchant:
            return payment
        # PayPay's real API gives this answer if the request has the merchant's id in place of the payment id.
        if self._payment_ledger.find_payment(PROVIDER_NAME, new_refund.payment_id):
            raise make_result_refusal("INTERNAL_SERVER_ERROR", "00200034")
        raise make_result_refusal("RESOURCE_NOT_FOUND")

    def _require_refundable(self, payment: Payment, new_refund: RefundRequest) -> None:
        """Raise `RequestRefused` for the first of PayPay's rules that the refund breaks."""
        settings, now = self._state.settings, self._state.clock.now()
        if not payment.is_captured or payment.cancel_requested_at or payment.captured_at is None:
            raise make_result_refusal("UNACCEPTABLE_OP")
        if now.timestamp() >= get_last_second_to_refund(payment.captured_at).timestamp() + 1:
            raise make_result_refusal("REFUND_WINDOW_EXCEED")
        if payment.refunds and not settings.paypay_allows_several_refunds:
            raise make_result_refusal("MERCHANT_MULTIPLE_REFUND_REJECTED")
        if len(payment.refunds) >= settings.paypay_refund_limit:
            raise make_result_refusal("REFUND_LIMIT_EXCEEDED")
        if any(
            _is_similar_refund(refund, new_refund) and now - refund.accepted_at < SIMILAR_REFUND_PERIOD
            for refund in payment.refunds
        ):
            raise make_result_refusal("THROTTLED_MULTIPLE_REFUND_REJECTED")
        if new_refund.amount_yen > payment.remaining_minor and not settings.accepts_refunds_above_captured:
            is_spent = payment.remaining_minor <= 0
            raise (
                make_result_refusal("UNACCEPTABLE_OP")
                if is_spent
                else make_result_refusal("INVALID_PARAMS", "00200015")
            )


def _is_similar_refund(refund: Refund, new_refund: RefundRequest) -> bool:
    """Return True if the earlier refund `refund` has the amount of the newly requested refund and isn't executed
    yet."""
    return refund.state == "CREATED" and refund.amount_minor == new_refund.amount_yen
