"""Tests of the spool: everything that it has confirmed as stored is in it, however many processes write at the same
time and whenever one of them is killed."""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments.provider_messages import RefundReport, StartedPayment
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport
from console.settings.private_files import make_private_file
from console.store.spool import answer_codec as answers
from console.store.spool import spool as spool_module
from console.store.spool.answer_codec import Answer
from console.store.spool.cipher import Cipher
from console.store.spool.file_identity import IDENTITY_FILE_NAME
from console.store.spool.spool import ChainHead, Intent, Spool, SpoolState, StartKeys
from console.store.spool.sqlite_file import SqliteValue, write_transaction
from tests.store import processes
from tests.store.spool_worker import DATABASE_ID, PURCHASE_ANSWER, STORE_KEY, begin_operation, make_intent
from tests.support.waiting import MAX_WAIT_SECONDS

INSTANT = datetime(2026, 11, 20, 3, 0, 0, 123456, tzinfo=UTC)
FIRST_VERSION_SCHEMA_SQL = (
    "CREATE TABLE desk(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE intents(
        operation_id TEXT PRIMARY KEY, database_id TEXT NOT NULL, action TEXT NOT NULL,
        client_id TEXT, corporation_number TEXT, record_id INTEGER, operator TEXT NOT NULL,
        desk_id TEXT NOT NULL, at TEXT NOT NULL, fingerprint TEXT NOT NULL,
        state TEXT NOT NULL, holds_claim INTEGER NOT NULL, provider_id INTEGER,
        answer BLOB, delivered INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX intents_claim ON intents(database_id, corporation_number, client_id) WHERE holds_claim",
    "CREATE INDEX intents_open ON intents(database_id, at) WHERE state <> 'ended'",
    "CREATE INDEX intents_undelivered ON intents(database_id, at) WHERE answer IS NOT NULL AND NOT delivered",
    """CREATE TABLE anchors(
        database_id TEXT NOT NULL, chain TEXT NOT NULL, seq INTEGER NOT NULL, row_id INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY(database_id, chain, seq, row_id)) WITHOUT ROWID""",
)
"""SQL statements with which the first version of the program created the tables of a spool."""


def make_refund_intent(operation_id: str) -> Intent:
    """Return the intent of a refund of payment 5, which is stored before the refund is sent."""
    sent = ("refund.submit", None, None, 9, "lead-b", "desk-1", INSTANT, "f")
    return Intent(operation_id, DATABASE_ID, *sent, payment_id=5, provider_key="RFD-1", amount_minor=1000)


def test_a_stored_intent_is_read_with_every_field(spool: Spool) -> None:
    """A stored intent is read back with every field, with its time to the microsecond, and with its claim."""
    begin_operation(spool, make_intent("op-1"))
    entry = spool.find("op-1")
    assert entry is not None
    assert (entry.intent, entry.state, entry.answer) == (make_intent("op-1"), SpoolState.CALLING, None)
    assert spool.list_purchases_holding_claim(DATABASE_ID, "1", "7123456789012") == (make_intent("op-1"),)
    assert spool.find("op-2") is None


def test_a_claim_stays_until_an_end_without_claim(spool: Spool) -> None:
    """A bought credit check holds the claim of its client and corporation number on this desk. A definite failure
    releases the claim."""
    for operation, number in (("bought", "1" * 13), ("refused", "2" * 13), ("open", "3" * 13)):
        begin_operation(spool, make_intent(operation, number))
    spool.mark_ended("bought", holds_claim=True, id_at_provider=9)
    spool.mark_ended("refused", holds_claim=False)
    claimed_digits = [
        number[0]
        for number in ("1" * 13, "2" * 13, "3" * 13)
        if spool.list_purchases_holding_claim(DATABASE_ID, "1", number)
    ]
    assert claimed_digits == ["1", "3"]
    assert spool.list_purchases_holding_claim("another database", "1", "1" * 13) == ()
    assert spool.list_purchases_holding_claim(DATABASE_ID, "2", "1" * 13) == ()
    bought = spool.find("bought")
    assert bought is not None
    assert (bought.state, bought.id_at_provider) == (SpoolState.ENDED, 9)
    assert [entry.intent.operation_id for entry in spool.list_unended_entries(DATABASE_ID)] == ["open"]
    assert len(spool.read_entries(DATABASE_ID)) == 3


