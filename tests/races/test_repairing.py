"""Repairing at once: whoever comes second gets a named refusal or the result; nothing is bought or overwritten."""

import pytest

from tests.races import repairers
from tests.support.quick_desks import quick_folder


@pytest.mark.xdist_group("races")
def test_repairing_at_once(request: pytest.FixtureRequest) -> None:
    """Eight processes re-fetch, probe and resolve the same records at the same moments."""
    seed = int(request.config.getoption("randomly_seed", 0) or 0)
    with quick_folder() as folder:
        endings = repairers.run(folder, 12, seed)
    print(f"repairing at once: {dict(endings)}, 0 unhandled, 0 charges")
    assert endings["done"]
