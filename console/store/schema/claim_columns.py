"""SQL of the derived columns in the table of credit checks: the normalised corporation number, the claim, the mark of
incomplete records, and the state and work of rows that other applications wrote.

The SQL converts full-width digits in a number, and removes spaces and hyphens. A claim needs 13 digits; the check
digit isn't verified. A due task corrects numbers that are spelled in another way. The SQL uses only deterministic
functions that every supported database has and accepts in an indexed column.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import String, bindparam, literal
from sqlalchemy.sql.elements import ColumnElement

_THIRTEEN_DIGITS_SQL: Mapping[str, str] = {
    "sqlite": "{0} GLOB '" + "[0-9]" * 13 + "'",
    "mysql": "{0} REGEXP '^[0-9]{{13}}$'",
}
# Given as code points, because many of these spaces and hyphens look the same.
_DROPPED_CHARACTERS = (
    0x20,
    0x3000,
    0x2D,
    0x2010,
    0x2011,
    0x2012,
    0x2013,
    0x2014,
    0x2015,
    0x2212,
    0xFF0D,
    0x30FC,
    0xFF70,
)


def _make_digits_sql(column: str) -> str:
    sql = column
    for code in _DROPPED_CHARACTERS:
        sql = f"replace({sql}, '{chr(code)}', '')"
    for digit in range(10):
        sql = f"replace({sql}, '{chr(0xFF10 + digit)}', '{digit}')"
    return sql


def _has_thirteen_digits_sql(dialect: str, column: str) -> str:
    return _THIRTEEN_DIGITS_SQL[dialect].format(column)


def make_number_key_sql(dialect: str, column: str = "corporation_number") -> str:
    """Return SQL of the normalised corporation number: without spaces and hyphens, and with ASCII digits. It may
    still not have 13 digits. `dialect` is `sqlite`, or `mysql` for every server. `column` is the SQL that reads the
    stored number: the column's name or, for a table that another application created, an expression."""
    return f"CASE WHEN {_has_thirteen_digits_sql(dialect, column)} THEN {column} ELSE {_make_digits_sql(column)} END"


EFFECTIVE_STATUS_SQL = "CASE WHEN work_state IS NULL AND credit_check_id IS NOT NULL THEN 'success' ELSE status END"
EFFECTIVE_WORK_SQL = (
    "CASE WHEN work_state IS NOT NULL THEN work_state "
    "WHEN credit_check_id IS NULL THEN 'needs_review' ELSE 'none' END"
)
IS_INCOMPLETE_SQL = (
    f"CASE WHEN ({EFFECTIVE_STATUS_SQL}) = 'success' AND superseded_at IS NULL AND duplicate_of IS NULL "
    "AND incomplete_accepted = 0 "
    "AND (company_name IS NULL OR result IS NULL OR purchased_at IS NULL OR expired_at IS NULL "
    "OR pdf_file_path IS NULL) THEN 1 END"
)
NUMBER_KEY_SQL: Mapping[str, str] = {dialect: make_number_key_sql(dialect) for dialect in _THIRTEEN_DIGITS_SQL}


def make_claim_number_sql(dialect: str, column: str = "corporation_number") -> str:
    """Return SQL of the claim: the normalised corporation number if it has 13 digits, the row is pending or
    successful, and the row is neither superseded nor a duplicate; otherwise NULL (no claim). `dialect` is `sqlite`,
    or `mysql` for every server. `column` is the SQL that reads the stored number."""
    key = f"({make_number_key_sql(dialect, column)})"
    return (
        f"CASE WHEN ({EFFECTIVE_STATUS_SQL}) IN ('pending', 'success') AND superseded_at IS NULL "
        f"AND duplicate_of IS NULL AND {_has_thirteen_digits_sql(dialect, key)} THEN {key} END"
    )


CLAIM_NUMBER_SQL: Mapping[str, str] = {dialect: make_claim_number_sql(dialect) for dialect in _THIRTEEN_DIGITS_SQL}

_PREFIXES_OF_UNNORMALISED_NUMBER = ("T", "t", "\uff34", "\uff54", "\ufeff")
"""Texts before the digits of a corporation number that the SQL expressions of this module don't remove: the T of an
invoice registration number, also a full-width one, and the byte order mark."""
_SUFFIXES_OF_UNNORMALISED_NUMBER = ("\t", "\r", "\n", "\r\n", "\u00a0", "\u200b")
"""Texts after these digits: white space that SQL doesn't remove."""


def make_has_number_condition(
    number_key: ColumnElement[Any], corporation_number: str | None = None
) -> ColumnElement[bool]:
    """Return an SQL condition: the row has the corporation number `corporation_number` (None: the number in the bind
    parameter `number`). `number_key` is the column of that name of a table whose numbers no task corrects, such as
    the shop's orders. Common spellings that the column can't normalise fulfil the condition, too; an index finds each
    of them.
    """
    digits: ColumnElement[str] = (
        bindparam("number", type_=String) if corporation_number is None else literal(corporation_number, String)
    )
    spellings = (
        *(literal(text, String) + digits for text in _PREFIXES_OF_UNNORMALISED_NUMBER),
        *(digits + literal(text, String) for text in _SUFFIXES_OF_UNNORMALISED_NUMBER),
    )
    return number_key.in_([digits, *spellings])


def list_number_keys(corporation_numbers: Iterable[str]) -> list[str]:
    """Return the values of `number_key` by which `make_has_number_condition` finds these corporation numbers, for a
    query of many numbers.
    """
    return [
        key
        for number in corporation_numbers
        for key in (
            number,
            *(text + number for text in _PREFIXES_OF_UNNORMALISED_NUMBER),
            *(number + text for text in _SUFFIXES_OF_UNNORMALISED_NUMBER),
        )
    ]
