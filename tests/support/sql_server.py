"""A SQL server to test against, private or given by its address: accounts, addresses, fresh databases."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from console.store.database.server import make_people_database_name
from tests.support.waiting import PATIENCE_SECONDS

_DATABASE_ACCESS_DENIED_ERROR_NUMBER = 1044


@dataclass(frozen=True)
class SqlServer:
    """Where it listens, and an account that may do everything there. Travels by pickle to other processes."""

    host: str
    port: int
    admin: str
    password: str = field(repr=False)

    def url(self, user: str, password: str, database: str = "") -> str:
        """The address for SQLAlchemy, secret included."""
        secret = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mysql+pymysql://{secret}@{self.host}:{self.port}/{database}"

    @property
    def admin_url(self) -> str:
        """The account that may do everything, in no database."""
        return self.url(self.admin, self.password)

    @property
    def is_mariadb(self) -> bool:
        """Whether it is one: a server that was given is a MySQL."""
        ((version,),) = self.sql("SELECT VERSION()")
        return "MariaDB" in version

    def connect(self, user: str = "", password: str = "", database: str | None = None, **more: Any) -> Any:
        """A plain PyMySQL connection, as the administrator unless said otherwise; each statement commits. A person
        who asks gets the database of the views.
        """
        import pymysql

        account = {"user": user, "password": password} if user else {"user": self.admin, "password": self.password}
        if user:  # as desks do: who asks in another zone than an offset is refused
            more = {"init_command": "SET SESSION time_zone = '+00:00'", **more}
        where = {"host": self.host, "port": self.port, "database": database}
        how = {"connect_timeout": PATIENCE_SECONDS, "autocommit": True, "charset": "utf8mb4", "ssl_disabled": True}
        try:
            return pymysql.connect(**account, **{**where, **how, **more})
        except pymysql.err.OperationalError as refused:
            if refused.args[0] != _DATABASE_ACCESS_DENIED_ERROR_NUMBER or database is None:
                raise
        return pymysql.connect(**account, **{**where, "database": make_people_database_name(database), **how, **more})

    def sql(self, *statements: str, seconds: float = PATIENCE_SECONDS) -> tuple[tuple[Any, ...], ...]:
        """Run these as the administrator, each within the time: the rows of the last one."""
        rows: tuple[tuple[Any, ...], ...] = ()
        with self.connect(read_timeout=seconds) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = cursor.fetchall()
        return rows

    def answers(self) -> bool:
        """Whether somebody can sign in right now; a server that hangs doesn't answer."""
        import pymysql

        try:
            self.connect(connect_timeout=10, read_timeout=10).close()  # house: one of many looks
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def fresh_database(self, name: str | None = None) -> str:
        """A new, empty database: its address for a new owner, who may do all there, make accounts and pass it on."""
        owner, password = f"owner_{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        name = name or f"console{secrets.token_hex(6)}"  # no underscore: in a grant that stands for any letter
        self.sql(
            f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4",
            f"CREATE USER `{owner}`@`%` IDENTIFIED BY '{password}'",
            f"GRANT ALL ON `{name}`.* TO `{owner}`@`%` WITH GRANT OPTION",
            f"GRANT ALL ON `{make_people_database_name(name)}`.* TO `{owner}`@`%` WITH GRANT OPTION",
            f"GRANT {', '.join(self._for_accounts())} ON *.* TO `{owner}`@`%`",
        )
        if not self.is_mariadb:
            self.sql(f"GRANT SELECT ON performance_schema.data_lock_waits TO `{owner}`@`%`")
        return self.url(owner, password, name)

    def _for_accounts(self) -> tuple[str, ...]:
        """The rights that an owner needs to make accounts, as docs/team.md gives them."""
        if self.is_mariadb:
            return ("CREATE USER", "PROCESS", "CONNECTION ADMIN")
        return ("CREATE USER", "ROLE_ADMIN", "PROCESS", "CONNECTION_ADMIN")

    def drop_database(self, url: str) -> None:
        """Drop a database of `fresh_database` and its owner. First end the sessions that are still connected to it.

        Sessions that read information_schema are left alone: while a server looks for triggers in all databases, its
        list of sessions names each of these in turn as the one that the reader is connected to.
        """
        import pymysql

        parts = urlsplit(url)
        name, owner = parts.path.lstrip("/"), unquote(parts.username or "")
        for (connection,) in self.sql(
            "SELECT ID FROM information_schema.PROCESSLIST"
            f" WHERE DB IN ('{name}', '{make_people_database_name(name)}')"
            " AND COALESCE(INFO, '') NOT LIKE '%information_schema%'"
        ):
            with suppress(pymysql.MySQLError):  # it left by itself
                self.sql(f"KILL {connection}")
        patience = f"SET lock_wait_timeout = {PATIENCE_SECONDS:.0f}"
        databases = [f"DROP DATABASE IF EXISTS `{database}`" for database in (make_people_database_name(name), name)]
        self.sql(patience, *databases, f"DROP USER IF EXISTS `{owner}`@`%`")

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database for as long as the block lasts: its owner's address."""
        url = self.fresh_database()
        try:
            yield url
        finally:
            self.drop_database(url)


def at(url: str) -> SqlServer:
    """The server at an administrator's address, as `CONSOLE_TEST_MYSQL_URL` holds it."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or "root"), unquote(parts.password or "")
    return SqlServer(parts.hostname or "127.0.0.1", parts.port or 3306, user, password)


@cache
def given(url: str) -> SqlServer:
    """The server at this address, told what docs/team.md asks of every server where it keeps a binary log."""
    server = at(url)
    server.sql("SET GLOBAL log_bin_trust_function_creators = ON")
    return server
