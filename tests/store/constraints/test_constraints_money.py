"""Tests that the database accepts the statements about payments, refunds and orders that the services write, in their
order.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store import money_scene as money
from tests.store.forbidden import NOW_SQL
from tests.store.money_scene import (
    APPROVED_REFUND_ID,
    BIG_PAYMENT_ID,
    CANCELLED_ORDER_ID,
    COMPLETED_REFUND_COLUMNS,
    FAILED_REFUND_COLUMNS,
    GIVEN_UP_REFUND_ID,
    LATE_REFUND_ID,
    REFUND_AMOUNT_MINOR,
    REQUESTED_REFUND_ID,
    SENDING_REFUND_ID,
    SENT_COLUMNS,
    SET_ASIDE_PAYMENT_ID,
    SUBMITTED_REFUND_ID,
    TWO_VOTE_REFUND_ID,
    UNPAID_ORDER_ID,
    make_answer_insert,
    make_insert,
    make_payment_update,
    make_proof_insert,
    make_refund_insert,
    make_refund_update,
    make_reserve_update,
    make_vote_insert,
)
from tests.store.plain_connections import (
    PersonConnections,
    connect_as_guest,
    execute_for_refusal,
    execute_statements,
    fill_own_name,
)
from tests.support.teams import Team

RELEASE_COLUMNS = {"reserved_minor": f"reserved_minor - {REFUND_AMOUNT_MINOR}"}
REFUNDED_COLUMNS = RELEASE_COLUMNS | {"refunded_minor": f"refunded_minor + {REFUND_AMOUNT_MINOR}"}
BACK_TO_APPROVED_COLUMNS = {"status": "'approved'", "certainty": "'known'"}

pytestmark = pytest.mark.engines("mariadb")


class SqlClient:
    """A database client that executes statements as one person. It executes them in one transaction, rolls this back,
    and returns the message with which the database refused a statement, or "" if it refused none.
    """

    def __init__(self, team: Team, lines: PersonConnections) -> None:
        self._people, self._lines = team, lines

    def __call__(self, person: str, *statements: str) -> str:
        return execute_statements(
            self._lines, person, *(fill_own_name(one, self._people, person) for one in statements)
        )


@pytest.fixture
def execute_as_person(team: Team, connections: PersonConnections) -> SqlClient:
    return SqlClient(team, connections)


# ---------------------------------------------------------------- refunds


@pytest.mark.parametrize("person", ["op-a", "lead-b"])
def test_a_refund_request_after_its_reservation_is_accepted(execute_as_person: SqlClient, person: str) -> None:
    """The database accepts a refund request after its amount was reserved: for the whole refundable amount, for a
    part of it, and with two approvers for a large amount. A second reservation of the same money is refused."""
    assert execute_as_person(person, make_reserve_update(), make_refund_insert()) == ""
    assert execute_as_person(person, make_reserve_update(minor=1000), make_refund_insert(minor=1000)) == ""
    large = {"checkers_needed": "2", "sends_after": f"{NOW_SQL} + INTERVAL 15 MINUTE"}
    assert (
        execute_as_person(
            person, make_reserve_update(BIG_PAYMENT_ID, 600_000), make_refund_insert(BIG_PAYMENT_ID, 600_000, **large)
        )
        == ""
    )
    assert "Duplicate entry" in execute_as_person(
        person, make_reserve_update(), make_refund_insert(), make_reserve_update(), make_refund_insert()
    )


def test_a_second_refund_request_counts_the_first_reservation(execute_as_person: SqlClient) -> None:
    """For a second refund request, the database requires a reservation of exactly this request's amount in addition
    to the first request's reservation."""
    assert (
        execute_as_person("op-a", make_reserve_update(SUBMITTED_REFUND_ID), make_refund_insert(SUBMITTED_REFUND_ID))
        == ""
    )
    assert "own sum" in execute_as_person(
        "op-a",
        make_reserve_update(SUBMITTED_REFUND_ID),
        make_refund_insert(SUBMITTED_REFUND_ID, REFUND_AMOUNT_MINOR + 1),
    )


