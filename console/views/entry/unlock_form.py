"""The locked window: who it belongs to, and the way back in."""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from console.domain.records import Person
from console.views.entry.notice import Notices
from console.views.entry.password import PasswordField
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.inputs import Choice


class UnlockForm(QWidget):
    """Where there are accounts it asks for the password; where there are none it says so, and asks who comes back.

    Signals:
        submitted(str): the password; "" where there is none.
        other_wanted: somebody else wants to sign in here.
    """

    submitted = Signal(str)
    other_wanted = Signal()

    def __init__(self, seat: Seat, since: datetime, *, asks: bool, persons: Sequence[Person] = ()) -> None:
        """`asks` for a password; `persons` may take the desk over without one."""
        super().__init__()
        self._seat, self.asks = seat, asks
        say = seat.say
        self.setAccessibleName(say("lock.title"))
        self.password = PasswordField(say("sign_in.field.password"), say("sign_in.show"), say("sign_in.hide"))
        self.person = Choice(say("lock.who"))
        for person in persons:
            self.person.addItem(say("menu.person_line", name=person.name, roles=sorted(person.roles)), person.name)
        self.person.setCurrentIndex(max(0, self.person.findData(seat.operator)))
        self.button = KeyButton(say("lock.act"), "Enter", "primary", binds=False)
        self.button.clicked.connect(self.submit)
        self.other = LinkButton(say("lock.other"))
        self.other.clicked.connect(self.other_wanted)
        self._notices = Notices()
        self._build(since, several=bool(persons))

    def _build(self, since: datetime, *, several: bool) -> None:
        say, name = self._seat.say, self._seat.operator or self._seat.say("person.nobody")
        kept = Words(say("lock.since", at=since), "small", "muted", wrap=True)
        head = column(Words(say("lock.title"), "title"), kept, gap=2)
        who = column(Words(say("lock.who"), "small", "muted"), Words(name, "data", bold=True), gap=2)
        chosen = column(Words(say("lock.who"), "small", "muted"), self.person, gap=4)
        plain = Words(say("lock.no_password"), "small", "muted", wrap=True)
        lost = Words(say("lock.other.words"), "small", "muted", wrap=True)
        self.other.setAccessibleDescription(lost.plain)
        acts = column(row(self.other, None, self.button), lost, gap=4) if self.asks else row(None, self.button)
        asked = self.password if self.asks else plain
        self.setLayout(column(head, self._notices, chosen if several else who, asked, acts, gap=16))
        if not self.asks:
            self.password.setParent(self)
            self.password.hide()
            self.other.setParent(self)
            self.other.hide()
        if not several:
            self.person.setParent(self)
            self.person.hide()

    def begin(self) -> None:
        first = self.password.line if self.asks else self.button
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(self.focusWidget(), QLineEdit):
            self.submit()
        else:
            super().keyPressEvent(event)

    @Slot()
    def submit(self) -> None:
        if not self.button.isEnabled():
            return
        password = self.password.text() if self.asks else ""
        self.password.show_error(self._seat.say("sign_in.password_needed") if self.asks and not password else "")
        if self.asks and not password:
            self.begin()
            return
        self.password.hide_again()
        self._set_on(False)
        self.button.set_busy(self._seat.say("sign_in.busy"))
        self.submitted.emit(password)

    def refuse(self, failure: Failure | None) -> None:
        """The password was wrong (None), or nobody could say."""
        say = self._seat.say
        if failure is None:
            self._notices.tell(say("lock.wrong"), say("lock.wrong.words"), "bad", "square_bang")
        elif failure.code == "database_unreachable":
            self._notices.tell(say("sign_in.away"), say("lock.away"), "text", "offline")
        else:
            self._notices.tell(say("lock.unknown"), self._seat.message(failure), "bad", "square_bang")
        self.button.set_on()
        self._set_on(True)
        if failure is None:
            self.password.line.clear()
        self.begin()

    def _set_on(self, on: bool) -> None:
        for part in (self.password.line, self.password.eye, self.person, self.other):
            part.setEnabled(on)
