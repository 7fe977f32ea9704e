"""Ask AlarmBox for its list of a corporation's purchases before people decide that the purchase of a credit check
was not made, and before a credit check of the same corporation is bought after such a decision.

After the decision, a credit check of the corporation can be bought again. If a listed purchase belongs to no credit
check in our database, it may be the purchase about which people decide or have decided: AlarmBox may have made it,
even after their decision.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from console.domain.calendar_days import JST, get_end_of_japanese_day
from console.domain.clock import is_in_future
from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import AlreadyPurchasedDetail, AnyRecord, ProviderAnswerFacts
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, CheckReport, CheckState, CreditCheck
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.credit_checks import outcomes
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.guarded.desk_answers import refuse_denial_of_unclear_answer
from console.services.process.context import ServiceContext
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import lost_operations
from console.store.records import evidence
from console.store.spool.spool import Intent

ListOutcome = Outcome[tuple[CheckReport, ...]]
CLOCK_TOLERANCE = timedelta(days=1)
"""Time by which the day of sending may be later than AlarmBox's day of the purchase. The clock of the desk, or of
AlarmBox, may be wrong by hours; at midnight, a difference of a few seconds already changes the day.
"""


def find_earliest_purchase_day(sent_at: datetime | None, now: datetime) -> date | None:
    """Return the earliest day (in Japan) under which AlarmBox's list may contain a purchase that was sent at
    `sent_at`. Return None if `sent_at` is None or after `now` (the clock of the sending desk was ahead), because any
    day is possible then."""
    if sent_at is None or is_in_future(sent_at, now):
        return None
    return (sent_at - CLOCK_TOLERANCE).astimezone(JST).date()


def refuse_denial_of_listed_purchase(
    context: ServiceContext,
    open_reader: Callable[[], CreditCheckReader],
    corporation_number: str,
    sent_at: datetime | None,
    record: AnyRecord,
    store_answer: Callable[[Transaction, ListOutcome], object],
) -> bool:
    """Refuse the decision that a purchase was not made if AlarmBox's list of purchases contains a purchase that may
    be the denied purchase. Return True if AlarmBox has answered with a list that doesn't contain such a purchase, and
    False if there is no list. The program asks AlarmBox for the list only if AlarmBox offers such a list and
    `open_reader` returns a reader; if `open_reader` raises a ConsoleError, this desk can't call AlarmBox, and nothing
    is refused. `store_answer` stores the answer.

    Raises evidence_mismatch with detail.reason `listed_purchase` and detail.record `record` if a listed purchase has
    not expired, was made on the day before `sent_at` or later (None: on any day), and belongs to no credit check in
    our database. Raises evidence_mismatch with detail.reason `old_answer` if the list is an old one from a cache. If
    AlarmBox gives no answer, no error is raised: people then decide with their evidence alone.
    """
    try:
        reader = open_reader()
    except ConsoleError:
        return False  # this desk can't ask AlarmBox
    if not reader.capabilities.finds_purchases:
        return False
    outcome = reader.find_purchases(corporation_number)

    def store_and_compare(tx: Transaction) -> bool:
        """Store the list. Return True if the list has a purchase that may be the denied purchase."""
        store_answer(tx, outcome)
        now = read_current_time(tx.conn, context.now())
        return bool(_list_purchases_without_credit_check(tx.conn, outcome, sent_at, now))

    if context.write(store_and_compare):
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": EvidenceMismatchReason.LISTED_PURCHASE}
        )
    refuse_denial_of_unclear_answer(outcome.reason, record)
    return outcome.kind is OutcomeClass.SUCCEEDED


def check_list_for_denied_purchases(
    context: ServiceContext, reader: CreditCheckReader, client_id: str, corporation_number: str
) -> None:
    """Before a purchase, ask AlarmBox for its list of the corporation's purchases. Do this only if AlarmBox offers
    such a list, and if two people have decided that an earlier purchase of the corporation for this client was not
    made. Don't do it while a case `contradicted` about such a decision is open, because this case stops the new
    purchase anyway. If the list has a purchase that may be this earlier purchase, open the case `contradicted` about
    the earlier credit check. The case stops the new purchase until a person acknowledges the case. After that, the
    same listed purchase opens no second case, but another listed purchase does. If the database has lost the earlier
    purchase, no record exists about which a case could be opened. The new purchase is then refused until a person has
    resolved the lost purchase's operation with the id of the listed purchase.

    Raises already_purchased if the list has a purchase that may be an earlier purchase that the database has lost and
    two people have denied. Raises provider_auth, rate_limited or provider_unreachable if AlarmBox refuses the
    credentials, refuses the call because of too many calls, or doesn't answer. A list that can't be read doesn't stop
    the purchase, because the two people looked at AlarmBox's own screen before they decided.
    """
    if not reader.capabilities.finds_purchases:
        return
    with context.database.read() as conn:
        denied_checks = _find_denied_checks(conn, client_id, corporation_number)
        open_cases = credit_checks.find_denied_but_bought(conn, (corporation_number,)) if denied_checks else {}
        lost_purchases = lost_operations.list_denied_purchases(conn, client_id, corporation_number)
    if not (denied_checks or lost_purchases) or (client_id, corporation_number) in open_cases:
        return  # an open case stops the purchase without the list
    outcome = reader.find_purchases(corporation_number)

    def store_and_compare(tx: Transaction) -> Intent | None:
        """Store the list. Open a case if the list has a purchase that may be the purchase of a denied credit check.
        Otherwise return the lost purchase that may be in the list. Return None if no lost purchase may be in the
        list, or if a case was opened."""
        _store_list(context, tx, denied_checks, lost_purchases, outcome)
        now = read_current_time(tx.conn, context.now())
        acknowledged_texts = {
            text for check in denied_checks for text in outcomes.list_acknowledged_contradictions(tx, check)
        }

        def find_unacknowledged_purchase(sent_at: datetime | None) -> str | None:
            """Return the text (`format_observed_purchase`) about a listed purchase that may be the purchase sent at
            `sent_at` and for which no person has acknowledged a case with this text; None if the list has no such
            purchase."""
            reports = _list_purchases_without_credit_check(tx.conn, outcome, sent_at, now)
            texts = (outcomes.format_observed_purchase(report.credit_check_id) for report in reports)
            return next((text for text in texts if text not in acknowledged_texts), None)

        for check in denied_checks:
            observed = find_unacknowledged_purchase(check.created_at)
            if observed is not None:
                outcomes.open_contradiction_case(context, tx, check, observed)
                return None
        return next(
            (intent for intent in lost_purchases if find_unacknowledged_purchase(intent.at) is not None), None
        )

    perhaps_made = context.write(store_and_compare)
    if perhaps_made is not None:
        raise make_lost_purchase_error(perhaps_made)
    _require_list_answer(outcome, denied_checks)


def _find_denied_checks(conn: Connection, client_id: str, corporation_number: str) -> list[CreditCheck]:
    """Return the client's credit checks of the corporation about which two people have decided that the purchase was
    not made, newest first."""
    return [
        check
        for check in credit_checks.find_by_number(conn, corporation_number)
        if check.client_id == client_id
        and check.error_code == RESOLVED_BY_PEOPLE_CAUSE
        and check.state is CheckState.ERROR
    ]


def _require_list_answer(outcome: ListOutcome, denied_checks: Sequence[CreditCheck]) -> None:
    """Raise provider_auth, rate_limited or provider_unreachable if AlarmBox has not answered the call for the list.
    The error names the first denied credit check, if there is any."""
    code = find_read_error_code(outcome)
    if outcome.kind is not OutcomeClass.SUCCEEDED and code in NO_ANSWER_ERROR_CODES:
        facts: ProviderAnswerFacts = {"reason": outcome.reason, "status": outcome.status}
        if denied_checks:
            facts["record"] = denied_checks[0]
        raise make_outcome_error(code, facts)


def _store_list(
    context: ServiceContext,
    tx: Transaction,
    denied_checks: Sequence[CreditCheck],
    lost_purchases: Sequence[Intent],
    outcome: ListOutcome,
) -> None:
    """Store AlarmBox's list of purchases (`outcome`) as evidence of the first of `denied_checks`, the credit checks
    about which two people have decided that they were not bought, newest first. Without such a credit check, store it
    as evidence of the operation of the first of `lost_purchases`, the purchases that the database has lost, oldest
    first."""
    if denied_checks:
        outcomes.store_answer_evidence(context, tx, denied_checks[0], outcomes.LIST_CALL_NAME, outcome)
        return
    operator = context.make_holder().operator
    source, subject = f"{CREDIT_CHECK_PROVIDER}.{outcomes.LIST_CALL_NAME}", (lost_operations.OPERATION_KIND, None)
    evidence.add_answer(tx.conn, subject, lost_purchases[0].operation_id, source, operator, outcome, context.now())


def make_lost_purchase_error(intent: Intent) -> ConsoleError:
    """Return the error already_purchased for a new purchase that is refused because of an earlier purchase which the
    database has lost. `intent` is the earlier purchase's entry in the spool of a desk; the error's detail names its
    operation, its operator and its time."""
    detail: AlreadyPurchasedDetail = {
        "source": "desk",
        "operation_id": intent.operation_id,
        "operator": intent.operator,
    }
    return ConsoleError(ErrorCode.ALREADY_PURCHASED, {**detail, "since": intent.at})


def _list_purchases_without_credit_check(
    conn: Connection, outcome: ListOutcome, sent_at: datetime | None, now: datetime
) -> list[CheckReport]:
    """Return the purchases in AlarmBox's list `outcome` that have not expired at `now`, were made on the day before
    `sent_at` or later (None: on any day), and belong to no credit check in our database; return no purchases if the
    list can't be used. A purchase without a day counts as possibly made on any day.
    """
    reports = outcome.content if outcome.kind is OutcomeClass.SUCCEEDED else None
    return [
        report
        for report in reports or ()
        if may_report_be_of_purchase_sent_at(report, sent_at, now)
        and not credit_checks.list_by_id_at_provider(conn, report.credit_check_id)
    ]


def may_report_be_of_purchase_sent_at(report: CheckReport, sent_at: datetime | None, now: datetime) -> bool:
    """True if the reported credit check can be the purchase that was sent at `sent_at` (None: at any time): it has
    not expired at `now`, and it was made on the day before `sent_at` or later, or AlarmBox states no day. A time
    `sent_at` after `now` counts as None. On a server, `now` is the server's time."""
    first_day, purchase_day = find_earliest_purchase_day(sent_at, now), report.purchase_date
    is_late_enough = first_day is None or purchase_day is None or purchase_day >= first_day
    return is_late_enough and not _has_expired(report, None if first_day is None else sent_at, now)


def _has_expired(report: CheckReport, sent_at: datetime | None, now: datetime) -> bool:
    """True if the listed purchase has expired at `now`. A statement of AlarmBox that it has or hasn't expired
    decides; without such a statement, its expiration date decides. An expiration date that isn't after the purchase
    date is wrong and decides nothing. Without a purchase date nobody can see whether the expiration date is wrong: it
    then decides only if it was over at `sent_at`, the time of the purchase that people deny (None: at `now`).
    """
    last_valid_day, purchase_day = report.expiration_date, report.purchase_date
    if report.expired is not None:
        return report.expired
    if last_valid_day is None or (purchase_day is not None and last_valid_day <= purchase_day):
        return False
    return get_end_of_japanese_day(last_valid_day) <= (
        now if purchase_day is not None or sent_at is None else sent_at
    )
