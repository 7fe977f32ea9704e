"""The selected records of a queue, and the bar with the number of selected records and the actions on them. None of
these actions moves money."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk.records import ChosenRecord
from console.domain.exports.tables import ChosenRecords
from console.domain.queues.filters import NO_CAUSE, find_cause, fulfils_owner_condition
from console.domain.tasks.records import BulkAction
from console.views.bulk.request import BulkRequest
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.presenters import records as case_words
from console.views.queues import rows as queue_rows
from console.views.queues.cause_groups import CauseRow, restrict_to_cause
from console.views.queues.rows import QueueListQuery, QueueRow
from console.views.records import evidence_bundle
from console.views.records.collaboration_actions import GIVE_BACK_SHORTCUT
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.tables.paged_model import PagedModel
from console.views.widgets.base import Surface, TextLabel, make_row
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.controls.buttons import KeyButton
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

SHORTCUT_BY_BULK_ACTION = {BulkAction.PROBE: "P", BulkAction.REFETCH: "F", BulkAction.TAKE: "T", BulkAction.NOTE: "N"}
_ROWS_PER_READ_PAGE = 1_000
_MAX_SELECTED_RECORDS = 20_001
"""One more than the largest number of records of a bulk run. A larger selection is cut to this number, so that the
service refuses it with the right reason.
"""
_CREDIT_CHECK_KIND = "credit-check"


class SelectionBar(Surface):
    """The bar below the list, with the number of selected records and the buttons of the actions on them. The page
    connects the keyboard shortcuts of these buttons.

    Signals:
    - action_requested(object): the person wants to run this BulkAction on the selected records.
    - select_all_requested: the person has pressed the button that selects all matching records.
    - select_none_requested: the person has pressed the button that clears the selection.
    """

    action_requested = Signal(object)
    select_all_requested = Signal()
    select_none_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(is_raised=True, edge="top")
        translate = context.translate
        self.setAccessibleName(translate("bulk.bar.name"))
        self.count_label = TextLabel("", is_bold=True)
        self.select_all_button = KeyButton("", "Ctrl+A", binds_key=False)
        self.select_all_button.clicked.connect(self.select_all_requested)
        self.select_none_button = KeyButton(translate("bulk.bar.none"), "Ctrl+D", binds_key=False)
        self.select_none_button.clicked.connect(self.select_none_requested)
        self.buttons = {
            action: KeyButton(translate(f"bulk.action.{action.value}"), key, binds_key=False)
            for action, key in SHORTCUT_BY_BULK_ACTION.items()
        }
        for action, button in self.buttons.items():
            button.clicked.connect(partial(self.action_requested.emit, action))
        give_back_button = KeyButton(translate("action.give_back"), GIVE_BACK_SHORTCUT, binds_key=False)
        self.give_back_button = bind_button_to_right(context, give_back_button, "take")
        evidence_packs_button = KeyButton(
            translate("action.evidence_bundle"), evidence_bundle.EVIDENCE_BUNDLE_SHORTCUT, binds_key=False
        )
        self.evidence_packs_button = bind_button_to_right(
            context, evidence_packs_button, evidence_bundle.EVIDENCE_BUNDLE_RIGHT
        )
        bar_buttons = [self.select_none_button, *self.buttons.values(), self.evidence_packs_button]
        bar_buttons.insert(bar_buttons.index(self.buttons[BulkAction.TAKE]) + 1, self.give_back_button)
        self.button_row = ActionRow(
            [self.select_all_button, *bar_buttons],
            (),
            (),
            menu_button_text=translate("action.more"),
            format_menu_text=lambda action, reason: translate("act.about", title=action, message=reason),
        )
        line = make_row(self.count_label, self.button_row, gap_px=16, margins=(24, 8, 24, 8))
        line.setStretch(1, 1)
        self.setLayout(line)
        self.hide()

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        return (
            self.select_all_button,
            self.select_none_button,
            *self.buttons.values(),
            self.give_back_button,
            self.evidence_packs_button,
            self.button_row.menu_button,
        )


class QueueSelection(QObject):
    """The selection of a queue's list: single records, groups of records with the same cause, or all records that
    match the filter. The version of each single record is stored when the person selects it; a bulk run skips a
    record whose version has changed since.

    Signals:
    - action_requested(object): the person wants to run this BulkAction on the selected records.
    """

    action_requested = Signal(object)

    def __init__(self, context: WindowContext, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self.bar = SelectionBar(context)
        self.has_all_selected = False
        self._row_model: PagedModel | None = None
        self._query = QueueListQuery("")
        self._selected_record_by_key: dict[RecordRef, ChosenRecord] = {}
        self.bar.action_requested.connect(self.action_requested)
        self.bar.select_all_requested.connect(self.select_all)
        self.bar.select_none_requested.connect(self.clear_selection)
        for signal in (
            context.people_changed,
            context.person_changed,
            context.connection_state_changed,
            context.work_counts_changed,
        ):
            signal.connect(self.update_bar)

    def reset_for_list(self, query: QueueListQuery, rows: PagedModel) -> None:
        """Clear the selection, and use it for the list with this query and these rows from now on."""
        self._query, self._row_model = query, rows
        self.clear_selection()

    def __bool__(self) -> bool:
        """Return True if at least one row of the shown list is selected."""
        return self._row_model is not None and bool(self._row_model.selected_keys)

    # -- selecting

    def update_after_selection_change(self, rows: PagedModel) -> None:
        """Update the bar after the person has selected or deselected rows in the table; the selection then no longer
        means all matching records. Do nothing if `rows` belong to a table that isn't shown."""
        if rows is self._row_model:
            self.has_all_selected = False
            self.update_bar()

    def select_new_rows(self, rows: PagedModel) -> None:
        """If all matching records are selected, also select the rows that were just read. Do nothing if `rows` belong
        to a table that isn't shown."""
        if rows is not self._row_model:
            return
        if self.has_all_selected:
            rows.select_only(map(rows.get_key, rows.iterate_loaded_rows()))
        self.update_bar()

    @Slot()
    def select_all(self) -> None:
        """Select all matching records, including records whose rows are not read yet."""
        if self._row_model is not None and self._row_model.row_count:
            self.has_all_selected = True
            self._row_model.select_only(map(self._row_model.get_key, self._row_model.iterate_loaded_rows()))
            self.update_bar()

    @Slot()
    def toggle_all(self) -> None:
        """Select all matching records; if all rows are selected already, deselect them."""
        if self._row_model is not None and self._row_model.has_all_rows_selected:
            self.clear_selection()
        else:
            self.select_all()

    @Slot()
    def clear_selection(self) -> None:
        """Deselect all records."""
        self.has_all_selected = False
        if self._row_model is not None:
            self._row_model.select_only(())
        self.update_bar()

    # -- selection

    def make_bulk_request(self, action: BulkAction) -> BulkRequest:
        """Return the request for a bulk run of this action on the selected records."""
        if self.has_all_selected:
            return BulkRequest(
                action, _MatchingRecordLister(self._query), self._count_and_format_matching_records()[0]
            )
        records, groups = self._list_selected_in_order(), self._list_selected_groups()
        if groups:
            queries = tuple(restrict_to_cause(self._query, group.cause) for group in groups)
            list_records = _GroupedRecordLister(queries, tuple(records))
            return BulkRequest(action, list_records, self._count_selected_records())
        return BulkRequest(action, _SelectedRecordLister(tuple(records)), len(records))

    def _list_selected_groups(self) -> list[CauseRow]:
        """Return the selected heading rows of a list that is grouped by cause; an empty list if the records aren't
        grouped."""
        rows = self._row_model
        if rows is None:
            return []
        return [
            row for row in rows.iterate_loaded_rows() if isinstance(row, CauseRow) and row.key in rows.selected_keys
        ]

    def _count_selected_records(self) -> int:
        """Return the number of selected records: the records of the selected groups, and the selected single records
        outside of these groups."""
        groups = self._list_selected_groups()
        selected_causes = {group.cause for group in groups}
        rows = self._row_model.iterate_loaded_rows() if groups and self._row_model is not None else ()
        keys_in_groups = {
            queue_rows.get_row_record_ref(row)
            for row in rows
            if isinstance(row, QueueRow) and (find_cause(row.item.record) or NO_CAUSE) in selected_causes
        }
        return sum(group.group.count for group in groups) + len(self._selected_record_by_key.keys() - keys_in_groups)

    def get_chosen_records(self) -> ChosenRecords | None:
        """Return the selected records: the single records and the groups. Return None if no row, or every matching
        record, is selected."""
        if not self or self.has_all_selected:
            return None
        causes = frozenset(group.cause for group in self._list_selected_groups())
        return ChosenRecords(frozenset(self._selected_record_by_key), self._count_selected_records(), causes)

    def make_taken_record_lister(self, person: str) -> "Callable[[Console], frozenset[RecordRef]]":
        """Return a function that reads the selected records whose takes `person` may want to give back, and returns
        their kinds and ids. It returns:

        - every record that is selected singly, without a check of its take
        - of the selected groups, only the records that `person` has taken, also if their rows aren't read yet
        - if all matching records are selected, only those of them that `person` has taken
        """
        chosen_records = self.get_chosen_records()
        if chosen_records is not None:
            queries = tuple(restrict_to_cause(self._query, cause) for cause in chosen_records.causes)
            return _TakenRecordLister(person, queries, chosen_records.refs)
        return _TakenRecordLister(person, (self._query,) if self else (), frozenset())

    def _list_selected_in_order(self) -> list[ChosenRecord]:
        """Return the selected single records in the order of the list. Records whose rows are no longer loaded
        come last."""
        self._store_record_versions()
        keys = self._row_model.selected_keys if self._row_model is not None else set()
        return [record for key, record in self._selected_record_by_key.items() if key in keys]

    def _store_record_versions(self) -> None:
        """Store the version of each newly selected record, and discard the stored versions of records that are no
        longer selected. A record that is still selected keeps its stored version."""
        rows = self._row_model
        if rows is None:
            return
        loaded_versions = {
            queue_rows.get_row_record_ref(row): _make_chosen_record(row)
            for row in rows.iterate_loaded_rows()
            if isinstance(row, QueueRow)
        }
        order = [key for key in loaded_versions if key in rows.selected_keys]
        order += [
            key for key in self._selected_record_by_key if key in rows.selected_keys and key not in loaded_versions
        ]
        self._selected_record_by_key = {
            key: self._selected_record_by_key.get(key) or loaded_versions[key] for key in order
        }

    def _count_and_format_matching_records(self) -> tuple[int, str]:
        """Return the number of records that match the filter, and the text for this number. While some rows of a
        filtered queue aren't read yet, it is the number of the rows read so far. In a list grouped by cause, it is
        the sum of the numbers of the loaded groups."""
        rows = self._row_model
        if rows is None:
            return 0, "0"
        queue_count = self._context.work_counts.find_queue_count(self._query.queue)
        if self._query.is_grouped_by_cause:
            groups = [row for row in rows.iterate_loaded_rows() if isinstance(row, CauseRow)]
            count = sum(row.group.count for row in groups)
            return count, wording.format_count(count, is_capped=any(row.is_count_capped for row in groups))
        if rows.has_read_last_page or queue_count is None or not self._query.lists_whole_queue:
            return rows.row_count, wording.format_count(rows.row_count, is_capped=not rows.has_read_last_page)
        return queue_count.count, wording.format_count(queue_count.count, is_capped=queue_count.is_capped)

    # -- bar

    @Slot()
    def update_bar(self) -> None:
        """Show the number of selected records in the bar, and enable the buttons of the actions that are possible
        on them; hide the bar if no record is selected."""
        self._store_record_versions()
        bar, translate = self.bar, self._context.translate
        bar.setVisible(bool(self))
        if not self:
            return
        total_text = self._count_and_format_matching_records()[1]
        count_text = (
            translate("bulk.bar.all_chosen", of=total_text)
            if self.has_all_selected
            else translate("bulk.bar.chosen", n=self._count_selected_records(), of=total_text)
        )
        bar.count_label.show_text(count_text)
        bar.select_all_button.show_text(translate("bulk.bar.all", of=total_text))
        bar.select_all_button.setVisible(not self.has_all_selected)
        for action, button in bar.buttons.items():
            disabled_reason = self.find_disabled_reason(action)
            if disabled_reason and disabled_reason != button.reason:
                button.disable_with_reason(disabled_reason)
            elif not disabled_reason and button.reason:
                button.enable_button()

    def find_disabled_reason(self, action: BulkAction) -> str:
        """Return the reason why this action can't run on the selected records; "" if the action can run."""
        has_checks = any(kind == _CREDIT_CHECK_KIND for kind, _ in self._selected_record_by_key) or bool(
            self._list_selected_groups()
        )
        if action is BulkAction.REFETCH and not has_checks:
            return self._context.translate("bulk.bar.refetch_off")
        return self._context.find_disabled_reason(action.value)


