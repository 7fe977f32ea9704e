"""What recovery choices are made of: the facts they are judged by, and what each would do. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from console.domain.order_records import Order, Payment, Refund
from console.domain.payment_results import MoneyStrip
from console.domain.records import CreditCheck, Person
from console.domain.worker_records import Take

Matter: TypeAlias = CreditCheck | Order | Payment | Refund


class Evidence(StrEnum):
    """What a decision may rest on, the best first."""

    READ = "read"
    """The provider's answer, fetched by the service."""
    SETTLEMENT = "settlement"
    """A row of the settlement."""
    FILE = "file"
    """The provider's panel as a file, with its reference number."""
    LETTER = "letter"
    """The provider's written answer, with its number."""


class Told(StrEnum):
    """What the provider said last, as far as it says anything; an old answer says nothing any more."""

    NOTHING = "nothing"
    PAID = "paid"
    OTHER_AMOUNT = "other_amount"
    WAITING = "waiting"
    FAILED = "failed"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"


class Asks(StrEnum):
    """Whether the provider can be asked about this record from here."""

    YES = "yes"
    NO_CALL = "no_call"
    NOT_SET_UP = "not_set_up"


@dataclass(frozen=True, slots=True)
class Proposed:
    """The first half of a decision that waits for a second person."""

    state: str
    person: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that choices are judged by.

    `running`: a living process is sending for it; `held`: somebody asks or decides about it now. `taken`: who works
    on it now. `payment` and `order` are those of the record, `refunds` the payment's. `covered`: what was paid for
    the order covers it. `claimed`: another live credit check holds the number. `refund_off`: why no refund can be
    asked for now. `person` None: nobody is named, and only what the facts say counts.
    """

    record: Matter
    now: datetime
    person: Person | None = None
    running: bool = False
    held: bool = False
    asks: Asks = Asks.YES
    told: Told = Told.NOTHING
    proposed: Proposed | None = None
    taken: Take | None = None
    payment: Payment | None = None
    order: Order | None = None
    refunds: tuple[Refund, ...] = ()
    covered: bool = True
    claimed: bool = False
    refund_off: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a choice would do, each before → after; a pair of equals: stays. `order` and `money` where there are."""

    state: tuple[str, str]
    certainty: tuple[str, str]
    order: tuple[str, str] | None = None
    money: tuple[MoneyStrip, MoneyStrip] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that could be done about a record.

    `what`: probe, refetch, buy, refund, move_order, take, note, or `resolve.` with the state. Where it is ruled out
    `reason` is a wording code with facts. `second_person`: the decision needs one more than whoever makes it first.
    `rests_on`: what it can rest on. `effect`: what it does when it is done; None where only the provider's answer
    tells. `warning`: a wording code of what has to be asked first.
    """

    what: str
    allowed: bool
    who: tuple[str, ...]
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    second_person: bool = False
    rests_on: tuple[Evidence, ...] = ()
    effect: Effect | None = None
    warning: str | None = None
