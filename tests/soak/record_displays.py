"""Soak test that all displays of a record (page, list, terminal, JSON, search, file) show the same state, with the
full count of histories.
"""

from collections import Counter
from pathlib import Path

from tests.soak.shards import Demand
from tests.stateful import random_histories
from tests.support.choice_stage import open_choice_stage

HISTORIES_PER_SHARD = 500


def compare_record_displays(shard: int, folder: Path) -> Counter[str]:
    """Execute 500 random histories (see tests/stateful/random_histories.py) and compare all displays of
    each record after each action. The seed differs for each shard. Return two counts: `histories` and `acts` (their
    actions).
    """
    with open_choice_stage(folder / "home") as desk:
        tally = random_histories.run_histories(desk, HISTORIES_PER_SHARD, folder, seed=shard)
    return Counter(histories=tally["histories"], acts=tally.total() - tally["histories"])


DEMANDS = (
    Demand(
        "same displays",
        20,
        compare_record_displays,
        "{histories} histories, {acts} acts: every display showed the same state",
        spare_shard_count=10,
    ),
)
