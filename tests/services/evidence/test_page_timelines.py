"""A record's page shows the newest events of the record and its related records, in the same words as the timeline
that a person copies from the page.
"""

import pytest

from console.domain.audit.actions import AuditAction
from console.services.evidence.timeline import read_newest_events
from console.wording.timelines import format_event_line, format_event_sentence_with_record
from tests.services.evidence.test_timeline import PAYER, pay_and_refund
from tests.support.payment_desks import PaymentDesk


def test_a_page_has_the_events_of_its_copied_timeline(scene: PaymentDesk) -> None:
    """The page of a payment, order or refund shows the same events, in the same order and words, as the timeline that
    a person copies from the page.
    """
    order, payment, refund = pay_and_refund(scene)
    console = scene.console
    stories = {
        ("payment", payment.id): console.payments.read_payment(payment.id).newest_events,
        ("order", order): console.payments.read_order(order).newest_events,
        ("refund", refund.id): console.refunds.read_refund(refund.id).newest_events,
    }
    for (kind, id), timeline in stories.items():
        copied = console.recovery.read_timeline(kind, id)
        rows, copied_rows = ([(one.stream_key, one.row) for one in page.events] for page in (timeline, copied))
        assert rows == copied_rows
        for language in ("ja", "en"):
            text = copied.as_text(language)
            for event in timeline.events:
                assert format_event_sentence_with_record(event, timeline, language) in text
                assert format_event_line(event, timeline, language) in text
    kinds = {one.kind for one in stories["payment", payment.id].events}
    assert kinds == {"payment", "order", "refund"}
    assert {one.kind for one in stories["order", order].events} == kinds


@pytest.mark.engines("sqlite")
def test_a_limited_timeline_shows_the_newest_events(scene: PaymentDesk) -> None:
    """A page that shows a limited number of events shows the last events of the whole timeline."""
    _, payment, _ = pay_and_refund(scene)
    whole = scene.console.recovery.read_timeline("payment", payment.id).events
    with scene.context.database.read() as conn:
        for most in (1, 3, len(whole) - 1, len(whole), len(whole) + 5):
            events = read_newest_events(scene.context, conn, "payment", payment.id, most).events
            assert events == whole[-most:], most


@pytest.mark.engines("sqlite")
def test_the_payer_is_masked_on_the_page(scene: PaymentDesk) -> None:
    """The record's page shows the payer's name only masked, also within a sentence that a person has written."""
    _, payment, _ = pay_and_refund(scene)
    scene.place.sql(f"UPDATE payments SET payer_ref = '{PAYER}', version = version + 1 WHERE id = {payment.id}")
    scene.context.write(
        lambda tx: scene.context.record_audit(
            tx, AuditAction.ALERT_ACKNOWLEDGED, payment.id, {"note": f"by {PAYER}"}, kind="payment"
        )
    )
    timeline = scene.console.payments.read_payment(payment.id).newest_events
    assert timeline.hidden_texts == (PAYER,)
    sentences = [format_event_sentence_with_record(event, timeline, "en") for event in timeline.events]
    assert not any(PAYER in one for one in sentences)
    assert "Alert acknowledged: by ****6354" in sentences
