"""Texts of alerts: the observed and the expected values, and the route to the record on which a person must act."""

import re

from console.domain.alerts.rules import GRACE_PERIODS, RULES
from console.domain.tasks.records import Alert, AlertItem, Rule
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import Route, route_to
from console.wording import catalogue as wording

_ORDER_PATTERN = re.compile(r"order=(?P<state>[a-z]+)")
_PAYMENT_PATTERN = re.compile(
    r"payment(?: (?P<id>\d+))?=(?P<state>[a-z_]+)"
    r"(?: (?P<minor>\d+) (?P<currency>[A-Z]{3}))?(?: after=(?P<after>[a-z_]+))?"
)
_AMOUNT_PATTERN = re.compile(r"\b(\d{1,15}) (JPY|INR)\b")
_REFUND_OR_COMPENSATION = "refund|compensation"


def rule_text(alert: Alert, context: WindowContext) -> str:
    """Return the short text of the alert's rule, or the rule's id if there is no text."""
    key = wording.rule_sentence_key(alert.rule_id)
    return context.translate(key) if key else alert.rule_id


def finding_words(text: str, context: WindowContext) -> str:
    """Return the observed or expected value of an alert as text for people: words in place of the codes of states,
    and formatted amounts. Text of another form stays unchanged.
    """
    if text == _REFUND_OR_COMPENSATION:
        return context.translate("alerts_screen.refund_or_compensation")
    return context.translate(
        "alerts_screen.joined", parts=[_finding_part_words(part, context) for part in text.split("; ")]
    )


def why_text(item: AlertItem, context: WindowContext) -> str:
    """Return the explanation of an alert about an order and its payments: the defect, the observed and expected
    values, and the age of the alert. Return "" for an alert about another record, because the page of that record has
    the explanation.
    """
    alert = item.alert
    if alert.rule_id not in RULES or alert.order_no is None:
        return ""
    facts = context.translate(
        "alerts_screen.facts",
        observed=finding_words(alert.observed, context),
        expected=finding_words(alert.expected, context),
        age=context.age_text(alert.detected_at),
    )
    defect = context.translate(f"alerts_screen.why.{alert.rule_id}", grace=GRACE_PERIODS[Rule(alert.rule_id)])
    return f"{defect} {facts}"


def _finding_part_words(part: str, context: WindowContext) -> str:
    if match := _ORDER_PATTERN.fullmatch(part):
        return context.translate("alerts_screen.order_is", state=_state_word("order", match["state"], context))
    match = _PAYMENT_PATTERN.fullmatch(part)
    if match is None:
        return _AMOUNT_PATTERN.sub(_amount_text, part)
    facts: dict[str, object] = {"state": _state_word("payment", match["state"], context)}
    if match["id"] is None:
        return context.translate("alerts_screen.payment_is", **facts)
    amount = wording.format_amount(int(match["minor"] or 0), match["currency"] or "JPY")
    facts |= {"id": match["id"], "amount": amount}
    if match["after"] is None:
        return context.translate("alerts_screen.payment_of", **facts)
    return context.translate(
        "alerts_screen.payment_after", **facts, after=_state_word("payment", match["after"], context)
    )


def _amount_text(match: re.Match[str]) -> str:
    """Return the amount that a part of an alert's text contains (minor units and currency) as formatted text."""
    return wording.format_amount(int(match[1]), match[2])


def _state_word(kind: str, state: str, context: WindowContext) -> str:
    return wording.state_word(kind, state, context.language)


def record_text(alert: Alert, context: WindowContext) -> str:
    """Return the text that names the record of the alert: the order's number, or the kind and id of another
    record.
    """
    if alert.order_no is not None:
        return alert.order_no
    key = f"kind.{alert.subject_kind}"
    kind = context.translate(key) if wording.has_sentence(key) else alert.subject_kind
    return kind if alert.subject_kind not in _RECORD_KINDS else f"{kind} {alert.subject_id}"


_RECORD_KINDS = frozenset({"credit-check", "payment", "order", "refund"})


def record_route(item: AlertItem) -> Route | None:
    """Return the route to the page of the record on which a person must act to resolve the alert; None if no action
    is offered.
    """
    return None if item.action is None else route_to(item.kind, item.id, (), "alerts")
