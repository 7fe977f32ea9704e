"""Verify an evidence pack (its manifest, each file, and the hashes of its audit entries), and an evidence bundle
with each of its packs."""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from console.services.evidence.pack_archive import BUNDLE_FORMAT_NAME, MANIFEST_NAME, PACK_FORMAT_NAME, compute_digest
from console.services.process.temporary_files import open_temporary_folder
from console.store.audit.hash_chain import FIRST_PREVIOUS_HASH, HASHED_COLUMNS, compute_row_hash
from console.store.documents.zip_directory import measure_zip_directory_bytes
from console.store.spool.sqlite_file import translate_errors

_FILE_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){0,2}")
_MEBIBYTE = 1 << 20
_LARGEST_MANIFEST_BYTES = 24 * _MEBIBYTE
_LARGEST_AUDIT_BYTES = 64 * _MEBIBYTE
_LARGEST_PACK_BYTES = 1024 * _MEBIBYTE
_LARGEST_DIRECTORY_BYTES = 16 * _MEBIBYTE
"""Largest accepted directory of a ZIP, in bytes. The whole directory is read into memory when the ZIP is opened."""
_MAX_COUNT_BY_JSON_SIGN = {b"[": 64, b"{": 200_000, b",": 1_000_000}
"""Largest accepted number of each JSON sign (`[`, `{`, comma) in a manifest, because the memory for its values
depends on these numbers.
"""
_MAX_AUDIT_ROWS = 200_000
"""Largest accepted number of audit entries of a pack."""
_MAX_PROBLEMS = 10_000
"""Largest number of problems that the verification of a bundle lists, and that each check of a pack's audit entries
lists."""
_LONGEST_OBJECT_CHARACTERS = _MEBIBYTE
"""Largest accepted number of characters of one object of a JSON list, such as an audit entry."""
_LONGEST_FIELD_CHARACTERS = 128
"""Largest accepted number of characters of the session and of each hash in an audit entry."""

UNREADABLE_FILE_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError)
"""Exceptions for a malformed ZIP or text. RuntimeError is the base class of the exceptions for nesting that is too
deep and for a ZIP feature that zipfile lacks.
"""
_CHUNK_BYTES = 1 << 16
_PACK_NAME_PATTERN = re.compile(r"packs/[a-z-]+-[0-9a-f-]+\.zip")
_WHITE_SPACE_PATTERN = re.compile(r"[ \t\r\n]*")
_AUDIT_FILE_NAME = "audit.json"
_ACCEPTED_COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Accepted compression methods. Others may need gigabytes of memory before the first byte, and raise exceptions of
their own.
"""
JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A problem with a file of an evidence pack. `code` is altered, missing, not_listed, bad_name, unreadable or
    too_large. `row` is the id of the audit entry; None for a problem that isn't about an audit entry.

    For an audit entry, `code` is one of these:

    - edited: the entry doesn't match its hash
    - unlinked: the entry doesn't follow the previous entry of its chain, or another entry of the pack has the same
      position in the chain
    - replaced: the desk has stored another hash for this position in the chain, or the last entry of the chain
      contradicts this entry
    """

    file: str
    code: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class PackVerification:
    """The result of the verification of an evidence pack or bundle: the number of checked files, the number of
    checked audit entries, the problems, and the content of the manifest (`manifest`)."""

    file_count: int
    audit_row_count: int
    problems: tuple[FileProblem, ...]
    manifest: Mapping[str, object]

    @property
    def is_intact(self) -> bool:
        """True if the verification has found no problem in the evidence pack or bundle."""
        return not self.problems


def verify_pack(path: Path, sha256: str | None = None) -> PackVerification:
    """Verify an evidence pack, or a bundle with its packs, in the file `path`, and return the result. With `sha256`
    (from the audit entry of the export), also verify that the file is the exported file. A failed check raises no
    error: it becomes one of the result's `problems`, even if the file is missing or isn't a ZIP file. Raises
    storage_full if there is no space for the copy of a bundle's pack."""
    return _verify_file(path, sha256, (PACK_FORMAT_NAME, BUNDLE_FORMAT_NAME))


def _verify_file(path: Path, sha256: str | None, format_names: tuple[str, ...]) -> PackVerification:
    """Verify the evidence pack or bundle in the ZIP file at `path`, and its SHA-256 if `sha256` is given. Return the
    problems that were found, the counts of the checked files and audit entries, and the content of the manifest.
    `format_names` are the format names that the manifest may have."""
    problems: list[FileProblem] = []
    if sha256 is not None and (not path.is_file() or _compute_file_hash(path) != sha256):
        problems.append(FileProblem(path.name, "altered"))
    try:
        _require_regular_file(path)
        _require_small_zip_directory(path)
        with zipfile.ZipFile(path) as pack:
            return _verify_pack(pack, problems, format_names)
    except UNREADABLE_FILE_ERRORS:
        return PackVerification(0, 0, (*problems, FileProblem(path.name, "unreadable")), {})


