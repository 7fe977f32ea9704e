"""Demands 5 and 24, for refunds: whatever happens in whatever order, money and records agree after each step."""

import logging
import random
from collections import Counter

import pytest

from tests.stateful import crashing, refund_machine

EXAMPLES = 4
MAX_ROUNDS = 8
"""Rounds of `EXAMPLES` runs, each with the next seed, until a refund was made: four runs may draw none."""


@pytest.mark.expects_log("every kind of failure is provoked")
def test_random_interleavings_of_refunds(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> None:
    """Captured is what is left, reserved, refunded and set aside; one approval is one refund; nothing is guessed."""
    caplog.set_level(logging.CRITICAL)
    seed = int(request.config.getoption("randomly_seed", None) or random.getrandbits(32))
    print(f"demand 5: seed {seed}")
    counts = Counter[str]()
    for number in range(MAX_ROUNDS):
        counts += refund_machine.run(seed + number, EXAMPLES)
        if counts["refunds"]:
            break
    told = {name: counts[name] for name in ("steps", "asked", "approved", "sendings", "refunds", "crashes")}
    print(f"demand 5: {EXAMPLES * (number + 1)} runs of up to {crashing.STEPS} steps, {told}, 0 violations")
    assert counts["refunds"]
