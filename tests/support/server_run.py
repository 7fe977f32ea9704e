"""One run of tests and the servers it shares: a folder, a keeper of its processes, and locks between the workers.

Whoever owns a run (pytest's controller, a benchmark, a soak) publishes it in the environment, so that its children
join it. The folder and the keeper come to be with the first server.
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

from tests.support import keeper
from tests.support.waiting import PATIENCE_SECONDS, until

VARIABLE = "TESTS_SERVER_RUN"
_ROOM_BYTES = 3 << 30
_FAST = Path("/dev/shm")
# Below the ports that the kernel hands out by itself: nobody's outgoing connection takes the port of a killed server.
_PORTS = range(15_000, 30_000)
TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Run:
    """`owner`: the process it ends with."""

    folder: Path
    owner: int

    def ready(self) -> None:
        """The folder and the keeper, if they aren't there yet. Safe to call from several processes at once."""
        self.folder.mkdir(mode=0o711, exist_ok=True)
        self.folder.chmod(0o711)
        with self.locked("keeper"):
            if not (self.folder / keeper.SOCKET).exists():
                command = [sys.executable, "-I", "-S", keeper.__file__, str(self.folder), str(self.owner)]
                subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def locked(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """A lock among all processes of the run; a process that dies lets go of it."""
        with (self.folder / f"{name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield

    def ask(self, do: str, name: str = "", **more: Any) -> dict[str, Any]:
        """The keeper's answer. Raises `RuntimeError` with the keeper's words if it can't do so."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.folder / keeper.SOCKET))
            with line.makefile("rw") as stream:
                stream.write(json.dumps({"do": do, "name": name, **more}) + "\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline())
        if "trouble" in answer:
            raise RuntimeError(answer["trouble"])
        return answer

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """A process under this name, as an unprivileged user where this one is root."""
        words = [str(word) for word in command]
        around = {"PATH": TOOLS, "LC_ALL": "C", "TZ": "UTC", **(environment or {})}
        self.ask("start", name, command=words, environment=around, user=unprivileged())

    def signal(self, name: str, number: int) -> None:
        """Send it a signal; after SIGKILL it is gone."""
        self.ask("signal", name, number=int(number))

    def code(self, name: str) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        code: int | None = self.ask("state", name)["code"]
        return code

    def pid(self, name: str) -> int:
        """Its process id, also once it has ended."""
        return int(self.ask("state", name)["pid"])

    def finish(self, name: str, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait until it has ended by itself: its exit status."""
        until(lambda: self.code(name) is not None, f"the end of {name}", seconds)
        return self.code(name) or 0

    def stop(self, name: str) -> None:
        """SIGTERM, and wait for a clean end."""
        self.signal(name, signal.SIGTERM)
        self.finish(name)

    def words(self, name: str) -> str:
        """The end of what it printed."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.out").read_text(errors="replace")[-2_000:]
        return ""

    def own_folder(self, name: str) -> Path:
        """A new, empty folder that belongs to the user the servers run as."""
        made = self.folder / name
        made.mkdir(mode=0o700)
        give(made)
        return made

    def write(self, name: str, text: str) -> Path:
        """A file in the run's folder that the servers alone may read."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text)
        give(file)
        return file

    def end(self) -> None:
        """Kill all its servers and remove the folder; returns when nothing is left. May be called again."""
        try:
            handle = os.pidfd_open(int((self.folder / keeper.PID).read_text()))
        except (FileNotFoundError, ProcessLookupError):
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        try:
            with suppress(OSError, json.JSONDecodeError):  # it was on its way out already
                self.ask("end")
            select.select([handle], [], [], PATIENCE_SECONDS)
        finally:
            os.close(handle)
        shutil.rmtree(self.folder, ignore_errors=True)


def new_run(place: Path | None = None) -> Run:
    """A run that ends with this process; nothing exists of it yet. `place`: the folder to make its folder in."""
    name = f"console-servers-{secrets.token_hex(6)}"
    return Run((place or roomy_place()) / name, os.getpid())


def current_run() -> Run | None:
    """The run that this process belongs to."""
    owner, _, folder = os.environ.get(VARIABLE, "").partition(":")
    return Run(Path(folder), int(owner)) if owner else None


def publish(run: Run | None) -> None:
    """From now on this process and the children it starts belong to the run; None: to no run."""
    if run:
        os.environ[VARIABLE] = f"{run.owner}:{run.folder}"
    else:
        os.environ.pop(VARIABLE, None)


def roomy_place() -> Path:
    """Memory where it may be written and has room, the folder for temporary files otherwise."""
    if os.access(_FAST, os.W_OK | os.X_OK) and shutil.disk_usage(_FAST).free > _ROOM_BYTES:
        return _FAST
    return Path(tempfile.gettempdir())


def unprivileged() -> tuple[int, int] | None:
    """User and group the servers run as: None is this one; the servers refuse to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    return 65_534, 65_534


def give(path: Path) -> None:
    """Make it the servers' own, with all below."""
    user = unprivileged()
    if user:
        for below in (path, *path.rglob("*")):
            os.chown(below, *user)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
