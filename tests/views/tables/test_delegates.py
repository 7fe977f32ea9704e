"""Tests of the painting of a table's cells."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter

from console.views.tables.columns import StateCell
from console.views.tables.delegates import draw_state


def paint_state(word: str) -> QImage:
    image = QImage(320, 32, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    draw_state(painter, image.rect(), StateCell(word, "check", "good"))
    painter.end()
    return image


def test_direction_marks_in_a_state_reverse_no_amount(appearance: object) -> None:
    """The list of earlier messages shows names and reasons from outside the program as the word of a state. A mark of
    the direction of writing in them reverses no amount."""
    assert paint_state("Refunded \u202e¥1,000") == paint_state("Refunded ¥1,000")
    assert paint_state("Refunded\n¥1,000") == paint_state("Refunded ¥1,000")
    assert paint_state("Refunded ¥1,000") != paint_state("Refunded ¥2,000")
