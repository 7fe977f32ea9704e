"""Ask AlarmBox for its list of a corporation's purchases before people decide that a purchase was not made.

Their decision frees the corporation number, so that it can be bought again. A listed purchase that no credit check
here has may be the one that they deny.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from console.domain.calendar_days import JST, get_end_of_day
from console.domain.error_reasons import MismatchReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AnyRecord
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import CheckReport
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection

ListOutcome = Outcome[tuple[CheckReport, ...]]
CLOCK_TOLERANCE = timedelta(days=1)
"""Time by which the day of sending may be later than AlarmBox's day of the purchase: the clock of the desk, or
AlarmBox's, may be wrong by hours, and a few seconds are enough at midnight."""


def find_first_possible_day(sent_at: datetime | None) -> date | None:
    """Return the earliest day (in Japan) that AlarmBox's list may have for a purchase sent at `sent_at`; None if any
    day is possible, because nobody knows the time of sending."""
    return None if sent_at is None else (sent_at - CLOCK_TOLERANCE).astimezone(JST).date()


def refuse_denial_of_listed_purchase(
    context: ServiceContext,
    open_reader: Callable[[], CreditCheckReader],
    corporation_number: str,
    sent_at: datetime | None,
    record: AnyRecord,
    store_answer: Callable[[Transaction, ListOutcome], object],
) -> None:
    """Ask AlarmBox for the purchases of the corporation number, if it has a list and this desk can ask; store the
    answer with `store_answer`. Raise evidence_mismatch (detail.reason `listed_purchase`, detail.record `record`) if
    the list has a purchase that is not over, was made on the day before `sent_at` or later (None: on any day), and
    belongs to no credit check here. Without an answer, people decide with their evidence alone.
    """
    try:
        reader = open_reader()
    except ConsoleError:
        return  # this desk can't ask AlarmBox
    if not reader.capabilities.finds_purchases:
        return
    outcome = reader.find_purchases(corporation_number)

    def store_and_compare(tx: Transaction) -> bool:
        store_answer(tx, outcome)
        reports = outcome.found if outcome.kind is OutcomeClass.SUCCEEDED else None
        return _has_purchase_of_no_record(tx.conn, reports or (), sent_at, context.now())

    if context.write(store_and_compare):
        raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": MismatchReason.LISTED_PURCHASE})


def _has_purchase_of_no_record(
    conn: Connection, reports: Iterable[CheckReport], sent_at: datetime | None, now: datetime
) -> bool:
    """True if one of the listed purchases is not over at `now`, was made on the day before `sent_at` or later, and
    belongs to no credit check here. A purchase without a day may be of any day."""
    first_day = find_first_possible_day(sent_at)
    return any(
        not credit_checks.list_by_provider_id(conn, report.credit_check_id)
        for report in reports
        if not _is_over(report, now)
        and (first_day is None or report.purchase_date is None or report.purchase_date >= first_day)
    )


def _is_over(report: CheckReport, now: datetime) -> bool:
    """True if the validity of the listed purchase has ended at `now`. AlarmBox's statement takes precedence over its
    date."""
    if report.expired is not None:
        return report.expired
    return report.expiration_date is not None and get_end_of_day(report.expiration_date) <= now
