"""Crash tests draw places from the run's seed, so that each run looks elsewhere and any can be repeated."""

import pytest


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """`-p randomly -p "randomly_seed=N"` repeats a run."""
    return int(request.config.getoption("randomly_seed", 0) or 0)
