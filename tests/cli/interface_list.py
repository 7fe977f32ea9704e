"""Collects all names of the command line, the settings, the database and the JSON output on which programs outside
this repository rely.

`python -m tests.cli.interface_list` prints them as JSON. `tests/vectors/interfaces.json` is the recorded list, and a
test compares the present list with it. A moved module or a renamed function must leave the list unchanged.
"""

import argparse
import contextlib
import io
import json
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from console.domain import errors
from console.domain.exports.tables import ListName
from console.sandbox.registry import (
    make_company_row,
    merge_company,
    rename_company,
    write_difference_file,
    write_whole_file,
)
from console.sandbox.server import Sandbox
from tests.support.environment import isolate_environment

ROOT = Path(__file__).resolve().parents[2]
CORPORATION_NUMBER = "1180301018771"
OTHER_CORPORATION_NUMBER = "5010001192707"
MERGED_NUMBER = "7010001065142"
_COMMAND_GROUPS = {
    "refund",
    "payment",
    "alerts",
    "audit",
    "db",
    "registry",
    "documents",
    "export",
    "incidents",
    "limits",
}
_COMMAND_GROUPS |= {"mentions", "people", "provider", "reports", "views"}
_VARIABLE_PREFIXES = {"CONSOLE_SECRET", "CONSOLE_RECEIVER"}
_OPTION_PATTERN = re.compile(r"(?<![a-z-])--?[a-z][a-z-]*|\b[A-Z][A-Z_|]+\b|\{[^}]*\}")
_VARIABLE_PATTERN = re.compile(r"CONSOLE_[A-Z]+(?:_[A-Z]+)*")


def collect_interfaces(folder: Path) -> dict[str, Any]:
    """Return commands with their options, exit statuses by code, variables, columns by table, and JSON fields by
    command.
    """
    return {
        "commands": list_commands(),
        "exit_statuses": dict(sorted(errors.EXIT_STATUS.items())),
        "environment": list_environment_variables(),
        **run_day_and_list_answers(folder),
    }


def list_commands() -> dict[str, list[str]]:
    """Return every option and positional argument of each command, with its choices."""
    helped = {}
    for words, text in _read_help_of_commands(_read_help()):
        usage = re.sub(r"\s+", " ", text[: text.index("\n\n")])
        helped[" ".join(words)] = sorted(set(_OPTION_PATTERN.findall(usage)))
    return helped


