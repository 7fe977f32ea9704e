"""Converts the lines of the publisher's CSV into checked columns. This module contains all rules for the format of
a row.

A block of lines is checked column by column, because that is many times faster than row by row. If a rule is
broken, the same rules are applied to one line after another, so that the error names the first bad line.
"""

import csv
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from console.domain.corporation_number import are_well_formed
from console.domain.file_problems import RegistryFileProblem
from console.domain.registry.corporations import CloseCause, CorporationEvent, CorporationKind
from console.domain.registry.publication_days import FIRST_PUBLICATION_DAY
from console.store.registry.source_file import SourceFile, TextBlock, make_bad_file_error, read_text_blocks

Column = Sequence[str]
_MAX_CACHED_DAYS = 50_000
_LINES_PER_STEP = 400
_MAX_LINE_CHARACTERS = 16_000
"""Largest number of characters of a line; the fields of a row can't have as many together."""


class FileColumns(NamedTuple):
    """The 30 columns of a block of rows, in the order and with the names of the publisher's resource definition."""

    sequence_number: Column
    corporate_number: Column
    process: Column
    correct: Column
    update_date: Column
    change_date: Column
    name: Column
    name_image_id: Column
    kind: Column
    prefecture_name: Column
    city_name: Column
    street_number: Column
    address_image_id: Column
    prefecture_code: Column
    city_code: Column
    post_code: Column
    address_outside: Column
    address_outside_image_id: Column
    close_date: Column
    close_cause: Column
    successor_corporate_number: Column
    change_cause: Column
    assignment_date: Column
    latest: Column
    en_name: Column
    en_prefecture_name: Column
    en_city_name: Column
    en_address_outside: Column
    furigana: Column
    hihyoji: Column


class RowBlock(NamedTuple):
    """A block of checked rows of a file: the numbers of its first and last line, and its columns."""

    first_line: int
    last_line: int
    columns: FileColumns


class _BrokenRule(Exception):
    """Raised if a value breaks a rule of the format. `field` is the publisher's name of the wrong field; "" if the
    whole line is wrong."""

    def __init__(self, problem: RegistryFileProblem, field: str = "") -> None:
        super().__init__(problem)
        self.problem, self.field = problem, field


class _StoredDayCache(dict[str, int]):
    """Cache from the text of a date (YYYY-MM-DD) to its stored form: the number of days since FIRST_PUBLICATION_DAY.
    A missing entry is computed at its first look-up; ValueError is raised for a text that isn't a date. A file of the
    publisher has far fewer than _MAX_CACHED_DAYS different days. If there are more, all entries are deleted, so that
    the memory stays limited.
    """

    def __missing__(self, text: str) -> int:
        if len(text) != 10 or text[4] != "-" or text[7] != "-":
            raise ValueError(text)
        if len(self) >= _MAX_CACHED_DAYS:
            self.clear()
        day = self[text] = (date.fromisoformat(text) - FIRST_PUBLICATION_DAY).days
        return day


_stored_day_cache = _StoredDayCache()


def read_rows(source: SourceFile, after_line: int = 0) -> Iterator[RowBlock]:
    """Yield the rows of the file in blocks, beginning after the line `after_line`, the last line of an earlier
    block. Raises ConsoleError `bad_registry_file` for the first bad line."""
    for block in read_text_blocks(source, after_line):
        yield RowBlock(
            block.first_line, block.first_line + len(block.lines) - 1, _parse_lines_of_block(source.name, block)
        )


get_stored_day: Callable[[str], int] = _stored_day_cache.__getitem__
"""Returns the stored form of a date (YYYY-MM-DD) of a checked row: the number of days since FIRST_PUBLICATION_DAY."""


def _parse_lines_of_block(file_name: str, block: TextBlock) -> FileColumns:
    """Check the lines of the block, and return their columns. Raises ConsoleError `bad_registry_file` for the first
    bad line.
    """
    try:
        return _parse_lines(block.lines)
    except _BrokenRule as broken:
        for index, line in enumerate(block.lines):
            _check_line(file_name, block.first_line + index, line)
        raise make_bad_file_error(file_name, broken.problem, block.first_line, broken.field) from broken


def _check_line(file_name: str, line_number: int, line: str) -> None:
    """Check one line. Raises ConsoleError `bad_registry_file`, which names the number of the line, if the line breaks
    a rule or is a header."""
    try:
        _parse_lines([line])
    except _BrokenRule as broken:
        is_header = (
            line_number == 1 and not line.strip('"')[:1].isdigit() and line.count(",") == len(FileColumns._fields) - 1
        )
        problem = RegistryFileProblem.UNEXPECTED_HEADER if is_header else broken.problem
        raise make_bad_file_error(file_name, problem, line_number, broken.field) from broken


def _parse_lines(lines: list[str]) -> FileColumns:
    """Check the lines of a CSV, and return their columns. Raises _BrokenRule if one of the values breaks a rule."""
    longest_line = max(map(len, lines))
    if longest_line > _MAX_LINE_CHARACTERS:
        raise _BrokenRule(RegistryFileProblem.FIELD_TOO_LONG)
    columns = _split_lines(lines)
    for field, check in _CHECK_BY_COLUMN.items():
        if not check(getattr(columns, field)):
            raise _BrokenRule(
                _PROBLEM_BY_COLUMN.get(field, RegistryFileProblem.VALUE_NOT_ALLOWED),
                _make_publisher_field_name(field),
            )
    _check_lengths(columns, longest_line)
    _check_field_pairs(columns)
    return columns


