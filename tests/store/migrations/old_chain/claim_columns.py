"""SQL of the derived columns in the form in which the migrations before the baseline created them.

The claim's expression accepts ASCII and full-width digits, spaces and hyphens, and requires 13 digits. It doesn't
test the check digit. A due task corrects other spellings. The expressions use only functions that every engine can
index.
"""

from collections.abc import Mapping

_HAS_THIRTEEN_DIGITS_SQL_BY_DIALECT: Mapping[str, str] = {
    "sqlite": "{0} GLOB '" + "[0-9]" * 13 + "'",
    "mysql": "{0} REGEXP '^[0-9]{{13}}$'",
}
# As code points, because these hyphens and spaces look alike.
_DROPPED_CODE_POINTS = (
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


def _make_replace_sql(column: str) -> str:
    sql = column
    for code in _DROPPED_CODE_POINTS:
        sql = f"replace({sql}, '{chr(code)}', '')"
    for digit in range(10):
        sql = f"replace({sql}, '{chr(0xFF10 + digit)}', '{digit}')"
    return sql


def _make_has_thirteen_digits_sql(dialect: str, column: str) -> str:
    return _HAS_THIRTEEN_DIGITS_SQL_BY_DIALECT[dialect].format(column)


def make_number_key_sql(dialect: str, column: str = "corporation_number") -> str:
    """Return the SQL expression of the normalised corporation number. `column` is the expression that reads the
    number; an adopted table may need more than the column's name.
    """
    has_thirteen_digits = _make_has_thirteen_digits_sql(dialect, column)
    return f"CASE WHEN {has_thirteen_digits} THEN {column} ELSE {_make_replace_sql(column)} END"


COMPUTED_STATUS_SQL = "CASE WHEN work_state IS NULL AND credit_check_id IS NOT NULL THEN 'success' ELSE status END"
COMPUTED_WORK_SQL = (
    "CASE WHEN work_state IS NOT NULL THEN work_state "
    "WHEN credit_check_id IS NULL THEN 'needs_review' ELSE 'none' END"
)
MISSING_PARTS_SQL = (
    f"CASE WHEN ({COMPUTED_STATUS_SQL}) = 'success' AND superseded_at IS NULL AND duplicate_of IS NULL "
    "AND incomplete_accepted = 0 "
    "AND (company_name IS NULL OR result IS NULL OR purchased_at IS NULL OR expired_at IS NULL "
    "OR pdf_file_path IS NULL) THEN 1 END"
)
NUMBER_KEY_SQL_BY_DIALECT: Mapping[str, str] = {
    dialect: make_number_key_sql(dialect) for dialect in _HAS_THIRTEEN_DIGITS_SQL_BY_DIALECT
}


def make_claim_number_sql(dialect: str, column: str = "corporation_number") -> str:
    """Return the SQL expression of the claim: the normalised number if the row is live, otherwise NULL."""
    key = f"({make_number_key_sql(dialect, column)})"
    return (
        f"CASE WHEN ({COMPUTED_STATUS_SQL}) IN ('pending', 'success') AND superseded_at IS NULL "
        f"AND duplicate_of IS NULL AND {_make_has_thirteen_digits_sql(dialect, key)} THEN {key} END"
    )


CLAIM_NUMBER_SQL_BY_DIALECT: Mapping[str, str] = {
    dialect: make_claim_number_sql(dialect) for dialect in _HAS_THIRTEEN_DIGITS_SQL_BY_DIALECT
}