def _read_help_of_commands(text: str, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (words, help page) of each command that the help page `text` lists, including the commands of its groups.
    `above` has the words of the group to which the page belongs.
    """
    for name in re.findall(r"^    ([a-z][a-z-]*)(?:\s|$)", text, re.MULTILINE):
        below = _read_help(*above, name)
        inner = list(_read_help_of_commands(below, *above, name)) if len(above) < 2 else []
        yield from inner or [((*above, name), below)]


def _read_help(*words: str) -> str:
    from console.cli.main import main

    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def list_environment_variables() -> list[str]:
    """Return the name of every environment variable that the program's source names. A secret is listed by the part
    of its name after `CONSOLE_SECRET_`.
    """
    from console.settings.settings import Settings

    names: set[str] = set()

    class RecordingEnvironment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            names.add(name)
            return super().get(name, default)

    with tempfile.TemporaryDirectory() as home:
        env = RecordingEnvironment(CONSOLE_HOME=home, CONSOLE_LANGUAGE="en", CONSOLE_SECRET_STORE_KEY="k" * 16)
        settings = Settings.load(env)
        for provider in ("alarmbox", "paypay", "atom"):
            names.update(settings.list_missing_secret_names(provider))
    for source in sorted(ROOT.glob("console/**/*.py")):
        names.update(_VARIABLE_PATTERN.findall(source.read_text("utf-8")))
    return sorted(name for name in names if name.startswith("CONSOLE_") and name not in _VARIABLE_PREFIXES)


def run_day_and_list_answers(folder: Path) -> dict[str, Any]:
    """Run a day's commands on a fresh desk; return the database's columns and the JSON fields of the answers."""
    from tests.cli.paying_terminal import PayingTerminal

    with Sandbox() as sandbox:
        desk = PayingTerminal(folder / "home", sandbox)
        fields: dict[str, dict[str, set[str]]] = {}
        for name, answer in _run_desk_commands(desk, sandbox, folder):
            _note_types(answer, "", fields.setdefault(name, {}))
        columns = _read_columns(desk.home / "console.db")
    shown = {name: {path: "|".join(sorted(kinds)) for path, kinds in paths.items()} for name, paths in fields.items()}
    return {"columns": columns, "json": shown}


def _run_desk_commands(desk: Any, sandbox: Sandbox, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run each command that a desk offers at least once. Some runs succeed, some are refused. Yield each run as
    (command, complete JSON answer).
    """

    from tests.cli.test_reconciliation import make_day_with_differences

    def run_and_name(*words: str, **env: str) -> tuple[str, dict[str, Any]]:
        """Run a command at the desk, and return its name and its answer."""
        name = " ".join(words[: 2 if words[0] in _COMMAND_GROUPS else 1])
        return (f"{words[0]} {words[1]}" if words[0] == "show" else name), desk.json(*words, **env).answer

    yield run_and_name("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "2", "--reason", "1")
    yield run_and_name("purchase", CORPORATION_NUMBER, "--client", "1", "--request-id", "r-1")
    sandbox.control.add_fault("status:503", call="purchase", times=1)
    yield run_and_name("purchase", OTHER_CORPORATION_NUMBER, "--client", "2", "--request-id", "r-2")
    yield run_and_name("purchase", OTHER_CORPORATION_NUMBER, "--client", "2", "--request-id", "r-2")
    yield run_and_name("purchase", "1", "--client", "2")
    yield run_and_name("lookup", CORPORATION_NUMBER)
    yield run_and_name("probe", "credit-check", "2")
    yield run_and_name("resolve", "credit-check", "2", "--as", "error", "--evidence", "their letter")
    yield run_and_name("resolve", "credit-check", "2", "--as", "error", "--evidence", "their letter")
    yield run_and_name("refetch", "1")
    sandbox.control.add_fault("status:500", call="pdf", times=None)
    yield run_and_name("refetch", "1", "--pdf")
    shown = run_and_name("show", "credit-check", "1")
    yield shown
    yield run_and_name("show", "credit-check", "2")
    yield run_and_name("show", "operation", shown[1]["data"]["operation_id"])
    yield run_and_name("show", "order", "77")

    payment = str(desk.make_booked_payment())
    sandbox.control.change_settings(
        waits_for_manual_settling=True
    )  # a refund stays accepted, however slow this machine is
    yield run_and_name("payment", "import", "paypay", "ORD-1", "--corporation-number", CORPORATION_NUMBER)
    yield run_and_name("payment", "import", "paypay", "ORD-none")
    yield run_and_name("refund", "request", payment, "--amount=1000", "--reason", "part", OPERATOR="op-a")
    yield run_and_name("refund", "request", payment, "--amount=1000", "--reason", "part", OPERATOR="op-a")
    yield run_and_name("show", "refund", "1")
    yield run_and_name("refund", "approve", "1", OPERATOR="op-a")
    yield run_and_name("refund", "approve", "1", OPERATOR="lead-b")
    yield run_and_name("refund", "request", payment, "--amount=500", "--reason", "more", OPERATOR="op-a")
    yield run_and_name("refund", "reject", "2", "--reason", "no", OPERATOR="lead-b")
    coded = ("--reason-code", "returned")
    yield run_and_name("refund", "request", payment, "--amount=700", *coded, OPERATOR="op-a")
    yield run_and_name("queue", "refunds")
    yield run_and_name("refund", "withdraw", "3", OPERATOR="op-a")
    yield run_and_name("show", "payment", payment)
    order = str(desk.create_order("ORD-2", 4400))
    with closing(sqlite3.connect(desk.home / "console.db")) as shop, shop:
        shop.execute("UPDATE orders SET status = 'cancelled'")
    desk.make_booked_payment("ORD-2", 4400)
    yield run_and_name("lookup", CORPORATION_NUMBER)
    yield run_and_name("worker", "--once")
    yield run_and_name("show", "order", order)
    yield run_and_name("alerts", "list")
    yield run_and_name("alerts", "ack", "1", "--note", "seen")
    yield run_and_name("alerts", "ack", "99", "--note", "seen")
    for queue in ("pending", "error", "incomplete", "unknown", "review", "refunds"):
        yield run_and_name("queue", queue)
    pack = str(folder / "case.zip")
    yield run_and_name("show", "payment", payment, "--pack", pack)
    yield run_and_name("audit", "list", "--limit", "5")
    yield run_and_name("audit", "verify")
    yield run_and_name("audit", "verify", "--pack", pack)
    yield run_and_name("audit", "export", str(folder / "audit.csv"))
    day = make_day_with_differences(desk, folder, sandbox)
    yield run_and_name("reconcile", "paypay", "--from", day, "--to", day, "--dry-run")
    yield run_and_name("reconcile", "paypay", "--from", day, "--to", day)
    yield from _run_registry_commands(run_and_name, folder)
    yield run_and_name("read-only", "list")
    yield run_and_name("read-only", "on", "--provider", "paypay", "--reason", "incident", OPERATOR="lead-b")
    yield run_and_name("read-only", "on", "--reason", "restore", OPERATOR="lead-b")
    yield run_and_name("purchase", OTHER_CORPORATION_NUMBER, "--client", "3", OPERATOR="lead-b")
    yield run_and_name("read-only", "list")
    yield run_and_name("read-only", "off", "--reason", "restored", OPERATOR="lead-b")
    yield run_and_name("read-only", "off", "--provider", "paypay", "--reason", "over", OPERATOR="lead-b")
    yield from _run_list_commands(run_and_name, folder, day)
    yield run_and_name("db", "check")
    yield run_and_name("db", "upgrade")
    yield run_and_name("db", "adopt", "--dry-run")
    yield run_and_name(
        "worker", "--once"
    )  # on a busy machine tasks are late by now, and the next answer would name them
    yield run_and_name("doctor")
    yield run_and_name("nothing")


def _run_list_commands(run_command: Any, folder: Path, day: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run the commands of saved views, incidents, documents, exports, reports and limits. Yield the result of
    `run_command` for each command: its name (one or two words) and its JSON answer."""
    yield run_command("views", "save", "mine", "unknown")
    yield run_command("views", "rename", "1", "open")
    yield run_command("views", "list")
    yield run_command("queue", "--view", "open")
    yield run_command("queue", "refunds", "--by-cause")
    yield run_command("views", "delete", "1")
    yield run_command("views", "restore", "1")
    yield run_command("incidents", "list")
    yield run_command("incidents", "take", "1")
    yield run_command("incidents", "show", "1")
    yield run_command("incidents", "hand-over", "1", "--to", "nobody", "--note", "mine is over")
    yield run_command("incidents", "snooze", "1", "--until", "2020-01-01")
    yield run_command("incidents", "wake", "1")
    yield run_command("incidents", "release", "1")
    yield run_command("incidents", "resolve", "1", "--reason", "done")
    yield run_command("incidents", "reopen", "1", "--reason", "not done")
    yield run_command("payment", "move-order", "1")
    yield run_command("alerts", "unack", "1")
    yield run_command("alerts", "lost")
    yield run_command("documents", "list", "1")
    yield run_command("documents", "save", "1", "--to", str(folder / "copy.pdf"))
    yield run_command("documents", "compare", "1")
    subjects = {"queue": ("refunds",), "lookup": (CORPORATION_NUMBER,), "search": ("ORD-1",), "find": ("架空",),
                "report": ("time_to_truth",), "reconciliation": ("1",), "bulk": ("1",)}  # fmt: skip
    for name in ListName:
        yield run_command("export", name, *subjects.get(name, ()), "--to", str(folder / f"{name}.csv"))
    yield run_command("reports", "figures")
    yield run_command("reports", "close", "--day", day, "--provider", "paypay")
    yield run_command("limits", "list")
    yield run_command("limits", "set", "per_refund", "JPY", "1", OPERATOR="op-a")
    yield run_command("people", "list")
    yield run_command("people", "disable", "op-a", "--reason", "left", OPERATOR="op-a")
    yield run_command("people", "enable", "op-a", OPERATOR="op-a")
    yield run_command("provider", "authorise", "paypay")
    yield run_command("evidence", "payment/1", "credit-check/1", "--to", str(folder / "packs.zip"))
    yield run_command("training", "--list")
    yield run_command("unfinished")
    yield run_command("mentions", "list")
    yield run_command("mentions", "done", "1")
    yield run_command("whoami")
    yield run_command("sign-in")
    yield run_command("sign-out")
    yield run_command("forget-credentials")
    yield run_command("replay", str(folder / "case.zip"))
    yield run_command("db", "backup", str(folder / "backup"))
    yield run_command("db", "restore", str(folder / "backup"), "--check")
    yield run_command("db", "accounts", "apply", str(folder / "nothing.json"))
    yield run_command("db", "merchant", "alarmbox", "--reason", "another contract")
    yield run_command("open", "no link")
    yield run_command("--version")
    yield run_command("lookup", "--help")


def _run_registry_commands(run_command: Any, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run the commands of a corporation registry, and `lookup` and `show` of a corporation in it. Yield the result of
    `run_command` for each command: its name (one or two words) and its JSON answer."""
    row = make_company_row(CORPORATION_NUMBER, "株式会社架空商事", furigana="カクウショウジ")
    closed = merge_company(make_company_row(MERGED_NUMBER, "旧社名株式会社"), CORPORATION_NUMBER, date(2026, 4, 1))
    yield run_command("registry", "status")
    yield run_command(
        "registry", "import", str(write_whole_file(folder, date(2026, 10, 30), 0, 1, first_rows=(row, closed)))
    )
    changed = rename_company(row, "株式会社新架空商事", date(2026, 11, 2))
    yield run_command(
        "registry", "import", str(write_difference_file(folder, date(2026, 11, 2), 0, 1, changes=(changed,)))
    )
    yield run_command("registry", "import", str(folder / "diff_20261102.zip"))
    yield run_command("registry", "import", str(folder / "case.zip"))
    yield run_command("registry", "status")
    yield run_command("registry", "find", "架空商事")
    yield run_command("find", "旧社名")
    yield run_command("registry", "changes", "--since", "2026-11-01")
    yield run_command("lookup", CORPORATION_NUMBER)
    yield run_command("lookup", MERGED_NUMBER)
    yield run_command("show", "credit-check", "1")


def _note_types(value: Any, path: str, types_by_path: dict[str, set[str]]) -> None:
    """Store the type at each path of a JSON value in `types_by_path`; the items of a list share one path, `[]`."""
    types_by_path.setdefault(path or ".", set()).add("null" if value is None else type(value).__name__)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _note_types(inner, f"{path}.{key}", types_by_path)
    elif isinstance(value, list):
        for inner in value:
            _note_types(inner, f"{path}[]", types_by_path)


def _read_columns(file: Path) -> dict[str, list[str]]:
    """Return the columns of each table, each as "name type", with " NOT NULL" if the column is required."""
    with closing(sqlite3.connect(file)) as conn, conn:
        tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [
                f"{name} {kind}{' NOT NULL' if null else ''}"
                for _, name, kind, null, _, _ in conn.execute(f"PRAGMA table_info({table})")
            ]
            for table in tables
            if not table.startswith("sqlite_")
        }


def main() -> None:
    with isolate_environment(), tempfile.TemporaryDirectory() as folder:
        os.environ["CONSOLE_LANGUAGE"] = "en"
        json.dump(collect_interfaces(Path(folder)), sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
        print()


if __name__ == "__main__":
    argparse.ArgumentParser().parse_args()
    main()
