"""The steps of each kind of story: what shop, payer and people do with one order."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TypeAlias

from console.domain.errors import EXIT_STATUS, ConsoleError
from tests.day.people import BegunPayment, Diary, Operators, Payers, Shop
from tests.day.plan import RULE_OF, Life, Story
from tests.day.street import Alive, PaymentProgress, Step, Until
from tests.day.town import Town

_TRIES = 4
_SOON = 0.3
_NO_CODE = frozenset(
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
_Tale: TypeAlias = Callable[["Lives", Life, BegunPayment], Alive]


class Lives:
    """Makes a generator for each order of the day, which executes its story. `diary` notes what really happened."""

    def __init__(self, town: Town) -> None:
        self.diary = Diary()
        self._shop, self._payers, self._operators = Shop(town, self.diary), Payers(town), Operators(town, self.diary)

    def all(self, lives: Sequence[Life]) -> Iterator[tuple[str, Alive]]:
        """Yield the name and the generator of each order."""
        for life in lives:
            yield f"{life.number} ({life.story.name})", self._live_order(life)

    def evening(self, *, is_closed: bool = False) -> None:
        """Let the operator probe the sent refunds after the last sale. `is_closed` means that the workers have
        ended.
        """
        self._operators.ask_about_refunds(is_closed=is_closed)

    def _live_order(self, life: Life) -> Alive:
        purse = yield from self._begin(life)
        if purse is not None:
            yield life.waits
            yield from _TALES[life.story](self, life, purse)

    def _begin(self, life: Life) -> Generator[Step, None, BegunPayment | None]:
        """Insert an order and begin its payment; if that fails, insert another order. Return the payment; None after
        the last try.
        """
        for attempt in range(_TRIES):
            number = life.number + "abcd"[attempt] * bool(attempt)
            order_id = self._shop.order(life, number)
            try:
                return self._shop.begin(life, number, order_id)
            except ConsoleError as refusal:
                if refusal.code not in _NO_CODE:
                    raise
                if EXIT_STATUS[refusal.code] != EXIT_STATUS["outcome_unknown"]:  # nobody can pay it
                    self._shop.cancel(number, order_id)
            self.diary.given_up.append(number)
            yield _SOON
        return None

    # Orders without a planted fault

    def _pay(self, life: Life, purse: BegunPayment) -> Alive:
        """Pay if the code is still valid; otherwise do nothing."""
        if self._payers.in_time(purse):
            self._payers.move(purse, "paid")
        yield 0

    def _never(self, life: Life, purse: BegunPayment) -> Alive:
        yield 0

    def _fail(self, life: Life, purse: BegunPayment) -> Alive:
        if self._payers.in_time(purse):
            self._payers.move(purse, "failed")
        yield 0

    def _pay_and_refund(self, life: Life, purse: BegunPayment) -> Alive:
        if not self._payers.in_time(purse):
            return
        self._payers.move(purse, "paid")
        yield Until(purse.payment, lambda seen: (seen.order, seen.payment) == ("paid", "completed"), "paid")
        yield from self._refund(purse, life.back_minor)

    def _refund(self, purse: BegunPayment, minor: int) -> Alive:
        refund = self._operators.ask(purse, minor)
        yield _SOON
        while not self._operators.approve(refund):
            yield _SOON

    # Planted faults

    def _plant(self, purse: BegunPayment, story: Story) -> None:
        """Note the fault that this story has caused, and the rule that it breaks."""
        self.diary.planted[purse.order] = RULE_OF[story]

    def _make_alert_condition(self, purse: BegunPayment, what: str = "AlertRaised") -> Until:
        """Return the condition that the receiver of alerts has got the event `what` about the order."""
        wanted = (what, self.diary.planted[purse.order])
        return Until(purse.payment, lambda seen: wanted in seen.told, f"{wanted}")

    def _note_mended(self, purse: BegunPayment) -> Alive:
        """Note that the fault was removed, and wait until the receiver has got the event that its alert is
        resolved.
        """
        self.diary.mended.add(purse.order)
        yield self._make_alert_condition(purse, "AlertResolved")

    def _underpay(self, life: Life, purse: BegunPayment) -> Alive:
        """The shop changes the order's total after the payment was begun, so that the captured amount differs."""
        if not self._payers.in_time(purse):
            return
        self._shop.change(purse.order, f"total_amount = {life.minor + 500}")
        self._payers.move(purse, "paid")
        self._plant(purse, life.story)
        if life.story is Story.UNDERPAID_MENDED:
            yield self._make_alert_condition(purse)
            self._shop.change(purse.order, f"total_amount = {life.minor}")
            self._operators.move_order(purse)
            yield from self._note_mended(purse)

    def _say_paid(self, life: Life, purse: BegunPayment) -> Alive:
        if not (self._payers.in_time(purse) and self._shop.say_paid(purse.order)):
            return
        self._plant(purse, life.story)
        if life.story is Story.SAID_PAID_PAID:
            yield self._make_alert_condition(purse)
            self._payers.move(purse, "paid")
            yield from self._note_mended(purse)

    def _take_back(self, life: Life, purse: BegunPayment) -> Alive:
        self._payers.move(purse, "paid")
        yield Until(purse.payment, lambda seen: (seen.order, seen.payment) == ("paid", "completed"), "paid")
        self._payers.move(purse, "reversed", sure=True)
        self._plant(purse, life.story)

    def _pay_after_expiry(self, life: Life, purse: BegunPayment) -> Alive:
        yield Until(purse.payment, lambda seen: seen.order == "cancelled", "cancelled")
        self._payers.move(purse, "paid", sure=True)
        self._plant(purse, life.story)
        if life.story is Story.AFTER_EXPIRY_REFUNDED:
            yield self._make_alert_condition(purse)
            yield from self._refund(purse, life.minor)
            yield from self._note_mended(purse)

    def _pay_after_failure(self, life: Life, purse: BegunPayment) -> Alive:
        if not self._payers.in_time(purse):
            return
        self._payers.move(purse, "failed", sure=True)
        states: list[str] = []

        def ended(seen: PaymentProgress) -> bool:
            states[:] = [seen.payment]
            return _has_failed(seen) or seen.payment == "expired"

        yield Until(purse.payment, ended, "failed, or expired by time just before")
        if states != ["payment_failed"]:
            return
        self._payers.move(purse, "paid", sure=True, another_attempt=True)
        self._plant(purse, life.story)
        if life.story is Story.AFTER_FAILURE_SHIPPED:
            yield self._make_alert_condition(purse)
            if not (yield from self._wait_for_order(purse)):
                return
            self._shop.change(purse.order, "status = 'shipped'")
            yield from self._note_mended(purse)

    def _wait_for_order(self, purse: BegunPayment) -> Generator[Step, None, bool]:
        """Wait until the order is paid or cancelled, and return True if it is paid. It may have been cancelled at its
        time limit just before the payment.
        """
        states: list[str] = []

        def ended(seen: PaymentProgress) -> bool:
            states[:] = [seen.order]
            return seen.order in ("paid", "cancelled")

        yield Until(purse.payment, ended, "the order follows")
        return states == ["paid"]

    def _pay_after_cancel(self, life: Life, purse: BegunPayment) -> Alive:
        if not self._payers.in_time(purse):
            return
        self._shop.cancel(purse.order, purse.order_id)
        self._payers.move(purse, "paid")
        self._plant(purse, life.story)
        yield 0


def _has_failed(seen: PaymentProgress) -> bool:
    return (seen.payment, seen.certainty) == ("payment_failed", "known")


_TALES: Mapping[Story, _Tale] = {
    Story.AT_ONCE: Lives._pay,
    Story.LATER: Lives._pay,
    Story.NEVER: Lives._never,
    Story.FAILS: Lives._fail,
    Story.PART: Lives._pay_and_refund,
    Story.WHOLE: Lives._pay_and_refund,
    Story.UNDERPAID: Lives._underpay,
    Story.UNDERPAID_MENDED: Lives._underpay,
    Story.SAID_PAID: Lives._say_paid,
    Story.SAID_PAID_PAID: Lives._say_paid,
    Story.TAKEN_BACK: Lives._take_back,
    Story.AFTER_EXPIRY: Lives._pay_after_expiry,
    Story.AFTER_EXPIRY_REFUNDED: Lives._pay_after_expiry,
    Story.AFTER_FAILURE: Lives._pay_after_failure,
    Story.AFTER_FAILURE_SHIPPED: Lives._pay_after_failure,
    Story.AFTER_CANCEL: Lives._pay_after_cancel,
}
