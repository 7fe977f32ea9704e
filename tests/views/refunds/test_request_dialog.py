"""Tests of the form and the review of a refund request: which requests the form refuses before an approver sees them,
and which inputs it requires.
"""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.domain.access.permissions import APPROVER
from console.domain.error_reasons import InProgressReason, OverLimitReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment, Refund, RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.service_results import RefundPlan, RiskSignal, RuleCheck
from console.domain.records import Person
from console.views.refunds.request_dialog import RefundDialog
from console.views.refunds.request_form import EQUAL_RECENT_REFUND_RULE, RefundForm
from console.views.refunds.request_review import OrderNumberConfirmation
from console.views.refunds.texts import format_checkers
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.display.money_strip import MoneyPanel
from console.views.widgets.window.notification_bars import NotificationBar
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_window_context
from tests.views.invented_payments import MONEY_PARTS, OPEN_SET_ASIDE, make_payment, make_refund, make_refund_plan

FREQUENT_PAYER_SIGNAL = RiskSignal("payer_often", {"n": 4, "days": 30}, "refund", 7)
LOOKALIKE_SIGNAL = RiskSignal(
    EQUAL_RECENT_REFUND_RULE, {"minor": 8_500, "currency": "JPY", "maker": "op-c"}, "refund", 8
)


class RefundServices:
    """Services that only have refunds. They return the given refund plan, and store the requests."""

    def __init__(self, plan: RefundPlan) -> None:
        self.made, self.requests = plan, list[RefundRequest]()
        self.planned_set_asides: list[int | None] = []
        self.plan_error: ConsoleError | None = None

    @property
    def refunds(self) -> "RefundServices":
        return self

    def acting_as(self, _name: str | None) -> Any:
        return nullcontext()

    @property
    def recovery(self) -> "RefundServices":
        return self

    def probe(self, _kind: str, _id: int, *, request_id: str | None = None) -> Payment:
        """Return the payment unchanged, as after a probe without a new answer."""
        return self.made.payment

    def make_plan(self, _payment_id: int, _amount: str | None = None, set_aside_id: int | None = None) -> RefundPlan:
        self.planned_set_asides.append(set_aside_id)
        if self.plan_error is not None:
            raise self.plan_error
        return self.made

    def request(self, request: RefundRequest, *, request_id: str | None = None) -> Refund:
        self.requests.append(request)
        return make_refund()


def make_form(*hits: RiskSignal, **other: Any) -> RefundForm:
    made = RefundForm(make_window_context(), make_refund_plan(*hits, **other))
    made.reason_list.setCurrentIndex(0)
    return made


def test_the_form_is_prefilled_with_the_refundable_amount(appearance: object) -> None:
    """The form already contains the whole refundable amount, and the person only has to select a reason."""
    made = RefundForm(make_window_context(), make_refund_plan())
    assert made.amount_edit.text() == "12,000"
    assert made.full_amount_button.isChecked()
    assert made.find_disabled_reason() == "Select a reason first."
    made.reason_list.setCurrentIndex(0)
    assert made.find_disabled_reason() == ""
    assert made.make_request() == RefundRequest(5, "12000", "", saw=7, reason_code=RefundReason.ORDERED_TWICE)


def test_a_partial_refund_shows_the_remaining_refundable_amount(appearance: object) -> None:
    """If a person types a smaller amount, the form selects "partial", and shows the amount that remains
    refundable.
    """
    made = make_form()
    made.amount_edit.setText("8500")
    assert made.partial_amount_button.isChecked()
    assert made.remainder_label.plain == "Refundable after this request: ¥3,500"


@pytest.mark.parametrize(("currency", "symbol"), [("JPY", "¥"), ("INR", "₹")])
def test_the_currency_stands_inside_the_amount_field(parent: QWidget, currency: str, symbol: str) -> None:
    """The currency sign is at the left end inside the amount field, and even the longest amount doesn't overlap
    it.
    """
    made = RefundForm(make_window_context(), make_refund_plan(payment=make_payment(currency=currency)))
    made.setParent(parent)
    made.show()
    symbols = [label for label in made.amount_edit.findChildren(TextLabel) if label.isVisible()]
    assert [label.plain for label in symbols] == [symbol]
    made.amount_edit.setText("9" * 40)
    made.amount_edit.setCursorPosition(0)
    assert symbols[0].geometry().right() <= made.amount_edit.cursorRect().center().x()


