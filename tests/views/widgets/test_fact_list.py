"""Tests that the layout of a list of facts (each a label with a value) gives every value its height and never
requests another layout without end.
"""

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.widgets.base import TextLabel
from console.views.widgets.display.record_parts import FactList


@pytest.mark.usefixtures("appearance")
def test_a_layout_of_the_same_width_asks_for_no_other_one(qtbot: QtBot) -> None:
    """A layout with the same width requests no further layout. If it did, the window would stop reacting at 150 %
    text size.
    """
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


@pytest.mark.usefixtures("appearance")
def test_the_labels_of_a_narrow_fact_list_are_whole(qtbot: QtBot) -> None:
    """In a narrow panel, a value takes several lines; a label, which can't wrap, keeps the width of its text."""
    window = QWidget()
    qtbot.addWidget(window)
    facts = FactList((("Gateway refund number", "a value of many short words"),), parent=window)
    window.show()
    facts.resize(220, 200)
    layout = facts.layout()
    assert layout is not None
    layout.activate()
    label, value = facts.findChildren(TextLabel)
    assert label.width() >= label.measure_line_width()
    assert value.heightForWidth(value.width()) > value.minimumHeight()


@pytest.mark.usefixtures("appearance")
def test_every_value_of_a_fact_list_has_the_height_of_its_lines(qtbot: QtBot) -> None:
    """Every value has the height of its lines, even if a scroll area has requested the layout's height at another
    width in between.
    """
    texts = (
        "短い文です。",
        "長い文で、行の折り返しが必要です。" * 4,
        "さらに長い文で、折り返しの位置が幅で変わります。" * 6,
    )
    window = QWidget()
    qtbot.addWidget(window)
    facts = FactList(tuple((f"項目{index}", text) for index, text in enumerate(texts)), parent=window)
    window.show()
    layout = facts.layout()
    assert layout is not None
    for width in (layout.sizeHint().width(), 206, 218, 300):
        height = layout.heightForWidth(width)
        for other_width in (layout.sizeHint().width(), 150, 600):
            layout.heightForWidth(other_width)
            facts.resize(width, height + 1)
            layout.activate()
            layout.heightForWidth(other_width)
            facts.resize(width, height)
            layout.activate()
            values = [label for label in facts.findChildren(TextLabel) if label.plain in texts]
            lacking = [value.heightForWidth(value.width()) - value.height() for value in values]
            assert max(lacking) <= 0, (width, other_width, lacking)
