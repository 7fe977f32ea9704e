"""Copies the link of the visible page, and opens the page of a received link."""

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QApplication

from console.domain.links.link import Link, format_link
from console.views.frame.main_window import WindowFrame
from console.views.links.listener import LinkListener
from console.views.links.routes import convert_link_to_route, find_link_to_route


class WindowLinkHandler(QObject):
    """Copies the link of the visible page, and opens the pages of links that other processes send.

    A link can only open a page; it never changes data. If a link arrives while the window is covered (locked, or
    without a person), its page opens when the cover is removed. If a link arrives while a dialog is open, a toast
    names the link and the page stays, so that typed text isn't lost. The person can open the link again later.
    """

    def __init__(self, frame: WindowFrame, parent: QObject) -> None:
        super().__init__(parent)
        self._frame, self._context = frame, frame.context
        self._waiting_link: Link | None = None
        self.listener = LinkListener(self._context.settings.home, self)
        self.listener.link_received.connect(self.show_link)
        frame.window_cover.cover_removed.connect(self.open_received_link)

    def open_link_at_start(self, link: Link | None) -> None:
        """Open the page of this link as soon as the services are open. Do nothing if `link` is None."""
        if link is not None:
            self._waiting_link = link

    @Slot(object)
    def show_link(self, link: Link) -> None:
        """Bring the window to the front and open the page of the link, or open it later when the window's cover is
        removed."""
        self._waiting_link = link
        self.raise_window()
        self.open_received_link()

    def raise_window(self) -> None:
        """Bring the window to the front of all windows; restore it if it is minimized."""
        window = self._frame.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()

    @Slot()
    def open_received_link(self) -> None:
        """Open the page of the received link that has not been opened yet. Do nothing if there is no such link, or if
        the window is covered. While a dialog is open, show a toast instead and drop the link: it must not replace a
        page later, when nobody expects it."""
        link = self._waiting_link
        if link is None or not self._context.is_ready or self._frame.window_cover.is_covered:
            return
        self._waiting_link = None
        if QApplication.activeModalWidget() is not None:
            sentence = self._context.translate("link.dialog_open", link=format_link(link))
            self._context.show_toast(sentence, icon_name="square_bang", tone="care", subject_title="")
            return
        self._context.navigate(convert_link_to_route(link))

    @Slot()
    def copy_link(self) -> None:
        """Copy the link of the visible page to the clipboard and show a toast about it. If the page has no link, only
        show a toast which says that the page has no link."""
        link = find_link_to_route(self._frame.route_to_shown_contents)
        if link is None:
            self._context.show_toast(
                self._context.translate("link.none"), icon_name="square_bang", tone="care", subject_title=""
            )
            return
        QApplication.clipboard().setText(format_link(link))
        page = self._frame.current_page
        subject_title = page.page_name if page is not None else ""
        self._context.show_toast(
            self._context.translate("link.copied"), format_link(link), subject_title=subject_title
        )
