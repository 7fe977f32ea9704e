"""Texts of alerts: the observed and the expected values, and the route to the record on which a person must act."""

from console.domain.alerts.rules import GRACE_PERIODS, RULES
from console.domain.registry.watched_facts import CHANGE_RULE, CORPORATION_KIND
from console.domain.tasks.records import Alert, AlertItem, Rule
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import LookupRoute, Route, route_to
from console.wording import catalogue as wording


def rule_text(alert: Alert, context: WindowContext) -> str:
    """Return the short text of the alert's rule, or the rule's id if there is no text."""
    key = wording.rule_sentence_key(alert.rule_id)
    return context.translate(key) if key else alert.rule_id


def finding_words(text: str, context: WindowContext, other: str | None = None) -> str:
    """Return the observed or expected value of an alert as words and money. `other` is the other value, which may
    name
    the currency.
    """
    return wording.finding_text(text, context.language, other)


def why_text(item: AlertItem, context: WindowContext) -> str:
    """Return the explanation of an alert about an order and its payments: the defect, the observed and expected
    values, and the age of the alert; of an alert about a company, return what changed. Return "" for an alert about
    another record, because the page of that record has the explanation.
    """
    alert = item.alert
    if alert.rule_id == CHANGE_RULE:
        return finding_words(alert.observed, context)
    if alert.rule_id not in RULES or alert.order_no is None:
        return ""
    facts = context.translate(
        "alerts_screen.facts",
        observed=finding_words(alert.observed, context, alert.expected),
        expected=finding_words(alert.expected, context, alert.observed),
        age=context.age_text(alert.detected_at),
    )
    defect = context.translate(f"alerts_screen.why.{alert.rule_id}", grace=GRACE_PERIODS[Rule(alert.rule_id)])
    return f"{defect} {facts}"


def record_text(item: AlertItem, context: WindowContext) -> str:
    """Return the text that names the record of the alert: the number of the order, the payment or the corporation, or
    the kind and id of another record.
    """
    alert = item.alert
    if item.kind == CORPORATION_KIND:
        return wording.format_number(item.number or "")
    if alert.order_no is not None or item.number is not None:
        return alert.order_no or item.number or ""
    key = f"kind.{alert.subject_kind}"
    kind = context.translate(key) if wording.has_sentence(key) else alert.subject_kind
    if alert.subject_kind == "refund":
        return context.translate("case.refund_short", id=alert.subject_id)
    # People know a credit check by its id, but not a payment or an order.
    return f"{kind} {alert.subject_id}" if alert.subject_kind == "credit-check" else kind


def record_route(item: AlertItem) -> Route | None:
    """Return the route to the page of the record on which a person must act to resolve the alert; None if no action
    is offered. The route of a corporation is the lookup of its number.
    """
    if item.kind == CORPORATION_KIND:
        return LookupRoute(item.number or "")
    return None if item.action is None else route_to(item.kind, item.id, (), "alerts")
