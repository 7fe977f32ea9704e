"""Counts the key presses that the daily tasks need, without those of typed text.

The tasks by person: the operator finds out whether a payment was paid, works on a record of a queue, re-fetches, and
requests a refund. The lead approves and resolves, the finance person works on a difference, and the auditor exports
an evidence pack. The administrator changes a limit, and the newcomer searches for the first time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QGridLayout
from pytestqt.qtbot import QtBot

from console.demo import reconciliation as demo_reconciliation
from console.domain.access.permissions import ADMIN
from console.domain.clock import SystemClock
from console.domain.payments.limits import Limit
from console.domain.payments.records import Payment
from console.domain.records import Person as Operator
from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.views.admin.limit_dialog import LimitDialog
from console.views.admin.page import AdminPage
from console.views.alerts.page import AlertsPage
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.help.shortcuts_dialog import open_shortcuts_dialog
from console.views.money.payment_page import PaymentPage
from console.views.purchase.refetch_dialog import RefetchDialog
from console.views.queues.companies_page import ChangedCompaniesPage
from console.views.queues.page import QueuesPage
from console.views.reconciliation.page import ReconcilePage
from console.views.records import evidence_actions
from console.views.records.note_dialog import NoteDialog
from console.views.records.page import RecordPage
from console.views.records.resolve_dialog import ResolveDialog
from console.views.refunds.decision_dialog import ApproveDialog
from console.views.refunds.request_dialog import RefundDialog
from console.views.runtime.routes import CreditCheckRoute, HomeRoute, PaymentRoute, QueuesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.display.badge import KeyCap
from console.wording.sentences import catalogue as wording
from tests.desk.window_person import Person
from tests.support.announcements import collect_announcements
from tests.support.sample_desk import SampleDesk, open_sample_desk

ADMINISTRATORS = ("adm-f", "adm-g")
pytestmark = pytest.mark.nightly(
    "test_keys_act_on_focus.py and test_whole_job.py use the keys; here they are counted"
)


@pytest.fixture(scope="module", params=wording.LANGUAGES)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    with open_sample_desk(tmp_path_factory.mktemp("keystrokes") / "desk", LANGUAGE=request.param) as made:
        for name in ADMINISTRATORS:
            made.console.people.add_person(Operator(name, frozenset({ADMIN}), may_buy=False))
        yield made


class CountingPerson(Person):
    """A simulated person at the window whose key presses are counted in `keys`."""

    keys = 0

    def press(self, keys: str, times: int = 1) -> None:
        self.keys += times
        super().press(keys, times)


@pytest.fixture
def person(qtbot: QtBot, desk: SampleDesk) -> Iterator[CountingPerson]:
    someone = CountingPerson(qtbot, desk.console, desk.console.settings, SystemClock())
    yield someone
    someone.opening.context.change_operator("op-a")
    someone.close()


def open_payment(person: Person, id: int) -> PaymentPage:
    person.frame.show_route(PaymentRoute(id))
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == id)
    person.wait_until_read()
    return page


def open_check(person: Person, id: int) -> CreditCheckPage:
    person.frame.show_route(CreditCheckRoute(id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == id)
    person.wait_until_read()
    return page


def test_a_payment_is_opened_by_its_number_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """A person opens a payment by its number in at most four steps: Ctrl+K, the pasted number, Enter."""
    payment = desk.list_payments("complete")[-1]
    number = desk.console.payments.read_payment(payment.id).record.merchant_payment_id
    assert person.opening.controller is not None
    finder = person.opening.controller.command_palette
    person.press("Ctrl+K")
    person.wait_until(lambda: finder.search_box.is_open)
    person.type_in(number)
    person.wait_until(lambda: any(isinstance(match, Payment) for match in finder._found_records))
    person.wait_until_read()
    person.press("Enter")
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    assert person.keys + 1 <= 4  # and the paste


def test_a_record_of_a_queue_is_probed_in_few_keys(person: CountingPerson) -> None:
    """A person probes a record of a queue with four keys: Down, Enter, P, Esc. Afterwards the same row has the
    focus.
    """
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.table.current_item is not None)
    person.press("Down")
    row = page.table.current_row
    person.press("Enter")
    record = person.wait_for_page(RecordPage)
    person.wait_until(lambda: record.details is not None)
    person.press("P")
    person.wait_until_read()
    person.press("Esc")
    assert person.wait_for_page(QueuesPage).table.current_row == row
    assert person.window.focusWidget() is page.table
    assert person.keys <= 4


def test_a_refetch_is_started_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """A re-fetch takes three keys: F, Tab, Enter."""
    open_check(person, next(one for one in desk.list_checks("incomplete") if one.missing_parts == ("pdf",)).id)
    person.press("F")
    dialog = person.wait_for_dialog(RefetchDialog)
    assert QApplication.focusWidget() is dialog.cancel_button
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Tab")
    person.press("Enter")
    person.wait_until(
        lambda: not dialog.cancel_button.isVisible() or (dialog.windowTitle() != "" and not dialog.is_busy)
    )
    act = person.opening.context.translate("dialog.refetch.act")
    assert dialog.main_button.text() != act, "it has ended"
    assert person.keys <= 3


@pytest.mark.parametrize("kind", ["number", "file", "text"])
def test_an_unknown_record_is_resolved_in_few_keys(
    person: CountingPerson, desk: SampleDesk, kind: str, tmp_path: Path
) -> None:
    """Resolving an outcome takes at most six steps: E, the evidence, its text, the text of the reason, Ctrl+Enter.
    The dialog selects the only possible result, announces it once, and preselects the code of the reason. If the
    evidence is a statement, its text is also the text of the reason.
    """
    screen = tmp_path / "screen.txt"
    screen.write_text("20 purchases, not this one")
    keys, evidence = {"number": ("Space", "12345"), "file": ("Down", str(screen)), "text": ("Down", "none here")}[
        kind
    ]
    open_check(person, desk.list_checks("unknown")[("number", "file", "text").index(kind)].id)
    person.press("E")
    dialog = person.wait_for_dialog(ResolveDialog)
    form = dialog.form
    person.press(keys, 2 if kind == "text" else 1)
    assert form.evidence_kind == kind
    person.press("Tab")
    with collect_announcements() as announcements:
        person.type_in(evidence)
    assert form.outcome == ("success" if kind == "number" else "error")
    outcome_text = form.outcome_buttons[form.outcome].text()
    sentence = person.opening.context.translate("dialog.resolve.only_outcome", state=outcome_text)
    assert [one.sentence for one in announcements].count(sentence) == 1
    assert form._preselection_note.isVisible()
    if kind != "text":
        person.press("Tab", 2 if kind == "file" else 1)
        assert QApplication.focusWidget() is form.reason_text_field.edit
        assert not dialog.main_button.isEnabled(), "the words are missing"
        person.press("Ctrl+Return")
        person.keys -= 1
        assert not dialog.is_busy
        person.type_in("seen on their list")
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    assert dialog.is_busy or dialog.main_button.text() == person.opening.context.translate("action.open_record")
    person.wait_until(lambda: not dialog.is_busy)
    assert person.keys <= 6


def test_a_preselected_reason_can_be_changed(person: CountingPerson, desk: SampleDesk) -> None:
    """If the person selects another kind of evidence, the dialog preselects another reason, until the person selects
    a reason. If several results are possible, the dialog preselects none. The code of the reason is at the left of
    its words, as in the form of a refund.
    """
    open_check(person, desk.list_checks("unknown")[3].id)
    person.press("E")
    form = person.wait_for_dialog(ResolveDialog).form
    assert form.reason_list.mapToGlobal(QPoint()).x() < form.reason_text_field.mapToGlobal(QPoint()).x()
    assert (form.reason_list.currentIndex(), form.outcome, form._preselection_note.isVisible()) == (-1, "", False)
    person.press("Space")
    assert (form.reason_list.currentData(), form.outcome) == ("provider_screen", "")
    person.press("Down", 2)
    assert (form.reason_list.currentData(), form.outcome) == ("provider_reply", "")
    person.press("Tab", 2)
    assert QApplication.focusWidget() is form.reason_list
    person.press("End")
    assert (form.reason_list.currentData(), form._preselection_note.isVisible()) == ("other", False)
    person.press("Shift+Tab", 2)
    person.press("Up")
    assert (form.evidence_kind, form.reason_list.currentData()) == ("file", "other")
    person.press("Esc")


def test_a_preselected_reason_can_be_selected(person: CountingPerson, desk: SampleDesk) -> None:
    """A preselected reason that the person has selected isn't replaced when the kind of evidence changes."""
    open_check(person, desk.list_checks("unknown")[4].id)
    person.press("E")
    form = person.wait_for_dialog(ResolveDialog).form
    person.press("Space")
    preselected = form.reason_list.currentIndex()
    assert (form.reason_list.itemData(preselected), form._preselection_note.isVisible()) == ("provider_screen", True)
    person.press("Down", 2)
    person.press("Tab", 2)
    assert QApplication.focusWidget() is form.reason_list
    person.press("Home")
    person.press("Down", form.reason_list.findData("provider_reply"))
    assert (form.reason_list.currentData(), form._preselection_note.isVisible()) == ("provider_reply", False)
    person.press("Shift+Tab", 2)
    person.press("Up")
    assert (form.evidence_kind, form.reason_list.currentData()) == ("file", "provider_reply")
    person.press("Esc")


