"""Tests of refunds of set-aside money: the program requests such a refund once, and two people decide about it."""

import pytest

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.services.process.context import WORKER
from console.store.payments import payments, set_asides
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code


def set_amount_aside(desk: RefundDesk, payment: Payment, minor: int = 300) -> int:
    """Set `minor` yen of the payment aside, as if they exceeded the limit of its account; return the id of the
    set-aside.
    """
    now = desk.context.now()
    if not desk.sql("SELECT id FROM accounts"):
        named = "id, corporation_number, currency, limit_minor"
        desk.sql(f"INSERT INTO accounts ({named}) VALUES (1, '1180301018771', 'JPY', 3000)")
    assert desk.context.database.write(lambda tx: payments.set_amount_aside(tx.conn, payment.id, minor, now))
    return desk.context.database.write(
        lambda tx: set_asides.insert_set_aside(tx.conn, desk.read_payment(payment.id), 1, minor, now)
    )


def list_refunds(desk: RefundDesk) -> list[Refund]:
    """Return all refunds, oldest first."""
    return [desk.refunds.read_refund(number).record for (number,) in desk.sql("SELECT id FROM refunds ORDER BY id")]


def run_due_tasks_and_count_requests(desk: RefundDesk) -> int:
    """Run the due tasks; return the number of refunds that the program requested."""
    return desk.run_due_tasks()["set_aside_refunds"]


def test_two_approvers_send_a_refund_requested_by_the_program(desk: RefundDesk) -> None:
    """The program requests the refund at once and only once; the vote of the second approver sends it."""
    desk.insert_team()
    payment = desk.make_paid_payment()
    item = set_amount_aside(desk, payment)
    assert (run_due_tasks_and_count_requests(desk), run_due_tasks_and_count_requests(desk)) == (1, 0)
    (refund,) = list_refunds(desk)
    facts = (refund.state, refund.maker, refund.amount_minor, refund.set_aside_id, refund.checkers_needed)
    assert facts == (RefundState.REQUESTED, WORKER, 300, item, 2)
    assert desk.list_provider_keys(payment) == []
    assert call_and_get_code(lambda: desk.approve_refund(refund, person="op-a")) == "not_allowed"
    half_approved = desk.approve_refund(refund)
    assert (half_approved.state, desk.list_provider_keys(payment)) == (RefundState.REQUESTED, [])
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "same_person"
    assert call_and_get_code(lambda: desk.approve_refund(refund, person=" Lead-B")) != "done"
    assert desk.approve_refund(refund, person="lead-c").state is RefundState.SUBMITTED
    desk.move_clock(seconds=31)
    desk.run_due_tasks()
    assert len(desk.list_provider_keys(payment)) == 1
    assert desk.check_payment_agrees(payment).refunded_minor == 300


def test_a_rejected_refund_is_not_requested_again_by_the_program(desk: RefundDesk) -> None:
    """The program does not request a rejected or expired refund again. People can, with as many approvers as the
    amount needs.
    """
    payment, other = desk.make_paid_payment(), desk.make_paid_payment("ORD-2")
    item = set_amount_aside(desk, payment)
    set_amount_aside(desk, other, 200)
    assert run_due_tasks_and_count_requests(desk) == 2
    desk.reject_refund(list_refunds(desk)[0])
    desk.move_clock(hours=73)
    assert run_due_tasks_and_count_requests(desk) == 0
    assert [one.state for one in list_refunds(desk)] == [RefundState.REJECTED, RefundState.EXPIRED]
    assert [desk.read_payment(one.id).set_aside_minor for one in (payment, other)] == [300, 200]
    assert run_due_tasks_and_count_requests(desk) == 0
    assert desk.request_refund(payment, "300", set_aside_id=item).checkers_needed == 1


def test_a_set_aside_that_the_rules_exclude_stays_a_case(desk: RefundDesk) -> None:
    """If another refund of the payment is open, or its refund period is over, the program requests no refund of the
    set-aside money. It still processes the other set-asides.
    """
    busy, old, free = desk.make_paid_payment(), desk.make_paid_payment("ORD-2"), desk.make_paid_payment("ORD-3")
    for payment in (busy, old, free):
        set_amount_aside(desk, payment)
    desk.sql("UPDATE payments SET paid_at = '2020-01-01', version = version + 1 WHERE id = :i", i=old.id)
    first = desk.request_refund(busy, "1000")
    assert run_due_tasks_and_count_requests(desk) == 1
    assert [one.payment_id for one in list_refunds(desk)] == [busy.id, free.id]
    assert desk.list_refusal_reasons("outside_window") == []
    desk.withdraw_refund(first)
    assert run_due_tasks_and_count_requests(desk) == 1
    assert list_refunds(desk)[-1].payment_id == busy.id
    assert desk.read_payment(old.id).set_aside_minor == 300


def test_set_asides_of_one_payment_are_requested_one_after_the_other(desk: RefundDesk) -> None:
    """If a payment has two set-asides, the program requests the second refund after the first was decided."""
    payment = desk.make_paid_payment()
    set_amount_aside(desk, payment)
    set_amount_aside(desk, payment, 200)
    assert (run_due_tasks_and_count_requests(desk), run_due_tasks_and_count_requests(desk)) == (1, 0)
    desk.reject_refund(list_refunds(desk)[0])
    assert run_due_tasks_and_count_requests(desk) == 1
    assert [one.amount_minor for one in list_refunds(desk)] == [300, 200]


def test_the_reservation_of_a_request_is_no_change_since_the_request(desk: RefundDesk) -> None:
    """A request for a refund of set-aside money reserves this money itself. The approval page doesn't show the
    reservation as a change since the request. The page shows a further amount that was set aside later, with the
    reserved amount in both the old and the new value.
    """
    desk.insert_team()
    payment = desk.make_paid_payment()
    set_amount_aside(desk, payment)
    assert run_due_tasks_and_count_requests(desk) == 1
    (refund,) = list_refunds(desk)
    assert desk.read_payment(payment.id).set_aside_minor == 0, "reserved"
    assert desk.refunds.read_refund(refund.id).changed == {}
    set_amount_aside(desk, payment, 200)
    assert desk.refunds.read_refund(refund.id).changed == {"set_aside_minor": (300, 500)}


@pytest.mark.parametrize("person", ["op-a", "lead-b", "aud-f"])
def test_a_person_cannot_request_in_the_programs_name(desk: RefundDesk, person: str) -> None:
    """If a person calls `request_set_aside_refund`, which requests in the name of the program, the call is refused
    with `not_allowed`.
    """
    desk.insert_team()
    item = set_amount_aside(desk, desk.make_paid_payment())
    with desk.context.database.read() as conn:
        set_aside = set_asides.find(conn, item)
    assert set_aside is not None
    with desk.console.acting_as(person):
        assert (
            call_and_get_code(lambda: desk.machinery.refund_requests.request_set_aside_refund(set_aside))
            == "not_allowed"
        )
    assert list_refunds(desk) == []
