"""The lock: after a time without a key or a click, or at Ctrl+L, nothing is shown until the person is back."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QWindow

from console.views.entry.cover import Cover
from console.views.entry.unlock_form import UnlockForm
from console.views.tasks import Failure

if TYPE_CHECKING:
    from console.views.frame import Frame

LOOK_MS = 5_000
_LIFE = {
    QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.Wheel,
    QEvent.Type.TouchBegin, QEvent.Type.TabletPress,
}  # fmt: skip


class IdleLock(QObject):
    """Watches for signs of life in all windows of the process. Drafts and open dialogs wait behind the cover.

    Signals:
        other_wanted: somebody else wants to sign in here.
    """

    other_wanted = Signal()

    def __init__(self, frame: "Frame") -> None:
        super().__init__(frame)
        self._frame, self._seat = frame, frame.seat
        self._form: UnlockForm | None = None
        self._since = self._seat.now()
        self.touch()
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self._watched: set[QWindow] = set()
        self._watch(frame.window.windowHandle())
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.focusWindowChanged.connect(self._watch)
            app.inputMethod().cursorRectangleChanged.connect(self.touch)  # composing text sends no keys
        frame.seat.language_changed.connect(self._say_anew)

    # -- signs of life

    @Slot()
    def touch(self) -> None:
        """Somebody is here. Both clocks: the one that counts stops while the machine sleeps, the other can be set."""
        self._touched = self._seat.monotonic(), self._seat.now()

    @Slot("QWindow*")
    def _watch(self, window: QWindow | None) -> None:
        if window is not None and window not in self._watched:
            self._watched.add(window)
            window.destroyed.connect(self._forget)
            window.installEventFilter(self)

    @Slot(QObject)
    def _forget(self, window: QObject) -> None:
        self._watched = {one for one in self._watched if one is not window}

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() in _LIFE:
            self.touch()
        return False

    @Slot()
    def look(self) -> None:
        """Lock where nobody has been here for too long."""
        counted, at = self._touched
        idle = max(self._seat.monotonic() - counted, (self._seat.now() - at).total_seconds())
        if idle >= self._seat.settings.idle_lock_seconds:
            self.lock()

    # -- locking

    @property
    def locked(self) -> bool:
        return self._form is not None

    @Slot()
    def lock(self) -> None:
        """Cover the window, unless it is covered already."""
        if not self._frame.curtain.down and self._seat.ready:
            self._since = self._seat.now()
            self._show()

    def _show(self) -> None:
        seat = self._seat
        asks = seat.settings.sign_in.is_server
        trying = not asks and seat.settings.environment_word != "production"
        self._form = UnlockForm(seat, self._since, asks=asks, persons=seat.people if trying else ())
        self._form.submitted.connect(self._try)
        self._form.other_wanted.connect(self.other_wanted)
        cover = Cover(seat, self._form)
        cover.language_wanted.connect(seat.speak)
        self._frame.curtain.lower(cover)
        self._form.begin()

    @Slot()
    def _say_anew(self) -> None:
        if self._form is not None:
            self._show()

    # -- coming back

    @Slot(object)
    def _try(self, password: str) -> None:
        seat = self._seat
        confirm = seat.bound(lambda desk: desk.sessions.confirm_password(password))
        seat.runner.run(confirm, self._answered, self._failed, owner=self)

    def _answered(self, right: bool) -> None:
        form = self._form
        if form is None:
            return
        if not right:
            form.refuse(None)
            return
        person = form.person.currentData()
        self.let_go()
        if isinstance(person, str):
            self._seat.become(person)

    def _failed(self, failure: Failure) -> None:
        """Nobody can say whether it is right: the window stays locked."""
        if self._form is not None:
            self._form.refuse(failure)

    def let_go(self) -> None:
        """Give everything back."""
        self._form = None
        self.touch()
        self._frame.curtain.lift()

    def stop(self) -> None:
        self._timer.stop()
