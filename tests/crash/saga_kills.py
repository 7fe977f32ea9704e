"""Kills the saga of an overdue payment with SIGKILL before and after each step. Checks that the next process
continues the saga, and that each effect happens once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from console.app import Console
from console.domain.process.lease_names import make_payment_lease_name
from console.domain.tasks.saga_progress import SagaProgress
from console.domain.tasks.states import SagaState
from console.sandbox.server import Sandbox
from tests.crash.money_actors import execute_money_action
from tests.support import money_truth
from tests.support.children import start_children
from tests.support.desks import MovedClock
from tests.support.money_desks import insert_order, make_provider_settings, move_clocks
from tests.support.payment_desks import make_notice
from tests.support.places import Place
from tests.support.waiting import wait_until

KILLED_EXIT_STATUS = -9
ORDER_TOTAL_MINOR = 3_000
_TIME_SCALE_OF_KILLED = "8"
"""Time scale of the killed processes. They wait longer for the provider than the desk does, because a saga that gets
no answer on a busy machine waits before its step. The test also waits longer for the end of their leases."""
_SAGA_FAILPOINTS = (
    "before_saga", "after_saga", "before_ask_provider", "answered_ask_provider", "after_ask_provider",
    "before_expire_payment", "after_expire_payment", "before_cancel_order", "after_cancel_order",
    "before_release_stock", "after_release_stock",
)  # fmt: skip
STEPS_BY_COURSE: dict[str, tuple[str, ...]] = {
    "unpaid": _SAGA_FAILPOINTS,
    "paid in time": ("answered_ask_provider", "after_ask_provider"),
    "paid late": ("before_undo_expire_payment", "after_undo_expire_payment"),
}
_AUDITED_STEPS = (
    "payment.expired",
    "payment.booked",
    "payment.expiry_undone",
    "order.cancelled",
    "order.stock_released",
    "order.paid",
)


@dataclass
class SagaKillCase:
    """A payment with an order of its own, whose saga is killed at one step. `payment_course` is "unpaid", "paid in
    time" or "paid late"."""

    payment_course: str
    step: str
    number: str
    order_id: int = 0
    payment_id: int = 0

    @property
    def expected_end(self) -> tuple[str, str, str, SagaState | None, tuple[str, ...]]:
        """The expected states of payment, order, stock and saga (None: no saga), and the steps that the audit trail
        has exactly once."""
        ends = {
            "unpaid": ("expired", "cancelled", "released", SagaState.DONE, (0, 3, 4)),
            "paid in time": ("completed", "paid", "held", SagaState.DONE, (1, 5)),
            "paid late": ("completed", "paid", "held", SagaState.COMPENSATED, (0, 1, 2, 5)),
        }
        payment, order, stock, saga, step_indices = ends[self.payment_course]
        return payment, order, stock, saga, tuple(sorted(_AUDITED_STEPS[i] for i in step_indices))


def kill_saga_at_each_step(place: Place) -> Counter[str]:
    """Kill the saga of each case at its step, four sagas at a time. After their leases have expired, only due tasks
    run. Return the number of kills under the key `kills`."""
    with Sandbox() as sandbox, _open_desk(place, sandbox) as (console, clock):
        cases = [SagaKillCase(course, step, f"ORD-{i}") for i, (course, step) in enumerate(_list_courses_and_steps())]
        for case in cases:
            _prepare_overdue_payment(place, console, case)
        _pay_at_provider(sandbox, [case for case in cases if case.payment_course == "paid in time"])
        late = [case for case in cases if case.payment_course == "paid late"]
        _kill_sagas(place, sandbox, late, "after_expire_payment")
        _pay_at_provider(sandbox, late)
        with place.open_desk(
            sandbox, clock, person=place.notice_account_name, **make_provider_settings(sandbox.url)
        ) as taker:
            for case in late:
                taker.payments.receive_notice(make_notice(sandbox.control.payments_control, "paypay", case.number))
        _kill_sagas(place, sandbox, [case for case in cases if case not in late])
        wait_until(lambda: not _is_leased(console, late), "the leases of the dead")
        _kill_sagas(place, sandbox, late)
        wait_until(lambda: not console.recovery.list_lease_holders(), "the leases of the dead")
        for _ in range(2):
            console.recovery.run_all_tasks()
            move_clocks(clock, sandbox, timedelta(minutes=5))
        for case in cases:
            _check_effects_once(place, console, case)
        money_truth.check_money(console, sandbox)
        console.audit.verify_chains()
    return Counter(kills=len(cases))


