"""Tests that simultaneous writers lose no update of a row in SQLite, with and without the queue of writers."""

import pytest

from tests.races import writers
from tests.support.quick_desks import make_quick_folder

INCREMENT_COUNT = 6


@pytest.mark.xdist_group("races")
@pytest.mark.parametrize("uses_queue", [True, False], ids=["queue", "no-queue"])
def test_no_update_is_lost(uses_queue: bool) -> None:
    """Sixteen processes read and change one row of SQLite, and no update is lost. This is also true without the queue
    of writers, because BEGIN IMMEDIATE alone prevents lost updates; the queue only orders the writers."""
    with make_quick_folder() as folder:
        tally = writers.run_counter_race(folder, INCREMENT_COUNT, uses_queue=uses_queue)
    how = "queued" if uses_queue else "not queued"
    print(f"demand 18: {tally['lost']} of {tally['turns']} updates lost ({how}), longest {tally['longest_ms']} ms")
    assert tally["lost"] == 0
