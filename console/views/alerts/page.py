"""The alerts page: a list with one row per incident (the alerts with one cause), and below it a panel that shows
the selected incident."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import INCIDENT_KIND, Incident, IncidentState
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE
from console.domain.tasks.records import Alert
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_card import IncidentCard
from console.views.alerts.incident_dialogs import DIALOG_CLASS_BY_INCIDENT_ACTION, HandOverIncidentDialog
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, add_hidden_buttons_to_menu, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as record_words
from console.views.presenters import incidents as incident_texts
from console.views.presenters.columns import measure_column_width
from console.views.records.actions import RecordActionHandlers
from console.views.records.columns import MIN_LARGE_TEXT_SCALE
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.routes import AlertsRoute
from console.views.tables.columns import Column, RowGroup
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import incident_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_MIN_VISIBLE_INCIDENT_ROWS = 4
"""The number of rows for which the list always has room, also if the panel below the list is high."""
_CARD_HEIGHT_SHARE_OF_PAGE = 0.42
"""Height of the incident's panel, as a part of the page's height."""
_MAX_CARD_HEIGHT_PX = 288  # at text size 1; a higher window shows more incidents in the list
_SUMMARY_HEIGHT_LINES = 2  # least height of the sentence about an incident, so that the buttons below it seldom move
_MISSING_INCIDENT_BAR_NAME = "missing incident"
_UNLISTED_INCIDENT_BAR_NAME = "unlisted incident"
_REFRESH_REASON_INCIDENT_ACTION = "stepped"
"""Reason with which the page reads its data again after an action without a dialog: take, give back, end of a snooze.
None of them removes an incident from the list. The person may have selected another incident before this read ends.
If the incident that is then selected has left the list, its row stays.
"""
_ALERT_RULES_CLOSED_BY_ACKNOWLEDGEMENT = frozenset({ErrorCode.DATABASE_WENT_BACK.value, CORPORATION_CHANGE_RULE})
"""Rules of the alerts that an acknowledgement closes. This acknowledgement can't be undone, so the person confirms it
in a dialog.
"""


class AlertsPage(Page):
    """The alerts page, a list of incidents. Each of these keys does something with the selected incident:

    - Enter opens the record on which a person removes the cause.
    - I opens a dialog with the incident's details in a low window, which has no room for the panel. In a high window
      it only shows a sentence which says that the panel is below the list.
    - A acknowledges the alerts, Shift+A acknowledges them with a note.
    - Ctrl+Z undoes the person's own acknowledgement.
    - Shift+E reopens an incident that another person has acknowledged.
    - T takes the incident, Shift+T gives it back, H hands it over.
    - S snoozes the incident or ends the snooze.
    - E resolves or reopens the incident.

    A person may press a key twice by mistake, so a key never undoes its own action immediately: snoozing, resolving
    and reopening open a dialog. If such a dialog moves the incident to another group, the next incident of its group
    becomes the selected one. If the selected incident leaves the list because its alerts have closed, it stays
    selected, with a bar which says so, and no key changes it.
    """

    sidebar_key = "alerts"
    help_key = "help.alerts"
    min_full_window_height_px = 620  # with the panel of the incident, a lower page would scroll as a whole
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("A",), "key.acknowledge"),
        (("T",), "key.take"),
        (("H",), "key.hand_over"),
        (("S",), "key.snooze"),
        (("E",), "key.resolve_incident"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.action_handlers = RecordActionHandlers(context, self)
        self._are_closed_shown = False
        self._unlisted_alert_count = 0
        self._linked_alert_id = self._awaited_alert_id = 0
        self._must_select_linked_incident = False
        self._has_current_incident = False
        self.closed_button = KeyButton(translate("incident.show_closed"), "C", binds_key=False)
        self.closed_button.clicked.connect(self._toggle_closed_incidents)
        self.head = self.make_page_head(translate("screen.alerts"), translate("alerts_screen.sentence"))
        self.exporter = ListExporter(context, self, lambda: ExportRequest(ListName.ALERTS), self.head)
        self._count_by_state: dict[IncidentState, int] = {}
        self._unacknowledged_count = 0
        """Number of open incidents with an alert that no person has acknowledged, as the sidebar shows it."""
        self.table = StaticTable(
            context, _make_incident_columns(context), _get_incident_id, translate("screen.alerts"),
            hideable_columns=("extent",), get_group=self._make_row_group,
        )  # fmt: skip
        self.table.repeated_keys = ("extent",)
        ColumnWidthStorage(context, self.table, "incidents")
        self.incident_list = TableOrEmptyState(
            self.table, EmptyState(translate("alerts_screen.empty"), icon_name="check")
        )
        self.incident_list.setMinimumHeight(self.table.compute_height_for_rows(_MIN_VISIBLE_INCIDENT_ROWS))
        self.card = IncidentCard(context)
        self.head.menu_entry_adders.append(partial(add_hidden_buttons_to_menu, self.card))
        self._make_buttons()
        self.add_content(self.head)
        self.add_content(self.incident_list, 1)
        self.add_content(self.card)
        self.add_content(self.footer)
        self.add_key_hints()
        self.table.opened.connect(self._open_record_of_cause)
        self.table.current_changed.connect(self._show_incident)
        self.table.columns_fitted.connect(self._refit_summary)
        self.table.rows.page_applied.connect(self._select_linked_or_first_incident)
        self.bind_shortcut("C", partial(self._press_button, self.closed_button))
        set_tab_order(*self.head.focus_stops, self.table, *self._buttons, self.button_row.menu_button)

    def _make_buttons(self) -> None:
        self.action_button = KeyButton("", "Enter", "primary", binds_key=False)
        self.action_button.clicked.connect(self._open_record_of_current_cause)
        self.details_button = KeyButton(self.context.translate("incident.action.details"), "I", binds_key=False)
        self.details_button.clicked.connect(self.open_details)
        self.bind_shortcut("I", self.open_details)
        self.acknowledge_button = self._make_button(
            "A", self.acknowledge_current_incident, "incident.action.acknowledge"
        )
        self.undo_button = self._make_button("Ctrl+Z", self.undo_acknowledgement, "incident.action.undo")
        self.take_button = self._make_button("T", self.take_current_incident)
        self.give_back_button = self._make_button(
            "Shift+T", self.give_back_current_incident, "incident.action.release"
        )
        self.hand_over_button = self._make_button("H", self.hand_over_current_incident, "incident.action.hand_over")
        self.snooze_button = self._make_button("S", self.snooze_or_unsnooze_current_incident)
        self.resolve_button = self._make_button("E", self.resolve_or_reopen_current_incident)
        self.reopen_button = self._make_button(
            "Shift+E", self.reopen_current_incident, "incident.action.unacknowledge"
        )
        self.acknowledge_with_note_button = self._make_button(
            "Shift+A", self.open_acknowledge_dialog, "incident.action.acknowledge_note"
        )
        self._buttons = (
            self.action_button, self.details_button,
            self.take_button, self.give_back_button, self.hand_over_button, self.snooze_button,
            self.acknowledge_button, self.acknowledge_with_note_button, self.undo_button, self.reopen_button,
            self.resolve_button, self.closed_button,
        )  # fmt: skip
        # A button that undoes an action, such as reopening, has the key of the action but not its hint.
        self._buttons_with_key_hints = (
            ("key.acknowledge", "incident.action.acknowledge", self.acknowledge_button),
            ("key.take", "action.take", self.take_button),
            ("key.hand_over", "incident.action.hand_over", self.hand_over_button),
            ("key.snooze", "incident.action.snooze", self.snooze_button),
            ("key.resolve_incident", "incident.action.resolve", self.resolve_button),
        )
        translate = self.context.translate
        self.button_row = ActionRow(
            self._buttons[:-1],
            self._buttons[-1:],
            (),
            menu_button_text=translate("action.more"),
            format_menu_text=lambda action, reason: translate("act.about", title=action, message=reason),
        )
        self.summary_label = TextLabel("", wraps_lines=True)
        self.summary_label.hide()
        self._changing_buttons = (
            self.acknowledge_button, self.acknowledge_with_note_button, self.undo_button, self.reopen_button,
            self.snooze_button, self.resolve_button,
        )  # fmt: skip
        self._offered_buttons: tuple[KeyButton, ...] = ()
        self.footer = Surface(is_raised=True, edge="top")
        self.footer.setLayout(make_column(self.summary_label, self.button_row, gap_px=4, margins=(24, 8, 24, 8)))

    def _make_button(self, key: str, on_press: Callable[[], object], wording_key: str = "") -> KeyButton:
        """Return a button with the shortcut `key`, which is enabled only for a person who has the right to write
        notes ("note"); a press calls `on_press`. `wording_key` is the wording key of its text; with "" the text is
        set later, when an incident is shown."""
        text = self.context.translate(wording_key) if wording_key else ""
        button = bind_button_to_right(self.context, KeyButton(text, key, binds_key=False), "note")
        button.clicked.connect(on_press)
        self.bind_shortcut(key, partial(self._press_button, button))
        return button

    def _press_button(self, button: KeyButton) -> None:
        """Do the same as a click on `button`, because its key was pressed. This also works if the button is in the
        menu of a narrow window. If the button isn't offered or is disabled, show the reason instead."""
        if button in self._offered_buttons and button.isEnabled():
            button.click()
        else:
            self.press_button(button, self._find_missing_button_reason(button))

    def _find_missing_button_reason(self, button: KeyButton) -> str:
        """Return a sentence with the reason why `button` isn't offered for the selected incident: no incident is
        selected, or the alerts are acknowledged already. Return "" in any other case."""
        incident = self.current_incident
        if incident is None:
            return self.context.translate("act.none_selected")
        if self.table.is_current_row_removed:
            keys = ("queue.preview.removed", "incident.left_list")
            return wording.join_sentences(map(self.context.translate, keys), self.context.translate)
        acknowledged_alerts = [alert for alert in self._list_open_alerts(incident) if alert.acknowledged_by]
        if button is self.acknowledge_button and acknowledged_alerts:
            actor_name = record_words.get_actor_name(acknowledged_alerts[0].acknowledged_by or "", self.context)
            return self.context.translate("alerts_screen.already_seen", who=actor_name)
        return ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the panel of the incident a fixed share of the page's height. If a notification bar appears, only
        the list becomes shorter; the buttons don't move away from the mouse pointer."""
        super().resizeEvent(event)
        self._refit_summary()
        max_height = round(_MAX_CARD_HEIGHT_PX * current_appearance().scale)
        self.card.setFixedHeight(min(max_height, round(self.height() * _CARD_HEIGHT_SHARE_OF_PAGE)))

    def adapt_to_low_window(self, *, is_low_window: bool) -> None:
        """If `is_low_window`, replace the panel of the incident with a sentence, and hide the heading of the incident
        states in the list if all listed incidents are open. So eight open incidents stay visible at the largest text
        size. Otherwise show the heading and the panel again.
        """
        super().adapt_to_low_window(is_low_window=is_low_window)
        self._show_needed_headings()
        self.table.fit_columns()
        self._show_panel_and_buttons()

    def _show_needed_headings(self) -> None:
        """Show the headings of the incident states, except in a low window that lists only open incidents."""
        needs_headings = not self.is_low_window or bool(self._count_by_state.keys() - {IncidentState.OPEN})
        get_group = self._make_row_group if needs_headings else None
        if self.table.rows.get_heading_function() != get_group:
            self.table.group_rows_by(get_group)

    # -- reading

    def show_route(self, route: object) -> None:
        if isinstance(route, AlertsRoute):
            self._linked_alert_id = self._awaited_alert_id = route.id
            self.hide_bar(_MISSING_INCIDENT_BAR_NAME)
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.table,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "alert" for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        includes_closed, linked_alert_id = self._are_closed_shown, self._linked_alert_id
        self.context.run_read(
            lambda services: _read_incidents(services, linked_alert_id, includes_closed=includes_closed),
            lambda answer: self._show_incidents(
                *answer,
                linked_alert_id=linked_alert_id,
                is_automatic=reason in ("changed", _REFRESH_REASON_INCIDENT_ACTION),
                after_action=reason == "acted",
            ),
            self.show_reading_failure,
            caller=self,
            key="alerts",
        )

    def update_outdated_actions(self) -> None:
        """Disable the buttons that decide about an incident (acknowledge, undo, snooze, resolve) while the incidents
        on screen are outdated because they could not be read again. The buttons that take, give back or hand over an
        incident stay enabled, because they decide nothing."""
        for button in self._changing_buttons:
            button.block(self.find_outdated_reason())

    @Slot()
    def _toggle_closed_incidents(self) -> None:
        self._are_closed_shown = not self._are_closed_shown
        self.closed_button.show_text(
            self.context.translate("incident.hide_closed" if self._are_closed_shown else "incident.show_closed")
        )
        sentence_key = "incident.closed_shown" if self._are_closed_shown else "incident.closed_hidden"
        self.context.show_toast(self.context.translate(sentence_key), subject_title="")
        self.refresh("asked")

    def _show_incidents(
        self,
        incidents: tuple[Incident, ...],
        unlisted_alert_count: int = 0,
        *,
        linked_alert_id: int = 0,
        is_automatic: bool = False,
        after_action: bool = False,
    ) -> None:
        """Show the incidents. If the list was cut, a bar has the number of alerts that aren't listed.
        `linked_alert_id` is the alert of the link for which the incidents were read; 0 for none. If the person has
        opened another link since this read began, the page doesn't select an incident now, because the read may lack
        the incident of that link. `is_automatic` is True if the person has not requested the read, and
        `after_action` if a dialog has just changed the selected incident (see StaticTable.show_rows).
        """
        self.mark_data_read()
        if self._awaited_alert_id == linked_alert_id:
            self._must_select_linked_incident, self._awaited_alert_id = bool(linked_alert_id), 0
        if unlisted_alert_count != self._unlisted_alert_count:  # the bar is spoken each time that it is shown
            self._show_unlisted_alert_count(unlisted_alert_count)
        sorted_incidents = sorted(
            incidents, key=_get_incident_state_rank
        )  # within a state, the order of the service stays
        self._count_by_state = {
            state: len(list(group)) for state, group in groupby(sorted_incidents, key=_get_incident_state)
        }
        self._unacknowledged_count = sum(
            incident.state is IncidentState.OPEN and not incident.is_acknowledged for incident in sorted_incidents
        )
        self._show_needed_headings()
        self.incident_list.show_rows(sorted_incidents, is_automatic=is_automatic, after_action=after_action)
        self.context.correct_waiting_incident_count(self._unacknowledged_count)
        self._show_incident(self.table.current_item)

    def _show_unlisted_alert_count(self, count: int) -> None:
        self._unlisted_alert_count = count
        if count:
            message = self.context.translate("alerts_screen.cut", n=count)
            self.show_bar("cut", NotificationBar("", message, tone="care", icon_name="warning"))
        else:
            self.hide_bar("cut")

    def _make_row_group(self, incident: Incident) -> RowGroup:
        """Return the heading of the incidents in the same state, with their number. The sidebar counts only open
        incidents with an alert that nobody has acknowledged, so the heading of the open incidents also contains this
        second number if it differs from the first.
        """
        state_word, icon_name, tone = incident_texts.get_state_word_icon_and_tone(incident, self.context)
        number = self._count_by_state.get(incident.state, 0)
        count = wording.format_count(number)
        if incident.state is IncidentState.OPEN and self._unacknowledged_count != number:
            unacknowledged = wording.format_count(self._unacknowledged_count)
            count = self.context.translate("alerts_screen.open_count", all=count, unacknowledged=unacknowledged)
        return RowGroup(incident.state, state_word, icon_name, tone, count)

    @Slot()
    def _select_linked_or_first_incident(self) -> None:
        """Select the incident of the link that opened the page, once. If no incident has the link's alert, show a bar
        which says so. Without a link, select the first incident if none is selected."""
        must_select, self._must_select_linked_incident = self._must_select_linked_incident, False
        is_selected = must_select and self.table.go_to_item(self._is_named_by_link)
        if must_select and not is_selected:
            sentence = self.context.translate("error.not_found.full", kind="incident", id=self._linked_alert_id)
            lead = self.context.translate("incident.link_not_opened")
            bar = NotificationBar(lead, sentence, tone="care", icon_name="square_bang")
            self.show_bar(_MISSING_INCIDENT_BAR_NAME, bar)
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_incident(self.table.current_item)

    def _is_named_by_link(self, incident: Incident) -> bool:
        """Return True if the link that opened this page names one of the incident's alerts."""
        return any(alert.id == self._linked_alert_id for alert in incident.alerts)

    @property
    def current_incident(self) -> Incident | None:
        """The incident of the selected row; None if the list is empty."""
        row = self.table.current_item
        return row if isinstance(row, Incident) else None

    def _show_unlisted_incident_bar(self) -> None:
        """Show a bar which says that the selected incident has left the list. If the incident is still in the list,
        hide the bar."""
        bar = None
        if self.table.is_current_row_removed:
            lead, sentence = (self.context.translate(key) for key in ("queue.preview.removed", "incident.left_list"))
            bar = NotificationBar(lead, sentence, tone="care", icon_name="square_bang")
        self.show_state_bar(_UNLISTED_INCIDENT_BAR_NAME, bar)

    @Slot(object)
    def _show_incident(self, incident: object) -> None:
        self._has_current_incident = isinstance(incident, Incident)
        self.action_handlers.set_current_record(
            (INCIDENT_KIND, incident.id) if isinstance(incident, Incident) else None
        )
        self._show_unlisted_incident_bar()
        if not isinstance(incident, Incident):
            self._show_buttons(())
            return
        self._show_summary(incident)
        self.card.show_incident(incident)
        translate, is_own = self.context.translate, incident_texts.is_own_incident(incident, self.context)
        is_closed = incident.state is IncidentState.CLOSED or self.table.is_current_row_removed
        self.action_button.show_text(translate(f"alerts_screen.action.{incident.action or 'none'}"))
        self.take_button.show_text(translate("action.take"))
        self.snooze_button.show_text(
            translate("incident.action.wake" if incident.state is IncidentState.SNOOZED else "incident.action.snooze")
        )
        is_resolved = incident.state is IncidentState.RESOLVED
        self.resolve_button.show_text(
            translate("incident.action.reopen" if is_resolved else "incident.action.resolve")
        )
        is_acknowledgeable = bool(self._list_unacknowledged_alerts(incident))
        is_shown_by_button = (
            (self.take_button, incident.owner is None),
            (self.give_back_button, is_own),
            (self.hand_over_button, True),
            (self.snooze_button, not is_resolved),
            (self.acknowledge_button, is_acknowledgeable),
            (self.acknowledge_with_note_button, is_acknowledgeable),
            (self.undo_button, bool(self._list_own_acknowledged_alerts(incident))),
            (self.reopen_button, not is_resolved and self._is_acknowledged_by_others(incident)),
            (self.resolve_button, True),
        )
        has_action_route = incident_texts.find_action_route(incident) is not None
        self._show_buttons(
            (
                *((self.action_button,) if has_action_route else ()),
                *(button for button, is_shown in is_shown_by_button if is_shown and not is_closed),
            )
        )

    def _show_summary(self, incident: Incident) -> None:
        """Show as many sentences about the incident as fit into `_SUMMARY_HEIGHT_LINES` lines, but at least one. If
        the incident's title is cut off in its cell, the text begins with the title. No sentence is cut off."""
        label, width = self.summary_label, self.width() - 2 * tokens().px("spacing", "page_margin")
        sentences = incident_texts.list_incident_sentences(incident, self.context)
        if self.table.is_cell_cut("cause", incident):
            sentences.insert(0, incident_texts.format_title_and_count(incident, self.context))
        shown_count = 1
        while shown_count < len(sentences):
            label.show_text(wording.join_sentences(sentences[: shown_count + 1], self.context.translate))
            if label.heightForWidth(width) > _SUMMARY_HEIGHT_LINES * current_appearance().line_height("body"):
                break
            shown_count += 1
        label.show_text(wording.join_sentences(sentences[:shown_count], self.context.translate))

    @Slot()
    def _refit_summary(self) -> None:
        """Fit the summary of the current incident to the new widths of the columns and of the page."""
        if self.current_incident is not None:
            self._show_summary(self.current_incident)

    def _show_buttons(self, offered_buttons: tuple[KeyButton, ...]) -> None:
        """Show the buttons `offered_buttons`, and after them the button that shows or hides closed incidents. A
        button for which the line has no room moves into a menu."""
        self._offered_buttons = (*offered_buttons, self.closed_button)
        self._show_panel_and_buttons()
        self.hide_key_hints(
            {
                hint_key
                for hint_key, wording_key, button in self._buttons_with_key_hints
                if button not in offered_buttons or button.text() != self.context.translate(wording_key)
            }
        )

    def _show_panel_and_buttons(self) -> None:
        """Show the panel of the selected incident (in a low window a sentence about the incident) and the buttons
        below the list. Qt also calls this method while the text size changes, so it must not delete any widget."""
        self.card.setVisible(self._has_current_incident and not self.is_low_window)
        self.summary_label.setMinimumHeight(_SUMMARY_HEIGHT_LINES * current_appearance().line_height("body"))
        self.summary_label.setVisible(self._has_current_incident and self.is_low_window)
        has_details_button = self._has_current_incident and self.is_low_window
        self.button_row.offer_buttons(
            (*((self.details_button,) if has_details_button else ()), *self._offered_buttons)
        )

    @Slot()
    def open_details(self) -> None:
        """Open a dialog with everything that the panel of the selected incident shows. A low window has no room for
        this panel. In a high window, which shows the panel below the list, only show a sentence which says this; also
        show only a sentence if no incident is selected."""
        incident, translate = self.current_incident, self.context.translate
        if incident is None:
            self.show_key_refusal(translate("act.none_selected"))
        elif not self.is_low_window:
            self.show_key_refusal(translate("incident.details_shown"))
        else:
            self.hide_bar("act")
            dialog = DialogFrame(
                translate("incident.action.details"),
                incident_texts.format_incident_name(incident, self.context),
                cancel_text=translate("action.close"),
                close_name=translate("action.close"),
                parent=self.window(),
            )
            details = self.card.make_details_widget(incident)
            for button in details.findChildren(KeyButton):
                button.clicked.connect(dialog.reject)  # the button opens a record on the page behind the dialog
            dialog.show_content(details)
            dialog.open()

    # -- acknowledgement

    @staticmethod
    def _list_open_alerts(incident: Incident) -> list[Alert]:
        return [alert for alert in incident.alerts if alert.resolved_at is None]

    def _list_unacknowledged_alerts(self, incident: Incident) -> list[Alert]:
        return [alert for alert in self._list_open_alerts(incident) if alert.acknowledged_by is None]

    def _list_own_acknowledged_alerts(self, incident: Incident) -> list[Alert]:
        """Return the incident's open alerts that the acting person has acknowledged, so that the person can undo the
        acknowledgement. Return an empty list while any open alert of the incident is unacknowledged."""
        if self._list_unacknowledged_alerts(incident):
            return []
        own_name = self.context.operator or ""
        return [
            alert
            for alert in self._list_open_alerts(incident)
            if is_same_person(alert.acknowledged_by or "", own_name)
        ]

    def _is_acknowledged_by_others(self, incident: Incident) -> bool:
        """True if all open alerts of the incident are acknowledged, and another person has acknowledged at least one
        of them. Then the acting person must give a reason to reopen the incident."""
        own_name = self.context.operator or ""
        return incident.is_acknowledged and any(
            not is_same_person(alert.acknowledged_by or "", own_name) for alert in self._list_open_alerts(incident)
        )

    @Slot()
    def acknowledge_current_incident(self) -> None:
        """Acknowledge all open alerts of the selected incident that nobody has acknowledged. If the acknowledgement
        would close one of these alerts, only open a dialog, in which the person confirms the acknowledgement.
        """
        incident = self.current_incident
        alerts = [] if incident is None else self._list_unacknowledged_alerts(incident)
        if any(alert.rule_id in _ALERT_RULES_CLOSED_BY_ACKNOWLEDGEMENT for alert in alerts):
            self.open_acknowledge_dialog()
        elif incident is not None and alerts:
            self._run_incident_action(incident, "acknowledge", _make_acknowledge_call(alerts))

    @Slot()
    def undo_acknowledgement(self) -> None:
        """Undo the acting person's own acknowledgement of the selected incident's alerts. Do nothing if the person
        has acknowledged none of them, or if another open alert of the incident is unacknowledged."""
        incident = self.current_incident
        own_alerts = [] if incident is None else self._list_own_acknowledged_alerts(incident)
        if incident is not None and own_alerts:
            self._run_incident_action(incident, "undo", _make_undo_acknowledgement_call(own_alerts))

    @Slot()
    def open_acknowledge_dialog(self) -> None:
        incident = self.current_incident
        alerts = [] if incident is None else self._list_unacknowledged_alerts(incident)
        if incident is not None and alerts:
            main_alert = next(
                (alert for alert in alerts if alert.rule_id in _ALERT_RULES_CLOSED_BY_ACKNOWLEDGEMENT), alerts[0]
            )
            alert_item = replace(incident_texts.make_main_alert_item(incident), alert=main_alert)
            self.open_acting_dialog(AcknowledgeAlertsDialog(self.context, alert_item, self.window(), alerts))

    # -- steps

    @Slot()
    def take_current_incident(self) -> None:
        """Take the selected incident for the acting person."""
        if self.current_incident is not None:
            id = self.current_incident.id
            self._run_incident_action(
                self.current_incident,
                "take",
                lambda services, request_id: services.incidents.take(id, request_id=request_id),
            )

    @Slot()
    def give_back_current_incident(self) -> None:
        """End the acting person's ownership of the selected incident."""
        if self.current_incident is not None:
            id = self.current_incident.id
            self._run_incident_action(
                self.current_incident,
                "release",
                lambda services, request_id: services.incidents.release(id, request_id=request_id),
            )

    @Slot()
    def hand_over_current_incident(self) -> None:
        """Read the names of the people who may own incidents, then open the dialog in which the person selects the
        new owner."""
        incident = self.current_incident
        if incident is not None:
            self.read_for_dialog(
                lambda services: services.incidents.list_possible_owners(),
                partial(self._open_hand_over_dialog, incident),
                partial(
                    self.action_handlers.show_failed_read,
                    subject_title=incident_texts.format_incident_name(incident, self.context),
                ),
            )

    def _open_hand_over_dialog(self, incident: Incident, owners: tuple[str, ...]) -> None:
        possible_owners = owners or tuple(person.name for person in self.context.people)
        dialog = HandOverIncidentDialog(self.context, incident, possible_owners, self.window())
        dialog.answered.connect(self._refresh_after_dialog)
        dialog.open()

    @Slot()
    def snooze_or_unsnooze_current_incident(self) -> None:
        """If the selected incident is snoozed, end the snooze; otherwise open the dialog in which the person snoozes
        it. Do nothing if no incident is selected."""
        incident = self.current_incident
        if incident is None:
            return
        if incident.state is IncidentState.SNOOZED:
            id = incident.id
            self._run_incident_action(
                incident,
                "wake",
                lambda services, request_id: services.incidents.end_snooze(id, request_id=request_id),
            )
        else:
            self._open_incident_dialog(incident, "snooze")

    @Slot()
    def resolve_or_reopen_current_incident(self) -> None:
        """Open the dialog that resolves the selected incident. If the incident is resolved already, open the dialog
        that reopens it. Do nothing if no incident is selected."""
        if self.current_incident is not None:
            is_resolved = self.current_incident.state is IncidentState.RESOLVED
            self._open_incident_dialog(self.current_incident, "reopen" if is_resolved else "resolve")

    @Slot()
    def reopen_current_incident(self) -> None:
        """Open the dialog in which the person reopens, with a reason, the selected incident that another person has
        acknowledged. Do nothing if no incident is selected."""
        if self.current_incident is not None:
            self._open_incident_dialog(self.current_incident, "reopen")

    def _open_incident_dialog(self, incident: Incident, action_name: str) -> None:
        dialog = DIALOG_CLASS_BY_INCIDENT_ACTION[action_name](self.context, incident, self.window())
        dialog.answered.connect(self._refresh_after_dialog)
        dialog.open()

    def _run_incident_action(self, incident: Incident, action_name: str, call: ActingCall[object]) -> None:
        """Run `call`, the acting call of an action on the incident; then show a toast, or the refusal, and read the
        data of the page again. `action_name`, such as "take", is the last part of the toast's wording key
        `incident.done.…`.
        """
        context = self.context
        toast = Toast(
            context.translate(f"incident.done.{action_name}"),
            subject_title=incident_texts.format_incident_name(incident, context),
        )
        context.run_acting_call(
            call,
            partial(self._show_action_toast, toast),
            partial(self.action_handlers.show_refusal, title=toast.subject_title),
            caller=self,
            label=context.translate(
                "act.about", title=toast.subject_title, message=context.translate(f"incident.done.{action_name}")
            ),
            make_toast=lambda _: toast,
            attempt=(f"incident {action_name}", incident.id, len(incident.steps)),
            key=("incident", incident.id),
            provider="",
        )

    def _show_action_toast(self, toast: Toast, _answer: object) -> None:
        self.context.toast_requested.emit(toast)
        self.hide_bar("act")
        self.refresh(_REFRESH_REASON_INCIDENT_ACTION)

    @Slot(object)
    def _refresh_after_dialog(self, _incident: object) -> None:
        self.refresh("acted")

    # -- opening

    @Slot()
    def _open_record_of_current_cause(self) -> None:
        if self.current_incident is not None:
            self._open_record_of_cause(self.current_incident)

    @Slot(object)
    def _open_record_of_cause(self, incident: Incident) -> None:
        """Open the page of the record on which a person removes the cause of the incident. If the incident
        offers no action, show that there is no record to open."""
        route = incident_texts.find_action_route(incident)
        if route is not None:
            self.context.navigate(route)
        else:
            self.show_key_refusal(self.context.translate("act.nothing_to_open"))


