"""Tests of the approvals page: the risk signals are at the top, and approving is disabled until the whole request was
shown and the provider's answer is recent.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import APPROVER, AUDITOR
from console.domain.allowed_action import AllowedAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.consistency import compute_money_parts, find_money_part_of_refund
from console.domain.payments.service_results import (
    ApprovalInbox,
    RefundDetails,
    RefundRequestSummary,
    RiskSignal,
    RuleCheck,
)
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, Person
from console.domain.recovery.records import WaitingProposal
from console.domain.registry.facts import REGISTRY_PUBLISHER, CorporationFacts
from console.views.approvals.cards import PROPOSAL_CARD_KIND, make_proposal_card, make_refund_card
from console.views.approvals.detail import RefundRequestPanel, format_approval_title
from console.views.approvals.list import ApprovalListPanel
from console.views.approvals.page import ApprovalsPage
from console.views.approvals.proposal import ProposalPanel
from console.views.money.set_asides_page import SetAsidesPage
from console.views.pages.scroll_container import PageScrollArea
from console.views.refunds.decision_dialog import ApproveDialog, RejectDialog, WithdrawDialog
from console.views.theme.theme import Appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.money_strip import MoneyPanel
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import make_compared_sides, make_payment, make_refund, make_refund_details

MATCHED_RISK_SIGNAL = RiskSignal("payer_often", {"n": 4, "days": 30}, "refund", 7, "four returns of one order")


def list_decision_keys(page: ApprovalsPage) -> set[str]:
    """Return the keys in the hint bar that execute an action on the shown request."""
    return {key for keys, _ in page.hint_bar.key_hints for key in keys} & {"P", "A", "D", "W"}


def read_shown_texts(widget: RefundRequestPanel) -> list[str]:
    content = widget.widget()
    assert content is not None
    return [label.plain for label in content.findChildren(TextLabel) if label.plain]


def test_risk_signals_are_above_automatic_checks(appearance: object) -> None:
    """A refund request shows its risk signals above the automatic checks, with the requester's answer below each
    signal.
    """
    detail = RefundRequestPanel(make_window_context())
    detail.show_details(make_refund_details(None, MATCHED_RISK_SIGNAL))
    texts = read_shown_texts(detail)
    against = texts.index("4 refunds were requested for this customer in 30 days.")
    assert texts[against + 1] == "op-a answers: “four returns of one order”"
    assert against < texts.index("Automatic checks")


def test_the_source_of_the_registry_is_shown_once(appearance: object) -> None:
    """The request shows the source of the corporation's facts exactly once."""
    detail = RefundRequestPanel(make_window_context())
    facts = CorporationFacts("1180301018771", date(2026, 11, 20))
    detail.show_details(replace(make_refund_details(), corporation=facts))
    labels = [label for label in detail.findChildren(TextLabel) if REGISTRY_PUBLISHER in label.plain]
    assert [label.plain for label in labels] == [
        registry_words.format_registry_source(facts.registry_date, make_window_context().translate)
    ]


def test_a_broken_rule_is_a_reason_against_a_refund(appearance: object) -> None:
    """If a refund breaks a rule, the rule is listed among the reasons against the refund."""
    detail = RefundRequestPanel(make_window_context())
    broken = RuleCheck(NotAllowedReason.MAKER_NOT_ACTIVE, False, {"maker": "op-a"})
    texts = [text for _, text, _, _ in detail.list_reasons_against_refund(make_refund_details(checks=(broken,)))]
    assert texts == ["The requester's account is disabled or may no longer request refunds."]


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("state", RefundState)
def test_the_parts_of_the_money_add_up_in_every_state(
    appearance: object, state: RefundState, certainty: Certainty
) -> None:
    """The panel of money counts the refund exactly once: before its sending as this request, and afterwards in the
    part for its state. The reasons to decline are shown only as long as the refund is requested or approved."""
    record = make_refund(state=state, certainty=certainty)
    part = find_money_part_of_refund(record)
    paid = make_payment(
        reserved_minor=record.amount_minor if part in ("waiting", "on_its_way", "unknown") else 0,
        refunded_minor=record.amount_minor if part == "refunded" else 0,
    )
    detail = RefundRequestPanel(make_window_context())
    detail.show_details(make_refund_details(record, payment=paid, money=compute_money_parts(paid, (record,))))
    content = detail.widget()
    assert content is not None
    captured, *parts = content.findChildren(MoneyPanel)[0]._shown_parts
    assert sum(shown.amount_minor for shown in parts) == captured.amount_minor == 12_000
    is_waiting = state in (RefundState.REQUESTED, RefundState.APPROVED)
    texts = read_shown_texts(detail)
    assert ("This request" in texts, "Nothing found against this request" in texts) == (is_waiting, is_waiting)


