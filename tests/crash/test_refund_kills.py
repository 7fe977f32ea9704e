"""Demand 3 for refunds: a process killed at any step leaves a desk that knows what to do."""

import pytest

from tests.crash import refund_kills
from tests.support.places import Place


@pytest.mark.parametrize(
    "actions",
    [
        ("approve", "ask", "reject", "withdraw"),
        ("send again", "approve at Atom", "probe", "poll", "resolve", "delivery"),
    ],
)
@pytest.mark.expects_log("what the database could not take is told")
def test_killed_at_every_step(place: Place, actions: tuple[str, ...]) -> None:
    """One refund per approval at most, none completed that isn't there, none there that nobody knows; each comes to
    its end by due tasks and at most one person's act.
    """
    tally = refund_kills.run(place, actions)
    told = f"{tally['kills']} kills at the steps of {', '.join(actions)}: 0 twice, 0 lost"
    print(f"demand 3: {place.engine}: refunds: {told}, recovery ≤ {tally['slowest_ms']} ms")
    assert tally["kills"] == sum(len(refund_kills.STEPS[action]) for action in actions)
