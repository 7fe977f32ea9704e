"""Tests that a search for a corporation number, which is one joined SQL statement, returns the same as separate
queries."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, event, insert

from console.domain.records import Person
from console.store.access import operators as people
from console.store.credit_checks import credit_checks, joined_reads
from console.store.database.engine import Database
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import journal
from console.store.schema.core import credit_checks as table
from console.store.schema.core import operations
from tests.support.places import Engine, open_empty_place_anywhere

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CORPORATION_NUMBER, OTHER_NUMBER, NUMBER_WITHOUT_RECORDS = "7123456789012", "2000000000000", "5000000000000"


def make_check_row(number: int, corporation_number: str, work: str | None = "none") -> dict[str, object]:
    return {
        "id": number,
        "client_id": number,
        "corporation_number": corporation_number,
        "status": "pending",
        "work_state": work,
        "operation_id": f"op-{number}",
        "changed_at": convert_to_naive_utc(NOW),
    }


def make_operation_row(subject: int, action: str, state: str) -> dict[str, object]:
    """Return the row of an operation without a live lease."""
    return {
        "id": f"call-{subject}", "action": action, "subject_kind": "credit-check", "subject_id": subject,
        "state": state, "idempotency_key": f"key-{subject}", "fingerprint": "", "operator": "op-a", "desk": "",
        "host": "", "process": 0, "session": "", "started_at": convert_to_naive_utc(NOW),
        "lease_clock": "", "lease_expires": 0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """Yield a database with credit checks of two corporation numbers. One row, written by another application, has a
    spelling of its number that SQL can't normalise. A purchase and a re-fetch have lapsed."""
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url())) as opened:
        for guarded in (table.name, operations.name):
            place.drop_table_triggers(guarded)
        rows = [
            make_check_row(1, CORPORATION_NUMBER),
            make_check_row(2, CORPORATION_NUMBER),
            make_check_row(3, OTHER_NUMBER),
            make_check_row(4, f"T{CORPORATION_NUMBER}", None),
        ]
        purchase = "credit-check.purchase"
        calls = [
            make_operation_row(1, purchase, "calling"),
            make_operation_row(2, purchase, "done"),
            make_operation_row(3, "credit-check.detail", "calling"),
        ]
        with opened.write_without_retries() as tx:
            tx.conn.execute(insert(table), rows)
            tx.conn.execute(insert(operations), calls)
        place.sql("DELETE FROM operators", "INSERT INTO operators (name, roles) VALUES ('somebody', 'operator')")
        yield opened


@pytest.mark.parametrize("name", ["somebody", "nobody", None])
@pytest.mark.parametrize("number", [CORPORATION_NUMBER, OTHER_NUMBER, NUMBER_WITHOUT_RECORDS])
def test_the_joined_read_equals_the_separate_reads(database: Database, number: str, name: str | None) -> None:
    """The joined statement returns the same person, the same records in the same order and the same lapsed calls as
    separate queries, with and without such records."""
    with database.read() as conn:
        person, records, money = joined_reads.search_corporation_number(
            conn, number, name, includes_unlisted_names=True
        )
        assert not money
        lapsed = journal.list_lapsed_record_ids(conn)
        assert records == credit_checks.find_by_number(conn, number, lapsed)
        assert person == (people.find(conn, name) if name else None)
        assert [joined_reads.find_record(conn, one.id) for one in records] == list(records)


def test_lapsed_and_unadopted_credit_checks_are_marked(database: Database) -> None:
    """The search lists the credit checks from the newest to the oldest. Only the credit check with a lapsed purchase
    has an unknown outcome.
    """
    with database.read() as conn:
        records = joined_reads.search_corporation_number(
            conn, CORPORATION_NUMBER, None, includes_unlisted_names=False
        ).credit_checks
        assert [(one.id, one.certainty.value) for one in records] == [(4, "known"), (2, "known"), (1, "unknown")]
        assert joined_reads.find_record(conn, 99) is None


def test_a_search_is_one_statement(database: Database) -> None:
    """A search makes one round trip to a server, however many records it finds."""
    statements: list[str] = []

    def record_statement(_conn: Connection, _cursor: object, sql: str, *_: object) -> None:
        statements.append(sql)

    with database.read() as conn:
        event.listen(conn, "before_cursor_execute", record_statement)
        person = joined_reads.search_corporation_number(
            conn, CORPORATION_NUMBER, "somebody", includes_unlisted_names=True
        ).person
    assert person == Person("somebody", frozenset({"operator"}), may_buy=True)
    assert len(statements) == 1