def _require_regular_file(path: Path) -> None:
    """Raise ValueError unless the path is a regular file, because a read from a pipe or a device might never end."""
    if not path.is_file():
        raise ValueError("no file")


def _require_small_zip_directory(path: Path) -> None:
    """Raise ValueError for a ZIP file whose directory (the list of its files) is larger than
    _LARGEST_DIRECTORY_BYTES."""
    with path.open("rb") as file:
        directory_bytes = measure_zip_directory_bytes(file)
    if directory_bytes > _LARGEST_DIRECTORY_BYTES:
        raise ValueError("too many members")


def _verify_pack(
    pack: zipfile.ZipFile, problems: list[FileProblem], format_names: tuple[str, ...]
) -> PackVerification:
    manifest = _read_manifest(pack, format_names)
    if manifest is None:
        return PackVerification(0, 0, (*problems, FileProblem(MANIFEST_NAME, "unreadable")), {})
    if manifest.get("digest") != compute_digest(manifest):
        problems.append(FileProblem(MANIFEST_NAME, "altered"))
    entry_by_file_name = {str(problem["name"]): problem for problem in manifest["files"]}
    problems += _find_unlisted_files(pack, entry_by_file_name)
    if sum(zip_entry.file_size for zip_entry in pack.infolist()) > _LARGEST_PACK_BYTES:
        return PackVerification(
            len(entry_by_file_name), 0, (*problems, FileProblem(MANIFEST_NAME, "too_large")), manifest
        )
    for name, file_entry in entry_by_file_name.items():
        code = _find_file_problem(pack, name, file_entry)
        if code is not None:
            problems.append(FileProblem(name, code))
    if manifest["form"] == BUNDLE_FORMAT_NAME:
        return _verify_packs_of_bundle(pack, PackVerification(len(entry_by_file_name), 0, tuple(problems), manifest))
    row_count = 0
    if not any(
        problem.file == _AUDIT_FILE_NAME and problem.code in ("missing", "bad_name", "unreadable")
        for problem in problems
    ):
        row_count = _verify_audit_entries(pack, problems)
    return PackVerification(len(entry_by_file_name), row_count, tuple(problems), manifest)


def _verify_packs_of_bundle(bundle: zipfile.ZipFile, bundle_result: PackVerification) -> PackVerification:
    """Verify each evidence pack of a bundle, except the packs for which `bundle_result`, the result for the bundle's
    own files, has a problem. The returned result also includes the packs' files, audit entries and problems, at most
    _MAX_PROBLEMS problems in all.
    """
    file_count, row_count, problems = (
        bundle_result.file_count,
        bundle_result.audit_row_count,
        list(bundle_result.problems),
    )
    damaged_file_names = {problem.file for problem in problems}
    for name, pack_path in _copy_packs_of_bundle(bundle, damaged_file_names):
        pack_result = _verify_file(pack_path, None, (PACK_FORMAT_NAME,))
        file_count, row_count = file_count + pack_result.file_count, row_count + pack_result.audit_row_count
        problems += [
            FileProblem(f"{name}/{problem.file}", problem.code, problem.row) for problem in pack_result.problems
        ]
    return PackVerification(file_count, row_count, tuple(problems[:_MAX_PROBLEMS]), bundle_result.manifest)


def iterate_packs(path: Path, verdict: PackVerification) -> Iterator[Path]:
    """Yield the path of each evidence pack in the file `path`, for which `verify_pack` has returned the intact
    `verdict`: the file itself, or a copy of each pack of a bundle. Each copy exists until the next path is requested.
    """
    if verdict.manifest["form"] != BUNDLE_FORMAT_NAME:
        yield path
        return
    with zipfile.ZipFile(path) as bundle:
        for _, pack_path in _copy_packs_of_bundle(bundle, ()):
            yield pack_path


