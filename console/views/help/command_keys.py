"""The keyboard shortcuts that work in the whole window, and the shortcut that exports a list."""

from collections.abc import Mapping

SHORTCUT_BY_COMMAND: Mapping[str, str] = {
    "search": "Ctrl+K",
    "reread": "F5",
    "cancel_reading": "Ctrl+.",
    "notices": "Ctrl+Shift+N",
    "lock": "Ctrl+L",
    "copy_link": "Ctrl+Shift+L",
    "left_open": "Ctrl+Shift+O",
    "help": "F1",
    "keys": "Ctrl+/",
    "quit": "Ctrl+Q",
}
"""The shortcut of each command of the window that has one, by the command's name."""
EXPORT_SHORTCUT = "Ctrl+E"
"""The shortcut that exports the list of the current page or dialog."""
