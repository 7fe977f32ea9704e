"""A purchase that the database lost holds its claim until two people have decided that it was not made."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert

from console.domain.audit.actions import AuditAction
from console.store.database.engine import Database, Transaction
from console.store.operations import lost_operations
from console.store.schema.core import approvals, evidence
from console.store.spool.spool import Intent, SpoolEntry, SpoolState
from tests.support.places import Place

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OPERATION, NUMBER = "5b7c1f1e-0000-4000-8000-000000000001", "7010705000725"


@pytest.fixture
def database(databases: tuple[Database, ...]) -> Database:
    database = databases[0]
    intent = Intent(
        OPERATION, "a database", AuditAction.CREDIT_CHECK_PURCHASE, "1", NUMBER, 17, "op-a", "a desk", NOW, "f" * 32
    )
    entry = SpoolEntry(intent, SpoolState.CALLING, True, None, None, has_answer=False, is_delivered=False)
    database.write(lambda tx: lost_operations.insert_lost_operations(tx.conn, [entry], "a database", NOW))
    return database


def bring_evidence(tx: Transaction, who: str) -> int:
    row = {"subject_kind": "operation", "operation_id": OPERATION, "at": NOW.replace(tzinfo=None), "source": "person"}
    result = tx.conn.execute(insert(evidence).values(**row, who=who, sha256="a" * 64, summary="", body="seen"))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def propose(tx: Transaction, who: str, *, closed: bool) -> None:
    at = NOW.replace(tzinfo=None)
    row = {"subject_kind": "operation", "subject_id": OPERATION, "action": "resolve", "proposed": "error", "at": at}
    ended = at + timedelta(minutes=1) if closed else None
    tx.conn.execute(insert(approvals).values(**row, person=who, evidence_id=bring_evidence(tx, who), closed_at=ended))


def is_held(database: Database) -> bool:
    with database.read() as conn:
        held = lost_operations.list_purchases_holding_claim(conn, "1", NUMBER)
        assert held == lost_operations.list_purchases_holding_claim(conn, None, NUMBER)
    return bool(held)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("first", "closed", "then", "held"),
    [
        ("op-a", True, ("lead-b",), False),
        ("op-a", False, ("lead-b",), True),
        ("op-a", True, (), True),
        ("op-a", True, ("op-a",), True),
    ],
    ids=["two people", "a proposal that is open", "one who closes their own", "one with two proofs"],
)
def test_what_ends_its_claim(
    database: Database, place: Place, first: str, closed: bool, then: tuple[str, ...], held: bool
) -> None:
    """A purchase that the database has lost keeps its claim until a second person has confirmed, with evidence, a
    proposal that it was not made."""
    place.unguard("approvals")
    place.unguard("evidence")
    assert is_held(database)
    database.write(lambda tx: propose(tx, first, closed=closed))
    for who in then:
        database.write(partial(bring_evidence, who=who))
    assert is_held(database) is held
