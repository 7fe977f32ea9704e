"""Single corporation numbers that the registry of this desk doesn't have yet, asked live at the publisher's Web-API.

Only a desk with an application id and a registry asks. Answers are kept in memory for a while, and after a failure
nothing is asked for a minute, so that a publisher that is down delays nobody twice.
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

ANSWER_LIFETIME_SECONDS = 3_600.0
"""Seconds for which an answer is used again; also an answer that the number isn't assigned."""
PAUSE_SECONDS = 60.0
MAX_STORED_ANSWERS = 1_000
_log = logging.getLogger("console.registry")


@dataclass(frozen=True, slots=True)
class _Answer:
    """The publisher's answer about a number, used until the monotonic time `until`; `facts` is None if the number
    isn't assigned.
    """

    facts: CorporationFacts | None
    until: float


class LiveNumbers:
    """Asks the publisher about single numbers. `open_api` returns the Web-API, None without an application id. Safe
    from any thread.
    """

    def __init__(self, context: ServiceContext, open_api: "Callable[[], RegistryApi | None]") -> None:
        self._context, self._open_api = context, open_api
        self._lock = Lock()
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._silent_until = float("-inf")

    def ask(self, number: str) -> None:
        """Ask about a number that the registry of this desk doesn't have, unless the answer is known. Call it outside
        of transactions: it may wait some seconds for the publisher. Raises nothing; a failure is logged.
        """
        try:
            if self._is_needed(number):
                self._ask_publisher(number)
        except ConsoleError as error:
            self._pause_questions(error.code)

    def known_facts(self, number: str) -> CorporationFacts | None:
        """Return the stored answer of `ask` about the number; None if there is no answer, or if the number isn't
        assigned. Sends nothing.
        """
        with self._lock:
            answer = self._answers.get(number)
        return answer.facts if answer is not None and self._context.clock.monotonic() < answer.until else None

    def _is_needed(self, number: str) -> bool:
        now = self._context.clock.monotonic()
        with self._lock:
            answer = self._answers.get(number)
            if now < self._silent_until or (answer is not None and now < answer.until):
                return False
        reader = self._context.open_registry()
        return reader is not None and reader.find(number) is None

    def _ask_publisher(self, number: str) -> None:
        api = self._open_api()
        if api is None:
            self._pause_questions(None, ANSWER_LIFETIME_SECONDS)
            return
        outcome = api.read_numbers([number])
        if outcome.found is None:
            self._pause_questions(outcome.reason)
            return
        today = self._context.now().astimezone(JST).date()
        facts = CorporationFacts(number, today, outcome.found[0]) if outcome.found else None
        with self._lock:
            self._answers[number] = _Answer(facts, self._context.clock.monotonic() + ANSWER_LIFETIME_SECONDS)
            while len(self._answers) > MAX_STORED_ANSWERS:
                self._answers.popitem(last=False)

    def _pause_questions(self, reason: str | None, seconds: float = PAUSE_SECONDS) -> None:
        with self._lock:
            self._silent_until = self._context.clock.monotonic() + seconds
        if reason is not None:
            _log.info("a number could not be asked live: %s", reason)
