"""Tests of the adoption of another application's table of credit checks: no row is lost, and one row of each claim is
live, whatever the other application writes meanwhile.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.process import failpoint_names
from console.domain.records import PurchaseRequest
from console.services.adoption.plan import DuplicateClaim
from console.services.adoption.run import ROWS_PER_TRANSACTION, AdoptionRun
from console.services.process import failpoints
from console.services.process.context import ServiceContext
from console.store.adoption import adopt_rows, adopt_table
from console.store.adoption.adopt_table import UNDECIDED_CLAIM
from console.store.database.engine import Database
from tests.support import legacy, other_application, server_fixtures
from tests.support.adoptions import (
    UNREACHABLE_URL,
    expire_upgrade_lock,
    open_adoption_service,
    open_temporary_database,
)
from tests.support.desks import make_environment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.legacy import TABLE_NAME, make_bought_row, make_row
from tests.support.places import Engine, get_nodes
from tests.support.quick_desks import open_quick_desk
from tests.support.servers import Cluster, Server
from tests.support.sql_server import SqlServer

FIRST_NUMBER, SECOND_NUMBER, THIRD_NUMBER = invent_numbers(3, seed=31)
_ROWS_ADDED_DURING_ADOPTION = 400
"""Number of rows that the other application adds while an adoption is running."""
ORIGINAL_COLUMNS = "id, client_id, credit_check_id, company_name, purchased_at, expired_at, result, pdf_file_path"


@pytest.fixture
def database_url(engine: Engine, home: Path) -> Iterator[str]:
    """The address of an empty database; each test runs on SQLite and on MariaDB."""
    server_fixtures.require_engine(engine)
    server = get_nodes(engine)[0] if engine != "sqlite" else None
    with open_temporary_database(server, home) as address:
        yield address


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The new database, opened as the other application does."""
    opened = Database(database_url, without_time_limit=True)
    yield opened
    opened.close()


def read_rows(database: Database, columns: str = ORIGINAL_COLUMNS) -> list[tuple[object, ...]]:
    """Return these columns of all rows of the table of credit checks, ordered by id."""
    with database.read() as conn:
        return [tuple(row) for row in conn.exec_driver_sql(f"SELECT {columns} FROM {TABLE_NAME} ORDER BY id")]


def read_counts(database: Database) -> dict[str, int]:
    """Return the numbers of rows in the table of credit checks, by the names `rows`, `live`, `claims`,
    `duplicates` and `undecided`, as `legacy.count_rows` explains them.
    """
    with database.read() as conn:
        return legacy.count_rows(conn)


