"""Important parts of the window have enough room: rows and causes at the largest text size, actions on one line, and
rows that don't move under the mouse pointer.
"""

from itertools import count
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollBar, QWidget

from console.domain.errors import ErrorCode
from console.domain.notifications.events import PersonalEventKind
from console.views.alerts.page import AlertsPage
from console.views.app.background_refresh import BackgroundRefresh
from console.views.approvals.page import ApprovalsPage
from console.views.audit.page import AuditPage
from console.views.home.page import HomePage
from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog
from console.views.notifications.switches import store_notification_switch
from console.views.pages.base import Page
from console.views.pages.fitted_table import FittedTable
from console.views.pages.scroll_container import PageScrollArea
from console.views.queues.cause_groups import CauseRow, GroupTable, format_group_heading
from console.views.queues.page import QueuesPage
from console.views.records.action_bar import SHORTCUT_BY_RECORD_ACTION
from console.views.records.page import RecordPage
from console.views.runtime.routes import (
    RECORD_QUEUE_NAMES,
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    CreditCheckRoute,
    HomeRoute,
    LookupRoute,
    PaymentRoute,
    QueuesRoute,
    ReportsRoute,
)
from console.views.runtime.tasks import Failure
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.sign_in_form import SignInForm
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, TitleLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.window.notification_bars import NotificationBar
from tests.legible.faults import find_faults
from tests.legible.tour import LegibleStage, open_stage
from tests.shots.stage import WindowLook

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)

MIN_VISIBLE_ROW_COUNT = 8


def count_whole_rows(table: FittedTable) -> int:
    """Return the number of rows that are completely visible, without the rows that are headings of groups."""
    rows = set(range(table.rows.rowCount())) - set(table.rows.list_heading_rows())
    places = [table.visualRect(table.rows.index(row, table.first_column)) for row in rows]
    return sum(place.top() >= 0 and place.bottom() < table.viewport().height() for place in places)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_queues_show_rows_and_causes_at_the_largest_text(qapp: QApplication, tmp_path: Path, language: str) -> None:
    """At 200 % in the smallest usual window, each queue and the list of alerts show eight rows (or all rows) with
    their causes, without scrolling sideways. A menu replaces the sidebar, and its keys work. At a smaller text size
    the sidebar is shown again.
    """
    with open_stage(tmp_path / "desk", WindowLook(language, "light", 1280, 800, scale=2.0)) as stage:
        for queue in RECORD_QUEUE_NAMES:
            stage.show_route(QueuesRoute(queue))
            check_rows_and_causes_fit(stage.find(QueuesPage).table, queue)
            check_causes(stage, stage.find(QueuesPage))
        assert not stage.frame.sidebar.isVisible()
        menu = stage.frame.sidebar.build_menu()
        assert [action.text().rpartition("\t")[2] for action in menu.actions()] == [f"Alt+{n}" for n in range(1, 10)]
        stage.window.activateWindow()
        stage.wait_until(stage.window.isActiveWindow)  # its shortcuts work only then
        QTest.keyClick(stage.window, Qt.Key.Key_6, Qt.KeyboardModifier.AltModifier)
        assert stage.frame.current_route == AlertsRoute()
        stage.wait_until_idle()
        alerts = stage.find(AlertsPage)
        check_rows_and_causes_fit(alerts.table, "alerts")
        check_summaries(stage, alerts)
        assert alerts.card.isHidden()
        assert not alerts.table.rows.list_heading_rows()
        current_appearance().set_text_scale(1.0)
        stage.wait_until_idle()
        assert stage.frame.sidebar.isVisible()
        assert not stage.frame.top_bar.page_menu.isVisible()
        assert alerts.table.rows.list_heading_rows()
        assert alerts.card.isVisible()


