"""The desk's spool holds what it promised, whoever writes at once and whenever it is killed."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState, StartedPayment
from console.domain.records import CheckReport
from console.store import answers
from console.store.answers import Answer
from console.store.cipher import Cipher
from console.store.spool import Head, Intent, Spool, SpoolState
from tests.store import processes
from tests.store.spool_worker import ANSWER, DATABASE, KEY, intent

INSTANT = datetime(2026, 11, 20, 3, 0, 0, 123456, tzinfo=UTC)
FIRST_FORM = (
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
"""The tables as the first program made them."""


def refund_intent(operation_id: str) -> Intent:
    """A refund of payment 5 that is about to be sent."""
    sent = ("refund.submit", None, None, 9, "lead-b", "desk-1", INSTANT, "f")
    return Intent(operation_id, DATABASE, *sent, payment_id=5, provider_key="RFD-1", amount_minor=1000)


def test_an_intent_comes_back_as_it_was_given(spool: Spool) -> None:
    """Every field, its instant to the microsecond, and its claim standing."""
    spool.intent(intent("op-1"))
    found = spool.find("op-1")
    assert found is not None
    assert (found.intent, found.state, found.answer) == (intent("op-1"), SpoolState.CALLING, None)
    assert spool.standing(DATABASE, "1", "7123456789012") == (intent("op-1"),)
    assert spool.find("op-2") is None


def test_a_claim_stands_until_an_end_without_claim(spool: Spool) -> None:
    """Success keeps the claim of the pair on the desk, a definite failure gives it up."""
    for operation, number in (("bought", "1" * 13), ("refused", "2" * 13), ("open", "3" * 13)):
        spool.intent(intent(operation, number))
    spool.ended("bought", holds_claim=True, provider_id=9)
    spool.ended("refused", holds_claim=False)
    held = [number[0] for number in ("1" * 13, "2" * 13, "3" * 13) if spool.standing(DATABASE, "1", number)]
    assert held == ["1", "3"]
    assert spool.standing("another database", "1", "1" * 13) == ()
    assert spool.standing(DATABASE, "2", "1" * 13) == ()
    bought = spool.find("bought")
    assert bought is not None
    assert (bought.state, bought.provider_id) == (SpoolState.ENDED, 9)
    assert [entry.intent.operation_id for entry in spool.unended(DATABASE)] == ["open"]
    assert len(spool.entries(DATABASE)) == 3


def test_a_refetch_claims_nothing(spool: Spool) -> None:
    """An intent without client or number holds no claim, however it ends."""
    spool.intent(replace(intent("op-1"), client_id=None))
    spool.ended("op-1", holds_claim=True)
    entry = spool.find("op-1")
    assert entry is not None
    assert not entry.holds_claim


def test_an_end_of_an_unknown_operation_changes_nothing(spool: Spool) -> None:
    """Another desk's operation may be settled here: this desk has nothing to note."""
    spool.ended("elsewhere", holds_claim=True)
    spool.delivered("elsewhere")
    assert spool.entries(DATABASE) == ()


def test_an_answer_waits_until_it_is_delivered(spool: Spool) -> None:
    """The whole answer is read back, once per database, until the database has it."""
    spool.intent(intent("op-1"))
    spool.answered("op-1", ANSWER)
    (waiting,) = spool.undelivered(DATABASE)
    assert (waiting.answer, waiting.provider_id, waiting.state) == (ANSWER, 4711, SpoolState.ANSWERED)
    spool.delivered("op-1")
    assert spool.undelivered(DATABASE) == ()


def test_an_answer_without_intent_is_not_lost_in_silence(spool: Spool) -> None:
    """Where nothing can hold the answer, the caller hears it."""
    with pytest.raises(ConsoleError) as caught:
        spool.answered("nobody", ANSWER)
    assert caught.value.detail["problem"] == "answer_without_intent"


def test_a_kept_answer_is_nowhere_readable(tmp_path: Path, spool: Spool) -> None:
    """Neither its words nor its number are in any of the desk's files."""
    spool.intent(intent("op-1"))
    spool.answered("op-1", replace(ANSWER, evidence="CANARY-極秘"))
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"op-1" in kept
    assert b"CANARY" not in kept
    assert "極秘".encode() not in kept


