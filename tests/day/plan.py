"""The plan of a simulated day, made at random from a seed: each order with its course and, for some orders, a fault
that breaks a rule of the alerts.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain, repeat


class OrderCourse(StrEnum):
    """The course of an order during the simulated day. A course in RULE_BY_COURSE has a planned fault: the
    order then breaks that alert rule.
    """

    PAID_AT_ONCE = "paid at once"
    PAID_LATER = "paid later, in time"
    NEVER_PAID = "never paid"
    PAYMENT_FAILS = "payment fails"
    PARTLY_REFUNDED = "paid, a part is refunded"
    FULLY_REFUNDED = "paid, all of it is refunded"

    UNDERPAID = "the shop raises the sum, then it is paid"
    UNDERPAID_AND_CORRECTED = "the same; after the alert, the shop corrects the sum and an operator moves the order"
    SET_PAID_WITHOUT_PAYMENT = "the shop says paid, and nobody pays"
    SET_PAID_THEN_PAID = "the shop says paid; after the alert, the payer pays"
    REVERSED_BY_BANK = "paid, and the bank takes it back"
    PAID_AFTER_EXPIRY = "paid after its order was cancelled by time"
    PAID_AFTER_EXPIRY_AND_REFUNDED = "the same; after the alert, all of it is refunded"
    PAID_AFTER_FAILURE = "paid after it had failed"
    PAID_AFTER_FAILURE_AND_SHIPPED = "the same; after the alert, the shop ships"
    PAID_AFTER_CANCEL = "paid after the shop cancelled its order"


RULE_BY_COURSE: Mapping[OrderCourse, str] = {
    OrderCourse.UNDERPAID: "A",
    OrderCourse.UNDERPAID_AND_CORRECTED: "A",
    OrderCourse.SET_PAID_WITHOUT_PAYMENT: "B",
    OrderCourse.SET_PAID_THEN_PAID: "B",
    OrderCourse.REVERSED_BY_BANK: "B",
    OrderCourse.PAID_AFTER_EXPIRY: "C",
    OrderCourse.PAID_AFTER_EXPIRY_AND_REFUNDED: "C",
    OrderCourse.PAID_AFTER_FAILURE: "C",
    OrderCourse.PAID_AFTER_FAILURE_AND_SHIPPED: "C",
    OrderCourse.PAID_AFTER_CANCEL: "C",
}
"""The alert rule (docs/alerts.md) that an order breaks, by its course. Other courses break no rule."""

_SHARE_BY_COURSE: Mapping[OrderCourse, int] = {
    OrderCourse.PAID_LATER: 140, OrderCourse.NEVER_PAID: 110, OrderCourse.PAYMENT_FAILS: 50,
    OrderCourse.PARTLY_REFUNDED: 70, OrderCourse.FULLY_REFUNDED: 50,
    OrderCourse.UNDERPAID: 6, OrderCourse.UNDERPAID_AND_CORRECTED: 6,
    OrderCourse.SET_PAID_WITHOUT_PAYMENT: 6, OrderCourse.SET_PAID_THEN_PAID: 6, OrderCourse.REVERSED_BY_BANK: 6,
    OrderCourse.PAID_AFTER_EXPIRY: 8, OrderCourse.PAID_AFTER_EXPIRY_AND_REFUNDED: 6,
    OrderCourse.PAID_AFTER_FAILURE: 6, OrderCourse.PAID_AFTER_FAILURE_AND_SHIPPED: 4,
    OrderCourse.PAID_AFTER_CANCEL: 6,
}  # fmt: skip
"""Number of orders of each course in a thousand orders. The other orders are paid without a failure or delay."""
_EARLY_PART_OF_ORDERS = 0.6
"""First part (0 to 1) of the orders, which has all courses with a planned fault or a refund. The rest of the day is
for the grace period, the person who handles the alert, and the probes of unknown refunds.
"""
_PAYPAY_COURSES = frozenset(
    {OrderCourse.SET_PAID_WITHOUT_PAYMENT, OrderCourse.PAID_AFTER_EXPIRY, OrderCourse.PAID_AFTER_EXPIRY_AND_REFUNDED}
)
"""Courses that need a payment code that expires within the day. Only PayPay's codes do; a payment page of Atom stays
valid for a day.
"""
_ATOM_COURSES = frozenset({OrderCourse.SET_PAID_THEN_PAID, OrderCourse.REVERSED_BY_BANK})
_CURRENCY_BY_PROVIDER = {"paypay": "JPY", "atom": "INR"}
STOCK_ITEMS = tuple(f"item-{n:02d}" for n in range(20))


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The plan of one order. `minor` is the price (minor units), `wait_seconds` the time from the payment code to the
    payer's action (seconds), `refund_minor` the amount to be refunded (minor units).
    """

    number: str
    course: OrderCourse
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
    """Return the plans of all orders. The same seed gives the same plans, and each kind of course gets its share of
    the orders.
    """
    chance = random.Random(day.seed)
    counts = {course: max(1, round(share * day.order_count / 1000)) for course, share in _SHARE_BY_COURSE.items()}
    slow = {
        course
        for course in counts
        if course in RULE_BY_COURSE or course in (OrderCourse.PARTLY_REFUNDED, OrderCourse.FULLY_REFUNDED)
    }
    early = _shuffle_courses(chance, {course: counts[course] for course in counts if course in slow}, 0)
    rest = {course: counts[course] for course in counts if course not in slow}
    others = _shuffle_courses(chance, rest, day.order_count - len(early))
    places = set(chance.sample(range(int(day.order_count * _EARLY_PART_OF_ORDERS)), len(early)))
    drawn_early, drawn_others = iter(early), iter(others)
    courses = (next(drawn_early if n in places else drawn_others) for n in range(day.order_count))
    return [_make_order_plan(chance, f"D{n:06d}", course, day) for n, course in enumerate(courses)]


def _shuffle_courses(chance: random.Random, counts: Mapping[OrderCourse, int], at_least: int) -> list[OrderCourse]:
    """Return a list with each course as often as `counts` states, in random order. Further entries with PAID_AT_ONCE
    are added until the list has `at_least` entries.
    """
    courses = list(chain.from_iterable(repeat(course, count) for course, count in counts.items()))
    courses += repeat(OrderCourse.PAID_AT_ONCE, max(0, at_least - len(courses)))
    chance.shuffle(courses)
    return courses


def _make_order_plan(chance: random.Random, number: str, course: OrderCourse, day: DayParameters) -> OrderPlan:
    provider = _draw_provider(chance, course)
    minor = chance.randrange(300, 9_000) if provider == "paypay" else chance.randrange(10_000, 900_000)
    waits = (
        chance.uniform(0.1, 0.4) * day.code_validity_seconds
        if course is OrderCourse.PAID_LATER
        else chance.uniform(0, 0.3)
    )
    back = minor if course is not OrderCourse.PARTLY_REFUNDED else chance.randrange(1, minor)
    return OrderPlan(number, course, provider, minor, chance.choice(STOCK_ITEMS), chance.randint(1, 5), waits, back)


def _draw_provider(chance: random.Random, course: OrderCourse) -> str:
    if course in _PAYPAY_COURSES:
        return "paypay"
    if course in _ATOM_COURSES:
        return "atom"
    if course is OrderCourse.NEVER_PAID:
        return chance.choices(("paypay", "atom"), (9, 1))[0]
    return chance.choices(("paypay", "atom"), (65, 35))[0]
