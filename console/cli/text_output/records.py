"""Records as rows in a terminal: columns of one kind under each other, or any kinds in one list."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from console import wording
from console.cli_json_records import AnyRecord
from console.cli_writer import Lines, Voice
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck, Operation

Row: TypeAlias = Sequence[str]
GAP = "  "


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Columns side by side, a row in a line; a Japanese character takes two places."""
    cells = [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
        yield GAP.join(padded).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def record_line(record: AnyRecord, voice: Voice) -> Row:
    """A record as a row of a list of its kind; `heading` names its columns."""
    match record:
        case CreditCheck():
            return _check_line(record, voice)
        case Order():
            return _order_line(record, voice)
        case Payment():
            return _payment_line(record, voice)
        case Refund():
            return _refund_line(record, voice)
    return _operation_line(record, voice)


def _check_line(record: CreditCheck, voice: Voice) -> Row:
    return (
        f"#{record.id}",
        wording.format_number(record.corporation_number),
        record.client_id,
        voice(f"state.credit_check.{'superseded' if record.superseded else record.state.value}"),
        voice(f"state.certainty.{record.certainty.value}"),
        voice(f"state.work.{record.work.state.value}"),
        record.result or wording.NOTHING,
        wording.format_instant(record.purchased_at, "day"),
        record.company_name or wording.NOTHING,
    )


def _order_line(record: Order, voice: Voice) -> Row:
    return (
        f"#{record.id}",
        record.merch_txn_id,
        wording.format_number(record.corporation_number or wording.NOTHING),
        voice(f"state.order.{record.state.value}"),
        voice(f"state.work.{record.work.state.value}"),
        wording.format_amount(record.total_minor, record.currency),
        wording.format_instant(record.created_at, "day"),
    )


def _payment_line(record: Payment, voice: Voice) -> Row:
    return (
        f"#{record.id}",
        voice(f"provider.{record.provider}"),
        record.merchant_payment_id,
        voice(f"state.payment.{record.state.value}"),
        voice(f"state.certainty.{record.certainty.value}"),
        voice(f"state.work.{record.work.state.value}"),
        wording.format_amount(record.captured_minor, record.currency),
        wording.format_amount(record.left_minor, record.currency),
        wording.format_instant(record.paid_at or record.begun_at, "day"),
    )


def _refund_line(record: Refund, voice: Voice) -> Row:
    return (
        f"#{record.id}",
        f"#{record.payment_id}",
        wording.format_amount(record.amount_minor, record.currency),
        voice(f"state.refund.{record.state.value}"),
        voice(f"state.certainty.{record.certainty.value}"),
        voice(f"state.work.{record.work.state.value}"),
        record.maker,
        " ".join(record.checkers) or wording.NOTHING,
    )


def _operation_line(record: Operation, voice: Voice) -> Row:
    action, state = voice(f"operation.{record.action}"), voice(f"state.operation.{record.state.value}")
    return (record.id, action, state, record.operator, wording.format_instant(record.started_at))


_COLUMNS: Mapping[type, Row] = {
    CreditCheck: ("record", "number", "client", "state", "certainty", "work", "result", "day", "corporation"),
    Order: ("record", "order", "number", "state", "work", "amount", "day"),
    Payment: ("record", "provider", "reference", "state", "certainty", "work", "amount", "left", "day"),
    Refund: ("record", "payment", "amount", "state", "certainty", "work", "maker", "checkers"),
    Operation: ("record", "what", "state", "who", "when"),
}


def heading(kind: type, voice: Voice) -> Row:
    return tuple(voice(f"column.{column}") for column in _COLUMNS[kind])


def one(record: AnyRecord, voice: Voice) -> Lines:
    """A record under the names of its columns."""
    return of_a_kind((record,), voice)


def of_a_kind(records: Sequence[AnyRecord], voice: Voice) -> Lines:
    """Records of one kind under each other; nothing at all where there are none."""
    if not records:
        return ()
    return table((heading(type(records[0]), voice), *(record_line(record, voice) for record in records)))


def mixed(records: Sequence[AnyRecord], voice: Voice) -> Lines:
    """Records of any kind, each in a line: as a list of their kind where all are of one."""
    if len({type(record) for record in records}) == 1:
        return table(record_line(record, voice) for record in records)
    return table(_any_line(record, voice) for record in records)


def _any_line(record: AnyRecord, voice: Voice) -> Row:
    """Kind, id, what it is about, its three axes: what all kinds have."""
    kind = _KINDS[type(record)]
    if isinstance(record, Operation):
        return (voice("kind.operation"), record.id, record.corporation_number or wording.NOTHING, "", "", "")
    certainty = "known" if isinstance(record, Order) else record.certainty.value
    state = voice(f"state.{kind.replace('-', '_')}.{record.state.value}")
    axes = (state, voice(f"state.certainty.{certainty}"), voice(f"state.work.{record.work.state.value}"))
    return (voice(f"kind.{kind}"), f"#{record.id}", _about(record), *axes)


def _about(record: CreditCheck | Order | Payment | Refund) -> str:
    """By what people know it: a corporation, an order, a payment with its sum, a sum that goes back."""
    match record:
        case CreditCheck():
            return wording.format_number(record.corporation_number)
        case Order():
            return record.merch_txn_id
        case Payment():
            return f"{record.merchant_payment_id} {wording.format_amount(record.asked_minor, record.currency)}"
    return wording.format_amount(record.amount_minor, record.currency)


_KINDS: Mapping[type, str] = {
    CreditCheck: "credit-check", Order: "order", Payment: "payment", Refund: "refund", Operation: "operation",
}  # fmt: skip
