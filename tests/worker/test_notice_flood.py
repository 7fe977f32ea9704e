"""Tests that a worker process books each real notice and keeps running in a small flood of malformed requests; `make
soak` runs a large flood.
"""

import pytest

from tests.support.places import Place
from tests.worker import notice_flood


@pytest.mark.engines("sqlite", "mariadb")
def test_genuine_notices_are_booked_among_malformed_requests(
    place: Place, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Malformed requests and connections that never finish reach the worker together with real notices from three
    sources. Each malformed request gets the answer for its kind, each real notice is booked once, and the process
    continues to run.
    """
    flood = notice_flood.run_flood(place, seconds=3, rate=120, slow_connection_count=200, each_second=5, seed=seed)
    with capsys.disabled():
        print(f"\n{place.engine}: {flood.format_figures()}")
    assert flood.slow_connection_count >= 200
    assert max(flood.worker_samples.open_file_counts) < 700
