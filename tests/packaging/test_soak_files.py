"""Tests that `make soak` or another target of the Makefile runs each file with the mark `soak`, because `make test`
leaves out the marked tests.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.soak.demands import FILES_WITH_FULL_COUNT, FILES_WITH_MARKED_CASES

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE_TEXT = (ROOT / "Makefile").read_text(encoding="utf-8")


def has_soak_mark(file: Path) -> bool:
    """Return True if the code of the file refers to `pytest.mark.soak`; its texts and comments don't count."""
    text = file.read_text(encoding="utf-8")
    return "mark.soak" in text and any(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.soak"
        for node in ast.walk(ast.parse(text))
    )


def find_marked_files(tests_folder: Path) -> set[str]:
    """Return the test files with the mark, as paths from the parent folder of `tests_folder`. A `conftest.py` with
    the mark can mark a test in each file of its folder, so all of these count.

    Raises ValueError if another file has the mark, because it isn't known whose tests get it.
    """
    marked: set[Path] = set()
    for file in filter(has_soak_mark, tests_folder.rglob("*.py")):
        if file.name == "conftest.py":
            marked.update(file.parent.rglob("test_*.py"))
        elif file.name.startswith("test_"):
            marked.add(file)
        else:
            raise ValueError(f"{file}: only a test file or a conftest.py may have the mark soak")
    return {file.relative_to(tests_folder.parent).as_posix() for file in marked}


def test_each_marked_file_is_run() -> None:
    """Each file with the mark is in a list of the soak, or a target of the Makefile runs it by its name."""
    named_by_make = set(re.findall(r"-m soak (tests/\S+\.py)", MAKEFILE_TEXT))
    assert named_by_make
    marked = find_marked_files(ROOT / "tests")
    assert marked - {*FILES_WITH_FULL_COUNT, *FILES_WITH_MARKED_CASES, *named_by_make} == set()
    assert {*FILES_WITH_MARKED_CASES, *named_by_make} - marked == set()


def test_each_file_in_the_lists_of_the_soak_exists_once() -> None:
    """The lists of the soak have no file twice and no file that doesn't exist."""
    listed = [*FILES_WITH_FULL_COUNT, *FILES_WITH_MARKED_CASES]
    assert len(set(listed)) == len(listed)
    assert [file for file in listed if not (ROOT / file).is_file()] == []


def test_marks_are_found_in_test_files_and_in_conftest(tmp_path: Path) -> None:
    """The mark is found at a function, at a parameter, and in the `pytestmark` of a file. A `conftest.py` marks all
    files of its folder. A text that mentions the mark isn't a mark, and a mark in another file is an error.
    """
    folder = tmp_path / "tests"
    for name, text in {
        "test_function.py": "@pytest.mark.soak\ndef test_x(): ...\n",
        "test_parameter.py": "CASES = [1, pytest.param(2, marks=[pytest.mark.soak, pytest.mark.timeout(9)])]\n",
        "test_file.py": "pytestmark = [pytest.mark.soak]\n",
        "test_text.py": "TEXT = 'pytest.mark.soak'  # pytest.mark.soak\n",
        "inner/conftest.py": "MARK = pytest.mark.soak\n",
        "inner/deep/test_inner.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    names = ("test_function.py", "test_parameter.py", "test_file.py", "inner/deep/test_inner.py")
    assert find_marked_files(folder) == {f"tests/{name}" for name in names}
    (folder / "shared.py").write_text("MARKS = (pytest.mark.soak,)\n")
    with pytest.raises(ValueError, match="shared"):
        find_marked_files(folder)
