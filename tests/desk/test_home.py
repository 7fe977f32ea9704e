"""The home page: the counts of the waiting records, the times for which they have waited, and the ages in all
lists.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.person_state.drafts import make_draft_name
from console.domain.records import CreditCheck
from console.domain.views.any_record import QueueItem
from console.sandbox.server import Sandbox
from console.views.home.page import HomePage
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog
from console.views.lookup.page import LookupPage
from console.views.pages.base import Page
from console.views.pages.scroll_container import PageScrollArea
from console.views.queues.page import QueuesPage
from console.views.reports.page import ReportsPage
from console.views.reports.section import ChartSection
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import CreditCheckRoute, HomeRoute, LookupRoute, QueuesRoute
from console.views.runtime.status_values import WorkCounts
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.window_desks import WindowTestDesks
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.failing_methods import let_method_fail

_REFUSAL = "The row is not yours."


def test_home_shows_the_waiting_times_of_the_report(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """The bars on Home have the figures that the report has for the queue of records that need a person, and their
    link leads to the report with the same bars.
    """
    person = open_window()
    person.press("Alt+1")
    page = person.wait_for_page(HomePage)
    person.wait_until(lambda: bool(page.age_panel.chart.content.strips))
    shown = [label.plain for label in page.views_panel.findChildren(TextLabel) if label.isVisible()]
    assert shown == [translate("home.views", "en"), translate("home.views_none", "en")]
    (strip,) = page.age_panel.chart.content.strips
    (review,) = window_desks.acting_desk.reports.read_queue_ages(("review",)).queues
    assert [bar.figure for bar in strip.bars] == [str(count) for count in review.counts]
    assert strip.title in page.age_panel.chart.accessibleDescription()
    page.age_panel.link.click()
    section = person.wait_for_page(ReportsPage).section
    assert isinstance(section, ChartSection)
    person.wait_until(lambda: bool(section.chart.content.strips))
    assert strip.bars in [other.bars for other in section.chart.content.strips]


def test_ages_are_repainted_each_minute_without_new_counts(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, clock: MovedClock
) -> None:
    """The ages on Home and in a queue are repainted when a minute of the window's clock has passed, although the
    window gets no new counts.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    queue = person.wait_for_page(QueuesPage)
    person.press("Alt+1")
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 1)
    person.wait_until_read()
    footer = "Yours: 1 of 1 operation without a result."
    assert footer in [label.plain for label in home.own_work_panel.findChildren(TextLabel)]
    painted = _PaintCounter()
    person.opening.context.store_work_counts = lambda work_counts: None  # type: ignore[method-assign]  # no counts come
    for key, table in (("Alt+1", home.table), ("Alt+2", queue.table)):
        person.press(key)
        person.wait_until(table.isVisible)
        person.wait_until_read()
        table.viewport().installEventFilter(painted)
        clock.offset += timedelta(minutes=1)
        person.frame._show_clock()
        person.wait_until(lambda: painted.count > 0)
        table.viewport().removeEventFilter(painted)
        painted.count = 0


class _PaintCounter(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_an_older_record_that_arrives_becomes_the_current_one_until_a_row_is_chosen(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, clock: MovedClock
) -> None:
    """If an older record arrives, it becomes the first row and the current one. After the person has selected a row,
    that row stays the current one.
    """
    clock.offset = timedelta(days=-1)
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[1])
    person = open_window()
    person.press("Alt+1")
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 1)
    clock.offset = timedelta(days=-2)
    oldest = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    clock.offset = timedelta()
    home.refresh("changed")
    person.wait_until(lambda: home.table.rows.rowCount() == 2)
    person.wait_until_read()
    assert _get_current_record(home).id == oldest.id
    person.press("Down")
    chosen = _get_current_record(home)
    clock.offset = timedelta(days=-3)
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[2])
    clock.offset = timedelta()
    home.refresh("changed")
    person.wait_until(lambda: home.table.rows.rowCount() == 3)
    person.wait_until_read()
    assert _get_current_record(home).id == chosen.id


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 2.0])
def test_home_opens_unscrolled_at_every_text_size(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, scale: float
) -> None:
    """Home opens without scrolling at each text size. The widget with the focus is in the visible part, and Tab moves
    the focus to the list of records.
    """
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    person.window.resize(1280, 800)
    person.press("Alt+2")
    person.wait_until_read()
    current_appearance().set_text_scale(scale)
    person.wait_until_read()
    person.press("Alt+1")
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 1)
    person.wait_until_read()
    area = _get_scroll_area(home)
    assert area.verticalScrollBar().value() == 0
    focus = person.window.focusWidget()
    assert focus is not None
    assert home.isAncestorOf(focus)
    assert not focus.visibleRegion().isEmpty(), "focus out of sight"
    person.tab_to("Needs a person (oldest first)")
    assert home.table.hasFocus()