def test_an_amount_typed_over_the_prefilled_one_has_every_digit(parent: QWidget) -> None:
    """Typing an amount over the prefilled one selects "partial", and the field contains every typed digit. Selecting
    "full" restores the whole amount.
    """
    made = make_form()
    made.setParent(parent)
    made.show()
    made.amount_edit.setFocus()
    made.amount_edit.selectAll()
    QTest.keyClicks(made.amount_edit, "8500")
    assert (made.amount_edit.text(), made.partial_amount_button.isChecked()) == ("8500", True)
    made.full_amount_button.click()
    assert (made.amount_edit.text(), made.partial_amount_button.isChecked()) == ("12,000", False)
    made.partial_amount_button.click()
    assert made.amount_edit.selectedText() == "12,000"


def test_every_risk_signal_needs_an_answer(appearance: object) -> None:
    """The review is possible only after the requester has answered each risk signal. The answers are sent with the
    request.
    """
    made = make_form(FREQUENT_PAYER_SIGNAL)
    assert made.find_disabled_reason() == "Answer each warning before the review."
    made._answer_field_by_rule["payer_often"].edit.setText("four returns")  # type: ignore[union-attr]  # a line
    assert made.find_disabled_reason() == ""
    assert made.make_request().answers == (("payer_often", "four returns"),)


def test_no_warning_links_to_the_payment_of_the_form(appearance: object) -> None:
    """A warning about the refunded payment itself has no link to it: the dialog stands on its page."""
    form = make_form(FREQUENT_PAYER_SIGNAL)
    payment_id = form.plan.payment.id
    own_signal = RiskSignal("may_be_reversed", {"until": "2026-12-02T22:48:00+00:00"}, "payment", payment_id)
    for signals, link_count in (((own_signal,), 0), ((FREQUENT_PAYER_SIGNAL,), 1)):
        shown_form = make_form(*signals)
        kinds = [link.property("kind") for link in shown_form.findChildren(LinkButton)]
        assert [kind for kind in kinds if kind] == ["refund"] * link_count


def test_an_exact_repeat_must_be_confirmed(appearance: object) -> None:
    """A request with the same amount as an earlier one requires a tick in the check box that confirms the repetition.
    An answer in words isn't enough.
    """
    made = make_form(LOOKALIKE_SIGNAL)
    made._answer_field_by_rule[EQUAL_RECENT_REFUND_RULE].edit.setText("a second one")  # type: ignore[union-attr]  # a line
    assert made.find_disabled_reason() == "Confirm that the repeated refund is intended."
    made.intended_repeat_box.setChecked(True)
    assert made.find_disabled_reason() == ""
    assert made.make_request().intended_repeat


def test_answers_to_risk_signals_survive_a_changed_plan(appearance: object) -> None:
    """A changed amount can change the risk signals. The typed answer to a signal that remains stays in the form."""
    made = make_form(FREQUENT_PAYER_SIGNAL)
    made._answer_field_by_rule["payer_often"].edit.setText("four returns")  # type: ignore[union-attr]  # a line
    made.show_plan(make_refund_plan(FREQUENT_PAYER_SIGNAL, LOOKALIKE_SIGNAL))
    assert dict(made.list_risk_signal_answers()) == {"payer_often": "four returns", EQUAL_RECENT_REFUND_RULE: ""}


def test_a_broken_rule_is_shown_with_its_limit(appearance: object) -> None:
    """The reason why a request is refused contains the limit and the already used amount."""
    broken = RuleCheck(OverLimitReason.LIMIT_PER_PERSON_AND_DAY, False, {"limit": 3_000_000, "today": 2_999_000})
    made = make_form(checks=(broken,))
    assert made.find_disabled_reason() == "This exceeds the daily limit of ¥3,000,000 (¥2,999,000 used today)."


