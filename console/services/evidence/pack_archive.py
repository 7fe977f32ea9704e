"""Write the files of an evidence pack or bundle into a ZIP file with a manifest. The same contents always give the
same bytes."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

PACK_FORMAT_NAME = "evidence-pack/1"
BUNDLE_FORMAT_NAME = "evidence-bundle/1"
MANIFEST_NAME = "manifest.json"
# Characters that can change the direction of text or control a terminal, and that `json.dumps` doesn't escape.
_INVISIBLE_CODE_POINTS = (
    *range(0x7F, 0xA0),
    0x61C,
    0x200E,
    0x200F,
    0x2028,
    0x2029,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_ESCAPE_BY_CODE_POINT = {code: f"\\u{code:04x}" for code in _INVISIBLE_CODE_POINTS}
_FIRST_ZIP_YEAR = 1980
"""First year of a date that a ZIP file can store."""
_LAST_ZIP_YEAR = 2107
"""Last year of a date that a ZIP file can store."""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The name of a file in an evidence pack or bundle, its length in bytes and its SHA-256."""

    name: str
    bytes: int
    sha256: str


class PackWriter:
    """Writes the files of an evidence pack or bundle one by one into a ZIP. Each file gets the date `file_date`, or
    the date of the last call of `set_file_date`. The date must be a time stored with the record and not the present
    time, so that the same facts give the same bytes. `format_name` is the name of the format in the manifest."""

    def __init__(self, file: BinaryIO, file_date: datetime, format_name: str = PACK_FORMAT_NAME) -> None:
        self._zip, self._format_name = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED), format_name
        self.set_file_date(file_date)
        self.file_digests: list[FileDigest] = []

    def set_file_date(self, file_date: datetime) -> None:
        """Set the date of the files that are added to the ZIP from now on. A date that a ZIP file can't store
        becomes 1 January 1980."""
        utc_date = file_date.astimezone(UTC)
        is_storable_year = _FIRST_ZIP_YEAR <= utc_date.year <= _LAST_ZIP_YEAR
        self._zip_date = utc_date.timetuple()[:6] if is_storable_year else (_FIRST_ZIP_YEAR, 1, 1, 0, 0, 0)

    @property
    def size_bytes(self) -> int:
        """The sum of the lengths of the written files before compression, in bytes."""
        return sum(part.bytes for part in self.file_digests)

    def add_file(self, name: str, chunks: Iterable[bytes]) -> FileDigest:
        """Write one file with the content `chunks` into the ZIP and return its digest. `name` must consist of fixed
        words, ids and hashes only, never of text from people or providers."""
        info = zipfile.ZipInfo(name, self._zip_date)
        info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as zip_entry:
            for chunk in chunks:
                zip_entry.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.file_digests.append(FileDigest(name, size, digest.hexdigest()))
        return self.file_digests[-1]

    def close_with_manifest(self, further_fields: Mapping[str, object]) -> None:
        """Write the manifest as the last file and close the ZIP. The manifest has the fields `further_fields` (for
        example the pack's record and the time of its last event) and the list of the files with their digests."""
        files = [{"name": part.name, "bytes": part.bytes, "sha256": part.sha256} for part in self.file_digests]
        manifest: dict[str, object] = {"form": self._format_name, **further_fields, "files": files}
        self.add_file(MANIFEST_NAME, [encode_json({**manifest, "digest": compute_digest(manifest)})])
        self.close()

    def close(self) -> None:
        """Close the ZIP, even if it has no manifest yet. A repeated call changes nothing."""
        self._zip.close()


def compute_digest(manifest: Mapping[str, object]) -> str:
    """Return the SHA-256 of the manifest of an evidence pack or bundle, without its field `digest`, which contains
    this SHA-256."""
    content = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def encode_json(value: object) -> bytes:
    """Return the value as JSON in UTF-8, with sorted keys. The characters of `_INVISIBLE_CODE_POINTS` are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.translate(_ESCAPE_BY_CODE_POINT).encode("utf-8", "backslashreplace") + b"\n"


def encode_json_list(values: Iterable[object]) -> Iterator[bytes]:
    """Yield the bytes of a JSON list, one value per line, with only one value at a time in memory."""
    yield b"["
    for index, value in enumerate(values):
        line = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).translate(
            _ESCAPE_BY_CODE_POINT
        )
        yield (b",\n" if index else b"\n") + line.encode("utf-8", "backslashreplace")
    yield b"\n]\n"
