"""Converts a row of the table of payments into a `Payment`."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any

from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.store.database import unreadable_rows
from console.store.database.instants import convert_to_aware_utc, convert_to_known_instant
from console.store.schema.payments import payments

PAYMENT_COLUMNS = (
    payments.c.id, payments.c.order_id, payments.c.provider, payments.c.merchant_payment_id,
    payments.c.provider_payment_id, payments.c.corporation_number, payments.c.payer_ref, payments.c.status,
    payments.c.certainty, payments.c.work_state, payments.c.work_at, payments.c.work_reason, payments.c.work_attempts,
    payments.c.currency, payments.c.asked_minor, payments.c.captured_minor, payments.c.reserved_minor,
    payments.c.refunded_minor, payments.c.set_aside_minor, payments.c.outside_minor, payments.c.version,
    payments.c.by_code, payments.c.handle, payments.c.url, payments.c.payment_expires_at, payments.c.begun_at,
    payments.c.paid_at, payments.c.provider_state, payments.c.provider_minor, payments.c.provider_refunded_minor,
    payments.c.told_at, payments.c.payment_last_event_id, payments.c.error_code, payments.c.operation_id,
    payments.c.created_at, payments.c.changed_at, payments.c.account_minor, payments.c.booked_at,
    payments.c.late_after, payments.c.state_since,
)  # fmt: skip
LAPSED_WORK = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.LAPSED)
"""Work of a record that is shown while its operation has lapsed (its process crashed or froze), until a due task
writes the record's next step.
"""


def make_record(row: Sequence[Any], lapsed_ids: AbstractSet[int] = frozenset()) -> Payment:
    """Convert a row of `PAYMENT_COLUMNS` into a payment. If its id is in `lapsed_ids` (the process that began it
    crashed or froze) and its start has no stored outcome, return it with an unknown outcome."""
    (
        payment_id, order_id, provider, merchant_payment_id, provider_payment_id, corporation_number, payer, status,
        certainty, work_state, work_at, work_reason, attempts, currency, asked_minor, captured_minor, reserved_minor,
        refunded_minor, set_aside_minor, outside_minor, version, by_code, provider_payment_handle, url, expires_at,
        begun_at,
        paid_at, provider_state, provider_minor, provider_refunded_minor, told_at, last_event_id, error_code,
        operation_id, created_at, changed_at, account_minor, booked_at, late_after, state_since,
    ) = row  # fmt: skip
    unreadable_rows.require_numbers(
        asked_minor, captured_minor, reserved_minor, refunded_minor, set_aside_minor, outside_minor,
        provider_minor, provider_refunded_minor, account_minor, version, attempts,
    )  # fmt: skip
    record = Payment(
        id=payment_id,
        order_id=order_id,
        provider=provider,
        merchant_payment_id=merchant_payment_id,
        provider_payment_id=provider_payment_id,
        corporation_number=corporation_number,
        payer=payer,
        state=PaymentState(status),
        certainty=Certainty(certainty),
        work=Work(WorkState(work_state), read_as_utc(work_at), work_reason, attempts),
        currency=currency,
        asked_minor=asked_minor,
        captured_minor=captured_minor,
        reserved_minor=reserved_minor,
        refunded_minor=refunded_minor,
        set_aside_minor=set_aside_minor,
        outside_minor=outside_minor,
        version=version,
        by_code=bool(by_code),
        handle=provider_payment_handle,
        url=url,
        expires_at=read_as_utc(expires_at),
        begun_at=read_as_utc(begun_at),
        paid_at=read_as_utc(paid_at),
        provider_state=provider_state,
        provider_minor=provider_minor,
        provider_refunded_minor=provider_refunded_minor,
        told_at=read_as_utc(told_at),
        last_event_id=last_event_id,
        error_code=error_code,
        operation_id=operation_id,
        created_at=read_as_utc(created_at),
        changed_at=read_as_utc(changed_at),
        state_since=convert_to_known_instant(state_since),
        account_minor=account_minor,
        booked_at=read_as_utc(booked_at),
        late_after=PaymentState(late_after) if late_after else None,
    )
    if payment_id in lapsed_ids and record.state is PaymentState.INITIALIZING and record.certainty is Certainty.KNOWN:
        return replace(record, certainty=Certainty.UNKNOWN, work=LAPSED_WORK)
    return record


def read_as_utc(value: datetime | None) -> datetime | None:
    """Return a stored instant (naive, in UTC) as an aware one; None stays None."""
    return convert_to_aware_utc(value) if value is not None else None
