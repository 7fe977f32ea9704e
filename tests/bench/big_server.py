"""A MariaDB server with databases of 1 and 10 million credit checks. The databases are filled once, and their data
stay in the folder `.bench/`."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pymysql import MySQLError

from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.bench import filling
from tests.bench.big_table import TABLE_FOLDER
from tests.bench.filling import OPERATOR
from tests.support import mariadb_server
from tests.support.mariadb_server import Server
from tests.support.server_run import ServerRun, find_free_port
from tests.support.servers import start_own_run

_ENGINE_NAME = "mariadb"
# The data are written once, fast, and then only read; after a kill, they are made again.
SERVER_SETTINGS = (
    *("innodb-buffer-pool-size=2G", "innodb-log-file-size=1G", "innodb-flush-log-at-trx-commit=0"),
    *("innodb-sort-buffer-size=64M", "tmp-table-size=256M", "max-heap-table-size=256M"),
)
_TABLE_FORM_KEY = "bench"


class BigServer:
    """The running MariaDB server with the databases of 1 and 10 million credit checks. The user name in its database
    URLs is that of an operator in the databases.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._password = secrets.token_urlsafe(12)
        server.sql(
            f"CREATE OR REPLACE USER '{OPERATOR}'@'%' IDENTIFIED BY '{self._password}'",
            f"GRANT ALL ON *.* TO '{OPERATOR}'@'%'",
        )

    def make_database_url(self, row_count: int) -> str:
        """Return the URL of a database with `row_count` credit checks. Make the database first if it doesn't exist.
        Callers may only read it."""
        name = f"rows{row_count}"
        url = self._server.make_url(OPERATOR, self._password, name)
        if not self._has_present_table_form(name):
            began = time.monotonic()
            print(f"Making {row_count:,} rows on MariaDB …", flush=True)
            self._server.sql(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            _upgrade_schema(url)
            with self._server.connect(database=name) as connection, connection.cursor() as cursor:
                filling.fill_server(cursor, row_count)
                cursor.execute(
                    f"INSERT INTO console_meta (name, value)"
                    f" VALUES ('{_TABLE_FORM_KEY}', '{filling.compute_table_form_mark()}')"
                )
            print(f"… took {time.monotonic() - began:.0f} s", flush=True)
        _upgrade_schema(url)
        return url

    @contextmanager
    def create_empty_database(self) -> Iterator[str]:
        """Yield the URL of a database that has only the schema."""
        with self._server.create_temporary_database() as url:
            _upgrade_schema(url)
            yield url

    def _has_present_table_form(self, name: str) -> bool:
        """True if the database exists and was filled by the present code."""
        with suppress(MySQLError):
            mark_rows = self._server.sql(f"SELECT value FROM {name}.console_meta WHERE name = '{_TABLE_FORM_KEY}'")
            return mark_rows == ((filling.compute_table_form_mark(),),)
        return False


def _upgrade_schema(url: str) -> None:
    database = Database(url, without_time_limit=True)
    migrate.upgrade(database)
    database.close()


@contextmanager
def run_big_server() -> Iterator[BigServer]:
    """Start the server on the data that earlier runs have made, yield it, and shut it down at the end of the
    block.
    """
    TABLE_FOLDER.mkdir(exist_ok=True)
    with start_own_run(TABLE_FOLDER) as run:
        run.prepare_folder_and_supervisor()
        server = _start_server(run)
        yield BigServer(server)
        server.stop()


def _start_server(run: ServerRun) -> Server:
    data, password, port = TABLE_FOLDER / _ENGINE_NAME, secrets.token_urlsafe(12), find_free_port()
    if not data.exists():
        mariadb_server.make_data_folder(run, _ENGINE_NAME)[0].rename(data)
    admin = run.write_file(
        "admin.sql",
        f"CREATE OR REPLACE USER admin@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n",
    )
    lines = (f"datadir={data}", f"init-file={admin}", *SERVER_SETTINGS)
    command = ("mariadbd", f"--defaults-file={mariadb_server.write_configuration(run, _ENGINE_NAME, port, lines)}")
    server = Server(run, _ENGINE_NAME, command, "127.0.0.1", port, "admin", password)
    server.start()
    return server
