"""Tests that a search by conditions finds the same records as the filter of the domain, with each index that the
search may read.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import Connection, update

from console.domain.lookup.search_query import DayRange
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import NO_FILTER
from console.domain.records import WorkState
from console.store.database.engine import Database
from console.store.lookup import record_search
from console.store.lookup.record_search import RecordSearch
from console.store.payments.orders import UNREADABLE_STATE_REASON
from console.store.queues import queues
from console.store.queues.definitions import QUEUE_TABLES
from console.store.queues.table_queries import QueuedRecord
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from tests.store.queues import test_queues as plain
from tests.store.queues.test_chosen_records import (
    FILTER_TEXTS,
    OWNER_BY_KIND_AND_ID,
    TWO_DAYS_LATER,
    _add_relations,
    _change_columns,
    _make_choice,
)
from tests.store.queues.test_queues import LAPSED_IDS, NOW, with_and_without_lapsed
from tests.support.filter_check import matches_filter
from tests.support.places import Engine, open_empty_place_anywhere

_MAX_ROWS_FOR_NO_INDEX_READ, _MAX_ROWS_FOR_EACH_INDEX_READ = -1, 20_000
"""Largest counts of rows for which a search reads ranges of an index: with the first the search never does, with the
second it always does.
"""
_WORK_STATES_IN_ORDER = (WorkState.NEEDS_REVIEW, WorkState.SCHEDULED, WorkState.NONE)
PAID_DAY, BEGUN_DAY = date(2026, 3, 2), date(2026, 3, 5)
CORPORATION_NUMBER_OF_ORDER, CORPORATION_NUMBER_OF_PAYMENT = "2010401907731", "5010401907732"
"""Corporation numbers of an order that has two payments, and of a payment that has two refunds."""


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """Yield a database with the records of the queue tests, and with two payments whose dates this module sets."""
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url(""))) as opened:
        for guarded in ("hansha_alarmbox_credit_checks", "orders", "payments", "refunds"):
            place.drop_table_triggers(guarded)
        plain._insert_records(opened)
        _change_columns(opened)
        with opened.write_without_retries() as tx:
            at = NOW.replace(tzinfo=None)
            for row_id, column, day in ((2, "paid_at", PAID_DAY), (5, "begun_at", BEGUN_DAY)):
                first, _ = DayRange(day, day).compute_instant_bounds()
                values = {column: first.replace(tzinfo=None) + timedelta(hours=1), "created_at": at}
                tx.conn.execute(update(payment_table).where(payment_table.c.id == row_id).values(values))
            tx.conn.execute(
                update(order_table)
                .where(order_table.c.id == 3)
                .values(corporation_number=CORPORATION_NUMBER_OF_ORDER)
            )
            tx.conn.execute(
                update(payment_table)
                .where(payment_table.c.id == 1)
                .values(corporation_number=CORPORATION_NUMBER_OF_PAYMENT)
            )
        yield opened


def _read_all_records(conn: Connection, lapsed: queues.LapsedIds) -> list[QueuedRecord]:
    all_records = []
    for part in QUEUE_TABLES:
        rows = conn.execute(part.rows_query.order_by(part.id.desc())).all()
        records = part.read_records(conn, rows, lapsed.get(part.kind, frozenset()))
        all_records += [_add_relations(conn, one) for one in records]
    return all_records


def _find_records(conn: Connection, search: RecordSearch) -> set[tuple[str, int]]:
    """Return (kind, id) of the found records."""
    groups = record_search.find_records(conn, search)
    assert not any(group.has_more or group.is_partial for group in groups.values())
    return {(kind, record.id) for kind, group in groups.items() for record in group.records}


@with_and_without_lapsed
@pytest.mark.parametrize(
    "max_index_rows",
    [_MAX_ROWS_FOR_NO_INDEX_READ, _MAX_ROWS_FOR_EACH_INDEX_READ],
    ids=["newest rows", "ranges of an index"],
)
def test_a_search_finds_the_records_of_its_filter(
    database: Database, lapsed: queues.LapsedIds, max_index_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search finds the records that fulfil its filter, whether it reads the newest rows or ranges of an index, and
    even while calls have lapsed."""
    monkeypatch.setattr(record_search, "MAX_ROWS_OF_INDEX_SEARCH", max_index_rows)
    with database.read() as conn:
        whole = _read_all_records(conn, lapsed)
        for text in FILTER_TEXTS:
            chosen = parse_filter(text).record_filter
            right = {
                (plain.get_record_kind(one), one.id)
                for one in whole
                if matches_filter(
                    one, chosen, TWO_DAYS_LATER, OWNER_BY_KIND_AND_ID.get(plain.get_record_kind(one), {}).get(one.id)
                )
            }
            assert _find_records(conn, RecordSearch(_make_choice(chosen), None, lapsed, 1_000)) == right, text


def test_a_record_must_fulfil_words_and_conditions(database: Database) -> None:
    """A search with words and conditions reads only the records that the words have found. Of these it returns only
    the ones that fulfil the conditions."""
    named = {"payment": {1, 2, 3, 4}, "refund": {7}, "order": set[int]()}
    with database.read() as conn:
        chosen = parse_filter("provider:atom").record_filter
        assert _find_records(conn, RecordSearch(_make_choice(chosen), None, {}, 50, named)) == {("payment", 4)}
        everything = _find_records(conn, RecordSearch(_make_choice(NO_FILTER), None, {}, 50, named))
        assert everything == {("payment", 1), ("payment", 2), ("payment", 3), ("payment", 4), ("refund", 7)}


