"""Tests of further controls: toasts, sidebar, fields, tabs, search results and timelines."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import ceil

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QCursor, QInputMethodEvent, QKeyEvent, QTextCursor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QStackedWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from console.views.home.count_panels import CountLine, CountLineButton, CountPanel, find_detail_x
from console.views.presenters.credit_checks import make_state_cell
from console.views.theme.design_tokens import Density, ThemeName, Tone
from console.views.theme.mixed_font_text import measure_font_runs, split_amount_font_runs
from console.views.theme.theme import Appearance, current_appearance
from console.views.timelines.repeated_lines import RepeatedEventTexts
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList, _TimelineDelegate
from console.views.widgets.base import (
    ElidedLabel,
    IconLabel,
    ParagraphLabel,
    Surface,
    TextLabel,
    make_column,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import IconButton, KeyButton, LinkButton
from console.views.widgets.controls.focus_ring import FocusRing
from console.views.widgets.controls.inputs import (
    MAX_TYPED_CHARACTERS,
    DropDownList,
    Field,
    LineEdit,
    MultiLineEdit,
    MultiLineField,
    RadioButton,
)
from console.views.widgets.controls.tabs import TabBar, show_adjacent_tab
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.record_parts import ExplanationForm, FactList, RecordSideState, RecordSideStrip
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame, ToastStack
from console.views.widgets.window.search_box import SearchBox
from console.views.widgets.window.search_results import ResultEntry, ResultGroup
from console.views.widgets.window.sidebar import Sidebar, SidebarEntry, fit_name
from console.views.widgets.window.window_bars import ShortcutHintBar, StatusBar, StatusCell, StatusCellContent, TopBar
from tests.legible.ink import measure_label_ink, record_drawn_texts
from tests.legible.line_ends import find_wrong_line_ends
from tests.support.announcements import collect_announcements

ShowWidget = Callable[[QWidget], QWidget]


@pytest.fixture
def show_widget(qtbot: QtBot) -> ShowWidget:
    def show(widget: QWidget) -> QWidget:
        qtbot.addWidget(widget)
        widget.show()
        widget.activateWindow()
        qtbot.waitUntil(widget.isActiveWindow)
        return widget

    return show


def test_a_fourth_toast_replaces_the_oldest(show_widget: ShowWidget) -> None:
    """A fourth toast takes the place of the oldest one. The toasts stand one above another inside the window."""
    window = QWidget()
    window.resize(800, 600)
    show_widget(window)
    toasts = ToastStack(window)
    made = [ToastFrame(f"Copied {number}") for number in range(4)]
    for toast in made:
        toasts.show_toast(toast)
    assert toasts.visible_toasts == tuple(made[1:])
    bottoms = [toast.geometry().bottom() for toast in toasts.visible_toasts]
    assert bottoms == sorted(bottoms)
    assert all(window.rect().contains(toast.geometry()) for toast in toasts.visible_toasts)
    made[3].closed.emit()
    assert toasts.visible_toasts == tuple(made[1:3])


def test_a_toast_replaces_the_earlier_one_about_the_same_state(show_widget: ShowWidget) -> None:
    """A new toast about the state of a connection replaces the earlier toast about the same connection, because the
    two would contradict each other. Toasts about other subjects stay.
    """
    window = QWidget()
    window.resize(800, 600)
    show_widget(window)
    toasts = ToastStack(window)
    made = [
        ToastFrame("Connected again at 14:57:09", topic="connection"),
        ToastFrame("Copied 1"),
        ToastFrame("Connected again at 14:57:12", topic="connection"),
    ]
    for toast in made:
        toasts.show_toast(toast)
    assert toasts.visible_toasts == tuple(made[1:])
    toasts.remove_toasts_about("connection")
    assert toasts.visible_toasts == (made[1],)


def test_toasts_are_in_the_free_part_of_the_sidebar(show_widget: ShowWidget) -> None:
    """Toasts are where they cover nothing: in the free part of the sidebar, as wide as this part and as high as their
    texts. If it has no room for all of them, they are at the bottom right, and none is removed.
    """
    window = QWidget()
    window.resize(800, 600)
    show_widget(window)
    area = QRect(4, 200, 190, 390)
    toasts = ToastStack(window, find_side_area=lambda: area)
    made = [ToastFrame(f"Reconciliation {number} is done", "12 compared, 3 differ") for number in range(3)]
    for toast in made:
        toasts.show_toast(toast)
        assert area.contains(toast.geometry())
        assert toast.isVisible()
        for label in toast.findChildren(TextLabel):
            assert label.height() >= label.heightForWidth(label.width())
    assert not made[1].geometry().intersects(made[2].geometry())
    area.setTop(450)
    toasts.place_toasts()
    assert toasts.visible_toasts == tuple(made)
    assert all(toast.geometry().right() == window.width() - 17 for toast in made)


def test_a_toast_with_a_number_that_the_sidebar_would_break_is_at_the_bottom_right(show_widget: ShowWidget) -> None:
    """No line of a toast ends inside a number. If the sidebar is too narrow for a number, the toasts are at the
    bottom right of the window.
    """
    window = QWidget()
    window.resize(800, 600)
    show_widget(window)
    area = QRect(4, 100, 190, 490)
    toasts = ToastStack(window, find_side_area=lambda: area)
    short, long = ToastFrame("決済 12 を確認しました。"), ToastFrame("決済 ORD-20261123-000030 を確認しました。")
    toasts.show_toast(short)
    assert area.contains(short.geometry())
    toasts.show_toast(long)
    assert {toast.geometry().right() for toast in (short, long)} == {window.width() - 17}
    assert [find_wrong_line_ends(label) for label in long.findChildren(TextLabel)] == [[]]


def test_a_toast_over_the_current_row_is_hidden(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """In a window without a sidebar, a toast lies over the list. It is hidden while the current row of the list, or
    the mouse pointer, is at its place. A toast about a file stays, because it has buttons.
    """
    window = QWidget()
    window.resize(800, 600)
    rows = QListWidget(window)
    rows.addItems([f"Row {number}" for number in range(100)])
    rows.setGeometry(window.rect())
    show_widget(window)
    rows.setFocus()
    rows.setCurrentRow(0)
    toasts = ToastStack(window, shown_seconds=600.0)
    toast = ToastFrame("Copied 42")
    toasts.show_toast(toast)
    assert toast.isVisible()
    rows.setCurrentIndex(rows.indexAt(toast.geometry().center()))
    qtbot.waitUntil(lambda: not toast.isVisible())
    rows.setCurrentRow(0)
    qtbot.waitUntil(toast.isVisible)
    pointed_at = toast.geometry().center()
    QCursor.setPos(window.mapToGlobal(pointed_at))
    QTest.mouseMove(window.windowHandle(), pointed_at)
    qtbot.waitUntil(lambda: not toast.isVisible())
    QCursor.setPos(window.mapToGlobal(QPoint(5, 5)))
    QTest.mouseMove(window.windowHandle(), QPoint(5, 5))
    qtbot.waitUntil(toast.isVisible)
    file_toast = ToastFrame("Saved")
    file_toast.add_file_buttons("/a.zip", "Copy path", "Open folder")
    toasts.show_toast(file_toast)
    rows.setCurrentIndex(rows.indexAt(file_toast.geometry().center()))
    toasts.place_toasts()
    assert file_toast.isVisible()


@pytest.mark.parametrize("holder", ["pointer", "focus"])
def test_a_toast_about_a_file_closes_itself_but_not_while_it_is_used(
    show_widget: ShowWidget, qtbot: QtBot, holder: str
) -> None:
    """A toast about a written file disappears after some seconds, as other toasts do. It stays while the pointer
    or the keyboard focus is on it, and disappears some seconds after both have left.
    """
    window = QWidget()
    window.resize(800, 600)
    field = QLineEdit(window)
    show_widget(window)
    field.setFocus()
    toasts = ToastStack(window, shown_seconds=0.02)
    held, other = ToastFrame("Saved a.zip"), ToastFrame("Saved b.zip")
    for toast in (held, other):
        toast.add_file_buttons("/a.zip", "Copy path", "Open folder")
    toasts.show_toast(held)
    if holder == "focus":
        held.findChildren(KeyButton)[0].setFocus()
    else:
        QTest.mouseMove(window.windowHandle(), held.geometry().center())
        qtbot.waitUntil(held.underMouse)
    toasts.show_toast(other)
    qtbot.waitUntil(lambda: other not in toasts.visible_toasts)
    assert held in toasts.visible_toasts
    if holder == "focus":
        field.setFocus()
    else:
        QTest.mouseMove(window.windowHandle(), QPoint(5, 5))
    qtbot.waitUntil(lambda: not toasts.visible_toasts)


@pytest.mark.parametrize("tone", ["bad", "unknown"])
def test_a_toast_about_a_failure_stays_until_it_is_closed(show_widget: ShowWidget, qtbot: QtBot, tone: Tone) -> None:
    """A toast about a failure doesn't disappear itself. The Tab key reaches its close button."""
    window = QWidget()
    window.resize(800, 600)
    show_widget(window)
    toasts = ToastStack(window, shown_seconds=0.02)
    failure, success = ToastFrame("Not done", tone=tone), ToastFrame("Copied 42")
    toasts.show_toast(failure)
    toasts.show_toast(success)
    qtbot.waitUntil(lambda: success not in toasts.visible_toasts)
    assert toasts.visible_toasts == (failure,)
    (close_button,) = failure.findChildren(IconButton)
    assert close_button.focusPolicy() & Qt.FocusPolicy.TabFocus
    close_button.click()
    assert not toasts.visible_toasts


