"""Stores the page that the window shows to the acting person, and opens the same page at the next start of the
program. The first start of a training opens the page of the training.
"""

from PySide6.QtCore import QObject, Slot

from console.views.frame.main_window import WindowFrame
from console.views.pages.no_right_page import NoRightPage
from console.views.runtime.person_state import SCREEN_VALUE_NAME
from console.views.runtime.routes import HomeRoute, TrainingRoute, decode_route, encode_route


class LastScreenStorage(QObject):
    """Stores, after each change, the route of the visible page and the state of this page (filter, tab, selected
    row). It also opens the stored page once in each window, when the stored values of the first person who acts in
    the window have been read. If that person has already opened another page than the start page, it doesn't open the
    stored page."""

    def __init__(self, frame: WindowFrame) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._is_restored = False
        frame.page_shown.connect(self._store_screen)
        self._context.person_values.loaded.connect(self._restore_screen)

    @Slot()
    def _store_screen(self) -> None:
        """Store the route and the state of the visible page among the person's values, unless the person has no right
        to see the page."""
        page, route = self._frame.current_page, self._frame.current_route
        if self._is_restored and page is not None and route is not None and not isinstance(page, NoRightPage):
            screen = {"route": encode_route(route), "page": dict(page.get_screen_state())}
            self._context.person_values.store(SCREEN_VALUE_NAME, screen)

    @Slot()
    def _restore_screen(self) -> None:
        """Open the page that was stored for the acting person, unless the person has already opened another page than
        the start page. If the person has drafts, show a toast with their number. Each window does this only once; a
        later call only stores the visible page for the person who is acting now."""
        if self._is_restored:
            self._store_screen()
            return
        self._is_restored = True
        stored_value = self._context.person_values.get_value(SCREEN_VALUE_NAME)
        screen = stored_value if isinstance(stored_value, dict) else {}
        route = decode_route(screen.get("route"))
        if route is None and self._context.has_training:
            route = TrainingRoute()
        if self._frame.current_route in (HomeRoute(), self._frame.start_route) and route not in (None, HomeRoute()):
            page_state = screen.get("page")
            self._frame.show_route(route, page_state if isinstance(page_state, dict) else {})
            drafts = len(self._context.person_values.list_drafts())
            if drafts:
                self._context.show_toast(
                    self._context.translate("draft.waiting", n=drafts), "", "clock", "progress", subject_title=""
                )
        self._store_screen()