@pytest.mark.parametrize("hits", [(), (FREQUENT_PAYER_SIGNAL,), (LOOKALIKE_SIGNAL,)])
def test_a_broken_rule_is_shown_before_a_missing_input(appearance: object, hits: tuple[RiskSignal, ...]) -> None:
    """If the amount exceeds a limit, the form shows this first, because no reason or answer to a warning can make
    this request possible."""
    broken = RuleCheck(OverLimitReason.LIMIT_PER_PERSON_AND_DAY, False, {"limit": 3_000_000, "today": 2_999_000})
    made = RefundForm(make_window_context(), make_refund_plan(*hits, checks=(broken,)))
    assert made.reason_code is None
    assert made.find_disabled_reason() == "This exceeds the daily limit of ¥3,000,000 (¥2,999,000 used today)."


def test_the_error_of_an_amount_is_on_one_line(appearance: object, qtbot: QtBot) -> None:
    """The error of a wrong amount may be wider than the narrow input, and isn't repeated in the footer."""
    made = make_form()
    qtbot.addWidget(made)
    made.resize(600, 400)
    made.show()
    made.amount_edit.setText("999999999")
    assert made.find_disabled_reason() == "Correct the refund amount."
    label = made.amount_field._message_label
    qtbot.waitUntil(lambda: label.width() >= label.measure_line_width() > made.amount_field.width())
    assert label.plain == "At most ¥12,000 can be refunded."


def test_money_set_aside_is_refunded_whole(appearance: object) -> None:
    """A set-aside can only be refunded as a whole: the form has the amount of the set-aside, refuses a part of it,
    and ignores the payment's other amounts.
    """
    made = RefundForm(make_window_context(), make_refund_plan(set_aside=OPEN_SET_ASIDE))
    assert made.amount_edit.text() == "6,000"
    assert made.find_disabled_reason() == ""
    made.amount_edit.setText("5000")
    assert made.find_disabled_reason() == "Correct the refund amount."
    assert made.amount_edit.accessibleDescription() == "Money set aside can only be refunded in full: ¥6,000."


@pytest.fixture
def parent(qtbot: QtBot, appearance: object) -> QWidget:
    window = QWidget()
    window.resize(1280, 800)
    qtbot.addWidget(window)
    window.show()
    return window


def test_a_repeated_read_of_the_plan_is_about_the_same_set_aside(parent: QWidget, qtbot: QtBot) -> None:
    """When the dialog reads the plan again for the typed amount, it asks for the plan of the same set-aside."""
    context, plan = make_window_context(), make_refund_plan(set_aside=OPEN_SET_ASIDE)
    services = RefundServices(plan)
    context.store_services(services)  # type: ignore[arg-type]  # refunds are all it takes
    RefundDialog(context, plan, parent)._read_plan_for_typed_amount()
    qtbot.waitUntil(lambda: bool(services.planned_set_asides))
    assert set(services.planned_set_asides) == {OPEN_SET_ASIDE.id}


def test_a_new_plan_of_only_money_set_aside_is_followed(parent: QWidget, qtbot: QtBot) -> None:
    """The dialog of an ordinary refund reads its plan again, and by now only money set aside can be refunded. The
    form then offers this money and requests its refund, and the next read of the plan is about this set-aside.
    """
    dialog, services, _ = open_dialog(parent, qtbot, make_refund_plan())
    money = replace(MONEY_PARTS, refundable=0, set_aside=6_000)
    services.made = make_refund_plan(money=money, set_aside=OPEN_SET_ASIDE)
    dialog._read_plan_for_typed_amount()
    qtbot.waitUntil(lambda: dialog.plan is services.made)
    dialog.form.amount_edit.setText("6000")
    assert dialog.form.find_disabled_reason() == ""
    assert dialog.form.make_request().set_aside_id == OPEN_SET_ASIDE.id
    dialog._read_plan_for_typed_amount()
    qtbot.waitUntil(lambda: services.planned_set_asides[1:] == [OPEN_SET_ASIDE.id])


def open_dialog(
    parent: QWidget, qtbot: QtBot, plan: RefundPlan
) -> tuple[RefundDialog, RefundServices, WindowContext]:
    at, desk = make_window_context(), RefundServices(plan)
    at.store_services(desk)  # type: ignore[arg-type]  # refunds are all it takes
    dialog = RefundDialog(at, plan, parent)
    dialog.form.reason_list.setCurrentIndex(0)
    dialog.open()
    return dialog, desk, at


