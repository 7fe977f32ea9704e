"""Tests that shortcuts are shown with the names of the keys on the person's keyboard. The keyboard of macOS is
simulated by a changed `sys.platform`.
"""

import sys

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from console.views.home.count_panels import CountLine, CountLineButton
from console.views.theme import painting
from console.views.theme.fonts import list_font_families
from console.views.theme.key_names import find_bound_keys, format_keys
from console.views.theme.mixed_font_text import format_menu_entry
from console.views.theme.theme import current_appearance
from console.views.widgets.controls.buttons import IconButton, KeyButton, LinkButton
from console.views.widgets.display.badge import KeyCap
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.window.sidebar import Sidebar, SidebarEntry
from console.wording.sentences import catalogue as wording

MACOS_TEXT_BY_SHORTCUT = {
    "Ctrl+K": "⌘K",
    "Alt+1": "⌥1",
    "Ctrl+Shift+F": "⇧⌘F",
    "Shift+T": "⇧T",
    "Shift+↓": "⇧↓",
    "Ctrl+Enter": "⌘Enter",
    "Ctrl+/": "⌘/",
    "Ctrl+.": "⌘.",
    "Ctrl+Tab": "⌃Tab",
    "Ctrl+Shift+Tab": "⌃⇧Tab",
    "Esc": "Esc",
    "F5": "F5",
    "P": "P",
    "…": "…",
    "Ctrl+K searches from any screen.": "⌘K searches from any screen.",
    "Ctrl+K でどの画面からでも検索できます。": "⌘K でどの画面からでも検索できます。",
    "ロック（Ctrl+Shift+L）": "ロック（⇧⌘L）",
    "support-console db check": "support-console db check",
}


@pytest.fixture
def keyboard_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.parametrize(("text", "shown"), MACOS_TEXT_BY_SHORTCUT.items())
def test_a_shortcut_is_shown_with_the_symbols_of_macos(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS, a shortcut is shown with the symbols of a Mac's keyboard, in the order in which the menus of macOS
    show them, also within a sentence. On other systems a text isn't changed.
    """
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        assert format_keys(text) == text
    monkeypatch.setattr(sys, "platform", "darwin")
    assert format_keys(text) == shown


def test_the_tabs_have_other_keys_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """⌘Tab changes to another program of macOS, so Qt binds the tabs to ⌃Tab there. All other shortcuts stay."""
    keys = ["Ctrl+Tab", "Ctrl+Shift+Tab", "Ctrl+K", "F5"]
    assert list(map(find_bound_keys, keys)) == keys
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(map(find_bound_keys, keys)) == ["Meta+Tab", "Meta+Shift+Tab", "Ctrl+K", "F5"]


def test_widgets_name_the_keys_of_macos(qtbot: QtBot, keyboard_of_macos: None) -> None:
    """Key caps, tooltips, descriptions for screen readers and menus name the keys of macOS. The `key` of a button,
    from which the shortcut is bound, isn't changed.
    """
    button, link, cap = KeyButton("Search", "Ctrl+K"), LinkButton("All", "Alt+1"), KeyCap("Ctrl+Shift+F")
    icon, copyable_id = IconButton("save", "Save"), CopyableId("7 1234", "71234", "Number", copy_label="Copy")
    line = CountLineButton(CountLine("search", "search", "muted", "Search", "", shortcut="Ctrl+K"))
    sidebar = Sidebar([SidebarEntry("home", "home", "Home", "Alt+1", "3")], "Screens")
    widgets = [button, link, cap, icon, copyable_id, line, sidebar]
    for widget in widgets:
        qtbot.addWidget(widget)
    icon.show_key("Save (Ctrl+S)", "Ctrl+S")
    assert button.key == "Ctrl+K"
    assert [button.accessibleDescription(), link.accessibleDescription(), cap.accessibleName()] == ["⌘K", "⌥1", "⇧⌘F"]
    assert [icon.toolTip(), icon.accessibleDescription()] == ["Save (⌘S)", "⌘S"]
    assert copyable_id.accessibleDescription() == "⌘C Copy"
    assert line.accessibleName() == "Search, ⌘K"
    assert sidebar.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "Home, 3, ⌥1"
    assert format_menu_entry("Search", "Ctrl+K") == "Search\t⌘K"
    button.disable_with_reason("Nothing is selected.")
    assert button.accessibleDescription() == "⌘K Nothing is selected."
    button.set_key_shown(False)
    assert button.toolTip() == "⌘K"


def test_a_key_cap_is_as_wide_as_the_text_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of a key cap, and of the button around it, is that of the text which is drawn."""

    def measure_widths() -> tuple[int, int]:
        """Return the widths in px of a painted shortcut and of a button with this shortcut."""
        return painting.measure_key_cap("Ctrl+Shift+F")[0], KeyButton("Search", "Ctrl+Shift+F").sizeHint().width()

    cap_width, button_width = measure_widths()
    monkeypatch.setattr(sys, "platform", "darwin")
    cap_width_on_macos, button_width_on_macos = measure_widths()
    text_width = current_appearance().font_metrics("caption").horizontalAdvance("⇧⌘F")
    assert cap_width_on_macos == max(current_appearance().control_height("key_cap"), round(text_width) + 10)
    assert cap_width - cap_width_on_macos == button_width - button_width_on_macos > 0


def test_the_symbols_of_keys_come_from_a_font_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled Japanese font has a ⇧ that is unreadable in small text, so a font of macOS comes before it. The
    figures, and the fonts of other systems, stay as they are.
    """
    text, figures = list_font_families("text"), list_font_families("figures")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list_font_families("text") == [text[0], "Lucida Grande", *text[1:]]
    assert list_font_families("figures") == figures


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_a_shortcut_in_a_fact_is_not_a_shortcut_of_the_sentence(language: str) -> None:
    """`has_shortcut_in_sentence` is True only if the sentence's own words name a shortcut. A shortcut in a fact,
    which may be a person's note, doesn't count.
    """
    naming = {key for key in wording.read_sentences(language) if wording.has_shortcut_in_sentence(key, language)}
    assert naming >= {"help.home", "help.queues", "home.hint", "screen.no_right.admin"}
    assert not naming & {"tooltip.with_key", "refund_reason.line", "no such key"}
