"""Tests of the derived and initial values of records."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from console.domain.records import (
    AuditEntry,
    Certainty,
    CheckRelations,
    CheckReport,
    CheckState,
    CreditCheck,
    EvidenceItem,
    Operation,
    OperationState,
    PurchaseRequest,
    TimelineEntry,
    Work,
    WorkState,
)

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CHECK = CreditCheck(
    17, "1180301018771", "1", CheckState.PENDING, Certainty.KNOWN, Work(), None, None, None, None, None, None, (),
    None, None, 1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "successor", "original", "is_live"),
    [
        (CheckState.PENDING, None, None, True),
        (CheckState.SUCCESS, None, None, True),
        (CheckState.ERROR, None, None, False),
        (CheckState.SUCCESS, 18, None, False),
        (CheckState.PENDING, None, 9, False),
        (CheckState.SUCCESS, 18, 9, False),
        (CheckState.PENDING, 18, None, False),
        (CheckState.SUCCESS, None, 9, False),
        (CheckState.ERROR, 18, 9, False),
    ],
)
def test_a_credit_check_holds_its_claim_in_every_state_but_error(
    state: CheckState, successor: int | None, original: int | None, is_live: bool
) -> None:
    """A credit check holds its claim in every state except error, if it is neither superseded nor a duplicate."""
    check = replace(CHECK, state=state, superseded_by=successor, duplicate_of=original)
    assert check.is_live is is_live
    assert check.is_superseded is (successor is not None)


def test_a_new_record_has_no_work_no_attempt_and_no_error() -> None:
    """A new record has no work, no attempt and no error; it is no duplicate and its viewing period isn't over."""
    assert (Work().state, Work().at, Work().reason, Work().attempt) == (WorkState.NONE, None, None, 0)
    assert (CHECK.viewing_over, CHECK.duplicate_of, CHECK.error_code, CHECK.dates_zone) == (False, None, None, None)


def test_new_records_have_their_default_values() -> None:
    """By default, an audit entry has the result `done`, an operation is one that was read from the database, and a
    purchase request isn't a renewal."""
    entry = TimelineEntry(NOW, "op-a", "x")
    assert (entry.result, entry.detail) == ("done", {})
    operation = Operation("op-1", "purchase", "credit-check", 17, OperationState.CALLING, "op-a", "d", NOW, None)
    assert (operation.source, operation.outcome_class, operation.reason) == ("database", None, None)
    request = PurchaseRequest("1180301018771", "1")
    assert (request.renew, request.reasons, request.deal, request.comment) == (False, (), None, None)
    item = EvidenceItem(1, NOW, "alarmbox.purchase", "00", "ok")
    assert (item.body, item.who) == ("", "")
    assert CheckReport(12345).expired is None
    assert AuditEntry(1, NOW, "op-a", "x", "y", "done", None).detail == {}


def test_a_record_cannot_be_changed_after_its_read() -> None:
    """A record can't be changed after it was read."""
    with pytest.raises(FrozenInstanceError):
        CHECK.version = 2  # type: ignore[misc]  # what must not be possible


def test_relations_do_not_change_the_equality_of_a_record() -> None:
    """Two records that were read from the same row are equal, whatever relations were read with them. The text form
    of a record contains no data of other records."""
    other = replace(CHECK, relations=CheckRelations(claim_holder_id=18), registry_entry=object())  # type: ignore[arg-type]  # any
    assert other == CHECK
    assert repr(other) == repr(CHECK)


def test_a_credit_check_without_related_facts_waits_for_nobody() -> None:
    """A credit check that was read without relations waits for no second person, and its provider counts as able to
    list purchases."""
    nothing = CheckRelations()
    assert (nothing.awaits_second_person, nothing.claim_holder_id, nothing.finds_purchases) == (False, None, True)
    assert nothing.read_only_switch is None


@pytest.mark.parametrize("source", ["desk", "database"])
@pytest.mark.parametrize("state", OperationState)
def test_only_a_lost_operation_that_has_failed_is_without_effect(source: str, state: OperationState) -> None:
    operation = Operation(
        "01OPERATION", "payment.start", "payment", 7, state, "op-a", "desk-1", NOW, None, source=source
    )
    assert operation.is_lost_without_effect == ((source, state) == ("desk", OperationState.FAILED))
