"""Copies the registry of a worker to the desks of its team, through the folder or bucket of the documents.

The worker stores its registry.db in compressed parts whose file names are their hashes, and differences as the
publisher's ZIP files. The manifest lists the files of the present registry: the base (a registry.db, with the
SHA-256 of its uncompressed bytes) and the differences that follow it. A desk that has the base fetches only the
differences. The desk verifies the hash of each file before it uses the file.

A registry is identified by the SHA-256 of the publisher's files of which it was made, in their order.
"""

import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.domain.error_reasons import DocumentNotFoundReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.corporations import ImportProgress, RegistryStatus
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import make_private_file, make_private_folder
from console.store.documents.documents import Documents
from console.store.registry.import_files import import_under_lock
from console.store.registry.progress import ImportRun
from console.store.registry.reader import read_status
from console.store.registry.registry_file import (
    find_registry_file,
    hold_import_lock,
    is_damage_error,
    make_building_path,
    open_for_reading,
    put_registry_in_use,
    read_registry_in_use,
    recover_complete_build,
    start_building,
)
from console.store.registry.schema import FORMAT_VERSION
from console.store.registry.source_file import make_stopped_error
from console.store.spool.sqlite_file import translate_errors

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

PART_BYTES = 16 * 1024**2
"""Size (bytes) of each part of a file before it is compressed; the last part may be smaller."""
_FETCHED_FOLDER_NAME = "fetched"
"""Name of the folder for fetched files, in the folder of the registry."""
_DIFFERENCE_FOLDER_SUFFIX = ".difference"
"""Suffix of the folder of a fetched difference, in the folder for fetched files. Before it stands the SHA-256 of the
difference."""
_SNAPSHOT_FOLDER_NAME = "snapshot"
"""Name of the folder for the copy that becomes a new base, in the folder of the registry."""
_SNAPSHOT_FILE_NAME = "copy.db"
_MANIFEST_NAME = "registry.json"
_LONGEST_FILE_NAME_BYTES = 255
_COMPRESSION_LEVEL = 1  # a higher one makes the parts little smaller


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that the worker stored for the desks: its name, its SHA-256 and its size in bytes before compression,
    and the paths of its compressed parts under the root of the documents, in their order."""

    name: str
    sha256: str
    bytes: int
    parts: Sequence[str]


@dataclass(frozen=True, slots=True)
class RegistryManifest:
    """The list of the files of the team's registry. `form` is the FORMAT_VERSION of the registry's tables.
    `registry_date` is the day up to which the registry is complete (YYYY-MM-DD). `differences` are the differences
    that follow the base, in their order. `base_files` has the SHA-256 of each publisher's file of which the base was
    made. The names of the fields are the names in the JSON file.
    """

    form: int
    registry_date: str
    base: StoredFile
    base_files: Sequence[str]
    differences: Sequence[StoredFile]

    @property
    def file_hashes(self) -> list[str]:
        """The SHA-256 of all publisher's files of which this registry is made, in their order."""
        return [*self.base_files, *(difference.sha256 for difference in self.differences)]


def publish_registry(folder: Path, documents: Documents, paths: Sequence[Path] = ()) -> None:
    """Store the registry in use of `folder` for the desks of the team, and list it in the manifest. `paths` are the
    publisher's files that were imported last. If they contain all differences that the manifest doesn't list yet,
    only these differences are stored; otherwise a new base is stored. Nothing is stored if the folder has no
    registry, if the manifest already lists it, or if the manifest lists a registry of a later day. The manifest is
    read again before it is replaced, because this process may have been suspended, and another worker may have
    published a later registry meanwhile. A damaged manifest is replaced by a manifest with a new base; the parts that
    the damaged manifest named aren't deleted.

    Raises ConsoleError:

    - `in_progress` if another process imports into this folder
    - `storage_full` or `documents_unreachable` if a file can't be stored
    - `bad_profile` if the manifest has a newer FORMAT_VERSION, or if the registry in use is damaged
    """
    with hold_import_lock(folder), translate_errors(folder):
        file = find_registry_file(folder)
        if file is None:
            return
        with closing(open_for_reading(file)) as connection:
            status = read_status(connection)
        former_manifest = _read_replaced_manifest(documents)
        file_hashes = [source.sha256 for source in status.files]
        if former_manifest is not None and (former_manifest.file_hashes, former_manifest.form) == (
            file_hashes,
            FORMAT_VERSION,
        ):
            return
        if _is_of_later_day(former_manifest, status):
            return
        new_manifest = _store_new_differences(former_manifest, status, paths, documents) or _store_base(
            folder, file, documents
        )
        present_manifest = _read_replaced_manifest(documents)
        if _is_of_later_day(present_manifest, status):
            used_paths = _list_part_paths(present_manifest) | _list_part_paths(former_manifest)
            for path in _list_part_paths(new_manifest) - used_paths:
                documents.delete_registry_part(path)
            return
        documents.replace_manifest(json.dumps(asdict(new_manifest)).encode())
        for path in _list_part_paths(former_manifest) - _list_part_paths(new_manifest):
            documents.delete_registry_part(path)


