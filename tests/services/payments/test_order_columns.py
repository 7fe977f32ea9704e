"""The program fills the shop's columns of an order as soon as its payment provides the values, and never overwrites a
different value in them.
"""

import pytest

from console.services.payments import order_columns
from console.store.payments import orders
from tests.support.payment_desks import PaymentDesk

_SHOP_COLUMNS = "atom_token_id, atom_txn_id, payment_method"


def read_columns(scene: PaymentDesk, number: str = "ORD-1") -> tuple[str | None, ...]:
    """Return the columns `atom_token_id`, `atom_txn_id` and `payment_method` of the order with this order number,
    in this sequence.
    """
    return tuple(scene.place.sql(f"SELECT {_SHOP_COLUMNS} FROM orders WHERE merch_txn_id = '{number}'")[0])


def start_payment_at_atom(scene: PaymentDesk, shop: str = "") -> int:
    """Create an order, start its payment at Atom, and return the payment's id. `shop` are SQL assignments, such as
    `payment_method = 'x'`, by which the shop has written columns of the order before the start.
    """
    order = scene.insert_order("ORD-1", 3300, "INR")
    if shop:
        scene.place.sql(f"UPDATE orders SET {shop}")
    return scene.payments.start(order, "atom").payment.id


def test_a_read_of_atom_fills_the_columns_of_its_order(scene: PaymentDesk) -> None:
    """For a payment at Atom, the token is written into the order when the payment starts. The transaction id and the
    payment method are written after a read finds that the payment was paid.
    """
    payment = start_payment_at_atom(scene)
    token = scene.read_payment(payment).handle
    assert read_columns(scene) == (token, None, None)
    scene.payments.probe(payment)
    assert read_columns(scene) == (token, None, None)
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    scene.payments.probe(payment)
    paid = scene.read_payment(payment)
    assert paid.provider_payment_id is not None
    assert read_columns(scene) == (token, paid.provider_payment_id, "atom")
    assert scene.read_order("ORD-1").state == "paid"
    assert (scene.count_audit_entries("order.filled"), scene.count_audit_entries("order.differs")) == (2, 0)


def test_a_callback_of_atom_fills_the_columns_of_its_order(scene: PaymentDesk) -> None:
    """The values of an Atom callback are written into the order's columns, even before a read has confirmed the
    callback.
    """
    payment = start_payment_at_atom(scene)
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    scene.control.add_fault("status:503", call="atom_verification")
    scene.deliver_notice("atom", "ORD-1")
    paid = scene.read_payment(payment)
    assert paid.state in ("signature_verified", "completed")
    assert read_columns(scene) == (paid.handle, paid.provider_payment_id, "atom")


def test_payments_of_paypay_and_banks_fill_the_columns_of_their_order(scene: PaymentDesk) -> None:
    """For a payment at PayPay, or of a source that only sends notices, the program writes only the column
    `payment_method` of the order. The other columns are for Atom's values.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment.id
    assert read_columns(scene) == (None, None, None)
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment)
    assert read_columns(scene) == (None, None, "paypay")
    scene.insert_order("ORD-2", 3300)
    scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-2"))
    assert read_columns(scene, "ORD-2") == (None, None, "bank")


def test_a_failed_payment_writes_no_payment_method(scene: PaymentDesk) -> None:
    """A failed payment doesn't write the payment method into its order."""
    payment = start_payment_at_atom(scene)
    scene.money.change_payment_state("atom", "ORD-1", "failed")
    scene.payments.probe(payment)
    assert read_columns(scene) == (scene.read_payment(payment).handle, None, None)


@pytest.mark.parametrize("is_filled", [True, False])
def test_a_different_value_of_the_shop_is_kept_and_audited(scene: PaymentDesk, is_filled: bool) -> None:
    """The shop has written a value that differs from the payment's value: the shop's value stays, and the audit trail
    has one entry for each such column. An empty text doesn't count as a value.
    """
    theirs = ("'T-9'", "'11000'", "'card'") if is_filled else ("''", "''", "''")
    names = _SHOP_COLUMNS.split(", ")
    payment = start_payment_at_atom(
        scene, ", ".join(f"{name} = {value}" for name, value in zip(names, theirs, strict=True))
    )
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    scene.payments.probe(payment)
    scene.payments.probe(payment)
    paid = scene.read_payment(payment)
    ours = (paid.handle, paid.provider_payment_id, "atom")
    assert read_columns(scene) == (("T-9", "11000", "card") if is_filled else ours)
    assert scene.count_audit_entries("order.differs") == (3 if is_filled else 0)
    assert scene.read_order("ORD-1").state == "paid"


