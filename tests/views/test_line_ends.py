"""Tests that lines of Japanese labels end between phrases at every width, and that copied texts contain no marks for
line ends. `tests/legible` checks the labels of every screen.
"""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from console.views.theme.mixed_font_text import prevent_bad_line_ends, split_font_runs
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.wording.sentences.line_breaks import POSSIBLE_BREAK, WORD_JOINER, keep_phrases_whole
from tests.legible.line_ends import find_wrong_line_ends, read_label_lines

SENTENCE = (
    "11-20 15:09 に PayPay へ自動的に確認します（8 回中 3 回目）。支払者に再度の支払いを依頼しないでください。"
    "法人番号 7 1234 5678 9012 の請求額は ¥1,234,567 ですが、決済会社の金額は ¥1,230,000 です。"
)


@pytest.mark.parametrize("width", range(170, 700, 37))
def test_a_wrapped_label_ends_its_lines_between_phrases(width: int) -> None:
    """A wrapped label shows the whole sentence, and no number, amount or time is divided between two lines."""
    label = TextLabel(SENTENCE, wraps_lines=True)
    label.resize(width, 400)
    lines = read_label_lines(label)
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == SENTENCE.replace(" ", "")
    assert find_wrong_line_ends(label) == []
    for whole in ("11-20 15:09", "7 1234 5678 9012", "¥1,234,567", "8 回中", "PayPay へ"):
        assert any(whole in line for line in lines), whole


@pytest.mark.parametrize(
    "text", ["株式会社" + "国際総合情報技術研究開発機構" * 10, "https://desk.example/" + "0123456789abcdef" * 12]
)
def test_a_label_wraps_a_name_without_spaces(text: str) -> None:
    """A name without spaces, such as the longest name of a company or a typed address, wraps within 300 px, so that
    no page becomes too wide.
    """
    label = TextLabel(text, wraps_lines=True)
    assert label.minimumSizeHint().width() < 300
    label.resize(300, 400)
    assert "".join(read_label_lines(label)) == text


@pytest.mark.parametrize("mark", [WORD_JOINER, POSSIBLE_BREAK])
def test_marks_between_phrases_have_no_width(mark: str) -> None:
    """The invisible marks between phrases have a width of zero in every font."""
    for role in ("small", "body", "section", "title"):
        metrics = current_appearance().font_metrics(role)
        assert metrics.horizontalAdvance(mark.join("結果が不明")) == metrics.horizontalAdvance("結果が不明")


def test_figures_have_the_same_pieces_with_marks() -> None:
    """A sum, a time and a number are divided into the same font runs with and without the invisible marks around
    them.
    """
    figures = {piece for piece, is_figure in split_font_runs(prevent_bad_line_ends(SENTENCE)) if is_figure}
    marked = keep_phrases_whole(prevent_bad_line_ends(SENTENCE))
    assert {piece for piece, is_figure in split_font_runs(marked) if is_figure} == figures


@pytest.mark.parametrize(("text", "mark"), [(SENTENCE, WORD_JOINER), ("https://desk.example/" * 4, POSSIBLE_BREAK)])
def test_copied_and_spoken_texts_have_no_line_break_marks(text: str, mark: str) -> None:
    """A selection on the clipboard, the accessible name and the label's own text contain no marks for line ends."""
    label = TextLabel(text, wraps_lines=True, is_selectable=True)
    label.resize(300, 400)
    label.show()
    label.activateWindow()
    assert QTest.qWaitForWindowActive(label)
    label.setFocus()
    assert mark in label.text()
    QTest.keyClick(label, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == text
    assert label.plain == label.accessibleName() == text
