"""Tests of many processes that make one call with the same request id at the same moment: the call takes effect
once.
"""

import pytest

from tests.races import same_ids
from tests.support.invented import invent_numbers
from tests.support.places import Place

pytestmark = pytest.mark.xdist_group("races")
PROCESSES, CALLS = 16, 2


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_of_sixteen_simultaneous_calls_acts_and_all_get_its_result(place: Place, seed: int) -> None:
    """Sixteen processes at two desks make the same call with the same request id. One call takes effect. The other
    processes get its result, or the answer that the call is in progress."""
    tally = same_ids.run_same_request_id_race(place, invent_numbers(CALLS, seed), PROCESSES)
    print(f"request ids: {place.engine}: {PROCESSES} processes × {3 * CALLS} calls: {dict(tally)}")
