"""Sixteen desks ask about 200 numbers each, and two workers act for them. One is killed every five seconds."""

from collections import Counter
from functools import partial
from pathlib import Path

from tests.races.asking_desks import AskingRace, run
from tests.soak.shards import Demand
from tests.support import pooled_databases
from tests.support.invented import numbers
from tests.support.places import Engine, ServerPlace, nodes_of
from tests.support.pooled_databases import PooledDatabase
from tests.support.servers import own_run, shared_galera

DESKS, NUMBERS, KILL_SECONDS = 16, 200, 5.0
_NODE_DIES_AT, _NODE_IS_BACK_AT = 60, 120


def ask(engine: Engine, shard: int, folder: Path, count: int = NUMBERS, desks: int = DESKS) -> Counter[str]:
    """The second shard of each engine has a provider with faults. On Galera a node is killed, and comes back."""
    with own_run():
        place = ServerPlace(engine, folder, PooledDatabase(nodes_of(engine)))
        meanwhile = {}
        if engine == "galera":
            cluster = shared_galera()
            meanwhile = {
                count * _NODE_DIES_AT // NUMBERS: cluster.nodes[-1].kill,
                count * _NODE_IS_BACK_AT // NUMBERS: cluster.heal,
            }
        seed = shard if shard % 2 else None
        tally = run(AskingRace(numbers(count, 400 + shard), desks, KILL_SECONDS, seed, meanwhile), place)
    pooled_databases.forget_all()
    print(f"demand asking: {engine}: {dict(tally)}", flush=True)
    assert tally["calls"] == count * desks, tally
    return tally


_FIGURE = (
    f"{{numbers}} numbers × {DESKS} desks that ask, {{kills}} workers killed: {{charged}} charged, 0 doubles,"
    " {calls} answers, {lapsed} requests lapsed"
)
DEMANDS = (
    Demand("asking mariadb", 2, partial(ask, "mariadb"), _FIGURE, seconds=3_600),
    Demand("asking galera", 2, partial(ask, "galera"), _FIGURE, seconds=3_600),
)
