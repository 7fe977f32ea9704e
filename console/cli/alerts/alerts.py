"""The commands `alerts list` (show open and resolved alerts), `alerts ack` (acknowledge one alert), `alerts unack`
(undo the acting person's acknowledgement) and `alerts lost` (show the operations that the database has lost).
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import COLUMN_GAP, TableRow, format_aligned_lines
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.record_kinds import RECORD_KINDS
from console.domain.usage_problems import UsageProblem
from console.wording import audit_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.service_results import LostOperation, LostOperationList
    from console.domain.tasks.records import Alert

_LOST_OPERATION_FIELDS = (
    "operation_id", "kind", "action", "state", "number", "client_id", "payment_id", "amount_minor", "operator",
    "desk", "at", "reported_at",
)  # fmt: skip
_ALERT_FIELDS = ("id", "order_no", "rule_id", "observed", "expected", "detected_at", "resolved_at", "acknowledged_by")


@dataclass(frozen=True)
class AlertList:
    """The answer of `alerts list`: the listed alerts, and the number of further alerts, which are not listed because
    there are too many."""

    alerts: "Sequence[Alert]"
    unlisted_count: int


def _list_alerts(console: "Console", _: Namespace, __: AnswerWriter) -> AlertList:
    alerts = console.alerts.list_alerts()
    return AlertList(alerts, console.alerts.count_unlisted_alerts(alerts))


def _acknowledge_alert(console: "Console", args: Namespace, _: AnswerWriter) -> "Alert":
    from console.services.annotations.notes import LONGEST_NOTE_CHARACTERS

    alert_id = parse_row_id("alert", args.id)
    if args.note is not None and not args.note.strip():  # a note without text is a mistake
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_NOTE, "longest": LONGEST_NOTE_CHARACTERS}
        )
    return console.alerts.acknowledge(alert_id, args.note or "", request_id=args.request_id)


def _undo_alert_acknowledgement(console: "Console", args: Namespace, _: AnswerWriter) -> "Alert":
    return console.alerts.undo_acknowledgement(parse_row_id("alert", args.id), request_id=args.request_id)


def _list_lost_operations(console: "Console", _: Namespace, __: AnswerWriter) -> "LostOperationList":
    return console.alerts.list_lost_operations()


def build_alert_json(record: "Alert", translate: TranslateFunction) -> JsonObject:
    """Return an alert as a JSON object. For an alert about a corporation it also has `corporation_number`, and in
    `why` a sentence about the changed registry data.
    """
    subject = {"kind": record.subject_kind, "id": record.subject_id, "number": record.number}
    fields = {**build_attributes_json(record, _ALERT_FIELDS, translate), "subject": subject}
    number = _find_alert_corporation_number(record)
    if number is None:
        return fields
    reason_sentence = translate("cli.alert_why", observed=record.observed)
    return {**fields, "corporation_number": number, "why": reason_sentence}


def _find_alert_corporation_number(record: "Alert") -> str | None:
    """Return the corporation number of an alert about a corporation; None for an alert about another kind of
    record.
    """
    # imported here, because every command imports this module, and few need the registry's values
    from console.domain.registry.watched_facts import CORPORATION_KIND, get_corporation_number_of_subject

    return get_corporation_number_of_subject(record.subject_id) if record.subject_kind == CORPORATION_KIND else None


def _build_alert_list_json(alert_list: AlertList, translate: TranslateFunction) -> JsonObject:
    """Return the answer of `alerts list` as a JSON object. `unlisted` is the number of further alerts, which are left
    out because there are too many."""
    return {
        "alerts": [build_alert_json(record, translate) for record in alert_list.alerts],
        "unlisted": alert_list.unlisted_count,
    }


def _format_answer_lines(alert_list: AlertList, translator: Translator) -> Iterator[str]:
    """Yield the answer of `alerts list` as text: the alerts, then a line with the number of further alerts."""
    yield from format_alert_list_lines(alert_list.alerts, translator)
    if alert_list.unlisted_count:
        yield translator("alerts_screen.cut", n=alert_list.unlisted_count)


def format_alert_list_lines(alerts: "Sequence[Alert]", translator: Translator) -> Iterator[str]:
    """Yield the alerts as text: one line per alert, followed by a line with the alert's observed and expected value;
    for an open alert about a record also the command that shows the record.
    """
    if not alerts:
        yield translator("alerts_screen.empty")
    for line, record in zip(
        format_aligned_lines(_make_alert_row(record, translator) for record in alerts), alerts, strict=True
    ):
        yield line
        observed = wording.format_finding(record.observed, translator.language, record.expected)
        expected = wording.format_finding(record.expected, translator.language, record.observed)
        yield f"{COLUMN_GAP}{observed} → {expected}"
        if record.resolved_at is None and record.subject_kind in RECORD_KINDS:
            command = f"support-console show {record.subject_kind} {record.subject_id}"
            yield f"{COLUMN_GAP}{translator('cli.run', command=command)}"


def _make_alert_row(record: "Alert", translator: Translator) -> TableRow:
    return (
        str(record.id),
        wording.format_instant(record.detected_at),
        _format_alert_rule_name(record, translator),
        format_alert_subject(record, translator),
        _format_alert_state(record, translator),
    )


def format_alert_subject(record: "Alert", translator: Translator) -> str:
    """Return the text that names the subject of an alert: the order, the record or the corporation, with the number
    by which people know it."""
    corporation_number = _find_alert_corporation_number(record)
    if corporation_number is not None:
        from console.wording.alerts import format_changed_corporation  # imported here: other alerts need no registry

        return format_changed_corporation(corporation_number, record.registry_entry, translator)
    return record.order_no or audit_words.format_record_reference_with_number(
        record.subject_kind, record.subject_id, translator.language, record.number or ""
    )


def _format_alert_rule_name(record: "Alert", translator: Translator) -> str:
    key = wording.find_alert_rule_sentence_key(record.rule_id)
    return translator(key) if key else record.rule_id


def _format_alert_state(record: "Alert", translator: Translator) -> str:
    if record.resolved_at is not None:
        return translator("alerts_screen.resolved_at", at=record.resolved_at)
    if record.acknowledged_by is not None:
        return translator("alerts_screen.seen_by", who=record.acknowledged_by)
    return translator("alerts_screen.open")


def format_acknowledgement_lines(record: "Alert", translator: Translator) -> Iterator[str]:
    """Yield the answer of `alerts ack` as text: a confirmation, and the acknowledged alert."""
    yield translator("cli.acknowledged", id=record.id)
    yield from format_alert_list_lines((record,), translator)


def format_alert_lines(record: "Alert", translator: Translator) -> Iterator[str]:
    """Yield the answer of `alerts unack` as text: the alert."""
    yield from format_alert_list_lines((record,), translator)


def build_lost_operation_list_json(
    lost_operation_list: "LostOperationList", translate: TranslateFunction
) -> JsonObject:
    """Return the answer of `alerts lost` as a JSON object: in `lost` the listed operations, in `count` the number of
    all lost operations, which may be larger."""
    return {
        "lost": [
            build_attributes_json(operation, _LOST_OPERATION_FIELDS, translate)
            for operation in lost_operation_list.operations
        ],
        "count": lost_operation_list.total_count,
    }


def format_lost_operation_list_lines(
    lost_operation_list: "LostOperationList", translator: Translator
) -> Iterator[str]:
    """Yield the answer of `alerts lost` as text: one line per lost operation, and for an open one the command that
    shows it with its next step.
    """
    yield translator("cli.lost.count", n=lost_operation_list.total_count)
    for line, operation in zip(
        format_aligned_lines(
            _make_lost_operation_row(operation, translator) for operation in lost_operation_list.operations
        ),
        lost_operation_list.operations,
        strict=True,
    ):
        yield line
        if operation.state == "open":
            command = f"support-console show operation {operation.operation_id}"
            yield f"{COLUMN_GAP}{translator('cli.run', command=command)}"


def _make_lost_operation_row(operation: "LostOperation", translator: Translator) -> TableRow:
    number = operation.number and wording.format_corporation_number(operation.number)
    return (
        wording.format_instant(operation.at),
        audit_words.format_record_reference(operation.kind, "", translator.language),
        number or operation.operation_id,
        operation.operator,
        translator(f"cli.lost.{operation.state}"),
    )


COMMANDS: Mapping[str, Command] = {
    "alerts list": ServiceCommand(_list_alerts, _build_alert_list_json, _format_answer_lines),
    "alerts lost": ServiceCommand(
        _list_lost_operations, build_lost_operation_list_json, format_lost_operation_list_lines
    ),
    "alerts unack": ServiceCommand(_undo_alert_acknowledgement, build_alert_json, format_alert_lines),
    "alerts ack": ServiceCommand(_acknowledge_alert, build_alert_json, format_acknowledgement_lines),
}
