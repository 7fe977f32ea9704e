"""Functions that build the JSON object of a record of each kind, and JSON objects that several answers contain.
Other programs depend on the names and types of the fields.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from console.cli.json_output.values import JsonObject as JsonObject
from console.cli.json_output.values import TranslateFunction as TranslateFunction
from console.cli.json_output.values import build_value_json
from console.domain.calendar_days import format_instant
from console.domain.clock import SystemClock
from console.domain.payments.records import Order, Payment, Refund, mask_payer
from console.domain.records import CreditCheck, Document, EvidenceItem, Operation, TimelineEntry, Work
from console.wording.sentences.explanations import format_reason

if TYPE_CHECKING:
    from console.domain.evidence.timeline import TimelineEvent
    from console.domain.explained_state import Explanation, NextStep

AnyRecord: TypeAlias = CreditCheck | Operation | Order | Payment | Refund

RECORD_KIND_BY_TYPE: Mapping[type, str] = {
    CreditCheck: "credit-check",
    Order: "order",
    Payment: "payment",
    Refund: "refund",
    Operation: "operation",
}
# The fields of each kind after `kind`, in sequence; each is an attribute of the record, or computed below. Amounts
# are in minor units. `provider_…` fields contain the last answer of the provider, which arrived at `told_at`.
_FIELD_NAMES_BY_RECORD_TYPE: Mapping[type, str] = {
    CreditCheck: """
        id corporation_number client_id state certainty work credit_check_id company_name result purchased_at
        expired_at pdf_file_path incomplete superseded_by operation_id version created_at changed_at state_since
        sent_at error_code viewing_over duplicate_of registry_name""",
    Order: """
        id merch_txn_id corporation_number state currency total_minor payment_ids version work payment_method
        atom_token_id atom_txn_id created_at changed_at state_since registry_name""",
    Payment: """
        id order_id provider merchant_payment_id provider_payment_id corporation_number payer state certainty work
        currency captured_minor reserved_minor refunded_minor version asked_minor set_aside_minor outside_minor
        left_minor url expires_at begun_at paid_at provider_state provider_minor provider_refunded_minor told_at
        error_code operation_id created_at changed_at state_since registry_name""",
    Refund: """
        id payment_id amount_minor currency state certainty work maker checkers provider_refund_key
        provider_refund_id version order_id reason reason_code ticket intended_repeat checkers_needed declined_because
        sends_after decide_by first_sent_at last_sent_at sent_count provider_state told_at error_code operation_id
        created_at changed_at state_since registry_name""",
    Operation: """
        id action subject state operator desk started_at ended_at corporation_number client_id outcome_class reason
        source""",
}


def _compute_refundable_amount_minor(payment: Payment) -> int:
    """Return the refundable amount of a payment in minor units."""
    # imported here, because most answers have no payment
    from console.domain.payments.consistency import compute_refundable_minor

    return compute_refundable_minor(payment)


_FUNCTION_BY_COMPUTED_FIELD: Mapping[tuple[type, str], Callable[[Any], object]] = {
    (Payment, "payer"): lambda payment: mask_payer(payment.payer),
    (Payment, "left_minor"): lambda payment: _compute_refundable_amount_minor(payment),
    (Operation, "subject"): lambda operation: {"kind": operation.subject_kind, "id": operation.subject_id},
}
_EXPLANATION_FIELDS = ("verdict", "why", "why_code", "next_step", "may_act", "badges")


def build_record_json(value: AnyRecord, translate: TranslateFunction) -> JsonObject:
    """Return a record as the JSON object of its kind, with the explanation of its present state. The fields of the
    explanation are null if the related records were not read. An operation has no explanation and none of these
    fields. The payer of a payment is masked.
    """
    record_fields = build_record_fields_json(value, translate)
    if isinstance(value, Operation):
        return record_fields
    explanation = explain_present_state(value)
    if explanation is None:
        return record_fields | dict.fromkeys(_EXPLANATION_FIELDS)
    badges = build_badges_json(value, explanation, translate)
    return {**record_fields, **build_explanation_json(explanation, translate), "badges": badges}


def build_record_fields_json(value: AnyRecord, translate: TranslateFunction) -> JsonObject:
    """Return the stored fields of a record, without an explanation, as the JSON object of its kind."""
    kind = type(value)
    names = _FIELD_NAMES_BY_RECORD_TYPE[kind].split()
    computed = {
        name: compute(value)
        for (record_type, name), compute in _FUNCTION_BY_COMPUTED_FIELD.items()
        if record_type is kind
    }
    if not isinstance(value, Operation):
        computed["registry_name"] = _build_registry_name_json(value)
    return {"kind": RECORD_KIND_BY_TYPE[kind], **build_attributes_json(value, names, translate, **computed)}


def _build_registry_name_json(record: CreditCheck | Order | Payment | Refund) -> JsonObject | None:
    """Return the official name of the record's corporation and the registry date; None if the registry was not
    read for this record.
    """
    entry = record.registry_entry
    if entry is None:
        return None
    return {"name": entry.corporation.name, "registry_date": entry.registry_date.isoformat()}


def build_attributes_json(
    value: object, names: Iterable[str], translate: TranslateFunction, **computed: object
) -> JsonObject:
    """Return a JSON object with those attributes of `value` whose names `names` lists, in this sequence. A value in
    `computed` replaces the attribute of the same name.
    """
    return {
        name: computed[name] if name in computed else _build_attribute_json(getattr(value, name), translate)
        for name in names
    }


def _build_attribute_json(value: object, translate: TranslateFunction) -> Any:
    """Return the value of an attribute as JSON. If the value is a text, it stays complete; texts inside a list or
    another structure are cut by `build_any_value_json`.
    """
    match value:
        case Work():
            return build_work_json(value, translate)
        case str() if not isinstance(value, Enum):
            return value
    return build_any_value_json(value, translate)


def format_instant_for_json(at: datetime | None) -> str | None:
    """Return an instant as text such as `2026-11-20T03:20:01Z` (UTC); None for None."""
    return None if at is None else format_instant(at)


def build_work_json(work: Work, translate: TranslateFunction) -> JsonObject:
    """Return a record's work (its next step) as JSON. The field `reason` is a sentence for a person, `reason_code`
    the code for programs.
    """
    reason = None if work.reason is None else translate(f"work.reason.{work.reason}")
    return {
        "state": work.state.value,
        "at": format_instant_for_json(work.at),
        "reason": reason,
        "reason_code": work.reason,
        "attempt": work.attempt,
    }


def build_any_value_json(value: object, translate: TranslateFunction) -> Any:
    """Return any value of an error's detail, of a timeline entry or of an audit entry as JSON. A record becomes
    the JSON object of its kind; text is cut to 2,000 characters.
    """

    def build_object_json(part: Any) -> JsonObject:
        if isinstance(part, CreditCheck | Operation | Order | Payment | Refund):
            return build_record_json(part, translate)
        return {field.name: build_value_json(getattr(part, field.name), build_object_json) for field in fields(part)}

    return build_value_json(value, build_object_json)


def build_next_step_json(step: "NextStep", translate: TranslateFunction) -> JsonObject:
    """Return the next step that an explanation recommends as JSON: a sentence, a command, and the wording key of
    the sentence.
    """
    return {"text": translate(step.code, **step.facts), "command": step.command, "code": step.code}


def build_explanation_json(explanation: "Explanation", translate: TranslateFunction) -> JsonObject:
    """Return the explanation of a record as JSON: its state, the reason of the state, the next step, and the roles
    that may act.
    """
    return {
        "verdict": translate(explanation.verdict, **explanation.facts),
        "why": format_reason(explanation, translate),
        "why_code": explanation.why,
        "next_step": build_next_step_json(explanation.next_step, translate),
        "may_act": list(explanation.roles_that_may_act),
    }


def explain_present_state(record: CreditCheck | Order | Payment | Refund) -> "Explanation | None":
    """Return the explanation of a record's present state. Return None if its related records were not read,
    because an explanation needs them: the row of a payment, for example, doesn't contain the payment's refunds.
    """
    if record.relations is None:
        return None
    # imported here, because an answer without records doesn't need the explanations
    from console.domain.explanations.records import explain_record

    return explain_record(record, SystemClock().now())


def build_badges_json(
    record: CreditCheck | Order | Payment | Refund, explanation: "Explanation", translate: TranslateFunction
) -> JsonObject:
    """Return the three badges that the window shows of a record (state, certainty, work) as JSON: a code and a
    word for each.
    """
    from console.domain.explanations.badges import find_state_badge

    state = find_state_badge(record)
    keys = {"state": state, "certainty": f"certainty.{explanation.certainty}", "work": f"work.{explanation.work}"}
    return {axis: {"code": key.partition(".")[2], "word": translate(f"state.{key}")} for axis, key in keys.items()}


def build_document_json(item: Document, translate: TranslateFunction) -> JsonObject:
    """Return a stored PDF as a JSON object, without its content; the field `bytes` is its size."""
    names = ("path", "sha256", "bytes", "current", "fetched_at")
    return build_attributes_json(item, names, translate, current=item.is_current)


def build_timeline_entry_json(entry: TimelineEntry, translate: TranslateFunction) -> JsonObject:
    """Return one entry of a timeline as a JSON object."""
    return build_attributes_json(entry, ("at", "who", "what", "detail", "result"), translate, who=entry.actor)


def build_timeline_event_json(event: "TimelineEvent", translate: TranslateFunction) -> JsonObject:
    """Return one event of the history of a record and its related records as a JSON object. `kind` and `id` name the
    event's record."""
    names = ("at", "who", "what", "event_kind", "kind", "id", "detail", "result", "operation_id", "evidence")
    return build_attributes_json(event, names, translate, detail=build_any_value_json(event.facts, translate))


def build_evidence_item_json(item: EvidenceItem, translate: TranslateFunction) -> JsonObject:
    """Return an item of evidence as a JSON object, without its content."""
    return build_attributes_json(item, ("id", "at", "source", "sha256", "summary", "who"), translate)