def check_rows_and_causes_fit(table: FittedTable, name: str) -> None:
    """Check that the table shows eight rows, or all its rows, without cutting them, that its column of causes is
    completely visible, and that the table doesn't scroll sideways.
    """
    assert count_whole_rows(table) >= min(MIN_VISIBLE_ROW_COUNT, table.rows.row_count), name
    assert table.horizontalScrollBar().maximum() == 0, name
    cause = [column.key for column in table.rows.columns].index("cause")
    assert not table.isColumnHidden(cause), name
    assert table.columnViewportPosition(cause) + table.columnWidth(cause) <= table.viewport().width(), name


def wait_for_label_layout(stage: LegibleStage, label: TextLabel) -> None:
    """Wait until the page has given the label the height of its text. If the number of lines of a label changes, the
    page computes its layout twice: once for the new text, once for the new height."""
    stage.wait_until_idle()
    stage.wait_until(lambda: not label.isVisible() or label.height() >= label.heightForWidth(label.width()))
    stage.wait_until_idle()


def check_causes(stage: LegibleStage, page: QueuesPage) -> None:
    """Check that the full cause of the current row can be read: in its cell, or below the list. A column of
    corporation numbers shows them completely.
    """
    table, columns = page.table, {column.key: column for column in page.table.rows.columns}
    for row_number in range(min(MIN_VISIBLE_ROW_COUNT, table.rows.rowCount())):
        if row_number in table.rows.list_heading_rows():
            continue
        table.setCurrentIndex(table.rows.index(row_number, table.first_column))
        wait_for_label_layout(stage, page.difference_label)
        row, cause = table.current_item, columns["cause"]
        if table.is_cell_cut("cause", row):
            assert page.difference_line.isVisible(), (page.queue, cause.format_text(row))
            assert page.difference_label.plain == cause.format_text(row)
            stage.wait_until(lambda: count_whole_rows(table) >= min(MIN_VISIBLE_ROW_COUNT, table.rows.row_count))
        else:
            assert not page.difference_line.isVisible(), (page.queue, cause.format_text(row))
        for key in {"company", "corporation"} & set(columns):
            is_number = columns[key].format_text(row).replace(" ", "").isdigit()
            hidden = table.isColumnHidden(list(columns).index(key))
            assert not is_number or hidden or not table.is_cell_cut(key, row), (
                page.queue,
                columns[key].format_text(row),
            )
    assert find_faults() == [], page.queue


def check_summaries(stage: LegibleStage, page: AlertsPage) -> None:
    """Check that the subject of each incident and the sentence about the incident are shown completely, in the cell
    or below the list. The buttons below the list must keep their place, and no amount may be cut off.
    """
    columns = {column.key: column for column in page.table.rows.columns}
    for row_number in count():
        if row_number >= page.table.rows.rowCount():  # smaller than before, if due work has closed an incident
            break
        page.table.setCurrentIndex(page.table.rows.index(row_number, page.table.first_column))
        label = page.summary_label
        wait_for_label_layout(stage, label)
        assert label.accessibleName() == label.plain != ""
        assert label.heightForWidth(label.width()) <= label.height(), label.plain
        incident = page.table.current_item
        title = columns["cause"].format_text(incident)
        assert label.plain.startswith(title) == page.table.is_cell_cut("cause", incident), (title, label.plain)
        assert not page.table.is_cell_cut("sums", incident), title
        stage.wait_until(
            lambda: count_whole_rows(page.table) >= min(MIN_VISIBLE_ROW_COUNT, page.table.rows.row_count)
        )


