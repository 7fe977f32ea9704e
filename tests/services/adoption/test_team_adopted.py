"""Tests of a team that works on an adopted table: with several collations and character sets, and with a numeric
column of corporation numbers.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql
import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.store.access import grants
from console.store.constraints import server_triggers
from console.store.database.engine import Database
from tests.support import legacy, teams
from tests.support.adoptions import open_adoption_service
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.legacy import TABLE_NAME, make_bought_row, make_row
from tests.support.quick_desks import open_quick_desk
from tests.support.sql_server import SqlServer
from tests.support.teams import Team

BOUGHT_NUMBER, PENDING_NUMBER, DOUBLED_NUMBER, UNBOUGHT_NUMBER, LATER_NUMBER, SECOND_LATER_NUMBER = invent_numbers(
    6, seed=77
)
ROLES_BY_MEMBER = {"op-a": ("operator",), "lead-b": ("approver",), "worker": ("worker",)}
TABLE_OPTIONS_BY_NAME = {
    "usual": {},
    "another order of letters": {"options": "DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci"},
    "three bytes": {"options": "DEFAULT CHARSET utf8mb3"},
    "numbers as numbers": {"number": "BIGINT"},
}


@pytest.fixture(params=TABLE_OPTIONS_BY_NAME)
def team(request: pytest.FixtureRequest, sql_server: SqlServer, tmp_path: Path) -> Iterator[Team]:
    """Yield a database with an adopted table (one purchased row, one pending row, two purchased rows of one claim)
    and the accounts of ROLES_BY_MEMBER, which were created after the adoption.
    """
    how: Mapping[str, Any] = TABLE_OPTIONS_BY_NAME[request.param]
    owner = sql_server.create_database()
    database = Database(owner, without_time_limit=True)
    rows = [
        make_bought_row(BOUGHT_NUMBER, 71),
        make_row(corporation_number=PENDING_NUMBER),
        make_bought_row(DOUBLED_NUMBER, 72),
        make_bought_row(DOUBLED_NUMBER, 73),
    ]
    legacy.create_table_with_rows(database, rows, **how)
    database.close()
    with open_adoption_service(tmp_path / "owner", owner) as service:
        service.run("UTC")
    made = teams.create_accounts(sql_server, owner, ROLES_BY_MEMBER)
    yield made
    made.drop()


def test_the_team_works_on_an_adopted_table(team: Team, tmp_path: Path) -> None:
    """People and a worker use an adopted table with their own accounts. A purchase is refused while a row holds the
    claim; other purchases and renewals succeed. After a renewal that AlarmBox refuses, the earlier row is still
    live. The worker adopts the other application's new rows.
    """
    alarmbox = InMemoryAlarmBox()
    with ExitStack() as closing:

        def open_services(person: str) -> Any:
            environment = {"DATABASE_URL": team.urls[person], "DOCUMENTS_URL": f"file://{tmp_path}/documents"}
            desk = open_quick_desk(tmp_path / person, alarmbox, None, **environment, OPERATOR="", TIME_SCALE="1")
            return closing.enter_context(desk)

        op, lead, worker = open_services("op-a"), open_services("lead-b"), open_services("worker")
        for number in (BOUGHT_NUMBER, PENDING_NUMBER, DOUBLED_NUMBER):
            with pytest.raises(ConsoleError, match="already_purchased"):
                op.credit_checks.purchase(PurchaseRequest(number, "1"))
        assert op.credit_checks.purchase(PurchaseRequest(UNBOUGHT_NUMBER, "1")).state == "success"
        renewed = lead.credit_checks.purchase(PurchaseRequest(BOUGHT_NUMBER, "1", renew=True))
        assert renewed.state == "success"
        alarmbox.behaviour = "refuses"
        with pytest.raises(ConsoleError, match="provider_refused"):
            op.credit_checks.purchase(PurchaseRequest(DOUBLED_NUMBER, "1", renew=True))
        assert op.lookup.find_records(DOUBLED_NUMBER).credit_checks[1].is_live
        _write_as_other_application(team)
        ran = {run.task: run.count for run in worker.recovery.run_all_tasks()}
        assert ran["rows_by_others"] == 3
        assert op.lookup.find_records(PENDING_NUMBER).credit_checks[0].state == "success"
        assert op.lookup.find_records(LATER_NUMBER).credit_checks[0].work.reason == "written_by_other"


def _write_as_other_application(team: Team) -> None:
    """Insert two rows and store the id of a pending row with the other application's own account. Assert that the
    account can't write the status, because it may write only the original columns.
    """
    name = f"shop_{team.database[-8:]}"
    team.server.sql(
        f"CREATE USER `{name}`@`%` IDENTIFIED BY 'pw'",
        f"GRANT SELECT, INSERT, UPDATE ON `{team.database}`.{TABLE_NAME} TO `{name}`@`%`",
    )
    with team.server.connect(name, "pw", team.database) as connection, connection.cursor() as cursor:
        insert = f"INSERT INTO {TABLE_NAME} (client_id, corporation_number, credit_check_id) VALUES (%s, %s, %s)"
        cursor.executemany(insert, [(1, LATER_NUMBER, None), (2, SECOND_LATER_NUMBER, 74)])
        cursor.execute(
            f"UPDATE {TABLE_NAME} SET credit_check_id = 75 WHERE corporation_number = %s", (PENDING_NUMBER,)
        )
        with pytest.raises(pymysql.MySQLError, match="original columns"):
            cursor.execute(
                f"UPDATE {TABLE_NAME} SET status = 'error' WHERE corporation_number = %s", (BOUGHT_NUMBER,)
            )
    team.server.sql(f"DROP USER `{name}`@`%`")


def test_an_adopted_table_has_all_triggers_and_rights(team: Team) -> None:
    """The adopted table has all triggers and rights of a table that the console created itself. The triggers refuse
    SQL by which a person would free the claim of a purchase.
    """
    with Database(team.owner).read() as conn:
        assert server_triggers.find_trigger_faults(conn) == ()
        assert grants.find_faults_of_rights(conn) == ()
    with team.open_connection("lead-b") as connection, connection.cursor() as cursor:
        for values in ("status = 'ERROR'", "status = 'error'", "status = 'success '", "credit_check_id = NULL"):
            with pytest.raises(pymysql.MySQLError, match="console: "):
                cursor.execute(f"UPDATE {TABLE_NAME} SET version = version + 1, {values} WHERE credit_check_id = 71")