def test_an_intent_without_a_number_holds_no_claim(spool: Spool) -> None:
    """An intent without a client or a corporation number holds no claim, whatever its end is."""
    begin_operation(spool, replace(make_intent("op-1"), client_id=None))
    spool.mark_ended("op-1", holds_claim=True)
    entry = spool.find("op-1")
    assert entry is not None
    assert not entry.holds_claim


def test_an_end_of_an_unknown_operation_changes_nothing(spool: Spool) -> None:
    """This desk may settle an operation of another desk. The spool of this desk has no entry for the operation,
    and the end of the operation leaves the spool unchanged.
    """
    spool.mark_ended("elsewhere", holds_claim=True)
    spool.mark_delivered("elsewhere")
    assert spool.read_entries(DATABASE_ID) == ()


def test_a_stored_answer_waits_for_its_delivery(spool: Spool) -> None:
    """The spool returns a stored answer completely, for the answer's database, until the answer is marked as
    delivered.
    """
    begin_operation(spool, make_intent("op-1"))
    spool.store_answer("op-1", PURCHASE_ANSWER)
    (waiting,) = spool.list_undelivered_entries(DATABASE_ID)
    assert (waiting.answer, waiting.id_at_provider, waiting.state) == (PURCHASE_ANSWER, 4711, SpoolState.ANSWERED)
    spool.mark_delivered("op-1")
    assert spool.list_undelivered_entries(DATABASE_ID) == ()


def test_storing_an_answer_without_intent_raises_an_error(spool: Spool) -> None:
    """Storing an answer without an intent raises an error, so that the caller recognises that the answer isn't
    stored.
    """
    with pytest.raises(ConsoleError) as caught:
        spool.store_answer("nobody", PURCHASE_ANSWER)
    assert caught.value.detail["problem"] == "answer_without_intent"


def test_a_stored_answer_is_encrypted_in_every_file(tmp_path: Path, spool: Spool) -> None:
    """No file of the desk contains the text of a stored answer, or a number in the answer, in readable form."""
    begin_operation(spool, make_intent("op-1"))
    spool.store_answer("op-1", replace(PURCHASE_ANSWER, evidence="CANARY-極秘"))
    stored_bytes = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"op-1" in stored_bytes
    assert b"CANARY" not in stored_bytes
    assert "極秘".encode() not in stored_bytes


@pytest.mark.parametrize("cipher", [None, Cipher("another key of enough characters")], ids=["none", "other"])
def test_another_key_reads_only_the_existence_of_an_answer(
    tmp_path: Path, spool: Spool, cipher: Cipher | None
) -> None:
    """With another key the spool still lists an entry that has an answer, but can't read the answer."""
    begin_operation(spool, make_intent("op-1"))
    spool.store_answer("op-1", PURCHASE_ANSWER)
    other = Spool(tmp_path, cipher)
    (entry,) = other.list_undelivered_entries(DATABASE_ID)
    other.close()
    assert (entry.answer, entry.has_answer) == (None, True)


def test_no_answer_is_stored_without_a_key(tmp_path: Path) -> None:
    """Without a store key, storing an answer is refused with the name of the variable."""
    spool = Spool(tmp_path, None)
    begin_operation(spool, make_intent("op-1"))
    with pytest.raises(ConsoleError) as caught:
        spool.store_answer("op-1", PURCHASE_ANSWER)
    spool.close()
    assert (caught.value.code, caught.value.detail["variable"]) == ("bad_profile", "CONSOLE_SECRET_STORE_KEY")


def test_anchors_are_only_added(spool: Spool) -> None:
    """The first anchor of an audit row is never replaced by a later one. The spool returns anchors by chain and
    position.
    """
    spool.store_anchors(
        DATABASE_ID, [ChainHead("b", 1, 2, "b" * 64), ChainHead("a", 2, 3, "c" * 64), ChainHead("a", 1, 1, "a" * 64)]
    )
    spool.store_anchors(DATABASE_ID, [ChainHead("a", 1, 1, "f" * 64), ChainHead("a", 1, 9, "9" * 64)])
    spool.store_anchors("other", [ChainHead("z", 1, 1, "0" * 64)])
    assert [(head.chain, head.seq, head.row_id, head.hash[0]) for head in spool.iterate_anchors(DATABASE_ID)] == [
        ("a", 1, 1, "a"),
        ("a", 1, 9, "9"),
        ("a", 2, 3, "c"),
        ("b", 1, 2, "b"),
    ]


