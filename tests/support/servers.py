"""Private database servers for tests, benchmarks and soaks, on free ports of 127.0.0.1.

    with mariadb() as server:            a private server, which ends with the block
        url = server.fresh_database()
    server = shared_mariadb()            the server of this run, which all its processes share

The functions `shared_…` need a run. pytest has one (see server_fixtures.py); other programs open one by `with
own_run():`, and the processes that they start within the block belong to it, too. All servers of a run end
with the owner of the run, even if it crashes.
"""

import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.support import galera_cluster, mariadb_server, redis_server, server_run
from tests.support.galera_cluster import Cluster, Node
from tests.support.mariadb_server import Server
from tests.support.redis_server import RedisServer
from tests.support.server_run import Run
from tests.support.sql_server import SqlServer, given
from tests.support.tls import Tls

__all__ = [
    "Cluster",
    "Node",
    "RedisServer",
    "Run",
    "Server",
    "SqlServer",
    "Tls",
    "galera",
    "given",
    "mariadb",
    "missing",
    "own_run",
    "redis",
    "shared_galera",
    "shared_mariadb",
    "shared_redis",
    "turn",
]

_MARIADB = ("mariadbd", "mariadb-install-db")
_PROGRAMS = {
    "mariadb": _MARIADB,
    "galera": (*_MARIADB, "rsync", "lsof", "ss"),
    "redis": ("redis-server",),
}
_T = TypeVar("_T")


def missing(kind: str) -> str | None:
    """Return the reason for which this machine can't run a server of this kind ("mariadb", "galera", "redis"); None
    if it can.
    """
    absent = [program for program in _PROGRAMS[kind] if not shutil.which(program, path=server_run.TOOLS)]
    if kind == "galera" and galera_cluster.provider() is None:
        absent.append("galera-4")
    if absent:
        return f"{', '.join(absent)} missing here: scripts/system_packages.sh servers"
    return None


@contextmanager
def own_run(place: Path | None = None) -> Iterator[Run]:
    """Yield a run for this process and the processes that it starts within the block. `place` is the parent of its
    folder (None: see `roomy_place`).
    """
    run, before = server_run.new_run(place), server_run.current_run()
    server_run.publish(run)
    try:
        yield run
    finally:
        server_run.publish(before)
        run.end()


@contextmanager
def mariadb(
    *, tls: Tls | bool = False, extra_config: Sequence[str] = (), place: Path | None = None
) -> Iterator[Server]:
    """Yield a private MariaDB server, which starts in about a second. With `tls=True` it has a certificate for this
    machine. `extra_config` are further lines of its configuration.
    """
    wanted = Tls() if tls is True else tls or None
    with _private(place) as run:
        yield mariadb_server.start(run, "mariadb", extra_config, wanted)


@contextmanager
def galera(size: int = 3, *, extra_config: Sequence[str] = (), place: Path | None = None) -> Iterator[Cluster]:
    """Yield a private Galera cluster of `size` nodes, which starts in about seven seconds."""
    with _private(place) as run:
        yield galera_cluster.start(run, size, extra_config)


@contextmanager
def redis() -> Iterator[RedisServer]:
    """Yield a private Redis server, which starts within a moment."""
    with _private(None) as run:
        yield redis_server.start(run, "redis")


def shared_mariadb() -> Server:
    """Return the run's MariaDB server. The first call in the run starts it."""
    return _shared("mariadb", lambda run: mariadb_server.start(run, "mariadb"))


def shared_galera() -> Cluster:
    """Return the run's cluster of three nodes. The first call in the run starts it."""
    return _shared("galera", galera_cluster.start)


def shared_redis() -> RedisServer:
    """Return the run's Redis server. The first call in the run starts it."""
    return _shared("redis", lambda run: redis_server.start(run, "redis"))


@contextmanager
def turn(name: str, *, alone: bool) -> Iterator[None]:
    """Use the shared server `name` during the block, together with other processes of the run or `alone`; a test that
    kills it must be alone. A process that waits to be alone isn't overtaken by later ones. The blocks can't be
    nested.
    """
    run = server_run.current_run()
    assert run is not None, "shared servers belong to a run"
    run.ready()
    with ExitStack() as held:
        with run.locked(f"{name}.gate"):
            held.enter_context(run.locked(f"{name}.turn", shared=not alone))
        yield


@contextmanager
def _private(place: Path | None) -> Iterator[Run]:
    run = server_run.new_run(place)
    try:
        run.ready()
        yield run
    finally:
        run.end()


def _shared(name: str, start: Callable[[Run], _T]) -> _T:
    run = server_run.current_run()
    if run is None:
        raise RuntimeError("no run of servers here: open one with `with own_run():`")
    run.ready()
    known, failed = run.folder / f"{name}.known", run.folder / f"{name}.failed"
    with run.locked(f"{name}.start"):
        if failed.exists():
            raise RuntimeError(f"{name} did not start for whoever asked first: {failed.read_text()}")
        if not known.exists():
            failed.write_text("they ended meanwhile")
            started = start(run)
            known.touch(mode=0o600)
            known.write_bytes(pickle.dumps(started))
            failed.unlink()
        found: _T = pickle.loads(known.read_bytes())
    return found
