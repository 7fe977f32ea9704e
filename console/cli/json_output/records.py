"""Each kind of record as the JSON object that programs read; names and shapes here are a contract."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from console.domain.dates import instant_text
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck, Operation, Work

Object = dict[str, Any]
Say = Callable[..., str]
"""`say(key, **facts)`: the sentence for a key in the language of this call."""
AnyRecord: TypeAlias = CreditCheck | Operation | Order | Payment | Refund

_SHOWN_OF_A_PAYER = 4
_SHORTEST_TO_SHOW = 8


def instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def work(axis: Work, say: Say) -> Object:
    """`reason` is for people; `reason_code` for programs."""
    reason = None if axis.reason is None else say(f"work.reason.{axis.reason}")
    return {
        "state": axis.state.value,
        "at": instant(axis.at),
        "reason": reason,
        "reason_code": axis.reason,
        "attempt": axis.attempt,
    }


def record(value: AnyRecord, say: Say) -> Object:
    match value:
        case CreditCheck():
            return credit_check(value, say)
        case Order():
            return order(value, say)
        case Payment():
            return payment(value, say)
        case Refund():
            return refund(value, say)
    return operation(value)


def credit_check(record: CreditCheck, say: Say) -> Object:
    return {
        "kind": "credit-check",
        "id": record.id,
        "corporation_number": record.corporation_number,
        "client_id": record.client_id,
        "state": record.state.value,
        "certainty": record.certainty.value,
        "work": work(record.work, say),
        "credit_check_id": record.credit_check_id,
        "company_name": record.company_name,
        "result": record.result,
        "purchased_at": instant(record.purchased_at),
        "expired_at": instant(record.expired_at),
        "pdf_file_path": record.pdf_file_path,
        "incomplete": list(record.incomplete),
        "superseded_by": record.superseded_by,
        "operation_id": record.operation_id,
        "version": record.version,
        "created_at": instant(record.created_at),
        "changed_at": instant(record.changed_at),
        "error_code": record.error_code,
        "viewing_over": record.viewing_over,
        "duplicate_of": record.duplicate_of,
    }


def operation(record: Operation) -> Object:
    return {
        "kind": "operation",
        "id": record.id,
        "action": record.action,
        "subject": {"kind": record.subject_kind, "id": record.subject_id},
        "state": record.state.value,
        "operator": record.operator,
        "desk": record.desk,
        "started_at": instant(record.started_at),
        "ended_at": instant(record.ended_at),
        "corporation_number": record.corporation_number,
        "client_id": record.client_id,
        "outcome_class": record.outcome_class,
        "reason": record.reason,
        "source": record.source,
    }


def order(record: Order, say: Say) -> Object:
    return {
        "kind": "order",
        "id": record.id,
        "merch_txn_id": record.merch_txn_id,
        "corporation_number": record.corporation_number,
        "state": record.state.value,
        "currency": record.currency,
        "total_minor": record.total_minor,
        "payment_ids": list(record.payment_ids),
        "version": record.version,
        "work": work(record.work, say),
        "payment_method": record.payment_method,
        "created_at": instant(record.created_at),
        "changed_at": instant(record.changed_at),
    }


def payment(record: Payment, say: Say) -> Object:
    """The payer is masked; `provider_…` is what the provider said last, at `told_at`."""
    return {
        "kind": "payment",
        "id": record.id,
        "order_id": record.order_id,
        "provider": record.provider,
        "merchant_payment_id": record.merchant_payment_id,
        "provider_payment_id": record.provider_payment_id,
        "corporation_number": record.corporation_number,
        "payer": masked_payer(record.payer),
        "state": record.state.value,
        "certainty": record.certainty.value,
        "work": work(record.work, say),
        "currency": record.currency,
        "captured_minor": record.captured_minor,
        "reserved_minor": record.reserved_minor,
        "refunded_minor": record.refunded_minor,
        "version": record.version,
        "asked_minor": record.asked_minor,
        "set_aside_minor": record.set_aside_minor,
        "left_minor": record.left_minor,
        "url": record.url,
        "expires_at": instant(record.expires_at),
        "begun_at": instant(record.begun_at),
        "paid_at": instant(record.paid_at),
        "provider_state": record.provider_state,
        "provider_minor": record.provider_minor,
        "provider_refunded_minor": record.provider_refunded_minor,
        "told_at": instant(record.told_at),
        "error_code": record.error_code,
        "operation_id": record.operation_id,
        "created_at": instant(record.created_at),
        "changed_at": instant(record.changed_at),
    }


def masked_payer(text: str | None) -> str | None:
    """A payer as others may see it: `****1234`; of a short name nothing but that there is one."""
    if not text:
        return None
    return "****" + (text[-_SHOWN_OF_A_PAYER:] if len(text) >= _SHORTEST_TO_SHOW else "")


def refund(record: Refund, say: Say) -> Object:
    return {
        "kind": "refund",
        "id": record.id,
        "payment_id": record.payment_id,
        "amount_minor": record.amount_minor,
        "currency": record.currency,
        "state": record.state.value,
        "certainty": record.certainty.value,
        "work": work(record.work, say),
        "maker": record.maker,
        "checkers": list(record.checkers),
        "provider_refund_key": record.provider_refund_key,
        "provider_refund_id": record.provider_refund_id,
        "version": record.version,
        "order_id": record.order_id,
        "reason": record.reason,
        "ticket": record.ticket,
        "intended_repeat": record.intended_repeat,
        "checkers_needed": record.checkers_needed,
        "declined_because": record.declined_because,
        "sends_after": instant(record.sends_after),
        "decide_by": instant(record.decide_by),
        "first_sent_at": instant(record.first_sent_at),
        "last_sent_at": instant(record.last_sent_at),
        "sent_count": record.sent_count,
        "provider_state": record.provider_state,
        "told_at": instant(record.told_at),
        "error_code": record.error_code,
        "operation_id": record.operation_id,
        "created_at": instant(record.created_at),
        "changed_at": instant(record.changed_at),
    }
