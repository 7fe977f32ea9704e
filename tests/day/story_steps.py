"""The steps of each kind of story: the actions of the shop, the payer and the people for one order."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TypeAlias

from console.domain.errors import EXIT_STATUS, ConsoleError
from tests.day.people import BegunPayment, Diary, Operators, Payers, Shop
from tests.day.plan import RULE_BY_STORY, OrderPlan, Story
from tests.day.street import PaymentProgress, ProgressCondition, RunningStory, Step
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
"""How a beginning may end that gives the payer nothing to pay by."""
_StoryFunction: TypeAlias = Callable[["OrderStories", OrderPlan, BegunPayment], RunningStory]


class OrderStories:
    """Makes a generator for each order of the day; the generator executes the story of its order. `diary` records the
    actions that were really executed.
    """

    def __init__(self, town: DaySurroundings) -> None:
        self.diary = Diary()
        self._shop, self._payers, self._operators = Shop(town, self.diary), Payers(town), Operators(town, self.diary)

    def make_all(self, lives: Sequence[OrderPlan]) -> Iterator[tuple[str, RunningStory]]:
        """Yield the name and the generator of each order."""
        for life in lives:
            yield f"{life.number} ({life.story.name})", self._run_story_of_order(life)

    def probe_sent_refunds(self, *, is_closed: bool = False) -> None:
        """Let the operator probe the sent refunds after the last sale. `is_closed` means that the workers have
        ended.
        """
        self._operators.probe_accepted_refunds(is_closed=is_closed)

    def _run_story_of_order(self, life: OrderPlan) -> RunningStory:
        purse = yield from self._begin(life)
        if purse is not None:
            yield life.waits
            yield from _STORY_FUNCTIONS[life.story](self, life, purse)

    def _begin(self, life: OrderPlan) -> Generator[Step, None, BegunPayment | None]:
        """Insert an order and begin its payment; if that fails, insert another order. Return the payment; None after
        the last try.
        """
        for attempt in range(_MAX_ORDER_TRIES):
            number = life.number + "abcd"[attempt] * bool(attempt)
            order_id = self._shop.insert_order(life, number)
            try:
                return self._shop.begin_payment(life, number, order_id)
            except ConsoleError as refusal:
                if refusal.code not in _CODE_REFUSALS:
                    raise
                if EXIT_STATUS[refusal.code] != EXIT_STATUS["outcome_unknown"]:  # nobody can pay it
                    self._shop.cancel_order(number, order_id)
            self.diary.given_up.append(number)
            yield _SHORT_WAIT_SECONDS
        return None

    # Orders without a planted fault

    def _pay(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        """Let the payer pay if the payment code is still valid; otherwise do nothing."""
        if self._payers.is_code_payable(purse):
            self._payers.set_payment_state(purse, "paid")
        yield 0

    def _never_pay(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        yield 0

    def _let_payment_fail(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        if self._payers.is_code_payable(purse):
            self._payers.set_payment_state(purse, "failed")
        yield 0

    def _pay_and_refund(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        if not self._payers.is_code_payable(purse):
            return
        self._payers.set_payment_state(purse, "paid")
        yield ProgressCondition(
            purse.payment, lambda seen: (seen.order, seen.payment) == ("paid", "completed"), "paid"
        )
        yield from self._refund(purse, life.back_minor)

    def _refund(self, purse: BegunPayment, minor: int) -> RunningStory:
        refund = self._operators.request_refund(purse, minor)
        yield _SHORT_WAIT_SECONDS
        while not self._operators.approve(refund):
            yield _SHORT_WAIT_SECONDS

    # Planted faults

    def _note_planted_fault(self, purse: BegunPayment, story: Story) -> None:
        """Record in the diary the fault that this story has caused, and the rule that the order breaks."""
        self.diary.planted[purse.order] = RULE_BY_STORY[story]

    def _make_alert_condition(self, purse: BegunPayment, what: str = "AlertRaised") -> ProgressCondition:
        """Return the condition that the receiver of alerts has got the event `what` about the order."""
        wanted = (what, self.diary.planted[purse.order])
        return ProgressCondition(purse.payment, lambda seen: wanted in seen.told, f"{wanted}")

    def _note_removed_fault(self, purse: BegunPayment) -> RunningStory:
        """Record in the diary that the fault was removed, and wait until the receiver of alerts has got the event
        that the alert is resolved.
        """
        self.diary.mended.add(purse.order)
        yield self._make_alert_condition(purse, "AlertResolved")

    def _underpay(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        """The shop changes the order's total after the payment was begun, so that the captured amount differs."""
        if not self._payers.is_code_payable(purse):
            return
        self._shop.change_order(purse.order, f"total_amount = {life.minor + 500}")
        self._payers.set_payment_state(purse, "paid")
        self._note_planted_fault(purse, life.story)
        if life.story is Story.UNDERPAID_AND_CORRECTED:
            yield self._make_alert_condition(purse)
            self._shop.change_order(purse.order, f"total_amount = {life.minor}")
            self._operators.set_order_paid_by_hand(purse)
            yield from self._note_removed_fault(purse)

    def _set_paid_without_payment(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        if not (self._payers.is_code_payable(purse) and self._shop.set_order_paid(purse.order)):
            return
        self._note_planted_fault(purse, life.story)
        if life.story is Story.SET_PAID_THEN_PAID:
            yield self._make_alert_condition(purse)
            self._payers.set_payment_state(purse, "paid")
            yield from self._note_removed_fault(purse)

    def _reverse_payment_by_bank(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        self._payers.set_payment_state(purse, "paid")
        yield ProgressCondition(
            purse.payment, lambda seen: (seen.order, seen.payment) == ("paid", "completed"), "paid"
        )
        self._payers.set_payment_state(purse, "reversed", sure=True)
        self._note_planted_fault(purse, life.story)

    def _pay_after_expiry(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        yield ProgressCondition(purse.payment, lambda seen: seen.order == "cancelled", "cancelled")
        self._payers.set_payment_state(purse, "paid", sure=True)
        self._note_planted_fault(purse, life.story)
        if life.story is Story.AFTER_EXPIRY_REFUNDED:
            yield self._make_alert_condition(purse)
            yield from self._refund(purse, life.minor)
            yield from self._note_removed_fault(purse)

    def _pay_after_failure(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        if not self._payers.is_code_payable(purse):
            return
        self._payers.set_payment_state(purse, "failed", sure=True)
        states: list[str] = []

        def has_ended(seen: PaymentProgress) -> bool:
            states[:] = [seen.payment]
            return _has_failed(seen) or seen.payment == "expired"

        yield ProgressCondition(purse.payment, has_ended, "failed, or expired by time just before")
        if states != ["payment_failed"]:
            return
        self._payers.set_payment_state(purse, "paid", sure=True, another_attempt=True)
        self._note_planted_fault(purse, life.story)
        if life.story is Story.AFTER_FAILURE_SHIPPED:
            yield self._make_alert_condition(purse)
            if not (yield from self._wait_for_order(purse)):
                return
            self._shop.change_order(purse.order, "status = 'shipped'")
            yield from self._note_removed_fault(purse)

    def _wait_for_order(self, purse: BegunPayment) -> Generator[Step, None, bool]:
        """Wait until the order is paid or cancelled, and return True if it is paid. The order may be cancelled
        because its time limit ended just before the payment.
        """
        states: list[str] = []

        def has_ended(seen: PaymentProgress) -> bool:
            states[:] = [seen.order]
            return seen.order in ("paid", "cancelled")

        yield ProgressCondition(purse.payment, has_ended, "the order follows")
        return states == ["paid"]

    def _pay_after_cancel(self, life: OrderPlan, purse: BegunPayment) -> RunningStory:
        if not self._payers.is_code_payable(purse):
            return
        self._shop.cancel_order(purse.order, purse.order_id)
        self._payers.set_payment_state(purse, "paid")
        self._note_planted_fault(purse, life.story)
        yield 0


def _has_failed(seen: PaymentProgress) -> bool:
    return (seen.payment, seen.certainty) == ("payment_failed", "known")


_STORY_FUNCTIONS: Mapping[Story, _StoryFunction] = {
    Story.AT_ONCE: OrderStories._pay,
    Story.LATER: OrderStories._pay,
    Story.NEVER: OrderStories._never_pay,
    Story.FAILS: OrderStories._let_payment_fail,
    Story.PART: OrderStories._pay_and_refund,
    Story.WHOLE: OrderStories._pay_and_refund,
    Story.UNDERPAID: OrderStories._underpay,
    Story.UNDERPAID_AND_CORRECTED: OrderStories._underpay,
    Story.SET_PAID_WITHOUT_PAYMENT: OrderStories._set_paid_without_payment,
    Story.SET_PAID_THEN_PAID: OrderStories._set_paid_without_payment,
    Story.REVERSED_BY_BANK: OrderStories._reverse_payment_by_bank,
    Story.AFTER_EXPIRY: OrderStories._pay_after_expiry,
    Story.AFTER_EXPIRY_REFUNDED: OrderStories._pay_after_expiry,
    Story.AFTER_FAILURE: OrderStories._pay_after_failure,
    Story.AFTER_FAILURE_SHIPPED: OrderStories._pay_after_failure,
    Story.AFTER_CANCEL: OrderStories._pay_after_cancel,
}
