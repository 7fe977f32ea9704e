"""Finds the ends of lines in a label that wraps: between phrases of its Japanese text, or inside a phrase."""

import re
from functools import lru_cache

from PySide6.QtGui import QTextDocument

from console.views.theme.mixed_font_text import prevent_line_ends_in_numbers
from console.views.widgets.base import TextLabel
from console.wording.sentences.line_breaks import (
    MAX_WHOLE_PHRASE_LETTERS,
    POSSIBLE_BREAK,
    allow_breaks_in_long_words,
    remove_line_break_marks,
    split_phrases,
)

_JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")


def lines_of(label: TextLabel) -> list[str]:
    """The lines that a label which wraps shows, as plain text."""
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setDefaultFont(label.font())
    document.setHtml(label.text()) if label.text().startswith("<") else document.setPlainText(label.text())
    document.setTextWidth(label.contentsRect().width())
    document.documentLayout().documentSize()
    lines = []
    block = document.begin()
    while block.isValid():
        layout = block.layout()
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            text = block.text()[line.textStart() : line.textStart() + line.textLength()]
            lines += [remove_line_break_marks(part) for part in text.split("\u2028") if part]
        block = block.next()
    return lines


def wrong_ends(label: TextLabel) -> list[str]:
    """The lines that end inside a phrase of the label's text, if it has Japanese letters: the lines of other texts
    end where Qt ends them. Spaces don't count: Qt leaves some of them out.
    """
    if not _JAPANESE.search(label.plain):
        return []
    ends, place = _phrase_ends(label.plain), 0
    wrong = []
    for line in lines_of(label):
        place += len("".join(line.split()))
        if place not in ends:
            wrong.append(line)
    return wrong


@lru_cache(maxsize=4096)
def _phrase_ends(text: str) -> frozenset[int]:
    """Return the places after which a line may end, as the number of characters before them without spaces. What is
    too long for a line may end inside."""
    ends, place = {0}, 0
    for phrase in split_phrases(prevent_line_ends_in_numbers(allow_breaks_in_long_words(text))):
        is_too_long = len(_JAPANESE.findall(phrase)) > MAX_WHOLE_PHRASE_LETTERS
        pieces = list(phrase) if is_too_long else phrase.split(POSSIBLE_BREAK)
        for piece in pieces:
            place += len("".join(remove_line_break_marks(piece).split()))
            ends.add(place)
    return frozenset(ends)
