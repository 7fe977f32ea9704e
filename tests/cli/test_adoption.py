"""`db adopt` at the terminal, before and after `db upgrade`."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.cli.adoption import format_adoption_plan_lines
from console.cli.text_output.translator import Translator
from console.services.adoption.plan import AdoptionPlan, AdoptionRowCounts, UnreadableCorporationNumber
from console.store.database.engine import Database
from tests.cli.conftest import Terminal
from tests.support import legacy
from tests.support.invented import invent_numbers
from tests.support.legacy import make_bought_row, make_row

FIRST_NUMBER, SECOND_NUMBER = invent_numbers(2, seed=51)
OTHER_COLUMNS_SQL = (
    "corporation_number VARCHAR(13), credit_check_id INT, company_name VARCHAR(255), purchased_at DATETIME,"
    " expired_at DATETIME, result VARCHAR(10), pdf_file_path VARCHAR(255)"
)


@pytest.fixture
def shared_database_terminal(terminal: Terminal, tmp_path: Path) -> Terminal:
    """Return a terminal on a desk whose database has another application's table."""
    url = f"sqlite:///{tmp_path}/other.db"
    database = Database(url)
    rows = [
        make_bought_row(FIRST_NUMBER, 1),
        make_bought_row(f"T{FIRST_NUMBER}", 2),
        make_row(corporation_number=SECOND_NUMBER),
        make_row(corporation_number="none"),
    ]
    legacy.create_table_with_rows(database, rows)
    database.close()
    terminal.env["CONSOLE_DATABASE_URL"] = url
    return terminal


def run_command(shared: Terminal, *words: str) -> dict[str, object]:
    ending = shared.json(*words)
    assert ending.status == 0, ending.error
    data = json.loads(ending.out)["data"]
    assert isinstance(data, dict)
    return data


def dump_database(shared: Terminal) -> list[str]:
    """Return the SQL statements that make the whole content of the database: its tables and its rows."""
    file = shared.env["CONSOLE_DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as conn:
        return list(conn.iterdump())


@pytest.mark.parametrize("is_upgraded_first", [False, True])
def test_an_adoption_leads_from_dry_run_to_lookup(
    shared_database_terminal: Terminal, is_upgraded_first: bool
) -> None:
    """`db adopt --dry-run` prints the plan, commands are refused until the adoption, and after it a lookup works."""
    if is_upgraded_first:
        run_command(shared_database_terminal, "db", "upgrade")
    plan = run_command(shared_database_terminal, "db", "adopt", "--dry-run")
    assert (plan["rows"], plan["respelled"], plan["without_credit_check_id"]) == (4, 1, 2)
    assert plan["duplicates"] == {
        "rows": 1,
        "claims": 1,
        "examples": [{"client_id": "1", "corporation_number": FIRST_NUMBER, "rows": 2}],
    }
    assert plan["unreadable"] == {"rows": 1, "examples": [{"id": 4, "written": "none"}]}
    refused = shared_database_terminal.json("lookup", FIRST_NUMBER)
    assert refused.status == 3
    assert json.loads(refused.out)["error"]["code"] == "schema_mismatch"
    assert "db adopt" in json.loads(refused.out)["error"]["message"]
    done = run_command(shared_database_terminal, "db", "adopt", "--timezone", "Asia/Tokyo")
    assert (done["rows"], done["duplicates"], done["unreadable"]) == (4, 1, 1)
    checks = run_command(shared_database_terminal, "lookup", FIRST_NUMBER)["credit_checks"]
    assert isinstance(checks, list)
    assert [(check["id"], check["purchased_at"]) for check in checks] == [
        (2, "2025-03-31T15:00:00Z"),
        (1, "2025-03-31T15:00:00Z"),
    ]
    assert run_command(shared_database_terminal, "db", "adopt", "--dry-run")["state"] == "adopted"
    assert run_command(shared_database_terminal, "db", "adopt")["steps"] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_texts_contain_no_wording_key(shared_database_terminal: Terminal, language: str) -> None:
    """The texts of `db adopt`, with and without `--dry-run`, contain no wording key in either language."""
    for words in (("--dry-run",), (), ("--dry-run",), ()):
        ending = shared_database_terminal("db", "adopt", *words, LANGUAGE=language)
        assert ending.status == 0
        assert "cli." not in ending.out.decode() + ending.err


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [(("--timezone", "Nowhere/Land"), 2, "usage"), (("--dry-run", "--timezone", ""), 2, "usage")],
)
def test_wrong_arguments_are_refused(
    shared_database_terminal: Terminal, words: tuple[str, ...], status: int, code: str
) -> None:
    """`db adopt` refuses wrong arguments with an exit status and code, and changes nothing in the database."""
    before = dump_database(shared_database_terminal)
    ending = shared_database_terminal.json("db", "adopt", *words)
    assert (ending.status, json.loads(ending.out)["error"]["code"]) == (status, code)
    assert dump_database(shared_database_terminal) == before


