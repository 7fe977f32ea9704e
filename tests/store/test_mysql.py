"""Tests that, if a MySQL server is given, every test that runs on MariaDB runs on it too."""

from tests.support import server_fixtures
from tests.support.servers import SqlServer

OLDEST_VERSION = (8, 0, 16)
"""The first one that enforces CHECK constraints."""


def test_a_mysql_server_is_given(mysql_server: SqlServer) -> None:
    """The given server is MySQL and new enough. Without a given server the test is skipped, and the skip is
    reported."""
    ((version,),) = mysql_server.sql("SELECT VERSION()")
    assert "MariaDB" not in version, f"{server_fixtures.MYSQL} names a MariaDB: those are started by the suite"
    assert tuple(int(part) for part in version.split("-")[0].split(".")) >= OLDEST_VERSION