def test_a_refund_request_for_a_set_aside_is_accepted(execute_as_person: SqlClient) -> None:
    """A refund of a set-aside takes its amount from the set-aside sum, and the set-aside is marked when the refund
    exists. If the refund ends without money, the database accepts that the amount and the mark are restored."""
    taken = make_payment_update(
        SET_ASIDE_PAYMENT_ID, set_aside_minor="set_aside_minor - 400", reserved_minor="reserved_minor + 400"
    )
    request_statements = (
        taken,
        make_refund_insert(SET_ASIDE_PAYMENT_ID, 400, set_aside_id="1"),
        "SET @made = LAST_INSERT_ID()",
    )
    marked = money.make_update("set_asides", 1, status="'refunding'", refund_id="@made")
    assert execute_as_person("op-a", *request_statements, marked) == ""
    ended = make_refund_update("@made", status="'withdrawn'")
    freed = make_payment_update(
        SET_ASIDE_PAYMENT_ID, set_aside_minor="set_aside_minor + 400", reserved_minor="reserved_minor - 400"
    )
    assert (
        execute_as_person(
            "op-a", *request_statements, marked, ended, freed, money.make_update("set_asides", 1, status="'open'")
        )
        == ""
    )


SET_ASIDE_UPDATE = make_payment_update(
    SET_ASIDE_PAYMENT_ID, set_aside_minor="set_aside_minor - 400", reserved_minor="reserved_minor + 400"
)
SET_ASIDE_REFUND_COLUMNS: dict[str, Any] = {"set_aside_id": "1", "checkers_needed": "2"}


def test_a_workers_request_for_a_set_aside_needs_two_approvers(execute_as_person: SqlClient) -> None:
    """The worker may request the refund of a whole set-aside, with two approvers. The database refuses the worker's
    own vote for this request, the worker's own approval of it, and a second request of the worker after the first one
    was withdrawn."""
    request_statements = (
        SET_ASIDE_UPDATE,
        make_refund_insert(SET_ASIDE_PAYMENT_ID, 400, **SET_ASIDE_REFUND_COLUMNS),
        "SET @made = LAST_INSERT_ID()",
    )
    marked = money.make_update("set_asides", 1, status="'refunding'", refund_id="@made")
    assert execute_as_person("worker", *request_statements, marked) == ""
    assert "only an approver approves" in execute_as_person(
        "worker", *request_statements, marked, make_vote_insert("@made")
    )
    assert "nobody approves a refund of their own" in execute_as_person(
        "worker", *request_statements, make_refund_update("@made", status="'approved'")
    )
    ended = (make_refund_update("@made", status="'withdrawn'"), "SET @back = 1")
    freed = make_payment_update(
        SET_ASIDE_PAYMENT_ID, set_aside_minor="set_aside_minor + 400", reserved_minor="reserved_minor - 400"
    )
    again = (freed, money.make_update("set_asides", 1, status="'open'", refund_id="NULL"), *request_statements)
    assert "asks for no refund" in execute_as_person("worker", *request_statements, marked, *ended, *again)


