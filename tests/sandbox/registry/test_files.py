"""Tests of the corporation registry files that the sandbox writes: they have the publisher's form and right check
digits, and the same seed gives the same bytes."""

import csv
import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from console.domain.corporation_number import is_well_formed
from console.sandbox.registry import (
    InventedRegistry,
    RegistryRow,
    close_company,
    delete_company,
    make_company_row,
    merge_company,
    move_company,
    rename_company,
    reopen_company,
    write_difference_file,
    write_whole_file,
)
from console.sandbox.registry.files import Encoding
from console.sandbox.registry.published_registry import PublishedRegistry

WHOLE_FILE_DAY = date(2026, 10, 30)
DIFFERENCE_DAY = date(2026, 11, 2)
ROW_COUNT = 6_000


def read_rows(path: Path, codec: str = "utf-8") -> list[RegistryRow]:
    """Check the file names in a ZIP of the publisher's form, and return the rows of its CSV file."""
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{path.stem}.csv", f"{path.stem}.csv.asc"]
        text = archive.read(f"{path.stem}.csv").decode(codec)
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(line) for line in lines} == {30}
    return [RegistryRow(*line) for line in lines]


@pytest.fixture(scope="module")
def whole_file_rows(tmp_path_factory: pytest.TempPathFactory) -> list[RegistryRow]:
    """Return the rows of a generated whole file, that is, a file with all corporations of the nation."""
    path = write_whole_file(tmp_path_factory.mktemp("whole"), WHOLE_FILE_DAY, ROW_COUNT, seed=7)
    assert path.name == "00_zenkoku_all_20261030.zip"
    return read_rows(path)


def test_a_whole_file_has_each_number_once_with_the_right_check_digit(whole_file_rows: list[RegistryRow]) -> None:
    """A whole file contains each corporation number once, with the right check digit."""
    numbers = [row.corporate_number for row in whole_file_rows]
    assert len(set(numbers)) == len(whole_file_rows) == ROW_COUNT
    assert all(is_well_formed(number) and number[1:3] == "99" for number in numbers)
    assert [row.sequence_number for row in whole_file_rows] == [str(n) for n in range(1, ROW_COUNT + 1)]
    assert [
        (row.prefecture_code or number[3:5], number) for row, number in zip(whole_file_rows, numbers, strict=True)
    ] == sorted(
        (row.prefecture_code or number[3:5], number) for row, number in zip(whole_file_rows, numbers, strict=True)
    )


def test_a_whole_file_has_every_shape_of_row(whole_file_rows: list[RegistryRow]) -> None:
    """A whole file has rows of each kind: open, closed, merged, hidden and others."""
    assert {row.kind for row in whole_file_rows} == {
        "101",
        "201",
        "301",
        "302",
        "303",
        "304",
        "305",
        "399",
        "401",
        "499",
    }
    assert {"01", "11", "12", "21", "22", "71", "81"} <= {row.process for row in whole_file_rows}
    assert {row.close_cause for row in whole_file_rows} == {"", "01", "11", "21", "31"}
    assert {row.latest for row in whole_file_rows} == {"1"}
    assert {row.correct for row in whole_file_rows} == {"0", "1"}
    assert {row.hihyoji for row in whole_file_rows} == {"0", "1"}
    assert any(row.name_image_id and not row.name for row in whole_file_rows)
    assert any(row.name_image_id and row.name for row in whole_file_rows)
    assert any(row.address_image_id and not row.street_number for row in whole_file_rows)
    assert any('"' in row.en_name for row in whole_file_rows)
    assert any(row.address_outside and not row.prefecture_name for row in whole_file_rows)
    assert max(len(row.name) for row in whole_file_rows) == 150
    assert any(row.name.startswith("株式会社") for row in whole_file_rows)
    assert any(row.name.endswith("株式会社") for row in whole_file_rows)
    assert any("髙" in row.name for row in whole_file_rows)
    assert any(not row.furigana for row in whole_file_rows)
    for row in whole_file_rows:
        assert bool(row.close_date) == bool(row.close_cause)
        assert (row.close_cause == "11") == bool(row.successor_corporate_number)
        assert row.name or row.name_image_id
        assert row.assignment_date <= row.change_date <= row.update_date <= WHOLE_FILE_DAY.isoformat()


def test_mergers_form_chains_that_end(whole_file_rows: list[RegistryRow]) -> None:
    """Some corporations are merged into one that is itself merged. Each such chain of mergers ends: the last
    corporation isn't merged."""
    by_number = {row.corporate_number: row for row in whole_file_rows}
    merged = [row for row in whole_file_rows if row.successor_corporate_number]
    chain = [row for row in merged if by_number[row.successor_corporate_number].successor_corporate_number]
    assert len(merged) > len(chain) >= ROW_COUNT // 200
    for row in chain:
        while row.successor_corporate_number:
            row = by_number[row.successor_corporate_number]  # a circle would never end


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, encoding: Encoding) -> None:
    """The same seed writes the same bytes in each encoding (Shift_JIS, UTF-8), and another seed writes different
    bytes.
    """
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        path = write_whole_file(tmp_path / name, WHOLE_FILE_DAY, 300, seed, encoding=encoding, prefecture="13")
        assert path.name == "13_tokyo_all_20261030.zip"
        assert {row.prefecture_name for row in read_rows(path, "cp932" if encoding == "shift_jis" else "utf-8")} <= {
            "東京都",
            "",
        }
        written.append(path.read_bytes())
    assert written[0] == written[1] != written[2]


