"""Executes random histories of payments, orders, refunds and credit checks with the real services. After each action
every display of a record is compared with the record's page (see record_displays.py).
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.records import explain_record
from console.domain.money import MINOR_DIGITS_BY_CURRENCY, Money, get_decimal_places
from console.domain.payments.records import OrderState, Payment, RefundRequest
from console.domain.payments.states import PaymentState
from console.domain.records import PurchaseRequest
from console.domain.recovery.records import ProviderStatement
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.store.payments import payments
from console.store.refunds import refunds
from tests.stateful import record_displays
from tests.stateful.history_plans import PEOPLE_AT_DESK, PLAN_STRATEGY, CheckPlan, PaymentPlan, PlannedAction
from tests.stateful.record_displays import (
    REASONS_OF_A_PERSON,
    CheckedRecord,
    ExplanationCodes,
    RecordRef,
    check_records,
    get_explanation_codes,
    read_rows,
    read_view,
)
from tests.support.choice_stage import ChoiceStage
from tests.support.ledger_refunds import RefundEntry
from tests.support.payment_desks import BANK_KEY, make_signed_notice

ENDINGS_WITH_EFFECT = frozenset(
    {"done", "awaiting", "outcome_unknown", "provider_unreachable", "provider_refused", "evidence_mismatch"}
)
"""Endings of an action that no rule has refused: the action was executed, or the provider gave an answer (or none)
that could not be known before."""
HISTORIES_PER_BATCH, HISTORIES_BEFORE_EXPORT = 50, 10
_event_counter = count(1)


def follow_advice(stage: ChoiceStage, kind: str, record_id: int) -> str:
    """Execute the action that the record's page advises, as the first person of the desk who may execute it. Return
    the action and its ending, or "nothing" if no action is advised.

    Raises AssertionError if a rule refuses the action, or if no person at the desk may execute it although one of
    them has the role.
    """
    advised = read_view(stage, kind, record_id).explanation.next_step.action
    if advised not in _EXECUTOR_BY_ACTION:
        return "nothing"
    reasons = set()
    for person in PEOPLE_AT_DESK:
        with stage.console.acting_as(person):
            view = read_view(stage, kind, record_id)
        action = next((action for action in view.actions if action.action == advised), None)
        if action is None or action.allowed:  # the page of a credit check offers a purchase without an action
            ending = _EXECUTOR_BY_ACTION[advised](stage, person, kind, view)
            assert ending in ENDINGS_WITH_EFFECT, (
                f"{person} was told to {advised} {kind} {record_id}: {ending} ({view.explanation})"
            )
            return f"{advised}: {ending}"
        reasons.add(action.reason)
    if "reason.own_first_half" in reasons and reasons <= REASONS_OF_A_PERSON:
        return f"{advised}: the only approver of this desk has proposed it"
    if reasons == {"reason.role", "reason.refund_own"} or reasons == {"reason.refund_own"}:
        return f"{advised}: the only approver of this desk has requested it"
    may_act = set(view.explanation.roles_that_may_act)
    if not any(person.roles & may_act for person in stage.console.people.list_enabled_people()):
        return f"{advised}: nobody has the role"
    refused = {action.action: action.reason for action in view.actions}
    raise AssertionError(f"nobody can {advised} {kind} {record_id}: {refused}, {view.explanation}")


def _make_executor(name: str) -> Callable[[ChoiceStage, str, str, Any], str]:
    """Return a function that executes the action `name` on the record of a page, as a person."""
    return lambda stage, person, kind, view: stage.execute_choice(person, kind, view.record, name)


def _resolve_record(stage: ChoiceStage, person: str, kind: str, view: Any) -> str:
    choices = stage.list_choices(person, kind, view.record.id)
    possible = [what for what, choice in choices.items() if what.startswith("resolve") and choice.allowed]
    assert possible, choices
    return stage.execute_choice(person, kind, view.record, possible[0])


def _buy_check(stage: ChoiceStage, person: str, _kind: str, view: Any) -> str:
    request = PurchaseRequest(view.record.corporation_number, view.record.client_id)
    return str(
        stage.call_as(
            person, lambda: stage.call_and_store_answer(lambda: stage.console.credit_checks.purchase(request))
        )
    )


def _reject_refund(stage: ChoiceStage, person: str, _kind: str, view: Any) -> str:
    reject = stage.console.refunds.reject
    return str(stage.call_as(person, lambda: stage.call_and_store_answer(lambda: reject(view.record.id, "no"))))


def _approve_refund(stage: ChoiceStage, person: str, _kind: str, view: Any) -> str:
    """Approve the refund of the page, and return the ending. The approval first asks the provider about the payment.
    If the provider doesn't answer that the payment is paid, a refusal `not_allowed` counts as `provider_refused`,
    because the page couldn't foresee that answer.
    """
    refund_id = view.record.id
    ended = str(
        stage.call_as(person, lambda: stage.call_and_store_answer(lambda: stage.console.refunds.approve(refund_id)))
    )
    is_contradicted = stage.statement_by_number[view.payment.merchant_payment_id] is not ProviderStatement.PAID
    return "provider_refused" if ended == "not_allowed" and is_contradicted else ended


_EXECUTOR_BY_ACTION: dict[str, Callable[[ChoiceStage, str, str, Any], str]] = {
    "probe": _make_executor("probe"),
    "refetch": _make_executor("refetch"),
    "move_order": _make_executor("move_order"),
    "refund": _make_executor("refund"),
    "resolve": _resolve_record,
    "purchase": _buy_check,
    "approve": _approve_refund,
    "reject": _reject_refund,
}


@dataclass
class RecordHistory:
    """The records of one history, and the methods that execute its actions. Such a method has the name of an action
    in history_plans.py with an underscore before it, and returns the ending of the action as a text.
    `checked_records` has the values of the last check of each record.
    """

    stage: ChoiceStage
    checked_records: dict[RecordRef, CheckedRecord] = field(default_factory=dict)

    def execute_action(self, act: PlannedAction) -> str:
        """Execute one action, and return its ending. Also check each record that a terminal would print as an answer
        of the action.
        """
        self.stage.answers.clear()
        ended = str(getattr(self, f"_{act.name}")(*act.arguments))
        for answer in self.stage.answers:
            record_displays.check_answer(self.stage, answer)
        return ended

    def _jump_clock(self, minutes: int) -> str:
        """Let the machine's clock jump by this many minutes (negative: back). Afterwards the sentences about a record
        may differ, but all stored rows must be unchanged. Return "forward" or "back".
        """
        self._move_clock(timedelta(minutes=minutes))
        return "forward" if minutes > 0 else "back"

    def _move_clock(self, step: timedelta) -> None:
        """Move the clock by `step`, check all records, and check that no stored row has changed."""
        before = record_displays.read_stored_rows(self.stage, self.checked_records)
        self.stage.clock.offset += step
        self.check_all_records(checks_always=True)
        assert record_displays.read_stored_rows(self.stage, self.checked_records) == before

    def _set_switch(self, scope: str, is_on: bool) -> str:
        """Set a read-only switch as a person. Afterwards the advised next steps may differ, but all stored rows must
        be unchanged. Return the switch's state, or the code of the refusal.
        """
        before = record_displays.read_stored_rows(self.stage, self.checked_records)
        try:
            with self.stage.console.acting_as("lead-b"):
                self.stage.console.read_only_switches.set_switch(scope, is_on, "incident")
        except ConsoleError as error:
            return str(error.code)
        assert record_displays.read_stored_rows(self.stage, self.checked_records) == before
        return f"{scope} {'on' if is_on else 'off'}"

    def end_history(self) -> dict[RecordRef, ExplanationCodes]:
        """Switch all read-only switches off, set the clock to the right time, and check all records. Return the
        explanation codes of each record.
        """
        self.stage.restore_roles_limits_and_providers()
        for switch in self.stage.console.read_only_switches.list_switches():
            if switch.is_on:
                self._set_switch(switch.scope, is_on=False)
        if self.stage.clock.offset:
            self._move_clock(-self.stage.clock.offset)
        else:
            self.check_all_records(checks_always=True)
        now = self.stage.context.now()
        return {
            ref: get_explanation_codes(explain_record(row, now))
            for ref, row in read_rows(self.stage, self.checked_records).items()
        }

    def check_all_records(self, *, checks_always: bool = False) -> None:
        """Check all displays of all records of the history. With `checks_always`, also check the pages of records
        whose rows have not changed.
        """
        check_records(
            self.stage,
            [self.checked_records.setdefault(ref, CheckedRecord(*ref)) for ref in self.list_record_refs()],
            checks_always=checks_always,
        )

    def list_record_refs(self) -> list[RecordRef]:
        """Return the kind and id of each record of the history."""
        raise NotImplementedError


@dataclass
class CheckHistory(RecordHistory):
    """The history of one credit check. `person` is the person who executes the next action."""

    record: Any = None
    person: str = ""

    def list_record_refs(self) -> list[RecordRef]:
        return [("credit-check", self.record.id)]

    def _execute_check_action(self, action_name: str) -> str:
        return self.stage.execute_choice(self.person, "credit-check", self.record, action_name)

    def _follow_advice(self) -> str:
        return follow_advice(self.stage, "credit-check", self.record.id)


@dataclass
class PaymentHistory(RecordHistory):
    """The history of one payment with its order, the order's other payments, and all their refunds."""

    payment: Payment = None  # type: ignore[assignment]  # given by name
    last_event: str = ""

    def list_record_refs(self) -> list[RecordRef]:
        """Return the kind and id of each record of the history. The method reads the tables directly, so that it also
        finds a record which a service leaves out by mistake.
        """
        with self.stage.context.database.read() as conn:
            order_id = self.payment.order_id
            paying = payments.find_by_order(conn, order_id) if order_id is not None else (self.payment,)
            given_back = [refund for payment in paying for refund in refunds.find_by_payment(conn, payment.id)]
        orders: list[RecordRef] = [("order", order_id)] if order_id is not None else []
        return [
            *(("payment", payment.id) for payment in paying),
            *orders,
            *(("refund", refund.id) for refund in given_back),
        ]

    def _change_order_as_shop(self, total: int, state: OrderState) -> str:
        """Change the total (minor units) and the state of the order, as the shop does. Return "no such step" if a
        trigger refuses the change.
        """
        number = self.payment.merchant_payment_id

        def change_order(tx: Any) -> None:
            sql = "UPDATE orders SET total_amount = ?, status = ? WHERE merch_txn_id = ?"
            tx.conn.exec_driver_sql(sql, (total, state.value, number))

        try:
            self.stage.context.database.write(change_order)
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_ALLOWED:
                raise
            return "no such step"
        return f"{total} {state}"

    def _set_provider_statement(self, statement: ProviderStatement) -> str:
        """Let the provider make this statement about the payment from now on. Return the statement as text."""
        self.stage.statement_by_number[self.payment.merchant_payment_id] = statement
        return str(statement)

    def _insert_second_payment(self, state: PaymentState, statement: ProviderStatement) -> str:
        """Insert another payment of the same order in the state `state`; `statement` is the provider's answer to
        questions about this second payment. Return the state as text. Do nothing and return "no order" if the payment
        has no order."""
        if self.payment.order_id is None:
            return "no order"
        currency = self.payment.currency
        self.stage.make_payment(state, statement, currency=currency, order_id=self.payment.order_id)
        return str(state)

    def _take_payment(self, person: str) -> str:
        """Take the payment for half an hour as this person. The take of another person may prevent that. Return the
        ending: "done" or the error code."""
        return self.stage.execute_choice(person, "payment", self.payment, "take")

    def _deliver_notice(self, notice_type: str, delivery: str, minor: int) -> str:
        """Deliver a bank's notice of the type `notice_type` about the order. `delivery` is "new", "repeated" (the
        same event again), "late" (dated seven hours ago) or "forged" (signed with another key; the worker must refuse
        it and change no row). Return the delivery, the type, and the program's result for the notice, separated by
        spaces.
        """
        now = self.stage.context.now()
        if delivery != "repeated" or not self.last_event:
            self.last_event = f"ev-{next(_event_counter)}"
        at = now - timedelta(hours=7) if delivery == "late" else now
        body = {
            "event_id": self.last_event,
            "type": notice_type,
            "order_no": self.payment.merchant_payment_id,
            "amount": self._format_amount(minor),
            "currency": self.payment.currency,
            "occurred_at": at.isoformat(),
        }
        key = "another key" if delivery == "forged" else BANK_KEY
        post = make_signed_notice("bank", json.dumps(body).encode(), now, key)
        before = record_displays.read_stored_rows(self.stage, self.checked_records)
        result = self.stage.console.payments.receive_notice(post)
        if delivery == "forged":
            assert result.is_refused
            assert record_displays.read_stored_rows(self.stage, self.checked_records) == before
        return f"{delivery} {notice_type} {result.done}"

    def _run_alert_rules(self) -> str:
        """Run the due task that raises and resolves alerts, and return the number of its alerts as text."""
        with act_as(WORKER):
            return f"{AlertRuleEvaluator(self.stage.context).update_alerts()} alerts"

    def _refund_elsewhere(self, minor: int) -> str:
        """Refund `minor` of the payment (minor units) on the provider's own page, without the console. Return the
        amount as text, or "no currency of ours" if nothing was refunded."""
        if self.payment.currency not in MINOR_DIGITS_BY_CURRENCY:
            return "no currency of ours"
        self.stage.ledger.entries.append(
            RefundEntry(
                f"elsewhere-{next(_event_counter)}",
                f"elsewhere-{next(_event_counter)}",
                f"T-{self.payment.merchant_payment_id}",
                Money(minor, self.payment.currency),
                "done",
            )
        )
        return str(minor)

    def _end_refund(self, entry_state: str) -> str:
        """Let the provider end the refunds of this payment that it has accepted. `entry_state` is their end: "done"
        or "void". Return the number of ended refunds with their end, such as "1 done".
        """
        number = f"T-{self.payment.merchant_payment_id}"
        mine = [one for one in self.stage.ledger.entries if one.payment == number and one.entry_state == "accepted"]
        for entry in mine:
            entry.entry_state = entry_state  # type: ignore[assignment]  # one of its words
        return f"{len(mine)} {entry_state}"

    def _set_outage(self, is_out: bool) -> str:
        """If `is_out`, no payment provider can be read from now on; otherwise all of them can be read again. Return
        "True" or "False", the text of `is_out`."""
        self.stage.ledger.is_readable = not is_out
        return str(is_out)

    def _hide_refunds(self, is_hidden: bool) -> str:
        """If `is_hidden`, the provider finds none of its refunds from now on; otherwise it finds all of them again.
        Return "True" or "False", the text of `is_hidden`.
        """
        self.stage.ledger.hides_refunds = is_hidden
        return str(is_hidden)

    def _run_due_tasks(self) -> str:
        """Run all due tasks as a worker. Return "run", or the error code of a failed task."""
        try:
            self.stage.console.scheduler.run_all_tasks()
        except ConsoleError as error:
            return str(error.code)
        return "run"

    def _set_roles(self, person: str, roles: tuple[str, ...]) -> str:
        """Give the person these roles. A person without a role is disabled. Return the person and the roles as text,
        or "disabled" after the person."""
        self.stage.set_roles(person, roles)
        return f"{person} {','.join(roles) or 'disabled'}"

    def _set_limit(self, name: str, value: int) -> str:
        """Set the limit of refunds with this name to `value`, in the payment's currency. Return the name."""
        self.stage.set_limit(name, self.payment.currency, value)
        return name

    def _set_refund_period(self, is_over: bool) -> str:
        """If `is_over`, the provider refuses refunds of the payment from now on because of its age; otherwise it
        accepts them again. Return "True" or "False", the text of `is_over`.
        """
        self.stage.ledger.is_period_over = is_over
        return str(is_over)

    def _probe_payment(self) -> str:
        return self.stage.execute_choice("op-a", "payment", self.payment, "probe")

    def _move_order(self) -> str:
        return self.stage.execute_choice("op-a", "payment", self.payment, "move_order")

    def _format_amount(self, minor: int) -> str:
        """Return the text of `minor` minor units in the payment's currency, as a person or a provider writes it. The
        function also accepts currencies that the console doesn't handle.
        """
        return format(Decimal(minor).scaleb(-get_decimal_places(self.payment.currency)), "f")

    def _request_refund(self, minor: int, person: str = "op-a") -> str:
        request = RefundRequest(self.payment.id, self._format_amount(minor), "returned", intended_repeat=True)
        return str(
            self.stage.call_as(
                person, lambda: self.stage.call_and_store_answer(lambda: self.stage.console.refunds.request(request))
            )
        )

    def _refund_payment(self, minor: int, behaviour: str) -> str:
        """Request a refund of `minor` (minor units), and approve it at once; the approval sends the refund to a
        provider with this behaviour. Return the endings of both, separated by a comma.
        """
        return f"{self._request_refund(minor)}, {self._approve_refund(behaviour)}"

    def _approve_refund(self, behaviour: str) -> str:
        self.stage.ledger.behaviour = behaviour  # type: ignore[assignment]  # one of its words
        return f"{behaviour}: {self._call_with_newest_refund('lead-b', self.stage.console.refunds.approve)}"

    def _reject_refund(self) -> str:
        return self._call_with_newest_refund(
            "lead-b", lambda refund_id: self.stage.console.refunds.reject(refund_id, "no")
        )

    def _withdraw_refund(self) -> str:
        return self._call_with_newest_refund("op-a", self.stage.console.refunds.withdraw)

    def _probe_refund(self) -> str:
        return self._call_with_newest_refund(
            "op-a", lambda refund_id: self.stage.console.recovery.probe("refund", refund_id)
        )

    def _resolve_payment(self, person: str, target: str) -> str:
        return self.stage.execute_choice(person, "payment", self.payment, f"resolve.{target}")

    def _resolve_refund(self, person: str, target: str) -> str:
        resolve = self.stage.console.recovery.resolve
        return self._call_with_newest_refund(
            person, lambda refund_id: resolve("refund", refund_id, target, "the panel", "R-1")
        )

    def _follow_advice(self) -> str:
        return follow_advice(self.stage, "payment", self.payment.id)

    def _follow_refund_advice(self) -> str:
        newest = self._newest_refund_id()
        return "nothing" if newest is None else follow_advice(self.stage, "refund", newest)

    def _call_with_newest_refund(self, person: str, act: Callable[[int], Any]) -> str:
        """Call `act` with the id of the newest refund as the person `person`, and return the ending. Return "nothing"
        if there is no refund.
        """
        newest = self._newest_refund_id()
        return (
            "nothing"
            if newest is None
            else str(self.stage.call_as(person, lambda: self.stage.call_and_store_answer(lambda: act(newest))))
        )

    def _newest_refund_id(self) -> int | None:
        with self.stage.context.database.read() as conn:
            stored_refunds = refunds.find_by_payment(conn, self.payment.id)
        return max((refund.id for refund in stored_refunds), default=None)


