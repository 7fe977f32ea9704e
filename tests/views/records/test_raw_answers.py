"""The tab of raw answers shows the whole summary of the selected answer at every width."""

from typing import Literal

import pytest
from pytestqt.qtbot import QtBot

from console.domain.records import EvidenceItem
from console.views.records.tabs import EvidenceView
from console.wording.sentences import catalogue as wording
from tests.views.invented_checks import NOW, make_window_context

ANSWER = EvidenceItem(
    1, NOW, "person", "ab" * 32, "[not_listed] 20 purchases of that day, not this one", body="a file"
)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_summary_without_room_in_its_row_stands_above_the_answer(
    qtbot: QtBot, appearance: object, language: Literal["ja", "en"]
) -> None:
    """The summary of an answer is shown completely in exactly one place, at each width of the tab: in its row, or
    above the answer if the row has no room.
    """
    context = make_window_context()
    context.change_language(language)
    tab = EvidenceView(context)
    qtbot.addWidget(tab)
    tab.show_evidence((ANSWER,))
    tab.show()
    whole = wording.format_evidence_summary(ANSWER.summary, language)
    seen = set()
    for width in (560, 730, 900, 1500, 730):
        tab.resize(width, 240)
        tab.grab()
        qtbot.waitUntil(lambda: tab.focus_stops[0].current_item is not None)  # type: ignore[attr-defined]  # a table
        is_cut = tab._table.is_cell_cut("summary", ANSWER)
        assert tab.summary_label.isVisible() == is_cut, width
        assert not is_cut or tab.summary_label.plain == whole
        seen.add(is_cut)
    assert seen == {True, False}