def test_the_sidebar_is_used_by_keys_and_arrows(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """Alt+2 opens the second page wherever the focus is. In the sidebar the arrow keys move the focus, and the key
    Enter opens the focused entry.
    """
    bar = Sidebar(
        [SidebarEntry("home", "home", "Home", "Alt+1"), SidebarEntry("queues", "list", "Queues", "Alt+2", "12")],
        "Screens",
    )
    show_widget(bar)
    bar.bind_shortcuts(bar)
    chosen: list[str] = []
    bar.page_requested.connect(chosen.append)
    QTest.keyClick(bar, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(bar, Qt.Key.Key_Up)
    assert chosen == ["queues"]
    QTest.keyClick(bar, Qt.Key.Key_Return)
    assert chosen == ["queues", "home"]
    spoken = bar.model().index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Queues, 12, Alt+2"


def test_the_menu_of_the_sidebar_opens_the_entry_that_it_names(show_widget: ShowWidget) -> None:
    """The saved views change while the menu with the entries is open. An entry of the menu opens the page that it
    names, and one whose saved view is gone opens none."""
    home, alerts = SidebarEntry("home", "home", "Home"), SidebarEntry("alerts", "warning", "Alerts")
    view = SidebarEntry("view/7", "filter", "Mine", is_nested=True)
    bar = Sidebar([home, view, alerts], "Screens")
    show_widget(bar)
    chosen: list[str] = []
    bar.page_requested.connect(chosen.append)
    _, view_action, alerts_action = bar.build_menu().actions()
    bar.show_nested_entries("home", ())
    alerts_action.trigger()
    view_action.trigger()
    assert chosen == ["alerts"]


@pytest.mark.parametrize("is_current", [True, False])
@pytest.mark.parametrize(("scale", "has_shortcut"), [(1.0, True), (2.0, False)])
@pytest.mark.parametrize("count", ["", "3"])
def test_a_shortcut_is_never_painted_over_the_name_of_its_entry(
    appearance: Appearance,
    show_widget: ShowWidget,
    scale: float,
    count: str,
    *,
    has_shortcut: bool,
    is_current: bool,
) -> None:
    """If an entry of the sidebar has too little room for its shortcut, as at a text size of 200 %, the shortcut isn't
    painted. The name and the count stay, and nothing is painted over the name.
    """
    appearance.set_text_scale(scale)
    bar = Sidebar(
        [SidebarEntry("admin", "settings", "Administration", "Alt+9", count), SidebarEntry("home", "home", "Home")],
        "Screens",
    )
    bar.mark_current_entry("admin" if is_current else "home")
    show_widget(bar)
    with record_drawn_texts() as drawn_texts:
        bar.grab()
    ink_by_text = {drawn.text: drawn.ink_area for drawn in drawn_texts}
    assert ("Alt+9" in ink_by_text) == (has_shortcut and not count)
    assert count in {"", *ink_by_text}
    name_right = ink_by_text["Administration"].right()
    assert name_right < bar.viewport().width()
    assert all(ink.left() > name_right for text, ink in ink_by_text.items() if text in {"Alt+9", "3"})


def test_only_the_focused_button_has_a_ring(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """Exactly one focus ring is painted, around the focused button. A focused text field has a focus ring only while
    it shows an error.
    """
    window = QWidget()
    button, field = KeyButton("Probe", parent=window), Field("Reason", parent=window)
    button.move(20, 20)
    field.move(20, 80)
    window.resize(300, 200)
    show_widget(window)
    button.setFocus()
    rings = window.findChildren(FocusRing)
    assert [ring.geometry() for ring in rings if ring.isVisible()] == [button.geometry().adjusted(-4, -4, 4, 4)]
    field.edit.setFocus()
    assert not any(ring.isVisible() for ring in window.findChildren(FocusRing))
    field.show_error("Say why")
    assert any(ring.isVisible() for ring in window.findChildren(FocusRing))


def test_ctrl_e_in_a_text_input_belongs_to_the_page(appearance: Appearance) -> None:
    """A text input leaves Ctrl+E to the shortcut of the page, also on a platform on which Qt's input has accepted it
    as the End key of Emacs. A letter belongs to the input."""
    edit = LineEdit()
    export_key, letter = (
        QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_E, modifiers, "e")
        for modifiers in (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier)
    )
    for event in (export_key, letter):
        event.accept()
        edit.event(event)
    assert (export_key.isAccepted(), letter.isAccepted()) == (False, True)


def test_an_error_is_shown_below_its_field() -> None:
    """A field with an error has the mark of an error, and the error is its accessible description. The mark
    disappears when the value is valid. The label belongs to the input."""
    field = Field("Corporation number")
    field.show_error("This number has a wrong or swapped digit.")
    assert field.edit.property("error") is True
    assert field.edit.accessibleDescription() == "This number has a wrong or swapped digit."
    field.show_error("")
    assert field.edit.property("error") is False
    assert field.label.buddy() is field.edit


def test_a_differing_side_is_read_out() -> None:
    """The accessible name of a differing side contains the word "differs". The frame of the difference doesn't change
    the height of the strip of sides.
    """
    agree = RecordSideState("Order", "Unpaid", "ring", "text", amount="¥12,000")
    differs = RecordSideState(
        "Order", "Unpaid", "ring", "text", amount="¥12,000", is_different=True, has_different_state=True,
        difference_word="differs",
    )  # fmt: skip
    strip = RecordSideStrip([agree], "Sides")
    before = strip.sizeHint()
    strip.show_sides([differs])
    assert strip.panels[0].accessibleName() == "Order, differs, Unpaid, ¥12,000"
    assert strip.sizeHint().height() == before.height()


def test_the_last_amount_ends_at_the_margin_of_the_page(show_widget: ShowWidget) -> None:
    """The amount of the last side ends as far from the right edge as the name of the first side begins from the left
    edge, so that it is aligned with the badges above and the amounts below."""
    side = RecordSideState("Order", "Unpaid", "ring", "text", amount="¥12,000")
    strip = RecordSideStrip([side, side, side], "Sides")
    show_widget(strip)
    strip.resize(1200, strip.height())
    strip.fit_width(1200)
    QApplication.processEvents()
    amount, name = strip.panels[-1]._amount_label, strip.panels[0]._name_label
    right_edge = amount.mapTo(strip, QPoint(amount.width(), 0)).x()
    assert strip.width() - right_edge == name.mapTo(strip, QPoint(0, 0)).x()


def test_texts_of_all_sides_stay_at_one_height(show_widget: ShowWidget) -> None:
    """The texts of all sides of a record stay at the same height when one side begins or ceases to differ."""
    agree = RecordSideState(
        "Order", "Unpaid", "ring", "text", amount="¥12,000", age_text="read 15:03:10", source="v7"
    )
    differs = replace(agree, is_different=True, has_different_state=True, difference_word="differs")
    strip = RecordSideStrip([agree, differs, agree], "Sides")
    show_widget(strip)
    height = strip.height()
    for sides in ([agree, differs, agree], [differs, agree, agree], [agree, agree, agree]):
        strip.show_sides(sides)
        QApplication.processEvents()
        places = {
            tuple(label.mapTo(panel, QPoint(0, 0)).y() for label in panel.findChildren(TextLabel) if label.plain)
            for panel in strip.panels
        }
        assert len(places) == 1, sides
        assert strip.height() == height
        for panel, side in zip(strip.panels, sides, strict=True):
            frame = panel.grab().toImage().pixelColor(panel.width() // 2, 0)
            assert (frame == current_appearance().colour("bad")) == side.is_different


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_longest_label_keeps_a_distance_from_its_value(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """At each text size there is space between the longest label of a fact list and its value, because otherwise they
    would look like one text.
    """
    facts = FactList((("Corporation number", "2 9912 0206 3857"), ("Payer", "****7306")))
    show_widget(facts)
    appearance.set_text_scale(scale)
    facts.resize(900, 200)
    QApplication.processEvents()
    labels = {label.plain: label for label in facts.findChildren(TextLabel)}
    longest, value = labels["Corporation number"], labels["2 9912 0206 3857"]
    end_of_label = longest.x() + longest.measure_line_width()
    assert value.x() >= end_of_label + 12 * scale - 1


def find_baseline(label: QWidget, root: QWidget) -> int:
    """Return the lower end of the letters of a text without descenders, in px from the top of `root`."""
    return label.mapTo(root, QPoint(0, 0)).y() + measure_label_ink(label).bottom()


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_facts_have_equal_distances(show_widget: ShowWidget, appearance: Appearance, scale: float) -> None:
    """The facts of a list have equal distances, with and without a copy button, and each label is at the same height
    as its value.
    """
    facts = FactList((("xxx", "xxx"), ("xxx", "xxx")))
    for value in (CopyableId("xxx", "xxx", "Number"), CopyableId("xxx", "xxx", "Key"), TextLabel("xxx")):
        facts.add_fact("xxx", value)
    show_widget(facts)
    appearance.set_text_scale(scale)
    facts.resize(400, facts.sizeHint().height())
    QApplication.processEvents()
    labels = [label for label in facts.findChildren(TextLabel) if label.x() == 0 and label.parentWidget() is facts]
    values = [label for label in facts.findChildren(TextLabel) if label not in labels]
    baselines = [find_baseline(label, facts) for label in labels]
    assert len({after - before for before, after in pairwise(baselines)}) == 1, baselines
    for baseline, value in zip(baselines, values, strict=True):
        assert abs(find_baseline(value, facts) - baseline) <= 1


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_values_of_aligned_lists_begin_at_one_place(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """The values of two aligned fact lists begin at the same x position, at each text size."""
    window, above, below = QWidget(), FactList((("Ours", "¥500"),)), FactList((("Number at the gateway", "0421"),))
    above.align_values_with(below)
    window.setLayout(make_column(above, below))
    show_widget(window)
    appearance.set_text_scale(scale)
    window.resize(900, 200)
    QApplication.processEvents()
    places = {label.x() for label in window.findChildren(TextLabel) if label.plain in ("¥500", "0421")}
    assert len(places) == 1


@pytest.mark.parametrize("label", ["Ours", "Number at the gateway"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_facts_below_an_explanation_begin_at_the_place_of_its_texts(
    show_widget: ShowWidget, appearance: Appearance, scale: float, label: str
) -> None:
    """The values of facts below an explanation begin at the same x position as its texts, at each text size,
    whichever of the two has the longest label."""
    window, facts = QWidget(), FactList(((label, "0421"),))
    form = ExplanationForm(("Verdict", "Why", "Next", "You can"))
    facts.align_values_below(form)
    form.show_explanation("xxx", "because", "nothing", icon_name="check")
    window.setLayout(make_column(form, make_column(facts, margins=(24, 0, 24, 0))))
    show_widget(window)
    appearance.set_text_scale(scale)
    window.resize(1200, 400)
    QApplication.processEvents()
    shown = {text.plain: text for text in window.findChildren(TextLabel)}
    places = {shown[text].mapTo(window, QPoint()).x() for text in ("because", "nothing", "0421")}
    assert len(places) == 1


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_the_texts_of_a_bar_stand_on_one_baseline(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    bar = NotificationBar("xxx", "xxx", is_announced=False)
    show_widget(bar)
    appearance.set_text_scale(scale)
    bar.resize(900, bar.sizeHint().height())
    QApplication.processEvents()
    bold, text = bar.findChildren(TextLabel)
    assert find_baseline(bold, bar) == find_baseline(text, bar)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_text_that_wraps_stands_below_the_bold_text_of_its_bar(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """A bar doesn't leave the space below its bold text empty: a text of several lines begins below it, and has the
    whole width. A text of one line stays beside it."""
    bar = NotificationBar("Read-only: Everything", "lead-b has set this. " * 12, is_announced=False)
    show_widget(bar)
    appearance.set_text_scale(scale)
    bar.resize(900, bar.heightForWidth(900))
    QApplication.processEvents()
    bold, text = bar.findChildren(TextLabel)
    assert text.y() >= bold.geometry().bottom()
    assert text.x() == bold.x()
    bar.show_text("Read-only: Everything", "Set by lead-b.")
    QApplication.processEvents()
    assert text.x() > bold.geometry().right()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_buttons_of_a_bar_are_on_one_line_at_its_right_edge(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    buttons = KeyButton("Open successor", kind="primary"), KeyButton("Open alert")
    bar = NotificationBar(
        "Closed on 2026-11-20 (merger)",
        "Successor: 霧沢紙業ホールディングス株式会社 · This change of the company is not acknowledged yet.",
        button=buttons[0],
        second_button=buttons[1],
        is_announced=False,
    )
    show_widget(bar)
    appearance.set_text_scale(scale)
    bar.resize(round(640 * scale), bar.heightForWidth(round(640 * scale)))
    QApplication.processEvents()
    places = [QRect(button.mapTo(bar, QPoint()), button.size()) for button in buttons]
    assert places[0].top() == places[1].top()
    assert places[1].left() > places[0].right()
    assert bar.width() - places[1].right() - 1 == 13  # margin and border


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_sign_of_an_error_is_at_the_height_of_its_first_line(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """The icon of an error is at the height of the first line of the error's text, even if the text wraps."""
    field = Field("Amount")
    field.show_error("At most this can be refunded.")
    show_widget(field)
    appearance.set_text_scale(scale)
    field.setFixedWidth(round(120 * scale))
    field.resize(field.width(), field.heightForWidth(field.width()))
    QApplication.processEvents()
    (sign,) = (icon for icon in field.findChildren(IconLabel) if icon.isVisible())
    label = next(label for label in field.findChildren(TextLabel) if label.plain.startswith("At most"))
    line_px = current_appearance().line_height("small")
    assert label.height() >= 2 * line_px
    assert abs(sign.geometry().center().y() - (label.y() + line_px / 2)) <= 2 * scale


@pytest.mark.parametrize("width", [560, 700, 1000])
def test_the_lines_of_all_sides_are_aligned(show_widget: ShowWidget, appearance: Appearance, width: int) -> None:
    """If the words or the facts of one side wrap, the other sides have room for the same lines, so that amounts,
    times and sources are at the same height on all sides."""
    sides = [
        RecordSideState("Ours", "Completed", "check", "good", "", "¥33,000", "since 11-25", "v7"),
        RecordSideState(
            "Gateway",
            "Paid",
            "check",
            "good",
            "COMPLETED_BY_PROVIDER",
            "¥33,000",
            "asked 11-25 09:47 · 22 d ago · old",
            "0421",
        ),
        RecordSideState(
            "Order", "Paid", "check", "good", "", "¥33,000", "since 11-25", "v1", contradiction="Another sum."
        ),
    ]
    strip = RecordSideStrip(sides, "Sides")
    show_widget(strip)
    strip.resize(width, 300)
    strip.fit_width(width)
    QApplication.processEvents()
    for texts in (("¥33,000",), ("since 11-25", "asked 11-25 09:47 · 22 d ago · old"), ("v7", "0421", "v1")):
        labels = [label for label in strip.findChildren(TextLabel) if label.plain in texts]
        assert len(labels) == 3
        assert len({label.mapTo(strip, QPoint()).y() for label in labels}) == 1, texts


def test_a_link_begins_where_a_label_begins(show_widget: ShowWidget) -> None:
    """In a column, the text of a link begins at the same x position as the text of a label."""
    window, label, link = QWidget(), TextLabel("Open"), LinkButton("Open", has_arrow=True)
    window.setLayout(make_column(label, link))
    show_widget(window)
    assert measure_label_ink(link).left() == measure_label_ink(label).left()


def test_a_tab_keeps_room_for_its_count(show_widget: ShowWidget) -> None:
    """The tabs to the right of a tab whose count becomes known later stay in place."""
    tabs = TabBar("Views")
    for title in ("Documents", "Notes", "Timeline"):
        tabs.reserve_width_for_count(tabs.add_tab(title))
    show_widget(tabs)
    places = [tabs.tabRect(number) for number in range(3)]
    for number, count in enumerate(("0", "12", "7")):
        tabs.set_count(number, count)
    assert [tabs.tabRect(number) for number in range(3)] == places


def test_the_name_of_a_tab_has_its_count() -> None:
    """The count of a tab is a part of the tab's name, and can change while the tab stays the same object."""
    tabs = TabBar("Views")
    tabs.add_tab("Unknown", "5", data="unknown")
    tabs.set_count(0, "1,000+")
    assert tabs.accessibleTabName(0) == "Unknown 1,000+"
    assert tabs.get_tab_data(0) == "unknown"


@pytest.mark.parametrize("count", ["5", "1,000+"])
def test_tabs_get_less_space_if_all_of_them_fit_then(qtbot: QtBot, count: str) -> None:
    """If all tabs fit with less space between them, the tab bar uses less space and doesn't scroll. Its preferred
    width doesn't depend on its present width.
    """
    tabs = TabBar("Views")
    qtbot.addWidget(tabs)
    for word in ("Needs a person", "Refunds not finished", "Company changed"):
        tabs.add_tab(word, "5")
    tabs.set_count(1, count)
    tabs.show()
    wide, height = tabs.sizeHint().width(), tabs.sizeHint().height()
    widths = []
    for width in (wide + 5, wide - 20, wide - 200, wide - 20, wide):
        tabs.resize(width, height)
        widths.append(tabs.tabRect(2).right() < width and tabs.tabRect(1).width())
        assert tabs.sizeHint().width() == wide
    usual, closer, scrolled, again, last = widths
    assert usual == last
    assert closer == again == usual - 12
    assert scrolled is False


def test_a_tab_that_is_only_partly_visible_shows_the_beginning_of_its_word(qtbot: QtBot) -> None:
    """A tab that does not fit shows as many letters of its word as fit, with "…", at either end of the bar. If there
    is no room for two letters, it shows nothing."""
    tabs = TabBar("Views")
    qtbot.addWidget(tabs)
    for word in ("Needs a person", "Refunds not finished", "Company changed"):
        tabs.add_tab(word, "5")
    tabs.show()

    def list_drawn_texts(width: int) -> list[str]:
        tabs.resize(width, tabs.sizeHint().height())
        with record_drawn_texts() as drawn:
            tabs.grab()
        return [text.text for text in drawn]

    assert "Company changed" in list_drawn_texts(tabs.sizeHint().width() + 5)
    width_of_first_two = tabs.tabRect(2).left()
    shown_words: set[str] = set()
    for width in range(width_of_first_two, width_of_first_two + 160, 8):
        texts = list_drawn_texts(width)
        assert "…" not in texts
        shown_words.update(text for text in texts if text.endswith("…"))
    assert any("Company changed".startswith(word.removesuffix("…")) for word in shown_words)
    tabs.setCurrentIndex(2)
    assert any("Refunds not finished".startswith(word[:-1]) for word in list_drawn_texts(300) if word.endswith("…"))


def test_a_cut_tab_keeps_its_count(qtbot: QtBot) -> None:
    """If a tab is cut because the bar of tabs is too narrow, its word is shortened and its whole count is shown, as
    long as two letters of the word fit beside the count."""
    tabs = TabBar("Views")
    qtbot.addWidget(tabs)
    for word, count in (("Needs a person", "5"), ("Refunds not finished", "1,000+"), ("Company changed", "6")):
        tabs.add_tab(word, count)
    tabs.show()
    tabs.resize(tabs.tabRect(1).right(), tabs.sizeHint().height())
    with record_drawn_texts() as drawn:
        tabs.grab()
    (cut_word,) = (text for text in drawn if text.text.startswith("Refunds") and text.text.endswith("…"))
    (count_text,) = (text for text in drawn if text.text == "1,000+")
    scroll_buttons_left = min(button.x() for button in tabs.findChildren(QToolButton) if button.isVisible())
    count_area = count_text.ink_area
    assert cut_word.ink_area.right() < count_area.left() < count_area.right() <= scroll_buttons_left


def test_a_cut_name_is_complete_in_tooltip_and_accessible_name() -> None:
    """A company name that is cut on the screen is complete in the tooltip and in the accessible name, and is never
    interpreted as markup.
    """
    words = ElidedLabel("<b>A very long company name</b>")
    assert words.accessibleName() == "<b>A very long company name</b>"
    assert "A very long company name" in words.toolTip()
    assert "<b>" not in words.toolTip()


def test_a_label_grows_with_the_text_size(appearance: Appearance) -> None:
    """A change of the text size changes the font and the height of an existing label."""
    words = TextLabel("14:58:03 に確認", wraps_lines=True)
    small = words.sizeHint().height()
    appearance.set_text_scale(2.0)
    QApplication.processEvents()
    assert words.font().pixelSize() == 26
    assert words.sizeHint().height() >= 1.8 * small


def open_search_box(window: QWidget) -> SearchBox:
    box = SearchBox(window, "Search")
    box.open()
    box.show_groups(
        [
            ResultGroup("Commands", (ResultEntry("buy", "plus", "Buy", disabled_reason="already bought"),)),
            ResultGroup("Checks", (ResultEntry(17, "document", "Check 17"), ResultEntry(18, "document", "Check 18"))),
        ]
    )
    return box


def test_the_advice_after_a_search_without_a_result_is_not_cut(show_widget: ShowWidget) -> None:
    """The advice after a search without a result is a sentence. It has no columns beside it and isn't cut."""
    window = QWidget()
    window.resize(1_280, 800)
    box = SearchBox(window, "Search")
    show_widget(window)
    box.open()
    advice = "Open Lookup (searched: payments, refunds, orders, credit checks, alerts)"
    box.show_groups(
        [ResultGroup("No records match", (ResultEntry("lookup", "search", advice, right_side_text="0.05 s"),))]
    )
    with record_drawn_texts() as drawn_texts:
        window.grab()
    ink_by_text = {drawn.text: drawn.ink_area for drawn in drawn_texts}
    assert ink_by_text[advice].right() < ink_by_text["0.05 s"].left()


def test_a_detail_is_cut_only_before_the_state_of_its_record(show_widget: ShowWidget) -> None:
    """A result of the search box shows a corporation number or a Latin name whole, because there is room for it
    before the state. A longer name ends with … before the state."""
    window = QWidget()
    window.resize(1_280, 800)
    box = SearchBox(window, "Search")
    show_widget(window)
    box.open()
    details = ("1 9939 0204 9731", "Sakura Trading", "架空商事株式会社東日本第一営業本部")
    state = make_state_cell("credit_check.error", "en")
    box.show_groups(
        [ResultGroup("Checks", tuple(ResultEntry(key, "document", "Check", key, state=state) for key in details))]
    )
    with record_drawn_texts() as drawn_texts:
        window.grab()
    ink_by_text = {drawn.text: drawn.ink_area for drawn in drawn_texts}
    assert set(details[:2]) <= set(ink_by_text)
    assert ink_by_text["…"].right() < ink_by_text[state.word].left()


def test_the_message_of_the_search_box_has_the_margins_of_its_rows(show_widget: ShowWidget) -> None:
    """The message below the input begins where the headings of the results begin, and not at the border, and its area
    is hardly higher than its line."""
    window = QWidget()
    window.resize(1_280, 800)
    show_widget(window)
    box = open_search_box(window)
    box.show_message("“amount:lots” has no known value.")
    QApplication.processEvents()
    left_px = box.message_label.mapTo(box.frame, QPoint(box.message_label.contentsRect().left(), 0)).x()
    assert left_px >= 16
    line_height_px = current_appearance().line_height("small")
    assert box._message_area.height() <= line_height_px + 16


def test_the_search_box_returns_the_focus_after_escape(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """The key Esc closes the search, and the focus returns to the widget that had it before."""
    window = QWidget()
    window.resize(900, 700)
    button = KeyButton("Probe", parent=window)
    show_widget(window)
    button.setFocus()
    box = open_search_box(window)
    assert box.input.hasFocus()
    with qtbot.waitSignal(box.closed):
        QTest.keyClick(box.input, Qt.Key.Key_Escape)
    assert button.hasFocus()
    assert not box.overlay.isVisible()


def test_arrow_keys_move_through_the_results_while_typing(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """While the focus is in the search input, the arrow keys move through the results, past headings. The key Enter
    opens the current result. At a disabled entry it opens nothing: the box stays open, so that its reason is shown.
    """
    window = QWidget()
    window.resize(900, 700)
    show_widget(window)
    box = open_search_box(window)
    assert box.list.get_current_key() == "buy"
    with qtbot.waitSignal(box.result_refused) as refused, qtbot.assertNotEmitted(box.result_picked):
        QTest.keyClick(box.input, Qt.Key.Key_Return)
    assert (refused.args[0].key, box.is_open) == ("buy", True)
    QTest.keyClick(box.input, Qt.Key.Key_Down)
    assert box.list.get_current_key() == 17
    QTest.keyClick(box.input, Qt.Key.Key_Down)
    assert box.list.get_current_key() == 18
    QTest.keyClick(box.input, Qt.Key.Key_Up)
    assert box.list.get_current_key() == 17
    with qtbot.waitSignal(box.result_picked) as picked:
        QTest.keyClick(box.input, Qt.Key.Key_Return)
    assert picked.args == [17]
    assert not box.is_open


def test_search_answers_keep_their_place_when_more_arrive(show_widget: ShowWidget) -> None:
    """The current search result stays current while the results below it change."""
    window = QWidget()
    window.resize(900, 700)
    show_widget(window)
    box = open_search_box(window)
    QTest.keyClick(box.input, Qt.Key.Key_Down)
    QTest.keyClick(box.input, Qt.Key.Key_Down)
    box.show_groups([ResultGroup("Checks", tuple(ResultEntry(n, "document", f"Check {n}") for n in (16, 17, 18)))])
    assert box.list.get_current_key() == 18


def test_the_best_search_answer_is_announced_once(show_widget: ShowWidget) -> None:
    """The best result of a search is announced once, and not again if it is still the best one after the next letter.
    Another best result is announced, and so is the same one in a new search.
    """
    window = QWidget()
    window.resize(900, 700)
    show_widget(window)
    with collect_announcements() as announcements:
        box = open_search_box(window)
        for line in ("Check 17", "Check 17, 2 s", "Check 17, 3 s"):
            box.show_groups([ResultGroup("Checks", (ResultEntry(17, "document", line),))], keeps_current=False)
        box.show_groups([ResultGroup("Checks", (ResultEntry(18, "document", "Check 18"),))], keeps_current=False)
        QTest.keyClick(box.input, Qt.Key.Key_Escape)
        box.open()
        box.show_groups([ResultGroup("Checks", (ResultEntry(18, "document", "Check 18"),))])
    assert [one.sentence for one in announcements] == ["Buy, already bought", "Check 17", "Check 18", "Check 18"]


def test_no_name_of_the_status_bar_is_cut(appearance: Appearance, qtbot: QtBot) -> None:
    """If the status bar is too narrow for all words, it hides the words of cells with a good state, the last one
    first. The words of cells with a problem stay.
    """
    window = QWidget()
    qtbot.addWidget(window)
    bar = StatusBar(parent=window)
    words = [StatusCellContent(name, "check", "good", "0.2 s") for name in ("Service", "Atom")]
    bar.show_cells(
        [*words, StatusCellContent("PayPay", "warning", "care", "slow 4 s")],
        [StatusCellContent("Writes on", "check")],
    )
    bar.resize(1_000, bar.height())
    window.show()
    cells = {cell.accessibleName(): cell for cell in bar.findChildren(StatusCell)}
    visible_labels = {
        name: [part for part in cell.findChildren(TextLabel) if not part.isHidden()] for name, cell in cells.items()
    }
    assert {name: len(parts) for name, parts in visible_labels.items()} == {
        "Service 0.2 s": 2,
        "Atom 0.2 s": 2,
        "PayPay slow 4 s": 2,
        "Writes on": 1,
    }
    full_width = sum(cell.sizeHint().width() for cell in cells.values())
    word_width = visible_labels["Atom 0.2 s"][-1].sizeHint().width()
    for room, visible_counts in ((full_width - word_width, (2, 1)), (full_width - 2 * word_width, (1, 1))):
        bar.resize(room, bar.height())
        of = [sum(not part.isHidden() for part in cell.findChildren(TextLabel)) for cell in cells.values()]
        assert tuple(of[:2]) == visible_counts
        assert of[2] == 2
        qtbot.waitUntil(lambda: all(cell.width() >= cell.sizeHint().width() for cell in cells.values()))


def test_a_long_reason_of_read_only_hides_no_provider_and_is_never_cut(appearance: Appearance, qtbot: QtBot) -> None:
    """The bar above the page shows the whole reason of the read-only mode. In the status bar this reason hides no
    provider, because only the status bar shows the providers' states. A bar without room for the whole reason has
    only the time since when the window is read-only.
    """
    window = QWidget()
    qtbot.addWidget(window)
    bar = StatusBar(parent=window)
    reason = f"Read-only since 14:02:11: {'a long reason ' * 12}".strip()
    bar.show_cells(
        [StatusCellContent(name, "check", "good", "0.2 s") for name in ("Service", "Atom", "PayPay", "AlarmBox")],
        [StatusCellContent(reason, "lock", "care", short_name="Read-only since 14:02:11")],
    )
    window.show()
    for width, shown_name in ((1_000, "Read-only since 14:02:11"), (2_400, reason)):
        bar.resize(width, bar.height())
        cells = bar.findChildren(StatusCell)
        assert [cell.isHidden() for cell in cells] == [False] * 5
        assert [label.plain for label in cells[4].findChildren(TextLabel) if not label.isHidden()] == [shown_name]
        assert cells[4].accessibleName() == reason
        qtbot.waitUntil(lambda: all(cell.width() >= cell.sizeHint().width() for cell in bar.findChildren(StatusCell)))


def show_status_cells(window: QWidget, left: list[StatusCellContent], right: list[StatusCellContent]) -> StatusBar:
    bar = StatusBar(parent=window)  # alone, it could not be narrower than its cells
    bar.show_cells(left, right)
    window.show()
    return bar


def list_shown_texts(qtbot: QtBot, bar: StatusBar, width: int) -> list[str]:
    """Give the bar this width (px) and return the texts that it shows, from left to right; no text is cut off."""
    bar.resize(width, bar.height())
    cells = [cell for cell in bar.findChildren(Surface) if cell.isVisible()]
    qtbot.waitUntil(lambda: all(cell.width() >= cell.sizeHint().width() for cell in cells))
    texts = [text for text in bar.findChildren(TextLabel) if text.isVisible() and text.plain]
    texts_by_x = {label.mapTo(bar, QPoint()).x(): label.plain for label in texts}
    texts_by_x |= {link.mapTo(bar, QPoint()).x(): link.text() for link in bar.findChildren(LinkButton)}
    return [texts_by_x[x] for x in sorted(texts_by_x)]


def test_the_status_bar_shortens_names_before_it_hides_a_cell(appearance: Appearance, qtbot: QtBot) -> None:
    """In a narrow bar the reason of the read-only mode becomes short first, then the words of good states are hidden,
    and the link to unfinished work loses its numbers. Then the due tasks and the providers without a problem are
    hidden; their number stays, with their texts, but never in the place of a provider. No text is cut off."""
    link_name, name = "Unfinished work (33 without a result)", "Read-only since 14:02:11: not connected"
    short_name, due_tasks = "Read-only since 14:02:11", "Due tasks 14:01:07"
    window = QWidget()
    qtbot.addWidget(window)
    bar = show_status_cells(
        window,
        [
            StatusCellContent("Service", "offline", "bad", "no answer"),
            StatusCellContent("Atom", "check", "good", "0.2 s"),
            StatusCellContent("PayPay", "check", "good", "0.3 s"),
        ],
        [
            StatusCellContent(due_tasks, tone="muted"),
            StatusCellContent(link_name, link_key="unfinished", short_name="Unfinished work"),
            StatusCellContent(name, "lock", "care", short_name=short_name),
        ],
    )
    needed = sum(cell.measure_needed_width() for cell in bar._cells.values())
    providers = ["Atom", "0.2 s", "PayPay", "0.3 s"]
    service = ["Service", "no answer"]
    assert list_shown_texts(qtbot, bar, needed) == [*service, *providers, due_tasks, link_name, name]
    assert list_shown_texts(qtbot, bar, needed - 1) == [*service, *providers, due_tasks, link_name, short_name]
    shown = [[""]]
    for width in range(needed - 1, 0, -4):
        shown.append(list_shown_texts(qtbot, bar, width))
        if "+3" in shown[-1]:
            break
    steps = [text for number, text in enumerate(shown) if number and text != shown[number - 1]]
    assert steps[1:] == [
        [*service, *providers[:3], due_tasks, link_name, short_name],
        [*service, "Atom", "PayPay", due_tasks, link_name, short_name],
        [*service, "Atom", "PayPay", due_tasks, "Unfinished work", short_name],
        [*service, "Atom", "PayPay", "+1", "Unfinished work", short_name],
        [*service, "Atom", "PayPay", "Unfinished work", short_name],
        [*service, "Atom", "+2", "Unfinished work", short_name],
        [*service, "+3", "Unfinished work", short_name],
    ]
    sign = next(label for label in bar.findChildren(TextLabel) if label.plain == "+3")
    (parent,) = (cell for cell in bar.findChildren(Surface) if cell.isAncestorOf(sign))
    assert parent.toolTip() == f"Atom 0.2 s\nPayPay 0.3 s\n{due_tasks}"
    assert sign.accessibleName() == f"Atom 0.2 s, PayPay 0.3 s, {due_tasks}"
    assert bar.findChildren(LinkButton)[0].accessibleName() == link_name


def test_the_free_space_of_the_status_bar_looks_like_no_cell(appearance: Appearance, qtbot: QtBot) -> None:
    """Between the cells at the left and those at the right there is one line, also if the free space is narrow."""
    window = QWidget()
    qtbot.addWidget(window)
    bar = show_status_cells(
        window,
        [StatusCellContent(name, "check", "good") for name in ("Service", "Atom")],
        [StatusCellContent("Writes on", "check")],
    )
    list_shown_texts(qtbot, bar, sum(cell.measure_needed_width() for cell in bar._cells.values()) + 24)
    edges = [cell.property("edge") for cell in bar.findChildren(StatusCell)]
    assert edges == ["none", "left", "left"]


def test_a_selected_view_is_not_cut_off_by_bold_letters(appearance: Appearance) -> None:
    """In the sidebar the name of the selected view is bold if there is room. If only its ordinary letters fit, they
    are used, so that selecting a view cuts nothing off its name.
    """
    name = "AlarmBox > 1 day"
    bold_width, width = (
        ceil(appearance.font_metrics("body", is_bold=is_bold).horizontalAdvance(name)) for is_bold in (True, False)
    )
    assert width < bold_width
    assert fit_name(name, bold_width, is_bold=True) == (name, True)
    assert fit_name(name, bold_width - 1, is_bold=True) == (name, False)
    assert fit_name(name, bold_width, is_bold=False) == (name, False)
    assert fit_name(name, width - 1, is_bold=True)[0].endswith("…")


def test_an_age_without_room_at_the_right_edge_is_beside_its_number() -> None:
    """All ages of a column end at the same x position. An age for which there is no room there is placed next to its
    number.
    """
    assert find_detail_x(label_end=50, detail_width=40, right_x=200, column_right=180) == 128
    assert find_detail_x(label_end=125, detail_width=40, right_x=200, column_right=180) == 148
    assert find_detail_x(label_end=145, detail_width=40, right_x=200, column_right=180) is None


def test_the_ages_of_a_panel_are_aligned_beside_its_widest_number(show_widget: ShowWidget) -> None:
    """In a panel that is just wide enough for its longest line, every age ends at the same x position, because the
    column of numbers is as wide as the widest number and not wider.
    """
    panel = CountPanel("Team")
    show_widget(panel)
    words = {"Unknown": "7", "Refunds not finished": "1,204"}
    panel.show_lines(
        [CountLine(word, "question", "muted", word, "oldest 32 h", count) for word, count in words.items()]
    )
    short, long = panel.focus_stops
    column_px = measure_font_runs(((words["Refunds not finished"], True),), "figure")
    for button in (short, long):
        assert isinstance(button, CountLineButton)
        assert button.measure_count_column_width() == column_px


def test_the_wheel_changes_only_a_list_with_the_focus(show_widget: ShowWidget) -> None:
    """The mouse wheel changes the value of a drop-down list only if the list has the focus. Over any other list the
    wheel scrolls the page.
    """

    def turn_wheel() -> bool:
        event = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(reasons, event)
        return event.isAccepted()

    reasons = DropDownList("Reason")
    reasons.addItems(["first", "second", "third"])
    show_widget(reasons)
    reasons.clearFocus()
    assert (turn_wheel(), reasons.currentIndex()) == (False, 0)
    assert reasons.focusPolicy() == Qt.FocusPolicy.StrongFocus
    reasons.setFocus()
    turn_wheel()
    assert reasons.currentIndex() == 1


@pytest.mark.parametrize("density", ["comfortable", "compact"])
def test_a_line_of_a_timeline_is_as_high_as_a_row_of_a_table(
    show_widget: ShowWidget, appearance: Appearance, density: Density
) -> None:
    """The density applies to timelines as it does to the tables beside them."""
    appearance.set_density(density)
    timeline = TimelineList("Timeline")
    timeline.show_lines([TimelineLine("10:00", "10:00", "check", "good", "op-a", "Paid") for _ in range(3)])
    timeline.resize(1_000, 170)
    show_widget(timeline)
    heights = {timeline.visualRect(timeline.model().index(row, 0)).height() for row in range(3)}
    assert heights == {appearance.row_height()}


def test_a_timeline_shows_long_words_whole(show_widget: ShowWidget, qtbot: QtBot) -> None:
    """A long line of a timeline gets the height of its wrapped text at each width. A timeline that is as high as its
    lines doesn't scroll.
    """
    words = "Alert “Paid after expiry, failure or cancellation” detected. Actual: payment Completed ¥19,800."
    timeline = TimelineList("Timeline")
    timeline.show_lines([TimelineLine("10:00", "10:00", "check", "good", "op-a", words) for _ in range(5)])
    timeline.resize(1_000, 170)
    show_widget(timeline)
    heights = []
    for width in (1_000, 420, 300, 1_000):
        timeline.resize(width, 170)
        qtbot.waitUntil(lambda: timeline.visualRect(timeline.model().index(0, 0)).height() > 0)
        qtbot.wait(1)
        heights.append(timeline.visualRect(timeline.model().index(0, 0)).height())
    assert heights[0] == heights[3] < heights[1] < heights[2]
    timeline.fit_height_to_lines()
    qtbot.waitUntil(lambda: timeline.verticalScrollBar().maximum() == 0)


@pytest.mark.parametrize(("width", "has_second_line"), [(560, False), (300, True)])
def test_a_narrow_line_continues_with_the_name_on_a_second_line(
    show_widget: ShowWidget, width: int, *, has_second_line: bool
) -> None:
    """A recent record shows its company completely: beside its number if the line is wide enough, otherwise below,
    and nothing is elided.
    """
    name = "A company of the sample"
    word = f"20:01  Credit check 180  {name}"
    button = CountLineButton(
        CountLine(
            "check 180", "", "text", word, "", "Incomplete", "dash", "care", second_line="A company of the sample"
        )
    )
    one_line_height = button.sizeHint().height()
    button.resize(width, 60)
    show_widget(button)
    assert (button.sizeHint().height() > one_line_height) is has_second_line
    with record_drawn_texts() as drawn_texts:
        button.grab()
    texts = "".join(drawn.text for drawn in drawn_texts)
    assert "…" not in texts
    assert name in texts
    tops = {drawn.ink_area.top() // 20 for drawn in drawn_texts if drawn.text}
    assert (len(tops) > 1) is has_second_line


def test_a_long_name_has_at_most_two_lines_in_a_usual_window(show_widget: ShowWidget) -> None:
    """A name with three long parts doesn't make its line three lines high in a window of 1280 px, because the texts
    beside it leave room."""
    timeline = TimelineList("Timeline")
    line = make_timeline_line(0, "Added a note.", "maximiliane.featherstonehaugh-yamazaki")
    timeline.show_lines([line])
    timeline.resize(733, 170)  # beside the panel of a payment
    show_widget(timeline)
    height = timeline.visualRect(timeline.model().index(0, 0)).height()
    assert height == current_appearance().row_height() + current_appearance().line_height("body")


def test_a_timeline_shows_long_names_in_full(show_widget: ShowWidget) -> None:
    """Two colleagues whose names begin alike can be distinguished: the column of the names is as wide as the longest
    name, up to 30 % of the list; a name that is longer has several lines. The texts of all events begin at the
    same position.
    """
    names = ("maximiliane.tanaka", "maximiliane.yamazaki", "op-a")
    timeline = TimelineList("Timeline")
    timeline.show_lines([make_timeline_line(at, "Approved the refund.", name) for at, name in enumerate(names)])
    timeline.resize(720, 170)
    show_widget(timeline)
    with record_drawn_texts() as drawn_texts:
        timeline.grab()
    ink_by_text = {drawn.text: drawn.ink_area for drawn in drawn_texts}
    assert {*names} <= {*ink_by_text}
    events = [drawn.ink_area.left() for drawn in drawn_texts if drawn.text.startswith("Approved")]
    assert len({*events}) == 1
    assert max(ink_by_text[name].right() for name in names) < events[0]

    timeline.resize(420, 170)
    assert timeline.measure_person_width() == 126
    with record_drawn_texts() as drawn_texts:
        timeline.grab()
    texts = [drawn.text for drawn in drawn_texts]
    assert "maximiliane.yamazaki" in "".join(text for text in texts if not text.startswith("Approved"))
    assert not any("…" in text for text in texts)
    events = [drawn.ink_area.left() for drawn in drawn_texts if drawn.text.startswith("Approved")]
    name_lines = [drawn for drawn in drawn_texts if drawn.text and drawn.text in "".join(names)]
    assert name_lines
    assert max(drawn.ink_area.right() for drawn in name_lines) < min(events)


REPEATED_EVENT_TEXTS = RepeatedEventTexts(
    lambda count, oldest: f"{count} times since {oldest}", lambda count: f"all {count}"
)


def make_timeline_line(at: int, words: str, actor: str = "worker") -> TimelineLine:
    return TimelineLine(f"15:{at:02}", f"2026-11-20 15:{at:02}:00 JST", "cross", "bad", actor, words)


def test_repeated_events_are_one_line_until_enter_expands_them(qtbot: QtBot) -> None:
    """Three or more repeated events, or repetitions of a sequence of events, are shown as one line with their number
    and their oldest time. The key Enter shows all of them.
    """
    timeline = TimelineList("Timeline", repeated_event_texts=REPEATED_EVENT_TEXTS)
    qtbot.addWidget(timeline)
    pairs = [make_timeline_line(50 - at, "asked" if at % 2 == 0 else "no answer") for at in range(6)]
    lines = [
        *pairs,
        make_timeline_line(40, "bought"),
        *(make_timeline_line(30 - at, "no PDF") for at in range(4)),
        make_timeline_line(5, "a"),
        make_timeline_line(4, "a"),
    ]

    def list_timeline_lines() -> list[str]:
        model = timeline.model()
        return [
            f"{timeline.get_line_at(row).time_text} {model.index(row, 0).data()}" for row in range(model.rowCount())
        ]

    timeline.show_lines(lines)
    closed = [
        "15:50 asked 3 times since 15:45", "15:49 no answer 3 times since 15:45", "15:40 bought",
        "15:30 no PDF 4 times since 15:27", "15:05 a", "15:04 a",
    ]  # fmt: skip
    assert list_timeline_lines() == closed
    timeline.setCurrentIndex(timeline.model().index(3, 0))
    QTest.keyClick(timeline, Qt.Key.Key_Return)
    opened = ["15:30 no PDF all 4", "15:29 no PDF", "15:28 no PDF", "15:27 no PDF"]
    assert list_timeline_lines() == [*closed[:3], *opened, *closed[4:]]
    assert timeline.currentIndex().row() == 3
    timeline.show_lines([make_timeline_line(55, "took it"), *lines])  # a newer event leaves it open
    assert list_timeline_lines() == ["15:55 took it", *closed[:3], *opened, *closed[4:]]
    timeline.setCurrentIndex(timeline.model().index(6, 0))
    QTest.keyClick(timeline, Qt.Key.Key_Return)
    assert list_timeline_lines() == ["15:55 took it", *closed]
    timeline.setCurrentIndex(timeline.model().index(0, 0))
    QTest.keyClick(timeline, Qt.Key.Key_Return)
    assert list_timeline_lines() == ["15:55 took it", *closed]


@pytest.mark.parametrize("has_focus", [True, False])
def test_the_current_line_stays_when_a_timeline_is_read_again(
    show_widget: ShowWidget, qtbot: QtBot, *, has_focus: bool
) -> None:
    """If the lines of a timeline are shown again, the same event stays current, even if new events are above it or if
    an equal event is above it, and the list stays scrolled. If the event isn't shown any more, the line in the same
    row becomes current, or the last line.
    """
    timeline, other_widget = TimelineList("Timeline"), KeyButton("Other", "")
    window = QWidget()
    window.setLayout(make_column(timeline, other_widget))
    window.resize(600, 260)
    show_widget(window)
    lines = [
        *(make_timeline_line(50 - at, f"step {at}") for at in range(20)),
        make_timeline_line(5, "asked"),
        make_timeline_line(5, "asked"),
    ]
    timeline.show_lines(lines)

    def focus_line(row: int) -> None:
        timeline.setFocus()
        timeline.setCurrentIndex(timeline.model().index(row, 0))
        if not has_focus:
            other_widget.setFocus()
        QApplication.processEvents()

    focus_line(21)
    scroll_bar = timeline.verticalScrollBar()
    scroll_position = scroll_bar.value()
    assert scroll_position > 0
    timeline.show_lines(list(lines))
    QApplication.processEvents()
    assert (timeline.currentIndex().row(), scroll_bar.value()) == (21, scroll_position)
    timeline.show_lines([make_timeline_line(59, "asked"), *lines[:20], make_timeline_line(5, "asked"), *lines[20:]])
    QApplication.processEvents()
    assert (timeline.currentIndex().row(), scroll_bar.value()) == (23, scroll_position)
    timeline.show_lines(lines)
    focus_line(4)
    timeline.show_lines([*lines[:4], *lines[5:]])
    assert timeline.currentIndex().row() == 4
    timeline.show_lines(lines[:3])
    assert timeline.currentIndex().row() == 2
    assert timeline.hasFocus() == has_focus
    timeline.setFocus()
    QTest.keyClick(timeline, Qt.Key.Key_Up)
    assert timeline.currentIndex().row() == 1


def test_a_timeline_of_another_record_has_no_current_line(show_widget: ShowWidget) -> None:
    """A timeline without the keyboard focus that gets the events of another record has no current line. When it gets
    the focus, the first line becomes current.
    """
    timeline = TimelineList("Timeline")
    timeline.show_lines([make_timeline_line(50 - at, f"step {at}") for at in range(5)])
    timeline.setCurrentIndex(timeline.model().index(3, 0))
    timeline.show_lines([make_timeline_line(30 - at, f"answer {at}") for at in range(5)])
    assert not timeline.currentIndex().isValid()
    show_widget(timeline)
    timeline.setFocus()
    QApplication.processEvents()
    assert timeline.currentIndex().row() == 0


def test_a_repeated_event_stays_current_when_it_occurs_again(qtbot: QtBot) -> None:
    """If the current line stands for repeated events, and the event occurs once more, the line of the group stays
    current.
    """
    timeline = TimelineList("Timeline", repeated_event_texts=REPEATED_EVENT_TEXTS)
    qtbot.addWidget(timeline)
    lines = [
        make_timeline_line(40, "bought"),
        *(make_timeline_line(30 - at, "no PDF") for at in range(3)),
        make_timeline_line(5, "a"),
    ]
    timeline.show_lines(lines)
    timeline.setCurrentIndex(timeline.model().index(1, 0))
    timeline.show_lines([make_timeline_line(50, "took it"), lines[0], make_timeline_line(31, "no PDF"), *lines[1:]])
    assert timeline.currentIndex().row() == 2
    assert "4 times" in timeline.currentIndex().data()


def test_a_too_long_pasted_text_is_refused_with_a_sentence(show_widget: ShowWidget) -> None:
    """A pasted text of ten megabytes is refused with a sentence, and no part of it gets into the field. It would stop
    the window for half a minute.
    """
    refusal_facts: list[dict[str, int]] = []

    def record_facts(key: str, **facts: int) -> str:
        refusal_facts.append(facts)
        return key

    field = MultiLineField("Note", record_facts)
    field.show_hint("The colleague reads it")
    show_widget(field)
    assert isinstance(field.edit, QPlainTextEdit)
    for text in ("あ\n" * 1_000_000, "x" * MAX_TYPED_CHARACTERS):
        QApplication.clipboard().setText(text)
        field.edit.paste()
        assert field.text() == ""
        assert field.edit.accessibleDescription() == "input.paste_too_long"
        assert refusal_facts[-1] == {"longest": MAX_TYPED_CHARACTERS}
    QApplication.clipboard().setText("あ" * (MAX_TYPED_CHARACTERS - 1))
    field.edit.paste()
    assert len(field.text()) == MAX_TYPED_CHARACTERS - 1
    assert field.edit.accessibleDescription() == "The colleague reads it"
    QApplication.clipboard().setText("one more")
    field.edit.paste()
    assert len(field.text()) == MAX_TYPED_CHARACTERS - 1
    QApplication.clipboard().clear()


def test_a_status_takes_the_place_of_the_last_shortcuts(qtbot: QtBot) -> None:
    """If the line is too narrow for the status and all shortcuts, the last shortcuts are hidden completely, and no
    text is cut.
    """
    bar = ShortcutHintBar([(("Enter",), "Open"), (("Tab",), "Complete"), (("Ctrl+Enter",), "Show all in a list")])
    qtbot.addWidget(bar)
    bar.resize(1_000, bar.height())
    bar.show()
    words = [label for label in bar.findChildren(TextLabel) if label is not bar.status_label]

    def list_visibilities() -> list[bool]:
        return [label.isVisible() for label in words if label.parent() is bar]

    qtbot.waitUntil(lambda: all(list_visibilities()))
    bar.resize(bar.sizeHint().width() + 60, bar.height())
    bar.status_label.show_text("Searching... Esc cancels the search.")
    qtbot.waitUntil(lambda: list_visibilities() == [True, True, False])
    qtbot.waitUntil(lambda: bar.status_label.width() >= bar.status_label.sizeHint().width())
    bar.status_label.show_text("")
    qtbot.waitUntil(lambda: all(list_visibilities()))


def test_replaced_buttons_are_hidden_at_once(show_widget: ShowWidget) -> None:
    """Buttons that are replaced by those of another record are hidden at once. Qt deletes them later, and until then
    no person may see or press them.
    """
    form = ExplanationForm(("Verdict", "Why", "Next step", "You can"))
    form.show_action_widgets(KeyButton("Renew...", kind="primary"))
    show_widget(form)
    form.show_action_widgets(KeyButton("Probe"))
    assert [button.text() for button in form.findChildren(KeyButton) if button.isVisible()] == ["Probe"]


@pytest.mark.parametrize("is_visible", [True, False])
def test_a_widget_part_is_never_shown_as_a_window(qtbot: QtBot, is_visible: bool) -> None:
    """A child widget that is made, hidden or shown before it has a parent is never shown as a window of its own. It
    appears with its parent's window, or stays hidden.
    """
    window, part = QWidget(), TextLabel("words")
    qtbot.addWidget(window)
    set_visible_in_parent(part, False)
    set_visible_in_parent(part, True)
    set_visible_in_parent(part, is_visible)
    assert not part.isVisible()
    window.setLayout(make_column(part))
    window.show()
    assert part.isVisible() == is_visible
    set_visible_in_parent(part, not is_visible)
    assert part.isVisible() != is_visible


def test_a_tab_without_an_input_keeps_the_focus_on_its_bar(show_widget: ShowWidget) -> None:
    """If selecting a tab hides the focused input, and the page of this tab has no input, the tab bar gets the focus.
    Qt would move the focus to the page, which has no name and no focus ring.
    """
    window, tabs, stack, edit = QWidget(), TabBar("Views"), QStackedWidget(), QPlainTextEdit()
    empty = QWidget()
    empty.setLayout(make_column(TextLabel("Nothing is here.")))
    for word, page in (("Rows", edit), ("Documents", empty)):
        tabs.add_tab(word)
        stack.addWidget(page)
    tabs.currentChanged.connect(stack.setCurrentIndex)
    window.setLayout(make_column(tabs, stack))
    show_widget(window)
    edit.setFocus()
    show_adjacent_tab(window, 1)
    QApplication.processEvents()
    assert tabs.hasFocus()
    show_adjacent_tab(window, 1)
    edit.setFocus()
    tabs.setCurrentIndex(0)
    QApplication.processEvents()
    assert edit.hasFocus()


def find_first_text_pixel(widget: QWidget) -> int:
    """Return the x coordinate at which the text of an input begins, in px."""
    image = widget.grab().toImage()
    background = image.pixelColor(5, image.height() // 2)
    rows = range(6, image.height() - 6)
    return next(x for x in range(5, image.width()) if any(image.pixelColor(x, y) != background for y in rows))


def test_the_texts_of_all_inputs_begin_at_one_place(show_widget: ShowWidget) -> None:
    """The text in a line, in an area of several lines and in a drop-down list begins at the same distance from the
    left edge, so that the inputs of a form look alike.
    """
    field, area, drop_down_list = Field("Name"), MultiLineField("Note", str), DropDownList("Reason")
    area.edit.setPlainText("H")  # type: ignore[union-attr]  # an area
    field.edit.setText("H")  # type: ignore[union-attr]  # a line
    drop_down_list.addItem("H")
    form = QWidget()
    form.setLayout(make_column(field, area, drop_down_list))
    form.resize(300, 300)
    show_widget(form)
    area.edit.moveCursor(QTextCursor.MoveOperation.End)  # type: ignore[union-attr]  # an area
    assert len({find_first_text_pixel(edit) for edit in (field.edit, area.edit, drop_down_list)}) == 1


def count_border_colours(control: QWidget) -> int:
    """Return the number of colours in the upper border of a control, without its round corners."""
    image = control.grab().toImage()
    return len({image.pixelColor(x, 0).rgba() for x in range(6, min(60, image.width() - 6))})


@pytest.mark.parametrize("theme", ["light", "high_contrast"])
def test_a_disabled_control_has_another_border_in_high_contrast(
    show_widget: ShowWidget, appearance: Appearance, theme: ThemeName
) -> None:
    """In high contrast, the border of a disabled button, text input and drop-down list is dashed. In the other
    themes, the paler colours show the difference.
    """
    appearance.choose_theme(theme)
    drop_down_list = DropDownList("Reason", placeholder="Select a reason")
    controls = (KeyButton("Review the refund"), LineEdit(), MultiLineEdit(), drop_down_list)
    form = QWidget()
    form.setLayout(make_column(*controls))
    show_widget(form)
    assert [count_border_colours(control) > 1 for control in controls] == [False] * 4
    form.setEnabled(False)
    assert [count_border_colours(control) > 1 for control in controls] == [theme == "high_contrast"] * 4
    if theme == "high_contrast":
        greys = [find_lightest_border_grey(control) for control in controls]
        assert min(greys) >= 0x80, "a dash is too dark"  # about 5:1 on black; Qt's own dashes have about 2.9:1


def find_lightest_border_grey(control: QWidget) -> int:
    """Return the lightness (0 to 255) of the lightest pixel in the upper border of a control."""
    image = control.grab().toImage()
    return max(image.pixelColor(x, 0).lightness() for x in range(8, min(60, image.width() - 8)))


def test_the_parts_of_a_disabled_amount_are_grey(show_widget: ShowWidget, appearance: Appearance) -> None:
    """In a disabled input, the currency symbol has the colour of disabled texts, and a text that can only be read
    keeps that of texts.
    """
    appearance.choose_theme("high_contrast")
    field = Field("Amount", is_right_aligned=True, currency_symbol="¥")
    show_widget(field)
    disabled_text = appearance.colour("disabled_text")
    assert field._symbol_label.palette().windowText().color() != disabled_text
    field.edit.setEnabled(False)
    assert field._symbol_label.palette().windowText().color() == disabled_text
    read_only_edit = LineEdit()
    read_only_edit.setReadOnly(True)
    show_widget(read_only_edit)
    assert count_border_colours(read_only_edit) == 1
    assert read_only_edit.palette().text().color() == appearance.colour("text")


@pytest.mark.parametrize("theme", ["light", "high_contrast"])
def test_an_icon_button_has_an_edge_in_high_contrast(
    show_widget: ShowWidget, appearance: Appearance, theme: ThemeName
) -> None:
    """A button with only an icon has no border. In high contrast it has one, as all buttons do: a solid one while the
    button is enabled, and a dashed one while it is disabled.
    """
    appearance.choose_theme(theme)
    button = IconButton("copy", "Copy")
    show_widget(button)
    has_border = button.grab().toImage().pixelColor(12, 0) == appearance.colour("border")
    assert (has_border, count_border_colours(button)) == (theme == "high_contrast", 1)
    button.setEnabled(False)
    assert (count_border_colours(button) > 1) == (theme == "high_contrast")


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_arrow_of_a_list_keeps_its_distance(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """A drop-down list of its usual width shows its text complete, and its arrow, which grows with the text, keeps
    its distance from the text.
    """
    appearance.set_text_scale(scale)
    drop_down_list = DropDownList("Rows to show")
    drop_down_list.addItem("Not done")
    drop_down_list.resize(drop_down_list.sizeHint())
    show_widget(drop_down_list)
    with record_drawn_texts() as drawn:
        drop_down_list.grab()
    assert [one.text for one in drawn] == ["Not done"]
    arrow_left = drop_down_list.width() - appearance.icon_px(14) - 9
    assert arrow_left - drawn[0].ink_area.right() >= 8


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_typed_amount_looks_like_a_shown_one(show_widget: ShowWidget, appearance: Appearance, scale: float) -> None:
    """The digits of a typed amount have the figures font, and its comma and point the text font, so that it is as
    wide as the same amount elsewhere. Selecting, replacing and undoing in the field work as without these fonts.
    """
    field = Field("Amount", is_right_aligned=True, currency_symbol="¥")
    field.resize(300, 100)
    show_widget(field)
    appearance.set_text_scale(scale)
    assert isinstance(field.edit, LineEdit)
    QTest.keyClicks(field.edit, "1,234,567.89")
    end = field.edit.cursorRect().center().x()
    field.edit.home(False)
    width = end - field.edit.cursorRect().center().x()
    assert width == pytest.approx(measure_font_runs(split_amount_font_runs("1,234,567.89")), abs=1)
    field.edit.setSelection(1, 4)
    QTest.keyClicks(field.edit, "0,0")
    assert field.text() == "10,0,567.89"
    field.edit.undo()
    assert field.text() == "1,234,567.89"


def test_a_composed_amount_is_kept_until_it_is_committed(show_widget: ShowWidget, appearance: Appearance) -> None:
    """An input method may commit a part of an amount and go on composing; the field still shows the composed part."""
    field = Field("Amount", is_right_aligned=True)
    field.resize(300, 100)
    show_widget(field)
    commits_part = QInputMethodEvent("3333", [])
    commits_part.setCommitString("1,2")
    QApplication.sendEvent(field.edit, commits_part)
    left_with_composed_text = find_left_end_of_text(field.edit)
    QApplication.sendEvent(field.edit, QInputMethodEvent("", []))
    assert field.text() == "1,2"
    assert left_with_composed_text < find_left_end_of_text(field.edit) - 4 * 5, "four digits more"
    commits_all = QInputMethodEvent("", [])
    commits_all.setCommitString("3333")
    QApplication.sendEvent(field.edit, commits_all)
    assert field.text() == "1,23333"


def find_left_end_of_text(edit: QWidget) -> int:
    """Return the first column of the input's picture, in px, that has a colour other than the background."""
    picture = edit.grab().toImage()
    rows = range(picture.height() // 3, 2 * picture.height() // 3)
    background = picture.pixel(5, rows[0])
    return next(x for x in range(5, picture.width()) if any(picture.pixel(x, y) != background for y in rows))


def test_the_focus_of_a_group_is_at_its_selected_button(appearance: Appearance, qtbot: QtBot) -> None:
    """If the program selects a radio button, for example from a stored draft, while another button of its group has
    the focus, the selected button gets the focus. Tab from a field reaches the selected button as well.
    """
    window = QWidget()
    qtbot.addWidget(window)
    line = QLineEdit()
    buttons = [RadioButton(name) for name in ("Number", "File", "Text")]
    window.setLayout(make_column(line, *buttons))
    group = QButtonGroup(window)
    for button in buttons:
        group.addButton(button)
    window.show()
    window.activateWindow()
    buttons[0].setFocus()
    qtbot.waitUntil(buttons[0].hasFocus)
    buttons[1].setChecked(True)
    assert buttons[1].hasFocus()
    buttons[2].setChecked(True)
    assert buttons[2].hasFocus()
    line.setFocus()
    buttons[0].setFocus()
    assert buttons[2].hasFocus()
    QTest.keyClick(buttons[2], Qt.Key.Key_Up)
    assert (buttons[1].isChecked(), buttons[1].hasFocus()) == (True, True)
    QTest.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
    assert (buttons[0].isChecked(), buttons[0].hasFocus()) == (True, True)


def test_the_label_of_several_rows_of_buttons_is_beside_the_first_row(
    show_widget: ShowWidget, appearance: Appearance
) -> None:
    """The label "you can" is vertically centred on the first row of buttons, also if there are several rows."""
    form = ExplanationForm(("Verdict", "Why", "Next", "You can"))
    buttons = [KeyButton(f"A rather long button {number}", "P") for number in range(8)]
    form.show_action_widgets(*buttons)
    show_widget(form)
    for scale in (1.0, 2.0):
        appearance.set_text_scale(scale)
        form.resize(700, form.heightForWidth(700))
        QApplication.processEvents()
        label, first = form.labels[-1], buttons[0]
        assert buttons[-1].y() > first.y(), "several rows"
        margins = label.contentsMargins()
        text_middle = label.mapTo(form, QPoint(0, margins.top())).y() + appearance.line_height("body") // 2
        assert abs(text_middle - first.mapTo(form, QPoint(0, first.height() // 2)).y()) <= 2


def test_the_last_side_of_a_strip_has_no_line_at_its_end(show_widget: ShowWidget) -> None:
    """The last panel ends at the edge of its strip. Stacked panels are separated by lines below them."""
    side = RecordSideState("Order", "Unpaid", "ring", "text", amount="¥12,000")
    strip = RecordSideStrip([side, side], "Sides")
    show_widget(strip)
    for width, edge in ((1200, "right"), (100, "bottom"), (1200, "right")):
        strip.fit_width(width)
        assert [panel.property("edge") for panel in strip.panels] == [edge, "none"]


def test_a_long_name_in_a_timeline_breaks_after_a_mark(show_widget: ShowWidget) -> None:
    """A name that is wider than its column continues on the next line after "." or "-", not inside a word."""
    timeline = TimelineList("Timeline")
    name = "maximiliane.featherstonehaugh-yamazaki"
    timeline.show_lines([TimelineLine("07:55", "", "ring_dot", "text", name, "Note added.")])
    timeline.resize(700, 300)
    show_widget(timeline)
    delegate = timeline.itemDelegate()
    assert isinstance(delegate, _TimelineDelegate)
    lines = delegate._split_name_into_lines(timeline.get_line_at(0))
    assert "".join(lines) == name
    assert len(lines) > 1
    assert all(line[-1] in ".-" for line in lines[:-1])


@pytest.mark.parametrize("name", ["op-a", "maximiliane.featherstonehaugh"])
def test_the_search_button_is_in_the_middle_of_the_top_bar(show_widget: ShowWidget, name: str) -> None:
    """The search button has the same place for every person. A bar without room for that gives it a place beside its
    neighbours."""
    bar = TopBar("Support console", "Production", "production", "Search", name, "Pages")
    bar.clock.show_text("15:04 JST")
    show_widget(bar)
    bar.resize(1280, bar.height())
    assert abs(bar.search.geometry().center().x() - 640) <= 1
    bar.resize(840, bar.height())
    left, right = bar.search.geometry().left(), bar.search.geometry().right()
    assert left > max(bar._name.geometry().right(), bar._name.x())
    assert right < bar.clock.x()
    assert bar.operator.geometry().right() < bar.width()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_running_text_has_lines_of_a_readable_length(
    show_widget: ShowWidget, appearance: Appearance, scale: float
) -> None:
    """Running text takes the whole width of a narrow window, and only its left part in a very wide window."""
    appearance.set_text_scale(scale)
    label, page = ParagraphLabel(), QWidget()
    label.show_text("word " * 100)
    page.setLayout(make_column(label.row))
    show_widget(page)
    for width, label_width in ((700, 700), (2600, round(1000 * scale))):
        page.resize(width, 400)
        assert (label.x(), label.width()) == (0, label_width)
