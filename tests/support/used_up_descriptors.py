"""Lets this process use up its file descriptors."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_DESCRIPTOR_LIMIT = 4
"""Limit within the block: no new descriptor may have this number or a larger one. The descriptors below it are open
until the process ends (standard streams, the channel of a test worker). So no number becomes free if something is
closed meanwhile, for example by another thread. `poll` accepts at most this number of descriptors.
"""


@contextmanager
def use_up_descriptors() -> Iterator[None]:
    """Within the block, this process can open no further file or socket. Open files and connections stay usable."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTOR_LIMIT, limits[1]))
    try:
        with suppress(OSError):  # too many open files
            while True:
                used.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in used:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
