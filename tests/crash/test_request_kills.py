"""A call with a request id is killed at any step. The same call, made again, gets the right answer and is never sent
twice."""

import pytest

from tests.crash import request_kills
from tests.support.places import Place


@pytest.mark.parametrize("action", list(request_kills.STEPS))
@pytest.mark.expects_log("what lapsed is told")
def test_a_repeated_call_after_a_kill_acts_at_most_once(place: Place, seed: int, action: str) -> None:
    """The repeated call acts if nothing was written; its answer is `outcome_unknown` with the record if it was sent
    without an answer; otherwise it returns the record."""
    tally = request_kills.run(action, place, seed)
    print(f"request ids: {place.engine}: {sum(tally.values())} kills of {action}: {dict(tally)}, 0 sent twice")
    assert sum(tally.values()) == len(request_kills.STEPS[action])
