"""A test of the configured MySQL server, on which every test for MariaDB also runs."""

from tests.support import server_fixtures
from tests.support.servers import SqlServer

OLDEST_MYSQL_VERSION = (8, 0, 16)
"""First version of MySQL that enforces CHECK constraints."""


def test_the_given_mysql_server_has_a_supported_version(mysql_server: SqlServer) -> None:
    """The configured server is MySQL in a version that the program supports. Without a configured server the test is
    skipped, and the report shows the skip."""
    ((version,),) = mysql_server.sql("SELECT VERSION()")
    assert "MariaDB" not in version, (
        f"{server_fixtures.MYSQL_URL_VARIABLE} names a MariaDB: those are started by the suite"
    )
    assert tuple(int(part) for part in version.split("-")[0].split(".")) >= OLDEST_MYSQL_VERSION
