"""Stores documents in a folder of one desk, or in a folder that a team shares over the network.

A file gets its final name after its content is complete and on the disk. It gets the name by a hard link, or by a
rename if the file system has no links; no other feature of the file system is needed. The owner and the permissions
of the folder decide who may read its files.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import unquote

from console.domain.error_reasons import DocumentsUnreachableReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reason import ForeignText
from console.domain.setting_problems import SettingProblem
from console.settings.disk_sync import sync_descriptor, sync_folder
from console.settings.private_files import is_link, is_on_read_only_file_system
from console.store.documents.storage_protocol import (
    LARGEST_DOCUMENT_BYTES,
    is_path_of_content,
    make_unreachable_error,
)

if TYPE_CHECKING:
    from console.domain.errors.details import StorageFullDetail

_OPEN_WITHOUT_SYMLINKS_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_MAX_SIMULTANEOUS_SUBFOLDER_CREATORS = 100
"""Number of processes and threads that may create the same folder at the same moment."""
_SUBFOLDER_PATTERN = re.compile(r"[0-9a-f]{2}")
_TEAM_FOLDER_BITS = stat.S_ISGID | stat.S_IWGRP
"""Bits of a folder whose group may write to it, and whose new files and folders belong to the same group."""
_DISCONNECTED_ERRORS = {
    errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH,
    errno.ENETDOWN, errno.ENODEV, errno.ENXIO,
}  # fmt: skip
"""Numbers of errors which mean that the connection to a shared folder is lost."""


class DocumentFolder:
    """Storage of documents in a folder of the file system; it implements `DocumentStorage`."""

    def __init__(self, url: str, has_documents: Callable[[], bool]) -> None:
        """`url`: `file:` with an absolute folder. `has_documents` returns True if the database has documents; then an
        empty folder is refused when it is used, because it must be the wrong folder. Raises ConsoleError
        `bad_profile` for another URL.
        """
        self.root = parse_root_folder(url)
        self.location = str(self.root)
        self._has_documents = has_documents

    def store(self, path: str, content: bytes) -> None:
        """Store the content under the path. A file with other content under this path is renamed first. Raises
        ConsoleError `storage_full` if the file can't be written; `documents_unreachable` if the shared folder isn't
        connected.
        """
        with self._translate_errors():
            folder = self._open_subfolder(path[:2])
            final_path = self.root / path
            if _is_intact_else_rename(final_path, path):
                return
            draft = folder / f".{token_hex(8)}.tmp"
            try:
                _write_draft(draft, content, self.root)
                _give_final_name(draft, final_path)
            finally:
                draft.unlink(missing_ok=True)
            sync_folder(folder)

    def read(self, path: str) -> bytes:
        """Return the content stored under the path, without a check of its SHA-256. Raises ConsoleError
        `documents_unreachable` if the shared folder isn't connected; FileNotFoundError or another OSError if the file
        is missing or can't be read.
        """
        try:
            return _read_content(self.root / path)
        except FileNotFoundError:
            self._require_mounted()
            raise
        except OSError as error:
            self._require_connected(error)
            raise

    def replace(self, path: str, content: bytes) -> None:
        """Store the content in the root folder under the name `path`, and replace the file that has this name. Raises
        ConsoleError `storage_full` if the file can't be written; `documents_unreachable` if the shared folder isn't
        connected.
        """
        with self._translate_errors():
            self._require_mounted()
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.root / f".{token_hex(8)}.tmp"
            try:
                _write_draft(draft, content, self.root)
                draft.replace(self.root / path)
            finally:
                draft.unlink(missing_ok=True)
            sync_folder(self.root)

    def delete(self, path: str) -> None:
        """Delete the file with this path, if it exists. Raises ConsoleError `storage_full` if the file can't be
        deleted; `documents_unreachable` if the connection to the shared folder is lost. If the share isn't mounted,
        nothing happens.
        """
        with self._translate_errors():
            (self.root / path).unlink(missing_ok=True)

    def list_all_paths(self) -> Iterator[str]:
        """Yield the path of every file in the subfolders of documents (two hexadecimal digits), also of files that
        aren't documents. Raises ConsoleError `documents_unreachable` if the shared folder isn't connected;
        `storage_full` if a folder can't be read.
        """
        with self._translate_errors():
            self._require_mounted()
            if not self.root.is_dir():
                return
            for folder in sorted(self.root.iterdir()):
                if _SUBFOLDER_PATTERN.fullmatch(folder.name) and not is_link(folder):
                    yield from sorted(f"{folder.name}/{file.name}" for file in folder.iterdir() if file.is_file())

    def check_writable(self) -> None:
        """Check, without writing, that a document could be stored now. Raises ConsoleError `storage_full` if the
        folder can't be written; `documents_unreachable` if the shared folder isn't connected.
        """
        with self._translate_errors():
            self._require_mounted()
            existing_folder = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
            if not existing_folder.is_dir() or not os.access(existing_folder, os.W_OK | os.X_OK):
                number = errno.EROFS if is_on_read_only_file_system(existing_folder) else errno.EACCES
                raise OSError(number, os.strerror(number))

    def _open_subfolder(self, name: str) -> Path:
        """Return the subfolder of that name; create it if it is missing. Raises OSError if a link has this name,
        because it may lead outside the root.
        """
        folder = self.root / name
        if is_link(folder):
            raise OSError(f"a link stands in place of the folder {name}")
        if not folder.is_dir():
            self._require_mounted()
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_subfolder(folder)
            sync_folder(self.root)
        return folder

    def _require_mounted(self) -> None:
        """Raise ConsoleError `documents_unreachable` if the root folder has no subfolder for documents although the
        database has some documents. Then the root is probably a mount point whose share isn't mounted, and documents
        stored in it would be missing later.
        """
        if not _has_subfolders(self.root) and self._has_documents():
            raise make_unreachable_error(self.location, DocumentsUnreachableReason.FOLDER_LOST)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Context manager: within the block, convert errors of the operating system to ConsoleError:
        `documents_unreachable` if the connection to the shared folder is lost, otherwise `storage_full`."""
        try:
            yield
        except OSError as error:
            self._require_connected(error)
            facts: StorageFullDetail = {"folder": self.location, "problem": ForeignText(error.strerror or str(error))}
            raise ConsoleError(ErrorCode.STORAGE_FULL, facts) from error

    def _require_connected(self, error: OSError) -> None:
        """Raise ConsoleError `documents_unreachable` if the error means that the connection to the shared folder is
        lost."""
        if error.errno in _DISCONNECTED_ERRORS:
            raise make_unreachable_error(
                self.location, DocumentsUnreachableReason.NOT_CONNECTED, error.strerror
            ) from error


