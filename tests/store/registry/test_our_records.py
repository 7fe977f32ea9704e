"""Tests of the corporation numbers of our records, which the corporation registry compares with its own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, insert, text

from console.store.registry import our_records
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments, refunds

CORPORATION_NUMBER = "1180301018771"


@pytest.fixture
def conn() -> Iterator[Connection]:
    """Yield a connection to a database with an order whose number has `T` before its digits, and two credit checks of
    another application: one without a number, one with an unreadable number."""
    with create_engine("sqlite://").begin() as connection:
        for table in (orders, payments, refunds):
            table.create(connection)
        connection.execute(
            text(f"CREATE TABLE {credit_checks.name} (number_key VARCHAR(64) NULL, seen_work TEXT, certainty TEXT)")
        )
        connection.execute(text(f"INSERT INTO {credit_checks.name} (number_key) VALUES (NULL), ('unknown')"))
        order = {"merch_txn_id": "ORD-1", "corporation_number": f"T{CORPORATION_NUMBER}", "total_amount": 3300}
        connection.execute(insert(orders).values({**order, "work_state": "needs_review"}))
        yield connection


def test_unnormalised_numbers_of_orders_are_our_numbers(conn: Connection) -> None:
    """The number of a shop's order with `T` before its digits is one of our numbers. A row of another application
    without a number, or with an unreadable one, adds no number."""
    assert our_records.list_all_numbers(conn) == {CORPORATION_NUMBER}


def test_a_search_finds_open_records_of_unnormalised_numbers(conn: Connection) -> None:
    """An order that needs a person, with `T` before the digits of its number, counts as an open record of the
    corporation."""
    assert our_records.find_numbers_with_our_records(conn, [CORPORATION_NUMBER]) == {CORPORATION_NUMBER: True}
    assert CORPORATION_NUMBER in our_records.list_numbers_of_open_records(conn)
