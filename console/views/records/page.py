"""The base class of the pages that show one record: it has the layout, reads the record, handles the shortcuts, and
opens the previous and the next record of a list."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QLayout, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.audit.record_entries import does_entry_report_event, find_new_entries
from console.domain.explained_state import OPEN_ALERT_ACTION, Explanation, WorkBadge
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.service_results import OrderDetails
from console.domain.records import CreditCheck, LeaseHolder, TimelineEntry
from console.domain.recovery.decision_rules import can_probe_ask_provider
from console.views.pages.base import KeyHint, Page, find_focused_widget, set_tab_order
from console.views.pages.scroll_container import PageScrollArea
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.presenters.record_changes import format_record_changes
from console.views.presenters.records import RecordDetails, ShownRecord
from console.views.printing.page_print import PagePrinter
from console.views.printing.print_job import PRINT_KEY_HINT, PRINT_SHORTCUT
from console.views.records import collaboration_actions, evidence_actions
from console.views.records.action_bar import (
    SHORTCUT_BY_RECORD_ACTION,
    ActionButtons,
    explain_details_to_acting_person,
    format_proposal,
)
from console.views.records.actions import RecordActionHandlers
from console.views.records.header import RecordHeader, RecordTitleLine, make_explanation_form, show_explanation
from console.views.records.tabs import RecordTabs
from console.views.runtime.announcer import announce, join_spoken_text
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    AlertsRoute,
    LookupRoute,
    RecordPageRoute,
    find_neighbour_route,
    make_route_to_record,
)
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import TextRoleName, Tone
from console.views.widgets.base import make_column
from console.views.widgets.controls.buttons import KeyButton, LinkButton, PaintedButton
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.record_parts import RecordSideState, RecordSideStrip
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

DetailsT = TypeVar("DetailsT", bound=RecordDetails)
_STALE_CONTENT_VISIBLE_MS = 150
"""Time (ms) for which the page still shows the earlier record while another one is being read. Most records are read
within this time, so the page doesn't become empty for a moment."""
ACTIONS_OF_ALL_RECORD_KINDS = (
    *collaboration_actions.COLLABORATION_ACTIONS,
    *evidence_actions.EVIDENCE_EXPORT_ACTIONS,
)
_REASON_BY_ACTION_OF_OTHER_KINDS = {
    "probe": "act.probe_payment", "refetch": "act.only_checks", "resolve": "act.order_follows",
    "renew": "act.only_checks_renewed", "refund": "act.only_payments", "move_order": "act.only_payments_move_order",
    "withdraw": "act.only_refunds_withdrawn", "unmask": "act.only_payments_have_payer",
}  # fmt: skip
"""For each action with a shortcut that only some kinds of records have: the wording key of the reason why its
shortcut has no effect on the pages of the other kinds."""


def make_record_key_hints(*names: str) -> tuple[KeyHint, ...]:
    """Return the shortcuts that the line at the bottom of a record's page shows: the shortcuts of the actions
    `names`, and the shortcuts that the pages of all kinds of records have."""
    return (
        (("[", "]"), "key.previous_next"),
        *(((SHORTCUT_BY_RECORD_ACTION[name],), f"key.{name}") for name in names),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        *collaboration_actions.COLLABORATION_KEY_HINTS,
        *evidence_actions.EVIDENCE_EXPORT_KEY_HINTS,
        PRINT_KEY_HINT,
        (("Esc",), "key.back"),
    )


def _list_widgets_of_part(part: QWidget | QLayout) -> list[QWidget]:
    """Return the widget `part` as a list, or the widgets of the layout `part`."""
    if isinstance(part, QWidget):
        return [part]
    items = (part.itemAt(index) for index in range(part.count()))
    return [widget for item in items if item is not None and (widget := item.widget()) is not None]


