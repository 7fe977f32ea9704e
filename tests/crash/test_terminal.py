"""Commands in a terminal that crash or get a signal, each in a process of its own. The tests check the exit statuses
and the JSON on which scripts rely.
"""

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.server import Sandbox
from tests.support.desks import copy_empty_database, make_environment
from tests.support.forked_command import ForkedCommand
from tests.support.invented import invent_numbers
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

(CORPORATION_NUMBER,) = invent_numbers(1)
KILLED_EXIT_STATUS = -9


class Terminal:
    """Runs `support-console --json …` at one desk, each command in a process of its own."""

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        self._environment = os.environ | make_environment(home, sandbox.url)

    def start(self, *words: str, **extra: str) -> ForkedCommand:
        """Start the command, and return its process. `extra` has further settings, without their prefix
        `CONSOLE_`.
        """
        environment = self._environment | {f"CONSOLE_{name}": value for name, value in extra.items()}
        return ForkedCommand("--json", *words, environment=environment)

    def run(self, *words: str, **extra: str) -> tuple[int, Any]:
        """Run the command. Return its exit status, and the data or the error of its JSON object; (-9, None) if it was
        killed.
        """
        with self.start(*words, **extra) as running:
            return read_result(running)


def read_result(running: ForkedCommand) -> tuple[int, Any]:
    """Wait for the end of the command. Return its exit status, and the data or the error of its JSON object (None if
    a signal ended the command).
    """
    out, status = running.read_output(MAX_WAIT_SECONDS), running.wait()
    if status < 0:
        return status, None
    answer = json.loads(out)
    assert answer["ok"] is (status == 0), running.read_errors()
    return status, answer["data"] if answer["ok"] else answer["error"]


@pytest.fixture
def terminal(home: Path, sandbox: Sandbox) -> Terminal:
    copy_empty_database(home)
    return Terminal(home, sandbox)


