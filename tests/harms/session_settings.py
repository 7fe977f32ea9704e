"""The settings that a database session may change, as the server lists them, each with its lowest, highest and
unusual values."""

from collections.abc import Iterator, Sequence
from typing import Any

_NUMBER_VALUES = ("0", "1", "-1", "9223372036854775807", "18446744073709551615")
_TEXT_VALUES = ("''", "NULL", "DEFAULT", "'0'")
_CHARACTER_SETS = ("'latin1'", "'utf16'", "'sjis'", "'binary'", "'utf8mb3'")
_COLLATIONS = ("'utf8mb4_general_ci'", "'utf8mb4_bin'", "'latin1_swedish_ci'", "'binary'")
_VALUES_BY_SETTING_NAME = {
    "time_zone": ("'+14:00'", "'-12:59'", "'+00:00'", "'SYSTEM'", "'Asia/Tokyo'"),
    "timestamp": ("1", "2000000000", "DEFAULT"),
    "system_versioning_asof": ("'2000-01-01'", "DEFAULT"),
    "transaction_isolation": ("'READ-UNCOMMITTED'", "'READ-COMMITTED'", "'SERIALIZABLE'"),
}


_SETTINGS_QUERY_BY_TABLE = {
    ("information_schema", "SYSTEM_VARIABLES"): (  # MariaDB
        "SELECT LOWER(variable_name), variable_type, numeric_min_value, numeric_max_value, enum_value_list"
        " FROM information_schema.system_variables WHERE variable_scope LIKE '%SESSION%' AND read_only = 'NO'"
    ),
    ("performance_schema", "variables_metadata"): (  # MySQL; it names no values of an enumeration
        "SELECT variable_name, UPPER(data_type), NULLIF(min_value, ''), NULLIF(max_value, ''), NULL"
        " FROM performance_schema.variables_metadata WHERE variable_scope LIKE 'SESSION%'"
    ),
}
"""Queries by table of the server (its schema and its name). Each reads name, type, lowest and highest value and the
list of values of each variable that a session may change.
"""


def list_settings(cursor: Any) -> Sequence[str]:
    """Return texts such as `sql_mode = ''`: each session variable of the server of `cursor`, with several values for
    each."""
    cursor.execute("SHOW SESSION VARIABLES")
    names = [str(name) for name, _value in cursor.fetchall()]
    facts: dict[str, tuple[Any, ...]] = {}
    for (schema, table), query in _SETTINGS_QUERY_BY_TABLE.items():
        cursor.execute(
            f"SELECT 1 FROM information_schema.tables WHERE table_schema = '{schema}' AND table_name = '{table}'"
        )
        if cursor.fetchall():
            cursor.execute(query)
            facts = {str(name): tuple(rest) for name, *rest in cursor.fetchall()}
    return [
        f"{name} = {value}"
        for name in (sorted(facts) or names)
        for value in dict.fromkeys(_iterate_values(name, *facts.get(name, ("", None, None, None))))
    ]


def _iterate_values(
    name: str, kind: str, smallest: str | None, largest: str | None, choice: str | None
) -> Iterator[str]:
    """Yield the tried values of a session variable, as SQL. The arguments are its row in the server's list of
    variables: its type (`kind`), limits, and allowed values, separated by commas (`choice`).
    """
    if name in _VALUES_BY_SETTING_NAME:
        yield from _VALUES_BY_SETTING_NAME[name]
    elif name.startswith("character_set"):
        yield from _CHARACTER_SETS
    elif name.startswith("collation"):
        yield from _COLLATIONS
    elif choice:
        flags = choice.split(",")
        if kind == "FLAGSET":
            yield from (f"'{flag}={state}'" for flag in flags if flag != "default" for state in ("on", "off"))
        else:
            yield from (f"'{flag}'" for flag in flags)
        if kind == "SET":
            yield from ("''", f"'{choice}'")
    elif kind == "BOOLEAN":
        yield from ("0", "1")
    elif kind in ("ENUMERATION", "SET"):
        yield from ("0", "1", "2", "3", "''", "DEFAULT")
    elif smallest is not None:
        yield from (smallest, str(largest), "1", "1000")
    else:
        yield from (*_NUMBER_VALUES, *_TEXT_VALUES)
