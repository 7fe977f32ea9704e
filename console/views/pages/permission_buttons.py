"""What a person may not do stays in sight, greyed, with the reason and who may."""

from PySide6.QtCore import QObject, Slot

from console.views.seat import Seat
from console.views.widgets.base import Words
from console.views.widgets.buttons import KeyButton


class _Right(QObject):
    """Belongs to a button, and keeps it true to what its person may do now."""

    def __init__(self, seat: Seat, button: KeyButton, right: str) -> None:
        super().__init__(button)
        self._seat, self._button, self._right = seat, button, right
        for signal in (seat.people_changed, seat.person_changed, seat.reach_changed):
            signal.connect(self.look)
        self.look()

    @Slot()
    def look(self) -> None:
        why_not = self._seat.why_not(self._right)
        if why_not == self._button.reason:
            return
        if why_not:
            self._button.set_off(why_not)
        else:
            self._button.set_on()


def guarded(seat: Seat, button: KeyButton, right: str) -> KeyButton:
    """The button, off with its reason for whoever may not do that."""
    _Right(seat, button, right)
    return button


class Reasons(Words):
    """Below several buttons: why they are off, each reason once."""

    def __init__(self, *buttons: KeyButton) -> None:
        super().__init__("", "small", "muted", wrap=True)
        self._buttons = buttons
        for button in buttons:
            button.reason_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        reasons = dict.fromkeys(button.reason for button in self._buttons if button.reason)
        self.say("\n".join(reasons))
        self.setVisible(bool(reasons))
