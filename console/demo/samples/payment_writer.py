"""Puts invented orders, payments and refunds into a database by the steps that services take, traces included."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Table, insert

from console.domain import states
from console.domain.order_records import Payment, SetAsideState
from console.domain.payment_records import PaymentState, RefundState
from console.domain.saga_steps import DONE
from console.domain.states import ENDED_REFUND
from console.domain.worker_records import SagaState
from console.services import timed_out
from console.services.desk import Desk
from console.services.samples.maker import Answer, Event, Journal
from console.services.samples.money_maker import ORDER, PAYMENT, REFUND, PaymentSample, RefundSample
from console.store import accounts, boot_clock, orders, payments, refunds, sagas, schema, set_asides
from console.store.engine import Transaction
from console.store.leases import naive
from console.store.orders import NewOrder
from console.store.payments import NewPayment
from console.store.refunds import NewRefund

Row = dict[str, Any]
_DECISION = timedelta(hours=72)
_P, _R = PaymentState, RefundState
_ASKED_WITH = ("checkers_needed", "sends_after")
_SENT_WITH = ("first_sent_at", "last_sent_at", "sent_count")


def add(desk: Desk, tx: Transaction, samples: Sequence[PaymentSample]) -> None:
    """Write everything about these payments; each gets its id, and so do its order and refunds."""
    for made in samples:
        _add_order(tx.conn, made)
        _add_payment(tx.conn, made)
        for one in made.refunds:
            _add_refund(tx.conn, made, one)
    sent = [(made, one) for made in samples for one in made.refunds if one.journal]
    _insert(tx, schema.operations, [_begin(desk, made) for made in samples])
    _insert(tx, schema.operations, [_submit(desk, made, one) for made, one in sent])
    _insert(tx, schema.evidence, [row for made in samples for row in _evidence(made)])
    _insert(tx, schema.alerts, [_case(made) for made in samples if made.case])


def trail(samples: Sequence[PaymentSample]) -> Iterator[tuple[Event, str, int]]:
    """What happened, with the kind and id of the record that it happened to."""
    for made in samples:
        ids = {ORDER: made.order_id or 0, PAYMENT: made.id}
        for kind, event in made.tells:
            yield _pointed(event, made.id), kind, ids[kind]
        for one in made.refunds:
            for event in one.events:
                yield _pointed(event, made.id), REFUND, one.id


def _pointed(event: Event, payment_id: int) -> Event:
    """Facts that name the payment get its id, which is known only now."""
    if PAYMENT in event.detail:
        event.detail[PAYMENT] = payment_id
    return event


def _insert(tx: Transaction, table: Table, rows: list[Row]) -> None:
    if rows:
        tx.conn.execute(insert(table), rows)


# ---- step by step


def _add_order(conn: Connection, made: PaymentSample) -> None:
    """As the shop writes it."""
    if made.order_status is None:
        return
    total = made.order_values.get("total_amount", made.minor)
    new = NewOrder(
        made.order_no, total, made.currency, made.corporation, made.payer, made.provider, made.order_status
    )  # fmt: skip
    made.order_id = orders.insert(conn, new, made.at)
    work = {name: value for name, value in made.order_values.items() if name.startswith("work_")}
    order = orders.find(conn, made.order_id)
    if work and order is not None:
        orders.change(conn, order, made.latest, **work)


def _add_payment(conn: Connection, made: PaymentSample) -> None:
    """Begun, brought to its state, its money booked; what was taken back afterwards comes last."""
    new = NewPayment(
        made.provider, made.reference, made.currency, made.minor, made.order_id, made.corporation,
        begun_at=made.at, expires_at=made.values.get("payment_expires_at"), operation_id=made.operation_id,
    )  # fmt: skip
    made.id = payments.insert(conn, new, made.at)
    values = {"payer_ref": made.payer, **made.values}
    if made.theirs:
        values["provider_payment_id"] = made.theirs
    first = _P.COMPLETED if made.status is _P.REVERSED else made.status
    path = states.payment_path(_P.INITIALIZING, first)
    payments.follow(conn, _payment(conn, made), path, made.latest, **values)
    if made.captured:
        payments.capture(conn, made.id, made.captured, made.latest)
        _book(conn, made)
    if made.status is _P.REVERSED:
        payments.follow(conn, _payment(conn, made), (_P.REVERSED,), made.latest)
    if made.status is _P.EXPIRED:
        _end_in_steps(conn, made)


def _end_in_steps(conn: Connection, made: PaymentSample) -> None:
    """What followed when its time had passed, all of it."""
    at, done = made.latest, dict[str, str]()
    saga = sagas.start(conn, timed_out.KIND, payments.KIND, made.id, timed_out.ASK, {}, at)
    for step, following in pairwise(timed_out.STEPS):
        if saga is not None:
            done[step] = at.isoformat()
            told = {timed_out.CANCELLED: made.order_id} if step == timed_out.CANCEL else {}
            saga = sagas.advance(conn, saga, at, following, {DONE: dict(done), **told})
    if saga is not None:
        sagas.end(conn, saga, at, SagaState.DONE)


def _payment(conn: Connection, made: PaymentSample) -> Payment:
    found = payments.find(conn, made.id)
    if found is None:
        raise LookupError(made.reference)
    return found


def _book(conn: Connection, made: PaymentSample) -> None:
    """What its company's account has no room for is set aside."""
    if not made.limit:
        return
    accounts.open_account(conn, made.corporation, made.currency, made.limit)
    account = accounts.of(conn, made.corporation, made.currency)
    if account is not None:
        excess = made.captured - accounts.book(conn, account, made.captured)
        payments.set_aside(conn, made.id, excess, made.latest)
        made.set_aside_id = set_asides.insert(conn, _payment(conn, made), account.id, excess, made.latest)


