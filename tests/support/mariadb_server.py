"""A private MariaDB server: small, but as durable as a real one is set."""

import secrets
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.server_run import Run, free_port, give
from tests.support.sql_server import SqlServer
from tests.support.waiting import until

START_SECONDS = 60.0
_TEMPLATE = "mariadb-template"

_SETTINGS = (
    *("bind-address=127.0.0.1", "skip-name-resolve", "skip-log-bin", "skip-symbolic-links"),
    *("character-set-server=utf8mb4", "default-storage-engine=InnoDB", "max-connections=400"),
    *("innodb-flush-log-at-trx-commit=1", "secure-timestamp=YES"),
    *("innodb-buffer-pool-size=96M", "innodb-log-file-size=32M", "innodb-buffer-pool-dump-at-shutdown=OFF"),
    *("innodb-buffer-pool-load-at-startup=OFF", "performance-schema=OFF", "key-buffer-size=1M"),
)


@dataclass(frozen=True, slots=True)
class Server(SqlServer):
    """`run` keeps the process `name`; `command` starts it again."""

    run: Run
    name: str
    command: tuple[str, ...]

    def start(self) -> None:
        """Start it and wait until one can sign in."""
        self.run.start(self.name, self.command)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Fails with the server's own words when it ended instead."""
        until(lambda: self.answers() or self.run.code(self.name) is not None, f"{self.name} to answer", START_SECONDS)
        if self.run.code(self.name) is not None:
            raise RuntimeError(f"{self.name} ended while starting:\n{self.words()}")

    def words(self) -> str:
        """The end of its error log."""
        return self.run.words(self.name)

    @property
    def pid(self) -> int:
        return self.run.pid(self.name)

    @property
    def alive(self) -> bool:
        return self.run.code(self.name) is None

    def kill(self) -> None:
        """kill -9; it is gone when this returns."""
        self.run.signal(self.name, signal.SIGKILL)

    def stop(self) -> None:
        """A clean end, as an administrator's."""
        self.run.stop(self.name)

    def restart(self) -> None:
        """Start it on the same port and the same data; stopped cleanly first where it still runs."""
        if self.alive:
            self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: its connections stay open and hang."""
        self.run.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        self.run.signal(self.name, signal.SIGCONT)


def start(run: Run, name: str, extra: Sequence[str] = ()) -> Server:
    """A running server of its own in this run; `extra` are lines of its configuration."""
    data, password = fresh_data(run, name)
    port = free_port()
    command = ("mariadbd", f"--defaults-file={configuration(run, name, port, (f'datadir={data}', *extra))}")
    server = Server("127.0.0.1", port, "admin", password, run, name, command)
    server.start()
    return server


def configuration(run: Run, name: str, port: int, lines: Sequence[str]) -> Path:
    """The server's option file. Sockets and temporary files lie beside its data."""
    scratch = run.own_folder(f"{name}.tmp")
    places = (f"port={port}", f"socket={scratch}/sock", f"pid-file={scratch}/pid", f"tmpdir={scratch}")
    return run.write(f"{name}.cnf", "\n".join(("[mysqld]", *_SETTINGS, *places, *lines, "")))


def fresh_data(run: Run, name: str) -> tuple[Path, str]:
    """A data folder with nobody but the administrator in it, and the administrator's password."""
    with run.locked(_TEMPLATE):
        template, secret = run.folder / _TEMPLATE, run.folder / f"{_TEMPLATE}.secret"
        if not secret.exists():
            password = secrets.token_urlsafe(12)
            _initialise(run, password)
            secret.touch(mode=0o600)
            secret.write_text(password)
    data = run.folder / name
    shutil.copytree(template, data)
    give(data)
    return data, secret.read_text()


def _initialise(run: Run, password: str) -> None:
    """The template: initialised once, copied for each server."""
    template, scratch = run.own_folder(_TEMPLATE), run.own_folder(f"{_TEMPLATE}.tmp")
    accounts = run.write(
        f"{_TEMPLATE}.sql",
        "DELETE FROM mysql.global_priv WHERE User = '';\n"
        "FLUSH PRIVILEGES;\n"
        f"CREATE USER admin@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n",
    )
    options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=32M")
    places = (f"--datadir={template}", f"--tmpdir={scratch}", f"--extra-file={accounts}")
    run.start(_TEMPLATE, ("mariadb-install-db", "--no-defaults", *places, *options))
    if run.finish(_TEMPLATE) != 0:
        raise RuntimeError(f"mariadb-install-db failed:\n{run.words(_TEMPLATE)}")
    accounts.unlink()
