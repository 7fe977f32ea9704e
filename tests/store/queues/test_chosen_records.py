"""Tests of filtered and sorted queues that are read in pages: SQL returns the same records as the filter of the
domain, each record once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from console.domain.explanations.badges import find_state_badge
from console.domain.payments.records import (
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    RefundRelations,
)
from console.domain.queues.causes import group_by_cause
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import RecordFilter, find_cause, get_certainty
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import Certainty
from console.store.database.engine import Database
from console.store.database.instants import convert_to_naive_utc
from console.store.payments import payments
from console.store.queues import chosen_records, filter_sql, queues
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.table_queries import QueuedRecord
from console.store.refunds import refunds
from console.store.schema import core as core_schema
from console.store.schema import payments as payment_schema
from console.wording.records import get_record_kind
from tests.store.queues import test_queues as plain
from tests.store.queues.test_queues import NOW, each_queue, with_and_without_lapsed
from tests.support.filter_check import find_amount, matches_filter
from tests.support.places import Engine, open_empty_place_anywhere

TWO_DAYS_LATER = NOW + timedelta(days=2)
OWNER_BY_KIND_AND_ID = {
    "payment": {1: "op-a", 3: "op-b", 30: "op-a"},
    "refund": {7: "op-b"},
    "credit-check": {8: "op-a", 30: "op-c"},
}
FILTER_TEXTS = (
    "", "provider:atom", "provider:paypay,alarmbox", "status:pending,failed,submitting", "certainty:unknown",
    "status:pending,unknown", "status:failed,needs_review,known", "status:success,scheduled provider:atom",
    "work:needs_review", "work:none,scheduled", "cause:timeout", "cause:-", "cause:lapsed,TIMEOUT,poll",
    "cause:resolved_by_people",
    "amount:>3300", "amount:<=3300", "amount:1000..5000INR", "amount:=0.5JPY", "age:>24h", "age:<40h", "age:20h..45h",
    "since:2026-11-19", "since:>=2026-11-20", "since:<=2026-11-19 provider:atom",
    "since:2026-11-18..2026-11-20 age:>30h",
    "owner:op-a", "owner:-", "client:2", "client:1 certainty:unknown", "kind:refund,order", "kind:payment age:>20h",
    "provider:paypay work:scheduled,needs_review age:<2d amount:>100 owner:- cause:timeout,-",
    "certainty:old", "certainty:may_be_reversed", "certainty:old,unknown", "certainty:old kind:refund",
    "certainty:known,may_be_reversed provider:atom", "since:>=1970-01-01", "age:<9999w",
)  # fmt: skip


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """Yield a database with the records of test_queues.py, of which some have other causes, providers, currencies and
    clients, so that each of these conditions of a filter has records.
    """
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url(""))) as opened:
        for guarded in ("hansha_alarmbox_credit_checks", "orders", "payments", "refunds"):
            place.drop_table_triggers(guarded)
        plain._insert_records(opened)
        _change_columns(opened)
        yield opened


def _change_columns(opened: Database) -> None:
    checks, p, r, o = (
        core_schema.credit_checks,
        *(getattr(payment_schema, n) for n in ("payments", "refunds", "orders")),
    )
    with opened.write_without_retries() as tx:
        for table in (checks, p, r):
            tx.conn.execute(update(table).where(table.c.id % 3 == 0).values(error_code="timeout"))
            tx.conn.execute(update(table).where(table.c.id % 5 == 0).values(work_reason="poll"))
        for table in (p, r):  # what people have decided is no problem where it is completed
            decided = update(table).where(table.c.id.in_((43, 64, 104, 106, 110, 112)))
            tx.conn.execute(decided.values(error_code="resolved_by_people"))
        tx.conn.execute(update(p).where(p.c.id % 4 == 0).values(provider="atom", currency="INR", order_id=p.c.id))
        tx.conn.execute(update(p).where(p.c.id % 7 == 0).values(captured_minor=3_301 * p.c.id))
        for rest, minor in ((0, 3_300), (1, 100)):  # paid and refunded wholly or in part
            paid = update(p).where(p.c.status.in_(("payment_success", "completed")), p.c.id % 3 == rest)
            tx.conn.execute(paid.values(captured_minor=3_300, refunded_minor=minor))
        tx.conn.execute(update(checks).where(checks.c.id % 6 == 0).values(superseded_by=checks.c.id + 1))
        tx.conn.execute(update(r).where(r.c.id % 4 == 0).values(currency="INR", payment_id=r.c.id))
        tx.conn.execute(update(o).where(o.c.id % 4 == 0).values(currency="INR", total_amount=500_000))
        tx.conn.execute(update(checks).where(checks.c.id % 2 == 0).values(client_id=2))
        for table in (p, r):  # answers just old enough, and just young enough, for each of the two limits
            for rest, age in enumerate((timedelta(minutes=14), timedelta(minutes=16), timedelta(hours=25))):
                at = convert_to_naive_utc(TWO_DAYS_LATER - age)
                tx.conn.execute(update(table).where(table.c.id % 4 == rest).values(told_at=at))
        for rest, days in enumerate((1, 2, 3)):
            at = convert_to_naive_utc(TWO_DAYS_LATER - timedelta(days=days))
            tx.conn.execute(update(p).where(p.c.id % 3 == rest).values(paid_at=at))


def _add_relations(conn: Connection, record: QueuedRecord) -> QueuedRecord:
    if isinstance(record, Refund):
        return replace(record, relations=RefundRelations(payments.find(conn, record.payment_id)))
    if isinstance(record, Payment):
        refund = _find_unknown_refund(conn, record.id)
        return replace(record, relations=PaymentRelations(refunds=() if refund is None else (refund,)))
    if isinstance(record, Order):
        paid = payments.find_by_order(conn, record.id)
        is_pending = record.state is OrderState.PENDING
        unknown = next((one for one in paid if is_pending and one.certainty is Certainty.UNKNOWN), None)
        refund = _find_unknown_refund(conn, *(one.id for one in paid))
        return replace(record, relations=OrderRelations(paid, pending_refund=refund, unknown_payment=unknown))
    return record


def _find_unknown_refund(conn: Connection, *payment_ids: int) -> Refund | None:
    """Return the first refund of these payments whose outcome is unknown, or None if there is none."""
    candidates = refunds.find_by_payments(conn, payment_ids)
    return next((one for one in candidates if one.certainty is Certainty.UNKNOWN), None)


def _make_choice(chosen: RecordFilter, order: QueueSortOrder = DEFAULT_SORT_ORDER) -> QueueChoice:
    return QueueChoice(chosen, order, TWO_DAYS_LATER, OWNER_BY_KIND_AND_ID)


def _read_all_pages(
    conn: Connection, name: str, lapsed: queues.LapsedIds, choice: QueueChoice, limit: int = 11
) -> list[QueuedRecord]:
    """Read the queue `name` in pages of `limit` records until a page isn't full, and return its records."""
    records, after = list[QueuedRecord](), None
    read: Any = queues.read_queue_page if choice.sort_order == DEFAULT_SORT_ORDER else chosen_records.read_sorted_page
    while True:
        page = read(conn, name, after, limit, lapsed, choice)
        records += [record for _, record in page]
        assert len(records) < 1_000, choice  # a cursor that leads nowhere
        if len(page) < limit:
            return records
        after = page[-1][0]