def test_a_refund_is_requested_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """Requesting a refund takes six steps: R, Tab, the reason, the review, Tab, the button. The form probes the
    payment without a key press.
    """
    open_payment(person, desk.list_payments("complete")[-2].id)
    person.press("R")
    dialog = person.wait_for_dialog(RefundDialog)
    assert QApplication.focusWidget() is dialog.form.amount_edit
    person.wait_until(lambda: not dialog.is_answer_old)
    person.press("Tab")
    person.press("Down")
    person.wait_until_read()
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    assert dialog.review is not None
    assert QApplication.focusWidget() is dialog.cancel_button, "Enter cancels where it would act"
    person.press("Tab")
    person.press("Enter")
    person.wait_until(lambda: "R-" in dialog.windowTitle())  # the number of the new refund
    assert person.keys <= 6


def test_a_refund_is_approved_in_few_keys(person: CountingPerson) -> None:
    """Approving a refund takes five steps: Alt+4, Space to read on, A, Tab, Enter; the arrow keys to the request and
    the password aren't counted.
    """
    person.opening.context.change_operator("lead-b")
    person.frame.show_route(HomeRoute())
    person.wait_until_read()
    person.press("Alt+4")
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until(lambda: page.shown_details is not None)
    person.wait_until_read()
    place = next(at for at, refund in enumerate(page.inbox.refunds_to_decide) if refund.checkers_needed == 1)
    person.press("Down", place)
    person.wait_until(lambda: page.shown_details is not None)
    page.probe_payment()  # a fresh answer, as the worker would have read it
    person.wait_until_read()
    person.press("Space")
    person.wait_until(page.approve_button.isEnabled)
    person.press("A")
    dialog = person.wait_for_dialog(ApproveDialog)
    assert QApplication.focusWidget() is dialog.cancel_button
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Tab")
    person.press("Enter")
    person.wait_until(lambda: dialog.windowTitle() == person.opening.context.translate("dialog.approve.done"))
    assert person.keys <= 5 + place


