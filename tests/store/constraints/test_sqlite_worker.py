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
from tests.store.money_scene import changed, row

NOW, LATER = "'2026-11-20 03:00:00.000000'", "'2026-11-20 04:00:00.000000'"
BEGUN = {"begun_at": NOW, "changed_at": NOW}
OPEN, ENDED = 1, 2


def plain_change(table: str, record: int, **values: str) -> str:
    return changed(table, record, **values).replace("version = version + 1, ", "")


def alert(number: int, order: int = 1, **more: str) -> str:
    return row(
        "alerts", id=str(number), rule_id="'A'", subject_kind="'order'", subject_id=str(order), observed="'a'",
        expected="'b'", detected_at=NOW, **more,
    )  # fmt: skip


def saga(number: int, **more: str) -> str:
    return row(
        "sagas",
        id=str(number),
        kind="'timeout'",
        subject_kind="'payment'",
        subject_id=str(number),
        step="'ask'",
        facts="'{}'",
        **({"state": "'running'"} | BEGUN | more),
    )


def event(number: int, **more: str) -> str:
    return row(
        "outbox", id=str(number), topic="'t'", event_id=f"'e{number}'", record_key="'k'", body="'x'", created_at=NOW,
        next_at=NOW, **more,
    )  # fmt: skip


def watched(number: str, **more: str) -> str:
    return row(
        "watched_corporations", corporation_number=f"'{number}'", facts="'{}'", registry_date="'2026-10-31'",
        changed_at=NOW, **more,
    )  # fmt: skip


def step(position: int, **more: str) -> str:
    told = {"action": "'take'", "incident_id": str(OPEN), "position": str(position)} | more
    return row("incident_steps", id=str(position), person="'op-a'", at=NOW, **told)


def view(position: int, **more: str) -> str:
    given = {"is_team": "0", "maker": "'op-a'", "changed_by": "'op-a'", "claim": f"'c{position}'"} | more
    return row("saved_views", id=str(position), name="'x'", content="'{}'", changed_at=NOW, **given)


WATCHED = "1180301018771"


def watched_change(values: str) -> str:
    return f"UPDATE watched_corporations SET version = version + 1, {values}"


def run(number: int, **more: str) -> str:
    return row(
        "reconciliations",
        id=str(number),
        provider="'paypay'",
        from_day="'2026-11-01'",
        to_day=f"'{number}'",
        phase="'ours'",
        asked_by="'op-a'",
        **({"state": "'running'"} | BEGUN | more),
    )


def bulk(number: int, **more: str) -> str:
    told = {"action": "'probe'", "state": "'frozen'", "most": "2", "made_by": "'op-a'"} | more
    return row("bulk_runs", id=str(number), made_at=NOW, changed_at=NOW, **told)


def bulk_row(number: int, **more: str) -> str:
    told = {"run_id": "1", "position": str(number), "kind": "'payment'", "subject_id": str(number), "saw": "1"}
    return row("bulk_rows", id=str(number), **(told | more))


HONEST = (
    view(OPEN), changed("saved_views", OPEN, name="'y'"),
    alert(OPEN), alert(ENDED, 2),
    plain_change("alerts", ENDED, acknowledged_by="'op-a'", acknowledged_at=NOW, note="'seen'"),
    plain_change("alerts", ENDED, resolved_at=NOW),
    saga(OPEN), changed("sagas", OPEN, step="'expire'", attempts="1"),
    saga(ENDED), changed("sagas", ENDED, state="'done'", ended_at=NOW),
    event(OPEN), plain_change("outbox", OPEN, attempts="1", trouble="'x'"),
    event(ENDED), plain_change("outbox", ENDED, published_at=NOW),
    run(OPEN), changed("reconciliations", OPEN, matched="5"),
    run(ENDED), changed("reconciliations", ENDED, state="'failed'", ended_at=NOW),
    row("reconciliation_rows", id="1", run_id="1", row_key="'k'", verdict="'missing_there'"),
    plain_change("reconciliation_rows", OPEN, case_opened="1"),
    bulk(OPEN), changed("bulk_runs", OPEN, state="'running'"), changed("bulk_runs", OPEN, state="'stopped'"),
    bulk(ENDED), changed("bulk_runs", ENDED, state="'done'", ended_at=NOW),
    bulk_row(OPEN), bulk_row(ENDED), plain_change("bulk_rows", ENDED, result="'done'", done_at=NOW),
    row("takes", kind="'order'", subject_id="1", person="'op-a'", taken_at=NOW, until=LATER),
    f"UPDATE takes SET until = {LATER} WHERE person = 'op-a'",
    row("notes", id="1", kind="'order'", subject_id="1", person="'op-a'", words="'x'", at=NOW),
    row("mentions", id="1", note_id="1", person="'lead-b'", at=NOW),
    row("mentions", id="2", note_id="1", person="'op-a'", at=NOW),
    plain_change("mentions", ENDED, done_at=NOW),
    step(1), step(2, action="'snooze'", until=LATER),
    row("stock_reservations", id="1", order_id="1", item="'a'", quantity="1"),
    row("stock_reservations", id="2", order_id="1", item="'a'", quantity="1"),
    plain_change("stock_reservations", ENDED, status="'released'"),
    row("tasks", name="'probes'", every_seconds="60", next_at=NOW),
    "UPDATE tasks SET taken = 3, version = version + 1",
    watched(WATCHED),
    watched_change("facts = '{\"name\":\"x\"}', facts_before = '{}', registry_date = '2026-11-02'"),
)  # fmt: skip
"""Statements that services write, in their order."""

