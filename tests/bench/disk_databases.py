"""Databases on the disk for the measurements of payments and refunds, one engine after another, and a provider in a
process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.purchases import make_bench_folder, start_servers_on_disk
from tests.support.places import Engine, Place, ServerPlace, SqlitePlace
from tests.support.pooled_databases import PooledDatabase

ROOT = Path(__file__).resolve().parents[2]
_ENGINE_BY_LABEL: dict[str, Engine] = {"MariaDB": "mariadb", "Galera": "galera"}


def open_empty_databases_on_disk(number: int) -> Iterator[tuple[str, Place]]:
    """Yield (name of the engine, empty database) for SQLite and for each server engine that the goal `number`
    measures and this machine has.
    """
    with make_bench_folder() as folder:
        yield "SQLite", SqlitePlace(folder)
    for engine, nodes in start_servers_on_disk(frozenset({number})):
        with make_bench_folder() as folder:
            yield engine, ServerPlace(_ENGINE_BY_LABEL[engine], folder, PooledDatabase(nodes))


@contextmanager
def start_provider_process() -> Iterator[str]:
    """Yield the URL of a sandbox in a process of its own, so that its work isn't measured."""
    command = [sys.executable, "-m", "console", "--json", "sandbox"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield str(json.loads(server.stdout.readline())["data"]["url"])
        finally:
            server.terminate()
