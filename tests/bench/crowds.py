"""Goals 11 and 12: many processes write to one database. The bench kills some of them meanwhile, and checks that no
corporation number is bought twice and that no writer waits too long.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from console.app import open_console
from console.domain.errors import ConsoleError
from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest
from console.settings.settings import Settings
from console.store.credit_checks import credit_checks
from console.store.database.engine import Database
from console.store.database.sqlite_write_queue import WriteQueueLock
from tests.bench.figures import ReportRow, format_duration
from tests.bench.purchases import InstantAlarmBox, disable_follow_up, make_bench_folder, start_servers_on_disk
from tests.support.children import Child, Pipe, start_children
from tests.support.desks import UNUSED_URL, make_environment
from tests.support.invented import invent_numbers
from tests.support.quick_desks import make_quick_folder
from tests.support.teams import open_team

PROCESS_COUNT = 8
_KILL_INTERVAL_SECONDS = 1.0
_WRITING_SECONDS = 10.0
_PURCHASES_PER_REPORT = 20


def measure_rows(
    goal_numbers: frozenset[int], corporation_count: int, server_corporation_count: int
) -> Iterator[ReportRow]:
    """Yield the report rows of the requested goals of this module.

    Credit checks of `corporation_count` corporation numbers are bought on SQLite, and of `server_corporation_count`
    on servers.
    """
    if 11 in goal_numbers:
        yield _measure_extra_purchases_on_sqlite(corporation_count)
        yield from _measure_extra_purchases_on_servers(server_corporation_count)
    if 12 in goal_numbers:
        yield from _measure_longest_waits()


# 11: each number is bought once, even if buyers are killed


class SalesFileAlarmBox(InstantAlarmBox):
    """A provider that sells at once, and appends a line to a file for each sale; the file isn't lost when a buyer is
    killed.
    """

    def __init__(self, file: Path, first_id: int) -> None:
        super().__init__()
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._ids = count(first_id)

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        os.write(self._file, f"{request.corporation_number}\n".encode())
        return super().buy_check(request)


def buy_credit_checks(
    pipe: Pipe, environment: dict[str, str], ledger: Path, corporation_count: int, first_index: int
) -> None:
    """Target of a child process: buy a credit check of each of the first `corporation_count` invented corporation
    numbers, beginning at the index `first_index`. Send the reached index at intervals, at the end
    `corporation_count`. The provider writes its sales to the file `ledger`.
    """
    settings, first_id = Settings.load(environment), 1 + os.getpid() * 10_000 % 2_000_000_000
    with open_console(settings, credit_check_adapter=SalesFileAlarmBox(ledger, first_id)) as console:
        disable_follow_up(console)
        for place, number in enumerate(invent_numbers(corporation_count)[first_index:], first_index):
            with suppress(ConsoleError):
                console.credit_checks.purchase(PurchaseRequest(number, "1"))
            if place % _PURCHASES_PER_REPORT == 0:
                pipe.send(place)
        pipe.send(corporation_count)


def _measure_extra_purchases_on_sqlite(corporation_count: int) -> ReportRow:
    """Return the row of the report for goal 11 on SQLite, with `corporation_count` numbers, measured with a database
    file in a memory file system. A loss of power isn't tested here.
    """
    with make_quick_folder() as folder:
        environment = make_environment(folder / "desk", UNUSED_URL, LEASES="off")
        with open_console(Settings.load(environment)):
            pass
        return _measure_purchases_without_leases(
            "SQLite", environment, environment, folder / "ledger", corporation_count
        )


def _measure_extra_purchases_on_servers(corporation_count: int) -> Iterator[ReportRow]:
    """Measure goal 11 with `corporation_count` numbers on a single database server, and on all nodes of a cluster at
    the same time; yield a row of the report for each.
    """
    for engine, nodes in start_servers_on_disk(frozenset({11})):
        with make_quick_folder() as folder, open_team(nodes[0]) as people:
            others = [f"fallback={node.host}:{node.port}" for node in nodes[1:]]
            buyer_environment, auditor_environment = (
                make_environment(
                    folder / home,
                    UNUSED_URL,
                    LEASES="off",
                    OPERATOR="",
                    DATABASE_URL=_add_fallback_addresses(url, others),
                )
                for home, url in (("desk", people.urls["op-a"]), ("auditor", people.urls["aud-e"]))
            )
            yield _measure_purchases_without_leases(
                engine, buyer_environment, auditor_environment, folder / "ledger", corporation_count
            )


def _add_fallback_addresses(url: str, fallback_urls: Sequence[str]) -> str:
    """Return the database URL with the other nodes of the cluster as fallbacks."""
    return "?".join([url, "&".join(fallback_urls)]) if fallback_urls else url


def _measure_purchases_without_leases(
    engine: str, environment: dict[str, str], auditor: dict[str, str], ledger: Path, corporation_count: int
) -> ReportRow:
    """Measure goal 11 with `corporation_count` numbers and without leases, so that only the database prevents second
    purchases. `environment` has the environment variables of the buyers, `auditor` those of the person who verifies
    the audit trail, and `ledger` is the file with the sales. Return the row of the report, with the number of extra
    purchases.
    """
    began = time.monotonic()
    kills = _run_buyers(environment, ledger, corporation_count)
    sold = Counter(ledger.read_text().split())
    with open_console(Settings.load(auditor)) as console:
        rows = console.audit.verify_chains()
    extra = sum(sold.values()) - len(sold)
    what = f"extra purchases, {engine}, {PROCESS_COUNT} processes × {corporation_count:,} keys, {kills} kills"
    figure = f"{extra} of {len(sold):,} in {format_duration(time.monotonic() - began)}"
    return ReportRow("11", what, figure, "0", f"audit trail holds, {rows:,} rows", "–", "0", extra == 0)


def _run_buyers(environment: dict[str, str], ledger: Path, corporation_count: int) -> int:
    """Let PROCESS_COUNT processes buy credit checks of the same `corporation_count` numbers. Every second, one that
    has made progress is killed, and another one continues at its index. Return the number of kills.
    """
    reached, begun = dict.fromkeys(range(PROCESS_COUNT), 0), dict.fromkeys(range(PROCESS_COUNT), 0)
    kills = 0
    with start_children(buy_credit_checks, [(environment, ledger, corporation_count, 0)] * PROCESS_COUNT) as buyers:
        while any(place < corporation_count for place in reached.values()):
            time.sleep(_KILL_INTERVAL_SECONDS)
            for index, buyer in enumerate(buyers):
                reached[index] = _receive_index(buyer, reached[index])
                if buyer.process.exitcode:
                    raise RuntimeError(f"a buyer ended with {buyer.process.exitcode}")
            got_on = [index for index in reached if begun[index] < reached[index] < corporation_count]
            if got_on:
                index = got_on[kills % len(got_on)]
                buyers[index].kill()
                buyers[index] = Child(buy_credit_checks, environment, ledger, corporation_count, reached[index])
                begun[index] = reached[index]
                kills += 1
    return kills


def _receive_index(buyer: Child, before: int) -> int:
    """Return the last index that the buyer process has sent; `before` if the buyer has sent no index since the last
    call.
    """
    with suppress(EOFError):
        while buyer.pipe.poll():
            before = int(buyer.pipe.recv())
    return before


# 12: no writer waits long


def write_for_seconds(pipe: Pipe, file: Path, uses_queue: bool, seconds: float) -> None:
    """Target of a child process: write short transactions for `seconds`. With `uses_queue`, the writers of all
    processes wait in the program's queue of writers. Send the number of transactions and the longest wait for one of
    them (seconds).
    """
    database = Database(f"sqlite:///{file}")
    if not uses_queue:
        database._write_queue = WriteQueueLock(None)
    pipe.send("ready")
    pipe.recv()
    written, longest, until = 0, 0.0, time.monotonic() + seconds
    while (begun_at := time.monotonic()) < until:
        try:
            with database.write_without_retries() as tx:
                longest = max(longest, time.monotonic() - begun_at)
                credit_checks.announce_change(tx.conn, written, datetime.now(UTC))
            written += 1
        except ConsoleError:
            longest = max(longest, time.monotonic() - begun_at)
    database.close()
    pipe.send((written, longest))


def _measure_longest_waits() -> Iterator[ReportRow]:
    """Measure goal 12: first with the queue of writers in front of SQLite's lock, then with SQLite's own waiting
    only. Yield two rows of the report: the longest wait of a writer, and the smallest number of writes of a writer as
    a share of the largest one.
    """
    with_queue, without_queue = _run_writers(uses_queue=True), _run_writers(uses_queue=False)
    for goal, figure, comparison, is_met in (
        (
            "≤ 1 s",
            format_duration(with_queue.longest),
            format_duration(without_queue.longest),
            with_queue.longest <= 1,
        ),
        ("≥ 0.3", f"{with_queue.share:.2f}", f"{without_queue.share:.2f}", with_queue.share >= 0.3),
    ):
        what = "longest wait" if goal == "≤ 1 s" else "smallest share of the largest"
        yield ReportRow(
            "12",
            f"{PROCESS_COUNT} writers: {what}",
            figure,
            "–",
            f"SQLite's own waiting {comparison}",
            "–",
            goal,
            is_met,
        )


class WriterResults:
    """The result of all writers: the longest wait (seconds), the smallest count divided by the largest, and the
    writes per second.
    """

    def __init__(self, reports: Sequence[tuple[int, float]]) -> None:
        counts = [written for written, _ in reports]
        self.longest = max(longest for _, longest in reports)
        self.share = min(counts) / max(counts)
        self.each_second = sum(counts) / _WRITING_SECONDS


def _run_writers(*, uses_queue: bool) -> WriterResults:
    """Run the writers, and return their result."""
    with make_bench_folder() as folder:
        file = folder / "console.db"
        with open_console(Settings.load(make_environment(folder, UNUSED_URL))):
            pass
        with start_children(write_for_seconds, [(file, uses_queue, _WRITING_SECONDS)] * PROCESS_COUNT) as writers:
            for writer in writers:
                writer.wait_for_report()
            for writer in writers:
                writer.pipe.send("go")
            return WriterResults([writer.wait_for_report() for writer in writers])
