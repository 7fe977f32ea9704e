"""Every command from end to end: its output and its exit status."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import tempfile
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from console.app import open_console
from console.cli.recovery import outcomes
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.process import failpoint_names
from console.sandbox.server import Sandbox
from console.services.tasks.scheduler import Scheduler
from console.settings.settings import Settings
from console.store.audit.trail import NewAuditEntry
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.cli.conftest import Terminal
from tests.support.permissions import remove_permissions
from tests.support.refusals import call_for_refusal, call_for_refusal_code

CORPORATION_NUMBER = "1180301018771"
OTHER_CORPORATION_NUMBER = "5010001192707"


def test_lookup_prints_four_lists(terminal: Terminal) -> None:
    """`lookup` of a number without records exits with 0 and returns four empty lists."""
    records = terminal.json("lookup", "T１１８０３０１０１８７７１").data
    nothing: dict[str, list[object]] = {"credit_checks": [], "orders": [], "payments": [], "refunds": []}
    assert records == {"corporation_number": CORPORATION_NUMBER, **nothing, "corporation": None, "totals": []}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "EMPTY"),
        (" - ", "EMPTY"),
        ("118030101877x", "CHARACTER"),
        ("🦊", "CHARACTER"),
        ("'; DROP TABLE hansha_alarmbox_credit_checks; --", "CHARACTER"),
        ("\udcff\udcfe", "CHARACTER"),
        ("118030101877", "LENGTH"),
        ("11803010187711", "LENGTH"),
        ("1" * 10_000_000, "LENGTH"),
        ("1180301018772", "CHECK_DIGIT"),
    ],
)
def test_a_malformed_number_is_refused_with_its_reason(terminal: Terminal, typed: str, reason: str) -> None:
    """Each malformed number that is typed or pasted ends with exit 2, the reason, and one small JSON object."""
    for words in (("lookup", "--", typed), ("purchase", "--client", "1", "--", typed)):
        ending = terminal.json(*words)
        assert ending.exit_status_and_code == (2, "invalid_corporation_number")
        assert ending.error["detail"]["reason"] == reason
        assert len(ending.out) < 10_000


def test_a_purchase_prints_its_record_and_lookup_finds_it(terminal: Terminal, sandbox: Sandbox) -> None:
    """A purchase exits with 0 and prints the record as success and known. The ledger has one charge, `lookup` and
    `show` have the same record, and `show` also has its history, its evidence and its PDF.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "42", "--deal", "2", "--reason", "1", "4").data
    assert (bought["kind"], bought["state"], bought["certainty"]) == ("credit-check", "success", "known")
    assert (bought["client_id"], bought["incomplete"], bought["work"]["state"]) == ("42", [], "none")
    assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBER) == 1
    checks = terminal.json("lookup", CORPORATION_NUMBER).data["credit_checks"]
    assert [record["id"] for record in checks] == [bought["id"]]
    shown = terminal.json("show", "credit-check", str(bought["id"])).data
    assert shown["version"] == checks[0]["version"]
    assert shown["timeline"]
    assert shown["evidence"]
    assert shown["next_step"]["text"]
    assert [document["current"] for document in shown["documents"]] == [True]


def test_a_second_purchase_is_refused_with_the_record(terminal: Terminal, sandbox: Sandbox) -> None:
    """While a record holds the claim, a second purchase exits with 3, with the record in the detail, and nothing is
    charged.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    ending = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    assert ending.exit_status_and_code == (3, "already_purchased")
    assert ending.error["detail"]["record"]["id"] == bought["id"]
    assert ending.error["detail"]["record"]["kind"] == "credit-check"
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1", "--renew").exit_status_and_code == (
        3,
        "not_expired",
    )
    assert sandbox.ledger.charge_count == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("status:422", 5, "provider_refused"),
        ("status:429", 5, "rate_limited"),
        ("status:503", 4, "outcome_unknown"),
        ("reset_after_charge", 4, "outcome_unknown"),
    ],
)
@pytest.mark.expects_log("some endings are logged")
def test_each_end_of_a_purchase_has_its_exit_status(
    terminal: Terminal, sandbox: Sandbox, fault: str, status: int, code: str
) -> None:
    """A refused purchase exits with 5, one with an unknown outcome with 4; the detail has the record in that
    state.
    """
    sandbox.control.add_fault(fault, call="purchase", times=1)
    ending = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    assert ending.exit_status_and_code == (status, code)
    record = ending.error["detail"]["record"]
    known = ("pending", "unknown") if status == 4 else ("error", "known")
    assert (record["state"], record["certainty"]) == known


def test_an_unreachable_provider_gives_exit_status_6(terminal: Terminal, sandbox: Sandbox) -> None:
    """If the provider can't be reached, a purchase exits with 6 and the code `provider_unreachable`. Its record has
    the state error and is known, because nothing was sent. So the number can be bought later, with a new record and
    one charge.
    """
    with sandbox.control.cause_outage():
        ending = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    assert ending.exit_status_and_code == (6, "provider_unreachable")
    unsent = ending.error["detail"]["record"]
    assert (unsent["state"], unsent["certainty"], unsent["work"]["state"]) == ("error", "known", "none")
    assert sandbox.ledger.charge_count == 0
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    assert (bought["state"], bought["id"] > unsent["id"]) == ("success", True)
    assert sandbox.ledger.charge_count == 1


@pytest.mark.parametrize("client", ["0", "01", "abc", "", "-1", "１", "1" * 19])
def test_an_impossible_client_is_unknown(terminal: Terminal, client: str) -> None:
    """A purchase is refused as `unknown_client` if the client id isn't 1 to 18 digits without a leading zero."""
    assert terminal.json("purchase", CORPORATION_NUMBER, f"--client={client}").exit_status_and_code == (
        2,
        "unknown_client",
    )


