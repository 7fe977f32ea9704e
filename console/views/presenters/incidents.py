"""Texts and table cells of incidents: the affected record, the owner, the state, and the summary."""

from collections.abc import Mapping

from console.domain.access.permissions import is_same_person
from console.domain.alerts.incidents import AffectedRecord, Incident, IncidentState
from console.domain.tasks.records import AlertItem
from console.views.presenters import alerts as alert_words
from console.views.presenters import credit_checks as record_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Route
from console.views.tables.columns import StateCell, TextWithUnelidedEnd
from console.views.theme.design_tokens import Tone
from console.wording import incident_words
from console.wording.sentences.formats import join_facts

_ICON_AND_TONE_BY_INCIDENT_STATE: Mapping[IncidentState, tuple[str, Tone]] = {
    IncidentState.OPEN: ("square_bang", "care"),
    IncidentState.SNOOZED: ("clock", "muted"),
    IncidentState.RESOLVED: ("check", "good"),
    IncidentState.CLOSED: ("check", "muted"),
}


def make_main_alert_item(incident: Incident) -> AlertItem:
    """Return the main alert of the incident (see `Incident.main_alert`), together with the action that removes its
    cause and the record on which a person does this action."""
    alert = incident.main_alert
    kind, id = incident.action_record or (alert.subject_kind, alert.subject_id)
    return AlertItem(alert, incident.action, kind, id, incident.number)


def find_action_route(incident: Incident) -> Route | None:
    """Return the route to the page of the record on which a person must act to resolve the incident; None if the
    incident offers no action."""
    return alert_words.find_alert_record_route(make_main_alert_item(incident))


def format_incident_subject(incident: Incident, context: WindowContext) -> str:
    """Return the text that names the subject of the incident: the kind and the number of an order or a payment, the
    number of a company, the title of a queue, the kind and id of a refund or credit check (see
    `format_alert_record`)."""
    return alert_words.format_alert_record(make_main_alert_item(incident), context)


def format_incident_name(incident: Incident, context: WindowContext) -> str:
    """Return a text that names the incident: the text of the main alert's rule, and the subject of the incident."""
    rule = alert_words.format_alert_rule(incident.main_alert, context)
    return context.translate("incident.name", rule=rule, subject=format_incident_subject(incident, context))


def format_affected_record(record: AffectedRecord, context: WindowContext) -> str:
    """Return the text with the kind, the number and the amount of a record that an incident affects."""
    if record.kind == "refund":
        name = context.translate("case.title.refund", id=record.id)
    elif record.kind == "credit-check":
        name = f"{context.translate('kind.credit-check')} {record.id}"
    else:
        name = f"{context.translate(f'kind.{record.kind}')} {record.number}"
    amount = incident_words.format_money(record.amount)
    return f"{name} {amount}" if amount else name


def is_own_incident(incident: Incident, context: WindowContext) -> bool:
    """Return True if the acting person is the owner of the incident."""
    return incident.owner is not None and is_same_person(incident.owner, context.operator or "")


def make_owner_cell(incident: Incident, context: WindowContext) -> StateCell:
    """Return the table cell with the owner of the incident. The cell says "you" for the acting person, and "nobody"
    for an incident without an owner. "nobody" is marked as needing attention only while the incident is open."""
    if incident.owner is None:
        tone: Tone = "care" if incident.state is IncidentState.OPEN else "muted"
        return StateCell(context.translate("incident.owner.nobody"), "ring", tone)
    if is_own_incident(incident, context):
        return StateCell(context.translate("incident.owner.you"), "person", "progress")
    return StateCell(record_words.get_actor_name(incident.owner, context), "person", "text")


def format_owner_sentence(incident: Incident, context: WindowContext) -> str:
    """Return the sentence that names the owner of the incident and the time since which this person owns it. If an
    open or snoozed incident has no owner, return a sentence which says this. Return "" for an incident
    without an owner in any other state."""
    if incident.owner is None:
        needs_owner = incident.state in (IncidentState.OPEN, IncidentState.SNOOZED)
        return context.translate("incident.nobody_owns") if needs_owner else ""
    owner_name = record_words.get_actor_name(incident.owner, context)
    return context.translate("incident.owned", who=owner_name, at=incident.owner_since)


def get_state_word_icon_and_tone(incident: Incident, context: WindowContext) -> tuple[str, str, Tone]:
    """Return the word, the icon and the colour tone for the state of the incident."""
    icon_name, tone = _ICON_AND_TONE_BY_INCIDENT_STATE[incident.state]
    return context.translate(f"incident.{incident.state}"), icon_name, tone


def format_title_and_count(incident: Incident, context: WindowContext) -> str:
    """Return the title of the incident, followed by the number of its alerts if it has more than one alert. A word
    follows if the incident is open and a person has acknowledged all of its open alerts. In a narrow cell
    the title is elided, and these facts stay."""
    title = incident_words.format_incident_title(incident, context.translate)
    is_seen = incident.state is IncidentState.OPEN and incident.is_acknowledged
    facts = (
        context.translate("incident.alerts", n=len(incident.alerts)) if len(incident.alerts) > 1 else "",
        context.translate("alerts_screen.seen") if is_seen else "",
    )
    if not any(facts):
        return title
    text = context.translate("incident.title_with_facts", title=title, facts=join_facts(facts, context.translate))
    return TextWithUnelidedEnd(title, text.removeprefix(title)) if text.startswith(title) else text


def list_incident_sentences(incident: Incident, context: WindowContext) -> list[str]:
    """Return the sentences about an incident, the most useful ones first, for a place that has no room for all of
    them: its state, the facts of its main alert, the recommended steps, the defect, the affected records, its owner.
    """
    defect, facts = alert_words.explain_alert(make_main_alert_item(incident), context)
    sentences = (
        incident_words.format_incident_state(incident, context.translate),
        facts,
        *(context.translate(key) for key in incident_words.list_playbook_step_keys(incident)),
        defect,
        incident_words.format_incident_extent(incident, context.translate),
        format_owner_sentence(incident, context),
    )
    return [sentence for sentence in sentences if sentence]
