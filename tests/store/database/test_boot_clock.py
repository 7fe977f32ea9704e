"""Tests that the clock of the leases also counts the time during which the machine sleeps, on each operating
system.
"""

import time

import pytest

from console.services.guarded.operation import LeaseDeadline
from console.store.database import boot_clock

RAW_CLOCK = 4  # the number of CLOCK_MONOTONIC_RAW on macOS


def test_a_lease_ends_during_the_sleep_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS the clock of the leases uses CLOCK_MONOTONIC_RAW. macOS has no CLOCK_BOOTTIME, and Python's monotonic
    clock stops there while the machine sleeps.
    """
    slept_ms = 0

    def read_clock_ns(clock: int) -> int:
        assert clock == RAW_CLOCK
        return (5_000 + slept_ms) * 1_000_000

    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "CLOCK_MONOTONIC_RAW", RAW_CLOCK, raising=False)
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
