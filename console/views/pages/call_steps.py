"""The steps of a call while it runs: told by a worker, shown with their times and what has elapsed."""

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.views.look.theme import look
from console.views.seat import Seat
from console.views.widgets.base import Words, column
from console.views.widgets.dialog import DialogFrame
from console.views.widgets.timeline import Happening, TimelineList

LET_GO_SECONDS = 10
_LOOK_MS = 200
_MOST = 6


@dataclass(frozen=True, slots=True)
class Step:
    """A code of `progress.*` and when it was reached."""

    code: str
    at: datetime


class Steps:
    """Collects steps; `told` may be called from any thread."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.reached: list[Step] = []

    def told(self, code: str) -> None:
        self.reached.append(Step(code, self._seat.now()))


class Patience(QTimer):
    """From its start on, how long a dialog holds a person; then it may be closed, and the call goes on."""

    def __init__(self, dialog: DialogFrame, seat: Seat) -> None:
        super().__init__(dialog, singleShot=True, interval=LET_GO_SECONDS * 1_000)
        self._dialog, self._seat = dialog, seat
        self.timeout.connect(self._let_go)

    @Slot()
    def _let_go(self) -> None:
        if self._dialog.busy:
            say = self._seat.say
            self._dialog.let_go(say("action.close"), say("dialog.elapsed", seconds=LET_GO_SECONDS))


class StepList(QWidget):
    """Shows the steps as they come and how long it has taken."""

    def __init__(self, seat: Seat, steps: Steps) -> None:
        super().__init__()
        self._seat, self._steps = seat, steps
        self._began = seat.monotonic()
        self._shown = -1
        self._list = TimelineList(seat.say("dialog.steps"), margin=0)
        self._list.setFixedHeight(_MOST * look().row() + 4)
        self.elapsed = Words("", "small", "muted")
        self.setLayout(column(self._list, self.elapsed, gap=4))
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self._look()

    @property
    def seconds(self) -> int:
        return int(self._seat.monotonic() - self._began)

    @Slot()
    def _look(self) -> None:
        reached = tuple(self._steps.reached)
        if len(reached) != self._shown:
            self._shown = len(reached)
            self._list.show_happenings(happenings(self._seat, reached[-_MOST:]))
        if self.seconds >= 1:
            self.elapsed.say(self._seat.say("dialog.elapsed_short", seconds=self.seconds))


def happenings(seat: Seat, steps: "tuple[Step, ...]", *, ended: bool = False) -> list[Happening]:
    """Steps as lines, oldest first; all but the last are over."""
    lines = []
    for number, step in enumerate(steps):
        last = number == len(steps) - 1 and not ended
        shape, tone = ("circle_arrow", "progress") if last else ("check", "good")
        time = wording.format_instant(step.at, "clock")
        full = wording.format_instant(step.at)
        words = seat.say(f"progress.{step.code}")
        lines.append(Happening(time, full, shape, tone, "", words))  # type: ignore[arg-type]  # a tone
    return lines
