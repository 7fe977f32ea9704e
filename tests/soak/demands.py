"""The list of all demands, most of which are defined here. Each one is divided into shards, which run on databases of
their own in any order. Of the arguments of a demand's function, `engine` is the database engine, `shard` the number
of the shard (from 0), and `folder` a folder for its files.
"""

import re
import subprocess
import sys
from collections import Counter
from functools import partial
from itertools import product
from pathlib import Path

from tests.crash import kills, request_kills, signals, statements, stops
from tests.crash.broken_statements import StatementFault
from tests.races import buyers, faults, repairers, writers
from tests.races import same_ids as race_of_ids
from tests.races.buyers import PurchaseRace
from tests.races.node_death import add_node_death
from tests.services.credit_checks.test_provider_calls import count_resends_after_time_outs
from tests.soak import (
    adoption,
    asking,
    broken_servers,
    bulk,
    day,
    feed_latency,
    malformed_requests,
    money,
    record_displays,
    refunds,
    session,
    worker_memory,
)
from tests.soak.key_load import ENGINES_AND_TITLES as HELD
from tests.soak.key_load import run_request_load
from tests.soak.shards import ALL_ENGINES, RECOVERY_SECONDS, SINGLE_SERVER_ENGINES, Demand, make_demands, open_place
from tests.stateful import machine
from tests.support.invented import invent_numbers
from tests.support.places import Engine, open_empty_place, open_empty_place_anywhere
from tests.support.servers import get_shared_galera, start_own_run

ROOT = Path(__file__).resolve().parents[2]
MAX_WRITE_MS = 2_000
_FAULTS_BY_ENGINE: dict[Engine, tuple[StatementFault, ...]] = {
    "sqlite": statements.TESTED_FAULTS,
    "mariadb": (*statements.TESTED_FAULTS, *statements.SERVER_FAULTS),
}


