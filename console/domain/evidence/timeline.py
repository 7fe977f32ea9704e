"""Timeline of a record: merges the events of several sources (tables) into one sequence. No I/O.

The events of one source keep the order of their rows, even if a clock was wrong. The sources are merged by time.
Events of the same time are sorted so that a cause comes before its effect (begun, answered, decided, ended), then by
table and row.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from heapq import merge
from typing import Any

from console.domain.audit.actions import AuditAction


class TimelineEventKind(StrEnum):
    """Kind of an event in a timeline, such as BEGUN, ANSWER, DECISION or ENDED. Events of the same time are sorted
    by their kind, so that a cause comes before its effect."""

    BEGUN = "begun"
    """An operation was written to the journal, before anything was sent."""
    ANSWER = "answer"
    """A call to a provider ended, with or without an answer."""
    NOTICE = "notice"
    PROOF = "proof"
    """A person handed in evidence."""
    RECONCILIATION = "reconciliation"
    DECISION = "decision"
    """A person made a decision about the record."""
    CHANGE = "change"
    """The record changed, or a change was refused."""
    SAGA = "saga"
    ALERT = "alert"
    ENDED = "ended"


_SORT_RANK_BY_KIND: Mapping[TimelineEventKind, int] = {kind: rank for rank, kind in enumerate(TimelineEventKind)}
MIN_MASKED_TEXT_LENGTH = 4
"""Length (characters) of the shortest text that `mask_text` masks; a shorter text would also be found, and masked,
inside other words.
"""
EARLIEST_INSTANT = datetime.min.replace(tzinfo=UTC)
EventSortKey = tuple[datetime, int, str, int, str]
"""Sort key of an event: its moment (or that of the event before it, if later), the rank of its kind, its source, the
number of its row (0 if the row has no number), and the row.
"""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event of the record `kind` `id`; `at` is aware UTC.

    - `who` is the actor; `what` is the code of the event, with `facts`; `result` is done, refused or failed.
    - `source` and `row` name the table and row in which the event is stored.
    - `operation_id`, `correlation` (the id of the work, as in the logs) and `session` (the process) group events.
    - `evidence` has the ids of the event's evidence.
    - `after` is the time of the event's cause, if the cause was stored a moment later than the event: the timeline
      then shows the event after its cause.
    """

    at: datetime
    event_kind: TimelineEventKind
    who: str
    what: str
    kind: str
    id: str
    source: str
    row: str
    result: str = "done"
    facts: Mapping[str, object] = field(default_factory=dict)
    operation_id: str | None = None
    session: str | None = None
    evidence: tuple[int, ...] = ()
    correlation: str | None = None
    after: datetime | None = None

    @property
    def moment(self) -> datetime:
        """The time by which the timeline sorts the event: `at`, or the time of its cause if that is later."""
        return self.at if self.after is None else max(self.at, self.after)

    @property
    def stream_key(self) -> str:
        """The key of the stream to which the event belongs. A stream consists of the rows of one source (table)
        about one record; a merge never changes their order."""
        return f"{self.source} {self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Events of a record and its related records, oldest first.

    `next_cursor` is the position at which the next page begins; None on the last page. `facts` are the record's facts
    for the lines above the events, such as its number and state (see `make_timeline_head`); `hidden_texts` has texts
    that must be masked before display; `names` has, by kind and id, the numbers that people use for the records.
    `has_earlier_events` is True if the page has only the newest events, and older ones exist.
    """

    kind: str
    id: str
    events: tuple[TimelineEvent, ...]
    next_cursor: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    hidden_texts: tuple[str, ...] = field(default=(), repr=False)
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    has_earlier_events: bool = False


EMPTY_TIMELINE_PAGE = TimelinePage("", "", ())
"""A page without events."""


def merge_event_streams(
    streams: Iterable[tuple[Iterable[TimelineEvent], datetime]],
) -> Iterator[tuple[datetime, TimelineEvent]]:
    """Merge streams of events into one sequence, sorted by moment. Yield each event with the moment by which it is
    sorted: its own (`TimelineEvent.moment`), or that of an earlier event of its stream if that is later because a
    clock was set back.

    Each stream has its events in the order of their rows, and comes with the moment of its last event on the previous
    page; EARLIEST_INSTANT for the first page. Only one event of each stream is in memory at a time.
    """
    for key, event in merge(
        *(_add_sort_keys(events, last_moment) for events, last_moment in streams), key=lambda pair: pair[0]
    ):
        yield key[0], event


def _add_sort_keys(
    events: Iterable[TimelineEvent], last_moment: datetime
) -> Iterator[tuple[EventSortKey, TimelineEvent]]:
    """Yield each event of one stream with its sort key. The first element of the key is the moment of the event. It
    is never earlier than the moment of the event before it or, for the first event, than `last_moment`.
    """
    for event in events:
        last_moment = max(last_moment, event.moment)
        row_number = int(event.row) if event.row.isdecimal() else 0
        yield (last_moment, _SORT_RANK_BY_KIND[event.event_kind], event.source, row_number, event.row), event


_LAST_WORDS_OF_DECISION_ACTIONS = (
    "resolve", "resolve_proposed", "resolved", "requested", "request", "approve", "approved", "half_approved",
    "reject", "rejected", "withdraw", "withdrawn", "acknowledged", "move_order",
)  # fmt: skip
"""Last words of the audit actions that become events of the kind DECISION."""
_KIND_BY_ACTION_FRAGMENT: tuple[tuple[str, TimelineEventKind], ...] = (
    ("notice", TimelineEventKind.NOTICE),
    ("saga", TimelineEventKind.SAGA),
    ("timeout", TimelineEventKind.SAGA),
    ("alert", TimelineEventKind.ALERT),
    ("reconcil", TimelineEventKind.RECONCILIATION),
)
"""Pairs of a text and the kind of event for audit actions whose name contains this text. The first pair that fits
counts.
"""


def get_event_kind(action: str) -> TimelineEventKind:
    """Return the kind of the timeline event for an audit entry with the action `action`: DECISION if the last word of
    the action is a person's request or decision, such as `approved`; otherwise the kind that a part of the action
    names, such as ALERT for `alert`; CHANGE for every other action.
    """
    name = action.rpartition(".")[2]
    if name in _LAST_WORDS_OF_DECISION_ACTIONS:
        return TimelineEventKind.DECISION
    return next((step for part, step in _KIND_BY_ACTION_FRAGMENT if part in action), TimelineEventKind.CHANGE)


_CALL_EVENT_KINDS = frozenset({TimelineEventKind.BEGUN, TimelineEventKind.ANSWER, TimelineEventKind.ENDED})
_CALL_AUDIT_ACTIONS = frozenset(
    {
        AuditAction.OPERATION_PROBED,
        AuditAction.PAYMENT_LATE_ANSWER,
        AuditAction.PAYMENT_PROBED,
        AuditAction.PAYMENT_START_LAPSED,
        AuditAction.PAYMENT_UNKNOWN,
        AuditAction.REFUND_LATE_ANSWER,
        AuditAction.REFUND_NOT_SENT,
        AuditAction.REFUND_PROBED,
        AuditAction.REFUND_SUBMIT_LAPSED,
        AuditAction.REFUND_UNKNOWN,
    }
)
"""The audit actions that report a call to the provider, or how it ended, but whose call may have no stored answer and
no end in the journal.
"""


def does_event_report_provider_call(event: TimelineEvent) -> bool:
    """Return True if the event of a payment, an order or a refund reports a call to the provider: its beginning, its
    answer or its end."""
    return event.event_kind in _CALL_EVENT_KINDS or event.what in _CALL_AUDIT_ACTIONS


def mask_event(event: TimelineEvent, hidden_texts: Collection[str]) -> TimelineEvent:
    """Return the event with the `hidden_texts` masked in its facts (see `mask_text`)."""
    return replace(event, facts=mask_texts(event.facts, hidden_texts)) if hidden_texts else event


def mask_texts(value: Any, hidden_texts: Collection[str]) -> Any:
    """Return the JSON value with the `hidden_texts` masked in each of its texts, at any depth (see `mask_text`)."""
    match value:
        case str():
            return mask_text(value, hidden_texts)
        case Mapping():
            return {key: mask_texts(part, hidden_texts) for key, part in value.items()}
        case list() | tuple():
            return [mask_texts(part, hidden_texts) for part in value]
    return value


def mask_text(text: str, hidden_texts: Iterable[str]) -> str:
    """Return the text with each of the `hidden_texts` of at least four characters masked: `****`, followed by the
    last four characters of the hidden text if it has at least eight.
    """
    for secret in sorted(
        (hidden_text for hidden_text in hidden_texts if len(hidden_text) >= MIN_MASKED_TEXT_LENGTH),
        key=len,
        reverse=True,
    ):
        text = text.replace(secret, "****" + (secret[-4:] if len(secret) >= 8 else ""))
    return text
