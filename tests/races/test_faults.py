"""Tests that under every HTTP fault no purchase is charged twice, and each purchase with an unknown outcome can be
settled.
"""

import pytest

from tests.races import faults
from tests.support.places import Place

PURCHASE_COUNT = {"sqlite": 200}  # a fiftieth of the ten thousand


@pytest.mark.xdist_group("races")
@pytest.mark.expects_log("what the wire does is told")
def test_purchases_under_random_faults_are_charged_at_most_once(place: Place, seed: int) -> None:
    """Many purchases meet random HTTP faults of all kinds, and no purchase is charged twice. At the end no operation
    is in the state `calling`, and no record has an unknown outcome."""
    count = PURCHASE_COUNT.get(place.engine, 100)
    tally = faults.buy_under_random_faults(place, count, seed)
    counts = {name: tally[name] for name in ("faults", "bought", "outcome_unknown", "by people")}
    unsettled = f"{tally['calling']} calling, {tally['left']} unknown left"
    print(f"demand 2: {place.engine}: {count} purchases, {counts}: 0 doubles, {unsettled}")
    assert (tally["calling"], tally["left"]) == (0, 0)
    assert tally["faults"] > count / 3
