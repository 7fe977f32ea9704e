"""Read the open alerts so that the alerts of one rule never hide those of another."""

from collections.abc import Callable, Iterator

from console.domain.records import WorkReason
from console.domain.registry.watched_facts import CORPORATION_CHANGE_RULE
from console.domain.tasks.records import Alert
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection

RULES_WITH_QUEUE = frozenset({CORPORATION_CHANGE_RULE, WorkReason.UNMATCHED_NOTICE.value})
"""Rules whose open alerts have a queue of their own, which lists all of them page by page. An import or a wrong
setting can raise thousands of them within a day, so the lists of all alerts have only the oldest ones."""
MAX_OPEN_ALERTS_PER_RULE = 5_000
"""Largest number of open alerts of one rule without a queue that a list reads."""
_ALERTS_PER_PAGE = 1_000
_RulePageReader = Callable[[Connection, str, int, int], tuple[Alert, ...]]
"""Function that returns a page of alerts. Its arguments: the connection, the rule, the largest number of alerts, and
the id of the last alert of the previous page (0: the first page)."""


def list_open_alerts_of_all_rules(conn: Connection, limit_with_queue: int) -> tuple[Alert, ...]:
    """Return the open alerts, oldest first: at most `limit_with_queue` alerts of each rule in RULES_WITH_QUEUE. Of
    each other rule, return at most as many alerts as the larger of `limit_with_queue` and MAX_OPEN_ALERTS_PER_RULE.
    An export has a larger `limit_with_queue`, for example."""
    return _read_alerts_of_all_rules(conn, limit_with_queue, alerts.list_open_alerts_of_rule)


def list_unacknowledged_alerts_of_all_rules(conn: Connection, limit_with_queue: int) -> tuple[Alert, ...]:
    """Return the open alerts that no person has acknowledged, oldest first, with the limits of
    `list_open_alerts_of_all_rules`."""
    return _read_alerts_of_all_rules(conn, limit_with_queue, alerts.list_unacknowledged_alerts)


def _read_alerts_of_all_rules(
    conn: Connection, limit_with_queue: int, read_page: _RulePageReader
) -> tuple[Alert, ...]:
    limit_without_queue = max(limit_with_queue, MAX_OPEN_ALERTS_PER_RULE)
    found_alerts = [
        alert
        for rule in alerts.list_rules_of_open_alerts(conn)
        for alert in _iterate_alerts_of_rule(
            conn, rule, limit_with_queue if rule in RULES_WITH_QUEUE else limit_without_queue, read_page
        )
    ]
    return tuple(sorted(found_alerts, key=lambda alert: alert.id))


def _iterate_alerts_of_rule(conn: Connection, rule: str, limit: int, read_page: _RulePageReader) -> Iterator[Alert]:
    """Yield at most `limit` alerts of the rule, page by page; `read_page` reads one page."""
    last_id, unread_count = 0, limit
    while unread_count > 0:
        page_size = min(unread_count, _ALERTS_PER_PAGE)
        page = read_page(conn, rule, page_size, last_id)
        yield from page
        if len(page) < page_size:
            return
        last_id, unread_count = page[-1].id, unread_count - page_size
