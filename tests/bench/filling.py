"""SQL statements that fill the big tables of the benchmarks. The database itself computes the rows, and they are the
same on every engine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from console.domain.corporation_number import compute_check_digit
from console.store.migrations import upgrade as migrate
from console.store.schema import core
from tests.bench import filling_money

TABLE_FORM_VERSION = 4
"""Number of the present form of the filled tables. A change of the SQL in this file raises it, and existing tables
with another number are filled again."""

OPERATOR = "op-a"
ENDED_PURCHASE_COUNT = 100_000
CHECKS_TABLE = "hansha_alarmbox_credit_checks"
ROWS_PER_PAYMENT = 10
"""Number of credit checks for each payment."""

_CORPORATION_NUMBER_STEP = 7_654_321  # coprime to 10^8, so that numbers come in no order and yet once each
_COUNTER_SQL_BY_ENGINE = {
    "sqlite": "WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {rows}),",
    "mysql": "WITH counted AS (SELECT seq AS i FROM seq_1_to_{rows}),",
}

# Of 200 rows: 1 pending, 1 unknown, 2 errors, 4 incomplete, 1 contradicted, 20 later records of the number before
# (18 renewals, 2 successes after an error); the others bought and complete.
_CHECK_ROWS_SQL = f"""
  kinds AS (SELECT i, i % 200 AS k, i % 10 = 9 AS later, i % 10 = 8 AS earlier, i % 100 = 98 AS failed,
                   (i - (i % 10 = 9)) * {_CORPORATION_NUMBER_STEP} % 100000000 AS n FROM counted),
  bases AS (SELECT kinds.*, '9900' || substr('00000000' || n, -8) AS base,
                   k IN (0, 1) AS pending, k IN (2, 3) OR failed AS error, k IN (4, 5, 6, 7) AS incomplete
            FROM kinds),
  summed AS (SELECT bases.*, 9 - (
      9 * (1 + 2) + 1 * (substr(base,12,1) + substr(base,10,1) + substr(base,8,1) + substr(base,6,1))
      + 2 * (substr(base,11,1) + substr(base,9,1) + substr(base,7,1) + substr(base,5,1))) % 9 AS digit FROM bases)
SELECT i, 1 + n % 3, digit || base,
  CASE WHEN pending OR error THEN NULL ELSE 1000 + i END,
  CASE WHEN pending OR error THEN NULL ELSE '架空商事' || n END,
  CASE WHEN pending OR error THEN NULL ELSE '2026-03-31 15:00:00.000000' END,
  CASE WHEN pending OR error THEN NULL ELSE '2027-03-31 14:59:59.000000' END,
  CASE WHEN pending OR error THEN NULL ELSE 'ok' END,
  CASE WHEN pending OR error OR incomplete THEN NULL
       ELSE 'ab/' || substr('{"0" * 64}' || i, -64) || '.pdf' END,
  CASE WHEN pending THEN 'pending' WHEN error THEN 'error' ELSE 'success' END,
  CASE WHEN k = 1 THEN 'unknown' ELSE 'known' END,
  CASE WHEN k IN (1, 10) THEN 'needs_review' WHEN incomplete AND k < 7 THEN 'scheduled' ELSE 'none' END,
  CASE WHEN incomplete AND k < 7 THEN '2026-11-20 03:00:00.000000' END,
  CASE WHEN k = 1 THEN 'no_list_call' WHEN k = 10 THEN 'contradicted'
       WHEN incomplete AND k < 7 THEN 'incomplete' END,
  0, CASE WHEN error THEN 'http_422' END, 0,
  CASE WHEN earlier AND NOT failed THEN '2026-04-01 03:00:00.000000' END,
  CASE WHEN earlier AND NOT failed THEN i + 1 END,
  CASE WHEN later AND i % 100 <> 99 THEN i - 1 END,
  '00000000-0000-4000-8000-' || substr('000000000000' || i, -12),
  '2026-04-01 03:00:00.000000', '2026-04-01 03:00:00.000000', '2026-04-01 03:00:02.000000',
  {filling_money.STATE_SINCE_SQL}, 2
