"""Tests that a test which changed the rights or the schema of a pooled team leaves the next test a team like a new
one.
"""

from collections.abc import Callable

import pytest

from tests.store.test_pooled_databases import INSERT_LOST_OPERATION_SQL, read_contents
from tests.support.places import Engine, ServerPlace, use_shared_nodes
from tests.support.pooled_databases import PooledDatabase
from tests.support.pooled_teams import PooledTeam, lend_team_database
from tests.support.quick_desks import make_quick_folder
from tests.support.team_mode import start_team_mode
from tests.support.teams import ROLES_BY_PERSON

pytestmark = pytest.mark.engines("mariadb", "galera")


@pytest.fixture(autouse=True)
def skip_mysql(engine: Engine) -> None:
    """Skip the test on MySQL: the pool doesn't read the rights there, so each test gets a new team."""
    if engine == "mysql":
        pytest.skip("the pool lends no team again on MySQL")


def _grant_server_right(database: PooledDatabase) -> None:
    database.nodes[0].sql(f"GRANT PROCESS ON *.* TO `{database.get_account_name('op-a')}`@`%`")


def _grant_right(database: PooledDatabase) -> None:
    grantee, table = database.team.get_grantee("op-a"), f"`{database.team.database}`.payments"
    database.nodes[0].sql(f"GRANT DELETE ON {table} TO {grantee}")


def _drop_trigger(database: PooledDatabase) -> None:
    ((trigger,), *_) = database.sql(
        "SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema = DATABASE()"
    )
    database.sql(f"DROP TRIGGER {trigger}")


def _replace_procedure(database: PooledDatabase) -> None:
    database.sql("DROP PROCEDURE console_end_lock_holder", "CREATE PROCEDURE console_end_lock_holder() DO 1")


def _create_table(database: PooledDatabase) -> None:
    database.sql("CREATE TABLE of_a_test (id INT PRIMARY KEY)")


_CHANGE_FUNCTIONS = (_grant_server_right, _grant_right, _drop_trigger, _replace_procedure, _create_table)


def test_a_team_is_lent_again_as_if_it_were_new(engine: Engine) -> None:
    """People begin team mode, an account is locked, and a row is written: the next test gets the same database, with
    the rights and the rows that it had before these changes.
    """
    with use_shared_nodes(engine) as nodes:
        team = PooledTeam(nodes, ROLES_BY_PERSON)
        before, rights = read_contents(team), team._read_definitions()
        with make_quick_folder() as folder:
            start_team_mode(ServerPlace(engine, folder, team), "op-a", "lead-b")
        team.sql(INSERT_LOST_OPERATION_SQL)
        nodes[0].sql(f"ALTER USER `{team.get_account_name('op-b')}`@`%` ACCOUNT LOCK")
        assert team._read_definitions() != rights
        assert team.restore()
        assert (read_contents(team), team._read_definitions()) == (before, rights)
        team.drop_database()


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("change", _CHANGE_FUNCTIONS)
def test_a_team_that_cannot_be_restored_is_lent_to_nobody(
    engine: Engine, change: Callable[[PooledDatabase], None]
) -> None:
    """A right that no account file has, or a changed schema, ends the team: the next test gets another database."""
    people = {"op-a": ("operator",), "worker": ("worker",)}
    with use_shared_nodes(engine) as nodes:
        with lend_team_database(nodes, people) as database:
            first = database.team.database
        with lend_team_database(nodes, people) as database:
            assert database.team.database == first
            change(database)
        with lend_team_database(nodes, people) as database:
            assert database.team.database != first
