"""What a bulk run would do with one of its rows now: taken by somebody, changed since, ruled out, or to be done."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from console.domain.bulk_records import Forecast, Verdict
from console.domain.choice_records import Facts
from console.domain.errors import ConsoleError
from console.domain.permissions import same_person
from console.domain.records import Certainty, CreditCheck, Person
from console.domain.recovery_choices import choice
from console.domain.worker_records import BulkAction, BulkRow, BulkRun
from console.services.choices import Choices

ALREADY = "already_done"
CHECKS = "alarmbox"


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges rows by the decision table, for the person who runs them."""

    choices: Choices

    def forecast(
        self, conn: Connection, run: BulkRun, row: BulkRow, person: Person | None, *, begun: bool = False
    ) -> Forecast:
        """`begun`: whoever ran it went away at this very row, so that a change since may be its own."""
        try:
            facts = self.choices.facts_in(conn, row.kind, row.subject_id, person, money=False)
        except ConsoleError as gone:
            if gone.code != "not_found":
                raise
            return Forecast(row, Verdict.REFUSED, "not_found")
        return replace(_judged(run, row, facts, person, begun=begun), record=facts.record)


def _judged(run: BulkRun, row: BulkRow, facts: Facts, person: Person | None, *, begun: bool) -> Forecast:
    changed = facts.record.version != row.saw
    if changed and begun and is_settled(run.action, facts):
        return Forecast(row, Verdict.SKIP, ALREADY)
    if (who := _taken_by(facts, run, person)) is not None:
        return Forecast(row, Verdict.SKIP, "taken", who)
    if changed and not begun:
        return Forecast(row, Verdict.SKIP, "changed")
    return _ruled(run, row, facts)


def is_settled(action: BulkAction, facts: Facts) -> bool:
    """Whether there is nothing left to be done by it."""
    record = facts.record
    if action is BulkAction.REFETCH:
        return isinstance(record, CreditCheck) and not record.incomplete
    return action is BulkAction.PROBE and getattr(record, "certainty", None) is Certainty.KNOWN


def _ruled(run: BulkRun, row: BulkRow, facts: Facts) -> Forecast:
    """By the table: what it doesn't have for a kind is never done to it."""
    provider = provider_of(facts)
    try:
        found = choice(facts, run.action.value)
    except KeyError:
        return Forecast(row, Verdict.REFUSED, "not_for_kind", provider=provider)
    if found.allowed:
        return Forecast(row, Verdict.WOULD, provider=provider)
    return Forecast(row, Verdict.REFUSED, (found.reason or "").removeprefix("reason."), provider=provider)


def _taken_by(facts: Facts, run: BulkRun, person: Person | None) -> str | None:
    """Who else works on it; what whoever made the run has taken is in its hands."""
    if facts.taken is None:
        return None
    own = {run.made_by, person.name if person else run.made_by}
    return None if any(same_person(facts.taken.person, name) for name in own) else facts.taken.person


def provider_of(facts: Facts) -> str | None:
    """Who is asked about a record."""
    if isinstance(facts.record, CreditCheck):
        return CHECKS
    return facts.payment.provider if facts.payment is not None else None
