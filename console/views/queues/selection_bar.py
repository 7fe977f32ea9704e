"""The selection in a queue: the bar with the number of selected records, and the actions on them. None of these
actions moves money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk.records import ChosenRecord
from console.domain.queues.filters import NO_CAUSE, cause_of
from console.domain.tasks.records import BulkAction
from console.views.bulk.request import BulkRequest
from console.views.pages.permission_buttons import DisabledReasons, bind_right
from console.views.presenters import records as case_words
from console.views.queues import rows as queue_rows
from console.views.queues.cause_groups import CauseRow, add_cause
from console.views.queues.rows import ListQuery, QueueRow
from console.views.records import evidence_bundle
from console.views.records.collaboration_actions import GIVE_BACK_KEY
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Ref
from console.views.tables.paged_model import PagedModel
from console.views.widgets.base import Surface, TextLabel, make_column
from console.views.widgets.buttons import KeyButton
from console.views.widgets.flow_layout import make_flow_widget
from console.wording import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

KEY_BY_ACTION = {BulkAction.PROBE: "P", BulkAction.REFETCH: "F", BulkAction.TAKE: "T", BulkAction.NOTE: "N"}
_PAGE_SIZE = 1_000
_MAX_RECORDS = 20_001
"""One more than the largest number of records of a bulk run. A larger selection is cut to this number, so that the
service refuses it with the right reason.
"""
_CHECK_KIND = "credit-check"


class SelectionBar(Surface):
    """The bar below the list with the number of selected records and the buttons of the actions on them. The page
    binds the shortcuts of these buttons.

    Signals:
    - action_requested(object): run this BulkAction on the selected records.
    - all_requested, none_requested: select all matching records, or none.
    """

    action_requested = Signal(object)
    all_requested = Signal()
    none_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(raised=True, edge="top")
        translate = context.translate
        self.setAccessibleName(translate("bulk.bar.name"))
        self.count = TextLabel("", bold=True)
        self.all = KeyButton("", "Ctrl+A", binds=False)
        self.all.clicked.connect(self.all_requested)
        self.none = KeyButton(translate("bulk.bar.none"), "Ctrl+D", binds=False)
        self.none.clicked.connect(self.none_requested)
        self.buttons = {
            action: KeyButton(translate(f"bulk.action.{action.value}"), key, binds=False)
            for action, key in KEY_BY_ACTION.items()
        }
        for action, button in self.buttons.items():
            button.clicked.connect(partial(self.action_requested.emit, action))
        give_back = KeyButton(translate("action.give_back"), GIVE_BACK_KEY, binds=False)
        self.give_back = bind_right(context, give_back, "take")
        packs = KeyButton(translate("action.evidence_bundle"), evidence_bundle.KEY, binds=False)
        self.packs = bind_right(context, packs, evidence_bundle.RIGHT)
        acts: list[QWidget] = [*self.buttons.values(), self.packs]
        acts.insert(list(self.buttons).index(BulkAction.TAKE) + 1, self.give_back)
        no_money = TextLabel(translate("bulk.bar.no_money"), "small", "muted")
        reasons = DisabledReasons(*self.buttons.values(), self.give_back, self.packs)
        line = make_flow_widget(self.count, self.all, self.none, *acts, no_money, gap=10, line_gap=6)
        self.setLayout(make_column(line, reasons, gap=4, margins=(24, 8, 24, 8)))
        self.hide()

    @property
    def stops(self) -> tuple[QWidget, ...]:
        return self.all, self.none, *self.buttons.values(), self.give_back, self.packs


class QueueSelection(QObject):
    """The selection of one list: single records, or all records that match the filter. For each single record it
    stores the version that the person saw when selecting it; a bulk run skips a record that has changed since.

    Signals:
    - action_requested(object): run this BulkAction on the selected records.
    """

    action_requested = Signal(object)

    def __init__(self, context: WindowContext, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self.bar = SelectionBar(context)
        self.has_all_selected = False
        self._rows: PagedModel | None = None
        self._query = ListQuery("")
        self._selected: dict[Ref, ChosenRecord] = {}
        self.bar.action_requested.connect(self.action_requested)
        self.bar.all_requested.connect(self.choose_all)
        self.bar.none_requested.connect(self.clear_selection)
        for signal in (
            context.people_changed,
            context.person_changed,
            context.connection_state_changed,
            context.work_counts_changed,
        ):
            signal.connect(self.update_bar)

    def show_list(self, query: ListQuery, rows: PagedModel) -> None:
        """Store which list is shown now, and clear the selection."""
        self._query, self._rows = query, rows
        self.clear_selection()

    def __bool__(self) -> bool:
        return self._rows is not None and bool(self._rows.selected_keys)

    # -- selecting

    def update_selection(self, rows: PagedModel) -> None:
        """Update the bar after the person has changed the selection in the table."""
        if rows is self._rows:
            self.has_all_selected = False
            self.update_bar()

    def select_new_rows(self, rows: PagedModel) -> None:
        """If the person has selected all matching records, also select the rows that were just read."""
        if rows is not self._rows:
            return
        if self.has_all_selected:
            rows.select_only(map(rows.key_of, rows.loaded_rows()))
        self.update_bar()

    @Slot()
    def choose_all(self) -> None:
        """Select all matching records, including those whose rows are not read yet."""
        if self._rows is not None and self._rows.row_count:
            self.has_all_selected = True
            self._rows.select_only(map(self._rows.key_of, self._rows.loaded_rows()))
            self.update_bar()

    @Slot()
    def clear_selection(self) -> None:
        """Clear the selection."""
        self.has_all_selected = False
        if self._rows is not None:
            self._rows.select_only(())
        self.update_bar()

    # -- selection

    def request_for(self, action: BulkAction) -> BulkRequest:
        """Return the request for a bulk run of this action on the selection."""
        if self.has_all_selected:
            return BulkRequest(action, _MatchingRecords(self._query), self._matching_count()[0])
        chosen, groups = self._selected_in_order(), self._selected_groups()
        if groups:
            queries = tuple(add_cause(self._query, group.cause) for group in groups)
            source = _GroupedRecords(queries, tuple(chosen))
            return BulkRequest(action, source, self._selected_count())
        return BulkRequest(action, _SelectedRecords(tuple(chosen)), len(chosen))

    def _selected_groups(self) -> list[CauseRow]:
        """Return the selected groups of a list that is grouped by cause."""
        rows = self._rows
        if rows is None:
            return []
        return [row for row in rows.loaded_rows() if isinstance(row, CauseRow) and row.key in rows.selected_keys]

    def _selected_count(self) -> int:
        """Return the number of selected records: those of the selected groups, and single ones of other groups."""
        groups = self._selected_groups()
        causes = {group.cause for group in groups}
        rows = self._rows.loaded_rows() if groups and self._rows is not None else ()
        in_groups = {
            queue_rows.key_of(row)
            for row in rows
            if isinstance(row, QueueRow) and (cause_of(row.item.record) or NO_CAUSE) in causes
        }
        return sum(group.group.count for group in groups) + len(self._selected.keys() - in_groups)

    @property
    def selected_refs(self) -> frozenset[Ref]:
        """Kind and id of the selected records whose rows are loaded."""
        return frozenset(self._selected if self else ())

    def _selected_in_order(self) -> list[ChosenRecord]:
        """Return the selected records in the order of the list. Records whose rows are no longer loaded come last."""
        self._store_versions()
        keys = self._rows.selected_keys if self._rows is not None else set()
        return [chosen for key, chosen in self._selected.items() if key in keys]

    def _store_versions(self) -> None:
        """Store each newly selected row with its present version, and remove the rows that are no longer selected. A
        row that is still selected keeps its stored version.
        """
        rows = self._rows
        if rows is None:
            return
        loaded = {
            queue_rows.key_of(row): _chosen_version(row) for row in rows.loaded_rows() if isinstance(row, QueueRow)
        }
        order = [key for key in loaded if key in rows.selected_keys]
        order += [key for key in self._selected if key in rows.selected_keys and key not in loaded]
        self._selected = {key: self._selected.get(key) or loaded[key] for key in order}

    def _matching_count(self) -> tuple[int, str]:
        """Return the number of rows that match the filter, as a number and as text. If not all rows are read, it is
        the number known so far.
        """
        rows = self._rows
        if rows is None:
            return 0, "0"
        queue_count = self._context.work_counts.find_count(self._query.queue)
        if self._query.by_cause:
            groups = [row for row in rows.loaded_rows() if isinstance(row, CauseRow)]
            count = sum(row.group.count for row in groups)
            return count, wording.format_count(count, is_capped=any(row.is_capped for row in groups))
        if rows.is_complete or queue_count is None or not self._query.is_whole:
            return rows.row_count, wording.format_count(rows.row_count, is_capped=not rows.is_complete)
        return queue_count.count, wording.format_count(queue_count.count, is_capped=queue_count.capped)

    # -- bar

    @Slot()
    def update_bar(self) -> None:
        """Show in the bar how many records are selected, and enable the actions that are possible on them."""
        self._store_versions()
        bar, translate = self.bar, self._context.translate
        bar.setVisible(bool(self))
        if not self:
            return
        of = self._matching_count()[1]
        words = (
            translate("bulk.bar.all_chosen", of=of)
            if self.has_all_selected
            else translate("bulk.bar.chosen", n=self._selected_count(), of=of)
        )
        bar.count.show_text(words)
        bar.all.show_text(translate("bulk.bar.all", of=of))
        bar.all.setVisible(not self.has_all_selected)
        for action, button in bar.buttons.items():
            disabled_reason = self.find_disabled_reason(action)
            if disabled_reason and disabled_reason != button.reason:
                button.disable_with_reason(disabled_reason)
            elif not disabled_reason and button.reason:
                button.enable_button()

    def find_disabled_reason(self, action: BulkAction) -> str:
        """Return why this action can't run on the selected records; "" if it can."""
        has_checks = any(kind == _CHECK_KIND for kind, _ in self._selected) or bool(self._selected_groups())
        if action is BulkAction.REFETCH and not has_checks:
            return self._context.translate("bulk.bar.refetch_off")
        return self._context.find_disabled_reason(action.value)


