"""Tests that compare the decision table with the services on a real desk, for each kind of record, each state and
each role. The service refuses an action that the table excludes. It executes an offered action with the result that
the action's dry run announced.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text, update

from console.domain.allowed_action import AllowedAction
from console.domain.payments.records import Payment
from console.domain.payments.states import ENDED_UNPAID_STATES, RECORD_OUTSIDE_ACTION, WAITING_STATES, PaymentState
from console.domain.process.lease_names import make_credit_check_lease_name
from console.domain.recovery.records import ProviderStatement
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import leases
from console.store.refunds import refunds
from console.store.schema.payments import orders as order_table
from console.store.schema.payments import payments as payment_table
from tests.support.choice_stage import AMOUNT_MINOR, ChoiceStage, open_choice_stage
from tests.support.quick_desks import make_quick_folder

ERROR_CODES_BY_REASON: dict[str, str | tuple[str, ...]] = {
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
    "refund_no_number": "exceeds_captured", "refund_unpaid_at_provider": "not_allowed",
    "outside_set_aside": "exceeds_captured",
}  # fmt: skip
"""Error codes with which the service refuses an action that the decision table excludes, by the table's reason for
the exclusion.
"""
RESULT_CODES_OF_EXECUTED_CHOICES = ("done", "outcome_unknown", "provider_unreachable")
"""Results of choices that were executed: the action was done, or the provider was asked and gave no usable answer."""
OPERATOR_NAMES = ("op-a", "op-e", "lead-b", "aud-f")


@pytest.fixture(scope="module")
def desk() -> Iterator[ChoiceStage]:
    """Yield a desk on SQLite with operators of all roles."""
    with make_quick_folder() as folder, open_choice_stage(folder / "home") as made:
        yield made


def _list_refusal_codes(person: str, choice: str, reason: str) -> tuple[str, ...]:
    """Return the error codes with which the services may refuse this action to this person for this reason. The
    services check the person's right before the record.
    """
    lacks = person == "aud-f" or (person == "op-e" and choice == "buy")
    codes = ERROR_CODES_BY_REASON[reason]
    codes_of_reason = (codes,) if isinstance(codes, str) else codes
    return (*codes_of_reason, "not_allowed") if lacks else codes_of_reason


def require_service_agrees_with_table(
    desk: ChoiceStage, person: str, kind: str, make: Callable[[], Any], skip: tuple[str, ...] = ()
) -> None:
    """Check each action: the service refuses an action that the table excludes without changing the record, and
    executes an action that the table offers. `make` returns a new record in the tested situation. The actions in
    `skip` are not tried.
    """
    record, ruled_out = make(), list[str]()
    for what, choice in desk.list_choices(person, kind, record.id).items():
        if what in skip:
            continue
        if choice.allowed:
            _require_choice_is_executed(desk, person, kind, make(), what)
            continue
        assert choice.reason is not None
        reason = choice.reason.removeprefix("reason.")
        ruled_out.append(what)
        ending = desk.execute_choice(person, kind, record, what)
        message = f"{person}: {what} of {kind} {record} is ruled out by {reason}, and ends with {ending}"
        assert ending in _list_refusal_codes(person, what, reason), message
    assert desk.console.recovery.read_record(kind, record.id).record == record, f"one of {ruled_out} changed {record}"


def _require_choice_is_executed(desk: ChoiceStage, person: str, kind: str, record: Any, choice_name: str) -> None:
    """Execute the offered action and check its result. A decision that needs a second person is confirmed by another
    person.
    """
    choice = desk.list_choices(person, kind, record.id)[choice_name]
    ending = desk.execute_choice(person, kind, record, choice_name)
    is_decision = choice_name.startswith("resolve.") or choice_name == RECORD_OUTSIDE_ACTION
    is_first_half = choice.needs_second_person and is_decision and choice.allowed_roles != ("approver",)
    assert ending in (("awaiting",) if is_first_half else RESULT_CODES_OF_EXECUTED_CHOICES), (
        f"{person}: {choice_name} of {kind} {record}: {ending}"
    )
    if is_first_half:
        assert desk.execute_choice("lead-b" if person != "lead-b" else "op-a", kind, record, choice_name) in (
            "done",
            "not_allowed",
        )
        if person == "lead-b":
            return
    if choice.effect is not None:
        _require_announced_effect(desk, kind, record, choice.effect)


def _require_announced_effect(desk: ChoiceStage, kind: str, record: Any, effect: Any) -> None:
    """Check that the record, its money and its order are now as the dry run announced."""
    after: Any = desk.console.recovery.read_record(kind, record.id)
    assert (record.state, after.record.state) == effect.state_change
    if kind != "order":
        assert (record.certainty, after.record.certainty) == effect.certainty_change
    if effect.money_change is not None:
        assert after.money == effect.money_change[1]
    if effect.order_state_change is not None:
        assert after.order.state == effect.order_state_change[1]


def _iterate_situations() -> Iterator[Any]:
    """Yield the provider's statement and two flags: whether a person must look, and whether the outcome is unknown.
    Combinations in which the statement makes no difference are only tested in the soak test.
    """
    for statement in ProviderStatement:
        for unknown, review in ((False, True), (True, False), (False, False), (True, True)):
            telling = unknown != review or (
                statement in (ProviderStatement.NOTHING, ProviderStatement.FAILED) and not unknown
            )
            yield pytest.param(statement, review, unknown, marks=() if telling else pytest.mark.soak)


@pytest.mark.parametrize(("statement", "needs_review", "is_unknown"), list(_iterate_situations()))
def test_choices_follow_the_state_of_a_payment(
    desk: ChoiceStage, statement: ProviderStatement, needs_review: bool, is_unknown: bool
) -> None:
    """For an operator, the services execute the actions that the decision table offers and refuse the others, for
    payments that wait for a person or not, with each statement of the provider. A known payment has each of the ten
    states, an unknown one each state in which it waits for the payer or has ended unpaid.
    """
    for state in sorted(WAITING_STATES | ENDED_UNPAID_STATES if is_unknown else set(PaymentState)):
        make = partial(desk.make_payment, state, statement, is_unknown=is_unknown, needs_review=needs_review)
        require_service_agrees_with_table(desk, "op-a", "payment", make, skip=("probe", "take", "note"))


_EARLIER_PAYMENTS = (
    (PaymentState.COMPLETED, 1, 0, "JPY"),
    (PaymentState.COMPLETED, AMOUNT_MINOR, 0, "JPY"),
    (PaymentState.COMPLETED, AMOUNT_MINOR, AMOUNT_MINOR, "JPY"),
    (PaymentState.COMPLETED, AMOUNT_MINOR, 0, "INR"),
    (PaymentState.PAYMENT_SUCCESS, 1, 0, "JPY"),
    (PaymentState.CALLBACK_RECEIVED, AMOUNT_MINOR, 0, "JPY"),
    (PaymentState.USER_PAYMENT, 0, 0, "JPY"),
)
"""State, captured amount, refunded amount and currency of another payment of the same order."""


def _make_second_payment(
    desk: ChoiceStage,
    total_minor: int,
    earlier: tuple[PaymentState, int, int, str],
    second: tuple[PaymentState, ProviderStatement, bool],
) -> Payment:
    """Insert an order with this total and two payments, and return the second payment. `earlier` describes the first
    payment (see _EARLIER_PAYMENTS). `second` has three values of the second one: its state, the provider's statement
    about it, and whether its outcome is unknown. If the outcome is known, a person must look at the payment.
    """
    state, captured_minor, refunded_minor, currency = earlier
    second_state, statement, is_unknown = second
    first = desk.make_payment(state, currency=currency, captured_minor=captured_minor)

    def write_amounts(tx: Transaction) -> None:
        order = update(order_table).where(order_table.c.id == first.order_id)
        tx.conn.execute(order.values(total_amount=total_minor, currency="JPY"))
        if refunded_minor:
            refunded = {"refunded_minor": refunded_minor, "version": payment_table.c.version + 1}
            tx.conn.execute(update(payment_table).where(payment_table.c.id == first.id).values(refunded))

    desk.context.database.write(write_amounts)
    return desk.make_payment(
        second_state, statement, is_unknown=is_unknown, needs_review=not is_unknown, order_id=first.order_id
    )


@pytest.mark.parametrize(
    "total_minor",
    [AMOUNT_MINOR + 1, *(pytest.param(minor, marks=pytest.mark.soak) for minor in (AMOUNT_MINOR, 2 * AMOUNT_MINOR))],
)
@pytest.mark.parametrize(
    ("state", "is_unknown"),
    [(PaymentState.USER_PAYMENT, True), (PaymentState.CALLBACK_RECEIVED, False), (PaymentState.COMPLETED, False)],
)
def test_the_announced_order_counts_all_payments(
    desk: ChoiceStage, state: PaymentState, is_unknown: bool, total_minor: int
) -> None:
    """A decision about one of two payments of an order leaves the order in the announced state: the paid amounts are
    added, and an amount counts only if it is confirmed, stays with the shop and has the order's currency.
    """
    announced = set()
    for earlier, statement in product(
        _EARLIER_PAYMENTS, (ProviderStatement.NOTHING, ProviderStatement.PAID, ProviderStatement.OTHER_AMOUNT)
    ):
        make = partial(_make_second_payment, desk, total_minor, earlier, (state, statement, is_unknown))
        for name, choice in desk.list_choices("op-a", "payment", make().id).items():
            if choice.allowed and choice.effect is not None and choice.effect.order_state_change is not None:
                _require_choice_is_executed(desk, "op-a", "payment", make(), name)
                announced.add(choice.effect.order_state_change)
    assert ("pending", "paid") in announced
    assert ("pending", "pending") in announced


def test_a_payment_confirmed_long_ago_offers_no_decision(desk: ChoiceStage) -> None:
    """If the gateway has said that a payment is paid, the table excludes the action to resolve it, even if the
    answer is old. A payment that a person must look at can be resolved."""

    def read_action(*, needs_review: bool) -> AllowedAction:
        payment = desk.make_payment(PaymentState.COMPLETED, ProviderStatement.PAID, needs_review=needs_review)
        told_at = convert_to_naive_utc(desk.console._context.now() - timedelta(days=9))
        query = update(payment_table).where(payment_table.c.id == payment.id)
        query = query.values(told_at=told_at, version=payment_table.c.version + 1)
        desk.console._context.write(lambda tx: tx.conn.execute(query))
        with desk.console.acting_as("op-a"):
            actions = desk.console.payments.read_payment(payment.id).actions
        return next(action for action in actions if action.action == "resolve")

    action = read_action(needs_review=False)
    assert (action.allowed, action.reason) == (False, "reason.outcome_known")
    assert read_action(needs_review=True).allowed


@pytest.mark.parametrize("person", OPERATOR_NAMES)
def test_choices_about_a_payment_follow_the_role(desk: ChoiceStage, person: str) -> None:
    """For each role, the services execute the actions on a payment that the decision table offers and refuse the
    others: decide, request a refund, set an order to paid, take, and add a note.
    """
    require_service_agrees_with_table(
        desk, person, "payment", partial(desk.make_payment, PaymentState.USER_PAYMENT, is_unknown=True)
    )
    require_service_agrees_with_table(
        desk, person, "payment", partial(desk.make_payment, PaymentState.COMPLETED, ProviderStatement.PAID)
    )
    require_service_agrees_with_table(
        desk,
        person,
        "payment",
        lambda: desk.make_payment(PaymentState.COMPLETED, ProviderStatement.PAID, has_order=False),
    )


@pytest.mark.parametrize("person", ["op-a", "op-e", "lead-b"])
@pytest.mark.parametrize("proposed_state", ["completed", "payment_failed"])
def test_a_proposal_about_a_payment_needs_another_approver(
    desk: ChoiceStage, person: str, proposed_state: str
) -> None:
    """After op-a has proposed an outcome of a payment, the services execute the actions that the decision table
    offers and refuse the others, for the proposer, another operator and an approver. Only the approver can confirm
    the proposal.
    """

    def propose_outcome() -> Any:
        payment = desk.make_payment(PaymentState.USER_PAYMENT, is_unknown=True)
        assert desk.execute_choice("op-a", "payment", payment, f"resolve.{proposed_state}") == "awaiting"
        return desk.console.payments.read_payment(payment.id).record

    require_service_agrees_with_table(desk, person, "payment", propose_outcome, skip=("probe",))


@pytest.mark.parametrize("kind", ["payment", "credit-check"])
def test_a_page_states_that_nobody_can_confirm_a_proposal(desk: ChoiceStage, kind: str) -> None:
    """If all approvers are disabled after a person has proposed an outcome, the next step of the record says that a
    second person is missing. Before that, the next step says that the record waits for a second person.
    """
    if kind == "payment":
        record: Any = desk.make_payment(PaymentState.USER_PAYMENT, is_unknown=True)
        read: Any = desk.console.payments.read_payment
        outcome = "payment_failed"
    else:
        record = desk.make_check("silent_before_charge")
        outcome, read = "error", desk.console.credit_checks.read_credit_check
    assert desk.execute_choice("op-a", kind, record, f"resolve.{outcome}") == "awaiting"
    assert read(record.id).explanation.next_step.code.endswith("second_person")

    def set_approvers(disabled_at: str | None) -> None:
        statement = text("UPDATE operators SET disabled_at = :at WHERE roles LIKE '%approver%'")
        desk.console._context.database.write(lambda tx: tx.conn.execute(statement, {"at": disabled_at}))

    set_approvers("2026-11-20 00:00:00")
    try:
        assert read(record.id).explanation.next_step.code == "next.second_person_missing"
    finally:
        set_approvers(None)


def test_choices_for_payments_exclude_leased_or_taken_ones(desk: ChoiceStage) -> None:
    """While another process holds the payment's lease, the payment cannot be probed or decided. While another person
    has taken the payment, it cannot be taken.
    """
    payment = desk.make_payment(PaymentState.USER_PAYMENT, is_unknown=True)
    desk.call_as("lead-b", lambda: desk.console.recovery.take("payment", payment.id))
    with _hold_lease(desk, f"payment_{payment.id}"):
        require_service_agrees_with_table(desk, "op-a", "payment", lambda: payment, skip=("note", "refund"))


# Credit checks


def _make_check_builders(desk: ChoiceStage) -> dict[str, Callable[[], Any]]:
    """Return functions that create credit checks, by the name of the credit check's state."""

    def make_check_no_longer_shown() -> Any:
        record = desk.make_check(is_readable=False)
        desk.context.database.write(lambda tx: _mark_report_no_longer_shown(tx, record))
        return desk.console.credit_checks.read_credit_check(record.id).record

    return {
        "unknown": lambda: desk.make_check("silent_after_charge"),
        "not bought": lambda: desk.make_check("refuses"),
        "bought": desk.make_check,
        "incomplete": lambda: desk.make_check(is_readable=False),
        "viewing over": make_check_no_longer_shown,
    }


