"""The names of the keys, as the keyboard of the person shows them."""

import re
import sys

_MACOS_SYMBOL_BY_MODIFIER = {"Alt": "⌥", "Shift": "⇧", "Ctrl": "⌘"}
"""Symbols of the modifier keys on macOS, by their names in Qt: Ctrl is ⌘, and Alt is ⌥. They are in the order in
which the menus of macOS show them.
"""
_MACOS_KEYS_BY_REPLACED_SHORTCUT = {"Ctrl+Tab": "Meta+Tab", "Ctrl+Shift+Tab": "Meta+Shift+Tab"}
"""Shortcuts that the program replaces on macOS, and the keys that it uses there in their place (as Qt names them).
macOS itself uses ⌘Tab (for Qt: Ctrl+Tab) to change to another program. So programs on macOS use the key ⌃ (for Qt:
Meta) in place of ⌘ for such a shortcut.
"""
_MACOS_CONTROL_SYMBOL = "⌃"
_SHORTCUT_PATTERN = re.compile(r"((?:(?:Ctrl|Alt|Shift)\+)+)([A-Z][A-Za-z0-9]*|\S)")


def format_keys(text: str) -> str:
    """Return a text with the shortcuts in it, such as "Ctrl+Shift+F", as the keyboard of the person names them: "⇧⌘F"
    on macOS, unchanged on other systems. The text is the name of a shortcut or a sentence.
    """
    return _SHORTCUT_PATTERN.sub(_format_macos_shortcut, text) if sys.platform == "darwin" else text


def find_bound_keys(keys: str) -> str:
    """Return the keys by which the window must register the shortcut `keys` with Qt. They differ from `keys` only on
    macOS, for shortcuts that macOS uses itself."""
    return _MACOS_KEYS_BY_REPLACED_SHORTCUT.get(keys, keys) if sys.platform == "darwin" else keys


def _format_macos_shortcut(match: re.Match[str]) -> str:
    modifiers, key_name = match[1].split("+"), match[2]
    symbols = "".join(symbol for name, symbol in _MACOS_SYMBOL_BY_MODIFIER.items() if name in modifiers)
    if match[0] in _MACOS_KEYS_BY_REPLACED_SHORTCUT:
        symbols = _MACOS_CONTROL_SYMBOL + symbols.replace("⌘", "")
    return f"{symbols}{key_name}"
