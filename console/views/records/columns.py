"""The columns of any records, by name, for lists that mix credit checks, orders, payments and refunds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from console import wording
from console.domain.order_records import Payment, Refund
from console.domain.records import CreditCheck
from console.views import case_words
from console.views import record_words as words
from console.views.case_words import Case
from console.views.look.theme import look
from console.views.pages import columns
from console.views.pages.columns import least, wide
from console.views.seat import Seat
from console.views.tables.columns import Column

Of = Callable[[Any], Case]
_PAD = 16
_STATES = {
    "credit_check": ("credit_check", "pending", "success", "error", "superseded", "incomplete"),
    "waiting": ("payment", "token_generated", "user_payment"),
    "payment": ("payment", "callback_received", "signature_verified", "completed", "expired"),
    "refund": ("refund", "requested", "approved", "submitted", "failed"),
    "business": ("business", "partly_refunded"),
    "order": ("order", "pending", "cancelled", "delivered"),
}
"""Families of badges with the states in them that there can be, to size a column by."""
EVERYTHING = tuple(_STATES)


def whole(record: Case) -> Case:
    """For lists whose rows are the records themselves."""
    return record


def case_columns(
    seat: Seat, names: Sequence[str], of: Of, since: Callable[[Any], datetime | None] | None = None,
    kinds: Sequence[str] = EVERYTHING,
) -> list[Column]:  # fmt: skip
    """Columns in that order; `of` gives a row's record, `since` from when its age counts, `kinds` are the states that
    there can be.
    """
    begins = since or (lambda item: of(item).changed_at)

    def made(name: str) -> Column:
        if name == "age":
            return columns.age(seat, begins)
        return _state(seat, of, kinds) if name == "state" else _MAKERS[name](seat, of)

    return [made(name) for name in names]


def _corporation(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        record = of(item)
        return record.company_name or "" if isinstance(record, CreditCheck) else ""

    return Column("corporation", seat.say("column.corporation"), 120, shown, stretches=True)


def _company(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        record = of(item)
        named = isinstance(record, CreditCheck) or case_words.number_of(record)
        return case_words.name_of(record, seat) if named else ""

    return Column("company", seat.say("column.corporation"), 140, shown, stretches=True)


def _number(seat: Seat, of: Of) -> Column:
    return columns.number(seat, lambda item: case_words.number_of(of(item)))


def _name(seat: Seat, of: Of) -> Column:
    """What people call the record: its order number, or its own."""

    def shown(item: Any) -> str:
        return case_words.short(of(item), seat)

    longest = round(look().metrics("data").horizontalAdvance("ORD-20261120-000123") / look().scale)
    return Column("name", seat.say("column.record"), longest + _PAD + 4, shown, "data")


def _kind(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        return seat.say(f"kind.{case_words.kind_of(of(item))}")

    longest = max((seat.say(f"kind.{kind}") for kind in ("credit-check", "payment", "refund", "order")), key=len)
    return Column("kind", seat.say("column.kind"), wide(longest, _PAD), shown)


def _client(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        record = of(item)
        return record.client_id if isinstance(record, CreditCheck) else ""

    title = seat.say("column.client")
    return Column("client", title, wide(title, _PAD + 4), shown, "data")


def _provider(seat: Seat, of: Of) -> Column:
    return Column("provider", seat.say("column.provider"), 84, lambda item: case_words.provider(of(item), seat))


def _amount(seat: Seat, of: Of) -> Column:
    title = seat.say("column.amount")
    least_ = max(least("amount"), wide("−¥1,200,000", _PAD))
    return Column("amount", title, least_, lambda item: case_words.amount(of(item)), "amount")


def _state(seat: Seat, of: Of, kinds: Sequence[str]) -> Column:
    each = [words.longest_word(_STATES[kind][0], seat.language, *_STATES[kind][1:]) for kind in kinds]
    return columns.badge(seat, "state", max(each, key=len), lambda item: case_words.state_key(of(item)))


def _certainty(seat: Seat, of: Of) -> Column:
    longest = words.longest_word("certainty", seat.language, "known", "unknown", "sides_disagree")
    return columns.badge(
        seat, "certainty", longest, lambda item: case_words.certainty_key(of(item), seat.now())
    )  # fmt: skip


def _work(seat: Seat, of: Of) -> Column:
    longest = words.longest_word("work", seat.language, "none", "scheduled", "needs_review", "waiting_for_approval")
    return columns.badge(seat, "work", longest, lambda item: case_words.work_key(of(item)))


def _cause(seat: Seat, of: Of) -> Column:
    return Column("cause", seat.say("column.cause"), least("cause"), lambda item: case_words.cause(of(item), seat))


def _why(seat: Seat, of: Of) -> Column:
    return Column("why", seat.say("column.reason"), 150, lambda item: case_words.cause(of(item), seat))


def _next(seat: Seat, of: Of) -> Column:
    return columns.next_step(seat, lambda item: case_words.next_short(of(item), seat.now()))


def _day(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        at = case_words.begun(of(item))
        return wording.format_instant(at, "short") if at else ""

    return Column("day", seat.say("column.day"), least("day"), shown, "data")


def _people(seat: Seat, of: Of) -> Column:
    """Maker and checkers of a refund."""

    def shown(item: Any) -> str:
        record = of(item)
        if not isinstance(record, Refund):
            return ""
        return seat.say("case.people", maker=record.maker, checkers=record.checkers)

    return Column("people", seat.say("column.people"), 160, shown, stretches=True)


def _payer(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        record = of(item)
        return case_words.payer(record.payer) if isinstance(record, Payment) else ""

    return Column("payer", seat.say("field.payer"), 104, shown, "data")


_MAKERS: Mapping[str, Callable[[Seat, Of], Column]] = {
    "corporation": _corporation, "company": _company, "number": _number, "name": _name, "kind": _kind,
    "client": _client, "provider": _provider, "amount": _amount, "certainty": _certainty,
    "work": _work, "cause": _cause, "why": _why, "next": _next, "day": _day, "people": _people, "payer": _payer,
}  # fmt: skip
