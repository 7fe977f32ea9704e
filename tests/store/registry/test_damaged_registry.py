"""Tests of a registry file in use whose content is damaged: the damage is reported, and whole files or the team's
registry replace the file."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.store.documents.documents import Documents
from console.store.registry.distribution import fetch_registry, publish_registry
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.registry_file import find_registry_file
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file

REGISTRY_ROWS = [make_row(index) for index in range(200)]
DIFFERENCE_FILE_NAME = "diff_20251104"


def _find_file_in_use(registry: Path) -> Path:
    file = find_registry_file(registry)
    assert file is not None
    return file


def _make_current_file_writer(content: bytes) -> Callable[[Path], object]:
    return lambda registry: (registry / "current").write_bytes(content)


def _make_table_emptier(name: str) -> Callable[[Path], object]:
    def empty_table(registry: Path) -> None:
        with closing(sqlite3.connect(_find_file_in_use(registry), isolation_level=None)) as connection:
            connection.execute(f"DELETE FROM {name}")

    return empty_table


def _spoil_pages(registry: Path) -> None:
    """Overwrite all pages of the registry file except the first. The tables still exist, but none of them can be
    read.
    """
    file = _find_file_in_use(registry)
    with file.open("r+b") as content:
        content.seek(4096)
        content.write(os.urandom(file.stat().st_size - 4096))


def _spoil_schema(registry: Path) -> None:
    """Damage the description of a table, by bytes that are no UTF-8."""
    with closing(sqlite3.connect(_find_file_in_use(registry), isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql = CAST(x'4352454154ae' AS TEXT) WHERE name = 'files'")


DAMAGE_BY_NAME: dict[str, Callable[[Path], object]] = {
    "empty file": lambda registry: _find_file_in_use(registry).write_bytes(b""),
    "no database": lambda registry: _find_file_in_use(registry).write_bytes(b"x" * 8192),
    "half a file": lambda registry: os.truncate(_find_file_in_use(registry), 8192),
    "spoilt pages": _spoil_pages,
    "spoilt schema": _spoil_schema,
    "no file": lambda registry: _find_file_in_use(registry).unlink(),
    "no facts": _make_table_emptier("facts"),
    "no source files": _make_table_emptier("files"),
    "empty name": _make_current_file_writer(b""),
    "zeros for a name": _make_current_file_writer(b"\0" * 17),
    "no ASCII": _make_current_file_writer(b"\xff\xfe"),
    "another folder": _make_current_file_writer(b"../../elsewhere"),
    "a long name": _make_current_file_writer(b"1" * 5000),
}


@pytest.fixture(params=DAMAGE_BY_NAME)
def damaged_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    registry = tmp_path / "registry"
    import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, REGISTRY_ROWS)])
    with closing(sqlite3.connect(_find_file_in_use(registry))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    DAMAGE_BY_NAME[request.param](registry)
    return registry


def _require_damage_report(call: Callable[[], object]) -> None:
    with pytest.raises(ConsoleError) as caught:
        call()
    assert caught.value.code is ErrorCode.BAD_PROFILE
    assert caught.value.detail["problem"] == SettingProblem.DESK_FILE_DAMAGED


def test_a_damaged_registry_is_reported(damaged_registry: Path) -> None:
    """Reading the status of a damaged registry is refused with `bad_profile`."""
    reader = open_registry(damaged_registry)
    assert reader is not None
    with closing(reader):
        _require_damage_report(reader.read_status)


def test_a_difference_changes_no_damaged_registry(damaged_registry: Path, tmp_path: Path) -> None:
    """The import of a difference into a damaged registry is refused with `bad_profile`."""
    _require_damage_report(
        lambda: import_registry_files(
            damaged_registry, [write_file(tmp_path, DIFFERENCE_FILE_NAME, REGISTRY_ROWS[:1])]
        )
    )


def test_whole_files_replace_a_damaged_registry(damaged_registry: Path, tmp_path: Path) -> None:
    """The import of a whole file replaces a damaged registry."""
    assert import_registry_files(damaged_registry, [tmp_path / f"{WHOLE_FILE_NAME}.zip"]).rows == len(REGISTRY_ROWS)
    reader = open_registry(damaged_registry)
    assert reader is not None
    with closing(reader):
        assert reader.find(make_corporation_number(7)) is not None
    assert len([path for path in damaged_registry.iterdir() if path.is_dir()]) == 1


def test_a_desk_fetches_the_teams_registry_anew(damaged_registry: Path, tmp_path: Path) -> None:
    """A desk with a damaged registry fetches the team's registry, which replaces the damaged one."""
    documents = Documents((tmp_path / "documents").as_uri())
    worker = tmp_path / "worker"
    import_registry_files(worker, [tmp_path / f"{WHOLE_FILE_NAME}.zip"])
    publish_registry(worker, documents)
    status = fetch_registry(damaged_registry, documents)
    assert status is not None
    assert status.rows == len(REGISTRY_ROWS)


def _spoil_table(registry: Path, name: str) -> None:
    """Overwrite the first page of a table, so that none of its rows can be read."""
    file = _find_file_in_use(registry)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    with file.open("r+b") as content:
        content.seek((page - 1) * page_bytes)
        content.write(b"\xff" * page_bytes)


@pytest.mark.parametrize(("damaged_table", "kept_count"), [("corporations", 1), ("changes", 0)])
def test_an_import_keeps_the_readable_changes_of_a_damaged_registry(
    tmp_path: Path, damaged_table: str, kept_count: int
) -> None:
    """The import of the next whole file copies the changes that the former registry has stored, as far as they can be
    read. While only the corporations are damaged, the changes can be read.
    """
    registry = tmp_path / "registry"
    import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, REGISTRY_ROWS)])
    import_registry_files(registry, [write_file(tmp_path, DIFFERENCE_FILE_NAME, [make_row(0, name="改称")])])
    _spoil_table(registry, damaged_table)
    damaged_reader = open_registry(registry)
    assert damaged_reader is not None
    with closing(damaged_reader):
        since = damaged_reader.registry_date.replace(day=1)
        if damaged_table == "changes":
            _require_damage_report(lambda: damaged_reader.list_changes(since))
        else:
            _require_damage_report(lambda: damaged_reader.find(make_corporation_number(7)))
            assert len(damaged_reader.list_changes(since)) == 1
    import_registry_files(registry, [write_file(tmp_path, "00_zenkoku_all_20251128", REGISTRY_ROWS)])
    reader = open_registry(registry)
    assert reader is not None
    with closing(reader):
        assert reader.find(make_corporation_number(7)) is not None
        assert len(reader.list_changes(since)) == kept_count


@pytest.mark.skipif(os.name == "nt", reason="modes mean nothing there")
def test_an_unreadable_registry_folder_is_reported(tmp_path: Path) -> None:
    """A registry folder that can't be read raises ConsoleError with `storage_full`, so that the window shows records
    without the registry's facts. Any other error would end each search."""
    registry = tmp_path / "registry"
    import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, REGISTRY_ROWS)])
    is_root = os.geteuid() == 0
    registry.chmod(0)
    try:
        if is_root:
            os.seteuid(65_534)
        reader = open_registry(registry)
        assert reader is not None
        with pytest.raises(ConsoleError) as caught:
            reader.find(make_corporation_number(1))
    finally:
        if is_root:
            os.seteuid(0)
        registry.chmod(0o700)
    assert caught.value.code is ErrorCode.STORAGE_FULL
