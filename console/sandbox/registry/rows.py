"""One row of the publisher's files: its 30 fields, in their order, and its form in a CSV file."""

from datetime import date
from functools import cache
from typing import NamedTuple

FULL_WIDTH_DIGITS_TABLE = {ord("0") + digit: ord("０") + digit for digit in range(10)} | {ord("-"): ord("－")}
"""A table for `str.translate` that converts digits and hyphens to the full-width forms in addresses."""
QUOTED_FIELD_POSITIONS = frozenset({6, 9, 10, 11, 16, 21, 24, 25, 26, 27, 28})
"""Positions (from 0) of the fields with texts, which the files write in quotation marks unless they are empty."""


class RegistryRow(NamedTuple):
    """A row of the publisher's files, as texts. The names are those of the resource definition (リソース定義書)."""

    sequence_number: str = "0"
    corporate_number: str = ""
    process: str = "01"
    correct: str = "0"
    update_date: str = ""
    change_date: str = ""
    name: str = ""
    name_image_id: str = ""
    kind: str = "301"
    prefecture_name: str = ""
    city_name: str = ""
    street_number: str = ""
    address_image_id: str = ""
    prefecture_code: str = ""
    city_code: str = ""
    post_code: str = ""
    address_outside: str = ""
    address_outside_image_id: str = ""
    close_date: str = ""
    close_cause: str = ""
    successor_corporate_number: str = ""
    change_cause: str = ""
    assignment_date: str = ""
    latest: str = "1"
    en_name: str = ""
    en_prefecture_name: str = ""
    en_city_name: str = ""
    en_address_outside: str = ""
    furigana: str = ""
    hihyoji: str = "0"


WEB_API_FIELD_NAMES = tuple(
    head + "".join(part.capitalize() for part in rest)
    for head, *rest in (name.split("_") for name in RegistryRow._fields)
)
"""The names of the fields as the Web-API writes them: sequenceNumber, corporateNumber, …"""


def make_company_row(
    number: str, name: str, *, furigana: str = "", assignment_day: date = date(2015, 10, 5)
) -> RegistryRow:
    """Return the row of an open company in Tokyo with this number and name, for a test or for the demo. `furigana` is
    the reading of the name in katakana; "" for none. `assignment_day` is the day on which the number was assigned."""
    day = assignment_day.isoformat()
    kind = "305" if "合同会社" in name else "302" if "有限会社" in name else "301"
    return RegistryRow(
        corporate_number=number,
        update_date=day,
        change_date=day,
        assignment_date=day,
        name=name,
        furigana=furigana,
        kind=kind,
        prefecture_name="東京都",
        city_name="千代田区",
        street_number="霞が関３丁目１－１",
        prefecture_code="13",
        city_code="101",
        post_code="1000013",
    )


def format_csv_line(row: RegistryRow) -> str:
    """Return the row as a line of a CSV file, without the end of line."""
    return ",".join(
        '"' + text.replace('"', '""') + '"' if text and field in QUOTED_FIELD_POSITIONS else text
        for field, text in enumerate(row)
    )


@cache
def compute_check_digit_weights() -> tuple[int, ...]:
    """Return, for each pair of digits (00 to 99), the value modulo 9 that the pair adds to the weighted sum from
    which the check digit of a corporation number is computed."""
    return tuple((2 * (pair // 10) + pair % 10) % 9 for pair in range(100))


def add_check_digit(base_number: str) -> str:
    """Return the corporation number of 13 digits that consists of the check digit and the 12 digits `base_number`."""
    weights = compute_check_digit_weights()
    return f"{9 - sum(weights[int(base_number[at : at + 2])] for at in range(0, 12, 2)) % 9}{base_number}"
