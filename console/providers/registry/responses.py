"""Reads answers of the registry's Web-API in CSV. The first line has the day of the last update, the number of all
rows, the number of this part and the number of all parts; then follow the rows with 30 fields.

The answers come from outside: every contradiction to the specification raises UnusableAnswer or UnreadableJson.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from console.domain.corporation_number import is_well_formed
from console.domain.registry.corporations import CloseCause, Closure, Corporation, CorporationEvent, CorporationKind
from console.providers.http.answer_outcomes import UnusableAnswer
from console.providers.http.strict_json import UnreadableJson

FIELDS_PER_ROW = 30
MAX_ANSWER_PARTS = 500
"""Largest accepted number of parts (2,000 rows each) of one day; the publisher's limit is 99,999."""
_LONGEST_FIELD_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class DifferencePart:
    """One part of the differences of one or more days. `updated_on` is the day up to which the publisher has
    published all changes. `row_count` is the number of the rows of all parts, `part_count` the number of parts;
    `lines` are the rows of this part as lines of the publisher's CSV files.
    """

    updated_on: date
    row_count: int
    part_count: int
    lines: tuple[str, ...]


def read_difference_part(body: bytes, first_day: date, last_day: date, part_number: int) -> DifferencePart:
    """Return the rows in the answer to a request for part `part_number` of the rows from `first_day` to `last_day`.

    Raises UnusableAnswer if the answer is another part, has rows but none of these days, has too many parts, or has
    counts that contradict each other. Raises UnreadableJson if the answer can't be read.
    """
    first_line_fields, lines = _read_lines(body)
    updated_on, row_count, answered_part_number, part_count = _read_first_line(first_line_fields)
    if answered_part_number != part_number:
        raise UnusableAnswer("other_part")
    if part_count > MAX_ANSWER_PARTS:
        raise UnusableAnswer("too_many_parts")
    if (
        (row_count > 0 and part_count == 0)
        or (row_count == 0 and part_count > 1)  # the publisher's texts don't say if no rows are no part or one part
        or (row_count > 0) != bool(lines)
        or len(lines) > row_count
        or part_number > max(part_count, 1)
    ):
        raise UnusableAnswer("other_count")
    days = {_split_line(line)[4] for line in lines}
    if lines and not any(first_day.isoformat() <= day <= last_day.isoformat() for day in days):
        raise UnusableAnswer("other_day")
    return DifferencePart(updated_on, row_count, part_count, tuple(lines))


def read_corporations(body: bytes, numbers: Collection[str]) -> tuple[Corporation, ...]:
    """Return the corporations in the answer to a request for the corporation numbers `numbers`. Deleted corporations
    are left out. Raises UnusableAnswer if a row has another number or a count is wrong, UnreadableJson if the answer
    can't be read."""
    first_line_fields, lines = _read_lines(body)
    _, row_count, _, _ = _read_first_line(first_line_fields)
    if row_count != len(lines):
        raise UnusableAnswer("other_count")
    corporations_by_number: dict[str, Corporation] = {}
    for line in lines:
        fields = _split_line(line)
        if fields[1] not in numbers or fields[1] in corporations_by_number:
            raise UnusableAnswer("other_number")
        if fields[2] != CorporationEvent.DELETED:
            corporations_by_number[fields[1]] = _read_corporation(fields)
    return tuple(corporations_by_number.values())


def _read_lines(body: bytes) -> tuple[list[str], list[str]]:
    """Return the fields of an answer's first line, and its other lines as texts. Raises UnreadableJson if the
    answer isn't UTF-8, is XML, or may have been cut within its last field."""
    try:
        first_line, *lines = body.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as cause:
        raise UnreadableJson("not UTF-8") from cause
    if first_line.lstrip().startswith("<"):
        raise UnreadableJson("not CSV")
    if lines and lines[-1].endswith(",") and not body.endswith(b"\n"):
        raise UnreadableJson("cut")
    return first_line.split(","), lines


def _read_first_line(first_line_fields: list[str]) -> tuple[date, int, int, int]:
    """Return the day of the last update, the number of all rows, the number of this part and the number of all parts.
    Raises UnreadableJson for a wrong field."""
    texts = [text.strip('"') for text in first_line_fields]
    if len(texts) != 4 or not all(text.isascii() and text.isdigit() and len(text) <= 9 for text in texts[1:]):
        raise UnreadableJson("no head")
    row_count, part_number, part_count = map(int, texts[1:])
    return _read_day(texts[0]), row_count, part_number, part_count


def _split_line(line: str) -> list[str]:
    """Return the fields of a CSV line. Raises UnreadableJson unless the text is exactly one valid CSV line."""
    try:
        parsed_rows = list(csv.reader([line], strict=True))
    except csv.Error as cause:
        raise UnreadableJson("not CSV") from cause
    if len(parsed_rows) != 1 or len(parsed_rows[0]) != FIELDS_PER_ROW:
        raise UnreadableJson("not 30 fields")
    if not parsed_rows[0][1].isdigit() or max(map(len, parsed_rows[0])) > _LONGEST_FIELD_CHARACTERS:
        raise UnreadableJson("not a row")
    return parsed_rows[0]


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError as cause:
        raise UnreadableJson("not a day") from cause


def _read_corporation(fields: list[str]) -> Corporation:
    """Return the corporation that the 30 fields of a row state. Raises UnreadableJson for a value that the
    specification doesn't allow."""
    if not is_well_formed(fields[1]) or not (fields[6] or fields[7]):
        raise UnreadableJson("not a corporation")
    close_date = fields[18]
    try:
        return Corporation(
            number=fields[1],
            process=CorporationEvent(fields[2]),
            updated_on=_read_day(fields[4]),
            changed_on=_read_day(fields[5]),
            name=fields[6],
            name_image_id=fields[7],
            kind=CorporationKind(fields[8]),
            prefecture=fields[9],
            city=fields[10],
            street=fields[11],
            address_image_id=fields[12],
            prefecture_code=fields[13],
            city_code=fields[14],
            post_code=fields[15],
            address_outside=fields[16],
            closure=Closure(_read_day(close_date), CloseCause(fields[19] or CloseCause.OTHER))
            if close_date
            else None,
            successor=fields[20] or None,
            change_cause=fields[21],
            assigned_on=_read_day(fields[22]),
            english_name=fields[24],
            furigana=fields[28],
            is_hidden=fields[29] == "1",
        )
    except ValueError as cause:
        raise UnreadableJson("a code that the specification doesn't have") from cause