def test_a_cut_cause_of_a_group_is_shown_whole_below_the_list(qapp: QApplication, tmp_path: Path) -> None:
    """If the table cuts off the heading of a group, the complete heading is shown below the list: its cause, and the
    amounts of each kind of record.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1024, 768, scale=2.0)) as stage:
        stage.show_route(QueuesRoute("unknown"))
        page = stage.find(QueuesPage)
        page.toggle_grouping()
        stage.wait_until_idle()
        assert isinstance(page.table, GroupTable)
        cut = 0
        for row_number in range(page.table.rows.rowCount()):
            page.table.setCurrentIndex(page.table.rows.index(row_number, page.table.first_column))
            stage.wait_until_idle()
            group = page.table.current_item
            assert isinstance(group, CauseRow)
            is_cut = page.table.is_heading_cut(group)
            cut += is_cut
            assert page.difference_line.isVisible() == is_cut
            assert page.difference_label.plain == (format_group_heading(page.context, group) if is_cut else "")
        assert cut
        assert find_faults() == []


def list_primary_buttons(window: QWidget) -> list[str]:
    """Return the texts of the visible primary buttons."""
    return [
        button.text() for button in window.findChildren(KeyButton) if button.isVisible() and button.kind == "primary"
    ]


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_row_that_becomes_current_is_scrolled_into_view(qapp: QApplication, tmp_path: Path, scale: float) -> None:
    """Home scrolls as a whole, and its table has no scroll bar of its own. If a row becomes the current one, the page
    scrolls until the row is visible.
    """
    with open_stage(tmp_path, WindowLook("en", "light", 1280, 800, scale=scale)) as stage:
        stage.show_route(HomeRoute())
        table = stage.find(HomePage).table
        assert not table.verticalScrollBar().isVisible()
        table.setFocus()
        for _ in range(table.rows.rowCount() - 1):
            QTest.keyClick(table, Qt.Key.Key_Down)
        assert table.current_row == table.rows.rowCount() - 1
        row = table.visualRect(table.currentIndex())
        assert table.viewport().visibleRegion().contains(row.bottomLeft())


def test_a_wide_panel_of_home_cuts_off_nothing(qapp: QApplication, tmp_path: Path) -> None:
    """If a panel of Home needs more width than a third of the window, nothing is cut off and the page doesn't scroll
    sideways.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800)) as stage:
        stage.show_route(HomeRoute())
        assert find_faults() == []
        stage.find(HomePage).team_panel.setMinimumWidth(700)
        stage.wait_until_idle()
        assert find_faults() == []


