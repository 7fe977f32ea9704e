"""`console.alerts`: what doesn't fit, who has seen it, and where each is settled."""

from collections.abc import Sequence

from console.domain.alert_rules import RULES, judge
from console.domain.errors import ConsoleError
from console.domain.worker_records import Alert, AlertItem
from console.services import refusals
from console.services.desk import Desk
from console.store import alerts, orders, payments, suspects
from console.store.engine import Transaction

ACTION = "alert.acknowledged"
KIND = alerts.KIND
MOST = 1_000
LONGEST_NOTE = 2_000
_PAGES = frozenset({"credit-check", "payment", "order", "refund"})


class AlertDesk:
    """Reads alerts and cases, and takes acknowledgements; the facts alone resolve."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list(self, limit: int = MOST) -> tuple[Alert, ...]:
        """The open ones, newest first, then those that are resolved. Raises not_allowed."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            told = alerts.open_ones(conn, limit)
            over = [alert for alert in alerts.all_of(conn, limit) if alert.resolved_at is not None]
        return (*reversed(told), *over)[:limit]

    def open(self, limit: int = MOST) -> tuple[AlertItem, ...]:
        """The open ones, oldest first, each with the one action that settles it. Raises not_allowed."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            told = alerts.open_ones(conn, limit)
            ids = [alert.subject_id for alert in told if alert.subject_kind == orders.KIND]
            where = self._settled_at(told, suspects.facts(conn, ids))
        return tuple(where.get(alert.id) or _of_record(alert) for alert in told)

    def _settled_at(self, told: Sequence[Alert], facts: Sequence[suspects.Facts]) -> dict[int, AlertItem]:
        """The payment by which each alert of a rule is settled, as the facts are now."""
        now, scale = self._desk.now(), self._desk.scale
        found = {order.id: judge(order, paid, now, scale, RULES) for order, paid in facts}
        return {
            alert.id: AlertItem(alert, finding.action, payments.KIND, finding.payment_id)
            for alert in told
            if alert.subject_kind == orders.KIND
            and (finding := found.get(alert.subject_id)) is not None
            and finding.rule == alert.rule_id
        }

    def waiting(self) -> int:
        """How many open ones nobody has acknowledged, counted up to 1,000."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            return sum(alert.acknowledged_by is None for alert in alerts.open_ones(conn, MOST))

    def acknowledge(self, id: int, note: str) -> Alert:
        """Say in one's own name that one has seen it, and what is done about it; the same person's second word
        changes nothing.

        Raises not_found, usage (detail.problem `note`) without words, not_allowed, and already_decided when somebody
        else was faster (detail.who).
        """
        words = note.strip()
        if not words or len(words) > LONGEST_NOTE:
            raise ConsoleError("usage", {"problem": "note", "longest": LONGEST_NOTE})
        with refusals.audited(self._desk, ACTION, id, kind=KIND):
            person = self._desk.require("note").name
            return self._desk.write(lambda tx: self._acknowledge(tx, id, person, words))

    def _acknowledge(self, tx: Transaction, alert_id: int, person: str, words: str) -> Alert:
        desk = self._desk
        written = alerts.acknowledge(tx.conn, alert_id, person, words, desk.now())
        alert = alerts.find(tx.conn, alert_id)
        if alert is None:
            raise ConsoleError("not_found", {"kind": KIND, "id": str(alert_id)})
        if not written and alert.acknowledged_by != person:
            raise ConsoleError("already_decided", {"who": alert.acknowledged_by, "at": alert.acknowledged_at})
        if written:
            desk.note(tx, ACTION, alert_id, {"rule": alert.rule_id, "note": words}, kind=KIND)
        return alert


def _of_record(alert: Alert) -> AlertItem:
    """A case is settled on its record's page, where there is one."""
    known = alert.subject_kind in _PAGES
    return AlertItem(alert, "open" if known else None, alert.subject_kind, alert.subject_id)
