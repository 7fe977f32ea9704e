"""Functions that build the JSON object of the command `show`: a record, its explanation, timeline and evidence,
and the fields of its kind.
"""

from console.cli.json_output.records import (
    JsonObject,
    TranslateFunction,
    build_any_value_json,
    build_badges_json,
    build_document_json,
    build_evidence_item_json,
    build_explanation_json,
    build_record_fields_json,
    build_record_json,
    build_timeline_entry_json,
    build_timeline_event_json,
    format_instant_for_json,
)
from console.cli.json_output.registry import build_corporation_json
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.records import Operation
from console.domain.tasks.saga_progress import SagaProgress
from console.domain.views.any_record import AnyRecordDetails, CreditCheckDetails


def build_details_json(details: AnyRecordDetails, translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `show` as JSON: record, explanation, timeline, evidence, and the fields of the
    record's kind.
    """
    return {
        **build_record_fields_json(details.record, translate),
        **build_explanation_json(details.explanation, translate),
        "badges": _build_badges_json(details, translate),
        "timeline": [build_timeline_entry_json(entry, translate) for entry in details.timeline],
        "evidence": [build_evidence_item_json(item, translate) for item in details.evidence],
        "awaiting": None if isinstance(details, OrderDetails) else details.awaiting,
        "corporation": build_corporation_json(details.corporation),
        **_build_fields_of_record_kind(details, translate),
    }


def _build_badges_json(details: AnyRecordDetails, translate: TranslateFunction) -> JsonObject | None:
    """Return the badges of the shown record as JSON; None for an operation, which has none."""
    return (
        None
        if isinstance(details.record, Operation)
        else build_badges_json(details.record, details.explanation, translate)
    )


def _build_fields_of_record_kind(details: AnyRecordDetails, translate: TranslateFunction) -> JsonObject:
    """Return, as JSON, those fields of the command `show` that only records of this kind have, such as the refunds
    of an order."""
    match details:
        case CreditCheckDetails():
            return _build_credit_check_fields(details, translate)
        case OrderDetails():
            timeouts = {"timeouts": [_build_saga_json(saga, translate) for saga in details.sagas]}
            return (
                _build_attributes_json(details, translate, "sides", "payments", "refunds", "actions")
                | timeouts
                | _build_events_fields(details, translate)
            )
        case PaymentDetails():
            return _build_attributes_json(
                details, translate, "sides", "money", "order", "refunds", "set_asides", "actions", "holder"
            ) | _build_events_fields(details, translate)
        case RefundDetails():
            against = {"against": build_any_value_json(details.risk_signals, translate)}
            return (
                _build_attributes_json(details, translate, "payment", "order", "sides", "money")
                | against
                | _build_attributes_json(details, translate, "checks", "changed", "earlier", "actions", "holder")
                | _build_events_fields(details, translate)
            )
    return {}


def _build_events_fields(
    details: OrderDetails | PaymentDetails | RefundDetails, translate: TranslateFunction
) -> JsonObject:
    """Return, as JSON, the events of the record and its related records, which the window and the text of `show` have
    as timeline. The field `timeline` has only the record's own audit entries."""
    page = details.newest_events
    events = [build_timeline_event_json(event, translate) for event in page.events]
    return {"events": events, "has_earlier_events": page.has_earlier_events}


def _build_saga_json(saga: SagaProgress, translate: TranslateFunction) -> JsonObject:
    """Return, as JSON, a saga that ends an expired payment: its state, its current step, and all steps with their
    states.
    """
    record, current = saga.record, saga.current_step
    return {
        "id": record.id,
        "payment_id": record.subject_id,
        "state": record.state.value,
        "step": current.name if current else None,
        "reason": record.reason,
        "begun_at": format_instant_for_json(record.begun_at),
        "next_at": format_instant_for_json(record.next_at),
        "ended_at": format_instant_for_json(record.ended_at),
        "attempts": record.attempts,
        "steps": [build_any_value_json(step, translate) for step in saga.steps],
    }


def _build_credit_check_fields(details: CreditCheckDetails, translate: TranslateFunction) -> JsonObject:
    return {
        "documents": [build_document_json(item, translate) for item in details.documents],
        "asked_at": format_instant_for_json(details.last_answer_at),
        "history": [build_record_json(older, translate) for older in details.history],
        **_build_attributes_json(details, translate, "actions", "holder"),
    }


def _build_attributes_json(details: AnyRecordDetails, translate: TranslateFunction, *names: str) -> JsonObject:
    """Return a JSON object with the attributes of `details` that `names` lists. A record among them becomes the JSON
    object of its kind.
    """
    return {name: build_any_value_json(getattr(details, name), translate) for name in names}