def _make_record_refs(records: Sequence[QueuedRecord]) -> list[tuple[str, int]]:
    return [(plain.get_record_kind(record), record.id) for record in records]


def _choose_page_size(turn: int, name: str, lapsed: queues.LapsedIds, small: int) -> int:
    """Return the page size for a turn: `small` in every third turn, otherwise 500. The first turn with small pages
    differs for each queue, so that in every turn some queue is tested with small pages. The soak tests use small
    pages in all turns."""
    shift = 2 * queues.RECORD_QUEUE_NAMES.index(name) + bool(lapsed)
    return small if (turn + shift) % 3 == 0 else 500


def _is_in_turn(turn: int, name: str, lapsed: queues.LapsedIds, database: Database) -> bool:
    """Return True if the filter or sort order number `turn` is tested in the present test, which tests every second
    one. SQLite and a server test different ones, and so do the tests with and without lapsed calls. So each queue is
    tested with each filter or sort order in some of these tests. The soak tests test all of them.
    """
    return (turn + queues.RECORD_QUEUE_NAMES.index(name) + bool(lapsed) + database.is_server) % 2 == 0


@with_and_without_lapsed
@each_queue
def test_a_filtered_queue_has_the_records_of_its_filter(
    database: Database, name: str, lapsed: queues.LapsedIds
) -> None:
    """With each filter, a queue returns the records that the filter of the domain selects."""
    turns = [turn for turn in range(len(FILTER_TEXTS)) if _is_in_turn(turn, name, lapsed, database)]
    _check_filters(database, name, lapsed, turns, lambda turn: _choose_page_size(turn, name, lapsed, 11))


