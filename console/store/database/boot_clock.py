"""The clock that judges leases on SQLite: the machine's own uptime with the id of its boot.

Wall clocks jump and desks disagree; uptime only grows, goes on while the machine sleeps, and the boot id says when
it began anew. An expiry from another boot has passed.
"""

import time
import uuid
from functools import cache
from pathlib import Path

from console.domain.clock import SystemClock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """The same text for every process of one boot. Without the kernel's own: derived from when the boot began."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        began = round((SystemClock().now().timestamp() - uptime_ms() / 1000) / 60)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{uuid.getnode()}-{began}"))


def uptime_ms() -> int:
    """Milliseconds since boot, sleep included where the system tells."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime_ns(clock) // 1_000_000 if clock is not None else time.monotonic_ns() // 1_000_000