def test_home_keeps_its_scroll_position_when_a_person_returns(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a person returns to Home, the page isn't scrolled, except if the current row would otherwise be below the
    visible part.
    """
    # The due tasks, which begin 2 s after the start, could move the current row down and up again.
    monkeypatch.setattr(BackgroundRefresh, "run_due_tasks", lambda _self: None)
    with open_stage(tmp_path, WindowLook("en", "light", 1280, 800)) as stage:
        stage.show_route(HomeRoute())
        page = stage.find(HomePage)
        stage.window.activateWindow()
        stage.wait_until(stage.window.isActiveWindow)  # without it nothing has the focus
        page.table.setFocus()
        stage.wait_until(page.table.hasFocus)
        stage.show_route(QueuesRoute("review"))
        stage.show_route(HomeRoute())
        stage.wait_until(page.table.hasFocus)
        row = page.table.visualRect(page.table.currentIndex()).bottomLeft()
        area = page.parentWidget()
        assert area is not None
        assert page.y() == 0 or page.table.viewport().mapTo(page, row).y() > area.height()


@pytest.mark.parametrize(("width", "scale"), [(1280, 1.0), (1440, 1.0), (1280, 1.5), (1280, 2.0)])
def test_action_buttons_are_on_one_line(qapp: QApplication, tmp_path: Path, width: int, scale: float) -> None:
    """On the page of each record the line of actions is visible without scrolling. Actions for which the line has no
    room are in its menu, with their key, and with the reason if they are disabled. *Renew* is left out while the
    recommended purchase has its key. At most one button is primary.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", width, 800, scale=scale)) as stage:
        checks = [
            stage.desk.list_checks(name)[0].id
            for name in ("complete", "incomplete", "unknown", "error", "superseded")
        ]
        payments = [
            stage.desk.list_payments(name)[-1].id for name in ("complete", "refund_unknown", "not_moved", "waiting")
        ]
        for route in (*map(CreditCheckRoute, checks), *map(PaymentRoute, payments)):
            stage.show_route(route)
            page = stage.find(RecordPage)
            row = page.action_bar.button_row
            shown = [button for button in row.findChildren(KeyButton) if button.isVisible()]
            assert len({button.mapTo(row, QPoint(0, 0)).y() for button in shown}) == 1, route
            assert all(button.visibleRegion().boundingRect() == button.rect() for button in shown), route
            assert all(button.mapTo(row, QPoint(button.width(), 0)).x() <= row.width() for button in shown), route
            menu = [action.text() for action in row.build_menu().actions()]
            names = [*page.action_names, *page.menu_action_names]
            names += ["take", "note", "copy_story", "evidence_pack", "print"]
            if any(button.property("act") == "purchase" for button in page.findChildren(KeyButton)):
                names.remove("renew")
            for name in names:
                button = page.find_button(name)
                assert button is not None
                if not button.isVisible():
                    text = next(words for words in menu if words.startswith(button.text()))
                    assert text.endswith(SHORTCUT_BY_RECORD_ACTION.get(name, "")), route
                    assert button.shown_reason in text, route
            assert len(shown) - 1 + len(menu) == len(names), route
            assert len(list_primary_buttons(stage.window)) <= 1, route


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_filter_of_a_queue_is_on_one_line(qapp: QApplication, tmp_path: Path, language: str) -> None:
    """In a window 1280 px wide the text field of a queue's filter, all words and lists of its sentence, and the list
    of further conditions are on one line, and no text of them is cut off."""
    with open_stage(tmp_path / "desk", WindowLook(language, "light", 1280, 800)) as stage:
        for queue in ("unknown", "incomplete", "error"):
            stage.show_route(QueuesRoute(queue))
            filter_bar = stage.find(QueuesPage).filter
            shown = [widget for widget in filter_bar.focus_stops if widget.isVisible()]
            tops = {widget.mapTo(filter_bar, widget.rect().center()).y() for widget in shown}
            assert len(shown) == 7
            assert max(tops) - min(tops) <= 1, queue
            assert filter_bar.height() < 2 * filter_bar.edit.height(), queue
            assert find_faults() == []


def measure_table_positions(page: Page) -> list[tuple[int, int]]:
    """Return the vertical position in the page (px), and the scroll position, of each table."""
    tables = [table for table in page.findChildren(FittedTable) if table.isVisible()]
    return [(table.mapTo(page, QPoint(0, 0)).y(), table.verticalScrollBar().value()) for table in tables]


def measure_button_positions(page: Page) -> list[tuple[str, int]]:
    """Return the text and the vertical position in the page (px) of each button."""
    visible_buttons = (button for button in page.findChildren(KeyButton) if button.isVisible())
    return [(button.text(), button.mapTo(page, QPoint(0, 0)).y()) for button in visible_buttons]


def test_a_bar_moves_nothing_under_the_pointer(qapp: QApplication, tmp_path: Path) -> None:
    """When a message bar appears or disappears, the rows and the buttons of the page don't move."""
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800)) as stage:
        company = stage.desk.list_checks("several_clients")[0].corporation_number
        payment = PaymentRoute(stage.desk.list_payments("complete")[-1].id)
        # The due tasks, which begin 2 s after the start, end a refund request of this company.
        stage.wait_until(lambda: stage.opening.context.last_due_tasks_at is not None)
        for route in (QueuesRoute("unknown"), LookupRoute(company), AlertsRoute(), AuditRoute(), payment):
            stage.show_route(route)
            page = stage.frame.current_page
            assert page is not None
            before = measure_table_positions(page), measure_button_positions(page)
            bar = NotificationBar("Not done", "a sentence about it", tone="bad")
            page.show_bar("act", bar)
            stage.wait_until_idle()
            assert bar.isVisible()
            assert (measure_table_positions(page), measure_button_positions(page)) == before, route
            page.hide_bar("act")
            stage.wait_until_idle()
            assert (measure_table_positions(page), measure_button_positions(page)) == before, route


