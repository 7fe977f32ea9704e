"""Tests of the adoption of a table that another application has created. The program recognises the table, reports
obstacles, changes nothing before the adoption, and uses the table afterwards like its own."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.store.adoption import adopt_table
from console.store.adoption import legacy_checks as legacy_obstacles
from console.store.database import online_ddl
from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from console.store.schema import legacy_table
from console.store.schema.core import SCHEMA_VERSION, alerts, credit_checks
from tests.bench import plans
from tests.store.migrations.test_each_version import STATEMENTS_BACK_TO_VERSION
from tests.support import legacy, server_fixtures
from tests.support.adoptions import open_adoption_service, open_temporary_database
from tests.support.invented import invent_numbers
from tests.support.legacy import TABLE_NAME, make_bought_row, make_row
from tests.support.places import Engine, get_nodes
from tests.support.sql_server import SqlServer
from tests.support.waiting import wait_until

FIRST_CORPORATION_NUMBER, SECOND_CORPORATION_NUMBER = invent_numbers(2, seed=41)


@pytest.fixture
def url(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database on each engine."""
    server_fixtures.require_engine(engine)
    server = get_nodes(engine)[0] if engine != "sqlite" else None
    with open_temporary_database(server, tmp_path) as address:
        yield address


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url, without_time_limit=True)
    yield opened
    opened.close()


@pytest.fixture
def server_database(sql_server: SqlServer, tmp_path: Path) -> Iterator[Database]:
    """Yield an empty database on a database server."""
    with open_temporary_database(sql_server, tmp_path) as address:
        opened = Database(address, without_time_limit=True)
        yield opened
        opened.close()


def execute_statements(database: Database, *statements: str) -> None:
    with database.write_without_retries() as tx:
        for statement in statements:
            tx.conn.exec_driver_sql(statement)


