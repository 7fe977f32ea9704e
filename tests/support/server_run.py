"""One run of tests and its shared servers: a folder, a supervisor (see server_supervisor.py) that owns the server
processes, and locks between the processes of the run.

The owner of a run (pytest's controller, a benchmark, a soak) publishes the run in its environment, so that its child
processes belong to the run. The folder and the supervisor are created with the first server.
"""

import fcntl
import json
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import server_supervisor
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

SERVER_RUN_VARIABLE = "TESTS_SERVER_RUN"
_NEEDED_FREE_BYTES = 3 << 30
_MEMORY_FOLDER = Path("/dev/shm")
# Below the ports that the kernel hands out by itself: nobody's outgoing connection takes the port of a killed server.
_PORT_RANGE = range(15_000, 30_000)
TOOL_PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class ServerRun:
    """A test run. `folder` is the run's folder, and `owner` the id of the process with whose end the run ends."""

    folder: Path
    owner: int

    def prepare_folder_and_supervisor(self) -> None:
        """Create the folder and start the supervisor, unless they exist. Several processes may call this method at
        the same time.
        """
        self.folder.mkdir(mode=0o711, exist_ok=True)
        self.folder.chmod(0o711)
        with self.hold_lock("supervisor"):
            if not (self.folder / server_supervisor.SOCKET_NAME).exists():
                command = [sys.executable, "-I", "-S", server_supervisor.__file__, str(self.folder), str(self.owner)]
                subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def hold_lock(self, name: str, *, is_shared: bool = False) -> Iterator[None]:
        """Hold a lock with this name during the block. All processes of the run use the same locks. The lock of a
        process that crashes is released. With `is_shared` several processes can hold the lock.
        """
        with (self.folder / f"{name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
            yield

    def send_to_supervisor(self, do: str, name: str = "", **more: Any) -> dict[str, Any]:
        """Send the request `do` about the server `name` to the supervisor, and return the supervisor's answer. `more`
        are further fields of the request.

        Raises RuntimeError with the supervisor's message if the request fails.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / server_supervisor.SOCKET_NAME))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps({"do": do, "name": name, **more}) + "\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline())
        if "trouble" in answer:
            raise RuntimeError(answer["trouble"])
        return answer

    def start_process(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a process with this name. Its environment has `environment` and a few fixed variables, and nothing of
        the present process. If the present process runs as root, the new one runs as an unprivileged user.
        """
        words = [str(word) for word in command]
        around = {"PATH": TOOL_PATHS, "LC_ALL": "C", "TZ": "UTC", **(environment or {})}
        self.send_to_supervisor("start", name, command=words, environment=around, user=find_unprivileged_user())

    def send_signal(self, name: str, number: int) -> None:
        """Send a signal to the process with this name. After SIGKILL, return when the process has ended."""
        self.send_to_supervisor("signal", name, number=int(number))

    def get_exit_status(self, name: str) -> int | None:
        """Return the exit status of the process, or None while it runs. A negative status is the signal that ended
        it.
        """
        code: int | None = self.send_to_supervisor("state", name)["code"]
        return code

    def get_pid(self, name: str) -> int:
        """Return the process id, even after the process has ended."""
        return int(self.send_to_supervisor("state", name)["pid"])

    def wait_for_end(self, name: str, seconds: float = MAX_WAIT_SECONDS) -> int:
        """Wait until the process has ended by itself, and return its exit status.

        Raises AssertionError if the process runs longer than `seconds`.
        """
        wait_until(lambda: self.get_exit_status(name) is not None, f"the end of {name}", seconds)
        return self.get_exit_status(name) or 0

    def stop_process(self, name: str) -> None:
        """Send SIGTERM to the process, and wait until it has ended."""
        self.send_signal(name, signal.SIGTERM)
        self.wait_for_end(name)

    def read_last_output(self, name: str) -> str:
        """Return the last 2,000 characters of the process's output."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.out").read_text(errors="replace")[-2_000:]
        return ""

    def make_folder(self, name: str) -> Path:
        """Create an empty folder below the run's folder that belongs to the servers' user, and return its path."""
        made = self.folder / name
        made.mkdir(mode=0o700)
        give_to_server_user(made)
        return made

    def write_file(self, name: str, text: str) -> Path:
        """Write a file in the run's folder that only the servers' user may read, and return its path."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text)
        give_to_server_user(file)
        return file

    def end(self) -> None:
        """Kill all servers of the run and remove its folder. The method may be called again."""
        try:
            handle = os.pidfd_open(int((self.folder / server_supervisor.PID_FILE_NAME).read_text()))
        except (FileNotFoundError, ProcessLookupError):
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        try:
            with suppress(OSError, json.JSONDecodeError):  # it was on its way out already
                self.send_to_supervisor("end")
            select.select([handle], [], [], MAX_WAIT_SECONDS)
        finally:
            os.close(handle)
        shutil.rmtree(self.folder, ignore_errors=True)


def make_run(place: Path | None = None) -> ServerRun:
    """Return a run that ends with this process, without creating its folder. `place` is the parent of the folder."""
    name = f"console-servers-{secrets.token_hex(6)}"
    return ServerRun((place or find_folder_with_free_space()) / name, os.getpid())


def find_current_run() -> ServerRun | None:
    """Return the run to which this process belongs, or None if it belongs to none."""
    owner, _, folder = os.environ.get(SERVER_RUN_VARIABLE, "").partition(":")
    return ServerRun(Path(folder), int(owner)) if owner else None


def publish_run(run: ServerRun | None) -> None:
    """Let this process and its future child processes belong to this run by setting an environment variable. None
    means no run.
    """
    if run:
        os.environ[SERVER_RUN_VARIABLE] = f"{run.owner}:{run.folder}"
    else:
        os.environ.pop(SERVER_RUN_VARIABLE, None)


def find_folder_with_free_space() -> Path:
    """Return the folder in memory (/dev/shm) if it is writable and has enough free space, otherwise the system's
    folder for temporary files.
    """
    if os.access(_MEMORY_FOLDER, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY_FOLDER).free > _NEEDED_FREE_BYTES:
        return _MEMORY_FOLDER
    return Path(tempfile.gettempdir())


def find_unprivileged_user() -> tuple[int, int] | None:
    """Return (user id, group id) of the user as which the servers run, or None if they run as the present user. The
    servers refuse to run as root.
    """
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    return 65_534, 65_534


def give_to_server_user(path: Path) -> None:
    """Make the servers' user the owner of this file or folder and of everything below it."""
    user = find_unprivileged_user()
    if user:
        for below in (path, *path.rglob("*")):
            os.chown(below, *user)


def find_free_port() -> int:
    """Return a free port of 127.0.0.1."""
    while True:
        port = secrets.choice(_PORT_RANGE)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
