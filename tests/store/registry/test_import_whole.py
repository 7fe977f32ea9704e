"""Tests of the import of whole files, and of searches in the registry after the import."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.registry.corporations import ChangedFact, CloseCause, Closure, CorporationKind
from console.store.registry import import_whole
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import MAX_PREDECESSORS, open_registry
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_the_corporations_of_a_file_are_found_by_number(tmp_path: Path, encoding: str) -> None:
    """The corporations of a file in UTF-8 or Shift_JIS are found by their numbers. Rows of older states and deleted
    corporations are left out."""
    rows = [
        make_row(0),
        make_row(1, close_date="2024-03-31", close_cause="11",
        successor_corporate_number=make_corporation_number(0), kind="302"),
        make_row(2, latest="0", name="昔の名前"),
        make_row(2, name='㈱"見本",2', hihyoji="1", post_code="", furigana=""),
        make_row(3, process="99"),
        make_row(4, name="", name_image_id="00001234", address_image_id="00004321"),
        make_row(5, kind="401", prefecture_code="", prefecture_name="", city_code="", city_name="", street_number="",
            address_outside="アメリカ合衆国ニューヨーク州", address_outside_image_id="77", en_name="Sample Inc."),
    ]  # fmt: skip
    path = write_file(tmp_path, WHOLE_FILE_NAME, rows, encoding)
    folder = tmp_path / "registry"
    assert open_registry(folder) is None
    status = import_registry_files(folder, [path])
    reader = open_registry(folder)
    assert reader is not None
    assert (status.registry_date, status.rows, status.cycles) == (date(2025, 10, 31), 5, ())
    assert [(file.name, file.rows, file.is_difference) for file in status.files] == [
        (f"{WHOLE_FILE_NAME}.zip", 7, False)
    ]
    assert reader.read_status() == status

    plain, merged, hidden, image, foreign = (reader.find(make_corporation_number(index)) for index in (0, 1, 2, 4, 5))
    assert plain is not None
    assert (plain.number, plain.name, plain.furigana) == (make_corporation_number(0), "株式会社見本0", "ミホン")
    assert plain.address == "東京都千代田区霞が関３丁目１－0"
    assert (plain.post_code, plain.prefecture_code, plain.city_code) == ("1000013", "13", "101")
    assert (plain.updated_on, plain.assigned_on) == (date(2025, 10, 1), date(2015, 10, 5))
    assert (plain.closure, plain.successor, plain.is_hidden) == (None, None, False)
    assert merged is not None
    assert (merged.kind, merged.successor) == (CorporationKind.LIMITED_COMPANY, make_corporation_number(0))
    assert merged.closure == Closure(date(2024, 3, 31), CloseCause.MERGER)
    assert hidden is not None
    assert (hidden.name, hidden.is_hidden, hidden.post_code) == ('㈱"見本",2', True, "")
    assert image is not None
    assert (image.name, image.name_image_id, image.address_image_id) == ("", "00001234", "00004321")
    assert foreign is not None
    assert (foreign.address, foreign.address_image_id, foreign.english_name) == (
        "アメリカ合衆国ニューヨーク州", "77", "Sample Inc.",
    )  # fmt: skip
    assert reader.find(make_corporation_number(3)) is None
    assert reader.find("not a number") is None
    assert list(
        reader.find_many([make_corporation_number(5), make_corporation_number(3), make_corporation_number(0), "x"])
    ) == [
        make_corporation_number(5),
        make_corporation_number(0),
    ]
    assert reader.list_predecessors(make_corporation_number(0)) == (merged,)
    assert reader.read_successor_chain(make_corporation_number(1)) == (plain,)
    assert reader.registry_date == date(2025, 10, 31)
    reader.close()


def test_of_two_rows_in_force_the_one_updated_last_is_imported(tmp_path: Path) -> None:
    """Of two rows in force for one corporation, the import stores the row that was updated last, wherever it is in
    the file. If both have the same day, it stores the later row. The search finds the corporation once."""
    rows = [
        make_row(0, name="株式会社先", update_date="2025-10-02"),
        make_row(0, name="株式会社後", update_date="2025-10-01"),
        make_row(1, name="株式会社甲"),
        make_row(1, name="株式会社乙"),
    ]
    registry = tmp_path / "registry"
    assert import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, rows)]).rows == 2
    reader = open_registry(registry)
    assert reader is not None
    assert [
        match.name for match in reader.find_many([make_corporation_number(0), make_corporation_number(1)]).values()
    ] == [
        "株式会社先",
        "株式会社乙",
    ]
    assert [match.name for match in reader.search("株式会社甲")] == []
    assert [match.number for match in reader.search("株式会社先")] == [make_corporation_number(0)]
    reader.close()


@pytest.mark.parametrize(
    ("deleted_on", "is_deletion_first", "is_deleted"),
    [
        ("2025-10-20", True, True),
        ("2025-09-20", False, False),
        ("2025-10-01", False, True),
        ("2025-10-01", True, False),
    ],
    ids=["later day", "earlier day", "same day, later line", "same day, earlier line"],
)
def test_a_deletion_in_force_removes_older_rows_of_the_corporation(
    tmp_path: Path, deleted_on: str, is_deletion_first: bool, is_deleted: bool
) -> None:
    """If a whole file has a row in force and a deletion in force of one corporation, the one that was updated last
    counts; if both have the same day, the later one in the file."""
    row, deletion = make_row(0), make_row(0, process="99", update_date=deleted_on)
    rows = [make_row(2), *((deletion, row) if is_deletion_first else (row, deletion)), make_row(1)]
    registry = tmp_path / "registry"
    assert import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, rows)]).rows == 3 - is_deleted
    reader = open_registry(registry)
    assert reader is not None
    assert (reader.find(make_corporation_number(0)) is None) is is_deleted
    assert (reader.search("株式会社見本0") == ()) is is_deleted
    reader.close()


@pytest.mark.parametrize("is_difference_before", [False, True])
def test_a_whole_file_stores_the_deletions_of_known_corporations(tmp_path: Path, is_difference_before: bool) -> None:
    """A whole file that says that a corporation of the former registry is deleted stores this as a change of its day.
    If a difference of the same day has changed the corporation, there is one change, from the row before both. A
    deletion of a corporation that the former registry doesn't have is no change."""
    registry = tmp_path / "registry"
    import_registry_files(registry, [write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0), make_row(1)])])
    if is_difference_before:
        renamed = write_file(tmp_path, "diff_20251104", [make_row(0, name="株式会社新名")])
        import_registry_files(registry, [renamed])
    rows = [make_row(0, process="99", update_date="2025-11-04"), make_row(1), make_row(2, process="99")]
    import_registry_files(registry, [write_file(tmp_path, "00_zenkoku_all_20251104", rows)])
    reader = open_registry(registry)
    assert reader is not None
    (change,) = reader.list_changes(date(2025, 11, 1))
    assert (change.corporation_number, change.day, change.after) == (
        make_corporation_number(0),
        date(2025, 11, 4),
        None,
    )
    assert change.before is not None
    assert change.before.name == "株式会社見本0"
    assert change.facts == {ChangedFact.DELETED}
    reader.close()


