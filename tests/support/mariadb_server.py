"""A private MariaDB server: small, but as durable as a real one is set."""

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.kept import Kept
from tests.support.server_run import Run, current_run, free_port, give
from tests.support.sql_server import SqlServer
from tests.support.tls import Tls, issue

_TEMPLATE = "mariadb-template"

_SETTINGS = (
    *("bind-address=127.0.0.1", "skip-name-resolve", "skip-log-bin", "skip-symbolic-links"),
    *("character-set-server=utf8mb4", "default-storage-engine=InnoDB", "max-connections=400"),
    *("innodb-flush-log-at-trx-commit=1", "secure-timestamp=YES"),
    *("innodb-buffer-pool-size=96M", "innodb-log-file-size=32M", "innodb-buffer-pool-dump-at-shutdown=OFF"),
    *("innodb-buffer-pool-load-at-startup=OFF", "performance-schema=OFF", "key-buffer-size=1M"),
    *("table-definition-cache=4000", "table-open-cache=8000"),
)


@dataclass(frozen=True)
class Server(SqlServer, Kept):
    """`authority`: the file a client needs to trust its certificate; None: it offers no TLS."""

    authority: Path | None = None

    def ready(self) -> bool:
        return self.answers()


def start(run: Run, name: str, extra: Sequence[str] = (), tls: Tls | None = None) -> Server:
    """A running server of its own in this run; `extra` are lines of its configuration."""
    data, password = fresh_data(run, name)
    port = free_port()
    files = issue(run, name, tls) if tls else None
    lines = (f"datadir={data}", *(files.lines() if files else ()), *extra)
    command = ("mariadbd", f"--defaults-file={configuration(run, name, port, lines)}")
    authority = files.authority if files else None
    server = Server(run, name, command, "127.0.0.1", port, "admin", password, authority)
    server.start()
    return server


def configuration(run: Run, name: str, port: int, lines: Sequence[str]) -> Path:
    """The server's option file. Sockets and temporary files lie beside its data."""
    scratch = run.own_folder(f"{name}.tmp")
    places = (f"port={port}", f"socket={scratch}/sock", f"pid-file={scratch}/pid", f"tmpdir={scratch}")
    return run.write(f"{name}.cnf", "\n".join(("[mysqld]", *_SETTINGS, *places, *lines, "")))


def fresh_data(run: Run, name: str) -> tuple[Path, str]:
    """A data folder with nobody but the administrator in it, and the administrator's password. A server of one's own
    gets a copy from the run that this process belongs to: to initialise one takes half a second of processor time.
    """
    common = current_run() or run
    common.ready()
    with common.locked(_TEMPLATE):
        template, secret = common.folder / _TEMPLATE, common.folder / f"{_TEMPLATE}.secret"
        if not secret.exists():
            password = secrets.token_urlsafe(12)
            _initialise(common, password)
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
