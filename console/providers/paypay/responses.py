"""What PayPay's answers hold: the envelope by its table, the data field by field. What doesn't fit is no answer."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from console.domain.money import Money, NotAnAmount
from console.domain.outcomes import Outcome, Sent
from console.domain.payment_records import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    StartedPayment,
)
from console.providers.judging import Judge, Unusable, shown
from console.providers.payment_verdicts import ANSWERED, Verdict, unknown
from console.providers.paypay_codes import PAYMENT_STATES, REFUND_STATES, SUCCESS, Call, verdict
from console.providers.strict_json import Unreadable, parse_object
from console.providers.transport import HttpAnswer

T = TypeVar("T")
Fields = dict[str, object]
Read = Callable[[object], tuple[T | None, Verdict]]
"""Reads `data`, whatever it is."""

CURRENCY = "JPY"
LARGEST_AMOUNT = 99_999_999_999
_CODE = re.compile(r"[A-Z0-9_]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LAST_EPOCH = 253_402_300_799  # the year 9999 ends


def judge(call: Call, read: Read[T]) -> Judge[T]:
    """A judge of one call: a success by what `read` finds in `data`, everything else by the table."""

    def judged(answer: HttpAnswer) -> Outcome[T]:
        found, said = _decided(call, answer, read)
        return Outcome(said.kind, said.reason, Sent.YES, found, answer.status, evidence_text(answer), answer.sha256)

    return judged


def _decided(call: Call, answer: HttpAnswer, read: Read[T]) -> tuple[T | None, Verdict]:
    if 300 <= answer.status < 400:
        return None, unknown("redirect")
    try:
        envelope = parse_object(answer.body)
        code = _code(envelope)
        if (answer.status, code) not in SUCCESS[call]:
            return None, verdict(call, answer.status, code)
        return read(envelope.get("data"))
    except Unusable as error:
        return None, unknown(error.reason)
    except Unreadable:
        return None, unknown("unreadable" if 200 <= answer.status < 300 else f"http_{answer.status}")


def evidence_text(answer: HttpAnswer) -> str:
    """The body as it came, under the id by which PayPay's support finds the call."""
    asked = answer.headers.get("x-request-id", "")
    return f"X-REQUEST-ID: {asked}\n" * bool(_REQUEST_ID.fullmatch(asked)) + shown(answer.body)


def read_started(request: PaymentRequest) -> Read[StartedPayment]:
    """The code that was made, for the payment and the sum that were asked for."""

    def read(said: object) -> tuple[StartedPayment, Verdict]:
        data = _object(said)
        _same(data.get("merchantPaymentId"), request.merchant_payment_id, "other_id")
        if _amount(data.get("amount")) != request.amount:
            raise Unusable("other_amount")
        started = StartedPayment(
            merchant_payment_id=request.merchant_payment_id,
            handle=_id(data.get("codeId")),
            url=_link(data.get("url"), "https://"),
            deeplink=_link(data.get("deeplink"), "paypay"),
            expires_at=instant(data.get("expiryDate")),
        )
        return started, ANSWERED

    return read


def read_nothing(_: object) -> tuple[None, Verdict]:
    """What was done has nothing more to say."""
    return None, ANSWERED


def read_payment(question: PaymentQuestion) -> Read[PaymentReport]:
    """A payment; an unpaid code comes without ids. Ids and sum may be missing, but not be others."""

    def read(said: object) -> tuple[PaymentReport, Verdict]:
        data = _object(said)
        row = PAYMENT_STATES.get(_text(data.get("status")))
        if row is None:
            raise Unusable("unlisted_state")
        if data.get("merchantPaymentId") is not None:
            _same(data["merchantPaymentId"], question.merchant_payment_id, "other_id")
        payment_id = None if data.get("paymentId") is None else _id(data["paymentId"])
        if question.provider_payment_id is not None and payment_id not in (None, question.provider_payment_id):
            raise Unusable("other_payment")
        amount = None if data.get("amount") is None else _amount(data["amount"])
        report = PaymentReport(
            merchant_payment_id=question.merchant_payment_id,
            provider_payment_id=payment_id,
            provider_state=_text(data["status"]),
            state=row.state,
            final=row.final,
            amount=amount,
            total=amount,
            paid_at=instant(data.get("acceptedAt")),
            method=_method(data.get("paymentMethods")),
            refunds=_refunds(data.get("refunds")),
        )
        differs = question.amount is not None and amount not in (None, question.amount)
        return report, unknown("other_amount") if differs else row.verdict

    return read


