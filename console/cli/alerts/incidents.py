"""The commands `incidents …`: show incidents (alerts grouped by their cause); take, release, hand over, snooze,
wake, resolve and reopen an incident.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.cli.alerts.alerts import build_alert_json, format_alert_list_lines, format_alert_subject
from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import COLUMN_GAP, format_aligned_lines
from console.cli.text_output.translator import Translator
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.usage_problems import UsageProblem
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.alerts.incidents import Incident
    from console.domain.registry.facts import RegistryEntry
    from console.domain.tasks.records import Alert

_INCIDENT_FIELDS = ("id", "state", "since", "owner", "owner_since", "snoozed_until", "woken_by", "closed_at")
_INCIDENT_STEP_FIELDS = ("position", "action", "person", "at", "new_owner", "until")
_AFFECTED_RECORD_FIELDS = ("kind", "id", "number")
_MAX_SNOOZE_DAYS = 14


@dataclass(frozen=True)
class IncidentList:
    """The answer of `incidents list`: the listed incidents, and the number of alerts that belong to none of them,
    because there are too many."""

    incidents: "Sequence[Incident]"
    unlisted_alert_count: int


def _list_incidents(console: "Console", args: Namespace, _: AnswerWriter) -> IncidentList:
    incidents = console.incidents.list_incidents(includes_closed=args.closed)
    unlisted_count = console.incidents.count_unlisted_alerts(incidents, includes_closed=args.closed)
    return IncidentList(incidents, unlisted_count)


def _show_incident(console: "Console", args: Namespace, _: AnswerWriter) -> "Incident":
    return console.incidents.read_incident(_parse_incident_id(args))


def _parse_incident_id(args: Namespace) -> int:
    return parse_row_id("incident", args.id)


def _make_incident_call(
    execute_action: "Callable[[Console, Namespace, int], Incident]",
) -> "Callable[..., Incident]":
    """Return a function for `ServiceCommand.call_service`, with the parameters console, arguments and writer. It
    reads the incident id from the arguments, and calls `execute_action` with the console, the arguments and this
    id."""
    return lambda console, args, _: execute_action(console, args, _parse_incident_id(args))


def _take_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.take(id, request_id=args.request_id)


def _release_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.release(id, request_id=args.request_id)


def _hand_over_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.hand_over(id, args.to, args.note, request_id=args.request_id)


def _snooze_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.snooze(id, parse_snooze_end(args.until), args.note or "", request_id=args.request_id)


def _wake_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.end_snooze(id, request_id=args.request_id)


def _resolve_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.resolve(id, args.reason, request_id=args.request_id)


def _reopen_incident(console: "Console", args: Namespace, id: int) -> "Incident":
    return console.incidents.reopen(id, args.reason, request_id=args.request_id)


def parse_snooze_end(text: str) -> datetime:
    """Return the instant (UTC) of an ISO 8601 text such as `2026-11-20T09:00`; a text without a time zone is
    Japanese time. Raises ConsoleError `usage` for any other text.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=JST)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_SNOOZE_END, "n": _MAX_SNOOZE_DAYS}
        ) from None


def build_incident_json(incident: "Incident", translate: TranslateFunction) -> JsonObject:
    """Return an incident as a JSON object. `sums` has the amounts of the affected records by currency, in minor
    units. `complete` is false if more records may be affected than were counted and added up. `because` is a sentence
    with the reason why a closed or resolved incident ended; null for any other incident.
    """
    from console.wording import incident_words  # imported here: other commands need no incident

    return {
        **build_attributes_json(incident, _INCIDENT_FIELDS, translate),
        "cause": {"kind": incident.cause.kind, "id": incident.cause.id},
        "rule_id": incident.main_alert.rule_id,
        "alerts": [build_alert_json(alert, translate) for alert in incident.alerts],
        "records": [build_attributes_json(record, _AFFECTED_RECORD_FIELDS, translate) for record in incident.records],
        "record_count": incident.extent.record_count,
        "complete": incident.extent.is_complete,
        "sums": dict(incident.extent.sums or {}),
        "playbook": [translate(key) for key in incident_words.list_playbook_step_keys(incident)],
        "because": incident_words.format_incident_end_reason(incident, translate),
        "steps": [
            {**build_attributes_json(step, _INCIDENT_STEP_FIELDS, translate), "note": step.words}
            for step in incident.steps
        ],
    }


