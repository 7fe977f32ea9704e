"""Temporary files and folders. They may be on another disk than the file that is being written, so their errors name
the folder of temporary files."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from console.store.spool.sqlite_file import translate_errors


class _TemporaryRawFile(io.FileIO):
    """An unbuffered temporary file. A write that fails raises ConsoleError `storage_full` with the folder of
    temporary files."""

    def write(self, data: Any, /) -> int:
        with translate_errors(get_temporary_folder()):
            return super().write(data)


@contextmanager
def open_temporary_file() -> Iterator[BinaryIO]:
    """Context manager: yield a new file for writing and reading, which is deleted at the end of the block. Raises
    ConsoleError `storage_full` with the folder of temporary files if the file can't be created or written."""
    with translate_errors(get_temporary_folder()):
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed below
    with file, io.BufferedRandom(_TemporaryRawFile(file.fileno(), "r+b", closefd=False)) as buffered_file:
        yield cast(BinaryIO, buffered_file)


@contextmanager
def open_temporary_folder() -> Iterator[Path]:
    """Context manager: yield a new folder, which is deleted at the end of the block with everything in it. Raises
    ConsoleError `storage_full` with the folder of temporary files if the folder can't be created."""
    with translate_errors(get_temporary_folder()):
        folder = tempfile.TemporaryDirectory(prefix="support-console-", ignore_cleanup_errors=True)
    with folder as path:
        yield Path(path)


def get_temporary_folder() -> Path:
    """Return the folder in which temporary files are created. Errors about temporary files name this folder. If no
    folder could be used, return the first one that the operating system offers."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(tempfile._candidate_tempdir_list()[0])  # type: ignore[attr-defined]  # the list that gettempdir tried
