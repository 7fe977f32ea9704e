"""Raise one alert for each provider (payments or credit checks) that is away, and resolve the alert after the
provider's next usable answer. A provider is away if its last MIN_CONSECUTIVE_FAILED_CALLS calls or more got no usable
answer, and the first of them was at least SHORTEST_OUTAGE ago."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.calendar_days import format_instant
from console.domain.tasks.records import Alert
from console.services.evidence.call_summaries import classify_answer, get_provider, is_provider_call
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.monitoring import recent_activity
from console.store.monitoring.recent_activity import RecentEvidence

ALERT_RULE = "provider_away"
CALL_LOOK_BACK_PERIOD = timedelta(days=2)
"""Period before now whose calls are read. Attempts for one record are at most a day apart, so the period contains at
least two of them.
"""
MIN_CONSECUTIVE_FAILED_CALLS = 3
"""A provider counts as away after this many consecutive calls without a usable answer, if the first of them was at
least SHORTEST_OUTAGE ago.
"""
SHORTEST_OUTAGE = timedelta(minutes=10)
"""Shortest time since the first of the failed calls after which a provider counts as away."""
_MAX_OPEN_ALERTS = 1_000
_OUTAGE_START_SEPARATOR = " since "


def find_outage_start(alert: Alert) -> datetime:
    """Return the time of the first call without a usable answer, which the text of an outage alert contains; the
    time of the alert if its text contains no time."""
    with suppress(ValueError):
        return datetime.fromisoformat(alert.observed.partition(_OUTAGE_START_SEPARATOR)[2])
    return alert.detected_at


class ProviderOutageAlerts:
    """Decides for each provider if it is away (see the module). The decision is made from the stored evidence of the
    calls of all desks and workers. Raises and resolves the alerts about providers that are away."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def update_alerts(self) -> int:
        """Raise alerts for providers that are away (see the module), and resolve the alerts of providers that have
        given a usable answer again. Return the number of changed alerts."""
        context = self._context
        with context.database.read() as conn:
            series_by_provider = _find_failed_call_series(conn, context.now())
            alerted_subject_ids = {
                alert.subject_id for alert in alerts.list_open_alerts_of_rule(conn, ALERT_RULE, _MAX_OPEN_ALERTS)
            }
        series_by_away_provider = {
            name: series
            for name, series in series_by_provider.items()
            if series is not None and self._is_outage(*series)
        }
        newly_away_providers = [
            name
            for name in sorted(series_by_away_provider)
            if compute_provider_subject_id(name) not in alerted_subject_ids
        ]
        recovered_providers = [
            name
            for name, series in sorted(series_by_provider.items())
            if series is None and compute_provider_subject_id(name) in alerted_subject_ids
        ]
        if newly_away_providers or recovered_providers:
            context.write(
                lambda tx: self._write_alerts(
                    tx, {name: series_by_away_provider[name][0] for name in newly_away_providers}, recovered_providers
                )
            )
        return len(newly_away_providers) + len(recovered_providers)

    def _is_outage(self, since: datetime, call_count: int) -> bool:
        """True if `call_count` calls without a usable answer since the time `since` are enough for an alert."""
        return (
            call_count >= MIN_CONSECUTIVE_FAILED_CALLS
            and self._context.now() - since >= self._context.scale.scale_duration(SHORTEST_OUTAGE)
        )

    def _write_alerts(
        self, tx: Transaction, outage_start_by_provider: Mapping[str, datetime], recovered_providers: list[str]
    ) -> None:
        """Raise an alert for each provider of `outage_start_by_provider`, unless such an alert is already open, and
        resolve the alerts of `recovered_providers` (names of providers)."""
        now = self._context.now()
        for name, since in outage_start_by_provider.items():
            observed = f"{name}: no usable answer{_OUTAGE_START_SEPARATOR}{format_instant(since)}"
            alerts.raise_alert(
                tx.conn, ALERT_RULE, PROVIDER_KIND, compute_provider_subject_id(name), None, observed, "answers", now
            )
        recovered_subject_ids = {compute_provider_subject_id(name) for name in recovered_providers}
        for alert in alerts.list_open_alerts_of_rule(tx.conn, ALERT_RULE, _MAX_OPEN_ALERTS):
            if alert.subject_id in recovered_subject_ids:
                alerts.resolve(tx.conn, alert.id, now)


def _find_failed_call_series(conn: Connection, now: datetime) -> dict[str, tuple[datetime, int] | None]:
    """Return the latest series of consecutive calls without a usable answer, by provider: the time of the first call
    of the series and the number of its calls. Only the calls since CALL_LOOK_BACK_PERIOD before `now` count; a
    provider without such calls is left out. The value is None if the provider's last call had a usable answer. The
    calls are read page by page; after a provider's first usable answer, its earlier calls are left out, so that the
    calls of a busy provider don't hide the calls of other providers.
    """
    series_by_provider: dict[str, tuple[datetime, int] | None] = {}
    answering_providers: set[str] = set()
    needless_sources: set[str] = set()
    for page in recent_activity.iterate_evidence_pages(conn, now - CALL_LOOK_BACK_PERIOD, needless_sources):
        for at, provider, is_usable in _list_calls(page):
            if is_usable:
                series_by_provider.setdefault(provider, None)
                answering_providers.add(provider)
            elif provider not in answering_providers:
                series = series_by_provider.get(provider)
                series_by_provider[provider] = (at, series[1] + 1 if series else 1)
        needless_sources |= {
            item.source
            for item in page
            if not is_provider_call(item.source) or get_provider(item.source) in answering_providers
        }
    return series_by_provider


def _list_calls(evidence_items: Iterable[RecentEvidence]) -> Iterator[tuple[datetime, str, bool]]:
    """Yield those of the evidence items that are calls to providers: the time, the provider, and a flag: True if the
    answer of the call was usable."""
    for item in evidence_items:
        if is_provider_call(item.source):
            yield item.stored_at, get_provider(item.source), classify_answer(item.summary)[1]
