"""Tests that the current item of a list stays visible when the list becomes shorter or taller."""

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList


def test_the_current_line_of_a_timeline_stays_visible(qtbot: QtBot) -> None:
    """If the current line of a timeline is the last visible one, it stays visible when the timeline becomes shorter,
    even if the timeline is hidden at that moment. If the person has scrolled the current line out of view, it stays
    out of view."""
    timeline = TimelineList("Timeline")
    qtbot.addWidget(timeline)
    timeline.show_lines([TimelineLine("15:09", "", "clock", "muted", "op-a", f"Event {n}") for n in range(20)])
    timeline.resize(600, 12 * 32)
    timeline.show()
    QApplication.processEvents()
    timeline.setCurrentIndex(timeline.model().index(9, 0))

    def is_visible() -> bool:
        return timeline.is_current_item_visible_in_height(timeline.viewport().height())

    assert is_visible()
    for height_px, is_hidden in ((8 * 32, False), (5 * 32, True), (12 * 32, False)):
        timeline.setHidden(is_hidden)
        timeline.resize(600, height_px)
        timeline.show()
        QApplication.processEvents()
        assert is_visible(), height_px
    timeline.setCurrentIndex(timeline.model().index(0, 0))
    timeline.verticalScrollBar().setValue(timeline.verticalScrollBar().maximum())
    timeline.resize(600, 8 * 32)
    QApplication.processEvents()
    assert not is_visible()
