"""Remove the invisible characters by which a label keeps phrases and numbers on one line from copied text."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QClipboard, QGuiApplication

from console.wording.line_breaks import WORD_JOINER, remove_line_break_marks


def install_plain_clipboard() -> None:
    """Remove the marks that keep phrases and numbers on one line from each text that the application puts on the
    clipboard. Call this once.
    """
    QGuiApplication.clipboard().changed.connect(_make_plain)


@Slot(QClipboard.Mode)
def _make_plain(mode: QClipboard.Mode) -> None:
    """Called after a change of the clipboard. While the application is active, the change is its own."""
    clipboard = QGuiApplication.clipboard()
    is_active = QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive
    if is_active and WORD_JOINER in (text := clipboard.text(mode)):
        clipboard.setText(remove_line_break_marks(text), mode)