def _chosen_version(row: QueueRow) -> ChosenRecord:
    record = row.item.record
    return ChosenRecord(*case_words.make_record_ref(record), record.version)


@dataclass(frozen=True, slots=True)
class _SelectedRecords:
    """The source of a bulk run for records that the person selected one by one."""

    chosen: tuple[ChosenRecord, ...]

    def __call__(self, _services: "Console") -> Sequence[ChosenRecord]:
        return self.chosen


@dataclass(frozen=True, slots=True)
class _MatchingRecords:
    """The source of a bulk run for all records of a list: those that match its filter at the time of the call."""

    query: ListQuery

    def __call__(self, services: "Console") -> Sequence[ChosenRecord] | str:
        if self.query.is_whole:
            return self.query.queue
        read = queue_rows.read_rows(self.query)
        page = read(services, None, _PAGE_SIZE)
        chosen = [_chosen_version(row) for row in page.rows]
        while page.next is not None and len(chosen) < _MAX_RECORDS:
            page = read(services, page.next, _PAGE_SIZE)
            chosen += [_chosen_version(row) for row in page.rows]
        return chosen


@dataclass(frozen=True, slots=True)
class _GroupedRecords:
    """The source of a bulk run for all records of some groups, and for further records that the person selected."""

    queries: tuple[ListQuery, ...]
    chosen: tuple[ChosenRecord, ...]

    def __call__(self, services: "Console") -> Sequence[ChosenRecord]:
        found = {(one.kind, one.id): one for one in self.chosen}
        for query in self.queries:
            records = _MatchingRecords(query)(services)
            assert not isinstance(records, str)  # noqa: S101  # a group has a filter: tells the type checker
            for one in records:
                found.setdefault((one.kind, one.id), one)
        return list(found.values())[:_MAX_RECORDS]
