"""Tests that an AlarmBox id of a purchase belongs to one credit check in our database. AlarmBox's answer can show
that a person has given this id to the wrong credit check.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, current_thread, main_thread
from typing import Any

import pytest

from console.app import Console
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.tasks.records import Alert
from console.services.credit_checks import outcomes
from console.store.database.engine import Transaction
from console.store.operations import leases
from tests.support.in_memory_alarmbox import Behaviour, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.waiting import MAX_WAIT_SECONDS

(CORPORATION_NUMBER,) = invent_numbers(1)


@pytest.fixture
def listing_alarmbox(hand_clock: ManualClock, alarmbox: InMemoryAlarmBox) -> InMemoryAlarmBox:
    """A simulated AlarmBox that offers a list of purchases and whose day follows the test's clock."""
    return InMemoryAlarmBox(today=alarmbox.today, lists_purchases=True)


def buy_check(console: Console, client: str) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, client))


def buy_with_unknown_outcome(
    console: Console, alarmbox: InMemoryAlarmBox, client: str, behaviour: Behaviour
) -> CreditCheck:
    """Buy CORPORATION_NUMBER for the client while the simulated AlarmBox has this behaviour. Return the record, whose
    outcome is unknown.
    """
    alarmbox.behaviour = behaviour
    record = call_for_refusal(lambda: buy_check(console, client)).detail["record"]
    alarmbox.behaviour = "answers"
    assert isinstance(record, CreditCheck)
    return record


def list_clients_with_id(console: Console, id_at_provider: int) -> list[str]:
    """Return the clients whose credit checks have this AlarmBox id."""
    checks = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    return sorted(check.client_id for check in checks if check.credit_check_id == id_at_provider)


def read_cases(console: Console) -> list[Alert]:
    """Return the open alerts."""
    return [case for case in console.alerts.list_alerts() if case.resolved_at is None]


def assert_case_about_decided(console: Console, decided_check: CreditCheck, true_purchase: CreditCheck) -> None:
    """Assert that there is one case, that it is about the credit check that a person decided, and that it names the
    credit check `true_purchase`, whose purchase got the id from AlarmBox. The decided credit check keeps its state.
    """
    (case,) = read_cases(console)
    assert (case.rule_id, case.subject_id) == ("contradicted", decided_check.id)
    assert case.observed == f"1 was bought for credit check {true_purchase.id}"
    work = {
        one.id: (one.state, one.work.reason) for one in console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    }
    assert work[decided_check.id] == ("success", "contradicted")