def _mark_report_no_longer_shown(tx: Any, record: Any) -> None:
    """Mark the credit check as one whose report AlarmBox no longer shows."""
    check = credit_checks.find(tx.conn, record.id)
    assert check is not None
    credit_checks.change_record(tx.conn, check, check.changed_at or record.created_at, viewing_over=True)


@pytest.mark.parametrize("person", OPERATOR_NAMES)
@pytest.mark.parametrize("state", ["unknown", "not bought", "bought", "incomplete", "viewing over"])
def test_choices_for_credit_checks_follow_state_and_role(desk: ChoiceStage, person: str, state: str) -> None:
    """For credit checks in each state, the services execute the actions that the decision table offers and refuse the
    others, for two operators (op-e without the right to buy), an approver and an auditor.
    """
    require_service_agrees_with_table(
        desk,
        person,
        "credit-check",
        _make_check_builders(desk)[state],
        skip=("resolve.error",) if state == "unknown" else (),
    )


@pytest.mark.parametrize("person", OPERATOR_NAMES)
def test_only_an_unlisted_unknown_purchase_can_be_denied(desk: ChoiceStage, person: str) -> None:
    """An unknown purchase that was not charged can be decided as not made. If AlarmBox lists the purchase, nobody can
    decide that.
    """

    def make_unknown_check() -> Any:
        return desk.make_check("silent_before_charge")

    require_service_agrees_with_table(
        desk, person, "credit-check", make_unknown_check, skip=("probe", "resolve.success")
    )
    charged = _make_check_builders(desk)["unknown"]()
    if desk.list_choices(person, "credit-check", charged.id)["resolve.error"].allowed:
        assert desk.execute_choice(person, "credit-check", charged, "resolve.error") == "evidence_mismatch"


