"""Writes sample orders, payments and refunds to a database in the same steps as the services do, and returns their
audit events."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection

from console.demo.samples import record_rows as rows
from console.demo.samples.credit_check_factory import ONE_SECOND, SampleEvent
from console.demo.samples.payment_factory import ORDER_KIND, PAYMENT_KIND, REFUND_KIND, PaymentSample, RefundSample
from console.demo.samples.record_rows import ColumnValues
from console.domain.audit.actions import AuditAction
from console.domain.payments.records import Payment, SetAsideState
from console.domain.payments.states import PaymentState, RefundState, find_payment_state_path
from console.domain.records import Certainty
from console.domain.tasks.saga_progress import DONE_FACT_KEY
from console.domain.tasks.states import SagaState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.services.payments import timeout_start
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.payments import account_limits as accounts
from console.store.payments import orders, payments, set_asides
from console.store.payments.orders import NewOrder
from console.store.payments.payments import NewPayment
from console.store.refunds import refunds
from console.store.refunds.refunds import NewRefund
from console.store.schema import core as schema
from console.store.tasks import sagas

_REFUND_DECISION_PERIOD = timedelta(hours=72)
_REFUND_REQUEST_COLUMNS = ("checkers_needed", "sends_after")
_REFUND_SENDING_COLUMNS = ("first_sent_at", "last_sent_at", "sent_count")


def write_payment_samples(context: ServiceContext, tx: Transaction, samples: Sequence[PaymentSample]) -> None:
    """Write the payments with their orders, refunds, operations, evidence and cases. The ids of the written payments,
    orders and refunds are stored in the samples.
    """
    for sample in samples:
        _add_order(tx.conn, sample)
        _add_payment(tx.conn, sample)
        for refund in sample.refunds:
            _add_refund(tx.conn, sample, refund)
    sent_refunds = [(sample, refund) for sample in samples for refund in sample.refunds if refund.journal_state]
    rows.insert_rows(tx, schema.operations, [_make_payment_operation_row(context, sample) for sample in samples])
    rows.insert_rows(
        tx,
        schema.operations,
        [_make_refund_operation_row(context, sample, refund) for sample, refund in sent_refunds],
    )
    rows.insert_rows(tx, schema.evidence, [row for sample in samples for row in _make_evidence_rows(sample)])
    rows.insert_rows(tx, schema.alerts, [_make_case_row(sample) for sample in samples if sample.case_texts])


def list_audit_events(samples: Sequence[PaymentSample]) -> Iterator[tuple[SampleEvent, str, int]]:
    """Yield each audit event of the samples, with kind and id of its record. Must be called after the samples were
    written.
    """
    for sample in samples:
        ids = {ORDER_KIND: sample.order_id or 0, PAYMENT_KIND: sample.id}
        for kind, event in sample.events:
            yield _replace_payment_id(event, sample.id), kind, ids[kind]
        for refund in sample.refunds:
            for event in refund.events:
                yield _replace_payment_id(event, sample.id), REFUND_KIND, refund.id


def _replace_payment_id(event: SampleEvent, payment_id: int) -> SampleEvent:
    """If the facts of the event name the payment, write the payment's id into them. Return the event. The id is
    unknown before the payment's row is written.
    """
    if PAYMENT_KIND in event.detail:
        event.detail[PAYMENT_KIND] = payment_id
    return event


# -- step by step


def _add_order(conn: Connection, sample: PaymentSample) -> None:
    """Insert the order of the sample into the database, in the same way as the shop writes its orders; do nothing if
    the sample has no order.
    """
    if sample.order_status is None:
        return
    total_minor = sample.order_column_values.get("total_amount", sample.amount_minor)
    new_order = NewOrder(
        sample.order_no,
        total_minor,
        sample.currency,
        sample.corporation_number,
        sample.payer,
        sample.provider,
        sample.order_status,
    )
    events = [event for kind, event in sample.events if kind == ORDER_KIND]
    entered_at = rows.find_instant_of_state(ORDER_KIND, sample.order_status, events, sample.begun_at)
    sample.order_id = orders.insert_order(conn, replace(new_order, state_since=entered_at), sample.begun_at)
    work = {name: value for name, value in sample.order_column_values.items() if name.startswith("work_")}
    order = orders.find(conn, sample.order_id)
    if work and order is not None:
        orders.change_order(conn, order, sample.latest_event_at, **work)


def _add_payment(conn: Connection, sample: PaymentSample) -> None:
    """Insert the payment of the sample into the database, move it to its state and book its amount. A reversal is
    written last."""
    new_payment = NewPayment(
        sample.provider, sample.merchant_payment_id, sample.currency, sample.amount_minor, sample.order_id,
        sample.corporation_number,
        begun_at=sample.begun_at, expires_at=sample.column_values.get("payment_expires_at"),
        operation_id=sample.operation_id,
    )  # fmt: skip
    sample.id = payments.insert_payment(conn, new_payment, sample.begun_at)
    values = {"payer_ref": sample.payer, **sample.column_values}
    if sample.provider_payment_id:
        values["provider_payment_id"] = sample.provider_payment_id
    first_state = PaymentState.COMPLETED if sample.status is PaymentState.REVERSED else sample.status
    path = find_payment_state_path(PaymentState.INITIALIZING, first_state)
    payments.move_payment_along_path(
        conn, _read_payment(conn, sample), path, _find_instant_of_state(sample, first_state), **values
    )
    if sample.captured_minor:
        payments.set_captured_amount(conn, sample.id, sample.captured_minor, sample.latest_event_at)
        _book_payment_on_account(conn, sample)
    if sample.status is PaymentState.REVERSED:
        payment, entered_at = _read_payment(conn, sample), _find_instant_of_state(sample, sample.status)
        payments.move_payment_along_path(conn, payment, (PaymentState.REVERSED,), entered_at)
    if sample.status is PaymentState.EXPIRED:
        _write_saga(conn, sample)


def _find_instant_of_state(sample: PaymentSample, state: PaymentState) -> datetime:
    """Return the time of the sample's newest event that reports that the payment entered `state`; its start time if
    there is none."""
    events = [event for kind, event in sample.events if kind == PAYMENT_KIND]
    is_unknown = sample.column_values.get("certainty") == Certainty.UNKNOWN
    return rows.find_instant_of_state(PAYMENT_KIND, state, events, sample.begun_at, is_unknown=is_unknown)


def _write_saga(conn: Connection, sample: PaymentSample) -> None:
    """Write the completed saga that has ended the sample's payment; the payment must be in the state `expired`. The
    saga's start is stored with an earlier time than its steps, so that the timeline shows the start first."""
    at, step_times = sample.latest_event_at, dict[str, str]()
    kind, begun_at = timeout_start.PAYMENT_TIMEOUT_KIND, at - ONE_SECOND
    saga = sagas.start_saga(conn, kind, payments.PAYMENT_KIND, sample.id, timeout_start.ASK_STEP, {}, begun_at)
    for step, next_step in pairwise(timeout_start.TIMEOUT_SAGA_STEP_NAMES):
        if saga is not None:
            step_times[step] = at.isoformat()
            facts = (
                {timeout_start.CANCELLED_ORDER_FACT_KEY: sample.order_id} if step == timeout_start.CANCEL_STEP else {}
            )
            saga = sagas.advance_saga(conn, saga, at, next_step, {DONE_FACT_KEY: dict(step_times), **facts})
    if saga is not None:
        sagas.end_saga(conn, saga, at, SagaState.DONE)


