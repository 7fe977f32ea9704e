"""Tests of the corporation numbers of our records, which the corporation registry compares with its own."""

from sqlalchemy import create_engine, insert, text

from console.store.registry import our_records
from console.store.schema.core import credit_checks
from console.store.schema.payments import orders, payments

CORPORATION_NUMBER = "1180301018771"


def test_numbers_that_sql_cannot_normalise_are_ours() -> None:
    """The number of a shop's order with `T` before its digits is one of our numbers. A row of another application
    without a number, or with an unreadable one, is left out."""
    engine = create_engine("sqlite://")
    with engine.begin() as conn:
        for table in (orders, payments):
            table.create(conn)
        conn.execute(text(f"CREATE TABLE {credit_checks.name} (number_key VARCHAR(64) NULL)"))
        conn.execute(text(f"INSERT INTO {credit_checks.name} VALUES (NULL), ('unknown')"))
        order = {"merch_txn_id": "ORD-1", "corporation_number": f"T{CORPORATION_NUMBER}", "total_amount": 3300}
        conn.execute(insert(orders).values(order))
        assert our_records.list_all_numbers(conn) == {CORPORATION_NUMBER}
    engine.dispose()
