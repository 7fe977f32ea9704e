"""A record is on the screen while other people change it: the page shows the changes, the people who may act, and the
version of the record that a decision is about.
"""

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.views.any_record import QueueItem
from console.sandbox.server import Sandbox
from console.views.credit_checks.page import CreditCheckPage
from console.views.home.page import HomePage
from console.views.lookup.page import LookupPage
from console.views.money.payment_page import PaymentPage
from console.views.pages.base import Page
from console.views.pages.fitted_table import FittedTable
from console.views.presenters.records import make_record_ref
from console.views.purchase.dialog import PurchaseDialog
from console.views.queues import new_arrivals
from console.views.queues.page import QueuesPage
from console.views.queues.rows import QueueRow
from console.views.records.evidence_wizard import EvidenceForm
from console.views.records.resolve_dialog import ResolveDialog
from console.views.runtime.routes import CreditCheckRoute, HomeRoute, LookupRoute, PaymentRoute, QueuesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import LineEdit
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar
from tests.desk.conftest import OpenWindow, buy_check, buy_with_unknown_outcome, buy_without_pdf, read_provider_id
from tests.desk.test_refunds import insert_order
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
OTHER_CORPORATION_NUMBER = CORPORATION_NUMBERS[1]


def open_record(person: Person, id: int, trail: tuple[int, ...] = ()) -> CreditCheckPage:
    person.frame.show_route(CreditCheckRoute(id, trail, "queues"))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == id)
    return page


def read_bars(page: CreditCheckPage | LookupPage) -> list[str]:
    return [bar.accessibleName() for bar in page.findChildren(NotificationBar) if bar.isVisible()]


def read_check(console: Console, id: int) -> CreditCheck:
    return console.credit_checks.read_credit_check(id).record


def state_reason(form: EvidenceForm, words: str = "20 purchases there, not this one") -> None:
    """Select the first reason code in the dialog, and enter the text of the reason."""
    form.reason_list.setCurrentIndex(0)
    form.reason_text_field.edit.setText(words)  # type: ignore[union-attr]  # a line


def fill_not_bought_form(dialog: ResolveDialog, words: str) -> None:
    """Fill in the form of a decision: a statement as evidence, and the result that the credit check was not
    bought.
    """
    dialog.form.kind_buttons["text"].setChecked(True)
    dialog.form.text_field.edit.setPlainText(words)  # type: ignore[union-attr]  # an area
    dialog.form.not_bought_button.setChecked(True)
    state_reason(dialog.form)