def read_create_table(database: Database) -> str:
    """Return the CREATE TABLE statement of the table, as the database returns it."""
    with database.read() as conn:
        if not database.is_server:
            return str(conn.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": TABLE_NAME}))
        return str(conn.exec_driver_sql(f"SHOW CREATE TABLE {TABLE_NAME}").one()[1])


def get_code_and_problem(error: pytest.ExceptionInfo[ConsoleError]) -> tuple[str, object]:
    """Return the error code and the fact `problem` of the caught error."""
    return error.value.code, error.value.detail.get("problem")


def run_adoption(
    database: Database, folder: Path, zone: str | None = None, *, allows_table_copy: bool = False
) -> None:
    address = database.url.render_as_string(hide_password=False)
    with open_adoption_service(folder / "home", address) as service:
        service.run(zone, allows_table_copy=allows_table_copy)


# ---- before


def test_an_upgrade_does_not_change_an_unadopted_table(database: Database) -> None:
    """An upgrade creates the program's other tables and leaves the other application's table of credit checks
    unchanged. Until the adoption, the program refuses to use the database, with the reason `not_adopted`."""
    legacy.create_table_with_rows(database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    before = read_create_table(database)
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            migrate.ensure_schema(database)
        assert get_code_and_problem(refused) == ("schema_mismatch", "not_adopted")
        migrate.upgrade(database)
    assert read_create_table(database) == before


def test_the_version_table_of_another_application_keeps_its_version(database: Database, tmp_path: Path) -> None:
    """If the other application uses Alembic too, its version table keeps its version; the program stores its own
    version in another table."""
    legacy.create_table_with_rows(database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    execute_statements(
        database,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('1975ea83b712')",
    )
    migrate.upgrade(database)
    run_adoption(database, tmp_path)
    assert migrate.ensure_schema(database)["schema"] == SCHEMA_VERSION
    with database.read() as conn:
        migrate.require_current_version(conn)
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "1975ea83b712"


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (("CREATE TABLE invoices (id INTEGER)",), None),
        (("CREATE TABLE hansha_alarmbox_credit_checks (id INTEGER)",), None),
        ((legacy.make_create_sql("sqlite"), "CREATE TABLE sessions (id INTEGER, words VARCHAR(9))"), "names_taken"),
    ],
)
def test_an_upgrade_refuses_an_unsuitable_table(
    database: Database, tables: tuple[str, ...], problem: str | None
) -> None:
    """An upgrade refuses a database that has tables of another application but no table of credit checks, a database
    whose table of credit checks lacks the original columns, and a database in which another application has created
    tables with the program's names. The upgrade creates nothing there."""
    execute_statements(database, *tables)
    with pytest.raises(ConsoleError) as refused:
        migrate.upgrade(database)
    assert get_code_and_problem(refused) == ("not_our_database", problem)
    with database.read() as conn:
        assert "console_meta" not in migrate._read_table_names(conn)
        assert "console_upgrade" not in migrate._read_table_names(conn)


OBSTACLES: dict[str, tuple[str, str]] = {
    "memo TEXT NOT NULL": ("needs_default", "memo"),
    "status INT NULL": ("column_taken", "status"),
}


@pytest.mark.parametrize("more", OBSTACLES)
def test_columns_that_prevent_the_adoption_are_named(database: Database, tmp_path: Path, more: str) -> None:
    """The adoption reports a column that prevents it before it changes the database."""
    legacy.create_table_with_rows(database, more=f", {more}")
    before = read_create_table(database)
    with pytest.raises(ConsoleError) as refused:
        run_adoption(database, tmp_path)
    assert get_code_and_problem(refused) == ("schema_mismatch", "cannot_be_adopted")
    (obstacle,) = legacy_obstacles.find_obstacles(adopt_table.read_table_structure(database))
    assert (obstacle.code, obstacle.name) == OBSTACLES[more]
    assert read_create_table(database) == before


@pytest.mark.parametrize(
    ("columns", "is_obstacle"),
    [
        ("client_id, corporation_number", True),
        ("corporation_number", True),
        ("client_id, corporation_number, company_name, result", True),
        ("client_id, corporation_number, is_deleted", True),
        ("client_id, corporation_number, memo", False),
        ("client_id, corporation_number, purchased_at", False),
        ("credit_check_id", False),
    ],
)
def test_a_unique_index_that_refuses_a_second_credit_check_prevents_the_adoption(
    database: Database, columns: str, is_obstacle: bool
) -> None:
    """A unique index of the other application prevents the adoption if two credit checks of one client and
    corporation number can have the same values in all of its columns: a renewal would be refused."""
    legacy.create_table_with_rows(database, more=", is_deleted INT NOT NULL DEFAULT 0, memo VARCHAR(9) NULL")
    execute_statements(database, f"CREATE UNIQUE INDEX theirs ON {TABLE_NAME} ({columns})")
    obstacles = legacy_obstacles.find_obstacles(adopt_table.read_table_structure(database))
    obstacle_facts = [(obstacle.code, obstacle.name, obstacle.present_value) for obstacle in obstacles]
    assert obstacle_facts == ([("unique_index", "theirs", columns)] if is_obstacle else [])


def test_an_ordinary_index_of_another_application_prevents_nothing(database: Database) -> None:
    """An index of the other application that isn't unique is no obstacle."""
    legacy.create_table_with_rows(database)
    execute_statements(database, f"CREATE INDEX theirs ON {TABLE_NAME} (client_id, corporation_number)")
    assert legacy_obstacles.find_obstacles(adopt_table.read_table_structure(database)) == ()


def test_a_column_with_a_value_only_on_update_prevents_the_adoption(
    server_database: Database, tmp_path: Path
) -> None:
    """A NOT NULL column whose only value comes from `ON UPDATE` prevents the adoption, because new rows would have no
    value. A column with a default value, or a column that is derived from others, doesn't prevent it."""
    legacy.create_table_with_rows(server_database, more=", changed DATETIME NOT NULL ON UPDATE CURRENT_TIMESTAMP")
    with pytest.raises(ConsoleError) as refused:
        run_adoption(server_database, tmp_path)
    assert get_code_and_problem(refused) == ("schema_mismatch", "cannot_be_adopted")
    (obstacle,) = legacy_obstacles.find_obstacles(adopt_table.read_table_structure(server_database))
    assert (obstacle.code, obstacle.name) == ("needs_default", "changed")
    now = "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    twice = "INT AS (client_id * 2) STORED"
    execute_statements(server_database, f"ALTER TABLE {TABLE_NAME} MODIFY changed {now}, ADD COLUMN twice {twice}")
    assert legacy_obstacles.find_obstacles(adopt_table.read_table_structure(server_database)) == ()


def test_unknown_columns_keep_their_values_and_defaults(database: Database, tmp_path: Path) -> None:
    """Columns that only the other application uses keep their values. New rows of the program get the defaults of
    these columns."""
    legacy.create_table_with_rows(
        database,
        [make_bought_row(FIRST_CORPORATION_NUMBER, 1)],
        more=", created_at DATETIME NULL, memo VARCHAR(9) NOT NULL DEFAULT 'new'",
    )
    execute_statements(database, f"UPDATE {TABLE_NAME} SET memo = 'old', created_at = '2020-01-01 00:00:00'")
    run_adoption(database, tmp_path)
    legacy.insert_rows(database, [make_bought_row(SECOND_CORPORATION_NUMBER, 2)])
    with database.read() as conn:
        rows = conn.exec_driver_sql(f"SELECT memo, created_at FROM {TABLE_NAME} ORDER BY id").all()
    assert [str(memo) for memo, _ in rows] == ["old", "new"]
    assert str(rows[0][1])[:10] == "2020-01-01"


# ---- afterwards


def read_columns_and_indexes(database: Database) -> dict[str, tuple[object, ...]]:
    """Return the columns and indexes that the adoption has added to the table, by name. A column has its type,
    whether it may be NULL, its collation and its default value; the default of the time zone counts as empty.
    """
    table = adopt_table.read_table_structure(database)
    columns = {
        name: (
            column.type,
            column.is_nullable,
            column.collation,
            column.default_sql if name != adopt_table.DATES_ZONE_META_NAME else "",
        )
        for name, column in table.columns.items()
        if name not in legacy_table.ORIGINAL_COLUMNS
    }
    return {**columns, **table.indexes}


def copy_adopted_table(database: Database, our_database: Database) -> None:
    """Copy the rows of the adopted table, and the alerts that the adoption has opened about them, into a table that
    the program has created. Adopted rows have no date of their state, so this function gives the copies and the
    originals the same date.
    """
    for table in (credit_checks, alerts):
        columns = ", ".join(column.name for column in table.c if column.computed is None)
        source = f"`{database.url.database}`.{table.name}"
        execute_statements(our_database, f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {source}")
    for one in (database, our_database):
        execute_statements(one, f"UPDATE {TABLE_NAME} SET state_since = '2026-04-15 02:00:00' + INTERVAL id MINUTE")
        # The update leaves the old entries of the indexes behind until they are purged, and a server counts them when
        # it chooses between two indexes. Made anew, both tables have none.
        execute_statements(one, f"OPTIMIZE TABLE {TABLE_NAME}, {alerts.name}")


def test_an_adopted_table_equals_a_created_one(database: Database, engine: Engine, tmp_path: Path) -> None:
    """An adopted table has the same added columns and indexes as a table that the program has created, and each query
    has the same plan on both tables.

    Two details are not compared. The step in which a server filters rows depends on the columns: derived columns are
    stored in a created table and virtual in an adopted one. The name of the index is not compared on a server: if the
    server expects no row from two indexes, MySQL and MariaDB 11 use the older one. On MySQL the table has more rows,
    because MySQL reads a small table as a whole.
    """

    def list_plan_steps(inspected_database: Database, ask: plans.Query) -> list[str]:
        steps = [
            re.sub("(; )?Using (where|index condition)", "", step)
            for step in plans.read_plan_steps(inspected_database, ask)
        ]
        if engine == "sqlite":
            return steps
        return [re.sub(r"^((?:range|ref) \S+) \w+: (?:(?:; )?Using index)?$", r"\1", step) for step in steps]

    legacy.create_table_with_rows(database, list(legacy.make_rows({"sqlite": 0, "mysql": 10_000}.get(engine, 2_000))))
    run_adoption(database, tmp_path)
    server = get_nodes(engine)[0] if database.is_server else None
    with open_temporary_database(server, tmp_path / "home") as address:
        ours = Database(address, without_time_limit=True)
        migrate.upgrade(ours)
        if server is not None:
            server.sql(f"GRANT SELECT ON `{database.url.database}`.* TO `{ours.url.username}`@`%`")
            copy_adopted_table(database, ours)
        assert read_columns_and_indexes(database) == read_columns_and_indexes(ours)
        query_by_name = {
            **plans.QUERY_BY_PAGE,
            **plans.COUNT_QUERIES,
            **plans.KEY_LOOKUP_QUERIES,
            **plans.QUERIES_SORTED_IN_MEMORY,
            **plans.PREFIX_SEARCH_QUERIES,
        }
        assert {name: list_plan_steps(database, ask) for name, ask in query_by_name.items()} == {
            name: list_plan_steps(ours, ask) for name, ask in query_by_name.items()
        }
        ours.close()


COLUMN_TYPES_BY_NAME: dict[str, dict[str, str]] = {
    "CHAR(13)": {"number": "CHAR(20)"},
    "BIGINT": {"number": "BIGINT"},
    "latin1": {"options": "DEFAULT CHARSET latin1"},
    "cp932": {"options": "DEFAULT CHARSET cp932"},
    "utf8mb3": {"options": "DEFAULT CHARSET utf8mb3"},
    "ci": {"options": "DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci"},
}


@pytest.mark.parametrize("name", COLUMN_TYPES_BY_NAME)
def test_an_adopted_number_column_keeps_its_type(server_database: Database, tmp_path: Path, name: str) -> None:
    """The column of corporation numbers may have another type than in a created table. The adoption keeps this type,
    and each spelling of a number that the column can store holds the claim of the number."""
    legacy.create_table_with_rows(
        server_database,
        [make_bought_row(FIRST_CORPORATION_NUMBER, 1) | {"company_name": "Corp"}],
        **COLUMN_TYPES_BY_NAME[name],
    )
    column = adopt_table.read_table_structure(server_database).columns["corporation_number"]
    run_adoption(server_database, tmp_path, allows_table_copy=name in ("latin1", "cp932"))
    assert adopt_table.read_table_structure(server_database).columns["corporation_number"] == column
    spellings = (
        [FIRST_CORPORATION_NUMBER]
        if name == "BIGINT"
        else [
            FIRST_CORPORATION_NUMBER,
            f"{FIRST_CORPORATION_NUMBER[:1]}-{FIRST_CORPORATION_NUMBER[1:]}",
            f" {FIRST_CORPORATION_NUMBER}",
        ]
    )
    for spelling in spellings:
        with pytest.raises(IntegrityError):
            legacy.insert_rows(server_database, [make_row(corporation_number=spelling)])
    legacy.insert_rows(server_database, [make_bought_row(SECOND_CORPORATION_NUMBER, 2) | {"company_name": "Corp"}])
    with server_database.read() as conn:
        keys = conn.scalars(text(f"SELECT number_key FROM {TABLE_NAME} ORDER BY id"))
        assert [str(key) for key in keys] == [FIRST_CORPORATION_NUMBER, SECOND_CORPORATION_NUMBER]


def test_a_table_is_copied_only_with_permission(server_database: Database, tmp_path: Path) -> None:
    """A table with another storage engine, or with ids that the other application assigns itself, can only be changed
    by a copy. Other writers would have to wait for the copy, so the adoption makes the copy only if the person has
    allowed it."""
    legacy.create_table_with_rows(
        server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)], options="ENGINE=MyISAM"
    )
    execute_statements(server_database, f"ALTER TABLE {TABLE_NAME} MODIFY id INT NOT NULL")
    with pytest.raises(ConsoleError) as refused:
        run_adoption(server_database, tmp_path)
    assert get_code_and_problem(refused) == ("schema_mismatch", "needs_conversion")
    run_adoption(server_database, tmp_path, allows_table_copy=True)
    table = adopt_table.read_table_structure(server_database)
    assert (table.engine, "auto_increment" in table.columns["id"].further_properties) == ("InnoDB", True)


