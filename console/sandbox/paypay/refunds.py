"""PayPay's refund desk: idempotent by merchant, refund id and payment id; windows, limits, and what is left."""

from datetime import timedelta

from console.sandbox.payment_book import Payment, Refund
from console.sandbox.paypay_answers import refund_data, refusal, result_reply
from console.sandbox.paypay_requests import NewRefund
from console.sandbox.paypay_windows import refund_last_second
from console.sandbox.wire import Reply
from console.sandbox.world import World

NAME = "paypay"
SIMILAR = timedelta(seconds=60)


class RefundDesk:
    """Takes refunds on or refuses them; safe to use from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._book = world.payments

    def known(self, merchant: str, key: str, payment_id: str) -> tuple[Payment, Refund] | None:
        """The refund of that triple; the same id with another payment is another refund."""
        payment = self._book.by_id(NAME, payment_id)
        if payment is None or payment.merchant != merchant:
            return None
        return next(((payment, refund) for refund in payment.refunds if refund.key == key), None)

    def refund(self, merchant: str, wanted: NewRefund) -> Reply:
        """Acceptance of a refund; a repeated triple gets its earlier one, as it stands now."""
        with self._book.lock:
            earlier = self.known(merchant, wanted.key, wanted.payment_id)
            if earlier is None:
                payment = self._payment(merchant, wanted)
                self._check(payment, wanted)
                refund = self._book.accept(
                    payment, wanted.key, wanted.amount, reason=wanted.reason, requested_at=wanted.requested_at
                )
                earlier = payment, refund
            return result_reply("SUCCESS", refund_data(*earlier), charge=earlier[1].serial)

    def _payment(self, merchant: str, wanted: NewRefund) -> Payment:
        payment = self._book.by_id(NAME, wanted.payment_id)
        if payment is not None and payment.merchant == merchant:
            return payment
        if self._book.find(NAME, wanted.payment_id):  # the merchant's own number has produced this
            raise refusal("INTERNAL_SERVER_ERROR", "00200034")
        raise refusal("RESOURCE_NOT_FOUND")

    def _check(self, payment: Payment, wanted: NewRefund) -> None:
        """Raises `Refused` with the first reason that speaks against it."""
        settings, now = self._world.settings, self._world.clock.now()
        if not payment.captured or payment.cancelled or payment.ended is None:
            raise refusal("UNACCEPTABLE_OP")
        if now.timestamp() >= refund_last_second(payment.ended).timestamp() + 1:
            raise refusal("REFUND_WINDOW_EXCEED")
        if payment.refunds and not settings.paypay_multiple_refunds:
            raise refusal("MERCHANT_MULTIPLE_REFUND_REJECTED")
        if len(payment.refunds) >= settings.paypay_refund_limit:
            raise refusal("REFUND_LIMIT_EXCEEDED")
        if any(_similar(refund, wanted) and now - refund.at < SIMILAR for refund in payment.refunds):
            raise refusal("THROTTLED_MULTIPLE_REFUND_REJECTED")
        if wanted.amount > payment.left_minor and not settings.over_refunds:
            spent = payment.left_minor <= 0
            raise refusal("UNACCEPTABLE_OP") if spent else refusal("INVALID_PARAMS", "00200015")


def _similar(refund: Refund, wanted: NewRefund) -> bool:
    """The same sum, still being executed."""
    return refund.state == "CREATED" and refund.amount_minor == wanted.amount
