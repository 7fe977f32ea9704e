"""Measures, with two workers and five desks on Galera, how long after its COMMIT each change reaches each other desk.

    python -m tests.soak.feed_latency [--seconds 90] [--death]

Each desk is a process with its own database account, which reads the change feed as a window does. Its person adds
notes, takes records, probes payments and requests refunds, while notices arrive at the workers. The desks connect to
different nodes. With `--death` one node is killed after a third of the time and restarted after two thirds. No desk
may miss a change; without a killed node, 99 % of the changes must arrive within two seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from console.sandbox.server import Sandbox
from tests.bench.figures import compute_percentile, format_duration
from tests.soak.shards import Demand
from tests.soak.steady_work import deliver_notice
from tests.support import commit_log, servers
from tests.support.environment import isolate_environment
from tests.support.money_desks import import_paid_payment
from tests.support.payment_desks import PaymentDesk, make_settings, open_payment_desk
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.quick_desks import make_quick_folder
from tests.support.servers import Cluster
from tests.support.worker_process import WorkerProcess, start_worker

DURATION_SECONDS = 90.0
MAX_DELAY_SECONDS = 2.0
"""Longest time (seconds) within which a desk must see 99 of 100 changes."""
LISTENING_SECONDS = 20.0
"""Time (seconds) for which desks read the change feed after the last action. A change that a desk hasn't seen by then
is lost for it.
"""
ACTION_INTERVAL_MS = 1_000
"""Average time (ms) between two actions of one person."""
_NOTICE_INTERVAL_SECONDS = 0.25
_PAYMENT_COUNT, _PAYMENT_YEN = 60, 3_300
_PEOPLE_AT_DESKS = ("op-a", "op-b", "op-c", "lead-b", "lead-c")
_ROLES_BY_PERSON = {name: ("approver" if name.startswith("lead") else "operator",) for name in _PEOPLE_AT_DESKS}
_WORKER_COUNT = 2
_KILLED_NODE_INDEX = 1
"""Index of the node of the cluster that is killed."""
ROOT = Path(__file__).resolve().parents[2]
FeedRecord = tuple[str, int]
"""The record of a row of the feed: kind and id."""


@dataclass(frozen=True, slots=True)
class ReceivedEvents:
    """The events that the desk of `person` received. Each event has its moment (monotonic seconds), the ids of its
    rows of the change feed, and the records that it names. `action_counts` counts the actions of the person.
    """

    person: str
    events: Sequence[tuple[float, list[int], list[list[Any]]]]
    action_counts: Counter[str]

    @property
    def arrival_seconds_by_row_id(self) -> dict[int, float]:
        """Return the moment (monotonic seconds) at which each row of the change feed arrived, by the row's id."""
        return {one: moment for moment, ids, _ in self.events for one in ids}


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """The result of one run of the measurement. `sorted_delay_seconds` has the seconds from each COMMIT to its event,
    sorted. `lost_changes` has (person, row id) of each change that didn't reach a desk. `unanswered_commit_count` is
    the number of changes whose COMMIT got no answer, and `wrong_event_count` the number of events that name another
    record than the changed one.
    """

    sorted_delay_seconds: Sequence[float]
    change_count: int
    unanswered_commit_count: int
    lost_changes: Sequence[tuple[str, int]]
    wrong_event_count: int
    action_counts: Counter[str]

    def format_figures(self) -> str:
        """Return the figures as one line of text."""
        p50, p99, longest = (
            format_duration(compute_percentile(self.sorted_delay_seconds, part)) for part in (0.5, 0.99, 1)
        )
        late = sum(seconds > MAX_DELAY_SECONDS for seconds in self.sorted_delay_seconds)
        return (
            f"{self.change_count} changes, {len(self.sorted_delay_seconds)} tellings:"
            f" p50 {p50}, p99 {p99}, longest {longest},"
            f" {late} later than {MAX_DELAY_SECONDS:.0f} s,"
            f" {self.unanswered_commit_count} of unknown COMMIT, {len(self.lost_changes)} lost"
        )


