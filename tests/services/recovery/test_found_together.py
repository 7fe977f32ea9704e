"""Credit checks, orders, payments and refunds found together: by number, by what people type, and in the queues."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, insert

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.records import PurchaseRequest, Work, WorkState
from console.domain.views.any_record import QueueItem
from console.store.database.engine import Database
from console.store.payments import orders, payments
from console.store.refunds import approvals, refunds
from console.store.schema.core import operations
from tests.store.credit_checks.test_joined_reads import call
from tests.store.money_rows import NOW, asked, begun, moved, paid
from tests.support.desks import NUMBERS
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place

NUMBER, OTHER = NUMBERS[:2]
REVIEW = Work(WorkState.NEEDS_REVIEW, reason="contradicted")
_MONEY = ("approvals", "operations", "orders", "payments", "refunds")


@pytest.fixture
def books(place: Place) -> Iterator[Connection]:
    """A connection that writes into the tables past the triggers; each statement is committed at once."""
    for table in _MONEY:
        place.unguard(table)
    with closing(Database(place.url(""))) as opened, opened.engine.connect() as conn:
        yield conn.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
def console(place: Place, books: Connection) -> Iterator[Console]:
    with place.desk(LedgerVendor()) as desk:
        yield desk


def ordered(books: Connection, number: str = "ORD-1") -> int:
    return orders.insert_order(books, orders.NewOrder(number, 3_300, corporation_number=NUMBER), NOW)


def names(items: tuple[QueueItem, ...]) -> list[tuple[str, int]]:
    return [(type(item.record).__name__, item.record.id) for item in items]


def walked(console: Console, queue: str, limit: int) -> list[tuple[str, int]]:
    """Page after page."""
    found, cursor = [], None
    while True:
        page = console.recovery.read_queue(queue, limit, cursor)
        found += names(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_all_that_there_is_of_a_number(console: Console, books: Connection) -> None:
    """One lookup of a number returns its credit check, order, payment and refund; the lookup of another number
    returns nothing.
    """
    check = console.credit_checks.purchase(PurchaseRequest(NUMBER, "1"))
    payment = paid(books, order_id=ordered(books))
    refund = asked(books, payment)
    found = console.lookup.find_records(NUMBER)
    assert [one.id for one in found.credit_checks] == [check.id]
    assert [one.payment_ids for one in found.orders] == [(payment.id,)]
    assert (found.payments, found.refunds) == ((payment,), (refund,))
    nothing = console.lookup.find_records(OTHER)
    assert (nothing.credit_checks, nothing.orders, nothing.payments, nothing.refunds) == ((), (), (), ())


def test_found_by_payer_and_key(console: Console, books: Connection) -> None:
    """A search finds a payment by the beginning of its payer, and a refund by the beginning of its key."""
    payment = paid(books, payer="架空太郎")
    refund = moved(books, asked(books, payment), RefundState.APPROVED)
    refunds.change_refund(books, refund, NOW, status=RefundState.SUBMITTING, provider_refund_key="RFD-ABC")
    assert console.lookup.search("架空").payments.records == (payment,)
    assert [one.id for one in console.lookup.search("RFD-A").refunds.records] == [refund.id]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_queues_lead_from_kind_to_kind(console: Console, books: Connection, limit: int) -> None:
    """Records that need a person come first, of every kind; then refunds, payments, orders, credit checks."""
    ordered(books, "ORD-1")
    waiting = begun(books, "P-1", work=Work(WorkState.SCHEDULED, NOW, "unknown"))
    looked_at = begun(books, "P-2", work=REVIEW)
    pending = [("Payment", looked_at.id), ("Order", 1), ("Payment", waiting.id)]
    assert walked(console, "pending", limit) == pending
    refund = asked(books, paid(books, "P-3"), work=REVIEW)
    assert walked(console, "review", limit) == [("Refund", refund.id), ("Payment", looked_at.id)]
    assert walked(console, "refunds", limit) == [("Refund", refund.id)]
    counted = {one.queue: one.count for one in console.recovery.count_queues()}
    contradicted = [("Refund", refund.id), ("Payment", looked_at.id)]
    assert walked(console, "disagree", limit) == contradicted
    counts = {"pending": 3, "unknown": 0, "error": 0, "incomplete": 0, "review": 2, "refunds": 1, "disagree": 2}
    assert counted == counts


def test_everything_in_a_queue_is_explained(place: Place, console: Console, books: Connection) -> None:
    """Each item says why it is there and what comes next; one that waits for a second person says so."""
    order = orders.find(books, ordered(books))
    assert order is not None
    orders.change_order(books, order, NOW, **orders.make_work_values(REVIEW))
    payment = begun(books, "P-1", work=REVIEW)
    payments.change_payment(books, payment, NOW, certainty="unknown")
    refund = moved(books, asked(books, paid(books, "P-2")), RefundState.SUBMITTING)
    refunds.change_refund(books, refund, NOW, certainty="unknown", **refunds.make_work_values(REVIEW))
    approvals.insert_proposal(books, "refund", str(refund.id), "failed", place.named("op-b"), 1, NOW)
    items = console.recovery.read_queue("review").items
    assert names(items) == [("Refund", refund.id), ("Payment", payment.id), ("Order", order.id)]
    assert all(item.explanation.why and item.explanation.next_step.code and item.since for item in items)
    waiting = {type(item.record): "second_person" in item.explanation.next_step.code for item in items}
    assert waiting == {Refund: True, Payment: False, Order: False}


def test_a_call_that_broke_off_is_unknown_at_once(console: Console, books: Connection) -> None:
    """A refund whose process went away is no longer merely being sent, before any task has run; the same id of
    another kind is as it was.
    """
    refund = moved(books, asked(books, paid(books, "P-1")), RefundState.SUBMITTING)
    begun(books, "P-2")
    lost = call(refund.id, "refund.submit", "calling") | {"subject_kind": "refund"}
    books.execute(insert(operations), lost)
    assert walked(console, "unknown", 50) == walked(console, "review", 50) == [("Refund", refund.id)]
    assert [item.record.work.reason for item in console.recovery.read_queue("refunds").items] == ["lapsed"]
    (work,) = console.recovery.list_unfinished_operations()
    assert isinstance(work.record, Refund)
    assert (work.record.id, work.next_step.code != "next.resolve_operation") == (refund.id, True)


def test_a_cursor_of_somebody_elses(console: Console) -> None:
    """Refused as usage, whatever it is."""
    for cursor in (
        "", "none", "none.5", "none.refund", "none.refund.x", "none.refund.5.6", "over.refund.5", "none.nobody.5",
        "none.refund.-1", "none.refund.９", "none.refund.1234567890123456789",
    ):  # fmt: skip
        with pytest.raises(ConsoleError) as refused:
            console.recovery.read_queue("review", 50, cursor)
        assert (refused.value.code, refused.value.detail["problem"]) == ("usage", "cursor"), cursor


def test_an_error_until_it_was_made_good(console: Console, books: Connection) -> None:
    """A failed refund waits in the queue until a later one of its payment is completed."""
    payment = paid(books)
    failed = moved(books, asked(books, payment), RefundState.FAILED)
    assert walked(console, "error", 50) == [("Refund", failed.id)]
    moved(books, asked(books, payment), RefundState.COMPLETED)
    assert walked(console, "error", 50) == []
    found = console.lookup.search("ORD-1")
    assert [one.id for one in found.payments.records] == [payment.id]
    assert found.credit_checks.records == ()
