"""Tests of registry files that can't be imported: the error names the file and the line, and the registry in use is
unchanged."""

import os
import struct
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import RegistryFileProblem as P
from console.domain.registry.corporations import ImportProgress
from console.store.documents.zip_directory import measure_zip_directory_bytes
from console.store.registry import file_rows
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.source_file import MAX_DIRECTORY_BYTES, open_source
from console.wording.sentences import catalogue
from tests.store.registry.files import (
    WHOLE_FILE_NAME,
    make_corporation_number,
    make_csv_text,
    make_row,
    write_file,
    write_zip,
)

INVALID_NUMBER_PROBLEM = P.INVALID_CORPORATION_NUMBER

FILE_NAME = "00_zenkoku_all_20251128"
ROW_COUNT = 6_000
"""Number of rows that fill more than one block of the reader."""
VALID_ROWS = [make_row(index) for index in range(4)]


WIDE_DIGITS = {0x30 + digit: 0xFF10 + digit for digit in range(10)}


def make_invalid_number() -> str:
    right = make_corporation_number(2)
    return f"{(int(right[0]) % 9) + 1}{right[1:]}"


BAD_ROWS: dict[str, tuple[list[str], P, str]] = {
    "29 fields": (make_row(2)[:-1], P.WRONG_FIELD_COUNT, ""),
    "31 fields": ([*make_row(2), ""], P.WRONG_FIELD_COUNT, ""),
    "no fields": ([], P.WRONG_FIELD_COUNT, ""),
    "check digit": (make_row(2, corporate_number=make_invalid_number()), INVALID_NUMBER_PROBLEM, "corporateNumber"),
    "12 digits": (
        make_row(2, corporate_number=make_corporation_number(2)[1:]), INVALID_NUMBER_PROBLEM, "corporateNumber",
    ),
    "wide digits": (
        make_row(2, corporate_number=make_corporation_number(2).translate(WIDE_DIGITS)), INVALID_NUMBER_PROBLEM,
        "corporateNumber",
    ),
    "no number": (make_row(2, corporate_number=""), INVALID_NUMBER_PROBLEM, "corporateNumber"),
    "successor": (make_row(2, successor_corporate_number=make_invalid_number()), INVALID_NUMBER_PROBLEM,
    "successorCorporateNumber"),
    "name of 151": (make_row(2, name="株" * 151), P.FIELD_TOO_LONG, "name"),
    "street of 301": (make_row(2, street_number="町" * 301), P.FIELD_TOO_LONG, "streetNumber"),
    "furigana of 501": (make_row(2, furigana="ア" * 501), P.FIELD_TOO_LONG, "furigana"),
    "endless line": (make_row(2, change_cause="x" * 200_000), P.FIELD_TOO_LONG, ""),
    "no name": (make_row(2, name=""), P.VALUE_NOT_ALLOWED, "name"),
    "sequence": (make_row(2, sequence_number="three"), P.VALUE_NOT_ALLOWED, "sequenceNumber"),
    "no sequence": (make_row(2, sequence_number=""), P.VALUE_NOT_ALLOWED, "sequenceNumber"),
    "process": (make_row(2, process="02"), P.VALUE_NOT_ALLOWED, "process"),
    "kind": (make_row(2, kind="300"), P.VALUE_NOT_ALLOWED, "kind"),
    "latest": (make_row(2, latest="2"), P.VALUE_NOT_ALLOWED, "latest"),
    "correct": (make_row(2, correct=""), P.VALUE_NOT_ALLOWED, "correct"),
    "hihyoji": (make_row(2, hihyoji="x"), P.VALUE_NOT_ALLOWED, "hihyoji"),
    "no day": (make_row(2, update_date=""), P.VALUE_NOT_ALLOWED, "updateDate"),
    "February 30": (make_row(2, change_date="2025-02-30"), P.VALUE_NOT_ALLOWED, "changeDate"),
    "slashes": (make_row(2, assignment_date="2025/02/03"), P.VALUE_NOT_ALLOWED, "assignmentDate"),
    "week": (make_row(2, assignment_date="2025-W03-1"), P.VALUE_NOT_ALLOWED, "assignmentDate"),
    "basic form": (make_row(2, close_date="20250203", close_cause="01"), P.VALUE_NOT_ALLOWED, "closeDate"),
    "cause": (make_row(2, close_date="2025-02-03", close_cause="02"), P.VALUE_NOT_ALLOWED, "closeCause"),
    "cause alone": (make_row(2, close_cause="01"), P.VALUE_NOT_ALLOWED, "closeDate"),
    "post code": (make_row(2, post_code="100-0013"), P.VALUE_NOT_ALLOWED, "postCode"),
    "prefecture": (make_row(2, prefecture_code="1"), P.VALUE_NOT_ALLOWED, "prefectureCode"),
    "city": (make_row(2, city_code="1０1"), P.VALUE_NOT_ALLOWED, "cityCode"),
    "line break": (make_row(2, name="株式会社\r\n見本"), P.MISPLACED_QUOTES, ""),
    "NUL": (make_row(2, name="株式会社\0"), P.CONTROL_CHARACTER, ""),
    "escape": (make_row(2, name="株式会社\x1b[2J"), P.CONTROL_CHARACTER, ""),
    "carriage return": (make_row(2, name="株式会社\r見本"), P.CONTROL_CHARACTER, ""),
}  # fmt: skip

