"""Tests of the page of alerts: alerts are grouped by cause, codes are shown in words, and each cause has one
action.
"""

import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.domain.alerts.incidents import (
    AffectedRecord,
    Cause,
    Incident,
    IncidentAction,
    IncidentExtent,
    IncidentState,
    IncidentStep,
)
from console.domain.alerts.provider_subjects import compute_provider_subject_id
from console.domain.alerts.snooze import find_snooze_ends
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.money import Money
from console.domain.tasks.records import Alert, AlertItem
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.alerts.incident_dialogs import (
    HandOverIncidentDialog,
    ReopenIncidentDialog,
    ResolveIncidentDialog,
    SnoozeIncidentDialog,
)
from console.views.alerts.page import AlertsPage
from console.views.presenters import alerts as alert_words
from console.views.presenters import incidents as incident_texts
from console.views.runtime.routes import AlertsRoute, LookupRoute, OrderRoute, PaymentRoute
from console.views.theme.theme import Appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.incident_words import list_playbook_step_keys
from console.wording.sentences.catalogue import translate
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context

LATE_PAYMENT_ALERT = AlertItem(
    Alert(
        3, "C", "order", 9, "ORD-3", "order=cancelled; payment 5=completed 3300 JPY after=expired",
        "refund|compensation", NOW - timedelta(hours=2),
    ),
    "refund", "payment", 5,
)  # fmt: skip
PENDING_ORDER_ALERT = AlertItem(
    Alert(7, "A", "order", 8, "ORD-2", "order=pending; payment 4=completed 1200 JPY", "order=paid", NOW),
    "move_order",
    "payment",
    4,
)
CASE_ITEM = AlertItem(
    Alert(1, "reversed", "payment", 6, None, "FAILED", "completed 100 JPY", NOW), "open", "payment", 6
)
LATE_TASK_ITEM = AlertItem(
    Alert(2, "task_late", "task", 77, None, "probes: ended never", "every 30 s", NOW), None, "task", 77
)


MERGED_COMPANY_ITEM = AlertItem(
    Alert(
        4, "corporation_changed", "corporation", 1180301018771, None,
        "company merged 2026-10-31 8700110005901 株式会社承継; company renamed 甲|乙", "acknowledgement|renewal", NOW,
    ),
    "look_up", "corporation", 1180301018771, "1180301018771",
)  # fmt: skip


def make_incident(item: AlertItem, *more: Alert, **facts: Any) -> Incident:
    """Return an incident with the alert of this item and with the further alerts `more`. `facts` replaces fields of
    the incident.
    """
    alerts = (item.alert, *more)
    record = (item.kind, item.id) if item.action else None
    given: dict[str, Any] = {
        "state": IncidentState.OPEN,
        "steps": (),
        "records": (),
        "extent": IncidentExtent(item.alert.id),
    }
    return Incident(
        id=item.alert.id, cause=Cause(item.alert.subject_kind, item.alert.subject_id), alerts=alerts,
        number=item.number, action=item.action, action_record=record, **(given | facts),
    )  # fmt: skip


def make_page(*incidents: Incident) -> AlertsPage:
    page = AlertsPage(make_window_context())
    page._show_incidents(incidents)
    return page


def test_a_cut_list_states_the_number_of_missing_alerts(appearance: object) -> None:
    """A bar has the number of alerts that the list leaves out, until the list is whole again."""
    page = make_page(make_incident(PENDING_ORDER_ALERT))
    page._show_incidents((make_incident(PENDING_ORDER_ALERT),), 1_200)
    texts = [label.plain for label in page.findChildren(TextLabel)]
    assert "1,200 more alerts are not in this list, because there are too many." in texts
    page._show_incidents((make_incident(PENDING_ORDER_ALERT),))
    assert "cut" not in page.list_bar_names()


def read_card_texts(page: AlertsPage) -> list[str]:
    return [label.plain for label in page.card.findChildren(TextLabel) if not label.isHidden()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order=pending; payment 4=completed 1200 JPY", "order Unpaid, payment Completed ¥1,200"),
        ("payment 5=completed 3300 JPY after=expired", "payment Completed ¥3,300, after Expired"),
        ("order=paid", "order Paid"),
        ("payment=completed", "payment Completed"),
        ("refund|compensation", "refund or other compensation"),
        ("FAILED 5500 JPY", "Failed or cancelled ¥5,500"),
        ("2 payments", "payments: 2"),
        ("queue unknown since 2026-11-20T03:20:01Z", "Unknown: oldest since 11-20 12:20"),
        ("within 86400 s", "within 24 h"),
        ("clock of host-1: 4.2 s ahead", "clock of host-1 is 4.2 s ahead"),
    ],
)
def test_codes_of_an_alert_become_words(appearance: object, text: str, words: str) -> None:
    """The codes, amounts and times in the stored texts of an alert are shown in words."""
    assert alert_words.format_alert_value(text, make_window_context()) == words


