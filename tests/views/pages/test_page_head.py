"""Tests of the header of a page: the position of its sentence is the same on all pages with the same tabs."""

from functools import partial

from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from console.views.pages.base import PageHead
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.layout.flow_layout import make_flow_widget


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


def test_the_sentence_keeps_its_place_when_the_read_time_appears(qapp: QApplication, qtbot: QtBot) -> None:
    """A sentence that fits beside the title only without the time at which the data was read is below the title from
    the beginning."""
    head, short = PageHead("Queues", "A sentence about it."), PageHead("Queues", "A sentence about it.")
    head.read_time_sample = "Loaded at 15:04 today"
    for one in (head, short):
        qtbot.addWidget(one)
        one.show()
    width = next(width for width in range(300, 2_000, 10) if _is_sentence_beside_title(short, width))
    head.resize(width, 80)
    qtbot.waitUntil(lambda: head.sentence_label.y() >= head.title.geometry().bottom())
    head.read_time_label.show_text(head.read_time_sample)
    head.resize(width + 1, 80)
    qtbot.waitUntil(lambda: head.sentence_label.y() >= head.title.geometry().bottom())


def _is_sentence_beside_title(head: PageHead, width: int) -> bool:
    head.resize(width, 80)
    QApplication.processEvents()
    return head.sentence_label.x() > head.title.x()


def test_a_widget_is_below_the_title_while_it_does_not_fit_beside_it(qapp: QApplication, qtbot: QtBot) -> None:
    """A widget that is wider than the room beside the title is below the title, across the whole header. It returns
    when there is room again, also after it was put beside the title for a second time."""
    head, words = PageHead("Queues"), make_flow_widget(*(TextLabel("Condition") for _ in range(10)))
    qtbot.addWidget(head)
    head.add_widget_beside_title(words)
    head.add_widget_beside_title(words)
    head.show()
    wide = words.sizeHint().width() + head.title.sizeHint().width() + 100
    for width in (wide, wide - 200, wide):
        head.resize(width, 200)
        is_beside = width == wide
        qtbot.waitUntil(partial(_is_beside_as_expected, words, head.title, is_beside))
        assert (words.y() < head.title.geometry().bottom()) == is_beside
        assert is_beside or words.width() == width - 2 * head.title.x()


def _is_beside_as_expected(widget: QWidget, title: QWidget, is_expected: bool, /) -> bool:
    """Return True if `is_expected` is the correct answer to the question whether `widget` is to the right of the
    title."""
    return (widget.x() > title.x()) == is_expected


def test_the_reason_of_a_button_is_where_the_button_is(qapp: QApplication, qtbot: QtBot) -> None:
    """The label with the reason why a button of the header is disabled is visible only while the button is. While the
    button is in the menu, its entry has the reason."""
    head, button, window = (
        PageHead("Lookup", menu_text="More"),
        KeyButton("Export", "Ctrl+E", binds_key=False),
        QWidget(),
    )
    head.add_button(button)
    label = head.make_reason_label(button)
    qtbot.addWidget(window)
    window.setLayout(make_column(head, label))
    window.resize(900, 200)
    window.show()
    assert label.isHidden(), "the button is enabled"
    button.disable_with_reason("There is no list.")
    assert (label.isVisible(), label.plain) == (True, "There is no list.")
    head.adapt_to_low_window(is_low_window=True)
    assert (button.isVisible(), label.isVisible()) == (False, False)
    assert [action.text() for action in head.build_menu().actions()] == ["Export: There is no list.\tCtrl+E"]
    head.adapt_to_low_window(is_low_window=False)
    assert label.isVisible()
    button.enable_button()
    assert label.isHidden()
