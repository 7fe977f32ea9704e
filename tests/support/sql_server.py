"""A SQL server for tests, private or configured by its URL: its accounts, its URLs and its new databases."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from console.store.database.server import make_people_database_name
from tests.support.waiting import MAX_WAIT_SECONDS

_DATABASE_ACCESS_DENIED_ERROR_NUMBER = 1044


@dataclass(frozen=True)
class SqlServer:
    """The address of a database server, and the account of its administrator. The object can be pickled for other
    processes.
    """

    host: str
    port: int
    admin: str
    password: str = field(repr=False)

    def make_url(self, user: str, password: str, database: str = "") -> str:
        """Return the server's URL for SQLAlchemy, with the password."""
        secret = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mysql+pymysql://{secret}@{self.host}:{self.port}/{database}"

    @property
    def admin_url(self) -> str:
        """Return the URL of the administrator's account, without a database."""
        return self.make_url(self.admin, self.password)

    @property
    def is_mariadb(self) -> bool:
        """Return True for MariaDB, and False for MySQL."""
        ((version,),) = self.sql("SELECT VERSION()")
        return "MariaDB" in version

    def connect(self, user: str = "", password: str = "", database: str | None = None, **more: Any) -> Any:
        """Return a PyMySQL connection with AUTOCOMMIT as this user, by default the administrator. A person in team
        mode has no right on `database`; then connect to the second database, whose views the person may read. `more`
        are further arguments of PyMySQL.
        """
        import pymysql

        account = {"user": user, "password": password} if user else {"user": self.admin, "password": self.password}
        if user:  # as desks do: the database refuses a session whose time zone is a name, not an offset
            more = {"init_command": "SET SESSION time_zone = '+00:00'", **more}
        where = {"host": self.host, "port": self.port, "database": database}
        how = {"connect_timeout": MAX_WAIT_SECONDS, "autocommit": True, "charset": "utf8mb4", "ssl_disabled": True}
        try:
            return pymysql.connect(**account, **{**where, **how, **more})
        except pymysql.err.OperationalError as refused:
            if refused.args[0] != _DATABASE_ACCESS_DENIED_ERROR_NUMBER or database is None:
                raise
        return pymysql.connect(**account, **{**where, "database": make_people_database_name(database), **how, **more})

    def sql(self, *statements: str, seconds: float = MAX_WAIT_SECONDS) -> tuple[tuple[Any, ...], ...]:
        """Run the statements as the administrator, each with a time limit of `seconds`. Return the rows of the last
        one.
        """
        rows: tuple[tuple[Any, ...], ...] = ()
        with self.connect(read_timeout=seconds) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = cursor.fetchall()
        return rows

    def can_log_in(self) -> bool:
        """Return True if the administrator can log in now. Return False if the server doesn't answer within ten
        seconds.
        """
        import pymysql

        try:
            self.connect(connect_timeout=10, read_timeout=10).close()  # house: one of many looks
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def create_database(self, name: str | None = None) -> str:
        """Create an empty database and an account that owns it. The account has all rights on the database, may grant
        these rights, and may create accounts. Return the owner's URL of the database.
        """
        owner, password = f"owner_{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        name = name or f"console{secrets.token_hex(6)}"  # no underscore: in a grant that stands for any letter
        self.sql(
            f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4",
            f"CREATE USER `{owner}`@`%` IDENTIFIED BY '{password}'",
            f"GRANT ALL ON `{name}`.* TO `{owner}`@`%` WITH GRANT OPTION",
            f"GRANT ALL ON `{make_people_database_name(name)}`.* TO `{owner}`@`%` WITH GRANT OPTION",
            f"GRANT {', '.join(self._list_account_rights())} ON *.* TO `{owner}`@`%`",
        )
        if not self.is_mariadb:
            for table in ("data_lock_waits", "threads"):
                self.sql(f"GRANT SELECT ON performance_schema.{table} TO `{owner}`@`%`")
        return self.make_url(owner, password, name)

    def _list_account_rights(self) -> tuple[str, ...]:
        """Return the rights that the owner of a database needs to create accounts, as in docs/team.md."""
        if self.is_mariadb:
            return ("CREATE USER", "PROCESS", "CONNECTION ADMIN")
        return ("CREATE USER", "ROLE_ADMIN", "PROCESS", "CONNECTION_ADMIN")

    def drop_database(self, url: str) -> None:
        """Drop a database that `create_database` has created, and its owner. First end the database sessions that are
        still connected to it.
        """
        parts = urlsplit(url)
        name, owner = parts.path.lstrip("/"), unquote(parts.username or "")
        self.end_sessions(name)
        time_limits = f"SET lock_wait_timeout = {MAX_WAIT_SECONDS:.0f}"
        databases = [f"DROP DATABASE IF EXISTS `{database}`" for database in (make_people_database_name(name), name)]
        self.sql(time_limits, *databases, f"DROP USER IF EXISTS `{owner}`@`%`")

    def end_sessions(self, database: str) -> None:
        """End the database sessions that are connected to this database. Sessions that read information_schema aren't
        ended: while such a session reads the triggers of all databases, the server's list of sessions shows each of
        these databases in turn as the session's database.
        """
        import pymysql

        # MySQL's information_schema can't be read while any session runs a statement with a character of four bytes.
        for connection, _user, _host, used_database, _command, _time, _state, statement, *_ in self.sql(
            "SHOW FULL PROCESSLIST"
        ):
            if used_database not in (database, make_people_database_name(database)):
                continue
            if "information_schema" in (statement or "").lower():
                continue
            with suppress(pymysql.MySQLError):  # it left by itself
                self.sql(f"KILL {connection}")

    @contextmanager
    def create_temporary_database(self, name: str | None = None) -> Iterator[str]:
        """Yield the owner's URL of a new database, which is dropped at the end of the block. `name` is the name of
        the database (None: any).
        """
        url = self.create_database(name)
        try:
            yield url
        finally:
            self.drop_database(url)


def make_server_of_url(url: str) -> SqlServer:
    """Return the server of an administrator's URL, such as the value of `CONSOLE_TEST_MYSQL_URL`."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or "root"), unquote(parts.password or "")
    return SqlServer(parts.hostname or "127.0.0.1", parts.port or 3306, user, password)


@cache
def prepare_server(url: str) -> SqlServer:
    """Return the server of this URL, after changing the setting for the binary log as docs/team.md requires."""
    server = make_server_of_url(url)
    server.sql("SET GLOBAL log_bin_trust_function_creators = ON")
    return server
