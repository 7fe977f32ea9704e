"""Tests of the text that a list without rows shows: it says that there are no rows, and which rows the list would
have.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import console.views

VIEWS_FOLDER = Path(console.views.__file__).parent
EMPTY_STATES_OF_ONE_SENTENCE = {
    "admin/page.py": "a right is missing, and the sentence says whose it is",
    "alerts/page.py": "its text has both sentences",
    "approvals/page.py": "the selected proposal has left the list, and the sentence says so",
    "documents/compare_page.py": "the result of a comparison",
    "help/help_dialog.py": "nothing matches what was typed, and the sentence says what to change",
    "reconciliation/page.py": "the run itself has failed or is running",
    "reports/daily_close.py": "a part of a closed day, which gets no rows any more",
    "training/page.py": "the window is not that of a training",
}


def list_empty_states() -> Iterator[tuple[str, bool]]:
    """Yield (source file, flag) for each text for an empty list. The flag is True if the text also explains which
    rows the list would have.
    """
    for file in sorted(VIEWS_FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "EmptyState":
                yield file.relative_to(VIEWS_FOLDER).as_posix(), len(node.args) > 1


def test_each_empty_list_describes_its_possible_contents() -> None:
    """Each empty list describes which rows it would have, because a white area with only "None." tells a new person
    nothing. The files in EMPTY_STATES_OF_ONE_SENTENCE, and only these, have a text without this description.
    """
    states = list(list_empty_states())
    assert len(states) > 20
    assert {file for file, explains in states if not explains} == set(EMPTY_STATES_OF_ONE_SENTENCE)
