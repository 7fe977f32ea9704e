"""The demand that all places show the same state of a record, with its full count."""

from collections import Counter
from pathlib import Path

from tests.soak.shards import Demand
from tests.stateful import told_histories
from tests.support.choice_stage import stage

HISTORIES_PER_SHARD = 500


def told(shard: int, folder: Path) -> Counter[str]:
    """Execute 500 random histories (see tests/stateful/told_histories.py), with a seed for each shard."""
    with stage(folder / "home") as desk:
        tally = told_histories.run(desk, HISTORIES_PER_SHARD, folder, seed=shard)
    return Counter(histories=tally["histories"], acts=tally.total() - tally["histories"])


DEMANDS = (Demand("told alike", 20, told, "{histories} histories, {acts} acts: every place told the same", spare=10),)
