"""The plan of a simulated day, made at random from a seed: each order with its story, and the faults that are
planted.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain, repeat


class OrderStory(StrEnum):
    """The course of an order during the simulated day. A story in RULE_BY_STORY plants a fault: the order then breaks
    that alert rule.
    """

    PAID_AT_ONCE = "paid at once"
    PAID_LATER = "paid later, in time"
    NEVER_PAID = "never paid"
    PAYMENT_FAILS = "payment fails"
    PARTLY_REFUNDED = "paid, a part is refunded"
    FULLY_REFUNDED = "paid, all of it is refunded"

    UNDERPAID = "the shop raises the sum, then it is paid"
    UNDERPAID_AND_CORRECTED = "the same; when that is told, the shop takes it back and an operator moves the order"
    SET_PAID_WITHOUT_PAYMENT = "the shop says paid, and nobody pays"
    SET_PAID_THEN_PAID = "the shop says paid; when that is told, the payer pays"
    REVERSED_BY_BANK = "paid, and the bank takes it back"
    PAID_AFTER_EXPIRY = "paid after its order was cancelled by time"
    PAID_AFTER_EXPIRY_AND_REFUNDED = "the same; when that is told, all of it is refunded"
    PAID_AFTER_FAILURE = "paid after it had failed"
    PAID_AFTER_FAILURE_AND_SHIPPED = "the same; when that is told, the shop ships"
    PAID_AFTER_CANCEL = "paid after the shop cancelled its order"


RULE_BY_STORY: Mapping[OrderStory, str] = {
    OrderStory.UNDERPAID: "A",
    OrderStory.UNDERPAID_AND_CORRECTED: "A",
    OrderStory.SET_PAID_WITHOUT_PAYMENT: "B",
    OrderStory.SET_PAID_THEN_PAID: "B",
    OrderStory.REVERSED_BY_BANK: "B",
    OrderStory.PAID_AFTER_EXPIRY: "C",
    OrderStory.PAID_AFTER_EXPIRY_AND_REFUNDED: "C",
    OrderStory.PAID_AFTER_FAILURE: "C",
    OrderStory.PAID_AFTER_FAILURE_AND_SHIPPED: "C",
    OrderStory.PAID_AFTER_CANCEL: "C",
}
"""The rule that a planted story breaks (docs/alerts.md)."""

_SHARE_BY_STORY: Mapping[OrderStory, int] = {
    OrderStory.PAID_LATER: 140, OrderStory.NEVER_PAID: 110, OrderStory.PAYMENT_FAILS: 50,
    OrderStory.PARTLY_REFUNDED: 70, OrderStory.FULLY_REFUNDED: 50,
    OrderStory.UNDERPAID: 6, OrderStory.UNDERPAID_AND_CORRECTED: 6,
    OrderStory.SET_PAID_WITHOUT_PAYMENT: 6, OrderStory.SET_PAID_THEN_PAID: 6, OrderStory.REVERSED_BY_BANK: 6,
    OrderStory.PAID_AFTER_EXPIRY: 8, OrderStory.PAID_AFTER_EXPIRY_AND_REFUNDED: 6,
    OrderStory.PAID_AFTER_FAILURE: 6, OrderStory.PAID_AFTER_FAILURE_AND_SHIPPED: 4, OrderStory.PAID_AFTER_CANCEL: 6,
}  # fmt: skip
"""Number of orders of each story in a thousand orders. The other orders are paid without a failure or delay."""
_EARLY_PART_OF_ORDERS = 0.6
"""First part (0 to 1) of the orders, which has all stories with a planted fault or a refund. The rest of the day is
for the grace period, the person who handles the alert, and the probes of unknown refunds.
"""
_PAYPAY_STORIES = frozenset(
    {OrderStory.SET_PAID_WITHOUT_PAYMENT, OrderStory.PAID_AFTER_EXPIRY, OrderStory.PAID_AFTER_EXPIRY_AND_REFUNDED}
)
"""Stories that need a payment code that expires within the day. Only PayPay's codes do; a payment page of Atom stays
valid for a day.
"""
_ATOM_STORIES = frozenset({OrderStory.SET_PAID_THEN_PAID, OrderStory.REVERSED_BY_BANK})
_CURRENCY_BY_PROVIDER = {"paypay": "JPY", "atom": "INR"}
STOCK_ITEMS = tuple(f"item-{n:02d}" for n in range(20))


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The plan of one order. `wait_seconds` is the time from the payment code to the payer's action (seconds),
    `refund_minor` the amount to be refunded (minor units).
    """

    number: str
    story: OrderStory
    provider: str
    minor: int
    item: str
    quantity: int
    wait_seconds: float
    refund_minor: int

    @property
    def currency(self) -> str:
        return _CURRENCY_BY_PROVIDER[self.provider]


