"""Tests that the database accepts the statements about the worker's tables that the services write, with the account
of each role.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store import forbidden_worker as worker
from tests.store.forbidden import NOW_SQL
from tests.store.forbidden_worker import (
    ENDED_ROW_ID,
    FORMERLY_TAKEN_ORDER_ID,
    OPEN_ALERT_ID,
    OPEN_ROW_ID,
    TAKEN_ORDER_ID,
    UNTAKEN_ORDER_ID,
)
from tests.store.money_scene import make_column_update, make_insert, make_update
from tests.store.plain_connections import (
    PersonConnections,
    connect_as_guest,
    execute_for_refusal,
    execute_statements,
    fill_own_name,
)
from tests.support.teams import Team

ACCOUNTS_OF_EACH_ROLE = ("op-a", "lead-b", "worker")

pytestmark = pytest.mark.engines("mariadb")


class SqlClient:
    """A database client that executes statements as one person. It executes them in one transaction, rolls this back,
    and returns the message with which the database refused a statement, or "" if it refused none.
    """

    def __init__(self, team: Team, lines: PersonConnections) -> None:
        self._people, self._lines = team, lines

    def __call__(self, person: str, *statements: str) -> str:
        return execute_statements(
            self._lines, person, *(fill_own_name(one, self._people, person) for one in statements)
        )


@pytest.fixture
def execute_as_person(team: Team, connections: PersonConnections) -> SqlClient:
    return SqlClient(team, connections)


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_task_row_is_begun_and_ended(execute_as_person: SqlClient, person: str) -> None:
    """The row of a due task may be inserted, and a run of the task may be begun and ended, even by another account
    than the one that inserted the row."""
    made = make_insert("tasks", name="'outbox'", every_seconds="5", next_at=NOW_SQL)
    ended = "UPDATE tasks SET version = version + 1, ended_at = NULL, taken = 9, failures = 1, trouble = 'x'"
    assert execute_as_person(person, made, ended) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_request_id_is_stored_and_answered(execute_as_person: SqlClient, person: str) -> None:
    """A person's account may store a request id in the person's own name, add its record and operation, end it with
    its answer, and use it again afterwards."""
    tied = "UPDATE request_ids SET subject_kind = 'payment', operation_id = 'o' WHERE person = '{me}'"
    ended = "UPDATE request_ids SET state = 'kept', answer = 'x', lease_expires = 0 WHERE person = '{me}'"
    anew = "UPDATE request_ids SET state = 'running', fence = fence + 1, answer = NULL WHERE person = '{me}'"
    assert execute_as_person(person, worker.make_request_id_insert(), tied, ended, anew) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_saga_moves_to_its_next_and_final_states(execute_as_person: SqlClient, person: str) -> None:
    """A saga may move to its next step and to each of its final states. After its end a new saga may begin for the
    same record."""
    assert execute_as_person(person, make_update("sagas", OPEN_ROW_ID, step="'expire'", attempts="0")) == ""
    assert execute_as_person(person, make_update("sagas", OPEN_ROW_ID, state="'stuck'", next_at="NULL")) == ""
    for state in ("done", "compensated"):
        ended = make_update("sagas", OPEN_ROW_ID, state=f"'{state}'", ended_at=NOW_SQL, next_at="NULL")
        assert execute_as_person(person, ended, worker.make_saga_insert(subject_id="1")) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_an_alert_is_opened_acknowledged_and_resolved(execute_as_person: SqlClient, person: str) -> None:
    """An alert may be opened, acknowledged in the person's own name, and resolved. Afterwards an alert of the same
    rule and record may be opened again."""
    alert_insert = make_insert(
        "alerts",
        rule_id="'A'",
        subject_kind="'order'",
        subject_id="1",
        observed="'a'",
        expected="'b'",
        detected_at=NOW_SQL,
    )
    settled = make_column_update("alerts", OPEN_ALERT_ID, resolved_at=NOW_SQL)
    assert execute_as_person(person, worker.make_acknowledge_update(OPEN_ALERT_ID), settled, alert_insert) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_facts_of_a_watched_corporation_may_be_stored(execute_as_person: SqlClient, person: str) -> None:
    """An account may store a watched corporation for the first time, and may change its facts together with a newer
    registry date.
    """
    changed_facts = worker.make_watched_corporation_update(
        facts="'x'", facts_before="facts", registry_date="'2026-11-04'"
    )
    assert execute_as_person(person, worker.make_watched_corporation_insert(), changed_facts) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_an_outbox_event_is_stored_postponed_and_published(execute_as_person: SqlClient, person: str) -> None:
    """An event of the outbox may be stored, postponed and marked as published."""
    late = make_column_update(
        "outbox", OPEN_ROW_ID, attempts="attempts + 1", next_at=f"{NOW_SQL} + INTERVAL 1 HOUR", trouble="'timeout'"
    )
    assert (
        execute_as_person(
            person,
            worker.make_outbox_event_insert(),
            late,
            make_column_update("outbox", OPEN_ROW_ID, published_at=NOW_SQL, trouble="NULL"),
        )
        == ""
    )


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_reconciliation_is_counted_and_ended(execute_as_person: SqlClient, person: str) -> None:
    """The counts of a running reconciliation may rise. The reconciliation's differences and their cases may be
    stored, and then the reconciliation may be ended."""
    counted = make_update("reconciliations", OPEN_ROW_ID, matched="matched + 7", phase="'ours'", position="'x'")
    opened = make_column_update("reconciliation_rows", OPEN_ROW_ID, case_opened="1")
    ended = make_update("reconciliations", OPEN_ROW_ID, state="'failed'", ended_at=NOW_SQL)
    assert (
        execute_as_person(
            person, worker.make_reconciliation_insert(), counted, worker.make_difference_insert(), opened, ended
        )
        == ""
    )


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_bulk_run_is_created_and_executed(execute_as_person: SqlClient, person: str) -> None:
    """A person stores a bulk run with its rows in their own name. The executing account may store the results, stop
    the run, continue it and end it."""
    made = (worker.make_bulk_run_insert(most="2"), "SET @made = LAST_INSERT_ID()")
    rows = [worker.make_bulk_row_insert("@made", place, subject_id=f"{place}") for place in (1, 2)]
    states = [
        make_update("bulk_runs", "@made", state=f"'{state}'", most="1")
        for state in ("running", "stopped", "running", "done")
    ]
    assert execute_as_person(person, *made, *rows, *states) == ""
    result = make_column_update("bulk_rows", OPEN_ROW_ID, result="'done'", done_at=NOW_SQL)
    assert execute_as_person(person, make_update("bulk_runs", OPEN_ROW_ID, state="'running'"), result) == ""


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_take_is_begun_extended_and_ended(execute_as_person: SqlClient, person: str) -> None:
    """A person may take a record that has no take, or on which another person's take has ended. The take may then be
    extended and ended. While another person's take is running, the database refuses a take."""
    mine = worker.make_take_update(UNTAKEN_ORDER_ID)
    given_up = f"UPDATE takes SET until = {NOW_SQL} WHERE subject_id = {UNTAKEN_ORDER_ID}"
    assert execute_as_person(person, worker.make_take_insert(), mine, given_up, mine) == ""
    assert execute_as_person(person, worker.make_take_update(FORMERLY_TAKEN_ORDER_ID)) == ""
    assert "somebody else has" in execute_as_person(person, worker.make_take_update(TAKEN_ORDER_ID))