def test_an_alert_leads_to_its_record(appearance: object) -> None:
    """The link of an alert about a payment, order or company opens this record, and its text names the record. An
    alert about a task has no link.
    """
    assert alert_words.find_alert_record_route(LATE_PAYMENT_ALERT) == PaymentRoute(5, (), "alerts")
    assert alert_words.find_alert_record_route(replace(CASE_ITEM, kind="order", id=2)) == OrderRoute(2, (), "alerts")
    assert alert_words.find_alert_record_route(LATE_TASK_ITEM) is None
    assert alert_words.find_alert_record_route(MERGED_COMPANY_ITEM) == LookupRoute("1180301018771")
    assert [
        alert_words.format_alert_record(item, make_window_context()) for item in (LATE_PAYMENT_ALERT, CASE_ITEM)
    ] == [
        "Order ORD-3",
        "Payment",
    ]
    case_with_number = replace(CASE_ITEM, number="A-10442")
    assert alert_words.format_alert_record(case_with_number, make_window_context()) == "Payment A-10442"
    # stored with the number of the payment as the number of an order
    case_with_order = replace(case_with_number, alert=replace(CASE_ITEM.alert, order_no="A-10442"))
    assert alert_words.format_alert_record(case_with_order, make_window_context()) == "Payment A-10442"
    assert alert_words.format_alert_rule(LATE_TASK_ITEM.alert, make_window_context()) == "Due task is late"


def test_an_alert_about_a_provider_or_task_names_it(appearance: object) -> None:
    """In the list of alerts, an alert that a provider is away or slow names the provider, and an alert about a late
    task the task. An unknown name is shown as the word for its kind.
    """
    context = make_window_context()

    def format_record(kind: str, id: int, observed: str) -> str:
        alert = replace(LATE_TASK_ITEM.alert, subject_kind=kind, subject_id=id, observed=observed)
        return alert_words.format_alert_record(replace(LATE_TASK_ITEM, alert=alert, kind=kind), context)

    assert format_record("provider", compute_provider_subject_id("paypay"), "timeout") == "PayPay"
    assert format_record("provider", compute_provider_subject_id("alarmbox"), "timeout") == "AlarmBox"
    assert format_record("provider", 5, "timeout") == "Provider"
    assert format_record("task", 6, "payment_polls: ended never") == "Payment checks"
    assert format_record("task", 6, "a task of a newer version: ended never") == "Due tasks"


def test_incidents_are_grouped_by_state(appearance: object) -> None:
    """The list has the open incidents first, and then the snoozed ones. Each group has its count, and the oldest
    incident is first.
    """
    snoozed = make_incident(
        replace(CASE_ITEM, alert=replace(CASE_ITEM.alert, id=30)), state=IncidentState.SNOOZED, snoozed_until=NOW
    )
    old_task = replace(LATE_TASK_ITEM, alert=replace(LATE_TASK_ITEM.alert, detected_at=NOW - timedelta(days=3)))
    by_age = (
        make_incident(old_task),
        make_incident(LATE_PAYMENT_ALERT),
        make_incident(CASE_ITEM),
        make_incident(PENDING_ORDER_ALERT),
    )  # as the service gives
    page = make_page(*by_age[:2], snoozed, *by_age[2:])
    assert [incident.id for incident in page.table.all_rows] == [2, 3, 1, 7, 30]
    groups = list(
        dict.fromkeys(
            (page._make_row_group(one).word, page._make_row_group(one).count_text) for one in page.table.all_rows
        )
    )
    assert groups == [("Open", "4"), ("Snoozed", "1")]


def test_an_acknowledged_incident_is_marked_in_the_list(appearance: object) -> None:
    """If a person has acknowledged an open incident, the list marks its row with a word, so that the unmarked open
    rows are those that the sidebar counts. A resolved incident has no such word. The heading of the open incidents
    also says the number that the sidebar shows.
    """
    acknowledged = replace(LATE_PAYMENT_ALERT.alert, acknowledged_by="lead-b", acknowledged_at=NOW)
    acknowledged_item, unacknowledged = replace(LATE_PAYMENT_ALERT, alert=acknowledged), make_incident(LATE_TASK_ITEM)
    page = make_page(make_incident(acknowledged_item), unacknowledged)
    cause = next(column for column in page.table.rows.columns if column.key == "cause")
    marked = [str(cause.make_cell(incident)).endswith(" · Acknowledged") for incident in page.table.all_rows]
    assert sorted(marked) == [False, True]
    assert {page._make_row_group(incident).count_text for incident in page.table.all_rows} == {
        "2 (1 not acknowledged)"
    }
    assert not str(cause.make_cell(make_incident(acknowledged_item, state=IncidentState.RESOLVED))).endswith(
        "Acknowledged"
    )


