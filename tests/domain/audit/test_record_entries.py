"""Tests that the audit entries of a record are classified as a change of the record, another event, or a read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.audit.record_entries import does_entry_report_event, find_last_writer, find_new_entries
from console.domain.records import TimelineEntry

BOOKED_ENTRY = TimelineEntry(datetime(2026, 11, 20, tzinfo=UTC), "worker", "payment.booked")
READING_ACTIONS = (
    "payment.opened", "payment.unmask", "credit-check.pdf_read", "credit-check.pdf_printed", "credit-check.pdf_saved",
    "record.printed", "story.opened", "evidence_pack.exported", "operation.show",
)  # fmt: skip
ACTIONS_WITHOUT_STATE_CHANGE = (
    "record.note",
    "record.take",
    "record.given_up",
    "mention.done",
    "alert.raised",
    "incident.taken",
)


def make_later_entry(action: str, result: str = "done") -> TimelineEntry:
    return replace(BOOKED_ENTRY, at=BOOKED_ENTRY.at + timedelta(hours=1), actor="lead-b", what=action, result=result)


@pytest.mark.parametrize("action", READING_ACTIONS)
def test_the_entry_of_a_read_is_no_change(action: str) -> None:
    """The audit entry of a read is no change of the record."""
    assert not does_entry_report_event(make_later_entry(action))
    assert find_last_writer((BOOKED_ENTRY, make_later_entry(action))) == "worker"


@pytest.mark.parametrize("action", ACTIONS_WITHOUT_STATE_CHANGE)
def test_a_note_is_an_event_and_no_change_of_its_record(action: str) -> None:
    """The audit entry of a note or take is an event, but no change of the record."""
    assert does_entry_report_event(make_later_entry(action))
    assert find_last_writer((BOOKED_ENTRY, make_later_entry(action))) == "worker"


def test_a_refused_person_is_not_the_author_of_a_change() -> None:
    """A person whose attempt to move the order was refused isn't named as the author of the payment's version."""
    refused = make_later_entry("payment.move_order", "refused")
    assert not does_entry_report_event(refused)
    assert find_last_writer((BOOKED_ENTRY, refused)) == "worker"
    assert find_last_writer((BOOKED_ENTRY, make_later_entry("payment.probed", "failed"))) == "lead-b"
    assert find_last_writer((refused,)) is None


def test_only_audit_entries_added_since_the_last_read_count() -> None:
    """Only audit entries that were added since the last read count as new. An entry with an earlier time counts if
    its transaction ended after the last read."""
    known, between = make_later_entry("payment.probed"), replace(BOOKED_ENTRY, what="payment.moved")
    assert find_new_entries((BOOKED_ENTRY, known), (BOOKED_ENTRY, between, known)) == (between,)
    assert find_new_entries((BOOKED_ENTRY, known), (BOOKED_ENTRY, known)) == ()
