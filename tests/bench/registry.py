"""Measures the corporation registry: the import of a whole file, compared with reading the CSV and inserting its
rows; the import of a difference; a find by number; and the size of the registry's file.

The sandbox makes the files. Each import runs in a process of its own, so that its memory can be measured.
"""

import csv
import io
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from console.sandbox.registry import write_difference_file, write_whole_file
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import RegistryReader, open_registry
from console.store.registry.registry_file import find_registry_file, open_for_reading
from console.store.registry.schema import COLUMN_LIST_SQL
from tests.bench import registry_search
from tests.bench.figures import (
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)

GOAL_NUMBER = 27
ROW_COUNT = 200_000
DIFFERENCE_ROW_COUNT = 10_000
SEED = 7
_WHOLE_FILE_DAY = date(2025, 10, 31)
_DIFFERENCE_DAY = date(2025, 11, 4)
_ROUND_COUNT = 60
_FINDS_PER_ROUND = 200
_MEMORY_GOAL_MB = 150
_DIFFERENCE_GOAL_SECONDS = 2.0
_ROW_SIZE_GOAL_BYTES = 160
_TEXT_COLUMNS = ("name", "furigana", "english_name", "street", "change_cause", "address_outside")


def measure_rows(goal_numbers: frozenset[int], count: int) -> Iterator[ReportRow]:
    """Measure a registry with `count` corporations, and yield the rows of the report."""
    if GOAL_NUMBER not in goal_numbers:
        return
    from tests.bench import registry_window  # Qt would count as memory of the imports, which begin in this module

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = write_whole_file(folder, _WHOLE_FILE_DAY, count, SEED)
        difference = write_difference_file(folder, _DIFFERENCE_DAY, DIFFERENCE_ROW_COUNT, SEED, whole_row_count=count)
        yield _measure_import(folder, whole, count)
        reader = open_registry(folder / "registry")
        assert reader is not None
        yield _measure_file_size(folder, count)
        yield _measure_find(folder, reader)
        yield registry_search.measure_searches(folder / "registry", reader)
        yield _measure_difference_import(folder, reader, difference, count)
        reader.close()
        yield from registry_window.measure_rows(
            folder,
            registry_search.choose_random_search_texts(folder / "registry", registry_window.TYPED_TEXT_COUNT + 1),
        )


def _measure_import(folder: Path, whole_file: Path, count: int) -> ReportRow:
    bare, _ = _import_in_child("bare", whole_file, folder / "bare.db")
    took, memory = _import_in_child("import", whole_file, folder / "registry")
    name = f"registry: import of {count:,}, {memory:.0f} MB (goal {_MEMORY_GOAL_MB})"
    ratio = took / bare
    is_met = ratio <= 1.5 and memory <= _MEMORY_GOAL_MB
    return ReportRow(
        str(GOAL_NUMBER),
        name,
        format_duration(took),
        f"CSV, bare INSERT {format_duration(bare)}",
        "–",
        format_ratio(ratio),
        "≤ 1.5×",
        is_met,
    )


def _measure_file_size(folder: Path, count: int) -> ReportRow:
    file = find_registry_file(folder / "registry")
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        texts = " + ".join(f"length(CAST({name} AS BLOB))" for name in _TEXT_COLUMNS)
        text_bytes, row_count = connection.execute(f"SELECT sum({texts}), count(*) FROM corporations").fetchone()
    overhead_bytes = (file.stat().st_size - text_bytes) / row_count
    name, floor = "registry: file, bytes a row", f"its texts {text_bytes / row_count:.0f}"
    return ReportRow(
        str(GOAL_NUMBER), name, f"{file.stat().st_size / count:.0f}", floor, "–", f"+{overhead_bytes:.0f}",
        f"+ ≤ {_ROW_SIZE_GOAL_BYTES}", overhead_bytes <= _ROW_SIZE_GOAL_BYTES,
    )  # fmt: skip


