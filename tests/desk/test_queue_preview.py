"""The preview beside a queue: the compared sides, the last steps and one primary action. A key hides the preview, and
the choice is stored.
"""

from functools import partial

import pytest
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QWidget

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import Order, Payment, PaymentImport, Refund
from console.domain.views.any_record import QueueItem
from console.sandbox.server import Sandbox
from console.views.queues.page import QueuesPage
from console.views.queues.rows import format_item_difference
from console.views.records.preview_panel import RecordPreview
from console.views.runtime.routes import QueuesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton, LinkButton
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome, buy_without_pdf
from tests.desk.window_desks import WindowTestDesks
from tests.support.money_desks import import_paid_payment, request_refund

CORPORATION_NUMBERS = ("1180301018771", "1010001112577")


def read_labels(page: QueuesPage) -> list[str]:
    return [label.text() for label in page.preview.findChildren(TextLabel)]


def read_visible_labels(page: QueuesPage) -> list[str]:
    return [label.text() for label in page.preview.findChildren(TextLabel) if label.isVisible()]


def test_the_preview_shows_sides_and_steps(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """The preview of a payment with a cancelled order marks the side that differs, states the difference, and shows
    the last steps once. Reading them writes no audit entry. In a window without room for the preview a line below the
    list states the difference.
    """
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql(
            "INSERT INTO orders (merch_txn_id, total_amount, currency, status)"
            " VALUES ('ORD-7', 3300, 'JPY', 'cancelled')"
        )
    sandbox.control.payments_control.register_payment("paypay", "ORD-7", 3300)
    window_desks.acting_desk.payments.import_payment(PaymentImport("paypay", "ORD-7"))
    person = open_window()
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("disagree"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page)
    while page.current_row is None or not isinstance(page.current_row.record, Payment):
        person.press("Down")
    person.wait_until(lambda: any("Last steps" in text for text in read_labels(page)))
    names = [part.accessibleName() for part in page.preview.findChildren(QWidget)]
    assert any(name.startswith("ORDER, differs: State, Cancelled") for name in names), names
    for _ in range(2):  # both readings of the same record are answered
        page.preview.show_queue_item(page.current_row)
    person.wait_until(lambda: any("Last steps" in text for text in read_visible_labels(page)))
    person.wait_until_read()
    # Qt shows a new label only in the next pass of the event loop.
    person.wait_until(lambda: any("Last steps" in text for text in read_visible_labels(page)))
    assert sum("Last steps" in text for text in read_visible_labels(page)) == 1
    whole = format_item_difference(page.current_row, person.opening.context)
    assert "≠" in whole
    assert whole in [label.plain for label in page.preview.findChildren(TextLabel) if label.isVisible()]
    assert not page.difference_line.isVisible()
    person.window.resize(1280, 800)  # without the preview, whose column is narrow
    person.wait_until(page.difference_line.isVisible)
    assert page.difference_label.plain == whole
    opened = [entry for entry in window_desks.console.audit.list_entries(100) if entry.what.endswith(".opened")]
    assert opened == []


def test_the_preview_of_an_order_and_of_a_refund_shows_their_sides(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The preview of an order compares it with its payment and marks the side that differs. The preview of a refund
    that waits for approval says that it wasn't sent to the gateway. Reading the sides writes no audit entry."""
    insert = "INSERT INTO orders (merch_txn_id, total_amount, currency, status) VALUES"
    with window_desks.write_as_owner() as tx:
        tx.conn.exec_driver_sql(f"{insert} ('ORD-7', 3300, 'JPY', 'cancelled')")
        tx.conn.exec_driver_sql(f"{insert} ('ORD-8', 3300, 'JPY', 'pending')")
    import_paid_payment(window_desks.acting_desk, sandbox, "ORD-7", 3300)
    payment = import_paid_payment(window_desks.acting_desk, sandbox, "ORD-8", 3300)
    refund = request_refund(console, payment.id)
    person = open_window()
    person.window.resize(1920, 1080)

    def show(queue: str, kind: type[Order | Refund], id_or_number: int | str) -> QueuesPage:
        person.frame.show_route(QueuesRoute(queue))
        page = person.wait_for_page(QueuesPage)
        person.wait_until(lambda: page.row_model.has_read_last_page)
        assert page.table.go_to_item(
            lambda row: (
                isinstance(row.item.record, kind)
                and id_or_number in (row.item.record.id, getattr(row.item.record, "merch_txn_id", None))
            )
        )
        return page

    def has_side(page: QueuesPage, start: str) -> bool:
        parts = page.preview.findChildren(QWidget)
        return any(part.accessibleName().startswith(start) and part.isVisible() for part in parts)

    page = show("disagree", Order, "ORD-7")
    person.wait_until(lambda: has_side(page, "ORDER, differs: State, Cancelled"))
    assert has_side(page, "OURS, Complete")
    page = show("refunds", Refund, refund.id)
    person.wait_until(lambda: has_side(page, "GATEWAY (PayPay), Not sent yet"))
    assert has_side(page, "OURS, Requested, −¥1,000")
    opened = [entry for entry in console.audit.list_entries(100) if entry.what.endswith(".opened")]
    assert opened == []


def test_a_key_hides_the_preview_in_later_windows_too(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The key I hides the preview and shows it again. A window that is opened later has the same choice. In the queue
    of unknown outcomes, the advised action is the only primary button.
    """
    for number in CORPORATION_NUMBERS:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 2)
    person.wait_until(page.preview.isVisible)
    buttons = page.preview.findChildren(KeyButton)
    assert [button.key for button in buttons if button.kind == "primary"] == ["E"]
    person.press("I")
    person.wait_until(lambda: not page.preview.isVisible())
    person.close()
    again = open_window()
    again.window.resize(1920, 1080)
    again.frame.show_route(QueuesRoute("unknown"))
    other = again.wait_for_page(QueuesPage)
    again.wait_until_read()
    assert not other.preview.isVisible()
    again.press("I")
    again.wait_until(other.preview.isVisible)


def test_the_preview_is_built_once_for_rows_that_are_passed(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows become current before the window paints again: the preview is built once, for the second of them.
    Until then a button of the earlier record does nothing. In a window without room for the preview none is built.
    """
    for number in (*CORPORATION_NUMBERS, "7000012050002"):
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.preview.record is not None)
    first, second, third = (row.item.record for row in page.row_model.iterate_loaded_rows())
    assert page.preview.record == first
    built: list[int] = []
    fill_preview = RecordPreview._fill_preview

    def fill_and_count(preview: RecordPreview, content: QWidget, item: QueueItem) -> None:
        built.append(item.record.id)
        fill_preview(preview, content, item)

    monkeypatch.setattr(RecordPreview, "_fill_preview", fill_and_count)
    resolve_button = next(button for button in page.preview.findChildren(KeyButton) if button.key == "E")
    requested = QSignalSpy(page.preview.resolve_requested)
    for record in (second, third):
        go_to_record(page, record.id)
    resolve_button.click()
    assert requested.count() == 0
    assert (built, page.preview.record) == ([], first)
    person.wait_until(lambda: page.preview.record == third)
    assert built == [third.id]

    person.window.resize(1280, 800)
    person.wait_until(lambda: not page.preview.isVisible())
    go_to_record(page, second.id)
    person.wait_until(lambda: not page.preview._build_timer.isActive())
    assert (built, page.preview.record) == ([third.id], third)
    person.window.resize(1920, 1080)
    person.wait_until(lambda: page.preview.record == second)
    assert built == [third.id, second.id]


def go_to_record(page: QueuesPage, record_id: int) -> None:
    assert page.table.go_to_item(lambda row: row.item.record.id == record_id)


def test_repeated_steps_are_listed_once_with_their_number(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a re-fetch has failed six times, the preview lists each of its steps once, with the number six."""
    sandbox.control.add_fault("pdf_missing", call="pdf", number=CORPORATION_NUMBERS[0], times=20)
    record = buy_without_pdf(console, sandbox, CORPORATION_NUMBERS[0])
    for _ in range(6):
        with pytest.raises(ConsoleError):
            console.credit_checks.refetch(record.id)
    person = open_window()
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("incomplete"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: any("Last steps" in text for text in read_visible_labels(page)))
    texts = [label.plain for label in page.preview.findChildren(TextLabel) if label.isVisible()]
    steps = texts[texts.index("Last steps") + 1 :]
    assert len(steps) == 5
    assert [text for text in steps if "6 times since " in text] == steps, steps
    assert sum("The PDF could not be fetched" in text for text in steps) == 1


def has_more_signals(signals: QSignalSpy, count_before: int) -> bool:
    return signals.count() > count_before


def test_the_preview_keeps_its_place_during_changes_by_others(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """When another person adds a note to this or another record, the focus in the preview stays where it is. A note
    on this record appears among the last steps.
    """
    shown, other = (buy_with_unknown_outcome(window_desks.console, sandbox, number) for number in CORPORATION_NUMBERS)
    person = open_window()
    person.window.resize(1920, 1080)
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(
        lambda: page.current_row is not None and any("Last steps" in text for text in read_labels(page))
    )
    if page.current_row is not None and page.current_row.record.id != shown.id:
        shown, other = other, shown
    person.wait_until_read()
    link = page.preview.findChild(LinkButton)
    assert link is not None
    link.setFocus()
    updated = QSignalSpy(page.new_arrivals.rows_updated)
    for record in (other, shown):
        before = updated.count()
        with window_desks.open_acting_desk("lead-b") as desk:
            desk.recovery.add_note("credit-check", record.id, "called them")
        person.wait_until(partial(has_more_signals, updated, before))
    person.wait_until_read()
    assert person.window.focusWidget() is link
    assert any("Added a note" in text for text in read_labels(page)), read_labels(page)