@pytest.mark.soak
@with_and_without_lapsed
@each_queue
def test_a_filtered_queue_is_complete_in_small_pages(database: Database, name: str, lapsed: queues.LapsedIds) -> None:
    """With each filter, a queue in pages of 11 records returns the records that the filter of the domain selects."""
    _check_filters(database, name, lapsed, range(len(FILTER_TEXTS)), lambda _turn: 11)


def _check_filters(
    database: Database, name: str, lapsed: queues.LapsedIds, turns: Sequence[int], page_size: Callable[[int], int]
) -> None:
    """Check for the filters of these turns that the queue returns the records that the filter selects, in the sort
    order of the queue and each once, and that the count of the queue is right.
    """
    with database.read() as conn:
        whole = [_add_relations(conn, record) for _, record in plain.read_all_pages(conn, name, 500, lapsed)]
        for turn in turns:
            text = FILTER_TEXTS[turn]
            chosen = parse_filter(text).record_filter
            right = [
                one
                for one in whole
                if matches_filter(
                    one, chosen, TWO_DAYS_LATER, OWNER_BY_KIND_AND_ID.get(plain.get_record_kind(one), {}).get(one.id)
                )
            ]
            records = _read_all_pages(conn, name, lapsed, _make_choice(chosen), page_size(turn))
            assert _make_record_refs(records) == _make_record_refs(right), text
            count, oldest = chosen_records.count_chosen_records_and_find_oldest(
                conn, name, lapsed, _make_choice(chosen)
            )
            assert count == len(right), text
            assert oldest == min((one.state_since for one in right if one.state_since), default=None), text


def _make_sort_key(record: QueuedRecord, column: SortColumn) -> object:
    """Return a value by which the records are in order when they are sorted by this column; 0 for columns whose order
    this module doesn't check."""
    match column:
        case SortColumn.AGE:
            return record.state_since or NOW - timedelta(days=10_000)
        case SortColumn.AMOUNT:
            minor, currency = find_amount(record) or (0, "")
            return ["JPY", "INR", ""].index(currency), minor
        case SortColumn.CAUSE:
            return (find_cause(record) or "~").encode()
        case SortColumn.CERTAINTY:
            return get_certainty(record) is not Certainty.UNKNOWN
        case SortColumn.WORK:
            return record.work.state.value, record.state_since or NOW - timedelta(days=10_000)
        case SortColumn.STATE:
            return filter_sql._SHOWN_STATES.index(find_state_badge(record).partition(".")[2])
        case SortColumn.OWNER:
            return OWNER_BY_KIND_AND_ID.get(plain.get_record_kind(record), {}).get(record.id, "~")
        case SortColumn.KIND:
            return queues.QUEUED_RECORD_KINDS.index(plain.get_record_kind(record))
    return 0


each_sorted_queue = pytest.mark.parametrize("name", ["unknown", "review", "refunds"])


@with_and_without_lapsed
@each_sorted_queue
def test_a_sorted_queue_has_each_record_once_and_in_order(
    database: Database, name: str, lapsed: queues.LapsedIds
) -> None:
    """With each sort column, in both directions, a queue returns each record once and in order."""
    turns = [turn for turn in range(len(SortColumn)) if _is_in_turn(turn, name, lapsed, database)]
    _check_sort_orders(
        database, name, lapsed, turns, lambda turn, small: _choose_page_size(turn, name, lapsed, small)
    )


@pytest.mark.soak
@with_and_without_lapsed
@each_sorted_queue
def test_a_sorted_queue_is_complete_in_small_pages(database: Database, name: str, lapsed: queues.LapsedIds) -> None:
    """With each sort column, in both directions, a queue in small pages returns each record once and in order."""
    _check_sort_orders(database, name, lapsed, range(len(SortColumn)), lambda _turn, small: small)


