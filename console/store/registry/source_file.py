"""Reads one of the publisher's ZIP files: its kind and day, its SHA-256, and the text of its CSV in blocks of
lines.

The file's name says its kind and day: `00_zenkoku_all_20261031.zip` (the nation), `13_tokyo_all_20261031.zip` (one
prefecture), `diff_20261102.zip` (the changes of a day). A ZIP contains one CSV and may contain its signature
(`.asc`).

Functions raise ConsoleError `bad_registry_file` for a file that can't be used; the error names the line of the CSV
if the defect is in a line.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest
from pathlib import Path

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import RegistryFileProblem
from console.domain.registry.import_plan import WHOLE_NATION_CODE, parse_file_day
from console.settings.private_files import is_folder, open_ordinary_file
from console.store.documents.zip_directory import measure_zip_directory_bytes

MAX_CSV_BYTES = 8 * 1024**3
"""Largest accepted size (bytes) of a CSV, and of the ZIP itself. The CSV of the nation has less than 2 GiB."""
MAX_DIRECTORY_BYTES = 1024**2
"""Largest accepted directory of a ZIP. The publisher's ZIP files contain two files."""
MAX_COMPRESSION_RATIO = 200
"""Highest accepted ratio of a CSV's size to its compressed size. The publisher's files have 5 to 10."""
_MAX_BYTES_WITHOUT_RATIO_CHECK = 16 * 1024**2
"""A CSV up to this size (bytes) is accepted with any ratio of its size to its compressed size."""
_ACCEPTED_COMPRESSION_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compression methods that a ZIP may use; the publisher uses no others. Other methods may need gigabytes of
memory, and raise other exceptions when they fail.
"""
_LONGEST_LINE_BYTES = 64 * 1024
"""Longest part of a line (bytes) that may remain at the end of a read; a longer line is refused. A line that ends in
the same read isn't measured: the module `file_rows` checks its length."""
_BLOCK_BYTES = 256 * 1024
"""Bytes of one read; the objects made of larger blocks don't fit into a processor's cache."""
_NAME_PATTERN = re.compile(r"(?:(?P<difference>diff)|(?P<prefecture>\d\d)_[a-z]+_all)_(?P<day>\d{8})", re.IGNORECASE)
_CONTROL_PATTERN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_CONTROL_CHARACTERS = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
_UTF8_KANA_OR_KANJI_PATTERN = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
_PRIVATE_USE_PATTERN = re.compile("[\x80\ue000-\uf8ff]")
"""Matches a character to which Python decodes bytes that have no meaning in Shift_JIS."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF8 = "utf-8"
_SHIFT_JIS = "cp932"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the publisher that was checked once from its beginning to its end. `is_difference` is False for a
    whole file. `day` is the day in its name, `sha256` the SHA-256 (hex) of the ZIP, `encoding` the encoding of its
    CSV. `prefecture` is the code of the prefecture of a whole file, WHOLE_NATION_CODE for the nation and for a
    difference. `line_count` is the number of lines of the CSV.
    """

    path: Path
    name: str
    day: date
    is_difference: bool
    prefecture: str
    sha256: str
    encoding: str
    line_count: int


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A block of whole lines of a CSV. `first_line` is the number of its first line; the first line of the file
    has number 1."""

    first_line: int
    lines: list[str]


def make_bad_file_error(
    name: str, problem: RegistryFileProblem, line: int | None = None, field: str = ""
) -> ConsoleError:
    """Return the error `bad_registry_file` for the file `name`, which can't be used because of `problem`. `line`: the
    number of the bad line of the CSV; None if the defect isn't in a line. `field`: the publisher's name of the wrong
    field; "" if there is none."""
    return ConsoleError(ErrorCode.BAD_REGISTRY_FILE, {"file": name, "line": line, "problem": problem, "field": field})


def open_source(
    path: Path, should_stop: Callable[[], bool] = lambda: False, latest_day: date = date.max
) -> SourceFile:
    """Check a file of the publisher: the ZIP, the file name, and the characters and checksum of its CSV. Also compute
    its SHA-256, find its encoding and count its lines. Raises ConsoleError `bad_registry_file` if the file can't be
    read, one of the checks fails, or the day in its name is after `latest_day`; `interrupted` if `should_stop`
    returns True.
    """
    try:
        with open_ordinary_file(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_CSV_BYTES:  # its SHA-256 would take minutes or hours
                raise make_bad_file_error(path.name, RegistryFileProblem.TOO_LARGE_UNPACKED)
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        problem = RegistryFileProblem.FOLDER_FOR_FILE if is_folder(path) else RegistryFileProblem.FILE_UNREADABLE
        raise make_bad_file_error(path.name, problem) from error
    with _open_csv(path) as (archive, member):
        match = _match_file_name(path.name, member.filename)
        day = _parse_day(path.name, match["day"])
        if day > latest_day:
            raise make_bad_file_error(path.name, RegistryFileProblem.FUTURE_DAY)
        encoding_finder = _EncodingFinder(path.name)
        try:
            line_count = _check_text_and_count_lines(path.name, archive, member, encoding_finder, should_stop)
        except ConsoleError as error:
            if error.code is ErrorCode.BAD_REGISTRY_FILE:
                _check_crc(archive, member)
            raise
    prefecture = match["prefecture"] or WHOLE_NATION_CODE
    return SourceFile(
        path,
        path.name,
        day,
        match["difference"] is not None,
        prefecture,
        digest,
        encoding_finder.encoding,
        line_count,
    )


def _check_crc(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read the whole CSV, so that zipfile.BadZipFile is raised if its checksum is wrong. The caller does this after
    it has found an error in the text: if the ZIP is damaged, the program reports the damage instead of that error.
    `member` is the entry of the CSV in the ZIP `archive`."""
    with archive.open(member) as file:
        while file.read(_BLOCK_BYTES):
            pass


