"""Purchases under every HTTP fault of the sandbox. The simulated provider doesn't recognise repeated requests, so
each repetition would be charged.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Certainty, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support import truth
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.places import Place

THREAD_COUNT = 8
MAX_CONFIRMATION_ATTEMPT_COUNT = 20
TIME_SCALE = "100"
_EXCLUDED_FAULTS = {
    "token_revoked"
}  # only a new authorisation by a person helps: everything after it would be refused
_ARGUMENTS_BY_FAULT = {"status": ("400", "429", "500", "503"), "status_after_charge": ("408", "500", "503")}


def buy_under_random_faults(place: Place, purchase_count: int, seed: int) -> Counter[str]:
    """Buy credit checks of `purchase_count` numbers in several threads, then settle unknown records by probes and by
    people. Compare the records with the sandbox's ledger before and after that. Return `purchase_count`; `faults` (of
    the provider); the number of purchases with each ending ("bought" or an error code); `by people` (records that
    people settled); `left` (records that are still unknown); `calling` (operations whose call has not ended)."""
    clock = MovedClock()
    with (
        Sandbox() as sandbox,
        place.open_desk(sandbox, clock, TIME_SCALE=TIME_SCALE, ALARMBOX_FIND_PURCHASES="1") as console,
    ):
        sandbox.control.change_settings(offers_purchase_list=True)
        # The first call brings the token, so that the threads don't begin by waiting for one another.
        console.credit_checks.purchase(PurchaseRequest(invent_numbers(1, seed=-1)[0], "99"))
        for call, rate in (("purchase", 0.6), ("list", 0.2)):
            rule = {"call": call, "seconds": 0.05, "size": 2 * 1024 * 1024}
            sandbox.control.add_random_faults(*_list_faults(sandbox, call), seed=seed, rate=rate, **rule)
        names = invent_numbers(purchase_count, seed)
        with ThreadPoolExecutor(THREAD_COUNT) as threads:
            endings = Counter(
                threads.map(lambda i: _buy_check(console, names[i], str(i % THREAD_COUNT + 1)), range(purchase_count))
            )
        sandbox.control.release_calls()
        tally = Counter(purchases=purchase_count, faults=_count_faults(sandbox)) + endings
        _check_charges(console, sandbox, names)
        _settle_unknown_records(place, console, sandbox, clock, tally)
        _check_charges(console, sandbox, names)
        tally["left"] = sum(row.certainty == "unknown" for row in truth.read_check_rows(console.database))
        tally["calling"] = truth.count_calling_operations(console.database)
        console.audit.verify_chains()
        return tally


def _list_faults(sandbox: Sandbox, call: str) -> list[str]:
    """Return all faults of the sandbox that can happen in this call, with their arguments."""
    kinds = [kind for kind in sandbox.control.read_fault_catalogue() if not kind["calls"] or call in kind["calls"]]
    names = [kind["name"] for kind in kinds if kind["name"] not in _EXCLUDED_FAULTS]
    return [
        f"{name}:{argument}" if argument else name
        for name in names
        for argument in _ARGUMENTS_BY_FAULT.get(name, ("",))
    ]


def _count_faults(sandbox: Sandbox) -> int:
    """Return the number of purchase requests that the sandbox answered with a fault."""
    return sum(entry["fault"] is not None for entry in sandbox.control.read_requests("purchase"))


def _buy_check(console: Console, number: str, client: str) -> str:
    try:
        console.credit_checks.purchase(PurchaseRequest(number, client))
    except ConsoleError as refusal:
        return refusal.code
    return "bought"


def _check_charges(console: Console, sandbox: Sandbox, names: Sequence[str]) -> None:
    """Check that no number was charged twice, and that each record agrees with its charge."""
    charged = sandbox.ledger.count_charges_by_number()
    doubles = [number for number in names if charged.get(number, 0) > 1]
    assert not doubles, f"charged twice: {doubles}"
    check_rows = truth.read_check_rows(console.database)
    truth.check_claims(check_rows)
    truth.check_charges(check_rows, charged)


def _settle_unknown_records(
    place: Place, console: Console, sandbox: Sandbox, clock: MovedClock, tally: Counter[str]
) -> None:
    """Run the due probes. After that, people resolve the records that are still unknown."""
    sandbox.control.clear_faults()
    clock.offset += timedelta(minutes=2)
    console.recovery.run_all_tasks()
    cursor = None
    while True:
        page = console.recovery.read_queue("unknown", 200, cursor)
        for item in page.items:
            assert item.explanation.next_step.code, f"unknown and unexplained: {item.record}"
            assert isinstance(item.record, CreditCheck)
            _settle_by_people(place, console, sandbox, item.record)
            tally["by people"] += 1
        cursor = page.next_cursor
        if cursor is None:
            return


def _resolve_as_bought(console: Console, record: CreditCheck, id_at_provider: int) -> object:
    """Resolve the record as bought, with the provider's id of the charge, as a person would. The attempt is repeated
    while the provider can't be reached, because on a busy machine a connection may time out. The resolution only
    reads at the provider. Return the resolved credit check."""
    for attempts_left in reversed(range(MAX_CONFIRMATION_ATTEMPT_COUNT)):
        try:
            return console.recovery.resolve(
                "credit-check", record.id, "success", "their screen", id_at_provider
            ).record
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.PROVIDER_UNREACHABLE or not attempts_left:
                raise
    raise AssertionError("the last attempt returns or raises")


def _settle_by_people(place: Place, console: Console, sandbox: Sandbox, record: CreditCheck) -> None:
    """Resolve the record as bought by one person if the ledger has its charge; otherwise as not bought by two
    people."""
    charges = sandbox.ledger.list_charges_of_number(record.corporation_number)
    if charges:
        settled = _resolve_as_bought(console, record, charges[0].id)
    else:
        console.recovery.resolve("credit-check", record.id, "error", "their list is empty")
        with place.open_console_of_person(console, "lead-b") as other:
            settled = other.recovery.resolve("credit-check", record.id, "error", "not on the bill").record
    assert isinstance(settled, CreditCheck)
    assert settled.certainty is Certainty.KNOWN
