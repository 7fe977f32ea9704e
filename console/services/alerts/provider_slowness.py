"""Raise an alert about each provider that answers slowly: the median duration of its calls within SLOWNESS_PERIOD is
at least SLOW_RESPONSE_SECONDS. Resolve the alert when the provider is fast again, or when the alert is older than
ALERT_LIFETIME_WITHOUT_CALLS and the provider received too few calls in this period."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from console.domain.alerts.provider_slowness import (
    ALERT_LIFETIME_WITHOUT_CALLS,
    ALERT_RULE,
    SLOW_RESPONSE_SECONDS,
    SLOWNESS_PERIOD,
    compute_median_seconds,
    format_expected_call_duration,
    format_observed_call_duration,
)
from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.services.evidence.answered_operations import list_answered_operations
from console.services.evidence.call_summaries import classify_answer, get_provider, is_provider_call
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.monitoring import recent_activity

_MAX_OPEN_ALERTS = 1_000
_MAX_MEASURED_OPERATIONS = 200
"""Number of operations of one provider after which no further page is read for this provider."""


class ProviderSlownessAlerts:
    """Measures the durations of the guarded calls of all desks and workers, as the operation journal states them, and
    raises and resolves the alerts about slow providers. A call that got no answer isn't measured: an alert of the
    rule `provider_away` is about such calls."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def update_alerts(self) -> int:
        """Raise an alert about each provider that answers slowly. Resolve the alerts about providers that are fast
        again. An alert older than ALERT_LIFETIME_WITHOUT_CALLS is also resolved if the calls of this period have no
        slow median, because there are too few of them or they are fast. Return the number of changed alerts.
        """
        context, now = self._context, self._context.now()
        with context.database.read() as conn:
            open_alerts = alerts.list_open_alerts_of_rule(conn, ALERT_RULE, _MAX_OPEN_ALERTS)
            recent_since = now - (ALERT_LIFETIME_WITHOUT_CALLS if open_alerts else SLOWNESS_PERIOD)
            recent_durations = _read_durations(conn, recent_since)
            durations = _read_durations(conn, now - SLOWNESS_PERIOD)
        medians = {provider: compute_median_seconds(values) for provider, values in durations.items()}
        open_subject_ids = {alert.subject_id for alert in open_alerts}
        slow_providers = {
            provider: format_observed_call_duration(provider, seconds, len(durations[provider]))
            for provider, seconds in medians.items()
            if seconds is not None
            and seconds >= SLOW_RESPONSE_SECONDS
            and compute_provider_subject_id(provider) not in open_subject_ids
        }
        fast_ids = {
            compute_provider_subject_id(provider)
            for provider, seconds in medians.items()
            if seconds is not None and seconds < SLOW_RESPONSE_SECONDS
        }
        recently_slow_ids = {
            compute_provider_subject_id(provider)
            for provider, values in recent_durations.items()
            if (seconds := compute_median_seconds(values)) is not None and seconds >= SLOW_RESPONSE_SECONDS
        }
        ended_alert_ids = [
            alert.id
            for alert in open_alerts
            if alert.subject_id in fast_ids
            or (alert.subject_id not in recently_slow_ids and alert.detected_at < now - ALERT_LIFETIME_WITHOUT_CALLS)
        ]
        if slow_providers or ended_alert_ids:
            context.write(lambda tx: self._write_alerts(tx, slow_providers, ended_alert_ids))
        return len(slow_providers) + len(ended_alert_ids)

    def _write_alerts(
        self, tx: Transaction, observed_by_provider: Mapping[str, str], ended_alert_ids: list[int]
    ) -> None:
        now = self._context.now()
        for provider, observed in sorted(observed_by_provider.items()):
            subject_id = compute_provider_subject_id(provider)
            alerts.raise_alert(
                tx.conn, ALERT_RULE, PROVIDER_KIND, subject_id, None, observed, format_expected_call_duration(), now
            )
        for alert_id in ended_alert_ids:
            alerts.resolve(tx.conn, alert_id, now)


def _read_durations(conn: Connection, since: datetime) -> dict[str, list[float]]:
    """For each guarded operation that has ended since the instant `since`, compute the seconds per answer of its
    provider. Return these values by provider. An operation with several calls, such as the detail and the PDF of a
    re-fetch, counts once, with its duration divided by the number of its answers. An operation of which a call got no
    answer isn't measured: it ends when a later probe settles it or a person resolves it. Of a busy provider only the
    newest operations are measured (_MAX_MEASURED_OPERATIONS and the rest of a page), so that its operations don't
    hide the operations of other providers.
    """
    answer_counts: dict[str, Counter[str]] = {}
    needless_sources: set[str] = set()
    for page in recent_activity.iterate_evidence_pages(conn, since, needless_sources):
        for item in page:
            if item.operation_id is None or not is_provider_call(item.source):
                continue
            if classify_answer(item.summary)[0]:
                answer_counts.setdefault(get_provider(item.source), Counter())[item.operation_id] += 1
        needless_sources |= {
            item.source
            for item in page
            if not is_provider_call(item.source)
            or len(answer_counts.get(get_provider(item.source), ())) >= _MAX_MEASURED_OPERATIONS
        }
    durations: dict[str, list[float]] = {}
    for provider, counts in answer_counts.items():
        answered_ids = list_answered_operations(conn, list(counts))
        seconds_by_id = recent_activity.read_operation_durations(conn, answered_ids, since)
        durations[provider] = [seconds / counts[operation_id] for operation_id, seconds in seconds_by_id.items()]
    return {provider: values for provider, values in durations.items() if values}
