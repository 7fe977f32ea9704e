"""Whatever command to the database is lost, whichever way: the same invariants."""

import pytest

from tests.faults import steps
from tests.faults.scene import scene
from tests.support.places import ServerPlace


@pytest.mark.expects_log("every kind of trouble")
@pytest.mark.parametrize("action", steps.ACTIONS)
def test_a_command_is_lost(place: ServerPlace, action: str, seed: int) -> None:
    """However far it got: one charge at most, a named ending that tells the truth, nothing called error that was
    charged, and after the next due tasks nothing that hangs.
    """
    with scene(place) as stage:
        tally = steps.run_some(stage, action, seed)
        stage.verified()
    print(f"faults: {action}, {tally.total()} places: {dict(tally)}, 0 doubles, 0 untrue endings")
    assert tally.total() == len(steps.TROUBLES)
