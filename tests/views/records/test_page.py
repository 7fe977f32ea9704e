"""Tests of the page of a record: a dialog that another page has requested opens only while the person expects it, and
a read after a change keeps the current row. Further tests of its next step, its buttons, its bars and its badges.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import AUDITOR, OPERATOR
from console.domain.allowed_action import AllowedAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explained_state import NextStep, WorkBadge
from console.domain.explanations.payments import (
    OPEN_REFUND_ACTION,
    explain_payment,
)
from console.domain.payments.records import Payment, PaymentRelations
from console.domain.payments.service_results import PaymentDetails
from console.domain.payments.states import DONE_OUTSIDE, PaymentState, RefundState
from console.domain.records import Certainty, Person, TimelineEntry, Work, WorkReason, WorkState
from console.domain.tasks.records import Take
from console.views.money.payment_page import PaymentPage
from console.views.presenters.credit_checks import format_next_step
from console.views.records.action_bar import ActionButtons
from console.views.records.actions import RecordActionHandlers
from console.views.records.header import make_explanation_form
from console.views.records.note_dialog import NoteDialog
from console.views.runtime.context import Toast
from console.views.runtime.routes import PaymentRoute, RefundRoute
from console.views.runtime.tasks import Failure
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import MONEY_PARTS, ORDER, make_compared_sides, make_payment, make_refund


class PaymentServices:
    """Services that read and probe one payment. The read fails while `is_away` is True, the probe while
    `is_provider_away` is True."""

    training = None
    lookup = SimpleNamespace(find_record_numbers=lambda _subjects: {})

    def __init__(self) -> None:
        self.is_away = self.is_provider_away = False
        self.recovery = SimpleNamespace(probe=self.probe)
        self.timeline: tuple[TimelineEntry, ...] = ()
        self.relations = PaymentRelations()
        self.payer: str | None = "PAYER-36567306"
        self.taken: Take | None = None
        self.awaiting: str | None = None

    @property
    def payments(self) -> "PaymentServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def probe(self, _kind: str, id: int, *, request_id: str) -> Payment:
        if self.is_provider_away:
            raise ConsoleError(ErrorCode.PROVIDER_UNREACHABLE)
        return make_payment(id=id)

    def set_order_paid(self, _id: int, *, request_id: str) -> None:
        raise ConsoleError(ErrorCode.NOT_ALLOWED)

    def read_payment(self, id: int) -> PaymentDetails:
        if self.is_away:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
        payment = make_payment(id=id, relations=self.relations, payer=self.payer)
        explanation = explain_payment(payment, NOW)
        details = PaymentDetails(
            payment, explanation, make_compared_sides(), MONEY_PARTS, ORDER, (), (), self.timeline, (), ()
        )
        return replace(details, taken=self.taken, awaiting=self.awaiting)


@pytest.fixture
def services() -> PaymentServices:
    return PaymentServices()


@pytest.fixture
def page(qtbot: QtBot, services: PaymentServices) -> PaymentPage:
    context = make_window_context()
    context.store_services(services)  # type: ignore[arg-type]  # payments are all that the page needs
    page = PaymentPage(context)
    qtbot.addWidget(page)
    page.resize(1080, 720)
    page.show()
    return page


def count_note_dialogs(page: PaymentPage) -> int:
    return sum(dialog.isVisible() for dialog in page.window().findChildren(NoteDialog))


def test_a_requested_dialog_opens_on_the_page_of_its_record(page: PaymentPage) -> None:
    """The dialog of a continued draft opens when the page shows the record."""
    page.context.request_action("payment", 5, "note")
    page.show_route(PaymentRoute(5))
    assert count_note_dialogs(page) == 1


def test_a_requested_dialog_opens_over_no_other_page(page: PaymentPage) -> None:
    """The record is read after the person has opened another page. The dialog doesn't open over that page."""
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = True
    page.context.request_action("payment", 5, "note")
    page.show_route(PaymentRoute(5))
    page.hide()
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert page.details is not None
    assert count_note_dialogs(page) == 0


