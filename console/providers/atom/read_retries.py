"""Asks again after the provider's own troubles, a few times and not for long. For reads alone."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from console.domain.clock import Clock, TimeScale
from console.domain.outcomes import Outcome, OutcomeClass
from console.providers.atom_codes import Trouble, trouble

T = TypeVar("T")

# Nothing that took long: a silence has already cost its whole timeout.
_PASSING = frozenset({"connection_broken", "answer_cut", "not_connected"})


@dataclass(frozen=True, slots=True)
class Patience:
    """So many questions in all, pauses of 2, 4, 8 … seconds (real ones, a quarter of it by chance), all within
    `within` seconds from the first question to the start of the last."""

    tries: int = 3
    first_pause: float = 2.0
    longest_pause: float = 60.0
    within: float = 20.0

    def pause(self, asked: int, chance: float) -> float:
        """Seconds before the next question after `asked` of them; `chance` is 0 to 1."""
        return min(self.longest_pause, self.first_pause * 2.0 ** (asked - 1)) * (0.75 + 0.25 * chance)


PATIENT = Patience()
IMPATIENT = Patience(tries=1)


def ask_patiently(ask: Callable[[], Outcome[T]], patience: Patience, clock: Clock, scale: TimeScale) -> Outcome[T]:
    """The first answer that is no passing trouble, or the last one that was. `ask` must be a read."""
    ends = clock.monotonic() + scale.seconds(patience.within)
    for asked in range(1, patience.tries):
        outcome = ask()
        pause = scale.seconds(patience.pause(asked, random.random()))  # noqa: S311 (spreads load, guards nothing)
        if not passing(outcome) or clock.monotonic() + pause > ends:
            return outcome
        clock.sleep(pause)
    return ask()


def passing(outcome: Outcome[T]) -> bool:
    """Whether the same question may well be answered in a moment."""
    troubled = trouble(outcome.reason) is Trouble.SYSTEM or outcome.reason in _PASSING
    return outcome.kind is OutcomeClass.UNKNOWN and troubled
