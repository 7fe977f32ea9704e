"""One statement that tells whether anything in the database may stop a purchase. A purchase asks it first: for a
corporation number that is bought for the first time, it replaces the queries that explain a refusal.
"""

from sqlalchemy import Connection, bindparam, func, or_, select

from console.domain.access.read_only import EVERYTHING_SCOPE
from console.store.access.read_only_switches import make_newest_setting_expression
from console.store.credit_checks.credit_checks import UNNORMALISED_CHECK_IDS_QUERY
from console.store.operations.rollback_alert import OPEN_ROLLBACK_ALERT_QUERY
from console.store.schema.core import credit_checks
from console.store.schema.worker import lost_operations

_POSSIBLE_STOP_QUERY = select(
    func.coalesce(
        OPEN_ROLLBACK_ALERT_QUERY.scalar_subquery(),
        select(credit_checks.c.id)
        .where(credit_checks.c.number_key == bindparam("number"))
        .limit(1)
        .scalar_subquery(),
        UNNORMALISED_CHECK_IDS_QUERY.limit(1).scalar_subquery(),
    ),
    select(lost_operations.c.id)
    .where(lost_operations.c.corporation_number == bindparam("number"))
    .limit(1)
    .scalar_subquery(),
    or_(
        make_newest_setting_expression(EVERYTHING_SCOPE),
        make_newest_setting_expression(bindparam("provider")),
    ),
)


def may_be_stopped(conn: Connection, corporation_number: str, provider: str) -> bool:
    """Return False if nothing in the database can stop a purchase of this corporation number at `provider`: there is
    no open alert that the database was set back, no credit check and no lost operation of this number for any client,
    no credit check whose number SQL can't normalise, and no read-only switch for everything or for the provider is
    on. If one of them exists, return True: the caller must ask the exact queries.
    """
    parameters = {"number": corporation_number, "provider": provider}
    return any(conn.execute(_POSSIBLE_STOP_QUERY, parameters).one())
