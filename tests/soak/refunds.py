"""Soak tests of refunds over HTTP to the sandbox, with full counts: many processes act on the same refunds, and
providers leave calls unanswered."""

from collections import Counter
from pathlib import Path

from tests.faults import refund_steps
from tests.races import refunders, requesters, unanswered_refunds
from tests.races.refunders import RefundLoad
from tests.soak.shards import ALL_ENGINES, SINGLE_SERVER_ENGINES, Demand, make_demands, open_place
from tests.support import servers
from tests.support.money_stage import open_money_stage
from tests.support.places import Engine, ServerPlace
from tests.support.pooled_databases import PooledDatabase

_COMMAND_COUNT = 90


def run_refund_crowd(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let sixteen processes request, approve and send refunds of the same hundred payments. Every second shard runs
    without leases. Return `refunds`, the number of refunds by state, `acts` (actions), `done` (those that succeeded),
    `sent` (refund requests) and `faults`.
    """
    with open_place(engine, folder) as place:
        return refunders.run_refund_race(
            place,
            RefundLoad(
                16, 100, 100 + shard, visit_count_per_payment=4, uses_leases=shard % 2 == 0, has_hanging_faults=True
            ),
        )


def request_refunds_at_once(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let twelve processes request refunds of the same 200 payments at the same moment. In every second shard only
    the database's reservation of amounts prevents too many refunds; the rule of one open refund is off. Return the
    counts of the endings ("done" or an error code), and `payments`."""
    with open_place(engine, folder) as place:
        return requesters.run_refund_request_race(place, 12, 200, reserves_only=shard % 2 == 1)


def request_as_one_person(engine: Engine, _shard: int, folder: Path) -> Counter[str]:
    """Let twelve processes of one person request refunds at the same moment. The person's limit per day allows four
    of them. Return the counts of the endings ("done" or an error code)."""
    with open_place(engine, folder) as place:
        tally = requesters.run_with_one_requester(place, 12, fit=4)
    assert tally["done"] == 4, tally
    return tally


def kill_server_at_commands(_shard: int, folder: Path) -> Counter[str]:
    """Send a refund many times. At every second command to the database server, kill the server with SIGKILL, and in
    another run let it refuse writes. Return two counts: `deaths` of the server, and `refusals` of writes.
    """
    tally: Counter[str] = Counter()
    with (
        servers.start_private_mariadb() as server,
        open_money_stage(ServerPlace("mariadb", folder, PooledDatabase((server,)))) as scene,
    ):
        for nth in range(1, _COMMAND_COUNT, 2):
            ended, _ = refund_steps.kill_server_at_command(scene, server, "approve", nth)
            refused = refund_steps.make_read_only_at_command(scene, server, "approve", nth)
            tally.update(deaths=int(ended is not None), refusals=int(refused is not None))
        scene.check_all_rules()
    return tally


def run_unanswered_refunds(engine: Engine, shard: int, folder: Path) -> Counter[str]:
    """Let PayPay and Atom in turn leave 100 refunds unanswered. Check that the console never sends any of them again.
    Return `time_outs` (refunds), `sent` (refund calls), `again` (repeated calls), `unknown` (refunds that stay
    unknown) and `people` (those that wait for a person).
    """
    with open_place(engine, folder) as place, open_money_stage(place) as scene:
        tally = unanswered_refunds.run_refunds_without_answer(scene, 100, ("paypay", "atom")[shard % 2])
        unanswered_refunds.check_money(scene)
    assert tally["again"] == 0, tally
    return tally


def run_late_refunds(engine: Engine, _shard: int, folder: Path) -> Counter[str]:
    """Let the provider execute 100 refunds around the moment of its second answer that the refund doesn't exist.
    Return `refunds`, `heard_once` (refunds with one answer "not found" after the first question), `undone` (refunds
    that can be sent again, or were, after the second question), `again` (refunds sent more than once) and `doubles`
    (refunds not executed exactly once, always 0).
    """
    with open_place(engine, folder) as place, unanswered_refunds.open_late_refund_stage(place) as scene:
        tally = unanswered_refunds.run_late_refunds(scene, 100)
        unanswered_refunds.check_money(scene)
    return tally


ACTS_FIGURES_FORMAT = (
    "{acts} acts by 16 processes on {refunds} refunds, {faults} faults: 0 twice, 0 beyond captured, 0 that hang"
)
DEMANDS: tuple[Demand, ...] = (
    *make_demands(ALL_ENGINES, "5 crowd", 2, run_refund_crowd, ACTS_FIGURES_FORMAT),
    *make_demands(
        ALL_ENGINES,
        "5 requests",
        2,
        request_refunds_at_once,
        "{payments} payments × 12 processes: {done} taken, 0 beyond captured",
    ),
    *make_demands(
        ALL_ENGINES, "5 one maker", 5, request_as_one_person, "{done} taken that fit into a day, {over_limit} refused"
    ),
    Demand(
        "3 refund deaths",
        1,
        kill_server_at_commands,
        "{deaths} kills of the server in mid-refund, {refusals} read-only: 0 twice",
    ),
    *make_demands(
        SINGLE_SERVER_ENGINES,
        "13 on the wire",
        2,
        run_unanswered_refunds,
        "{again} re-sends after {time_outs} refunds that timed out",
    ),
    *make_demands(
        SINGLE_SERVER_ENGINES,
        "14 on the wire",
        1,
        run_late_refunds,
        "{refunds} late effects: {doubles} twice, {again} sent again",
    ),
)
