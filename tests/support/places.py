"""Fresh databases for tests on any engine: migrated once, emptied between tests, with people who may act there.

    with fresh("mariadb", folder) as place:
        with place.desk(vendor, clock) as console, place.acting(console, "lead-b") as other: ...

The tests of a room take the fixture `place` (see place_fixtures.py) and run on every engine that they name. On
Galera each desk is told another node first, and the others to fall back on.
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
from tests.support.desks import environment, template
from tests.support.pooled_databases import PooledDatabase, lend
from tests.support.quick_desks import HandClock, quick_desk, quick_folder
from tests.support.server_fixtures import MYSQL, galera_turn, need_engine, require_galera_turn

Engine = Literal["sqlite", "mariadb", "galera", "mysql"]
PERSON = "op-a"
CHECKS = "hansha_alarmbox_credit_checks"
_LEAVES_NOTHING = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "DROP TRIGGER ")
"""Statements after which a connection is as before: no open transaction, no pragma."""
_AGED = (
    ("operations", "lease_expires"),
    ("leases", "lease_expires"),
    ("request_ids", "lease_expires"),
    ("call_rates", "not_before"),
)


class Place(ABC):
    """One database and the desks around it. Desks have a folder each; the first one's is `home`."""

    engine: Engine

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def home(self) -> Path:
        return self.home_of(0)

    @property
    def documents(self) -> Path:
        """Where all desks keep their PDFs."""
        return self.folder / "documents"

    def home_of(self, desk: int) -> Path:
        return self.folder / f"desk-{desk}"

    @property
    def is_server(self) -> bool:
        return self.engine != "sqlite"

    @property
    def taker(self) -> str:
        """The account that stores notices: on a server only the worker's one may."""
        return "worker" if self.is_server else PERSON

    @abstractmethod
    def named(self, person: str) -> str:
        """The name of a person of the tests at this place: on a server an account of this database alone."""

    @abstractmethod
    def access(self, person: str = PERSON, desk: int = 0) -> dict[str, str]:
        """The settings of the database and of the acting person; names without their `CONSOLE_`."""

    @abstractmethod
    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run these past the console, as whoever owns the database: the rows of the last one."""

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Run the statements of `sql` in one connection until the end of the block. Don't use it where the file is
        overwritten or a process is forked inside the block; a file that is replaced by another one gets a new
        connection.
        """
        yield

    @abstractmethod
    def shop(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run these as another application, which reads and writes the credit checks too."""

    @abstractmethod
    def age(self, by: timedelta) -> None:
        """As if the time by which leases are judged had gone on."""

    @abstractmethod
    def unguard(self, table: str) -> None:
        """Take a table's triggers away, as somebody who owns the database could."""

    def url(self, person: str = PERSON, desk: int = 0) -> str:
        """The database's address for a person at a desk."""
        return self.access(person, desk)["DATABASE_URL"]

    def told(self, provider: str, person: str = PERSON, desk: int = 0, **extra: str) -> dict[str, str]:
        """The environment of a desk process."""
        return environment(self.home_of(desk), provider, **self.facts(person, desk), **extra)

    def facts(self, person: str, desk: int) -> dict[str, str]:
        """The settings that all desks of one database have in common, and each desk's own address of it."""
        return {"DOCUMENTS_URL": self.documents.as_uri(), **self.access(person, desk)}

    def desk(
        self,
        vendor: CreditCheckProvider,
        clock: HandClock | None = None,
        *,
        person: str = PERSON,
        desk: int = 0,
        **extra: str,
    ) -> Console:
        """A quick desk (see quick_desks.py). Close it. On a server its leases age as `clock` is moved."""
        if clock is not None and self.is_server:
            clock.moved[self.folder] = self.age
            extra = {"TIME_SCALE": "1"} | extra  # leases outlast a slow machine, and still end when the hand moves on
        return quick_desk(self.home_of(desk), vendor, clock, **self.facts(person, desk), **extra)

    @contextmanager
    def opened(
        self, sandbox: Sandbox, clock: SystemClock | None = None, *, person: str = PERSON, desk: int = 0, **extra: str
    ) -> Iterator[Console]:
        """A desk before the sandbox, closed at the end. Until then the statements of `sql` share a connection."""
        told = self.told(sandbox.url, person, desk, **extra)
        with open_console(Settings.load(told), clock) as console, self.kept_open():
            yield console

    @contextmanager
    def acting(self, console: Console, person: str) -> Iterator[Console]:
        """Another person at the same desk: in the same process on SQLite, signed in with their account elsewhere."""
        if not self.is_server:
            with console.acting_as(person):
                yield console
            return
        settings = console.settings
        extra = {"TIME_SCALE": f"{settings.time_scale:g}"}
        if settings.finds_alarmbox_purchases:
            extra["ALARMBOX_FIND_PURCHASES"] = "1"
        told = environment(
            settings.home, settings.get_provider_url("alarmbox") or "", **self.facts(person, 0), **extra
        )
        with open_console(Settings.load(told), console._context.clock, console._credit_check_adapter) as other:
            yield other


@dataclass(frozen=True, slots=True)
class _KeptLine:
    """A connection that stays open, and the device and number of the file that it was opened to."""

    line: sqlite3.Connection
    file: tuple[int, int] | None


def _is_main_thread() -> bool:
    """Other threads might use a connection that this one is closing."""
    return threading.current_thread() is threading.main_thread()


class SqlitePlace(Place):
    """A copied file that all desks share."""

    engine: Engine = "sqlite"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "console.db"
        shutil.copy(template(), self.file)
        self._kept: _KeptLine | None = None

    def named(self, person: str) -> str:
        return person

    def access(self, person: str = PERSON, desk: int = 0) -> dict[str, str]:
        return {"DATABASE_URL": f"sqlite:///{self.file}", "OPERATOR": person}

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        kept = self._kept if all(statement.startswith(_LEAVES_NOTHING) for statement in statements) else None
        is_kept = kept is not None and _is_main_thread() and kept.file == self._identify_file()
        with nullcontext(kept.line) if kept and is_kept else closing(self._connect()) as conn:
            for statement in statements:
                rows = conn.execute(statement).fetchall()
        return rows

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        # A new connection reads the whole schema with its triggers: that takes longer than most statements.
        if self._kept or not _is_main_thread():
            yield
            return
        with closing(self._connect()) as line:
            self._kept = _KeptLine(line, self._identify_file())
            try:
                yield
            finally:
                self._kept = None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    def _identify_file(self) -> tuple[int, int] | None:
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def shop(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.sql(*statements)

    def age(self, by: timedelta) -> None:
        """The machine's uptime judges here, which tests replace (see `lease_clock`)."""

    def unguard(self, table: str) -> None:
        for (trigger,) in self.sql(f"SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"):
            self.sql(f"DROP TRIGGER {trigger}")


class ServerPlace(Place):
    """A database of the pool, on one server or on the nodes of a cluster."""

    def __init__(self, engine: Engine, folder: Path, database: PooledDatabase) -> None:
        super().__init__(folder)
        self.engine = engine
        self.database = database

    def named(self, person: str) -> str:
        return self.database.account_of(person)

    def access(self, person: str = PERSON, desk: int = 0) -> dict[str, str]:
        return {"DATABASE_URL": self.database.url(person, first=desk), "OPERATOR": ""}

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.database.sql(*statements)

    def shop(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.database.sql(*statements, by="shop")

    def age(self, by: timedelta) -> None:
        step = round(by.total_seconds() * 1000)
        self.sql(*(f"UPDATE {table} SET {column} = {column} - {step} WHERE {column} > 0" for table, column in _AGED))
        if by >= timedelta(days=1):  # renewals go by the server's clock, which isn't moved
            self.sql(f"UPDATE {CHECKS} SET expired_at = expired_at - INTERVAL {by.days} DAY")

    def unguard(self, table: str) -> None:
        self.database.unguard(table)


Fresh = Callable[[], AbstractContextManager[Place]]
"""Makes an empty database for the length of a block."""


@contextmanager
def fresh(engine: Engine, folder: Path) -> Iterator[Place]:
    """An empty database for the length of the block. Servers belong to a run: see servers.py."""
    if engine == "sqlite":
        yield SqlitePlace(folder)
        return
    with shared_nodes(engine) as nodes, lend(engine, nodes) as database:
        yield ServerPlace(engine, folder, database)


@contextmanager
def fresh_anywhere(engine: Engine) -> Iterator[Place]:
    """The same in a folder of its own."""
    with quick_folder() as folder, fresh(engine, folder) as place:
        yield place


@contextmanager
def shared_nodes(engine: Engine) -> Iterator[Sequence[servers.SqlServer]]:
    """The servers behind an engine for a fixture of several tests: none of a cluster's nodes is killed meanwhile.

    Skips, or fails where servers are required, when this machine can't run them.
    """
    need_engine(engine)
    with galera_turn(alone=False) if engine == "galera" else nullcontext():
        yield nodes_of(engine)


def nodes_of(engine: Engine) -> Sequence[servers.SqlServer]:
    """The servers behind an engine; started by whoever asks first."""
    if engine == "galera":
        require_galera_turn()
        return servers.shared_galera().nodes
    return (servers.shared_mariadb(),) if engine == "mariadb" else (servers.given(os.environ[MYSQL]),)
