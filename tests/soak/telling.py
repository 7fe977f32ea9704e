"""The demand that every place tells a record alike, at full count."""

from collections import Counter
from pathlib import Path

from tests.soak.shards import Demand
from tests.stateful import told_histories
from tests.support.choice_stage import stage

HISTORIES_PER_SHARD = 500


def told(shard: int, folder: Path) -> Counter[str]:
    """Each shard on a database of its own, with its own seed."""
    with stage(folder / "home") as desk:
        tally = told_histories.run(desk, HISTORIES_PER_SHARD, folder, seed=shard)
    return Counter(histories=tally["histories"], acts=tally.total() - tally["histories"])


DEMANDS = (Demand("told alike", 20, told, "{histories} histories, {acts} acts: every place told the same", spare=10),)
