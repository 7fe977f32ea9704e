"""Tests of the header of a page: the position of its sentence is the same on all pages with the same tabs."""

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.views.pages.base import PageHead


def test_the_header_is_as_high_on_each_page_of_the_same_tabs(qapp: QApplication, qtbot: QtBot) -> None:
    """If the longest sentence of several pages with the same tabs must be below the title, a short sentence is below
    the title too. So all their headers have the same height, and the tabs don't move.
    """
    alone, one_of_several = PageHead("Queues", "Short."), PageHead("Queues", "Short.")
    one_of_several.alternative_sentences = ("Short.", "A sentence that needs more room. " * 5)
    for head in (alone, one_of_several):
        qtbot.addWidget(head)
        head.resize(600, 80)
        head.show()
    title, sentence = one_of_several.title, one_of_several.sentence_label
    qtbot.waitUntil(lambda: sentence.y() >= title.geometry().bottom())
    assert alone.sentence_label.x() > alone.title.x()
    one_of_several.resize(3_000, 80)
    qtbot.waitUntil(lambda: sentence.x() > title.x())
