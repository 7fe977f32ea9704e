"""Ask once, before the window closes or the person signs out, about what the person leaves open."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from console.domain.recovery.left_open import LeftOpen
from console.views.app.main_window import Frame
from console.views.runtime.tasks import Failure

if TYPE_CHECKING:
    from console.app import Console


class LeavingQuestion(QObject):
    """Lists what the acting person leaves open, when the person wants to leave. It asks once in the life of a window,
    and holds nobody: a second attempt leaves at once, and so does one while the database is unreachable, while the
    window is covered, while the system ends the person's session, and after a failed reading.
    """

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._is_asked = False

    def may_leave(self, leave: Callable[[], object], key: str) -> bool:
        """Return True if the person may leave now. Otherwise read what is open and return False; then call `leave` if
        there is nothing, or open the list with a button that calls it. `key` is the wording key of that button.
        """
        context = self._context
        application = QGuiApplication.instance()
        is_session_ending = isinstance(application, QGuiApplication) and application.isSavingSession()
        is_away = not context.is_ready or context.connection_state.lost_since is not None
        if self._is_asked or is_away or is_session_ending or self._frame.window_cover.is_covered:
            return True
        self._is_asked = True
        drafts = context.own_state.drafts()

        def read(services: "Console") -> tuple[LeftOpen, ...]:
            return services.left_open.list_items(drafts)

        def ask(items: tuple[LeftOpen, ...]) -> None:
            if items:
                self._open_list(leave, key)
            else:
                leave()

        def leave_unasked(_failure: Failure) -> None:
            leave()

        context.run_read(read, ask, leave_unasked, owner=self)
        return False

    def skip(self) -> None:
        """Don't ask any more, because another dialog has asked the person whether to leave."""
        self._is_asked = True

    def _open_list(self, leave: Callable[[], object], key: str) -> None:
        from console.views.app.unfinished_dialog import open_unfinished

        translate = self._context.translate
        dialog = open_unfinished(self._frame)
        dialog.offer_to_leave(translate("dialog.unfinished.leaving"), translate(key), leave)
