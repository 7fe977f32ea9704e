"""Tests that a server connection remembers the column descriptions of results that it has read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.store.database.engine import Database
from console.store.database.pipelining_connection import _MAX_KNOWN_DESCRIPTIONS, PipeliningConnection
from tests.support.places import Place

pytestmark = pytest.mark.engines("mariadb")


@contextmanager
def _open_connection(place: Place) -> Iterator[PipeliningConnection]:
    database = Database(place.url("op-a"))
    with database.read() as conn:
        driver_connection: Any = conn.connection.dbapi_connection
        yield driver_connection
    database.close()


def _read_names_and_rows(connection: PipeliningConnection, query: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return the names of the columns of the result, and its rows."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [column[0] for column in cursor.description], list(cursor.fetchall())


def test_a_repeated_result_is_parsed_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with _open_connection(place) as connection:
        first = _read_names_and_rows(connection, "SELECT 1 AS one, 'x' AS text, UTC_TIMESTAMP() IS NULL AS none")
        packets: list[object] = []
        read_packet = connection._read_packet

        def count_and_read_packet(*packet_type: Any) -> Any:
            packets.append(packet_type)
            return read_packet(*packet_type)

        monkeypatch.setattr(connection, "_read_packet", count_and_read_packet)
        assert (
            _read_names_and_rows(connection, "SELECT 1 AS one, 'x' AS text, UTC_TIMESTAMP() IS NULL AS none") == first
        )
    assert first == (["one", "text", "none"], [(1, "x", 0)])
    assert len(packets) == 4, "the number of columns, the end of the columns, a row, the end of the rows"


def test_results_with_equal_column_counts_are_distinguished(place: Place) -> None:
    """The connection distinguishes results with the same number of columns by the names, types and character sets of
    the columns, in any order of the queries.
    """
    queries = {
        "SELECT 1 AS a, 2 AS b": (["a", "b"], [(1, 2)]),
        "SELECT 1 AS a, 2 AS c": (["a", "c"], [(1, 2)]),
        "SELECT 1 AS a, '2' AS b": (["a", "b"], [(1, "2")]),
        "SELECT 1 AS a, CAST('2' AS BINARY) AS b": (["a", "b"], [(1, b"2")]),
        "SELECT 1 AS a, NULL AS b": (["a", "b"], [(1, None)]),
        "SELECT 1 AS a, 2 AS b FROM DUAL WHERE FALSE": (["a", "b"], []),
    }
    with _open_connection(place) as connection:
        for _ in range(3):
            for query, answer in queries.items():
                assert _read_names_and_rows(connection, query) == answer


def test_a_result_of_many_columns_is_read_completely(place: Place) -> None:
    """The connection reads a result with 700 columns completely, although its description is larger than one read
    from the network.
    """
    names = [f"column_{number}_{'x' * 40}" for number in range(700)]
    query = "SELECT " + ", ".join(f"{number} AS {name}" for number, name in enumerate(names))
    with _open_connection(place) as connection:
        for _ in range(3):
            assert _read_names_and_rows(connection, query) == (names, [tuple(range(700))])
        assert _read_names_and_rows(connection, "SELECT 1 AS one") == (["one"], [(1,)])


def test_a_limited_number_of_descriptions_is_remembered(place: Place) -> None:
    """After more results with different columns than the limit, the connection has only as many descriptions as the
    limit allows. A result whose description it no longer has is read correctly."""
    with _open_connection(place) as connection:
        for number in range(2 * _MAX_KNOWN_DESCRIPTIONS):
            assert _read_names_and_rows(connection, f"SELECT {number}") == ([str(number)], [(number,)])
        assert len(connection._known_descriptions[1]) == _MAX_KNOWN_DESCRIPTIONS
        assert _read_names_and_rows(connection, "SELECT 0") == (["0"], [(0,)])
