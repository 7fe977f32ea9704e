"""The dialog that lists the keyboard shortcuts of the whole window and of the visible page."""

from collections.abc import Collection, Sequence
from math import ceil
from typing import TypeAlias

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.frame.main_window import WindowFrame
from console.views.help.command_keys import SHORTCUT_BY_COMMAND
from console.views.pages.base import KeyHint, Page
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.badge import KeyCap
from console.views.widgets.window.dialog import DISTANCE_TO_WINDOW_EDGE_PX, DialogFrame

_KeyLine: TypeAlias = tuple[Sequence[str], str]
"""The names of the keys of one line, and the text about their action."""
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
    ((SHORTCUT_BY_COMMAND["quit"],), "command.quit"),
)
_ELLIPSIS = ".…"
_MAX_COLUMN_LINES = 18
"""Number of lines above which the shortcuts of the page have two columns, if the window has room for them."""


def open_shortcuts_dialog(frame: WindowFrame, page: Page | None) -> DialogFrame:
    """Open the dialog with the shortcuts over the window and return it. For the page, it lists the shortcuts of its
    bottom line, also those that the line leaves out at present, and the keys of its other buttons. If `page` is None,
    it lists only the shortcuts of the whole window."""
    translate = frame.context.translate
    wording_key_by_keys = dict((*page.key_hints, *page.hinted_shortcuts)) if page else {}
    page_hints = [hint for hint in wording_key_by_keys.items() if hint not in _WINDOW_KEY_HINTS]
    window_lines, page_lines = (
        [(keys, translate(wording_key)) for keys, wording_key in hints] for hints in (_WINDOW_KEY_HINTS, page_hints)
    )
    if page is not None:
        listed_keys = {key for keys, _text in (*window_lines, *page_lines) for key in keys}
        page_lines += _list_other_buttons(page, listed_keys)
    wide_px = tokens().px("layout", "wide_dialog_width") * current_appearance().scale
    has_room = frame.window.width() >= wide_px + 2 * DISTANCE_TO_WINDOW_EDGE_PX
    is_wide = has_room and len(page_lines) > _MAX_COLUMN_LINES
    middle = ceil(len(page_lines) / 2) if is_wide else len(page_lines)
    panels = [
        _make_key_panel(translate("dialog.keys.everywhere"), window_lines),
        _make_key_panel(translate("dialog.keys.here"), page_lines[:middle]),
    ]
    if is_wide:
        panels.append(_make_key_panel("", page_lines[middle:]))
    dialog = DialogFrame(
        translate("dialog.keys.title"),
        cancel_text=translate("action.close"),
        close_name=translate("action.close"),
        is_wide=is_wide,
        parent=frame.window,
    )
    content = QWidget()
    content.setLayout(make_row(*panels, gap_px=24))
    dialog.show_content(content)
    dialog.open()
    return dialog


def _list_other_buttons(page: Page, listed_keys: Collection[str]) -> list[_KeyLine]:
    """Return the keys and the texts of the page's buttons whose keys are not in `listed_keys`, also of the buttons
    in its menus."""
    texts_by_key = {button.key: button.text() for button in page.findChildren(KeyButton) if button.text()}
    return [((key,), text.rstrip(_ELLIPSIS)) for key, text in texts_by_key.items() if key and key not in listed_keys]


def _make_key_panel(title: str, lines: Sequence[_KeyLine]) -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)  # the texts begin close to the keys
    for line, (keys, text) in enumerate(lines):
        key_caps = QWidget()
        key_caps.setLayout(make_row(*(KeyCap(key) for key in keys), None, gap_px=4))
        grid.addWidget(key_caps, line, 0)
        grid.addWidget(TextLabel(text), line, 1)
    grid.setRowStretch(len(lines), 1)
    panel = QWidget()
    panel.setLayout(make_column(TextLabel(title, "panel_title", "muted"), grid, gap_px=8))
    return panel