def test_a_provider_answer_is_recent_for_fifteen_minutes(appearance: object) -> None:
    """A provider's answer counts as recent for 15 minutes. If the answer is older or missing, the request shows a
    sentence about that.
    """
    detail = RefundRequestPanel(make_window_context())
    assert (
        detail.format_stale_answer(make_refund_details(payment_sides=make_compared_sides(timedelta(minutes=14))))
        == ""
    )
    assert detail.format_stale_answer(
        make_refund_details(payment_sides=make_compared_sides(timedelta(minutes=26)))
    ).startswith("The gateway's answer is 26 min old")
    assert (
        detail.format_stale_answer(make_refund_details(payment_sides=make_compared_sides(None)))
        == "This payment has never been probed."
    )


def test_nobody_probes_without_connection(appearance: object) -> None:
    """The probe button beside an old provider answer is disabled with its reason as long as nobody can probe."""
    context = make_window_context()
    detail = RefundRequestPanel(context)
    detail.show_details(make_refund_details(payment_sides=make_compared_sides(None)))
    (probe_button,) = (button for button in detail.findChildren(KeyButton) if button.key == "P")
    assert probe_button.isEnabled()
    context.update_connection_state(lost_since=NOW)
    assert not probe_button.isEnabled()
    assert context.find_lost_connection_reason() in read_shown_texts(detail)
    context.update_connection_state(lost_since=None)
    assert probe_button.isEnabled()


def test_a_request_hides_the_parts_of_zero_except_the_refunded_one(appearance: object) -> None:
    """Among the parts of the money, a request shows the paid, the refunded and the refundable amount and its own
    part, even if nothing is refunded yet. Any other part with the amount zero is hidden.
    """
    detail = RefundRequestPanel(make_window_context())
    detail.show_details(make_refund_details())
    texts = read_shown_texts(detail)
    heading = texts.index("Money, including this request")
    assert {"Paid", "Refunded", "This request", "Refundable"} <= set(texts[heading:])
    assert "On its way" not in texts


def test_the_request_and_the_dialog_show_the_same_refundable_amount(qtbot: QtBot, appearance: object) -> None:
    """A request has reserved its amount, so an approval changes nothing: the panel of the request shows the present
    refundable amount, as the dialog of the approval does, and no change of it."""
    context, details = make_window_context(), make_refund_details()
    panel = RefundRequestPanel(context)
    panel.show_details(details)
    (money_panel,) = panel.findChildren(MoneyPanel)
    refundable_text = wording.format_amount(details.money.refundable, details.money.currency)
    assert money_panel.refundable_amount_label.plain == refundable_text
    window = QWidget()
    qtbot.addWidget(window)
    dialog = ApproveDialog(context, details, window)
    texts = [label.plain for label in dialog.findChildren(TextLabel)]
    assert any(text.startswith(f"{refundable_text} (not changed by the approval") for text in texts), texts


@pytest.mark.parametrize(("needed_count", "tone"), [(1, "care"), (2, "progress")])
def test_only_the_last_approval_warns(qtbot: QtBot, appearance: object, needed_count: int, tone: str) -> None:
    """After the approval of the first of two approvers nothing is sent: the dialog says so without a warning. The
    approval after which the refund is sent has a warning."""
    window = QWidget()
    qtbot.addWidget(window)
    details = replace(make_refund_details(), needed_checker_count=needed_count)
    dialog = ApproveDialog(make_window_context(), details, window)
    (bar,) = dialog.findChildren(NotificationBar)
    assert bar.property("tone") == tone


def test_a_changed_value_is_shown_beside_the_value_at_the_request(appearance: object) -> None:
    """If a value has changed since the request, the request shows the old value, the present value and the mark
    "Differs".
    """
    detail = RefundRequestPanel(make_window_context())
    detail.show_details(make_refund_details(changed={"captured_minor": (12_000, 11_000)}))
    texts = read_shown_texts(detail)
    heading = texts.index(f"Now, v{make_refund_details().payment.version}")
    assert texts[texts.index("Paid", heading) + 1 :][:3] == ["¥12,000", "¥11,000", "≠ Differs"]


