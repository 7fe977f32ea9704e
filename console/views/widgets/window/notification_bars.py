"""Messages of a window: notification bars above or below the content, and toasts, which disappear after some
seconds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QCursor,
    QDesktopServices,
    QEnterEvent,
    QGuiApplication,
    QHideEvent,
    QResizeEvent,
    QShowEvent,
    QWindow,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QBoxLayout, QFrame, QSizePolicy, QWidget

from console.views.runtime.announcer import announce, join_spoken_text
from console.views.runtime.routes import RecordPageRoute
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import Tone
from console.views.theme.mixed_font_text import measure_longest_piece
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    IconLabel,
    TextLabel,
    compute_half_leading_px,
    discard_widget,
    make_column,
    make_row,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import IconButton, KeyButton
from console.views.widgets.layout.flow_layout import make_flow_widget

_TOAST_WIDTH_PX = 360
_MAX_TOASTS = 3
_TOAST_GAP_PX = 8
_TOAST_MARGINS_PX = (12, 8, 8, 8)  # left, top, right, bottom
_GAP_BESIDE_TOAST_ICON_PX = 8
_FILE_TOAST_TIME_FACTOR = 3
"""A toast about a file is shown for this multiple of the usual time, because the person may want its buttons."""
_TONES_OF_FAILURES: frozenset[Tone] = frozenset({"bad", "unknown"})
_GAP_BESIDE_BOLD_TEXT_PX = 8
_MAX_SHARE_OF_BOLD_TEXT_BESIDE_LINES = 1 / 8
"""Share of the width up to which the bold text stays beside a text that wraps, because the space below it is narrow.
"""
_PLACING_INTERVAL_MS = 300
"""Milliseconds after which the toasts are placed again while they are shown, because the person may have gone to a
row below them."""


class NotificationBar(QFrame):
    """A message about a whole page, dialog or form: icon, bold text, text and at most two buttons, in the colours of
    a tone.

    The bar is above or below the content and never covers it. Screen readers announce the bar once when it appears,
    and again when its text changes. They don't announce a bar that appears together with its window, because they
    read it as a part of the window.
    """

    accessible_role = QAccessible.Role.Notification

    def __init__(
        self,
        bold_text: str,
        text: str = "",
        *,
        tone: Tone = "text",
        icon_name: str = "warning",
        button: KeyButton | None = None,
        second_button: QWidget | None = None,
        is_narrow: bool = False,
        is_announced: bool = True,
        route: RecordPageRoute | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`second_button` is shown after `button`. If `is_narrow` is True, for a narrow panel, the text is always
        below the bold text. If `is_announced` is False, screen readers don't announce the bar, because another widget
        announces the same message. `route` leads to the record that the message is about; None means the record of
        the visible page, if any.
        """
        super().__init__(parent)
        self.setProperty("tone", tone)
        # With a fixed height, Qt would not let the bar be higher than its preferred height, at any width.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.button, self.route = button, route
        self.tone: Tone = tone
        self.icon_name = icon_name
        self._is_announced, self._announced_sentence = is_announced, ""
        self._bold_label = TextLabel(bold_text, is_bold=True)
        self._text_label = TextLabel(text, wraps_lines=True)
        self._text_label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._text_layout: QBoxLayout | None = None
        self._button_flow: QWidget | None = None
        shown_buttons = self._buttons = [item for item in (button, second_button) if item is not None]
        icon = IconLabel(icon_name, "muted" if tone == "text" else tone, line_role="body")
        if is_narrow:
            layout = make_row(gap_px=12, margins=(12, 8, 12, 8))
            layout.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            layout.addLayout(make_column(self._bold_label, self._text_label, *shown_buttons, gap_px=2), 1)
            self.setLayout(layout)
        else:
            self._text_layout = QBoxLayout(QBoxLayout.Direction.LeftToRight)
            self._text_layout.setSpacing(_GAP_BESIDE_BOLD_TEXT_PX)
            self._text_layout.addWidget(self._bold_label)
            self._text_layout.addWidget(self._text_label, 1)
            self._body_layout = QBoxLayout(QBoxLayout.Direction.LeftToRight)
            self._body_layout.setSpacing(8)
            icon_and_texts = make_row(gap_px=12)
            icon_and_texts.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            icon_and_texts.addLayout(self._text_layout, 1)
            self._body_layout.addLayout(icon_and_texts, 1)
            self._body_layout.setAlignment(icon_and_texts, Qt.AlignmentFlag.AlignVCenter)
            self._bold_label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)  # on the first line
            if shown_buttons:
                self._button_flow = make_flow_widget(*shown_buttons)
                self._body_layout.addWidget(self._button_flow, 0, Qt.AlignmentFlag.AlignVCenter)
            layout = make_row(margins=(12, 5, 12, 5))
            layout.addLayout(self._body_layout, 1)
            self.setLayout(layout)
        self.setMinimumHeight(36)
        self._set_accessible_name()

    def _fit_texts(self) -> None:
        """Place the text next to the bold text if both fit on one line, otherwise below it. A text that wraps stays
        beside a short bold text if the bar is lower that way. Place the buttons on one line at the right edge, or
        below the texts if the buttons take more than half of the bar."""
        if self._text_layout is None:
            return
        side_by_side, top_to_bottom = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        available_width, buttons_width = self.width() - 60, sum(item.sizeHint().width() + 8 for item in self._buttons)
        are_buttons_below = buttons_width > available_width / 2
        self._body_layout.setDirection(top_to_bottom if are_buttons_below else side_by_side)
        if self._button_flow is not None:
            self._button_flow.setMinimumWidth(0 if are_buttons_below else self._button_flow.sizeHint().width())
        available_width -= 0 if are_buttons_below else buttons_width
        is_text_below = self._has_text_below(available_width)
        self._text_layout.setDirection(top_to_bottom if is_text_below else side_by_side)
        self._text_layout.setSpacing(0 if is_text_below else _GAP_BESIDE_BOLD_TEXT_PX)
        self._bold_label.set_wrapping(is_text_below or self._bold_label.measure_line_width() > available_width)
        if not self._bold_label.wordWrap():  # on the baseline of the text beside it, which wraps
            self._bold_label.setContentsMargins(0, compute_half_leading_px("body"), 0, 0)
        self._bold_label.setVisible(bool(self._bold_label.plain))  # an empty label would leave a gap before the text
        self._text_label.setVisible(bool(self._text_label.plain))

    def _has_text_below(self, available_width_px: int) -> bool:
        """Return True if the text is below the bold text in a bar with this width for both."""
        bold_width = self._bold_label.measure_line_width()
        width_beside = available_width_px - bold_width - _GAP_BESIDE_BOLD_TEXT_PX
        if not self._text_label.plain or not self._bold_label.plain:
            return False
        if self._text_label.measure_line_width() <= width_beside:
            return False
        if bold_width > available_width_px * _MAX_SHARE_OF_BOLD_TEXT_BESIDE_LINES:
            return True
        height_below = self._text_label.heightForWidth(available_width_px) + current_appearance().line_height("body")
        return height_below <= self._text_label.heightForWidth(width_beside)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_texts()

    def show_text(self, bold_text: str, text: str, *, is_announced: bool = True) -> None:
        """Replace the texts. If `is_announced` is False, screen readers don't announce the new texts, because they
        differ from the earlier texts only in an age."""
        self._bold_label.show_text(bold_text)
        self._text_label.show_text(text)
        self._fit_texts()
        self._set_accessible_name()
        if not is_announced:
            self.mark_announced()
        if self.isVisible():
            self._announce_sentence()

    @property
    def sentence(self) -> str:
        """The bold text and the text of the bar together, as a screen reader reads them."""
        return join_spoken_text(self._bold_label.plain, self._text_label.plain)

    def mark_announced(self) -> None:
        """Prevent the announcement of the bar's current text, because another widget has announced it already."""
        self._announced_sentence = self.sentence

    def _set_accessible_name(self) -> None:
        self.setAccessibleName(self.sentence)

    def _announce_sentence(self) -> None:
        if self._is_announced and self.sentence != self._announced_sentence:
            self.mark_announced()
            announce(self, self.sentence, icon_name=self.icon_name, tone=self.tone, route=self.route)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if _is_becoming_visible(self.window()):
            self.mark_announced()
        self._announce_sentence()