FROM summed
"""
_INSERT_CHECKS_SQL_START = f"""INSERT INTO {CHECKS_TABLE} (
  id, client_id, corporation_number, credit_check_id, company_name, purchased_at, expired_at, result, pdf_file_path,
  status, certainty, work_state, work_at, work_reason, work_attempts, error_code, viewing_over,
  superseded_at, superseded_by, renews, operation_id, asked_at, created_at, changed_at, state_since,
  version)
"""
_SELECT_INDEXES_SQL = """SELECT INDEX_NAME, NON_UNIQUE, GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX)
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{}' AND INDEX_NAME <> 'PRIMARY'
  GROUP BY INDEX_NAME, NON_UNIQUE"""
_SELECT_TRIGGERS_SQL = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
_INSERT_CALLING_OPERATIONS_SQL = """INSERT INTO operations (id, action, subject_kind, subject_id, state,
  idempotency_key, fingerprint, operator, desk, host, process, session, started_at,
  lease_clock, lease_expires) VALUES """


def make_insert_checks_statement(dialect: str, row_count: int) -> str:
    """Return the SQL statement that inserts `row_count` credit checks. On a server it needs `sql_mode =
    PIPES_AS_CONCAT`.
    """
    return _INSERT_CHECKS_SQL_START + _COUNTER_SQL_BY_ENGINE[dialect].format(rows=row_count) + _CHECK_ROWS_SQL


def make_number_series_sql(dialect: str, count: int) -> str:
    """Return the beginning of a statement that selects from the numbers 1 to `count`, as `counted.i`."""
    return _COUNTER_SQL_BY_ENGINE[dialect].format(rows=count).rstrip(",")


def make_insert_money_rows_statements(dialect: str, payment_count: int) -> tuple[str, ...]:
    """Return the SQL statements that insert `payment_count` orders and payments, and half as many refunds. On a
    server they need `sql_mode = PIPES_AS_CONCAT`.
    """
    return filling_money.make_insert_money_statements_from_counters(
        make_number_series_sql(dialect, payment_count), make_number_series_sql(dialect, payment_count // 2)
    )


def make_insert_ended_purchases_statements(dialect: str, count: int) -> tuple[str, str]:
    """Return the SQL statements that insert `count` ended purchases and `count` returned leases, because the journal
    of a real database contains many of them.
    """
    numbers = make_number_series_sql(dialect, count)
    operations = f"""INSERT INTO operations (id, action, subject_kind, subject_id, state, idempotency_key,
        fingerprint, operator, desk, host, process, session, started_at, ended_at, lease_clock, lease_expires)
      {numbers} SELECT 'past-' || i, 'credit-check.purchase', 'credit-check', i, 'done', 'past-' || i, '',
        '{OPERATOR}', '', '', 0, '', '2026-04-01 03:00:00', '2026-04-01 03:00:02', 'past', 0 FROM counted"""
    leases = f"""INSERT INTO leases (name, slot, lease_clock, lease_expires, fence)
      {numbers} SELECT 'credit_check_' || i, 0, 'past', 0, 1 FROM counted"""
    return operations, leases


def make_insert_running_purchases_statement(clock: str) -> str:
    """Return the statement that inserts eight running purchases; the leases of three of them have expired. `clock` is
    the value of the column `lease_clock`, the name of the clock that dates the leases.
    """
    return _INSERT_CALLING_OPERATIONS_SQL + ",".join(
        f"('op-{number}', 'credit-check.purchase', 'credit-check', {200 * (number + 1)}, 'calling', 'key-{number}',"
        f" '', '{OPERATOR}', '', '', 0, '', '2026-11-20 03:00:00', '{clock}', {0 if number < 3 else 2**53})"
        for number in range(8)
    )


def fill_server(cursor: Any, row_count: int, payment_count: int | None = None) -> None:
    """Insert `row_count` credit checks, ended and running purchases, payments and the operator into a server's
    database. The indexes of the credit checks are created afterwards. The triggers are dropped, because they would
    refuse the invented purchases. `payment_count` is the number of payments (None: a tenth of the credit checks).
    """
    drop_triggers(cursor)
    cursor.execute("SET sql_mode = 'PIPES_AS_CONCAT'")
    with drop_indexes_during_fill(lambda statement: _execute_and_fetch(cursor, statement), CHECKS_TABLE):
        cursor.execute(make_insert_checks_statement("mysql", row_count))
    for statement in (
        *make_insert_ended_purchases_statements("mysql", min(row_count, ENDED_PURCHASE_COUNT)),
        *make_insert_money_rows_statements(
            "mysql", row_count // ROWS_PER_PAYMENT if payment_count is None else payment_count
        ),
        make_insert_operator_statement(),
        make_insert_running_purchases_statement("server"),
    ):
        cursor.execute(statement)
    cursor.execute(f"ANALYZE TABLE {CHECKS_TABLE}, operations, leases, {', '.join(filling_money.MONEY_TABLES)}")


def drop_triggers(cursor: Any) -> None:
    """Drop all triggers of the database."""
    cursor.execute(_SELECT_TRIGGERS_SQL)
    for (trigger,) in cursor.fetchall():
        cursor.execute(f"DROP TRIGGER {trigger}")


@contextmanager
def drop_indexes_during_fill(sql: Callable[[str], Sequence[Sequence[Any]]], table: str) -> Iterator[None]:
    """Drop the indexes of a server's table, and create them again after the block, in which the table is filled.
    `sql` runs a statement on one connection and returns its rows.
    """
    indexes = sql(_SELECT_INDEXES_SQL.format(table))
    sql(f"ALTER TABLE {table} " + ", ".join(f"DROP INDEX {index}" for index, _, _ in indexes))
    sql("SET unique_checks = 0, foreign_key_checks = 0")
    yield
    sql("SET unique_checks = 1, foreign_key_checks = 1")
    sql(f"ALTER TABLE {table} " + ", ".join(_make_create_index_sql(*index) for index in indexes))


def _execute_and_fetch(cursor: Any, statement: str) -> Sequence[Sequence[Any]]:
    cursor.execute(statement)
    rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


def _make_create_index_sql(name: str, repeat_count: int, columns: str) -> str:
    """Return the clause of an ALTER TABLE statement that adds the index `name` on these columns. The index is unique
    if `repeat_count` is 0.
    """
    return f"ADD {'INDEX' if repeat_count else 'UNIQUE INDEX'} {name} ({columns})"


def make_insert_operator_statement() -> str:
    """Return the statement that inserts the operator who reads the tables."""
    return f"INSERT INTO operators (name, roles, may_buy) VALUES ('{OPERATOR}', 'operator', 1)"


def compute_corporation_number(row: int) -> str:
    """Return the corporation number of the row with this id, as the database has computed it."""
    base = f"9900{(row - (row % 10 == 9)) * _CORPORATION_NUMBER_STEP % 10**8:08d}"
    return compute_check_digit(base) + base


def compute_table_form_mark() -> str:
    """Return a text that changes if the code changes on which an already filled table depends: the rows, the declared
    schema, and the first migration. Later migrations are run on the existing table.
    """
    first = min((migrate.MIGRATIONS_FOLDER / "versions").glob("[0-9]*.py"))
    declared = sorted(Path(core.__file__).parent.glob("*.py"))
    return (
        f"{TABLE_FORM_VERSION}-{sha256(b''.join(file.read_bytes() for file in (first, *declared))).hexdigest()[:8]}"
    )
