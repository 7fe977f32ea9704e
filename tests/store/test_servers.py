"""The private servers that other tests rest on: they start, die and come back as told, and leave nothing behind."""

from pathlib import Path

from sqlalchemy import create_engine, text

from tests.support.servers import Server, mariadb, shared_mariadb


def test_a_run_shares_one_server(mariadb_server: Server) -> None:
    """Whoever asks gets the one that runs already."""
    assert shared_mariadb() == mariadb_server
    assert shared_mariadb().pid == mariadb_server.pid


def test_an_owner_has_a_database_of_its_own(mariadb_server: Server) -> None:
    """The address is SQLAlchemy's; the owner makes tables there and sees no other database."""
    with mariadb_server.database() as url, mariadb_server.database() as other:
        engine = create_engine(url)
        with engine.begin() as conn:
            conn.execute(text("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB"))
            seen = {row[0] for row in conn.execute(text("SHOW DATABASES"))}
        engine.dispose()
    assert url.rpartition("/")[2] in seen
    assert other.rpartition("/")[2] not in seen


def test_what_was_committed_survives_a_kill() -> None:
    """kill -9, then a start on the same port and data: the committed row is there."""
    with mariadb(extra_config=["max-connections=50"]) as server:
        server.sql("CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (7)")
        server.kill()
        assert not server.alive
        assert not server.answers()
        server.restart()
        assert server.sql("SELECT a, @@max_connections, @@innodb_flush_log_at_trx_commit FROM d.t") == ((7, 50, 1),)
        pid, folder = server.pid, server.run.folder
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()
