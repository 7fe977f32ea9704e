"""A process that ends an overdue payment is killed at each step of the saga. The next process runs the remaining
steps once.
"""

import pytest

from tests.crash import saga_kills
from tests.support.places import Place


@pytest.mark.engines("sqlite", "mariadb")
def test_a_kill_at_any_step_runs_each_saga_effect_once(place: Place) -> None:
    """After a kill at any step, an unpaid payment expires, its order is cancelled and its stock is released, each
    exactly once. A paid payment is completed with its order, and nothing is cancelled."""
    tally = saga_kills.kill_saga_at_each_step(place)
    print(f"{place.engine}: payments whose time has passed: {tally['kills']} kills at every step: each effect once")
    assert tally["kills"] == sum(map(len, saga_kills.STEPS_BY_COURSE.values()))
