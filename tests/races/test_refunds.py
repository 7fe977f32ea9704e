"""Many processes act on the same refunds while the provider has faults: no refund is executed twice, and none stays
open without a next step.
"""

import pytest

from tests.races import refunders
from tests.races.refunders import RefundLoad
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
@pytest.mark.expects_log("what the wire does is told")
def test_simultaneous_acts_on_a_refund_are_consistent(place: Place, seed: int) -> None:
    """Four processes act on eight payments. Each approved refund is executed at most once, no more is refunded than
    captured, and each refund has ended or is in a queue with its next step.
    """
    tally = refunders.run(place, RefundLoad(4, 8, seed))
    print(f"refund races: {place.engine}: {dict(tally)}: 0 twice, 0 beyond captured, 0 without a next step")
    assert tally["completed"]
