"""Removes invisible characters from text that the person copies. Labels contain these characters so that phrases and
numbers stay on one line."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QClipboard, QGuiApplication

from console.wording.sentences.line_breaks import POSSIBLE_BREAK, WORD_JOINER, remove_line_break_marks


def install_plain_clipboard() -> None:
    """Remove the invisible characters that keep phrases and numbers on one line from every text that the person
    copies in the application. Call this once."""
    QGuiApplication.clipboard().changed.connect(_remove_clipboard_marks)


@Slot(QClipboard.Mode)
def _remove_clipboard_marks(mode: QClipboard.Mode) -> None:
    """Remove the invisible characters from the text on the clipboard. Do nothing if the text contains no such
    character, or if this application isn't active, because another program has then copied the text. Qt calls this
    after each change of the clipboard."""
    clipboard = QGuiApplication.clipboard()
    is_active = QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive
    text = clipboard.text(mode) if is_active else ""
    if WORD_JOINER in text or POSSIBLE_BREAK in text:
        clipboard.setText(remove_line_break_marks(text), mode)