def _read_payment(conn: Connection, sample: PaymentSample) -> Payment:
    """Return the written payment of the sample. Raises LookupError if it wasn't written."""
    payment = payments.find(conn, sample.id)
    if payment is None:
        raise LookupError(sample.merchant_payment_id)
    return payment


def _book_payment_on_account(conn: Connection, sample: PaymentSample) -> None:
    """Open the account of the sample's corporation with the sample's limit, book the payment on it, and set aside the
    amount that exceeds the limit. Do nothing if the sample has no limit.
    """
    if not sample.limit_minor:
        return
    accounts.open_account(conn, sample.corporation_number, sample.currency, sample.limit_minor)
    account = accounts.find_by_corporation(conn, sample.corporation_number, sample.currency)
    if account is not None:
        excess = sample.captured_minor - accounts.book_amount(conn, account, sample.captured_minor)
        payments.set_amount_aside(conn, sample.id, excess, sample.latest_event_at)
        sample.set_aside_id = set_asides.insert_set_aside(
            conn, _read_payment(conn, sample), account.id, excess, sample.latest_event_at
        )


def _add_refund(conn: Connection, sample: PaymentSample, refund: RefundSample) -> None:
    """Insert `refund`, a refund of the sample, into the database, and move it through request, decision and
    submission up to its state."""
    payments.reserve_amount(
        conn, sample.id, refund.amount_minor, refund.requested_at, is_from_set_aside=refund.is_from_set_aside
    )
    request_columns = {
        name: refund.column_values[name] for name in _REFUND_REQUEST_COLUMNS if name in refund.column_values
    }
    new_refund = NewRefund(
        sample.id, sample.order_id, refund.amount_minor, sample.currency, refund.maker, refund.reason,
        _format_payment_facts_at_request(sample, refund), "[]",
        decide_by=refund.requested_at + _REFUND_DECISION_PERIOD,
        set_aside_id=sample.set_aside_id if refund.is_from_set_aside else None,
        **{"checkers_needed": 1, **request_columns},
    )  # fmt: skip
    refund.id = refunds.insert_refund(conn, new_refund, refund.requested_at)
    set_aside = set_asides.find(conn, sample.set_aside_id or 0) if refund.is_from_set_aside else None
    if set_aside is not None:
        set_asides.change_set_aside(conn, set_aside, refund.requested_at, SetAsideState.REFUNDING, refund.id)
    approved_at = [event.at for event in refund.events if event.action is AuditAction.REFUND_APPROVED]
    for person, at in zip(refund.checkers, approved_at, strict=True):
        refunds.insert_vote(conn, refund.id, person, at)
    _apply_refund_state(conn, sample, refund)


