"""The form of a demand, and the databases that its shards run on."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support import pooled_databases
from tests.support.places import Engine, Place, fresh
from tests.support.server_fixtures import MYSQL
from tests.support.servers import own_run

_GIVEN: tuple[Engine, ...] = ("mysql",) if os.environ.get(MYSQL) else ()
SINGLE: tuple[Engine, ...] = ("sqlite", "mariadb", *_GIVEN)
ALL: tuple[Engine, ...] = (*SINGLE, "galera")


RECOVERY_SECONDS = 15.0
"""For what a killed process left, where several shards share the machine; 5 on a quiet one."""


@dataclass(frozen=True, slots=True)
class Demand:
    """`run(shard, folder)` does one shard and counts; `figure` says what all counts together mean.

    A shard that finds a violation raises. `spare` shards beyond the demanded ones run while there is time. `seconds`:
    the longest that one may take.
    """

    name: str
    shards: int
    run: Callable[[int, Path], Counter[str]]
    figure: str
    spare: int = 0
    seconds: int = 1_800


@contextmanager
def placed(engine: Engine, folder: Path) -> Iterator[Place]:
    """A database on this engine; its server ends with the shard."""
    try:
        with own_run(), fresh(engine, folder) as place:
            yield place
    finally:
        pooled_databases.forget_all()


def on(
    engines: tuple[Engine, ...], name: str, shards: int, run: Callable[[Engine, int, Path], Counter[str]], figure: str
) -> Iterator[Demand]:
    """The same demand on each engine, told apart by its name where it isn't SQLite."""
    for engine in engines:
        called = name if engine == "sqlite" else f"{name} {engine}"
        yield Demand(called, shards, partial(run, engine), figure)
