"""Raise an alert about each desk or worker whose clock differs from the database server's clock, and resolve the
alert when the clock is right again.

Each process measures its own clock by reading the server's time. A database account that may only read, and store
desk requests, can't write an alert; for a desk with such an account, a worker compares the time in the ids of the
desk's requests with the time at which the server stored them. An SQLite database has no clock of its own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from console.domain.access.permissions import WORKER
from console.domain.alerts.clock_drift import (
    ALERT_LIFETIME,
    ALERT_RULE,
    CLOCK_KIND,
    LARGEST_DRIFT_SECONDS,
    LONGEST_MEASUREMENT_SECONDS,
    compute_clock_drift,
    compute_desk_subject_id,
    format_expected_drift,
    format_observed_drift,
)
from console.domain.clock import SystemClock
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.monitoring import clocks

_MAX_OPEN_ALERTS = 1_000


class ClockDriftAlerts:
    """Raises and resolves the alerts about desks and workers whose clock differs from the database server's clock."""

    def __init__(self, context: ServiceContext, read_machine_time: Callable[[], datetime] | None = None) -> None:
        """Store the service context and the clock to be measured: `read_machine_time` returns the time by this
        machine's clock; with None, the system's clock is read."""
        self._context, self._machine_time = context, read_machine_time or SystemClock().now

    def update_alerts(self) -> int:
        """Raise an alert about each clock that differs too much from the database server's clock, and resolve the
        alerts about clocks that are right again. An alert that was raised more than ALERT_LIFETIME ago is resolved
        too, unless this run has measured that the clock is still wrong. Only a worker also checks the clocks of desks
        that send desk requests. Return the number of changed alerts; 0 on an SQLite database, which has no clock.
        """
        context = self._context
        if not context.database.is_server:
            return 0
        with context.database.read() as conn:
            drifts = self._measure_own_clock(conn)
            if WORKER in context.read_person().roles:
                drifts = _measure_clocks_of_requests(conn) | drifts  # this process's own measurement is more precise
            open_alerts = alerts.list_open_alerts_of_rule(conn, ALERT_RULE, _MAX_OPEN_ALERTS)
        subject_ids_of_open_alerts = {alert.subject_id for alert in open_alerts}
        new_drifts = {
            desk: format_observed_drift(name, seconds)
            for desk, (name, seconds) in drifts.items()
            if abs(seconds) > LARGEST_DRIFT_SECONDS
            and compute_desk_subject_id(desk) not in subject_ids_of_open_alerts
        }
        ids_of_right_clocks = {
            compute_desk_subject_id(desk)
            for desk, (_, seconds) in drifts.items()
            if abs(seconds) <= LARGEST_DRIFT_SECONDS
        }
        ids_of_wrong_clocks = set(map(compute_desk_subject_id, drifts)) - ids_of_right_clocks
        earliest_detection = context.now() - ALERT_LIFETIME
        ended_alert_ids = [
            alert.id
            for alert in open_alerts
            if alert.subject_id in ids_of_right_clocks
            or (alert.subject_id not in ids_of_wrong_clocks and alert.detected_at < earliest_detection)
        ]
        if new_drifts or ended_alert_ids:
            context.write(lambda tx: self._write_alerts(tx, new_drifts, ended_alert_ids))
        return len(new_drifts) + len(ended_alert_ids)

    def _measure_own_clock(self, conn: Connection) -> dict[str, tuple[str, float]]:
        """Return a dict with one entry: the key is the id of this desk; the value is the name of this machine and the
        difference of its clock from the database server's clock, in seconds. Return an empty dict if the server's
        answer took too long.
        """
        time_before = self._machine_time()
        server_time = clocks.read_server_time(conn)
        time_after = self._machine_time()
        if (time_after - time_before).total_seconds() > LONGEST_MEASUREMENT_SECONDS:
            return {}
        seconds = (time_before + (time_after - time_before) / 2 - server_time).total_seconds()
        return {self._context.spool.desk_id: (self._context.host_name, seconds)}

    def _write_alerts(self, tx: Transaction, drift_by_desk: Mapping[str, str], ended_alert_ids: list[int]) -> None:
        """Raise an alert about the clock of each desk in `drift_by_desk`, which has the alert's text by the desk's
        id, and resolve the alerts with the ids `ended_alert_ids`."""
        now = self._context.now()
        for desk, observed in drift_by_desk.items():
            alerts.raise_alert(
                tx.conn,
                ALERT_RULE,
                CLOCK_KIND,
                compute_desk_subject_id(desk),
                None,
                observed,
                format_expected_drift(),
                now,
            )
        for alert_id in ended_alert_ids:
            alerts.resolve(tx.conn, alert_id, now)


def _measure_clocks_of_requests(conn: Connection) -> dict[str, tuple[str, float]]:
    """Return a dict with the desks that have stored desk requests within the period that
    `clocks.read_desk_request_delays` reads. The key is the id of the desk; the value is the name of the person at the
    desk and the difference of the desk's clock from the database server's clock, in seconds. A desk whose requests
    prove no difference is left out. The difference is computed from the delays of the desk's requests: each is the
    time from the instant in the id of a request to the instant at which the server stored the request. All people who
    work at a desk use its clock, so the requests of all these people are compared. The shortest delay decides the
    result, so the name is that of the person whose request had this delay.
    """
    delays_of_desk: dict[str, dict[str, tuple[float, ...]]] = {}
    for (desk, person), delays in clocks.read_desk_request_delays(conn).items():
        delays_of_desk.setdefault(desk, {})[person] = delays
    measured_drifts: dict[str, tuple[str, float]] = {}
    for desk, delays_of_person in delays_of_desk.items():
        seconds = compute_clock_drift([delay for delays in delays_of_person.values() for delay in delays])
        if seconds is not None:
            measured_drifts[desk] = (min(delays_of_person, key=lambda person: min(delays_of_person[person])), seconds)
    return measured_drifts
