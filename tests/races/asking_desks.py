"""A concurrency test in team mode: many desks send requests to buy the same corporation numbers, and workers
execute them. One of the workers is killed every few seconds. At the end no corporation number was bought twice,
each desk has an answer to each of its requests or knows that the request lapsed, and no request is open.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from random import Random
from threading import Event, Lock, Thread

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.audit.hash_chain import verify_chains
from tests.races.buyers import (
    CLIENT_ID,
    CODES_WITH_NODE_DEATH,
    PURCHASE_FAULTS,
    PurchaseEnding,
    check_answers,
    wait_for_first_report,
)
from tests.support import truth
from tests.support.children import CHILD_WAIT_SECONDS, Pipe, get_context, start_children
from tests.support.places import Place
from tests.support.team_mode import is_result_unknown, start_team_mode
from tests.support.waiting import wait_until
from tests.support.worker_process import WorkerProcess, start_worker

PERSON_NAMES = ("op-a", "op-b", "lead-b", "lead-c")
WORKER_COUNT = 2
TIME_SCALE = "4"
"""Time scale of the desks and workers. With it a lease lasts 11 s, and a desk waits 30 s for the answer before it
sends its request again."""
_FIRST_WORKER_DESK = 20
_MIN_WORKER_LIFE_SECONDS = 5.0
_KILL_CHECK_INTERVAL_SECONDS = 0.1
_COUNT_ENDED_AND_TAKEN_SQL = (
    "SELECT COALESCE(SUM(state = 'ended'), 0), COALESCE(SUM(state = 'taken'), 0) FROM requests"
)
_COUNT_REQUESTS_BY_STATE_SQL = "SELECT state, COUNT(*) FROM requests GROUP BY state"
_COUNT_OPEN_SQL = (
    "SELECT (SELECT COUNT(*) FROM requests WHERE state IN ('asked', 'taken'))"
    " + (SELECT COUNT(*) FROM operations WHERE state = 'calling')"
)


@dataclass(frozen=True, slots=True)
class DeskRequestRace:
    """The parameters of a race. `seed` selects the provider's random faults (None: no faults). A worker is killed
    every `kill_seconds` seconds, but only after the workers have ended enough desk requests since the last kill (see
    `_KillGate`). Otherwise no request would end on a busy machine. `function_by_number_index` maps the index of a
    corporation number to a function: it is called when the first desk has its answer about that number, for example
    to kill a database node.
    """

    numbers: tuple[str, ...]
    desk_count: int
    kill_seconds: float
    seed: int | None = None
    function_by_number_index: Mapping[int, Callable[[], None]] = field(default_factory=dict)


def run_desk_request_race(race: DeskRequestRace, place: Place) -> Counter[str]:
    """Run the race. Return counts by name: for each ending ("bought" or an error code) the number of calls that ended
    with it, `kills` (killed workers), `numbers` (corporation numbers), `calls`, `charged` (purchases) and `lapsed`
    (desk requests). Check that no number is charged twice, each charge has a record, each desk has an answer, and
    each desk request has ended or lapsed.
    """
    start_team_mode(place, *PERSON_NAMES)
    tally: Counter[str] = Counter()
    with Sandbox() as sandbox:
        if race.seed is not None:
            sandbox.control.add_random_faults(
                *PURCHASE_FAULTS, seed=race.seed, rate=0.4, call="purchase", seconds=0.2
            )
        with _run_workers_with_kills(place, sandbox.url, race.kill_seconds, _KillGate(place, race.desk_count), tally):
            endings = _run_desks(race, place, sandbox.url)
        sandbox.control.release_calls()
        with _run_workers(place, sandbox.url):
            wait_until(lambda: _has_ended(place), "requests and operations to end", CHILD_WAIT_SECONDS)
        _check_race(place, sandbox, endings)
        charges = sandbox.ledger.count_charges_by_number()
    states = Counter({str(state): int(count) for state, count in place.sql(_COUNT_REQUESTS_BY_STATE_SQL)})
    assert set(states) <= {"ended", "lapsed"}, states
    tally += Counter(ending.code for ending in endings)
    return tally + Counter(
        numbers=len(race.numbers), calls=len(endings), charged=sum(charges.values()), lapsed=states["lapsed"]
    )


def _has_ended(place: Place) -> bool:
    """Return True if no desk request waits or is executed, and no operation is in the state `calling`."""
    return bool(place.sql(_COUNT_OPEN_SQL) == [(0,)])


# Desks


def request_all_purchases(pipe: Pipe, environment: dict[str, str], numbers: Sequence[str], barrier: Barrier) -> None:
    """Entry point of a child process, which is one desk. For each corporation number, wait for the other desks, send
    a request to buy it, and send the ending (a PurchaseEnding) through the pipe.
    """
    with open_console(Settings.load(environment)) as console:
        for number in numbers:
            barrier.wait(CHILD_WAIT_SECONDS)
            pipe.send(_send_until_answered(console, number))


def _send_until_answered(console: Console, number: str) -> PurchaseEnding:
    """Send a purchase request for this corporation number with a new request id. Send it again with the same id until
    the result is known, as a person would.
    """
    request_id, endings = f"desk-{os.getpid()}-{number}", list[PurchaseEnding]()

    def is_answered() -> bool:
        ending = _send_request_once(console, number, request_id)
        endings.extend([] if ending is None else [ending])
        return ending is not None

    wait_until(is_answered, f"an answer about {number}", CHILD_WAIT_SECONDS)
    return endings[0]


def _send_request_once(console: Console, number: str, request_id: str) -> PurchaseEnding | None:
    """Send the request once and return its ending; None if the desk doesn't know the result afterwards."""
    try:
        record = console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID), request_id=request_id)
    except ConsoleError as refusal:
        if is_result_unknown(refusal):
            return None
        is_clear = refusal.code in CODES_WITH_NODE_DEATH or "record" in refusal.detail
        unclear = f"unhandled: {refusal.code} without the record: {refusal.detail}"
        return PurchaseEnding(number, refusal.code if is_clear else unclear)
    except Exception as bug:
        return PurchaseEnding(number, f"unhandled {bug!r}")
    return PurchaseEnding(number, "bought", record.credit_check_id)


