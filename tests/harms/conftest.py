"""A scene per engine, shared by the tests of a file: they leave it fit for work, or are red."""

import os
from collections.abc import Iterator
from typing import cast

import pytest

from tests.harms.scene import Scene, scene
from tests.support import server_fixtures
from tests.support.places import Engine, shared_nodes


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
    with shared_nodes(cast(Engine, engine)) as nodes, scene(*nodes) as made:
        made.whole = bool(whole)
        yield made
