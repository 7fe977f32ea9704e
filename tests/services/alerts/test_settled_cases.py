"""Tests of cases about a payment: a case closes when its cause is removed, and other cases of the same payment stay
open.
"""

from datetime import timedelta

import pytest

from console.domain.payments.records import RefundRequest
from console.domain.records import Work, WorkReason, WorkState
from console.services.payments.next_work import open_case
from console.services.payments.order_status import set_order_paid
from console.store.alerts import cases
from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")


def pay_changed_order(scene: PaymentDesk, change: str) -> int:
    """Let an order be paid after the shop has changed it by the SQL assignments `change`, and return the id of the
    payment.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment.id
    scene.place.sql(f"UPDATE orders SET {change} WHERE merch_txn_id = 'ORD-1'")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment)
    return payment


def restore_order(scene: PaymentDesk, payment: int) -> None:
    """Restore the order's total as the shop does, and set the order to paid."""
    scene.place.sql("UPDATE orders SET total_amount = 3300 WHERE merch_txn_id = 'ORD-1'")
    scene.payments.set_order_paid(payment)


def refund_amount(scene: PaymentDesk, payment: int, amount: str) -> None:
    """Request, approve and probe a refund of this amount, and check that it is completed."""
    refund = scene.console.refunds.request(RefundRequest(payment, amount, "sent back"))
    with scene.place.open_console_of_person(scene.console, "lead-b") as checker:
        checker.refunds.approve(refund.id)
    scene.console.refunds.probe(refund.id)
    assert scene.console.refunds.read_refund(refund.id).record.state == "completed"


def test_a_case_closes_when_its_order_is_set_to_paid(scene: PaymentDesk) -> None:
    """If the order of a paid payment could not be set to paid, the payment has a case. The case closes when the order
    is set to paid.
    """
    payment = pay_changed_order(scene, "total_amount = 4400")
    assert (scene.list_open_alert_rules(), scene.read_payment(payment).work.reason) == (
        ["not_moved"],
        "not_moved",
    )
    restore_order(scene, payment)
    assert scene.read_order("ORD-1").state == "paid"
    assert (scene.list_open_alert_rules(), scene.read_payment(payment).work) == ([], Work())


def test_another_case_of_the_payment_stays_open(scene: PaymentDesk) -> None:
    """After the first case of a payment has closed, its second case stays open and the payment stays in review."""
    payment, now = pay_changed_order(scene, "total_amount = 4400"), scene.context.now() + timedelta(seconds=1)
    scene.context.write(lambda tx: cases.open_case(tx.conn, "contradicted", "payment", payment, "x", "y", now))
    restore_order(scene, payment)
    work = scene.read_payment(payment).work
    assert scene.list_open_alert_rules() == ["contradicted"]
    assert (work.state, work.reason) == (WorkState.NEEDS_REVIEW, "contradicted")


def test_a_case_closes_after_the_full_refund_of_its_payment(scene: PaymentDesk) -> None:
    """The case about a payment of a cancelled order stays open after a partial refund, and closes after the refund of
    the remaining amount.
    """
    payment = pay_changed_order(scene, "status = 'cancelled'")
    assert scene.list_open_alert_rules() == ["paid_after_cancel"]
    ((order, observed, expected),) = scene.place.sql(
        "SELECT orders.id, observed, expected FROM alerts, orders WHERE rule_id = 'paid_after_cancel'"
    )
    assert observed == f"order {order}=cancelled; payment {payment}=completed 3300 JPY"
    assert expected == "refund|compensation"
    refund_amount(scene, payment, "1000")
    assert scene.list_open_alert_rules() == ["paid_after_cancel"]
    refund_amount(scene, payment, "2300")
    assert (scene.list_open_alert_rules(), scene.read_payment(payment).work) == ([], Work())


