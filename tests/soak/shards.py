"""The class of a demand of the soak, and the databases on which the shards of demands run."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support import pooled_databases
from tests.support.places import Engine, Place, open_empty_place
from tests.support.server_fixtures import MYSQL_URL_VARIABLE
from tests.support.servers import start_own_run

_ENGINES_GIVEN_BY_ADDRESS: tuple[Engine, ...] = ("mysql",) if os.environ.get(MYSQL_URL_VARIABLE) else ()
SINGLE_SERVER_ENGINES: tuple[Engine, ...] = ("sqlite", "mariadb", *_ENGINES_GIVEN_BY_ADDRESS)
ALL_ENGINES: tuple[Engine, ...] = (*SINGLE_SERVER_ENGINES, "galera")


RECOVERY_SECONDS = 15.0
"""Time (seconds) to recover the records of a killed process while several shards share the machine. A quiet machine
needs 5.
"""


@dataclass(frozen=True, slots=True)
class Demand:
    """A requirement that the soak checks with a full count, divided into `shard_count` parts.

    `run(shard, folder)` runs the part with this number, and returns its counts; it raises AssertionError if the
    requirement is violated. `figures_format` is the sentence with the sums of the counts. `spare_shard_count` is
    the number of further parts that run in time that is left. `limit_seconds` is the time limit of one part.
    """

    name: str
    shard_count: int
    run: Callable[[int, Path], Counter[str]]
    figures_format: str
    spare_shard_count: int = 0
    limit_seconds: int = 1_800


@contextmanager
def open_place(engine: Engine, folder: Path) -> Iterator[Place]:
    """Yield an empty database on this engine. The database server ends with the block."""
    try:
        with start_own_run(), open_empty_place(engine, folder) as place:
            yield place
    finally:
        pooled_databases.forget_all_databases()


def make_demands(
    engines: tuple[Engine, ...],
    name: str,
    shard_count: int,
    run: Callable[[Engine, int, Path], Counter[str]],
    figures_format: str,
) -> Iterator[Demand]:
    """Yield one demand for each of these database engines, with `shard_count` parts. The demand's name is `name` and,
    except for SQLite, the name of the engine. `run` gets the engine, the number of the part and a folder; see
    `Demand` for its result and for `figures_format`.
    """
    for engine in engines:
        called = name if engine == "sqlite" else f"{name} {engine}"
        yield Demand(called, shard_count, partial(run, engine), figures_format)
