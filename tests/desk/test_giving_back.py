"""Giving back and handing over the take of a record; the message of a search without a result; and the messages about
written files.
"""

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from console.app import Console
from console.domain.payments.records import Payment
from console.domain.service_results import OperationDetails
from console.sandbox.server import Sandbox
from console.views.app.announcements_dialog import open_announcements_dialog
from console.views.audit.page import AuditPage
from console.views.left_open.unfinished_dialog import UnfinishedWorkDialog, open_unfinished_work_dialog
from console.views.lookup.page import LookupPage
from console.views.queues.cause_groups import CauseRow
from console.views.queues.page import QueuesPage
from console.views.queues.rows import QueueRow
from console.views.records.note_dialog import HandOverDialog
from console.views.runtime.context import Toast
from console.views.runtime.routes import AuditRoute, LookupRoute, QueuesRoute
from console.views.tables.paged_model import ROWS_PER_PAGE
from console.views.widgets.base import TextLabel
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.notification_bars import ToastFrame
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_refunds import open_payment, payment
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person, save_as
from tests.support.bulk_stage import insert_unknown_checks, make_corporation_numbers

__all__ = ["payment"]


def list_takers(console: Console) -> list[str]:
    return [take.person for take in console.recovery.list_takes()]


def test_a_take_is_given_up_by_key_and_button(open_window: OpenWindow, console: Console, payment: Payment) -> None:
    person = open_window()
    page = open_payment(person, payment)

    def press_key() -> None:
        person.press("Shift+T")

    def press_button() -> None:
        person.wait_for_control("Give back", page).press()

    for give_back in (press_key, press_button):
        person.press("T")
        person.wait_until(lambda: list_takers(console) == ["op-a"])
        person.wait_until(lambda: page.details is not None and page.details.taken is not None)
        give_back()
        person.wait_until(lambda: list_takers(console) == [])
        person.wait_until(lambda: "taken" not in page.list_bar_names())
    whats = [entry.what for entry in console.recovery.read_record("payment", payment.id).timeline]
    assert len([what for what in whats if what.endswith("given_up")]) == 2


