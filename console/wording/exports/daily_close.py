"""The daily close as a document that can be written to a file: sentences and tables."""

from collections.abc import Sequence
from typing import Any

from console.domain.exports.tables import CellKind, DocumentTable, ExportColumn, ExportDocument
from console.domain.reports.daily_close import SHOWN_SUM_NAMES, DailyClose, DailyCloseMoney
from console.wording.daily_close import (
    NET_SUM_NAME,
    format_daily_close_notes,
    format_daily_close_state,
    format_daily_close_title,
    format_old_and_new_value,
    format_unknown_record,
    get_daily_close_change_name,
    get_daily_sum_name,
)
from console.wording.exports.columns import (
    make_amount_column,
    make_currency_column,
    make_instant_column,
    make_number_column,
    make_text_column,
)
from console.wording.exports.lists import make_difference_columns
from console.wording.sentences.text_context import TextContext


def make_daily_close_document(close: DailyClose, context: TextContext) -> ExportDocument:
    """Return the daily close as a document: sentences about its state on the first page, then its tables. The
    document doesn't contain the time of writing, so that an unchanged close gives an identical document."""
    language = context.language
    tables = [_make_money_table(close, context), _make_unknown_record_table(close, context)]
    if close.reconciliation is not None:
        tables.append(_make_difference_table(close, context))
    if close.first_close is not None and close.first_close.is_comparable:
        tables.append(_make_change_table(close, context))
    return ExportDocument(
        format_daily_close_title(close, language),
        (format_daily_close_state(close, language), *format_daily_close_notes(close, language)),
        tables,
    )


def _make_document_table(
    context: TextContext, name: str, columns: Sequence[ExportColumn], rows: Sequence[Any]
) -> DocumentTable:
    return DocumentTable(
        context.translate(f"close.table.{name}"), columns, rows, context.translate(f"close.table.{name}.empty")
    )


def _make_money_table(close: DailyClose, context: TextContext) -> DocumentTable:
    """Return the table of sums of a daily close. Each of its rows is a pair: the money of one currency, and the
    name of a sum."""

    def read_count(row: tuple[DailyCloseMoney, str]) -> int | None:
        currency_money, sum_name = row
        return None if sum_name == NET_SUM_NAME else currency_money.get_sum(sum_name).count

    def read_amount(row: tuple[DailyCloseMoney, str]) -> tuple[int, str]:
        currency_money, sum_name = row
        return (
            currency_money.net_minor if sum_name == NET_SUM_NAME else currency_money.get_sum(sum_name).minor
        ), currency_money.currency

    columns = (
        make_text_column(context, "close.column.sum", lambda row: get_daily_sum_name(row[1], context.language)),
        make_number_column(context, "reports.count", read_count),
        make_amount_column(context, "column.amount", read_amount),
        make_currency_column(context, lambda row: str(row[0].currency)),
    )
    return _make_document_table(
        context,
        "money",
        columns,
        [
            (currency_money, sum_name)
            for currency_money in close.money
            for sum_name in (*SHOWN_SUM_NAMES, NET_SUM_NAME)
        ],
    )


def _make_unknown_record_table(close: DailyClose, context: TextContext) -> DocumentTable:
    columns = (
        make_text_column(context, "column.record", lambda record: format_unknown_record(record, context.language)),
        make_text_column(context, "kind.payment", lambda record: str(record.number)),
        make_amount_column(context, "column.amount", lambda record: (record.minor, record.currency)),
        make_currency_column(context, lambda record: str(record.currency)),
        make_instant_column(context, "column.since", lambda record: record.since),
        make_instant_column(context, "close.column.settled", lambda record: record.settled_at),
    )
    return _make_document_table(context, "unknown", columns, close.unknown_records)


def _make_difference_table(close: DailyClose, context: TextContext) -> DocumentTable:
    """Return the table of the differences that the day's reconciliation found. It has no column for the cause,
    because the cause changes when a case is resolved."""
    run = close.reconciliation
    return _make_document_table(
        context, "differences", make_difference_columns(context)[:-1], () if run is None else run.differences
    )


def _make_change_table(close: DailyClose, context: TextContext) -> DocumentTable:
    language = context.language
    columns = (
        ExportColumn(
            context.translate("close.column.what"),
            CellKind.TEXT,
            lambda change: get_daily_close_change_name(change, language),
        ),
        make_text_column(
            context, "close.column.before", lambda change: format_old_and_new_value(change, language)[0]
        ),
        make_text_column(context, "close.column.after", lambda change: format_old_and_new_value(change, language)[1]),
    )
    return _make_document_table(context, "changes", columns, close.changes)
