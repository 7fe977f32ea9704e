"""Goals 9 and 13: what a guarded purchase and a check of a key cost in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import bindparam, select

from console.app import Console, open_console
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import CheckReport, Person, PurchaseRequest
from console.providers.protocol import Capabilities, CreditReader, PdfAnswer
from console.services.idempotency import Idempotency
from console.settings import Settings
from console.store import people
from console.store.schema import operations
from tests.bench.big_table import FOLDER, OPERATOR
from tests.bench.figures import Row, centile, median, side_by_side, span, times
from tests.bench.peers import DurableWrites, Naive, redis
from tests.support.desks import environment
from tests.support.invented import numbers

_PURCHASES = 500
_CHECKS = 3_000
_NOTHING: Outcome[CheckReport] = Outcome(OutcomeClass.UNKNOWN, "not_asked", Sent.NO)


class InstantVendor:
    """Sells at once. Nothing can be read from it."""

    name = "alarmbox"
    capabilities = Capabilities(
        by_number=True, synchronous=True, verdict=True, pdf=True, idempotent=False, finds_purchases=False
    )

    def __init__(self) -> None:
        self._ids = count(1)

    def check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        days = date(2026, 11, 20), date(2027, 11, 20)
        report = CheckReport(next(self._ids), request.corporation_number, "架空商事", "ok", *days)
        return Outcome(OutcomeClass.SUCCEEDED, "answered", Sent.YES, report, 201, "{}", "0" * 64)

    def detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        return _NOTHING

    def pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        return Outcome(OutcomeClass.UNKNOWN, "not_asked", Sent.NO)

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        return Outcome(OutcomeClass.UNKNOWN, "not_asked", Sent.NO)

    def reader(self) -> CreditReader:
        return self


def without_follow_up(console: Console) -> None:
    """A purchase ends when it is recorded: detail and PDF are calls of their own."""
    console._machinery._completion.follow_up = lambda *_: None  # type: ignore[method-assign]  # just here


@contextmanager
def bench_folder() -> Iterator[Path]:
    """On the disk that also holds the big tables, never in memory."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="desk-", dir=FOLDER) as name:
        yield Path(name)


@contextmanager
def buying_desk(home: Path) -> Iterator[Console]:
    told = environment(home, "http://127.0.0.1:9", OPERATOR=OPERATOR)
    with open_console(Settings.load(told), vendor=InstantVendor()) as console:
        with console.database.attempt() as tx:
            people.add(tx.conn, Person(OPERATOR, frozenset({"operator"}), may_buy=True))
        without_follow_up(console)
        yield console


def rows(wanted: frozenset[int]) -> Iterator[Row]:
    if 9 in wanted:
        yield from _purchase()
    if 13 in wanted:
        yield _check()


def _purchase() -> Iterator[Row]:
    with bench_folder() as folder, buying_desk(folder) as console, redis(folder) as lock:
        naive, floor, fresh = Naive(folder / "naive.db"), DurableWrites(folder / "floor", 3), iter(numbers(2_000))

        def locked() -> None:
            if lock is not None:
                with lock.held("purchase"):
                    naive.buy(next(fresh))

        took = side_by_side(
            {
                "guarded": lambda: console.credit_checks.purchase(PurchaseRequest(next(fresh), "1")),
                "floor": floor.write,
                "naive": lambda: naive.buy(next(fresh)),
                "locked": locked,
            },
            _PURCHASES,
        )
        naive.close()
        floor.close()
    guarded, bare, alone, other = (median(took[name]) for name in ("guarded", "floor", "naive", "locked"))
    shown = f"{span(guarded)}, p99 {span(centile(took['guarded'], 0.99))}"
    beside = f"naive, no lock {span(alone)}"
    yield Row(
        "9", "guarded purchase until recorded", shown, f"3 fdatasyncs {span(bare)}", beside,
        times(guarded / bare), "≤ 1.6×", guarded <= 1.6 * bare,
    )  # fmt: skip
    name = "Redis lock around naive"
    if lock is None:
        yield Row("9", f"the same beside a {name}", shown, "–", "no redis-server here", "–", "≤ 1.0×", None)
    else:
        peer = f"{name} {span(other)}"
        yield Row("9", "the same", shown, "–", peer, times(guarded / other), "≤ 1.0×", guarded <= other)


def _check() -> Row:
    with bench_folder() as folder, buying_desk(folder) as console:
        keys = Idempotency(console._desk)
        begun = keys.try_("key", "print", action="bench", subject=("credit-check", 1))
        assert not isinstance(begun, str)
        keys.store(begun, "result")
        by_id = select(operations).where(operations.c.id == bindparam("of"))

        def read() -> object:
            with console.database.read() as conn:
                return conn.execute(by_id, {"of": begun.operation_id}).first()

        took = side_by_side({"check": lambda: keys.check("key", "print"), "read": read}, _CHECKS, warm=500)
    check, peer = median(took["check"]), median(took["read"])
    return Row(
        "13", "idempotency check, key seen before, local", span(check), "–", f"Core read by primary key {span(peer)}",
        times(check / peer), "≤ 1.25×", check <= 1.25 * peer,
    )  # fmt: skip
