"""Payments and refunds on any engine while something breaks: what is done, in what state it begins, how it must end.

Desks, providers and leases share one clock; all desks have one home, so that each knows what another has sent.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from console.app import Console, open_console
from console.domain.errors import EXIT_STATUS
from console.domain.payment_records import RefundState
from console.domain.states import ENDED_REFUND
from console.domain.truth import PAID
from console.sandbox.server import Sandbox
from console.settings import Settings
from console.store import boot_clock, orders, payments
from tests.support import money_truth, truth
from tests.support.desks import MovedClock, environment
from tests.support.money_desks import CAPTURED, ask, ending, later, newest, order, paid, providers
from tests.support.payment_desks import BANK_KEY, signed
from tests.support.places import Place
from tests.support.waiting import until

MAKER, CHECKER = "op-a", "lead-b"
NAMED = frozenset(
    {"outcome_unknown", "database_unreachable", "database_locked", "storage_full", "read_only", "bad_profile"}
)
"""How an action may end that the database, or the desk's own file, has left alone."""
_R = RefundState


@dataclass(frozen=True, slots=True)
class Matter:
    """What one action is about."""

    action: str
    number: str
    payment: int = 0
    refund: int = 0
    before: int = 0
    """Refunds at the provider before the action."""


@dataclass
class Stage:
    """`maker` and `checker` sit at desks that nothing disturbs."""

    place: Place
    sandbox: Sandbox
    clock: MovedClock
    maker: Console
    checker: Console
    made: int = 0

    def desk(self, action: str, url: str = "", **extra: str) -> Console:
        """A desk of whoever does this, to be disturbed: by another address of the database, say. Close it."""
        return open_desk(self.place, self.sandbox, self.clock, self.who(action), url, **extra)

    def who(self, action: str) -> str:
        """Who does it."""
        return _WHO.get(action, CHECKER)

    def later(self, step: timedelta = timedelta(minutes=1)) -> None:
        """Time goes on for desks, providers and leases."""
        later(self.clock, self.sandbox, step)
        self.place.age(step)

    def there(self, number: str) -> int:
        """How many refunds of a payment the provider has taken on."""
        return len(self.sandbox.control.money.refunds(payment=number))

    def arrive(self, key: str | None) -> None:
        """What was on its way under this key reaches the provider, and is booked there when this returns."""
        assert self.sandbox.control.release(number=key), f"nothing was on its way under {key}"
        until(lambda: bool(self.sandbox.control.money.refunds(key=key)), f"the refund {key} at the provider")

    # An action

    def prepared(self, action: str) -> Matter:
        """What must be there before it can be done."""
        self.made += 1
        number = f"ORD-{self.made}"
        if action == "notice":
            order(self.place, number, CAPTURED)
            return Matter(action, number)
        payment = paid(self.maker, self.sandbox, number).id
        if action == "ask":
            return Matter(action, number, payment)
        refund = ask(self.maker, payment).id
        if fault := _BEFORE.get(action):
            self.sandbox.control.fault(fault, call="paypay_refund", payment=number)
            code = ending(lambda: self.checker.refunds.approve(refund))
            assert code in ("outcome_unknown", "rate_limited"), code
        if action == "due":
            self.later(timedelta(seconds=15))
        return Matter(action, number, payment, refund, self.there(number))

    def act(self, console: Console, matter: Matter) -> str:
        """How it ended at this desk."""
        return ending(lambda: _ACTS[matter.action](console, matter, self))

    def check_ending(self, matter: Matter, code: str, where: str) -> None:
        """Who was told that nothing was sent was told the truth; who was told that it is done as well."""
        assert code in NAMED | {"done"}, f"{code} at {where}"
        sent = self.there(matter.number) - matter.before
        assert sent <= 1, f"refunded {sent} times at {where}"
        assert not sent or matter.action in ("approve", "due"), f"sent at {where}"
        if matter.action == "approve":
            assert code != "done" or sent == 1, f"done, but not sent, at {where}"
            assert code == "done" or EXIT_STATUS[code] not in (3, 6) or not sent, f"{code}, but sent, at {where}"
        if matter.action == "ask":
            assert (code == "done") <= (newest(self.maker, matter.payment) is not None), f"done, but lost, at {where}"

    def settled(self, matter: Matter, code: str, where: str) -> None:
        """Leases run out, a fresh process at that desk does what is due, until it has ended as it must."""
        self.later()
        with self.desk("due") as fresh:
            fresh.recovery.run_due()
        for _ in range(4):
            if self._ended(matter):
                break
            self.later()
            self.checker.recovery.run_due()
        assert truth.still_calling(self.checker.database) == 0, f"still calling after {where}"
        (self._check_notice if matter.action == "notice" else self._check_refund)(matter, code, where)

    def _ended(self, matter: Matter) -> bool:
        found = newest(self.maker, matter.payment) if matter.payment else None
        return found is None or found.state in ENDED_REFUND or found.state is _R.REQUESTED

    def _check_refund(self, matter: Matter, code: str, where: str) -> None:
        found, there = newest(self.maker, matter.payment), self.there(matter.number)
        if found is None:
            assert (matter.action, there) == ("ask", 0), f"the refund is gone after {where}"
            return
        wanted = {_R.COMPLETED} if matter.action in ("probe", "due", "resolve") else {_DONE[matter.action]}
        wanted |= {_R.REQUESTED} if code != "done" and matter.action in ("approve", "reject", "withdraw") else set()
        assert found.state in wanted, f"{found.state} after {where}: {found}"
        assert there == (found.state is _R.COMPLETED), f"{there} refunds, {found.state}, after {where}"
        if found.state is _R.REQUESTED:
            self.maker.refunds.withdraw(found.id)

    def _check_notice(self, matter: Matter, code: str, where: str) -> None:
        """What was not kept is sent again; then payment and order are booked, once."""
        assert code != "done" or self._events(matter) == 1, f"done, and not kept, at {where}"
        with self.desk("notice") as fresh:
            assert not fresh.payments.notice(_bank(matter, self)).refused, f"refused when repeated: {where}"
        self.later()
        self.checker.recovery.run_due()
        with self.checker.database.read() as conn:
            found = orders.by_number(conn, matter.number)
            assert found is not None
            (payment,) = payments.of_order(conn, found.id)
        assert (payment.state in PAID, payment.captured_minor) == (True, CAPTURED), f"{payment} after {where}"
        assert (found.state, self._events(matter)) == ("paid", 1), f"{found} after {where}"

    def _events(self, matter: Matter) -> int:
        rows = self.place.sql(f"SELECT count(*) FROM payment_events WHERE event_id = 'EV-{matter.number}'")
        return int(rows[0][0])

    def checked(self) -> None:
        """Everything at once, and the audit trail."""
        money_truth.check(self.checker, self.sandbox)
        self.checker.audit.verify()


