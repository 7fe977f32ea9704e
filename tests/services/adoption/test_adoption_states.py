"""Tests of the adoption of a table that already has a column of states, or whose rows lack some values: each row gets
the state that the plan announced.
"""

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.store.database.engine import Database
from tests.support import legacy, server_fixtures, teams
from tests.support.adoptions import open_adoption_service, open_temporary_database
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.legacy import TABLE_NAME, make_bought_row, make_row
from tests.support.places import Engine, Place, get_nodes
from tests.support.quick_desks import open_quick_desk
from tests.support.sql_server import SqlServer

BOUGHT_NUMBER, PENDING_NUMBER, FAILED_NUMBER, CLAIMED_NUMBER, NUMBER_OF_ERROR_WITH_ID, LATER_NUMBER = invent_numbers(
    6, seed=63
)
STATUS_COLUMN = ", status VARCHAR(20) NOT NULL DEFAULT 'pending'"
COMMENTED_STATUS_COLUMN = STATUS_COLUMN + " COMMENT 'it''s theirs'"


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


def make_rows_of_every_state(database: Database) -> None:
    """Create the table with rows of every state, with and without the provider's id of the credit check."""
    more = COMMENTED_STATUS_COLUMN if database.is_server else STATUS_COLUMN
    made = [
        make_bought_row(BOUGHT_NUMBER, 1),
        make_row(corporation_number=PENDING_NUMBER),
        make_row(corporation_number=FAILED_NUMBER),
    ]
    made += [
        make_row(corporation_number=CLAIMED_NUMBER),
        make_bought_row(NUMBER_OF_ERROR_WITH_ID, 5),
        make_row(corporation_number=FAILED_NUMBER),
    ]
    legacy.create_table_with_rows(database, made, more=more)
    words = ("success", "pending", "error", "success", "error", "error")
    execute_statements(
        database, *(f"UPDATE {TABLE_NAME} SET status = '{word}' WHERE id = {n + 1}" for n, word in enumerate(words))
    )


def execute_statements(database: Database, *statements: str) -> None:
    """Execute the statements in one transaction."""
    with database.write_without_retries() as tx:
        for statement in statements:
            tx.conn.exec_driver_sql(statement)


def read_states(database: Database) -> list[tuple[object, ...]]:
    """Return the status, work state, work reason and `duplicate_of` of all rows, ordered by id."""
    with database.read() as conn:
        rows = conn.exec_driver_sql(
            f"SELECT status, work_state, work_reason, duplicate_of FROM {TABLE_NAME} ORDER BY id"
        )
        return [tuple(row) for row in rows]


def test_adopted_rows_get_their_state_from_status_and_provider_id(
    database: Database, home: Path, database_url: str
) -> None:
    """A row with the provider's id becomes a success, whatever its status was. A row with the status success but
    without an id waits for a person. A row with the status error has no further work.
    """
    make_rows_of_every_state(database)
    with open_adoption_service(home, database_url) as service:
        plan = service.make_plan()
        assert plan.obstacles == ()
        assert plan.row_counts.row_count_by_status == {"pending": 1, "success": 3, "error": 2}
        assert (
            plan.row_counts.pending_row_count,
            plan.row_counts.success_without_id_count,
            plan.row_counts.duplicate_row_count,
        ) == (
            1,
            1,
            0,
        )
        service.run()
        assert service.make_plan().row_counts.row_count_by_status == plan.row_counts.row_count_by_status
    assert read_states(database) == [
        ("success", "none", None, None),
        ("pending", "needs_review", "written_by_other", None),
        ("error", "none", None, None),
        ("success", "needs_review", "written_by_other", None),
        ("success", "none", None, None),
        ("error", "none", None, None),
    ]
    if database.is_server:
        with database.read() as conn:
            (made,) = conn.exec_driver_sql(f"SHOW CREATE TABLE {TABLE_NAME}").mappings().all()
        assert "it''s theirs" in made["Create Table"]


def test_adopted_rows_of_each_state_hold_their_claim(database: Database, home: Path, database_url: str) -> None:
    """A purchase is refused before a call is sent if an adopted row holds the claim, even if that row is a success
    without an id. An adopted row with the status error doesn't hold the claim.
    """
    make_rows_of_every_state(database)
    with open_adoption_service(home, database_url) as service:
        service.run()
    if database.is_server:
        execute_statements(
            database, f"INSERT INTO operators (name, roles) VALUES ('{database.account_name}', 'operator')"
        )
    alarmbox = InMemoryAlarmBox()
    with open_quick_desk(
        home, alarmbox, DATABASE_URL=database_url, OPERATOR="" if database.is_server else "op-a"
    ) as console:
        for number in (BOUGHT_NUMBER, PENDING_NUMBER, CLAIMED_NUMBER, NUMBER_OF_ERROR_WITH_ID):
            with pytest.raises(ConsoleError, match="already_purchased"):
                console.credit_checks.purchase(PurchaseRequest(number, "1"))
        assert console.credit_checks.purchase(PurchaseRequest(FAILED_NUMBER, "1")).state == "success"
        (claimed,) = console.lookup.find_records(CLAIMED_NUMBER).credit_checks
        assert (claimed.state, claimed.credit_check_id, claimed.work.reason) == ("success", None, "written_by_other")
        assert {item.record.id for item in console.recovery.read_queue("review").items} == {2, 4}
        assert console.recovery.read_record("credit-check", 4).explanation.next_step.code == "next.ask_the_writer"


