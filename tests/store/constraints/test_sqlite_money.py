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

NOW_SQL = "'2026-11-20 03:00:00'"
PAID_PAYMENT_ID, WAITING_PAYMENT_ID, COMPLETED_PAYMENT_ID, OTHER_PAYMENT_ID = 1, 2, 3, 4
REQUESTED_REFUND_ID, TWO_VOTE_REFUND_ID, ENDED_REFUND_ID = 1, 2, 3


def make_update(table: str, record: int, **values: str) -> str:
    assignments = ", ".join(f"{name} = {value}" for name, value in ({"version": "version + 1"} | values).items())
    return f"UPDATE {table} SET {assignments} WHERE id = {record}"


def make_reserve_update(payment: int, minor: int = 300) -> str:
    return make_update("payments", payment, reserved_minor=f"reserved_minor + {minor}")


def make_refund_insert(payment: int, minor: int = 300, **more: str) -> str:
    written = {
        "payment_id": str(payment), "refund_amount": str(minor), "currency": "'JPY'", "status": "'requested'",
        "maker": "'op-a'", "reason": "'x'", "saw": "'[]'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": NOW_SQL, "created_at": NOW_SQL, "changed_at": NOW_SQL,
    } | more  # fmt: skip
    return f"INSERT INTO refunds ({', '.join(written)}) VALUES ({', '.join(written.values())})"


def make_vote_insert(refund: int, person: str = "lead-b") -> str:
    return (
        "INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, at)"
        f" VALUES ('refund', '{refund}', 'refund.approve', 'approved', '{person}', {NOW_SQL})"
    )


def make_payment_insert(number: int, merchant: str, status: str = "initializing") -> str:
    return (
        "INSERT INTO payments (id, provider, merchant_payment_id, status, currency, asked_minor, created_at,"
        f" changed_at) VALUES ({number}, 'paypay', '{merchant}', '{status}', 'JPY', 1000, {NOW_SQL}, {NOW_SQL})"
    )


def make_sending_statements(refund: int, key: str) -> tuple[str, ...]:
    """Return the SQL statements that approve the refund and mark it as being sent under the idempotency key `key`."""
    return (
        make_vote_insert(refund),
        make_update("refunds", refund, status="'approved'"),
        make_update("refunds", refund, status="'submitting'", provider_refund_key=f"'{key}'", sent_count="1"),
    )


def make_paid_statements(number: int) -> tuple[str, ...]:
    """Return the SQL statements that insert a payment and bring it through all states until it is paid."""
    steps = ("token_generated", "user_payment", "payment_success", "completed")
    moves = [make_update("payments", number, status=f"'{step}'") for step in steps]
    return (
        make_payment_insert(number, f"ORD-{number}"),
        *moves,
        make_update("payments", number, captured_minor="1000"),
    )


NOTICE_INSERT = (
    "INSERT INTO payment_events (source, event_id, kind, received_at, done, body)"
    f" VALUES ('bank', 'e1', 'x', {NOW_SQL}, 'kept', '')"
)
ALLOWED_STATEMENTS = (
    *make_paid_statements(PAID_PAYMENT_ID), *make_paid_statements(COMPLETED_PAYMENT_ID),
    *make_paid_statements(OTHER_PAYMENT_ID),
    make_payment_insert(WAITING_PAYMENT_ID, "ORD-2", "user_payment"),
    make_reserve_update(PAID_PAYMENT_ID), make_refund_insert(PAID_PAYMENT_ID, id=str(REQUESTED_REFUND_ID)),
    make_reserve_update(COMPLETED_PAYMENT_ID), make_refund_insert(COMPLETED_PAYMENT_ID, id=str(ENDED_REFUND_ID)),
    *make_sending_statements(ENDED_REFUND_ID, "RFD-1"),
    make_update("refunds", ENDED_REFUND_ID, status="'completed'", refund_txn_id="'t1'"),
    make_update("payments", COMPLETED_PAYMENT_ID, reserved_minor="reserved_minor - 300",
        refunded_minor="refunded_minor + 300"),
    make_reserve_update(COMPLETED_PAYMENT_ID),
    make_refund_insert(COMPLETED_PAYMENT_ID, id=str(TWO_VOTE_REFUND_ID), checkers_needed="2"),
    "INSERT INTO accounts (corporation_number, currency, limit_minor) VALUES ('1180301018771', 'JPY', 500)",
    "INSERT INTO orders (merch_txn_id, total_amount, status) VALUES ('ORD-9', 1000, 'cancelled')",
    NOTICE_INSERT,
)  # fmt: skip
"""SQL statements that services write, in the order in which they write them. The database accepts all of them."""

