"""Tests that a purchase which the database lost holds its claim until two people have decided that it was not
made.
"""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert

from console.domain.audit.actions import AuditAction
from console.store.database.engine import Database, Transaction
from console.store.operations import lost_operations
from console.store.schema.core import approvals, evidence, operations
from console.store.spool.spool import Intent, SpoolEntry, SpoolState
from tests.support.places import Place

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OPERATION_ID, CORPORATION_NUMBER = "5b7c1f1e-0000-4000-8000-000000000001", "7010705000725"


def make_entry(operation_id: str, *, holds_claim: bool) -> SpoolEntry:
    """Return an entry of a desk's spool about a purchase of the number CORPORATION_NUMBER, which holds its claim
    or not.
    """
    intent = Intent(
        operation_id,
        "a database",
        AuditAction.CREDIT_CHECK_PURCHASE,
        "1",
        CORPORATION_NUMBER,
        17,
        "op-a",
        "a desk",
        NOW,
        "f" * 32,
    )
    state = SpoolState.CALLING if holds_claim else SpoolState.ENDED
    return SpoolEntry(intent, state, holds_claim, None, None, has_answer=False, is_delivered=False)


@pytest.fixture
def database(databases: tuple[Database, ...]) -> Database:
    database = databases[0]
    entry = make_entry(OPERATION_ID, holds_claim=True)
    database.write(lambda tx: lost_operations.insert_lost_operations(tx.conn, [entry], "a database", NOW))
    return database


def list_states(database: Database) -> list[str]:
    """Return the states of all lost operations, from the last reported operation to the first."""
    with database.read() as conn:
        return [state for _, _, state in lost_operations.list_lost_operations(conn, 10)]


def add_evidence(tx: Transaction, person: str) -> int:
    row = {
        "subject_kind": "operation",
        "operation_id": OPERATION_ID,
        "at": NOW.replace(tzinfo=None),
        "source": "person",
    }
    result = tx.conn.execute(insert(evidence).values(**row, who=person, sha256="a" * 64, summary="", body="seen"))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def insert_proposal(tx: Transaction, person: str, *, is_closed: bool) -> None:
    at = NOW.replace(tzinfo=None)
    row = {
        "subject_kind": "operation",
        "subject_id": OPERATION_ID,
        "action": "resolve",
        "proposed": "error",
        "at": at,
    }
    ended = at + timedelta(minutes=1) if is_closed else None
    tx.conn.execute(
        insert(approvals).values(**row, person=person, evidence_id=add_evidence(tx, person), closed_at=ended)
    )


def holds_claim(database: Database) -> bool:
    with database.read() as conn:
        purchases = lost_operations.list_purchases_holding_claim(conn, "1", CORPORATION_NUMBER)
        assert purchases == lost_operations.list_purchases_holding_claim(conn, None, CORPORATION_NUMBER)
    return bool(purchases)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("proposer", "is_closed", "deciders", "is_claimed"),
    [
        ("op-a", True, ("lead-b",), False),
        ("op-a", False, ("lead-b",), True),
        ("op-a", True, (), True),
        ("op-a", True, ("op-a",), True),
    ],
    ids=["two people", "a proposal that is open", "one person closes their own", "one with two proofs"],
)
def test_a_lost_purchase_keeps_its_claim_until_two_decisions(
    database: Database, place: Place, proposer: str, is_closed: bool, deciders: tuple[str, ...], is_claimed: bool
) -> None:
    """One person proposes that a lost purchase was not made. The purchase holds its claim until a second person has
    confirmed this with evidence."""
    place.drop_table_triggers("approvals")
    place.drop_table_triggers("evidence")
    assert holds_claim(database)
    database.write(lambda tx: insert_proposal(tx, proposer, is_closed=is_closed))
    for person in deciders:
        database.write(partial(add_evidence, person=person))
    assert holds_claim(database) is is_claimed
    assert list_states(database) == ["open" if is_claimed else "decided"]


@pytest.mark.engines("sqlite")
def test_the_list_of_lost_operations_has_each_state(database: Database) -> None:
    """The list begins with the last reported operation. An operation that certainly failed before the loss holds no
    claim, and an operation that is in the journal again is listed as restored. The list is cut at its limit, and the
    total number is returned too.
    """
    later = [make_entry(f"{OPERATION_ID[:-1]}{n}", holds_claim=holds) for n, holds in ((2, False), (3, True))]
    database.write(
        lambda tx: lost_operations.insert_lost_operations(tx.conn, later, "a database", NOW + timedelta(hours=1))
    )
    restored = {
        "id": later[1].intent.operation_id, "action": AuditAction.CREDIT_CHECK_PURCHASE,
        "subject_kind": "credit-check", "state": "done", "idempotency_key": "restored", "fingerprint": "f" * 32,
        "operator": "op-a", "desk": "a desk",
        "host": "a host", "process": 1, "session": "a session", "started_at": NOW.replace(tzinfo=None),
        "lease_clock": "none", "lease_expires": 0,
    }  # fmt: skip
    database.write(lambda tx: tx.conn.execute(insert(operations).values(**restored)))
    assert list_states(database) == ["ended", "restored", "open"]
    with database.read() as conn:
        assert len(lost_operations.list_lost_operations(conn, 2)) == 2
        assert lost_operations.count_lost_operations(conn) == 3
