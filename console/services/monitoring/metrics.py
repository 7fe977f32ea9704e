"""How things go: rates of the last fifteen minutes, queues, late tasks, and what this process has counted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.domain.outcomes import OutcomeClass
from console.domain.results import QueueCount
from console.domain.task_intervals import overdue
from console.domain.truth import ENDED_UNPAID, PAID
from console.services.desk import Desk
from console.services.notice_parts import ASKED, REFUSED, TO_ASK
from console.services.queues import Queues
from console.store import figures, tasks

WINDOW = timedelta(minutes=15)
_FAILED = frozenset(map(str, (OutcomeClass.UNKNOWN, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)))
_HEARD = frozenset(map(str, (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.NOT_FOUND)))
_TOLD = ("notice", "callback")
"""Evidence that is nobody's answer to a call of ours."""
_UNSIGNED = "paypay"


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; no number where there were none."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Figures:
    """As the database says, of the last fifteen minutes. `response_seconds` is the mean; None: no call has ended."""

    payments_paid: Share
    calls_failed: Share
    calls_answered: Share
    notices_refused: Share
    response_seconds: float | None
    queues: tuple[QueueCount, ...]
    late: tuple[str, ...]
    at: datetime

    def age(self, queue: QueueCount) -> float:
        """Seconds since the oldest in a queue waits; 0 where nothing does."""
        return max(0.0, (self.at - queue.oldest).total_seconds()) if queue.oldest else 0.0


class FigureReader:
    """Reads by index, capped; nothing is audited or changed."""

    def __init__(self, desk: Desk, queues: Queues, cache_counts: Callable[[], tuple[int, int]]) -> None:
        self._desk, self._queues, self._cache_counts = desk, queues, cache_counts

    def read(self) -> Figures:
        """Raises ConsoleError where the database doesn't answer."""
        now = self._desk.now()
        since = now - WINDOW
        queues = self._queues.counts()
        with self._desk.database.read() as conn:
            told = [one for one in figures.answers(conn, since) if is_call(one[0])]
            states = figures.payment_states(conn, since)
            notices = figures.notices(conn, since)
            took = figures.durations(conn, [of for _, _, of in told if of], since)
            late = tuple(task.name for task in tasks.all_of(conn) if overdue(task, now, self._desk.scale))
        answered = [heard(summary) for _, summary, _ in told]
        return Figures(
            payments_paid=_among(states, PAID, ENDED_UNPAID),
            calls_failed=Share(sum(not fine for _, fine in answered), len(answered)),
            calls_answered=Share(sum(told for told, _ in answered), len(answered)),
            notices_refused=Share(
                sum(n for (source, done), n in notices.items() if source != _UNSIGNED and done in _REFUSALS),
                sum(n for (source, _), n in notices.items() if source != _UNSIGNED),
            ),
            response_seconds=sum(took) / len(took) if took else None,
            queues=queues,
            late=late,
            at=now,
        )

    def late_tasks(self) -> tuple[str, ...]:
        """Names of tasks that should have ended long ago. Raises ConsoleError where the database doesn't answer."""
        now = self._desk.now()
        with self._desk.database.read() as conn:
            return tuple(task.name for task in tasks.all_of(conn) if overdue(task, now, self._desk.scale))

    def lease_waits(self) -> tuple[tuple[int, ...], float]:
        """Of this process: see Tally.waits."""
        return self._desk.tally.waits

    def duplicates(self) -> int:
        """How many a guard of this process has refused."""
        return self._desk.tally.duplicates

    def cache_hits(self) -> Share:
        """Of this process: answers that the cache gave, of those that it was asked for."""
        return Share(*self._cache_counts())


_REFUSALS = frozenset((REFUSED, TO_ASK, ASKED))


def is_call(source: str) -> bool:
    """Whether evidence of this source is a provider's answer to a call of ours, or that there was none."""
    provider, _, call = source.partition(".")
    return bool(call) and provider != "person" and call not in _TOLD


def heard(summary: str) -> tuple[bool, bool]:
    """Whether there was an answer, and whether it was one to go on with: a refusal of the matter itself is."""
    words = summary.split()
    word = words[2] if words[0] == "HTTP" and len(words) > 2 else words[0]
    answered = words[0] == "HTTP" or word in _HEARD
    return answered, answered and word not in _FAILED


def _among(states: Mapping[str, int], part: Iterable[str], others: Iterable[str]) -> Share:
    good = sum(states.get(state, 0) for state in part)
    return Share(good, good + sum(states.get(state, 0) for state in others))
