"""Actions of the queue page. Most actions apply to the selected records; if no record is selected, to the record of
the current row. The other actions, such as resolve, always apply to the record of the current row."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from console.domain.access.permissions import is_same_person
from console.domain.payments.records import Order, Refund
from console.domain.payments.service_results import OrderDetails
from console.domain.records import CreditCheck
from console.domain.recovery.decision_rules import can_probe_ask_provider, has_refetchable_parts, is_decidable_check
from console.domain.tasks.records import BulkAction, Take
from console.domain.views.any_record import QueueItem
from console.views.bulk.request import RecordLister
from console.views.pages.base import Page
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.queues.selection_bar import QueueSelection
from console.views.records.actions import RecordActionHandlers
from console.views.records.collaboration_actions import CollaborationActions
from console.views.records.evidence_actions import EvidenceExportActions
from console.views.records.evidence_bundle import EvidenceBundleExport
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import PaymentRoute, RecordRef
from console.wording.audit_words import format_record_reference

if TYPE_CHECKING:
    from console.app import Console

_IS_POSSIBLE_BY_KEY_HINT: Mapping[str, Callable[[ShownRecord], bool]] = {
    "key.probe": can_probe_ask_provider,
    "key.refetch": has_refetchable_parts,
    "key.resolve": lambda record: (
        is_decidable_check(record) if isinstance(record, CreditCheck) else not isinstance(record, Order)
    ),
    "action.open_payment": lambda record: (
        isinstance(record, Refund) or (isinstance(record, Order) and bool(record.payment_ids))
    ),
}
"""For the shortcuts of actions that only some records have: the wording key of the shortcut's hint, and a function
that returns True if a record has the action."""


_KEY_HINTS_FOR_SELECTION = frozenset(
    {"key.probe", "key.refetch", "key.take", "key.give_back", "key.note", "key.choose_none", "key.evidence_bundle"}
)
"""Wording keys of the shortcuts that act on the selected records, and without a selection on the current record."""
_KEY_HINTS_FOR_CURRENT_RECORD = frozenset({"key.resolve", "action.open_payment", "key.hand_over", "key.copy_story"})
"""Wording keys of the shortcuts that act only on the current record, also if records are selected."""


def list_impossible_key_hints(records: Iterable[ShownRecord]) -> set[str]:
    """Return the wording keys of the shortcuts whose actions are possible on none of these records."""
    impossible_hints = set(_IS_POSSIBLE_BY_KEY_HINT)
    for record in records:
        impossible_hints -= {hint for hint in impossible_hints if _IS_POSSIBLE_BY_KEY_HINT[hint](record)}
        if not impossible_hints:
            break
    return impossible_hints


RefLister = Callable[["Console"], Collection[RecordRef]]
"""A function that returns kind and id of records. A background thread calls it."""


class QueuePageActions(QObject):
    """Runs the actions of the queue page on its records. Before a bulk action on several records, the bulk dialog
    makes a dry run, and the person confirms the action. Giving back takes and exporting evidence need no dry run."""

    def __init__(
        self,
        context: WindowContext,
        page: Page,
        selection: QueueSelection,
        get_current_row: Callable[[], QueueItem | None],
    ) -> None:
        """`get_current_row` returns the queue's item in the current row of the table; None if no row is current."""
        super().__init__(page)
        self._context, self._page, self._selection, self._get_current_row = context, page, selection, get_current_row
        self.record_actions = RecordActionHandlers(context, page)
        self.collaboration = CollaborationActions(context, self.record_actions, self.run_action_on_selection)
        self.evidence = EvidenceExportActions(context, self.record_actions, self.export_evidence_or_copy_timeline)
        self.evidence_bundle = EvidenceBundleExport(context, page)

    def bind_shortcuts(self) -> None:
        """Connect the shortcuts of the page, and the buttons of the selection bar, to the actions."""
        keys = {
            "P": self.probe_selected_or_current_records,
            "F": self.refetch_selected_or_current_checks,
            "E": self.resolve_current_record,
            "O": self.open_payment_of_current_record,
            "Shift+T": self.give_back_takes,
            "H": self.hand_over_current_record,
            "Ctrl+C": self.copy_number_of_current_record,
            "Ctrl+A": self._selection.select_all,
            "Ctrl+D": self._selection.clear_selection,
        }
        for key, act in keys.items():
            self._page.bind_shortcut(key, act)
        self._selection.action_requested.connect(self.begin_bulk_run)
        self._selection.bar.give_back_button.clicked.connect(self.give_back_takes)
        self._selection.bar.evidence_packs_button.clicked.connect(
            partial(self.export_evidence_or_copy_timeline, "evidence_pack")
        )

    def list_key_hints_without_effect_on_heading(self) -> frozenset[str]:
        """Return the wording keys of the shortcuts that do nothing while the heading of a group is the current row.
        Without a selection, these are all shortcuts that act on a record."""
        if not self._selection:
            return _KEY_HINTS_FOR_CURRENT_RECORD | _KEY_HINTS_FOR_SELECTION
        is_refetch_impossible = bool(self._selection.find_disabled_reason(BulkAction.REFETCH))
        return _KEY_HINTS_FOR_CURRENT_RECORD | ({"key.refetch"} if is_refetch_impossible else frozenset())

    @property
    def current_record(self) -> ShownRecord | None:
        """The record of the current row; None if no row is current."""
        current_row = self._get_current_row()
        return current_row.record if current_row is not None else None

    def _find_current_record(self) -> ShownRecord | None:
        """Return the record of the current row. If no row is current, show the person that nothing is selected,
        and return None."""
        record = self.current_record
        if record is None:
            self._page.show_key_refusal(self._context.translate("act.none_selected"))
        return record

    # -- all selected records

    @Slot(object)
    def begin_bulk_run(self, action: BulkAction) -> None:
        """Open the dialog that plans a bulk run of this action on the selected records, if the person has the
        right to the action."""
        if self.record_actions.refuse_if_right_missing(action.value):
            return
        from console.views.bulk.dialog import BulkDialog

        dialog = BulkDialog(self._context, self._page.window(), self._selection.make_bulk_request(action))
        dialog.run_confirmed.connect(self._selection.clear_selection)
        dialog.open()

    def _begin_bulk_run_if_selected(self, action: BulkAction) -> bool:
        """If records are selected, open the bulk dialog for them and return True; don't open it if the action isn't
        possible on them. Return False if no record is selected, so that the caller acts on the current row."""
        if not self._selection:
            return False
        disabled_reason = self._selection.find_disabled_reason(action)
        if disabled_reason:
            self._page.show_key_refusal(disabled_reason)
        else:
            self.begin_bulk_run(action)
        return True

    def export_evidence_or_copy_timeline(self, name: str) -> None:
        """Export the evidence packs of the selected records; without a selection, the evidence pack of the current
        record. If the action `name` is `copy_story`, copy the timeline of the current record to the clipboard
        instead."""
        if name == "evidence_pack" and self._selection:
            request = self._selection.make_bulk_request(BulkAction.NOTE)  # the records are the same for each action
            self.evidence_bundle.ask_path_and_write_bundle(
                partial(_list_refs_of_selection, request.list_records), request.record_count
            )
            return
        record = self._find_current_record()
        right = "audit_any" if name == "evidence_pack" else "read"
        if record is not None and not self.record_actions.refuse_if_right_missing(right):
            title = case_words.format_record_title(record, self._context)
            self.evidence.run_action_if_supported(name, *case_words.make_record_ref(record), title)

    # -- one record

    def run_action_on_selection(self, name: str) -> None:
        """Run the action `name` (`take` or `note`) on the selected records; without a selection, on the current
        record."""
        if self._begin_bulk_run_if_selected(BulkAction(name)):
            return
        record = self._find_current_record()
        if record is not None and not self.record_actions.refuse_if_right_missing(name):
            title = case_words.format_record_title(record, self._context)
            self.collaboration.run_action_if_supported(name, *case_words.make_record_ref(record), title)

    @Slot()
    def give_back_takes(self) -> None:
        """End the person's own takes of the selected records, also of those whose rows aren't read yet; without a
        selection, their own take of the current record."""
        if self.record_actions.refuse_if_right_missing("take"):
            return
        list_refs = (
            self._selection.make_taken_record_lister(self._context.operator or "") if self._selection else None
        )
        self._run_action_on_own_takes("give_back", list_refs)

    @Slot()
    def hand_over_current_record(self) -> None:
        """Open the dialog in which the person ends their own take of the current record and writes a note for the
        next person."""
        self._run_action_on_own_takes("hand_over", None)

    def _run_action_on_own_takes(self, name: str, list_refs: RefLister | None) -> None:
        """Read all takes, and run the action `name` (`give_back` or `hand_over`) on each take of the acting person
        whose record `list_refs` returns; on the take of the current record if `list_refs` is None. If the person has
        no such take, show a refusal."""
        list_chosen_refs = list_refs or self._make_current_record_lister()
        if list_chosen_refs is None:
            return

        def run_action_on_own_takes(takes_and_numbers: tuple[list[Take], Mapping[str, str]]) -> None:
            matching_takes, number_by_record = takes_and_numbers
            own_name, language = self._context.operator or "", self._context.language
            own_takes = [take for take in matching_takes if is_same_person(take.person, own_name)]
            for take in own_takes:
                number = number_by_record.get(f"{take.kind} {take.subject_id}", "")
                title = format_record_reference(take.kind, take.subject_id, language, number)
                self.collaboration.run_action_on_own_take(name, take, title)
            if not own_takes:
                self._page.show_key_refusal(self._context.translate("reason.not_your_take"))

        def list_takes(services: "Console") -> tuple[list[Take], Mapping[str, str]]:
            """Return the takes of the chosen records, and the records' numbers by "kind id"."""
            refs = list_chosen_refs(services)
            takes = [take for take in services.recovery.list_takes() if (take.kind, take.subject_id) in refs]
            return takes, services.lookup.find_record_numbers({f"{take.kind} {take.subject_id}" for take in takes})

        show_failed_read = self.record_actions.show_failed_read
        if name == "hand_over":
            self._page.read_for_dialog(list_takes, run_action_on_own_takes, show_failed_read)
        else:
            self._context.run_read(
                list_takes, run_action_on_own_takes, show_failed_read, caller=self, key=("takes", name)
            )

    def _make_current_record_lister(self) -> RefLister | None:
        """Return a function that returns kind and id of the current record. If no row is current, show the person
        that nothing is selected, and return None."""
        record = self._find_current_record()
        if record is None:
            return None
        current_refs = (case_words.make_record_ref(record),)
        return lambda _services: current_refs

    @Slot()
    def probe_selected_or_current_records(self) -> None:
        """Open the bulk dialog for a probe of the selected records. Without a selection, ask the provider for the
        outcome of the current record."""
        if self._begin_bulk_run_if_selected(BulkAction.PROBE):
            return
        record = self._find_current_record()
        if record is not None:
            self.record_actions.probe_record(record)

    @Slot()
    def refetch_selected_or_current_checks(self) -> None:
        """Open the dialog that fetches missing parts of the selected credit checks again; without a selection, of the
        current credit check."""
        if self._begin_bulk_run_if_selected(BulkAction.REFETCH):
            return
        record = self._find_current_record()
        if isinstance(record, CreditCheck):
            self.record_actions.open_refetch_dialog(record)
        elif record is not None:
            self._page.show_key_refusal(self._context.translate("act.only_checks"))

    @Slot()
    def resolve_current_record(self) -> None:
        """Open the dialog in which the person resolves the current record's unknown outcome by evidence. The
        selection is ignored, because each decision needs its own evidence."""
        record = self._find_current_record()
        if isinstance(record, Order):
            self._page.show_key_refusal(self._context.translate("act.order_follows"))
        elif record is not None:
            self.record_actions.open_resolve_dialog(record)

    @Slot()
    def open_payment_of_current_record(self) -> None:
        """Open the page of the payment of the current refund, or of the payment that the next step of the current
        order is about. If the current record is neither, or the order has no payment, show the reason."""
        record = self._find_current_record()
        if isinstance(record, Refund):
            self._context.navigate(PaymentRoute(record.payment_id, (), "queues"))
        elif isinstance(record, Order):
            order_id = record.id
            self._page.read_for_dialog(
                lambda services: services.payments.read_order(order_id),
                self._open_payment_of_order,
                self.record_actions.show_failed_read,
            )
        elif record is not None:
            self._page.show_key_refusal(self._context.translate("act.no_order"))

    def _open_payment_of_order(self, details: OrderDetails) -> None:
        payment = details.explained_payment
        if payment is None:
            self._page.show_key_refusal(self._context.translate("money.side.no_payment"))
        else:
            self._context.navigate(PaymentRoute(payment.id, (), "queues"))

    @Slot()
    def copy_number_of_current_record(self) -> None:
        """Copy the corporation number of the current record to the clipboard; if the record has none, copy its
        short title."""
        record = self._find_current_record()
        if record is not None:
            self.record_actions.copy_text(
                case_words.get_corporation_number(record) or case_words.format_short_title(record, self._context)
            )


def _list_refs_of_selection(list_records: RecordLister, services: "Console") -> Sequence[RecordRef]:
    """Return the kind and id of each record of a selection; at most MAX_QUEUE_SUBJECTS (see `list_queue_subjects`)
    if a whole queue is selected."""
    records = list_records(services)
    if isinstance(records, str):
        return services.recovery.list_queue_subjects(records)
    return [(record.kind, record.id) for record in records]
