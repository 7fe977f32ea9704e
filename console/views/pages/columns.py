"""The columns of credit checks, by name, for every list that shows some of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from console import wording
from console.domain.records import CreditCheck
from console.views import record_words as words
from console.views.look.theme import look
from console.views.look.tokens import tokens
from console.views.seat import Seat
from console.views.tables.columns import Column

Of = Callable[[Any], CreditCheck]
_STATES = ("pending", "success", "error", "superseded", "incomplete")
_PAD = 16
_SHAPE = 19


def check_columns(
    seat: Seat, names: Sequence[str], of: Of, since: Callable[[Any], datetime | None] | None = None
) -> list[Column]:
    """Columns in that order; `of` gives a row's record, `since` from when its age counts."""
    begins = since or (lambda item: of(item).changed_at)
    return [age(seat, begins) if name == "age" else _MAKERS[name](seat, of) for name in names]


def least(name: str) -> int:
    return tokens().px("column_min_width", name)


def wide(text: str, extra: int = _PAD) -> int:
    """What a text needs as a column, in px at text size 1."""
    return round(look().metrics("body").horizontalAdvance(text) / look().scale) + extra


def age(seat: Seat, since: Callable[[Any], datetime | None]) -> Column:
    """How long it has been so."""
    return Column(
        "age", seat.say("column.age"), least("age"), lambda item: words.age_cell(since(item), seat), "age",
        spoken=lambda item: words.age_spoken(since(item), seat),
    )  # fmt: skip


def badge(seat: Seat, name: str, longest: str, key: Callable[[Any], str]) -> Column:
    """A state's shape and word, with room for the longest there can be."""
    title, width = seat.say(f"column.{name}"), wide(longest, _PAD + _SHAPE + 4)
    return Column(name, title, width, lambda item: words.cell(key(item), seat.language), "state")


def number(seat: Seat, key: Callable[[Any], str | None]) -> Column:
    """A corporation number, as people read it."""

    def shown(item: Any) -> str:
        found = key(item)
        return wording.format_number(found) if found else ""

    title = seat.say("column.number_short")
    return Column("number", title, wide("8 8888 8888 8888", _PAD - 4), shown, "data")


def next_step(seat: Seat, key: Callable[[Any], str]) -> Column:
    """When something happens by itself, or who is awaited, in a word."""
    return Column("next", seat.say("column.next_short"), 96, key, "data")


def _corporation(seat: Seat, of: Of) -> Column:
    return Column(
        "corporation", seat.say("column.corporation"), 150, lambda item: of(item).company_name or "",
        stretches=True,
    )  # fmt: skip


def _company(seat: Seat, of: Of) -> Column:
    """The name, or the number where no column beside it says that."""
    title = seat.say("column.corporation")
    return Column("company", title, 150, lambda item: words.name_of(of(item), seat), stretches=True)


def _number(seat: Seat, of: Of) -> Column:
    return number(seat, lambda item: of(item).corporation_number)


def _record(seat: Seat, of: Of) -> Column:
    title = seat.say("column.record")
    return Column(
        "record",
        title,
        wide(seat.say("record.short", id=88_888)),
        lambda item: seat.say("record.short", id=of(item).id),
    )


def _client(seat: Seat, of: Of) -> Column:
    title = seat.say("column.client")
    return Column("client", title, wide(title, _PAD + 4), lambda item: of(item).client_id, "data")


def _provider(seat: Seat, of: Of) -> Column:
    return Column("provider", seat.say("column.provider"), 84, lambda _: words.PROVIDER)


def _state(seat: Seat, of: Of) -> Column:
    longest = words.longest_word("credit_check", seat.language, *_STATES)
    return badge(seat, "state", longest, lambda item: words.state_key(of(item)))


def _certainty(seat: Seat, of: Of) -> Column:
    longest = words.longest_word("certainty", seat.language, "known", "unknown")
    return badge(seat, "certainty", longest, lambda item: words.certainty_key(of(item)))


def _work(seat: Seat, of: Of) -> Column:
    longest = words.longest_word("work", seat.language, "none", "scheduled", "needs_review")
    return badge(seat, "work", longest, lambda item: words.work_key(of(item)))


def _cause(seat: Seat, of: Of) -> Column:
    return Column("cause", seat.say("column.cause"), least("cause") + 24, lambda item: words.cause(of(item), seat))


def _why(seat: Seat, of: Of) -> Column:
    return Column("why", seat.say("column.reason"), 184, lambda item: words.cause(of(item), seat))


def _next(seat: Seat, of: Of) -> Column:
    return next_step(seat, lambda item: words.next_short(of(item), seat.now()))


def _day(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        return wording.format_instant(of(item).created_at or of(item).purchased_at, "day")

    return Column("day", seat.say("column.bought_on"), 104, shown, "data")


def _result(seat: Seat, of: Of) -> Column:
    return Column("result", seat.say("column.result"), 84, lambda item: words.result_word(of(item), seat))


def _document(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        return seat.say("column.document.pdf") if of(item).pdf_file_path else ""

    return Column("document", seat.say("column.document"), 64, shown)


def _until(seat: Seat, of: Of) -> Column:
    def shown(item: Any) -> str:
        return wording.format_instant(of(item).expired_at, "until") if of(item).expired_at else ""

    return Column("until", seat.say("column.valid_until"), 104, shown, "data")


_MAKERS: dict[str, Callable[[Seat, Of], Column]] = {
    "corporation": _corporation, "company": _company, "number": _number, "record": _record, "client": _client,
    "provider": _provider,
    "state": _state, "certainty": _certainty, "work": _work, "cause": _cause, "why": _why, "next": _next,
    "day": _day, "result": _result, "document": _document, "until": _until,
}  # fmt: skip
