"""Tests of many processes that change the same refunds while the provider has faults. No refund is executed twice,
and none stays open without a next step.
"""

import pytest

from tests.races import refunders
from tests.races.refunders import RefundLoad
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
@pytest.mark.expects_log("what the wire does is told")
def test_simultaneous_acts_on_a_refund_are_consistent(place: Place, seed: int) -> None:
    """Four processes request, decide, send and withdraw refunds of eight payments. Each approved refund is executed
    at most once, and never more is refunded than was captured. At the end each refund has ended or is in a queue with
    its next step.
    """
    tally = refunders.run_refund_race(place, RefundLoad(4, 8, seed))
    print(f"refund races: {place.engine}: {dict(tally)}: 0 twice, 0 beyond captured, 0 without a next step")
    assert tally["completed"]
