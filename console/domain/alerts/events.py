"""Alert events for other programs: the form of an event, and the interface of the objects that send events. No
I/O.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import NAMESPACE_OID, uuid5

from console.domain.calendar_days import format_instant
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE, get_corporation_number_of_subject
from console.domain.tasks.records import ALERT_TOPIC, COMPANY_TOPIC, Alert

EventName = Literal["AlertRaised", "AlertResolved"]


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One alert event for other programs; `topic` names the kind of event, `body` is JSON. `key` is the order number,
    or the kind and id of another subject; events with the same key are sent in the order in which they were written.
    An event that is sent again has the same `event_id`.
    """

    topic: str
    event_id: str
    key: str
    body: str = field(repr=False)


class AlertPublisher(Protocol):
    """Interface of an object that sends alert events to other programs. A receiver may get the same event more than
    once.
    """

    def publish(self, message: AlertMessage) -> str | None:
        """Send one event. Return None if the receiver has accepted the event, otherwise an error code. Raises
        ConsoleError `bad_profile` for missing settings.
        """
        ...

    def close(self) -> None:
        """Close the connections over which events are sent."""


def make_alert_message(
    event_name: EventName, alert: Alert, database_id: str, facts: Mapping[str, object] | None = None
) -> AlertMessage:
    """Return the event with which other programs are informed that `alert` was raised or resolved. `facts` are
    further members of its body.

    The event's id is derived from `database_id`, the alert's id, the time at which the alert was raised, and
    `event_name`. The alert's id alone isn't unique: a database that was restored from a backup assigns the same ids
    again, and a receiver would ignore the next alert as an event that it already has.
    """
    id_source = f"{database_id} alert {alert.id} {alert.detected_at.isoformat()} {event_name}"
    event_id = str(uuid5(NAMESPACE_OID, id_source))
    body: dict[str, object] = {
        "event": event_name,
        "event_id": event_id,
        "alert_id": alert.id,
        **_make_subject_object(alert),
        "rule_id": alert.rule_id,
        "observed": alert.observed,
        "expected": alert.expected,
        "detected_at": format_instant(alert.detected_at),
        **(facts or {}),
    }
    if alert.resolved_at is not None:
        body["resolved_at"] = format_instant(alert.resolved_at)
    key = alert.order_no or f"{alert.subject_kind}-{alert.subject_id}"
    topic = COMPANY_TOPIC if alert.rule_id == CORPORATION_CHANGE_RULE else ALERT_TOPIC
    return AlertMessage(topic, event_id, key, json.dumps(body, ensure_ascii=False))


def _make_subject_object(alert: Alert) -> Mapping[str, object]:
    """Return the member of an event's body that names the alert's subject: `corporation_number` for an alert about a
    changed corporation, otherwise `order_no`, whose value is None if the alert is about no order.
    """
    if alert.rule_id == CORPORATION_CHANGE_RULE:
        return {"corporation_number": get_corporation_number_of_subject(alert.subject_id)}
    return {"order_no": alert.order_no}
