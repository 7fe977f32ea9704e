"""The service `console.recovery`: it reads the queues of waiting records, and shows, probes and decides records of
every kind.

When the window opens, it first reads a queue. So the many modules that act on records are imported only when one of
their services is used for the first time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import TimelinePage
from console.domain.payments.records import Order, Payment, Refund
from console.domain.queues.causes import CausePage
from console.domain.queues.filter_text import ParsedFilter, parse_filter
from console.domain.queues.filters import NO_FILTER, RecordFilter, get_record_kind
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder
from console.domain.records import CreditCheck, LeaseHolder, Operation
from console.domain.recovery.decision_reasons import StatedReason, list_reason_arguments
from console.domain.recovery.records import DecisionChoice, WaitingProposal
from console.domain.tasks.records import Note, Take
from console.domain.usage_problems import UsageProblem
from console.domain.views.any_record import AnyRecordDetails, QueuePage, ResolveResult, UnfinishedOperation
from console.services.guarded import second_person
from console.services.guarded.answer_serialization import return_true_as_answer
from console.services.process.context import ServiceContext

if TYPE_CHECKING:
    from console.domain.payments.unmasking import UnmaskedTexts
    from console.domain.service_results import QueueCount, TaskRun
    from console.services.annotations.notes import NoteService
    from console.services.annotations.takes import TakeService
    from console.services.credit_checks.probe import CreditCheckProber
    from console.services.credit_checks.resolve import PurchaseResolver
    from console.services.evidence.pack import EvidencePackWriter, WrittenPack
    from console.services.evidence.pack_bundle import EvidenceBundleWriter, PackCountReporter, WrittenBundle
    from console.services.guarded.request_ids import RequestIdService
    from console.services.payments.unmasking import PayerUnmasking
    from console.services.recovery.operations import OperationRecovery
    from console.services.tasks.scheduler import Scheduler
    from console.wiring.payments import PaymentService
    from console.wiring.record_readers import RecordReaders
    from console.wiring.refunds import RefundService

AnyRecord: TypeAlias = CreditCheck | Operation | Order | Payment | Refund
DUE_TASK_EARLY_MARGIN = timedelta(seconds=15)
"""A window runs the due tasks each minute. In such a run, tasks that become due within this time run too."""
MAX_QUEUE_SUBJECTS = 20_001
"""One more than the largest number of records of a bulk run, so that a longer queue is refused with the right
reason.
"""
_MAX_ID_DIGITS = 18  # digits


@dataclass(frozen=True, slots=True)
class RecordServices:
    """The services with which `RecoveryService` probes and decides records, and runs the due tasks."""

    purchase_resolver: "PurchaseResolver"
    credit_check_prober: "CreditCheckProber"
    operations: "OperationRecovery"
    payments: "PaymentService"
    refunds: "RefundService"
    scheduler: "Scheduler"
    take_service: "TakeService"
    notes: "NoteService"
    unmasking: "PayerUnmasking"
    request_ids: "RequestIdService"
    evidence_packs: "EvidencePackWriter"
    evidence_bundles: "EvidenceBundleWriter"


@dataclass(frozen=True, slots=True)
class TimelinePageWithText(TimelinePage):
    """A page of a record's timeline with a method that returns the page as text."""

    def as_text(self, language: str) -> str:  # house: part of the documented Python interface
        """Return the events as plain text in `language` (`ja` or `en`), for example to send the text to a customer or
        an auditor. The names of payers are masked.
        """
        from console.wording.timelines import format_timeline  # The words are loaded at their first use.

        return format_timeline(self, language)


