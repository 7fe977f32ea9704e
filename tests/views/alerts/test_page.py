"""The alerts' page: grouped by cause, words for codes, one way on for each."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pytestqt.qtbot import QtBot

from console.domain.tasks.records import Alert, AlertItem
from console.views.alerts.acknowledge_dialog import AcknowledgeDialog
from console.views.alerts.page import AlertsPage
from console.views.presenters import alerts as alert_words
from console.views.runtime.routes import LookupRoute, OrderRoute, PaymentRoute
from console.views.widgets.base import TextLabel
from tests.views.invented_checks import NOW, window_context

LATE = AlertItem(
    Alert(
        3, "C", "order", 9, "ORD-3", "order=cancelled; payment 5=completed 3300 JPY after=expired",
        "refund|compensation", NOW - timedelta(hours=2),
    ),
    "refund", "payment", 5,
)  # fmt: skip
BEHIND = AlertItem(
    Alert(7, "A", "order", 8, "ORD-2", "order=pending; payment 4=completed 1200 JPY", "order=paid", NOW),
    "move_order",
    "payment",
    4,
)
CASE = AlertItem(Alert(1, "reversed", "payment", 6, None, "FAILED", "completed 100 JPY", NOW), "open", "payment", 6)
TASK = AlertItem(Alert(2, "task_late", "task", 77, None, "probes: ended never", "every 30 s", NOW), None, "task", 77)


MERGED = AlertItem(
    Alert(
        4, "corporation_changed", "corporation", 1180301018771, None,
        "company merged 2026-10-31 8700110005901 株式会社承継; company renamed 甲|乙", "acknowledgement|renewal", NOW,
    ),
    "look_up", "corporation", 1180301018771, "1180301018771",
)  # fmt: skip


def page_of(*items: AlertItem) -> AlertsPage:
    page = AlertsPage(window_context())
    page._show_alerts(items)
    return page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order=pending; payment 4=completed 1200 JPY", "order Unpaid, payment Completed ¥1,200"),
        ("payment 5=completed 3300 JPY after=expired", "payment Completed ¥3,300, after Expired"),
        ("order=paid", "order Paid"),
        ("payment=completed", "payment Completed"),
        ("refund|compensation", "refund or other compensation"),
        ("FAILED 5500 JPY", "failed or cancelled (FAILED) ¥5,500"),
        ("2 payments", "payments: 2"),
    ],
)
def test_codes_become_words(the_look: object, text: str, words: str) -> None:
    """Those of the rules; what a case says stays as it is."""
    assert alert_words.finding_words(text, window_context()) == words


def test_each_leads_to_the_one_place(the_look: object) -> None:
    """The payment of a rule's alert, the record of a case, and nowhere where nothing can be done."""
    assert alert_words.record_route(LATE) == PaymentRoute(5, (), "alerts")
    assert alert_words.record_route(replace(CASE, kind="order", id=2)) == OrderRoute(2, (), "alerts")
    assert alert_words.record_route(TASK) is None
    assert alert_words.record_route(MERGED) == LookupRoute("1180301018771")
    assert [alert_words.record_text(item, window_context()) for item in (LATE, CASE)] == ["ORD-3", "Payment"]
    assert alert_words.record_text(replace(CASE, number="A-10442"), window_context()) == "A-10442"
    assert alert_words.rule_text(TASK.alert, window_context()) == "Scheduled task is late"


def test_grouped_by_cause(the_look: object) -> None:
    """The rules between orders and payments first, with how many there are."""
    page = page_of(TASK, CASE, LATE, BEHIND, replace(LATE, alert=replace(LATE.alert, id=9)))
    assert [item.alert.id for item in page.table.all_rows] == [7, 3, 9, 1, 2]
    groups = list(
        dict.fromkeys((page._group_of(item).word, page._group_of(item).count) for item in page.table.all_rows)
    )
    behind, late = "Paid, but the order is still unpaid", "Paid after expiry, failure or cancellation"
    assert groups[:2] == [(behind, "1"), (late, "2")]


def test_what_to_do_with_the_current_one(the_look: object) -> None:
    """One action; who has seen it, with the note; nothing to press where nothing can be done."""
    page = page_of(LATE)
    page._show_alert(LATE)
    assert page.action_button.text().startswith("Request refund")
    assert page.acknowledgement_words.plain == "Not acknowledged."
    assert not page.acknowledge_button.isHidden()
    acknowledged = replace(LATE.alert, acknowledged_by="lead-b", acknowledged_at=NOW, note="asked the shop")
    page._show_alert(replace(LATE, alert=acknowledged))
    assert page.acknowledge_button.isHidden()
    assert page.acknowledgement_words.plain.endswith("asked the shop")
    page._show_alert(TASK)
    assert page.action_button.isHidden()


def test_no_alerts_say_so(the_look: object) -> None:
    """Empty is never blank, and offers nothing."""
    page = page_of()
    assert page.list.currentWidget() is page.list.empty_state
    assert page.foot.isHidden()


def test_the_dialog_says_what_an_acknowledgement_does(the_look: object, qtbot: QtBot) -> None:
    """It closes the alert about a company; any other stays open."""
    page = page_of(LATE, MERGED)
    qtbot.addWidget(page)
    for item, effect in ((LATE, "stays open"), (MERGED, "closes with your acknowledgement")):
        dialog = AcknowledgeDialog(page.context, item, page)
        assert any(effect in label.plain for label in dialog.findChildren(TextLabel))
        dialog.reject()


def test_an_acknowledgement_needs_no_words(the_look: object, qtbot: QtBot) -> None:
    """Except of the alert which it resolves, that the database went back: off until there are words, and says why."""
    page = page_of(LATE)
    qtbot.addWidget(page)
    page.show()
    dialog = AcknowledgeDialog(page.context, LATE, page)
    assert dialog._disabled_reason == ""
    dialog.reject()
    went_back = replace(LATE, alert=replace(LATE.alert, rule_id="database_went_back"))
    dialog = AcknowledgeDialog(page.context, went_back, page)
    dialog.open()
    assert dialog._disabled_reason == "Write a note."
    dialog.reason_field.edit.setPlainText("asked the shop")  # type: ignore[union-attr]  # an area
    assert dialog._disabled_reason == ""
    dialog.reason_field.edit.setPlainText("  ")  # type: ignore[union-attr]
    assert dialog._disabled_reason == "Write a note."
    dialog.reject()


def test_why_an_alert_of_an_order_is_there(the_look: object) -> None:
    """Found, expected and since when, in words of its rule; a case has its record for that."""
    page = page_of(LATE)
    page._show_alert(LATE)
    assert page.why_words.plain == (
        "The money arrived after the payment had expired or failed, or after the order was cancelled. "
        "It has not been returned. Detected 2 h ago. "
        "Actual: order Cancelled, payment Completed ¥3,300, after Expired. Expected: refund or other compensation."
    )
    page._show_alert(BEHIND)
    assert page.why_words.plain.startswith(
        "The gateway confirmed the payment, but the order is still unpaid after 5 min."
    )
    page._show_alert(MERGED)
    assert page.why_words.plain.endswith("Renamed from 甲 to 乙")
    page._show_alert(CASE)
    assert page.why_words.isHidden()