@pytest.mark.parametrize("max_index_rows", [_MAX_ROWS_FOR_NO_INDEX_READ, _MAX_ROWS_FOR_EACH_INDEX_READ])
def test_a_day_is_the_day_in_japan_of_the_payment(
    database: Database, max_index_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search finds a payment by the Japanese day on which it was paid or begun, in tables of any size."""
    monkeypatch.setattr(record_search, "MAX_ROWS_OF_INDEX_SEARCH", max_index_rows)
    with database.read() as conn:
        for day, row_id in ((PAID_DAY, 2), (BEGUN_DAY, 5)):
            assert _find_records(conn, RecordSearch(_make_choice(NO_FILTER), DayRange(day, day), {}, 50)) == {
                ("payment", row_id)
            }
            before = day - timedelta(days=1)
            assert not _find_records(conn, RecordSearch(_make_choice(NO_FILTER), DayRange(before, before), {}, 50))


def test_a_limited_read_of_a_table_is_reported(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every condition, a search reads a limited number of rows. If it leaves out older rows, the result is marked
    as partial. A day of payments and the payments that can be reversed have indexes of their own, so the search finds
    old payments of these kinds too.
    """
    monkeypatch.setattr(record_search, "MAX_SEARCHED_NEWEST_ROWS", 10)
    with database.read() as conn:
        chosen = parse_filter("kind:payment amount:>0").record_filter
        group = record_search.find_records(conn, RecordSearch(_make_choice(chosen), None, {}, 5))["payment"]
        assert (len(group.records), group.has_more, group.is_partial) == (5, True, True)
        ids = [record.id for record in group.records]
        assert ids == sorted(ids, reverse=True)
        on_day = RecordSearch(
            _make_choice(parse_filter("kind:payment").record_filter), DayRange(PAID_DAY, PAID_DAY), {}, 5
        )
        assert [record.id for record in record_search.find_records(conn, on_day)["payment"].records] == [2]
        reversible = parse_filter("kind:payment certainty:may_be_reversed").record_filter
        group = record_search.find_records(conn, RecordSearch(_make_choice(reversible), None, {}, 500))["payment"]
        assert (bool(group.records), group.is_partial) == (True, False)


@pytest.mark.parametrize("newest_row_count", [10, 100_000])
@pytest.mark.parametrize("max_index_rows", [_MAX_ROWS_FOR_NO_INDEX_READ, _MAX_ROWS_FOR_EACH_INDEX_READ])
def test_a_search_finds_each_record_once_and_in_order(
    database: Database, newest_row_count: int, max_index_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search returns each record once, and says exactly whether more records match, also if it reads several ranges
    that contain the same record. A limited search returns the first records of the whole result.
    """
    monkeypatch.setattr(record_search, "MAX_ROWS_OF_INDEX_SEARCH", max_index_rows)
    monkeypatch.setattr(record_search, "MAX_SEARCHED_NEWEST_ROWS", newest_row_count)
    with database.read() as conn:
        for text, days in product(FILTER_TEXTS, (None, DayRange(PAID_DAY, TWO_DAYS_LATER.date()))):
            choice = _make_choice(parse_filter(text).record_filter)
            whole = record_search.find_records(conn, RecordSearch(choice, days, LAPSED_IDS, 1_000))
            limited = record_search.find_records(conn, RecordSearch(choice, days, LAPSED_IDS, 4))
            for kind, group in limited.items():
                ids = [record.id for record in whole[kind].records]
                assert len(ids) == len(set(ids)), (text, kind)
                assert [record.id for record in group.records] == ids[:4], (text, kind)
                assert group.has_more is (len(ids) > 4), (text, kind)


def test_pending_orders_to_review_come_first(database: Database) -> None:
    """A search for pending orders returns each order once: the orders that a person must review first, among them
    those with a status that this program doesn't know, then the others, each newest first.
    """
    with database.read() as conn:
        chosen = parse_filter("kind:order status:pending").record_filter
        orders = record_search.find_records(conn, RecordSearch(_make_choice(chosen), None, {}, 1_000))["order"]
        keys = [(_WORK_STATES_IN_ORDER.index(record.work.state), -record.id) for record in orders.records]
        assert keys == sorted(keys)
        assert {rank for rank, _ in keys} == {0, 1, 2}
        assert any(record.work.reason == UNREADABLE_STATE_REASON for record in orders.records)


def test_records_of_a_corporation_are_limited(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for a corporation number returns the ids of its records by kind. It marks the result as partial if
    there are as many records as it reads at most. Without a corporation number it returns no ids."""
    with database.read() as conn:
        part = next(part for part in QUEUE_TABLES if part.kind == "credit-check")
        number = conn.execute(part.rows_query.limit(1)).one().number_key
        ids, is_partial = record_search.find_record_ids_of_numbers(conn, [number])
        assert ids["credit-check"]
        assert not is_partial
        monkeypatch.setattr(record_search, "MAX_RECORDS_OF_CORPORATION_NUMBERS", len(ids["credit-check"]))
        assert record_search.find_record_ids_of_numbers(conn, [number])[1]
        assert record_search.find_record_ids_of_numbers(conn, []) == ({}, False)


@pytest.mark.parametrize(
    ("number", "kind"), [(CORPORATION_NUMBER_OF_ORDER, "payment"), (CORPORATION_NUMBER_OF_PAYMENT, "refund")]
)
def test_a_limited_read_of_related_records_is_reported(
    database: Database, number: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search also limits the number of payments of a corporation's orders, and of refunds of its payments, and
    then marks the result as partial."""
    with database.read() as conn:
        ids, is_partial = record_search.find_record_ids_of_numbers(conn, [number])
        assert (len(ids[kind]), is_partial) == (2, False)
        monkeypatch.setattr(record_search, "MAX_RECORDS_OF_CORPORATION_NUMBERS", 2)
        assert record_search.find_record_ids_of_numbers(conn, [number])[1]
