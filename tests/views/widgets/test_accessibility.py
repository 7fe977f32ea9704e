"""Tests that the accessibility tree has the visible parts of a window in reading order, each with a role and a
name.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QHeaderView,
    QScrollArea,
    QScrollBar,
    QStackedWidget,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from console.views.theme.design_tokens import Language
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.accessibility import set_window_language
from console.views.widgets.base import ElidedLabel, IconLabel, Surface, TextLabel, TitleLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.badge import Badge, KeyCap
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.window.notification_bars import NotificationBar
from console.views.widgets.window.sidebar import Sidebar, SidebarEntry
from console.views.widgets.window.window_bars import EnvironmentLabel

Role = QAccessible.Role


def get_node(widget: QWidget) -> QAccessibleInterface:
    return QAccessible.queryAccessibleInterface(widget)


def iterate_children(node: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    for place in range(node.childCount()):
        yield node.child(place)


def list_child_names(node: QAccessibleInterface) -> list[str]:
    return [child.text(QAccessible.Text.Name) for child in iterate_children(node)]


def show_widget(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.addWidget(widget)
    widget.resize(640, 400)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow)
    QApplication.processEvents()


@pytest.mark.parametrize(
    ("widget", "role", "name"),
    [
        (lambda: Badge("Unknown", "question", "unknown"), Role.StaticText, "Unknown"),
        (lambda: KeyCap("Esc"), Role.StaticText, "Esc"),
        (lambda: EnvironmentLabel("TRAINING", "training"), Role.StaticText, "TRAINING"),
        (lambda: ElidedLabel("Sakura Shoji"), Role.StaticText, "Sakura Shoji"),
        (lambda: CopyableId("1 2", "12", "Number"), Role.StaticText, "Number 1 2"),
        (lambda: CopyableId("Payment A", "A", "Record", role="title"), Role.Heading, "Record Payment A"),
        (lambda: TextLabel("Queues", "title"), Role.Heading, "Queues"),
        (lambda: TextLabel("Recent", "panel_title"), Role.Heading, "Recent"),
        (lambda: TextLabel("words"), Role.StaticText, "words"),
        (lambda: NotificationBar("Not done", "Why."), Role.Notification, "Not done. Why."),
    ],
)
def test_a_widget_that_paints_its_text_has_a_role_and_a_name(
    qtbot: QtBot, widget: object, role: QAccessible.Role, name: str
) -> None:
    made: QWidget = widget()  # type: ignore[operator]  # it makes one
    qtbot.addWidget(made)
    assert (get_node(made).role(), get_node(made).text(QAccessible.Text.Name)) == (role, name)


@pytest.mark.parametrize(
    ("widget", "level"),
    [
        (lambda: CopyableId("Payment A", "A", "Record", role="title"), 1),
        (lambda: TextLabel("Queues", "title"), 1),
        (lambda: TitleLabel("Refund R-21", heading_level=2), 2),
        (lambda: TextLabel("Recent", "panel_title"), 2),
        (lambda: TextLabel("Reasons to decline", "section", heading_level=3), 3),
        (lambda: TextLabel("Sending", "panel_title", heading_level=0), None),
        (lambda: TextLabel("words"), None),
        (lambda: Badge("Unknown", "question", "unknown"), None),
    ],
)
def test_a_heading_has_its_level_for_screen_readers(qtbot: QtBot, widget: object, level: int | None) -> None:
    made: QWidget = widget()  # type: ignore[operator]  # it makes one
    qtbot.addWidget(made)
    attributes: Any = get_node(made).attributesInterface()  # None if there are none; the stubs don't know it
    keys = attributes.attributeKeys() if attributes is not None else []
    assert (QAccessible.Attribute.Level in keys) == (level is not None)
    assert get_node(made).valueInterface() is None
    if level is not None:
        assert attributes.attributeValue(QAccessible.Attribute.Level) == level
        assert get_node(made).actionInterface() is not None
    assert (get_node(made).role() == Role.Heading) == (level is not None)


@pytest.mark.parametrize(
    ("window_language", "text", "spoken"),
    [
        ("en", "Waiting for approval", "en_US"),
        ("en", "サービス停止分の返金", "ja_JP"),
        ("en", "PayPay の障害（18 時まで）", "ja_JP"),
        ("en", "Requested by op-a at 14:40: 二重", "en_US"),
        ("ja", "承認待ち", "ja_JP"),
        ("ja", "Sakura Shoji K.K.", "en_US"),
        ("ja", "PayPay の回答", "ja_JP"),
        ("ja", "ORD-20261120-000123", "ja_JP"),
        ("ja", "", "ja_JP"),
    ],
)
def test_a_text_in_another_language_states_its_language(
    qtbot: QtBot, window_language: Language, text: str, spoken: str
) -> None:
    """A text in another language than the window's states its language to screen readers, also in titles and badges.
    The language of a label is updated when its text or the window's language changes.
    """
    widgets = TextLabel("before"), TextLabel("before", "title"), ElidedLabel(text), Badge(text, "question", "unknown")
    for widget in widgets:
        qtbot.addWidget(widget)
    attributes: list[Any] = [get_node(widget).attributesInterface() for widget in widgets]
    set_window_language("en" if window_language == "ja" else "ja")
    for label in widgets[:2]:
        label.show_text(text)
    set_window_language(window_language)
    try:
        languages = [one.attributeValue(QAccessible.Attribute.Locale).name() for one in attributes]
        assert languages == [spoken] * len(widgets)
        assert all(QAccessible.Attribute.Locale in one.attributeKeys() for one in attributes)
    finally:
        set_window_language("en")


def test_a_named_container_is_a_group(qtbot: QtBot) -> None:
    plain, named = Surface(), Surface()
    named.setAccessibleName("What it consists of")
    for widget in (plain, named):
        qtbot.addWidget(widget)
    assert (get_node(plain).role(), get_node(named).role()) == (Role.Client, Role.Grouping)


def test_children_are_the_visible_ones_in_reading_order(qtbot: QtBot) -> None:
    """The children in the accessibility tree are the visible parts, line by line from top to bottom. Icons next to a
    word with the same meaning, empty labels and hidden parts are left out.
    """
    window = QWidget()
    last, second, first = TextLabel("last"), TextLabel("second"), TextLabel("first")
    hidden = TextLabel("hidden")
    top = make_row(first, IconLabel("check"), second, TextLabel(""), None)
    layout = make_column(hidden, gap_px=8)
    layout.addLayout(top)
    layout.addWidget(last)
    for widget in (last, second, first):
        widget.setParent(window)  # made in another order than they are read
    window.setLayout(layout)
    hidden.hide()
    show_widget(qtbot, window)
    assert list_child_names(get_node(window)) == ["first", "second", "last"]
    assert get_node(window).indexOfChild(get_node(last)) == 2
    assert get_node(window).indexOfChild(get_node(hidden)) == -1
    hidden.show()
    QApplication.processEvents()
    assert list_child_names(get_node(window)) == ["hidden", "first", "second", "last"]


def test_a_text_that_is_empty_is_not_in_the_tree(qtbot: QtBot) -> None:
    """An empty text isn't in the accessibility tree, because a screen reader would stop at it and read nothing."""
    window, elided = QWidget(), ElidedLabel("")
    window.setLayout(make_row(TextLabel("Payer"), TextLabel(""), elided, Badge("", "question", "unknown")))
    show_widget(qtbot, window)
    assert list_child_names(get_node(window)) == ["Payer"]
    elided.show_text("****4040")
    assert list_child_names(get_node(window)) == ["Payer", "****4040"]


