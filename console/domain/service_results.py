"""Results of services: records with their explanation, pages of queues, plans and results of actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.domain.records import (
    CreditCheck,
    Document,
    EvidenceItem,
    LeaseHolder,
    Operation,
    Person,
    TimelineEntry,
)


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step of a record: a wording code with facts, and the terminal command for it; None if there is
    none.
    """

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Verdict, reason and next step of a record, each as a wording code with facts. `may_act` has the roles that may
    do the next step.
    """

    verdict: str
    why: str
    next_step: NextStep
    facts: Mapping[str, object] = field(default_factory=dict)
    may_act: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowedAction:
    """An action on a record. `allowed`: the present person may do it now; otherwise `reason` is a wording code with
    facts.
    """

    action: str
    allowed: bool
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperationView:
    """One guarded operation with its history. `awaiting` is "second_person" while a decision needs a second
    person.
    """

    record: Operation
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    awaiting: str | None = None


@dataclass(frozen=True, slots=True)
class QueueCount:
    """Number of records in a queue, at most 1,000 (`capped`: there are more). `oldest` is the instant since when the
    oldest record waits.
    """

    queue: str
    count: int
    capped: bool
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """Facts for the purchase dialog, as read at `read_at`; nothing is reserved. `live` are the live credit checks of
    the number, `running` is the process that buys one now.
    """

    corporation_number: str
    clients: tuple[str, ...]
    live: tuple[CreditCheck, ...]
    last: CreditCheck | None
    running: LeaseHolder | None
    renewal: bool
    read_at: datetime


@dataclass(frozen=True, slots=True)
class RefetchResult:
    """Result of a re-fetch: the record, the names of its changed fields, and its documents."""

    record: CreditCheck
    changed: tuple[str, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check of `doctor`: `message` and `next` are wording codes of the result and of the next step."""

    name: str
    ok: bool
    message: str
    next: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedMark:
    """Position of a reader in the change feed. The reader passes it unchanged to its next call.

    No row with an id up to `closed` can still appear. `latest_when_marked` was the newest id at the time
    `marked_at_seconds` (monotonic seconds) and becomes `closed` later. `seen` has the ids above `closed` that the
    reader has already got.
    """

    latest: int
    seen: frozenset[int]
    closed: int
    latest_when_marked: int
    marked_at_seconds: float


@dataclass(frozen=True, slots=True)
class TaskRun:
    """Result of one run of a due task: its name, and the number of records that it worked on."""

    task: str
    count: int


@dataclass(frozen=True, slots=True)
class Identity:
    """The acting person and the database. `known`: the database has an operator of this name.

    `source` tells from where the database account of a server comes: "asked" from the person, "given" by the
    settings, or "kept" in the keyring. `kept` is True if the keyring has the account. On SQLite they are None and
    False.
    """

    person: Person
    known: bool
    database: str
    source: str | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class AccountDone:
    """Result for one person of a file of accounts. `done` is created, updated, unchanged or disabled. `password` is
    set (a new one), kept (unchanged), or none for a database without passwords. `asks`: a worker acts for the person.
    `has_moved`: the person acted before and asks now, or the other way round. `is_default`: the file doesn't say it.
    """

    person: Person
    done: str
    password: str
    asks: bool
    has_moved: bool
    is_default: bool


@dataclass(frozen=True, slots=True)
class AccountsApplied:
    """Result of `db accounts apply`: the people, and the SQL statements with masked passwords. With `dry_run` nothing
    was executed.
    """

    operators: tuple[AccountDone, ...]
    statements: tuple[str, ...]
    dry_run: bool
