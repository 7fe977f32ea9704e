"""The alert that the database was set back to an earlier state. While it is open, no operation may cost or move
money."""

from sqlalchemy import select

from console.domain.errors import ErrorCode
from console.store.schema.core import alerts

DATABASE_WENT_BACK_RULE = ErrorCode.DATABASE_WENT_BACK
"""Rule of the alert that the database was set back to an earlier state."""
ROLLBACK_ALERT_CONDITION = alerts.c.rule_id == DATABASE_WENT_BACK_RULE
OPEN_ROLLBACK_ALERT_QUERY = (
    select(alerts.c.id).where(ROLLBACK_ALERT_CONDITION, alerts.c.resolved_at.is_(None)).limit(1)
)
"""Query of the id of an open alert of this rule."""
