"""The HTTP API of the simulated Atom (NDPS AIPAY), as its documents describe it: AUTH, TXNVERIFICATION, REFUNDINIT
and REFUNDSTATUS. All requests and answers are encrypted.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Protocol

from console.sandbox.atom.exact_json import format_india_day
from console.sandbox.atom.merchant import AtomMerchant, RegisteredAtomMerchants
from console.sandbox.atom.requests import (
    PaymentQuery,
    PaymentTokenRequest,
    RefundRequest,
    read_message_contents,
    read_object_field,
    read_payment_query,
    read_payment_token_request,
    read_refund_query,
    read_refund_request,
)
from console.sandbox.atom.responses import (
    make_marked_id,
    make_payment_attempt_contents,
    make_refund_answer,
    make_refund_status_answer,
)
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.http.calls import ProviderCall, ProviderRoute, make_route
from console.sandbox.http.messages import HttpReply, HttpRequest, JsonObject, RequestRefused
from console.sandbox.payments.ledger import Payment, PaymentLedger

PROVIDER_NAME = "atom"
FIRST_PAYMENT_TOKEN_ID = 15_000_000_033_303


class AtomState(Protocol):
    """The part of `SandboxState` that the simulated Atom reads and changes."""

    settings: SandboxSettings
    payment_ledger: PaymentLedger
    atom_merchants: RegisteredAtomMerchants


class SimulatedAtom:
    """Routes of the simulated Atom. The payment ledger stores its payments."""

    def __init__(self, state: AtomState) -> None:
        self._state = state
        self._payment_ledger = state.payment_ledger
        self._token_ids = count(FIRST_PAYMENT_TOKEN_ID)

    def list_routes(self) -> tuple[ProviderRoute, ...]:
        """Return the HTTP routes of the simulated Atom."""
        return (
            make_route("POST", "/ots/aipay/auth", self._parse_auth_call),
            make_route("POST", "/ots/payment/status", self._parse_payment_or_refund_status_call),
            make_route("POST", "/ots/v2/payment/status", self._parse_payment_status_v2_call),
            make_route("POST", "/ots/payment/refund", self._parse_refund_call),
        )

    # -- AUTH

    def _parse_auth_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        merchant, data = self._state.atom_merchants.decrypt_request(request)
        new_token = read_payment_token_request(merchant, data)
        return self._make_provider_call(
            merchant, "auth", lambda: self._create_payment(merchant, new_token), new_token.merchant_payment_id
        )

    def _create_payment(self, merchant: AtomMerchant, new_token: PaymentTokenRequest) -> HttpReply:
        """Add a payment for the requested token and return the answer with the token, or refuse a payment id that is
        used already."""
        with self._payment_ledger.lock:
            if self._payment_ledger.find_payment(PROVIDER_NAME, new_token.merchant_payment_id):
                raise RequestRefused(
                    merchant.make_token_result_reply("OTS0600", 400, "VALIDATION: merchTxnId WAS USED BEFORE")
                )
            self._payment_ledger.add_payment(
                Payment(
                    PROVIDER_NAME, merchant.merch_id, new_token.merchant_payment_id, new_token.amount_paise, "INR",
                    "NONE", new_token.at, details=new_token.details,
                )
            )  # fmt: skip
            token = str(next(self._token_ids))
        result = merchant.make_token_result_reply(
            "OTS0000", 200, "ATOM TOKEN ID HAS BEEN GENERATED SUCCESSFULLY"
        ).data
        return merchant.make_encrypted_reply({"atomTokenId": make_marked_id(token), **result})

    # -- queries

    def _parse_payment_or_refund_status_call(
        self, request: HttpRequest, _: re.Match[str]
    ) -> ProviderCall | HttpReply:
        """Return the call of a TXNVERIFICATION or REFUNDSTATUS request. The two requests have the same path; a field
        of the decrypted request names the call. Raises Atom's refusal OTS0504 if the field names another call, and
        OTS0503 if it is missing or empty.
        """
        merchant, request_data = self._state.atom_merchants.decrypt_request(request)
        match read_object_field(read_message_contents(request_data), "headDetails").get("api"):
            case "TXNVERIFICATION":
                return self._make_payment_status_call(
                    merchant, read_payment_query(merchant, request_data, is_version_2=False)
                )
            case "REFUNDSTATUS":
                return self._make_refund_status_call(merchant, read_refund_query(merchant, request_data))
            case api_name:
                raise merchant.make_refusal("OTS0504" if api_name else "OTS0503")

    def _parse_payment_status_v2_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        merchant, data = self._state.atom_merchants.decrypt_request(request)
        return self._make_payment_status_call(merchant, read_payment_query(merchant, data, is_version_2=True))

    def _make_payment_status_call(self, merchant: AtomMerchant, query: PaymentQuery) -> ProviderCall:
        def answer_with_payment_status() -> HttpReply:
            with self._payment_ledger.lock:
                payment = self._get_payment_if_own(
                    merchant, self._payment_ledger.find_payment(PROVIDER_NAME, query.merchant_payment_id)
                )
                if payment is None or payment.id is None or not _does_payment_match_query(payment, query):
                    raise merchant.make_refusal("OTS0401")
                attempts = [
                    make_payment_attempt_contents(attempt_payment)
                    for attempt_payment in (*payment.earlier_attempts, payment)
                ]
            is_list = self._state.settings.atom_sends_instrument_list or len(attempts) > 1
            return merchant.make_encrypted_reply({"payInstrument": attempts if is_list else attempts[0]})

        return self._make_provider_call(
            merchant, "verification", answer_with_payment_status, query.merchant_payment_id
        )

    def _make_refund_status_call(self, merchant: AtomMerchant, payment_id: str) -> ProviderCall:
        payment = self._get_payment_if_own(
            merchant, self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, payment_id)
        )

        def answer_with_refund_status() -> HttpReply:
            with self._payment_ledger.lock:
                current_payment = self._get_payment_if_own(
                    merchant, self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, payment_id)
                )
                if current_payment is None or not current_payment.refunds:
                    raise merchant.make_refusal("OTS0401")
                settings = self._state.settings
                answer = make_refund_status_answer(
                    current_payment,
                    is_in_paise=settings.atom_sends_refund_in_paise,
                    is_list=settings.atom_sends_status_list,
                )
            return merchant.make_encrypted_reply(answer)

        return self._make_provider_call(
            merchant,
            "refund_status",
            answer_with_refund_status,
            payment.merchant_payment_id if payment else payment_id,
        )

    # -- REFUNDINIT

    def _parse_refund_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        merchant, request_data = self._state.atom_merchants.decrypt_request(request)
        api_name = read_object_field(read_message_contents(request_data), "headDetails").get("api")
        if api_name != "REFUNDINIT":
            raise merchant.make_refusal("OTS0504" if api_name else "OTS0503")
        new_refund = read_refund_request(merchant, request_data)
        act = self._make_refund_action(merchant, new_refund)
        return self._make_provider_call(
            merchant, "refund", act, new_refund.products[0][1], new_refund.merchant_payment_id
        )

    def _make_refund_action(self, merchant: AtomMerchant, new_refund: RefundRequest) -> Callable[[], HttpReply]:
        """Return a function that executes a refund request and returns Atom's answer. Each accepted request makes
        new refunds, even if its `prodRefundId` was used before."""

        def refund_payment() -> HttpReply:
            with self._payment_ledger.lock:
                payment = self._get_payment_if_own(
                    merchant,
                    self._payment_ledger.find_payment_by_id_at_provider(PROVIDER_NAME, new_refund.payment_id),
                )
                if (
                    payment is None
                    or payment.merchant_payment_id != new_refund.merchant_payment_id
                    or not payment.is_captured
                ):
                    raise merchant.make_refusal("OTS0401")
                if (
                    new_refund.amount_paise > payment.remaining_minor
                    and not self._state.settings.accepts_refunds_above_captured
                ):
                    raise merchant.make_refusal("OTS0509")
                accepted_refunds = [
                    self._payment_ledger.accept_refund(payment, key, amount, product=name)
                    for name, key, amount in new_refund.products
                ]
                return merchant.make_encrypted_reply(
                    make_refund_answer(payment, accepted_refunds, new_refund.amount_paise),
                    ledger_entry_id=accepted_refunds[0].serial,
                )

        return refund_payment

    def _get_payment_if_own(self, merchant: AtomMerchant, payment: Payment | None) -> Payment | None:
        """Return `payment` if it belongs to the merchant; None if it belongs to another merchant or if `payment` is
        None."""
        return payment if payment and payment.merchant == merchant.merch_id else None

    def _make_provider_call(
        self,
        merchant: AtomMerchant,
        name: str,
        make_reply: Callable[[], HttpReply],
        number: str,
        payment: str | None = None,
    ) -> ProviderCall:
        answer = _make_status_code_reply_function(merchant, name)
        return ProviderCall(
            PROVIDER_NAME,
            f"{PROVIDER_NAME}_{name}",
            make_reply,
            number,
            payment=payment or number,
            rate_limit_reply=HttpReply(429),
            answer_with_code=answer,
        )


def _make_status_code_reply_function(merchant: AtomMerchant, name: str) -> Callable[[str, JsonObject], HttpReply]:
    """Return a function that makes an answer to the call `name` with a given status code of Atom. The functions of
    faults call the returned function. Its second argument contains the `fields` of the fault's rule; the field
    `status` sets the HTTP status."""

    def make_code_reply(code: str, more_fields: JsonObject) -> HttpReply:
        if name == "auth":
            status = {"OTS0000": 200, "OTS0451": 401}.get(code, 400)
            return merchant.make_token_result_reply(code, int(more_fields.get("status", status)), "SIMULATED")
        return merchant.make_result_reply(code, int(more_fields.get("status", 200)))

    return make_code_reply


def _does_payment_match_query(payment: Payment, query: PaymentQuery) -> bool:
    """Return True if the query has the payment's price, and the Indian day on which the payment was created or paid.
    Atom finds a payment only by these values.
    """
    days = {format_india_day(payment.created_at), format_india_day(payment.captured_at or payment.begun_at)}
    return query.day in days and query.amount_paise == payment.amount_minor