@pytest.mark.parametrize(
    ("more", "word", "kind"),
    [
        (STATUS_COLUMN, "done", "status_words"),
        (STATUS_COLUMN, "Pending", "status_words"),
        (STATUS_COLUMN, "success ", "status_words"),
        (STATUS_COLUMN, "", "status_words"),
        (", status VARCHAR(20) NULL DEFAULT 'pending'", None, "status_null"),
        (", status VARCHAR(20) NOT NULL DEFAULT 'new'", "pending", "status_default"),
        (", status VARCHAR(5) NOT NULL DEFAULT 'x'", None, "column_taken"),
        (", status INT NOT NULL DEFAULT 0", None, "column_taken"),
    ],
)
def test_a_status_column_with_other_words_is_an_obstacle(
    database: Database, home: Path, database_url: str, more: str, word: str | None, kind: str
) -> None:
    """A status column with other words, another type, another default or NULL values is an obstacle; so are words
    that only the collation treats as equal to ours. The adoption is refused and changes nothing.
    """
    legacy.create_table_with_rows(
        database,
        [make_bought_row(BOUGHT_NUMBER, 1)],
        more=more,
        options="COLLATE utf8mb4_general_ci" * database.is_server,
    )
    if word is not None:
        execute_statements(database, f"UPDATE {TABLE_NAME} SET status = '{word}'")
    with open_adoption_service(home, database_url) as service:
        (obstacle,) = service.make_plan().obstacles
        assert (obstacle.code, obstacle.name, obstacle.is_convertible) == (kind, "status", False)
        with pytest.raises(ConsoleError) as refused:
            service.run()
    assert (refused.value.code, refused.value.detail["problem"]) == ("schema_mismatch", "cannot_be_adopted")
    assert "work_state" not in read_column_names(database)


def read_column_names(database: Database) -> list[str]:
    """Return the names of the columns of the credit check table."""
    with database.read() as conn:
        return list(conn.exec_driver_sql(f"SELECT * FROM {TABLE_NAME}").keys())


@pytest.mark.parametrize(
    ("before", "credit_check_id", "after"),
    [
        ("pending", 77, "success"),
        ("pending", None, "error"),
        ("success", 77, "success"),
        ("pending", None, "success"),
    ],
)
def test_the_other_application_updates_the_status_of_its_row(
    place: Place, before: str, credit_check_id: int | None, after: str
) -> None:
    """The other application inserts a row with a status and later updates the row. A desk sees each change at once,
    and the next due task doesn't overwrite it.
    """
    with place.desk(InMemoryAlarmBox()) as console:
        insert = (
            f"INSERT INTO {TABLE_NAME} (client_id, corporation_number, status)"
            f" VALUES (1, '{LATER_NUMBER}', '{before}')"
        )
        place.execute_as_shop(insert)
        console.recovery.run_all_tasks()
        (record,) = console.lookup.find_records(LATER_NUMBER).credit_checks
        assert (record.state, record.work.reason) == (before, "written_by_other")
        given = f", credit_check_id = {credit_check_id}" if credit_check_id else ""
        place.execute_as_shop(f"UPDATE {TABLE_NAME} SET status = '{after}'{given} WHERE id = {record.id}")
        ended = after == "error" or credit_check_id is not None
        for _ in range(2):
            (record,) = console.lookup.find_records(LATER_NUMBER).credit_checks
            assert (record.state, record.work.reason) == (after, None if ended else "written_by_other")
            console.recovery.run_all_tasks()