def test_a_record_being_read_shows_a_message(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a record is being read, its buttons are disabled with the reason, a pressed key says the same, and the
    page shows no data of the previous record.
    """
    first, second = (
        buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER),
        buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER),
    )
    person = open_window()
    page = open_record(person, first.id)
    with monkeypatch.context() as patch:
        patch.setattr(page, "read_data", lambda _reason: None)  # the answer doesn't come
        person.frame.show_route(CreditCheckRoute(second.id, (), "queues"))
        button = page.find_button("probe")
        assert button is not None
        assert (button.isEnabled(), button.shown_reason) == (False, "Available once the record is read.")
        person.press("P")
        assert read_bars(page)[-1:] == ["Not done. Available once the record is read."]
        person.wait_until(lambda: not page.form.isVisible() and not page.tabs.isVisible())
        assert not page.sides_strip.isVisible()
    page.refresh("entered")
    person.wait_until(lambda: page.details is not None and page.form.isVisible() and button.isEnabled())
    assert read_bars(page) == []


def test_a_change_by_another_person_is_announced_on_the_page(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If another person changes the shown record, a bar names the person, the page has the new state, and a button
    shows the difference.
    """
    record = buy_without_pdf(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    page = open_record(person, record.id)
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.credit_checks.refetch(record.id)
    person.wait_until(
        lambda: any(words.startswith("Record changed. lead-b changed it at ") for words in read_bars(page))
    )
    assert page.pdf_button.isEnabled()
    person.wait_for_control("Show difference").press()
    person.wait_until(lambda: any("PDF: – →" in words for words in read_bars(page)))


def test_a_decision_on_an_old_view_decides_nothing(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A decision contains the version of the record that the person saw. If the record has changed since, the
    decision is refused, and the refusal shows the change.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    open_record(person, record.id)
    person.press("E")
    dialog = person.wait_for_dialog(ResolveDialog)
    fill_not_bought_form(dialog, "not on their list")
    person.wait_until(dialog.main_button.isEnabled)
    with window_desks.write_as_owner() as tx:
        changed = {"id": record.id, "name": "架空商事"}
        update = "UPDATE hansha_alarmbox_credit_checks SET version = version + 1, company_name = :name WHERE id = :id"
        tx.conn.execute(text(update), changed)
    dialog.main_button.click()
    person.wait_until(lambda: not dialog.is_busy)
    assert dialog.windowTitle() == "The record has changed"
    assert any("架空商事" in words.plain for words in dialog.findChildren(TextLabel))
    assert read_check(console, record.id).certainty == "unknown"


def test_only_results_that_the_evidence_supports_can_be_chosen(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """Without evidence no result can be selected. With a statement as evidence, the result "bought" can't be
    selected. A disabled result has its reason. If the person selects another kind of evidence, a result that it
    doesn't support is no longer selected.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    open_record(person, record.id)
    person.press("E")
    form = person.wait_for_dialog(ResolveDialog).form
    assert not form.bought_button.isEnabled()
    assert not form.not_bought_button.isEnabled()
    assert form.bought_button.accessibleDescription() == "Add evidence first."
    form.kind_buttons["text"].setChecked(True)
    form.text_field.edit.setPlainText("they wrote: no purchase")  # type: ignore[union-attr]  # an area
    assert form.not_bought_button.isEnabled()
    assert not form.bought_button.isEnabled()
    form.not_bought_button.setChecked(True)
    assert "lead-b" in form.second_person_label.plain
    form.kind_buttons["number"].setChecked(True)
    assert form.outcome == "", "a result that the evidence can't carry stayed chosen"


@pytest.mark.both_ways
def test_the_decision_not_bought_needs_two_people(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The first person decides "not bought" with a file; another person, who signs in at the same window, confirms
    it.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    proof = tmp_path / "screen.txt"
    proof.write_text("no such purchase", encoding="utf-8")
    person = open_window()
    page = open_record(person, record.id)
    person.press("E")
    first = person.wait_for_dialog(ResolveDialog)
    person.wait_until(lambda: not first.form.is_reading_choices)
    first.form.kind_buttons["file"].setChecked(True)
    assert isinstance(first.form.file_field.edit, LineEdit)
    first.form.file_field.edit.setText(str(proof))
    first.form.not_bought_button.setChecked(True)
    reasons = {first.form.find_disabled_reason()}  # the code is proposed, the words never are
    first.form.reason_list.setCurrentIndex(-1)
    reasons.add(first.form.find_disabled_reason())
    first.form.reason_list.setCurrentIndex(first.form.reason_list.findData("not_listed"))
    reasons.add(first.form.find_disabled_reason())
    assert reasons == {"Select a reason.", "Explain the reason."}
    assert not first.main_button.isEnabled()
    first.form.reason_text_field.edit.setText("20 purchases there, not this one")  # type: ignore[union-attr]  # a line
    person.wait_until(first.main_button.isEnabled)
    first.main_button.click()
    person.wait_until(lambda: first.windowTitle().startswith("Outcome proposed for "))
    person.press("Esc")
    person.wait_without_dialog()

    person = window_desks.switch_person(person, "lead-b")
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.awaiting is not None)
    person.wait_until_read()
    person.press("E")
    second = person.wait_for_dialog(ResolveDialog)
    fill_not_bought_form(second, "checked by phone")
    person.wait_until(lambda: "op-a" in second.form.second_person_label.plain)
    person.wait_until(second.main_button.isEnabled)
    second.main_button.click()
    window_desks.confirm_with_password(person, "lead-b")
    person.wait_until(lambda: second.windowTitle() == "Resolved")
    assert read_check(console, record.id).state == "error"
    proofs = [item for item in console.credit_checks.read_credit_check(record.id).evidence if item.source == "person"]
    assert [proof.summary for proof in proofs] == [
        "[not_listed] 20 purchases there, not this one",
        "[provider_screen] checked by phone",
    ]


def test_disabled_actions_name_the_people_who_have_the_right(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """For an auditor, the buttons to re-fetch and to buy are disabled, and the reasons name the people or the role
    with the right. The service refuses the purchase, too."""
    record = buy_without_pdf(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person = window_desks.switch_person(person, "aud-e")
    page = open_record(person, record.id)
    button = page.action_bar.find_button("refetch")
    assert button is not None
    person.wait_until(lambda: not button.isEnabled())
    assert "op-a" in button.reason
    assert "lead-b" in button.reason
    person.press("F")
    person.wait_until_read()
    assert not person.window.findChildren(DialogFrame)

    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    lookup = person.wait_for_page(LookupPage)
    person.wait_until(lambda: lookup.company_panel.current_record is not None)
    assert not lookup.company_panel.buy_button.isEnabled()
    assert "operator" in lookup.company_panel.buy_button.reason
    with pytest.raises(ConsoleError, match="not_allowed"), window_desks.open_acting_desk("aud-e") as auditor:
        auditor.credit_checks.purchase(PurchaseRequest(OTHER_CORPORATION_NUMBER, "1"))


def test_a_probe_without_a_change_reports_its_finding(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A probe of a bought credit check that changes nothing shows a toast. A probe of an unknown purchase that finds
    nothing says in a bar that it is still unknown.
    """
    bought, unknown = (
        buy_check(console, CORPORATION_NUMBER),
        buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER),
    )
    person = open_window()
    page = open_record(person, bought.id)
    person.press("P")
    person.wait_until(lambda: len(person.frame.toasts.visible_toasts) == 1)
    page = open_record(person, unknown.id)
    person.press("P")
    person.wait_until(lambda: any("still unknown" in words for words in read_bars(page)))
    assert sandbox.control.count_charges() == 2


def test_the_later_purchase_is_opened_from_the_failed_one(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The next step of a failed purchase names the later purchase of the same company, and its button opens the later
    purchase.
    """
    sandbox.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    with pytest.raises(ConsoleError) as caught:
        buy_check(console, CORPORATION_NUMBER)
    failed, later = caught.value.detail["record"], buy_check(console, CORPORATION_NUMBER)
    assert isinstance(failed, CreditCheck)
    person = open_window()
    page = open_record(person, failed.id)
    assert page.details is not None
    assert (page.details.explanation.next_step.code, page.details.explanation.next_step.action) == (
        "next.bought_since",
        "successor",
    )
    page.run_action_on_record("successor")
    person.wait_until(lambda: person.wait_for_page(CreditCheckPage).details is not None)
    person.wait_until(lambda: read_shown_id(person) == later.id)


def read_shown_id(person: Person) -> int | None:
    view = person.wait_for_page(CreditCheckPage).details
    return None if view is None else view.record.id


def test_previous_and_next_follow_the_list_that_opened_the_record(open_window: OpenWindow, console: Console) -> None:
    """The keys [ and ] open the previous and the next record of the list from which the record was opened; Esc leads
    back to the list.
    """
    ids = tuple(buy_check(console, number).id for number in CORPORATION_NUMBERS[:3])
    person = open_window()
    person.frame.show_route(QueuesRoute("error"))
    page = open_record(person, ids[1], ids)
    person.press("]")
    person.wait_until(lambda: page.details is not None and page.details.record.id == ids[2])
    person.press("]")
    assert page.route.id == ids[2]
    person.press("[", times=2)
    person.wait_until(lambda: page.details is not None and page.details.record.id == ids[0])
    person.press("Esc")
    person.wait_for_page(QueuesPage)


@pytest.mark.parametrize(
    ("list_route", "page_class"),
    [(QueuesRoute("unknown"), QueuesPage), (HomeRoute(), HomePage)],
    ids=["queue", "home"],
)
def test_going_back_from_a_later_record_makes_its_row_current(
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    list_route: QueuesRoute | HomeRoute,
    page_class: type[QueuesPage | HomePage],
) -> None:
    """After Enter on a row and the key ] for the next records, Esc returns to the list with the row of the last shown
    record as the current row.
    """
    ids = {buy_with_unknown_outcome(console, sandbox, number).id for number in CORPORATION_NUMBERS[:3]}
    person = open_window()
    person.frame.show_route(list_route)
    table = person.wait_for_page(page_class).table
    person.wait_until(lambda: table.rows.rowCount() >= len(ids) and read_current_id(table) in ids)
    first_id = read_current_id(table)
    table.setFocus()
    person.press("Return")
    page = person.wait_for_page(CreditCheckPage)
    person.press("]", times=2)
    person.wait_until(lambda: page.details is not None and page.details.record.id == page.route.id)
    assert page.route.id in ids - {first_id}
    person.press("Esc")
    assert read_current_id(table) == page.route.id
    person.wait_until_read()
    assert read_current_id(table) == page.route.id


def read_current_id(table: FittedTable) -> int | None:
    """Return the id of the record in the current row of the list; None if no row is current."""
    row = table.current_item
    item = row.item if isinstance(row, QueueRow) else row
    return item.record.id if isinstance(item, QueueItem) else None


def test_numbers_and_codes_are_copied_whole(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """The numbers of a payment and the code of its gateway each have a button that copies the complete text."""
    payment = import_paid_payment(console, sandbox, "ORD-1")
    person = open_window()
    person.frame.show_route(PaymentRoute(payment.id))
    payment_page = person.wait_for_page(PaymentPage)
    on_page = {payment.provider_payment_id, payment.merchant_payment_id, "COMPLETED"}
    person.wait_until(lambda: on_page <= read_copied_texts(payment_page))


def read_copied_texts(page: Page) -> set[str]:
    """Return the texts that the visible copy buttons put into the clipboard."""
    texts = set()
    for one in page.findChildren(CopyableId):
        if one.isVisible():
            one.copy_id()
            texts.add(QGuiApplication.clipboard().text())
    return texts


def test_new_arrivals_move_no_row(open_window: OpenWindow, console: Console, sandbox: Sandbox) -> None:
    """Records that arrive in a shown queue are not inserted: a button shows their number and inserts them. Until then
    no row moves, and the current row stays the same.
    """
    first = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    late = buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER)
    person.wait_until(page.new_arrivals.button.isVisible)
    assert page.row_model.row_count == 1
    assert page.new_arrivals.button.text() == "Show 1 new record"
    person.wait_for_control("Show 1 new record").press()
    person.wait_until(lambda: page.row_model.row_count == 2)
    assert page.current_row is not None
    assert page.current_row.record.id == first.id
    assert page.row_model.find_row(("credit-check", late.id)) is not None


def test_a_filtered_list_does_not_announce_records_outside_its_filter(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """When a person searches in the queue, the button about new records of the unfiltered queue disappears."""
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    buy_with_unknown_outcome(console, sandbox, OTHER_CORPORATION_NUMBER)
    person.wait_until(page.new_arrivals.button.isVisible)
    page.filter.edit.setText("no such company")
    page.filter.changed.emit()
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 0)
    assert page.new_arrivals.button.isHidden()


def test_a_row_settled_by_another_desk_is_marked_and_keeps_its_place(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A row whose record has left the queue keeps its place until the list is read again. The row, the line with its
    position and the preview say that the record has left the queue."""
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    with window_desks.open_acting_desk("lead-b") as lead:
        proof = "seen on their screen"
        lead.recovery.resolve(
            "credit-check", record.id, "success", proof, read_provider_id(sandbox, CORPORATION_NUMBER)
        )
    place = page.row_model.find_row(("credit-check", record.id))
    assert place is not None
    person.wait_until(lambda: page.table.get_row_tone(place) == "care")
    spoken = page.row_model.format_spoken_text(page.row_model.get_item(place))
    assert spoken.endswith(", no longer in this list")
    assert "1 no longer in this list" in page.hint_bar.status_label.plain
    assert page.preview.removed_bar.isVisibleTo(page.preview)
    person.press("F5")
    person.wait_until(lambda: page.row_model.row_count == 0)
    assert "no longer" not in page.hint_bar.status_label.plain


def test_a_probed_row_that_leaves_the_queue_keeps_its_place(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """After a probe that settles the record of the current row, this row stays the current one, with the mark of
    removed rows: a key that the person presses at this moment, such as T, doesn't act on the next record."""
    orders = [insert_order(window_desks, f"ORD-{number}", 3_300) for number in (1, 2)]
    payment, other = (console.payments.start(order, "paypay").payment for order in orders)
    sandbox.control.payments_control.change_payment_state("paypay", payment.merchant_payment_id, "paid")
    person = open_window()
    person.frame.show_route(QueuesRoute("pending"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.find_row(("payment", other.id)) is not None)
    page.go_to_record(("payment", payment.id))
    person.press("P")
    person.wait_until(lambda: ("payment", payment.id) in page.row_model.removed_keys)
    assert page.current_row is not None
    assert make_record_ref(page.current_row.record) == ("payment", payment.id)
    assert page.preview.removed_bar.isVisibleTo(page.preview)


def test_rows_beyond_the_first_part_of_a_queue_are_marked(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The window compares its rows first with a limited number of records of the queue, then with the rest. Only the
    row whose record has left the queue is marked, also if the queue has more records than that number."""
    monkeypatch.setattr(new_arrivals, "MAX_COMPARED_QUEUE_ITEMS", 1)
    records = [buy_with_unknown_outcome(console, sandbox, number) for number in CORPORATION_NUMBERS[:3]]
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.row_count == 3)
    with window_desks.open_acting_desk("lead-b") as lead:
        proof, number = "seen on their screen", read_provider_id(sandbox, CORPORATION_NUMBERS[1])
        lead.recovery.resolve("credit-check", records[1].id, "success", proof, number)
    person.wait_until(lambda: bool(page.row_model.removed_keys))
    assert page.row_model.removed_keys == {("credit-check", records[1].id)}
    assert page.new_arrivals.button.isHidden()


def test_only_the_purchase_of_an_unbought_check_has_the_key_b(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If the page of a credit check that was not bought offers a purchase, the bar shows no second button with the
    key B, and the key opens the purchase.
    """
    sandbox.control.add_fault("status:422", call="purchase", number=CORPORATION_NUMBER)
    with pytest.raises(ConsoleError):
        buy_check(console, CORPORATION_NUMBER)
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    person = open_window()
    page = open_record(person, record.id)
    buttons = [button for button in page.findChildren(KeyButton) if button.isVisible() and button.key == "B"]
    assert [button.property("act") for button in buttons] == ["purchase"]
    person.press("B")
    person.wait_until(lambda: any(dialog.isVisible() for dialog in person.window.findChildren(PurchaseDialog)))


def test_letter_keys_type_letters_in_a_field(open_window: OpenWindow, console: Console) -> None:
    """The keys B, P and F start actions in a list; in a text field they type letters."""
    buy_check(console, CORPORATION_NUMBER)
    person = open_window()
    person.frame.show_route(LookupRoute(CORPORATION_NUMBER))
    page = person.wait_for_page(LookupPage)
    person.wait_until(lambda: page.company_panel.current_record is not None)
    person.press("Ctrl+F")
    person.type_in("bpf")
    assert page.number_field.text == "bpf"
    person.wait_until_read()
    assert not person.window.findChildren(DialogFrame)