def test_buttons_say_that_the_record_could_not_be_read(page: PaymentPage, services: PaymentServices) -> None:
    """While the record is read, the disabled buttons say that they wait for it. If the read fails, they say that the
    record could not be read, and so does the bar after the key of an action."""
    translate = page.context.translate
    runner = page.context.runner
    assert isinstance(runner, InlineRunner)
    runner.paused = services.is_away = True
    page.show_route(PaymentRoute(5))
    buttons = [button for button in page.findChildren(KeyButton) if button.property("act")]
    assert {button.shown_reason for button in buttons} == {translate("record.reading_off")}
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert {button.shown_reason for button in buttons} == {translate("record.unread_off")}
    page.run_action_on_record("note")
    assert any(translate("record.unread_off") in bar.accessibleName() for bar in page.findChildren(NotificationBar))


def fail_to_read(_services: object) -> str:
    raise ConsoleError(ErrorCode.DATABASE_LOCKED)


def test_no_dialog_of_another_record_opens(page: PaymentPage) -> None:
    """The person moves on to another record before the data of a requested dialog has been read. The dialog doesn't
    open over that record, and if its read fails, that record's page doesn't show the failure."""
    page.show_route(PaymentRoute(5))
    page.context.runner = runner = InlineRunner(paused=True)
    opened, failed = list[str](), list[Failure]()
    page.read_for_dialog(lambda _: "plan", opened.append, failed.append)
    page.show_route(PaymentRoute(6))
    page.read_for_dialog(fail_to_read, opened.append, failed.append)
    page.show_route(PaymentRoute(5))
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert (opened, failed) == ([], [])


def test_the_answer_of_a_probe_does_not_remove_the_bar_of_another_one(page: PaymentPage) -> None:
    """Two probes run. The answer of the first one leaves the bar of the second one, with its button. The answer of
    the second one removes it."""
    page.context.runner = runner = InlineRunner(paused=True)
    for id in (5, 6):
        page.action_handlers.probe_record(make_payment(id=id))
    runner.execute_oldest_task()
    assert page.list_bar_names() == ("act",)
    runner.execute_oldest_task()
    assert page.list_bar_names() == ()


@pytest.mark.parametrize("is_result_in_bar", [False, True])
@pytest.mark.parametrize("has_failed", [False, True])
def test_the_end_of_a_probe_is_in_no_bar_while_another_one_runs(
    page: PaymentPage, services: PaymentServices, *, is_result_in_bar: bool, has_failed: bool
) -> None:
    """Two probes run. The result or failure of the first one is shown in a toast, so that the bar of the second one
    stays, with its button. The failure of the second one is shown in a bar."""
    page.context.runner = runner = InlineRunner(paused=True)
    handlers, toasts = RecordActionHandlers(page.context, page, is_probe_shown_in_bar=is_result_in_bar), list[Toast]()
    page.context.toast_requested.connect(toasts.append)
    for id in (5, 6):
        handlers.probe_record(make_payment(id=id))
    busy_bar = page._bar_by_name["act"]
    services.is_provider_away = has_failed
    runner.execute_oldest_task()
    assert page._bar_by_name["act"] is busy_bar
    assert len(toasts) == 1
    services.is_provider_away = True
    runner.execute_oldest_task()
    assert not page.is_action_bar_busy
    assert page.list_bar_names() == ("act",)
    assert len(toasts) == 1