def test_a_hidden_page_is_not_in_the_accessibility_tree(qtbot: QtBot) -> None:
    pages = QStackedWidget()
    for name in ("left", "shown"):
        page = QWidget()
        page.setLayout(make_column(TextLabel(name)))
        pages.addWidget(page)
    pages.setCurrentIndex(1)
    show_widget(qtbot, pages)
    assert [list_child_names(page) for page in iterate_children(get_node(pages))] == [["shown"]]


def test_a_tab_has_its_selected_state_and_is_pressed(qtbot: QtBot) -> None:
    """In the accessibility tree a selected tab has the state "selected", and pressing a tab selects it. Only the
    selected tab has the state "focused", and only while the tab bar has the focus.
    """
    window, tabs, button = QWidget(), TabBar("Contents"), KeyButton("Open")
    for word in ("Timeline", "Notes"):
        tabs.add_tab(word, "2")
    window.setLayout(make_column(tabs, button))
    show_widget(qtbot, window)
    button.setFocus()
    assert (get_node(tabs).role(), get_node(tabs).text(QAccessible.Text.Name)) == (Role.PageTabList, "Contents")
    assert list_child_names(get_node(tabs)) == ["Timeline 2", "Notes 2"]
    first, second = iterate_children(get_node(tabs))
    assert [tab.role() for tab in (first, second)] == [Role.PageTab] * 2
    assert [(tab.state().selected, tab.state().focused) for tab in (first, second)] == [(True, False), (False, False)]
    actions = second.actionInterface()
    assert actions is not None
    actions.doAction("Press")
    tabs.setFocus()
    assert tabs.currentIndex() == 1
    assert [(tab.state().selected, tab.state().focused) for tab in (first, second)] == [(False, False), (True, True)]
    tabs.set_count(0, "3")
    assert list_child_names(get_node(tabs)) == ["Timeline 3", "Notes 2"]


