"""A question that was lost says little about its provider, several in a row say that it is away."""

from datetime import timedelta

import pytest

from console.services.payments import timeouts as payment_timeouts
from console.services.payments.timeouts import MAX_CONSECUTIVE_UNANSWERED_QUESTIONS, SKIPPED_SAGA_DELAY
from tests.support.desks import MovedClock
from tests.support.payment_desks import Scene

OVER = timedelta(seconds=305)
"""When no code of the sandbox's PayPay can be paid any more."""
MADE = 6
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def over(scene: Scene, clock: MovedClock) -> Scene:
    """With six payments whose time has passed."""
    for number in range(MADE):
        scene.payments.start(scene.order(f"ORD-{number}", 3300), "paypay")
    pass_time(scene, clock, OVER)
    return scene


def pass_time(scene: Scene, clock: MovedClock, by: timedelta) -> None:
    """For us and for the provider."""
    clock.offset += by
    scene.control.change_settings(advance_seconds=by.total_seconds())


def swept(scene: Scene) -> tuple[int, int]:
    """One round: how many questions it asked, and how many orders are cancelled by then."""
    before = len(scene.control.read_requests(call="paypay_payment"))
    dict(scene.machinery.timeouts.list_tasks())[payment_timeouts.TIMEOUT_TASK_NAME]()
    asked = len(scene.control.read_requests(call="paypay_payment")) - before
    states = [scene.order_now(f"ORD-{number}").state.value for number in range(MADE)]
    return asked, states.count("cancelled")


@pytest.mark.parametrize("lost", [1, MAX_CONSECUTIVE_UNANSWERED_QUESTIONS - 1])
def test_lost_questions_keep_no_other_waiting(over: Scene, lost: int) -> None:
    """The payments whose questions were lost wait; the others end in the same round."""
    over.control.add_fault("reset", call="paypay_payment", times=lost)
    assert swept(over) == (MADE, MADE - lost)


def test_answers_in_between_count(over: Scene) -> None:
    """Every second question is lost: as many as would be enough in a row."""
    rules = ({"action": "reset", "call": "paypay_payment", "number": f"ORD-{n}"} for n in range(0, MADE, 2))
    over.control.add_faults(*rules)
    assert swept(over) == (MADE, MADE // 2)


def test_a_provider_that_is_away_is_asked_a_few_times(over: Scene) -> None:
    """Then the round leaves the others for later."""
    over.control.add_fault("reset", call="paypay_payment", times=100)
    assert swept(over) == (MAX_CONSECUTIVE_UNANSWERED_QUESTIONS, 0)


def test_who_was_not_asked_has_made_no_attempt(over: Scene, clock: MovedClock) -> None:
    """However often it was passed over, it is asked within minutes when the provider is there again."""
    for _ in range(4):
        over.control.add_fault("reset", call="paypay_payment", times=100)
        assert swept(over) == (MAX_CONSECUTIVE_UNANSWERED_QUESTIONS, 0)
        over.control.clear_faults()
        pass_time(over, clock, over.context.scale.scale_delta(SKIPPED_SAGA_DELAY))
    attempts = over.place.sql("SELECT attempts FROM sagas ORDER BY attempts")
    assert sum(tries for (tries,) in attempts) == 4 * MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
    _, cancelled = swept(over)
    assert cancelled >= MADE - MAX_CONSECUTIVE_UNANSWERED_QUESTIONS


def test_who_takes_no_questions_is_asked_once(over: Scene) -> None:
    over.control.add_fault("result:RATE_LIMIT", call="paypay_payment", times=100)
    assert swept(over) == (1, 0)
