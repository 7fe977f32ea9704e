"""Databases that another application was in first, and how they are adopted in a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.app import open_adoption
from console.services.adoption.adopt import Adoption
from console.settings.settings import Settings
from tests.support.desks import environment
from tests.support.sql_server import SqlServer

NOWHERE = "http://127.0.0.1:9"


def settings(home: Path, url: str, **extra: str) -> Settings:
    home.mkdir(exist_ok=True)
    return Settings.load(environment(home, NOWHERE, DATABASE_URL=url, OPERATOR="", **extra))


@contextmanager
def adoption(home: Path, url: str, **extra: str) -> Iterator[Adoption]:
    """The service, as `db adopt` opens it."""
    with open_adoption(settings(home, url, **extra)) as opened:
        yield opened


@contextmanager
def shared_database(server: SqlServer | None, folder: Path) -> Iterator[str]:
    """The address of an empty database: a server's, or a file of that folder."""
    if server is None:
        yield f"sqlite:///{folder}/other.db"
        return
    with server.database() as url:
        yield url


def end_turn(server: SqlServer, url: str) -> None:
    """As if the time of an adopter that died had run out."""
    server.sql(f"UPDATE `{url.rpartition('/')[2]}`.console_upgrade SET until_ms = 0")
