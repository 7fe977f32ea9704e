"""Tests that credit checks, orders, payments and refunds are found together: by corporation number, by search words,
and in the queues.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, insert, update

from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.explained_state import CertaintyBadge
from console.domain.explanations.payments import explain_order, explain_payment, find_explained_payment_id
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.queues.filter_text import parse_filter
from console.domain.records import PurchaseRequest, Work, WorkState
from console.domain.recovery.left_open import LeftOpenReason
from console.domain.views.any_record import QueueItem
from console.store.database.engine import Database
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import orders, payments
from console.store.refunds import approvals, refunds
from console.store.schema import payments as schema
from console.store.schema.core import operations
from tests.store.credit_checks.test_joined_reads import make_operation_row
from tests.store.money_rows import (
    NOW,
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
)
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.sent_statements import record_statements

CORPORATION_NUMBER, OTHER_NUMBER = CORPORATION_NUMBERS[:2]
REVIEW_WORK = Work(WorkState.NEEDS_REVIEW, reason="contradicted")
_TABLES_WITHOUT_TRIGGERS = ("approvals", "operations", "orders", "payments", "refunds")


@pytest.fixture
def connection(place: Place) -> Iterator[Connection]:
    """Yield a database connection that writes into the tables without their triggers; each statement is committed at
    once.
    """
    for table in _TABLES_WITHOUT_TRIGGERS:
        place.drop_table_triggers(table)
    with closing(Database(place.url(""))) as opened, opened.engine.connect() as conn:
        yield conn.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
def console(place: Place, connection: Connection) -> Iterator[Console]:
    with place.desk(InMemoryAlarmBox()) as desk:
        yield desk


def insert_order(connection: Connection, number: str = "ORD-1") -> int:
    """Insert an order with the order number `number` of the corporation CORPORATION_NUMBER and return its id."""
    return orders.insert_order(connection, orders.NewOrder(number, 3_300, corporation_number=CORPORATION_NUMBER), NOW)


def list_kinds_and_ids(items: tuple[QueueItem, ...]) -> list[tuple[str, int]]:
    """Return the kind and the id of each item."""
    return [(type(item.record).__name__, item.record.id) for item in items]


def read_all_pages(console: Console, queue: str, limit: int) -> list[tuple[str, int]]:
    """Read the whole queue in pages of `limit` records; return the kind and the id of each item."""
    records, cursor = [], None
    while True:
        page = console.recovery.read_queue(queue, limit, cursor)
        records += list_kinds_and_ids(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return records


def test_a_lookup_returns_all_records_of_a_number(console: Console, connection: Connection) -> None:
    """A lookup of a corporation number returns its credit check, order, payment and refund. The lookup of another
    number returns nothing.
    """
    check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    payment = insert_paid_payment(connection, order_id=insert_order(connection))
    refund = insert_requested_refund(connection, payment)
    result = console.lookup.find_records(CORPORATION_NUMBER)
    assert [one.id for one in result.credit_checks] == [check.id]
    assert [one.payment_ids for one in result.orders] == [(payment.id,)]
    assert (result.payments, result.refunds) == ((payment,), (refund,))
    nothing = console.lookup.find_records(OTHER_NUMBER)
    assert (nothing.credit_checks, nothing.orders, nothing.payments, nothing.refunds) == ((), (), (), ())


def test_an_order_names_its_contradicted_payment_before_others(console: Console, connection: Connection) -> None:
    """If a person must look at several payments of an order, its explanation is about the one that the provider
    contradicts, in a lookup as on its page."""
    order_id = insert_order(connection)
    contradicted = insert_paid_payment(connection, "P-1", order_id=order_id, work=REVIEW_WORK)
    insert_paid_payment(connection, "P-2", order_id=order_id, work=Work(WorkState.NEEDS_REVIEW, reason="paid_twice"))
    order = console.lookup.find_records(CORPORATION_NUMBER).orders[0]
    page = console.payments.read_order(order_id)
    assert order.relations is not None
    assert order.relations.reviewed_payment == contradicted
    assert find_explained_payment_id(order, NOW) == contradicted.id
    assert page.explanation.verdict == explain_order(order, NOW).verdict == "verdict.payment_contradicted"
    assert page.explanation.certainty is CertaintyBadge.SIDES_DISAGREE


def test_an_order_with_a_contradicted_refund_is_not_confirmed(console: Console, connection: Connection) -> None:
    """If the provider contradicts a failed refund, its payment and its order have the badge of a mismatch, in a
    lookup as on their pages."""
    order_id = insert_order(connection)
    payment = insert_paid_payment(connection, order_id=order_id)
    move_refund_to_state(
        connection, insert_requested_refund(connection, payment, work=REVIEW_WORK), RefundState.FAILED
    )
    connection.exec_driver_sql(f"UPDATE orders SET status = 'paid' WHERE id = {order_id}")
    result = console.lookup.find_records(CORPORATION_NUMBER)
    explanations = (
        explain_order(result.orders[0], NOW),
        console.payments.read_order(order_id).explanation,
        explain_payment(result.payments[0], NOW),
        console.payments.read_payment(payment.id).explanation,
    )
    assert {explanation.certainty for explanation in explanations} == {CertaintyBadge.SIDES_DISAGREE}
    assert {explanation.verdict for explanation in explanations} == {"verdict.refund_contradicted"}


def test_a_paid_order_names_its_contradicted_payment_before_an_unmoved_one(
    console: Console, connection: Connection
) -> None:
    """The case `not_moved` of a payment states no mismatch if its order is paid meanwhile. The order's explanation is
    then about another payment, which the provider contradicts."""
    order_id = insert_order(connection)
    contradicted = insert_paid_payment(connection, "P-1", order_id=order_id, work=REVIEW_WORK)
    insert_paid_payment(connection, "P-2", order_id=order_id, work=Work(WorkState.NEEDS_REVIEW, reason="not_moved"))
    connection.exec_driver_sql(f"UPDATE orders SET status = 'paid' WHERE id = {order_id}")
    order = console.lookup.find_records(CORPORATION_NUMBER).orders[0]
    assert order.relations is not None
    assert order.relations.reviewed_payment == contradicted
    explanation = explain_order(order, NOW)
    assert explanation.verdict == "verdict.payment_contradicted"
    assert explanation.certainty is CertaintyBadge.SIDES_DISAGREE


def test_a_pending_order_counts_all_its_payments(console: Console, connection: Connection) -> None:
    """Two payments pay an order together, and a person must set it to paid. The order's explanation counts both: it
    doesn't call the amount too small."""
    order_id = insert_order(connection)
    insert_paid_payment(connection, "P-1", 1_650, order_id=order_id)
    insert_paid_payment(
        connection, "P-2", 1_650, order_id=order_id, work=Work(WorkState.NEEDS_REVIEW, reason="not_moved")
    )
    order = console.lookup.find_records(CORPORATION_NUMBER).orders[0]
    assert order.total_minor == 3_300
    assert explain_order(order, NOW).verdict == "verdict.payment_not_moved"


