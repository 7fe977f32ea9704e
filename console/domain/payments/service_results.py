"""Results of services about orders, payments and refunds: each has a record and all other data that the record's
screen shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.allowed_action import AllowedAction
from console.domain.error_reasons import RefundRule
from console.domain.evidence.timeline import EMPTY_TIMELINE_PAGE, TimelinePage
from console.domain.explained_state import Explanation
from console.domain.payments.compared_sides import ComparedSide as ComparedSide
from console.domain.payments.compared_sides import MoneyParts as MoneyParts
from console.domain.payments.provider_messages import StartedPayment
from console.domain.payments.records import Account, Limits, Order, Payment, Refund, SetAside
from console.domain.records import EvidenceItem, LeaseHolder, TimelineEntry
from console.domain.tasks.records import AlertItem, Note, Take
from console.domain.tasks.saga_progress import SagaProgress

if TYPE_CHECKING:  # a program without a registry doesn't import its values
    from console.domain.registry.facts import CorporationFacts


@dataclass(frozen=True, slots=True)
class SideComparison:
    """The compared sides of a refund or of an order, without the other data of their screens. For an order, `record`
    is the payment with which it is compared, None if it has no payment; for a refund, it is the refund. `provider` is
    the payment provider, "" for an order without a payment.
    """

    sides: tuple[ComparedSide, ComparedSide, ComparedSide]
    provider: str
    record: Payment | Refund | None


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """All data that the screen of a payment or the command `show` needs, read in one transaction.

    - `sides`: the compared sides (ours, the provider's, the order's); `money`: the parts of the captured amount
    - `order`: None if the payment belongs to no order
    - `holder`: the person and process that call the provider or hold the payment's lease; None if no process does
    - `awaiting`: "second_person" while a decision waits for its second person, otherwise None
    - `taken`: the running take of the payment; None if no person has taken it
    - `open_alert_id`: the id of the oldest open alert about the payment; None if there is none
    - `corporation`: the registry's facts about the corporation; None if this desk has no registry or the payment has
      no corporation number
    """

    record: Payment
    explanation: Explanation
    sides: tuple[ComparedSide, ComparedSide, ComparedSide]
    money: MoneyParts
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
    open_alert_id: int | None = None
    newest_events: TimelinePage = EMPTY_TIMELINE_PAGE
    corporation: "CorporationFacts | None" = None


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """All data that the screen of an order or the command `show` needs.

    - `explained_payment`: the payment that `find_explained_payment_id` chooses; None if the order has no payment
    - `sides`: the compared sides of this payment (ours, the provider's, the order's)
    - `sagas`: the sagas that end expired payments of the order
    - `alert`: the open alert about a rule that the order breaks, with the action that ends it; None if there is none
    - `open_alert_id`: the id of the oldest open alert about the order, of any rule; None if there is none
    - `taken`: the running take of the order; None if no person has taken it
    - `corporation`: the registry's facts about the corporation; None if this desk has no registry or the order has no
      corporation number
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
    open_alert_id: int | None = None
    newest_events: TimelinePage = EMPTY_TIMELINE_PAGE
    sagas: tuple[SagaProgress, ...] = ()
    alert: AlertItem | None = None
    corporation: "CorporationFacts | None" = None
    explained_payment: Payment | None = None
    sides: tuple[ComparedSide, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskSignal:
    """A risk signal of a refund. `rule` names the signal, `facts` are the values in its text. `kind` and `id` name
    the record that causes the signal; None if no single record causes it. `answer` is the maker's comment on the
    signal; None without a comment.
    """

    rule: str
    facts: Mapping[str, object] = field(default_factory=dict)
    kind: str | None = None
    id: int | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """Result of the check of one rule of refunds. `holds` is True if the refund fulfils the rule. If it is False, the
    service refuses the refund with `rule` as the reason. `facts` are the values in the sentence that shows the rule
    on the screen.
    """

    rule: RefundRule
    holds: bool
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """Facts that a maker sees before a refund request, read at the instant `read_at`. They may change later, because
    nothing is reserved.

    - `requested_today_minor`: the amount that the maker has requested today, in minor units
    - `risk_signals` and `checks`: the risk signals and the checked rules of a refund of the planned amount
    - `earlier`: the payment's refunds so far
    - `second_checker_reasons`: the names of the limits and conditions because of which the refund needs two
      approvers; () if one is enough
    - `cooling_off_until`: the end of the cooling-off period; None if the refund needs none
    - `approvers`: the people who can approve the refund
    - `refusal_code`: the reason for which no refund of this payment can be requested now, a wording key without
      `reason.`; None if a refund can be requested. `refusal_facts` are the values in the sentence of the reason
    - `set_aside`: the money set aside from which the refund is paid; None for an ordinary refund
    - `order_payments`: the payments of the payment's order
    """

    payment: Payment
    order: Order | None
    money: MoneyParts
    limits: Limits
    requested_today_minor: int
    risk_signals: tuple[RiskSignal, ...]
    checks: tuple[RuleCheck, ...]
    earlier: tuple[Refund, ...]
    second_checker_reasons: tuple[str, ...]
    cooling_off_until: datetime | None
    approvers: tuple[str, ...]
    refusal_code: str | None = None
    refusal_facts: Mapping[str, object] = field(default_factory=dict)
    read_at: datetime | None = None
    set_aside: SetAside | None = None
    order_payments: tuple[Payment, ...] = ()

    @property
    def needs_second_checker(self) -> bool:
        """True if the refund needs two approvers (checkers)."""
        return bool(self.second_checker_reasons)


@dataclass(frozen=True, slots=True)
class RefundDetails:
    """All data that the screens of a refund or the command `show` needs.

    - `sides`: the compared sides of the refund; `payment_sides`: the compared sides of its payment, which a checker
      looks at before an approval
    - `risk_signals`: the facts that are reasons to reject the refund; `checks`: the results of the checks of the
      refund rules
    - `changed`: the fields of the payment that have changed since the maker requested the refund: field → (value at
      the request, value now)
    - `version_at_request`: the payment's version at the request; None if it isn't known
    - `earlier`: the payment's other refunds
    - `needed_checker_count`: the number of approvals that the refund needs by the present limits
    - `missing_approver_count`: the number of approvals that a requested refund still needs and no enabled approver
      can give; 0 if there are enough approvers
    - `holder`: the person and process that call the provider or hold the refund's lease; `awaiting`: "second_person"
      while a decision waits for its second person; `taken`: the running take of the refund; `open_alert_id`: the id
      of the oldest open alert about it. Each is None if there is none.
    """

    record: Refund
    explanation: Explanation
    payment: Payment
    order: Order | None
    sides: tuple[ComparedSide, ComparedSide, ComparedSide]
    money: MoneyParts
    risk_signals: tuple[RiskSignal, ...]
    checks: tuple[RuleCheck, ...]
    changed: Mapping[str, tuple[object, object]]
    earlier: tuple[Refund, ...]
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    actions: tuple[AllowedAction, ...]
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    taken: Take | None = None
    notes: tuple[Note, ...] = ()
    open_alert_id: int | None = None
    needed_checker_count: int = 1
    missing_approver_count: int = 0
    newest_events: TimelinePage = EMPTY_TIMELINE_PAGE
    payment_sides: tuple[ComparedSide, ...] = ()
    corporation: "CorporationFacts | None" = None
    version_at_request: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalInbox:
    """Refunds that wait for a decision, in two lists, each oldest first: those that the acting person may decide
    about, and all others. `is_cut` is True if more refunds wait than the lists contain; the missing
    refunds are newer."""

    refunds_to_decide: tuple[Refund, ...]
    other_refunds: tuple[Refund, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class RefundRequestSummary:
    """Summary of a refund that waits for a decision, for a list: its payment, and the number of risk signals, broken
    rules and lacks of approvers (`reasons_against_count`).
    """

    payment: Payment
    reasons_against_count: int


@dataclass(frozen=True, slots=True)
class SetAsideItem:
    """One row of the list of money set aside: the set-aside (`record`) and the payment to which the money belongs.
    `account` is the account whose limit the payment exceeded; None if an administrator has deleted it since then."""

    record: SetAside
    payment: Payment
    account: Account | None

    @property
    def limit_minor(self) -> int | None:
        """The limit of the account in minor units; None if the account was deleted."""
        return self.account.limit_minor if self.account is not None else None


@dataclass(frozen=True, slots=True)
class StartResult:
    """A started payment, and the provider's answer with the code or link with which the payer pays."""

    payment: Payment
    started: StartedPayment


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """Effect of a provider's notice. `done` is booked, repeated, unchanged, queued (the console will query the
    provider), unmatched (the notice belongs to no payment or order of this database) or kept (the notice was only
    stored); None for a rejected notice.

    `is_refused`: the notice was rejected. The sender gets the same answer for every reason of a rejection; only the
    audit trail has the reason. `payment_id` is None if no payment was found.
    """

    is_refused: bool
    done: str | None = None
    payment_id: int | None = None
