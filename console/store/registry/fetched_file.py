"""Writes the rows of a day, as the Web-API returned them, into a file of the publisher's form, so that both are
imported in the same way.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from console.settings.private_files import make_private_folder

FOLDER_NAME = "fetched"


@contextmanager
def open_fetched_difference(
    registry_folder: Path, day: date
) -> Iterator[tuple[Path, Callable[[Sequence[str]], None]]]:
    """Open a new file `diff_YYYYMMDD.zip`; yield its path and a function that adds lines of CSV. The block must
    end before the file is read. If the block ends with an exception, the file is deleted.
    """
    folder = registry_folder / FOLDER_NAME
    make_private_folder(folder)
    path = folder / f"diff_{day:%Y%m%d}.zip"
    try:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(f"{path.stem}.csv", "w", force_zip64=True) as csv_file,
        ):
            yield path, lambda lines: _write_lines(csv_file.write, lines)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_lines(write: Callable[[bytes], object], lines: Sequence[str]) -> None:
    if lines:
        write(("\n".join(lines) + "\n").encode("utf-8"))
