"""The way in where the database has accounts: asks, has a worker try, and lets the window begin."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Slot

from console.views.desk_api import Desk
from console.views.entry.cover import Cover
from console.views.entry.sign_in_form import SignInForm, Typed
from console.views.tasks import Failure

if TYPE_CHECKING:
    from console.views.frame import Frame

_ASK = ("sign_in_missing", "access_denied", "keyring_failed")


class Known(NamedTuple):
    """What a worker found out before the form is shown: a keyring may take its time."""

    user: str
    can_keep: bool


class Entered(NamedTuple):
    """An open desk, and whether the password that was to be kept is."""

    desk: Desk
    unkept: bool


def asks_for_account(failure: Failure) -> bool:
    """Whether somebody has to sign in before the desk opens. A database that is away is nobody's sign-out."""
    return failure.code == "bad_profile" and failure.detail.get("problem") in _ASK


class Entrance(QObject):
    """One per asking; goes when the desk is open."""

    def __init__(
        self, frame: "Frame", open_desk: Callable[[], Desk], entered: Callable[[Desk], None], *, fixed: bool = False
    ) -> None:
        """`entered` gets the desk. `fixed`: only the account that was here may come back."""
        super().__init__(frame)
        self._frame, self._seat = frame, frame.seat
        self._open_desk, self._entered, self._fixed = open_desk, entered, fixed
        self._known = Known("", can_keep=False)
        self.form: SignInForm | None = None
        self._failure: Failure | None = None
        self._seat.language_changed.connect(self._say_anew)

    def ask(self, failure: Failure) -> None:
        """Why the person is asked, then the form."""
        self._failure, sign_in = failure, self._seat.settings.sign_in
        self._seat.runner.run(
            lambda: Known(sign_in.known_user() or "", sign_in.can_keep()), self._show, self._cannot, owner=self
        )

    def _show(self, known: Known) -> None:
        seat, self._known = self._seat, known
        user = (seat.operator or known.user) if self._fixed else known.user
        place = seat.settings.sign_in.place
        form = self.form = SignInForm(seat, place, user, can_keep=known.can_keep, fixed=self._fixed)
        form.submitted.connect(self._try)
        cover = Cover(seat, form)
        cover.language_wanted.connect(self._speak)
        self._tell_why(form)
        self._frame.curtain.lower(cover)
        form.begin()

    def _cannot(self, failure: Failure) -> None:
        self._failure = failure
        self._show(Known("", can_keep=False))

    def _tell_why(self, form: SignInForm) -> None:
        problem = self._failure.detail.get("problem") if self._failure else None
        say = self._seat.say
        if problem == "access_denied":
            form.tell(say("sign_in.stored_refused"), say("sign_in.stored_refused.words"), "care", "warning")
        elif problem == "keyring_failed":
            form.tell(say("sign_in.keyring_failed"), say("sign_in.keyring_failed.words"), "care", "warning")

    def _speak(self, language: str) -> None:
        self._seat.speak("ja" if language == "ja" else "en")

    @Slot()
    def _say_anew(self) -> None:
        """The other language; what was typed as the name stays."""
        if self.form is not None:
            known = self._known._replace(user=self.form.user.text())
            self._show(known)

    @Slot(object)
    def _try(self, typed: Typed) -> None:
        sign_in, open_desk = self._seat.settings.sign_in, self._open_desk

        def enter() -> Entered:
            sign_in.take(typed.user, typed.password)
            desk = open_desk()
            kept = desk.sessions.signed_in(keep=typed.keep)
            return Entered(desk, typed.keep and not kept)

        self._seat.runner.run(enter, self._done, self._refused, owner=self, lane="slow")

    def _refused(self, failure: Failure) -> None:
        if self.form is not None:
            self.form.refuse(failure)

    def _done(self, entered: Entered) -> None:
        self.form = None
        self._frame.curtain.lift()
        self._entered(entered.desk)
        if entered.unkept:
            say = self._seat.say
            self._seat.tell(say("sign_in.unkept"), say("sign_in.unkept.words"), "warning", "care")
        self.deleteLater()
