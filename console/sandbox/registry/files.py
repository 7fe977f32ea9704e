"""The publisher's files: a ZIP of one CSV file and its signature, for the whole registry or for one day's changes."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Literal

from console.sandbox.registry.changes import invent_changes
from console.sandbox.registry.invented_registry import ROWS_PER_BLOCK, InventedRegistry
from console.sandbox.registry.prefectures import PREFECTURES
from console.sandbox.registry.rows import RegistryRow, format_csv_line

Encoding = Literal["utf-8", "shift_jis"]
_CODEC_BY_ENCODING = {"utf-8": "utf-8", "shift_jis": "cp932"}
_LINE_END_BY_ENCODING = {"utf-8": "\n", "shift_jis": "\r\n"}
# The edition in Shift_JIS has characters of JIS levels 1 and 2 only; others are replaced by the usual form.
_REPLACE_UNUSUAL_KANJI_TABLE = str.maketrans("髙﨑", "高崎")
_PGP_SIGNATURE = (
    b"-----BEGIN PGP SIGNATURE-----\n\ninvented by the sandbox: it signs nothing\n-----END PGP SIGNATURE-----\n"
)


def write_whole_file(
    folder: Path,
    day: date,
    row_count: int,
    seed: int,
    *,
    encoding: Encoding = "utf-8",
    prefecture: str | None = None,
    first_rows: Iterable[RegistryRow] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Write a whole file of the registry into `folder`, for the nation or for one prefecture (its code of two
    digits), and return its path: `00_zenkoku_all_YYYYMMDD.zip`, `13_tokyo_all_YYYYMMDD.zip`. The file has the rows
    `first_rows`, then `row_count` invented corporations, which are the same for the same `seed`. Memory doesn't grow
    with `row_count`. If `should_stop` returns True, writing stops, and the file ends after the rows written so far.
    """
    registry = InventedRegistry(row_count, seed, day, prefecture)
    place_in_name = next(
        (f"{entry.code}_{entry.romaji.lower()}" for entry in PREFECTURES if entry.code == prefecture), "00_zenkoku"
    )
    blocks = takewhile(lambda _: not should_stop(), _make_whole_blocks(list(first_rows), registry))
    return write_csv_zip(folder, f"{place_in_name}_all_{day:%Y%m%d}", blocks, encoding)


def write_difference_file(
    folder: Path,
    day: date,
    row_count: int,
    seed: int,
    *,
    encoding: Encoding = "utf-8",
    whole_row_count: int = 0,
    whole_file_day: date | None = None,
    prefecture: str | None = None,
    changes: Sequence[RegistryRow] = (),
) -> Path:
    """Write the publisher's file with the corporations that changed on `day`, and return its path:
    `diff_YYYYMMDD.zip`.

    The file has `row_count` invented rows. If `whole_row_count` is 0, all invented rows are new corporations.
    Otherwise the invented rows change corporations of the whole file that `write_whole_file` writes with
    `whole_row_count` rows, the same seed, `prefecture` (None: the whole nation) and the day `whole_file_day`. If
    `whole_file_day` is None, `day` is used in its place; then the corporations are those of the whole file, but some
    of their dates differ from the dates in the whole file. The file also contains the rows of `changes` (see
    `console.sandbox.registry.changes`); no invented row is about the corporations of `changes`.
    """
    registry = InventedRegistry(whole_row_count, seed, whole_file_day or day, prefecture)
    changed_numbers = frozenset(row.corporate_number for row in changes)
    invented_rows = invent_changes(registry, row_count, day, changed_numbers)
    difference_rows = chain(islice(invented_rows, row_count // 2), changes, invented_rows)
    return write_csv_zip(
        folder, f"diff_{day:%Y%m%d}", _split_into_blocks(_format_numbered_lines(difference_rows)), encoding
    )


def write_csv_zip(folder: Path, name: str, blocks: Iterable[list[str]], encoding: Encoding = "utf-8") -> Path:
    """Write the new file `<name>.zip` into `folder` and return its path. The ZIP file contains `<name>.csv` with
    these blocks of lines in `encoding`, and an invented signature. The same lines give the same bytes."""
    path, codec, line_end = folder / f"{name}.zip", _CODEC_BY_ENCODING[encoding], _LINE_END_BY_ENCODING[encoding]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(_make_zip_entry(f"{name}.csv"), "w", force_zip64=True) as csv_file:
            for block in blocks:
                text = line_end.join(block) + line_end
                csv_file.write(
                    (text.translate(_REPLACE_UNUSUAL_KANJI_TABLE) if encoding == "shift_jis" else text).encode(codec)
                )
        archive.writestr(_make_zip_entry(f"{name}.csv.asc"), _PGP_SIGNATURE)
    return path


def _make_zip_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _format_numbered_lines(rows: Iterable[RegistryRow]) -> Iterator[str]:
    for position, row in enumerate(rows, start=1):
        yield format_csv_line(row._replace(sequence_number=str(position)))


def _split_into_blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    while block := list(islice(lines, ROWS_PER_BLOCK)):
        yield block


def _make_whole_blocks(first_rows: list[RegistryRow], registry: InventedRegistry) -> Iterator[list[str]]:
    """Yield blocks of lines: the lines of the rows `first_rows`, then the lines of the registry, with continuous
    sequence numbers."""
    if not first_rows:
        return registry.iterate_blocks()
    numbered_lines = enumerate(registry.iterate_lines(), start=len(first_rows) + 1)
    renumbered = (f"{position}{line[line.index(',') :]}" for position, line in numbered_lines)
    return _split_into_blocks(chain(_format_numbered_lines(first_rows), renumbered))