def test_the_adoption_widens_columns_that_are_too_narrow(server_database: Database, tmp_path: Path) -> None:
    """The adoption makes NOT NULL columns nullable where the program needs that, and makes the column of company
    names long enough. A changed column keeps its comment."""
    execute_statements(
        server_database,
        f"CREATE TABLE {TABLE_NAME} (id INT PRIMARY KEY AUTO_INCREMENT, client_id INT NOT NULL, corporation_number"
        " VARCHAR(20) NOT NULL, credit_check_id INT NOT NULL, company_name VARCHAR(80) NOT NULL DEFAULT '',"
        " purchased_at DATE NOT NULL, expired_at DATE NULL, result ENUM('ok', 'hold', 'ng') NULL,"
        " pdf_file_path VARCHAR(70) NULL COMMENT 'below ''pdf''')",
        f"INSERT INTO {TABLE_NAME} VALUES"
        f" (1, 1, '{FIRST_CORPORATION_NUMBER}', 5, 'Corp', '2025-04-01', '2026-04-01', 'ok', NULL)",
    )
    run_adoption(server_database, tmp_path)
    columns = adopt_table.read_table_structure(server_database).columns
    assert columns["company_name"].type == "varchar(255)"
    assert columns["pdf_file_path"].comment == "below 'pdf'"
    assert all(columns[name].is_nullable for name in legacy_table.ORIGINAL_COLUMNS[3:])


