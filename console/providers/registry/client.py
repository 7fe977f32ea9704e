"""Client of the corporation registry's Web-API: reads the differences of a day, and the rows of single corporation
numbers.

Answers are requested as CSV in UTF-8 (`type=02`), because the lines of this CSV have the form of the publisher's
files. CSV is also safer to parse than XML, in which entities and nesting can make a small text grow. An answer in XML
is refused as unreadable. This client doesn't repeat a request without an answer; the due task sends another request
later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from console.domain.clock import Clock, TimeScale
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.registry.corporations import Corporation
from console.providers.http.answer_outcomes import StatusTable, make_answer_converter
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, send_once
from console.providers.http.transport import MEBIBYTE, HttpTransport
from console.providers.registry.responses import DifferencePart, read_corporations, read_difference_part

REGISTRY_ORIGIN = "https://api.houjin-bangou.nta.go.jp"
MAX_NUMBERS_PER_REQUEST = 10
"""Largest number of corporation numbers in one request."""
MAX_ANSWER_BYTES = 16 * MEBIBYTE
"""Size (bytes) of the largest accepted answer. An answer with 2,000 rows (the maximum) and the longest texts is
smaller.
"""
READ_TIMEOUT_SECONDS = 30.0
BUDGET_SECONDS = 120.0
NUMBER_READ_TIMEOUT_SECONDS = 5.0
"""Read timeout of a request for corporation numbers. It is short, because a person waits for the answer."""
NUMBER_BUDGET_SECONDS = 8.0
"""Longest duration of a whole request for corporation numbers."""

_OUTCOME_CLASS_BY_STATUS: StatusTable = {
    400: OutcomeClass.FAILED_DEFINITE,  # a parameter that the publisher doesn't accept; the body has a code
    403: OutcomeClass.RATE_LIMITED,  # too many requests with this application id
    404: OutcomeClass.AUTH,  # an application id that the publisher doesn't know
    429: OutcomeClass.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """URL of the Web-API (None: the publisher's own), and the application id with which this console identifies
    itself to the publisher; the id is hidden in `repr`."""

    url: str | None
    application_id: str = field(repr=False)


class RegistryApi:
    """The Web-API of the registry's publisher. Its methods only read; each sends one request."""

    def __init__(self, config: RegistryConfig, *, rate_limiter: RateLimiter, clock: Clock, scale: TimeScale) -> None:
        self._transport = HttpTransport(config.url or REGISTRY_ORIGIN, clock=clock, scale=scale)
        self._application_id = config.application_id
        self._rate_limiter = rate_limiter

    def read_difference(
        self, day: date, part_number: int = 1, *, first_day: date | None = None
    ) -> Outcome[DifferencePart]:
        """Read part `part_number` (from 1) of the rows that were updated from `first_day` (None: `day`) to `day`, and
        return the outcome with these rows. The outcome also has the number of parts."""
        from_day = first_day or day
        parameters = {"from": from_day.isoformat(), "to": day.isoformat(), "divide": str(part_number)}
        request = self._make_request("diff", parameters, READ_TIMEOUT_SECONDS, BUDGET_SECONDS)
        convert_answer = make_answer_converter(
            _OUTCOME_CLASS_BY_STATUS,
            lambda body: read_difference_part(body, from_day, day, part_number),
            _make_empty_evidence,
        )
        return send_once(self._transport, self._rate_limiter, request, convert_answer, headers={})

    def read_corporations(self, numbers: Sequence[str]) -> Outcome[tuple[Corporation, ...]]:
        """Read the present rows of up to MAX_NUMBERS_PER_REQUEST corporation numbers, without earlier facts of the
        corporations, and return the outcome with the corporations. A number that isn't assigned or was deleted has no
        corporation in the outcome.
        """
        parameters = {"number": ",".join(numbers), "history": "0"}
        request = self._make_request("num", parameters, NUMBER_READ_TIMEOUT_SECONDS, NUMBER_BUDGET_SECONDS)
        requested_numbers = frozenset(numbers)
        convert_answer = make_answer_converter(
            _OUTCOME_CLASS_BY_STATUS, lambda body: read_corporations(body, requested_numbers), _make_empty_evidence
        )
        return send_once(self._transport, self._rate_limiter, request, convert_answer, headers={})

    def _make_request(
        self, call: str, parameters: dict[str, str], read_timeout_seconds: float, budget_seconds: float
    ) -> SingleRequest:
        query = urlencode({"id": self._application_id, "type": "02", **parameters})
        path = f"/4/{call}?{query}"
        return SingleRequest(
            "GET", path, read_timeout_seconds, budget_seconds, MAX_ANSWER_BYTES, accepts_stored_answer=True
        )


def _make_empty_evidence(_: bytes) -> str:
    """Return evidence that contains no text of the answer: the answer is public, and no decision depends on it."""
    return ""