def test_a_client_outside_the_list_is_unknown(terminal: Terminal) -> None:
    """If the setting CLIENTS lists clients, a purchase for another client is refused as `unknown_client`."""
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "3", CLIENTS="1,2").exit_status_and_code == (
        2,
        "unknown_client",
    )


def test_a_refetch_names_the_changed_parts(terminal: Terminal, sandbox: Sandbox) -> None:
    """A re-fetch of a missing PDF exits with 0 and names the changed parts and the documents; a re-fetch from a stale
    version is refused.
    """
    sandbox.control.add_fault("pdf_missing", call="pdf", times=1)
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    assert bought["incomplete"] == ["pdf"]
    stale = terminal.json("refetch", str(bought["id"]), "--saw", str(bought["version"] - 1), LANGUAGE="en")
    assert stale.exit_status_and_code == (3, "stale_view")
    assert "–" not in stale.error["message"]  # the mark of a missing value
    assert stale.error["detail"]["changed"]
    fetched = terminal.json("refetch", "--pdf", "--saw", str(bought["version"]), "--", str(bought["id"])).data
    assert (fetched["changed"], fetched["incomplete"]) == (["pdf_file_path"], [])
    (document,) = fetched["documents"]
    assert set(document) >= {"path", "sha256", "bytes", "current"}
    assert document["path"] == f"{document['sha256'][:2]}/{document['sha256']}.pdf"
    assert fetched["pdf_file_path"] == document["path"]


def test_a_failed_refetch_names_the_failed_parts(terminal: Terminal, sandbox: Sandbox) -> None:
    """If a re-fetch doesn't get all parts, it exits with 5, and the detail has the present record and the failed
    parts.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    sandbox.control.add_fault("status:500", call="pdf", times=None)
    ending = terminal.json("refetch", str(bought["id"]))
    assert ending.status == 5
    detail = ending.error["detail"]
    assert (detail["record"]["id"], detail["failed"][0]["part"]) == (bought["id"], "pdf")


@pytest.mark.expects_log("the storage of documents is told")
def test_a_refetch_names_the_failure_of_the_document_storage(terminal: Terminal, tmp_path: Path) -> None:
    """If a re-fetched PDF can't be stored, the error names the failed parts. It also has the facts of the storage's
    own error, so that its sentence names the folder and the remedy.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    folder = Path(terminal.env["CONSOLE_HOME"]) / "documents" / bought["pdf_file_path"].split("/")[0]
    empty = tmp_path / "unmounted"
    empty.mkdir()
    unmounted = terminal.json("refetch", str(bought["id"]), DOCUMENTS_URL=f"file://{empty}", LANGUAGE="en")
    assert unmounted.exit_status_and_code == (6, "documents_unreachable")
    assert f"The document folder {empty} is empty." in unmounted.error["message"]
    assert unmounted.error["detail"]["reason"] == "folder_lost"
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    unwritable = terminal.json("refetch", str(bought["id"]), LANGUAGE="en")
    assert unwritable.exit_status_and_code == (6, "storage_full")
    assert unwritable.error["detail"]["folder"] == str(folder.parent)
    for ending in (unmounted, unwritable):
        failed = [(part["part"], part["code"]) for part in ending.error["detail"]["failed"]]
        assert failed == [("pdf", ending.error["code"])]


def test_an_unknown_purchase_is_resolved_by_two_people(terminal: Terminal, sandbox: Sandbox, tmp_path: Path) -> None:
    """Two people decide that an unknown purchase was not made. The first decision waits for a second person, and the
    same person can't make the second one. Another person's decision ends the record as failed. `show` prints the next
    step.
    """
    sandbox.control.add_fault("status:503", call="purchase", times=1)
    record = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").error["detail"]["record"]
    which = ("credit-check", str(record["id"]))
    assert record["work"]["state"] == "needs_review"
    assert record["work"]["reason"]
    shown = terminal.json("show", *which).data
    assert shown["next_step"]["text"]
    assert str(record["id"]) in shown["next_step"]["command"]
    assert terminal.json("probe", *which).exit_status_and_code == (4, "outcome_unknown")
    proof = tmp_path / "panel.txt"
    proof.write_text("no such purchase", encoding="utf-8")
    decide = ("resolve", *which, "--as", "error", "--evidence", str(proof), "--reason-code", "not_listed")
    assert terminal.json(*decide).exit_status_and_code == (2, "usage")
    first = terminal.json(*decide, "--reason", "20 purchases there").data
    assert (first["awaiting"], first["certainty"]) == ("second_person", "unknown")
    letter = "[other] letter 26-118 states no reason"
    again = ("resolve", *which, "--as", "error", "--evidence", letter)
    assert terminal.json(*again).exit_status_and_code == (3, "same_person")
    second = terminal.json(*again, OPERATOR="lead-b").data
    assert (second["awaiting"], second["state"], second["certainty"]) == (None, "error", "known")
    assert terminal.json(*again, OPERATOR="lead-c").exit_status_and_code == (3, "nothing_to_resolve")
    evidence = terminal.json("show", *which).data["evidence"]
    assert [one["summary"] for one in evidence if one["source"] == "person"] == [
        "[not_listed] 20 purchases there",
        f" {letter}",
    ]
    shown_text = terminal("show", *which, LANGUAGE="en").out.decode()
    assert "[not_listed]" not in shown_text
    assert letter in shown_text


def test_an_unknown_purchase_is_resolved_by_the_providers_id(terminal: Terminal, sandbox: Sandbox) -> None:
    """One person resolves an unknown purchase as bought with the provider's id, which a read confirms; a missing or
    impossible id is refused.
    """
    sandbox.control.add_fault("reset_after_charge", call="purchase", times=1)
    record = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").error["detail"]["record"]
    (charge,) = sandbox.ledger.list_charges_of_number(CORPORATION_NUMBER)
    words = ("resolve", "credit-check", str(record["id"]), "--as", "success", "--evidence", "their screen")
    assert terminal.json(*words).status == 2
    for id in ("0", "2147483648", "9" * 18):
        assert terminal.json(*words, "--provider-id", id).exit_status_and_code == (2, "usage"), id
        by_operation = ("resolve", "operation", record["operation_id"], *words[3:], "--provider-id", id)
        assert terminal.json(*by_operation).exit_status_and_code == (2, "usage"), id
    resolved = terminal.json(*words, "--provider-id", str(charge.id)).data
    assert (resolved["state"], resolved["credit_check_id"]) == ("success", charge.id)


