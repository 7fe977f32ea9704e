"""Lets this process use up its file descriptors."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_DESCRIPTORS_ABOVE_USED_ONES = 50


@contextmanager
def use_up_descriptors() -> Iterator[None]:
    """Within the block, this process can open no further file or socket. Open files and connections stay usable."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used[0] + _DESCRIPTORS_ABOVE_USED_ONES, limits[1]))
    try:
        with suppress(OSError):  # too many open files
            while True:
                used.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in used:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
