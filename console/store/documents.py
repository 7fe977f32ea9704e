"""PDF files kept by content: `ab/abcdef….pdf` under one folder, written whole or not at all, never replaced.

ConsoleError
├── storage_full               no room, read-only, or the folder can't be written
├── provider_answer_unusable   more than 32 MiB
├── not_found                  no such file, no path of ours, or not what was stored (detail.reason)
└── bad_profile                the documents URL is of no kind that this program knows
"""

import os
import re
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from urllib.parse import unquote

from console.domain.errors import ConsoleError
from console.store.desk_db import sync_folder

LARGEST_BYTES = 32 * 1024 * 1024
_OURS = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.pdf")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is on the disk: path relative to the documents root, sha256 in hex, length in bytes."""

    path: str
    sha256: str
    bytes: int


class Documents:
    """The documents folder. Safe from any thread and process: two that store the same content agree."""

    def __init__(self, url: str) -> None:
        """`file:` with an absolute folder, created when first used."""
        self.root = _folder(url)

    def put(self, content: bytes) -> Stored:
        """Keep the content, on the disk when this returns. The same content again changes nothing."""
        if len(content) > LARGEST_BYTES:
            raise ConsoleError("provider_answer_unusable", {"reason": "too_large"})
        digest = sha256(content).hexdigest()
        stored = Stored(f"{digest[:2]}/{digest}.pdf", digest, len(content))
        try:
            self._put(stored, content)
        except OSError as trouble:
            facts = {"folder": str(self.root), "problem": trouble.strerror or str(trouble)}
            raise ConsoleError("storage_full", facts) from trouble
        return stored

    def read(self, path: str) -> bytes:
        """The content under a path that `put` gave, checked against its name."""
        found = _OURS.fullmatch(path)
        if found is None:
            raise _absent(path, "not_ours")
        try:
            content = _whole(self.root / found[1] / f"{found[2]}.pdf")
        except FileNotFoundError:
            raise _absent(path, "missing") from None
        except OSError as trouble:
            raise _absent(path, "unreadable") from trouble
        if sha256(content).hexdigest() != found[2]:
            raise _absent(path, "damaged")
        return content

    def _put(self, stored: Stored, content: bytes) -> None:
        folder = self.root / stored.path[:2]
        _make_folder(folder)
        final = self.root / stored.path
        if _holds(final, stored.sha256):
            return
        draft = folder / f".{token_hex(8)}.tmp"
        try:
            _write(draft, content)
            _name(draft, final)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(folder)


def _folder(url: str) -> Path:
    scheme, colon, rest = url.partition(":")
    rest = unquote(rest.removeprefix("//localhost").removeprefix("//"))
    if os.name == "nt":
        rest = rest.lstrip("/")
    folder = Path(rest)
    if scheme != "file" or not colon or "\0" in rest or not folder.is_absolute():
        raise ConsoleError("bad_profile", {"variable": "CONSOLE_DOCUMENTS_URL", "problem": "documents_form"})
    return folder


def _make_folder(folder: Path) -> None:
    """Root and folder, for this person alone; a link in the folder's place would lead out, and is refused."""
    if folder.is_symlink():
        raise OSError(f"a link stands in place of the folder {folder.name}")
    if folder.is_dir():
        return
    root = folder.parent
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(root)


def _holds(final: Path, digest: str) -> bool:
    """Whether the content is there already. Anything else under its name is set aside, not destroyed."""
    try:
        if sha256(_whole(final)).hexdigest() == digest:
            return True
    except FileNotFoundError:
        return False
    except OSError:
        pass  # a link, a folder, an unreadable or oversized file: not ours
    final.rename(final.with_name(f"{final.name}.damaged-{token_hex(4)}"))
    return False


def _write(draft: Path, content: bytes) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _name(draft: Path, final: Path) -> None:
    """Give the written file its name, unless another process was quicker with the same content."""
    try:
        final.hardlink_to(draft)
    except FileExistsError:
        return
    except OSError:
        # No hard links here (FAT, some shares). Renaming may replace, but only by the same content.
        draft.replace(final)


def _whole(path: Path) -> bytes:
    """All of a regular file of bearable size that no link stands for; OSError otherwise."""
    if path.parent.is_symlink():
        raise OSError("a link stands in place of the folder")
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_BYTES:
        raise OSError("not a stored document")
    with os.fdopen(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb") as file:
        return file.read(LARGEST_BYTES + 1)


def _absent(path: str, reason: str) -> ConsoleError:
    return ConsoleError("not_found", {"document": path, "reason": reason})
