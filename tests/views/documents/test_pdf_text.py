"""Tests of the text of a PDF: the text is cleaned, words are found in any width of letters, and the text field knows
the page at the cursor.
"""

import pytest
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from console.views.documents.pdf_text import PdfTextField, clean_pdf_text, find_text_matches


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("hy\ufffephen\0", "hy-phen"),
        ("  \n line  \n\n", "line"),
        ("", ""),
    ],
)
def test_control_characters_of_the_pdf_library_are_removed(text: str, clean: str) -> None:
    assert clean_pdf_text(text) == clean


@pytest.mark.parametrize(
    ("text", "words", "found_texts"),
    [
        ("Result hold", "RESULT", ["Result"]),
        ("法人番号 １２３４", "1234", ["１２３４"]),
        ("株式\n会社さくら", "株式会社", ["株式\n会社"]),
        ("aaaa", "aa", ["aa", "aa"]),
        ("㍿さくら", "会社", ["㍿"]),
        ("𠮷野家 report", "report", ["report"]),
        ("none", "some", []),
        ("none", " ", []),
    ],
)
def test_a_search_in_the_text_ignores_width_case_and_line_breaks(
    text: str, words: str, found_texts: list[str]
) -> None:
    """A search in the text ignores width, case and line breaks, and returns the position of the letters in the
    original text.
    """
    assert [text[start:end] for start, end in find_text_matches(text, words)] == found_texts


def test_matches_are_found_at_the_edges_of_blocks() -> None:
    """A long text is normalised block by block. A match is found wherever it begins, also behind letters that become
    several letters or none.
    """
    for filler in ("x" * 700, "㍿" * 300, " \n" * 400):
        for length in range(len(filler) - 40, len(filler)):
            text = f"{filler[:length]}さく\nら１２{filler}"
            start = text.index("さ")
            assert find_text_matches(text, "さくら12") == [(start, start + 6)]


def test_a_search_returns_at_most_a_thousand_matches() -> None:
    assert len(find_text_matches("ab" * 5_000, "ab")) == 1_000


def test_the_cursor_has_the_number_of_its_page(qtbot: QtBot) -> None:
    """The text field returns the page number at the cursor, even after characters that Qt counts as two."""
    view = PdfTextField("Text of the document")
    qtbot.addWidget(view)
    view.show_pages(["Page 1 of 2", "Page 2 of 2"], ["𠮷野家\nfirst", "second 𠮷 third"])
    assert view.get_page_at_cursor() == 0
    view.go_to_page(1)
    assert view.textCursor().block().text() == "Page 2 of 2"
    (match,) = find_text_matches(view.toPlainText(), "THIRD")
    view.select_match(match)
    assert (view.textCursor().selectedText(), view.get_page_at_cursor()) == ("third", 1)
    view.show_pages(["Page 1 of 3", "Page 2 of 3"], ["first", "second"], "the end")
    assert view.toPlainText().endswith("second\n\nthe end")
    view.go_to_page(2)  # its text isn't shown
    assert view.get_page_at_cursor() == 1


def test_a_screen_reader_reads_the_text_and_cannot_change_it(qtbot: QtBot) -> None:
    view = PdfTextField("Text of the document")
    qtbot.addWidget(view)
    view.show_pages(["Page 1 of 1"], ["Result hold"])
    node = QAccessible.queryAccessibleInterface(view)
    text = node.textInterface()
    assert text is not None
    assert text.text(0, text.characterCount()) == "Page 1 of 1\n\nResult hold"
    assert node.state().readOnly
    assert node.text(QAccessible.Text.Name) == "Text of the document"
