"""The service `console.incidents`: read all alerts with one cause as one incident, and store the actions of people
on the incident."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate

from console.domain.access.permissions import has_right, is_same_person
from console.domain.alerts.incidents import (
    INCIDENT_KIND,
    LONGEST_SNOOZE,
    MAX_COUNTED_INCIDENTS,
    AffectedRecords,
    Cause,
    Incident,
    IncidentAction,
    IncidentState,
    IncidentStep,
    compute_incident_status,
    measure_incident_extent,
    split_into_incidents,
)
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import InProgressDetail, StaleViewDetail
from console.domain.tasks.records import Alert, AlertItem
from console.domain.usage_problems import UsageProblem
from console.services.alerts.causes import AffectedRecordReader, find_causes_of_alerts, read_alerts_of_causes
from console.services.alerts.changed_companies import raise_acknowledged_change_again
from console.services.alerts.open_alerts import list_open_alerts_of_all_rules, list_unacknowledged_alerts_of_all_rules
from console.services.annotations.notes import LONGEST_NOTE_CHARACTERS
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.services.registry.facts import complete_alerts_with_corporations
from console.store.access import operators as people
from console.store.alerts import alerts, incident_steps
from console.store.database.engine import Transaction
from console.store.database.error_codes import RunAgain
from console.store.database.sqlalchemy_names import Connection
from console.store.operations.request_ids import RequestIdUse

MAX_OPEN_ALERTS_WITH_QUEUE = MAX_COUNTED_INCIDENTS + 1
"""Largest number of open alerts that are read of a rule with a queue of its own (see RULES_WITH_QUEUE): one more than
MAX_COUNTED_INCIDENTS, so that the screen shows `1,000+` if more incidents may exist than were counted.
"""
MAX_LISTED_RECORDS_PER_INCIDENT = 50
MAX_ALERTS_SEARCHED_FOR_CLOSED_INCIDENTS = 200
"""Closed incidents are searched for among this number of the newest alerts."""
AUDIT_ACTION_BY_INCIDENT_ACTION: Mapping[IncidentAction, AuditAction] = {
    IncidentAction.TAKE: AuditAction.INCIDENT_TAKEN,
    IncidentAction.RELEASE: AuditAction.INCIDENT_RELEASED,
    IncidentAction.HAND_OVER: AuditAction.INCIDENT_HANDED_OVER,
    IncidentAction.SNOOZE: AuditAction.INCIDENT_SNOOZED,
    IncidentAction.WAKE: AuditAction.INCIDENT_WOKEN,
    IncidentAction.RESOLVE: AuditAction.INCIDENT_RESOLVED,
    IncidentAction.REOPEN: AuditAction.INCIDENT_REOPENED,
}
_RIGHT_TO_ACT_ON_INCIDENTS = "note"
"""Name of the right that a person needs for every action on an incident: the right to write notes."""
AlertItemLister = Callable[[Connection, Sequence[Alert]], Mapping[int, AlertItem]]
"""Function that returns, by alert id, the alert with the action that ends it."""


class IncidentService:
    """Reads incidents, and stores each action of a person on an incident as a step. An incident closes when all its
    alerts are resolved, because the facts match again. A person can resolve an incident earlier by giving a reason.
    This changes neither an alert nor a record, and the incident opens again if it becomes worse. Each action raises
    not_found if no alert has the given id, and not_allowed if the acting person has no right to write notes."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService, list_items: AlertItemLister) -> None:
        self._context, self._request_ids, self._list_items = context, request_ids, list_items
        self._records = AffectedRecordReader(context)

    def list_incidents(self, *, includes_closed: bool = False) -> tuple[Incident, ...]:
        """Return the incidents with an open alert, the oldest first; with `includes_closed` also the newest closed
        incidents, the newest first. Of the rules in RULES_WITH_QUEUE, only the oldest MAX_OPEN_ALERTS_WITH_QUEUE open
        alerts are read: their queues list all of them. Raises not_allowed if the acting person has no right to read.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            open_alerts = list_open_alerts_of_all_rules(conn, MAX_OPEN_ALERTS_WITH_QUEUE)
            listed_alerts = [
                *open_alerts,
                *(alerts.list_alerts(conn, MAX_ALERTS_SEARCHED_FOR_CLOSED_INCIDENTS) if includes_closed else ()),
            ]
            incidents = self._read_incidents(conn, listed_alerts)
        open_incidents = [incident for incident in incidents if incident.state is not IncidentState.CLOSED]
        closed_incidents = (
            [incident for incident in incidents if incident.state is IncidentState.CLOSED] if includes_closed else []
        )
        return (*open_incidents, *reversed(closed_incidents))

    def count_unlisted_alerts(self, listed_incidents: Iterable[Incident], *, includes_closed: bool = False) -> int:
        """Return the number of open alerts that belong to none of `listed_incidents`, the result of `list_incidents`,
        because of its limits; with `includes_closed` resolved alerts are counted too. Raises not_allowed if the
        acting person has no right to read."""
        listed_ids = {
            alert.id
            for incident in listed_incidents
            for alert in incident.alerts
            if includes_closed or alert.resolved_at is None
        }
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return max(0, alerts.count_alerts(conn, includes_resolved=includes_closed) - len(listed_ids))

    def read_incident(self, id: int) -> Incident:
        """Return the incident that has the alert with this id. Raises not_found if no alert has this id, not_allowed
        if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return self._require_incident(conn, id)

    def count_waiting_incidents(self) -> int:
        """Return the number of incidents that are open and have an alert that no person has acknowledged. Of each
        rule in RULES_WITH_QUEUE, only the oldest MAX_OPEN_ALERTS_WITH_QUEUE unacknowledged alerts are counted. A
        result above MAX_COUNTED_INCIDENTS means that more incidents may wait. Raises not_allowed if the acting
        person has no right to read.

        For an incident with steps, the affected records are read too, because a snooze or a resolution ends early if
        the number or the amounts of these records have grown.
        """
        now = self._context.now()
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            waiting_groups = _group_alerts_by_incident(
                conn, list_unacknowledged_alerts_of_all_rules(conn, MAX_OPEN_ALERTS_WITH_QUEUE)
            )
            steps = incident_steps.find_by_incidents(
                conn, {alert.id for _, alert_group in waiting_groups for alert in alert_group}
            )
            causes_set_aside = {
                cause for cause, alert_group in waiting_groups if any(alert.id in steps for alert in alert_group)
            }
            records = self._records.read_affected_records(conn, causes_set_aside)
        return sum(
            compute_incident_status(
                _list_steps_of_incident(alert_group, steps),
                measure_incident_extent(alert_group, records.get(cause, AffectedRecords())),
                now,
                has_open_alert=True,
            ).state
            is IncidentState.OPEN
            for cause, alert_group in waiting_groups
        )

    def list_own_incidents(self) -> tuple[Incident, ...]:
        """Return the incidents with an open alert whose owner is the acting person, the oldest first; empty if no
        name of a person is configured. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            person = self._context.find_reading_person(conn)
            if person is None:
                return ()
            open_alerts = list_open_alerts_of_all_rules(conn, MAX_OPEN_ALERTS_WITH_QUEUE)
            if not open_alerts:
                return ()
            alert_groups = _group_alerts_by_incident(conn, open_alerts)
            steps = incident_steps.find_by_incidents(
                conn, {alert.id for _, alert_group in alert_groups for alert in alert_group}
            )
            groups_naming_person = [
                alert_group
                for _, alert_group in alert_groups
                if _is_person_in_steps(_list_steps_of_incident(alert_group, steps), person.name)
            ]
            incidents = (
                self._read_incidents(conn, [alert for alert_group in groups_naming_person for alert in alert_group])
                if groups_naming_person
                else ()
            )
        return tuple(
            incident
            for incident in incidents
            if incident.owner is not None and is_same_person(incident.owner, person.name)
        )

    def list_possible_owners(self) -> tuple[str, ...]:
        """Return the names of the people to whom an incident can be handed over. Raises not_allowed if the acting
        person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return tuple(
                person.name
                for person in people.list_enabled_people(conn)
                if has_right(person, _RIGHT_TO_ACT_ON_INCIDENTS)
            )

    def take(self, id: int, *, request_id: str | None = None) -> Incident:
        """Make the acting person the owner of the incident that has the alert `id`, and return the incident. Raises
        in_progress (detail.holder and detail.since) if another person is the owner, already_decided if the incident
        is closed, not_found if no alert has this id, and not_allowed if the acting person has no right to write
        notes."""
        return self._act_once(IncidentAction.TAKE, (id,), request_id)

    def release(self, id: int, *, request_id: str | None = None) -> Incident:
        """End the acting person's ownership of the incident that has the alert `id`, and return the incident; nothing
        changes if the incident has no owner. Raises in_progress if another person is the owner, already_decided if
        the incident is closed, not_found if no alert has this id, and not_allowed if the acting person has no right
        to write notes."""
        return self._act_once(IncidentAction.RELEASE, (id,), request_id)

    def hand_over(self, id: int, new_owner: str, note: str, *, request_id: str | None = None) -> Incident:
        """Make `new_owner` the owner of the incident that has the alert `id`, store a note, and return the incident.
        The acting person needn't be the owner, so that an incident doesn't stay with a person who is away. Raises
        usage without a note or for a person who can't be an owner, already_decided if the incident is closed,
        not_found if no alert has this id, and not_allowed if the acting person has no right to write notes."""
        return self._act_once(IncidentAction.HAND_OVER, (id, new_owner, note), request_id)

    def snooze(
        self,
        id: int,
        until: datetime,
        note: str = "",
        newest_alert_id: int | None = None,
        *,
        request_id: str | None = None,
    ) -> Incident:
        """Put the incident that has the alert `id` aside until the time `until`, which must be within LONGEST_SNOOZE,
        and return the incident. The incident opens earlier if it becomes worse. `note` may be empty.
        `newest_alert_id` is the newest alert of the incident on the person's screen (None: not compared). Raises
        usage (problem `until`) for a time outside of this period, stale_view if the incident has a newer alert,
        already_decided if the incident is closed, not_found if no alert has this id, and not_allowed if the acting
        person has no right to write notes."""
        return self._act_once(
            IncidentAction.SNOOZE, (id, until, note, *_list_newest_alert_argument(newest_alert_id)), request_id
        )

    def end_snooze(self, id: int, *, request_id: str | None = None) -> Incident:
        """End the snooze of the incident that has the alert `id` before its time, and return the incident; nothing
        changes if the incident is not snoozed. Raises already_decided if the incident is closed, not_found if no
        alert has this id, and not_allowed if the acting person has no right to write notes."""
        return self._act_once(IncidentAction.WAKE, (id,), request_id)

    def resolve(
        self, id: int, reason: str, newest_alert_id: int | None = None, *, request_id: str | None = None
    ) -> Incident:
        """Resolve the incident that has the alert `id`, and return the incident; `reason` is the reason why nothing
        more has to be done. `newest_alert_id` is the newest alert of the incident on the person's screen (None: not
        compared). Raises usage (problem `note`) without a reason, stale_view if the incident has a newer alert,
        already_decided if the incident is closed, not_found if no alert has this id, and not_allowed if the acting
        person has no right to write notes.
        """
        return self._act_once(
            IncidentAction.RESOLVE, (id, reason, *_list_newest_alert_argument(newest_alert_id)), request_id
        )

    def reopen(self, id: int, reason: str, *, request_id: str | None = None) -> Incident:
        """Open again the incident that has the alert `id`, if a person has resolved or snoozed it or acknowledged an
        open alert of it, and return the incident. `reason` is the person's text. All acknowledgements of its open
        alerts end, including those by other people, so that the incident waits for a person again; a snooze ends,
        too. Nothing changes if the incident already waits for a person. If a person has acknowledged the change of a
        corporation, raise an alert about this change again, and return the incident of the new alert.

        Raises usage (problem `note`) without a reason, already_decided if the incident is closed because its facts
        match again, not_found if no alert has this id, and not_allowed if the acting person has no right to write
        notes.
        """
        return self._act_once(IncidentAction.REOPEN, (id, reason), request_id)

    # Steps

    def _act_once(self, action: IncidentAction, arguments: tuple[object, ...], request_id: str | None) -> Incident:
        return self._request_ids.act_once(
            f"incident {action}",
            request_id,
            arguments,
            lambda: self._act_on_incident(action, *arguments),
            self._find_incident_of_earlier_call,
        )

    def _find_incident_of_earlier_call(self, request_id_use: RequestIdUse) -> CallAnswer | None:
        """Return the incident on which an earlier call with this request id stored a step, in its present form; None
        if that call wrote none. The transaction of a step also stores the id of one of the incident's alerts in the
        request id's row. So this method finds the answer to a call whose process was killed before it could store the
        answer."""
        if request_id_use.subject_kind not in (INCIDENT_KIND, alerts.ALERT_KIND) or request_id_use.subject_id is None:
            return None
        with self._context.database.read() as conn:
            return CallAnswer(self._require_incident(conn, int(request_id_use.subject_id)))

    def _act_on_incident(self, action: IncidentAction, id: object, *arguments: object) -> Incident:
        """Store the action of the acting person on the incident that has the alert `id`, and return the incident. A
        refusal gets an audit entry. `arguments` are the other arguments of the action."""
        alert_id, context = int(str(id)), self._context
        with refusals.audit_refusals(context, AUDIT_ACTION_BY_INCIDENT_ACTION[action], alert_id, kind=INCIDENT_KIND):
            person = context.require_right(_RIGHT_TO_ACT_ON_INCIDENTS).name
            return context.write(lambda tx: self._store_incident_step(tx, action, alert_id, person, arguments))

    def _store_incident_step(
        self, tx: Transaction, action: IncidentAction, alert_id: int, person: str, arguments: tuple[object, ...]
    ) -> Incident:
        """Store the action of a person on an incident as a step if the incident's state permits the action, and
        return the incident. An action that would change nothing (a take, release, end of a snooze or reopening)
        stores no step. `alert_id` is the id of an alert of the incident; `arguments` are the other arguments of the
        action.
        """
        context, now = self._context, self._context.now()
        incident = self._require_incident(tx.conn, alert_id)
        reopened_alert = (
            self._raise_acknowledged_alert_again(tx, incident) if action is IncidentAction.REOPEN else None
        )
        if reopened_alert is not None:
            incident = replace(incident, state=IncidentState.RESOLVED)
        step = self._make_incident_step(tx.conn, incident, action, person, arguments, now)
        if step is None:
            return incident
        stored_step = incident_steps.add_step(tx.conn, step)
        facts = {"position": stored_step.position, "owner": step.new_owner, "until": step.until, "note": step.words}
        context.record_audit(
            tx,
            AUDIT_ACTION_BY_INCIDENT_ACTION[action],
            incident.id,
            {name: fact for name, fact in facts.items() if fact},
            kind=INCIDENT_KIND,
        )
        if action is IncidentAction.REOPEN:
            self._withdraw_acknowledgements(tx, incident, step.words or "", now)
        return self._require_incident(tx.conn, alert_id if reopened_alert is None else reopened_alert.id)

    def _withdraw_acknowledgements(self, tx: Transaction, incident: Incident, reason: str, now: datetime) -> None:
        """Withdraw all acknowledgements of the incident's open alerts, by any person, with an audit entry for each
        alert that contains `reason`, the person's words for the reopening. The caller must store the step of the
        reopening before, because the triggers of the database require this step. Raises RunAgain if one of these
        alerts has changed since `incident` was read."""
        for alert in _list_acknowledged_alerts(incident):
            person = alert.acknowledged_by or ""
            if not alerts.undo_acknowledgement(tx.conn, alert.id, person, now):
                raise RunAgain
            self._context.record_audit(
                tx,
                AuditAction.ALERT_UNACKNOWLEDGED,
                alert.id,
                {"acknowledged_by": person, "note": reason},
                kind=alerts.ALERT_KIND,
            )

    def _raise_acknowledged_alert_again(self, tx: Transaction, incident: Incident) -> Alert | None:
        """If the incident is closed only because a person has acknowledged its alert (this is possible for an alert
        about a changed corporation), raise the alert again and return the new alert. Otherwise return None."""
        if incident.state is not IncidentState.CLOSED:
            return None
        return raise_acknowledged_change_again(self._context, tx, incident.alerts[-1])

    def _make_incident_step(
        self,
        conn: Connection,
        incident: Incident,
        action: IncidentAction,
        person: str,
        arguments: tuple[object, ...],
        now: datetime,
    ) -> IncidentStep | None:
        """Return the step that stores this action of the person on the incident; None if the action would change
        nothing. `arguments` are the other arguments of the action, such as the end of a snooze and its note. Raises
        already_decided if all alerts of the incident are resolved, in_progress if another person owns it, stale_view
        if it has an alert that the person hasn't seen, and usage for invalid arguments."""
        _require_open_incident(incident)
        step = IncidentStep(incident.id, 0, action, person, now)
        match action, arguments:
            case IncidentAction.TAKE | IncidentAction.RELEASE, ():
                return _make_owner_step(incident, step)
            case IncidentAction.HAND_OVER, (str() as new_owner, str() as note):
                return _replace_step_fields(
                    step, new_owner=self._require_possible_owner(conn, new_owner), words=_require_note(note)
                )
            case IncidentAction.SNOOZE, (datetime() as until, str() as note, *newest_alert_ids):
                _require_no_newer_alert(incident, newest_alert_ids)
                if not now < until <= now + LONGEST_SNOOZE:
                    raise ConsoleError(
                        ErrorCode.USAGE, {"problem": UsageProblem.INVALID_SNOOZE_END, "n": LONGEST_SNOOZE.days}
                    )
                return _replace_step_fields(
                    step, until=until, words=_require_short_note(note) or None, extent=incident.extent
                )
            case IncidentAction.WAKE, ():
                return step if incident.state is IncidentState.SNOOZED else None
            case IncidentAction.RESOLVE, (str() as note, *newest_alert_ids):
                _require_no_newer_alert(incident, newest_alert_ids)
                return _replace_step_fields(step, words=_require_note(note), extent=incident.extent)
            case IncidentAction.REOPEN, (str() as note,):
                note_text = _require_note(note)
                is_reopened = incident.state is not IncidentState.OPEN or _list_acknowledged_alerts(incident)
                return _replace_step_fields(step, words=note_text) if is_reopened else None
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ARGUMENTS})

    def _require_possible_owner(self, conn: Connection, name: str) -> str:
        """Return the stored name of a person who may own incidents. Raises usage for every other name."""
        person = people.find(
            conn, name.strip(), includes_unlisted_names=self._context.allows_names_without_operator_row
        )
        if person is None or not has_right(person, _RIGHT_TO_ACT_ON_INCIDENTS):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_INCIDENT_OWNER, "name": name})
        return person.name

    # Reading

    def _require_incident(self, conn: Connection, alert_id: int) -> Incident:
        alert = alerts.find(conn, alert_id)
        incidents = () if alert is None else self._read_incidents(conn, (alert,))
        if not incidents:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": INCIDENT_KIND, "id": str(alert_id)})
        return incidents[0]

    def _read_incidents(self, conn: Connection, given_alerts: Iterable[Alert]) -> tuple[Incident, ...]:
        """Return the incidents to which `given_alerts` belong, the oldest first."""
        alert_groups = _group_alerts_by_incident(conn, given_alerts)
        steps = incident_steps.find_by_incidents(
            conn, {alert.id for _, alert_group in alert_groups for alert in alert_group}
        )
        items = self._list_items(
            conn, [alert for _, alert_group in alert_groups for alert in alert_group if alert.resolved_at is None]
        )
        records = self._records.read_affected_records(conn, {cause for cause, _ in alert_groups})
        incidents = [
            self._make_incident(
                cause, complete_alerts_with_corporations(self._context, alert_group), steps, items, records[cause]
            )
            for cause, alert_group in alert_groups
        ]
        return tuple(sorted(incidents, key=lambda incident: (incident.since, incident.id)))

    def _make_incident(
        self,
        cause: Cause,
        alert_group: tuple[Alert, ...],
        steps: Mapping[int, tuple[IncidentStep, ...]],
        items: Mapping[int, AlertItem],
        affected_records: AffectedRecords,
    ) -> Incident:
        extent = measure_incident_extent(alert_group, affected_records)
        steps_of_incident = _list_steps_of_incident(alert_group, steps)
        has_open_alert = any(alert.resolved_at is None for alert in alert_group)
        status = compute_incident_status(
            steps_of_incident, extent, self._context.now(), has_open_alert=has_open_alert
        )
        most_helpful_item = _choose_most_helpful_item([items[alert.id] for alert in alert_group if alert.id in items])
        resolution_times = [alert.resolved_at for alert in alert_group if alert.resolved_at is not None]
        return Incident(
            id=alert_group[0].id,
            cause=cause,
            state=status.state,
            alerts=alert_group,
            steps=steps_of_incident,
            records=affected_records.records[:MAX_LISTED_RECORDS_PER_INCIDENT],
            extent=extent,
            number=most_helpful_item.number if most_helpful_item else None,
            action=most_helpful_item.action if most_helpful_item else None,
            action_record=(most_helpful_item.kind, most_helpful_item.id)
            if most_helpful_item and most_helpful_item.action
            else None,
            owner=status.owner,
            owner_since=status.owner_since,
            snoozed_until=status.snoozed_until,
            woken_by=status.woken_by,
            resolution=status.resolution,
            closed_at=max(resolution_times) if resolution_times and not has_open_alert else None,
        )


