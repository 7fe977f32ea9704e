"""Checks the documentation's table of capabilities: each row has a unique number and names tests that exist, and the
stated number of complete capabilities is right. The same for the table of complaints.
"""

import ast
import re
from pathlib import Path

import console

ROOT = Path(console.__file__).resolve().parents[1]
CAPABILITIES_PAGE = (ROOT / "docs" / "reference" / "capabilities.md").read_text()
TABLE_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in CAPABILITIES_PAGE.splitlines()
    if re.match(r"\| \d", line)
]
CAPABILITY_COUNT = 78
CAPABILITY_ROWS, COMPLAINT_ROWS = TABLE_ROWS[:CAPABILITY_COUNT], TABLE_ROWS[CAPABILITY_COUNT:]


def list_tests(file: str) -> set[str]:
    """Return the names of the test functions in a file of this repository; none if there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text() if path.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def list_rows_without_tests(rows: list[list[str]]) -> list[str]:
    """Return the numbers of the rows whose last cell doesn't have one or two tests, each of which exists."""
    tests_by_number = {row[0]: re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[4]) for row in rows}
    return [
        number
        for number, tests in tests_by_number.items()
        if len(tests) not in (1, 2) or any(name not in list_tests(file) for file, name in tests)
    ]


def test_each_capability_has_a_state_and_a_test() -> None:
    """The table has 78 capabilities, at least 75 of them with the state `whole`; each row names one or two existing
    tests by file and function.
    """
    assert [int(row[0]) for row in CAPABILITY_ROWS] == list(range(1, 79))
    states = [row[2] for row in CAPABILITY_ROWS]
    assert set(states) <= {"whole", "part", "not"}
    assert states.count("whole") >= 75
    assert list_rows_without_tests(CAPABILITY_ROWS) == []


def test_each_listed_complaint_has_the_state_whole_and_a_test() -> None:
    """The list of complaints has 36 entries, each with the state `whole` and with one or two existing tests."""
    assert [int(row[0]) for row in COMPLAINT_ROWS] == list(range(1, 37))
    assert {row[2] for row in COMPLAINT_ROWS} == {"whole"}
    assert list_rows_without_tests(COMPLAINT_ROWS) == []