def _make_chosen_record(row: QueueRow) -> ChosenRecord:
    record = row.item.record
    return ChosenRecord(*case_words.make_record_ref(record), record.version)


@dataclass(frozen=True, slots=True)
class _SelectedRecordLister:
    """A function object that returns the records of a bulk run: the records that the person has selected one by
    one."""

    chosen_records: tuple[ChosenRecord, ...]

    def __call__(self, _services: "Console") -> Sequence[ChosenRecord]:
        return self.chosen_records


@dataclass(frozen=True, slots=True)
class _MatchingRecordLister:
    """A function object that returns the records of a bulk run: all records that match the query at the time of the
    call. It stops reading as soon as it has at least _MAX_SELECTED_RECORDS records. For a query without conditions,
    it returns the name of the queue instead, which means all records of the queue."""

    query: QueueListQuery

    def __call__(self, services: "Console") -> Sequence[ChosenRecord] | str:
        return self.query.queue if self.query.lists_whole_queue else _read_matching_records(services, self.query)


def _read_matching_records(services: "Console", query: QueueListQuery) -> list[ChosenRecord]:
    """Return the records that match the query now. Reading stops as soon as there are at least _MAX_SELECTED_RECORDS
    records."""
    read_rows = queue_rows.make_row_reader(query)
    page = read_rows(services, None, _ROWS_PER_READ_PAGE)
    records = [_make_chosen_record(row) for row in page.rows]
    while page.next_cursor is not None and len(records) < _MAX_SELECTED_RECORDS:
        page = read_rows(services, page.next_cursor, _ROWS_PER_READ_PAGE)
        records += [_make_chosen_record(row) for row in page.rows]
    return records