@pytest.mark.parametrize("person", ["op-a", "op-e", "lead-b"])
def test_a_proposal_about_a_credit_check_needs_an_approver(desk: ChoiceStage, person: str) -> None:
    """After op-a has proposed an outcome of a credit check, the services execute the actions that the decision table
    offers and refuse the others, for the proposer, another operator and an approver. Only the approver can confirm
    the proposal.
    """

    def propose_outcome() -> Any:
        record = desk.make_check("silent_before_charge")
        assert desk.execute_choice("op-a", "credit-check", record, "resolve.error") == "awaiting"
        return desk.console.credit_checks.read_credit_check(record.id).record

    require_service_agrees_with_table(
        desk, person, "credit-check", propose_outcome, skip=("probe", "resolve.success")
    )


def test_the_table_agrees_with_the_services_without_a_list_call(desk: ChoiceStage) -> None:
    """If the provider cannot list purchases, the services still execute the actions on unknown and bought credit
    checks that the decision table offers, and refuse the others.
    """
    desk.alarmbox.lists_purchases = False
    try:
        for state in ("unknown", "bought"):
            require_service_agrees_with_table(desk, "op-a", "credit-check", _make_check_builders(desk)[state])
    finally:
        desk.alarmbox.lists_purchases = True


def test_a_page_offers_a_probe_without_a_list_call_only_if_the_spool_has_the_purchase(desk: ChoiceStage) -> None:
    """AlarmBox can't list purchases. The page of an unknown purchase disables the probe with this reason, because it
    could only fail. If this desk's spool has AlarmBox's id of the purchase, the probe stays possible: it reads the
    purchase with this id and can settle the credit check."""
    desk.alarmbox.lists_purchases = False
    try:
        check = _make_check_builders(desk)["unknown"]()
        console = desk.console

        def read_probe_action() -> tuple[bool, str | None]:
            details = console.credit_checks.read_credit_check(check.id)
            return next((one.allowed, one.reason) for one in details.actions if one.action == "probe")

        assert read_probe_action() == (False, "reason.no_list_call")
        console._context.spool.mark_ended(check.operation_id or "", holds_claim=True, id_at_provider=4711)
        assert read_probe_action() == (True, None)
    finally:
        desk.alarmbox.lists_purchases = True