def count_rows_by_table(database: Database) -> dict[str, object]:
    """Return a dictionary from the name of each table to its number of rows."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if database.is_server:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    with database.read() as conn:
        names = sorted(str(name) for name in conn.scalars(text(sql)))
        return {name: conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in names}


def test_all_rows_of_another_application_are_adopted(database: Database, home: Path, database_url: str) -> None:
    """After an adoption, the values that the other application wrote are unchanged and one row of each claim is live.
    The counts of the run equal those that the plan announced.
    """
    legacy.create_table_with_rows(
        database,
        [*legacy.make_rows(600, duplicate_share=0.1, strange_share=0.1), make_row(corporation_number="番号なし")],
    )
    before, row_counts = read_rows(database), count_rows_by_table(database)
    with open_adoption_service(home, database_url) as service:
        plan = service.make_plan()
        assert (count_rows_by_table(database), read_rows(database)) == (row_counts, before), (
            "a dry run changes nothing"
        )
        done = service.run()
        assert service.run().steps == ()
        assert service.make_plan().state == "adopted"
    assert read_rows(database) == before
    assert (done.duplicate_row_count, done.unreadable_row_count, done.normalised_row_count) == (
        plan.row_counts.duplicate_row_count,
        plan.row_counts.unreadable_row_count,
        plan.row_counts.normalised_row_count,
    )
    counts = read_counts(database)
    assert counts["live"] == counts["claims"] == 601 - done.duplicate_row_count - 1
    assert (counts["rows"], counts["duplicates"], counts["undecided"]) == (601, done.duplicate_row_count, 0)


LIVE_ROW_CASES: dict[str, tuple[list[legacy.Row], int]] = {
    "the later purchase": (
        [make_bought_row("", 1, purchased_at="2025-05-01"), make_bought_row("", 2, purchased_at="2025-01-01")],
        0,
    ),
    "the later expiry": ([make_bought_row("", 1, expired_at="2027-05-01"), make_bought_row("", 2)], 0),
    "the higher id": ([make_bought_row("", 1), make_bought_row("", 2)], 1),
    "bought before not bought": ([make_bought_row("", 1), make_row(purchased_at="2027-01-01")], 0),
    "dated before undated": ([make_bought_row("", 1), make_bought_row("", 2, purchased_at=None)], 0),
    "the newest of those not bought": ([make_row(), make_row(corporation_number="T{}")], 1),
    "in another spelling": ([make_bought_row("T{}", 1), make_bought_row(" {} ", 2), make_bought_row("", 3)], 2),
    "in a third spelling": ([make_bought_row("\u3000{}\t", 1), make_bought_row("{}-", 2)], 1),
}
"""Dictionary from the name of a case to its rows, which all have one claim, and the index (from 0) of the row that
stays live. The test replaces `{}` in the rows, and an empty or missing corporation number, by the number of the
case.
"""


def test_the_live_row_of_each_claim_follows_the_rules(database: Database, home: Path, database_url: str) -> None:
    """If several rows have one claim, the newest purchased row stays live, or the newest row if none was purchased.
    Each other row becomes its duplicate, with a case and an audit entry, and is in the review queue.
    """
    expected: list[tuple[int, int | None]] = []
    written: list[legacy.Row] = []
    for number, (rows, stays) in zip(
        invent_numbers(len(LIVE_ROW_CASES), seed=5), LIVE_ROW_CASES.values(), strict=True
    ):
        first = len(written) + 1
        written += [
            one | {"corporation_number": str(one["corporation_number"] or "{}").format(number)} for one in rows
        ]
        places = range(len(rows))
        expected += [(first + place, None if place == stays else first + stays) for place in places]
    legacy.create_table_with_rows(database, written)
    with open_adoption_service(home, database_url) as service:
        assert service.make_plan().row_counts.duplicate_examples[0] == DuplicateClaim(
            "1", invent_numbers(7, seed=5)[6], 3
        )
        service.run()
    assert read_rows(database, "id, duplicate_of") == expected
    with database.read() as conn:
        cases = conn.exec_driver_sql("SELECT subject_id FROM alerts WHERE rule_id = 'duplicate' ORDER BY 1").all()
        entry_count = conn.exec_driver_sql("SELECT count(*) FROM audit_log WHERE reason = 'duplicate'").scalar_one()
    duplicates = [serial for serial, stays in expected if stays]
    assert [case[0] for case in cases] == duplicates
    assert entry_count == len(cases)
    in_review = read_rows(database, "id, work_state, work_reason")
    assert [row for row in in_review if row[2] == "duplicate"] == [
        (serial, "needs_review", "duplicate") for serial in duplicates
    ]


def test_a_unique_index_of_another_application_prevents_rewriting(
    database: Database, home: Path, database_url: str
) -> None:
    """If a unique index of the other application prevents that a corporation number is rewritten in plain digits, the
    later purchase, which is in plain digits, stays live. The other row becomes its duplicate, and its spelling does
    not change.
    """
    legacy.create_table_with_rows(
        database,
        [
            make_bought_row(FIRST_NUMBER, 1),
            make_bought_row(f"T{FIRST_NUMBER}", 1, purchased_at="2024-01-01"),
            make_bought_row(f"T{SECOND_NUMBER}", 3),
        ],
    )
    create_unique_index(database, "client_id, corporation_number, credit_check_id")
    with open_adoption_service(home, database_url) as service:
        service.run()
    rows = read_rows(database, "corporation_number, duplicate_of")
    assert rows == [(FIRST_NUMBER, None), (f"T{FIRST_NUMBER}", 1), (SECOND_NUMBER, None)]


@pytest.mark.parametrize(
    ("state", "plain_row"),
    [
        ("error", make_row(corporation_number=FIRST_NUMBER, pdf_file_path="one.pdf")),
        ("success", make_bought_row(FIRST_NUMBER, 1, purchased_at="2024-01-01", pdf_file_path="one.pdf")),
    ],
    ids=["an error", "an earlier purchase"],
)
def test_a_bought_row_is_no_duplicate_of_a_row_that_comes_after_it(
    database: Database, home: Path, database_url: str, state: str, plain_row: legacy.Row
) -> None:
    """A unique index of the other application prevents that the number of a bought row is rewritten, because a row
    with an error or a row of an earlier purchase has the same digits. The adoption ends with an error that names the
    index, and the bought row doesn't become a duplicate: without its claim, the same credit check could be bought a
    second time.
    """
    bought_row = make_bought_row(f"T{FIRST_NUMBER}", 2, purchased_at="2026-01-01", pdf_file_path="one.pdf")
    legacy.create_table_with_rows(
        database, [plain_row, bought_row], more=", status VARCHAR(20) NOT NULL DEFAULT 'pending'"
    )
    create_unique_index(database, "client_id, corporation_number, pdf_file_path")
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"UPDATE {TABLE_NAME} SET status = '{state}' WHERE id = 1")
    with open_adoption_service(home, database_url) as service, pytest.raises(ConsoleError) as caught:
        service.run()
    assert (caught.value.code, caught.value.detail["problem"]) == ("schema_mismatch", "cannot_be_adopted")
    assert [name for name in caught.value.detail["names"] if name.startswith("unique_index (")]
    assert {duplicate_of for (duplicate_of,) in read_rows(database, "duplicate_of")} <= {None, UNDECIDED_CLAIM}


def create_unique_index(database: Database, columns: str) -> None:
    """Create the unique index `theirs` of the other application on these columns of the table of credit checks."""
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"CREATE UNIQUE INDEX theirs ON {TABLE_NAME} ({columns})")


def test_rows_of_different_clients_are_no_duplicates(database: Database, home: Path, database_url: str) -> None:
    """Rows of two clients with the same corporation number are not duplicates, because a claim belongs to one
    client.
    """
    legacy.create_table_with_rows(
        database, [make_bought_row(FIRST_NUMBER, 1), make_bought_row(FIRST_NUMBER, 1, client_id=2)]
    )
    with open_adoption_service(home, database_url) as service:
        assert service.run().duplicate_row_count == 0


def test_an_interrupted_adoption_continues(home: Path, database: Database, database_url: str) -> None:
    """An adoption is broken off at each failpoint in turn, each run continues the former one, and the other
    application adds two rows before the last run. At the end one row of each claim is live, and the earlier rows
    are unchanged.
    """
    legacy.create_table_with_rows(database, list(legacy.make_rows(60, duplicate_share=0.2, strange_share=0.2)))
    before, completed_runs = read_rows(database), []
    for name in failpoint_names.ADOPTION_FAILPOINTS:
        with (
            open_adoption_service(home, database_url, FAILPOINT=f"{name}:1:raise") as service,
            suppress(failpoints.FailpointReached),
        ):
            service.run()
            completed_runs.append(name)
    assert completed_runs == []
    legacy.insert_rows(database, [make_bought_row(FIRST_NUMBER, 9), make_row(corporation_number=f"T{SECOND_NUMBER}")])
    with open_adoption_service(home, database_url) as service:
        service.run()
        assert service.make_plan().state == "adopted"
    counts = read_counts(database)
    assert read_rows(database)[:60] == before
    assert (counts["rows"], counts["live"]) == (62, counts["claims"])


def test_a_killed_adoption_continues(home: Path, sql_server: SqlServer) -> None:
    """If the process of an adoption is killed, only its lock remains. After the lock has expired, the next run
    completes the adoption.
    """
    with open_temporary_database(sql_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, list(legacy.make_rows(60, duplicate_share=0.2)))
        environment = make_environment(
            home, UNREACHABLE_URL, DATABASE_URL=url, OPERATOR="", FAILPOINT="after_adopt_columns:2:kill"
        )
        killed = subprocess.run(
            [sys.executable, "-m", "console", "db", "adopt"], env=os.environ | environment, check=False
        )
        assert killed.returncode == -9
        expire_upgrade_lock(sql_server, url)
        with open_adoption_service(home, url) as service:
            service.run()
        assert read_counts(database)["live"] == read_counts(database)["claims"]
        database.close()


def test_two_simultaneous_adoptions_decide_each_duplicate_once(
    home: Path, database: Database, database_url: str
) -> None:
    """If two desks run the adoption at the same time, each duplicate is decided once and has one case."""
    legacy.create_table_with_rows(database, list(legacy.make_rows(200, duplicate_share=0.2)))
    done: list[int] = []

    def adopt_at_desk(number: int) -> None:
        with open_adoption_service(home / str(number), database_url) as service:
            done.append(service.run().duplicate_row_count)

    threads = [threading.Thread(target=adopt_at_desk, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as conn:
        cases = conn.exec_driver_sql("SELECT count(*), count(DISTINCT subject_id) FROM alerts").one()
    assert len(done) == 2
    assert tuple(cases) == (sum(done), sum(done)) == (read_counts(database)["duplicates"],) * 2


# ---- while the other application goes on


def adopt_under_traffic(url: str, home: Path, database: Database, count: int) -> other_application.ApplicationResults:
    """Create the table with `count` rows of the other application, and adopt it while the other application reads
    and inserts rows. Check that each of its inserts succeeds and is stored, and that one row of each claim is live.
    Return the other application's inserted rows and its longest durations (ms).
    """
    legacy.create_table_with_rows(database, legacy.make_rows(count, duplicate_share=0.01, strange_share=0.01))
    with other_application.run_application(url) as reports, open_adoption_service(home, url) as service:
        service.run()
    (results,) = reports
    with database.read() as conn:
        ids = {int(counts) for counts in conn.scalars(text(f"SELECT id FROM {TABLE_NAME}"))}
        counts = legacy.count_rows(conn)
    assert results.error_messages == []
    assert {record_id for record_id, _, _ in results.inserted_rows} <= ids
    assert counts["rows"] == count + len(results.inserted_rows)
    assert counts["live"] == counts["claims"]
    return results


def test_an_adoption_under_traffic_loses_no_row(home: Path, sql_server: SqlServer) -> None:
    """The adoption of 8,000 rows on a server loses no row of the other application. A test of `make soak` adopts
    more rows, and also checks that the other application doesn't wait.
    """
    with open_temporary_database(sql_server, home) as url:
        database = Database(url, without_time_limit=True)
        results = adopt_under_traffic(url, home, database, 8_000)
        database.close()
    longest = max(results.longest_read_ms, results.longest_write_ms)
    print(
        f"adoption: {len(results.inserted_rows)} inserts and {results.read_count} reads meanwhile,"
        f" the longest took {longest:.0f} ms"
        f" ({results.longest_elsewhere_ms:.0f} ms beside the table)"
    )


def test_rows_inserted_during_the_adoption_compete_for_the_claim(
    home: Path, sql_server: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is inserted while the indexes are built is compared with the row that holds its claim. Afterwards
    the better of these two rows holds the claim.
    """
    late = [
        make_bought_row(FIRST_NUMBER, 3, purchased_at="2026-02-01"),
        make_row(corporation_number=f"T{SECOND_NUMBER}"),
        make_bought_row(f"T{THIRD_NUMBER}", 4),
    ]
    late += [make_row(corporation_number="none")]
    with open_temporary_database(sql_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, [make_bought_row(FIRST_NUMBER, 1), make_bought_row(SECOND_NUMBER, 2)])
        add_during_adoption(monkeypatch, database, lambda: legacy.insert_rows(database, late))
        with open_adoption_service(home, url) as service:
            done = service.run()
        rows = read_rows(database, "corporation_number, duplicate_of, work_reason")
        database.close()
    assert rows == [
        (FIRST_NUMBER, 3, "duplicate"),
        (SECOND_NUMBER, None, None),
        (FIRST_NUMBER, None, None),
        (SECOND_NUMBER, 2, "duplicate"),
        (THIRD_NUMBER, None, None),
        ("none", None, "number_unreadable"),
    ]
    assert (done.duplicate_row_count, done.unreadable_row_count, done.normalised_row_count) == (2, 1, 2)


