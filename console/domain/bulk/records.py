"""Values that the screens show before, during and after a bulk run. No I/O."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.records import LeaseHolder
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkRow, BulkRun

DISCARDED_REASON = "discarded"
"""Reason stored with a bulk run that its maker has discarded. The rows without a result are never processed."""


@dataclass(frozen=True, slots=True)
class ChosenRecord:
    """A record that a person has selected for a bulk run; `expected_version` is the version of the record on the
    person's screen."""

    kind: str
    id: int
    expected_version: int


class ForecastKind(StrEnum):
    """Forecast for a row of a bulk run: its action would be executed (WOULD_RUN), skipped (SKIP) or refused by the
    service (REFUSED)."""

    WOULD_RUN = "would"
    SKIP = "skip"
    REFUSED = "refused"


class RowResult(StrEnum):
    """Result of a processed row of a bulk run. DONE: the action was executed; SKIPPED: it was not, because it doesn't
    apply to the record now, the record has changed, or another person has taken it; REFUSED: the service refused the
    action; FAILED: the action ended with an error.
    """

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


STILL_UNKNOWN_OUTCOME = "still_unknown"
"""Reason of a row of a bulk run whose probe found no definite outcome. Such rows are counted under this reason
instead of "done": they were processed, but their records aren't settled."""
STILL_INCOMPLETE_OUTCOME = "still_incomplete"
"""Reason of a row of a bulk run whose re-fetch was answered, and after which information of the credit check is still
missing. Such rows are counted under this reason instead of "done"."""
UNSETTLED_OUTCOMES = (STILL_UNKNOWN_OUTCOME, STILL_INCOMPLETE_OUTCOME)
"""The outcomes of rows of a bulk run that were processed without settling the record. Such a row has the result DONE,
and the outcome as its reason."""
NOT_DONE_ROWS_FILTER = "not_done"
"""Filter of a bulk run's rows: rows without a result, and rows whose outcome (`get_row_outcome`) is not done, such as
a record whose outcome is still unknown."""


@dataclass(frozen=True, slots=True)
class RowForecast:
    """Forecast for a row of a bulk run: the result that the row would get if it were processed now.

    - `reason`: the code of the reason for which the row would be skipped or refused; None if its action would be
      executed
    - `blocking_person`: the person whose take of the record prevents the action; None if no take prevents it
    - `provider`: the name of the provider that would be called; None if the action calls none
    - `record`: the present record; None if it no longer exists
    """

    row: BulkRow
    kind: ForecastKind
    reason: str | None = None
    blocking_person: str | None = None
    provider: str | None = None
    record: RecoverableRecord | None = None


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """Result of the dry run of a bulk run. `seconds_per_row` has, by provider (None: no provider is called), the
    shortest time in seconds for one row that the allowed rate of calls permits. `shortest_duration_seconds` is the
    shortest duration of the whole run in seconds. `row_counts` has the number of rows for each forecast.
    """

    run: BulkRun
    forecasts: tuple[RowForecast, ...]
    shortest_duration_seconds: float
    row_counts: Mapping[ForecastKind, int] = field(default_factory=dict)
    seconds_per_row: Mapping[str | None, float] = field(default_factory=dict)

    def limit_to_first_rows(self, row_count: int) -> "BulkPlan":
        """Return the plan of the same bulk run for the first `row_count` rows only."""
        return make_bulk_plan(self.run, self.forecasts[:row_count], self.seconds_per_row)


def make_bulk_plan(
    run: BulkRun, rows: Sequence[RowForecast], seconds_per_row: Mapping[str | None, float]
) -> BulkPlan:
    """Return the plan of a bulk run from the forecasts of its rows. `seconds_per_row` is the time in seconds for one
    row, by provider; a provider that is missing in it needs no time. Providers are called in parallel, so the slowest
    provider determines the duration.
    """
    by_provider = Counter(forecast.provider for forecast in rows if forecast.kind is ForecastKind.WOULD_RUN)
    slowest = max((seconds_per_row.get(provider, 0.0) * n for provider, n in by_provider.items()), default=0.0)
    return BulkPlan(run, tuple(rows), slowest, Counter(forecast.kind for forecast in rows), seconds_per_row)


@dataclass(frozen=True, slots=True)
class BulkRowWithRecord:
    """A row of a bulk run, and its record in the present state; `record` is None if it no longer exists."""

    row: BulkRow
    record: RecoverableRecord | None


@dataclass(frozen=True, slots=True)
class BulkRunWithHolder:
    """A bulk run in a list of runs. `holder` is the person and process that execute the run now; None if no
    process does."""

    run: BulkRun
    holder: LeaseHolder | None = None

    @property
    def is_open(self) -> bool:
        """True if this bulk run can still be continued or discarded."""
        return self.run.state != "done"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """Progress of a bulk run: `done_count` of its `row_count` rows are processed and have a result. `result_counts`
    has the number of processed rows for each outcome that `get_row_outcome` returns."""

    done_count: int
    row_count: int
    result_counts: Mapping[str, int]


def get_row_outcome(result: str | None, reason: str | None) -> str | None:
    """Return the outcome by which a row of a bulk run is counted: one of UNSETTLED_OUTCOMES if the row was processed
    without settling the record, otherwise the row's result; None for a row without a result. `result` and `reason`
    are those of the row.
    """
    return reason if reason in UNSETTLED_OUTCOMES else result


def join_reason_and_person(reason: str, person: str | None) -> str:
    """Return the text in which the reason of a row is stored: the code of the reason and, if `person` isn't None, a
    colon and the person whom the reason concerns, such as the one who has taken the record. The text is cut to 64
    characters.
    """
    return f"{reason}:{person}"[:64] if person else reason[:64]


def split_reason_and_person(stored_text: str | None) -> tuple[str | None, str | None]:
    """Return the code and the person of a stored reason, which `join_reason_and_person` has made. The person is None
    if the text has none; both are None for a row without a reason (`stored_text` None).
    """
    if stored_text is None or ":" not in stored_text:
        return stored_text, None
    code, _, person = stored_text.partition(":")
    return code, person
