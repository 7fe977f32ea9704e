"""A ZIP that is there whole or not at all, byte for byte the same for the same contents, with a list of its parts."""

import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

FORM = "evidence-pack/1"
MANIFEST = "manifest.json"
_UNNAMED = getattr(os, "O_TMPFILE", 0)
# What could turn the reading order or drive a terminal, beyond what JSON escapes by itself.
_UNSEEN = (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: f"\\u{code:04x}" for code in _UNSEEN}
_EARLIEST, _LATEST = 1980, 2107  # years that a ZIP can write


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a pack: its name in it, its length in bytes and its hash."""

    name: str
    bytes: int
    sha256: str


class PackFile:
    """Writes the parts, one after the other, each dated `moment`: a fact, never the clock."""

    def __init__(self, file: BinaryIO, moment: datetime) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        utc = moment.astimezone(UTC)
        fits = _EARLIEST <= utc.year <= _LATEST
        self._date = utc.timetuple()[:6] if fits else (_EARLIEST, 1, 1, 0, 0, 0)
        self.parts: list[Part] = []

    @property
    def size(self) -> int:
        """Bytes of all parts so far, before they are packed."""
        return sum(part.bytes for part in self.parts)

    def add(self, name: str, chunks: Iterable[bytes]) -> Part:
        """Write a part. Names are ours: letters, digits and what our hashes are made of."""
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as part:
            for chunk in chunks:
                part.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.parts.append(Part(name, size, digest.hexdigest()))
        return self.parts[-1]

    def close(self, about: Mapping[str, object]) -> None:
        """Write the list of the parts with what there is to say `about` them, last, and end the ZIP."""
        files = [{"name": part.name, "bytes": part.bytes, "sha256": part.sha256} for part in self.parts]
        manifest: dict[str, object] = {"form": FORM, **about, "files": files}
        self.add(MANIFEST, [json_text({**manifest, "digest": digest_of(manifest)})])
        self._zip.close()


def digest_of(manifest: Mapping[str, object]) -> str:
    """The hash of a manifest, its own `digest` left out."""
    content = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def json_text(value: object) -> bytes:
    """JSON for people and programs: sorted, in UTF-8, with everything escaped that can't be seen."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.translate(_ESCAPED).encode("utf-8", "backslashreplace") + b"\n"


def json_list(values: Iterable[object]) -> Iterator[bytes]:
    """A JSON list written one value in a line, in flat memory."""
    yield b"["
    for place, value in enumerate(values):
        line = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).translate(_ESCAPED)
        yield (b",\n" if place else b"\n") + line.encode("utf-8", "backslashreplace")
    yield b"\n]\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that has no name yet."""

    file: BinaryIO
    final: Path
    named: Path | None

    def sha256(self) -> tuple[int, str]:
        """Length and hash of all that was written."""
        self.file.flush()
        self.file.seek(0)
        digest = hashlib.file_digest(self.file, "sha256")  # type: ignore[arg-type]  # a binary file; the stub asks for its buffer
        return self.file.tell(), digest.hexdigest()

    def publish(self) -> None:
        """Give it its name, once it is on the disk. Raises FileExistsError: nothing is ever replaced."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if self.named is None:
            os.link(f"/proc/self/fd/{self.file.fileno()}", self.final, src_dir_fd=0, follow_symlinks=True)
        else:
            _name(self.named, self.final)


@contextmanager
def draft(final: Path) -> Iterator[Draft]:
    """A new file beside `final`, for the owner alone; gone at the end unless it was published, also after a kill
    where the system has files without a name.
    """
    if final.is_symlink() or final.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))
    handle, named = _opened(final)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield Draft(file, final, named)
    finally:
        if named is not None:
            with suppress(OSError):
                named.unlink()


def _opened(final: Path) -> tuple[int, Path | None]:
    if _UNNAMED:
        with suppress(OSError):  # not every file system has files without a name
            return os.open(final.parent, _UNNAMED | os.O_RDWR, 0o600), None
    named = final.with_name(f".{token_hex(8)}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(named, flags, 0o600), named


def _name(named: Path, final: Path) -> None:
    try:
        final.hardlink_to(named)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (FAT, some shares): the name is taken first, then filled in one step
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        named.replace(final)