def _split_lines(lines: list[str]) -> FileColumns:
    """Return the columns of the lines of a CSV. Raises _BrokenRule for misplaced quotes or a wrong number of fields.
    A few hundred lines at a time become columns: a list for each line of a whole block would make Python's garbage
    collection run several times a block."""
    columns: list[list[str]] = [[] for _ in FileColumns._fields]
    for start in range(0, len(lines), _LINES_PER_STEP):
        step_lines = lines[start : start + _LINES_PER_STEP]
        try:
            rows = list(csv.reader(step_lines, strict=True))
        except csv.Error:
            raise _BrokenRule(RegistryFileProblem.MISPLACED_QUOTES) from None
        if len(rows) != len(step_lines):
            raise _BrokenRule(RegistryFileProblem.MISPLACED_QUOTES)
        if set(map(len, rows)) != {len(columns)}:
            raise _BrokenRule(RegistryFileProblem.WRONG_FIELD_COUNT)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return FileColumns(*columns)


def _check_lengths(columns: FileColumns, longest_line: int) -> None:
    """Raise _BrokenRule if a text of the columns is too long. `longest_line` is the length (characters) of the
    longest line; a column whose limit is at least `longest_line` needs no check."""
    for field, max_length in _MAX_CHARACTERS_BY_COLUMN.items():
        if max_length < longest_line and max(map(len, set(getattr(columns, field)))) > max_length:
            raise _BrokenRule(RegistryFileProblem.FIELD_TOO_LONG, _make_publisher_field_name(field))


def _check_field_pairs(columns: FileColumns) -> None:
    """Check the rules that concern two fields of a row. Raises _BrokenRule if a row has neither a name nor an image
    of the name, or if it has a cause of its closure without a date of the closure.
    """
    if not all(columns.name) and not all(map(operator.concat, columns.name, columns.name_image_id)):
        raise _BrokenRule(RegistryFileProblem.VALUE_NOT_ALLOWED, "name")
    if any(map(operator.gt, map(bool, columns.close_cause), map(bool, columns.close_date))):
        raise _BrokenRule(RegistryFileProblem.VALUE_NOT_ALLOWED, "closeDate")


def _make_publisher_field_name(field: str) -> str:
    first, *other_words = field.split("_")
    return first + "".join(part.title() for part in other_words)


def _make_allowed_values_check(values: Iterable[str]) -> Callable[[Column], bool]:
    allowed_values = frozenset(values)
    return lambda column: allowed_values.issuperset(column)


def _make_digits_check(count: int) -> Callable[[Column], bool]:
    """Return a function that checks a column: each text is empty or consists of `count` ASCII digits."""

    def has_only_digits(column: Column) -> bool:
        text = "".join(column)
        return not text or ({count, 0}.issuperset(map(len, column)) and _are_digits(text))

    return has_only_digits


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _are_sequence_numbers(column: Column) -> bool:
    return all(column) and _are_digits("".join(column)) and max(map(len, column)) <= 18


def _are_corporation_numbers(column: Column) -> bool:
    return set(map(len, column)) == {13} and _are_digits("".join(column)) and are_well_formed(column)


def _are_corporation_numbers_or_empty(column: Column) -> bool:
    numbers = [number for number in column if number]
    return not numbers or _are_corporation_numbers(numbers)


def _are_days(column: Column) -> bool:
    try:
        for text in set(column):
            _stored_day_cache[text]
    except ValueError:
        return False
    return True


def _are_days_or_empty(column: Column) -> bool:
    return _are_days(tuple(filter(None, column)))


_are_flags = _make_allowed_values_check(("0", "1"))
_CHECK_BY_COLUMN: Mapping[str, Callable[[Column], bool]] = {
    "sequence_number": _are_sequence_numbers,
    "corporate_number": _are_corporation_numbers,
    "process": _make_allowed_values_check(CorporationEvent),
    "correct": _are_flags,
    "update_date": _are_days,
    "change_date": _are_days,
    "kind": _make_allowed_values_check(CorporationKind),
    "prefecture_code": _make_digits_check(2),
    "city_code": _make_digits_check(3),
    "post_code": _make_digits_check(7),
    "close_date": _are_days_or_empty,
    "close_cause": _make_allowed_values_check(("", *CloseCause)),
    "successor_corporate_number": _are_corporation_numbers_or_empty,
    "assignment_date": _are_days,
    "latest": _are_flags,
    "hihyoji": _make_allowed_values_check(("", "0", "1")),
}
_PROBLEM_BY_COLUMN = {
    "corporate_number": RegistryFileProblem.INVALID_CORPORATION_NUMBER,
    "successor_corporate_number": RegistryFileProblem.INVALID_CORPORATION_NUMBER,
}
_MAX_CHARACTERS_BY_COLUMN: Mapping[str, int] = {
    "name": 150,
    "name_image_id": 20,
    "prefecture_name": 100,
    "city_name": 100,
    "street_number": 300,
    "address_image_id": 20,
    "address_outside": 300,
    "address_outside_image_id": 20,
    "change_cause": 500,
    "en_name": 300,
    "en_prefecture_name": 100,
    "en_city_name": 600,
    "en_address_outside": 600,
    "furigana": 500,
}
"""Largest accepted number of characters of each text, by column. If the publisher's definition is unclear, the
largest number that it may mean is used.
"""