@pytest.mark.parametrize(
    "evidence", ["", "   ", "\u3000", "missing-file.pdf", "missing.XLSX", ".", "/dev/null", "pipe", "link"]
)
def test_blank_or_missing_evidence_is_refused(
    terminal: Terminal, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evidence: str
) -> None:
    """A resolution is refused as `no_evidence` if its evidence is blank, a folder, a pipe, a device, a broken link or
    a missing file, and also without the option for evidence.
    """
    monkeypatch.chdir(tmp_path)
    if evidence == "pipe":
        os.mkfifo("pipe")
    Path("link").symlink_to("nowhere")
    sandbox.control.add_fault("status:503", call="purchase", times=1)
    record = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").error["detail"]["record"]
    words = ("resolve", "credit-check", str(record["id"]), "--as", "error", f"--evidence={evidence}")
    assert terminal.json(*words).exit_status_and_code == (2, "no_evidence")
    assert terminal.json("resolve", *words[1:5]).exit_status_and_code == (2, "no_evidence")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipe with a path in a folder")
def test_the_refusal_of_a_folder_as_evidence_does_not_call_it_missing(tmp_path: Path) -> None:
    """The refusal of a folder, a pipe or a device as evidence doesn't say that the path doesn't exist: the person
    may have typed only a part of the path of a file."""
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path, "is_folder"),
        (tmp_path / "pipe", "special_file"),
        (Path(os.devnull), "special_file"),
        (tmp_path / "scan.pdf", "no_such_file"),
    ):
        refusal = call_for_refusal(partial(outcomes._parse_evidence, str(path)))
        assert (refusal.code, refusal.detail) == ("no_evidence", {"reason": reason, "file": str(path)})
        for language in LANGUAGES:
            assert str(path) in format_error_message(refusal, language)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_evidence_in_an_unreadable_folder_is_refused(tmp_path: Path) -> None:
    """Evidence in a folder that the person may not search is refused. The program doesn't take the path of the file
    as the text of the evidence.
    """
    closed = tmp_path / "closed"
    closed.mkdir()
    with remove_permissions(closed), pytest.raises(ConsoleError) as refused:
        outcomes._parse_evidence(str(closed / "scan.pdf"))
    assert refused.value.code == "no_evidence"


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a right on Windows")
def test_evidence_on_a_disk_that_fails_is_refused(tmp_path: Path) -> None:
    """If the operating system can't read a path now, as on a disk that was removed, the path is refused and isn't
    stored as the text of the evidence. A statement that is too long for a path is accepted.
    """
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / "loop" / "scan", tmp_path / f"{'x' * 300}.pdf"):
        assert call_for_refusal_code(partial(outcomes._parse_evidence, str(path))) == "no_evidence"
    for statement in ("字" * 200, f"{'x' * 300} scan.pdf"):
        assert outcomes._parse_evidence(statement) == statement


def test_a_cursor_leads_to_the_next_page_of_a_queue(terminal: Terminal, sandbox: Sandbox) -> None:
    """Each item of a queue has its reason and next step. The cursor leads to the next page and is null on the last
    one. A queue without records is an empty page.
    """
    sandbox.control.add_fault("status:422", call="purchase", times=None)
    for client in ("1", "2", "3"):
        terminal.json("purchase", CORPORATION_NUMBER, "--client", client)
    first = terminal.json("queue", "error", "--limit", "2").data
    assert len(first["items"]) == 2
    assert all(item["why"] and item["next_step"]["text"] and item["since"] for item in first["items"])
    rest = terminal.json("queue", "error", "--limit", "2", "--after", first["next_cursor"]).data
    clients = [item["client_id"] for page in (first, rest) for item in page["items"]]
    assert (sorted(clients), rest["next_cursor"]) == (["1", "2", "3"], None)
    assert terminal.json("queue", "refunds").data == {"queue": "refunds", "items": [], "next_cursor": None}
    assert terminal.json("queue", "error", "--after", "'; DROP").exit_status_and_code == (2, "usage")
    _check_filters_sort_orders_and_groups(terminal)