def test_the_disabled_approve_button_shows_its_reason(appearance: object) -> None:
    """The disabled approve button shows the first reason that applies: the refusal of the service, then an old
    provider's answer, then a request that was not read to its end.
    """
    page = ApprovalsPage(make_window_context())
    refused = AllowedAction("approve", False, "reason.refund_approved_by_you")
    assert page.find_approval_disabled_reason(make_refund_details(actions=(refused,))).startswith(
        "You have already approved it"
    )
    old = make_refund_details(payment_sides=make_compared_sides(timedelta(minutes=26)))
    assert page.find_approval_disabled_reason(old).startswith("The gateway's answer is too old")
    assert page.find_approval_disabled_reason(make_refund_details()) == "Read to the end first."
    page.request_panel.details = make_refund_details()
    page.request_panel._read_versions.add((9, 1))
    assert page.find_approval_disabled_reason(make_refund_details()) == ""


def test_the_reason_of_a_refused_key_disappears_when_the_key_works(appearance: object) -> None:
    """After the key of a disabled decision, a bar shows the reason. When the decision has become possible and its
    dialog opens, by the key or by a click, the bar disappears: it would contradict the decision.
    """
    page = ApprovalsPage(make_window_context())
    details = make_refund_details(make_refund(maker="op-c"))
    opened: list[object] = []
    page.action_handlers.open_approve_dialog = opened.append  # type: ignore[method-assign, assignment]
    page.refund_id = 9
    presses: tuple[Callable[[], object], ...] = (
        partial(page.press_button, page.approve_button),
        partial(page.approve_button.click),
    )
    for press in presses:
        page.request_panel._read_versions.clear()
        page._show_details(9, details)
        page.press_button(page.approve_button)
        assert page.list_bar_names() == ("act",)
        page.request_panel._read_versions.add((9, details.record.version))
        page._update_buttons()
        press()
        assert page.list_bar_names() == ()
    assert opened == [details, details]


@pytest.mark.parametrize(("maker", "has_reader"), [("op-c", True), ("worker", False)])
def test_the_program_reads_no_reason_of_a_rejection(
    qtbot: QtBot, appearance: object, maker: str, *, has_reader: bool
) -> None:
    """The page and the dialog of a rejection say that the maker will read the reason, unless the program itself has
    requested the refund.
    """
    context, details = make_window_context(), make_refund_details(make_refund(maker=maker))
    page = ApprovalsPage(context)
    page.refund_id = 9
    page._show_details(9, details)
    assert bool(page.notice_label.plain) == has_reader
    dialog = RejectDialog(context, details, page)
    qtbot.addWidget(dialog)
    assert (f"{maker}, who requested it" in dialog.reason_field.edit.accessibleDescription()) == has_reader


@pytest.mark.parametrize("dialog_type", [RejectDialog, WithdrawDialog])
@pytest.mark.parametrize(("set_aside_id", "words"), [(None, "becomes refundable again"), (2, "is set aside again")])
def test_the_amount_of_a_set_aside_is_set_aside_again(
    qtbot: QtBot,
    appearance: object,
    dialog_type: type[RejectDialog | WithdrawDialog],
    set_aside_id: int | None,
    words: str,
) -> None:
    """If the refund of a set-aside is rejected or withdrawn, its amount is set aside again. The amount of any other
    refund becomes refundable again. The dialog says which.
    """
    details = make_refund_details(make_refund(set_aside_id=set_aside_id))
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = dialog_type(make_window_context(), details, parent)
    assert f"¥8,500 {words}." in dialog._format_released_amount()


def test_a_person_who_has_approved_is_not_asked_again(appearance: object) -> None:
    """If a refund needs two approvers, the title of the request asks no decision of a person who has already approved
    it.
    """
    context = make_window_context()
    context.operator = "lead-b"
    assert format_approval_title(make_refund_details(), context) == "Approve refund of ¥8,500?"
    half = replace(make_refund_details(), record=replace(make_refund_details().record, checkers=("lead-b",)))
    assert format_approval_title(half, context) == "Refund R-9 · ¥8,500"


def test_own_requests_are_listed_separately_without_buttons(appearance: object) -> None:
    """The list shows a person's own requests after the requests of others. The page of an own request offers to probe
    and to withdraw it, but not to approve or decline it.
    """
    page = ApprovalsPage(make_window_context())
    own, other = make_refund(), make_refund(id=10, maker="op-c")
    page.list_panel.show_inbox(ApprovalInbox((make_refund(id=11, maker="lead-c"),), (own, other)))
    assert [card.ref[1] for card in page.list_panel.cards] == [11, 9, 10]
    page.refund_id = 9
    page._show_details(9, make_refund_details(own))
    assert page.approve_button.isHidden()
    assert page.reject_button.isHidden()
    assert not page.withdraw_button.isHidden()
    assert page.notice_label.plain.startswith("This is your own request")
    assert list_decision_keys(page) == {"P", "W"}
    page._show_details(9, make_refund_details(make_refund(maker="op-c")))
    assert list_decision_keys(page) == {"P", "D"}, "the person has not read the request to its end"