def test_a_kill_after_the_charge_leaves_the_claim(terminal: Terminal, sandbox: Sandbox) -> None:
    """A purchase is killed after the provider has charged it. A second purchase is refused. After the lease has
    expired, the record is unknown, and a person resolves it with the provider's id.
    """
    assert terminal.run("purchase", CORPORATION_NUMBER, "--client", "1", FAILPOINT="before_tx2:1:kill") == (
        KILLED_EXIT_STATUS,
        None,
    )
    status, error = terminal.run("purchase", CORPORATION_NUMBER, "--client", "1")
    assert (status, error["code"]) == (3, "already_purchased")
    record = error["detail"]["record"]
    wait_until(lambda: bool(terminal.run("queue", "unknown")[1]["items"]), "its lease to run out")
    status, ran = terminal.run("worker", "--once")
    assert {run["task"]: run["count"] for run in ran["ran"]}["lapsed_operations"] == 1
    status, shown = terminal.run("show", "credit-check", str(record["id"]))
    assert (shown["state"], shown["certainty"], shown["work"]["state"]) == ("pending", "unknown", "needs_review")
    assert shown["next_step"]["text"]
    (charge,) = sandbox.control.read_ledger(CORPORATION_NUMBER)["entries"]
    proof = ("--evidence", "seen on their screen", "--provider-id", str(charge["id"]))
    status, settled = terminal.run("resolve", "credit-check", str(record["id"]), "--as", "success", *proof)
    assert (status, settled["state"], settled["credit_check_id"]) == (0, "success", charge["id"])
    assert terminal.run("audit", "verify")[0] == 0
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_purchase_exits_with_4_if_its_database_file_is_missing_at_the_answer(
    terminal: Terminal, sandbox: Sandbox, home: Path
) -> None:
    """If the database file is missing when the provider's answer arrives, the purchase exits with 4 and prints the
    record. When the file is back, `worker --once` writes the answer from the desk's spool.
    """
    assert terminal.run("lookup", CORPORATION_NUMBER)[0] == 0
    sandbox.control.add_fault("hang_after_charge", call="purchase", number=CORPORATION_NUMBER)
    with terminal.start("purchase", CORPORATION_NUMBER, "--client", "1", TIME_SCALE="1") as buying:
        assert sandbox.control.wait_until_counts_reached(held=1, timeout_seconds=MAX_WAIT_SECONDS)
        (home / "console.db").rename(home / "elsewhere.db")
        sandbox.control.release_calls()
        status, error = read_result(buying)
    assert (status, error["code"]) == (4, "outcome_unknown")
    assert (error["detail"]["record"]["state"], error["detail"]["record"]["certainty"]) == ("pending", "unknown")
    (home / "elsewhere.db").rename(home / "console.db")
    status, ran = terminal.run("worker", "--once")
    assert {run["task"]: run["count"] for run in ran["ran"]}["spool_delivery"] == 1
    status, records = terminal.run("lookup", CORPORATION_NUMBER)
    assert [(one["state"], one["certainty"]) for one in records["credit_checks"]] == [("success", "known")]
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_deleted_claim_is_restored_from_the_spool(terminal: Terminal, sandbox: Sandbox, home: Path) -> None:
    """The record and its operation are deleted after the purchase: the desk refuses a second purchase because of its
    spool, and `resolve operation` restores the record.
    """
    status, bought = terminal.run("purchase", CORPORATION_NUMBER, "--client", "1")
    assert (status, bought["state"]) == (0, "success")
    with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as file:
        file.execute("DELETE FROM hansha_alarmbox_credit_checks")
        file.execute("DELETE FROM operations")
    status, error = terminal.run("purchase", CORPORATION_NUMBER, "--client", "1")
    assert (status, error["code"], error["detail"]["source"]) == (3, "already_purchased", "desk")
    operation = error["detail"]["operation_id"]
    status, shown = terminal.run("show", "operation", operation)
    assert (status, shown["kind"], shown["state"]) == (0, "operation", "unknown")
    assert shown["next_step"]["text"]
    proof = ("--evidence", "seen on their screen", "--provider-id", str(bought["credit_check_id"]))
    status, healed = terminal.run("resolve", "operation", operation, "--as", "success", *proof)
    assert (status, healed["id"], healed["state"]) == (0, bought["id"], "success")
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("step", "status", "code", "state", "charge_count"),
    [("after_tx1", 6, "interrupted", "error", 0), ("after_detail", 0, None, "success", 1)],
)
def test_a_signal_ends_the_command_with_one_answer(
    terminal: Terminal, sandbox: Sandbox, home: Path, number: int, step: str, status: int, code: str | None,
    state: str, charge_count: int,
) -> None:  # fmt: skip
    """The command gets SIGINT, SIGTERM or SIGHUP (of a closed terminal) at a step. It prints one JSON object with the
    correct ending and the record, and no record stays unknown.
    """
    with terminal.start(
        "purchase", CORPORATION_NUMBER, "--client", "1", FAILPOINT=f"{step}:1:hang", TIME_SCALE="1"
    ) as buying:
        reached = "calling" if step == "after_tx1" else "done"
        wait_until(lambda: _read_operation_states(home) == [reached], f"{step} to be reached", MAX_WAIT_SECONDS)
        if step == "after_detail":
            wait_until(lambda: _has_company_name(home), "the detail to be written", MAX_WAIT_SECONDS)
        buying.send_signal(number)
        ended_with, answer = read_result(buying)
    assert ended_with == status, answer
    record = answer if code is None else answer["detail"]["record"]
    assert (record["state"], record["certainty"]) == (state, "known")
    assert code is None or answer["code"] == code
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == charge_count
    assert _read_operation_states(home) == ["failed" if charge_count == 0 else "done"]
    if not charge_count:
        assert terminal.run("purchase", CORPORATION_NUMBER, "--client", "1")[0] == 0


@pytest.mark.parametrize("signal_numbers", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT]])
def test_a_signal_during_the_providers_call_ends_the_command(
    terminal: Terminal, sandbox: Sandbox, home: Path, signal_numbers: list[int]
) -> None:
    """SIGTERM, SIGHUP, or Ctrl+C twice ends a command immediately while it waits for the provider, and the record
    becomes unknown.
    """
    sandbox.control.add_fault("hang_after_charge", call="purchase", number=CORPORATION_NUMBER)
    with terminal.start("purchase", CORPORATION_NUMBER, "--client", "1", TIME_SCALE="1") as buying:
        assert sandbox.control.wait_until_counts_reached(held=1, timeout_seconds=MAX_WAIT_SECONDS)
        for number in signal_numbers:
            buying.send_signal(number)
        status, error = read_result(buying)
    assert (status, error["code"], error["detail"]["reason"]) == (4, "outcome_unknown", "interrupted")
    record = error["detail"]["record"]
    assert (record["state"], record["certainty"]) == ("pending", "unknown")
    assert _read_operation_states(home) == ["unknown"]


def _read_operation_states(home: Path) -> list[str]:
    """Return the states of all operations in the database file; [] if the file or its tables don't exist yet."""
    return [str(state) for (state,) in _read_rows(home, "SELECT state FROM operations")]


def _has_company_name(home: Path) -> bool:
    """True if a credit check in the database of the desk with the folder `home` has the name of its company. The name
    comes with the detail, which is fetched after the purchase.
    """
    return bool(_read_rows(home, "SELECT 1 FROM hansha_alarmbox_credit_checks WHERE company_name IS NOT NULL"))


def _read_rows(home: Path, query: str) -> list[tuple[object, ...]]:
    file = home / "console.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as conn:
        try:
            return conn.execute(query).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []
