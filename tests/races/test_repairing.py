"""Tests of many processes that repair the same incomplete or unknown records. Each process gets the result or a
refusal with a code, and no process buys again or overwrites data."""

import pytest

from tests.races import repairers
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_repairs_are_consistent(place: Place, seed: int) -> None:
    """Eight processes re-fetch, probe and resolve the same records at the same moment. At the end each record is
    bought and complete, without a second charge.
    """
    endings = repairers.run_repair_race(place, 12, seed)
    print(f"repairing at once: {place.engine}: {dict(endings)}, 0 unhandled, 0 charges")
    assert endings["done"]
