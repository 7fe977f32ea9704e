"""A scene per engine, shared by the tests of a file: they leave it fit for work, or are red."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harms.scene import Scene, scene, servers_of
from tests.support import server_fixtures


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "on_server" in metafunc.fixturenames:
        given = ["mysql"] if os.environ.get(server_fixtures.MYSQL) else []
        engines = ["mariadb", "galera", *given]
        whole = [pytest.param(f"{engine}, whole", marks=pytest.mark.soak) for engine in engines]
        metafunc.parametrize("on_server", [*engines, *whole], scope="module")


@pytest.fixture(scope="module")
def harm_scene(on_server: str) -> Iterator[Scene]:
    """A team with desks and providers, on a server. Other tests of the file use it too."""
    engine, _, whole = on_server.partition(", ")
    server_fixtures.need_engine(engine)
    nodes = servers_of(engine, os.environ.get(server_fixtures.MYSQL))
    with ExitStack() as turn:
        if engine == "galera":
            turn.enter_context(server_fixtures.galera_turn(alone=False))
        made = turn.enter_context(scene(*nodes))
        made.whole = bool(whole)
        yield made
