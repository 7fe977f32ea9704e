"""Painting helpers that widgets and delegates share: icons, key caps, frames, check boxes, radio buttons."""

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from console.views.theme.icons import get_icon_drawing
from console.views.theme.key_names import format_keys
from console.views.theme.theme import current_appearance

_ICON_BOX_SIDE = 16.0
_ICON_STROKE_PX = 1.5


def draw_icon(painter: QPainter, icon_name: str, rect: QRectF, colour: QColor) -> None:
    """Draw the icon with this name in this colour into the square `rect`. The strokes are 1.5 px wide if the
    square is 16 px wide, otherwise in proportion."""
    drawing = get_icon_drawing(icon_name)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / _ICON_BOX_SIDE, rect.height() / _ICON_BOX_SIDE)
    cap_style, join_style = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.strokePath(drawing.stroke, QPen(colour, _ICON_STROKE_PX, Qt.PenStyle.SolidLine, cap_style, join_style))
    painter.fillPath(drawing.fill, colour)
    painter.restore()


@lru_cache(maxsize=512)
def get_icon_pixmap(icon_name: str, colour: int, size_px: int, device_pixel_ratio: float) -> QPixmap:
    """Return an icon as a cached pixmap. `colour` is a number as QColor.rgba() returns it; the side of the
    pixmap is `size_px` times `device_pixel_ratio`, the device pixel ratio of the screen.
    """
    pixmap = QPixmap(round(size_px * device_pixel_ratio), round(size_px * device_pixel_ratio))
    pixmap.setDevicePixelRatio(device_pixel_ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, icon_name, QRectF(0, 0, size_px, size_px), QColor.fromRgba(colour))
    painter.end()
    return pixmap


def draw_cached_icon(painter: QPainter, icon_name: str, x: float, y: float, size_px: int, colour: QColor) -> None:
    """Draw an icon from the cache of pixmaps, with its top left corner at (x, y) and a side of `size_px`. In
    tables this is faster than `draw_icon`."""
    pixel_ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(QPointF(round(x), round(y)), get_icon_pixmap(icon_name, colour.rgba(), size_px, pixel_ratio))


def draw_frame(
    painter: QPainter,
    rect: QRectF,
    radius_px: float,
    border_colour: QColor | None,
    fill_colour: QColor | None,
    width_px: float = 1,
    *,
    is_enabled: bool = True,
) -> None:
    """Draw a box with rounded corners. The border is inside `rect` and `width_px` px wide. If `border_colour` is
    None, draw no border; if `fill_colour` is None, don't fill the box. `is_enabled` is False for the box of a
    disabled control.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(
        QPen(border_colour, width_px, _get_border_style(is_enabled)) if border_colour else Qt.PenStyle.NoPen
    )
    painter.setBrush(fill_colour if fill_colour else Qt.BrushStyle.NoBrush)
    half_width = width_px / 2 if border_colour else 0
    painter.drawRoundedRect(rect.adjusted(half_width, half_width, -half_width, -half_width), radius_px, radius_px)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _get_border_style(is_enabled: bool) -> Qt.PenStyle:
    """Return the style of the border of a control. In high contrast the border of a disabled control is dashed,
    because its grey differs little from the white of the others, and its background is black as well."""
    is_dashed = not is_enabled and current_appearance().theme == "high_contrast"
    return Qt.PenStyle.DashLine if is_dashed else Qt.PenStyle.SolidLine


def measure_key_cap(text: str) -> tuple[int, int]:
    """Return the width and height of a key cap (the picture of a key) with this name, such as "Ctrl+K", in px."""
    height = current_appearance().control_height("key_cap")
    text_width = current_appearance().font_metrics("caption").horizontalAdvance(format_keys(text))
    return max(height, round(text_width) + 10), height


def draw_key_cap(
    painter: QPainter,
    rect: QRectF,
    text: str,
    text_colour: QColor,
    border_colour: QColor,
    fill_colour: QColor | None = None,
) -> None:
    """Draw a key cap (the picture of a key): a border of 1 px and the name of the key, centred, in the caption
    font."""
    draw_frame(painter, rect, 3, border_colour, fill_colour)
    painter.setFont(current_appearance().font("caption"))
    painter.setPen(text_colour)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, format_keys(text))


def draw_check_box(
    painter: QPainter, rect: QRectF, *, is_checked: bool, is_enabled: bool = True, is_partly_checked: bool = False
) -> None:
    """Draw a check box of any size: empty, ticked, or with a dash if `is_partly_checked` is True."""
    get_colour = current_appearance().colour
    border_colour = get_colour("border" if is_enabled else "disabled_border")
    if not is_checked and not is_partly_checked:
        draw_frame(
            painter,
            rect,
            2,
            border_colour,
            get_colour("base" if is_enabled else "disabled_fill"),
            is_enabled=is_enabled,
        )
        return
    fill_colour = get_colour("accent" if is_enabled else "disabled_border")
    draw_frame(painter, rect, 2, fill_colour, fill_colour)
    draw_icon(painter, "dash" if is_partly_checked else "check", rect, get_colour("on_accent"))


def draw_radio_button(painter: QPainter, rect: QRectF, *, is_checked: bool, is_enabled: bool = True) -> None:
    """Draw a radio button: a filled disc with a hole if the button is checked, otherwise a ring."""
    get_colour = current_appearance().colour
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    border_colour = get_colour("border" if is_enabled else "disabled_border")
    fill_colour = get_colour("accent" if is_enabled else "disabled_border")
    if is_checked:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill_colour)
        painter.drawEllipse(rect)
        painter.setBrush(get_colour("base"))
        hole_inset = rect.width() * 0.32
        painter.drawEllipse(rect.adjusted(hole_inset, hole_inset, -hole_inset, -hole_inset))
    else:
        painter.setPen(QPen(border_colour, 1, _get_border_style(is_enabled)))
        painter.setBrush(get_colour("base" if is_enabled else "disabled_fill"))
        painter.drawEllipse(rect.adjusted(0.5, 0.5, -0.5, -0.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)


@lru_cache(maxsize=24)
def get_check_box_pixmap(
    _theme: str, side_px: int, device_pixel_ratio: float, is_checked: bool, is_partly_checked: bool = False
) -> QPixmap:
    """Return the picture of a check box in the current theme, from a cache. `side_px` is the side of the box and
    `device_pixel_ratio` the device pixel ratio. `is_partly_checked` is True for a dash in the box.
    `_theme` is a parameter only because the key of the cache must contain the theme."""
    pixmap = QPixmap(round(side_px * device_pixel_ratio), round(side_px * device_pixel_ratio))
    pixmap.setDevicePixelRatio(device_pixel_ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_check_box(
        painter, QRectF(0, 0, side_px, side_px), is_checked=is_checked, is_partly_checked=is_partly_checked
    )
    painter.end()
    return pixmap