def test_any_row_of_a_file_is_computed_without_the_other_rows(whole_file_rows: list[RegistryRow]) -> None:
    """The sandbox can compute each row of a file without computing the other rows."""
    registry = InventedRegistry(ROW_COUNT, 7, WHOLE_FILE_DAY)
    for position in (0, 1, 2, 511, 512, 3_333, ROW_COUNT - 1):
        assert registry.make_row_at(position) == whole_file_rows[position]
        assert registry.make_number_at(position) == whole_file_rows[position].corporate_number
        assert registry.find_position(whole_file_rows[position].corporate_number) == position
    assert registry.find_position("1180301018771") is None
    assert registry.find_position("9" + whole_file_rows[0].corporate_number[1:]) is None


def test_the_refusal_of_too_large_a_registry_names_the_requested_row_count() -> None:
    """A registry with more rows than a prefecture has numbers for is refused, with the number of rows that the caller
    has requested."""
    with pytest.raises(ValueError, match=r"^9000001 rows are too many$"):
        InventedRegistry(9_000_001, 1, WHOLE_FILE_DAY, "13")


def test_a_difference_has_each_planted_change_once(tmp_path: Path, whole_file_rows: list[RegistryRow]) -> None:
    """A difference contains each of the twenty changes that a test has ordered exactly once, among 2,000 invented
    changes of every kind. It has no other change of the same corporations."""
    ours = [row for row in whole_file_rows if not row.close_date][100:118]
    closed = next(row for row in whole_file_rows if row.close_date)
    special_rows = [
        *(rename_company(row, f"{row.name}改", DIFFERENCE_DAY) for row in ours[:5]),
        *(move_company(row, "本町９－９", DIFFERENCE_DAY) for row in ours[5:10]),
        *(close_company(row, DIFFERENCE_DAY) for row in ours[10:13]),
        *(merge_company(row, ours[0].corporate_number, DIFFERENCE_DAY) for row in ours[13:16]),
        *(delete_company(row, DIFFERENCE_DAY) for row in ours[16:]),
        reopen_company(closed, DIFFERENCE_DAY),
        make_company_row("1180301018771", "株式会社見本"),
    ]
    path = write_difference_file(
        tmp_path, DIFFERENCE_DAY, 2_000, seed=7, whole_row_count=ROW_COUNT, changes=special_rows
    )
    assert path.name == "diff_20261102.zip"
    rows = read_rows(path)
    assert len(rows) == 2_000 + len(special_rows)
    numbers = {row.corporate_number for row in special_rows}
    changed_rows = [row._replace(sequence_number="0") for row in rows if row.corporate_number in numbers]
    assert changed_rows == [row._replace(sequence_number="0") for row in special_rows]
    others = [row for row in rows if row.corporate_number not in numbers]
    assert {row.process for row in others} == {"01", "11", "12", "21", "22", "71", "72", "81", "99"}
    assert {row.update_date for row in others} == {DIFFERENCE_DAY.isoformat()}
    in_force = [row.corporate_number for row in others if row.latest == "1"]
    assert len(in_force) == len(set(in_force))
    assert {row.corporate_number for row in others if row.latest == "0"} <= set(in_force)
    assert any(row.latest == "0" for row in others)
    assert all(is_well_formed(row.corporate_number) for row in others)
    known = {row.corporate_number for row in whole_file_rows}
    assert all((row.corporate_number in known) != (row.process == "01" and row.correct == "0") for row in others[:50])


def test_a_difference_keeps_the_dates_of_the_whole_file(tmp_path: Path) -> None:
    """A generated difference has the same rows, with the same dates from the whole file, as the simulated Web-API
    returns for the same data.
    """
    changed_day = date(2026, 12, 25)
    published = PublishedRegistry()
    published.publish_whole(ROW_COUNT, 7, WHOLE_FILE_DAY)
    published.publish_difference(changed_day, 300)
    path = write_difference_file(
        tmp_path, changed_day, 300, seed=7, whole_row_count=ROW_COUNT, whole_file_day=WHOLE_FILE_DAY
    )
    assert [row._replace(sequence_number="") for row in read_rows(path)] == [
        row._replace(sequence_number="") for row in published.iterate_rows_between(changed_day, changed_day)
    ]


def test_a_difference_without_a_whole_file_has_new_corporations_alone(tmp_path: Path) -> None:
    """A difference file that is not based on a whole file contains only new corporations."""
    rows = read_rows(write_difference_file(tmp_path, DIFFERENCE_DAY, 50, seed=7))
    assert {row.process for row in rows} == {"01"}
    assert len({row.corporate_number for row in rows}) == 50


def test_planted_companies_are_in_the_whole_file(tmp_path: Path) -> None:
    """A whole file contains the companies that the test has ordered."""
    company = make_company_row("1180301018771", "架空商事株式会社", furigana="カクウショウジ")
    rows = read_rows(write_whole_file(tmp_path, WHOLE_FILE_DAY, 10, seed=1, first_rows=[company]))
    assert [row.sequence_number for row in rows] == [str(n) for n in range(1, 12)]
    assert rows[0]._replace(sequence_number="0") == company
