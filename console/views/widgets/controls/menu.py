"""A menu that may have submenus."""

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu

from console.views.theme.painting import draw_cached_icon
from console.views.theme.theme import current_appearance

_ARROW_PX = 12
_ARROW_RIGHT_MARGIN_PX = 8


class Menu(QMenu):
    """A menu that draws the arrows of its submenus in the colour of the texts. Qt would draw them paler; in high
    contrast they would be darker than the texts of disabled entries."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter, arrow_px = QPainter(self), current_appearance().icon_px(_ARROW_PX)
        for action in self.actions():
            if action.menu() is None:
                continue
            area = self.actionGeometry(action)
            colour = current_appearance().colour("text" if action.isEnabled() else "disabled_text")
            x, y = area.right() - _ARROW_RIGHT_MARGIN_PX - arrow_px, area.center().y() - arrow_px / 2
            draw_cached_icon(painter, "chevron_right", x, y, arrow_px, colour)