# ---- what comes in during an adoption costs what it is, and no more


def add_during_adoption(monkeypatch: pytest.MonkeyPatch, database: Database, add_rows: Callable[[], None]) -> None:
    """Make the adoption call `add_rows` once: after the earlier rows are adopted, and before the unique index of the
    claims is built.
    """
    carry_out = adopt_table.apply_table_change

    def add_before_claims_step(database: Database, step: adopt_table.TableChange, *more: Any, **how: Any) -> None:
        if step.change_name == "claims":
            add_rows()
        carry_out(database, step, *more, **how)

    monkeypatch.setattr("console.services.adoption.run.adopt_table.apply_table_change", add_before_claims_step)


@pytest.mark.parametrize("duplicate_share", [0.1, 0.9])
def test_rows_added_during_the_adoption_cost_few_reads(
    home: Path, mariadb_server: Server, monkeypatch: pytest.MonkeyPatch, duplicate_share: float
) -> None:
    """400 rows are inserted during an adoption: the server reads fewer than 60 rows for each of them on average.
    Formerly the adoption compared each new row with all other new rows, and could not end while another application
    wrote 150 rows a second.
    """
    late = list(
        legacy.make_rows(_ROWS_ADDED_DURING_ADOPTION, seed=8, duplicate_share=duplicate_share, strange_share=0.1)
    )
    with open_temporary_database(mariadb_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, [make_bought_row(FIRST_NUMBER, 1)])
        read_before: list[int] = []

        def add_late_rows() -> None:
            legacy.insert_rows(database, late)
            read_before.append(count_rows_read(mariadb_server, database))

        add_during_adoption(monkeypatch, database, add_late_rows)
        with open_adoption_service(home, url) as service:
            service.run()
        read = count_rows_read(mariadb_server, database) - read_before[0]
        counts = read_counts(database)
        database.close()
    assert (counts["rows"], counts["live"], counts["undecided"]) == (
        _ROWS_ADDED_DURING_ADOPTION + 1,
        counts["claims"],
        0,
    )
    assert 0 < read < 60 * _ROWS_ADDED_DURING_ADOPTION, f"{read} rows were read"


