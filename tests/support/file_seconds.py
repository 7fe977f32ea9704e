"""Divides the test files among the worker processes, and runs the slowest files first, by the seconds of each file.

`file_seconds.txt` has the seconds of each slow file with all variants of its tests, `drawn_file_seconds.txt` those of
a run that draws variants (drawn_variants.py). Approximate values are enough, so the files may be old. `make nightly
ARGS=--keep-seconds` and `make test ARGS=--keep-seconds` measure the seconds and write the files anew, so they must
run all tests.

xdist lets each worker process collect all tests. With `--divide-files` and `--dist each`, a worker process collects
and runs only the files of its own part. So each file is collected once, not once by each worker process.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

SECONDS_TABLE_FILE = Path(__file__).with_name("file_seconds.txt")
DRAWN_SECONDS_TABLE_FILE = Path(__file__).with_name("drawn_file_seconds.txt")
_MIN_FILE_SECONDS = 1.5
"""Files whose tests take less together are left out of the tables."""
_SECONDS_OF_UNLISTED_FILE = 0.7


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-seconds", action="store_true", help="write the seconds of tests and files into tables")
    parser.addoption(
        "--divide-files", action="store_true", help="each worker process runs its own part of the files (--dist each)"
    )


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is None:
        if config.getoption("--keep-seconds"):
            config.pluginmanager.register(_Stopwatch(_find_seconds_table(config)))
        if config.getoption("--divide-files"):
            config.pluginmanager.register(_TestCounter())
    elif config.getoption("--divide-files"):
        files = [
            path.relative_to(config.rootpath).as_posix()
            for folder in config.getini("testpaths")
            for path in (config.rootpath / folder).rglob("test_*.py")
        ]
        parts = divide_files(files, read_seconds_table(_find_seconds_table(config)), worker["workercount"])
        own_files = parts[int(worker["workerid"].removeprefix("gw"))]
        config.pluginmanager.register(_FilesOfOtherWorkers({*files} - own_files))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests by the seconds of their files, after their random order was chosen. Tests of files that aren't
    in the table stay in the random order.
    """
    seconds = read_seconds_table(_find_seconds_table(config))
    items.sort(key=lambda item: -seconds.get(_get_file(item.nodeid), 0))


def _find_seconds_table(config: pytest.Config) -> Path:
    """Return the path of the table for this run."""
    return SECONDS_TABLE_FILE if config.getoption("--draw-variants") is None else DRAWN_SECONDS_TABLE_FILE


def read_seconds_table(path: Path = SECONDS_TABLE_FILE) -> dict[str, int]:
    """Return the seconds of each slow test file, by its path relative to the root of the project."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {file: int(seconds) for seconds, file in lines}


def divide_files(files: Collection[str], seconds: Mapping[str, int], part_count: int) -> Sequence[set[str]]:
    """Divide the files into this number of parts that take about the same time. `seconds` has the seconds of the slow
    files. The result depends only on the arguments, so all worker processes compute the same parts.
    """
    parts: list[set[str]] = [set() for _ in range(part_count)]
    seconds_of_part = [0.0] * part_count
    expected = {file: seconds.get(file, _SECONDS_OF_UNLISTED_FILE) for file in files}
    for file in sorted(files, key=lambda one: (-expected[one], one)):
        shortest = seconds_of_part.index(min(seconds_of_part))
        parts[shortest].add(file)
        seconds_of_part[shortest] += expected[file]
    return parts


def _get_file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class _FilesOfOtherWorkers:
    """Leaves the files of the other worker processes out of the collection of this one."""

    def __init__(self, files: Collection[str]) -> None:
        self._files = files

    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        """Return True for a file of another worker process, so that this one doesn't even import it."""
        if not collection_path.is_relative_to(config.rootpath):
            return None
        return True if collection_path.relative_to(config.rootpath).as_posix() in self._files else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remove the tests of a file that the command line names: pytest never ignores such a file."""
        items[:] = [item for item in items if _get_file(item.nodeid) not in self._files]


class _TestCounter:
    """Corrects the number of tests from which pytest computes its progress in percent: xdist keeps the number of the
    worker process that has collected last. Fails the run if a worker process dies.
    """

    def __init__(self) -> None:
        self._count = 0
        self._session: pytest.Session | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._count += len(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        """Fail the run if a worker process dies, also while it collects: no other one runs its part, and xdist
        reports the death as a failure only after the collection. `error` is None if the process ended as usual.
        """
        if error is not None and self._session is not None:
            self._session.testsfailed += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        if self._session is not None:
            self._session.testscollected = self._count


class _Stopwatch:
    """Adds up the real time (seconds) of the tests of each file over all worker processes, and writes the table."""

    def __init__(self, table: Path) -> None:
        self._table = table
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[_get_file(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        rows = [(round(seconds), file) for file, seconds in self._seconds.items() if seconds >= _MIN_FILE_SECONDS]
        lines = [f"{seconds:4} {file}\n" for seconds, file in sorted(rows, key=lambda row: (-row[0], row[1]))]
        self._table.write_text("".join(lines), encoding="utf-8")