@pytest.mark.parametrize(
    ("room", "shown"),
    [(1_000, "Due task is late · Acknowledged"), (-20, "Due task is… · Acknowledged"), (-200, "Due tas…")],
)
def test_a_narrow_row_elides_the_title_before_the_acknowledgement(
    appearance: Appearance, room: int, shown: str
) -> None:
    """At a large text size, the word that says that an incident is acknowledged stays in its row: the title before it
    is elided. Only a cell that is too narrow for the word elides the whole text. `room` is the width in px that the
    cell has beyond its text.
    """
    appearance.set_text_scale(1.5)
    seen = replace(LATE_TASK_ITEM.alert, acknowledged_by="lead-b", acknowledged_at=NOW)
    page = make_page(make_incident(replace(LATE_TASK_ITEM, alert=seen)))
    index = next(number for number, column in enumerate(page.table.rows.columns) if column.key == "cause")
    delegate, cell = page.table.delegates[index], page.table.rows.columns[index].make_cell(page.table.all_rows[0])
    width = round(delegate.measure_cell_width(cell)) + room
    painted = "".join(piece for piece, _ in delegate._elide(cell, width))  # type: ignore[arg-type]  # a text
    assert painted == shown


@pytest.mark.parametrize(("scale", "shown"), [(1.0, "₹2,499.00 · ¥1,200"), (2.0, "2 currencies")])
def test_several_sums_take_no_width_from_the_texts_at_a_large_text_size(
    appearance: Appearance, scale: float, shown: str
) -> None:
    """At a large text size, the row of an incident shows the number of currencies in place of several sums. The
    tooltip and the spoken text have the sums.
    """
    appearance.set_text_scale(scale)
    incident = make_incident(PENDING_ORDER_ALERT, extent=IncidentExtent(8, 3, {"JPY": 1200, "INR": 249900}))
    column = next(column for column in make_page(incident).table.rows.columns if column.key == "sums")
    assert column.format_text(incident) == shown
    assert column.format_full_text(incident) == column.format_spoken_cell(incident) == "₹2,499.00 · ¥1,200"


def test_the_card_of_an_incident_has_alerts_records_and_steps(appearance: object) -> None:
    """The card of an incident shows its alerts, the affected records with their sums by currency, the playbook, and
    the steps that people have taken.
    """
    follow_up = replace(CASE_ITEM.alert, id=8, rule_id="not_moved")
    records = (
        AffectedRecord("order", 8, "ORD-2", None),
        AffectedRecord("payment", 4, "PAY-4", Money(1200, "JPY")),
        AffectedRecord("payment", 5, "PAY-5", Money(249900, "INR")),
    )
    steps = (IncidentStep(7, 1, IncidentAction.HAND_OVER, "op-a", NOW, "lead-b", words="please call the shop"),)
    incident = make_incident(
        PENDING_ORDER_ALERT, follow_up, records=records, extent=IncidentExtent(8, 3, {"JPY": 1200, "INR": 249900}),
        steps=steps, owner="lead-b", owner_since=NOW,
    )  # fmt: skip
    texts = read_card_texts(make_page(incident))
    assert "Paid, but the order is still unpaid" in texts
    assert "2 alerts" in texts
    assert "3 records · ₹2,499.00 · ¥1,200" in texts
    assert any("Open the payment and check its state" in text for text in texts)
    assert "11-20 15:04  op-a handed it over to lead-b: please call the shop" in texts
    assert any(text.startswith("Owned by lead-b since") for text in texts)
    buttons = [button.text() for button in make_page(incident).card.findChildren(KeyButton)]
    assert [text for text in buttons if "PAY-4" in text] == ["Payment PAY-4 ¥1,200"]


def test_the_card_says_each_thing_once_and_asks_for_an_owner_only_while_one_is_needed(appearance: object) -> None:
    """The card of an incident says that an owner is missing only while the incident is open or snoozed. It leaves out
    a reason that a line of the alerts has already.
    """
    for state in IncidentState:
        texts = read_card_texts(make_page(make_incident(PENDING_ORDER_ALERT, state=state)))
        assert ("No owner yet." in texts) == (state in (IncidentState.OPEN, IncidentState.SNOOZED))
    change = Alert(9, "corporation_changed", "corporation", 4, None, "closed=2026-11-20", "acknowledged", NOW)
    page = make_page(make_incident(AlertItem(change, "look_up", "corporation", 4)))
    texts = read_card_texts(page)
    (line,) = (text for text in texts if ". Actual: " in text)
    (observed,) = re.findall(r"Actual: (.*?)\. Expected:", line)
    assert [text for text in texts if observed in text] == [line]


@pytest.mark.parametrize(
    ("observed", "words", "absent_words"),
    [
        ("company merged 2026-10-31 8700110005901 株式会社承継", "then its successor", "renew"),
        ("company closed 2026-10-31 liquidation", "Tell the people", "renew"),
        ("company deleted", "Tell the people", "renew"),
        ("company renamed 甲|乙", "renew", "successor"),
        ("company moved 甲|乙", "renew", "successor"),
    ],
)
def test_the_steps_fit_the_kind_of_change(observed: str, words: str, absent_words: str) -> None:
    """A credit check of a company that has ended isn't renewed: after a merger a person looks up the successor. Only
    the steps for a company that goes on advise a renewal. Each variant has the same number of steps."""
    incident = make_incident(
        replace(MERGED_COMPANY_ITEM, alert=replace(MERGED_COMPANY_ITEM.alert, observed=observed))
    )
    keys = list_playbook_step_keys(incident)
    steps = " ".join(translate(key, "en") for key in keys)
    assert len(keys) == 3
    assert words in steps
    assert absent_words not in steps


