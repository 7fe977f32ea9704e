"""Raise one alert for each queue whose oldest record is older than the queue's limit, and resolve the alert when
the queue has no such record."""

from collections.abc import Mapping
from datetime import datetime

from console.domain.alerts.queue_age import (
    AGE_LIMITS,
    ALERT_RULE,
    QUEUE_KIND,
    compute_queue_subject_id,
    format_expected_age,
    format_observed_age,
)
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.queues import queues


class QueueAgeAlerts:
    """Compares the age of the oldest record of each queue with the queue's limit (AGE_LIMITS), and raises and
    resolves alerts."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def update_alerts(self) -> int:
        """Raise an alert for each queue whose oldest record is older than the queue's limit, and resolve the
        alerts of the other queues. Return the number of changed alerts."""
        context = self._context
        now = context.now()
        with context.database.read() as conn:
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
            oldest_instants = {
                name: queues.count_queue_records_and_find_oldest(conn, name, lapsed_ids)[1] for name in AGE_LIMITS
            }
            alert_id_by_subject_id = {
                alert.subject_id: alert.id
                for alert in alerts.list_open_alerts_of_rule(conn, ALERT_RULE, len(AGE_LIMITS))
            }
        since_by_old_queue = {
            name: since
            for name, since in oldest_instants.items()
            if since is not None and now - since > context.scale.scale_duration(AGE_LIMITS[name])
        }
        since_by_newly_old_queue = {
            name: since
            for name, since in since_by_old_queue.items()
            if compute_queue_subject_id(name) not in alert_id_by_subject_id
        }
        ended_alert_ids = [
            alert_id_by_subject_id[number]
            for name in AGE_LIMITS
            if name not in since_by_old_queue and (number := compute_queue_subject_id(name)) in alert_id_by_subject_id
        ]
        if since_by_newly_old_queue or ended_alert_ids:
            context.write(lambda tx: self._write_alerts(tx, since_by_newly_old_queue, ended_alert_ids))
        return len(since_by_newly_old_queue) + len(ended_alert_ids)

    def _write_alerts(
        self, tx: Transaction, since_by_queue: Mapping[str, datetime], ended_alert_ids: list[int]
    ) -> None:
        now = self._context.now()
        for name, since in since_by_queue.items():
            observed, expected = format_observed_age(name, since), format_expected_age(AGE_LIMITS[name])
            alerts.raise_alert(
                tx.conn, ALERT_RULE, QUEUE_KIND, compute_queue_subject_id(name), None, observed, expected, now
            )
        for alert_id in ended_alert_ids:
            alerts.resolve(tx.conn, alert_id, now)
