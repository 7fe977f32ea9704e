"""Why a record is like this: typed events of several sources as one chain in true order. No I/O.

Each source keeps its own order, that of its rows, whatever a clock said; the sources are merged by time. Where times
are alike, causes come before effects (begun, answered, decided, ended), then ids decide.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from heapq import merge
from typing import Any


class Step(StrEnum):
    """What kind of thing happened; in the order in which things of one moment are told."""

    BEGUN = "begun"
    """An operation was written down, before anything was sent."""
    ANSWER = "answer"
    """A provider was asked and answered, or kept silent."""
    NOTICE = "notice"
    PROOF = "proof"
    """What a person brought as evidence."""
    RECONCILIATION = "reconciliation"
    DECISION = "decision"
    """Of a person."""
    CHANGE = "change"
    """What the record became by it, or what was refused."""
    SAGA = "saga"
    ALERT = "alert"
    ENDED = "ended"


_RANK: Mapping[Step, int] = {step: place for place, step in enumerate(Step)}
_SHORTEST_HIDDEN = 4
NEVER = datetime.min.replace(tzinfo=UTC)
Key = tuple[datetime, int, str, int, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to the record `kind` `id`. `at` is aware UTC.

    `what` is a code with `facts`; `result` done, refused or failed. `source` and `row` say where it is kept;
    `operation_id` (where there was one), `correlation` (the piece of work, as in the logs) and `session` (the process
    run) what belongs together; `evidence` the ids of what it rests on. `after` is the time of its cause, where that
    was noted a moment later.
    """

    at: datetime
    step: Step
    who: str
    what: str
    kind: str
    id: str
    source: str
    row: str
    result: str = "done"
    facts: Mapping[str, object] = field(default_factory=dict)
    operation_id: str | None = None
    session: str | None = None
    evidence: tuple[int, ...] = ()
    correlation: str | None = None
    after: datetime | None = None

    @property
    def moment(self) -> datetime:
        """By what it is placed."""
        return self.at if self.after is None else max(self.at, self.after)

    @property
    def stream(self) -> str:
        """The source's rows about this one record: what has an order of its own."""
        return f"{self.source} {self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Chain:
    """Events of a record and of those it belongs to, oldest first. `next_cursor`: where the next page goes on, None
    at the end. `facts` are the record's own words (number, states), `hidden` texts that nobody is to read.
    """

    kind: str
    id: str
    events: tuple[Event, ...]
    next_cursor: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    hidden: tuple[str, ...] = field(default=(), repr=False)


NO_STORY = Chain("", "", ())
"""Nothing was collected."""


def in_order(streams: Iterable[tuple[Iterable[Event], datetime]]) -> Iterator[tuple[datetime, Event]]:
    """All events as one chain, in flat memory, each with its moment: its time, or that of an earlier row of its
    stream where a clock was set back. A stream comes with the moment that it had reached before (NEVER at first).
    """
    for key, event in merge(*(_placed(events, reached) for events, reached in streams), key=lambda pair: pair[0]):
        yield key[0], event


def _placed(events: Iterable[Event], reached: datetime) -> Iterator[tuple[Key, Event]]:
    for event in events:
        reached = max(reached, event.moment)
        number = int(event.row) if event.row.isdecimal() else 0
        yield (reached, _RANK[event.step], event.source, number, event.row), event


_DECIDED = (
    "resolve", "resolve_proposed", "resolved", "requested", "request", "approve", "approved", "half_approved",
    "reject", "rejected", "withdraw", "withdrawn", "taken", "given_back", "noted", "acknowledged", "move_order",
)  # fmt: skip
_PARTS: tuple[tuple[str, Step], ...] = (
    ("notice", Step.NOTICE), ("saga", Step.SAGA), ("timeout", Step.SAGA), ("alert", Step.ALERT),
    ("reconcil", Step.RECONCILIATION),
)  # fmt: skip


def step_of(what: str) -> Step:
    """What kind of step an entry of the audit trail tells."""
    name = what.rpartition(".")[2]
    if name in _DECIDED:
        return Step.DECISION
    return next((step for part, step in _PARTS if part in what), Step.CHANGE)


def shown(event: Event, hidden: Collection[str]) -> Event:
    """The event without what nobody is to read."""
    return replace(event, facts=_shown(event.facts, hidden)) if hidden else event


def _shown(value: Any, hidden: Collection[str]) -> Any:
    match value:
        case str():
            return masked(value, hidden)
        case Mapping():
            return {key: _shown(part, hidden) for key, part in value.items()}
        case list() | tuple():
            return [_shown(part, hidden) for part in value]
    return value


def masked(text: str, hidden: Iterable[str]) -> str:
    """The text without what nobody is to read: of a long word its last four characters stay."""
    for word in sorted((one for one in hidden if len(one) >= _SHORTEST_HIDDEN), key=len, reverse=True):
        text = text.replace(word, "****" + (word[-4:] if len(word) >= 8 else ""))
    return text
