"""How many keys the daily tasks take, with the keys that a person presses; typed text isn't counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from console.domain.clock import SystemClock
from console.domain.payments.records import Payment
from console.services.alerts.evaluate import AlertRules
from console.services.process.context import WORKER, act_as
from console.views.alerts.page import AlertsPage
from console.views.app.shortcuts_dialog import open_shortcuts_dialog
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.payment_page import PaymentPage
from console.views.pages.base import Page
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.page import QueuesPage
from console.views.records import evidence_actions
from console.views.records.note_dialog import NoteDialog
from console.views.records.page import RecordPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.refunds.decision_dialog import ApproveDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import HomeRoute, PaymentRoute, QueuesRoute, RecordRoute
from console.views.widgets.badge import KeyCap
from tests.desk.hands import Person
from tests.support.furnished import Furnished, furnished


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    with furnished(tmp_path_factory.mktemp("keystrokes") / "desk", LANGUAGE="en") as made:
        yield made


class CountingPerson(Person):
    """A person whose keys are counted."""

    keys = 0

    def press(self, keys: str, times: int = 1) -> None:
        self.keys += times
        super().press(keys, times)


@pytest.fixture
def person(qtbot: QtBot, desk: Furnished) -> Iterator[CountingPerson]:
    someone = CountingPerson(qtbot, desk.console, desk.console.settings, SystemClock())
    yield someone
    someone.opening.context.change_operator("op-a")
    someone.close()


def at_payment(person: Person, id: int) -> PaymentPage:
    person.frame.show_route(PaymentRoute(id))
    page = person.page(PaymentPage)
    person.until(lambda: page.view is not None and page.view.record.id == id)
    person.rest()
    return page


def at_check(person: Person, id: int) -> CreditCheckPage:
    person.frame.show_route(RecordRoute(id))
    page = person.page(CreditCheckPage)
    person.until(lambda: page.view is not None and page.view.record.id == id)
    person.rest()
    return page


def test_was_it_paid(person: CountingPerson, desk: Furnished) -> None:
    """Ctrl+K, the order's number, Enter: its payment is open. Three or four."""
    payment = desk.paid("complete")[-1]
    number = desk.console.payments.read_payment(payment.id).record.merchant_payment_id
    assert person.opening.controller is not None
    finder = person.opening.controller.command_palette
    person.press("Ctrl+K")
    person.until(lambda: finder.box.is_open)
    person.type_in(number)
    person.until(lambda: any(isinstance(match, Payment) for match in finder._matches))
    person.rest()
    person.press("Enter")
    page = person.page(PaymentPage)
    person.until(lambda: page.view is not None and page.view.record.id == payment.id)
    assert person.keys + 1 <= 4  # and the paste


def test_a_record_of_a_queue(person: CountingPerson) -> None:
    """Down, Enter, P, Esc: four, and the same row has the focus again."""
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.page(QueuesPage)
    person.until(lambda: page.table.current_item is not None)
    person.press("Down")
    row = page.table.current_row
    person.press("Enter")
    record = person.page(RecordPage)
    person.until(lambda: record.view is not None)
    person.press("P")
    person.rest()
    person.press("Esc")
    assert person.page(QueuesPage).table.current_row == row
    assert person.window.focusWidget() is page.table
    assert person.keys <= 4


def test_a_re_fetch(person: CountingPerson, desk: Furnished) -> None:
    """F, Tab, Enter: three."""
    at_check(person, next(one for one in desk.of("incomplete") if one.missing_parts == ("pdf",)).id)
    person.press("F")
    dialog = person.dialog(RefetchDialog)
    assert QApplication.focusWidget() is dialog.cancel_button
    person.until(dialog.act_button.isEnabled)
    person.press("Tab")
    person.press("Enter")
    person.until(lambda: not dialog.cancel_button.isVisible() or (dialog.windowTitle() != "" and not dialog.is_busy))
    assert dialog.act_button.text() != "Re-fetch", "it has ended"
    assert person.keys <= 3


@pytest.mark.parametrize(("choose", "evidence"), [(("Space",), "12345"), (("Down", "Down"), "not on their list")])
def test_resolving(person: CountingPerson, desk: Furnished, choose: tuple[str, ...], evidence: str) -> None:
    """E, the evidence, its words, the act: the only result that the evidence carries is chosen. Six."""
    at_check(person, desk.of("unknown")[2].id)
    person.press("E")
    dialog = person.dialog(ResolveDialog)
    for key in choose:
        person.press(key)
    person.press("Tab")
    person.type_in(evidence)
    person.until(dialog.act_button.isEnabled)
    assert dialog.form.outcome in ("success", "error")
    person.press("Tab")
    assert QApplication.focusWidget() is dialog.act_button
    person.press("Enter")
    assert dialog.is_busy or dialog.act_button.text() == "Open record"
    person.until(lambda: not dialog.is_busy)
    assert person.keys <= 6


