"""A pool of teams on servers for tests that change the rights of accounts. After a test the pool reuses the team if
its rights, triggers, procedures and views are those of a new one again; making a team takes 0.7 seconds of processor
time, and 1.6 on a cluster.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from console.store.access.grants import RIGHTS_OF_ROLE, make_role_name
from console.store.database.server import make_people_database_name
from tests.support.galera_cluster import wait_until_applied
from tests.support.pooled_databases import PooledDatabase
from tests.support.sql_server import SqlServer
from tests.support.teams import ROLES_BY_PERSON, Team, apply_accounts, make_account_entries

_RIGHTS_COLUMNS_BY_TABLE = {
    "global_priv": "Host, User, Priv",
    "roles_mapping": "Host, User, Role, Admin_option",
    "db": "*",
    "tables_priv": "Host, User, Db, Table_name, Table_priv, Column_priv",
    "columns_priv": "Host, User, Db, Table_name, Column_name, Column_priv",
    "procs_priv": "Host, User, Db, Routine_name, Routine_type, Proc_priv",
}
"""MariaDB's tables of accounts and rights, with the columns that state a right, not who gave it and when."""
_TABLES_OF_ALL_DATABASES = {"global_priv", "roles_mapping"}
_COLUMNS_OF_DEFINITIONS = {
    "triggers": "event_object_schema, trigger_name, event_object_table, action_statement",
    "routines": "routine_schema, routine_name, routine_definition, definer",
    "tables": "table_schema, table_name, table_type",
    "views": "table_schema, table_name, view_definition, definer",
}
"""Tables of `information_schema`, with the columns that contain the definitions. MariaDB reads only one database if
the first column, which names it, is compared; for any other column it reads the triggers of all databases.
"""
_Members = Mapping[str, tuple[str, ...]]
"""The roles of people by name."""
_free_teams: dict[object, list["PooledTeam"]] = {}


class PooledTeam(PooledDatabase):
    """A database of the pool of which a test may change the rights of accounts."""

    def __init__(self, nodes: Sequence[SqlServer], people: _Members) -> None:
        """Create the database and its accounts in team mode, and end the team mode: this leaves roles and views that
        the database of a later test has, too.
        """
        super().__init__(nodes, people, has_team_mode=True)
        self._people = people
        self._restore_accounts()
        self.store_initial_content()
        self._definitions = self._read_definitions()

    def restore(self) -> bool:
        """End the sessions that a test has left, and restore the rows and the rights of the accounts. Return False if
        an account, a trigger, a procedure or a view still differs from those of the new database.
        """
        self._end_sessions()
        self._restore_accounts()
        self.restore_content()
        return self._read_definitions() == self._definitions

    def _restore_accounts(self) -> None:
        entries = make_account_entries(self._team.names, self._people)
        for entry in entries:
            del entry["password_env"]
            entry["disabled"] = False  # also a person whom an administrator of the test has disabled
        apply_accounts(self._team.owner, entries, {})

    def _end_sessions(self) -> None:
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        for node in self.nodes:
            node.end_sessions(self._team.database)

    def _read_definitions(self) -> set[tuple[str, ...]]:
        """Return the rights of the team's accounts and roles and all other rights on its database, and the
        definitions of the database's triggers, procedures and views.
        """
        name = self._team.database
        accounts = [account for account, _ in self._accounts.values()]
        roles = [make_role_name(name, role) for role in RIGHTS_OF_ROLE]
        users = ", ".join(f"'{user}'" for user in [*accounts, *(f"console:{one}" for one in accounts), *roles])
        rights_sql = (
            f"SELECT {columns} FROM mysql.{table} WHERE User IN ({users})"
            + ("" if table in _TABLES_OF_ALL_DATABASES else f" OR Db LIKE '{name}%'")
            for table, columns in _RIGHTS_COLUMNS_BY_TABLE.items()
        )
        definitions_sql = (
            f"SELECT {columns} FROM information_schema.{table} WHERE {columns.partition(',')[0]} = '{database}'"
            for table, columns in _COLUMNS_OF_DEFINITIONS.items()
            for database in (name, make_people_database_name(name))
        )
        return {tuple(map(str, row)) for sql in (*rights_sql, *definitions_sql) for row in self.nodes[0].sql(sql)}


@contextmanager
def lend_team_database(nodes: Sequence[SqlServer], people: _Members = ROLES_BY_PERSON) -> Iterator[PooledDatabase]:
    """Yield an empty database whose accounts the block may change: a free one from the pool, or a new one. `people`
    has the roles of each person by name. After the block the database is free again, or dropped if its rights or its
    schema could not be restored. A MySQL server, whose rights the pool doesn't read, always gets a new database.
    """
    make_database = PooledTeam if nodes[0].is_mariadb else PooledDatabase
    free = _free_teams.setdefault((tuple(nodes), tuple(people.items())), [])
    database = free.pop() if free else make_database(nodes, people)
    wait_until_applied(nodes)
    try:
        yield database
    finally:
        if isinstance(database, PooledTeam) and database.restore():
            free.append(database)
        else:
            database.drop_database()


@contextmanager
def lend_team(nodes: Sequence[SqlServer], people: _Members = ROLES_BY_PERSON) -> Iterator[Team]:
    """Yield the team of a database that `lend_team_database` lends for the length of the block."""
    with lend_team_database(nodes, people) as database:
        yield database.team
