"""A small corporation registry for tests: one corporation for each kind of case, and some invented ones."""

from datetime import date
from pathlib import Path

from console.sandbox.registry import (
    close_company,
    make_company_row,
    merge_company,
    rename_company,
    write_difference_file,
    write_whole_file,
)
from tests.support.desks import CORPORATION_NUMBERS

OPEN_NUMBER, MERGED_NUMBER, MIDDLE_NUMBER, SUCCESSOR_NUMBER, CLOSED_NUMBER, HOSTILE_NUMBER = CORPORATION_NUMBERS
WHOLE_FILE_DAY, DIFFERENCE_DAY = date(2026, 10, 30), date(2026, 11, 2)
OPEN_NAME, NEW_NAME = "架空商事株式会社", "新架空商事株式会社"
NUMBER_OF_IMAGE_NAME = "8700110005901"
"""The number of a corporation whose name the publisher has only as an image."""
HOSTILE_NAME = "=HYPERLINK(1)\u202e" + "長" * 135
_OPEN_ROW = make_company_row(OPEN_NUMBER, OPEN_NAME, furigana="カクウショウジ")
REGISTRY_ROWS = (
    _OPEN_ROW,
    merge_company(make_company_row(MERGED_NUMBER, "旧社名株式会社"), MIDDLE_NUMBER, date(2026, 4, 1)),
    merge_company(make_company_row(MIDDLE_NUMBER, "中間株式会社"), SUCCESSOR_NUMBER, date(2026, 5, 1)),
    make_company_row(SUCCESSOR_NUMBER, "承継合同会社"),
    close_company(make_company_row(CLOSED_NUMBER, "閉鎖有限会社"), date(2026, 6, 1)),
    make_company_row(HOSTILE_NUMBER, HOSTILE_NAME),
    make_company_row(NUMBER_OF_IMAGE_NAME, "")._replace(name_image_id="00031415"),
)


def write_small_whole_file(folder: Path, invented: int = 20) -> Path:
    """Write a whole file with the corporations of REGISTRY_ROWS and with `invented` invented ones. Return the file's
    path."""
    return write_whole_file(folder, WHOLE_FILE_DAY, invented, 7, first_rows=REGISTRY_ROWS)


def write_renaming_difference(folder: Path) -> Path:
    """Write a difference that gives the open corporation a new name. Return the file's path."""
    return write_difference_file(
        folder,
        DIFFERENCE_DAY,
        0,
        7,
        changes=(rename_company(_OPEN_ROW, NEW_NAME, DIFFERENCE_DAY, "シンカクウショウジ"),),
    )
