"""Tests of queries to a provider that get no answer: a single one says little about the provider, but several in a
row mean that the provider cannot be reached.
"""

from datetime import timedelta

import pytest

from console.services.payments import timeouts as payment_timeouts
from console.services.payments.timeouts import MAX_CONSECUTIVE_UNANSWERED_QUESTIONS, SKIPPED_SAGA_DELAY
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, pass_time

PAST_TIME_TO_PAY = timedelta(seconds=305)
"""Time after which a payment code of the sandbox's PayPay can no longer be paid."""
PAYMENT_COUNT = 6
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def overdue_scene(scene: PaymentDesk, clock: MovedClock) -> PaymentDesk:
    """Return a desk with six payments whose deadline has passed."""
    for number in range(PAYMENT_COUNT):
        scene.payments.start(scene.insert_order(f"ORD-{number}", 3300), "paypay")
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    return scene


def run_task_and_count_queries_and_cancellations(scene: PaymentDesk) -> tuple[int, int]:
    """Run the timeout task once. Return how many queries it sent and how many orders are cancelled afterwards."""
    before = len(scene.control.read_requests(call="paypay_payment"))
    dict(scene.machinery.timeouts.list_tasks())[payment_timeouts.TIMEOUT_TASK_NAME]()
    query_count = len(scene.control.read_requests(call="paypay_payment")) - before
    states = [scene.read_order(f"ORD-{number}").state.value for number in range(PAYMENT_COUNT)]
    return query_count, states.count("cancelled")


@pytest.mark.parametrize("lost", [1, MAX_CONSECUTIVE_UNANSWERED_QUESTIONS - 1])
def test_unanswered_queries_do_not_delay_other_payments(overdue_scene: PaymentDesk, lost: int) -> None:
    """Payments whose queries got no answer wait for a later run; all other payments end in the same run."""
    overdue_scene.control.add_fault("reset", call="paypay_payment", times=lost)
    assert run_task_and_count_queries_and_cancellations(overdue_scene) == (PAYMENT_COUNT, PAYMENT_COUNT - lost)


def test_unanswered_queries_with_answers_between_do_not_end_a_run(overdue_scene: PaymentDesk) -> None:
    """If every second query to the provider gets no answer, the run of the timeout task continues, because the
    unanswered queries do not follow each other.
    """
    rules = ({"action": "reset", "call": "paypay_payment", "number": f"ORD-{n}"} for n in range(0, PAYMENT_COUNT, 2))
    overdue_scene.control.add_faults(*rules)
    assert run_task_and_count_queries_and_cancellations(overdue_scene) == (PAYMENT_COUNT, PAYMENT_COUNT // 2)


def test_an_unreachable_provider_is_asked_a_limited_number_of_times(overdue_scene: PaymentDesk) -> None:
    """After a few unanswered queries in a row, the run leaves the other payments to a later run."""
    overdue_scene.control.add_fault("reset", call="paypay_payment", times=100)
    assert run_task_and_count_queries_and_cancellations(overdue_scene) == (MAX_CONSECUTIVE_UNANSWERED_QUESTIONS, 0)


def test_a_skipped_payment_counts_no_attempt(overdue_scene: PaymentDesk, clock: MovedClock) -> None:
    """If a run leaves out a payment, this counts as no attempt: the program queries the provider about it within
    minutes after the provider can be reached again.
    """
    for _ in range(4):
        overdue_scene.control.add_fault("reset", call="paypay_payment", times=100)
        assert run_task_and_count_queries_and_cancellations(overdue_scene) == (
            MAX_CONSECUTIVE_UNANSWERED_QUESTIONS,
            0,
        )
        overdue_scene.control.clear_faults()
        pass_time(overdue_scene, clock, overdue_scene.context.scale.scale_duration(SKIPPED_SAGA_DELAY))
    attempts = overdue_scene.place.sql("SELECT attempts FROM sagas ORDER BY attempts")
    assert sum(tries for (tries,) in attempts) == 4 * MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
    _, cancelled = run_task_and_count_queries_and_cancellations(overdue_scene)
    assert cancelled >= PAYMENT_COUNT - MAX_CONSECUTIVE_UNANSWERED_QUESTIONS


def test_a_provider_that_accepts_no_calls_is_asked_once(overdue_scene: PaymentDesk) -> None:
    """If a provider accepts no calls, one run of the timeout task queries it once."""
    overdue_scene.control.add_fault("result:RATE_LIMIT", call="paypay_payment", times=100)
    assert run_task_and_count_queries_and_cancellations(overdue_scene) == (1, 0)
