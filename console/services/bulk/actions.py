"""Execute the action of a bulk run on one record, with the services that people use, and convert their errors into
the result of the row.

None of these actions moves money, buys a credit check or decides about a record.
"""

from collections.abc import Callable
from dataclasses import dataclass

from console.domain.bulk.records import (
    STILL_INCOMPLETE_OUTCOME,
    STILL_UNKNOWN_OUTCOME,
    RowResult,
    join_reason_and_person,
)
from console.domain.error_reasons import InProgressReason, OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.service_results import RefetchResult
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.services.annotations.notes import NoteService
from console.services.annotations.takes import TakeService
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.operations import call_rates

PROVIDER_CALL_SPACING_SECONDS = 0.2
"""Time between the starts of two calls to one provider, in seconds, over all bulk runs and desks."""
PROVIDER_REFUSAL_ERROR_CODES = frozenset(
    {
        ErrorCode.PROVIDER_REFUSED,
        ErrorCode.PROVIDER_AUTH,
        ErrorCode.RATE_LIMITED,
        ErrorCode.PROVIDER_ANSWER_UNUSABLE,
        ErrorCode.PROVIDER_UNREACHABLE,
        ErrorCode.BAD_PROFILE,
    }
)
_MISSING_PROVIDER_CALL_REASONS = (OutcomeUnknownReason.NO_LIST_CALL, OutcomeUnknownReason.NO_READ_CALL)
_MAX_PROVIDER_CALLS_PER_ROW = {BulkAction.PROBE: 1, BulkAction.REFETCH: 2}
"""Largest number of calls to the provider for one row, by action."""


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """The result of one row of a bulk run. `reason` is an error code or another fixed word, None for a result
    without a reason. `is_provider_refusal` is True for a failure that counts towards the pause of the run: the
    provider refused the call or could not answer it, is not configured, or the call ended with an internal error."""

    result: RowResult
    reason: str | None = None
    is_provider_refusal: bool = False