@pytest.mark.parametrize(
    ("observed", "rules"),
    [("2 payments", []), ("2 payments, 3 payments", []), ("2 payments, 04212", ["paid_twice"])],
)
def test_a_second_payment_of_an_order_needs_nobody_after_its_full_refund(
    scene: PaymentDesk, observed: str, rules: list[str]
) -> None:
    """The case about an order with two payments closes when the second payment is fully refunded. It stays open if
    the provider has reported a further capture, which that refund doesn't contain.
    """
    payment = pay_changed_order(scene, "status = 'paid'")
    scene.context.write(
        lambda tx: open_case(scene.context, tx, payment, WorkReason.PAID_TWICE, observed, "ORD-1 is paid")
    )
    refund_amount(scene, payment, "1000")
    assert scene.list_open_alert_rules() == ["paid_twice"]
    refund_amount(scene, payment, "2300")
    work = scene.read_payment(payment).work
    assert (scene.list_open_alert_rules(), [work.reason] if work.reason else []) == (rules, rules)


@pytest.mark.parametrize(
    ("first", "second", "order_state", "rules"),
    [
        ("captured_minor = 2000", "captured_minor = 1300", "paid", []),
        ("captured_minor = 3300, refunded_minor = 3300", "captured_minor = 3300", "paid", []),
        ("captured_minor = 3300, refunded_minor = 3300", "captured_minor = 3300", "refunded", ["paid_twice"]),
        ("captured_minor = 3300", "captured_minor = 3300", "paid", ["paid_twice"]),
        ("captured_minor = 3300, refunded_minor = 1000", "captured_minor = 3300", "paid", ["paid_twice"]),
        ("captured_minor = 3300, refunded_minor = 1000", "captured_minor = 1000", "paid", []),
        ("captured_minor = 2000", "captured_minor = 2000", "paid", []),
    ],
)
def test_an_order_is_paid_twice_only_by_more_than_its_total(
    scene: PaymentDesk, first: str, second: str, order_state: str, rules: list[str]
) -> None:
    """The task that sets an order to paid comes to a payment of an order that another payment has set to paid. A case
    is opened if the other payment has paid the order's total and more than the total is left after the refunds, or if
    the order was refunded before. No case is opened for two part payments, or if this payment
    replaces refunded money.
    """
    payment = make_order_and_get_last_payment(scene, first, second, order_state=order_state)
    set_order_paid(scene.context, payment)
    assert scene.list_open_alert_rules() == rules


def test_a_payment_that_only_a_callback_reports_makes_no_order_paid_twice(scene: PaymentDesk) -> None:
    """A payment replaces a refunded one, and a callback alone reports a further payment of the order as paid. The
    confirmed payments less the refund are not more than the order's total, so no case is opened."""
    refunded, replacing = "captured_minor = 3300, refunded_minor = 3300", "captured_minor = 3300"
    payment = make_order_and_get_last_payment(scene, refunded, replacing, replacing)
    scene.place.sql(f"UPDATE payments SET status = 'signature_verified' WHERE id = {payment - 1}")
    set_order_paid(scene.context, payment)
    assert scene.list_open_alert_rules() == []


def make_order_and_get_last_payment(scene: PaymentDesk, *amounts: str, order_state: str = "paid") -> int:
    """Make an order with a completed payment for each of `amounts`, which are assignments of SQL to columns of the
    payment. Return the id of the last payment."""
    order, payment = scene.insert_order("ORD-1", 3300), 0
    scene.place.drop_table_triggers("orders")
    for values in amounts:
        payment = scene.payments.start(order, "paypay").payment.id
        scene.place.drop_table_triggers("payments")
        scene.place.sql(
            f"UPDATE payments SET {values}, status = 'expired', version = version + 1 WHERE id = {payment}"
        )
    scene.place.sql("UPDATE payments SET status = 'completed'")
    scene.place.sql(f"UPDATE orders SET status = '{order_state}' WHERE id = {order}")
    return payment
