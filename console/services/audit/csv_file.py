"""Write the exported audit trail as a CSV file in UTF-8 with a byte order mark. The module escapes cells that a
spreadsheet would read as a formula."""

import csv
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from pathlib import Path

from console.domain.exports.tables import FORMULA_CHARACTERS
from console.services.process.new_file import open_new_file
from console.settings.unfinished_files import UnfinishedFile


def write_csv(
    path: Path,
    header_rows: Sequence[Sequence[str]],
    rows: Iterable[Sequence[str]],
    publish: Callable[[UnfinishedFile, int, str], object],
) -> int:
    """Write `header_rows` and then `rows` to the new CSV file `path`, which only the present user of the machine can
    read. Return the number of `rows`. `publish` is called with the draft of the complete file, this number and the
    file's SHA-256, and gives the file its name. Raises usage if the file exists or its folder doesn't exist, and
    storage_full if the file can't be written.
    """
    row_count = 0
    with open_new_file(path) as draft:
        text_file = TextIOWrapper(draft.file, encoding="utf-8-sig", errors="backslashreplace", newline="")
        try:
            writer = csv.writer(text_file)
            writer.writerows(map(escape_formulas, header_rows))
            for row in rows:
                writer.writerow(escape_formulas(row))
                row_count += 1
        finally:
            text_file.detach()  # writes the buffered text; the draft closes the file
        sha256 = draft.compute_length_and_sha256()[1]
        publish(draft, row_count, sha256)
    return row_count


def escape_formulas(cells: Sequence[str]) -> list[str]:
    """Return the cells, each as text that no spreadsheet reads as a formula: a cell that begins with one of
    FORMULA_CHARACTERS gets an apostrophe in front."""
    return ["'" + text if text.startswith(FORMULA_CHARACTERS) else text for text in cells]
