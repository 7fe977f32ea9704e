"""Incidents: all alerts with one cause, the affected records, and the steps by which people handle the incident. No
I/O.

An incident has no row of its own. It consists of the alerts of one cause whose open times overlap; the id of its
first alert is its id. Each action of a person on an incident (take, snooze, resolve and others) is stored as a step.
Steps are only added; the state and the owner are computed from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from console.domain.alerts.provider_subjects import AUTHORISATION_RULE
from console.domain.errors import ErrorCode
from console.domain.money import Money
from console.domain.records import WorkReason
from console.domain.tasks.records import Alert, AlertRule

INCIDENT_KIND = "incident"
LONGEST_SNOOZE = timedelta(days=14)
"""Longest time for which a person may snooze an incident."""


MAX_COUNTED_INCIDENTS = 1_000
"""Largest number of waiting incidents that a screen shows as a count; a larger number is shown as `1,000+`."""


class IncidentAction(StrEnum):
    """Action of a person on an incident: take it, give it back (RELEASE), hand it over, snooze it, end a snooze
    (WAKE), resolve it, or open it again (REOPEN). The values are stored."""

    TAKE = "take"
    RELEASE = "release"
    HAND_OVER = "hand over"
    SNOOZE = "snooze"
    WAKE = "wake"
    RESOLVE = "resolve"
    REOPEN = "reopen"


class IncidentState(StrEnum):
    """State of an incident. OPEN: a person must handle it; SNOOZED: put aside until a moment; RESOLVED: a person has
    ended it with a reason, although an alert is still open; CLOSED: all of its alerts are resolved.
    """

    OPEN = "open"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    CLOSED = "closed"


class WakeReason(StrEnum):
    """Reason for which an incident that a person had snoozed or resolved is open again: the snooze's time is over
    (TIME), or the incident has become worse (WORSE)."""

    TIME = "time"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of alerts: an order with its payments and refunds, a provider, a corporation, a queue, a desk, the
    scheduled tasks, or another single record. `id` is 0 for a kind that has only one cause.
    """

    kind: str
    id: int


TASKS_CAUSE = Cause("task", 0)
"""The cause of all alerts about scheduled tasks: no worker is running, or the worker can't run the tasks."""


@dataclass(frozen=True, slots=True)
class AffectedRecord:
    """A record that an incident affects. `number` is our number of a payment or order, or the corporation number of a
    credit check; None for a refund. `amount` is added to the sum of the incident; it is None for a credit check, and
    if another affected record already counts the same money.
    """

    kind: str
    id: int
    number: str | None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class AffectedRecords:
    """The records that a cause affects. `unread_count` is the number of further affected records, which were counted
    and not read."""

    records: tuple[AffectedRecord, ...] = ()
    unread_count: int = 0


