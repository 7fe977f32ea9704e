"""Goals 25 and 26: the time from a desk request to the first byte at the provider, and the time from the provider's
answer to the desk. Also the load on the database while no person sends requests.
"""

import os
import random
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from console.app import Console
from console.domain.desk_requests.rules import PRESENCE_LEASE_NAME
from console.domain.records import PurchaseRequest
from console.domain.service_results import FeedMark
from console.sandbox.control.client import SandboxControl
from console.sandbox.server import Sandbox
from console.views.app.background_refresh import (
    CHANGE_FEED_INTERVAL_MS,
    FEED_READINGS_PER_WORKER_PRESENCE_READING,
    UNATTENDED_CHANGE_FEED_INTERVAL_MS,
    UNATTENDED_WORK_COUNTS_INTERVAL_MS,
    WORK_COUNTS_INTERVAL_MS,
)
from console.worker.request_threads import QUICK_REQUEST_POLL_PERIOD_SECONDS, REQUEST_POLL_PAUSE_SECONDS
from tests.bench.disk_databases import start_provider_process
from tests.bench.figures import ReportRow, compute_median, compute_percentile, format_duration, format_ratio
from tests.bench.purchases import make_bench_folder, start_servers_on_disk
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.pooled_databases import PooledDatabase
from tests.support.sql_server import SqlServer
from tests.support.team_mode import start_team_mode
from tests.support.waiting import wait_until
from tests.support.worker_process import start_worker