def _check_filters_sort_orders_and_groups(terminal: Terminal) -> None:
    """Check filters, sort orders and groups by cause on three failed records. A filter, sort order or cursor that
    can't be read is refused.
    """

    def list_clients(*words: str) -> list[str]:
        return [item["client_id"] for item in terminal.json("queue", "error", *words).data["items"]]

    assert list_clients("--filter", "client:2 provider:alarmbox age:<1h owner:-") == ["2"]
    assert list_clients("--filter", "client:2 provider:paypay") == []
    for own in ("owner:me", "taken:me"):
        assert terminal.json("queue", "error", "--filter", own).data["filter"] == "owner:op-a"
    assert list_clients("--sort=-client") == ["3", "2", "1"]
    page = terminal.json("queue", "error", "--sort=-client", "--filter", "status:error", "--limit", "2").data
    assert (page["filter"], page["sort"], page["items"][0]["taken_by"]) == ("status:error", "-client", None)
    rest = list_clients("--sort=-client", "--filter", "status:error", "--after", page["next_cursor"])
    assert rest == ["1"]
    causes = terminal.json("queue", "error", "--by-cause").data
    (group,) = causes["groups"]
    assert (group["count"], group["sums_minor"], causes["capped"]) == (3, {}, False)
    assert list_clients("--filter", group["filter"]) == ["1", "2", "3"]
    for words in (("--filter", "amount:x"), ("--filter", "さくら"), ("--sort", "colour"), ("--after", "n1.n2.x.3")):
        assert terminal.json("queue", "error", *words).exit_status_and_code == (2, "usage")
    for command in (
        ["queue", "error"],
        ["views", "save", "two", "error"],
        ["evidence", "--queue", "error", "--to", "x"],
    ):
        refused = terminal.json(*command, "--filter", "client:2 client:3")
        assert (refused.exit_status_and_code, refused.error["detail"]["problem"]) == (
            (2, "usage"),
            "filter_repeated",
        )
    assert terminal.json("queue", "error", "--filter", " " * 980 + "client:2 client:34").exit_status_and_code == (
        2,
        "usage",
    )
    for wrong_words in (
        ["companies", "--by-cause"],
        ["views", "--filter", "state:error"],
        ["views", "--sort", "amount"],
        ["error", "--by-cause", "--after", page["next_cursor"]],
    ):
        assert terminal.json("queue", *wrong_words).exit_status_and_code == (2, "usage")
    cursor = page["next_cursor"]
    # The sort keys of amount and client have the same types.
    for chosen in ("--sort=age", "--sort=amount", "--sort=client", "--sort=-client", "--filter=status:error"):
        assert terminal.json("queue", "error", chosen, "--after", cursor).exit_status_and_code == (2, "usage")
    written = terminal("queue", "error", "--sort=amount", "--filter=status:error", "--after", cursor)
    assert written.status == 2
    for queue in ("notices", "companies"):
        assert terminal.json("queue", queue, "--after", "1").exit_status_and_code == (2, "usage")


@pytest.mark.parametrize("kind", ["credit-check", "payment", "order", "refund", "operation"])
@pytest.mark.parametrize("record_id", ["1", "0", "-1", "abc", "9" * 30, "１", "🦊"])
def test_a_record_that_does_not_exist_is_not_found(terminal: Terminal, kind: str, record_id: str) -> None:
    """For every kind of record, an id without a record is refused as `not_found`, also if the id is no number."""
    for command in ("show", "probe"):
        assert terminal.json(command, "--", kind, record_id).exit_status_and_code == (2, "not_found")
    assert terminal.json("refetch", "--", record_id).exit_status_and_code == (2, "not_found")


