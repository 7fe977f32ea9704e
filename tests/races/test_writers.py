"""No update of a row is lost, with or without the queue of writers."""

import pytest

from tests.races import writers
from tests.support.quick_desks import make_quick_folder

INCREMENT_COUNT = 6


@pytest.mark.xdist_group("races")
@pytest.mark.parametrize("queue", [True, False], ids=["queue", "no-queue"])
def test_no_update_is_lost(queue: bool) -> None:
    """Sixteen processes read and change one row of SQLite. The queue only orders the writers; BEGIN IMMEDIATE alone
    prevents lost updates, so none is lost without the queue either."""
    with make_quick_folder() as folder:
        tally = writers.run(folder, INCREMENT_COUNT, queue=queue)
    how = "queued" if queue else "not queued"
    print(f"demand 18: {tally['lost']} of {tally['turns']} updates lost ({how}), longest {tally['longest_ms']} ms")
    assert tally["lost"] == 0
