"""Texts, icons and table cells of bulk runs: the forecast and the result of each row, and the state of a run."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from console.domain.bulk.records import (
    DISCARDED_REASON,
    STILL_INCOMPLETE_OUTCOME,
    STILL_UNKNOWN_OUTCOME,
    BulkPlan,
    BulkRunWithHolder,
    ForecastKind,
    RowForecast,
    get_row_outcome,
    split_reason_and_person,
)
from console.domain.errors import ErrorCode
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.views.presenters import credit_checks as record_words
from console.views.runtime.context import WindowContext
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.wording.bulk import find_bulk_reason_key as find_bulk_reason_key
from console.wording.bulk import format_bulk_reason as format_bulk_reason
from console.wording.bulk import format_bulk_row_reason as format_bulk_row_reason
from console.wording.bulk import get_company_name_or_number as get_company_name_or_number
from console.wording.bulk import get_row_badge_key
from console.wording.bulk import get_row_outcome_word as get_row_outcome_word
from console.wording.bulk import get_row_record_name as get_row_record_name
from console.wording.sentences.catalogue import capitalize_first_letter

_ROW_LIMIT_REACHED_REASON_CODE = "most"
_ICON_AND_TONE_BY_FORECAST: Mapping[ForecastKind, tuple[str, Tone]] = {
    ForecastKind.WOULD_RUN: ("arrow_right", "progress"),
    ForecastKind.SKIP: ("dash", "muted"),
    ForecastKind.REFUSED: ("ring_slash", "care"),
}
_ICON_AND_TONE_BY_ROW_RESULT: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"),
    STILL_UNKNOWN_OUTCOME: ("question", "unknown"),
    STILL_INCOMPLETE_OUTCOME: ("open_ring_plus", "care"),
    "skipped": ("dash", "muted"),
    "refused": ("ring_slash", "care"),
    "failed": ("cross", "bad"),
    "none": ("ring", "muted"),
}
BULK_ROW_RESULT_NAMES = tuple(_ICON_AND_TONE_BY_ROW_RESULT)[:-1]
_ICON_AND_TONE_BY_RUN_STATE: Mapping[str, tuple[str, Tone]] = {
    "frozen": ("ring", "muted"),
    "running": ("half_disc", "progress"),
    "paused": ("hourglass", "care"),
    "stopped": ("square_bang", "care"),
    "done": ("check", "good"),
}


_DISCARDED_RUN_ICON_AND_TONE: tuple[str, Tone] = ("dash", "muted")
_ROW_LIMIT_REACHED_ICON_AND_TONE: tuple[str, Tone] = ("half_disc", "muted")  # as planned: no problem, not unknown


class RunStatusContent(NamedTuple):
    """The state of a bulk run as the window shows it: a sentence, and the name and colour tone of the icon before
    it."""

    sentence: str
    icon_name: str
    tone: Tone


def make_forecast_cell(forecast: RowForecast, action: BulkAction, context: WindowContext) -> StateCell:
    """Return the table cell with the forecast for one row of a bulk run: the run would execute the action on the row,
    skip the row, or refuse the row.
    """
    icon_name, tone = _ICON_AND_TONE_BY_FORECAST[forecast.kind]
    is_planned = forecast.kind is ForecastKind.WOULD_RUN
    key = f"bulk.verdict.would.{action.value}" if is_planned else f"bulk.verdict.{forecast.kind.value}"
    return StateCell(capitalize_first_letter(context.translate(key)), icon_name, tone)


def make_result_cell(row: BulkRow, action: BulkAction, context: WindowContext) -> StateCell:
    """Return the table cell with the result of one row of a bulk run."""
    name = get_row_outcome(row.result, row.reason) or "none"
    icon_name, tone = _ICON_AND_TONE_BY_ROW_RESULT.get(name, ("dash", "muted"))
    return StateCell(capitalize_first_letter(get_row_outcome_word(name, action, context)), icon_name, tone)


def make_record_state_cell(record: RecoverableRecord | None, context: WindowContext) -> StateCell:
    """Return the table cell with the present state of the record that a row of a bulk run is about; if the
    record's outcome is unknown, the cell says so. The cell is empty if the record no longer exists (None)."""
    if record is None:
        return StateCell("", "dash", "muted")
    return record_words.make_state_cell(get_row_badge_key(record), context.language)


