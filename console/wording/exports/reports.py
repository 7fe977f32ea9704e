"""The reports as exported lists: for each report its columns, its rows, and a sentence about the records that it
counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from console.domain.exports.tables import CellKind, ExportColumn
from console.domain.reports.provider_success import ProviderSuccess
from console.domain.reports.queue_ages import AGE_CLASSES, QueueAgeReport
from console.domain.reports.refund_funnel import FUNNEL_STEPS, OTHER_REFUND_ENDINGS, RefundFunnelReport
from console.domain.reports.settlement import SettlementReport
from console.domain.reports.time_to_truth import TimeToTruthReport
from console.wording import reports as report_words
from console.wording.exports.columns import (
    make_amount_column,
    make_currency_column,
    make_number_column,
    make_text_column,
)
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext

ExportColumns = tuple[ExportColumn, ...]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """The functions that turn one report into an exported list.

    - `make_columns`: returns the columns in the language of the context
    - `list_rows`: returns the rows of a report that the service has read
    - `format_note`: returns the sentence about the records that the report counts, and about the records that it
      doesn't count because it reads only a limited number of rows
    """

    make_columns: Callable[[TextContext], ExportColumns]
    list_rows: Callable[[Any], Sequence[Any]]
    format_note: Callable[[Any, str], str]


def _make_day_column(context: TextContext, get_day: Callable[[Any], date]) -> ExportColumn:
    return ExportColumn(context.translate("column.day"), CellKind.DAY, get_day)


def _make_provider_column(context: TextContext, get_provider: Callable[[Any], str]) -> ExportColumn:
    return make_text_column(
        context, "column.provider", lambda row: wording.get_provider_name(get_provider(row), context.language)
    )


def _make_percent_column(context: TextContext, key: str, get_percent: Callable[[Any], float | None]) -> ExportColumn:
    """Return a column of percentages as whole numbers, rounded as on the screen. `key` is the wording key of the
    title; `get_percent` returns the percentage of a row."""

    def get_rounded_percent(row: object) -> int | None:
        value = get_percent(row)
        return None if value is None else report_words.round_percent(value)

    return ExportColumn(
        context.translate("export.in_percent", title=context.translate(key)), CellKind.NUMBER, get_rounded_percent
    )


def _make_duration_column(
    context: TextContext, key: str, get_duration: Callable[[Any], timedelta | None]
) -> ExportColumn:
    """Return a column of durations in whole seconds, which a spreadsheet can sort and add up. `key` is the wording
    key of the title; `get_duration` returns the duration of a row."""

    def read_seconds(row: object) -> int | None:
        value = get_duration(row)
        return None if value is None else int(value.total_seconds())

    return ExportColumn(
        context.translate("export.in_seconds", title=context.translate(key)), CellKind.NUMBER, read_seconds
    )


# -- success: a row is (series, day, outages of the day)


def _make_provider_success_columns(context: TextContext) -> ExportColumns:
    def make_count_column(sum_name: str) -> ExportColumn:
        return make_number_column(context, f"reports.success.{sum_name}", lambda row: getattr(row[1], sum_name))

    def format_outages(row: Any) -> str:
        outage_texts = (report_words.format_outage(outage, context.language) for outage in row[2])
        return context.translate("list.separator").join(outage_texts)

    return (
        _make_day_column(context, lambda row: row[1].day),
        _make_provider_column(context, lambda row: row[0].provider),
        _make_percent_column(context, "reports.success.percent", lambda row: row[1].paid_percent),
        *map(make_count_column, ("paid", "unpaid", "unknown", "other", "total")),
        make_text_column(context, "reports.success.outage", format_outages),
    )


def _list_provider_success_rows(report: ProviderSuccess) -> Sequence[Any]:
    outages = {
        series.provider: [outage for outage in report.outages if outage.provider == series.provider]
        for series in report.providers
    }
    return [
        (series, day, report_words.list_outages_on_day(day.day, outages[series.provider]))
        for series in report.providers
        for day in reversed(series.days)
    ]


# -- ages of queues: a row is a queue


def _make_queue_age_columns(context: TextContext) -> ExportColumns:
    def make_count_column(age_class_index: int, sum_name: str) -> ExportColumn:
        return make_number_column(context, f"reports.age.{sum_name}", lambda queue: queue.counts[age_class_index])

    return (
        make_text_column(
            context,
            "reports.queue_ages.queue",
            lambda queue: report_words.get_queue_name(queue.queue, context.language),
        ),
        *(make_count_column(place, name) for place, name in enumerate(AGE_CLASSES)),
        make_number_column(context, "reports.age.undated", lambda queue: queue.undated_count),
        make_number_column(context, "reports.success.total", lambda queue: queue.total),
    )


def _list_queue_age_rows(report: QueueAgeReport) -> Sequence[Any]:
    return report.queues


# -- refunds: a row is (funnel, name of the step or ending)


def _make_refund_funnel_columns(context: TextContext) -> ExportColumns:
    def read_share(row: Any) -> float | None:
        funnel, name = row
        requested_count = funnel.requested.count
        return 100 * funnel.get_step(name).count / requested_count if requested_count else None

    return (
        make_text_column(
            context, "reports.refund_funnel.step", lambda row: context.translate(f"reports.refund_funnel.{row[1]}")
        ),
        make_number_column(context, "reports.count", lambda row: row[0].get_step(row[1]).count),
        _make_percent_column(context, "reports.share", read_share),
        make_amount_column(context, "column.amount", lambda row: (row[0].get_step(row[1]).minor, row[0].currency)),
        make_currency_column(context, lambda row: str(row[0].currency)),
    )


def _list_refund_funnel_rows(report: RefundFunnelReport) -> Sequence[Any]:
    return [(funnel, name) for funnel in report.funnels for name in (*FUNNEL_STEPS, *OTHER_REFUND_ENDINGS, "unknown")]


# -- money per day: a row is (series, day)


def _make_settlement_columns(context: TextContext) -> ExportColumns:
    def make_count_column(sum_name: str) -> ExportColumn:
        return make_number_column(context, f"reports.settlement.{sum_name}", lambda row: getattr(row[1], sum_name))

    def make_money_column(sum_name: str) -> ExportColumn:
        return make_amount_column(
            context,
            f"reports.settlement.{sum_name}",
            lambda row: (getattr(row[1], f"{sum_name}_minor"), row[0].currency),
        )

    return (
        _make_day_column(context, lambda row: row[1].day),
        _make_provider_column(context, lambda row: row[0].provider),
        make_count_column("payments"),
        make_money_column("paid"),
        make_count_column("refunds"),
        make_money_column("refunded"),
        make_money_column("net"),
        make_currency_column(context, lambda row: str(row[0].currency)),
    )


def _list_settlement_rows(report: SettlementReport) -> Sequence[Any]:
    return [(series, day) for series in report.series for day in reversed(series.days)]


# -- time to truth: a row is a kind of record


def _make_time_to_truth_columns(context: TextContext) -> ExportColumns:
    def make_count_column(sum_name: str) -> ExportColumn:
        return make_number_column(
            context, f"reports.time_to_truth.{sum_name}", lambda kind: getattr(kind, f"{sum_name}_count")
        )

    def make_time_column(sum_name: str) -> ExportColumn:
        return _make_duration_column(
            context, f"reports.time_to_truth.{sum_name}", lambda kind: getattr(kind, sum_name)
        )

    return (
        make_text_column(
            context,
            "reports.time_to_truth.kind",
            lambda kind: report_words.get_record_kind_name(kind.kind, context.language),
        ),
        make_count_column("settled"),
        *map(make_time_column, ("median", "p90", "longest", "schedule")),
        make_count_column("late"),
        make_count_column("open"),
        make_time_column("oldest_open"),
    )


def _list_time_to_truth_rows(report: TimeToTruthReport) -> Sequence[Any]:
    return report.kinds


REPORT_TABLES: Mapping[str, ReportTable] = {
    "success": ReportTable(
        _make_provider_success_columns, _list_provider_success_rows, report_words.format_provider_success_note
    ),
    "queue_ages": ReportTable(_make_queue_age_columns, _list_queue_age_rows, report_words.format_queue_age_note),
    "refund_funnel": ReportTable(
        _make_refund_funnel_columns, _list_refund_funnel_rows, report_words.format_refund_funnel_note
    ),
    "settlement": ReportTable(_make_settlement_columns, _list_settlement_rows, report_words.format_settlement_note),
    "time_to_truth": ReportTable(
        _make_time_to_truth_columns, _list_time_to_truth_rows, report_words.format_time_to_truth_note
    ),
}
"""The reports by the names of their tabs on the screen Reports."""
