"""Tests that the marks of differences on the image of a PDF page hide nothing of the page."""

import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from console.domain.documents.pdf_pages import PageImage
from console.views.documents.pdf_view import PdfPageMark, PdfPageView
from console.views.theme.design_tokens import Tone
from console.views.theme.theme import current_appearance

PAPER_COLOR = QColor("white")
LEFT_MARGIN = 0.1  # of the page, as a report has it
TONE_BY_SIGN: dict[str, Tone] = {"+": "good", "−": "bad", "≠": "care"}


@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
@pytest.mark.parametrize("signs", ["≠", "−≠", "+−≠"])
def test_signs_stay_in_the_margin_of_a_small_page(qtbot: QtBot, signs: str, scale: float) -> None:
    """On a page that is 400 px wide, the signs (such as + and −) beside the marked passages are only in the white
    margin and cover no text."""
    current_appearance().set_text_scale(scale)
    view = PdfPageView("page")
    qtbot.addWidget(view)
    view.resize(400, 500)
    marks = [
        PdfPageMark((0.5, 0.1 + 0.2 * row, 0.6, 0.12 + 0.2 * row), sign, TONE_BY_SIGN[sign])
        for row, sign in enumerate(signs)
    ]
    view.show_marked_page(PageImage(400, 560, bytes([255] * 400 * 560 * 3)), 320, marks, "page")
    view.show()
    qtbot.waitExposed(view)
    sheet = view.widget()
    assert sheet is not None
    picture = sheet.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    page_left, page_width = (sheet.width() - 320) // 2, 320
    between = range(page_left + round(page_width * LEFT_MARGIN), page_left + round(page_width * 0.48))
    coloured = {x for x in between for y in range(20, sheet.height() - 20) if picture.pixelColor(x, y) != PAPER_COLOR}
    assert not coloured
    for row in range(len(signs)):
        middle = sheet.height() * (0.11 + 0.2 * row)
        rows = range(round(middle) - 14, round(middle) + 14)
        margin = range(page_left + 2, page_left + round(page_width * LEFT_MARGIN))
        assert any(picture.pixelColor(x, y) != PAPER_COLOR for x in margin for y in rows), "no sign"


@pytest.mark.parametrize("is_current", [True, False])
def test_a_mark_around_one_digit_leaves_it_readable(qtbot: QtBot, is_current: bool) -> None:
    """The frame of a mark around one digit covers no pixel of the digit, and the mark's fill leaves black letters
    black.
    """
    view = PdfPageView("page")
    qtbot.addWidget(view)
    view.resize(400, 500)
    page = QImage(400, 560, QImage.Format.Format_RGB888)
    page.fill(PAPER_COLOR)
    letter = range(200, 206), range(100, 110)
    for x in letter[0]:
        for y in letter[1]:
            page.setPixelColor(x, y, QColor("black"))
    box = (200 / 400, 100 / 560, 206 / 400, 110 / 560)
    mark = PdfPageMark(box, "≠", "care", is_current)
    view.show_marked_page(PageImage(400, 560, bytes(page.constBits())), 400, [mark], "page")
    view.show()
    qtbot.waitExposed(view)
    sheet = view.widget()
    assert sheet is not None
    picture = sheet.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    dark = sum(picture.pixelColor(x, y).lightness() < 5 for x in range(sheet.width()) for y in range(sheet.height()))
    assert dark == len(letter[0]) * len(letter[1])


def test_the_current_search_match_has_a_frame(qtbot: QtBot) -> None:
    """A dark frame surrounds the current search match, and no other match: a person who doesn't see the colours
    still finds it.
    """
    view = PdfPageView("page")
    qtbot.addWidget(view)
    view.resize(400, 500)
    other_box, current_box = (0.2, 0.1, 0.4, 0.15), (0.2, 0.3, 0.4, 0.35)
    page = PageImage(400, 560, bytes([255] * 400 * 560 * 3))
    view.show_page(page, 400, [other_box, current_box], [current_box], "page")
    sheet = view.widget()
    assert sheet is not None
    picture = sheet.grab().toImage()
    has_dark_pixel = [
        any(picture.pixelColor(sheet.width() // 3, y).lightness() < 60 for y in rows)
        for rows in (range(40, 150), range(150, 260))
    ]
    assert has_dark_pixel == [False, True]