def _read_incidents(
    services: "Console", linked_alert_id: int, *, includes_closed: bool
) -> tuple[tuple[Incident, ...], int]:
    """Return the incidents of the list, and the number of alerts that the list leaves out. The list has closed
    incidents only if `includes_closed` is True. If it has no incident with the alert `linked_alert_id`, because the
    alert is closed, the incident of this alert follows after it. `linked_alert_id` is 0 if no link names an alert.
    """
    incidents = services.incidents.list_incidents(includes_closed=includes_closed)
    unlisted_alert_count = services.incidents.count_unlisted_alerts(incidents, includes_closed=includes_closed)
    if linked_alert_id and all(alert.id != linked_alert_id for incident in incidents for alert in incident.alerts):
        try:
            incidents = (*incidents, services.incidents.read_incident(linked_alert_id))
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_FOUND:
                raise
    return incidents, unlisted_alert_count


def _make_acknowledge_call(alerts: Sequence[Alert]) -> ActingCall[object]:
    """Return the call to the service that acknowledges all of `alerts`, without a note."""
    ids = [alert.id for alert in alerts]
    return lambda services, request_id: services.alerts.acknowledge_alerts(ids, "", request_id=request_id)


def _make_undo_acknowledgement_call(alerts: Sequence[Alert]) -> ActingCall[object]:
    """Return the call to the service that undoes the acting person's acknowledgement of all of `alerts`."""
    ids = [alert.id for alert in alerts]
    return lambda services, request_id: services.alerts.undo_acknowledgements(ids, request_id=request_id)