def test_an_alert_is_acknowledged_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """Acknowledging an alert takes two keys, Alt+6 and A, and no text; Ctrl+Z undoes it."""
    with act_as(WORKER):
        AlertRuleEvaluator(desk.console._context).update_alerts()
    person.press("Alt+6")
    page = person.wait_for_page(AlertsPage)
    person.wait_until(lambda: page.current_incident is not None)
    assert page.acknowledge_button.isVisible()
    person.press("A")
    person.wait_until(lambda: page.current_incident is not None and page.current_incident.is_acknowledged)
    assert person.keys <= 2
    person.wait_until(lambda: page.undo_button.isVisible())
    person.press("Ctrl+Z")
    person.wait_until(lambda: page.current_incident is not None and not page.current_incident.is_acknowledged)


def test_a_note_is_written_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """A note takes two keys in addition to its text: N and Ctrl+Enter."""
    payment = desk.list_payments("complete")[-3]
    open_payment(person, payment.id)
    person.press("N")
    dialog = person.wait_for_dialog(NoteDialog)
    person.type_in("asked the shop")
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    person.wait_without_dialog()
    assert [note.words for note in desk.console.payments.read_payment(payment.id).notes] == ["asked the shop"]
    assert person.keys <= 2


def test_a_difference_is_opened_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """A person opens the reconciliation with Alt+5. Each difference then takes two keys: Down, and either N for a
    note or M for a match. The page answers M with a bar.
    """
    now = desk.console._context.now()
    demo_reconciliation.prepare_reconciliation_days(desk.console, desk.sandbox, 1, now, "op-a")
    person.press("Alt+5")
    page = person.wait_for_page(ReconcilePage)
    person.wait_until(lambda: page.current_difference is not None and page.table.hasFocus())
    first = page.current_difference
    person.press("Down")
    person.wait_until(lambda: page.current_difference not in (None, first))
    person.press("N")
    dialog = person.wait_for_dialog(NoteDialog)
    assert person.keys <= 3
    person.type_in("asked the gateway")
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Ctrl+Return")
    person.wait_without_dialog()
    person.wait_for_active_window()
    person.wait_until(page.table.hasFocus)  # the next row is one key away
    before = person.keys
    person.press("Up")
    person.press("M")
    person.wait_until_read()
    assert page.list_bar_names() != (), "nothing is silent"
    assert person.keys - before == 2


