"""Tests of the deadline of a payment, and of the payments for which the timeout saga begins."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from console.domain.payments.records import Payment
from console.domain.payments.states import WAITING_STATES, PaymentState
from console.domain.records import Certainty, Work
from console.services.payments import timeout_start
from console.store.payments import payment_deadlines as payment_times
from console.store.tasks import sagas
from tests.services.payments.test_apply_report import START_TIME, apply_reports, make_payment, make_report
from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")
ONE_SECOND, ONE_HOUR = timedelta(seconds=1), timedelta(hours=1)
WAITING_PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id=None,
    corporation_number=None, payer=None, state=PaymentState.USER_PAYMENT, certainty=Certainty.KNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=0, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
    expires_at=START_TIME,
)  # fmt: skip


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", PaymentState)
def test_only_a_known_waiting_payment_times_out(state: PaymentState, certainty: Certainty) -> None:
    """A payment times out only if it is waiting and its state is known."""
    payment = replace(WAITING_PAYMENT, state=state, certainty=certainty)
    is_over = state in WAITING_STATES and certainty is Certainty.KNOWN
    assert timeout_start.has_timed_out(payment, START_TIME + ONE_HOUR) is is_over


@pytest.mark.parametrize(
    ("time_after_deadline", "is_over"),
    [(-ONE_HOUR, False), (timedelta(0), False), (ONE_SECOND, True), (ONE_HOUR, True)],
)
def test_a_payment_times_out_after_its_deadline(time_after_deadline: timedelta, is_over: bool) -> None:
    """At its deadline a payment has not timed out yet; one moment later it has. A payment without a deadline, or with
    an unknown outcome, never times out.
    """
    assert timeout_start.has_timed_out(WAITING_PAYMENT, START_TIME + time_after_deadline) is is_over
    assert not timeout_start.has_timed_out(
        replace(WAITING_PAYMENT, expires_at=None), START_TIME + time_after_deadline
    )
    assert not timeout_start.has_timed_out(
        replace(WAITING_PAYMENT, certainty=Certainty.UNKNOWN), START_TIME + time_after_deadline
    )
    assert not timeout_start.has_timed_out(
        replace(WAITING_PAYMENT, expires_at=None, certainty=Certainty.UNKNOWN), START_TIME + time_after_deadline
    )


def list_overdue_payments(
    scene: PaymentDesk, at: datetime, max_count: int = 50, saga: str = timeout_start.PAYMENT_TIMEOUT_KIND
) -> list[str]:
    """Return the payment numbers of at most `max_count` payments whose deadline has passed at the time `at`.
    Payments with an open saga of the kind `saga` are left out.
    """
    with scene.context.database.read() as conn:
        return [one.merchant_payment_id for one in payment_times.list_overdue_payments(conn, saga, at, max_count)]


def make_waiting_payment(scene: PaymentDesk, number: str, minutes: float | None, order: int | None = None) -> Payment:
    """Insert a waiting payment (payment number `number`, order id `order`) whose deadline is this many minutes
    after START_TIME (None: no deadline), and return it.
    """
    ends = None if minutes is None else START_TIME + timedelta(minutes=minutes)
    return make_payment(scene, number, order, expires_at=ends)


def start_saga(scene: PaymentDesk, payment: Payment, kind: str, subject: str = "payment") -> None:
    """Start a saga of this kind about the payment's id, which counts as the id of a record of the kind `subject`."""
    scene.context.write(
        lambda tx: (
            sagas.start_saga(tx.conn, kind, subject, payment.id, timeout_start.ASK_STEP, {}, START_TIME) and None
        )
    )


