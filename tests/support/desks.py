"""Whole desks for tests: a home, a database, the sandbox as provider, and a clock that can be moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.app import Console, open_console
from console.domain.clock import SystemClock
from console.sandbox.server import Sandbox
from console.settings import Settings

NUMBERS = ("1180301018771", "5010001192707", "7010001065142", "7000012050002", "4011001098993", "7123456789012")
"""Public test vectors with valid check digits."""
STORE_KEY = "a-store-key-for-tests"


class MovedClock(SystemClock):
    """The machine's clock, moved by `offset`, until it is told to stand still; sleeping is real but short."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self._still: datetime | None = None

    def now(self) -> datetime:
        return (self._still or datetime.now(UTC)) + self.offset

    def stand_still(self) -> None:
        """From now on only `offset` moves it: what is due later isn't, however slow the machine."""
        self._still = datetime.now(UTC)


def environment(home: Path, url: str, **extra: str) -> dict[str, str]:
    """What a desk on the sandbox is told; `extra` names are without their `CONSOLE_`."""
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


@contextmanager
def opened(home: Path, sandbox: Sandbox, clock: SystemClock | None = None, **extra: str) -> Iterator[Console]:
    """A console on `home`, closed at the end."""
    with open_console(Settings.load(environment(home, sandbox.url, **extra)), clock) as console:
        yield console