def _get_incident_id(incident: Incident) -> int:
    return incident.id


def _get_incident_state(incident: Incident) -> IncidentState:
    return incident.state


_INCIDENT_STATE_ORDER = tuple(IncidentState)


def _get_incident_state_rank(incident: Incident) -> int:
    """Return the rank of the incident's state, by which incidents are sorted: open, snoozed, resolved, closed."""
    return _INCIDENT_STATE_ORDER.index(incident.state)


def _make_incident_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_sums(incident: Incident) -> str:
        return wording.join_facts(incident_words.format_incident_sums(incident), translate)

    def format_short_sums(incident: Incident) -> str:
        """Return the sums; at a large text size only the number of currencies, if there are several. Otherwise the
        sums of a single row would cut off the texts of all incidents."""
        count = len(incident_words.format_incident_sums(incident))
        is_too_long = count > 1 and current_appearance().scale >= MIN_LARGE_TEXT_SCALE
        return translate("incident.sums_of_currencies", n=count) if is_too_long else format_sums(incident)

    return [
        Column(
            "age", translate("column.age"), 84,
            lambda incident: record_words.make_age_cell(incident.since, context), "age",
            make_spoken_text=lambda incident: record_words.format_spoken_age(incident.since, context),
        ),
        Column("cause", translate("incident.column.what"), 280,
               lambda incident: incident_texts.format_title_and_count(incident, context), is_stretched=True),
        Column("about", translate("alerts_screen.column.about"),
               measure_column_width(translate("case.title.payment", number="ORD-2026-000001"), 24),
               lambda incident: incident_texts.format_incident_subject(incident, context), "data",
               is_stretched=True),  # so that a long name in a single row doesn't cut off the causes of all rows
        Column("extent", translate("incident.column.extent"), 110,
               lambda incident: incident_words.format_affected_record_count(incident, translate)),
        Column("sums", translate("column.amount"), 110, format_short_sums, "amount",
               make_spoken_text=format_sums, make_full_text=format_sums),
        Column("owner", translate("incident.column.owner"), 150,
               lambda incident: incident_texts.make_owner_cell(incident, context), "state"),
    ]  # fmt: skip
