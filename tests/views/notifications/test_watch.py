"""Tests that each new event is shown once: as a toast, and also as a message of the desktop while the window isn't in
front.
"""

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QSystemTrayIcon, QWidget

from console.domain.links.link import Link
from console.domain.notifications.events import PersonalEvent, PersonalEventKind
from console.views.notifications.desktop import DesktopMessageTray
from console.views.notifications.dialog import NotificationsDialog
from console.views.notifications.texts import format_event, make_event_toast
from console.views.notifications.watch import NotificationWatcher
from console.views.runtime.context import Toast, WorkCounts
from console.views.sign_in.hide_contents import CoveredWindow, WindowCover
from console.wording.sentences.catalogue import LANGUAGES
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import make_refund

ARRIVED_EVENT = PersonalEvent(PersonalEventKind.APPROVAL_NEEDED, "approval/refund/9", "arrived", "refund", "9")
DECIDED_EVENT = PersonalEvent(PersonalEventKind.DECISION, "refund/4/rejected", "rejected", "refund", "4", "A-10442")
PROPOSED_EVENT = PersonalEvent(
    PersonalEventKind.APPROVAL_NEEDED, "approval/proposal/3", "proposed", "operation", "a-b"
)
MENTION_EVENT = PersonalEvent(PersonalEventKind.MENTION, "mention/1", "note", "payment", "5")
HAND_OVER_EVENT = PersonalEvent(PersonalEventKind.HAND_OVER, "mention/2", "note", "payment", "6")
OWNED_INCIDENT_EVENT = PersonalEvent(PersonalEventKind.HAND_OVER, "incident/7/handed/2", "incident", "incident", "7")
WORSE_INCIDENT_EVENT = PersonalEvent(PersonalEventKind.INCIDENT, "incident/7/worse/9/", "worse", "incident", "7")
ENDED_RUN_EVENT = PersonalEvent(PersonalEventKind.BULK_RUN, "bulk-run/8", "ended", "bulk-run", "8", "BS-8")
DECISION_EVENTS = [
    PersonalEvent(PersonalEventKind.DECISION, "x", act, "refund", "4")
    for act in ("approved", "rejected", "expired", "closed", "replaced")
] + [
    PersonalEvent(PersonalEventKind.DECISION, "x", act, kind, "4", None, state)
    for act in ("confirmed", "settled")
    for kind, state in (("credit-check", "success"), ("payment", "completed"), ("refund", "failed"))
]
ALL_EVENTS = (
    ARRIVED_EVENT,
    PROPOSED_EVENT,
    MENTION_EVENT,
    HAND_OVER_EVENT,
    OWNED_INCIDENT_EVENT,
    WORSE_INCIDENT_EVENT,
    ENDED_RUN_EVENT,
    *DECISION_EVENTS,
)


class RecordingTray(DesktopMessageTray):
    """A tray of the desktop, which the test machine doesn't have. It records the messages that it should show."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.shown: list[tuple[str, Link | None]] = []

    @property
    def is_available(self) -> bool:
        return True

    def show_icon(self, tool_tip: str) -> None:
        self.icon_tool_tip = tool_tip

    def show_message(self, title: str, text: str, link: Link | None) -> None:
        self.shown.append((text, link))
        self._link = link


class BackgroundWindow(CoveredWindow):
    """A window in the background whose notification watcher uses a desktop that can show messages."""

    def __init__(self) -> None:
        super().__init__()
        self.context = make_window_context()
        self.window = QMainWindow()
        self.window_cover = WindowCover(self.window)
        self.watch = NotificationWatcher(self)
        self.desktop = RecordingTray(self)
        self.desktop.message_clicked.connect(self.watch._emit_clicked_link)
        self.watch.desktop_tray = self.desktop
        self.toasts: list[Toast] = []
        self.opened: list[object] = []
        self.context.toast_requested.connect(self.toasts.append)
        self.watch.link_opened.connect(self.opened.append)
        self.watch.message_without_link_clicked.connect(lambda: self.opened.append("messages"))

    def read(self, *events: PersonalEvent, person: str = "op-a") -> None:
        waiting = (make_refund(),) if ARRIVED_EVENT in events else ()
        counts = WorkCounts(read_at=NOW, person=person, decisions_to_make=waiting, events=events)
        self.context.store_work_counts(counts)

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.desktop.shown]


@pytest.fixture
def background_window(appearance: object) -> BackgroundWindow:
    made = BackgroundWindow()
    made.read()
    return made


def test_a_new_event_is_shown_once(background_window: BackgroundWindow) -> None:
    """An event is shown once, even if one read of the events misses it in between. A click on its message opens its
    record.
    """
    background_window.read(DECIDED_EVENT)
    background_window.read()
    background_window.read(DECIDED_EVENT)
    assert background_window.desktop.shown == [
        ("Refund R-4 (payment A-10442): your request was declined.", Link("record", "4", "refund"))
    ]
    (toast,) = background_window.toasts
    assert (toast.message, toast.route is not None) == (
        "Refund R-4 (payment A-10442): your request was declined.",
        True,
    )
    background_window.desktop.emit_link_of_newest_message()
    assert background_window.opened == [Link("record", "4", "refund")]


def test_events_of_the_first_read_are_not_announced(appearance: object) -> None:
    """Events of the first read, after a start or after another person has signed in at the window, are not shown as
    new.
    """
    desk = BackgroundWindow()
    desk.read(ARRIVED_EVENT, DECIDED_EVENT, ENDED_RUN_EVENT)
    desk.context.operator = "lead-b"
    desk.read(MENTION_EVENT, person="op-a")  # an answer that comes after the change of person
    desk.read(MENTION_EVENT, person="lead-b")
    assert (desk.toasts, desk.texts) == ([], [])
    desk.read(MENTION_EVENT, HAND_OVER_EVENT, person="lead-b")
    assert desk.texts == ["Payment 6 was handed over to you."]


def test_several_events_are_one_message(background_window: BackgroundWindow) -> None:
    """Several new events are shown as one message, and a click on it opens the list of messages."""
    background_window.read(ARRIVED_EVENT, MENTION_EVENT, HAND_OVER_EVENT, WORSE_INCIDENT_EVENT)
    ((text, link),) = background_window.desktop.shown
    assert text.splitlines() == [
        "4 new messages for you.",
        "Refund R-9 is waiting for your decision.",
        "Payment 5: a note mentions you.",
        "Payment 6 was handed over to you.",
    ]
    assert link is None
    background_window.desktop.emit_link_of_newest_message()
    assert background_window.opened == ["messages"]
    assert [toast.message for toast in background_window.toasts] == [
        "1 new decision is waiting for you.",
        "3 new messages for you.",
    ]


def test_a_covered_window_says_nothing_of_the_record(background_window: BackgroundWindow) -> None:
    """While the window is locked or no person is signed in, a notification leaves out the kind and the number of the
    record.
    """
    background_window.window_cover.show_cover(QWidget())
    background_window.read(DECIDED_EVENT)
    assert background_window.texts == ["There is a new message for you. Unlock the console to read it."]
    background_window.window_cover.remove_cover()


def test_an_event_is_no_desktop_message_while_the_window_is_in_front(
    background_window: BackgroundWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the person sees the window, or a dialog of it, an event is only a toast. While another window is in
    front, also another one of this program, the event is a message of the desktop, too."""
    window = background_window.window
    dialog = QDialog(QDialog(window))
    for active_window, event in ((window, DECIDED_EVENT), (dialog, MENTION_EVENT)):
        monkeypatch.setattr(QApplication, "activeWindow", lambda shown=active_window: shown)
        background_window.read(event)
    assert (len(background_window.toasts), background_window.texts) == (2, [])
    other_window = QMainWindow()
    monkeypatch.setattr(QApplication, "activeWindow", lambda: other_window)
    background_window.read(ENDED_RUN_EVENT)
    assert background_window.texts == ["Bulk run BS-8 has ended."]