def test_the_subtitle_has_every_known_fact(parent: QWidget) -> None:
    """A fact that is missing, such as the payer of a payment found by a reconciliation, is left out of the subtitle;
    the other facts stay."""
    facts = "Order A-10442 · 2 0104 0190 7731 · PayPay · paid ¥12,000 at 2026-11-20 15:04:05 JST"
    for payer, subtitle in (("PAYER-1234", f"{facts} · customer ****1234"), (None, facts)):
        plan = make_refund_plan(payment=make_payment(payer=payer))
        assert RefundDialog(make_window_context(), plan, parent)._subtitle.plain == subtitle
    plan = make_refund_plan(payment=make_payment(payer=None, name_in_credit_check="株式会社水面"))
    subtitle = facts.replace("2 0104", "株式会社水面 · 2 0104")
    assert RefundDialog(make_window_context(), plan, parent)._subtitle.plain == subtitle


@pytest.mark.parametrize("width_px", [300, 640, 1000])
def test_the_checks_of_a_refund_are_in_columns(parent: QWidget, qtbot: QtBot, width_px: int) -> None:
    """The checks, the cooling-off period and the approvers are in columns of equal width, so that each line has its
    items below those of the line above it."""
    dialog, _, _ = open_dialog(parent, qtbot, make_refund_plan())
    lines = dialog.form._rule_lines
    lines.setParent(None)
    qtbot.addWidget(lines)
    lines.resize(width_px, lines.heightForWidth(width_px))
    lines.show()
    items = [child for child in lines.findChildren(QWidget) if child.parentWidget() is lines]
    item_count_by_y = Counter(item.y() for item in items)
    assert len(items) >= 3
    assert len({item.x() for item in items}) == max(item_count_by_y.values())
    assert all(count == max(item_count_by_y.values()) for count in [*item_count_by_y.values()][:-1])


def test_similar_payments_are_distinguished_by_order_and_company(parent: QWidget, qtbot: QtBot) -> None:
    """The form and the review show the order, the company, the amount, the time and the masked payer, so that a
    person can distinguish two similar payments. If there is no order, they leave it out.
    """
    at_order, without = (
        open_dialog(parent, qtbot, made)[0] for made in (make_refund_plan(), make_refund_plan(order=None))
    )
    rest = "2 0104 0190 7731 · PayPay · paid ¥12,000 at 2026-11-20 15:04:05 JST · customer ****1234"
    assert f"Order A-10442 · {rest}" in read_shown_texts(at_order)
    assert rest in read_shown_texts(without)
    qtbot.waitUntil(at_order.main_button.isEnabled)
    at_order.main_button.click()
    assert f"Order A-10442 · {rest}" in read_shown_texts(at_order)


def read_shown_texts(dialog: RefundDialog) -> list[str]:
    return [label.plain for label in dialog.findChildren(TextLabel)]


def test_the_review_says_that_nothing_is_sent_yet(parent: QWidget, qtbot: QtBot) -> None:
    """The review states that nothing has been sent yet, and its cancel button has the focus. A second press of the
    main button requests the refund without a further question.
    """
    dialog, desk, at = open_dialog(parent, qtbot, make_refund_plan())
    qtbot.waitUntil(dialog.main_button.isEnabled)
    dialog.form.ticket_edit.setText("T-88213")
    dialog.main_button.click()
    assert dialog.windowTitle() == "Request refund of ¥12,000?"
    assert "T-88213" in read_shown_texts(dialog)
    assert dialog.review is not None
    (bar,) = dialog.review.findChildren(NotificationBar)
    assert "Nothing is sent to PayPay until another person approves." in bar.sentence
    assert dialog.hint.plain == "Enter cancels while Cancel is selected."
    assert [panel.refundable_amount_label.plain for panel in dialog.review.findChildren(MoneyPanel)] == [
        "¥12,000 → ¥0"
    ]
    assert desk.requests == []
    at.runner = runner = InlineRunner(paused=True)
    dialog.main_button.click()
    dialog.main_button.click()
    dialog._show_review_or_send_request()
    assert dialog.main_button.text() == "Waiting for the answer..."
    runner.execute_oldest_task()
    assert len(desk.requests) == 1
    assert dialog.windowTitle() == "Refund R-9 requested, ¥8,500"


