"""Tests of the toast after a probe. The toast says that nothing changed, or shows the new state, and always names the
record.
"""

from dataclasses import replace
from typing import Literal

import pytest

from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CheckState, Operation, OperationState, Work, WorkReason, WorkState
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.records.actions import make_probe_toast
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import ORDER, make_payment, make_refund

RECORD_BY_NAME: dict[str, ShownRecord] = {
    "credit check": make_check(),
    "credit check, unknown": make_check(state=CheckState.PENDING, certainty=Certainty.UNKNOWN),
    "payment": make_payment(),
    "payment, unknown": make_payment(certainty=Certainty.UNKNOWN, state=PaymentState.INITIALIZING),
    "refund": make_refund(provider_refund_key="RFD-9"),
    "refund, unknown": make_refund(certainty=Certainty.UNKNOWN, state=RefundState.SUBMITTING),
    "order": ORDER,
}


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("name", RECORD_BY_NAME)
def test_the_toast_of_an_unchanged_record_says_that_nothing_changed(name: str, language: Literal["ja", "en"]) -> None:
    """If a probe changes nothing, the toast for every kind of record says so, with the time and the record. A higher
    version alone doesn't count as a change.
    """
    context = make_window_context()
    context.language = language
    record = RECORD_BY_NAME[name]
    toast = make_probe_toast(context, record, replace(record, version=record.version + 1))
    assert toast.message == context.translate("record.no_change", at=context.now())
    assert "15:04:05" in toast.message
    assert case_words.format_record_title(record, context) in toast.detail
    assert (toast.tone == "unknown") == ("unknown" in name)


def test_the_toast_of_an_unsent_refund_says_that_nobody_was_asked() -> None:
    """The probe of a refund that was not sent asks no provider, so the toast doesn't say "No change"."""
    context = make_window_context()
    refund = make_refund(provider_refund_key=None)
    assert make_probe_toast(context, refund, refund).message == context.translate("record.nothing_to_probe")


CHANGED_RECORDS: dict[str, tuple[ShownRecord, ShownRecord, str, str]] = {
    "credit check": (
        RECORD_BY_NAME["credit check, unknown"],
        make_check(),
        "Bought",
        "State: In progress → Bought, Certainty: Unknown → Confirmed",
    ),
    "payment": (
        RECORD_BY_NAME["payment, unknown"],
        replace(make_payment(), provider_refunded_minor=500),
        "Completed",
        "State: Starting → Completed, Certainty: Unknown → Confirmed, Refunded: – → ¥500",
    ),
    "refund": (
        make_refund(),
        replace(make_refund(), state=RefundState.COMPLETED),
        "Refunded",
        "State: Requested → Refunded",
    ),
}


@pytest.mark.parametrize("name", CHANGED_RECORDS)
def test_a_change_names_state_and_record(name: str) -> None:
    """If a probe has changed the record, the toast's message has the word for the new state. Its detail names the
    record and each change from the old to the new value.
    """
    context = make_window_context()
    context.language = "en"
    before, after, word, changes = CHANGED_RECORDS[name]
    toast = make_probe_toast(context, before, after)
    assert word in toast.message
    assert toast.detail == f"{case_words.format_record_title(after, context)}: {changes}"
    assert toast.tone == "good"


CONTRADICTED_WORK = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.CONTRADICTED)
ENDED_MISMATCHES: dict[str, tuple[ShownRecord, ShownRecord]] = {
    "credit check": (make_check(work=CONTRADICTED_WORK), make_check()),
    "payment": (replace(make_payment(), work=CONTRADICTED_WORK), replace(make_payment(), work=Work())),
    "refund": (replace(make_refund(), work=CONTRADICTED_WORK), replace(make_refund(), work=Work())),
    "order": (replace(ORDER, work=CONTRADICTED_WORK), replace(ORDER, work=Work())),
}


@pytest.mark.parametrize(
    ("language", "changes"),
    [
        ("ja", "作業: 要対応（提供元と不一致） → 対応不要"),
        ("en", "Work: Needs a person (Provider differs) → Nothing to do"),
    ],
)
@pytest.mark.parametrize("name", ENDED_MISMATCHES)
def test_the_end_of_a_mismatch_is_a_change(name: str, language: Literal["ja", "en"], changes: str) -> None:
    """If the provider's new answer agrees with the record again, only the next step and its reason change. The toast
    lists this change and doesn't say that nothing changed.
    """
    context = make_window_context()
    context.language = language
    before, after = ENDED_MISMATCHES[name]
    toast = make_probe_toast(context, before, after)
    assert toast.message != context.translate("record.no_change", at=context.now())
    assert toast.detail == f"{case_words.format_record_title(after, context)}: {changes}"


def test_another_reason_of_the_next_step_is_a_change() -> None:
    """If a probe changes only the reason for which a person must look at the record, the toast lists both reasons."""
    context = make_window_context()
    context.language = "en"
    before = make_check(work=Work(WorkState.NEEDS_REVIEW, reason=WorkReason.PROBES_ENDED))
    toast = make_probe_toast(context, before, replace(before, work=CONTRADICTED_WORK))
    assert "Needs a person (Automatic probes ended) → Needs a person (Provider differs)" in toast.detail


@pytest.mark.parametrize("is_new", [True, False])
def test_an_answer_that_contradicts_the_record_is_shown_as_a_warning(*, is_new: bool) -> None:
    """If the provider's answer contradicts the record, the toast has a red "not equal" icon, even if the probe only
    confirms an earlier contradiction.
    """
    context = make_window_context()
    context.language = "en"
    after = make_check(work=CONTRADICTED_WORK)
    toast = make_probe_toast(context, make_check() if is_new else after, after)
    assert toast.message == context.translate("dialog.probe.contradicted")
    assert (toast.icon_name, toast.tone) == ("not_equal", "bad")
    change = ": Work: Nothing to do → Needs a person (Provider differs)" if is_new else ""
    assert toast.detail == f"{case_words.format_record_title(after, context)}{change}"


@pytest.mark.parametrize(
    ("before", "after", "message", "tone"),
    [
        (OperationState.UNKNOWN, OperationState.DONE, "State now: Done.", "good"),
        (OperationState.UNKNOWN, OperationState.UNKNOWN, "No change at 15:04:05.", "unknown"),
        (OperationState.FAILED, OperationState.FAILED, "No change at 15:04:05.", "good"),
    ],
)
def test_the_toast_of_an_operation_has_its_new_state(
    before: OperationState, after: OperationState, message: str, tone: str
) -> None:
    """If a probe has found out the outcome of a lost operation, the toast has the operation's new state. It doesn't
    say that nothing has changed.
    """
    context = make_window_context()
    context.language = "en"
    operation = Operation("01SPOOL", "refund.submit", "refund", 9, before, "op-a", "desk-1", NOW, None, source="desk")
    toast = make_probe_toast(context, operation, replace(operation, state=after))
    assert (toast.message, toast.tone) == (message, tone)
    assert "Operation 01SPOOL" in toast.detail