def test_files_of_one_name_in_different_folders_are_imported_whole(tmp_path: Path) -> None:
    """Each file of a prefecture is imported whole, also if another file of the same import, or of the import before
    it, had the same name in another folder."""
    paths = []
    for first_index, csv_name in enumerate(
        ("13_tokyo_all_20251031", "27_osaka_all_20251031", "14_kanagawa_all_20251031")
    ):
        rows = [make_row(10 * first_index + index) for index in range(3)]
        paths.append(tmp_path / csv_name / "download.zip")
        paths[-1].parent.mkdir()
        write_file(paths[-1].parent, csv_name, rows).rename(paths[-1])
    assert import_registry_files(tmp_path / "registry", paths[:2]).rows == 6
    assert import_registry_files(tmp_path / "registry", paths[2:]).rows == 9


def test_a_corporation_with_many_predecessors_has_a_small_answer(tmp_path: Path) -> None:
    """A file may merge all of its corporations into one. A lookup of that corporation returns a limited number of
    predecessors."""
    merged = {
        "close_date": "2025-01-06",
        "close_cause": "11",
        "successor_corporate_number": make_corporation_number(0),
    }
    rows = [make_row(0), *(make_row(index, **merged) for index in range(1, MAX_PREDECESSORS + 5))]
    import_registry_files(tmp_path / "registry", [write_file(tmp_path, WHOLE_FILE_NAME, rows)])
    reader = open_registry(tmp_path / "registry")
    assert reader is not None
    with closing(reader):
        predecessors = [match.number for match in reader.list_predecessors(make_corporation_number(0))]
        everyone = sorted(make_corporation_number(index) for index in range(1, MAX_PREDECESSORS + 5))
        assert predecessors == everyone[:MAX_PREDECESSORS]


@pytest.mark.parametrize("page_count", [8, 12, 16, 24, 32, 48, 64])
def test_a_full_disk_during_an_import_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_count: int
) -> None:
    """If the disk becomes full at any step of an import, the import is refused with an error. Afterwards the same
    import continues.
    """
    path = write_file(tmp_path, WHOLE_FILE_NAME, [make_row(index) for index in range(2000)])
    open_build = import_whole._open_build_file

    def open_build_file_with_page_limit(file: Path) -> sqlite3.Connection:
        connection = open_build(file)
        connection.execute(f"PRAGMA max_page_count={page_count}")
        connection.execute("PRAGMA cache_size=4")  # pages are written before the end of the transaction
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(import_whole, "_open_build_file", open_build_file_with_page_limit)
        with pytest.raises(ConsoleError) as refused:
            import_registry_files(tmp_path / "registry", [path])
    assert refused.value.code is ErrorCode.STORAGE_FULL
    assert import_registry_files(tmp_path / "registry", [path]).rows == 2000
