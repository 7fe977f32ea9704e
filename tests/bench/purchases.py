"""Goals 9, 10 and 13: the cost of a guarded purchase, and of the check of an idempotency key, in one process on each
engine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import bindparam, select

from console.app import Console, open_console
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, Person, PurchaseRequest
from console.providers.credit_checks.provider import CreditCheckCapabilities, CreditCheckReader, PdfAnswer
from console.services.guarded.idempotency import IdempotencyKeyService
from console.settings.settings import Settings
from console.store.access.operators import insert_person
from console.store.schema.core import operations
from tests.bench.big_table import OPERATOR, TABLE_FOLDER
from tests.bench.figures import (
    MeasuredFunction,
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.bench.peers import DurablePageWriter, RedisLock, UnprotectedBuyer, UnprotectedServerBuyer, open_redis_lock
from tests.support.desks import make_environment
from tests.support.invented import invent_numbers
from tests.support.servers import Server, find_missing_reason, start_private_galera, start_private_mariadb
from tests.support.teams import Team, open_team

_PURCHASE_COUNT = 300
_KEY_CHECK_COUNT = 1_000
_MAX_PURCHASE_RATIO = 4.0
"""Largest allowed duration of a guarded purchase: on SQLite as a multiple of its durable writes alone, on MariaDB as
a multiple of an unprotected purchase under GET_LOCK."""
_CALL_NOT_SENT_OUTCOME: Outcome[CheckReport] = Outcome(OutcomeClass.UNKNOWN, "not_asked", SendingCertainty.NO)


class InstantAlarmBox:
    """A provider that answers each purchase at once with success, and whose credit checks can't be read
    afterwards.
    """

    name = "alarmbox"
    capabilities = CreditCheckCapabilities(
        identifies_by_number=True, gives_verdict=True, has_pdf=True, finds_purchases=False
    )

    def __init__(self) -> None:
        self._ids = count(1)

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        days = date(2026, 11, 20), date(2027, 11, 20)
        report = CheckReport(next(self._ids), request.corporation_number, "架空商事", "ok", *days)
        return Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, report, 201, "{}", "0" * 64)

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        return _CALL_NOT_SENT_OUTCOME

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        return Outcome(OutcomeClass.UNKNOWN, "not_asked", SendingCertainty.NO)

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return Outcome(OutcomeClass.UNKNOWN, "not_asked", SendingCertainty.NO)

    def make_reader(self) -> CreditCheckReader:
        return self


def disable_follow_up(console: Console) -> None:
    """Let each purchase of the console end when its outcome is written: the program then doesn't read the detail and
    the PDF from the provider.
    """
    console._action_builders.credit_checks.refetch_service.fetch_parts_after_purchase = lambda *_: None  # type: ignore[method-assign]  # just here


@contextmanager
def make_bench_folder() -> Iterator[Path]:
    """Yield a temporary folder on the disk of the big tables, never in memory."""
    TABLE_FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="desk-", dir=TABLE_FOLDER) as name:
        yield Path(name)


@contextmanager
def open_buying_desk(home: Path) -> Iterator[Console]:
    """Yield a console of an operator with an SQLite database."""
    with _open_desk(home, OPERATOR=OPERATOR) as console:
        with console.database.write_without_retries() as tx:
            insert_person(tx.conn, Person(OPERATOR, frozenset({"operator"}), may_buy=True))
        yield console


@contextmanager
def open_buying_team(server: Server) -> Iterator[tuple[Team, Console]]:
    """Yield a team with a new database on the server, and the console of its operator."""
    with make_bench_folder() as folder, open_team(server) as people:
        settings = {"DATABASE_URL": people.urls["op-a"], "OPERATOR": ""}
        with _open_desk(folder, **settings) as console:
            yield people, console


@contextmanager
def _open_desk(home: Path, **settings: str) -> Iterator[Console]:
    with open_console(
        Settings.load(make_environment(home, "http://127.0.0.1:9", **settings)),
        credit_check_adapter=InstantAlarmBox(),
    ) as console:
        disable_follow_up(console)
        yield console


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if 9 in goal_numbers:
        yield from _measure_purchases_on_sqlite()
    if 13 in goal_numbers:
        with make_bench_folder() as folder, open_buying_desk(folder) as console:
            yield _measure_idempotency_key_check("SQLite", console)
    for engine, nodes in start_servers_on_disk(goal_numbers & {10, 13}):
        with open_buying_team(nodes[0]) as (people, console):
            if 10 in goal_numbers:
                yield from _measure_purchases_on_server(engine, console, people.open_connection("owner"))
            if 13 in goal_numbers:
                yield _measure_idempotency_key_check(engine, console)


def start_servers_on_disk(goal_numbers: frozenset[int]) -> Iterator[tuple[str, Sequence[Server]]]:
    """Yield (name, nodes) of each database server engine that this machine has, one engine after another. Yield
    nothing if `goal_numbers` is empty.
    """
    TABLE_FOLDER.mkdir(exist_ok=True)
    if goal_numbers and find_missing_reason("mariadb") is None:
        with start_private_mariadb(place=TABLE_FOLDER) as server:
            yield "MariaDB", (server,)
    if goal_numbers and find_missing_reason("galera") is None:
        with start_private_galera(place=TABLE_FOLDER) as cluster:
            yield "Galera", cluster.nodes


def _make_buyers(
    console: Console, naive: UnprotectedBuyer | UnprotectedServerBuyer, lock: RedisLock | None
) -> dict[str, MeasuredFunction]:
    """Return the compared ways to buy a credit check, by name: by the guarded service, without any protection, and
    with locks.
    """
    fresh = iter(invent_numbers(5 * _PURCHASE_COUNT))

    def buy_with_lock() -> None:
        if lock is not None:
            with lock.acquire("purchase"):
                naive.buy(next(fresh))

    works: dict[str, MeasuredFunction] = {
        "guarded": lambda: console.credit_checks.purchase(PurchaseRequest(next(fresh), "1")),
        "naive": lambda: naive.buy(next(fresh)),
        "redis": buy_with_lock,
    }
    if isinstance(naive, UnprotectedServerBuyer):
        works["get_lock"] = lambda: naive.buy_under_server_lock(next(fresh))
    return works


def _measure_purchases_on_sqlite() -> Iterator[ReportRow]:
    with make_bench_folder() as folder, open_buying_desk(folder) as console, open_redis_lock(folder) as lock:
        naive, floor = UnprotectedBuyer(folder / "naive.db"), DurablePageWriter(folder / "floor", 3)
        took = measure_alternately(_make_buyers(console, naive, lock) | {"floor": floor.write}, _PURCHASE_COUNT)
        naive.close()
        floor.close()
    guarded, bare = compute_median(took["guarded"]), compute_median(took["floor"])
    yield ReportRow(
        "9",
        "guarded purchase until recorded, SQLite",
        _format_figures(took),
        f"3 fdatasyncs {format_duration(bare)}",
        f"naive, no lock {format_duration(compute_median(took['naive']))}",
        format_ratio(guarded / bare),
        f"≤ {_MAX_PURCHASE_RATIO:.0f}×",
        guarded <= _MAX_PURCHASE_RATIO * bare,
    )
    yield _make_comparison_row("9", "Redis lock around naive", took, "redis" if lock else None)


def _measure_purchases_on_server(engine: str, console: Console, connection: Any) -> Iterator[ReportRow]:
    """Yield the measurements on a server. GET_LOCK is compared only on MariaDB: it locks one node of a cluster."""
    naive = UnprotectedServerBuyer(connection)
    with make_bench_folder() as folder, open_redis_lock(folder) as lock:
        took = measure_alternately(_make_buyers(console, naive, lock), _PURCHASE_COUNT)
    naive.close()
    if engine == "MariaDB":
        what = f"guarded purchase, {engine}"
        yield _make_comparison_row("10", "GET_LOCK around naive", took, "get_lock", what, _MAX_PURCHASE_RATIO)
    yield _make_comparison_row(
        "10", "Redis lock around naive", took, "redis" if lock else None, f"guarded purchase, {engine}"
    )


def _make_comparison_row(
    number: str,
    comparison: str,
    durations: Mapping[str, Sequence[float]],
    name: str | None,
    subject: str = "the same",
    largest_ratio: float = 1.0,
) -> ReportRow:
    """Return the report row of the goal `number` about `subject`. It compares a guarded purchase with another way to
    buy, which the report calls `comparison`; `durations` has its durations (seconds) under `name`. If `name` is None,
    this machine can't run the other way. The goal is a ratio of at most `largest_ratio`.
    """
    goal = f"≤ {largest_ratio:.1f}×"
    if name is None:
        return ReportRow(number, subject, _format_figures(durations), "–", "no redis-server here", "–", goal, None)
    guarded_seconds, other_seconds, bare = (compute_median(durations[one]) for one in ("guarded", name, "naive"))
    floor = f"naive, no lock {format_duration(bare)}"
    peer_time, is_met = (
        f"{comparison} {format_duration(other_seconds)}",
        guarded_seconds <= largest_ratio * other_seconds,
    )
    return ReportRow(
        number,
        subject,
        _format_figures(durations),
        floor,
        peer_time,
        format_ratio(guarded_seconds / other_seconds),
        goal,
        is_met,
    )


def _format_figures(durations: Mapping[str, Sequence[float]]) -> str:
    """Return the figures of the guarded purchase as text."""
    guarded = durations["guarded"]
    return f"{format_duration(compute_median(guarded))}, p99 {format_duration(compute_percentile(guarded, 0.99))}"


def _measure_idempotency_key_check(engine: str, console: Console) -> ReportRow:
    """Measure the check of a known idempotency key. The peer is a read of the same row by its primary key on a
    connection of the same pool. Return the row of the report."""
    keys = IdempotencyKeyService(console._context)
    begun = keys.acquire_key("key", "print", action="bench", subject=("credit-check", 1))
    assert not isinstance(begun, str)
    keys.store_result(begun, "result")
    by_id = select(operations).where(operations.c.id == bindparam("of"))

    def read_row_of_key() -> object:
        with console.database.read() as conn:
            return conn.execute(by_id, {"of": begun.operation_id}).first()

    took = measure_alternately(
        {"check": lambda: keys.find_result("key", "print"), "read": read_row_of_key},
        _KEY_CHECK_COUNT,
        warm_up_round_count=300,
    )
    check, comparison = compute_median(took["check"]), compute_median(took["read"])
    return ReportRow(
        "13",
        f"idempotency check, key seen before, {engine}",
        format_duration(check),
        "–",
        f"Core read by primary key {format_duration(comparison)}",
        format_ratio(check / comparison),
        "≤ 1.25×",
        check <= 1.25 * comparison,
    )
