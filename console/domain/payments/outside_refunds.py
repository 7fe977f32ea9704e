"""Refunds that were done outside: the payer got an amount of a payment back other than through its provider, such as
a bank transfer. Two people record it with evidence; afterwards this amount can't be refunded any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from console.domain.calendar_days import JST, parse_day
from console.domain.money import LARGEST_AMOUNT_MINOR
from console.domain.payments.records import Payment
from console.domain.payments.states import DONE_OUTSIDE


@dataclass(frozen=True, slots=True)
class OutsideRefund:
    """An amount (`amount_minor`, minor units of the payment's currency, at least 1) that the payer got back on the
    Japanese day `day`."""

    amount_minor: int
    day: date

    def format_statement(self) -> str:
        """Return the text that both people state, such as `500 2026-11-17`: the amount and the day. The evidence of
        each of them is stored with this text in its first line. A trigger of the database refuses another amount."""
        return f"{self.amount_minor} {self.day.isoformat()}"


def parse_statement(text: str) -> OutsideRefund | None:
    """Return the refund that a text in the form of `OutsideRefund.format_statement` states; None for another text."""
    amount_text, _, day_text = text.partition(" ")
    if not (amount_text.isascii() and amount_text.isdecimal()) or amount_text.startswith("0"):
        return None
    if len(amount_text) > len(str(LARGEST_AMOUNT_MINOR)):
        return None
    try:
        return OutsideRefund(int(amount_text), parse_day(day_text))
    except ValueError:
        return None


def read_recorded_refund(audit_facts: Mapping[str, object]) -> OutsideRefund | None:
    """Return the refund done outside that an audit entry reports; `audit_facts` are the facts of the entry. Return
    None if the entry reports another event, or if its amount or its day is malformed: every database account may
    insert audit entries, so the facts can have any values.
    """
    if audit_facts.get("as") != DONE_OUTSIDE or audit_facts.get("by") != "people":
        return None
    return parse_statement(f"{audit_facts.get('minor')} {audit_facts.get('day')}")


def find_first_possible_day(payment: Payment) -> date | None:
    """Return the first day on which the payer can have got money of the payment back; None if neither the beginning
    nor the time of the payment is known. It is the day before the payment's Japanese day, because a statement from
    another country may have an earlier day.
    """
    instants = [at for at in (payment.begun_at, payment.paid_at) if at is not None]
    return min(instants).astimezone(JST).date() - timedelta(days=1) if instants else None


def is_possible_day(day: date, payment: Payment, today: date) -> bool:
    """True if the payer can have got money of the payment back on this day: it isn't after `today` (a Japanese day),
    and not before the payment (`find_first_possible_day`)."""
    first_day = find_first_possible_day(payment)
    return day <= today and (first_day is None or day >= first_day)
