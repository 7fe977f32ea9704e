"""Texts of incidents for the window and the terminal: title, affected records, state, playbook (recommended
steps), and the reason why an incident has ended."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from console.domain.alerts.incidents import (
    Incident,
    IncidentAction,
    IncidentState,
    IncidentStep,
    get_playbook_name,
)
from console.domain.money import LARGEST_AMOUNT_MINOR, Money
from console.domain.registry.watched_facts import CORPORATION_KIND
from console.wording.sentences import catalogue as wording

TranslateFunction: TypeAlias = Callable[..., str]
"""Function that returns the sentence of a wording key in one language."""
_MAX_PLAYBOOK_STEPS = 9


def format_incident_title(incident: Incident, translate: TranslateFunction) -> str:
    """Return a short text about the contradiction that the rule of the incident's main alert (`Incident.main_alert`)
    has detected. If the rule has no text, return the rule's id.
    """
    rule = incident.main_alert.rule_id
    key = wording.find_alert_rule_sentence_key(rule)
    return translate(key) if key else rule


def format_affected_record_count(incident: Incident, translate: TranslateFunction) -> str:
    """Return a text with the number of records that the incident affects. If the counted number may be too low, the
    text says "at least"."""
    count = incident.extent.record_count
    if not incident.extent.is_complete:
        return translate("incident.affected.at_least", n=count)
    return translate("incident.affected", n=count) if count else translate("incident.affected.none")


def format_incident_extent(incident: Incident, translate: TranslateFunction) -> str:
    """Return a text with the number of records that the incident affects, and with the sums of their amounts, one sum
    per currency."""
    sums = format_incident_sums(incident) if incident.extent.record_count else ()
    return wording.join_facts((format_affected_record_count(incident, translate), *sums), translate)


def format_incident_sums(incident: Incident) -> Sequence[str]:
    """Return the sums of the affected records as texts, one per currency."""
    return [
        wording.format_amount(min(minor, LARGEST_AMOUNT_MINOR), currency)
        for currency, minor in sorted((incident.extent.sums or {}).items())
        if minor
    ]


def list_playbook_step_keys(incident: Incident) -> Sequence[str]:
    """Return the wording keys of the incident's playbook: the steps that people should follow, in their order. The
    steps for some kinds of subject have texts of their own. For example, a person must ask the sender of a notice in
    writing, because the program can't ask the sender. The steps after a change of a company depend on the change.
    """
    alert = incident.main_alert
    name = get_playbook_name(alert.rule_id)
    if alert.subject_kind == CORPORATION_KIND:
        name += _find_company_change_suffix(alert.observed)
    if wording.has_sentence(f"playbook.{name}_{alert.subject_kind}.1"):
        name = f"{name}_{alert.subject_kind}"
    keys = (f"playbook.{name}.{number}" for number in range(1, _MAX_PLAYBOOK_STEPS + 1))
    return [key for key in keys if wording.has_sentence(key)]


def _find_company_change_suffix(observed: str) -> str:
    """Return the end of the playbook's name for the observed change of a company: `_merged`, `_closed` (also for one
    that the registry has deleted), or "" for a company that goes on, such as one that was renamed or moved."""
    if observed.startswith("company merged "):
        return "_merged"
    return "_closed" if observed.startswith(("company closed ", "company deleted")) else ""


def format_incident_end_reason(incident: Incident, translate: TranslateFunction) -> str | None:
    """Return the reason why the incident has ended: the text that the resolving person has typed, or a sentence which
    says that the facts match again. Return None while the incident is open."""
    if incident.resolution is not None:
        return incident.resolution.words
    if incident.state is not IncidentState.CLOSED:
        return None
    key = f"incident.because.{get_playbook_name(incident.main_alert.rule_id)}"
    return translate(key if wording.has_sentence(key) else "incident.because.case")


def format_incident_state(incident: Incident, translate: TranslateFunction) -> str:
    """Return a sentence about the state of the incident: snoozed, resolved, closed, or open again with the reason.
    Return "" for an incident that was never snoozed or resolved."""
    resolution = incident.resolution
    if incident.state is IncidentState.SNOOZED:
        return translate("incident.snoozed_until", until=incident.snoozed_until)
    if incident.state is IncidentState.RESOLVED and resolution is not None:
        return translate(
            "incident.resolved_because", who=resolution.person, at=resolution.at, because=resolution.words
        )
    if incident.state is IncidentState.CLOSED:
        return translate(
            "incident.closed_because", at=incident.closed_at, because=format_incident_end_reason(incident, translate)
        )
    return translate(f"incident.woken.{incident.woken_by}") if incident.woken_by else ""


def format_incident_step(step: IncidentStep, translate: TranslateFunction) -> str:
    """Return a sentence about one action of a person on the incident, such as taking or snoozing the incident."""
    name = IncidentAction(step.action).value.replace(" ", "_")
    return translate(
        f"incident.step.{name}", who=step.person, owner=step.new_owner, until=step.until, note=step.words
    )


def format_money(amount: Money | None) -> str:
    """Return an amount as text; "" for None."""
    return "" if amount is None else wording.format_amount(amount.minor, amount.currency)
