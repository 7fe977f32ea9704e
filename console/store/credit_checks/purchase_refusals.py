"""One statement that checks whether a row in the database may stop a purchase. Each purchase runs it first. If no row
may stop the purchase, as for most corporation numbers that are bought for the first time, the queries that explain a
refusal aren't needed.
"""

from sqlalchemy import Connection, bindparam, func, or_, select

from console.domain.access.read_only import EVERYTHING_SCOPE
from console.store.access.read_only_switches import make_newest_setting_expression
from console.store.credit_checks.credit_checks import UNNORMALISED_CHECK_IDS_QUERY
from console.store.database.compiled_statements import execute_compiled
from console.store.operations.rollback_alert import OPEN_ROLLBACK_ALERT_QUERY
from console.store.schema.core import credit_checks
from console.store.schema.worker import lost_operations

_PURCHASE_STOP_FLAGS_QUERY = select(
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
"""Query of three values, each of which is true if rows of its kinds may stop a purchase (see `may_refuse_purchase`).
Its parameters are `number` and `provider`."""


def may_refuse_purchase(conn: Connection, corporation_number: str, provider: str) -> bool:
    """Return True if a row in the database may stop a purchase of this corporation number at `provider`; the caller
    must then run the exact queries. Return False if no row can stop it. Five kinds of rows may stop a purchase:

    - an open alert that the database was set back
    - a credit check of this number, for any client
    - an operation of this number, for any client, that the database lost when it was restored to an earlier state
    - a credit check whose number SQL can't normalise
    - a read-only switch that is on, for everything or for the provider
    """
    parameters = {"number": corporation_number, "provider": provider}
    return any(execute_compiled(conn, _PURCHASE_STOP_FLAGS_QUERY, parameters).one())
