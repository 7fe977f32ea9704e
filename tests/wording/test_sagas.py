"""Tests that each step, each state and each reason in the saga of a timed-out payment has
a text on the screens.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.domain.payments.records import OrderState
from console.domain.tasks.records import Saga
from console.domain.tasks.saga_progress import SagaProgress, SagaStep, StepState, make_saga_progress
from console.domain.tasks.states import SagaState
from console.services.payments.timeout_start import PAYMENT_TIMEOUT_KIND, TIMEOUT_SAGA_STEP_NAMES
from console.wording import sagas as saga_wording
from console.wording.sentences import catalogue as wording
from scripts import word_use

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SERVICES_FOLDER = Path(saga_wording.__file__).parents[1] / "services"


def make_saga(**more: object) -> Saga:
    plain: dict[str, object] = {"state": SagaState.RUNNING, "step": TIMEOUT_SAGA_STEP_NAMES[0], "facts": {}}
    return Saga(7, PAYMENT_TIMEOUT_KIND, "payment", 5, begun_at=NOW, changed_at=NOW, **plain | more)  # type: ignore[arg-type]  # some


def make_progress(**more: object) -> SagaProgress:
    return make_saga_progress(make_saga(**more), TIMEOUT_SAGA_STEP_NAMES, NOW)


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_every_saga_step_and_state_has_words(language: str) -> None:
    for name in TIMEOUT_SAGA_STEP_NAMES:
        assert saga_wording.get_step_name(SagaStep(name, StepState.OPEN), language) != f"saga.step.{name}"
    for state in StepState:
        step = SagaStep(TIMEOUT_SAGA_STEP_NAMES[0], state)
        assert not saga_wording.get_step_state_word(step, language).startswith("saga.")
        assert len(saga_wording.get_step_state_character(step)) == 1
    for whole in SagaState:
        assert not saga_wording.format_saga_state(make_progress(state=whole), language).startswith("state.")


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_every_reason_has_words(language: str) -> None:
    """Each reason in the steps of the saga, and each state of an order at which the saga ends, has a text. The code
    of a refusal has the text of the refusal, an unknown code a general one, and without a code there is no text."""
    reasons = {
        one.text
        for one in word_use.find_arguments(
            SERVICES_FOLDER, {"StepWaiting": 0, "SagaDone": 0, "CompensationRequired": 0}
        )
    }
    reasons |= {f"order_{state}" for state in OrderState if state not in (OrderState.PENDING, OrderState.CANCELLED)}
    assert len(reasons) > 12
    unworded = {one for one in reasons if not wording.has_sentence(f"saga.reason.{one}")}
    assert unworded == set()
    assert saga_wording.format_saga_reason("in_progress", language) == wording.translate(
        "refusal.in_progress", language
    )
    assert saga_wording.format_saga_reason("never heard of", language) == wording.translate(
        "saga.reason.trouble", language
    )
    assert saga_wording.format_saga_reason(None, language) == ""


def test_a_step_that_waits_says_why_and_until_when() -> None:
    waits = make_progress(reason="provider_unreachable", next_at=NOW + timedelta(minutes=5))
    (first, *others) = waits.steps
    assert (first.state, waits.current_step) == (StepState.WAITING, first)
    assert saga_wording.format_step_detail(first, "en") == "The gateway can't be reached · again at 11-20 12:05"
    assert saga_wording.format_step_detail(first, "ja") == "決済会社に接続不可・11-20 12:05 に再試行"
    assert {one.state for one in others} == {StepState.OPEN}


def test_an_ended_saga_states_its_reason_and_time() -> None:
    ended = make_progress(
        state=SagaState.DONE,
        reason="paid",
        ended_at=NOW,
        facts={"done": {TIMEOUT_SAGA_STEP_NAMES[0]: NOW.isoformat()}},
    )
    assert [one.state for one in ended.steps] == [StepState.DONE, *[StepState.SKIPPED] * 3]
    assert (ended.current_step, saga_wording.format_saga_state(ended, "en")) == (None, "Done · it was paid")
    assert saga_wording.format_saga_time(ended, "en") == "ended at 11-20 12:00"
    assert saga_wording.get_saga_title("en") == "Payment expiry steps"
