"""Runs every command block of the administrator's guide (docs/administration.md) in one shell. The script begins with
the sandbox and an empty database server, and ends when the sandbox's ledger has the first purchase. The MariaDB
server has the settings that docs/team.md requires, with its password rules, and accepts only encrypted connections of
the accounts that the guide creates. For MySQL, the server in the variable CONSOLE_TEST_MYSQL_URL is used with its own
settings.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.environment.credentials import CLIENT_ID, CLIENT_SECRET
from console.sandbox.server import Sandbox
from tests.support import servers
from tests.support.authorisation_browser import visit_consent_page
from tests.support.server_fixtures import are_servers_required, require_server
from tests.support.sql_server import SqlServer

DOCS_FOLDER = Path(__file__).resolve().parents[3] / "docs"
GUIDE_FILE = DOCS_FOLDER / "administration.md"
CORPORATION_NUMBER = "1180301018771"
_COMMAND_BLOCK_PATTERN = re.compile(r"(?:^<!-- (\w+) -->\n\n)?^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETTINGS_PATTERN = re.compile(r"^```ini\n\[mysqld\]\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LAST_LINE_OF_SCRIPT = "guide: done"


def read_blocks() -> list[tuple[str, str]]:
    """Return each block of the guide: its mark, which a comment above it names ("" without one), and its lines."""
    return _COMMAND_BLOCK_PATTERN.findall(GUIDE_FILE.read_text("utf-8"))


def _list_mariadb_settings() -> list[str]:
    """Return the lines that docs/team.md requires in the option file of a MariaDB server outside a cluster."""
    blocks = _SETTINGS_PATTERN.findall((DOCS_FOLDER / "team.md").read_text("utf-8"))
    return [line for block in blocks if "wsrep" not in block for line in block.splitlines()]


@pytest.fixture(params=["mariadb", "mysql"])
def guide_server(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    """Yield an empty database server of this kind, whose client program is installed on this machine."""
    kind: str = request.param
    mysql_server: SqlServer | None = request.getfixturevalue("mysql_server") if kind == "mysql" else None
    if shutil.which(kind) is None:
        (pytest.fail if are_servers_required() else pytest.skip)(f"no client {kind} here")
    if mysql_server:
        yield mysql_server
        return
    require_server("mariadb")
    with servers.start_private_mariadb(tls=True, extra_config=_list_mariadb_settings()) as server:
        yield server


def test_the_guide_has_the_expected_marked_blocks() -> None:
    """The guide has exactly one block of values that the reader sets, one that waits for a browser, one for MariaDB
    and two for MySQL; the script runs all other blocks unchanged. Every block of the guide is found.
    """
    marks = [mark for mark, _ in read_blocks()]
    assert {mark: marks.count(mark) for mark in set(marks) - {""}} == {
        "values": 1, "browser": 1, "mariadb": 1, "mysql": 2,
    }  # fmt: skip
    assert GUIDE_FILE.read_text("utf-8").count("```") == 2 * len(marks)


@pytest.mark.soak
def test_commands_of_the_guide_lead_from_an_empty_server_to_a_purchase(
    guide_server: SqlServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each command of the guide succeeds; the test only acts for the person at the browser. The ledger has one
    charge, and the person's desk has no credentials of AlarmBox. Each password follows the rules in docs/team.md, and
    no output contains a password.
    """
    kind, name = "mariadb" if guide_server.is_mariadb else "mysql", f"guide{os.getpid()}"
    authority = getattr(guide_server, "authority", None)
    values = {
        "DB_HOST": guide_server.host, "DB_PORT": str(guide_server.port), "DB_NAME": name,
        "DB_ADMIN": guide_server.admin, "MYSQL_PWD": guide_server.password, "BASE": str(tmp_path),
        "NUMBER": CORPORATION_NUMBER,
        "DB_TLS": f"?ssl_ca={authority}" if authority else "", "DB_REQUIRE": "REQUIRE SSL" if authority else "",
        "CONSOLE_ALARMBOX_URL": sandbox.url, "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": CLIENT_ID,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": CLIENT_SECRET, "CONSOLE_RECEIVER_PORT": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    left_out = {"values", "mysql" if kind == "mariadb" else "mariadb"}
    script = "\n".join(text for mark, text in read_blocks() if mark not in left_out)
    given = set(re.findall(r"\b([A-Z_]+)=", next(text for mark, text in read_blocks() if mark == "values")))
    assert given <= values.keys()
    plain = {key: value for key, value in os.environ.items() if not key.startswith("CONSOLE_")}
    try:
        shown = run_script_and_give_consent(f"{script}\necho '{_LAST_LINE_OF_SCRIPT}'", plain | values)
        desk = plain | values | {"CONSOLE_HOME": str(tmp_path / "desk")}
        refused = read_authorisation_error("op-a", guide_server, f"{name}{values['DB_TLS']}", desk)
    finally:
        _drop_database_and_accounts(guide_server, name)
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1
    assert (refused["code"], refused["detail"]["reason"]) == ("not_allowed", "worker_holds_credentials")
    output = "".join(shown)
    assert "has not authorised this console" in output
    secrets = [file.read_text().strip() for file in (tmp_path / "secrets").iterdir()]
    assert len(secrets) == 5
    kinds = ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")
    assert [secret for secret in secrets for kind in kinds if not re.search(kind, secret)] == []
    assert [secret for secret in secrets if secret in output] == []


def run_script_and_give_consent(script: str, env: dict[str, str]) -> list[str]:
    """Run the script in one shell, act for the person at the browser, and return the printed lines. At the end, kill
    every process that the script has started and left running.
    """
    command = ["bash", "-euo", "pipefail", "-c", script]
    shown: list[str] = []
    with subprocess.Popen(
        command, env=env, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as shell:  # fmt: skip
        assert shell.stdin is not None
        assert shell.stdout is not None
        try:
            for line in shell.stdout:
                shown.append(line)
                if "/oauth/authorize?" in line:
                    shell.stdin.write(f"{visit_consent_page(line.strip())}\n")
                    shell.stdin.flush()
            assert (shell.wait(), shown[-1]) == (0, f"{_LAST_LINE_OF_SCRIPT}\n"), "".join(shown)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return shown


def read_authorisation_error(person: str, server: SqlServer, database: str, env: dict[str, str]) -> dict[str, Any]:
    """Return the error of `provider authorise` at the desk of a person for whom the worker acts."""
    password = (Path(env["BASE"]) / "secrets" / person).read_text().strip()
    command = [sys.executable, "-m", "console", "--json", "provider", "authorise", "alarmbox"]
    person_env = env | {"CONSOLE_DATABASE_URL": server.make_url(person, password, database)}
    ended = subprocess.run(command, env=person_env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    error: dict[str, Any] = json.loads(ended.stdout)["error"]
    return error


def _drop_database_and_accounts(server: SqlServer, name: str) -> None:
    accounts = (f"{name}_schema", "op-a", "lead-b", "night")
    server.drop_database(server.make_url(f"{name}_schema", "", name))
    server.sql(*(f"DROP USER IF EXISTS `{account}`@`%`" for account in accounts))