UTF8_CSV = make_csv_text(VALID_ROWS).encode()
SHIFT_JIS_CSV = make_csv_text(VALID_ROWS).encode("cp932")
MANY_ROWS = [make_row(index) for index in range(ROW_COUNT)]
CP932_ROW_WITH_UTF8_FIELD = make_csv_text([make_row(2, name="@")]).encode("cp932").replace(b"@", "山田見本".encode())

BAD_CONTENTS: dict[str, tuple[bytes, P, int | None]] = {
    "nothing": (b"", P.NO_CORPORATION, None),
    "byte order mark alone": (b"\xef\xbb\xbf", P.NO_CORPORATION, None),
    "deleted rows alone": (make_csv_text([make_row(0, process="99"), make_row(1, latest="0")]).encode(),
    P.NO_CORPORATION, None),
    "header": (make_csv_text([["sequenceNumber", *["name"] * 29]]).encode() + UTF8_CSV, P.UNEXPECTED_HEADER, 1),
    "header in Japanese": (
        make_csv_text([["一連番号", *["法人番号"] * 29]]).encode() + UTF8_CSV,
        P.UNEXPECTED_HEADER,
        1,
    ),
    "Shift_JIS at the end": (UTF8_CSV + SHIFT_JIS_CSV, P.MIXED_ENCODING, 5),
    "UTF-8 at the end": (SHIFT_JIS_CSV + UTF8_CSV, P.MIXED_ENCODING, 5),
    "Shift_JIS in the second block": (
        make_csv_text(MANY_ROWS).encode() + SHIFT_JIS_CSV,
        P.MIXED_ENCODING,
        ROW_COUNT + 1,
    ),
    "UTF-8 in the second block": (
        make_csv_text(MANY_ROWS).encode("cp932") + UTF8_CSV,
        P.MIXED_ENCODING,
        ROW_COUNT + 1,
    ),
    "one field of UTF-8": (SHIFT_JIS_CSV + CP932_ROW_WITH_UTF8_FIELD, P.MIXED_ENCODING, 5),
    "neither": (SHIFT_JIS_CSV.replace("東".encode("cp932"), b"\xff\xfe"), P.MIXED_ENCODING, 1),
    "UTF-16": (make_csv_text(VALID_ROWS).encode("utf-16"), P.CONTROL_CHARACTER, 1),
    "half a character": (
        UTF8_CSV + make_csv_text([make_row(5)]).encode().replace("東".encode(), "東".encode()[:2]),
        P.MIXED_ENCODING,
        5,
    ),
    "quote left open": (UTF8_CSV + UTF8_CSV.replace(b"\xe6\xa0\xaa", b'"\xe6\xa0\xaa', 1), P.MISPLACED_QUOTES, 5),
    "text behind a quote": (
        UTF8_CSV + UTF8_CSV.replace(b"\xe6\xa0\xaa", b'"\xe6\xa0\xaa"', 1),
        P.MISPLACED_QUOTES,
        5,
    ),
    "empty line": (UTF8_CSV + b"\r\n" + UTF8_CSV, P.WRONG_FIELD_COUNT, 5),
    "row in the second block": (make_csv_text([*MANY_ROWS, make_row(1, kind="1")]).encode(), P.VALUE_NOT_ALLOWED,
    ROW_COUNT + 1),
    "no line end at all": (b"9" * 3_000_000, P.FIELD_TOO_LONG, 1),
    "cut": (UTF8_CSV[:-40], P.WRONG_FIELD_COUNT, 4),
}  # fmt: skip