def test_a_limit_is_changed_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """Proposing a limit takes four steps: Alt+9, the limit (its tab, C), the value, the button (Tab, Enter). Another
    administrator confirms the proposal with the same steps, but without the value.
    """
    first, second = ADMINISTRATORS
    assert set_limit_as_administrators(person, desk, first, "700").proposed == 70_000
    result = set_limit_as_administrators(person, desk, second, "")
    assert (result.proposed, result.value) == (None, 70_000)


def set_limit_as_administrators(person: CountingPerson, desk: SampleDesk, name: str, value: str) -> Limit:
    """Let the administrator `name` propose `value` for the first limit by at most five keys, or, if `value` is "",
    confirm the value that another administrator has proposed. Return the limit as it is stored afterwards.
    """
    person.opening.context.change_operator(name)
    person.wait_until_read()
    person.keys = 0
    person.press("Alt+9")
    page = person.wait_for_page(AdminPage)
    person.wait_until_read()
    if page.content_stack.currentWidget() is not page.limit_table:  # the page keeps its tab
        person.press("Ctrl+Tab")
    person.wait_until(lambda: page.limit_table.current_item is not None)
    limit = page.limit_table.current_item
    assert isinstance(limit, Limit)
    person.press("C")
    dialog = person.wait_for_dialog(LimitDialog)
    assert QApplication.focusWidget() is dialog.value_field.edit
    person.type_in(value)
    person.wait_until(dialog.main_button.isEnabled)
    person.press("Tab")
    assert QApplication.focusWidget() is dialog.main_button
    person.press("Enter")
    person.wait_without_dialog()
    assert person.keys <= 5
    with desk.console.acting_as(name):
        limits = {(one.name, one.currency): one for one in desk.console.refund_limits.list_limits()}
    return limits[limit.name, limit.currency]