REFUSED_STATEMENTS: tuple[tuple[str, str, str], ...] = (
    ("of nothing", make_refund_insert(OTHER_PAYMENT_ID, 0), "one minor unit"),
    ("of less than nothing", make_refund_insert(OTHER_PAYMENT_ID, -5), "one minor unit"),
    ("of 10^18", make_refund_insert(OTHER_PAYMENT_ID, 10**18), "one minor unit"),
    ("more than was captured", make_reserve_update(PAID_PAYMENT_ID, 701), "payment is negative"),
    ("without reserving it", make_refund_insert(OTHER_PAYMENT_ID), "own sum reserved"),
    ("begin approved", make_refund_insert(OTHER_PAYMENT_ID, status="'approved'"), "begins as a request"),
    ("a second open one", make_refund_insert(PAID_PAYMENT_ID, status="'requested'"), "own sum reserved"),
    ("approve one's own", make_vote_insert(REQUESTED_REFUND_ID, "op-a"), "of somebody else"),
    (
        "approve one's own in capitals, with a blank",
        make_vote_insert(REQUESTED_REFUND_ID, "OP-A "),
        "of somebody else",
    ),
    ("approve without a vote", make_update("refunds", REQUESTED_REFUND_ID, status="'approved'"), "enough approvers"),
    ("approve what is decided", make_vote_insert(ENDED_REFUND_ID, "lead-c"), "a request that waits"),
    ("another sum", make_update("refunds", REQUESTED_REFUND_ID, refund_amount="1"), "never change"),
    ("another maker", make_update("refunds", REQUESTED_REFUND_ID, maker="'x'"), "never change"),
    ("send what nobody approved", make_update("refunds", REQUESTED_REFUND_ID, status="'submitting'"), "no such step"),
    ("another key", make_update("refunds", ENDED_REFUND_ID, provider_refund_key="'x'"), "idempotency key"),
    ("completed becomes failed", make_update("refunds", ENDED_REFUND_ID, status="'failed'"), "no such step"),
    (
        "date a state back",
        make_update("refunds", REQUESTED_REFUND_ID, state_since="'2020-01-01 00:00:00.000000'"),
        "state changes only",
    ),
    (
        "date a payment back",
        make_update("payments", OTHER_PAYMENT_ID, state_since="'2020-01-01 00:00:00.000000'"),
        "with the state",
    ),
    (
        "decided: another number",
        make_update("refunds", ENDED_REFUND_ID, refund_txn_id="'x'"),
        "has ended is never changed",
    ),
    ("without raising the version", "UPDATE refunds SET work_reason = 'x' WHERE id = 1", "raises the version"),
    ("delete a refund", "DELETE FROM refunds", "never deleted"),
    (
        "replace a refund",
        make_refund_insert(PAID_PAYMENT_ID, id=str(REQUESTED_REFUND_ID)).replace("INSERT", "REPLACE", 1),
        "never replaced",
    ),
    ("delete a vote", "DELETE FROM approvals", "never deleted"),
    ("change who voted", "UPDATE approvals SET person = 'x'", "never changed"),
    ("free what a request holds", make_update("payments", PAID_PAYMENT_ID, reserved_minor="0"), "open refunds stay"),
    ("captured becomes less", make_update("payments", OTHER_PAYMENT_ID, captured_minor="1"), "captured amount never"),
    (
        "refunded becomes less",
        make_update("payments", COMPLETED_PAYMENT_ID, refunded_minor="0"),
        "the refunded amount",
    ),
    ("refunded beyond", make_update("payments", OTHER_PAYMENT_ID, refunded_minor="1001"), "payment is negative"),
    (
        "a sum below nothing",
        make_update("payments", OTHER_PAYMENT_ID, set_aside_minor="-1"),
        "payment is negative",
    ),
    ("completed becomes unpaid", make_update("payments", OTHER_PAYMENT_ID, status="'expired'"), "no such step"),
    ("begin as paid", make_payment_insert(9, "ORD-10", "completed"), "begins without money"),
    ("another price", make_update("payments", OTHER_PAYMENT_ID, asked_minor="1"), "never change"),
    ("delete a payment", "DELETE FROM payments", "never deleted"),
    ("change what was told", "UPDATE payment_events SET body = 'x'", "never changed"),
    ("beyond an account's limit", make_update("accounts", 1, balance_minor="501"), "above its limit"),
    ("a cancelled order is paid", make_update("orders", 1, status="'paid'"), "no such step"),
    ("delete an order", "DELETE FROM orders", "never deleted"),
)
"""A title, a statement that the database refuses after ALLOWED_STATEMENTS, and a part of the message of the refusal.
"""


