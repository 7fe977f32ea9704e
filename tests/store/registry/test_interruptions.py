"""Tests of imports that are killed, stopped or repeated, and of readers that use the registry meanwhile."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.corporations import ImportProgress
from console.store.registry import import_whole, source_file
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.registry_file import hold_import_lock
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file
from tests.support.waiting import MAX_WAIT_SECONDS

ROW_COUNT = 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process for each death")
@pytest.mark.parametrize(
    ("scenario", "line_interval", "fewest"),
    [
        ("whole", 5, 30),
        ("difference", 3, 30),
        pytest.param("whole", 1, 150, marks=pytest.mark.soak),
        pytest.param("difference", 1, 90, marks=pytest.mark.soak),
    ],
)
def test_an_import_killed_at_any_line_can_continue(
    scenario: str, line_interval: int, fewest: int, tmp_path: Path
) -> None:
    """The import is killed with SIGKILL at each line of the code that imports and that swaps the files. The registry
    in use remains complete, and the next import continues. Outside of a soak only every third or fifth line of code
    is tested."""
    words = [sys.executable, "-m", "tests.store.registry.kill_imports", scenario, str(tmp_path), str(line_interval)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=MAX_WAIT_SECONDS, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > fewest


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="forks a process for each import")
@pytest.mark.parametrize(
    ("scenario", "count", "fewest"),
    [
        ("kills", 60, 60),
        ("teams", 40, 40),
        ("crowds", 6, 2),
        ("limits", 15, 2),
        ("disk", 15, 2),
        pytest.param("kills", 1_000, 1_000, marks=pytest.mark.soak),
        pytest.param("teams", 500, 500, marks=pytest.mark.soak),
        pytest.param("crowds", 200, 100, marks=pytest.mark.soak),
        pytest.param("limits", 500, 100, marks=pytest.mark.soak),
        pytest.param("disk", 500, 100, marks=pytest.mark.soak),
    ],
)
def test_killed_or_simultaneous_imports_leave_a_complete_registry(
    scenario: str, count: int, fewest: int, tmp_path: Path
) -> None:
    """Imports are killed at random moments, begun by four processes at the same time, or have no disk space. After
    each import the registry in use is complete, and the next import continues. The tests use a small disk in memory
    where the system allows one."""
    words = [
        "-m",
        "tests.store.registry.rough_imports",
        scenario,
        str(tmp_path),
        str(count),
        str(random.randrange(10**6)),
    ]
    has_small_disk = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    if not has_small_disk and scenario == "disk":
        pytest.skip("no disk can be mounted here")
    mount = 'mount -t tmpfs -o size=3m none "$0" && exec "$@"'
    inside = ["unshare", "-rm", "sh", "-c", mount, str(tmp_path)] if has_small_disk else []
    ran = subprocess.run(
        [*inside, sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=3 * count + MAX_WAIT_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, (words, ran.stderr)
    assert int(ran.stdout) >= fewest


def test_a_stopped_import_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped import reports that it was stopped, and no registry is in use yet. The next import of the same file
    continues it and reads no row twice."""
    monkeypatch.setattr(source_file, "_BLOCK_BYTES", 500)
    monkeypatch.setattr("console.store.registry.progress._SECONDS_BETWEEN_REPORTS", 0)
    path = write_file(tmp_path, WHOLE_FILE_NAME, [make_row(index) for index in range(ROW_COUNT)])
    registry, reported_progress = tmp_path / "registry", list[ImportProgress]()

    stops_at = [ROW_COUNT // 3, ROW_COUNT // 2]

    def should_stop() -> bool:
        return (
            reported_progress[-1:] != []
            and reported_progress[-1].step == "rows"
            and reported_progress[-1].done_row_count > stops_at[0]
        )

    while stops_at:
        with pytest.raises(ConsoleError) as caught:
            import_registry_files(registry, [path], on_progress=reported_progress.append, should_stop=should_stop)
        assert (caught.value.code, caught.value.detail.get("reason")) == (ErrorCode.INTERRUPTED, "registry_import")
        assert open_registry(registry) is None
        stops_at.pop(0)
    assert import_registry_files(registry, [path], on_progress=reported_progress.append).rows == ROW_COUNT
    done = [one.done_row_count for one in reported_progress if one.step == "rows"]
    assert done == sorted(set(done))
    assert {one.total_row_count for one in reported_progress} == {ROW_COUNT}


def test_a_simultaneous_import_is_refused(tmp_path: Path) -> None:
    """While an import runs, a second import is refused at once as `in_progress`."""
    path, registry = write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0)]), tmp_path / "registry"
    with hold_import_lock(registry), pytest.raises(ConsoleError) as caught:
        import_registry_files(registry, [path])
    assert (caught.value.code, caught.value.detail.get("reason")) == (ErrorCode.IN_PROGRESS, "registry_import")
    assert import_registry_files(registry, [path]).rows == 1