def find_incident_id(conn: Connection, alert_id: int) -> int:
    """Return the id of the incident that has the alert `alert_id`; `alert_id` itself if no alert has this id."""
    alert = alerts.find(conn, alert_id)
    alert_groups = [] if alert is None else _group_alerts_by_incident(conn, (alert,))
    return alert_groups[0][1][0].id if alert_groups else alert_id


def _group_alerts_by_incident(
    conn: Connection, given_alerts: Iterable[Alert]
) -> list[tuple[Cause, tuple[Alert, ...]]]:
    """Return, for each incident to which one of `given_alerts` belongs, a pair: the cause of the incident, and the
    alerts of the incident that `read_alerts_of_causes` finds.
    """
    alerts_by_id = {alert.id: alert for alert in given_alerts}
    causes = find_causes_of_alerts(conn, alerts_by_id.values())
    related_alerts = {alert.id: alert for alert in read_alerts_of_causes(conn, set(causes.values()))} | alerts_by_id
    cause_by_alert_id = find_causes_of_alerts(conn, related_alerts.values())
    alerts_by_cause: dict[Cause, list[Alert]] = {}
    for alert in related_alerts.values():
        alerts_by_cause.setdefault(cause_by_alert_id[alert.id], []).append(alert)
    return [
        (cause, alert_group)
        for cause, cause_alerts in alerts_by_cause.items()
        for alert_group in split_into_incidents(cause_alerts)
        if any(alert.id in alerts_by_id for alert in alert_group)
    ]


