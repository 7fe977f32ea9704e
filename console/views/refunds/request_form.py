"""The form of a refund request: amount, reason, ticket number, the maker's answer to each risk signal, and the
results of the rules for refunds."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QSignalBlocker, QTimer, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QLayout, QWidget

from console.domain.error_reasons import OverLimitReason, RefundWindowReason
from console.domain.money import InvalidAmountText, Money, format_decimal, parse_typed_money
from console.domain.payments.consistency import compute_overpaid_minor, list_unrefunded_payments
from console.domain.payments.records import RefundRequest, SetAside
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.service_results import RefundPlan, RiskSignal
from console.views.refunds import texts as refund_words
from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    IconLabel,
    Surface,
    TextLabel,
    ToneBox,
    discard_widget,
    make_column,
    make_icon_row,
    make_row,
    set_visible_in_parent,
)
from console.views.widgets.controls.inputs import (
    CheckBox,
    DropDownList,
    Field,
    LineEdit,
    RadioButton,
    make_labelled_control,
)
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import records as record_texts
from console.wording.sentences import catalogue as wording

EQUAL_RECENT_REFUND_RULE = "exact_lookalike"
"""Key of the rule that is broken if a refund of the same amount of the payment was requested within the last 24
hours.
"""
_ALWAYS_SHOWN_REFUND_RULES = frozenset(
    {
        OverLimitReason.LIMIT_PER_REFUND,
        OverLimitReason.LIMIT_PER_PERSON_AND_DAY,
        RefundWindowReason.REFUND_PERIOD_OVER,
    }
)
"""Rules of refunds that the form shows even if they are fulfilled. Every other rule is shown only if it is broken."""
_PLAN_REQUEST_DELAY_MS = 350
_MAX_TEXT_CHARACTERS = 300


class RefundForm(QWidget):
    """The form with the inputs of a refund request. At first, the amount is the largest amount that the person can
    request, and the other inputs are empty. If the payments of the order exceed its total, or if the amounts of the
    payment, of the provider and of the order disagree, the amount is empty, too, because several amounts are equally
    likely (decision 0164). If the refund is paid from money set aside, the form selects the reason at first.

    Signals:
    - changed: an input has changed, so `find_disabled_reason` may return another reason.
    - amount_changed(str): the person has typed another amount (decimal text in major units), so the dialog must read
      the refund plan for this amount.
    - risk_signal_opened(str, int): the person wants to open the record of a risk signal, which has this kind and id.
    """

    changed = Signal()
    amount_changed = Signal(str)
    risk_signal_opened = Signal(str, int)

    def __init__(self, context: WindowContext, plan: RefundPlan) -> None:
        super().__init__()
        self._context, self.plan = context, plan
        self._answer_field_by_rule: dict[str, Field] = {}
        self.intended_repeat_box = CheckBox(context.translate("dialog.refund.intended"))
        self._make_input_widgets()
        self._risk_signal_box = QWidget()
        self._rule_lines = QWidget()
        self._plan_request_timer = QTimer(self, singleShot=True, interval=_PLAN_REQUEST_DELAY_MS)
        self._plan_request_timer.timeout.connect(self._request_plan)
        self._form_layout = self._build_layout()
        self.setLayout(self._form_layout)
        # Typing an amount chooses the matching button: Tab goes on to the reason.
        tab_stops = (
            self.overpaid_amount_button,
            self.full_amount_button,
            self.partial_amount_button,
            self.amount_edit,
            self.reason_list,
            self.explanation_edit,
        )
        for widget, next_widget in pairwise((*tab_stops, self.ticket_edit)):
            QWidget.setTabOrder(widget, next_widget)
        self._connect_signals()
        self.show_plan(plan)

    # -- construction

    def _make_input_widgets(self) -> None:
        translate, currency = self._context.translate, self.plan.payment.currency
        amount_label = translate("dialog.refund.amount", currency=translate(f"currency.{currency}"))
        self.amount_field = Field(
            amount_label,
            role="figure",
            is_right_aligned=True,
            currency_symbol=wording.get_currency_symbol(currency),
        )
        self.overpaid_amount_button, self.full_amount_button = RadioButton(""), RadioButton("")
        self.partial_amount_button = RadioButton(translate("dialog.refund.part"))
        self._amount_buttons = QButtonGroup(self)
        for button in (self.overpaid_amount_button, self.full_amount_button, self.partial_amount_button):
            self._amount_buttons.addButton(button)
        self.difference_label = TextLabel("", "body", "care", wraps_lines=True)
        self._show_amount_choices()
        self.full_amount_button.setChecked(not self._has_contradicting_amounts)
        self.remainder_label = TextLabel("", "small", "muted")
        self.reason_list = DropDownList(
            translate("field.reason"), placeholder=translate("dialog.refund.choose_reason")
        )
        for code in RefundReason:
            self.reason_list.addItem(translate(f"refund_reason.{code}"), code)
        self.reason_list.setCurrentIndex(list(RefundReason).index(RefundReason.SET_ASIDE) if self._set_aside else -1)
        self.explanation_field = Field(translate("dialog.refund.words"))
        self.ticket_field = Field(translate("field.ticket"), role="data")
        self.amount_edit, self.explanation_edit, self.ticket_edit = (
            _get_line_edit(field) for field in (self.amount_field, self.explanation_field, self.ticket_field)
        )
        if not self._has_contradicting_amounts:
            self.amount_edit.setText(wording.format_amount_digits(self.largest_requestable_minor, currency))
        self.explanation_edit.setMaxLength(_MAX_TEXT_CHARACTERS)
        self.ticket_edit.setMaxLength(60)

    def _build_layout(self) -> QLayout:
        translate = self._context.translate
        # With large text the fields stand one below the other. Only the input line is then narrow: the layout wraps
        # an error message at the width of the field, which stays wide.
        narrow_widget = (
            self.amount_edit if current_appearance().scale >= refund_words.MIN_LARGE_TEXT_SCALE else self.amount_field
        )
        narrow_widget.setFixedWidth(round(168 * current_appearance().scale))
        amount_choice = make_flow_widget(
            self.overpaid_amount_button, self.full_amount_button, self.partial_amount_button, gap_px=16
        )
        amount_choice.setAccessibleName(translate("dialog.refund.extent"))
        labelled_choice = make_labelled_control(translate("dialog.refund.extent"), amount_choice)
        first_row = refund_words.arrange_side_by_side(
            self.amount_field, labelled_choice, stretched_widget=labelled_choice
        )
        labelled_reason = make_labelled_control(translate("field.reason"), self.reason_list)
        if narrow_widget is self.amount_field:
            first_row = make_column(first_row, self.amount_field.detach_message_row(), gap_px=4)
        second_row = refund_words.arrange_side_by_side(
            labelled_reason, self.explanation_field, self.ticket_field, stretched_widget=self.explanation_field
        )
        self.ticket_field.setFixedWidth(round(112 * current_appearance().scale))
        return make_column(
            self.difference_label,
            first_row,
            self.remainder_label,
            second_row,
            self._risk_signal_box,
            self._rule_lines,
            gap_px=12,
        )

    def _connect_signals(self) -> None:
        self.amount_edit.textChanged.connect(self._handle_typed_amount)
        self._amount_buttons.buttonToggled.connect(self._fill_or_focus_amount)
        for edit in (self.explanation_edit, self.ticket_edit):
            edit.textChanged.connect(self.changed)
        self.reason_list.currentIndexChanged.connect(self.changed)
        self.intended_repeat_box.checkStateChanged.connect(self.changed)

    def get_draft_inputs(self) -> dict[str, QWidget]:
        """Return the widgets whose contents a draft stores, by the name of the input. They include the answers only
        to those risk signals that the present plan contains."""
        answer_inputs = {f"answer.{rule}": field for rule, field in self._answer_field_by_rule.items()}
        return {
            "amount": self.amount_field,
            "reason": self.reason_list,
            "words": self.explanation_field,
            "ticket": self.ticket_field,
            **answer_inputs,
        }

    # -- plan for the present amount

    def show_plan(self, plan: RefundPlan) -> None:
        """Show the risk signals and the results of the rules of a refund plan that was just read. The person's answer
        to a risk signal stays if the form already showed this signal."""
        self.plan = plan
        answer_by_rule = {rule: field.text() for rule, field in self._answer_field_by_rule.items()}
        self.intended_repeat_box.setParent(self)  # its parent is deleted with the old risk signals
        self.intended_repeat_box.hide()
        self._show_amount_choices()
        self._replace_widget("_risk_signal_box", self._make_risk_signal_box(answer_by_rule))
        self._replace_widget("_rule_lines", self._make_rule_lines())
        if self._amount_buttons.checkedButton() in (self.overpaid_amount_button, self.full_amount_button):
            self._check_button_of_amount()  # the amounts of the buttons may have changed, the typed one has not
        self._show_remaining_refundable()
        self.changed.emit()

    def _replace_widget(self, name: str, widget: QWidget) -> None:
        old_widget: QWidget = getattr(self, name)
        self._form_layout.replaceWidget(old_widget, widget)
        discard_widget(old_widget)
        setattr(self, name, widget)

    def _make_risk_signal_box(self, answer_by_rule: Mapping[str, str]) -> QWidget:
        """Return a box with the risk signals, in one group for each rule; if there are none, an empty widget, because
        a line of `_make_rule_lines` then says so. Each group has a field for the maker's answer. A signal about
        another record than the payment has a link to this record. `answer_by_rule` are the texts that the person has
        typed so far, by the name of the rule."""
        translate, risk_signals = self._context.translate, self.plan.risk_signals
        self._answer_field_by_rule = {}
        holder = QWidget()
        if not risk_signals:
            return holder
        title_row = make_row(
            IconLabel("look_alike", "care", 16),
            TextLabel(translate("dialog.refund.radar"), "panel_title"),
            TextLabel(str(len(risk_signals)), "small_data", "muted"),
            None,
            *(
                ()
                if self.is_every_amount_refused
                else (TextLabel(translate("dialog.refund.told"), "small", "muted"),)
            ),
            gap_px=6,
        )
        signal_box = ToneBox("care")
        group_column = make_column(gap_px=0)
        rules = list(dict.fromkeys(signal.rule for signal in risk_signals))
        for rule in rules:
            signals_of_rule = [signal for signal in risk_signals if signal.rule == rule]
            group_column.addWidget(
                self._make_risk_signal_group(
                    signals_of_rule, answer_by_rule.get(rule, ""), is_last_group=rule == rules[-1]
                )
            )
        signal_box.setLayout(group_column)
        holder.setLayout(make_column(title_row, signal_box, gap_px=6))
        return holder

    def _make_risk_signal_group(
        self, risk_signals: Sequence[RiskSignal], answer: str, *, is_last_group: bool
    ) -> QWidget:
        """Return a widget with all risk signals of one rule and one field for the maker's answer to these signals.
        `answer` is the text that the maker has typed so far; `is_last_group` is True for the last group of the box.
        """
        group = Surface(edge="none" if is_last_group else "bottom")
        signal_lines = [self._make_risk_signal_line(signal) for signal in risk_signals]
        rule, signal_text = risk_signals[0].rule, refund_words.format_risk_signal(risk_signals[0], self._context)
        answer_field = Field(self._context.translate("dialog.refund.answer"))
        answer_field.label.hide()
        answer_edit = _get_line_edit(answer_field)
        answer_edit.setAccessibleName(self._context.translate("dialog.refund.answer_to", signal=signal_text))
        answer_edit.setPlaceholderText(self._context.translate("dialog.refund.answer"))
        answer_edit.setMaxLength(_MAX_TEXT_CHARACTERS)
        answer_edit.setText(answer)
        answer_edit.textChanged.connect(self.changed)
        self._answer_field_by_rule[rule] = answer_field
        if self.is_every_amount_refused:  # nothing can be answered
            answer_field.hide()
        checkboxes = [self.intended_repeat_box] if rule == EQUAL_RECENT_REFUND_RULE else []
        for checkbox in checkboxes:
            checkbox.show()
        group.setLayout(make_column(*signal_lines, answer_field, *checkboxes, gap_px=4, margins=(12, 8, 12, 8)))
        return group

    def _make_risk_signal_line(self, risk_signal: RiskSignal) -> QWidget:
        sentence_label = TextLabel(refund_words.format_risk_signal(risk_signal, self._context), wraps_lines=True)
        line = make_icon_row("look_alike", "care", 14, sentence_label, gap_px=8)
        is_about_refunded_payment = (risk_signal.kind, risk_signal.id) == ("payment", self.plan.payment.id)
        link = refund_words.make_risk_signal_link(risk_signal, self._context)
        if link is not None and not is_about_refunded_payment:
            link.clicked.connect(self._open_risk_signal)
            line.addWidget(link)
        line_widget = QWidget()
        line_widget.setLayout(line)
        return line_widget

    def _make_rule_lines(self) -> QWidget:
        currency = self.plan.payment.currency
        shown_checks = [
            check
            for check in self.plan.checks
            if (check.rule in _ALWAYS_SHOWN_REFUND_RULES if check.holds else not self.is_every_amount_refused)
        ]
        lines = [refund_words.make_rule_check_line(check, self._context, currency) for check in shown_checks]
        if not self.plan.risk_signals:
            lines.insert(
                0, refund_words.make_icon_line("check", "good", self._context.translate("dialog.refund.no_hits"))
            )
        lines.append(
            refund_words.make_icon_line(
                "clock", "muted", refund_words.format_cooling_off_period(self.plan, self._context)
            )
        )
        lines.append(
            refund_words.make_icon_line("person", "muted", refund_words.format_checkers(self.plan, self._context))
        )
        return make_flow_widget(*lines, gap_px=20, line_gap_px=6, has_equal_columns=True)

    # -- inputs

    @property
    def _set_aside(self) -> SetAside | None:
        """The money set aside from which the refund is paid; None for an ordinary refund."""
        return self.plan.set_aside

    @property
    def is_every_amount_refused(self) -> bool:
        """True if a person can request no amount at present. The dialog then shows the reason next to its main
        button, so the form doesn't show the broken rule."""
        return bool(self.plan.refusal_code)

    @property
    def largest_requestable_minor(self) -> int:
        """The largest amount that the person can request, in minor units. This is the refundable amount, or a smaller
        amount if the provider has reported refunds that were made outside this console and that our sums don't
        contain. For a refund from money set aside, it is the amount that is set aside."""
        if self._set_aside:
            return self._set_aside.amount_minor
        return min(self.plan.money.refundable, self.plan.payment.requestable_minor)

    @property
    def overpaid_minor(self) -> int:
        """The part of the requestable amount (minor units) by which the payments of the order exceed its total; 0 if
        there is no such part, or if it is the whole requestable amount."""
        if self._set_aside:
            return 0
        overpaid_minor = compute_overpaid_minor(self.plan.payment, self.plan.order, self.plan.order_payments)
        return overpaid_minor if overpaid_minor < self.largest_requestable_minor else 0

    @property
    def _has_contradicting_amounts(self) -> bool:
        """True if the amounts of the payment, of the provider and of the order disagree, so that the program doesn't
        know which amount the person wants to refund."""
        return bool(self._format_difference())

    def _format_difference(self) -> str:
        """Return the sentence about amounts that disagree; "" if there is no such difference, for a refund of money
        set aside, or if every amount is refused. If the provider reports another amount than the paid one, the
        sentence names these two. Otherwise it names the paid amount and the order's total, if `overpaid_minor` isn't
        0 or the currencies differ. There is no sentence for a payment below the order's total, because it is refunded
        like any other payment.
        """
        payment, order, translate = self.plan.payment, self.plan.order, self._context.translate
        paid_text = self._format_amount(payment.captured_minor)
        if self._set_aside or self.is_every_amount_refused:
            return ""
        if payment.provider_minor not in (None, payment.captured_minor):
            reported_text = self._format_amount(payment.provider_minor or 0)
            return translate("dialog.refund.differs_at_provider", paid=paid_text, reported=reported_text)
        if order is not None and (self.overpaid_minor or order.currency != payment.currency):
            total_text = wording.format_amount(order.total_minor, order.currency)
            counted_payments = list_unrefunded_payments(payment, self.plan.order_payments)
            if len(counted_payments) == 1:
                return translate("dialog.refund.differs_from_order", paid=paid_text, total=total_text)
            sum_text = self._format_amount(
                sum(counted_payment.captured_minor for counted_payment in counted_payments)
            )
            return translate("dialog.refund.differ_from_order", paid=sum_text, total=total_text)
        return ""

    def _show_amount_choices(self) -> None:
        """Show the amounts of the radio buttons, and the sentence about amounts that disagree. They can change with
        each read of the plan; the amount that the person has typed stays."""
        translate, difference_text = self._context.translate, self._format_difference()
        self.full_amount_button.setText(
            translate("dialog.refund.all_left", amount=self._format_amount(self.largest_requestable_minor))
        )
        self.overpaid_amount_button.setText(
            translate("dialog.refund.overpaid", amount=self._format_amount(self.overpaid_minor))
        )
        set_visible_in_parent(self.overpaid_amount_button, bool(self.overpaid_minor))
        self.difference_label.show_text(difference_text)
        set_visible_in_parent(self.difference_label, bool(difference_text))

    @property
    def entered_money(self) -> Money | None:
        """The amount that the person has typed; None if the text isn't a positive amount."""
        try:
            money = parse_typed_money(self.amount_edit.text(), self.plan.payment.currency)
        except InvalidAmountText:
            return None
        return money if money.minor > 0 else None

    @property
    def reason_code(self) -> RefundReason | None:
        """The reason that the person has selected in the list of reasons; None if none is selected."""
        return RefundReason(self.reason_list.currentData()) if self.reason_list.currentIndex() >= 0 else None

    def format_reason(self) -> str:
        """Return the reason of the refund as a text for display: the text of the selected reason, and the text that
        the person has typed."""
        return record_texts.format_refund_reason_text(
            self.reason_code, self.explanation_edit.text().strip(), self._context
        )

    @property
    def takes_input(self) -> bool:
        """True if the person can fill in the form."""
        return self.amount_field.isEnabled()

    def set_takes_input(self, takes_input: bool) -> None:
        """Enable or disable the inputs. The links to the similar refunds stay enabled: one of them may lead to the
        open refund because of which the person can't request another one.
        """
        for widget in (
            self.amount_field,
            self.overpaid_amount_button,
            self.full_amount_button,
            self.partial_amount_button,
            self.reason_list,
            self.explanation_field,
            self.ticket_field,
            self.intended_repeat_box,
        ):
            widget.setEnabled(takes_input)

    def list_risk_signal_answers(self) -> tuple[tuple[str, str], ...]:
        """Return the maker's answers to the risk signals, each as a pair: the name of the signal's rule, and the
        typed text."""
        return tuple((rule, field.text().strip()) for rule, field in self._answer_field_by_rule.items())

    def make_request(self) -> RefundRequest:
        """Return the refund request with the present inputs."""
        entered_money = self.entered_money
        return RefundRequest(
            self.plan.payment.id,
            format_decimal(entered_money) if entered_money is not None else "",
            self.explanation_edit.text().strip(),
            reason_code=self.reason_code,
            intended_repeat=EQUAL_RECENT_REFUND_RULE in self._answer_field_by_rule
            and self.intended_repeat_box.isChecked(),
            ticket=self.ticket_edit.text().strip() or None,
            set_aside_id=self._set_aside.id if self._set_aside else None,
            saw=self.plan.payment.version,
            answers=self.list_risk_signal_answers(),
        )

    def find_disabled_reason(self) -> str:
        """Return the reason why the person can't continue to the review yet; "" if the person can. If the amount is
        wrong, the reason is only that fact, because the form shows the error at the amount field."""
        translate, amount_error = self._context.translate, self._find_amount_problem()
        is_untouched = not self.amount_edit.text() and self._amount_buttons.checkedButton() is None
        self.amount_field.show_error("" if is_untouched else amount_error)
        if amount_error:
            return translate("dialog.refund.fix_amount") if self.amount_edit.text() else amount_error
        broken_check = next((check for check in self.plan.checks if not check.holds), None)
        if broken_check:  # no answer below can make the refund possible
            return refund_words.format_rule_check(broken_check, self._context, self.plan.payment.currency)
        if not self.reason_code:
            return translate("dialog.refund.needs_reason")
        if self.reason_code == "other" and not self.explanation_edit.text().strip():
            return translate("dialog.refund.needs_words")
        if any(not answer for _, answer in self.list_risk_signal_answers()):
            return translate("dialog.refund.needs_answers")
        if EQUAL_RECENT_REFUND_RULE in self._answer_field_by_rule and not self.intended_repeat_box.isChecked():
            return translate("dialog.refund.needs_intent")
        return ""

    def _find_amount_problem(self) -> str:
        """Return the text about the error in the typed amount, with the correction; "" if the amount is valid."""
        translate, amount_text, money = self._context.translate, self.amount_edit.text().strip(), self.entered_money
        if not amount_text:
            return translate("dialog.refund.needs_amount")
        if not amount_text.isascii():
            return translate("dialog.refund.ascii_only")
        if money is None:
            return translate("dialog.refund.no_amount")
        if money.minor > self.largest_requestable_minor:
            return translate("dialog.refund.too_much", most=Money(self.largest_requestable_minor, money.currency))
        must_be_whole = self._set_aside is not None and money.minor != self.largest_requestable_minor
        return (
            translate("dialog.refund.set_aside_whole", amount=Money(self.largest_requestable_minor, money.currency))
            if must_be_whole
            else ""
        )

    # -- effects

    @Slot()
    def _handle_typed_amount(self) -> None:
        """Adapt the form to a newly typed amount: select its radio button (overpaid, whole or partial amount), show
        the remaining refundable amount, emit `changed`, and start the timer after which the refund plan is requested.
        """
        self._check_button_of_amount()
        self._show_remaining_refundable()
        self.changed.emit()
        self._plan_request_timer.start()

    def _check_button_of_amount(self) -> None:
        """Select the radio button that has the typed amount."""
        entered_money = self.entered_money
        entered_minor = None if entered_money is None else entered_money.minor
        if entered_minor is not None and entered_minor == self.overpaid_minor:
            button = self.overpaid_amount_button
        elif entered_minor == self.largest_requestable_minor:
            button = self.full_amount_button
        else:
            button = self.partial_amount_button
        # A change of the radio buttons by the program must not be treated as the choice of the person: that would
        # replace the typed amount.
        with QSignalBlocker(self._amount_buttons):
            button.setChecked(True)

    @Slot(QAbstractButton, bool)
    def _fill_or_focus_amount(self, button: QAbstractButton, is_on: bool) -> None:
        """If the person has selected the overpaid or the whole refundable amount, put it into the amount field; if
        they have selected a partial amount, give the amount field the focus."""
        if not is_on:
            return
        if button is self.partial_amount_button:
            self.amount_edit.setFocus()
            self.amount_edit.selectAll()
            return
        is_overpaid = button is self.overpaid_amount_button
        amount_minor = self.overpaid_minor if is_overpaid else self.largest_requestable_minor
        self.amount_edit.setText(wording.format_amount_digits(amount_minor, self.plan.payment.currency))

    def _show_remaining_refundable(self) -> None:
        entered_money = self.entered_money
        remaining_minor = max(
            0, self.plan.money.refundable - (0 if self._set_aside or entered_money is None else entered_money.minor)
        )
        has_problem = bool(self._find_amount_problem())
        amount_text = wording.NO_VALUE if has_problem else self._format_amount(remaining_minor)
        self.remainder_label.show_text(self._context.translate("dialog.refund.after", amount=amount_text))
        # The signals are about the amount.
        self._risk_signal_box.setVisible(bool(self.plan.risk_signals and self.amount_edit.text()))
        self._rule_lines.setVisible(not has_problem)  # the shown results are those of the last valid amount

    @Slot()
    def _request_plan(self) -> None:
        entered_money = self.entered_money
        if entered_money is not None and entered_money.minor <= self.largest_requestable_minor:
            self.amount_changed.emit(format_decimal(entered_money))

    @property
    def is_plan_pending(self) -> bool:
        """True from the moment at which the person changes the amount until the form requests the refund plan for the
        new amount."""
        return self._plan_request_timer.isActive()

    @Slot()
    def _open_risk_signal(self) -> None:
        link = self.sender()
        self.risk_signal_opened.emit(str(link.property("kind")), int(link.property("case")))

    def _format_amount(self, amount_minor: int) -> str:
        return wording.format_amount(amount_minor, self.plan.payment.currency)


def _get_line_edit(field: Field) -> LineEdit:
    edit = field.edit
    assert isinstance(edit, LineEdit)  # noqa: S101  # a field of one line: tells the type checker
    return edit