class BulkActionRunner:
    """Executes the actions of bulk runs. `probe` and `refetch` are methods of other services: `probe` gets a
    record's kind and id, `refetch` the id of a credit check and its expected version (None: any version)."""

    def __init__(
        self,
        context: ServiceContext,
        probe: Callable[[str, int], object],
        refetch: Callable[[int, int | None], RefetchResult],
        take_service: TakeService,
        notes: NoteService,
    ) -> None:
        self._context, self._probe, self._refetch = context, probe, refetch
        self._take_service, self._notes = take_service, notes

    def calls_provider(self, action: BulkAction) -> bool:
        """True if the action of a bulk run calls a provider (probe, refetch). Any other action (take, note) is
        executed within one transaction."""
        return action in _MAX_PROVIDER_CALLS_PER_ROW

    def run_provider_action(self, run: BulkRun, row: BulkRow, provider: str | None, *, was_begun: bool) -> RowOutcome:
        """Wait until the next call to `provider` may start, probe or re-fetch the row's record, and return the
        outcome of the row. If `provider` is None, the record has no provider, and the method doesn't wait.
        `was_begun` is True if an earlier process had started this row: the record may then have a newer version.
        Raises an error with a code of OWN_FAILURE_ERROR_CODES if this installation fails, for example if the database
        is unreachable; such an error is not a result of the row.
        """
        self._wait_for_call_start(provider, _MAX_PROVIDER_CALLS_PER_ROW[run.action])
        try:
            if run.action is BulkAction.PROBE:
                self._probe(row.kind, row.subject_id)
            else:
                refetched = self._refetch(row.subject_id, None if was_begun else row.expected_version)
                if refetched.record.incomplete:
                    return RowOutcome(RowResult.DONE, STILL_INCOMPLETE_OUTCOME)
        except ConsoleError as error:
            return convert_error_to_row_outcome(error)
        return RowOutcome(RowResult.DONE)

    def run_local_action(self, tx: Transaction, run: BulkRun, row: BulkRow) -> RowOutcome:
        """Take the row's record or add the run's note to it, in the caller's transaction. Return the outcome of the
        row: done, or skipped, refused or failed with the reason. Raises an error with a code of
        OWN_FAILURE_ERROR_CODES if this installation fails, for example if the database is unreachable; such an error
        is not a result of the row.
        """
        try:
            if run.action is BulkAction.TAKE:
                self._take_service.take_record_in_transaction(tx, row.kind, row.subject_id)
            else:
                # Mentions of thousands of records would hide the colleague's other mentions.
                note_text = run.words or ""
                self._notes.add_note_in_transaction(tx, row.kind, row.subject_id, note_text, mention_source=None)
        except ConsoleError as error:
            return convert_error_to_row_outcome(error)
        return RowOutcome(RowResult.DONE)

    def _wait_for_call_start(self, provider: str | None, call_count: int) -> None:
        """Wait until this process may start the next `call_count` calls to the provider, so that all desks together
        keep the minimum time between two calls. Don't wait if `provider` is None or runs on this machine."""
        spacing_seconds = self.get_call_spacing_seconds(provider) * call_count
        if provider is None or spacing_seconds <= 0:
            return
        wait_seconds = self._context.write(
            lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(
                tx.conn, f"bulk_{provider}", spacing_seconds
            )
        )
        self._context.clock.sleep(wait_seconds)

    def get_call_spacing_seconds(self, provider: str | None) -> float:
        """Return the minimum time between the starts of two calls to the provider, in seconds; 0 if `provider` is
        None or runs on this machine."""
        if provider is None or self._context.settings.is_on_loopback(provider):
            return 0.0
        return self._context.scale.scale_seconds(PROVIDER_CALL_SPACING_SECONDS)

    def get_shortest_row_seconds(self, action: BulkAction, provider: str | None) -> float:
        """Return the shortest time that one row of a bulk run can take, in seconds: the minimum time between two
        calls to the provider, multiplied by the number of calls that the action makes for a row. It is 0 for an
        action without a call, and for a record without a provider (`provider` is None).
        """
        return self.get_call_spacing_seconds(provider) * _MAX_PROVIDER_CALLS_PER_ROW.get(action, 0)


def convert_error_to_row_outcome(error: ConsoleError) -> RowOutcome:
    """Return the result of a row of a bulk run whose action raised `error`. Raises `error` again if its code is one
    of OWN_FAILURE_ERROR_CODES: this installation has failed, for example because the database is unreachable, so the
    error is not a result of the row.
    """
    code, reason = error.code, error.detail.get("reason")
    if code in OWN_FAILURE_ERROR_CODES:
        raise error
    if code == ErrorCode.STALE_VIEW:
        return RowOutcome(RowResult.SKIPPED, "changed")
    if code == ErrorCode.IN_PROGRESS and reason == InProgressReason.TAKEN_BY_OTHER_PERSON:
        holder = error.detail.get("holder")
        holder_name = str(holder["operator"]) if isinstance(holder, dict) else None
        return RowOutcome(
            RowResult.SKIPPED, join_reason_and_person(InProgressReason.TAKEN_BY_OTHER_PERSON, holder_name)
        )
    if code == ErrorCode.OUTCOME_UNKNOWN:
        has_no_call = reason in _MISSING_PROVIDER_CALL_REASONS
        return (
            RowOutcome(RowResult.REFUSED, str(reason))
            if has_no_call
            else RowOutcome(RowResult.DONE, STILL_UNKNOWN_OUTCOME)
        )
    if code in PROVIDER_REFUSAL_ERROR_CODES:
        return RowOutcome(RowResult.FAILED, code, is_provider_refusal=True)
    return RowOutcome(RowResult.REFUSED if error.exit_status in (2, 3) else RowResult.FAILED, code)