def test_a_take_of_another_person_cannot_be_given_up(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    with window_desks.open_acting_desk("lead-b") as desk:
        desk.recovery.take("payment", payment.id)
    person = open_window()
    open_payment(person, payment)
    person.press("Shift+T")
    person.wait_until_read()
    assert list_takers(window_desks.console) == ["lead-b"]
    dialog: UnfinishedWorkDialog = open_unfinished_work_dialog(person.frame)
    dialog.show_tab("held")
    person.wait_until(lambda: dialog.leases_and_takes_table.current_item is not None)
    assert not dialog.own_takes.give_back_button.isEnabled()
    assert dialog.own_takes.give_back_button.reason


def test_the_unfinished_work_dialog_gives_a_take_back(
    open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    person = open_window()
    open_payment(person, payment)
    person.press("T")
    person.wait_until(lambda: list_takers(console) == ["op-a"])
    dialog = open_unfinished_work_dialog(person.frame)
    dialog.show_tab("held")
    person.wait_until(dialog.own_takes.give_back_button.isEnabled)
    person.wait_until(dialog.main_button.isEnabled)
    dialog.own_takes.give_back_button.click()
    person.wait_until(lambda: list_takers(console) == [])


def test_the_current_record_of_a_queue_is_given_back_by_key(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    buy_with_unknown_outcome(console, sandbox, "1180301018771")
    person = open_window()
    person.opening.context.navigate(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    person.press("T")
    person.wait_until(lambda: list_takers(console) == ["op-a"])
    person.press("Shift+T")
    person.wait_until(lambda: list_takers(console) == [])


def test_a_record_is_handed_over_with_a_note(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, payment: Payment
) -> None:
    """H ends the person's take of a record and stores a note for the next person. Without a take, a message says so
    and nothing is stored.
    """
    person = open_window()
    page = open_payment(person, payment)
    person.press("H")
    assert "act" in page.list_bar_names()
    person.press("T")
    person.wait_until(lambda: page.details is not None and page.details.taken is not None)
    person.press("H")
    dialog = person.wait_for_dialog(HandOverDialog)
    person.type_in("waits for their call")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    person.wait_without_dialog()
    person.wait_until(lambda: list_takers(console) == [])
    view = console.recovery.read_record("payment", payment.id)
    assert not isinstance(view, OperationDetails)
    assert [(note.person, note.words) for note in view.notes] == [("op-a", "waits for their call")]
    whats = [entry.what for entry in view.timeline]
    assert [what for what in whats if what.startswith("record.")] == ["record.take", "record.given_up", "record.note"]
    with window_desks.open_acting_desk("op-a") as desk:
        assert not desk.recovery.hand_over("payment", payment.id, "again")
    assert len(console.recovery.read_record("payment", payment.id).notes) == 1  # type: ignore[union-attr]  # a payment


def test_a_selection_of_takes_is_given_back(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A button gives back the person's own takes of the selected records. If the person has taken none of them, a
    message says so."""
    for number in ("1180301018771", "4000012090001"):
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.opening.context.navigate(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    person.press("Ctrl+A")
    button = page.selection.bar.give_back_button
    button.click()
    person.wait_until(lambda: "act" in page.list_bar_names())
    person.press("Ctrl+D")
    person.press("T")
    person.wait_until(lambda: list_takers(console) == ["op-a"])
    page.row_model.read_rows_again()
    person.wait_until_read()
    person.press("Ctrl+A")
    person.wait_until(button.isEnabled)
    button.click()
    person.wait_until(lambda: list_takers(console) == [])


@pytest.mark.embedded("the rows are inserted at the person's desk")
def test_a_selection_of_all_records_gives_back_takes_of_unread_rows(
    open_window: OpenWindow, console: Console
) -> None:
    """Of a selection of all matching records, the person's own takes end also if the rows of their records are not
    read yet.
    """
    checks = insert_unknown_checks(console, make_corporation_numbers(ROWS_PER_PAGE + 5))
    person = open_window()
    person.opening.context.navigate(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    loaded = [row.item.record.id for row in page.row_model.iterate_loaded_rows() if isinstance(row, QueueRow)]
    assert len(loaded) == ROWS_PER_PAGE
    (unread_id, *_) = {check.id for check in checks} - set(loaded)
    for id in (loaded[3], unread_id):
        console.recovery.take("credit-check", id)
    person.press("Ctrl+A")
    person.wait_until(page.selection.bar.give_back_button.isEnabled)
    person.press("Shift+T")
    person.wait_until(lambda: list_takers(console) == [])


@pytest.mark.embedded("the rows are inserted at the person's desk")
def test_a_selected_group_is_given_back_and_exported(
    open_window: OpenWindow, console: Console, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Only the heading row of a group is selected, and another record is current. The person's takes in the group
    end, and the export contains the records of the group. The take of the other record stays.
    """
    grouped = insert_unknown_checks(console, make_corporation_numbers(3))
    other = buy_with_unknown_outcome(console, sandbox, "1180301018771")
    person = open_window()
    person.opening.context.change_language("en")
    person.opening.context.navigate(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.current_row is not None)
    for id in (grouped[0].id, grouped[2].id, other.id):
        console.recovery.take("credit-check", id)
    person.press("G")

    def list_groups() -> list[CauseRow]:
        return [row for row in page.row_model.iterate_loaded_rows() if isinstance(row, CauseRow)]

    person.wait_until(lambda: sorted(row.group.count for row in list_groups()) == [1, 3])
    (group,) = [row for row in list_groups() if row.group.count == 3]
    page.row_model.select_only([group.key])
    page.selection.update_bar()
    save_as(person, tmp_path / "group.csv")
    person.wait_until(lambda: (tmp_path / "group.csv").exists() and not page.exporter.is_running)
    with (tmp_path / "group.csv").open(encoding="utf-8-sig", newline="") as file:
        exported = [row["Record"] for row in csv.DictReader(file)]
    assert sorted(exported) == sorted(f"Credit check {check.id}" for check in grouped)

    person.press("Shift+T")
    person.wait_until(lambda: len(list_takers(console)) < 3)
    person.wait_until_read()
    assert [take.subject_id for take in console.recovery.list_takes()] == [other.id]


def get_empty_state(page: LookupPage) -> EmptyState:
    state = page.result_stack.currentWidget()
    assert isinstance(state, EmptyState)
    return state


@pytest.mark.parametrize("text", ["Yamada Trading", "12,000", "ORD-NO-SUCH", "さくら商事"])
def test_a_lookup_without_a_result_names_the_searched_text(open_window: OpenWindow, text: str) -> None:
    person = open_window()
    person.opening.context.navigate(LookupRoute(text))
    page = person.wait_for_page(LookupPage)
    person.wait_until(lambda: isinstance(page.result_stack.currentWidget(), EmptyState))
    state = get_empty_state(page)
    words = " ".join(label.plain for label in state.findChildren(TextLabel))
    assert text in words
    assert "customers" in words
    assert page.list_bar_names() == ()


def test_a_search_without_matches_names_the_searched_data(open_window: OpenWindow) -> None:
    person = open_window()
    person.press("Ctrl+K")
    palette = person.opening.controller.command_palette  # type: ignore[union-attr]  # it is open
    person.type_in("Yamada Trading 7")
    person.wait_until(lambda: palette._searched_text == "Yamada Trading 7")
    model = palette.search_box.list.model()
    titles = [str(model.data(model.index(row, 0))) for row in range(model.rowCount())]
    assert any("No records match" in title for title in titles)
    assert any("searched: payments" in title for title in titles)


def test_the_path_of_a_written_pack_can_be_copied_and_opened(
    open_window: OpenWindow, payment: Payment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message about a written evidence pack has buttons that copy its path and open its folder. After the message
    is closed, the path can still be copied in the list of messages.
    """
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    person = open_window("aud-e")
    page = open_payment(person, payment)
    path = tmp_path / "pack.zip"
    page.evidence.write_pack("payment", payment.id, payment.merchant_payment_id, path)
    person.wait_until(lambda: bool(select_file_toasts(person.frame.toasts.visible_toasts)))
    (toast,) = select_file_toasts(person.frame.toasts.visible_toasts)
    assert Path(toast.path) == path
    person.wait_for_control("Copy path", toast).press()
    person.wait_until(lambda: QGuiApplication.clipboard().text() == str(path))
    person.wait_for_control("Open folder", toast).press()
    person.wait_until(lambda: opened == [QUrl.fromLocalFile(str(tmp_path))])
    toast.closed.emit()
    assert press_file_button_and_read_clipboard(person, "Copy path") == str(path)


def press_file_button_and_read_clipboard(person: Person, button: str) -> str:
    """Press this button at the newest message that names a file, in the list of messages. Return the text that is in
    the clipboard afterwards.
    """
    dialog = open_announcements_dialog(person.frame)
    dialog.table.go_to_row(next(row for row, notice in enumerate(dialog.table.all_rows) if notice.path))
    QGuiApplication.clipboard().clear()
    person.wait_until(dialog.file_buttons.isVisible)
    person.wait_for_control(button, dialog).press()
    person.wait_until(lambda: bool(QGuiApplication.clipboard().text()))
    copied = QGuiApplication.clipboard().text()
    dialog.reject()
    return copied


def test_exported_files_are_in_the_list_of_messages(
    open_window: OpenWindow, tmp_path: Path, payment: Payment
) -> None:
    """The messages about the exported audit trail and the exported results of a bulk run have buttons that open or
    copy the path of the file. A message without a file has no such buttons.
    """
    person = open_window("aud-e")
    person.frame.show_route(AuditRoute())
    person.wait_for_page(AuditPage).exporter.export_list_to(str(tmp_path / "trail.csv"))
    person.wait_until(lambda: bool(select_file_toasts(person.frame.toasts.visible_toasts)))
    assert press_file_button_and_read_clipboard(person, "Copy path") == str(tmp_path / "trail.csv")
    context = person.opening.context
    context.toast_requested.emit(
        Toast("20 rows", str(tmp_path / "run.csv"), path=str(tmp_path / "run.csv"), subject_title="")
    )
    assert press_file_button_and_read_clipboard(person, "Copy path") == str(tmp_path / "run.csv")
    context.show_toast("nothing written", subject_title="")
    dialog = open_announcements_dialog(person.frame)
    dialog.table.go_to_row(0)
    assert not dialog.file_buttons.isVisible()
    dialog.reject()


def select_file_toasts(shown: tuple[ToastFrame, ...]) -> list[ToastFrame]:
    return [toast for toast in shown if toast.path]


def test_the_list_of_left_open_records_gives_them_back(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox, payment: Payment
) -> None:
    """A key opens the list of the records that the person has left open; there they can be given back or handed over.
    Before the window closes, it asks about them once.
    """
    check = buy_with_unknown_outcome(console, sandbox, "1180301018771")
    with window_desks.open_acting_desk("op-a") as desk:
        desk.recovery.take("payment", payment.id)
        desk.recovery.take("credit-check", check.id)
    person = open_window()
    person.press("Ctrl+Shift+O")
    dialog = person.wait_for_dialog(UnfinishedWorkDialog)
    rows = dialog.own_items_table
    person.wait_until(lambda: [item.reason.value for item in rows.all_rows] == ["taken", "taken", "operation"])
    column = next(number for number, column in enumerate(rows.rows.columns) if column.key == "number")
    assert rows.rows.data(rows.rows.index(2, column), Qt.ItemDataRole.DisplayRole) == "1 1803 0101 8771"
    rows.go_to_row(2)
    assert not dialog.own_takes.give_back_button.isEnabled()
    rows.go_to_row(next(row for row, item in enumerate(rows.all_rows) if item.kind == "payment"))
    person.wait_until(dialog.own_takes.give_back_button.isEnabled)
    dialog.own_takes.give_back_button.click()
    person.wait_until(lambda: [item.reason.value for item in rows.all_rows] == ["taken", "operation"])
    person.wait_until(
        lambda: getattr(rows.rows.get_item(0), "kind", "") == "credit-check"
    )  # the table shows new rows a moment later
    rows.go_to_row(0)
    person.wait_until(dialog.own_takes.hand_over_button.isEnabled)
    dialog.own_takes.hand_over_button.click()
    handing = person.wait_for_dialog(HandOverDialog)
    person.wait_until(handing.note_field.edit.hasFocus)  # before that, H goes to the list and opens a second dialog
    person.type_in("charged, no answer")
    person.wait_until(handing.main_button.isEnabled)
    handing.main_button.click()
    person.wait_until(lambda: [item.reason.value for item in rows.all_rows] == ["operation"])
    assert list_takers(console) == []
    dialog.reject()
    person.wait_without_dialog()

    person.window.close()
    asking = person.wait_for_dialog(UnfinishedWorkDialog)
    assert person.window.isVisible()
    person.wait_until(lambda: asking.own_items_table.current_item is not None)
    person.wait_until(asking.main_button.isEnabled)
    asking.reject()
    person.wait_without_dialog()
    assert person.window.isVisible()

    with window_desks.open_acting_desk("op-a") as desk:  # the person goes on working
        desk.recovery.take("credit-check", check.id)
    person.window.close()
    asking = person.wait_for_dialog(UnfinishedWorkDialog)
    person.wait_until(
        lambda: [item.reason.value for item in asking.own_items_table.all_rows] == ["taken", "operation"]
    )
    asking.reject()
    person.wait_without_dialog()
    person.window.close()  # the list has shown all of it
    person.wait_until(lambda: not person.window.isVisible())


def test_a_window_without_unfinished_work_closes_without_a_question(open_window: OpenWindow) -> None:
    person = open_window()
    person.window.close()
    person.wait_until(lambda: not person.window.isVisible())
    assert person.window.findChildren(UnfinishedWorkDialog) == []


def test_the_unfinished_work_dialog_lets_the_window_close(
    window_desks: WindowTestDesks, open_window: OpenWindow, payment: Payment
) -> None:
    with window_desks.open_acting_desk("op-a") as desk:
        desk.recovery.take("payment", payment.id)
    person = open_window()
    person.window.close()
    asking = person.wait_for_dialog(UnfinishedWorkDialog)
    assert asking.leave_button is not None
    asking.leave_button.click()
    person.wait_until(lambda: not person.window.isVisible())
