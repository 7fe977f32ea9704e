"""A server process that the supervisor of a test run owns. The class can start, kill, stop, pause and restart the
process. Its objects can be pickled, so that every process of the run can use the same server.
"""

import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from tests.support.server_run import ServerRun
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class ServerProcess(ABC):
    """A server process of the test run `run`: `command` starts it, and `name` identifies it in the run."""

    run: ServerRun
    name: str
    command: tuple[str, ...]

    @abstractmethod
    def is_ready(self) -> bool:
        """Return True if the server answers now."""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.run.start_process(self.name, self.command)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the server answers.

        Raises RuntimeError with the last lines of the server's log if the server ends instead.
        """
        wait_until(lambda: not self.is_alive or self.is_ready(), f"{self.name} to serve")
        if not self.is_alive:
            raise RuntimeError(f"{self.name} ended while starting:\n{self.read_last_output()}")

    def read_last_output(self) -> str:
        """Return the last lines of the server's output."""
        return self.run.read_last_output(self.name)

    @property
    def pid(self) -> int:
        return self.run.get_pid(self.name)

    @property
    def is_alive(self) -> bool:
        return self.run.get_exit_status(self.name) is None

    @property
    def is_paused(self) -> bool:
        """Return True if SIGSTOP has stopped all threads of the server."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat") if self.is_alive else ()
        states = {stat.read_text().rpartition(")")[2].split()[0] for stat in threads}
        return states == {"T"}

    def kill(self) -> None:
        """Kill the server with SIGKILL, and wait until it has ended."""
        self.run.send_signal(self.name, signal.SIGKILL)

    def stop(self) -> None:
        """Shut the server down with SIGTERM, as an administrator would, and wait until it has ended."""
        self.run.stop_process(self.name)

    def restart(self) -> None:
        """Start the server on the same port with the same data. If the server is running, shut it down first."""
        if self.is_alive:
            self.stop()
        self.start()

    def pause(self) -> None:
        """Stop the server with SIGSTOP, and wait until all its threads are stopped. The server's connections stay
        open without answers.
        """
        self.run.send_signal(self.name, signal.SIGSTOP)
        wait_until(lambda: self.is_paused, f"{self.name} to stand still")

    def resume(self) -> None:
        """Let a paused server continue."""
        self.run.send_signal(self.name, signal.SIGCONT)
