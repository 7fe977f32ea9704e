"""Demand 3 for notices: whoever takes one may be killed at any step, and it is booked once all the same."""

from tests.crash import notice_kills
from tests.support.places import Place


def test_killed_at_every_step(place: Place, seed: int) -> None:
    """Payment, order and event once each, whether or not the sender repeats what was kept before the kill."""
    tally = notice_kills.run(place, tuple(notice_kills.STEPS), seed)
    print(f"demand 3: {place.engine}: notices: {tally['kills']} kills at every step: each booked once")
    assert tally["kills"] == sum(map(len, notice_kills.STEPS.values()))
