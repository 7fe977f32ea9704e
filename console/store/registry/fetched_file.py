"""Writes the changes of one day, as the publisher's Web-API returned them, into a file of the same form as the
publisher's differences. So the import handles such a file like a difference of the publisher."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

from console.settings.private_files import make_private_folder
from console.store.spool.sqlite_file import translate_errors

FETCHED_FOLDER_NAME = "fetched"


@contextmanager
def create_difference_file(
    registry_folder: Path, day: date
) -> Iterator[tuple[Path, Callable[[Sequence[str]], None]]]:
    """Context manager: create the file `diff_YYYYMMDD.zip` for the day in the folder `fetched` of the registry's
    folder; yield its path and a function that adds lines of CSV (without line breaks) to it. The file is complete at
    the end of the block, and deleted if the block raises an exception. Raises ConsoleError `storage_full` if the file
    can't be written."""
    folder = registry_folder / FETCHED_FOLDER_NAME
    path = folder / f"diff_{day:%Y%m%d}.zip"
    try:
        with translate_errors(path):
            make_private_folder(folder)
            with (
                zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
                archive.open(f"{path.stem}.csv", "w", force_zip64=True) as csv_file,
            ):
                yield path, lambda lines: _write_lines(csv_file.write, lines)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def delete_imported_difference_files(registry_folder: Path, registry_date: date) -> None:
    """Delete the files of `create_difference_file` of days up to the registry's date. A process that was killed after
    an import has left them."""
    last_name = f"diff_{registry_date:%Y%m%d}.zip"
    for path in (registry_folder / FETCHED_FOLDER_NAME).glob("diff_*.zip"):
        if path.name <= last_name:
            path.unlink(missing_ok=True)


def _write_lines(write: Callable[[bytes], object], lines: Sequence[str]) -> None:
    if lines:
        write(("\n".join(lines) + "\n").encode("utf-8"))
