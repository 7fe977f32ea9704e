"""Soak tests of faults of database servers, with full counts. Each shard has a private server or cluster."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from console.store.database.engine import Database
from console.store.database.retry_policy import MAX_RERUNS
from tests.faults import losing_transactions, nodes, steps, verdicts
from tests.faults.losing_transactions import count_reruns
from tests.faults.scene import execute_as_schema_account, open_scene
from tests.support import servers
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.waiting import wait_until

ACCOUNT_NAMES = ("op-a", "op-b", "lead-b")
_ACTIONS_AND_FAULTS = tuple((action, fault) for action in steps.ACTIONS for fault in steps.TESTED_FAULTS)
_PURCHASE_COUNT, _NODE_KILL_COUNT = 64, 5


@contextmanager
def _start_mariadb(folder: Path) -> Iterator[tuple[servers.Server, ServerPlace]]:
    """Yield a private MariaDB server and a database on it."""
    with servers.start_private_mariadb() as server:
        yield server, ServerPlace("mariadb", folder, PooledDatabase((server,)))


def break_each_command(shard: int, folder: Path) -> Counter[str]:
    """Break each command of one action to the database server, in one way. The number of the shard decides the action
    and the way of breaking. Return the counts of the endings ("done" or an error code), and `places` for the broken
    commands.
    """
    with _start_mariadb(folder) as (_, place), open_scene(place) as stage:
        return steps.disturb_each_command(stage, *_ACTIONS_AND_FAULTS[shard], shard)


def kill_server_at_each_command(shard: int, folder: Path) -> Counter[str]:
    """Kill the database server with SIGKILL at each command of a purchase. Return the counts of the endings ("done",
    an error code, or "undisturbed" if the purchase has fewer commands), and `deaths` for the kills."""
    tally: Counter[str] = Counter()
    with _start_mariadb(folder) as (server, place), open_scene(place) as stage:
        for nth, name in enumerate(invent_numbers(_PURCHASE_COUNT, shard), start=1):
            ending, _ = steps.kill_server_at_command(stage, server, "purchase", nth, name)
            tally.update({"deaths": int(ending is not None), ending or "undisturbed": 1})
        stage.verify_trail()
    return tally


def run_deadlocking_transactions(shard: int, folder: Path) -> Counter[str]:
    """Run transactions of three database connections that deadlock each other. At least 99.9 % of the transactions
    must succeed, and each must take effect exactly once. Return three counts: `turns` (transactions), `won` (those
    that succeeded) and `deadlocks`."""
    with _start_mariadb(folder) as (_, place), ExitStack() as opened, count_reruns() as reruns:
        losing_transactions.reset_counters(lambda *statements: execute_as_schema_account(place, *statements))
        made = [Database(place.url(desk=number)) for number in range(3)]
        for database in made:
            opened.callback(database.close)
        tally = losing_transactions.run_crossing_transactions(made, 700)
        (counted,) = set(execute_as_schema_account(place, "SELECT not_before FROM call_rates"))
    print(
        f"demand 7: shard {shard}: {tally['tries'] - 2100} reruns, at most {tally['max_tries'] - 1} of {MAX_RERUNS}"
    )
    assert counted[0] == tally["won"], "half a transaction"
    assert tally["won"] >= 0.999 * 3 * 700, tally
    return Counter(turns=3 * 700, won=tally["won"], deadlocks=reruns.numbers["1213"])


def lose_commit_answers(_shard: int, folder: Path) -> Counter[str]:
    """Drop the server's answer to 100 COMMITs. Check that each time the console states correctly whether the server
    has committed. Return three counts: `commits`, `right` (correct statements) and `had_arrived` (the transaction was
    executed once)."""
    with _start_mariadb(folder) as (_, place):
        tally = verdicts.lose_commit_answers(place, 100)
    assert tally["right"] == tally["commits"], tally
    return tally


def kill_nodes(shard: int, folder: Path) -> Counter[str]:
    """Kill one of three cluster nodes under load, five times; the node is restarted each time. Return four sums:
    `kills`, and the `acknowledged`, `lost` and `refused` rows."""
    tally: Counter[str] = Counter()
    with servers.start_private_galera() as cluster:
        place = ServerPlace("galera", folder, PooledDatabase(cluster.nodes))
        for turn in range(_NODE_KILL_COUNT):
            tally += _kill_one_node(cluster, place, f"s{shard}t{turn}", turn % len(cluster.nodes))
            cluster.restart_nodes()
    return tally


def _kill_one_node(cluster: servers.Cluster, place: ServerPlace, row_mark: str, node_index: int) -> Counter[str]:
    """Kill the node with the index `node_index` while three database accounts write rows. Check that no acknowledged
    row is lost or written twice, and that no write takes longer than five seconds. `row_mark` distinguishes the rows
    of this run. Return four counts: `kills`, and the `acknowledged`, `lost` and `refused` rows."""
    databases = [Database(place.url(person, desk=number)) for number, person in enumerate(ACCOUNT_NAMES)]
    writers = nodes.ThreadsThatWrite(
        databases, [place.get_account_name(person) for person in ACCOUNT_NAMES], row_mark
    )
    with writers.write_in_threads():
        wait_until(lambda: len(writers.acknowledged_rows) > 100, "some work")
        cluster.nodes[node_index].kill()
        mark_then = len(writers.acknowledged_rows)
        wait_until(lambda: len(writers.acknowledged_rows) > mark_then + 200, "work after the kill", 30)
    for database in databases:
        database.close()
    lost, twice = writers.find_lost_and_duplicate_rows(place)
    assert (lost, twice) == ([], []), f"lost {lost}, twice {twice}"
    print(f"demand 9: longest stall {writers.longest_seconds:.1f} s, refused {dict(writers.count_by_refusal_code)}")
    assert writers.longest_seconds <= 5.0, f"stalled for {writers.longest_seconds:.1f} s"
    return Counter(
        kills=1,
        acknowledged=len(writers.acknowledged_rows),
        lost=len(lost),
        refused=writers.count_by_refusal_code.total(),
    )


def read_on_other_nodes(_shard: int, folder: Path) -> Counter[str]:
    """Read a row a thousand times on another node than the one that wrote it, run 500 compare-and-swap updates, and
    let three accounts compete for a lease 200 times. No read may be stale, and each lease must have one winner.
    Return the counts `reads`, `stale`, `unguarded`, `swaps`, `refused`, `rounds` and `one_winner` (`unguarded` are
    sessions that don't wait for other nodes' writes; `refused` are refused updates)."""
    with servers.start_private_galera() as cluster:
        place = ServerPlace("galera", folder, PooledDatabase(cluster.nodes))
        execute_as_schema_account(place, "INSERT INTO call_rates VALUES ('causal', 'server', 0)")
        with nodes.open_database_per_node(place, as_owner=True) as owners:
            tally = nodes.read_after_write(owners, 1_000) + nodes.swap_after_write(owners, 500)
        databases = [Database(place.url(person, desk=number)) for number, person in enumerate(ACCOUNT_NAMES)]
        result = nodes.compete_for_leases(
            databases, [place.get_account_name(person) for person in ACCOUNT_NAMES], 200
        )
        for database in databases:
            database.close()
    assert (tally["stale"], tally["refused"], tally["unguarded"]) == (0, 0, 0), tally
    assert result["one_winner"] == result["rounds"], result
    return tally + result


DemandRow = tuple[str, int, Callable[[int, Path], Counter[str]], str]
"""Name of a demand, the number of its shards, the function that runs one shard, and the sentence about the sum of the
results. The function gets the number of the shard and a folder, and returns counts by name.
"""
DEMANDS: tuple[DemandRow, ...] = (
    (
        "3 commands",
        len(_ACTIONS_AND_FAULTS),
        break_each_command,
        "{places} broken commands to a server: 0 doubles, 0 untrue endings",
    ),
    (
        "3 deaths",
        1,
        kill_server_at_each_command,
        "{deaths} kills of the server in mid-purchase: 0 doubles, {done} went on by themselves",
    ),
    (
        "7",
        2,
        run_deadlocking_transactions,
        "{won} of {turns} crossing transactions through, {deadlocks} deadlocks, at most 5 reruns",
    ),
    ("8", 5, lose_commit_answers, "verdict right {right} of {commits}, of which {had_arrived} had arrived"),
    ("9", 2, kill_nodes, "{kills} kills of a node: {lost} of {acknowledged} acknowledged rows lost, stall ≤ 5 s"),
    (
        "11",
        1,
        read_on_other_nodes,
        "{stale} stale of {reads}, {refused} of {swaps} refused; {one_winner} of {rounds} won once",
    ),
)
