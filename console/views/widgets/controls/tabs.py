"""A bar of tabs with counts, and a line of 2 px in the accent colour under the current tab."""

from math import ceil
from typing import cast

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QIcon, QPainter, QPaintEvent, QResizeEvent, QTransform
from PySide6.QtWidgets import QTabBar, QToolButton, QWidget

from console.views.theme.design_tokens import tokens
from console.views.theme.mixed_font_text import compute_centred_baseline
from console.views.theme.painting import draw_frame, get_icon_pixmap
from console.views.theme.theme import current_appearance
from console.views.widgets.accessibility import TabNode
from console.wording.sentences.formats import NO_VALUE

_TAB_GAP_PX = 22  # px between two tabs, half of it on each side
_NARROW_TAB_GAP_PX = 10  # the same in a bar that would be too narrow otherwise
_COUNT_GAP_PX = 6
_MIN_LETTERS_OF_CUT_WORD = 2
_LONGEST_RESERVED_COUNT = "00"  # all digits have the same width


class TabBar(QTabBar):
    """A bar of tabs. The arrow keys change the current tab; the argument of Qt's signal `currentChanged(int)` is the
    index of the new tab.

    Signals:
    - tab_opened: another tab has become the current one while the bar is visible, so the page must make the contents
      of this tab visible.
    """

    accessible_role = QAccessible.Role.PageTabList
    tab_opened = Signal()

    def __init__(self, name: str, *, margin_px: int | None = None, parent: QWidget | None = None) -> None:
        """`name` is the accessible name. `margin_px` is the space in px before the first tab's word; None means the
        margin of the page."""
        super().__init__(parent)
        self._measured_at_revision = current_appearance().revision
        self._nodes: list[TabNode] = []
        self._tabs_with_reserved_count: set[int] = set()
        self._gap_px = _TAB_GAP_PX
        self._margin = tokens().px("spacing", "page_margin") if margin_px is None else margin_px
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._set_arrow_icons()
        self._focus_before_change: QWidget | None = None
        self.currentChanged.connect(self._report_opened_tab)
        self.currentChanged.connect(self._move_focus_to_bar_if_lost, Qt.ConnectionType.QueuedConnection)

    @Slot()
    def _report_opened_tab(self) -> None:
        self._focus_before_change = self.window().focusWidget()  # before the contents of the tabs are exchanged
        if self.isVisible():
            self.tab_opened.emit()

    @Slot()
    def _move_focus_to_bar_if_lost(self) -> None:
        """Give this bar the focus if the change of the tab has hidden the focused widget, and the contents of the new
        tab have no widget that can have the focus. Otherwise Qt would leave the focus at the container of these
        contents, which has no name and shows no focus ring."""
        focus = cast("QWidget | None", self.window().focusWidget())  # the stubs leave out None
        has_moved = focus is not self._focus_before_change
        if self.isVisible() and has_moved and (focus is None or focus.focusPolicy() == Qt.FocusPolicy.NoFocus):
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def add_tab(self, title: str, count: str = "", *, data: object = None) -> int:
        """Add a tab with the name `title` and return its index. `count` is a text after the name, such as "1,000+";
        `data` is any value that the caller wants to read later by the method `get_tab_data`."""
        self._nodes.append(TabNode(self, self.count()))  # before the tab: addTab selects the first tab
        self._nodes[-1].show()
        number = self.addTab(title)
        self.setTabData(number, (title, count, data))
        self._set_accessible_name(number)
        return number

    def set_count(self, tab_index: int, count: str) -> None:
        word, _, data = self.tabData(tab_index)
        self.setTabData(tab_index, (word, count, data))
        self._set_accessible_name(tab_index)

    def reserve_width_for_count(self, tab_index: int) -> None:
        """Keep room for a count of two digits in this tab, so that the tabs to its right stay in place when the count
        becomes known."""
        self._tabs_with_reserved_count.add(tab_index)
        self._measure_tab_widths()

    def set_title(self, tab_index: int, title: str) -> None:
        """Give the tab another name, because its contents have changed; its count stays."""
        _, count, data = self.tabData(tab_index)
        self.setTabData(tab_index, (title, count, data))
        self._set_accessible_name(tab_index)

    def get_tab_data(self, tab_index: int) -> object:
        """Return the value that was passed to `add_tab` as `data` for the tab with this index."""
        return self.tabData(tab_index)[2]

    def _set_accessible_name(self, tab_index: int) -> None:
        word, count, _ = self.tabData(tab_index)
        self.setAccessibleTabName(tab_index, f"{word} {count}".strip())
        self._nodes[tab_index].setAccessibleName(f"{word} {count}".strip())
        self.setTabText(tab_index, f"{word} {count}".strip())  # makes Qt measure the tab again
        self._choose_tab_gap()

    def tabLayoutChange(self) -> None:
        super().tabLayoutChange()
        for node in self._nodes:
            node.setGeometry(self.tabRect(node.tab_index))
        self._set_arrow_icons()  # Qt has just put its own back

    def tabSizeHint(self, index: int) -> QSize:
        width = self._measure_tab_text(index) + self._gap_px
        if index == 0:
            width += self._margin - self._gap_px / 2
        return QSize(round(width), current_appearance().control_height("tab"))

    def sizeHint(self) -> QSize:
        """Return the size that the bar needs with the usual gaps between its tabs, even while it has the narrow gaps.
        The layout sets the width of the bar by this size, and the bar then chooses its gaps by this width.
        """
        return QSize(ceil(self._measure_width_with_gap(_TAB_GAP_PX)), super().sizeHint().height())

    def _measure_width_with_gap(self, gap_px: int) -> float:
        """Return the width in px of all tabs, with this gap between two of them."""
        return self._margin + sum(self._measure_tab_text(number) + gap_px for number in range(self.count()))

    def _measure_tab_text(self, index: int) -> float:
        """Return the width in px of a tab's word and count. The word is measured in bold, as if the tab were the
        current one."""
        word, count, _ = self.tabData(index) or (self.tabText(index), "", None)
        word_px = current_appearance().font_metrics("body", is_bold=True).horizontalAdvance(word)
        least_count = _LONGEST_RESERVED_COUNT if index in self._tabs_with_reserved_count else ""
        return word_px + max(self._measure_count(count), self._measure_count(least_count))

    def _measure_count(self, count: str) -> float:
        """Return the width in px of a count, with the gap before it; 0 for no count."""
        metrics = current_appearance().font_metrics("small_data", uses_figures_font=count != NO_VALUE)
        return _COUNT_GAP_PX + metrics.horizontalAdvance(count) if count else 0.0

    def _choose_tab_gap(self) -> None:
        """Use the narrow gap between tabs if the bar is wide enough for all tabs with the narrow gap, but too narrow
        for them with the usual gap."""
        is_narrow_gap_enough = (
            self._measure_width_with_gap(_NARROW_TAB_GAP_PX)
            <= self.width()
            < self._measure_width_with_gap(_TAB_GAP_PX)
        )
        gap_px = _NARROW_TAB_GAP_PX if is_narrow_gap_enough else _TAB_GAP_PX
        if gap_px != self._gap_px:
            self._gap_px = gap_px
            self._measure_tab_widths()

    def _measure_tab_widths(self) -> None:
        """Make Qt measure the widths of all tabs again."""
        for number in range(self.count()):
            self.setTabText(number, self.tabText(number))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._choose_tab_gap()

    def minimumTabSizeHint(self, index: int) -> QSize:
        return self.tabSizeHint(index)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        for number in range(self.count()):
            self._draw_tab(painter, number, QRectF(self.tabRect(number)))

    def _draw_tab(self, painter: QPainter, tab_index: int, rect: QRectF) -> None:
        colour, is_current = current_appearance().colour, tab_index == self.currentIndex()
        word, count, _ = self.tabData(tab_index)
        text_rect = rect.adjusted(self._gap_px / 2 if tab_index else self._margin, 0, -self._gap_px / 2, 0)
        baseline = compute_centred_baseline(rect.top(), rect.height())
        if not self._is_tab_fully_visible(text_rect):
            self._draw_cut_tab(painter, word, count, text_rect, baseline)
            return
        painter.setFont(current_appearance().font("body", is_bold=is_current))
        painter.setPen(colour("text" if is_current else "muted"))
        painter.drawText(int(text_rect.left()), int(baseline), word)
        word_px = current_appearance().font_metrics("body", is_bold=is_current).horizontalAdvance(word)
        self._draw_count(painter, count, text_rect.left() + word_px, baseline)
        if is_current:
            painter.fillRect(QRectF(text_rect.left(), rect.bottom() - 2, text_rect.width(), 2), colour("accent"))
            if self.hasFocus():
                ring_rect = text_rect.adjusted(-6, 6, 6, -6)
                draw_frame(painter, ring_rect, 4, colour("focus"), None, 2)

    def _compute_visible_range(self) -> tuple[float, float]:
        """Return the lowest and the highest x coordinate at which tabs are visible. If the tabs don't fit, the two
        buttons that scroll them cover the right end of the bar."""
        scroll_buttons = [button.x() for button in self.findChildren(QToolButton) if button.isVisible()]
        return 0.0, float(min([self.width(), *scroll_buttons]))

    def _is_tab_fully_visible(self, tab_rect: QRectF) -> bool:
        left, right = self._compute_visible_range()
        return tab_rect.left() >= left and tab_rect.right() <= right

    def _draw_count(self, painter: QPainter, count: str, word_end: float, baseline: float) -> None:
        """Draw the count of a tab, whose word ends at the x coordinate `word_end`; do nothing if the tab has none."""
        if count:
            painter.setFont(current_appearance().font("small_data", uses_figures_font=count != NO_VALUE))
            painter.setPen(current_appearance().colour("muted"))
            painter.drawText(int(word_end + _COUNT_GAP_PX), int(baseline), count)

    def _draw_cut_tab(self, painter: QPainter, word: str, count: str, tab_rect: QRectF, baseline: float) -> None:
        """Draw the beginning of the word, "…" and the count in the visible part of a tab that is only partly visible,
        because a word without its beginning could be misread. Without room for two letters and the count, draw only
        the beginning of the word; draw nothing if there is no room for two letters."""
        left, right = self._compute_visible_range()
        x = max(tab_rect.left(), left)
        visible_px = int(min(tab_rect.right(), right) - x)
        metrics, shown_count = current_appearance().font_metrics("body"), count
        text = metrics.elidedText(word, Qt.TextElideMode.ElideRight, visible_px - ceil(self._measure_count(count)))
        if len(text) <= _MIN_LETTERS_OF_CUT_WORD:
            text, shown_count = metrics.elidedText(word, Qt.TextElideMode.ElideRight, visible_px), ""
        if len(text) > _MIN_LETTERS_OF_CUT_WORD:
            painter.setFont(current_appearance().font("body"))
            painter.setPen(current_appearance().colour("muted"))
            painter.drawText(int(x), int(baseline), text)
            self._draw_count(painter, shown_count, x + metrics.horizontalAdvance(text), baseline)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._measured_at_revision != current_appearance().revision:
            self._measured_at_revision = current_appearance().revision
            self._measure_tab_widths()
            self._choose_tab_gap()
            self.updateGeometry()
            self._set_arrow_icons()

    def _set_arrow_icons(self) -> None:
        """Set icons of the current text size for the two buttons that scroll the tabs, because Qt's own arrows
        don't grow with the text."""
        appearance = current_appearance()
        icon_px = appearance.icon_px(16)
        arrow = get_icon_pixmap("chevron_right", appearance.colour("text").rgba(), icon_px, self.devicePixelRatioF())
        for button in self.findChildren(QToolButton):
            is_left = button.objectName() == "ScrollLeftButton"
            button.setArrowType(Qt.ArrowType.NoArrow)
            button.setIcon(QIcon(arrow.transformed(QTransform.fromScale(-1, 1)) if is_left else arrow))
            button.setIconSize(QSize(icon_px, icon_px))


def show_adjacent_tab(root: QWidget, offset: int) -> None:
    """Show the next (`offset` 1) or the previous (`offset` -1) tab of the first visible tab bar inside `root`. The
    first tab follows the last one, and the last tab precedes the first one."""
    tabs = next((bar for bar in root.findChildren(TabBar) if bar.isVisible()), None)
    if tabs is not None and tabs.count():
        tabs.setCurrentIndex((tabs.currentIndex() + offset) % tabs.count())
