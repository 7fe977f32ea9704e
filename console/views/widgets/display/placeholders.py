"""Widgets shown in place of a list's rows: the reason why the list is empty, or grey bars while its rows are being
read."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.views.runtime.announcer import announce, join_spoken_text
from console.views.theme.design_tokens import tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import IconLabel, TextLabel, make_column
from console.views.widgets.controls.buttons import KeyButton


class EmptyState(QWidget):
    """A centred text with the reason why a list is empty, and at most one button. Screen readers announce the text
    when it replaces the list, because the list has no row to read."""

    def __init__(
        self,
        title: str,
        explanation: str = "",
        *,
        icon_name: str = "check",
        button: KeyButton | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.title, self.is_announced = title, True
        self.setAccessibleName(join_spoken_text(title, explanation))
        layout = make_column(None, gap_px=4)
        alignment = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(IconLabel(icon_name, "muted", 20), 0, alignment)
        layout.addWidget(TextLabel(title, is_bold=True), 0, alignment)
        if explanation:
            explanation_label = TextLabel(explanation, "small", "muted", wraps_lines=True)
            explanation_label.setAlignment(alignment)
            layout.addWidget(explanation_label)
        if button is not None:
            layout.addSpacing(4)
            layout.addWidget(button, 0, alignment)
        layout.addStretch(1)
        self.setLayout(layout)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.is_announced and not event.spontaneous():  # not when the window comes back from the task bar
            announce(self, self.accessibleName(), is_stored=False)


def replace_by_empty_state(stack: QStackedWidget, shown_widget: QWidget, empty_state: EmptyState) -> None:
    """Replace the widget `shown_widget` in `stack` by `empty_state`, and delete `shown_widget`. If `shown_widget` is
    visible and has the same title, screen readers don't announce `empty_state`, because the list was only read again
    and is still empty."""
    is_visible = stack.isVisible() and stack.currentWidget() is shown_widget
    empty_state.is_announced = not (
        is_visible and isinstance(shown_widget, EmptyState) and shown_widget.title == empty_state.title
    )
    stack.removeWidget(shown_widget)
    shown_widget.deleteLater()
    stack.addWidget(empty_state)
    stack.setCurrentWidget(empty_state)
    empty_state.is_announced = True


class SkeletonRows(QWidget):
    """Grey bars in place of rows that are being read. The bars appear 150 ms after the widget is created, so that no
    bars appear during a quick read."""

    is_decoration = True

    def __init__(self, row_count: int = 3, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = row_count
        self._has_bars = False
        QTimer.singleShot(tokens().px("motion", "skeleton_after_ms"), self, self._show_bars)

    @Slot()
    def _show_bars(self) -> None:
        self._has_bars = True
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, self._rows * current_appearance().row_height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._has_bars:
            return
        painter, colour, row_height = QPainter(self), current_appearance().colour, current_appearance().row_height()
        bar = current_appearance().skeleton_colour()
        for number in range(self._rows):
            top = number * row_height
            bar_top = top + (row_height - 10) / 2
            for x, width in ((12, 48 - 8 * (number % 2)), (72, 128 - 12 * number % 40)):
                draw_frame(painter, QRectF(x, bar_top, width, 10), 2, None, bar)
            draw_frame(painter, QRectF(self.width() - 68, bar_top, 56, 10), 2, None, bar)
            painter.fillRect(0, top + row_height - 1, self.width(), 1, colour("line"))