@pytest.mark.qt_log_ignore("No Icon set", "systemTrayWindowChanged")  # the test platform has no tray
def test_a_click_on_the_icon_in_the_tray_is_reported(appearance: object) -> None:
    """A click on the icon asks for the window. The menu button of the mouse doesn't."""
    owner = QObject()
    tray = DesktopMessageTray(owner)
    clicks: list[str] = []
    tray.icon_clicked.connect(lambda: clicks.append("click"))
    tray.show_icon("Support console")
    icon = owner.findChild(QSystemTrayIcon)
    assert icon is not None
    icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    icon.activated.emit(QSystemTrayIcon.ActivationReason.Context)
    assert clicks == ["click"]


def test_each_kind_of_personal_event_can_be_switched_off(background_window: BackgroundWindow) -> None:
    """A person can switch off each kind of event, and the choice is stored at once. An event that arrives while its
    kind is off isn't shown later.
    """
    dialog = NotificationsDialog(background_window.context, background_window.window, has_desktop=True)
    assert list(dialog.check_box_by_kind) == list(PersonalEventKind)
    dialog.check_box_by_kind[PersonalEventKind.MENTION].setChecked(False)
    assert background_window.context.preferences.get_value("notify.mention") is False
    background_window.read(MENTION_EVENT, HAND_OVER_EVENT)
    assert [toast.message for toast in background_window.toasts] == ["Payment 6 was handed over to you."]
    again = NotificationsDialog(background_window.context, background_window.window, has_desktop=False)
    assert [kind for kind, box in again.check_box_by_kind.items() if not box.isChecked()] == [
        PersonalEventKind.MENTION
    ]
    assert again.where_shown_label.plain != dialog.where_shown_label.plain, "without a tray it says so"
    again.check_box_by_kind[PersonalEventKind.MENTION].setChecked(True)
    background_window.read(MENTION_EVENT, HAND_OVER_EVENT)
    assert len(background_window.toasts) == 1


def test_a_bulk_run_of_this_window_has_its_own_toast(background_window: BackgroundWindow) -> None:
    """The end of a bulk run of this window gives no toast from the notification watcher, because the bulk run has its
    own toast. The desktop still shows a message.
    """
    background_window.context.own_bulk_runs.add(8)
    background_window.read(ENDED_RUN_EVENT)
    assert (background_window.toasts, background_window.texts) == ([], ["Bulk run BS-8 has ended."])


@pytest.mark.parametrize(("event_name", "icon_name"), [("approved", "ring_check"), ("rejected", "cross")])
def test_the_icon_of_a_decision_says_how_it_was_decided(appearance: object, event_name: str, icon_name: str) -> None:
    event = PersonalEvent(PersonalEventKind.DECISION, "x", event_name, "refund", "4")
    assert make_event_toast((event,), make_window_context()).icon_name == icon_name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_has_a_text_in_both_languages(appearance: object, language: str) -> None:
    """Every kind of event has a text in Japanese and in English, with the number or id of its record."""
    context = make_window_context()
    context.language = language  # type: ignore[assignment]  # one of the languages
    assert {event.kind for event in ALL_EVENTS} == set(PersonalEventKind)
    for event in ALL_EVENTS:
        assert (event.number or event.subject_id) in format_event(event, context)


def test_a_machine_without_a_tray_is_reported(appearance: object) -> None:
    """On a machine without a desktop, as in the tests, the tray for messages reports that it isn't available."""
    assert not DesktopMessageTray(QObject()).is_available
