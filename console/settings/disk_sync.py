"""Write files and folders to the disk, so that a power cut doesn't undo them."""

import errno
import os
import sys
from pathlib import Path

_SYNC_REFUSED_ERRORS = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EISDIR}
"""Numbers of errors by which a file server refuses to sync a folder."""


def sync_descriptor(descriptor: int) -> None:
    """Write the data of an open file or folder that are only in the system's memory to the disk (fsync). `descriptor`
    is its file descriptor. On macOS, fsync leaves the data in the cache of the disk; the call F_FULLFSYNC also writes
    that cache. Raises OSError if the data can't be written."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:  # some file systems, such as shares, don't know the call
            pass
    os.fsync(descriptor)


def sync_file(file: Path) -> None:
    """Write the file's content to the disk (fsync). Raises OSError if the file is missing or can't be written."""
    with file.open("rb+") as content:
        sync_descriptor(content.fileno())


def sync_folder(folder: Path) -> None:
    """Sync a folder to the disk, so that a new file in it is still there after a power cut. On Windows, do
    nothing. Some network shares (SMB) write the names themselves and refuse the call; this error is ignored. Raises
    another OSError if the folder can't be written."""
    if os.name == "nt":  # Windows can't sync a folder; its file systems keep a journal of file names
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync_descriptor(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _SYNC_REFUSED_ERRORS:
            raise