def _list_steps_of_incident(
    alert_group: tuple[Alert, ...], steps: Mapping[int, tuple[IncidentStep, ...]]
) -> tuple[IncidentStep, ...]:
    """Return the steps of the incident with the alerts `alert_group`, in the order in which they were added. `steps`
    has the steps of alerts by alert id; an incident's step belongs to one of its alerts. Steps of one alert keep
    their order even if a clock was wrong. If the incidents of several alerts became one incident, the steps of the
    different alerts are ordered by time.
    """
    dated_steps = [
        (latest, step)
        for alert in alert_group
        for own_steps in (steps.get(alert.id, ()),)
        for latest, step in zip(accumulate((step.at for step in own_steps), max), own_steps, strict=True)
    ]
    return tuple(
        step
        for _, step in sorted(dated_steps, key=lambda time_and_step: (time_and_step[0], time_and_step[1].position))
    )


def _is_person_in_steps(steps: Iterable[IncidentStep], person: str) -> bool:
    """True if `person` has stored one of these steps of incidents, or if one of the steps made `person` the owner of
    the incident."""
    return any(is_same_person(name, person) for step in steps for name in (step.person, step.new_owner) if name)


def _list_acknowledged_alerts(incident: Incident) -> Sequence[Alert]:
    """Return the open alerts of the incident that a person has acknowledged."""
    return [alert for alert in incident.alerts if alert.resolved_at is None and alert.acknowledged_by is not None]


