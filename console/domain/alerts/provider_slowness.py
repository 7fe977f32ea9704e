"""Slow providers: the limit for the median duration of a provider's answered calls within a period, and the texts of
the alert about a slow provider. No I/O.
"""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

ALERT_RULE = "provider_slow"
SLOW_RESPONSE_SECONDS = 3.0
"""Duration (seconds) from which a call counts as slow, in the status bar and as the median of an alert."""
SLOWNESS_PERIOD = timedelta(minutes=15)
"""Length of the period before the present instant whose calls are measured."""
MIN_MEASURED_CALL_COUNT = 3
"""Smallest number of calls in the period from which a median is computed. With fewer calls the provider's speed isn't
known.
"""
ALERT_LIFETIME_WITHOUT_CALLS = timedelta(hours=1)
"""Time after which an alert is resolved if the provider had no calls, or so few that they have no median, because its
present speed isn't known then."""


def compute_median_seconds(durations: Sequence[float]) -> float | None:
    """Return the median of the durations (seconds) of a provider's calls; None if there are fewer than
    MIN_MEASURED_CALL_COUNT."""
    return median(durations) if len(durations) >= MIN_MEASURED_CALL_COUNT else None


def format_observed_call_duration(provider: str, median_seconds: float, call_count: int) -> str:
    """Return the text `observed` of an alert about a slow provider, such as `paypay answers in 4.2 s (median of 25
    calls)`.
    """
    return f"{provider} answers in {median_seconds:.1f} s (median of {call_count} calls)"


def format_expected_call_duration() -> str:
    """Return the text `expected` of an alert about a slow provider: the median from which the provider counts as
    slow, such as `within 3 s`.
    """
    return f"within {SLOW_RESPONSE_SECONDS:.0f} s"
