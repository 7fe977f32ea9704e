"""Empty databases for tests on any engine, with the accounts of some people. The databases are migrated once and
emptied between tests.

    with open_empty_place("mariadb", folder) as place:
        with place.desk(alarmbox, clock) as console, place.open_console_of_person(console, "lead-b") as other: ...

Tests use the fixture `place` (see place_fixtures.py) and run on every engine that they name. On Galera each desk
first connects to a different node; the other nodes are its fallbacks.
"""

import os
import shutil
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from console.app import Console, open_console
from console.domain.clock import SystemClock
from console.providers.credit_checks.provider import CreditCheckProvider
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support import servers
from tests.support.desks import get_template_database_file, make_environment
from tests.support.pooled_databases import PooledDatabase, lend_database
from tests.support.quick_desks import ManualClock, make_quick_folder, open_quick_desk
from tests.support.server_fixtures import MYSQL_URL_VARIABLE, require_engine, require_galera_turn, use_galera

Engine = Literal["sqlite", "mariadb", "galera", "mysql"]
FIRST_PERSON = "op-a"
CHECKS_TABLE = "hansha_alarmbox_credit_checks"
_STATEMENTS_WITHOUT_CONNECTION_STATE = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "DROP TRIGGER ")
"""Beginnings of SQL statements that leave no trace in a connection: no open transaction and no changed pragma."""
_LEASE_END_COLUMNS = (
    ("operations", "lease_expires"),
    ("leases", "lease_expires"),
    ("request_ids", "lease_expires"),
    ("call_rates", "not_before"),
)


