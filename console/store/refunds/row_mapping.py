"""Converts a row of the table of refunds, with the names of its approvers, into a `Refund`."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from console.domain.payments.records import Refund
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, Work, WorkState
from console.store.database import unreadable_rows
from console.store.database.instants import convert_to_known_instant
from console.store.payments.row_mapping import LAPSED_WORK, read_as_utc
from console.store.schema.payments import refunds

REFUND_COLUMNS = (
    refunds.c.id, refunds.c.payment_id, refunds.c.order_id, refunds.c.refund_amount, refunds.c.currency,
    refunds.c.status, refunds.c.certainty, refunds.c.work_state, refunds.c.work_at, refunds.c.work_reason,
    refunds.c.work_attempts, refunds.c.maker, refunds.c.provider_refund_key, refunds.c.refund_txn_id,
    refunds.c.version, refunds.c.reason, refunds.c.ticket, refunds.c.intended_repeat, refunds.c.set_aside_id,
    refunds.c.checkers_needed, refunds.c.sends_after, refunds.c.decide_by, refunds.c.declined_because,
    refunds.c.reason_code, refunds.c.first_sent_at, refunds.c.last_sent_at, refunds.c.sent_count, refunds.c.not_found,
    refunds.c.first_not_found_at, refunds.c.provider_state, refunds.c.told_at, refunds.c.error_code,
    refunds.c.operation_id, refunds.c.created_at, refunds.c.changed_at, refunds.c.state_since,
)  # fmt: skip


def make_record(
    row: Sequence[Any], checkers: Sequence[str] = (), lapsed_ids: AbstractSet[int] = frozenset()
) -> Refund:
    """Convert a row of `REFUND_COLUMNS` into a refund; `checkers` are its approvers. If its id is in `lapsed_ids`
    (the process that sent it crashed or froze) and its sending has no stored outcome, return it with an unknown
    outcome.
    """
    (
        refund_id, payment_id, order_id, amount_minor, currency, status, certainty, work_state, work_at, work_reason,
        attempts, maker, provider_refund_key, provider_refund_id, version, reason, ticket, is_intended_repeat,
        set_aside_id, checkers_needed, sends_after, decide_by, declined_because, reason_code, first_sent_at,
        last_sent_at, sent_count, not_found_count, first_not_found_at, provider_state, told_at, error_code,
        operation_id, created_at, changed_at, state_since,
    ) = row  # fmt: skip
    unreadable_rows.require_numbers(payment_id, amount_minor, checkers_needed, version, attempts)
    record = Refund(
        id=refund_id,
        payment_id=payment_id,
        order_id=order_id,
        amount_minor=amount_minor,
        currency=currency,
        state=RefundState(status),
        certainty=Certainty(certainty),
        work=Work(WorkState(work_state), read_as_utc(work_at), work_reason, attempts),
        maker=maker,
        checkers=tuple(checkers),
        provider_refund_key=provider_refund_key,
        provider_refund_id=provider_refund_id,
        version=version,
        reason=reason,
        reason_code=None if reason_code is None else RefundReason(reason_code),
        ticket=ticket,
        intended_repeat=bool(is_intended_repeat),
        set_aside_id=set_aside_id,
        checkers_needed=checkers_needed,
        sends_after=read_as_utc(sends_after),
        decide_by=read_as_utc(decide_by),
        declined_because=declined_because,
        first_sent_at=read_as_utc(first_sent_at),
        last_sent_at=read_as_utc(last_sent_at),
        sent_count=sent_count,
        not_found=not_found_count,
        first_not_found_at=read_as_utc(first_not_found_at),
        provider_state=provider_state,
        told_at=read_as_utc(told_at),
        error_code=error_code,
        operation_id=operation_id,
        created_at=read_as_utc(created_at),
        changed_at=read_as_utc(changed_at),
        state_since=convert_to_known_instant(state_since),
    )
    if refund_id in lapsed_ids and record.state is RefundState.SUBMITTING and record.certainty is Certainty.KNOWN:
        return replace(record, certainty=Certainty.UNKNOWN, work=LAPSED_WORK)
    return record
