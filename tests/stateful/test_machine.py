"""Tests that the credit checks agree with the provider's ledger after each step of random sequences at two desks."""

import logging
import random

import pytest

from tests.stateful import crashing, machine
from tests.support import server_fixtures
from tests.support.places import Engine

EXAMPLES_BY_ENGINE = {"sqlite": 10}


@pytest.mark.expects_log("every kind of failure is provoked")
def test_invariants_hold_after_random_steps(
    engine: Engine, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """After each step four invariants hold. A client has at most one live claim per corporation. Each charge has a
    record. A charged record has the state `error` only if two people decided so. An unknown purchase is never sent
    again."""
    caplog.set_level(logging.CRITICAL)
    seed = int(request.config.getoption("randomly_seed", None) or random.getrandbits(32))
    print(f"demand 24: seed {seed}")
    server_fixtures.require_engine(engine)
    examples = EXAMPLES_BY_ENGINE.get(engine, 2)
    counts = machine.run_purchase_machine(seed, examples, engine)
    totals = {name: counts[name] for name in ("steps", "bought", "crashes", "charges", "outcome_unknown")}
    print(f"demand 24: {engine}: {examples} runs of up to {crashing.MAX_STEPS_PER_RUN} steps, {totals}, 0 violations")
    assert counts["charges" if engine == "sqlite" else "steps"]