@dataclass(frozen=True, slots=True)
class IncidentExtent:
    """Extent of an incident at one moment: the id of its newest alert, the number of affected records, and the sums
    of their amounts in minor units by currency (None: no sums). The step of a snooze or resolution stores the extent
    at its time; a later extent is compared with the stored one. `is_complete` is False if not all of these records
    were read; the sums are then those of the records that were read.
    """

    newest_alert_id: int
    record_count: int = 0
    sums: Mapping[str, int] | None = None
    is_complete: bool = True

    def is_worse_than(self, earlier_extent: "IncidentExtent") -> bool:
        """True if, compared with the extent `earlier_extent`, the incident has a newer alert, more affected records,
        or a larger sum in one of the currencies. Sums are compared only if both extents are complete: the sums of the
        records that were read can also grow because one of these records has ended and another one is read instead.
        """
        earlier_sums, present_sums = earlier_extent.sums or {}, self.sums or {}
        return (
            self.newest_alert_id > earlier_extent.newest_alert_id
            or self.record_count > earlier_extent.record_count
            or (
                self.is_complete
                and earlier_extent.is_complete
                and any(minor > earlier_sums.get(currency, 0) for currency, minor in present_sums.items())
            )
        )


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """One action (`action`) of a person on an incident. `position` counts the steps of the incident from 1. A
    hand-over has a `new_owner`, a snooze has `until`. A snooze and a resolution have `extent`: the number and amounts
    of the records that the incident affected at the time of the action (`at`). `words` is the person's text about the
    action.
    """

    incident_id: int
    position: int
    action: IncidentAction
    person: str
    at: datetime
    new_owner: str | None = None
    until: datetime | None = None
    words: str | None = None
    extent: IncidentExtent | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident with its alerts, its affected records, its state and its steps.

    - `alerts`: all its alerts, oldest first; `steps`: the actions of people on it
    - `records`: the affected records, limited in number; `extent` counts all of them
    - `owner`: the person who owns the incident since `owner_since`; None if it has no owner
    - `snoozed_until`: the end of its snooze; None if it isn't snoozed
    - `woken_by`: the reason for which its snooze or resolution ended without an action of a person; otherwise None
    - `resolution`: the step by which a person resolved it; None if no person has resolved it
    - `closed_at`: the time at which its last alert was resolved; None while an alert is open
    - `action` on `action_record` (kind and id): the action that removes the cause; None if there is none
    - `number`: our payment number, or the corporation number, of the alert whose cause `action` removes; None if that
      alert is about another record
    """

    id: int
    cause: Cause
    state: IncidentState
    alerts: tuple[Alert, ...]
    steps: tuple[IncidentStep, ...]
    records: tuple[AffectedRecord, ...]
    extent: IncidentExtent
    number: str | None = None
    action: str | None = None
    action_record: tuple[str, int] | None = None
    owner: str | None = None
    owner_since: datetime | None = None
    snoozed_until: datetime | None = None
    woken_by: WakeReason | None = None
    resolution: IncidentStep | None = None
    closed_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """The time at which the first alert of the incident was raised."""
        return self.alerts[0].detected_at

    @property
    def is_acknowledged(self) -> bool:
        """True if a person has acknowledged every open alert of the incident; also True if no alert is open."""
        return all(alert.acknowledged_by for alert in self.alerts if alert.resolved_at is None)

    @property
    def main_alert(self) -> Alert:
        """The alert whose text is the title of the incident: an open alert if there is one; among these, an alert of
        a rule about orders if there is one; among these, the oldest."""
        return min(
            self.alerts,
            key=lambda alert: (alert.resolved_at is not None, alert.rule_id not in _RULES_ABOUT_ORDERS, alert.id),
        )


_RULES_ABOUT_ORDERS = frozenset(rule.value for rule in AlertRule)


@dataclass(frozen=True, slots=True)
class IncidentStatus:
    """State and owner of an incident, as `compute_incident_status` computes them from its steps. `owner` is None if
    the incident has no owner; `owner_since` is the time at which the owner took it or got it by a hand-over. A
    snoozed incident has `snoozed_until`. If a snooze or resolution ended without an action of a person, `woken_by` is
    the reason: the snooze's time is over, or the incident has become worse. `resolution` is the step by which a
    person resolved it.
    """

    state: IncidentState
    owner: str | None = None
    owner_since: datetime | None = None
    snoozed_until: datetime | None = None
    woken_by: WakeReason | None = None
    resolution: IncidentStep | None = None


def split_into_incidents(alerts: Iterable[Alert]) -> tuple[tuple[Alert, ...], ...]:
    """Divide the alerts of one cause into incidents, oldest first, and return the alerts of each incident. An
    alert that was raised while no earlier alert was open begins another incident.
    """
    incidents: list[list[Alert]] = []
    open_until: datetime | None = None
    for alert in sorted(alerts, key=lambda raised_alert: (raised_alert.detected_at, raised_alert.id)):
        if not incidents or (open_until is not None and alert.detected_at > open_until):
            incidents.append([alert])
            open_until = alert.resolved_at
            continue
        incidents[-1].append(alert)
        if open_until is not None:
            open_until = None if alert.resolved_at is None else max(open_until, alert.resolved_at)
    return tuple(map(tuple, incidents))


def compute_incident_status(
    steps: Sequence[IncidentStep], extent: IncidentExtent, now: datetime, *, has_open_alert: bool
) -> IncidentStatus:
    """Return the state and the owner of an incident at the instant `now`. `steps` are its steps, sorted by position;
    `extent` is its present extent; `has_open_alert` is True if one of its alerts is open.

    An incident without an open alert is closed. A snooze or a resolution ends if a person does WAKE, REOPEN, SNOOZE
    or RESOLVE later, or if the incident has become worse since. A snooze also ends at its time.
    """
    owner, owner_since = _find_owner_and_start(steps)
    last_step = find_last_state_change(steps)
    if not has_open_alert:
        return IncidentStatus(
            IncidentState.CLOSED, owner, owner_since, resolution=_find_resolution_in_force(last_step)
        )
    if last_step is None or last_step.action in (IncidentAction.WAKE, IncidentAction.REOPEN):
        return IncidentStatus(IncidentState.OPEN, owner, owner_since)
    if last_step.extent is not None and extent.is_worse_than(last_step.extent):
        return IncidentStatus(IncidentState.OPEN, owner, owner_since, woken_by=WakeReason.WORSE)
    if last_step.action is IncidentAction.RESOLVE:
        return IncidentStatus(IncidentState.RESOLVED, owner, owner_since, resolution=last_step)
    if last_step.until is None or now >= last_step.until:
        return IncidentStatus(IncidentState.OPEN, owner, owner_since, woken_by=WakeReason.TIME)
    return IncidentStatus(IncidentState.SNOOZED, owner, owner_since, snoozed_until=last_step.until)


_STATE_CHANGING_ACTIONS = frozenset(
    {IncidentAction.SNOOZE, IncidentAction.WAKE, IncidentAction.RESOLVE, IncidentAction.REOPEN}
)
"""The actions that change the state of an incident; the others change only its owner."""


def find_last_state_change(steps: Sequence[IncidentStep]) -> IncidentStep | None:
    """Return the last of an incident's steps that changed the state of the incident; None if no step changed it
    (steps such as a take change only the owner)."""
    return next((step for step in reversed(steps) if step.action in _STATE_CHANGING_ACTIONS), None)


def _find_resolution_in_force(last_step: IncidentStep | None) -> IncidentStep | None:
    """Return `last_step`, the last step that changed the incident's state, if it is a resolution; otherwise None."""
    return last_step if last_step is not None and last_step.action is IncidentAction.RESOLVE else None


