"""What Atom's answers hold, once opened: the code by its table, then id, payment and sum, which must be ours."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

from console.domain.money import Money
from console.domain.outcomes import Outcome, Sent
from console.domain.payment_records import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundOrder,
    RefundReport,
    RefundState,
    StartedPayment,
)
from console.providers.atom_codes import SUCCESS, Call, remark, verdict, verdict_by_status
from console.providers.atom_opening import (
    Fields,
    check_currency,
    code_in,
    id_in,
    masked_text,
    parse_exactly,
    part,
    rupees_in,
    sealed_in,
)
from console.providers.atom_payments import attempts_in, deciding, judged_attempt
from console.providers.atom_seal import turn_back
from console.providers.judging import Judge, Unusable, shown
from console.providers.payment_verdicts import ACCEPTED, ANSWERED, Verdict, unknown
from console.providers.strict_json import Unreadable
from console.providers.transport import HttpAnswer

T = TypeVar("T")
Said = tuple[Verdict, T | None]
Read = Callable[[Fields], Said[T]]


def judge(call: Call, key: bytes, read: Read[T]) -> Judge[T]:
    """A judge of one call: what is no success by its status, the rest by what `read` finds in the opened text.

    Nothing sealed is kept: equal texts seal alike, so the evidence is the opened text without its secrets.
    """

    def judged(answer: HttpAnswer) -> Outcome[T]:
        plain, whole = turn_back(sealed_in(answer.body), key)
        said, found = _decided(call, answer.status, plain if whole else None, read)
        kept = _evidence(answer.body, plain if whole else None)
        return Outcome(said.kind, said.reason, Sent.YES, found, answer.status, kept, answer.sha256)

    return judged


def _decided(call: Call, status: int, plain: bytes | None, read: Read[T]) -> Said[T]:
    if not 200 <= status < 300:
        return verdict_by_status(call, status), None
    if plain is None:
        return unknown("not_opened"), None
    try:
        return read(parse_exactly(plain))
    except Unusable as error:
        return unknown(error.reason), None
    except Unreadable:
        return unknown("unreadable"), None


def _evidence(body: bytes, plain: bytes | None) -> str:
    if plain is not None:
        return masked_text(plain)
    if b"encData" in body:
        return f"sealed, {len(body)} bytes, not opened"
    return masked_text(body) if body.lstrip().startswith(b"{") else shown(body)


def read_token(request: PaymentRequest) -> Read[StartedPayment]:
    """AUTH: a token opens the page; without one no payment can exist."""

    def read(opened: Fields) -> Said[StartedPayment]:
        fields = opened if "responseDetails" in opened else part(opened, "payInstrument")
        said = part(fields, "responseDetails")
        code = code_in(fields, "txnStatusCode" if "txnStatusCode" in said else "statusCode")
        if code != SUCCESS:
            return verdict(Call.AUTH, code), None
        token = id_in(fields.get("atomTokenId"))
        if token is None:
            raise Unusable("no_id")
        return ANSWERED, StartedPayment(request.merchant_payment_id, token)

    return read


def read_payment(merch_id: str, question: PaymentQuestion) -> Read[PaymentReport]:
    """TXNVERIFICATION: how the attempts on this order stand. None listed is NOT_FOUND, others' alone no answer."""

    def read(opened: Fields) -> Said[PaymentReport]:
        rows = attempts_in(opened.get("payInstrument"))
        if not rows:
            return verdict(Call.PAYMENT, "OTS0401"), None
        attempts = [judged_attempt(row, merch_id, question) for row in rows]
        mine = [attempt for attempt in attempts if attempt is not None]
        if not mine:
            raise Unusable("other_id")
        return deciding(mine, question)

    return read