_day_strategy = st.none() | st.dates()
_report_strategy = st.builds(
    CheckReport,
    credit_check_id=st.integers(1, 2**31 - 1),
    corporation_number=st.none() | st.text(max_size=13),
    company_name=st.none() | st.text(max_size=20),
    result=st.none() | st.sampled_from(["ok", "hold", "ng"]),
    purchase_date=_day_strategy,
    expiration_date=_day_strategy,
    expired=st.none() | st.booleans(),
)


@given(
    st.builds(
        Outcome,
        kind=st.sampled_from(OutcomeClass),
        reason=st.text(max_size=9),
        sent=st.sampled_from(SendingCertainty),
        content=st.none() | _report_strategy,
        status=st.none() | st.integers(100, 599),
        evidence=st.text(max_size=50),
        sha256=st.text(max_size=64),
    )
)
def test_every_answer_survives_as_text(answer: answers.Answer) -> None:
    """Every answer that is encoded as a text is decoded unchanged."""
    assert answers.decode_answer(answers.encode_answer(answer)) == answer


def test_the_content_of_an_answer_is_stored_under_the_key_of_earlier_versions() -> None:
    """The stored text has the content of an answer under `found`, as in the files of earlier versions."""
    fields = json.loads(answers.encode_answer(PURCHASE_ANSWER))
    assert PURCHASE_ANSWER.content is not None
    assert fields["found"]["credit_check_id"] == PURCHASE_ANSWER.content.credit_check_id
    assert "content" not in fields


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "3", "null", "{}", '{"form": 2}', '{"form": 1}', '{"form": 1, "kind": "WON"}'),
        answers.encode_answer(PURCHASE_ANSWER).replace('"YES"', '"perhaps"').replace('"yes"', '"perhaps"'),
        answers.encode_answer(
            replace(PURCHASE_ANSWER, content=CheckReport(1, purchase_date=date(2026, 1, 1)))
        ).replace("2026-01-01", "soon"),
        answers.encode_answer(PURCHASE_ANSWER).replace("company_name", "name"),
    ],
)
def test_a_text_that_is_no_encoded_answer_is_refused(text: str) -> None:
    """Decoding refuses a text that `encode_answer` didn't write, as a whole."""
    with pytest.raises(ValueError):
        answers.decode_answer(text)


def test_sixteen_processes_agree_on_one_desk(tmp_path: Path) -> None:
    """Sixteen processes open a new spool at the same time. One process creates the file, and all of them read the
    same desk id.
    """
    workers = [processes.start_script("spool_worker.py", "who", tmp_path) for _ in range(16)]
    assert len(set(processes.read_outcomes(workers))) == 1


@pytest.mark.parametrize("count", [15, pytest.param(400, marks=pytest.mark.soak)])
def test_sixteen_processes_write_at_once(tmp_path: Path, count: int) -> None:
    """Sixteen processes write into one spool at the same time: no process fails because the file is locked, and all
    intents are stored."""
    workers = [processes.start_script("spool_worker.py", "many", tmp_path, count) for _ in range(16)]
    longest = max(json.loads(outcome)["longest"] for outcome in processes.read_outcomes(workers))
    spool = Spool(tmp_path, None)
    assert len(spool.read_entries(DATABASE_ID)) == len(list(spool.iterate_anchors(DATABASE_ID))) == 16 * count
    spool.close()
    print(f"16 processes × {count} purchases: longest wait {longest * 1000:.0f} ms")