def test_a_search_finds_records_by_payer_and_key(console: Console, connection: Connection) -> None:
    """A search finds a payment by the beginning of its payer's name, and a refund by the beginning of its key."""
    payment = insert_paid_payment(connection, payer="架空太郎")
    refund = move_refund_to_state(connection, insert_requested_refund(connection, payment), RefundState.APPROVED)
    refunds.change_refund(connection, refund, NOW, status=RefundState.SUBMITTING, provider_refund_key="RFD-ABC")
    assert console.lookup.search("架空").payments.records == (payment,)
    assert [one.id for one in console.lookup.search("RFD-A").refunds.records] == [refund.id]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_queues_order_records_by_need_and_age(console: Console, connection: Connection, limit: int) -> None:
    """In a queue, records of every kind that need a person come first. The other records follow by age, whatever
    their kind, and records of the same age by kind. The counts of the queues count the records of all kinds.
    """
    insert_order(connection, "ORD-1")
    waiting = insert_begun_payment(connection, "P-1", work=Work(WorkState.SCHEDULED, NOW, "unknown"))
    looked_at = insert_begun_payment(connection, "P-2", work=REVIEW_WORK)
    pending = [("Payment", looked_at.id), ("Order", 1), ("Payment", waiting.id)]
    assert read_all_pages(console, "pending", limit) == pending
    refund = insert_requested_refund(connection, insert_paid_payment(connection, "P-3"), work=REVIEW_WORK)
    assert read_all_pages(console, "review", limit) == [("Refund", refund.id), ("Payment", looked_at.id)]
    assert read_all_pages(console, "refunds", limit) == [("Refund", refund.id)]
    counted = {one.queue: one.count for one in console.recovery.count_queued_records()}
    contradicted = [("Refund", refund.id), ("Payment", looked_at.id)]
    assert read_all_pages(console, "disagree", limit) == contradicted
    counts = {"pending": 3, "unknown": 0, "error": 0, "incomplete": 0, "review": 2, "refunds": 1, "disagree": 2}
    assert counted == counts


