"""Demand 2: whatever fails on the wire, nothing is charged twice and nothing stays unexplained."""

import pytest

from tests.races import faults
from tests.support.places import Place

PURCHASES = {"sqlite": 200}  # a fiftieth of the ten thousand


@pytest.mark.xdist_group("races")
@pytest.mark.expects_log("what the wire does is told")
def test_every_fault(place: Place, seed: int) -> None:
    """0 doubles; at the end 0 calls past their lease and 0 unknown that nobody can settle."""
    count = PURCHASES.get(place.engine, 100)
    tally = faults.run(place, count, seed)
    told = {name: tally[name] for name in ("faults", "bought", "outcome_unknown", "by people")}
    left = f"{tally['calling']} calling, {tally['left']} unknown left"
    print(f"demand 2: {place.engine}: {count} purchases, {told}: 0 doubles, {left}")
    assert (tally["calling"], tally["left"]) == (0, 0)
    assert tally["faults"] > count / 3
