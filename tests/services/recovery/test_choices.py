"""The decision table against the services, on a real desk: what the table rules out is refused, what it offers is
done, and ends as its dry run said. Every kind of record, in every state, by every role.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from console.domain.payments.consistency import ENDED_UNPAID_STATES, WAITING_STATES
from console.domain.payments.states import PaymentState
from console.domain.recovery.records import ProviderStatement
from console.services.credit_checks.refetch import make_lease_name
from console.store.credit_checks import credit_checks
from console.store.operations import leases
from console.store.refunds import refunds
from tests.support.choice_stage import Stage, stage
from tests.support.quick_desks import quick_folder

CODES: dict[str, str | tuple[str, ...]] = {
    "outcome_known": "nothing_to_resolve", "outcome_expected": "nothing_to_resolve",
    "no_such_step": "nothing_to_resolve",
    "order_follows": "nothing_to_resolve",
    "no_payment": "nothing_to_resolve", "payment_no_order": "nothing_to_resolve",
    "payment_not_paid": "nothing_to_resolve", "payment_reversed": ("nothing_to_resolve", "exceeds_captured"),
    "order_knows": "nothing_to_resolve",
    "callback_only": "nothing_to_resolve", "order_not_covered": "nothing_to_resolve",
    "provider_says_otherwise": "evidence_mismatch",
    "own_first_half": "same_person", "role": "not_allowed",
    "may_not_buy": "not_allowed", "in_progress": "in_progress", "not_bought": "not_refetchable",
    "viewing_over": "viewing_period_over", "bought_already": "already_purchased",
    "bought_perhaps": ("already_purchased", "not_refetchable"), "no_provider_id": "not_refetchable",
    "payment_unknown": "exceeds_captured",
    "no_list_call": "outcome_unknown", "taken": "in_progress", "refund_unknown": "in_progress",
    "refund_open": "in_progress", "refund_not_paid": "exceeds_captured", "refund_nothing_left": "exceeds_captured",
    "refund_no_number": "exceeds_captured",
}  # fmt: skip
"""The service's refusals of choices that the table excludes, by the table's reason."""
TRIED = ("done", "outcome_unknown", "provider_unreachable")
"""It was done, or the provider was asked in vain."""
PEOPLE = ("op-a", "op-e", "lead-b", "aud-f")


@pytest.fixture(scope="module")
def desk() -> Iterator[Stage]:
    with quick_folder() as folder, stage(folder / "home") as made:
        yield made


def _refusals(who: str, what: str, reason: str) -> tuple[str, ...]:
    """The services look at the person before they look at the record."""
    lacks = who == "aud-f" or (who == "op-e" and what == "buy")
    codes = CODES[reason]
    said = (codes,) if isinstance(codes, str) else codes
    return (*said, "not_allowed") if lacks else said


def compare(desk: Stage, who: str, kind: str, make: Callable[[], Any], skip: tuple[str, ...] = ()) -> None:
    """Everything that is ruled out is refused, and leaves the record as it was; everything offered is done."""
    record, ruled_out = make(), list[str]()
    for what, choice in desk.choices(who, kind, record.id).items():
        if what in skip:
            continue
        if choice.allowed:
            _offered(desk, who, kind, make(), what)
            continue
        assert choice.reason is not None
        reason = choice.reason.removeprefix("reason.")
        ruled_out.append(what)
        said = desk.does(who, kind, record, what)
        told = f"{who}: {what} of {kind} {record} is ruled out by {reason}, and ends with {said}"
        assert said in _refusals(who, what, reason), told
    assert desk.console.recovery.read_record(kind, record.id).record == record, f"one of {ruled_out} changed {record}"


def _offered(desk: Stage, who: str, kind: str, record: Any, what: str) -> None:
    choice = desk.choices(who, kind, record.id)[what]
    said = desk.does(who, kind, record, what)
    half = choice.needs_second_person and what.startswith("resolve.") and choice.allowed_roles != ("approver",)
    assert said in (("awaiting",) if half else TRIED), f"{who}: {what} of {kind} {record}: {said}"
    if half:
        assert desk.does("lead-b" if who != "lead-b" else "op-a", kind, record, what) in ("done", "not_allowed")
        if who == "lead-b":
            return
    if choice.effect is not None:
        _ended_as_told(desk, kind, record, choice.effect)


def _ended_as_told(desk: Stage, kind: str, record: Any, effect: Any) -> None:
    after: Any = desk.console.recovery.read_record(kind, record.id)
    assert (record.state, after.record.state) == effect.state
    if kind != "order":
        assert (record.certainty, after.record.certainty) == effect.certainty
    if effect.money is not None:
        assert after.money == effect.money[1]
    if effect.order is not None:
        assert after.order.state == effect.order[1]


def _situations() -> Iterator[Any]:
    """All of them; those in which what the provider says can't make a difference only in the soak."""
    for told in ProviderStatement:
        for unknown, review in ((False, True), (True, False), (False, False), (True, True)):
            telling = unknown != review or (
                told in (ProviderStatement.NOTHING, ProviderStatement.FAILED) and not unknown
            )
            yield pytest.param(told, review, unknown, marks=() if telling else pytest.mark.soak)