@pytest.mark.parametrize("requested_columns", [
    (make_reserve_update(), make_refund_insert()),
    (make_reserve_update(), make_refund_insert(checkers_needed="2")),
    (make_reserve_update(), make_refund_insert(**SET_ASIDE_REFUND_COLUMNS)),
    (SET_ASIDE_UPDATE, make_refund_insert(SET_ASIDE_PAYMENT_ID, 400, set_aside_id="1")),
    (SET_ASIDE_UPDATE, make_refund_insert(SET_ASIDE_PAYMENT_ID, 399, **SET_ASIDE_REFUND_COLUMNS)),
    (SET_ASIDE_UPDATE, make_reserve_update(SET_ASIDE_PAYMENT_ID, 1), make_refund_insert(SET_ASIDE_PAYMENT_ID, 401,
        **SET_ASIDE_REFUND_COLUMNS)),
    (SET_ASIDE_UPDATE, make_refund_insert(SET_ASIDE_PAYMENT_ID, 400,
        **(SET_ASIDE_REFUND_COLUMNS | {"set_aside_id": "99"}))),
    (SET_ASIDE_UPDATE, make_refund_insert(SET_ASIDE_PAYMENT_ID, 400,
        **(SET_ASIDE_REFUND_COLUMNS | {"set_aside_id": "NULL"}))),
    (SET_ASIDE_UPDATE, money.make_update("set_asides", 1, status="'refunding'"),
        make_refund_insert(SET_ASIDE_PAYMENT_ID, 400,
    **SET_ASIDE_REFUND_COLUMNS)),
    (SET_ASIDE_UPDATE, money.make_update("set_asides", 1, status="'refunding'"), money.make_update("set_asides", 1,
    status="'open'"),
     make_refund_insert(SET_ASIDE_PAYMENT_ID, 400, maker="'op-a'", **SET_ASIDE_REFUND_COLUMNS)),
], ids=[
    "no set-aside", "no set-aside, two checkers", "another payment's", "one checker", "less", "more",
    "none of that id", "none named", "one that is closed", "in another's name",
])  # fmt: skip
def test_the_worker_may_request_no_other_refund(
    execute_as_person: SqlClient, requested_columns: tuple[str, ...]
) -> None:
    """The worker may request a refund only of the amount that is set aside at a payment, with two approvers. The
    database refuses a request of the worker with another amount, about another payment, about a set-aside that is
    already being refunded, with one approver, or in another person's name."""
    message = execute_as_person("worker", *requested_columns)
    assert "asks for no refund" in message or "in the name of somebody else" in message


def test_an_approval_is_accepted_only_after_its_vote(execute_as_person: SqlClient) -> None:
    """The database accepts an approval after the approver's vote is stored. If two votes are needed, the first one
    raises the version of the refund and leaves its state unchanged. The vote of an operator is refused."""
    assert (
        execute_as_person(
            "lead-b",
            make_vote_insert(REQUESTED_REFUND_ID),
            make_refund_update(REQUESTED_REFUND_ID, status="'approved'"),
        )
        == ""
    )
    assert (
        execute_as_person("lead-b", make_vote_insert(TWO_VOTE_REFUND_ID), make_refund_update(TWO_VOTE_REFUND_ID))
        == ""
    )
    assert "only an approver" in execute_as_person("op-a", make_vote_insert(REQUESTED_REFUND_ID))


def test_a_second_vote_approves_the_refund(team: Team, execute_as_person: SqlClient) -> None:
    """A refund is approved with the second vote if an earlier vote of another approver exists. The database refuses
    the approval if that person is no longer an approver."""
    lead = team.names["lead-c"]
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(make_vote_insert(TWO_VOTE_REFUND_ID, f"'{lead}'"))
        decided = execute_as_person(
            "lead-b",
            make_vote_insert(TWO_VOTE_REFUND_ID),
            make_refund_update(TWO_VOTE_REFUND_ID, status="'approved'"),
        )
        cursor.execute("UPDATE operators SET roles = 'operator' WHERE name = %s", (lead,))
        demoted = execute_as_person(
            "lead-b",
            make_vote_insert(TWO_VOTE_REFUND_ID),
            make_refund_update(TWO_VOTE_REFUND_ID, status="'approved'"),
        )
        cursor.execute("UPDATE operators SET roles = 'approver' WHERE name = %s", (lead,))
        _delete_votes(cursor, TWO_VOTE_REFUND_ID)
    assert decided == ""
    assert "enough approvers" in demoted


def test_two_spellings_of_one_approver_count_as_one(team: Team, execute_as_person: SqlClient) -> None:
    """If the table of people has an approver twice, in capitals the second time, the two votes count as one: the
    database refuses the approval of a refund that needs two. The trigger that refuses such a name is dropped first,
    as in a database that was filled before this trigger existed.
    """
    capitals = team.names["lead-b"].upper()
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        _drop_triggers(cursor, "operators", "INSERT")
        cursor.execute("INSERT INTO operators (name, roles) VALUES (%s, 'approver')", (capitals,))
        cursor.execute(make_vote_insert(TWO_VOTE_REFUND_ID, f"'{capitals}'"))
        refused = execute_as_person(
            "lead-b",
            make_vote_insert(TWO_VOTE_REFUND_ID),
            make_refund_update(TWO_VOTE_REFUND_ID, status="'approved'"),
        )
        cursor.execute("DELETE FROM operators WHERE name = %s", (capitals,))
        _delete_votes(cursor, TWO_VOTE_REFUND_ID)
    assert "enough approvers" in refused


