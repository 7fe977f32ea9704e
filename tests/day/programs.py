"""Workers and the simulated providers as processes, which a separate supervisor process of the test run starts and
ends.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from sys import executable
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.server_process import ServerProcess
from tests.support.server_run import ServerRun, find_free_port

ROOT = Path(__file__).resolve().parents[2]
_ANSWER_SECONDS = 2.0
_FIRST_ERROR_STATUS = 500


@dataclass(frozen=True)
class Program(ServerProcess):
    """A process of the console with an HTTP server. `health_path` is a path of this server that answers when the
    process is ready.
    """

    port: int
    health_path: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.start_without_waiting()
        self.wait_until_ready()

    def start_without_waiting(self) -> None:
        """Start the process without waiting until it is ready. It runs as the present user, because it reads folders
        of this user.
        """
        around = {**os.environ, **self.environment, "PYTHONPATH": str(ROOT)}
        self.run.send_to_supervisor("start", self.name, command=list(self.command), environment=around, user=None)

    def is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}{self.health_path}", timeout=_ANSWER_SECONDS) as answer:
                return bool(answer.status < _FIRST_ERROR_STATUS)
        except HTTPError as refusal:
            return refusal.code < _FIRST_ERROR_STATUS
        except OSError:
            return False

    def end(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit status."""
        with suppress(RuntimeError):
            self.run.send_signal(self.name, 15)
        return self.run.wait_for_end(self.name)


def make_worker(run: ServerRun, name: str, environment: Mapping[str, str]) -> Program:
    """Return a worker (not started yet) with these environment variables."""
    port = find_free_port()
    command = (executable, "-m", "console", "--json", "worker")
    return Program(run, name, command, port, "/healthz", {**environment, "CONSOLE_RECEIVER_PORT": str(port)})


def make_sandbox(run: ServerRun, home: Path) -> Program:
    """Return the sandbox (not started yet) with this home folder."""
    port = find_free_port()
    command = (executable, "-m", "console", "--json", "sandbox", "--port", str(port))
    return Program(run, "sandbox", command, port, "/_sandbox/state", {"CONSOLE_HOME": str(home)})
