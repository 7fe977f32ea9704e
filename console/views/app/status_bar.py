"""The cells of the status bar: who answers and how fast, unfinished work, and whether writing is on."""

from PySide6.QtCore import QObject, Slot

from console.views.case_words import provider_word
from console.views.look.theme import look
from console.views.record_words import clock
from console.views.seat import Seat
from console.views.standing import Gateway
from console.views.widgets.chrome import Status, StatusBar

SLOW_SECONDS = 3.0
LARGE_TEXT = 1.4
"""From this text size on, what is only nice to know gives its room away."""


class StatusCells(QObject):
    """Keeps a status bar true."""

    def __init__(self, seat: Seat, bar: StatusBar) -> None:
        super().__init__(bar)
        self._seat, self._bar = seat, bar
        for signal in (seat.reach_changed, seat.standing_changed, seat.person_changed, seat.arrived):
            signal.connect(self.show_cells)
        self.show_cells()

    @Slot()
    def show_cells(self) -> None:
        gateways = [gateway_cell(self._seat, one) for one in self._seat.reach.gateways]
        self._bar.show_cells([service_cell(self._seat), *gateways, provider_cell(self._seat)], self._right())

    def _right(self) -> list[Status]:
        seat = self._seat
        unfinished = seat.say("status.unfinished", count=len(seat.standing.unfinished) + seat.standing.runs)
        cells = [Status(unfinished, key="unfinished")]
        if seat.due_at is not None and look().scale < LARGE_TEXT:
            cells.insert(0, Status(seat.say("status.due_tasks", at=seat.due_at), tone="muted"))
        lost = seat.reach.lost_since
        if lost is not None:
            why = seat.say("status.read_only", reason=seat.say("status.not_connected"), since=lost)
            return [*cells, Status(why, "lock", "care")]
        return [*cells, Status(seat.say("status.writes_on"), "check")]


def service_cell(seat: Seat) -> Status:
    """Whether the database answers."""
    name, reach = seat.say("status.service"), seat.reach
    if reach.lost_since is not None:
        return Status(name, "offline", "bad", seat.say("status.unreachable"))
    if reach.service_seconds is None:
        return Status(name, "hourglass", "muted", seat.say("status.opening"))
    return _by_seconds(seat, name, reach.service_seconds)


def provider_cell(seat: Seat) -> Status:
    """How the provider answered last; nothing is asked only to show this."""
    name, reach = seat.say("status.alarmbox"), seat.reach
    if reach.provider_missing:
        return Status(name, "dash", "muted", seat.say("status.not_configured"))
    if reach.provider_seconds is None:
        return Status(name, "dash", "muted", seat.say("status.not_asked"))
    if reach.provider_silent:
        at = clock(reach.provider_at)
        return Status(name, "warning", "care", seat.say("status.unreachable_since", at=at))
    return _by_seconds(seat, name, reach.provider_seconds)


def gateway_cell(seat: Seat, gateway: Gateway) -> Status:
    """How a payment provider answered this window last; nothing is asked only to show this."""
    name = provider_word(gateway.name, seat)
    if gateway.seconds is None:
        return Status(name, "dash", "muted", seat.say("status.not_asked"))
    if gateway.silent:
        return Status(name, "warning", "care", seat.say("status.unreachable_since", at=clock(gateway.at)))
    return _by_seconds(seat, name, gateway.seconds)


def _by_seconds(seat: Seat, name: str, seconds: float) -> Status:
    shown = f"{seconds:.1f}"
    if seconds >= SLOW_SECONDS:
        return Status(name, "warning", "care", seat.say("status.slow", seconds=shown))
    return Status(name, "check", "good", seat.say("status.seconds", seconds=shown))
