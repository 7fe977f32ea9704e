"""Tests that the actions offered on a refund are exactly those that the service accepts, in each state of the refund
and for each person.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.money import Money, format_decimal
from console.domain.payments.records import Payment, Refund, RefundRequest
from console.domain.payments.states import RefundState
from console.store.database.engine import Transaction
from console.wiring.record_readers import RecordReaders
from tests.support.refund_desks import TEAM, RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal


def make_requested_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that waits for its approval."""
    return desk.request_refund(payment)


def make_half_approved_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a large refund with one of its two votes."""
    refund = desk.approve_refund(desk.request_refund(payment, "600000"), person="lead-b")
    assert (refund.state, refund.checkers) == (RefundState.REQUESTED, ("lead-b",))
    return refund


def make_overdue_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a requested refund whose time to decide is over."""
    refund = desk.request_refund(payment)
    desk.move_clock(hours=73)
    return refund


def make_cooling_off_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return an approved refund in its cooling-off period."""
    refund = desk.approve_refund(desk.request_refund(payment, "150000"))
    assert refund.state is RefundState.APPROVED
    return refund


def make_perhaps_sent_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return an approved refund whose call the provider refused as repeated too fast."""
    refund = desk.request_refund(payment)
    desk.control.add_fault("result:THROTTLED_MULTIPLE_REFUND_REJECTED", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    return refund


def make_unknown_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund whose call got no answer."""
    refund = desk.request_refund(payment)
    desk.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    return refund


def make_refused_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that PayPay has refused."""
    refund = desk.request_refund(payment)
    desk.control.add_fault("result:CANCELED_USER", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_refused"
    return refund


def make_accepted_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that PayPay has accepted."""
    return desk.approve_refund(desk.request_refund(payment))


def make_completed_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that PayPay has completed."""
    refund = make_accepted_refund(desk, payment)
    desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    return desk.probe_refund(refund)


def make_contradicted_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a completed refund that PayPay later reports as failed."""
    refund = make_completed_refund(desk, payment)
    desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "failed")
    return desk.probe_refund(refund)


def make_rejected_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that an approver has rejected."""
    return desk.reject_refund(desk.request_refund(payment))


def make_withdrawn_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a refund that its requester has withdrawn."""
    return desk.withdraw_refund(desk.request_refund(payment))


def make_maker_disabled_refund(desk: RefundDesk, payment: Payment) -> Refund:
    """Return a requested refund whose requester is disabled."""
    refund = desk.request_refund(payment, person="op-e")
    desk.disable_person("op-e")
    return refund


MAKE_REFUND_BY_STATE: Mapping[str, Callable[[RefundDesk, Payment], Refund]] = {
    maker.__name__.removeprefix("make_").removesuffix("_refund"): maker
    for maker in (
        make_requested_refund, make_half_approved_refund, make_overdue_refund, make_cooling_off_refund,
        make_perhaps_sent_refund, make_unknown_refund, make_refused_refund, make_accepted_refund,
        make_completed_refund, make_contradicted_refund, make_rejected_refund, make_withdrawn_refund,
        make_maker_disabled_refund,
    )
}  # fmt: skip


class ActionAccepted(Exception):
    """An exception that is raised instead of COMMIT if the service would have written the action's change; the change
    is rolled back.
    """


def is_action_accepted(desk: RefundDesk, refund: Refund, act: Callable[[], object]) -> bool:
    """Call `act` up to its COMMIT. Return True if it would have changed the refund or its votes, or requested another
    refund; False if it is refused or would only have expired the refund. Other writes, such as the audit entry about
    a refusal, are committed.
    """
    write = desk.context.write

    def read_facts(tx: Transaction) -> tuple[Any, ...]:
        """Return the number of votes, the number of refunds, and the state of the refund."""
        votes = tx.conn.exec_driver_sql("SELECT COUNT(*) FROM approvals").scalar_one()
        (count,) = tx.conn.exec_driver_sql("SELECT COUNT(*) FROM refunds").one()
        (state,) = tx.conn.exec_driver_sql("SELECT status FROM refunds WHERE id = ?", (refund.id,)).one()
        return votes, count, state

    def write_without_effect(change: Callable[[Transaction], Any]) -> Any:
        def run_and_compare(tx: Transaction) -> Any:
            before = read_facts(tx)
            result = change(tx)
            if read_facts(tx) != before:
                if read_facts(tx)[2] == RefundState.EXPIRED:
                    raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"state": "expired"})
                raise ActionAccepted
            return result

        return write(run_and_compare)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.context, "write", write_without_effect)
        try:
            act()
        except ActionAccepted:
            return True
        except ConsoleError:
            return False
    return False


@pytest.mark.parametrize("state", MAKE_REFUND_BY_STATE)
def test_exactly_the_offered_actions_are_accepted(desk: RefundDesk, state: str) -> None:
    """The service accepts each offered action and refuses each other action. `approve` is not tried on an approved
    refund: the service accepts this action from the refund's approver without offering it, because it then only sends
    the refund.
    """
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.read_refund(MAKE_REFUND_BY_STATE[state](desk, payment))
    desk.control.clear_faults()
    readers: RecordReaders = desk.readers
    whole = format_decimal(Money(max(desk.read_payment(payment.id).refundable_minor, 100), "JPY"))
    request = RefundRequest(payment.id, whole, "sent back", intended_repeat=True)
    acts: Mapping[str, Callable[[], object]] = {
        "approve": lambda: desk.refunds.approve(refund.id),
        "reject": lambda: desk.refunds.reject(refund.id, "paid out in cash"),
        "withdraw": lambda: desk.refunds.withdraw(refund.id),
        "refund": lambda: desk.refunds.request(request),
    }
    if refund.state is RefundState.APPROVED:
        acts = {name: act for name, act in acts.items() if name != "approve"}
    for person in TEAM:
        if state == "maker_disabled" and person.name == "op-e":
            continue
        with desk.console.acting_as(person.name):
            offers = (
                *desk.refunds.read_refund(refund.id).actions,
                *readers.payment_details.read_payment(payment.id).actions,
            )
            offered = {offer.action: offer.allowed for offer in offers if offer.action in acts}
            accepts = {name: is_action_accepted(desk, refund, act) for name, act in acts.items()}
        reasons = {offer.action: offer.reason for offer in offers if not offer.allowed}
        assert offered == accepts, (person.name, reasons)


def test_the_queue_names_the_end_of_a_lengthened_cooling_off_period(desk: RefundDesk) -> None:
    """A limit that was changed after the approval makes the cooling-off period longer. The queue of refunds names the
    end until which the service refuses the sending, as the refund's page does.
    """
    desk.insert_team()
    refund = make_cooling_off_refund(desk, desk.make_paid_payment(minor=900_000))
    desk.sql("UPDATE limits SET value = 7200 WHERE name = 'cooling_off_seconds'")
    (item,) = desk.console.recovery.read_queue("refunds").items
    with desk.console.acting_as("lead-b"):
        error = call_for_refusal(lambda: desk.refunds.submit(refund.id))
    until = error.detail["until"]
    assert refund.sends_after is not None
    assert until > refund.sends_after
    assert isinstance(item.record, Refund)
    assert item.record.cooling_off_end == until
    assert desk.refunds.read_refund(refund.id).record.cooling_off_end == until


def test_a_lowered_limit_delays_the_offered_sending(desk: RefundDesk) -> None:
    """The limit above which refunds wait was lowered after the request. The pages before and after the approval name
    the end of the cooling-off period until which the service refuses the sending, and don't offer the sending.
    """
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment(minor=90_000), "50000")
    assert refund.sends_after is None
    desk.sql("UPDATE limits SET value = 10000 WHERE name = 'cooling_off_above'")
    with desk.console.acting_as("lead-b"):
        until = desk.refunds.read_refund(refund.id).record.sends_after
        assert desk.refunds.approve(refund.id).state is RefundState.APPROVED
        details = desk.refunds.read_refund(refund.id)
        error = call_for_refusal(lambda: desk.refunds.submit(refund.id))
    (submission,) = [action for action in details.actions if action.action == "submit"]
    assert (submission.allowed, submission.reason) == (False, "reason.refund_cooling_off")
    assert (submission.facts["until"], details.record.sends_after, error.detail["until"]) == (until, until, until)
    assert details.explanation.why == "why.refund_cooling_off"