def make_failure_bar(
    failure: Failure, text: str, title: str = "", *, button: KeyButton | None = None
) -> NotificationBar:
    """Return a bar with the message `text` of a failed action. The icon and the tone differ for an action that was
    not done and for one that may have been executed. `title` states this in words, too (see
    `WindowContext.format_failure_title`); it is "" in a dialog whose own title states it.
    """
    icon_name, tone = failure.icon_and_tone
    return NotificationBar(title, text, tone=tone, icon_name=icon_name, button=button)


class FileButtons(QWidget):
    """Two buttons for a file that the program has written: one copies the path of the file, the other opens its
    folder. The buttons are hidden while there is no file."""

    def __init__(self, copy_text: str, open_text: str) -> None:
        super().__init__()
        self._path = ""
        copy_button, folder_button = KeyButton(copy_text, kind="inline"), KeyButton(open_text, kind="inline")
        copy_button.clicked.connect(self._copy_path)
        folder_button.clicked.connect(self._open_folder)
        self.setLayout(make_column(make_flow_widget(copy_button, folder_button, gap_px=8)))

    def show_path(self, path: str) -> None:
        """Set the path of the file that the two buttons use; "" hides the buttons."""
        self._path = path
        set_visible_in_parent(self, bool(path))

    @Slot()
    def _copy_path(self) -> None:
        QGuiApplication.clipboard().setText(self._path)

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._path).absolute().parent)))