def test_rows_added_after_the_adoption_cost_few_reads(
    home: Path, mariadb_server: Server, alarmbox: InMemoryAlarmBox
) -> None:
    """The due task adopts 400 later rows, and the server reads fewer than 60 rows for each of them on average.
    Formerly a number in another spelling was compared with all rows that no task had read: 839 reads for each of
    3,000 rows.
    """
    with open_temporary_database(mariadb_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, [make_bought_row(FIRST_NUMBER, 1)])
        with open_adoption_service(home, url) as service:
            service.run()
        legacy.insert_rows(
            database,
            list(legacy.make_rows(_ROWS_ADDED_DURING_ADOPTION, seed=8, duplicate_share=0, strange_share=0.9)),
        )
        with open_desk(home / "desk", url, database, alarmbox) as desk, desk.acting_as("worker"):
            before = count_rows_read(mariadb_server, database)
            assert desk.scheduler._tasks["rows_by_others"]() == _ROWS_ADDED_DURING_ADOPTION
            read = count_rows_read(mariadb_server, database) - before
        database.close()
    assert 0 < read < 60 * _ROWS_ADDED_DURING_ADOPTION, f"{read} rows were read"


def count_rows_read(server: SqlServer, database: Database) -> int:
    """Return how many rows the server has read for the owner account of this database, which only this test uses. The
    server counts from the first call on.
    """
    server.sql("SET GLOBAL userstat = ON")
    sql = f"SELECT rows_read FROM information_schema.user_statistics WHERE user = '{database.account_name}'"
    return sum(int(count) for (count,) in server.sql(sql))