def test_only_one_of_simultaneous_imports_runs(tmp_path: Path) -> None:
    """A process that has opened and read the lock file, but has not acquired the lock, doesn't prevent another
    process from importing. Otherwise simultaneous imports could all be refused."""
    path, registry = write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0)]), tmp_path / "registry"
    assert import_registry_files(registry, [path]).rows == 1
    with closing(sqlite3.connect(registry / "import.lock", isolation_level=None)) as asking:
        asking.execute("BEGIN")
        asking.execute("SELECT count(*) FROM sqlite_master").fetchall()
        with hold_import_lock(registry):
            pass


def test_leftovers_of_a_killed_deletion_are_deleted(tmp_path: Path) -> None:
    """A folder without registry.db, which remains after a killed deletion, is deleted by the next import. Folders of
    other programs are not deleted."""
    path, registry = write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0)]), tmp_path / "registry"
    leftover_folder, other = registry / "20251031-0a1b2c3d", registry / "fetched"
    leftover_folder.mkdir(parents=True)
    other.mkdir()
    (leftover_folder / "registry.db-wal").write_bytes(b"x")
    assert import_registry_files(registry, [path]).rows == 1
    assert (leftover_folder.exists(), other.exists()) == (False, True)


def test_a_reader_has_an_answer_at_each_moment_of_the_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During imports of whole files and differences, each read returns the content of the former or of the new
    registry. A reader never gets the former content after the new one, and no read fails."""
    monkeypatch.setattr(import_whole, "_BLOCKS_PER_COMMIT", 1)
    registry, names = tmp_path / "registry", [WHOLE_FILE_NAME]
    days = ["20251104", "20251105", "20251106"]
    write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0, name="20251031")])
    for day in days:
        write_file(tmp_path, f"diff_{day}", [make_row(0, name=day)])
        names.append(f"diff_{day}")
    for day in ("20251107", "20251110"):
        write_file(tmp_path, f"00_zenkoku_all_{day}", [make_row(0, name=day)])
        names.append(f"00_zenkoku_all_{day}")
    import_registry_files(registry, [tmp_path / f"{WHOLE_FILE_NAME}.zip"])
    reader = open_registry(registry)
    assert reader is not None
    read_days: list[str] = []
    is_over, has_read = threading.Event(), threading.Event()

    def search_until_imports_end() -> None:
        while not is_over.is_set() or read_days[-1] != "20251110":
            corporation = reader.find(make_corporation_number(0))
            read_days.append(corporation.name if corporation else "lost")
            has_read.set()

    thread = threading.Thread(target=search_until_imports_end)
    thread.start()
    assert has_read.wait(MAX_WAIT_SECONDS)
    for name in names[1:]:
        import_registry_files(registry, [tmp_path / f"{name}.zip"])
    is_over.set()
    thread.join(MAX_WAIT_SECONDS)
    assert not thread.is_alive()
    assert read_days == sorted(read_days)
    assert {"20251031", "20251110"} <= set(read_days) <= {name[-8:] for name in names}
    reader.close()
