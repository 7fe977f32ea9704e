"""Values of recovery choices: the facts for the decision, and the effect of each choice. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.service_results import MoneyParts
from console.domain.records import CreditCheck, Person
from console.domain.tasks.records import Take

RecoverableRecord: TypeAlias = CreditCheck | Order | Payment | Refund


class Evidence(StrEnum):
    """Kinds of evidence for a decision, the strongest first."""

    READ = "read"
    """The provider's answer, fetched by the service."""
    SETTLEMENT = "settlement"
    """A row of the provider's settlement report."""
    FILE = "file"
    """A file with a page of the provider's website, and its reference number."""
    LETTER = "letter"
    """A letter or mail of the provider, with its reference number."""


class ProviderStatement(StrEnum):
    """The provider's last statement about a record; NOTHING if there is none or it is old."""

    NOTHING = "nothing"
    PAID = "paid"
    OTHER_AMOUNT = "other_amount"
    WAITING = "waiting"
    FAILED = "failed"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"


class CanAsk(StrEnum):
    """Possibility to ask the provider about a record: `NO_CALL` if the provider has no such call, `NOT_SET_UP` if
    this desk has no settings for the provider.
    """

    YES = "yes"
    NO_CALL = "no_call"
    NOT_SET_UP = "not_set_up"


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """A first person's proposal of a state, which waits for a second person."""

    state: str
    person: str


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """All facts that the rules of the decision table use.

    - `running`: a living process is sending for the record; `is_leased`: somebody holds its lease for a probe or
    decision.
    - `taken`: the person who works on it now.
    - `payment` and `order` are those of the record, `refunds` those of the payment.
    - `covered`: the order's paid payments cover its total.
    - `claimed`: another live credit check holds the number.
    - `refund_off`: the reason why no refund can be requested now.
    - `person`: None if nobody is named; then only the facts count.
    """

    record: RecoverableRecord
    now: datetime
    person: Person | None = None
    running: bool = False
    is_leased: bool = False
    can_ask: CanAsk = CanAsk.YES
    statement: ProviderStatement = ProviderStatement.NOTHING
    proposed: OpenProposal | None = None
    taken: Take | None = None
    payment: Payment | None = None
    order: Order | None = None
    refunds: tuple[Refund, ...] = ()
    covered: bool = True
    claimed: bool = False
    refund_off: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a choice: pairs of a value before and after it. `order` is the order's state and `money` the parts of
    the payment's money; None if the record has none.
    """

    state: tuple[str, str]
    certainty: tuple[str, str]
    order: tuple[str, str] | None = None
    money: tuple[MoneyParts, MoneyParts] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible action on a record.

    - `what`: probe, refetch, buy, refund, move_order, take, note, or `resolve.` with the state.
    - `reason`: a wording code with facts if it is excluded.
    - `second_person`: True if the decision needs a second person.
    - `rests_on`: possible evidence.
    - `effect`: its effect when complete; None if only the provider's answer tells.
    - `warning`: a wording code to be confirmed first.
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
