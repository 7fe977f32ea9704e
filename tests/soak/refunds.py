"""The demands about crowds at refunds and about silent providers at full count, over real HTTP."""

from collections import Counter
from pathlib import Path

from tests.faults import refund_steps
from tests.races import refunders, requesters, silences
from tests.races.refunders import Crowd
from tests.soak.shards import ALL, SINGLE, Demand, on, placed
from tests.support import servers
from tests.support.money_stage import stage
from tests.support.places import Engine, ServerPlace
from tests.support.pooled_databases import PooledDatabase

_DEATHS = 90


def crowd(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Sixteen processes that meet at a hundred payments; leases on and off in turn."""
    with placed(engine, folder) as place:
        return refunders.run(place, Crowd(16, 100, 100 + shard, visits=4, leases=shard % 2 == 0, hangs=True))


def requests(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Twelve processes at two hundred payments: whole requests, and the payments' sums alone, in turn."""
    with placed(engine, folder) as place:
        return requesters.run(place, 12, 200, sums_alone=shard % 2 == 1)


def one_maker(engine: Engine, _shard: int, folder: Path) -> Counter[str]:
    """One person at twelve windows, a sum of the day for four refunds."""
    with placed(engine, folder) as place:
        tally = requesters.run_of_one_maker(place, 12, fit=4)
    assert tally["done"] == 4, tally
    return tally


def deaths(_shard: int, folder: Path) -> Counter[str]:
    """kill -9 of the server, and writes refused, at every second command of a sending."""
    tally: Counter[str] = Counter()
    with servers.mariadb() as server, stage(ServerPlace("mariadb", folder, PooledDatabase((server,)))) as scene:
        for nth in range(1, _DEATHS, 2):
            ended, _ = refund_steps.dies_at(scene, server, "approve", nth)
            refused = refund_steps.turns_read_only(scene, server, "approve", nth)
            tally.update(deaths=int(ended is not None), refusals=int(refused is not None))
        scene.checked()
    return tally


def unanswered(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Both providers in turn."""
    with placed(engine, folder) as place, stage(place) as scene:
        tally = silences.time_outs(scene, 100, ("paypay", "atom")[shard % 2])
        silences.checked(scene)
    assert tally["again"] == 0, tally
    return tally


def late(engine: Engine, _shard: int, folder: Path) -> Counter[str]:
    """Effects around the second answer that knows nothing of them."""
    with placed(engine, folder) as place, stage(place) as scene:
        tally = silences.late_effects(scene, 100)
        silences.checked(scene)
    return tally


ACTS = "{acts} acts by 16 processes on {refunds} refunds, {faults} faults: 0 twice, 0 beyond captured, 0 that hang"
DEMANDS: tuple[Demand, ...] = (
    *on(ALL, "5 crowd", 2, crowd, ACTS),
    *on(ALL, "5 requests", 2, requests, "{payments} payments × 12 processes: {done} taken, 0 beyond captured"),
    *on(ALL, "5 one maker", 5, one_maker, "{done} taken that fit into a day, {over_limit} refused"),
    Demand("3 refund deaths", 1, deaths, "{deaths} kills of the server in mid-refund, {refusals} read-only: 0 twice"),
    *on(SINGLE, "13 on the wire", 2, unanswered, "{again} re-sends after {time_outs} refunds that timed out"),
    *on(SINGLE, "14 on the wire", 1, late, "{refunds} late effects: {doubles} twice, {again} sent again"),
)