@pytest.mark.parametrize(
    ("kind", "letters", "obstacle"),
    [("VARCHAR(50)", "utf8mb4", "width"), ("VARCHAR(255)", "latin1", "letters"), ("VARCHAR(80)", "utf8mb4", None)],
)
def test_the_check_names_changes_that_need_a_copy(
    server_database: Database, tmp_path: Path, kind: str, letters: str, obstacle: str | None
) -> None:
    """The check before the adoption reports each change that the server can't make without a copy of the table, so
    that the adoption never stops halfway because of such a change."""
    legacy.create_table_with_rows(
        server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1) | {"company_name": "Corp"}]
    )
    execute_statements(
        server_database, f"ALTER TABLE {TABLE_NAME} MODIFY company_name {kind} CHARACTER SET {letters}"
    )
    before = read_create_table(server_database)
    assert [
        one.code for one in legacy_obstacles.find_obstacles(adopt_table.read_table_structure(server_database))
    ] == ([obstacle] if obstacle else [])
    if obstacle:
        with pytest.raises(ConsoleError) as refused:
            run_adoption(server_database, tmp_path)
        assert get_code_and_problem(refused) == ("schema_mismatch", "needs_conversion")
        assert read_create_table(server_database) == before
    run_adoption(server_database, tmp_path, allows_table_copy=obstacle is not None)
    assert adopt_table.read_table_structure(server_database).columns["company_name"].charset == "utf8mb4"


