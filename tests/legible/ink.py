"""Finds text that is cut off: it compares the painted pixels of a text (its ink) with those of the same text with
enough room.

Qt paints labels, so each label is rendered alone and compared with a larger copy. Other widgets, labels with their
own painting code, and delegates call QPainter.drawText; while they are painted, each call is recorded with its
widget.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter, QRegion
from PySide6.QtWidgets import QLabel, QWidget

from console.views.theme import mixed_font_text
from console.views.widgets.base import TextLabel

_MARGIN_PX = 24
# Letters are drawn with soft edges. A pixel counts as ink from a quarter of full cover.
_INK_VALUE_BY_ALPHA = bytes(0 if alpha < 64 else 255 for alpha in range(256))


@dataclass(frozen=True, slots=True)
class DrawnText:
    """One text that a widget has painted. `ink_area` is the rectangle of its painted pixels, `available_area` the
    rectangle in which the painter could draw; both in px of the widget.
    """

    widget: QWidget
    text: str
    ink_area: QRectF
    available_area: QRectF

    def has_room(self, available_area: QRectF) -> bool:
        """True if the rectangle `available_area` (px of the widget) contains all painted pixels of the text, or if
        the text has none.
        """
        return self.ink_area.isEmpty() or available_area.adjusted(-0.5, -0.5, 0.5, 0.5).contains(self.ink_area)


@contextmanager
def record_drawn_texts() -> Iterator[list[DrawnText]]:
    """Record every text that Python code paints until the end of the block."""
    drawn: list[DrawnText] = []
    original = QPainter.drawText

    def draw_text(painter: QPainter, *args: Any) -> Any:
        result = original(painter, *args)
        device = painter.device()
        if isinstance(device, QWidget) and isinstance(args[-1], str) and args[-1].strip():
            drawn.append(_record_call(painter, device, args))
        return result

    QPainter.drawText = draw_text  # type: ignore[assignment,method-assign]  # put back below
    try:
        yield drawn
    finally:
        QPainter.drawText = original  # type: ignore[method-assign]  # the method that was there


@contextmanager
def record_elided_texts() -> Iterator[list[str]]:
    """Record the full text of each text that is elided ("…") until the end of the block."""
    elided: list[str] = []
    original = mixed_font_text.elide_font_runs

    def elide_font_runs(
        runs: tuple[tuple[str, bool], ...], *args: Any, **options: Any
    ) -> tuple[tuple[str, bool], ...]:
        shown = original(runs, *args, **options)
        if shown != runs:
            elided.append("".join(piece for piece, _ in runs))
        return shown

    users = [module for name, module in sys.modules.items() if name.startswith("console.views")]
    users = [module for module in users if getattr(module, "elide_font_runs", None) is original]
    for module in users:
        module.elide_font_runs = elide_font_runs  # type: ignore[attr-defined]  # as its import did
    try:
        yield elided
    finally:
        for module in users:
            module.elide_font_runs = original  # type: ignore[attr-defined]  # what each had imported


def _record_call(painter: QPainter, widget: QWidget, args: tuple[Any, ...]) -> DrawnText:
    """Return the record of one call of drawText."""
    text, room, font = args[-1], QRectF(widget.rect()), painter.font()
    metrics = QFontMetricsF(font)
    if isinstance(args[0], QRect | QRectF):
        box = QRectF(args[0])
        flags = int(getattr(args[1], "value", args[1]))
        place = metrics.boundingRect(box, flags, text)
        origin = QPointF(place.left(), place.top() + metrics.ascent())
        room = room.intersected(painter.worldTransform().mapRect(box))
    elif isinstance(args[0], QPoint | QPointF):
        origin = QPointF(args[0])
    else:
        origin = QPointF(args[0], args[1])
    if painter.hasClipping():
        room = room.intersected(painter.worldTransform().mapRect(painter.clipBoundingRect()))
    ink = measure_text_ink(text, font).translated(painter.worldTransform().map(origin))
    return DrawnText(widget, text, ink, room)


_ink_by_text: dict[tuple[str, str], QRectF] = {}


def measure_text_ink(text: str, font: QFont) -> QRectF:
    """Return the rectangle of the painted pixels of a text that is drawn with the beginning of its baseline at the
    point (0, 0).
    """
    key = text, font.key()
    if key not in _ink_by_text:
        metrics = QFontMetricsF(font)
        size = QSize(
            round(metrics.horizontalAdvance(text)) + 2 * _MARGIN_PX, round(metrics.height()) + 2 * _MARGIN_PX
        )
        image = QImage(size, QImage.Format.Format_Alpha8)
        image.fill(0)
        painter = QPainter(image)
        painter.setFont(font)
        baseline = _MARGIN_PX + round(metrics.ascent())
        painter.drawText(_MARGIN_PX, baseline, text)
        painter.end()
        _ink_by_text[key] = QRectF(measure_image_ink(image).translated(-_MARGIN_PX, -baseline))
    return _ink_by_text[key]


def measure_image_ink(image: QImage) -> QRect:
    """Return the smallest rectangle that contains all painted pixels of an image; an empty one if there are none."""
    if image.isNull():  # a label without room for any text
        return QRect()
    if image.format() != QImage.Format.Format_Alpha8:
        image = image.convertToFormat(QImage.Format.Format_Alpha8)
    line, width = image.bytesPerLine(), image.width()
    pixels = bytes(image.constBits()).translate(_INK_VALUE_BY_ALPHA)
    rows = [pixels[start : start + width] for start in range(0, line * image.height(), line)]
    inked = [y for y, row in enumerate(rows) if row.strip(b"\0")]
    if not inked:
        return QRect()
    left = min(width - len(rows[y].lstrip(b"\0")) for y in inked)
    right = max(len(rows[y].rstrip(b"\0")) for y in inked)
    return QRect(left, inked[0], right - left, inked[-1] - inked[0] + 1)


def find_cut_labels(root: QWidget) -> Iterator[tuple[QLabel, str]]:
    """Yield each visible label below `root` whose text is cut off, with a text that has the visible and the needed
    size (px), or the piece that lies outside. A label with several such pieces is yielded several times.
    """
    for label in root.findChildren(QLabel):
        if not label.isVisible() or not label.text():
            continue
        with record_drawn_texts() as drawn:
            shown = measure_label_ink(label)
        if isinstance(label, TextLabel) and "".join(one.text for one in drawn).split() == label.plain.split():
            # It sets each piece of its text at a whole pixel: Qt's copy may be 1 px wider or narrower.
            yield from ((label, f"{one.text} lies outside") for one in drawn if not one.has_room(one.available_area))
            continue
        whole = _measure_ink_with_room(label)
        if shown.size() == label.size():  # it has a ground of its own, as the word of the environment
            shown = QRect(QPoint(), whole.size().boundedTo(label.contentsRect().size()))
        if _is_cut(shown, whole.size(), label.rect()):
            yield label, f"{shown.width()}×{shown.height()} px of {whole.width()}×{whole.height()}"


def _is_cut(shown: QRect, whole_area: QSize, available_area: QRect) -> bool:
    """True if a part of the text isn't visible. A text between two rows of pixels covers one row more or less than
    elsewhere. Such a difference is allowed only inside the label, because a text that is cut off reaches the label's
    edge.
    """
    lacking = max(whole_area.width() - shown.width(), whole_area.height() - shown.height())
    return lacking > 1 or (lacking == 1 and not available_area.adjusted(1, 1, -1, -1).contains(shown))


def measure_label_ink(label: QWidget) -> QRect:
    """Return the rectangle of the painted pixels of a label, or of another widget that paints a text, in the widget's
    own coordinates.
    """
    image = QImage(label.size(), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    label.render(image, QPoint(), QRegion(), QWidget.RenderFlag(0))
    return measure_image_ink(image)


_ink_with_room_by_text: dict[tuple[object, ...], QRect] = {}


def _measure_ink_with_room(label: QLabel) -> QRect:
    """Return the rectangle of the painted pixels of a copy of the label that has enough room."""
    width = label.contentsRect().width()
    key = (label.text(), label.font().key(), label.wordWrap() and width, label.alignment().value)
    if key not in _ink_with_room_by_text:
        copy = QLabel()
        copy.setFont(label.font())
        copy.setTextFormat(label.textFormat())
        copy.setWordWrap(label.wordWrap())
        copy.setAlignment(label.alignment())
        copy.setText(label.text())
        copy.setContentsMargins(0, _MARGIN_PX, 0, _MARGIN_PX)
        if label.wordWrap():
            copy.resize(width, copy.heightForWidth(width) + 2 * _MARGIN_PX)
        else:
            copy.resize(copy.sizeHint() + QSize(_MARGIN_PX, _MARGIN_PX))
        _ink_with_room_by_text[key] = measure_label_ink(copy)
        copy.deleteLater()
    return _ink_with_room_by_text[key]
