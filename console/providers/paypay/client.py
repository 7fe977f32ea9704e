"""PayPay (OPA): codes that payers scan, payments read by their id, refunds under a key of ours."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from threading import BoundedSemaphore
from typing import TypeVar

from console.domain.clock import Clock, TimeScale
from console.domain.dates import JST
from console.domain.outcomes import Outcome
from console.domain.payment_records import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    StartedPayment,
)
from console.providers.asking import Question, ask_once, never_sent, reason_of
from console.providers.judging import Judge
from console.providers.payment_protocol import NotFoundRule, PaymentCapabilities
from console.providers.paypay_answers import (
    is_id,
    judge,
    read_nothing,
    read_payment,
    read_refund,
    read_started,
    sum_fits,
)
from console.providers.paypay_codes import Call
from console.providers.paypay_signing import PayPayKey, authorization
from console.providers.protocol import RateGate
from console.providers.transport import HttpTransport

T = TypeVar("T")

PRODUCTION_URL = "https://apigw.paypay.ne.jp"
STAGING_URL = "https://apigw.stg.paypay.ne.jp"
SANDBOX_URL = "https://apigw.sandbox.paypay.ne.jp"
CONNECT_TIMEOUT_SECONDS = 5.0
LONG_TIMEOUT_SECONDS, SHORT_TIMEOUT_SECONDS = 30.0, 15.0
LONG_BUDGET_SECONDS, SHORT_BUDGET_SECONDS = 45.0, 25.0
SPACING_SECONDS = 0.34
MOST_AT_ONCE = 2
REFUND_WINDOW_DAYS = 365
MOST_REFUNDS = 50
_CONTENT_TYPE = "application/json;charset=UTF-8"
_LONGEST_TEXT = 255
# Values that leave the evidence; `code` stays: here it is the result, no grant.
_HIDDEN_FIELDS = ("password",)


@dataclass(frozen=True, slots=True)
class PayPayConfig:
    """How to reach PayPay and as whom; secrets show in no repr. `repeated_refunds`: the contract allows several."""

    base_url: str
    key: PayPayKey
    merchant_id: str = field(repr=False)
    repeated_refunds: bool = True


class PayPayLine:
    """Signs each request anew and sends it once, two at a time at most. Safe to use from any thread."""

    def __init__(
        self,
        config: PayPayConfig,
        *,
        transport: HttpTransport,
        gate: RateGate,
        clock: Clock,
        nonce: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self.config = config
        self._transport = transport
        self._gate = gate
        self._clock = clock
        self._nonce = nonce
        self._slots = BoundedSemaphore(MOST_AT_ONCE)

    def ask(self, question: Question, judged: Judge[T]) -> Outcome[T]:
        """Wait for a turn, sign, send, judge; never raises an Exception."""
        with self._slots:
            try:
                self._gate.wait_turn()
            except Exception as error:
                return never_sent(reason_of(error), buys=question.buys)
            return self._send(question, judged)

    def _send(self, question: Question, judged: Judge[T]) -> Outcome[T]:
        """Signed only now, as a signature ages; the turn was waited for before."""
        key = self.config.key
        try:
            headers = self._headers(question)
        except Exception:  # a key that can't be signed with: nothing left
            return never_sent("not_prepared", buys=question.buys)
        return ask_once(
            self._transport,
            _OPEN,
            question,
            judged,
            headers=headers,
            secrets=(key.secret, key.api_key),
            hidden_fields=_HIDDEN_FIELDS,
        )

    def _headers(self, question: Question) -> dict[str, str]:
        kind = _CONTENT_TYPE if question.body else None
        signed = authorization(
            self.config.key,
            question.method,
            question.path.partition("?")[0],
            nonce=self._nonce(),
            epoch=int(self._clock.now().timestamp()),
            content_type=kind,
            body=question.body,
        )
        headers = {"Authorization": signed, "X-ASSUME-MERCHANT": self.config.merchant_id, "Content-Type": kind or ""}
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ValueError("a key that fits into no header")
        return {"Accept": "application/json"} | {name: value for name, value in headers.items() if value}


class _OpenGate:
    """Lets through who has had a turn."""

    def wait_turn(self) -> None:
        return None


_OPEN = _OpenGate()


class PayPayReader:
    """The reading half; it has no way to move money."""

    name = "paypay"

    def __init__(self, line: PayPayLine) -> None:
        self._line = line

    @property
    def capabilities(self) -> PaymentCapabilities:
        return PaymentCapabilities(
            currency="JPY",
            partial_refunds=True,
            repeated_refunds=self._line.config.repeated_refunds,
            most_refunds=MOST_REFUNDS if self._line.config.repeated_refunds else 1,
            refund_window_days=REFUND_WINDOW_DAYS,
            cancels=True,
            keeps_keys=True,
            not_found=NotFoundRule(),
            asks_by_amount_and_day=False,
            refund_timeout=LONG_TIMEOUT_SECONDS,
            spacing=SPACING_SECONDS,
        )

    def payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """The details of a payment: one that came by a code, or by another way (`by_code`)."""
        if not is_id(question.merchant_payment_id):
            return never_sent("bad_id", buys=False)
        way = "/v2/codes/payments" if question.by_code else "/v2/payments"
        asked = _short("GET", f"{way}/{question.merchant_payment_id}")
        return self._line.ask(asked, judge(Call.PAYMENT, read_payment(question)))

    def refund_status(self, order: RefundOrder) -> Outcome[RefundReport]:
        """The details of one refund."""
        if not (is_id(order.key) and is_id(order.provider_payment_id)):
            return never_sent("bad_id", buys=False)
        asked = _short("GET", f"/v2/refunds/{order.key}?paymentId={order.provider_payment_id}")
        return self._line.ask(asked, judge(Call.REFUND_STATUS, read_refund(order)))

    def refund_until(self, paid_at: datetime) -> datetime | None:
        """The end of the 365th Japanese day after the payment."""
        return _second_of_day(paid_at, REFUND_WINDOW_DAYS, time(23, 59, 59))

    def cancel_until(self, paid_at: datetime) -> datetime | None:
        """00:14:59 in Japan on the day after the payment."""
        return _second_of_day(paid_at, 1, time(0, 14, 59))


class PayPay(PayPayReader):
    """The whole provider. Refunds and payments are known to it by our keys: the same key again is the same thing."""

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Make a code for one payment."""
        if not is_id(request.merchant_payment_id):
            return never_sent("bad_id", buys=True)
        if not sum_fits(request.amount):
            return never_sent("bad_amount", buys=True)
        asked = {
            "merchantPaymentId": request.merchant_payment_id,
            "amount": {"amount": request.amount.minor, "currency": request.amount.currency},
            "codeType": "ORDER_QR",
            "orderDescription": request.description[:_LONGEST_TEXT] or None,
            "isAuthorization": False,
            "requestedAt": int(request.requested_at.timestamp()),
        }
        return self._line.ask(_post("/v2/codes", asked), judge(Call.CREATE_CODE, read_started(request)))

    def delete_code(self, handle: str) -> Outcome[None]:
        """Take an unpaid code away, so that nobody pays it late."""
        if not is_id(handle):
            return never_sent("bad_id", buys=True)
        return self._line.ask(_short("DELETE", f"/v2/codes/{handle}"), judge(Call.DELETE_CODE, read_nothing))

    def refund(self, order: RefundOrder) -> Outcome[RefundReport]:
        """Ask for the money to go back; PENDING is what a good answer says."""
        if not (is_id(order.key) and is_id(order.provider_payment_id)):
            return never_sent("bad_id", buys=True)
        if not sum_fits(order.amount):
            return never_sent("bad_amount", buys=True)
        asked = {
            "merchantRefundId": order.key,
            "paymentId": order.provider_payment_id,
            "amount": {"amount": order.amount.minor, "currency": order.amount.currency},
            "requestedAt": int(order.requested_at.timestamp()),
            "reason": order.reason[:_LONGEST_TEXT] or None,
        }
        return self._line.ask(_post("/v2/refunds", asked), judge(Call.REFUND, read_refund(order)))

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Ask for a payment to be undone; a promise only (PENDING), the payment then turns FAILED."""
        if not is_id(question.merchant_payment_id):
            return never_sent("bad_id", buys=True)
        asked = _short("DELETE", f"/v2/payments/{question.merchant_payment_id}")
        return self._line.ask(asked, judge(Call.CANCEL, read_nothing))

    def reader(self) -> PayPayReader:
        """The same provider, unable to move money."""
        return PayPayReader(self._line)


def open_paypay(config: PayPayConfig, *, gate: RateGate, clock: Clock, scale: TimeScale) -> PayPay:
    """PayPay as configured; raises ConsoleError `bad_profile` for an unfit URL. Nothing is sent yet."""
    transport = HttpTransport(config.base_url, clock=clock, scale=scale, connect_timeout=CONNECT_TIMEOUT_SECONDS)
    return PayPay(PayPayLine(config, transport=transport, gate=gate, clock=clock))


def _post(path: str, asked: Mapping[str, object]) -> Question:
    """The body is signed byte for byte, so it is written once, here. What is None is not sent."""
    text = json.dumps({k: v for k, v in asked.items() if v is not None}, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")  # half a surrogate pair can stand in a reason, but be sent nowhere
    return Question("POST", path, LONG_TIMEOUT_SECONDS, LONG_BUDGET_SECONDS, body=body, buys=True)


def _short(method: str, path: str) -> Question:
    """A request without a body; a DELETE has an effect."""
    return Question(method, path, SHORT_TIMEOUT_SECONDS, SHORT_BUDGET_SECONDS, buys=method != "GET")


def _second_of_day(paid_at: datetime, days: int, at: time) -> datetime:
    """An instant so many Japanese calendar days after a payment, in JST."""
    day = paid_at.astimezone(JST).date() + timedelta(days=days)
    return datetime.combine(day, at, JST)
