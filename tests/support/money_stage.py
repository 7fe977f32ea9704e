"""A stage for tests of actions on payments and refunds with a fault, on any database engine: the actions, their
records, and the checks of their endings.

Desks, providers and leases have one common clock. All desks have the same home folder, so that each desk can read the
intents of the others.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from console.app import Console, open_console
from console.domain.errors import EXIT_STATUS
from console.domain.payments.states import PAID_STATES, RefundState
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.database import boot_clock
from console.store.payments import orders, payments
from tests.support import money_truth, server_clock, truth
from tests.support.desks import MovedClock, make_environment
from tests.support.money_desks import (
    CAPTURED_MINOR,
    find_newest_refund,
    import_paid_payment,
    insert_order,
    make_provider_settings,
    move_clocks,
    request_refund,
)
from tests.support.payment_desks import BANK_KEY, make_signed_notice
from tests.support.places import Place
from tests.support.refusals import call_and_get_code
from tests.support.waiting import wait_until

MAKER, CHECKER = "op-a", "lead-b"
EXPECTED_REFUSALS = frozenset(
    {"outcome_unknown", "database_unreachable", "database_locked", "storage_full", "read_only", "bad_profile"}
)
"""Error codes with which an action may end if the database or the desk's own file fails."""


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """The record on which an action is executed. `number` is the payment number, for a notice the number of the
    order, and for a purchase only a unique text. `payment_id` and `refund_id` are 0 if the action needs no such
    record.
    """

    action: str
    number: str
    payment_id: int = 0
    refund_id: int = 0
    refund_count_before: int = 0
    """Number of the payment's refunds at the provider before the action."""