def execute_payment_plan(
    stage: ChoiceStage, plan: PaymentPlan, tally: Counter[str]
) -> dict[RecordRef, ExplanationCodes]:
    """Execute the plan of a payment, and check all its records after each action. `tally` counts the endings of the
    actions. Return the explanation codes of each record at the end.
    """
    payment = stage.make_payment(
        plan.state,
        plan.statement,
        is_unknown=plan.is_unknown,
        provider=plan.provider,
        currency=plan.currency,
        has_order=plan.has_order,
    )
    history = PaymentHistory(stage, payment=payment)
    history.check_all_records(checks_always=True)
    for act in plan.actions:
        tally[f"{act.name} {history.execute_action(act)}"] += 1
        history.check_all_records()
    codes_by_record = history.end_history()
    record_displays.check_search_results(stage, payment.merchant_payment_id)
    return codes_by_record


def execute_check_plan(stage: ChoiceStage, plan: CheckPlan, tally: Counter[str]) -> dict[RecordRef, ExplanationCodes]:
    """Execute the plan of a credit check, and check its record after each action. `tally` counts the endings of the
    actions. Return the explanation codes of each record at the end.
    """
    stage.alarmbox.lists_purchases = plan.lists_purchases
    try:
        history = CheckHistory(stage, record=stage.make_check(plan.behaviour, is_readable=plan.is_readable))
        history.check_all_records(checks_always=True)
        for history.person, act in plan.actions:
            tally[f"{act.name} {history.execute_action(act)}"] += 1
            history.check_all_records()
        codes_by_record = history.end_history()
    finally:
        stage.alarmbox.lists_purchases = True
    record_displays.check_search_results(stage, history.record.corporation_number)
    return codes_by_record


