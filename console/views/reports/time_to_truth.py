"""The report about the time that outcomes stayed unknown, compared with the time after which the worker makes its
last scheduled probe."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import log1p

from console.domain.reports.time_to_truth import TimeToTruth, TimeToTruthReport
from console.views.reports.chart_content import Bar, BarPart, BarPartStyle, BarStrip, ChartContent, LegendEntry
from console.views.reports.section import ReportDefinition, make_number_column
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.wording import reports as report_words
from console.wording.sentences import catalogue as wording

_IN_TIME_STYLE = BarPartStyle("solid", "progress")
_LATE_STYLE = BarPartStyle("hatch", "bad")
_OPEN_STYLE = BarPartStyle("dots", "unknown")
_SHOWN_DURATION_NAMES = ("median", "p90", "longest", "oldest_open")


@dataclass(frozen=True, slots=True)
class _TimeToTruthRow:
    """One row of the report's table: the figures of one kind of record, such as refunds."""

    figures: TimeToTruth


def _compute_bar_height(duration: timedelta | None) -> float:
    """Return the height of the bar for a duration: the natural logarithm of (1 + its seconds), because a minute and a
    week must both be visible in one chart. Return 0 for None, an unknown duration."""
    return log1p(max(0.0, duration.total_seconds())) if duration is not None else 0.0


def _make_chart_content(report: TimeToTruthReport, context: WindowContext) -> ChartContent:
    translate = context.translate
    legend = (
        LegendEntry(translate("reports.time_to_truth.in_time"), _IN_TIME_STYLE),
        LegendEntry(translate("reports.time_to_truth.late_word"), _LATE_STYLE),
        LegendEntry(translate("reports.time_to_truth.oldest_open"), _OPEN_STYLE),
    )
    durations = [getattr(kind, name) for kind in report.kinds for name in (*_SHOWN_DURATION_NAMES, "schedule")]
    full_height_value = max(_compute_bar_height(duration) for duration in durations) * 1.15
    strips = tuple(_make_bar_strip(kind, full_height_value, context) for kind in report.kinds)
    return ChartContent(
        strips, legend, "\n".join(report_words.format_time_to_truth_lines(report, context.language)), 84
    )


def _make_bar_strip(kind: TimeToTruth, full_height_value: float, context: WindowContext) -> BarStrip:
    def make_part_style(kind_name: str) -> BarPartStyle:
        duration: timedelta | None = getattr(kind, kind_name)
        return (
            _OPEN_STYLE
            if kind_name == "oldest_open"
            else _LATE_STYLE
            if duration is not None and duration > kind.schedule
            else _IN_TIME_STYLE
        )

    bars = tuple(
        Bar(
            context.translate(f"reports.time_to_truth.{kind_name}"),
            report_words.format_report_duration(getattr(kind, kind_name), context.language),
            (BarPart(_compute_bar_height(getattr(kind, kind_name)), make_part_style(kind_name)),),
        )
        for kind_name in _SHOWN_DURATION_NAMES
    )
    schedule_text = report_words.format_report_duration(kind.schedule, context.language)
    details = (
        report_words.format_time_to_truth_summary(kind, context.language),
        context.translate("reports.time_to_truth.mark", schedule=schedule_text),
    )
    kind_name = report_words.get_record_kind_name(kind.kind, context.language)
    return BarStrip(
        kind_name,
        context.translate("list.separator").join(details),
        bars,
        full_height_value,
        dashed_line_value=_compute_bar_height(kind.schedule),
    )


def _make_time_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate

    def make_count_column(key: str) -> Column:
        return make_number_column(
            key, translate(f"reports.time_to_truth.{key}"), lambda row: getattr(row.figures, f"{key}_count"), 100
        )

    def make_time_column(key: str) -> Column:
        return Column(
            key,
            translate(f"reports.time_to_truth.{key}"),
            110,
            lambda row: report_words.format_report_duration(getattr(row.figures, key), context.language),
            "amount",
        )

    return [
        Column(
            "kind",
            translate("reports.time_to_truth.kind"),
            150,
            lambda row: report_words.get_record_kind_name(row.figures.kind, context.language),
            is_stretched=True,
        ),
        make_count_column("settled"),
        *(make_time_column(key) for key in ("median", "p90", "longest", "schedule")),
        make_count_column("late"),
        make_count_column("open"),
        make_time_column("oldest_open"),
    ]


REPORT_DEFINITION: ReportDefinition[TimeToTruthReport] = ReportDefinition(
    "time_to_truth",
    lambda services: services.reports.read_time_to_truth(),
    lambda report, context: wording.join_sentences(
        (
            report_words.format_time_to_truth_note(report, context.language),
            context.translate("reports.time_to_truth.chart"),
        ),
        context.translate,
    ),
    _make_chart_content,
    _make_time_columns,
    lambda report: [_TimeToTruthRow(kind) for kind in report.kinds],
    lambda row: row.figures.kind if isinstance(row, _TimeToTruthRow) else None,
    lambda report: not any(kind.settled_count or kind.open_count for kind in report.kinds),
)
