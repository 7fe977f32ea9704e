"""Tests of the parts that the base class of all pages makes, such as its bars: they are deleted with their page, and
hidden until the page adds them to its layout. Also of the width of a panel beside a list.
"""

import shiboken6
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.pages.base import Page, compute_side_panel_width
from console.views.theme.theme import Appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.views.invented_checks import make_window_context


def test_parts_are_deleted_with_their_page(appearance: Appearance) -> None:
    """The bars and the hint bar of a page are deleted with the page, even if the page never adds them to its
    layout.
    """
    page = Page(make_window_context())
    parts = (page.hint_bar, page.bars_below, page._bars_above)
    shiboken6.delete(page)
    assert not [type(part).__name__ for part in parts if shiboken6.isValid(part)]


def test_a_bar_is_hidden_until_it_is_in_the_layout(appearance: Appearance, qtbot: QtBot) -> None:
    """A bar of a page is hidden until the page adds it to its layout, because it would cover the title otherwise."""
    page = Page(make_window_context())
    page.add_content(TextLabel("contents"), 1)
    page.resize(400, 600)
    page.show()
    assert (page.bars_below.isVisible(), page._bars_above.isVisible(), page.hint_bar.isVisible()) == (
        True,
        False,
        False,
    )
    page.show_bar("act", NotificationBar("Not done", "It is known already.", tone="care", icon_name="square_bang"))
    bar = page.bars_below.findChild(NotificationBar)
    assert isinstance(bar, NotificationBar)
    qtbot.waitUntil(bar.isVisible)
    assert bar.mapTo(page, bar.rect().bottomLeft()).y() > page.height() // 2, "below the contents"
    page.add_key_hints()
    qtbot.waitUntil(page.hint_bar.isVisible)


def test_in_a_low_window_the_bars_of_the_contents_scroll_with_them(appearance: Appearance, qtbot: QtBot) -> None:
    """A bar about the state of the contents, such as the take of a record, is below the contents. In a low window it
    scrolls with the contents, because fixed bars would leave no room for these; a bar about an action stays below.
    """
    page = Page(make_window_context())
    qtbot.addWidget(page)
    page.add_bar_container()
    page.add_content(TextLabel("contents"), 1)
    page.resize(800, 700)
    page.show()
    page.show_state_bar("take", NotificationBar("", "Taken by lead-b."))
    page.show_bar("act", NotificationBar("Not done", "It is known already."))
    take_bar, act_bar = page._bar_by_name["take"], page._bar_by_name["act"]
    assert (take_bar.parentWidget(), act_bar.parentWidget()) == (page.bars_below, page.bars_below)
    page.resize(800, 300)
    qtbot.waitUntil(lambda: take_bar.parentWidget() is page._bars_above)
    assert act_bar.parentWidget() is page.bars_below
    page.show_state_bar("take", NotificationBar("", "Taken by lead-b until 15:04."))
    assert page._bar_by_name["take"].parentWidget() is page._bars_above
    page.resize(800, 700)
    qtbot.waitUntil(lambda: page._bar_by_name["take"].parentWidget() is page.bars_below)
    assert page._bars_above.height() == 0
    page.hide_bar("take")
    page.show_bar("take", NotificationBar("", "Another bar of this name."))
    page.resize(800, 300)
    assert page._bar_by_name["take"].parentWidget() is page.bars_below


def test_a_side_panel_keeps_its_share_of_a_wide_window(appearance: Appearance, qtbot: QtBot) -> None:
    """Up to a window of 1440 px, a panel beside a list has the width of the design tokens. In a wider window it has
    the same share of the window's width.
    """
    window = QWidget()
    qtbot.addWidget(window)
    widths = []
    for width in (1280, 1440, 1920):
        window.resize(width, 800)
        widths.append(compute_side_panel_width("preview_width", window))
    assert widths == [344, 344, 459]