def measure_latency(folder: Path, seconds: float = DURATION_SECONDS, *, kills_node: bool = False) -> LatencyReport:
    """Measure the latency once on a private cluster for `seconds` seconds, and return the result. With `kills_node` a
    node is killed and restarted.
    """
    people = _ROLES_BY_PERSON | {"worker": ("worker",)}
    with servers.start_private_galera() as cluster, Sandbox() as sandbox, ExitStack() as opened:
        place = ServerPlace("galera", folder, PooledDatabase(cluster.nodes, people))
        scene = opened.enter_context(open_payment_desk(place, sandbox, person="lead-c", TIME_SCALE="1"))
        payments = [
            import_paid_payment(scene.console, sandbox, f"ORD-{number}").id for number in range(_PAYMENT_COUNT)
        ]
        posts = _make_notices(scene, round(seconds / _NOTICE_INTERVAL_SECONDS))
        workers = [opened.enter_context(_start_worker(place, sandbox.url, number)) for number in range(_WORKER_COUNT)]
        desks = [
            opened.enter_context(_start_desk(place, sandbox.url, number, payments))
            for number in range(len(_PEOPLE_AT_DESKS))
        ]
        for desk in desks:
            assert _read_line(desk).get("ready"), "a desk said something else"
        before = _read_feed_rows(place)
        begun = time.monotonic()
        act, hear = begun + seconds, begun + seconds + LISTENING_SECONDS
        for desk in desks:
            _send_line(desk, {"act": act, "hear": hear})
        killer = Thread(target=_kill_and_restart_node, args=(cluster, seconds / 3)) if kills_node else None
        if killer:
            killer.start()
        _deliver_notices(posts, workers, act)
        if killer:
            killer.join()
        heard = [_read_report(desk, person) for desk, person in zip(desks, _PEOPLE_AT_DESKS, strict=True)]
        rows = {one: row for one, row in _read_feed_rows(place).items() if one not in before}
        logs = {file.stem: commit_log.read_commit_log(file) for file in folder.glob("*.commits")}
    return compare_with_commits(rows, logs, heard, hear - LISTENING_SECONDS / 2)


def compare_with_commits(
    rows: Mapping[int, FeedRecord],
    logs: Mapping[str, Mapping[int, float]],
    heard: Sequence[ReceivedEvents],
    end: float,
) -> LatencyReport:
    """Find the new rows of the change feed that a desk in `heard` has not received, and measure how long after its
    COMMIT each other row arrived. `rows` has the record of each row by the row's id. `logs` has, for each person who
    wrote, the moment of the COMMIT (monotonic seconds) by the row's id. The delay at the desk of the person who made
    the change is not measured. A change that was committed after `end` (monotonic seconds) needn't have arrived.
    """
    took, lost = [], []
    committed = {one: (moment, writer) for writer, log in logs.items() for one, moment in log.items()}
    due = {one for one in rows if one not in committed or committed[one][0] <= end}
    for desk in heard:
        arrival_seconds_by_row_id = desk.arrival_seconds_by_row_id
        lost += [(desk.person, one) for one in due if one not in arrival_seconds_by_row_id]
        for one in due & arrival_seconds_by_row_id.keys() & committed.keys():
            moment, writer = committed[one]
            if writer != desk.person:
                took.append(arrival_seconds_by_row_id[one] - moment)
    untrue = sum(
        not {rows[one] for one in ids if one in rows} <= {(kind, subject_id) for kind, subject_id in told_of}
        for desk in heard
        for _, ids, told_of in desk.events
    )
    done = sum((desk.action_counts for desk in heard), Counter[str]())
    return LatencyReport(sorted(took), len(due), len(due - committed.keys()), lost, untrue, done)


def measure_latency_and_check(shard: int, folder: Path, seconds: float = DURATION_SECONDS) -> Counter[str]:
    """Measure the latency, and check its limits. The first shard runs without a killed node, the second one with a
    killed node. Return three counts: `changes`, `tellings` (changes that arrived at another desk) and `lost` (changes
    that didn't arrive).
    """
    report = measure_latency(folder, seconds, kills_node=shard == 1)
    where = "one node killed and back" if shard == 1 else "undisturbed"
    print(f"demand feed: {where}: {report.format_figures()}; {dict(report.action_counts)}", flush=True)
    assert report.change_count > seconds, report
    assert (list(report.lost_changes), report.wrong_event_count) == ([], 0), report.lost_changes
    assert shard == 1 or compute_percentile(report.sorted_delay_seconds, 0.99) <= MAX_DELAY_SECONDS, (
        report.format_figures()
    )
    return Counter(
        changes=report.change_count, tellings=len(report.sorted_delay_seconds), lost=len(report.lost_changes)
    )


