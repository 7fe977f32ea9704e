"""A text field that shows the text of a PDF, in which a person can read and search it, also with a screen reader."""

import unicodedata
from collections.abc import Sequence

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

_HYPHEN_MARK = "\ufffe"  # pdfium's mark for a hyphen at the end of a line
_NULL_CHARACTER = "\0"


class PdfTextField(QPlainTextEdit):
    """A read-only text field that shows the text layer of a PDF, page after page, each under a heading. The person
    can select and copy the text and move the cursor with the keys of a text field."""

    def __init__(self, accessible_name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(accessible_name)
        self._page_start_positions: list[int] = []

    def show_pages(self, headings: Sequence[str], texts: Sequence[str]) -> None:
        """Show the texts of all pages, each below its heading; both sequences have one item per page."""
        parts, length = [], 0
        self._page_start_positions = []
        for heading, text in zip(headings, texts, strict=True):
            self._page_start_positions.append(length)
            part = f"{heading}\n\n{clean_pdf_text(text)}\n\n"
            parts.append(part)
            length += _count_utf16_units(part)
        self.setPlainText("".join(parts).rstrip())
        self.go_to_page(0)

    def show_message(self, message: str) -> None:
        """Show a message in place of the PDF's text, for example while the text is being read."""
        self._page_start_positions = []
        self.setPlainText(message)

    def go_to_page(self, index: int) -> None:
        """Put the cursor on the heading of the page with this index (from 0) and scroll the heading to the top."""
        if index < len(self._page_start_positions):
            self.moveCursor(QTextCursor.MoveOperation.End)
            cursor = self.textCursor()
            cursor.setPosition(self._page_start_positions[index])
            self.setTextCursor(cursor)

    def get_page_at_cursor(self) -> int:
        """Return the index (from 0) of the page that contains the cursor."""
        cursor_position = self.textCursor().selectionStart()
        return max(
            (index for index, start in enumerate(self._page_start_positions) if start <= cursor_position), default=0
        )

    def select_match(self, match: tuple[int, int]) -> None:
        """Select `match`, a pair of character positions (start, end) that `find_text_matches` has returned, and
        scroll to it."""
        text = self.toPlainText()
        start, end = (_count_utf16_units(text[:place]) for place in match)
        cursor = self.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        self.ensureCursorVisible()


def clean_pdf_text(text: str) -> str:
    """Return the text of a page with line feeds as its only line breaks. The special characters that the PDF library
    inserts, such as its mark for a hyphen, are removed."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace(_HYPHEN_MARK, "-").replace(_NULL_CHARACTER, "")
    return "\n".join(line.rstrip() for line in lines.split("\n")).strip()


def find_text_matches(text: str, search_text: str) -> list[tuple[int, int]]:
    """Return the matches of `search_text` in `text`, each as the position of its first character and the position
    after its last character, both counted from 0. Matches don't overlap. The comparison ignores character width, case
    and white space, as the search on the page images does. Return [] if nothing matches, or if `search_text` has only
    white space."""
    letters = [
        (form, letter_position) for letter_position, letter in enumerate(text) for form in _normalize_letter(letter)
    ]
    folded_text = "".join(form for form, _ in letters)
    searched_text = "".join(form for letter in search_text for form in _normalize_letter(letter))
    matches: list[tuple[int, int]] = []
    letter_index = folded_text.find(searched_text) if searched_text else -1
    while letter_index >= 0:
        matches.append((letters[letter_index][1], letters[letter_index + len(searched_text) - 1][1] + 1))
        letter_index = folded_text.find(searched_text, letter_index + len(searched_text))
    return matches


def _normalize_letter(letter: str) -> str:
    """Return the letter in the form in which it is compared: normal character width and lower case; "" for white
    space."""
    return "".join(form for form in unicodedata.normalize("NFKC", letter).casefold() if not form.isspace())


def _count_utf16_units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, in which Qt counts positions."""
    return len(text.encode("utf-16-le")) // 2
