"""The HTTP API of the simulated PayPay OPA, as PayPay's reference describes it: codes, payment details, cancel,
refunds, reconciliation file.
"""

import re
import secrets
from collections.abc import Callable
from datetime import timedelta

from console.sandbox.http.calls import ProviderCall, ProviderRoute, make_route
from console.sandbox.http.messages import HttpReply, HttpRequest, JsonObject
from console.sandbox.payments.ledger import Payment
from console.sandbox.paypay.reconciliation_file import ReconciliationFileMaker
from console.sandbox.paypay.refunds import PayPayRefundIntake
from console.sandbox.paypay.requests import (
    MERCHANT_CHOSEN_ID_PATTERN,
    PaymentCodeRequest,
    read_payment_code_request,
    read_refund_request,
)
from console.sandbox.paypay.responses import (
    make_payment_code_data,
    make_payment_data,
    make_refund_data,
    make_result_refusal,
    make_result_reply,
)
from console.sandbox.paypay.state import PayPayState
from console.sandbox.paypay.time_limits import get_last_second_to_cancel

PROVIDER_NAME = "paypay"
RATE_LIMIT_REPLY = make_result_reply("RATE_LIMIT")


class SimulatedPayPay:
    """Routes of the simulated PayPay. The payment ledger stores its payments."""

    def __init__(self, state: PayPayState) -> None:
        self._state = state
        self._payment_ledger = state.payment_ledger
        self._refund_intake = PayPayRefundIntake(state)
        self.recon_files = ReconciliationFileMaker(state)

    def list_routes(self) -> tuple[ProviderRoute, ...]:
        """Return the HTTP routes of the simulated PayPay."""
        return (
            make_route("POST", "/v2/codes", self._parse_create_code_call),
            make_route("DELETE", "/v2/codes/([^/]+)", self._parse_delete_code_call),
            make_route("GET", "/v2/codes/payments/([^/]+)", self._parse_code_details_call),
            make_route("GET", "/v2/payments/([^/]+)", self._parse_payment_details_call),
            make_route("DELETE", "/v2/payments/([^/]+)", self._parse_cancel_call),
            make_route("POST", "/v2/refunds", self._parse_refund_call),
            make_route("GET", "/v2/refunds/([^/]+)", self._parse_refund_details_call),
            make_route("GET", "/paypay/recon/([^/]+[.]csv)", self._parse_recon_file_call),
        )

    # -- codes

    def _parse_create_code_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)
        new_code = read_payment_code_request(request)
        return self._make_provider_call(
            "create", lambda: self._create_code(merchant, new_code), new_code.merchant_payment_id
        )

    def _create_code(self, merchant: str, new_code: PaymentCodeRequest) -> HttpReply:
        """Add a payment for the requested code and return the answer with the code. Raises `RequestRefused` if the
        merchant's payment id is used already, unless the setting `paypay_repeats_first_code` allows it."""
        with self._payment_ledger.lock:
            payment = self._payment_ledger.find_payment(PROVIDER_NAME, new_code.merchant_payment_id)
            if payment is None:
                payment = self._payment_ledger.add_payment(self._make_code_payment(merchant, new_code))
            elif not self._state.settings.paypay_repeats_first_code or payment.merchant != merchant:
                raise make_result_refusal("DUPLICATE_DYNAMIC_QR_REQUEST")
            return make_result_reply("SUCCESS", make_payment_code_data(payment), status=201)

    def _make_code_payment(self, merchant: str, new_code: PaymentCodeRequest) -> Payment:
        """Return the new payment of a requested code, in the state CREATED."""
        now = self._state.clock.now()
        expires = now + timedelta(seconds=self._state.settings.paypay_code_seconds)
        details = new_code.details | {"codeId": f"04-{secrets.token_hex(8)}"}
        return Payment(
            PROVIDER_NAME,
            merchant,
            new_code.merchant_payment_id,
            new_code.amount_yen,
            "JPY",
            "CREATED",
            now,
            expires,
            details,
        )

    def _parse_delete_code_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)
        payment = next(
            (p for p in self._payment_ledger.list_payments(PROVIDER_NAME) if p.details.get("codeId") == match[1]),
            None,
        )

        def delete_code() -> HttpReply:
            with self._payment_ledger.lock:
                if payment is None or payment.merchant != merchant or payment.state == "GONE":
                    raise make_result_refusal("DYNAMIC_QR_NOT_FOUND")
                if payment.state != "CREATED":
                    raise make_result_refusal("DYNAMIC_QR_ALREADY_PAID")
                self._payment_ledger.change_payment_state(payment, "gone")
            return make_result_reply("SUCCESS")

        return self._make_provider_call("delete_code", delete_code, payment.merchant_payment_id if payment else None)

    # -- payments

    def _parse_code_details_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)
        number = match[1]

        def answer_with_code_details() -> HttpReply:
            if not re.fullmatch(MERCHANT_CHOSEN_ID_PATTERN, number):
                raise make_result_refusal("DYNAMIC_QR_BAD_REQUEST")
            payment = self._find_own_payment(merchant, number)
            if payment is None or payment.state == "GONE" or "codeId" not in payment.details:
                raise make_result_refusal("DYNAMIC_QR_PAYMENT_NOT_FOUND")
            return make_result_reply("SUCCESS", make_payment_data(payment))

        return self._make_provider_call("payment", answer_with_code_details, number)

    def _parse_payment_details_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)

        def answer_with_payment_details() -> HttpReply:
            payment = self._find_own_payment(merchant, match[1])
            if payment is None or payment.id is None or "codeId" in payment.details:
                raise make_result_refusal("RESOURCE_NOT_FOUND")
            return make_result_reply("SUCCESS", make_payment_data(payment))

        return self._make_provider_call("payment", answer_with_payment_details, match[1])

    def _parse_cancel_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)

        def cancel_payment() -> HttpReply:
            with self._payment_ledger.lock:
                payment = self._find_own_payment(merchant, match[1])
                if payment is None:
                    raise make_result_refusal("RESOURCE_NOT_FOUND")
                self._accept_cancellation(payment)
            return make_result_reply("REQUEST_ACCEPTED")

        return self._make_provider_call("cancel", cancel_payment, match[1])

    def _accept_cancellation(self, payment: Payment) -> None:
        """Accept the request to cancel a payment; a repeated request has no further effect.

        Raises `RequestRefused` if the time limit is over, or the payment has refunds or is in a state that can't be
        cancelled.
        """
        if payment.cancel_requested_at:
            return
        now = self._state.clock.now()
        is_too_late = (
            payment.captured_at is not None
            and now.timestamp() >= get_last_second_to_cancel(payment.captured_at).timestamp() + 1
        )
        if (
            payment.refunds
            or is_too_late
            or payment.state not in ("CREATED", "AUTHORIZED", "REAUTHORIZING", "COMPLETED")
        ):
            raise make_result_refusal("ORDER_NOT_REVERSIBLE")
        payment.cancel_requested_at = now
        if payment.state in ("AUTHORIZED", "REAUTHORIZING"):
            self._payment_ledger.change_payment_state(payment, "failed")

    def _find_own_payment(self, merchant: str, payment_number: str) -> Payment | None:
        """Return the merchant's payment with this payment id; None if no payment has this id, or if the payment
        belongs to another merchant."""
        payment = self._payment_ledger.find_payment(PROVIDER_NAME, payment_number)
        return payment if payment and payment.merchant == merchant else None

    # -- refunds

    def _parse_refund_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)
        new_refund = read_refund_request(request)
        payment = self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, new_refund.payment_id)
        number = payment.merchant_payment_id if payment else None
        return self._make_provider_call(
            "refund", lambda: self._refund_intake.accept_refund(merchant, new_refund), new_refund.key, number
        )

    def _parse_refund_details_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        merchant = self._state.paypay_keys.require_merchant(request)
        payment_id = request.query.get("paymentId")
        if not payment_id:
            raise make_result_refusal("MISSING_REQUEST_PARAMS")
        payment = self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, payment_id)

        def answer_with_refund_details() -> HttpReply:
            refund = self._refund_intake.find_refund(merchant, match[1], payment_id)
            if refund is None:
                raise make_result_refusal("NO_SUCH_REFUND_ORDER")
            return make_result_reply("SUCCESS", make_refund_data(*refund))

        return self._make_provider_call(
            "refund_details", answer_with_refund_details, match[1], payment.merchant_payment_id if payment else None
        )

    # -- reconciliation file

    def _parse_recon_file_call(self, request: HttpRequest, match: re.Match[str]) -> ProviderCall | HttpReply:
        file = self.recon_files.require_file_of_url(match[1], request.query.get("sig", ""))
        return self._make_provider_call(
            "recon", lambda: HttpReply(200, self.recon_files.make_content(file), "text/csv")
        )

    def _make_provider_call(
        self, name: str, make_reply: Callable[[], HttpReply], number: str | None = None, payment: str | None = None
    ) -> ProviderCall:
        return ProviderCall(
            PROVIDER_NAME,
            f"{PROVIDER_NAME}_{name}",
            make_reply,
            number,
            payment=payment or number,
            rate_limit_reply=RATE_LIMIT_REPLY,
            answer_with_code=_make_result_code_reply,
        )


def _make_result_code_reply(code: str, more_fields: JsonObject) -> HttpReply:
    """Return an answer with a given result code; faults call this function. `more_fields` has the `fields` of the
    fault's rule: `status` sets the HTTP status, `codeId` the code id."""
    return make_result_reply(code, status=more_fields.get("status"), code_id=more_fields.get("codeId"))