def test_only_people_write_notes(execute_as_person: SqlClient) -> None:
    """The database accepts a note from a person's account and refuses it from a worker's account."""
    assert (
        execute_as_person("op-a", worker.make_note_insert())
        == execute_as_person("lead-b", worker.make_note_insert())
        == ""
    )
    assert "this role notes nothing" in execute_as_person("worker", worker.make_note_insert())


@pytest.mark.parametrize("person", ACCOUNTS_OF_EACH_ROLE)
def test_a_stock_reservation_is_released(execute_as_person: SqlClient, person: str) -> None:
    """A reservation of stock may be released."""
    assert (
        execute_as_person(
            person, make_column_update("stock_reservations", OPEN_ROW_ID, status="'released'", updated_at=NOW_SQL)
        )
        == ""
    )


@pytest.fixture
def execute_as_shop(team: Team) -> Iterator[Any]:
    """Yield a function that executes a statement with the shop's account, which has only the rights on the stock
    reservations. It returns the message of the database's refusal, or "" if the statement is accepted. All changes
    are rolled back.
    """
    with connect_as_guest(team, "stock_reservations", autocommit=False) as connection:
        with connection.cursor() as cursor:
            yield lambda statement: execute_for_refusal(cursor, statement)
        connection.rollback()


def test_the_shop_changes_its_stock_reservations(execute_as_shop: Any) -> None:
    """The shop may insert a stock reservation, change its quantity, mark it as used and release it. The database
    refuses to reserve a used or released one again."""
    assert (
        execute_as_shop("INSERT INTO stock_reservations (id, order_id, item, quantity) VALUES (8, 1, 'tea', 1)") == ""
    )
    assert execute_as_shop("UPDATE stock_reservations SET quantity = 2 WHERE id = 8") == ""
    assert execute_as_shop("UPDATE stock_reservations SET status = 'used' WHERE id = 8") == ""
    for back in ("held", "released", "lost"):
        assert "no such step" in execute_as_shop(f"UPDATE stock_reservations SET status = '{back}' WHERE id = 8")
    assert execute_as_shop(f"UPDATE stock_reservations SET status = 'released' WHERE id = {OPEN_ROW_ID}") == ""
    assert "no such step" in execute_as_shop(
        f"UPDATE stock_reservations SET status = 'held' WHERE id = {ENDED_ROW_ID}"
    )
    assert "order of a reservation" in execute_as_shop("UPDATE stock_reservations SET order_id = 2 WHERE id = 8")
    assert "no such state" in execute_as_shop(
        "INSERT INTO stock_reservations (order_id, item, quantity, status) VALUES (1, 'a', 1, 'x')"
    )
    assert "never deleted" in execute_as_shop("DELETE FROM stock_reservations WHERE id = 8")
