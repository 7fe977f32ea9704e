"""Tests that the clock of the leases also counts the time during which the machine sleeps, and that a changed wall
clock doesn't change the id of the boot, on each operating system.
"""

import ctypes
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.domain.clock import SystemClock
from console.services.guarded.operation import LeaseDeadline
from console.store.database import boot_clock

RAW_CLOCK_ID = 4  # the number of CLOCK_MONOTONIC_RAW on macOS


def test_a_lease_ends_during_the_sleep_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS the clock of the leases uses CLOCK_MONOTONIC_RAW. macOS has no CLOCK_BOOTTIME, and Python's monotonic
    clock stops there while the machine sleeps.
    """
    slept_ms = 0

    def read_clock_ns(clock: int) -> int:
        assert clock == RAW_CLOCK_ID
        return (5_000 + slept_ms) * 1_000_000

    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "CLOCK_MONOTONIC_RAW", RAW_CLOCK_ID, raising=False)
    monkeypatch.setattr(time, "clock_gettime_ns", read_clock_ns, raising=False)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 5_000_000_000)
    deadline = LeaseDeadline(boot_clock.read_uptime_ms(), 60)
    slept_ms = 59_000
    assert deadline.is_live()
    slept_ms = 61_000
    assert not deadline.is_live()


def test_a_system_without_boot_clocks_uses_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, which has neither CLOCK_BOOTTIME nor CLOCK_MONOTONIC_RAW, the clock of the leases uses Python's
    monotonic clock, which counts the sleep there.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC_RAW"):
        monkeypatch.delattr(time, name, raising=False)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 7_000_000_000)
    assert boot_clock.read_uptime_ms() == 7_000


@pytest.fixture
def forget_boot_id() -> Iterator[None]:
    """Let `read_boot_id` ask the system again, before and after the test."""
    boot_clock.read_boot_id.cache_clear()
    yield
    boot_clock.read_boot_id.cache_clear()


def read_boot_id_at(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of the boot, as a process reads it that starts at the time `moment` of the wall clock."""
    monkeypatch.setattr(SystemClock, "now", lambda _clock: moment)
    boot_clock.read_boot_id.cache_clear()
    return boot_clock.read_boot_id()


def test_macos_gives_the_id_of_the_boot(forget_boot_id: None, monkeypatch: pytest.MonkeyPatch) -> None:
    boot_session = "5E6FFEBE-0000-4000-8000-000000000001"

    def answer_sysctl(name: bytes, buffer: Any, size: Any, new: None, new_size: Any) -> int:
        assert (name, new, new_size.value) == (b"kern.bootsessionuuid", None, 0)
        assert size._obj.value > len(boot_session)
        buffer.value = boot_session.encode()
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace(sysctlbyname=answer_sysctl))
    for year in (2026, 2027):
        assert read_boot_id_at(datetime(year, 1, 1, tzinfo=UTC), monkeypatch) == boot_session


def test_windows_gives_the_time_of_the_boot(forget_boot_id: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sets the clock by an hour. Windows adds the hour to the time of the boot and to its bias, so processes
    that start before and after it read the same id. After the next boot the id is another one.
    """
    hour = 36_000_000_000
    state = {"boot": 133_000_000_000_000_000, "bias": 0}

    def answer_query(information_class: int, values: Any, size: int, _returned_size: None) -> int:
        assert (information_class, size) == (3, 48)
        values._obj[0], values._obj[4] = state["boot"], state["bias"]
        return 0

    monkeypatch.setattr(sys, "platform", "win32")
    ntdll = SimpleNamespace(NtQuerySystemInformation=answer_query)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(ntdll=ntdll), raising=False)
    first_id = read_boot_id_at(datetime(2026, 1, 1, 9, tzinfo=UTC), monkeypatch)
    state.update(boot=state["boot"] + hour, bias=hour)
    assert read_boot_id_at(datetime(2026, 1, 1, 10, tzinfo=UTC), monkeypatch) == first_id
    state.update(boot=state["boot"] + 24 * hour, bias=0)
    assert read_boot_id_at(datetime(2026, 1, 2, 10, tzinfo=UTC), monkeypatch) != first_id


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd"])
def test_a_system_that_gives_no_boot_id_gets_a_computed_one(
    forget_boot_id: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str
) -> None:
    """If the call of the system fails, or there is none, the id is computed from the time of the boot, so that the
    leases of an earlier boot have ended.
    """
    monkeypatch.setattr(boot_clock, "_BOOT_ID_FILE", tmp_path / "missing")
    monkeypatch.setattr(boot_clock, "read_uptime_ms", lambda: 60_000)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace(sysctlbyname=lambda *_: -1))
    ntdll = SimpleNamespace(NtQuerySystemInformation=lambda *_: -1)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(ntdll=ntdll), raising=False)
    ids = [read_boot_id_at(datetime(2026, 1, day, tzinfo=UTC), monkeypatch) for day in (1, 1, 2)]
    assert ids[0]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)