def make_truncated_writer(size: Callable[[int], int]) -> Callable[[Path], Path]:
    def write_truncated(folder: Path) -> Path:
        path = write_file(folder, FILE_NAME, MANY_ROWS)
        content = path.read_bytes()
        path.write_bytes(content[: size(len(content))])
        return path

    return write_truncated


def write_changed_byte(folder: Path) -> Path:
    path = write_file(folder, FILE_NAME, MANY_ROWS)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    return path


def make_header_writer(offset: int, value: int) -> Callable[[Path], Path]:
    """Return a function that writes a ZIP file whose headers have the bytes `value` at `offset`. The offset counts in
    the header of the central directory."""

    def write_changed_header(folder: Path) -> Path:
        path = write_file(folder, FILE_NAME, VALID_ROWS)
        content = bytearray(path.read_bytes())
        struct.pack_into("<H", content, content.index(b"PK\x01\x02") + offset, value)
        struct.pack_into("<H", content, content.index(b"PK\x03\x04") + offset - 2, value)
        path.write_bytes(content)
        return path

    return write_changed_header


def write_zip_bomb(folder: Path) -> Path:
    return write_zip(folder, FILE_NAME, make_csv_text(VALID_ROWS).encode() * 40_000)


def make_damaged_writer(packing: int) -> Callable[[Path], Path]:
    """Return a function that writes a ZIP file with the compression method `packing` of `zipfile`, which isn't the
    publisher's, and with changed bytes in the middle of the file.
    """

    def write_damaged(folder: Path) -> Path:
        path = folder / f"{FILE_NAME}.zip"
        with zipfile.ZipFile(path, "w", packing) as archive:
            archive.writestr(f"{FILE_NAME}.csv", UTF8_CSV)
        content = bytearray(path.read_bytes())
        content[80:120] = b"\xff" * 40
        path.write_bytes(content)
        return path

    return write_damaged


def make_renamed_writer(zip_name: str, csv_name: str) -> Callable[[Path], Path]:
    def write_renamed(folder: Path) -> Path:
        path = folder / f"{zip_name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{csv_name}.csv", UTF8_CSV)
        return path

    return write_renamed


def write_nameless_entry(folder: Path) -> Path:
    """Write a ZIP file whose CSV has an empty name: `zipfile` reads a name only up to its first zero byte. Return the
    path of the file."""
    path = write_file(folder, FILE_NAME, VALID_ROWS)
    name = f"{FILE_NAME}.csv".encode()
    path.write_bytes(path.read_bytes().replace(name, b"\0" + name[1:]))
    return path


def write_file_of_a_terabyte(folder: Path) -> Path:
    path = folder / f"{FILE_NAME}.zip"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # without blocks on the disk
    return path


def make_folder(folder: Path) -> Path:
    (folder / f"{FILE_NAME}.zip").mkdir()
    return folder / f"{FILE_NAME}.zip"


def write_plain_csv(folder: Path) -> Path:
    path = folder / f"{FILE_NAME}.csv"
    path.write_bytes(UTF8_CSV)
    return path