@pytest.mark.parametrize("cipher", [None, Cipher("another key of enough characters")], ids=["none", "other"])
def test_another_key_sees_that_there_is_an_answer(tmp_path: Path, spool: Spool, cipher: Cipher | None) -> None:
    """Without the right key the entry is still listed, sealed: nothing waits unseen."""
    spool.intent(intent("op-1"))
    spool.answered("op-1", ANSWER)
    other = Spool(tmp_path, cipher)
    (entry,) = other.undelivered(DATABASE)
    other.close()
    assert (entry.answer, entry.sealed) == (None, True)


def test_without_a_key_no_answer_is_kept_in_the_clear(tmp_path: Path) -> None:
    """No key: refused with the variable's name."""
    spool = Spool(tmp_path, None)
    spool.intent(intent("op-1"))
    with pytest.raises(ConsoleError) as caught:
        spool.answered("op-1", ANSWER)
    spool.close()
    assert (caught.value.code, caught.value.detail["variable"]) == ("bad_profile", "CONSOLE_SECRET_STORE_KEY")


def test_anchors_are_only_added(spool: Spool) -> None:
    """The first anchor of a row stays, whatever comes later; they come back by chain and place."""
    spool.anchor(DATABASE, [Head("b", 1, 2, "b" * 64), Head("a", 2, 3, "c" * 64), Head("a", 1, 1, "a" * 64)])
    spool.anchor(DATABASE, [Head("a", 1, 1, "f" * 64), Head("a", 1, 9, "9" * 64)])
    spool.anchor("other", [Head("z", 1, 1, "0" * 64)])
    assert [(head.chain, head.seq, head.row_id, head.hash[0]) for head in spool.anchored(DATABASE)] == [
        ("a", 1, 1, "a"),
        ("a", 1, 9, "9"),
        ("a", 2, 3, "c"),
        ("b", 1, 2, "b"),
    ]


_days = st.none() | st.dates()
_reports = st.builds(
    CheckReport,
    credit_check_id=st.integers(1, 2**31 - 1),
    corporation_number=st.none() | st.text(max_size=13),
    company_name=st.none() | st.text(max_size=20),
    result=st.none() | st.sampled_from(["ok", "hold", "ng"]),
    purchase_date=_days,
    expiration_date=_days,
    expired=st.none() | st.booleans(),
)


@given(
    st.builds(
        Outcome,
        kind=st.sampled_from(OutcomeClass),
        reason=st.text(max_size=9),
        sent=st.sampled_from(Sent),
        found=st.none() | _reports,
        status=st.none() | st.integers(100, 599),
        evidence=st.text(max_size=50),
        sha256=st.text(max_size=64),
    )
)
def test_every_answer_survives_as_text(answer: answers.Answer) -> None:
    """What is written is read back equal."""
    assert answers.from_json(answers.to_json(answer)) == answer


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "3", "null", "{}", '{"form": 2}', '{"form": 1}', '{"form": 1, "kind": "WON"}'),
        answers.to_json(ANSWER).replace('"YES"', '"perhaps"').replace('"yes"', '"perhaps"'),
        answers.to_json(replace(ANSWER, found=CheckReport(1, purchase_date=date(2026, 1, 1)))).replace(
            "2026-01-01", "soon"
        ),
        answers.to_json(ANSWER).replace("company_name", "name"),
    ],
)
def test_other_text_is_no_answer(text: str) -> None:
    """A text that `to_json` didn't write is refused, never half read."""
    with pytest.raises(ValueError):
        answers.from_json(text)


def test_sixteen_processes_agree_on_one_desk(tmp_path: Path) -> None:
    """Whoever creates the file, all see the same desk id."""
    workers = [processes.start("spool_worker.py", "who", tmp_path) for _ in range(16)]
    assert len(set(processes.outcomes(workers))) == 1


@pytest.mark.parametrize("count", [15, pytest.param(400, marks=pytest.mark.soak)])
def test_sixteen_processes_write_at_once(tmp_path: Path, count: int) -> None:
    """No 'database is locked', no lost intent, and nobody waits for long."""
    workers = [processes.start("spool_worker.py", "many", tmp_path, count) for _ in range(16)]
    longest = max(json.loads(said)["longest"] for said in processes.outcomes(workers))
    spool = Spool(tmp_path, None)
    assert len(spool.entries(DATABASE)) == len(list(spool.anchored(DATABASE))) == 16 * count
    spool.close()
    print(f"16 processes × {count} purchases: longest wait {longest * 1000:.0f} ms")
    assert longest < 30  # SQLite's own patience


