"""No database account can change an order that is paid, or whose payment can still be paid, to cancelled, expired,
refunded or shipped.
"""

import json
from collections.abc import Iterator
from datetime import UTC as PYTHON_UTC
from datetime import datetime

import pytest

from console.domain.payments.records import Payment
from console.domain.payments.states import PaymentState
from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    SqlValueByColumn,
    make_insert_attacks,
    make_update_attacks,
)
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase
from tests.support.payment_desks import make_signed_notice
from tests.support.refusals import call_and_get_code
from tests.support.waiting import wait_until

VERSION_UPDATE = {"version": "version + 1"}
YESTERDAY_SQL = f"{UTC_NOW_SQL} - INTERVAL 1 DAY"
UNPAID_END_STATES = ("expired", "payment_failed")


def insert_order(scene: AttackedDatabase, minor: int = 3_300) -> tuple[int, str]:
    """Insert an order into the database, as the shop does, and return its id and its number. `minor` is its price in
    yen.
    """
    number = f"SHOP-{scene.take_unused_number()}"
    scene.sql(
        "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
        f" VALUES ('{number}', {minor}, 'JPY', {UTC_NOW_SQL}, {UTC_NOW_SQL})"
    )
    return int(scene.sql(f"SELECT id FROM orders WHERE merch_txn_id = '{number}'")[0][0]), number


@pytest.fixture
def open_payment(harm_scene: AttackedDatabase) -> Payment:
    """Start a payment that its payer can still pay, and return it. op-b has started it, so op-b's evidence contains
    its first answer.
    """
    order_id, _ = insert_order(harm_scene)
    return harm_scene.get_desk("op-b").payments.start(order_id, "paypay").payment


def make_payment_end_attacks(payment: Payment) -> Iterator[Attack]:
    """Yield attacks that end the payment, or change its expiry, its order or a saga so that the program ends the
    payment; each in one statement or in several.
    """
    where, order = f"id = {payment.id}", payment.order_id
    yield from make_update_attacks("payments", {**VERSION_UPDATE, "status": "'expired'"}, where)
    for state in UNPAID_END_STATES:
        plain: SqlValueByColumn = {**VERSION_UPDATE, "status": f"'{state}'"}
        steps = [
            {**VERSION_UPDATE, "payment_expires_at": YESTERDAY_SQL},
            {**VERSION_UPDATE, "changed_at": YESTERDAY_SQL},
            {**VERSION_UPDATE, "certainty": "'known'"},
            {**VERSION_UPDATE, "status": "'user_payment'"},
            plain,
        ]
        for attack in make_update_attacks(
            "payments", {**plain, "certainty": "'known'", "error_code": "'x'"}, where, steps
        ):
            yield attack
            yield attack.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
    for away in ({"order_id": "NULL"}, {"payment_expires_at": YESTERDAY_SQL}, {"payment_expires_at": "'2020-01-01'"}):
        yield from make_update_attacks("payments", {**VERSION_UPDATE, **away}, where)
    for word in ("cancelled", "paid", "refunded", "shipped", "delivered"):
        yield from make_update_attacks("orders", {**VERSION_UPDATE, "status": f"'{word}'"}, f"id = {order}")
    saga_row = {
        "kind": "'payment_timeout'",
        "subject_kind": "'payment'",
        "subject_id": str(payment.id),
        "state": "'running'",
        "facts": f"CONCAT('{{\"asked_at\":\"', DATE_FORMAT({UTC_NOW_SQL}, '%Y-%m-%dT%H:%i:%s'), '+00:00\"}}')",
        "begun_at": UTC_NOW_SQL,
        "changed_at": UTC_NOW_SQL,
        "next_at": YESTERDAY_SQL,
        "step": "'cancel_order'",
    }
    for step in ("expire_payment", "cancel_order", "release_stock"):
        plain = {**saga_row, "step": f"'{step}'"}
        yield next(make_insert_attacks("sagas", plain))


