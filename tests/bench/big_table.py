"""Databases of 1 and 10 million credit checks, made once by the database itself and kept in `.bench/`."""

import sqlite3
import time
from hashlib import sha256
from pathlib import Path

from console.domain.corporation_number import check_digit
from console.store import migrate
from console.store.boot_clock import boot_id
from console.store.engine import Database

FOLDER = Path(__file__).resolve().parents[2] / ".bench"
FORM = 1
"""Raised whenever what is written here changes: kept files of another form, or schema, are made anew."""

OPERATOR = "op-a"
_STEP = 7_654_321  # coprime to 10^8, so that numbers come in no order and yet once each
_TABLE = "hansha_alarmbox_credit_checks"

# Of 200 rows: 1 pending, 1 unknown, 2 errors, 4 incomplete, 1 contradicted, 20 later records of the number before
# (18 renewals, 2 successes after an error); the others bought and complete.
_FILL = f"""
WITH RECURSIVE
  counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < :rows),
  kinds AS (SELECT i, i % 200 AS k, i % 10 = 9 AS later, i % 10 = 8 AS earlier, i % 100 = 98 AS failed,
                   (i - (i % 10 = 9)) * {_STEP} % 100000000 AS n FROM counted),
  bases AS (SELECT *, printf('9900%08d', n) AS base,
                   k IN (0, 1) AS pending, k IN (2, 3) OR failed AS error, k IN (4, 5, 6, 7) AS incomplete
            FROM kinds),
  summed AS (SELECT *, 9 - (
      9 * (1 + 2) + 1 * (substr(base,12,1) + substr(base,10,1) + substr(base,8,1) + substr(base,6,1))
      + 2 * (substr(base,11,1) + substr(base,9,1) + substr(base,7,1) + substr(base,5,1))) % 9 AS digit FROM bases)
INSERT INTO {_TABLE} (
  id, client_id, corporation_number, credit_check_id, company_name, purchased_at, expired_at, result, pdf_file_path,
  status, certainty, work_state, work_at, work_reason, work_attempts, error_code, viewing_over,
  superseded_at, superseded_by, renews, operation_id, asked_at, created_at, changed_at, version)
SELECT i, 1 + n % 3, digit || base,
  CASE WHEN pending OR error THEN NULL ELSE 1000 + i END,
  CASE WHEN pending OR error THEN NULL ELSE '架空商事' || n END,
  CASE WHEN pending OR error THEN NULL ELSE '2026-03-31 15:00:00.000000' END,
  CASE WHEN pending OR error THEN NULL ELSE '2027-03-31 14:59:59.000000' END,
  CASE WHEN pending OR error THEN NULL ELSE 'ok' END,
  CASE WHEN pending OR error OR incomplete THEN NULL ELSE 'ab/' || printf('%064x', i) || '.pdf' END,
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
  printf('00000000-0000-4000-8000-%012x', i),
  '2026-04-01 03:00:00.000000', '2026-04-01 03:00:00.000000', '2026-04-01 03:00:02.000000', 2
FROM summed
"""


def number_of(row: int) -> str:
    """The corporation number of row `row`, as the database computed it."""
    base = f"9900{(row - (row % 10 == 9)) * _STEP % 10**8:08d}"
    return check_digit(base) + base


def big_table(rows: int) -> Path:
    """The file of a database with so many records, made if it isn't there. Read it only."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{rows}-rows-{FORM}-{_schema()}.db"
    if not file.exists():
        for old in FOLDER.glob(f"{rows}-rows-*"):
            old.unlink()
        began = time.monotonic()
        print(f"Making {file.name} …", flush=True)
        _make(file, rows)
        print(f"… took {time.monotonic() - began:.0f} s, {file.stat().st_size / 1e9:.1f} GB", flush=True)
    return file


def _schema() -> str:
    """Stands for the migrations as they are."""
    steps = sorted((migrate.MIGRATIONS / "versions").glob("*.py"))
    return sha256(b"".join(step.read_bytes() for step in steps)).hexdigest()[:8]


def _make(file: Path, rows: int) -> None:
    growing = file.with_suffix(".growing")
    for left in growing.parent.glob(growing.name + "*"):
        left.unlink()
    database = Database(f"sqlite:///{growing}")
    migrate.upgrade(database)
    database.close()
    _fill(growing, rows)
    growing.rename(file)


def _fill(file: Path, rows: int) -> None:
    """All rows in one statement, indexes afterwards: twenty times faster than keeping them up to date."""
    conn = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "synchronous=OFF", "cache_size=-1000000", "threads=2", "temp_store=FILE"):
        conn.execute("PRAGMA " + pragma)
    conn.execute("PRAGMA journal_mode=OFF")
    named = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    indexes = conn.execute(named, (_TABLE,)).fetchall()
    conn.execute("BEGIN")
    for name, _ in indexes:
        conn.execute(f"DROP INDEX {name}")
    conn.execute(_FILL, {"rows": rows})
    for _, sql in indexes:
        conn.execute(sql)
    conn.execute("INSERT INTO operators (name, roles, may_buy) VALUES (?, 'operator', 1)", (OPERATOR,))
    conn.executemany(_OPERATION, [_operation(number) for number in range(8)])
    conn.execute("COMMIT")
    conn.execute("PRAGMA journal_mode=WAL")
    conn.close()


_OPERATION = """
INSERT INTO operations (id, action, subject_kind, subject_id, state, idempotency_key, fingerprint, operator, desk,
  host, process, session, started_at, lease_clock, lease_expires)
VALUES (?, 'credit-check.purchase', 'credit-check', ?, 'calling', ?, '', 'op-a', '', '', 0, '',
  '2026-11-20 03:00:00.000000', ?, ?)
"""


def _operation(number: int) -> tuple[object, ...]:
    """Purchases under way at present: of the first eight pending rows three have lapsed."""
    return (f"op-{number}", 200 * (number + 1), f"key-{number}", boot_id(), 0 if number < 3 else 2**53)
