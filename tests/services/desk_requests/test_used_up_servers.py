"""One person uses up what all accounts of a server share: sessions that block others are ended all the same."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from threading import Event
from typing import Any

import pymysql
import pytest

from console.store.access.lock_holders import (
    BLOCKS_REASON,
    SUSPENDED_REASON,
    EndedSession,
    end_next_blocking_session,
    name_repeaters,
)
from console.store.database.engine import Database
from tests.services.desk_requests.test_lock_holders import BETWEEN_LOOKS_SECONDS, runs
from tests.support.server_fixtures import need_engine
from tests.support.servers import mariadb
from tests.support.teams import EVERYBODY, Team, team
from tests.support.waiting import until

_STATEMENTS = 20
"""Number of prepared statements that the server has for all accounts together; usually 16,382."""


@pytest.fixture(scope="module")
def people() -> Iterator[Team]:
    """A team whose people ask, on a small server of its own."""
    need_engine("mariadb")
    members = {name: EVERYBODY[name] for name in ("op-a", "lead-b", "worker")}
    with (
        mariadb(extra_config=(f"max_prepared_stmt_count={_STATEMENTS}",)) as server,
        team(server, members, asks=True) as made,
    ):
        yield made


def block(people: Team, stack: ExitStack) -> None:
    """op-a locks rows and does not commit; lead-b waits for them."""
    lines = [stack.enter_context(closing(people.connect(name))) for name in ("op-a", "lead-b")]
    holding, waiting = (stack.enter_context(line.cursor()) for line in lines)
    for cursor in (holding, waiting):
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 100, idle_transaction_timeout = 0")
    holding.execute("BEGIN")
    holding.execute("SELECT COUNT(*) FROM operators FOR UPDATE")
    runs(stack, waiting, "SELECT COUNT(*) FROM operators FOR UPDATE")

    def give_up() -> None:
        with suppress(pymysql.MySQLError):
            holding.execute("ROLLBACK")

    stack.callback(give_up)


def look(people: Team, worker: Database) -> EndedSession:
    """The first session that the worker ends, while it knows that op-a has blocked others again and again."""
    ended: list[EndedSession] = []

    def has_ended() -> bool:
        Event().wait(BETWEEN_LOOKS_SECONDS)
        with worker.read() as conn:
            name_repeaters(conn, {people.names["op-a"]})
            session = end_next_blocking_session(conn)
        ended.extend([session] if session else [])
        return bool(ended)

    until(has_ended, "the end of the session", 30)
    return ended[0]


def prepare_all(cursor: Any) -> None:
    """Prepare statements until the server has none left for anybody."""
    for number in range(_STATEMENTS):
        cursor.execute(f"PREPARE kept_{number} FROM 'DO 1'")
    with pytest.raises(pymysql.MySQLError, match="max_prepared_stmt_count"):
        cursor.execute("PREPARE one_more FROM 'DO 1'")


@pytest.mark.parametrize("whose", ["op-a", "lead-b"])
def test_nobody_keeps_an_account_from_being_locked(people: Team, whose: str) -> None:
    """Somebody has used up the prepared statements of the server: the account is locked without one."""
    account = people.names["op-a"]
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))
        prepare_all(stack.enter_context(stack.enter_context(closing(people.connect(whose))).cursor()))
        block(people, stack)
        assert look(people, worker) == EndedSession(account, SUSPENDED_REASON)
        with pytest.raises(pymysql.MySQLError, match="locked"):
            people.connect("op-a")
    people.server.sql(f"ALTER USER `{account}`@`%` ACCOUNT UNLOCK")


def test_who_cannot_be_locked_is_ended(people: Team) -> None:
    """The schema account may not lock this account, for whatever reason: its session is ended."""
    account, owner = people.names["op-a"], people.owner.partition("//")[2].partition(":")[0]
    with ExitStack() as stack:
        worker = stack.enter_context(closing(Database(people.urls["worker"])))
        people.server.sql(f"REVOKE CREATE USER ON *.* FROM `{owner}`@`%`")
        stack.callback(people.server.sql, f"GRANT CREATE USER ON *.* TO `{owner}`@`%`")
        block(people, stack)
        assert look(people, worker) == EndedSession(account, BLOCKS_REASON)
    with suppress(pymysql.MySQLError):
        people.connect("op-a").close()
