"""What people are shown of a bulk run before, while and after it is done. No I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from console.domain.choice_records import Matter
from console.domain.records import LeaseHolder
from console.domain.worker_records import BulkRow, BulkRun

DISCARDED = "discarded"
"""The reason of a run that its maker gave up: what is left of it is never done."""


class Chosen(NamedTuple):
    """A record as it was seen when it was chosen."""

    kind: str
    id: int
    saw: int


class Verdict(StrEnum):
    """What a run would do with a row."""

    WOULD = "would"
    SKIP = "skip"
    REFUSED = "refused"


class Result(StrEnum):
    """What became of a row."""

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


NOT_DONE = "not_done"
"""A filter: every row whose result is another than done, or that has none yet."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do with a row now. `reason`: a short code where it would do nothing, `who` the person in it;
    `provider`: who would be asked; `record`: as it is now, None where it is gone.
    """

    row: BulkRow
    verdict: Verdict
    reason: str | None = None
    who: str | None = None
    provider: str | None = None
    record: Matter | None = None


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """A dry run: nothing was asked and nothing written. `seconds`: what it takes at least, by the rate of calls;
    `pace`: the seconds that one row takes at least, by provider.
    """

    run: BulkRun
    rows: tuple[Forecast, ...]
    seconds: float
    totals: Mapping[Verdict, int] = field(default_factory=dict)
    pace: Mapping[str | None, float] = field(default_factory=dict)

    def first(self, most: int) -> "BulkPlan":
        """The same of its first rows alone."""
        return planned(self.run, self.rows[:most], self.pace)


def planned(run: BulkRun, rows: Sequence[Forecast], pace: Mapping[str | None, float]) -> BulkPlan:
    """A plan with its totals. Providers are asked beside each other, so that the slowest one tells."""
    by_provider = Counter(one.provider for one in rows if one.verdict is Verdict.WOULD)
    slowest = max((pace.get(provider, 0.0) * n for provider, n in by_provider.items()), default=0.0)
    return BulkPlan(run, tuple(rows), slowest, Counter(one.verdict for one in rows), pace)


@dataclass(frozen=True, slots=True)
class BulkLine:
    """A row and its record as it is now; None where it is gone."""

    row: BulkRow
    record: Matter | None


@dataclass(frozen=True, slots=True)
class BulkItem:
    """A run in a list. `holder`: who runs it at this moment, None: nobody."""

    run: BulkRun
    holder: LeaseHolder | None = None

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to be done, or to be given up."""
        return self.run.state != "done"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far a run has got: `done` of `of` rows have a result; how many which."""

    done: int
    of: int
    results: Mapping[str, int]


def reason_with(reason: str, who: str | None) -> str:
    """A row's reason as it is kept: a code, and behind a colon the person in it."""
    return f"{reason}:{who}"[:64] if who else reason[:64]


def split_reason(kept: str | None) -> tuple[str | None, str | None]:
    """The code and the person of a kept reason."""
    if kept is None or ":" not in kept:
        return kept, None
    code, _, who = kept.partition(":")
    return code, who
