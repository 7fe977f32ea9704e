"""Results of services: explanations of records, counts of queues, purchase plans, and results of actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.allowed_action import AllowedAction as AllowedAction
from console.domain.explained_state import CertaintyBadge as CertaintyBadge
from console.domain.explained_state import Explanation as Explanation
from console.domain.explained_state import NextStep as NextStep
from console.domain.explained_state import WorkBadge as WorkBadge
from console.domain.records import (
    CreditCheck,
    Document,
    EvidenceItem,
    LeaseHolder,
    LostOperationState,
    Operation,
    Person,
    TimelineEntry,
)

if TYPE_CHECKING:  # a program without a registry doesn't import its values
    from console.domain.registry.facts import CorporationFacts


@dataclass(frozen=True, slots=True)
class OperationDetails:
    """One guarded operation with its history. `awaiting` is "second_person" while a decision waits for its second
    person. `can_resolve` is False for a lost operation that certainly had no effect, except a purchase that two
    people have denied: a person's decision about it is refused.
    """

    record: Operation
    explanation: Explanation
    timeline: tuple[TimelineEntry, ...]
    evidence: tuple[EvidenceItem, ...]
    awaiting: str | None = None
    corporation: "CorporationFacts | None" = None
    can_resolve: bool = True


@dataclass(frozen=True, slots=True)
class QueueCount:
    """Number of records in a queue, at most 1,000; `is_capped` is True if there are more. `oldest` is the instant
    since which the oldest record has been waiting; None for an empty queue."""

    queue: str
    count: int
    is_capped: bool
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """Facts for the purchase dialog, read at the instant `read_at`. They may change later, because nothing is
    reserved.

    - `client_ids`: the ids of the clients for which this desk may buy; empty if the settings don't name them
    - `live_checks`: the live credit checks of the corporation number; `last_ended_check`: the newest of its other
      credit checks, None if it has none
    - `is_renewal`: the validity of a live credit check has ended, so that it can be renewed
    - `denied_checks`: the credit checks that people decided as not bought, although AlarmBox reported later that they
      were bought, and whose cases no person has acknowledged
    - `purchase_holder`: a person and process that buy a credit check of this number now, None if no process does
    - `corporation`: the registry's facts about the number; None if this desk has no registry
    """

    corporation_number: str
    client_ids: tuple[str, ...]
    live_checks: tuple[CreditCheck, ...]
    denied_checks: tuple[CreditCheck, ...]
    last_ended_check: CreditCheck | None
    purchase_holder: LeaseHolder | None
    is_renewal: bool
    read_at: datetime
    corporation: "CorporationFacts | None" = None


@dataclass(frozen=True, slots=True)
class RefetchResult:
    """Result of a re-fetch: the record, the names of its changed fields, and its documents."""

    record: CreditCheck
    changed_fields: tuple[str, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Result of one check of the commands `doctor` and `db check`: `message` is the wording key of the result,
    `next` the wording key of the next step, "" if there is none. `ok` is False if the check has failed. `facts` are
    the values in the two sentences.
    """

    name: str
    ok: bool
    message: str
    next: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeedMark:
    """Position of a reader in the change feed, the list of changed records. The reader passes it unchanged to its
    next call.

    `newest_id` is the newest row id that the reader has received. All rows with ids up to `complete_up_to_id` are
    already visible; no further row can get such an id. `newest_id_when_marked` was the newest id at the time
    `marked_at_seconds` (monotonic seconds) and becomes `complete_up_to_id` later. `read_ids` has the ids above
    `complete_up_to_id` that the reader has already received.
    """

    newest_id: int
    read_ids: frozenset[int]
    complete_up_to_id: int
    newest_id_when_marked: int
    marked_at_seconds: float


@dataclass(frozen=True, slots=True)
class DeskUpdate:
    """Changes that an open window reads at short intervals. `feed_mark` is the position for the window's next read.
    `changes` has the kind and id of each record that has changed since the window's previous read.

    `is_worker_away`: the desk sends desk requests, and no worker is running; also False if the program didn't check
    this at this read. `switches_version`: the id of the newest setting of a read-only switch, 0 if there is none;
    None if it wasn't read this time.
    """

    feed_mark: FeedMark
    changes: tuple[tuple[str, int], ...]
    is_worker_away: bool = False
    switches_version: int | None = None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """Result of one run of a due task: its name, and the number of records that it worked on."""

    task: str
    count: int


@dataclass(frozen=True, slots=True)
class LostOperation:
    """An operation that this database lost when it was replaced by an earlier copy. The values come from the spool of
    the desk `desk`. `kind` is the kind of its record; `number` is the corporation number, None if the operation has
    none; `at` is the time at which the operation began, `reported_at` the time at which the desk reported the loss to
    this database. `amount_minor` is in minor units, None for a purchase.
    """

    operation_id: str
    kind: str
    action: str
    state: LostOperationState
    number: str | None
    client_id: str | None
    payment_id: int | None
    amount_minor: int | None
    operator: str
    desk: str
    at: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class LostOperationList:
    """A list of lost operations, the most recently reported first, and the total number of lost operations."""

    operations: tuple[LostOperation, ...]
    total_count: int


@dataclass(frozen=True, slots=True)
class DueTasksResult:
    """Result of one run of all due tasks. `unstarted_task_names` are the names of the tasks that did not begin
    because a signal ended the run; empty if no signal ended it.
    """

    runs: tuple[TaskRun, ...]
    unstarted_task_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The acting person and the database. `is_known_operator`: the database has an operator with this name.
    `database_location` is the address of the database at its server, or the path of the SQLite file. `source` is the
    origin of the account for the database server: "asked" if the person typed it, "given" if the settings have it,
    "kept" if the keyring has it. `is_account_stored` is True if the keyring has the account. On SQLite `source` is
    None and `is_account_stored` is False.
    """

    person: Person
    is_known_operator: bool
    database_location: str
    source: str | None = None
    is_account_stored: bool = False


@dataclass(frozen=True, slots=True)
class AccountResult:
    """Result of `db accounts apply` for one person in the file of accounts. `done` is "created", "updated",
    "unchanged" or "disabled". `password` is "set" (a new password), "kept" (the password is unchanged), or "none" for
    a database without passwords.

    `asks_worker`: a worker executes the actions of this person. `has_changed_actor`: before the command the person's
    own desk executed the actions and now a worker does, or the reverse. `uses_default_actor`: the file doesn't state
    which of them executes the actions. `disabled_by`: the administrator who has disabled the person, if the file
    leaves the person disabled; otherwise None.
    """

    person: Person
    done: str
    password: str
    asks_worker: bool
    has_changed_actor: bool
    uses_default_actor: bool
    disabled_by: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedAccounts:
    """Result of `db accounts apply`: the people, and the SQL statements with masked passwords. With `dry_run` no
    statement was executed.
    """

    operators: tuple[AccountResult, ...]
    statements: tuple[str, ...]
    dry_run: bool
