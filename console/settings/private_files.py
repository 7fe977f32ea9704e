"""Create files and folders that only the present user of the machine can access, whatever umask the process has."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.domain.errors import ConsoleError, ErrorCode

GROUP_AND_OTHERS_MODE = stat.S_IRWXG | stat.S_IRWXO


def make_private_file(path: Path) -> bool:
    """Create an empty file with mode 0600. Return False and change nothing if the path exists already. Raises
    OSError.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    except FileExistsError:
        return False
    try:
        if os.name != "nt":
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    return True


def make_private_folder(path: Path) -> None:
    """Create a folder with mode 0700; missing parent folders get the default mode of the system. An existing folder
    stays as it is.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    path.chmod(0o700)


def is_open_to_others(path: Path) -> bool:
    """True if the mode of the path gives its group or others any permission; False on Windows and for a
    missing path.
    """
    try:
        return os.name != "nt" and bool(path.stat().st_mode & GROUP_AND_OTHERS_MODE)
    except OSError:
        return False


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock among the processes of the desk during the block. The system releases it if the process
    ends. `path` is the file of the lock. Raises storage_full.
    """
    import sqlite3

    try:
        make_private_folder(path.parent)
        make_private_file(path)
        lock_file = sqlite3.connect(path, timeout=30, isolation_level=None)
        lock_file.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as cause:
        raise ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(path), "reason": "not_writable"}) from cause
    try:
        yield
    finally:
        lock_file.close()