REFUSED: tuple[tuple[str, str, str], ...] = (
    ("alert: begin as settled", alert(9, 9, resolved_at=NOW), "is open"),
    ("alert: what was found", plain_change("alerts", OPEN, observed="'x'"), "stays what it is"),
    ("alert: open it again", plain_change("alerts", ENDED, resolved_at="NULL"), "stays settled"),
    ("alert: take over who has seen it", plain_change("alerts", ENDED, acknowledged_by="'b'"), "first stays so"),
    ("saga: begin as done", saga(9, state="'done'", ended_at=NOW), "begins as running"),
    ("saga: open it again", changed("sagas", ENDED, state="'running'", ended_at="NULL"), "stays as it is"),
    ("saga: an invented state", changed("sagas", OPEN, state="'fine'", ended_at=NOW), "no such step"),
    ("saga: an end without a time", changed("sagas", OPEN, state="'done'"), "has an end"),
    ("saga: another record's", changed("sagas", OPEN, subject_id="9"), "stays what it is"),
    ("saga: without raising the version", plain_change("sagas", OPEN, step="'x'"), "raises the version"),
    ("event: begin as published", event(9, published_at=NOW), "before it is published"),
    ("event: other words", plain_change("outbox", OPEN, body="'y'"), "as it was kept"),
    ("event: publish it again", plain_change("outbox", ENDED, published_at="NULL"), "stays published"),
    ("reconciliation: open it again", changed("reconciliations", ENDED, state="'running'", ended_at="NULL"), "stays"),
    ("reconciliation: count less", changed("reconciliations", OPEN, matched="4"), "stays counted"),
    ("reconciliation: other days", changed("reconciliations", OPEN, from_day="'x'"), "stays what it is"),
    ("difference: its case", plain_change("reconciliation_rows", OPEN, case_opened="0"), "as it was found"),
    ("difference: what was found", plain_change("reconciliation_rows", OPEN, ours="'x'"), "as it was found"),
    ("bulk: money", bulk(9, action="'refund'"), "nothing with money"),
    ("bulk: begin as running", bulk(9, state="'running'"), "begins as frozen"),
    ("bulk: another maker", changed("bulk_runs", OPEN, made_by="'b'"), "stays what it is"),
    ("bulk: begin again", changed("bulk_runs", ENDED, state="'running'"), "is done stays so"),
    ("bulk row: another version", plain_change("bulk_rows", OPEN, saw="2"), "as it was seen"),
    ("bulk row: another result", plain_change("bulk_rows", ENDED, result="'x'"), "as it was told"),
    ("bulk row: begin with a result", bulk_row(9, result="'done'"), "without a result"),
    ("take: too early", f"UPDATE takes SET person = 'b', taken_at = {NOW}", "somebody else has"),
    ("note: change", "UPDATE notes SET words = 'y'", "never changed"),
    ("alert: acknowledge for another after one", plain_change(
        "alerts", ENDED, acknowledged_by="NULL", note="'x'"), "first stays so"),
    ("alert: take back what resolved it", plain_change(
        "alerts", ENDED, acknowledged_by="NULL", acknowledged_at="NULL", note="NULL"), "first stays so"),
    ("mention: begin as done", row(
        "mentions", id="9", note_id="1", person="'x'", at=NOW, done_at=NOW), "begins open"),
    ("mention: by no way", row(
        "mentions", id="9", note_id="1", person="'x'", at=NOW, how="'x'"), "note or a hand-over"),
    ("mention: turned into a hand-over", plain_change("mentions", OPEN, how="'hand_over'"), "stays what it is"),
    ("mention: of another person", plain_change("mentions", OPEN, person="'b'"), "stays what it is"),
    ("mention: open it again", plain_change("mentions", ENDED, done_at="NULL"), "stays done"),
    ("incident: of no alert", step(9, incident_id="999"), "begins with an alert"),
    ("incident: an invented step", step(9, action="'close'"), "no such step"),
    ("incident: change", "UPDATE incident_steps SET person = 'b'", "never changed"),
    ("view: begin as deleted", view(9, deleted_at=NOW), "begins with its name"),
    ("view: of another maker", view(9, changed_by="'op-b'"), "begins with its name"),
    ("view: a second one of a name", view(9, claim=f"'c{OPEN}'"), "UNIQUE"),
    ("view: another maker", "UPDATE saved_views SET maker = 'b', version = version + 1", "its maker's"),
    ("view: for the team", "UPDATE saved_views SET is_team = 1, version = version + 1", "its maker's"),
    ("view: by another person", "UPDATE saved_views SET changed_by = 'b', version = version + 1", "somebody else"),
    ("view: without its name", "UPDATE saved_views SET claim = NULL, version = version + 1", "has its name"),
    ("view: the same version", "UPDATE saved_views SET name = 'y'", "raises the version"),
    ("stock: hold again", plain_change("stock_reservations", ENDED, status="'held'"), "no such step"),
    ("stock: another order's", plain_change("stock_reservations", OPEN, order_id="2"), "its order's"),
    ("watched: begin with a change", watched("8700110005901", facts_before="'{}'"), "without a change"),
    ("watched: another number", watched_change("corporation_number = '8700110005901'"), "keeps its number"),
    ("watched: older facts", watched_change("registry_date = '2026-11-01'"), "an older registry"),
    ("watched: replace", watched(WATCHED).replace("INSERT", "REPLACE", 1), "never replaced"),
    ("task: another name", "UPDATE tasks SET name = 'x', version = version + 1", "keeps its name"),
    *((f"{table}: replace", again.replace("INSERT", "REPLACE", 1), "never replaced") for table, again in (
        ("alert", alert(ENDED, 2)), ("saga", saga(ENDED)), ("event", event(ENDED)), ("reconciliation", run(ENDED)),
        ("bulk", bulk(ENDED)), ("bulk row", bulk_row(ENDED)),
    )),
    *((f"{table}: delete", f"DELETE FROM {table}", "never deleted") for table in (
        "alerts", "bulk_rows", "bulk_runs", "incident_steps", "mentions", "notes", "outbox",
        "reconciliation_rows", "reconciliations", "sagas", "saved_views",
        "stock_reservations", "takes", "tasks", "watched_corporations",
    )),
)  # fmt: skip