def test_the_line_of_shortcuts_stays_while_the_page_scrolls(open_window: OpenWindow) -> None:
    person = open_window()
    person.window.resize(1280, 600)
    home = person.wait_for_page(HomePage)
    person.wait_until_read()
    area = _get_scroll_area(home)
    scroll_bar = area.verticalScrollBar()
    assert scroll_bar.maximum() > 0
    for position in (0, scroll_bar.maximum()):
        scroll_bar.setValue(position)
        line = home.hint_bar
        assert line.visibleRegion().boundingRect() == line.rect()


def process_events() -> None:
    for _ in range(5):
        QApplication.processEvents()


def _get_scroll_area(home: HomePage) -> PageScrollArea:
    viewport = home.parentWidget()
    area = viewport.parentWidget() if viewport is not None else None
    assert isinstance(area, PageScrollArea)
    return area


def _get_current_record(home: HomePage) -> CreditCheck:
    item = home.table.current_item
    assert isinstance(item, QueueItem)
    assert isinstance(item.record, CreditCheck)
    return item.record


def test_a_line_of_unfinished_work_opens_as_many_operations_as_counted(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A line of the unfinished work shows a number of the person's operations, and opens a dialog with exactly these
    operations. A button in the dialog also shows the operations of other people.
    """
    for number in CORPORATION_NUMBERS[:3]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    for name, largest_count in (("op-a", "3"), ("lead-b", "0")):
        if person.frame.context.operator != name:
            person = window_desks.switch_person(person, name)
        context = person.frame.context
        person.press("Alt+1")
        panel = person.wait_for_page(HomePage).own_work_panel
        person.wait_until(partial(_has_counted_operations, context, 3))
        person.wait_until_read()
        counts = {str(button.line.key): button.line.count_text for button in panel._buttons}
        assert max(counts.values()) == largest_count
        for key, count in counts.items():
            panel.line_pressed.emit(key)
            dialog = person.wait_for_dialog(UnfinishedWorkDialog)
            person.wait_until(partial(_has_read_operations, dialog))
            assert [work.operation.operator for work in dialog.operations_table.all_rows] == [name] * int(count)
            assert dialog.tabs.accessibleTabName(0).endswith(count)
            dialog._show_all_operations()
            assert len(dialog.operations_table.all_rows) == 3
            person.press("Esc")
            person.wait_without_dialog()


def test_home_shows_no_number_before_the_first_read(open_window: OpenWindow) -> None:
    """Until the counts have been read, the panel of the person's work has no number and no sentence with one."""
    person = open_window()
    person.press("Alt+1")
    panel = person.wait_for_page(HomePage).own_work_panel
    person.wait_until_read()
    assert {button.line.count_text for button in panel._buttons} == {"0"}
    person.opening.context.store_work_counts(WorkCounts())
    assert {button.line.count_text for button in panel._buttons} == {""}
    assert panel._footer_label.plain == ""


def _has_counted_operations(context: WindowContext, count: int) -> bool:
    return len(context.work_counts.unfinished_operations) == count


def _has_read_operations(dialog: UnfinishedWorkDialog) -> bool:
    return bool(dialog._operations)


def test_a_bar_that_arrives_after_home_has_opened_does_not_scroll_it(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Home opens with the focus on the list, whose first row is just visible. The counts are read later, and a bar
    about unfinished work appears above the panels, so that the list begins below the window. Home isn't scrolled: the
    bar is visible, and the first count has the focus. The same holds for a bar above the page. If the person has
    moved to a row, this row keeps the focus."""
    for number in CORPORATION_NUMBERS[:3]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.window.resize(1280, 800)
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 3 and "unfinished" in home.list_bar_names())
    person.wait_until_read()
    context, area = person.opening.context, _get_scroll_area(home)
    counts = context.work_counts

    def show_home_without_bar() -> None:
        context.store_work_counts(replace(counts, unfinished_operations=()))
        process_events()
        row_height = current_appearance().row_height("header") + current_appearance().row_height()
        row_bottom = home.table_stack.mapTo(home, QPoint(0, row_height)).y()
        person.window.resize(1280, person.window.height() + row_bottom + 4 - area.viewport().height())
        process_events()
        area.scroll_to_top()
        home.take_focus()
        process_events()
        assert home.table.hasFocus()
        assert area.verticalScrollBar().value() == 0

    show_home_without_bar()
    context.store_work_counts(counts)
    process_events()
    assert area.verticalScrollBar().value() == 0
    assert home.own_work_panel.focus_stops[0].hasFocus()
    home.refresh("changed")
    person.wait_until_read()
    assert area.verticalScrollBar().value() == 0
    show_home_without_bar()
    context.update_connection_state(lost_since=context.now())
    process_events()
    assert area.verticalScrollBar().value() == 0, "a bar above the page makes its visible part lower"
    context.update_connection_state(lost_since=None)
    process_events()
    show_home_without_bar()
    person.press("Down")
    context.store_work_counts(counts)
    process_events()
    assert home.table.hasFocus()


def test_drafts_and_unfinished_operations_have_one_bar_each(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """However many drafts there are, they add one bar to the bar about an unfinished operation, so that the table
    below stays in the window. The list of earlier messages opens the record that the bar names."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = open_window()
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: "unfinished" in home.list_bar_names())
    # While the sign-in form hides the window, the sentence of the bar waits to be announced.
    announcer = person.frame.announcer
    person.wait_until(lambda: any(one.icon_name == "clock" for one in announcer.announcements))
    (unfinished,) = [one for one in announcer.announcements if one.icon_name == "clock"]
    assert isinstance(unfinished.route, CreditCheckRoute)
    for count in range(1, 5):
        draft = {"kind": "refund", "subject": str(count), "title": "Payment", "stage": "form", "inputs": {}}
        home.context.person_values.store(make_draft_name("refund", str(count)), draft)
        home.draft_bar.show_drafts()
        assert home.list_bar_names() == ("unfinished", "drafts")


def test_the_bar_about_a_failed_read_is_in_sight(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """Home is higher than a window of the least size. If it can't be read again, the bar that says so is visible
    without scrolling, not below the table."""
    for number in CORPORATION_NUMBERS[:3]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.window.resize(1280, 700)
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 3)
    person.wait_until_read()
    error = rebuild_error(ErrorCode.DATABASE_LOCKED, {}, exit_status=0)
    with let_method_fail(console.recovery, "read_queue", error):
        person.press("F5")
        person.wait_until(lambda: "failed" in home._bar_by_name)
    process_events()
    bar = home._bar_by_name["failed"]
    assert _get_scroll_area(home).verticalScrollBar().maximum() > 0
    assert bar.visibleRegion().boundingRect() == bar.rect()


def test_the_bar_about_a_refused_key_is_in_sight(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """The bar at the end of a page that scrolls is below the scrolled part. It stays in sight wherever the person has
    scrolled, and the page gets the focus again after the button of the bar has been pressed."""
    for number in CORPORATION_NUMBERS[:3]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.window.resize(1280, 700)
    home = person.wait_for_page(HomePage)
    person.wait_until(lambda: home.table.rows.rowCount() == 3)
    person.wait_until_read()
    home.show_key_refusal(_REFUSAL)
    process_events()
    bar, scroll_bar = home._bar_by_name["act"], _get_scroll_area(home).verticalScrollBar()
    assert scroll_bar.maximum() > 0
    assert bar.visibleRegion().boundingRect() == bar.rect()
    (close_button,) = bar.findChildren(KeyButton)
    close_button.setFocus()
    close_button.click()
    person.wait_until(lambda: (focus := QApplication.focusWidget()) is not None and home.isAncestorOf(focus))


def test_the_keys_of_a_page_work_on_the_bar_below_it(open_window: OpenWindow) -> None:
    """While the button of the bar at the end of a page has the focus, the page uses its shortcuts, and gives the
    reason for a key that only other pages have."""
    person = open_window()
    person.frame.show_route(LookupRoute())
    lookup = person.wait_for_page(LookupPage)
    person.wait_until_read()
    _focus_close_button(lookup)
    person.press("Ctrl+F")
    person.wait_until(lambda: (focus := QApplication.focusWidget()) is not None and lookup.isAncestorOf(focus))
    person.frame.show_route(HomeRoute())
    home = person.wait_for_page(HomePage)
    person.wait_until_read()
    _focus_close_button(home)
    person.press("Ctrl+P")
    person.wait_until(lambda: _REFUSAL not in home._bar_by_name["act"].sentence)


def test_the_focus_returns_to_the_bar_below_a_page(open_window: OpenWindow) -> None:
    """If the person leaves a page while the button of its lower bar has the focus, the way back leads to this
    button."""
    person = open_window()
    home = person.wait_for_page(HomePage)
    person.wait_until_read()
    button = KeyButton("Read again", kind="inline")
    home.show_bar("state", NotificationBar("Not complete", "A part is missing.", button=button))
    process_events()
    button.setFocus()
    person.frame.show_route(LookupRoute())
    person.wait_for_page(LookupPage)
    person.frame.go_back()
    person.wait_until(button.hasFocus)


def _focus_close_button(page: Page) -> None:
    """Let the page refuse a key, and give the focus to the close button of the bar with the reason."""
    page.show_key_refusal(_REFUSAL)
    process_events()
    (close_button,) = page._bar_by_name["act"].findChildren(KeyButton)
    close_button.setFocus()
    assert close_button.hasFocus()