@dataclass
class MoneyStage:
    """The database, the sandbox and the desks of one test. The desks of `maker` (the requester) and `checker` (the
    approver) have no faults.
    """

    place: Place
    sandbox: Sandbox
    clock: MovedClock
    maker: Console
    checker: Console
    target_count: int = 0

    def open_desk(self, action: str, url: str = "", **extra: str) -> Console:
        """Open a desk of the person who executes this action, and return it; the caller must close it. The test
        causes faults at this desk, for example with another address `url` of the database. `extra` are further
        settings without their prefix `CONSOLE_`.
        """
        return open_console_as(self.place, self.sandbox, self.clock, self.get_person(action), url, **extra)

    def get_person(self, action: str) -> str:
        """Return the name of the person who executes this action."""
        return self.place.notice_account_name if action == "notice" else _PERSON_BY_ACTION.get(action, CHECKER)

    def move_clocks(self, step: timedelta = timedelta(minutes=1)) -> None:
        """Move the clocks of desks, providers and leases forward by `step`."""
        move_clocks(self.clock, self.sandbox, step)
        self.place.move_lease_clock(step)

    def count_provider_refunds(self, number: str) -> int:
        """Return the number of refunds of this payment that the provider has accepted."""
        return len(self.sandbox.control.payments_control.read_refunds(payment=number))

    def release_held_call(self, key: str | None) -> None:
        """Let the held request with this key reach the provider. When the method returns, the provider has booked the
        request.
        """
        assert self.sandbox.control.release_calls(number=key), f"nothing was on its way under {key}"
        wait_until(
            lambda: bool(self.sandbox.control.payments_control.read_refunds(key=key)),
            f"the refund {key} at the provider",
        )

    # An action

    def prepare_target(self, action: str) -> ActionTarget:
        """Create the records that the action needs, and return the record on which it is executed."""
        self.target_count += 1
        number = f"ORD-{self.target_count}"
        if action == "notice":
            insert_order(self.place, number, CAPTURED_MINOR)
            return ActionTarget(action, number)
        payment_id = import_paid_payment(self.maker, self.sandbox, number).id
        if action == "ask":
            return ActionTarget(action, number, payment_id)
        refund_id = request_refund(self.maker, payment_id).id
        if fault := _FAULT_BEFORE_ACTION.get(action):
            self.sandbox.control.add_fault(fault, call="paypay_refund", payment=number)
            code = call_and_get_code(lambda: self.checker.refunds.approve(refund_id))
            assert code in ("outcome_unknown", "rate_limited"), code
        if action == "due":
            self.move_clocks(timedelta(seconds=15))
        return ActionTarget(action, number, payment_id, refund_id, self.count_provider_refunds(number))

    def execute_action(self, console: Console, target: ActionTarget) -> str:
        """Execute the action at this desk, and return its ending (see `call_and_get_code` in refusals.py)."""
        return call_and_get_code(lambda: _FUNCTION_BY_ACTION[target.action](console, target, self))

    def check_ending(self, target: ActionTarget, ending: str, situation: str) -> None:
        """Compare `ending`, the result of `execute_action`, with the provider's ledger: an answer "nothing was sent"
        or "done" must agree with the ledger. `situation` describes the fault in failure messages.
        """
        assert ending in EXPECTED_REFUSALS | {"done"}, f"{ending} at {situation}"
        sent = self.count_provider_refunds(target.number) - target.refund_count_before
        assert sent <= 1, f"refunded {sent} times at {situation}"
        assert not sent or target.action in ("approve", "due"), f"sent at {situation}"
        if target.action == "approve":
            assert ending != "done" or sent == 1, f"done, but not sent, at {situation}"
            assert ending == "done" or EXIT_STATUS[ending] not in (3, 6) or not sent, (
                f"{ending}, but sent, at {situation}"
            )
        if target.action == "ask":
            assert (ending == "done") <= (find_newest_refund(self.maker, target.payment_id) is not None), (
                f"done, but lost, at {situation}"
            )

    def settle_and_check(self, target: ActionTarget, ending: str, situation: str) -> None:
        """Let the leases expire, and run the due tasks at a newly opened desk. Then run them at the desk of
        `checker`, at most four times, until the record has ended. Check that the record has ended correctly. `ending`
        is the ending that `execute_action` has returned, and `situation` describes the fault in failure messages."""
        self.move_clocks()
        with self.open_desk("due") as fresh:
            fresh.recovery.run_all_tasks()
        for _ in range(4):
            if self._is_target_ended(target):
                break
            self.move_clocks()
            self.checker.recovery.run_all_tasks()
        assert truth.count_calling_operations(self.checker.database) == 0, f"still calling after {situation}"
        (self._check_notice if target.action == "notice" else self._check_refund)(target, ending, situation)

    def _is_target_ended(self, target: ActionTarget) -> bool:
        refund = find_newest_refund(self.maker, target.payment_id) if target.payment_id else None
        return refund is None or refund.state in ENDED_REFUND_STATES or refund.state is RefundState.REQUESTED

    def _check_refund(self, target: ActionTarget, ending: str, situation: str) -> None:
        """Check that the refund has a state that the action and its ending allow, and that the provider has made a
        refund only if ours is completed. `ending` is "done" or an error code, `situation` describes the fault in
        failure messages.
        """
        refund, there = find_newest_refund(self.maker, target.payment_id), self.count_provider_refunds(target.number)
        if refund is None:
            assert (target.action, there) == ("ask", 0), f"the refund is gone after {situation}"
            return
        allowed_states = (
            {RefundState.COMPLETED}
            if target.action in ("probe", "due", "resolve")
            else {_STATE_AFTER_ACTION[target.action]}
        )
        allowed_states |= (
            {RefundState.REQUESTED}
            if ending != "done" and target.action in ("approve", "reject", "withdraw")
            else set()
        )
        assert refund.state in allowed_states, f"{refund.state} after {situation}: {refund}"
        assert there == (refund.state is RefundState.COMPLETED), f"{there} refunds, {refund.state}, after {situation}"
        if refund.state is RefundState.REQUESTED:
            self.maker.refunds.withdraw(refund.id)

    def _check_notice(self, target: ActionTarget, ending: str, situation: str) -> None:
        """Send the notice again, as a provider does. Check that the payment and its order are booked exactly once.
        `situation` describes the fault in failure messages.
        """
        assert ending != "done" or self._count_events(target) == 1, f"done, and not kept, at {situation}"
        with self.open_desk("notice") as fresh:
            assert not fresh.payments.receive_notice(_make_bank_notice(target, self)).is_refused, (
                f"refused when repeated: {situation}"
            )
        self.move_clocks()
        self.checker.recovery.run_all_tasks()
        with self.checker.database.read() as conn:
            order = orders.find_by_number(conn, target.number)
            assert order is not None
            (payment,) = payments.find_by_order(conn, order.id)
        assert (payment.state in PAID_STATES, payment.captured_minor) == (True, CAPTURED_MINOR), (
            f"{payment} after {situation}"
        )
        assert (order.state, self._count_events(target)) == ("paid", 1), f"{order} after {situation}"

    def _count_events(self, target: ActionTarget) -> int:
        rows = self.place.sql(f"SELECT count(*) FROM payment_events WHERE event_id = 'EV-{target.number}'")
        return int(rows[0][0])

    def check_all_rules(self) -> None:
        """Check all rules of money_truth.py and the hash chains of the audit trail."""
        money_truth.check_money(self.checker, self.sandbox)
        self.checker.audit.verify_chains()