def read_refund(order: RefundOrder) -> Read[RefundReport]:
    """REFUNDINIT: accepted only if our product under our key says so too, for our payment and our sum."""

    def read(opened: Fields) -> Said[RefundReport]:
        fields = _single(opened)
        code = code_in(fields)
        if code != SUCCESS:
            return verdict(Call.REFUND, code), None
        pay = part(fields, "payDetails")
        ours = [row for row in _rows(pay.get("prodDetails")) if _named(row) == order.key]
        if len(ours) != 1 or ours[0].get("prodStatusCode") != SUCCESS:
            raise Unusable("refund_not_confirmed")
        return _fits(pay, ours[0], order), _report(order, ours[0], "REFUND INITIATED", RefundState.SUBMITTED)

    return read


def _fits(pay: Fields, ours: Fields, order: RefundOrder) -> Verdict:
    """Accepted, or what of the answer is not ours."""
    check_currency(pay)
    if id_in(pay.get("atomTxnId")) not in (None, order.provider_payment_id):
        return unknown("other_payment")
    amounts = {rupees_in(ours.get("prodRefundAmount")), rupees_in(pay.get("totalRefundAmount"))} - {None}
    return ACCEPTED if amounts == {order.amount} else unknown("other_amount")


def read_refund_status(order: RefundOrder) -> Read[RefundReport]:
    """REFUNDSTATUS: what is remarked of our refund; that the question was answered says nothing."""

    def read(opened: Fields) -> Said[RefundReport]:
        fields = _single(opened)
        code = code_in(fields)
        if code != SUCCESS:
            return verdict(Call.REFUND_STATUS, code), None
        if id_in(part(fields, "payDetails").get("atomTxnId")) not in (None, order.provider_payment_id):
            raise Unusable("other_payment")
        listed = list(_refunds_in(fields.get("refundStatusDetails")))
        ours = [row for row in listed if _named(row) == order.key]
        if not ours and not all(map(_named, listed)):
            raise Unusable("no_id")  # a refund without a name may be ours
        if not ours:
            return verdict(Call.REFUND_STATUS, "OTS0401"), None
        if len({(id_in(row.get("refundTxnId")), remark(row.get("remarks"))) for row in ours}) != 1:
            raise Unusable("listed_twice")
        return _standing(ours[0], order)

    return read


def _standing(ours: Fields, order: RefundOrder) -> Said[RefundReport]:
    row = remark(ours.get("remarks"))
    if row is None:
        raise Unusable("unlisted_state")
    report = _report(order, ours, str(ours["remarks"]).strip().upper(), row[1])
    return row[0] if _same_sum(ours.get("refundAmt"), order.amount) else unknown("other_amount"), report


def _same_sum(said: object, amount: Money) -> bool:
    """Whether it is our sum in rupees or, as a published sample has it, in paise."""
    if isinstance(said, str):
        return rupees_in(said) == amount
    if isinstance(said, bool) or not isinstance(said, int | Decimal):
        return False
    return said in (Decimal(amount.minor), Decimal(amount.minor) / 100)


def _report(order: RefundOrder, said: Fields, word: str, state: RefundState) -> RefundReport:
    """The refund as ours; the sum is the order's, as it was compared with what was said."""
    number = id_in(said.get("refundTxnId"))
    return RefundReport(order.key, number, word, state, order.amount, order.provider_payment_id)


def _refunds_in(value: object) -> Iterator[Fields]:
    """All refunds of a listing, in either of its two shapes; raises Unreadable for any other."""
    if isinstance(value, list):
        for one in value:
            yield from _refunds_in(one)
    elif not isinstance(value, dict):
        raise Unreadable("no refunds")
    elif "refundDetails" in value or "refundStatus" in value:
        yield from _refunds_in(value.get("refundDetails", value.get("refundStatus")))
    elif "remarks" in value or "prodRefundId" in value:
        yield value
    else:
        raise Unreadable("no refund")


def _named(row: Fields) -> str:
    """Under which key a refund is listed."""
    said = row.get("prodRefundId")
    return str(said) if type(said) in (str, int) else ""


def _single(opened: Fields) -> Fields:
    """The one instrument of an answer; raises Unreadable."""
    rows = attempts_in(opened.get("payInstrument"))
    if len(rows) != 1:
        raise Unreadable("not one instrument")
    return rows[0]


def _rows(value: object) -> list[Fields]:
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]