@pytest.mark.parametrize(("told", "review", "unknown"), list(_situations()))
def test_payments_in_every_state(desk: Stage, told: ProviderStatement, review: bool, unknown: bool) -> None:
    """Ten states, known or not, for a person or not, whatever the provider says: an operator."""
    for state in sorted(WAITING_STATES | ENDED_UNPAID_STATES if unknown else set(PaymentState)):
        make = partial(desk.payment, state, told, unknown=unknown, review=review)
        compare(desk, "op-a", "payment", make, skip=("probe", "take", "note"))


@pytest.mark.parametrize("who", PEOPLE)
def test_payments_by_every_role(desk: Stage, who: str) -> None:
    """For each role: who may decide, ask for a refund, move an order, take and note."""
    compare(desk, who, "payment", partial(desk.payment, PaymentState.USER_PAYMENT, unknown=True))
    compare(desk, who, "payment", partial(desk.payment, PaymentState.COMPLETED, ProviderStatement.PAID))
    compare(desk, who, "payment", lambda: desk.payment(PaymentState.COMPLETED, ProviderStatement.PAID, order=False))


@pytest.mark.parametrize("who", ["op-a", "op-e", "lead-b"])
@pytest.mark.parametrize("first", ["completed", "payment_failed"])
def test_payments_that_wait_for_a_second_person(desk: Stage, who: str, first: str) -> None:
    """Not the same one again, not another operator, and not for another end."""

    def proposed() -> Any:
        payment = desk.payment(PaymentState.USER_PAYMENT, unknown=True)
        assert desk.does("op-a", "payment", payment, f"resolve.{first}") == "awaiting"
        return desk.console.payments.read_payment(payment.id).record

    compare(desk, who, "payment", proposed, skip=("probe",))


@pytest.mark.parametrize("kind", ["payment", "credit-check"])
def test_a_proposal_that_nobody_can_confirm_says_so(desk: Stage, kind: str) -> None:
    """While no approver but the proposer is enabled, the record promises no second person."""
    if kind == "payment":
        record: Any = desk.payment(PaymentState.USER_PAYMENT, unknown=True)
        read: Any = desk.console.payments.read_payment
        outcome = "payment_failed"
    else:
        record = desk.check("silent_before_charge")
        outcome, read = "error", desk.console.credit_checks.read_credit_check
    assert desk.does("op-a", kind, record, f"resolve.{outcome}") == "awaiting"
    assert read(record.id).explanation.next_step.code.endswith("second_person")

    def set_approvers(disabled_at: str | None) -> None:
        statement = text("UPDATE operators SET disabled_at = :at WHERE roles LIKE '%approver%'")
        desk.console._context.database.write(lambda tx: tx.conn.execute(statement, {"at": disabled_at}))

    set_approvers("2026-11-20 00:00:00")
    try:
        assert read(record.id).explanation.next_step.code == "next.second_person_missing"
    finally:
        set_approvers(None)


def test_payments_that_somebody_works_on(desk: Stage) -> None:
    """Under its lease nobody else asks or decides; taken by another, nobody else takes it."""
    payment = desk.payment(PaymentState.USER_PAYMENT, unknown=True)
    desk.by("lead-b", lambda: desk.console.recovery.take("payment", payment.id))
    with _held(desk, f"payment_{payment.id}"):
        compare(desk, "op-a", "payment", lambda: payment, skip=("note", "refund"))


# Credit checks


def _checks(desk: Stage) -> dict[str, Callable[[], Any]]:
    def viewing_over() -> Any:
        record = desk.check(readable=False)
        desk.context.database.write(lambda tx: _over(tx, record))
        return desk.console.credit_checks.read_credit_check(record.id).record

    return {
        "unknown": lambda: desk.check("silent_after_charge"),
        "not bought": lambda: desk.check("refuses"),
        "bought": desk.check,
        "incomplete": lambda: desk.check(readable=False),
        "viewing over": viewing_over,
    }


def _over(tx: Any, record: Any) -> None:
    found = credit_checks.find(tx.conn, record.id)
    assert found is not None
    credit_checks.change_record(tx.conn, found, found.changed_at or record.created_at, viewing_over=True)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("state", ["unknown", "not bought", "bought", "incomplete", "viewing over"])
def test_credit_checks_in_every_state(desk: Stage, who: str, state: str) -> None:
    """By everybody: an operator without the right to buy, an approver, an auditor."""
    compare(desk, who, "credit-check", _checks(desk)[state], skip=("resolve.error",) if state == "unknown" else ())


@pytest.mark.parametrize("who", PEOPLE)
def test_unknown_purchases_that_may_be_denied(desk: Stage, who: str) -> None:
    """Nothing was charged. What AlarmBox lists is denied by nobody who may decide."""

    def unknown() -> Any:
        return desk.check("silent_before_charge")

    compare(desk, who, "credit-check", unknown, skip=("probe", "resolve.success"))
    charged = _checks(desk)["unknown"]()
    if desk.choices(who, "credit-check", charged.id)["resolve.error"].allowed:
        assert desk.does(who, "credit-check", charged, "resolve.error") == "evidence_mismatch"


