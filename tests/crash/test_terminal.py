"""The same from a terminal, process by process: exit statuses and JSON that scripts rely on."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.server import Sandbox
from tests.support.desks import environment
from tests.support.invented import numbers
from tests.support.waiting import until

(NUMBER,) = numbers(1)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 40
KILLED = -9


class Terminal:
    """Runs `python -m console --json …` on one desk."""

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        self._told = os.environ | environment(home, sandbox.url) | {"PYTHONPATH": str(ROOT)}

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        told = self._told | {f"CONSOLE_{name}": value for name, value in extra.items()}
        command = [sys.executable, "-m", "console", "--json", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=told, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str, **extra: str) -> tuple[int, Any]:
        """Exit status, and what the one object on stdout says: data, or the error."""
        with self.start(*words, **extra) as running:
            return ended(running)


def ended(running: subprocess.Popen[str]) -> tuple[int, Any]:
    out, err = running.communicate(timeout=PATIENCE_SECONDS)
    if running.returncode < 0:
        return running.returncode, None
    told = json.loads(out)
    assert told["ok"] is (running.returncode == 0), err
    return running.returncode, told["data"] if told["ok"] else told["error"]


@pytest.fixture
def terminal(home: Path, sandbox: Sandbox) -> Terminal:
    return Terminal(home, sandbox)


def test_killed_between_call_and_record(terminal: Terminal, sandbox: Sandbox) -> None:
    """kill -9 after the charge: refused meanwhile, unknown once the lease is over, settled by its evidence."""
    assert terminal.run("purchase", NUMBER, "--client", "1", FAILPOINT="before_tx2:1:kill") == (KILLED, None)
    status, error = terminal.run("purchase", NUMBER, "--client", "1")
    assert (status, error["code"]) == (3, "already_purchased")
    record = error["detail"]["record"]
    until(lambda: bool(terminal.run("queue", "unknown")[1]["items"]), "its lease to run out", 30)
    status, ran = terminal.run("worker", "--once")
    assert {run["task"]: run["count"] for run in ran["ran"]}["lapsed_operations"] == 1
    status, shown = terminal.run("show", "credit-check", str(record["id"]))
    assert (shown["state"], shown["certainty"], shown["work"]["state"]) == ("pending", "unknown", "needs_review")
    assert shown["next_step"]["text"]
    (charge,) = sandbox.control.ledger(NUMBER)["entries"]
    proof = ("--evidence", "seen on their screen", "--provider-id", str(charge["id"]))
    status, settled = terminal.run("resolve", "credit-check", str(record["id"]), "--as", "success", *proof)
    assert (status, settled["state"], settled["credit_check_id"]) == (0, "success", charge["id"])
    assert terminal.run("audit", "verify")[0] == 0
    assert sandbox.control.charges(NUMBER) == 1


def test_database_taken_away_between_call_and_record(terminal: Terminal, sandbox: Sandbox, home: Path) -> None:
    """Exit 4 with the record; when the file is back, `worker --once` brings the answer from the desk's spool."""
    assert terminal.run("lookup", NUMBER)[0] == 0
    sandbox.control.fault("hang_after_charge", call="purchase", number=NUMBER)
    with terminal.start("purchase", NUMBER, "--client", "1", TIME_SCALE="1") as buying:
        assert sandbox.control.wait(held=1, seconds=PATIENCE_SECONDS)
        (home / "console.db").rename(home / "elsewhere.db")
        sandbox.control.release()
        status, error = ended(buying)
    assert (status, error["code"]) == (4, "outcome_unknown")
    assert (error["detail"]["record"]["state"], error["detail"]["record"]["certainty"]) == ("pending", "unknown")
    (home / "elsewhere.db").rename(home / "console.db")
    status, ran = terminal.run("worker", "--once")
    assert {run["task"]: run["count"] for run in ran["ran"]}["spool_delivery"] == 1
    status, found = terminal.run("lookup", NUMBER)
    assert [(one["state"], one["certainty"]) for one in found["credit_checks"]] == [("success", "known")]
    assert sandbox.control.charges(NUMBER) == 1


def test_a_vanished_claim(terminal: Terminal, sandbox: Sandbox, home: Path) -> None:
    """Row and journal deleted after the purchase: refused from the desk's spool, and `resolve operation` heals it."""
    status, bought = terminal.run("purchase", NUMBER, "--client", "1")
    assert (status, bought["state"]) == (0, "success")
    with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as file:
        file.execute("DELETE FROM hansha_alarmbox_credit_checks")
        file.execute("DELETE FROM operations")
    status, error = terminal.run("purchase", NUMBER, "--client", "1")
    assert (status, error["code"], error["detail"]["source"]) == (3, "already_purchased", "desk")
    operation = error["detail"]["operation_id"]
    status, shown = terminal.run("show", "operation", operation)
    assert (status, shown["kind"], shown["state"]) == (0, "operation", "unknown")
    assert shown["next_step"]["text"]
    proof = ("--evidence", "seen on their screen", "--provider-id", str(bought["credit_check_id"]))
    status, healed = terminal.run("resolve", "operation", operation, "--as", "success", *proof)
    assert (status, healed["id"], healed["state"]) == (0, bought["id"], "success")
    assert sandbox.control.charges(NUMBER) == 1
