"""Runs the slowest test files first, so that at the end of a run all worker processes are busy.

`longest_files.txt` has the seconds of each slow file, the slowest first. Only the order is used, so the file may be
old. `make nightly ARGS=--keep-seconds` measures the seconds and writes the file; `make test ARGS=--keep-seconds` adds
rows for files that have none.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

LONGEST_FILES_TABLE = Path(__file__).with_name("longest_files.txt")
_MIN_FILE_SECONDS = 1.5
"""Files whose tests take less together are left out of the table."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-seconds", action="store_true", help=f"write the seconds of each file into {LONGEST_FILES_TABLE.name}"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--keep-seconds") and not hasattr(config, "workerinput"):
        is_whole_run = config.getoption("--draw-variants") is None
        config.pluginmanager.register(_Stopwatch({} if is_whole_run else read_longest_files_table()))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by the seconds of their files, after their random order was chosen. Tests of files that aren't
    in the table stay in the random order.
    """
    seconds = read_longest_files_table()
    items.sort(key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0))


def read_longest_files_table() -> dict[str, int]:
    """Return the seconds of each slow test file, by its path relative to the root of the project."""
    lines = (line.split() for line in LONGEST_FILES_TABLE.read_text(encoding="utf-8").splitlines())
    return {path: int(seconds) for seconds, path in lines}


class _Stopwatch:
    """Adds up the real time (seconds) of the tests of each file over all worker processes, and writes the table.
    `kept_rows` are the rows that stay as they are: those of a run that does not measure each variant.
    """

    def __init__(self, kept_rows: Mapping[str, int]) -> None:
        self._kept_rows = kept_rows
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        measured = {path: round(seconds) for path, seconds in self._seconds.items() if seconds >= _MIN_FILE_SECONDS}
        rows = {**measured, **self._kept_rows}
        lines = [f"{seconds:4} {path}\n" for path, seconds in sorted(rows.items(), key=lambda row: (-row[1], row[0]))]
        LONGEST_FILES_TABLE.write_text("".join(lines), encoding="utf-8")
