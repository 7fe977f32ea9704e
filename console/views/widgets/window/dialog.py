"""The base class of every dialog: a title, the content, and a footer with the Cancel button and the main button,
which starts the dialog's action."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QMoveEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from console.views.runtime.announcer import announce, join_spoken_text
from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    Surface,
    TextLabel,
    TitleLabel,
    discard_widget,
    make_column,
    make_row,
    make_scroll_area,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import IconButton, KeyButton, PaintedButton
from console.views.widgets.controls.tabs import show_adjacent_tab
from console.views.widgets.layout.inner_areas import InnerScrollAreas
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame, ToastStack
from console.views.widgets.window.overlay import OverlayLayer

DISTANCE_TO_WINDOW_EDGE_PX = 48
"""Least distance of a dialog to the left and the right edge of its window, except in a very narrow window."""
_DIALOG_MARGIN_PX = 20
_MIN_CONTENT_HEIGHT_PX = 96  # of a content that scrolls
_DEFAULT_OUTCOME_TONE: Tone = "text"
_INPUT_TYPES = (QLineEdit, QPlainTextEdit, QComboBox, QCheckBox, QRadioButton)


class DialogFrame(QDialog):
    """Base class of dialogs, 640 or 960 px wide, with a Cancel button and a main button, which starts the dialog's
    action. Show the dialog with `open()`; its signal `finished(int)` reports the result.

    Cancel is the default button and has the first focus, so that Enter cancels. Enter presses the button that has the
    focus. In an input, Enter never cancels: it moves the focus to the next control of the content, and from the last
    one to the main button. If `submits_on_enter` is True, Enter in an input presses the main button instead.

    The main button is disabled for the first 600 ms, so that a double click or an early key press can't press it. A
    shortcut of the main button that is pressed in the first 600 ms shows and announces `too_early_text`. While
    `is_busy` is True, the dialog stays open: Esc doesn't close it, but shows and announces `stays_open_text`.
    `show_outcome` shows the result of the action.
    """

    is_wide = False
    """True if the dialog is 960 px wide at text scale 1.0, because it contains a table; otherwise it is 640 px
    wide."""
    stays_open_text = ""
    """The sentence that the dialog shows if the person tries to close it while its call runs; "": no sentence. The
    window sets it when a call begins.
    """
    closable_text = ""
    """The sentence that the dialog shows when the person may close it while its call runs; "": the usual sentence."""
    too_early_text = ""
    """The sentence that the dialog shows if a shortcut has no effect in the first 600 ms; "": no sentence."""
    last_input: QWidget | None = None
    """The input from which Enter goes on to the main button, although the Tab key goes from it to another input; None
    if it is the last input in the order of the Tab key."""
    submits_on_enter = False
    """True if Enter in an input presses the main button. Only for a form whose action costs no money, decides about
    no record, and can be undone by the same person; and for the password of a decision that was just made."""

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        *,
        cancel_text: str = "Cancel",
        main_button_text: str = "",
        kind: Literal["primary", "danger"] = "primary",
        hint: str = "",
        close_name: str = "Close",
        is_wide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`main_button_text` is the text of the main button, which starts the dialog's action; "" hides this button.
        `kind` is the appearance of the main button: "danger" if the action deletes or rejects a record. `hint` is the
        text at the left of the footer; `close_name` is the accessible name of the close button in the corner.
        `is_wide` is True for a wide dialog whose class has no `is_wide` of its own.

        The dialog belongs to the window or dialog that contains `parent`: it stays open if `parent` is a page that is
        built again, for example in another language.
        """
        super().__init__(parent.window() if parent is not None else None)
        self.setWindowFlag(Qt.WindowType.FramelessWindowHint)  # the frame draws title and close button itself
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)  # only for the rounded corners
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._overlay = OverlayLayer(parent.window()) if parent is not None else None
        self.finished.connect(self._remove_dialog_from_window)
        self._title = TitleLabel("", "dialog_title", wraps_lines=True)
        self._subtitle = TextLabel("", "small", "muted", wraps_lines=True)
        self.show_title(title, subtitle)
        self._is_busy = self._may_close_window = False
        self._elapsed_text = ""
        self._is_acting_delay_over = self._is_main_button_first = False
        self._disabled_reason = self._hint_before_refusal = ""
        self._footer_widgets: tuple[QWidget, ...] = ()
        self._position_on_screen: QPoint | None = None  # None until the dialog is open
        self._drag_start: QPoint | None = None  # None unless the left button was pressed on an empty area
        self.cancel_button = KeyButton(cancel_text, "Esc", binds_key=False)
        self.cancel_button.setDefault(True)
        self.cancel_button.setAutoDefault(True)
        self.cancel_button.clicked.connect(self.reject)
        self.main_button = KeyButton(main_button_text, kind=kind)
        set_visible_in_parent(self.main_button, bool(main_button_text))
        if self.submits_on_enter:
            self.main_button.show_key("Enter")
        self.main_button.reason_changed.connect(self._show_block_reason)
        self._block_reason_label = TextLabel("", "small", "care", wraps_lines=True)
        self._block_reason_label.hide()
        self.hint = TextLabel(hint, "small", "muted", wraps_lines=True)
        self._scroll_area = make_scroll_area()
        self._scroll_area.setFixedHeight(_MIN_CONTENT_HEIGHT_PX)
        self._inner_areas = InnerScrollAreas(self._scroll_area, self.fit_size)
        self._build_frame(close_name)
        self.is_wide = self.is_wide or is_wide
        self.setFixedWidth(self._compute_width())
        if parent is not None:
            parent.window().installEventFilter(self)

    def _compute_width(self) -> int:
        """Return the width of the dialog in px: 640 (960 if `is_wide` is True) times the text scale, but at most the
        width of the parent window less 96, and never less than 640."""
        least_width = tokens().px("layout", "dialog_width")
        unscaled_width = tokens().px("layout", "wide_dialog_width") if self.is_wide else least_width
        width = round(unscaled_width * current_appearance().scale)
        parent = self.parentWidget()
        return (
            width
            if parent is None
            else max(least_width, min(width, parent.window().width() - 2 * DISTANCE_TO_WINDOW_EDGE_PX))
        )

    def _build_frame(self, close_name: str) -> None:
        close_button = IconButton("close", close_name)
        close_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keyboard uses Esc and Cancel
        close_button.clicked.connect(self.reject)
        title_row = make_row(margins=(_DIALOG_MARGIN_PX, 16, 16, 0))
        title_row.addWidget(self._title, 1)
        title_row.addWidget(close_button, 0, Qt.AlignmentFlag.AlignTop)
        subtitle_row = make_row(self._subtitle, margins=(_DIALOG_MARGIN_PX, 0, _DIALOG_MARGIN_PX, 0))
        # With the gap, the focus ring around the title stands clear of the letters below it.
        header = make_column(title_row, subtitle_row, gap_px=4)
        footer = Surface(is_raised=True, edge="top")
        footer.setObjectName("dialog_footer")  # the style sheet rounds its lower corners, as the dialog's border
        footer_layout = QHBoxLayout(footer)
        footer_layout.setContentsMargins(_DIALOG_MARGIN_PX, 12, _DIALOG_MARGIN_PX, 12)
        footer_layout.setSpacing(tokens().px("spacing", "before_acting_button"))
        self._footer_texts = make_column(self.hint, self._block_reason_label, gap_px=2)
        self._footer_buttons = make_row(gap_px=footer_layout.spacing())
        footer_layout.addLayout(self._footer_texts, 1)
        footer_layout.addLayout(self._footer_buttons)
        footer_layout.addWidget(self.cancel_button)
        footer_layout.addWidget(self.main_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self._scroll_area)
        self._toast_column = make_column()
        layout.addLayout(self._toast_column)
        layout.addWidget(footer)

    def show_title(self, title: str, subtitle: str = "") -> None:
        """Set the title and the subtitle. The title is also the accessible name of the dialog. If the dialog is open
        and the title has changed, screen readers announce the title and the subtitle."""
        if self.isVisible() and title != self.windowTitle():
            announce(self, join_spoken_text(title, subtitle))
        self._set_title(title, subtitle)
        if self.isVisible():
            self.fit_size()

    def _set_title(self, title: str, subtitle: str) -> None:
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self._title.show_text(title)
        self._subtitle.show_text(subtitle)
        set_visible_in_parent(self._subtitle, bool(subtitle))

    def show_content(self, content: QWidget) -> None:
        """Replace the content between title and footer, and set the height that it needs."""
        content_holder = QWidget()
        content_holder.installEventFilter(self)
        # A content of one line is not stretched to the least height of the dialog.
        content_holder.setLayout(make_column(content, None, margins=(_DIALOG_MARGIN_PX, 16, _DIALOG_MARGIN_PX, 16)))
        old_holder = self._scroll_area.takeWidget()
        if old_holder is not None:
            old_holder.deleteLater()
        self._scroll_area.setWidget(content_holder)
        self.fit_size()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Set the height of the dialog again after a change of the content's layout, or after a widget in the footer
        was shown or hidden. Set its size and position again after a change of the parent window's size. Return Qt's
        result: True if `watched` must not get the event.
        """
        if watched is self.parentWidget():
            if event.type() == QEvent.Type.Resize:
                QTimer.singleShot(0, self, self._fit_into_window)
            return super().eventFilter(watched, event)
        has_content_changed = event.type() == QEvent.Type.LayoutRequest and watched is self._scroll_area.widget()
        has_visibility_changed = event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
        if has_content_changed or (has_visibility_changed and watched in self._footer_widgets):
            QTimer.singleShot(0, self, self.fit_size)
        return super().eventFilter(watched, event)

    @Slot()
    def _fit_into_window(self) -> None:
        """Fit the dialog into the parent window, whose size has changed, for example because a screen was removed. If
        a part of the dialog is outside of the window, move the dialog to the middle of the window."""
        parent = self.parentWidget()
        if parent is None or not self.isVisible():
            return
        self.setFixedWidth(self._compute_width())
        self.fit_size()
        window_area, dialog_area = parent.geometry(), self.geometry()
        if not window_area.contains(dialog_area):
            dialog_area.moveCenter(window_area.center())
            self.move(dialog_area.topLeft())

    @Slot()
    def fit_size(self) -> None:
        """Set the height that the content needs at the current width of the dialog. If the parent window isn't
        high enough, the content scrolls."""
        dialog_layout, content_holder = self.layout(), self._scroll_area.widget()
        content_layout = content_holder.layout() if content_holder is not None else None
        if dialog_layout is None or content_layout is None:
            return

        def compute_content_height() -> int:
            content_layout.activate()
            if content_layout.hasHeightForWidth():
                return content_layout.totalHeightForWidth(self.width() - 2)
            return content_layout.totalSizeHint().height()

        self._set_order_of_tab_key()
        dialog_layout.activate()
        height = dialog_layout.totalSizeHint().height()
        if dialog_layout.hasHeightForWidth():  # otherwise Qt returns -1 as the height for a width
            height = dialog_layout.totalHeightForWidth(self.width())
        frame_height = height - self._scroll_area.minimumHeight()
        parent = self.parentWidget()
        available_height = (
            compute_content_height()
            if parent is None
            else parent.window().height() - 2 * _DIALOG_MARGIN_PX - frame_height
        )
        content_height = self._inner_areas.fit_inner_areas(compute_content_height, available_height)
        max_height = max(_MIN_CONTENT_HEIGHT_PX, available_height)
        # Qt keeps a scroll bar that was needed at an earlier height, if the narrower text needs one line more.
        policies = Qt.ScrollBarPolicy
        self._scroll_area.setVerticalScrollBarPolicy(
            policies.ScrollBarAlwaysOff if content_height <= max_height else policies.ScrollBarAsNeeded
        )
        self._scroll_area.setFixedHeight(min(content_height, max_height))
        dialog_layout.activate()
        self._resize_in_place(frame_height + self._scroll_area.height())

    def _resize_in_place(self, height_px: int) -> None:
        """Set the height of the dialog, in px, and its position. On X11, while a window manager puts a new window
        into a frame, Qt reports the position inside the frame, (0, 0), as the position on the screen. If this method
        set only the size, the dialog would move to the corner of the screen."""
        if self._position_on_screen is not None and self.isVisible() and self.pos() == QPoint():
            self.setGeometry(QRect(self._position_on_screen, QSize(self.width(), height_px)))
        else:
            self.resize(self.width(), height_px)

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if event.pos() != QPoint():
            self._position_on_screen = event.pos()

    def _set_order_of_tab_key(self) -> None:
        """Set the order in which the Tab key visits the controls. If `set_main_button_first` was called with True,
        the main button follows the Cancel button. Otherwise the fields of the content follow the Cancel button, and
        the main button follows the fields, also while the dialog shows a toast above the footer."""
        if self._is_main_button_first:
            stops: list[QWidget] = [self._title, self.cancel_button, self.main_button]
        else:
            stops = [self.main_button, *self._footer_widgets, self.cancel_button]
            last_content_stop = self._find_last_content_stop(stops)
            stops = [last_content_stop, *stops] if last_content_stop is not None else stops
        for stop, next_stop in pairwise(stops):
            QWidget.setTabOrder(stop, next_stop)

    def _find_last_content_stop(self, footer_stops: Sequence[QWidget]) -> QWidget | None:
        """Return the last control of the content at which the Tab key stops; None if there is none. The controls
        `footer_stops` and the buttons of a toast don't count as content."""
        toasts = self.findChildren(ToastFrame)
        widget: QWidget | None = self.previousInFocusChain()
        while widget is not None and widget is not self:
            is_stop = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget not in footer_stops
            if is_stop and not any(toast.isAncestorOf(widget) for toast in toasts):
                return widget
            widget = widget.previousInFocusChain()
        return None

    def set_main_button_first(self, *, is_first: bool) -> None:
        """If `is_first` is True, let the Tab key go from Cancel directly to the main button. Otherwise let it go from
        Cancel to the fields of the content and then to the main button."""
        self._is_main_button_first = is_first
        self._set_order_of_tab_key()

    def open(self) -> None:
        """Show the dialog. If the window already shows a dialog of the same class and title, reject this dialog
        instead, because the person has pressed the button for this dialog twice."""
        parent = self.parentWidget()
        other_dialogs = [] if parent is None else parent.window().findChildren(type(self))
        visible_dialogs = (
            other_dialog
            for other_dialog in other_dialogs
            if type(other_dialog) is type(self) and other_dialog.isVisible()
        )
        if any(other_dialog.accessibleName() == self.accessibleName() for other_dialog in visible_dialogs):
            self.reject()
            self.deleteLater()
        else:
            super().open()

    def find_first_focus(self) -> QWidget:
        """Return the widget that has the focus when the dialog opens: Cancel, so that Enter cancels. A subclass
        may return its first field, if its main button only opens the next step."""
        return self.cancel_button

    def show_footer_button(self, button: KeyButton, label: TextLabel | None = None) -> None:
        """Show an additional button before Cancel, and the label `label` at the left of the footer. This button and
        this label replace those of an earlier call."""
        self.clear_footer()
        self._footer_widgets = (button,) if label is None else (button, label)
        self._footer_buttons.addWidget(button)
        if label is not None:
            label.installEventFilter(self)
            self._footer_texts.addWidget(label)

    def show_toast(self, toast: ToastFrame) -> None:
        """Show a toast (a short message) above the footer, as wide as the content. The dialog becomes taller by
        the height of the toast."""
        self._toast_column.setContentsMargins(_DIALOG_MARGIN_PX, 0, _DIALOG_MARGIN_PX, 12)
        toast.setFixedWidth(self.width() - 2 * _DIALOG_MARGIN_PX - 2)
        self._toast_column.addWidget(toast)
        toast.fit_height()
        toast.show()  # a hidden one has no place in the layout
        toast.destroyed.connect(self._fit_size_after_toast)
        self.fit_size()

    @Slot()
    def _fit_size_after_toast(self) -> None:
        if not self._toast_column.count():
            self._toast_column.setContentsMargins(0, 0, 0, 0)
        self.fit_size()

    def _find_toast_stack(self) -> ToastStack | None:
        """Return the object that shows the toasts of this dialog's main window, also if the dialog belongs to another
        dialog of that window. Return None if there is no such object."""
        widget = self.parentWidget()
        while widget is not None and widget.window().parentWidget() is not None:
            widget = widget.window().parentWidget()
        return widget.window().findChild(ToastStack) if widget is not None else None

    def clear_footer(self) -> None:
        """Remove the button and the label that `show_footer_button` has added. Do nothing if the footer has no such
        button and label."""
        for widget in self._footer_widgets:
            discard_widget(widget)
        self._footer_widgets = ()

    def disable_main_button(self, reason: str) -> None:
        """Disable the main button and show the reason at the left of the footer."""
        self._disabled_reason = reason
        self.hint.show_text(reason)
        self.main_button.disable_with_reason(reason)

    @Slot()
    def _show_block_reason(self) -> None:
        """Show in the footer, below the hint, the reason why the main button is blocked; hide this text if the button
        isn't blocked."""
        reason = self.main_button.block_reason
        if reason != self._block_reason_label.plain:
            self._block_reason_label.show_text(reason)
            self._block_reason_label.setVisible(bool(reason))
            QTimer.singleShot(0, self, self.fit_size)

    def enable_main_button(self, hint: str = "") -> None:
        """Enable the main button and show `hint` at the left of the footer. If the dialog has been open for less than
        600 ms, the button becomes enabled only at the end of this time. While the action runs, the button stays
        disabled."""
        self._disabled_reason = ""
        self.hint.show_text(hint)
        if self._is_acting_delay_over and not self._is_busy:
            self.main_button.enable_button()

    def set_busy(self, busy_text: str) -> None:
        """Disable the Cancel button and the main button while the action runs; show and announce `busy_text`. The
        main button stays disabled until `show_outcome` or `allow_acting_again` is called. The person can't close the
        dialog until one of these two methods or `allow_closing` is called. The title gets the focus, because a
        disabled button can't have the focus.
        """
        self._is_busy, self._may_close_window = True, False
        self._elapsed_text = ""
        self.hint.show_text("")
        self.main_button.set_busy(busy_text)
        self.cancel_button.setEnabled(False)
        self._title.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_elapsed_text(self, elapsed_text: str) -> None:
        """Show in the footer how long the call has been running. Screen readers don't announce the text, because it
        changes each second, and the text never replaces another sentence."""
        if self.hint.plain == self._elapsed_text:
            self._elapsed_text = elapsed_text
            self.hint.show_text(elapsed_text)

    def allow_closing(self, close_text: str, hint: str) -> None:
        """Allow the person to close the dialog while its action still runs. The main button stays disabled, even
        if the person changes an input. `close_text` is the new text of Cancel; `hint` is shown in the footer and
        announced."""
        self._may_close_window = True
        self.cancel_button.show_text(close_text)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setFocus()
        self.hint.show_text(hint)
        announce(self, hint)

    def allow_acting_again(self, cancel_text: str) -> None:
        """Allow the person to use the dialog again, because the service has refused the action, or because the action
        has only prepared the next step. `cancel_text` is the new text of Cancel. The caller shows the form, and
        enables the main button."""
        self._is_busy = False
        self.allow_closing(cancel_text, "")

    def show_outcome(
        self, title: str, subtitle: str, content: QWidget, *, close_text: str, main_button_text: str = ""
    ) -> None:
        """Show the result of the dialog's action: a new title and content, and new texts for the Cancel button
        (`close_text`) and the main button (`main_button_text`; "" hides this button). The main button is disconnected
        from its action, and loses the appearance "danger"; the caller connects the next action. Remove the button
        that `show_footer_button` has added. Announce the title and the notification bars in the content as one
        sentence.
        """
        self._is_busy = False
        self._announce_outcome(title, content)
        self._set_title(title, subtitle)
        self.show_content(content)
        self.clear_footer()
        self.cancel_button.show_text(close_text)
        self.cancel_button.setEnabled(True)
        self.main_button.clicked.disconnect()
        self.main_button.make_unblockable()
        if self.main_button.kind == "danger":  # the next action deletes and rejects nothing
            self.main_button.set_kind("primary")
        self.main_button.show_text(main_button_text)
        self.main_button.show_key("")
        self.main_button.enable_button()
        self.main_button.setVisible(bool(main_button_text))
        self.hint.show_text("")
        self.cancel_button.setFocus()

    def _announce_outcome(self, title: str, content: QWidget) -> None:
        """Announce the title of a result together with the notification bars in its content. The first bar gives
        the announcement its icon and tone."""
        bars = [content] if isinstance(content, NotificationBar) else content.findChildren(NotificationBar)
        for bar in bars:
            bar.mark_announced()
        icon_name, tone = (bars[0].icon_name, bars[0].tone) if bars else ("", _DEFAULT_OUTCOME_TONE)
        sentences = [bar.sentence for bar in bars]
        is_title_in_bar = bool(sentences) and sentences[0].startswith(title)
        announce(self, join_spoken_text("" if is_title_in_bar else title, *sentences), icon_name=icon_name, tone=tone)

    @property
    def may_be_closed(self) -> bool:
        """True if the person can close the dialog: no action runs, or `allow_closing` was called."""
        return self._may_close_window or not self._is_busy

    @property
    def is_busy(self) -> bool:
        """True while the action of the main button runs."""
        return self._is_busy

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._is_acting_delay_over and not event.spontaneous():
            if self._overlay is not None:
                self._overlay.cover_window()
            toast_stack = self._find_toast_stack()
            if toast_stack is not None:
                toast_stack.show_toasts_in_dialog(self)
            self.main_button.setEnabled(False)
            self.find_first_focus().setFocus(Qt.FocusReason.OtherFocusReason)
            QTimer.singleShot(tokens().px("motion", "acting_button_off_ms"), self, self._enable_main_button)

    @Slot()
    def _remove_dialog_from_window(self) -> None:
        toast_stack = self._find_toast_stack()
        if toast_stack is not None:
            toast_stack.stop_showing_toasts_in_dialog(self)
        if self._overlay is not None:
            self._overlay.deleteLater()
            self._overlay = None

    @Slot()
    def _enable_main_button(self) -> None:
        """Enable the main button, because the first 600 ms after the dialog has opened are over. The button stays
        disabled while an action runs, or if `disable_main_button` has disabled it."""
        self._is_acting_delay_over = True
        if self.hint.plain == self.too_early_text:
            self.hint.show_text(self._hint_before_refusal)
        if not self._disabled_reason and not self._is_busy:
            self.main_button.enable_button()
        self.set_main_button_first(
            is_first=self.find_first_focus() is self.cancel_button and self.main_button.isEnabled()
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        radius = tokens().px("radii", "dialog")
        draw_frame(
            QPainter(self),
            QRectF(self.rect()),
            radius,
            current_appearance().colour("border"),
            current_appearance().colour("base"),
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """On X11, cut the corners off the window, because a transparent corner would be black on a desktop without a
        compositor."""
        super().resizeEvent(event)
        if QGuiApplication.platformName() == "xcb":
            radius = tokens().px("radii", "dialog")
            path = QPainterPath()
            path.addRoundedRect(QRectF(self.rect()), radius, radius)
            self.setMask(QRegion(path.toFillPolygon().toPolygon()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._drag_start = event.position().toPoint() if event.button() == Qt.MouseButton.LeftButton else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the person move the dialog by dragging any empty area, because a frameless window has no title bar. A
        click alone must not begin a move: a window manager that gets the request after the mouse button was released
        lets the dialog follow the mouse pointer until the next click.
        """
        if self._drag_start is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        distance_px = (event.position().toPoint() - self._drag_start).manhattanLength()
        if distance_px >= QApplication.startDragDistance() and self.windowHandle() is not None:
            self._drag_start = None
            self.windowHandle().startSystemMove()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        modifiers, is_enter = event.modifiers(), event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.isAutoRepeat():
            return  # the key is held down: the press has already had its effect
        has_enter_shortcut = self.main_button.key in ("Enter", "Ctrl+Enter")
        if is_enter and has_enter_shortcut and modifiers & Qt.KeyboardModifier.ControlModifier:
            self.press_main_button()
        elif is_enter:
            self._handle_enter_key()
        elif event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab) and modifiers & Qt.KeyboardModifier.ControlModifier:
            show_adjacent_tab(self, 1 if event.key() == Qt.Key.Key_Tab else -1)
        elif event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):  # no other widget has used the key
            is_down = event.key() == Qt.Key.Key_PageDown
            actions = QAbstractSlider.SliderAction
            self._scroll_area.verticalScrollBar().triggerAction(
                actions.SliderPageStepAdd if is_down else actions.SliderPageStepSub
            )
        else:
            super().keyPressEvent(event)

    @Slot()
    def press_main_button(self) -> None:
        """Press the main button, because the person has typed its shortcut. In the first 600 ms the shortcut has no
        effect; the footer then shows a sentence about this, and a screen reader reads the sentence. If the button is
        disabled, do nothing, because the footer already shows the reason.
        """
        if self.main_button.isEnabled():
            self.main_button.click()
        elif not self._is_acting_delay_over and not self._disabled_reason and not self._is_busy:
            if self.hint.plain != self.too_early_text:
                self._hint_before_refusal = self.hint.plain
            self.hint.show_text(self.too_early_text)
            announce(self, self.too_early_text, icon_name="square_bang", tone="care")

    def announce_disabled_reason(self) -> None:
        """Let a screen reader speak the reason why the main button is disabled, because the person has pressed Enter
        on a row that the button can't open. The footer already shows the reason. Do nothing if there is no reason."""
        announce(self, self._disabled_reason, icon_name="square_bang", tone="care", is_stored=False)

    def _handle_enter_key(self) -> None:
        """Handle the Enter key. If a button has the focus, press this button. While the dialog's action runs, do
        nothing else. If `submits_on_enter` is True and the main button isn't disabled with a reason, press the main
        button. Otherwise move the focus to the next control of the content, or to the first one if none of them has
        the focus. If the dialog has no input, press Cancel, because the person can't lose any typed text then."""
        focused_widget = self.focusWidget()
        if isinstance(focused_widget, PaintedButton):
            if focused_widget.isEnabled():
                focused_widget.click()
        elif self.is_busy:
            return
        elif self.submits_on_enter and not self._disabled_reason:
            self.press_main_button()
        elif stops := self._list_content_stops():
            self._move_focus_to_next_stop(focused_widget, stops)
        elif self.cancel_button.isEnabled():
            self.cancel_button.click()

    def _move_focus_to_next_stop(self, focused_widget: QWidget | None, stops: list[QWidget]) -> None:
        """Move the focus to the widget after `focused_widget` in `stops`, the widgets of the content that the Tab key
        visits. After the last widget or `last_input`, move the focus to the main button, or to the button that closes
        the dialog if there is no main button. If the main button is disabled, announce the reason and move the focus
        to the input that is still needed; without such an input leave it, so that a second Enter doesn't press
        Cancel."""
        index = stops.index(focused_widget) + 1 if focused_widget in stops else 0
        if focused_widget is not None and focused_widget is self.last_input:
            index = len(stops)
        group = focused_widget.group() if isinstance(focused_widget, QRadioButton) else None
        while group is not None and index < len(stops) and stops[index] in group.buttons():
            index += 1
        if index < len(stops):
            stops[index].setFocus(Qt.FocusReason.TabFocusReason)
        elif self.main_button.isHidden():
            self.cancel_button.setFocus(Qt.FocusReason.TabFocusReason)
        elif self.main_button.isEnabled():
            self.main_button.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            missing_input = self.find_missing_input()
            if missing_input is not None:
                missing_input.setFocus(Qt.FocusReason.TabFocusReason)
            announce(self, self.main_button.shown_reason or self.too_early_text, icon_name="square_bang", tone="care")

    def find_missing_input(self) -> QWidget | None:
        """Return the first input that the person must still fill before the main button is enabled; None if the
        dialog doesn't tell, which is the default."""
        return None

    def _list_content_stops(self) -> list[QWidget]:
        """Return the widgets of the content that the Tab key visits, in this order; an empty list if none of them is
        an input."""
        content = self._scroll_area.widget()
        stops: list[QWidget] = []
        widget = self.nextInFocusChain()
        while content is not None and widget is not None and widget is not self:
            can_focus = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None
            if can_focus and content.isAncestorOf(widget) and widget.isVisible() and widget.isEnabled():
                stops.append(widget)
            widget = widget.nextInFocusChain()
        return stops if any(isinstance(stop, _INPUT_TYPES) for stop in stops) else []

    def reject(self) -> None:
        if self.may_be_closed:
            super().reject()
        elif self.stays_open_text:
            self.hint.show_text(self.stays_open_text)
            announce(self, self.stays_open_text, icon_name="square_bang", tone="care")
            QTimer.singleShot(0, self, self.fit_size)
