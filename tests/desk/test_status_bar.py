"""The status bar shows the last answer of each provider, and doesn't present an old answer as the present state."""

from datetime import timedelta

from console.views.frame.status_bar import OLD_ANSWER_AGE, make_alarmbox_cell, make_gateway_cell
from console.views.runtime.status_values import GatewayStatus
from tests.desk.conftest import OpenWindow


def test_an_old_provider_answer_has_its_time_and_no_check_mark(open_window: OpenWindow) -> None:
    context = open_window().opening.context
    for age, icon_name in ((OLD_ANSWER_AGE - timedelta(minutes=1), "check"), (OLD_ANSWER_AGE * 2, "dash")):
        answered_at = context.now() - age
        context.update_connection_state(alarmbox_answer_seconds=2.2, alarmbox_answered_at=answered_at)
        for cell in (
            make_gateway_cell(context, GatewayStatus("paypay", 2.2, answered_at)),
            make_alarmbox_cell(context),
        ):
            assert cell.icon_name == icon_name
            assert ("answered" in cell.text) is (icon_name == "dash")
