"""Converts a row of the table of payments into a record."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any

from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.store.database.instants import known_instant, to_aware_utc
from console.store.schema.payments import payments

_t = payments.c
COLUMNS = (
    _t.id, _t.order_id, _t.provider, _t.merchant_payment_id, _t.provider_payment_id, _t.corporation_number,
    _t.payer_ref, _t.status, _t.certainty, _t.work_state, _t.work_at, _t.work_reason, _t.work_attempts, _t.currency,
    _t.asked_minor, _t.captured_minor, _t.reserved_minor, _t.refunded_minor, _t.set_aside_minor, _t.version,
    _t.by_code, _t.handle, _t.url, _t.payment_expires_at, _t.begun_at, _t.paid_at, _t.provider_state,
    _t.provider_minor, _t.provider_refunded_minor, _t.told_at, _t.payment_last_event_id, _t.error_code,
    _t.operation_id, _t.created_at, _t.changed_at, _t.account_minor, _t.booked_at, _t.late_after,
    _t.state_since,
)  # fmt: skip
LAPSED_WORK = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.LAPSED)
"""Work of a record that is shown while its operation has lapsed (its process crashed or froze), until a due task
writes the record's next step.
"""


def to_record(row: Sequence[Any], lapsed: AbstractSet[int] = frozenset()) -> Payment:
    """Convert a row of `COLUMNS` into a payment. If its id is in `lapsed` (the process that began it crashed or
    froze), return it with an unknown outcome.
    """
    (
        payment_id, order_id, provider, merchant_id, provider_id, number, payer, status, certainty, work_state,
        work_at, work_reason, attempts, currency, asked_minor, captured, reserved, refunded, set_aside, version,
        by_code, handle, url, expires, begun, paid, word, word_minor, word_refunded, told_at, event, error, operation,
        created, changed, account, booked, late_after, since,
    ) = row  # fmt: skip
    record = Payment(
        id=payment_id,
        order_id=order_id,
        provider=provider,
        merchant_payment_id=merchant_id,
        provider_payment_id=provider_id,
        corporation_number=number,
        payer=payer,
        state=PaymentState(status),
        certainty=Certainty(certainty),
        work=Work(WorkState(work_state), in_utc(work_at), work_reason, attempts),
        currency=currency,
        asked_minor=asked_minor,
        captured_minor=captured,
        reserved_minor=reserved,
        refunded_minor=refunded,
        set_aside_minor=set_aside,
        version=version,
        by_code=bool(by_code),
        handle=handle,
        url=url,
        expires_at=in_utc(expires),
        begun_at=in_utc(begun),
        paid_at=in_utc(paid),
        provider_state=word,
        provider_minor=word_minor,
        provider_refunded_minor=word_refunded,
        told_at=in_utc(told_at),
        last_event_id=event,
        error_code=error,
        operation_id=operation,
        created_at=in_utc(created),
        changed_at=in_utc(changed),
        state_since=known_instant(since),
        account_minor=account,
        booked_at=in_utc(booked),
        late_after=PaymentState(late_after) if late_after else None,
    )
    if payment_id in lapsed and record.state is PaymentState.INITIALIZING and record.certainty is Certainty.KNOWN:
        return replace(record, certainty=Certainty.UNKNOWN, work=LAPSED_WORK)
    return record


def in_utc(value: datetime | None) -> datetime | None:
    """Return a stored instant (naive, UTC) with its zone; None stays None."""
    return to_aware_utc(value) if value is not None else None