def _check_text_and_count_lines(
    file_name: str,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    encoding_finder: "_EncodingFinder",
    should_stop: Callable[[], bool],
) -> int:
    """Check the control characters and the encoding of the whole CSV, and return its number of lines. The encoding
    that was found is in `encoding_finder` afterwards. Raises ConsoleError `bad_registry_file` for the first line with
    a control character, in a wrong encoding or of excessive length; `interrupted` if `should_stop` returns True.
    """
    line_count = 0
    for first_line, content in _read_blocks(file_name, archive, member):
        if should_stop():
            raise make_stopped_error()
        _check_control_characters(file_name, first_line, content)
        encoding_finder.check_block(first_line, content)
        line_count = first_line + content.count(b"\n") - content.endswith(b"\n")
    return line_count


def read_text_blocks(source: SourceFile, after_line: int = 0) -> Iterator[TextBlock]:
    """Yield the lines of the CSV in blocks, beginning after the line `after_line`, which must be the last line of a
    block of an earlier call. Raises ConsoleError `bad_registry_file` if the file can no longer be read, or isn't the
    file that `open_source` has checked.
    """
    with _open_csv(source.path, source.sha256) as (archive, member):
        for first_line, content in _read_blocks(source.name, archive, member):
            if first_line <= after_line:
                continue
            try:
                text = content.decode(source.encoding)
            except UnicodeDecodeError as error:
                raise make_bad_file_error(source.name, RegistryFileProblem.MIXED_ENCODING, first_line) from error
            yield TextBlock(first_line, text.removesuffix("\n").split("\n"))


def make_stopped_error() -> ConsoleError:
    """Return the error `interrupted` of an import that a person or the operating system stopped."""
    return ConsoleError(ErrorCode.INTERRUPTED, {"reason": "registry_import"})


