"""`db adopt` at the terminal, before and after `db upgrade`."""

import json
from pathlib import Path

import pytest

from console.store.engine import Database
from tests.cli.conftest import Terminal
from tests.support import legacy
from tests.support.invented import numbers
from tests.support.legacy import bought, row

ONE, TWO = numbers(2, seed=51)


@pytest.fixture
def shared(terminal: Terminal, tmp_path: Path) -> Terminal:
    """A desk on a database in which another application has its table."""
    url = f"sqlite:///{tmp_path}/other.db"
    database = Database(url)
    rows = [bought(ONE, 1), bought(f"T{ONE}", 2), row(corporation_number=TWO), row(corporation_number="none")]
    legacy.make(database, rows)
    database.close()
    terminal.env["CONSOLE_DATABASE_URL"] = url
    return terminal


def told(shared: Terminal, *words: str) -> dict[str, object]:
    ending = shared.json(*words)
    assert ending.status == 0, ending.error
    data = json.loads(ending.out)["data"]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("upgraded_first", [False, True])
def test_from_a_look_to_a_lookup(shared: Terminal, upgraded_first: bool) -> None:
    """The plan, the refusal until it is done, the doing, and the desk on it."""
    if upgraded_first:
        told(shared, "db", "upgrade")
    plan = told(shared, "db", "adopt", "--dry-run")
    assert (plan["rows"], plan["respelled"], plan["without_credit_check_id"]) == (4, 1, 2)
    assert plan["duplicates"] == {
        "rows": 1,
        "claims": 1,
        "examples": [{"client_id": "1", "corporation_number": ONE, "rows": 2}],
    }
    assert plan["unreadable"] == {"rows": 1, "examples": [{"id": 4, "written": "none"}]}
    refused = shared.json("lookup", ONE)
    assert refused.status == 3
    assert json.loads(refused.out)["error"]["code"] == "schema_mismatch"
    assert "db adopt" in json.loads(refused.out)["error"]["message"]
    done = told(shared, "db", "adopt", "--timezone", "Asia/Tokyo")
    assert (done["rows"], done["duplicates"], done["unreadable"]) == (4, 1, 1)
    checks = told(shared, "lookup", ONE)["credit_checks"]
    assert isinstance(checks, list)
    assert [(check["id"], check["purchased_at"]) for check in checks] == [
        (2, "2025-03-31T15:00:00Z"), (1, "2025-03-31T15:00:00Z"),
    ]  # fmt: skip
    assert told(shared, "db", "adopt", "--dry-run")["state"] == "adopted"
    assert told(shared, "db", "adopt")["steps"] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_in_words(shared: Terminal, language: str) -> None:
    """Every line has its words."""
    for words in (("--dry-run",), (), ("--dry-run",), ()):
        ending = shared("db", "adopt", *words, LANGUAGE=language)
        assert ending.status == 0
        assert "cli." not in ending.out.decode() + ending.err


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [(("--timezone", "Nowhere/Land"), 2, "usage"), (("--dry-run", "--timezone", ""), 2, "usage")],
)
def test_bad_words(shared: Terminal, words: tuple[str, ...], status: int, code: str) -> None:
    """Refused with nothing done."""
    ending = shared.json("db", "adopt", *words)
    assert (ending.status, json.loads(ending.out)["error"]["code"]) == (status, code)


def test_no_such_table(terminal: Terminal) -> None:
    """Nothing is made where there is nothing to adopt."""
    ending = terminal.json("db", "adopt", "--dry-run")
    assert (ending.status, json.loads(ending.out)["error"]["code"]) == (2, "not_found")