_WHO = {"ask": MAKER, "withdraw": MAKER, "resolve": MAKER, "notice": MAKER}
_BEFORE = {"probe": "close_after_charge", "resolve": "close_after_charge", "due": "result:RATE_LIMIT"}
_DONE = {"ask": _R.REQUESTED, "approve": _R.COMPLETED, "reject": _R.REJECTED, "withdraw": _R.WITHDRAWN}


def _resolve(console: Console, matter: Matter, _stage: Stage) -> object:
    key = console.refunds.show(matter.refund).record.provider_refund_key
    return console.refunds.resolve(matter.refund, "completed", "seen on their screen", key)


def _bank(matter: Matter, stage: Stage):  # type: ignore[no-untyped-def]  # a post
    now = stage.clock.now()
    told = {
        "event_id": f"EV-{matter.number}", "type": "payment.succeeded", "order_no": matter.number,
        "amount": str(CAPTURED), "currency": "JPY", "occurred_at": now.isoformat(),
    }  # fmt: skip
    return signed("bank", json.dumps(told).encode(), now)


_ACTS: Mapping[str, Callable[[Console, Matter, Stage], object]] = {
    "ask": lambda console, matter, _: ask(console, matter.payment),
    "approve": lambda console, matter, _: console.refunds.approve(matter.refund),
    "reject": lambda console, matter, _: console.refunds.reject(matter.refund, "not ours"),
    "withdraw": lambda console, matter, _: console.refunds.withdraw(matter.refund),
    "probe": lambda console, matter, _: console.refunds.probe(matter.refund),
    "due": lambda console, _matter, _: console.recovery.run_due(),
    "resolve": _resolve,
    "notice": lambda console, matter, stage: console.payments.notice(_bank(matter, stage)),
}
ACTIONS = tuple(_ACTS)


def open_desk(
    place: Place, sandbox: Sandbox, clock: MovedClock, person: str, url: str = "", **extra: str
) -> Console:  # fmt: skip
    """A desk of this person's, the database by another address if one is given. Close it."""
    own = {"DATABASE_URL": url} if url else {}
    facts = {**place.facts(person, 0), **providers(sandbox.url), "SECRET_NOTICE_BANK_KEY": BANK_KEY, **own, **extra}
    return open_console(Settings.load(environment(place.home, sandbox.url, **facts)), clock)


@contextmanager
def stage(place: Place) -> Iterator[Stage]:
    """Around an empty database."""
    clock, uptime = MovedClock(), boot_clock.uptime_ms
    with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
        patch.setattr(boot_clock, "uptime_ms", lambda: uptime() + round(clock.offset.total_seconds() * 1000))
        with (
            open_desk(place, sandbox, clock, MAKER) as maker,
            open_desk(place, sandbox, clock, CHECKER) as checker,
        ):
            yield Stage(place, sandbox, clock, maker, checker)
