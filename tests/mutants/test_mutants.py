"""Demand 4: the guards' tests notice when a guard is missing."""

import pytest

from tests.mutants.__main__ import ROOT, run
from tests.mutants.catalogue import MUTANTS, QUICK
from tests.mutants.mutant import Mutant


def named(name: str) -> Mutant:
    (found,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_still_fits(mutant: Mutant) -> None:
    """Each mutant's text stands in the source exactly once, and its tests exist."""
    for change in mutant.changes:
        assert (ROOT / change.file).read_text("utf-8").count(change.old) == 1, change
    for test in mutant.tests:
        assert (ROOT / test.split("::")[0]).is_file(), test


@pytest.mark.parametrize("name", QUICK)
def test_a_mutant_is_caught(name: str) -> None:
    """A missing guard turns a test red; all of them are tried by `make mutants`."""
    caught, why = run(named(name))
    print(f"demand 4: {name}: {why}")
    assert caught, why
