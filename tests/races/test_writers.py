"""Demand 18: no update is lost, whether or not writers queue up politely."""

import pytest

from tests.races import writers
from tests.support.quick_desks import quick_folder

TURNS = 6


@pytest.mark.xdist_group("races")
@pytest.mark.parametrize("queue", [True, False], ids=["queue", "no-queue"])
def test_no_update_is_lost(queue: bool) -> None:
    """The queue is courtesy, BEGIN IMMEDIATE is the proof: without the queue every update counts as well."""
    with quick_folder() as folder:
        tally = writers.run(folder, TURNS, queue=queue)
    how = "queued" if queue else "not queued"
    print(f"demand 18: {tally['lost']} of {tally['turns']} updates lost ({how}), longest {tally['longest_ms']} ms")
    assert tally["lost"] == 0
