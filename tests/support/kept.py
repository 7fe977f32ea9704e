"""A server process that a run's keeper keeps: started, killed, stopped, paused and brought back by whoever holds it.

It travels by pickle: every process of the run may hold the same one.
"""

import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from tests.support.server_run import Run
from tests.support.waiting import until


@dataclass(frozen=True)
class Kept(ABC):
    """`command` starts the process that `run` knows by `name`."""

    run: Run
    name: str
    command: tuple[str, ...]

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves right now."""

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.run.start(self.name, self.command)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Raises `RuntimeError` with the server's own words when it ends instead of serving."""
        until(lambda: not self.alive or self.ready(), f"{self.name} to serve")
        if not self.alive:
            raise RuntimeError(f"{self.name} ended while starting:\n{self.words()}")

    def words(self) -> str:
        """The end of its log."""
        return self.run.words(self.name)

    @property
    def pid(self) -> int:
        return self.run.pid(self.name)

    @property
    def alive(self) -> bool:
        return self.run.code(self.name) is None

    @property
    def paused(self) -> bool:
        """Whether it is stopped in the middle of what it did, with all of its threads."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat") if self.alive else ()
        states = {stat.read_text().rpartition(")")[2].split()[0] for stat in threads}
        return states == {"T"}

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
        """SIGSTOP: its connections stay open and hang. It stands still when this returns."""
        self.run.signal(self.name, signal.SIGSTOP)
        until(lambda: self.paused, f"{self.name} to stand still")

    def resume(self) -> None:
        """Go on after a pause."""
        self.run.signal(self.name, signal.SIGCONT)