def test_own_proposals_are_listed_with_own_requests(appearance: object) -> None:
    """The heading of a person's own requests is also that of the outcomes that the person has proposed; proposals of
    others that the person can't confirm are among those that wait for others.
    """
    context = make_window_context()
    context.operator = "op-a"
    page = ApprovalsPage(context)
    proposals = (
        WaitingProposal(1, "payment", "5", "A-1", "completed", "op-a", NOW, refusal="own_first_half"),
        WaitingProposal(2, "payment", "6", "A-2", "completed", "op-c", NOW, refusal="role"),
        WaitingProposal(3, "payment", "7", "A-3", "completed", "op-c", NOW),
    )
    page.list_panel.show_inbox(ApprovalInbox((), ()), proposals)
    assert [(name, [card.ref[1] for card in cards]) for name, cards in page.list_panel._groups] == [
        ("proposals", [3]),
        ("own", [1]),
        ("others", [2]),
    ]
    cards = {card.ref[1]: card for card in page.list_panel.cards}
    assert {card.remark for card in cards.values()} == {"Proposed outcome: Completed"}  # short enough for each card
    assert [cards[number].icon_name for number in (1, 2, 3)] == ["person", "person", ""]


def test_a_proposal_is_shown_with_the_first_persons_reason(appearance: object) -> None:
    """The panel of a proposed outcome shows the reason that the first person has stated."""
    panel = ProposalPanel(make_window_context())
    summary = "[settlement_report] row 14"
    panel.show_proposal(WaitingProposal(1, "payment", "5", "A-1", "completed", "op-a", NOW, evidence_summary=summary))
    assert "Settlement report: row 14" in [label.plain for label in panel.findChildren(TextLabel)]


def test_an_own_request_that_may_have_been_sent_is_not_withdrawn(appearance: object) -> None:
    """If an own refund may have been sent already, the withdraw button is disabled and shows the reason of the
    service.
    """
    page = ApprovalsPage(make_window_context())
    own = make_refund(state=RefundState.APPROVED)
    refused = AllowedAction("withdraw", False, "reason.refund_perhaps_sent")
    page.refund_id = own.id
    page._show_details(own.id, make_refund_details(own, actions=(refused,)))
    assert not page.withdraw_button.isHidden()
    assert not page.withdraw_button.isEnabled()
    assert page.notice_label.plain == page.withdraw_button.reason != ""  # beside its button
    page._show_details(own.id, make_refund_details(own, actions=(AllowedAction("withdraw", True),)))
    assert page.withdraw_button.isEnabled()


@pytest.mark.parametrize("is_common", [True, False])
def test_a_disabled_decision_has_its_reason_beside_it(appearance: object, *, is_common: bool) -> None:
    """If a request can't be declined, the text beside the button is the reason, and not that the maker is told. A
    reason of both decisions is shown once.
    """
    page = ApprovalsPage(make_window_context())
    refund = make_refund(maker="op-c")
    page.refund_id = refund.id
    page._show_details(refund.id, make_refund_details(refund))
    assert page.notice_label.plain == "op-c will see the reason."
    other_reason = "reason.refund_perhaps_sent" if is_common else "reason.refund_approved_by_you"
    actions = (
        AllowedAction("reject", False, "reason.refund_perhaps_sent"),
        AllowedAction("approve", False, other_reason),
    )
    page._show_details(refund.id, make_refund_details(refund, actions=actions))
    assert page.disabled_reason_label.plain == page.approve_button.reason
    assert page.notice_label.plain == ("" if is_common else page.reject_button.reason)
    assert page.notice_label.isHidden() is is_common


class OneReadableRefund:
    """Services that only read refund 10. The read of another refund fails, as if the database were unreachable."""

    @property
    def refunds(self) -> "OneReadableRefund":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    def read_refund(self, id: int) -> RefundDetails:
        if id != 10:
            raise ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
        return make_refund_details(make_refund(id=10, maker="op-c"))


