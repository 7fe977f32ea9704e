"""Desks in the process of the test that are made in milliseconds: they have a copied database, a provider in memory,
and a clock that only the test moves.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.domain.calendar_days import JST
from console.providers.credit_checks.provider import CreditCheckProvider
from console.settings.settings import Settings
from tests.support.desks import UNUSED_URL, copy_empty_database, make_environment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, OpenTransactionCounter

START_TIME = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class ManualClock:
    """A clock for the time of day, for waits and for leases, which only the test moves. A sleep moves the clock and
    returns at once. `move_listeners` has functions by a key of the caller's choice; each move of the clock calls them
    with its duration.
    """

    def __init__(self) -> None:
        self.move_listeners: dict[Path, Callable[[timedelta], None]] = {}
        self._at = START_TIME

    @property
    def at(self) -> datetime:
        return self._at

    @at.setter
    def at(self, new_time: datetime) -> None:
        step, self._at = new_time - self._at, new_time
        for listener in self.move_listeners.values():
            listener(step)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START_TIME).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=max(seconds, 0.001))

    def today(self) -> date:
        return self.at.astimezone(JST).date()

    def uptime_ms(self) -> int:
        return 1_000_000 + int(self.monotonic() * 1000)


@contextmanager
def use_lease_clock(clock: ManualClock) -> Iterator[None]:
    """Within the block, the expiry of leases on SQLite follows `clock`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("console.store.database.boot_clock.read_uptime_ms", clock.uptime_ms)
        yield


@contextmanager
def make_quick_folder() -> Iterator[Path]:
    """Yield a temporary folder. It is in memory if the system has a folder in memory, because the tests don't need
    durable files.
    """
    memory = Path("/dev/shm")  # a fast place where there is one
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="console-quick-", dir=place) as name:
        yield Path(name)


def open_quick_desk(
    home: Path, alarmbox: CreditCheckProvider, clock: ManualClock | None = None, **extra: str
) -> Console:
    """Open a console with the home folder `home`, which gets an empty database if it has none. The caller must close
    the console. If the provider is an InMemoryAlarmBox, a call of it inside a transaction of this console fails the
    test. `extra` are further settings without their prefix `CONSOLE_`.
    """
    if "DATABASE_URL" in extra:
        home.mkdir(exist_ok=True)
    else:
        copy_empty_database(home)
    console = open_console(Settings.load(make_environment(home, UNUSED_URL, **extra)), clock, alarmbox)
    if isinstance(alarmbox, InMemoryAlarmBox):
        alarmbox.transaction_counters.append(OpenTransactionCounter(console.database))
    return console