def test_an_operation_can_be_shown(terminal: Terminal) -> None:
    """`show operation` prints the journal row of a purchase, if it is given the operation id from the credit
    check.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    shown = terminal.json("show", "operation", bought["operation_id"]).data
    assert (shown["kind"], shown["action"], shown["state"]) == ("operation", "credit-check.purchase", "done")
    assert shown["subject"] == {"kind": "credit-check", "id": bought["id"]}


def test_the_audit_trail_is_listed_verified_and_exported(terminal: Terminal, tmp_path: Path) -> None:
    """Commands list the audit entries with their fields, verify the audit trail, and export it to a file. An existing
    file is never overwritten.
    """
    terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    entries = terminal.json("audit", "list", "--limit", "2").data["entries"]
    assert len(entries) == 2
    assert set(entries[0]) >= {"id", "at", "who", "what", "subject", "result", "reason"}
    verified = terminal.json("audit", "verify").data
    assert verified["first_bad"] is None
    assert verified["rows"] >= 2
    file = tmp_path / "trail.csv"
    assert terminal.json("audit", "export", str(file)).data["rows"] >= 2
    assert terminal.json("audit", "export", str(file)).exit_status_and_code == (2, "usage")


def test_a_long_list_of_audit_entries_is_not_cut(terminal: Terminal) -> None:
    """`audit list` returns as many entries as its option `--limit` says, because its answer has no cursor."""
    entry = NewAuditEntry("op-a", AuditAction.PAYMENT_OPENED, "payment", 1)
    with open_console(Settings.load(terminal.env)) as console:
        context = console._context
        context.write(lambda tx: context.audit.record_all(tx, [entry] * 1_100))
    assert len(terminal.json("audit", "list", "--limit", "1050").data["entries"]) == 1_050


def test_db_and_worker_need_no_operator(terminal: Terminal) -> None:
    """Upgrading and checking the database and running due tasks need no person's name; a purchase without one is
    refused.
    """
    nobody = {"OPERATOR": ""}
    assert terminal.json("db", "upgrade", **nobody).status == 0
    assert terminal.json("db", "upgrade", **nobody).status == 0
    assert {check["name"] for check in terminal.json("db", "check", **nobody).data["checks"]} >= {"database"}
    ran = terminal.json("worker", "--once", **nobody).data["ran"]
    assert ran
    assert all(set(task) == {"task", "count"} for task in ran)
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1", **nobody).exit_status_and_code == (
        2,
        "no_operator",
    )


def test_a_signal_during_worker_once_names_the_tasks_that_ran(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM arrives while the first task of `worker --once` runs. This task ends and no other one begins. The
    answer names the tasks that didn't begin, in JSON and as text. Without a signal every task runs.
    """
    whole = terminal.json("worker", "--once").data
    assert (whole["stopped"], whole["left"]) == (False, [])
    names = [run["task"] for run in whole["ran"]]
    real = Scheduler._execute_due_task

    def end_in_first_task(scheduler: Scheduler, run: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        real(scheduler, run)

    monkeypatch.setattr(Scheduler, "_execute_due_task", end_in_first_task)
    cut = terminal.json("worker", "--once").data
    assert [run["task"] for run in cut["ran"]] == names[:1]
    assert (cut["stopped"], cut["left"]) == (True, names[1:])
    ended = terminal("worker", "--once")
    assert ended.status == 0
    lines = ended.out.decode("utf-8").splitlines()
    assert len(lines) == 2
    assert str(len(names) - 1) in lines[1]


def test_doctor_succeeds_with_unreadable_settings(terminal: Terminal) -> None:
    """`doctor` succeeds also with settings that can't be read, and reports each problem as a failed check with a next
    step.
    """
    checks = terminal.json("doctor").data["checks"]
    assert all(check["next"] for check in checks if not check["ok"])
    for broken in ({"TIME_SCALE": "fast"}, {"DATABASE_URL": "nonsense"}, {"HOME": "/dev/null"}):
        checks = terminal.json("doctor", **broken).data["checks"]
        (bad, *_) = [check for check in checks if not check["ok"]]
        assert bad["message"]
        assert bad["next"]


def read_failed_checks(terminal: Terminal, **settings: str) -> dict[str, str]:
    """Return the message of each failed check of `doctor`, by the check's name, without the check of the settings
    that only tests use.
    """
    checks = terminal.json("doctor", **settings).data["checks"]
    assert all(check["next"] for check in checks if not check["ok"])
    return {check["name"]: check["message"] for check in checks if not check["ok"] and check["name"] != "switches"}


def test_doctor_reports_a_short_key_of_signed_notices(terminal: Terminal) -> None:
    """`doctor` names the sources whose key somebody could guess. A notice is accepted with such a key, too, because
    the sender may have set it.
    """

    def find_check(**keys: str) -> dict[str, Any] | None:
        checks = terminal.json("doctor", **keys).data["checks"]
        return next((check for check in checks if check["name"] == "notices"), None)

    assert find_check() is None
    long_key, short_key = {"SECRET_NOTICE_POST_KEY": "k" * 16}, {"SECRET_NOTICE_BANK_KEY": "k" * 15}
    known, short = find_check(**long_key), find_check(**long_key, **short_key)
    assert known is not None
    assert short is not None
    assert (known["ok"], "post" in known["message"]) == (True, True)
    assert (short["ok"], "bank" in short["message"], "post" in short["message"]) == (False, True, False)
    assert "k" * 15 not in str(short)


def test_doctor_names_documents_that_cannot_be_written(terminal: Terminal, tmp_path: Path) -> None:
    """If the folder of the documents can't be made, `doctor` names the folder, the system's reason and the
    permissions.
    """
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "documents"
    checks = terminal.json("doctor", DOCUMENTS_URL=folder.as_uri()).data["checks"]
    (check,) = (check for check in checks if check["name"] == "documents")
    assert check["ok"] is False
    assert str(folder) in check["message"]
    assert "Not a directory" in check["message"]
    assert "permissions" in check["next"]


def test_doctor_knows_the_store_key_of_the_database(terminal: Terminal) -> None:
    """`doctor` reports a store key that differs from the key of the other desks of the database, before a purchase is
    refused because of it.
    """
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    assert read_failed_checks(terminal) == {}
    other = {"SECRET_STORE_KEY": "another-key-of-another-desk"}
    refusal = terminal.json("purchase", CORPORATION_NUMBER, "--client", "2", **other).error
    assert read_failed_checks(terminal, **other) == {"store_key": refusal["message"]}


def test_doctor_distinguishes_a_damaged_spool_from_a_lost_database(terminal: Terminal) -> None:
    """If the desk's spool file is damaged or can't be opened, `doctor` reports this file by its path, and reports no
    problem of the database.
    """
    spool = Path(terminal.env["CONSOLE_HOME"]) / "desk.db"
    spool.write_bytes(b"no spool any more" * 500)
    (message,) = read_failed_checks(terminal).values()
    assert f"{spool} is damaged" in message
    spool.unlink()
    spool.mkdir()
    (message,) = read_failed_checks(terminal).values()
    assert f"{spool} can't be used" in message


def test_an_upgrade_of_a_database_that_lost_its_version_is_refused(terminal: Terminal) -> None:
    """If the database has the tables of this program but not the version of its schema, it is damaged. `db upgrade`
    then doesn't end by a bug, because the tables that it would create exist.
    """
    with closing(sqlite3.connect(Path(terminal.env["CONSOLE_HOME"]) / "console.db")) as conn, conn:
        conn.execute("DELETE FROM alembic_version")
    ended = terminal.json("db", "upgrade")
    assert ended.exit_status_and_code == (3, "not_our_database")
    assert ended.error["detail"]["problem"] == "damaged"


@pytest.mark.parametrize(
    ("name", "check"), [("console.db", "database"), ("desk.db", "went_back"), ("desk.db-journal", "went_back")]
)
def test_doctor_names_a_file_that_it_may_only_read(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, check: str
) -> None:
    """If this process may read but not write the database file or the spool, lookups work, and every purchase is
    refused. `doctor` reports that. It names the side file if only this one can't be written.
    """
    terminal("lookup", CORPORATION_NUMBER)
    (Path(terminal.env["CONSOLE_HOME"]) / name).touch()
    assert read_failed_checks(terminal) == {}
    monkeypatch.setattr("console.settings.private_files.can_this_process_write_to", lambda path: path.name != name)
    (message,) = [text for failed, text in read_failed_checks(terminal).items() if failed == check]
    assert name in message


def test_a_database_file_that_cannot_be_opened_is_no_lost_connection(unopened_terminal: Terminal) -> None:
    """If the database file can't be opened, commands end with `database_unreachable`, and the message doesn't say
    that the connection was lost. `doctor` names the path.
    """
    place = Path(unopened_terminal.env["CONSOLE_HOME"]) / "console.db"
    place.mkdir(parents=True)
    for words in (("lookup", CORPORATION_NUMBER), ("purchase", CORPORATION_NUMBER, "--client", "1")):
        ending = unopened_terminal.json(*words)
        assert ending.exit_status_and_code == (6, "database_unreachable")
        assert "lost" not in ending.error["message"]
    assert str(place) in read_failed_checks(unopened_terminal)["database"]


def test_doctor_names_file_and_line_of_a_wrong_profile(terminal: Terminal) -> None:
    """`doctor` reports an unknown key of the profile with the same message, file and line as every other command."""
    profile = Path(terminal.env["CONSOLE_HOME"]) / "profile.toml"
    profile.write_text('language = "en"\nlangauge = "ja"\n', encoding="utf-8")
    refusal = terminal.json("lookup", CORPORATION_NUMBER).error
    assert refusal["detail"]["line"] == 2
    assert read_failed_checks(terminal) == {"profile": refusal["message"]}


def test_doctor_judges_a_home_that_does_not_exist_yet_by_the_folder_above(terminal: Terminal, tmp_path: Path) -> None:
    """`doctor` reports no failed check for a home folder that doesn't exist yet, because the program makes it."""
    assert read_failed_checks(terminal, HOME=str(tmp_path / "new" / "deep" / "home")) == {}


@pytest.mark.parametrize("contents", ["database", "temporary files"])
def test_doctor_measures_the_disk_of_the_database_and_of_temporary_files(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: str
) -> None:
    """`doctor` measures the disks of the database and of the temporary files, which may be others than that of the
    data folder."""
    full = tmp_path / "full disk"
    full.mkdir(mode=0o700)
    real = shutil.disk_usage

    def report_full_folder(folder: Path) -> object:
        return real(folder)._replace(free=0) if folder == full else real(folder)

    monkeypatch.setattr(shutil, "disk_usage", report_full_folder)
    if contents == "temporary files":
        monkeypatch.setattr(tempfile, "tempdir", str(full))
        messages = read_failed_checks(terminal)
    else:
        messages = read_failed_checks(terminal, DATABASE_URL=f"sqlite:///{full}/console.db")
    assert list(messages) == ["room"]
    assert str(full) in messages["room"]


def test_doctor_names_a_folder_that_takes_no_temporary_file(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` writes a temporary file, because exports need one, and names the folder if that fails."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "removed"))
    messages = read_failed_checks(terminal)
    assert list(messages) == ["temporary"]
    assert str(tmp_path / "removed") in messages["temporary"]


def test_the_doctor_lists_failpoints_after_a_misspelt_one(terminal: Terminal) -> None:
    """A misspelt failpoint is refused with a reference to `doctor`, and `doctor` lists all failpoints."""
    ending = terminal.json("lookup", CORPORATION_NUMBER, FAILPOINT="before_sent:1:kill")
    assert "doctor" in ending.error["message"]
    (bad,) = terminal.json("doctor", FAILPOINT="before_sent:1:kill").data["checks"]
    assert ", ".join(failpoint_names.ALL_FAILPOINTS) in bad["next"]


def test_a_wrong_setting_ends_with_the_code_bad_profile(terminal: Terminal) -> None:
    """A wrong setting ends with `bad_profile` and exit status 2, names the variable, and uses the requested language
    as far as it is known.
    """
    ending = terminal.json("lookup", CORPORATION_NUMBER, ALARMBOX_URL="http://example.com", LANGUAGE="ja")
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["variable"] == "CONSOLE_ALARMBOX_URL"
    assert "https" in ending.error["message"]


def test_a_corrupt_profile_file_is_refused(unopened_terminal: Terminal) -> None:
    """The refusal of a corrupt profile names the file and the line; nothing is written."""
    home = Path(unopened_terminal.env["CONSOLE_HOME"])
    home.mkdir()
    (home / "profile.toml").write_text("language = \n", encoding="utf-8")
    ending = unopened_terminal.json("lookup", CORPORATION_NUMBER)
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["line"] == 1
    assert [path.name for path in home.iterdir()] == ["profile.toml"]


def test_a_foreign_database_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    """A database of another program is refused with exit status 3, and nothing is written into it."""
    file = tmp_path / "other.db"
    file.write_bytes(b"not a database at all" * 100)
    before = file.read_bytes()
    ending = terminal.json("lookup", CORPORATION_NUMBER, DATABASE_URL=f"sqlite:///{file}")
    assert ending.exit_status_and_code == (3, "not_our_database")
    assert file.read_bytes() == before


@pytest.mark.parametrize("language", ["ja", "en"])
def test_error_codes_are_the_same_in_each_language(terminal: Terminal, language: str) -> None:
    """Codes and JSON fields are the same in every language; only the sentences are translated."""
    ending = terminal.json("show", "payment", "5", LANGUAGE=language)
    assert ending.exit_status_and_code == (2, "not_found")
    assert ending.error["message"].isascii() is (language == "en")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_command_prints_text(terminal: Terminal, sandbox: Sandbox, language: str) -> None:
    """Without `--json` every command prints text in each language, and nothing on stderr. A refusal is printed on
    stderr alone."""
    sandbox.control.add_fault("pdf_missing", call="pdf", times=1)
    commands = [
        ("purchase", CORPORATION_NUMBER, "--client", "1"),
        ("lookup", CORPORATION_NUMBER),
        ("lookup", OTHER_CORPORATION_NUMBER),
        ("show", "credit-check", "1"),
        ("queue", "incomplete"),
        ("queue", "unknown"),
        ("refetch", "1"),
        ("refetch", "1"),
        ("probe", "credit-check", "1"),
        ("audit", "list"),
        ("audit", "verify"),
        ("db", "upgrade"),
        ("db", "check"),
        ("doctor",),
        ("worker", "--once"),
        ("--help",),
    ]
    for words in commands:
        ending = terminal(*words, LANGUAGE=language)
        assert (ending.status, ending.err) == (0, ""), words
        assert ending.out.decode().strip(), words
    refused = terminal("lookup", "118", LANGUAGE=language)
    assert (refused.status, refused.out) == (2, b"")
    assert refused.err.strip()


def test_the_text_of_an_operation_is_printed(terminal: Terminal) -> None:
    """Without `--json`, `show operation` prints the operation as text, with its id, and nothing on stderr."""
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    ending = terminal("show", "operation", bought["operation_id"])
    assert (ending.status, ending.err) == (0, "")
    assert bought["operation_id"] in ending.out.decode()


def test_help_is_printed_as_json_on_request(terminal: Terminal) -> None:
    """With `--json`, the help is a JSON object, too."""
    assert "support-console" in terminal.json("lookup", "--help").data["help"]


def test_secrets_are_in_no_answer(terminal: Terminal) -> None:
    """The output of `doctor`, of `audit` and of errors never contains a secret from the environment."""
    printed = [
        terminal.json(*words)
        for words in (
            ("doctor",),
            ("purchase", CORPORATION_NUMBER, "--client", "1"),
            ("audit", "list"),
            ("show", "credit-check", "1"),
        )
    ]
    for name, value in terminal.env.items():
        if name.startswith("CONSOLE_SECRET_"):
            assert all(value not in json.dumps(ending.answer) + ending.err for ending in printed)


def test_versions_of_a_pdf_are_compared(terminal: Terminal, sandbox: Sandbox) -> None:
    """After a re-fetch a record has two versions of its PDF, the newest first. `documents compare` names the
    differences between them with the pages. It is refused if there is only one version, or for an unknown hash.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    record = str(bought["id"])
    assert terminal.json("documents", "compare", record).exit_status_and_code == (2, "usage")
    sandbox.control.add_fault("pdf_other", call="pdf", times=1)
    assert terminal.json("refetch", record, "--pdf").status == 0
    new, old = terminal.json("documents", "list", record).data["documents"]
    assert (new["current"], old["current"]) == (True, False)
    assert (new["pages"], old["pages"]) == (2, 2)
    assert terminal("documents", "list", record, LANGUAGE="en").out.decode().count("2 pages") == 2
    compared = terminal.json("documents", "compare", record).data
    assert set(compared) == {"old_pages", "new_pages", "differences", "pages_without_text", "cut"}
    assert (compared["old_pages"], compared["new_pages"], compared["cut"]) == (2, 2, False)
    first = compared["differences"][0]
    assert (first["page"], first["kind"], first["old"], first["new"]) == (1, "changed", "1", "2")
    back = terminal.json("documents", "compare", record, "--old", new["sha256"], "--new", old["sha256"]).data
    assert (back["differences"][0]["old"], back["differences"][0]["new"]) == ("2", "1")
    refused = terminal("documents", "compare", record, "--old", new["sha256"], LANGUAGE="en")
    assert refused.status == 2
    assert "Both versions are the same one." in refused.err
    lines = terminal("documents", "compare", record, LANGUAGE="ja").out.decode().splitlines()
    assert lines[0].startswith("差異は ")
    assert lines[1] == "≠ 1 ページ: 変更: 1 → 2"
    assert terminal.json("documents", "compare", record, "--old", "0" * 64).exit_status_and_code == (2, "not_found")


def test_versions_are_listed_without_their_files(terminal: Terminal) -> None:
    """If the folder of the documents can't be reached, `documents list` still lists them from the database, without
    their numbers of pages.
    """
    bought = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data
    home = Path(terminal.env["CONSOLE_HOME"])
    (home / "documents").rename(home / "away")  # as a share that isn't mounted
    (document,) = terminal.json("documents", "list", str(bought["id"])).data["documents"]
    assert document["path"] == bought["pdf_file_path"]
    assert document["pages"] is None


def test_a_copy_of_a_pdf_is_saved(terminal: Terminal, tmp_path: Path) -> None:
    """`documents save` writes the stored PDF into a file that only the current user can read. The audit trail has the
    person and no path. An existing file is not replaced, and a refused copy leaves no file.
    """
    record = str(terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data["id"])
    (stored,) = terminal.json("documents", "list", record).data["documents"]
    copy = tmp_path / "Yamada" / "copy.pdf"
    copy.parent.mkdir()
    saved = terminal.json("documents", "save", record, "--to", str(copy)).data
    assert saved == {"file": str(copy), "bytes": stored["bytes"], "sha256": stored["sha256"]}
    assert sha256(copy.read_bytes()).hexdigest() == stored["sha256"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    (entry,) = [one for one in terminal.json("audit", "list").data["entries"] if one["what"].endswith("pdf_saved")]
    assert (entry["who"], entry["result"]) == ("op-a", "done")
    assert "Yamada" not in str(terminal.json("audit", "list").data)
    assert terminal.json("documents", "save", record, "--to", str(copy)).exit_status_and_code == (2, "usage")
    other = ("documents", "save", record, "--to", str(tmp_path / "b.pdf"), "--sha256", "0" * 64)
    refused = terminal.json(*other)
    assert refused.exit_status_and_code == (2, "not_found")
    assert refused.error["message"].startswith(f"Credit check {record} has no such PDF.")
    assert not (tmp_path / "b.pdf").exists()
    assert terminal.json("documents", "save", "99", *other[3:]).error["message"].startswith("Credit check 99 was not")


@pytest.mark.parametrize(("name", "printed"), [(b"Minamo\xff", "Minamo\ufffd"), (7, "7")])
def test_a_name_that_is_no_text_is_printed(
    terminal: Terminal, tmp_path: Path, name: bytes | int, printed: str
) -> None:
    """SQLite stores whatever another application writes into a column of texts. Lists and exports print bytes and
    numbers as text.
    """
    with closing(sqlite3.connect(Path(terminal.env["CONSOLE_HOME"], "console.db"))) as database, database:
        database.execute(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id, company_name,"
            " result, pdf_file_path) VALUES (1, ?, 77, ?, ?, ?)",
            (CORPORATION_NUMBER, name, name, name),
        )
    (record,) = terminal.json("lookup", CORPORATION_NUMBER).data["credit_checks"]
    assert (record["company_name"], record["pdf_file_path"]) == (printed, printed)
    export = tmp_path / "checks.csv"
    for words in (("find", CORPORATION_NUMBER), ("export", "lookup", CORPORATION_NUMBER, "--to", str(export))):
        assert terminal(*words).status == 0
    assert printed in export.read_text("utf-8-sig")


def test_dates_at_the_ends_of_the_calendar_are_printed(terminal: Terminal, tmp_path: Path) -> None:
    """Another application may write the times 9999-12-31 23:59:59, which has no time in Japan, and 0001-01-01. Lists,
    exports and `show` work with such a record.
    """
    rows = [
        (OTHER_CORPORATION_NUMBER, "2026-01-01 00:00:00", "9999-12-31 23:59:59"),
        (CORPORATION_NUMBER, "9999-12-31 23:59:59", "0001-01-01 00:00:00"),
    ]
    with closing(sqlite3.connect(Path(terminal.env["CONSOLE_HOME"], "console.db"))) as database, database:
        database.executemany(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id, purchased_at,"
            " expired_at) VALUES (1, ?, 77, ?, ?)",
            rows,
        )
    for number in (CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER):
        assert terminal("lookup", number).status == 0
        for name in (f"{number}.csv", f"{number}.xlsx"):
            assert terminal.json("export", "lookup", number, "--to", str(tmp_path / name)).status == 0
    assert "9999-12-31" in (tmp_path / f"{OTHER_CORPORATION_NUMBER}.csv").read_text("utf-8-sig")
    assert terminal("queue", "incomplete").status == 0
    assert terminal("show", "credit-check", "2").status == 0
    records = [terminal.json("show", "credit-check", row).data for row in ("1", "2")]
    assert [record["expired_at"] for record in records] == ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    renewed = terminal.json("purchase", OTHER_CORPORATION_NUMBER, "--client", "1", "--renew")
    assert renewed.exit_status_and_code == (3, "not_expired")
    assert "9999-12-31" in renewed.error["message"]


@pytest.mark.parametrize(
    ("stored_value", "shown_text"),
    [
        ("garbage", None),
        (1795161600, None),
        ("2026-11-20T12:20:01+09:00", "2026-11-20T03:20:01Z"),
        ("2026-11-20T03:20:01Z", "2026-11-20T03:20:01Z"),
        ("0001-01-01T00:00:00+09:00", None),
    ],
)
def test_an_order_with_an_invalid_time_is_shown(
    terminal: Terminal, stored_value: object, shown_text: str | None
) -> None:
    """The shop may write any text as a time into an SQLite database. The order and its company can still be shown,
    and an unreadable time is printed as null, not as a day of 1970.
    """
    with closing(sqlite3.connect(Path(terminal.env["CONSOLE_HOME"], "console.db"))) as database, database:
        database.execute(
            "INSERT INTO orders (merch_txn_id, corporation_number, total_amount, created_at, updated_at)"
            " VALUES ('ORD-1', ?, 3300, ?, ?)",
            (CORPORATION_NUMBER, stored_value, stored_value),
        )
    (order,) = terminal.json("lookup", CORPORATION_NUMBER).data["orders"]
    assert (order["created_at"], order["changed_at"]) == (shown_text, shown_text)
    assert b"1970" not in terminal("show", "order", "1").out
    for words in (("lookup", CORPORATION_NUMBER), ("show", "order", "1"), ("queue", "pending"), ("find", "ORD-1")):
        assert terminal(*words).status == 0


def test_an_order_with_texts_that_are_no_text_is_printed(terminal: Terminal, tmp_path: Path) -> None:
    """The shop may write bytes and numbers into the columns of texts of an SQLite database: the order is still
    printed."""
    with closing(sqlite3.connect(Path(terminal.env["CONSOLE_HOME"], "console.db"))) as database, database:
        database.execute(
            "INSERT INTO orders (merch_txn_id, corporation_number, total_amount, payment_method, atom_txn_id)"
            " VALUES (?, ?, 3300, ?, ?)",
            (b"ORD-1\xff", int(CORPORATION_NUMBER), b"paypay", 5),
        )
    (order,) = terminal.json("lookup", CORPORATION_NUMBER).data["orders"]
    assert (order["merch_txn_id"], order["corporation_number"]) == ("ORD-1\ufffd", CORPORATION_NUMBER)
    export = str(tmp_path / "orders.csv")
    for words in (("show", "order", "1"), ("queue", "pending"), ("export", "queue", "pending", "--to", export)):
        assert terminal(*words).status == 0


@pytest.mark.parametrize(
    ("language", "sentence"), [("ja", "該当する記録はありません。"), ("en", "No records match.")]
)
def test_a_search_without_a_result_prints_a_sentence(terminal: Terminal, language: str, sentence: str) -> None:
    """The first line of a search without a result says that no record matches, also on a desk without a registry."""
    for words in (("find", "9999zz"), ("find", "status:unknown")):
        assert terminal(*words, LANGUAGE=language).out.decode().splitlines()[0] == sentence


def test_a_search_with_a_result_begins_with_a_heading(terminal: Terminal) -> None:
    """The first line of a search by a condition alone is the heading of the credit checks. No empty line or line
    about the registry precedes it.
    """
    assert terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    assert terminal("find", "client:1").out.decode().splitlines()[0] == "Credit checks"


def test_a_filter_that_finds_nothing_says_nothing_about_the_queue(terminal: Terminal, sandbox: Sandbox) -> None:
    """A queue with a filter that matches nothing says "No matching records", not "No failed records", which would be
    wrong.
    """
    sandbox.control.add_fault("status:422", call="purchase", times=None)
    assert terminal("queue", "error").out == b"No failed records.\n"
    terminal.json("purchase", CORPORATION_NUMBER, "--client", "1")
    for words in (("--filter", "client:2"), ("--by-cause", "--filter", "client:2")):
        assert terminal("queue", "error", *words).out == b"No matching records.\n"
    shown = terminal("queue", "error", "--filter", "client:1").out
    assert b"  In this state since " in shown