@pytest.fixture(scope="module")
def filled_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("guards") / "furnished.db"
    copyfile(empty_database, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as plain:
        for statement in ALLOWED_STATEMENTS:
            plain.execute(statement)
    return file


@pytest.fixture
def plain_connection(filled_database: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection of the module `sqlite3` in a transaction that is rolled back at the end of the test."""
    with closing(sqlite3.connect(filled_database, isolation_level=None)) as opened:
        opened.execute("BEGIN")
        yield opened
        opened.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("statement", "words"), [case[1:] for case in REFUSED_STATEMENTS], ids=[case[0] for case in REFUSED_STATEMENTS]
)
def test_each_forbidden_statement_has_its_message(
    plain_connection: sqlite3.Connection, statement: str, words: str
) -> None:
    """The database refuses each statement with the message of the rule for this statement, even if the check
    constraints are switched off in its connection."""
    plain_connection.execute("PRAGMA ignore_check_constraints = ON")
    with pytest.raises(sqlite3.IntegrityError, match=words):
        plain_connection.execute(statement)


def test_two_votes_need_two_people(plain_connection: sqlite3.Connection) -> None:
    """If a refund needs two votes, the database refuses its approval with one vote and refuses a second vote of the
    same person.
    """
    plain_connection.execute(make_vote_insert(TWO_VOTE_REFUND_ID))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        plain_connection.execute(make_vote_insert(TWO_VOTE_REFUND_ID))
    with pytest.raises(sqlite3.IntegrityError, match="enough approvers"):
        plain_connection.execute(make_update("refunds", TWO_VOTE_REFUND_ID, status="'approved'"))
    plain_connection.execute(make_vote_insert(TWO_VOTE_REFUND_ID, "lead-c"))
    plain_connection.execute(make_update("refunds", TWO_VOTE_REFUND_ID, status="'approved'"))


def test_a_completed_refund_needs_the_providers_id(plain_connection: sqlite3.Connection) -> None:
    """The database refuses to complete a refund without the id that the provider has given to the refund."""
    for statement in make_sending_statements(REQUESTED_REFUND_ID, "RFD-2"):
        plain_connection.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="provider's number"):
        plain_connection.execute(make_update("refunds", REQUESTED_REFUND_ID, status="'completed'"))
    plain_connection.execute(make_update("refunds", REQUESTED_REFUND_ID, status="'completed'", refund_txn_id="'t2'"))


def test_triggers_allow_the_transitions_of_the_transition_tables() -> None:
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


def test_missing_and_altered_triggers_are_found(filled_database: Path) -> None:
    """The check finds missing and altered triggers. An upgrade creates all triggers again, even if the schema needs
    no other change."""
    database = Database(f"sqlite:///{filled_database}")
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
