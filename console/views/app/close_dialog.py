"""Closing while something acts: says what still runs, and closes by itself when it has ended."""

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.views.frame import Frame
from console.views.widgets.bars import Bar
from console.views.widgets.base import Sign, Words, column, row
from console.views.widgets.dialog import DialogFrame

_LOOK_MS = 200


class LeavingDialog(DialogFrame):
    """Nothing is cut off in the middle: the window stays until the answers are here."""

    def __init__(self, frame: Frame) -> None:
        say = frame.seat.say
        super().__init__(
            say("dialog.leaving.title"), cancel=say("dialog.leaving.stay"), act=say("dialog.leaving.act"),
            hint=say("dialog.leaving.hint"), close_name=say("action.close"), parent=frame.window,
        )  # fmt: skip
        self._frame = frame
        told = Bar("", say("dialog.leaving.why"), tone="care", shape="warning")
        lines = [row(Sign("half_disc", "progress"), Words(act.label), None) for act in frame.seat.acts]
        content = QWidget()
        content.setLayout(column(told, *lines, gap=8))
        self.show_content(content)
        self.act_button.clicked.connect(self._wait)
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)

    @Slot()
    def _wait(self) -> None:
        self.act_button.set_busy(self._frame.seat.say("dialog.leaving.waiting"))
        self._timer.start()

    @Slot()
    def _look(self) -> None:
        if not self._frame.seat.acts:
            self._timer.stop()
            self.accept()
            self._frame.window.close()


def open_leaving(frame: Frame) -> LeavingDialog:
    """Show it over the window."""
    dialog = LeavingDialog(frame)
    dialog.open()
    return dialog
