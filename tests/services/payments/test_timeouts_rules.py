"""Tests of the rules by which a payment counts as open or unpaid, and of the timeout saga of a single payment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.states import WAITING_STATES, PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty
from console.domain.tasks.states import SagaState
from console.services.payments import timeout_start
from console.services.payments.probe import is_unpaid_outcome
from console.services.payments.timeouts import can_still_be_paid
from tests.services.payments.test_timeout_start import WAITING_PAYMENT
from tests.services.payments.test_timeouts import PAST_TIME_TO_PAY, start_with_stock
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, pass_time

pytestmark = pytest.mark.engines("sqlite")


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", PaymentState)
def test_a_waiting_or_unknown_payment_can_still_be_paid(state: PaymentState, certainty: Certainty) -> None:
    """A payment can still be paid if it is waiting or unknown."""
    payment = replace(WAITING_PAYMENT, state=state, certainty=certainty)
    assert can_still_be_paid(payment) is (state in WAITING_STATES or certainty is Certainty.UNKNOWN)


@pytest.mark.parametrize("reason", ["not_paid_yet", "pending_at_bank", "payment_timed_out", "not_captured"])
@pytest.mark.parametrize("is_final", [True, False])
@pytest.mark.parametrize("provider_payment_id", [None, "0421"])
@pytest.mark.parametrize("state", PaymentState)
def test_an_unpaid_state_counts_only_without_an_attempt(
    state: PaymentState, provider_payment_id: str | None, is_final: bool, reason: str
) -> None:
    """The provider's state "unpaid" of a payment code counts only if the payer has begun no attempt (the report then
    has no provider's id of the payment, and no reason that names an attempt), because a begun attempt can still
    collect the money.
    """
    report = PaymentReport("ORD-1", provider_payment_id, "x", state, is_final, Money(3300, "JPY"))
    outcome = Outcome(OutcomeClass.PENDING, reason, SendingCertainty.YES, report, 200, "{}")
    has_attempt = provider_payment_id is not None or reason != "not_paid_yet"
    assert is_unpaid_outcome(outcome) is (state in WAITING_STATES and not is_final and not has_attempt)


@pytest.mark.parametrize("code", ["OTS0551", "OTS0201"])
def test_a_payment_that_waits_for_the_bank_does_not_expire(scene: PaymentDesk, clock: MovedClock, code: str) -> None:
    """Atom answers after the deadline that the bank hasn't decided yet, without Atom's payment id: the payment can
    still succeed, so its order isn't cancelled."""
    payment = start_with_stock(scene, provider="atom")
    scene.money.change_payment_state("atom", "ORD-1", "pending", notify=False)
    fields = {"payInstrument.0.responseDetails.statusCode": code, "payInstrument.0.payDetails.atomTxnId": None}
    scene.control.add_fault("set_fields", call="atom_verification", times="always", fields=fields)
    pass_time(scene, clock, timedelta(days=2))
    scene.machinery.timeouts.run_saga_now(payment.id)
    assert scene.read_payment(payment.id).state in WAITING_STATES
    assert scene.read_order("ORD-1").state == "pending"


def test_a_payment_whose_money_is_blocked_does_not_expire(scene: PaymentDesk, clock: MovedClock) -> None:
    """PayPay answers after the deadline, without its payment id, that the payment is authorised but not captured: the
    payer has paid and the capture can still succeed, so the order isn't cancelled."""
    payment = start_with_stock(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "authorized", notify=False)
    scene.control.add_fault("set_fields", call="paypay_payment", times="always", fields={"data.paymentId": None})
    pass_time(scene, clock, timedelta(days=2))
    scene.machinery.timeouts.run_saga_now(payment.id)
    assert scene.read_payment(payment.id).state in WAITING_STATES
    assert scene.read_order("ORD-1").state == "pending"


@pytest.mark.parametrize("kind", OutcomeClass)
def test_an_answer_without_a_report_proves_no_unpaid_state(kind: OutcomeClass) -> None:
    """An answer without a report proves that a payment was not paid only if its outcome class is NOT_FOUND."""
    assert is_unpaid_outcome(Outcome(kind, "x", SendingCertainty.YES)) is (kind is OutcomeClass.NOT_FOUND)


@pytest.mark.parametrize("is_under_way", [False, True])
def test_a_saga_runs_only_after_the_payments_deadline(
    scene: PaymentDesk, clock: MovedClock, is_under_way: bool
) -> None:
    """`run_saga_now` does nothing before the payment's deadline, for an id that no payment has, and after the saga
    has ended. After the deadline it starts the saga or continues an open one until the order is cancelled.
    """
    payment, take = start_with_stock(scene), scene.machinery.timeouts.run_saga_now
    assert take(payment.id) is None
    assert take(payment.id + 1) is None
    pass_time(scene, clock, PAST_TIME_TO_PAY)
    if is_under_way:
        assert (
            scene.context.write(lambda tx: timeout_start.begin_timeout_saga(scene.context, tx, payment)) is not None
        )
    assert take(payment.id) is not None
    assert (scene.read_payment(payment.id).state, scene.read_order("ORD-1").state) == (
        PaymentState.EXPIRED,
        "cancelled",
    )
    with scene.context.database.read() as conn:
        ended = conn.exec_driver_sql("SELECT state FROM sagas").all()
    assert [state for (state,) in ended] == [SagaState.DONE.value]
    assert take(payment.id) is None