def test_many_threads_share_one_spool(spool: Spool) -> None:
    """Threads of one process can use one spool at the same time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: begin_operation(spool, make_intent(f"op-{index}")), range(80)))
    assert len(spool.read_entries(DATABASE_ID)) == 80


def test_a_kill_at_any_line_loses_no_confirmed_write(tmp_path: Path) -> None:
    """A process is killed before each line of opening the spool, writing and ending an operation. Everything that it
    has confirmed is stored, and the next process at the desk continues."""
    (outcome,) = _run_script("kill_at_each_line.py", "spool", tmp_path)
    print(f"killed at {outcome.strip()} lines, nothing lost")
    assert int(outcome) > 100


def _run_script(script: str, *arguments: object) -> list[str]:
    worker = processes.start_script(script, *arguments)
    out, err = worker.communicate(timeout=MAX_WAIT_SECONDS)
    assert worker.returncode == 0, err
    return out.splitlines()


@pytest.mark.parametrize("after", [1, 2, 7, 30])
def test_a_kill_between_writes_loses_no_confirmed_write(tmp_path: Path, after: int) -> None:
    """Two writing processes are killed soon after each of them has confirmed its first `after` writes. Everything
    that they have confirmed is stored."""
    workers = [processes.start_script("spool_worker.py", "endless", tmp_path) for _ in range(2)]
    with processes.begin_together(workers):
        lines = [line for _ in range(after) for worker in workers for line in [worker.stdout.readline()]]  # type: ignore[union-attr]  # opened as pipes
    spool = Spool(tmp_path, Cipher(STORE_KEY))
    for line in lines:
        state, operation = line.split()
        entry = spool.find(operation)
        assert entry is not None
        assert state == "intent" or entry.answer == PURCHASE_ANSWER
    spool.close()


def test_a_sent_refund_holds_its_payment_in_the_spool(spool: Spool) -> None:
    """In the spool a sent refund holds an amount of its payment, both before and after its end. A refund that failed
    holds no amount.
    """
    for operation in ("sent", "refused"):
        begin_operation(spool, make_refund_intent(operation))
    spool.mark_ended("refused", holds_claim=False)
    assert spool.list_refunds_holding_amount(DATABASE_ID, 5) == (make_refund_intent("sent"),)
    spool.mark_ended("sent", holds_claim=True)
    assert spool.list_refunds_holding_amount(DATABASE_ID, 5) == (make_refund_intent("sent"),)
    assert (
        spool.list_refunds_holding_amount(DATABASE_ID, 6)
        == spool.list_refunds_holding_amount("another database", 5)
        == ()
    )


@pytest.mark.parametrize(
    "report",
    [
        RefundReport("RFD-1", "1519", "CREATED", RefundState.SUBMITTED, Money(1000, "JPY"), "0421", INSTANT),
        RefundReport("RFD-1", None, "REFUND FAILED", RefundState.FAILED, None),
        StartedPayment("ORD-1", "04-abc", "https://example.com/q", None, INSTANT),
    ],
    ids=["refund", "bare refund", "started payment"],
)
def test_answers_about_money_are_kept_whole(spool: Spool, report: RefundReport | StartedPayment) -> None:
    """Each kind of report in an answer about money is read back unchanged, with its times and amounts."""
    answer: Answer = Outcome(OutcomeClass.PENDING, "accepted", SendingCertainty.YES, report, 200, "{}")
    begin_operation(spool, make_refund_intent("op-1"))
    spool.store_answer("op-1", answer)
    (waiting,) = spool.list_undelivered_entries(DATABASE_ID)
    assert (waiting.answer, waiting.id_at_provider) == (answer, None)


def test_a_spool_of_the_first_version_accepts_refunds(tmp_path: Path) -> None:
    """A spool file of the first program version keeps its desk id and its intents, and refunds can be stored in
    it.
    """
    with closing(sqlite3.connect(tmp_path / "desk.db")) as old, old:
        for statement in (*FIRST_VERSION_SCHEMA_SQL, "PRAGMA application_id=1146309425", "PRAGMA user_version=1"):
            old.execute(statement)
        old.execute("INSERT INTO desk VALUES ('desk_id', 'the-old-desk')")
        row = ("op-0", DATABASE_ID, "credit-check.purchase", "1", "7" * 13, 3, "op-a", "d", INSTANT.isoformat(), "f")
        old.execute("INSERT INTO intents VALUES (?,?,?,?,?,?,?,?,?,?,'calling',1,NULL,NULL,0)", row)
    old.close()
    spool, second = Spool(tmp_path, None), Spool(tmp_path, None)
    begin_operation(spool, make_refund_intent("op-1"))
    standing = spool.list_purchases_holding_claim(DATABASE_ID, "1", "7" * 13)
    assert (spool.desk_id, [intent.operation_id for intent in standing]) == ("the-old-desk", ["op-0"])
    assert second.list_refunds_holding_amount(DATABASE_ID, 5) == (make_refund_intent("op-1"),)
    spool.close()
    second.close()


def test_a_prepared_operation_holds_no_claim(spool: Spool) -> None:
    """Until a prepared operation is marked as calling, it holds no claim and isn't listed as an operation of this
    desk."""
    spool.store_intent(make_intent("op-1"))
    assert spool.read_entries(DATABASE_ID) == spool.list_unended_entries(DATABASE_ID) == ()
    assert spool.list_purchases_holding_claim(DATABASE_ID, "1", "7123456789012") == ()
    assert spool.find("op-1") is None
    assert [(one.intent, one.state) for one in spool.list_unsent_entries(DATABASE_ID)] == [
        (make_intent("op-1"), SpoolState.PREPARED)
    ]
    assert spool.list_unsent_entries("another database") == ()
    assert spool.mark_calling("op-1")
    assert spool.list_unsent_entries(DATABASE_ID) == ()
    assert spool.list_purchases_holding_claim(DATABASE_ID, "1", "7123456789012") == (make_intent("op-1"),)


@pytest.mark.parametrize("way", ["another folder", "the same folder", "the same folder, as new files"])
def test_a_prepared_operation_in_a_copy_may_have_been_sent(tmp_path: Path, way: str) -> None:
    """A prepared operation in a copy of the spool, or in a spool that was restored from a copy, may have been sent
    after the copy was made. So it counts as calling there, and holds its claim."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    spool = Spool(home, None)
    for operation_id in ("sent", "unsent"):
        spool.store_intent(make_intent(operation_id))
    spool.close()
    shutil.copytree(home, copy)
    assert spool.mark_calling("sent")
    assert spool.mark_void("unsent")
    spool.close()
    if way != "another folder":
        before = (home / "desk.place").stat().st_ctime_ns
        if way == "the same folder, as new files":
            shutil.rmtree(home)
        while not (home / "desk.place").exists() or (home / "desk.place").stat().st_ctime_ns == before:
            shutil.copytree(copy, home, dirs_exist_ok=True)
    restored = Spool(copy if way == "another folder" else home, None)
    assert restored.list_unsent_entries(DATABASE_ID) == ()
    assert not restored.mark_void("sent")
    assert [one.intent.operation_id for one in restored.read_entries(DATABASE_ID)] == ["sent", "unsent"]
    assert all(one.state is SpoolState.CALLING and one.holds_claim for one in restored.read_entries(DATABASE_ID))
    restored.close()