class ToastFrame(QFrame):
    """The widget of one toast: a short message that disappears after some seconds, but not while the mouse pointer or
    the keyboard focus is on it. A message about a failure stays until the person closes it.

    Signals:
    - closed: the seconds have passed, or the person has closed the message.
    - pointer_entered: the mouse pointer is over the message.
    """

    closed = Signal()
    pointer_entered = Signal()
    accessible_role = QAccessible.Role.Notification

    def __init__(
        self,
        message: str,
        detail: str = "",
        *,
        icon_name: str = "check",
        tone: Tone = "good",
        close_name: str = "Close",
        route: RecordPageRoute | None = None,
        topic: str = "",
    ) -> None:
        """`message` is the message, `detail` a second line, `close_name` the name of the close button. `route` is the
        route to the record that the message is about; None means the record of the visible page, if any. `topic`
        names the state that the message is about: a newer message with the same topic replaces this one."""
        super().__init__()
        self.icon_name, self.route, self.topic = icon_name, route, topic
        self.tone: Tone = tone
        self.setAccessibleName(join_spoken_text(message, detail))
        self.path = ""
        self._labels = [TextLabel(message, wraps_lines=True)]
        if detail:
            self._labels.append(TextLabel(detail, "small", "muted", wraps_lines=True))
        text_column = self._text_column = make_column(*self._labels, gap_px=0)
        close_button = IconButton("close", close_name)
        if not self.is_about_failure:  # the Tab key doesn't stop at a message that disappears
            close_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close_button.clicked.connect(self.closed)
        self._close_button = close_button
        self._closing_timer = QTimer(self, singleShot=True)
        self._closing_timer.timeout.connect(self.closed)
        cast(QApplication, QApplication.instance()).focusChanged.connect(self._pause_or_continue_closing)
        self._icon_label = IconLabel(icon_name, tone, line_role="body")
        layout = make_row(gap_px=0, margins=_TOAST_MARGINS_PX)
        layout.addWidget(self._icon_label, 0, Qt.AlignmentFlag.AlignTop)
        layout.addSpacing(_GAP_BESIDE_TOAST_ICON_PX)
        layout.addLayout(text_column, 1)
        layout.addWidget(close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)

    def add_file_buttons(self, path: str, copy_text: str, open_text: str) -> None:
        """Add two buttons for a file that the program has written: one copies its path, the other opens its folder.
        `copy_text` and `open_text` are their texts."""
        self.path = path
        self._close_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # as the buttons of the file
        buttons = FileButtons(copy_text, open_text)
        buttons.show_path(path)
        self._text_column.addSpacing(6)
        self._text_column.addWidget(buttons)

    def can_be_as_narrow_as(self, width_px: int) -> bool:
        """Return True if no number, identifier or Japanese phrase of the texts must be broken in a toast of this
        width."""
        left, _, right, _ = _TOAST_MARGINS_PX
        beside_text = left + self._icon_label.sizeHint().width() + _GAP_BESIDE_TOAST_ICON_PX
        beside_text += self._close_button.sizeHint().width() + right
        return all(measure_longest_piece(label.plain, label.role) <= width_px - beside_text for label in self._labels)

    def compute_height(self, width_px: int) -> int:
        """Return the height in px that the texts need in a toast of this width."""
        layout = self.layout()
        return 0 if layout is None else layout.totalHeightForWidth(width_px)

    def fit_height(self) -> None:
        """Set the height that the texts need at the current width of the toast."""
        self.setFixedHeight(self.compute_height(self.width()))

    @property
    def is_about_failure(self) -> bool:
        """True if the message is about an action that has failed, or whose outcome isn't known."""
        return self.tone in _TONES_OF_FAILURES

    def close_after(self, seconds: float) -> None:
        """Emit `closed` when the toast has been shown for `seconds` without the mouse pointer or the focus on it. The
        time begins again when both have left the toast."""
        self._closing_timer.start(round(seconds * 1000))
        self._pause_or_continue_closing()

    @Slot()
    def _pause_or_continue_closing(self) -> None:
        focused_widget = cast("QWidget | None", self.window().focusWidget())  # the stubs leave out None
        has_focus = focused_widget is not None and self.isAncestorOf(focused_widget)
        if self.isVisible() and (self.underMouse() or has_focus):
            self._closing_timer.stop()
        elif self._closing_timer.interval() and not self._closing_timer.isActive():
            self._closing_timer.start()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._pause_or_continue_closing()
        self.pointer_entered.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._pause_or_continue_closing()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._pause_or_continue_closing()


