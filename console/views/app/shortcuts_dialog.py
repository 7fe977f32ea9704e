"""The list of keys: those of everywhere, and those of the page in sight."""

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QWidget

from console.views.frame import Frame
from console.views.pages.page import Hint, Page
from console.views.widgets.badge import KeyCap
from console.views.widgets.base import Words, column, row
from console.views.widgets.dialog import DialogFrame

_EVERYWHERE: Sequence[Hint] = (
    (("Ctrl+K",), "key.search"),
    (("Alt+1", "…", "Alt+7"), "key.screens"),
    (("F5",), "key.reread"),
    (("Ctrl+L",), "key.lock"),
    (("F1",), "key.help"),
    (("Ctrl+/",), "key.list"),
    (("Esc",), "key.back"),
    (("Ctrl+C",), "key.copy"),
)


def open_keys(frame: Frame, page: Page | None) -> DialogFrame:
    """Show the list over the window."""
    say = frame.seat.say
    dialog = DialogFrame(
        say("dialog.keys.title"), cancel=say("action.close"), close_name=say("action.close"), parent=frame.window
    )
    here = [hint for hint in (page.hints if page else ()) if hint not in _EVERYWHERE]
    content = QWidget()
    content.setLayout(
        row(_part(frame, say("dialog.keys.everywhere"), _EVERYWHERE), 24, _part(frame, say("dialog.keys.here"), here))
    )
    dialog.show_content(content)
    dialog.open()
    return dialog


def _part(frame: Frame, title: str, hints: Sequence[Hint]) -> QWidget:
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    for line, (keys, words) in enumerate(hints):
        caps = QWidget()
        caps.setLayout(row(*(KeyCap(key) for key in keys), None, gap=4))
        grid.addWidget(caps, line, 0)
        grid.addWidget(Words(frame.seat.say(words)), line, 1)
    grid.setRowStretch(len(hints), 1)
    part = QWidget()
    part.setLayout(column(Words(title, "panel_title", "muted"), grid, gap=8))
    return part
