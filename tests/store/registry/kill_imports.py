"""Kills a forked import process at its first line of code, another one at its second line, and so on, and at some
later lines that run repeatedly. After each kill it checks the registry and continues the import.

The module runs as a process of its own, because a process that forks must have no threads. Arguments:
`whole|difference FOLDER EACH`; the import is killed at every EACHth line. It prints the number of killed imports.
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
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file

WATCHED_FILES = ("import_whole.py", "import_difference.py", "import_files.py", "registry_file.py", "progress.py")
RANDOM_KILL_COUNT = 40
NEXT_WHOLE_FILE_NAME, DIFFERENCE_FILE_NAME = "00_zenkoku_all_20251128", "diff_20251201"
Tracer = Callable[[FrameType, str, Any], Any]


def main(scenario: str, folder: Path, kill_every: int) -> int:
    """Import the files of the scenario again and again, each time killed at another line of the import, and check the
    registry after each kill. `kill_every` is the step from one of these lines to the next. Return the number of
    kills.
    """
    registry = folder / "registry"
    base, names = prepare_registry(scenario, folder)
    restore_registry(base, registry)
    lines = count_lines(registry, folder, names)
    later = random.Random(1).sample(range(lines), RANDOM_KILL_COUNT // kill_every)
    deaths = 0
    for tracers in (
        (make_new_line_killer(index) for index in range(0, 10_000, kill_every)),
        map(make_line_killer, later),
    ):
        for tracer in tracers:
            restore_registry(base, registry)
            if not import_until_killed(registry, folder, names, tracer):
                break  # the import has ended before the tracer's line: no later line of this kind is reached
            deaths += 1
            check_registry(registry, folder, names)
    return deaths


def prepare_registry(scenario: str, folder: Path) -> tuple[Path, list[str]]:
    """Write the publisher's files, and create the registry with which the scenario begins. Return the registry's path
    and the names of the files to import. Blocks and commits are small, so that an import has many steps."""
    source_file._BLOCK_BYTES, import_whole._BLOCKS_PER_COMMIT = 500, 2
    rows = [make_row(index) for index in range(12)]
    write_file(folder, WHOLE_FILE_NAME, rows)
    write_file(folder, NEXT_WHOLE_FILE_NAME, [*rows, make_row(20)])
    write_file(folder, DIFFERENCE_FILE_NAME, [make_row(0, name="新商号"), make_row(21), make_row(1, process="99")])
    first, names = {
        "whole": ([WHOLE_FILE_NAME], [NEXT_WHOLE_FILE_NAME, DIFFERENCE_FILE_NAME]),
        "difference": ([NEXT_WHOLE_FILE_NAME], [DIFFERENCE_FILE_NAME]),
    }[scenario]
    base = folder / f"before {scenario}"
    import_files(base, folder, first)
    return base, names


def import_files(registry: Path, folder: Path, names: list[str]) -> None:
    import_registry_files(registry, [folder / f"{name}.zip" for name in names])


def restore_registry(base: Path, registry: Path) -> None:
    shutil.rmtree(registry, ignore_errors=True)
    shutil.copytree(base, registry)


def check_registry(registry: Path, folder: Path, names: list[str]) -> None:
    """Check that the registry in use is complete, as it was before the import or as it is after it. Continue the
    import to its end, and check that a reader that was open all the time returns the new values."""
    reader = open_registry(registry)
    assert reader is not None
    is_done = reader.find(make_corporation_number(21)) is not None
    check_row_count(reader.read_status().rows, is_done)
    check_integrity(registry)
    if not is_done or len(names) > 1:
        import_files(registry, folder, names)
    check_row_count(reader.read_status().rows, True)
    renamed = reader.find(make_corporation_number(0))
    assert renamed is not None
    assert (
        renamed.name,
        reader.find(make_corporation_number(1)),
        reader.find(make_corporation_number(21)) is None,
    ) == (
        "新商号",
        None,
        False,
    )
    assert len(reader.read_status().files) == 2
    check_integrity(registry)
    reader.close()
    assert len([path for path in registry.iterdir() if path.is_dir()]) == 1


def check_row_count(row_count: int, is_done: bool) -> None:
    assert row_count == 13 if is_done else row_count in (12, 13), row_count


def check_integrity(registry: Path) -> None:
    file = find_registry_file(registry)
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def import_until_killed(registry: Path, folder: Path, names: list[str], tracer: Tracer) -> bool:
    """Import the files in a forked process with this tracer. Return True if the tracer killed the process."""
    child = os.fork()
    if child == 0:
        sys.settrace(tracer)
        import_files(registry, folder, names)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def is_registry_frame(frame: FrameType) -> bool:
    return frame.f_code.co_filename.endswith(WATCHED_FILES) and "registry" in frame.f_code.co_filename


def make_new_line_killer(index: int) -> Tracer:
    """Return a tracer that kills its process at the line with this index (from 0). It counts only lines of
    WATCHED_FILES that have not run before."""
    run_lines: set[tuple[str, int]] = set()

    def kill_at_new_line(frame: FrameType, event: str, _: Any) -> Any:
        if not is_registry_frame(frame):
            return None
        if event == "line":
            run_lines.add((frame.f_code.co_filename, frame.f_lineno))
            if len(run_lines) > index:
                os.kill(os.getpid(), signal.SIGKILL)
        return kill_at_new_line

    return kill_at_new_line


def make_line_killer(index: int) -> Tracer:
    """Return a tracer that kills its process at the line with this index (from 0). It counts all lines of
    WATCHED_FILES that run."""
    passed = [0]

    def kill_at_line(frame: FrameType, event: str, _: Any) -> Any:
        if not is_registry_frame(frame):
            return None
        if event == "line":
            passed[0] += 1
            if passed[0] > index:
                os.kill(os.getpid(), signal.SIGKILL)
        return kill_at_line

    return kill_at_line


def count_lines(registry: Path, folder: Path, names: list[str]) -> int:
    """Import the files, and return the number of lines of the registry's code that were executed."""
    passed = [0]

    def count_line(frame: FrameType, event: str, _: Any) -> Any:
        if not is_registry_frame(frame):
            return None
        passed[0] += event == "line"
        return count_line

    sys.settrace(count_line)
    import_files(registry, folder, names)
    sys.settrace(None)
    return passed[0]


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
