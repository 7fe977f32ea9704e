"""Publish the events of the outbox: each at least once and always with the same event id. Events with the same
record key are published in the order in which they were added.

This is a due task. If the publisher (a webhook or Kafka) doesn't accept an event, the task sends it again after
growing waits. If the oldest event has waited longer than UNPUBLISHED_EVENT_ALERT_AGE, the task raises an alert.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from console.domain.access.permissions import WORKER
from console.domain.alerts.events import AlertMessage, AlertPublisher, EventName, make_alert_message
from console.domain.calendar_days import format_instant
from console.domain.clock import CLOCK_TOLERANCE
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.tasks.intervals import SHORT_BATCH_SIZE
from console.services.guarded import database_rollback
from console.services.process.context import ServiceContext
from console.services.tasks.cancellation import iterate_until_stopped
from console.store.alerts import alerts, outbox
from console.store.alerts.outbox import OutboxEvent
from console.store.database.engine import Transaction

MAX_CONSECUTIVE_SEND_FAILURES = 3
"""Number of consecutive failed sends after which the remaining events wait for the next run."""
OUTBOX_RETRY_WAITS: Sequence[timedelta] = tuple(timedelta(seconds=step) for step in (10, 30, 60, 300, 900, 3600))
"""Waits before the second, third and each later attempt to send an event; the last wait is used for all further
attempts.
"""
RETRY_JITTER_FRACTION = 0.2
UNPUBLISHED_EVENT_ALERT_AGE = timedelta(hours=1)
"""Age of the oldest event in the outbox after which an alert is raised."""
OTHER_PUBLISHER_PERIOD = timedelta(minutes=5)
"""If the next attempt to send an event is planned for a time in the future or at most this long ago, a worker without
a publisher assumes that this attempt is made by another worker, which has a publisher."""
ALERT_RAISED_EVENT: EventName = "AlertRaised"
ALERT_RULE = outbox.UNPUBLISHED_RULE
OUTBOX_KIND = "outbox"
OUTBOX_SUBJECT_ID = 1
_log = logging.getLogger("console.worker")


class OutboxSender:
    """The due task that sends events from the outbox to the publisher, such as a webhook. If several processes run
    at the same time, the publisher may receive an event twice, with the same event id."""

    def __init__(self, context: ServiceContext, make_alert_publisher: Callable[[], AlertPublisher | None]) -> None:
        self._context = context
        self._make_alert_publisher = make_alert_publisher
        self._publisher: AlertPublisher | None = None

    def send_due_events(self) -> int:
        """Send the due events. Return the number of events that the publisher accepted. If no publisher is
        configured, send nothing and return 0: the events stay in the outbox, and no alert about their age is raised;
        an open one is resolved, unless another worker of the server may have a publisher.

        Raises not_allowed if the acting person may not run due tasks, and bad_profile if a setting of the publisher
        is missing or invalid.
        """
        self._context.require_right("due_tasks")
        if not self._context.settings.alerts.publisher_kind:
            self._resolve_unpublished_age_alert()
            return 0
        self._add_missing_database_rollback_event()
        self._publisher = self._publisher or self._make_alert_publisher()
        sent_count = self._send_all_due_events(self._publisher) if self._publisher else 0
        self._update_unpublished_age_alert()
        return sent_count

    def _add_missing_database_rollback_event(self) -> None:
        """If an alert of the rule `database_went_back` is open and the outbox lacks the event AlertRaised about this
        alert, add the event. An older version of the program did not write this event; it can also be missing after
        the outbox table alone was restored from a backup.
        """
        context = self._context
        with context.database.read() as conn:
            rollback = database_rollback.find_open_database_rollback(conn)
            alert = None if rollback is None else rollback.alert
            if alert is None or outbox.find(
                conn, make_alert_message(ALERT_RAISED_EVENT, alert, context.database_id).event_id
            ):
                return
        context.write(
            lambda tx: outbox.add_alert_event(tx.conn, ALERT_RAISED_EVENT, alert, context.database_id, context.now())
        )

    def _send_all_due_events(self, publisher: AlertPublisher) -> int:
        """Send the due events of the outbox in rounds: the next event with the same record key is read only after
        the publisher has accepted the previous one. Stop after MAX_CONSECUTIVE_SEND_FAILURES failures in a row, or
        after a round without an accepted event. Return the number of accepted events.
        """
        sent_count, failure_count = 0, 0
        while events := self._read_due_events():
            count_before = sent_count
            for event in iterate_until_stopped(events):
                error = self._send_event(publisher, event)
                sent_count, failure_count = (sent_count + 1, 0) if error is None else (sent_count, failure_count + 1)
                if failure_count == MAX_CONSECUTIVE_SEND_FAILURES:
                    return sent_count
            if sent_count == count_before:
                break
        return sent_count

    def _read_due_events(self) -> tuple[OutboxEvent, ...]:
        now, longest_wait = (
            self._context.now(),
            self._context.scale.scale_duration(OUTBOX_RETRY_WAITS[-1] * (1 + RETRY_JITTER_FRACTION)),
        )
        with self._context.database.read() as conn:
            return outbox.list_due_events(
                conn, now, SHORT_BATCH_SIZE, latest_credible_time=now + longest_wait + CLOCK_TOLERANCE
            )

    def _send_event(self, publisher: AlertPublisher, event: OutboxEvent) -> str | None:
        """Send one event, and mark it as published if the publisher has accepted it; otherwise schedule the next
        attempt. Return None if the publisher has accepted the event, otherwise an error code."""
        context = self._context
        context.failpoints.reach("before_publish")
        error = _publish_event(publisher, event)
        context.failpoints.reach("after_publish")
        if error is None:
            context.write(lambda tx: outbox.mark_published(tx.conn, event, context.now()))
        else:
            _log.warning("event %s was not accepted: %s", event.event_id, error)
            next_at = self._compute_next_attempt_at(event)
            context.write(lambda tx: outbox.postpone_event(tx.conn, event, next_at, error[:64]))
        return error

    def _compute_next_attempt_at(self, event: OutboxEvent) -> datetime:
        """Return the time of the next attempt to send the event: the wait grows with the number of earlier attempts,
        and varies at random by RETRY_JITTER_FRACTION."""
        wait = OUTBOX_RETRY_WAITS[min(event.attempts, len(OUTBOX_RETRY_WAITS) - 1)]
        jitter_factor = 1 + RETRY_JITTER_FRACTION * (secrets.randbelow(2001) - 1000) / 1000
        return self._context.now() + self._context.scale.scale_duration(wait * jitter_factor)

    # Alert

    def _update_unpublished_age_alert(self) -> None:
        """Raise an alert if the oldest unpublished event is older than UNPUBLISHED_EVENT_ALERT_AGE; otherwise resolve
        the alert about the age of unpublished events, if one is open."""
        context = self._context
        with context.database.read() as conn:
            unpublished_counts = outbox.count_unpublished_events(conn)
            open_alert = alerts.list_open_alerts_of_rule(conn, ALERT_RULE, 1)
        is_old = (
            unpublished_counts.oldest_created_at is not None
            and context.now() - unpublished_counts.oldest_created_at
            > context.scale.scale_duration(UNPUBLISHED_EVENT_ALERT_AGE)
        )
        if is_old and not open_alert and unpublished_counts.oldest_created_at is not None:
            observed = (
                f"{unpublished_counts.unpublished_count} since {format_instant(unpublished_counts.oldest_created_at)}"
            )
            context.write(lambda tx: self._raise_alert(tx, observed))
        elif open_alert and not is_old:
            context.write(lambda tx: alerts.resolve(tx.conn, open_alert[0].id, context.now()))

    def _resolve_unpublished_age_alert(self) -> None:
        """Resolve the alert about the age of unpublished events, if one is open: without a publisher no event can be
        sent, so nothing is late. On a database server, a worker with other settings may have a publisher. So, on a
        server, do nothing if this process isn't a worker, or while an event waits for a further attempt that a worker
        has scheduled.
        """
        context = self._context
        if context.database.is_server and WORKER not in context.read_person().roles:
            return
        attempts_end = context.now() - context.scale.scale_duration(OTHER_PUBLISHER_PERIOD)
        with context.database.read() as conn:
            open_alert = alerts.list_open_alerts_of_rule(conn, ALERT_RULE, 1)
            if context.database.is_server and open_alert and outbox.has_retry_after(conn, attempts_end):
                return
        if open_alert:
            context.write(lambda tx: alerts.resolve(tx.conn, open_alert[0].id, context.now()))

    def _raise_alert(self, tx: Transaction, observed: str) -> None:
        alerts.raise_alert(
            tx.conn, ALERT_RULE, OUTBOX_KIND, OUTBOX_SUBJECT_ID, None, observed, "published", self._context.now()
        )


def _publish_event(publisher: AlertPublisher, event: OutboxEvent) -> str | None:
    """Let the publisher send the event. Return None if the event was accepted, otherwise an error code. An unexpected
    exception of the publisher is logged and counts as a failed attempt, so that later events don't wait for an event
    that can never be sent. Raises ConsoleError bad_profile if a setting of the publisher is missing or invalid."""
    try:
        return publisher.publish(AlertMessage(event.topic, event.event_id, event.record_key, event.body))
    except ConsoleError:  # the settings are wrong: no event can be sent
        raise
    except Exception:
        _log.exception("event %s could not be sent", event.event_id)
        return ErrorCode.INTERNAL_ERROR