def test_another_action_leaves_the_bar_of_a_running_probe(page: PaymentPage) -> None:
    """The key of another action, or its refusal, doesn't remove the bar of a running probe, with the button that
    withdraws it. The refusal is shown in a toast."""
    page.context.runner, toasts = InlineRunner(paused=True), list[Toast]()
    page.context.toast_requested.connect(toasts.append)
    page.action_handlers.probe_record(make_payment())
    busy_bar = page._bar_by_name["act"]
    button = KeyButton("Copy", "C", parent=page)
    button.show()
    page.press_button(button)
    page.show_key_refusal("No record is selected.")
    page.action_handlers.show_refusal(Failure(ErrorCode.PROVIDER_UNREACHABLE), "Payment 7")
    page.action_handlers.show_failed_read(Failure(ErrorCode.DATABASE_LOCKED), "Payment 7")
    assert page._bar_by_name["act"] is busy_bar
    assert len(toasts) == 3


def test_the_next_action_removes_the_bar_of_a_refusal(page: PaymentPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key is no news any more when the person begins another action, by a key or by a button: beside the
    success of that action, the bar would say that it wasn't executed."""
    page.show_route(PaymentRoute(5))
    monkeypatch.setattr(page, "run_kind_specific_action", lambda _name, _details: None)
    for begin_action in (page._run_action_by_shortcut, page.action_bar.action_requested.emit):
        page.show_key_refusal("No document is stored.")
        begin_action("refund")
        assert page.list_bar_names() == ()


def test_another_record_leaves_the_bar_of_a_running_probe_only(page: PaymentPage) -> None:
    """The person moves on to another record while a probe runs. The bar of the probe stays, with the button that
    withdraws it; the bars about the previous record are removed. Without a probe, no bar stays."""
    page.show_route(PaymentRoute(5))
    page.context.runner = runner = InlineRunner(paused=True)
    page.action_handlers.probe_record(make_payment(id=5))
    page.show_bar("holder", NotificationBar("", "Another person has taken the record."))
    busy_bar = page._bar_by_name["act"]
    page.show_route(PaymentRoute(6))
    assert page._bar_by_name == {"act": busy_bar}
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    page.show_key_refusal("No record is selected.")
    page.show_route(PaymentRoute(5))
    assert page.list_bar_names() == ()


def test_the_result_of_a_probe_is_removed_with_its_row_while_another_one_runs(page: PaymentPage) -> None:
    """Two probes run, and the second one ends first. Its result is removed when another row becomes the current one,
    although the first probe still runs. The bar of a running probe stays."""
    page.context.runner = runner = InlineRunner(paused=True)
    handlers = RecordActionHandlers(page.context, page, is_probe_shown_in_bar=True)
    for id in (5, 6):
        handlers.probe_record(make_payment(id=id))
    handlers.set_current_record(("payment", 5))
    assert page.is_action_bar_busy
    runner.execute_newest_task()
    assert page.list_bar_names() == ("act",)
    handlers.set_current_record(("payment", 6))
    assert page.list_bar_names() == ()


def test_the_bar_and_the_toast_describe_a_probe_without_outcome_alike(page: PaymentPage) -> None:
    """The bar about a probe that left the outcome unknown, and the toast while another probe runs, have the same
    words and colour."""
    page.context.runner, toasts = InlineRunner(paused=True), list[Toast]()
    page.context.toast_requested.connect(toasts.append)
    failure = Failure(ErrorCode.OUTCOME_UNKNOWN)
    page.action_handlers.show_refusal(failure)
    bar = page._bar_by_name["act"]
    page.action_handlers.probe_record(make_payment())
    page.action_handlers.show_refusal(failure, "Payment 7", is_record_shown=True)
    [toast] = toasts
    assert toast.message == page.context.translate("dialog.probe.still_unknown")
    assert (toast.subject_title, toast.tone) == ("Payment 7", bar.tone)
    assert bar.sentence == f"{toast.message} {toast.detail}"


@pytest.mark.parametrize(
    ("tone", "is_shown"), [("progress", True), ("unknown", True), ("bad", False), ("care", False)]
)
def test_a_saved_file_ends_the_bar_of_a_refusal_only(page: PaymentPage, tone: Tone, *, is_shown: bool) -> None:
    """The bar about a running probe, with its button, and the one about an unknown outcome stay when the file of an
    export has been written. The bar of an earlier refusal would contradict the success."""
    page.show_bar("act", NotificationBar("", "of this payment", tone=tone, icon_name="question"))
    page.hide_refusal_bar()
    assert ("act" in page.list_bar_names()) is is_shown


def test_a_dialog_that_outlives_its_page_reads_nothing(page: PaymentPage, qtbot: QtBot) -> None:
    """The pages are built anew in another language while a dialog stays open. The end of the dialog reaches none of
    the deleted pages."""
    dialog = QDialog()
    qtbot.addWidget(dialog)
    other_page = PaymentPage(page.context)
    other_page.open_acting_dialog(dialog)
    shiboken6.delete(other_page)
    dialog.accept()
    assert not dialog.isVisible()


def test_a_dialog_that_could_not_open_is_forgotten(page: PaymentPage, services: PaymentServices) -> None:
    """The record can't be read, and the person leaves the page. The dialog doesn't open when the person comes back to
    the record later, without thinking of it."""
    services.is_away = True
    page.context.request_action("payment", 5, "note")
    page.show_route(PaymentRoute(5))
    page.clean_up_after_visit()
    services.is_away = False
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    assert count_note_dialogs(page) == 0


def test_a_new_audit_entry_keeps_the_current_row(page: PaymentPage, services: PaymentServices) -> None:
    """Another person's action adds an entry at the top of the audit tab. The entry that the person has selected stays
    the current one."""
    entries = tuple(TimelineEntry(NOW + timedelta(seconds=number), "op-a", "payment.probed") for number in range(4))
    services.timeline = entries[:3]
    page.show_route(PaymentRoute(5))
    page.tabs.show_tab("audit")
    table = page.tabs._audit_table
    table.go_to_item(lambda item: item[1] == entries[1])
    services.timeline = entries
    page.refresh("changed")
    assert len(table.all_rows) == 4
    assert isinstance(table.current_item, tuple)
    assert table.current_item[1] == entries[1]


def test_the_audit_tab_marks_results_as_the_audit_page_does(page: PaymentPage, services: PaymentServices) -> None:
    """A failure in the audit tab has the icon and the tone that it has on the audit page. A probe without an answer
    is marked as unknown."""
    services.timeline = tuple(
        TimelineEntry(NOW, "op-a", what, result=result)
        for what, result in (("note.added", "done"), ("note.added", "failed"), ("payment.probed", "failed"))
    )
    page.show_route(PaymentRoute(5))
    page.tabs.show_tab("audit")
    table = page.tabs._audit_table
    (column,) = (column for column in table.rows.columns if column.key == "result")
    cells = [column.make_cell(row) for row in table.all_rows]
    assert {(cell.icon_name, cell.tone) for cell in cells if isinstance(cell, StateCell)} == {
        ("check", "good"), ("cross", "bad"), ("question", "unknown"),
    }  # fmt: skip


def test_the_next_step_after_a_failed_refund_opens_this_refund(page: PaymentPage, services: PaymentServices) -> None:
    """The next step says that the person opens the failed refund. The page offers this, and the action does it."""
    failed = make_refund(id=29, state=RefundState.FAILED, error_code="refund_window_over")
    services.relations = PaymentRelations(ORDER, refunds=(failed,))
    opened_routes: list[object] = []
    page.context.navigation_requested.connect(opened_routes.append)
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    assert page.list_helpful_actions(page.details)[0] == OPEN_REFUND_ACTION
    page.run_action_on_record(OPEN_REFUND_ACTION)
    assert opened_routes == [RefundRoute(29, (), page.sidebar_key)]


@pytest.mark.parametrize("can_ask_provider", [True, False])
def test_a_probe_is_recommended_only_if_the_provider_can_be_asked(
    page: PaymentPage, services: PaymentServices, can_ask_provider: bool
) -> None:
    """The page doesn't recommend a probe if the provider has no call for it."""
    services.relations = PaymentRelations(can_ask_provider=can_ask_provider)
    page.show_route(PaymentRoute(5))
    recommended = {button.property("act") for button in page.form.findChildren(KeyButton)}
    assert ("probe" in recommended) is can_ask_provider


@pytest.mark.parametrize("payer", ["PAYER-36567306", None])
def test_a_payer_is_unmasked_only_if_there_is_one(
    page: PaymentPage, services: PaymentServices, payer: str | None
) -> None:
    """Without a payer, the action that unmasks the payer is disabled, and shows the reason."""
    services.payer = payer
    page.show_route(PaymentRoute(5))
    button = page.action_bar.find_button("unmask")
    assert button is not None
    assert (button.reason == page.context.translate("money.no_payer")) == (payer is None)
    assert payer is not None or not button.isEnabled()


@pytest.mark.parametrize(("asks_others_first", "kind"), [(False, "primary"), (True, "default")])
def test_a_refund_is_not_primary_if_the_person_asks_the_shop_first(
    page: PaymentPage, asks_others_first: bool, kind: str
) -> None:
    """If a refund is the next step, its button is the primary one; not if the person first asks the shop, which may
    bill the missing amount or correct the order."""
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    step = NextStep("next.payment_refund_second", action="refund", asks_others_first=asks_others_first)
    explanation = replace(page.details.explanation, next_step=step, work=WorkBadge.NEEDS_REVIEW)
    form = make_explanation_form(page.context)
    bar = ActionButtons(page.context, ("refund",))
    bar.show_actions(replace(page.details, explanation=explanation), form, ("refund",))
    (button,) = form.findChildren(KeyButton)
    assert button.kind == kind


def list_form_texts(page: PaymentPage, details: PaymentDetails, *actions: str) -> tuple[list[str], list[str]]:
    """Return two lists of texts for `details`: those of the labels and buttons in the explanation's line "you can",
    and that of the button "resolve" in the bar. `actions` are the possible actions.
    """
    form = make_explanation_form(page.context)
    bar = ActionButtons(page.context, ("probe", "resolve"))
    bar.show_actions(details, form, actions)
    button = bar.find_button("resolve")
    assert button is not None
    shown = [label.plain for label in form.findChildren(TextLabel)]
    return [*shown, *(one.text() for one in form.findChildren(KeyButton))], [button.text()]


@pytest.mark.parametrize(
    ("work", "purpose"),
    [
        (Work(WorkState.NEEDS_REVIEW, reason=WorkReason.SET_ASIDE), "review"),
        (Work(WorkState.NEEDS_REVIEW, reason=WorkReason.CONTRADICTED), "contradiction"),
        (Work(), "reversal"),
    ],
)
def test_the_page_says_why_a_known_outcome_can_be_resolved(page: PaymentPage, work: Work, purpose: str) -> None:
    """If the outcome of a payment is known and can be resolved, the page says what for. If the button is disabled or
    the outcome is unknown, it doesn't."""
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    sentence = page.context.translate(f"record.resolve_purpose.{purpose}")
    record = replace(page.details.record, work=work)
    for certainty in Certainty:
        for is_allowed in (True, False):
            action = AllowedAction("resolve", is_allowed, None if is_allowed else "reason.outcome_known")
            view = replace(page.details, record=replace(record, certainty=certainty), actions=(action,))
            texts, _ = list_form_texts(page, view, "probe")
            assert (sentence in texts) == (is_allowed and certainty is Certainty.KNOWN)


@pytest.mark.parametrize("is_own", [True, False])
def test_a_proposer_is_offered_another_outcome_only(page: PaymentPage, is_own: bool) -> None:
    """The person who has proposed an outcome can't confirm it: the button says that it sets another outcome, and the
    explanation doesn't offer it. Another approver resolves the record."""
    page.context.change_operator("lead-b")
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    entry = TimelineEntry(NOW, "lead-b" if is_own else "op-a", "payment.resolve_proposed", {"as": "reversed"})
    action = AllowedAction("resolve", True)
    view = replace(page.details, timeline=(entry,), awaiting="second_person", actions=(action,))
    label = page.context.translate("action.resolve_otherwise" if is_own else "action.resolve")
    form_texts, bar_texts = list_form_texts(page, view, "resolve")
    assert bar_texts == [label]
    assert (page.context.translate("action.resolve") in form_texts) is not is_own
    assert page.context.translate("action.resolve_otherwise") not in form_texts


def test_the_proposer_of_a_refund_outside_resolves_the_payment(page: PaymentPage) -> None:
    """A refund done outside is no outcome of the payment: the person who has recorded it is offered to resolve the
    payment, for example after a contradiction."""
    page.context.change_operator("lead-b")
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    entry = TimelineEntry(NOW, "lead-b", "payment.resolve_proposed", {"as": DONE_OUTSIDE})
    payment = replace(page.details.record, relations=PaymentRelations(ORDER, proposed_state=DONE_OUTSIDE))
    action = AllowedAction("resolve", True)
    view = replace(page.details, record=payment, timeline=(entry,), awaiting="second_person", actions=(action,))
    form_texts, bar_texts = list_form_texts(page, view, "resolve")
    assert bar_texts == [page.context.translate("action.resolve")]
    assert page.context.translate("action.resolve") in form_texts


def test_a_reason_names_or_addresses_the_person_who_runs_the_operation(page: PaymentPage) -> None:
    """If an action waits for the end of another operation, its reason names the person who runs it, or addresses this
    person."""
    page.context.change_operator("lead-b")
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    sentences = []
    for holder in ("op-a", "Lead-B"):
        action = AllowedAction("probe", False, "reason.in_progress", {"holder": holder, "since": NOW})
        bar = ActionButtons(page.context, ("probe",))
        bar.show_actions(replace(page.details, actions=(action,)), make_explanation_form(page.context), ("probe",))
        button = bar.find_button("probe")
        assert button is not None
        sentences.append(button.reason.partition(" has ")[0].partition(" have ")[0])
    assert sentences == ["op-a", "You"]


def test_the_page_names_the_proposed_outcome(page: PaymentPage, services: PaymentServices) -> None:
    """While a proposed outcome waits for a second person, a bar says which one, who proposed it, and when. It names
    the last proposal, and is gone when none waits."""

    def find_sentence() -> str | None:
        return next((bar.sentence for bar in page.findChildren(NotificationBar) if "proposed" in bar.sentence), None)

    services.timeline = tuple(
        TimelineEntry(NOW, who, "payment.resolve_proposed", {"as": state})
        for who, state in (("op-c", "completed"), ("lead-b", "reversed"))
    )
    page.show_route(PaymentRoute(5))
    assert find_sentence() is None
    services.awaiting = "second_person"
    page.refresh("changed")
    sentence = find_sentence()
    assert sentence is not None
    assert "lead-b proposed Reversed at " in sentence


@pytest.mark.parametrize(("typed_name", "is_shown"), [("OP-A", False), ("op-b", True)])
def test_only_a_change_by_another_person_shows_a_bar(
    page: PaymentPage, services: PaymentServices, typed_name: str, is_shown: bool
) -> None:
    """The bar about a change by another person doesn't appear for the acting person's own change, also if the person
    has signed in with another spelling of their name."""
    page.context.change_operator(typed_name)
    page.show_route(PaymentRoute(5))
    services.timeline = (
        *services.timeline,
        TimelineEntry(NOW, "op-a", "payment.resolve_proposed", {"as": "completed"}),
    )
    page.refresh("changed")
    assert ("changed" in page.list_bar_names()) is is_shown


def test_the_second_of_two_clicks_does_not_press_a_replaced_button(page: PaymentPage) -> None:
    """After the answer to a probe, another recommended action takes the place of the button "Probe". The second of
    two quick clicks doesn't run it, because the person has read nothing about it; the keyboard does."""
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    form = make_explanation_form(page.context)
    bar = ActionButtons(page.context, ("probe", "move_order"))
    requested: list[str] = []
    bar.action_requested.connect(requested.append)

    bar.show_actions(page.details, form, ("probe",))
    (probe_button,) = form.findChildren(KeyButton)
    QTest.mouseClick(probe_button, Qt.MouseButton.LeftButton)
    assert requested == ["probe"]
    bar.show_actions(page.details, form, ("move_order",))
    button = next(button for button in form.findChildren(KeyButton) if button is not probe_button)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert requested == ["probe"]
    button.click()
    assert requested == ["probe", "move_order"]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_offers_to_extend_an_own_take(
    page: PaymentPage, services: PaymentServices, language: Literal["ja", "en"]
) -> None:
    """A record that the person has taken can't be taken again: the button says that it extends the take. After the
    take has ended, the button says *Take* again."""
    page.context.language, person = language, page.context.operator or ""
    button = page.find_button("take")
    assert button is not None
    for until, action in ((NOW + timedelta(minutes=30), "extend_take"), (NOW - timedelta(minutes=1), "take")):
        services.taken = Take("payment", 5, person, NOW - timedelta(minutes=2), until)
        page.show_route(PaymentRoute(5))
        assert (button.text(), button.isEnabled()) == (page.context.translate(f"action.{action}"), True)


def test_a_refund_is_taken_on_the_page_of_a_payment_that_another_person_has_taken(
    page: PaymentPage, services: PaymentServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another person has taken the payment that the page shows. The key T on the row of one of its refunds takes this
    refund.
    """
    services.taken = Take("payment", 5, "lead-b", NOW - timedelta(minutes=2), NOW + timedelta(minutes=30))
    page.show_route(PaymentRoute(5))
    monkeypatch.setattr(page.tabs, "find_focused_row", lambda: make_refund(id=9))
    taken: list[tuple[str, int]] = []
    monkeypatch.setattr(page.collaboration, "take_record", lambda kind, id, _title: taken.append((kind, id)))
    page._run_action_by_shortcut("take")
    assert taken == [("refund", 9)]


def test_no_badge_calls_an_action_possible_without_a_connection(page: PaymentPage, services: PaymentServices) -> None:
    """While the desk has no connection, the text about the possible actions gives that reason, and the page has no
    badge *Action possible*, neither in the header nor in the line above the contents. Both badges return with the
    connection.
    """
    services.relations = PaymentRelations(
        refunds=(make_refund(state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN),)
    )
    page.show_route(PaymentRoute(5))
    possible = page.context.translate("state.work.possible")

    def read_badges() -> list[bool]:
        return [possible in [badge.word for badge in place.badges] for place in (page.head, page.title_line)]

    assert read_badges() == [True, True]
    page.context.update_connection_state(lost_since=NOW)
    reason = page.context.find_lost_connection_reason()
    assert reason
    texts = [label.plain for label in page.form.findChildren(TextLabel)]
    assert page.context.translate("record.nothing_to_press", reason=reason) in texts
    assert read_badges() == [False, False]
    page.context.update_connection_state(lost_since=None)
    assert read_badges() == [True, True]


def test_no_action_is_called_recommended_if_the_record_needs_nothing(page: PaymentPage) -> None:
    """The record needs no action, and its only possible action can't be run without a connection. The text about the
    possible actions doesn't call that action recommended, because the next step says that no action is needed."""
    page.show_route(PaymentRoute(5))
    buttons, form = page.action_bar, page.form
    details = page.details
    assert details is not None
    for work, key in ((WorkBadge.NONE, "record.no_action_now"), (WorkBadge.NEEDS_REVIEW, "record.nothing_to_press")):
        shown = replace(details, explanation=replace(details.explanation, work=work))
        buttons._show_helpful_actions(shown, (), form, "Away.", "")
        texts = [label.plain for label in form.findChildren(TextLabel)]
        assert page.context.translate(key, reason="Away.") in texts


def test_a_person_who_only_reads_sees_who_does_the_step(page: PaymentPage) -> None:
    """The next step asks an operator to act. An auditor reads who does it, and what an auditor can do instead."""
    context = page.context
    step = NextStep("next.payment_probe", action="probe")
    sentence = context.translate("next.payment_probe")
    people = (
        Person("aud-e", frozenset({AUDITOR}), may_buy=False),
        Person("op-a", frozenset({OPERATOR}), may_buy=False),
    )
    texts: dict[str, list[str]] = {}
    for name, expected in (("op-a", sentence), ("aud-e", context.translate("next.by_others", step=sentence))):
        context.change_operator(name)
        context.replace_people(people)
        assert format_next_step(step, context) == expected
        assert format_next_step(replace(step, action=None), context) == sentence
        page.show_route(PaymentRoute(5))
        assert page.details is not None
        page.action_bar._show_helpful_actions(page.details, (), page.form, "Away.", "")
        texts[name] = [label.plain for label in page.form.findChildren(TextLabel)]
    instead = context.translate("record.reader_can")
    assert [any(text.endswith(instead) for text in texts[name]) for name in ("op-a", "aud-e")] == [False, True]


def test_nobody_probes_an_unasked_payment_without_connection(page: PaymentPage) -> None:
    """The probe button in the gateway's panel, which stands there until the gateway has answered, is disabled while
    the database is unreachable."""
    page.show_route(PaymentRoute(5))
    assert page._probe_button.isEnabled()
    page.context.update_connection_state(lost_since=NOW)
    assert not page._probe_button.isEnabled()


@pytest.mark.parametrize(("state", "is_shown"), [(PaymentState.USER_PAYMENT, True), (PaymentState.REVERSED, False)])
def test_a_reversed_payment_has_no_time_limit(page: PaymentPage, state: PaymentState, *, is_shown: bool) -> None:
    """The facts of a payment have the time until which the customer can pay. A payment that was paid and reversed has
    no such fact, as a paid one."""
    page.show_route(PaymentRoute(5))
    details = page.details
    assert details is not None
    page.fill_facts_panel(replace(details, record=replace(details.record, state=state, expires_at=NOW)))
    assert ("Pay by" in [label.text() for label in page.findChildren(TextLabel)]) == is_shown


@pytest.mark.parametrize("shown_id", [5, 6])
def test_a_refused_change_of_an_order_names_its_payment_on_another_page(page: PaymentPage, shown_id: int) -> None:
    """The change of an order is refused after the person has opened another payment. The bar then names the payment
    of the change. On the page of this payment, the bar doesn't repeat its name."""
    page.show_route(PaymentRoute(5))
    assert page.details is not None
    payment = page.details.record
    page.context.runner = runner = InlineRunner(paused=True)
    page.action_handlers.set_order_paid(payment)
    page.show_route(PaymentRoute(shown_id))
    runner.execute_oldest_task()
    assert (payment.merchant_payment_id in page._bar_by_name["act"].sentence) is (shown_id == 6)


def test_a_requested_dialog_is_forgotten_with_its_record(page: PaymentPage) -> None:
    """The person goes on to the next record before the record of a requested dialog has been read. The dialog doesn't
    open when the person returns later."""
    page.context.runner = runner = InlineRunner(paused=True)
    page.context.request_action("payment", 5, "note")
    for id in (5, 6, 5):
        page.show_route(PaymentRoute(id))
    while runner.waiting_task_count:
        runner.execute_oldest_task()
    assert page.details is not None
    assert count_note_dialogs(page) == 0
