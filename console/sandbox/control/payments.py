"""The part of the control API for payments: it changes the states of payments and refunds, sends notices, and returns
the ledger.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from console.sandbox.control.notice_sender import NoticeSender
from console.sandbox.faults.sandbox_state import SandboxState
from console.sandbox.http.messages import HttpReply, HttpRequest, JsonObject, make_json_reply
from console.sandbox.payments.ledger import Payment, Refund
from console.sandbox.paypay.api import SimulatedPayPay

RequestHandler = Callable[[HttpRequest], HttpReply]
# States about which the provider sends no notice.
PROVIDER_STATES_WITHOUT_NOTICE = ("CREATED", "GONE", "NONE", "REAUTHORIZING", "OTS0301", "OTS0351")


class PaymentControl:
    """The control API's endpoints for payments and refunds. `get_sandbox_url` returns the URL of the sandbox."""

    def __init__(
        self,
        state: SandboxState,
        paypay: SimulatedPayPay,
        notice_sender: NoticeSender,
        get_sandbox_url: Callable[[], str],
    ) -> None:
        self._state = state
        self._payment_ledger = state.payment_ledger
        self._paypay = paypay
        self._notice_sender = notice_sender
        self._get_sandbox_url = get_sandbox_url

    def map_endpoints(self) -> dict[tuple[str, str], RequestHandler]:
        """Return the handler of each endpoint, by HTTP method and by the path after the control API's prefix."""
        return {
            ("GET", "payments"): self._read_payments,
            ("POST", "payments"): self._register_payment,
            ("POST", "payments/move"): self._change_payment_state,
            ("GET", "refunds"): self._read_refunds,
            ("POST", "refunds/move"): self._change_refund_state,
            ("GET", "notices"): lambda _: make_json_reply(self._notice_sender.export_json()),
            ("POST", "notices"): self._set_notice_addresses,
            ("POST", "notices/send"): self._send_notice,
            ("POST", "notices/compose"): self._compose_notice,
            ("POST", "recon"): self._publish_recon_file,
        }

    # -- reading

    def _read_payments(self, request: HttpRequest) -> HttpReply:
        query = request.query
        with self._payment_ledger.lock:
            payments = [
                p.export_json()
                for p in self._payment_ledger.list_payments(query.get("provider"), query.get("number"))
            ]
        sum_fields = ("captured_minor", "accepted_minor", "refunded_minor", "reversed_minor")
        return make_json_reply({"payments": payments} | {name: sum(p[name] for p in payments) for name in sum_fields})

    def _read_refunds(self, request: HttpRequest) -> HttpReply:
        refunds = self._payment_ledger.list_refunds(request.query.get("key"), request.query.get("payment"))
        return make_json_reply({"total": len(refunds), "refunds": [refund.export_json() for refund in refunds]})

    # -- payments

    def _register_payment(self, request: HttpRequest) -> HttpReply:
        """Register a payment that was begun outside of the sandbox, and reply with it.

        Raises `ValueError`, which is answered with 400, if the merchant's payment id exists already.
        """
        body = request.read_json()
        provider = body["provider"]
        merchant = str(body.get("merchant") or self._get_newest_merchant_id(provider))
        created_at = _parse_instant(body["at"]) if body.get("at") else self._state.clock.now()
        payment = Payment(provider, merchant, str(body["number"]), _require_amount(body["amount_minor"]),
                          "JPY" if provider == "paypay" else "INR", "NONE", created_at,
                          details=_make_provider_details(provider, body))  # fmt: skip
        payment.state = payment.provider_words.payment_words["created"]
        with self._payment_ledger.lock:
            if self._payment_ledger.find_payment(provider, payment.merchant_payment_id):
                raise ValueError("that number exists already")
            provider_state = payment.provider_words.get_payment_state(body.get("state", "paid"))
            if body.get("id"):
                self._payment_ledger.set_id_at_provider(payment, str(body["id"]))
            self._set_payment_state(self._payment_ledger.add_payment(payment), provider_state, body)
            for refund in body.get("refunds", ()):
                self._register_refund(payment, refund)
        return make_json_reply(payment.export_json(), 201)

    def _register_refund(self, payment: Payment, fields: JsonObject) -> None:
        """Register a refund of the payment that was requested outside of the sandbox. `fields` are the fields of the
        request to the control API."""
        refund = self._payment_ledger.accept_refund(
            payment,
            str(fields["key"]),
            _require_amount(fields["amount_minor"]),
            reason=fields.get("reason"),
            product=payment.details.get("product"),
        )
        refund.accepted_at = _parse_instant(fields["at"]) if fields.get("at") else refund.accepted_at
        if fields.get("id"):
            refund.id = str(fields["id"])
        self._payment_ledger.change_refund_state(refund, fields.get("state", "completed"))

    def _get_newest_merchant_id(self, provider: str) -> str:
        """Return the id of the merchant that was registered last at this provider."""
        return {
            "paypay": self._state.paypay_keys.newest_merchant_id,
            "atom": self._state.atom_merchants.newest_merchant_id,
        }[provider]

    def _change_payment_state(self, request: HttpRequest) -> HttpReply:
        """Change the state of a payment in place of the payer, the bank or a timeout, send the provider's notice
        about the new state, and reply with the payment. No notice is sent if the request's field `notify` is False,
        or if the provider sends none about this state.
        """
        body = request.read_json()
        payment = self._require_payment(body)
        with self._payment_ledger.lock:
            provider_state = payment.provider_words.get_payment_state(body["to"])
            if body.get("another_attempt"):
                self._payment_ledger.begin_attempt(payment)
            if "amount_minor" in body:
                payment.amount_minor = _require_amount(body["amount_minor"])
            self._set_payment_state(payment, provider_state, body)
        must_notify = body.get("notify", True) and payment.state not in PROVIDER_STATES_WITHOUT_NOTICE
        was_sent = (
            must_notify
            and payment.id is not None
            and self._notice_sender.send_in_thread(self._notice_sender.compose_notice(payment))
        )
        return make_json_reply(payment.export_json() | {"notice": bool(was_sent)})

    def _set_payment_state(self, payment: Payment, state: str, fields: JsonObject) -> None:
        """Change the payment's surcharge, channel and time to the values in `fields`, the fields of a request, then
        move it to `state`.
        """
        payment.surcharge_minor = int(fields.get("surcharge_minor", payment.surcharge_minor))
        if "channel" in fields:
            payment.details["subChannel"] = str(fields["channel"])
        if fields.get("at"):
            payment.begun_at = _parse_instant(fields["at"])
            payment.captured_at = (
                payment.begun_at if state in payment.provider_words.captured_states else payment.captured_at
            )
        self._payment_ledger.change_payment_state(payment, state)

    def _require_payment(self, body: JsonObject) -> Payment:
        payment = self._payment_ledger.find_payment(str(body["provider"]), str(body["number"]))
        if payment is None:
            raise ValueError("no such payment")
        return payment

    # -- refunds

    def _change_refund_state(self, request: HttpRequest) -> HttpReply:
        """Set the refund that the request names by the merchant's refund id (and perhaps by its provider) to the
        state in the request; if several refunds fit, the last of them is changed. Reply with the refund.

        Raises `ValueError`, which is answered with 400, if no refund fits.
        """
        body = request.read_json()
        refunds = [
            r
            for r in self._payment_ledger.list_refunds(str(body["key"]))
            if body.get("provider") in (None, r.provider)
        ]
        if not refunds:
            raise ValueError("no such refund")
        refund: Refund = self._payment_ledger.change_refund_state(refunds[-1], body["to"])
        return make_json_reply(refund.export_json())

    # -- notices

    def _set_notice_addresses(self, request: HttpRequest) -> HttpReply:
        for provider, address in request.read_json().items():
            self._notice_sender.set_notice_address(provider, address)
        return make_json_reply(self._notice_sender.export_json())

    def _send_notice(self, request: HttpRequest) -> HttpReply:
        """Send notices about a payment's current state, even if the state hasn't changed, and reply with the number
        of notices that are being sent. The request's field `times` is their number."""
        body = request.read_json()
        notice = self._notice_sender.compose_notice(self._require_payment(body))
        are_sent = [self._notice_sender.send_in_thread(notice) for _ in range(int(body.get("times", 1)))]
        return make_json_reply({"handed_in": sum(are_sent)})

    def _compose_notice(self, request: HttpRequest) -> HttpReply:
        """Answer with a notice that the caller sends itself. The request's field `fields` replaces parts of the
        notice's contents; `manner` selects its encryption and signature."""
        body = request.read_json()
        notice = self._notice_sender.compose_notice(self._require_payment(body))
        notice = notice.replace_fields(
            data=notice.data | body.get("fields", {}), signature_kind=body.get("manner", "good")
        )
        return make_json_reply({"media_type": notice.media_type, "body": notice.body.decode()})

    def _publish_recon_file(self, request: HttpRequest) -> HttpReply:
        """Answer with the URL of PayPay's reconciliation file of the merchant and the Japanese day that the request
        names. If the request names no merchant, the file is that of the merchant registered last. Also send the
        notice about the file, unless the request's field `notify` is False.
        """
        body = request.read_json()
        day = date.fromisoformat(body["date"])
        merchant = str(body.get("merchant") or self._state.paypay_keys.newest_merchant_id)
        url = self._get_sandbox_url() + self._paypay.recon_files.make_signed_path(merchant, day)
        if body.get("notify", True):
            self._notice_sender.send_file_notice(url)
        return make_json_reply({"url": url}, 201)


def _parse_instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant names its zone")
    return at


def _require_amount(value: Any) -> int:
    if type(value) is not int or value <= 0:
        raise ValueError("amount_minor is a whole number above zero")
    return value


def _make_provider_details(provider: str, fields: JsonObject) -> JsonObject:
    if provider == "atom":
        return {"product": str(fields.get("product", "NSE")), "custAccNo": ""}
    return {"codeId": f"04-known-{fields['number']}"} if fields.get("code", True) else {}
