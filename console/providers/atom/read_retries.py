"""Repeats a read after a temporary failure at the provider: only a few times and within a short time."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from console.domain.clock import Clock, TimeScale
from console.domain.process import correlation as tracing
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.providers.atom.status_codes import FailureCause, find_failure_cause
from console.providers.http.failure_outcomes import CUT_REASON

T = TypeVar("T")

# Reasons of failures that occur quickly. A timeout isn't listed: it has already taken long.
_TEMPORARY_REASONS = frozenset({"connection_broken", CUT_REASON, "not_connected"})


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Limits for the repetitions of a read; all durations are real seconds. `max_request_count`: largest number of
    requests. The first pause takes `first_pause_seconds`; each later pause takes twice as long as the pause before
    it, at most `longest_pause_seconds`. Each pause is shortened by a random part of up to a quarter.
    `longest_total_seconds`: time from the first request to the start of the last one.
    """

    max_request_count: int = 3
    first_pause_seconds: float = 2.0
    longest_pause_seconds: float = 60.0
    longest_total_seconds: float = 20.0

    def compute_pause_seconds(self, request_count: int, random_fraction: float) -> float:
        """Return the seconds to wait after `request_count` requests (at least 1) have been sent, before the next
        request; `random_fraction` is a random number from 0 to 1.
        """
        return min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (request_count - 1)) * (
            0.75 + 0.25 * random_fraction
        )


DEFAULT_RETRY_LIMITS = RetryLimits()
NO_RETRIES = RetryLimits(max_request_count=1)


def read_with_retries(
    ask_provider: Callable[[], Outcome[T]], retry_limits: RetryLimits, clock: Clock, scale: TimeScale
) -> Outcome[T]:
    """Call `ask_provider`, which sends a read to the provider, until its outcome isn't a temporary failure or a limit
    of `retry_limits` is reached. Return the last outcome. `ask_provider` must have no effect at the provider, because
    it may be called several times.
    """
    deadline, earlier_retries = (
        clock.monotonic() + scale.scale_seconds(retry_limits.longest_total_seconds),
        tracing.get_retry_count(),
    )
    for request_count in range(1, retry_limits.max_request_count):
        with tracing.add_log_facts(retries=str(earlier_retries + request_count - 1)):
            outcome = ask_provider()
        pause = scale.scale_seconds(retry_limits.compute_pause_seconds(request_count, random.random()))  # noqa: S311 (spreads load, guards nothing)
        if not is_temporary_failure(outcome) or clock.monotonic() + pause > deadline:
            return outcome
        clock.sleep(pause)
    with tracing.add_log_facts(retries=str(earlier_retries + retry_limits.max_request_count - 1)):
        return ask_provider()


def is_temporary_failure(outcome: Outcome[T]) -> bool:
    """True if the outcome is a temporary failure, so that the same request may succeed a moment later."""
    has_temporary_reason = (
        find_failure_cause(outcome.reason) is FailureCause.SYSTEM or outcome.reason in _TEMPORARY_REASONS
    )
    return outcome.kind is OutcomeClass.UNKNOWN and has_temporary_reason
