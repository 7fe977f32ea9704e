"""The page of the queues: the records that wait for a step, each with the reason and the next step."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.exports.tables import ExportRequest
from console.domain.queues.causes import CausePage
from console.domain.queues.filter_text import list_operator_like_words
from console.domain.queues.saved_views import SavedView, ViewContent, parse_view, split_filter_text
from console.domain.queues.sort_order import (
    DEFAULT_SORT_ORDER,
    QueueSortOrder,
    SortColumn,
    format_sort_order,
    parse_sort_order,
)
from console.domain.views.any_record import QueueItem
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, compute_side_panel_width, has_room_beside_lists, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.fitted_table import MAX_TRAIL_ROWS_PER_DIRECTION, FittedTable
from console.views.presenters import records as case_words
from console.views.presenters.saved_views import make_saved_view_key
from console.views.queues import rows as queue_rows
from console.views.queues.actions import QueuePageActions, list_impossible_key_hints
from console.views.queues.cause_groups import (
    CAUSE_ROW_KEY_PREFIX,
    CauseRow,
    GroupTable,
    GroupTableRow,
    format_group_heading,
    make_group_reader,
    make_group_summary,
    make_grouped_table_columns,
)
from console.views.queues.column_choice import ColumnChoice, arrange_columns
from console.views.queues.filter_bar import QueueFilterBar
from console.views.queues.new_arrivals import QueueArrivals
from console.views.queues.rows import QueueListQuery, QueueRow
from console.views.queues.selection_bar import QueueSelection
from console.views.queues.shown_view import SAVE_VIEW_SHORTCUT, VIEW_MENU_SHORTCUT, ShownSavedView
from console.views.queues.tabs import QueueTabs, list_queue_descriptions
from console.views.records import evidence_bundle
from console.views.records.preview_panel import GroupSummary, RecordPreview
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RECORD_QUEUE_NAMES, QueuesRoute, RecordRef, Route
from console.views.runtime.tasks import Failure
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.display.placeholders import EmptyState, replace_by_empty_state
from console.wording.sentences import catalogue as wording

_GROUPING_SHORTCUT = "G"
_COLUMNS_SHORTCUT = "C"
_PREVIEW_SHORTCUT = "I"
_PREVIEW_OPEN_PREFERENCE = "queues.preview"
_REASONS_TO_KEEP_ROWS = frozenset({"probed", "taken", "noted"})
"""Reasons with which the page reads its data again after the person's action on one record. If this record has left
the list, its row keeps its place, with a mark. Otherwise the next record would move to this place, and a key that the
person presses at this moment would act on the next record.
"""


def _get_row_key(row: GroupTableRow) -> Hashable:
    return row.key if isinstance(row, CauseRow) else queue_rows.get_row_record_ref(row)


_ROW_KEY_HINTS = (
    "key.move", "key.open", "key.choose", "key.probe", "key.refetch", "key.resolve", "action.open_payment",
    "key.take", "key.give_back", "key.hand_over", "key.note", "key.preview", "key.extend", "key.choose_all",
    "key.choose_none", "key.evidence_bundle",
)  # fmt: skip
"""Wording keys of the shortcuts that need a row of the list."""


class QueuesPage(Page):
    """The page of the queues. It has one tab per queue, the table of the selected queue and, in a wide window, a
    preview of the current record. In a list that isn't grouped or searched by words, a button shows the number of new
    items. These items get rows only after the page has read the list again, so that no row moves unexpectedly."""

    sidebar_key = "queues"
    help_key = "help.queues"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("Space",), "key.choose"),
        (("P",), "key.probe"),
        (("F",), "key.refetch"),
        (("E",), "key.resolve"),
        (("O",), "action.open_payment"),
        (("T",), "key.take"),
        (("Shift+T",), "key.give_back"),
        (("H",), "key.hand_over"),
        (("N",), "key.note"),
        ((_PREVIEW_SHORTCUT,), "key.preview"),
        (("Ctrl+F",), "key.filter"),
        ((_GROUPING_SHORTCUT,), "queue.by_cause"),
        ((_COLUMNS_SHORTCUT,), "key.columns"),
        ((VIEW_MENU_SHORTCUT,), "key.view_menu"),
        ((SAVE_VIEW_SHORTCUT,), "key.save_view"),
        (("Shift+↓", "Shift+↑"), "key.extend"),
        (("Ctrl+A",), "key.choose_all"),
        (("Ctrl+D",), "key.choose_none"),
        *list_export.EXPORT_KEY_HINTS,
        evidence_bundle.EVIDENCE_BUNDLE_KEY_HINT,
        (("Ctrl+Shift+T",), "key.copy_story"),
        (("Ctrl+/",), "key.list"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self.queue = "review"
        self._stored_row_key: tuple[object, ...] | None = None
        self._restored_view_id = 0
        self._state_of_changed_view: Mapping[str, Any] | None = None
        """The stored state to restore once the view with the id `_restored_view_id` has been read, because the person
        had changed the filter, sort order or grouping of the view; None if the view was shown unchanged."""
        self.by_cause = False
        self._listed_query: QueueListQuery | None = None
        self._opened_causes: set[str] = set()
        self.selection = QueueSelection(context, self)
        self.queue_actions = QueuePageActions(context, self, self.selection, lambda: self.current_row)
        self._build_header()
        self.preview = RecordPreview(context)
        self._table_by_key: dict[str, FittedTable] = {}
        self.table_stack = QStackedWidget()
        self.empty_state = QWidget()
        self.table_stack.addWidget(self.empty_state)
        self.unread_area = QWidget()  # in place of a table whose rows could not be read
        self.table_stack.addWidget(self.unread_area)
        self.new_arrivals = QueueArrivals(context, self)
        list_pane = QWidget()
        list_pane.setLayout(
            make_column(self.table_stack, make_row(self.new_arrivals.button, None, margins=(12, 0, 0, 0)), gap_px=0)
        )
        middle = make_row(list_pane, self.preview, gap_px=0)
        middle.setStretch(0, 1)
        self.add_content(middle, 1)
        self.add_content(self._make_difference_line())
        self.add_content(self.selection.bar)
        self.add_key_hints()
        self._connect_signals()
        self._repaint_ages()

    # -- construction

    def _build_header(self) -> None:
        translate = self.context.translate
        self.head = self.make_page_head(translate("screen.queues"))
        self.head.alternative_sentences = list_queue_descriptions(self.context)
        self.exporter = ListExporter(self.context, self, self._make_export_request, self.head)
        self.shown_saved_view = ShownSavedView(
            self.context, self, self.head, self._make_view_content, self.queue_actions.record_actions.show_refusal
        )
        self.shown_saved_view.further_entries.append(("queue.by_cause", _GROUPING_SHORTCUT, self.toggle_grouping))
        self.bind_shortcut(_GROUPING_SHORTCUT, self.toggle_grouping)
        self.columns = ColumnChoice(self.context, self, lambda: self.queue, lambda: self.table)
        self.columns.changed.connect(self._rebuild_tables)
        self.bind_shortcut(_COLUMNS_SHORTCUT, self.columns.open_dialog)
        self.shown_saved_view.further_entries.append(("view.columns", _COLUMNS_SHORTCUT, self.columns.open_dialog))
        self.shown_saved_view.further_entries.append(("view.usual_columns", "", self.columns.show_default_columns))
        self.shown_saved_view.view_opened.connect(self._show_view)
        self.shown_saved_view.changed.connect(self._show_view_name)
        self.tabs = QueueTabs(self.context, self.queue)
        tabs = self._tab_line = Surface(edge="bottom")
        tabs.setLayout(make_row(self.tabs, None))
        self.add_content(self.head)
        self.add_content(tabs)
        self.filter = QueueFilterBar(self.context, self)
        self.head.menu_entry_adders.append(self.filter.add_lists_to_menu)
        self.add_content(self.filter)

    def _make_difference_line(self) -> Surface:
        """Return the line below the list. For a record, the line shows the difference between the record's sides, or
        the cause. For the heading row of a group, the line shows the text of the heading, if the table is too narrow
        for it. For a record, the line is hidden while the preview is visible, because the preview shows the same
        text."""
        self.difference_label = TextLabel("", "small", wraps_lines=True, is_selectable=True)
        self._difference_title = TextLabel("", "small", "muted")
        self.difference_line = Surface(edge="top")
        line = make_row(gap_px=12, margins=(tokens().px("spacing", "page_margin"), 6, 24, 6))
        line.addWidget(self._difference_title, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.difference_label, 1)
        self.difference_line.setLayout(line)
        self.difference_line.hide()
        return self.difference_line

    @Slot()
    def _update_difference_line(self) -> None:
        """Show the text of the current row in the line below the list, or hide the line (see
        `_make_difference_line`)."""
        if not self._table_by_key:
            return  # `table` would make the table of the queue before its list is to be shown
        row = self.table.current_item
        column = next((column for column in self.table.rows.columns if column.key == "cause"), None)
        text, title = "", self.context.translate("column.difference")
        if isinstance(row, QueueRow) and not self._is_preview_shown():
            text = queue_rows.format_item_difference(row.item, self.context)
            if column is not None and (not text or self.is_low_window):  # a low window has no room for a repetition
                text = column.format_text(row) if self.table.is_cell_cut(column.key, row) else ""
                title = column.title
        elif isinstance(row, CauseRow) and isinstance(self.table, GroupTable) and self.table.is_heading_cut(row):
            text, title = format_group_heading(self.context, row), self.context.translate("column.cause")
        self.difference_label.show_text(text)
        self._difference_title.show_text(title)
        self.difference_line.setVisible(bool(text))

    def _connect_signals(self) -> None:
        self.tabs.queue_chosen.connect(self._choose_queue)
        self.context.minute_passed.connect(self._repaint_ages)
        self.filter.changed.connect(self._show_list)
        self.filter.causes_requested.connect(self._read_cause_groups)
        self.filter.focus_released.connect(self.take_focus)
        self.new_arrivals.reload_requested.connect(self.show_new_records)
        self.new_arrivals.rows_updated.connect(self._show_updated_rows)
        self.preview.open_requested.connect(self.open_current_record)
        self.preview.copied.connect(self.queue_actions.record_actions.show_copied_toast)
        self.queue_actions.bind_shortcuts()
        for signal, act in (
            (self.preview.open_payment_requested, self.queue_actions.open_payment_of_current_record),
            (self.preview.probe_requested, self.queue_actions.probe_selected_or_current_records),
            (self.preview.refetch_requested, self.queue_actions.refetch_selected_or_current_checks),
            (self.preview.resolve_requested, self.queue_actions.resolve_current_record),
        ):
            signal.connect(act)
        self.bind_shortcut("Ctrl+F", self.filter.focus_text_field)
        self.bind_shortcut(_PREVIEW_SHORTCUT, self.toggle_preview)
        self.context.preferences.loaded.connect(self._fit_preview)

    # -- which list

    def show_route(self, route: object) -> None:
        self._restored_view_id = 0
        if isinstance(route, QueuesRoute) and route.view_id:
            if not self._table_by_key:
                self._show_list()
            self.shown_saved_view.open_view(route.view_id)
            return
        if isinstance(route, QueuesRoute) and route.queue_name:
            self.shown_saved_view.leave_view()
        if (
            isinstance(route, QueuesRoute)
            and route.queue_name in RECORD_QUEUE_NAMES
            and route.queue_name != self.queue
        ):
            self.tabs.show_queue(route.queue_name)
            self._show_queue(route.queue_name)
        elif not self._table_by_key:
            self._show_list()

    def find_route_to_shown_contents(self, route: Route) -> Route:
        """Return the route to the saved view whose records the page shows. If the page shows no saved view, or if the
        person has changed the filter, sort order, columns or grouping of the view, return the route to the queue."""
        view = self.shown_saved_view.view
        if view is None or self.shown_saved_view.is_changed:
            return QueuesRoute(self.queue)
        return QueuesRoute(view_id=view.id)

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.table, self.tabs

    def get_screen_state(self) -> Mapping[str, Any]:
        row = self.current_row
        ref = list(case_words.make_record_ref(row.record)) if row is not None else None
        sort = format_sort_order(self.filter.sort_order)
        view = self.shown_saved_view.view.id if self.shown_saved_view.view is not None else 0
        return {
            "by_cause": self.by_cause,
            "queue": self.queue,
            "filter": self.filter.text,
            "sort": sort,
            "row": ref,
            "view": view,
            "view_changed": self.shown_saved_view.is_changed,
        }

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        self._restore_list(state)
        view = state.get("view")
        if isinstance(view, int) and view > 0:
            self._state_of_changed_view = state if state.get("view_changed") is True else None
            self._restored_view_id = view
            self.shown_saved_view.open_view(view)

    def _restore_list(self, state: Mapping[str, Any]) -> None:
        """Show the queue with the filter, the sort order and the grouping of the stored state, and make the stored
        row the current row."""
        queue, text, ref = state.get("queue"), state.get("filter"), state.get("row")
        order = parse_sort_order(str(state.get("sort") or "")) or DEFAULT_SORT_ORDER
        self.set_grouping(is_by_cause=state.get("by_cause") is True)
        has_filter = self.by_cause or (isinstance(text, str) and bool(text)) or order != DEFAULT_SORT_ORDER
        if has_filter:
            self.filter.show_filter(str(text or ""), "" if order == DEFAULT_SORT_ORDER else format_sort_order(order))
        self._stored_row_key = tuple(ref) if isinstance(ref, list) else None
        if queue in RECORD_QUEUE_NAMES and queue != self.queue:
            self.tabs.show_queue(str(queue))
            self._show_queue(str(queue))
        elif has_filter:
            self._show_list()

    def _make_view_content(self) -> ViewContent:
        """Return the queue, filter, sort order, columns and grouping that the page shows, as the content of a saved
        view."""
        operators, typed_words = split_filter_text(self.filter.text)
        order = self.filter.sort_order
        sort = "" if order == DEFAULT_SORT_ORDER else format_sort_order(order)
        return ViewContent(
            self.queue, operators, typed_words, sort, self.columns.get_chosen_column_keys(self.queue), self.by_cause
        )

    @Slot(object)
    def _show_view(self, view: SavedView) -> None:
        """Show the records of a saved view. Ignore the parts of its filter, sort order or columns that this program
        doesn't understand, and show a bar that names them."""
        content_before = self._make_view_content()
        parsed_view = parse_view(view.content, self.context.operator)
        is_known = view.content.queue in RECORD_QUEUE_NAMES
        problems = set(parsed_view.problems)
        known_terms = [term for term in view.content.filter.split() if term not in problems]
        sort = "" if parsed_view.sort_order == DEFAULT_SORT_ORDER else format_sort_order(parsed_view.sort_order)
        self.filter.show_filter(" ".join([*known_terms, parsed_view.filter.words]).strip(), sort)
        if is_known:
            self.tabs.show_queue(view.content.queue)
            self.queue = view.content.queue
        self.set_grouping(is_by_cause=view.content.by_cause)
        self.columns.show_view_columns(view.content.columns)
        if view.id != self._restored_view_id or self._make_view_content() != content_before:
            self._show_list()  # else the restored list has these records already, and goes to its stored row
        unknown_column_keys = self.columns.find_unknown_column_keys(self.queue, view.content.columns)
        self.shown_saved_view.show_problems(
            (*parsed_view.problems, *unknown_column_keys, *(() if is_known else (view.content.queue,)))
        )

    @Slot()
    def _show_view_name(self) -> None:
        """Show the name of the shown view in the header, and highlight its entry in the sidebar."""
        view = self.shown_saved_view.view
        if view is None:
            self.columns.show_view_columns(None)
        elif view.id == self._restored_view_id:
            state, self._state_of_changed_view, self._restored_view_id = self._state_of_changed_view, None, 0
            if state is not None:
                self._restore_list(state)
        self._show_header_sentence()
        self.screen_state_changed.emit()

    def _show_header_sentence(self) -> None:
        """Show in the header the sentence about the view or queue that the page shows, and choose the sidebar entry
        to highlight. If the person has changed the filter, sort order, columns or grouping of a view, the sentence
        says this, and the entry of the queues is highlighted. The entry of the view would show a wrong count, because
        it counts the records of the unchanged view."""
        view, translate = self.shown_saved_view.view, self.context.translate
        is_changed = self.shown_saved_view.is_changed
        self.sidebar_key = "queues" if view is None or is_changed else make_saved_view_key(view.id)
        sentence = translate(f"queue.{self.queue}.hint")
        if view is not None:
            key = "view.shown_team" if view.is_team else "view.shown"
            sentence = translate(f"{key}_changed" if is_changed else key, name=view.name)
        self.head.sentence_label.show_text(sentence)
        self.head.fit_sentence()

    def _make_export_request(self) -> ExportRequest:
        """Return the request to export the selected single records and the records of the selected groups. If no row
        or every record is selected, request all records that match the filter."""
        return self.query.make_export_request(self.filter.text.strip(), self.selection.get_chosen_records())

    @property
    def table(self) -> FittedTable:
        name = self.queue
        is_grouped = QueueListQuery(
            name, sort_order=self.filter.sort_order, is_grouped_by_cause=self.by_cause
        ).is_grouped_by_work
        key = name if is_grouped or name not in queue_rows.QUEUES_GROUPED_BY_WORK_STATE else f"{name}.sorted"
        key = f"{name}.{CAUSE_ROW_KEY_PREFIX}" if self.by_cause else key
        if key not in self._table_by_key:
            self._table_by_key[key] = self._make_table(name, is_grouped=is_grouped)
        return self._table_by_key[key]

    @property
    def query(self) -> QueueListQuery:
        """The query of the shown list: the queue with the filter, the searched words, the sort order and the
        grouping."""
        parsed_filter = self.filter.parsed_filter
        words = (
            "" if self.by_cause else parsed_filter.words
        )  # groups are counted by the database, which searches no words
        return QueueListQuery(self.queue, words, parsed_filter.record_filter, self.filter.sort_order, self.by_cause)

    @property
    def row_model(self) -> PagedModel:
        return self.table.rows

    @property
    def current_row(self) -> QueueItem | None:
        selected_row = self.table.current_item
        return selected_row.item if isinstance(selected_row, QueueRow) else None

    def _list_hidden_columns(self) -> frozenset[str]:
        """Return the keys of the columns that the table hides because the preview shows their contents."""
        return frozenset(
            {"next"} if self._is_preview_shown() and not self.columns.get_chosen_column_keys(self.queue) else ()
        )

    def _make_table(self, queue: str, *, is_grouped: bool) -> FittedTable:
        context = self.context
        group = queue_rows.make_work_heading_function(context) if is_grouped else None
        columns = queue_rows.make_queue_columns(context, queue, is_grouped=is_grouped)
        columns = arrange_columns(columns, self.columns.get_chosen_column_keys(queue))
        if self.by_cause:
            columns = make_grouped_table_columns(context, columns)
        model = PagedModel(columns, _get_row_key, context.runner, get_group=group, parent=self)
        kind = GroupTable if self.by_cause else FittedTable
        table = kind(
            model,
            context.translate(f"queue.{queue}.title"),
            hideable_columns=queue_rows.list_hideable_column_keys(queue),
            naming_columns=queue_rows.RECORD_NAMING_COLUMN_KEYS,
        )
        if isinstance(table, GroupTable):
            table.group_toggle_requested.connect(self._toggle_group)
        table.hidden_keys = self._list_hidden_columns()
        ColumnWidthStorage(context, table, f"queues.{queue}")
        table.enable_sorting()
        self.columns.bind_header(table)
        table.sort_requested.connect(self._sort_by_column)
        table.toggle_all_requested.connect(self.selection.toggle_all)
        table.opened.connect(self.open_current_record)
        table.current_changed.connect(self._show_current_record)
        model.page_applied.connect(partial(self._show_rows, model))
        model.page_applied.connect(partial(self.selection.select_new_rows, model))
        model.selection_changed.connect(partial(self.selection.update_after_selection_change, model))
        model.selection_changed.connect(partial(self._show_key_hints_of_selection, model))
        model.failed.connect(partial(self._show_list_failure, model))
        self.table_stack.addWidget(table)
        widgets_before_table = *self.head.focus_stops, self.tabs, *self.filter.focus_stops
        set_tab_order(*widgets_before_table, table, *self.selection.bar.focus_stops, self.new_arrivals.button)
        return table

    @Slot(str)
    def _choose_queue(self, queue_name: str) -> None:
        """Show the queue whose tab the person has selected, in place of a saved view."""
        self.shown_saved_view.leave_view()
        self._show_queue(queue_name)

    @Slot(str)
    def _show_queue(self, name: str) -> None:
        """Show the list of the queue `name`."""
        self.queue = name
        self._show_list()

    def _show_list(self) -> None:
        self._show_header_sentence()
        self.table_stack.setCurrentWidget(self.table)
        self._read_list()

    @Slot(str)
    def _rebuild_tables(self, queue: str) -> None:
        """Delete those tables of the queue whose columns have changed ("" means the tables of all queues), and read
        the page again. The page builds a deleted table again when it next shows this table."""
        changed_keys = [
            key
            for key in self._table_by_key
            if queue in ("", key.partition(".")[0]) and self._has_outdated_columns(key)
        ]
        if not changed_keys:
            return
        self._show_header_sentence()
        self.screen_state_changed.emit()
        had_focus = self.table.hasFocus()
        for key in changed_keys:
            table = self._table_by_key.pop(key)
            self.table_stack.removeWidget(table)
            table.rows.deleteLater()
            table.deleteLater()
        self.refresh("columns")
        if had_focus:
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _has_outdated_columns(self, key: str) -> bool:
        """Return True if the columns of a table, or their order, differ from the columns that the person has chosen.
        `key` is the key of the table in `_table_by_key`."""
        queue = key.partition(".")[0]
        is_grouped = key == queue and queue in queue_rows.QUEUES_GROUPED_BY_WORK_STATE
        columns = queue_rows.make_queue_columns(self.context, queue, is_grouped=is_grouped)
        chosen_columns = arrange_columns(columns, self.columns.get_chosen_column_keys(queue))
        return [column.key for column in self._table_by_key[key].rows.columns] != [
            column.key for column in chosen_columns
        ]

    @Slot()
    def _read_list(self) -> None:
        """Read the list of the selected queue with the present filter from its beginning."""
        self.new_arrivals.reset_arrivals()
        self.screen_state_changed.emit()
        if self.context.is_ready:
            query = self.query
            if query != self._listed_query:  # the time of reading is that of another list
                self._listed_query = query
                self.reset_read_state()
            self.selection.reset_for_list(query, self.row_model)
            self._show_sort_mark()
            read_rows = (
                make_group_reader(query, set(self._opened_causes))
                if self.by_cause
                else queue_rows.make_row_reader(query)
            )
            self.row_model.read_query(self.context.make_page_reader(read_rows))

    def _show_sort_mark(self) -> None:
        """Show an arrow in the title of the column by which the list is ordered. In the column of ages the arrow is
        reversed, because the list is ordered by instants: if the newest record comes first, the ages increase
        downwards."""
        order = self.filter.sort_order
        keys = [key for key, column in queue_rows.SORT_COLUMN_BY_COLUMN_KEY.items() if column is order.column]
        shown_key = next(
            (shown_column.key for shown_column in self.row_model.columns if shown_column.key in keys), None
        )
        is_marked = shown_key is not None and order != DEFAULT_SORT_ORDER
        is_shown_descending = order.is_descending != (order.column is SortColumn.AGE)
        self.table.show_sort_mark((str(shown_key), is_shown_descending) if is_marked else None)

    @Slot(str)
    def _sort_by_column(self, key: str) -> None:
        """Order the list by the column with this key; if the list is already ordered by it, reverse the order."""
        column = queue_rows.SORT_COLUMN_BY_COLUMN_KEY.get(key)
        if column is not None:
            order = self.filter.sort_order
            is_reversed = order.column is column and not order.is_descending
            self.filter.select_sort_order(QueueSortOrder(column, is_reversed))

    # -- reading

    def read_data(self, reason: str) -> None:
        query = self.query
        lists_all_items = not query.words and not query.is_grouped_by_cause
        if reason == "changed" and not lists_all_items:
            return  # every change of the team would repeat the search
        if reason == "changed" or reason in _REASONS_TO_KEEP_ROWS:
            self.new_arrivals.show_queue_changes(query, self.table, counts_new_items=lists_all_items)
        elif reason in ("arrived", "person") or self.row_model.rowCount() == 0:
            self._show_list()
        else:
            self.new_arrivals.reset_arrivals()
            self.row_model.read_rows_again()

    def _show_rows(self, model: PagedModel) -> None:
        """Show the rows that `model` has read. Do nothing if the page shows the list of another model now, because
        the page chooses the current row of a list only after it has read the rows of this list."""
        if model is not self.row_model:
            return
        self.mark_data_read()
        table = self.table
        if self.query.lists_whole_queue and not self.by_cause and self.row_model.has_read_all_rows:
            self.context.correct_queue_count(self.queue, self.row_model.row_count)
        if table.current_item is None or self._stored_row_key is not None:
            self._go_to_stored_row()
        self._show_current_record(table.current_item)
        if self.row_model.has_read_last_page and self.row_model.row_count == 0:
            self._show_empty_state()
        else:
            self.table_stack.setCurrentWidget(table)
            QTimer.singleShot(
                0, self, self._update_difference_line
            )  # once the columns of a new table have their widths
        self.filter.show_match_count(self._format_match_count())

    def _show_list_failure(self, model: PagedModel, failure: Failure) -> None:
        if model is self.row_model:  # the shown list isn't outdated because another one couldn't be read
            self.show_reading_failure(failure)
            self._show_offered_key_hints()
            if model.rowCount() == 0:
                self.table_stack.setCurrentWidget(self.unread_area)

    def _go_to_stored_row(self) -> None:
        """Make a row of the loaded rows current: the row with the key `_stored_row_key` (the current row of the last
        session, or the row of a group that was opened or closed). If this row isn't loaded and no row is current,
        use the first row."""
        stored_row_key, self._stored_row_key = self._stored_row_key, None
        if stored_row_key is not None and self.table.go_to_item(lambda row: _get_row_key(row) == stored_row_key):
            return
        if self.table.current_item is None:
            self.table.go_to_first_row()

    def _format_match_count(self) -> str:
        """Return the text next to the filter. It names the words of the filter that can't be used, or that were
        searched as text. If there are no such words, it is the number of matching records. Return "" for a queue
        without a filter, and for a list in groups."""
        parsed_filter = self.filter.parsed_filter
        problems = (*parsed_filter.unusable_words, *(parsed_filter.words.split() if self.by_cause else ()))
        if problems:
            return self.context.translate("queue.filter_problem", names=problems)
        if self.query.lists_whole_queue or self.by_cause:
            return ""
        searched_as_text = list_operator_like_words(parsed_filter.words)
        if searched_as_text:
            return self.context.translate("queue.filter_as_text", names=searched_as_text)
        key = "queue.filtered" if self.row_model.has_read_last_page else "queue.filtered_so_far"
        return self.context.translate(key, n=self.row_model.row_count)

    def _show_empty_state(self) -> None:
        translate = self.context.translate
        if not self.query.lists_whole_queue:
            empty_state = EmptyState(
                translate("queue.filter_empty"), translate("queue.filter_empty_hint"), icon_name="search"
            )
        else:
            last_check_text = translate("queue.last_checked", at=self.context.now())
            empty_state = EmptyState(translate(f"queue.{self.queue}.empty"), last_check_text)
        replace_by_empty_state(self.table_stack, self.empty_state, empty_state)
        self.empty_state = empty_state
        self.restore_focus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """If the key is Esc and no record matches the filter, remove the filter; the empty list names this key. In
        any other case, Esc goes back to the previous page, as on every page."""
        is_list_empty = self.table_stack.currentWidget() is self.empty_state
        if event.key() == Qt.Key.Key_Escape and is_list_empty and not self.query.lists_whole_queue:
            self.filter.clear_filter()
        else:
            super().keyPressEvent(event)

    @Slot()
    def _read_cause_groups(self) -> None:
        """Read the causes of the queue's records with their numbers of records, and fill the filter's list of
        causes with them."""
        queue = self.queue

        def offer_causes(page: CausePage) -> None:
            if queue == self.queue:
                self.filter.offer_causes(page.groups)

        def show_failure(failure: Failure) -> None:
            if queue == self.queue:
                self.show_reading_failure(failure)

        self.context.run_read(
            lambda services: services.recovery.read_cause_groups(queue),
            offer_causes,
            show_failure,
            caller=self,
            key="causes",
        )

    @Slot()
    def show_new_records(self) -> None:
        """Read the list again, so that it contains the new items, and give the table the focus."""
        self.new_arrivals.reset_arrivals()
        self.row_model.read_rows_again()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _show_updated_rows(self) -> None:
        """Show the current record again in the preview, and its position in the line of shortcuts, because the
        comparison with the database has replaced rows of the table."""
        row = self.table.current_item
        self.preview.update_queue_item(*self._make_preview_content(row))
        self._update_actions_and_position(row)

    # -- current row

    @Slot(object)
    def _show_current_record(self, selected_row: object) -> None:
        """Show the current record in the preview, and its position in the line of shortcuts."""
        if self.sender() is not None and isinstance(self.sender(), FittedTable) and self.sender() is not self.table:
            return
        self.preview.show_queue_item(*self._make_preview_content(selected_row))
        self._update_actions_and_position(selected_row)

    def _make_preview_content(self, row: object) -> tuple[QueueItem | None, GroupSummary | None]:
        """Return the item of this row for the preview, or the summary of the group if the row is a heading."""
        return (
            row.item if isinstance(row, QueueRow) else None,
            make_group_summary(self.context, row) if isinstance(row, CauseRow) else None,
        )

    def _update_actions_and_position(self, selected_row: object) -> None:
        """Let the actions of the page apply to the record of `selected_row`; if the row has no record, let them apply
        to no record. Show the position of this row in the list. In the queue that compares the sides of a record,
        also show how the sides differ."""
        self.queue_actions.record_actions.set_current_record(
            queue_rows.get_row_record_ref(selected_row) if isinstance(selected_row, QueueRow) else None
        )
        self.preview.removed_bar.setVisible(self.row_model.is_row_removed(self.table.current_row))
        self._update_difference_line()
        self._show_row_position()
        self.screen_state_changed.emit()

    def _show_row_position(self) -> None:
        self._show_offered_key_hints()
        if self.by_cause:
            self.hint_bar.status_label.show_text(
                self._append_state_instant_to_position(self._format_position_in_groups())
            )
            return
        queue_count = self.context.work_counts.find_queue_count(self.queue) if self.query.lists_whole_queue else None
        row_count = (
            self.row_model.row_count
            if self.row_model.has_read_last_page
            else (queue_count.count if queue_count else self.row_model.row_count)
        )
        position_in_list = self.table.current_row
        position = (
            position_in_list + 1 - sum(heading <= position_in_list for heading in self.row_model.list_heading_rows())
        )
        capped = not self.row_model.has_read_last_page and queue_count is not None and queue_count.is_capped
        total = wording.format_count(row_count, is_capped=capped)
        position_text = self.context.translate("queue.position", position=position, total=total) if position else ""
        removed_count = len(self.row_model.removed_keys)
        if removed_count:
            position_text = self.context.translate("queue.position_removed", position=position_text, n=removed_count)
        self.hint_bar.status_label.show_text(self._append_state_instant_to_position(position_text))

    def _show_offered_key_hints(self) -> None:
        is_read = self.row_model.has_read_last_page or self._reading_failure is not None
        is_list_empty = is_read and self.row_model.row_count == 0
        hidden_hints = _ROW_KEY_HINTS if is_list_empty else self._list_impossible_key_hints()
        preview_hint = set() if has_room_beside_lists(self.window()) else {"key.preview"}
        self.hide_key_hints({*hidden_hints, *preview_hint})

    def _show_key_hints_of_selection(self, model: PagedModel) -> None:
        """Show the shortcuts again after a change of the selection, because some of them act on a heading only while
        records are selected. Do nothing if `model` is not that of the shown list."""
        if self._table_by_key and model is self.row_model and isinstance(self.table.current_item, CauseRow):
            self._show_offered_key_hints()

    def _list_impossible_key_hints(self) -> Collection[str]:
        """Return the wording keys of the shortcuts whose actions no loaded record has. Return none of them while a
        group is closed, because its records aren't loaded. If the current row is the heading of a group, also return
        the keys of the shortcuts that do nothing there."""
        is_heading = isinstance(self.table.current_item, CauseRow)
        heading_hints = self.queue_actions.list_key_hints_without_effect_on_heading() if is_heading else frozenset()
        rows = list(self.row_model.iterate_loaded_rows())
        if any(isinstance(row, CauseRow) and not row.is_open for row in rows):
            return heading_hints
        return heading_hints | list_impossible_key_hints(row.item.record for row in rows if isinstance(row, QueueRow))

    def _append_state_instant_to_position(self, position_text: str) -> str:
        """Return `position_text` followed by the instant since which the current record has its state, because the
        row shows only the age of the state. If the instant isn't known, return `position_text` unchanged."""
        since = self.current_row.since if self.current_row is not None else None
        if since is None:
            return position_text
        return self.context.translate("queue.position_since", position=position_text, since=since)

    def _format_position_in_groups(self) -> str:
        """Return the text with the position of the current record among all records of the grouped list, and the
        number of these records. For the heading of a group, return only this number. The row number of the table
        can't be used, because headings are rows too, and the records of closed groups have no rows."""
        rows = list(self.row_model.iterate_loaded_rows())
        groups = [row for row in rows if isinstance(row, CauseRow)]
        total = wording.format_count(
            sum(row.group.count for row in groups), is_capped=any(row.is_count_capped for row in groups)
        )
        rows_above = rows[: self.table.current_row + 1]
        if not rows_above:
            return ""
        if isinstance(rows_above[-1], CauseRow):
            return self.context.translate("queue.position_in_groups", n=total)
        position = sum(
            0 if isinstance(row, CauseRow) and row.is_open else row.group.count if isinstance(row, CauseRow) else 1
            for row in rows_above
        )
        return self.context.translate("queue.position", position=position, total=total)

    @Slot()
    def _repaint_ages(self) -> None:
        for table in self._table_by_key.values():
            table.repaint_ages()

    # -- actions

    def go_to_record(self, ref: RecordRef) -> None:
        if self.current_row is None or case_words.make_record_ref(self.current_row.record) != ref:
            self.table.go_to_item(lambda row: _get_row_key(row) == ref)

    @Slot()
    def open_current_record(self) -> None:
        row = self.table.current_item
        if isinstance(row, CauseRow):
            self._toggle_group(row)
        if self.current_row is not None:
            neighbour_rows = self.table.list_rows_around_current(MAX_TRAIL_ROWS_PER_DIRECTION)
            trail = tuple(
                queue_rows.get_row_record_ref(selected_row)
                for selected_row in neighbour_rows
                if isinstance(selected_row, QueueRow)
            )
            self.context.navigate(case_words.make_record_route(self.current_row.record, trail, "queues"))

    @Slot()
    def toggle_grouping(self) -> None:
        """Group the records by their cause. If they are grouped already, show them without groups in the selected
        sort order."""
        self.set_grouping(is_by_cause=not self.by_cause)
        self._show_list()
        sentence = self.context.translate("queue.grouped" if self.by_cause else "queue.not_grouped")
        announce(self, sentence)
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_grouping(self, *, is_by_cause: bool) -> None:
        """Group the records by their cause if `is_by_cause` is True, otherwise show them without groups. This applies
        from the next read of the list. All groups are closed."""
        self.by_cause = is_by_cause
        self._opened_causes.clear()

    @Slot(object)
    def _toggle_group(self, row: CauseRow) -> None:
        """Open or close the group of this heading row, and keep the row as the current one."""
        self._opened_causes ^= {row.cause}
        self._stored_row_key = row.key
        self._read_list()

    # -- size

    def adapt_to_low_window(self, *, is_low_window: bool) -> None:
        """Place the filter on the line of the title if the window is low (`is_low_window`), otherwise below the tabs.
        In a low window, eight rows then stay visible at the largest text size."""
        super().adapt_to_low_window(is_low_window=is_low_window)
        self._update_difference_line()
        self.filter.set_compact(is_compact=is_low_window)
        if is_low_window:
            self.head.add_widget_beside_title(self.filter)
        else:
            self._layout.insertWidget(self._layout.indexOf(self._tab_line) + 1, self.filter)

    @Slot()
    def toggle_preview(self) -> None:
        """Show or hide the preview, and store this as a preference of the person. In a window that is too narrow
        for the preview, show the reason."""
        if not has_room_beside_lists(self.window()):
            self.show_key_refusal(self.context.translate("queue.preview.no_room"))
            return
        is_open = not self._is_preview_open
        self.context.preferences.store(_PREVIEW_OPEN_PREFERENCE, "open" if is_open else "closed")
        self._fit_preview()
        key = "queue.preview.opened" if is_open else "queue.preview.closed"
        self.context.show_toast(self.context.translate(key), subject_title="")

    @property
    def _is_preview_open(self) -> bool:
        """True unless the person has closed the preview. An open preview is only shown in a window that is wide
        enough."""
        return self.context.preferences.get_text(_PREVIEW_OPEN_PREFERENCE, ("open", "closed")) != "closed"

    def _is_preview_shown(self) -> bool:
        """Return True if the person hasn't closed the preview and the window has room for it next to the list."""
        return self._is_preview_open and has_room_beside_lists(self.window())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_preview()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._table_by_key:
            self._fit_preview()

    @Slot()
    def _fit_preview(self) -> None:
        """Show the preview if the window is wide enough and the person hasn't closed it; then fit the columns of
        the tables."""
        self.preview.setFixedWidth(compute_side_panel_width("preview_width", self.window()))
        self.preview.setVisible(self._is_preview_shown())
        if self._table_by_key:
            self._show_offered_key_hints()
        for table in self._table_by_key.values():
            table.hidden_keys = self._list_hidden_columns()
            table.fit_columns()
        self._update_difference_line()
