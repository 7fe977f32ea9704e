"""What a bulk run does to one record, by the services that a person uses too, and what the ending of each means.

There is nothing here that moves money, decides, or buys: a run can't be given such an action.
"""

from collections.abc import Callable
from dataclasses import dataclass

from console.domain.bulk_records import Result, reason_with
from console.domain.errors import ConsoleError
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.services.desk import Desk
from console.services.noting import Noting
from console.services.taking import Taking
from console.store import rates
from console.store.engine import Transaction

SPACING_SECONDS = 0.2
"""Between the starts of a run's calls to one provider, over all runs and desks."""
PROVIDERS_REFUSALS = frozenset(
    {
        "provider_refused", "provider_auth", "rate_limited", "provider_answer_unusable", "provider_unreachable",
        "bad_profile",
    }
)  # fmt: skip
OURS = frozenset({"database_unreachable", "database_locked", "storage_full", "schema_mismatch", "read_only"})
"""Nothing about the record: the run itself can't go on now."""
_NOBODY_TO_ASK = ("no_list_call", "no_read_call")
_CALLS = {BulkAction.PROBE: 1, BulkAction.REFETCH: 2}
"""Calls of one row at most."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a row. `refused`: its provider did."""

    result: Result
    reason: str | None = None
    refused: bool = False


class BulkActs:
    """`probe` and `refetch` are those of everybody, by kind and id."""

    def __init__(
        self, desk: Desk, probe: Callable[[str, int], object], refetch: Callable[[int, int | None], object],
        taking: Taking, noting: Noting,
    ) -> None:  # fmt: skip
        self._desk, self._probe, self._refetch = desk, probe, refetch
        self._taking, self._noting = taking, noting

    def asks(self, action: BulkAction) -> bool:
        """Whether a provider is asked; else all is done within one transaction."""
        return action in _CALLS

    def ask(self, run: BulkRun, row: BulkRow, provider: str | None, *, again: bool) -> Ending:
        """Probe or re-fetch, in its turn. `again`: begun before, so its version may have changed by that."""
        self._wait_turn(provider, _CALLS[run.action])
        try:
            if run.action is BulkAction.PROBE:
                self._probe(row.kind, row.subject_id)
            else:
                self._refetch(row.subject_id, None if again else row.saw)
        except ConsoleError as trouble:
            return ending_of(trouble)
        return Ending(Result.DONE)

    def write(self, tx: Transaction, run: BulkRun, row: BulkRow) -> Ending:
        """Take it or note it, in the caller's transaction."""
        try:
            if run.action is BulkAction.TAKE:
                self._taking.take_in(tx, row.kind, row.subject_id)
            else:
                self._noting.note_in(tx, row.kind, row.subject_id, run.words or "")
        except ConsoleError as trouble:
            return ending_of(trouble)
        return Ending(Result.DONE)

    def _wait_turn(self, provider: str | None, calls: int) -> None:
        spacing = self.seconds_of(provider) * calls
        if provider is None or spacing <= 0:
            return
        wait = self._desk.write(lambda tx: rates.reserve(tx.conn, f"bulk_{provider}", spacing))
        self._desk.clock.sleep(wait)

    def seconds_of(self, provider: str | None) -> float:
        """The distance of calls to a provider, in seconds; none on loopback."""
        if provider is None or self._desk.settings.on_loopback(provider):
            return 0.0
        return self._desk.scale.seconds(SPACING_SECONDS)

    def seconds_for(self, action: BulkAction, provider: str | None) -> float:
        """What one row takes at least."""
        return self.seconds_of(provider) * _CALLS.get(action, 0)


def ending_of(trouble: ConsoleError) -> Ending:
    """What a refusal or failure means for its row. Raises it again where it is not about the row at all."""
    code, reason = trouble.code, trouble.detail.get("reason")
    if code in OURS:
        raise trouble
    if code == "stale_view":
        return Ending(Result.SKIPPED, "changed")
    if code == "in_progress" and reason == "taken":
        holder = trouble.detail.get("holder")
        who = str(holder["operator"]) if isinstance(holder, dict) else None
        return Ending(Result.SKIPPED, reason_with("taken", who))
    if code == "outcome_unknown":
        nobody = reason in _NOBODY_TO_ASK
        return Ending(Result.REFUSED, str(reason)) if nobody else Ending(Result.DONE, "still_unknown")
    if code in PROVIDERS_REFUSALS:
        return Ending(Result.FAILED, code, refused=True)
    return Ending(Result.REFUSED if trouble.exit_status in (2, 3) else Result.FAILED, code)