@dataclass(frozen=True, slots=True)
class DayParameters:
    """The parameters of a simulated day. Times are real seconds; the program under test divides its own waits by
    `scale`. At most `max_running_orders` orders run at the same time, and a payment code is valid for
    `code_validity_seconds`. A step waits at most `max_wait_seconds` seconds, and no order begins after
    `last_order_begins_before_seconds` seconds. With `uses_team_mode` the accounts of the operator and the approver
    are in team mode.
    """

    order_count: int
    seed: int
    scale: int = 30
    max_running_orders: int = 120
    code_validity_seconds: float = 12.0
    outage_count: int = 1
    slow_period_count: int = 1
    worker_kill_count: int = 2
    database_kill_count: int = 1
    max_wait_seconds: float = 120.0
    last_order_begins_before_seconds: float = 3_000.0
    uses_team_mode: bool = False

    @property
    def grace(self) -> float:
        """The longest grace period of the rules in real seconds (see docs/alerts.md)."""
        return timedelta(minutes=5) / timedelta(seconds=self.scale)

    @property
    def hang_seconds(self) -> float:
        """The real seconds for which a hanging provider holds back a call. They are longer than any time limit for an
        answer, and shorter than the time after which a missing effect counts as proof.
        """
        return 40 / self.scale


def make_order_plans(day: DayParameters) -> Sequence[OrderPlan]:
    """Return the plans of all orders. The same seed gives the same plans, and each kind of story gets its share of
    the orders.
    """
    chance = random.Random(day.seed)
    counts = {story: max(1, round(share * day.order_count / 1000)) for story, share in _SHARE_BY_STORY.items()}
    slow = {
        story
        for story in counts
        if story in RULE_BY_STORY or story in (OrderStory.PARTLY_REFUNDED, OrderStory.FULLY_REFUNDED)
    }
    early = _shuffle_stories(chance, {story: counts[story] for story in counts if story in slow}, 0)
    rest = {story: counts[story] for story in counts if story not in slow}
    others = _shuffle_stories(chance, rest, day.order_count - len(early))
    places = set(chance.sample(range(int(day.order_count * _EARLY_PART_OF_ORDERS)), len(early)))
    drawn_early, drawn_others = iter(early), iter(others)
    stories = (next(drawn_early if n in places else drawn_others) for n in range(day.order_count))
    return [_make_order_plan(chance, f"D{n:06d}", story, day) for n, story in enumerate(stories)]


def _shuffle_stories(chance: random.Random, counts: Mapping[OrderStory, int], at_least: int) -> list[OrderStory]:
    """Return a list with each story as often as `counts` states, in random order. Further entries with PAID_AT_ONCE
    are added until the list has `at_least` entries.
    """
    found = list(chain.from_iterable(repeat(story, count) for story, count in counts.items()))
    found += repeat(OrderStory.PAID_AT_ONCE, max(0, at_least - len(found)))
    chance.shuffle(found)
    return found


def _make_order_plan(chance: random.Random, number: str, story: OrderStory, day: DayParameters) -> OrderPlan:
    provider = _draw_provider(chance, story)
    minor = chance.randrange(300, 9_000) if provider == "paypay" else chance.randrange(10_000, 900_000)
    waits = (
        chance.uniform(0.1, 0.4) * day.code_validity_seconds
        if story is OrderStory.PAID_LATER
        else chance.uniform(0, 0.3)
    )
    back = minor if story is not OrderStory.PARTLY_REFUNDED else chance.randrange(1, minor)
    return OrderPlan(number, story, provider, minor, chance.choice(STOCK_ITEMS), chance.randint(1, 5), waits, back)


def _draw_provider(chance: random.Random, story: OrderStory) -> str:
    if story in _PAYPAY_STORIES:
        return "paypay"
    if story in _ATOM_STORIES:
        return "atom"
    if story is OrderStory.NEVER_PAID:
        return chance.choices(("paypay", "atom"), (9, 1))[0]
    return chance.choices(("paypay", "atom"), (65, 35))[0]