def run_purchase_race(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes buy credit checks of the same 200 corporation numbers from a provider with random faults.
    Every second shard runs without leases. Return the number of calls with each ending, and `numbers`, `calls` and
    `charged` (new charges)."""
    with open_place(engine, folder) as place:
        chosen = PurchaseRace(
            invent_numbers(200, shard),
            desk_count=_DESK_COUNT_BY_ENGINE[engine],
            seed=shard,
            uses_leases=shard % 2 == 0,
        )
        return buyers.run_purchase_race(chosen, place)


def run_race_without_faults(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes buy credit checks of the same corporation numbers from a provider without faults. The
    provider must charge each number exactly once. Return the number of calls with each ending, and `numbers`, `calls`
    and `charged` (new charges).
    """
    with open_place(engine, folder) as place:
        chosen = PurchaseRace(
            invent_numbers(200, 100 + shard), desk_count=_DESK_COUNT_BY_ENGINE[engine], uses_leases=shard % 2 == 0
        )
        tally = buyers.run_purchase_race(chosen, place)
    assert tally["charged"] == 200, tally
    return tally


def run_race_with_node_death(shard: int, folder: Path) -> Counter[str]:
    """Run the race of purchases on Galera while one node is killed and restarted. Half of the shards have a provider
    with faults. Without faults each number must be bought exactly once, with faults at most once. Return the number
    of calls with each ending, and `numbers`, `calls`, `charged` (new charges) and `deaths` (1)."""
    with open_place("galera", folder) as place:
        seed = shard if shard % 4 >= 2 else None
        chosen = PurchaseRace(invent_numbers(200, 200 + shard), desk_count=3, seed=seed, uses_leases=shard % 2 == 0)
        tally = buyers.run_purchase_race(add_node_death(get_shared_galera(), chosen, 60, 120), place)
    return tally + Counter(deaths=1)


def run_renewals(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes renew the same 50 expired credit checks. Half of the shards have a provider with faults;
    every second shard runs without leases. Return the number of calls with each ending, and `numbers`, `calls` and
    `charged` (new charges)."""
    seed = shard if shard >= 2 else None
    with open_place(engine, folder) as place:
        chosen = PurchaseRace(
            invent_numbers(50, shard),
            desk_count=_DESK_COUNT_BY_ENGINE[engine],
            seed=seed,
            uses_leases=shard % 2 == 0,
            renews=True,
        )
        return buyers.run_purchase_race(chosen, place)


def run_repairs(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let eight processes re-fetch, probe and resolve the same records at the same time. Return the number of calls
    with each ending ("done" or an error code), and `repairs`, the number of all calls."""
    with open_place(engine, folder) as place:
        return repairers.run_repair_race(place, 60, shard) + Counter(repairs=60 * repairers.PROCESS_COUNT)


def run_http_faults(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Buy 500 credit checks from a provider with every fault that HTTP allows. At the end no operation may have the
    state `calling`, and every unknown record must have a way to resolve it. Return `purchases`, `faults`, `by people`
    (records that people resolved), `left` (unknown records), `calling` (operations), and the number of purchases with
    each ending."""
    with open_place(engine, folder) as place:
        tally = faults.buy_under_random_faults(place, 500, shard)
    assert (tally["calling"], tally["left"]) == (0, 0), tally
    return tally


def run_same_request_ids(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes make each call at the same moment with the same request id. Only one of the processes may
    execute the call. Return the number of calls with each answer (`acted`, `repeated` or an error code), and `calls`
    for the different calls.
    """
    with open_place(engine, folder) as place:
        return race_of_ids.run_same_request_id_race(place, invent_numbers(30, 300 + shard), 16) + Counter(calls=90)


def kill_with_request_ids(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """For each action that has a request id, kill its process at each step of the action, then make the same call
    again. Return the number of repeated calls with each answer (`acted`, `repeated` or an error code), and under the
    key `kills` the number of all kills. `shard` is the seed of the invented corporation numbers.
    """
    tally: Counter[str] = Counter()
    with start_own_run():  # one server for all: the pool of databases belongs to it
        for action in request_kills.STEPS_BY_ACTION:
            action_folder = folder / action
            action_folder.mkdir()
            with open_empty_place(engine, action_folder) as place:
                tally += request_kills.kill_call_at_each_step(action, place, shard)
    return tally + Counter(kills=tally.total())


def kill_at_each_step(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Kill the process of each action with SIGKILL at each step of the action, and let a new process recover. Return
    two counts: `kills`, and `charged` (charges before the recovery)."""
    with open_place(engine, folder) as place:
        return kills.kill_at_each_step(tuple(kills.STEPS_BY_ACTION), place, shard, within_seconds=RECOVERY_SECONDS)


def signal_at_each_step(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Interrupt the process of one guarded action at each step of the action, with each signal. Return one count:
    `signals`, the number of interrupts."""
    action = list(signals.STEPS_BY_ACTION)[shard]
    with open_place(engine, folder) as place:
        return Counter(signals=signals.signal_at_each_step(place, action, signals.plan_every_mode(action)))


def break_each_statement(engine: Engine, shard: int, _folder: Path) -> Counter[str]:
    """Let each SQL statement of one action fail with one kind of error. The number of the shard decides the action
    and the kind of error. Return one count: `places`, the number of failed statements.
    """
    action, fault = list(product(statements.ACTIONS, _FAULTS_BY_ENGINE[engine]))[shard]
    with start_own_run():
        return statements.fail_each_statement(partial(open_empty_place_anywhere, engine), action, fault)


def run_unanswered_purchases(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let the provider leave 200 purchases unanswered. Check that the console never sends any of them again. Return
    two counts: `time_outs` (purchases), and `again` (purchases sent again, always 0)."""
    with open_place(engine, folder) as place:
        again = count_resends_after_time_outs(place, 200, shard)
    assert again == 0, f"{again} sent again"
    return Counter(time_outs=200, again=again)


def stop_buyers(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Stop ten buying processes after the provider's answer until their leases have expired, then let them continue.
    Return `stopped` (processes), `evidence` (stored answers), and the number of processes by their reported ending.
    """
    with open_place(engine, folder) as place:
        return stops.stop_buyers(place, 10, shard)


def run_concurrent_writes(shard: int, folder: Path) -> Counter[str]:
    """Sixteen processes change the same row of SQLite at the same time; every second shard runs without the queue of
    writers. Check that no update is lost and, with the queue, that no write takes longer than two seconds. Return two
    counts: `turns` (increments) and `lost` updates."""
    tally = writers.run_counter_race(folder, 60, uses_queue=shard % 2 == 0)
    assert tally["lost"] == 0, tally
    queued = shard % 2 == 0
    print(f"demand 18: longest of {tally['turns']} turns, {'' if queued else 'not '}queued: {tally['longest_ms']} ms")
    assert not queued or tally["longest_ms"] <= MAX_WRITE_MS, tally
    return Counter(turns=tally["turns"], lost=tally["lost"])


def run_state_machine(engine: Engine, shard: int, _folder: Path) -> Counter[str]:
    """Run the random state machine of purchases (see tests/stateful) 50 times; the seed differs for each shard.
    Return `runs`, `steps`, `bought`, `crashes`, `charges`, and the number of calls with each error code."""
    print(f"seed {1_000 + shard}")
    with start_own_run():
        return machine.run_purchase_machine(1_000 + shard, 50, engine) + Counter(runs=50)


def run_mutants(_shard: int, _folder: Path) -> Counter[str]:
    """Run all mutants of the catalogue (see tests/mutants). Return one count: `lines`, the number of printed lines
    about demands."""
    return _run_command(sys.executable, "-m", "tests.mutants")


def run_test_file_of_full_size(shard: int, _folder: Path) -> Counter[str]:
    """Run one pytest file with all of its cases, also those that have the mark `soak`. `shard` selects the file.
    Return the same counts as `run_marked_cases`.
    """
    return _run_command(*_PYTEST_COMMAND, FILES_WITH_FULL_COUNT[shard])


def run_marked_cases(shard: int, _folder: Path) -> Counter[str]:
    """Run those cases of one pytest file that have the mark `soak`. `shard` selects the file. Return `passed` and
    `skipped`, the numbers of these cases, and `lines`, the number of printed lines about demands.
    """
    return _run_command(*_PYTEST_COMMAND, "-m", "soak", FILES_WITH_MARKED_CASES[shard])


_PYTEST_COMMAND = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider")
FILES_WITH_FULL_COUNT = (
    "tests/faults/test_galera.py",
    "tests/faults/test_server_states.py",
    "tests/faults/test_clocks.py",
    "tests/services/credit_checks/test_provider_calls.py",
    "tests/services/credit_checks/test_vanished_claims.py",
    "tests/services/guarded/test_idempotency.py",
    "tests/services/evidence/test_canaries.py",
    "tests/store/audit/test_trail.py",
    "tests/store/constraints/test_constraints.py",
    "tests/store/constraints/test_constraints_money.py",
    "tests/store/audit/test_tampering.py",
    # Every harm, so that no file whose full count only the soak has is forgotten.
    *(f"tests/harms/{file.name}" for file in sorted((ROOT / "tests" / "harms").glob("test_*.py"))),
    "tests/legible/test_legible.py",
    "tests/packaging/test_build.py",
    "tests/store/migrations/test_interrupted_upgrades.py",
    "tests/store/queues/test_chosen_records.py",
    "tests/desk/test_words_where_people_look.py",
)
FILES_WITH_MARKED_CASES = (
    "tests/cli/access/test_administration_guide.py",
    "tests/packaging/test_docs_site.py",
    "tests/packaging/test_tool_installs.py",
    "tests/services/bulk/test_runs.py",
    "tests/services/guarded/test_database_rollback.py",
    "tests/services/recovery/test_choices.py",
    "tests/store/registry/test_interruptions.py",
    "tests/store/spool/test_spool.py",
)
"""Files with few costly cases. `make test` runs the others, so the soak doesn't repeat these."""


def _run_command(*words: str) -> Counter[str]:
    """Run a command, and print those lines of its output that begin with "demand" (each states one demand and its
    counts). Return `lines`, the number of these lines; a pytest command also returns `passed` and `skipped` (tests).
    Raises AssertionError if the command fails.
    """
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    demand_lines = [line.lstrip(".") for line in done.stdout.splitlines() if line.lstrip(".").startswith("demand ")]
    print("\n".join(demand_lines))
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    last_line = (done.stdout.splitlines() or [""])[-1]
    test_counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", last_line)}
    return Counter({**test_counts, "lines": len(demand_lines)})


_DESK_COUNT_BY_ENGINE: dict[Engine, int] = {"sqlite": 2, "mariadb": 2, "galera": 3, "mysql": 2}

CROWD_FIGURES_FORMAT = "{numbers} numbers × 16 processes"
RUNS_FIGURES_FORMAT = "{runs} runs, {steps} steps, {crashes} crashes: 0 violations"
DEMANDS: tuple[Demand, ...] = (
    *make_demands(
        ALL_ENGINES,
        "1",
        20,
        run_purchase_race,
        f"{CROWD_FIGURES_FORMAT}, faults, {{calls}} calls: {{charged}} charged, 0 doubles",
    ),
    *make_demands(
        ALL_ENGINES,
        "1 good",
        2,
        run_race_without_faults,
        f"{CROWD_FIGURES_FORMAT}, no faults: {{charged}} charged, 0 doubles",
    ),
    Demand(
        "1 node death",
        20,
        run_race_with_node_death,
        f"{CROWD_FIGURES_FORMAT}, {{deaths}} nodes killed: {{charged}} charged, 0 doubles",
    ),
    *make_demands(
        ALL_ENGINES,
        "1 renewal",
        4,
        run_renewals,
        f"{CROWD_FIGURES_FORMAT}, renewals: {{charged}} charged, 0 doubles, sound chains",
    ),
    *make_demands(
        ALL_ENGINES,
        "1 repairs",
        5,
        run_repairs,
        "{repairs} repairs of the same records at once: 0 charges, 0 unhandled",
    ),
    *make_demands(
        ALL_ENGINES,
        "2",
        20,
        run_http_faults,
        "{purchases} purchases, {faults} faults met: 0 doubles, {calling} calling, {left} left",
    ),
    *make_demands(
        ALL_ENGINES,
        "request ids",
        4,
        run_same_request_ids,
        "16 × {calls} calls of one id: {acted} acted, {repeated} repeated",
    ),
    *make_demands(
        SINGLE_SERVER_ENGINES,
        "request id kills",
        10,
        kill_with_request_ids,
        "{kills} kills: {acted} acted anew, {repeated} answered, 0 twice",
    ),
    *make_demands(
        SINGLE_SERVER_ENGINES,
        "3",
        50,
        kill_at_each_step,
        f"{{kills}} kills at every named step: 0 second charges, 0 lost, recovery ≤ {RECOVERY_SECONDS:.0f} s",
    ),
    *make_demands(
        SINGLE_SERVER_ENGINES,
        "signals",
        len(signals.STEPS_BY_ACTION),
        signal_at_each_step,
        "{signals} signals at every named step: 0 lost, 0 untrue",
    ),
    *make_demands(
        ("sqlite",),
        "3 statements",
        12,
        break_each_statement,
        "{places} failing statements: 0 doubles, 0 untrue endings",
    ),
    *make_demands(
        ("mariadb",),
        "3 statements",
        18,
        break_each_statement,
        "{places} failing statements: 0 doubles, 0 untrue endings",
    ),
    Demand("4", 1, run_mutants, "mutants, see above"),
    Demand(
        "6, 12, 15, 19, 20, 22", len(FILES_WITH_FULL_COUNT), run_test_file_of_full_size, "{lines} figures, see above"
    ),
    Demand("marked cases", len(FILES_WITH_MARKED_CASES), run_marked_cases, "{passed} passed, {skipped} skipped"),
    *make_demands(
        SINGLE_SERVER_ENGINES, "13", 5, run_unanswered_purchases, "{again} re-sends after {time_outs} time-outs"
    ),
    Demand(
        "15 held",
        len(HELD),
        run_request_load,
        "{requests} requests at 1,000/s: {duplicates} duplicates, {twice} twice",
    ),
    *make_demands(
        ALL_ENGINES, "16", 10, stop_buyers, "{stopped} stopped past the lease: 0 overwrites, {evidence} answers kept"
    ),
    Demand("18", 4, run_concurrent_writes, "{lost} of {turns} updates lost"),
    Demand(
        "adoption",
        1,
        adoption.run_adoption_under_traffic,
        "{rows} rows in {seconds} s, {inserted} meanwhile, waits ≤ {longest_ms} ms",
    ),
    Demand("24", 10, partial(run_state_machine, "sqlite"), RUNS_FIGURES_FORMAT, spare_shard_count=60),
    Demand("24 mariadb", 2, partial(run_state_machine, "mariadb"), RUNS_FIGURES_FORMAT, spare_shard_count=20),
    *money.DEMANDS,
    *refunds.DEMANDS,
    *asking.DEMANDS,
    *malformed_requests.DEMANDS,
    *record_displays.DEMANDS,
    *bulk.DEMANDS,
    *feed_latency.DEMANDS,
    *worker_memory.DEMANDS,
    *session.DEMANDS,
    *day.DEMANDS,
    *(Demand(*one) for one in broken_servers.DEMANDS),
)
