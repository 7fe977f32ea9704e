"""Demand 16: whoever wakes up after its lease overwrites nothing, and loses no evidence."""

import os

import pytest

from tests.crash import stops
from tests.support.quick_desks import quick_folder


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
def test_stopped_past_the_lease() -> None:
    """The late answer settles what is still unknown; what people decided meanwhile stays, with a case."""
    with quick_folder() as folder:
        tally = stops.run(folder, 4)
    print(f"demand 16: {tally['stopped']} stopped past the lease, 0 overwrites, {tally['evidence']} answers kept")
    assert tally["stopped"] == tally["evidence"] == 4
