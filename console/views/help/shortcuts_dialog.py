"""The dialog that lists the keyboard shortcuts of the whole window and of the visible page."""

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.frame.main_window import WindowFrame
from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.pages.base import KeyHint, Page
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.display.badge import KeyCap
from console.views.widgets.window.dialog import DialogFrame

_WINDOW_KEY_HINTS: Sequence[KeyHint] = (
    ((SHORTCUT_BY_COMMAND["search"],), "key.search"),
    (("Alt+1", "…", "Alt+9"), "key.screens"),
    (("Ctrl+Tab", "Ctrl+Shift+Tab"), "key.tabs"),
    ((SHORTCUT_BY_COMMAND["reread"],), "key.reread"),
    ((SHORTCUT_BY_COMMAND["cancel_reading"],), "key.cancel_reading"),
    ((SHORTCUT_BY_COMMAND["notices"],), "key.notices"),
    ((SHORTCUT_BY_COMMAND["lock"],), "key.lock"),
    ((SHORTCUT_BY_COMMAND["copy_link"],), "key.copy_link"),
    ((SHORTCUT_BY_COMMAND["left_open"],), "key.left_open"),
    ((SHORTCUT_BY_COMMAND["help"],), "key.help"),
    ((SHORTCUT_BY_COMMAND["keys"],), "key.list"),
    (("Esc",), "key.back"),
    (("Ctrl+C",), "key.copy"),
)


def open_shortcuts_dialog(frame: WindowFrame, page: Page | None) -> DialogFrame:
    """Open the dialog with the shortcuts over the window and return it. If `page` is None, it lists only the
    shortcuts of the whole window."""
    translate = frame.context.translate
    dialog = DialogFrame(
        translate("dialog.keys.title"),
        cancel_text=translate("action.close"),
        close_name=translate("action.close"),
        parent=frame.window,
    )
    page_hints = [hint for hint in (page.key_hints if page else ()) if hint not in _WINDOW_KEY_HINTS]
    content = QWidget()
    content.setLayout(
        make_row(
            _make_key_hint_panel(frame, translate("dialog.keys.everywhere"), _WINDOW_KEY_HINTS),
            24,
            _make_key_hint_panel(frame, translate("dialog.keys.here"), page_hints),
        )
    )
    dialog.show_content(content)
    dialog.open()
    return dialog


def _make_key_hint_panel(frame: WindowFrame, title: str, hints: Sequence[KeyHint]) -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    for line, (keys, wording_key) in enumerate(hints):
        key_caps = QWidget()
        key_caps.setLayout(make_row(*(KeyCap(key) for key in keys), None, gap_px=4))
        grid.addWidget(key_caps, line, 0)
        grid.addWidget(TextLabel(frame.context.translate(wording_key)), line, 1)
    grid.setRowStretch(len(hints), 1)
    panel = QWidget()
    panel.setLayout(make_column(TextLabel(title, "panel_title", "muted"), grid, gap_px=8))
    return panel
