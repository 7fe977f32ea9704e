"""Soak test of a bulk run of 10,000 records on a database server.

A person stops the run half-way, workers continue it and are killed, and another worker completes it. SQL and the
sandbox's log of calls must show that each record is settled once and that the provider is asked about it once. Only a
record that was in progress when a worker was killed may be asked about twice.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from console.app import Console
from console.domain.bulk.records import BulkProgress
from console.sandbox.server import Sandbox
from tests.soak.shards import Demand, open_place
from tests.support.bulk_stage import insert_unknown_checks, make_corporation_numbers
from tests.support.places import FIRST_PERSON, Engine, Place
from tests.support.waiting import wait_until
from tests.support.worker_process import WorkerProcess, start_worker

FIND_PURCHASES_SETTING = {"ALARMBOX_FIND_PURCHASES": "1"}
FAST_CLOCK_SETTING = {"TIME_SCALE": "4"}
"""Time scale with which a lease lasts 11 seconds, and the due task of bulk runs begins every half second."""
_MAX_WAIT_SECONDS = 1_700.0
_NUMBERS_PER_INSERT = 500


def run_bulk_with_kills(engine: Engine, count: int, folder: Path) -> Counter[str]:
    """A person executes the first half of a run of `count` records. Then three workers share the run: the worker that
    executes it is killed after 60 % of the rows, the next one after 80 %, and the third one completes the run. Return
    `records`, `deaths` (killed workers), `settled` records, `asked` (calls that list purchases) and `again` (repeated
    ones).
    """
    with open_place(engine, folder) as place, Sandbox() as sandbox:
        _register_sold_checks(sandbox, count)
        with place.open_desk(
            sandbox, None, person=FIRST_PERSON, desk=0, **FIND_PURCHASES_SETTING, **FAST_CLOCK_SETTING
        ) as console:
            for some in _split_into_parts(make_corporation_numbers(count)):
                insert_unknown_checks(console, some)
            run = console.bulk_runs.create_run("probe", "unknown")
            assert run.size == count, run
            _run_half_by_hand(console, run.id, count // 2)
        points = (count * 6 // 10, count * 8 // 10)
        _continue_by_workers(place, sandbox, run.id, points)
        return _check_run(place, sandbox, run.id, count, len(points)) + Counter(records=count, deaths=len(points))


def _register_sold_checks(sandbox: Sandbox, count: int) -> None:
    """Let the sandbox register `count` sold credit checks, which its list of purchases contains."""
    sandbox.control.change_settings(offers_purchase_list=True)
    for some in _split_into_parts(make_corporation_numbers(count)):
        sandbox.control.register_checks(*({"corporation_number": number} for number in some))


def _split_into_parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in parts of at most 500 texts."""
    return (texts[begin : begin + _NUMBERS_PER_INSERT] for begin in range(0, len(texts), _NUMBERS_PER_INSERT))


def _run_half_by_hand(console: Console, run_id: int, half: int) -> None:
    """Execute the first `half` rows as a person who then stops the run. Start the run again and leave it after one
    more row, as a closing window does.
    """
    done_counts: list[int] = []

    def record_progress(now: BulkProgress) -> None:
        done_counts.append(now.done_count)

    stopped = console.bulk_runs.run(run_id, progress=record_progress, should_stop=lambda: len(done_counts) == half)
    assert (stopped.state, stopped.done) == ("stopped", half), stopped
    interrupted = console.bulk_runs.run(
        run_id, progress=record_progress, should_leave=lambda: len(done_counts) > half
    )
    assert (interrupted.state, interrupted.done) == ("running", half + 1), interrupted


def _continue_by_workers(place: Place, sandbox: Sandbox, run_id: int, points: Sequence[int]) -> None:
    """Let three workers continue the run. When the number of done rows reaches each value of `points`, kill the
    worker that executes the run; another worker then continues it.
    """
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                start_worker(place, sandbox.url, desk=desk, **FIND_PURCHASES_SETTING, **FAST_CLOCK_SETTING)
            )
            for desk in range(1, len(points) + 2)
        ]
        for point in points:

            def is_reached(point: int = point) -> bool:
                return _count_done_rows(place, run_id) >= point

            wait_until(is_reached, f"{point} rows are done", _MAX_WAIT_SECONDS)
            _kill_running_worker(place, run_id, workers)
        ended = f"SELECT COUNT(*) FROM bulk_runs WHERE id = {run_id} AND state = 'done'"
        wait_until(lambda: place.sql(ended) == [(1,)], "the run is done", _MAX_WAIT_SECONDS)


def _kill_running_worker(place: Place, run_id: int, workers: Sequence[WorkerProcess]) -> None:
    """Kill the worker that holds the lease of the run and is in the middle of a row."""
    alive = {worker.pid: worker for worker in workers if worker.is_alive}
    running_workers: list[WorkerProcess] = []

    def is_run_leased() -> bool:
        holding = place.sql(
            f"SELECT l.process FROM leases l, bulk_runs r WHERE l.name = 'bulk_{run_id}' AND r.id = {run_id}"
            " AND l.lease_expires > 0 AND r.reason LIKE 'row:%'"
        )
        running_workers.extend(alive[int(pid)] for (pid,) in holding if int(pid) in alive)
        return bool(running_workers)

    wait_until(is_run_leased, "a worker runs it", 120.0)
    os.kill(running_workers[0].pid, signal.SIGKILL)
    running_workers[0].process.wait()


def _count_done_rows(place: Place, run_id: int) -> int:
    """Return the number of rows of the run that have a result."""
    ((done,),) = place.sql(f"SELECT COUNT(*) FROM bulk_rows WHERE run_id = {run_id} AND result IS NOT NULL")
    return int(done)


def _check_run(place: Place, sandbox: Sandbox, run_id: int, count: int, death_count: int) -> Counter[str]:
    """Check the run by SQL and by the sandbox's log of calls, and return three counts: `settled` records, `asked`
    (calls that list purchases) and `again` (such calls after the first one for a number). `death_count` is the number
    of killed workers.
    """
    results = place.sql(f"SELECT result, COUNT(*) FROM bulk_rows WHERE run_id = {run_id} GROUP BY result")
    assert results == [("done", count)], results
    settled = place.sql(
        "SELECT COUNT(*), COUNT(DISTINCT subject_id) FROM audit_log WHERE what = 'credit-check.bought'"
    )
    assert settled == [(count, count)], settled
    records = place.sql(
        "SELECT status, certainty, COUNT(*), COUNT(DISTINCT credit_check_id) FROM hansha_alarmbox_credit_checks"
        " GROUP BY status, certainty"
    )
    assert records == [("success", "known", count, count)], records
    call_counts = Counter(str(entry["number"]) for entry in sandbox.control.read_requests("list"))
    assert call_counts.keys() == set(make_corporation_numbers(count)), len(call_counts)
    again = sum(call_counts.values()) - count
    assert 0 <= again <= death_count, again
    assert sandbox.control.count_charges() == 0
    return Counter(settled=count, asked=sum(call_counts.values()), again=again)


DEMANDS = (
    Demand(
        "bulk mariadb",
        1,
        lambda _shard, folder: run_bulk_with_kills("mariadb", 10_000, folder),
        "{records} records, {deaths} workers killed: {settled} settled once, {asked} asked, {again} twice",
        limit_seconds=3_600,
    ),
)