def test_a_copied_spool_on_a_full_disk_voids_no_operation(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied spool is on a full disk, so the program can't change the states of its operations. Even then the
    program doesn't mark a prepared operation as void.
    """
    spool.store_intent(make_intent("sent"))
    monkeypatch.setattr("console.store.spool.spool.find_file_identity", lambda _file: "elsewhere")
    monkeypatch.setattr(Spool, "_mark_copied_entries_as_calling", lambda *_: None)
    other = Spool(tmp_path, None)
    assert not other.mark_void("sent")
    other.close()
    assert not spool.mark_void("sent")


def test_a_process_that_opens_a_new_spool_late_changes_no_identity(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process finds no stored identity of a new spool, and acquires the lock only after the first process
    has prepared a purchase. The second process doesn't replace the identity, and the first can still send the
    purchase."""
    first_lock = iter([True])

    def lock_late(conn: sqlite3.Connection) -> AbstractContextManager[None]:
        if next(first_lock, False):
            spool.store_intent(make_intent("own"))
        return write_transaction(conn)

    monkeypatch.setattr("console.store.spool.spool.write_transaction", lock_late)
    late = Spool(tmp_path, None)
    assert late.read_entries(DATABASE_ID) == ()
    late.close()
    assert next(first_lock, None) is None, "the late process wanted the lock"
    assert spool.mark_calling("own")


def test_the_identity_file_is_created_under_the_lock_of_the_file(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program creates the identity file while it holds the lock of the spool file. The file's time changes twice
    during the creation, and another process may not read it between these changes."""
    refused: list[str] = []

    def create_alone(path: Path) -> bool:
        if path.name == IDENTITY_FILE_NAME:
            with closing(sqlite3.connect(spool.home / "desk.db", timeout=0, isolation_level=None)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as busy:
                    refused.append(str(busy))
        return make_private_file(path)

    monkeypatch.setattr("console.store.spool.file_identity.make_private_file", create_alone)
    assert spool.read_entries(DATABASE_ID) == ()
    assert refused == ["database is locked"]


def test_an_operation_is_either_calling_or_void(spool: Spool) -> None:
    """An operation that is marked as void can't be marked as calling, and one that is marked as calling can't be
    marked as void."""
    spool.store_intent(make_intent("late"))
    assert spool.mark_void("late")
    assert spool.mark_void("late"), "who was interrupted while telling goes on"
    assert not spool.mark_calling("late")
    with pytest.raises(ConsoleError):
        spool.store_intent(make_intent("late"))
    begin_operation(spool, make_intent("sent"))
    assert not spool.mark_void("sent")
    assert not spool.mark_calling("sent"), "sent once"
    assert not spool.mark_void("nobody's")
    assert not spool.mark_calling("nobody's")


def test_only_one_thread_marks_an_operation_as_calling_or_void(spool: Spool) -> None:
    """Threads mark the same operations as calling and as void at the same time. For each operation exactly one of the
    two marks succeeds."""
    for index in range(40):
        spool.store_intent(make_intent(f"op-{index}"))
    with ThreadPoolExecutor(8) as pool:
        acts = [act for index in range(40) for act in ((spool.mark_calling, index), (spool.mark_void, index))]
        won = list(pool.map(lambda act: act[0](f"op-{act[1]}"), acts))
    assert [sending + taken for sending, taken in zip(won[::2], won[1::2], strict=True)] == [1] * 40


def test_the_end_of_an_unsent_operation_deletes_its_entry(spool: Spool) -> None:
    """Ending an operation that was never sent deletes its entry in the spool, because the database has the end. The
    entry of a sent operation stays."""
    for operation in ("prepared", "void"):
        spool.store_intent(make_intent(operation))
    spool.mark_void("void")
    begin_operation(spool, make_intent("sent"))
    for operation in ("prepared", "void", "sent"):
        spool.mark_ended(operation, holds_claim=False)
    assert spool.list_unsent_entries(DATABASE_ID) == ()
    assert spool._file.read("SELECT operation_id FROM intents") == [("sent",)]


def test_a_claim_that_is_written_anew_is_prepared_anew(spool: Spool) -> None:
    """If the first transaction (tx1) of an operation lost a race and runs again, the intent is stored again with the
    id of the new row.
    """
    spool.store_intent(make_intent("op-1"))
    spool.store_intent(replace(make_intent("op-1"), record_id=18))
    (entry,) = spool.list_unsent_entries(DATABASE_ID)
    assert entry.intent.record_id == 18


def test_a_spool_of_version_3_accepts_prepared_operations(tmp_path: Path, spool: Spool) -> None:
    """The program upgrades a spool file of version 3 in place. The file's new version number prevents programs that
    don't know the new states from using it."""
    begin_operation(spool, make_intent("old"))
    spool.close()
    with closing(sqlite3.connect(tmp_path / "desk.db")) as file, file:
        file.execute("DROP TABLE asked_requests")
        file.execute("DROP INDEX intents_start_keys")
        file.execute("DROP INDEX intents_start_fingerprints")
        file.execute("PRAGMA user_version=3")
    file.close()
    spool.store_intent(make_intent("new"))
    assert [entry.intent.operation_id for entry in spool.read_entries(DATABASE_ID)] == ["old"]
    assert spool._file.read("PRAGMA user_version") == [(6,)]


def test_own_desk_requests_are_deleted_when_many_or_answered(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool stores each of this desk's own desk requests once for each database. A request is deleted when it
    is answered, and the earliest request is deleted when there are too many.
    """
    monkeypatch.setattr(spool_module, "MAX_OWN_REQUESTS", 3)
    for request in ("b", "a", "c", "c"):
        spool.store_own_request(request, DATABASE_ID)
    assert sorted(spool.list_own_requests(DATABASE_ID)) == ["a", "b", "c"]
    spool.store_own_request("d", "another")
    spool.forget_own_request("c")
    assert sorted(spool.list_own_requests(DATABASE_ID)) == ["b"]
    assert sorted(spool.list_own_requests("another")) == ["d"]


def test_lost_starts_are_looked_for_in_indexes_alone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start of a payment looks in the spool for earlier starts of the payment. This read uses only indexes, so
    it is fast for any number of entries."""
    begin_operation(spool, make_intent("op-1"))
    queries: list[tuple[str, Sequence[SqliteValue]]] = []
    read = spool._file.read

    def record_and_read(sql: str, values: Sequence[SqliteValue] = ()) -> list[tuple[SqliteValue, ...]]:
        queries.append((sql, values))
        return read(sql, values)

    monkeypatch.setattr(spool._file, "read", record_and_read)
    spool.list_starts_holding_claim(DATABASE_ID, StartKeys("paypay:ORD-1", "paypay:ORD-1-", "f"))
    ((sql, values),) = queries
    monkeypatch.undo()
    plan = [str(row[3]) for row in read(f"EXPLAIN QUERY PLAN {sql}", values)]
    steps = [step.partition("USING ")[2] for step in plan if "intents" in step]
    assert steps == [
        "INTEGER PRIMARY KEY (rowid=?)",
        "INDEX intents_start_fingerprints (database_id=? AND fingerprint=?)",
        "INDEX intents_start_keys (database_id=? AND provider_key=?)",
        "INDEX intents_start_keys (database_id=? AND provider_key>? AND provider_key<?)",
    ]
