"""Tests of the connection pools of a server database."""

from contextlib import closing

import pytest

from console.store.database.engine import Database
from console.store.database.server import get_session
from tests.support.places import Place

pytestmark = pytest.mark.engines("mariadb")


def test_the_connection_used_last_is_used_next(place: Place) -> None:
    """Of several idle connections a pool gives the one that was used last. With the other order, a process that
    writes once a second would check an idle connection before nearly each write.
    """
    with closing(Database(place.url("op-a"))) as database:
        with database.write_without_retries() as outer:
            with database.write_without_retries() as inner:
                assert get_session(inner.conn) != get_session(outer.conn)
            used_last = get_session(outer.conn)
        with database.write_without_retries() as later:
            assert get_session(later.conn) == used_last
        with database.read() as outer_conn:
            with database.read() as inner_conn:
                assert get_session(inner_conn) != get_session(outer_conn)
            used_last = get_session(outer_conn)
        with database.read() as later_conn:
            assert get_session(later_conn) == used_last
