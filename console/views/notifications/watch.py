"""Finds new events that concern the acting person, and notifies the person once about each event."""

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QWidget

from console.domain.links.link import Link
from console.domain.notifications.events import PersonalEvent, PersonalEventKind
from console.domain.payments.records import Refund
from console.views.approvals.arrivals import make_arrival_toast
from console.views.notifications.desktop import DesktopMessageTray
from console.views.notifications.switches import is_notification_on
from console.views.notifications.texts import format_events_title_and_detail, make_event_toast
from console.views.sign_in.hide_contents import CoveredWindow

_APPROVAL_EVENT_KEY_PREFIXES = ("approval/refund/", "approval/proposal/")


class NotificationWatcher(QObject):
    """Finds new events each time the window has read its counts (WorkCounts), and shows them. The events in the first
    WorkCounts of a person aren't new, so that a restart doesn't show them again; they are only counted in the
    sidebar. A new event is shown as a toast, and also as a desktop message unless the window or one of its dialogs is
    the active window. Kinds of events that the person has switched off aren't shown. While the window is covered
    (locked, or without a person), the desktop message contains no detail, and the toast appears when the cover is
    removed.

    Signals:
    - link_opened(object): the person has clicked a desktop message; the argument is its Link.
    - message_without_link_clicked: the person has clicked a desktop message without a link: about a bulk run, or
      about several events.
    """

    link_opened = Signal(object)
    message_without_link_clicked = Signal()

    def __init__(self, frame: CoveredWindow) -> None:
        super().__init__(frame)
        self._frame, self._context = frame, frame.context
        self._known_person: str | None = None
        self._known_event_keys: set[str] = set()
        self.desktop_tray = DesktopMessageTray(self)
        self.desktop_tray.message_clicked.connect(self._emit_clicked_link)
        self._context.work_counts_changed.connect(self._show_new_events)

    @Slot()
    def _show_new_events(self) -> None:
        """Show those events of the newest WorkCounts that no earlier WorkCounts contained."""
        counts = self._context.work_counts
        if counts.read_at is None or counts.person is None or counts.person != self._context.operator:
            return
        is_first, self._known_person = counts.person != self._known_person, counts.person
        new_events = (
            () if is_first else tuple(event for event in counts.events if event.key not in self._known_event_keys)
        )
        if is_first:
            self._known_event_keys.clear()
            if self.desktop_tray.is_available:
                self.desktop_tray.show_icon(self._context.translate("app.name"))
        self._known_event_keys.update(event.key for event in counts.events)
        shown_events = tuple(
            event for event in new_events if is_notification_on(self._context.preferences, event.kind)
        )
        if shown_events:
            self._show_desktop_message(shown_events)
            self._show_toasts(shown_events)

    def _show_desktop_message(self, events: tuple[PersonalEvent, ...]) -> None:
        is_covered = self._frame.window_cover.is_covered
        if not self.desktop_tray.is_available or (_is_in_front(self._frame.window) and not is_covered):
            return
        translate = self._context.translate
        title, detail = format_events_title_and_detail(events, self._context)
        text = translate("notification.covered") if is_covered else "\n".join(filter(None, (title, detail)))
        self.desktop_tray.show_message(translate("app.name"), text, events[0].link if len(events) == 1 else None)

    def _show_toasts(self, events: tuple[PersonalEvent, ...]) -> None:
        keys = {event.key for event in events}
        arrived_decisions = [
            decision
            for decision in self._context.work_counts.decisions_to_make
            if f"{_APPROVAL_EVENT_KEY_PREFIXES[not isinstance(decision, Refund)]}{decision.id}" in keys
        ]
        if arrived_decisions:
            self._context.toast_requested.emit(make_arrival_toast(arrived_decisions, self._context))
        other_events = tuple(
            event
            for event in events
            if event.kind is not PersonalEventKind.APPROVAL_NEEDED and not self._is_own_bulk_run(event)
        )
        if other_events:
            self._context.toast_requested.emit(make_event_toast(other_events, self._context))

    def _is_own_bulk_run(self, event: PersonalEvent) -> bool:
        """Return True if the event is the end of a bulk run that this window has executed. The dialog of such a run,
        or another toast, already shows its result."""
        return event.kind is PersonalEventKind.BULK_RUN and int(event.subject_id) in self._context.own_bulk_runs

    @Slot(object)
    def _emit_clicked_link(self, link: Link | None) -> None:
        if link is None:
            self.message_without_link_clicked.emit()
        else:
            self.link_opened.emit(link)


def _is_in_front(window: QWidget) -> bool:
    """Return True if the window, or a dialog that belongs to it, is the active window of the desktop."""
    active_window: QWidget | None = QApplication.activeWindow()
    while active_window is not None and active_window is not window:
        parent = active_window.parentWidget()
        active_window = None if parent is None else parent.window()
    return active_window is window
