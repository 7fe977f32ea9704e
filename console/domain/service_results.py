"""What services answer: records with their explanation, pages of queues, plans and results of acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.records import (
    CreditCheck,
    Document,
    EvidenceItem,
    LeaseHolder,
    Operation,
    Person,
    TimelineEntry,
)

if TYPE_CHECKING:  # a lookup of credit checks does without
    from console.domain.order_records import Order, Payment, Refund
    from console.domain.worker_records import Note, Take


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next, as a code with facts, and the terminal command that a person may run, if any."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Verdict, why and next of a record, each a wording code with facts; `may_act` names the roles."""

    verdict: str
    why: str
    next_step: NextStep
    facts: Mapping[str, object] = field(default_factory=dict)
    may_act: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowedAction:
    """Whether the reader may act now: `reason` is a wording code with facts where not."""

    action: str
    allowed: bool
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreditCheckView:
    """Everything that one record's screen or `show` needs, read in one call."""

    record: CreditCheck
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    documents: tuple[Document, ...]
    actions: tuple[AllowedAction, ...]
    holder: LeaseHolder | None = None
    awaiting: str | None = None
    asked_at: datetime | None = None
    history: tuple[CreditCheck, ...] = ()
    taken: "Take | None" = None
    notes: "tuple[Note, ...]" = ()


@dataclass(frozen=True, slots=True)
class OperationView:
    """One journal entry with its history."""

    record: Operation
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class LookupResult:
    """All we have for one corporation number, newest first."""

    corporation_number: str
    credit_checks: tuple[CreditCheck, ...]
    stripped_prefix: bool = False
    orders: "tuple[Order, ...]" = ()
    payments: "tuple[Payment, ...]" = ()
    refunds: "tuple[Refund, ...]" = ()


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A record in a queue with why it is there, since when and what happens next."""

    record: "CreditCheck | Order | Payment | Refund"
    explanation: Explanation
    since: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A keyset page; `next_cursor` is opaque text, None at the end."""

    queue: str
    items: tuple[QueueItem, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many wait, capped at 1,000 (`capped`), and since when the oldest does."""

    queue: str
    count: int
    capped: bool
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """What the purchase dialog shows before asking: facts of this moment, nothing reserved."""

    corporation_number: str
    clients: tuple[str, ...]
    live: tuple[CreditCheck, ...]
    last: CreditCheck | None
    running: LeaseHolder | None
    renewal: bool
    read_at: datetime


@dataclass(frozen=True, slots=True)
class RefetchResult:
    """What a re-fetch brought: names of changed fields and the record's documents."""

    record: CreditCheck
    changed: tuple[str, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The record after a decision; `awaiting` is "second_person" while one more is needed."""

    record: "CreditCheck | Order | Payment | Refund | Operation"
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of `doctor`: what was looked at, whether it is well, and what to do next if not."""

    name: str
    ok: bool
    message: str
    next: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """Something begun and not ended, for the list shown after a crash."""

    operation: Operation
    record: "CreditCheck | Order | Payment | Refund | None"
    next_step: NextStep
    holder: LeaseHolder | None = None


@dataclass(frozen=True, slots=True)
class FeedMark:
    """How far a reader of the feed got; handed back with the next reading, of no other meaning.

    Ids up to `closed` are over; those up to `closing`, the latest one at `turned` (seconds, monotonic), will be next.
    `seen`: which of the open ones it has met.
    """

    latest: int
    seen: frozenset[int]
    closed: int
    closing: int
    turned: float


@dataclass(frozen=True, slots=True)
class TaskRun:
    """How often a due task did something in this run."""

    task: str
    count: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts, with which roles, and where: `source` says where a server's account came from ("asked", "given" by
    the settings, "kept" in the keyring), `kept` whether the keyring holds it. Both are empty on SQLite.
    """

    person: Person
    known: bool
    database: str
    source: str | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class AccountDone:
    """What became of one person of an accounts file. `done`: created, updated, unchanged or disabled; `password`:
    set, kept, or none where the database has no passwords.
    """

    person: Person
    done: str
    password: str


@dataclass(frozen=True, slots=True)
class AccountsApplied:
    """What `db accounts apply` did, or would do: the people, and the statements with passwords masked."""

    operators: tuple[AccountDone, ...]
    statements: tuple[str, ...]
    dry_run: bool
