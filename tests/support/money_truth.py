"""Checks rules of payments and refunds that must hold after any fault. It compares the providers' ledgers with the
rows of the database.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from console.app import Console
from console.domain.access.permissions import is_same_person
from console.domain.payments.states import RESERVING_REFUND_STATES, RefundState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.sandbox.server import Sandbox
from console.store.database.engine import Database

_SELECT_REFUNDS_SQL = text(
    "SELECT id, payment_id, refund_amount, status, certainty, work_state, work_at, work_reason, maker,"
    " provider_refund_key, refund_txn_id, sent_count, checkers_needed, set_aside_id FROM refunds ORDER BY id"
)
_SELECT_PAYMENTS_SQL = text(
    "SELECT id, provider, merchant_payment_id, captured_minor, reserved_minor, refunded_minor, set_aside_minor"
    " FROM payments ORDER BY id"
)
_SELECT_VOTES_SQL = text(
    "SELECT subject_id, person FROM approvals WHERE subject_kind = 'refund' AND action = 'refund.approve'"
)
_SELECT_SET_ASIDES_SQL = text(
    "SELECT payment_id, sum(amount_minor) FROM set_asides WHERE status = 'open' GROUP BY payment_id"
)
QUEUE_NAMES = ("pending", "unknown", "error", "review", "refunds")
_FAILED_REFUND_WORDS = ("REFUND_FAILED", "REFUND FAILED", "REFUND REJECTED")


@dataclass(frozen=True, slots=True)
class RefundRow:
    """The stored values of a refund without computed ones; `minor` is the amount in minor units."""

    id: int
    payment_id: int
    minor: int
    status: str
    certainty: str
    work_state: str
    work_at: object
    work_reason: str | None
    maker: str
    key: str | None
    id_at_provider: str | None
    sent_count: int
    needed_approval_count: int
    set_aside_id: int | None

    @property
    def state(self) -> RefundState:
        return RefundState(self.status)

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED_REFUND_STATES or self.certainty == "unknown"


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """The stored amounts of a payment, in minor units."""

    id: int
    provider: str
    number: str
    captured_minor: int
    reserved_minor: int
    refunded_minor: int
    set_aside_minor: int


def read_refund_rows(database: Database) -> tuple[RefundRow, ...]:
    """Return the stored rows of all refunds."""
    with database.read() as conn:
        return tuple(RefundRow(*row) for row in conn.execute(_SELECT_REFUNDS_SQL))


def read_payment_rows(database: Database) -> tuple[PaymentRow, ...]:
    """Return the stored amounts of all payments, one row each."""
    with database.read() as conn:
        return tuple(PaymentRow(*row) for row in conn.execute(_SELECT_PAYMENTS_SQL))


def check_money(console: Console, sandbox: Sandbox) -> tuple[RefundRow, ...]:
    """Check all rules of this module, and return the stored rows of the refunds."""
    rows = read_refund_rows(console.database)
    check_sums(console.database, rows)
    check_ledger(console.database, rows, sandbox)
    check_votes(console.database, rows)
    check_queues(console, rows)
    return rows


def check_sums(database: Database, rows: Iterable[RefundRow]) -> None:
    """Check that no part of a captured amount (remaining, reserved, refunded, set aside) is negative, and that the
    parts equal the sums of the payment's refunds and set-asides. Also check that a payment has at most one refund
    that is requested, approved or being submitted."""
    reserved, refunded = Counter[int](), Counter[int]()
    opened = Counter(row.payment_id for row in rows if row.state in _OPEN_REFUND_STATES)
    for row in rows:
        reserved[row.payment_id] += row.minor if row.state in RESERVING_REFUND_STATES else 0
        refunded[row.payment_id] += row.minor if row.state is RefundState.COMPLETED else 0
    with database.read() as conn:
        aside = {int(payment_id): int(minor) for payment_id, minor in conn.execute(_SELECT_SET_ASIDES_SQL)}
    for payment in read_payment_rows(database):
        remaining = payment.captured_minor - payment.reserved_minor - payment.refunded_minor - payment.set_aside_minor
        assert min(remaining, payment.reserved_minor, payment.refunded_minor, payment.set_aside_minor) >= 0, (
            f"below zero: {payment}"
        )
        expected = (reserved[payment.id], refunded[payment.id], aside.get(payment.id, 0))
        assert (payment.reserved_minor, payment.refunded_minor, payment.set_aside_minor) == expected, (
            f"{payment}, its refunds say {expected}"
        )
        assert opened[payment.id] <= 1, f"{opened[payment.id]} open refunds of {payment}"


_OPEN_REFUND_STATES = frozenset({RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING})


def read_refund_ledger(sandbox: Sandbox) -> Mapping[str, list[dict[str, Any]]]:
    """Return the refunds that the providers have accepted, by our idempotency key."""
    entries_by_key: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in sandbox.control.payments_control.read_refunds():
        entries_by_key[entry["key"]].append(entry)
    return entries_by_key


def check_ledger(database: Database, rows: Iterable[RefundRow], sandbox: Sandbox) -> None:
    """Compare our refunds with the providers' ledger. The providers have at most one refund for each of our refunds,
    and no other refund. Each of our submitted and completed refunds is in the ledger, with the same amount. No
    payment has more refunded than captured, and no refund was sent without an idempotency key."""
    entries_by_key, by_key = read_refund_ledger(sandbox), {row.key: row for row in rows if row.key is not None}
    doubles = {key: entries for key, entries in entries_by_key.items() if len(entries) > 1}
    assert not doubles, f"refunded twice: {doubles}"
    assert entries_by_key.keys() <= by_key.keys(), (
        f"refunds that nobody knows: {entries_by_key.keys() - by_key.keys()}"
    )
    for key, row in by_key.items():
        _check_refund_against_ledger(
            row, [entry for entry in entries_by_key.get(key or "", ()) if entry["state"] not in _FAILED_REFUND_WORDS]
        )
    for payment in sandbox.control.payments_control.read_ledger()["payments"]:
        assert payment["accepted_minor"] <= payment["captured_minor"], f"more than was captured: {payment}"
    unsent = [
        row
        for row in rows
        if row.key is None and row.state in (RefundState.SUBMITTING, RefundState.SUBMITTED, RefundState.COMPLETED)
    ]
    assert not unsent, f"sent without a key: {unsent}"


def _check_refund_against_ledger(row: RefundRow, live: list[dict[str, Any]]) -> None:
    """Compare the state of one refund in our database with `live`, its entries in the provider's ledger that haven't
    failed. A refund that is submitted or completed here must have exactly one entry. If there is an entry, its amount
    must be ours, and the refund must be approved, submitting, submitted, completed or waiting for a person here.
    """
    if row.state in (RefundState.COMPLETED, RefundState.SUBMITTED):
        assert len(live) == 1, f"{row.state} here, and not there: {row}"
        assert row.state is not RefundState.COMPLETED or row.id_at_provider, f"completed without a number: {row}"
    if live:
        assert live[0]["amount_minor"] == row.minor, f"another sum there: {row}, {live}"
        known = row.state in (RefundState.SUBMITTING, RefundState.SUBMITTED, RefundState.COMPLETED)
        waits = row.state is RefundState.APPROVED or row.work_state == "needs_review"
        assert known or waits, f"refunded there, and nobody looks at it here: {row}, {live}"


def check_votes(database: Database, rows: Iterable[RefundRow]) -> None:
    """Check that each sent refund has enough approvals, that each approver has voted at most once for a refund, and
    that no requester has approved their own refund.
    """
    votes: defaultdict[str, list[str]] = defaultdict(list)
    with database.read() as conn:
        for subject, person in conn.execute(_SELECT_VOTES_SQL):
            votes[str(subject)].append(person.casefold())
    for row in rows:
        given = votes[str(row.id)]
        assert len(set(given)) == len(given), f"voted twice: {row}, {given}"
        assert not any(is_same_person(one, row.maker) for one in given), f"approved by its maker: {row}"
        assert not row.sent_count or len(given) >= row.needed_approval_count, (
            f"sent with {len(given)} approvals: {row}"
        )


def check_queues(console: Console, rows: Iterable[RefundRow]) -> None:
    """Check that each refund that has not ended, has an unknown outcome or needs a review is in the right queue, with
    a next step.
    """
    queued = {name: _read_next_steps(console, name) for name in QUEUE_NAMES}
    for row in rows:
        queue_names = [name for name, items in queued.items() if row.id in items]
        if row.certainty == "unknown":
            assert "unknown" in queue_names, f"unknown, but in {queue_names}: {row}"
        elif row.is_open:
            assert queue_names, f"open and in no queue: {row}"
            driven = row.work_state in ("needs_review", "scheduled") or row.state in (
                RefundState.REQUESTED,
                RefundState.SUBMITTING,
            )
            assert driven, f"nobody and nothing moves it on: {row}"
        if row.work_state == "needs_review":
            assert "review" in queue_names, f"needs review, but in {queue_names}: {row}"
        for name in queue_names:
            assert queued[name][row.id], f"no next step in {name}: {row}"


def _read_next_steps(console: Console, name: str) -> dict[int, str]:
    """Return the code of the next step of each refund in the queue `name`, by refund id."""
    next_step_by_id: dict[int, str] = {}
    cursor = None
    while True:
        page = console.recovery.read_queue(name, 1_000, cursor)
        for item in page.items:
            if type(item.record).__name__ == "Refund":
                next_step_by_id[item.record.id] = item.explanation.next_step.code
        cursor = page.next_cursor
        if cursor is None:
            return next_step_by_id
