"""Functions that build the JSON object of the command `show`: a record, its explanation, timeline and evidence,
and the fields of its kind. A view is a record with the data of its screen.
"""

from console.cli.json_output.records import (
    JsonObject,
    Translate,
    build_any_value_json,
    build_badges_json,
    build_document_json,
    build_evidence_item_json,
    build_explanation_json,
    build_record_fields_json,
    build_record_json,
    build_timeline_entry_json,
    format_instant_for_json,
)
from console.cli.json_output.registry import build_corporation_json
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.records import Operation
from console.domain.tasks.saga_progress import SagaProgress
from console.domain.views.any_record import AnyRecordDetails, CreditCheckDetails


def build_view_json(view: AnyRecordDetails, translate: Translate) -> JsonObject:
    """Return the answer of the command `show` as JSON: record, explanation, timeline, evidence, and the fields of the
    record's kind.
    """
    return {
        **build_record_fields_json(view.record, translate),
        **build_explanation_json(view.explanation, translate),
        "badges": _build_badges_json(view, translate),
        "timeline": [build_timeline_entry_json(entry, translate) for entry in view.timeline],
        "evidence": [build_evidence_item_json(item, translate) for item in view.evidence],
        "awaiting": None if isinstance(view, OrderDetails) else view.awaiting,
        "corporation": build_corporation_json(view.corporation),
        **_build_fields_of_record_kind(view, translate),
    }


def _build_badges_json(view: AnyRecordDetails, translate: Translate) -> JsonObject | None:
    """Return the badges of the shown record as JSON; None for an operation, which has none."""
    return None if isinstance(view.record, Operation) else build_badges_json(view.record, view.explanation, translate)


def _build_fields_of_record_kind(view: AnyRecordDetails, translate: Translate) -> JsonObject:
    """Return, as JSON, those fields of the command `show` that only records of this kind have, such as the refunds
    of an order."""
    match view:
        case CreditCheckDetails():
            return _build_credit_check_fields(view, translate)
        case OrderDetails():
            timeouts = {"timeouts": [_build_timeout_saga_json(saga, translate) for saga in view.sagas]}
            return _build_attributes_json(view, translate, "payments", "refunds", "actions") | timeouts
        case PaymentDetails():
            return _build_attributes_json(
                view, translate, "sides", "money", "order", "refunds", "set_asides", "actions", "holder"
            )
        case RefundDetails():
            return _build_attributes_json(
                view, translate, "payment", "order", "sides", "money", "against", "checks", "changed", "earlier",
                "actions", "holder",
            )  # fmt: skip
    return {}


def _build_timeout_saga_json(saga: SagaProgress, translate: Translate) -> JsonObject:
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


def _build_credit_check_fields(view: CreditCheckDetails, translate: Translate) -> JsonObject:
    return {
        "documents": [build_document_json(item, translate) for item in view.documents],
        "asked_at": format_instant_for_json(view.last_answer_at),
        "history": [build_record_json(older, translate) for older in view.history],
        **_build_attributes_json(view, translate, "actions", "holder"),
    }


def _build_attributes_json(view: AnyRecordDetails, translate: Translate, *names: str) -> JsonObject:
    """Return a JSON object with the attributes of a view that `names` lists. A record among them becomes the JSON
    object of its kind.
    """
    return {name: build_any_value_json(getattr(view, name), translate) for name in names}
