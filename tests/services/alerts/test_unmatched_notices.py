"""Tests of the queue of unmatched notices: the facts of a notice, why it matches no record, similar records, and how
the notice leaves the queue.
"""

from datetime import timedelta

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import Order, PaymentImport
from console.domain.views.unmatched_notices import NoticeProof, SharedFact, UnmatchedNoticeItem
from console.store.database.engine import Transaction
from console.store.payments import payments
from tests.support.payment_desks import PaymentDesk


def read_unmatched_notices(scene: PaymentDesk) -> dict[str, UnmatchedNoticeItem]:
    """Return a dictionary from the order number in each unmatched notice to its item in the queue."""
    page = scene.console.notices.read_page()
    assert scene.console.notices.count_open_notices().count == len(page.items)
    return {item.notice.order_no or "": item for item in page.items}


def read_advice(item: UnmatchedNoticeItem) -> tuple[str, str, str | None]:
    """Return the reason, the next step and the command of the item's explanation."""
    explanation = item.explanation
    return explanation.why, explanation.next_step.code, explanation.next_step.command


@pytest.mark.expects_log("a notice that can't be verified")
def test_each_unmatched_notice_has_its_reason(scene: PaymentDesk) -> None:
    """Each of four kinds of unmatched notices has its own reason and next step: a signed notice without a record, an
    unsigned notice of a provider that can be queried, a notice with another provider's number, and a notice whose
    stored content was changed. When the order of a notice appears, the notice is booked and leaves the queue.
    """
    post = scene.payments.receive_notice
    for event, number in (("ev-1", "ORD-1"), ("ev-2", "ORD-2"), ("ev-3", "ORD-3"), ("ev-4", "ORD-4")):
        assert post(scene.make_bank_notice(event, number)).done == "unmatched"
    for number in ("ORD-3", "ORD-9"):
        scene.money.register_payment("paypay", number, 3300)
    assert scene.deliver_notice("paypay", "ORD-9").done == "unmatched"
    scene.insert_order("ORD-2", 3300)
    scene.payments.import_payment(PaymentImport("paypay", "ORD-3"))
    scene.place.drop_table_triggers("payment_events")
    scene.place.sql("UPDATE payment_events SET amount_minor = 1 WHERE event_id = 'ev-4'")
    scene.run_due_tasks()
    queue = read_unmatched_notices(scene)
    assert "ORD-2" not in queue, "its order has come, and the due task has booked it"
    ack = f"support-console alerts ack {queue['ORD-1'].cases[0].id} --note TEXT"
    assert read_advice(queue["ORD-1"]) == ("why.notice_no_record", "next.notice_compare", ack)
    importing = "support-console payment import paypay ORD-9"
    assert read_advice(queue["ORD-9"]) == ("why.notice_no_record", "next.notice_import", importing)
    assert read_advice(queue["ORD-3"])[:2] == ("why.notice_other_provider", "next.notice_compare")
    assert read_advice(queue["ORD-4"])[:2] == ("why.notice_unverified", "next.notice_ask_sender")
    assert (queue["ORD-1"].notice.proof, queue["ORD-9"].notice.proof, queue["ORD-4"].notice.proof) == (
        NoticeProof.SIGNATURE,
        NoticeProof.ADDRESS,
        NoticeProof.NONE,
    )
    assert (queue["ORD-1"].notice.amount_minor, queue["ORD-1"].notice.currency) == (3300, "JPY")


def test_similar_records_are_shown_and_never_chosen(scene: PaymentDesk) -> None:
    """An unmatched notice shows the order with its amount and day. When an order with the notice's number appears,
    this order comes first, and the next step is to wait for the due task. The program changes none of these records
    and books no payment.
    """
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    scene.insert_order("ORD-8", 3300)
    scene.insert_order("ORD-7", 9900)
    (item,) = scene.console.notices.read_page().items
    assert item.candidates is not None
    assert [(one.record.id, one.shared_facts) for one in item.candidates] == [
        (scene.read_order("ORD-8").id, (SharedFact.AMOUNT, SharedFact.DAY))
    ]
    assert scene.console.notices.read_item(item.cases[0].id) == item
    scene.insert_order("ORD-1", 3300)
    (now,) = scene.console.notices.read_page().items
    assert read_advice(now) == ("why.notice_record_since", "next.notice_wait", None)
    assert next(one.shared_facts for one in now.candidates or ()) == (
        SharedFact.NUMBER,
        SharedFact.AMOUNT,
        SharedFact.DAY,
    )
    assert scene.read_order("ORD-8").state == "pending"
    assert scene.find_payment("bank", "ORD-1") is None


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read is told")
def test_an_unreadable_record_with_the_number_of_a_notice_hides_no_notice(scene: PaymentDesk) -> None:
    """An order that another program has damaged has the number of an unmatched notice: the queue still shows all
    notices.
    """
    for event, number in (("ev-1", "ORD-1"), ("ev-2", "ORD-2")):
        scene.payments.receive_notice(scene.make_bank_notice(event, number))
    scene.insert_order("ORD-1", 3300)
    scene.place.drop_table_triggers("orders")
    scene.place.sql("UPDATE orders SET total_amount = '3,300'")
    assert set(read_unmatched_notices(scene)) == {"ORD-1", "ORD-2"}


