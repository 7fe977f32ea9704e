"""Clock of the leases on SQLite: the uptime of this machine, and the id of the boot from which the uptime is
counted.

Wall clocks jump and differ between desks. Uptime only increases, and it includes sleep. A lease that was written
with the id of an earlier boot counts as expired.
"""

import sys
import time
import uuid
from functools import cache
from pathlib import Path

from console.domain.clock import SystemClock

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
"""The file in which Linux gives the random id of the present boot."""
# Linux, then macOS. CLOCK_MONOTONIC_RAW excludes sleep on Linux, and CLOCK_BOOTTIME is missing on macOS.
_NAMES_OF_CLOCKS_WITH_SLEEP = ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC_RAW")


_WINDOWS_TIME_OF_DAY = 3
"""The number by which a call of NtQuerySystemInformation requests SYSTEM_TIMEOFDAY_INFORMATION."""


@cache
def read_boot_id() -> str:
    """Return the id of the present boot: the same text for every process of one boot, also if the wall clock is set
    meanwhile. A process that got another id would take over the live leases of the others.

    Sources: `/proc/sys/kernel/random/boot_id` (Linux), the sysctl `kern.bootsessionuuid` (macOS), the time of the
    boot in NtQuerySystemInformation (Windows). If a system has none of them, the id is a UUID derived from the
    network node and the minute of the boot. Only this id can change with the wall clock.
    """
    if sys.platform == "darwin":
        system_boot_id = _read_macos_boot_id()
    elif sys.platform == "win32":
        system_boot_id = _read_windows_boot_id()
    else:
        system_boot_id = _read_linux_boot_id()
    if system_boot_id:
        return system_boot_id
    boot_minute = round((SystemClock().now().timestamp() - read_uptime_ms() / 1000) / 60)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{uuid.getnode()}-{boot_minute}"))


def _read_linux_boot_id() -> str | None:
    try:
        return _BOOT_ID_FILE.read_text().strip()
    except OSError:
        return None


def _read_macos_boot_id() -> str | None:
    """Return the UUID that the kernel of macOS makes at each boot; None if the call fails."""
    import ctypes

    uuid_text = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(uuid_text))
    status = ctypes.CDLL(None).sysctlbyname(
        b"kern.bootsessionuuid", uuid_text, ctypes.byref(size), None, ctypes.c_size_t(0)
    )
    return uuid_text.value.decode("ascii") if status == 0 else None


def _read_windows_boot_id() -> str | None:
    """Return a text with the time of the boot less its bias, in units of 100 ns; None if the call fails. Windows adds
    each change of the wall clock to the time of the boot and to its bias, so their difference stays the same.
    """
    import ctypes

    # BootTime, CurrentTime, TimeZoneBias, TimeZoneId with four unused bytes, BootTimeBias, SleepTimeBias
    values = (ctypes.c_int64 * 6)()
    ntdll = ctypes.windll.ntdll  # type: ignore[attr-defined]  # on Windows it exists
    status = ntdll.NtQuerySystemInformation(_WINDOWS_TIME_OF_DAY, ctypes.byref(values), ctypes.sizeof(values), None)
    boot_time, boot_time_bias = values[0], values[4]
    return f"windows-{boot_time - boot_time_bias}" if status == 0 else None


def read_uptime_ms() -> int:
    """Return the milliseconds since this machine was started, including the time during which the machine slept."""
    return read_uptime_us() // 1000


def read_uptime_us() -> int:
    """Return the microseconds since this machine was started, including the time during which the machine slept. On
    macOS, Python's monotonic clock stops during sleep, so this function reads a clock of the system that includes
    sleep. On Windows, Python's clock includes sleep."""
    clock = next((getattr(time, name) for name in _NAMES_OF_CLOCKS_WITH_SLEEP if hasattr(time, name)), None)
    return (time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)) // 1000


def is_recent(begun_at_ms: int, seconds: float) -> bool:
    """True if at most `seconds` seconds have passed since the uptime `begun_at_ms` (milliseconds)."""
    return read_uptime_ms() - begun_at_ms <= seconds * 1000