def parse_root_folder(url: str) -> Path:
    """Return the folder that a URL `file:` names. Raises ConsoleError `bad_profile` for another URL."""
    scheme, colon, path_text = url.partition(":")
    path_text = unquote(path_text.removeprefix("//localhost").removeprefix("//"))
    if os.name == "nt":
        path_text = path_text.lstrip("/")
    folder = Path(path_text)
    if scheme != "file" or not colon or "\0" in path_text or not folder.is_absolute():
        raise ConsoleError(
            ErrorCode.BAD_PROFILE,
            {"variable": "CONSOLE_DOCUMENTS_URL", "problem": SettingProblem.INVALID_DOCUMENTS_URL},
        )
    return folder


def _has_subfolders(root: Path) -> bool:
    """True if the root folder has a subfolder for documents. It has one if a document was stored there. A person can
    also create a subfolder, so that the program accepts an empty root."""
    try:
        with os.scandir(root) as entries:
            return any(_SUBFOLDER_PATTERN.fullmatch(entry.name) for entry in entries)
    except FileNotFoundError:
        return False


def _make_subfolder(folder: Path) -> None:
    """Create a subfolder under a temporary name, let the team's group use it, then rename it to `folder`. So a
    crash can't leave a folder that only its creator can use."""
    draft = folder.with_name(f".{token_hex(8)}.tmp")
    inherits_team = folder.parent.stat().st_mode & _TEAM_FOLDER_BITS == _TEAM_FOLDER_BITS
    draft.mkdir(mode=0o770 if inherits_team else 0o700)
    try:
        _share_with_group(draft, folder.parent)
        draft.rename(folder)  # replaces at most another desk's folder that is still empty
    except OSError:
        draft.rmdir()
        if not folder.is_dir():
            raise