@dataclass(frozen=True, slots=True)
class _TakenRecordLister:
    """A function object that returns `chosen_refs` (kind and id of records), and the kind and id of those records of
    `queries` that `person` has taken."""

    person: str
    queries: tuple[QueueListQuery, ...]
    chosen_refs: frozenset[RecordRef]

    def __call__(self, services: "Console") -> frozenset[RecordRef]:
        refs = set(self.chosen_refs)
        for query in self.queries:
            if not fulfils_owner_condition(query.record_filter.owner, self.person):
                continue  # the list has no record that the person has taken
            taken_records = replace(query.record_filter, owner=self.person)
            records = _read_matching_records(services, replace(query, record_filter=taken_records))
            refs.update((record.kind, record.id) for record in records)
        return frozenset(refs)


@dataclass(frozen=True, slots=True)
class _GroupedRecordLister:
    """A function object that returns the records of a bulk run: the single records `chosen_records`, then all records
    of the selected groups, which `queries` read. It returns at most _MAX_SELECTED_RECORDS records, and no record
    twice."""

    queries: tuple[QueueListQuery, ...]
    chosen_records: tuple[ChosenRecord, ...]

    def __call__(self, services: "Console") -> Sequence[ChosenRecord]:
        records_by_key = {(record.kind, record.id): record for record in self.chosen_records}
        for query in self.queries:
            for record in _read_matching_records(services, query):
                records_by_key.setdefault((record.kind, record.id), record)
        return list(records_by_key.values())[:_MAX_SELECTED_RECORDS]
