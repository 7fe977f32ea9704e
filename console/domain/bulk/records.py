"""Values that the screens show before, during and after a bulk run. No I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.records import LeaseHolder
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkRow, BulkRun

DISCARDED_REASON = "discarded"
"""Reason of a run that the person who made it discarded: its open rows are never processed."""


@dataclass(frozen=True, slots=True)
class ChosenRecord:
    """A record that a person chose; `expected_version` is its version on the screen."""

    kind: str
    id: int
    expected_version: int


class RowForecast(StrEnum):
    """Kind of a forecast: the row would be processed, skipped or refused."""

    WOULD_RUN = "would"
    SKIP = "skip"
    REFUSED = "refused"


class RowResult(StrEnum):
    """Result of a processed row."""

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


NOT_DONE_FILTER = "not_done"
"""Filter of rows: those without a result, and those with any result except done."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast for a row: the result if it were processed now.

    `reason` is a short code if the row would be skipped or refused, `blocking_person` the person who causes it.
    `provider` is the provider that would be called; None for no call. `record` is the present record; None if it
    doesn't exist any more.
    """

    row: BulkRow
    verdict: RowForecast
    reason: str | None = None
    blocking_person: str | None = None
    provider: str | None = None
    record: RecoverableRecord | None = None


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """Result of a dry run. `seconds_per_row` is the shortest time for one row, by provider, from the allowed rate of
    calls; `shortest_seconds` is the shortest duration of the run that follows from it.
    """

    run: BulkRun
    rows: tuple[Forecast, ...]
    shortest_seconds: float
    totals: Mapping[RowForecast, int] = field(default_factory=dict)
    seconds_per_row: Mapping[str | None, float] = field(default_factory=dict)

    def first_rows(self, most: int) -> "BulkPlan":
        """Return the plan for the first `most` rows alone."""
        return make_plan(self.run, self.rows[:most], self.seconds_per_row)


def make_plan(run: BulkRun, rows: Sequence[Forecast], pace: Mapping[str | None, float]) -> BulkPlan:
    """Return the plan for these forecasts. Providers are called in parallel, so the slowest one determines the
    duration.
    """
    by_provider = Counter(forecast.provider for forecast in rows if forecast.verdict is RowForecast.WOULD_RUN)
    slowest = max((pace.get(provider, 0.0) * n for provider, n in by_provider.items()), default=0.0)
    return BulkPlan(run, tuple(rows), slowest, Counter(forecast.verdict for forecast in rows), pace)


@dataclass(frozen=True, slots=True)
class BulkLine:
    """A row with its present record; None if the record doesn't exist any more."""

    row: BulkRow
    record: RecoverableRecord | None


@dataclass(frozen=True, slots=True)
class BulkItem:
    """A run in a list. `holder` is the process that runs it now, None if there is none."""

    run: BulkRun
    holder: LeaseHolder | None = None

    @property
    def is_open(self) -> bool:
        """True if the run can still be continued or discarded."""
        return self.run.state != "done"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """Progress of a run: `done_count` of the `row_count` rows have a result; `result_counts` has the number of rows
    for each result.
    """

    done_count: int
    row_count: int
    result_counts: Mapping[str, int]


def join_reason(reason: str, person: str | None) -> str:
    """Return the reason of a row as it is stored: a code, and after a colon the person who causes it (`person`)."""
    return f"{reason}:{person}"[:64] if person else reason[:64]


def split_reason(stored: str | None) -> tuple[str | None, str | None]:
    """Return the code and the person of a stored reason."""
    if stored is None or ":" not in stored:
        return stored, None
    code, _, who = stored.partition(":")
    return code, who
