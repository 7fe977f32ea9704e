"""Tests of the search for corporations that have live or open records."""

import sqlite3
from datetime import UTC, datetime

from sqlalchemy import NullPool, create_engine

from console.services.alerts.changed_companies import IDS_PER_PAGE
from console.store.registry import live_records
from console.store.schema.core import metadata
from tests.support.invented import invent_numbers


def test_the_numbers_of_a_page_of_ids_need_no_more_parameters_than_sqlite_accepts() -> None:
    """As many numbers as one page of ids can have are searched in an SQLite file with the usual limit of parameters;
    some builds of SQLite accept more."""
    numbers = invent_numbers(IDS_PER_PAGE)
    with create_engine("sqlite://", poolclass=NullPool).begin() as conn:
        metadata.create_all(conn)
        conn.connection.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)  # type: ignore[union-attr]
        assert live_records.find_record_beginnings(conn, numbers, datetime(2026, 11, 20, tzinfo=UTC)) == {}