def test_choices_for_credit_checks_exclude_leased_ones(desk: ChoiceStage) -> None:
    """While another process holds the lease of a credit check, the credit check cannot be probed, re-fetched or
    decided.
    """
    for state in ("unknown", "incomplete"):
        record = _make_check_builders(desk)[state]()
        with _hold_lease(desk, make_credit_check_lease_name(record.id)):
            require_service_agrees_with_table(
                desk, "op-a", "credit-check", partial(_return_record, record), skip=("take", "note", "probe")
            )


# Orders


@pytest.mark.parametrize("person", OPERATOR_NAMES)
def test_choices_for_orders_follow_their_state(desk: ChoiceStage, person: str) -> None:
    """For a paid order that was not set to paid, an unpaid order and an order that was set to paid, the services
    execute the actions that the decision table offers and refuse the others. The outcome of an order cannot be
    decided.
    """

    def make_order_with_payment(
        state: PaymentState, statement: ProviderStatement, *, sets_order_paid: bool = False
    ) -> Any:
        payment = desk.make_payment(state, statement)
        if sets_order_paid:
            desk.call_as("op-a", lambda: desk.console.payments.set_order_paid(payment.id))
        assert payment.order_id is not None
        return desk.console.payments.read_order(payment.order_id).record

    require_service_agrees_with_table(
        desk, person, "order", lambda: make_order_with_payment(PaymentState.COMPLETED, ProviderStatement.PAID)
    )
    require_service_agrees_with_table(
        desk,
        person,
        "order",
        lambda: make_order_with_payment(PaymentState.COMPLETED, ProviderStatement.PAID, sets_order_paid=True),
    )
    require_service_agrees_with_table(
        desk,
        person,
        "order",
        lambda: make_order_with_payment(PaymentState.EXPIRED, ProviderStatement.EXPIRED),
        skip=("take", "note"),
    )