def test_many_threads_share_one_spool(spool: Spool) -> None:
    """Threads of one process need nothing but the object."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: spool.intent(intent(f"op-{index}")), range(80)))
    assert len(spool.entries(DATABASE)) == 80


def test_kill_at_every_line_loses_nothing(tmp_path: Path) -> None:
    """Killed before any line of opening, writing and ending: each promise holds, and the desk goes on."""
    (said,) = _run_to_end("kill_at_each_line.py", "spool", tmp_path)
    print(f"killed at {said.strip()} lines, nothing lost")
    assert int(said) > 100


def _run_to_end(script: str, *arguments: object) -> list[str]:
    worker = processes.start(script, *arguments)
    out, err = worker.communicate(timeout=200)
    assert worker.returncode == 0, err
    return out.splitlines()


@pytest.mark.parametrize("after", [1, 2, 7, 30])
def test_kill_in_the_middle_of_writing_loses_nothing(tmp_path: Path, after: int) -> None:
    """Two writers killed at some instant: whatever they were told was kept is there."""
    workers = [processes.start("spool_worker.py", "endless", tmp_path) for _ in range(2)]
    with processes.ready(workers):
        heard = [line for _ in range(after) for worker in workers for line in [worker.stdout.readline()]]  # type: ignore[union-attr]  # opened as pipes
    spool = Spool(tmp_path, Cipher(KEY))
    for line in heard:
        promise, operation = line.split()
        entry = spool.find(operation)
        assert entry is not None
        assert promise == "intent" or entry.answer == ANSWER
    spool.close()


def test_a_refund_holds_its_payment_until_an_end_without_claim(spool: Spool) -> None:
    """What was sent of a payment stands on the desk, whatever record it was; what came to nothing does not."""
    for operation in ("sent", "refused"):
        spool.intent(refund_intent(operation))
    spool.ended("refused", holds_claim=False)
    assert spool.standing_refunds(DATABASE, 5) == (refund_intent("sent"),)
    spool.ended("sent", holds_claim=True)
    assert spool.standing_refunds(DATABASE, 5) == (refund_intent("sent"),)
    assert spool.standing_refunds(DATABASE, 6) == spool.standing_refunds("another database", 5) == ()


@pytest.mark.parametrize(
    "found",
    [
        RefundReport("RFD-1", "1519", "CREATED", RefundState.SUBMITTED, Money(1000, "JPY"), "0421", INSTANT),
        RefundReport("RFD-1", None, "REFUND FAILED", RefundState.FAILED, None),
        StartedPayment("ORD-1", "04-abc", "https://example.com/q", None, INSTANT),
    ],
    ids=["refund", "bare refund", "started payment"],
)
def test_answers_about_money_are_kept_whole(spool: Spool, found: RefundReport | StartedPayment) -> None:
    """Each form of answer comes back as it was, its instants and sums included."""
    answer: Answer = Outcome(OutcomeClass.PENDING, "accepted", Sent.YES, found, 200, "{}")
    spool.intent(refund_intent("op-1"))
    spool.answered("op-1", answer)
    (waiting,) = spool.undelivered(DATABASE)
    assert (waiting.answer, waiting.provider_id) == (answer, None)


def test_a_file_of_the_first_form_gets_what_refunds_need(tmp_path: Path) -> None:
    """An old desk's file keeps its id and its intents, and takes refunds from now on."""
    with sqlite3.connect(tmp_path / "desk.db") as old:
        for statement in (*FIRST_FORM, "PRAGMA application_id=1146309425", "PRAGMA user_version=1"):
            old.execute(statement)
        old.execute("INSERT INTO desk VALUES ('desk_id', 'the-old-desk')")
        row = ("op-0", DATABASE, "credit-check.purchase", "1", "7" * 13, 3, "op-a", "d", INSTANT.isoformat(), "f")
        old.execute("INSERT INTO intents VALUES (?,?,?,?,?,?,?,?,?,?,'calling',1,NULL,NULL,0)", row)
    old.close()
    spool, second = Spool(tmp_path, None), Spool(tmp_path, None)
    spool.intent(refund_intent("op-1"))
    standing = spool.standing(DATABASE, "1", "7" * 13)
    assert (spool.desk_id, [intent.operation_id for intent in standing]) == ("the-old-desk", ["op-0"])
    assert second.standing_refunds(DATABASE, 5) == (refund_intent("op-1"),)
    spool.close()
    second.close()
