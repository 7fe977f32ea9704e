"""Tests of the statements about payments, refunds and votes that an SQLite database itself refuses; SQLite has no
accounts."""

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from console.domain.payments.states import PAYMENT_TRANSITIONS
from console.domain.transitions import tables as states
from console.store.constraints import sqlite_money as sqlite_constraints
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate

NOW = "'2026-11-20 03:00:00'"
PAID, WAITING, DONE, OTHER = 1, 2, 3, 4
ASKED, TWO, ENDED, OWN = 1, 2, 3, 4


def changed(table: str, record: int, **values: str) -> str:
    told = ", ".join(f"{name} = {value}" for name, value in ({"version": "version + 1"} | values).items())
    return f"UPDATE {table} SET {told} WHERE id = {record}"


def reserve(payment: int, minor: int = 300) -> str:
    return changed("payments", payment, reserved_minor=f"reserved_minor + {minor}")


def request(payment: int, minor: int = 300, **more: str) -> str:
    written = {
        "payment_id": str(payment), "refund_amount": str(minor), "currency": "'JPY'", "status": "'requested'",
        "maker": "'op-a'", "reason": "'x'", "saw": "'[]'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": NOW, "created_at": NOW, "changed_at": NOW,
    } | more  # fmt: skip
    return f"INSERT INTO refunds ({', '.join(written)}) VALUES ({', '.join(written.values())})"


def vote(refund: int, person: str = "lead-b") -> str:
    return (
        "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, at)"
        f" VALUES ('refund', '{refund}', 'refund.approve', 'approved', '{person}', {NOW})"
    )


def payment(number: int, merchant: str, status: str = "initializing") -> str:
    return (
        "INSERT INTO payments (id, provider, merchant_payment_id, status, currency, asked_minor, created_at,"
        f" changed_at) VALUES ({number}, 'paypay', '{merchant}', '{status}', 'JPY', 1000, {NOW}, {NOW})"
    )


def sent(refund: int, key: str) -> tuple[str, ...]:
    return (
        vote(refund),
        changed("refunds", refund, status="'approved'"),
        changed("refunds", refund, status="'submitting'", provider_refund_key=f"'{key}'", sent_count="1"),
    )


def paid(number: int) -> tuple[str, ...]:
    steps = ("token_generated", "user_payment", "payment_success", "completed")
    moves = [changed("payments", number, status=f"'{step}'") for step in steps]
    return payment(number, f"ORD-{number}"), *moves, changed("payments", number, captured_minor="1000")


TOLD = (
    "INSERT INTO payment_events (source, event_id, kind, received_at, done, body)"
    f" VALUES ('bank', 'e1', 'x', {NOW}, 'kept', '')"
)
HONEST = (
    *paid(PAID), *paid(DONE), *paid(OTHER), payment(WAITING, "ORD-2", "user_payment"),
    reserve(PAID), request(PAID, id=str(ASKED)),
    reserve(DONE), request(DONE, id=str(ENDED)), *sent(ENDED, "RFD-1"),
    changed("refunds", ENDED, status="'completed'", refund_txn_id="'t1'"),
    changed("payments", DONE, reserved_minor="reserved_minor - 300", refunded_minor="refunded_minor + 300"),
    reserve(DONE), request(DONE, id=str(TWO), checkers_needed="2"),
    "INSERT INTO accounts (corporation_number, currency, limit_minor) VALUES ('1180301018771', 'JPY', 500)",
    "INSERT INTO orders (merch_txn_id, total_amount, status) VALUES ('ORD-9', 1000, 'cancelled')",
    TOLD,
)  # fmt: skip
"""Statements that services write, in their order."""

