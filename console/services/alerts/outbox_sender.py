"""Sends what stands in the outbox: each event at least once, always with the same id, those of a key in their order.

A due task. What was not taken is sent again later, ever more rarely and never given up; when the oldest has waited
long, an alert says so.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from console.domain.clock import AHEAD
from console.domain.dates import instant_text
from console.domain.publishing import Message, Publisher
from console.services.desk import Desk
from console.services.going_on import going_on
from console.store import alerts, outbox
from console.store.engine import Transaction
from console.store.outbox import OutboxEvent

BATCH = 100
TROUBLES = 3
"""So many in a row that are not taken, and the rest waits for the next run."""
BACK_OFF: Sequence[timedelta] = tuple(timedelta(seconds=step) for step in (10, 30, 60, 300, 900, 3600))
"""When the next attempt is made; the last goes on."""
JITTER = 0.2
OLD = timedelta(hours=1)
"""When the oldest has waited so long, people are told."""
RULE, KIND, SUBJECT = "events_unpublished", "outbox", 1
_log = logging.getLogger("console.worker")


class Publishing:
    """Between the outbox and whoever is told. Any number may run at once: an event may come twice, with one id."""

    def __init__(self, desk: Desk, open_publisher: Callable[[], Publisher | None]) -> None:
        self._desk = desk
        self._open_publisher = open_publisher
        self._publisher: Publisher | None = None

    def run(self) -> int:
        """Send what is due; how many were taken. Without a publisher events wait, and nobody is told of that.

        Raises bad_profile when what the publisher needs is missing.
        """
        self._desk.require("due_tasks")
        if not self._desk.settings.alerts.way:
            return 0
        self._publisher = self._publisher or self._open_publisher()
        done = self._send_all(self._publisher) if self._publisher else 0
        self._look_at_age()
        return done

    def _send_all(self, publisher: Publisher) -> int:
        """Round by round: what follows an event of the same key comes with the next reading."""
        done, troubles = 0, 0
        while events := self._due():
            before = done
            for event in going_on(events):
                trouble = self._send(publisher, event)
                done, troubles = (done + 1, 0) if trouble is None else (done, troubles + 1)
                if troubles == TROUBLES:
                    return done
            if done == before:
                break
        return done

    def _due(self) -> tuple[OutboxEvent, ...]:
        now, longest = self._desk.now(), self._desk.scale.delta(BACK_OFF[-1] * (1 + JITTER))
        with self._desk.database.read() as conn:
            return outbox.waiting(conn, now, BATCH, too_far=now + longest + AHEAD)

    def _send(self, publisher: Publisher, event: OutboxEvent) -> str | None:
        desk = self._desk
        desk.failpoints.reach("before_publish")
        trouble = publisher.publish(Message(event.topic, event.event_id, event.record_key, event.body))
        desk.failpoints.reach("after_publish")
        if trouble is None:
            desk.write(lambda tx: outbox.published(tx.conn, event, desk.now()))
        else:
            _log.warning("event %s was not taken: %s", event.event_id, trouble)
            next_at = self._next_at(event)
            desk.write(lambda tx: outbox.postpone(tx.conn, event, next_at, trouble[:64]))
        return trouble

    def _next_at(self, event: OutboxEvent) -> datetime:
        step = BACK_OFF[min(event.attempts, len(BACK_OFF) - 1)]
        spread = 1 + JITTER * (secrets.randbelow(2001) - 1000) / 1000
        return self._desk.now() + self._desk.scale.delta(step * spread)

    # What people are told

    def _look_at_age(self) -> None:
        desk = self._desk
        with desk.database.read() as conn:
            counts = outbox.counts(conn)
            told = alerts.open_by_rule(conn, RULE, 1)
        old = counts.oldest is not None and desk.now() - counts.oldest > desk.scale.delta(OLD)
        if old and not told and counts.oldest is not None:
            observed = f"{counts.waiting} since {instant_text(counts.oldest)}"
            desk.write(lambda tx: self._raise(tx, observed))
        elif told and not old:
            desk.write(lambda tx: alerts.resolve(tx.conn, told[0].id, desk.now()))

    def _raise(self, tx: Transaction, observed: str) -> None:
        alerts.raise_(tx.conn, RULE, KIND, SUBJECT, None, observed, "published", self._desk.now())


def state(conn: Connection) -> tuple[outbox.OutboxCounts, bool]:
    """What waits to be published, and whether people were told that it waits for long."""
    return outbox.counts(conn), bool(alerts.open_by_rule(conn, RULE, 1))
