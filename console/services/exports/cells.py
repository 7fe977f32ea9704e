"""Convert values to the cells of exported files: text that a spreadsheet doesn't read as a formula, and days and
instants in Japanese time."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal

from console.domain.calendar_days import JST, convert_to_local
from console.domain.corporation_number import group_digits
from console.domain.exports.tables import FORMULA_CHARACTERS, CellKind, CellValue

LONGEST_CELL_CHARACTERS = 32_000
"""Largest number of characters of a cell; Excel refuses more than 32,767. It counts a character outside of the basic
plane of Unicode, such as an emoji, twice.
"""
_LONGEST_SHEET_NAME_CHARACTERS = 31
_RESERVED_SHEET_NAMES = frozenset({"history"})
"""Names, in lower case, that Excel keeps for its own sheets and refuses for others."""
_FIRST_SPREADSHEET_YEAR = 1900
_DAY_WORDS_PATTERN_TEXT = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?"
    "|sun(?:day)?"
)
_JAPANESE_TIME_PATTERN_TEXT = r"\d+時\d+分(?:\d+秒)?"
_NUMBER_LIKE_TEXT_PATTERN = re.compile(
    r"0\d+|\d{12,}|\d+(?:\.\d*)?e[-+]?\d+|\([\d.,]+\)|true|false"
    r"|[\d.,]+(?: ?%|\+)|[¥$€£₹] ?[\d.,]+|[\d.,]+ ?[$€£₹]"
    # Digits with marks or English names between them. Digits with only spaces between them stay a text.
    rf"|(?=.*\d)(?![\d ]+$)(?:[-/.:, \d]|{_DAY_WORDS_PATTERN_TEXT}|(?<=\d)t(?=\d)|(?<=\d)z$| ?[ap]m$|(?<=\d) [ap]$)+"
    rf"|(?:(?:明治|大正|昭和|平成|令和|[mtshr])?(?:\d+|元)年\d+月(?:\d+日)?|\d+月\d+日)"
    rf"(?: ?(?:{_JAPANESE_TIME_PATTERN_TEXT}|\d+(?::\d+)+))?"
    rf"|{_JAPANESE_TIME_PATTERN_TEXT}|[mtshr]\d+(?:[-/.]\d+){{2}}"
)
"""Texts that a spreadsheet would read from a CSV file as a number, a day, a time or a truth value, and would
therefore show or round differently. The letters of the compared text are in lower case and in their usual width. Such
texts are: numbers with a leading zero or of more than eleven digits, `1-2`, `1 1/2`, `12:30`, `1E5`, `(5)`, `50%`,
`1+`, `$5`, days and instants with English months (`MAR-2026`, `Nov 20, 2026 3:05 pm`) or without names
(`2026-11-20T10:15:00Z`), and Japanese ones (`11月20日`, `令和8年11月20日`, `R8.11.20`).
"""


def make_spreadsheet_safe_text(text: str) -> str:
    """Return a text from people or providers as one line that no spreadsheet reads as a formula. The line is made by
    `make_printable_text`, which cuts a long text and replaces characters that can't be shown. A line that starts like
    a formula gets an apostrophe in front, also in an XLSX workbook, because a person may save the workbook as CSV
    later."""
    line = make_printable_text(text)
    return f"{_APOSTROPHE if line.lstrip().startswith(FORMULA_CHARACTERS) else ''}{line}"


def make_printable_text(text: str) -> str:
    """Return a text from people or providers as one line. A text longer than LONGEST_CELL_CHARACTERS is cut and ends
    with `…`. Control characters, marks of the reading direction and characters that UTF-8 can't encode become
    spaces."""
    encoded_text = text.encode("utf-16-le", "surrogatepass")
    cut_text = encoded_text[: 2 * LONGEST_CELL_CHARACTERS].decode("utf-16-le", "surrogatepass")
    line = "".join(map(_replace_if_unprintable, cut_text))
    return f"{line}{'…' if len(encoded_text) > 2 * LONGEST_CELL_CHARACTERS else ''}"


_APOSTROPHE = "'"


def _replace_if_unprintable(character: str) -> str:
    return character if character.isprintable() or unicodedata.category(character) == "Zs" else " "


def make_csv_cell(kind: CellKind, value: CellValue) -> str:
    """Return the value as a cell of a CSV file: "" for None, an instant in Japanese time without its time zone.
    `kind` is the kind of the cell's column, such as text, number or day. A corporation number is written in groups of
    digits, as on screen, because Excel would show 13 digits without a space as 1.18E+12. Any other text that looks
    like a number, a day or a formula gets an apostrophe in front.
    """
    match value:
        case None:
            return ""
        case datetime():
            return convert_to_local(value, JST).replace(tzinfo=None).isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case Decimal():
            return f"{value:f}"
    if kind is CellKind.CORPORATION_NUMBER and (grouped_number := group_digits(value)) != value:
        return grouped_number
    text = make_spreadsheet_safe_text(value)
    return f"{_APOSTROPHE}{text}" if _is_number_like(text) else text


def _is_number_like(text: str) -> bool:
    """Return True if a spreadsheet would read the text as something other than a text, and change it. True also for
    digits that aren't ASCII, because a Japanese spreadsheet reads full-width digits as a number, and for digits with
    blanks around them, because a spreadsheet removes these blanks.
    """
    usual_text = unicodedata.normalize("NFKC", text).strip().lower()
    is_changed_number = usual_text.isdecimal() and not (text.isascii() and text == usual_text)
    return is_changed_number or _NUMBER_LIKE_TEXT_PATTERN.fullmatch(usual_text) is not None


def make_sheet_cell(value: CellValue) -> CellValue:
    """Return the value as a cell of an XLSX workbook. An instant becomes a Japanese time without a time zone,
    because a workbook can't store a time zone. A day or an instant before 1900 becomes a text, because a spreadsheet
    would show an error in its place."""
    match value:
        case date() if value.year < _FIRST_SPREADSHEET_YEAR:  # a datetime is a date, too
            return make_csv_cell(CellKind.TEXT, value)
        case datetime():
            return convert_to_local(value, JST).replace(tzinfo=None, microsecond=0)
        case str():
            return make_spreadsheet_safe_text(value)
    return value


class SheetNames:
    """The names of the sheets of one XLSX workbook. Two names always differ in more than the width or case of their
    letters, because Excel opens no workbook with such equal names."""

    def __init__(self) -> None:
        self._used_names = set(_RESERVED_SHEET_NAMES)

    def make_name(self, title: str) -> str:
        """Return the name of the next sheet, which has the title `title`: the title with spaces in place of the
        characters that Excel refuses, at most 31 characters long; `1` if nothing else remains. If an earlier sheet of
        the workbook has this name, the new name ends with a number."""
        base_name = re.sub(r"[\[\]:*?/\\']", " ", make_spreadsheet_safe_text(title)).strip() or "1"
        name = _cut_sheet_name(base_name, _LONGEST_SHEET_NAME_CHARACTERS)
        sheet_number = 2
        while _fold_sheet_name(name) in self._used_names:
            ending = f" {sheet_number}"
            name = _cut_sheet_name(base_name, _LONGEST_SHEET_NAME_CHARACTERS - len(ending)) + ending
            sheet_number += 1
        self._used_names.add(_fold_sheet_name(name))
        return name


def _fold_sheet_name(name: str) -> str:
    """Return the form of a sheet's name in which the names of one workbook are compared."""
    return unicodedata.normalize("NFKC", name).casefold()


def _cut_sheet_name(sheet_name: str, max_characters: int) -> str:
    """Return the beginning of the name, at most `max_characters` long. As in Excel, a character outside of the basic
    plane of Unicode, such as an emoji, counts as two characters.
    """
    return sheet_name.encode("utf-16-le")[: 2 * max_characters].decode("utf-16-le", "ignore").strip()