def _is_leased(console: Console, cases: Sequence[SagaKillCase]) -> bool:
    """True if the lease of one of these payments is held."""
    names = {lease.name for lease in console.recovery.list_lease_holders()}
    return bool(names & {make_payment_lease_name(case.payment_id) for case in cases})


def _list_courses_and_steps() -> Iterator[tuple[str, str]]:
    """Yield (payment course, step) of each case."""
    return ((course, step) for course, steps in STEPS_BY_COURSE.items() for step in steps)


@contextmanager
def _open_desk(place: Place, sandbox: Sandbox) -> Iterator[tuple[Console, MovedClock]]:
    """Open a desk and its clock."""
    clock = MovedClock()
    with place.open_desk(sandbox, clock, **make_provider_settings(sandbox.url)) as console:
        yield console, clock


def _prepare_overdue_payment(place: Place, console: Console, case: SagaKillCase) -> None:
    """Begin a payment that no payer pays and whose time limit has passed, also by the server's clock. The shop has
    reserved stock for its order."""
    case.order_id = insert_order(place, case.number, ORDER_TOTAL_MINOR)
    case.payment_id = console.payments.start(case.order_id, "paypay").payment.id
    place.sql(
        "INSERT INTO stock_reservations (order_id, item, quantity, created_at)"
        f" VALUES ({case.order_id}, 'SKU-1', 1, '2026-11-20 03:00:00')",
        f"UPDATE payments SET payment_expires_at = '2026-11-20 03:00:00', version = version + 1"
        f" WHERE id = {case.payment_id}",
    )


def _pay_at_provider(sandbox: Sandbox, cases: Sequence[SagaKillCase]) -> None:
    """Let the payers pay at the provider, without a notice."""
    for case in cases:
        sandbox.control.payments_control.change_payment_state("paypay", case.number, "paid", notify=False)


def _kill_sagas(place: Place, sandbox: Sandbox, cases: Sequence[SagaKillCase], step: str | None = None) -> None:
    """Kill the sagas of these cases, each at its step or all at `step`."""
    extra = make_provider_settings(sandbox.url) | {"TIME_SCALE": _TIME_SCALE_OF_KILLED}
    for some in (cases[i : i + 4] for i in range(0, len(cases), 4)):
        environments = [
            place.make_environment(sandbox.url, FAILPOINT=f"{step or case.step}:1:kill", **extra) for case in some
        ]
        each = [
            (environment, "time_out", case.payment_id) for case, environment in zip(some, environments, strict=True)
        ]
        with start_children(execute_money_action, each) as children:
            for case, child in zip(some, children, strict=True):
                assert child.wait_for_report() == "open"
                assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{case} went on unharmed"


def _check_effects_once(place: Place, console: Console, case: SagaKillCase) -> None:
    """Check that each effect happened once, and that the saga has ended as expected."""
    view = console.payments.read_order(case.order_id)
    ended: tuple[SagaProgress, ...] = view.sagas
    actual_end = (
        view.payments[0].state.value,
        view.record.state.value,
        str(place.sql(f"SELECT status FROM stock_reservations WHERE order_id = {case.order_id}")[0][0]),
        ended[0].record.state if ended else None,
        _list_audit_steps(place, case),
    )
    assert actual_end == case.expected_end, case
    assert len(ended) == 1, case


def _list_audit_steps(place: Place, case: SagaKillCase) -> tuple[str, ...]:
    """Return the steps of the saga in the audit trail, sorted."""
    what = ", ".join(f"'{one}'" for one in _AUDITED_STEPS)
    rows = place.sql(
        f"SELECT what FROM audit_log WHERE what IN ({what}) AND ((subject_kind = 'payment' AND subject_id ="
        f" '{case.payment_id}') OR (subject_kind = 'order' AND subject_id = '{case.order_id}'))"
    )
    return tuple(sorted(str(one) for (one,) in rows))
