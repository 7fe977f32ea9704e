"""Tests of the rows of refunds: a payment has one open refund, an idempotency key never changes, and votes come from
different people."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.domain.payments.states import RefundState
from console.domain.records import Certainty, Person, Work, WorkState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.access.operators import insert_person
from console.store.refunds import refunds
from tests.store.money_rows import (
    NOW,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
    reread_refund,
)

OPEN_STATES = [RefundState.REQUESTED, RefundState.APPROVED, RefundState.SUBMITTING]
END_STATES_WITHOUT_MONEY = [RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED, RefundState.FAILED]
DAY_AGO = NOW - timedelta(hours=24)


def test_a_refund_is_read_as_it_was_requested(connection: Connection) -> None:
    """A refund is found by its id, payment and order, with all values of its request. The values that the requester
    saw are stored unchanged."""
    payment = insert_paid_payment(connection, order_id=71)
    until = NOW + timedelta(minutes=15)
    refund = insert_requested_refund(
        connection, payment, ticket="T-1", set_aside_id=5, intended_repeat=True, sends_after=until
    )
    assert (refund.payment_id, refund.order_id, refund.amount_minor) == (payment.id, 71, 1_000)
    assert (refund.state, refund.maker, refund.checkers) == (RefundState.REQUESTED, "op-a", ())
    assert (refund.ticket, refund.set_aside_id, refund.intended_repeat) == ("T-1", 5, True)
    assert (refund.sends_after, refund.decide_by) == (until, NOW + timedelta(hours=72))
    assert refunds.find_open_refund(connection, payment.id) == refund
    assert refunds.find_by_payment(connection, payment.id) == refunds.find_by_order(connection, 71) == (refund,)
    assert refunds.read_request_facts(connection, [refund.id, refund.id + 1]) == {refund.id: ('{"version": 3}', "[]")}


@pytest.mark.parametrize("state", list(RefundState))
def test_a_payment_has_at_most_one_open_refund(connection: Connection, state: RefundState) -> None:
    """While a refund is requested, approved or being sent, the database refuses a second refund of the same payment.
    It accepts a refund of another payment."""
    payment = insert_paid_payment(connection)
    first = insert_requested_refund(connection, payment)
    if state is not RefundState.REQUESTED:
        move_refund_to_state(connection, first, state)
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-2"))
    if state not in OPEN_STATES:
        insert_requested_refund(connection, payment)
        return
    with pytest.raises(IntegrityError):
        insert_requested_refund(connection, payment)


def test_a_write_on_an_old_version_is_refused(connection: Connection) -> None:
    """A write by a caller that has read an older version of the refund is refused. A change of the state that the
    transition table doesn't contain is refused too.
    """
    old = insert_requested_refund(connection, insert_paid_payment(connection))
    refunds.change_refund(connection, old, NOW, status=RefundState.APPROVED)
    with pytest.raises(refunds.StaleRow):
        refunds.change_refund(connection, old, NOW, status=RefundState.REJECTED)
    with pytest.raises(ForbiddenTransition):
        refunds.change_refund(
            connection, reread_refund(connection, old.id), NOW, status=RefundState.COMPLETED, refund_txn_id="R-1"
        )
    assert (reread_refund(connection, old.id).state, reread_refund(connection, old.id).version) == (
        RefundState.APPROVED,
        old.version + 1,
    )


def test_a_refund_keeps_its_key(connection: Connection) -> None:
    """The idempotency key of a refund is written once, before the sending, and can't be changed. No other refund can
    have the same key.
    """
    refund = move_refund_to_state(
        connection, insert_requested_refund(connection, insert_paid_payment(connection)), RefundState.APPROVED
    )
    refunds.change_refund(
        connection, refund, NOW, status=RefundState.SUBMITTING, provider_refund_key="RFD-1", sent_count=1
    )
    refund = reread_refund(connection, refund.id)
    assert refunds.find_by_idempotency_key(connection, "RFD-1") == refund
    for key in ("RFD-2", None):
        with pytest.raises(ForbiddenTransition):
            refunds.change_refund(connection, refund, NOW, provider_refund_key=key)
    refunds.change_refund(connection, refund, NOW, provider_refund_key="RFD-1", sent_count=2)
    other = move_refund_to_state(
        connection,
        insert_requested_refund(connection, insert_paid_payment(connection, "ORD-2")),
        RefundState.APPROVED,
    )
    with pytest.raises(IntegrityError):
        refunds.change_refund(connection, other, NOW, provider_refund_key="RFD-1")


def test_a_completed_refund_has_the_providers_id(connection: Connection) -> None:
    """A refund can't be completed without the id that the provider has given to the refund."""
    refund = move_refund_to_state(
        connection, insert_requested_refund(connection, insert_paid_payment(connection)), RefundState.SUBMITTED
    )
    with pytest.raises(ForbiddenTransition):
        refunds.change_refund(connection, refund, NOW, status=RefundState.COMPLETED)
    refunds.change_refund(connection, refund, NOW, status=RefundState.COMPLETED, refund_txn_id="R-1")
    assert reread_refund(connection, refund.id).provider_refund_id == "R-1"


