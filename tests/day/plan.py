"""The plan of a simulated day, made at random from a seed: each order with its story, and the faults that are
planted.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain, repeat


class Story(StrEnum):
    """The course of an order during the simulated day. A story in RULE_OF plants a fault: the order then breaks that
    alert rule.
    """

    AT_ONCE = "paid at once"
    LATER = "paid later, in time"
    NEVER = "never paid"
    FAILS = "payment fails"
    PART = "paid, a part is refunded"
    WHOLE = "paid, all of it is refunded"

    UNDERPAID = "the shop raises the sum, then it is paid"
    UNDERPAID_AND_CORRECTED = "the same; when that is told, the shop takes it back and an operator moves the order"
    SET_PAID_WITHOUT_PAYMENT = "the shop says paid, and nobody pays"
    SET_PAID_THEN_PAID = "the shop says paid; when that is told, the payer pays"
    REVERSED_BY_BANK = "paid, and the bank takes it back"
    AFTER_EXPIRY = "paid after its order was cancelled by time"
    AFTER_EXPIRY_REFUNDED = "the same; when that is told, all of it is refunded"
    AFTER_FAILURE = "paid after it had failed"
    AFTER_FAILURE_SHIPPED = "the same; when that is told, the shop ships"
    AFTER_CANCEL = "paid after the shop cancelled its order"


RULE_BY_STORY: Mapping[Story, str] = {
    Story.UNDERPAID: "A",
    Story.UNDERPAID_AND_CORRECTED: "A",
    Story.SET_PAID_WITHOUT_PAYMENT: "B",
    Story.SET_PAID_THEN_PAID: "B",
    Story.REVERSED_BY_BANK: "B",
    Story.AFTER_EXPIRY: "C",
    Story.AFTER_EXPIRY_REFUNDED: "C",
    Story.AFTER_FAILURE: "C",
    Story.AFTER_FAILURE_SHIPPED: "C",
    Story.AFTER_CANCEL: "C",
}
"""The rule that a planted story breaks (docs/alerts.md)."""

_SHARE_BY_STORY: Mapping[Story, int] = {
    Story.LATER: 140, Story.NEVER: 110, Story.FAILS: 50, Story.PART: 70, Story.WHOLE: 50,
    Story.UNDERPAID: 6, Story.UNDERPAID_AND_CORRECTED: 6,
    Story.SET_PAID_WITHOUT_PAYMENT: 6, Story.SET_PAID_THEN_PAID: 6, Story.REVERSED_BY_BANK: 6,
    Story.AFTER_EXPIRY: 8, Story.AFTER_EXPIRY_REFUNDED: 6, Story.AFTER_FAILURE: 6, Story.AFTER_FAILURE_SHIPPED: 4,
    Story.AFTER_CANCEL: 6,
}  # fmt: skip
"""Of a thousand orders; the others are paid at once."""
_EARLY_PART_OF_ORDERS = 0.6
"""Of the day: what is planted needs its grace and then somebody to see to it, an unknown refund its probes."""
_PAYPAY_STORIES = frozenset({Story.SET_PAID_WITHOUT_PAYMENT, Story.AFTER_EXPIRY, Story.AFTER_EXPIRY_REFUNDED})
"""Stories of a code that ends within the day; a token of Atom has a day."""
_ATOM_STORIES = frozenset({Story.SET_PAID_THEN_PAID, Story.REVERSED_BY_BANK})
_CURRENCY = {"paypay": "JPY", "atom": "INR"}
STOCK_ITEMS = tuple(f"item-{n:02d}" for n in range(20))


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The plan of one order. `waits` is the time from the payment code to the payer's action (seconds), `back_minor`
    the amount to be refunded (minor units).
    """

    number: str
    story: Story
    provider: str
    minor: int
    item: str
    quantity: int
    waits: float
    back_minor: int

    @property
    def currency(self) -> str:
        return _CURRENCY[self.provider]


@dataclass(frozen=True, slots=True)
class Day:
    """The parameters of a simulated day. Times are real seconds; the program under test divides its own waits by
    `scale`. At most `under_way` orders run at the same time, and a payment code is valid for `code_seconds`. A step
    waits at most `patience` seconds, and no order begins after `closes` seconds. With `asks` the accounts of the
    operator and the approver are in team mode.
    """

    orders: int
    seed: int
    scale: int = 30
    under_way: int = 120
    code_seconds: float = 12.0
    outages: int = 1
    slow_spells: int = 1
    worker_kills: int = 2
    database_kills: int = 1
    patience: float = 120.0
    closes: float = 3_000.0
    asks: bool = False

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


def make_order_plans(day: Day) -> Sequence[OrderPlan]:
    """Return the plans of all orders. The same seed gives the same plans, and each kind of story gets its share of
    the orders.
    """
    chance = random.Random(day.seed)
    counts = {story: max(1, round(share * day.orders / 1000)) for story, share in _SHARE_BY_STORY.items()}
    slow = {story for story in counts if story in RULE_BY_STORY or story in (Story.PART, Story.WHOLE)}
    early = _shuffle_stories(chance, {story: counts[story] for story in counts if story in slow}, 0)
    rest = {story: counts[story] for story in counts if story not in slow}
    others = _shuffle_stories(chance, rest, day.orders - len(early))
    places = set(chance.sample(range(int(day.orders * _EARLY_PART_OF_ORDERS)), len(early)))
    drawn_early, drawn_others = iter(early), iter(others)
    stories = (next(drawn_early if n in places else drawn_others) for n in range(day.orders))
    return [_make_order_plan(chance, f"D{n:06d}", story, day) for n, story in enumerate(stories)]


def _shuffle_stories(chance: random.Random, counts: Mapping[Story, int], at_least: int) -> list[Story]:
    """Return a list with each story as often as `counts` states, in random order. Further entries with AT_ONCE are
    added until the list has `at_least` entries.
    """
    found = list(chain.from_iterable(repeat(story, count) for story, count in counts.items()))
    found += repeat(Story.AT_ONCE, max(0, at_least - len(found)))
    chance.shuffle(found)
    return found


def _make_order_plan(chance: random.Random, number: str, story: Story, day: Day) -> OrderPlan:
    provider = _draw_provider(chance, story)
    minor = chance.randrange(300, 9_000) if provider == "paypay" else chance.randrange(10_000, 900_000)
    waits = chance.uniform(0.1, 0.4) * day.code_seconds if story is Story.LATER else chance.uniform(0, 0.3)
    back = minor if story is not Story.PART else chance.randrange(1, minor)
    return OrderPlan(number, story, provider, minor, chance.choice(STOCK_ITEMS), chance.randint(1, 5), waits, back)


def _draw_provider(chance: random.Random, story: Story) -> str:
    if story in _PAYPAY_STORIES:
        return "paypay"
    if story in _ATOM_STORIES:
        return "atom"
    if story is Story.NEVER:
        return chance.choices(("paypay", "atom"), (9, 1))[0]
    return chance.choices(("paypay", "atom"), (65, 35))[0]
