"""A desk request is valid once, and only for the record that it names. Neither the worker alone nor the worker
together with another person can use it for another record."""

import uuid
from collections.abc import Iterator

import pymysql
import pytest

from tests.harms.test_requests_of_people import (
    _ENGINES,
    REFUND_YEN,
    SERVER_TIME_SQL,
    UNREFUNDED_PAYMENT_ID,
    RequestingTeam,
    _make_insert,
    make_refund_statements,
    make_vote_insert,
    open_requesting_team,
)

PAYMENT_ID = 11
OTHER_PAYMENT_ID = 12
OPERATION_ID, OTHER_OPERATION_ID = (str(uuid.UUID(int=number)) for number in (1, 2))


@pytest.fixture(scope="module", params=_ENGINES)
def team_with_unknown_payments(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    """Yield a team with two payments of unknown outcome, each with an operation of its own, and a paid payment of
    1,000 yen.
    """
    with open_requesting_team(request.param, can_act=False) as made:
        operator = made.team.names["op-a"]
        made.execute_in_session("owner", *map(make_unknown_payment_insert, (PAYMENT_ID, OTHER_PAYMENT_ID)))
        made.execute_in_session(
            "owner",
            "SET SESSION sql_mode = ''",
            make_operation_insert(OPERATION_ID, PAYMENT_ID, operator),
            make_operation_insert(OTHER_OPERATION_ID, OTHER_PAYMENT_ID, operator),
        )
        yield made


def make_unknown_payment_insert(id: int) -> str:
    """Return the INSERT statement of a payment of 500 yen whose outcome is unknown."""
    row = {
        "id": id, "provider": "paypay", "currency": "JPY", "asked_minor": 500, "captured_minor": 0,
        "status": "user_payment", "certainty": "unknown", "work_state": "none", "created_at": f"={SERVER_TIME_SQL}",
        "changed_at": f"={SERVER_TIME_SQL}", "merchant_payment_id": f"ORD-{id}",
    }  # fmt: skip
    return _make_insert("payments", row)


def make_operation_insert(id: str, payment: int, person: str) -> str:
    row = {
        "id": id, "action": "payment.start", "subject_kind": "payment", "subject_id": payment, "operator": person,
        "state": "unknown", "idempotency_key": id, "fence": 1, "started_at": f"={SERVER_TIME_SQL}",
    }  # fmt: skip
    return _make_insert("operations", row)


def make_evidence_insert(person: str, payment: int) -> str:
    row = {
        "subject_kind": "payment", "subject_id": payment, "source": "person", "who": f"{{{person}}}",
        "summary": "seen",
        "sha256": "=SHA2('seen', 256)", "body": "seen", "at": f"={SERVER_TIME_SQL}",
    }  # fmt: skip
    return _make_insert("evidence", row)


def make_proposal_insert(person: str, payment: int, state: str = "completed") -> str:
    row = {
        "subject_kind": "payment", "subject_id": payment, "action": "resolve", "proposed": state,
        "person": f"{{{person}}}", "evidence_id": "=LAST_INSERT_ID()", "at": f"={SERVER_TIME_SQL}",
    }  # fmt: skip
    return _make_insert("approvals", row)


def make_paid_update(payment: int) -> str:
    """Return the UPDATE statement that changes a payment to paid: its next state and its amount, as the services
    write them when two people have decided `completed`."""
    return (
        "UPDATE payments SET captured_minor = asked_minor, status = 'payment_success', certainty = 'known',"
        f" version = version + 1 WHERE id = {payment}"
    )


def take_resolve_request(
    team: RequestingTeam, person: str, kind: str, id: object, state: str = "completed"
) -> tuple[str, str]:
    """Store a desk request of `person` to resolve the record as `state`, and let a worker take the request. Return
    the statements by which a session of the worker acts for the person.
    """
    return team.take_request(team.store_request(person, "resolve", kind, id, proposed=state))


@pytest.mark.parametrize(
    ("kind", "id", "state"),
    [
        ("payment", OTHER_PAYMENT_ID, "completed"),
        ("operation", OTHER_OPERATION_ID, "completed"),
        ("operation", str(uuid.UUID(int=3)), "completed"),
        ("refund", PAYMENT_ID, "completed"),
        ("payment", f"{PAYMENT_ID} ", "completed"),
        ("payment", PAYMENT_ID, "payment_failed"),
        ("payment", PAYMENT_ID, None),
    ],
)
def test_a_decision_about_another_record_does_not_confirm_a_proposal(
    team_with_unknown_payments: RequestingTeam, kind: str, id: object, state: str
) -> None:
    """op-a proposes an outcome for a record. lead-b, with the password, decides about another record, decides another
    outcome or names none. The worker can't use lead-b's request as the second decision about the first record.
    """
    first = take_resolve_request(team_with_unknown_payments, "op-a", "payment", PAYMENT_ID)
    team_with_unknown_payments.execute_in_session(
        "worker", *first, make_evidence_insert("op_a", PAYMENT_ID), make_proposal_insert("op_a", PAYMENT_ID)
    )
    second = take_resolve_request(team_with_unknown_payments, "lead-b", kind, id, state)
    team_with_unknown_payments.execute_in_session("worker", *second, make_evidence_insert("lead_b", PAYMENT_ID))
    team_with_unknown_payments.check_refused("worker", *second, make_paid_update(PAYMENT_ID))
    assert team_with_unknown_payments.execute_in_session(
        "owner", f"SELECT status FROM payments WHERE id = {PAYMENT_ID}"
    ) == [("user_payment",)]


def test_another_action_with_the_password_is_no_second_decision(team_with_unknown_payments: RequestingTeam) -> None:
    """lead-b approves a refund with the password. The worker can't use this request as lead-b's second decision about
    a payment for which op-a has proposed an outcome."""
    first = take_resolve_request(team_with_unknown_payments, "op-a", "payment", PAYMENT_ID)
    team_with_unknown_payments.execute_in_session(
        "worker", *first, make_evidence_insert("op_a", PAYMENT_ID), make_proposal_insert("op_a", PAYMENT_ID)
    )
    earlier = take_resolve_request(team_with_unknown_payments, "lead-b", "payment", OTHER_PAYMENT_ID)
    team_with_unknown_payments.execute_in_session("worker", *earlier, make_evidence_insert("lead_b", PAYMENT_ID))
    approving = team_with_unknown_payments.take_request(
        team_with_unknown_payments.store_request(
            "lead-b", "refund approve", "payment", PAYMENT_ID, proposed="completed"
        )
    )
    team_with_unknown_payments.check_refused("worker", *approving, make_paid_update(PAYMENT_ID))


@pytest.mark.parametrize("operation_id", [OTHER_OPERATION_ID, str(uuid.UUID(int=3))])
def test_a_request_about_another_operation_permits_no_proposal(
    team_with_unknown_payments: RequestingTeam, operation_id: str
) -> None:
    """op-a requests an outcome for the operation of another payment, or for one that doesn't exist. The worker can't
    store this request as op-a's proposal about the first payment."""
    first = take_resolve_request(team_with_unknown_payments, "op-a", "operation", operation_id)
    with pytest.raises(pymysql.MySQLError, match="has not asked"):
        team_with_unknown_payments.execute_in_session(
            "worker", *first, make_evidence_insert("op_a", PAYMENT_ID), make_proposal_insert("op_a", PAYMENT_ID)
        )


@pytest.mark.parametrize("id", [f"{PAYMENT_ID}abc", f"{PAYMENT_ID}.0", f" {PAYMENT_ID}", "1.1e1"])
def test_a_request_for_a_note_on_another_id_permits_no_note(
    team_with_unknown_payments: RequestingTeam, id: str
) -> None:
    """op-a requests a note on an id that equals the id of a payment only if the server compares it as a number. The
    worker can't write the note on this payment.
    """
    words = {"args": f'["payment", "{id}", "called"]'}
    asked = team_with_unknown_payments.store_request("op-a", "note", "payment", id, **words)
    with pytest.raises(pymysql.MySQLError, match="in the name of somebody else"):
        team_with_unknown_payments.execute_in_session(
            "worker", *team_with_unknown_payments.take_request(asked), make_note_insert("op_a", PAYMENT_ID)
        )


def make_note_insert(person: str, payment: int) -> str:
    row = {"kind": "payment", "subject_id": payment, "person": f"{{{person}}}", "at": f"={SERVER_TIME_SQL}",
           "words": "called"}  # fmt: skip
    return _make_insert("notes", row)


def test_a_request_for_a_note_permits_the_note(team_with_unknown_payments: RequestingTeam) -> None:
    """op-a requests a note on a payment, or the bulk run that writes the note. The worker can write the note. It
    cannot if the request is for another id, which equals the id of the bulk run only as a number.
    """
    team, words = team_with_unknown_payments, {"args": f'["payment", {PAYMENT_ID}, "called"]'}
    asked = team.take_request(team.store_request("op-a", "note", "payment", PAYMENT_ID, **words))
    note = make_note_insert("op_a", PAYMENT_ID)
    team.execute_in_session("worker", *asked, "START TRANSACTION", note, "ROLLBACK")
    bulk_run = insert_bulk_run(team, PAYMENT_ID)
    for id, is_permitted in ((str(bulk_run), True), (f"{bulk_run}abc", False), (f"0{bulk_run}", False)):
        asked = team.take_request(team.store_request("op-a", "bulk run", "bulk-run", id))
        if is_permitted:
            team.execute_in_session("worker", *asked, "START TRANSACTION", note, "ROLLBACK")
        else:
            team.check_refused("worker", *asked, note)


def insert_bulk_run(team: RequestingTeam, payment: int) -> int:
    """Insert a bulk run of op-a that writes a note on this payment. Return its id."""
    row = {
        "action": "note", "state": "running", "words": "called", "most": 0, "made_by": team.team.names["op-a"],
        "made_at": f"={SERVER_TIME_SQL}", "changed_at": f"={SERVER_TIME_SQL}", "version": 1,
    }  # fmt: skip
    ((id,),) = team.execute_in_session(
        "owner",
        "SET SESSION sql_mode = ''",
        _make_insert("bulk_runs", row),
        _make_insert("bulk_rows", {"run_id": "=LAST_INSERT_ID()", "position": 1, "kind": "payment",
                                   "subject_id": payment, "saw": 1}),
        "SELECT MAX(id) FROM bulk_runs",
    )  # fmt: skip
    return int(id)


@pytest.mark.parametrize(("kind", "id"), [("payment", PAYMENT_ID), ("operation", OPERATION_ID)])
def test_two_decisions_about_one_record_settle_the_operation(
    team_with_unknown_payments: RequestingTeam, kind: str, id: object
) -> None:
    """If op-a and then lead-b decide the same outcome for one record, the worker can write this outcome. This is so
    whether both name the record by its own id or by the id of its operation.
    """
    first = take_resolve_request(team_with_unknown_payments, "op-a", kind, id)
    team_with_unknown_payments.execute_in_session(
        "worker", *first, make_evidence_insert("op_a", PAYMENT_ID), make_proposal_insert("op_a", PAYMENT_ID)
    )
    second = take_resolve_request(team_with_unknown_payments, "lead-b", kind, id)
    team_with_unknown_payments.execute_in_session(
        "worker",
        *second,
        "START TRANSACTION",
        make_evidence_insert("lead_b", PAYMENT_ID),
        make_paid_update(PAYMENT_ID),
        "ROLLBACK",
    )


@pytest.mark.parametrize("state", ["error", "failed", "payment_failed"])
def test_a_decision_about_a_lost_operation_is_kept(team_with_unknown_payments: RequestingTeam, state: str) -> None:
    """The database has lost the row of an operation. Whichever of the words `error`, `failed` and `payment_failed` a
    person uses to decide that the operation had no effect, the worker can store the proposal for this operation, and
    not for another one.
    """
    lost, other = (str(uuid.uuid4()) for _ in range(2))
    first = take_resolve_request(team_with_unknown_payments, "op-a", "operation", lost, state)
    proof = make_evidence_insert("op_a", 0).replace("'payment', '0'", "'operation', NULL")
    proof = proof.replace("INSERT INTO evidence (", "INSERT INTO evidence (operation_id, ").replace(
        "VALUES (", f"VALUES ('{lost}', "
    )
    decision = make_proposal_insert("op_a", 0, "error").replace("'payment', '0'", f"'operation', '{lost}'")
    with pytest.raises(pymysql.MySQLError, match="has not asked"):
        team_with_unknown_payments.execute_in_session(
            "worker", *first, proof.replace(lost, other), decision.replace(lost, other)
        )
    team_with_unknown_payments.execute_in_session("worker", *first, proof, decision)


def make_refund_end_statements(refund_id: int) -> tuple[str, str]:
    """Return statements for the schema account that set the refund to withdrawn and release its reserved amount,
    because this test calls no provider.
    """
    return (
        f"UPDATE refunds SET status = 'withdrawn', version = version + 1 WHERE id = {refund_id}",
        f"UPDATE payments SET reserved_minor = 0, version = version + 1 WHERE id = {UNREFUNDED_PAYMENT_ID}",
    )


def test_one_desk_request_permits_only_one_refund(team_with_unknown_payments: RequestingTeam) -> None:
    """op-a requests one refund. After this refund has ended, the worker can't insert a second refund with the same
    desk request, whatever `created_at` it writes. With a second request of op-a, the worker can insert one."""
    request_statements = team_with_unknown_payments.take_request(
        team_with_unknown_payments.store_request(
            "op-a", "refund request", "payment", UNREFUNDED_PAYMENT_ID, amount_minor=REFUND_YEN
        )
    )
    long_ago, soon = (f"{SERVER_TIME_SQL} {sign} INTERVAL 1900000 MICROSECOND" for sign in "-+")
    team_with_unknown_payments.execute_in_session(
        "worker",
        *request_statements,
        "START TRANSACTION",
        *_change_created_at(make_refund_statements("op_a"), long_ago),
        "COMMIT",
    )
    ((newest,),) = team_with_unknown_payments.execute_in_session("owner", "SELECT MAX(id) FROM refunds")
    voted = team_with_unknown_payments.take_request(
        team_with_unknown_payments.store_request("lead-b", "refund approve", "refund", newest)
    )
    team_with_unknown_payments.execute_in_session("worker", *voted, make_vote_insert("lead_b", newest))
    team_with_unknown_payments.execute_in_session("owner", *make_refund_end_statements(newest))
    for instant in (SERVER_TIME_SQL, long_ago, soon):
        team_with_unknown_payments.check_refused(
            "worker",
            *request_statements,
            "START TRANSACTION",
            *_change_created_at(make_refund_statements("op_a"), instant),
            "COMMIT",
        )
    again = team_with_unknown_payments.take_request(
        team_with_unknown_payments.store_request(
            "op-a", "refund request", "payment", UNREFUNDED_PAYMENT_ID, amount_minor=REFUND_YEN
        )
    )
    team_with_unknown_payments.execute_in_session(
        "worker", *again, "START TRANSACTION", *make_refund_statements("op_a"), "COMMIT"
    )


def _change_created_at(statements: tuple[str, str], instant: str) -> tuple[str, str]:
    """Return the statements of a refund with another `created_at`; `instant` is an SQL expression."""
    reserve, row = statements
    head = row.rsplit(SERVER_TIME_SQL, 2)[0]  # created_at and changed_at come last
    return reserve, f"{head}{instant}, {SERVER_TIME_SQL})"
