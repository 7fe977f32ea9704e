"""The place in a panel for one notice at a time."""

from PySide6.QtWidgets import QVBoxLayout

from console.views.look.tokens import Tone
from console.views.widgets.bars import Bar


class Notices(QVBoxLayout):
    """Each is announced when it appears, like every bar."""

    def tell(self, lead: str, words: str, tone: Tone = "text", shape: str = "warning") -> None:
        """Show it in place of an earlier one."""
        while item := self.takeAt(0):
            if old := item.widget():
                old.hide()
                old.deleteLater()
        bar = Bar(lead, words, tone=tone, shape=shape, narrow=True)
        self.addWidget(bar)
        bar.show()
