"""Texts of alerts, and the route to the record on which a person must act because of an alert."""

from console.domain.alerts.rules import ALERT_RULES, GRACE_PERIOD_BY_ALERT_RULE
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE, CORPORATION_KIND
from console.domain.tasks.records import AlertItem, AlertRule
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import LookupRoute, Route, make_route_to_record
from console.wording.alerts import format_alert_record as format_alert_record
from console.wording.alerts import format_alert_rule as format_alert_rule
from console.wording.alerts import format_alert_value as format_alert_value
from console.wording.sentences import catalogue as wording


def format_alert_explanation(alert_item: AlertItem, context: WindowContext) -> str:
    """Return the sentences that explain an alert: the defect and the facts, see `explain_alert`."""
    return wording.join_sentences(explain_alert(alert_item, context), context.translate)


def explain_alert(alert_item: AlertItem, context: WindowContext) -> tuple[str, str]:
    """Return two sentences that explain an alert. If the alert is about an order and its payments, the first one
    describes the defect, and the second one has the observed and the expected values with the age of the alert. If it
    is about a company, the first one is "" and the second one has the changed facts. For any other alert return two
    empty texts, because the page of the alert's record shows the explanation."""
    alert = alert_item.alert
    if alert.rule_id == CORPORATION_CHANGE_RULE:
        return "", format_alert_value(alert.observed, context)
    if alert.rule_id not in ALERT_RULES or alert.order_no is None:
        return "", ""
    facts = context.translate(
        "alerts_screen.facts",
        observed=format_alert_value(alert.observed, context, alert.expected),
        expected=format_alert_value(alert.expected, context, alert.observed),
        age=context.format_age(alert.detected_at),
    )
    defect = context.translate(
        f"alerts_screen.why.{alert.rule_id}", grace=GRACE_PERIOD_BY_ALERT_RULE[AlertRule(alert.rule_id)]
    )
    return defect, facts


def find_alert_record_route(alert_item: AlertItem) -> Route | None:
    """Return the route to the page of the record on which a person must act to resolve the alert; None if the
    alert offers no action. For an alert about a corporation, this is the lookup page of its number."""
    if alert_item.kind == CORPORATION_KIND:
        return LookupRoute(alert_item.number or "")
    return None if alert_item.action is None else make_route_to_record(alert_item.kind, alert_item.id, (), "alerts")
