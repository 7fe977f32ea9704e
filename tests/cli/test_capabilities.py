"""The table of capabilities names tests that exist, has each number once, and counts what is whole."""

import re
from pathlib import Path

import console

ROOT = Path(console.__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "reference" / "capabilities.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if re.match(r"\| \d", line)
]
CAPABILITIES = [row for row in ROWS if len(row) == 5]
COMPLAINTS = [row for row in ROWS if len(row) == 4]


def test_each_row_has_a_state_and_a_test() -> None:
    """78 capabilities, at least 75 of them whole; each names a file of tests."""
    assert [int(row[0]) for row in CAPABILITIES] == list(range(1, 79))
    states = [row[2] for row in CAPABILITIES]
    assert set(states) <= {"whole", "part", "not"}
    assert states.count("whole") >= 75
    lost = [row[4] for row in CAPABILITIES if not (ROOT / row[4].strip("`")).is_file()]
    assert lost == []


def test_each_complaint_has_an_answer() -> None:
    """The list has 36 complaints, and each is marked as answered in whole or in part."""
    assert [int(row[0]) for row in COMPLAINTS] == list(range(1, 37))
    assert {row[2] for row in COMPLAINTS} == {"whole", "part"}