def format_plan_title(plan: BulkPlan, context: WindowContext, *, is_limited_to_first_rows: bool) -> str:
    """Return the title of the dialog for the plan of a bulk run: the number of rows to execute, or that there is
    none. If `is_limited_to_first_rows` is True, the plan has only the first rows of the run; the title says nothing
    about the others."""
    count, action_name = plan.row_counts.get(ForecastKind.WOULD_RUN, 0), plan.run.action.value
    if count:
        return context.translate(f"bulk.title.{action_name}", n=count)
    if is_limited_to_first_rows:
        return context.translate(f"bulk.nothing_in_first.{action_name}", n=len(plan.forecasts))
    return context.translate(f"bulk.nothing.{action_name}")


def format_plan_totals(plan: BulkPlan, context: WindowContext) -> str:
    """Return the text with the number of rows for each forecast of a bulk run's plan: rows to execute, rows to skip,
    and rows to refuse."""
    return context.translate(
        "bulk.totals", **{verdict.value: plan.row_counts.get(verdict, 0) for verdict in ForecastKind}
    )


def format_shortest_duration(plan: BulkPlan, context: WindowContext) -> str:
    """Return the text of the shortest time in which the bulk run of this plan can be executed at the allowed rate of
    calls (`BulkPlan.shortest_duration_seconds`); for less than one second, a word for "soon"."""
    if plan.shortest_duration_seconds < 1:
        return context.translate("bulk.time.soon")
    return context.translate("bulk.time", time=timedelta(seconds=round(plan.shortest_duration_seconds)))


def make_run_state_cell(run: BulkRun, context: WindowContext) -> StateCell:
    """Return the table cell with the state of a bulk run."""
    icon_name, tone = _ICON_AND_TONE_BY_RUN_STATE.get(run.state, ("dash", "muted"))
    if _is_discarded(run):
        icon_name, tone = _DISCARDED_RUN_ICON_AND_TONE
    elif _has_reached_row_limit(run):
        icon_name, tone = _ROW_LIMIT_REACHED_ICON_AND_TONE
    return StateCell(capitalize_first_letter(get_run_state_word(run, context)), icon_name, tone)


def get_run_state_word(run: BulkRun, context: WindowContext) -> str:
    """Return the word for the state of a bulk run. A run that has executed its first rows, as planned, has a word of
    its own, because nobody has stopped it; so has a discarded run, because its remaining rows were not executed."""
    return context.translate(f"bulk.state.{_get_run_state_name(run)}", most=run.most)


def _get_run_state_name(run: BulkRun) -> str:
    """Return the name of a run's state in wording keys: the stored state, DISCARDED_REASON if its maker has discarded
    the run, or _ROW_LIMIT_REACHED_REASON_CODE if the run has executed as many of its first rows as the person has set
    as the limit."""
    if _is_discarded(run):
        return DISCARDED_REASON
    return _ROW_LIMIT_REACHED_REASON_CODE if _has_reached_row_limit(run) else run.state


def format_run_progress(run: BulkRun, done_count: int, context: WindowContext) -> str:
    """Return the text with the number of records of a bulk run that have a result, and the number of all its records.
    While a run executes only its first records, the text has their number, too.
    """
    if run.state == "running" and done_count < run.most < run.size:
        return context.translate("bulk.progress_first", done=done_count, most=run.most, of=run.size)
    return context.translate("bulk.progress", done=done_count, of=run.size)


