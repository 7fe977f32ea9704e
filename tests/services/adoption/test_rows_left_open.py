"""Rows that another application has left open, without AlarmBox's id: two people end them with evidence."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from console.app import Console
from console.domain.calendar_days import JST
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.views.any_record import ResolveResult
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import CHECKS, Place
from tests.support.refusals import code_of

NUMBER, OTHER = numbers(2, seed=83)


@pytest.fixture
def vendor() -> LedgerVendor:
    """AlarmBox, where the other application has bought two checks of 2024 and one of the other company."""
    vendor = LedgerVendor(today=lambda: datetime(2024, 4, 1, tzinfo=JST).date())
    for number in (NUMBER, NUMBER, OTHER):
        vendor.buy_check(PurchaseRequest(number, "1"))
    vendor.today = lambda: datetime.now(JST).date()
    return vendor


@pytest.fixture
def console(place: Place, vendor: LedgerVendor) -> Iterator[Console]:
    with place.desk(vendor) as desk:
        yield desk


def write(place: Place, console: Console, status: str = "pending", number: str = NUMBER, client: int = 1) -> int:
    """A row of the other application, which a due task has taken over."""
    place.shop(
        f"INSERT INTO {CHECKS} (client_id, corporation_number, status) VALUES ({client}, '{number}', '{status}')"
    )
    console.recovery.run_due()
    return int(place.shop(f"SELECT max(id) FROM {CHECKS}")[0][0])


def resolving(
    console: Console, record_id: int, state: str, provider_id: int | None = None
) -> Callable[[], ResolveResult]:
    return partial(console.recovery.resolve, "credit-check", record_id, state, "their list of 2024", provider_id)


def buy(console: Console, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(NUMBER, "1", renew=renew))


def read(console: Console, record_id: int) -> CreditCheck:
    return console.credit_checks.read_credit_check(record_id).record


@pytest.mark.parametrize("status", ["pending", "success"])
def test_two_people_say_which_purchase_it_is(
    console: Console, place: Place, vendor: LedgerVendor, status: str
) -> None:
    """Each of them has AlarmBox confirm the same id; then the row is a success that can be renewed, once."""
    row = write(place, console, status)
    assert code_of(lambda: buy(console, renew=True)) == "already_purchased"
    first = resolving(console, row, "success", 1)
    assert first().awaiting == "second_person"
    assert (read(console, row).state, read(console, row).credit_check_id) == (status, None)
    assert code_of(lambda: buy(console, renew=True)) == "already_purchased"
    assert code_of(first) == "same_person"
    waiting = console.credit_checks.read_credit_check(row)
    assert waiting.explanation.next_step.command == (
        f"support-console resolve credit-check {row} --as success --provider-id ID --evidence FILE"
    )
    with place.acting(console, "lead-b") as other:
        assert code_of(resolving(other, row, "success", 2)) == "evidence_mismatch"
        assert resolving(other, row, "success", 1)().awaiting is None
    record = read(console, row)
    assert (record.state, record.certainty, record.credit_check_id) == ("success", "known", 1)
    assert record.expired_at is not None
    assert record.expired_at < datetime.now(UTC)
    assert code_of(first) == "nothing_to_resolve"
    assert console.recovery.read_queue("review").items == ()
    renewed = buy(console, renew=True)
    assert (read(console, row).superseded_by, vendor.count(NUMBER)) == (renewed.id, 3)
    assert code_of(lambda: buy(console, renew=True)) == "not_expired"


@pytest.mark.parametrize(("provider_id", "code"), [(3, "evidence_mismatch"), (99, "evidence_mismatch")])
def test_an_id_that_does_not_fit_proposes_nothing(
    console: Console, place: Place, provider_id: int, code: str
) -> None:
    """Another company's purchase, or one that AlarmBox doesn't know."""
    row = write(place, console)
    assert code_of(resolving(console, row, "success", provider_id)) == code
    assert console.credit_checks.read_credit_check(row).awaiting is None


def test_an_id_of_another_record_proposes_nothing(console: Console, place: Place) -> None:
    """A purchase belongs to one record."""
    row, second = write(place, console), write(place, console, client=2)
    assert resolving(console, row, "success", 1)().awaiting == "second_person"
    with place.acting(console, "lead-b") as other:
        resolving(other, row, "success", 1)()
    assert code_of(resolving(console, second, "success", 1)) == "evidence_mismatch"
    assert resolving(console, second, "success", 2)().awaiting == "second_person"


def test_two_people_say_that_nothing_was_bought(console: Console, place: Place, vendor: LedgerVendor) -> None:
    """The number is free only after the second person's evidence."""
    row = write(place, console)
    assert resolving(console, row, "error")().awaiting == "second_person"
    assert code_of(lambda: buy(console)) == "already_purchased"
    with place.acting(console, "lead-b") as other:
        assert resolving(other, row, "error")().awaiting is None
    record = read(console, row)
    assert (record.state, record.certainty, record.is_live) == ("error", "known", False)
    assert (buy(console).state, vendor.count(NUMBER)) == ("success", 3)