class Place(ABC):
    """One test database and the desks that use it. Each desk has a folder; `first_desk_home` is the folder of the
    first desk."""

    engine: Engine

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def first_desk_home(self) -> Path:
        """Return the home folder of the desk with the number 0."""
        return self.get_home(0)

    @property
    def documents(self) -> Path:
        """Return the folder in which all desks of this database store their documents."""
        return self.folder / "documents"

    def get_home(self, desk: int) -> Path:
        """Return the home folder of the desk with this number."""
        return self.folder / f"desk-{desk}"

    @property
    def is_server(self) -> bool:
        """Return True for a database on a server, and False for SQLite."""
        return self.engine != "sqlite"

    @property
    def notice_account_name(self) -> str:
        """Return the name of the person whose account stores notices. On a server only the worker's account may store
        them.
        """
        return "worker" if self.is_server else FIRST_PERSON

    @abstractmethod
    def get_account_name(self, person: str) -> str:
        """Return the person's account name in this database. On a server the account exists only for this
        database.
        """

    @abstractmethod
    def make_access_settings(self, person: str = FIRST_PERSON, desk: int = 0) -> dict[str, str]:
        """Return the settings that name the database and the acting person, without their prefix `CONSOLE_`. `desk`
        is the number of the desk.
        """

    @abstractmethod
    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run the statements as the owner of the database, without the console's code. Return the rows of the last
        statement.
        """

    @contextmanager
    def keep_connection_open(self) -> Iterator[None]:
        """Run the statements of `sql` on one connection until the end of the block. Don't use it if the block
        overwrites the database file or forks a process. If another file has replaced the database file, each call
        opens a new connection.
        """
        yield

    @abstractmethod
    def execute_as_shop(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run the statements as another application that reads and writes the table of credit checks. Return the rows
        of the last statement.
        """

    @abstractmethod
    def move_lease_clock(self, duration: timedelta) -> None:
        """Move the clock of the leases forward by `duration`. On a server this reduces the stored times at which
        leases expire and, if `duration` is a day or longer, the times at which credit checks expire."""

    @abstractmethod
    def drop_table_triggers(self, table: str) -> None:
        """Drop the triggers of a table as the owner of the database."""

    def url(self, person: str = FIRST_PERSON, desk: int = 0) -> str:
        """Return the URL of the database for a person at the desk with the number `desk`."""
        return self.make_access_settings(person, desk)["DATABASE_URL"]

    def make_environment(
        self, provider: str, person: str = FIRST_PERSON, desk: int = 0, **extra: str
    ) -> dict[str, str]:
        """Return the environment variables of a process of a desk. `provider` is the URL of the sandbox; `extra` are
        further settings without their prefix `CONSOLE_`.
        """
        return make_environment(self.get_home(desk), provider, **self.make_settings(person, desk), **extra)

    def make_settings(self, person: str, desk: int) -> dict[str, str]:
        """Return the settings of a desk without their prefix `CONSOLE_`: the common folder of documents, and the
        desk's own URL of the database.
        """
        return {"DOCUMENTS_URL": self.documents.as_uri(), **self.make_access_settings(person, desk)}

    def desk(
        self,
        alarmbox: CreditCheckProvider,
        clock: ManualClock | None = None,
        *,
        person: str = FIRST_PERSON,
        desk: int = 0,
        **extra: str,
    ) -> Console:
        """Open a quick desk (see quick_desks.py) of this person, with the number `desk`, and return it; the caller
        must close it. On a server, moving `clock` also moves the clock of the desk's leases. `extra` are further
        settings without their prefix `CONSOLE_`.
        """
        if clock is not None and self.is_server:
            clock.move_listeners[self.folder] = self.move_lease_clock
            extra = {"TIME_SCALE": "1"} | extra  # leases outlast a slow machine, and still end when the hand moves on
        return open_quick_desk(self.get_home(desk), alarmbox, clock, **self.make_settings(person, desk), **extra)

    @contextmanager
    def open_desk(
        self,
        sandbox: Sandbox,
        clock: SystemClock | None = None,
        *,
        person: str = FIRST_PERSON,
        desk: int = 0,
        **extra: str,
    ) -> Iterator[Console]:
        """Yield a desk of this person, with the number `desk`, that uses the sandbox, and close it at the end of the
        block. Within the block the statements of `sql` use one connection. `extra` are further settings without their
        prefix `CONSOLE_`.
        """
        environment = self.make_environment(sandbox.url, person, desk, **extra)
        with open_console(Settings.load(environment), clock) as console, self.keep_connection_open():
            yield console

    @contextmanager
    def open_console_of_person(self, console: Console, person: str) -> Iterator[Console]:
        """Yield a console for another person at the same desk. On SQLite this is the same console with another acting
        person. On a server it is a new console with the person's own database account.
        """
        if not self.is_server:
            with console.acting_as(person):
                yield console
            return
        settings = console.settings
        extra = {"TIME_SCALE": f"{settings.time_scale:g}"}
        if settings.finds_alarmbox_purchases:
            extra["ALARMBOX_FIND_PURCHASES"] = "1"
        environment = make_environment(
            settings.home, settings.get_provider_url("alarmbox") or "", **self.make_settings(person, 0), **extra
        )
        with open_console(Settings.load(environment), console._context.clock, console._credit_check_adapter) as other:
            yield other


@dataclass(frozen=True, slots=True)
class _OpenConnection:
    """An open SQLite connection, and the device and inode of its file at the time of opening."""

    line: sqlite3.Connection
    file: tuple[int, int] | None


def _is_main_thread() -> bool:
    """Return True in the main thread. Only this thread uses the connection that stays open, because it could be
    closed while another thread uses it.
    """
    return threading.current_thread() is threading.main_thread()