@pytest.mark.parametrize("who", ["op-a", "op-e", "lead-b"])
def test_credit_checks_that_wait_for_a_second_person(desk: Stage, who: str) -> None:
    """A proposed outcome can't be confirmed by the person who proposed it or by an operator, only by an approver."""

    def proposed() -> Any:
        record = desk.check("silent_before_charge")
        assert desk.does("op-a", "credit-check", record, "resolve.error") == "awaiting"
        return desk.console.credit_checks.read_credit_check(record.id).record

    compare(desk, who, "credit-check", proposed, skip=("probe", "resolve.success"))


def test_credit_checks_whose_provider_has_no_list_call(desk: Stage) -> None:
    """With a provider that can't list purchases, the choices for unknown and bought credit checks are the same as the
    service's decisions.
    """
    desk.vendor.finds = False
    try:
        for state in ("unknown", "bought"):
            compare(desk, "op-a", "credit-check", _checks(desk)[state])
    finally:
        desk.vendor.finds = True


def test_credit_checks_that_somebody_works_on(desk: Stage) -> None:
    """Under its lease nobody else asks, fetches or decides."""
    for state in ("unknown", "incomplete"):
        record = _checks(desk)[state]()
        with _held(desk, make_lease_name(record.id)):
            compare(desk, "op-a", "credit-check", partial(_same, record), skip=("take", "note", "probe"))


# Orders


@pytest.mark.parametrize("who", PEOPLE)
def test_orders(desk: Stage, who: str) -> None:
    """Paid and not moved, unpaid, moved; an order is never decided."""

    def order_of(state: PaymentState, told: ProviderStatement, *, moved: bool = False) -> Any:
        payment = desk.payment(state, told)
        if moved:
            desk.by("op-a", lambda: desk.console.payments.set_order_paid(payment.id))
        assert payment.order_id is not None
        return desk.console.payments.read_order(payment.order_id).record

    compare(desk, who, "order", lambda: order_of(PaymentState.COMPLETED, ProviderStatement.PAID))
    compare(desk, who, "order", lambda: order_of(PaymentState.COMPLETED, ProviderStatement.PAID, moved=True))
    compare(
        desk, who, "order", lambda: order_of(PaymentState.EXPIRED, ProviderStatement.EXPIRED), skip=("take", "note")
    )


# Refunds


def _refunds(desk: Stage) -> dict[str, Callable[[], Any]]:
    def ended(act: Callable[[Any], Any], who: str) -> Callable[[], Any]:
        def make() -> Any:
            asked = desk.refund()
            desk.by(who, lambda: act(asked))
            return desk.console.refunds.read_refund(asked.id).record

        return make

    def stuck() -> Any:
        accepted = desk.refund("accepts")
        values = {"work_state": "needs_review", "work_at": None, "work_reason": "retention"}
        desk.context.database.write(lambda tx: refunds.change_refund(tx.conn, accepted, desk.context.now(), **values))
        desk.ledger.entries.clear()  # nothing is told of it any more
        return desk.console.refunds.read_refund(accepted.id).record

    return {
        "requested": desk.refund,
        "rejected": ended(lambda one: desk.console.refunds.reject(one.id, "no reason"), "lead-b"),
        "withdrawn": ended(lambda one: desk.console.refunds.withdraw(one.id), "op-a"),
        "approved": lambda: desk.refund("unreachable"),
        "unknown": lambda: desk.refund("silent_before"),
        "submitted": lambda: desk.refund("accepts"),
        "stuck": stuck,
        "completed": lambda: desk.refund("completes"),
        "failed": lambda: desk.refund("refuses"),
    }


_STATES = (
    "requested", "rejected", "withdrawn", "approved", "unknown", "submitted", "stuck", "completed", "failed",
)  # fmt: skip


@pytest.mark.parametrize("who", ["op-a", "lead-b", "aud-f"])
@pytest.mark.parametrize("state", _STATES)
def test_refunds_in_every_state(desk: Stage, who: str, state: str) -> None:
    """Only what nobody knows is decided; of a payment with an open or unknown refund no other is asked for."""
    compare(desk, who, "refund", _refunds(desk)[state])


@pytest.mark.parametrize("who", ["op-a", "op-e", "lead-b"])
def test_refunds_that_wait_for_a_second_person(desk: Stage, who: str) -> None:
    """Not the same one again, and not another operator; another end may be proposed."""

    def proposed() -> Any:
        refund = desk.refund("silent_before")
        assert desk.does("op-a", "refund", refund, "resolve.failed") == "awaiting"
        return desk.console.refunds.read_refund(refund.id).record

    compare(desk, who, "refund", proposed, skip=("probe",))


def _same(record: Any) -> Any:
    return record


@contextmanager
def _held(desk: Stage, name: str) -> Iterator[None]:
    """The lease in somebody else's hands, for the length of a block."""
    shop = desk.context
    lease = shop.write(lambda tx: leases.acquire(tx, name, shop.make_holder(), shop.now(), 60))
    assert lease is not None
    yield
    shop.write(lambda tx: leases.release(tx.conn, lease))
