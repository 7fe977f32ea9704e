"""The folder of a backup: its files, and the manifest that lists each of them with its length and SHA-256.

The manifest is written last. After that, the folder gets its final name, or its files are moved into an existing
folder. So the folder of an interrupted backup has another name or no manifest.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import BackupProblem
from console.settings.disk_sync import sync_file, sync_folder
from console.settings.private_files import is_ordinary_file, make_private_file, make_private_folder
from console.store.spool.sqlite_file import translate_errors

if TYPE_CHECKING:
    from console.domain.errors.details import BadBackupDetail

FORMAT_VERSION = 1
_FORMAT_PREFIX = "support-console-backup/"
FORMAT_NAME = f"{_FORMAT_PREFIX}{FORMAT_VERSION}"
MANIFEST_NAME = "manifest.json"
SQLITE_FILE = "database.sqlite"
DUMP_FILE = "tables.sql"
VERSION_DUMP_FILE = "version.sql"
SPOOL_FILE = "desk.db"
DOCUMENTS_FOLDER_NAME = "documents"
LARGEST_MANIFEST_BYTES = 512 << 20
"""Largest length (bytes) of a manifest that is read: enough for some millions of documents."""
PARTIAL_SUFFIX = ".partial"
"""Suffix of the temporary name of a folder whose backup isn't finished."""
_NAME_CHARACTERS_OF_PARTIAL_FOLDER = 50
"""Number of characters of the folder's name at the beginning of its temporary name; each has up to 4 bytes."""


@dataclass(frozen=True, slots=True)
class BackupFile:
    """Length (bytes) and SHA-256 (hex) of a file of the backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """The manifest of a backup: its origin and its files.

    - `version`: the version of the program that made the backup
    - `schema`, `database_id`: the schema version and the id of the database in the backup
    - `kind`: `sqlite` or `server`
    - `taken_at`: the instant before the copy of the database (RFC 3339, UTC)
    - `store_key`: the fingerprint of the store key, None if the database has none; the key itself is never copied
    - `unreadable`: paths of documents that were missing or damaged and are not in the backup
    - `files`: length and SHA-256 of each file, by its path within the folder, with `/`
    """

    version: str
    schema: str
    database_id: str
    kind: str
    taken_at: str
    store_key: str | None
    unreadable: tuple[str, ...] = ()
    files: Mapping[str, BackupFile] = field(default_factory=dict)

    @property
    def documents(self) -> tuple[str, ...]:
        """The paths of the documents in the backup, relative to its folder of documents."""
        return tuple(path.partition("/")[2] for path in self.files if path.startswith(f"{DOCUMENTS_FOLDER_NAME}/"))

    def summarize(self, folder: Path) -> "BackupSummary":
        """Return the facts of this backup, which is in `folder`, without the list of its files. The length of the
        manifest itself isn't counted."""
        return BackupSummary(
            str(folder),
            self.version,
            self.schema,
            self.database_id,
            self.kind,
            self.taken_at,
            len(self.files),
            sum(file.bytes for file in self.files.values()),
            len(self.documents),
            self.unreadable,
        )


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """The facts of a backup that the program reports: those of its manifest, with the number of its files, their
    length in bytes together, and the number of its documents, in place of the list of its files. `folder`: the path
    of its folder, as text."""

    folder: str
    version: str
    schema: str
    database_id: str
    kind: str
    taken_at: str
    files: int
    bytes: int
    documents: int
    unreadable: tuple[str, ...]


