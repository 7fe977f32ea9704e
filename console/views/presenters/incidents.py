"""Texts of incidents in the window: the record, the owner, and the row of the list."""

from collections.abc import Mapping

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import AffectedRecord, Incident, IncidentState
from console.domain.tasks.records import AlertItem
from console.views.presenters import alerts as alert_words
from console.views.presenters import credit_checks as record_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Route
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.wording import incident_words

_SHAPES: Mapping[IncidentState, tuple[str, Tone]] = {
    IncidentState.OPEN: ("square_bang", "care"),
    IncidentState.SNOOZED: ("clock", "muted"),
    IncidentState.RESOLVED: ("check", "good"),
    IncidentState.CLOSED: ("check", "muted"),
}


def item_of(incident: Incident) -> AlertItem:
    """Return the incident's main alert with the action that removes the cause."""
    alert = incident.main_alert
    kind, id = incident.action_record or (alert.subject_kind, alert.subject_id)
    return AlertItem(alert, incident.action, kind, id, incident.number)


def action_route(incident: Incident) -> Route | None:
    """Return the route to the record on which a person must act; None if no action is offered."""
    return alert_words.record_route(item_of(incident))


def describe_incident_text(incident: Incident, context: WindowContext) -> str:
    """Return the number of the order, payment or company that the incident is about; for another subject, the word
    for its kind.
    """
    return alert_words.record_text(item_of(incident), context)


def record_text(record: AffectedRecord, context: WindowContext) -> str:
    """Return kind, number and amount of an affected record."""
    if record.kind == "refund":
        name = context.translate("case.refund_short", id=record.id)
    elif record.kind == "credit-check":
        name = f"{context.translate('kind.credit-check')} {record.id}"
    else:
        name = f"{context.translate(f'kind.{record.kind}')} {record.number}"
    amount = incident_words.money_text(record.amount)
    return f"{name} {amount}" if amount else name


def is_own(incident: Incident, context: WindowContext) -> bool:
    """True if the acting person is the owner."""
    return incident.owner is not None and is_same_person(incident.owner, context.operator or "")


def owner_cell(incident: Incident, context: WindowContext) -> StateCell:
    """Return the cell with the owner."""
    if incident.owner is None:
        return StateCell(context.translate("incident.owner.nobody"), "ring", "care")
    if is_own(incident, context):
        return StateCell(context.translate("incident.owner.you"), "person", "progress")
    return StateCell(record_words.actor_name(incident.owner, context), "person", "text")


def owner_sentence(incident: Incident, context: WindowContext) -> str:
    """Return the sentence about the owner."""
    if incident.owner is None:
        return context.translate("incident.nobody_owns")
    who = record_words.actor_name(incident.owner, context)
    return context.translate("incident.owned", who=who, at=incident.owner_since)


def state_group(incident: Incident, context: WindowContext) -> tuple[str, str, Tone]:
    """Return the word, the icon shape and the tone of the incident's state."""
    shape, tone = _SHAPES[incident.state]
    return context.translate(f"incident.{incident.state}"), shape, tone


def rule_count_text(incident: Incident, context: WindowContext) -> str:
    """Return the title of the incident, followed by the number of its alerts if it has more than one."""
    title = incident_words.title(incident, context.translate)
    number = len(incident.alerts)
    return title if number == 1 else f"{title} · {context.translate('incident.alerts', n=number)}"


def summary_text(incident: Incident, context: WindowContext) -> str:
    """Return the incident in one line: its state and owner, the affected records, the reason, and the next step."""
    parts = (
        incident_words.state_text(incident, context.translate),
        owner_sentence(incident, context),
        incident_words.extent_text(incident, context.translate),
        alert_words.why_text(item_of(incident), context),
        *(context.translate(key) for key in incident_words.playbook_keys(incident)),
    )
    return " ".join(part for part in parts if part)