@contextmanager
def _open_csv(path: Path, sha256: str | None = None) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """Context manager: open the ZIP, and yield it with the entry of its CSV. Errors of the ZIP and of the operating
    system become ConsoleError `bad_registry_file`, also those that the block raises. If `sha256` is given, a file
    with another hash raises the same error.

    `zipfile` raises NotImplementedError for a compression or a version that it doesn't support, RuntimeError for a
    password.
    """
    try:
        with open_ordinary_file(path) as file:
            if sha256 is not None and file_digest(file, "sha256").hexdigest() != sha256:
                raise make_bad_file_error(path.name, RegistryFileProblem.FILE_CHANGED)
            if measure_zip_directory_bytes(file) > MAX_DIRECTORY_BYTES:
                raise make_bad_file_error(path.name, RegistryFileProblem.NOT_ONE_CSV)
            with zipfile.ZipFile(file) as archive:
                yield archive, _require_csv(path.name, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise make_bad_file_error(path.name, RegistryFileProblem.INCOMPLETE_ZIP) from error
    except OSError as error:
        raise make_bad_file_error(path.name, RegistryFileProblem.FILE_UNREADABLE) from error


def _require_csv(file_name: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the entry of the only CSV of the ZIP. Raises ConsoleError `bad_registry_file` in these cases:

    - the ZIP has no CSV, or several
    - the ZIP has other files than a CSV and signatures (`.asc`)
    - the CSV is compressed by an unusual method
    - the unpacked CSV would be far larger than the publisher's files are
    """
    # not ZipInfo.is_dir: before Python 3.12 it raises IndexError for an entry with an empty name
    members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    csv_members = [member for member in members if member.filename.lower().endswith(".csv")]
    other_members = [
        member for member in members if member not in csv_members and not member.filename.lower().endswith(".asc")
    ]
    if len(csv_members) != 1 or other_members:
        raise make_bad_file_error(file_name, RegistryFileProblem.NOT_ONE_CSV)
    size, compressed_size = csv_members[0].file_size, csv_members[0].compress_size
    if csv_members[0].compress_type not in _ACCEPTED_COMPRESSION_METHODS:
        raise make_bad_file_error(file_name, RegistryFileProblem.INCOMPLETE_ZIP)
    if size > MAX_CSV_BYTES or (
        size > _MAX_BYTES_WITHOUT_RATIO_CHECK and size > compressed_size * MAX_COMPRESSION_RATIO
    ):
        raise make_bad_file_error(file_name, RegistryFileProblem.TOO_LARGE_UNPACKED)
    return csv_members[0]


def _match_file_name(file_name: str, csv_name: str) -> re.Match[str]:
    """Return the match of a file name of the publisher, whose groups are the kind and the day: of the ZIP's name, or
    else of the name of the CSV file in it. Raises ConsoleError `bad_registry_file` if neither file has a name of the
    publisher's form, or if the two names contradict each other."""
    zip_match, csv_match = _NAME_PATTERN.search(file_name), _NAME_PATTERN.search(Path(csv_name).name)
    if zip_match and csv_match and _parse_kind_and_day(zip_match) != _parse_kind_and_day(csv_match):
        raise make_bad_file_error(file_name, RegistryFileProblem.WRONG_FILE_NAME)
    match = zip_match or csv_match
    if match is None:
        raise make_bad_file_error(file_name, RegistryFileProblem.WRONG_FILE_NAME)
    return match


def _parse_kind_and_day(match: re.Match[str]) -> tuple[bool, str | None, str]:
    """Return three values from the match of a file name (`_match_file_name`): True for a difference, the prefecture
    code (None for a difference), and the day as text.
    """
    return match["difference"] is not None, match["prefecture"], match["day"]


def _parse_day(file_name: str, text: str) -> date:
    day = parse_file_day(text)
    if day is None:
        raise make_bad_file_error(file_name, RegistryFileProblem.WRONG_FILE_NAME)
    return day


def _read_blocks(file_name: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines of the CSV, each with the number of its first line. A second call yields the same
    blocks again. Raises ConsoleError `bad_registry_file` for a line that is far longer than any valid row."""
    line, partial_line = 1, b""
    with archive.open(member) as file:
        while content := file.read(_BLOCK_BYTES):
            if line == 1 and not partial_line:
                content = content.removeprefix(_BYTE_ORDER_MARK)
            block, newline, incomplete_line = (partial_line + content).rpartition(b"\n")
            if newline:
                yield line, block + newline
                line += block.count(b"\n") + 1
            partial_line = incomplete_line
            if len(partial_line) > _LONGEST_LINE_BYTES:
                raise make_bad_file_error(file_name, RegistryFileProblem.FIELD_TOO_LONG, line)
    if partial_line:
        yield line, partial_line


def _check_control_characters(file_name: str, first_line: int, content: bytes) -> None:
    """Raise ConsoleError `bad_registry_file` for the first line with a control character. `first_line` is the number
    of the first line of `content`."""
    if content.count(b"\r") == content.count(b"\r\n") and len(content.translate(None, _CONTROL_CHARACTERS)) == len(
        content
    ):
        return
    if match := _CONTROL_PATTERN.search(content):
        line = first_line + content.count(b"\n", 0, match.start())
        raise make_bad_file_error(file_name, RegistryFileProblem.CONTROL_CHARACTER, line)


class _EncodingFinder:
    """Finds the encoding of a CSV from all of its bytes: UTF-8, or Shift_JIS in the variant of Windows (code page
    932).

    The first line with a character other than ASCII decides; all later lines must agree.
    """

    def __init__(self, file_name: str) -> None:
        self._name = file_name
        self._encoding: str | None = None

    @property
    def encoding(self) -> str:
        """The encoding of the blocks checked so far; UTF-8 if they have ASCII characters only."""
        return self._encoding or _UTF8

    def check_block(self, first_line: int, content: bytes) -> None:
        """Check the next block of lines; `first_line` is the number of its first line. The first line of the file
        with non-ASCII characters decides the encoding. Raises ConsoleError `bad_registry_file` if a line of the block
        isn't in this encoding.
        """
        if content.isascii():
            return
        if self._encoding is None:
            first_non_ascii_line = next(line for line in content.split(b"\n") if not line.isascii())
            self._encoding = _UTF8 if _is_utf8(first_non_ascii_line) else _SHIFT_JIS
        has_encoding = _is_utf8 if self._encoding == _UTF8 else _is_shift_jis
        if not has_encoding(content):
            wrong_line_index = next(
                index for index, line in enumerate(content.split(b"\n")) if not has_encoding(line)
            )
            raise make_bad_file_error(self._name, RegistryFileProblem.MIXED_ENCODING, first_line + wrong_line_index)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode(_UTF8)
    except UnicodeDecodeError:
        return False
    return True


def _is_shift_jis(content: bytes) -> bool:
    """True if the text can be read as Shift_JIS and has no field in UTF-8.

    Often a field in UTF-8 could also be read as Shift_JIS, but as meaningless characters. A comma is never a part of
    a character of Shift_JIS, so the fields can be checked one by one. Kana and kanji have three bytes each in UTF-8
    and two bytes with other values in Shift_JIS. So a field of real text is never valid in both encodings.
    """
    try:
        text = content.decode(_SHIFT_JIS)
    except UnicodeDecodeError:
        return False
    if _PRIVATE_USE_PATTERN.search(text):
        return False
    if _UTF8_KANA_OR_KANJI_PATTERN.search(content) is None:
        return True
    fields = content.replace(b"\n", b",").split(b",")
    return not any(_UTF8_KANA_OR_KANJI_PATTERN.search(field) and _is_utf8(field) for field in fields)