def test_only_the_plan_for_the_typed_amount_opens_the_review(parent: QWidget, qtbot: QtBot) -> None:
    """While the answers of the service are slow, the person types a second amount. The plan for the first amount
    doesn't open the review of the second one, whose plan may need two approvers.
    """
    dialog, desk, at = open_dialog(parent, qtbot, make_refund_plan())
    qtbot.waitUntil(dialog.main_button.isEnabled)
    at.runner = runner = InlineRunner(paused=True)
    for amount in ("100", "12000"):
        dialog.form.amount_edit.setText(amount)
        dialog.form._plan_request_timer.stop()
        dialog.form._request_plan()
    runner.execute_oldest_task()
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == at.translate("dialog.refund.reading")
    desk.made = make_refund_plan(second_checker_reasons=("second_checker_above",))
    runner.execute_oldest_task()
    assert dialog.main_button.isEnabled()
    dialog.main_button.click()
    assert dialog.review is not None
    assert dialog.review.needs_order_number


def test_the_review_stays_closed_after_a_failed_read_of_the_plan(parent: QWidget, qtbot: QtBot) -> None:
    """The plan for the typed amount couldn't be read. Other inputs don't open the review with the plan for an earlier
    amount; they read the plan again."""
    dialog, services, context = open_dialog(parent, qtbot, make_refund_plan())
    qtbot.waitUntil(dialog.main_button.isEnabled)
    context.runner = runner = InlineRunner(paused=True)
    services.plan_error = ConsoleError(ErrorCode.DATABASE_LOCKED)
    dialog.form.amount_edit.setText("8500")
    dialog.form._plan_request_timer.stop()
    dialog.form._request_plan()
    runner.execute_oldest_task()
    failure_text = dialog.hint.plain
    services.plan_error = None
    services.made = make_refund_plan(second_checker_reasons=("second_checker_above",))
    dialog.form.explanation_edit.setText("twice")
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == context.translate("dialog.refund.reading") != failure_text
    runner.execute_oldest_task()
    dialog.main_button.click()
    assert dialog.review is not None
    assert dialog.review.needs_order_number


def test_the_review_waits_for_a_running_probe(parent: QWidget, qtbot: QtBot) -> None:
    """The answer of a probe brings a new plan. It doesn't come behind a review that shows the plan before it, and
    doesn't enable the button of the review."""
    old = make_refund_plan(payment=make_payment(told_at=NOW - timedelta(hours=30)))
    dialog, services, context = open_dialog(parent, qtbot, old)
    context.runner = runner = InlineRunner(paused=True)
    dialog._probe_payment()
    services.made = make_refund_plan()
    dialog.form._plan_request_timer.stop()
    dialog.form._request_plan()
    runner.execute_newest_task()
    assert not dialog.main_button.isEnabled()
    assert dialog.hint.plain == context.translate("dialog.busy")
    runner.execute_oldest_task()
    runner.execute_oldest_task()
    qtbot.waitUntil(dialog.main_button.isEnabled)


def test_a_failed_probe_reenables_the_review(parent: QWidget, qtbot: QtBot) -> None:
    dialog, _, _ = open_dialog(parent, qtbot, make_refund_plan())
    qtbot.waitUntil(dialog.main_button.isEnabled)
    dialog._is_probing = True
    dialog._update_main_button()
    assert not dialog.main_button.isEnabled()
    dialog._show_probe_failure(Failure(ErrorCode.PROVIDER_UNREACHABLE))
    assert dialog.main_button.isEnabled()


def test_a_smaller_refundable_amount_unchecks_the_button_for_all_of_it(appearance: object) -> None:
    """The typed amount was the whole refundable amount. After the refundable amount has become smaller, the typed
    amount stays, and the button for a part is selected instead."""
    form = make_form()
    form.show_plan(make_refund_plan(payment=make_payment(provider_refunded_minor=3_500)))
    assert form.amount_edit.text() == "12,000"
    assert form.partial_amount_button.isChecked()