_PERSON_BY_ACTION = {"ask": MAKER, "withdraw": MAKER, "resolve": MAKER}
_FAULT_BEFORE_ACTION = {"probe": "close_after_charge", "resolve": "close_after_charge", "due": "result:RATE_LIMIT"}
_STATE_AFTER_ACTION = {
    "ask": RefundState.REQUESTED,
    "approve": RefundState.COMPLETED,
    "reject": RefundState.REJECTED,
    "withdraw": RefundState.WITHDRAWN,
}


def _resolve_refund(console: Console, target: ActionTarget, _stage: MoneyStage) -> object:
    key = console.refunds.read_refund(target.refund_id).record.provider_refund_key
    return console.refunds.resolve(target.refund_id, "completed", "seen on their screen", key)


def _make_bank_notice(target: ActionTarget, stage: MoneyStage):  # type: ignore[no-untyped-def]  # a post
    """Return a signed notice of a bank which states that the target's payment was paid."""
    now = stage.clock.now()
    body = {
        "event_id": f"EV-{target.number}",
        "type": "payment.succeeded",
        "order_no": target.number,
        "amount": str(CAPTURED_MINOR),
        "currency": "JPY",
        "occurred_at": now.isoformat(),
    }
    return make_signed_notice("bank", json.dumps(body).encode(), now)


_FUNCTION_BY_ACTION: Mapping[str, Callable[[Console, ActionTarget, MoneyStage], object]] = {
    "ask": lambda console, target, _: request_refund(console, target.payment_id),
    "approve": lambda console, target, _: console.refunds.approve(target.refund_id),
    "reject": lambda console, target, _: console.refunds.reject(target.refund_id, "not ours"),
    "withdraw": lambda console, target, _: console.refunds.withdraw(target.refund_id),
    "probe": lambda console, target, _: console.refunds.probe(target.refund_id),
    "due": lambda console, _target, _: console.recovery.run_all_tasks(),
    "resolve": _resolve_refund,
    "notice": lambda console, target, stage: console.payments.receive_notice(_make_bank_notice(target, stage)),
}
ACTIONS = tuple(_FUNCTION_BY_ACTION)


def open_console_as(
    place: Place, sandbox: Sandbox, clock: MovedClock, person: str, url: str = "", **extra: str
) -> Console:
    """Open a desk of this person and return it; the caller must close it. `url` is another address of the database,
    or "" for the usual one. `extra` are further settings without their prefix `CONSOLE_`.
    """
    own = {"DATABASE_URL": url} if url else {}
    facts = {
        **place.make_settings(person, 0),
        **make_provider_settings(sandbox.url),
        "SECRET_NOTICE_BANK_KEY": BANK_KEY,
        **own,
        **extra,
    }
    return open_console(Settings.load(make_environment(place.first_desk_home, sandbox.url, **facts)), clock)


@contextmanager
def open_money_stage(place: Place, **extra: str) -> Iterator[MoneyStage]:
    """Yield a MoneyStage with the empty database of `place`. `extra` are further settings of `maker` and `checker`
    without their prefix `CONSOLE_`.
    """
    clock, uptime = MovedClock(), boot_clock.read_uptime_ms
    with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
        patch.setattr(boot_clock, "read_uptime_ms", lambda: uptime() + round(clock.offset.total_seconds() * 1000))
        server_clock.use_desk_time(patch)
        with (
            open_console_as(place, sandbox, clock, MAKER, **extra) as maker,
            open_console_as(place, sandbox, clock, CHECKER, **extra) as checker,
        ):
            yield MoneyStage(place, sandbox, clock, maker, checker)
