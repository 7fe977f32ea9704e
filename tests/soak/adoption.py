"""Soak test: the console adopts a table of a million credit checks while the other application reads and inserts
rows.
"""

import time
from collections import Counter
from pathlib import Path

from sqlalchemy import text

from console.services.adoption.run import AdoptionResult
from console.store.database.engine import Database
from tests.support import legacy, other_application, servers
from tests.support.adoptions import open_adoption_service
from tests.support.legacy import TABLE_NAME

ROW_COUNT = 1_000_000


def run_adoption_under_traffic(_shard: int, folder: Path, row_count: int = ROW_COUNT) -> Counter[str]:
    """Adopt a table with `row_count` rows on a private MariaDB server while the other application uses the table.
    Check that afterwards all of that application's rows exist. None of its statements may wait a second or longer
    because of the adoption. Return `rows` (before the adoption), `inserted` rows, `duplicates`, `longest_ms` (of one
    statement) and `seconds` (of the adoption)."""
    with servers.start_private_mariadb() as server:
        url = server.create_database()
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, legacy.make_rows(row_count))
        with other_application.run_application(url) as application_results:
            begun = time.monotonic()
            done = _run_adoption(folder, url)
            seconds = time.monotonic() - begun
        tally = _check_adoption_and_count(database, done, application_results[0], row_count)
        database.close()
    return tally + Counter(seconds=round(seconds))


def _run_adoption(folder: Path, url: str) -> AdoptionResult:
    """Run the adoption, and return its result."""
    with open_adoption_service(folder / "home", url) as service:
        return service.run()


def _check_adoption_and_count(
    database: Database, result: AdoptionResult, results: other_application.ApplicationResults, row_count: int
) -> Counter[str]:
    """Check the adopted table and `results`, those of the other application. Return the counts of the shard: `rows`
    before the adoption, `inserted` rows, `duplicates`, and `longest_ms` of one statement."""
    with database.read() as conn:
        ids = {int(record_id) for record_id in conn.scalars(text(f"SELECT id FROM {TABLE_NAME}"))}
        counts = legacy.count_rows(conn)
    longest = round(max(results.longest_read_ms, results.longest_write_ms))
    print(
        f"adoption: {row_count} rows, {len(results.inserted_rows)} inserts, {results.read_count} reads meanwhile;"
        f" the longest took {longest} ms"
        f" ({results.longest_elsewhere_ms:.0f} ms beside the table), {results.refused_count} refused"
    )
    assert results.error_messages == [], results.error_messages[:3]
    assert {record_id for record_id, _, _ in results.inserted_rows} <= ids, "rows were lost"
    assert (counts["rows"], counts["live"]) == (row_count + len(results.inserted_rows), counts["claims"]), counts
    assert not results.has_waited(), "somebody waited"
    return Counter(
        rows=row_count, inserted=len(results.inserted_rows), duplicates=result.duplicate_row_count, longest_ms=longest
    )