def read_refund(order: RefundOrder) -> Read[RefundReport]:
    """A refund; our key, the payment and the sum must come back."""

    def read(said: object) -> tuple[RefundReport, Verdict]:
        data = _object(said)
        report = _refund(data)
        _same(report.key, order.key, "other_id")
        _same(report.provider_payment_id, order.provider_payment_id, "other_payment")
        standing, _ = REFUND_STATES[report.provider_state]
        return report, standing if report.amount == order.amount else unknown("other_amount")

    return read


def _refund(data: Fields) -> RefundReport:
    word = _text(data.get("status"))
    if word not in REFUND_STATES:
        raise Unusable("unlisted_state")
    key = _id(data.get("merchantRefundId"))
    return RefundReport(
        key=key,
        provider_refund_id=key,  # PayPay numbers no refunds of its own
        provider_state=word,
        state=REFUND_STATES[word][1],
        amount=_amount(data.get("amount")),
        provider_payment_id=_id(data.get("paymentId")),
        accepted_at=instant(data.get("acceptedAt")),
    )


def _refunds(said: object) -> tuple[RefundReport, ...] | None:
    """All refunds of a payment; none when none are named, None when any of them can't be read."""
    if said is None:
        return ()
    try:
        rows = _object(said).get("data")
        if rows is None:
            return ()
        return tuple(_refund(_object(row)) for row in rows) if isinstance(rows, list) else None
    except (Unusable, Unreadable):
        return None


def _code(envelope: Fields) -> str:
    code = _object(envelope.get("resultInfo")).get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Unreadable("no code")
    return code


def _object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise Unreadable("no object")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(value: object) -> str:
    if value is None:
        raise Unusable("no_id")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Unusable("bad_id")
    return value


def _same(value: object, asked: str, reason: str) -> None:
    if value is None:
        raise Unusable("no_id")
    if value != asked:
        raise Unusable(reason)


def _amount(value: object) -> Money:
    """Whole yen. 3300.0, "3300" and true are none."""
    fields = value if isinstance(value, dict) else {}
    said = fields.get("amount")
    if type(said) is not int or said > LARGEST_AMOUNT:
        raise Unusable("bad_amount")
    if fields.get("currency") != CURRENCY:
        raise Unusable("other_currency")
    try:
        return Money(said, CURRENCY)
    except NotAnAmount:
        raise Unusable("bad_amount") from None


def instant(value: object) -> datetime | None:
    """Seconds since 1970 as an instant; 0 is how PayPay says "not yet"."""
    if type(value) is not int or not 0 < value <= _LAST_EPOCH:
        return None
    return datetime.fromtimestamp(value, UTC)


def _method(methods: object) -> str | None:
    """How it was paid; several are joined, as one payment may take points first."""
    rows = methods if isinstance(methods, list) else []
    words = [row.get("type") for row in rows if isinstance(row, dict)]
    return "+".join(word for word in words if isinstance(word, str) and _CODE.fullmatch(word)) or None


def _link(value: object, scheme: str) -> str | None:
    """A link as it may be shown; anything else counts as not said."""
    fits = isinstance(value, str) and value.startswith(scheme) and len(value) <= 2_048 and value.isprintable()
    return value if fits and isinstance(value, str) else None


def is_id(text: str) -> bool:
    """Whether PayPay takes it for an id: up to 64 of letters, digits, hyphen and underscore."""
    return bool(_ID.fullmatch(text))


def sum_fits(money: Money) -> bool:
    """Whether PayPay can move it: 1 to 99,999,999,999 yen."""
    return money.currency == CURRENCY and 1 <= money.minor <= LARGEST_AMOUNT
