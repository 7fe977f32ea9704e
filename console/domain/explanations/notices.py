"""Explain an unmatched notice: the reason for which it belongs to no payment and no order of this database, and the
possible actions."""

import shlex
from collections.abc import Sequence

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.explained_state import Explanation, NextStep, WorkBadge
from console.domain.money import Money, format_decimal, make_stored_money
from console.domain.payments import provider_registry
from console.domain.payments.records import Order, Payment
from console.domain.tasks.records import Alert
from console.domain.views.unmatched_notices import NoticeProof, UnmatchedNotice


def explain_notice(
    notice: UnmatchedNotice,
    same_number_records: Sequence[Order | Payment],
    cases: Sequence[Alert],
    *,
    can_import: bool,
    needs_amount_and_day: bool = False,
) -> Explanation:
    """Return the explanation of an unmatched notice. `same_number_records` are the payments and orders of this
    database with the number that the notice states, `cases` the open cases about the notice. `can_import` is True if
    a person can import the payment, because the program can query its provider about it. `needs_amount_and_day` is
    True if the provider finds a payment only by its number, amount and day together.
    """
    facts: dict[str, object] = {
        "source": notice.source,
        "type": notice.type,
        "number": notice.order_no,
        "amount": _find_amount(notice),
        "occurred_at": notice.occurred_at,
        "received_at": notice.received_at,
        "case": cases[0].id if cases else None,
        "other": next((record.provider for record in same_number_records if isinstance(record, Payment)), None),
    }
    reason_key = _find_unmatched_reason(notice, same_number_records)
    step = _choose_next_step(
        notice, reason_key, facts, can_import=can_import, needs_amount_and_day=needs_amount_and_day
    )
    work = WorkBadge.SCHEDULED if step.code == "next.notice_wait" else WorkBadge.NEEDS_REVIEW
    return Explanation("verdict.notice_unmatched", reason_key, step, facts, (APPROVER, OPERATOR), work=work)


def _find_unmatched_reason(notice: UnmatchedNotice, same_number_records: Sequence[Order | Payment]) -> str:
    """Return the wording key of the reason for which the notice belongs to no record of this database, such as
    `why.notice_no_record`. `same_number_records` are the payments and orders of this database with the number that
    the notice states."""
    if notice.proof is NoticeProof.NONE:
        return "why.notice_unverified"
    if not notice.order_no:
        return "why.notice_without_number"
    if any(_will_match_record(notice, record) for record in same_number_records):
        return "why.notice_record_since"
    return "why.notice_other_provider" if same_number_records else "why.notice_no_record"


def _will_match_record(notice: UnmatchedNotice, record: Order | Payment) -> bool:
    """True if the next run of the due task will match the notice with `record`. It matches a payment with the
    notice's number at the provider that sent the notice; it matches an order only if the notice is signed."""
    if isinstance(record, Payment):
        return record.provider == notice.source and record.merchant_payment_id == notice.order_no
    return notice.proof is NoticeProof.SIGNATURE


def _choose_next_step(
    notice: UnmatchedNotice,
    unmatched_reason: str,
    facts: dict[str, object],
    *,
    can_import: bool,
    needs_amount_and_day: bool,
) -> NextStep:
    """Return the next step of an unmatched notice: wait for the due task, import the payment, or acknowledge the
    case. `unmatched_reason` is the wording key of the reason; the other arguments are those of `explain_notice`."""
    if unmatched_reason == "why.notice_record_since":
        return NextStep("next.notice_wait", facts)
    amount = _find_amount(notice)
    lacks_fact = needs_amount_and_day and (amount is None or notice.occurred_at is None)
    if can_import and notice.order_no and not lacks_fact:
        options = ""
        if needs_amount_and_day and amount is not None and notice.occurred_at is not None:
            day = notice.occurred_at.astimezone(provider_registry.get_time_zone(notice.source)).date()
            options = f" --amount {format_decimal(amount)} --date {day}"
        separator = "-- " if notice.order_no.startswith("-") else ""  # otherwise the parser would read an option
        command = f"support-console payment import{options} {separator}{notice.source} {shlex.quote(notice.order_no)}"
        return NextStep("next.notice_import", facts, command)
    case = facts["case"]
    command = f"support-console alerts ack {case} --note TEXT"
    code = "next.notice_ask_sender" if unmatched_reason == "why.notice_unverified" else "next.notice_compare"
    return NextStep(code, facts, command if case is not None else None, "note")


def _find_amount(notice: UnmatchedNotice) -> Money | None:
    """Return the amount that the notice states. Return None if the notice states no amount, or an amount in an
    unknown currency."""
    if notice.amount_minor is None or notice.currency is None:
        return None
    return make_stored_money(notice.amount_minor, notice.currency)
