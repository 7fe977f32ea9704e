"""Helpers for tests that adopt a database which another application has created."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.app import open_adoption
from console.services.adoption.adopt import Adoption
from console.settings.settings import Settings
from tests.support.desks import make_environment
from tests.support.sql_server import SqlServer

UNREACHABLE_URL = "http://127.0.0.1:9"


def make_settings(home: Path, url: str, **extra: str) -> Settings:
    """Return the settings of a desk with the home folder `home` and the database at `url`. `extra` are further
    settings without their prefix `CONSOLE_`.
    """
    home.mkdir(exist_ok=True)
    return Settings.load(make_environment(home, UNREACHABLE_URL, DATABASE_URL=url, OPERATOR="", **extra))


@contextmanager
def open_adoption_service(home: Path, url: str, **extra: str) -> Iterator[Adoption]:
    """Yield the adoption service, opened as the command `db adopt` opens it. `home` is the desk's folder and `url`
    the address of the database. `extra` are settings without their prefix `CONSOLE_`.
    """
    with open_adoption(make_settings(home, url, **extra)) as opened:
        yield opened


@contextmanager
def open_temporary_database(server: SqlServer | None, folder: Path) -> Iterator[str]:
    """Yield the address of an empty database. It is on `server`, or in an SQLite file in `folder` if `server` is
    None.
    """
    if server is None:
        yield f"sqlite:///{folder}/other.db"
        return
    with server.create_temporary_database() as url:
        yield url


def expire_upgrade_lock(server: SqlServer, url: str) -> None:
    """Let the upgrade lock of the database expire, as if the process that held the lock had crashed long ago."""
    server.sql(f"UPDATE `{url.rpartition('/')[2]}`.console_upgrade SET until_ms = 0")
