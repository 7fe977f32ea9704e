"""PayPay OPA as its reference describes it: codes, payment details, cancel, refunds, the reconciliation file."""

import re
import secrets
from collections.abc import Callable
from datetime import timedelta

from console.sandbox.calls import Call, Route, route
from console.sandbox.payment_book import Payment
from console.sandbox.paypay_answers import code_data, payment_data, refund_data, refusal, result_reply
from console.sandbox.paypay_recon import ReconFiles
from console.sandbox.paypay_refunds import RefundDesk
from console.sandbox.paypay_requests import ID, NewCode, read_code, read_refund
from console.sandbox.paypay_windows import cancel_last_second
from console.sandbox.wire import JsonObject, Reply, Request
from console.sandbox.world import World

NAME = "paypay"
BUSY = result_reply("RATE_LIMIT")


class PayPay:
    """The provider's routes; what exists is in the payment book."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._book = world.payments
        self._refunds = RefundDesk(world)
        self.files = ReconFiles(world)

    def routes(self) -> tuple[Route, ...]:
        return (
            route("POST", "/v2/codes", self._create),
            route("DELETE", "/v2/codes/([^/]+)", self._delete),
            route("GET", "/v2/codes/payments/([^/]+)", self._code_payment),
            route("GET", "/v2/payments/([^/]+)", self._payment),
            route("DELETE", "/v2/payments/([^/]+)", self._cancel),
            route("POST", "/v2/refunds", self._refund),
            route("GET", "/v2/refunds/([^/]+)", self._refund_details),
            route("GET", "/paypay/recon/([^/]+[.]csv)", self._recon),
        )

    # Codes

    def _create(self, request: Request, _: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)
        wanted = read_code(request)
        return self._call("create", lambda: self._new_code(merchant, wanted), wanted.number)

    def _new_code(self, merchant: str, wanted: NewCode) -> Reply:
        with self._book.lock:
            known = self._book.find(NAME, wanted.number)
            if known is None:
                known = self._book.add(self._code(merchant, wanted))
            elif not self._world.settings.paypay_repeated_code or known.merchant != merchant:
                raise refusal("DUPLICATE_DYNAMIC_QR_REQUEST")
            return result_reply("SUCCESS", code_data(known), status=201)

    def _code(self, merchant: str, wanted: NewCode) -> Payment:
        now = self._world.clock.now()
        expires = now + timedelta(seconds=self._world.settings.paypay_code_seconds)
        details = wanted.details | {"codeId": f"04-{secrets.token_hex(8)}"}
        return Payment(NAME, merchant, wanted.number, wanted.amount, "JPY", "CREATED", now, expires, details)

    def _delete(self, request: Request, match: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)
        payment = next((p for p in self._book.payments(NAME) if p.details.get("codeId") == match[1]), None)

        def act() -> Reply:
            with self._book.lock:
                if payment is None or payment.merchant != merchant or payment.state == "GONE":
                    raise refusal("DYNAMIC_QR_NOT_FOUND")
                if payment.state != "CREATED":
                    raise refusal("DYNAMIC_QR_ALREADY_PAID")
                self._book.move(payment, "gone")
            return result_reply("SUCCESS")

        return self._call("delete_code", act, payment.number if payment else None)

    # Payments

    def _code_payment(self, request: Request, match: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)
        number = match[1]

        def act() -> Reply:
            if not re.fullmatch(ID, number):
                raise refusal("DYNAMIC_QR_BAD_REQUEST")
            payment = self._of(merchant, number)
            if payment is None or payment.state == "GONE" or "codeId" not in payment.details:
                raise refusal("DYNAMIC_QR_PAYMENT_NOT_FOUND")
            return result_reply("SUCCESS", payment_data(payment))

        return self._call("payment", act, number)

    def _payment(self, request: Request, match: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)

        def act() -> Reply:
            payment = self._of(merchant, match[1])
            if payment is None or payment.id is None or "codeId" in payment.details:
                raise refusal("RESOURCE_NOT_FOUND")
            return result_reply("SUCCESS", payment_data(payment))

        return self._call("payment", act, match[1])

    def _cancel(self, request: Request, match: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)

        def act() -> Reply:
            with self._book.lock:
                payment = self._of(merchant, match[1])
                if payment is None:
                    raise refusal("RESOURCE_NOT_FOUND")
                self._take_back(payment)
            return result_reply("REQUEST_ACCEPTED")

        return self._call("cancel", act, match[1])

    def _take_back(self, payment: Payment) -> None:
        """Promise that the money goes back; the same promise may be asked for again."""
        if payment.cancelled:
            return
        now = self._world.clock.now()
        over = payment.ended is not None and now.timestamp() >= cancel_last_second(payment.ended).timestamp() + 1
        if payment.refunds or over or payment.state not in ("CREATED", "AUTHORIZED", "REAUTHORIZING", "COMPLETED"):
            raise refusal("ORDER_NOT_REVERSIBLE")
        payment.cancelled = now
        if payment.state in ("AUTHORIZED", "REAUTHORIZING"):
            self._book.move(payment, "failed")

    def _of(self, merchant: str, number: str) -> Payment | None:
        payment = self._book.find(NAME, number)
        return payment if payment and payment.merchant == merchant else None

    # Refunds

    def _refund(self, request: Request, _: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)
        wanted = read_refund(request)
        payment = self._book.by_id(NAME, wanted.payment_id)
        about = payment.number if payment else None
        return self._call("refund", lambda: self._refunds.refund(merchant, wanted), wanted.key, about)

    def _refund_details(self, request: Request, match: re.Match[str]) -> Call | Reply:
        merchant = self._world.paypay_door.check(request)
        payment_id = request.query.get("paymentId")
        if not payment_id:
            raise refusal("MISSING_REQUEST_PARAMS")
        payment = self._book.by_id(NAME, payment_id)

        def act() -> Reply:
            refund = self._refunds.known(merchant, match[1], payment_id)
            if refund is None:
                raise refusal("NO_SUCH_REFUND_ORDER")
            return result_reply("SUCCESS", refund_data(*refund))

        return self._call("refund_details", act, match[1], payment.number if payment else None)

    # The reconciliation file

    def _recon(self, request: Request, match: re.Match[str]) -> Call | Reply:
        file = self.files.signed(match[1], request.query.get("sig", ""))
        return self._call("recon", lambda: Reply(200, self.files.content(file), "text/csv"))

    def _call(
        self, name: str, act: Callable[[], Reply], number: str | None = None, payment: str | None = None
    ) -> Call:
        return Call(NAME, f"{NAME}_{name}", act, number, payment=payment or number, busy=BUSY, answer=_coded)


def _coded(code: str, more: JsonObject) -> Reply:
    """A code as PayPay would tell it, for faults; `more` may name another status or code id."""
    return result_reply(code, status=more.get("status"), code_id=more.get("codeId"))
