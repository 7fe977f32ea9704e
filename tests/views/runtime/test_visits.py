"""Tests of the list of visited records, which the window stores for its next start."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from console.views.runtime.context import WindowContext
from console.views.runtime.person_state import VISITS_VALUE_NAME
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import make_payment, make_refund

EARLIER_VISIT = ["payment", 5, NOW.isoformat(timespec="seconds")]


@pytest.fixture
def context(appearance: object) -> WindowContext:
    context = make_window_context()
    context.runner = InlineRunner(paused=True)
    records = {("payment", 5): make_payment(id=5)}
    lookup = SimpleNamespace(read_records=lambda _refs: records)
    services = SimpleNamespace(lookup=lookup, acting_as=lambda _name: nullcontext())
    context.store_services(services)  # type: ignore[arg-type]  # all that the visits need
    context.person_values.store(VISITS_VALUE_NAME, [EARLIER_VISIT])
    return context


@pytest.mark.parametrize("is_read", [False, True])
def test_a_new_visit_keeps_the_earlier_ones_stored(context: WindowContext, *, is_read: bool) -> None:
    """The window restores the page of a record while the earlier visits are read: all are stored for the next
    start, also if the read fails."""
    context.person_values.loaded.emit()
    context.add_visit(make_refund(id=9))
    runner = context.runner
    assert isinstance(runner, InlineRunner)
    while is_read and runner.waiting_task_count:
        runner.execute_oldest_task()
    stored = context.person_values.get_value(VISITS_VALUE_NAME)
    assert stored is not None
    assert [visit[:2] for visit in stored] == [["refund", 9], ["payment", 5]]


def test_a_person_stores_no_visit_of_the_previous_one(context: WindowContext) -> None:
    context.person_values.loaded.emit()
    context.change_operator("lead-b")
    context.add_visit(make_refund(id=9))
    stored = context.person_values.get_value(VISITS_VALUE_NAME)
    assert stored is not None
    assert [visit[:2] for visit in stored] == [["refund", 9]]
