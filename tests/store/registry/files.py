"""Creates small files in the format of the corporation registry's publisher, for tests."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from console.domain.corporation_number import compute_check_digit
from console.store.registry.file_rows import FileColumns
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import RegistryReader, open_registry

WHOLE_FILE_NAME = "00_zenkoku_all_20251031"
"""Name of a whole file of 2025-10-31, which is a Friday."""
_DEFAULT_DAY = "2025-10-01"
"""Day of a row whose day isn't given, in a whole file."""


def make_corporation_number(index: int) -> str:
    """Return the corporation number of the invented corporation with this index."""
    base = f"{990_000_000_000 + index}"
    return compute_check_digit(base) + base


def make_row(index: int, **fields: str) -> list[str]:
    """Return the fields of a row of the publisher's file, in the file's sequence. Fields that are not in `fields`,
    by column name, are those of an ordinary open company in Tokyo.
    """
    values = {
        "sequence_number": str(index + 1),
        "corporate_number": make_corporation_number(index),
        "process": "01",
        "correct": "0",
        "update_date": _DEFAULT_DAY,
        "change_date": "2015-10-05",
        "name": f"株式会社見本{index}",
        "kind": "301",
        "prefecture_name": "東京都",
        "city_name": "千代田区",
        "street_number": f"霞が関３丁目１－{index}",
        "prefecture_code": "13",
        "city_code": "101",
        "post_code": "1000013",
        "assignment_date": "2015-10-05",
        "latest": "1",
        "furigana": "ミホン",
        "hihyoji": "0",
    } | fields
    assert set(values) <= set(FileColumns._fields)
    return [values.get(name, "") for name in FileColumns._fields]


def make_csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as CSV in the publisher's format."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def write_zip(folder: Path, name: str, content: bytes, other_files: Mapping[str, bytes] | None = None) -> Path:
    """Write NAME.zip into the folder, and return its path. The archive contains NAME.csv, its signature and other
    files."""
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", content)
        for other, bytes_of in (
            {f"{name}.csv.asc": b"-----BEGIN PGP SIGNATURE-----"} | dict(other_files or {})
        ).items():
            archive.writestr(other, bytes_of)
    return path


def write_file(folder: Path, name: str, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    """Write a ZIP file in the publisher's format with these rows, and return its path. In a difference, a row whose
    day isn't given is of the day in the file's name."""
    if name.startswith("diff_"):
        day, column = date.fromisoformat(name[5:13]).isoformat(), FileColumns._fields.index("update_date")
        rows = [[*row[:column], day, *row[column + 1 :]] if row[column] == _DEFAULT_DAY else row for row in rows]
    return write_zip(folder, name, make_csv_text(rows).encode(encoding))


def make_registry(folder: Path, rows: Sequence[Sequence[str]]) -> RegistryReader:
    """Write a whole file of these rows into `folder`, import it into a registry there, and open this registry."""
    import_registry_files(folder / "registry", [write_file(folder, WHOLE_FILE_NAME, rows)])
    reader = open_registry(folder / "registry")
    assert reader is not None
    return reader