def test_a_late_failure_of_another_request_disables_no_decision(appearance: object) -> None:
    """The read of a request fails after the person has selected another request, whose data is already shown. The
    page doesn't call this data outdated and keeps its decisions. If the next request can't be read, no text says that
    the page shows earlier data: that was the data of the request before.
    """
    page = ApprovalsPage(make_window_context())
    page.context.runner = runner = InlineRunner(paused=True)
    page.context.store_services(OneReadableRefund())  # type: ignore[arg-type]  # refunds alone
    page.show_refund(9)
    page.show_refund(10)
    runner._queue.reverse()  # the answer about the second request comes first
    runner.execute_oldest_task()
    assert page.reject_button.isEnabled()
    runner.execute_oldest_task()
    assert "failed" not in page.list_bar_names()
    assert (page.find_outdated_reason(), page.reject_button.isEnabled()) == ("", True)
    page.show_refund(9)
    runner.execute_oldest_task()
    assert page.context.translate("screen.not_read_again") not in page._bar_by_name["failed"].sentence
    assert page.find_outdated_reason() == ""


def test_no_request_is_added_or_removed_while_the_pointer_is_on_the_list(appearance: object) -> None:
    """While the pointer is on the list, an automatic read adds and removes no request, but updates the texts of the
    listed requests at once. The additions and removals are shown when the pointer leaves the list. The answer to a
    read that the person has requested is shown at once.
    """
    page = ApprovalsPage(make_window_context())

    def list_card_ids() -> list[int]:
        return [card.ref[1] for card in page.list_panel.cards]

    first, second = make_refund(id=11, maker="lead-c"), make_refund(id=12, maker="lead-c")
    page.list_panel.show_inbox(ApprovalInbox((second,), ()))
    QApplication.sendEvent(page.list_panel, QEvent(QEvent.Type.Enter))
    page.list_panel.show_inbox(ApprovalInbox((first, replace(second, checkers=("lead-x",))), ()), is_automatic=True)
    assert list_card_ids() == [12]
    assert page.list_panel.cards[0].remark == "Approved by lead-x. One more approval is needed."
    QApplication.sendEvent(page.list_panel, QEvent(QEvent.Type.Leave))
    assert list_card_ids() == [11, 12]
    QApplication.sendEvent(page.list_panel, QEvent(QEvent.Type.Enter))
    page.list_panel.show_inbox(ApprovalInbox((second,), ()))
    assert list_card_ids() == [12], "who asks gets what is there"


def find_shown_id(page: ApprovalsPage) -> int | None:
    return page.shown_details.record.id if page.shown_details is not None else None


def test_the_keys_act_on_no_other_request_than_the_selected_card(appearance: object) -> None:
    """While the pointer keeps the card of a proposal in the list that another person has decided meanwhile, the
    person selects this card. The page no longer shows the request that was selected before, and no key decides it.
    """
    page = ApprovalsPage(make_window_context())
    page.context.store_services(OneReadableRefund())  # type: ignore[arg-type]  # refunds alone
    proposal = WaitingProposal(4, "payment", "5", "A-10442", "completed", "op-c", NOW)
    inbox = ApprovalInbox((make_refund(id=10, maker="op-c"),), ())
    page._show_inbox(inbox, (proposal,))
    assert find_shown_id(page) == 10
    QApplication.sendEvent(page.list_panel, QEvent(QEvent.Type.Enter))
    page._show_inbox(inbox, (), is_automatic=True)
    page.list_panel.select_card((PROPOSAL_CARD_KIND, proposal.id))
    assert find_shown_id(page) is None
    assert not page.approve_button.isEnabled()
    assert page.content.currentWidget() is not page.request_with_head
    QApplication.sendEvent(page.list_panel, QEvent(QEvent.Type.Leave))
    assert page.list_panel.current_ref == ("refund", 10)
    assert find_shown_id(page) == 10


def test_the_hints_of_a_proposal_name_the_keys_of_the_list(appearance: object) -> None:
    """While a proposal is current, the line at the bottom still names the keys that export and print the list."""
    page = ApprovalsPage(make_window_context())
    page.context.store_services(OneReadableRefund())  # type: ignore[arg-type]  # refunds alone
    page._show_inbox(
        ApprovalInbox((), ()), (WaitingProposal(4, "payment", "5", "A-10442", "completed", "op-c", NOW),)
    )
    assert page.proposal is not None
    assert {("Ctrl+E",), ("Ctrl+P",)} <= {keys for keys, _ in page.hinted_shortcuts}