def test_a_value_of_the_shop_is_not_written_again(scene: PaymentDesk) -> None:
    """The shop has already written the same value as the payment's: the program neither writes nor audits it."""
    order = scene.insert_order("ORD-1", 3300)
    scene.place.sql("UPDATE orders SET payment_method = 'paypay'")
    payment = scene.payments.start(order, "paypay").payment.id
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment)
    assert (scene.count_audit_entries("order.filled"), scene.count_audit_entries("order.differs")) == (0, 0)


def test_an_order_in_a_state_of_the_shop_is_not_changed(scene: PaymentDesk) -> None:
    """An order is in a state that only the shop's program uses: the columns of the order aren't changed."""
    payment = start_payment_at_atom(scene)
    scene.place.drop_table_triggers("orders")
    scene.place.sql("UPDATE orders SET status = 'on_hold', atom_token_id = NULL, version = version + 1")
    order_columns.write_order_column_values(scene.context, payment)
    assert read_columns(scene) == (None, None, None)


def test_a_simultaneous_write_of_the_shop_is_kept(scene: PaymentDesk) -> None:
    """The shop writes a column at the same moment as the program, without raising the order's version: the shop's
    value stays, because the program's statement also compares the columns themselves.
    """
    payment = start_payment_at_atom(scene)
    scene.place.sql("UPDATE orders SET atom_token_id = NULL")
    with scene.context.database.read() as conn:
        read = orders.find(conn, scene.read_order("ORD-1").id)
    assert read is not None
    scene.place.sql("UPDATE orders SET atom_token_id = 'T-9'")
    with pytest.raises(orders.StaleRow):
        scene.context.write(
            lambda tx: orders.fill_empty_columns(tx.conn, read, scene.context.now(), {"atom_token_id": "T-1"})
        )
    order_columns.write_order_column_values(scene.context, payment)
    assert read_columns(scene) == ("T-9", None, None)


def test_columns_missed_by_a_killed_desk_are_filled_at_the_next_step(scene: PaymentDesk) -> None:
    """If a desk was killed between starting the payment and writing the order's columns, the next step of the payment
    writes all columns.
    """
    payment = start_payment_at_atom(scene)
    scene.place.sql("UPDATE orders SET atom_token_id = NULL")
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    scene.payments.probe(payment)
    paid = scene.read_payment(payment)
    assert read_columns(scene) == (paid.handle, paid.provider_payment_id, "atom")


def test_columns_missed_at_the_start_are_filled_at_the_failure(scene: PaymentDesk) -> None:
    """The start of a payment did not write the order's columns: they are written when the payment fails, although the
    order isn't paid.
    """
    payment = start_payment_at_atom(scene)
    scene.place.sql("UPDATE orders SET atom_token_id = NULL")
    scene.money.change_payment_state("atom", "ORD-1", "failed")
    scene.payments.probe(payment)
    assert read_columns(scene) == (scene.read_payment(payment).handle, None, None)


def test_an_order_keeps_the_token_of_its_first_payment(scene: PaymentDesk) -> None:
    """An order has two payments: the order keeps the payment page's token of the first payment, and the audit trail
    has that of the second one. The order's transaction id is that of the second payment, which was paid.
    """
    first = start_payment_at_atom(scene)
    token = scene.read_payment(first).handle
    scene.money.change_payment_state("atom", "ORD-1", "failed")
    scene.payments.probe(first)
    second = scene.payments.start(scene.read_order("ORD-1").id, "atom").payment
    scene.money.change_payment_state("atom", second.merchant_payment_id, "paid")
    scene.payments.probe(second.id)
    paid = scene.read_payment(second.id)
    assert paid.handle != token
    assert read_columns(scene) == (token, paid.provider_payment_id, "atom")
    assert scene.count_audit_entries("order.differs") == 1
