"""A call with a request id is killed at any step. The repeated call gets the right answer, and the provider executes
the action at most once."""

import pytest

from tests.crash import request_kills
from tests.support.places import Place


@pytest.mark.parametrize("action", list(request_kills.STEPS_BY_ACTION))
@pytest.mark.expects_log("what lapsed is told")
def test_a_repeated_call_after_a_kill_acts_at_most_once(place: Place, seed: int, action: str) -> None:
    """A call with a request id is killed at each step and then repeated. The repeated call executes the action if the
    killed call had written nothing, or if its desk can prove that nothing was sent. It answers `outcome_unknown` with
    the record if the killed call may have sent its request and got no recorded answer. Otherwise it returns the
    record.
    """
    tally = request_kills.kill_call_at_each_step(action, place, seed)
    print(f"request ids: {place.engine}: {sum(tally.values())} kills of {action}: {dict(tally)}, 0 sent twice")
    assert sum(tally.values()) == len(request_kills.STEPS_BY_ACTION[action])