def test_a_decided_request_is_listed_under_decided(appearance: object) -> None:
    """A request that the person has just decided stays at its position in the list, under the heading "Decided". It
    disappears when the person has selected another request and the list is read again. An approved refund that is not
    sent yet counts as decided.
    """
    panel = ApprovalListPanel(make_window_context())
    waiting = [make_refund(id=id, maker="lead-c") for id in (11, 12, 13)]

    def list_headings_and_ids() -> list[int | str]:
        lines = panel.card_list._card_model.lines
        return [line if isinstance(line, str) else line.ref[1] for line in lines]

    summaries = {refund.id: RefundRequestSummary(make_payment(), 0) for refund in waiting}
    panel.show_inbox(ApprovalInbox(tuple(waiting), ()), summaries=summaries)
    panel.select_card(("refund", 12))
    approved = replace(waiting[1], state=RefundState.APPROVED, checkers=("lead-b",))
    panel.show_refund(approved)
    divided = ["Waiting for your decision", 11, "Decided", 12, "Waiting for your decision", 13]
    assert list_headings_and_ids() == divided
    assert panel.cards[1].remark == "Approved", "no second approval is needed"
    title = panel.cards[1].title
    later_summaries = {id: summaries[id] for id in (11, 13)}
    panel.show_inbox(ApprovalInbox((waiting[0], waiting[2]), ()), summaries=later_summaries)
    assert list_headings_and_ids() == divided
    panel.show_refund(approved)
    assert panel.cards[1].title == title == make_payment().merchant_payment_id
    assert panel.current_ref == ("refund", 12)
    panel.select_card(("refund", 13))
    panel.show_inbox(ApprovalInbox((waiting[0], waiting[2]), ()))
    assert list_headings_and_ids() == ["Waiting for your decision", 11, 13]


def test_an_empty_list_of_approvals_counts_the_requests_of_others(appearance: object) -> None:
    """If the person has nothing to decide, the page shows how many refunds wait for the decision of other people."""
    page = ApprovalsPage(make_window_context())
    page.inbox = ApprovalInbox((), (make_refund(), make_refund(id=10)))
    page._show_empty_state()
    assert any(
        label.plain == "2 refunds are waiting for other people." for label in page.empty_state.findChildren(TextLabel)
    )


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(("scale", "width", "height"), [(1.0, 1078, 720), (1.5, 1028, 700), (2.0, 978, 680)])
def test_the_approvals_never_scroll_sideways(
    appearance: Appearance, scale: float, width: int, height: int, language: Literal["ja", "en"]
) -> None:
    """In the smallest window and at every text size, with the longest texts, the page has no horizontal
    scroll bar.
    """
    appearance.set_text_scale(scale)
    context = make_window_context()
    context.language = language
    context.operator = "lead-b"
    page = ApprovalsPage(context)
    sheet = PageScrollArea(page)
    sheet.resize(width, height)
    sheet.show()
    broken = RuleCheck(NotAllowedReason.MAKER_NOT_ACTIVE, False, {"maker": "op-a"})
    page.list_panel.show_inbox(ApprovalInbox((make_refund(id=11, maker="lead-c"),), (make_refund(),)))
    page.refund_id = 9
    page._show_details(
        9,
        make_refund_details(
            None,
            MATCHED_RISK_SIGNAL,
            checks=(broken,),
            payment_sides=make_compared_sides(timedelta(minutes=26)),
            corporation=CorporationFacts("1994383991481", date(2026, 11, 20), None),
        ),
    )
    QApplication.processEvents()
    sheet.fit_page()
    QApplication.processEvents()
    assert page.approve_button.isVisible()
    assert sheet.horizontalScrollBar().maximum() == 0
    assert page.width() <= sheet.viewport().width()
    content = page.request_panel.widget()
    assert content is not None
    assert content.minimumSizeHint().width() <= page.request_panel.viewport().width(), (
        "nothing is cut off inside either"
    )
    sheet.hide()


def test_one_scroll_bar_scrolls_the_whole_request(appearance: Appearance) -> None:
    """At the largest text size in a small window, the request panel is as high as its contents, and the keys of the
    page scroll the area around it. No second scroll bar exists inside.
    """
    appearance.set_text_scale(2.0)
    page = ApprovalsPage(make_window_context())
    sheet = PageScrollArea(page)
    sheet.resize(978, 680)
    sheet.show()
    page.refund_id = 9
    page._show_details(9, make_refund_details(None, MATCHED_RISK_SIGNAL))
    for _ in range(5):
        QApplication.processEvents()
    panel, bar = page.request_panel, page.scroll_area.verticalScrollBar()
    assert panel.verticalScrollBar().maximum() == sheet.verticalScrollBar().maximum() == 0
    positions = [bar.value()]
    top = bar.value() + panel.mapTo(page.scroll_area.viewport(), panel.rect().topLeft()).y()
    for key in (Qt.Key.Key_End, Qt.Key.Key_Up, Qt.Key.Key_PageUp, Qt.Key.Key_Home, Qt.Key.Key_Down):
        QTest.keyClick(panel, key)
        QApplication.processEvents()
        positions.append(bar.value())
    start, end, line_up, page_up, home, line_down = positions
    assert start < end > line_up > page_up
    assert home <= top
    assert line_down > home
    sheet.hide()


