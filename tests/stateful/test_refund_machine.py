"""Tests that the refunds agree with the providers' ledger after each step of random sequences at two desks."""

import logging
import random
from collections import Counter

import pytest

from tests.stateful import crashing, refund_machine

EXAMPLE_COUNT = 4
MAX_ROUNDS = 8
"""Largest number of rounds. A round has `EXAMPLE_COUNT` runs of the state machine, and each round uses the next seed.
The test ends after the first round in which a refund was made, because the runs of one round may draw no refund."""


@pytest.mark.expects_log("every kind of failure is provoked")
def test_refund_invariants_hold_after_random_steps(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """After each step three invariants hold. The captured amount of a payment is the sum of its remaining, reserved,
    refunded and set-aside amounts. The provider executes an approved refund at most once. The outcome of each ended
    refund is known."""
    caplog.set_level(logging.CRITICAL)
    seed = int(request.config.getoption("randomly_seed", None) or random.getrandbits(32))
    print(f"demand 5: seed {seed}")
    counts = Counter[str]()
    for number in range(MAX_ROUNDS):
        counts += refund_machine.run_refund_machine(seed + number, EXAMPLE_COUNT)
        if counts["refunds"]:
            break
    totals = {name: counts[name] for name in ("steps", "asked", "approved", "sendings", "refunds", "crashes")}
    print(
        f"demand 5: {EXAMPLE_COUNT * (number + 1)} runs of up to {crashing.MAX_STEPS_PER_RUN} steps, {totals},"
        " 0 violations"
    )
    assert counts["refunds"]
