"""The panel that shows one incident: its cause, alerts, affected records, playbook (the recommended steps) and
history."""

from collections.abc import Iterator, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QWidget

from console.domain.alerts.incidents import AffectedRecord, Incident, IncidentState
from console.domain.tasks.records import Alert
from console.views.presenters import alerts as alert_words
from console.views.presenters import credit_checks as record_words
from console.views.presenters import incidents as incident_texts
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.widgets.base import (
    Surface,
    TextLabel,
    TitleLabel,
    discard_widget,
    make_column,
    make_row,
    make_scroll_area,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import incident_words
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording

_MAX_RECORD_BUTTONS = 6
_CARD_MARGINS_PX = (24, 10, 24, 10)
"""Left, top, right and bottom margin of the card."""


class IncidentCard(Surface):
    """The panel that shows one incident in two columns: at the left its cause, its alerts and the affected
    records, at the right its playbook (the recommended steps) and its history. The content scrolls if the panel
    is too short for it.
    """

    def __init__(self, context: WindowContext) -> None:
        super().__init__(is_raised=True, edge="top")
        self._context = context
        self._shown_contents: tuple[Incident, str | None, str] | None = None
        """The shown incident, the acting person, and the explanation of the main alert."""
        self._scroll_area: QScrollArea = make_scroll_area()
        self.setLayout(make_column(self._scroll_area, gap_px=0))

    def show_incident(self, incident: Incident) -> None:
        """Replace the shown incident with `incident`. If nothing has changed, leave the contents as they are: the
        person may be reading, copying or selecting a part of them. A changed version of the same incident keeps the
        scroll position, and the focus on the button of the same record."""
        reason = alert_words.format_alert_explanation(incident_texts.make_main_alert_item(incident), self._context)
        earlier_contents, self._shown_contents = self._shown_contents, (incident, self._context.operator, reason)
        if self._shown_contents == earlier_contents:
            return
        scroll_bar = self._scroll_area.verticalScrollBar()
        is_same_incident = earlier_contents is not None and earlier_contents[0].id == incident.id
        scroll_position = scroll_bar.value() if is_same_incident else 0
        old_buttons = self._scroll_area.findChildren(KeyButton) if is_same_incident else []
        focused_name = next((button.text() for button in old_buttons if button.hasFocus()), None)
        old_content = self._scroll_area.takeWidget()
        content = self._make_content(incident, reason)
        self._scroll_area.setWidget(content)
        scroll_bar.setValue(scroll_position)
        for button in content.findChildren(KeyButton):
            if button.text() == focused_name:
                button.setFocus(Qt.FocusReason.OtherFocusReason)
        if old_content is not None:  # not deleted immediately: Qt may be visiting it
            discard_widget(old_content)

    def _make_content(self, incident: Incident, reason: str) -> QWidget:
        """Return the contents of the card. `reason` is the explanation of the incident's main alert."""
        content = Surface(is_raised=True)
        left_widgets, right_widgets = self._make_left_and_right_widgets(incident, reason)
        left_column, right_column = make_column(*left_widgets, gap_px=6), make_column(*right_widgets, gap_px=6)
        for column in (left_column, right_column):
            column.addStretch(1)
        columns = make_row(gap_px=32, margins=_CARD_MARGINS_PX)
        columns.addLayout(left_column, 3)
        columns.addLayout(right_column, 2)
        content.setLayout(columns)
        return content

    def _make_left_and_right_widgets(
        self, incident: Incident, reason: str
    ) -> tuple[Sequence[QWidget], Sequence[QWidget]]:
        """Return the widgets of the left column (the state, the alerts and the records) and of the right column (the
        playbook and the history)."""
        left_widgets = (
            *self._make_state_widgets(incident, reason),
            *self._make_alert_widgets(incident),
            *self._make_record_widgets(incident),
        )
        return left_widgets, (*self._make_playbook_widgets(incident), *self._make_history_widgets(incident))

    def make_details_widget(self, incident: Incident) -> QWidget:
        """Return a new widget with everything that the card shows about `incident`, in one column. The widget doesn't
        scroll. A dialog shows it in a low window, in which the card is hidden."""
        reason = alert_words.format_alert_explanation(incident_texts.make_main_alert_item(incident), self._context)
        left_widgets, right_widgets = self._make_left_and_right_widgets(incident, reason)
        details = QWidget()
        details.setLayout(make_column(*left_widgets, *right_widgets, gap_px=6))
        return details

    def _make_heading(self, wording_key: str) -> TextLabel:
        return TextLabel(self._context.translate(wording_key), "panel_title", heading_level=2)

    def _make_state_widgets(self, incident: Incident, reason: str) -> Sequence[QWidget]:
        context = self._context
        title_label = TitleLabel(
            incident_words.format_incident_title(incident, context.translate),
            "dialog_title",
            wraps_lines=True,
            heading_level=2,
        )
        subject_label = TextLabel(
            incident_texts.format_incident_subject(incident, context), "body", is_selectable=True, wraps_lines=True
        )
        state_label = TextLabel(
            incident_words.format_incident_state(incident, context.translate),
            "body",
            "care" if incident.state is IncidentState.OPEN else "text",
            wraps_lines=True,
        )
        set_visible_in_parent(state_label, bool(state_label.plain))
        owner_label = TextLabel(incident_texts.format_owner_sentence(incident, context), "body", wraps_lines=True)
        set_visible_in_parent(owner_label, bool(owner_label.plain))
        is_repeated = any(reason in line for alert in incident.alerts for line in self._format_alert_lines(alert))
        reason_label = TextLabel("" if is_repeated else reason, "body", wraps_lines=True, is_selectable=True)
        set_visible_in_parent(reason_label, bool(reason_label.plain))
        return (
            title_label,
            subject_label,
            *self._make_registry_widgets(incident),
            owner_label,
            state_label,
            reason_label,
        )

    def _make_registry_widgets(self, incident: Incident) -> Sequence[QWidget]:
        """Return labels about the corporation that is the cause of the incident. They show the facts that a person
        must notice, such as the closure of the corporation, and the source of these facts and of its name. Return no
        labels if the registry doesn't have the corporation."""
        entry, translate = incident.main_alert.registry_entry, self._context.translate
        if entry is None:
            return ()
        notices = registry_words.list_registry_warnings_of_entry(entry, (), translate)
        source = registry_words.format_registry_source(entry.registry_date, translate)
        return (
            *(TextLabel(notice, "small", "care", wraps_lines=True, is_selectable=True) for notice in notices),
            TextLabel(source, "small", "muted", wraps_lines=True),
        )

    def _make_alert_widgets(self, incident: Incident) -> Sequence[QWidget]:
        alert_labels = [
            TextLabel(line, "small", wraps_lines=True, is_selectable=True)
            for alert in incident.alerts
            for line in self._format_alert_lines(alert)
        ]
        heading = TextLabel(
            self._context.translate("incident.alerts", n=len(incident.alerts)), "panel_title", heading_level=2
        )
        return heading, *alert_labels

    def _format_alert_lines(self, alert: Alert) -> Iterator[str]:
        """Yield the facts of an alert and, as a line of its own, when and by whom it was resolved or acknowledged.
        The person's note stands at the end, because nothing separates it from a text behind it."""
        translate = self._context.translate
        yield translate(
            "incident.alert_line",
            rule=alert_words.format_alert_rule(alert, self._context),
            observed=alert_words.format_alert_value(alert.observed, self._context, alert.expected),
            expected=alert_words.format_alert_value(alert.expected, self._context, alert.observed),
            at=alert.detected_at,
        )
        ends: list[str] = []
        if alert.resolved_at:
            ends.append(translate("alerts_screen.resolved_at", at=alert.resolved_at))
        if alert.acknowledged_by:
            key = "alerts_screen.seen_note" if alert.note else "alerts_screen.seen_at"
            who = record_words.get_actor_name(alert.acknowledged_by, self._context)
            ends.append(translate(key, who=who, at=alert.acknowledged_at, note=alert.note))
        if ends:
            yield wording.join_facts(ends, translate)

    def _make_record_widgets(self, incident: Incident) -> Sequence[QWidget]:
        heading = TextLabel(
            incident_words.format_incident_extent(incident, self._context.translate), "panel_title", heading_level=2
        )
        if not incident.records:
            return (heading,)
        buttons = [self._make_record_button(record) for record in incident.records[:_MAX_RECORD_BUTTONS]]
        hidden_count = incident.extent.record_count - len(buttons)
        hidden_count_labels = (
            [TextLabel(self._context.translate("incident.more_records", n=hidden_count), "small", "muted")]
            if hidden_count
            else []
        )
        return heading, make_flow_widget(*buttons, *hidden_count_labels, gap_px=8)

    def _make_record_button(self, record: AffectedRecord) -> KeyButton:
        button = KeyButton(incident_texts.format_affected_record(record, self._context), kind="inline")
        button.clicked.connect(
            partial(self._context.navigate, make_route_to_record(record.kind, record.id, (), "alerts"))
        )
        return button

    def _make_playbook_widgets(self, incident: Incident) -> Sequence[QWidget]:
        step_labels = [
            TextLabel(f"{number}. {self._context.translate(wording_key)}", "body", wraps_lines=True)
            for number, wording_key in enumerate(incident_words.list_playbook_step_keys(incident), 1)
        ]
        return self._make_heading("incident.playbook"), *step_labels

    def _make_history_widgets(self, incident: Incident) -> Sequence[QWidget]:
        if not incident.steps:
            return ()
        translate, now = self._context.translate, self._context.now()
        step_labels = [
            TextLabel(
                wording.format_short_instant(step.at, now)
                + f"  {incident_words.format_incident_step(step, translate)}",
                "small",
                "muted",
                wraps_lines=True,
                is_selectable=True,
            )
            for step in reversed(incident.steps)
        ]
        return self._make_heading("incident.history"), *step_labels