def _choose_most_helpful_item(items: Sequence[AlertItem]) -> AlertItem | None:
    """Return the item with the most helpful action: an action that repairs the problem is preferred to the action
    `open`, which only shows the record; `open` is preferred to no action. Return None if there are no items."""
    return min(items, key=lambda item: (item.action is None, item.action == "open", item.alert.id), default=None)


def _make_owner_step(incident: Incident, step: IncidentStep) -> IncidentStep | None:
    """Return `step`, which takes or releases the incident; None if the step would not change the owner. Raises
    in_progress if another person owns the incident.
    """
    owner = incident.owner
    if owner is not None and not is_same_person(owner, step.person):
        facts: InProgressDetail = {
            "kind": INCIDENT_KIND,
            "id": incident.id,
            "reason": InProgressReason.TAKEN_BY_OTHER_PERSON,
            "holder": {"operator": owner},
            "since": incident.owner_since,
        }
        raise ConsoleError(ErrorCode.IN_PROGRESS, facts)
    changes_owner = (owner is None) == (step.action is IncidentAction.TAKE)
    return step if changes_owner else None


def _require_open_incident(incident: Incident) -> None:
    """Raise already_decided if the incident is closed, which means that all its alerts are resolved."""
    if incident.state is IncidentState.CLOSED:
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"state": incident.state, "at": incident.closed_at})


