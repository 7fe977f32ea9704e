"""The lock of the window: after a time without input, or on Ctrl+L, a cover hides the window until the person
unlocks it."""

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QWindow

from console.views.runtime.tasks import Failure
from console.views.sign_in.hide_contents import CoveredWindow
from console.views.sign_in.privacy_cover import PrivacyCover
from console.views.sign_in.unlock_form import UnlockForm

INPUT_TIME_CHECK_INTERVAL_MS = 5_000
UNATTENDED_AFTER_SECONDS = 60.0
"""Time without input after which nobody is at the desk. It is shorter than the time after which the window locks."""
_INPUT_EVENT_TYPES = {
    QEvent.Type.KeyPress,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.Wheel,
    QEvent.Type.TouchBegin,
    QEvent.Type.TabletPress,
}


class IdleLock(QObject):
    """Locks the window after a time without input, or when the person requests the lock. It observes the input events
    of all windows of the process. Typed texts and open dialogs stay, unless another person unlocks the window.

    Signals:
    - other_person_requested: another person wants to sign in.
    - attended_changed(bool): False when the desk has had no input for UNATTENDED_AFTER_SECONDS, True at the next
      input.
    """

    other_person_requested = Signal()
    attended_changed = Signal(bool)

    def __init__(self, frame: CoveredWindow) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._form: UnlockForm | None = None
        self._is_checking_password = False
        self._locked_since = self._context.now()
        self._is_attended = True
        self.store_input_time()
        self._timer = QTimer(self, interval=INPUT_TIME_CHECK_INTERVAL_MS)
        self._timer.timeout.connect(self.handle_idle_time)
        self._timer.start()
        self._observed_windows: set[QWindow] = set()
        self._observe_window(frame.window.windowHandle())
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.focusWindowChanged.connect(self._observe_window)
            # an input method that composes text sends no key events
            app.inputMethod().cursorRectangleChanged.connect(self.store_input_time)
        frame.context.language_changed.connect(self._rebuild_form)

    # -- input events

    @Slot()
    def store_input_time(self) -> None:
        """Store the present time of the monotonic clock and of the system clock as the time of the latest input. Both
        clocks are needed, because the monotonic clock may stop while the machine sleeps, and a person may change the
        system clock."""
        self._last_input_times = self._context.monotonic(), self._context.now()
        if not self._is_attended:
            self._is_attended = True
            self.attended_changed.emit(True)

    @Slot("QWindow*")
    def _observe_window(self, window: QWindow | None) -> None:
        if window is not None and window not in self._observed_windows:
            self._observed_windows.add(window)
            window.destroyed.connect(self._stop_observing_window)
            window.installEventFilter(self)

    @Slot(QObject)
    def _stop_observing_window(self, window: QObject) -> None:
        self._observed_windows = {
            observed_window for observed_window in self._observed_windows if observed_window is not window
        }

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() in _INPUT_EVENT_TYPES:
            self.store_input_time()
        return False

    @Slot()
    def handle_idle_time(self) -> None:
        """Compare the time since the latest input with two limits: lock the window after `idle_lock_seconds` (a
        setting), and emit `attended_changed(False)` after UNATTENDED_AFTER_SECONDS. A timer calls this."""
        input_seconds, input_instant = self._last_input_times
        idle_seconds = max(
            self._context.monotonic() - input_seconds, (self._context.now() - input_instant).total_seconds()
        )
        if idle_seconds >= self._context.settings.idle_lock_seconds:
            self.lock_window()
        if self._is_attended and idle_seconds >= UNATTENDED_AFTER_SECONDS:
            self._is_attended = False
            self.attended_changed.emit(False)

    # -- locking

    @property
    def is_locked(self) -> bool:
        return self._form is not None

    @Slot()
    def lock_window(self) -> None:
        """Lock the window. Do nothing if a cover already hides the window, or if the services aren't open yet."""
        if not self._frame.window_cover.is_covered and self._context.is_ready:
            self._locked_since = self._context.now()
            self._show_cover()

    def _show_cover(self) -> None:
        context = self._context
        asks_password = context.settings.sign_in.is_server
        can_switch_person = not asks_password and context.settings.environment != "production"
        self._form = UnlockForm(
            context,
            self._locked_since,
            needs_password=asks_password,
            people=context.people if can_switch_person else (),
        )
        self._form.submitted.connect(self._check_password)
        self._form.other_person_requested.connect(self.other_person_requested)
        cover = PrivacyCover(context, self._form)
        cover.language_requested.connect(context.change_language)
        self._frame.window_cover.show_cover(cover)
        self._form.focus_first_input()

    @Slot()
    def _rebuild_form(self) -> None:
        """Show the form again in the new language, with the person that it has selected."""
        if self._form is None:
            return
        person = self._form.person_list.currentData()
        self._show_cover()
        self._form.select_person(person)
        if self._is_checking_password:
            self._form.show_busy()

    # -- unlocking

    @Slot(object)
    def _check_password(self, password: str) -> None:
        """Let the service check the typed password in the background, then unlock the window or show the failure."""
        context, self._is_checking_password = self._context, True
        confirm_password = context.bind_services(lambda services: services.sign_in_service.confirm_password(password))
        context.runner.run(confirm_password, self._unlock_or_show_wrong_password, self._show_failure, caller=self)

    def _unlock_or_show_wrong_password(self, is_password_right: bool) -> None:
        """If the password is right, unlock the window. If the form has selected another person, first close the
        dialogs of the previous person and make the other one the acting person, so that no text that one person has
        typed is sent or stored in the name of the other. If the password is wrong, show that it is wrong."""
        form, self._is_checking_password = self._form, False
        if form is None:
            return
        if not is_password_right:
            form.show_failure(None)
            return
        person = form.person_list.currentData()
        if not isinstance(person, str) or person == self._context.operator:
            self.unlock_window()
            return
        self._frame.window_cover.reject_hidden_dialogs()
        self._context.change_operator(person)
        QTimer.singleShot(0, self, self.unlock_window)  # after Qt has deleted the closed dialogs and removed toasts

    def _show_failure(self, failure: Failure) -> None:
        """Show that the password couldn't be checked. The window stays locked."""
        self._is_checking_password = False
        if self._form is not None:
            self._form.show_failure(failure)

    def unlock_window(self) -> None:
        """Remove the cover, so that the person can use the window again."""
        self._form = None
        self.store_input_time()
        self._frame.window_cover.remove_cover()

    def stop(self) -> None:
        """Stop the timer, because the window closes: from now on, a time without input has no effect."""
        self._timer.stop()
