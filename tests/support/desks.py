"""Whole desks for tests: a home, a database, the sandbox as provider, and a clock that can be moved."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from console.app import Console, open_console
from console.domain.clock import SystemClock
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support import compiled

NUMBERS = ("1180301018771", "5010001192707", "7010001065142", "7000012050002", "4011001098993", "7123456789012")
"""Public test vectors with valid check digits."""
STORE_KEY = "a-store-key-for-tests"
NOWHERE = "http://127.0.0.1:9"

compiled.share()  # whoever makes desks makes many


class MovedClock(SystemClock):
    """The machine's clock, moved by `offset`, until it is told to stand still; sleeping is real but short."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self._still: datetime | None = None
        self._still_monotonic: float | None = None

    def now(self) -> datetime:
        return (self._still or datetime.now(UTC)) + self.offset

    def monotonic(self) -> float:
        return super().monotonic() if self._still_monotonic is None else self._still_monotonic

    def stand_still(self) -> None:
        """From now on only `offset` moves it: what is due later isn't, however slow the machine."""
        self._still = datetime.now(UTC)

    @contextmanager
    def both_standing(self) -> Iterator[None]:
        """Inside the block only `offset` moves the time of day, and nothing moves the monotonic one: no second passes
        between two lines of a test, however slow the machine.
        """
        self._still_monotonic = super().monotonic()
        try:
            with self.standing():
                yield
        finally:
            self._still_monotonic = None

    @contextmanager
    def standing(self) -> Iterator[datetime]:
        """Inside the block only `offset` moves it. Yields the machine's time."""
        before, moment = self._still, self._still or datetime.now(UTC)
        self._still = moment
        try:
            yield moment
        finally:
            self._still = before


def environment(home: Path, url: str, **extra: str) -> dict[str, str]:
    """Return the environment variables of a desk on the sandbox; `extra` names are without their `CONSOLE_`."""
    told = {
        "HOME": str(home),
        "ALARMBOX_URL": url,
        "OPERATOR": "op-a",
        "LANGUAGE": "en",
        "TIME_SCALE": "20",
        "SECRET_STORE_KEY": STORE_KEY,
        "SECRET_ALARMBOX_CLIENT_ID": "sandbox-client",
        "SECRET_ALARMBOX_CLIENT_SECRET": "sandbox-secret",
        "SECRET_ALARMBOX_REFRESH_TOKEN": "sandbox-refresh-1",
    } | extra
    return {f"CONSOLE_{name}": value for name, value in told.items()}


@cache
def _template() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A database as the migrations leave it, made once per process."""
    folder = tempfile.TemporaryDirectory(prefix="console-template-")
    home = Path(folder.name)
    with open_console(Settings.load(environment(home, NOWHERE))):
        pass
    return folder, home / "console.db"


def template() -> Path:
    """An empty database, to be copied."""
    return _template()[1]


def have_database(home: Path) -> None:
    """The home of a desk with its database, empty: to make it takes the migrations longer than many a test."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (home / "console.db").exists():
        shutil.copy(template(), home / "console.db")


@contextmanager
def opened(home: Path, sandbox: Sandbox, clock: SystemClock | None = None, **extra: str) -> Iterator[Console]:
    """A console on `home`, which gets a database if it has none; closed at the end."""
    if "DATABASE_URL" not in extra:
        have_database(home)
    with open_console(Settings.load(environment(home, sandbox.url, **extra)), clock) as console:
        yield console