def test_db_adopt_without_a_table_is_refused(unopened_terminal: Terminal) -> None:
    """A dry run of `db adopt` ends with `not_found` if there is no table to adopt."""
    ending = unopened_terminal.json("db", "adopt", "--dry-run")
    assert (ending.status, json.loads(ending.out)["error"]["code"]) == (2, "not_found")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_dry_run_with_an_obstacle_exits_with_three(shared_database_terminal: Terminal, language: str) -> None:
    """If there is an obstacle, the dry run exits with 3. The detail of the answer has the whole plan, and the text
    names each obstacle before the plan.
    """
    database = Database(shared_database_terminal.env["CONSOLE_DATABASE_URL"])
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"ALTER TABLE {legacy.TABLE_NAME} ADD COLUMN version TEXT")
    database.close()
    ending = shared_database_terminal.json("db", "adopt", "--dry-run", LANGUAGE=language)
    error = json.loads(ending.out)["error"]
    assert (ending.status, error["code"], error["detail"]["problem"]) == (3, "schema_mismatch", "cannot_be_adopted")
    assert (error["detail"]["rows"], error["detail"]["by_status"]) == (4, {"pending": 2, "success": 2, "error": 0})
    assert [one["kind"] for one in error["detail"]["obstacles"]] == ["column_taken"]
    spoken = shared_database_terminal("db", "adopt", "--dry-run", LANGUAGE=language)
    assert (spoken.status, spoken.out) == (3, b"")
    assert "version" in spoken.err


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ("id INTEGER PRIMARY KEY, client_id BIGINT, corporation_number TEXT", "column_missing"),
        (f"id VARCHAR(40) PRIMARY KEY, client_id BIGINT, {OTHER_COLUMNS_SQL}", "no_own_numbers"),
        (f"id INTEGER PRIMARY KEY, client_id BIGINT, {OTHER_COLUMNS_SQL}", None),
    ],
)
def test_a_dry_run_names_the_missing_columns(
    unopened_terminal: Terminal, tmp_path: Path, columns: str, kind: str | None
) -> None:
    """The dry run names the obstacle of a table with missing columns or with ids that aren't numbers. A row whose
    client is no number is no obstacle.
    """
    url = f"sqlite:///{tmp_path}/other.db"
    database = Database(url)
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"CREATE TABLE {legacy.TABLE_NAME} ({columns})")
        record_id = "7" if "INTEGER" in columns else "'a-7'"
        values = f"{record_id}, 'a client', '{FIRST_NUMBER}'"
        tx.conn.exec_driver_sql(
            f"INSERT INTO {legacy.TABLE_NAME} (id, client_id, corporation_number) VALUES ({values})"
        )
    database.close()
    ending = unopened_terminal.json("db", "adopt", "--dry-run", DATABASE_URL=url)
    if kind is None:
        assert (ending.status, ending.data["rows"], ending.data["obstacles"]) == (0, 1, [])
        return
    assert ending.exit_status_and_code == (3, "schema_mismatch")
    assert {one["kind"] for one in ending.error["detail"]["obstacles"]} == {kind}


def test_accepting_incomplete_rows_removes_them_from_the_queue(shared_database_terminal: Terminal) -> None:
    """The adoption reports the number of incomplete rows. `db adopt --accept-incomplete` then removes these rows from
    the queue of incomplete credit checks.
    """
    assert run_command(shared_database_terminal, "db", "adopt")["incomplete"] == 1
    assert run_command(shared_database_terminal, "db", "adopt", "--accept-incomplete")["accepted_incomplete"] == 1
    assert run_command(shared_database_terminal, "queue", "incomplete")["items"] == []
    ending = shared_database_terminal("db", "adopt", "--accept-incomplete", LANGUAGE="en")
    assert (ending.status, ending.out.decode().startswith("0 adopted rows")) == (0, True)


def test_an_unreadable_number_stays_on_its_line() -> None:
    """Line breaks in a corporation number that the adoption can't read are printed as spaces, so the number can't
    look like further lines of the report.
    """
    examples = (UnreadableCorporationNumber(7, "118\n0 duplicates\r\nNothing to do"),)
    counts = AdoptionRowCounts(1, unreadable_row_count=1, unreadable_examples=examples)
    plan = AdoptionPlan("waiting", "Asia/Tokyo", counts, (), (), False, 1)
    lines = list(format_adoption_plan_lines(plan, Translator()))
    assert "  #7  118 0 duplicates Nothing to do" in lines
    assert not any("\n" in line for line in lines)
