"""A private MariaDB server with little memory, and with the durable settings that a production server needs."""

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.server_process import ServerProcess
from tests.support.server_run import ServerRun, find_current_run, find_free_port, give_to_server_user
from tests.support.sql_server import SqlServer
from tests.support.tls import TlsProperties, issue_certificate

_TEMPLATE_NAME = "mariadb-template"

_SERVER_SETTINGS = (
    *("bind-address=127.0.0.1", "skip-name-resolve", "skip-log-bin", "skip-symbolic-links"),
    *("character-set-server=utf8mb4", "default-storage-engine=InnoDB", "max-connections=400"),
    *("innodb-flush-log-at-trx-commit=1", "secure-timestamp=YES"),
    *("innodb-buffer-pool-size=96M", "innodb-log-file-size=32M", "innodb-buffer-pool-dump-at-shutdown=OFF"),
    *("innodb-buffer-pool-load-at-startup=OFF", "performance-schema=OFF", "key-buffer-size=1M"),
    *("table-definition-cache=4000", "table-open-cache=8000"),
)


@dataclass(frozen=True)
class Server(SqlServer, ServerProcess):
    """A running MariaDB server. `authority` is the file with the certificate authority that a client needs to verify
    the server's certificate. It is None if the server has no TLS.
    """

    authority: Path | None = None

    def is_ready(self) -> bool:
        return self.can_log_in()


def start_mariadb(run: ServerRun, name: str, extra: Sequence[str] = (), tls: TlsProperties | None = None) -> Server:
    """Start a server with this name in the test run, and return it when it answers. `extra` are further lines of its
    configuration. `tls` describes its certificate (None: no TLS).
    """
    data, password = make_data_folder(run, name)
    port = find_free_port()
    files = issue_certificate(run, name, tls) if tls else None
    lines = (f"datadir={data}", *(files.format_option_lines() if files else ()), *extra)
    command = ("mariadbd", f"--defaults-file={write_configuration(run, name, port, lines)}")
    authority = files.authority if files else None
    server = Server(run, name, command, "127.0.0.1", port, "admin", password, authority)
    server.start()
    return server


def write_configuration(run: ServerRun, name: str, port: int, lines: Sequence[str]) -> Path:
    """Write the server's option file, and return the file's path. `lines` are further lines after the common
    settings. The server's socket and temporary files are in a folder next to its data.
    """
    scratch = run.make_folder(f"{name}.tmp")
    places = (f"port={port}", f"socket={scratch}/sock", f"pid-file={scratch}/pid", f"tmpdir={scratch}")
    return run.write_file(f"{name}.cnf", "\n".join(("[mysqld]", *_SERVER_SETTINGS, *places, *lines, "")))


def make_data_folder(run: ServerRun, name: str) -> tuple[Path, str]:
    """Create a data folder with the account `admin`, which has all rights. Return the folder and the password of the
    account. The folder is a copy of a template, which each test run creates once, because initialising a folder takes
    half a second of processor time."""
    common = find_current_run() or run
    common.prepare_folder_and_supervisor()
    with common.hold_lock(_TEMPLATE_NAME):
        template, secret = common.folder / _TEMPLATE_NAME, common.folder / f"{_TEMPLATE_NAME}.secret"
        if not secret.exists():
            password = secrets.token_urlsafe(12)
            _initialise_template(common, password)
            secret.touch(mode=0o600)
            secret.write_text(password)
    data = run.folder / name
    shutil.copytree(template, data)
    give_to_server_user(data)
    return data, secret.read_text()


def _initialise_template(run: ServerRun, password: str) -> None:
    """Initialise the template of the data folders with this password of the administrator."""
    template, scratch = run.make_folder(_TEMPLATE_NAME), run.make_folder(f"{_TEMPLATE_NAME}.tmp")
    accounts = run.write_file(
        f"{_TEMPLATE_NAME}.sql",
        "DELETE FROM mysql.global_priv WHERE User = '';\n"
        "FLUSH PRIVILEGES;\n"
        f"CREATE USER admin@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n",
    )
    options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=32M")
    places = (f"--datadir={template}", f"--tmpdir={scratch}", f"--extra-file={accounts}")
    run.start_process(_TEMPLATE_NAME, ("mariadb-install-db", "--no-defaults", *places, *options))
    if run.wait_for_end(_TEMPLATE_NAME) != 0:
        raise RuntimeError(f"mariadb-install-db failed:\n{run.read_last_output(_TEMPLATE_NAME)}")
    accounts.unlink()
