"""Soak tests of payments and refunds with full counts, with providers in memory or the sandbox."""

from collections import Counter
from itertools import product
from pathlib import Path

from console.sandbox.server import Sandbox
from tests.crash import notice_kills, refund_kills, refund_statements
from tests.crash.broken_statements import StatementFault
from tests.faults import refund_steps
from tests.races import refunders
from tests.races.refunders import RefundLoad
from tests.services.refunds import unknowns
from tests.soak.shards import ALL_ENGINES, RECOVERY_SECONDS, SINGLE_SERVER_ENGINES, Demand, make_demands, open_place
from tests.stateful import refund_machine
from tests.support.desks import MovedClock
from tests.support.money_stage import ACTIONS, open_money_stage
from tests.support.notice_deliveries import (
    check_all_notices_booked,
    deliver_notices,
    prepare_notices,
    run_tasks_while_work_is_scheduled,
)
from tests.support.payment_desks import open_payment_desk
from tests.support.places import Engine
from tests.support.servers import start_own_run

_FAULTS_BY_ENGINE: dict[Engine, tuple[StatementFault, ...]] = {
    "sqlite": refund_statements.TESTED_FAULTS,
    "mariadb": (*refund_statements.TESTED_FAULTS, *refund_statements.SERVER_FAULTS),
}
_ACTIONS_AND_FAULTS = tuple(product(ACTIONS, refund_steps.TESTED_FAULTS))