@pytest.fixture(scope="module")
def furnished(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("guards") / "furnished.db"
    copyfile(empty_database, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as client:
        for statement in HONEST:
            client.execute(statement)
    return file


@pytest.fixture
def client(furnished: Path) -> Iterator[sqlite3.Connection]:
    """A plain client of the database, in a transaction that is rolled back."""
    with closing(sqlite3.connect(furnished, isolation_level=None)) as opened:
        opened.execute("BEGIN")
        yield opened
        opened.execute("ROLLBACK")


@pytest.mark.parametrize(("statement", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(client: sqlite3.Connection, statement: str, words: str) -> None:
    """Each statement is refused with the message of its own rule, also if the client has switched off the check
    constraints."""
    client.execute("PRAGMA ignore_check_constraints = ON")
    with pytest.raises(sqlite3.IntegrityError, match=words):
        client.execute(statement)


def test_a_take_that_is_over(client: sqlite3.Connection) -> None:
    """From the end of a take on, another person may take the record."""
    client.execute(f"UPDATE takes SET person = 'b', taken_at = {LATER}, until = '2026-11-20 05:00:00.000000'")
    assert client.execute("SELECT person FROM takes").fetchall() == [("b",)]


def test_transitions_come_from_the_tables() -> None:
    """The triggers allow exactly the transitions of states that the program's transition tables contain."""
    texts = {
        constraint.table: constraint.sql
        for constraint in worker_constraints.WORKER_CONSTRAINTS
        if constraint.event == "UPDATE"
    }
    for table, transitions in (("sagas", states.SAGA_TRANSITIONS), ("stock_reservations", states.STOCK_TRANSITIONS)):
        steps = {f"{before.value}>{after.value}" for before, targets in transitions.items() for after in targets}
        assert set(re.findall(r"'(\w+>\w+)'", texts[table])) == steps