def test_the_current_incident_offers_its_possible_actions(appearance: object) -> None:
    """An open incident offers the action against its cause. It can be taken if it has no owner, and handed over if it
    has one. A person's own acknowledgement can be undone; that of another person can be ended with a reason. A closed
    incident offers no action that would change it.
    """
    page = make_page(make_incident(LATE_PAYMENT_ALERT))
    assert page.action_button.text().startswith("Request refund")
    assert (page.take_button.isHidden(), page.give_back_button.isHidden()) == (False, True)
    assert (page.acknowledge_button.isHidden(), page.undo_button.isHidden()) == (False, True)
    page._show_incident(make_incident(LATE_PAYMENT_ALERT, owner="op-b", owner_since=NOW))
    assert (page.take_button.isHidden(), page.hand_over_button.isHidden()) == (True, False)
    page._show_incident(make_incident(LATE_PAYMENT_ALERT, state=IncidentState.SNOOZED, snoozed_until=NOW))
    assert page.snooze_button.text() == "End snooze"
    mine = replace(LATE_PAYMENT_ALERT.alert, acknowledged_by=page.context.operator, acknowledged_at=NOW)
    page._show_incident(make_incident(replace(LATE_PAYMENT_ALERT, alert=mine)))
    buttons = (page.acknowledge_button, page.acknowledge_with_note_button, page.undo_button)
    assert [one.isHidden() for one in buttons] == [True, True, False]
    assert page.reopen_button.isHidden()  # one's own acknowledgement is undone without a reason
    other = replace(LATE_PAYMENT_ALERT.alert, acknowledged_by="lead-b", acknowledged_at=NOW, note="asked the shop")
    page._show_incident(make_incident(replace(LATE_PAYMENT_ALERT, alert=other)))
    assert (page.acknowledge_button.isHidden(), page.undo_button.isHidden()) == (True, True)
    assert (page.reopen_button.isHidden(), page.reopen_button.text()) == (False, "End acknowledgement...")
    assert "Acknowledged by lead-b at 11-20 15:04: asked the shop" in read_card_texts(page)  # a line of its own
    still_open = ReopenIncidentDialog(page.context, make_incident(replace(LATE_PAYMENT_ALERT, alert=other)), page)
    assert still_open.main_button.text() == "End acknowledgement"
    resolved = make_incident(LATE_PAYMENT_ALERT, state=IncidentState.RESOLVED)
    assert ReopenIncidentDialog(page.context, resolved, page).main_button.text() == "Reopen"
    page._show_incident(make_incident(LATE_TASK_ITEM))
    assert page.action_button.isHidden()
    closed = make_incident(LATE_PAYMENT_ALERT, state=IncidentState.CLOSED, closed_at=NOW)
    page._show_incident(closed)
    assert all(button.isHidden() for button in (page.take_button, page.resolve_button, page.snooze_button))
    assert any("The money was returned, or the order continues." in text for text in read_card_texts(page))


def test_a_page_without_alerts_shows_the_empty_text(appearance: object) -> None:
    """Without alerts the page shows the text of the empty list and no card."""
    page = make_page()
    assert page.incident_list.currentWidget() is page.incident_list.empty_state
    assert page.card.isHidden()


def test_a_snooze_is_offered_until_moments_in_japan() -> None:
    """The window offers to snooze an incident for one or four hours, until nine o'clock in Japan of the next morning,
    or until nine o'clock on Monday. The same moment is offered only once.
    """
    friday_evening = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert [(name, at.isoformat()) for name, at in find_snooze_ends(friday_evening)] == [
        ("one_hour", "2026-11-20T13:00:00+00:00"), ("four_hours", "2026-11-20T16:00:00+00:00"),
        ("tomorrow", "2026-11-21T00:00:00+00:00"), ("monday", "2026-11-23T00:00:00+00:00"),
    ]  # fmt: skip
    on_sunday = [name for name, _ in find_snooze_ends(friday_evening + timedelta(days=2))]
    assert on_sunday == ["one_hour", "four_hours", "tomorrow"]


def test_dialogs_of_incidents_need_their_inputs(appearance: object, qtbot: QtBot) -> None:
    """The dialog to hand over an incident requires a person, and the dialogs that ask for a reason require a text.
    The dialog to snooze an incident requires neither.
    """
    page = make_page(make_incident(LATE_PAYMENT_ALERT, owner="op-a", owner_since=NOW))
    qtbot.addWidget(page)
    page.show()
    incident = page.current_incident
    assert incident is not None
    hand_over = HandOverIncidentDialog(page.context, incident, ("op-a", "lead-b"), page)
    assert hand_over.drop_down_list is not None
    assert hand_over.drop_down_list.count() == 1  # not the present owner
    assert hand_over._disabled_reason == "Select the new owner."
    hand_over.drop_down_list.setCurrentIndex(0)
    assert hand_over._disabled_reason == "Write a note first."
    hand_over.note_field.edit.setPlainText("on leave")  # type: ignore[union-attr]  # an area
    assert hand_over._disabled_reason == ""
    hand_over.reject()
    for dialog_class, reason in ((SnoozeIncidentDialog, ""), (ResolveIncidentDialog, "Enter why it is resolved.")):
        dialog = dialog_class(page.context, incident, page)
        assert dialog._disabled_reason == reason
        dialog.reject()


