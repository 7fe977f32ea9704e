"""The report about the ages of the records in the queues. Its chart has one strip of bars per queue, with one bar
per range of ages."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.reports.queue_ages import AGE_CLASSES, QueueAgeReport, QueueAges
from console.views.reports.chart_content import Bar, BarPart, BarPartStyle, BarStrip, ChartContent, LegendEntry
from console.views.reports.section import ReportDefinition, make_number_column
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RECORD_QUEUE_NAMES
from console.views.tables.columns import Column
from console.wording import reports as report_words
from console.wording.sentences import catalogue as wording

_STYLE_BY_AGE_RANGE = (
    BarPartStyle("dots", "progress"),
    BarPartStyle("back_hatch", "progress"),
    BarPartStyle("hatch", "care"),
    BarPartStyle("cross", "care"),
    BarPartStyle("solid", "bad"),
)
"""The style of the bars for each range of ages, from the youngest to the oldest range: the older the records, the
darker the fill.
"""


@dataclass(frozen=True, slots=True)
class _QueueAgeRow:
    """One row of the report's table: the counts of records of one queue, by range of ages."""

    queue_ages: QueueAges


def make_chart_content(report: QueueAgeReport, context: WindowContext) -> ChartContent:
    """Return the chart of the report: for each queue a strip of bars with the counts of its records by range of
    ages."""
    full_height_value = float(max((count for queue in report.queues for count in queue.counts), default=0))
    strips = tuple(
        BarStrip(
            report_words.get_queue_name(queue.queue, context.language),
            report_words.format_queue_total(queue, context.language),
            tuple(
                Bar(
                    context.translate(f"reports.age.{name}"),
                    wording.format_count(count),
                    (BarPart(float(count), style),),
                )
                for name, count, style in zip(AGE_CLASSES, queue.counts, _STYLE_BY_AGE_RANGE, strict=True)
            ),
            full_height_value,
        )
        for queue in report.queues
    )
    legend = tuple(
        LegendEntry(context.translate(f"reports.age.{name}"), style)
        for name, style in zip(AGE_CLASSES, _STYLE_BY_AGE_RANGE, strict=True)
    )
    return ChartContent(strips, legend, "\n".join(report_words.format_queue_age_lines(report, context.language)), 68)


def _make_age_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate

    def make_count_column(age_class_index: int, column_name: str) -> Column:
        return make_number_column(
            column_name,
            translate(f"reports.age.{column_name}"),
            lambda row: row.queue_ages.counts[age_class_index],
            110,
        )

    return [
        Column(
            "queue",
            translate("reports.queue_ages.queue"),
            160,
            lambda row: report_words.get_queue_name(row.queue_ages.queue, context.language),
            is_stretched=True,
        ),
        *(make_count_column(age_class_index, name) for age_class_index, name in enumerate(AGE_CLASSES)),
        make_number_column(
            "undated", translate("reports.age.undated"), lambda row: row.queue_ages.undated_count, 110
        ),
        Column(
            "total",
            translate("reports.success.total"),
            110,
            lambda row: wording.format_count(row.queue_ages.total, is_capped=not row.queue_ages.is_complete),
            "amount",
        ),
    ]


REPORT_DEFINITION: ReportDefinition[QueueAgeReport] = ReportDefinition(
    "queue_ages",
    lambda services: services.reports.read_queue_ages(RECORD_QUEUE_NAMES),  # in the order of the tabs
    lambda report, context: report_words.format_queue_age_note(report, context.language),
    make_chart_content,
    _make_age_columns,
    lambda report: [_QueueAgeRow(queue) for queue in report.queues],
    lambda row: row.queue_ages.queue if isinstance(row, _QueueAgeRow) else None,
    lambda report: not any(queue.total for queue in report.queues),
)