def _measure_find(folder: Path, reader: RegistryReader) -> ReportRow:
    file, copy = find_registry_file(folder / "registry"), folder / "keyed.db"
    assert file is not None
    columns = COLUMN_LIST_SQL.replace("number", "number INTEGER PRIMARY KEY", 1)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS registry", (str(file),))
        connection.execute(f"CREATE TABLE keyed ({columns})")
        connection.execute(f"INSERT INTO keyed SELECT {COLUMN_LIST_SQL} FROM registry.corporations ORDER BY number")
        numbers = [row[0] for row in connection.execute("SELECT number FROM keyed")]
        drawn = random.Random(1).sample(numbers, min(len(numbers), _FINDS_PER_ROUND * 50))
        connection.execute("DETACH registry")
        query = f"SELECT {COLUMN_LIST_SQL} FROM keyed WHERE number = ?"
        bare_numbers, searched_numbers = iter(drawn * 9999), iter([f"{number:013}" for number in drawn] * 9999)
        took = measure_alternately(
            {
                "bare": lambda: [
                    connection.execute(query, (next(bare_numbers),)).fetchone() for _ in range(_FINDS_PER_ROUND)
                ],
                "find": lambda: [reader.find(next(searched_numbers)) for _ in range(_FINDS_PER_ROUND)],
            },
            _ROUND_COUNT,
        )
    find, key = (compute_median(took[name]) / _FINDS_PER_ROUND for name in ("find", "bare"))
    name, floor = "registry: by number", f"bare key {format_duration(key)}"
    return ReportRow(
        str(GOAL_NUMBER),
        name,
        format_duration(find),
        floor,
        "–",
        format_ratio(find / key),
        "≤ 1.3×",
        find / key <= 1.3,
    )


def _measure_difference_import(folder: Path, reader: RegistryReader, difference: Path, count: int) -> ReportRow:
    """Measure the import of a difference while another thread reads corporations. Return the row of the report, which
    also has the slowest read."""
    reads: list[float] = []
    numbers = _read_thousand_numbers(folder)
    is_over = threading.Event()

    def read_until_import_ends() -> None:
        chance = random.Random(2)
        while not is_over.is_set():
            began = time.perf_counter()
            reader.find(chance.choice(numbers))
            reads.append(time.perf_counter() - began)
            time.sleep(0.001)

    thread = threading.Thread(target=read_until_import_ends)
    thread.start()
    took, _ = _import_in_child("import", difference, folder / "registry")
    is_over.set()
    thread.join()
    p99, slowest = format_duration(compute_percentile(sorted(reads), 0.99)), format_duration(max(reads))
    waited = f"find meanwhile p99 {p99}, slowest {slowest}"
    name = f"registry: difference of {DIFFERENCE_ROW_COUNT:,} in {count:,}"
    return ReportRow(
        str(GOAL_NUMBER), name, format_duration(took), "–", waited, "–", "≤ 2 s", took <= _DIFFERENCE_GOAL_SECONDS
    )


def _read_thousand_numbers(folder: Path) -> list[str]:
    """Return a thousand corporation numbers of the registry, in the sequence in which its database returns them."""
    file = find_registry_file(folder / "registry")
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        return [f"{row[0]:013}" for row in connection.execute("SELECT number FROM corporations LIMIT 1000")]


def _import_in_child(import_kind: str, source: Path, target: Path) -> tuple[float, float]:
    """Run `main` in a process of its own. Return the duration of the import (seconds) without the start of the
    process, and the largest memory of the process (MB).
    """
    words = [sys.executable, "-m", "tests.bench.registry", import_kind, str(source), str(target)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds, memory = ran.stdout.split()
    return float(seconds), float(memory)


def _insert_without_checks(source: Path, target: Path) -> None:
    """Insert all rows of the CSV file in the ZIP file `source` into a new table of the SQLite file `target`, without
    checks. The table has no index, and SQLite writes no rollback journal."""
    with zipfile.ZipFile(source) as archive, closing(sqlite3.connect(target, isolation_level=None)) as connection:
        name = next(name for name in archive.namelist() if name.endswith(".csv"))
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"CREATE TABLE bare ({', '.join(f'c{index}' for index in range(30))})")
        connection.execute("BEGIN")
        with archive.open(name) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            connection.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * 30)})", csv.reader(text))
        connection.execute("COMMIT")


def main(import_kind: str, source: Path, target: Path) -> None:
    """Import the file `source` into `target`, and print the duration (seconds) and the largest memory (MB). With the
    `import_kind` "bare" the rows of the CSV are only inserted into the SQLite file `target`; otherwise the console
    imports them into the registry in the folder `target`.
    """
    began = time.perf_counter()
    if import_kind == "bare":
        _insert_without_checks(source, target)
    else:
        import_registry_files(target, [source])
    took = time.perf_counter() - began
    print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