class ArchiveWriter:
    """Adds files to a new backup in `folder`. `files`: length and SHA-256 of each file that was added so far, by
    its path within the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, BackupFile] = {}

    def create_file(self, file_name: str) -> Path:
        """Create an empty file of this name with mode 0600, and its folders with mode 0700, because they may later be
        moved into a folder that other users can read. Return the path of the file. The caller then writes the content
        to this path."""
        file = self._get_path(file_name)
        for folder in reversed(file.relative_to(self.folder).parents):
            make_private_folder(self.folder / folder)
        make_private_file(file)
        return file

    def _get_path(self, file_name: str) -> Path:
        return self.folder.joinpath(*PurePosixPath(file_name).parts)

    def add_written_file(self, file_name: str) -> None:
        """Add the file that the caller has written at the path that `create_file(file_name)` returned: sync the file
        to the disk, and store its length and SHA-256 in `files`.
        """
        file = self._get_path(file_name)
        sync_file(file)
        self.files[file_name] = BackupFile(file.stat().st_size, hash_file(file))

    def add_content(self, name: str, content: bytes) -> None:
        """Write the content as a file of the backup with the path `name`, and add the file to `files`."""
        self.create_file(name).write_bytes(content)
        self.add_written_file(name)


@contextmanager
def open_new_archive(folder: Path) -> Iterator[ArchiveWriter]:
    """Context manager: yield the writer of a new backup. The files are written into a folder with a temporary name
    that no other process uses. When the block ends without an exception, this folder is renamed to `folder`; if
    `folder` exists, the files are moved there, the manifest last. After an exception the temporary folder is deleted.
    The block must call `write_manifest` as its last step.

    An existing folder is never replaced, because it may be a mount point, and its parent folder may belong to another
    user. Raises ConsoleError `bad_backup` (not_empty) if `folder` exists and isn't an empty folder; `storage_full` if
    the files can't be written.
    """
    with translate_errors(folder):
        folder = Path(os.path.realpath(folder))
        _require_empty_folder(folder)
        is_present = folder.is_dir()
        parent = folder if is_present else folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        # only the beginning of the name: a folder may have a name of 255 bytes, and then this one would be too long
        prefix = f"{folder.name[:_NAME_CHARACTERS_OF_PARTIAL_FOLDER]}."
        partial_folder = Path(tempfile.mkdtemp(PARTIAL_SUFFIX, prefix, parent))
    try:
        with translate_errors(folder):
            yield ArchiveWriter(partial_folder)
            if is_present:
                _move_finished_files(partial_folder, folder)
            else:
                _rename_finished_folder(partial_folder, folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)


def _require_empty_folder(folder: Path) -> None:
    """Raise ConsoleError `bad_backup` (not_empty) if `folder` exists and isn't an empty folder."""
    # A link that leads nowhere, because links form a circle, is no folder either.
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise make_bad_backup_error(BackupProblem.FOLDER_NOT_EMPTY, str(folder))


def _move_finished_files(partial_folder: Path, folder: Path) -> None:
    """Move the files of the finished folder `partial_folder` into its parent folder `folder`. The manifest is moved
    last, because a folder without a manifest isn't a backup. Raises ConsoleError `bad_backup` (not_empty) if another
    process has written files into `folder` meanwhile.
    """
    if any(entry != partial_folder for entry in folder.iterdir()):
        raise make_bad_backup_error(BackupProblem.FOLDER_NOT_EMPTY, str(folder))
    for entry in sorted(partial_folder.iterdir(), key=lambda entry: entry.name == MANIFEST_NAME):
        if entry.name == MANIFEST_NAME:
            sync_folder(folder)
        entry.rename(folder / entry.name)
    try:
        sync_folder(folder)
    except OSError:  # told as failed, so it must not look like a backup
        with suppress(OSError):
            (folder / MANIFEST_NAME).unlink()
        raise


