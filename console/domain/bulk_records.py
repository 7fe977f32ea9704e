"""What people are shown of a bulk run before, while and after it is done. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from console.domain.worker_records import BulkRow, BulkRun


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
    `provider`: who would be asked.
    """

    row: BulkRow
    verdict: Verdict
    reason: str | None = None
    who: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """A dry run: nothing was asked and nothing written. `seconds`: what it takes at least, by the rate of calls."""

    run: BulkRun
    rows: tuple[Forecast, ...]
    seconds: float
    totals: Mapping[Verdict, int] = field(default_factory=dict)


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