def _apply_refund_state(conn: Connection, sample: PaymentSample, refund: RefundSample) -> None:
    """Move the written refund from its request through approval and submission up to the state of the sample
    `refund`, and change the amounts of the payment if the refund has ended."""
    other_values = {
        name: value for name, value in refund.column_values.items() if name not in _REFUND_REQUEST_COLUMNS
    }
    if refund.checkers:
        _update_refund_row(conn, refund, {"status": RefundState.APPROVED})
    if refund.idempotency_key:
        sent_columns = {name: other_values.pop(name) for name in _REFUND_SENDING_COLUMNS}
        key_columns = {"provider_refund_key": refund.idempotency_key, "operation_id": refund.operation_id}
        _update_refund_row(conn, refund, {"status": RefundState.SUBMITTING, **sent_columns, **key_columns})
    if refund.status not in (RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING):
        other_values |= {"status": refund.status, "refund_txn_id": refund.provider_refund_number}
    if other_values:
        _update_refund_row(conn, refund, other_values)
    latest_event_at = refund.events[-1].at
    if refund.status is RefundState.COMPLETED:
        payments.settle_refund(conn, sample.id, refund.amount_minor, latest_event_at)
    elif refund.status in ENDED_REFUND_STATES:
        payments.release_amount(conn, sample.id, refund.amount_minor, latest_event_at)


def _update_refund_row(conn: Connection, refund: RefundSample, values: ColumnValues) -> None:
    record = refunds.find(conn, refund.id)
    if record is not None:
        refunds.change_refund(conn, record, refund.events[-1].at, **values)


def _format_payment_facts_at_request(sample: PaymentSample, refund: RefundSample) -> str:
    """Return, as JSON text, the facts about the payment at the time when `refund` was requested, in the form in which
    the database stores them with a refund.
    """
    view = {
        "state": sample.status.value,
        "provider_state": sample.column_values.get("provider_state"),
        "captured_minor": sample.captured_minor,
        "refunded_minor": sum(
            earlier.amount_minor
            for earlier in _list_earlier_refunds(sample, refund)
            if earlier.status is RefundState.COMPLETED
        ),
        "set_aside_minor": sample.set_aside_minor,
        "outside_minor": 0,
        "payer": sample.payer,
        "order_state": sample.order_status.value if sample.order_status else None,
        "order_total_minor": sample.order_column_values.get("total_amount", sample.amount_minor),
        "version": len(sample.events) + 1,
    }
    return json.dumps(view, ensure_ascii=False, sort_keys=True)


def _list_earlier_refunds(sample: PaymentSample, refund: RefundSample) -> list[RefundSample]:
    """Return the refunds of the sample that existed when `refund` was requested."""
    return [earlier for earlier in sample.refunds if earlier.requested_at < refund.requested_at]


# -- journal, evidence, cases


def _make_payment_operation_row(context: ServiceContext, sample: PaymentSample) -> ColumnValues:
    subject = (PAYMENT_KIND, sample.id)
    return rows.make_operation_row(
        context, subject, sample.operation_id, sample.corporation_number, sample.begun_at, sample.journal_state
    )


def _make_refund_operation_row(context: ServiceContext, sample: PaymentSample, refund: RefundSample) -> ColumnValues:
    journal = refund.journal_state or ("done", None, None)
    subject, sent_at = (REFUND_KIND, refund.id), refund.column_values["last_sent_at"]
    return rows.make_operation_row(
        context, subject, refund.operation_id, sample.corporation_number, sent_at, journal, "lead-b"
    )


def _make_evidence_rows(sample: PaymentSample) -> Iterator[ColumnValues]:
    for item in sample.evidence_items:
        yield rows.make_evidence_row(item, (PAYMENT_KIND, sample.id), sample.operation_id)
    for refund in sample.refunds:
        for item in refund.evidence_items:
            yield rows.make_evidence_row(item, (REFUND_KIND, refund.id), refund.operation_id)


def _make_case_row(sample: PaymentSample) -> ColumnValues:
    rule, observed, expected = sample.case_texts or ("", "", "")
    return rows.make_case_row((PAYMENT_KIND, sample.id), rule, observed, expected, sample.latest_event_at)
