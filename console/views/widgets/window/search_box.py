"""The search box over the window: an input, groups of results, and a line of shortcuts at the bottom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QVBoxLayout, QWidget

from console.views.runtime.announcer import announce
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import IconLabel, Surface, TextLabel, make_row
from console.views.widgets.window.overlay import OverlayLayer
from console.views.widgets.window.search_results import ResultGroup, ResultList
from console.views.widgets.window.window_bars import ShortcutHintBar

_MAX_SEARCH_BOX_HEIGHT_PX = 520


@dataclass(frozen=True, slots=True)
class TextCompletion:
    """A value of `ResultEntry.key` for a result that completes the typed text and opens no page. `text` is the new
    text of the input; `cursor_index` is the number of characters before the cursor in this text."""

    text: str
    cursor_index: int


class SearchBoxFrame(QFrame):
    """The frame around the search box; the style sheet draws its border."""


class _SearchInput(QLineEdit):
    """The text input of the search box. It passes the keys Up, Down, Page Up and Page Down to the list of results."""

    def __init__(self, accessible_name: str, results: ResultList) -> None:
        super().__init__()
        self._results = results
        self.setAccessibleName(accessible_name)
        self.setProperty("bare", True)
        self.setFont(current_appearance().font("search_input"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self._results.keyPressEvent(event)
        else:
            super().keyPressEvent(event)


class SearchBox(QObject):
    """The search box for records and commands, 80 px below the top of the window, 752 px wide at text size 1 and
    narrower in a narrow window.

    Signals:
    - text_changed(str): the person has changed the text of the input or completed it, or the box has opened with the
      text "". The argument is the whole text.
    - result_picked(object): the person has picked the result with this key. The key "" (Ctrl+Enter) means all records
      that match the text. For a result that completes the text, the signal isn't emitted: the text changes, and the
      box stays open.
    - result_refused(object): the person has tried to pick this ResultEntry, which has a `disabled_reason`; the box
      stays open.
    - closed: the person has closed the box without picking a result.
    """

    text_changed = Signal(str)
    result_picked = Signal(object)
    result_refused = Signal(object)
    closed = Signal()

    def __init__(
        self,
        window: QWidget,
        accessible_name: str,
        hints: Sequence[tuple[Sequence[str], str]] = (),
    ) -> None:
        """`hints` are the shortcuts in the line at the bottom: pairs of the key caps and the name of their action,
        such as (("↓", "↑"), "Choose")."""
        super().__init__(window)
        self.may_pick: Callable[[], bool] = lambda: True
        """Function that is called at Enter. It returns False to keep the box open, because the results of the text
        haven't arrived.
        """
        self.may_close: Callable[[], bool] = lambda: True
        """Function that is called at Esc. It returns False to keep the box open, because the key has ended a search.
        """
        self._window = window
        self._previous_focus: QWidget | None = None
        self.overlay = OverlayLayer(window)
        self.overlay.clicked.connect(self.close)
        self.frame = SearchBoxFrame(window)
        self.frame.setAccessibleName(accessible_name)
        self.frame.hide()
        self.list = ResultList(accessible_name)
        self.input = _SearchInput(accessible_name, self.list)
        self.input.textEdited.connect(self.text_changed)
        self.input.returnPressed.connect(self._pick_current_result)
        self.input.installEventFilter(self)
        self.list.picked.connect(self._pick_result)
        self.list.refused.connect(self.result_refused)
        self._interpretation_label = TextLabel("", "small_data", "muted")
        self._remark_icon = IconLabel("check", "good", 14)
        self._remark_label = TextLabel("", "small", "good")
        self.message_label = TextLabel("", "small", "care", wraps_lines=True)
        self._message_area = QWidget()  # with the margins, because a label that wraps has its own
        self.footer = ShortcutHintBar(hints)
        self._build_layout()
        self._message_area.hide()
        self.show_interpretation("", "")
        window.installEventFilter(self)

    def _build_layout(self) -> None:
        input_row = Surface()
        input_row.setFixedHeight(tokens().px("layout", "omnibox.input"))
        frame_layout = make_row(
            IconLabel("search", "text", 16),
            self.input,
            self._interpretation_label,
            self._remark_icon,
            self._remark_label,
            gap_px=8,
        )
        frame_layout.setContentsMargins(16, 0, 16, 0)
        frame_layout.setStretch(1, 1)
        input_row.setLayout(frame_layout)
        layout = QVBoxLayout(self.frame)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(input_row)
        focus_line = QFrame()  # the input has the focus as long as the box is open
        focus_line.setObjectName("focus_line")
        layout.addWidget(focus_line)
        self._message_area.setLayout(make_row(self.message_label, margins=(16, 8, 16, 4)))
        layout.addWidget(self._message_area)
        layout.addWidget(self.list)
        layout.addWidget(self.footer)

    def open(self) -> None:
        """Show the search box without text, and give its input the focus. When the box closes, the widget that had
        the focus before this call gets the focus again."""
        self._previous_focus = self._window.focusWidget()
        self.overlay.cover_window()
        self.input.clear()
        self._set_geometry()
        self.frame.raise_()
        self.frame.show()
        self.input.setFocus()
        self.text_changed.emit("")

    @Slot()
    def close(self) -> None:
        if self.frame.isVisible():
            self._hide_box()
            self.closed.emit()

    @property
    def is_open(self) -> bool:
        return self.frame.isVisible()

    def show_groups(self, groups: Sequence[ResultGroup], *, keeps_current: bool = True) -> None:
        """Show the groups of results. The current result stays current if `keeps_current` is True and the result is
        still in the list. Otherwise the first result becomes current."""
        self.list.show_groups(groups, keeps_current=keeps_current)
        self._set_geometry()

    def show_interpretation(
        self, interpretation: str, remark: str, icon_name: str = "check", tone: Tone = "good"
    ) -> None:
        """Show two texts at the right end of the input: `interpretation`, the typed text as the program has
        interpreted it, and the remark `remark` with an icon, which says for example that the check digit is right.
        """
        self._interpretation_label.show_text(interpretation)
        self._remark_label.show_text(remark, tone)
        self._remark_icon.show_icon(icon_name, tone)
        self._remark_icon.setVisible(bool(remark))

    def show_message(self, message: str) -> None:
        """Show and announce a message that names the typed words which the program doesn't understand; "" removes the
        message."""
        if message == self.message_label.plain:
            return
        self.message_label.show_text(message)
        self._message_area.setVisible(bool(message))
        if message:
            announce(self.input, message, is_stored=False)
        self._set_geometry()

    def pick_first_result(self) -> None:
        """Pick the first result; if it has a `disabled_reason`, emit `result_refused`."""
        self.list.go_to_first_result()
        self.list.pick_current_result()

    @Slot()
    def _pick_current_result(self) -> None:
        if self.may_pick() or isinstance(self.list.get_current_key(), TextCompletion):
            self.list.pick_current_result()

    def _pick_result(self, key: object) -> None:
        """Close the box and emit `result_picked` with the key of the result. If the key is a TextCompletion, only put
        its text into the input; the box stays open.
        """
        if isinstance(key, TextCompletion):
            self._insert_completion(key)
            return
        self._hide_box()
        self.result_picked.emit(key)

    @property
    def cursor_index(self) -> int:
        """The number of characters before the cursor, counted as Python counts them. Qt's own number differs, because
        Qt counts a character above U+FFFF, such as 𠮷, as two."""
        text_before = self.input.text().encode("utf-16-le")[: 2 * self.input.cursorPosition()]
        return len(text_before.decode("utf-16-le", "replace"))

    def _insert_completion(self, completion: TextCompletion) -> None:
        """Put the text of a completion into the input and announce it."""
        self.input.setText(completion.text)
        self.input.setCursorPosition(len(completion.text[: completion.cursor_index].encode("utf-16-le")) // 2)
        self.input.setFocus()
        announce(self.input, completion.text.strip(), is_stored=False)
        self.text_changed.emit(completion.text)

    def _hide_box(self) -> None:
        self.frame.hide()
        self.overlay.hide()
        if self._previous_focus is not None and self._previous_focus.isVisible():
            self._previous_focus.setFocus()

    def _set_geometry(self) -> None:
        design_tokens = tokens()
        width = min(
            round(design_tokens.px("layout", "omnibox.width") * current_appearance().scale), self._window.width() - 48
        )
        top = design_tokens.px("layout", "omnibox.top")
        max_height = min(_MAX_SEARCH_BOX_HEIGHT_PX, self._window.height() - top - 24)
        message_height = 0
        if self._message_area.isVisibleTo(self.frame):
            message_height = self._message_area.heightForWidth(width - 2)
        fixed_height = design_tokens.px("layout", "omnibox.input") + 4 + self.footer.height() + message_height
        self.list.setFixedHeight(min(self.list.compute_full_height(), max(64, max_height - fixed_height)))
        height = fixed_height + self.list.height()
        self.frame.setGeometry((self._window.width() - width) // 2, top, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize and self.frame.isVisible():
            self._set_geometry()
        if watched is self.input and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._handle_input_key(event)
        return False

    def _handle_input_key(self, event: QKeyEvent) -> bool:
        """Handle a key that was pressed in the input: Esc closes the box, Tab inserts the first completion,
        Ctrl+Enter picks all records that match the text. Return True if the input must not get the key."""
        if event.key() == Qt.Key.Key_Escape:
            if self.may_close():
                self.close()
            return True
        if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            completion = self.list.find_key_of_type(TextCompletion) if event.key() == Qt.Key.Key_Tab else None
            if completion is not None:
                self._pick_result(completion)
            return True  # the focus must stay in the box
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._pick_result("")
            return True
        return False