BAD_ARCHIVES: dict[str, tuple[Callable[[Path], Path], P]] = {
    "half": (make_truncated_writer(lambda size: size // 2), P.INCOMPLETE_ZIP),
    "one byte less": (make_truncated_writer(lambda size: size - 1), P.INCOMPLETE_ZIP),
    "four bytes": (make_truncated_writer(lambda size: 4), P.INCOMPLETE_ZIP),
    "no bytes": (make_truncated_writer(lambda size: 0), P.INCOMPLETE_ZIP),
    "a flipped bit": (write_changed_byte, P.INCOMPLETE_ZIP),
    "encrypted": (make_header_writer(8, 1), P.INCOMPLETE_ZIP),
    "unknown compression": (make_header_writer(10, 97), P.INCOMPLETE_ZIP),
    "damaged LZMA": (make_damaged_writer(zipfile.ZIP_LZMA), P.INCOMPLETE_ZIP),
    "damaged BZIP2": (make_damaged_writer(zipfile.ZIP_BZIP2), P.INCOMPLETE_ZIP),
    "no ZIP": (write_plain_csv, P.INCOMPLETE_ZIP),
    "a terabyte": (write_file_of_a_terabyte, P.TOO_LARGE_UNPACKED),
    "bomb": (write_zip_bomb, P.TOO_LARGE_UNPACKED),
    "two CSV": (lambda folder: write_zip(folder, FILE_NAME, UTF8_CSV, {"more.csv": UTF8_CSV}), P.NOT_ONE_CSV),
    "a program": (lambda folder: write_zip(folder, FILE_NAME, UTF8_CSV, {"setup.exe": b"MZ"}), P.NOT_ONE_CSV),
    "no name": (make_renamed_writer("registry", "registry"), P.WRONG_FILE_NAME),
    "an empty name": (write_nameless_entry, P.NOT_ONE_CSV),
    "no such day": (make_renamed_writer("00_zenkoku_all_20251341", "data"), P.WRONG_FILE_NAME),
    "two days": (make_renamed_writer("diff_20251101", "diff_20251104"), P.WRONG_FILE_NAME),
    "two kinds": (make_renamed_writer("diff_20251104", "00_zenkoku_all_20251104"), P.WRONG_FILE_NAME),
    "missing": (lambda folder: folder / f"{FILE_NAME}.zip", P.FILE_UNREADABLE),
    "a folder": (make_folder, P.FOLDER_FOR_FILE),
}


@pytest.fixture(scope="module")
def registry_in_use(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    import_registry_files(home / "registry", [write_file(home, WHOLE_FILE_NAME, VALID_ROWS)])
    return home / "registry"


def check_import_refused(registry: Path, path: Path) -> ConsoleError:
    """Import the file, check that the import is refused and that the registry is unchanged, and return the error."""
    reader = open_registry(registry)
    assert reader is not None
    before, files = reader.read_status(), sorted(registry.glob("2*/*"))
    with pytest.raises(ConsoleError) as caught:
        import_registry_files(registry, [path])
    assert (reader.read_status(), reader.find(make_corporation_number(0)) is not None) == (before, True)
    assert [file for file in sorted(registry.glob("2*/*")) if file in files] == files
    reader.close()
    error = caught.value
    assert (error.code, error.detail.get("file")) == (ErrorCode.BAD_REGISTRY_FILE, path.name)
    for language in ("ja", "en"):
        message = catalogue.format_error_message(error, language)
        assert path.name in message or error.detail["problem"] == P.NO_CORPORATION
        assert str(error.detail["line"] or "") in message
    return error


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line_number(registry_in_use: Path, tmp_path: Path, name: str) -> None:
    """A row that breaks any of the format's rules is refused with its line number and field. The bad row is the third
    of four rows.
    """
    bad, problem, field = BAD_ROWS[name]
    error = check_import_refused(
        registry_in_use, write_file(tmp_path, FILE_NAME, [*VALID_ROWS[:2], bad, *VALID_ROWS[3:]])
    )
    detail = error.detail
    assert (detail["problem"], detail["line"], detail.get("field")) == (problem, 3, field)


@pytest.mark.parametrize("name", BAD_CONTENTS)
def test_a_bad_csv_is_refused_with_its_line_number(registry_in_use: Path, tmp_path: Path, name: str) -> None:
    """A CSV with a malformed line of any kind is refused with the number of the line. A CSV without a corporation is
    refused without a line number."""
    content, problem, line = BAD_CONTENTS[name]
    error = check_import_refused(registry_in_use, write_zip(tmp_path, FILE_NAME, content))
    assert (error.detail["problem"], error.detail["line"]) == (problem, line)


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_refused(registry_in_use: Path, tmp_path: Path, name: str) -> None:
    """A truncated ZIP, a file of another type, a ZIP bomb, or a file name without a day is refused."""
    write, problem = BAD_ARCHIVES[name]
    assert check_import_refused(registry_in_use, write(tmp_path)).detail["problem"] == problem


def test_a_file_replaced_after_its_check_is_refused(registry_in_use: Path, tmp_path: Path) -> None:
    """The import computes the hash of the file that it checks. If the file is replaced after the check, the import is
    refused."""
    path = write_file(tmp_path, FILE_NAME, VALID_ROWS)

    def replace_checked_file(progress: ImportProgress) -> None:
        if progress.step == "read":
            write_file(tmp_path, FILE_NAME, [make_row(index, name="別物") for index in range(4)])

    with pytest.raises(ConsoleError) as caught:
        import_registry_files(registry_in_use, [path], on_progress=replace_checked_file)
    assert caught.value.detail["problem"] == P.FILE_CHANGED
    reader = open_registry(registry_in_use)
    assert reader is not None
    assert "別物" not in {
        corporation.name
        for corporation in reader.find_many([make_corporation_number(index) for index in range(4)]).values()
    }
    reader.close()


def test_the_case_of_a_file_name_does_not_matter(tmp_path: Path) -> None:
    """A ZIP file that was renamed with a capital letter is imported, although the CSV in it has the publisher's
    name.
    """
    path = write_file(tmp_path, "diff_20251128", VALID_ROWS)
    source = open_source(path.rename(tmp_path / "Diff_20251128.zip"))
    assert (source.is_difference, source.day) == (True, date(2025, 11, 28))


def test_longest_texts_and_special_characters_are_imported(tmp_path: Path) -> None:
    """The import accepts texts of the maximum length, and Shift_JIS characters whose second byte looks like a
    backslash, a brace or a letter."""
    rows = [
        make_row(0, name="株" * 150, street_number="町" * 300, furigana="ア" * 500),
        make_row(1, name="表ソ能十貼暴予", city_name="千代田区", change_cause="a,b\"c"),
        make_row(2, name="縺ゅ縺", post_code=""),
    ]  # fmt: skip
    registry = tmp_path / "registry"
    import_registry_files(registry, [write_file(tmp_path, FILE_NAME, rows, "cp932")])
    reader = open_registry(registry)
    assert reader is not None
    first_number, second_number = make_corporation_number(0), make_corporation_number(1)
    corporations = reader.find_many([first_number, second_number])
    second = corporations[second_number]
    assert [len(corporations[first_number].name), second.name, second.change_cause] == [
        150,
        "表ソ能十貼暴予",
        'a,b"c',
    ]
    reader.close()


def test_a_file_with_a_future_day_is_refused(registry_in_use: Path, tmp_path: Path) -> None:
    """A file of a future day is refused: if it were imported, the files of all earlier days would be refused
    afterwards.
    """
    for name in ("00_zenkoku_all_99991231", "00_zenkoku_all_20251105", "diff_20251105"):
        with pytest.raises(ConsoleError) as caught:
            import_registry_files(
                registry_in_use, [write_file(tmp_path, name, VALID_ROWS)], latest_day=date(2025, 11, 4)
            )
        assert (caught.value.code, caught.value.detail["problem"]) == (ErrorCode.BAD_REGISTRY_FILE, P.FUTURE_DAY)
        assert f"{name}.zip" in catalogue.format_error_message(caught.value, "ja")


@pytest.mark.parametrize(
    ("make_file", "problem"),
    [
        (os.mkfifo, P.FILE_UNREADABLE),
        (os.mkdir, P.FOLDER_FOR_FILE),
        (lambda path: path.symlink_to("/dev/zero"), P.FILE_UNREADABLE),
    ],
)
def test_only_an_ordinary_file_is_read(
    registry_in_use: Path, tmp_path: Path, make_file: Callable[[Path], None], problem: P
) -> None:
    """A pipe, a folder or an endless device is refused, because the import would wait for ever."""
    path = tmp_path / f"{FILE_NAME}.zip"
    make_file(path)
    assert check_import_refused(registry_in_use, path).detail["problem"] == problem


def test_the_cache_of_days_stays_small() -> None:
    """The import's cache of days has a maximum size, although a file may have a different day in each row."""
    for ordinal in range(1, 3 * 50_000):
        file_rows.get_stored_day(date.fromordinal(ordinal).isoformat())
    assert len(file_rows._stored_day_cache) <= 50_000
    assert file_rows.get_stored_day("2015-10-06") == 1


def test_a_zip_with_too_many_files_is_refused(registry_in_use: Path, tmp_path: Path) -> None:
    """A ZIP with a very long list of files is refused before the list is read, because half a million entries need
    hundreds of megabytes of memory."""
    path = write_zip(
        tmp_path, FILE_NAME, make_csv_text(VALID_ROWS).encode(), {f"{index}.asc": b"" for index in range(20_000)}
    )
    with path.open("rb") as file:
        assert measure_zip_directory_bytes(file) > MAX_DIRECTORY_BYTES
    assert check_import_refused(registry_in_use, path).detail["problem"] == P.NOT_ONE_CSV
