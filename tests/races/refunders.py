"""A race of many processes that request, approve, reject, withdraw, send and probe the same refunds at the same
moment.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.domain.payments.states import RefundState
from console.domain.records import LeaseHolder
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.operations import leases
from tests.support import money_truth
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.desks import MovedClock
from tests.support.money_desks import (
    find_newest_refund,
    import_paid_payment,
    make_provider_settings,
    move_clocks,
    request_refund,
)
from tests.support.money_truth import RefundRow
from tests.support.places import Place
from tests.support.pooled_databases import PEOPLE
from tests.support.random_request_ids import RandomRequestIds
from tests.support.refusals import call_and_get_code
from tests.support.waiting import wait_until

DESK_COUNT = 3
REFUND_AMOUNTS_BY_PROVIDER = {"paypay": ("500", "1000", "1600"), "atom": ("5.00", "10.00", "16.00")}
"""Amounts of the refunds that are requested for each payment, by provider. The last amount needs two approvers."""
ATOM_PAYMENT_INTERVAL = 3
"""Interval of Atom's payments: every third payment is one. Atom books each request as another refund."""
VISIT_COUNT = 5
"""Number of times that each process acts on each payment."""
SENDING_FAULTS = (
    *("result_after:SERVICE_ERROR", "result:SERVICE_ERROR", "status:500", "status_after_charge:500", "reset"),
    *("reset_after_charge", "close_after_charge", "refuse", "truncate"),
    *("result:THROTTLED_MULTIPLE_REFUND_REJECTED", "result:RATE_LIMIT", "result:RESOURCE_NOT_FOUND", "html"),
    *("other_amount", "other_refund", "odd_status", "malformed", "stored", "garbage", "redirect_after_charge"),
)
ATOM_SENDING_FAULTS = (
    *("status:500", "status_after_charge:500", "reset", "reset_after_charge", "close_after_charge", "refuse"),
    *("truncate", "html", "malformed", "stored", "other_amount", "no_seal", "other_seal", "no_data"),
)
ATOM_READING_FAULTS = ("reset", "status:500", "odd_status", "no_seal")
READING_FAULTS = ("result:RESOURCE_NOT_FOUND", "reset", "status:500", "odd_status", "result:UNAUTHORIZED")
HANGING_FAULTS = ("hang", "hang_after_charge", "late_charge")
"""Faults that take long. A race with a short time limit doesn't use them."""


@dataclass(frozen=True, slots=True)
class RefundLoad:
    """The parameters of a run. `seed` draws actions and faults, `fault_rate` is the share (0 to 1) of refund calls
    that meet a fault, and `visit_count_per_payment` is the number of actions of each process on each payment. With
    `has_hanging_faults` some faults delay the answer.
    """

    process_count: int
    payment_count: int
    seed: int
    fault_rate: float = 0.6
    visit_count_per_payment: int = VISIT_COUNT
    uses_leases: bool = True
    has_hanging_faults: bool = False


def run_refund_race(place: Place, load: RefundLoad) -> Counter[str]:
    """Run the processes, and then let the due tasks complete the refunds. Compare the refunds with the sandbox's
    ledger, and return the number of refunds by state (`before a person` for open ones), `refunds`, `acts` (actions),
    `done` (those that succeeded), `sent` (refund requests) and `faults`.
    """
    clock = MovedClock()
    with Sandbox() as sandbox, place.open_desk(sandbox, clock, **make_provider_settings(sandbox.url)) as console:
        place.sql("UPDATE limits SET value = 1500 WHERE name = 'second_checker_above'")
        ids = {}
        for i in range(load.payment_count):
            provider = "paypay" if (i + 1) % ATOM_PAYMENT_INTERVAL else "atom"
            ids[import_paid_payment(console, sandbox, f"ORD-{load.seed}-{i}", provider=provider).id] = provider
        _add_faults(sandbox, load)
        endings = _run_processes(place, sandbox, load, ids)
        sent = [one for call in ("paypay_refund", "atom_refund") for one in sandbox.control.read_requests(call)]
        fault_count = sum(entry["fault"] is not None for entry in sent)
        money_truth.check_money(console, sandbox)
        sandbox.control.clear_faults()
        sandbox.control.release_calls()
        tally = _run_tasks_until_refunds_end_or_wait(console, sandbox, clock)
        console.audit.verify_chains()
        return tally + Counter(
            acts=endings.total(), done=_count_done_actions(endings), sent=len(sent), faults=fault_count
        )