def test_timestamp_columns_get_no_time_zone(server_database: Database, tmp_path: Path) -> None:
    """A column of type TIMESTAMP stores instants, so the adoption stores no time zone for its rows."""
    legacy.create_table_with_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    execute_statements(
        server_database,
        f"ALTER TABLE {TABLE_NAME} MODIFY purchased_at TIMESTAMP NULL, MODIFY expired_at TIMESTAMP NULL",
    )
    run_adoption(server_database, tmp_path, "Asia/Tokyo")
    with server_database.read() as conn:
        assert conn.scalar(text(f"SELECT dates_zone FROM {TABLE_NAME}")) is None


def test_invalid_dates_are_kept_by_the_adoption(server_database: Database, tmp_path: Path) -> None:
    """A server without strict mode stores dates such as 0000-00-00. The adoption keeps such a date, even if it copies
    the table."""
    legacy.create_table_with_rows(
        server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)], options="ENGINE=MyISAM"
    )
    with server_database.engine.connect() as conn:
        conn.exec_driver_sql("SET SESSION sql_mode = ''")
        conn.exec_driver_sql(f"UPDATE {TABLE_NAME} SET purchased_at = '0000-00-00 00:00:00'")
        conn.commit()
        conn.invalidate()
    run_adoption(server_database, tmp_path, allows_table_copy=True)
    with server_database.read() as conn:
        assert conn.scalar(text(f"SELECT CAST(purchased_at AS CHAR) FROM {TABLE_NAME}")) == "0000-00-00 00:00:00"


