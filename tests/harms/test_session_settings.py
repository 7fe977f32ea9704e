"""A session changes settings that its server allows. The trigger rules still refuse the forbidden statements."""

import random
from collections.abc import Iterator

import pymysql
import pytest

from tests.store import forbidden, forbidden_money, forbidden_worker, money_scene
from tests.store.forbidden import ForbiddenStatements
from tests.store.plain_connections import PersonConnections, execute_forbidden_statements, fill_account_names
from tests.support.places import Engine, use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import Team

TITLE_PARTS_OF_LEASED_RECORDS = ("running call", "lease: ")
"""Parts of the titles of those statements that are refused only while a lease of the prepared records hasn't expired.
These leases expire after ten minutes, so the statements are left out."""
STATEMENT_CASES = tuple(
    case
    for case in (
        *forbidden.FORBIDDEN_AUDIT_STATEMENTS,
        *forbidden_money.FORBIDDEN_MONEY_STATEMENTS,
        *forbidden_worker.FORBIDDEN_WORKER_STATEMENTS,
    )
    if not any(part in case.title for part in TITLE_PARTS_OF_LEASED_RECORDS)
)
SESSION_SETTINGS = (
    "sql_select_limit = 0", "sql_select_limit = 1", "max_join_size = 1", "sql_big_selects = 0",
    "sql_safe_updates = 1", "sql_auto_is_null = 1", "max_sort_length = 8", "max_sort_length = 4",
    "group_concat_max_len = 4",
    "div_precision_increment = 0", "sql_mode = ''", "sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES'",
    "sql_mode = 'ANSI,HIGH_NOT_PRECEDENCE'", "unique_checks = 0", "foreign_key_checks = 0",
    "check_constraint_checks = 0", "default_regex_flags = 'MULTILINE,EXTENDED,DOTALL,UNGREEDY'",
    "old_mode = 'UTF8_IS_UTF8MB3,ZERO_DATE_TIME_CAST,IGNORE_INDEX_ONLY_FOR_JOIN'", "old = 1",
    "transaction_isolation = 'READ-UNCOMMITTED'", "transaction_isolation = 'SERIALIZABLE'",
    "tx_isolation = 'READ-UNCOMMITTED'", "time_zone = '+14:00'", "time_zone = '-12:59'", "timestamp = 1",
    "timestamp = 2000000000", "collation_connection = 'utf8mb4_general_ci'", "character_set_client = 'latin1'",
    "character_set_connection = 'utf16'", "character_set_database = 'latin1'", "collation_database = 'utf8mb4_bin'",
    "character_set_results = NULL", "lc_time_names = 'ja_JP'", "last_insert_id = 1", "max_error_count = 0",
    "sql_notes = 0", "tmp_table_size = 0", "max_heap_table_size = 16384", "eq_range_index_dive_limit = 0",
    "range_optimizer_max_mem_size = 1", "join_cache_level = 0", "expensive_subquery_limit = 0",
    "in_predicate_conversion_threshold = 1", "optimizer_use_condition_selectivity = 1", "low_priority_updates = 1",
    "max_sp_recursion_depth = 255", "windowing_use_high_precision = 0", "explicit_defaults_for_timestamp = 0",
    "system_versioning_asof = '2000-01-01'", "completion_type = 'CHAIN'", "default_week_format = 7",
)  # fmt: skip
"""Settings that change how a statement is evaluated. A server refuses those that it doesn't have."""
DRAWN_STATEMENT_COUNT = 4


pytestmark = pytest.mark.engines("mariadb")


@pytest.fixture(scope="module")
def team_with_records(engine: Engine) -> Iterator[Team]:
    """Yield a team with records of every kind. The tests of this module change no row."""
    with use_shared_nodes(engine) as nodes, lend_team(nodes) as made:
        for insert in (
            forbidden.insert_records,
            money_scene.insert_money_rows,
            forbidden_worker.insert_worker_rows,
        ):
            insert(made)
        yield made


@pytest.fixture(scope="module")
def connections(team_with_records: Team) -> Iterator[PersonConnections]:
    made = PersonConnections(team_with_records)
    yield made
    made.close()


def _list_trigger_refusals(people: Team, lines: PersonConnections, person: str) -> tuple[ForbiddenStatements, ...]:
    """Return the forbidden statements that this person's grants allow, which only a trigger rule can therefore
    refuse.
    """
    return tuple(
        case
        for case in STATEMENT_CASES
        if "console: " in (execute_forbidden_statements(people, lines, person, case) or "")
    )


def _can_execute(connection: pymysql.Connection, statements: tuple[str, ...]) -> bool:
    """Execute these statements in a transaction that is rolled back. Return True if the server executed all of
    them.
    """
    connection.begin()
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except pymysql.MySQLError:
        return False
    finally:
        connection.rollback()
    return True


@pytest.mark.parametrize(
    "drawn_count", [DRAWN_STATEMENT_COUNT, pytest.param(len(SESSION_SETTINGS), marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("person", ["op-a", "lead-b", "worker"])
def test_no_setting_lets_a_forbidden_statement_pass(
    team_with_records: Team, connections: PersonConnections, person: str, drawn_count: int
) -> None:
    """After one session setting, the server still refuses each forbidden statement. The statement may also fail with
    another error because of the setting. `drawn_count` settings are tried, each in a session of its own.
    """
    before, cases, passed, settled = (
        forbidden.read_all_rows(team_with_records),
        _list_trigger_refusals(team_with_records, connections, person),
        [],
        0,
    )
    for setting in random.sample(SESSION_SETTINGS, drawn_count):
        with connections.open_new_connection(person) as connection:
            try:
                connection.cursor().execute(f"SET SESSION {setting}")
            except pymysql.MySQLError:
                continue
            settled += 1
            passed += [
                (setting, case.title)
                for case in cases
                if _can_execute(connection, fill_account_names(team_with_records, person, case))
            ]
    assert passed == []
    assert forbidden.read_all_rows(team_with_records) == before
    assert len(cases) > 250
    assert settled >= drawn_count // 4
