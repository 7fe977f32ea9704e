"""Tests of the preview of the current record beside the list of a queue."""

from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.explanations.records import explain_record
from console.domain.payments.consistency import compare_order_sides, compare_refund_sides
from console.domain.payments.records import OrderState, PaymentRelations, RefundRelations
from console.domain.payments.service_results import SideComparison
from console.domain.queues.causes import CauseGroup
from console.domain.records import Certainty, CheckState, EvidenceItem, Work, WorkReason, WorkState
from console.domain.views.any_record import QueueItem
from console.views.presenters.records import ShownRecord
from console.views.queues.cause_groups import CauseRow, make_group_summary
from console.views.records.preview_panel import RecordPreview
from console.views.theme.design_tokens import Language
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import ORDER, make_payment, make_refund


@pytest.mark.parametrize("key_at_provider", [None, "RFD-9"])
def test_the_preview_offers_a_probe_only_if_the_provider_can_be_asked(
    qtbot: QtBot, appearance: object, key_at_provider: str | None
) -> None:
    """The preview of a refund that was not sent offers no probe, because the gateway can't know the refund."""
    preview = RecordPreview(make_window_context())
    qtbot.addWidget(preview)
    preview.show()
    refund = make_refund(provider_refund_key=key_at_provider)
    preview.show_queue_item(QueueItem(refund, explain_record(refund, NOW), NOW))
    qtbot.waitUntil(lambda: preview.record == refund)
    keys = {button.key for button in preview.findChildren(KeyButton)}
    assert ("P" in keys) is (key_at_provider is not None)


PAID_AFTER_CANCEL = make_payment(
    work=Work(WorkState.NEEDS_REVIEW, reason=WorkReason.PAID_AFTER_CANCEL),
    relations=PaymentRelations(order=replace(ORDER, state=OrderState.CANCELLED)),
)
UNKNOWN_CHECK = make_check(state=CheckState.PENDING, certainty=Certainty.UNKNOWN, credit_check_id=None)


def list_primary_buttons(preview: RecordPreview) -> list[tuple[str, str]]:
    """Return the text and the key of each visible primary button."""
    buttons = preview.findChildren(KeyButton)
    return [(button.text(), button.key) for button in buttons if button.kind == "primary" and button.isVisible()]


def show_record(qtbot: QtBot, record: ShownRecord, language: Language = "en") -> RecordPreview:
    context = make_window_context()
    context.language = language
    preview = RecordPreview(context)
    qtbot.addWidget(preview)
    preview.show()
    preview.show_queue_item(QueueItem(record, explain_record(record, NOW), NOW))
    qtbot.waitUntil(lambda: preview.record == record)
    return preview


@pytest.mark.parametrize(
    ("record", "text", "japanese_text"),
    [
        (PAID_AFTER_CANCEL, "Open payment", "決済を開く"),
        (make_refund(), "Open refund", "返金を開く"),
        (ORDER, "Open order", "注文を開く"),
        (make_check(), "Open credit check", "与信チェックを開く"),
    ],
)
def test_opening_the_record_is_primary_if_the_preview_has_no_button_for_the_next_step(
    qtbot: QtBot, appearance: object, record: ShownRecord, text: str, japanese_text: str
) -> None:
    """If the next step has no button in the preview, such as a request for a refund or a decision, the only primary
    button opens the record."""
    assert list_primary_buttons(show_record(qtbot, record)) == [(text, "Enter")]
    preview = show_record(qtbot, record, "ja")
    assert list_primary_buttons(preview) == [(japanese_text, "Enter")]
    (button,) = (button for button in preview.findChildren(KeyButton) if button.key == "Enter")
    opened = QSignalSpy(preview.open_requested)
    button.click()
    assert opened.count() == 1


def test_the_preview_has_one_primary_button_also_while_its_action_is_impossible(
    qtbot: QtBot, appearance: object
) -> None:
    """The advised action is the only primary button. While it is disabled, the only one is the button that opens the
    record."""
    preview = show_record(qtbot, UNKNOWN_CHECK)
    ((_, key),) = list_primary_buttons(preview)
    (button,) = (button for button in preview.findChildren(KeyButton) if button.key == key)
    assert key != "Enter"
    button.disable_with_reason("The database can't be reached.")
    assert list_primary_buttons(preview) == [("Open credit check", "Enter")]
    button.enable_button()
    assert [key for _, key in list_primary_buttons(preview)] == [key]


