"""Tests of the import of difference files: their changes of the registry, the sequence in which the import accepts
them, and the list of changes that the registry returns for a day."""

from datetime import date
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import RegistryOrderProblem as P
from console.domain.registry.corporations import ChangedFact as F
from console.domain.registry.corporations import ImportedFile, RegistryStatus
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import RegistryReader, open_registry
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file

OSAKA_FILE_NAME = "27_osaka_all_20251031"
CLOSURE_FIELDS = {"process": "71", "close_date": "2025-11-01", "close_cause": "11"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with whole files and differences of many days. A whole file has three companies."""
    folder = tmp_path_factory.mktemp("files")
    for name in (WHOLE_FILE_NAME, "00_zenkoku_all_20251128", "13_tokyo_all_20251031", "27_osaka_all_20251031",
                 "01_hokkaido_all_20251031", "13_tokyo_all_20251128"):  # fmt: skip
        start = int(name[:2])
        write_file(folder, name, [make_row(start + index) for index in range(3)])
    for day in (*range(20251101, 20251114), 20251229, 20260105, 20251031):
        write_file(folder, f"diff_{day}", [make_row(50, name=f"株式会社{day}")])
    return folder


def import_files(registry: Path, files: Path, *names: str) -> RegistryStatus:
    return import_registry_files(registry, [files / f"{name}.zip" for name in names])


def open_reader(registry: Path) -> RegistryReader:
    reader = open_registry(registry)
    assert reader is not None
    return reader


def test_a_difference_changes_the_results_of_open_readers(tmp_path: Path) -> None:
    """After the import of a difference, an open reader finds corporations that were added, renamed, moved, merged,
    reopened, deleted, corrected and hidden. The import ignores rows of older states; of several rows in force the
    last one counts. The list of changes of the day has the changed facts of each corporation, with its row before and
    after."""
    registry = tmp_path / "registry"
    before = [make_row(index, **(CLOSURE_FIELDS if index == 4 else {})) for index in range(9)]
    import_files(registry, write_file(tmp_path, WHOLE_FILE_NAME, before).parent, WHOLE_FILE_NAME)
    reader = open_reader(registry)
    assert reader.list_changes(date(2025, 1, 1)) == ()
    day = [
        make_row(20),
        make_row(0, process="11", name="昔の商号", latest="0"),
        make_row(0, process="11", name="新商号"),
        make_row(1, process="12", city_name="港区", street_number="芝１", city_code="103"),
        make_row(2, **CLOSURE_FIELDS, successor_corporate_number=make_corporation_number(0)),
        make_row(3, process="12", latest="0", name="古い訂正", correct="1"),
        make_row(4, process="22"),
        make_row(5, process="99"),
        make_row(6, correct="1", furigana="テイセイ", hihyoji="1"),
        make_row(7, process="11", name="朝の商号"),
        make_row(7, process="11", name="夕方の商号"),
        make_row(8, process="11", name="一時の商号"),
        make_row(8, process="11"),
        make_row(21, process="99"),
    ]
    status = import_files(registry, write_file(tmp_path, "diff_20251104", day).parent, "diff_20251104")
    assert (status.registry_date, status.rows, [file.rows for file in status.files]) == (
        date(2025, 11, 4),
        9,
        [9, 14],
    )
    assert [file.is_difference for file in status.files] == [False, True]
    corporations = reader.find_many([make_corporation_number(index) for index in range(22)])
    assert [corporations[make_corporation_number(index)].name for index in (0, 3, 7, 8, 20)] == [
        "新商号", "株式会社見本3", "夕方の商号", "株式会社見本8", "株式会社見本20",
    ]  # fmt: skip
    assert (corporations[make_corporation_number(1)].address, corporations[make_corporation_number(1)].city_code) == (
        "東京都港区芝１",
        "103",
    )
    assert (
        corporations[make_corporation_number(6)].furigana,
        corporations[make_corporation_number(6)].is_hidden,
    ) == (
        "テイセイ",
        True,
    )
    assert {make_corporation_number(5), make_corporation_number(21)}.isdisjoint(corporations)
    assert reader.read_successor_chain(make_corporation_number(2)) == (corporations[make_corporation_number(0)],)
    change_by_number = {change.corporation_number: change for change in reader.list_changes(date(2025, 11, 4))}
    assert {told_number: change.facts for told_number, change in change_by_number.items()} == {
        make_corporation_number(20): {F.NEW}, make_corporation_number(0): {F.NAME},
        make_corporation_number(1): {F.ADDRESS}, make_corporation_number(2): {F.CLOSED,
        F.SUCCESSOR},
        make_corporation_number(4): {F.REOPENED}, make_corporation_number(5): {F.DELETED},
        make_corporation_number(7): {F.NAME},
    }  # fmt: skip
    assert change_by_number[make_corporation_number(7)].after == corporations[make_corporation_number(7)]
    renamed = change_by_number[make_corporation_number(7)].before
    assert renamed is not None
    assert (
        renamed.name,
        change_by_number[make_corporation_number(5)].after,
        change_by_number[make_corporation_number(20)].before,
    ) == (
        "株式会社見本7",
        None,
        None,
    )
    assert change_by_number[make_corporation_number(0)].day == date(2025, 11, 4)
    assert [
        change.corporation_number
        for change in reader.list_changes(
            date(2025, 11, 4), [make_corporation_number(4), "x", make_corporation_number(99)]
        )
    ] == [make_corporation_number(4)]
    assert reader.list_changes(date(2025, 11, 5)) == ()
    reader.close()


@pytest.mark.parametrize(
    ("taken", "names", "problem", "file", "missing"),
    [
        ((), ("diff_20251104",), P.NO_WHOLE_FILE, "diff_20251104", ""),
        ((WHOLE_FILE_NAME,), ("diff_20251031",), P.ALREADY_APPLIED, "diff_20251031", ""),
        ((WHOLE_FILE_NAME, "diff_20251104"), ("diff_20251104",), P.ALREADY_APPLIED, "diff_20251104", ""),
        (
            (WHOLE_FILE_NAME, "diff_20251104"), ("diff_20251104", "diff_20251105"), P.ALREADY_APPLIED,
            "diff_20251104", "",
        ),
        ((WHOLE_FILE_NAME,), ("diff_20251104", "diff_20251104"), P.ALREADY_APPLIED, "diff_20251104", ""),
        ((WHOLE_FILE_NAME,), ("diff_20251105",), P.DAYS_MISSING, "diff_20251105", "2025-11-04"),
        (
            (WHOLE_FILE_NAME,), ("diff_20251107", "diff_20251104"), P.DAYS_MISSING, "diff_20251107",
            "2025-11-05 2025-11-06",
        ),
        (("00_zenkoku_all_20251128",), (WHOLE_FILE_NAME,), P.OLDER_THAN_REGISTRY, WHOLE_FILE_NAME, ""),
        ((WHOLE_FILE_NAME, "diff_20251104"), (WHOLE_FILE_NAME,), P.OLDER_THAN_REGISTRY, WHOLE_FILE_NAME, ""),
        ((), (WHOLE_FILE_NAME, "13_tokyo_all_20251128"), P.FILES_OF_OTHER_DAYS, "13_tokyo_all_20251128", ""),
        ((), (WHOLE_FILE_NAME, "13_tokyo_all_20251031"), P.SAME_FILE_TWICE, "13_tokyo_all_20251031", ""),
        ((), (WHOLE_FILE_NAME, WHOLE_FILE_NAME), P.SAME_FILE_TWICE, WHOLE_FILE_NAME, ""),
        ((WHOLE_FILE_NAME,), ("13_tokyo_all_20251031",), P.PREFECTURES_MISSING, "13_tokyo_all_20251031", ""),
        ((WHOLE_FILE_NAME,), ("13_tokyo_all_20251128",), P.PREFECTURES_MISSING, "13_tokyo_all_20251128", ""),
        ((OSAKA_FILE_NAME,), ("13_tokyo_all_20251128",), P.PREFECTURES_MISSING, "13_tokyo_all_20251128", ""),
        ((OSAKA_FILE_NAME, "diff_20251104"), (OSAKA_FILE_NAME,), P.OLDER_THAN_REGISTRY, OSAKA_FILE_NAME, ""),
    ],
)  # fmt: skip
def test_a_difference_that_skips_or_repeats_a_day_is_refused(
    files: Path, tmp_path: Path, taken: tuple[str, ...], names: tuple[str, ...], problem: P, file: str, missing: str
) -> None:
    """A difference is refused if it skips a day or repeats a day. A whole file is refused if it is older than the
    registry, is given twice, or would lose prefectures. The registry in use is unchanged."""
    registry = tmp_path / "registry"
    before = import_files(registry, files, *taken) if taken else None
    with pytest.raises(ConsoleError) as caught:
        import_files(registry, files, *names)
    error = caught.value
    assert (error.code, error.exit_status) == (ErrorCode.REGISTRY_ORDER, 3)
    assert (error.detail.get("problem"), error.detail.get("file")) == (problem, f"{file}.zip")
    assert error.detail.get("missing_days") == missing.split()
    reader = open_registry(registry)
    assert (reader and reader.read_status()) == before


@pytest.mark.parametrize(
    ("steps", "day", "row_count"),
    [
        (((WHOLE_FILE_NAME, "diff_20251105", "diff_20251104"),), date(2025, 11, 5), 4),
        (((WHOLE_FILE_NAME,), ("diff_20251104",), ("diff_20251105", "diff_20251106")), date(2025, 11, 6), 4),
        (((WHOLE_FILE_NAME,), ("diff_20251101",), ("diff_20251102",), ("diff_20251104",)), date(2025, 11, 4), 4),
        (((WHOLE_FILE_NAME, "diff_20251104"), (WHOLE_FILE_NAME, "diff_20251104")), date(2025, 11, 4), 4),
        (((WHOLE_FILE_NAME, "diff_20251104"), ("00_zenkoku_all_20251128",)), date(2025, 11, 28), 3),
        ((("13_tokyo_all_20251031",), (WHOLE_FILE_NAME,)), date(2025, 10, 31), 3),
        ((("13_tokyo_all_20251031", "27_osaka_all_20251031"),), date(2025, 10, 31), 6),
        ((("13_tokyo_all_20251031",), ("27_osaka_all_20251031", "01_hokkaido_all_20251031")), date(2025, 10, 31), 9),
        ((("13_tokyo_all_20251031",), ("27_osaka_all_20251031", "diff_20251104")), date(2025, 11, 4), 7),
        ((("13_tokyo_all_20251031",), ("13_tokyo_all_20251128",)), date(2025, 11, 28), 3),
    ],
)
def test_a_difference_after_a_holiday_is_imported(
    files: Path, tmp_path: Path, steps: tuple[tuple[str, ...], ...], day: date, row_count: int
) -> None:
    """The import accepts the next difference after a weekend or a holiday (3 November is one), and also a difference
    of such a day. Files of several prefectures of one day may be imported one after another."""
    registry = tmp_path / "registry"
    status = [import_files(registry, files, *names) for names in steps][-1]
    assert (status.registry_date, status.rows) == (day, row_count)
    reader = open_reader(registry)
    assert reader.read_status() == status
    assert len(reader.find_many([make_corporation_number(index) for index in range(60)])) == row_count
    assert {path.name for path in registry.iterdir() if path.is_dir()} == {read_current_name(registry)}
    reader.close()


def read_current_name(registry: Path) -> str:
    return (registry / "current").read_text()


def test_changes_outlive_the_next_whole_file_and_are_deleted_after_three_months(files: Path, tmp_path: Path) -> None:
    """The registry keeps its stored changes after the next whole file, for people who were away, and deletes them
    after three months."""
    registry = tmp_path / "registry"
    import_files(registry, files, WHOLE_FILE_NAME, "diff_20251104")
    import_files(registry, files, "00_zenkoku_all_20251128")
    reader = open_reader(registry)
    assert [change.corporation_number for change in reader.list_changes(date(2025, 11, 1))] == [
        make_corporation_number(50)
    ]
    write_file(tmp_path, "00_zenkoku_all_20260130", [make_row(0)])
    for day in ("20260202", "20260203", "20260204", "20260205"):
        write_file(tmp_path, f"diff_{day}", [make_row(1)])
    import_files(registry, tmp_path, "00_zenkoku_all_20260130")
    import_files(registry, tmp_path, "diff_20260202")
    assert [change.corporation_number for change in reader.list_changes(date(2025, 1, 1))] == [
        make_corporation_number(50),
        make_corporation_number(1),
    ]
    import_files(registry, tmp_path, "diff_20260203", "diff_20260204", "diff_20260205")
    assert [change.corporation_number for change in reader.list_changes(date(2025, 1, 1))] == [
        make_corporation_number(1)
    ]
    reader.close()


def test_of_several_rows_in_a_difference_the_one_updated_last_is_imported(tmp_path: Path) -> None:
    """If a difference has several rows in force of one corporation, the row that was updated last counts, wherever it
    is in the file; of rows with the same day, the later one counts."""
    registry = tmp_path / "registry"
    write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0), make_row(1)])
    rows = [
        make_row(0, name="株式会社先", update_date="2025-11-04"),
        make_row(0, name="株式会社後", update_date="2025-11-03"),
        make_row(1, name="株式会社甲", update_date="2025-11-04"),
        make_row(1, name="株式会社乙", update_date="2025-11-04"),
    ]
    write_file(tmp_path, "diff_20251104", rows)
    import_files(registry, tmp_path, WHOLE_FILE_NAME)
    import_files(registry, tmp_path, "diff_20251104")
    reader = open_reader(registry)
    corporations = reader.find_many([make_corporation_number(0), make_corporation_number(1)])
    assert [corporation.name for corporation in corporations.values()] == ["株式会社先", "株式会社乙"]
    assert len(reader.list_changes(date(2025, 11, 4))) == 2
    reader.close()


@pytest.mark.parametrize(
    ("names", "complete_since"),
    [
        ((WHOLE_FILE_NAME,), date(2025, 11, 1)),
        ((WHOLE_FILE_NAME, "diff_20251104"), date(2025, 11, 1)),
        ((WHOLE_FILE_NAME, "diff_20251104", "00_zenkoku_all_20251128"), date(2025, 11, 29)),
    ],
)
def test_the_changes_are_complete_since_the_day_after_the_whole_file(
    files: Path, tmp_path: Path, names: tuple[str, ...], complete_since: date
) -> None:
    """The status of the registry has the day since which the registry has all changes. That day comes after the day
    of the whole file, because a whole file doesn't contain the changes that led to it.
    """
    registry = tmp_path / "registry"
    for name in names:
        status = import_files(registry, files, name)
    assert status.changes_complete_since == complete_since


def test_the_changes_are_incomplete_before_the_oldest_kept_difference() -> None:
    """Changes are deleted after CHANGE_RETENTION_DAYS days, so the registry's changes are complete only since that
    many days before its date, although its whole file is older."""
    whole = ImportedFile("whole", "", date(2025, 1, 31), is_difference=False, rows=1, prefecture_code="")
    difference = ImportedFile("difference", "", date(2025, 10, 31), is_difference=True, rows=1, prefecture_code="")
    assert RegistryStatus(date(2025, 10, 31), 1, (whole, difference)).changes_complete_since == date(2025, 7, 31)


def test_circles_of_successors_are_reported(tmp_path: Path) -> None:
    """The result of the import lists each circle of corporations that are successors of each other. A corporation in
    a circle, or whose chain leads into one, has no successor chain. A long chain without a circle is followed to its
    end."""
    into = {index: index + 1 for index in range(10, 40)} | {1: 2, 2: 3, 3: 1, 4: 4, 5: 2, 6: 7, 9: 99}
    rows = [
        make_row(
            index,
            **(
                {"successor_corporate_number": make_corporation_number(into[index]), **CLOSURE_FIELDS}
                if index in into
                else {}
            ),
        )
        for index in range(41)
    ]
    registry = tmp_path / "registry"
    status = import_files(registry, write_file(tmp_path, WHOLE_FILE_NAME, rows).parent, WHOLE_FILE_NAME)
    circles = {frozenset(circle) for circle in status.cycles}
    assert circles == {
        frozenset(make_corporation_number(index) for index in (1, 2, 3)),
        frozenset([make_corporation_number(4)]),
    }
    reader = open_reader(registry)
    assert [
        len(reader.read_successor_chain(make_corporation_number(index))) for index in (1, 2, 3, 4, 5, 6, 7, 9, 98)
    ] == [0] * 5 + [
        1,
        0,
        0,
        0,
    ]
    assert [match.number for match in reader.read_successor_chain(make_corporation_number(10))] == [
        make_corporation_number(index) for index in range(11, 41)
    ]
    assert {match.number for match in reader.list_predecessors(make_corporation_number(2))} == {
        make_corporation_number(1),
        make_corporation_number(5),
    }
    write_file(tmp_path, "diff_20251104", [make_row(3, process="72")])
    assert import_files(registry, tmp_path, "diff_20251104").cycles == ((make_corporation_number(4),),)
    assert [match.number for match in reader.read_successor_chain(make_corporation_number(5))] == [
        make_corporation_number(2),
        make_corporation_number(3),
    ]
    reader.close()


def test_a_difference_with_the_changes_of_another_day_is_refused(tmp_path: Path) -> None:
    """A file named after one day has the changes of the day before, or of a later day. Its import would lose the
    changes of the day in its name, so it is refused and the registry stays as it was. A file of the day whose rows
    are partly of other days, and one without rows, are imported."""
    registry = tmp_path / "registry"
    import_files(registry, write_file(tmp_path, WHOLE_FILE_NAME, [make_row(0)]).parent, WHOLE_FILE_NAME)
    for day in ("2025-10-31", "2025-11-05", "2025-10-30"):
        path = write_file(tmp_path, "diff_20251104", [make_row(1, update_date=day)])
        with pytest.raises(ConsoleError) as refused:
            import_registry_files(registry, [path])
        assert (refused.value.code, refused.value.detail["problem"]) == (ErrorCode.BAD_REGISTRY_FILE, "name")
        assert open_reader(registry).read_status().registry_date == date(2025, 10, 31)
    write_file(tmp_path, "diff_20251104", [make_row(1, update_date="2025-10-30"), make_row(2)])
    write_file(tmp_path, "diff_20251105", [])
    assert import_files(registry, tmp_path, "diff_20251104", "diff_20251105").registry_date == date(2025, 11, 5)
