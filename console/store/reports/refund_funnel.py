"""Counts the newest refunds by the steps that they have reached (requested, approved, sent, refunded), in one SQL
statement."""

from sqlalchemy import ColumnElement, Connection, Integer, String, bindparam, case, cast, exists, func, or_, select

from console.domain.audit.actions import AuditAction
from console.domain.payments.states import RefundState
from console.domain.reports.periods import Period
from console.domain.reports.refund_funnel import OTHER_REFUND_ENDINGS, CountAndSum, RefundFunnel
from console.store.database.instants import convert_to_naive_utc
from console.store.operations import journal
from console.store.refunds.approvals import REFUND_KIND
from console.store.schema.core import audit_log
from console.store.schema.payments import refunds

MAX_REFUNDS = 10_000
"""Largest number of refunds that are read. If there are more, the newest are read."""
_APPROVED_STATES = (
    RefundState.APPROVED,
    RefundState.SUBMITTING,
    RefundState.SUBMITTED,
    RefundState.COMPLETED,
    RefundState.FAILED,
)


def count_funnel_steps(conn: Connection, period: Period) -> tuple[tuple[RefundFunnel, ...], bool]:
    """Return (funnels, is_complete). There is one funnel for each currency: the counts of the refunds that were
    requested in the period, by the steps that they have reached. `is_complete` is False if refunds of the period may
    be missing, because only MAX_REFUNDS refunds are read. The function always reads the newest refunds, so the period
    must end now.
    """
    newest_refunds = select(refunds).order_by(refunds.c.id.desc()).limit(bindparam("limit", type_=Integer)).subquery()
    columns = newest_refunds.c
    was_sent = columns.first_sent_at.is_not(None)
    # The votes of an ended refund don't show the approval: some people may have lost the role of an approver.
    was_approved = exists().where(
        audit_log.c.subject_kind == REFUND_KIND,
        audit_log.c.subject_id == cast(columns.id, String(40)),
        audit_log.c.what == AuditAction.REFUND_APPROVED.value,
    )
    is_approved = or_(columns.status.in_([str(state) for state in _APPROVED_STATES]), was_sent, was_approved)
    has_lapsed = journal.make_lapsed_record_condition(REFUND_KIND, columns.id, columns.status)
    conditions: dict[str, ColumnElement[bool]] = {
        "approved": is_approved,
        "sent": was_sent,
        "refunded": (columns.status == RefundState.COMPLETED.value) & (columns.certainty == "known"),
        **{ending: (columns.status == ending) & (columns.certainty == "known") for ending in OTHER_REFUND_ENDINGS},
        "unknown": or_(columns.certainty == "unknown", has_lapsed),
    }
    sums = [
        func.coalesce(func.sum(case((condition, value), else_=0)), 0).label(f"{name}_{figure_name}")
        for name, condition in conditions.items()
        for figure_name, value in (("count", 1), ("minor", columns.refund_amount))
    ]
    in_period = (columns.created_at >= convert_to_naive_utc(period.start)) & (
        columns.created_at < convert_to_naive_utc(period.end)
    )
    total = (func.count().label("requested_count"), func.sum(columns.refund_amount).label("requested_minor"))
    query = select(columns.currency, *total, *sums).where(in_period).group_by(columns.currency)
    rows = conn.execute(query, {"limit": MAX_REFUNDS}).mappings().all()
    names = ("requested", *conditions)
    funnels = tuple(
        RefundFunnel(
            row["currency"],
            **{name: CountAndSum(int(row[f"{name}_count"]), int(row[f"{name}_minor"])) for name in names},
        )
        for row in sorted(rows, key=lambda row: str(row["currency"]), reverse=True)
    )
    return funnels, sum(funnel.requested.count for funnel in funnels) < MAX_REFUNDS
