"""Tests of the preview of the current record beside the list of a queue."""

import pytest
from pytestqt.qtbot import QtBot

from console.domain.explanations.records import explain_record
from console.domain.views.any_record import QueueItem
from console.views.records.preview_panel import RecordPreview
from console.views.widgets.controls.buttons import KeyButton
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import make_refund


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