def test_a_decision_about_an_incident_names_its_newest_alert_on_the_screen(appearance: object, qtbot: QtBot) -> None:
    """Snoozing and resolving send the newest alert that the person has seen, so that the service refuses a decision
    about an alert that came later."""
    incident = make_incident(LATE_PAYMENT_ALERT, PENDING_ORDER_ALERT.alert, extent=IncidentExtent(7))
    page = make_page(incident)
    qtbot.addWidget(page)
    calls: list[tuple[object, ...]] = []
    incidents = SimpleNamespace(**dict.fromkeys(("snooze", "resolve"), lambda *given, **_: calls.append(given)))
    for dialog_class in (SnoozeIncidentDialog, ResolveIncidentDialog):
        dialog = dialog_class(page.context, incident, page)
        dialog.make_incident_call(incident.id, "words")(SimpleNamespace(incidents=incidents), "request-1")  # type: ignore[arg-type]  # the only service that is called
        dialog.reject()
    assert [call[-2:] for call in calls] == [("words", 7), ("words", 7)]


def test_a_dialog_about_a_changed_incident_shows_its_present_alerts(qtbot: QtBot) -> None:
    """While the person looks at the dialog, the incident gets a further alert: the service refuses the decision. The
    dialog shows the present number of alerts, and sends the newest one with the next decision."""
    incident = make_incident(LATE_PAYMENT_ALERT)
    page, services, _ = show_page(qtbot, incident)
    further = replace(LATE_PAYMENT_ALERT.alert, id=90)
    changed = make_incident(LATE_PAYMENT_ALERT, further, extent=IncidentExtent(90))
    calls: list[tuple[Any, ...]] = []

    def resolve(*given: Any, **_: Any) -> Incident:
        calls.append(given)
        if len(calls) == 1:
            raise ConsoleError(ErrorCode.STALE_VIEW, {"about": "incident", "changed": {}})
        return changed

    services.resolve, services.read_incident = resolve, lambda _id: changed  # type: ignore[attr-defined]
    dialog = ResolveIncidentDialog(page.context, incident, page)
    dialog.note_field.edit.setPlainText("done")  # type: ignore[union-attr]  # an area
    dialog.submit_form()
    texts = [label.plain for label in dialog.findChildren(TextLabel)]
    assert any("2 alerts" in text for text in texts), texts
    assert page.context.translate("error.stale_view.incident") in texts
    dialog.submit_form()
    assert [call[2] for call in calls] == [LATE_PAYMENT_ALERT.alert.id, 90]


def test_the_dialog_explains_the_effect_of_an_acknowledgement(appearance: object, qtbot: QtBot) -> None:
    """The dialog states the effect of an acknowledgement. It closes an alert about a changed company. It also closes
    the alert about a rolled back database, after which operations with money are possible again. Any other alert
    stays open.
    """
    page = make_page(make_incident(LATE_PAYMENT_ALERT), make_incident(MERGED_COMPANY_ITEM))
    qtbot.addWidget(page)
    went_back = replace(LATE_PAYMENT_ALERT, alert=replace(LATE_PAYMENT_ALERT.alert, rule_id="database_went_back"))
    for item, effects in (
        (LATE_PAYMENT_ALERT, ("stays open",)),
        (MERGED_COMPANY_ITEM, ("closes with your acknowledgement",)),
        (went_back, ("closes with your acknowledgement", "refunds are possible again", "can't be undone")),
    ):
        dialog = AcknowledgeAlertsDialog(page.context, item, page)
        (words,) = [label.plain for label in dialog.findChildren(TextLabel) if effects[0] in label.plain]
        assert all(effect in words for effect in effects)
        dialog.reject()


def test_the_dialog_says_how_many_alerts_it_acknowledges(appearance: object, qtbot: QtBot) -> None:
    """If an incident has several alerts, the dialog speaks of all of them, not of one."""
    page = make_page(make_incident(LATE_PAYMENT_ALERT))
    qtbot.addWidget(page)
    other_alert = replace(LATE_PAYMENT_ALERT.alert, id=LATE_PAYMENT_ALERT.alert.id + 1)
    for other_alerts, texts in (
        ((), ("Acknowledge this alert?", "The alert stays open until the problem is resolved.")),
        ((other_alert,), ("Acknowledge 2 alerts?", "Each alert stays open until its problem is resolved.")),
    ):
        dialog = AcknowledgeAlertsDialog(page.context, LATE_PAYMENT_ALERT, page, other_alerts)
        labels = [label.plain for label in dialog.findChildren(TextLabel)]
        assert all(any(label.startswith(text) for label in labels) for text in texts), labels
        dialog.reject()


