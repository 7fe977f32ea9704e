"""Tests of the icon, the tone and the word with which an audit entry is shown: an unknown outcome never looks like a
failure.
"""

import pytest

from console.domain.audit.actions import AuditAction
from console.domain.records import TimelineEntry
from console.views.presenters.credit_checks import get_entry_icon_and_tone
from console.wording import audit_words
from tests.views.invented_checks import NOW

UNKNOWN_ICON_AND_TONE = ("question", "unknown")


def make_entry(action: str, result: str = "failed") -> TimelineEntry:
    return TimelineEntry(NOW, "op-a", action, result=result)


@pytest.mark.parametrize(
    "action",
    [
        AuditAction.PAYMENT_PROBED,
        AuditAction.REFUND_PROBED,
        AuditAction.CREDIT_CHECK_PROBED,
        AuditAction.OPERATION_PROBED,
        AuditAction.PAYMENT_START_LAPSED,
        AuditAction.REQUEST_GIVEN_UP,
    ],
)
def test_a_failure_that_leaves_the_outcome_unknown_is_not_shown_as_failed(action: AuditAction) -> None:
    """A probe without an answer about the state, a lapsed operation and a request that was given up have the icon and
    the word for "unknown".
    """
    entry = make_entry(action)
    assert get_entry_icon_and_tone(entry) == UNKNOWN_ICON_AND_TONE
    assert audit_words.format_audit_result(entry, "en") == "Unknown"


def test_a_certain_failure_keeps_its_icon_and_word() -> None:
    """The audit entry of a refund that has failed has the icon and the word of a failure. Entries about other results
    have the icon of the result.
    """
    entry = make_entry("refund.failed")
    assert get_entry_icon_and_tone(entry) == ("cross", "bad")
    assert audit_words.format_audit_result(entry, "en") == "Failed"
    assert get_entry_icon_and_tone(make_entry("payment.probed", "done")) == ("circle_arrow", "text")
    assert get_entry_icon_and_tone(make_entry("payment.probed", "refused")) == ("square_bang", "care")
