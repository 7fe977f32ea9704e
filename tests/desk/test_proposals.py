"""A proposed outcome waits for a second person. The window informs a person who may confirm it, and lists it among
the approvals.
"""

from dataclasses import replace
from typing import TypeVar

import pytest

from console.app import Console
from console.domain.records import CreditCheck
from console.sandbox.server import Sandbox
from console.views.approvals.page import ApprovalsPage
from console.views.credit_checks.page import CreditCheckPage
from console.views.money.refund_page import RefundPage
from console.views.queues.page import QueuesPage
from console.views.records.preview_panel import RecordPreview
from console.views.records.resolve_dialog import ResolveDialog
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.runtime.routes import CreditCheckRoute, QueuesRoute
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.wording.sentences.catalogue import format_corporation_number
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_records import fill_not_bought_form, read_check
from tests.desk.test_resolving_refunds import make_unknown_refund
from tests.desk.window_desks import WindowTestDesks
from tests.desk.window_person import Person
from tests.support.desks import CORPORATION_NUMBERS

ResolveDialogT = TypeVar("ResolveDialogT", ResolveDialog, ResolveMoneyDialog)


def propose_outcome(window_desks: WindowTestDesks, record: CreditCheck, name: str) -> None:
    with window_desks.open_acting_desk(name) as maker:
        maker.recovery.resolve("credit-check", record.id, "error", "not in their list")


def open_approvals(person: Person) -> ApprovalsPage:
    person.press("Alt+4")
    page = person.wait_for_page(ApprovalsPage)
    person.wait_until_read()
    return page


def list_primary_actions(page: CreditCheckPage | RefundPage) -> list[str]:
    """Return the actions of the buttons that are highlighted as the next step."""
    return [button.property("act") for button in page.form.findChildren(KeyButton) if button.kind == "primary"]


def test_the_next_step_of_a_proposal_is_not_its_proposers(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person who has proposed an outcome may propose another one. The bar has a button that says this, and it isn't
    offered as the next step.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    propose_outcome(window_desks, record, "op-a")
    person = open_window()
    person.frame.show_route(CreditCheckRoute(record.id))
    page = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: page.details is not None and page.details.record.id == record.id)
    person.wait_until_read()
    offered = [button.property("act") for button in page.form.findChildren(KeyButton) if button.property("act")]
    assert offered == []
    button = page.action_bar.find_button("resolve")
    assert button is not None
    assert (button.text(), button.isEnabled()) == ("Set another outcome...", True)
    assert list_primary_actions(page) == []


