"""The steps of each kind of course: the actions of the shop, the payer and the people for one order."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TypeAlias

from console.domain.errors import EXIT_STATUS, ConsoleError
from tests.day.course_runner import PaymentProgress, ProgressCondition, RunningCourse, Step
from tests.day.people import BegunPayment, Diary, Operators, Payers, Shop
from tests.day.plan import RULE_BY_COURSE, OrderCourse, OrderPlan
from tests.day.surroundings import DaySurroundings

_MAX_ORDER_TRIES = 4
_SHORT_WAIT_SECONDS = 0.3
_CODE_REFUSALS = frozenset(
    {
        "outcome_unknown",
        "provider_refused",
        "provider_auth",
        "rate_limited",
        "provider_unreachable",
        "provider_answer_unusable",
    }
)
"""Error codes with which the start of a payment may be refused, so that the payer gets no payment code."""
_CourseFunction: TypeAlias = Callable[["OrderCourses", OrderPlan, BegunPayment], RunningCourse]


class OrderCourses:
    """Makes a generator for each order of the day; the generator executes the course of its order. `diary` records
    the actions that were really executed.
    """

    def __init__(self, surroundings: DaySurroundings) -> None:
        self.diary = Diary()
        self._shop, self._payers, self._operators = (
            Shop(surroundings, self.diary),
            Payers(surroundings),
            Operators(surroundings, self.diary),
        )

    def make_all(self, plans: Sequence[OrderPlan]) -> Iterator[tuple[str, RunningCourse]]:
        """Yield the name and the generator of each order."""
        for plan in plans:
            yield f"{plan.number} ({plan.course.name})", self._run_course_of_order(plan)

    def probe_sent_refunds(self, *, is_closed: bool = False) -> None:
        """Let the operator probe the refunds that a provider has accepted. `is_closed` means that the workers have
        ended.
        """
        self._operators.probe_accepted_refunds(is_closed=is_closed)

    def _run_course_of_order(self, plan: OrderPlan) -> RunningCourse:
        payment = yield from self._begin_payment(plan)
        if payment is not None:
            yield plan.wait_seconds
            yield from _COURSE_FUNCTIONS[plan.course](self, plan, payment)

    def _begin_payment(self, plan: OrderPlan) -> Generator[Step, None, BegunPayment | None]:
        """Insert an order and begin its payment; if that fails, insert another order. Return the payment; None after
        the last try.
        """
        for attempt in range(_MAX_ORDER_TRIES):
            number = plan.number + "abcd"[attempt] * bool(attempt)
            order_id = self._shop.insert_order(plan, number)
            try:
                return self._shop.begin_payment(plan, number, order_id)
            except ConsoleError as refusal:
                if refusal.code not in _CODE_REFUSALS:
                    raise
                if EXIT_STATUS[refusal.code] != EXIT_STATUS["outcome_unknown"]:  # nobody can pay it
                    self._shop.cancel_order(number, order_id)
            self.diary.given_up.append(number)
            yield _SHORT_WAIT_SECONDS
        return None

    # Orders without a planned fault

    def _pay_with_code(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        """Let the payer pay if the payment code is still valid; otherwise do nothing. The course ends without a
        further wait."""
        if self._payers.is_code_payable(payment):
            self._payers.set_payment_state(payment, "paid")
        yield 0

    def _never_pay(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        yield 0

    def _let_payment_fail(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        if self._payers.is_code_payable(payment):
            self._payers.set_payment_state(payment, "failed")
        yield 0

    def _pay_and_refund(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        if not self._payers.is_code_payable(payment):
            return
        self._payers.set_payment_state(payment, "paid")
        yield ProgressCondition(
            payment.payment_id,
            lambda progress: (progress.order_state, progress.payment_state) == ("paid", "completed"),
            "paid",
        )
        yield from self._refund_payment(payment, plan.refund_minor)

    def _refund_payment(self, payment: BegunPayment, minor: int) -> RunningCourse:
        refund = self._operators.request_refund(payment, minor)
        yield _SHORT_WAIT_SECONDS
        while not self._operators.approve_refund(refund):
            yield _SHORT_WAIT_SECONDS

    # Orders with a planned fault

    def _record_planned_fault(self, payment: BegunPayment, course: OrderCourse) -> None:
        """Record in the diary the fault that this course has caused, and the rule that the order breaks."""
        self.diary.broken_rule_by_order[payment.order_number] = RULE_BY_COURSE[course]

    def _make_alert_condition(self, payment: BegunPayment, event: str = "AlertRaised") -> ProgressCondition:
        """Return the condition that the receiver of alerts has got the event `event` about the order."""
        alert_event = (event, self.diary.broken_rule_by_order[payment.order_number])
        return ProgressCondition(
            payment.payment_id, lambda progress: alert_event in progress.alert_events, f"{alert_event}"
        )

    def _record_corrected_fault(self, payment: BegunPayment) -> RunningCourse:
        """Record in the diary that the fault was removed, and wait until the receiver of alerts has got the event
        that the alert is resolved.
        """
        self.diary.corrected_orders.add(payment.order_number)
        yield self._make_alert_condition(payment, "AlertResolved")

    def _pay_too_little(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        """The shop changes the order's total after the payment was begun, so that the captured amount differs."""
        if not self._payers.is_code_payable(payment):
            return
        self._shop.change_order(payment.order_number, f"total_amount = {plan.minor + 500}")
        self._payers.set_payment_state(payment, "paid")
        self._record_planned_fault(payment, plan.course)
        if plan.course is OrderCourse.UNDERPAID_AND_CORRECTED:
            yield self._make_alert_condition(payment)
            self._shop.change_order(payment.order_number, f"total_amount = {plan.minor}")
            self._operators.set_order_paid_by_hand(payment)
            yield from self._record_corrected_fault(payment)

    def _set_paid_without_payment(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        if not (self._payers.is_code_payable(payment) and self._shop.set_order_paid(payment.order_number)):
            return
        self._record_planned_fault(payment, plan.course)
        if plan.course is OrderCourse.SET_PAID_THEN_PAID:
            yield self._make_alert_condition(payment)
            self._payers.set_payment_state(payment, "paid")
            yield from self._record_corrected_fault(payment)

    def _reverse_payment_by_bank(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        self._payers.set_payment_state(payment, "paid")
        yield ProgressCondition(
            payment.payment_id,
            lambda progress: (progress.order_state, progress.payment_state) == ("paid", "completed"),
            "paid",
        )
        self._payers.set_payment_state(payment, "reversed", never_lost=True)
        self._record_planned_fault(payment, plan.course)

    def _pay_after_expiry(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        yield ProgressCondition(payment.payment_id, lambda progress: progress.order_state == "cancelled", "cancelled")
        self._payers.set_payment_state(payment, "paid", never_lost=True)
        self._record_planned_fault(payment, plan.course)
        if plan.course is OrderCourse.PAID_AFTER_EXPIRY_AND_REFUNDED:
            yield self._make_alert_condition(payment)
            yield from self._refund_payment(payment, plan.minor)
            yield from self._record_corrected_fault(payment)

    def _pay_after_failure(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        if not self._payers.is_code_payable(payment):
            return
        self._payers.set_payment_state(payment, "failed", never_lost=True)
        states: list[str] = []

        def has_ended(progress: PaymentProgress) -> bool:
            states[:] = [progress.payment_state]
            return _has_failed(progress) or progress.payment_state == "expired"

        yield ProgressCondition(payment.payment_id, has_ended, "failed, or expired by time just before")
        if states != ["payment_failed"]:
            return
        self._payers.set_payment_state(payment, "paid", never_lost=True, another_attempt=True)
        self._record_planned_fault(payment, plan.course)
        if plan.course is OrderCourse.PAID_AFTER_FAILURE_AND_SHIPPED:
            yield self._make_alert_condition(payment)
            if not (yield from self._wait_for_order(payment)):
                return
            self._shop.change_order(payment.order_number, "status = 'shipped'")
            yield from self._record_corrected_fault(payment)

    def _wait_for_order(self, payment: BegunPayment) -> Generator[Step, None, bool]:
        """Wait until the order is paid or cancelled, and return True if it is paid. The order may be cancelled
        because its time limit ended just before the payment.
        """
        states: list[str] = []

        def has_ended(progress: PaymentProgress) -> bool:
            states[:] = [progress.order_state]
            return progress.order_state in ("paid", "cancelled")

        yield ProgressCondition(payment.payment_id, has_ended, "the order follows")
        return states == ["paid"]

    def _pay_after_cancel(self, plan: OrderPlan, payment: BegunPayment) -> RunningCourse:
        if not self._payers.is_code_payable(payment):
            return
        self._shop.cancel_order(payment.order_number, payment.order_id)
        self._payers.set_payment_state(payment, "paid")
        self._record_planned_fault(payment, plan.course)
        yield 0


def _has_failed(progress: PaymentProgress) -> bool:
    return (progress.payment_state, progress.certainty) == ("payment_failed", "known")


_COURSE_FUNCTIONS: Mapping[OrderCourse, _CourseFunction] = {
    OrderCourse.PAID_AT_ONCE: OrderCourses._pay_with_code,
    OrderCourse.PAID_LATER: OrderCourses._pay_with_code,
    OrderCourse.NEVER_PAID: OrderCourses._never_pay,
    OrderCourse.PAYMENT_FAILS: OrderCourses._let_payment_fail,
    OrderCourse.PARTLY_REFUNDED: OrderCourses._pay_and_refund,
    OrderCourse.FULLY_REFUNDED: OrderCourses._pay_and_refund,
    OrderCourse.UNDERPAID: OrderCourses._pay_too_little,
    OrderCourse.UNDERPAID_AND_CORRECTED: OrderCourses._pay_too_little,
    OrderCourse.SET_PAID_WITHOUT_PAYMENT: OrderCourses._set_paid_without_payment,
    OrderCourse.SET_PAID_THEN_PAID: OrderCourses._set_paid_without_payment,
    OrderCourse.REVERSED_BY_BANK: OrderCourses._reverse_payment_by_bank,
    OrderCourse.PAID_AFTER_EXPIRY: OrderCourses._pay_after_expiry,
    OrderCourse.PAID_AFTER_EXPIRY_AND_REFUNDED: OrderCourses._pay_after_expiry,
    OrderCourse.PAID_AFTER_FAILURE: OrderCourses._pay_after_failure,
    OrderCourse.PAID_AFTER_FAILURE_AND_SHIPPED: OrderCourses._pay_after_failure,
    OrderCourse.PAID_AFTER_CANCEL: OrderCourses._pay_after_cancel,
}
