"""Many processes repair the same records: each gets the result or a refusal with a code, and nothing is bought or
overwritten."""

import pytest

from tests.races import repairers
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_repairs_are_consistent(place: Place, seed: int) -> None:
    """Eight processes re-fetch, probe and resolve the same records at the same moment."""
    endings = repairers.run(place, 12, seed)
    print(f"repairing at once: {place.engine}: {dict(endings)}, 0 unhandled, 0 charges")
    assert endings["done"]