@pytest.mark.parametrize("column", ["refund_amount", "currency", "payment_id", "maker", "reason", "saw", "decide_by"])
def test_columns_of_a_refund_request_never_change(connection: Connection, column: str) -> None:
    """The columns of a refund request can't be changed, because the approval is for exactly this request. Another
    amount or reason needs a new request."""
    refund = insert_requested_refund(connection, insert_paid_payment(connection))
    with pytest.raises(ForbiddenTransition):
        refunds.change_refund(connection, refund, NOW, **{column: 1})


def test_a_second_vote_of_a_person_is_not_counted(connection: Connection) -> None:
    """The voters of a refund are returned in the order of their votes. A second vote of the same person for the same
    refund isn't counted; the person's vote for another refund is counted."""
    for name in ("lead-b", "lead-c"):
        insert_person(connection, Person(name, frozenset({"approver"}), may_buy=False))
    one, other = (
        insert_requested_refund(connection, insert_paid_payment(connection)),
        insert_requested_refund(connection, insert_paid_payment(connection, "ORD-2")),
    )
    voted = [refunds.insert_vote(connection, one.id, person, NOW) for person in ("lead-c", "lead-b", "lead-c")]
    assert voted == [True, True, False]
    assert refunds.insert_vote(connection, other.id, "lead-c", NOW)
    assert (
        refunds.read_voters(connection, one.id) == reread_refund(connection, one.id).checkers == ("lead-c", "lead-b")
    )
    assert [one.checkers for one in refunds.list_refunds_waiting_for_decision(connection, NOW, 10)] == [
        ("lead-c", "lead-b"),
        ("lead-c",),
    ]


def test_a_refund_with_a_lapsed_sending_is_unknown(connection: Connection) -> None:
    """A refund with a lapsed sending is read as unknown until a due task stores that. A refund that the provider has
    accepted stays known."""
    refund = move_refund_to_state(
        connection, insert_requested_refund(connection, insert_paid_payment(connection)), RefundState.SUBMITTING
    )
    lapsed = frozenset({refund.id})
    unknown = replace(refund, certainty=Certainty.UNKNOWN, work=Work(WorkState.NEEDS_REVIEW, reason="lapsed"))
    assert refunds.find(connection, refund.id, lapsed) == unknown
    refunds.change_refund(connection, refund, NOW, status=RefundState.SUBMITTED)
    assert refunds.find(connection, refund.id, lapsed) == reread_refund(connection, refund.id)


def test_waiting_refunds_are_listed_oldest_first(connection: Connection) -> None:
    """Waiting refunds in every work state are listed page by page, from the oldest to the newest. A decided refund is
    no longer listed.
    """
    works = [Work(WorkState.SCHEDULED, NOW, "expiry"), Work(), Work(WorkState.NEEDS_REVIEW, reason="x"), Work()]
    made = [
        insert_requested_refund(connection, insert_paid_payment(connection, f"ORD-{i}"), work=work)
        for i, work in enumerate(works)
    ]
    move_refund_to_state(
        connection,
        insert_requested_refund(connection, insert_paid_payment(connection, "ORD-9")),
        RefundState.APPROVED,
    )
    assert refunds.list_refunds_waiting_for_decision(connection, NOW, 10) == tuple(made)
    assert refunds.list_refunds_waiting_for_decision(connection, NOW, 3) == tuple(made[:3])
    assert refunds.list_refunds_waiting_for_decision(connection, NOW, 10, made[1].id) == tuple(made[2:])


def test_due_refunds_are_found_by_reason_and_time(connection: Connection) -> None:
    """A refund is due if its work has one of the given reasons and its scheduled time has passed. The refund that has
    waited longest comes first."""
    late = [Work(WorkState.SCHEDULED, NOW - timedelta(hours=hours), "poll") for hours in (1, 2, -1)]
    made = [
        insert_requested_refund(connection, insert_paid_payment(connection, f"ORD-{i}"), work=work)
        for i, work in enumerate(late)
    ]
    assert refunds.list_due_refunds(connection, ["poll", "unknown"], NOW, 10, ["paypay"]) == (made[1], made[0])
    assert refunds.list_due_refunds(connection, ["unknown"], NOW, 10, ["paypay"]) == ()


