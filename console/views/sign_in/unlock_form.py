"""The locked window: who it belongs to, and the way back in."""

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal

from console.domain.records import Person
from console.views.entry.form import EntryForm
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import LinkButton
from console.views.widgets.inputs import Choice


class UnlockForm(EntryForm):
    """Where there are accounts it asks for the password; where there are none it says so, and asks who comes back.

    Signals:
        submitted(object): the password; "" where there is none.
        other_wanted: somebody else wants to sign in here.
    """

    other_wanted = Signal()

    def __init__(self, seat: Seat, since: datetime, *, asks: bool, persons: Sequence[Person] = ()) -> None:
        """`asks` for a password; `persons` may take the desk over without one."""
        super().__init__(seat, "lock.title", "lock.act")
        self.asks, say = asks, seat.say
        self.person = Choice(say("lock.who"))
        for person in persons:
            self.person.addItem(say("menu.person_line", name=person.name, roles=sorted(person.roles)), person.name)
        self.person.setCurrentIndex(max(0, self.person.findData(seat.operator)))
        self.other = LinkButton(say("lock.other"))
        self.other.clicked.connect(self.other_wanted)
        self._parts += [self.person, self.other]
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

    def _typed(self) -> str | None:
        password = self.password.text() if self.asks else ""
        missing = self.asks and not password
        self.password.show_error(self._seat.say("sign_in.password_needed") if missing else "")
        return None if missing else password

    def refuse(self, failure: Failure | None) -> None:
        """The password was wrong (None), or nobody could say."""
        say = self._seat.say
        if failure is None:
            self._notices.tell(say("lock.wrong"), say("lock.wrong.words"), "bad", "square_bang")
        elif failure.code == "database_unreachable":
            self._notices.tell(say("sign_in.away"), say("lock.away"), "text", "offline")
        else:
            self._notices.tell(say("lock.unknown"), self._seat.message(failure), "bad", "square_bang")
        self._resume(wrong=failure is None)
        self.begin()