def read_payment_and_order(scene: AttackedDatabase, payment: Payment) -> tuple[str, str]:
    """Return the states of the payment and of its order; ("gone", "gone") if the payment no longer belongs to the
    order.
    """
    rows = scene.sql(
        "SELECT p.status, o.status FROM payments p JOIN orders o ON o.id = p.order_id"
        f" WHERE p.id = {payment.id} AND o.id = {payment.order_id}"
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else ("gone", "gone")


def pay_and_probe(scene: AttackedDatabase, payment: Payment) -> tuple[str, str]:
    """Let the payer pay, and probe the payment. Return the states of the payment and of its order after that."""
    scene.sandbox.control.payments_control.change_payment_state("paypay", payment.merchant_payment_id, "paid")
    for _ in range(3):  # a busy machine may need longer than a desk in a hurry waits
        call_and_get_code(lambda: scene.get_desk("op-b").payments.probe(payment.id))
    return read_payment_and_order(scene, payment)


def test_an_order_whose_payment_is_still_payable_is_not_cancelled(
    harm_scene: AttackedDatabase, open_payment: Payment
) -> None:
    """No account, not even the worker's, can cancel the order of a payment that can still be paid. When the payer
    pays, the order is paid.
    """
    scene = harm_scene
    for attack in scene.choose_attacks(make_payment_end_attacks(open_payment)):
        scene.attack_as_each_role((attack,))
        assert read_payment_and_order(scene, open_payment)[1] == "pending", attack
    scene.get_desk("worker").recovery.run_all_tasks()
    assert read_payment_and_order(scene, open_payment)[0] in ("token_generated", "user_payment")
    assert pay_and_probe(scene, open_payment) == ("completed", "paid")
    scene.check_ordinary_work()


def test_no_account_writes_an_unknown_payment_as_known(harm_scene: AttackedDatabase, open_payment: Payment) -> None:
    """No database account can write a payment with unknown outcome as known, or cancel its order."""
    scene = harm_scene
    scene.sql(
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body) VALUES"
        f" ('payment', {open_payment.id}, {UTC_NOW_SQL}, 'paypay.payment', 'x', REPEAT('a', 64),"
        " 'UNKNOWN read_timeout', '')",
        f"UPDATE payments SET certainty = 'unknown', version = version + 1 WHERE id = {open_payment.id}",
    )
    for values in ({"certainty": "'known'"}, {"certainty": "'known'", "status": "'expired'"}):
        for attack in make_update_attacks(
            "payments", {**VERSION_UPDATE, **values}, f"id = {open_payment.id}", [{**VERSION_UPDATE, **values}]
        ):
            scene.attack_as_each_role((attack, attack.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)))
    assert scene.sql(f"SELECT certainty FROM payments WHERE id = {open_payment.id}") == [("unknown",)]
    scene.attack_as_each_role(
        make_update_attacks("orders", {**VERSION_UPDATE, "status": "'cancelled'"}, f"id = {open_payment.order_id}")
    )
    assert pay_and_probe(scene, open_payment) == ("completed", "paid")
    assert scene.sql(f"SELECT certainty FROM payments WHERE id = {open_payment.id}") == [("known",)]
    scene.check_ordinary_work()


def test_a_paid_order_keeps_its_state(harm_scene: AttackedDatabase, open_payment: Payment) -> None:
    """No database account can change a paid order to refunded, shipped or delivered, or increase the paid amount. A
    real refund of the whole amount changes the order to refunded.
    """
    scene = harm_scene
    assert pay_and_probe(scene, open_payment) == ("completed", "paid")
    for word in ("refunded", "shipped", "delivered", "cancelled", "pending"):
        scene.attack_as_each_role(
            make_update_attacks("orders", {**VERSION_UPDATE, "status": f"'{word}'"}, f"id = {open_payment.order_id}")
        )
    more = (
        {"captured_minor": "captured_minor + 100000"},
        {"captured_minor": "1000000", "paid_at": UTC_NOW_SQL},
        {"refunded_minor": "captured_minor"},
        {"reserved_minor": "captured_minor"},
        {"status": "'reversed'"},
        {"paid_at": UTC_NOW_SQL},
        {"currency": "'INR'"},
        {"asked_minor": "9000000"},
        {"order_id": "NULL"},
    )
    for values in more:
        scene.attack_as_each_role(
            make_update_attacks("payments", {**VERSION_UPDATE, **values}, f"id = {open_payment.id}")
        )
    free = {**VERSION_UPDATE, "reserved_minor": "0"}
    scene.attack_as_each_role(make_update_attacks("payments", free, f"id = {open_payment.id}"), ("op-b",))
    assert read_payment_and_order(scene, open_payment) == ("completed", "paid")
    amounts = scene.sql(f"SELECT captured_minor, refunded_minor FROM payments WHERE id = {open_payment.id}")
    assert amounts == [(3_300, 0)]
    refund = scene.request_refund(open_payment, amount=3_300)
    scene.get_desk("lead-b").refunds.approve(refund.id)
    key = scene.get_desk("lead-b").refunds.read_refund(refund.id).record.provider_refund_key or ""
    scene.sandbox.control.payments_control.change_refund_state(key, "completed")
    wait_until(lambda: _is_refunded(scene, refund.id, open_payment), "the order to be refunded")
    scene.check_ordinary_work()


