"""The list of the acting person's unfinished work that the window shows before it closes or signs the person out."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from console.domain.recovery.left_open import LeftOpen
from console.views.frame.main_window import WindowFrame
from console.views.runtime.tasks import Failure

if TYPE_CHECKING:
    from console.app import Console


class LeaveConfirmation(QObject):
    """Shows the acting person a list of the person's own unfinished work before the window closes or the person signs
    out. The list is shown again only if it has new work; otherwise the second attempt to leave succeeds. It isn't
    shown either if it can't be read, while the database is unreachable, while the window is covered (locked, or
    without a person), or while the operating system ends the session.
    """

    def __init__(self, frame: WindowFrame) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._is_list_suppressed = self._is_reading = False
        self._shown_work: frozenset[tuple[object, ...]] = frozenset()
        self._context.person_changed.connect(self._forget_shown_work)

    def ask_before_leaving(self, leave: Callable[[], object], button_key: str) -> bool:
        """Return True if the person may leave now without a question. Otherwise return False, read the person's
        unfinished work in the background, and then do one of the following:

        - If the work contains an item that the list hasn't shown yet, show the list, with a button that calls
          `leave`. `button_key` is the wording key of the button's text.
        - If there is no such item, or if the work can't be read, call `leave`.

        So a person who closes the list and goes on working is asked again about new work only.
        """
        context = self._context
        application = QGuiApplication.instance()
        is_session_ending = isinstance(application, QGuiApplication) and application.isSavingSession()
        is_away = not context.is_ready or context.connection_state.lost_since is not None
        if (
            self._is_list_suppressed
            or self._is_reading
            or is_away
            or is_session_ending
            or self._frame.window_cover.is_covered
        ):
            return True
        self._is_reading = True
        drafts = context.person_values.list_drafts()

        def read_open_items(services: "Console") -> tuple[LeftOpen, ...]:
            return services.left_open.list_items(drafts)

        def leave_without_question() -> None:
            self._is_list_suppressed = True  # `leave` may ask again
            leave()

        def show_list_or_leave(open_items: tuple[LeftOpen, ...]) -> None:
            self._is_reading = False
            open_work = frozenset((item.reason, item.kind, item.id, item.name, item.since) for item in open_items)
            if open_work <= self._shown_work:
                leave_without_question()
            else:
                self._shown_work = open_work
                self._open_unfinished_dialog(leave_without_question, button_key)

        def leave_after_failure(_failure: Failure) -> None:
            self._is_reading = False
            leave_without_question()

        context.run_read(read_open_items, show_list_or_leave, leave_after_failure, caller=self)
        return False

    @Slot()
    def _forget_shown_work(self) -> None:
        """Ask the next person, too, because the list has shown only the work of the previous one."""
        self._is_list_suppressed, self._shown_work = False, frozenset()

    def suppress_left_open_list(self) -> None:
        """From now on, let the window close without the list of work left open, because another dialog has already
        asked the person."""
        self._is_list_suppressed = True

    def _open_unfinished_dialog(self, leave: Callable[[], object], button_key: str) -> None:
        from console.views.left_open.unfinished_dialog import open_unfinished_work_dialog

        translate = self._context.translate
        dialog = open_unfinished_work_dialog(self._frame)
        dialog.offer_to_leave(translate("dialog.unfinished.leaving"), translate(button_key), leave)
