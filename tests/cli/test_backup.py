"""`db backup` and `db restore`, run as commands at a desk. The ledger of the simulated provider shows that no
purchase is made twice.
"""

import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import Connection, event, text

from console.app import open_console
from console.domain.clock import SystemClock
from console.domain.error_reasons import DatabaseLockedProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.sandbox.server import Sandbox
from console.services.backup import backup as backups
from console.services.backup.backup import RestoreResult, VerifiedBackup, back_up, restore
from console.services.backup.restore_requests import make_restore_request, store_request_of_restore
from console.settings.private_files import hold_exclusive_file_lock
from console.settings.settings import Settings
from console.store.backup import archive, server_dump, sqlite_copy
from console.store.database.engine import Database
from console.store.documents.documents import LARGEST_DOCUMENT_BYTES, Documents
from console.store.migrations import upgrade as migrate
from console.store.migrations.upgrade_lock import LOCK_TABLE
from console.store.schema.core import SCHEMA_VERSION
from console.store.schema.worker import metadata
from console.store.spool import spool as spools
from console.store.spool.spool import Spool
from console.wording.sentences.catalogue import LANGUAGES
from tests.cli.conftest import CommandResult, Terminal
from tests.support import server_schema, servers
from tests.support.desks import make_environment
from tests.support.invented import invent_numbers
from tests.support.money_desks import make_provider_settings
from tests.support.permissions import remove_permissions
from tests.support.server_fixtures import require_engine
from tests.support.waiting import wait_until

KEPT_NUMBER, LOST_NUMBER, NEW_NUMBER = invent_numbers(3, seed=53)
expects_loss_log = pytest.mark.expects_log("a loss is an error in the log")


def buy_check(terminal: Terminal, number: str) -> Any:
    return terminal.json("purchase", number, "--client", "1")


def read_checks(terminal: Terminal, number: str) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = terminal.json("lookup", number).data["credit_checks"]
    return checks


def read_lost_operation_states(terminal: Terminal) -> dict[str, str]:
    """Return the state of each operation that is recorded as lost by the database."""
    lost_operations = terminal.json("alerts", "lost").data
    assert lost_operations["count"] == len(lost_operations["lost"])
    return {operation["operation_id"]: operation["state"] for operation in lost_operations["lost"]}


def get_home(terminal: Terminal) -> Path:
    return Path(terminal.env["CONSOLE_HOME"])


def get_database_file(terminal: Terminal) -> Path:
    return get_home(terminal) / "console.db"


def compute_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path, without the side files of SQLite, which readers
    make too."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(("-wal", "-shm")))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture
def backup(terminal: Terminal, tmp_path: Path) -> Path:
    """Return a backup of a desk with one purchase and its PDF."""
    assert buy_check(terminal, KEPT_NUMBER).status == 0
    folder = tmp_path / "backup"
    made = terminal.json("db", "backup", str(folder)).data
    assert (made["documents"], made["unreadable_documents"]) == (1, [])
    assert set(compute_digests(folder)) >= {"manifest.json", "database.sqlite", "desk.db"}
    return folder


@expects_loss_log
def test_a_restored_older_backup_charges_no_purchase_again(
    terminal: Terminal, sandbox: Sandbox, backup: Path
) -> None:
    """A restore names the operations that the backup lacks. Until a person acknowledges the alert about that, each
    purchase is refused; afterwards only the lost one is, until a probe has restored it. No credit check is charged
    twice.
    """
    lost = buy_check(terminal, LOST_NUMBER).data["operation_id"]
    restored = terminal.json("db", "restore", str(backup)).data
    assert [operation["operation_id"] for operation in restored["missing"]] == [lost]
    assert restored["spool"] == "kept"
    assert Path(restored["kept"]).is_file()
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1
    assert read_checks(terminal, LOST_NUMBER) == []
    for number in (LOST_NUMBER, NEW_NUMBER):
        assert buy_check(terminal, number).exit_status_and_code == (3, "database_went_back")
    (alert,) = terminal.json("alerts", "list").data["alerts"]
    assert alert["rule_id"] == "database_went_back"
    assert terminal.json("alerts", "ack", str(alert["id"]), "--note", "yesterday's backup").status == 0
    assert read_lost_operation_states(terminal) == {lost: "open"}
    assert f"support-console show operation {lost}" in terminal("alerts", "lost").out.decode("utf-8")
    assert buy_check(terminal, LOST_NUMBER).exit_status_and_code == (3, "already_purchased")
    assert buy_check(terminal, NEW_NUMBER).status == 0
    assert terminal.json("probe", "operation", lost, ALARMBOX_FIND_PURCHASES="1").status == 0
    assert read_lost_operation_states(terminal) == {lost: "restored"}
    assert sandbox.ledger.charge_count == 3
    assert "database.restored" in json.dumps(terminal.json("audit", "list").data)
    verified = terminal.json("audit", "verify")
    assert (verified.exit_status_and_code, verified.error["detail"]["why"]) == ((3, "audit_broken"), "missing")


@expects_loss_log
@pytest.mark.parametrize("has_opened", [False, True])
def test_a_restore_by_another_desk_repeats_no_purchase(
    terminal: Terminal, sandbox: Sandbox, backup: Path, tmp_path: Path, *, has_opened: bool
) -> None:
    """One desk buys after the backup; another desk, whose spool lacks this purchase, restores the backup. The restore
    finds the operation in the replaced database file. Purchases are refused until a person acknowledges the alert,
    and the lost purchase stays refused after that.
    """
    url, documents = f"sqlite:///{get_database_file(terminal)}", f"file:{get_home(terminal) / 'documents'}"
    other = Terminal(make_environment(tmp_path / "other", sandbox.url, DATABASE_URL=url, DOCUMENTS_URL=documents))
    if has_opened:
        assert len(read_checks(other, KEPT_NUMBER)) == 1
    lost = buy_check(terminal, LOST_NUMBER).data["operation_id"]
    restored = other.json("db", "restore", str(backup)).data
    assert restored["spool"] == ("kept" if has_opened else "restored")
    assert [operation["operation_id"] for operation in restored["missing"]] == [lost]
    assert buy_check(other, LOST_NUMBER).exit_status_and_code == (3, "database_went_back")
    (alert,) = other.json("alerts", "list").data["alerts"]
    assert other.json("alerts", "ack", str(alert["id"]), "--note", "yesterday's backup").status == 0
    assert buy_check(other, LOST_NUMBER).exit_status_and_code in ((3, "already_purchased"), (3, "in_progress"))
    assert sandbox.ledger.charge_count == 2
    assert terminal.json("probe", "operation", lost).status == 0
    assert buy_check(other, LOST_NUMBER).exit_status_and_code == (3, "already_purchased")
    assert buy_check(other, NEW_NUMBER).status == 0
    assert sandbox.ledger.charge_count == 3


