"""Write the exported audit trail as a CSV file in UTF-8 with a byte order mark. Cells that a spreadsheet would
read as a formula are escaped."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import FORMULA_CHARACTERS
from console.domain.reason import ForeignText
from console.settings.private_files import make_private_file


def write_csv(path: Path, heads: Sequence[Sequence[str]], rows: Iterable[Sequence[str]]) -> int:
    """Write the header rows `heads` and then `rows` to the new CSV file `path`, which only the present user of the
    machine can read. Return the number of `rows`.

    Raises usage if the file exists, and storage_full if the file can't be written.
    """
    count = 0
    try:
        if not make_private_file(path):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.FILE_EXISTS, "file": str(path)})
        with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerows(map(escape_formulas, heads))
            for row in rows:
                writer.writerow(escape_formulas(row))
                count += 1
    except OSError as error:
        raise ConsoleError(ErrorCode.STORAGE_FULL, {"file": str(path), "problem": ForeignText(str(error))}) from error
    return count


def escape_formulas(cells: Sequence[str]) -> list[str]:
    """Return the cells, each as text that no spreadsheet reads as a formula: a cell that begins with one of
    FORMULA_CHARACTERS gets an apostrophe in front."""
    return ["'" + text if text.startswith(FORMULA_CHARACTERS) else text for text in cells]
