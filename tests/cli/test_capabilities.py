"""Checks the documentation's table of capabilities: each row has a unique number and names tests that exist, and the
stated number of complete capabilities is right.
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
CAPABILITY_ROWS = [row for row in TABLE_ROWS if len(row) == 5]
COMPLAINT_ROWS = [row for row in TABLE_ROWS if len(row) == 4]


def list_tests(file: str) -> set[str]:
    """Return the names of the test functions in a file of this repository; none if there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text() if path.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_capability_has_a_state_and_a_test() -> None:
    """The table has 78 capabilities, at least 75 of them with the state `whole`; each row names one or two existing
    tests by file and function.
    """
    assert [int(row[0]) for row in CAPABILITY_ROWS] == list(range(1, 79))
    states = [row[2] for row in CAPABILITY_ROWS]
    assert set(states) <= {"whole", "part", "not"}
    assert states.count("whole") >= 75
    named = {row[0]: re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[4]) for row in CAPABILITY_ROWS}
    assert [number for number, tests in named.items() if len(tests) not in (1, 2)] == []
    lost = {f"{file}::{name}" for tests in named.values() for file, name in tests if name not in list_tests(file)}
    assert lost == set()


def test_each_listed_complaint_has_the_state_whole() -> None:
    """The list of complaints in docs/reference/capabilities.md has 36 entries, and each has the state "whole"."""
    assert [int(row[0]) for row in COMPLAINT_ROWS] == list(range(1, 37))
    assert {row[2] for row in COMPLAINT_ROWS} == {"whole"}
