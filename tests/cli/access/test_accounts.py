"""`db accounts apply` at the terminal: the output of the command, and its error messages for a wrong accounts
file.
"""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.support.desks import make_environment
from tests.support.sql_server import SqlServer

PEOPLE = {
    "operators": [{"name": "op-a", "roles": ["operator"], "may_buy": True, "password_env": "CONSOLE_SECRET_PW"}]
}


@pytest.fixture
def people_file(tmp_path: Path) -> Path:
    path = tmp_path / "people.json"
    path.write_text(json.dumps(PEOPLE), encoding="utf-8")
    return path


@pytest.fixture
def server_terminal(sql_server: SqlServer, tmp_path: Path) -> Iterator[Terminal]:
    """Yield a terminal that acts with the schema account of a fresh database on a server."""
    with sql_server.create_temporary_database() as url:
        terminal = Terminal(make_environment(tmp_path, "http://127.0.0.1:9", DATABASE_URL=url, OPERATOR=""))
        assert terminal.json("db", "upgrade").data["from"] is None
        yield terminal


def test_db_accounts_apply_on_sqlite_writes_only_rows(terminal: Terminal, people_file: Path) -> None:
    """On SQLite, `db accounts apply` writes rows and creates no database accounts. It reports all written accounts in
    one JSON object; a second call changes no account.
    """
    shown = terminal.json("db", "accounts", "apply", str(people_file), "--dry-run").data
    assert (shown["dry_run"], shown["statements"], shown["sql"]) == (True, 0, [])
    done = terminal.json("db", "accounts", "apply", str(people_file)).data
    op = {"name": "op-a", "roles": ["operator"], "may_buy": True, "done": "created", "password": "none"}
    op |= {"asks": False, "moved": False, "disabled_by": None}
    assert done == {"dry_run": False, "operators": [op], "statements": 0}
    again = terminal.json("db", "accounts", "apply", str(people_file)).data
    assert [one["done"] for one in again["operators"]] == ["unchanged"]
    assert terminal.json("whoami", OPERATOR="op-a").data["roles"] == ["operator"]
    assert terminal.json("lookup", "1180301018771", OPERATOR="op-b").exit_status_and_code == (3, "not_allowed")


def test_a_dry_run_prints_executable_sql(server_terminal: Terminal, people_file: Path) -> None:
    """A dry run prints SQL statements and comments without a password, and changes nothing."""
    text = server_terminal("db", "accounts", "apply", str(people_file), "--dry-run", SECRET_PW="geheim").out.decode()
    assert all(line.endswith(";") or line.startswith("-- ") for line in text.splitlines())
    assert "CREATE USER IF NOT EXISTS 'op-a'@'%' IDENTIFIED BY '***';" in text.splitlines()
    assert "geheim" not in text
    assert server_terminal.json("db", "accounts", "apply", str(people_file)).exit_status_and_code == (
        2,
        "bad_profile",
    )


def test_a_missing_password_is_reported_with_its_variable_and_person(
    server_terminal: Terminal, people_file: Path
) -> None:
    """If a password is missing, the refusal names the variable and the person."""
    refused = server_terminal.json("db", "accounts", "apply", str(people_file))
    assert refused.exit_status_and_code == (2, "bad_profile")
    assert (refused.error["detail"]["variable"], refused.error["detail"]["name"]) == ("CONSOLE_SECRET_PW", "op-a")
    assert "CONSOLE_SECRET_PW" in refused.error["message"]


@pytest.mark.parametrize(("language", "sentence"), [("en", "doesn't say whether"), ("ja", "ファイルの acts に")])
def test_a_dry_run_names_the_people_who_change_team_mode(
    server_terminal: Terminal, tmp_path: Path, language: str, sentence: str
) -> None:
    """A dry run names the people who would move to or from team mode, in text and in JSON. Without `--dry-run` the
    same file is refused, and no person's team mode changes.
    """
    name = f"op-a.{secrets.token_hex(3)}"
    entry = PEOPLE["operators"][0] | {"name": name}
    file, acting = tmp_path / "people.json", tmp_path / "acting.json"
    file.write_text(json.dumps({"operators": [entry]}), encoding="utf-8")
    acting.write_text(json.dumps({"operators": [entry | {"acts": True}]}), encoding="utf-8")
    assert server_terminal.json("db", "accounts", "apply", str(acting), SECRET_PW="geheim").data["operators"]
    shown = server_terminal("db", "accounts", "apply", str(file), "--dry-run", LANGUAGE=language).out.decode()
    assert [line for line in shown.splitlines() if sentence in line and line.startswith(f"-- {name}")]
    (op,) = server_terminal.json("db", "accounts", "apply", str(file), "--dry-run").data["operators"]
    assert (op["asks"], op["moved"]) == (True, True)
    refused = server_terminal.json("db", "accounts", "apply", str(file), LANGUAGE=language)
    assert (refused.exit_status_and_code, refused.error["detail"]["names"]) == ((2, "usage"), [name])
    assert name in refused.error["message"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"operators": [{"name": "op-a", "roles": ["boss"]}]}', "accounts_unknown_role"),
        (b'{"operators": [{"name": "op-a", "rolls": []}]}', "accounts_unknown_key"),
        (b'{"operators": [{"name": "Op A", "roles": ["operator"]}]}', "accounts_name"),
        (b"\xff\xfe", "accounts_unreadable"),
        (b" " * 1_100_000, "accounts_unreadable"),
    ],
)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_wrong_accounts_file_is_refused_with_a_sentence(
    terminal: Terminal, people_file: Path, content: bytes, problem: str, language: str
) -> None:
    """For a wrong accounts file, the command exits with 2 and the code of the problem. The message is a sentence in
    both languages.
    """
    people_file.write_bytes(content)
    refused = terminal.json("db", "accounts", "apply", str(people_file), LANGUAGE=language)
    assert refused.exit_status_and_code == (2, "usage")
    assert refused.error["detail"]["problem"] == problem
    assert "{" not in refused.error["message"]
    assert problem not in refused.error["message"]


def test_a_missing_accounts_file_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    """`db accounts apply` refuses the path of a missing file, and doesn't create that file. It also refuses a named
    pipe, because reading a pipe could wait for ever. `db accounts` without `apply` is refused."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused = terminal.json("db", "accounts", "apply", str(pipe))
    assert (refused.exit_status_and_code, refused.error["detail"]["problem"]) == ((2, "usage"), "accounts_unreadable")
    assert terminal.json("db", "accounts", "apply", str(tmp_path / "none.json")).exit_status_and_code == (2, "usage")
    assert not (tmp_path / "none.json").exists()
    assert terminal.json("db", "accounts").exit_status_and_code == (2, "usage")