def _list_newest_alert_argument(newest_alert_id: int | None) -> tuple[int, ...]:
    """Return the argument `newest_alert_id` as a tuple, which is empty for None: so a call without it has the same
    fingerprint under its request id as a call of an earlier version."""
    return () if newest_alert_id is None else (newest_alert_id,)


def _require_no_newer_alert(incident: Incident, newest_alert_ids: Sequence[object]) -> None:
    """Raise stale_view if the incident has an alert that is newer than the alert with the id in `newest_alert_ids`
    (empty: not compared): the person decides about the alerts that were on the screen, and the step would also cover
    the newer alert.
    """
    for seen_alert_id in newest_alert_ids:
        now = incident.extent.newest_alert_id
        if now > int(str(seen_alert_id)):
            detail: StaleViewDetail = {
                "about": INCIDENT_KIND,
                "changed": {"newest_alert": {"saw": seen_alert_id, "now": now}},
            }
            raise ConsoleError(ErrorCode.STALE_VIEW, detail)


def _replace_step_fields(step: IncidentStep, **values: object) -> IncidentStep:
    return replace(step, **values)  # type: ignore[arg-type]  # fields of the step


def _require_note(note: str) -> str:
    """Return the note without white space at both ends. Raises usage (problem `note`) if the remaining text is empty
    or too long."""
    text = _require_short_note(note)
    if not text:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_NOTE, "longest": LONGEST_NOTE_CHARACTERS}
        )
    return text


def _require_short_note(note: str) -> str:
    text = strip_invisible_characters(note)
    if len(text) > LONGEST_NOTE_CHARACTERS:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_NOTE, "longest": LONGEST_NOTE_CHARACTERS}
        )
    return text
