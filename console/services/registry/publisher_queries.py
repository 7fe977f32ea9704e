"""Query the Web-API of the registry's publisher about single corporation numbers that this desk's registry doesn't
have yet.

Only a desk with an application id and a registry sends such queries. The answers are stored in memory for a limited
time. After a failure, the desk sends no query for a minute, so that people don't wait again for a publisher that
doesn't answer.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.registry.facts import CorporationFacts
from console.services.process.context import ServiceContext

if TYPE_CHECKING:
    from console.providers.registry.client import RegistryApi

REGISTRY_ANSWER_LIFETIME_SECONDS = 3_600.0
"""Seconds for which an answer of the publisher is used again. This includes an answer which says that the number
isn't assigned.
"""
QUERY_PAUSE_AFTER_FAILURE_SECONDS = 60.0
"""Time in seconds after a failed query in which no other query is sent."""
MAX_STORED_REGISTRY_ANSWERS = 1_000
_log = logging.getLogger("console.registry")


@dataclass(frozen=True, slots=True)
class _StoredAnswer:
    """The publisher's answer about a corporation number, stored in memory. `valid_until_monotonic` is the monotonic
    time (seconds) until which the answer is used. `facts` is None if the publisher has no corporation with this
    number."""

    facts: CorporationFacts | None
    valid_until_monotonic: float


class PublisherQueries:
    """Queries the publisher about single corporation numbers. `open_api` returns the Web-API, None without an
    application id. Thread-safe."""

    def __init__(self, context: ServiceContext, open_api: "Callable[[], RegistryApi | None]") -> None:
        self._context, self._open_api = context, open_api
        self._lock = Lock()
        self._answers: OrderedDict[str, _StoredAnswer] = OrderedDict()
        self._paused_until = float("-inf")

    def ask_publisher(self, corporation_number: str) -> None:
        """Query the publisher about a corporation number that this desk's registry doesn't have, unless the
        publisher's answer is already stored. Call this method outside of transactions, because it may wait some
        seconds for the publisher. A failure is logged. Raises not_allowed, and sends no query, if the acting person
        has no right to read, and the error of the database if the right can't be read.
        """
        try:
            is_query_needed = self._is_query_needed(corporation_number)
        except ConsoleError as error:
            self._pause_queries(error.code)
            return
        if not is_query_needed:
            return
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
        try:
            self._query_publisher(corporation_number)
        except ConsoleError as error:
            self._pause_queries(error.code)

    def find_stored_facts(self, corporation_number: str) -> CorporationFacts | None:
        """Return the stored answer of the publisher about the number; None if there is no answer, or if the
        publisher has no corporation with this number. Sends no query."""
        with self._lock:
            answer = self._answers.get(corporation_number)
        return (
            answer.facts
            if answer is not None and self._context.clock.monotonic() < answer.valid_until_monotonic
            else None
        )

    def _is_query_needed(self, corporation_number: str) -> bool:
        """True if this desk has a registry without the number, no usable answer about the number is stored, and
        queries are not paused."""
        now = self._context.clock.monotonic()
        with self._lock:
            answer = self._answers.get(corporation_number)
            if now < self._paused_until or (answer is not None and now < answer.valid_until_monotonic):
                return False
        reader = self._context.open_registry()
        return reader is not None and reader.find(corporation_number) is None

    def _query_publisher(self, corporation_number: str) -> None:
        api = self._open_api()
        if api is None:
            self._pause_queries(None, REGISTRY_ANSWER_LIFETIME_SECONDS)
            return
        outcome = api.read_corporations([corporation_number])
        if outcome.content is None:
            self._pause_queries(outcome.reason)
            return
        today = self._context.now().astimezone(JST).date()
        facts = CorporationFacts(corporation_number, today, outcome.content[0]) if outcome.content else None
        with self._lock:
            self._answers[corporation_number] = _StoredAnswer(
                facts, self._context.clock.monotonic() + REGISTRY_ANSWER_LIFETIME_SECONDS
            )
            while len(self._answers) > MAX_STORED_REGISTRY_ANSWERS:
                self._answers.popitem(last=False)

    def _pause_queries(self, reason: str | None, pause_seconds: float = QUERY_PAUSE_AFTER_FAILURE_SECONDS) -> None:
        """Pause the queries to the publisher for the next `pause_seconds`. `reason` is written to the log; with None,
        nothing is written."""
        with self._lock:
            self._paused_until = self._context.clock.monotonic() + pause_seconds
        if reason is not None:
            _log.info("the publisher could not be asked about a number: %s", reason)
