"""Files and folders that only the current user of the machine can access, independent of the umask of the process;
and a lock between processes."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from console.domain.errors import ConsoleError, ErrorCode

SQLITE_SIDE_FILE_SUFFIXES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite creates beside a database file."""
GROUP_AND_OTHERS_MODE_BITS = stat.S_IRWXG | stat.S_IRWXO
_JUNCTION_TAG = 0xA0000003
"""The tag by which Windows marks a junction (IO_REPARSE_TAG_MOUNT_POINT)."""


def read_file_identity(path: str | Path) -> tuple[int, int] | None:
    """Return the device and the inode of the file; None if there is no such file."""
    try:
        status = os.stat(path)  # noqa: PTH116  # measured on the hot path: half the time of Path.stat
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def make_private_file(path: Path) -> bool:
    """Create an empty file with mode 0600. Return True. If the path exists already, change nothing and return False.
    If the path is a symbolic link to a missing file, create that file: SQLite would create it with the mode of the
    umask. Raises OSError if the file can't be created."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    except FileExistsError:
        target = os.path.realpath(path)
        return not path.exists() and target != str(path) and make_private_file(Path(target))
    try:
        if os.name != "nt":
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    return True


def make_private_folder(path: Path) -> None:
    """Create a folder with mode 0700. Missing parent folders are created with the default mode of the system; an
    existing folder isn't changed. Raises OSError if a folder can't be created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    path.chmod(0o700)


def is_open_to_others(path: Path) -> bool:
    """Return True if the file mode of this path gives any permission to the group or to others. Return False on
    Windows and for a missing path."""
    try:
        return os.name != "nt" and bool(path.stat().st_mode & GROUP_AND_OTHERS_MODE_BITS)
    except OSError:
        return False


def is_readable_by_everybody(file: Path) -> bool:
    """Return True if the modes of this file and of its folder let every account of the machine read the file. Return
    False on Windows and for a missing file."""
    try:
        return os.name != "nt" and bool(
            file.stat().st_mode & stat.S_IROTH and file.absolute().parent.stat().st_mode & stat.S_IXOTH
        )
    except OSError:
        return False


def can_this_process_write_to(path: Path) -> bool:
    """Return True if this process has the permission to write to the file or, for a folder, to create files in it."""
    mode = os.W_OK | os.X_OK if path.is_dir() else os.W_OK
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def has_free_descriptor() -> bool:
    """Return False if the operating system gives this process no further file descriptor now. SQLite and the clients
    of servers report this cause like a missing file or an unreachable server."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True


def is_on_read_only_file_system(path: Path) -> bool:
    """Return True if the file or folder is on a file system that is mounted read-only. Return False on Windows.
    Raises OSError for a missing path, except on Windows."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def find_unwritable_path(sqlite_file: Path) -> Path | None:
    """Return the first path that this process may not write to, among those that SQLite needs to open the file: its
    folder, the file itself, and the side files of SQLite (`-wal`, `-shm`, `-journal`). A path that doesn't exist is
    skipped. Return None if this process may write to all paths that exist."""
    side_files = (sqlite_file.with_name(sqlite_file.name + suffix) for suffix in SQLITE_SIDE_FILE_SUFFIXES)
    paths = (sqlite_file.parent, sqlite_file, *side_files)
    return next((path for path in paths if path.exists() and not can_this_process_write_to(path)), None)


@contextmanager
def hold_exclusive_file_lock(path: Path, busy_error: ConsoleError | None = None) -> Iterator[None]:
    """Context manager: hold a lock during the block, so that only one process of the desk at a time executes the
    block. `path` is the file of the lock. A process waits for the lock for at most 30 seconds; with `busy_error` it
    doesn't wait, and raises this error if another process holds the lock. The operating system releases the lock when
    its process ends. Raises ConsoleError `storage_full` if the lock can't be acquired.
    """
    import sqlite3

    try:
        make_private_folder(path.parent)
        make_private_file(path)
        lock_file = sqlite3.connect(path, timeout=30 if busy_error is None else 0, isolation_level=None)
        try:
            lock_file.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as refusal:
            lock_file.close()
            if busy_error is not None and refusal.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise busy_error from None
            raise
    except (OSError, sqlite3.Error) as cause:
        raise ConsoleError(ErrorCode.STORAGE_FULL, {"path": str(path), "reason": "not_writable"}) from cause
    try:
        yield
    finally:
        lock_file.close()


def is_link(path: Path) -> bool:
    """Return True for a symbolic link and, on Windows, for a junction: a link to a folder that each account may
    create, and that `Path.is_symlink` doesn't know."""
    if path.is_symlink():
        return True
    try:
        return getattr(path.lstat(), "st_reparse_tag", 0) == _JUNCTION_TAG  # a file has a tag on Windows only
    except OSError:
        return False


def is_ordinary_file(path: Path) -> bool:
    """Return True for an ordinary file, False for a folder, a device or a missing path. Raises OSError if the
    operating system can't read the file's type, for example because a folder of the path may not be read. (In this
    case, `Path.is_file` returns False from Python 3.14 on.)"""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def path_exists(path: Path) -> bool:
    """Return True if a file or folder has this path. Raises OSError if the operating system can't tell this, for
    example because a folder of the path may not be read. (In this case, `Path.exists` returns False from Python 3.14
    on.)"""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_folder(path: Path) -> bool:
    """Return True if the path is that of a folder. Return False also if the operating system can't tell this, for
    example because a folder of the path may not be read. (In this case, `Path.is_dir` raises OSError before Python
    3.14.)"""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def open_ordinary_file(path: Path) -> BufferedReader:
    """Open a file for reading bytes. Raises OSError if it can't be opened, or if it isn't an ordinary file: opening a
    pipe waits until another program writes to it, and a device may never end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    return os.fdopen(descriptor, "rb")
