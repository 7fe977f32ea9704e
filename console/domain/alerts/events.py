"""What is told to other programs: events as they are sent, and what sends them. No I/O."""

import json
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID, uuid5

from console.domain.dates import instant_text
from console.domain.worker_records import ALERT_TOPIC, Alert

What = Literal["AlertRaised", "AlertResolved"]


@dataclass(frozen=True, slots=True)
class Message:
    """One event. Those of a `key` are sent in their order; `event_id` stays the same however often it is sent."""

    topic: str
    event_id: str
    key: str
    body: str = field(repr=False)


class Publisher(Protocol):
    """Sends events, each at least once."""

    def publish(self, message: Message) -> str | None:
        """None when it was taken, else the code of why not. Raises ConsoleError bad_profile for what is missing."""
        ...

    def close(self) -> None: ...


def alert_message(what: What, alert: Alert, database_id: str) -> Message:
    """What is told of an alert when it is raised, and when it is resolved."""
    event_id = str(uuid5(UUID(database_id), f"alert {alert.id} {what}"))
    told: dict[str, object] = {
        "event": what,
        "event_id": event_id,
        "alert_id": alert.id,
        "order_no": alert.order_no,
        "rule_id": alert.rule_id,
        "observed": alert.observed,
        "expected": alert.expected,
        "detected_at": instant_text(alert.detected_at),
    }
    if alert.resolved_at is not None:
        told["resolved_at"] = instant_text(alert.resolved_at)
    key = alert.order_no or f"{alert.subject_kind}-{alert.subject_id}"
    return Message(ALERT_TOPIC, event_id, key, json.dumps(told, ensure_ascii=False))
