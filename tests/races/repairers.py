"""A race of many processes that re-fetch, probe and resolve the same records, and run due tasks, at the same
moment.
"""

import random
from collections import Counter
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import Certainty, CheckState, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.support import truth
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.invented import invent_numbers
from tests.support.places import Place

PROCESS_COUNT = 8
PERSON_NAMES = ("op-a", "lead-b", "lead-c")


def run_repair_race(place: Place, round_count: int, seed: int) -> Counter[str]:
    """Make records of which half are unknown and half are incomplete, then run the processes for `round_count`
    rounds. Return the number of calls with each ending: "done" or an error code. At the end each record must be
    bought and complete, without another charge.
    """
    names = invent_numbers(6, seed)
    with Sandbox() as sandbox, place.open_desk(sandbox, ALARMBOX_FIND_PURCHASES="1") as console:
        sandbox.control.change_settings(offers_purchase_list=True)
        for i, number in enumerate(names):
            fault, call = ("close_after_charge", "purchase") if i % 2 else ("pdf_missing", "pdf")
            sandbox.control.add_fault(fault, call=call, number=number)
            _call_and_get_code(lambda n=number: console.credit_checks.purchase(PurchaseRequest(n, "1")))
        charges = {charge.number: charge.id for charge in sandbox.ledger.list_charges_of_number()}
        ids = [(console.lookup.find_records(number).credit_checks[0].id, charges[number]) for number in names]
        environments = [
            place.make_environment(sandbox.url, PERSON_NAMES[i % len(PERSON_NAMES)], i, ALARMBOX_FIND_PURCHASES="1")
            for i in range(PROCESS_COUNT)
        ]
        barrier = get_context().Barrier(PROCESS_COUNT)
        with start_children(
            repair_records, [(environments[i], ids, round_count, seed + i, barrier) for i in range(PROCESS_COUNT)]
        ) as children:
            endings = Counter(code for child in children for code in child.wait_for_report())
        odd = [code for code in endings if code.startswith("unhandled")]
        assert not odd, odd
        _complete_records(console, ids)
        check_rows = truth.read_check_rows(console.database)
        truth.check_claims(check_rows)
        truth.check_charges(check_rows, sandbox.ledger.count_charges_by_number())
        assert sandbox.ledger.count_charges_by_number() == dict.fromkeys(names, 1)
        assert [row.status for row in check_rows] == ["success"] * len(names)
        console.audit.verify_chains()
        return endings


def repair_records(
    pipe: Pipe, environment: dict[str, str], ids: list[tuple[int, int]], round_count: int, seed: int, barrier: Barrier
) -> None:
    """Target of a child process: in each round all processes begin at the same moment, each with a random action on
    the same record. At the end it sends the list of the endings ("done" or an error code). `ids` contains pairs of a
    record id and the provider's id of its charge.
    """
    which, chance = random.Random(round_count), random.Random(seed)
    endings: list[str] = []
    with open_console(Settings.load(environment)) as console:
        for _ in range(round_count):
            record, charge = which.choice(ids)
            barrier.wait(CHILD_WAIT_SECONDS)
            endings.append(_execute_random_act(console, record, charge, chance))
    pipe.send(endings)


def _execute_random_act(console: Console, record: int, charge: int, chance: random.Random) -> str:
    """Execute one random action on the credit check with the id `record`. `charge` is the id at AlarmBox with which a
    person resolves it. Return how the action ended (`_call_and_get_code`).
    """
    acts = (
        lambda: console.credit_checks.refetch(record),
        lambda: console.credit_checks.probe(record),
        lambda: console.recovery.resolve("credit-check", record, "success", "seen on their screen", charge),
        lambda: console.recovery.run_all_tasks(),
        lambda: console.credit_checks.read_credit_check(record),
    )
    return _call_and_get_code(chance.choice(acts))


def _call_and_get_code(act: object) -> str:
    """Call the function `act`, and return "done", the code of the ConsoleError, or a text that begins with
    "unhandled".
    """
    try:
        act()  # type: ignore[operator]  # a lambda
    except ConsoleError as refusal:
        return refusal.code
    except Exception as bug:
        return f"unhandled {bug!r}"
    return "done"


def _complete_records(console: Console, ids: list[tuple[int, int]]) -> None:
    """Resolve the records that are still unknown, re-fetch the incomplete ones, and check that each record is bought
    and complete.
    """
    for record, charge in ids:
        if console.credit_checks.read_credit_check(record).record.certainty is Certainty.UNKNOWN:
            console.recovery.resolve("credit-check", record, "success", "seen on their screen", charge)
        if console.credit_checks.read_credit_check(record).record.incomplete:
            console.credit_checks.refetch(record)
        settled = console.credit_checks.read_credit_check(record).record
        assert (settled.state, settled.credit_check_id, settled.incomplete) == (CheckState.SUCCESS, charge, ())
