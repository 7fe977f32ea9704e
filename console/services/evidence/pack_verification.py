"""Whether an evidence pack is what was exported: every file, the list of files, and the hashes of its audit rows."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.services.pack_file import FORM, MANIFEST, digest_of
from console.store.audit_chain import CONTENT, START, digest

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){0,2}")
_LARGEST_MANIFEST = 64 * 1024 * 1024
_CHUNK = 1 << 16
_AUDIT = "audit.json"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What doesn't fit in which file: altered, missing, not_listed, bad_name, unreadable, edited (an audit row is not
    what was hashed), unlinked (nor does it follow the one before), replaced (the desk saw another).
    """

    file: str
    why: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What was checked, and what doesn't fit; nothing: the pack is whole."""

    files: int
    rows: int
    problems: tuple[Problem, ...]
    about: Mapping[str, object]

    @property
    def whole(self) -> bool:
        return not self.problems


def verify_pack(path: Path, sha256: str | None = None) -> PackVerdict:
    """Check a pack by itself; with `sha256` (the audit trail has it) also that it is that very one."""
    problems: list[Problem] = []
    if sha256 is not None and _hash_of(path) != sha256:
        problems.append(Problem(path.name, "altered"))
    try:
        with zipfile.ZipFile(path) as pack:
            return _verified(pack, problems)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, UnicodeError):
        return PackVerdict(0, 0, (*problems, Problem(path.name, "unreadable")), {})


def _verified(pack: zipfile.ZipFile, problems: list[Problem]) -> PackVerdict:
    manifest = _manifest(pack)
    if manifest is None:
        return PackVerdict(0, 0, (*problems, Problem(MANIFEST, "unreadable")), {})
    if manifest.get("digest") != digest_of(manifest):
        problems.append(Problem(MANIFEST, "altered"))
    files = {str(one["name"]): one for one in manifest["files"]}
    problems += _strangers(pack, files)
    for name, listed in files.items():
        why = _why_not(pack, name, listed)
        if why is not None:
            problems.append(Problem(name, why))
    rows = 0
    if not any(one.file == _AUDIT and one.why in ("missing", "too_long", "unreadable") for one in problems):
        rows = _check_rows(pack, problems)
    return PackVerdict(len(files), rows, tuple(problems), manifest)


def _manifest(pack: zipfile.ZipFile) -> Json | None:
    try:
        info = pack.getinfo(MANIFEST)
        if info.file_size > _LARGEST_MANIFEST:
            return None
        found = json.loads(pack.read(info))
        well = found["form"] == FORM and all(type(one["bytes"]) is int and one["sha256"] for one in found["files"])
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return None
    return dict(found) if well else None


def _strangers(pack: zipfile.ZipFile, files: Mapping[str, object]) -> Iterator[Problem]:
    """What is in the ZIP and not in the list, twice, or under a name that could lead out of a folder."""
    names = pack.namelist()
    for name in sorted(set(names)):
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            yield Problem(name[:100], "bad_name")
        elif name != MANIFEST and name not in files:
            yield Problem(name, "not_listed")


def _why_not(pack: zipfile.ZipFile, name: str, listed: Json) -> str | None:
    """Why a listed file is not what it should be; never unpacks more than the list says."""
    try:
        info = pack.getinfo(name)
    except KeyError:
        return "missing"
    if info.file_size != listed["bytes"]:
        return "altered"
    hashed = hashlib.sha256()
    try:
        with pack.open(info) as file:
            while chunk := file.read(_CHUNK):
                hashed.update(chunk)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError):
        return "altered"
    return None if hashed.hexdigest() == listed["sha256"] else "altered"


# The audit rows


def _check_rows(pack: zipfile.ZipFile, problems: list[Problem]) -> int:
    """How many rows were computed again; what doesn't fit is added to the problems."""
    try:
        lines = json.loads(pack.read(_AUDIT))
        entries = [next(iter(line.items())) for line in lines]
    except (ValueError, AttributeError, KeyError, StopIteration, zipfile.BadZipFile):
        problems.append(Problem(_AUDIT, "unreadable"))
        return 0
    rows = [entry for kind, entry in entries if kind in ("row", "withheld")]
    try:
        problems += [Problem(_AUDIT, why, row["id"]) for row in rows for why in _of_row(row)]
        problems += [Problem(_AUDIT, "unlinked", row) for row in _unlinked(rows)]
        problems += [Problem(_AUDIT, "replaced", row) for row in _behind(rows, entries)]
    except (KeyError, TypeError, ValueError):
        problems.append(Problem(_AUDIT, "unreadable"))
    return len(rows)


def _of_row(row: Json) -> Iterator[str]:
    if "who" in row and digest(row["prev_hash"], [row[name] for name in CONTENT]) != row["hash"]:
        yield "edited"
    if any(seen != row["hash"] for seen in row["anchor"]):
        yield "replaced"


def _unlinked(rows: list[Json]) -> Iterator[int]:
    """Rows that don't stand on the one before them in their session, where that one is here too."""
    by_place = {(row["session"], row["seq"]): row for row in rows}
    for (session, seq), row in by_place.items():
        before = by_place.get((session, seq - 1))
        if (before is not None and (before["hash"] != row["prev_hash"] or before["id"] >= row["id"])) or (
            seq == 1 and row["prev_hash"] != START
        ):
            yield row["id"]


def _behind(rows: list[Json], entries: list[tuple[str, Json]]) -> Iterator[int]:
    """Rows beyond the head of their session, without one, or not the row that the head names."""
    heads = {entry["session"]: entry for kind, entry in entries if kind == "head"}
    for row in rows:
        head = heads.get(row["session"])
        if head is None or row["seq"] > head["seq"] or (row["seq"] == head["seq"] and row["hash"] != head["hash"]):
            yield row["id"]


def _hash_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
