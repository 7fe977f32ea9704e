"""Makes the C library return large freed blocks of memory to the operating system at once.

A credit check's PDF of 16 MB comes as a JSON text of 22 MB and is decoded in background threads. When glibc frees the
first such block, it takes all later blocks up to that size from its heaps, and doesn't return the memory of freed
blocks in these heaps. After a few re-fetches, a window had 48 MB of freed memory.
"""

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD_PARAMETER = -3  # from malloc.h
_MIN_LARGE_BLOCK_BYTES = 1 << 20


def enable_return_of_large_blocks() -> bool:
    """Make the C library return each freed block of 1 MB or more to the operating system at once, from now on. Return
    True, or False on a system whose C library has no such setting.
    """
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):  # another C library than glibc
        return bool(ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD_PARAMETER, _MIN_LARGE_BLOCK_BYTES))
    return False