def _find_owner_and_start(steps: Sequence[IncidentStep]) -> tuple[str | None, datetime | None]:
    """Return the owner of the incident with these steps (sorted by position), and the instant since which this person
    owns it; (None, None) without an owner."""
    owner: str | None = None
    owner_since: datetime | None = None
    for step in steps:
        if step.action is IncidentAction.TAKE:
            owner, owner_since = step.person, step.at
        elif step.action is IncidentAction.HAND_OVER:
            owner, owner_since = step.new_owner, step.at
        elif step.action is IncidentAction.RELEASE:
            owner, owner_since = None, None
    return owner, owner_since


def measure_incident_extent(alerts: Sequence[Alert], affected_records: AffectedRecords) -> IncidentExtent:
    """Return the extent of an incident with these alerts (at least one) and affected records. Sums of different
    currencies are never added."""
    sums: dict[str, int] = {}
    for record in affected_records.records:
        if record.amount is not None:
            sums[record.amount.currency] = sums.get(record.amount.currency, 0) + record.amount.minor
    newest_alert_id = max(alert.id for alert in alerts)
    return IncidentExtent(
        newest_alert_id,
        len(affected_records.records) + affected_records.unread_count,
        sums,
        affected_records.unread_count == 0,
    )


PLAYBOOK_OF_RULE: Mapping[str, str] = {
    WorkReason.NOT_MOVED: AlertRule.PAID_UNNOTICED,
    WorkReason.PAID_AFTER_CANCEL: AlertRule.PAID_TOO_LATE,
    WorkReason.PAID_LATE: AlertRule.PAID_TOO_LATE,
    WorkReason.PAID_TWICE: AlertRule.PAID_TOO_LATE,
    WorkReason.PAID_WITHOUT_PAYMENT: AlertRule.PAID_WITHOUT_PAYMENT,
    WorkReason.UNVERIFIED_NOTICE: WorkReason.UNMATCHED_NOTICE,
    **{
        name: name
        for name in (
            WorkReason.REVERSED,
            WorkReason.CONTRADICTED,
            WorkReason.UNMATCHED_NOTICE,
            ErrorCode.DATABASE_WENT_BACK,
        )
    },
    **{name: name for name in sorted(_RULES_ABOUT_ORDERS)},
    **{name: name for name in ("clock_drift", "corporation_changed", "events_unpublished", "provider_away")},
    **{name: name for name in (AUTHORISATION_RULE, "days_not_reconciled", "provider_slow", "queue_age", "task_late")},
}
"""For each rule of alerts, the name of its playbook. A playbook is a list of steps that a person follows to
remove the cause; the wordings have the steps as `playbook.<name>.1`, `playbook.<name>.2` and so on.
"""
DEFAULT_PLAYBOOK = "case"
"""Name of the general playbook, for alerts of a rule without a playbook of its own."""


def get_playbook_name(rule: str) -> str:
    """Return the name of the playbook for alerts of this rule; the name of the general playbook if the rule has no
    playbook of its own. A playbook is a list of steps that a person follows to remove the cause.
    """
    return PLAYBOOK_OF_RULE.get(rule, DEFAULT_PLAYBOOK)
