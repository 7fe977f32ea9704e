"""A very large transaction of one person doesn't make other people wait, because a cluster that is configured as our
documentation advises refuses it."""

from collections.abc import Iterator

import pymysql
import pytest

from console.domain.desk_requests.records import make_request_id
from console.domain.desk_requests.rules import LARGEST_FILE_BYTES, LONGEST_FILE_PART_BYTES
from console.store.constraints.fitness import LARGEST_WRITESET_BYTES
from tests.harms.test_requests_of_people import RequestingTeam, open_requesting_team
from tests.support.places import use_shared_nodes

PARTS_OF_LARGEST_FILE = LARGEST_FILE_BYTES // LONGEST_FILE_PART_BYTES
_INSERT_REQUEST_SQL = (
    "INSERT INTO requests (id, action, args, evidence_sha256) VALUES (%s, 'resolve', '[]', REPEAT('a', 64))"
)
_INSERT_FILE_PART_SQL = (
    f"INSERT INTO request_files (request, part, content) VALUES (%s, %s, REPEAT('x', {LONGEST_FILE_PART_BYTES}))"
)
_COUNT_STORED_FILES_SQL = "SELECT COUNT(DISTINCT request) FROM request_files"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RequestingTeam]:
    with open_requesting_team("galera", can_act=False) as made, use_shared_nodes("galera") as nodes:
        ((before,),) = nodes[0].sql("SELECT @@GLOBAL.wsrep_max_ws_size")
        try:
            for node in nodes:
                node.sql(f"SET GLOBAL wsrep_max_ws_size = {LARGEST_WRITESET_BYTES}")
            yield made
        finally:
            for node in nodes:
                node.sql(f"SET GLOBAL wsrep_max_ws_size = {before}")


def _insert_requests_with_largest_file(team: RequestingTeam, person: str, count: int) -> None:
    """Insert `count` desk requests in one transaction, each with a file of the largest allowed size, with the
    database account of `person`."""
    with team.team.open_connection(person) as connection, connection.cursor() as cursor:
        connection.begin()
        for _ in range(count):
            request = make_request_id()
            cursor.execute(_INSERT_REQUEST_SQL, (request,))
            for part in range(PARTS_OF_LARGEST_FILE):
                cursor.execute(_INSERT_FILE_PART_SQL, (request, part))
        connection.commit()


def test_a_cluster_refuses_a_transaction_above_its_size_limit(cluster: RequestingTeam) -> None:
    """The cluster accepts one file of the largest size in a transaction and refuses four. Without this limit, while a
    transaction of 490 MiB was replicated, each node let every other COMMIT wait for up to 64 s."""
    _insert_requests_with_largest_file(cluster, "op-a", 1)
    assert cluster.execute_in_session("owner", _COUNT_STORED_FILES_SQL) == [(1,)]
    with pytest.raises(pymysql.MySQLError, match="writeset size"):
        _insert_requests_with_largest_file(cluster, "op-a", 4)
    assert cluster.execute_in_session("owner", _COUNT_STORED_FILES_SQL) == [(1,)]
    cluster.store_request("lead-b", "probe")