def test_quick_clicks_open_the_review_and_request_nothing(parent: QWidget, qtbot: QtBot) -> None:
    """Three quick clicks on the button of the form open the review. At 200 % text the button of the review, which
    sends the request, is at the same place; it accepts the mouse only after 600 ms, but the keyboard at once.
    """
    current_appearance().set_text_scale(2.0)
    dialog, desk, at = open_dialog(parent, qtbot, make_refund_plan())
    qtbot.waitUntil(dialog.main_button.isEnabled)
    button, left = dialog.main_button, Qt.MouseButton.LeftButton
    place = button.mapTo(dialog, button.rect().center())
    for click in (QTest.mouseClick, QTest.mouseDClick, QTest.mouseClick):
        click(dialog.windowHandle(), left, Qt.KeyboardModifier.NoModifier, place)
    assert dialog.review is not None
    QTest.mouseClick(button, left)
    assert desk.requests == []
    button._mouse_ignored_until -= 1.0
    at.runner = InlineRunner(paused=True)
    QTest.mouseClick(button, left)
    assert dialog.is_busy


def test_a_disabled_form_shows_its_reason_once(parent: QWidget, qtbot: QtBot) -> None:
    """While another refund of the payment has an unknown outcome, the form is disabled and shows the reason exactly
    once, next to the disabled button.
    """
    broken = (
        RuleCheck(InProgressReason.OTHER_REFUND_OPEN, False),
        RuleCheck(OverLimitReason.LIMIT_PER_REFUND, True),
    )
    made = make_refund_plan(refusal_code="refund_unknown", refusal_facts={"refund": 9}, checks=broken)
    dialog, _, _ = open_dialog(parent, qtbot, made)
    assert not [bar for bar in dialog.findChildren(NotificationBar) if bar.isVisible()]
    shown_texts = [label.plain for label in dialog.findChildren(TextLabel) if label.isVisible()]
    assert "Within the per-refund limit" in shown_texts
    assert "Another refund of this payment is open." not in shown_texts
    assert shown_texts.count("The outcome of refund R-9 is unknown. Open it to see the next step.") == 1
    assert dialog.hint.plain == "The outcome of refund R-9 is unknown. Open it to see the next step."
    assert not dialog.form.takes_input
    assert not dialog.main_button.isEnabled()


def test_a_disabled_form_leads_to_the_refund_that_excludes_another(parent: QWidget, qtbot: QtBot) -> None:
    """While another refund of the payment is open, the form takes no input, but the link to that refund works."""
    made = make_refund_plan(FREQUENT_PAYER_SIGNAL, refusal_code="refund_open", refusal_facts={"refund": 7})
    dialog, _, _ = open_dialog(parent, qtbot, made)
    inputs = (dialog.form.amount_edit, dialog.form.reason_list, dialog.form.explanation_edit, dialog.form.ticket_edit)
    assert not any(widget.isEnabled() for widget in inputs)
    (link,) = (link for link in dialog.form.findChildren(LinkButton) if link.isVisible())
    with qtbot.waitSignal(dialog.form.risk_signal_opened) as opened:
        link.click()
    assert opened.args == ["refund", 7]


def test_an_old_answer_requires_a_probe_before_the_request(parent: QWidget, qtbot: QtBot) -> None:
    """If the gateway's answer is old, the request button is disabled, and the probe button is shown next to the
    reason.
    """
    old = make_payment(told_at=NOW - timedelta(hours=30))
    dialog, desk, _ = open_dialog(parent, qtbot, make_refund_plan(payment=old))
    assert dialog.is_answer_old
    assert dialog.probe_button.isVisible()
    assert dialog.hint.plain == "The gateway's answer is old. Probe before requesting a refund."
    desk.made = make_refund_plan()
    dialog._store_and_show_plan(make_refund_plan())
    assert not dialog.probe_button.isVisible()
    qtbot.waitUntil(dialog.main_button.isEnabled)


def test_an_answer_that_grows_old_again_can_be_renewed_again(parent: QWidget, qtbot: QtBot) -> None:
    """If the gateway's answer is still old after a probe, the probe button is shown and enabled again."""
    old = make_refund_plan(payment=make_payment(told_at=NOW - timedelta(hours=30)))
    dialog, _, _ = open_dialog(parent, qtbot, old)
    dialog.probe_button.set_busy("Probing...")
    dialog._read_plan_after_probe(None)
    dialog._store_and_show_plan(old)
    assert dialog.probe_button.isVisible()
    assert (dialog.probe_button.text(), dialog.probe_button.isEnabled()) == ("Probe", True)