def test_an_acknowledgement_needs_no_words(appearance: object, qtbot: QtBot) -> None:
    """A note is optional for an acknowledgement. For the alert that the database went back, the button is disabled
    until the person has written a note, because this acknowledgement resolves the alert.
    """
    page = make_page(make_incident(LATE_PAYMENT_ALERT))
    qtbot.addWidget(page)
    page.show()
    dialog = AcknowledgeAlertsDialog(page.context, LATE_PAYMENT_ALERT, page)
    assert dialog._disabled_reason == ""
    dialog.reject()
    went_back = replace(LATE_PAYMENT_ALERT, alert=replace(LATE_PAYMENT_ALERT.alert, rule_id="database_went_back"))
    dialog = AcknowledgeAlertsDialog(page.context, went_back, page)
    dialog.open()
    assert dialog._disabled_reason == "Write a note."
    dialog.note_field.edit.setPlainText("asked the shop")  # type: ignore[union-attr]  # an area
    assert dialog._disabled_reason == ""
    dialog.note_field.edit.setPlainText("  ")  # type: ignore[union-attr]
    assert dialog._disabled_reason == "Write a note."
    dialog.reject()


def test_the_explanation_of_an_alert_has_its_rule_and_states(appearance: object) -> None:
    """The explanation of an alert about an order and its payments contains its rule in words, its age, and the
    observed and the expected state. The explanation of an alert about a company has the changed facts. A case has no
    explanation.
    """
    context = make_window_context()
    assert alert_words.format_alert_explanation(LATE_PAYMENT_ALERT, context) == (
        "The money arrived after the payment had expired or failed, or after the order was cancelled. "
        "It has not been returned. Detected 2 h ago. "
        "Actual: order Cancelled, payment Completed ¥3,300, after Expired. Expected: refund or other compensation."
    )
    assert alert_words.format_alert_explanation(PENDING_ORDER_ALERT, context).startswith(
        "The gateway confirmed the payment, but the order is still unpaid after 5 min."
    )
    assert alert_words.format_alert_explanation(MERGED_COMPANY_ITEM, context).endswith("Renamed from 甲 to 乙")
    assert alert_words.format_alert_explanation(CASE_ITEM, context) == ""


class IncidentServices:
    """A stand-in for the services; its incident service lists the given incidents."""

    training = None

    def __init__(self, *incidents: Incident) -> None:
        self.listed = incidents

    @property
    def incidents(self) -> "IncidentServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def list_incidents(self, *, includes_closed: bool) -> tuple[Incident, ...]:
        return self.listed

    def take(self, id: int, *, request_id: str) -> Incident:
        return next(incident for incident in self.listed if incident.id == id)

    def list_possible_owners(self) -> tuple[str, ...]:
        return ("lead-b", "lead-c")

    def count_unlisted_alerts(self, incidents: tuple[Incident, ...], *, includes_closed: bool) -> int:
        return 0


def execute_tasks(runner: InlineRunner) -> None:
    while runner.waiting_task_count:
        runner.execute_oldest_task()


def show_page(qtbot: QtBot, *incidents: Incident) -> tuple[AlertsPage, IncidentServices, InlineRunner]:
    """Show the page with these incidents, and return it with its services and its runner."""
    context, services = make_window_context(), IncidentServices(*incidents)
    context.store_services(services)  # type: ignore[arg-type]  # incidents are all that the page needs
    page = AlertsPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    page.show_route(AlertsRoute())
    assert isinstance(context.runner, InlineRunner)
    return page, services, context.runner


def test_a_link_selects_its_incident_after_an_earlier_read(qtbot: QtBot) -> None:
    """An automatic read has begun before the person opens the link of a new incident, and lacks this incident. Its
    answer shows no bar about a missing incident, and the answer to the link's own read selects the incident.
    """
    first, linked = make_incident(LATE_PAYMENT_ALERT), make_incident(PENDING_ORDER_ALERT)
    page, services, runner = show_page(qtbot, first)
    runner.paused = True
    page.context.records_changed.emit(frozenset({("alert", 7)}))
    page.show_route(AlertsRoute(PENDING_ORDER_ALERT.alert.id))
    runner.execute_oldest_task()
    assert page.current_incident == first
    assert page.list_bar_names() == ()
    services.listed = first, linked
    runner.execute_oldest_task()
    assert page.current_incident == linked
    assert page.list_bar_names() == ()


def test_the_card_keeps_the_focus_while_its_incident_changes(qtbot: QtBot) -> None:
    """The person has moved the focus to the button of an affected record. An automatic read that has found no change
    of the incident leaves the card as it is; after one that has, the button of the same record has the focus.
    """
    records = tuple(AffectedRecord("payment", id, f"PAY-{id}", Money(1200, "JPY")) for id in (4, 5))
    incident = make_incident(PENDING_ORDER_ALERT, records=records, extent=IncidentExtent(8, 2, {"JPY": 2400}))
    page, services, _ = show_page(qtbot, incident)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    button = page.card.findChildren(KeyButton)[1]
    button.setFocus()
    services.listed = (replace(incident),)
    page.context.records_changed.emit(frozenset({("alert", 7)}))
    assert page.focusWidget() is button
    services.listed = (replace(incident, owner="lead-b", owner_since=NOW),)
    page.context.records_changed.emit(frozenset({("alert", 7)}))
    focused_widget = page.focusWidget()
    assert isinstance(focused_widget, KeyButton)
    assert focused_widget is not button
    assert focused_widget.text() == button.text()