def test_the_message_of_a_refusal_is_shown_only_with_its_row(qapp: QApplication, tmp_path: Path) -> None:
    """The message about a refusal names its record, and isn't shown when another record is current."""
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800)) as stage:
        stage.show_route(QueuesRoute("unknown"))
        page = stage.find(QueuesPage)
        check_refusal_names_record(stage, page)
        page.row_model.read_rows_again()
        stage.wait_until_idle()
        assert page.list_bar_names() == ("act",), "the same row is current after reading again"
        QTest.keyClick(page.table, Qt.Key.Key_Down)
        assert page.list_bar_names() == ()


def check_refusal_names_record(stage: LegibleStage, page: QueuesPage) -> None:
    """Show a refusal of an action on the current record, and check that the message names the record."""
    row = page.current_row
    assert row is not None
    page.queue_actions.record_actions.show_refusal(Failure(ErrorCode.NOT_FOUND, {}), "Credit check 1")
    stage.wait_until_idle()
    assert page._bar_by_name["act"].sentence.count("Credit check 1") == 1


def is_over_controls(toast: QWidget, dialog: QWidget) -> bool:
    """True if the toast covers a visible control of the dialog."""
    place = QRect(toast.mapTo(dialog, QPoint(0, 0)), toast.size())
    own = {toast, *toast.findChildren(QWidget)}
    parts = [part for part in dialog.findChildren(QWidget) if part not in own and not part.isAncestorOf(toast)]
    return any(
        part.isVisible() and part.visibleRegion().translated(part.mapTo(dialog, QPoint(0, 0))).intersects(place)
        for part in parts
    )


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_toast_is_shown_in_the_open_dialog(qapp: QApplication, tmp_path: Path, scale: float) -> None:
    """While a dialog is open, toasts are shown in the dialog, not behind it and not over its controls. This is so
    whether a toast appeared before or after the dialog opened. After the dialog closes, the toast is shown in the
    window.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800, scale=scale)) as stage:
        toasts, context = stage.frame.toasts, stage.frame.context
        toasts._seconds = 600.0  # none leaves while a slow machine lays the dialog out
        for kind in PersonalEventKind:  # what has happened to the person's requests would come between
            store_notification_switch(context.preferences, kind, is_on=False)
        stage.show_route(QueuesRoute("unknown"))
        for words in ("Copied A.", "Copied B."):
            context.show_toast(words, subject_title="")
        dialog = open_unfinished_work_dialog(stage.frame)
        stage.wait_until_idle()
        assert [toast.accessibleName() for toast in toasts.visible_toasts] == ["Copied B."]
        for words in ("", "Copied C.", "A longer sentence, which says in two lines what has happened. " * 3):
            if words:
                context.show_toast(words, subject_title="")
                stage.wait_until_idle()
            (toast,) = toasts.visible_toasts
            assert toast.window() is dialog
            assert dialog.rect().contains(QRect(toast.mapTo(dialog, QPoint(0, 0)), toast.size()))
            assert not is_over_controls(toast, dialog)
        dialog.reject()
        stage.wait_until_idle()
        (toast,) = toasts.visible_toasts
        assert toast.window() is stage.window
        assert toast.isVisible()
        has_sidebar = stage.frame.sidebar.isVisible()
        assert has_sidebar == (scale == 1.0)
        assert not has_sidebar or stage.frame.find_free_sidebar_area().contains(toast.geometry())


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_cut_audit_entry_is_shown_whole_below_the_list(qapp: QApplication, tmp_path: Path, language: str) -> None:
    """An audit entry that is cut off in its cell is shown completely below the list."""
    with open_stage(tmp_path / "desk", WindowLook(language, "light", 1280, 800, scale=2.0)) as stage:
        stage.show_route(AuditRoute())
        page = stage.find(AuditPage)
        column = next(column for column in page.rows.columns if column.key == "what")
        cut = 0
        for row_number in range(MIN_VISIBLE_ROW_COUNT):
            page.table.setCurrentIndex(page.rows.index(row_number, page.table.first_column))
            stage.wait_until_idle()
            entry = page.table.current_item
            is_cut = page.table.is_cell_cut("what", entry)
            cut += is_cut
            assert page.whole_text_line.isVisible() == is_cut
            assert page.whole_text_line.get_text("what") == (column.format_text(entry) if is_cut else "")
            assert find_faults() == [], row_number
        assert cut


@pytest.mark.parametrize("scale", [1.25, 1.5, 2.0])
def test_the_buttons_of_an_incident_are_visible(qapp: QApplication, tmp_path: Path, scale: float) -> None:
    """The page of the alerts fits into a window of 1280×800 at each text size: it doesn't scroll as a whole, so that
    the buttons of the selected incident are visible below a list that is longer than the window."""
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800, scale=scale)) as stage:
        stage.show_route(AlertsRoute())
        page = stage.find(AlertsPage)
        stage.wait_until(lambda: page.current_incident is not None)
        stage.wait_until_idle()
        area = find_page_area(page.action_button)
        assert area.verticalScrollBar().maximum() == 0
        corner = page.action_button.mapTo(area.viewport(), page.action_button.rect().bottomRight())
        assert area.viewport().rect().contains(corner)


@pytest.mark.parametrize("scale", [1.5, 2.0])
def test_an_opened_tab_is_scrolled_into_view(qapp: QApplication, tmp_path: Path, scale: float) -> None:
    """On each page with tabs that scrolls as a whole, after a key has opened another tab, the tab bar and the
    contents of the tab are visible.
    """
    with open_stage(tmp_path / "desk", WindowLook("ja", "light", 1280, 800, scale=scale)) as stage:
        check, payment = stage.desk.list_checks("complete")[0], stage.desk.list_payments("refunded")[-1]
        for route in (PaymentRoute(payment.id), CreditCheckRoute(check.id), LookupRoute(check.corporation_number)):
            stage.show_route(route)
            page = stage.frame.current_page
            assert page is not None
            tab_bar = next(bar for bar in page.findChildren(TabBar) if bar.isVisible())
            for number in (*range(1, tab_bar.count()), 0):
                tab_bar.setFocus()
                tab_bar.setCurrentIndex(number)
                stage.wait_until_idle()
                area = find_page_area(tab_bar)
                contents = area.widget()
                assert contents is not None
                bottom = tab_bar.mapTo(contents, QPoint(0, tab_bar.height())).y()
                in_sight = QRect(contents.mapFrom(area.viewport(), QPoint(0, 0)), area.viewport().size())
                where = (route, number)
                assert in_sight.contains(tab_bar.mapTo(contents, QPoint(1, 1))), where
                below = contents.height() - bottom - 1
                assert in_sight.bottom() - bottom >= min(in_sight.height() // 2, below), where


@pytest.mark.parametrize("scale", [1.5, 2.0])
def test_a_scrolled_record_keeps_its_title_badges_and_verdict_visible(
    qapp: QApplication, tmp_path: Path, scale: float
) -> None:
    """While the header of a record is scrolled out of sight, a line above the contents has the title, the badges and
    the verdict of this record. At the top of the page, and for the next record, the line isn't there."""
    with open_stage(tmp_path / "desk", WindowLook("ja", "light", 1280, 800, scale=scale)) as stage:
        for route in (
            *(CreditCheckRoute(stage.desk.list_checks(name)[0].id) for name in ("complete", "unknown")),
            *(PaymentRoute(stage.desk.list_payments(name)[-1].id) for name in ("refund_unknown", "refunded")),
        ):
            stage.show_route(route)
            page = stage.find(RecordPage)
            line, scroll_bar = page.title_line, page.contents_area.verticalScrollBar()
            assert line.isHidden(), route
            scroll_bar.setValue(scroll_bar.maximum())
            stage.wait_until_idle()
            is_head_visible = page.head.mapTo(page.contents_area, page.head.rect().bottomLeft()).y() >= 0
            assert line.isVisible() != is_head_visible, route
            if line.isVisible():
                assert line.title_label.plain == page.head.title.short_form
                assert [badge.word for badge in line.badges] == [badge.word for badge in page.head.badges]
                assert all(badge.isVisible() for badge in line.badges)
                assert line.verdict_label.plain == page.form.verdict
                assert line.verdict_label.isVisible()
                assert scroll_bar.value() == scroll_bar.maximum()
                assert line.geometry().bottom() < page.contents_area.geometry().top()
                assert find_faults() == [], route
            scroll_bar.setValue(0)
            stage.wait_until_idle()
            assert line.isHidden(), route
            scroll_bar.setValue(scroll_bar.maximum())
            stage.wait_until_idle()
        assert line.isVisible()
        stage.show_route(CreditCheckRoute(stage.desk.list_checks("complete")[-1].id))
        assert stage.find(RecordPage).title_line.isHidden()


