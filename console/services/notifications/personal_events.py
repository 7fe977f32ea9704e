"""The service `console.notifications`: lists the events that concern the acting person, except the person's own
actions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import (
    INCIDENT_KIND,
    Incident,
    IncidentAction,
    IncidentState,
    IncidentStep,
    WakeReason,
    find_last_state_change,
)
from console.domain.annotations.mentions import Mention, MentionSource
from console.domain.bulk.records import DISCARDED_REASON
from console.domain.notifications.events import PersonalEvent, PersonalEventKind
from console.domain.payments.records import Refund
from console.domain.payments.states import DONE_OUTSIDE, RefundState
from console.domain.recovery.left_open import BULK_RUN_KIND
from console.domain.recovery.records import WaitingProposal
from console.domain.tasks.records import format_run_name
from console.services.alerts.incidents import IncidentService
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import Connection
from console.store.notifications import personal_events as stored_events
from console.store.notifications.personal_events import ClosedProposal
from console.store.payments.balances import PAYMENT_KIND
from console.store.payments.orders import ORDER_KIND
from console.store.records import any_record
from console.store.refunds.approvals import REFUND_KIND

_LONGEST_REQUEST_AGE = timedelta(days=30)
"""Age of the oldest own refund request or proposal about which a person still gets events."""
_KINDS_WITH_NUMBER = (ORDER_KIND, PAYMENT_KIND, REFUND_KIND)
_EVENT_NAME_BY_REFUND_STATE = {RefundState.REJECTED: "rejected", RefundState.EXPIRED: "expired"}
"""Value of `PersonalEvent.event_name` for a decided refund request, by the refund's state. In every other state that
is listed, the request was approved, and the name is `approved`."""


class PersonalEventReader:
    """Lists the events that concern the acting person. It only reads; the caller finds out which events are new."""

    def __init__(self, context: ServiceContext, incidents: IncidentService) -> None:
        self._context, self._incidents = context, incidents

    def list_events(
        self, decisions_to_make: Sequence[Refund | WaitingProposal] = (), mentions: Sequence[Mention] = ()
    ) -> tuple[PersonalEvent, ...]:
        """Return the present events of the acting person; no events if no name of a person is configured.

        The caller has read `decisions_to_make` (refunds and proposals that wait for the person's decision) and
        `mentions` (the person's open mentions). Raises not_allowed if the person has no right to read.
        """
        with self._context.database.read() as conn:
            person = self._context.find_reading_person(conn)
            if person is None:
                return ()
            events = [
                *_add_numbers(
                    conn, [*map(_make_approval_event, decisions_to_make), *map(_make_mention_event, mentions)]
                ),
                *self._list_own_request_events(conn, person.name),
            ]
        for incident in self._incidents.list_own_incidents():
            events += _list_incident_events(incident, person.name)
        return tuple(events)

    def _list_own_request_events(self, conn: Connection, person: str) -> Iterator[PersonalEvent]:
        since = self._context.now() - _LONGEST_REQUEST_AGE
        for refund in stored_events.list_decided_refunds(conn, person, since):
            act_name = _EVENT_NAME_BY_REFUND_STATE.get(refund.state, "approved")
            key, number = f"refund/{refund.id}/{act_name}", refund.payment_number
            yield PersonalEvent(PersonalEventKind.DECISION, key, act_name, REFUND_KIND, str(refund.id), number)
        for proposal in stored_events.list_closed_proposals(conn, person, since):
            yield PersonalEvent(
                PersonalEventKind.DECISION,
                f"proposal/{proposal.id}",
                _choose_event_of_ended_proposal(proposal),
                proposal.kind,
                proposal.record_id,
                proposal.payment_number,
                proposal.record_state,
            )
        for run_id, reason in stored_events.list_ended_bulk_runs(conn, person):
            if reason != DISCARDED_REASON:  # only its maker discards a run
                key, name = f"bulk-run/{run_id}", format_run_name(run_id)
                yield PersonalEvent(PersonalEventKind.BULK_RUN, key, "ended", BULK_RUN_KIND, str(run_id), name)


def _add_numbers(conn: Connection, events: Sequence[PersonalEvent]) -> list[PersonalEvent]:
    """Return the events with the numbers by which people know their records: of an order, of a payment, or of a
    refund's payment. People know a credit check by its id. Read nothing if no event lacks such a number."""
    subjects = {
        event: f"{event.subject_kind} {event.subject_id}"
        for event in events
        if event.number is None and event.subject_kind in _KINDS_WITH_NUMBER
    }
    numbers = any_record.read_numbers_of_subjects(conn, set(subjects.values())) if subjects else {}
    return [replace(event, number=numbers.get(subjects.get(event, ""), event.number)) for event in events]


def _choose_event_of_ended_proposal(proposal: ClosedProposal) -> str:
    """Return the value of `PersonalEvent.event_name` that says how the proposal has ended: `replaced` (by another
    proposal), `confirmed` (the record has got the proposed state) or `settled` (the record has got another state).
    For an operation, and for a refund done outside, which changes no state, return `closed`, which says only that the
    proposal has ended."""
    if proposal.has_open_proposal:
        return "replaced"
    if proposal.record_state is None or proposal.proposed_state == DONE_OUTSIDE:
        return "closed"
    return "confirmed" if proposal.record_state == proposal.proposed_state else "settled"


def _make_approval_event(item_to_decide: Refund | WaitingProposal) -> PersonalEvent:
    if isinstance(item_to_decide, Refund):
        return PersonalEvent(
            PersonalEventKind.APPROVAL_NEEDED,
            f"approval/{REFUND_KIND}/{item_to_decide.id}",
            "arrived",
            REFUND_KIND,
            str(item_to_decide.id),
        )
    return PersonalEvent(
        PersonalEventKind.APPROVAL_NEEDED,
        f"approval/proposal/{item_to_decide.id}",
        "proposed",
        item_to_decide.kind,
        item_to_decide.record_id,
        item_to_decide.payment_number,
    )


def _make_mention_event(mention: Mention) -> PersonalEvent:
    kind = PersonalEventKind.HAND_OVER if mention.source is MentionSource.HAND_OVER else PersonalEventKind.MENTION
    note = mention.note
    return PersonalEvent(kind, f"mention/{mention.id}", "note", note.kind, str(note.subject_id))


def _list_incident_events(incident: Incident, person: str) -> Iterator[PersonalEvent]:
    """Yield at most two events of an incident that `person` owns: another person has handed it over to `person`,
    and it has become worse."""
    id = str(incident.id)
    last_owner_step = next(
        (step for step in reversed(incident.steps) if step.action in _OWNER_CHANGING_INCIDENT_ACTIONS), None
    )
    if (
        last_owner_step is not None
        and last_owner_step.action is IncidentAction.HAND_OVER
        and not is_same_person(last_owner_step.person, person)
    ):
        key = f"incident/{id}/handed/{last_owner_step.position}"
        yield PersonalEvent(PersonalEventKind.HAND_OVER, key, "incident", INCIDENT_KIND, id, incident.number)
    if incident.state is IncidentState.OPEN and _has_become_worse(incident, person):
        last_state_step = find_last_state_change(incident.steps)
        set_aside = "" if last_state_step is None else f"{last_state_step.incident_id}.{last_state_step.position}"
        key = f"incident/{id}/worse/{incident.extent.newest_alert_id}/{incident.woken_by or ''}/{set_aside}"
        yield PersonalEvent(PersonalEventKind.INCIDENT, key, "worse", INCIDENT_KIND, id, incident.number)


_OWNER_CHANGING_INCIDENT_ACTIONS = (IncidentAction.TAKE, IncidentAction.HAND_OVER)


def _has_become_worse(incident: Incident, person: str) -> bool:
    """True if the incident has become worse for its owner `person`. This is so if the worsening has ended the
    incident's snooze or resolution, or if one of the incident's open alerts was detected after the person became the
    owner and after the person's last action on the incident."""
    if incident.woken_by is WakeReason.WORSE:
        return True
    owner_acted_at = max(
        (step.at for step in _list_steps_of_owner(incident.steps, person)),
        default=incident.owner_since or incident.since,
    )
    return any(alert.detected_at > owner_acted_at for alert in incident.alerts if alert.resolved_at is None)


def _list_steps_of_owner(steps: Iterable[IncidentStep], person: str) -> Iterator[IncidentStep]:
    """Yield the incident's steps that `person` made, and the steps that made `person` the owner."""
    for step in steps:
        if is_same_person(step.person, person) or (step.new_owner and is_same_person(step.new_owner, person)):
            yield step
