"""Private database servers for tests, benchmarks and soaks, on free ports of 127.0.0.1.

    with start_private_mariadb() as server:   a private server, which ends with the block
        url = server.create_database()
    server = get_shared_mariadb()             the server of this run, which all processes of the run use

The functions `get_shared_…` need a test run. pytest has one (see server_fixtures.py). Other programs open one by
`with start_own_run():`, and the processes that they start within the block belong to it. All servers of a run end
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
from tests.support.server_run import ServerRun
from tests.support.sql_server import SqlServer, prepare_server
from tests.support.tls import TlsProperties

__all__ = [
    "Cluster",
    "Node",
    "RedisServer",
    "ServerRun",
    "Server",
    "SqlServer",
    "TlsProperties",
    "start_private_galera",
    "prepare_server",
    "start_private_mariadb",
    "find_missing_reason",
    "start_own_run",
    "start_private_redis",
    "get_shared_galera",
    "get_shared_mariadb",
    "get_shared_redis",
    "use_shared_server",
]

_MARIADB_PROGRAMS = ("mariadbd", "mariadb-install-db")
_PROGRAMS_BY_KIND = {
    "mariadb": _MARIADB_PROGRAMS,
    "galera": (*_MARIADB_PROGRAMS, "rsync", "lsof", "ss"),
    "redis": ("redis-server",),
    "promtool": ("promtool",),
}
_ServerT = TypeVar("_ServerT")


def find_missing_reason(kind: str) -> str | None:
    """Return the reason why this machine can't run a server of this kind ("mariadb", "galera" or "redis"), or the
    program "promtool"; None if it can.
    """
    absent = [program for program in _PROGRAMS_BY_KIND[kind] if not shutil.which(program, path=server_run.TOOL_PATHS)]
    if kind == "galera" and galera_cluster.find_galera_library() is None:
        absent.append("galera-4")
    if absent:
        return f"{', '.join(absent)} missing here: scripts/system_packages.sh servers"
    return None


@contextmanager
def start_own_run(place: Path | None = None) -> Iterator[ServerRun]:
    """Yield a test run for this process and the processes that it starts within the block. `place` is the parent of
    the run's folder (None: see `server_run.find_folder_with_free_space`).
    """
    run, before = server_run.make_run(place), server_run.find_current_run()
    server_run.publish_run(run)
    try:
        yield run
    finally:
        server_run.publish_run(before)
        run.end()


@contextmanager
def start_private_mariadb(
    *, tls: TlsProperties | bool = False, extra_config: Sequence[str] = (), place: Path | None = None
) -> Iterator[Server]:
    """Yield a private MariaDB server, which starts in about a second. With `tls=True` the server has a certificate
    for this machine, with TlsProperties a certificate with these properties. `extra_config` are further lines of its
    configuration. The server's folder is created in the folder `place` (None: in the folder of all test servers).
    """
    tls_properties = TlsProperties() if tls is True else tls or None
    with _own_private_run(place) as run:
        yield mariadb_server.start_mariadb(run, "mariadb", extra_config, tls_properties)


@contextmanager
def start_private_galera(
    size: int = 3, *, extra_config: Sequence[str] = (), place: Path | None = None
) -> Iterator[Cluster]:
    """Yield a private Galera cluster of `size` nodes, which starts in about seven seconds. `extra_config` are further
    lines of the configuration of each node. `place` is the parent of the servers' folder, as in `start_own_run`.
    """
    with _own_private_run(place) as run:
        yield galera_cluster.start_cluster(run, size, extra_config)


@contextmanager
def start_private_redis() -> Iterator[RedisServer]:
    """Yield a private Redis server, which starts within a moment."""
    with _own_private_run(None) as run:
        yield redis_server.start_redis(run, "redis")


def get_shared_mariadb() -> Server:
    """Return the run's MariaDB server. The first call in the run starts it."""
    return _get_shared_server("mariadb", lambda run: mariadb_server.start_mariadb(run, "mariadb"))


def get_shared_galera() -> Cluster:
    """Return the run's cluster of three nodes. The first call in the run starts it."""
    return _get_shared_server("galera", galera_cluster.start_cluster)


def get_shared_redis() -> RedisServer:
    """Return the run's Redis server. The first call in the run starts it."""
    return _get_shared_server("redis", lambda run: redis_server.start_redis(run, "redis"))


@contextmanager
def use_shared_server(name: str, *, is_exclusive: bool) -> Iterator[None]:
    """Use the shared server `name` during the block, together with other processes of the run, or alone if
    `is_exclusive` is True. A test that kills the server must use it alone. A process that waits to be alone isn't
    overtaken by later ones. The blocks can't be nested.
    """
    run = server_run.find_current_run()
    assert run is not None, "shared servers belong to a run"
    run.prepare_folder_and_supervisor()
    with ExitStack() as held_locks:
        with run.hold_lock(f"{name}.gate"):
            held_locks.enter_context(run.hold_lock(f"{name}.turn", is_shared=not is_exclusive))
        yield


@contextmanager
def _own_private_run(place: Path | None) -> Iterator[ServerRun]:
    run = server_run.make_run(place)
    try:
        run.prepare_folder_and_supervisor()
        yield run
    finally:
        run.end()


def _get_shared_server(name: str, start: Callable[[ServerRun], _ServerT]) -> _ServerT:
    run = server_run.find_current_run()
    if run is None:
        raise RuntimeError("no run of servers here: open one with `with start_own_run():`")
    run.prepare_folder_and_supervisor()
    known, failed = run.folder / f"{name}.known", run.folder / f"{name}.failed"
    with run.hold_lock(f"{name}.start"):
        if failed.exists():
            raise RuntimeError(f"{name} did not start for whoever asked first: {failed.read_text()}")
        if not known.exists():
            failed.write_text("they ended meanwhile")
            started = start(run)
            known.touch(mode=0o600)
            known.write_bytes(pickle.dumps(started))
            failed.unlink()
        server: _ServerT = pickle.loads(known.read_bytes())
    return server
