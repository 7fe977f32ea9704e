"""The database accepts the statements about the worker's tables that our services write, under the account of each
role.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store import forbidden_worker as worker
from tests.store.forbidden import UTC
from tests.store.forbidden_worker import ENDED, FREE, HELD_BY_OTHER, OPEN, TAKEN_BEFORE, UNSEEN, plain
from tests.store.guard_lines import Lines, does, guest, honest, said
from tests.store.money_scene import changed, row
from tests.support.teams import Team

WRITERS = ("op-a", "lead-b", "worker")

pytestmark = pytest.mark.engines("mariadb")


class SqlClient:
    """The client of one person. It executes statements in one transaction, which is rolled back, and returns the
    refusal of the database, "" if there is none.
    """

    def __init__(self, people: Team, lines: Lines) -> None:
        self._people, self._lines = people, lines

    def __call__(self, who: str, *statements: str) -> str:
        return does(self._lines, who, *(honest(one, self._people, who) for one in statements))


@pytest.fixture
def desk(people: Team, lines: Lines) -> SqlClient:
    return SqlClient(people, lines)


@pytest.mark.parametrize("who", WRITERS)
def test_a_task(desk: SqlClient, who: str) -> None:
    """The row of a task may be inserted, and the run of a task may be begun and ended, also by another account than
    the one that inserted it."""
    made = row("tasks", name="'outbox'", every_seconds="5", next_at=UTC)
    ended = "UPDATE tasks SET version = version + 1, ended_at = NULL, taken = 9, failures = 1, trouble = 'x'"
    assert desk(who, made, ended) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_request_id(desk: SqlClient, who: str) -> None:
    """A request id is stored in the person's own name, gets its record and operation, is ended with its answer, and
    may be used again after that."""
    tied = "UPDATE request_ids SET subject_kind = 'payment', operation_id = 'o' WHERE person = '{me}'"
    ended = "UPDATE request_ids SET state = 'kept', answer = 'x', lease_expires = 0 WHERE person = '{me}'"
    anew = "UPDATE request_ids SET state = 'running', fence = fence + 1, answer = NULL WHERE person = '{me}'"
    assert desk(who, worker.request_row(), tied, ended, anew) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_saga(desk: SqlClient, who: str) -> None:
    """A saga may move to its next step and to each of its final states. After its end a new saga may begin for the
    same record."""
    assert desk(who, changed("sagas", OPEN, step="'expire'", attempts="0")) == ""
    assert desk(who, changed("sagas", OPEN, state="'stuck'", next_at="NULL")) == ""
    for state in ("done", "compensated"):
        ended = changed("sagas", OPEN, state=f"'{state}'", ended_at=UTC, next_at="NULL")
        assert desk(who, ended, worker.saga_row(subject_id="1")) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_an_alert(desk: SqlClient, who: str) -> None:
    """An alert may be opened, acknowledged in the person's own name, and resolved; after that the same alert may be
    opened again."""
    found = row(
        "alerts",
        rule_id="'A'",
        subject_kind="'order'",
        subject_id="1",
        observed="'a'",
        expected="'b'",
        detected_at=UTC,
    )
    settled = plain("alerts", UNSEEN, resolved_at=UTC)
    assert desk(who, worker.acknowledged(UNSEEN), settled, found) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_watched_corporation(desk: SqlClient, who: str) -> None:
    """An account may store a watched corporation for the first time, and change its facts with a newer registry."""
    changed_facts = worker.watched_again(facts="'x'", facts_before="facts", registry_date="'2026-11-04'")
    assert desk(who, worker.watched_row(), changed_facts) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_an_event(desk: SqlClient, who: str) -> None:
    """An event of the outbox may be stored, postponed and marked as published."""
    late = plain("outbox", OPEN, attempts="attempts + 1", next_at=f"{UTC} + INTERVAL 1 HOUR", trouble="'timeout'")
    assert desk(who, worker.event_row(), late, plain("outbox", OPEN, published_at=UTC, trouble="NULL")) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_reconciliation(desk: SqlClient, who: str) -> None:
    """The counts of a reconciliation may only rise; its differences and their cases may be stored; then it may be
    ended."""
    counted = changed("reconciliations", OPEN, matched="matched + 7", phase="'ours'", position="'x'")
    opened = plain("reconciliation_rows", OPEN, case_opened="1")
    ended = changed("reconciliations", OPEN, state="'failed'", ended_at=UTC)
    assert desk(who, worker.run_row(), counted, worker.difference_row(), opened, ended) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_bulk_run(desk: SqlClient, who: str) -> None:
    """A person stores a bulk run with its rows in their own name. The executing account may store the results, stop
    the run, continue it and end it."""
    made = (worker.frozen(most="2"), "SET @made = LAST_INSERT_ID()")
    rows = [worker.bulk_row("@made", place, subject_id=f"{place}") for place in (1, 2)]
    states = [
        changed("bulk_runs", "@made", state=f"'{state}'", most="1")
        for state in ("running", "stopped", "running", "done")
    ]
    assert desk(who, *made, *rows, *states) == ""
    result = plain("bulk_rows", OPEN, result="'done'", done_at=UTC)
    assert desk(who, changed("bulk_runs", OPEN, state="'running'"), result) == ""


@pytest.mark.parametrize("who", WRITERS)
def test_a_take(desk: SqlClient, who: str) -> None:
    """A record without a take, or with another person's ended take, is taken; the take is extended and released."""
    mine = worker.taken(FREE)
    given_up = f"UPDATE takes SET until = {UTC} WHERE subject_id = {FREE}"
    assert desk(who, worker.take_row(), mine, given_up, mine) == ""
    assert desk(who, worker.taken(TAKEN_BEFORE)) == ""
    assert "somebody else has" in desk(who, worker.taken(HELD_BY_OTHER))