def test_overdue_payments_are_listed_oldest_first(scene: PaymentDesk) -> None:
    """The list contains payments whose deadline has passed, the oldest deadline first, up to the requested count. A
    payment at exactly its deadline, or without a deadline, is not in the list.
    """
    for number, minutes in (("C", 3), ("A", 1), ("B", 2), ("Z", None)):
        make_waiting_payment(scene, number, minutes)
    assert list_overdue_payments(scene, START_TIME + timedelta(minutes=1)) == []
    assert list_overdue_payments(scene, START_TIME + timedelta(minutes=1) + ONE_SECOND) == ["A"]
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR) == ["A", "B", "C"]
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR, max_count=2) == ["A", "B"]


def test_payments_with_the_same_deadline_are_listed_by_id(scene: PaymentDesk) -> None:
    """Payments with the same deadline are listed by id."""
    for number in ("B", "A", "C"):
        make_waiting_payment(scene, number, 1)
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR) == ["B", "A", "C"]


def test_ended_and_unknown_payments_are_not_overdue(scene: PaymentDesk) -> None:
    """The list of overdue payments contains no payment that has ended or is unknown."""
    for end in (PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED, PaymentState.PAYMENT_SUCCESS):
        apply_reports(
            scene, make_waiting_payment(scene, f"{end}", 1), make_report(end, 0, provider_payment_id=f"id-{end}")
        )
    unknown = apply_reports(scene, make_waiting_payment(scene, "U", 1), make_report(PaymentState.PAYMENT_SUCCESS, 0))
    assert unknown.certainty is Certainty.UNKNOWN
    apply_reports(scene, make_waiting_payment(scene, "W", 1), make_report(PaymentState.USER_PAYMENT, 0))
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR) == ["W"]


@pytest.mark.parametrize("other", ["a_saga", "z_saga"])
def test_a_payment_with_an_open_timeout_saga_is_not_listed(scene: PaymentDesk, other: str) -> None:
    """The list of overdue payments contains no payment with an open timeout saga. A saga of another kind or about
    another subject does not exclude a payment.
    """
    first, second, third = (make_waiting_payment(scene, number, 1) for number in ("A", "B", "C"))
    start_saga(scene, second, timeout_start.PAYMENT_TIMEOUT_KIND)
    start_saga(scene, first, other)
    start_saga(scene, third, timeout_start.PAYMENT_TIMEOUT_KIND, subject="order")
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR) == ["A", "C"]
    assert list_overdue_payments(scene, START_TIME + ONE_HOUR, saga=other) == ["B", "C"]


def test_a_timeout_saga_begins_once(scene: PaymentDesk) -> None:
    """The timeout saga of a payment begins once, with the step that queries the provider. A second start finds the
    open saga.
    """
    payment, context = make_waiting_payment(scene, "A", 1), scene.context
    saga = context.write(lambda tx: timeout_start.begin_timeout_saga(context, tx, payment))
    assert saga is not None
    assert (saga.kind, saga.step, saga.subject_id) == (
        timeout_start.PAYMENT_TIMEOUT_KIND,
        timeout_start.ASK_STEP,
        payment.id,
    )
    assert context.write(lambda tx: timeout_start.begin_timeout_saga(context, tx, payment)) is None


@pytest.mark.parametrize(
    ("has_order", "has_deadline", "begins_saga"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_a_saga_after_an_unpaid_end_begins_with_the_cancellation(
    scene: PaymentDesk, has_order: bool, has_deadline: bool, begins_saga: bool
) -> None:
    """If a payment has ended unpaid, its saga begins at the step `cancel_order` only if an order waits and the
    payment has a deadline. Until that deadline the payer may start another payment.
    """
    order = scene.insert_order("ORD-1", 3300) if has_order else None
    payment, context = make_waiting_payment(scene, "A", 1 if has_deadline else None, order), scene.context
    context.write(lambda tx: timeout_start.begin_timeout_saga_at_cancellation(context, tx, payment))
    with context.database.read() as conn:
        saga = sagas.find_open_saga(conn, timeout_start.PAYMENT_TIMEOUT_KIND, "payment", payment.id)
    assert (saga is not None) is begins_saga
    assert saga is None or saga.step == timeout_start.CANCEL_STEP
