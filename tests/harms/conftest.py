"""The fixture `harm_scene`: one database of each engine for all tests of a module. After each test the database must
be usable for the next one, otherwise the test fails."""

import os
from collections.abc import Iterator
from typing import cast

import pytest

from tests.harms.scene import AttackedDatabase, open_attacked_database
from tests.support import server_fixtures
from tests.support.places import Engine, use_shared_nodes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "on_server" in metafunc.fixturenames:
        given = ["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else []
        engines = ["mariadb", "galera", *given]
        whole = [pytest.param(f"{engine}, whole", marks=pytest.mark.soak) for engine in engines]
        metafunc.parametrize("on_server", [*engines, *whole], scope="module")


@pytest.fixture(scope="module")
def harm_scene(on_server: str) -> Iterator[AttackedDatabase]:
    """Yield a team with desks and simulated providers on the servers of one engine. All tests of a module share it.
    `on_server` is an engine, followed by ", whole" if every role tries every attack."""
    engine, _, whole = on_server.partition(", ")
    with use_shared_nodes(cast(Engine, engine)) as nodes, open_attacked_database(*nodes) as made:
        made.tries_all_attacks = bool(whole)
        yield made
