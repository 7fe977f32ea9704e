"""Desk requests: database rows by which a person's desk lets a worker execute an action.

The database account of this person may only read data and insert requests. A worker takes the request, calls the
service in the person's name, and stores the answer in the row.
"""

import os
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.errors import ConsoleError


class DeskRequestState(StrEnum):
    """Stored state of a desk request: WAITING for a worker, TAKEN by a worker, ENDED with an answer, or LAPSED
    because no worker took it, or began its command, in time. ENDED and LAPSED are final."""

    WAITING = "asked"
    TAKEN = "taken"
    ENDED = "ended"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class NewDeskRequest:
    """A desk request before it is stored. `action` is the name of the requested action, `arguments_json` its
    arguments as JSON. `request_id` is the caller's request id; if it is None, the row's own id is used.
    `amount_minor` (the amount of a refund) and `proposed_value` (the state, limit or other value that the action sets
    or proposes) repeat facts of the arguments, so that the database can check its rules about them.
    `is_password_confirmed`: the connection that stores the request was opened with the password that the person has
    typed for this request. `subject_kind` and `subject_id` name the record that the action is about,
    `evidence_sha256` is the SHA-256 of a file that the request hands in; each of them, the amount and
    `proposed_value` are None if the action has no such value.
    """

    id: str
    action: str
    arguments_json: str
    subject_kind: str | None = None
    subject_id: str | None = None
    amount_minor: int | None = None
    proposed_value: str | None = None
    evidence_sha256: str | None = None
    request_id: str | None = None
    is_password_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class TakenDeskRequest:
    """A desk request that a worker has taken. `person` is the requester; `is_password_confirmed` is True if the
    person has typed the password for this request; `fencing_token` is the fencing token of the worker's lease on the
    request. `is_late` is True if the worker took the request over from another worker more than
    TAKEOVER_MARGIN_SECONDS after the end of the request's wait, so that it must not begin the command any more. The
    other fields are those of `NewDeskRequest`.
    """

    id: str
    person: str
    action: str
    arguments_json: str
    request_id: str
    evidence_sha256: str | None
    is_password_confirmed: bool
    fencing_token: int
    subject_kind: str | None = None
    subject_id: str | None = None
    amount_minor: int | None = None
    proposed_value: str | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class DeskRequestProgress:
    """State of a desk request, as the desk that sent it reads it from the row. `progress` is the name of the step
    that the worker has reported last; None before the first report. `result` is the answer of an ended request as
    JSON.

    `is_lapsed`: the request is still WAITING, but its time is over by the server's clock, so no worker will execute
    it; False if it is already stored as LAPSED. `is_abandoned`: the worker that took the request has ended or doesn't
    respond, and no other worker has taken the request over. `is_withdrawn`: the person has withdrawn the request, so
    no worker will execute it.
    """

    state: DeskRequestState
    progress: str | None
    result: str | None
    is_lapsed: bool
    is_abandoned: bool
    is_withdrawn: bool


class OwnRequestState(StrEnum):
    """States of a desk request in the list of the person who made it. WAITING: no worker has taken it yet; TAKEN:
    a worker executes it. ABANDONED: the worker that took it has ended or doesn't respond, and no other worker has
    taken the request over. ENDED, LAPSED and WITHDRAWN are final."""

    WAITING = "waiting"
    TAKEN = "taken"
    ABANDONED = "abandoned"
    ENDED = "ended"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A row of the list of one person's desk requests, as the database has it. (In `OwnRequest`, the answer is a
    value or an error instead of JSON.) `action` is the name of the requested action. `at` is the instant at which the
    database server stored the request. `result` is the answer of an ended request as JSON; None if the request has
    not ended, or if its answer is too long for a list. `subject_kind` and `subject_id` name the record that the
    request is about; None if it is about no record.
    """

    id: str
    at: datetime
    action: str
    subject_kind: str | None
    subject_id: str | None
    state: OwnRequestState
    result: str | None


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """One of a person's own desk requests, for display: a `StoredRequest` whose answer this desk has read from its
    JSON. `action` is the name of the requested action, `at` the instant at which the database server stored the
    request. `subject_kind` and `subject_id` name the record that the request is about; None if it is about no record.

    If the request has ended, `answer_value` is the stored answer or `answer_error` the error that the command raised;
    both are None if the answer is too long for a list or unreadable at this desk. `is_unanswered`: this desk sent the
    request and never received the answer, because its process ended or stopped waiting.
    """

    id: str
    at: datetime
    action: str
    subject_kind: str | None
    subject_id: str | None
    state: OwnRequestState
    answer_value: object = None
    answer_error: ConsoleError | None = None
    is_unanswered: bool = False

    @property
    def is_open(self) -> bool:
        """True if the request waits for a worker, or if a worker has taken it and not ended it."""
        return self.state in (OwnRequestState.WAITING, OwnRequestState.TAKEN, OwnRequestState.ABANDONED)


@dataclass(frozen=True, slots=True)
class AliveWorker:
    """A worker that executes desk requests: the name of its database account, and the seconds
    (`seconds_since_renewal`) since it last renewed its presence lease.
    """

    name: str
    seconds_since_renewal: float


@dataclass(frozen=True, slots=True)
class LeftoverCredentials:
    """Names of provider credentials that are still stored at a desk which no longer needs them, because in team mode
    a worker makes the calls. `environment_variables` are names of variables, `keyring_entries` are entries of the
    keyring.
    """

    environment_variables: tuple[str, ...] = ()
    keyring_entries: tuple[str, ...] = ()


def make_request_id() -> str:
    """Return a new UUID of version 7 (RFC 9562) as text. Its first 48 bits are the time in milliseconds, so new rows
    are added at the end of the database index.
    """
    return _make_uuid_version_7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def make_withdrawal_id(request_id: str) -> str:
    """Return the id of the desk request that withdraws the request with the id `request_id`. The id is computed from
    `request_id`, so a repeated withdrawal has the same id and adds no second row. A desk that waits for the answer to
    `request_id` can read the row of the withdrawal by its primary key.
    """
    return str(uuid.UUID(int=uuid.UUID(request_id).int ^ 1))


def _make_uuid_version_7(milliseconds: int, low_bits: int) -> str:
    """Return the UUID of version 7 whose first 48 bits are the time `milliseconds` (since 1970) and whose other bits,
    except those of version and variant, are the bits of `low_bits` (at most 80 bits)."""
    uuid_number = milliseconds << 80 | low_bits
    uuid_number = uuid_number & ~(0xF << 76) | 0x7 << 76
    uuid_number = uuid_number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=uuid_number))
