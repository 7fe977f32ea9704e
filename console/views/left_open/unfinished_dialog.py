"""The dialog of unfinished work, in tabs: operations that have not ended; bulk runs; leases and takes; the acting
person's own unfinished work; notes that mention the person; and, at a desk that asks a worker to act, the
person's desk requests.
"""

import textwrap
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.annotations.mentions import Mention
from console.domain.bulk.records import BulkRunWithHolder
from console.domain.desk_requests.records import OwnRequest, OwnRequestState
from console.domain.person_state.drafts import Draft
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import LeaseHolder, WorkState
from console.domain.recovery.left_open import LeftOpen, LeftOpenReason
from console.domain.tasks.records import BulkAction, Take
from console.domain.views.any_record import UnfinishedOperation
from console.views.frame.main_window import WindowFrame
from console.views.left_open.left_open_rows import find_left_open_route, make_left_open_columns
from console.views.left_open.mention_rows import (
    MentionDoneButton,
    format_note_in_one_line,
    make_mention_columns,
    make_mention_route,
)
from console.views.left_open.own_takes import OwnTakeButtons
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import bulk as bulk_words
from console.views.presenters import credit_checks as record_words
from console.views.presenters import own_requests as request_words
from console.views.presenters import records as case_words
from console.views.presenters.columns import measure_column_width
from console.views.presenters.drafts import continue_draft
from console.views.presenters.own_work import OwnWorkGroup, list_own_work
from console.views.presenters.records import shorten_identifier
from console.views.records.columns import format_name_with_kind, measure_width_of_name_with_kind
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import OperationRoute, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column, StateCell
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, discard_widget, make_column
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording import audit_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_VISIBLE_WORK_ROWS = 9
_REQUESTS_READ_INTERVAL_MS = 1_000
_MAX_NOTE_CHARACTERS = 300
LeaseOrTake = LeaseHolder | Take


class UnfinishedWorkLists(NamedTuple):
    """The rows of the dialog's tabs: unfinished operations; bulk runs; leases and taken records; the acting person's
    own unfinished work; the person's open mentions; the person's own desk requests. `number_by_record` maps a record
    ("payment 17": kind and id) to the number by which people know the record. It contains each record of which the
    rows have only kind and id.
    """

    operations: tuple[UnfinishedOperation, ...]
    runs: tuple[BulkRunWithHolder, ...]
    leases_and_takes: tuple[LeaseOrTake, ...]
    own_items: tuple[LeftOpen, ...]
    mentions: tuple[Mention, ...]
    own_requests: tuple[OwnRequest, ...]
    number_by_record: Mapping[str, str]