@expects_loss_log
def test_a_restore_that_was_killed_loses_no_purchase(
    terminal: Terminal, sandbox: Sandbox, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore is killed after it has exchanged the database file, so a second restore replaces a database that
    already lacks the purchase. The second restore finds the lost purchase in the file that the first one has stored
    beside the database.
    """
    url, documents = f"sqlite:///{get_database_file(terminal)}", f"file:{get_home(terminal) / 'documents'}"
    other = Terminal(make_environment(tmp_path / "other", sandbox.url, DATABASE_URL=url, DOCUMENTS_URL=documents))
    lost = buy_check(terminal, LOST_NUMBER).data["operation_id"]
    with monkeypatch.context() as killed:
        killed.setattr("console.app.restore_backup", _restore_until_exchanged)
        assert other("db", "restore", str(backup)).status == 6
    restored = other.json("db", "restore", str(backup)).data
    assert [operation["operation_id"] for operation in restored["missing"]] == [lost]
    (alert,) = other.json("alerts", "list").data["alerts"]
    assert other.json("alerts", "ack", str(alert["id"]), "--note", "yesterday's backup").status == 0
    assert buy_check(other, LOST_NUMBER).exit_status_and_code in ((3, "already_purchased"), (3, "in_progress"))
    assert sandbox.ledger.charge_count == 2


@expects_loss_log
@pytest.mark.parametrize("has_opened", [False, True])
def test_no_desk_buys_again_after_a_killed_restore(
    terminal: Terminal,
    sandbox: Sandbox,
    backup: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_opened: bool,
) -> None:
    """A restore is killed directly after it has exchanged the database file. The backup lacks a purchase, and so does
    the spool of a third desk. This desk still can't buy the company again, neither before nor after a person has
    acknowledged the alert.
    """
    url, documents = f"sqlite:///{get_database_file(terminal)}", f"file:{get_home(terminal) / 'documents'}"
    second, third = (
        Terminal(make_environment(tmp_path / name, sandbox.url, DATABASE_URL=url, DOCUMENTS_URL=documents))
        for name in ("second", "third")
    )
    if has_opened:
        assert len(read_checks(third, KEPT_NUMBER)) == 1
    lost = buy_check(terminal, LOST_NUMBER).data["operation_id"]
    with monkeypatch.context() as killed:
        killed.setattr("console.services.backup.backup.sqlite_copy.replace_database_file", _exchange_and_end)
        assert second("db", "restore", str(backup)).status == 6
    assert read_checks(second, LOST_NUMBER) == []
    assert buy_check(third, LOST_NUMBER).exit_status_and_code == (3, "database_went_back")
    (alert,) = third.json("alerts", "list").data["alerts"]
    assert third.json("alerts", "ack", str(alert["id"]), "--note", "yesterday's backup").status == 0
    assert buy_check(third, LOST_NUMBER).exit_status_and_code in ((3, "already_purchased"), (3, "in_progress"))
    assert sandbox.ledger.charge_count == 2
    restored = second.json("db", "restore", str(backup)).data
    assert [operation["operation_id"] for operation in restored["missing"]] == [lost]
    assert buy_check(third, LOST_NUMBER).exit_status_and_code == (3, "database_went_back")
    assert sandbox.ledger.charge_count == 2


@expects_loss_log
@pytest.mark.parametrize("is_paid", [False, True])
def test_a_payment_found_only_in_the_replaced_file_is_not_started_again(
    terminal: Terminal, sandbox: Sandbox, tmp_path: Path, *, is_paid: bool
) -> None:
    """One desk starts a payment after the backup, and another desk restores the backup. After a person has
    acknowledged the alert, a third desk, whose spool lacks the payment, requests no second token for the order,
    because Atom's documentation doesn't say whether Atom refuses a used number. A probe by the third desk finds a
    paid payment at Atom. Atom has no data about an unpaid one, so people must decide.
    """
    url, documents = f"sqlite:///{get_database_file(terminal)}", f"file:{get_home(terminal) / 'documents'}"
    first, second, third = (
        make_environment(
            tmp_path / name,
            sandbox.url,
            DATABASE_URL=url,
            DOCUMENTS_URL=documents,
            **make_provider_settings(sandbox.url),
        )
        for name in ("first", "second", "third")
    )
    assert buy_check(terminal, KEPT_NUMBER).status == 0
    with closing(sqlite3.connect(get_database_file(terminal))) as conn:
        conn.execute(
            "INSERT INTO orders (id, merch_txn_id, total_amount, currency, created_at, updated_at)"
            " VALUES (1, 'ORD1', 50000, 'INR', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
        )
        conn.commit()
    assert terminal.json("db", "backup", str(tmp_path / "backup")).status == 0
    with open_console(Settings.load(first)) as console:
        payment = console.payments.start(1, "atom").payment
        if is_paid:
            sandbox.control.payments_control.change_payment_state("atom", "ORD1", "paid", notify=False)
            assert console.payments.probe(payment.id).state == "completed"
    restored = Terminal(second).json("db", "restore", str(tmp_path / "backup")).data
    assert [operation["operation_id"] for operation in restored["missing"]] == [payment.operation_id]
    (alert,) = Terminal(third).json("alerts", "list").data["alerts"]
    assert Terminal(third).json("alerts", "ack", str(alert["id"]), "--note", "an old backup").status == 0
    with open_console(Settings.load(third)) as console:
        with pytest.raises(ConsoleError) as refused:
            console.payments.start(1, "atom")
        assert (refused.value.code, refused.value.detail["operation_id"]) == ("in_progress", payment.operation_id)
        assert len(sandbox.control.read_requests(call="atom_auth")) == 1
        with nullcontext() if is_paid else pytest.raises(ConsoleError):
            console.recovery.probe("operation", payment.operation_id or "")
        with pytest.raises(ConsoleError) as refused:
            console.payments.start(1, "atom")
        assert refused.value.code == ("already_decided" if is_paid else "in_progress")
        assert len(sandbox.control.read_requests(call="atom_auth")) == 1


_replace_database_file = sqlite_copy.replace_database_file


def _exchange_and_end(source_file: Path, file: Path, *rest: Any) -> Path | None:
    """Replace a file. If the file is the database, raise KeyboardInterrupt after that, to end the process. Otherwise
    return the result of `_replace_database_file`."""
    former_path = _replace_database_file(source_file, file, *rest)
    if source_file.name == archive.SQLITE_FILE:
        raise KeyboardInterrupt
    return former_path


def _restore_until_exchanged(settings: Settings, folder: Path, _request_id: str | None) -> NoReturn:
    """Restore the backup until the database file is exchanged and upgraded, and end there."""
    restore(settings, folder, SystemClock())
    raise KeyboardInterrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_exchange_waits_for_the_end(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A signal that arrives after the exchange of the database file doesn't interrupt the restore. The restore
    completes and reports its result, because the answer that nothing was changed would be wrong."""
    monkeypatch.setattr("console.services.backup.backup.migrate.upgrade", lambda _: signal.raise_signal(number))
    restored = terminal.json("db", "restore", str(backup))
    assert restored.data["restored"] is True
    assert "database.restored" in json.dumps(terminal.json("audit", "list").data)


@expects_loss_log
def test_an_acknowledged_loss_does_not_acknowledge_a_later_restore(
    terminal: Terminal, sandbox: Sandbox, backup: Path, tmp_path: Path
) -> None:
    """A person acknowledges the loss of a first restore, and a second backup is made after that. A later restore of
    the second backup loses another purchase. That loss is reported as a new one, and purchases are refused again.
    """
    url, documents = f"sqlite:///{get_database_file(terminal)}", f"file:{get_home(terminal) / 'documents'}"
    other = Terminal(make_environment(tmp_path / "other", sandbox.url, DATABASE_URL=url, DOCUMENTS_URL=documents))
    assert len(read_checks(other, KEPT_NUMBER)) == 1
    assert buy_check(terminal, LOST_NUMBER).status == 0
    assert other.json("db", "restore", str(backup)).status == 0
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1
    (alert,) = other.json("alerts", "list").data["alerts"]
    assert other.json("alerts", "ack", str(alert["id"]), "--note", "the first backup").status == 0
    assert terminal.json("db", "backup", str(tmp_path / "second")).status == 0
    assert buy_check(terminal, NEW_NUMBER).status == 0
    assert other.json("db", "restore", str(tmp_path / "second")).status == 0
    assert buy_check(other, NEW_NUMBER).exit_status_and_code == (3, "database_went_back")
    assert sandbox.ledger.count_charges_of_number(NEW_NUMBER) == 1


def test_a_restore_on_a_new_machine_restores_all_parts(
    terminal: Terminal, sandbox: Sandbox, backup: Path, tmp_path: Path
) -> None:
    """On a new machine a restore brings back the database, the documents and the spool. A restore that is repeated
    with the same request id restores nothing a second time.
    """
    new = Terminal(make_environment(tmp_path / "new", sandbox.url))
    words = ("db", "restore", str(backup), "--request-id", "r-1")
    done = new.json(*words).data
    assert (done["kept"], done["spool"], done["documents_restored"], done["missing"]) == (None, "restored", 1, [])
    assert compute_digests(get_home(new) / "documents") == compute_digests(get_home(terminal) / "documents")
    (check,) = read_checks(new, KEPT_NUMBER)
    assert new.json("refetch", str(check["id"]), "--pdf").status in (0, 3)
    assert buy_check(new, NEW_NUMBER).status == 0
    repeated = new.json(*words).data
    assert (repeated["duplicate"], repeated["documents_restored"]) == (True, 1)
    assert len(read_checks(new, NEW_NUMBER)) == 1
    other = new.json("db", "restore", str(tmp_path), "--request-id", "r-1")
    assert other.exit_status_and_code == (3, "possible_repeat")


def list_replaced_files(terminal: Terminal) -> list[Path]:
    return [file for file in get_home(terminal).iterdir() if ".before-restore-" in file.name]


def test_only_one_of_two_restores_with_one_request_id_runs(terminal: Terminal, backup: Path) -> None:
    """While a restore with a request id runs, a second call is refused at once, and the database isn't replaced."""
    words = ("db", "restore", str(backup), "--request-id", "r-1")
    with hold_exclusive_file_lock(get_home(terminal) / "restore.lock"):
        refused = terminal.json(*words)
    assert (refused.exit_status_and_code, refused.error["detail"]) == ((3, "in_progress"), {"reason": "restore"})
    assert list_replaced_files(terminal) == []
    assert "duplicate" not in terminal.json(*words).data


@pytest.mark.parametrize("last_step", ["_complete_restored_database", "record_restore", "store_restore_result"])
@expects_loss_log
def test_a_killed_restore_is_not_repeated_under_its_request_id(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch, last_step: str
) -> None:
    """A restore is killed after it has exchanged the database file and before its result is stored. The repeated call
    replaces the database no second time: it completes the restore, and answers with the result of the first call.
    """
    lost = buy_check(terminal, LOST_NUMBER).data["operation_id"]
    words = ("db", "restore", str(backup), "--request-id", "r-1")
    with monkeypatch.context() as killed:
        killed.setattr(f"console.services.backup.backup.{last_step}", _end_process)
        assert terminal(*words).status != 0
    (replaced_file,) = list_replaced_files(terminal)
    repeated = terminal.json(*words).data
    assert (repeated["duplicate"], repeated["kept"], repeated["spool"]) == (True, str(replaced_file), "kept")
    assert [operation["operation_id"] for operation in repeated["missing"]] == [lost]
    assert list_replaced_files(terminal) == [replaced_file]
    entries = [entry["what"] for entry in terminal.json("audit", "list").data["entries"]]
    assert entries.count("database.restored") == 1
    assert terminal.json(*words).data == repeated


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_repeated_restore_does_not_need_the_folder_of_the_backup(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    """The folder of a backup is moved after a restore, or after its process was killed. The repeated call under the
    same request id answers what the first call answered, or completes the restore."""
    words = ("db", "restore", str(backup), "--request-id", "r-1")
    with monkeypatch.context() as killed:
        if is_killed:
            killed.setattr("console.services.backup.backup.record_restore", _end_process)
        first = terminal.json(*words)
    assert (first.status == 0) is not is_killed
    replaced_files = list_replaced_files(terminal)
    made = archive.read_manifest(backup)
    backup.rename(backup.with_name("elsewhere"))
    repeated = terminal.json(*words).data
    assert repeated["duplicate"] is True
    assert is_killed or repeated == {**first.data, "duplicate": True}
    assert (repeated["folder"], repeated["files"], repeated["taken_at"]) == (
        str(backup),
        len(made.files),
        made.taken_at,
    )
    assert list_replaced_files(terminal) == replaced_files
    assert terminal.json(*words).data == repeated


def test_a_locked_database_is_not_restored_again_under_the_request_id(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore is killed after it has exchanged the database file. If the repeated call can't read this file because
    another process has locked it, the call is refused, and the file isn't replaced a second time."""
    words = ("db", "restore", str(backup), "--request-id", "r-1")
    with monkeypatch.context() as killed:
        killed.setattr("console.services.backup.backup.record_restore", _end_process)
        assert terminal(*words).status != 0
    replaced_files = list_replaced_files(terminal)

    def refuse_as_locked(_database: Database) -> NoReturn:
        raise ConsoleError(ErrorCode.DATABASE_LOCKED, {"problem": DatabaseLockedProblem.DATABASE_IN_USE})

    with monkeypatch.context() as locked:
        locked.setattr(migrate, "read_meta_and_schema", refuse_as_locked)
        assert terminal.json(*words).exit_status_and_code == (6, "database_locked")
    assert list_replaced_files(terminal) == replaced_files


def test_a_corrected_clock_repeats_no_audit_entry_of_a_restore(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk's clock is ahead when the restored database takes its place, and is then corrected. The restore, whose
    process is killed after it has written its audit entry, is repeated: the entry isn't written again.
    """
    words = ("db", "restore", str(backup), "--request-id", "r-1")

    def store_request_ahead(tx: Any, request: Any, facts: Any, desk_id: str, now: datetime) -> None:
        store_request_of_restore(tx, request, facts, desk_id, now + timedelta(hours=1))

    with monkeypatch.context() as killed:
        killed.setattr(backups, "store_request_of_restore", store_request_ahead)
        killed.setattr(backups, "store_restore_result", _end_process)
        assert terminal(*words).status != 0
    assert terminal.json(*words).data["duplicate"] is True
    entries = [entry["what"] for entry in terminal.json("audit", "list").data["entries"]]
    assert entries.count("database.restored") == 1


def _end_process(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_stored_result_of_a_restore_belongs_to_one_account(backup: Path, tmp_path: Path) -> None:
    """At a desk of a database server without the setting of an operator, a restore with the request id of another
    account's restore isn't answered with the result of that account. A repeated restore of the same account returns
    its own result with all facts.
    """
    now, summary = SystemClock().now(), archive.read_manifest(backup).summarize(backup)
    result = RestoreResult(summary, "same", None, "kept", 1, None, ({"operation_id": "x"},), has_raised_alert=True)
    found_results = []
    for account in ("adm-a", "adm-b"):
        url = f"mysql+pymysql://{account}@127.0.0.1:1/console"
        environment = {"CONSOLE_HOME": str(tmp_path / "desk"), "CONSOLE_DATABASE_URL": url}
        settings = Settings.load({**environment, "CONSOLE_SECRET_DATABASE_PASSWORD": "invented"})
        request = make_restore_request(settings, str(backup), "r-1")
        if account == "adm-a":
            backups.store_restore_result(settings, result, request, now)
        found_results.append(backups.find_earlier_restore(settings, backup, request, now))
    assert found_results == [result, None]


def test_a_restore_and_another_command_never_share_a_request_id(terminal: Terminal, backup: Path) -> None:
    """A request id that another command has used is refused for a restore, and the id of a restore is refused for
    another command."""
    restore_words = ("db", "restore", str(backup), "--request-id")
    assert terminal.json("db", "upgrade", "--request-id", "r-1").status == 0
    refused = terminal.json(*restore_words, "r-1")
    assert refused.exit_status_and_code == (3, "possible_repeat")
    assert refused.error["detail"]["command"] == "db upgrade"
    assert list_replaced_files(terminal) == []
    assert terminal.json(*restore_words, "r-2").status == 0
    for words in (("db", "upgrade"), ("purchase", NEW_NUMBER, "--client", "1")):
        refused = terminal.json(*words, "--request-id", "r-2")
        assert refused.exit_status_and_code == (3, "possible_repeat")
        assert refused.error["detail"]["command"] == "db restore"
    assert terminal.json(*restore_words, "r-2").data["duplicate"] is True


@pytest.mark.parametrize("is_old", [False, True])
def test_a_purchase_sent_after_the_backup_cannot_be_repeated(
    terminal: Terminal, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_old: bool
) -> None:
    """A backup is made after a purchase was claimed and before it is sent. The desk that restores the backup shows
    this purchase with an unknown outcome and refuses to buy the number again. The same is expected for a backup of an
    earlier version, whose spool states that nothing was sent.
    """
    folder, real = tmp_path / "backup", Spool.mark_calling
    assert (
        buy_check(terminal, NEW_NUMBER).status == 0
    )  # so that the backup has tokens with which the restored desk could buy

    def back_up_before_sending(spool: Spool, operation_id: str) -> bool:
        monkeypatch.setattr(Spool, "mark_calling", real)
        with monkeypatch.context() as patch:
            if is_old:
                patch.setattr(spools, "mark_prepared_as_calling", lambda _file: None)
            assert terminal.json("db", "backup", str(folder)).status == 0
        return real(spool, operation_id)

    monkeypatch.setattr(Spool, "mark_calling", back_up_before_sending)
    bought = buy_check(terminal, KEPT_NUMBER)
    assert (bought.status, sandbox.ledger.charge_count) == (0, 2)
    new = Terminal(make_environment(tmp_path / "new", sandbox.url))
    assert new.json("db", "restore", str(folder)).data["spool"] == "restored"
    wait_until_lapsed(new, bought.data["operation_id"])
    assert buy_check(new, KEPT_NUMBER).exit_status_and_code in ((3, "already_purchased"), (3, "in_progress"))
    new.json("worker", "--once")
    assert buy_check(new, KEPT_NUMBER).exit_status_and_code == (3, "already_purchased")
    assert (read_checks(new, KEPT_NUMBER)[0]["certainty"], sandbox.ledger.charge_count) == ("unknown", 2)


def test_a_purchase_sent_after_a_folder_copy_cannot_be_repeated(
    terminal: Terminal, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk's folder is copied without `db backup`, so the copy doesn't record that it is one. A purchase that the
    original desk sends after the copy can't be made again at the copied desk.
    """
    real = Spool.mark_calling
    assert buy_check(terminal, NEW_NUMBER).status == 0  # so that the copy has tokens with which its desk could buy

    def copy_folder_before_sending(spool: Spool, operation_id: str) -> bool:
        monkeypatch.setattr(Spool, "mark_calling", real)
        shutil.copytree(get_home(terminal), tmp_path / "new")
        return real(spool, operation_id)

    monkeypatch.setattr(Spool, "mark_calling", copy_folder_before_sending)
    bought = buy_check(terminal, KEPT_NUMBER)
    assert (bought.status, sandbox.ledger.charge_count) == (0, 2)
    new = Terminal(make_environment(tmp_path / "new", sandbox.url))
    wait_until_lapsed(new, bought.data["operation_id"])
    assert buy_check(new, KEPT_NUMBER).exit_status_and_code in ((3, "already_purchased"), (3, "in_progress"))
    new.json("worker", "--once")
    assert buy_check(new, KEPT_NUMBER).exit_status_and_code == (3, "already_purchased")
    assert (read_checks(new, KEPT_NUMBER)[0]["certainty"], sandbox.ledger.charge_count) == ("unknown", 2)


def wait_until_lapsed(terminal: Terminal, operation: str) -> None:
    """Wait until the lease of the operation, whose process has ended, has expired."""
    wait_until(
        lambda: terminal.json("show", "operation", operation).data["state"] != "calling",
        "the end of the dead one's lease",
    )


def make_byte_changer(name: str, position: int = -9) -> Callable[[Path], None]:
    """Return a function that gets the folder of a backup and changes one byte of the file `name` in it: the byte at
    the index `position`, counted from the end if it is negative.
    """

    def change_byte(folder: Path) -> None:
        (file,) = folder.rglob(name)
        data = bytearray(file.read_bytes())
        data[position] ^= 1
        file.write_bytes(data)

    return change_byte


def make_file_remover(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.rglob(name)).unlink()


def make_manifest_rewriter(**changes: object) -> Callable[[Path], None]:
    """Return a function that gets the folder of a backup, replaces the values `changes` in the manifest, and computes
    the digest of the manifest again, as another desk or a person would.
    """

    def rewrite_manifest(folder: Path) -> None:
        file = folder / "manifest.json"
        inner = json.loads(file.read_text())["content"] | changes
        text = json.dumps(inner, ensure_ascii=False, indent=1, sort_keys=True)
        file.write_text(json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "content": inner}))

    return rewrite_manifest


def make_listed_file_adder(name: str, data: bytes = b"") -> Callable[[Path], None]:
    """Return a function that adds the file `name` with the content `data` to a backup and to its manifest."""

    def add_file(folder: Path) -> None:
        file = folder.joinpath(*[part for part in name.split("/") if part])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        files = json.loads((folder / "manifest.json").read_text())["content"]["files"]
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        make_manifest_rewriter(files=files)(folder)

    return add_file


def make_manifest_replacer(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "manifest.json").write_text(text)


def replace_manifest_by_pipe(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


def replace_database_by_newer(folder: Path) -> None:
    """Replace the database in the backup by one of a newer program than the manifest states."""
    with closing(sqlite3.connect(folder / "database.sqlite")) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    make_listed_file_adder("database.sqlite", (folder / "database.sqlite").read_bytes())(folder)


def replace_database_by_tables_without_version(folder: Path) -> None:
    """Change the backup into that of a server, with every table and without the file of the schema's version."""
    tables = "".join(f"CREATE TABLE `{name}` (\n" for name in metadata.tables)
    make_listed_file_adder("tables.sql", tables.encode())(folder)
    make_manifest_rewriter(kind="server")(folder)


def make_spool_changer(*statements: str) -> Callable[[Path], object]:
    """Return a function that executes these statements in the backup's spool and lists the changed file in the
    manifest.
    """

    def execute_in_spool(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "desk.db", isolation_level=None)) as conn:
            for statement in statements:
                conn.execute(statement)
        make_listed_file_adder("desk.db", (folder / "desk.db").read_bytes())(folder)

    return execute_in_spool


def replace_table_by_endless_view(folder: Path) -> None:
    """Replace the table that the check of the backup reads first by a view that returns rows without end."""
    numbers = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r)"
    with closing(sqlite3.connect(folder / "database.sqlite", isolation_level=None)) as conn:
        conn.execute("ALTER TABLE console_meta RENAME TO former_meta")
        conn.execute(f"CREATE VIEW console_meta AS {numbers} SELECT 'n' || i AS name, 'x' AS value FROM r")
    make_listed_file_adder("database.sqlite", (folder / "database.sqlite").read_bytes())(folder)


def add_too_large_document(folder: Path) -> None:
    """Add a document whose name and length fit the manifest, but which is larger than any document that a desk
    stores.
    """
    content = b"%PDF-" + bytes(LARGEST_DOCUMENT_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    make_listed_file_adder(f"documents/{digest[:2]}/{digest}.pdf", content)(folder)


DAMAGED_BACKUPS: dict[str, tuple[Callable[[Path], object], tuple[int, str]]] = {
    "altered database": (make_byte_changer("database.sqlite"), (2, "bad_backup")),
    "altered document": (make_byte_changer("*.pdf"), (2, "bad_backup")),
    "altered spool": (make_byte_changer("desk.db"), (2, "bad_backup")),
    "altered manifest": (make_byte_changer("manifest.json"), (2, "bad_backup")),
    "cut manifest": (lambda folder: (folder / "manifest.json").write_text("{"), (2, "bad_backup")),
    "no manifest": (make_file_remover("manifest.json"), (2, "bad_backup")),
    "no database": (make_file_remover("database.sqlite"), (2, "bad_backup")),
    "no document": (make_file_remover("*.pdf"), (2, "bad_backup")),
    "no folder": (shutil.rmtree, (2, "bad_backup")),
    "a file outside": (make_listed_file_adder("../console.db"), (2, "bad_backup")),
    "a document outside": (make_listed_file_adder("documents//etc/passwd"), (2, "bad_backup")),
    "a document of another name": (make_listed_file_adder("documents/readme.txt"), (2, "bad_backup")),
    "a name that no file has": (
        make_manifest_rewriter(files={"d" * 5000: {"bytes": 0, "sha256": ""}}),
        (2, "bad_backup"),
    ),
    "a spool that is none": (make_listed_file_adder("desk.db", b"no spool" * 99), (2, "bad_backup")),
    "another program's spool": (make_spool_changer("PRAGMA application_id = 7"), (2, "bad_backup")),
    "a newer spool": (make_spool_changer("PRAGMA user_version = 9999"), (2, "bad_backup")),
    "a spool without its operations": (make_spool_changer("DROP TABLE intents"), (2, "bad_backup")),
    "a spool with a view": (
        make_spool_changer("ALTER TABLE desk RENAME TO x", "CREATE VIEW desk AS SELECT * FROM x"),
        (2, "bad_backup"),
    ),
    "rows without end": (replace_table_by_endless_view, (2, "bad_backup")),
    "a zero byte in a name": (
        make_manifest_rewriter(files={"documents/\0": {"bytes": 0, "sha256": ""}}),
        (2, "bad_backup"),
    ),
    "a newer database inside": (replace_database_by_newer, (2, "bad_backup")),
    "a deep manifest": (make_manifest_replacer("[" * 200_000), (2, "bad_backup")),
    "half a character": (make_manifest_replacer(r'{"sha256": "0", "content": {"a": "\ud800"}}'), (2, "bad_backup")),
    "a document that nobody reads": (add_too_large_document, (2, "bad_backup")),
    "a pipe": (replace_manifest_by_pipe, (2, "bad_backup")),
    "a number for a text": (make_manifest_rewriter(schema=21), (2, "bad_backup")),
    "no instant": (make_manifest_rewriter(taken_at="yesterday"), (2, "bad_backup")),
    "an instant without a time zone": (make_manifest_rewriter(taken_at="2026-11-20T03:20:01"), (2, "bad_backup")),
    "an instant of Japan": (make_manifest_rewriter(taken_at="2026-11-20T12:20:01+09:00"), (2, "bad_backup")),
    "a day for an instant": (make_manifest_rewriter(taken_at="2026-11-20"), (2, "bad_backup")),
    "a text for a list": (make_manifest_rewriter(unreadable="none"), (2, "bad_backup")),
    "a number for a fingerprint": (make_manifest_rewriter(store_key=0), (2, "bad_backup")),
    "signs for a terminal": (make_manifest_rewriter(version="\x1b[2J\u202e"), (2, "bad_backup")),
    "a length in words": (make_manifest_rewriter(files={"desk.db": {"bytes": "9", "sha256": ""}}), (2, "bad_backup")),
    "a newer form": (make_manifest_rewriter(format="support-console-backup/9"), (2, "bad_backup")),
    "a form of no version": (make_manifest_rewriter(format="support-console-backup/0"), (2, "bad_backup")),
    "another program's form": (make_manifest_rewriter(format="theirs/9"), (2, "bad_backup")),
    "a form that is no text": (make_manifest_rewriter(format=9), (2, "bad_backup")),
    "a field too many": (make_manifest_rewriter(extra=1), (2, "bad_backup")),
    "a newer program's": (make_manifest_rewriter(schema="9999"), (3, "schema_mismatch")),
    "another database's": (make_manifest_rewriter(database_id="0" * 32), (2, "bad_backup")),
    "another key": (make_manifest_rewriter(store_key="0" * 32), (2, "bad_profile")),
    "a server's": (make_manifest_rewriter(kind="server"), (2, "bad_backup")),
    "a server's without its version": (replace_database_by_tables_without_version, (2, "bad_backup")),
}


def write_server_dump(folder: Path, *, schema: str, database_id: str) -> None:
    """Change the backup into that of a server. Its dumps have every table, and the given version of the schema and id
    of the database."""
    tables = "".join(f"CREATE TABLE `{name}` (\n" for name in metadata.tables)
    meta = f"INSERT INTO `console_meta` VALUES\n('adoption','done'),\n('database_id','{database_id}');\n"
    make_listed_file_adder("tables.sql", (tables + meta).encode())(folder)
    version = f"CREATE TABLE `alembic_version` (\nINSERT INTO `alembic_version` VALUES ('{schema}');\n"
    make_listed_file_adder("version.sql", version.encode())(folder)
    make_manifest_rewriter(kind="server")(folder)


def test_a_servers_backup_is_refused_at_an_embedded_desk(terminal: Terminal, backup: Path) -> None:
    """The check of a complete backup of a server at a desk with an embedded database doesn't call it restorable: it
    names the kind of the backup, as the restore does."""
    made = archive.read_manifest(backup)
    write_server_dump(backup, schema=made.schema, database_id=made.database_id)
    for words in (("--check",), ()):
        refused = terminal.json("db", "restore", str(backup), *words)
        assert refused.exit_status_and_code == (2, "bad_backup")
        assert refused.error["detail"] == {"problem": "kind", "file": str(backup), "hint": "server"}
        assert refused.error["message"].startswith("This is a backup of a server database")


@pytest.mark.parametrize(
    ("changes", "file"), [({"schema": "0026"}, "version.sql"), ({"database_id": "0" * 32}, "tables.sql")]
)
def test_a_servers_dump_must_match_its_manifest(
    terminal: Terminal, backup: Path, changes: dict[str, str], file: str
) -> None:
    """A server's backup whose dump has another schema version, or another database id, than its manifest states is
    refused before anything is loaded."""
    made = archive.read_manifest(backup)
    write_server_dump(backup, **{"schema": made.schema, "database_id": made.database_id, **changes})
    refused = terminal.json("db", "restore", str(backup), "--check")
    assert refused.exit_status_and_code == (2, "bad_backup")
    assert refused.error["detail"] == {"problem": "database", "file": file}


@pytest.mark.parametrize(("schema", "problem"), [("9999", "backup_newer"), ("0001", "backup_too_old")])
def test_the_refusal_of_another_versions_backup_names_its_version(
    terminal: Terminal, backup: Path, schema: str, problem: str
) -> None:
    """The refusal of a backup that another version has made names the version of the backup. It doesn't speak of the
    version of the database, which is this program's own.
    """
    make_manifest_rewriter(schema=schema)(backup)
    for language, word in (("en", "The backup"), ("ja", "バックアップ")):
        error = terminal.json("db", "restore", str(backup), "--check", LANGUAGE=language).error
        assert (error["code"], error["detail"]["problem"], error["detail"]["found"]) == (
            "schema_mismatch",
            problem,
            schema,
        )
        assert error["message"].startswith(word)


def test_a_huge_manifest_is_refused_unread(terminal: Terminal, backup: Path) -> None:
    """A manifest that is larger than the largest allowed size is refused before the program reads it into memory."""
    os.truncate(backup / "manifest.json", archive.LARGEST_MANIFEST_BYTES + 1)
    tracemalloc.start()
    try:
        refused = terminal.json("db", "restore", str(backup), "--check").exit_status_and_code
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused == (2, "bad_backup")
    assert peak < archive.LARGEST_MANIFEST_BYTES // 4


@pytest.mark.parametrize("name", DAMAGED_BACKUPS)
def test_a_bad_backup_changes_nothing(terminal: Terminal, backup: Path, name: str) -> None:
    """The check and the restore of a damaged backup give the same refusal. Database, documents and spool stay
    unchanged.
    """
    spoil, refusal = DAMAGED_BACKUPS[name]
    spoil(backup)
    before = compute_digests(get_home(terminal))
    new = Terminal(terminal.env | {"CONSOLE_HOME": str(backup.parent / "new")})
    for desk, more in ((terminal, ("--check",)), (terminal, ()), (new, ())):
        if desk is terminal or name != "another key":
            assert desk.json("db", "restore", str(backup), *more).exit_status_and_code == refusal
    assert compute_digests(get_home(terminal)) == before
    assert not (get_home(new) / "desk.db").exists()


@pytest.mark.parametrize(
    ("name", "found_version", "needed_version"),
    [
        ("a newer spool", 9999, spools.NEWEST_SPOOL_VERSION),
        ("a newer form", 9, archive.FORMAT_VERSION),
        ("a newer program's", "9999", SCHEMA_VERSION),
    ],
)
def test_a_newer_backup_is_refused_with_both_versions(
    terminal: Terminal, backup: Path, name: str, found_version: object, needed_version: object
) -> None:
    """The refusal of a newer backup names its version and the version that this program reads, in both languages."""
    DAMAGED_BACKUPS[name][0](backup)
    for language in LANGUAGES:
        refused = terminal.json("db", "restore", str(backup), "--check", LANGUAGE=language)
        assert (refused.error["detail"]["found"], refused.error["detail"]["needed"]) == (
            found_version,
            needed_version,
        )
        for version in (found_version, needed_version):
            assert re.search(rf"(?<![0-9]){version}(?![0-9])", refused.error["message"]), language


@pytest.mark.parametrize("name", ["", "manifest.json", "database.sqlite", "documents"])
def test_a_backup_that_may_not_be_read_is_not_called_damaged(backup: Path, name: str) -> None:
    """If the user may not read the backup's files, the refusal names the permissions, and not a damage, so that
    people don't delete a good backup.
    """
    manifest = archive.read_manifest(backup)
    for folder in (backup, *backup.rglob("*/")):
        folder.chmod(0o755)
    for file in manifest.files:
        (backup / file).chmod(0o644)
    (backup / "manifest.json").chmod(0o644)
    with remove_permissions(backup / name), pytest.raises(ConsoleError) as refused:
        archive.require_intact_files(backup, archive.read_manifest(backup))
    assert refused.value.detail["problem"] == "unreadable"


def test_another_databases_backup_is_refused(sandbox: Sandbox, backup: Path, tmp_path: Path) -> None:
    """A backup of another database is refused. This is also so if the present database file is missing and only the
    desk's spool has its id.
    """
    other = Terminal(make_environment(tmp_path / "other", sandbox.url))
    assert other.json("db", "upgrade").status == 0
    assert read_checks(other, KEPT_NUMBER) == []
    assert other.json("db", "restore", str(backup), "--check").exit_status_and_code == (3, "not_our_database")
    get_database_file(other).unlink()
    assert other.json("db", "restore", str(backup)).exit_status_and_code == (3, "not_our_database")
    assert not get_database_file(other).exists()


def test_a_check_says_that_a_backup_is_whole(terminal: Terminal, backup: Path) -> None:
    """The command `db restore --check` reports that the backup is complete, and changes no file of the data
    folder.
    """
    before = compute_digests(get_home(terminal))
    report = terminal.json("db", "restore", str(backup), "--check").data
    assert (report["whole"], report["documents"], report["store_key"]) == (True, 1, "same")
    assert compute_digests(get_home(terminal)) == before
    assert terminal("db", "restore", str(backup), "--check").status == 0


def test_a_restore_over_an_open_database_is_refused(terminal: Terminal, backup: Path) -> None:
    """While another process has the database file open, a restore is refused as `database_locked`, even if that
    process does nothing.
    """
    with closing(sqlite3.connect(get_database_file(terminal))) as other:
        other.execute("SELECT * FROM console_meta").fetchall()
        assert terminal.json("db", "restore", str(backup)).exit_status_and_code == (6, "database_locked")
    assert terminal.json("db", "restore", str(backup)).status == 0


def test_a_file_of_another_program_in_use_is_not_exchanged(terminal: Terminal, backup: Path) -> None:
    """Another program has opened a database without our tables at the path of ours: the restore is refused as
    `database_locked`, and the write-ahead log stays. After the program has closed it, a restore moves the file with
    its rows to another name and restores ours.
    """
    get_database_file(terminal).unlink()
    with closing(sqlite3.connect(get_database_file(terminal), isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE theses (title)")
        other.execute("INSERT INTO theses VALUES ('four years')")
        assert terminal.json("db", "restore", str(backup)).exit_status_and_code == (6, "database_locked")
        assert get_database_file(terminal).with_name("console.db-wal").exists()
    replaced_file = Path(terminal.json("db", "restore", str(backup)).data["kept"])
    with closing(sqlite3.connect(replaced_file)) as conn:
        assert conn.execute("SELECT title FROM theses").fetchall() == [("four years",)]
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1


def test_a_database_that_cannot_be_read_now_is_not_exchanged(terminal: Terminal, backup: Path) -> None:
    """If another process has locked the database file exclusively, the restore can't check to whom the database
    belongs, and refuses to replace the file.
    """
    before = compute_digests(get_home(terminal))
    with closing(sqlite3.connect(get_database_file(terminal), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for more in (("--check",), ()):
            assert terminal.json("db", "restore", str(backup), *more).exit_status_and_code == (6, "database_locked")
    assert compute_digests(get_home(terminal)).keys() == before.keys()
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1


@expects_loss_log
def test_two_restores_in_one_second_keep_both_files(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore stores the replaced database file under another name. If a second restore would use the same name, it
    chooses a different one, so the file of the first restore isn't overwritten.
    """
    assert buy_check(terminal, NEW_NUMBER).status == 0
    real = sqlite_copy.replace_database_file
    monkeypatch.setattr(
        sqlite_copy, "replace_database_file", lambda copy, file, *_: real(copy, file, "console.db.kept")
    )
    replaced_files = [Path(terminal.json("db", "restore", str(backup)).data["kept"]) for _ in range(2)]
    assert replaced_files[0] != replaced_files[1]
    with closing(sqlite3.connect(replaced_files[0])) as conn:
        assert conn.execute("SELECT COUNT(*) FROM hansha_alarmbox_credit_checks").fetchall() == [(2,)]


@expects_loss_log
def test_a_database_without_hard_links_is_restored(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without hard links, a restore keeps the replaced file by renaming it. If the new file can't
    take its place, the former one gets its name back.
    """
    assert buy_check(terminal, NEW_NUMBER).status == 0

    def raise_no_links(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    def raise_disk_error(self: Path, target: Path) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(Path, "hardlink_to", raise_no_links)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", raise_disk_error)
        assert terminal.json("db", "restore", str(backup)).exit_status_and_code == (6, "storage_full")
    assert len(read_checks(terminal, NEW_NUMBER)) == 1
    replaced_file = Path(terminal.json("db", "restore", str(backup)).data["kept"])
    assert (len(read_checks(terminal, KEPT_NUMBER)), read_checks(terminal, NEW_NUMBER)) == (1, [])
    with closing(sqlite3.connect(replaced_file)) as conn:
        assert conn.execute("SELECT COUNT(*) FROM hansha_alarmbox_credit_checks").fetchall() == [(2,)]


@expects_loss_log
def test_a_database_behind_a_link_is_replaced_for_every_desk(
    terminal: Terminal, sandbox: Sandbox, backup: Path, tmp_path: Path
) -> None:
    """One desk uses the path of the database file, another one a symbolic link to it: after a restore both use the
    restored database.
    """
    file = tmp_path / "shared" / "console.db"
    file.parent.mkdir(mode=0o700)
    get_database_file(terminal).rename(file)
    get_database_file(terminal).symlink_to(file)
    other = Terminal(
        make_environment(tmp_path / "other", sandbox.url) | {"CONSOLE_DATABASE_URL": f"sqlite:///{file}"}
    )
    other.env["CONSOLE_DOCUMENTS_URL"] = f"file:{get_home(terminal)}/documents"
    assert buy_check(other, NEW_NUMBER).status == 0
    restored = terminal.json("db", "restore", str(backup)).data
    assert get_database_file(terminal).is_symlink()
    assert Path(restored["kept"]).parent == file.parent
    assert [read_checks(desk, NEW_NUMBER) for desk in (terminal, other)] == [[], []]
    assert buy_check(other, NEW_NUMBER).exit_status_and_code == (3, "database_went_back")


@expects_loss_log
def test_a_damaged_document_is_restored(terminal: Terminal, backup: Path) -> None:
    """A restore replaces a damaged document, as it adds a missing one. The damaged file stays in the same folder."""
    (pdf,) = (get_home(terminal) / "documents").rglob("*.pdf")
    good = pdf.read_bytes()
    pdf.write_bytes(good[:100])
    assert terminal.json("db", "restore", str(backup)).data["documents_restored"] == 1
    assert pdf.read_bytes() == good
    assert [file.read_bytes() for file in pdf.parent.glob("*.damaged-*")] == [good[:100]]
    assert terminal.json("db", "restore", str(backup)).data["documents_restored"] == 0


def test_a_backup_names_documents_that_are_missing(terminal: Terminal, tmp_path: Path) -> None:
    """If a record's PDF is missing in the folder of documents, or can't be read, the backup is made and names this
    document.
    """
    for number in (KEPT_NUMBER, NEW_NUMBER):
        assert buy_check(terminal, number).status == 0
    paths = [read_checks(terminal, number)[0]["pdf_file_path"] for number in (KEPT_NUMBER, NEW_NUMBER)]
    lost, damaged = (get_home(terminal) / "documents" / path for path in paths)
    lost.unlink()
    damaged.write_bytes(b"%PDF-")
    made = terminal.json("db", "backup", str(tmp_path / "backup")).data
    assert (made["documents"], made["unreadable_documents"]) == (0, sorted(paths))


def test_a_backup_leaves_a_foreign_folder_unchanged(terminal: Terminal, tmp_path: Path) -> None:
    """A backup writes into a new temporary folder. A folder that already has the usual name of this temporary folder
    stays unchanged.
    """
    other = tmp_path / "mine.partial"
    other.mkdir()
    (other / "thesis.txt").write_text("four years")
    assert terminal.json("db", "backup", str(tmp_path / "mine")).status == 0
    assert (other / "thesis.txt").read_text() == "four years"


@pytest.mark.parametrize("is_present", [False, True])
def test_only_one_of_two_simultaneous_backups_fills_the_folder(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_present: bool
) -> None:
    """Of two simultaneous backups into one folder one succeeds and the other one is refused, and no partial folder is
    left. For a new folder, the backup that ends first succeeds. For an existing empty folder, the backup that began
    first succeeds.
    """
    folder, real, inner = tmp_path / "both", archive.write_manifest, list[CommandResult]()

    def write_second_backup_first(*args: Any) -> None:
        monkeypatch.setattr(archive, "write_manifest", real)
        inner.append(terminal.json("db", "backup", str(folder)))
        real(*args)

    if is_present:
        folder.mkdir()
    monkeypatch.setattr(archive, "write_manifest", write_second_backup_first)
    outer = terminal.json("db", "backup", str(folder))
    whole, refused = (outer, inner[0]) if is_present else (inner[0], outer)
    assert (whole.status, refused.exit_status_and_code) == (0, (2, "bad_backup"))
    assert terminal.json("db", "restore", str(folder), "--check").status == 0
    assert list(tmp_path.glob("both*")) == [folder]
    assert list(folder.glob("*.partial")) == []


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_is_reported_and_leaves_no_partial_backup(
    terminal: Terminal, backup: Path, tmp_path: Path, command: str
) -> None:
    """On a disk without space for files of more than 50 kB, backup and restore exit with `storage_full`, change
    nothing and leave no files.
    """
    before, limit = compute_digests(get_home(terminal)), resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = backup if command == "restore" else tmp_path / "new"
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
    try:
        result = terminal.json("db", command, str(folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert result.exit_status_and_code == (6, "storage_full")
    assert compute_digests(get_home(terminal)).keys() == before.keys()
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1
    assert list(tmp_path.glob("new*")) == []


@pytest.mark.parametrize("is_linked", [False, True])
def test_an_empty_folder_is_filled_and_not_replaced(terminal: Terminal, tmp_path: Path, *, is_linked: bool) -> None:
    """A backup writes into an existing empty folder and doesn't replace it: the folder may be the mount point of
    another disk, or the target of a link.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    folder = tmp_path / "link" if is_linked else disk
    if is_linked:
        folder.symlink_to(disk)
    before = disk.stat().st_ino
    assert terminal.json("db", "backup", str(folder)).status == 0
    assert disk.stat().st_ino == before
    assert terminal.json("db", "restore", str(folder), "--check").status == 0
    assert list(tmp_path.rglob("*.partial")) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_backup_in_a_readable_folder_is_private(terminal: Terminal, tmp_path: Path) -> None:
    """Only the current user can read the files and folders of a backup, although other users may read the target
    folder and the umask lets them read new files.
    """
    buy_check(terminal, KEPT_NUMBER)
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    umask = os.umask(0o022)
    try:
        assert terminal.json("db", "backup", str(folder)).status == 0
    finally:
        os.umask(umask)
    entries = list(folder.rglob("*"))
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in entries if entry.is_file()} == {0o600}
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in entries if entry.is_dir()} == {0o700}


def test_a_backup_into_a_folder_with_files_is_refused(terminal: Terminal, backup: Path) -> None:
    before = compute_digests(backup)
    assert terminal.json("db", "backup", str(backup)).exit_status_and_code == (2, "bad_backup")
    assert compute_digests(backup) == before


@pytest.mark.parametrize("step", ["copyfile", "rename", "hardlink_to", "replace"])
def test_a_restore_that_breaks_off_leaves_a_whole_database(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The test interrupts a restore at each step that changes a file. After each interruption, the database file is
    intact: it is the present or the restored one. A second restore succeeds, leaves no unfinished file, and names the
    purchase that the backup lacks, whether or not the first one was completed.
    """
    lost = buy_check(terminal, NEW_NUMBER).data["operation_id"]

    def break_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil if step == "copyfile" else Path, step, break_off)
        if terminal.json("db", "restore", str(backup)).status == 0:
            assert step == "rename"  # there was nothing to move aside
    with closing(sqlite3.connect(get_database_file(terminal))) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1
    restored = terminal.json("db", "restore", str(backup)).data
    assert [operation["operation_id"] for operation in restored["missing"]] == [lost]
    assert (len(read_checks(terminal, KEPT_NUMBER)), read_checks(terminal, NEW_NUMBER)) == (1, [])
    assert list(get_home(terminal).glob("*.restoring-*")) == []


def test_a_damaged_database_is_replaced_and_its_file_renamed(terminal: Terminal, backup: Path) -> None:
    """A restore replaces a damaged database. The damaged file and its side files are moved to other names, because
    the side files would damage the restored database.
    """
    damaged = b"no database any more" * 500
    get_database_file(terminal).write_bytes(damaged)
    wal = get_database_file(terminal).with_name("console.db-wal")
    wal.write_bytes(b"stale")
    restored = terminal.json("db", "restore", str(backup)).data
    replaced_file = Path(restored["kept"])
    assert replaced_file.read_bytes() == damaged
    assert replaced_file.with_name(replaced_file.name + "-wal").read_bytes() == b"stale"
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1


@pytest.mark.parametrize("first_missing", ["document", "database"])
def test_a_backup_that_vanishes_during_a_restore_is_named(
    terminal: Terminal, backup: Path, monkeypatch: pytest.MonkeyPatch, first_missing: str
) -> None:
    """The disk with the backup is removed after the backup was checked. The message names the file of the backup that
    can't be read; the present database stays.
    """
    if first_missing == "document":
        shutil.rmtree(get_home(terminal) / "documents")
    check = backups.check_backup

    def check_then_remove(settings: Settings, folder: Path) -> VerifiedBackup:
        checked_backup = check(settings, folder)
        shutil.rmtree(folder)
        return checked_backup

    monkeypatch.setattr(backups, "check_backup", check_then_remove)
    refused = terminal.json("db", "restore", str(backup))
    assert refused.exit_status_and_code == (2, "bad_backup")
    assert refused.error["detail"]["problem"] == "unreadable"
    assert refused.error["detail"]["file"].startswith(
        str(backup / ("documents" if first_missing == "document" else ""))
    )
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1


def damage_schema(file: Path) -> None:
    """Damage the description of a table, by bytes that are no UTF-8."""
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode=DELETE")
        conn.execute("PRAGMA writable_schema=ON")
        not_utf8 = "CAST(x'4352454154ae' AS TEXT)"
        conn.execute(f"UPDATE sqlite_schema SET sql = {not_utf8} WHERE name IN ('audit_log', 'intents')")


def damage_pages(file: Path) -> None:
    """Overwrite the pages in which the tables of audit entries and intents begin."""
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode=DELETE")
        ((page_bytes,),) = conn.execute("PRAGMA page_size")
        pages = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name IN ('audit_log', 'intents')").fetchall()
    with file.open("rb+") as content:
        for (page,) in pages:
            content.seek((page - 1) * page_bytes)
            content.write(b"\xff" * 100)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("name", ["console.db", "desk.db"])
@pytest.mark.parametrize("damage", [damage_schema, damage_pages])
def test_a_damaged_file_is_not_backed_up(
    terminal: Terminal, backup: Path, tmp_path: Path, damage: Callable[[Path], None], name: str, language: str
) -> None:
    """SQLite copies damaged pages without an error. A backup of a damaged database or spool is refused with a message
    that says so, nothing is left of it, and an earlier backup of the database can be restored.
    """
    damage(get_home(terminal) / name)
    folder = tmp_path / "damaged-copy"
    refused = terminal.json("db", "backup", str(folder), LANGUAGE=language)
    can_open = damage is damage_pages or name == "desk.db"
    assert refused.exit_status_and_code == ((2, "bad_profile") if can_open else (3, "not_our_database"))
    assert ("damaged" if language == "en" else "破損") in refused.error["message"]
    assert list(tmp_path.glob("damaged-copy*")) == []
    if name == "console.db":
        assert terminal.json("db", "restore", str(backup)).status == 0
        assert len(read_checks(terminal, KEPT_NUMBER)) == 1


def test_the_log_of_a_deleted_file_is_not_written_into_the_restored_one(terminal: Terminal, backup: Path) -> None:
    """A killed process leaves the write-ahead log of a database file, and a person deletes that file and restores a
    backup. The restore moves the old log to another name, so SQLite doesn't write it into the restored file.
    """
    for name in ("console.db", "desk.db"):
        file = get_home(terminal) / name
        with closing(sqlite3.connect(file, isolation_level=None)) as killed:
            killed.execute("PRAGMA journal_mode=WAL")
            killed.execute("CREATE TABLE stale (x)")
            log = file.with_name(f"{name}-wal").read_bytes()
        assert log
        file.unlink()
        file.with_name(f"{name}-wal").write_bytes(log)
    restored = terminal.json("db", "restore", str(backup)).data
    assert (restored["kept"], restored["spool"]) == (None, "restored")
    for name in ("console.db", "desk.db"):
        with closing(sqlite3.connect(get_home(terminal) / name)) as conn:
            assert conn.execute("SELECT name FROM sqlite_schema WHERE name = 'stale'").fetchall() == []
        assert len(list(get_home(terminal).glob(f"{name}.before-restore-*-wal"))) == 1
    assert len(read_checks(terminal, KEPT_NUMBER)) == 1


@pytest.fixture
def server_database_owner(sandbox: Sandbox, tmp_path: Path) -> tuple[Terminal, Callable[[], None]]:
    """Return a terminal that runs commands with the schema account on a MariaDB server, and a function that
    empties the database.
    """
    require_engine("mariadb")
    server = servers.get_shared_mariadb()
    url = server.create_database()
    name = url.rpartition("/")[2].partition("?")[0]
    environment = {"DATABASE_URL": url, "OPERATOR": "", "ENVIRONMENT": "test"}
    return Terminal(make_environment(tmp_path / "owner", sandbox.url, **environment)), lambda: empty_database(
        server, name
    )


def empty_database(server: Any, name: str) -> None:
    server.sql(f"DROP DATABASE `{name}`", f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


def create_server_schema(owner: Terminal) -> None:
    """Create the schema in the owner's empty database on the run's MariaDB server. It takes a third of the processor
    time of `db upgrade`.
    """
    server_schema.create_schema(servers.get_shared_mariadb(), owner.env["CONSOLE_DATABASE_URL"])


def test_a_servers_backup_is_restored_only_into_an_empty_database(
    server_database_owner: tuple[Terminal, Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump is restored only into a server's database without tables. After an interrupted restore no program can
    use the database, and a second restore completes it.
    """
    owner, empty_it = server_database_owner
    assert owner.json("db", "upgrade").status == 0
    folder = str(tmp_path / "backup")
    made = owner.json("db", "backup", folder).data
    assert made["kind"] == "server"
    assert owner.json("db", "restore", folder, "--check").status == 0
    refused = owner.json("db", "restore", folder)
    assert refused.exit_status_and_code == (2, "bad_backup")
    assert refused.error["detail"]["problem"] == "target_not_empty"
    empty_it()
    real = server_dump.load_dump

    def break_off(database: Any, dump: Path) -> None:
        if dump.name == "version.sql":
            raise KeyboardInterrupt
        assert owner.json("db", "restore", folder).exit_status_and_code == (
            6,
            "database_locked",
        )  # while this one loads
        real(database, dump)

    with monkeypatch.context() as patch:
        patch.setattr(server_dump, "load_dump", break_off)
        assert owner.json("db", "restore", folder).status != 0
    assert owner.json("lookup", KEPT_NUMBER).exit_status_and_code[1] in ("schema_mismatch", "not_our_database")
    restored = owner.json("db", "restore", folder).data
    assert restored["database_id"] == made["database_id"]
    assert [check["name"] for check in owner.json("db", "check").data["checks"] if not check["ok"]] == []
    assert owner.json("lookup", KEPT_NUMBER).exit_status_and_code == (
        3,
        "not_allowed",
    )  # it is no person: the database answers again


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
@pytest.mark.parametrize("command", ["\\! touch {}", "\\T {}", "tee {}"])
def test_a_dump_runs_no_command_of_the_client(
    kind: str, command: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A changed dump may have lines that the server's client program would execute itself. They are statements, and
    the server refuses them."""
    require_engine(kind)
    database = Database(request.getfixturevalue(f"{kind}_server").create_database(), without_time_limit=True)
    dump, trace = tmp_path / "tables.sql", tmp_path / "trace"
    dump.write_text(f"CREATE TABLE one (a INT PRIMARY KEY);\n{command.format(trace)}\n;\n")
    with closing(database), pytest.raises(ConsoleError):
        server_dump.load_dump(database, dump)
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_a_backup_of_a_server_has_every_table(
    kind: str, request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A backup contains every table, although the process of the command loads only some of the modules that declare
    tables. The database account of the command may only read the tables.
    """
    require_engine(kind)
    if kind == "mysql" and (shutil.which("mysqldump") is None or server_dump.is_mariadb_program("mysqldump")):
        pytest.skip("this machine has no mysqldump of MySQL, and MariaDB's can't write dumps for MySQL")
    server: servers.SqlServer = request.getfixturevalue(f"{kind}_server")
    url = server.create_database()
    name = url.rpartition("/")[2].partition("?")[0]
    owner = Terminal(
        make_environment(tmp_path / "owner", sandbox.url, DATABASE_URL=url, OPERATOR="", ENVIRONMENT="test")
    )
    server_schema.create_schema(server, url)
    reader = f"reader_{name}"
    tables = {str(row[0]) for row in server.sql(f"SHOW FULL TABLES FROM `{name}` WHERE Table_type = 'BASE TABLE'")}
    server.sql(
        f"CREATE USER `{reader}` IDENTIFIED BY 'Read-0nly-account'", f"GRANT SELECT ON `{name}`.* TO `{reader}`"
    )
    folder = tmp_path / "backup"
    command = (sys.executable, "-m", "console", "--json", "db", "backup", str(folder))
    env = {**os.environ, **owner.env, "CONSOLE_DATABASE_URL": server.make_url(reader, "Read-0nly-account", name)}
    try:
        ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout
        dumps = "".join(file.read_text("utf-8") for file in folder.glob("*.sql"))
        assert set(re.findall(r"^CREATE TABLE `(\w+)`", dumps, re.MULTILINE)) == tables - {LOCK_TABLE}
        empty_database(server, name)
        cut = _copy_without_table(folder, "outbox")
        refused = owner.json("db", "restore", str(cut))
        assert (refused.exit_status_and_code, refused.error["detail"]["problem"]) == (
            (2, "bad_backup"),
            "tables_missing",
        )
        assert server.sql(f"SHOW TABLES FROM `{name}`") == ()
        assert owner.json("db", "restore", str(folder)).data["restored"] is True
        assert [check["name"] for check in owner.json("db", "check").data["checks"] if not check["ok"]] == []
    finally:
        server.sql(f"DROP USER `{reader}`")
        server.drop_database(url)


def _copy_without_table(folder: Path, table: str) -> Path:
    """Return a copy of the backup whose dump lacks a table, as an early version of the program wrote it."""
    copy = Path(shutil.copytree(folder, folder.with_name("cut")))
    dump = (copy / archive.DUMP_FILE).read_text("utf-8")
    created = re.compile(rf"^CREATE TABLE `{table}` .*?;$", re.MULTILINE | re.DOTALL)
    make_listed_file_adder(archive.DUMP_FILE, created.sub("", dump).encode())(copy)
    return copy


@pytest.mark.parametrize("is_older", [False, True])
def test_a_restored_server_has_an_alert_before_a_program_may_use_it(
    server_database_owner: tuple[Terminal, Callable[[], None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_older: bool,
) -> None:
    """A restore on a server opens one alert, because a worker without records of the lost period can't notice the
    loss. The alert exists before any program may use the database, so that no program acts before a person has
    acknowledged it. This is also so for a backup of an older schema, which is upgraded after the restore."""
    owner, empty_it = server_database_owner
    create_server_schema(owner)
    folder = str(tmp_path / "backup")
    made = owner.json("db", "backup", folder).data
    empty_it()
    real, observed_texts = server_dump.load_dump, list[Any]()
    question = "SELECT observed FROM alerts WHERE rule_id = 'database_went_back' AND resolved_at IS NULL"

    def read_before_version_dump(database: Any, dump: Path) -> None:
        if dump.name == "version.sql":
            with database.read() as conn:
                observed_texts.extend(conn.scalars(text(question)))
        real(database, dump)

    monkeypatch.setattr(server_dump, "load_dump", read_before_version_dump)
    if is_older:
        monkeypatch.setattr("console.services.backup.backup.SCHEMA_VERSION", "9999")
    assert owner.json("db", "restore", folder).data["missing"] == []
    assert observed_texts == [f"restored from a backup of {made['taken_at']}"]
    database = Database(owner.env["CONSOLE_DATABASE_URL"], without_time_limit=True)
    with closing(database), database.read() as conn:
        assert list(conn.scalars(text(question))) == observed_texts
        raised = conn.scalars(text("SELECT topic FROM outbox WHERE body LIKE '%database_went_back%'"))
        assert len(list(raised)) == 1


def test_a_newer_programs_database_is_not_backed_up(terminal: Terminal, backup: Path, tmp_path: Path) -> None:
    """The backup of an SQLite database of a newer program is refused. This program may lack the newer tables, so the
    backup could be incomplete without a warning.
    """
    with closing(sqlite3.connect(get_database_file(terminal))) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    _check_newer_database_refused(terminal, tmp_path / "new")


def test_a_newer_programs_server_is_not_backed_up(
    server_database_owner: tuple[Terminal, Callable[[], None]], tmp_path: Path
) -> None:
    """The backup of a server's database of a newer program is refused, because the backup would lack the newer
    tables.
    """
    owner, _ = server_database_owner
    create_server_schema(owner)
    server = Database(owner.env["CONSOLE_DATABASE_URL"], without_time_limit=True)
    with server.engine.begin() as conn:
        conn.execute(text("CREATE TABLE records_of_a_newer_program (id INT)"))
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    server.close()
    _check_newer_database_refused(owner, tmp_path / "new")


def _check_newer_database_refused(terminal: Terminal, folder: Path) -> None:
    refused = terminal.json("db", "backup", str(folder))
    assert refused.exit_status_and_code == (3, "schema_mismatch")
    assert (refused.error["detail"]["found"], refused.error["detail"]["newer"]) == ("9999", True)
    assert not folder.exists()
    assert list(folder.parent.glob("*.partial")) == []


@pytest.mark.parametrize("is_server", [False, True], ids=["file", "server"])
def test_a_database_that_is_upgraded_meanwhile_is_not_backed_up(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_server: bool
) -> None:
    """If the schema is upgraded while a backup copies the database, the backup is refused and leaves no folder. It
    would have the tables of one version and the number of another one.
    """
    owner = request.getfixturevalue("server_database_owner")[0] if is_server else request.getfixturevalue("terminal")
    settings = Settings.load(owner.env)
    assert owner.json("db", "upgrade").status == 0
    with closing(Database(settings.database_url, without_time_limit=True)) as database:
        with database.write_without_retries() as tx:
            tx.conn.execute(text("UPDATE alembic_version SET version_num = '0025'"))
        module, function = (server_dump, "dump_tables") if is_server else (sqlite_copy, "copy_sqlite_file")
        copy = getattr(module, function)

        def copy_and_upgrade(*arguments: Any) -> None:
            if is_server:  # the tables, and then the version
                copy(*arguments)
                migrate.upgrade(database)
            else:
                migrate.upgrade(database)
                copy(*arguments)

        monkeypatch.setattr(module, function, copy_and_upgrade)
        with pytest.raises(ConsoleError) as refused:
            back_up(settings, tmp_path / "new", SystemClock())
    assert (refused.value.code, refused.value.detail["problem"]) == ("database_locked", "another_upgrade")
    assert list(tmp_path.glob("new*")) == []


def test_a_server_with_its_first_node_down_is_backed_up_and_restored(
    server_database_owner: tuple[Terminal, Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first node of a server doesn't answer, backup and restore use the node that does. The person's own
    option files of the database client have no influence.
    """
    owner, empty_it = server_database_owner
    create_server_schema(owner)
    node = re.search(r"127\.0\.0\.1:\d+", owner.env["CONSOLE_DATABASE_URL"])
    assert node is not None
    url = owner.env["CONSOLE_DATABASE_URL"].replace(node[0], "127.0.0.1:1")
    owner.env["CONSOLE_DATABASE_URL"] = f"{url}{'&' if '?' in url else '?'}fallback={node[0]}"
    (tmp_path / ".my.cnf").write_text("[client]\nhost=db.invalid\n[mysqldump]\nno-data\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = str(tmp_path / "backup")
    assert owner.json("db", "backup", folder).status == 0
    empty_it()
    assert owner.json("db", "restore", folder).data["restored"] is True


def test_a_restore_killed_before_its_last_statement_is_complete(
    server_database_owner: tuple[Terminal, Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore is killed before its last statement, which deletes the mark of a running restore. The restored
    database is complete and usable. The next restore is refused and deletes nothing.
    """
    owner, empty_it = server_database_owner
    create_server_schema(owner)
    folder = str(tmp_path / "backup")
    owner.json("db", "backup", folder)
    empty_it()

    def break_off(_conn: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(server_dump, "drop_restore_mark", break_off)
        assert owner.json("db", "restore", folder).status != 0
    assert owner.json("db", "upgrade").status == 0, "programs may use it"
    url = owner.env["CONSOLE_DATABASE_URL"]
    database = Database(url, without_time_limit=True)
    with database.write_without_retries() as tx:
        tx.conn.execute(text("INSERT INTO operators (name, roles) VALUES ('op-a', 'operator')"))
    for _ in range(2):
        assert owner.json("db", "restore", folder).error["detail"]["problem"] == "target_not_empty"
    with database.read() as conn:
        assert conn.scalar(text("SELECT COUNT(*) FROM operators")) == 1
        assert server_dump.RESTORE_MARK_TABLE not in server_dump.read_table_names(conn)
    database.close()


@pytest.mark.parametrize("is_mark_left", [False, True])
def test_a_suspended_restore_deletes_nothing_of_another_restore(
    server_database_owner: tuple[Terminal, Callable[[], None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_mark_left: bool,
) -> None:
    """A restore is suspended before it locks its mark, and another desk's restore is completed meanwhile. The first
    restore is then refused, and the database keeps the rows that were written since. With `is_mark_left` the first
    restore has created the table of the mark after the end of the other restore.
    """
    owner, empty_it = server_database_owner
    create_server_schema(owner)
    folder = str(tmp_path / "backup")
    assert owner.json("db", "backup", folder).status == 0
    empty_it()
    url, lock = owner.env["CONSOLE_DATABASE_URL"], server_dump.lock_restore_mark

    def restore_elsewhere_and_lock(conn: Connection) -> None:
        monkeypatch.setattr(server_dump, "lock_restore_mark", lock)
        assert owner.json("db", "restore", folder).status == 0
        with closing(Database(url)) as database, database.engine.begin() as other:
            other.execute(text("CREATE TABLE written_since (id INTEGER PRIMARY KEY)"))
            if is_mark_left:
                other.execute(text(f"CREATE TABLE {server_dump.RESTORE_MARK_TABLE} (dump_sha256 CHAR(64))"))
        lock(conn)

    monkeypatch.setattr(server_dump, "lock_restore_mark", restore_elsewhere_and_lock)
    refused = owner.json("db", "restore", folder)
    assert refused.exit_status_and_code == (6, "database_locked")
    assert refused.error["detail"]["problem"] == "another_restore"
    with closing(Database(url)) as database, database.read() as conn:
        assert "written_since" in server_dump.read_table_names(conn)
    assert owner.json("db", "check").status == 0


def test_of_two_simultaneous_restores_one_gets_the_lock(
    server_database_owner: tuple[Terminal, Callable[[], None]],
) -> None:
    """Two restores of the same dump find an empty database at the same moment, and both insert the mark of a
    restore. Then only one of them gets the lock; the other one is refused (`another_restore`)."""
    owner, _ = server_database_owner
    digest = "0" * 64

    def mark_elsewhere(_conn: object, _cursor: object, sql: str, *_: object) -> None:
        if sql.startswith("INSERT") and not marked_statements:
            marked_statements.append(sql)
            with database.engine.begin() as other:
                server_dump.mark_restore_target(other, digest)

    marked_statements: list[str] = []
    with closing(Database(owner.env["CONSOLE_DATABASE_URL"], without_time_limit=True)) as database:
        event.listen(database.engine, "before_cursor_execute", mark_elsewhere)
        with database.engine.begin() as conn:
            server_dump.mark_restore_target(conn, digest)
        assert marked_statements
        with database.engine.begin() as first, database.engine.begin() as second:
            server_dump.lock_restore_mark(first)
            with pytest.raises(ConsoleError) as refused:
                server_dump.lock_restore_mark(second)
    assert refused.value.detail["problem"] == "another_restore"


@pytest.mark.parametrize("step", ["restore_document", "upgrade"])
def test_a_servers_restore_that_breaks_off_loses_no_document(
    server_database_owner: tuple[Terminal, Callable[[], None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """If a restore is interrupted while it copies documents or before it upgrades the database, all documents are
    there after a second restore.
    """
    owner, empty_it = server_database_owner
    create_server_schema(owner)
    documents = Documents(f"file:{get_home(owner) / 'documents'}")
    stored = documents.store(b"%PDF-1.7 kept")
    folder = str(tmp_path / "backup")
    assert owner.json("db", "backup", folder).data["documents"] == 1
    empty_it()
    shutil.rmtree(get_home(owner) / "documents")

    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Documents if step == "restore_document" else migrate, step, break_off)
        assert owner.json("db", "restore", folder).status != 0
    again = owner.json("db", "restore", folder)
    assert again.status == 0 or again.error["detail"]["problem"] == "target_not_empty"
    assert owner.json("db", "upgrade").status == 0
    assert documents.read(stored.path) == b"%PDF-1.7 kept"
    assert [check["name"] for check in owner.json("db", "check").data["checks"] if not check["ok"]] == []


def test_a_folder_with_an_impossible_name_is_refused(terminal: Terminal) -> None:
    """If no file system allows the name of the folder, `db restore` reports that there is no backup, and `db backup`
    writes none.
    """
    folder = f"/tmp/{'x' * 5_000}"
    assert terminal.json("db", "restore", folder, "--check").exit_status_and_code == (2, "bad_backup")
    assert terminal.json("db", "restore", folder).exit_status_and_code == (2, "bad_backup")
    assert terminal.json("db", "backup", folder).exit_status_and_code in ((2, "bad_backup"), (6, "storage_full"))


def test_circular_links_are_refused(terminal: Terminal, tmp_path: Path) -> None:
    """A symbolic link that points to itself is refused as the folder of a backup and as the database file, and no
    file is written.
    """
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    assert terminal.json("db", "backup", str(circle)).exit_status_and_code == (2, "bad_backup")
    assert terminal.json("db", "backup", str(circle / "new")).status != 70
    assert terminal.json("db", "restore", str(circle)).exit_status_and_code == (2, "bad_backup")
    for words in (("lookup", KEPT_NUMBER), ("db", "upgrade")):
        assert terminal.json(*words, DATABASE_URL=f"sqlite:///{circle}").exit_status_and_code == (2, "bad_profile")
    assert list(tmp_path.glob("*.partial")) == []


@pytest.mark.parametrize("name", ["バ" * 85, "b" * 255])
def test_a_backup_may_have_the_longest_name(terminal: Terminal, tmp_path: Path, name: str) -> None:
    """A folder may have each name that the file system accepts, up to 255 bytes."""
    assert terminal.json("db", "backup", str(tmp_path / name)).status == 0
    assert terminal.json("db", "restore", str(tmp_path / name), "--check").status == 0


@pytest.mark.parametrize("is_present", [False, True])
def test_a_share_that_syncs_no_folder_gets_a_backup(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_present: bool
) -> None:
    """Linux can't sync a folder of an SMB share. A backup into such a folder succeeds."""
    folder = tmp_path / "share"
    if is_present:
        folder.mkdir()
    sync = os.fsync

    def refuse_folder(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folder)
    assert terminal.json("db", "backup", str(folder)).status == 0
    assert terminal.json("db", "restore", str(folder), "--check").status == 0


@pytest.mark.parametrize("is_present", [False, True])
def test_a_backup_reported_as_failed_does_not_exist(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_present: bool
) -> None:
    """If the disk fails after the backup has got its name, the command exits with `storage_full`, and no backup with
    this name is left. A new folder's name is free for the next try."""
    folder = tmp_path / "backups" / "b"
    (folder if is_present else folder.parent).mkdir(parents=True)

    def fail_to_sync(synced: Path) -> None:
        if synced == (folder if is_present else folder.parent) and (folder / archive.MANIFEST_NAME).exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(archive, "sync_folder", fail_to_sync)
        assert terminal.json("db", "backup", str(folder)).exit_status_and_code == (6, "storage_full")
    assert terminal.json("db", "restore", str(folder), "--check").exit_status_and_code == (2, "bad_backup")
    if not is_present:
        assert list(folder.parent.iterdir()) == []
        assert terminal.json("db", "backup", str(folder)).status == 0