def _rename_finished_folder(partial_folder: Path, folder: Path) -> None:
    """Rename the finished folder `partial_folder` to `folder`. Raises ConsoleError `bad_backup` (not_empty) if
    another process has created `folder` meanwhile.
    """
    try:
        partial_folder.rename(folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise make_bad_backup_error(BackupProblem.FOLDER_NOT_EMPTY, str(folder)) from None
        raise
    try:
        sync_folder(folder.parent)
    except OSError:  # told as failed, so the caller deletes it, and the next backup may have this name
        with suppress(OSError):
            folder.rename(partial_folder)
        raise


def write_manifest(writer: ArchiveWriter, manifest: BackupManifest) -> None:
    """Write the manifest into the folder of the backup, and sync the whole folder to the disk. The caller must have
    added all files before."""
    content = {"format": FORMAT_NAME, **asdict(manifest)}
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    content_hash = hashlib.sha256(text.encode()).hexdigest()
    file = writer.create_file(MANIFEST_NAME)
    file.write_text(
        json.dumps({"sha256": content_hash, "content": content}, ensure_ascii=False, indent=1, sort_keys=True)
    )
    sync_file(file)
    for folder, _, _ in os.walk(writer.folder):
        sync_folder(Path(folder))


def read_manifest(folder: Path) -> BackupManifest:
    """Return the manifest of the backup at `folder`. Raises ConsoleError `bad_backup` with one of four problems.
    incomplete: there is no manifest. manifest: the manifest was altered, isn't a manifest, or is larger than
    LARGEST_MANIFEST_BYTES. format: a newer program made it. unreadable: this program may not read it.
    """
    file = folder / MANIFEST_NAME
    try:
        if not is_ordinary_file(file):
            raise make_bad_backup_error(BackupProblem.NO_MANIFEST, str(folder))
        if file.stat().st_size > LARGEST_MANIFEST_BYTES:
            raise make_bad_backup_error(BackupProblem.MANIFEST_DAMAGED, MANIFEST_NAME)
        manifest_json = json.loads(file.read_bytes())
        content = manifest_json["content"]
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
        if hashlib.sha256(text.encode()).hexdigest() != manifest_json["sha256"]:
            raise make_bad_backup_error(BackupProblem.MANIFEST_DAMAGED, MANIFEST_NAME)
        _require_known_format(content.pop("format"))
        return _parse_manifest(content)
    except PermissionError:
        raise make_bad_backup_error(BackupProblem.FILE_UNREADABLE, str(file)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise make_bad_backup_error(BackupProblem.MANIFEST_DAMAGED, MANIFEST_NAME) from None


def _require_known_format(format_name: str) -> None:
    """Raise ConsoleError `bad_backup` (format) if a newer program made the manifest with this format, and ValueError
    or AttributeError if no version of this program writes the format."""
    if format_name == FORMAT_NAME:
        return
    version = int(format_name.removeprefix(_FORMAT_PREFIX))
    if version <= FORMAT_VERSION:
        raise ValueError("not a format of a backup")
    raise make_newer_format_error(MANIFEST_NAME, version, FORMAT_VERSION)


def _parse_manifest(content: dict[str, Any]) -> BackupManifest:
    """Parse the JSON content of a manifest and return the manifest. The content is checked, because any person may
    have written the file. Raises ValueError, KeyError, TypeError or AttributeError for a content that
    `write_manifest` doesn't write."""
    files = {_require_relative_path(name): _parse_backup_file(**file) for name, file in content.pop("files").items()}
    unreadable_paths = content.pop("unreadable")
    if not isinstance(unreadable_paths, list):
        raise TypeError("no list of paths")
    manifest = BackupManifest(**content, files=files, unreadable=tuple(unreadable_paths))
    facts = (manifest.version, manifest.schema, manifest.database_id, manifest.kind, manifest.taken_at)
    texts = (*facts, *unreadable_paths, "" if manifest.store_key is None else manifest.store_key)
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("no text")
    taken_at = datetime.fromisoformat(manifest.taken_at)
    if taken_at.tzinfo is not UTC or format_backup_time(taken_at) != manifest.taken_at:
        raise ValueError("no instant in UTC")
    return manifest


def format_backup_time(instant: datetime) -> str:
    """Return the instant of a backup, which is in UTC, as the manifest contains it (RFC 3339, whole seconds)."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _parse_backup_file(bytes: int, sha256: str) -> BackupFile:
    if type(bytes) is not int or type(sha256) is not str:
        raise TypeError("no length, or no hash")
    return BackupFile(bytes, sha256)


def require_intact_files(folder: Path, manifest: BackupManifest) -> None:
    """Read every file of the backup and compare it with the manifest. Raises ConsoleError `bad_backup` with the name
    of the first wrong file: missing (there is no such file), unreadable (this program may not read it) or altered
    (its length or SHA-256 isn't that of the manifest, or the disk can't read it).
    """
    for name, expected in manifest.files.items():
        file = folder.joinpath(*PurePosixPath(name).parts)
        try:
            if not is_ordinary_file(file):
                raise make_bad_backup_error(BackupProblem.FILE_MISSING, name)
            if file.stat().st_size != expected.bytes or hash_file(file) != expected.sha256:
                raise make_bad_backup_error(BackupProblem.FILE_ALTERED, name)
        except PermissionError:
            raise make_bad_backup_error(BackupProblem.FILE_UNREADABLE, str(file)) from None
        except OSError:  # the disk can't read it, or no file can have this name
            raise make_bad_backup_error(BackupProblem.FILE_ALTERED, name) from None


def make_bad_backup_error(problem: BackupProblem, file: str) -> ConsoleError:
    """Return the error `bad_backup` with this problem. `file`: the file or folder that has the problem."""
    return ConsoleError(ErrorCode.BAD_BACKUP, {"problem": problem, "file": file})


def make_newer_format_error(file: str, file_version: int, newest_readable_version: int) -> ConsoleError:
    """Return the error `bad_backup` (format) for a file of the backup that a newer program has written: the version
    of the file is newer than the newest one that this program reads."""
    facts: BadBackupDetail = {
        "problem": BackupProblem.NEWER_FORMAT,
        "file": file,
        "found": file_version,
        "needed": newest_readable_version,
    }
    return ConsoleError(ErrorCode.BAD_BACKUP, facts)


def hash_file(file: Path) -> str:
    """Return the SHA-256 (hex) of the file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _require_relative_path(name: str) -> str:
    """Return `name` if it is a normalised relative path to a file below the folder of the backup. Raises ValueError
    for any other text, and for a name with characters that the file names of a backup never contain, such as a zero
    byte."""
    path = PurePosixPath(name)
    if (
        not name.isprintable()
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or not path.parts
        or str(path) != name
    ):
        raise ValueError("no path in the folder")
    return name
