"""Many processes make the same call with the same request id at the same moment. One call takes effect, and all other
processes get its result."""

from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund, RefundRequest
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.tasks.records import Note
from console.sandbox.server import Sandbox
from console.services.guarded import request_ids
from console.settings.settings import Settings
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.money_desks import import_paid_payment, make_provider_settings
from tests.support.places import FIRST_PERSON, Place

ACTED = "acted"
REPEATED = "repeated"
RETRY_ERROR_CODES = ("in_progress", "lease_timeout", "database_locked")
"""Refusals after which a caller asks again with the same id."""
DESK_COUNT = 2
CodeAndRecordId = tuple[str, int | None]
"""Result of a call (acted, repeated or an error code), and the id of its record (None after a refusal)."""


def run_same_request_id_race(place: Place, numbers: Sequence[str], process_count: int) -> Counter[str]:
    """Let the processes buy credit checks, request refunds and add notes. All processes use the same request id for
    the same call. Return the number of calls with each answer (`acted`, `repeated` or an error code), and check that
    each call has taken effect exactly once."""
    with Sandbox() as sandbox, place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as console:
        payments = [import_paid_payment(console, sandbox, f"ORD-{number}").id for number in numbers]
        environments = [
            place.make_environment(sandbox.url, FIRST_PERSON, desk, **make_provider_settings(sandbox.url))
            for desk in range(DESK_COUNT)
        ]
        barrier = get_context().Barrier(process_count)
        worker_arguments = (numbers, payments, barrier)
        with start_children(
            make_all_calls, [(environments[i % DESK_COUNT], *worker_arguments) for i in range(process_count)]
        ) as children:
            answers = [child.wait_for_report() for child in children]
            assert [child.wait_for_end() for child in children] == [0] * process_count
        tally: Counter[str] = Counter()
        for endings in zip(*answers, strict=True):
            counted = Counter(word for word, _ in endings)
            assert not set(counted) - {ACTED, REPEATED, *RETRY_ERROR_CODES}, counted
            assert counted[ACTED] == 1, counted
            assert len({record for word, record in endings if word in (ACTED, REPEATED)}) == 1, endings
            tally.update(counted)
        assert sandbox.ledger.count_charges_by_number() == dict.fromkeys(numbers, 1)
        assert place.sql("SELECT COUNT(*) FROM notes") == [(len(numbers),)]
        assert place.sql("SELECT COUNT(*) FROM refunds") == [(len(numbers),)]
        for number, payment in zip(numbers, payments, strict=True):
            repetitions = [call_and_get_code_and_record_id(console, act) for act in make_calls(number, payment)]
            assert [code for code, _ in repetitions] == [REPEATED] * 3
        return tally


def make_all_calls(
    pipe: Pipe, environment: dict[str, str], numbers: Sequence[str], payments: Sequence[int], barrier: Barrier
) -> None:
    """Target of a child process: make all calls, and before each one wait for the other processes. At the end it
    sends the list of the results, each a CodeAndRecordId.
    """
    endings = []
    with open_console(Settings.load(environment)) as console:
        for number, payment in zip(numbers, payments, strict=True):
            for act in make_calls(number, payment):
                barrier.wait(CHILD_WAIT_SECONDS)
                endings.append(call_and_get_code_and_record_id(console, act))
    pipe.send(endings)


ConsoleCall = Callable[[Console], CreditCheck | Refund | Note]
"""Type of a function that makes one acting call with the services of a desk."""


def make_calls(number: str, payment: int) -> tuple[ConsoleCall, ConsoleCall, ConsoleCall]:
    """Return three functions that each make one call: a purchase, a request for a refund, and a note. The request id
    alone prevents the program from adding the note twice."""
    words = f"about {number}"
    return (
        lambda console: console.credit_checks.purchase(PurchaseRequest(number, "1"), request_id=f"buy-{number}"),
        lambda console: console.refunds.request(
            RefundRequest(payment, "1000", "sent back", intended_repeat=True), request_id=f"ask-{number}"
        ),
        lambda console: console.recovery.add_note("payment", payment, words, request_id=f"note-{number}"),
    )


def call_and_get_code_and_record_id(console: Console, act: ConsoleCall) -> CodeAndRecordId:
    """Call `act`, a function that makes one call at the console. Return how it ended ("acted", "repeated" or the code
    of a refusal), and the id of its record (None after a refusal).
    """
    with request_ids.watch_for_repeated_request() as watch:
        try:
            record = act(console)
        except ConsoleError as refusal:
            return refusal.code, None
    return (REPEATED if watch.is_repetition else ACTED), record.id
