"""The watched folder, in which the publisher's files appear, and the state of these files at the last check.

The folder belongs to a download job or a person, so the worker writes nothing into it. It stores the state in
`watched.json` in the registry's own folder.
"""

import json
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.file_problems import RegistryFileProblem
from console.domain.registry.import_plan import PublishedFile, parse_file_name
from console.settings.private_files import make_private_folder, open_ordinary_file
from console.store.documents.zip_directory import measure_zip_directory_bytes
from console.store.registry.source_file import MAX_DIRECTORY_BYTES, make_bad_file_error
from console.store.spool.sqlite_file import translate_errors

STATE_FILE_NAME = "watched.json"
WatchedFileStamp = tuple[int, int]
"""Size in bytes and time of the last change (nanoseconds) of a file."""


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that an import refused: the code and detail of the error. The refusal counts only while the size and the
    time of the file (`stamp`) are unchanged."""

    stamp: WatchedFileStamp
    code: str
    detail: Mapping[str, Any]

    def make_error(self) -> ConsoleError:
        """Return the error with which the import refused the file."""
        return rebuild_error(ErrorCode(self.code), self.detail)


class WatchedFolder:
    """The publisher's files in the watched folder `folder`. `state_folder` is the registry's own folder, in which
    their state is stored. A missing watched folder has no files. If this folder can't be read, every method except
    `get_path_of` raises ConsoleError `bad_registry_file`; if the state can't be written, `storage_full` is raised."""

    def __init__(self, folder: Path, state_folder: Path) -> None:
        self._folder, self._state_folder = folder, state_folder
        self._state_file = state_folder / STATE_FILE_NAME

    def get_path_of(self, file: PublishedFile) -> Path:
        """Return the path of the file in the watched folder."""
        return self._folder / file.name

    def list_complete_files(self) -> tuple[PublishedFile, ...]:
        """Return the files that are no longer being copied: those with a complete ZIP, and those that haven't
        changed since the last check. A truncated ZIP is therefore returned at the second check, and its import
        reports the error.
        """
        stamps = self._read_file_stamps()
        former_stamps = self._read_state("seen")
        self._write_state("seen", {file.name: stamp for file, stamp in stamps.items()})
        return tuple(
            file
            for file, stamp in stamps.items()
            if former_stamps.get(file.name) == list(stamp) or _is_whole_zip(self.get_path_of(file))
        )

    def list_future_files(self, today: date) -> tuple[PublishedFile, ...]:
        """Return the files of days after `today`, sorted by their days."""
        return tuple(sorted(file for file in self._read_file_stamps() if file.day > today))

    def find_refused_file(self, files: Collection[PublishedFile]) -> RefusedFile | None:
        """Return the first of these files that an import refused and that hasn't changed since; None if there is
        none."""
        refusals_by_name = self._read_state("refused")
        stamps = {file.name: stamp for file, stamp in self._read_file_stamps().items()}
        for file in sorted(files):
            refusal = _parse_refusal(refusals_by_name.get(file.name))
            if refusal is not None and refusal.stamp == stamps.get(file.name):
                return refusal
        return None

    def store_refusal(self, file_name: str, error: ConsoleError) -> None:
        """Store the error with which the import refused this file. The refusal counts until the file changes or is
        deleted. Nothing is stored for a file that isn't in the watched folder.
        """
        stamps = {file.name: stamp for file, stamp in self._read_file_stamps().items()}
        refusals_by_name = {
            name: known_refusal for name, known_refusal in self._read_state("refused").items() if name in stamps
        }
        if file_name in stamps:
            refusals_by_name[file_name] = {
                "stamp": stamps[file_name],
                "code": error.code,
                "detail": dict(error.detail),
            }
        self._write_state("refused", refusals_by_name)

    def _read_file_stamps(self) -> dict[PublishedFile, WatchedFileStamp]:
        """Return the publisher's files in the watched folder, each with its size and time of the last change. A
        missing folder has none."""
        try:
            paths = list(self._folder.iterdir())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise make_bad_file_error(str(self._folder), RegistryFileProblem.FILE_UNREADABLE) from error
        stamps = {}
        for path in paths:
            file = parse_file_name(path.name)
            if file is not None and path.is_file():
                with suppress(FileNotFoundError):  # deleted just now
                    status = path.stat()
                    stamps[file] = (status.st_size, status.st_mtime_ns)
        return stamps

    def _read_state(self, section: str) -> dict[str, Any]:
        """Return a part of the stored state, by file name: `seen` (size and time at the last check) or `refused` (the
        refusals). Return {} if there is none, or if the file with the state can't be read."""
        try:
            section_content = json.loads(self._state_file.read_text("utf-8"))[section]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}  # forgotten: then the files are looked at again
        return section_content if isinstance(section_content, dict) else {}

    def _write_state(self, section: str, content: Mapping[str, Any]) -> None:
        state = {name: self._read_state(name) for name in ("seen", "refused")} | {section: content}
        with translate_errors(self._state_file):
            make_private_folder(self._state_folder)
            draft = self._state_file.with_suffix(".tmp")
            draft.write_text(json.dumps(state, default=str), "utf-8")
            draft.replace(self._state_file)


def _parse_refusal(stored_refusal: Any) -> RefusedFile | None:
    """Return the stored refusal of a file. None if there is none, or if this program can't read it, as after a return
    to an older version: then the file is read and refused again."""
    try:
        size, changed_at = stored_refusal["stamp"]
        refusal = RefusedFile((size, changed_at), stored_refusal["code"], dict(stored_refusal["detail"]))
        is_readable = all(isinstance(fact, str | int | list | None) for fact in refusal.detail.values())
        return refusal if is_readable and isinstance(refusal.make_error(), ConsoleError) else None
    except (KeyError, TypeError, ValueError):
        return None


def _is_whole_zip(path: Path) -> bool:
    """True if the directory at the end of the ZIP can be read and lists a file; False for a file that is still being
    copied.

    `zipfile` raises NotImplementedError for a version that it doesn't support. A directory that is too large isn't
    read: this function returns True, and the import then refuses the file.
    """
    with suppress(OSError, zipfile.BadZipFile, ValueError, NotImplementedError), open_ordinary_file(path) as file:
        if measure_zip_directory_bytes(file) > MAX_DIRECTORY_BYTES:
            return True
        with zipfile.ZipFile(file) as archive:
            return bool(archive.infolist())
    return False
