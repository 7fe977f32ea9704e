"""One record whole as a JSON object: with its history, its evidence, and what only its kind has."""

from console.cli_json import (
    Object,
    Say,
    credit_check,
    evidence_item,
    explained,
    fact,
    instant,
    record,
    stored,
    timeline_entry,
)
from console.domain.payment_results import OrderView, PaymentView, RefundView
from console.domain.results import CreditCheckView
from console.domain.saga_steps import SagaView
from console.domain.views import AnyView


def shown(seen: AnyView, say: Say) -> Object:
    """`show`: the record with its history and what happens next."""
    return {
        **record(seen.record, say),
        **explained(seen.explanation, say),
        "timeline": [timeline_entry(entry, say) for entry in seen.timeline],
        "evidence": [evidence_item(item) for item in seen.evidence],
        "awaiting": None if isinstance(seen, OrderView) else seen.awaiting,
        **_own(seen, say),
    }


def _own(seen: AnyView, say: Say) -> Object:
    """What only one kind of record has."""
    match seen:
        case CreditCheckView():
            return _of_a_check(seen, say)
        case OrderView():
            timeouts = {"timeouts": [_timeout(one, say) for one in seen.sagas]}
            return _listed(seen, say, "payments", "refunds", "actions") | timeouts
        case PaymentView():
            return _listed(seen, say, "sides", "money", "order", "refunds", "set_asides", "actions", "holder")
        case RefundView():
            return _listed(
                seen, say, "payment", "order", "sides", "money", "against", "checks", "changed", "earlier", "actions",
                "holder",
            )  # fmt: skip
    return {}


def _timeout(seen: SagaView, say: Say) -> Object:
    """What follows when a payment's time has passed: where it stands, and each step."""
    record, current = seen.record, seen.current
    return {
        "id": record.id,
        "payment_id": record.subject_id,
        "state": record.state.value,
        "step": current.name if current else None,
        "reason": record.reason,
        "begun_at": instant(record.begun_at),
        "next_at": instant(record.next_at),
        "ended_at": instant(record.ended_at),
        "attempts": record.attempts,
        "steps": [fact(step, say) for step in seen.steps],
    }


def _of_a_check(seen: CreditCheckView, say: Say) -> Object:
    return {
        "documents": [stored(item) for item in seen.documents],
        "asked_at": instant(seen.asked_at),
        "history": [credit_check(older, say) for older in seen.history],
        **_listed(seen, say, "actions", "holder"),
    }


def _listed(seen: AnyView, say: Say, *names: str) -> Object:
    """Parts of a view as they are; records in them as everywhere."""
    return {name: fact(getattr(seen, name), say) for name in names}
