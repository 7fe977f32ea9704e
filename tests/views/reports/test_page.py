"""Tests of the page of the reports: a chart, the table of its figures, the figures in words, and figures that
couldn't be read.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reports.daily_close import (
    DailyClose,
    DailyCloseChange,
    DailyCloseMoney,
    FirstClose,
    NotFinalReason,
    UnknownRecord,
    WrittenDailyClose,
)
from console.domain.reports.periods import make_period_until
from console.domain.reports.provider_success import Outage, ProviderDay, ProviderSeries, ProviderSuccess
from console.domain.reports.queue_ages import QueueAgeReport, QueueAges
from console.domain.reports.refund_funnel import CountAndSum, RefundFunnel, RefundFunnelReport
from console.domain.reports.settlement import SettlementDay, SettlementReport, SettlementSeries
from console.domain.reports.time_to_truth import TimeToTruth, TimeToTruthReport
from console.views.reports import chart_content
from console.views.reports.chart import Chart
from console.views.reports.daily_close import DailyCloseSection
from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.routes import RECORD_QUEUE_NAMES, ReportsRoute
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import ThemeName
from console.views.theme.theme import Appearance
from console.views.widgets.base import TextLabel
from console.wording.reports import format_percent
from console.wording.sentences import catalogue as wording
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context

_REPORT_PERIOD = make_period_until(NOW, 14)
_PROVIDER_DAYS = (
    *(ProviderDay(day) for day in _REPORT_PERIOD.days[:-2]),
    ProviderDay(_REPORT_PERIOD.days[-2], paid=9, unpaid=1),
    ProviderDay(_REPORT_PERIOD.days[-1], paid=1, unpaid=2, unknown=3, other=4),
)
SUCCESS_REPORT = ProviderSuccess(
    _REPORT_PERIOD,
    (ProviderSeries("paypay", _PROVIDER_DAYS), ProviderSeries("atom", _PROVIDER_DAYS, is_complete=False)),
    (Outage("paypay", NOW - timedelta(hours=30), NOW - timedelta(hours=6)),),
    NOW,
)
EMPTY_SUCCESS_REPORT = ProviderSuccess(_REPORT_PERIOD, (), (), NOW)


_COUNT_AND_SUM, _ONE_HOUR = CountAndSum(3, 9_900), timedelta(hours=1)
QUEUE_AGE_REPORT = QueueAgeReport(
    (QueueAges("unknown", (1, 2, 3, 4, 5), 6, is_complete=False), QueueAges("review", (0,) * 5)), NOW
)
FUNNEL_REPORT = RefundFunnelReport(
    _REPORT_PERIOD,
    (RefundFunnel("INR", *(_COUNT_AND_SUM,) * 9), RefundFunnel("JPY", *(_COUNT_AND_SUM,) * 9)),
    False,
    NOW,
)
_SETTLEMENT_DAYS = tuple(SettlementDay(day, 2, 3_300, 1, 4_400) for day in _REPORT_PERIOD.days)
SETTLEMENT_REPORT = SettlementReport(
    _REPORT_PERIOD, (SettlementSeries("paypay", "JPY", _SETTLEMENT_DAYS, is_complete=False),), NOW
)
TIME_TO_TRUTH_REPORT = TimeToTruthReport(
    _REPORT_PERIOD,
    (
        TimeToTruth(
            "refund",
            5 * _ONE_HOUR,
            3,
            _ONE_HOUR,
            6 * _ONE_HOUR,
            9 * _ONE_HOUR,
            1,
            2,
            7 * _ONE_HOUR,
            is_complete=False,
        ),
    ),
    NOW,
)
OTHER_REPORTS: dict[str, tuple[object, int, tuple[str, ...]]] = {
    "queue_ages": (QUEUE_AGE_REPORT, 2, ("21+", " 5")),
    "refund_funnel": (FUNNEL_REPORT, 18, ("INR", "JPY", "¥9,900", "₹99.00")),
    "settlement": (SETTLEMENT_REPORT, 14, ("¥3,300", "¥4,400", "−¥1,100", "−¥15,400")),
    "time_to_truth": (TIME_TO_TRUTH_REPORT, 1, ("1 ", "6 ", "9 ", "5 ", "7 ")),
}
"""Reports by name, without the success report: the figures, the number of rows in the table, and the texts that the
page must show in words."""


class ReportServices:
    """A replacement of the service `reports` with these figures. Without figures, reading them raises an error."""

    def __init__(self, success: ProviderSuccess | None = SUCCESS_REPORT) -> None:
        self.success = success
        self.asked_queues: Sequence[str] = ()

    def __getattr__(self, name: str) -> Callable[[], object]:
        return lambda: OTHER_REPORTS[name.removeprefix("read_")][0]

    def read_queue_ages(self, queues: Sequence[str]) -> object:
        self.asked_queues = queues
        return QUEUE_AGE_REPORT

    def read_provider_success(self) -> ProviderSuccess:
        if self.success is None:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE, {})
        return self.success


def make_page(reports: ReportServices, qtbot: QtBot, language: Literal["ja", "en"] = "en") -> ReportsPage:
    context = make_window_context()
    context.language = language
    context.store_services(SimpleNamespace(reports=reports, acting_as=nullcontext))  # type: ignore[arg-type]  # enough of them
    page = ReportsPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 700)
    page.show()
    page.show_route(ReportsRoute("success"))
    return page


def get_chart_section(page: ReportsPage) -> ChartSection:
    assert isinstance(page.section, ChartSection)
    return page.section


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_report_switches_between_picture_and_table(
    qtbot: QtBot, appearance: Appearance, language: Literal["ja", "en"]
) -> None:
    """The page can show the table, with its first row as the current one, in place of the chart. The accessible
    description of the chart contains its figures. A note names the provider whose older payments are missing.
    """
    page = make_page(ReportServices(), qtbot, language)
    section = get_chart_section(page)
    assert section.stack.currentWidget() is not section.table
    spoken = section.chart.accessibleDescription()
    for figure in ("2026-11-19", "90 %", "33 %", "PayPay", "Atom", "11-19 09:04", "11-20 09:04"):
        assert figure in spoken, (figure, spoken)
    *_, day_before, last_day = section.chart.content.strips[0].bars
    assert day_before.figure == "90 %"
    assert last_day.figure == wording.translate("reports.success.percent_of", language, percent="33 %", n=3)
    page._toggle_chart_and_table()
    assert section.stack.currentWidget() is section.table
    assert len(section.table.all_rows) == 28
    assert section.table.current_row == 0
    page._toggle_chart_and_table()
    assert section.stack.currentWidget() is not section.table
    assert "Atom" in section.note_label.plain, "it says that older payments are missing"


def read_hinted_keys(page: ReportsPage) -> list[str]:
    return [key for keys, _ in page.hint_bar.key_hints for key in keys]


def test_the_arrow_keys_are_hinted_only_beside_a_table_with_rows(qtbot: QtBot, appearance: Appearance) -> None:
    """A chart and a daily close without sums and open records have no rows through which the arrow keys move."""
    close = DailyClose("atom", NOW.date(), (), (), None, (), NOW, None, ())
    services = DailyCloseServices(close)
    page = make_page(services, qtbot)
    assert "↓" not in read_hinted_keys(page)
    page._toggle_chart_and_table()
    assert "↓" in read_hinted_keys(page)
    page._toggle_chart_and_table()
    assert "↓" not in read_hinted_keys(page)
    page.show_route(ReportsRoute("close"))
    assert services.read_closes
    assert "↓" not in read_hinted_keys(page)
    services.close = replace(close, unknown_records=(UnknownRecord("payment", 8, "ORD-8", "JPY", 9_900, NOW),))
    page.read_data("refresh")
    qtbot.waitUntil(lambda: "↓" in read_hinted_keys(page))


def test_an_outage_that_began_before_the_first_day_is_marked_inside_the_picture(
    qtbot: QtBot, appearance: Appearance
) -> None:
    """The mark of an outage that began before the first day of the chart begins at the left edge of the chart."""
    outage = Outage("paypay", NOW - timedelta(days=400), NOW - timedelta(hours=6))
    page = make_page(ReportServices(replace(SUCCESS_REPORT, outages=(outage,))), qtbot)
    (marked_range,) = get_chart_section(page).chart.content.strips[0].marked_ranges
    assert 0 == marked_range.start_position < marked_range.end_position


@pytest.mark.parametrize("has_outage", [True, False])
def test_the_legend_names_outages_only_if_the_picture_has_one(
    qtbot: QtBot, appearance: Appearance, *, has_outage: bool
) -> None:
    """The legend of the success report explains the mark of an outage only if the picture has such a mark."""
    report = SUCCESS_REPORT if has_outage else replace(SUCCESS_REPORT, outages=())
    legend = get_chart_section(make_page(ReportServices(report), qtbot)).chart.content.legend
    assert ("No answer" in [entry.word for entry in legend]) == has_outage


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_picture_has_its_figures_in_words(
    qtbot: QtBot, appearance: Appearance, language: Literal["ja", "en"]
) -> None:
    """A section of the reports is read when its tab is opened. It has its figures in words and in a table, and says
    if not all rows were counted, and what a figure above a bar means if the legend doesn't say it. Bars with
    different meanings have different fills.
    """
    services = ReportServices()
    page = make_page(services, qtbot, language)
    for name, (_, row_count, figures) in OTHER_REPORTS.items():
        section = next(one for one in page.sections if one.name == name)
        assert isinstance(section, ChartSection)
        assert not section.chart.content.strips, "not read before it is opened"
        page.show_route(ReportsRoute(name))
        assert page.section is section
        spoken = section.chart.accessibleDescription()
        assert all(figure in spoken for figure in figures), (name, spoken)
        assert len(section.table.all_rows) == row_count
        fills = [entry.style.fill for entry in section.chart.content.legend]
        assert len(set(fills)) == len(fills)
        assert section.chart.grab().width() > 0
        cells = [column.format_text(row) for column in section.table.rows.columns for row in section.table.all_rows]
        assert not any("reports." in cell for cell in cells)
        note = section.note_label.plain
        assert "G" in [key for keys, _ in page.hint_bar.key_hints for key in keys]
        chart_note = f"reports.{name}.chart"
        assert note.endswith(wording.translate(chart_note, language)) if wording.has_sentence(chart_note) else note
    assert services.asked_queues == RECORD_QUEUE_NAMES, "the queues stand in the order of their tabs"


def test_no_part_of_a_report_is_outside_of_the_page(qtbot: QtBot, appearance: Appearance) -> None:
    """Each widget of the page belongs to the page, including the widgets of tabs that were not opened. A widget
    without a parent would be a window of its own."""
    widgets_before = QApplication.topLevelWidgets()
    page = make_page(ReportServices(), qtbot)
    added = [widget for widget in QApplication.topLevelWidgets() if widget not in widgets_before]
    assert [widget for widget in added if widget.parent() is None] == [page]


def test_a_report_without_figures_has_no_picture(qtbot: QtBot, appearance: Appearance) -> None:
    """If a report has no figures, the page says so, and offers neither a chart nor a table."""
    page = make_page(ReportServices(EMPTY_SUCCESS_REPORT), qtbot)
    section = get_chart_section(page)
    assert section.stack.currentWidget() is section.empty_state
    assert not section.switch_button.isVisibleTo(page)


def test_figures_of_a_report_stay_after_a_failed_read(qtbot: QtBot, appearance: Appearance) -> None:
    """After a failed read, a bar says so and the earlier figures remain. The bar disappears after the next successful
    read.
    """
    reports = ReportServices()
    page = make_page(reports, qtbot)
    reports.success = None
    page.refresh("asked")
    assert "failed" in page.list_bar_names()
    assert get_chart_section(page).chart.content.strips
    reports.success = SUCCESS_REPORT
    page.refresh("asked")
    assert "failed" not in page.list_bar_names()


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_fills_of_a_chart_differ_in_grey_too(
    qtbot: QtBot, appearance: Appearance, theme: ThemeName, scale: float
) -> None:
    """Each part of a bar is painted at the position that its value requires. The fills of the parts differ even in
    grey, and every strip of bars has enough room at any text size.
    """
    appearance.choose_theme(theme)
    appearance.set_text_scale(scale)
    fills = ("solid", "hatch", "back_hatch", "cross", "dots")
    parts = tuple(
        chart_content.Bar(fill, "", (chart_content.BarPart(100, chart_content.BarPartStyle(fill, "text")),))  # type: ignore[arg-type]
        for fill in fills
    )
    chart = Chart("fills")
    qtbot.addWidget(chart)
    chart.resize(700, 300)
    chart.show_content(chart_content.ChartContent((chart_content.BarStrip("One", "", parts, 100),) * 3, (), ""))
    assert chart.minimumHeight() >= 3 * appearance.line_height("body")
    boxes = chart.compute_strip_boxes()
    assert not any(a.intersects(b) for a in boxes for b in boxes if a is not b)
    assert all(chart.minimumHeight() >= box.height() for box in boxes)
    chart.resize(700, chart.minimumHeight())
    image, box = chart.grab().toImage(), chart.compute_strip_boxes()[0]
    ratio, width = image.devicePixelRatio(), box.width() / len(fills)
    inked = []
    for number in range(len(fills)):
        left = int((box.left() + (number + 0.5) * width - 8) * ratio)
        top = int(box.center().y() * ratio)
        area = [image.pixelColor(left + x, top + y).lightness() for x in range(16) for y in range(16)]
        background = appearance.colour("base").lightness()
        inked.append(sum(abs(light - background) > 40 for light in area))
    assert inked[0] == 256
    assert all(0 < count < 250 for count in inked[1:]), inked


def check_export_of_daily_close(page: ReportsPage) -> None:
    """Check that only the export itself asks for the file of the daily close. The question whether there is something
    to export has no effect, and a daily close can't be printed.
    """
    translate = page.context.translate
    assert page.exporter.can_export
    page.exporter.print_list()
    assert page.findChildren(QFileDialog) == []
    assert translate("reason.no_print") in [label.plain for label in page.findChildren(TextLabel)]
    assert "Ctrl+P" not in [key for keys, _ in page.hint_bar.key_hints for key in keys]
    page.exporter.ask_path_and_export_list()
    (dialog,) = page.findChildren(QFileDialog)
    assert dialog.windowTitle() == translate("close.write")
    dialog.reject()


def test_a_late_failure_of_another_tab_is_not_shown(qtbot: QtBot, appearance: Appearance) -> None:
    """The figures of a tab could not be read, but the person has opened another tab meanwhile. The page doesn't call
    the shown figures outdated.
    """
    page = make_page(ReportServices(), qtbot)
    runner = InlineRunner(paused=True)
    page.context.runner = runner
    page.context.store_services(SimpleNamespace(reports=ReportServices(None), acting_as=nullcontext))  # type: ignore[arg-type]  # enough of them
    page.refresh("asked")
    page.show_route(ReportsRoute("queue_ages"))
    runner.execute_oldest_task()
    assert "failed" not in page.list_bar_names()
    page.show_route(ReportsRoute("success"))
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert "failed" in page.list_bar_names()


def test_each_tab_has_its_own_read_time(qtbot: QtBot, appearance: Appearance) -> None:
    """While the figures of a tab are read, and after this read has failed, the page doesn't show the time at which
    another tab was read."""
    page = make_page(ReportServices(), qtbot)
    page.context.runner = runner = InlineRunner(paused=True)
    read_time_text = page.head.read_time_label.plain
    assert read_time_text
    page.tabs.setCurrentIndex(1)
    assert page.head.read_time_label.plain == ""
    page.section.failed.emit(Failure(ErrorCode.DATABASE_UNREACHABLE))
    assert "failed" in page.list_bar_names()
    assert page.find_outdated_reason() == ""
    page.tabs.setCurrentIndex(0)
    assert (page.head.read_time_label.plain, page.list_bar_names()) == (read_time_text, ())
    assert runner.waiting_task_count == 2


class DailyCloseServices(ReportServices):
    """A replacement of the service `reports` with one daily close, and of the service `daily_closes`, which records
    the files that it writes.
    """

    def __init__(self, close: DailyClose) -> None:
        super().__init__()
        self.close, self.read_closes, self.written = (
            close,
            list[tuple[str, date]](),
            list[tuple[str, date, Path]](),
        )

    def list_providers(self) -> tuple[str, ...]:
        return "atom", "paypay"

    def read_daily_close(self, provider: str, day: date) -> DailyClose:
        self.read_closes.append((provider, day))
        return replace(self.close, provider=provider, day=day)

    def write(self, provider: str, day: date, path: Path, language: str) -> WrittenDailyClose:
        self.written.append((provider, day, path))
        return WrittenDailyClose(str(path), 1, "", self.close)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_daily_close_is_shown_and_exported(
    qtbot: QtBot, appearance: Appearance, language: Literal["ja", "en"]
) -> None:
    """The page first shows the daily close of yesterday. An invalid or future date is reported at the field. An open
    record is named in words and can be opened. The export key writes the shown daily close.
    """
    nothing, one = CountAndSum(), CountAndSum(2, 6_600)
    money = (
        DailyCloseMoney("JPY", one, nothing, nothing, nothing, _COUNT_AND_SUM),
        DailyCloseMoney("INR", *(nothing,) * 5),
    )
    unknown = (
        UnknownRecord("payment", 8, "ORD-8", "JPY", 9_900, NOW),
        UnknownRecord("refund", 26, "ORD-9", "JPY", 500, NOW),
    )
    points = (NotFinalReason.STILL_UNKNOWN, NotFinalReason.NOT_RECONCILED)
    changes = (DailyCloseChange("captured", "JPY", nothing, one), DailyCloseChange("unknown", before="refund 3"))
    first = FirstClose(NOW, "fin-d")
    reports = DailyCloseServices(DailyClose("atom", NOW.date(), money, unknown, None, points, NOW, first, changes))
    context = make_window_context()
    context.language = language
    services = SimpleNamespace(reports=reports, daily_closes=reports, acting_as=nullcontext)
    context.store_services(services)  # type: ignore[arg-type]  # enough of them
    page = ReportsPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 700)
    page.show()
    page.show_route(ReportsRoute("close"))
    assert "G" not in [key for keys, _ in page.hint_bar.key_hints for key in keys], "it has no chart"
    section = page.section
    assert isinstance(section, DailyCloseSection)
    yesterday = NOW.astimezone(JST).date() - timedelta(days=1)
    assert reports.read_closes[-1] == ("atom", yesterday)
    assert {"ja": "未確定", "en": "Not yet final"}[language] in section.state_label.plain
    unknown_texts = {
        "ja": ("結果不明の決済 1 件（¥9,900）", "結果不明の返金 1 件（¥500）"),
        "en": ("1 payment is still unknown (¥9,900)", "1 refund is still unknown (¥500)"),
    }[language]
    assert all(text in section.state_label.plain for text in unknown_texts), "never added together"
    assert "fin-d" in section.scope_label.plain
    shown = [[column.format_text(record) for column in section.unknown_table.rows.columns[:2]] for record in unknown]
    kinds = {"ja": ("決済", "返金 R-26"), "en": ("Payment", "Refund R-26")}[language]
    assert shown == [[kinds[0], "ORD-8"], [kinds[1], "ORD-9"]]
    assert len(section.sums_table.all_rows) == 16
    assert "¥6,600" in section.changes_label.plain
    assert yesterday.isoformat() in section.state_label.plain, "it stays if the next close can't be read"
    section.provider_list.setCurrentIndex(1)
    assert reports.read_closes[-1] == ("paypay", yesterday)
    assert "PayPay" in section.state_label.plain
    for text in ("2026-11-31", "yesterday", "2999-01-01"):
        count = len(reports.read_closes)
        section._day_edit.setText(text)
        section._day_edit.returnPressed.emit()
        assert len(reports.read_closes) == count
        assert section.day_field.edit.accessibleDescription()
    section._day_edit.setText("2026-11-01")
    section._day_edit.returnPressed.emit()
    assert reports.read_closes[-1] == ("paypay", date(2026, 11, 1))
    opened: list[object] = []
    context.navigation_requested.connect(opened.append)
    section.unknown_table.opened.emit(unknown[0])
    assert opened
    check_export_of_daily_close(page)
    page.exporter.ask_path_and_export_list()
    dialog = section.findChildren(QFileDialog)[-1]
    section._day_edit.setText("2026-11-02")
    section._day_edit.returnPressed.emit()  # as a read that ends while the dialog is open
    dialog.fileSelected.emit("/tmp/close.pdf")  # nothing is written
    dialog.reject()
    assert reports.written == [("paypay", date(2026, 11, 1), Path("/tmp/close.pdf"))]


def test_the_sums_of_a_daily_close_are_visible_without_scrolling(qtbot: QtBot, appearance: Appearance) -> None:
    """If no outcome was unknown, the text about it leaves the table of the sums the height that it needs for the sums
    of one currency."""
    money = (DailyCloseMoney("INR", *(CountAndSum(),) * 5),)
    reports = DailyCloseServices(DailyClose("atom", NOW.date(), money, (), None, (), NOW, None, ()))
    context = make_window_context()
    services = SimpleNamespace(reports=reports, daily_closes=reports, acting_as=nullcontext)
    context.store_services(services)  # type: ignore[arg-type]  # enough of them
    page = ReportsPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 700)
    page.show()
    page.show_route(ReportsRoute("close"))
    section = page.section
    assert isinstance(section, DailyCloseSection)
    assert len(section.sums_table.all_rows) == 8
    qtbot.waitUntil(lambda: section.sums_table.height() >= section.sums_table.compute_height_for_rows(8))
    text = section._unknown_empty_state
    assert text.isVisible()
    assert text.height() >= text.minimumSizeHint().height() > 0


@pytest.mark.parametrize("width", [1080, 1720])
def test_sums_of_a_daily_close_are_near_their_names(qtbot: QtBot, appearance: Appearance, width: int) -> None:
    """In a narrow and in a wide window, the amount of a sum ends at most 900 px after the beginning of its name."""
    money = (DailyCloseMoney("JPY", *(CountAndSum(),) * 5),)
    reports = DailyCloseServices(DailyClose("paypay", NOW.date(), money, (), None, (), NOW, None, ()))
    context = make_window_context()
    services = SimpleNamespace(reports=reports, daily_closes=reports, acting_as=nullcontext)
    context.store_services(services)  # type: ignore[arg-type]  # enough of them
    page = ReportsPage(context)
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    page.show_route(ReportsRoute("close"))
    section = page.section
    assert isinstance(section, DailyCloseSection)
    table = section.sums_table
    place_by_key = {column.key: place for place, column in enumerate(table.rows.columns)}
    name, amount = place_by_key["sum"], place_by_key["amount"]
    qtbot.waitUntil(lambda: table.viewport().width() > width - 40)
    end_of_amounts = table.columnViewportPosition(amount) + table.columnWidth(amount)
    assert end_of_amounts - table.columnViewportPosition(name) <= 900


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0.0, "0 %"), (0.2, "1 %"), (95.4, "95 %"), (95.65, "96 %"), (99.9, "99 %"), (100.0, "100 %"), (None, "–")],
)
def test_a_percentage_is_the_nearest_whole_number(percent: float | None, text: str) -> None:
    """A percentage is rounded to the nearest whole number; only all is 100 %, and only nothing is 0 %."""
    assert format_percent(percent) == text
