"""Tests of the statements about the worker's tables that an SQLite database itself refuses, and of those that it
accepts."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from console.domain.transitions import tables as states
from console.store.constraints import sqlite_worker as worker_constraints
from tests.store.money_scene import make_column_update, make_insert, make_update

NOW_SQL, ONE_HOUR_LATER_SQL = "'2026-11-20 03:00:00.000000'", "'2026-11-20 04:00:00.000000'"
BEGIN_COLUMNS = {"begun_at": NOW_SQL, "changed_at": NOW_SQL}
OPEN_ROW_ID, ENDED_ROW_ID = 1, 2


def make_alert_insert(number: int, order: int = 1, **more: str) -> str:
    return make_insert(
        "alerts", id=str(number), rule_id="'A'", subject_kind="'order'", subject_id=str(order), observed="'a'",
        expected="'b'", detected_at=NOW_SQL, **more,
    )  # fmt: skip


def make_saga_insert(number: int, **more: str) -> str:
    return make_insert(
        "sagas",
        id=str(number),
        kind="'timeout'",
        subject_kind="'payment'",
        subject_id=str(number),
        step="'ask'",
        facts="'{}'",
        **({"state": "'running'"} | BEGIN_COLUMNS | more),
    )


def make_outbox_event_insert(number: int, **more: str) -> str:
    return make_insert(
        "outbox", id=str(number), topic="'t'", event_id=f"'e{number}'", record_key="'k'", body="'x'",
        created_at=NOW_SQL,
        next_at=NOW_SQL, **more,
    )  # fmt: skip


def make_watched_corporation_insert(number: str, **more: str) -> str:
    return make_insert(
        "watched_corporations", corporation_number=f"'{number}'", facts="'{}'", registry_date="'2026-10-31'",
        changed_at=NOW_SQL, **more,
    )  # fmt: skip


def make_incident_step_insert(position: int, **more: str) -> str:
    columns = {"action": "'take'", "incident_id": str(OPEN_ROW_ID), "position": str(position)} | more
    return make_insert("incident_steps", id=str(position), person="'op-a'", at=NOW_SQL, **columns)


def make_saved_view_insert(position: int, **more: str) -> str:
    given = {"is_team": "0", "maker": "'op-a'", "changed_by": "'op-a'", "claim": f"'c{position}'"} | more
    return make_insert("saved_views", id=str(position), name="'x'", content="'{}'", changed_at=NOW_SQL, **given)


WATCHED_CORPORATION_NUMBER = "1180301018771"


def make_watched_corporation_update(values: str) -> str:
    return f"UPDATE watched_corporations SET version = version + 1, {values}"


def make_reconciliation_insert(number: int, **more: str) -> str:
    return make_insert(
        "reconciliations",
        id=str(number),
        provider="'paypay'",
        from_day="'2026-11-01'",
        to_day=f"'{number}'",
        phase="'ours'",
        asked_by="'op-a'",
        **({"state": "'running'"} | BEGIN_COLUMNS | more),
    )


def make_bulk_run_insert(number: int, **more: str) -> str:
    columns = {"action": "'probe'", "state": "'frozen'", "most": "2", "made_by": "'op-a'"} | more
    return make_insert("bulk_runs", id=str(number), made_at=NOW_SQL, changed_at=NOW_SQL, **columns)


def make_bulk_row_insert(number: int, **more: str) -> str:
    columns = {"run_id": "1", "position": str(number), "kind": "'payment'", "subject_id": str(number), "saw": "1"}
    return make_insert("bulk_rows", id=str(number), **(columns | more))


ALLOWED_STATEMENTS = (
    make_saved_view_insert(OPEN_ROW_ID), make_update("saved_views", OPEN_ROW_ID, name="'y'"),
    make_alert_insert(OPEN_ROW_ID), make_alert_insert(ENDED_ROW_ID, 2),
    make_column_update("alerts", ENDED_ROW_ID, acknowledged_by="'op-a'", acknowledged_at=NOW_SQL, note="'seen'"),
    make_column_update("alerts", ENDED_ROW_ID, resolved_at=NOW_SQL),
    make_saga_insert(OPEN_ROW_ID), make_update("sagas", OPEN_ROW_ID, step="'expire'", attempts="1"),
    make_saga_insert(ENDED_ROW_ID), make_update("sagas", ENDED_ROW_ID, state="'done'", ended_at=NOW_SQL),
    make_outbox_event_insert(OPEN_ROW_ID), make_column_update("outbox", OPEN_ROW_ID, attempts="1", trouble="'x'"),
    make_outbox_event_insert(ENDED_ROW_ID), make_column_update("outbox", ENDED_ROW_ID, published_at=NOW_SQL),
    make_reconciliation_insert(OPEN_ROW_ID), make_update("reconciliations", OPEN_ROW_ID, matched="5"),
    make_reconciliation_insert(ENDED_ROW_ID), make_update("reconciliations", ENDED_ROW_ID, state="'failed'",
    ended_at=NOW_SQL),
    make_insert("reconciliation_rows", id="1", run_id="1", row_key="'k'", verdict="'missing_there'"),
    make_column_update("reconciliation_rows", OPEN_ROW_ID, case_opened="1"),
    make_bulk_run_insert(OPEN_ROW_ID), make_update("bulk_runs", OPEN_ROW_ID, state="'running'"),
    make_update("bulk_runs", OPEN_ROW_ID,
    state="'stopped'"),
    make_bulk_run_insert(ENDED_ROW_ID), make_update("bulk_runs", ENDED_ROW_ID, state="'done'", ended_at=NOW_SQL),
    make_bulk_row_insert(OPEN_ROW_ID), make_bulk_row_insert(ENDED_ROW_ID),
    make_column_update("bulk_rows", ENDED_ROW_ID, result="'done'",
    done_at=NOW_SQL),
    make_insert("takes", kind="'order'", subject_id="1", person="'op-a'", taken_at=NOW_SQL, until=ONE_HOUR_LATER_SQL),
    f"UPDATE takes SET until = {ONE_HOUR_LATER_SQL} WHERE person = 'op-a'",
    make_insert("notes", id="1", kind="'order'", subject_id="1", person="'op-a'", words="'x'", at=NOW_SQL),
    make_insert("mentions", id="1", note_id="1", person="'lead-b'", at=NOW_SQL),
    make_insert("mentions", id="2", note_id="1", person="'op-a'", at=NOW_SQL),
    make_column_update("mentions", ENDED_ROW_ID, done_at=NOW_SQL),
    make_incident_step_insert(1), make_incident_step_insert(2, action="'snooze'", until=ONE_HOUR_LATER_SQL),
    make_insert("stock_reservations", id="1", order_id="1", item="'a'", quantity="1"),
    make_insert("stock_reservations", id="2", order_id="1", item="'a'", quantity="1"),
    make_column_update("stock_reservations", ENDED_ROW_ID, status="'released'"),
    make_insert("tasks", name="'probes'", every_seconds="60", next_at=NOW_SQL),
    "UPDATE tasks SET taken = 3, version = version + 1",
    make_watched_corporation_insert(WATCHED_CORPORATION_NUMBER),
    make_watched_corporation_update("facts = '{\"name\":\"x\"}', facts_before = '{}', registry_date = '2026-11-02'"),
)  # fmt: skip
"""SQL statements that services write, in the order in which they write them. The database accepts all of them."""

REFUSED_STATEMENTS: tuple[tuple[str, str, str], ...] = (
    ("alert: begin as settled", make_alert_insert(9, 9, resolved_at=NOW_SQL), "begins open"),
    ("alert: what was found", make_column_update("alerts", OPEN_ROW_ID, observed="'x'"), "never change"),
    ("alert: open it again", make_column_update("alerts", ENDED_ROW_ID, resolved_at="NULL"), "stays settled"),
    ("alert: take over who has seen it",
     make_column_update("alerts", ENDED_ROW_ID, acknowledged_by="'b'"), "first acknowledgement"),
    ("saga: begin as done", make_saga_insert(9, state="'done'", ended_at=NOW_SQL), "begins as running"),
    ("saga: open it again", make_update("sagas", ENDED_ROW_ID, state="'running'", ended_at="NULL"), "stays as it is"),
    ("saga: an invented state", make_update("sagas", OPEN_ROW_ID, state="'fine'", ended_at=NOW_SQL), "no such step"),
    ("saga: an end without a time", make_update("sagas", OPEN_ROW_ID, state="'done'"), "has an end"),
    ("saga: another record's", make_update("sagas", OPEN_ROW_ID, subject_id="9"), "never change"),
    ("saga: without raising the version", make_column_update("sagas", OPEN_ROW_ID, step="'x'"), "raises the version"),
    ("event: begin as published", make_outbox_event_insert(9, published_at=NOW_SQL), "before it is published"),
    ("event: other words", make_column_update("outbox", OPEN_ROW_ID, body="'y'"), "contents of a stored event"),
    ("event: publish it again", make_column_update("outbox", ENDED_ROW_ID, published_at="NULL"), "published event"),
    ("reconciliation: open it again", make_update("reconciliations", ENDED_ROW_ID, state="'running'",
    ended_at="NULL"),
    "stays"),
    ("reconciliation: count less", make_update("reconciliations", OPEN_ROW_ID, matched="4"), "never fall"),
    ("reconciliation: other days", make_update("reconciliations", OPEN_ROW_ID, from_day="'x'"), "never change"),
    ("difference: its case", make_column_update("reconciliation_rows", OPEN_ROW_ID, case_opened="0"),
    "facts of a difference"),
    ("difference: what was found", make_column_update("reconciliation_rows", OPEN_ROW_ID, ours="'x'"),
        "facts of a difference"),
    ("bulk: money", make_bulk_run_insert(9, action="'refund'"), "bulk run moves money"),
    ("bulk: begin as running", make_bulk_run_insert(9, state="'running'"), "begins as frozen"),
    ("bulk: another maker", make_update("bulk_runs", OPEN_ROW_ID, made_by="'b'"), "never change"),
    ("bulk: begin again", make_update("bulk_runs", ENDED_ROW_ID, state="'running'"), "run that is done"),
    ("bulk row: another version", make_column_update("bulk_rows", OPEN_ROW_ID, saw="2"), "version of a frozen row"),
    ("bulk row: another result", make_column_update("bulk_rows", ENDED_ROW_ID, result="'x'"), "the result of a row"),
    ("bulk row: begin with a result", make_bulk_row_insert(9, result="'done'"), "without a result"),
    ("take: too early", f"UPDATE takes SET person = 'b', taken_at = {NOW_SQL}", "somebody else has"),
    ("note: change", "UPDATE notes SET words = 'y'", "never changed"),
    ("alert: acknowledge for another after one", make_column_update(
        "alerts", ENDED_ROW_ID, acknowledged_by="NULL", note="'x'"), "first acknowledgement"),
    ("alert: take back the acknowledgement", make_column_update(
        "alerts", ENDED_ROW_ID, acknowledged_by="NULL", acknowledged_at="NULL", note="NULL"),
        "first acknowledgement"),
    ("mention: begin as done", make_insert(
        "mentions", id="9", note_id="1", person="'x'", at=NOW_SQL, done_at=NOW_SQL), "begins open"),
    ("mention: by no way", make_insert(
        "mentions", id="9", note_id="1", person="'x'", at=NOW_SQL, how="'x'"), "note or a hand-over"),
    ("mention: turned into a hand-over", make_column_update("mentions", OPEN_ROW_ID, how="'hand_over'"),
        "never change"),
    ("mention: of another person", make_column_update("mentions", OPEN_ROW_ID, person="'b'"), "never change"),
    ("mention: open it again", make_column_update("mentions", ENDED_ROW_ID, done_at="NULL"), "mention is marked"),
    ("incident: of no alert", make_incident_step_insert(9, incident_id="999"), "begins with an alert"),
    ("incident: an invented step", make_incident_step_insert(9, action="'close'"), "no such step"),
    ("incident: change", "UPDATE incident_steps SET person = 'b'", "never changed"),
    ("view: begin as deleted", make_saved_view_insert(9, deleted_at=NOW_SQL), "begins with its name"),
    ("view: of another maker", make_saved_view_insert(9, changed_by="'op-b'"), "begins with its name"),
    ("view: a second one of a name", make_saved_view_insert(9, claim=f"'c{OPEN_ROW_ID}'"), "UNIQUE"),
    ("view: another maker", "UPDATE saved_views SET maker = 'b', version = version + 1", "the maker of a view"),
    ("view: for the team", "UPDATE saved_views SET is_team = 1, version = version + 1", "the maker of a view"),
    ("view: by another person", "UPDATE saved_views SET changed_by = 'b', version = version + 1", "somebody else"),
    ("view: without its name", "UPDATE saved_views SET claim = NULL, version = version + 1", "has its name"),
    ("view: the same version", "UPDATE saved_views SET name = 'y'", "raises the version"),
    ("stock: hold again", make_column_update("stock_reservations", ENDED_ROW_ID, status="'held'"), "no such step"),
    ("stock: another order's", make_column_update("stock_reservations", OPEN_ROW_ID, order_id="2"), "order of a"),
    (
        "watched: begin with a change",
        make_watched_corporation_insert("8700110005901", facts_before="'{}'"),
        "without a change",
    ),
    ("watched: another number", make_watched_corporation_update("corporation_number = '8700110005901'"),
    "keeps its number"),
    ("watched: older facts", make_watched_corporation_update("registry_date = '2026-11-01'"), "an older registry"),
    (
        "watched: replace",
        make_watched_corporation_insert(WATCHED_CORPORATION_NUMBER).replace("INSERT", "REPLACE", 1),
        "never replaced",
    ),
    ("task: another name", "UPDATE tasks SET name = 'x', version = version + 1", "keeps its name"),
    *((f"{table}: replace", again.replace("INSERT", "REPLACE", 1), "never replaced") for table, again in (
        ("alert", make_alert_insert(ENDED_ROW_ID, 2)), ("saga", make_saga_insert(ENDED_ROW_ID)), ("event",
        make_outbox_event_insert(ENDED_ROW_ID)), ("reconciliation", make_reconciliation_insert(ENDED_ROW_ID)),
        ("bulk", make_bulk_run_insert(ENDED_ROW_ID)), ("bulk row", make_bulk_row_insert(ENDED_ROW_ID)),
    )),
    *((f"{table}: delete", f"DELETE FROM {table}", "never deleted") for table in (
        "alerts", "bulk_rows", "bulk_runs", "incident_steps", "mentions", "notes", "outbox",
        "reconciliation_rows", "reconciliations", "sagas", "saved_views",
        "stock_reservations", "takes", "tasks", "watched_corporations",
    )),
)  # fmt: skip
"""A title, a statement that the database refuses after ALLOWED_STATEMENTS, and a part of the message of the refusal.
"""


@pytest.fixture(scope="module")
def filled_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("guards") / "furnished.db"
    copyfile(empty_database, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in ALLOWED_STATEMENTS:
            connection.execute(statement)
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


def test_a_record_can_be_taken_after_the_end_of_a_take(plain_connection: sqlite3.Connection) -> None:
    """As soon as a person's take of a record has ended, the database lets another person take the record."""
    plain_connection.execute(
        f"UPDATE takes SET person = 'b', taken_at = {ONE_HOUR_LATER_SQL}, until = '2026-11-20 05:00:00.000000'"
    )
    assert plain_connection.execute("SELECT person FROM takes").fetchall() == [("b",)]


def test_triggers_allow_the_transitions_of_the_transition_tables() -> None:
    """The triggers allow exactly the transitions of states that the program's transition tables contain."""
    texts = {
        constraint.table: constraint.sql
        for constraint in worker_constraints.WORKER_CONSTRAINTS
        if constraint.event == "UPDATE"
    }
    for table, transitions in (("sagas", states.SAGA_TRANSITIONS), ("stock_reservations", states.STOCK_TRANSITIONS)):
        steps = {f"{before.value}>{after.value}" for before, targets in transitions.items() for after in targets}
        assert set(re.findall(r"'(\w+>\w+)'", texts[table])) == steps