def _add_faults(sandbox: Sandbox, load: RefundLoad) -> None:
    """Order from the sandbox that it answers a part of the calls with random faults."""
    often, at_times = load.fault_rate, load.fault_rate / 2
    hanging = HANGING_FAULTS if load.has_hanging_faults else ()
    for call, rate, faults in (
        ("paypay_refund", often, (*SENDING_FAULTS, *hanging)),
        ("paypay_refund_details", at_times, READING_FAULTS),
        ("paypay_payment", at_times / 4, ("reset", "status:500")),
        ("atom_refund", often, (*ATOM_SENDING_FAULTS, *hanging)),
        ("atom_refund_status", at_times, ATOM_READING_FAULTS),
    ):
        sandbox.control.add_random_faults(*faults, seed=load.seed, rate=rate, call=call, seconds=1.7)


def _run_processes(place: Place, sandbox: Sandbox, load: RefundLoad, ids: Mapping[int, str]) -> Counter[str]:
    """Run the processes, and return the number of actions by name and ending, such as `approve done`. `ids` maps
    payment ids to providers."""
    barrier = get_context().Barrier(load.process_count)
    extra = make_provider_settings(sandbox.url) | ({} if load.uses_leases else {"LEASES": "off"})
    each = [
        (
            place.make_environment(sandbox.url, PEOPLE[i % len(PEOPLE)], i % DESK_COUNT, **extra),
            i,
            load,
            ids,
            barrier,
        )
        for i in range(load.process_count)
    ]
    with start_children(act_on_refunds, each) as children:
        return sum((child.wait_for_report() for child in children), Counter[str]())


