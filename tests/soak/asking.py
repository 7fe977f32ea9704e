"""Soak tests of desk requests with full counts.

In the race, sixteen desks request the purchase of the same 200 corporation numbers. Two workers execute the requests,
and the test kills one of them every five seconds. In the other shards the test ends a worker at each step of a
request, or lets one of the worker's statements fail.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

from tests.crash import desk_request_kills, desk_request_statements
from tests.races.asking_desks import DeskRequestRace, run_desk_request_race
from tests.soak.shards import Demand
from tests.support import pooled_databases
from tests.support.invented import invent_numbers
from tests.support.places import Engine, ServerPlace, get_nodes
from tests.support.pooled_databases import PooledDatabase
from tests.support.server_fixtures import MYSQL_URL_VARIABLE
from tests.support.servers import get_shared_galera, start_own_run

DESK_COUNT, CORPORATION_COUNT, SECONDS_BETWEEN_KILLS = 16, 200, 5.0
_REQUEST_COUNT_BEFORE_DEATH, _REQUEST_COUNT_BEFORE_RETURN = 60, 120
_ENGINES: tuple[Engine, ...] = ("mariadb", "galera", *(("mysql",) if os.environ.get(MYSQL_URL_VARIABLE) else ()))


def run_request_race(
    engine: Engine, shard: int, folder: Path, count: int = CORPORATION_COUNT, desk_count: int = DESK_COUNT
) -> Counter[str]:
    """Run the race on this database engine, with `count` numbers and `desk_count` desks. The second shard of each
    engine has a provider with faults. On Galera a node is killed during the race and restarted. The race runs on
    MySQL only if a MySQL server is configured. Return the number of calls with each ending, and `kills` (killed
    workers), `numbers`, `calls`, `charged` and `lapsed` (desk requests)."""
    with start_own_run():
        place = ServerPlace(engine, folder, PooledDatabase(get_nodes(engine)))
        act_by_request_count = {}
        if engine == "galera":
            cluster = get_shared_galera()
            act_by_request_count = {
                count * _REQUEST_COUNT_BEFORE_DEATH // CORPORATION_COUNT: cluster.nodes[-1].kill,
                count * _REQUEST_COUNT_BEFORE_RETURN // CORPORATION_COUNT: cluster.restart_nodes,
            }
        seed = shard if shard % 2 else None
        tally = run_desk_request_race(
            DeskRequestRace(
                invent_numbers(count, 400 + shard), desk_count, SECONDS_BETWEEN_KILLS, seed, act_by_request_count
            ),
            place,
        )
        if engine == "mysql":  # the given server isn't removed at the end
            place.database.drop_database()
    pooled_databases.forget_all_databases()
    print(f"demand asking: {engine}: {dict(tally)}", flush=True)
    assert tally["calls"] == count * desk_count, tally
    return tally


def end_worker_at_each_step(shard: int, folder: Path) -> Counter[str]:
    """End the worker at each step of one action, either by a kill or by a request to end. Then another worker, or the
    same worker after a restart, continues the action. The number of the shard decides the action, the way of ending
    and the continuing worker. Return the counts of the answers to the desk, and `ends` for the ended workers."""
    (action, how), again = list(
        product(product(desk_request_kills.STEPS_BY_ACTION, desk_request_kills.EXIT_STATUS_BY_ENDING), (False, True))
    )[shard]
    with _open_own_place(folder) as place:
        tally = desk_request_kills.end_worker_at_each_step(place, action, how, shard, same_worker_continues=again)
    assert tally["ends"] == len(desk_request_kills.STEPS_BY_ACTION[action]), tally
    return tally


def fail_each_worker_statement(shard: int, folder: Path) -> Counter[str]:
    """Let each SQL statement of one action of a worker fail with one kind of error. The number of the shard decides
    the action and the kind of error. Return the counts of the answers to the desk, and `places` for the failed
    statements."""
    action, fault = list(product(desk_request_statements.ACTIONS, desk_request_statements.STATEMENT_FAULTS))[shard]
    with _open_own_place(folder) as place, desk_request_statements.open_stage(place) as stage:
        return desk_request_statements.fail_each_statement(stage, action, fault)


@contextmanager
def _open_own_place(folder: Path) -> Iterator[ServerPlace]:
    """Yield a database that no other shard uses, because these shards change the rights of its accounts."""
    with start_own_run():
        yield ServerPlace("mariadb", folder, PooledDatabase(get_nodes("mariadb")))
    pooled_databases.forget_all_databases()


_FIGURES_FORMAT = (
    f"{{numbers}} numbers × {DESK_COUNT} desks that ask, {{kills}} workers killed: {{charged}} charged, 0 doubles,"
    " {calls} answers, {lapsed} requests lapsed"
)
DEMANDS = (
    *(
        Demand(f"asking {engine}", 2, partial(run_request_race, engine), _FIGURES_FORMAT, limit_seconds=3_600)
        for engine in _ENGINES
    ),
    Demand(
        "asked, a worker ends",
        len(desk_request_kills.STEPS_BY_ACTION) * len(desk_request_kills.EXIT_STATUS_BY_ENDING) * 2,
        end_worker_at_each_step,
        "{ends} workers killed or told to end at every step of a request: 0 twice, 0 lost, 0 untrue answers",
    ),
    Demand(
        "asked, a statement fails",
        len(desk_request_statements.ACTIONS) * len(desk_request_statements.STATEMENT_FAULTS),
        fail_each_worker_statement,
        "{places} failing statements of a worker that executes a request: 0 twice, 0 untrue answers",
        limit_seconds=3_600,
    ),
)