def run_refund_race(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes request, approve and send refunds of the same 20 payments, with random faults. Every
    second shard runs without leases. Return `payments`, `refunds`, the number of refunds by state, `acts` (actions),
    `done` (those that succeeded), `sent` (refund requests) and `faults`."""
    with open_place(engine, folder) as place:
        tally = refunders.run_refund_race(place, RefundLoad(16, 20, shard, uses_leases=shard % 2 == 0))
    return tally + Counter(payments=20)


def run_state_machine(shard: int, _folder: Path) -> Counter[str]:
    """Run the random state machine of refunds (see tests/stateful) 50 times; the seed differs for each shard. Return
    `runs`, `steps`, `refunds` (at the provider), `sendings`, `crashes`, and further counts by name."""
    print(f"seed {2_000 + shard}")
    with start_own_run():
        return refund_machine.run_refund_machine(2_000 + shard, 50) + Counter(runs=50)


def kill_at_each_step(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Kill the process at each step of each action on refunds, and at each step of receiving a notice from each
    source. Return three counts: `kills`, `refunds`, and `slowest_ms` for the longest recovery."""
    with open_place(engine, folder) as place:
        tally = refund_kills.kill_refund_at_each_step(
            place, tuple(refund_kills.STEPS_BY_ACTION), within_seconds=RECOVERY_SECONDS
        )
    notice_folder = folder / "notices"
    notice_folder.mkdir()
    with open_place(engine, notice_folder) as place:
        tally += notice_kills.kill_receiver_at_each_step(place, tuple(notice_kills.STEPS_BY_SOURCE), shard)
    return tally


def break_each_statement(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let each SQL statement of one action fail with one kind of error. The number of the shard decides the action
    and the kind of error. Return the counts of the endings ("done" or an error code), and `places` for the failed
    statements.
    """
    action, fault = list(product(ACTIONS, _FAULTS_BY_ENGINE[engine]))[shard]
    with open_place(engine, folder) as place, open_money_stage(place) as stage:
        return refund_statements.fail_each_statement(stage, action, fault)


def break_each_command(shard: int, folder: Path) -> Counter[str]:
    """Break each command of one action to the database server, in one way. The number of the shard decides the action
    and the way of breaking. Return the counts of the endings ("done" or an error code), and `places` for the broken
    commands.
    """
    with open_place("mariadb", folder) as place, open_money_stage(place) as stage:
        return refund_steps.disturb_each_command(stage, *_ACTIONS_AND_FAULTS[shard])


def run_unanswered_refunds(shard: int, _folder: Path) -> Counter[str]:
    """Let the provider leave 200 refunds unanswered. Check that the console never sends any of them again. Return two
    counts: `time_outs` (refunds), and `again` (repeated sendings, always 0)."""
    with start_own_run():
        tally = unknowns.run_refunds_with_timeouts(200, shard)
    assert tally["again"] == 0, f"{tally['again']} sent again"
    return tally


def run_late_refunds(shard: int, _folder: Path) -> Counter[str]:
    """Let the provider execute 200 refunds around the moment of its second answer that the refund doesn't exist.
    Check that the provider executes none of them twice. Return `effects` (refunds), `before` (those that took effect
    before the second answer), `doubles` (additional refunds) and `found` (successful probes of another refund)."""
    with start_own_run():
        tally = unknowns.run_refunds_with_late_effects(200, shard)
    assert (tally["doubles"], tally["found"]) == (0, 200), tally
    return tally


def deliver_many_notices(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Deliver 2,000 notices of three kinds, each one to five times, in eight threads. The console must book each
    notice once. Return two counts: `notices` and `deliveries`.
    """
    with (
        open_place(engine, folder) as place,
        Sandbox() as sandbox,
        open_payment_desk(place, sandbox, MovedClock()) as scene,
    ):
        posts = prepare_notices(scene, 1_700, 200, 100)
        result = deliver_notices(scene, posts, seed=shard)
        run_tasks_while_work_is_scheduled(scene)
        check_all_notices_booked(scene, posts)
    print(f"demand notices: {engine}: {result.format_figures()}")
    return Counter(notices=len(posts), deliveries=len(result.delivery_seconds))


REFUNDS_FIGURES_FORMAT = (
    "{payments} payments × 16 processes, faults, {refunds} refunds: 0 twice, 0 beyond captured, 0 that hang"
)
RUNS_FIGURES_FORMAT = "{runs} runs, {steps} steps, {sendings} sendings, {crashes} crashes: 0 violations"
KILLS_FIGURES_FORMAT = "{kills} kills at every step of refunds and notices: 0 twice, 0 lost"
BROKEN_PLACES_FIGURES_FORMAT = "{places} places where it fails: 0 twice, 0 untrue endings, 0 that hang"
DEMANDS: tuple[Demand, ...] = (
    *make_demands(ALL_ENGINES, "5", 10, run_refund_race, REFUNDS_FIGURES_FORMAT),
    Demand("5 interleaved", 10, run_state_machine, RUNS_FIGURES_FORMAT, spare_shard_count=40),
    *make_demands(SINGLE_SERVER_ENGINES, "3 refunds", 50, kill_at_each_step, KILLS_FIGURES_FORMAT),
    *make_demands(
        ("sqlite",),
        "3 refund statements",
        len(ACTIONS) * len(_FAULTS_BY_ENGINE["sqlite"]),
        break_each_statement,
        BROKEN_PLACES_FIGURES_FORMAT,
    ),
    *make_demands(
        ("mariadb",),
        "3 refund statements",
        len(ACTIONS) * len(_FAULTS_BY_ENGINE["mariadb"]),
        break_each_statement,
        BROKEN_PLACES_FIGURES_FORMAT,
    ),
    Demand("3 refund commands", len(_ACTIONS_AND_FAULTS), break_each_command, BROKEN_PLACES_FIGURES_FORMAT),
    Demand("13 refunds", 5, run_unanswered_refunds, "{again} re-sends after {time_outs} time-outs of refunds"),
    Demand("14", 5, run_late_refunds, "{doubles} doubles in {effects} effects around the second “not found”"),
    *make_demands(
        ("sqlite", "mariadb"),
        "notices",
        25,
        deliver_many_notices,
        "{notices} notices told {deliveries} times: each booked once",
    ),
)
