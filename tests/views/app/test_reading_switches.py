"""Tests of the times at which a window reads the read-only switches again."""

import pytest
from PySide6.QtWidgets import QApplication

from console.domain.clock import SystemClock
from console.sandbox.server import Sandbox
from console.views.app.background_refresh import BackgroundRefresh
from console.views.runtime.context import WindowContext
from tests.support.inline_runner import InlineRunner
from tests.support.places import Place
from tests.support.sent_statements import record_statements
from tests.support.team_mode import use_team_mode


@pytest.mark.engines("mariadb")
def test_a_window_in_team_mode_reads_changed_switches(qapp: QApplication, place: Place, sandbox: Sandbox) -> None:
    """The window of a person in team mode reads the read-only switches again when the change feed reports that one of
    them has changed, even if no worker is running.
    """
    with (
        use_team_mode(place, "op-a"),
        place.open_desk(sandbox, person="lead-b", desk=2) as lead,
        place.open_desk(sandbox) as desk,
    ):
        context = WindowContext(desk.settings, InlineRunner(), SystemClock())
        refresh = BackgroundRefresh(context, context)
        context.store_services(desk)
        refresh.stop_timers()

        def read_feed_once() -> tuple[int, list[bool]]:
            """Read the change feed once. Return the number of times that the window read the switches, and the switch
            states that the window has.
            """
            with record_statements(desk) as sent:
                refresh.read_change_feed()
            known = context.connection_state.read_only_switches
            return sum("read_only_switches.reason" in one for one in sent), [switch.is_on for switch in known]

        refresh.read_change_feed()
        assert read_feed_once() == (0, [])
        for is_on in (True, False):
            lead.read_only_switches.set_switch("atom", is_on, "maintenance at Atom")
            assert read_feed_once() == (1, [is_on])
            assert read_feed_once() == (0, [is_on])