@pytest.mark.expects_log("what the database could not take is told")
def test_a_spooled_answer_contradicts_the_check_with_its_id(
    place: Place, listing_alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A person gave client 2's check the AlarmBox id of client 1's purchase. Then client 1's answer is delivered from
    the spool: a case is opened about client 2's check.
    """
    with (
        place.desk(listing_alarmbox, hand_clock, FAILPOINT="before_tx2:1:raise") as console,
        place.desk(listing_alarmbox, hand_clock, person="op-b", desk=1) as other,
    ):
        own = buy_with_unknown_outcome(console, listing_alarmbox, "1", "answers")
        decided = buy_with_unknown_outcome(other, listing_alarmbox, "2", "silent_before_charge")
        other.recovery.resolve("credit-check", decided.id, "success", "seen on their screen", 1)
        assert console.recovery.run_all_tasks()
        assert list_clients_with_id(console, 1) == ["1", "2"]
        assert_case_about_decided(console, decided, own)


def test_a_timely_answer_contradicts_the_check_with_its_id(
    place: Place, listing_alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """While client 1's call still runs, a person gives client 2's check the AlarmBox id of client 1's purchase.
    Client 1's answer then opens a case about client 2's check.
    """

    def resolve_at_other_desk() -> None:
        other.recovery.resolve("credit-check", decided.id, "success", "seen", 1)

    with (
        place.desk(listing_alarmbox, hand_clock) as console,
        place.desk(listing_alarmbox, hand_clock, person="op-b", desk=1) as other,
    ):
        decided = buy_with_unknown_outcome(other, listing_alarmbox, "2", "silent_before_charge")
        listing_alarmbox.during_call = resolve_at_other_desk
        own = buy_check(console, "1")
        assert (own.state, list_clients_with_id(console, 1)) == ("success", ["1", "2"])
        assert_case_about_decided(console, decided, own)


def test_a_late_answer_to_a_denied_purchase_contradicts_the_check_with_its_id(
    place: Place, listing_alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """Two people deny client 1's purchase, and a person gives its AlarmBox id to client 2's check. Then client 1's
    answer arrives: cases are opened about the checks of both clients, because each decision was wrong.
    """
    with (
        place.desk(listing_alarmbox, hand_clock) as console,
        place.desk(listing_alarmbox, hand_clock, person="lead-b", desk=1) as other,
    ):
        denied = buy_with_unknown_outcome(console, listing_alarmbox, "1", "silent_after_charge")
        listing_alarmbox.is_readable = False  # with its list, AlarmBox would contradict them
        for desk in (console, other):
            desk.recovery.resolve("credit-check", denied.id, "error", "not on their screen")
        listing_alarmbox.is_readable = True
        decided = buy_with_unknown_outcome(other, listing_alarmbox, "2", "silent_before_charge")
        assert (
            call_for_refusal(lambda: other.recovery.probe("credit-check", decided.id)).detail["reason"]
            == "several_wait"
        )
        other.recovery.resolve("credit-check", decided.id, "success", "their screen", 1)
        assert denied.operation_id is not None
        bought = listing_alarmbox.report_charge(listing_alarmbox.charges[0])
        answer = Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, bought, 201, "{}")
        assert console._action_builders.credit_checks.purchases.deliver_outcome(denied.operation_id, answer)
        assert list_clients_with_id(console, 1) == ["2"]
        assert {case.subject_id for case in read_cases(console)} == {denied.id, decided.id}


def test_the_provider_may_answer_two_purchases_with_one_id(
    place: Place, listing_alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """AlarmBox itself answers the purchases of two clients with the same id: the checks of both clients have this id,
    and no case is opened.
    """
    with place.desk(listing_alarmbox, hand_clock) as console:
        buy_check(console, "1")
        listing_alarmbox.charges.clear()
        buy_check(console, "2")
        assert (list_clients_with_id(console, 1), read_cases(console)) == (["1", "2"], [])


@pytest.mark.engines("mariadb", "galera")
def test_an_answer_waits_for_an_uncommitted_decision_about_its_id(
    place: Place, listing_alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision gives an id to a record and isn't committed yet when another purchase records its answer with the
    same id. The answer waits for the lock of the id, and then opens the case.
    """
    decides, answers, futures = Event(), Event(), list[Future[Any]]()
    write, acquire = outcomes.write_successful_purchase, leases.acquire

    def acquire_lease(tx: Transaction, name: str, *more: Any) -> object:
        if name == "alarmbox_id_1" and current_thread() is main_thread():
            answers.set()
        return acquire(tx, name, *more)

    def write_after_answer(*given: Any) -> None:
        if current_thread() is not main_thread():
            decides.set()
            assert answers.wait(MAX_WAIT_SECONDS)
        write(*given)

    def resolve_at_other_desk() -> None:
        futures.append(
            pool.submit(
                lambda: other.recovery.resolve("credit-check", decided.id, "success", "seen on their page", 1)
            )
        )
        assert decides.wait(MAX_WAIT_SECONDS)

    with (
        place.desk(listing_alarmbox, hand_clock) as console,
        place.desk(listing_alarmbox, hand_clock, person="op-b", desk=1) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        decided = buy_with_unknown_outcome(other, listing_alarmbox, "2", "silent_before_charge")
        monkeypatch.setattr(leases, "acquire", acquire_lease)
        monkeypatch.setattr(outcomes, "write_successful_purchase", write_after_answer)
        listing_alarmbox.during_call = resolve_at_other_desk
        own = buy_check(console, "1")
        answers.set()
        if futures[0].exception(120) is None:
            assert_case_about_decided(console, decided, own)
        else:  # on a cluster the decision may be the later one
            assert (place.engine, list_clients_with_id(console, 1)) == ("galera", ["1"])