def test_each_item_of_a_queue_has_reason_and_next_step(
    place: Place, console: Console, connection: Connection
) -> None:
    """Each item of a queue has a reason and a next step. An item that waits for a second person states that."""
    order = orders.find(connection, insert_order(connection))
    assert order is not None
    orders.change_order(connection, order, NOW, **orders.make_work_values(REVIEW_WORK))
    payment = insert_begun_payment(connection, "P-1", work=REVIEW_WORK)
    payments.change_payment(connection, payment, NOW, certainty="unknown")
    refund = move_refund_to_state(
        connection,
        insert_requested_refund(connection, insert_paid_payment(connection, "P-2")),
        RefundState.SUBMITTING,
    )
    refunds.change_refund(connection, refund, NOW, certainty="unknown", **refunds.make_work_values(REVIEW_WORK))
    approvals.insert_proposal(connection, "refund", str(refund.id), "failed", place.get_account_name("op-b"), 1, NOW)
    items = console.recovery.read_queue("review").items
    assert list_kinds_and_ids(items) == [("Refund", refund.id), ("Payment", payment.id), ("Order", order.id)]
    assert all(item.explanation.why and item.explanation.next_step.code and item.since for item in items)
    waiting = {type(item.record): "second_person" in item.explanation.next_step.code for item in items}
    assert waiting == {Refund: True, Payment: False, Order: False}


def test_a_refund_of_an_ended_process_is_unknown_at_once(console: Console, connection: Connection) -> None:
    """If the process of a refund has ended, the refund is shown as unknown before any due task has run. A record of
    another kind with the same id is not affected.
    """
    refund = move_refund_to_state(
        connection,
        insert_requested_refund(connection, insert_paid_payment(connection, "P-1")),
        RefundState.SUBMITTING,
    )
    insert_begun_payment(connection, "P-2")
    lost = make_operation_row(refund.id, "refund.submit", "calling") | {"subject_kind": "refund"}
    connection.execute(insert(operations), lost)
    assert read_all_pages(console, "unknown", 50) == read_all_pages(console, "review", 50) == [("Refund", refund.id)]
    assert [item.record.work.reason for item in console.recovery.read_queue("refunds").items] == ["lapsed"]
    (work,) = console.recovery.list_unfinished_operations()
    assert isinstance(work.record, Refund)
    assert (work.record.id, work.next_step.code != "next.resolve_operation") == (refund.id, True)


