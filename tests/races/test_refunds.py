"""Refunds that everybody handles at once, through a provider that fails: nothing goes back twice, nothing hangs."""

import pytest

from tests.races import refunders
from tests.races.refunders import Crowd
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
@pytest.mark.expects_log("what the wire does is told")
def test_handled_at_once(place: Place, seed: int) -> None:
    """Four processes at eight payments: one refund per approval at most, never more than was captured, and each
    refund ends, or is in a queue with its next step.
    """
    tally = refunders.run(place, Crowd(4, 8, seed))
    print(f"refund races: {place.engine}: {dict(tally)}: 0 twice, 0 beyond captured, 0 without a next step")
    assert tally["completed"]