def test_what_the_writer_calls_bought_is_never_denied(console: Console, place: Place) -> None:
    """The writer can take its word back; people here only name the purchase."""
    row = write(place, console, "success")
    assert code_of(resolving(console, row, "error")) == "nothing_to_resolve"
    reasons = {choice.name: choice.reason for choice in console.recovery.find_choices("credit-check", row)}
    assert (reasons["resolve.success"], reasons["resolve.error"]) == (None, "reason.outcome_known")


def test_the_writers_answer_ends_a_proposal(console: Console, place: Place) -> None:
    """It writes the id between two people's decisions, without a version: what they saw is stale."""
    row = write(place, console)
    assert resolving(console, row, "error")().awaiting == "second_person"
    place.shop(f"UPDATE {CHECKS} SET credit_check_id = 1 WHERE id = {row}")
    with place.acting(console, "lead-b") as other:
        assert code_of(resolving(other, row, "error")) == "nothing_to_resolve"
    assert read(console, row).state == "success"
    assert code_of(lambda: buy(console)) == "already_purchased"


@pytest.mark.parametrize("decided", [True, False])
def test_an_id_after_an_error_stops_the_next_purchase(
    console: Console, place: Place, vendor: LedgerVendor, *, decided: bool
) -> None:
    """The writer learns late that its purchase was made, after it or two people had called it an error."""
    row = write(place, console, "pending" if decided else "error")
    if decided:
        resolving(console, row, "error")()
        with place.acting(console, "lead-b") as other:
            resolving(other, row, "error")()
    place.shop(f"UPDATE {CHECKS} SET credit_check_id = 1 WHERE id = {row}")
    for renew in (False, True):
        assert code_of(lambda: buy(console, renew=renew)) == "already_purchased"  # noqa: B023  # called at once
    explanation = console.credit_checks.read_credit_check(row).explanation
    assert (explanation.verdict, explanation.next_step.code) == ("verdict.contradicted", "next.probe_denied")
    console.recovery.probe("credit-check", row)
    assert code_of(lambda: buy(console)) == "already_purchased"
    (case,) = [alert for alert in console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert case.observed == "bought 1"
    console.alerts.acknowledge(case.id, "looked at their screen: it is a check of 2024")
    assert (buy(console).state, vendor.count(NUMBER)) == ("success", 3)


def test_a_row_that_no_due_task_has_taken_over_waits(console: Console, place: Place) -> None:
    """Its number may have another spelling, and it may be a duplicate."""
    place.shop(f"INSERT INTO {CHECKS} (client_id, corporation_number) VALUES (1, 'T{NUMBER}')")
    (found,) = console.lookup.find_records(NUMBER).credit_checks
    assert code_of(resolving(console, found.id, "error")) == "nothing_to_resolve"
    console.recovery.run_due()
    assert resolving(console, found.id, "error")().awaiting == "second_person"