def execute_plan(
    stage: ChoiceStage, plan: PaymentPlan | CheckPlan, tally: Counter[str]
) -> dict[RecordRef, ExplanationCodes]:
    """Execute one plan after the clock is set to the right time. Return the explanation codes of each record at the
    end.
    """
    tally["histories"] += 1
    stage.clock.offset = timedelta()
    return (
        execute_payment_plan(stage, plan, tally)
        if isinstance(plan, PaymentPlan)
        else execute_check_plan(stage, plan, tally)
    )


def run_histories(
    stage: ChoiceStage, example_count: int, folder: Path, seed: int = 0, *, first_batch: int = 0
) -> Counter[str]:
    """Execute `example_count` random histories (rounded up to whole batches) in batches, from the batch `first_batch`
    on, and return the number of actions by name and ending, such as `take done`, and the number of `histories`. The
    same seed and batch draw the same plans. The lists are compared after each batch, because a list shows the records
    of many histories. `folder` gets the exported files.
    """
    tally: Counter[str] = Counter()
    for batch in range(first_batch, first_batch - (-example_count // HISTORIES_PER_BATCH)):
        codes_by_record = execute_batch(
            stage, min(HISTORIES_PER_BATCH, example_count), folder, seed * 1_000 + batch, tally
        )
        record_displays.check_lists(stage, codes_by_record, folder)
    return tally


def execute_batch(
    stage: ChoiceStage, example_count: int, folder: Path, seed: int, tally: Counter[str]
) -> dict[RecordRef, ExplanationCodes]:
    """Execute one batch of random histories. After every tenth history also check the exported files. Return the
    explanation codes of each record at the end.
    """
    codes_by_record: dict[RecordRef, ExplanationCodes] = {}

    # A plan has at most five acts: it can be read as it was drawn, and to shrink it takes minutes.
    @hypothesis.seed(seed)
    @settings(
        max_examples=example_count,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PLAN_STRATEGY)
    def execute_history(plan: PaymentPlan | CheckPlan) -> None:
        ended = execute_plan(stage, plan, tally)
        codes_by_record.update(ended)
        if tally["histories"] % HISTORIES_BEFORE_EXPORT == 0:
            is_dated_right = all(act.name != "jump_clock" for act in plan.all_actions)
            for ref in ended:
                record_displays.check_exports(stage, *ref, folder, is_dated_right=is_dated_right)

    execute_history()
    return codes_by_record