def test_an_order_without_a_payment_has_no_sides(qtbot: QtBot, appearance: object) -> None:
    """The preview compares an order with its payment. Without a payment it shows no sides, because all but one would
    be empty."""
    preview = show_record(qtbot, ORDER)
    for payment, is_shown in ((None, False), (make_payment(), True)):
        sides = compare_order_sides(ORDER, payment, None, NOW)
        preview._show_sides(SideComparison(sides, payment.provider if payment is not None else "", payment))
        names = [part.accessibleName() for part in preview.findChildren(QWidget) if part.isVisible()]
        assert any(name.startswith("ORDER, Paid") for name in names) is is_shown, names


def list_visible_texts(preview: RecordPreview) -> list[str]:
    return [label.plain for label in preview.findChildren(TextLabel) if label.isVisible()]


def list_visible_names(preview: RecordPreview) -> list[str]:
    return [part.accessibleName() for part in preview.findChildren(QWidget) if part.isVisible()]


def test_the_preview_of_an_order_names_its_payment(qtbot: QtBot, appearance: object) -> None:
    """A link with the number of the compared payment opens this payment."""
    preview, payment = show_record(qtbot, ORDER), make_payment()
    preview._show_sides(SideComparison(compare_order_sides(ORDER, payment, None, NOW), payment.provider, payment))
    (link,) = (one for one in preview.findChildren(LinkButton) if one.text() == payment.merchant_payment_id)
    opened = QSignalSpy(preview.open_payment_requested)
    link.click()
    assert opened.count() == 1


def test_the_preview_of_a_refund_names_its_payment(qtbot: QtBot, appearance: object) -> None:
    """A link with the number of the refund's payment opens this payment."""
    payment = make_payment()
    refund = make_refund(relations=RefundRelations(payment=payment))
    preview = show_record(qtbot, refund)
    sides = compare_refund_sides(refund, payment, None, None, NOW)
    preview._show_sides(SideComparison(sides, payment.provider, refund))
    (link,) = (one for one in preview.findChildren(LinkButton) if one.text() == payment.merchant_payment_id)
    opened = QSignalSpy(preview.open_payment_requested)
    link.click()
    assert opened.count() == 1


@pytest.mark.parametrize(
    ("reason", "summary", "expected"),
    [
        (None, "HTTP 200 SUCCEEDED", "ALARMBOX, On record"),
        (WorkReason.CONTRADICTED, "HTTP 200 SUCCEEDED", "ALARMBOX, differs, A different answer"),
    ],
)
def test_the_preview_of_a_credit_check_shows_both_sides(
    qtbot: QtBot, appearance: object, reason: WorkReason | None, summary: str, expected: str
) -> None:
    """The preview shows the state of a credit check here and at AlarmBox, as its page does."""
    record = make_check(work=Work(WorkState.NEEDS_REVIEW, reason=reason)) if reason else make_check()
    preview = show_record(qtbot, record)
    last_call = EvidenceItem(1, NOW, "alarmbox.detail", "", summary)
    preview._show_sides_of_check(record, last_call)
    names = list_visible_names(preview)
    assert any(name.startswith("OURS, Bought") for name in names), names
    assert any(name.startswith(expected) for name in names), names
    preview._show_sides_of_check(make_check(99), last_call)  # the late answer of another record changes nothing
    assert list_visible_names(preview) == names


def test_the_preview_without_a_record_shows_the_group_or_a_sentence(qtbot: QtBot, appearance: object) -> None:
    """On the heading of a group the preview shows the cause, the number of records, their sums, and the oldest one;
    without any current row it says that nothing is selected. Nothing of the last record remains."""
    preview = show_record(qtbot, make_check())
    group = CauseGroup("no_answer", 12, {"payment": {"JPY": 12_000}}, NOW - timedelta(days=2))
    preview.show_queue_item(None, make_group_summary(preview._context, CauseRow(group)))
    qtbot.waitUntil(lambda: preview.record is None)
    texts = list_visible_texts(preview)
    assert {"12", "payments ¥12,000", "Enter shows the records of the group."} < set(texts), texts
    assert any(text.startswith("2 d · since ") for text in texts), texts
    preview.show_queue_item(None)
    qtbot.waitUntil(lambda: list_visible_texts(preview) == ["No record is selected."])
