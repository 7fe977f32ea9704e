"""The open alert of one order, as its page tells it: what was found, and the payment by which it is settled."""

from collections.abc import Sequence

from sqlalchemy import Connection

from console.domain.alert_rules import RULES, Finding, judge
from console.domain.explain_alerts import explain_alert
from console.domain.order_records import Order, Payment
from console.domain.results import Explanation
from console.domain.worker_records import Alert, AlertItem
from console.services.desk import Desk
from console.store import alerts, orders, payments


def explained(
    desk: Desk, conn: Connection, order: Order, paid_by: Sequence[Payment], otherwise: Explanation
) -> tuple[Explanation, AlertItem | None]:
    """Why its alert is open and where that is settled; `otherwise` where none is, or where the facts fit again."""
    told, now = _open(conn, order), desk.now()
    finding = judge(order, paid_by, now, desk.scale, RULES) if told else None
    alert = next((one for one in told if finding is not None and one.rule_id == finding.rule), None)
    if alert is None or finding is None:
        return otherwise, None
    return explain_alert(order, paid_by, finding, alert.detected_at, now), _item(alert, finding)


def _open(conn: Connection, order: Order) -> list[Alert]:
    found = alerts.open_of_subjects(conn, orders.KIND, (order.id,)).get(order.id, [])
    return [one for one in found if one.rule_id in RULES]


def _item(alert: Alert, finding: Finding) -> AlertItem:
    return AlertItem(alert, finding.action, payments.KIND, finding.payment_id)