def test_two_spellings_of_one_person_decide_nothing(team: Team, execute_as_person: SqlClient) -> None:
    """If the table of people has an approver twice, in capitals the second time, the approver can't be the second
    person of a decision which the name in capitals has proposed."""
    capitals = team.names["lead-b"].upper()
    proposal = f"subject_kind = 'refund' AND subject_id = '{GIVEN_UP_REFUND_ID}' AND action = 'resolve'"
    decision = (
        make_proof_insert(GIVEN_UP_REFUND_ID),
        make_refund_update(GIVEN_UP_REFUND_ID, **FAILED_REFUND_COLUMNS),
        make_payment_update(GIVEN_UP_REFUND_ID, **RELEASE_COLUMNS),
    )
    assert execute_as_person("lead-b", *decision) == ""
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        _drop_triggers(cursor, "operators", "INSERT")
        _drop_triggers(cursor, "approvals", "UPDATE")
        cursor.execute("INSERT INTO operators (name, roles) VALUES (%s, 'approver')", (capitals,))
        cursor.execute(f"SELECT person FROM approvals WHERE {proposal}")
        ((proposer,),) = cursor.fetchall()
        cursor.execute(f"UPDATE approvals SET person = %s WHERE {proposal}", (capitals,))
        refused = execute_as_person("lead-b", *decision)
        cursor.execute(f"UPDATE approvals SET person = %s WHERE {proposal}", (proposer,))
        cursor.execute("DELETE FROM operators WHERE name = %s", (capitals,))
    assert refused != ""


def test_a_refund_without_enough_enabled_voters_is_not_sent(team: Team, execute_as_person: SqlClient) -> None:
    """If a person who approved the refund is disabled, the database refuses to begin its sending, unless enough other
    people have approved it."""
    sending = make_refund_update(APPROVED_REFUND_ID, **SENT_COLUMNS)
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute("UPDATE operators SET disabled_at = UTC_TIMESTAMP() WHERE name = %s", (team.names["lead-c"],))
        alone = execute_as_person("op-a", sending)
        cursor.execute(make_vote_insert(APPROVED_REFUND_ID, f"'{team.names['lead-b']}'"))
        with_another_one = execute_as_person("op-a", sending)
        cursor.execute("UPDATE operators SET disabled_at = NULL WHERE name = %s", (team.names["lead-c"],))
        _delete_votes(cursor, APPROVED_REFUND_ID)
        cursor.execute(make_vote_insert(APPROVED_REFUND_ID, f"'{team.names['lead-c']}'"))
    assert "disabled" in alone
    assert with_another_one == ""


@pytest.mark.parametrize("change", ["roles = 'auditor'", "disabled_at = UTC_TIMESTAMP()"])
def test_a_vote_for_a_former_requester_is_refused(team: Team, execute_as_person: SqlClient, change: str) -> None:
    """If the requester has lost the right to request, the database refuses a vote for the refund. If a vote is
    already stored, it refuses the approval.
    """
    maker, lead = team.names["op-b"], team.names["lead-b"]
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(f"SELECT maker FROM refunds WHERE id = {REQUESTED_REFUND_ID}")
        assert cursor.fetchall() == ((maker,),)
        cursor.execute("SELECT roles FROM operators WHERE name = %s", (maker,))
        ((roles,),) = cursor.fetchall()
        cursor.execute(f"UPDATE operators SET {change} WHERE name = %s", (maker,))
        voted = execute_as_person("lead-b", make_vote_insert(REQUESTED_REFUND_ID))
        cursor.execute("UPDATE operators SET roles = %s, disabled_at = NULL WHERE name = %s", (roles, maker))
        cursor.execute(make_vote_insert(REQUESTED_REFUND_ID, f"'{lead}'"))
        approved = execute_as_person("lead-b", make_refund_update(REQUESTED_REFUND_ID, status="'approved'"))
        cursor.execute(f"UPDATE operators SET {change} WHERE name = %s", (maker,))
        refused = execute_as_person("lead-b", make_refund_update(REQUESTED_REFUND_ID, status="'approved'"))
        cursor.execute("UPDATE operators SET roles = %s, disabled_at = NULL WHERE name = %s", (roles, maker))
        _delete_votes(cursor, REQUESTED_REFUND_ID)
    assert approved == ""
    assert "the refund may not" in refused
    assert "of somebody else who still may act" in voted


