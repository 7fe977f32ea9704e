"""The lists of reconciliation: what did not match in a run, and the runs themselves, each with its columns."""

from collections.abc import Callable

from console import wording
from console.domain.reconcile_results import DifferenceItem, RunItem
from console.views import reconcile_words as words
from console.views import record_words
from console.views.case_words import provider_word
from console.views.desk_api import Desk
from console.views.pages.columns import wide
from console.views.seat import Seat
from console.views.tables.book import Page
from console.views.tables.columns import Column, StateCell

Read = Callable[[Desk, object, int], Page]
SPARE = ("difference",)
SPARE_OF_RUNS = ("who", "rows", "ended")
_STATE = 27  # shape, gap and margins


def read_differences(run_id: int, part: str) -> Read:
    """For a PagedModel."""

    def read(desk: Desk, cursor: object, limit: int) -> Page:
        after = cursor if isinstance(cursor, int) else None
        found = desk.reconciliation.views.differences(run_id, part, limit, after)
        return Page(found.items, found.next)

    return read


def read_runs(provider: str | None) -> Read:
    """For a PagedModel; None: of every provider."""

    def read(desk: Desk, cursor: object, limit: int) -> Page:
        before = cursor if isinstance(cursor, int) else None
        found = desk.reconciliation.views.runs(provider, limit, before)
        return Page(found.items, found.next)

    return read


def key_of(item: DifferenceItem | RunItem) -> int:
    return item.found.id if isinstance(item, DifferenceItem) else item.id


def difference_columns(seat: Seat) -> list[Column]:
    """Ours, the gateway's, what that comes to, by how much, why it waits."""
    say = seat.say
    verdicts = ("imported", "missing_there", "different_state", "different_amount", "refused")
    longest = max((say(f"reconcile.verdict.{one}") for one in verdicts), key=len)
    return [
        Column("payment", say("kind.payment"), wide("ORD-2026-000001", 32),
               lambda item: words.name(item, seat), "data"),
        Column("ours", say("reconcile.column.ours"), wide(say("reconcile.example.ours"), 24),
               lambda item: words.ours(item, seat)),
        Column("theirs", say("reconcile.column.theirs"), wide(say("reconcile.example.theirs"), 24),
               lambda item: words.theirs(item, seat)),
        Column("verdict", say("reconcile.column.verdict"), wide(longest, 16 + _STATE),
               lambda item: words.verdict(item, seat), "state"),
        Column("difference", say("reconcile.column.difference"), wide("−¥1,234,567", 16), words.difference, "amount"),
        Column("cause", say("column.cause"), 220, lambda item: words.cause(item, seat), "state", stretches=True),
    ]  # fmt: skip


def run_columns(seat: Seat) -> list[Column]:
    """When, whose history, how it stands and what it counted."""
    say = seat.say
    longest = max((say(f"reconcile.state.{one}") for one in ("running", "resumable", "done", "failed")), key=len)

    def count(name: str, of: Callable[[RunItem], int]) -> Column:
        title = say(f"reconcile.part.{name}")
        return Column(name, title, max(72, wide(title, 20)), lambda item: wording.format_count(of(item)), "amount")

    def state(item: RunItem) -> StateCell:
        return words.state(item, seat)

    return [
        Column("days", say("reconcile.column.days"), wide("2026-11-19", 24), words.days, "data", stretches=True),
        Column("provider", say("column.provider"), 96, lambda item: provider_word(item.provider, seat)),
        Column("state", say("column.state"), wide(longest, 16 + _STATE), state, "state"),
        count("rows", lambda item: item.rows),
        count("agree", lambda item: item.matched),
        count("differ", lambda item: item.differ),
        count("only_ours", lambda item: item.missing_there),
        count("only_theirs", lambda item: item.imported),
        Column("who", say("column.who"), 88, lambda item: record_words.who(item.asked_by, seat)),
        Column("begun", say("reconcile.column.begun"), wide("11-20 15:04", 20),
               lambda item: wording.format_instant(item.begun_at, "short"), "data"),
        Column("ended", say("reconcile.column.ended"), wide("11-20 15:04", 20),
               lambda item: wording.format_instant(item.ended_at, "short") if item.ended_at else "", "data"),
    ]  # fmt: skip
