"""A process gets SIGTERM or SIGINT during an action. It stores every answer of the provider, and only an operation
that was sent can become unknown.
"""

import signal

import pytest

from console.domain.payments.states import PaymentState
from console.domain.records import Certainty, CheckState
from console.store.operations import journal
from tests.crash import signals
from tests.support import truth
from tests.support.children import start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import insert_order
from tests.support.places import Place
from tests.support.refusals import call_for_refusal
from tests.support.waiting import wait_until


@pytest.mark.parametrize("action", signals.STEPS_BY_ACTION)
def test_an_interrupt_at_any_step_leaves_a_correct_record(place: Place, action: str) -> None:
    """After Ctrl+C once, Ctrl+C several times, or SIGTERM at each step of the action, the process writes the correct
    record before it ends. This test uses one of these signals at each step, a different one on each engine; `make
    soak` tests all combinations.
    """
    first = list(signals.STEPS_BY_ACTION).index(action) + (place.engine == "mariadb")
    looked_at = signals.signal_at_each_step(place, action, signals.plan_one_mode(action, first))
    print(f"{place.engine}: {action}: {looked_at} interrupts, 0 answers lost, 0 unknown of what was not sent")
    assert looked_at == len(signals.STEPS_BY_ACTION[action])


@pytest.mark.parametrize(
    ("step", "state", "charge_count"), [("before_send", "error", 0), ("before_tx2", "success", 1)]
)
def test_sigterm_ends_the_process_after_the_record(place: Place, step: str, state: str, charge_count: int) -> None:
    """If a program has no handler for SIGTERM, the signal ends it only after the outcome of the operation is
    written.
    """
    (number,) = invent_numbers(1)
    with signals.open_stage(place) as stage:
        with start_children(
            signals.execute_until_terminated, [(stage.make_environment("purchase"), "purchase", step, number)]
        ) as (child,):
            assert child.wait_for_report() == "open"
            assert child.wait_for_end() == -signal.SIGTERM
        (record,) = stage.maker.lookup.find_records(number).credit_checks
        assert (record.state, record.certainty) == (CheckState(state), Certainty.KNOWN)
        assert stage.sandbox.control.count_charges(number) == charge_count


def test_a_kill_at_any_step_of_a_payment_start_starts_it_once(place: Place) -> None:
    """The start of a payment is killed with SIGKILL at each step. A payment that may have been sent is unknown, and a
    second start is refused. A probe finds the payment if the provider has created it.
    """
    with signals.open_stage(place) as stage:
        orders = [insert_order(stage.place, f"ORD-{i}", 3_300) for i, _ in enumerate(signals.CALL_STEPS)]
        environment = stage.make_environment("start")
        each = [
            (environment, "start", step, order, signal.SIGKILL)
            for step, order in zip(signals.CALL_STEPS, orders, strict=True)
        ]
        with start_children(signals.execute_until_terminated, each) as children:
            for child in children:
                assert child.wait_for_report() == "open"
                assert child.wait_for_end() == -signal.SIGKILL
        wait_until(
            lambda: not stage.maker.recovery.list_lease_holders() and _count_lapsed_operations(stage) == 5,
            "the leases of the dead",
        )
        for step, order in zip(signals.CALL_STEPS, orders, strict=True):
            order_payments = stage.maker.payments.read_order(order).payments
            assert len(order_payments) == (step != "before_tx1"), step
            for payment in order_payments:
                known = step == "after_tx2"
                assert (payment.certainty is Certainty.KNOWN) is known, step
                assert payment.state is (PaymentState.TOKEN_GENERATED if known else PaymentState.INITIALIZING), step
                if not known:
                    assert (
                        call_for_refusal(lambda order=order: stage.maker.payments.start(order, "paypay")).code
                        == "outcome_unknown"
                    )
            if step in ("after_send", "before_tx2"):
                assert stage.maker.payments.probe(order_payments[0].id).certainty is Certainty.KNOWN, step
        stage.maker.recovery.run_all_tasks()
        assert truth.count_calling_operations(stage.maker.database) == 0
        stage.maker.audit.verify_chains()


def _count_lapsed_operations(stage: signals.SignalTestStage) -> int:
    """Return the number of lapsed operations."""
    with stage.maker.database.read() as conn:
        return len(journal.list_lapsed_operations(conn))