def _is_intact_else_rename(final_path: Path, path: str) -> bool:
    """True if the file `final_path` has the content with the SHA-256 that its document path `path` contains. If the
    file has other content, rename it to `….damaged-…` and return False. If there is no file, return False."""
    try:
        if is_path_of_content(path, _read_content(final_path)):
            return True
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _DISCONNECTED_ERRORS:
            raise
        # A link, a folder, an unreadable or too large file: not a document.
    final_path.rename(final_path.with_name(f"{final_path.name}.damaged-{token_hex(4)}"))
    return False


def _create_draft(draft: Path) -> int:
    """Create the file `draft` and return its descriptor. Another process that creates the same subfolder at the same
    moment (`_make_subfolder`) may replace the subfolder before the file is created; then this function tries again to
    create the file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN_WITHOUT_SYMLINKS_FLAGS
    for _ in range(_MAX_SIMULTANEOUS_SUBFOLDER_CREATORS):
        with suppress(FileNotFoundError):
            return os.open(draft, flags, 0o600)
    return os.open(draft, flags, 0o600)


def _write_draft(draft: Path, content: bytes, root: Path) -> None:
    """Create the file `draft` with the content, and write it to the disk (fsync). `root` is the folder of all
    documents."""
    with os.fdopen(_create_draft(draft), "wb") as file:
        file.write(content)
        file.flush()
        _share_with_group(draft, root)
        sync_descriptor(file.fileno())


def _share_with_group(file: Path, root: Path) -> None:
    """Give a new file or folder `file` the permissions of the folder of all documents.

    If the group of the folder `root` may write to it, a team shares the folder: then this group can read the new file
    or use the new folder. Otherwise only the present user can. An error of the file server is ignored.

    A folder that has these permissions already isn't changed: systemd refuses to a service of a dynamic user each
    change to a mode with the set-group-ID bit, but a new folder inherits this bit.
    """
    if os.name == "nt":
        return
    root_status, status = root.stat(), file.lstat()
    if not root_status.st_mode & stat.S_IWGRP:
        return
    with suppress(OSError):
        if status.st_gid != root_status.st_gid:
            os.chown(file, -1, root_status.st_gid)
        mode = 0o2770 if stat.S_ISDIR(status.st_mode) else 0o640
        if stat.S_IMODE(status.st_mode) != mode:
            file.chmod(mode)


def _give_final_name(draft: Path, final_path: Path) -> None:
    """Give the written file `draft` the name `final_path`. Do nothing if another process has stored a file of this
    name first, because that file has the same content.
    """
    try:
        final_path.hardlink_to(draft)
    except FileExistsError:
        return
    except OSError:
        # No hard links here (FAT, some shares). A rename may replace a file, but only one with the same content.
        draft.replace(final_path)


def _read_content(path: Path) -> bytes:
    """Return the content of a regular file of at most LARGEST_DOCUMENT_BYTES. Raises OSError for a link, for another
    kind of file, and for a larger file."""
    if is_link(path.parent):
        raise OSError("a link stands in place of the folder")
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_DOCUMENT_BYTES:
        raise OSError("not a stored document")
    with os.fdopen(os.open(path, os.O_RDONLY | _OPEN_WITHOUT_SYMLINKS_FLAGS), "rb") as file:
        return file.read(LARGEST_DOCUMENT_BYTES + 1)
