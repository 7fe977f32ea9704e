"""A race of many processes that request refunds of the same payment, or reserve its amount, at the same moment."""

from collections import Counter
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.database.engine import Transaction
from console.store.payments import payments
from tests.support import money_truth
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.money_desks import CAPTURED_MINOR, import_paid_payment, make_provider_settings, request_refund
from tests.support.places import Place
from tests.support.pooled_databases import PEOPLE
from tests.support.refusals import call_and_get_code

REQUESTED_AMOUNT = CAPTURED_MINOR * 2 // 5
"""Amount (minor units) of each requested refund. The captured amount covers two such refunds, but not three."""
DESK_COUNT = 3
EXPECTED_ENDINGS = {"done", "in_progress", "exceeds_captured", "over_limit"}


def run_refund_request_race(place: Place, process_count: int, count: int, *, reserves_only: bool) -> Counter[str]:
    """Each process requests a refund of 40 % of each of `count` payments; two such refunds fit into a payment, three
    don't. With `reserves_only` the processes only reserve the amount, without the rule that a payment has one open
    refund. Return the number of requests with each ending ("done" or an error code), and `payments`. Check that one
    request per payment succeeds, or two reservations.
    """
    with Sandbox() as sandbox, place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as console:
        place.sql("UPDATE limits SET value = 1000000000 WHERE name = 'per_person_day'")
        ids = [import_paid_payment(console, sandbox, f"ORD-{i}").id for i in range(count)]
        endings = _run_processes(place, sandbox, process_count, ids, reserves_only)
        odd = [code for code in endings if code not in EXPECTED_ENDINGS]
        assert not odd, odd
        over = [
            row for row in money_truth.read_payment_rows(console.database) if row.reserved_minor > row.captured_minor
        ]
        assert not over, f"more reserved than was captured: {over}"
        assert endings["done"] == (2 if reserves_only else 1) * count, endings
        if not reserves_only:
            money_truth.check_money(console, sandbox)
        assert not sandbox.control.payments_control.read_refunds()
    return endings + Counter(payments=count)


def _run_processes(
    place: Place, sandbox: Sandbox, process_count: int, ids: Sequence[int], reserves_only: bool
) -> Counter[str]:
    """Run the child processes, and return the number of their calls with each ending: "done" or an error code."""
    barrier, extra = get_context().Barrier(process_count), make_provider_settings(sandbox.url)
    environments = [
        place.make_environment(sandbox.url, PEOPLE[i % len(PEOPLE)], i % DESK_COUNT, **extra)
        for i in range(process_count)
    ]
    with start_children(
        request_for_all_payments, [(one, ids, reserves_only, barrier) for one in environments]
    ) as children:
        return sum((child.wait_for_report() for child in children), Counter[str]())


def request_for_all_payments(
    pipe: Pipe, environment: dict[str, str], ids: Sequence[int], reserves_only: bool, barrier: Barrier
) -> None:
    """Target of a child process: at each payment wait for the other processes, then request a refund or, with
    `reserves_only`, reserve the amount. At the end it sends the number of calls with each ending.
    """
    endings: Counter[str] = Counter()
    with open_console(Settings.load(environment)) as console:
        console.recovery.count_queued_records()
        for payment in ids:
            barrier.wait(CHILD_WAIT_SECONDS)
            endings[_reserve_share(console, payment) if reserves_only else _request_share(console, payment)] += 1
    pipe.send(endings)


def _request_share(console: Console, payment: int) -> str:
    """Request a refund of 40 % of this payment, and return how the request ended."""
    return call_and_get_code(lambda: request_refund(console, payment, REQUESTED_AMOUNT))


def _reserve_share(console: Console, payment: int) -> str:
    """Reserve 40 % of this payment in a transaction of its own; one SQL statement decides whether the amount still
    fits. Return "done" or "exceeds_captured".
    """

    def reserve_amount(tx: Transaction) -> bool:
        return payments.reserve_amount(tx.conn, payment, REQUESTED_AMOUNT, console._context.now())

    return "done" if console.database.write(reserve_amount) else "exceeds_captured"


# One maker, many payments: the sum of a day


def run_with_one_requester(place: Place, process_count: int, *, fit: int) -> Counter[str]:
    """One person requests a refund of a different payment in each process, at the same moment. `fit` is the number of
    refunds that fit into the person's daily limit. Return the number of requests with each ending: "done" or an error
    code.
    """
    with Sandbox() as sandbox, place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as console:
        place.sql(f"UPDATE limits SET value = {fit * REQUESTED_AMOUNT} WHERE name = 'per_person_day'")
        ids = [import_paid_payment(console, sandbox, f"ORD-{i}").id for i in range(process_count)]
        barrier, extra = get_context().Barrier(process_count), make_provider_settings(sandbox.url)
        environments = [
            place.make_environment(sandbox.url, PEOPLE[0], i % DESK_COUNT, **extra) for i in range(process_count)
        ]
        each = [(one, [ids[i]], False, barrier) for i, one in enumerate(environments)]
        with start_children(request_for_all_payments, each) as children:
            endings = sum((child.wait_for_report() for child in children), Counter[str]())
        odd = [code for code in endings if code not in EXPECTED_ENDINGS]
        assert not odd, odd
        return endings