def format_result_counts(counts: Mapping[str, int], action: BulkAction, context: WindowContext) -> str:
    """Return the text with the number of rows for each result of a bulk run. `counts` are the numbers by the name
    of the result; a result without rows is left out."""
    named_counts = ((name, counts[name]) for name in BULK_ROW_RESULT_NAMES if counts.get(name))
    phrases = [
        context.translate("bulk.tally", word=get_row_outcome_word(name, action, context), n=n)
        for name, n in named_counts
    ]
    return context.translate("list.separator").join(phrases)


def make_run_status(
    run_item: BulkRunWithHolder,
    context: WindowContext,
    counts: Mapping[str, int] | None = None,
    *,
    is_running_here: bool = False,
) -> RunStatusContent:
    """Return the sentence and the icon for the state of a bulk run. `counts` has the number of rows by the name
    of their result; None if they weren't read. `is_running_here` is True if this window executes the run."""
    if is_running_here:
        return RunStatusContent(context.translate("bulk.told.here"), "circle_arrow", "progress")
    sentence = _format_run_status(run_item, context)
    if not has_run_ended(run_item.run):
        icon_name, tone = _ICON_AND_TONE_BY_RUN_STATE.get(run_item.run.state, ("dash", "muted"))
        return RunStatusContent(sentence, icon_name, tone)
    return RunStatusContent(sentence, *get_ended_run_icon_and_tone(run_item.run, counts))


def get_ended_run_icon_and_tone(run: BulkRun, counts: Mapping[str, int] | None) -> tuple[str, Tone]:
    """Return the icon and colour tone for a bulk run that has ended. `counts` are the numbers of rows by the name of
    their result; None if the numbers aren't known. The tone is:

    - muted if the run has stopped after its first rows, as planned; its dialog shows the results of these rows
    - unknown if the outcome of a row is still unknown
    - care if there is another row whose result isn't "done"
    - muted if all results are "done" but the run was discarded, or if `counts` is None
    - good in any other case
    """
    if _has_reached_row_limit(run):
        return _ROW_LIMIT_REACHED_ICON_AND_TONE
    open_names = [name for name in BULK_ROW_RESULT_NAMES if name != "done" and (counts or {}).get(name)]
    if _is_discarded(run) and not open_names:
        return _DISCARDED_RUN_ICON_AND_TONE
    if counts is None:
        return "check", "muted"
    if not open_names:
        return _ICON_AND_TONE_BY_RUN_STATE["done"]
    return (
        _ICON_AND_TONE_BY_ROW_RESULT[STILL_UNKNOWN_OUTCOME]
        if STILL_UNKNOWN_OUTCOME in open_names
        else ("square_bang", "care")
    )


def _is_discarded(run: BulkRun) -> bool:
    return run.state == "done" and run.reason == DISCARDED_REASON


def has_run_ended(run: BulkRun) -> bool:
    """Return True if the bulk run has executed all rows, or as many of its first rows as the person has set as the
    limit, or if its maker has discarded it."""
    return run.state == "done" or _has_reached_row_limit(run)


def _has_reached_row_limit(run: BulkRun) -> bool:
    """Return True if the bulk run has executed as many of its first rows as the person has set as the limit."""
    return run.state == "stopped" and run.reason == _ROW_LIMIT_REACHED_REASON_CODE


def _format_run_status(run_item: BulkRunWithHolder, context: WindowContext) -> str:
    """Return the sentence about the state of a bulk run: the person and machine that execute it, or the reason why it
    has stopped."""
    run = run_item.run
    code, actor = split_reason_and_person(run.reason)
    if run.state == "running" and run_item.holder is not None:
        holder_name = record_words.get_actor_name(run_item.holder.operator, context)
        return context.translate("bulk.told.there", who=holder_name, host=run_item.holder.host)
    if run.state == "running":
        return context.translate("bulk.told.nobody")
    if run.state == "paused" and code == "maker":
        return context.translate("bulk.told.maker", maker=run.made_by)
    if run.state == "paused" and code == ErrorCode.READ_ONLY:
        return context.translate("bulk.told.read_only")
    return context.translate(
        f"bulk.told.{_get_run_state_name(run)}", provider=actor, reason=code, most=run.most, left=run.size - run.done
    )
