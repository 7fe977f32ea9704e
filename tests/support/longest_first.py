"""Begins the files of tests that take longest first: none is left for the end, when other workers have no more to do.

`longest_files.txt` has the seconds of each file that takes some, the longest first. Only the order counts, so it may
be old. `make nightly ARGS=--keep-seconds` writes it from what it measures.
"""

from collections import defaultdict
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("longest_files.txt")
_SHORTEST_TIMEOUT_SECONDS = 1.5


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-seconds", action="store_true", help=f"write the seconds of each file into {TABLE.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--keep-seconds") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Stopwatch())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After the order was drawn: files that aren't in the table keep it."""
    seconds = read_table()
    items.sort(key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0))


def read_table() -> dict[str, int]:
    """The seconds of each file, by its path from the root of the project."""
    lines = (line.split() for line in TABLE.read_text(encoding="utf-8").splitlines())
    return {path: int(seconds) for seconds, path in lines}


class _Stopwatch:
    """Adds up the wall time of all tests of a file, on whichever worker they ran."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        rows = sorted(
            (-round(seconds), path) for path, seconds in self._seconds.items() if seconds >= _SHORTEST_TIMEOUT_SECONDS
        )
        TABLE.write_text("".join(f"{-seconds:4} {path}\n" for seconds, path in rows), encoding="utf-8")
