"""Tests of the queue of mismatches: each row shows the values of the sides that differ. A payment about which the
provider was not queried is no mismatch.
"""

from console.domain.payments.records import PaymentImport
from console.domain.queue_names import MISMATCH_QUEUE_NAME
from console.domain.views.any_record import QueueItem
from console.wording.mismatches import format_mismatch
from tests.support.payment_desks import PaymentDesk


def read_mismatch_queue(scene: PaymentDesk) -> dict[tuple[str, int], QueueItem]:
    """Return the items of the queue by kind and id."""
    page = scene.console.recovery.read_queue(MISMATCH_QUEUE_NAME)
    return {(type(item.record).__name__, item.record.id): item for item in page.items}


def format_item_mismatch(item: QueueItem, language: str = "en") -> str:
    """Return the sentence that describes the mismatch of the item."""
    assert item.mismatch is not None
    return format_mismatch(item.record, item.mismatch, language)


def test_each_mismatch_has_its_differing_side(scene: PaymentDesk) -> None:
    """The queue contains a payment of a cancelled order and a payment below the order's total, but no normal payment.
    Each item shows the two differing values and the same explanation as the record's page.
    """
    for number, total in (("ORD-1", 3300), ("ORD-2", 4400), ("ORD-3", 3300)):
        scene.insert_order(number, total)
        scene.money.register_payment("paypay", number, 3300)
    scene.cancel_order("ORD-1")
    late, short, _ = (
        scene.payments.import_payment(PaymentImport("paypay", number)).id for number in ("ORD-1", "ORD-2", "ORD-3")
    )
    rows = read_mismatch_queue(scene)
    assert {key for key in rows if key[0] == "Payment"} == {("Payment", late), ("Payment", short)}
    assert format_item_mismatch(rows["Payment", late]).startswith("Order: Cancelled ≠ our record: ")
    assert format_item_mismatch(rows["Payment", short]) == ("Order: Unpaid, ¥4,400 ≠ our record: Completed, ¥3,300")
    assert format_item_mismatch(rows["Payment", short], "ja") == ("注文: 未入金、¥4,400 ≠ 当社の記録: 完了、¥3,300")
    for payment in (late, short):
        assert rows["Payment", payment].explanation == scene.payments.read_payment(payment).explanation
    sides = rows["Payment", short].mismatch
    assert sides is not None
    assert [(side.name, side.minor) for side in sides.sides] == [("ours", 3300), ("provider", 3300), ("order", 4400)]
    assert sides.rule == "not_moved"
    assert scene.console.recovery.count_queued_records()[-1].count == len(rows)


def test_a_record_without_an_answer_is_no_mismatch(scene: PaymentDesk) -> None:
    """A payment that is known from a notice and was not read yet is not in the queue; neither is an order without a
    payment.
    """
    scene.insert_order("ORD-1", 3300)
    scene.insert_order("ORD-2", 4400)
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    assert read_mismatch_queue(scene) == {}


def test_a_different_amount_is_a_mismatch_until_the_next_answer(scene: PaymentDesk) -> None:
    """If the provider's last answer has another amount, the payment is in the queue until an answer agrees, also if
    no person has to look at the payment.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300)
    payment = scene.payments.import_payment(PaymentImport("paypay", "ORD-1"))
    assert read_mismatch_queue(scene) == {}
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET provider_minor = 3200 WHERE id = {payment.id}")
    (item,) = read_mismatch_queue(scene).values()
    assert format_item_mismatch(item) == "PayPay: ¥3,200 ≠ our record: ¥3,300"
    scene.payments.probe(payment.id)
    assert read_mismatch_queue(scene) == {}