def test_the_other_application_cannot_end_a_purchased_row(sql_server: SqlServer, home: Path) -> None:
    """On a server the other application can't set the status of a purchased row, or of a row of ours, to error or
    pending. It can't write an unknown status either.
    """
    owner = sql_server.create_database()
    database = Database(owner, without_time_limit=True)
    make_rows_of_every_state(database)
    with open_adoption_service(home, owner) as service:
        service.run()
    team = teams.create_accounts(sql_server, owner, {"op-a": ("operator",)})
    with open_quick_desk(home / "a", InMemoryAlarmBox(), DATABASE_URL=team.urls["op-a"], OPERATOR="") as console:
        ours = console.credit_checks.purchase(PurchaseRequest(LATER_NUMBER, "1"))
    account = sql_server.create_database()
    name, password = str(Database(account).url.username), str(Database(account).url.password)
    sql_server.sql(f"GRANT SELECT, INSERT, UPDATE ON `{team.database}`.{TABLE_NAME} TO `{name}`@`%`")
    insert = f"INSERT INTO {TABLE_NAME} (client_id, corporation_number, status) VALUES (2, '{BOUGHT_NUMBER}', '{{}}')"
    refused = [
        f"UPDATE {TABLE_NAME} SET status = '{word}' WHERE id = {record}"
        for record in (1, 5, ours.id)
        for word in ("error", "pending")
    ]
    refused += [
        f"UPDATE {TABLE_NAME} SET status = 'Error' WHERE id = 2",
        insert.format("done"),
        insert.format("Pending"),
    ]
    with sql_server.connect(name, password, team.database) as connection, connection.cursor() as cursor:
        for statement in refused:
            with pytest.raises(pymysql.MySQLError, match="console: "):
                cursor.execute(statement)
        cursor.execute(insert.format("success"))
    database.close()
    team.drop()


def test_accepted_incomplete_rows_leave_the_queue_of_incomplete_records(
    database: Database, home: Path, database_url: str
) -> None:
    """The adoption counts the rows without a PDF; before it, they can't be accepted. After a person has accepted
    these rows, they are no longer in the queue of incomplete records. The pages of these rows still show that they
    are incomplete, and they can be re-fetched.
    """
    alarmbox = InMemoryAlarmBox()
    charged = alarmbox.buy_check(PurchaseRequest(BOUGHT_NUMBER, "1")).content
    assert charged is not None
    legacy.create_table_with_rows(
        database,
        [
            make_bought_row(BOUGHT_NUMBER, charged.credit_check_id),
            make_bought_row(PENDING_NUMBER, 2, pdf_file_path="theirs/2.pdf"),
        ],
    )
    with open_adoption_service(home, database_url) as service:
        with pytest.raises(ConsoleError) as early:
            service.accept_incomplete_rows()
        assert (early.value.code, early.value.detail["problem"]) == ("schema_mismatch", "not_adopted")
        assert service.run().incomplete_row_count == 1
    if database.is_server:
        execute_statements(
            database, f"INSERT INTO operators (name, roles) VALUES ('{database.account_name}', 'operator')"
        )
    with open_quick_desk(
        home, alarmbox, DATABASE_URL=database_url, OPERATOR="" if database.is_server else "op-a"
    ) as console:
        assert [item.record.id for item in console.recovery.read_queue("incomplete").items] == [1]
        with open_adoption_service(home, database_url) as service:
            assert [service.accept_incomplete_rows() for _ in range(2)] == [1, 0]
        assert console.recovery.read_queue("incomplete").items == ()
        assert console.lookup.find_records(BOUGHT_NUMBER).credit_checks[0].incomplete == ("pdf",)
        assert console.credit_checks.refetch(1).record.incomplete == ()
    with database.read() as conn:
        entry_counts = conn.exec_driver_sql(
            "SELECT count(*) FROM audit_log WHERE what = 'credit-check.incomplete_accepted'"
        )
        assert entry_counts.scalar_one() == 1


@pytest.mark.parametrize("renews", [False, True])
def test_an_index_created_after_the_adoption_refuses_a_purchase_without_a_charge(
    home: Path, tmp_path: Path, renews: bool
) -> None:
    """After the adoption the other application creates a unique index that refuses a second row of one client and
    number. A purchase after an error, and a renewal, end with an error that names the index, and nothing is
    charged."""
    url, alarmbox = f"sqlite:///{tmp_path}/other.db", InMemoryAlarmBox()
    opened = Database(url, without_time_limit=True)
    row = make_bought_row(BOUGHT_NUMBER, 1) if renews else make_row(corporation_number=BOUGHT_NUMBER)
    legacy.create_table_with_rows(opened, [row], more=STATUS_COLUMN)
    execute_statements(opened, f"UPDATE {TABLE_NAME} SET status = '{'success' if renews else 'error'}'")
    with open_adoption_service(home, url) as service:
        service.run()
    execute_statements(opened, f"CREATE UNIQUE INDEX theirs ON {TABLE_NAME} (client_id, corporation_number)")
    opened.close()
    with (
        open_quick_desk(home, alarmbox, DATABASE_URL=url, OPERATOR="op-a") as console,
        pytest.raises(ConsoleError) as refused,
    ):
        console.credit_checks.purchase(PurchaseRequest(BOUGHT_NUMBER, "1", renew=renews))
    assert (refused.value.code, refused.value.detail["problem"]) == ("schema_mismatch", "foreign_unique_index")
    assert "corporation_number" in str(refused.value.detail["names"])
    assert alarmbox.count_charges(BOUGHT_NUMBER) == 0