@pytest.mark.parametrize("way", ["Space", "End", "Tab", "page"])
def test_a_request_counts_as_read_when_its_end_was_shown(appearance: Appearance, way: str) -> None:
    """On a page that scrolls, the end of the request may be below the lower edge of the window. The request counts as
    read only after the person has scrolled to its end. The key Space shows one part after the other, and the key End
    shows the end."""
    appearance.set_text_scale(2.0)
    page = ApprovalsPage(make_window_context())
    sheet = PageScrollArea(page)
    sheet.resize(978, 420)
    sheet.show()
    page.refund_id = 9
    page._show_details(9, make_refund_details(None, MATCHED_RISK_SIGNAL))
    for _ in range(5):
        QApplication.processEvents()
    panel, own_bar = page.request_panel, page.request_panel.verticalScrollBar()
    bar = page.scroll_area.verticalScrollBar()
    assert bar.maximum() > 0
    assert sheet.verticalScrollBar().maximum() == 0, "the buttons of the decision stay in sight"
    bar.setValue(0)
    own_bar.setValue(own_bar.maximum())
    QApplication.processEvents()
    assert (
        page.find_approval_disabled_reason(make_refund_details(None, MATCHED_RISK_SIGNAL)) == "Read to the end first."
    )
    match way:
        case "Space":
            own_bar.setValue(0)
            for _ in range(100):
                if is_approvable(page):
                    break
                before = bar.value(), own_bar.value()
                QTest.keyClick(panel, Qt.Key.Key_Space)
                moved = bar.value() - before[0], own_bar.value() - before[1]
                assert min(moved) == 0 < max(moved), "one of the two moves on, so nothing is passed over"
        case "End":
            QTest.keyClick(panel, Qt.Key.Key_End)
        case "Tab":
            panel.focus_stops[-1].setFocus()
            QApplication.sendEvent(panel.focus_stops[-1], QFocusEvent(QEvent.Type.FocusIn))
        case _:
            bar.setValue(bar.maximum())
    assert is_approvable(page)
    assert own_bar.value() == own_bar.maximum()
    sheet.hide()


def test_the_next_person_reads_a_request_anew(appearance: Appearance) -> None:
    """Another person signs in after one has read a request to its end. The request is shown from its start, and the
    button to approve waits until this person has reached the end, too."""
    context = make_window_context()
    context.change_operator("lead-b")
    page = ApprovalsPage(context)
    page.resize(978, 420)
    page.show()
    page.refund_id = 9
    page._show_details(9, make_refund_details(None, MATCHED_RISK_SIGNAL))
    for _ in range(5):
        QApplication.processEvents()
    QTest.keyClick(page.request_panel, Qt.Key.Key_End)
    assert is_approvable(page)
    context.change_operator("lead-c")
    QApplication.processEvents()
    details = page.request_panel.details
    assert details is not None
    assert page.find_approval_disabled_reason(details) == "Read to the end first."
    QTest.keyClick(page.request_panel, Qt.Key.Key_End)
    assert is_approvable(page)
    page.hide()


def is_approvable(page: ApprovalsPage) -> bool:
    return page.find_approval_disabled_reason(make_refund_details(None, MATCHED_RISK_SIGNAL)) == ""


@pytest.mark.parametrize(("scale", "width", "height"), [(1.0, 1078, 560), (2.0, 978, 680)])
def test_a_bar_hides_no_line_of_a_request_that_was_read(
    appearance: Appearance, scale: float, width: int, height: int
) -> None:
    """A bar below the request, such as the bar of a probe, makes the request panel lower. If the person has scrolled
    to the end, the end stays visible while the approve button is enabled, even if the request is shown again."""
    appearance.set_text_scale(scale)
    page = ApprovalsPage(make_window_context())
    sheet = PageScrollArea(page)
    sheet.resize(width, height)
    sheet.show()
    page.refund_id = 9
    page._show_details(9, make_refund_details(None, MATCHED_RISK_SIGNAL))
    for _ in range(5):
        QApplication.processEvents()
    panel = page.request_panel
    assert not panel._is_lower_edge_visible()
    assert not is_approvable(page)
    QTest.keyClick(panel, Qt.Key.Key_End)
    assert is_approvable(page)
    page.show_bar("act", NotificationBar("Nothing changed.", "", tone="good", icon_name="check"))
    for _ in range(5):
        QApplication.processEvents()
    assert panel._is_lower_edge_visible()
    page._show_details(9, make_refund_details(None, MATCHED_RISK_SIGNAL))
    page.show_bar("more", NotificationBar("Nothing changed.", "", tone="good", icon_name="check"))
    for _ in range(5):
        QApplication.processEvents()
    assert panel._is_lower_edge_visible()
    assert is_approvable(page)
    sheet.hide()