@pytest.mark.parametrize(
    ("highest_ids", "ranges"),
    [
        ((20_000, 25_000, 25_000, 26_000), [(0, 20_000), (10_000, 25_000)]),
        ((20_000, 60_000), [(0, 20_000)]),
        ((20_000, 25_000, 25_000, 40_000), [(0, 20_000), (10_000, 25_000)]),
    ],
    ids=["slower than the passes", "faster", "faster in the end"],
)
def test_passes_over_new_rows_end_when_no_pass_is_shorter(
    monkeypatch: pytest.MonkeyPatch, highest_ids: tuple[int, ...], ranges: list[tuple[int, int]]
) -> None:
    """The other application adds rows faster than the adoption reads them in one pass. The adoption makes no
    further pass over new rows as soon as the next pass would be at least as long as the last one. `highest_ids`
    are the highest row ids that the adoption finds one after the other, `ranges` the ids that its passes must
    read.
    """
    passed: list[tuple[int, int]] = []
    context = cast("ServiceContext", SimpleNamespace(database=None))
    run = AdoptionRun(context, zone=None, allows_table_copy=False, lock=None)
    monkeypatch.setattr(run, "_read_highest_id", iter(highest_ids).__next__)
    monkeypatch.setattr(run, "_process_id_range", lambda *ids: passed.append(ids))
    run._process_all_rows()
    assert passed == ranges


