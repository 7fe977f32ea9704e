"""The home page: counts of the queues, unfinished work, the records that have waited longest for a review, and
recently opened records."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QStackedWidget, QWidget

from console.domain.calendar_days import JST
from console.domain.queues.saved_views import ViewCount
from console.domain.records import CreditCheck
from console.domain.views.any_record import QueueItem, UnfinishedOperation
from console.views.frame.status_bar import make_alarmbox_cell, make_database_cell, make_gateway_cell
from console.views.home.age_panel import QueueAgePanel
from console.views.home.count_panels import CountLine, CountPanel
from console.views.home.draft_bar import DraftBar
from console.views.home.first_tasks_panel import FirstTasksPanel
from console.views.home.recent_records import RecentRecordsPanel
from console.views.pages.base import Page, has_room_beside_lists, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.fitted_table import MAX_TRAIL_ROWS_PER_DIRECTION, FittedTable
from console.views.pages.scroll_container import PageScrollArea
from console.views.pages.whole_text_line import WholeTextLine
from console.views.presenters import records as case_words
from console.views.presenters.own_work import OwnWorkGroup, list_own_work
from console.views.presenters.records import ShownRecord
from console.views.presenters.saved_views import (
    format_record_count,
    get_saved_view_icon,
    make_saved_view_key,
    parse_saved_view_key,
)
from console.views.records.columns import make_record_columns
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage as Rows
from console.views.runtime.routes import QueuesRoute, RecordPageRoute, RecordRef, make_queue_route
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import UNLIMITED_WIDTH_PX, Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_QUEUE_ICONS_AND_TONES = (
    ("review", "square_bang", "care"),
    ("unknown", "question", "unknown"),
    ("disagree", "not_equal", "bad"),
    ("refunds", "arrow_back", "progress"),
    ("incomplete", "open_ring_plus", "care"),
    ("pending", "half_disc", "progress"),
    ("error", "cross", "bad"),
    ("notices", "question", "care"),
    ("companies", "not_equal", "care"),
)
_MIN_RECENT_PANEL_WIDTH_PX = 304  # beside the table, whose reasons need the remaining width of 1440 px
_MIN_PANEL_WIDTH_PX = 280  # least width of a panel, in px at text size 1
_REASONS_WITHOUT_MOVE = (
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
)
"""Reasons for which the list loses the focus for a time although the person doesn't move it."""
_MIN_TABLE_ROWS = 4  # all records are in the queue, to which a link leads
_MAX_TABLE_ROWS = 12
_MAX_SAVED_VIEW_LINES = 4
_REVIEW_COLUMN_NAMES = ("age", "company", "name", "amount", "state", "certainty", "why")


