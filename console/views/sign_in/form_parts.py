"""What the forms of the way in have in common: a password, one button, Enter, and being off until the answer."""

from abc import abstractmethod

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from console.views.entry.notice import Notices
from console.views.entry.password import PasswordField
from console.views.seat import Seat
from console.views.widgets.buttons import KeyButton


class EntryForm(QWidget):
    """Asks, hands over once, and waits.

    Signals:
        submitted(object): what was typed. The form is off until it is refused, or for good.
    """

    submitted = Signal(object)

    def __init__(self, seat: Seat, title: str, act: str) -> None:
        """`title` and `act` are keys of words."""
        super().__init__()
        self._seat = seat
        say = seat.say
        self.setAccessibleName(say(title))
        self.password = PasswordField(say("sign_in.field.password"), say("sign_in.show"), say("sign_in.hide"))
        self.button = KeyButton(say(act), "Enter", "primary", binds=False)
        self.button.clicked.connect(self.submit)
        self._notices = Notices()
        self._parts: list[QWidget] = [self.password.line, self.password.eye]  # off while a worker tries

    @abstractmethod  # without ABC, whose metaclass isn't Qt's
    def begin(self) -> None:
        """The focus to what is to be typed next."""

    @abstractmethod
    def _typed(self) -> object:
        """What to hand over; None where something is missing, which is said at its field."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter hands over from every field; while an input method composes, it is the method's."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(self.focusWidget(), QLineEdit):
            self.submit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def submit(self) -> None:
        if not self.button.isEnabled():
            return
        typed = self._typed()
        if typed is None:
            self.begin()
            return
        self.password.hide_again()
        self._set_on(False)
        self.button.set_busy(self._seat.say("sign_in.busy"))
        self.submitted.emit(typed)

    def _resume(self, *, wrong: bool) -> None:
        """It may be tried again; a wrong password goes."""
        self.button.set_on()
        self._set_on(True)
        if wrong:
            self.password.line.clear()

    def _set_on(self, on: bool) -> None:
        for part in self._parts:
            part.setEnabled(on)