def fetch_registry(
    folder: Path,
    documents: Documents,
    *,
    on_progress: Callable[[ImportProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegistryStatus | None:
    """Update the registry in `folder` (of this desk) to the team's registry, which a worker has published, and return
    the status of the updated registry. Return None if there is nothing to do: no worker has published a registry, or
    this desk's registry is the same or newer. A damaged registry of this desk is replaced. `on_progress` is called
    with the progress of the import of differences. The base is the registry.db in the manifest, to which the
    differences are applied. If the fetch of a base is stopped or killed, the next call continues with the next part.
    If this function raises an error, the registry in use is the former one, or the new base without its differences.

    Raises ConsoleError:

    - `in_progress` if another process imports into this folder
    - `interrupted` if `should_stop` returned True
    - `bad_profile` if a program with a newer FORMAT_VERSION has written the team's registry
    - `not_found` if a file is missing or damaged
    - `documents_unreachable` or `storage_full` if a file can't be read or written
    """
    manifest = _read_manifest(documents)
    if manifest is None:
        return None
    with hold_import_lock(folder), translate_errors(folder):
        recover_complete_build(folder)
        status = _read_desk_status_unless_damaged(folder)
        if not _is_fetch_needed(manifest, status):
            return None
        if manifest.form > FORMAT_VERSION:
            raise _make_newer_program_error(manifest.form)
        own_hashes = [source.sha256 for source in status.files] if status else []
        if len(own_hashes) < len(manifest.base_files) or own_hashes != manifest.file_hashes[: len(own_hashes)]:
            _fetch_base(folder, manifest, documents, should_stop)
            own_hashes = list(manifest.base_files)
        missing_differences = manifest.differences[len(own_hashes) - len(manifest.base_files) :]
        paths = [_fetch_difference(folder, difference, documents) for difference in missing_differences]
        if paths:
            import_under_lock(folder, paths, ImportRun(on_progress, should_stop))
        # Still under the lock: afterwards the folder may have files that another process fetches.
        shutil.rmtree(folder / _FETCHED_FOLDER_NAME, ignore_errors=True)
        return read_registry_in_use(folder, read_status)


def is_manifest_damage(error: ConsoleError) -> bool:
    """True if `fetch_registry` raised the error because the team's manifest isn't a list of files. The next
    publication replaces such a manifest."""
    return (error.detail.get("document"), error.detail.get("reason")) == (
        _MANIFEST_NAME,
        DocumentNotFoundReason.CONTENT_DAMAGED,
    )


def _is_fetch_needed(manifest: RegistryManifest, status: RegistryStatus | None) -> bool:
    """True if this desk must fetch the registry of the manifest: the desk has no registry (`status` is None), or its
    registry was made of other files and has the same or an earlier date. `status` is the status of the desk's
    registry."""
    if status is None:
        return True
    is_same = manifest.file_hashes == [source.sha256 for source in status.files]
    return not is_same and date.fromisoformat(manifest.registry_date) >= status.registry_date


def _store_new_differences(
    former_manifest: RegistryManifest | None, status: RegistryStatus, paths: Sequence[Path], documents: Documents
) -> RegistryManifest | None:
    """Store the differences of the worker's registry that the former manifest lacks, and return a manifest with them.
    `status` is the status of the worker's registry, `paths` are the publisher's files that were imported last.

    Store nothing and return None in three cases: there is no former manifest, or it has another format version; the
    registry isn't the former one with more differences; or one of the new differences isn't among `paths`.
    """
    if former_manifest is None or former_manifest.form != FORMAT_VERSION:
        return None
    file_hashes, paths_by_hash = (
        [source.sha256 for source in status.files],
        {_hash_file(path): path for path in paths},
    )
    further_hashes = file_hashes[len(former_manifest.file_hashes) :]
    if former_manifest.file_hashes != file_hashes[
        : len(former_manifest.file_hashes)
    ] or not paths_by_hash.keys() >= set(further_hashes):
        return None
    stored_files = [_store_file(paths_by_hash[file_hash], file_hash, documents) for file_hash in further_hashes]
    return RegistryManifest(
        FORMAT_VERSION,
        status.registry_date.isoformat(),
        former_manifest.base,
        former_manifest.base_files,
        [*former_manifest.differences, *stored_files],
    )


def _store_base(folder: Path, file: Path, documents: Documents) -> RegistryManifest:
    """Store a consistent copy of the registry in use (`file`) among the documents as a new base, and return a
    manifest with this base only. The copy is first made in the registry's folder `folder`."""
    snapshot_folder = folder / _SNAPSHOT_FOLDER_NAME
    shutil.rmtree(snapshot_folder, ignore_errors=True)
    make_private_folder(snapshot_folder)
    copy_file = snapshot_folder / _SNAPSHOT_FILE_NAME
    make_private_file(copy_file)
    try:
        with closing(open_for_reading(file)) as source, closing(sqlite3.connect(copy_file)) as target:
            source.backup(target)
        with closing(open_for_reading(copy_file)) as connection:
            status = read_status(connection)
        base = _store_file(copy_file, _hash_file(copy_file), documents)
    finally:
        shutil.rmtree(snapshot_folder, ignore_errors=True)
    return RegistryManifest(
        FORMAT_VERSION,
        status.registry_date.isoformat(),
        base,
        [source_file.sha256 for source_file in status.files],
        [],
    )


def _store_file(path: Path, digest: str, documents: Documents) -> StoredFile:
    part_paths = []
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            part_paths.append(documents.store(zlib.compress(part, _COMPRESSION_LEVEL), "reg").path)
    return StoredFile(path.name, digest, path.stat().st_size, part_paths)


def _fetch_base(
    folder: Path, manifest: RegistryManifest, documents: Documents, should_stop: Callable[[], bool]
) -> None:
    """Fetch the base of the manifest and make it the registry in use. The caller holds the import lock. Raises
    ConsoleError `interrupted` if `should_stop` returned True; `not_found` if a part is missing or damaged."""
    fetched_file = _fetch_file(folder, manifest.base, documents, should_stop)
    with closing(open_for_reading(fetched_file)) as connection:
        day = read_status(connection).registry_date
    start_building(folder)
    fetched_file.replace(make_building_path(folder))
    put_registry_in_use(folder, day)


def _fetch_difference(folder: Path, difference: StoredFile, documents: Documents) -> Path:
    """Fetch a difference, verify its hash, and return its path. The file gets the name that it had at the worker, in
    a folder of its own, because another difference may have the same name."""
    path = _fetch_file(folder, difference, documents, lambda: False)
    own_folder = path.with_name(f"{path.name}{_DIFFERENCE_FOLDER_SUFFIX}")
    make_private_folder(own_folder)
    return path.replace(own_folder / difference.name)  # may be there: an import can have been broken off


def _fetch_file(folder: Path, stored_file: StoredFile, documents: Documents, should_stop: Callable[[], bool]) -> Path:
    """Fetch a stored file into the folder `fetched` in `folder`, verify its hash, and return its path. Full parts
    that an earlier, interrupted call has fetched aren't fetched again. Raises ConsoleError `interrupted` if
    `should_stop` returned True; `not_found` if a part is missing or damaged, or if the hash is wrong."""
    path = folder / _FETCHED_FOLDER_NAME / _get_valid_digest(stored_file)
    make_private_folder(path.parent)
    make_private_file(path)
    with path.open("r+b") as file:
        fetched_parts = min(path.stat().st_size // PART_BYTES, len(stored_file.parts))
        file.truncate(fetched_parts * PART_BYTES)
        file.seek(fetched_parts * PART_BYTES)
        for part in stored_file.parts[fetched_parts:]:
            if should_stop():
                raise make_stopped_error()
            file.write(_decompress_part(part, documents.read(part)))
    if _hash_file(path) != stored_file.sha256:
        path.unlink()
        raise _make_damaged_file_error(stored_file.name)
    return path


def _decompress_part(path: str, content: bytes) -> bytes:
    try:
        decompressor = zlib.decompressobj()
        part = decompressor.decompress(content, PART_BYTES)
    except zlib.error as error:
        raise _make_damaged_file_error(path) from error
    if not decompressor.eof:
        raise _make_damaged_file_error(path)
    return part


def _get_valid_digest(stored_file: StoredFile) -> str:
    """Return the SHA-256 that the manifest states for the file; it is used as a file name. Raises ConsoleError
    `not_found` if the stated text isn't a SHA-256.
    """
    if len(stored_file.sha256) != sha256().digest_size * 2 or not stored_file.sha256.isalnum():
        raise _make_damaged_file_error(stored_file.name)
    return stored_file.sha256


def _make_damaged_file_error(name: str) -> ConsoleError:
    return ConsoleError(ErrorCode.NOT_FOUND, {"document": name, "reason": DocumentNotFoundReason.CONTENT_DAMAGED})


def _read_desk_status_unless_damaged(folder: Path) -> RegistryStatus | None:
    try:
        return read_registry_in_use(folder, read_status)
    except sqlite3.DatabaseError as error:
        if not is_damage_error(error):
            raise
        return None


def _read_manifest(documents: Documents) -> RegistryManifest | None:
    content = documents.read_manifest()
    if content is None:
        return None
    try:
        values = json.loads(content)
        form = values["form"]
        is_newer = form > FORMAT_VERSION
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _make_damaged_file_error(_MANIFEST_NAME) from error
    try:
        return _parse_manifest(values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise (_make_newer_program_error(form) if is_newer else _make_damaged_file_error(_MANIFEST_NAME)) from error


def _parse_manifest(values: dict[str, Any]) -> RegistryManifest:
    base = StoredFile(**values.pop("base"))
    differences = [StoredFile(**stored_values) for stored_values in values.pop("differences")]
    manifest = RegistryManifest(base=base, differences=differences, **values)
    date.fromisoformat(manifest.registry_date)
    if not all(isinstance(text, str) for text in _list_manifest_texts(manifest)):
        raise TypeError("a hash, name or path is no text")
    if not all(isinstance(file.parts, list) and _is_file_name(file.name) for file in (base, *differences)):
        raise ValueError("no list of parts, or no name of a file")
    return manifest


def _is_file_name(text: str) -> bool:
    """True if each file system can have a file of this name in a folder."""
    has_length = 0 < len(text.encode("utf-8", "surrogatepass")) <= _LONGEST_FILE_NAME_BYTES
    return has_length and text.isprintable() and text == Path(text).name != ".."


def _read_replaced_manifest(documents: Documents) -> RegistryManifest | None:
    """Return the manifest that a publication replaces; None if there is none or it is damaged. Raises ConsoleError
    `bad_profile` if a newer program wrote it."""
    try:
        manifest = _read_manifest(documents)
    except ConsoleError as error:
        if is_manifest_damage(error):
            return None
        raise
    if manifest is not None and manifest.form > FORMAT_VERSION:
        raise _make_newer_program_error(manifest.form)
    return manifest


def _list_manifest_texts(manifest: RegistryManifest) -> list[str]:
    """Return all texts of the manifest, in one list: hashes, file names, and the paths of the parts."""
    stored_files = (manifest.base, *manifest.differences)
    return [
        *manifest.file_hashes,
        *(
            text
            for stored_file in stored_files
            for text in (stored_file.sha256, stored_file.name, *stored_file.parts)
        ),
    ]


def _make_newer_program_error(form: int) -> ConsoleError:
    facts: BadProfileDetail = {"file": _MANIFEST_NAME, "found": form, "needed": FORMAT_VERSION}
    return ConsoleError(ErrorCode.BAD_PROFILE, {"problem": SettingProblem.FILE_OF_NEWER_VERSION, **facts})


def _is_of_later_day(manifest: RegistryManifest | None, status: RegistryStatus) -> bool:
    """True if a program of this FORMAT_VERSION has published a registry of a later day than that of `status`."""
    return (
        manifest is not None
        and manifest.form == FORMAT_VERSION
        and date.fromisoformat(manifest.registry_date) > status.registry_date
    )


def _list_part_paths(manifest: RegistryManifest | None) -> set[str]:
    """Return the paths of all parts that the manifest lists; none without a manifest."""
    stored_files = () if manifest is None else (manifest.base, *manifest.differences)
    return {part for stored_file in stored_files for part in stored_file.parts}


def _hash_file(path: Path) -> str:
    """Return the SHA-256 (hex) of the file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