def count_visible_dialogs(page: AlertsPage) -> int:
    return sum(dialog.isVisible() for dialog in page.window().findChildren(HandOverIncidentDialog))


def test_no_dialog_opens_over_another_one_or_on_another_page(qtbot: QtBot) -> None:
    """The data for a dialog arrives late. The dialog doesn't open if the person has meanwhile opened another one, in
    which they may be typing, or has left the page. If the person has requested two dialogs, only the later one opens.
    """
    first, second = make_incident(LATE_PAYMENT_ALERT), make_incident(PENDING_ORDER_ALERT)
    page, _, runner = show_page(qtbot, first, second)
    runner.paused = True
    page.hand_over_current_incident()
    page.snooze_or_unsnooze_current_incident()
    (snooze_dialog,) = page.window().findChildren(SnoozeIncidentDialog)
    assert snooze_dialog.isVisible()
    runner.execute_oldest_task()
    assert count_visible_dialogs(page) == 0
    snooze_dialog.reject()
    page.hand_over_current_incident()
    page.hide()
    runner.execute_oldest_task()
    page.show()
    assert count_visible_dialogs(page) == 0
    page.hand_over_current_incident()
    page.table.go_to_item(lambda incident: incident == second)
    page.hand_over_current_incident()
    runner.execute_oldest_task()
    assert count_visible_dialogs(page) == 0
    runner.execute_oldest_task()
    (dialog,) = page.window().findChildren(HandOverIncidentDialog)
    assert dialog.isVisible()
    assert dialog.incident == second
    dialog.reject()


def test_a_slow_step_makes_no_other_incident_current(qtbot: QtBot) -> None:
    """The person takes an incident and then selects another one. Before the answer to the take, the selected incident
    leaves the list. Its row stays the current one, marked as removed, so that the next key acts on no incident that
    the person hasn't selected.
    """
    taken, gone = make_incident(LATE_PAYMENT_ALERT), make_incident(PENDING_ORDER_ALERT)
    rest = make_incident(CASE_ITEM)
    page, services, runner = show_page(qtbot, taken, gone, rest)
    assert page.table.go_to_item(lambda incident: incident == taken)
    runner.paused = True
    page.take_current_incident()
    page.table.go_to_item(lambda incident: incident == gone)
    services.listed = replace(taken, owner="op-a", owner_since=NOW), rest
    execute_tasks(runner)
    assert page.current_incident == gone
    assert page.table.is_current_row_removed


def test_a_refused_step_names_its_incident(qtbot: QtBot) -> None:
    """The person takes an incident that another person has just taken, and selects another incident before the
    refusal arrives. The bar names the incident that was taken. It disappears when the person selects the next one.
    """
    taken, other = make_incident(LATE_PAYMENT_ALERT), make_incident(PENDING_ORDER_ALERT)
    page, _, runner = show_page(qtbot, taken, other)
    assert page.table.go_to_item(lambda incident: incident == taken)
    runner.paused = True
    page._run_incident_action(taken, "take", refuse_to_take)
    page.table.go_to_item(lambda incident: incident == other)
    execute_tasks(runner)
    name = incident_texts.format_incident_name(taken, page.context)
    assert f"{name}: " in page._bar_by_name["act"].sentence
    page.table.go_to_item(lambda incident: incident == taken)
    assert page.list_bar_names() == ()


def refuse_to_take(_services: object, _request_id: str) -> Incident:
    raise ConsoleError(ErrorCode.NOT_ALLOWED)


def test_a_low_window_shows_the_details_of_an_incident_in_a_dialog(appearance: Appearance, qtbot: QtBot) -> None:
    """A low window hides the panel of the incident. The button Details opens a dialog with every text of the panel.
    The key Page Down scrolls the dialog, and a button of a record closes it.
    """
    appearance.set_text_scale(2.0)
    records = (AffectedRecord("payment", 4, "PAY-4", Money(1200, "JPY")),)
    page = make_page(make_incident(PENDING_ORDER_ALERT, records=records))
    qtbot.addWidget(page)
    page.resize(1280, 720)
    page.show()
    assert page.is_low_window
    assert page.card.isHidden()
    assert not page.details_button.isHidden()
    page.details_button.click()
    (dialog,) = (widget for widget in QApplication.topLevelWidgets() if isinstance(widget, DialogFrame))
    texts = {label.plain for label in dialog.findChildren(TextLabel)}
    assert {text for text in read_card_texts(page) if text} <= texts
    scroll_bar = dialog._scroll_area.verticalScrollBar()
    qtbot.waitUntil(lambda: scroll_bar.maximum() > 0)
    QTest.keyClick(dialog.cancel_button, Qt.Key.Key_PageDown)
    assert scroll_bar.value() > 0, "the keyboard reaches the end of a long content"
    (record_button,) = (button for button in dialog.findChildren(KeyButton) if "PAY-4" in button.text())
    record_button.click()
    assert dialog.isHidden()


