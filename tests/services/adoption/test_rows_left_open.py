"""Tests of rows that another application has left open, without AlarmBox's id of the credit check: two people decide
their outcome with evidence.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from console.app import Console
from console.domain.calendar_days import JST
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.views.any_record import ResolveResult
from tests.services.adoption.test_rows_by_others import insert_as_other_application
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import CHECKS_TABLE, Place
from tests.support.refusals import call_for_refusal, call_for_refusal_code

CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER = invent_numbers(2, seed=83)


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    """The simulated AlarmBox, where the other application bought two credit checks of CORPORATION_NUMBER and one of
    OTHER_CORPORATION_NUMBER on 1 April 2024.
    """
    alarmbox = InMemoryAlarmBox(today=lambda: datetime(2024, 4, 1, tzinfo=JST).date())
    for number in (CORPORATION_NUMBER, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER):
        alarmbox.buy_check(PurchaseRequest(number, "1"))
    alarmbox.today = lambda: datetime.now(JST).date()
    return alarmbox


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox) -> Iterator[Console]:
    with place.desk(alarmbox) as desk:
        yield desk


def write_adopted_row(
    place: Place, console: Console, status: str = "pending", number: str = CORPORATION_NUMBER, client: int = 1
) -> int:
    """Insert a row with this corporation number, status and client id as the other application does, run the due
    tasks that adopt it, and return its id.
    """
    place.execute_as_shop(
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number, status)"
        f" VALUES ({client}, '{number}', '{status}')"
    )
    console.recovery.run_all_tasks()
    return int(place.execute_as_shop(f"SELECT max(id) FROM {CHECKS_TABLE}")[0][0])


def make_resolve_call(
    console: Console, record_id: int, state: str, id_at_provider: int | None = None
) -> Callable[[], ResolveResult]:
    """Return a function that resolves the record to `state`, with AlarmBox's id of the credit check if the state is a
    success.
    """
    return partial(console.recovery.resolve, "credit-check", record_id, state, "their list of 2024", id_at_provider)


def buy_check(console: Console, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1", renew=renew))


def read_record(console: Console, record_id: int) -> CreditCheck:
    """Return the credit check with this id."""
    return console.credit_checks.read_credit_check(record_id).record


@pytest.mark.parametrize("status", ["pending", "success"])
def test_two_people_give_the_id_of_an_open_row(
    console: Console, place: Place, alarmbox: InMemoryAlarmBox, status: str
) -> None:
    """Two people enter the same AlarmBox id for a row, and AlarmBox confirms the id to each of them. The row is then
    a success and can be renewed once.
    """
    row = write_adopted_row(place, console, status)
    assert call_for_refusal_code(lambda: buy_check(console, renew=True)) == "already_purchased"
    first = make_resolve_call(console, row, "success", 1)
    assert first().awaiting == "second_person"
    assert (read_record(console, row).state, read_record(console, row).credit_check_id) == (status, None)
    assert call_for_refusal_code(lambda: buy_check(console, renew=True)) == "already_purchased"
    assert call_for_refusal_code(first) == "same_person"
    waiting = console.credit_checks.read_credit_check(row)
    assert waiting.explanation.next_step.command == (
        f"support-console resolve credit-check {row} --as success --provider-id ID --evidence FILE"
    )
    with place.open_console_of_person(console, "lead-b") as other:
        assert call_for_refusal_code(make_resolve_call(other, row, "success", 2)) == "evidence_mismatch"
        assert make_resolve_call(other, row, "success", 1)().awaiting is None
    record = read_record(console, row)
    assert (record.state, record.certainty, record.credit_check_id) == ("success", "known", 1)
    assert record.expired_at is not None
    assert record.expired_at < datetime.now(UTC)
    assert call_for_refusal_code(first) == "nothing_to_resolve"
    assert console.recovery.read_queue("review").items == ()
    renewed = buy_check(console, renew=True)
    assert (read_record(console, row).superseded_by, alarmbox.count_charges(CORPORATION_NUMBER)) == (renewed.id, 3)
    assert call_for_refusal_code(lambda: buy_check(console, renew=True)) == "not_expired"


@pytest.mark.parametrize(("id_at_provider", "code"), [(3, "evidence_mismatch"), (99, "evidence_mismatch")])
def test_an_id_of_no_purchase_of_the_corporation_is_refused(
    console: Console, place: Place, id_at_provider: int, code: str
) -> None:
    """An id of another corporation's purchase (3), or an id that AlarmBox does not have (99), is refused and makes no
    proposal.
    """
    row = write_adopted_row(place, console)
    assert call_for_refusal_code(make_resolve_call(console, row, "success", id_at_provider)) == code
    assert console.credit_checks.read_credit_check(row).awaiting is None


def test_an_id_of_another_record_proposes_nothing(console: Console, place: Place) -> None:
    """An AlarmBox id that belongs to another record is refused and makes no proposal."""
    row, second = write_adopted_row(place, console), write_adopted_row(place, console, client=2)
    assert make_resolve_call(console, row, "success", 1)().awaiting == "second_person"
    with place.open_console_of_person(console, "lead-b") as other:
        make_resolve_call(other, row, "success", 1)()
    assert call_for_refusal_code(make_resolve_call(console, second, "success", 1)) == "evidence_mismatch"
    assert make_resolve_call(console, second, "success", 2)().awaiting == "second_person"


def test_two_people_decide_that_nothing_was_bought(
    console: Console, place: Place, alarmbox: InMemoryAlarmBox
) -> None:
    """If two people decide that a pending row was not purchased, the corporation's credit check can be bought only
    after the second person's decision.
    """
    row = write_adopted_row(place, console)
    assert make_resolve_call(console, row, "error")().awaiting == "second_person"
    assert call_for_refusal_code(lambda: buy_check(console)) == "already_purchased"
    with place.open_console_of_person(console, "lead-b") as other:
        assert make_resolve_call(other, row, "error")().awaiting is None
    record = read_record(console, row)
    assert (record.state, record.certainty, record.is_live) == ("error", "known", False)
    assert (buy_check(console).state, alarmbox.count_charges(CORPORATION_NUMBER)) == ("success", 3)


def test_people_cannot_deny_a_row_that_its_writer_calls_bought(console: Console, place: Place) -> None:
    """If the other application has stored a row as a success, people can't decide that it wasn't purchased; they can
    only enter its AlarmBox id.
    """
    row = write_adopted_row(place, console, "success")
    assert call_for_refusal_code(make_resolve_call(console, row, "error")) == "nothing_to_resolve"
    reasons = {choice.name: choice.reason for choice in console.recovery.find_choices("credit-check", row)}
    assert (reasons["resolve.success"], reasons["resolve.error"]) == (None, "reason.outcome_known")


def test_an_id_from_the_other_application_ends_a_proposal(console: Console, place: Place) -> None:
    """The other application stores the AlarmBox id between the decisions of two people: the second decision is
    refused, and the row is a success.
    """
    row = write_adopted_row(place, console)
    assert make_resolve_call(console, row, "error")().awaiting == "second_person"
    place.execute_as_shop(f"UPDATE {CHECKS_TABLE} SET credit_check_id = 1 WHERE id = {row}")
    with place.open_console_of_person(console, "lead-b") as other:
        assert call_for_refusal_code(make_resolve_call(other, row, "error")) == "nothing_to_resolve"
    assert read_record(console, row).state == "success"
    assert call_for_refusal_code(lambda: buy_check(console)) == "already_purchased"


@pytest.mark.parametrize("is_decided", [True, False])
def test_an_id_after_an_error_stops_the_next_purchase(
    console: Console, place: Place, alarmbox: InMemoryAlarmBox, *, is_decided: bool
) -> None:
    """The other application stores an AlarmBox id in a row that was an error, by its own status or by two people's
    decision. The next purchase is refused until a person has acknowledged the case.
    """
    row = write_adopted_row(place, console, "pending" if is_decided else "error")
    if is_decided:
        make_resolve_call(console, row, "error")()
        with place.open_console_of_person(console, "lead-b") as other:
            make_resolve_call(other, row, "error")()
    place.execute_as_shop(f"UPDATE {CHECKS_TABLE} SET credit_check_id = 1 WHERE id = {row}")
    for renew in (False, True):
        assert call_for_refusal_code(lambda: buy_check(console, renew=renew)) == "already_purchased"  # noqa: B023  # called at once
    explanation = console.credit_checks.read_credit_check(row).explanation
    assert (explanation.verdict, explanation.next_step.code) == ("verdict.contradicted", "next.probe_denied")
    console.recovery.probe("credit-check", row)
    assert call_for_refusal_code(lambda: buy_check(console)) == "already_purchased"
    (case,) = [alert for alert in console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert case.observed == "bought 1"
    console.alerts.acknowledge(case.id, "looked at their screen: it is a check of 2024")
    assert (buy_check(console).state, alarmbox.count_charges(CORPORATION_NUMBER)) == ("success", 3)


def test_a_row_that_no_due_task_has_adopted_cannot_be_resolved(console: Console, place: Place) -> None:
    """A row that no due task has adopted cannot be resolved, because its number may need another spelling and the row
    may be a duplicate.
    """
    place.execute_as_shop(
        f"INSERT INTO {CHECKS_TABLE} (client_id, corporation_number) VALUES (1, 'T{CORPORATION_NUMBER}')"
    )
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert call_for_refusal_code(make_resolve_call(console, record.id, "error")) == "nothing_to_resolve"
    console.recovery.run_all_tasks()
    assert make_resolve_call(console, record.id, "error")().awaiting == "second_person"


@pytest.mark.parametrize(
    "duplicate",
    [
        {},
        {"credit_check_id": 2, "status": "success"},
        {"credit_check_id": 2, "status": "success", "expired_at": "2095-04-01 00:00:00"},
    ],
    ids=["open", "bought, no date", "bought, valid"],
)
def test_no_row_is_renewed_while_its_duplicate_may_be_valid(
    console: Console, place: Place, alarmbox: InMemoryAlarmBox, duplicate: dict[str, object]
) -> None:
    """An expired row holds the claim, and the other application has added another row for the same corporation. While
    that duplicate is open, is valid or has no date, no renewal is made. The way out: two people decide about an open
    duplicate, and a re-fetch gets the date of a bought one.
    """
    dates = {"purchased_at": "2024-04-01 00:00:00", "expired_at": "2025-04-01 00:00:00"}
    row = insert_as_other_application(place, CORPORATION_NUMBER, credit_check_id=1, status="success", **dates)
    console.recovery.run_all_tasks()
    other_row = insert_as_other_application(place, f"T{CORPORATION_NUMBER}", **duplicate)
    console.recovery.run_all_tasks()
    assert read_record(console, other_row).duplicate_of == row
    error = call_for_refusal(lambda: buy_check(console, renew=True))
    assert (error.code, error.detail["record"].id) == ("already_purchased", other_row)  # type: ignore[union-attr]
    assert alarmbox.count_charges(CORPORATION_NUMBER) == 2
    if duplicate:
        console.credit_checks.refetch(other_row)
    else:
        assert make_resolve_call(console, other_row, "error")().awaiting == "second_person"
        with place.open_console_of_person(console, "lead-b") as lead:
            make_resolve_call(lead, other_row, "error")()
    assert buy_check(console, renew=True).credit_check_id == 4
