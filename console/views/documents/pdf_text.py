"""A text field that shows the text of a PDF, in which a person can read and search it, also with a screen reader."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

_HYPHEN_MARK = "\ufffe"  # pdfium's mark for a hyphen at the end of a line
_NULL_CHARACTER = "\0"
_MAX_TEXT_MATCHES = 1_000
"""Largest number of matches of one search, as in the images of the pages."""
_SEARCHED_BLOCK_CHARACTERS = 256


class PdfTextField(QPlainTextEdit):
    """A read-only text field that shows the text layer of a PDF, page after page, each under a heading. The person
    can select and copy the text and move the cursor with the keys of a text field."""

    def __init__(self, accessible_name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(accessible_name)
        self._page_start_positions: list[int] = []

    def show_pages(self, headings: Sequence[str], texts: Sequence[str], end_note: str = "") -> None:
        """Show the texts of the pages, each below its heading; both sequences have one item per page. `end_note` is
        shown below the last text."""
        parts, length = [], 0
        self._page_start_positions = []
        for heading, text in zip(headings, texts, strict=True):
            self._page_start_positions.append(length)
            part = f"{heading}\n\n{clean_pdf_text(text)}\n\n"
            parts.append(part)
            length += _count_utf16_units(part)
        self.setPlainText("".join((*parts, end_note)).rstrip())
        self.go_to_page(0)

    def show_message(self, message: str) -> None:
        """Show a message in place of the PDF's text, for example while the text is being read."""
        self._page_start_positions = []
        self.setPlainText(message)

    def go_to_page(self, index: int) -> None:
        """Put the cursor on the heading of the page with this index (from 0) and scroll the heading to the top. If
        the text of this page isn't shown, go to the last page whose text is shown."""
        if self._page_start_positions:
            self.moveCursor(QTextCursor.MoveOperation.End)
            cursor = self.textCursor()
            cursor.setPosition(self._page_start_positions[min(index, len(self._page_start_positions) - 1)])
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
    """Return the text of a page with line feeds as its only line breaks, and without white space at the ends of its
    lines. The PDF library's mark for a hyphen becomes a hyphen, and null characters are removed."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace(_HYPHEN_MARK, "-").replace(_NULL_CHARACTER, "")
    return "\n".join(line.rstrip() for line in lines.split("\n")).strip()


def find_text_matches(text: str, search_text: str) -> list[tuple[int, int]]:
    """Return the matches of `search_text` in `text`, at most _MAX_TEXT_MATCHES, each as the position of its first
    character and the position after its last character, both counted from 0. Matches don't overlap. The comparison
    ignores character width, case and white space, as the search on the page images does. Return [] if nothing
    matches, or if `search_text` has only white space.

    The text is normalised block by block, because the GUI thread calls this function: the positions of the letters
    are computed only for the blocks with matches.
    """
    searched_text = search_text.translate(_NORMAL_LETTER_BY_CODE_POINT)
    if not searched_text:
        return []
    starts = range(0, len(text), _SEARCHED_BLOCK_CHARACTERS)
    blocks = [text[start : start + _SEARCHED_BLOCK_CHARACTERS] for start in starts]
    normal_blocks = [block.translate(_NORMAL_LETTER_BY_CODE_POINT) for block in blocks]
    normal_starts = list(accumulate(map(len, normal_blocks), initial=0))
    normal_text = "".join(normal_blocks)

    @cache
    def list_letter_positions(block_index: int) -> list[int]:
        """Return, for each letter of a normalised block, the position in `text` of the letter that it is made of."""
        return [
            position
            for position, letter in enumerate(blocks[block_index], starts[block_index])
            for _ in letter.translate(_NORMAL_LETTER_BY_CODE_POINT)
        ]

    def find_position(normal_index: int) -> int:
        """Return the position in `text` of the letter of which the letter `normal_index` of `normal_text` is made."""
        block_index = bisect_right(normal_starts, normal_index) - 1
        return list_letter_positions(block_index)[normal_index - normal_starts[block_index]]

    matches: list[tuple[int, int]] = []
    found_at = normal_text.find(searched_text)
    while found_at >= 0 and len(matches) < _MAX_TEXT_MATCHES:
        end = found_at + len(searched_text)
        matches.append((find_position(found_at), find_position(end - 1) + 1))
        found_at = normal_text.find(searched_text, end)
    return matches


class _NormalLetterByCodePoint(dict[int, str]):
    """Table for `str.translate` that maps a letter to the form in which it is compared: normal character width and
    lower case; "" for white space. An entry is computed when its letter first occurs."""

    def __missing__(self, code: int) -> str:
        folded_letter = unicodedata.normalize("NFKC", chr(code)).casefold()
        normal_letter = self[code] = "".join(form for form in folded_letter if not form.isspace())
        return normal_letter


_NORMAL_LETTER_BY_CODE_POINT = _NormalLetterByCodePoint()


def _count_utf16_units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units, in which Qt counts positions."""
    return len(text.encode("utf-16-le")) // 2