def test_a_narrow_window_keeps_the_whole_title_of_a_scrolled_record(qapp: QApplication, tmp_path: Path) -> None:
    """In a narrow window at the largest text size, the line above a scrolled record leaves out the verdict and at
    least one badge, and has the whole title and the first badge. In a wide window it has the verdict and all badges.
    """
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 960, 700, scale=2.0)) as stage:
        stage.show_route(PaymentRoute(stage.desk.list_payments("refund_unknown")[-1].id))
        page = stage.find(RecordPage)
        scroll_bar = page.contents_area.verticalScrollBar()
        scroll_bar.setValue(scroll_bar.maximum())
        stage.wait_until_idle()
        line = page.title_line
        assert line.isVisible()
        assert line.title_label.width() >= line.title_label.sizeHint().width()
        assert not line.verdict_label.isVisible()
        assert line.badges[0].isVisible()
        assert not all(badge.isVisible() for badge in line.badges)
        stage.window.resize(1920, 700)
        stage.wait_until_idle()
        assert line.verdict_label.isVisible()
        assert all(badge.isVisible() for badge in line.badges)


def test_a_page_opens_at_its_top_and_keeps_its_header_visible(qapp: QApplication, tmp_path: Path) -> None:
    """In a window of 1280x800, the title, the badges and the panels with the compared states stay visible when a
    person opens another tab. Another record, or another visit to Home or the reports, opens at the top, although the
    page was scrolled down before."""
    with open_stage(tmp_path / "desk", WindowLook("ja", "light", 1280, 800)) as stage:
        checks = [stage.desk.list_checks(name)[0].id for name in ("complete", "unknown")]
        payments = [stage.desk.list_payments(name)[-1].id for name in ("refund_unknown", "complete")]
        for record_route in (*map(CreditCheckRoute, checks), *map(PaymentRoute, payments)):
            stage.show_route(record_route)
            page = stage.find(RecordPage)
            area = page.contents_area
            assert area.verticalScrollBar().value() == 0, record_route
            for number in (*range(1, page.tabs.tabs.count()), 0):
                page.tabs.tabs.setFocus()
                page.tabs.tabs.setCurrentIndex(number)
                stage.wait_until_idle()
                assert area.verticalScrollBar().value() == 0, (record_route, number)
            page.tabs.show_tab("evidence")
            stage.wait_until_idle()
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        for route in (ReportsRoute(), HomeRoute()):
            stage.show_route(route)
            area = find_page_area(stage.find(TitleLabel))
            tab_bars = [bar for bar in stage.window.findChildren(TabBar) if bar.isVisible()]
            for tab_bar in tab_bars:
                for number in (*range(1, tab_bar.count()), 0):
                    tab_bar.setCurrentIndex(number)
                    stage.wait_until_idle()
                    assert area.verticalScrollBar().value() == 0, (route, number)
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
            stage.show_route(QueuesRoute("review"))
            stage.show_route(route)
            assert area.verticalScrollBar().value() == 0, route