def test_a_recent_refund_with_equal_amount_is_found(connection: Connection) -> None:
    """The search for an equal refund finds a refund of the same payment with the same amount that is younger than the
    given time. It doesn't find a refund that ended without money."""
    payment = insert_paid_payment(connection)
    refund = insert_requested_refund(connection, payment)
    assert refunds.find_equal_recent_refund(connection, payment.id, 1_000, DAY_AGO) == refund
    assert refunds.find_equal_recent_refund(connection, payment.id, 999, DAY_AGO) is None
    assert refunds.find_equal_recent_refund(connection, payment.id + 1, 1_000, DAY_AGO) is None
    assert refunds.find_equal_recent_refund(connection, payment.id, 1_000, NOW + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "state",
    [
        RefundState.APPROVED,
        RefundState.SUBMITTING,
        RefundState.SUBMITTED,
        RefundState.COMPLETED,
        *END_STATES_WITHOUT_MONEY,
    ],
)
def test_refunds_that_may_move_money_count_for_the_limits(connection: Connection, state: RefundState) -> None:
    """Refunds that have moved money or may still move it count for the requester's daily limit, for the payer's
    history and in the search for equal refunds."""
    payment, other = (
        insert_paid_payment(connection, payer="payer-7"),
        insert_paid_payment(connection, "ORD-2", payer="payer-8"),
    )
    refund = move_refund_to_state(connection, insert_requested_refund(connection, payment), state)
    counts = state not in END_STATES_WITHOUT_MONEY
    assert refunds.read_sums_of_makers_since(connection, ["op-a"], DAY_AGO) == (
        {("op-a", "JPY"): 1_000} if counts else {}
    )
    ids_by_payment = refunds.list_ids_by_payers_since(
        connection, {payment.id: "payer-7", other.id: "payer-8"}, DAY_AGO
    )
    assert ids_by_payment == {payment.id: (refund.id,) if counts else (), other.id: ()}
    assert refunds.find_equal_recent_refund(connection, payment.id, 1_000, DAY_AGO) == (refund if counts else None)


def test_sums_of_requesters_are_separate_for_each_currency(connection: Connection) -> None:
    """The sums of requesters since a time are separate for each currency and each person."""
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-1"), 1_000)
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-2"), 2_000)
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-3"), 4_000, maker="op-b")
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-4", currency="INR"), 8_000)
    of_op_a = {("op-a", "JPY"): 3_000, ("op-a", "INR"): 8_000}
    assert refunds.read_sums_of_makers_since(connection, ["op-a", "nobody"], NOW) == of_op_a
    assert refunds.read_sums_of_makers_since(connection, ["op-a", "op-b"], NOW) == {**of_op_a, ("op-b", "JPY"): 4_000}
    assert refunds.read_sums_of_makers_since(connection, ["op-a"], NOW + timedelta(seconds=1)) == {}


def test_the_newest_refunds_are_limited_for_each_payer(connection: Connection) -> None:
    """The list of the newest refunds is limited for each payer, so many refunds of one payer don't displace those of
    another payer.
    """
    many = [
        insert_requested_refund(connection, insert_paid_payment(connection, f"ORD-{n}", payer="payer-7"))
        for n in range(3)
    ]
    one = insert_requested_refund(connection, insert_paid_payment(connection, "ORD-9", payer="payer-8"))
    payers = {many[0].payment_id: "payer-7", one.payment_id: "payer-8"}
    ids_by_payment = refunds.list_ids_by_payers_since(connection, payers, DAY_AGO, limit=2)
    assert ids_by_payment == {many[0].payment_id: (many[2].id, many[1].id), one.payment_id: (one.id,)}


@pytest.mark.expects_log("a row that can't be read is told")
@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 9])
def test_all_waiting_refunds_are_read_in_pages(connection: Connection, page_size: int) -> None:
    """The pages of the refunds that wait for a decision have each refund once, except one that can't be read."""
    late = NOW + timedelta(hours=72)
    ids = [
        insert_requested_refund(connection, insert_paid_payment(connection, f"ORD-{number}"), decide_by=late).id
        for number in range(5)
    ]
    connection.exec_driver_sql(f"UPDATE refunds SET reason_code = 'of_a_newer_one' WHERE id = {ids[1]}")
    listed_refunds = refunds.iterate_refunds_waiting_for_decision(connection, NOW, page_size)
    assert [refund.id for refund in listed_refunds] == [ids[0], *ids[2:]]


def test_an_overdue_request_is_found_before_requests_with_later_deadlines(connection: Connection) -> None:
    """Three requests have later deadlines than a newer request, because the clock was ahead at their creation. Only
    the newer request is overdue, and it is the one that is found. The list of waiting refunds doesn't contain it."""
    late = NOW + timedelta(hours=72)
    for number in range(3):
        insert_requested_refund(connection, insert_paid_payment(connection, f"ORD-{number}"), decide_by=late)
    overdue = insert_requested_refund(
        connection, insert_paid_payment(connection, "ORD-9"), decide_by=NOW - timedelta(seconds=1)
    )
    insert_requested_refund(connection, insert_paid_payment(connection, "ORD-10"), decide_by=NOW)
    assert refunds.list_refunds_overdue_for_decision(connection, NOW, 3) == (overdue,)
    assert overdue not in refunds.list_refunds_waiting_for_decision(connection, NOW, 10)
    assert len(refunds.list_refunds_waiting_for_decision(connection, NOW, 10)) == 4