def _is_refunded(scene: AttackedDatabase, refund: int, payment: Payment) -> bool:
    call_and_get_code(lambda: scene.get_desk("op-b").refunds.probe(refund))
    return read_payment_and_order(scene, payment)[1] == "refunded"


def test_no_account_inserts_an_order_or_payment_in_an_end_state(
    harm_scene: AttackedDatabase, open_payment: Payment
) -> None:
    """No account can insert an order or a payment that is already paid, cancelled or ended, change an order to such a
    state, or assign the payment of another order to an order. The order can still be paid afterwards.
    """
    scene = harm_scene
    order_id, number = insert_order(scene)
    before = scene.sql("SELECT (SELECT COUNT(*) FROM orders), (SELECT MAX(id) FROM payments)")
    for state in ("paid", "cancelled", "refunded", "pending"):
        row = {"merch_txn_id": "UUID()", "total_amount": "1", "currency": "'JPY'", "status": f"'{state}'"}
        scene.attack_as_each_role(make_insert_attacks("orders", row))
    for state in ("payment_success", "completed", "reversed", *UNPAID_END_STATES):
        made = {
            "order_id": str(order_id),
            "provider": "'paypay'",
            "merchant_payment_id": "UUID()",
            "currency": "'JPY'",
            "asked_minor": "3300",
            "created_at": UTC_NOW_SQL,
            "changed_at": UTC_NOW_SQL,
            "status": f"'{state}'",
        }
        scene.attack_as_each_role(make_insert_attacks("payments", made))
    scene.attack_as_each_role(
        make_update_attacks("payments", {**VERSION_UPDATE, "order_id": str(order_id)}, f"id = {open_payment.id}")
    )
    after = scene.sql("SELECT (SELECT COUNT(*) FROM orders), (SELECT MAX(id) FROM payments)")
    assert after == before
    for word in ("paid", "cancelled", "refunded", "shipped"):
        scene.attack_as_each_role(
            make_update_attacks("orders", {**VERSION_UPDATE, "status": f"'{word}'"}, f"id = {order_id}")
        )
    payment = scene.get_desk("op-a").payments.start(order_id, "paypay").payment
    assert payment.state in (PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT)
    assert pay_and_probe(scene, payment) == ("completed", "paid"), number
    scene.check_ordinary_work()


def test_a_part_of_the_price_pays_no_order(harm_scene: AttackedDatabase) -> None:
    """A person inserts two payments for an order with a higher price: one of one yen, and one in another currency
    that nobody pays. The payer pays the one yen. No database account can then change the order to paid.
    """
    scene = harm_scene
    order_id, number = insert_order(scene)
    for sum_and_currency in (("1", "'JPY'"), ("1000000", "'INR'")):
        made = {
            "order_id": str(order_id),
            "provider": "'bank'",
            "merchant_payment_id": f"'{number}{sum_and_currency[0][1:]}'",
            "currency": sum_and_currency[1],
            "asked_minor": sum_and_currency[0],
            "created_at": UTC_NOW_SQL,
            "changed_at": UTC_NOW_SQL,
            "begun_at": UTC_NOW_SQL,
            "status": "'user_payment'",
        }
        scene.attack_as_each_role(make_insert_attacks("payments", made), ("op-a", "worker"))
    notice_content = {
        "event_id": number, "type": "payment.succeeded", "order_no": number, "amount": "1", "currency": "JPY",
        "occurred_at": datetime.now(PYTHON_UTC).isoformat(),
    }  # fmt: skip
    notice = make_signed_notice("bank", json.dumps(notice_content).encode(), datetime.now(PYTHON_UTC))
    assert scene.get_desk("worker").payments.receive_notice(notice).done == "booked"
    scene.attack_as_each_role(
        make_update_attacks("orders", {**VERSION_UPDATE, "status": "'paid'"}, f"id = {order_id}")
    )
    scene.get_desk("worker").recovery.run_all_tasks()
    captured = scene.sql(f"SELECT SUM(captured_minor) FROM payments WHERE order_id = {order_id}")
    assert captured == [(1,)]
    assert scene.sql(f"SELECT status FROM orders WHERE id = {order_id}") == [("pending",)]
    scene.check_ordinary_work()
