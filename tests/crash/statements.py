"""Purchase, renewal and re-fetch while the n-th statement fails: what must hold at whatever n."""

import random
from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path

from console.app import Console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.records import PurchaseRequest
from tests.crash.broken_statements import Trouble, failing
from tests.support import truth
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import HandClock, lease_clock, quick_desk

ACTIONS = ("purchase", "renewal", "refetch")
TROUBLES: tuple[Trouble, ...] = ("full", "lost", "commit_lost", "desk_full")
NAMED = frozenset(("storage_full", "outcome_unknown", "database_unreachable", "database_locked", "bad_profile"))
USUAL_PLACES: dict[Trouble, int] = {"full": 60, "lost": 60, "commit_lost": 7, "desk_full": 7}
(NUMBER,) = numbers(1)


def run_all(folder: Path, action: str, trouble: Trouble) -> Counter[str]:
    """Every place there is, once failing for a moment and once for good."""
    tally: Counter[str] = Counter()
    for lasting in (False, True):
        for nth in count(1):
            if not fails_at(nth, folder / f"{lasting}-{nth}", action, trouble, lasting=lasting):
                break
            tally["places"] += 1
    assert tally["places"], "nothing was ever asked"
    return tally


def run_some(folder: Path, action: str, trouble: Trouble, seed: int, places: int) -> Counter[str]:
    """The first place and a few drawn ones."""
    chance = random.Random(f"{action}{trouble}{seed}")
    drawn = [1, *(chance.randint(2, USUAL_PLACES[trouble]) for _ in range(places - 1))]
    hit = [fails_at(nth, folder / str(i), action, trouble, lasting=bool(i % 2)) for i, nth in enumerate(drawn)]
    return Counter(places=sum(hit))


def fails_at(nth: int, home: Path, action: str, trouble: Trouble, *, lasting: bool) -> bool:
    """One run on a desk of its own; whether the trouble came at all."""
    clock = HandClock()
    with lease_clock(clock):
        return _fails_at(nth, home, clock, action, trouble, lasting=lasting)


def _fails_at(nth: int, home: Path, clock: HandClock, action: str, trouble: Trouble, *, lasting: bool) -> bool:
    vendor = LedgerVendor(today=clock.today)
    with quick_desk(home, vendor, clock) as console:
        before = _prepare(console, clock, action)
        with failing(console, nth, trouble, lasting=lasting) as countdown:
            ending = _act(console, action)
            fired = countdown.fired
        charged = len(vendor.charges)
        assert charged - before <= 1, f"{charged - before} charges at place {nth}"
        _check_ending(ending, charged - before, nth)
        truth.check_claims(truth.rows(console.database))
    clock.at += timedelta(minutes=5)
    with quick_desk(home, vendor, clock) as fresh:
        fresh.recovery.run_due()
        found = truth.rows(fresh.database)
        truth.check_claims(found)
        truth.check_charges(found, {NUMBER: len(vendor.charges)})
        truth.check_queues(fresh)
        assert truth.still_calling(fresh.database) == 0
        assert len(vendor.charges) == charged, f"bought again by due tasks, place {nth}"
        fresh.audit.verify()
    return fired


def _prepare(console: Console, clock: HandClock, action: str) -> int:
    """Charges that are there before the trouble."""
    console.credit_checks.plan(NUMBER)  # opens the desk, so that only the action itself meets trouble
    if action == "purchase":
        return 0
    console.credit_checks.purchase(PurchaseRequest(NUMBER, "1"))
    if action == "renewal":
        clock.at += timedelta(days=400)
    return 1


def _act(console: Console, action: str) -> str:
    try:
        if action == "refetch":
            console.credit_checks.refetch(1)
        else:
            console.credit_checks.purchase(PurchaseRequest(NUMBER, "1", renew=action == "renewal"))
    except ConsoleError as named:
        return named.code
    return "done"


def _check_ending(ending: str, fresh_charges: int, nth: int) -> None:
    """Who was told that nothing was sent was told the truth; who was told "bought" as well."""
    assert ending in NAMED | {"done"}, f"{ending} at place {nth}"
    if ending != "done" and EXIT_STATUS[ending] == 6:
        assert fresh_charges == 0, f"{ending}, but charged, at place {nth}"