def test_an_empty_page_of_set_asides_offers_no_refund(appearance: object) -> None:
    """If no money is set aside, the page shows the text of an empty list and hides the button that requests a
    refund.
    """
    page = SetAsidesPage(make_window_context())
    page._show_set_asides(())
    assert page.request_button.isHidden()
    assert "R" not in {key for keys, _ in page.hint_bar.key_hints for key in keys}
    assert page.table_or_empty_state.currentWidget() is page.table_or_empty_state.empty_state


@pytest.mark.parametrize(
    ("name", "expected_title"), [("lead-b", "Approve refund of ¥8,500?"), ("aud-e", "Refund request of ¥8,500")]
)
def test_only_an_approver_is_asked_to_approve(appearance: object, name: str, expected_title: str) -> None:
    """The title of a request asks an approver to approve it, and the line about an old answer tells the approver to
    probe before that. A person who may not approve reads which request it is."""
    context = make_window_context()
    context.change_operator(name)
    context.replace_people(
        (Person("lead-b", frozenset({APPROVER}), may_buy=False), Person("aud-e", frozenset({AUDITOR}), may_buy=False))
    )
    details = make_refund_details(payment_sides=make_compared_sides(None))
    detail = RefundRequestPanel(context)
    detail.show_details(details)
    assert format_approval_title(details, context) == expected_title
    assert ("Probe before approving." in read_shown_texts(detail)) == (name == "lead-b")


@pytest.mark.parametrize(("language", "label"), [("en", "Corporation number"), ("ja", "法人番号")])
def test_a_card_names_the_company_or_labels_its_number(language: Literal["en", "ja"], label: str) -> None:
    """The card of a refund or proposal has the company's name that a credit check has. If no name is known, it has
    the corporation number, labelled as such."""
    context = make_window_context()
    context.change_language(language)
    summary = RefundRequestSummary(make_payment(), 0)
    proposal = WaitingProposal(1, "payment", "5", "A-1", "completed", "op-a", NOW, corporation_number="2010401907731")
    for name, detail in (("株式会社水面", "株式会社水面"), (None, f"{label} 2 0104 0190 7731")):
        refund = replace(make_refund(), name_in_credit_check=name)
        assert make_refund_card(refund, context, summary).detail == detail
        assert make_proposal_card(replace(proposal, name_in_credit_check=name), context).detail == detail


def test_a_missing_approver_is_a_reason_against_a_refund(qtbot: QtBot) -> None:
    """If a refund needs two approvals and only one more person may approve, the reasons say so, and the last panel
    says it, too."""
    context = make_window_context()
    detail = RefundRequestPanel(context)
    details = make_refund_details(needed_checker_count=2, missing_approver_count=1)
    (sentence,) = (text for _, text, _, _ in detail.list_reasons_against_refund(details))
    assert "too few people may approve now: 1 more approver is needed." in sentence
    detail._make_approval_effect_panel(details)
    assert detail._end_panel is not None
    texts = " ".join(label.plain for label in detail._end_panel.findChildren(TextLabel))
    assert "no one else may approve now" in texts
    assert detail.list_reasons_against_refund(make_refund_details(needed_checker_count=2)) == []


@pytest.mark.parametrize(
    ("person", "heading"), [("op-a", "Nothing found against this request"), ("lead-b", "No reasons to decline found")]
)
def test_a_maker_reads_of_no_reasons_to_decline(qtbot: QtBot, person: str, heading: str) -> None:
    """Only a person who may decline a request reads of reasons to decline; its maker doesn't."""
    context = make_window_context()
    context.change_operator(person)
    panel = RefundRequestPanel(context)._make_reasons_against_panel(
        make_refund_details(replace(make_refund(), maker="op-a"))
    )
    assert heading in [label.plain for label in panel.findChildren(TextLabel)]