def test_a_large_amount_requires_the_last_four_digits(parent: QWidget, qtbot: QtBot) -> None:
    """The review of a large refund requires the last four characters of the order number before the refund can be
    requested.
    """
    dialog, desk, _ = open_dialog(parent, qtbot, make_refund_plan(second_checker_reasons=("second_checker_above",)))
    qtbot.waitUntil(dialog.main_button.isEnabled)
    dialog.main_button.click()
    assert not dialog.main_button.isEnabled()
    review = dialog.review
    assert review is not None
    review.order_number_check.field.edit.setText("0442")  # type: ignore[union-attr]  # a line
    assert dialog.main_button.isEnabled()
    assert desk.requests == []
    assert OrderNumberConfirmation(make_window_context(), "A-1").find_disabled_reason() != ""


@pytest.mark.parametrize(
    ("order_number", "typed_text"), [("A-1 042", " 042"), ("A-1 042", "042"), ("A-12 42", "2 42"), ("A-042 ", "042 ")]
)
def test_an_order_number_with_a_space_can_be_confirmed(
    appearance: object, order_number: str, typed_text: str
) -> None:
    """A space at the edge of the last four characters needn't be typed, because the field ignores one there."""
    check = OrderNumberConfirmation(make_window_context(), order_number)
    check.field.edit.setText(typed_text)  # type: ignore[union-attr]  # a line
    assert check.find_disabled_reason() == ""
    check.field.edit.setText("043")  # type: ignore[union-attr]  # a line
    assert check.find_disabled_reason() != ""


def test_the_conditions_for_two_approvers_are_named_and_fit(parent: QWidget, qtbot: QtBot) -> None:
    """The review names each condition because of which the refund needs two approvers. Their text wraps, so that the
    dialog doesn't become wider.
    """
    conditions = {"second_above_paypay": 100, "second_checker_age": 9, "second_checker_payer": 1}
    limited = replace(make_refund_plan().limits, conditions=conditions)
    widths = []
    for made in (make_refund_plan(), make_refund_plan(limits=limited, second_checker_reasons=tuple(conditions))):
        dialog, _, _ = open_dialog(parent, qtbot, made)
        qtbot.waitUntil(dialog.main_button.isEnabled)
        dialog.main_button.click()
        assert dialog.review is not None
        widths.append(dialog.review.minimumSizeHint().width())
        words = dialog.review.second_checker_label.plain
        dialog.reject()
    assert words == (
        "Two approvers are needed: Two approvers above, PayPay: ¥100, Two approvers for payments older than: 9 days, "
        "Two approvers after refunds of the customer in 30 days: 1 refund."
    )
    assert widths[1] <= max(widths[0], 600)


def test_a_refused_amount_shows_no_results_of_another_amount(qtbot: QtBot) -> None:
    made = make_form()
    qtbot.addWidget(made)
    made.amount_edit.setText("999999999")
    assert made.remainder_label.plain.endswith("–")
    assert not made._rule_lines.isVisibleTo(made)
    made.amount_edit.setText("1")
    assert not made.remainder_label.plain.endswith("–")
    assert made._rule_lines.isVisibleTo(made)


def test_the_form_states_that_nobody_else_can_approve() -> None:
    """If no other person may approve refunds, the form says so. If no people are registered, the form shows a dash,
    because then any other name may approve.
    """
    context = make_window_context()
    alone = replace(make_refund_plan(), approvers=())
    assert format_checkers(alone, context) == "Approver: –"
    context.people = (Person("lead-b", frozenset({APPROVER}), may_buy=False),)
    assert format_checkers(alone, context) == "No one else may approve refunds now."
    assert format_checkers(make_refund_plan(), context) == "Approver: lead-b, lead-c"
    needs_two = replace(make_refund_plan(), second_checker_reasons=("second_checker_above",))
    assert format_checkers(needs_two, context) == "Two approvers: lead-b, lead-c"
    only_one = replace(needs_two, approvers=("lead-b",))
    assert format_checkers(only_one, context) == "Two approvers are needed; only lead-b may approve now."
