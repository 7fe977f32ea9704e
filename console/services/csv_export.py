"""Tables as files for a spreadsheet: CSV in UTF-8 with signature, no cell of which is taken for a formula."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from console.domain.errors import ConsoleError


def write(path: Path, heads: Sequence[Sequence[str]], rows: Iterable[Sequence[str]]) -> int:
    """Write a new file, row by row as they come; how many rows stand below the heads.

    Raises usage for a file that exists, storage_full.
    """
    count = 0
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerows(map(safe, heads))
            for row in rows:
                writer.writerow(safe(row))
                count += 1
    except FileExistsError as exists:
        raise ConsoleError("usage", {"problem": "file_exists", "file": str(path)}) from exists
    except OSError as trouble:
        raise ConsoleError("storage_full", {"file": str(path), "problem": str(trouble)}) from trouble
    return count


def safe(cells: Sequence[str]) -> list[str]:
    """Cells that no spreadsheet takes for a formula: a leading trigger gets an apostrophe before it.

    Triggers: OWASP's list for CSV injection, their full-width twins and line feed.
    """
    return ["'" + text if text[:1] in tuple("=+-@\t\r\n＝＋－＠") and text else text for text in cells]
