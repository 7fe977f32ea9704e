"""Create files that get their name only when they are complete. Until then, other processes can't find the file under
its final name. If the writing fails, the file is deleted."""

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from console.settings.disk_sync import sync_descriptor, sync_folder

_UNNAMED_FILE_FLAG = getattr(os, "O_TMPFILE", 0)
_RENAME_NOREPLACE = 1
"""Flag of Linux's renameat2: an existing file isn't replaced."""
_RENAME_EXCL = 4
"""Flag of macOS's renamex_np: an existing file isn't replaced."""
_AT_FDCWD = -100
"""Linux's number for the working directory, from which renameat2 reads a relative path."""


@dataclass(frozen=True, slots=True)
class UnfinishedFile:
    """A file that is being written and doesn't have its final name yet. `final_path` is the path that the method
    `publish` gives to the file. `temporary_path` is the file's present path, None if the file has no name yet.
    """

    file: BinaryIO
    final_path: Path
    temporary_path: Path | None

    def compute_length_and_sha256(self) -> tuple[int, str]:
        """Return the length in bytes and the hexadecimal SHA-256 of the content written so far."""
        self.file.flush()
        self.file.seek(0)
        digest = hashlib.file_digest(self.file, "sha256")  # type: ignore[arg-type]  # a binary file; the stub asks for its buffer
        return self.file.tell(), digest.hexdigest()

    def write_to_disk(self) -> None:
        """Write the content to the disk (fsync). Raises OSError if it can't be written."""
        self.file.flush()
        sync_descriptor(self.file.fileno())

    def publish(self) -> None:
        """Write the content to the disk, give the file its final name, and write the name to the disk. Raises
        FileExistsError if the name exists already, and another OSError if the content or the name can't be written;
        then no file has the final name. A file that had a name is closed, because Windows renames no open file."""
        self.write_to_disk()
        if self.temporary_path is None:
            os.link(f"/proc/self/fd/{self.file.fileno()}", self.final_path, src_dir_fd=0, follow_symlinks=True)
        else:
            self.file.close()
            _move_to_final_path(self.temporary_path, self.final_path)
        try:
            sync_folder(self.final_path.parent)
        except OSError:  # reported as failed, so the next try may have this name
            with suppress(OSError):
                self.final_path.unlink()
            raise


@contextmanager
def open_unfinished_file(final_path: Path) -> Iterator[UnfinishedFile]:
    """Context manager: yield a new file in the folder of `final_path`; only its owner can read it. If the block ends
    without calling `publish`, the file is deleted. On systems with unnamed files (O_TMPFILE), the file disappears
    even if the process is killed.

    Raises FileExistsError if `final_path` exists, and another OSError if the folder doesn't exist or no file can be
    written into it.
    """
    if final_path.is_symlink() or final_path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final_path))
    handle, temporary_path = _create_unfinished_file(final_path)
    try:
        with os.fdopen(handle, "w+b") as file:
            if os.name != "nt":  # the umask may have taken the rights of the owner, too
                os.fchmod(handle, 0o600)
            yield UnfinishedFile(file, final_path, temporary_path)
    finally:
        if temporary_path is not None:
            with suppress(OSError):
                temporary_path.unlink()


def _create_unfinished_file(final_path: Path) -> tuple[int, Path | None]:
    """Create a file for the owner alone in the folder of `final_path`. Return its descriptor and its path; the
    path is None for a file without a name."""
    if _UNNAMED_FILE_FLAG:
        with suppress(OSError):  # Some file systems don't support unnamed files.
            return os.open(final_path.parent, _UNNAMED_FILE_FLAG | os.O_RDWR, 0o600), None
    temporary_path = final_path.with_name(f".{token_hex(8)}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(temporary_path, flags, 0o600), temporary_path


def _move_to_final_path(temporary_path: Path, final_path: Path) -> None:
    """Give the written file its final name in one step, so that a process that is killed meanwhile leaves no other
    file under this name. Raises FileExistsError if the name exists, and another OSError if it can't be given."""
    try:
        _rename_to_new_name(temporary_path, final_path)
        return
    except FileExistsError:
        raise
    except OSError:  # the operating system or the file system (NFS) has no such call
        pass
    try:
        final_path.hardlink_to(temporary_path)
    except FileExistsError:
        raise
    except OSError:  # no hard links either (some shares): create the name, then replace the file
        os.close(os.open(final_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            temporary_path.replace(final_path)
        except OSError:
            with suppress(OSError):  # the empty file would refuse the next try
                final_path.unlink()
            raise


def _rename_to_new_name(path: Path, new_path: Path) -> None:
    """Rename a file without replacing another one. Python has no function for that, except on Windows. Raises
    FileExistsError if `new_path` exists, and another OSError if the file can't be renamed in this way."""
    if os.name == "nt":
        path.rename(new_path)
        return
    import ctypes  # imported here, so that the first frame of a window doesn't wait for it

    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(path), os.fsencode(new_path)
    try:
        if sys.platform == "darwin":
            status = library.renamex_np(*paths, _RENAME_EXCL)
        else:
            status = library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_NOREPLACE)
    except AttributeError:  # an older C library
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path), None, str(new_path))
