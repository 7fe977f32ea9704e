"""Tests of rules of the journal, tokens, evidence, approvals and cases that must be the same on every database
engine.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from console.domain.audit.actions import AuditAction
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import OperationState
from console.domain.recovery.decision_reasons import PersonEvidence
from console.store.alerts import cases
from console.store.credit_checks import credit_checks
from console.store.database.engine import Database, Transaction
from console.store.database.instants import read_current_time
from console.store.operations import journal
from console.store.operations import provider_tokens as tokens
from console.store.operations.journal import NewOperation
from console.store.operations.leases import HoldingProcess
from console.store.operations.provider_tokens import StoredToken
from console.store.records import evidence
from console.store.refunds import approvals
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.waiting import MAX_WAIT_SECONDS

pytestmark = pytest.mark.engines("sqlite", "mariadb", "galera")
NOW = datetime(2026, 11, 20, 3, 20, 1, 250_000, tzinfo=UTC)
LEASE_SECONDS = 60.0
(CORPORATION_NUMBER,) = invent_numbers(1)
ANSWER_TEXT = "名前 🏢 ' \" % :x \\ ends with spaces  "
PURCHASED_OUTCOME: Outcome[object] = Outcome(
    OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, None, 201, ANSWER_TEXT
)


@pytest.fixture
def process_holder(place: Place) -> HoldingProcess:
    return HoldingProcess(place.get_account_name("op-a"), "desk-1", "host", 7, "session-1")


def make_operation(
    key: str = "key-1", subject: int = 1, action: str = AuditAction.CREDIT_CHECK_PURCHASE
) -> NewOperation:
    return NewOperation(
        str(uuid.uuid4()), action, "credit-check", subject, "1", CORPORATION_NUMBER, key, "fingerprint"
    )


def begin_operation(database: Database, operation: NewOperation, person: HoldingProcess) -> int:
    return database.write(lambda tx: journal.begin_operation(tx, operation, person, NOW, LEASE_SECONDS))


# The journal


def test_an_idempotency_key_begins_one_operation(
    databases: tuple[Database, ...], process_holder: HoldingProcess
) -> None:
    """A unique index lets each idempotency key begin only one operation, even if eight processes use the key at the
    same moment. The same letters in another case or width are another key."""
    first_database, second_database = databases
    begin_operation(first_database, make_operation("Key-1"), process_holder)
    for other in ("key-1", "Ｋey-1", "Key-1é"):
        begin_operation(second_database, make_operation(other), process_holder)
    with pytest.raises(IntegrityError):
        begin_operation(second_database, make_operation("Key-1"), process_holder)
    barrier = Barrier(8)

    def begin_operation_with_key(i: int) -> int:
        barrier.wait(MAX_WAIT_SECONDS)
        try:
            return begin_operation(databases[i % 2], make_operation("at once"), process_holder)
        except IntegrityError:
            return 0

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(begin_operation_with_key, range(8))) == 1


def test_a_lapsed_operation_is_unfinished_only_if_it_may_have_cost_money(
    databases: tuple[Database, ...], process_holder: HoldingProcess, hand_clock: ManualClock
) -> None:
    """While its lease lives, each calling operation is unfinished. After the end of the lease, a purchase is listed
    as unknown, and a re-fetch is no longer listed, because it has failed."""
    first_database, second_database = databases
    begin_operation(first_database, make_operation("key-1"), process_holder)
    begin_operation(first_database, make_operation("key-2", 2, AuditAction.CREDIT_CHECK_REFETCH), process_holder)

    def list_unfinished() -> set[tuple[int | None, str]]:
        """Return (record id, state) of the unfinished operations."""
        with second_database.read() as conn:
            operations = journal.list_unfinished_operations(conn, operator=process_holder.operator)
        return {(operation.subject_id, operation.state.value) for operation in operations}

    assert list_unfinished() == {(1, "calling"), (2, "calling")}
    hand_clock.at += timedelta(seconds=LEASE_SECONDS + 1)
    assert list_unfinished() == {(1, "unknown")}


def test_only_the_holder_ends_an_operation(
    databases: tuple[Database, ...], process_holder: HoldingProcess, hand_clock: ManualClock
) -> None:
    """Another desk sees the operation as running, and after the end of its lease as unknown. A process whose
    operation was recorded as lapsed can't write the operation's end any more."""
    first_database, second_database = databases
    operation = make_operation()
    fence = begin_operation(first_database, operation, process_holder)
    with second_database.read() as conn:
        running = journal.find_running_operation(conn, "credit-check", 1)
        assert (running.id if running else None, journal.list_lapsed_record_ids(conn)) == (operation.id, frozenset())
    assert first_database.write(lambda tx: journal.renew_lease(tx.conn, operation.id, fence, LEASE_SECONDS))
    hand_clock.at += timedelta(seconds=LEASE_SECONDS + 1)
    with second_database.read() as conn:
        lapsed_operation = journal.find_with_state_after_lapse(conn, operation.id)
        assert (lapsed_operation.state if lapsed_operation else None, journal.list_lapsed_record_ids(conn)) == (
            "unknown",
            frozenset({1}),
        )
        assert [one.id for one in journal.list_lapsed_operations(conn)] == [operation.id]
    assert second_database.write(lambda tx: journal.mark_lapsed(tx.conn, operation.id, OperationState.UNKNOWN, NOW))
    assert not second_database.write(
        lambda tx: journal.mark_lapsed(tx.conn, operation.id, OperationState.UNKNOWN, NOW)
    )

    def end_operation(tx: Transaction) -> None:
        journal.end_operation(tx.conn, operation.id, fence, OperationState.DONE, PURCHASED_OUTCOME, NOW)

    with pytest.raises(journal.OperationEndedByOtherProcess):
        first_database.write(end_operation)
    assert not first_database.write(lambda tx: journal.renew_lease(tx.conn, operation.id, fence, LEASE_SECONDS))
    with first_database.read() as conn:
        assert [one.state for one in journal.list_unfinished_operations(conn)] == ["unknown"]
        assert [one.id for one in journal.list_open_purchases(conn, CORPORATION_NUMBER)] == [operation.id]


def test_instants_keep_their_microseconds(databases: tuple[Database, ...], process_holder: HoldingProcess) -> None:
    """A stored instant is read back with its microseconds and in the same time zone."""
    first_database, second_database = databases
    operation, ended = make_operation(), NOW + timedelta(microseconds=999_999)
    fence = begin_operation(first_database, operation, process_holder)
    first_database.write(
        lambda tx: journal.end_operation(tx.conn, operation.id, fence, OperationState.DONE, PURCHASED_OUTCOME, ended)
    )
    with second_database.read() as conn:
        stored_operation = journal.find(conn, operation.id)
    assert stored_operation is not None
    assert (stored_operation.started_at, stored_operation.ended_at, stored_operation.outcome_class) == (
        NOW,
        ended,
        "SUCCEEDED",
    )


# Tokens

ENCRYPTED_TOKEN_PAIRS = ("v1.gAAAAfirst", "v2.gAAAAsecond", "v3.gAAAAthird")


def make_stored_token(version: int, used: tuple[str, ...] = ()) -> StoredToken:
    return StoredToken(ENCRYPTED_TOKEN_PAIRS[version - 1], NOW + timedelta(hours=version), version, used)


def test_no_desk_loses_a_rotated_pair_of_tokens(databases: tuple[Database, ...]) -> None:
    """If two desks replace the same pair of tokens, or store the first pair, one desk succeeds. The call of the other
    desk returns that it was too late."""
    first_database, second_database = databases

    def replace_token(database: Database, before: StoredToken | None, after: StoredToken) -> bool:
        return database.write(lambda tx: tokens.replace_token(tx.conn, "alarmbox", before, after, NOW))

    assert replace_token(first_database, None, make_stored_token(1))
    assert not replace_token(second_database, None, make_stored_token(1))
    assert replace_token(second_database, make_stored_token(1), make_stored_token(2, ("0a" * 32,)))
    assert not replace_token(first_database, make_stored_token(1), make_stored_token(2))
    with first_database.read() as conn:
        assert tokens.read_token(conn, "alarmbox") == make_stored_token(2, ("0a" * 32,))
        assert tokens.read_token(conn, "paypay") is None


# Evidence, decisions, cases


def test_evidence_is_stored_unchanged(databases: tuple[Database, ...], place: Place) -> None:
    """Evidence is stored exactly as it was written, with the time of the database's clock. It is listed by record and
    by operation, from the oldest to the newest.
    """
    first_database, second_database = databases
    person, operation = place.get_account_name("op-a"), str(uuid.uuid4())

    def read_database_time() -> datetime:
        with first_database.read() as conn:
            return read_current_time(conn, NOW)

    def add_answer(tx: Transaction) -> None:
        evidence.add_answer(
            tx.conn, ("credit-check", 1), operation, "alarmbox.purchase", person, PURCHASED_OUTCOME, NOW
        )
        evidence.add_person_evidence(
            tx.conn, ("credit-check", 1), operation, person, PersonEvidence(ANSWER_TEXT.encode()), NOW
        )

    before = read_database_time()
    first_database.write(add_answer)
    after = read_database_time()
    with second_database.read() as conn:
        answer, proof = evidence.find_by_subject(conn, "credit-check", 1)
        assert (answer.body, proof.body, proof.who) == (ANSWER_TEXT, ANSWER_TEXT, person)
        assert before <= answer.at <= proof.at <= after
        assert answer.summary == "HTTP 201 SUCCEEDED answered"
        assert evidence.find_by_operation(conn, operation) == (answer, proof)
        assert evidence.find_by_subject(conn, "credit-check", 2) == ()


def test_storing_a_document_again_updates_its_only_row(databases: tuple[Database, ...]) -> None:
    """Storing the row of the same document again, from any desk, only updates its time. The documents of a record are
    listed from the newest to the oldest.
    """
    first_database, second_database = databases

    def add_document(database: Database, sha: str, minutes: int) -> bool:
        at = NOW + timedelta(minutes=minutes)
        return database.write(
            lambda tx: evidence.add_document(tx.conn, 1, "credit-check", f"{sha[:2]}/{sha}.pdf", sha, 10, at)
        )

    assert [
        add_document(first_database, "a" * 64, 0),
        add_document(second_database, "b" * 64, 1),
        add_document(second_database, "a" * 64, 2),
    ] == [
        True,
        True,
        False,
    ]
    with first_database.read() as conn:
        documents = evidence.list_documents(conn, "credit-check", 1, f"bb/{'b' * 64}.pdf")
    assert [(one.sha256[0], one.is_current) for one in documents] == [("a", False), ("b", True)]


def test_a_proposal_is_visible_until_it_is_closed(databases: tuple[Database, ...], place: Place) -> None:
    """Another desk reads a proposal and the person who made it until the proposal is closed."""
    first_database, second_database = databases
    person = place.get_account_name("op-a")

    def add_proposal(tx: Transaction) -> None:
        proof = evidence.add_person_evidence(
            tx.conn, ("credit-check", 1), None, person, PersonEvidence(b"their list is empty"), NOW
        )
        approvals.insert_proposal(tx.conn, "credit-check", "1", "error", person, proof, NOW)

    first_database.write(add_proposal)
    with second_database.read() as conn:
        first = approvals.find_open_proposal(conn, "credit-check", "1")
        assert first is not None
        assert (first.person, first.proposed_state) == (person, "error")
    second_database.write(lambda tx: approvals.close_proposals(tx.conn, "credit-check", "1", NOW))
    with first_database.read() as conn:
        assert approvals.find_open_proposal(conn, "credit-check", "1") is None


def test_a_rule_opens_one_case_of_a_record(databases: tuple[Database, ...]) -> None:
    """The same rule opens at most one case for a record at a time. After the case is closed, the rule can open
    another one.
    """
    first_database, second_database = databases

    def open_case(database: Database) -> bool:
        return database.write(
            lambda tx: cases.open_case(tx.conn, "contradicted", "credit-check", 1, ANSWER_TEXT * 20, "success", NOW)
        )

    assert [open_case(first_database), open_case(second_database)] == [True, False]
    first_database.write(lambda tx: cases.close_cases(tx.conn, "credit-check", 1, NOW))
    assert open_case(second_database)


# Credit checks


def test_a_change_on_an_old_version_is_refused(
    databases: tuple[Database, ...], process_holder: HoldingProcess
) -> None:
    """If two desks have read the same version of a row, one of them writes it and the other is refused. A second row
    with the same claim is refused."""
    first_database, second_database = databases

    def insert_pending_check(tx: Transaction) -> int:
        operation = make_operation()
        record_id = credit_checks.insert_pending_check(tx.conn, "1", CORPORATION_NUMBER, operation.id, NOW, None)
        journal.begin_operation(tx, operation, process_holder, NOW, LEASE_SECONDS)
        return record_id

    record_id = first_database.write(insert_pending_check)
    with pytest.raises(IntegrityError):
        second_database.write(
            lambda tx: credit_checks.insert_pending_check(tx.conn, "1", CORPORATION_NUMBER, "other", NOW, None)
        )
    with second_database.read() as conn:
        read = credit_checks.find_live_check(conn, "1", CORPORATION_NUMBER)
    assert read is not None
    assert (read.id, read.version, read.created_at) == (record_id, 1, NOW)
    first_database.write(lambda tx: credit_checks.change_record(tx.conn, read, NOW, error_code=ANSWER_TEXT))
    with pytest.raises(credit_checks.StaleRow):
        second_database.write(lambda tx: credit_checks.change_record(tx.conn, read, NOW, error_code="overrun"))
    with second_database.read() as conn:
        stored_record = credit_checks.find(conn, record_id)
    assert stored_record is not None
    assert (stored_record.version, stored_record.error_code) == (2, ANSWER_TEXT)
