"""Texts that the refund dialogs and the approval page share: risk signals, rules, cooling-off period, people who
decide.
"""

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QWidget

from console.domain.payments.service_results import RefundPlan, RiskSignal, RuleCheck
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ShapeIcon, TextLabel, make_column, make_row
from console.views.widgets.buttons import LinkButton
from console.wording import catalogue as wording

LARGE_TEXT_SCALE = 1.2
"""Text scale from which `side_by_side` puts widgets one below the other."""


def risk_signal_sentence(hit: RiskSignal, context: WindowContext) -> str:
    """Return the sentence that describes a risk signal of a refund."""
    key = f"radar.{hit.rule}"
    if not wording.has_sentence(key):
        return context.translate("radar.other", rule=hit.rule)
    return context.translate(key, **wording.format_amounts(_add_times(hit.facts)))


def _add_times(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts of a risk signal with the values of `at` and `until` as datetimes; the database stores them as
    text.
    """
    return {name: _time_text(value) if name in ("at", "until") else value for name, value in facts.items()}


def _time_text(value: object) -> object:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def risk_signal_link(hit: RiskSignal, context: WindowContext) -> LinkButton | None:
    """Return a link to the record of a risk signal; None if the signal has no record."""
    if hit.kind is None or hit.id is None:
        return None
    link = LinkButton(context.translate("action.open"), chevron=True, role="small")
    link.setProperty("kind", hit.kind)
    link.setProperty("case", hit.id)
    return link


def check_sentence(check: RuleCheck, context: WindowContext, currency: str) -> str:
    """Return the result of a checked rule of refunds as a sentence: the rule is fulfilled, or in which way it is
    broken.
    """
    key = f"check.{check.rule}" if check.holds else f"check.{check.rule}.broken"
    facts = wording.format_amounts({**check.facts, "currency": currency})
    return (
        context.translate(key, **facts)
        if wording.has_sentence(key)
        else context.translate("check.other", rule=check.rule)
    )


def check_line(rule_check: RuleCheck, context: WindowContext, currency: str) -> QWidget:
    shape, tone = ("check", "good") if rule_check.holds else ("cross", "bad")
    return sign_line(shape, tone, check_sentence(rule_check, context, currency))  # type: ignore[arg-type]  # a tone


def side_by_side(*parts: QWidget, stretched: QWidget) -> QLayout:
    """Return a layout with the widgets side by side; with large text (LARGE_TEXT_SCALE), one below the other.
    `stretched` is the widget that takes the free width.
    """
    if current_appearance().scale >= LARGE_TEXT_SCALE:
        for part in parts:
            part.setMinimumHeight(part.sizeHint().height())
        return make_column(*parts, gap=8)
    box = make_row(gap=14)
    for part in parts:
        box.addWidget(part, int(part is stretched), Qt.AlignmentFlag.AlignTop)
    return box


def sign_line(shape: str, tone: Tone, words: str) -> QWidget:
    """Return a widget with an icon and a text in one line."""
    holder = QWidget()
    holder.setLayout(
        make_row(ShapeIcon(shape, tone, 14), TextLabel(words, "body", "bad" if tone == "bad" else "text"), gap=6)
    )
    return holder


def cooling_off_text(plan: RefundPlan, context: WindowContext) -> str:
    if plan.cooling_off_until is None:
        return context.translate("dialog.refund.no_cooling_off")
    return context.translate("dialog.refund.cooling_off", at=plan.cooling_off_until)


def checkers_text(plan: RefundPlan, context: WindowContext) -> str:
    """Return the text about the people who may approve the refund, with their names if they are known. A large amount
    needs two of them.
    """
    if plan.second_checker:
        return context.translate("dialog.refund.asked_two", people=plan.approvers)
    return context.translate("dialog.refund.asked_one", people=plan.approvers)
