"""Tests of an order's page: each step of a saga has one line, which a screen reader reads too, and a line separates
the tabs from the explanation."""

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from console.domain.tasks.records import Saga
from console.domain.tasks.saga_progress import make_saga_progress
from console.domain.tasks.states import SagaState
from console.services.payments.timeout_start import PAYMENT_TIMEOUT_KIND, TIMEOUT_SAGA_STEP_NAMES
from console.views.money.order_page import OrderPage, make_saga_step_line
from console.views.widgets.base import TextLabel
from console.views.widgets.display.steps import StepList
from tests.views.invented_checks import make_window_context

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def test_steps_of_an_order_show_their_state() -> None:
    """A completed step has a check mark, a waiting step has an hourglass with the reason and the time, and a later
    step has a circle.
    """
    facts = {"done": {TIMEOUT_SAGA_STEP_NAMES[0]: NOW.isoformat(), TIMEOUT_SAGA_STEP_NAMES[1]: NOW.isoformat()}}
    later = NOW + timedelta(minutes=5)
    saga = Saga(
        1,
        PAYMENT_TIMEOUT_KIND,
        "payment",
        5,
        SagaState.RUNNING,
        TIMEOUT_SAGA_STEP_NAMES[2],
        facts,
        NOW,
        NOW,
        "other_payment",
        later,
    )
    lines = [make_saga_step_line(step, "en") for step in make_saga_progress(saga, TIMEOUT_SAGA_STEP_NAMES, NOW).steps]
    assert [line.icon_name for line in lines] == ["check", "check", "hourglass", "ring"]
    assert [line.is_bold for line in lines] == [False, False, True, False]
    assert lines[2].format_spoken_text() == (
        "Cancel the order, Waiting, Another payment can still be paid · again at 11-20 12:05"
    )
    step_list = StepList("After a payment's time")
    for _ in range(2):  # anew each time it is read
        step_list.show_steps("After the time of payment #5", "Under way", lines)
    assert "Cancel the order, Waiting" in step_list.accessibleName()
    words = [label.plain for label in step_list.findChildren(TextLabel) if label in step_list._step_widgets]
    assert words.count("Cancel the order") == 1


def test_a_line_separates_the_tabs_of_an_order_from_its_explanation(qtbot: QtBot, appearance: object) -> None:
    """Above the tabs of an order without a saga, one row of pixels has the colour of a line, not of the page."""
    page = OrderPage(make_window_context())
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    image, tabs_top = page.grab().toImage(), page.tabs.mapTo(page, QPoint()).y()
    colours = [image.pixelColor(500, tabs_top - distance).name() for distance in (1, 2)]
    assert colours[0] != colours[1]