def test_a_lapsed_call_makes_related_records_unknown_everywhere(console: Console, connection: Connection) -> None:
    """If the process of a refund or of a payment's start has ended, all lists and sums agree before any due task has
    run: the payment and its order are unknown in filters and searches, and the sums and counts of unknown outcomes
    contain the refund and the payment.
    """
    order_ids = [insert_order(connection, number) for number in ("ORD-1", "ORD-2")]
    paid = insert_paid_payment(connection, "P-1", order_id=order_ids[0])
    begun = insert_begun_payment(connection, "P-2", order_id=order_ids[1])
    refund = move_refund_to_state(connection, insert_requested_refund(connection, paid), RefundState.SUBMITTING)
    calls = (("refund", refund.id, AuditAction.REFUND_SUBMIT), ("payment", begun.id, AuditAction.PAYMENT_START))
    for kind, record_id, action in calls:
        lapsed = {"subject_kind": kind, "id": kind, "idempotency_key": kind}
        connection.execute(insert(operations), make_operation_row(record_id, action, "calling") | lapsed)
    today = convert_to_naive_utc(console._context.now())
    connection.execute(update(schema.payments).values(begun_at=today))
    connection.execute(update(schema.refunds).values(created_at=today))
    unknown = {("Payment", paid.id), ("Payment", begun.id), ("Refund", refund.id)}
    unknown |= {("Order", order_id) for order_id in order_ids}
    for certainty, expected_records in (("unknown", unknown), ("known", set())):
        records = console.lookup.search(f"certainty:{certainty}").records
        assert {(type(record).__name__, record.id) for record in records} == expected_records
    pending = console.recovery.read_queue("pending", record_filter=parse_filter("certainty:known").record_filter)
    assert list_kinds_and_ids(pending.items) == []
    (totals,) = console.lookup.find_records(CORPORATION_NUMBER).totals
    assert totals.unknown_minor == refund.amount_minor
    (funnel,) = console.reports.read_refund_funnel().funnels
    assert funnel.unknown.minor == refund.amount_minor
    (series,) = console.reports.read_provider_success().providers
    assert sum(day.unknown for day in series.days) == 1


@pytest.mark.engines("mariadb")
def test_a_search_asks_for_the_servers_time_once_for_all_refunds(console: Console, connection: Connection) -> None:
    """The next step of an expired refund is a new request, which the time of the database server may exclude. A
    search that finds two expired refunds asks the server for its time once, not once for each refund.
    """
    for number in ("P-1", "P-2"):
        refund = insert_requested_refund(connection, insert_paid_payment(connection, number))
        move_refund_to_state(connection, refund, RefundState.EXPIRED)
    with record_statements(console) as sent:
        assert len(console.lookup.search("kind:refund").records_by_kind["refund"].records) == 2
    assert sum("SYSDATE" in statement and "FROM" not in statement for statement in sent) == 1


def test_after_a_crash_only_operations_with_effect_are_unfinished(
    place: Place, console: Console, connection: Connection
) -> None:
    """If the process of a call has crashed, both lists of unfinished operations show the call in its later state at
    once: a purchase is unknown, and a re-fetch, which only reads, has failed and is not listed."""
    for subject, action in enumerate((AuditAction.CREDIT_CHECK_PURCHASE, AuditAction.CREDIT_CHECK_REFETCH), 1):
        lapsed = make_operation_row(subject, action, "calling") | {"operator": place.get_account_name("op-a")}
        connection.execute(insert(operations), lapsed)
    (work,) = console.recovery.list_unfinished_operations()
    assert (work.operation.subject_id, work.operation.state) == (1, "unknown")
    left_open = [(item.reason, item.id) for item in console.left_open.list_items()]
    assert left_open == [(LeftOpenReason.OPERATION, "1")]


def test_an_invalid_cursor_is_refused(console: Console) -> None:
    """A queue refuses an invalid cursor with `usage`."""
    for cursor in (
        "", "none", "none.5", "none.refund", "none.refund.x", "none.refund.5.6", "over.refund.5", "none.nobody.5",
        "none.refund.-1", "none.refund.９", "none.refund.1234567890123456789",
    ):  # fmt: skip
        with pytest.raises(ConsoleError) as refused:
            console.recovery.read_queue("review", 50, cursor)
        assert (refused.value.code, refused.value.detail["problem"]) == ("usage", "cursor"), cursor


def test_a_failed_refund_is_queued_until_a_later_one_completes(console: Console, connection: Connection) -> None:
    """A failed refund stays in the queue until a later refund of its payment is completed."""
    payment = insert_paid_payment(connection)
    failed = move_refund_to_state(connection, insert_requested_refund(connection, payment), RefundState.FAILED)
    assert read_all_pages(console, "error", 50) == [("Refund", failed.id)]
    move_refund_to_state(connection, insert_requested_refund(connection, payment), RefundState.COMPLETED)
    assert read_all_pages(console, "error", 50) == []
    result = console.lookup.search("ORD-1")
    assert [one.id for one in result.payments.records] == [payment.id]
    assert result.credit_checks.records == ()
