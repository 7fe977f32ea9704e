"""Measures the cost of a guarded refund: the request, the approval by another person, the sending and the write of
the outcome. The peer is the same calls to the provider alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from console.app import Console, open_console
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, RefundInstruction
from console.domain.payments.records import Payment, PaymentImport, RefundRequest
from console.domain.payments.states import RefundState
from console.sandbox.control.client import SandboxControl
from console.settings.settings import Settings
from console.wiring.providers import make_payment_adapter
from tests.bench.disk_databases import open_empty_databases_on_disk, start_provider_process
from tests.bench.figures import (
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.bench.peers import DurablePageWriter
from tests.bench.purchases import make_bench_folder
from tests.support.money_desks import make_provider_settings
from tests.support.places import Place

GOAL_NUMBER = 21
_REFUND_COUNT = 100
_WARM_UP_COUNT = 5
_CAPTURED_MINOR = 3_300
_REFUNDED_MONEY = Money(100, "JPY")
_DISK_WRITES_PER_REFUND = 6
"""Number of writes of one refund: the request, the provider's present state, the vote, the claim, the intent, the
outcome.
"""


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    if GOAL_NUMBER not in goal_numbers:
        return
    with start_provider_process() as url:
        control = SandboxControl(url)
        control.change_settings(completes_refunds_at_once=True)
        for engine, place in open_empty_databases_on_disk(GOAL_NUMBER):
            yield from _measure_engine(engine, place, url, control)


def _measure_engine(engine: str, place: Place, url: str, control: SandboxControl) -> Iterator[ReportRow]:
    """Measure a whole refund, and the bare provider calls for a refund, and yield the row of the report. `url` is the
    URL of the sandbox, and `control` its control API.
    """
    with ExitStack() as opened, make_bench_folder() as folder:
        maker, checker = (
            opened.enter_context(_open_desk(place, url, *person)) for person in (("op-a", 0), ("lead-b", 1))
        )
        ours, floor = RefundMeasurement(maker, checker, control, engine), _open_durable_page_writer(opened, folder)
        works = {"whole": ours.refund, "bare": ours.refund_by_adapter, "floor": floor.write}
        took = measure_alternately(works, _REFUND_COUNT, _WARM_UP_COUNT)
    whole, bare, least = (compute_median(took[name]) for name in works)
    asking = sorted(ours.request_durations[-_REFUND_COUNT:])
    figure = f"{format_duration(whole)}, p99 {format_duration(compute_percentile(took['whole'], 0.99))}"
    comparison = f"bare calls, a read and a refund {format_duration(bare)}"
    calls = f"bare calls + {_DISK_WRITES_PER_REFUND} fdatasyncs {format_duration(bare + least)}"
    what = f"refund from asking to completed, {engine}"
    yield ReportRow(str(GOAL_NUMBER), what, figure, calls, comparison, format_ratio(whole / bare), "–", None)
    added = f"{format_duration(whole - bare)}, of which asking {format_duration(compute_median(asking))}"
    floor_alone = f"{_DISK_WRITES_PER_REFUND} fdatasyncs {format_duration(least)}"
    yield ReportRow(
        str(GOAL_NUMBER),
        "added to its calls",
        added,
        floor_alone,
        "–",
        format_ratio((whole - bare) / least),
        "–",
        None,
    )


def _open_desk(place: Place, url: str, person: str, desk: int) -> Console:
    return open_console(Settings.load(place.make_environment(url, person, desk, **make_provider_settings(url))))


def _open_durable_page_writer(opened: ExitStack, folder: Path) -> DurablePageWriter:
    made = DurablePageWriter(folder / "floor", _DISK_WRITES_PER_REFUND)
    opened.callback(made.close)
    return made


class RefundMeasurement:
    """Refunds through the console, and, as the peer, the same two calls by the same adapter alone.
    `request_durations` has the duration of each refund request (seconds).
    """

    def __init__(self, maker: Console, checker: Console, control: SandboxControl, mark: str) -> None:
        self._maker, self._checker, self.request_durations = maker, checker, list[float]()
        self._adapter, self._keys = make_payment_adapter(maker._context, "paypay"), count(1)
        self._mark = mark.upper()
        everybody = [
            self._make_paid_payment(control, f"{self._mark}-{number}")
            for number in range(2 * (_REFUND_COUNT + _WARM_UP_COUNT))
        ]
        self._ours, self._bare = iter(everybody[::2]), iter(everybody[1::2])

    def _make_paid_payment(self, control: SandboxControl, number: str) -> Payment:
        control.payments_control.register_payment("paypay", number, _CAPTURED_MINOR)
        return self._maker.payments.import_payment(PaymentImport("paypay", number))

    def refund(self) -> None:
        """Request and approve a refund through the console."""
        payment = next(self._ours)
        refund_request = RefundRequest(payment.id, str(_REFUNDED_MONEY.minor), "sent back")
        began = self._maker._context.clock.monotonic()
        requested = self._maker.refunds.request(refund_request)
        self.request_durations.append(self._maker._context.clock.monotonic() - began)
        done = self._checker.refunds.approve(requested.id)
        if done.state is not RefundState.COMPLETED:
            raise RuntimeError(f"the refund is {done.state}")

    def refund_by_adapter(self) -> None:
        """Read a payment and refund it by the adapter alone."""
        payment = next(self._bare)
        ours, theirs = payment.merchant_payment_id, payment.provider_payment_id or ""
        self._adapter.read_payment(PaymentQuestion(ours, theirs, Money(_CAPTURED_MINOR, "JPY")))
        key = f"BARE-{self._mark}-{next(self._keys)}"
        done = self._adapter.refund(
            RefundInstruction(key, ours, theirs, _REFUNDED_MONEY, self._maker._context.now(), "sent back")
        )
        if done.content is None:
            raise RuntimeError(f"the bare refund was {done.kind}")
