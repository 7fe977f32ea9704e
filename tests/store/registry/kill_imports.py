"""Kills a forked import at its first line, at its second line, and so on, and at some later lines that run
repeatedly. After each death it checks the registry and continues the import.

Runs as a process of its own, because a process that forks must have no threads. Arguments: `whole|difference FOLDER
EACH`: the import is killed at every EACHth line. It prints how many imports were killed.
"""

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from console.store.registry import import_whole, source_file
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.registry_file import find_registry_file, open_for_reading
from tests.store.registry.files import WHOLE, number, row, write_file

WATCHED = ("import_whole.py", "import_difference.py", "import_files.py", "registry_file.py", "progress.py")
LATER_DEATHS = 40
NEXT, DIFFERENCE = "00_zenkoku_all_20251128", "diff_20251201"
Tracer = Callable[[FrameType, str, Any], Any]


def main(scenario: str, folder: Path, each: int) -> int:
    registry = folder / "registry"
    base, names = prepare(scenario, folder)
    reset(base, registry)
    lines = count_lines(registry, folder, names)
    later = random.Random(1).sample(range(lines), LATER_DEATHS // each)
    deaths, is_first = 0, True
    for tracer in (*(at_new_line(index) for index in range(0, 10_000, each)), *map(at_line, later)):
        if is_first or tracer.__name__ == "later":
            reset(base, registry)
            if not dies(registry, folder, names, tracer):
                is_first = False
                continue
            deaths += 1
            look(registry, folder, names)
    return deaths


def prepare(scenario: str, folder: Path) -> tuple[Path, list[str]]:
    """Write the files, create the registry with which the scenario begins, and return it with the names of the files
    to import. Blocks and commits are small, so that an import has many steps."""
    source_file._BLOCK_BYTES, import_whole._BLOCKS_PER_COMMIT = 500, 2
    rows = [row(index) for index in range(12)]
    write_file(folder, WHOLE, rows)
    write_file(folder, NEXT, [*rows, row(20)])
    write_file(folder, DIFFERENCE, [row(0, name="新商号"), row(21), row(1, process="99")])
    first, names = {"whole": ([WHOLE], [NEXT, DIFFERENCE]), "difference": ([NEXT], [DIFFERENCE])}[scenario]
    base = folder / f"before {scenario}"
    take(base, folder, first)
    return base, names


def take(registry: Path, folder: Path, names: list[str]) -> None:
    import_registry_files(registry, [folder / f"{name}.zip" for name in names])


def reset(base: Path, registry: Path) -> None:
    shutil.rmtree(registry, ignore_errors=True)
    shutil.copytree(base, registry)


def look(registry: Path, folder: Path, names: list[str]) -> None:
    """Check that the registry in use is complete, as before or as after the import. Continue the import to its end,
    and check that a reader that was open all the time sees the result."""
    reader = open_registry(registry)
    assert reader is not None
    is_done = reader.find(number(21)) is not None
    check(reader.read_status().rows, is_done)
    integrity(registry)
    if not is_done or len(names) > 1:
        take(registry, folder, names)
    check(reader.read_status().rows, True)
    renamed = reader.find(number(0))
    assert renamed is not None
    assert (renamed.name, reader.find(number(1)), reader.find(number(21)) is None) == ("新商号", None, False)
    assert len(reader.read_status().files) == 2
    integrity(registry)
    reader.close()
    assert len([path for path in registry.iterdir() if path.is_dir()]) == 1


def check(rows: int, is_done: bool) -> None:
    assert rows == 13 if is_done else rows in (12, 13), rows


def integrity(registry: Path) -> None:
    file = find_registry_file(registry)
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def dies(registry: Path, folder: Path, names: list[str], tracer: Tracer) -> bool:
    """Import in a fork under the tracer, and return True if it was killed."""
    child = os.fork()
    if child == 0:
        sys.settrace(tracer)
        take(registry, folder, names)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def is_watched(frame: FrameType) -> bool:
    return frame.f_code.co_filename.endswith(WATCHED) and "registry" in frame.f_code.co_filename


def at_new_line(index: int) -> Tracer:
    """Return a tracer that kills at the line number `index`, counting only lines that have not run before."""
    seen: set[tuple[str, int]] = set()

    def new(frame: FrameType, event: str, _: Any) -> Any:
        if not is_watched(frame):
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) > index:
                os.kill(os.getpid(), signal.SIGKILL)
        return new

    return new


def at_line(index: int) -> Tracer:
    """Return a tracer that kills at the line number `index`, counting all lines that run."""
    passed = [0]

    def later(frame: FrameType, event: str, _: Any) -> Any:
        if not is_watched(frame):
            return None
        if event == "line":
            passed[0] += 1
            if passed[0] > index:
                os.kill(os.getpid(), signal.SIGKILL)
        return later

    return later


def count_lines(registry: Path, folder: Path, names: list[str]) -> int:
    passed = [0]

    def counted(frame: FrameType, event: str, _: Any) -> Any:
        if not is_watched(frame):
            return None
        passed[0] += event == "line"
        return counted

    sys.settrace(counted)
    take(registry, folder, names)
    sys.settrace(None)
    return passed[0]


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
