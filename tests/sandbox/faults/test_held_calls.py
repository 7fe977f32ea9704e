"""Tests of calls that hang, or are answered late or byte by byte: when the sandbox charges them, and when they
end.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from console.sandbox import Sandbox, SandboxControl, start_sandbox
from tests.sandbox.caller import CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, Answer, Caller

COVERED_FAULTS = {"hang", "hang_after_charge", "late_charge", "slow"}
CONNECTION_END_ERRORS = (TimeoutError, ConnectionError)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Yield a thread executor for calls that wait while the test continues."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def make_client_with_short_timeout(sandbox: Sandbox, caller: Caller) -> Caller:
    """Return a client of the sandbox with a short timeout."""
    impatient_caller = Caller(sandbox, timeout_seconds=0.1)
    impatient_caller.access = caller.access
    return impatient_caller


@pytest.mark.parametrize(
    ("fault", "charges_before_release"), [("hang", 0), ("hang_after_charge", 1), ("late_charge", 0)]
)
def test_a_held_call_is_listed_and_released(
    caller: Caller, control: SandboxControl, executor: ThreadPoolExecutor, fault: str, charges_before_release: int
) -> None:
    """The control API lists a held call. The sandbox answers it after its release; depending on the fault, it charges
    the call before or after the release."""
    control.add_fault(fault, call="purchase")
    waiting = executor.submit(caller.buy_check)
    assert control.wait_until_counts_reached(held=1)
    assert control.count_charges() == charges_before_release
    assert [
        (held_call["call"], held_call["number"], held_call["fault"]) for held_call in control.read_state()["held"]
    ] == [("purchase", CORPORATION_NUMBER, fault)]
    assert control.release_calls() == 1
    if fault == "late_charge":
        assert isinstance(waiting.exception(), ConnectionError)
    else:
        assert waiting.result().status == 201
    assert control.wait_until_counts_reached(charges=1)


@pytest.mark.parametrize(("fault", "charge_count"), [("hang", 0), ("hang_after_charge", 1), ("late_charge", 1)])
def test_a_call_whose_client_left_gets_no_answer(
    sandbox: Sandbox, caller: Caller, control: SandboxControl, fault: str, charge_count: int
) -> None:
    """If the client of a held call has closed the connection, the sandbox sends no answer. A hanging purchase that it
    hasn't processed yet is never charged."""
    control.add_fault(fault, call="purchase")
    with pytest.raises(TimeoutError):
        make_client_with_short_timeout(sandbox, caller).buy_check()
    assert control.release_calls() == 1
    assert caller.buy_check(OTHER_CORPORATION_NUMBER).status == 201
    sandbox.stop()  # ends every thread: nothing more can happen
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == charge_count
    assert not any(charge.delivered for charge in sandbox.ledger.list_charges_of_number(CORPORATION_NUMBER))


def test_a_hanging_call_is_answered_after_its_seconds(caller: Caller, control: SandboxControl) -> None:
    """If the fault states `seconds`, the sandbox answers a hanging call after that time."""
    control.add_fault("hang", call="purchase", seconds=0.05)
    assert caller.buy_check().status == 201


def test_a_fault_charges_after_its_answer(caller: Caller, control: SandboxControl) -> None:
    """With the fault `late_charge` the caller gets the fault's HTTP status at once, and the sandbox charges the
    purchase later: at its release, or after the `seconds` of the fault.
    """
    control.add_fault("late_charge:503", call="purchase")
    assert caller.buy_check().status == 503
    assert control.count_charges() == 0
    assert control.wait_until_counts_reached(held=1)
    control.release_calls()
    assert control.wait_until_counts_reached(charges=1)
    control.add_fault("late_charge:500", call="purchase", seconds=0.02)
    assert caller.buy_check().status == 500
    assert control.wait_until_counts_reached(charges=2)


def test_a_release_answers_only_held_calls_about_its_corporation_number(
    caller: Caller, control: SandboxControl, executor: ThreadPoolExecutor
) -> None:
    """If a release names a corporation number, the sandbox answers only the held calls about that number."""
    control.add_fault("hang", call="purchase", times="always")
    one, other = (
        executor.submit(caller.buy_check, CORPORATION_NUMBER),
        executor.submit(caller.buy_check, OTHER_CORPORATION_NUMBER),
    )
    assert control.wait_until_counts_reached(held=2)
    assert control.release_calls(number=CORPORATION_NUMBER) == 1
    assert one.result().status == 201
    assert not other.done()
    control.release_calls()
    assert other.result().status == 201


def test_an_answer_arrives_byte_by_byte(sandbox: Sandbox, caller: Caller, control: SandboxControl) -> None:
    """With the fault `slow` the sandbox sends the answer byte by byte. A client that waits long enough gets the whole
    answer; the purchase is charged even if the client gives up.
    """
    control.add_fault("slow", call="purchase", seconds=0.0001)
    assert caller.buy_check().credit_check["corporation_number"] == CORPORATION_NUMBER
    control.add_fault("slow", call="purchase", seconds=30)
    with pytest.raises(TimeoutError):
        make_client_with_short_timeout(sandbox, caller).buy_check()
    assert control.count_charges() == 2


def test_each_provider_call_waits_for_the_delay(sandbox: Sandbox, caller: Caller, control: SandboxControl) -> None:
    """With a configured delay, the sandbox answers each call to a provider after the delay; calls of the control API
    aren't delayed.
    """
    control.change_settings(delay_seconds=30)
    with pytest.raises(TimeoutError):
        make_client_with_short_timeout(sandbox, caller).buy_check()
    assert control.change_settings(delay_seconds=0)["charges"] == 0


def test_a_reset_drops_held_calls(caller: Caller, control: SandboxControl, executor: ThreadPoolExecutor) -> None:
    """If the sandbox is reset while calls hang, these calls end without a charge."""
    control.add_fault("late_charge", call="purchase")
    waiting = executor.submit(caller.buy_check)
    assert control.wait_until_counts_reached(held=1)
    control.reset()
    assert isinstance(waiting.exception(), CONNECTION_END_ERRORS)
    assert control.count_charges() == 0


def test_a_stopped_sandbox_ends_its_threads_at_once(executor: ThreadPoolExecutor) -> None:
    """If the sandbox is stopped while calls hang or are answered byte by byte, every thread ends at once and nothing
    more is charged.
    """
    before = set(threading.enumerate())
    sandbox = start_sandbox()
    caller, control = Caller(sandbox).authorize(), sandbox.control
    control.add_faults(
        {"action": "hang", "call": "purchase", "times": "always", "number": CORPORATION_NUMBER},
        {"action": "slow", "call": "purchase", "times": "always", "seconds": 30},
    )
    waiting: list[Future[Answer]] = [
        executor.submit(caller.buy_check, number)
        for number in (CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, CORPORATION_NUMBER)
    ]
    assert control.wait_until_counts_reached(held=2, requests=3, call="purchase")
    sandbox.stop()
    sandbox.stop()
    assert all(isinstance(each.exception(), Exception) for each in waiting)
    assert not [t for t in set(threading.enumerate()) - before if "sandbox" in t.name or "Thread-" in t.name]
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == 0
