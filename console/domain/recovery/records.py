"""Values of recovery choices: the facts from which the choices are made, and the effect of each choice. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from console.domain.access.read_only import ReadOnlySwitch
from console.domain.payments.compared_sides import MoneyParts
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck, Person
from console.domain.tasks.records import Take

if TYPE_CHECKING:
    from console.domain.registry.facts import RegistryEntry

RecoverableRecord: TypeAlias = CreditCheck | Order | Payment | Refund


class EvidenceKind(StrEnum):
    """Kind of evidence for a decision, the strongest first. READ: the provider's answer to a read; SETTLEMENT: the
    provider's settlement report; FILE: a file with a page of the provider's website; LETTER: a letter or mail of the
    provider."""

    READ = "read"
    """The provider's answer to a question that the service sends itself."""
    SETTLEMENT = "settlement"
    """A row of the provider's settlement report."""
    FILE = "file"
    """A copy of a page of the provider's website as a file, with the provider's reference number."""
    LETTER = "letter"
    """A letter or mail from the provider, with the provider's reference number."""


class ProviderStatement(StrEnum):
    """The provider's last report about a record: the record is paid (PAID, or with another amount OTHER_AMOUNT),
    waiting, failed, expired or not found. NOTHING: there is no report, it is too old, the provider can't be queried,
    or the record isn't a payment."""

    NOTHING = "nothing"
    PAID = "paid"
    OTHER_AMOUNT = "other_amount"
    WAITING = "waiting"
    FAILED = "failed"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"


class ProviderQueryPossibility(StrEnum):
    """Possibility of a query of the provider about a record by this desk. `YES`: this desk can query the provider.
    `NO_CALL`: the provider has no call for such a query. `NOT_SET_UP`: this desk has no settings for the provider.
    """

    YES = "yes"
    NO_CALL = "no_call"
    NOT_SET_UP = "not_set_up"


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """The proposal of a first person that a record has the state `state`. The proposal waits for the decision of a
    second person.
    """

    state: str
    person: str


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """A proposal of `person` from the instant `since` that a record has the state `state`; it waits for a second
    person.

    - `id`: the id of the proposal; `kind` and `record_id` name the record. If the database has lost the operation and
      its record, the kind is "operation" and `record_id` is the id of the operation.
    - `payment_number`: our number of the payment, if the record is a payment.
    - `refusal`: the reason for which the acting person can't be the second person: `own_first_half` (this person made
      the proposal) or `role`; None if the person can.
    - `amount_minor` and `currency` are the amount of the payment or refund, or the amount given back outside; None
      for other records.
    - `corporation_number`: the number of the record's company; None for an operation.
    - `registry_entry`: the registry's entry about this company; `name_in_credit_check`: if there is no entry, the
      name in the newest credit check of the company that has a name. Each is None if there is none.
    - `evidence_summary`: the stored summary of the proposer's evidence, which contains the proposer's reason; the
      payer is masked in it. "" if no evidence is stored.
    """

    id: int
    kind: str
    record_id: str
    payment_number: str | None
    state: str
    person: str
    since: datetime
    refusal: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    corporation_number: str | None = None
    evidence_summary: str = ""
    registry_entry: "RegistryEntry | None" = field(default=None, repr=False, compare=False)
    name_in_credit_check: str | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChoiceFacts:
    """All facts that the rules of the decision table use.

    - `is_call_running`: a living process is calling the provider for the record.
    - `is_leased`: a process holds the record's lease for a probe or decision.
    - `query_possibility`: the possibility of a query of the provider by this desk; `statement`: the provider's last
      report.
    - `take`: the mark of the person who works on the record now.
    - `payment` and `order` belong to the record; `refunds` belong to the payment.
    - `is_order_covered`: the order's paid payments cover the order's total; `other_order_payments` are all payments
      of the order without `payment`.
    - `purchase_blocker_id`: the id of the credit check that blocks a purchase of the corporation number; None if no
      credit check blocks it.
    - `refund_refusal`: the reason for which no refund can be requested now, with `refund_refusal_facts`.
    - `holder` is the person whose process calls the provider or holds the lease, since `holder_since`.
    - `read_only_switch`: the read-only switch that stops changes of the record, None if none is on.
    - `person`: the acting person. If None, no right and no earlier decision of a person is checked.
    - `open_proposal`: a first person's proposal about the record; None if none is open.
    - `may_have_spooled_answer`: the spool that a probe uses has, or may have, the provider's answer to the purchase,
      which the database lacks.
    """

    record: RecoverableRecord
    now: datetime
    person: Person | None = None
    is_call_running: bool = False
    is_leased: bool = False
    query_possibility: ProviderQueryPossibility = ProviderQueryPossibility.YES
    statement: ProviderStatement = ProviderStatement.NOTHING
    open_proposal: OpenProposal | None = None
    take: Take | None = None
    payment: Payment | None = None
    order: Order | None = None
    refunds: tuple[Refund, ...] = ()
    is_order_covered: bool = True
    other_order_payments: tuple[Payment, ...] = ()
    purchase_blocker_id: int | None = None
    refund_refusal: str | None = None
    refund_refusal_facts: Mapping[str, object] = field(default_factory=dict)
    holder: str | None = None
    holder_since: datetime | None = None
    read_only_switch: ReadOnlySwitch | None = None
    may_have_spooled_answer: bool = False


@dataclass(frozen=True, slots=True)
class DecisionEffect:
    """Effect of a choice, as pairs (value before the choice, value after it); the two values are equal if the choice
    doesn't change them. `order_state_change` has the states of a payment's order, `money_change` the parts of the
    payment's money. Each is None if it doesn't belong to the record or can't be changed by the choice."""

    state_change: tuple[str, str]
    certainty_change: tuple[str, str]
    order_state_change: tuple[str, str] | None = None
    money_change: tuple[MoneyParts, MoneyParts] | None = None


@dataclass(frozen=True, slots=True)
class DecisionChoice:
    """One possible action on a record, allowed or excluded.

    - `name`: probe, refetch, buy, refund, record_outside, move_order, take, note, or `resolve.` with the state.
    - `allowed_roles`: the roles that may do the action.
    - `reason`: a wording key if the choice is excluded, with `facts`.
    - `needs_second_person`: True if the choice needs a second person.
    - `proposer`: the person whose proposal of this decision waits for a second person; None if none waits.
    - `possible_evidence`: the kinds of evidence that the choice accepts.
    - `effect`: the effect of the completed choice; None if only the provider's answer determines it, if the choice
      has no effect on states and money, or if it is excluded by a rule or a switch.
    - `warning`: the wording key of a sentence that the person must confirm first; None if there is none.
    """

    name: str
    allowed: bool
    allowed_roles: tuple[str, ...]
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    needs_second_person: bool = False
    proposer: str | None = None
    possible_evidence: tuple[EvidenceKind, ...] = ()
    effect: DecisionEffect | None = None
    warning: str | None = None