REFUSED: tuple[tuple[str, str, str], ...] = (
    ("of nothing", request(OTHER, 0), "one minor unit"),
    ("of less than nothing", request(OTHER, -5), "one minor unit"),
    ("of 10^18", request(OTHER, 10**18), "one minor unit"),
    ("more than was captured", reserve(PAID, 701), "captured is what is left"),
    ("without reserving it", request(OTHER), "own sum reserved"),
    ("begin approved", request(OTHER, status="'approved'"), "begins as a request"),
    ("a second open one", request(PAID, status="'requested'"), "own sum reserved"),
    ("approve one's own", vote(ASKED, "op-a"), "of somebody else"),
    ("approve one's own in capitals, with a blank", vote(ASKED, "OP-A "), "of somebody else"),
    ("approve without a vote", changed("refunds", ASKED, status="'approved'"), "as many approvers"),
    ("approve what is decided", vote(ENDED, "lead-c"), "a request that waits"),
    ("another sum", changed("refunds", ASKED, refund_amount="1"), "never changes"),
    ("another maker", changed("refunds", ASKED, maker="'x'"), "never changes"),
    ("send what nobody approved", changed("refunds", ASKED, status="'submitting'"), "no such step"),
    ("another key", changed("refunds", ENDED, provider_refund_key="'x'"), "for life"),
    ("completed becomes failed", changed("refunds", ENDED, status="'failed'"), "no such step"),
    (
        "date a state back",
        changed("refunds", ASKED, state_since="'2020-01-01 00:00:00.000000'"),
        "with the state alone",
    ),
    ("date a payment back", changed("payments", OTHER, state_since="'2020-01-01 00:00:00.000000'"), "with the state"),
    ("decided: another number", changed("refunds", ENDED, refund_txn_id="'x'"), "stays as it was decided"),
    ("without raising the version", "UPDATE refunds SET work_reason = 'x' WHERE id = 1", "raises the version"),
    ("delete a refund", "DELETE FROM refunds", "never deleted"),
    ("replace a refund", request(PAID, id=str(ASKED)).replace("INSERT", "REPLACE", 1), "never replaced"),
    ("delete a vote", "DELETE FROM approvals", "never deleted"),
    ("change who voted", "UPDATE approvals SET person = 'x'", "never changed"),
    ("free what a request holds", changed("payments", PAID, reserved_minor="0"), "stays reserved"),
    ("captured becomes less", changed("payments", OTHER, captured_minor="1"), "stays captured"),
    ("refunded becomes less", changed("payments", DONE, refunded_minor="0"), "stays refunded"),
    ("refunded beyond", changed("payments", OTHER, refunded_minor="1001"), "captured is what is left"),
    ("a sum below nothing", changed("payments", OTHER, set_aside_minor="-1"), "captured is what is left"),
    ("completed becomes unpaid", changed("payments", OTHER, status="'expired'"), "no such step"),
    ("begin as paid", payment(9, "ORD-10", "completed"), "begins without money"),
    ("another price", changed("payments", OTHER, asked_minor="1"), "never change"),
    ("delete a payment", "DELETE FROM payments", "never deleted"),
    ("change what was told", "UPDATE payment_events SET body = 'x'", "never changed"),
    ("beyond an account's limit", changed("accounts", 1, balance_minor="501"), "no more than its limit"),
    ("a cancelled order is paid", changed("orders", 1, status="'paid'"), "no such step"),
    ("delete an order", "DELETE FROM orders", "never deleted"),
)


@pytest.fixture(scope="module")
def furnished(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("guards") / "furnished.db"
    copyfile(empty_database, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as plain:
        for statement in HONEST:
            plain.execute(statement)
    return file


@pytest.fixture
def plain(furnished: Path) -> Iterator[sqlite3.Connection]:
    """A plain client of the database, in a transaction that is rolled back."""
    with closing(sqlite3.connect(furnished, isolation_level=None)) as opened:
        opened.execute("BEGIN")
        yield opened
        opened.execute("ROLLBACK")


@pytest.mark.parametrize(("statement", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(plain: sqlite3.Connection, statement: str, words: str) -> None:
    """Each statement is refused with the message of its own rule, also if the client has switched off the check
    constraints."""
    plain.execute("PRAGMA ignore_check_constraints = ON")
    with pytest.raises(sqlite3.IntegrityError, match=words):
        plain.execute(statement)


def test_two_votes_are_two_people(plain: sqlite3.Connection) -> None:
    """If two votes are needed, one is not enough, and one person can't vote twice."""
    plain.execute(vote(TWO))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        plain.execute(vote(TWO))
    with pytest.raises(sqlite3.IntegrityError, match="as many approvers"):
        plain.execute(changed("refunds", TWO, status="'approved'"))
    plain.execute(vote(TWO, "lead-c"))
    plain.execute(changed("refunds", TWO, status="'approved'"))


def test_completed_has_the_providers_number(plain: sqlite3.Connection) -> None:
    """A refund can't be completed without the id that the provider has given to it."""
    for statement in sent(ASKED, "RFD-2"):
        plain.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="provider's number"):
        plain.execute(changed("refunds", ASKED, status="'completed'"))
    plain.execute(changed("refunds", ASKED, status="'completed'", refund_txn_id="'t2'"))


def test_transitions_come_from_the_tables() -> None:
    """The triggers allow exactly the transitions of states that the program's transition tables contain."""
    texts = {
        constraint.table: constraint.sql
        for constraint in sqlite_constraints.SQLITE_CONSTRAINTS
        if constraint.event == "UPDATE"
    }
    tables: Mapping[str, Mapping[Any, Collection[Any]]] = {
        "refunds": states.REFUND_TRANSITIONS,
        "payments": PAYMENT_TRANSITIONS,
        "orders": states.ORDER_TRANSITIONS,
        "set_asides": states.SET_ASIDE_TRANSITIONS,
    }
    for table, transitions in tables.items():
        steps = {f"{before.value}>{after.value}" for before, targets in transitions.items() for after in targets}
        assert set(re.findall(r"'(\w+>\w+)'", texts[table])) == steps


def test_what_is_missing_or_altered_is_found(furnished: Path) -> None:
    """The check finds missing and altered triggers. An upgrade creates all of them again, also if the schema needs no
    other step."""
    database = Database(f"sqlite:///{furnished}")
    with database.read() as conn:
        assert sqlite_constraints.list_missing_triggers(conn) == ()
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql("DROP TRIGGER guard_refunds_update")
        tx.conn.exec_driver_sql("DROP TRIGGER guard_payments_delete")
        tx.conn.exec_driver_sql("CREATE TRIGGER guard_payments_delete BEFORE DELETE ON payments BEGIN SELECT 1; END")
        assert sqlite_constraints.list_missing_triggers(tx.conn) == ("guard_refunds_update", "guard_payments_delete")
    migrate.upgrade(database)
    with database.read() as conn:
        assert sqlite_constraints.list_missing_triggers(conn) == ()
    database.close()