def test_a_refund(person: CountingPerson, desk: Furnished) -> None:
    """R, Tab, the reason, on to the review, Tab, the act: six; the gateway was asked by the form itself."""
    at_payment(person, desk.paid("complete")[-2].id)
    person.press("R")
    dialog = person.dialog(RefundDialog)
    assert QApplication.focusWidget() is dialog.form.amount_edit
    person.until(lambda: not dialog.is_answer_old)
    person.press("Tab")
    person.press("Down")
    person.rest()
    person.until(dialog.act_button.isEnabled)
    person.press("Ctrl+Return")
    assert dialog.review is not None
    assert QApplication.focusWidget() is dialog.cancel_button, "Enter cancels where it would act"
    person.press("Tab")
    person.press("Enter")
    person.until(lambda: dialog.windowTitle().startswith("Refund R-"))
    assert person.keys <= 6


def test_an_approval(person: CountingPerson) -> None:
    """Alt+4, Space to read on, A, Tab, Enter: five, beside the arrows to the request and the password."""
    person.opening.context.change_operator("lead-b")
    person.frame.show_route(HomeRoute())
    person.rest()
    person.press("Alt+4")
    page = person.page(ApprovalsPage)
    person.until(lambda: page.shown_view is not None)
    person.rest()
    place = next(at for at, refund in enumerate(page.inbox.to_decide) if refund.checkers_needed == 1)
    person.press("Down", place)
    person.until(lambda: page.shown_view is not None)
    page.probe_payment()  # a fresh answer, as the worker would have read it
    person.rest()
    person.press("Space")
    person.until(page.approve.isEnabled)
    person.press("A")
    dialog = person.dialog(ApproveDialog)
    assert QApplication.focusWidget() is dialog.cancel_button
    person.until(dialog.act_button.isEnabled)
    person.press("Tab")
    person.press("Enter")
    person.until(lambda: dialog.windowTitle() == "Approved")
    assert person.keys <= 5 + place


def test_an_acknowledgement(person: CountingPerson, desk: Furnished) -> None:
    """Alt+6, A: two; A again takes it back. No word is needed."""
    with act_as(WORKER):
        AlertRules(desk.console._context).run()
    person.press("Alt+6")
    page = person.page(AlertsPage)
    person.until(lambda: page.current is not None)
    assert page.acknowledge_button.isVisible()
    person.press("A")
    person.until(lambda: page.current is not None and page.current.is_acknowledged)
    assert person.keys <= 2
    person.until(lambda: page.acknowledge_button.isEnabled())
    person.press("A")
    person.until(lambda: page.current is not None and not page.current.is_acknowledged)


def test_a_note(person: CountingPerson, desk: Furnished) -> None:
    """N, the words, Ctrl+Enter: two, as for a row of the reconciliation."""
    payment = desk.paid("complete")[-3]
    at_payment(person, payment.id)
    person.press("N")
    dialog = person.dialog(NoteDialog)
    person.type_in("asked the shop")
    person.until(dialog.act_button.isEnabled)
    person.press("Ctrl+Return")
    person.no_dialog()
    assert [note.words for note in desk.console.payments.read_payment(payment.id).notes] == ["asked the shop"]
    assert person.keys <= 2


def test_an_evidence_pack(
    person: CountingPerson, desk: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+K, the number, Enter, Ctrl+Shift+E: three, beside the name of the file."""
    person.opening.context.change_operator("aud-e")
    person.rest()
    payment = desk.paid("complete")[-1]
    number = desk.console.payments.read_payment(payment.id).record.merchant_payment_id
    path = tmp_path / "pack.zip"
    monkeypatch.setattr(
        evidence_actions, "ask_for_path", lambda _page, _title, _suffix, write, _name: write(str(path))
    )
    person.press("Ctrl+K")
    person.type_in(number)
    assert person.opening.controller is not None
    finder = person.opening.controller.command_palette
    person.until(lambda: any(isinstance(match, Payment) for match in finder._matches))
    person.rest()
    person.press("Enter")
    page = person.page(PaymentPage)
    person.until(lambda: page.view is not None and page.view.record.id == payment.id)
    person.rest()
    person.press("Ctrl+Shift+E")
    person.until(path.exists)
    person.rest()
    assert person.keys <= 3


def test_the_next_tab(person: CountingPerson) -> None:
    """Ctrl+Tab and back, round the ends; both stand in the list of keys."""
    person.frame.show_route(QueuesRoute("review"))
    page = person.page(QueuesPage)
    person.press("Ctrl+Tab")
    assert page.tabs.currentIndex() == 1
    person.press("Ctrl+Shift+Tab", 2)
    assert page.tabs.currentIndex() == page.tabs.count() - 1
    dialog = open_shortcuts_dialog(person.frame, None)
    assert {"Ctrl+Tab", "Ctrl+Shift+Tab"} <= {cap.accessibleName() for cap in dialog.findChildren(KeyCap)}
    dialog.reject()
    assert isinstance(page, Page)
