"""Cells of exported files: text that a spreadsheet doesn't take for a formula, days and instants in Japanese time."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from console.domain.calendar_days import JST
from console.domain.corporation_number import DIGIT_COUNT, group_digits
from console.domain.exports.tables import FORMULA_CHARACTERS, CellKind, CellValue

LONGEST_TEXT = 32_000
"""Largest number of characters of a cell; Excel refuses more than 32,767."""
_LOOKS_LIKE_NUMBER = re.compile(r"0\d+|\d{12,}|\d+[-/.:]\d+(?:[-/.:]\d+)?|\d+(?:\.\d+)?[eE]\d+")
"""Texts of digits that a spreadsheet would read from a CSV file as a number, a day or a time, and so show or round
differently: numbers with a leading zero or of more than eleven digits, `1-2`, `12:30`, `1E5`.
"""


def clean_text(text: str) -> str:
    """Return text from outside in one line that no spreadsheet reads as a formula. Control characters, marks of the
    reading direction and characters that UTF-8 can't hold become spaces; a text that begins like a formula gets an
    apostrophe in front, in both formats, because a workbook may be saved as CSV later.
    """
    line = printable_text(text)
    return f"{_APOSTROPHE if line.lstrip().startswith(FORMULA_CHARACTERS) else ''}{line}"


def printable_text(text: str) -> str:
    """Return text from outside in one line, cut at LONGEST_TEXT. Control characters, marks of the reading direction
    and characters that UTF-8 can't hold become spaces.
    """
    line = "".join(map(_visible_character, text[:LONGEST_TEXT]))
    return f"{line}{'…' if len(text) > LONGEST_TEXT else ''}"


_APOSTROPHE = "'"


def _visible_character(character: str) -> str:
    return character if character.isprintable() or unicodedata.category(character) == "Zs" else " "


def csv_text(kind: CellKind, value: CellValue) -> str:
    """Return a cell of a CSV file. A corporation number stands in groups of digits, as on screen, because Excel would
    show 13 digits without a space as 1.18E+12. Any other text that looks like a number or a day gets an apostrophe.
    """
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case Decimal():
            return f"{value:f}"
    if kind is CellKind.CORPORATION_NUMBER and len(value) == DIGIT_COUNT and value.isdecimal():
        return group_digits(value)
    text = clean_text(value)
    return f"{_APOSTROPHE}{text}" if _LOOKS_LIKE_NUMBER.fullmatch(text) else text


def sheet_value(value: CellValue) -> CellValue:
    """Return a cell of a workbook: an instant as the wall-clock time in Japan, because a workbook stores no zones."""
    match value:
        case datetime():
            return value.astimezone(JST).replace(tzinfo=None, microsecond=0)
        case str():
            return clean_text(value)
    return value


def sheet_names(title: str) -> Iterator[str]:
    """Yield names for the sheets of a table: the title without the characters that Excel refuses, at most 31
    characters; from the second sheet on with a number.
    """
    plain = re.sub(r"[\[\]:*?/\\']", " ", clean_text(title)).strip() or "1"
    yield plain[:31].strip()
    number = 2
    while True:
        yield f"{plain[:26].strip()} {number}"
        number += 1
