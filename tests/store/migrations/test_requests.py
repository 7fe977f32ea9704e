"""A database whose requests were stored by an earlier version gets the columns that came later."""

import pytest

from console.store.database.engine import Database
from console.store.migrations import upgrade as migrate
from tests.support import server_fixtures
from tests.support.places import Engine, nodes_of

OLDER = (
    "ALTER TABLE requests DROP INDEX uq_requests_claim, DROP COLUMN claimed_id, DROP COLUMN confirmed",
    (
        "INSERT INTO requests (id, who, at, expires_at, action, args, state) VALUES"
        " ('a', 'op', NOW(), NOW(), 'probe', '[]', 'ended'), ('b', 'op', NOW(), NOW(), 'probe', '[]', 'lapsed')"
    ),
    "UPDATE alembic_version SET version_num = '0012'",
)


@pytest.mark.engines("mariadb", "galera")
def test_requests_of_an_earlier_version(engine: Engine) -> None:
    """Those that a worker took have their claim, all are unconfirmed, and a second upgrade changes nothing."""
    server_fixtures.need_engine(engine)
    (server, *_) = nodes_of(engine)
    owner = server.fresh_database()
    database = Database(owner, without_time_limit=True)
    try:
        migrate.upgrade(database)
        with database.write_once() as tx:
            for statement in OLDER:
                tx.conn.exec_driver_sql(statement)
        for _ in range(2):
            migrate.upgrade(database)
        with database.read() as conn:
            rows = conn.exec_driver_sql("SELECT id, claimed_id, confirmed FROM requests ORDER BY id").all()
            unique = conn.exec_driver_sql("SHOW INDEX FROM requests WHERE Key_name = 'uq_requests_claim'").all()
        assert [tuple(row) for row in rows] == [("a", "a", 0), ("b", None, 0)]
        assert [row.Non_unique for row in unique] == [0]
    finally:
        database.close()
        server.drop_database(owner)
