"""A concurrency test: many processes at several desks buy the same corporation numbers at the same moment, with one
database and one sandbox, whose ledger shows the charges.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support import old_purchases, truth
from tests.support.children import CHILD_WAIT_SECONDS, Child, Pipe, get_context, start_children
from tests.support.places import Place
from tests.support.pooled_databases import PEOPLE
from tests.support.random_request_ids import RandomRequestIds
from tests.support.waiting import wait_until

PROCESS_COUNT = 16
CLIENT_ID = "1"
PURCHASE_FAULTS = (
    *("status:500", "status:503", "status:422", "status:429", "reset", "refuse", "html"),
    *(
        "status_after_charge:500",
        "reset_after_charge",
        "close_after_charge",
        "malformed",
        "stored",
        "truncate",
        "no_id",
    ),
    *("other_number", "hang_after_charge", "late_charge", "redirect_after_charge", "garbage"),
)
"""Faults of the sandbox in a purchase. After some of them the purchase is charged, after others it is not. Some leave
the buyer without an answer, others give an error or an answer that can't be used.
"""


CODES_WITHOUT_RECORD = ("lease_timeout", "database_locked")
"""Error codes of refusals that come before there is a record. A refusal with any other code names the record that it
is about.
"""
CODES_WITH_NODE_DEATH = (*CODES_WITHOUT_RECORD, "database_unreachable")
"""Error codes of refusals without a record if a database server is killed: a buyer may reach no server before the
sending.
"""


@dataclass(frozen=True, slots=True)
class PurchaseRace:
    """The parameters of a race. `seed` draws the provider's faults (None: no faults). Without `uses_leases` only the
    unique index and the claims prevent a second purchase. With `renews` the processes renew expired credit checks.

    `function_by_number_index` has functions by the index of a number: each is called when the first buyer of that
    number has ended, for example to kill a database node.
    """

    numbers: tuple[str, ...]
    process_count: int = PROCESS_COUNT
    desk_count: int = 2
    seed: int | None = None
    uses_leases: bool = True
    renews: bool = False
    function_by_number_index: Mapping[int, Callable[[], None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PurchaseEnding:
    """How one call to buy a number ended. `code` is "bought" (with the provider's id of the charge), the code of the
    refusal, or a text that begins with "unhandled".
    """

    number: str
    code: str
    id_at_provider: int | None = None


def run_purchase_race(race: PurchaseRace, place: Place) -> Counter[str]:
    """Run the race. Return the number of calls with each ending ("bought" or an error code), and `numbers`, `calls`
    and `charged` (new charges). Check that no number is charged twice, and that each buyer got the record or a
    refusal with a code.
    """
    with Sandbox() as sandbox:
        environments = [_make_desk_environment(race, place, sandbox, desk) for desk in range(race.desk_count)]
        before = _prepare_database(race, environments[0], sandbox, place)
        if race.seed is not None:
            rate = 0.4
            sandbox.control.add_random_faults(
                *PURCHASE_FAULTS, seed=race.seed, rate=rate, call="purchase", seconds=0.2
            )
        endings = _run_buyers(race, environments)
        sandbox.control.release_calls()
        if race.function_by_number_index:
            _deliver_answers(environments)
        tally = _check_race(race, environments, sandbox, before, endings)
        if race.function_by_number_index and race.seed is None:
            _buy_remaining_numbers(race, environments[0], sandbox)
        return tally


def buy_all(
    pipe: Pipe,
    environment: dict[str, str],
    numbers: Sequence[str],
    is_renewal: bool,
    has_node_death: bool,
    barrier: Barrier,
) -> None:
    """Target of a child process: at each number wait for the other processes, buy the credit check, with `is_renewal`
    as a renewal, and send the ending (a PurchaseEnding) through the pipe. `has_node_death` means that a database node
    is killed during the race.
    """
    bare, ids = (
        CODES_WITH_NODE_DEATH if has_node_death else CODES_WITHOUT_RECORD,
        RandomRequestIds(f"buyer {os.getpid()}"),
    )
    with open_console(Settings.load(environment)) as console:
        for number in numbers:
            barrier.wait(CHILD_WAIT_SECONDS)
            pipe.send(_buy_number(console, number, is_renewal, bare, ids))


def _buy_number(
    console: Console,
    number: str,
    renew: bool,
    codes_without_record: Sequence[str] = CODES_WITHOUT_RECORD,
    ids: RandomRequestIds | None = None,
) -> PurchaseEnding:
    """Buy the credit check of one number, with `renew` as a renewal, and return the ending. `codes_without_record`
    contains the codes of refusals that need not name a record. `ids` decides which calls have a request id (None: no
    call).
    """
    request = PurchaseRequest(number, CLIENT_ID, renew=renew)

    def buy_with_request_id(request_id: str | None) -> CreditCheck:
        return console.credit_checks.purchase(request, request_id=request_id)

    try:
        record = buy_with_request_id(None) if ids is None else ids(buy_with_request_id)
    except ConsoleError as refusal:
        clear = refusal.code in codes_without_record or "record" in refusal.detail
        bare_one = f"unhandled: {refusal.code} without the record: {refusal.detail}"
        return PurchaseEnding(number, refusal.code if clear else bare_one)
    except Exception as bug:
        return PurchaseEnding(number, f"unhandled {bug!r}")
    if record.state is not CheckState.SUCCESS:
        return PurchaseEnding(number, f"unhandled state {record.state}")
    return PurchaseEnding(number, "bought", record.credit_check_id)


def _make_desk_environment(race: PurchaseRace, place: Place, sandbox: Sandbox, desk: int) -> dict[str, str]:
    """Return the environment variables of one desk. All desks share the database; each desk has its own acting
    person.
    """
    leases = {} if race.uses_leases else {"LEASES": "off"}
    return place.make_environment(sandbox.url, PEOPLE[desk], desk, CLIENTS=CLIENT_ID, **leases)


def _prepare_database(
    race: PurchaseRace, environment: dict[str, str], sandbox: Sandbox, place: Place
) -> dict[str, int]:
    """For a race of renewals, buy a credit check of each number and set the purchase times back, so that all have
    expired. Return the number of charges per number before the race.
    """
    with open_console(Settings.load(environment)) as console:
        if race.renews:
            sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY)
            for number in race.numbers:
                assert _buy_number(console, number, renew=False).code == "bought"
            sandbox.control.change_settings(today=None)
            place.sql(old_purchases.SET_SENDING_TIME_SQL)
    return sandbox.ledger.count_charges_by_number()


def _run_buyers(race: PurchaseRace, environments: Sequence[dict[str, str]]) -> list[PurchaseEnding]:
    """Run the child processes of the buyers, and return the ending of each call."""
    barrier = get_context().Barrier(race.process_count)
    worker_arguments = (race.numbers, race.renews, bool(race.function_by_number_index), barrier)
    with start_children(
        buy_all, [(environments[i % len(environments)], *worker_arguments) for i in range(race.process_count)]
    ) as children:
        endings: list[PurchaseEnding] = []
        for turn in range(len(race.numbers)):
            if turn in race.function_by_number_index:
                wait_for_first_report(children)
                race.function_by_number_index[turn]()
            endings.extend(child.wait_for_report() for child in children)
        for child in children:
            assert child.wait_for_end() == 0
    return endings


def wait_for_first_report(children: Sequence[Child]) -> None:
    """Wait until one of the child processes has sent its first report, while the others are still running."""
    assert wait([child.pipe for child in children], CHILD_WAIT_SECONDS)


def _deliver_answers(environments: Sequence[dict[str, str]]) -> None:
    """Wait until all leases have expired, then run the due tasks of each desk. These tasks write answers that a desk
    couldn't write into the database, and end the operations of processes that have ended.
    """
    for desk in environments:
        with open_console(Settings.load(desk)) as console:
            wait_until(lambda: not console.recovery.list_lease_holders(), "the leases of the race to run out")
            console.recovery.run_all_tasks()


def _buy_remaining_numbers(race: PurchaseRace, environment: dict[str, str], sandbox: Sandbox) -> None:
    """Buy each number again. This buys only numbers whose buyers all failed to reach the database; afterwards each
    number must have exactly one charge.
    """
    with open_console(Settings.load(environment)) as console:
        for number in race.numbers:
            ending = _buy_number(console, number, race.renews)
            assert ending.code in ("bought", "already_purchased"), ending
        check_rows = truth.read_check_rows(console.database)
        assert Counter(row.number for row in check_rows if row.status == "success") == Counter(race.numbers)
    assert sandbox.ledger.count_charges_by_number() == dict.fromkeys(race.numbers, 1)


def _check_race(
    race: PurchaseRace,
    environments: Sequence[dict[str, str]],
    sandbox: Sandbox,
    charges_before: dict[str, int],
    endings: list[PurchaseEnding],
) -> Counter[str]:
    """Compare the records with the sandbox's ledger and with the answers to the buyers, and verify the audit trail.
    `charges_before` is the number of charges per number before the race. Return the number of calls with each ending
    ("bought" or an error code), and `numbers` (corporation numbers), `calls` and `charged` (new charges).
    """
    tally = Counter(ending.code.split(" ")[0] for ending in endings)
    odd = [ending for ending in endings if ending.code.startswith("unhandled")]
    assert not odd, f"unhandled: {odd}"
    with open_console(Settings.load(environments[0])) as console:
        check_rows = truth.read_check_rows(console.database)
        charges = sandbox.ledger.count_charges_by_number()
        fresh = {number: charges.get(number, 0) - charges_before.get(number, 0) for number in race.numbers}
        assert max(fresh.values()) <= 1, f"charged twice: {[n for n, count in fresh.items() if count > 1]}"
        truth.check_claims(check_rows)
        truth.check_charges(check_rows, charges)
        truth.check_queues(console)
        check_answers(endings, sandbox)
    for desk in environments:
        with open_console(Settings.load(desk)) as console:
            console.audit.verify_chains()
    tally.update(numbers=len(race.numbers), calls=len(endings), charged=sum(fresh.values()))
    return tally


def check_answers(endings: Sequence[PurchaseEnding], sandbox: Sandbox) -> None:
    """Check that each "bought" ending has the id of a charge for the same corporation number, and that no two buyers
    got the same charge.
    """
    ledger = {charge.id: charge.number for charge in sandbox.ledger.list_charges_of_number()}
    count_by_charge = Counter(ending.id_at_provider for ending in endings if ending.code == "bought")
    for ending in endings:
        if ending.code == "bought":
            assert ledger[ending.id_at_provider or 0] == ending.number, f"somebody else's answer: {ending}"
    assert not [one for one, count in count_by_charge.items() if count > 1], (
        f"one charge told to several buyers: {count_by_charge}"
    )
