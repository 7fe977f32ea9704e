"""Links in one window: copy the link of the shown page, and show the page of a received link."""

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QApplication

from console.domain.links.link import Link, link_text
from console.views.app.main_window import Frame
from console.views.links.listener import LinkListener
from console.views.links.routes import link_of_route, route_of_link


class WindowLinks(QObject):
    """Copies the link of the shown page, and shows the pages of received links. A link never acts: it only changes
    the page.

    A link that arrives while the window is covered (locked, or without a person) is shown when the cover is removed.
    While a dialog is open, a toast names the link, and the page stays, so that typed text isn't lost; the link is
    shown when it is opened again after the dialog.
    """

    def __init__(self, frame: Frame, parent: QObject) -> None:
        super().__init__(parent)
        self._frame, self._context = frame, frame.context
        self._waiting: Link | None = None
        self.listener = LinkListener(self._context.settings.home, self)
        self.listener.link_received.connect(self.show_link)
        frame.window_cover.cover_removed.connect(self.open_waiting)

    def show_first(self, link: Link | None) -> None:
        """Show this link as soon as the services are open; None: no link."""
        if link is not None:
            self._waiting = link

    @Slot(object)
    def show_link(self, link: Link) -> None:
        """Raise the window and show the page of the link, now or when the window's cover is removed."""
        self._waiting = link
        self.raise_window()
        self.open_waiting()

    def raise_window(self) -> None:
        """Show the window in front of the others."""
        window = self._frame.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()

    @Slot()
    def open_waiting(self) -> None:
        """Show the page of the waiting link, if there is one and the window isn't covered. While a dialog is open,
        show a toast instead.
        """
        link = self._waiting
        if link is None or not self._context.is_ready or self._frame.window_cover.is_covered:
            return
        if QApplication.activeModalWidget() is not None:
            words = self._context.translate("link.dialog_open", link=link_text(link))
            self._context.show_toast(words, shape="square_bang", tone="care")
            return
        self._waiting = None
        self._context.navigate(route_of_link(link))

    @Slot()
    def copy_link(self) -> None:
        """Copy the link of the shown page to the clipboard, and show a toast about it."""
        link = link_of_route(self._frame.current_route)
        if link is None:
            self._context.show_toast(self._context.translate("link.none"), shape="square_bang", tone="care")
            return
        QApplication.clipboard().setText(link_text(link))
        self._context.show_toast(self._context.translate("link.copied"), link_text(link))
