"""Demand 1: sixteen processes at two desks buy the same numbers at the same moment."""

from pathlib import Path

import pytest

from tests.races.buyers import PROCESSES, Race, run
from tests.support.invented import numbers
from tests.support.quick_desks import quick_folder

pytestmark = pytest.mark.xdist_group("races")
NUMBERS = numbers(12, seed=1)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What draws the faults: the run's seed."""
    return int(request.config.getoption("randomly_seed", 0) or 0)


@pytest.mark.parametrize("leases", [True, False], ids=["leases", "no-leases"])
@pytest.mark.parametrize("faults", [False, True], ids=["good", "faults"])
def test_buying_at_once(faults: bool, leases: bool, seed: int) -> None:
    """One charge per number charged at all; everybody got the record or a named refusal; the audit trail holds."""
    with quick_folder() as folder:
        tally = run(Race(NUMBERS, seed=seed if faults else None, leases=leases), folder)
    _tell(tally["numbers"], tally["charged"], tally["calls"], "purchases", faults=faults, leases=leases)
    assert tally["calls"] == PROCESSES * len(NUMBERS)
    assert faults or tally["charged"] == len(NUMBERS)


@pytest.mark.parametrize(("leases", "faults"), [(True, False), (False, True)], ids=["leases", "no-leases-faults"])
def test_renewing_at_once(leases: bool, faults: bool, seed: int) -> None:
    """Renewals of expired records: one new charge each at most, chains of records stay sound."""
    with quick_folder() as folder:
        tally = run(Race(NUMBERS[:6], seed=seed if faults else None, leases=leases, renew=True), Path(folder))
    _tell(tally["numbers"], tally["charged"], tally["calls"], "renewals", faults=faults, leases=leases)
    assert faults or tally["charged"] == 6


def _tell(count: int, charged: int, calls: int, what: str, *, faults: bool, leases: bool) -> None:
    how = f"{'random faults' if faults else 'a good provider'}, leases {'on' if leases else 'off'}"
    print(f"demand 1: {count} numbers, {calls} {what} at once, {how}: {charged} charged, 0 doubles, 0 unhandled")