# Refunds


def _make_refund_builders(desk: ChoiceStage) -> dict[str, Callable[[], Any]]:
    """Return functions that create refunds, by the name of the refund's state."""

    def make_ending_builder(act: Callable[[Any], Any], person: str) -> Callable[[], Any]:
        def make_ended_refund() -> Any:
            refund = desk.make_refund()
            desk.call_as(person, lambda: act(refund))
            return desk.console.refunds.read_refund(refund.id).record

        return make_ended_refund

    def make_stuck_refund() -> Any:
        accepted = desk.make_refund("accepts")
        values = {"work_state": "needs_review", "work_at": None, "work_reason": "retention"}
        desk.context.database.write(lambda tx: refunds.change_refund(tx.conn, accepted, desk.context.now(), **values))
        desk.ledger.entries.clear()  # nothing is told of it any more
        return desk.console.refunds.read_refund(accepted.id).record

    return {
        "requested": desk.make_refund,
        "rejected": make_ending_builder(lambda one: desk.console.refunds.reject(one.id, "no reason"), "lead-b"),
        "withdrawn": make_ending_builder(lambda one: desk.console.refunds.withdraw(one.id), "op-a"),
        "approved": lambda: desk.make_refund("unreachable"),
        "unknown": lambda: desk.make_refund("silent_before"),
        "submitted": lambda: desk.make_refund("accepts"),
        "stuck": make_stuck_refund,
        "completed": lambda: desk.make_refund("completes"),
        "failed": lambda: desk.make_refund("refuses"),
    }


