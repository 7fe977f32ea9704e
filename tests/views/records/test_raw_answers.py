"""Tests of the tab of raw answers: it shows the whole summary of the selected answer at every width, and the answer's
text in a font with letters of equal width."""

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest
from PySide6.QtGui import QFontMetricsF
from pytestqt.qtbot import QtBot

from console.domain.records import EvidenceItem
from console.views.records.tabs import EvidenceView
from console.views.theme.design_tokens import tokens
from console.views.theme.fonts import list_font_families
from console.views.theme.theme import Appearance
from console.wording.sentences import catalogue as wording
from tests.views.invented_checks import NOW, make_window_context

EVIDENCE_ITEM = EvidenceItem(
    1, NOW, "person", "ab" * 32, "[not_listed] 20 purchases of that day, not this one", body="a file"
)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_letters_of_an_answer_are_equally_wide(qtbot: QtBot, appearance: Appearance, scale: float) -> None:
    """The text of an answer is shown in the figures font at each text size, so that its columns are aligned. Japanese
    letters are twice as wide as Latin ones, and lines don't touch each other."""
    tab = EvidenceView(make_window_context())
    qtbot.addWidget(tab)
    tab.show_evidence((replace(EVIDENCE_ITEM, body='{"name": "株式会社"}'),))
    tab.show()
    appearance.set_text_scale(1.5)
    appearance.set_text_scale(scale)
    qtbot.waitUntil(lambda: "株" in tab._answer_text.toPlainText())
    text = tab._answer_text
    assert text.font().pixelSize() == round(tokens().type["data"].font_size_px * scale)
    metrics = QFontMetricsF(text.document().defaultFont())
    widths = [metrics.horizontalAdvance(letter * 20) for letter in 'iW{}":,01']
    assert max(widths) == pytest.approx(min(widths))
    assert metrics.horizontalAdvance("株" * 10) == pytest.approx(widths[0])
    line = text.document().findBlockByNumber(1)  # behind the line with the brace
    marks = [mark for mark in line.layout().formats() if mark.format.fontFamilies() == list_font_families("text")]
    assert [line.text()[mark.start : mark.start + mark.length] for mark in marks] == ['"'] * 4
    places = [line.layout().lineAt(0).cursorToX(place)[0] for place in (2, 3, 4)]  # type: ignore[index]  # a pair
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.5)
    ink = metrics.tightBoundingRect(text.toPlainText().replace("\n", ""))
    layout, block = text.document().documentLayout(), text.document().begin()
    tops = []
    while block.isValid():
        tops.append(layout.blockBoundingRect(block).top())
        block = block.next()
    distances = [below - above for above, below in pairwise(tops)]
    assert distances
    assert min(distances) >= ink.height(), "no line covers letters of the next"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_summary_of_an_answer_is_shown_completely_once(
    qtbot: QtBot, appearance: object, language: Literal["ja", "en"]
) -> None:
    """At each width of the tab the summary of an answer is shown completely in exactly one place: in its row, or
    above the answer if the row has no room.
    """
    context = make_window_context()
    context.change_language(language)
    tab = EvidenceView(context)
    qtbot.addWidget(tab)
    tab.show_evidence((EVIDENCE_ITEM,))
    tab.show()
    whole = wording.capitalize_first_letter(wording.format_evidence_summary(EVIDENCE_ITEM.summary, language))
    cut_states = set()
    for width in (560, 730, 900, 1500, 730):
        tab.resize(width, 320)
        tab.grab()
        qtbot.waitUntil(lambda: tab.focus_stops[0].current_item is not None)  # type: ignore[attr-defined]  # a table
        is_cut = tab._table.is_cell_cut("summary", EVIDENCE_ITEM)
        assert tab.summary_label.isVisible() == is_cut, width
        assert not is_cut or tab.summary_label.plain == whole
        cut_states.add(is_cut)
    assert cut_states == {True, False}


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_an_answer_is_below_the_table_if_the_tab_is_too_narrow_for_both(
    qtbot: QtBot, appearance: Appearance, scale: float
) -> None:
    """The text of the answer is beside the table only if the tab is wide enough for the text size; otherwise the
    table and the text have the whole width of the tab."""
    tab = EvidenceView(make_window_context())
    qtbot.addWidget(tab)
    tab.show_evidence((EVIDENCE_ITEM,))
    tab.resize(1080, 600)
    tab.show()
    appearance.set_text_scale(scale)
    table, text = tab._table, tab._text_panel
    if scale == 1.0:
        qtbot.waitUntil(lambda: table.geometry().right() < text.x() and table.y() == text.y())
    else:
        qtbot.waitUntil(lambda: table.geometry().bottom() < text.y())
        assert table.width() == text.width() == tab.width()