def find_page_area(widget: QWidget) -> PageScrollArea:
    """Return the area that scrolls the widget together with its page, or with the contents of its page."""
    parent = widget.parentWidget()
    while not isinstance(parent, PageScrollArea):
        assert parent is not None
        parent = parent.parentWidget()
    return parent


def list_scrolling_areas(page: Page) -> list[QWidget]:
    """Return the areas of the window that have a visible scroll bar."""
    bars = [bar for bar in page.window().findChildren(QScrollBar) if bar.isVisible()]
    holders = [holder for bar in bars if (holder := bar.parentWidget()) is not None]
    return [area for holder in holders if (area := holder.parentWidget()) is not None]


@pytest.mark.parametrize("scale", [1.5, 2.0])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_decision_buttons_stay_visible_at_large_text(
    qapp: QApplication, tmp_path: Path, language: str, scale: float
) -> None:
    """At a large text size, a single scroll bar moves the selected card with its request, and the decision buttons
    below stay visible. A button selects the next card. After the approver has read to the end with the space key, the
    refund can be approved.
    """
    with open_stage(tmp_path / "desk", WindowLook(language, "light", 1280, 800, scale=scale)) as stage:
        stage.opening.context.change_operator("lead-b")
        stage.show_route(ApprovalsRoute())
        page = stage.find(ApprovalsPage)
        cards = page.list_panel.cards
        assert len(cards) > 3
        for number in range(4):
            cards = page.list_panel.cards  # the demo's desks ask for more meanwhile
            assert page.list_panel.card_list.current_ref == cards[number].ref
            assert page.list_panel.position_label.plain == f"{number + 1} / {len(cards)}"
            for button in (page.approve_button, page.reject_button):
                assert button.visibleRegion().boundingRect() == button.rect(), (number, button.text())
            assert find_faults() == [], number
            assert list_scrolling_areas(page) == [page.scroll_area], [
                (type(area), area.geometry()) for area in list_scrolling_areas(page)
            ]
            QTest.mouseClick(page.list_panel.next_button, Qt.MouseButton.LeftButton)
            stage.wait_until_idle()
        page.list_panel.card_list.select_card(cards[0].ref)
        stage.wait_until_idle()
        page.probe_payment()
        stage.wait_until_idle()
        page.list_panel.card_list.setFocus()
        for _ in range(40):
            if page.approve_button.isEnabled():
                break
            QTest.keyClick(page.list_panel.card_list, Qt.Key.Key_Space)
            stage.wait_until_idle()
        assert page.approve_button.isEnabled(), page.disabled_reason_label.plain
        assert page.scroll_area.verticalScrollBar().value() == page.scroll_area.verticalScrollBar().maximum()


@pytest.mark.parametrize("can_store_password", [True, False])
def test_sign_in_is_visible_after_a_refusal_at_the_largest_text(
    qapp: QApplication, tmp_path: Path, can_store_password: bool
) -> None:
    """At 200 % in the smallest usual window, the whole button *Sign in* is visible without scrolling after a refusal,
    with and without a keyring."""
    with open_stage(tmp_path / "desk", WindowLook("en", "light", 1280, 800, scale=2.0)) as stage:
        form = SignInForm(
            stage.opening.context, "db.example:3306/console", "op-a", can_store_password=can_store_password
        )
        stage.frame.window_cover.show_cover(PrivacyCover(stage.opening.context, form))
        form.show_failure(Failure(ErrorCode.BAD_PROFILE, {"problem": "access_denied"}))
        stage.wait_until_idle()
        button = form.submit_button
        assert button.visibleRegion().boundingRect() == button.rect()