def test_alerts_about_two_notices_name_their_order_numbers(scene: PaymentDesk) -> None:
    """Two unmatched notices are two rows in the list of alerts. Each row names the order number of its notice, as the
    queue of unmatched notices does; the kind alone wouldn't distinguish them."""
    numbers = ("ORD-4711", "ORD-4712")
    for number in numbers:
        scene.payments.receive_notice(scene.make_bank_notice(f"ev-{number}", number))
    incidents = scene.console.incidents.list_incidents()
    assert sorted(incident.number or "" for incident in incidents) == list(numbers)


def test_similar_payments_leave_room_for_similar_orders(scene: PaymentDesk) -> None:
    """Ten payments have the notice's amount and day: the list of similar records still contains the unpaid order of
    that amount.
    """
    now = scene.context.now()

    def insert_payments(tx: Transaction) -> None:
        for number in range(10):
            begun_at = now if number < 5 else now - timedelta(days=3)
            new = payments.NewPayment("bank", f"PAID-{number}", "JPY", 3300, begun_at=begun_at)
            payments.insert_payment(tx.conn, new, now)

    scene.context.database.write(insert_payments)
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET paid_at = '{now:%Y-%m-%d %H:%M:%S}' WHERE merchant_payment_id > 'PAID-4'")
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    scene.insert_order("ORD-8", 3300)
    (item,) = scene.console.notices.read_page().items
    offered = [one.record for one in item.candidates or ()]
    assert len(offered) == 11
    assert [one.merch_txn_id for one in offered if isinstance(one, Order)] == ["ORD-8"]


def test_an_acknowledged_notice_is_still_matched_later(scene: PaymentDesk) -> None:
    """A notice that a person acknowledges leaves the queue and is audited. The notice stays stored, and is booked
    when its order appears.
    """
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    (item,) = scene.console.notices.read_page().items
    scene.console.alerts.acknowledge_alerts([case.id for case in item.cases], "asked the bank")
    assert read_unmatched_notices(scene) == {}
    assert scene.count_audit_entries("alert.acknowledged") == 1
    with pytest.raises(ConsoleError, match="not_found"):
        scene.console.notices.read_item(item.cases[0].id)
    scene.insert_order("ORD-1", 3300)
    scene.run_due_tasks()
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    assert payment.captured_minor == 3300


def test_an_acknowledged_notice_leaves_the_case_of_another_amount_open(scene: PaymentDesk) -> None:
    """If two notices have the same event id and different amounts, the acknowledgement of the unmatched notice does
    not close the case about the other amount.
    """
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1", amount="9900"))
    (item,) = scene.console.notices.read_page().items
    scene.console.alerts.acknowledge_alerts([case.id for case in item.cases], "asked the bank")
    assert read_unmatched_notices(scene) == {}
    alert_rows = scene.place.sql("SELECT rule_id, acknowledged_by IS NOT NULL FROM alerts ORDER BY id")
    assert alert_rows == [("unmatched_notice", 1), ("contradicted", 0)]


def test_pages_have_each_unmatched_notice_once(scene: PaymentDesk) -> None:
    """The pages of the queue contain each notice once, the oldest first; an invalid cursor is refused."""
    for number in range(5):
        scene.payments.receive_notice(scene.make_bank_notice(f"ev-{number}", f"ORD-{number}"))
    order_numbers, after = [], None
    while True:
        page = scene.console.notices.read_page(2, after)
        order_numbers += [item.notice.order_no for item in page.items]
        after = page.next_cursor
        if after is None:
            break
    assert order_numbers == [f"ORD-{number}" for number in range(5)]
    assert scene.console.notices.read_page(5).next_cursor is None
    with pytest.raises(ConsoleError, match="usage"):
        scene.console.notices.read_page(2, "x")