def act_on_refunds(
    pipe: Pipe, environment: dict[str, str], number: int, load: RefundLoad, ids: Mapping[int, str], barrier: Barrier
) -> None:
    """Target of a child process: at each step all processes wait for each other, and then each executes a random
    action on the same payment. At the end it sends the number of actions by name and ending. `number` is the number
    of the process, from 0, which decides the person's role and the drawn actions; `load` has the seed and the visits
    of each payment, which are the same for all processes; `ids` has the provider of each payment by its id.
    """
    chance = random.Random(f"{load.seed} {number}")
    shared_chance = random.Random(load.seed)
    rounds = [
        payment
        for _ in range(load.visit_count_per_payment)
        for payment in shared_chance.sample(sorted(ids), len(ids))
    ]
    endings: Counter[str] = Counter()
    with open_console(Settings.load(environment)) as console:
        request_ids = RandomRequestIds(f"crowd {load.seed} {number} {os.getpid()}")
        acts = _make_actions(console, chance, ids, request_ids, is_approver=number % len(PEOPLE) >= len(PEOPLE) // 2)
        for payment in rounds:
            barrier.wait(CHILD_WAIT_SECONDS)
            name = _choose_action(console, payment, chance)
            endings[f"{name} {call_and_get_code(lambda n=name, p=payment: acts[n](p))}"] += 1
    pipe.send(endings)


def _make_actions(
    console: Console,
    chance: random.Random,
    ids: Mapping[int, str],
    half_request_ids: RandomRequestIds,
    *,
    is_approver: bool,
) -> dict[str, Callable[[int], object]]:
    """Return the actions of a person as functions by name; each takes a payment id. Without `is_approver` the person
    is no approver and reads the refund instead of deciding about it. About half of the calls have a request id.
    """
    refunds = console.refunds

    def find_newest_refund_id(payment: int) -> int:
        refund = find_newest_refund(console, payment)
        return refund.id if refund else 0

    def request_drawn_refund(payment: int) -> object:
        amount = chance.choice(REFUND_AMOUNTS_BY_PROVIDER[ids[payment]])
        return half_request_ids(lambda request_id: request_refund(console, payment, amount, request_id))

    def make_act_on_newest_refund(act: Callable[[int, str | None], object]) -> Callable[[int], object]:
        def act_on_newest_refund(payment: int) -> object:
            refund = find_newest_refund_id(payment)
            return half_request_ids(lambda request_id: act(refund, request_id))

        return act_on_newest_refund

    decide = {
        "approve": make_act_on_newest_refund(
            lambda refund, request_id: refunds.approve(refund, request_id=request_id)
        ),
        "reject": make_act_on_newest_refund(
            lambda refund, request_id: refunds.reject(refund, "not ours", request_id=request_id)
        ),
    }
    everybody: dict[str, Callable[[int], object]] = {
        "ask": request_drawn_refund,
        "submit": make_act_on_newest_refund(lambda refund, request_id: refunds.submit(refund, request_id=request_id)),
        "probe": make_act_on_newest_refund(lambda refund, request_id: refunds.probe(refund, request_id=request_id)),
        "withdraw": make_act_on_newest_refund(
            lambda refund, request_id: refunds.withdraw(refund, request_id=request_id)
        ),
        "look": lambda payment: refunds.read_refund(find_newest_refund_id(payment)),
        "due": lambda _payment: console.recovery.run_all_tasks(),
    }
    return everybody | (decide if is_approver else dict.fromkeys(decide, everybody["look"]))


_LIKELY_ACTS_BY_STATE: dict[RefundState | None, tuple[str, ...]] = {
    None: ("ask",),
    RefundState.REQUESTED: (*(("approve",) * 14), "reject", "withdraw"),
    RefundState.APPROVED: ("submit", "submit", "submit", "approve", "approve", "due", "withdraw", "probe"),
    RefundState.SUBMITTING: ("submit", "probe", "probe", "withdraw", "ask", "due"),
    RefundState.SUBMITTED: ("probe", "probe", "ask", "submit", "withdraw"),
}


def _choose_action(console: Console, payment: int, chance: random.Random) -> str:
    """Return the name of an action that fits the present state of the payment's newest refund. Another process may
    change the state before the action.
    """
    refund = find_newest_refund(console, payment)
    return chance.choice(
        _LIKELY_ACTS_BY_STATE.get(refund.state if refund else None, ("ask", "ask", "probe", "submit"))
    )


def _waits_for_person(row: RefundRow) -> bool:
    """Return True if the refund waits for an approver's decision or for a review. The test can't let such a request
    expire, because it can't move the database server's clock.
    """
    return row.state is RefundState.REQUESTED or row.work_state == "needs_review"


def _count_done_actions(endings: Counter[str]) -> int:
    """Return the number of actions that ended with "done"."""
    return sum(count for code, count in endings.items() if code.endswith(" done"))


def _list_lease_holders(console: Console) -> tuple[LeaseHolder, ...]:
    """Return the holders of all leases, including the leases of due tasks."""
    with console.database.read() as conn:
        return leases.list_holders(conn)


def _run_tasks_until_refunds_end_or_wait(console: Console, sandbox: Sandbox, clock: MovedClock) -> Counter[str]:
    """Move the clock and run the due tasks in rounds until each refund has ended or waits for a person. Return the
    number of refunds by state. Each round first waits until all leases have expired: a task that the database refused
    leaves its lease, which expires in real time.

    A refund that Atom has never received takes the most rounds. Atom's answer "no data" proves nothing, so the
    program asks about ten times (REFUND_PROBE_WAITS), once in a round, before the refund waits for a person. These
    rounds begin when the refund is sent, which may be some rounds after the race.
    """
    for step in (*(4 * (10,)), *(30 * (90,))):  # minutes of the clock; the schedules are 20 times shorter
        wait_until(
            lambda: not _list_lease_holders(console), "the leases of the race and of the last round to run out"
        )
        move_clocks(clock, sandbox, timedelta(minutes=step))
        console.recovery.run_all_tasks()
        rows = money_truth.check_money(console, sandbox)
        unfinished = [row for row in rows if row.is_open and not _waits_for_person(row)]
        if not unfinished:
            break
    probe_codes = {row.id: call_and_get_code(lambda r=row: console.refunds.probe(r.id)) for row in unfinished}
    assert not unfinished, f"neither ended nor before a person: {unfinished}; probes tell {probe_codes}"
    states = Counter("before a person" if row.is_open else str(row.state) for row in rows)
    return states + Counter(refunds=len(rows))
