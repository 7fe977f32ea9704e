"""Write files and folders to the disk, so that a power cut doesn't undo them."""

import os
import sys


def sync_descriptor(descriptor: int) -> None:
    """Write an open file or folder to the disk (fsync). On macOS, fsync leaves the data in the cache of the disk; the
    call F_FULLFSYNC empties this cache. Raises OSError if it can't be written."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:  # some file systems, such as shares, don't know the call
            pass
    os.fsync(descriptor)
