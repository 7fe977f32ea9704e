"""Converts a row of the table of refunds into a record with its approvers."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from console.domain.payments.records import Refund
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, Work, WorkState
from console.store.database.instants import known_instant
from console.store.payments.row_mapping import LAPSED_WORK, in_utc
from console.store.schema.payments import refunds

_t = refunds.c
COLUMNS = (
    _t.id, _t.payment_id, _t.order_id, _t.refund_amount, _t.currency, _t.status, _t.certainty, _t.work_state,
    _t.work_at, _t.work_reason, _t.work_attempts, _t.maker, _t.provider_refund_key, _t.refund_txn_id, _t.version,
    _t.reason, _t.ticket, _t.intended_repeat, _t.set_aside_id, _t.checkers_needed, _t.sends_after, _t.decide_by,
    _t.declined_because, _t.reason_code, _t.first_sent_at, _t.last_sent_at, _t.sent_count, _t.not_found,
    _t.first_not_found_at, _t.provider_state, _t.told_at, _t.error_code, _t.operation_id, _t.created_at,
    _t.changed_at, _t.state_since,
)  # fmt: skip


def to_record(row: Sequence[Any], checkers: Sequence[str] = (), lapsed: AbstractSet[int] = frozenset()) -> Refund:
    """Convert a row of `COLUMNS` into a refund. If its id is in `lapsed` (the process that sent it crashed or froze),
    return it with an unknown outcome.
    """
    (
        refund_id, payment_id, order_id, amount, currency, status, certainty, work_state, work_at, work_reason,
        attempts, maker, key, provider_id, version, reason, ticket, repeat, set_aside_id, needed, sends_after,
        decide_by, declined, reason_code, first_sent, last_sent, sent_count, not_found, first_not_found, word,
        told_at, error, operation, created, changed, since,
    ) = row  # fmt: skip
    record = Refund(
        id=refund_id,
        payment_id=payment_id,
        order_id=order_id,
        amount_minor=amount,
        currency=currency,
        state=RefundState(status),
        certainty=Certainty(certainty),
        work=Work(WorkState(work_state), in_utc(work_at), work_reason, attempts),
        maker=maker,
        checkers=tuple(checkers),
        provider_refund_key=key,
        provider_refund_id=provider_id,
        version=version,
        reason=reason,
        reason_code=None if reason_code is None else RefundReason(reason_code),
        ticket=ticket,
        intended_repeat=bool(repeat),
        set_aside_id=set_aside_id,
        checkers_needed=needed,
        sends_after=in_utc(sends_after),
        decide_by=in_utc(decide_by),
        declined_because=declined,
        first_sent_at=in_utc(first_sent),
        last_sent_at=in_utc(last_sent),
        sent_count=sent_count,
        not_found=not_found,
        first_not_found_at=in_utc(first_not_found),
        provider_state=word,
        told_at=in_utc(told_at),
        error_code=error,
        operation_id=operation,
        created_at=in_utc(created),
        changed_at=in_utc(changed),
        state_since=known_instant(since),
    )
    if refund_id in lapsed and record.state is RefundState.SUBMITTING and record.certainty is Certainty.KNOWN:
        return replace(record, certainty=Certainty.UNKNOWN, work=LAPSED_WORK)
    return record
