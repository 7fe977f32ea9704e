"""Documents in a folder: one desk's own, or one that a team shares over the network.

Files get their names only when they are whole and on the disk, by hard link, or by rename where there are no links;
nothing else is needed of the file system. Whoever's folder it is decides who reads: see `_share`.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote

from console.domain.errors import ConsoleError
from console.store.desk_db import sync_folder
from console.store.documents_shelf import LARGEST_BYTES, fits, unreachable

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_SHELF = re.compile(r"[0-9a-f]{2}")
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EISDIR}
_AWAY = {
    errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH,
    errno.ENETDOWN, errno.ENODEV, errno.ENXIO,
}  # fmt: skip


class Folder:
    """A Shelf in the file system."""

    def __init__(self, url: str, known: Callable[[], bool]) -> None:
        """`known`: whether the database knows of documents, so that an empty folder can't be the right one."""
        self.root = _root(url)
        self.place = str(self.root)
        self._known = known

    def keep(self, path: str, content: bytes) -> None:
        with self._troubles():
            folder = self._folder(path[:2])
            final = self.root / path
            if _holds(final, path):
                return
            draft = folder / f".{token_hex(8)}.tmp"
            try:
                _write(draft, content, self.root)
                _name(draft, final)
            finally:
                draft.unlink(missing_ok=True)
            _sync(folder)

    def get(self, path: str) -> bytes:
        try:
            return _whole(self.root / path)
        except FileNotFoundError:
            self._require_mounted()
            raise
        except OSError as trouble:
            self._refuse_away(trouble)
            raise

    def look(self) -> None:
        with self._troubles():
            self._require_mounted()
            there = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
            if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _folder(self, name: str) -> Path:
        """The folder of that name, made if need be; a link in its place would lead out, and is refused."""
        folder = self.root / name
        if folder.is_symlink():
            raise OSError(f"a link stands in place of the folder {name}")
        if not folder.is_dir():
            self._require_mounted()
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(folder)
            _sync(self.root)
        return folder

    def _require_mounted(self) -> None:
        """An empty folder where documents were is a mount point without its share: writing there would lose them."""
        if not _begun(self.root) and self._known():
            raise unreachable(self.place, "folder_lost")

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        try:
            yield
        except OSError as trouble:
            self._refuse_away(trouble)
            facts = {"folder": self.place, "problem": trouble.strerror or str(trouble)}
            raise ConsoleError("storage_full", facts) from trouble

    def _refuse_away(self, trouble: OSError) -> None:
        if trouble.errno in _AWAY:
            raise unreachable(self.place, "not_connected", trouble.strerror) from trouble


def _root(url: str) -> Path:
    scheme, colon, rest = url.partition(":")
    rest = unquote(rest.removeprefix("//localhost").removeprefix("//"))
    if os.name == "nt":
        rest = rest.lstrip("/")
    folder = Path(rest)
    if scheme != "file" or not colon or "\0" in rest or not folder.is_absolute():
        raise ConsoleError("bad_profile", {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "documents_form"})
    return folder


def _begun(root: Path) -> bool:
    """Whether documents have been kept here, or a person made the first folder by hand to begin anew."""
    try:
        with os.scandir(root) as entries:
            return any(_SHELF.fullmatch(entry.name) for entry in entries)
    except FileNotFoundError:
        return False


def _make(folder: Path) -> None:
    """Named only when colleagues may use it: a desk that dies in between must not lock them out of it for good."""
    draft = folder.with_name(f".{token_hex(8)}.tmp")
    draft.mkdir(mode=0o700)
    try:
        _share(draft, folder.parent)
        draft.rename(folder)  # at most over another desk's that is still empty
    except OSError:
        draft.rmdir()
        if not folder.is_dir():
            raise


def _holds(final: Path, path: str) -> bool:
    """Whether the content is there already. Anything else under its name is set aside, not destroyed."""
    try:
        if fits(path, _whole(final)):
            return True
    except FileNotFoundError:
        return False
    except OSError as trouble:
        if trouble.errno in _AWAY:
            raise
        # A link, a folder, an unreadable or oversized file: not ours.
    final.rename(final.with_name(f"{final.name}.damaged-{token_hex(4)}"))
    return False


def _write(draft: Path, content: bytes, root: Path) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        _share(draft, root)
        os.fsync(file.fileno())


def _share(made: Path, root: Path) -> None:
    """Let the root's group read what was made here, if that group may write to the root: then it is a team's folder.

    Otherwise it stays this person's alone. Where the server decides who reads, it may refuse, and nothing is lost.
    """
    if os.name == "nt":
        return
    team, mine = root.stat(), made.lstat()
    if not team.st_mode & stat.S_IWGRP:
        return
    with suppress(OSError):
        if mine.st_gid != team.st_gid:
            os.chown(made, -1, team.st_gid)
        made.chmod(0o2770 if stat.S_ISDIR(mine.st_mode) else 0o640)


def _name(draft: Path, final: Path) -> None:
    """Give the written file its name, unless another process was quicker with the same content."""
    try:
        final.hardlink_to(draft)
    except FileExistsError:
        return
    except OSError:
        # No hard links here (FAT, some shares). Renaming may replace, but only by the same content.
        draft.replace(final)


def _sync(folder: Path) -> None:
    """Put the names on the disk; some shares keep them at once and refuse to be asked."""
    try:
        sync_folder(folder)
    except OSError as trouble:
        if trouble.errno not in _NO_SYNC:
            raise


def _whole(path: Path) -> bytes:
    """All of a regular file of bearable size that no link stands for; OSError otherwise."""
    if path.parent.is_symlink():
        raise OSError("a link stands in place of the folder")
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_BYTES:
        raise OSError("not a stored document")
    with os.fdopen(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb") as file:
        return file.read(LARGEST_BYTES + 1)
