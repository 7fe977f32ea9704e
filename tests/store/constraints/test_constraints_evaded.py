"""Tests that the triggers which protect money can't be evaded by too many rights, IGNORE, an old snapshot, or a
statement that waits for a lock."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.store import forbidden_money, forbidden_worker
from tests.store.money_scene import (
    DECLINED_REFUND_ID,
    FREE_PAYMENT_ID,
    REFUND_AMOUNT_MINOR,
    make_payment_update,
    make_refund_insert,
    make_reserve_update,
)
from tests.store.plain_connections import PersonConnections, connect_as_guest, execute_for_refusal
from tests.support.teams import Team
from tests.support.waiting import wait_until

FORBIDDEN_STATEMENTS = (*forbidden_money.FORBIDDEN_MONEY_STATEMENTS, *forbidden_worker.FORBIDDEN_WORKER_STATEMENTS)

pytestmark = pytest.mark.engines("mariadb")


def test_triggers_refuse_statements_despite_too_many_grants(team: Team) -> None:
    """An account has all database rights by mistake. The triggers still refuse every statement that would otherwise
    fail because of a missing right. TRUNCATE is left out: no trigger runs for it."""
    tried = [case for case in FORBIDDEN_STATEMENTS if case.message_part == "denied" and "TRUNCATE" not in case.sql[0]]
    with connect_as_guest(team, "*") as connection, connection.cursor() as cursor:
        me = connection.user.decode()
        with team.open_connection("owner") as owner, owner.cursor() as owners:
            owners.execute(f"INSERT INTO operators (name, roles) VALUES ('{me}', 'operator,approver')")
        message_by_title = {case.title: _execute_and_roll_back(connection, cursor, case.sql) for case in tried}
    assert {title: words for title, words in message_by_title.items() if "console: " not in words} == {}
    assert len(message_by_title) > 20


def _execute_and_roll_back(connection: Any, cursor: Any, statements: tuple[str, ...]) -> str:
    connection.begin()
    me = connection.user.decode()
    messages = [execute_for_refusal(cursor, one.replace("{me}", me).replace("{other}", "x")) for one in statements]
    connection.rollback()
    return messages[-1]


def test_a_statement_with_ignore_writes_no_forbidden_row(team: Team, connections: PersonConnections) -> None:
    """With IGNORE the database turns the refusal of a trigger into a warning, but does not write the row."""
    me = team.names["lead-b"]
    written: dict[str, int] = {}
    with connections.open_new_connection("lead-b") as connection, connection.cursor() as cursor:
        for case in FORBIDDEN_STATEMENTS:
            *before, last = (one.replace("{me}", me).replace("{other}", team.names["op-b"]) for one in case.sql)
            connection.begin()
            messages = [execute_for_refusal(cursor, one) for one in before]
            ignoring = re.sub("^(UPDATE|INSERT)", r"\1 IGNORE", last)
            if (
                "IGNORE" in ignoring
                and not any(messages)
                and not execute_for_refusal(cursor, ignoring)
                and cursor.rowcount
            ):
                written[case.title] = cursor.rowcount
            connection.rollback()
    assert written == {}


@pytest.fixture
def connection_with_uncommitted_refund(team: Team) -> Iterator[Any]:
    """Yield a connection of the schema account whose transaction has reserved the amount of a refund of the payment
    FREE_PAYMENT_ID and inserted the refund as sent, and is not committed yet."""
    with team.open_connection("owner", autocommit=False) as owner, owner.cursor() as cursor:
        cursor.execute(make_reserve_update())
        cursor.execute(make_refund_insert(id="99", status="'submitted'", maker="'x'"))
        yield owner
        owner.rollback()
        cursor.execute("DELETE FROM refunds WHERE id = 99")
        cursor.execute(make_payment_update(FREE_PAYMENT_ID, reserved_minor="0"))
        owner.commit()


@pytest.mark.parametrize(
    ("checks_snapshots", "refusal"), [(0, "open refunds stay"), (1, "Record has changed since last read")]
)
def test_a_session_with_an_old_snapshot_releases_no_reservation(
    team: Team, connection_with_uncommitted_refund: Any, checks_snapshots: int, refusal: str
) -> None:
    """A database session whose snapshot is older than the sending of a refund can't release the amount that the
    refund reserves, because the trigger reads the present sums. A server that checks snapshots itself, as MariaDB
    does by default from 11.6 on, refuses the statement before the trigger."""
    if checks_snapshots and not team.server.is_mariadb:
        pytest.skip("MySQL doesn't guard snapshots")
    with team.open_connection("op-a") as old, old.cursor() as cursor:
        if team.server.is_mariadb:
            cursor.execute(f"SET SESSION innodb_snapshot_isolation = {checks_snapshots}")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        connection_with_uncommitted_refund.commit()
        cursor.execute("SELECT COUNT(*) FROM refunds WHERE id = 99")
        assert cursor.fetchone() == (0,)
        assert refusal in execute_for_refusal(cursor, make_payment_update(FREE_PAYMENT_ID, reserved_minor="0"))
        old.rollback()


@pytest.mark.parametrize("level", ["READ COMMITTED", "READ UNCOMMITTED", "REPEATABLE READ"])
def test_a_statement_that_waited_releases_no_reservation(
    team: Team, connection_with_uncommitted_refund: Any, level: str
) -> None:
    """A statement that has waited for the lock of a sent refund can't release the refund's reserved amount, with any
    isolation level of its database session."""
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(make_payment_update(DECLINED_REFUND_ID, reserved_minor=str(REFUND_AMOUNT_MINOR)))
    both = make_payment_update(FREE_PAYMENT_ID, reserved_minor="0").replace(
        f"= {FREE_PAYMENT_ID}", f"IN ({DECLINED_REFUND_ID}, {FREE_PAYMENT_ID}) ORDER BY id"
    )
    with team.open_connection("op-a") as old, old.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        message_future = pool.submit(execute_for_refusal, cursor, both)
        # Not innodb_trx: its rows stay those of an earlier reading while it is read more often than every 0.1 s.
        waiting = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
        wait_until(lambda: team.server.sql(waiting)[0][1] != "0", "waiting for the payment")
        connection_with_uncommitted_refund.commit()
        assert "open refunds stay" in message_future.result()
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(make_payment_update(DECLINED_REFUND_ID, reserved_minor="0"))
