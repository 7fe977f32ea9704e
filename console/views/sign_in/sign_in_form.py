"""Signing in: account and password, where the password will be kept, and three lines for the first time."""

from typing import NamedTuple

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from console.views.entry.form import EntryForm
from console.views.look.tokens import Tone
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import LinkButton
from console.views.widgets.inputs import CheckBox, Field


class Typed(NamedTuple):
    """What a person typed. It goes to the worker that signs in, and nowhere else."""

    user: str
    password: str
    keep: bool

    def __repr__(self) -> str:
        return "<typed>"


class SignInForm(EntryForm):
    """Hands a Typed over. Which of the two was wrong is never said; a database that is away keeps what was typed."""

    def __init__(self, seat: Seat, place: str, user: str, *, can_keep: bool, fixed: bool = False) -> None:
        """`place` is the database; `fixed`: only that account may come back."""
        super().__init__(seat, "sign_in.title", "sign_in.act")
        say = seat.say
        self.user = Field(say("sign_in.field.user"))
        self.user.edit.setText(user)  # type: ignore[union-attr]  # a line
        self.user.edit.setReadOnly(fixed)
        self.keep = CheckBox(say("sign_in.keep"))
        self._can_keep = can_keep
        self.keep.setChecked(can_keep)
        self.keep.setEnabled(can_keep)
        self.first_time = LinkButton(say("sign_in.first"))
        self.first_time.clicked.connect(self._tell_newcomer)
        self._parts += [self.user.edit, self.first_time, *([self.keep] if can_keep else [])]
        self._build(place)

    def _build(self, place: str) -> None:
        say = self._seat.say
        where = "sign_in.keep.yes" if self._can_keep else "sign_in.keep.no"
        self.keep.setAccessibleDescription(say(where))
        self.newcomer = Words(say("sign_in.first.lines"), wrap=True)
        self.newcomer.hide()
        head = column(Words(say("sign_in.title"), "title"), Words(place, "small_data", "muted"), gap=2)
        kept = column(self.keep, Words(say(where), "small", "muted", wrap=True), gap=2)
        acts = row(self.first_time, None, self.button)
        self.setLayout(column(head, self._notices, self.user, self.password, kept, acts, self.newcomer, gap=16))
        for before, after in (
            (self.user.edit, self.password.line), (self.password.line, self.password.eye),
            (self.password.eye, self.keep), (self.keep, self.button), (self.button, self.first_time),
        ):  # fmt: skip
            QWidget.setTabOrder(before, after)

    def begin(self) -> None:
        first = self.user.edit if not self.user.text() else self.password.line
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _typed(self) -> Typed | None:
        user, password = self.user.text().strip(), self.password.text()
        self.user.show_error("" if user else self._seat.say("sign_in.user_needed"))
        self.password.show_error("" if password else self._seat.say("sign_in.password_needed"))
        return Typed(user, password, self.keep.isChecked()) if user and password else None

    def tell(self, lead: str, words: str, tone: Tone = "text", shape: str = "lock") -> None:
        """One notice above the fields, in place of an earlier one."""
        self._notices.tell(lead, words, tone, shape)

    def refuse(self, failure: Failure) -> None:
        """It didn't work: say why, and keep what may be right."""
        say, denied = self._seat.say, failure.detail.get("problem") == "access_denied"
        if denied:
            self.tell(say("sign_in.refused"), say("sign_in.refused.words"), "bad", "square_bang")
        elif failure.code == "database_unreachable":
            self.tell(say("sign_in.away"), say("sign_in.away.words"), "text", "offline")
        else:
            self.tell(say("sign_in.refused"), self._seat.message(failure), "bad", "square_bang")
        self._resume(wrong=denied)
        self.password.line.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _tell_newcomer(self) -> None:
        self.newcomer.setVisible(not self.newcomer.isVisible())
