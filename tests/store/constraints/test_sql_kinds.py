"""Tests that no trigger compares, computes with or casts values of different kinds, such as a text and a number.

MySQL and MariaDB convert such values: '12abc' = 12 is true, and MySQL may end the statement with an error.
"""

import re

import pytest

from console.store.constraints import server_triggers
from console.store.constraints.sql_expressions import parse_id_sql
from console.store.schema import worker as schema
from console.store.schema.legacy_table import TABLE_NAME
from tests.support.sql_kinds import Columns, list_column_kinds, list_mixed_kinds

_COLUMNS = list_column_kinds(schema.metadata)


def test_no_trigger_mixes_kinds_of_values() -> None:
    assert _list_faults_of_triggers(_COLUMNS) == []


def test_no_text_of_a_request_is_compared_with_a_number_of_an_adopted_table() -> None:
    """Another application may have made the column of corporation numbers as BIGINT. A request's text such as
    `1180301018771x` would be equal to this number.
    """
    columns = {**_COLUMNS, TABLE_NAME: {**_COLUMNS[TABLE_NAME], "corporation_number": "number"}}
    assert [fault for fault in _list_faults_of_triggers(columns) if "r.subject_id" in fault] == []


def _list_faults_of_triggers(columns: Columns) -> list[str]:
    safe_cast = re.escape(parse_id_sql("#")).replace(r"\#", r"([\w.]+)", 1).replace(r"\#", r"\1")
    return [
        f"{trigger.name}: {fault}"
        for trigger in server_triggers.make_all_triggers()
        for fault in list_mixed_kinds(re.sub(safe_cast, r"ID_IN_TEXT(\1)", trigger.body), trigger.table, columns)
    ]


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("NEW.words = 1", "number and text"),
        ("1 <> NEW.words", "number and text"),
        ("NEW.subject_id <=> '12'", "number and text"),
        ("CAST(NEW.subject_id AS CHAR) >= NEW.id", "number and text"),
        ("NEW.subject_id BETWEEN 1 AND '2'", "number and text"),
        ("NEW.kind IN ('a', 1)", "number and text"),
        ("NEW.id IN (SELECT r.subject_id FROM requests r)", "number and text"),
        ("NEW.id NOT IN (1, 'a')", "number and text"),
        ("NEW.words + 1 > 0", "number and text"),
        ("NOT NEW.words", "number and text"),
        ("TRUE AND NEW.words", "number and text"),
        ("NEW.words IS TRUE", "number and text"),
        ("EXISTS (SELECT 1 FROM requests r WHERE r.subject_id = NEW.id)", "number and text"),
        ("EXISTS (SELECT 1 FROM bulk_runs b JOIN requests r ON b.id = r.subject_id)", "number and text"),
        ("(SELECT SUM(r.subject_id) FROM requests r) = 0", "number and text"),
        ("CASE NEW.kind WHEN 1 THEN TRUE END", "number and text"),
        ("CASE WHEN NEW.words THEN TRUE END", "number and text"),
        ("CASE WHEN TRUE THEN 'a' ELSE 1 END = 'a'", "mixed and text"),
        ("COALESCE(NEW.words, 0) = 0", "mixed and number"),
        ("GREATEST(NEW.words, NEW.id) > NEW.id", "mixed and number"),
        ("CAST(NEW.words AS SIGNED) = 1", "number and text"),
        ("CAST(NEW.at AS BINARY) = NEW.at", "instant and text"),
        ("NEW.at > 20261201", "instant and number"),
        ("NEW.at - INTERVAL NEW.words DAY < NEW.at", "number and text"),
        ("JSON_EXTRACT(NEW.words, '$.a') = 1", "json and number"),
        ("JSON_EXTRACT(NEW.words, '$.a') = 'a'", "json and text"),
        ("JSON_UNQUOTE(JSON_EXTRACT(NEW.words, '$.a')) > 1", "number and text"),
        ("LEFT(NEW.words, '2') = 'a'", "number and text"),
    ],
)
def test_an_expression_of_two_kinds_is_listed(condition: str, fault: str) -> None:
    (listed,) = _list_faults(condition)
    assert listed.startswith(f"{fault}: ")


@pytest.mark.parametrize(
    "condition",
    [
        "NEW.words = '1' AND NEW.id = 1 OR NOT NEW.id % 2 = 1",
        "CAST(NEW.subject_id AS CHAR) = '12'",
        "NEW.at < '1970-01-01 00:00:00.000000'",
        "COALESCE(NEW.words, NEW.id, NEW.at) IS NULL",
        "NEW.words <=> NULL",
        "CONCAT(NEW.words, NEW.id, NEW.at) = 'a'",
        "NEW.kind NOT LIKE 'a%' COLLATE utf8mb4_bin",
        "-NEW.id + 2 * (SELECT COUNT(*) FROM requests r) > (SELECT MAX(n.id) FROM notes n LOCK IN SHARE MODE)",
        "ID_IN_TEXT(NEW.words) = NEW.id",
    ],
)
def test_an_expression_of_one_kind_is_not_listed(condition: str) -> None:
    assert _list_faults(condition) == []


@pytest.mark.parametrize(
    "condition", ["NEW.words = unknown", "NEW.nothing = 1", "UNKNOWN(NEW.id) = 1", "NEW.id = 1 XOR TRUE", "`a` = 1"]
)
def test_sql_that_the_reader_does_not_know_is_an_error(condition: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        _list_faults(condition)


def _list_faults(condition: str) -> list[str]:
    body = f"BEGIN\nIF ({condition}) IS NOT TRUE THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF;\nEND"
    return list_mixed_kinds(body, "notes", _COLUMNS)