class RecordPage(Page, Generic[DetailsT]):
    """Base class of the pages that show one record. From top to bottom, a page has: header, sides (panels with the
    record's state in this database, at the provider and in the order), explanation, widgets for this kind of
    record, tabs, action buttons. In a low window, everything above the action buttons scrolls; while the header is
    out of sight, a line above the contents has the title, the badges and the verdict. A subclass sets `kind` and
    `action_names`, passes its tabs, and fills the widgets from the RecordDetails that it reads.
    """

    kind: ClassVar[str] = ""
    action_names: ClassVar[tuple[str, ...]] = ()
    menu_action_names: ClassVar[tuple[str, ...]] = ()
    sidebar_key = "lookup"

    def __init__(
        self,
        context: WindowContext,
        tabs: RecordTabs,
        widgets_above_tabs: Sequence[QWidget | QLayout] = (),
        tab_area: QLayout | None = None,
    ) -> None:
        """`widgets_above_tabs` are the widgets and layouts between the explanation and the tabs. `tab_area` is a
        layout that contains the tabs and other widgets next to them; None if the page has no such other widgets."""
        super().__init__(context)
        self.route: RecordPageRoute = make_route_to_record(self.kind, 0)
        self.details: DetailsT | None = None
        self._shown_state: tuple[str, ...] = ()
        self._difference_sentence = ""
        self._shown_explanation: Explanation | None = None
        context.work_counts_changed.connect(self._show_changed_explanation)
        self.action_handlers = RecordActionHandlers(context, self, get_shown_ref=lambda: (self.kind, self.id))
        self.evidence = evidence_actions.EvidenceExportActions(
            context, self.action_handlers, self._run_action_by_shortcut
        )
        self.page_printer = PagePrinter(context, self)
        self.collaboration = collaboration_actions.CollaborationActions(
            context, self.action_handlers, self._run_action_by_shortcut
        )
        self.head = RecordHeader(context)
        self.sides_strip = RecordSideStrip((), context.translate("record.sides"))
        self.form = make_explanation_form(context)
        self.tabs = tabs
        self.action_bar = ActionButtons(context, self.action_names, self.menu_action_names)
        self.answers = LinkButton(context.translate("action.open_raw"), has_arrow=True, role="small")
        contents_layout = make_column(self.head, self.sides_strip, gap_px=0)
        self.add_bar_container(contents_layout)
        for part in (self.form, *widgets_above_tabs, tab_area or tabs):
            if isinstance(part, QLayout):
                contents_layout.addLayout(part)
            else:
                contents_layout.addWidget(part)
        contents_layout.setStretch(contents_layout.count() - 1, 1)
        self._contents_widget = QWidget()
        self._contents_widget.setLayout(contents_layout)
        self.contents_area = PageScrollArea(self._contents_widget)  # the action buttons below it stay in sight
        self._contents_widget.installEventFilter(self)
        self.title_line = RecordTitleLine(context)
        self.add_content(self.title_line)
        self.add_content(self.contents_area, 1)
        self._contents = [
            widget
            for part in (self.sides_strip, self.form, *widgets_above_tabs, tab_area or tabs)
            for widget in _list_widgets_of_part(part)
        ]
        self._hidden_contents: list[QWidget] = []
        self._missing_record_reason = ""  # the sentence which says why `details` is None
        self._focus_before_hiding: QWidget | None = None
        self._stale_contents_timer = QTimer(self)
        self._stale_contents_timer.setSingleShot(True)
        self._stale_contents_timer.setInterval(_STALE_CONTENT_VISIBLE_MS)
        self._stale_contents_timer.timeout.connect(self._hide_stale_contents)
        self.add_content(self.action_bar.bar)
        self._connect_signals()

    def _connect_signals(self) -> None:
        self.head.neighbour_record_requested.connect(self._open_neighbour_record)
        self.head.copied.connect(self.action_handlers.show_copied_toast)
        self.head.company_requested.connect(self._open_company)
        self.tabs.related_record_requested.connect(self._open_related_record)
        self.tabs.tabs.currentChanged.connect(self.screen_state_changed)
        self.answers.clicked.connect(self.tabs.open_evidence_tab)
        self.contents_area.verticalScrollBar().valueChanged.connect(self._show_title_line_if_scrolled)
        self.action_bar.action_requested.connect(self.run_action_on_record)
        for name in self.action_names:
            if name in SHORTCUT_BY_RECORD_ACTION:
                self.bind_shortcut(SHORTCUT_BY_RECORD_ACTION[name], partial(self._run_action_by_shortcut, name))
        for key, name in self.list_actions_of_other_kinds().items():
            self.bind_shortcut(key, partial(self._run_action_by_shortcut, name))
        self.bind_shortcut("[", partial(self._open_neighbour_record, -1))
        self.bind_shortcut("]", partial(self._open_neighbour_record, 1))
        for name, key in collaboration_actions.SHORTCUT_BY_OWN_TAKE_ACTION.items():
            self.bind_shortcut(key, partial(self._run_action_on_own_take, name))
        self.bind_shortcut(PRINT_SHORTCUT, partial(self._run_action_by_shortcut, "print"))
        self.bind_shortcut("Ctrl+C", self._copy_clipboard_text)
        self.bind_shortcut("Ctrl+Shift+C", self._copy_summary)
        for signal in (
            self.context.connection_state_changed,
            self.context.people_changed,
            self.context.person_changed,
            self.context.minute_passed,  # another person's take may have ended
        ):
            signal.connect(self._update_actions)

    # -- implemented by subclasses

    def read_details(self, services: "Console", id: int) -> DetailsT:
        """Read the record and the data of its page from the services, and return them. Called in a background thread;
        implemented by the subclass."""
        raise AssertionError(self.kind)

    def fill_header(self, details: DetailsT) -> None:
        """Show the header, the panels with the record's state in each system, and the widgets for this kind of
        record, with the data of `details`. Implemented by the subclass."""

    def list_helpful_actions(self, details: DetailsT) -> tuple[str, ...]:
        """Return the names of the actions to recommend in the present state of the record, the most important one
        first. Implemented by the subclass."""
        return ()

    def run_kind_specific_action(self, action_name: str, details: DetailsT) -> None:
        """Run an action that only this kind of record has, such as `refund` for a payment. `action_name` is its name.
        Implemented by the subclass."""

    def get_copied_identifier(self, details: DetailsT) -> str:
        """Return the text that the copy button next to the title copies; by default, the id of the record."""
        return str(details.record.id)

    def get_clipboard_text(self, details: DetailsT) -> str:
        """Return the text that the shortcut Ctrl+C copies; by default, the text that the copy button next to the
        title copies."""
        return self.get_copied_identifier(details)

    def get_corporation_number(self, details: DetailsT) -> str:
        """Return the corporation number of the record; "" if the record has none. A payment without a number of its
        own has the number of its order."""
        number = case_words.get_corporation_number(details.record)
        return number or (details.corporation.number if details.corporation is not None else "")

    def list_related_records(self, details: DetailsT) -> frozenset[tuple[str, int]]:
        """Return the kind and id of each other record that this page shows. If one of these records changes, the
        window reads the page again."""
        return frozenset()

    def find_button(self, name: str) -> KeyButton | None:
        """Return the button of the action `name`; None if the page has no such button. While the button is disabled,
        the shortcut of the action doesn't run the action."""
        return self.action_bar.find_button(name)

    # -- reading

    def show_route(self, route: object) -> None:
        if not isinstance(route, RecordPageRoute):
            return
        is_other_record = route.id != self.route.id
        if is_other_record:
            self.clean_up_after_visit()
        self.route, self.sidebar_key = route, route.sidebar_key
        if is_other_record:
            self.details, self._shown_state = None, ()
            self.cancel_requested_dialog()
            self.contents_area.scroll_to_top()
            self.reset_read_state()
            self.hide_bars_of_contents()
            self.head.show_title_while_reading(self.format_reading_title(route.id), str(route.id))
            self._show_reading_state()
            self.set_page_name(self.head.title.short_form)
        self.head.show_position(route)
        self.refresh("entered")

    def clean_up_after_visit(self) -> None:
        """Remove the request for the dialog of an action: a later read of the record must not open it, because the
        person no longer expects it."""
        self.context.pop_requested_action(self.kind, self.id)

    def _show_reading_state(self) -> None:
        """Disable the action buttons while the page reads another record, because the buttons still belong to the
        previous record. If the read takes longer than _STALE_CONTENT_VISIBLE_MS, hide the contents of the previous
        record."""
        self._disable_actions_without_record("record.reading_off")
        self._stale_contents_timer.start()

    @Slot()
    def _hide_stale_contents(self) -> None:
        if self.details is None and not self._hidden_contents:
            self._hidden_contents = [widget for widget in self._contents if not widget.isHidden()]
            self._focus_before_hiding = find_focused_widget(self.window())
            for widget in self._hidden_contents:
                widget.hide()
            self.restore_focus()

    def _show_hidden_contents(self) -> None:
        self._stale_contents_timer.stop()
        focus_target, self._focus_before_hiding = self._focus_before_hiding, None
        for widget in self._hidden_contents:
            widget.show()
        self._hidden_contents = []
        focus = find_focused_widget(self.window())
        has_moved_away = focus is not None and not self.is_part(focus)  # the person has opened the search
        if focus_target is None or has_moved_away or not shiboken6.isValid(focus_target):
            return
        if self.can_focus(focus_target):
            focus_target.setFocus(Qt.FocusReason.OtherFocusReason)

    def format_reading_title(self, id: int) -> str:
        """Return the title to show while the record with this id is being read."""
        return self.context.translate(f"kind.{self.kind}")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        """Return the title, which gets the focus first, so that a screen reader reads the title with the badges and
        the verdict. The Enter key does nothing while the title has the focus: a person who holds Enter too long in a
        list starts no action on this page."""
        return (self.head.title,)

    def get_screen_state(self) -> Mapping[str, Any]:
        return {"tab": self.tabs.current_tab_name}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        self.tabs.show_tab(state.get("tab"))

    @property
    def id(self) -> int:
        """The id of the shown record; 0 before the first route."""
        return self.route.id

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        related_refs = self.list_related_records(self.details) if self.details is not None else frozenset()
        return (self.kind, self.id) in changes or bool(related_refs & changes)

    def read_data(self, reason: str) -> None:
        record_id = self.id
        if not record_id:
            return
        self.context.run_read(
            lambda services: self.read_details(services, record_id),
            lambda details: self._store_and_show_details(record_id, details),
            lambda failure: self._show_refusal(record_id, failure),
            caller=self,
            key=(self.kind, "show", record_id),
        )

    def _store_and_show_details(self, record_id: int, details: DetailsT) -> None:
        """Store and show a record that was just read, with the data of its page. Do nothing if the page shows another
        record meanwhile, or if it already shows a newer version of the record. After the first read of the record,
        store that the person has visited it; after a further read, show a change by another person. Then open the
        dialog of the requested action, if another page has requested one."""
        earlier_details = self.details
        if record_id != self.id or (
            earlier_details is not None and earlier_details.record.version > details.record.version
        ):
            return  # An answer with an older version arrived after a newer one: the newer one stays.
        self.mark_data_read()
        if earlier_details is None:
            self._show_hidden_contents()
            self.hide_ended_action_bar()  # it said that the record was still being read
            self.context.add_visit(details.record)
        else:
            self._show_change_since(earlier_details, details)
        self.details = details
        self._show_details(details)
        action_name = self.context.pop_requested_action(self.kind, record_id)
        if action_name and self.may_open_requested_dialog:
            self.open_requested_action(action_name)

    def _show_refusal(self, record_id: int, failure: Failure) -> None:
        if record_id == self.id:
            self.show_reading_failure(failure)
            if self.details is None:
                self._disable_actions_without_record("record.unread_off")

    def _disable_actions_without_record(self, reason_key: str) -> None:
        """Disable the action buttons while the page has no record. `reason_key` is the wording key of the reason,
        which the page also shows after the key of an action."""
        self._missing_record_reason = self.context.translate(reason_key)
        self.action_bar.disable_all_buttons(self._missing_record_reason)

    # -- display

    def _show_details(self, details: DetailsT) -> None:
        self.head.title.show_id(
            case_words.format_record_title(details.record, self.context), self.get_copied_identifier(details)
        )
        self.fill_header(details)
        our_name = details.record.company_name if isinstance(details.record, CreditCheck) else None
        self.head.show_registry_facts(details.corporation, our_name)
        self._show_explanation(details)
        self._update_actions()
        self.head.set_spoken_title(record_words.format_explanation(details.explanation, self.context)[0])
        self._announce_change()
        self._show_proposal(details)
        self._show_lease_holder(details.holder if not isinstance(details, OrderDetails) else None)
        self.collaboration.show_take(details.taken, case_words.format_record_title(details.record, self.context))
        self._set_tab_order()

    def _show_explanation(self, details: DetailsT) -> None:
        self._shown_explanation = explain_details_to_acting_person(details, self.context)
        show_explanation(self.form, self._shown_explanation, self.context)

    @Slot()
    def _show_changed_explanation(self) -> None:
        """Show the explanation again if its next step addresses another person than before: the counts, which contain
        the proposals about which the acting person can decide, are read at another time than the record."""
        if (
            self.details is not None
            and explain_details_to_acting_person(self.details, self.context) != self._shown_explanation
        ):
            self._show_explanation(self.details)

    def _announce_change(self) -> None:
        """Announce the title, the badges and the verdict to a screen reader if the badges or the verdict of the
        shown record have changed."""
        title, badge_words = self.head.title.short_form, [badge.word for badge in self.head.badges]
        self.set_page_name(title, self.head.notable_badge_word)
        earlier_state, self._shown_state = self._shown_state, (title, *badge_words, self.form.verdict)
        if earlier_state[:1] == self._shown_state[:1] and earlier_state != self._shown_state:
            spoken_badges = self.context.translate("list.separator").join(badge_words)
            announce(self, join_spoken_text(title, spoken_badges, self.form.verdict))

    def show_sides(self, sides: Sequence[RecordSideState], tools_by_panel: Mapping[int, Sequence[QWidget]]) -> None:
        """Show one panel per system (this database, provider, order) with the state that the record has there.
        `tools_by_panel` are the buttons and links to add to the panels, by the index of the panel; a widget that a
        panel already contains isn't added again.
        """
        self.sides_strip.show_sides(sides)
        for panel_index, widgets in tools_by_panel.items():
            for widget in widgets:
                if widget.parent() is None:
                    self.sides_strip.panels[panel_index].add_tool(widget)
        self.fit_panel_strips()

    @Slot()
    def _show_title_line_if_scrolled(self) -> None:
        """Show the line with the title, the badges and the verdict while the header is scrolled out of sight, unless
        another record is being read. The end of the contents stays in sight, although the line takes room above
        them."""
        scroll_bar = self.contents_area.verticalScrollBar()
        must_show_line = self.details is not None and scroll_bar.value() >= self.head.height()
        if must_show_line == self.title_line.isVisibleTo(self):
            return
        was_at_end = scroll_bar.value() == scroll_bar.maximum()
        self.title_line.setVisible(must_show_line)
        layout = self.layout()
        if must_show_line and was_at_end and layout is not None:
            layout.activate()
            scroll_bar.setValue(scroll_bar.maximum())

    def fit_panel_strips(self) -> None:
        """Fit the panels with the record's states into the visible part of the page, because the page may be wider
        than the window."""
        self.sides_strip.fit_width(self.contents_area.viewport().width())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._contents_widget and event.type() == QEvent.Type.Resize:
            self.fit_panel_strips()
        return super().eventFilter(watched, event)

    def get_own_scroll_area(self) -> PageScrollArea:
        return self.contents_area

    def take_focus(self) -> None:
        super().take_focus()
        self.contents_area.scroll_to_focused_widget()

    @Slot()
    def _update_actions(self) -> None:
        """Show the actions that are possible for the record at present; do nothing if the record isn't read yet."""
        if self.details is not None:
            self.action_bar.outdated_reason = self.find_outdated_reason()
            self.action_bar.taken_reason = self.collaboration.find_taken_by_other_reason(self.details.taken)
            self.action_bar.is_own_take = self.collaboration.is_own_take(self.details.taken)
            self.action_bar.show_actions(self.details, self.form, self._list_offered_actions(self.details))
            self._show_present_badges(self.details)

    def _show_present_badges(self, details: DetailsT) -> None:
        """Show the badges of the record in the header and in the line above the contents. Leave out the badge "action
        possible" while no action is possible at this desk, for example without a connection."""
        badge_keys: tuple[str, ...] = case_words.get_page_badge_keys(details)
        if details.explanation.work is WorkBadge.POSSIBLE and self.action_bar.obstacle:
            badge_keys = badge_keys[:-1]
        if badge_keys != self.head.badge_keys:
            self.head.show_badges(badge_keys)
        self.title_line.show_record(self.head.title.short_form, badge_keys, self.form.verdict)

    def update_outdated_actions(self) -> None:
        self._update_actions()

    def _list_offered_actions(self, details: DetailsT) -> tuple[str, ...]:
        """Return the names of the actions to recommend, without a probe that could ask no provider. If an alert about
        the record is open, they contain the action that opens the alert."""
        action_names = self.list_helpful_actions(details)
        if not can_probe_ask_provider(details.record):
            action_names = tuple(name for name in action_names if name != "probe")
        if details.open_alert_id is None:
            return tuple(name for name in action_names if name != OPEN_ALERT_ACTION)
        return tuple(dict.fromkeys((*action_names, OPEN_ALERT_ACTION)))

    def _set_tab_order(self) -> None:
        """Set the order in which the Tab key visits the widgets: header, panels with the record's states, buttons
        of the explanation, widgets for this kind of record, tabs, action buttons."""
        set_tab_order(
            *self.head.focus_stops,
            *(tool for panel in self.sides_strip.panels for tool in panel.findChildren(PaintedButton)),
            *self.form.findChildren(KeyButton),
            *self.list_focus_stops_above_tabs(),
            *self.tabs.focus_stops,
            *self.action_bar.bar.findChildren(KeyButton),
        )

    def list_focus_stops_above_tabs(self) -> tuple[QWidget, ...]:
        """Return the widgets between the explanation and the tabs that can have the focus, in tab order."""
        return ()

    def _show_proposal(self, details: DetailsT) -> None:
        """Show a bar that names the proposed outcome which waits for a second person. Without one, hide the bar."""
        sentence = format_proposal(details, self.context) if not isinstance(details, OrderDetails) else ""
        lead = self.context.translate("approvals.proposed_outcome")
        bar = NotificationBar(lead, sentence, tone="progress", icon_name="hourglass") if sentence else None
        self.show_state_bar("proposal", bar, is_above_contents=True)

    def _show_lease_holder(self, holder: LeaseHolder | None) -> None:
        """Show a bar that names the process which works on the record and the person for whom it works. With None,
        hide the bar."""
        if holder is None:
            self.hide_bar("holder")
            return
        is_own_work = is_same_person(holder.operator, self.context.operator or "")
        key = "reason.in_progress_own" if is_own_work else "record.working"
        sentence = self.context.translate(key, holder=holder, since=holder.since)
        holder_bar = NotificationBar(
            self.context.translate("record.working_lead"), sentence, tone="progress", icon_name="person"
        )
        self.show_state_bar("holder", holder_bar)

    # -- changes by other people

    def _show_change_since(self, earlier_details: DetailsT, details: DetailsT) -> None:
        """Show a bar with the person, the time and the action if another person has made the newest change of the
        record. A change is visible in the difference between `earlier_details`, the data of the earlier read, and
        `details`, the data of the present read. Entries which only record that a person has opened the record, or
        that an action was refused, are no change.
        """
        if not self.has_changed(earlier_details, details):
            return
        new_entries = find_new_entries(earlier_details.timeline, details.timeline)
        last_entry = next(filter(does_entry_report_event, reversed(new_entries)), None)
        if last_entry is not None and not is_same_person(last_entry.actor, self.context.operator or ""):
            self.show_change(earlier_details, details, last_entry)

    def has_changed(self, earlier_details: DetailsT, details: DetailsT) -> bool:
        """Return True if the timeline in `details`, the data of the present read, has entries that `earlier_details`,
        the data of the earlier read, doesn't have."""
        return len(details.timeline) > len(earlier_details.timeline)

    def show_change(self, earlier_details: DetailsT, details: DetailsT, last_entry: TimelineEntry) -> None:
        """Show a bar about the change that `last_entry`, the newest audit entry, records. If fields that the pages
        show have changed, a button in the bar shows the values of these fields before and after the change."""
        change_text = wording.format_audit_entry(last_entry, self.context.language)
        actor_name = record_words.get_actor_name(last_entry.actor, self.context)
        text = self.context.translate("case.changed_by", who=actor_name, at=last_entry.at, what=change_text)
        differences = format_record_changes(earlier_details.record, details.record, self.context)
        self.show_change_bar(
            text, self.make_difference_button(differences) if differences else self.make_close_button()
        )

    def make_difference_button(self, difference_sentence: str) -> KeyButton:
        """Return a button for the bar about a change by another person. When the person presses the button, the bar
        shows the sentence `difference_sentence`, which contains the values before and after the change."""
        self._difference_sentence = difference_sentence
        button = KeyButton(self.context.translate("action.show_difference"), kind="inline")
        button.clicked.connect(self._show_difference_in_bar)
        return button

    @Slot()
    def _show_difference_in_bar(self) -> None:
        close_button = self.make_close_button()
        self.show_change_bar(
            self._difference_sentence or self.context.translate("record.changed_nothing"), close_button
        )
        close_button.setFocus()

    def make_close_button(self) -> KeyButton:
        """Return a button that closes the bar about a change by another person."""
        close_button = KeyButton(self.context.translate("action.close"), kind="inline")
        close_button.clicked.connect(self._hide_change_bar)
        return close_button

    def show_change_bar(self, text: str, button: KeyButton) -> None:
        """Show the bar which says that another person has changed the record. `text` describes the change;
        `button` is added to the bar."""
        bold_text = self.context.translate("record.changed_lead")
        self.show_bar("changed", NotificationBar(bold_text, text, tone="care", icon_name="person", button=button))

    @Slot()
    def _hide_change_bar(self) -> None:
        self.hide_bar("changed")
        self.take_focus()

    def open_requested_action(self, action_name: str) -> None:
        """Open the dialog of the action that another page has requested for this record
        (`WindowContext.request_action`), in the same way as the shortcut of the action."""
        if action_name in collaboration_actions.SHORTCUT_BY_OWN_TAKE_ACTION:
            self._run_action_on_own_take(action_name)
        else:
            self._run_action_by_shortcut(action_name)

    # -- navigation

    def _open_neighbour_record(self, offset: int) -> None:
        """Open the previous (`offset` -1) or next (1) record of the list from which the person has opened the page.
        If there is no such record, show a refusal."""
        route = find_neighbour_route(self.route, offset)
        if route is not None:
            self.context.route_replacement_requested.emit(route)
        else:
            self.show_key_refusal(self.context.translate("act.no_neighbour"))

    @Slot(object)
    def _open_related_record(self, record: ShownRecord) -> None:
        self.context.navigate(case_words.make_record_route(record, (), self.sidebar_key))

    @Slot()
    def _open_company(self) -> None:
        number = self.get_corporation_number(self.details) if self.details is not None else ""
        if number:
            self.context.navigate(LookupRoute(wording.format_corporation_number(number)))

    # -- actions

    def list_actions_of_other_kinds(self) -> dict[str, str]:
        """Return, by its key, each action with a shortcut that only other kinds of records have. Such a shortcut acts
        on a focused row of another kind; otherwise the page shows the reason why it has no effect."""
        own_keys = {SHORTCUT_BY_RECORD_ACTION.get(name) for name in self.action_names}
        keys = {SHORTCUT_BY_RECORD_ACTION[name]: name for name in _REASON_BY_ACTION_OF_OTHER_KINDS}
        return {key: name for key, name in keys.items() if key not in own_keys}

    def _run_action_by_shortcut(self, action_name: str) -> None:
        """Run the action whose shortcut the person has typed. If the row of a related record has the focus, run the
        action on that record, otherwise on the record of the page. If the button of the action is disabled, show the
        reason."""
        row = self.tabs.find_focused_row()
        if isinstance(row, CreditCheck | Payment | Order | Refund):
            self._run_action_on_row(action_name, row)
            return
        replacing_button = self.action_bar.find_explanation_button(action_name)
        if replacing_button is not None:
            self.press_button(replacing_button)
            return
        button = self.find_button(action_name)
        if button is not None and button.isEnabled():
            self.run_action_on_record(action_name)
        elif button is not None:
            self.press_button(button)
        elif action_name in _REASON_BY_ACTION_OF_OTHER_KINDS:
            self.show_key_refusal(self.context.translate(_REASON_BY_ACTION_OF_OTHER_KINDS[action_name]))

    def _run_action_on_row(self, action_name: str, row: ShownRecord) -> None:
        """Run an action on the related record whose row has the focus. If this record doesn't support the action,
        show a bar that names the record; never run the action on the record of the page instead."""
        shared_actions, button = (self.evidence, self.collaboration), self.find_button(action_name)
        if (
            button is not None and action_name in ACTIONS_OF_ALL_RECORD_KINDS
        ):  # every record has them, with the same rights
            if button.isEnabled() or (action_name == "take" and self._is_only_page_record_taken):
                title = case_words.format_record_title(row, self.context)
                any(
                    actions.run_action_if_supported(action_name, *case_words.make_record_ref(row), title)
                    for actions in shared_actions
                )
            else:
                self.press_button(button)
        elif action_name == "probe":
            self.action_handlers.probe_record(row)
        elif action_name == "resolve" and not isinstance(row, Order):
            self.action_handlers.open_resolve_dialog(row)
        elif action_name == "refetch" and isinstance(row, CreditCheck):
            self.action_handlers.open_refetch_dialog(row)
        elif action_name == "refund" and isinstance(row, Payment):
            self.action_handlers.open_refund_dialog(row.id)
        else:
            title = case_words.format_record_title(row, self.context)
            self.show_key_refusal(self.context.translate("act.focus_elsewhere", title=title))

    @property
    def _is_only_page_record_taken(self) -> bool:
        """True if the button *Take* is disabled only because another person has taken the page's record. The person
        can still take a related record."""
        return (
            self.details is not None
            and bool(self.action_bar.taken_reason)
            and not self.context.find_disabled_reason("take")
        )

    def _run_action_on_own_take(self, action_name: str) -> None:
        if self.details is not None:
            title = case_words.format_record_title(self.details.record, self.context)
            self.collaboration.run_action_on_own_take(action_name, self.details.taken, title)

    @Slot(str)
    def run_action_on_record(self, name: str) -> None:
        """Run the action `name` on the record of the page, and remove the bar about an earlier action, such as a
        refusal. While the page has no record, only show a bar with the reason."""
        shared_actions = (self.evidence, self.collaboration)
        if self.details is None:
            self.show_key_refusal(self._missing_record_reason)
            return
        self.hide_ended_action_bar()
        if name == "print":
            self.page_printer.print_record(
                self.kind, self.id, self.head.title.short_form, self.list_printed_lines(self.details)
            )
        elif name == OPEN_ALERT_ACTION:
            self.context.navigate(AlertsRoute(self.details.open_alert_id or 0))
        else:
            record_ref = case_words.make_record_ref(self.details.record)
            title = case_words.format_record_title(self.details.record, self.context)
            if not any(actions.run_action_if_supported(name, *record_ref, title) for actions in shared_actions):
                self.run_kind_specific_action(name, self.details)

    def list_printed_lines(self, details: DetailsT) -> list[str]:
        """Return the texts that the page shows above the tabs, as the lines of a printout."""
        company_line = " ".join(filter(None, (self.head.company_label.plain, self.get_corporation_number(details))))
        badge_line = self.context.translate("list.separator").join(badge.word for badge in self.head.badges)
        side_texts = [panel.accessibleName() for panel in self.sides_strip.panels if panel.isVisibleTo(self)]
        explanation = explain_details_to_acting_person(details, self.context)
        explanation_texts = record_words.format_explanation(explanation, self.context)
        return [line for line in (company_line, badge_line, *side_texts, *explanation_texts) if line]

    @Slot()
    def _copy_clipboard_text(self) -> None:
        if self.details is not None:
            self.action_handlers.copy_text(self.get_clipboard_text(self.details))

    @Slot()
    def _copy_summary(self) -> None:
        if self.details is not None:
            self.action_handlers.copy_summary(self.details.record)

    def make_copyable_id(
        self,
        name: str,
        short_form: str = "",
        copied_text: str = "",
        *,
        role: TextRoleName = "data",
        tone: Tone = "text",
    ) -> CopyableId:
        """Return a widget that shows an identifier with a copy button. The widget shows `short_form` in the font of
        `role` and the colour of `tone`. The button copies `copied_text` to the clipboard. A screen reader reads
        `name`. After a copy, a toast shows the copied text. If both texts are "", the widget is empty until its
        method `show_id` is called."""
        identifier = CopyableId(
            short_form, copied_text, name, copy_label=self.context.translate("action.copy"), role=role, tone=tone
        )
        identifier.copied.connect(self.action_handlers.show_copied_toast)
        return identifier
