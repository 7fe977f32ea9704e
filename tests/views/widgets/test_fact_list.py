"""The layout of a list of facts."""

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.display.record_parts import FactList


@pytest.mark.usefixtures("the_look")
def test_a_layout_of_the_same_width_asks_for_no_other_one(qtbot: QtBot) -> None:
    """Each activation of the layout asked for the next one, so that the window stood still (seen at 150 % text)."""
    window = QWidget()
    qtbot.addWidget(window)
    facts = FactList((("Order number", "S-100026"), ("Total", "₹2,510.00")), parent=window)
    facts.resize(300, 200)
    window.show()
    layout = facts.layout()
    assert layout is not None
    for _ in range(3):
        layout.invalidate()
        QCoreApplication.sendPostedEvents(facts, QEvent.Type.LayoutRequest)
    assert not layout.activate(), "a layout that is done is asked for again"
