"""The text of a PDF as a person reads and searches it, with or without a screen reader."""

import unicodedata
from collections.abc import Sequence

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

_HYPHEN_MARK = "\ufffe"  # pdfium's mark for a hyphen at the end of a line
_NULL = "\0"


class PdfText(QPlainTextEdit):
    """Shows the text layer of a PDF, page after page, each under its heading. The text is selected and copied, and
    read by the keys of a text field.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(name)
        self._page_starts: list[int] = []

    def show_pages(self, headings: Sequence[str], texts: Sequence[str]) -> None:
        """Show the text of all pages; `headings` are the lines above them."""
        parts, length = [], 0
        self._page_starts = []
        for heading, text in zip(headings, texts, strict=True):
            self._page_starts.append(length)
            part = f"{heading}\n\n{clean_text(text)}\n\n"
            parts.append(part)
            length += _utf16_length(part)
        self.setPlainText("".join(parts).rstrip())
        self.go_to_page(0)

    def show_words(self, words: str) -> None:
        """Show words in place of the text."""
        self._page_starts = []
        self.setPlainText(words)

    def go_to_page(self, index: int) -> None:
        """Put the cursor on the heading of a page, at the top of the view."""
        if index < len(self._page_starts):
            self.moveCursor(QTextCursor.MoveOperation.End)
            cursor = self.textCursor()
            cursor.setPosition(self._page_starts[index])
            self.setTextCursor(cursor)

    def page_at_cursor(self) -> int:
        """Return the index of the page in which the cursor is."""
        at = self.textCursor().selectionStart()
        return max((index for index, start in enumerate(self._page_starts) if start <= at), default=0)

    def select_match(self, match: tuple[int, int]) -> None:
        """Select a match of `find_text` and scroll to it."""
        text = self.toPlainText()
        start, end = (_utf16_length(text[:place]) for place in match)
        cursor = self.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        self.ensureCursorVisible()


def clean_text(text: str) -> str:
    """Return the text of a page without the marks of the PDF library, with one kind of line break."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace(_HYPHEN_MARK, "-").replace(_NULL, "")
    return "\n".join(line.rstrip() for line in lines.split("\n")).strip()


def find_text(text: str, words: str) -> list[tuple[int, int]]:
    """Return the places of `words` in the text as (start, end). Character width, case and line breaks are ignored, as
    in the search on the images of the pages.
    """
    letters = [(form, place) for place, letter in enumerate(text) for form in _comparable_form(letter)]
    plain = "".join(form for form, _ in letters)
    searched = "".join(form for letter in words for form in _comparable_form(letter))
    matches: list[tuple[int, int]] = []
    at = plain.find(searched) if searched else -1
    while at >= 0:
        matches.append((letters[at][1], letters[at + len(searched) - 1][1] + 1))
        at = plain.find(searched, at + len(searched))
    return matches


def _comparable_form(letter: str) -> str:
    return "".join(form for form in unicodedata.normalize("NFKC", letter).casefold() if not form.isspace())


def _utf16_length(text: str) -> int:
    """Return the length as Qt counts it: a character outside the basic plane has two units."""
    return len(text.encode("utf-16-le")) // 2