def test_a_foreign_unique_index_is_named_in_the_error(
    home: Path, sql_server: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During the adoption the other application adds a unique index that prevents the adoption's writes: the error
    names the index. Formerly the error said that other transactions lock the database.
    """
    late = [make_bought_row(f"T{FIRST_NUMBER}", 2, client_id=2)]
    with open_temporary_database(sql_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, [make_bought_row(FIRST_NUMBER, 1)])

        def add_late_rows() -> None:
            legacy.insert_rows(database, late)
            with database.write_without_retries() as tx:
                tx.conn.exec_driver_sql(f"ALTER TABLE {TABLE_NAME} ADD UNIQUE INDEX theirs (corporation_number)")

        add_during_adoption(monkeypatch, database, add_late_rows)
        with open_adoption_service(home, url) as service, pytest.raises(ConsoleError) as caught:
            service.run()
        with database.write_without_retries() as tx:
            tx.conn.exec_driver_sql(f"ALTER TABLE {TABLE_NAME} DROP INDEX theirs")
        monkeypatch.undo()
        with open_adoption_service(home, url) as service:
            service.run()
        counts = read_counts(database)
        database.close()
    assert (caught.value.code, caught.value.detail["problem"]) == ("schema_mismatch", "cannot_be_adopted")
    assert caught.value.detail["names"] == ["unique_index (theirs)"]
    assert (counts["rows"], counts["undecided"], counts["live"]) == (2, 0, 2)


def test_the_adoption_ends_although_a_row_stays_undecided(
    home: Path, sql_server: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person has marked a new row as a duplicate by hand and left its work state empty. The adoption ends
    normally, and the row stays undecided.
    """
    with open_temporary_database(sql_server, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, [make_bought_row(FIRST_NUMBER, 1)])

        def add_late_rows() -> None:
            legacy.insert_rows(
                database,
                [
                    make_bought_row(FIRST_NUMBER, 2, purchased_at="2024-01-01"),
                    *legacy.make_rows(3 * ROWS_PER_TRANSACTION, seed=8),
                ],
            )
            with database.write_without_retries() as tx:
                tx.conn.exec_driver_sql(f"UPDATE {TABLE_NAME} SET duplicate_of = 1 WHERE id = 2")

        add_during_adoption(monkeypatch, database, add_late_rows)
        listed, list_rows = list[int](), adopt_rows.list_unadopted_rows

        def list_some(conn: Connection, *limits: int) -> tuple[tuple[int, object], ...]:
            listed.append(1)
            assert len(listed) < 20, "the adoption does not end"
            return list_rows(conn, *limits)

        monkeypatch.setattr("console.services.adoption.run.adopt_rows.list_unadopted_rows", list_some)
        with open_adoption_service(home, url) as service:
            service.run()
        counts = read_counts(database)
        database.close()
    assert (counts["undecided"], counts["live"]) == (1, counts["claims"])


def test_an_adoption_of_a_file_under_traffic_loses_no_row(home: Path) -> None:
    """The adoption of an SQLite file, which allows one writer at a time, loses no row that the other application
    inserts meanwhile.
    """
    with open_temporary_database(None, home) as url:
        database = Database(url)
        adopt_under_traffic(url, home, database, 500)
        database.close()


def test_a_cluster_has_one_live_row_per_claim_after_an_adoption(home: Path, galera_cluster: Cluster) -> None:
    """On a Galera cluster, which changes a table on all nodes at once, the second node has one live row of each claim
    after an adoption.
    """
    first, second = galera_cluster.nodes[:2]
    with open_temporary_database(first, home) as url:
        database = Database(url, without_time_limit=True)
        legacy.create_table_with_rows(database, list(legacy.make_rows(300, duplicate_share=0.1)))
        with open_adoption_service(home, url) as service:
            assert service.make_plan().is_cluster
            service.run()
        other_database = Database(url.replace(f":{first.port}/", f":{second.port}/"))
        counts = read_counts(other_database)
        assert (counts["rows"], counts["live"], counts["undecided"]) == (300, counts["claims"], 0)
        database.close()
        other_database.close()


# ---- the desk afterwards


def open_desk(home: Path, url: str, database: Database, alarmbox: InMemoryAlarmBox) -> Console:
    """Open a desk on the adopted database and return it. On a server, the desk's account gets three roles."""
    if database.is_server:
        with database.write_without_retries() as tx:
            add = text("INSERT INTO operators (name, roles) VALUES (:name, 'operator,approver,auditor')")
            tx.conn.execute(add, {"name": database.account_name})
    return open_quick_desk(home, alarmbox, DATABASE_URL=url, OPERATOR="" if database.is_server else "op-a")


def test_a_desk_works_with_the_adopted_table(home: Path, database: Database, database_url: str) -> None:
    """After the adoption a desk finds the rows. The desk can't buy a credit check of a corporation while a row holds
    its claim, and can buy one of another corporation. The other application can't insert a row with a claimed number,
    here in another spelling, and the due task finds no row to adopt.
    """
    legacy.create_table_with_rows(
        database,
        [
            make_bought_row(f"T{FIRST_NUMBER}", 71),
            make_bought_row(FIRST_NUMBER, 72),
            make_row(corporation_number=SECOND_NUMBER),
        ],
    )
    with open_adoption_service(home, database_url) as service:
        service.run()
    with open_desk(home, database_url, database, InMemoryAlarmBox()) as console:
        assert [record.id for record in console.lookup.find_records(FIRST_NUMBER).credit_checks] == [2, 1]
        assert {item.record.id for item in console.recovery.read_queue("review").items} == {1, 3}
        for number in (FIRST_NUMBER, SECOND_NUMBER):
            with pytest.raises(ConsoleError) as refused:
                console.credit_checks.purchase(PurchaseRequest(number, "1"))
            assert refused.value.code == "already_purchased"
        fresh = console.credit_checks.purchase(PurchaseRequest(THIRD_NUMBER, "1"))
        assert (fresh.id, fresh.state) == (4, "success")
        with pytest.raises(IntegrityError):
            legacy.insert_rows(database, [make_row(corporation_number=f"{FIRST_NUMBER[:1]}-{FIRST_NUMBER[1:]}")])
        assert [run.count for run in console.recovery.run_all_tasks() if run.task == "rows_by_others"] == [0]


def test_due_tasks_keep_the_decisions_of_the_adoption(home: Path, database: Database, database_url: str) -> None:
    """A row that the adoption has marked as a duplicate stays a duplicate, also after the other application has
    completed its purchase. A number of thirteen letters counts as unreadable and stays as written.
    """
    legacy.create_table_with_rows(
        database, [make_bought_row(FIRST_NUMBER, 71), make_row(corporation_number=FIRST_NUMBER)]
    )
    with open_adoption_service(home, database_url) as service:
        service.run()
    legacy.insert_rows(database, [make_row(corporation_number="ABCDEFGHIJKLM")])
    with database.write_without_retries() as tx:
        tx.conn.exec_driver_sql(f"UPDATE {TABLE_NAME} SET credit_check_id = 72 WHERE id = 2")
    with open_desk(home, database_url, database, InMemoryAlarmBox()) as console:
        console.recovery.run_all_tasks()
        waiting = {item.record.id: item.record.work.reason for item in console.recovery.read_queue("review").items}
    assert waiting == {2: "duplicate", 3: "number_unreadable"}
    assert read_rows(database, "corporation_number, duplicate_of")[1:] == [(FIRST_NUMBER, 1), ("ABCDEFGHIJKLM", None)]


@pytest.mark.parametrize(
    ("zone", "written", "instant"),
    [
        ("Asia/Tokyo", "2026-11-20 00:00:00", datetime(2026, 11, 19, 15, tzinfo=UTC)),
        ("Pacific/Kiritimati", "2026-01-01 00:30:00", datetime(2025, 12, 31, 10, 30, tzinfo=UTC)),
        ("Pacific/Pago_Pago", "2025-12-31 23:30:00", datetime(2026, 1, 1, 10, 30, tzinfo=UTC)),
        ("America/New_York", "2026-07-01 00:00:00", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("UTC", "2026-11-20 00:00:00", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_their_zone(home: Path, zone: str, written: str, instant: datetime) -> None:
    """The dates of adopted rows are read in the time zone that the adoption was given: on both sides of the date
    line, in summer and in winter.
    """
    with open_temporary_database(None, home) as url:
        database = Database(url)
        require_dates_in_zone(home, database, url, zone, written, instant)
        database.close()


def test_dates_of_a_server_are_read_in_their_zone(home: Path, sql_server: SqlServer) -> None:
    """On a database server, whose sessions have a time zone of their own, the dates of adopted rows are still read in
    the given time zone.
    """
    with open_temporary_database(sql_server, home) as url:
        database = Database(url)
        require_dates_in_zone(
            home, database, url, "Asia/Tokyo", "2026-01-01 08:59:59", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
        )
        database.close()


def require_dates_in_zone(
    home: Path, database: Database, url: str, zone: str, written: str, instant: datetime
) -> None:
    """Adopt a new table with `zone`. Assert that the purchase dates of a row from before and of a row from after
    the adoption are read in `zone`, and that the first is still stored as written. Assert that the date of our own
    purchase is stored in UTC.
    """
    legacy.create_table_with_rows(
        database, [make_bought_row(FIRST_NUMBER, 71, purchased_at=written, expired_at=None)]
    )
    with open_adoption_service(home, url) as service:
        service.run(zone)
    legacy.insert_rows(database, [make_bought_row(SECOND_NUMBER, 72, purchased_at=written)])
    with open_desk(home, url, database, InMemoryAlarmBox()) as console:
        for number in (FIRST_NUMBER, SECOND_NUMBER):
            assert console.lookup.find_records(number).credit_checks[0].purchased_at == instant
        ours = console.credit_checks.purchase(PurchaseRequest(THIRD_NUMBER, "1"))
        (columns,) = read_rows(database, "dates_zone, purchased_at")[2:]
        assert columns[0] is None
        assert ours.purchased_at is not None
        assert str(columns[1])[:19] == f"{ours.purchased_at:%Y-%m-%d %H:%M:%S}"
    assert str(read_rows(database, "purchased_at")[0][0])[:19] == written


def test_a_refetch_keeps_the_time_zone_of_the_row(home: Path, database: Database, database_url: str) -> None:
    """A re-fetch of an adopted row writes the day of the purchase in the row's own time zone, because the other
    application still reads the row.
    """
    alarmbox = InMemoryAlarmBox()
    charged = alarmbox.buy_check(PurchaseRequest(FIRST_NUMBER, "1")).content
    assert charged is not None
    legacy.create_table_with_rows(
        database, [make_row(corporation_number=FIRST_NUMBER, credit_check_id=charged.credit_check_id)]
    )
    with open_adoption_service(home, database_url) as service:
        service.run("Asia/Tokyo")
    with open_desk(home, database_url, database, alarmbox) as console:
        record = console.credit_checks.refetch(1).record
        again = console.credit_checks.refetch(1).record
    assert record.purchased_at is not None
    assert record.purchased_at == again.purchased_at
    ((zone, written),) = read_rows(database, "dates_zone, purchased_at")
    assert zone == "Asia/Tokyo"
    assert str(written)[11:19] == "00:00:00", "a provider's day begins at midnight in Japan"


@pytest.mark.parametrize("path", ["/var/www/pdf/1.pdf", "../../etc/passwd", "2024/1.pdf", "C:\\pdf\\1.pdf"])
def test_a_foreign_path_is_kept_and_never_followed(home: Path, path: str) -> None:
    """The PDF path that the other application wrote stays in the record, but the desk never opens that file. A
    re-fetch stores the PDF at a path of our own.
    """
    alarmbox, url = InMemoryAlarmBox(), f"sqlite:///{home}/other.db"
    database = Database(url)
    charged = alarmbox.buy_check(PurchaseRequest(FIRST_NUMBER, "1")).content
    assert charged is not None
    legacy.create_table_with_rows(
        database, [make_bought_row(FIRST_NUMBER, charged.credit_check_id, pdf_file_path=path)]
    )
    with open_adoption_service(home, url) as service:
        service.run()
    with open_desk(home, url, database, alarmbox) as console:
        assert console.credit_checks.read_credit_check(1).record.pdf_file_path == path
        with pytest.raises(ConsoleError) as refused:
            console.pdfs.open_pages(1)
        assert refused.value.code == "not_found"
        assert console.credit_checks.refetch(1).record.pdf_file_path != path
    database.close()