def _build_incident_list_json(incident_list: IncidentList, translate: TranslateFunction) -> JsonObject:
    """Return the answer of `incidents list` as a JSON object. `unlisted` is the number of alerts that belong to none
    of the incidents, because there are too many."""
    return {
        "incidents": [build_incident_json(incident, translate) for incident in incident_list.incidents],
        "unlisted": incident_list.unlisted_alert_count,
    }


def _format_answer_lines(incident_list: IncidentList, translator: Translator) -> Iterator[str]:
    """Yield the answer of `incidents list` as text: the incidents, then a line with the number of further alerts."""
    yield from _format_incident_list_lines(incident_list.incidents, translator)
    if incident_list.unlisted_alert_count:
        yield translator("alerts_screen.cut", n=incident_list.unlisted_alert_count)


def _format_incident_list_lines(incidents: "Sequence[Incident]", translator: Translator) -> Iterator[str]:
    """Yield the incidents as text, one line per incident."""
    from console.wording import incident_words  # imported here: other commands need no incident

    if not incidents:
        yield translator("incident.none")
    yield from format_aligned_lines(
        (
            str(incident.id),
            translator(f"incident.{incident.state}"),
            incident_words.format_incident_title(incident, translator),
            format_alert_subject(_add_record_number(incident.main_alert, incident), translator),
            incident_words.format_incident_extent(incident, translator),
            incident.owner or translator("incident.owner.nobody"),
        )
        for incident in incidents
    )


def format_incident_lines(incident: "Incident", translator: Translator) -> Iterator[str]:
    """Yield one incident as text: its line in the list, the records that it affects, the reason for its state, its
    alerts, the instructions for handling it (playbook), and the steps that people have taken on it.
    """
    from console.wording import audit_words, incident_words  # imported here: other commands need no incident

    yield from _format_incident_list_lines((incident,), translator)
    state = incident_words.format_incident_state(incident, translator)
    if state:
        yield state
    for line in format_aligned_lines(
        (
            audit_words.format_record_reference_with_number(
                record.kind, record.id, translator.language, record.number or ""
            ),
            incident_words.format_money(record.amount),
        )
        for record in incident.records
    ):
        yield f"{COLUMN_GAP}{line}"
    yield from format_alert_list_lines([_add_record_number(alert, incident) for alert in incident.alerts], translator)
    if incident.main_alert.registry_entry is not None:
        yield from _format_corporation_lines(incident.main_alert.registry_entry, translator)
    for number, key in enumerate(incident_words.list_playbook_step_keys(incident), 1):
        yield f"{COLUMN_GAP}{number}. {translator(key)}"
    for step in incident.steps:
        step_text = incident_words.format_incident_step(step, translator)
        yield f"{COLUMN_GAP}{wording.format_instant(step.at)}{COLUMN_GAP}{step_text}"


def _add_record_number(alert: "Alert", incident: "Incident") -> "Alert":
    """Return the alert with the number of its record, if this is one of the records that the incident affects."""
    subject = alert.subject_kind, alert.subject_id
    numbers = (record.number for record in incident.records if (record.kind, record.id) == subject)
    return replace(alert, number=next(numbers, None) or alert.number)


def _format_corporation_lines(entry: "RegistryEntry", translator: Translator) -> Iterator[str]:
    """Yield the notices about the corporation that is the cause of an incident (for example, that it was closed), and
    a line that names the registry as the source of these notices and of the corporation's name."""
    from console.wording import registry as registry_words  # imported here: a desk may have no registry

    yield from registry_words.list_registry_warnings_of_entry(entry, (), translator)
    yield registry_words.format_registry_source(entry.registry_date, translator)


COMMANDS: Mapping[str, Command] = {
    "incidents list": ServiceCommand(_list_incidents, _build_incident_list_json, _format_answer_lines),
    "incidents show": ServiceCommand(_show_incident, build_incident_json, format_incident_lines),
    **{
        f"incidents {name}": ServiceCommand(_make_incident_call(act), build_incident_json, format_incident_lines)
        for name, act in (
            ("take", _take_incident), ("release", _release_incident), ("hand-over", _hand_over_incident), ("snooze",
            _snooze_incident), ("wake", _wake_incident), ("resolve", _resolve_incident), ("reopen", _reopen_incident),
        )
    },
}  # fmt: skip