DEMANDS = (
    Demand(
        "feed",
        2,
        measure_latency_and_check,
        "{changes} changes, {tellings} tellings, {lost} lost; p99 ≤ 2 s, see above",
    ),
)


# The parts of a run


def _read_feed_rows(place: ServerPlace) -> dict[int, FeedRecord]:
    """Return the kind and id of the record that each row of the change feed names, by row id."""
    rows = place.sql("SELECT id, kind, subject_id FROM changes")
    return {int(one): (str(kind), int(subject_id)) for one, kind, subject_id in rows}


def _make_notices(scene: PaymentDesk, count: int) -> Sequence[Any]:
    """Insert `count` orders, and return a notice of a bank about each of them."""
    for start in range(0, count, 500):
        names = ", ".join(
            f"('B-{number}', {_PAYMENT_YEN}, 'JPY')" for number in range(start, min(count, start + 500))
        )
        scene.place.sql(f"INSERT INTO orders (merch_txn_id, total_amount, currency) VALUES {names}")
    return [scene.make_bank_notice(f"event-{number}", f"B-{number}", str(_PAYMENT_YEN)) for number in range(count)]


def _start_worker(place: ServerPlace, url: str, number: int) -> Any:
    log = place.folder / f"worker-{number}.commits"
    program = ("tests.soak.feed_worker", str(log))
    return start_worker(
        place, url, desk=len(_PEOPLE_AT_DESKS) + number, person="worker", program=program, TIME_SCALE="1"
    )


@contextmanager
def _start_desk(
    place: ServerPlace, url: str, number: int, payments: Sequence[int]
) -> "Iterator[subprocess.Popen[str]]":
    """Start the process of the desk with this number, and send it its parameters. The process is killed at the end of
    the block.
    """
    person = _PEOPLE_AT_DESKS[number]
    env = {**os.environ, **place.make_environment(url, person, number, TIME_SCALE="1", **make_settings(url))}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.soak.feed_desk"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        try:
            log = place.folder / f"{person}.commits"
            facts = {"seed": number, "payments": payments, "log": str(log), "every_ms": ACTION_INTERVAL_MS}
            _send_line(process, {**facts, "account": place.get_account_name(person)})
            yield process
        finally:
            process.kill()


def _send_line(desk: "subprocess.Popen[str]", facts: dict[str, Any]) -> None:
    """Write a line of JSON to the desk's stdin."""
    assert desk.stdin is not None
    desk.stdin.write(json.dumps(facts) + "\n")
    desk.stdin.flush()


def _read_line(desk: "subprocess.Popen[str]") -> dict[str, Any]:
    """Read a line of JSON from the desk's stdout. Return {} if the desk's process has ended."""
    assert desk.stdout is not None
    facts: dict[str, Any] = json.loads(desk.stdout.readline() or "{}")
    return facts


def _read_report(desk: "subprocess.Popen[str]", person: str) -> ReceivedEvents:
    facts = _read_line(desk)
    return ReceivedEvents(person, facts["told"], Counter(facts["done"]))


def _deliver_notices(posts: Sequence[Any], workers: Sequence[WorkerProcess], end_time: float) -> None:
    """Deliver the notices to the workers in turn, one every 0.25 s, until `end_time` (monotonic seconds). A notice
    that one worker refuses or can't receive is delivered to the other worker.
    """
    for number, post in enumerate(posts):
        for again in range(10):
            if deliver_notice(workers[(number + again) % len(workers)], post) == 200:
                break
        time.sleep(max(0.0, min(_NOTICE_INTERVAL_SECONDS, end_time - time.monotonic())))
        if time.monotonic() > end_time:
            return


def _kill_and_restart_node(cluster: Cluster, seconds: float) -> None:
    """Kill a cluster node after `seconds` seconds, and restart it after the same number of seconds."""
    node = cluster.nodes[_KILLED_NODE_INDEX]
    time.sleep(seconds)
    node.kill()
    time.sleep(seconds)
    node.start()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.feed_latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=DURATION_SECONDS)
    parser.add_argument("--death", action="store_true", help="kill a node in the middle")
    options = parser.parse_args()
    with isolate_environment(), make_quick_folder() as folder:
        print(dict(measure_latency_and_check(int(options.death), folder, options.seconds)))


if __name__ == "__main__":
    main()
