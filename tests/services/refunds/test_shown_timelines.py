"""Tests of the timeline of a payment as text and as JSON: it has the same events as the page in the window."""

import pytest

from console.cli.json_output.record_details import build_details_json
from console.cli.text_output.record_details import format_details_lines
from console.cli.text_output.translator import Translator
from console.services.evidence.timeline import read_newest_events
from console.wording import timelines
from console.wording.sentences.catalogue import translate
from tests.support.refund_desks import RefundDesk


@pytest.fixture
def translator(monkeypatch: pytest.MonkeyPatch) -> Translator:
    monkeypatch.setenv("CONSOLE_LANGUAGE", "en")
    return Translator()


def read_timeline_lines(lines: list[str]) -> list[str]:
    """Return the lines below the heading of the timeline, without their indent, up to the next empty line."""
    first = lines.index("Timeline") + 1
    return [line.strip() for line in lines[first : lines.index("", first)]]


def test_the_terminal_and_json_have_the_events_of_the_window(desk: RefundDesk, translator: Translator) -> None:
    """The timeline of a refunded payment, as text and as JSON of the command `show`, has the events of the refund
    and the order too, like the payment's page in the window.
    """
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment, "100"))
    view = desk.console.payments.read_payment(payment.id)
    view = desk.console.payments.read_payment(payment.id)  # opened before; this is in the audit trail only
    page = view.newest_events
    assert {event.kind for event in page.events} == {"payment", "refund"}
    lines = read_timeline_lines(list(format_details_lines(view, translator)))
    sentences = [timelines.format_event_sentence_with_record(event, page, "en") for event in page.events]
    assert len(lines) == len(sentences)
    assert all(line.endswith(sentence) for line, sentence in zip(lines, sentences, strict=True))
    assert any(f"Refund R-{refund.id}: " in line for line in lines)
    shown = build_details_json(view, translator)
    assert [(event["kind"], event["what"]) for event in shown["events"]] == [
        (event.kind, event.what) for event in page.events
    ]
    assert shown["has_earlier_events"] is False


def test_a_shortened_timeline_says_that_older_events_exist(desk: RefundDesk, translator: Translator) -> None:
    """A timeline that has only the newest events says that older ones exist; a complete one doesn't."""
    payment = desk.make_paid_payment()
    desk.approve_refund(desk.request_refund(payment, "100"))
    with desk.context.database.read() as conn:
        whole = read_newest_events(desk.context, conn, "payment", payment.id)
        count = len(whole.events)
        exact = read_newest_events(desk.context, conn, "payment", payment.id, count)
        cut = read_newest_events(desk.context, conn, "payment", payment.id, count - 1)
    assert (exact.events, exact.has_earlier_events) == (whole.events, False)
    assert (cut.events, cut.has_earlier_events) == (whole.events[1:], True)
    assert timelines.format_note_about_earlier_events(cut, "en") == translate("story.earlier", "en")
    assert timelines.format_note_about_earlier_events(whole, "en") == ""
