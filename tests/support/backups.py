"""Makes backups of a test's database and restores them. A backup is a copy of an SQLite file, or a dump of a server's
database.
"""

import shutil
import subprocess
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

from tests.support.places import Place, ServerPlace, SqlitePlace
from tests.support.sql_server import SqlServer


def take_backup(place: Place) -> Callable[[], None]:
    """Make a backup of the database now. Return a function that restores the backup; restoring replaces the present
    content of the database.
    """
    return _dump_server(place) if isinstance(place, ServerPlace) else _copy_file(place)


def _copy_file(place: Place) -> Callable[[], None]:
    assert isinstance(place, SqlitePlace)
    backup = place.folder / "backup.db"
    backup.unlink(missing_ok=True)
    place.sql(f"VACUUM INTO '{backup}'")

    def restore_backup() -> None:
        """Replace the database file by the backup. No process may have the file open, because the program refuses to
        write into a file that was replaced while it was open.
        """
        for side in ("-wal", "-shm"):
            place.file.with_name(place.file.name + side).unlink(missing_ok=True)
        shutil.copy(backup, place.file)

    return restore_backup


def _dump_server(place: ServerPlace) -> Callable[[], None]:
    server = place.database.nodes[0]
    ((name,),) = place.sql("SELECT DATABASE()")
    # Written out: an empty `-p` asks, and takes the first line of the dump for an answer.
    account = (f"-u{server.admin}", f"--password={server.password}")
    reached = (f"-h{server.host}", f"-P{server.port}", *account, str(name))

    def run_dump(*options: str) -> bytes:
        options = ("--single-transaction", "--skip-lock-tables", *options, *reached)
        return subprocess.run(("mariadb-dump", *options), check=True, capture_output=True).stdout

    if server.is_mariadb:
        dump = run_dump("--triggers", "--routines")
    else:  # MySQL refuses a value for a generated column, which its own mysqldump leaves out, and MariaDB's doesn't
        guards = run_dump("--no-data", "--no-create-info", "--triggers", "--routines")
        dump = run_dump("--no-data", "--skip-triggers") + _read_row_inserts(server, str(name)) + guards

    def restore_backup() -> None:
        """Load the dump into the database. Desks may be running, and their connections remain open."""
        subprocess.run(("mariadb", *reached), input=dump, check=True, capture_output=True)

    return restore_backup


def _read_row_inserts(server: SqlServer, name: str) -> bytes:
    """Return the INSERT statements (as bytes) of all rows of the database `name` at one moment. The statements leave
    out generated columns.
    """
    statements = ["SET NAMES utf8mb4", "SET foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"]
    with server.connect(database=name) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND generation_expression = '' ORDER BY table_name, ordinal_position"
        )
        for table, columns in groupby(cursor.fetchall(), itemgetter(0)):
            names = ", ".join(f"`{column}`" for _, column in columns)
            cursor.execute(f"SELECT {names} FROM `{table}`")
            insert = f"INSERT INTO `{table}` ({names}) VALUES %s"
            statements += [cursor.mogrify(insert, (row,)) for row in cursor.fetchall()]
    return "".join(f"{statement};\n" for statement in statements).encode("utf-8", "surrogateescape")