def test_the_next_step_addresses_the_second_person(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A person who can confirm a proposed outcome reads so on the record's page, and nothing of another approver. The
    proposer reads that another approver must confirm it.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    propose_outcome(window_desks, record, "op-a")
    person = open_window()
    for name, words in (("op-a", "another approver"), ("lead-b", "You can confirm")):
        person = window_desks.switch_person(person, name)
        person.frame.show_route(CreditCheckRoute(record.id))
        page = person.wait_for_page(CreditCheckPage)
        person.wait_until(lambda page=page: page.details is not None and page.details.record.id == record.id)  # type: ignore[misc]  # a bound default
        person.wait_until_read()
        texts = [label.plain for label in page.form.findChildren(TextLabel)]
        assert [text for text in texts if "second person" in text and words in text], (name, texts)
        assert any("another approver" in text for text in texts) == (name == "op-a")


def shows_record(preview: RecordPreview, record_id: int) -> bool:
    """Return True if the widgets of the preview are those of the record with this id."""
    return preview.record is not None and preview.record.id == record_id


def test_the_preview_offers_the_decision_to_the_second_person_only(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The preview beside the queue shows the decision as the next step only to a person who may confirm the
    proposal.
    """
    records = {
        maker: buy_with_unknown_outcome(console, sandbox, number)
        for maker, number in zip(("lead-b", "op-a"), CORPORATION_NUMBERS[:2], strict=True)
    }
    for maker, record in records.items():
        propose_outcome(window_desks, record, maker)
    person = open_window()
    for name, advised in (("op-a", set[int]()), ("lead-b", {records["op-a"].id})):
        person = window_desks.switch_person(person, name)
        context = person.opening.context
        person.wait_until(lambda context=context: context.work_counts.person == context.operator)  # type: ignore[misc]  # a bound default
        person.window.resize(1920, 1080)
        person.frame.show_route(QueuesRoute("unknown"))
        page = person.wait_for_page(QueuesPage)
        person.wait_until(lambda page=page: page.row_model.has_read_last_page and page.preview.record is not None)  # type: ignore[misc]  # a bound default
        primary = set()
        for record in records.values():
            assert page.table.go_to_item(lambda row, record=record: row.item.record.id == record.id)  # type: ignore[misc]  # a bound default
            person.wait_until(lambda page=page, record=record: shows_record(page.preview, record.id))  # type: ignore[misc]  # a bound default
            person.wait_until_read()
            buttons = page.preview.findChildren(KeyButton)
            assert next(button for button in buttons if button.key == "E").isEnabled()
            (primary_key,) = (button.key for button in buttons if button.kind == "primary")
            if primary_key == "E":
                primary.add(record.id)
            addressed = any("You can confirm" in label.plain for label in page.preview.findChildren(TextLabel))
            assert addressed == (record.id in advised), (name, record.id)
        assert primary == advised, name
    assert page.table.go_to_item(lambda row: row.item.record.id == records["op-a"].id)
    person.wait_until(lambda: shows_record(page.preview, records["op-a"].id))
    counts = context.work_counts
    for decisions_to_make, key in (((), "Enter"), (counts.decisions_to_make, "E")):
        context.store_work_counts(replace(counts, decisions_to_make=decisions_to_make))  # read later than the rows
        assert [one.key for one in page.preview.findChildren(KeyButton) if one.kind == "primary"] == [key]


@pytest.mark.both_ways
def test_a_proposal_is_announced_to_the_second_person(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """When a proposal arrives, it is announced to a person who may confirm it, counted, and listed first. Enter opens
    its record. After the decision the list no longer has it.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    person = window_desks.switch_person(open_window(), "lead-b")
    context = person.opening.context
    person.wait_until(lambda: context.work_counts.person == "lead-b")
    assert context.work_counts.waiting_decision_count == 0
    propose_outcome(window_desks, record, "op-a")
    person.wait_until(lambda: context.work_counts.waiting_decision_count == 1)
    # The bar on Home about the unfinished purchase is told too, before or after the person has signed in.
    notices = [notice.sentence for notice in person.frame.announcer.announcements]
    about_decisions = [sentence for sentence in notices if not sentence.startswith("Unfinished work.")]
    assert about_decisions == [f"1 new decision is waiting for you. Credit check {record.id}"]

    page = open_approvals(person)
    person.wait_until(lambda: page.proposal is not None)
    (card,) = page.list_panel.cards
    assert card.title == f"Credit check {record.id}"
    assert (card.amount, card.detail) == (
        "Charge unknown",
        f"Corporation number {format_corporation_number(CORPORATION_NUMBERS[0])}",
    )
    assert card.remark == "Proposed outcome: Not bought"
    assert page.list_panel.card_list.get_line(0) == "Proposed outcomes to confirm"
    assert person.window.focusWidget() is page.list_panel.card_list
    person.press("A")
    person.wait_without_dialog()
    person.press("Return")
    opened = person.wait_for_page(CreditCheckPage)
    person.wait_until(lambda: opened.details is not None and opened.details.record.id == record.id)
    person.wait_until(lambda: list_primary_actions(opened) == ["resolve"])
    person.press("E")
    dialog = person.wait_for_dialog(ResolveDialog)
    fill_not_bought_form(dialog, "checked by phone")
    person.wait_until(dialog.main_button.isEnabled)
    dialog.main_button.click()
    window_desks.confirm_with_password(person, "lead-b")
    person.wait_until(lambda: dialog.windowTitle() == "Resolved")
    dialog.reject()
    person.wait_without_dialog()
    assert read_check(console, record.id).state == "error"
    page = open_approvals(person)
    person.wait_until(lambda: not page.list_panel.cards)
    assert page.proposal is None
    assert page.content.currentWidget() is page.empty_state
    person.wait_until(lambda: context.work_counts.waiting_decision_count == 0)


def test_a_proposal_for_others_is_listed_with_its_reason(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """If a person can't confirm a proposal, its card has the icon of a person, the panel states the reason, and it
    isn't counted for this person. The reason doesn't name the proposer, who has the role. The person's own proposal
    is below the heading of own requests, another one below "Waiting for others".
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    propose_outcome(window_desks, record, "lead-b")
    person = open_window()
    expected = {
        "lead-b": ("Your own (you can't approve these)", "You proposed it. A second person must confirm."),
        "op-a": ("Waiting for others", "Needs the role: approver."),
    }
    for name, (heading, reason) in expected.items():
        person = window_desks.switch_person(person, name)
        expect_others_to_decide(person, heading, reason)


def expect_others_to_decide(person: Person, heading: str, reason: str) -> None:
    """Check that the only proposal is listed below this heading as one for others, that the panel states this reason,
    and that it is neither counted for this person nor announced.
    """
    page, context = open_approvals(person), person.opening.context
    person.wait_until(lambda: page.proposal is not None)
    person.wait_until(lambda: [card.icon_name for card in page.list_panel.cards] == ["person"])
    assert page.list_panel.card_list.get_line(0) == heading
    person.wait_until(lambda: page.proposal_panel.sentence_label.plain == reason)
    person.wait_until(lambda: context.work_counts.person == context.operator)
    assert context.work_counts.waiting_decision_count == 0
    assert not [said for said in person.frame.announcer.announcements if "decision" in said.sentence]


def test_a_proposed_outcome_is_confirmed_on_the_page_of_its_refund(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """Enter on a proposal about a refund opens the refund's page, whose first action is the decision with
    evidence.
    """
    refund = make_unknown_refund(window_desks, sandbox)
    with window_desks.open_acting_desk("op-a") as maker:
        maker.refunds.resolve(refund.id, "failed", "not in their list")
    person = window_desks.switch_person(open_window(), "lead-b")
    page = open_approvals(person)
    person.wait_until(lambda: page.proposal is not None)
    assert [(card.title, card.remark) for card in page.list_panel.cards] == [
        (f"Refund R-{refund.id}", "Proposed outcome: Refused")
    ]
    person.press("Return")
    opened = person.wait_for_page(RefundPage)
    person.wait_until(lambda: opened.details is not None and opened.details.record.id == refund.id)
    person.wait_until(lambda: list_primary_actions(opened) == ["resolve"])


@pytest.mark.parametrize(
    ("name", "outcome", "announced"),
    [
        ("lead-b", "failed", "dialog.resolve.act_second"),
        ("lead-b", "completed", "dialog.resolve.act"),  # another outcome replaces the proposal
        ("op-a", "completed", "dialog.resolve.act"),
    ],
)
def test_a_decision_has_the_effect_named_on_its_button(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox, name: str, outcome: str, announced: str
) -> None:
    """The dialog opens with E in a queue, where no page has read the proposal. Its button says whether the decision
    is the second one, which settles the refund, or a proposal that waits for another person. The decision has this
    effect."""
    refund = make_unknown_refund(window_desks, sandbox)
    with window_desks.open_acting_desk("op-a") as maker:
        maker.refunds.resolve(refund.id, "failed", "not in their list")
    person = open_window() if name == "op-a" else window_desks.switch_person(open_window(), name)
    dialog = open_dialog_in_queue(person, refund.id, ResolveMoneyDialog)
    form, translate = dialog.form, person.opening.context.translate
    form.kind_buttons["text"].setChecked(True)
    form.text_field.edit.setPlainText("Their support told us on the phone.")  # type: ignore[union-attr]  # an area
    person.wait_until(lambda: not form.is_reading_choices)
    assert form.outcome_buttons["failed"].isEnabled() == (name == "lead-b")
    form.outcome_buttons[outcome].setChecked(True)
    form.refund_number_field.edit.setText("1519")  # type: ignore[union-attr]  # a line
    form.reason_list.setCurrentIndex(form.reason_list.findData("provider_reply"))
    person.wait_until(dialog.main_button.isEnabled)
    is_second = announced == "dialog.resolve.act_second"
    assert dialog.main_button.text() == translate(announced)
    assert (dialog._get_main_button_hint_key() == "") == is_second
    assert form.second_person_label.plain.startswith(
        translate("dialog.resolve.you_are_second", person="op-a") if is_second else "A second person must confirm"
    )
    dialog.main_button.click()
    if is_second:  # a proposal, also one that replaces another person's, decides nothing and needs no password
        window_desks.confirm_with_password(person, name)
    person.wait_until(lambda: dialog.windowTitle().startswith("Resolved" if is_second else "Outcome proposed for "))
    assert (window_desks.console.refunds.read_refund(refund.id).record.state == "failed") == is_second


def test_a_number_that_the_provider_confirms_announces_no_second_person(
    window_desks: WindowTestDesks, open_window: OpenWindow, sandbox: Sandbox
) -> None:
    """If the evidence is the provider's number, which the provider confirms, one person is enough. The button and its
    hint don't mention a second person.
    """
    refund, person = make_unknown_refund(window_desks, sandbox), open_window()
    dialog = open_dialog_in_queue(person, refund.id, ResolveMoneyDialog)
    dialog.form.kind_buttons["number"].setChecked(True)
    dialog.form.number_field.edit.setText("1519")  # type: ignore[union-attr]  # a line
    person.wait_until(lambda: dialog.form.outcome == "completed")
    assert dialog._get_main_button_wording_key() == "dialog.resolve.act_now"
    assert dialog._get_main_button_hint_key() == ""


def test_a_second_person_decides_from_a_queue(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The dialog of a credit check that the key E opens in a queue names the proposal of the first person, and the
    second person can confirm it there.
    """
    record = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[0])
    propose_outcome(window_desks, record, "op-a")
    person = window_desks.switch_person(open_window(), "lead-b")
    dialog = open_dialog_in_queue(person, record.id, ResolveDialog)
    fill_not_bought_form(dialog, "checked by phone")
    person.wait_until(dialog.main_button.isEnabled)
    assert dialog.main_button.text() == person.opening.context.translate("dialog.resolve.act_second")
    dialog.main_button.click()
    window_desks.confirm_with_password(person, "lead-b")
    person.wait_until(lambda: dialog.windowTitle() == "Resolved")
    assert read_check(console, record.id).state == "error"


def open_dialog_in_queue(person: Person, record_id: int, kind: type[ResolveDialogT]) -> ResolveDialogT:
    """Return the dialog that E opens on this record in the queue of unknown outcomes."""
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.preview.record is not None)
    assert page.table.go_to_item(lambda row: row.item.record.id == record_id)
    person.wait_until_read()
    person.press("E")
    return person.wait_for_dialog(kind)


def test_a_proposal_decided_by_another_person_disappears_from_the_list(
    window_desks: WindowTestDesks, open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """A proposal that another person decides while it is shown disappears from the list, and the next one is
    shown.
    """
    first, second = (buy_with_unknown_outcome(console, sandbox, number) for number in CORPORATION_NUMBERS[:2])
    propose_outcome(window_desks, first, "op-a")
    propose_outcome(window_desks, second, "op-a")
    person = window_desks.switch_person(open_window(), "aud-e")
    page = open_approvals(person)
    person.wait_until(lambda: page.proposal is not None and page.proposal.record_id == str(first.id))
    with window_desks.open_acting_desk("lead-b") as lead:
        lead.recovery.resolve("credit-check", first.id, "error", "seen there")
    person.wait_until(lambda: page.proposal is not None and page.proposal.record_id == str(second.id))
    assert [card.title for card in page.list_panel.cards] == [f"Credit check {second.id}"]
    assert page.list_panel.current_ref == page.list_panel.cards[0].ref