def _run_desks(race: DeskRequestRace, place: Place, provider: str) -> list[PurchaseEnding]:
    """Run the child processes of the desks, and return the ending of each call."""
    barrier = get_context().Barrier(race.desk_count)
    environments = [
        place.make_environment(
            provider, PERSON_NAMES[desk % len(PERSON_NAMES)], desk, TIME_SCALE=TIME_SCALE, CLIENTS=CLIENT_ID
        )
        for desk in range(race.desk_count)
    ]
    endings: list[PurchaseEnding] = []
    with start_children(request_all_purchases, [(desk, race.numbers, barrier) for desk in environments]) as children:
        for turn in range(len(race.numbers)):
            if turn in race.function_by_number_index:
                wait_for_first_report(children)
                race.function_by_number_index[turn]()
            endings.extend(child.wait_for_report() for child in children)
        for child in children:
            assert child.wait_for_end() == 0
    return endings


# Workers


@contextmanager
def _run_workers(place: Place, provider: str) -> Iterator[None]:
    """Run the workers until the end of the `with` block, without killing one."""
    with ExitStack() as opened:
        for number in range(WORKER_COUNT):
            opened.enter_context(_start_worker(place, provider, number))
        yield


def _start_worker(place: Place, provider: str, number: int) -> AbstractContextManager[WorkerProcess]:
    desk = _FIRST_WORKER_DESK + number
    return start_worker(place, provider, desk=desk, person="worker", TIME_SCALE=TIME_SCALE, CLIENTS=CLIENT_ID)


class _KillGate:
    """Decides when a worker may be killed: only while a desk request is executed and enough desk requests have ended
    since the last kill. The needed number is drawn between one and two times the number of desks, because all
    requests about one corporation number end together. Several threads may use it.
    """

    def __init__(self, place: Place, desk_count: int) -> None:
        self._place, self._desks, self._draws = place, desk_count, Random(desk_count)
        self._mutex, self._ended_before_next_kill = Lock(), desk_count

    def allow_kill(self) -> bool:
        """Return True if a worker may be killed now. After that, further desk requests must end before the next
        kill.
        """
        with self._mutex:
            ((ended, taken),) = self._place.sql(_COUNT_ENDED_AND_TAKEN_SQL)
            if ended < self._ended_before_next_kill or not taken:
                return False
            self._ended_before_next_kill = ended + self._draws.randint(self._desks, 2 * self._desks)
            return True


@contextmanager
def _run_workers_with_kills(
    place: Place, provider: str, kill_seconds: float, gate: _KillGate, tally: Counter[str]
) -> Iterator[None]:
    """Run the workers until the end of the block. A worker is killed and started again every `kill_seconds` seconds,
    if `gate` allows the kill. `tally` counts the kills.
    """
    over = Event()
    threads = [
        Thread(target=_restart_until_over, args=(place, provider, number, kill_seconds, gate, tally, over))
        for number in range(WORKER_COUNT)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _restart_until_over(
    place: Place,
    provider: str,
    number: int,
    kill_seconds: float,
    gate: _KillGate,
    tally: Counter[str],
    stop_event: Event,
) -> None:
    """Start the worker with this number repeatedly, until the event `stop_event` is set. Kill each of its processes
    as soon as the process has lived long enough and `gate` allows the kill. The first life of a worker is shorter, so
    that the workers are killed in turn.
    """
    life = kill_seconds * (number + 1)
    while not stop_event.is_set():
        began = time.monotonic()
        with (
            suppress(AssertionError),
            _start_worker(place, provider, number) as worker,
        ):  # it ends where no database is there
            stop_event.wait(max(_MIN_WORKER_LIFE_SECONDS, life - (time.monotonic() - began)))
            while worker.is_alive and not stop_event.is_set() and not gate.allow_kill():
                stop_event.wait(_KILL_CHECK_INTERVAL_SECONDS)
            if worker.is_alive and not stop_event.is_set():
                worker.process.kill()
                tally["kills"] += 1
        life = kill_seconds * WORKER_COUNT


# Conditions


def _check_race(place: Place, sandbox: Sandbox, endings: Sequence[PurchaseEnding]) -> None:
    """Compare the stored records with the sandbox's ledger and with the answers to the desks. Check the queues and
    the audit trail.
    """
    odd = [ending for ending in endings if ending.code.startswith("unhandled")]
    assert not odd, f"unhandled: {odd}"
    charges = sandbox.ledger.count_charges_by_number()
    assert max(charges.values()) == 1, f"charged twice: {[n for n, count in charges.items() if count > 1]}"
    with place.open_desk(sandbox, person="worker", desk=_FIRST_WORKER_DESK + WORKER_COUNT) as console:
        check_rows = truth.read_check_rows(console.database)
        truth.check_claims(check_rows)
        truth.check_charges(check_rows, charges)
        truth.check_queues(console)
        with console.database.read() as conn:
            assert verify_chains(conn, ()).first_bad_row_id is None
    check_answers(endings, sandbox)