_REFUND_STATES = (
    "requested", "rejected", "withdrawn", "approved", "unknown", "submitted", "stuck", "completed", "failed",
)  # fmt: skip


@pytest.mark.parametrize("person", ["op-a", "lead-b", "aud-f"])
@pytest.mark.parametrize("state", _REFUND_STATES)
def test_choices_follow_the_state_of_a_refund(desk: ChoiceStage, person: str, state: str) -> None:
    """For refunds in each state, the services execute the actions that the decision table offers and refuse the
    others, for an operator, an approver and an auditor. Only unknown and stuck refunds can be decided.
    """
    require_service_agrees_with_table(desk, person, "refund", _make_refund_builders(desk)[state])


@pytest.mark.parametrize("person", ["op-a", "op-e", "lead-b"])
def test_a_proposal_about_a_refund_needs_another_approver(desk: ChoiceStage, person: str) -> None:
    """After op-a has proposed an outcome of a refund, the services execute the actions that the decision table offers
    and refuse the others, for the proposer, another operator and an approver. Only the approver can confirm the
    proposal.
    """

    def propose_outcome() -> Any:
        refund = desk.make_refund("silent_before")
        assert desk.execute_choice("op-a", "refund", refund, "resolve.failed") == "awaiting"
        return desk.console.refunds.read_refund(refund.id).record

    require_service_agrees_with_table(desk, person, "refund", propose_outcome, skip=("probe",))


def _return_record(record: Any) -> Any:
    """Return the record unchanged."""
    return record


@contextmanager
def _hold_lease(desk: ChoiceStage, name: str) -> Iterator[None]:
    """Hold the lease with this name for another process until the end of the `with` block."""
    shop = desk.context
    lease = shop.write(lambda tx: leases.acquire(tx, name, shop.make_holder(), shop.now(), 60))
    assert lease is not None
    yield
    shop.write(lambda tx: leases.release(tx.conn, lease))