def _check_sort_orders(
    database: Database,
    name: str,
    lapsed: queues.LapsedIds,
    turns: Sequence[int],
    page_size: Callable[[int, int], int],
) -> None:
    """Check for these sort columns, in both directions and in pages of several sizes, that the records are in order
    and that the descending order is the reverse of the ascending one."""
    with database.read() as conn:
        whole = _make_record_refs([record for _, record in plain.read_all_pages(conn, name, 500, lapsed)])
        for turn in turns:
            column = list(SortColumn)[turn]
            up, down = (_make_choice(RecordFilter(), QueueSortOrder(column, is_down)) for is_down in (False, True))
            if column is not SortColumn.WORK:  # its ascending order is the queue's own one
                records = [_add_relations(conn, one) for one in _read_all_pages(conn, name, lapsed, up, 500)]
                assert sorted(_make_record_refs(records)) == sorted(whole), column
                assert [_make_sort_key(one, column) for one in records] == sorted(
                    (_make_sort_key(one, column) for one in records),
                    key=lambda key: key,  # type: ignore[arg-type,return-value]  # of one type
                ), column
                if (small := page_size(turn, 11)) < 500:
                    assert _make_record_refs(_read_all_pages(conn, name, lapsed, up, small)) == _make_record_refs(
                        records
                    ), column
            falling = _read_all_pages(conn, name, lapsed, down, 500)
            keys = [_make_sort_key(_add_relations(conn, one), column) for one in falling]
            if column is SortColumn.AMOUNT:  # the currencies keep their sequence, and no amount comes last
                assert keys == sorted(keys, key=lambda key: (key[0], -key[1])), column  # type: ignore[index]
            else:
                assert keys == sorted(keys, reverse=True), column  # type: ignore[type-var]  # likewise
            assert sorted(_make_record_refs(falling)) == sorted(whole), column
            if (small := page_size(turn + 1, 7)) < 500:
                assert _make_record_refs(_read_all_pages(conn, name, lapsed, down, small)) == _make_record_refs(
                    falling
                ), column


def test_a_sorted_queue_is_filtered_too(database: Database) -> None:
    """A queue that is sorted and filtered returns, over all pages, the same records as a queue with the same filter
    and the default sort order.
    """
    chosen = parse_filter("amount:>1000 age:>20h").record_filter
    with database.read() as conn:
        for name, column in product(("review", "unknown"), (SortColumn.AMOUNT, SortColumn.AGE)):
            right = _make_record_refs(_read_all_pages(conn, name, {}, _make_choice(chosen)))
            assert right
            assert sorted(
                _make_record_refs(_read_all_pages(conn, name, {}, _make_choice(chosen, QueueSortOrder(column)), 5))
            ) == sorted(right)


@with_and_without_lapsed
@each_queue
def test_causes_are_counted_and_summed(database: Database, name: str, lapsed: queues.LapsedIds) -> None:
    """The groups by cause together contain the whole queue. Each group states the number of its rows. Amounts of
    different kinds or currencies have separate sums."""
    with database.read() as conn:
        whole = [record for _, record in plain.read_all_pages(conn, name, 500, lapsed)]
        totals, is_capped = chosen_records.count_records_by_cause(conn, name, lapsed, _make_choice(RecordFilter()))
        groups = group_by_cause(totals)
        assert not is_capped
        assert {group.cause: group.count for group in groups} == Counter(map(find_cause, whole))
        for group in groups:
            chosen = RecordFilter(causes=frozenset({group.cause or "-"}))
            rows = _read_all_pages(conn, name, lapsed, _make_choice(chosen))
            assert len(rows) == group.count
            sums: dict[str, Counter[str]] = defaultdict(Counter)
            for row in rows:
                minor, currency = find_amount(row) or (None, None)
                if minor is not None and currency is not None:
                    sums[get_record_kind(row)][currency] += minor
            assert group.sums_minor_by_kind == sums


def test_a_sum_of_more_than_64_bits_is_computed(engine: Engine) -> None:
    """A shop can write any amount into its orders, and SQLite refuses a sum of more than 64 bits. The program
    computes such a sum correctly."""
    minor_amounts = (2**63 - 1, 2**63 - 1, 2**63 - 1, -7, 1_999_999_999)
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url(""))) as opened:
        place.drop_table_triggers("orders")
        with opened.write_without_retries() as tx:
            for number, minor in enumerate(minor_amounts):
                row = {"merch_txn_id": f"ORD-{number}", "total_amount": minor, "status": "pending", "currency": "JPY"}
                tx.conn.execute(insert(payment_schema.orders).values(**row, work_state="needs_review"))
        with opened.read() as conn:
            (total,), is_capped = chosen_records.count_records_by_cause(
                conn, "review", {}, _make_choice(RecordFilter())
            )
    assert (total.count, total.sum_minor, is_capped) == (5, sum(minor_amounts), False)
