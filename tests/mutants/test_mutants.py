"""Tests that the catalogue of mutants fits the source code, and that the listed tests detect some of its mutants."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cosmic_ray.mutating import mutate_code

from tests.mutants.__main__ import ROOT, run_mutant
from tests.mutants.catalogue import MUTANTS, QUICK_MUTANTS
from tests.mutants.drawn import OPERATOR_CLASS_BY_NAME, draw_mutants
from tests.mutants.mutant import Mutant
from tests.mutants.targets import TESTS_BY_SOURCE_FILE


def find_mutant(name: str) -> Mutant:
    """Return the mutant with this name."""
    (matching_mutant,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return matching_mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_source_text_of_every_mutant_exists_once(mutant: Mutant) -> None:
    """The text that a mutant replaces exists exactly once in its source file, and each of the mutant's test files
    contains the tests that the mutant names, and the words with which it restricts the tests.
    """
    for change in mutant.changes:
        assert (ROOT / change.file).read_text("utf-8").count(change.old) == 1, change
    for test in mutant.tests:
        file, *names = test.split("[")[0].split("::")
        source = (ROOT / file).read_text("utf-8")
        assert all(f"def {name}(" in source or f"class {name}" in source for name in names), test
        assert all(
            word in {"", "sqlite", "mariadb", "galera"} or word in source for word in mutant.engine.split(" and ")
        )


def test_mutants_use_only_names_that_exist(tmp_path: Path) -> None:
    """The changed code of a mutant uses only names that exist. Otherwise a NameError could make a test fail, and not
    the intended bug."""
    for number, mutant in enumerate(MUTANTS):
        sources: dict[str, str] = {}
        for change in mutant.changes:
            before = sources.get(change.file) or (ROOT / change.file).read_text("utf-8")
            sources[change.file] = before.replace(change.old, change.new)
        for place, source in enumerate(sources.values()):
            (tmp_path / f"{number:03}_{place}.py").write_text(source, "utf-8")
    options = ("--isolated", "--select", "F821", "--output-format", "concise")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, str(tmp_path)], capture_output=True, text=True, check=False
    )
    wrong = {int(line) for line in re.findall(r"^\S*?(\d{3})_\d\.py:", done.stdout, re.MULTILINE)}
    assert [MUTANTS[number].name for number in sorted(wrong)] == [], done.stdout


@pytest.mark.parametrize("name", QUICK_MUTANTS)
def test_a_mutant_makes_its_tests_fail(name: str) -> None:
    """A mutant that removes a protection makes one of its tests fail. This test tries a few mutants; `make mutants`
    tries all.
    """
    caught, why = run_mutant(find_mutant(name))
    print(f"demand 4: {name}: {why}")
    assert caught, why


@pytest.mark.parametrize("file", ["console/domain/errors/__init__.py", "console/store/payments/currency_limits.py"])
def test_one_seed_draws_the_same_valid_mutants(file: str) -> None:
    """The same seed draws the same mutants, all different. Each mutant is valid Python and differs from the
    source.
    """
    drawn = draw_mutants(file, max_count=5, seed=1)
    assert drawn == draw_mutants(file, max_count=5, seed=1)
    assert len({one.source for one in drawn}) == len(drawn) == 5
    assert (ROOT / file).read_text("utf-8") not in {one.source for one in drawn}
    for one in drawn:
        ast.parse(one.source)


def test_every_target_of_drawn_mutants_exists() -> None:
    """Each file in the table of targets, and each test that it lists, exists."""
    for file, tests in TESTS_BY_SOURCE_FILE.items():
        for path in (file, *tests):
            assert (ROOT / path).exists(), path


def test_drop_call_removes_only_calls_without_a_used_result() -> None:
    """The operator DropCall writes `pass` in place of a call whose result isn't used, and changes no other call."""
    source = "def f():\n    # why\n    begin(1)\n    x = g()\n    return end(x)\n"
    lost = [mutate_code(source, OPERATOR_CLASS_BY_NAME["DropCall"](), number) for number in (0, 1)]
    assert lost == [source.replace("begin(1)", "pass"), None]
