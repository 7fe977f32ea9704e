"""Finds lines of a wrapped label that end inside a phrase of its Japanese text."""

import re
from functools import lru_cache

from PySide6.QtGui import QTextDocument

from console.views.theme.mixed_font_text import prevent_bad_line_ends
from console.views.widgets.base import TextLabel
from console.wording.sentences.line_breaks import (
    MAX_WHOLE_PHRASE_LETTERS,
    POSSIBLE_BREAK,
    allow_breaks_in_long_words,
    remove_line_break_marks,
    split_phrases,
)

_JAPANESE_PATTERN = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")


def read_label_lines(label: TextLabel) -> list[str]:
    """Return the lines that a wrapped label shows, as plain text."""
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


def find_wrong_line_ends(label: TextLabel) -> list[str]:
    """Return the lines of the label that end inside a phrase, if the label has Japanese letters. Lines of other texts
    may end where Qt wraps them. Spaces aren't compared, because Qt leaves some out."""
    if not _JAPANESE_PATTERN.search(label.plain):
        return []
    ends, place = _compute_phrase_ends(label.plain), 0
    wrong = []
    for line in read_label_lines(label):
        place += len("".join(line.split()))
        if place not in ends:
            wrong.append(line)
    return wrong


@lru_cache(maxsize=4096)
def _compute_phrase_ends(text: str) -> frozenset[int]:
    """Return the places after which a line may end, as numbers of characters without spaces. A phrase that is too
    long for a line may be split anywhere."""
    ends, place = {0}, 0
    for phrase in split_phrases(prevent_bad_line_ends(allow_breaks_in_long_words(text))):
        is_too_long = len(_JAPANESE_PATTERN.findall(phrase)) > MAX_WHOLE_PHRASE_LETTERS
        pieces = list(phrase) if is_too_long else phrase.split(POSSIBLE_BREAK)
        for piece in pieces:
            place += len("".join(remove_line_break_marks(piece).split()))
            ends.add(place)
    return frozenset(ends)
