"""Tests that a run with a MySQL server runs every test there that runs on MariaDB."""

from tests.support import server_fixtures
from tests.support.servers import SqlServer

OLDEST = (8, 0, 16)
"""The first one that enforces CHECK constraints."""


def test_a_mysql_server_is_given(mysql_server: SqlServer) -> None:
    """Skipped, and said so, where there is none; one that is given is MySQL, and new enough."""
    ((version,),) = mysql_server.sql("SELECT VERSION()")
    assert "MariaDB" not in version, f"{server_fixtures.MYSQL} names a MariaDB: those are started by the suite"
    assert tuple(int(part) for part in version.split("-")[0].split(".")) >= OLDEST
