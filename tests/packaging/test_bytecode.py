"""Tests that a whole test run compiles the bytecode files before it starts its worker processes, which would
otherwise compile each file themselves.
"""

from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from hypothesis import configuration

from tests.support import bytecode


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a test and a module that the test imports, both without bytecode files."""
    (tmp_path / "test_sums.py").write_text("from helper import one\n\ndef test_sum():\n    assert one + 1 == 2\n")
    (tmp_path / "helper.py").write_text("one = 1\n")
    return tmp_path


def _list_compiled_files(project: Path) -> dict[str, int]:
    """Return the time of the last change (ns) of each compiled file, by its name."""
    return {file.name: file.stat().st_mtime_ns for file in project.rglob("*.pyc")}


@pytest.mark.parametrize("process_count", [1, 2])
def test_tests_are_compiled_with_their_assertions_and_modules_without(
    project: Path, pytestconfig: pytest.Config, process_count: int
) -> None:
    bytecode.compile_all_files([project], pytestconfig, process_count)
    test = project / "test_sums.py"
    rewritten = rewrite._read_pyc(test, rewrite.get_cache_dir(test) / f"test_sums{rewrite.PYC_TAIL}")
    assert rewritten is not None
    assert "@pytest_ar" in rewritten.co_names
    (helper,) = (name for name in _list_compiled_files(project) if name.startswith("helper."))
    assert "pytest" not in helper


def test_only_changed_files_are_compiled_again(project: Path, pytestconfig: pytest.Config) -> None:
    bytecode.compile_all_files([project], pytestconfig, process_count=1)
    before = _list_compiled_files(project)
    bytecode.compile_all_files([project], pytestconfig, process_count=1)
    assert _list_compiled_files(project) == before
    (project / "test_sums.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    bytecode.compile_all_files([project], pytestconfig, process_count=1)
    after = _list_compiled_files(project)
    assert {name for name in before if after[name] != before[name]} == {f"test_sums{rewrite.PYC_TAIL}"}


def test_a_file_with_a_syntax_error_is_skipped_by_the_compiler(project: Path, pytestconfig: pytest.Config) -> None:
    """A file that can't be compiled is skipped; the test worker reports it as a test that can't be collected."""
    (project / "test_broken.py").write_text("def test_sum(:\n")
    (project / "broken.py").write_text("def half(:\n")
    bytecode.compile_all_files([project], pytestconfig, process_count=1)
    assert len(_list_compiled_files(project)) == 2


def test_the_constants_of_each_file_are_stored_for_the_workers(project: Path, pytestconfig: pytest.Config) -> None:
    """Hypothesis finds the constants of a file, from which it draws examples, under the hash of its source.
    It draws none from tests.
    """
    before = configuration.storage_directory("x").path.parent
    configuration.set_hypothesis_home_dir(project / "home")
    try:
        bytecode.compile_all_files([project], pytestconfig, process_count=2)
    finally:
        configuration.set_hypothesis_home_dir(before)
    stored = [file.read_text("utf-8") for file in (project / "home" / "constants").iterdir()]
    assert [Path(text.split()[2]).name for text in stored] == ["helper.py"]