def _add_refund(conn: Connection, made: PaymentSample, one: RefundSample) -> None:
    """Asked for, decided, sent, ended: as far as it got."""
    payments.reserve(conn, made.id, one.minor, one.at, from_set_aside=one.from_set_aside)
    asked = {name: one.values[name] for name in _ASKED_WITH if name in one.values}
    new = NewRefund(
        made.id, made.order_id, one.minor, made.currency, one.maker, one.reason, _saw(made, one), "[]",
        decide_by=one.at + _DECISION, set_aside_id=made.set_aside_id if one.from_set_aside else None,
        **{"checkers_needed": 1, **asked},
    )  # fmt: skip
    one.id = refunds.insert(conn, new, one.at)
    aside = set_asides.find(conn, made.set_aside_id or 0) if one.from_set_aside else None
    if aside is not None:
        set_asides.change(conn, aside, one.at, SetAsideState.REFUNDING, one.id)
    for person in one.checkers:
        refunds.vote(conn, one.id, person, one.at)
    _decide(conn, made, one)


def _decide(conn: Connection, made: PaymentSample, one: RefundSample) -> None:
    rest = {name: value for name, value in one.values.items() if name not in _ASKED_WITH}
    if one.checkers:
        _step(conn, one, {"status": _R.APPROVED})
    if one.key:
        sent = {name: rest.pop(name) for name in _SENT_WITH}
        key = {"provider_refund_key": one.key, "operation_id": one.operation_id}
        _step(conn, one, {"status": _R.SUBMITTING, **sent, **key})
    if one.status not in (_R.REQUESTED, _R.APPROVED, _R.SUBMITTING):
        rest |= {"status": one.status, "refund_txn_id": one.number}
    if rest:
        _step(conn, one, rest)
    latest = one.events[-1].at
    if one.status is _R.COMPLETED:
        payments.settle_refund(conn, made.id, one.minor, latest)
    elif one.status in ENDED_REFUND:
        payments.release(conn, made.id, one.minor, latest)


def _step(conn: Connection, one: RefundSample, values: Row) -> None:
    record = refunds.find(conn, one.id)
    if record is not None:
        refunds.change(conn, record, one.events[-1].at, **values)


def _saw(made: PaymentSample, asked: RefundSample) -> str:
    """The payment as the maker saw it."""
    seen = {
        "state": made.status.value,
        "provider_state": made.values.get("provider_state"),
        "captured_minor": made.captured,
        "refunded_minor": sum(one.minor for one in _before(made, asked) if one.status is _R.COMPLETED),
        "set_aside_minor": made.aside,
        "payer": made.payer,
        "order_state": made.order_status.value if made.order_status else None,
        "order_total_minor": made.order_values.get("total_amount", made.minor),
        "version": len(made.tells) + 1,
    }
    return json.dumps(seen, ensure_ascii=False, sort_keys=True)


def _before(made: PaymentSample, asked: RefundSample) -> list[RefundSample]:
    """The refunds that were there when this one was asked for."""
    return [one for one in made.refunds if one.at < asked.at]


# ---- the journal, evidence, cases


def _begin(desk: Desk, made: PaymentSample) -> Row:
    subject = (PAYMENT, made.id)
    return _operation(desk, made.operation_id, "payment.start", subject, made.corporation, made.at, made.journal)


def _submit(desk: Desk, made: PaymentSample, one: RefundSample) -> Row:
    journal = one.journal or ("done", None, None)
    sent_at = one.values["last_sent_at"]
    return _operation(
        desk, one.operation_id, "refund.submit", (REFUND, one.id), made.corporation, sent_at, journal
    ) | {"operator": "lead-b"}  # fmt: skip


def _operation(
    desk: Desk, operation_id: str, action: str, subject: tuple[str, int], number: str, at: datetime, journal: Journal
) -> Row:  # fmt: skip
    state, outcome, reason = journal
    ended = at + timedelta(seconds=2) if state in ("done", "failed") else None
    return {
        "id": operation_id,
        "action": action,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "corporation_number": number,
        "state": state,
        "idempotency_key": f"sample:{operation_id}",
        "fingerprint": operation_id.replace("-", ""),
        "operator": "worker",
        "desk": desk.spool.desk_id,
        "host": desk.host,
        "process": 0,
        "session": desk.session,
        "started_at": naive(at),
        "ended_at": naive(ended) if ended else None,
        "outcome_class": outcome,
        "outcome_reason": reason,
        "lease_clock": boot_clock.boot_id(),
        "lease_expires": 0,
    }


def _evidence(made: PaymentSample) -> Iterator[Row]:
    for answer in made.answers:
        yield answer_row(answer, PAYMENT, made.id, made.operation_id)
    for one in made.refunds:
        for answer in one.answers:
            yield answer_row(answer, REFUND, one.id, one.operation_id)


def answer_row(answer: Answer, kind: str, record_id: int, operation_id: str) -> Row:
    """An answer as evidence of a record, of any kind."""
    return {
        "subject_kind": kind,
        "subject_id": record_id,
        "operation_id": operation_id or None,
        "at": naive(answer.at),
        "source": answer.source,
        "who": answer.who,
        "sha256": sha256(answer.body.encode()).hexdigest(),
        "summary": answer.summary,
        "body": answer.body,
    }


def _case(made: PaymentSample) -> Row:
    rule, observed, expected = made.case or ("", "", "")
    return {
        "rule_id": rule,
        "subject_kind": PAYMENT,
        "subject_id": made.id,
        "observed": observed,
        "expected": expected,
        "detected_at": naive(made.latest),
    }
