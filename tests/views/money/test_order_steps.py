"""The steps on an order's page: one line each, told to a screen reader as well."""

from datetime import UTC, datetime, timedelta

from console.domain.saga_steps import seen
from console.domain.worker_records import Saga, SagaState
from console.services.timed_out import KIND, STEPS
from console.views.pages.order import step_line
from console.views.widgets.base import Words
from console.views.widgets.steps import StepList

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def test_done_current_and_to_come() -> None:
    """A check for what is done, an hourglass with why and when where it waits, a ring for what comes."""
    facts = {"done": {STEPS[0]: NOW.isoformat(), STEPS[1]: NOW.isoformat()}}
    later = NOW + timedelta(minutes=5)
    saga = Saga(1, KIND, "payment", 5, SagaState.RUNNING, STEPS[2], facts, NOW, NOW, "other_payment", later)
    lines = [step_line(step, "en") for step in seen(saga, STEPS, NOW).steps]
    assert [line.shape for line in lines] == ["check", "check", "hourglass", "ring"]
    assert [line.strong for line in lines] == [False, False, True, False]
    assert lines[2].spoken() == (
        "Cancel the order, Waiting, another payment may still be made · again 11-20 12:05"
    )
    shown = StepList("After a payment's time")
    for _ in range(2):  # anew each time it is read
        shown.show_steps("After the time of payment #5", "Under way", lines)
    assert "Cancel the order, Waiting" in shown.accessibleName()
    words = [one.plain for one in shown.findChildren(Words) if one in shown._shown]
    assert words.count("Cancel the order") == 1
