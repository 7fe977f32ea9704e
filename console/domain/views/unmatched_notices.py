"""Rows of the queue of unmatched notices, as the services return them: each notice with the records that it may
belong to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.domain.explained_state import Explanation
from console.domain.payments.records import Order, Payment
from console.domain.tasks.records import Alert


class NoticeProof(StrEnum):
    """The proof of a notice's sender. SIGNATURE: the notice had a valid signature on arrival. ADDRESS: the notice
    isn't signed, and came from an address of its provider; the program must still query the provider. NONE: the
    stored signature no longer fits the stored notice.
    """

    SIGNATURE = "signature"
    ADDRESS = "address"
    NONE = "none"


class SharedFact(StrEnum):
    """A fact of a notice that is equal in a candidate (a payment or order of this database): a number, the amount, or
    the day."""

    NUMBER = "number"
    AMOUNT = "amount"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class UnmatchedNotice:
    """A stored notice that belongs to no record of ours. Instants are aware (UTC).

    - `id`: the id of the stored event; `source`: the provider or bank that sent it; `event_id`: the id that the
      sender gave to it; `type`: the sender's own name of the kind of notice
    - `order_no`: our number of the payment as the notice states it; None if it states none
    - `amount_minor` (minor units), `currency`, `occurred_at`: amount, currency and time as the notice states them;
      None for a missing value
    - `received_at`: the time at which this program received the notice; `proof`: the proof of its sender
    """

    id: int
    source: str
    event_id: str
    type: str
    order_no: str | None
    amount_minor: int | None
    currency: str | None
    occurred_at: datetime | None
    received_at: datetime
    proof: NoticeProof


@dataclass(frozen=True, slots=True)
class NoticeCandidate:
    """A payment or order of this database that has facts in common with a notice. The program only shows it; a person
    decides if the notice belongs to it."""

    record: Order | Payment
    shared_facts: tuple[SharedFact, ...]


@dataclass(frozen=True, slots=True)
class UnmatchedNoticeItem:
    """A notice in the queue with its explanation. `cases` are the open cases about the notice, which a person
    acknowledges together: first the case that the notice matches no record, then the case that it is unverified, if
    there is one. `candidates` are the payments and orders of this database that have the notice's number, or its
    amount and day; None if they were not read.
    """

    notice: UnmatchedNotice
    explanation: Explanation
    cases: tuple[Alert, ...]
    candidates: tuple[NoticeCandidate, ...] | None = None

    @property
    def since(self) -> datetime:
        """The time (UTC) at which the notice was received."""
        return self.notice.received_at


@dataclass(frozen=True, slots=True)
class UnmatchedNoticePage:
    """One page of the queue of unmatched notices, the oldest first; `next_cursor` is an opaque text with which the
    next page is read, None on the last page.
    """

    queue: str
    items: tuple[UnmatchedNoticeItem, ...]
    next_cursor: str | None
