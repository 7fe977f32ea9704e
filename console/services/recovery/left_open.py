"""The service `console.left_open`: lists the work that the acting person leaves open at the end of a shift."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from console.domain.access.permissions import is_same_person
from console.domain.alerts import incidents
from console.domain.alerts.incidents import Incident, IncidentState
from console.domain.person_state.drafts import Draft
from console.domain.records import Operation, OperationState
from console.domain.recovery.left_open import BULK_RUN_KIND, OPERATION_KIND, LeftOpen, LeftOpenReason
from console.services.desk_requests.own_requests import OwnDeskRequestService
from console.services.guarded.second_person import list_valid_proposals
from console.services.process.context import ServiceContext
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.records import any_record, takes
from console.store.refunds import refunds
from console.store.tasks import bulk_runs

_LEFT_OPEN_REASONS_IN_ORDER = tuple(LeftOpenReason)
"""The reasons for which work is left open, in the order in which the list shows them."""


class LeftOpenService:
    """Lists the work that the acting person has begun, taken or requested and that has not ended. It only reads."""

    def __init__(
        self,
        context: ServiceContext,
        own_requests: OwnDeskRequestService,
        list_incidents: Callable[[], tuple[Incident, ...]],
    ) -> None:
        """Store the service context and two sources: `own_requests` lists the desk requests of the acting person;
        `list_incidents` returns the incidents with an open alert."""
        self._context, self._own_requests, self._list_open_incidents = context, own_requests, list_incidents

    def list_items(self, drafts: Sequence[Draft] = ()) -> tuple[LeftOpen, ...]:
        """Return the work that the acting person leaves open, sorted by reason and then by age, the oldest first.
        `drafts` are the person's unsent dialog texts, which the caller has read from a file of this desk. If no name
        of a person is configured, return only the drafts. Raises not_allowed if the acting person has no right to
        read."""
        person = self._context.operator or ""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            items = list(_list_own_records(self._context, conn, person))
        items += [*self._list_owned_incidents(person), *self._list_open_requests(), *map(_make_item_of_draft, drafts)]
        items = self._add_corporation_numbers(items)
        return tuple(sorted(items, key=lambda item: (_LEFT_OPEN_REASONS_IN_ORDER.index(item.reason), item.since)))

    def _add_corporation_numbers(self, items: Sequence[LeftOpen]) -> list[LeftOpen]:
        """Return the items with the corporation numbers of their records; a number that an item already has stays."""
        subjects = {f"{item.kind} {item.id}" for item in items if item.corporation_number is None}
        if not subjects:
            return list(items)
        with self._context.database.read() as conn:
            numbers = any_record.read_corporation_numbers_of_subjects(conn, subjects)
        return [
            replace(item, corporation_number=item.corporation_number or numbers.get(f"{item.kind} {item.id}"))
            for item in items
        ]

    def _list_owned_incidents(self, person: str) -> Iterator[LeftOpen]:
        for incident in self._list_open_incidents():
            is_ended = incident.state is IncidentState.RESOLVED  # a person has resolved it while an alert is open
            if incident.owner is not None and is_same_person(incident.owner, person) and not is_ended:
                since = incident.owner_since or incident.since
                yield LeftOpen(LeftOpenReason.INCIDENT, incidents.INCIDENT_KIND, str(incident.id), since)

    def _list_open_requests(self) -> Iterator[LeftOpen]:
        for request in self._own_requests.list_recent_requests():
            if request.is_open or request.is_unanswered:
                yield LeftOpen(
                    LeftOpenReason.REQUEST, request.subject_kind or "", request.subject_id or "", request.at
                )


def _list_own_records(context: ServiceContext, conn: Connection, person: str) -> Iterator[LeftOpen]:
    for operation in journal.list_unfinished_operations(conn, operator=person):
        subject = _find_operation_subject(operation)
        yield LeftOpen(
            LeftOpenReason.OPERATION,
            *subject,
            operation.started_at,
            action=operation.action,
            corporation_number=operation.corporation_number,
            is_outcome_unknown=operation.state is OperationState.UNKNOWN,
        )
    for take in takes.list_running_takes(conn, context.now(), person):
        yield LeftOpen(LeftOpenReason.TAKEN, take.kind, str(take.subject_id), take.taken_at, take.until)
    server_now = read_current_time(conn, context.now())
    for refund in refunds.iterate_refunds_waiting_for_decision(conn, server_now):
        if is_same_person(refund.maker, person):
            since = refund.created_at or context.now()
            yield LeftOpen(LeftOpenReason.REFUND, refunds.REFUND_KIND, str(refund.id), since)
    for proposal in list_valid_proposals(context, conn):
        if is_same_person(proposal.person, person):
            yield LeftOpen(LeftOpenReason.PROPOSAL, proposal.kind, proposal.record_id, proposal.since)
    for bulk_run in bulk_runs.list_all_open_runs(conn):
        if is_same_person(bulk_run.made_by, person):
            yield LeftOpen(
                LeftOpenReason.BULK_RUN, BULK_RUN_KIND, str(bulk_run.id), bulk_run.made_at, None, bulk_run.name
            )


def _find_operation_subject(operation: Operation) -> tuple[str, str]:
    """Return kind and id of the record that the operation changes; if it has no record, kind and id of the
    operation itself."""
    if operation.subject_id is None:
        return OPERATION_KIND, operation.id
    return operation.subject_kind, str(operation.subject_id)


def _make_item_of_draft(draft: Draft) -> LeftOpen:
    return LeftOpen(LeftOpenReason.DRAFT, draft.record_kind, draft.subject, draft.at, None, draft.name)