def test_a_note(desk: SqlClient) -> None:
    """People write notes; the worker can't."""
    assert desk("op-a", worker.note_row()) == desk("lead-b", worker.note_row()) == ""
    assert "this role notes nothing" in desk("worker", worker.note_row())


@pytest.mark.parametrize("who", WRITERS)
def test_stock_is_given_free(desk: SqlClient, who: str) -> None:
    """A reservation of stock may be released."""
    assert desk(who, plain("stock_reservations", OPEN, status="'released'", updated_at=UTC)) == ""


@pytest.fixture
def shop(people: Team) -> Iterator[Any]:
    """A function that executes a statement with another application's account, which has only the rights on the
    reservations of stock, and returns the refusal, "" if there is none. All changes are rolled back."""
    with guest(people, "stock_reservations", autocommit=False) as connection:
        with connection.cursor() as cursor:
            yield lambda statement: said(cursor, statement)
        connection.rollback()


def test_the_shop_reserves_its_stock(shop: Any) -> None:
    """The shop may insert a reservation, change its quantity, mark it as used and release it. A used or released
    reservation can't be held again."""
    assert shop("INSERT INTO stock_reservations (id, order_id, item, quantity) VALUES (8, 1, 'tea', 1)") == ""
    assert shop("UPDATE stock_reservations SET quantity = 2 WHERE id = 8") == ""
    assert shop("UPDATE stock_reservations SET status = 'used' WHERE id = 8") == ""
    for back in ("held", "released", "lost"):
        assert "no such step" in shop(f"UPDATE stock_reservations SET status = '{back}' WHERE id = 8")
    assert shop(f"UPDATE stock_reservations SET status = 'released' WHERE id = {OPEN}") == ""
    assert "no such step" in shop(f"UPDATE stock_reservations SET status = 'held' WHERE id = {ENDED}")
    assert "its order's" in shop("UPDATE stock_reservations SET order_id = 2 WHERE id = 8")
    assert "no such state" in shop(
        "INSERT INTO stock_reservations (order_id, item, quantity, status) VALUES (1, 'a', 1, 'x')"
    )
    assert "never deleted" in shop("DELETE FROM stock_reservations WHERE id = 8")
