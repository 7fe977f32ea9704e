"""Many processes that ask for refunds of one payment, or move its sums, at the same moment."""

from collections import Counter
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.database.engine import Transaction
from console.store.payments import payments
from tests.support import money_truth
from tests.support.children import LOCK_WAIT_SECONDS, Pipe, context, crowd
from tests.support.money_desks import CAPTURED, ask, ending, paid, providers
from tests.support.places import Place
from tests.support.pooled_databases import PEOPLE

SHARE = CAPTURED * 2 // 5
"""Two of these fit into what was captured, three don't."""
DESKS = 3
CLEAR = {"done", "in_progress", "exceeds_captured", "over_limit"}


def run(place: Place, processes: int, count: int, *, sums_alone: bool) -> Counter[str]:
    """Each asks for its share of each payment, all at once. `sums_alone`: only what guards a payment's sum is
    asked, past the rule of one open refund; how many got it is then two for each payment.
    """
    with Sandbox() as sandbox, place.opened(sandbox, **providers(sandbox.url)) as console:
        place.sql("UPDATE limits SET value = 1000000000 WHERE name = 'per_person_day'")
        ids = [paid(console, sandbox, f"ORD-{i}").id for i in range(count)]
        endings = _race(place, sandbox, processes, ids, sums_alone)
        odd = [code for code in endings if code not in CLEAR]
        assert not odd, odd
        over = [row for row in money_truth.payment_rows(console.database) if row.reserved > row.captured]
        assert not over, f"more reserved than was captured: {over}"
        assert endings["done"] == (2 if sums_alone else 1) * count, endings
        if not sums_alone:
            money_truth.check(console, sandbox)
        assert not sandbox.control.payments_control.read_refunds()
    return endings + Counter(payments=count)


def _race(place: Place, sandbox: Sandbox, processes: int, ids: Sequence[int], sums_alone: bool) -> Counter[str]:
    barrier, extra = context().Barrier(processes), providers(sandbox.url)
    told = [place.told(sandbox.url, PEOPLE[i % len(PEOPLE)], i % DESKS, **extra) for i in range(processes)]
    with crowd(ask_for_all, [(one, ids, sums_alone, barrier) for one in told]) as children:
        return sum((child.report() for child in children), Counter[str]())


def ask_for_all(pipe: Pipe, told: dict[str, str], ids: Sequence[int], sums_alone: bool, barrier: Barrier) -> None:
    """One process: payment by payment, together with all others."""
    endings: Counter[str] = Counter()
    with open_console(Settings.load(told)) as console:
        console.recovery.count_queues()
        for payment in ids:
            barrier.wait(LOCK_WAIT_SECONDS)
            endings[_reserved(console, payment) if sums_alone else _asked(console, payment)] += 1
    pipe.send(endings)


def _asked(console: Console, payment: int) -> str:
    return ending(lambda: ask(console, payment, SHARE))


def _reserved(console: Console, payment: int) -> str:
    """By the one statement that decides, in a transaction of its own."""

    def reserve(tx: Transaction) -> bool:
        return payments.reserve_amount(tx.conn, payment, SHARE, console._context.now())

    return "done" if console.database.write(reserve) else "exceeds_captured"


# One maker, many payments: the sum of a day


def run_of_one_maker(place: Place, processes: int, *, fit: int) -> Counter[str]:
    """One person asks from many processes for a refund of a payment each, all at once; `fit` of them fit into what
    the person may ask for in a day.
    """
    with Sandbox() as sandbox, place.opened(sandbox, **providers(sandbox.url)) as console:
        place.sql(f"UPDATE limits SET value = {fit * SHARE} WHERE name = 'per_person_day'")
        ids = [paid(console, sandbox, f"ORD-{i}").id for i in range(processes)]
        barrier, extra = context().Barrier(processes), providers(sandbox.url)
        told = [place.told(sandbox.url, PEOPLE[0], i % DESKS, **extra) for i in range(processes)]
        each = [(one, [ids[i]], False, barrier) for i, one in enumerate(told)]
        with crowd(ask_for_all, each) as children:
            endings = sum((child.report() for child in children), Counter[str]())
        odd = [code for code in endings if code not in CLEAR]
        assert not odd, odd
        return endings
