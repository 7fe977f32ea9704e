"""The queue of unmatched notices in the window: it shows why a notice matches no record, one key opens a similar
record, and a person ends the entry.
"""

import json
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from console.domain.views.unmatched_notices import UnmatchedNoticeItem
from console.store.payments.orders import NewOrder, insert_order
from console.store.payments.orders import find as find_order
from console.store.schema.core import audit_log
from console.store.schema.payments import payment_events
from console.views.alerts.acknowledge_dialog import AcknowledgeAlertsDialog
from console.views.money.order_page import OrderPage
from console.views.queues.notices_page import UnmatchedNoticesPage
from console.views.queues.page import QueuesPage
from console.views.runtime.routes import QUEUE_TAB_NAMES, QueuesRoute, UnmatchedNoticesRoute
from console.views.widgets.controls.inputs import MultiLineEdit
from tests.desk.conftest import OpenWindow
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.payment_desks import BANK_KEY, make_signed_notice


@pytest.fixture
def extra_settings() -> dict[str, str]:
    return {"SECRET_NOTICE_BANK_KEY": BANK_KEY}


def send_notices(window_desks: WindowTestDesks, *numbers: str) -> None:
    """Send notices of the bank about these order numbers, which no order in this database has."""
    now = window_desks.acting_desk._context.now()
    for number in numbers:
        fields = {
            "event_id": f"ev-{number}", "type": "payment.succeeded", "order_no": number, "amount": "3300",
            "currency": "JPY", "occurred_at": now.astimezone(UTC).isoformat(),
        }  # fmt: skip
        assert not window_desks.acting_desk.payments.receive_notice(
            make_signed_notice("bank", json.dumps(fields).encode(), now)
        ).is_refused


def read_shown_count(person: Person) -> int | None:
    """Return the window's count of the queue of unmatched notices; None if it wasn't counted yet."""
    queue_count = person.opening.context.work_counts.find_queue_count("notices")
    return None if queue_count is None else queue_count.count


def test_a_notice_is_compared_and_ended_by_a_person(window_desks: WindowTestDesks, open_window: OpenWindow) -> None:
    """The page shows an unmatched notice in words. The window finds the similar order in the background, and Enter
    opens it. A ends the entry with a note; only the other notice is then listed and counted. The audit trail has the
    person, the time and the note. Neither notice is assigned to a record.
    """
    send_notices(window_desks, "ORD-1", "ORD-2")
    with window_desks.write_as_owner() as tx:
        order_id = insert_order(tx.conn, NewOrder("ORD-7", 3300), window_desks.acting_desk._context.now())
        order = find_order(tx.conn, order_id)
    person = open_window()
    person.frame.show_route(QueuesRoute("review"))
    person.wait_until_read()
    person.wait_until(lambda: read_shown_count(person) == 2)
    person.wait_for_page(QueuesPage).tabs.setCurrentIndex(QUEUE_TAB_NAMES.index("notices"))
    person.wait_until(lambda: isinstance(person.frame.current_route, UnmatchedNoticesRoute))
    page = person.wait_for_page(UnmatchedNoticesPage)
    person.wait_until(lambda: len(page.table.all_rows) == 2)
    person.wait_until(lambda: bool(page.candidates))
    item = page.current_notice
    assert isinstance(item, UnmatchedNoticeItem)
    assert item.notice.order_no == "ORD-1"
    assert "ORD-1" in page.explanation_label.text()
    cells = [column.format_text(item) for column in page.table.rows.columns]
    assert {"Bank", "Payment succeeded"} <= {*cells}
    assert "payment.succeeded" in page.fact_label.text()
    person.wait_for_control("Order ORD-7 ¥3,300: same amount, day", page)
    page.table.setFocus()
    person.press("Enter")
    person.wait_until(lambda: person.wait_for_page(OrderPage).isVisible())
    person.frame.show_route(UnmatchedNoticesRoute())
    person.wait_until_read()
    page.table.setFocus()
    person.press("A")
    dialog = person.wait_for_dialog(AcknowledgeAlertsDialog)
    edit = dialog.note_field.edit
    assert isinstance(edit, MultiLineEdit)
    edit.setPlainText("asked the bank")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_until(lambda: [row.notice.order_no for row in page.table.all_rows] == ["ORD-2"])
    person.wait_until(lambda: read_shown_count(person) == 1)
    assert window_desks.acting_desk.notices.count_open_notices().count == 1
    now = window_desks.acting_desk._context.now()
    with window_desks.write_as_owner() as tx:
        assert tx.conn.execute(select(payment_events.c.order_no, payment_events.c.payment_id)).all() == [
            ("ORD-1", None),
            ("ORD-2", None),
        ]
        (ending,) = tx.conn.execute(select(audit_log).where(audit_log.c.what == "alert.acknowledged")).all()
        assert find_order(tx.conn, order_id) == order
    assert (ending.who, "asked the bank" in ending.detail) == ("op-a", True)
    assert timedelta() <= now - ending.at.replace(tzinfo=UTC) < timedelta(minutes=5)
