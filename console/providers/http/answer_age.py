"""Check if an answer existed before its request was sent, because a cache between this machine and the provider had
stored it. Such an answer says nothing about the effect of the request, and contains no new fact about a payment. No
I/O.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Lock

from console.domain.clock import CLOCK_TOLERANCE

OLD_ANSWER_REASON = "old_answer"
"""Reason of an answer that a cache had stored before the request was sent. The outcome is UNKNOWN."""
NO_CACHE_HEADERS = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
"""Headers of every request: caches that obey them ask the provider. Some caches, such as those of CloudFront, don't
obey them."""
_CACHE_HEADERS = ("x-cache", "x-cache-status", "cf-cache-status", "x-proxy-cache")
_CACHE_HIT_PATTERN = re.compile(r"(?<!refresh)(?<!refresh_)hit(?![a-z])|(?:stale|updating)(?![a-z])", re.IGNORECASE)
"""Matches the words with which caches say that they haven't asked the server again. `RefreshHit` and
`TCP_REFRESH_HIT` mean that they have."""
_CACHE_STATUS_HIT_PATTERN = re.compile(r";\s*hit\s*(?:[;,=]|$)", re.IGNORECASE)
"""Matches the parameter `hit` of the header `cache-status` (RFC 9211): the cache has not asked the server. Another
parameter, such as `fwd=stale`, means that it has."""
_STALE_WARNING_PATTERN = re.compile(r"(?:^|,)\s*11[0-3]\b")
"""Matches the codes of the header `warning` of an answer that is stale or may be: 110 to 113."""
_LONGEST_AGE_DIGITS = 9
_REFERENCE_DATE_LIFETIME_SECONDS = 3_600.0
"""Time (seconds) during which the date of an answer is compared with the dates of later answers."""


def was_stored_before_request(headers: Mapping[str, str], seconds_since_sending: float) -> bool:
    """True if the headers of an answer (names in lower case) show that a cache had stored the answer before the
    request was sent. `seconds_since_sending` is the time from the beginning of the call until the headers arrived. If
    the header `age` has more seconds than this, or isn't a number, the answer counts as stored before the request."""
    if any(_CACHE_HIT_PATTERN.search(headers.get(name, "")) for name in _CACHE_HEADERS):
        return True
    if _CACHE_STATUS_HIT_PATTERN.search(headers.get("cache-status", "")):
        return True
    if _STALE_WARNING_PATTERN.search(headers.get("warning", "")):
        return True
    ages = [age.strip() for age in headers.get("age", "").split(",")]
    return any(age and not (_is_number(age) and int(age) <= seconds_since_sending) for age in ages)


class AnswerDates:
    """The newest `date` header among the answers of one origin. Several threads may use it.

    Dates are compared with each other, never with the clock of this machine: if that clock were ahead, every answer
    would seem to be old.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: tuple[float, float] | None = None

    def is_before_earlier_answer(self, headers: Mapping[str, str], monotonic_seconds: float) -> bool:
        """True if the `date` header of an answer is too old. The earliest possible date is the newest date of the
        earlier answers plus the time that has passed since that answer, less CLOCK_TOLERANCE, because the clocks of
        an origin's servers may differ. `headers` are the headers of the answer (names in lower case), received at
        `monotonic_seconds`. False if the answer has no readable date.

        If all answers within _REFERENCE_DATE_LIFETIME_SECONDS were too old, the date of the next answer counts as the
        newest: the clock of the origin was set back.
        """
        answered_at = _parse_date_as_epoch_seconds(headers.get("date", ""))
        if answered_at is None:
            return False
        with self._lock:
            newest = self._newest
            if newest is not None and monotonic_seconds - newest[1] > _REFERENCE_DATE_LIFETIME_SECONDS:
                newest = None
            if newest is not None:
                expected_at = newest[0] + monotonic_seconds - newest[1]
                if answered_at < expected_at - CLOCK_TOLERANCE.total_seconds():
                    return True
            if newest is None or answered_at > newest[0]:
                self._newest = (answered_at, monotonic_seconds)
        return False


def _parse_date_as_epoch_seconds(text: str) -> float | None:
    """Return the instant of a header `date` in seconds since 1970; None if it can't be read. It is a number, because
    no time can be added to an instant at the end of the year 9999."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return (instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)).timestamp()  # "-0000": UTC


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_AGE_DIGITS
