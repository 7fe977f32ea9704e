"""Tests of the announcer, which announces each message to screen readers once, when the window shows it. It stores
some messages, and holds others back while the window is covered.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.views.runtime.announcer import Announcer, join_spoken_text
from console.views.runtime.routes import HomeRoute, PaymentRoute, Route
from console.views.theme.design_tokens import Tone
from console.views.theme.theme import Appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import Field
from console.views.widgets.display.placeholders import EmptyState, replace_by_empty_state
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, ToastFrame, ToastStack
from tests.support.announcements import SentAnnouncement, collect_announcements

INSTANT = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
VIEWS_FOLDER = Path(__file__).parents[3] / "console" / "views"


@pytest.fixture
def announced_texts() -> Iterator[list[SentAnnouncement]]:
    with collect_announcements() as sentences:
        yield sentences


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    made.resize(800, 600)
    QVBoxLayout(made)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def add_widget(window: QWidget, widget: QWidget) -> None:
    layout = window.layout()
    assert layout is not None
    layout.addWidget(widget)
    QApplication.processEvents()  # Qt shows what is added to a visible window in the next turn


def make_announcer(window: QWidget, cover: list[QWidget], route: Route | None = None) -> Announcer:
    """Return an announcer of this window, whose page has the route `route`. The last widget in `cover` covers the
    window; an empty list means that nothing covers it.
    """
    return Announcer(window, lambda: INSTANT, lambda: cover[-1] if cover else None, lambda: route)


@pytest.mark.parametrize(
    ("parts", "spoken"),
    [
        (
            ("Not done", "What was paid does not cover the order."),
            "Not done. What was paid does not cover the order.",
        ),
        (("未接続", "表示は古い内容です。"), "未接続。表示は古い内容です。"),
        (("", "Only this."), "Only this."),
        (("Done", ""), "Done"),
        (("Why?", "Because."), "Why? Because."),
        ((), ""),
    ],
)
def test_texts_are_spoken_as_sentences(parts: tuple[str, ...], spoken: str) -> None:
    assert join_spoken_text(*parts) == spoken


@pytest.mark.parametrize(
    ("tone", "icon_name", "is_urgent"),
    [
        ("good", "check", False),
        ("progress", "circle_arrow", False),
        ("unknown", "question", False),
        ("care", "square_bang", True),
        ("bad", "warning", True),
        ("bad", "cross", True),
    ],
)
def test_only_an_urgent_bar_interrupts_the_screen_reader(
    window: QWidget, announced_texts: list[SentAnnouncement], tone: Tone, icon_name: str, is_urgent: bool
) -> None:
    add_widget(window, NotificationBar("Not done", "Why.", tone=tone, icon_name=icon_name))
    assert announced_texts == [SentAnnouncement("Not done. Why.", is_urgent)]


def test_a_bar_shown_again_is_not_announced_again(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    """A bar that is hidden and shown again is not announced again. A new text of the bar is announced."""
    bar = NotificationBar("Changed", "By lead-b.")
    add_widget(window, bar)
    bar.hide()
    bar.show()
    assert [one.sentence for one in announced_texts] == ["Changed. By lead-b."]
    bar.show_text("Changed", "By lead-b.")
    bar.show_text("Changed", "By op-c.")
    assert [one.sentence for one in announced_texts] == ["Changed. By lead-b.", "Changed. By op-c."]


def test_a_bar_of_an_opening_window_is_read_with_the_window(
    window: QWidget, announced_texts: list[SentAnnouncement]
) -> None:
    dialog = DialogFrame("Buy?", main_button_text="Buy", parent=window)
    dialog.show_content(NotificationBar("This costs money", "¥300."))
    dialog.open()
    assert announced_texts == []
    dialog.close()


def test_a_result_is_announced_as_one_sentence(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    """The title and the bar of a dialog's result are announced in one sentence, so that the urgent announcement of
    the bar doesn't interrupt the title.
    """
    dialog = DialogFrame("Buy?", main_button_text="Buy", parent=window)
    dialog.show_content(QWidget())
    dialog.open()
    dialog.set_busy("Asking…")
    content = QWidget()
    QVBoxLayout(content).addWidget(NotificationBar("", "The provider refused.", tone="bad", icon_name="cross"))
    dialog.main_button.clicked.connect(dialog.accept)
    dialog.show_outcome("Not bought", "", content, close_text="Close")
    assert announced_texts == [
        SentAnnouncement("Asking…", False),
        SentAnnouncement("Not bought. The provider refused.", True),
    ]
    dialog.close()


def test_a_new_title_of_an_open_dialog_is_announced(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    dialog = DialogFrame("Refund", parent=window)
    dialog.show_content(QWidget())
    dialog.open()
    dialog.show_title("Ask for refund of ¥500?", "Order A-1")
    dialog.show_title("Ask for refund of ¥500?", "Order A-1")
    assert [one.sentence for one in announced_texts] == ["Ask for refund of ¥500? Order A-1"]
    dialog.close()


def test_the_same_error_of_a_field_is_announced_once(
    window: QWidget, announced_texts: list[SentAnnouncement]
) -> None:
    """A field that is checked at every key press shows the same error each time, but the announcer announces it only
    once.
    """
    field = Field("Corporation number")
    add_widget(window, field)
    for words in ("Wrong digit.", "", "Wrong digit.", "Too long."):
        field.show_error(words)
    assert announced_texts == [SentAnnouncement("Wrong digit.", True), SentAnnouncement("Too long.", True)]


def test_busy_words_of_a_button_are_announced(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    """The words of a busy button are announced. The list of messages doesn't store them, because they name neither
    the action nor its result.
    """
    announcer = make_announcer(window, [])
    button = KeyButton("Verify")
    add_widget(window, button)
    button.set_busy("Verifying…")
    assert announced_texts == [SentAnnouncement("Verifying…", False)]
    assert list(announcer.announcements) == []


def test_messages_are_stored_with_time_and_record(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    """The announcer stores the newest 200 messages with their time and record, the newest first, until they are
    cleared. The record of a toast may differ from the record of the page.
    """
    announcer = make_announcer(window, [], PaymentRoute(7))
    add_widget(window, NotificationBar("Not done", "Why.", tone="bad"))
    ToastStack(window).show_toast(ToastFrame("Sent", "R-3", route=PaymentRoute(9)))
    assert [
        (announcement.sentence, announcement.at, announcement.route) for announcement in announcer.announcements
    ] == [
        ("Sent. R-3", INSTANT, PaymentRoute(9)),
        ("Not done. Why.", INSTANT, PaymentRoute(7)),
    ]
    assert [one.sentence for one in announced_texts] == ["Not done. Why.", "Sent. R-3"]
    for number in range(250):
        ToastStack(window).show_toast(ToastFrame(f"Copied {number}"))
    assert len(announcer.announcements) == 200
    assert announcer.announcements[0].sentence == "Copied 249"
    announcer.clear_announcements()
    assert [*announcer.announcements] == []


def test_announcements_of_a_page_without_a_record_have_no_record(window: QWidget) -> None:
    announcer = make_announcer(window, [], HomeRoute())
    add_widget(window, NotificationBar("Not connected", ""))
    assert announcer.announcements[0].route is None


def test_a_locked_window_announces_only_the_lock(window: QWidget, announced_texts: list[SentAnnouncement]) -> None:
    """While the window is locked, only the messages of the lock are announced, and they aren't stored. The other
    messages are announced after the unlocking.
    """
    cover: list[QWidget] = []
    announcer = make_announcer(window, cover)
    lock = QWidget(window)
    QVBoxLayout(lock)
    lock.show()
    cover.append(lock)
    add_widget(window, NotificationBar("Changed", "By lead-b."))
    add_widget(lock, NotificationBar("Not unlocked", "Wrong password.", tone="bad"))
    assert announced_texts == [SentAnnouncement("Not unlocked. Wrong password.", True)]
    assert [*announcer.announcements] == []
    cover.clear()
    announcer.announce_waiting_sentences()
    assert [one.sentence for one in announced_texts[1:]] == ["Changed. By lead-b."]
    assert [announcement.sentence for announcement in announcer.announcements] == ["Changed. By lead-b."]


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_toasts_stand_whole_above_the_lower_bars(window: QWidget, appearance: Appearance, scale: float) -> None:
    """A toast is above the lower bars, so that it covers no button, and is high enough for its whole text."""
    appearance.set_text_scale(scale)
    lower = QWidget(window)
    lower.setGeometry(0, 520, 800, 80)
    lower.show()
    toasts = ToastStack(window, find_lower_bars=lambda: [lower])
    toast = ToastFrame("Reconciliation of PayPay, 2026-11-01 to 2026-11-19 is done", "12 compared, 3 differ. " * 3)
    toasts.show_toast(toast)
    assert toast.geometry().bottom() < lower.geometry().top()
    assert window.rect().contains(toast.geometry())
    for label in toast.findChildren(TextLabel):
        assert label.height() >= label.heightForWidth(label.width())


def test_a_window_without_toasts_may_have_no_bars_yet(window: QWidget) -> None:
    """If a window without toasts is resized before its contents exist, the stack of toasts doesn't request the lower
    bars.
    """
    requested_windows: list[QWidget] = []

    def find_lower_bars() -> list[QWidget]:
        requested_windows.append(window)
        return []

    ToastStack(window, find_lower_bars=find_lower_bars)
    window.resize(700, 500)
    assert requested_windows == []


def test_only_the_announcer_sends_announcements() -> None:
    """Only the announcer sends accessibility events, so that no message is announced twice or is missing in the list
    of messages.
    """
    makers = {
        path.relative_to(VIEWS_FOLDER).as_posix()
        for path in VIEWS_FOLDER.rglob("*.py")
        if re.search(r"QAccessible(Announcement)?Event|updateAccessibility", path.read_text(encoding="utf-8"))
    }
    assert makers == {"runtime/announcer.py"}


def test_a_list_that_is_still_empty_is_announced_once(
    window: QWidget, announced_texts: list[SentAnnouncement]
) -> None:
    """A list that is read again after an action of another person, and is still empty for the same reason, isn't
    announced again. Another reason is announced, and so is the same reason after rows were shown.
    """
    stack, rows = QStackedWidget(), QWidget()
    stack.addWidget(rows)
    add_widget(window, stack)
    shown: QWidget = QWidget()
    for title in ("Nothing is unknown", "Nothing is unknown", "No record matches", "", "No record matches"):
        if not title:
            stack.setCurrentWidget(rows)
            continue
        empty = EmptyState(title, f"Checked at {len(announced_texts)}")
        replace_by_empty_state(stack, shown, empty)
        QApplication.processEvents()
        shown = empty
    assert [one.sentence.split(".")[0] for one in announced_texts] == [
        "Nothing is unknown",
        "No record matches",
        "No record matches",
    ]
