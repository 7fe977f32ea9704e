"""A desk request: a row by which a person's desk asks a worker to act.

On a server, people's accounts may only read and ask. The worker takes the request, calls the service in the person's
name, and stores the answer in the row.
"""

import os
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum

LONGEST_WAIT_FOR_WORKER_SECONDS = 60
"""Time for which a request waits for a worker. After that nobody executes it any more."""
PRESENCE_LEASE = "desk_requests"
"""Name of the lease that a worker holds as long as it executes requests. Desks see from it that a worker is there."""
PRESENCE_SECONDS = 30.0
"""Length of that lease. Desks say that no worker is there once no worker has renewed its lease for so long."""
PRESENCE_BEAT_SECONDS = 1.0
SILENCE_SECONDS = 2.0
"""Time without a beat after which other workers take over a worker's requests, once they have seen it twice."""
AUDIT_ACTION = "audit"
"""Action of a request for an audit entry. It waits for a worker however long, and nobody waits for its answer."""
WITHDRAW_ACTION = "withdraw"
"""Action of a request that withdraws another one of the same person. No worker executes it: once it is stored, no
worker can take the other one any more.
"""
REQUEST_KIND = "request"
"""Kind of the subject of such a request."""
CONFIRMED_ACTIONS = frozenset({"limits set", "refund approve", "refund reject"})
"""Actions that always need the person's password. The second person's `resolve` needs it, too; only the worker knows
whether a request is that one.
"""
LONGEST_ARGS_BYTES = 16 * 1024
"""Length limit (bytes) of a request's arguments as JSON."""
LONGEST_FILE_PART_BYTES = 1024 * 1024
"""Size limit (bytes) of one part of a request's file."""
LARGEST_FILE_BYTES = 10 * 1024 * 1024
"""Size limit (bytes) of a request's file: the largest evidence that a decision may have."""


class DeskRequestState(StrEnum):
    """States of a desk request. The last two are final."""

    ASKED = "asked"
    TAKEN = "taken"
    ENDED = "ended"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class NewDeskRequest:
    """A request before it is stored. `args` is JSON; `request_id` is the caller's request id, None for the row's own
    id. `amount_minor` and `proposed` repeat facts of the arguments for the database's rules about refunds and
    decisions. `confirmed`: the connection that stores the request was opened with the password that the person has
    typed for it.
    """

    id: str
    action: str
    args: str
    subject_kind: str | None = None
    subject_id: str | None = None
    amount_minor: int | None = None
    proposed: str | None = None
    evidence_sha256: str | None = None
    request_id: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class TakenDeskRequest:
    """A request that a worker has taken, with the `person` who asked, whether the person has typed the password
    for it (`confirmed`), and the fencing token of the taking.
    """

    id: str
    person: str
    action: str
    args: str
    request_id: str
    evidence_sha256: str | None
    confirmed: bool
    fence: int
    subject_kind: str | None = None
    subject_id: str | None = None
    amount_minor: int | None = None
    proposed: str | None = None


@dataclass(frozen=True, slots=True)
class DeskRequestProgress:
    """A request as its desk sees it. `result` is the answer of an ended request. `is_lapsed`: no worker took it in
    time, by the server's clock, so nobody will execute it. `is_abandoned`: the worker that took it has ended or
    hangs, and no other one has taken it over.
    """

    state: DeskRequestState
    progress: str | None
    result: str | None
    is_lapsed: bool
    is_abandoned: bool


@dataclass(frozen=True, slots=True)
class AliveWorker:
    """A worker that executes desk requests: its account's name, and the seconds since its last sign of life."""

    name: str
    seconds_ago: float


@dataclass(frozen=True, slots=True)
class LeftoverCredentials:
    """Names of credentials at a desk that asks: environment variables (`variables`), and entries of the keyring."""

    variables: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


def new_request_id() -> str:
    """Return a UUID of version 7 (RFC 9562): its first 48 bits are the time in milliseconds, so that new rows are
    inserted at the end of the index.
    """
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
