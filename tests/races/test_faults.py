"""Demand 2: whatever fails on the wire, nothing is charged twice and nothing stays unexplained."""

import pytest

from tests.races import faults
from tests.support.quick_desks import quick_folder

PURCHASES = 200  # a fiftieth of the ten thousand


@pytest.mark.xdist_group("races")
@pytest.mark.expects_log("what the wire does is told")
def test_every_fault(request: pytest.FixtureRequest) -> None:
    """0 doubles; at the end 0 calls past their lease and 0 unknown that nobody can settle."""
    seed = int(request.config.getoption("randomly_seed", 0) or 0)
    with quick_folder() as folder:
        tally = faults.run(folder, PURCHASES, seed)
    told = {name: tally[name] for name in ("faults", "bought", "outcome_unknown", "by people")}
    left = f"{tally['calling']} calling, {tally['left']} unknown left"
    print(f"demand 2: {PURCHASES} purchases, {told}: 0 doubles, {left}")
    assert (tally["calling"], tally["left"]) == (0, 0)
    assert tally["faults"] > PURCHASES / 3
