"""Reads the number of ids that are left in the AUTO_INCREMENT counter of each table. No row can be inserted into a
table whose counter is at its end.

A purchase inserts rows before the request is sent and after its answer. So a purchase doesn't begin if ids for the
later rows might be missing.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from console.domain.errors import ConsoleError, ErrorCode
from console.store.schema.worker import metadata

COUNTED_TABLES = tuple(
    sorted(name for name, table in metadata.tables.items() if table.autoincrement_column is not None)
)
"""Names of the tables whose rows get their ids from the database."""
MIN_REMAINING_IDS = 10_000
"""Number of ids that every table must have left before a call that costs or moves money."""
ENOUGH_REMAINING_IDS = 1_000_000_000
"""If a check finds at least so many unused ids in every table, its result is used for COUNTER_CHECK_VALID_SECONDS: so
many ids can't be used up in this time.
"""
COUNTER_CHECK_VALID_SECONDS = 1.0
"""Time (seconds) for which a check of the counters stays valid if every table has ENOUGH_REMAINING_IDS left. A
check before every purchase would take a fifth of the purchase's time on MariaDB. The triggers
(`constraints.row_counters`) let nobody use up that many ids within this time.
"""
_check_valid_until_by_engine: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()
"""For each engine, the time (monotonic seconds) until which its last check of the counters stays valid."""
_largest_ids_by_engine: WeakKeyDictionary[Engine, Mapping[str, int]] = WeakKeyDictionary()
"""For each engine, the largest possible id of each table, from its column's type. Only `db upgrade` and `db adopt`
change these types.
"""
_BITS_BY_INTEGER_TYPE = {"tinyint": 7, "smallint": 15, "mediumint": 23, "int": 31, "bigint": 63}
"""Number of bits of the largest positive value, by SQL type."""
_COUNTER_COLUMNS_QUERY = (
    "SELECT table_name, data_type, column_type FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND extra LIKE '%%auto_increment%%'"
)
_NEXT_IDS_QUERY = (
    "SELECT table_name, auto_increment FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL"
)
_DISABLE_STATISTICS_CACHE_SQL = "SET SESSION information_schema_stats_expiry = 0"
_SQLITE_COUNTERS_QUERY = "SELECT name, seq FROM sqlite_sequence"


@dataclass(frozen=True, slots=True)
class RowCounter:
    """AUTO_INCREMENT counter of `table`: the next row gets the id `next_id`; `largest_id` is the largest id that the
    column can hold.
    """

    table: str
    next_id: int
    largest_id: int

    @property
    def remaining_ids(self) -> int:
        """The number of ids that the table can still assign."""
        return max(0, self.largest_id - self.next_id + 1)


def read_row_counters(conn: Connection) -> tuple[RowCounter, ...]:
    """Return the counters of the console's tables that the connected account may see. The counter with the
    smallest share of remaining ids comes first."""
    _largest_ids_by_engine.pop(conn.engine, None)
    return _read_row_counters(conn)


def require_remaining_ids(conn: Connection) -> None:
    """Raise ConsoleError `storage_full` if one of COUNTED_TABLES has fewer than MIN_REMAINING_IDS ids left. If a
    check within the last COUNTER_CHECK_VALID_SECONDS found at least ENOUGH_REMAINING_IDS for every table, nothing is
    read.
    """
    if time.monotonic() < _check_valid_until_by_engine.get(conn.engine, float("-inf")):
        return
    if all(counter.remaining_ids >= ENOUGH_REMAINING_IDS for counter in _read_row_counters(conn)):
        _check_valid_until_by_engine[conn.engine] = time.monotonic() + COUNTER_CHECK_VALID_SECONDS
        return
    for counter in read_row_counters(conn):
        if counter.remaining_ids < MIN_REMAINING_IDS:
            raise ConsoleError(ErrorCode.STORAGE_FULL, {"problem": "counter_used_up", "table": counter.table})


def _read_row_counters(conn: Connection) -> tuple[RowCounter, ...]:
    """Return the counters as `read_row_counters` does, but with the largest ids that an earlier call has read."""
    if conn.dialect.name == "sqlite":
        existing_counters = [
            RowCounter(str(name), int(seq) + 1, 2**63 - 1)
            for name, seq in conn.exec_driver_sql(_SQLITE_COUNTERS_QUERY)
        ]
    else:
        _disable_statistics_cache(conn)
        if conn.engine not in _largest_ids_by_engine:
            _largest_ids_by_engine[conn.engine] = {
                str(table): _compute_largest_id(kind, column_type)
                for table, kind, column_type in conn.exec_driver_sql(_COUNTER_COLUMNS_QUERY)
            }
        largest_ids = _largest_ids_by_engine[conn.engine]
        rows = list(conn.exec_driver_sql(_NEXT_IDS_QUERY))
        existing_counters = [
            RowCounter(str(table), int(next_id), largest_ids[str(table)])
            for table, next_id in rows
            if str(table) in largest_ids
        ]
    our_counters = (counter for counter in existing_counters if counter.table in COUNTED_TABLES)
    return tuple(sorted(our_counters, key=lambda counter: counter.remaining_ids / counter.largest_id))


def _compute_largest_id(kind: str, column_type: str) -> int:
    """Return the largest value of a column of the SQL type `kind`; `column_type` is its full type, which may be
    unsigned."""
    bits = _BITS_BY_INTEGER_TYPE.get(kind.lower(), 63) + ("unsigned" in column_type.lower())
    return (1 << bits) - 1


def _disable_statistics_cache(conn: Connection) -> None:
    """Disable MySQL's cache of table statistics (up to a day old) for this session. MariaDB has no such cache."""
    if not getattr(conn.dialect, "is_mariadb", False):
        conn.exec_driver_sql(_DISABLE_STATISTICS_CACHE_SQL)
