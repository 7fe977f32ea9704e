"""When a provider counts as slow: the median duration of its answered calls within a window."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

ALERT_RULE = "provider_slow"
SLOW_RESPONSE_SECONDS = 3.0
"""Duration (seconds) from which a call counts as slow, in the status bar and as the median of an alert."""
SLOWNESS_WINDOW = timedelta(minutes=15)
"""Period before now whose calls are measured."""
MIN_MEASURED_CALLS = 3
"""Number of calls in the window below which nothing is said about the provider."""
ALERT_LIFETIME_WITHOUT_CALLS = timedelta(hours=1)
"""Time after which an alert is resolved if the provider had no calls: nobody knows any more whether it is slow."""


def compute_median_seconds(durations: Sequence[float]) -> float | None:
    """Return the median of the durations (seconds) of a provider's calls; None if there are fewer than
    MIN_MEASURED_CALLS."""
    return median(durations) if len(durations) >= MIN_MEASURED_CALLS else None


def format_observed_slowness(provider: str, median_seconds: float, call_count: int) -> str:
    """Return the text of an alert about the measured median, which the alert stores."""
    return f"{provider} answers in {median_seconds:.1f} s (median of {call_count} calls)"


def format_expected_response() -> str:
    """Return the text of an alert about the expected duration, which the alert stores."""
    return f"within {SLOW_RESPONSE_SECONDS:.0f} s"