class SqlitePlace(Place):
    """A place on SQLite: a copied database file that all desks use."""

    engine: Engine = "sqlite"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "console.db"
        shutil.copy(get_template_database_file(), self.file)
        self._kept: _OpenConnection | None = None

    def get_account_name(self, person: str) -> str:
        return person

    def make_access_settings(self, person: str = FIRST_PERSON, desk: int = 0) -> dict[str, str]:
        return {"DATABASE_URL": f"sqlite:///{self.file}", "OPERATOR": person}

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        connection = (
            self._kept
            if all(statement.startswith(_STATEMENTS_WITHOUT_CONNECTION_STATE) for statement in statements)
            else None
        )
        is_usable = connection is not None and _is_main_thread() and connection.file == self._identify_file()
        with nullcontext(connection.line) if connection and is_usable else closing(self._connect()) as conn:
            for statement in statements:
                rows = conn.execute(statement).fetchall()
        return rows

    @contextmanager
    def keep_connection_open(self) -> Iterator[None]:
        # A new connection reads the whole schema with its triggers: that takes longer than most statements.
        if self._kept or not _is_main_thread():
            yield
            return
        with closing(self._connect()) as line:
            self._kept = _OpenConnection(line, self._identify_file())
            try:
                yield
            finally:
                self._kept = None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    def _identify_file(self) -> tuple[int, int] | None:
        """Return device and inode of the database file, which identify it even if it is moved; None if there is no
        file.
        """
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def execute_as_shop(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.sql(*statements)

    def move_lease_clock(self, duration: timedelta) -> None:
        """Do nothing: on SQLite the leases use the machine's uptime, which tests replace (see `use_lease_clock`)."""

    def drop_table_triggers(self, table: str) -> None:
        for (trigger,) in self.sql(f"SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"):
            self.sql(f"DROP TRIGGER {trigger}")


class ServerPlace(Place):
    """A place on a server or cluster: a database from the pool (see pooled_databases.py)."""

    def __init__(self, engine: Engine, folder: Path, database: PooledDatabase) -> None:
        super().__init__(folder)
        self.engine = engine
        self.database = database

    def get_account_name(self, person: str) -> str:
        return self.database.get_account_name(person)

    def make_access_settings(self, person: str = FIRST_PERSON, desk: int = 0) -> dict[str, str]:
        return {"DATABASE_URL": self.database.url(person, first=desk), "OPERATOR": ""}

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.database.sql(*statements)

    def execute_as_shop(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.database.sql(*statements, person="shop")

    def move_lease_clock(self, duration: timedelta) -> None:
        step = round(duration.total_seconds() * 1000)
        self.sql(
            *(
                f"UPDATE {table} SET {column} = {column} - {step} WHERE {column} > 0"
                for table, column in _LEASE_END_COLUMNS
            )
        )
        if duration >= timedelta(days=1):  # renewals go by the server's clock, which isn't moved
            self.sql(f"UPDATE {CHECKS_TABLE} SET expired_at = expired_at - INTERVAL {duration.days} DAY")

    def drop_table_triggers(self, table: str) -> None:
        self.database.drop_table_triggers(table)


MakePlace = Callable[[], AbstractContextManager[Place]]
"""Function that makes an empty database for the length of a block."""


@contextmanager
def open_empty_place(engine: Engine, folder: Path) -> Iterator[Place]:
    """Yield an empty database of this engine for the length of the block. `folder` is the parent folder of its desks.
    servers.py has the servers.
    """
    if engine == "sqlite":
        yield SqlitePlace(folder)
        return
    with use_shared_nodes(engine) as nodes, lend_database(engine, nodes) as database:
        yield ServerPlace(engine, folder, database)


@contextmanager
def open_empty_place_anywhere(engine: Engine) -> Iterator[Place]:
    """Yield an empty database of this engine, with a temporary folder, for the length of the block."""
    with make_quick_folder() as folder, open_empty_place(engine, folder) as place:
        yield place


@contextmanager
def use_shared_nodes(engine: Engine) -> Iterator[Sequence[servers.SqlServer]]:
    """Yield the servers of an engine for the length of the block. Within the block no other test kills a node of the
    cluster. If this machine can't run the servers, the test is skipped, or fails if servers are required.
    """
    require_engine(engine)
    with use_galera(is_exclusive=False) if engine == "galera" else nullcontext():
        yield get_nodes(engine)


def get_nodes(engine: Engine) -> Sequence[servers.SqlServer]:
    """Return the servers of an engine. The first call in the run starts them."""
    if engine == "galera":
        require_galera_turn()
        return servers.get_shared_galera().nodes
    return (
        (servers.get_shared_mariadb(),)
        if engine == "mariadb"
        else (servers.prepare_server(os.environ[MYSQL_URL_VARIABLE]),)
    )
