"""Forecast the result of one row of a bulk run: the action is executed, the row is skipped (its record is taken by
another person, or has changed), or the action is refused."""

import logging
from dataclasses import dataclass, replace

from console.domain.access.permissions import is_same_person
from console.domain.bulk.records import ForecastKind, RowForecast
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.records import Certainty, CreditCheck, Person
from console.domain.recovery.decision_table import get_choice
from console.domain.recovery.records import ChoiceFacts
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.services.recovery.choices import DecisionChoiceReader
from console.store.database import unreadable_rows
from console.store.database.sqlalchemy_names import Connection

ACTION_ALREADY_DONE_REASON = "already_done"
RECORD_UNREADABLE_REASON = "record_unreadable"
_log = logging.getLogger("console.store")


@dataclass(frozen=True, slots=True)
class BulkRowForecaster:
    """Forecasts the results of the rows of a bulk run for the person who executes the run. The forecasts follow from
    the decision table, which lists the allowed actions on a record.
    """

    choices: DecisionChoiceReader

    def make_forecast(
        self, conn: Connection, run: BulkRun, row: BulkRow, person: Person | None, *, was_begun: bool = False
    ) -> RowForecast:
        """Return the forecast of a row of a bulk run. `person` is the acting person; None if no name of a person is
        configured. `was_begun` is True if an earlier process ended while it executed this row, so that a change of
        the record may come from that process.
        """
        try:
            facts = self.choices.read_facts_in_transaction(
                conn, row.kind, row.subject_id, person, has_money_facts=False
            )
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_FOUND:
                raise
            return RowForecast(row, ForecastKind.REFUSED, ErrorCode.NOT_FOUND)
        except unreadable_rows.READ_ERRORS as error:
            # This record, or a record related to it, is for example one of a newer program.
            _log.warning("bulk run %s: %s %s can't be read: %s", run.name, row.kind, row.subject_id, error)
            return RowForecast(row, ForecastKind.REFUSED, RECORD_UNREADABLE_REASON)
        return replace(_forecast_row(run, row, facts, person, was_begun=was_begun), record=facts.record)


def _forecast_row(
    run: BulkRun, row: BulkRow, facts: ChoiceFacts, person: Person | None, *, was_begun: bool
) -> RowForecast:
    """Return the forecast for one row of the run. `was_begun` is True if an earlier process ended while it executed
    this row: a changed record is then no reason to skip the row, unless the action has already been done. `person` is
    the acting person, who may have taken the record.
    """
    has_changed = facts.record.version != row.expected_version
    if has_changed and was_begun and is_action_already_done(run.action, facts):
        return RowForecast(row, ForecastKind.SKIP, ACTION_ALREADY_DONE_REASON)
    if (other_person := _find_other_person_with_take(facts, run, person)) is not None:
        return RowForecast(row, ForecastKind.SKIP, InProgressReason.TAKEN_BY_OTHER_PERSON, other_person)
    if has_changed and not was_begun:
        return RowForecast(row, ForecastKind.SKIP, "changed")
    return _forecast_by_decision_table(run, row, facts)


def is_action_already_done(action: BulkAction, facts: ChoiceFacts) -> bool:
    """True if the action of a bulk run has nothing to do on the record with these `facts`: a re-fetch, because no
    part is missing, or a probe, because the outcome is known."""
    record = facts.record
    if action is BulkAction.REFETCH:
        return isinstance(record, CreditCheck) and not record.incomplete
    return action is BulkAction.PROBE and getattr(record, "certainty", None) is Certainty.KNOWN


def _forecast_by_decision_table(run: BulkRun, row: BulkRow, facts: ChoiceFacts) -> RowForecast:
    """Return the forecast of a row of a bulk run by the decision table, which derives the allowed actions from
    `facts`, the facts about the row's record. The forecast is a refusal if the table does not have the run's action
    for this kind of record."""
    provider = find_provider_to_call(facts)
    try:
        choice = get_choice(facts, run.action.value)
    except KeyError:
        return RowForecast(row, ForecastKind.REFUSED, "not_for_kind", provider=provider)
    if choice.allowed:
        return RowForecast(row, ForecastKind.WOULD_RUN, provider=provider)
    return RowForecast(row, ForecastKind.REFUSED, (choice.reason or "").removeprefix("reason."), provider=provider)


def _find_other_person_with_take(facts: ChoiceFacts, run: BulkRun, person: Person | None) -> str | None:
    """Return the name of the person who has taken the record with these `facts`, if this person is neither the maker
    of the bulk run nor the acting person `person`; otherwise None."""
    if facts.take is None:
        return None
    own_names = {run.made_by, person.name if person else run.made_by}
    return None if any(is_same_person(facts.take.person, name) for name in own_names) else facts.take.person


def find_provider_to_call(facts: ChoiceFacts) -> str | None:
    """Return the name of the provider that a probe or re-fetch of the record with these `facts` calls; None if the
    record has no provider."""
    if isinstance(facts.record, CreditCheck):
        return CREDIT_CHECK_PROVIDER
    return facts.payment.provider if facts.payment is not None else None
