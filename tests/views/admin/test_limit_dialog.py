"""Tests of the dialog for a limit, which two administrators must set to the same value, also with a click that is
repeated after a lost answer.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.app import Console
from console.domain.access.permissions import ADMIN
from console.domain.errors import ErrorCode
from console.domain.payments.limits import Limit
from console.domain.records import Person
from console.services.process.context import act_as
from console.views.admin.limit_dialog import LimitDialog, format_limit_value
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.inline_runner import InlineRunner
from tests.support.quick_desks import open_quick_desk
from tests.views.runtime.test_lost_answers import ServicesWithLostAnswers

LIMIT_NAME, CURRENCY = "second_checker_above", "JPY"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Console]:
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox()) as opened:
        yield opened


def find_limit(desk: Console, name: str = LIMIT_NAME) -> Limit:
    return next(one for one in desk.refund_limits.list_limits() if (one.name, one.currency) == (name, CURRENCY))


def make_window_context(
    desk: Console, services: ServicesWithLostAnswers, qtbot: QtBot
) -> tuple[WindowContext, QWidget]:
    context = WindowContext(desk.settings, InlineRunner(), desk._context.clock)
    context.operator = "adm-f"
    parent = QWidget()
    qtbot.addWidget(parent)
    context.store_services(services)  # type: ignore[arg-type]  # the services, looked up by name
    return context, parent


def type_value(dialog: LimitDialog, text: str) -> None:
    dialog.value_field.edit.setText(text)  # type: ignore[union-attr]  # a line


@pytest.mark.usefixtures("appearance")
def test_a_limit_is_proposed_once_and_set_by_another_person(desk: Console, qtbot: QtBot) -> None:
    """An administrator's second click after a lost answer repeats the first call with the same request id, so the
    limit is proposed once. The dialog of a second administrator already contains the proposed value, and this person
    sets the limit.
    """
    services = ServicesWithLostAnswers(desk)
    context, parent = make_window_context(desk, services, qtbot)
    before = find_limit(desk)
    assert before.value is not None
    with act_as("adm-f"):
        for services.loses in (True, False):
            dialog = LimitDialog(context, before, parent)
            type_value(dialog, "60,000")
            dialog.submit_form()
        waiting = find_limit(desk)
    assert (waiting.value, waiting.proposed, waiting.proposed_by) == (before.value, 60_000, "adm-f")
    ids = {request_id for service, _, request_id in services.sent if service == "limits"}
    assert len(ids) == 1
    assert None not in ids
    context.operator = "adm-g"
    with act_as("adm-g"):
        dialog = LimitDialog(context, waiting, parent)
        assert dialog.value_field.text() == "60,000"
        dialog.submit_form()
        assert find_limit(desk).value == 60_000


@pytest.mark.usefixtures("appearance")
def test_the_dialog_says_whether_the_limit_changes_at_once(desk: Console, qtbot: QtBot) -> None:
    """While the field contains the value that another administrator has proposed, the sentence and the button say
    that the limit changes at once. With another value, they say that it is proposed, or that no other administrator
    could confirm it. The person's own proposal can't be sent again.
    """
    context, parent = make_window_context(desk, ServicesWithLostAnswers(desk), qtbot)
    limit = replace(find_limit(desk), proposed=60_000, proposed_by="adm-g")
    dialog = LimitDialog(context, limit, parent)
    assert dialog.main_button.text() == "Confirm change"
    assert dialog.effect_label.plain.startswith("adm-g has requested this value.")
    type_value(dialog, "70,000")
    assert dialog.main_button.text() == "Request change"
    assert dialog.effect_label.plain == context.translate("dialog.limit.second")
    context.replace_people((Person("adm-f", frozenset({ADMIN}), may_buy=False),))
    type_value(dialog, "80,000")
    assert dialog.effect_label.plain == context.translate("dialog.limit.alone")
    context.operator = "Adm-F"  # a name counts in every spelling
    type_value(dialog, "90,000")
    assert dialog.effect_label.plain == context.translate("dialog.limit.alone")
    own_dialog = LimitDialog(context, replace(limit, proposed_by="Adm-F "), parent)
    type_value(own_dialog, "60,000")  # the draft has the other value
    assert own_dialog.find_form_problem() == "dialog.limit.own"
    type_value(own_dialog, "70,000")
    assert own_dialog.find_form_problem() == ""


@pytest.mark.usefixtures("appearance")
@pytest.mark.parametrize("text", ["", "-5", "1.5", "abc", "１０００", "1e9", "9" * 30])
def test_an_invalid_amount_is_not_sent(desk: Console, qtbot: QtBot, text: str) -> None:
    """With an invalid amount in the field, the dialog's button is disabled and has a reason."""
    context, parent = make_window_context(desk, ServicesWithLostAnswers(desk), qtbot)
    dialog = LimitDialog(context, find_limit(desk), parent)
    type_value(dialog, text)
    assert not dialog.main_button.isEnabled()
    assert dialog.main_button.reason


@pytest.mark.usefixtures("appearance")
def test_a_limit_of_time_or_amount_is_shown_with_its_unit(desk: Console, qtbot: QtBot) -> None:
    """The dialog shows a limit that is a duration in words, and an amount with the sign of its currency. The field
    for the value of a duration names its unit, seconds, and the largest value."""
    context, parent = make_window_context(desk, ServicesWithLostAnswers(desk), qtbot)
    period = find_limit(desk, "cooling_off_seconds")
    assert format_limit_value(context, period, 900) == "15 minutes"
    assert format_limit_value(context, period, 5401) == "1 hour 30 minutes 1 second"
    assert format_limit_value(context, period, 0) == "0 seconds"
    assert format_limit_value(context, period, 10**15) == format_limit_value(context, period, 604_800)
    name = LimitDialog(context, period, parent).value_field.edit.accessibleName()
    assert name == "New value in seconds (at most 604,800)"
    assert format_limit_value(context, find_limit(desk), 500_000) == "¥500,000"


@pytest.mark.usefixtures("appearance")
def test_a_pasted_number_of_any_length_is_refused(desk: Console, qtbot: QtBot) -> None:
    """A pasted number with more digits than Python converts (4,300) counts as no value, and raises no error."""
    context, parent = make_window_context(desk, ServicesWithLostAnswers(desk), qtbot)
    dialog = LimitDialog(context, find_limit(desk, "cooling_off_seconds"), parent)
    type_value(dialog, "9" * 5_000)
    assert dialog.find_form_problem() == "dialog.limit.needs_value"


@pytest.mark.usefixtures("appearance")
def test_a_changed_limit_is_shown_after_the_refusal(desk: Console, qtbot: QtBot) -> None:
    """The worker refuses the request because another administrator has changed the limit meanwhile. The dialog then
    shows the present value beside the refusal and keeps the typed value."""
    context, parent = make_window_context(desk, ServicesWithLostAnswers(desk), qtbot)
    dialog = LimitDialog(context, replace(find_limit(desk), value=10_000), parent)
    type_value(dialog, "60,000")
    with act_as("adm-f"):
        dialog._show_failure(Failure(ErrorCode.STALE_VIEW, {"about": "limit"}))
    shown_texts = [label.plain for label in dialog.findChildren(TextLabel)]
    assert {"Now ¥500,000", context.translate("error.stale_view.limit")} <= set(shown_texts)
    assert dialog.value_field.text() == "60,000"
