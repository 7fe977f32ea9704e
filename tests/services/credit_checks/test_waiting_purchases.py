"""Purchases that wait because another purchase holds the lease: which purchases wait, for how long, and with which
messages.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock, use_lease_clock
from tests.support.waiting import MAX_WAIT_SECONDS

FIRST_NUMBER, SECOND_NUMBER = CORPORATION_NUMBERS[:2]


def make_request(number: str, client: str = "1") -> PurchaseRequest:
    """Return a request to buy this number for the client."""
    return PurchaseRequest(number, client)


@contextmanager
def hanging_purchase(console: Console, sandbox: Sandbox) -> Iterator[Future[CreditCheck]]:
    """Inside the block a purchase of the number FIRST_NUMBER waits for AlarmBox's answer; the block gets the
    purchase's future.
    """
    sandbox.control.add_fault("hang", call="purchase", number=FIRST_NUMBER)
    with ThreadPoolExecutor(1) as thread:
        buying = thread.submit(console.credit_checks.purchase, make_request(FIRST_NUMBER))
        assert sandbox.control.wait_until_counts_reached(held=1)
        try:
            yield buying
        finally:
            sandbox.control.release_calls()


@pytest.fixture
def running_purchase(place: Place, sandbox: Sandbox) -> Iterator[Future[CreditCheck]]:
    """A purchase of the number FIRST_NUMBER that waits for AlarmBox's answer for longer than any test takes."""
    with place.open_desk(sandbox, TIME_SCALE="1") as console, hanging_purchase(console, sandbox) as buying:
        yield buying


def test_a_waiting_purchase_names_the_lease_holder(
    running_purchase: Future[CreditCheck], place: Place, sandbox: Sandbox
) -> None:
    """Another purchase of the same client waits for the lease. After its longest waiting time it is refused with the
    name of the lease's holder, and it writes nothing.
    """
    steps: list[str] = []
    with place.open_desk(sandbox, person="op-b", TIME_SCALE="100") as other:
        with pytest.raises(ConsoleError) as caught:
            other.credit_checks.purchase(make_request(SECOND_NUMBER), steps.append)
        assert (caught.value.code, caught.value.exit_status) == ("lease_timeout", 3)
        holder = caught.value.detail["holder"]
        assert isinstance(holder, dict)
        assert holder["operator"] == place.get_account_name("op-a")
        assert caught.value.detail["since"] is not None
        assert other.lookup.find_records(SECOND_NUMBER).credit_checks == ()
    assert set(steps) == {"waiting"}
    assert sandbox.control.count_charges(SECOND_NUMBER) == 0


def test_a_waiting_purchase_is_made_after_the_running_one(
    running_purchase: Future[CreditCheck], place: Place, sandbox: Sandbox
) -> None:
    """A purchase that waits for the lease of another purchase is made after the other purchase has ended."""
    with place.open_desk(sandbox, person="op-b") as other:

        def release_when_waiting(step: str) -> None:
            if step == "waiting":
                sandbox.control.release_calls()

        assert other.credit_checks.purchase(make_request(SECOND_NUMBER), release_when_waiting).state == "success"
        assert running_purchase.result(MAX_WAIT_SECONDS).state == "success"


def test_a_plan_shows_only_the_running_purchase_of_its_number(
    running_purchase: Future[CreditCheck], place: Place, sandbox: Sandbox
) -> None:
    """A purchase is running. The purchase plan of the same number shows the person who runs it. The plan of another
    number shows nobody, although a purchase of that number would wait for the same lease.
    """
    with place.open_desk(sandbox, person="op-b") as other:
        running = other.credit_checks.make_plan(FIRST_NUMBER).purchase_holder
        assert running is not None
        assert (running.operator, running.name) == (place.get_account_name("op-a"), "alarmbox_credit_check_1")
        assert other.credit_checks.make_plan(SECOND_NUMBER).purchase_holder is None
        sandbox.control.release_calls()
        assert running_purchase.result(MAX_WAIT_SECONDS).state == "success"
        assert other.credit_checks.make_plan(FIRST_NUMBER).purchase_holder is None


def test_unfinished_work_shows_the_process_of_a_running_purchase(
    running_purchase: Future[CreditCheck], place: Place, sandbox: Sandbox
) -> None:
    """A purchase is running. The list of unfinished work shows the person and process that have its lease, and nobody
    for an earlier purchase of the same client whose outcome is unknown.
    """
    with place.open_desk(sandbox, person="op-b") as other:
        (running,) = other.recovery.list_unfinished_operations()
        assert running.holder is not None
        assert (running.holder.operator, running.holder.name) == (
            place.get_account_name("op-a"),
            "alarmbox_credit_check_1",
        )
        place.sql(f"UPDATE operations SET state = 'unknown' WHERE id = '{running.operation.id}'")
        (unknown,) = other.recovery.list_unfinished_operations()
        assert (unknown.operation.state, unknown.holder) == ("unknown", None)
        place.sql(f"UPDATE operations SET state = 'calling' WHERE id = '{running.operation.id}'")
        sandbox.control.release_calls()
        assert running_purchase.result(MAX_WAIT_SECONDS).state == "success"
        assert other.recovery.list_unfinished_operations() == ()


@pytest.mark.parametrize("extra", [{"LEASES": "off"}, {}], ids=["without leases", "another client"])
def test_a_purchase_of_another_client_does_not_wait(
    running_purchase: Future[CreditCheck], place: Place, sandbox: Sandbox, extra: dict[str, str]
) -> None:
    """A purchase runs and waits for AlarmBox. A purchase of another number doesn't wait for it if leases are switched
    off or the client is another one. A purchase of the same number and client is refused.
    """
    client = "1" if extra else "2"
    with place.open_desk(sandbox, None, person="op-b", desk=0, **extra) as other:
        assert other.credit_checks.purchase(make_request(SECOND_NUMBER, client)).state == "success"
        with pytest.raises(ConsoleError) as caught:
            other.credit_checks.purchase(make_request(FIRST_NUMBER))
        assert caught.value.code == "already_purchased"
        assert not running_purchase.done()


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(hours=-1)])
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_a_wrong_wall_clock_takes_over_no_running_purchase(place: Place, skew: timedelta) -> None:
    """Requirement 25: a desk whose wall clock is wrong does not take over the purchase that another process is still
    running.
    """
    right, wrong = ManualClock(), ManualClock()
    wrong.at += skew
    with use_lease_clock(right):
        alarmbox = InMemoryAlarmBox(today=right.today)
        with place.desk(alarmbox, right) as console, place.desk(alarmbox, wrong, person="op-b", desk=1) as other:
            looked: list[str] = []

            def lookup_while_waiting() -> None:
                other.recovery.run_all_tasks()
                looked.append(other.lookup.find_records(FIRST_NUMBER).credit_checks[0].certainty)

            alarmbox.during_call = lookup_while_waiting
            assert console.credit_checks.purchase(make_request(FIRST_NUMBER)).state == "success"
    assert looked == ["known"]
