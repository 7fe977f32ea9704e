"""The Qt application of the window. It receives the links that macOS opens."""

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication


class LinkApplication(QApplication):
    """A QApplication that emits `link_opened` with the `Link` that a person has opened in another program. macOS
    sends such a link to the running application as an event; on other systems the link is an argument of the command
    `open`. A text that is no link of this program is ignored.
    """

    link_opened = Signal(object)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent):
            from console.domain.links.link import parse_link  # not before the first frame

            link = parse_link(event.url().toString())
            if link is not None:
                self.link_opened.emit(link)
            return True
        return super().event(event)