def test_a_newcomer_searches_in_few_keys(person: CountingPerson, desk: SampleDesk) -> None:
    """The first page of the window shows the key of the search. With this key, a pasted number and Enter, a new
    person opens a payment.
    """
    payment = desk.list_payments("complete")[-1]
    number = desk.console.payments.read_payment(payment.id).record.merchant_payment_id
    search = person.frame.top_bar.search
    assert (search.isVisible(), search.key) == (True, "Ctrl+K")
    person.press("Ctrl+K")
    person.type_in(number)
    assert person.opening.controller is not None
    finder = person.opening.controller.command_palette
    person.wait_until(lambda: any(isinstance(match, Payment) for match in finder._found_records))
    person.wait_until_read()
    person.press("Enter")
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    verdict = person.opening.context.translate(page.details.explanation.verdict, **page.details.explanation.facts)  # type: ignore[union-attr]  # just waited for
    assert any(label.isVisible() and label.plain == verdict for label in page.findChildren(TextLabel))
    assert person.keys <= 2


def test_an_evidence_pack_is_exported_in_few_keys(
    person: CountingPerson, desk: SampleDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exporting an evidence pack takes three keys in addition to the number and the file name: Ctrl+K, Enter,
    Ctrl+Shift+E.
    """
    person.opening.context.change_operator("aud-e")
    person.wait_until_read()
    payment = desk.list_payments("complete")[-1]
    number = desk.console.payments.read_payment(payment.id).record.merchant_payment_id
    path = tmp_path / "pack.zip"
    monkeypatch.setattr(
        evidence_actions, "ask_for_save_path", lambda _page, _title, _suffix, write, _name: write(str(path))
    )
    person.press("Ctrl+K")
    person.type_in(number)
    assert person.opening.controller is not None
    finder = person.opening.controller.command_palette
    person.wait_until(lambda: any(isinstance(match, Payment) for match in finder._found_records))
    person.wait_until_read()
    person.press("Enter")
    page = person.wait_for_page(PaymentPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == payment.id)
    person.wait_until_read()
    person.press("Ctrl+Shift+E")
    person.wait_until(path.exists)
    person.wait_until_read()
    assert person.keys <= 3


def test_the_next_tab_is_opened_in_few_keys(person: CountingPerson) -> None:
    """Ctrl+Tab and Ctrl+Shift+Tab lead to the next and the previous tab, also across the ends; both are in the list
    of keys.
    """
    person.frame.show_route(QueuesRoute("review"))
    page = person.wait_for_page(QueuesPage)
    person.press("Ctrl+Tab")
    assert page.tabs.currentIndex() == 1
    person.press("Ctrl+Shift+Tab", 2)
    last = person.wait_for_page(ChangedCompaniesPage)  # the last queue is a page of its own
    assert last.tabs.currentIndex() == last.tabs.count() - 1
    dialog = open_shortcuts_dialog(person.frame, None)
    assert {"Ctrl+Tab", "Ctrl+Shift+Tab"} <= {cap.accessibleName() for cap in dialog.findChildren(KeyCap)}
    dialog.reject()


def test_the_list_of_many_keys_has_balanced_columns(person: CountingPerson) -> None:
    """The many keys of the queue page stand in two columns of almost equal length, so that the dialog needs no scroll
    bar. In a window without room for a third column, the dialog has two."""
    for width, columns in ((1280, 3), (1000, 2)):
        person.window.resize(width, 800)
        person.frame.show_route(QueuesRoute("review"))
        page = person.wait_for_page(QueuesPage)
        dialog = open_shortcuts_dialog(person.frame, page)
        grids = dialog.findChildren(QGridLayout)
        assert len(grids) == columns, width
        if columns == 3:
            assert abs(grids[1].count() - grids[2].count()) <= 2
            assert dialog._scroll_area.verticalScrollBar().maximum() == 0
        dialog.reject()