class ToastDialog(Protocol):
    """A dialog that covers the window. While the dialog is open, it shows the toasts of the window itself."""

    def show_toast(self, toast: ToastFrame) -> None:
        """Show the toast inside the dialog, at a position where it covers no control."""


class ToastStack(QObject):
    """The toasts (short messages) of a window. At most three are shown; a fourth toast replaces the oldest. While a
    dialog is open, only the newest toast is shown, inside the dialog, because the dialog covers the window.

    The toasts are in the free part of the sidebar, where they cover nothing. If it has no room for all of them, if a
    number, identifier or Japanese phrase in one of them is too long for it, or if there is no sidebar, the toasts are
    at the bottom right of the window, over its contents. A toast there is hidden while the mouse pointer, the focused
    control or the current row of the focused list is at its place; a toast about a file is not hidden, because it has
    buttons.
    """

    def __init__(
        self,
        window: QWidget,
        *,
        find_lower_bars: Callable[[], list[QWidget]] = list,
        find_side_area: Callable[[], QRect] = QRect,
        shown_seconds: float = 4.0,
    ) -> None:
        """`find_lower_bars` returns the bars at the bottom of the window that the toasts must not cover.
        `find_side_area` returns the rectangle in which the toasts are shown if it has room for them: the free part of
        the sidebar, in the coordinates of the window; empty if there is no sidebar. `shown_seconds` is the time in
        seconds for which a toast is shown.
        """
        super().__init__(window)
        self._window, self._find_lower_bars, self._seconds = window, find_lower_bars, shown_seconds
        self._find_side_area = find_side_area
        self._hidden_toasts: set[ToastFrame] = set()
        self._placing_timer = QTimer(self, interval=_PLACING_INTERVAL_MS)
        self._placing_timer.timeout.connect(self.place_toasts)
        self._toasts: list[ToastFrame] = []
        self._dialogs: list[ToastDialog] = []
        window.installEventFilter(self)

    def show_toast(self, toast: ToastFrame) -> None:
        """Show a toast for `shown_seconds` (an argument of the constructor), announce it to screen readers, and store
        it in the list of messages. A toast about a file is shown for three times as long, and a toast about a failure
        until the person closes it. The toast replaces an earlier toast about the same topic.
        """
        if toast.topic:
            self.remove_toasts_about(toast.topic)
        if len(self._toasts) == (1 if self._dialogs else _MAX_TOASTS):
            self._remove_toast(self._toasts[0])
        toast.closed.connect(self._remove_closed_toast)
        toast.pointer_entered.connect(self.place_toasts)
        self._toasts.append(toast)
        self._place_toast(toast)
        if not toast.is_about_failure:
            toast.close_after(self._seconds * (_FILE_TOAST_TIME_FACTOR if toast.path else 1))
        announce(
            toast,
            toast.accessibleName(),
            icon_name=toast.icon_name,
            tone=toast.tone,
            route=toast.route,
            path=toast.path,
        )

    def remove_file_toasts(self) -> None:
        """Remove the toasts about written files. A person who sees such a toast next to a later refusal could think
        that the refused action has succeeded."""
        for toast in [toast for toast in self._toasts if toast.path]:
            self._remove_toast(toast)
        self.place_toasts()

    def remove_all_toasts(self) -> None:
        for toast in self.visible_toasts:
            self._remove_toast(toast)
        self.place_toasts()

    def remove_toasts_about(self, topic: str) -> None:
        """Remove the toasts about this topic, because its state has changed since they appeared."""
        for toast in [toast for toast in self._toasts if toast.topic == topic]:
            self._remove_toast(toast)
        self.place_toasts()

    def _place_toast(self, toast: ToastFrame) -> None:
        if self._dialogs:
            self._dialogs[-1].show_toast(toast)
        else:
            toast.setParent(self._window)
            self.place_toasts()
        if toast in self._toasts:
            toast.setVisible(toast not in self._hidden_toasts)

    def show_toasts_in_dialog(self, dialog: "ToastDialog") -> None:
        """From now on, until `stop_showing_toasts_in_dialog` is called, show the newest toast and all later toasts in
        this dialog. Remove the older toasts. Do nothing if this dialog already shows them."""
        if dialog in self._dialogs:
            return
        self._dialogs.append(dialog)
        self._hidden_toasts.clear()
        for toast in self._toasts[:-1]:
            self._remove_toast(toast)
        self._place_toasts_again()

    def stop_showing_toasts_in_dialog(self, dialog: "ToastDialog") -> None:
        """Stop showing the toasts in this dialog, because it is being closed. Show them in the window again, or in an
        open dialog below this dialog."""
        if dialog in self._dialogs:
            self._dialogs.remove(dialog)
            self._place_toasts_again()

    @property
    def visible_toasts(self) -> tuple[ToastFrame, ...]:
        return tuple(self._toasts)

    @Slot()
    def _remove_closed_toast(self) -> None:
        toast = self.sender()
        if isinstance(toast, ToastFrame) and toast in self._toasts:
            self._remove_toast(toast)
            self.place_toasts()

    def _remove_toast(self, toast: ToastFrame) -> None:
        self._toasts.remove(toast)
        self._hidden_toasts.discard(toast)
        discard_widget(toast)

    @Slot()
    def place_toasts(self) -> None:
        """Move the toasts to their places above the bars at the bottom of the window. Do nothing if no toast is
        shown: `find_lower_bars` must not be called then, because Qt can resize a window before its bars exist.
        """
        if self._dialogs or not self._toasts:
            self._hidden_toasts.clear()
            self._placing_timer.stop()
            return
        self._placing_timer.start()
        lower_bars = self._find_lower_bars()
        for lower_bar in lower_bars:
            lower_bar.installEventFilter(self)  # a bar that appears or moves later moves the toasts
        tops = [lower_bar.mapTo(self._window, QPoint(0, 0)).y() for lower_bar in lower_bars if lower_bar.isVisible()]
        side_area = self._find_side_area()
        places = self._compute_toast_rectangles(side_area)
        has_room = (
            not side_area.isEmpty()
            and places[0].top() >= side_area.top()
            and all(toast.can_be_as_narrow_as(side_area.width()) for toast in self._toasts)
        )
        if not has_room:
            width = min(round(_TOAST_WIDTH_PX * current_appearance().scale), self._window.width() - 32)
            bottom = min([self._window.height(), *tops]) - 16
            places = self._compute_toast_rectangles(QRect(self._window.width() - width - 16, 0, width, bottom))
        for toast, place in zip(self._toasts, places, strict=True):
            toast.setFixedSize(place.size())
            toast.move(place.topLeft())
            toast.raise_()
            self._hide_or_show(toast, must_hide=not has_room and not toast.path and self._is_in_use(place))

    def _compute_toast_rectangles(self, area: QRect) -> list[QRect]:
        """Return the rectangles of the toasts in this area, in the sequence of the toasts: one above the other, with
        the newest at the lower end of the area. If the area isn't high enough for all toasts, the first rectangles
        are above it."""
        places: list[QRect] = []
        bottom = area.bottom() + 1
        for toast in reversed(self._toasts):
            height = toast.compute_height(area.width())
            places.insert(0, QRect(area.left(), bottom - height, area.width(), height))
            bottom -= height + _TOAST_GAP_PX
        return places

    def _hide_or_show(self, toast: ToastFrame, *, must_hide: bool) -> None:
        if must_hide:
            self._hidden_toasts.add(toast)
            toast.hide()
        elif toast in self._hidden_toasts:
            self._hidden_toasts.remove(toast)
            toast.show()

    def _is_in_use(self, place: QRect) -> bool:
        """Return True if the mouse pointer, the focused control or the current row of the focused list is at this
        place of the window."""
        focused_widget = cast("QWidget | None", self._window.focusWidget())  # the stubs leave out None
        if self._window.underMouse() and place.contains(self._window.mapFromGlobal(QCursor.pos())):
            return True
        if focused_widget is None or not focused_widget.isVisible():
            return False
        focus_rect = focused_widget.rect()
        if isinstance(focused_widget, QAbstractItemView):
            focus_rect, focused_widget = (
                focused_widget.visualRect(focused_widget.currentIndex()),
                focused_widget.viewport(),
            )
        return place.intersects(focus_rect.translated(focused_widget.mapTo(self._window, QPoint(0, 0))))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self.place_toasts()
        elif watched is self._window and event.type() == QEvent.Type.StyleChange:
            QTimer.singleShot(0, self, self._place_toasts_again)  # after the labels have their new text size
        elif watched is not self._window and self._toasts and event.type() in (QEvent.Type.Move, QEvent.Type.Show):
            QTimer.singleShot(0, self, self.place_toasts)
        return False

    @Slot()
    def _place_toasts_again(self) -> None:
        for toast in tuple(self._toasts):
            self._place_toast(toast)


def _is_becoming_visible(window: QWidget) -> bool:
    """Return True while Qt is showing this window for the first time, or again after it was hidden."""
    window_handle: QWindow | None = window.windowHandle()
    return window_handle is None or not window_handle.isVisible()
