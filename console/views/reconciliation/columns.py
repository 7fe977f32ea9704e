"""The columns of the two tables of reconciliation (the differences of a run, and the list of runs), and the
functions that read the rows of these tables page by page."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.domain.reconciliation.service_results import DifferenceItem, ReconciliationRunItem
from console.views.presenters import credit_checks as record_words
from console.views.presenters import reconciliation as words
from console.views.presenters.columns import measure_column_width
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.columns import Column, StateCell
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

PageReader = Callable[["Console", object, int], FetchedPage]
"""Type of a function that reads one page of a list. It gets the services, the cursor of the page before (None for the
first page), and the largest number of rows.
"""
HIDEABLE_DIFFERENCE_COLUMN_NAMES = ("difference",)
HIDEABLE_RUN_COLUMN_NAMES = ("who", "rows", "ended")
_STATE_ICON_AND_MARGINS_PX = 27  # px of icon, gap and margins


def make_difference_reader(run_id: int, tab_name: str) -> PageReader:
    """Return a function that reads one page of a run's differences, for a PagedModel. `tab_name` is the name of
    the tab; only differences with the verdicts of this tab are read."""

    def read_differences(services: "Console", cursor: object, limit: int) -> FetchedPage:
        after = cursor if isinstance(cursor, int) else None
        page = services.reconciliation.views.list_differences(run_id, tab_name, limit, after)
        return FetchedPage(page.items, page.next_cursor)

    return read_differences


def make_run_reader(provider: str | None) -> PageReader:
    """Return a function that reads one page of the reconciliation runs, for a PagedModel: the runs of this
    provider, or of all providers for None."""

    def read_runs(services: "Console", cursor: object, limit: int) -> FetchedPage:
        before = cursor if isinstance(cursor, int) else None
        page = services.reconciliation.views.list_runs(provider, limit, before)
        return FetchedPage(page.items, page.next_cursor)

    return read_runs


def get_difference_or_run_id(item: DifferenceItem | ReconciliationRunItem) -> int:
    return item.difference.id if isinstance(item, DifferenceItem) else item.id


def make_difference_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the table of differences: payment, our state, the provider's state, verdict,
    difference of the amounts, and cause."""
    translate = context.translate
    verdicts = ("imported", "missing_there", "different_state", "different_amount", "unrecorded_refund", "refused")
    longest_word = max((translate(f"reconcile.verdict.{verdict}") for verdict in verdicts), key=len)
    return [
        Column("payment", translate("kind.payment"), measure_column_width("ORD-2026-000001", 32),
               lambda item: words.get_difference_name(item, context), "data"),
        Column("ours", translate("reconcile.column.ours"),
               measure_column_width(translate("reconcile.example.ours"), 24),
               lambda item: words.make_our_side_cell(item, context), "data"),
        Column("theirs", translate("reconcile.column.theirs"),
               measure_column_width(translate("reconcile.example.theirs"), 24),
               lambda item: words.make_provider_side_cell(item, context), "data"),
        Column("verdict", translate("reconcile.column.verdict"),
               measure_column_width(longest_word, 16 + _STATE_ICON_AND_MARGINS_PX),
               lambda item: words.make_verdict_cell(item, context), "state"),
        Column("difference", translate("reconcile.column.difference"), measure_column_width("−¥1,234,567", 16),
               words.format_amount_difference, "amount"),
        Column("cause", translate("column.cause"), 220, lambda item: words.make_cause_cell(item, context), "state",
               is_stretched=True),
    ]  # fmt: skip


def make_run_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the list of runs: days, provider, state, counts, the person who began the run, and the
    times of its beginning and end."""
    translate = context.translate
    longest_word = max(
        (translate(f"reconcile.state.{state}") for state in ("running", "resumable", "done", "failed")),
        key=len,
    )

    def make_count_column(
        column_name: str,
        get_count: Callable[[ReconciliationRunItem], int],
        format_count: Callable[[int, ReconciliationRunItem], str] = words.format_difference_count,
    ) -> Column:
        title = translate(f"reconcile.part.{column_name}")
        return Column(
            column_name,
            title,
            max(72, measure_column_width(title, 20)),
            lambda item: format_count(get_count(item), item),
            "amount",
        )

    def make_state_cell(run_item: ReconciliationRunItem) -> StateCell:
        return words.make_run_state_cell(run_item, context)

    return [
        Column("days", translate("reconcile.column.days"), measure_column_width("2026-11-19", 24),
               words.format_run_days, "data", is_stretched=True),
        Column("provider", translate("reconcile.provider"), 96,
               lambda item: get_provider_name(item.provider, context)),
        Column("state", translate("column.state"),
               measure_column_width(longest_word, 16 + _STATE_ICON_AND_MARGINS_PX), make_state_cell, "state"),
        make_count_column("rows", lambda item: item.compared_count, lambda count, _item: wording.format_count(count)),
        make_count_column("agree", lambda item: item.matched_count, lambda count, _item: wording.format_count(count)),
        make_count_column("differ", lambda item: item.differing_count),
        make_count_column("only_ours", lambda item: item.missing_at_provider_count,
                          lambda _count, item: words.format_missing_payment_count(item)),
        make_count_column("only_theirs", lambda item: item.imported_count),
        Column("who", translate("column.who"), 88, lambda item: record_words.get_actor_name(item.asked_by, context)),
        Column("begun", translate("reconcile.column.begun"), measure_column_width("11-20 15:04", 20),
               lambda item: wording.format_short_instant(item.begun_at, context.now()), "data"),
        Column("ended", translate("reconcile.column.ended"), measure_column_width("11-20 15:04", 20),
               lambda item: wording.format_short_instant(item.ended_at, context.now()) if item.ended_at else "",
               "data"),
    ]  # fmt: skip
