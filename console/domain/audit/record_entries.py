"""Classify the audit entries in the history of a record: an entry reports a change of the record, another event, or
only that a person has read the record."""

from collections.abc import Collection, Sequence

from console.domain.audit.actions import AuditAction
from console.domain.records import TimelineEntry

_SUFFIXES_OF_READING_ACTIONS = (
    ".opened", ".pdf_read", ".pdf_printed", ".pdf_saved", ".printed", ".listed", ".exported", ".show", ".unmask",
)  # fmt: skip
"""Endings of the actions whose audit entries only report that a person has read something or taken a copy of it."""
_ACTIONS_WITHOUT_EFFECT_ON_RECORD: Collection[str] = frozenset(
    {
        AuditAction.RECORD_NOTE,
        AuditAction.RECORD_TAKE,
        AuditAction.RECORD_GIVEN_UP,
        AuditAction.MENTION_DONE,
    }
)
_PREFIXES_OF_ALERT_ACTIONS = ("alert.", "incident.")


def does_entry_report_event(entry: TimelineEntry) -> bool:
    """True if the entry reports an event: a change of the record, or of its notes, takes or alerts. False if it only
    reports that a person has read or copied the record, or that the program refused an attempt."""
    return entry.result != "refused" and not entry.what.endswith(_SUFFIXES_OF_READING_ACTIONS)


def find_last_writer(history: Sequence[TimelineEntry]) -> str | None:
    """Return the person or process of the newest entry that reports a change of the record itself; None if there is
    none. Entries about notes, takes and alerts don't count, because these are not stored in the record. `history` has
    the oldest entry first."""
    return next(
        (
            entry.actor
            for entry in reversed(history)
            if does_entry_report_event(entry)
            and entry.what not in _ACTIONS_WITHOUT_EFFECT_ON_RECORD
            and not entry.what.startswith(_PREFIXES_OF_ALERT_ACTIONS)
        ),
        None,
    )


def find_new_entries(
    earlier_history: Sequence[TimelineEntry], history: Sequence[TimelineEntry]
) -> tuple[TimelineEntry, ...]:
    """Return the entries of `history` that `earlier_history` doesn't contain. `earlier_history` is the history of the
    same record, read at an earlier time."""
    earlier_keys = {(entry.at, entry.actor, entry.what, entry.result) for entry in earlier_history}
    return tuple(entry for entry in history if (entry.at, entry.actor, entry.what, entry.result) not in earlier_keys)
