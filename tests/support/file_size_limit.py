"""Limits the size of the files that this process writes. A write beyond the limit fails as on a full disk."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit_file_sizes(max_bytes: int) -> Iterator[None]:
    """Within the block, this process can't make a file longer than `max_bytes` bytes. Other processes can."""
    import resource  # missing on Windows

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
