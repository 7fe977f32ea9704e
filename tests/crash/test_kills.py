"""Demand 3: a process killed at any step leaves a desk that knows what to do."""

from pathlib import Path

import pytest

from tests.crash import kills
from tests.support.quick_desks import quick_folder


@pytest.mark.parametrize("actions", [("purchase",), ("renewal",), ("refetch",), ("probe", "resolve", "delivery")])
@pytest.mark.expects_log("what the database could not take is told")
def test_killed_at_every_step(actions: tuple[str, ...]) -> None:
    """No second charge, no lost record, the right queue, the right next step; recovered within 5 s."""
    with quick_folder() as folder:
        tally = kills.run(actions, Path(folder))
    steps = sum(len(kills.STEPS[action]) for action in actions)
    print(f"demand 3: {tally['kills']} kills at the steps of {', '.join(actions)}, 0 second charges, 0 lost records")
    assert tally["kills"] == steps
