"""What services answer about orders, payments and refunds: records with everything that a screen shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.domain.order_records import Account, Limits, Order, Payment, Refund, SetAside
from console.domain.payment_records import StartedPayment
from console.domain.records import EvidenceItem, LeaseHolder, TimelineEntry
from console.domain.results import AllowedAction, Explanation
from console.domain.saga_steps import SagaView
from console.domain.story import NO_STORY, Chain
from console.domain.worker_records import AlertItem, Note, Take


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the truth strip. `asked`: None when this side was never asked; `there`: False when it does not
    exist at all. `word` is the side's own word for its state, `state` ours for it, `differs` the fields (state,
    amount, currency, refunded) in which it disagrees with ours. Instants are aware UTC.
    """

    name: str
    there: bool = True
    state: str | None = None
    word: str | None = None
    minor: int | None = None
    refunded_minor: int | None = None
    currency: str | None = None
    reference: str | None = None
    since: datetime | None = None
    asked: datetime | None = None
    old: bool = False
    source: str | None = None
    version: int | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoneyStrip:
    """Where a payment's money is, in minor units of one currency; the parts add up to what was captured."""

    currency: str
    captured: int
    refunded: int
    on_its_way: int
    unknown: int
    waiting: int
    set_aside: int
    refundable: int


@dataclass(frozen=True, slots=True)
class PaymentView:
    """Everything that one payment's screen or `show` needs, read in one call."""

    record: Payment
    explanation: Explanation
    sides: tuple[Side, Side, Side]
    money: MoneyStrip
    order: Order | None
    refunds: tuple[Refund, ...]
    set_asides: tuple[SetAside, ...]
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    actions: tuple[AllowedAction, ...]
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    taken: Take | None = None
    notes: tuple[Note, ...] = ()
    story: Chain = NO_STORY


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its payments. `sagas`: what follows, or followed, when the time of one of them had passed;
    `alert`: the open one between it and its payments, with the payment by which it is settled.
    """

    record: Order
    explanation: Explanation
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...] = ()
    actions: tuple[AllowedAction, ...] = ()
    taken: Take | None = None
    notes: tuple[Note, ...] = ()
    story: Chain = NO_STORY
    sagas: tuple[SagaView, ...] = ()
    alert: AlertItem | None = None


@dataclass(frozen=True, slots=True)
class RadarHit:
    """Something that speaks against a refund: `rule` with facts, the record it is about, the maker's answer to it."""

    rule: str
    facts: Mapping[str, object] = field(default_factory=dict)
    kind: str | None = None
    id: int | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One rule that was looked at, and whether it holds; `facts` for its words."""

    rule: str
    holds: bool
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What a maker sees before asking: facts of this moment, nothing reserved. `off`: a wording code when no refund
    of this payment can be asked for now, with its facts; `needs_answer` of a hit is for screens to ask.
    """

    payment: Payment
    order: Order | None
    money: MoneyStrip
    limits: Limits
    today_minor: int
    radar: tuple[RadarHit, ...]
    checks: tuple[Check, ...]
    earlier: tuple[Refund, ...]
    second_checker: bool
    cooling_off_until: datetime | None
    who_is_asked: tuple[str, ...]
    off: str | None = None
    off_facts: Mapping[str, object] = field(default_factory=dict)
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundView:
    """Everything that a refund's screen, the approval view or `show` needs.

    `against` are reasons to say no, `checks` what was looked at for the checker; `changed` are the fields in which
    the payment differs now from what the maker saw (field → (then, now)).
    """

    record: Refund
    explanation: Explanation
    payment: Payment
    order: Order | None
    sides: tuple[Side, Side, Side]
    money: MoneyStrip
    against: tuple[RadarHit, ...]
    checks: tuple[Check, ...]
    changed: Mapping[str, tuple[object, object]]
    earlier: tuple[Refund, ...]
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    actions: tuple[AllowedAction, ...]
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    taken: Take | None = None
    notes: tuple[Note, ...] = ()
    story: Chain = NO_STORY


@dataclass(frozen=True, slots=True)
class ApprovalInbox:
    """Refunds that wait for a decision: those that the reader may decide, and others (own ones, other roles')."""

    mine_to_decide: tuple[Refund, ...]
    others: tuple[Refund, ...]


@dataclass(frozen=True, slots=True)
class SetAsideItem:
    """Money set aside, with its payment, its account and the refund that is proposed."""

    record: SetAside
    payment: Payment
    account: Account


@dataclass(frozen=True, slots=True)
class StartResult:
    """A payment that was begun, and where the payer goes on."""

    payment: Payment
    started: StartedPayment


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What became of a notice. `done`: booked, repeated, unchanged, queued (the provider is asked), unmatched,
    kept. `refused`: it gets the one uniform refusal; why stands in the audit trail alone.
    """

    refused: bool
    done: str | None = None
    payment_id: int | None = None
