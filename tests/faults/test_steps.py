"""Actions on credit checks whose connection to the database is disturbed at any command of the server's protocol. The
number is charged at most once, and every record ends in a correct state.
"""

import random
from collections import Counter

import pytest

from tests.faults import steps
from tests.faults.scene import open_scene
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.servers import Server


@pytest.mark.expects_log("every kind of fault")
@pytest.mark.parametrize("action", steps.ACTIONS)
def test_a_lost_command_loses_no_purchase(place: ServerPlace, action: str, seed: int) -> None:
    """An action on a credit check or its provider's token is disturbed in each possible way once, each time at a
    random command. The number is charged at most once, the reported ending is correct, and no record of a charged
    purchase has the state `error`. After the next due tasks no operation has the state `calling`.
    """
    with open_scene(place) as stage:
        tally = steps.disturb_random_commands(stage, action, seed)
        stage.verify_trail()
    print(f"faults: {action}, {tally.total()} places: {dict(tally)}, 0 doubles, 0 untrue endings")
    assert tally.total() == len(steps.TESTED_FAULTS)


@pytest.mark.expects_log("what the dead server could not take is told")
def test_a_server_killed_at_any_command_loses_no_purchase(
    own_place: ServerPlace, own_server: Server, seed: int
) -> None:
    """The server is killed at a random command of a purchase and restarted. The number is charged at most once, and
    no record of a charged purchase has the state `error`.
    """
    chance = random.Random(f"dies{seed}")
    endings: Counter[str] = Counter()
    longest = 0.0
    with open_scene(own_place) as stage:
        for name in invent_numbers(3, seed + 1):
            nth = chance.randint(1, steps.USUAL_COMMAND_COUNT_BY_ACTION["purchase"])
            ending, seconds = steps.kill_server_at_command(stage, own_server, "purchase", nth, name)
            endings[ending or "undisturbed"] += 1
            longest = max(longest, seconds)
        stage.verify_trail()
    print(f"faults: server killed and restarted {endings.total()} times in a purchase: {dict(endings)},")
    print(f"faults: at most {longest:.1f} s from the kill until all was settled")
    assert endings.total() == 3