def list_focused_names(node: QAccessibleInterface) -> list[str]:
    return [child.text(QAccessible.Text.Name) for child in iterate_children(node) if child.state().focused]


def test_only_the_list_with_the_keyboard_has_a_focused_item(qtbot: QtBot) -> None:
    """Each list paints its current item and continues there when it gets the focus. Only in the list with the focus
    this item is focused in the accessibility tree.
    """
    window, timeline = QWidget(), TimelineList("Timeline")
    bar = Sidebar(
        [
            SidebarEntry("home", "home", "Home"),
            SidebarEntry("queues", "list", "Queues"),
            SidebarEntry("a", "list", "A"),
        ],
        "S",
    )
    timeline.show_lines([TimelineLine("1", "1", "check", "good", "", word) for word in ("a", "b", "c")])
    window.setLayout(make_row(bar, timeline))
    show_widget(qtbot, window)
    bar.mark_current_entry("queues")
    timeline.setFocus()
    QTest.keyClick(timeline, Qt.Key.Key_Down)
    assert (list_focused_names(get_node(bar)), list_focused_names(get_node(timeline))) == ([], ["1, b"])
    bar.setFocus()
    assert (list_focused_names(get_node(bar)), list_focused_names(get_node(timeline))) == (["Queues"], [])
    assert timeline.currentIndex().row() == 1
    QTest.keyClick(bar, Qt.Key.Key_Down)
    assert (bar.currentIndex().row(), list_focused_names(get_node(bar))) == (2, ["A"])
    timeline.setFocus()
    QTest.keyClick(timeline, Qt.Key.Key_Down)
    assert (list_focused_names(get_node(bar)), list_focused_names(get_node(timeline))) == ([], ["1, c"])
    bar.mark_current_entry("home")
    assert bar.currentIndex().row() == 0
    timeline.show_lines([])
    assert timeline.currentIndex().row() == -1


def test_nodes_are_deleted_with_their_widgets(qtbot: QtBot) -> None:
    """When widgets are deleted, their nodes in the accessibility tree are deleted too."""
    window = QWidget()
    window.setLayout(make_column())
    show_widget(qtbot, window)
    layout = window.layout()
    assert layout is not None
    for _ in range(300):
        badge, tabs = Badge("Unknown", "question", "unknown"), TabBar("Tabs")
        tabs.add_tab("one")
        layout.addWidget(badge)
        layout.addWidget(tabs)
        badge.show()
        tabs.show()
        assert list_child_names(get_node(window)) == ["Unknown", "Tabs"] or list_child_names(get_node(window)) == [
            "Tabs",
            "Unknown",
        ]
        assert list_child_names(get_node(tabs)) == ["one"]
        badge.deleteLater()
        tabs.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert list_child_names(get_node(window)) == []


def test_nodes_requested_during_construction_keep_their_class(qtbot: QtBot) -> None:
    """While a screen reader runs, Qt requests the nodes of widgets inside the widgets' constructors. These nodes
    still get the right class.
    """
    QAccessible.setActive(True)
    try:
        table, area = QTableView(), QScrollArea()
        for widget in (table, area):
            qtbot.addWidget(widget)
        assert isinstance(table.verticalHeader(), QHeaderView)
        assert isinstance(area.verticalScrollBar(), QScrollBar)
        badge = Badge("Unknown", "question", "unknown", parent=area)
        assert get_node(badge).role() == Role.StaticText
    finally:
        QAccessible.setActive(False)
