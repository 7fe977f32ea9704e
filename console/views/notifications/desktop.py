"""Shows desktop messages with the operating system's notification area (the tray). If the desktop has no tray, the
program shows no desktop messages."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from console.domain.links.link import Link


class DesktopMessageTray(QObject):
    """Shows desktop messages through the program's icon in the tray.

    Signals:
    - message_clicked(object): the person has clicked the newest message; the argument is its Link, or None.
    - icon_clicked: the person has clicked the icon in the tray.
    """

    message_clicked = Signal(object)
    icon_clicked = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._icon: QSystemTrayIcon | None = None
        self._link: Link | None = None

    @property
    def is_available(self) -> bool:
        """True if this desktop has a tray that can show messages."""
        return QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()

    def show_icon(self, tool_tip: str) -> None:
        """Show the icon with this tool tip. Call this before the first message: a desktop shows a message beside the
        icon, and knows the place of the icon only a moment after the icon has appeared."""
        if self._icon is None:
            self._icon = QSystemTrayIcon(QApplication.windowIcon(), self)
            self._icon.messageClicked.connect(self.emit_link_of_newest_message)
            self._icon.activated.connect(self._emit_icon_click)
        self._icon.setToolTip(tool_tip)
        self._icon.show()

    def show_message(self, title: str, text: str, link: Link | None) -> None:
        """Show a desktop message. A click on it emits `message_clicked` with `link`."""
        self.show_icon(title)
        self._link = link
        if self._icon is not None:
            self._icon.showMessage(title, text, QApplication.windowIcon())

    @Slot(QSystemTrayIcon.ActivationReason)
    def _emit_icon_click(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.icon_clicked.emit()

    @Slot()
    def emit_link_of_newest_message(self) -> None:
        """Emit `message_clicked` with the link of the newest message, because the person has clicked it."""
        self.message_clicked.emit(self._link)

    @Slot()
    def remove_icon(self) -> None:
        """Remove the icon from the tray, because the window closes or the person signs out."""
        if self._icon is not None:
            self._icon.hide()