class RecoveryService:
    """All actions on records of the kinds credit-check, payment, order, refund and operation, for callers that
    know only a record's kind and id."""

    def __init__(
        self,
        readers: "RecordReaders",
        make_record_services: Callable[[], RecordServices],
        context: ServiceContext,
    ) -> None:
        """`readers` read the records for lists and screens. `make_record_services` returns the services that act on
        records. RecoveryService calls it once, when one of these services is used for the first time."""
        self._context, self._readers, self._make_record_services = context, readers, make_record_services

    @cached_property
    def _services(self) -> RecordServices:
        return self._make_record_services()

    def read_queue(
        self,
        queue_name: str,
        limit: int = 50,
        after_cursor: str | None = None,
        record_filter: RecordFilter = NO_FILTER,
        sort_order: QueueSortOrder = DEFAULT_SORT_ORDER,
    ) -> QueuePage:
        """Return one page of the queue `queue_name`: at most `limit` records that match `record_filter`, in the sort
        order `sort_order`. `after_cursor` is the cursor that the previous page returned, None for the first page.
        Raises usage for an unknown queue or cursor, not_allowed if the acting person has no right to read."""
        return self._readers.queues.read_page(queue_name, limit, after_cursor, record_filter, sort_order)

    def parse_filter(self, text: str) -> ParsedFilter:
        """Return the filter of a queue that a typed text means. `me` in `owner:me` is the acting person."""
        return parse_filter(text, self._context.operator)

    def list_queue_subjects(
        self, queue_name: str, record_filter: RecordFilter = NO_FILTER, max_records: int = MAX_QUEUE_SUBJECTS
    ) -> tuple[tuple[str, int], ...]:
        """Return the kind and id of records of the queue `queue_name` that match `record_filter`, in the default sort
        order of the queue. At most `max_records` records are returned, read page by page. Raises usage for an unknown
        queue, not_allowed if the acting person has no right to read.
        """
        page = self.read_queue(queue_name, max_records, None, record_filter)
        items = list(page.items)
        while page.next_cursor is not None and len(items) < max_records:
            page = self.read_queue(queue_name, max_records - len(items), page.next_cursor, record_filter)
            items += page.items
        return tuple((get_record_kind(item.record), item.record.id) for item in items)

    def read_cause_groups(self, queue_name: str, record_filter: RecordFilter = NO_FILTER) -> CausePage:
        """Group the records of the queue `queue_name` that match `record_filter` by the cause of their problem.
        Return for each cause the number of records and the sums of their amounts by currency. If the queue has too
        many records to count, the numbers are too low, and the result says so. Raises usage for an unknown queue,
        not_allowed if the acting person has no right to read.
        """
        return self._readers.queues.read_cause_groups(queue_name, record_filter)

    def count_queued_records(self) -> "tuple[QueueCount, ...]":
        """Return for each queue the number of its records (at most 1,000 are counted), and the time at which the
        oldest of these records began to wait. Raises not_allowed if the acting person has no right to read."""
        return self._readers.queues.read_counts()

    def list_unfinished_operations(self) -> tuple[UnfinishedOperation, ...]:
        """Return the operations in the journal that are running or have an unknown outcome, oldest first, at most
        500. Raises not_allowed if the acting person has no right to read."""
        return self._readers.queues.list_unfinished_operations()

    def list_lease_holders(self) -> tuple[LeaseHolder, ...]:
        """Return the leases in force with the processes that hold them, the oldest lease first. The leases of due
        tasks, and the lease by which a worker shows that it is running, are left out. Raises not_allowed if the
        acting person has no right to read."""
        return self._readers.queues.list_lease_holders()

    def list_takes(self) -> tuple[Take, ...]:
        """Return the takes of records that have not ended, oldest first. Raises not_allowed if the acting person has
        no right to read."""
        return self._readers.queues.list_takes()

    def list_proposals(self, limit: int | None = second_person.MAX_LISTED_PROPOSALS) -> tuple[WaitingProposal, ...]:
        """Return the proposed outcomes that wait for a second person, oldest first, at most `limit` (None: all).
        Raises not_allowed if the acting person has no right to read."""
        return second_person.list_open_proposals(self._context, limit)

    def run_all_tasks(self) -> "tuple[TaskRun, ...]":
        """Run every task of the scheduler once, including tasks that aren't due, and return the runs. If another
        process is running a task, this call waits for the end of that run for a limited time. If the task is still
        running in the other process then, this call doesn't run the task, and the count in its result is 0. If tasks
        fail, the other tasks still run, and the error of the first failed task is raised at the end. Raises
        not_allowed if the acting person or the database account may not run due tasks."""
        return self._services.request_ids.act_once("run due", None, (), self._services.scheduler.run_all_tasks)

    @property
    def due_task_names(self) -> tuple[str, ...]:
        """The names of all due tasks, in the sequence in which `run_all_tasks` runs them."""
        return self._services.scheduler.task_names

    def run_due_tasks(self) -> "tuple[TaskRun, ...]":
        """Run the tasks that are due and that no other process runs, and return the result of each run. A window
        calls this method each minute. In team mode, in which a worker acts for the person of this desk, run nothing
        and return an empty tuple. The failure of a task raises no error. Raises not_allowed if the database account
        may not run tasks, and database_unreachable if the database doesn't answer.
        """
        return (
            ()
            if self._context.acts_through_worker
            else self._services.scheduler.run_due_tasks(early_margin=DUE_TASK_EARLY_MARGIN)
        )

    def find_choices(self, kind: str, id: int | str) -> tuple[DecisionChoice, ...]:
        """Return the actions on a credit check, payment, order or refund. Each action has its effect or, if it is not
        possible now, the reason. Raises not_found if there is no such record, and not_allowed if the acting person
        has no right to read.
        """
        return self._readers.action_choices.read_choices(kind, _parse_record_id(kind, id))

    def take(self, kind: str, id: int | str, *, request_id: str | None = None) -> Take:
        """Take the record: mark for half an hour that the acting person works on it. Return the take. Raises
        not_found if there is no such record, not_allowed if the acting person has no right to take records, read_only
        while the read-only switch for everything is on, and in_progress if another person has the take.
        """
        record_id, take_service = _parse_record_id(kind, id), self._services.take_service
        return self._services.request_ids.act_once(
            "take", request_id, (kind, record_id), lambda: take_service.take_record(kind, record_id)
        )

    def give_up_take(self, kind: str, id: int | str, *, request_id: str | None = None) -> bool:
        """End the acting person's take of the record, and return True. Return False if the acting person has not
        taken the record. Raises not_allowed if the acting person has no right to take records, and read_only while
        the read-only switch for everything is on.
        """
        record_id, take_service = _parse_record_id(kind, id), self._services.take_service
        return self._services.request_ids.act_once(
            "give up",
            request_id,
            (kind, record_id),
            lambda: take_service.give_up_take(kind, record_id),
            return_true_as_answer,
        )

    def hand_over(self, kind: str, id: int | str, note_text: str, *, request_id: str | None = None) -> bool:
        """End the acting person's take of the record and leave a note for the next person. Return False, and write
        nothing, if the acting person has not taken the record. Raises usage if the note is empty or too long,
        not_allowed if the acting person has no right to take records or no right to write notes, read_only while the
        read-only switch for everything is on.
        """
        from console.services.annotations.hand_over import hand_over
        from console.services.recovery import replayed_answers as record_answers

        arguments, services = (_parse_record_id(kind, id), note_text), self._services
        find_answer = record_answers.make_hand_over_answer_finder(self._context, kind, *arguments)
        return self._services.request_ids.act_once(
            "hand over",
            request_id,
            (kind, *arguments),
            lambda: hand_over(self._context, services.take_service, services.notes, kind, *arguments),
            find_answer,
        )

    def add_note(self, kind: str, id: int | str, note_text: str, *, request_id: str | None = None) -> Note:
        """Add a note of the acting person to the record, and return the note. Raises usage if the text is empty or
        too long, not_found if there is no such record, not_allowed if the acting person has no right to write notes,
        read_only while the read-only switch for everything is on.
        """
        from console.services.recovery import replayed_answers as record_answers

        record_id, note_service = _parse_record_id(kind, id), self._services.notes
        find_answer = record_answers.make_note_answer_finder(self._context, kind, record_id, note_text)
        arguments = (kind, record_id, note_text)
        return self._services.request_ids.act_once(
            "note", request_id, arguments, lambda: note_service.add_note(*arguments), find_answer
        )

    def unmask(self, kind: str, id: int | str, reason_text: str, *, request_id: str | None = None) -> bool:
        """Write an audit entry, which allows the acting person to read a payer and the raw answers without masks for
        UNMASKED_SECONDS, and return True. `reason_text` is the person's reason, which the entry contains. Raises
        usage if the reason is empty or too long, not_found if there is no such payment or refund, not_allowed if the
        acting person has no right to unmask.
        """
        record_id, unmasking = _parse_record_id(kind, id), self._services.unmasking
        return self._services.request_ids.act_once(
            "unmask",
            request_id,
            (kind, record_id, reason_text),
            lambda: unmasking.unmask(kind, record_id, reason_text),
            return_true_as_answer,
        )

    def read_unmasked(self, kind: str, id: int | str) -> "UnmaskedTexts | None":
        """Return the unmasked payer and answers of a payment or refund; None if the acting person has not unmasked
        them within the last UNMASKED_SECONDS. Raises not_found if there is no such record, not_allowed if the acting
        person may not read."""
        return self._services.unmasking.read_unmasked(kind, _parse_record_id(kind, id))

    def read_record(self, kind: str, id: int | str) -> AnyRecordDetails:
        """Return one record with the data that its screen shows. Raises not_found if there is no such record,
        not_allowed if the acting person has no right to read."""
        match kind:
            case "operation":
                return self._services.operations.read_details(str(id))
            case "payment":
                return self._readers.payment_details.read_payment(_parse_record_id(kind, id))
            case "order":
                return self._readers.payment_details.read_order(_parse_record_id(kind, id))
            case "refund":
                return self._readers.refund_details.read_refund(_parse_record_id(kind, id))
        return self._readers.credit_check_details.read_credit_check(_parse_credit_check_id(kind, id))

    def read_last_events(self, kind: str, id: int, limit: int = 5) -> TimelinePage:
        """Return the newest `limit` events of a record, oldest first, for a preview. Raises not_found if there is no
        such record, not_allowed if the acting person has no right to read.
        """
        return self._readers.timelines.read_last_events(kind, id, limit)

    def read_timeline(
        self, kind: str, id: int | str, limit: int = 500, after_cursor: str | None = None
    ) -> TimelinePageWithText:
        """Return one page of at most `limit` events of the record's timeline, oldest first. `after_cursor` is the
        cursor that the previous page contains as its next cursor; None for the first page. Raises not_found if there
        is no such record, usage for a malformed cursor, and not_allowed if the acting person has no right to read.
        """
        page = self._readers.timelines.read_timeline(kind, id, limit, after_cursor)
        return TimelinePageWithText(
            page.kind, page.id, page.events, page.next_cursor, page.facts, page.hidden_texts, page.names
        )

    def write_evidence_pack(self, kind: str, id: int | str, path: Path) -> "WrittenPack":
        """Write the evidence pack of a record to the new file `path`, and return the file's path, size and hash.
        `verify_pack` in `services/evidence/pack_verification.py` can verify the file.

        Raises not_found if there is no such record; no_operator if no name is set; not_allowed if the acting person
        has no right to export the audit trail; usage if the file exists (problem file_exists) or if its folder
        doesn't exist (no_folder); storage_full if the file can't be written.
        """
        return self._services.evidence_packs.write(kind, id, path)

    def write_evidence_bundle(
        self,
        records: Sequence[tuple[str, int | str]],
        path: Path,
        progress: "PackCountReporter" = lambda _done, _of: None,
    ) -> "WrittenBundle":
        """Write the evidence packs of several records (kind and id) and an index to the new file `path`. Return the
        facts of the written file. `progress` is called before each pack and after the last one, with the number of
        packs finished so far and the number of all records; it may raise an exception, which cancels the bundle.
        `verify_pack` in `services/evidence/pack_verification.py` can verify the file.

        Raises not_found if one of the records is missing; no_operator if no name is set; not_allowed if the acting
        person has no right to export the audit trail; usage if the file exists (problem file_exists), if its folder
        doesn't exist (no_folder), or if there are no records or too many (bulk_size); storage_full if the file can't
        be written.
        """
        return self._services.evidence_bundles.write(records, path, progress)

    def probe(self, kind: str, id: int | str, *, request_id: str | None = None) -> AnyRecord:
        """Ask the provider about the record, and return the record as it is after the probe. For an order, this
        method probes its newest payment and its payments with an unknown outcome (`PaymentService.probe_order`).

        Raises not_found if there is no such record; not_allowed if the acting person has no right to probe;
        in_progress while another process works on the record; outcome_unknown if its outcome stays unknown;
        nothing_to_resolve for an order without a payment; bad_profile if the provider is not configured on this desk;
        provider_auth, rate_limited or provider_unreachable if the provider refuses the credentials, refuses the call
        because of too many calls, or doesn't answer.
        """
        from console.services.recovery import replayed_answers as record_answers

        find_answer = record_answers.make_probe_answer_finder(self._context, kind, id)
        return self._services.request_ids.act_once(
            "probe", request_id, (kind, str(id)), lambda: self._probe_record(kind, id), find_answer
        )

    def _probe_record(self, kind: str, id: int | str) -> AnyRecord:
        match kind:
            case "operation":
                return self._services.operations.probe(str(id))
            case "payment":
                return self._services.payments.probe(_parse_record_id(kind, id))
            case "order":
                return self._services.payments.probe_order(_parse_record_id(kind, id))
            case "refund":
                return self._services.refunds.probe(_parse_record_id(kind, id))
        return self._services.credit_check_prober.probe(_parse_credit_check_id(kind, id))

    def resolve(
        self, kind: str, id: int | str, target_state: str, evidence: str | Path,
        id_at_provider: int | str | None = None, expected_version: int | None = None,
        reason: StatedReason | None = None, *, request_id: str | None = None,
    ) -> ResolveResult:  # fmt: skip
        """Decide an unknown outcome with evidence: the path of a file, or a written statement. The result contains
        the record; its `awaiting` is `second_person` while a second person must confirm the decision. `reason` is the
        person's reason; None if a script decides without a reason. If the service for this kind of record refuses the
        decision, this method raises the error of that service's method `resolve`, for example evidence_mismatch if
        the provider's answer contradicts the decision.

        `target_state` is the decided outcome, such as `failed`. `id_at_provider` is the id that the provider gave to
        the purchase, payment or refund: a number for credit checks, a text for payments and refunds; None if the
        person has none. `expected_version` is the version of the record on the person's screen; None means any
        version. For an order, this method raises nothing_to_resolve, because people can decide only the outcomes of
        its payments.
        """
        from console.services.recovery import replayed_answers as record_answers

        provider_text = None if id_at_provider is None else str(id_at_provider)
        return self._services.request_ids.act_once(
            "resolve",
            request_id,
            (
                kind,
                str(id),
                target_state,
                evidence,
                provider_text,
                expected_version,
                *list_reason_arguments(reason),
            ),
            lambda: self._resolve_record(kind, id, target_state, evidence, id_at_provider, expected_version, reason),
            record_answers.make_resolve_answer_finder(
                self._context, kind, id, self._services.operations.read_operation if kind == "operation" else None
            ),
        )

    def _resolve_record(
        self,
        kind: str,
        id: int | str,
        target_state: str,
        evidence: str | Path,
        id_at_provider: int | str | None,
        expected_version: int | None,
        reason: StatedReason | None,
    ) -> ResolveResult:
        provider_text = None if id_at_provider is None else str(id_at_provider)
        match kind:
            case "operation":
                return self._services.operations.resolve(str(id), target_state, evidence, id_at_provider, reason)
            case "payment":
                return self._services.payments.resolve(
                    _parse_record_id(kind, id), target_state, evidence, provider_text, expected_version, reason
                )
            case "refund":
                return self._services.refunds.resolve(
                    _parse_record_id(kind, id), target_state, evidence, provider_text, expected_version, reason
                )
            case "order":
                self._services.payments.refuse_to_resolve_order(_parse_record_id(kind, id))
        number = _parse_provider_credit_check_id(id_at_provider)
        return self._services.purchase_resolver.resolve(
            _parse_credit_check_id(kind, id), target_state, evidence, number, expected_version, reason
        )


def _parse_record_id(kind: str, id: int | str) -> int:
    text = str(id)
    if not (text.isascii() and text.isdecimal()) or len(text) > _MAX_ID_DIGITS:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": text[:40]})
    return int(text)


def _parse_credit_check_id(kind: str, id: int | str) -> int:
    if kind != "credit-check":
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": str(id)[:40]})
    return _parse_record_id(kind, id)


def _parse_provider_credit_check_id(id_at_provider: int | str | None) -> int | None:
    """Return the id that the provider has given to a credit check, converted from a text to a number; None if the
    text is None. Raises usage if the text is not a number.
    """
    if id_at_provider is None or isinstance(id_at_provider, int):
        return id_at_provider
    if not (id_at_provider.isascii() and id_at_provider.isdecimal() and len(id_at_provider) <= _MAX_ID_DIGITS):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.GATEWAY_ID_MISSING})
    return int(id_at_provider)