def test_a_low_window_keeps_the_headings_of_incidents_that_are_not_open(appearance: Appearance, qtbot: QtBot) -> None:
    """A low window hides the heading of a list with only open incidents. As soon as the list has an incident in
    another state, its headings are shown, because nothing else shows the states.
    """
    appearance.set_text_scale(2.0)
    open_incident = make_incident(PENDING_ORDER_ALERT)
    resolved_incident = make_incident(LATE_PAYMENT_ALERT, state=IncidentState.RESOLVED)
    page = make_page(open_incident)
    qtbot.addWidget(page)
    page.resize(1280, 720)
    page.show()
    assert page.is_low_window
    page._show_incidents((open_incident,))
    assert page.table.rows.rowCount() == 1
    page._show_incidents((open_incident, resolved_incident))
    assert page.table.rows.rowCount() == 4, "two incidents and two headings"


def test_the_key_i_of_a_high_window_says_where_the_details_are(appearance: Appearance, qtbot: QtBot) -> None:
    """A high window shows the details below the list. The key I opens no dialog there, and says so; without an
    incident, it says that none is selected. A dialog that opens in a low window removes this bar.
    """

    def press_and_read_bar(page: AlertsPage) -> str:
        page.open_details()
        (bar,) = page.findChildren(NotificationBar)
        return bar.accessibleName()

    appearance.set_text_scale(2.0)
    page, empty_page = make_page(make_incident(PENDING_ORDER_ALERT)), make_page()
    for shown in (page, empty_page):
        qtbot.addWidget(shown)
        shown.resize(1440, 1300)
        shown.show()
        assert not shown.is_low_window
    assert "The details are below the list." in press_and_read_bar(page)
    assert "No record is selected." in press_and_read_bar(empty_page)
    page.resize(1280, 720)
    assert page.is_low_window
    page.open_details()
    (dialog,) = (widget for widget in QApplication.topLevelWidgets() if isinstance(widget, DialogFrame))
    assert "act" not in page.list_bar_names()
    dialog.reject()


def test_enter_on_an_incident_without_a_record_shows_that_there_is_none(appearance: Appearance, qtbot: QtBot) -> None:
    """Enter on an incident that no page of a record resolves, such as a late due task, shows that there is none."""
    page = make_page(make_incident(LATE_TASK_ITEM))
    qtbot.addWidget(page)
    page.show()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert "act" in page.list_bar_names()


def test_a_long_name_in_one_row_does_not_cut_off_the_causes(appearance: Appearance, qtbot: QtBot) -> None:
    """The column of records doesn't take the width of the causes for one long name."""
    appearance.set_text_scale(2.0)
    named = replace(PENDING_ORDER_ALERT, alert=replace(PENDING_ORDER_ALERT.alert, id=70, order_no="ORD-" + "7" * 36))
    page = make_page(make_incident(named), make_incident(PENDING_ORDER_ALERT))
    qtbot.addWidget(page)
    page.resize(1280, 720)
    page.show()
    incident = page.table.all_rows[1]
    assert not page.table.is_cell_cut("cause", incident)
    assert page.table.is_cell_cut("about", page.table.all_rows[0])


def test_after_a_snooze_the_next_open_incident_is_selected(qtbot: QtBot) -> None:
    """The person snoozes the second of three open incidents in the dialog. The incident moves to the snoozed ones at
    the end of the list, and the third open incident is selected. After the snooze of the last open incident, the one
    before it is selected. An action that leaves the incident in its place leaves it selected.
    """
    ids = (31, 32, 33, 34)
    first, second, third, snoozed = (
        make_incident(replace(CASE_ITEM, alert=replace(CASE_ITEM.alert, id=id))) for id in ids
    )
    snoozed = replace(snoozed, state=IncidentState.SNOOZED, snoozed_until=NOW)
    page, services, _ = show_page(qtbot, first, second, third, snoozed)

    def answer_dialog(*listed: Incident) -> int | None:
        services.listed = listed
        page._refresh_after_dialog(page.current_incident)
        return page.current_incident.id if page.current_incident is not None else None

    page.table.go_to_item(lambda incident: incident == second)
    owned = replace(second, owner="lead-b", owner_since=NOW)
    assert answer_dialog(first, owned, third, snoozed) == second.id
    second = replace(second, state=IncidentState.SNOOZED, snoozed_until=NOW)
    assert answer_dialog(first, second, third, snoozed) == third.id
    third = replace(third, state=IncidentState.RESOLVED)
    assert answer_dialog(first, second, third, snoozed) == first.id
    first = replace(first, state=IncidentState.RESOLVED)
    assert answer_dialog(first, second, third, snoozed) == second.id