def _delete_votes(cursor: Any, refund_id: int) -> None:
    """Delete the votes of a refund, after dropping the trigger that would refuse this."""
    _drop_triggers(cursor, "approvals", "DELETE")
    cursor.execute(f"DELETE FROM approvals WHERE vote_of = '{refund_id}'")


def _drop_triggers(cursor: Any, table: str, event: str) -> None:
    cursor.execute(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        " AND event_object_table = %s AND event_manipulation = %s",
        (table, event),
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP TRIGGER {name}")


def test_declines_withdrawals_and_expiries_are_accepted(execute_as_person: SqlClient) -> None:
    """An approver may decline a refund, its requester may withdraw it, and the worker may write that its deadline has
    passed. The reserved amount is then released. A decline by an operator, and a withdrawal by another person than
    the requester, are refused."""
    declined = make_refund_update(REQUESTED_REFUND_ID, status="'rejected'", declined_because="'not ours'")
    assert execute_as_person("lead-b", declined, make_payment_update(REQUESTED_REFUND_ID, **RELEASE_COLUMNS)) == ""
    assert "an approver declines" in execute_as_person("op-a", declined)
    withdrawn = (
        make_refund_update(APPROVED_REFUND_ID, status="'withdrawn'"),
        make_payment_update(APPROVED_REFUND_ID, **RELEASE_COLUMNS),
    )
    assert execute_as_person("op-b", *withdrawn) == ""
    assert "withdraws a refund" in execute_as_person("lead-b", *withdrawn)
    assert (
        execute_as_person(
            "worker",
            make_refund_update(LATE_REFUND_ID, status="'expired'"),
            make_payment_update(LATE_REFUND_ID, **RELEASE_COLUMNS),
        )
        == ""
    )


@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_a_sent_refund_is_written_in_the_right_order(execute_as_person: SqlClient, person: str) -> None:
    """The database accepts the statements of a sent refund in this order: first the refund, then the row of the
    journal. The provider's answer is stored before the refund gets its next state, and the payment's sums change
    last. The row of the journal is refused before the refund is being sent."""
    begun = money.make_sending_insert(APPROVED_REFUND_ID).replace(
        "UUID(), 'refund.submit'", "'op-new', 'refund.submit'"
    )
    assert execute_as_person(person, make_refund_update(APPROVED_REFUND_ID, **SENT_COLUMNS), begun) == ""
    assert "only a refund that is approved" in execute_as_person(person, begun)
    accepted = {"status": "'submitted'", "certainty": "'known'", "refund_txn_id": "'4711'"}
    assert (
        execute_as_person(
            person, make_answer_insert("HTTP 200 PENDING accepted"), make_refund_update(SENDING_REFUND_ID, **accepted)
        )
        == ""
    )
    done = (
        make_answer_insert("HTTP 200 SUCCEEDED answered"),
        make_refund_update(SENDING_REFUND_ID, **COMPLETED_REFUND_COLUMNS),
        make_payment_update(SENDING_REFUND_ID, **REFUNDED_COLUMNS),
    )
    assert execute_as_person(person, *done) == ""
    refused = (
        make_answer_insert("HTTP 400 FAILED_DEFINITE no"),
        make_refund_update(SENDING_REFUND_ID, **FAILED_REFUND_COLUMNS),
        make_payment_update(SENDING_REFUND_ID, **RELEASE_COLUMNS),
    )
    assert execute_as_person(person, *refused) == ""
    assert (
        execute_as_person(
            person,
            make_answer_insert("UNKNOWN timeout"),
            make_refund_update(SENDING_REFUND_ID, work_state="'needs_review'"),
        )
        == ""
    )


def test_a_refund_returns_to_unsent_only_with_proof(execute_as_person: SqlClient) -> None:
    """A refund may return to "not sent" with an answer to its sending that proves it was not executed, or with two
    answers of the provider that it doesn't know the refund. Without such proof it stays sent."""
    assert (
        execute_as_person(
            "worker",
            make_answer_insert("AUTH http_401"),
            make_refund_update(SENDING_REFUND_ID, **BACK_TO_APPROVED_COLUMNS),
        )
        == ""
    )
    assert (
        execute_as_person(
            "worker",
            make_answer_insert("FAILED_DEFINITE refused_connection"),
            make_refund_update(SENDING_REFUND_ID, **BACK_TO_APPROVED_COLUMNS),
        )
        == ""
    )
    absent = make_answer_insert("HTTP 404 NOT_FOUND no", source="paypay.refund_status")
    assert (
        execute_as_person("worker", absent, absent, make_refund_update(SENDING_REFUND_ID, **BACK_TO_APPROVED_COLUMNS))
        == ""
    )
    vague = make_answer_insert("HTTP 500 UNKNOWN http_500")
    for no_proof in ((), (vague,), (absent,), (vague, absent), (make_proof_insert(SENDING_REFUND_ID),)):
        assert "approved again only" in execute_as_person(
            "worker", *no_proof, make_refund_update(SENDING_REFUND_ID, **BACK_TO_APPROVED_COLUMNS)
        )


def test_a_second_person_decides_an_unknown_refund(execute_as_person: SqlClient) -> None:
    """op-b has proposed that an unknown refund was never made. The database accepts the same decision from lead-b, an
    approver with evidence, and refuses it from op-b and from an operator."""
    second = (
        make_proof_insert(GIVEN_UP_REFUND_ID),
        make_refund_update(GIVEN_UP_REFUND_ID, **FAILED_REFUND_COLUMNS),
        make_payment_update(GIVEN_UP_REFUND_ID, **RELEASE_COLUMNS),
    )
    assert execute_as_person("lead-b", *second) == ""
    for person in ("op-a", "op-b", "worker"):
        assert "only by the provider" in execute_as_person(person, *second)
    assert "only by the provider" in execute_as_person(
        "lead-b",
        make_proof_insert(GIVEN_UP_REFUND_ID),
        make_refund_update(GIVEN_UP_REFUND_ID, **COMPLETED_REFUND_COLUMNS),
    )


# ---------------------------------------------------------------- payments and orders


@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_a_payment_moves_from_its_insertion_to_its_end(execute_as_person: SqlClient, person: str) -> None:
    """A payment is inserted without money. After the provider's answer is stored, the database accepts the changes of
    its state step by step, and then of the captured amount, of the amount set aside and of the order. It refuses a
    paid order whose payment is unpaid or lower than the price. Only the worker may store a notice."""
    begun = money.make_payment_insert(order_id=str(UNPAID_ORDER_ID), asked_minor="1000")
    assert execute_as_person(person, begun) == ""
    message = execute_as_person(
        person,
        "INSERT INTO payment_events (source, event_id, kind, received_at, done, body, who)"
        f" SELECT 'bank', 'e2', 'x', {NOW_SQL}, 'unmatched', '', SUBSTRING_INDEX(USER(), '@', 1)",
    )
    assert (message == "") is (person == "worker"), message
    answered = (
        begun, "SET @made = LAST_INSERT_ID()",
        make_answer_insert("HTTP 200 SUCCEEDED answered", "@made", "paypay.payment", "payment"),
        make_payment_update("@made", status="'token_generated'"), make_payment_update("@made",
        status="'user_payment'"),
        make_payment_update("@made", status="'payment_success'"), make_payment_update("@made", status="'completed'"),
        make_payment_update("@made", captured_minor="1000"), make_payment_update("@made", set_aside_minor="100"),
        make_insert("set_asides", payment_id="@made", account_id="1", amount_minor="100", currency="'JPY'",
        status="'open'",
            created_at=NOW_SQL, changed_at=NOW_SQL),
    )  # fmt: skip
    assert execute_as_person(person, *answered, money.make_update("orders", UNPAID_ORDER_ID, status="'paid'")) == ""
    partly = [step.replace("1000", "999") for step in answered]
    for paid in (partly, (begun,)):
        assert "and in full" in execute_as_person(
            person, *paid, money.make_update("orders", UNPAID_ORDER_ID, status="'paid'")
        )


def test_two_people_decide_about_a_payment(execute_as_person: SqlClient) -> None:
    """op-b has proposed that a payment was reversed. The database accepts the same decision only from an approver
    with evidence.
    """
    second = (
        make_proof_insert(BIG_PAYMENT_ID, kind="payment"),
        make_payment_update(BIG_PAYMENT_ID, status="'reversed'"),
    )
    assert execute_as_person("lead-b", *second) == ""
    assert "state that money" in execute_as_person("lead-b", second[1])
    for person in ("op-a", "op-b", "worker"):
        assert "state that money" in execute_as_person(person, *second)


def test_the_worker_changes_accounts_within_their_limit(execute_as_person: SqlClient) -> None:
    """The worker may lower the balance of a company's account and reserve a sum within the account's limit. The
    database refuses sums above the limit."""
    back = money.make_update("accounts", 1, balance_minor="balance_minor - 100")
    reservation = money.make_update("accounts", 1, reserved_minor="reserved_minor + 100")
    assert execute_as_person("worker", back, reservation) == ""
    assert "its limit" in execute_as_person("worker", back, reservation, reservation)


@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_order_columns_accept_values_of_a_payment(execute_as_person: SqlClient, person: str) -> None:
    """The database accepts the values of a payment of this order in the order's columns about its payment. The
    payment's token may be stored before the payment is paid."""
    payment_columns = {"atom_token_id": "'T-4'", "atom_txn_id": "'A-4'", "payment_method": "'atom'"}
    assert (
        execute_as_person(person, money.make_update("orders", money.ORDER_PAID_AT_ATOM_ID, **payment_columns)) == ""
    )
    assert (
        execute_as_person(person, money.make_update("orders", money.ORDER_WAITING_AT_ATOM_ID, atom_token_id="'T-5'"))
        == ""
    )
    assert execute_as_person(person, money.make_update("orders", CANCELLED_ORDER_ID, payment_method="'paypay'")) == ""


@pytest.fixture
def execute_as_shop(team: Team) -> Iterator[Any]:
    """Yield a function that executes a statement with the shop's account, which has only the rights on the orders.
    It returns the message of the database's refusal, or "" if the statement is accepted. All changes are rolled
    back.
    """
    with connect_as_guest(team, "orders", autocommit=False) as connection:
        with connection.cursor() as cursor:
            yield lambda statement: execute_for_refusal(cursor, statement)
        connection.rollback()


def test_the_shop_changes_its_own_columns_of_an_order(execute_as_shop: Any) -> None:
    """The shop may insert an order, change its own columns and move the state forward. The database refuses to the
    shop a state that moves back, a change of the program's columns, and the deletion of an order."""
    assert execute_as_shop("INSERT INTO orders (merch_txn_id, total_amount) VALUES ('ORD-7', 100)") == ""
    assert (
        execute_as_shop("INSERT INTO orders (id, merch_txn_id, total_amount, status) VALUES (8, 'ORD-8', 5, 'paid')")
        == ""
    )
    assert execute_as_shop("UPDATE orders SET status = 'shipped', payment_method = 'card' WHERE id = 8") == ""
    assert "no such step" in execute_as_shop("UPDATE orders SET status = 'paid' WHERE id = 8")
    assert "no such step" in execute_as_shop(f"UPDATE orders SET status = 'pending' WHERE id = {CANCELLED_ORDER_ID}")
    assert "its own columns" in execute_as_shop("UPDATE orders SET version = 7 WHERE id = 8")
    assert "its own columns" in execute_as_shop("UPDATE orders SET work_state = 'needs_review' WHERE id = 8")
    assert "never deleted" in execute_as_shop("DELETE FROM orders WHERE id = 8")
