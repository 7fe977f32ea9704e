"""The administrator's guide, followed to the letter: every block of docs/administration.md in one shell, on an empty
MariaDB and the sandbox, until the ledger has the first purchase.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.environment.credentials import CLIENT_ID, CLIENT_SECRET
from console.sandbox.server import Sandbox
from tests.support.authorising import visit
from tests.support.sql_server import SqlServer

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "administration.md"
NUMBER = "1180301018771"
_BLOCK = re.compile(r"^```bash ?(values|browser|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "guide: done"


def blocks() -> list[tuple[str, str]]:
    """Each block of the guide: its mark, and its lines."""
    return _BLOCK.findall(GUIDE.read_text("utf-8"))


def test_every_block_is_marked() -> None:
    """One block has the reader's values, and one waits for a browser; the script replaces no other."""
    marks = [mark for mark, _ in blocks()]
    assert (marks.count("values"), marks.count("browser")) == (1, 1)
    assert GUIDE.read_text("utf-8").count("```") == 2 * len(marks)


@pytest.mark.soak
def test_from_an_empty_server_to_the_first_purchase(sql_server: SqlServer, sandbox: Sandbox, tmp_path: Path) -> None:
    """Each command ends well; the person at the browser is the only part that is played. The ledger has one charge,
    and the desk of the person had no credentials.
    """
    if not sql_server.is_mariadb:
        pytest.skip("the guide is for MariaDB")
    name = f"guide{os.getpid()}"
    values = {
        "DB_HOST": sql_server.host, "DB_PORT": str(sql_server.port), "DB_NAME": name, "DB_ADMIN": sql_server.admin,
        "MYSQL_PWD": sql_server.password, "DB_TLS": "", "DB_REQUIRE": "", "BASE": str(tmp_path), "NUMBER": NUMBER,
        "CONSOLE_ALARMBOX_URL": sandbox.url, "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": CLIENT_ID,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": CLIENT_SECRET, "CONSOLE_RECEIVER_PORT": "0",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    script = "\n".join(text for mark, text in blocks() if mark != "values")
    given = set(re.findall(r"\b([A-Z_]+)=", next(text for mark, text in blocks() if mark == "values")))
    assert given <= values.keys()
    plain = {key: value for key, value in os.environ.items() if not key.startswith("CONSOLE_")}
    try:
        shown = follow(f"{script}\necho '{_DONE}'", plain | values)
        refused = authorise_as("op-a", sql_server, name, plain | values | {"CONSOLE_HOME": str(tmp_path / "desk")})
    finally:
        _drop(sql_server, name)
    assert sandbox.control.count_charges(NUMBER) == 1
    assert (refused["code"], refused["detail"]["reason"]) == ("not_allowed", "worker_holds_credentials")
    output = "".join(shown)
    assert "has not authorised this console" in output
    secrets = [file.read_text().strip() for file in (tmp_path / "secrets").iterdir()]
    assert len(secrets) == 5
    assert [secret for secret in secrets if secret in output] == []


def follow(script: str, env: dict[str, str]) -> list[str]:
    """Run the script in one shell, and act for the person at the browser: what it printed. Whatever it has started
    ends with it.
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
                    shell.stdin.write(f"{visit(line.strip())}\n")
                    shell.stdin.flush()
            assert (shell.wait(), shown[-1]) == (0, f"{_DONE}\n"), "".join(shown)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return shown


def authorise_as(person: str, server: SqlServer, database: str, env: dict[str, str]) -> dict[str, Any]:
    """The error of `provider authorise` at the desk of a person for whom the worker acts."""
    password = (Path(env["BASE"]) / "secrets" / person).read_text().strip()
    command = [sys.executable, "-m", "console", "--json", "provider", "authorise", "alarmbox"]
    told = env | {"CONSOLE_DATABASE_URL": server.url(person, password, database)}
    ended = subprocess.run(command, env=told, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    error: dict[str, Any] = json.loads(ended.stdout)["error"]
    return error


def _drop(server: SqlServer, name: str) -> None:
    accounts = (f"{name}-schema", "op-a", "lead-b", "night")
    server.drop_database(server.url(f"{name}-schema", "", name))
    server.sql(*(f"DROP USER IF EXISTS `{account}`@`%`" for account in accounts))