def _copy_packs_of_bundle(bundle: zipfile.ZipFile, omitted_file_names: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Yield the name of each evidence pack of a bundle, without the packs in `omitted_file_names`, and the path of a
    copy, which exists until the next pack is requested. Raises storage_full if a copy can't be written: that says
    nothing about the bundle."""
    for zip_entry in bundle.infolist():
        if zip_entry.filename in omitted_file_names or not _PACK_NAME_PATTERN.fullmatch(zip_entry.filename):
            continue
        with ExitStack() as stack:
            pack_path = stack.enter_context(open_temporary_folder()) / "copy.zip"
            with bundle.open(zip_entry) as member:
                _write_copy(member, pack_path)
            yield zip_entry.filename, pack_path


def _write_copy(source: IO[bytes], target_file: Path) -> None:
    """Write the content of `source` to the new file `target_file`. Raises storage_full if the file can't be written,
    and the errors of `source` if it can't be read."""
    with ExitStack() as stack:
        with translate_errors(target_file):
            target = stack.enter_context(target_file.open("wb"))
        while chunk := source.read(_CHUNK_BYTES):
            with translate_errors(target_file):
                target.write(chunk)
                target.flush()


def _read_manifest(pack: zipfile.ZipFile, format_names: tuple[str, ...]) -> JsonObject | None:
    try:
        zip_entry = pack.getinfo(MANIFEST_NAME)
        if (
            zip_entry.file_size > _LARGEST_MANIFEST_BYTES
            or zip_entry.compress_type not in _ACCEPTED_COMPRESSION_METHODS
        ):
            return None
        content = pack.read(zip_entry)
        if any(content.count(sign) > limit for sign, limit in _MAX_COUNT_BY_JSON_SIGN.items()):
            return None
        manifest = json.loads(content)
        is_well_formed = manifest["form"] in format_names and all(
            type(file["bytes"]) is int and type(file["name"]) is str and file["sha256"] for file in manifest["files"]
        )
    except (*UNREADABLE_FILE_ERRORS, KeyError, TypeError):
        return None
    return dict(manifest) if is_well_formed else None


def _find_unlisted_files(pack: zipfile.ZipFile, entry_by_file_name: Mapping[str, object]) -> Iterator[FileProblem]:
    """Yield a problem for each file of the ZIP that the manifest doesn't list, that appears twice, or whose name does
    not match _FILE_NAME_PATTERN. A file whose name doesn't match it could be written outside of the folder into which
    a person extracts the ZIP. `entry_by_file_name` has the entries of the manifest by the name of the file.
    """
    names = Counter(pack.namelist())
    for name in sorted(names):
        if not _FILE_NAME_PATTERN.fullmatch(name) or names[name] > 1:
            yield FileProblem(name[:100], "bad_name")
        elif name != MANIFEST_NAME and name not in entry_by_file_name:
            yield FileProblem(name, "not_listed")


def _find_file_problem(pack: zipfile.ZipFile, name: str, file_entry: JsonObject) -> str | None:
    """Return `missing` if the pack has no file `name`. Return `altered` if the file has another size or hash than
    `file_entry`, its entry in the manifest, if it can't be read, or if its compression method is not accepted.
    Otherwise return None. Never decompresses more bytes than the manifest lists for the file."""
    try:
        zip_entry = pack.getinfo(name)
    except KeyError:
        return "missing"
    if zip_entry.file_size != file_entry["bytes"] or zip_entry.compress_type not in _ACCEPTED_COMPRESSION_METHODS:
        return "altered"
    file_hash = hashlib.sha256()
    try:
        with pack.open(zip_entry) as file:
            while chunk := file.read(_CHUNK_BYTES):
                file_hash.update(chunk)
    except UNREADABLE_FILE_ERRORS:
        return "altered"
    return None if file_hash.hexdigest() == file_entry["sha256"] else "altered"


# Audit entries


@dataclass(frozen=True, slots=True)
class _AuditPosition:
    """The position of an audit entry in its chain: id, session and sequence number of the entry, its hash and the
    hash of the previous entry."""

    id: int
    session: str
    seq: int
    hash: str
    previous_hash: str


def _verify_audit_entries(pack: zipfile.ZipFile, problems: list[FileProblem]) -> int:
    """Verify the audit entries of an evidence pack and add their problems to `problems`; return the number of
    entries; 0 if the file with the audit entries can't be read."""
    positions: list[_AuditPosition] = []
    head_by_session: dict[str, _AuditPosition] = {}
    try:
        for line_key, entry in _iterate_audit_lines(pack):
            if line_key in ("row", "withheld"):
                positions.append(_parse_audit_position(entry, str(entry["prev_hash"])))
                problems += [
                    FileProblem(_AUDIT_FILE_NAME, code, positions[-1].id) for code in _find_audit_row_problems(entry)
                ]
            elif line_key == "head":
                head_by_session[str(entry["session"])] = _parse_audit_position(entry, "")
            if len(positions) > _MAX_AUDIT_ROWS or len(problems) > _MAX_PROBLEMS:
                raise ValueError("too many rows or problems")
    except (*UNREADABLE_FILE_ERRORS, AttributeError, KeyError, TypeError, StopIteration):
        problems.append(FileProblem(_AUDIT_FILE_NAME, "unreadable"))
        return 0
    problems += [
        FileProblem(_AUDIT_FILE_NAME, "unlinked", row)
        for row in islice(_find_unlinked_rows(positions), _MAX_PROBLEMS)
    ]
    problems += [
        FileProblem(_AUDIT_FILE_NAME, "replaced", row)
        for row in islice(_find_rows_contradicting_heads(positions, head_by_session), _MAX_PROBLEMS)
    ]
    return len(positions)


def _iterate_audit_lines(pack: zipfile.ZipFile) -> Iterator[tuple[str, JsonObject]]:
    """Yield the key (`form`, `row`, `withheld` or `head`) and the value of each line of the pack's file with the
    audit entries."""
    zip_entry = pack.getinfo(_AUDIT_FILE_NAME)
    if zip_entry.file_size > _LARGEST_AUDIT_BYTES or zip_entry.compress_type not in _ACCEPTED_COMPRESSION_METHODS:
        raise ValueError("too large, or compressed by another method")
    with io.TextIOWrapper(pack.open(zip_entry), "utf-8") as file:
        for json_object in iterate_json_objects(file):
            ((line_key, entry),) = json_object.items()
            yield line_key, entry


def iterate_json_objects(file: io.TextIOBase) -> Iterator[JsonObject]:
    """Yield the objects of a JSON list one by one. Raises ValueError if the file isn't a list of objects, and for an
    object longer than _LONGEST_OBJECT_CHARACTERS."""
    text, text_index, expected_signs, decoder = "", 0, "[", json.JSONDecoder()
    while True:
        text_index = _WHITE_SPACE_PATTERN.match(text, text_index).end()  # type: ignore[union-attr]  # the pattern also matches an empty text
        sign = text[text_index : text_index + 1]
        if sign and sign not in expected_signs:
            raise ValueError("no list of objects")
        if sign == "]":
            return
        if sign == "{":
            try:
                json_object, text_index = decoder.raw_decode(text, text_index)
            except ValueError:
                if len(text) - text_index > _LONGEST_OBJECT_CHARACTERS:
                    raise
            else:
                yield json_object
                expected_signs = ",]"
                continue
        elif sign:
            text_index, expected_signs = text_index + 1, "{" if sign == "," else "{]"
            continue
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            raise ValueError("no end")
        text, text_index = text[text_index:] + chunk, 0


def _parse_audit_position(entry: JsonObject, previous_hash: str) -> _AuditPosition:
    """Return the position of an audit entry in its chain. `entry` is one entry of the pack's file with the audit
    entries, `previous_hash` the hash of the previous entry in the chain. Raises ValueError for malformed values."""
    row = _AuditPosition(entry["id"], entry["session"], entry["seq"], entry["hash"], previous_hash)
    if not (type(row.id) is type(row.seq) is int and type(row.session) is type(row.hash) is str):
        raise ValueError("no row")
    if max(map(len, (row.session, row.hash, previous_hash))) > _LONGEST_FIELD_CHARACTERS:
        raise ValueError("no hash")
    return row


def _find_audit_row_problems(row: JsonObject) -> Iterator[str]:
    if "who" in row and compute_row_hash(row["prev_hash"], [row[name] for name in HASHED_COLUMNS]) != row["hash"]:
        yield "edited"
    if any(anchor_hash != row["hash"] for anchor_hash in row["anchor"]):
        yield "replaced"


def _find_unlinked_rows(rows: list[_AuditPosition]) -> Iterator[int]:
    """Yield the ids of three sorts of audit entries: entries that don't follow the previous entry of their session,
    if the pack has that entry; entries with the sequence number 1 that don't start a chain; and all entries that
    share their position in a chain with another entry, because the pack alone doesn't show which of these entries is
    correct.
    """
    rows_by_position = {(row.session, row.seq): row for row in rows}
    count_by_position = Counter((row.session, row.seq) for row in rows)
    for row in rows:
        previous_row = rows_by_position.get((row.session, row.seq - 1))
        if (
            count_by_position[row.session, row.seq] > 1
            or (previous_row is not None and (previous_row.hash != row.previous_hash or previous_row.id >= row.id))
            or (row.seq == 1 and row.previous_hash != FIRST_PREVIOUS_HASH)
        ):
            yield row.id


def _find_rows_contradicting_heads(rows: list[_AuditPosition], heads: Mapping[str, _AuditPosition]) -> Iterator[int]:
    """Yield the ids of audit entries that contradict `heads`, the last entries of the chains by session: an entry
    whose session has no head, that comes after the head, or that has the head's sequence number and another
    hash.
    """
    for row in rows:
        head = heads.get(row.session)
        if head is None or row.seq > head.seq or (row.seq == head.seq and row.hash != head.hash):
            yield row.id


def _compute_file_hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
