"""Painting helpers shared by widgets and delegates: shapes in a colour, key caps, frames, two-font runs."""

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from console.views.look.shapes import shape
from console.views.look.theme import look

_BOX = 16.0
_STROKE = 1.5


def draw_shape(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Draw a shape into a square, 1.5 px strokes with round ends."""
    drawing = shape(name)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / _BOX, rect.height() / _BOX)
    cap, join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.strokePath(drawing.stroke, QPen(colour, _STROKE, Qt.PenStyle.SolidLine, cap, join))
    painter.fillPath(drawing.fill, colour)
    painter.restore()


@lru_cache(maxsize=512)
def shape_pixmap(name: str, colour: int, px: int, ratio: float) -> QPixmap:
    """A shape drawn once: colour as QColor.rgba(), side in px before scaling by the screen's ratio."""
    image = QPixmap(round(px * ratio), round(px * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    draw_shape(painter, name, QRectF(0, 0, px, px), QColor.fromRgba(colour))
    painter.end()
    return image


def put_shape(painter: QPainter, name: str, x: float, y: float, px: int, colour: QColor) -> None:
    """Like draw_shape with its corner at (x, y), from the cache: for what is painted often."""
    ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(QPointF(round(x), round(y)), shape_pixmap(name, colour.rgba(), px, ratio))


def draw_frame(
    painter: QPainter, rect: QRectF, radius: float, edge: QColor | None, fill: QColor | None, width: float = 1
) -> None:
    """A rounded box whose edge lies inside `rect`."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(edge, width) if edge else Qt.PenStyle.NoPen)
    painter.setBrush(fill if fill else Qt.BrushStyle.NoBrush)
    half = width / 2 if edge else 0
    painter.drawRoundedRect(rect.adjusted(half, half, -half, -half), radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def key_cap_size(text: str) -> tuple[int, int]:
    """Width and height of a key cap, in px."""
    height = look().control("key_cap")
    return max(height, round(look().metrics("caption").horizontalAdvance(text)) + 10), height


def draw_key_cap(
    painter: QPainter, rect: QRectF, text: str, ink: QColor, edge: QColor, fill: QColor | None = None
) -> None:
    """A key cap: 1 px edge, the key in the caption font in its middle."""
    draw_frame(painter, rect, 3, edge, fill)
    painter.setFont(look().font("caption"))
    painter.setPen(ink)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def draw_check_box(
    painter: QPainter, rect: QRectF, *, checked: bool, enabled: bool = True, partly: bool = False
) -> None:
    """A check box of any size: empty, ticked or with a dash."""
    colour = look().colour
    edge = colour("border" if enabled else "disabled_border")
    if not checked and not partly:
        draw_frame(painter, rect, 2, edge, colour("base" if enabled else "disabled_fill"))
        return
    fill = colour("accent" if enabled else "disabled_border")
    draw_frame(painter, rect, 2, fill, fill)
    draw_shape(painter, "dash" if partly else "check", rect, colour("on_accent"))


def draw_radio(painter: QPainter, rect: QRectF, *, checked: bool, enabled: bool = True) -> None:
    """A radio button: a ring, or a disc with a hole when it is the one."""
    colour = look().colour
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = colour("border" if enabled else "disabled_border")
    fill = colour("accent" if enabled else "disabled_border")
    if checked:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawEllipse(rect)
        painter.setBrush(colour("base"))
        third = rect.width() * 0.32
        painter.drawEllipse(rect.adjusted(third, third, -third, -third))
    else:
        painter.setPen(QPen(edge, 1))
        painter.setBrush(colour("base" if enabled else "disabled_fill"))
        painter.drawEllipse(rect.adjusted(0.5, 0.5, -0.5, -0.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)


@lru_cache(maxsize=16)
def check_box_pixmap(_theme: str, px: int, ratio: float, checked: bool) -> QPixmap:
    """A check box of the theme in force, drawn once."""
    image = QPixmap(round(px * ratio), round(px * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    draw_check_box(painter, QRectF(0, 0, px, px), checked=checked)
    painter.end()
    return image
