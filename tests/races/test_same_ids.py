"""Tests of many processes that make one call with the same request id at the same moment: the call takes effect
once.
"""

import pytest

from tests.races import same_ids
from tests.support.invented import invent_numbers
from tests.support.places import Place

pytestmark = pytest.mark.xdist_group("races")
PROCESS_COUNT = 16
CALL_COUNT = 2


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_one_of_sixteen_simultaneous_calls_acts_and_all_get_its_result(place: Place, seed: int) -> None:
    """Sixteen processes at two desks make the same call with the same request id. One call takes effect. The other
    processes get its result, or the answer that the call is in progress."""
    tally = same_ids.run_same_request_id_race(place, invent_numbers(CALL_COUNT, seed), PROCESS_COUNT)
    print(f"request ids: {place.engine}: {PROCESS_COUNT} processes × {3 * CALL_COUNT} calls: {dict(tally)}")
