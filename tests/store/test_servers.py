"""Tests of the private servers that other tests use: they start, are killed and restarted as ordered, and leave no
process or folder behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import create_engine, text

from tests.support import server_fixtures, server_run, server_supervisor, sql_server
from tests.support.servers import (
    Cluster,
    RedisServer,
    Server,
    TlsProperties,
    get_shared_galera,
    get_shared_mariadb,
    get_shared_redis,
    start_own_run,
    start_private_mariadb,
    start_private_redis,
)
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

OWNER_PROGRAM = """
import sys
from tests.support.servers import get_shared_redis, start_own_run
with start_own_run() as run:
    print(get_shared_redis().pid, run.folder, flush=True)
    sys.stdin.read()
"""
REQUESTER_PROGRAM = "from tests.support.servers import get_shared_redis; print(get_shared_redis().pid)"


def start_python(code: str) -> "subprocess.Popen[str]":
    """Start another Python process of this test run, which executes `code`, and return the process."""
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def has_ended(pid: int) -> bool:
    """Return True if the process has ended, even if its parent process hasn't read its exit status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def _requires_redis() -> None:
    server_fixtures.require_server("redis")


@pytest.fixture
def _requires_mariadb() -> None:
    server_fixtures.require_server("mariadb")


# ---------------------------------------------------------------- one per run


def test_a_run_shares_one_server(mariadb_server: Server, redis_server: RedisServer) -> None:
    """A second request for a shared server in the same test run gets the server that is already running."""
    assert get_shared_mariadb() == mariadb_server
    assert get_shared_redis().pid == redis_server.pid


@pytest.mark.usefixtures("_requires_redis")
def test_simultaneous_processes_get_the_same_server() -> None:
    """If several processes request the shared server at the same time, one of them starts it and the others wait for
    it.
    """
    with start_own_run() as run:
        askers = [start_python(REQUESTER_PROGRAM) for _ in range(3)]
        answers = {asker.communicate(timeout=MAX_WAIT_SECONDS)[0] for asker in askers}
        assert answers == {f"{run.get_pid('redis')}\n"}