@pytest.mark.parametrize(("first_time_zone", "second_time_zone"), [("Asia/Tokyo", "UTC"), (None, "Europe/Paris")])
def test_the_time_zone_of_adopted_rows_never_changes(
    database: Database, tmp_path: Path, first_time_zone: str | None, second_time_zone: str
) -> None:
    """After the adoption the time zone of the rows can't be changed: an adoption with another time zone is refused. A
    repeated adoption without a time zone succeeds."""
    legacy.create_table_with_rows(database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    run_adoption(database, tmp_path, first_time_zone)
    with pytest.raises(ConsoleError) as refused:
        run_adoption(database, tmp_path, second_time_zone)
    assert get_code_and_problem(refused) == ("usage", "other_timezone")
    run_adoption(database, tmp_path)


def test_an_unknown_time_zone_is_refused(database: Database, tmp_path: Path) -> None:
    """The adoption refuses a time zone that doesn't exist before it creates anything."""
    legacy.create_table_with_rows(database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    with pytest.raises(ConsoleError) as refused:
        run_adoption(database, tmp_path, "Asia/Tokio")
    assert get_code_and_problem(refused) == ("usage", "no_such_timezone")
    with database.read() as conn:
        assert migrate._read_table_names(conn) - {"sqlite_sequence"} == {TABLE_NAME}


def test_an_empty_database_cannot_be_adopted(database: Database, tmp_path: Path) -> None:
    """The adoption of an empty database is refused with `no_table`. In a database that the program has created, the
    adoption changes nothing."""
    with pytest.raises(ConsoleError) as refused:
        run_adoption(database, tmp_path)
    assert get_code_and_problem(refused) == ("not_found", "no_table")
    migrate.upgrade(database)
    run_adoption(database, tmp_path)
    assert migrate.ADOPTION_KEY not in migrate.ensure_schema(database)


# ---- without anybody waiting


class TableReader:
    """A thread that reads the table again and again on a database connection of its own, and counts its reads."""

    def __init__(self, database: Database) -> None:
        self.reads = 0
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read_until_stopped)

    def __enter__(self) -> "TableReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read_until_stopped(self) -> None:
        while not self._over.wait(0.01):
            with self._database.read() as conn:
                conn.exec_driver_sql(f"SELECT count(*) FROM {TABLE_NAME}").scalar_one()
            self.reads += 1

    def wait_for_read(self) -> None:
        """Wait for the end of a read that began after this call."""
        before = self.reads
        wait_until(lambda: self.reads > before + 1, "a read behind an ALTER")


def test_a_blocked_alter_lets_other_readers_continue(
    server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a long read blocks an ALTER TABLE, the adoption cancels the ALTER and tries again, so that other database
    sessions can read the table between two tries. After LONGEST_RETRY_SECONDS the adoption gives up."""
    monkeypatch.setattr(online_ddl, "LONGEST_RETRY_SECONDS", 4.0)
    legacy.create_table_with_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    step = adopt_table.list_needed_changes(adopt_table.read_table_structure(server_database), "mysql", "UTC")[0]
    with server_database.write_without_retries() as reader, TableReader(server_database) as visitor:
        reader.conn.exec_driver_sql(f"SELECT * FROM {TABLE_NAME}").all()
        pauses: list[float] = []

        def record_pause_and_wait(seconds: float) -> None:
            pauses.append(seconds)
            visitor.wait_for_read()

        monkeypatch.setattr(
            online_ddl, "time", SimpleNamespace(monotonic=time.monotonic, sleep=record_pause_and_wait)
        )
        with pytest.raises(ConsoleError) as refused:
            adopt_table.apply_table_change(
                server_database, step, "UTC", may_copy_table=False, before_claim_index=lambda _tx: None
            )
    assert get_code_and_problem(refused) == ("database_locked", "table_in_use")
    assert pauses, "it was not tried again"
    monkeypatch.setattr(online_ddl, "time", time)
    adopt_table.apply_table_change(
        server_database, step, "UTC", may_copy_table=False, before_claim_index=lambda _tx: None
    )
    assert "work_state" in adopt_table.read_table_structure(server_database).columns


def test_a_duplicate_does_not_spoil_the_index(server_database: Database, tmp_path: Path) -> None:
    """The other application inserts a row with the same corporation number between all steps of the adoption.
    Nevertheless the last step, which creates the unique index of the claim, succeeds: one row is live, and the others
    are duplicates."""
    legacy.create_table_with_rows(server_database)
    for step in adopt_table.list_needed_changes(adopt_table.read_table_structure(server_database), "mysql", "UTC")[
        :-1
    ]:
        legacy.insert_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
        adopt_table.apply_table_change(
            server_database, step, "UTC", may_copy_table=False, before_claim_index=lambda _tx: None
        )
    run_adoption(server_database, tmp_path)
    with server_database.read() as conn:
        counts = legacy.count_rows(conn)
    assert (counts["live"], counts["duplicates"]) == (1, counts["rows"] - 1)


def test_the_other_applications_account_inserts_rows_during_the_adoption(
    sql_server: SqlServer, server_database: Database, tmp_path: Path
) -> None:
    """The other application inserts rows with its own database account after each step of the adoption, and none is
    refused. After the adoption a second live row for a corporation number is refused."""
    legacy.create_table_with_rows(server_database)
    account = sql_server.create_database()
    name = urlsplit(account).username
    sql_server.sql(f"GRANT SELECT, INSERT ON `{server_database.url.database}`.* TO `{name}`@`%`")
    other = Database(account.rpartition("/")[0] + f"/{server_database.url.database}")
    for number, step in enumerate(
        adopt_table.list_needed_changes(adopt_table.read_table_structure(server_database), "mysql", "UTC")
    ):
        adopt_table.apply_table_change(
            server_database, step, "UTC", may_copy_table=False, before_claim_index=lambda _tx: None
        )
        migrate.upgrade(server_database)
        legacy.insert_rows(
            other,
            [make_bought_row(FIRST_CORPORATION_NUMBER, number)]
            if step.change_name != "claims"
            else [make_bought_row(SECOND_CORPORATION_NUMBER, number)],
        )
    run_adoption(server_database, tmp_path)
    with pytest.raises(IntegrityError):
        legacy.insert_rows(other, [make_bought_row(SECOND_CORPORATION_NUMBER, 1)])
    other.close()


def test_an_upgrade_after_the_adoption_adds_its_columns(server_database: Database, tmp_path: Path) -> None:
    """An upgrade of an adopted table adds the column of a later schema version in the same form as the adoption does:
    derived, and invisible to `SELECT *`."""
    legacy.create_table_with_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    run_adoption(server_database, tmp_path)
    adopted = adopt_table.read_table_structure(server_database)
    with server_database.read() as conn:
        versions = migrate._read_stored_version_table(conn)
    execute_statements(
        server_database, STATEMENTS_BACK_TO_VERSION["0020"][0], f"UPDATE {versions} SET version_num = '0020'"
    )
    assert "disagrees" not in adopt_table.read_table_structure(server_database).columns
    for _ in range(2):
        migrate.upgrade(server_database)
        assert adopt_table.read_table_structure(server_database) == adopted
    run_adoption(server_database, tmp_path)
    assert adopt_table.read_table_structure(server_database) == adopted


def test_the_other_application_selects_only_its_columns(server_database: Database, tmp_path: Path) -> None:
    """After the adoption the other application's `SELECT *` returns the original columns only, and its INSERT without
    a list of columns is still accepted."""
    legacy.create_table_with_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    run_adoption(server_database, tmp_path)
    execute_statements(
        server_database,
        f"INSERT INTO {TABLE_NAME}"
        f" VALUES (NULL, 1, '{SECOND_CORPORATION_NUMBER}', 2, 'Corp', NULL, NULL, 'ok', NULL)",
    )
    with server_database.read() as conn:
        result = conn.exec_driver_sql(f"SELECT * FROM {TABLE_NAME} ORDER BY id")
        assert tuple(result.keys()) == legacy_table.ORIGINAL_COLUMNS
        assert [row[2] for row in result] == [FIRST_CORPORATION_NUMBER, SECOND_CORPORATION_NUMBER]


def test_the_other_application_gets_error_1062(server_database: Database, tmp_path: Path) -> None:
    """A second live row for a corporation number is refused with the server's error 1062, which names the unique
    index, even if the second number has full-width digits."""
    legacy.create_table_with_rows(server_database, [make_bought_row(FIRST_CORPORATION_NUMBER, 1)])
    run_adoption(server_database, tmp_path)
    with pytest.raises(IntegrityError) as refused:
        legacy.insert_rows(
            server_database,
            [make_row(corporation_number="".join(chr(ord(digit) + 0xFEE0) for digit in FIRST_CORPORATION_NUMBER))],
        )
    assert isinstance(refused.value.orig, pymysql.IntegrityError)
    assert refused.value.orig.args[0] == 1062
    assert adopt_table.CLAIM_INDEX in str(refused.value.orig.args[1])
