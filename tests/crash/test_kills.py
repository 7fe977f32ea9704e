"""A process is killed at any step of an action on a credit check. The next process shows the right state and next
step of the record."""

import pytest

from tests.crash import kills
from tests.support.places import Place

STEPS_AROUND_CALL = ("after_tx1", "after_send", "before_tx2", "after_tx2", "before_delivery")


@pytest.mark.parametrize("actions", [("purchase",), ("renewal",), ("refetch",), ("probe", "resolve", "delivery")])
@pytest.mark.expects_log("what the database could not take is told")
def test_a_kill_at_any_step_charges_nothing_twice(place: Place, seed: int, actions: tuple[str, ...]) -> None:
    """Each action is killed at each of its steps. Nothing is charged twice, each charge has a record, and each record
    is in the right queue with the right next step."""
    tally = kills.kill_at_each_step(actions, place, seed)
    summary = f"{tally['kills']} kills at the steps of {', '.join(actions)}, 0 second charges, 0 lost records"
    print(f"demand 3: {place.engine}: {summary}")
    assert tally["kills"] == sum(len(kills.STEPS_BY_ACTION[action]) for action in actions)


@pytest.mark.engines("galera")
@pytest.mark.expects_log("what the database could not take is told")
def test_a_kill_around_the_call_on_galera_charges_once(place: Place, seed: int) -> None:
    """On Galera, a purchase is killed between its COMMIT and the call, after the call, and before and after the write
    of its outcome; a delivery is killed before it writes the answer in the spool. Nothing is charged twice, and each
    charge has a record in the right queue.
    """
    tally = kills.kill_at_each_step(("purchase", "delivery"), place, seed, STEPS_AROUND_CALL)
    print(f"demand 3: galera: {tally['kills']} kills around the call, 0 second charges, 0 lost records")
    assert tally["kills"] == len(STEPS_AROUND_CALL)