class UnfinishedWorkDialog(DialogFrame):
    """The dialog that lists unfinished work in five tabs: operations, bulk runs, leases with takes, the acting
    person's own unfinished work, and the person's mentions. In the tabs of operations and of bulk runs, the person's
    own rows are above those of other people. From the tab of operations the person can only open a record; a bulk run
    is stopped, resumed or discarded in its own dialog. At a desk that asks a worker to act, a sixth tab lists the
    person's desk requests of the last 24 hours; the person can withdraw a request until a worker takes it.
    """

    is_wide = True

    TAB_NAMES = ("works", "runs", "held", "own", "mentions", "requests")

    def __init__(self, context: WindowContext, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.unfinished.title"),
            translate("dialog.unfinished.hint"),
            cancel_text=translate("action.close"),
            main_button_text=translate("action.open"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context, self._parent_window = context, parent
        self._number_by_record: dict[str, str] = {}
        self._operations: tuple[UnfinishedOperation, ...] = ()
        self._own_work_group: OwnWorkGroup | None = None
        self._own_work_bar: NotificationBar | None = None
        self._bar_by_name: dict[str, NotificationBar] = {}
        self.leave_button: KeyButton | None = None
        titles = (
            translate("dialog.unfinished.works"),
            translate("dialog.unfinished.runs"),
            translate("dialog.holders.title"),
            translate("dialog.unfinished.own"),
            translate("dialog.unfinished.mentions"),
            *((translate("dialog.unfinished.requests"),) if context.asks_worker else ()),
        )
        self.tabs = TabBar(translate("dialog.unfinished.title"), margin_px=12)
        for name, title in zip(self.TAB_NAMES, titles, strict=False):
            self.tabs.add_tab(title, data=name)
        self._build_tables(titles)
        self._build_content(translate)
        for table in self._tables:
            table.opened.connect(self._open_item)
            table.rows.page_applied.connect(partial(self._select_first_row, table))
            table.current_changed.connect(self._update_buttons)
        self.runs_table.columns_fitted.connect(self._update_buttons)
        self.main_button.clicked.connect(self._open_selected_item)
        self.tabs.currentChanged.connect(self._show_tab_contents)
        context.work_counts_changed.connect(self.read_lists)
        context.records_changed.connect(self._read_lists_if_affected)
        self.read_lists()

    def _build_tables(self, titles: Sequence[str]) -> None:
        """Make the table of each tab; `titles` are the titles of the tabs."""
        context = self._context
        self.operations_table = _make_work_table(
            context, _make_operation_columns(context), lambda work: work.operation.id, titles[0]
        )
        self.runs_table = _make_work_table(context, _make_run_columns(context), lambda item: item.run.id, titles[1])
        self.leases_and_takes_table = _make_work_table(
            context,
            _make_lease_or_take_columns(context, self._format_record_name),
            _make_lease_or_take_key,
            titles[2],
            hideable_columns=("desk", "since", "who"),  # a take has no desk, and a record is free again at its end
        )
        self.leases_and_takes_table.keys_hidden_if_empty = ("desk",)
        self.own_items_table = _make_work_table(
            context,
            make_left_open_columns(context, self._format_record_name),
            _make_left_open_key,
            titles[3],
            hideable_columns=("until", "since"),  # only takes have an end
        )
        self.own_items_table.keys_hidden_if_empty = ("until", "number")
        self.mentions_table = _make_work_table(
            context,
            make_mention_columns(context, self._format_record_name),
            lambda mention: mention.id,
            titles[4],
        )
        self.own_requests_table: StaticTable | None = None
        if context.asks_worker:
            self.own_requests_table = _make_work_table(
                context,
                _make_request_columns(context, self._format_record_name),
                lambda request: request.id,
                titles[5],
            )
        own_requests = (self.own_requests_table,) if self.own_requests_table else ()
        self._tables = (
            self.operations_table,
            self.runs_table,
            self.leases_and_takes_table,
            self.own_items_table,
            self.mentions_table,
            *own_requests,
        )

    def _build_content(self, translate: Callable[[str], str]) -> None:
        empty_states = (
            EmptyState(translate("dialog.unfinished.empty"), translate("dialog.unfinished.empty_hint")),
            EmptyState(translate("dialog.unfinished.runs_empty"), translate("dialog.unfinished.runs_empty_hint")),
            EmptyState(translate("dialog.holders.empty"), translate("dialog.holders.empty_hint")),
            EmptyState(translate("dialog.unfinished.own_empty"), translate("dialog.unfinished.own_empty_hint")),
            EmptyState(
                translate("dialog.unfinished.mentions_empty"), translate("dialog.unfinished.mentions_empty_hint")
            ),
            EmptyState(
                translate("dialog.unfinished.requests_empty"), translate("dialog.unfinished.requests_empty_hint")
            ),
        )
        self._lists_by_tab = [
            TableOrEmptyState(table, empty_state)
            for table, empty_state in zip(self._tables, empty_states, strict=False)
        ]
        self._content_stack = QStackedWidget()
        for table in self._lists_by_tab:
            table.setFixedHeight(self.operations_table.compute_dialog_list_height(_VISIBLE_WORK_ROWS))
            self._content_stack.addWidget(table)
        self._bars = QVBoxLayout()
        self.row_sentence_label = TextLabel("", "small", wraps_lines=True, is_selectable=True)
        self.row_sentence_label.setMinimumHeight(2 * current_appearance().line_height("small"))
        self.row_sentence_label.hide()
        self.own_takes = OwnTakeButtons(self._context, self._show_refusal, self._format_record_name)
        self.own_takes.take_ended.connect(self._read_lists_after_action)
        self.own_takes.hide()
        self.mention_buttons = MentionDoneButton(self._context, self._show_refusal, self._format_record_name)
        self.mention_buttons.mention_done.connect(self._read_lists_after_mention_done)
        self.mention_buttons.hide()
        content = QWidget()
        content.setLayout(
            make_column(
                self._bars,
                self.tabs,
                self._content_stack,
                self.row_sentence_label,
                self.own_takes,
                self.mention_buttons,
                gap_px=8,
            )
        )
        self.show_content(content)
        self.disable_main_button(translate("dialog.unfinished.open_off"))
        self.withdraw_button = KeyButton(translate("action.withdraw_request"))
        self.withdraw_reason_label = TextLabel("", "small", "muted", wraps_lines=True)
        self.withdraw_button.reason_changed.connect(self.withdraw_reason_label.show_text)
        self.withdraw_button.clicked.connect(self._withdraw_selected_request)
        self.withdraw_button.hide()
        self.withdraw_reason_label.hide()
        self.show_footer_button(self.withdraw_button, self.withdraw_reason_label)
        self._requests_timer = QTimer(self, interval=_REQUESTS_READ_INTERVAL_MS)
        self._requests_timer.timeout.connect(self._read_desk_requests)

    # -- reading

    @Slot(object)
    def _read_lists_if_affected(self, changes: frozenset[tuple[str, int]]) -> None:
        """Read the lists again if a bulk run is among the changed records."""
        if any(kind == "bulk-run" for kind, _ in changes):
            self.read_lists()

    @Slot()
    def read_lists(self) -> None:
        """Read the rows of all tabs in a background thread, then show them, because a person or a program has changed
        them elsewhere."""
        self._read_lists(is_automatic=True)

    @Slot()
    def _read_lists_after_action(self) -> None:
        """Read the lists again after the person's own action in this dialog. The row that the action has ended leaves
        the list immediately, even while the mouse pointer is over the list.
        """
        self._show_bar("act", None)
        self._read_lists(is_automatic=False)

    def _read_lists(self, *, is_automatic: bool) -> None:
        """Read the rows of all tabs in a background thread, then show them. `is_automatic` is True if the person has
        not requested this read (see StaticTable.show_rows).
        """
        drafts = self._context.person_values.list_drafts()

        def read_in_thread(services: "Console") -> UnfinishedWorkLists:
            leases_and_takes: tuple[LeaseOrTake, ...] = (
                *services.recovery.list_lease_holders(),
                *services.recovery.list_takes(),
            )
            operations, runs = (
                services.recovery.list_unfinished_operations(),
                services.bulk_runs.list_unfinished_and_recent_runs(),
            )
            own_items = services.left_open.list_items(drafts)
            mentions = services.mentions.list_open_mentions()
            own_requests = services.own_desk_requests.list_recent_requests()
            number_by_record = services.lookup.find_record_numbers(
                _list_subjects_of_rows(leases_and_takes, own_items, mentions, own_requests)
            )
            return UnfinishedWorkLists(
                operations, runs, leases_and_takes, own_items, mentions, own_requests, number_by_record
            )

        show_lists = partial(self._show_work_lists, is_automatic=is_automatic)
        self._context.run_read(read_in_thread, show_lists, self._show_failed_read, caller=self, key=self)

    def _show_work_lists(self, work_lists: UnfinishedWorkLists, *, is_automatic: bool = True) -> None:
        operator = self._context.operator or ""
        self._number_by_record.update(work_lists.number_by_record)
        self._operations = work_lists.operations
        runs = sorted(
            work_lists.runs, key=lambda item: (not item.is_open, not is_same_person(item.run.made_by, operator))
        )
        read_lists = (
            self._list_shown_operations(),
            runs,
            work_lists.leases_and_takes,
            work_lists.own_items,
            work_lists.mentions,
        )
        for tab_index, rows in enumerate[Sequence[Any]](read_lists):
            self._lists_by_tab[tab_index].show_rows(rows, is_automatic=is_automatic)
            self.tabs.set_count(tab_index, str(len(rows)))
        self.tabs.set_count(1, str(sum(item.is_open for item in runs)))
        self._show_desk_requests(work_lists.own_requests)
        self._update_buttons()

    def show_own_work(self, group: OwnWorkGroup) -> None:
        """Restrict the tab of operations to the acting person's operations in this group, from the next read of the
        lists on. A bar explains the restriction; its button lists the operations of all people again."""
        translate = self._context.translate
        self._own_work_group = group
        button = KeyButton(translate("dialog.unfinished.show_all"), kind="inline")
        button.clicked.connect(self._show_all_operations)
        self._own_work_bar = NotificationBar(
            "",
            translate("dialog.unfinished.only_own", group=translate(f"home.{group}")),
            tone="text",
            icon_name="filter",
            button=button,
        )
        self._bars.addWidget(self._own_work_bar)
        self.show_tab("works")

    @Slot()
    def _show_all_operations(self) -> None:
        self._own_work_group = None
        if self._own_work_bar is not None:
            self._own_work_bar.hide()
            self._own_work_bar.deleteLater()
            self._own_work_bar = None
        self._show_operations()
        self._tables[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _list_shown_operations(self) -> list[UnfinishedOperation]:
        """Return the operations of the shown group. If no group is selected, return the operations of all people,
        first those of the acting person."""
        operator = self._context.operator
        if self._own_work_group is not None:
            return list_own_work(self._operations, operator, self._own_work_group)
        return sorted(self._operations, key=lambda work: not is_same_person(work.operation.operator, operator or ""))

    def _show_operations(self) -> None:
        operations = self._list_shown_operations()
        self._lists_by_tab[0].show_rows(operations)
        self.tabs.set_count(0, str(len(operations)))
        self._update_buttons()

    def _format_record_name(self, kind: str, id: str) -> str:
        """Return the text that names a record in the tables: its kind with the number by which people know it. A
        record without such a number (an incident, an alert) is named by its kind and its id. Return "" for an unknown
        kind."""
        known_number = self._number_by_record.get(f"{kind} {id}", shorten_identifier(id))
        return audit_words.format_record_reference(kind, id, self._context.language, known_number)

    @Slot()
    def _read_lists_after_mention_done(self) -> None:
        """Read the lists again after a mention was marked as done, and let the window read its counts again."""
        self._context.work_counts_outdated.emit()
        self._read_lists_after_action()

    @Slot()
    def _read_desk_requests(self) -> None:
        self._context.run_read(
            lambda services: services.own_desk_requests.list_recent_requests(),
            self._show_desk_requests,
            self._show_failed_read,
            caller=self,
            key=self,
        )

    def _show_desk_requests(self, own_requests: tuple[OwnRequest, ...]) -> None:
        """Show the person's desk requests. The open requests, and those whose answer never reached this desk, come
        first and are counted in the tab's title. While a request is open, read the list again every second."""
        self._show_bar("failed", None)
        if self.own_requests_table is None:
            return
        tab_index, is_done = (
            self._tables.index(self.own_requests_table),
            lambda request: not _is_open_or_unanswered(request),
        )
        self._lists_by_tab[tab_index].show_rows(sorted(own_requests, key=is_done), is_automatic=True)
        self.tabs.set_count(tab_index, str(sum(_is_open_or_unanswered(request) for request in own_requests)))
        if any(request.is_open for request in own_requests):
            self._requests_timer.start()
        else:
            self._requests_timer.stop()
        self._update_buttons()

    def _select_first_row(self, table: StaticTable) -> None:
        if table.current_item is None:
            table.go_to_first_row()
            if table is self._tables[self.tabs.currentIndex()]:
                table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._update_buttons()

    def _show_refusal(self, subject_title: str, failure: Failure) -> None:
        """Show the reason why an action was refused. The bar names its record, by `subject_title`, because the person
        may have selected another row meanwhile."""
        context = self._context
        message = context.translate("act.about", title=subject_title, message=context.format_failure(failure))
        self._show_bar("act", make_failure_bar(failure, message))

    def _show_failed_read(self, failure: Failure) -> None:
        message = self._context.format_failure(failure)
        self._show_bar("failed", NotificationBar("", message, tone="bad", icon_name="cross"))

    def _show_bar(self, bar_name: str, bar: NotificationBar | None) -> None:
        """Show a bar above the tabs in place of the bar with this name; None removes it. A bar with the same sentence
        stays: while a request is open, the dialog reads every second, and each of these reads may fail."""
        shown_bar = self._bar_by_name.get(bar_name)
        if shown_bar is not None and bar is not None and shown_bar.sentence == bar.sentence:
            return
        if shown_bar is not None:
            discard_widget(self._bar_by_name.pop(bar_name))
        if bar is not None:
            self._bar_by_name[bar_name] = bar
            self._bars.addWidget(bar)

    # -- tabs

    def show_tab(self, tab_name: str) -> None:
        """Show the tab with this name, one of TAB_NAMES."""
        self.tabs.setCurrentIndex(self.TAB_NAMES.index(tab_name))

    @Slot(int)
    def _show_tab_contents(self, tab_index: int) -> None:
        self._content_stack.setCurrentIndex(tab_index)
        hints = (
            "dialog.unfinished.hint",
            "dialog.unfinished.runs_hint",
            "dialog.holders.hint",
            "dialog.unfinished.own_hint",
            "dialog.unfinished.mentions_hint",
            "dialog.unfinished.requests_hint",
        )
        self.show_title(self._context.translate("dialog.unfinished.title"), self._context.translate(hints[tab_index]))
        self._update_buttons()
        self._focus_tab_bar_if_hidden()

    def _focus_tab_bar_if_hidden(self) -> None:
        """Give the focus to the bar of tabs if the focused widget has been hidden together with its tab."""
        focused_widget = cast("QWidget | None", self.focusWidget())  # None when it is hidden; Qt's types don't say so
        if focused_widget is None or not focused_widget.isVisible():
            self.tabs.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _update_buttons(self) -> None:
        """Enable the button "open" if the selected row of the visible table has a page or dialog to open;
        otherwise disable it with the reason. Update the other buttons and the sentence below the table, too. Hide all
        these buttons if the table has no rows."""
        tab_index = self.tabs.currentIndex()
        table, translate = self._tables[tab_index], self._context.translate
        has_rows = self._lists_by_tab[tab_index].currentWidget() is table
        item = table.current_item if has_rows else None
        self.main_button.setVisible(has_rows)
        self.own_takes.setVisible(has_rows and table in (self.leases_and_takes_table, self.own_items_table))
        self.own_takes.update_for_row(item)
        self.mention_buttons.setVisible(has_rows and table is self.mentions_table)
        self.mention_buttons.update_for_row(item)
        if item is None:
            self.disable_main_button(translate("dialog.unfinished.open_off"))
            if not has_rows:
                self.hint.show_text("")  # no row can be selected
        elif table is self.leases_and_takes_table and not _is_take_of_record(item):
            self.disable_main_button(translate("reason.lease_no_record"))
        elif not self._can_open_item(item):
            self.disable_main_button(translate("reason.request_no_record"))
        else:
            self.enable_main_button()
        self._update_withdraw_button(
            item if isinstance(item, OwnRequest) else None, is_shown=has_rows and table is self.own_requests_table
        )
        self._show_row_sentence(item)

    def _show_row_sentence(self, row: object) -> None:
        """Show a sentence about the selected row below the table: the next step of an operation, the state of a run
        if its cell is cut, the answer to a request, or the text of a note.
        """
        sentence = ""
        if isinstance(row, UnfinishedOperation):
            step = case_words.reword_step_for_acting_person(row.next_step, row.record or row.operation, self._context)
            sentence = record_words.format_next_step(step, self._context)
        elif isinstance(row, BulkRunWithHolder) and self.runs_table.is_cell_cut("told", row):
            sentence = bulk_words.make_run_status(row, self._context).sentence
        elif isinstance(row, OwnRequest):
            sentence = request_words.format_worker_answer(row, self._context)
        elif isinstance(row, Mention):
            sentence = textwrap.shorten(format_note_in_one_line(row), _MAX_NOTE_CHARACTERS, placeholder="…")
        self.row_sentence_label.show_text(sentence)
        self.row_sentence_label.setVisible(
            self._tables[self.tabs.currentIndex()] not in (self.leases_and_takes_table, self.own_items_table)
        )

    def _update_withdraw_button(self, request: OwnRequest | None, *, is_shown: bool) -> None:
        """If `is_shown`, show the button that withdraws `request`, the selected one, or the reason why it can't be
        withdrawn. Otherwise hide the button."""
        translate = self._context.translate
        for widget in (self.withdraw_button, self.withdraw_reason_label):
            widget.setVisible(is_shown)
        if request is None:
            self.withdraw_button.disable_with_reason(translate("reason.request_choose"))
        elif request.state is OwnRequestState.WAITING:
            self.withdraw_button.enable_button()
        elif request.state is OwnRequestState.TAKEN:
            self.withdraw_button.disable_with_reason(translate("reason.request_taken"))
        elif request.state is OwnRequestState.ABANDONED:
            self.withdraw_button.disable_with_reason(translate("reason.request_abandoned"))
        else:
            self.withdraw_button.disable_with_reason(translate("reason.request_over"))

    # -- withdrawing

    @Slot()
    def _withdraw_selected_request(self) -> None:
        request = self.own_requests_table.current_item if self.own_requests_table is not None else None
        if not isinstance(request, OwnRequest) or request.state is not OwnRequestState.WAITING:
            return
        withdraw_in_service = self._context.bind_services(
            lambda services: services.own_desk_requests.withdraw(request.id)
        )
        self._context.runner.run(
            withdraw_in_service,
            partial(self._show_withdrawal, request),
            partial(self._show_withdrawal_failure, request),
            caller=self,
        )

    def _format_request_name(self, request: OwnRequest) -> str:
        """Return the text that names a desk request in messages: its action and its record."""
        record_text = request_words.format_request_record(request, self._context, self._format_record_name)
        action_text = request_words.format_requested_action(request, self._context)
        return wording.join_facts(filter(None, (action_text, record_text)), self._context.translate)

    def _show_withdrawal(self, request: OwnRequest, is_withdrawn: bool) -> None:
        """Show a toast which says that the request is withdrawn, or that a worker had already taken it. Then read
        the list again."""
        translate, subject_title = self._context.translate, self._format_request_name(request)
        if is_withdrawn:
            self._context.show_toast(
                translate("request.withdrawn"), "", "arrow_back", "text", subject_title=subject_title
            )
        else:
            self._context.show_toast(
                translate("reason.request_taken"), "", "half_disc", "progress", subject_title=subject_title
            )
        self._read_desk_requests()

    def _show_withdrawal_failure(self, request: OwnRequest, failure: Failure) -> None:
        title, subject_title = self._context.translate("request.not_withdrawn"), self._format_request_name(request)
        self._context.show_failure_toast(failure, title, subject_title=subject_title)

    # -- opening

    @Slot()
    def _open_selected_item(self) -> None:
        self._open_item(self._tables[self.tabs.currentIndex()].current_item)

    @Slot(object)
    def _open_item(self, row: object) -> None:
        """Open the page or dialog in which the person continues the work of the row. If the row has neither a page
        nor a dialog, let a screen reader speak the reason, which the footer shows."""
        if isinstance(row, UnfinishedOperation):
            self.accept()
            record, operation = row.record, OperationRoute(row.operation.id)
            self._context.navigate(case_words.make_record_route(record) if record is not None else operation)
        elif isinstance(row, BulkRunWithHolder):
            from console.views.bulk.dialog import BulkDialog

            self.accept()
            BulkDialog(self._context, self._parent_window, row.run).open()
        elif isinstance(row, LeftOpen):
            self._open_own_item(row)
        elif isinstance(row, OwnRequest):
            self._open_desk_request(row)
        elif isinstance(row, Mention):
            self.accept()
            self._context.navigate(make_mention_route(row))
        elif isinstance(row, Take) and _is_take_of_record(row):
            self.accept()
            self._context.navigate(make_route_to_record(row.kind, row.subject_id))
        else:
            self.announce_disabled_reason()

    def _can_open_item(self, row: object) -> bool:
        """Return True if there is a page or dialog to open for this row. There is none for a desk request or own work
        that is about no record."""
        if isinstance(row, LeftOpen):
            return any(
                target is not None
                for target in (find_left_open_route(row), self._find_draft(row), self._find_bulk_run(row))
            )
        return not isinstance(row, OwnRequest) or _can_open_desk_request(row)

    def _find_draft(self, own_item: LeftOpen) -> Draft | None:
        """Return the stored draft that this row is about; None for a row about other work, or if the draft no longer
        exists."""
        return (
            self._context.person_values.find_draft(own_item.name) if own_item.reason is LeftOpenReason.DRAFT else None
        )

    def _find_bulk_run(self, own_item: LeftOpen) -> BulkRunWithHolder | None:
        """Return the bulk run that this row is about, from the tab of the bulk runs; None for a row about other work,
        or if that tab doesn't list the run."""
        is_run = own_item.reason is LeftOpenReason.BULK_RUN
        return next(
            (run_item for run_item in self.runs_table.all_rows if is_run and str(run_item.run.id) == own_item.id),
            None,
        )

    def _open_own_item(self, own_item: LeftOpen) -> None:
        """Open the page or dialog in which the acting person continues this unfinished work."""
        route, draft, run = find_left_open_route(own_item), self._find_draft(own_item), self._find_bulk_run(own_item)
        if run is not None:
            self._open_item(run)
        elif draft is not None:
            self.accept()
            continue_draft(draft, self._context)
        elif route is not None:
            self.accept()
            self._context.navigate(route)
        else:
            self.announce_disabled_reason()

    def offer_to_leave(self, sentence: str, leave_text: str, leave: Callable[[], object]) -> None:
        """Show the tab with the person's own unfinished work, and above it a bar with the text `sentence` and a
        button with the text `leave_text`. The button closes this dialog and calls `leave`; the unfinished work stays
        unchanged.
        """
        self.show_tab("own")

        def leave_now() -> None:
            self.reject()
            leave()

        self.leave_button = KeyButton(leave_text, kind="inline")
        self.leave_button.clicked.connect(leave_now)
        self._bars.addWidget(
            NotificationBar("", sentence, tone="care", icon_name="warning", button=self.leave_button)
        )

    def _open_desk_request(self, request: OwnRequest) -> None:
        """Open the page of the record that the desk request is about. For a request about a bulk run, show the tab
        of the bulk runs."""
        route = request_words.find_request_route(request)
        if route is not None:
            self.accept()
            self._context.navigate(route)
        elif request_words.is_about_bulk_run(request):
            self.show_tab("runs")
        else:
            self.announce_disabled_reason()


def _is_open_or_unanswered(request: OwnRequest) -> bool:
    """Return True if the desk request is open, or if the answer to it never reached this desk."""
    return request.is_open or request.is_unanswered


def _is_take_of_record(row: object) -> bool:
    """Return True if the row is the take of a credit check, payment, order or refund, not of another kind of subject,
    and not a lease."""
    return isinstance(row, Take) and row.kind in RECORD_KINDS


def _can_open_desk_request(request: OwnRequest) -> bool:
    return request_words.find_request_route(request) is not None or request_words.is_about_bulk_run(request)


def open_unfinished_work_dialog(frame: WindowFrame) -> UnfinishedWorkDialog:
    """Open the dialog of unfinished work over the window and return it."""
    dialog = UnfinishedWorkDialog(frame.context, frame.window)
    dialog.open()
    return dialog


def _make_left_open_key(own_item: LeftOpen) -> tuple[str, str, str, str]:
    return own_item.reason.value, own_item.kind, own_item.id, own_item.name


def _make_operation_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_since(work: UnfinishedOperation) -> str:
        return wording.format_short_instant(work.operation.started_at, context.now())

    def make_state_cell(work: UnfinishedOperation) -> StateCell:
        signs = {"calling": ("half_disc", "progress"), "unknown": ("question", "unknown")}
        icon_name, tone = signs.get(work.operation.state.value, ("dash", "muted"))
        return StateCell(translate(f"state.operation.{work.operation.state.value}"), icon_name, tone)  # type: ignore[arg-type]  # a tone

    def format_record(work: UnfinishedOperation) -> str:
        return (
            format_name_with_kind(work.record, context) if work.record else translate("dialog.unfinished.only_desk")
        )

    def format_number(work: UnfinishedOperation) -> str:
        return wording.format_corporation_number(work.operation.corporation_number or "")

    def make_work_cell(work: UnfinishedOperation) -> StateCell:
        state = WorkState.NEEDS_REVIEW.value
        key = case_words.get_work_badge_key(work.record, context.now()) if work.record else f"work.{state}"
        return record_words.make_state_cell(key, context.language)

    return [
        Column("since", translate("column.since"), 112, format_since, "data"),
        Column("record", translate("column.record"), measure_width_of_name_with_kind(context), format_record, "data"),
        Column("number", translate("column.number_short"), 128, format_number, "data"),
        Column("state", translate("column.state"), 104, make_state_cell, "state"),
        Column(
            "who",
            translate("column.who"),
            80,
            lambda work: record_words.get_actor_name(work.operation.operator, context),
        ),
        Column("work", translate("column.work"), 160, make_work_cell, "state", is_stretched=True),
    ]


def _make_run_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_creation_time(run_item: BulkRunWithHolder) -> str:
        return wording.format_short_instant(run_item.run.made_at, context.now())

    def format_action(run_item: BulkRunWithHolder) -> str:
        return translate(f"request.action.{run_item.run.action.value}")

    def format_progress(run_item: BulkRunWithHolder) -> str:
        return bulk_words.format_run_progress(run_item.run, run_item.run.done, context)

    def format_state(run_item: BulkRunWithHolder) -> str:
        return bulk_words.make_run_status(run_item, context).sentence

    states = ("frozen", "running", "paused", "stopped", "done", "most")
    longest_state = max((translate(f"bulk.state.{state}", most=100) for state in states), key=len)
    longest_action = max((translate(f"request.action.{action.value}") for action in BulkAction), key=len)
    return [
        Column("name", translate("dialog.unfinished.run"), 84, lambda item: item.run.name, "data"),
        Column("what", translate("column.what"), measure_column_width(longest_action, 24), format_action),
        Column("since", translate("bulk.column.frozen"), 112, format_creation_time, "data"),
        Column(
            "state",
            translate("column.state"),
            measure_column_width(longest_state, 44),
            lambda item: bulk_words.make_run_state_cell(item.run, context),
            "state",
        ),
        Column(
            "done",
            translate("dialog.unfinished.done"),
            measure_column_width(translate("bulk.progress_first", done=20, most=100, of=10_000), 24),
            format_progress,
        ),
        Column(
            "who", translate("column.who"), 96, lambda item: record_words.get_actor_name(item.run.made_by, context)
        ),
        Column("told", translate("bulk.column.standing"), 240, format_state, is_stretched=True),
    ]


def _make_lease_or_take_key(lease_or_take: LeaseOrTake) -> tuple[str, int]:
    """Return the key of a row in the table: kind and id of the record of a take, or the name of a lease and -1."""
    return (
        (lease_or_take.kind, lease_or_take.subject_id)
        if isinstance(lease_or_take, Take)
        else (lease_or_take.name, -1)
    )


def _list_subjects_of_rows(
    leases_and_takes: Sequence[LeaseOrTake],
    own_items: Sequence[LeftOpen],
    mentions: Sequence[Mention],
    own_requests: Sequence[OwnRequest],
) -> set[str]:
    """Return kind and id, as a text such as "payment 17", of each record that one of these rows is about. Of the rows
    in `leases_and_takes`, the leases are left out."""
    return {
        *(
            f"{lease_or_take.kind} {lease_or_take.subject_id}"
            for lease_or_take in leases_and_takes
            if isinstance(lease_or_take, Take)
        ),
        *(f"{item.kind} {item.id}" for item in own_items),
        *(f"{mention.note.kind} {mention.note.subject_id}" for mention in mentions),
        *(f"{request.subject_kind} {request.subject_id}" for request in own_requests),
    }


def _make_lease_or_take_columns(context: WindowContext, name_record: Callable[[str, str], str]) -> list[Column]:
    translate = context.translate

    def format_lease(lease_or_take: LeaseOrTake) -> str:
        return (
            translate("dialog.holders.take", record=name_record(lease_or_take.kind, str(lease_or_take.subject_id)))
            if isinstance(lease_or_take, Take)
            else lease_or_take.name
        )

    def get_person_name(lease_or_take: LeaseOrTake) -> str:
        return record_words.get_actor_name(
            lease_or_take.person if isinstance(lease_or_take, Take) else lease_or_take.operator, context
        )

    def get_desk_name(lease_or_take: LeaseOrTake) -> str:
        return (
            ""
            if isinstance(lease_or_take, Take)
            else translate("dialog.holders.at", host=lease_or_take.host, process=lease_or_take.process)
        )

    def format_since(lease_or_take: LeaseOrTake) -> str:
        since = lease_or_take.taken_at if isinstance(lease_or_take, Take) else lease_or_take.since
        return wording.format_short_instant(since, context.now())

    return [
        Column("lease", translate("column.lease"), 280, format_lease),
        Column("who", translate("column.who"), 104, get_person_name),
        Column("desk", translate("column.desk"), 160, get_desk_name, is_stretched=True),
        Column("since", translate("column.since"), 112, format_since, "data"),
        Column(
            "until",
            translate("column.until"),
            112,
            lambda lease_or_take: wording.format_short_instant(lease_or_take.until, context.now()),
            "data",
        ),
    ]


def _make_request_columns(context: WindowContext, name_record: Callable[[str, str], str]) -> list[Column]:
    translate = context.translate

    def format_time(request: OwnRequest) -> str:
        return wording.format_short_instant(request.at, context.now())

    return [
        Column("since", translate("column.when"), 112, format_time, "data"),
        Column(
            "what",
            translate("column.what"),
            150,
            lambda request: request_words.format_requested_action(request, context),
        ),
        Column(
            "record",
            translate("column.record"),
            150,
            lambda request: request_words.format_request_record(request, context, name_record),
            "data",
        ),
        Column(
            "state",
            translate("column.state"),
            128,
            lambda request: request_words.make_request_state_cell(request, context),
            "state",
        ),
        Column(
            "answer",
            translate("column.answer"),
            300,
            lambda request: request_words.format_worker_answer(request, context),
            is_stretched=True,
        ),
    ]


def _make_work_table(
    context: WindowContext,
    columns: list[Column],
    get_key: Callable[[Any], Hashable],
    accessible_name: str,
    *,
    hideable_columns: Sequence[str] = ("since", "who"),
) -> StaticTable:
    return StaticTable(context, columns, get_key, accessible_name, margin_px=12, hideable_columns=hideable_columns)
