"""Clock of the leases on SQLite: the uptime of this machine, and the id of the boot from which the uptime is
counted.

Wall clocks jump and differ between desks. Uptime only increases, and it includes sleep. A lease that was written
with the id of an earlier boot counts as expired.
"""

import time
import uuid
from functools import cache
from pathlib import Path

from console.domain.clock import SystemClock

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
"""The file in which Linux gives the random id of the present boot."""
# Linux, then macOS. CLOCK_MONOTONIC_RAW excludes sleep on Linux, and CLOCK_BOOTTIME is missing on macOS.
_NAMES_OF_CLOCKS_WITH_SLEEP = ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC_RAW")


@cache
def read_boot_id() -> str:
    """Return the id of the present boot: the same text for every process of one boot.

    Source: `/proc/sys/kernel/random/boot_id` (Linux). On other systems a UUID derived from the network node and the
    minute of the boot.
    """
    try:
        return _BOOT_ID_FILE.read_text().strip()
    except OSError:
        boot_minute = round((SystemClock().now().timestamp() - read_uptime_ms() / 1000) / 60)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{uuid.getnode()}-{boot_minute}"))


def read_uptime_ms() -> int:
    """Return the milliseconds since this machine was started, including the time during which the machine slept."""
    return read_uptime_us() // 1000


def read_uptime_us() -> int:
    """Return the microseconds since this machine was started, including the time during which the machine slept. On
    macOS, Python's monotonic clock stops during sleep, so this function reads a clock of the system that includes
    sleep. On Windows, Python's clock includes sleep."""
    clock = next((getattr(time, name) for name in _NAMES_OF_CLOCKS_WITH_SLEEP if hasattr(time, name)), None)
    return (time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)) // 1000
