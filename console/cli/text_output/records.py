"""Records as lines of text: a table of records of one kind, or a list of several kinds. Also functions that other
modules of the text output use.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from console.cli.json_output.records import RECORD_KIND_BY_TYPE, AnyRecord, explain_present_state
from console.cli.text_output.display_width import measure_display_width
from console.cli.text_output.translator import Lines, Translator
from console.domain.access.permissions import WORKER
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck, Document, Operation
from console.wording.sentences import catalogue as wording
from console.wording.sentences.explanations import format_reason

if TYPE_CHECKING:
    from console.domain.explained_state import Explanation

TableRow: TypeAlias = Sequence[str]
COLUMN_GAP = "  "


def format_aligned_lines(rows: Iterable[TableRow]) -> Iterator[str]:
    """Yield the rows as lines with aligned columns. A wide East Asian character counts as two columns."""
    cells = [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(measure_display_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded_cells = (
            text + " " * (width - measure_display_width(text)) for text, width in zip(row, widths, strict=True)
        )
        yield COLUMN_GAP.join(padded_cells).rstrip()


def _get_badge_words(record: CreditCheck | Order | Payment | Refund, translator: Translator) -> tuple[str, str, str]:
    """Return the words of a record's badges of state, certainty and work, as the window shows them. Without an
    explanation, certainty and work are `wording.NO_VALUE`.
    """
    # imported here, because an answer as JSON doesn't need the badges
    from console.domain.explanations.badges import find_state_badge

    state, explanation = translator(f"state.{find_state_badge(record)}"), explain_present_state(record)
    if explanation is None:
        return state, wording.NO_VALUE, wording.NO_VALUE
    work = translator(f"state.work.{explanation.work}")
    return state, translator(f"state.certainty.{explanation.certainty}"), work


def _make_credit_check_row(record: CreditCheck, translator: Translator) -> TableRow:
    return (
        f"#{record.id}",
        wording.format_corporation_number(record.corporation_number),
        record.client_id,
        *_get_badge_words(record, translator),
        _get_result_word(record, translator),
        wording.format_instant(record.purchased_at, "day"),
        _format_company_name(record, translator),
    )


def _get_result_word(record: CreditCheck, translator: Translator) -> str:
    """Return the word for AlarmBox's credit result, as the window shows it. If the program has no word for the
    result, return the text that AlarmBox sent.
    """
    if record.result in ("ok", "hold", "ng"):
        return translator(f"result.{record.result}")
    return record.result or wording.NO_VALUE


def _make_order_row(record: Order, translator: Translator) -> TableRow:
    return (
        f"#{record.id}",
        record.merch_txn_id,
        wording.format_corporation_number(record.corporation_number or wording.NO_VALUE),
        *_get_badge_words(record, translator),
        wording.format_amount(record.total_minor, record.currency),
        wording.format_instant(record.created_at, "day"),
    )


def _make_payment_row(record: Payment, translator: Translator) -> TableRow:
    # imported here, because most answers have no payment
    from console.domain.payments.consistency import compute_refundable_minor

    return (
        f"#{record.id}",
        wording.get_provider_name(record.provider, translator.language),
        record.merchant_payment_id,
        *_get_badge_words(record, translator),
        wording.format_amount(record.captured_minor or record.asked_minor, record.currency),
        wording.format_amount(compute_refundable_minor(record), record.currency),
        wording.format_instant(record.paid_at or record.begun_at, "day"),
    )


def _make_refund_row(record: Refund, translator: Translator) -> TableRow:
    return (
        f"#{record.id}",
        _get_payment_number(record),
        wording.format_amount(record.amount_minor, record.currency),
        *_get_badge_words(record, translator),
        translator("who.worker") if record.maker == WORKER else record.maker,
        " ".join(record.checkers) or wording.NO_VALUE,
    )


def _get_payment_number(record: Refund) -> str:
    """Return the number that people use for the payment of a refund. If the payment was not read, return `#` and the
    payment's id.
    """
    payment = record.relations.payment if record.relations is not None else None
    return f"#{record.payment_id}" if payment is None else payment.merchant_payment_id


def _make_operation_row(record: Operation, translator: Translator) -> TableRow:
    action, state = translator(f"operation.{record.action}"), translator(f"state.operation.{record.state.value}")
    return (record.id, action, state, record.operator, wording.format_instant(record.started_at))


_COLUMNS_AND_ROW_MAKER_BY_RECORD_TYPE: Mapping[type, tuple[str, Callable[[Any, Translator], TableRow]]] = {
    CreditCheck: ("record number client state certainty work result day corporation", _make_credit_check_row),
    Order: ("record order number state certainty work amount day", _make_order_row),
    Payment: ("record provider reference state certainty work amount left day", _make_payment_row),
    Refund: ("record payment amount state certainty work maker checkers", _make_refund_row),
    Operation: ("record what state who when", _make_operation_row),
}
"""For each kind of record: the names of the columns of its table in one text, separated by spaces, and the function
that returns the cells of a record."""


def _format_registry_name(record: AnyRecord, translator: Translator) -> str:
    """Return the official name of the record's corporation, marked as a name of the registry, or a note that the
    registry has the name only as an image; "" if the registry was not read.
    """
    entry = None if isinstance(record, Operation) else record.registry_entry
    if entry is None:
        return ""
    from console.wording.registry import format_registry_name_with_mark

    return format_registry_name_with_mark(entry.corporation, translator)


def _make_record_rows_of_one_kind(records: Sequence[AnyRecord], translator: Translator) -> Iterator[TableRow]:
    """Yield the table rows of these records, which are all of one kind. Orders, payments and refunds have the
    official name of the corporation in a last cell, if any of the records has one.
    """
    _, make_row = _COLUMNS_AND_ROW_MAKER_BY_RECORD_TYPE[type(records[0])]
    has_names = _needs_registry_name_column(records)
    for record in records:
        names = (_format_registry_name(record, translator) or wording.NO_VALUE,) if has_names else ()
        yield (*make_row(record, translator), *names)


def _needs_registry_name_column(records: Sequence[AnyRecord]) -> bool:
    """Return True if the table of these records, all of one kind, needs a column for official names of
    corporations.
    """
    return any(isinstance(record, Order | Payment | Refund) and record.registry_entry for record in records)


def format_record_table(record: AnyRecord, translator: Translator) -> Lines:
    """Return one record as the lines of a table."""
    return format_records_of_one_kind((record,), translator)


def format_explained_record(record: AnyRecord, translator: Translator) -> Iterator[str]:
    """Yield one record as a table, and below it the explanation of its present state. Without an explanation,
    yield the command that shows the record.
    """
    yield from format_record_table(record, translator)
    if isinstance(record, Operation):
        return
    explanation = explain_present_state(record)
    if explanation is None:
        command = f"support-console show {RECORD_KIND_BY_TYPE[type(record)]} {record.id}"
        yield translator("cli.not_explained", command=command)
    else:
        yield ""
        yield from format_explanation_lines(explanation, translator)


def format_explanation_lines(explanation: "Explanation", translator: Translator) -> Iterator[str]:
    """Yield an explanation: its verdict, its reason and its next step, each as a line, and the command of the next
    step.
    """
    step = explanation.next_step
    yield translator(explanation.verdict, **explanation.facts)
    yield format_reason(explanation, translator)
    yield translator(step.code, **step.facts)
    if step.command:
        yield translator("cli.run", command=step.command)


def format_records_of_one_kind(records: Sequence[AnyRecord], translator: Translator) -> Lines:
    """Return records of one kind as the lines of a table; no lines if there are no records."""
    if not records:
        return ()
    columns, _ = _COLUMNS_AND_ROW_MAKER_BY_RECORD_TYPE[type(records[0])]
    if _needs_registry_name_column(records):
        columns += " corporation"
    return format_aligned_lines(
        (
            [translator(f"column.{column}") for column in columns.split()],
            *_make_record_rows_of_one_kind(records, translator),
        )
    )


def format_records_of_any_kind(records: Sequence[AnyRecord], translator: Translator) -> Lines:
    """Return one line per record. If all records are of one kind, the lines have the columns of that kind."""
    if len({type(record) for record in records}) == 1:
        return format_aligned_lines(_make_record_rows_of_one_kind(records, translator))
    has_names = any(not isinstance(record, Operation) and record.registry_entry for record in records)
    names = ((_format_company_name(record, translator),) if has_names else () for record in records)
    return format_aligned_lines(
        (*_make_record_row_of_any_kind(record, translator), *name)
        for record, name in zip(records, names, strict=True)
    )


def _format_company_name(record: AnyRecord, translator: Translator) -> str:
    """Return the company name that the provider gave. If there is none, return the official name, marked as a name of
    the registry. If there is no official name either, return `wording.NO_VALUE`.
    """
    name = record.company_name if isinstance(record, CreditCheck) else None
    return name or _format_registry_name(record, translator) or wording.NO_VALUE


def _make_record_row_of_any_kind(record: AnyRecord, translator: Translator) -> TableRow:
    """Return the cells of one line of a list with records of several kinds: kind, id, the text by which people
    recognise the record, and the badges of state, certainty and work ("" for an operation).
    """
    kind = RECORD_KIND_BY_TYPE[type(record)]
    if isinstance(record, Operation):
        return (translator("kind.operation"), record.id, record.corporation_number or wording.NO_VALUE, "", "", "")
    return (
        translator(f"kind.{kind}"),
        f"#{record.id}",
        _format_identifying_text(record),
        *_get_badge_words(record, translator),
    )


def _format_identifying_text(record: CreditCheck | Order | Payment | Refund) -> str:
    """Return the text by which people recognise a record: the corporation number of a credit check, the number of an
    order, the number and amount of a payment, or, for a refund, the number of its payment and its amount.
    """
    match record:
        case CreditCheck():
            return wording.format_corporation_number(record.corporation_number)
        case Order():
            return record.merch_txn_id
        case Payment():
            amount = wording.format_amount(record.captured_minor or record.asked_minor, record.currency)
            return f"{record.merchant_payment_id} {amount}"
    return f"{_get_payment_number(record)} {wording.format_amount(record.amount_minor, record.currency)}"


def format_document_table(
    stored_documents: Iterable[Document], translator: Translator, page_counts: Mapping[str, int] | None = None
) -> Iterator[str]:
    """Yield a line for each stored PDF. `page_counts` has the number of pages by the SHA-256 of a PDF; a PDF that
    isn't in it has no number in its line."""
    counts = page_counts or {}
    return format_aligned_lines(
        (
            translator(f"record.document.{'current' if item.is_current else 'older'}"),
            translator("cli.document", path=item.path, size=item.bytes, at=item.fetched_at),
            translator("cli.document_pages", n=counts[item.sha256]) if item.sha256 in counts else "",
        )
        for item in stored_documents
    )


def format_section_lines(key: str, lines: Lines, translator: Translator) -> Iterator[str]:
    """Yield the heading of the wording key `key` and the indented lines below it; nothing if there are no lines."""
    indented_lines = list(lines)
    if indented_lines:
        yield ""
        yield translator(key)
        yield from (f"{COLUMN_GAP}{line}" for line in indented_lines)