@pytest.mark.usefixtures("_requires_redis")
def test_a_server_that_failed_to_start_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a server has failed to start, the next process that requests it gets an error at once."""
    with start_own_run():
        monkeypatch.setattr(server_run, "TOOL_PATHS", "/nowhere")
        with pytest.raises(RuntimeError, match="No such file"):
            get_shared_redis()
        with pytest.raises(RuntimeError, match="did not start for whoever asked first"):
            get_shared_redis()


# ---------------------------------------------------------------- nothing is left behind


@contextmanager
def run_owner() -> Iterator[tuple["subprocess.Popen[str]", int, Path]]:
    """Start a process that owns a test run. Yield the process, the process id of its server, and the folder of the
    run.
    """
    process = start_python(OWNER_PROGRAM)
    assert process.stdout is not None
    pid, folder = process.stdout.readline().split()
    yield process, int(pid), Path(folder)
    process.communicate(timeout=MAX_WAIT_SECONDS)


def kill_owner(process: "subprocess.Popen[str]", folder: Path) -> None:
    process.kill()


def kill_supervisor(process: "subprocess.Popen[str]", folder: Path) -> None:
    os.kill(int((folder / server_supervisor.PID_FILE_NAME).read_text()), signal.SIGKILL)


def end_owner(process: "subprocess.Popen[str]", folder: Path) -> None:
    process.communicate(timeout=MAX_WAIT_SECONDS)


@pytest.mark.usefixtures("_requires_redis")
@pytest.mark.parametrize("end", [kill_owner, kill_supervisor, end_owner])
def test_servers_end_with_their_run(end: Callable[["subprocess.Popen[str]", Path], None]) -> None:
    """The server ends, and the folder of its test run is deleted, after each of three ends: the owner process ends
    normally; the owner is killed; the supervisor of its servers (`tests.support.server_supervisor`) is killed."""
    with run_owner() as (process, pid, folder):
        assert not has_ended(pid)
        end(process, folder)
        wait_until(lambda: has_ended(pid), "the end of the server")
    wait_until(lambda: not folder.exists(), "the end of its folder")


# ---------------------------------------------------------------- MariaDB


def test_an_owner_gets_its_own_database(mariadb_server: Server) -> None:
    """A temporary database has a URL for SQLAlchemy, whose account sees no other temporary database. The database is
    deleted at the end of the block, even if a client is still connected."""
    with mariadb_server.create_temporary_database() as url, mariadb_server.create_temporary_database() as other:
        engine = create_engine(url)
        with engine.begin() as conn:
            conn.execute(text("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB"))
            database_names = {row[0] for row in conn.execute(text("SHOW DATABASES"))}
    assert url.rpartition("/")[2] in database_names
    assert other.rpartition("/")[2] not in database_names
    engine.dispose()
    assert url.rpartition("/")[2] not in {row[0] for row in mariadb_server.sql("SHOW DATABASES")}


@pytest.mark.usefixtures("_requires_mariadb")
def test_a_committed_row_survives_a_kill() -> None:
    """A server is killed with SIGKILL and started again with the same port and data. The committed row exists, and
    the server has its own settings."""
    with start_private_mariadb(extra_config=["max-connections=50"]) as server:
        server.sql("CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (7)")
        server.kill()
        assert not server.is_alive
        assert not server.can_log_in()
        server.restart()
        assert server.sql("SELECT a, @@max_connections, @@innodb_flush_log_at_trx_commit FROM d.t") == ((7, 50, 1),)
        pid, folder = server.pid, server.run.folder
    assert has_ended(pid)
    assert not folder.exists()


@pytest.mark.usefixtures("_requires_mariadb")
def test_the_error_of_a_failed_start_has_the_servers_message() -> None:
    """If a server doesn't start, the error contains the server's own message."""
    unknown = start_private_mariadb(extra_config=["no-such-setting=1"])
    with pytest.raises(RuntimeError, match="unknown variable 'no-such-setting=1'"), unknown:
        pytest.fail("it started")


@pytest.mark.usefixtures("_requires_mariadb")
def test_a_client_verifies_the_servers_certificate() -> None:
    """A client verifies the server's certificate with the certificate authority that the test server provides. A
    wrong host name is refused.
    """
    with start_private_mariadb(tls=TlsProperties(names=("127.0.0.1",))) as server:
        options: dict[str, Any] = {
            "ssl_disabled": False,
            "ssl_ca": str(server.authority),
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        }
        with server.connect(**options) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
            assert cursor.fetchall() == (("Ssl_version", "TLSv1.3"),)
        with pytest.raises(pymysql.err.OperationalError, match="Hostname mismatch"):
            server.connect(host="localhost", **options)


# ---------------------------------------------------------------- Galera


@pytest.mark.nightly(
    "test_a_node_killed_during_a_race_causes_no_second_purchase compares the rows of all nodes after one was killed "
    "and is back"
)
def test_a_killed_node_returns_with_missed_rows(galera_alone: Cluster) -> None:
    """After one of three nodes is killed, the other two continue. The restarted node gets the rows that it has
    missed. An account may create triggers on a cluster too."""
    assert get_shared_galera() == galera_alone
    first, second, third = galera_alone.nodes
    with first.create_temporary_database() as url:
        third.kill()
        engine = create_engine(url)
        with engine.begin() as conn:
            conn.execute(text("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB"))
            conn.execute(text("CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = NEW.a + 1"))
            conn.execute(text("INSERT INTO t VALUES (1)"))
        engine.dispose()
        galera_alone.restart_nodes()
        assert [node.read_status("wsrep_cluster_size") for node in galera_alone.nodes] == ["3"] * 3
        assert all(node.has_sound_accounts() for node in galera_alone.nodes)
        here = f"SELECT a FROM `{url.rpartition('/')[2]}`.t"
        assert third.sql("SET wsrep_sync_wait = 7", here) == second.sql("SET wsrep_sync_wait = 7", here) == ((2,),)


# ---------------------------------------------------------------- Redis


@pytest.mark.usefixtures("_requires_redis")
def test_redis_hangs_while_paused_and_is_empty_after_a_kill() -> None:
    """A paused Redis server keeps connections open and sends no answer. After a kill and a restart it is empty."""
    from redis import Redis

    with start_private_redis() as server, Redis.from_url(server.url) as client:
        client.set("a", 1)
        server.pause()
        assert server.is_paused
        assert not server.is_ready()
        server.resume()
        assert client.get("a") == b"1"
        server.kill()
        assert not server.is_ready()
        server.restart()
        assert client.get("a") is None


# ---------------------------------------------------------------- a machine without them


@pytest.mark.parametrize("kind", ["mariadb", "galera", "redis"])
def test_a_missing_server_skips_a_test_or_fails_it_if_required(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a server program is missing, a test is skipped, or fails if servers are required. The reason names the
    missing program and how to install it."""
    monkeypatch.setattr(server_run, "TOOL_PATHS", "/nowhere")
    monkeypatch.setenv("CI", "")
    monkeypatch.delenv("CONSOLE_TEST_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"missing here: scripts/system_packages\.sh servers"):
        server_fixtures.require_server(kind)
    monkeypatch.setenv("CONSOLE_TEST_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="servers are required here"):
        server_fixtures.require_server(kind)


def test_a_given_server_address_may_be_percent_encoded() -> None:
    """The user and the password in the address of a configured server may be percent-encoded."""
    server = sql_server.make_server_of_url("mysql+pymysql://ad%40min:p%2Fw@127.0.0.1:3307/")
    assert (server.host, server.port, server.admin, server.password) == ("127.0.0.1", 3307, "ad@min", "p/w")
    assert server.admin_url == "mysql+pymysql://ad%40min:p%2Fw@127.0.0.1:3307/"