REQUEST_GOAL_NUMBER = 25
IDLE_LOAD_GOAL_NUMBER = 26
_PURCHASE_COUNT = 150
"""Number of purchases that are measured without a pause."""
_WARM_UP_COUNT = 5
"""Number of purchases before the measured ones."""
_PURCHASE_COUNT_AFTER_PAUSE = 20
"""Number of purchases that are measured each after a pause so long that the worker polls less often."""
_SLOW_PURCHASE_COUNT = 20
"""Number of purchases from a slow provider."""
_SLOW_PROVIDER_DELAY_SECONDS = 1.0
"""Time that a slow provider takes for each of its three answers. A desk that waits so long polls the row of its
request less often.
"""
_DESK_COUNT = 50
_WORKER_COUNT = 2
_INTERVALS_MS = {
    "nobody at them": (UNATTENDED_CHANGE_FEED_INTERVAL_MS, UNATTENDED_WORK_COUNTS_INTERVAL_MS),
    "somebody at each": (CHANGE_FEED_INTERVAL_MS, WORK_COUNTS_INTERVAL_MS),
}
"""Intervals (ms) at which a window reads the change feed and the counts of open work, by the presence of people."""
_MEASURED_IDLE_SECONDS = 20.0
_WAIT_BEFORE_MEASURING_SECONDS = 4.0
_IDLE_MEASUREMENT_COUNT = 5
"""Number of measurements of the load for each interval of reads, in turn."""
_SELECT_PRESENCE_LEASES_SQL = f"SELECT name FROM leases WHERE name = '{PRESENCE_LEASE_NAME}'"
_SELECT_REQUEST_TIME_SQL = (
    "SELECT UNIX_TIMESTAMP(CONVERT_TZ(at, '+00:00', @@session.time_zone)) FROM requests"
    " WHERE action = 'purchase' ORDER BY at DESC, id DESC LIMIT 1"
)
"""SQL that reads the time at which the newest desk request for a purchase was stored (seconds since the epoch), by
the server's clock, which is the clock of this machine."""


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Yield the report rows of the requested goals of this module, on each server."""
    for engine, nodes in start_servers_on_disk(goal_numbers & {REQUEST_GOAL_NUMBER, IDLE_LOAD_GOAL_NUMBER}):
        with make_bench_folder() as folder, start_provider_process() as url:
            place = ServerPlace("mariadb" if len(nodes) == 1 else "galera", folder, PooledDatabase(nodes))
            start_team_mode(place, "op-a")
            if REQUEST_GOAL_NUMBER in goal_numbers:
                yield from _measure_requests(engine, place, url)
            if IDLE_LOAD_GOAL_NUMBER in goal_numbers:
                yield from _measure_idle_load(engine, place, url, nodes)


# 25: from the INSERT to the provider, and from its answer to the desk


class ProviderRelay:
    """A relay in front of the provider that records the instants at which bytes of calls and of answers arrive
    (seconds since the epoch).
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.calls: list[float] = []
        self.answers: list[float] = []
        Thread(target=self._accept_connections, daemon=True).start()

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for source, target, moments in ((client, server, self.calls), (server, client, self.answers)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    Thread(target=_relay_bytes, args=(source, target, moments), daemon=True).start()

    def close(self) -> None:
        self._listener.close()


def _relay_bytes(source: socket.socket, target: socket.socket, moments: list[float]) -> None:
    with suppress(OSError):
        while content := source.recv(65_536):
            moments.append(time.time())
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


def _measure_requests(engine: str, place: ServerPlace, url: str) -> Iterator[ReportRow]:
    """Measure goal 25: purchases by desk requests from the provider at `url`, also after a pause and with a slow
    provider. Yield the four rows of the report.
    """
    relay = ProviderRelay(url)
    sent: list[float] = []
    sent_after_quiet: list[float] = []
    heard: list[float] = []
    heard_late: list[float] = []
    with (
        start_worker(place, relay.url, desk=1, person="worker", TIME_SCALE="1"),
        Sandbox() as nobody,
        place.open_desk(nobody, TIME_SCALE="1") as desk,
    ):
        wait_until(lambda: bool(place.sql(_SELECT_PRESENCE_LEASES_SQL)), "a worker that is there", 60.0)
        chance = random.Random(25)
        quick = _WARM_UP_COUNT + _PURCHASE_COUNT
        for turn, number in enumerate(
            invent_numbers(quick + _PURCHASE_COUNT_AFTER_PAUSE + _SLOW_PURCHASE_COUNT, seed=25)
        ):
            if turn == quick + _PURCHASE_COUNT_AFTER_PAUSE:
                SandboxControl(url).change_settings(delay_seconds=_SLOW_PROVIDER_DELAY_SECONDS)
            is_after_quiet = quick <= turn < quick + _PURCHASE_COUNT_AFTER_PAUSE
            time.sleep(
                chance.uniform(0, REQUEST_POLL_PAUSE_SECONDS)
                + (QUICK_REQUEST_POLL_PERIOD_SECONDS if is_after_quiet else 0)
            )
            relay.calls.clear()
            relay.answers.clear()
            desk.credit_checks.purchase(PurchaseRequest(number, "1"))
            back = time.time()
            ((stored_at,),) = place.sql(_SELECT_REQUEST_TIME_SQL)
            if is_after_quiet:
                sent_after_quiet.append(relay.calls[0] - float(stored_at))
            elif turn < quick:
                sent.append(relay.calls[0] - float(stored_at))
                heard.append(back - relay.answers[-1])
            else:
                heard_late.append(back - relay.answers[-1])
        SandboxControl(url).change_settings(delay_seconds=0)
        bare = _measure_plain_polling(place.database.nodes[0])
    relay.close()
    for what, took, p50, p99 in (
        (f"desk asks → first byte to the provider, {engine}", sent[_WARM_UP_COUNT:], 0.06, 0.25),
        (
            f"the same, when nobody has asked for {QUICK_REQUEST_POLL_PERIOD_SECONDS:.0f} s",
            sent_after_quiet,
            0.06,
            0.25,
        ),
        (f"its last answer → at the desk, {engine}", heard[_WARM_UP_COUNT:], None, 0.3),
        ("the same, three calls of a second", heard_late, None, 0.3),
    ):
        seconds = sorted(took)
        middle, end = compute_median(seconds), compute_percentile(seconds, 0.99)
        goal = "p99 ≤ 300 ms" if p50 is None else "p50 ≤ 60 ms, p99 ≤ 250 ms"
        yield ReportRow(
            str(REQUEST_GOAL_NUMBER),
            what,
            f"{format_duration(middle)}, p99 {format_duration(end)}",
            f"bare INSERT + SELECT as often {format_duration(compute_median(bare))}",
            "–",
            format_ratio(middle / compute_median(bare)),
            goal,
            (p50 is None or middle <= p50) and end <= p99,
        )


def _measure_plain_polling(server: SqlServer) -> list[float]:
    """Measure the floor: one connection inserts a row, and another one reads as often as a worker does until it sees
    the row. Return the sorted durations (seconds).
    """
    server.sql("CREATE DATABASE bare", "CREATE TABLE bare.requests(id INT PRIMARY KEY)")
    read_at_by_number, over, took = [0.0] * _PURCHASE_COUNT, Event(), []
    chance = random.Random(25)
    with server.connect() as reader, server.connect() as writer, reader.cursor() as read, writer.cursor() as write:

        def look_for_request() -> None:
            while not over.wait(REQUEST_POLL_PAUSE_SECONDS):
                read.execute("SELECT MAX(id) FROM bare.requests")
                ((last,),) = read.fetchall()
                if last is not None:
                    read_at_by_number[last] = read_at_by_number[last] or time.perf_counter()

        looker = Thread(target=look_for_request)
        looker.start()
        for number in range(_PURCHASE_COUNT):
            time.sleep(chance.uniform(0, REQUEST_POLL_PAUSE_SECONDS))
            write.execute(f"INSERT INTO bare.requests VALUES ({number})")
            began = time.perf_counter()
            while not read_at_by_number[number]:
                time.sleep(0.001)
            took.append(read_at_by_number[number] - began)
        over.set()
        looker.join()
    server.sql("DROP DATABASE bare")
    return sorted(took)


# 26: nobody asks for anything


def _measure_idle_load(engine: str, place: ServerPlace, url: str, nodes: Sequence[SqlServer]) -> Iterator[ReportRow]:
    """Measure goal 26: desks read the change feed and the counts as windows do, and workers poll for requests and run
    their tasks. The desks are distributed over the nodes of a cluster, and the load is that of the busiest node. A
    figure is the median of measurements in turn, because the first ones contain the start of the workers. Yield a row
    of the report for each of the two intervals at which desks read. Its floor is the time that the first node needs
    for as many statements that do nothing, so the ratio doesn't depend on the machine.
    """
    with ExitStack() as opened, Sandbox() as nobody:
        for number in range(_WORKER_COUNT):
            desk = 1 + number
            opened.enter_context(start_worker(place, url, desk=desk, person="worker", TIME_SCALE="1"))
        desks = [
            opened.enter_context(place.open_desk(nobody, desk=3 + n, TIME_SCALE="1")) for n in range(_DESK_COUNT)
        ]
        loads: dict[str, list[ServerLoad]] = {person: [] for person in _INTERVALS_MS}
        marks: list[FeedMark | None] = [None] * _DESK_COUNT
        for _ in range(_IDLE_MEASUREMENT_COUNT):
            for person, (feed_ms, counts_ms) in _INTERVALS_MS.items():
                with _read_at_all_desks(desks, marks, feed_ms, counts_ms):
                    loads[person].append(_measure_busiest_node(nodes))
    where = "busiest node " if len(nodes) > 1 else ""
    for person, measured in loads.items():
        busy = compute_median([load.processor_share for load in measured])
        rate = compute_median([load.statements_per_second for load in measured])
        with _send_empty_statements(nodes[0], rate):
            floor = _measure_server_load(nodes[0])
        yield ReportRow(
            str(IDLE_LOAD_GOAL_NUMBER),
            f"{_DESK_COUNT} desks, {person}, and {_WORKER_COUNT} workers that wait, {engine}",
            f"{where}{100 * busy:.1f} % of one core, {rate:.0f} statements a second",
            f"DO 0 as often {100 * floor.processor_share:.1f} %",
            "–",
            format_ratio(busy / floor.processor_share),
            "≤ 3 %",
            busy <= 0.03,
        )


@contextmanager
def _read_at_all_desks(
    desks: Sequence[Console], marks: list[FeedMark | None], feed_ms: int, counts_ms: int
) -> Iterator[None]:
    """Let all desks read within the block: the change feed every `feed_ms`, the counts every `counts_ms` (ms). The
    reads of the desks are distributed evenly over the interval. The block begins after the first reads, which do more
    work than the later ones. `marks` keeps the positions of the desks in the feed from block to block, as open
    windows do.
    """
    over, lock = Event(), Lock()
    intervals = feed_ms / 1_000, counts_ms // feed_ms
    threads = [
        Thread(target=_poll_as_desk, args=(desk, n, marks, *intervals, over, lock)) for n, desk in enumerate(desks)
    ]
    for thread in threads:
        thread.start()
    over.wait(_WAIT_BEFORE_MEASURING_SECONDS + feed_ms / 1_000)
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _poll_as_desk(
    desk: Console,
    number: int,
    marks: list[FeedMark | None],
    feed_seconds: float,
    counts_every: int,
    stop_event: Event,
    lock: Lock,
) -> None:
    """Until `stop_event` is set, read the change feed of one desk every `feed_seconds`, and the counts at every
    `counts_every`th read; `lock` lets only one desk read counts at a time. `number`, the index of the desk, shifts
    its first read. `marks` has the desk's position in the feed at this index.
    """
    switches: int | None = None
    turn = number
    while not stop_event.wait(feed_seconds * (1 if turn > number else number / _DESK_COUNT)):
        turn += 1
        reads_presence = turn % FEED_READINGS_PER_WORKER_PRESENCE_READING == 0
        news = desk.desk_status.read_desk_update(marks[number], with_presence=reads_presence)
        marks[number] = news.feed_mark
        if reads_presence and news.switches_version != switches:
            desk.read_only_switches.list_switches()
            switches = news.switches_version
        if turn % counts_every == 0:
            with lock:
                _read_counts(desk)


def _read_counts(desk: Console) -> None:
    """Do the reads of `BackgroundRefresh.read_work_counts` for an operator."""
    with desk.desk_status.cache_acting_person():
        desk.recovery.count_queued_records()
        desk.notices.count_open_notices()
        desk.alerts.count_changed_companies()
        desk.recovery.list_unfinished_operations()
        desk.alerts.count_lost_operations()
        mentions = desk.mentions.list_open_mentions()
        desk.incidents.count_waiting_incidents()
        desk.bulk_runs.count_unfinished_runs()
        desk.notifications.list_events((), mentions)
        desk.desk_status.list_answer_times()


@contextmanager
def _send_empty_statements(server: SqlServer, statements_per_second: float) -> Iterator[None]:
    """Within the block, send `DO 0` from as many connections as there are desks and workers, together
    `statements_per_second` times a second.
    """
    connection_count = _DESK_COUNT + _WORKER_COUNT
    pause_seconds = connection_count / statements_per_second
    stop_event = Event()

    def send(number: int) -> None:
        with server.connect() as connection, connection.cursor() as cursor:
            due = time.monotonic() + pause_seconds * number / connection_count
            while not stop_event.wait(max(0.0, due - time.monotonic())):
                cursor.execute("DO 0")
                due += pause_seconds

    threads = [Thread(target=send, args=(number,)) for number in range(connection_count)]
    for thread in threads:
        thread.start()
    stop_event.wait(pause_seconds)
    try:
        yield
    finally:
        stop_event.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """The load of a database server in a measured time: the part of one core that it used (0 to 1), and the
    statements that it executed each second.
    """

    processor_share: float
    statements_per_second: float


def _measure_busiest_node(nodes: Sequence[SqlServer]) -> ServerLoad:
    """Measure all nodes at the same time, and return the load of the one that used most processor time."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        return max(pool.map(_measure_server_load, nodes), key=lambda load: load.processor_share)


def _measure_server_load(server: SqlServer) -> ServerLoad:
    """Measure the server over _MEASURED_IDLE_SECONDS."""
    ((file,),) = server.sql("SELECT @@pid_file")
    pid = int(Path(file).read_text())
    with server.connect() as connection, connection.cursor() as cursor:
        seconds, statements, began = _read_processor_seconds(pid), _read_statement_count(cursor), time.monotonic()
        time.sleep(_MEASURED_IDLE_SECONDS)
        elapsed = time.monotonic() - began
        return ServerLoad(
            (_read_processor_seconds(pid) - seconds) / elapsed,
            (_read_statement_count(cursor) - statements) / elapsed,
        )


def _read_statement_count(cursor: Any) -> int:
    """Return the number of statements that all clients have sent to the server since it started."""
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
    ((_, count),) = cursor.fetchall()
    return int(count)


def _read_processor_seconds(pid: int) -> float:
    """Return the processor time of the process (seconds)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