class HomePage(Page):
    """The home page. It has panels with the counts of the queues, of the acting person's unfinished work and of the
    saved views. A table lists the records that have waited longest for a review. A press on a count opens its queue,
    its view or the dialog of unfinished work.
    """

    sidebar_key = "home"
    shows_read_time = False  # the header shows when the counts were read
    help_key = "help.home"
    key_hints = (
        (("Tab",), "key.next_panel"),
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("Ctrl+K",), "key.search"),
        (("Ctrl+L",), "key.lock"),
        (("F1",), "key.help"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self._shown_work: UnfinishedOperation | None = None
        self._shown_bar_sentence = ""
        self._first_ref: RecordRef | None = None  # of the first row, while it is current because it is the first
        self._has_list_focus_from_opening = False  # until the person moves the focus
        translate = context.translate
        self.head = self.make_page_head(translate("screen.home"))
        self.add_content(self.head)
        self.add_bar_container(gap_below_px=16)  # the distance between the panels
        self._own_column, self._provider_column = QWidget(self), QWidget(self)
        self.own_work_panel = CountPanel(translate("home.my_work"), self._own_column)
        self.first_tasks_panel = FirstTasksPanel(context, self._provider_column)
        self.team_panel = CountPanel(translate("home.team"), self)
        self.provider_panel = CountPanel(translate("home.providers"), self._provider_column)
        self.age_panel = QueueAgePanel(context, self._own_column)
        self.views_panel = CountPanel(translate("home.views"), self._provider_column)
        self.views_panel.line_pressed.connect(self._open_saved_view)
        context.saved_views_changed.connect(self._show_saved_views)
        context.first_tasks.changed.connect(self._show_saved_views)  # after its panel, which is connected earlier
        self.own_work_panel.line_pressed.connect(self._open_own_work)
        self.team_panel.line_pressed.connect(self._open_queue)
        self.add_content(self._make_count_panels())
        self.add_content(self._make_table_and_recent_panel(), 1)
        self.add_key_hints()
        context.work_counts_changed.connect(self._show_work_counts)
        context.person_changed.connect(self._show_work_counts)
        context.connection_state_changed.connect(self._show_response_times)
        context.minute_passed.connect(self._show_work_counts)
        self.table.installEventFilter(self)
        self.draft_bar = DraftBar(self)
        self._show_work_counts()
        self._show_response_times()
        self._show_saved_views()
        self._set_tab_order()

    def _set_tab_order(self) -> None:
        first_tasks, counts = self.first_tasks_panel.focus_stops, self._list_count_focus_stops()
        is_first = self._count_panel_row.indexOf(self.first_tasks_panel) >= 0
        set_tab_order(
            *self.head.focus_stops,
            *((*first_tasks, *counts) if is_first else (*counts, *first_tasks)),
            *self.views_panel.focus_stops,
            self.queue_link,
            self.table,
        )

    def _list_count_focus_stops(self) -> list[QWidget]:
        panels = self.own_work_panel, self.age_panel, self.team_panel
        return [widget for panel in panels for widget in panel.focus_stops]

    def _make_count_panels(self) -> QHBoxLayout:
        margin = tokens().px("spacing", "page_margin")
        self._own_column.setLayout(column := make_column(self.own_work_panel, self.age_panel, gap_px=16))
        column.setStretch(1, 1)
        provider_parts = self.provider_panel, self.first_tasks_panel, self.views_panel
        self._provider_column.setLayout(column := make_column(*provider_parts, gap_px=16))
        for column_index in (0, 2):
            column.setStretch(column_index, 1)
        panel_row = self._count_panel_row = make_row(
            self._own_column, self.team_panel, self._provider_column, gap_px=16, margins=(margin, 0, margin, 20)
        )
        for column_index in range(3):
            panel_row.setStretch(column_index, 1)
        return panel_row

    def _make_table_and_recent_panel(self) -> QWidget:
        context = self.context
        self.rows = PagedModel(
            [
                replace(
                    column, is_stretched=column.key == "why"
                )  # not the company: its names are short in a wide window
                for column in make_record_columns(
                    context, _REVIEW_COLUMN_NAMES, _get_queue_item_record, _get_waiting_start_time
                )
            ],
            _make_queue_item_ref,
            context.runner,
            parent=self,
        )
        self.table = FittedTable(
            self.rows,
            context.translate("home.oldest"),
            hideable_columns=("certainty",),  # the reason contains more information
            naming_columns=("company",),
        )
        ColumnWidthStorage(context, self.table, "home")
        self.table.opened.connect(self._open_queue_item)
        self.table.current_changed.connect(self._show_current_row)
        self.rows.failed.connect(self.show_reading_failure)
        self.rows.page_applied.connect(self._show_rows)
        table_and_recent_panel = QWidget(self)
        list_pane = Surface(table_and_recent_panel, edge="top")
        self.table_stack = QStackedWidget(list_pane)
        self.table_stack.addWidget(self.table)
        self.table_stack.addWidget(self._make_empty_state())
        self._set_min_table_height()
        self._review_count = TextLabel("", "small_data", "muted")
        queue_link = self.queue_link = LinkButton(context.translate("home.open_queue"))
        queue_link.clicked.connect(self._open_review_queue)
        margin = tokens().px("spacing", "page_margin")
        title = make_row(
            TextLabel(context.translate("home.oldest"), "panel_title"),
            self._review_count,
            None,
            queue_link,
            margins=(margin, 8, margin, 8),
        )
        list_pane.setLayout(make_column(title, self.table_stack, WholeTextLine(self.table, ("why",)), gap_px=0))
        self.recent_panel = RecentRecordsPanel(context, table_and_recent_panel)
        panel_row = self._table_and_recent_row = make_row(list_pane, self.recent_panel, gap_px=0)
        panel_row.setStretch(0, 1)
        table_and_recent_panel.setLayout(panel_row)
        return table_and_recent_panel

    def _set_min_table_height(self) -> None:
        """Make the table as high as its rows, but at least as high as four rows. If the window is not high enough for
        the table, the page scrolls, not the table."""
        appearance, rows = current_appearance(), max(_MIN_TABLE_ROWS, self.rows.rowCount())
        self.table_stack.setMinimumHeight(appearance.row_height("header") + rows * appearance.row_height())

    def _make_empty_state(self) -> QWidget:
        """Return the widget that replaces the table if no record needs a review."""
        translate = self.context.translate
        self._empty_state_button = KeyButton(translate("home.open_queue"))
        self._empty_state_button.clicked.connect(self._open_review_queue)
        self.empty_state = EmptyState(
            translate("home.empty"), translate("home.hint"), button=self._empty_state_button
        )
        return self.empty_state

    @Slot()
    def _show_rows(self) -> None:
        self.mark_data_read()
        is_empty = self.rows.has_read_last_page and self.rows.row_count == 0
        self.table_stack.setCurrentWidget(self.empty_state if is_empty else self.table)
        self._keep_first_row_current()
        self._set_min_table_height()
        self.restore_focus()

    def _keep_first_row_current(self) -> None:
        """If the person has selected no row, make the first row the current one again. The rows may have changed: a
        record that has waited longer may have been added above the row that was the first one."""
        current_ref = self._find_current_ref()
        if current_ref is None or current_ref == self._first_ref:
            self.table.go_to_first_row()
            self._first_ref = self._find_current_ref()

    def _find_current_ref(self) -> RecordRef | None:
        item = self.table.current_item
        return _make_queue_item_ref(item) if isinstance(item, QueueItem) else None

    @Slot()
    def _show_current_row(self) -> None:
        """Scroll the page to the current row of the table, which doesn't scroll itself. Don't scroll to the first row
        as long as it is current only because the page has opened."""
        if self._has_list_focus_from_opening and self._find_current_ref() == self._first_ref:
            self._stay_at_top()
            return
        area = self._find_scroll_area()
        if area is not None and self.table.hasFocus():
            area.scroll_to_focused_widget()

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        """Return the widgets that may get the focus when the page opens, in order of preference: the first tasks if
        they are above the counts, the counts, the table, and the button that replaces an empty table. The first tasks
        and the counts are in the list only if the table begins below the visible part of the page (large text or a
        low window), so that the page opens at its top."""
        if self._is_table_visible_without_scrolling():
            return self.table, self._empty_state_button
        first_tasks = self.first_tasks_panel.focus_stops if self._are_first_tasks_on_top else ()
        return *first_tasks, *self.own_work_panel.focus_stops, self.table, self._empty_state_button

    @property
    def _are_first_tasks_on_top(self) -> bool:
        """True if the first tasks are shown above all other panels, because the panels form one column."""
        return not self.first_tasks_panel.isHidden() and self._count_panel_row.indexOf(self.first_tasks_panel) >= 0

    def take_focus(self) -> None:
        super().take_focus()
        self._has_list_focus_from_opening = self.table.hasFocus()
        area = self._find_scroll_area()
        if area is not None:
            area.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_moved = isinstance(event, QFocusEvent) and event.reason() not in _REASONS_WITHOUT_MOVE
        is_left = is_moved and event.type() == QEvent.Type.FocusOut
        if isinstance(watched, PageScrollArea) and event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self._stay_at_top)  # a bar above the page may hide the list
        if watched is self.table and (is_left or event.type() == QEvent.Type.KeyPress):
            self._has_list_focus_from_opening = False
        return super().eventFilter(watched, event)

    @Slot()
    def _stay_at_top(self) -> None:
        """Choose the focus again if the list, which got it when the page opened, is now below the visible part of the
        page, because a bar or more counts have appeared above it. Otherwise the page would scroll to the list, and
        would hide its title and the bar. Do nothing if the person has moved the focus or the current row."""
        if not (self._has_list_focus_from_opening and self.table.hasFocus()):
            return
        area = self._find_scroll_area()
        if area is not None and not self._is_table_visible_without_scrolling():
            self.take_focus()
            area.scroll_to_top()

    def _find_scroll_area(self) -> PageScrollArea | None:
        """Return the area that scrolls this page; None before the page is in the window."""
        viewport = self.parentWidget()
        area = viewport.parentWidget() if viewport is not None else None
        return area if isinstance(area, PageScrollArea) else None

    def _is_table_visible_without_scrolling(self) -> bool:
        """Return True if the first row of the table is visible while the page isn't scrolled."""
        area = self._find_scroll_area()
        if area is None:
            return True
        area.fit_page()
        if (layout := self.layout()) is not None:
            layout.activate()
        appearance = current_appearance()
        first_row_bottom = appearance.row_height("header") + appearance.row_height()
        return self.table_stack.mapTo(self, QPoint(0, first_row_bottom)).y() <= area.viewport().height()

    def show_route(self, route: object) -> None:
        self.draft_bar.show_drafts()
        QTimer.singleShot(0, self, self._stay_at_top)  # after Qt has laid out the bars
        if self.rows.rowCount() == 0:
            self.refresh("entered")

    # -- reading

    def read_data(self, reason: str) -> None:
        if reason in ("arrived", "entered", "person"):
            self.rows.read_query(self.context.make_page_reader(_read_oldest_records_to_review))
        else:
            self.rows.read_rows_again()
        self.age_panel.read_ages()

    # -- display

    @Slot()
    def _show_work_counts(self) -> None:
        context, work_counts = self.context, self.context.work_counts
        self.head.sentence_label.show_text(_format_today(context))
        self.head.read_time_label.show_text(
            context.translate("screen.last_read", at=work_counts.read_at) if work_counts.read_at else ""
        )
        self.team_panel.show_lines(
            [_make_queue_line(context, *queue) for queue in _QUEUE_ICONS_AND_TONES], _format_team_footer(context)
        )
        own_count = len(list_own_work(work_counts.unfinished_operations, context.operator))
        total = len(work_counts.unfinished_operations)
        footer_key = "home.my_work_foot" if total else "home.my_work_none"
        footer = context.translate(footer_key, own=own_count, total=total) if work_counts.read_at is not None else ""
        self.own_work_panel.show_lines(_make_own_work_lines(context), footer)
        review = work_counts.find_queue_count("review")
        self._review_count.show_text(wording.format_count(review.count, is_capped=review.is_capped) if review else "")
        self._show_unfinished_operation_bar()
        self.table.repaint_ages()
        QTimer.singleShot(0, self, self._stay_at_top)  # after Qt has laid out the bar and the counts

    @Slot()
    def _show_response_times(self) -> None:
        """Show the response times of the database and of the providers, and the time of the last due tasks."""
        context = self.context
        due_tasks_text = (
            context.translate("home.providers_foot", at=context.last_due_tasks_at)
            if context.last_due_tasks_at
            else context.translate("home.providers_foot_none")
        )
        self.provider_panel.show_lines(_make_provider_lines(context), due_tasks_text)

    @Slot()
    def _show_saved_views(self) -> None:
        """Show the saved views with their record counts. If no view is saved, the panel explains how to save one; it
        is hidden instead while the panel of the first tasks is visible.
        """
        views, translate = self.context.saved_views, self.context.translate
        self.views_panel.setVisible(bool(views) or self.first_tasks_panel.isHidden())
        further_count = len(views) - _MAX_SAVED_VIEW_LINES
        footer_text = (
            translate("home.views_further", n=further_count) if further_count > 0 else translate("home.views_foot")
        )
        footer_text = footer_text if views else translate("home.views_none")
        self.views_panel.show_lines(
            [_make_saved_view_line(self.context, view) for view in views[:_MAX_SAVED_VIEW_LINES]], footer_text
        )
        self._set_tab_order()
        QTimer.singleShot(0, self, self._stay_at_top)  # after Qt has laid out the views

    def _show_unfinished_operation_bar(self) -> None:
        """Show a bar about the acting person's oldest unfinished operation whose record is known. If the person has
        no such operation, hide the bar."""
        stopped_operations = [
            oldest_work
            for oldest_work in list_own_work(self.context.work_counts.unfinished_operations, self.context.operator)
            if oldest_work.record is not None
        ]
        if not stopped_operations:
            self.hide_bar("unfinished")
            return
        oldest_work = min(stopped_operations, key=lambda item: item.operation.started_at)
        sentence = _format_unfinished_operation(self.context, oldest_work)
        if "unfinished" in self.list_bar_names() and sentence == self._shown_bar_sentence:
            return
        self._shown_bar_sentence, self._shown_work = sentence, oldest_work
        button = KeyButton(self.context.translate("action.open"), kind="inline")
        button.clicked.connect(self._open_unfinished_operation)
        bar = NotificationBar(
            self.context.translate("home.unfinished"),
            sentence,
            tone="progress",
            icon_name="clock",
            button=button,
            route=self._make_unfinished_record_route(),
        )
        self.show_bar("unfinished", bar, is_above_contents=True)

    # -- navigation

    @Slot(object)
    def _open_queue_item(self, queue_item: QueueItem) -> None:
        self._first_ref = None  # the row is chosen now
        trail = tuple(
            _make_queue_item_ref(row_) for row_ in self.table.list_rows_around_current(MAX_TRAIL_ROWS_PER_DIRECTION)
        )
        self.context.navigate(case_words.make_record_route(queue_item.record, trail, "queues"))

    def go_to_record(self, ref: RecordRef) -> None:
        self.table.go_to_item(lambda item: _make_queue_item_ref(item) == ref)

    @Slot()
    def _open_unfinished_operation(self) -> None:
        if (route := self._make_unfinished_record_route()) is not None:
            self.context.navigate(route)

    def _make_unfinished_record_route(self) -> RecordPageRoute | None:
        """Return the route to the record that the bar about the unfinished operation names."""
        record = self._shown_work.record if self._shown_work else None
        return None if record is None else case_words.make_record_route(record, (), "home")

    @Slot()
    def _open_review_queue(self) -> None:
        self.context.navigate(QueuesRoute("review"))

    @Slot(str)
    def _open_saved_view(self, key: str) -> None:
        self.context.navigate(QueuesRoute(view_id=parse_saved_view_key(key)))

    @Slot(str)
    def _open_own_work(self, group_name: str) -> None:
        self.context.command_requested.emit(f"own_work.{group_name}")

    @Slot(str)
    def _open_queue(self, queue: str) -> None:
        self.context.navigate(make_queue_route(queue))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_panels_to_width()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "recent_panel"):
            self._set_min_table_height()
            self._fit_panels_to_width()

    def event(self, event: QEvent) -> bool:
        """Fit the panels again after a change of their contents, because their texts may need more width. Return True
        if Qt has recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest and hasattr(self, "recent_panel"):
            self._fit_panels_to_width()
        return super().event(event)

    def _has_room_for_panels_side_by_side(self) -> bool:
        """Return True if the visible part of the page is wide enough for the three columns of panels."""
        parent = self.parentWidget()
        room_px = min(self.width(), parent.width()) if parent else self.width()
        row, margins = self._count_panel_row, self._count_panel_row.contentsMargins()
        items = [item for index in range(row.count()) if (item := row.itemAt(index))]
        columns = [item for item in items if item.widget() is not self.first_tasks_panel]  # it is in one of them
        needed_px = margins.left() + sum(column.minimumSize().width() for column in columns) + margins.right()
        needed_px += (len(columns) - 1) * row.spacing()
        return room_px >= max(needed_px, round(_MIN_PANEL_WIDTH_PX * 3 * current_appearance().scale))

    def _place_first_tasks(self, *, is_first: bool) -> None:
        """Place the panel of the first tasks above all other panels (`is_first`), because one column of panels would
        hide it below the visible part of the page; otherwise below the panel of the providers."""
        panel, row, column = self.first_tasks_panel, self._count_panel_row, self._provider_column.layout()
        if is_first == (row.indexOf(panel) >= 0) or not isinstance(column, QBoxLayout):
            return
        (column if is_first else row).removeWidget(panel)
        if is_first:
            row.insertWidget(0, panel)
        else:
            column.insertWidget(column.indexOf(self.provider_panel) + 1, panel)
        self._set_tab_order()

    def _fit_panels_to_width(self) -> None:
        side_by_side = self._has_room_for_panels_side_by_side()
        left_to_right, top_to_bottom = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._count_panel_row.setDirection(left_to_right if side_by_side else top_to_bottom)
        self._place_first_tasks(is_first=not side_by_side)
        is_wide = side_by_side and has_room_beside_lists(self.window())
        # In a narrow window the recent records stand below the table: beside it, they would cut off its reasons.
        self._table_and_recent_row.setDirection(left_to_right if is_wide else top_to_bottom)
        self.recent_panel.set_border_toward_table(is_beside=is_wide)
        wide_px = max(_MIN_RECENT_PANEL_WIDTH_PX, self.width() * 6 // 25)
        self.recent_panel.setMinimumWidth(wide_px if is_wide else 0)
        self.recent_panel.setMaximumWidth(wide_px if is_wide else UNLIMITED_WIDTH_PX)


def _read_oldest_records_to_review(services: "Console", _cursor: object, limit: int) -> Rows:
    """Return the records that have waited longest in the queue `review`: at most `limit`, and never more than
    _MAX_TABLE_ROWS. There is no next page."""
    return Rows(services.recovery.read_queue("review", min(limit, _MAX_TABLE_ROWS)).items, None)


def _make_queue_item_ref(queue_item: QueueItem) -> RecordRef:
    return case_words.make_record_ref(queue_item.record)


def _get_queue_item_record(queue_item: QueueItem) -> ShownRecord:
    return queue_item.record


def _get_waiting_start_time(queue_item: QueueItem) -> datetime | None:
    return queue_item.since


def _format_today(context: WindowContext) -> str:
    now = context.now()
    weekday = context.translate(f"weekday.{now.astimezone(JST).weekday()}")
    return context.translate("home.today", at=now, weekday=weekday)


def _make_queue_line(context: WindowContext, queue: str, icon_name: str, tone: str) -> CountLine:
    queue_count = context.work_counts.find_queue_count(queue)
    word = context.translate(f"queue.{queue}.title")
    if queue_count is None or not queue_count.count:
        return CountLine(queue, icon_name, "muted", word, "", "0" if queue_count else "")
    age_text = (
        context.translate("queue.oldest", age=context.format_age(queue_count.oldest)) if queue_count.oldest else ""
    )
    count = wording.format_count(queue_count.count, is_capped=queue_count.is_capped)
    return CountLine(queue, icon_name, tone, word, age_text, count)  # type: ignore[arg-type]  # one of the tones in _QUEUE_ICONS_AND_TONES


def _make_saved_view_line(context: WindowContext, view_count: ViewCount) -> CountLine:
    tone: Tone = "care" if view_count.problems else ("text" if view_count.count else "muted")
    detail = context.translate("queue.oldest", age=context.format_age(view_count.oldest)) if view_count.oldest else ""
    if view_count.unreadable_conditions:
        detail = context.translate("view.unreadable")
    return CountLine(
        make_saved_view_key(view_count.view.id),
        get_saved_view_icon(view_count),
        tone,
        view_count.view.name,
        detail,
        format_record_count(view_count),
    )


def _make_own_work_lines(context: WindowContext) -> list[CountLine]:
    return [
        _make_own_work_line(context, OwnWorkGroup.RUNNING, "half_disc", "progress"),
        _make_own_work_line(context, OwnWorkGroup.TO_RESOLVE, "question", "unknown"),
        _make_own_work_line(context, OwnWorkGroup.SCHEDULED, "circle_arrow", "progress"),
    ]


def _make_own_work_line(context: WindowContext, group: OwnWorkGroup, icon_name: str, tone: Tone) -> CountLine:
    word = context.translate(f"home.{group}")
    operations = list_own_work(context.work_counts.unfinished_operations, context.operator, group)
    if not operations:
        count_text = "0" if context.work_counts.read_at is not None else ""  # not read yet
        return CountLine(group, icon_name, "muted", word, "", count_text)
    oldest = min(work.operation.started_at for work in operations)
    detail = context.translate("queue.oldest", age=context.format_age(oldest))
    return CountLine(group, icon_name, tone, word, detail, str(len(operations)))


def _make_provider_lines(context: WindowContext) -> list[CountLine]:
    gateways = (make_gateway_cell(context, gateway) for gateway in context.connection_state.gateways)
    cells = (make_database_cell(context), *gateways, make_alarmbox_cell(context))
    return [CountLine("", "", "text", cell.name, "", cell.text, cell.icon_name, cell.tone) for cell in cells]


def _format_unfinished_operation(context: WindowContext, work: UnfinishedOperation) -> str:
    """Return the sentence about an unfinished operation: its record or corporation number, and the time of its
    beginning."""
    record = work.record
    if record is not None and not isinstance(record, CreditCheck):
        title, started_at = case_words.format_record_title(record, context), work.operation.started_at
        return context.translate(
            "home.unfinished_case", title=title, since=started_at, state=work.operation.state.value
        )
    return context.translate(
        "home.unfinished_line",
        number=work.operation.corporation_number,
        id=record.id if record else None,
        since=work.operation.started_at,
        state=work.operation.state.value,
    )


def _format_team_footer(context: WindowContext) -> str:
    """Return the text below the counts of the team. If the sidebar's count of the queues is larger than the number of
    records that need a person, the text names the other entries that this count contains."""
    waiting, review = context.work_counts.total_waiting_queue_count, context.work_counts.find_queue_count("review")
    if review is None or waiting.count == review.count:
        return context.translate("home.team_foot")
    return context.translate("home.team_foot_sum", n=wording.format_count(waiting.count, is_capped=waiting.is_capped))
