"""Texts and widgets that the refund dialogs and the approval page share: risk signals, rules, cooling-off period, and
the people who decide about a refund."""

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget

from console.domain.payments.limits import SECOND_CHECKER_ABOVE
from console.domain.payments.service_results import RefundPlan, RiskSignal, RuleCheck
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.theme.theme import current_appearance
from console.views.widgets.base import IconLabel, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.wording import limit_words
from console.wording.sentences import catalogue as wording

MIN_LARGE_TEXT_SCALE = 1.2
"""Text scale from which `arrange_side_by_side` puts widgets one below the other."""


def format_risk_signal(risk_signal: RiskSignal, context: WindowContext) -> str:
    """Return the sentence that describes a risk signal of a refund."""
    wording_key = f"radar.{risk_signal.rule}"
    if not wording.has_sentence(wording_key):
        return context.translate("radar.other", rule=risk_signal.rule)
    return context.translate(wording_key, **wording.convert_amount_facts(_parse_times_in_facts(risk_signal.facts)))


def _parse_times_in_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts of a risk signal, with `at` and `until` converted from the texts that the database stores to
    datetime values."""
    return {name: _parse_time_if_text(value) if name in ("at", "until") else value for name, value in facts.items()}


def _parse_time_if_text(value: object) -> object:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def make_risk_signal_link(risk_signal: RiskSignal, context: WindowContext) -> LinkButton | None:
    """Return a link to the record that a risk signal is about; None if the signal is about no record."""
    if risk_signal.kind is None or risk_signal.id is None:
        return None
    link = LinkButton(context.translate("action.open"), has_arrow=True, role="small")
    link.setProperty("kind", risk_signal.kind)
    link.setProperty("case", risk_signal.id)
    return link


def format_rule_check(check: RuleCheck, context: WindowContext, currency: str) -> str:
    """Return the sentence about the result of a checked refund rule: the refund fulfils the rule, or the reason why
    it doesn't. `currency` is the currency of the amounts in the sentence."""
    wording_key = f"check.{check.rule}" if check.holds else f"check.{check.rule}.broken"
    placeholder_values = wording.convert_amount_facts({**check.facts, "currency": currency})
    return (
        context.translate(wording_key, **placeholder_values)
        if wording.has_sentence(wording_key)
        else context.translate("check.other", rule=check.rule)
    )


def make_rule_check_line(rule_check: RuleCheck, context: WindowContext, currency: str) -> QWidget:
    icon_name, tone = ("check", "good") if rule_check.holds else ("cross", "bad")
    return make_icon_line(icon_name, tone, format_rule_check(rule_check, context, currency))  # type: ignore[arg-type]  # a tone


def arrange_side_by_side(*widgets: QWidget, stretched_widget: QWidget) -> QLayout:
    """Return a layout with the widgets side by side. If the text scale is MIN_LARGE_TEXT_SCALE or larger, the widgets
    are placed one below the other. The widget `stretched_widget` gets the free width."""
    if current_appearance().scale >= MIN_LARGE_TEXT_SCALE:
        for widget in widgets:
            widget.setMinimumHeight(widget.sizeHint().height())
        return make_column(*widgets, gap_px=8)
    row = make_row(gap_px=14)
    for widget in widgets:
        row.addWidget(widget, int(widget is stretched_widget), Qt.AlignmentFlag.AlignTop)
    return row


def make_icon_line(icon_name: str, tone: Tone, text: str) -> QWidget:
    """Return a widget with an icon and a text in one line. `icon_name` is the name of the icon, `tone` the tone of
    the icon. The text has the tone `bad` if the icon has this tone, otherwise the colour of ordinary text."""
    line = QWidget()
    line.setLayout(
        make_row(
            IconLabel(icon_name, tone, 14), TextLabel(text, "body", "bad" if tone == "bad" else "text"), gap_px=6
        )
    )
    return line


def format_cooling_off_period(plan: RefundPlan, context: WindowContext) -> str:
    if plan.cooling_off_until is None:
        return context.translate("dialog.refund.no_cooling_off")
    return context.translate("dialog.refund.cooling_off", at=plan.cooling_off_until)


def format_checkers(plan: RefundPlan, context: WindowContext) -> str:
    """Return the text about the people who may approve the refund: their names, if these are known, and the number of
    approvers that the refund needs (one or two). If people are registered, but fewer of them than needed may approve
    the refund (none, or one of two), the text states this lack of approvers.
    """
    if context.people and not plan.approvers:
        return context.translate("dialog.refund.asked_no_one")
    if plan.needs_second_checker:
        is_one_missing = len(plan.approvers) == 1
        key = "dialog.refund.asked_two_but_one" if is_one_missing else "dialog.refund.asked_two"
        return context.translate(key, people=plan.approvers)
    return context.translate("dialog.refund.asked_one", people=plan.approvers)


def format_second_checker_reasons(plan: RefundPlan, context: WindowContext) -> str:
    """Return the sentence with all limits and conditions because of which the planned refund needs two approvers; ""
    if one approver is enough."""
    if not plan.needs_second_checker:
        return ""
    reasons = [_format_second_checker_reason(plan, name, context) for name in plan.second_checker_reasons]
    return context.translate("dialog.refund.two_because", reasons=reasons)


def _format_second_checker_reason(plan: RefundPlan, name: str, context: WindowContext) -> str:
    """Return the text of the limit or condition `name`, because of which the planned refund needs two approvers, with
    its value."""
    limits = plan.limits
    value = limits.second_checker_above if name == SECOND_CHECKER_ABOVE else limits.conditions[name]
    limit_name = limit_words.format_limit_name(name, context.language)
    return f"{limit_name}: {limit_words.format_limit_value(name, value, limits.currency, context.language)}"
