"""Texts and icons of bulk runs: the forecast and the result of a row, and the state of a run."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from console.domain.bulk.records import (
    DISCARDED_REASON,
    STILL_UNKNOWN,
    BulkItem,
    BulkPlan,
    ForecastKind,
    RowForecast,
    outcome_of,
    split_reason,
)
from console.domain.payments.records import Order
from console.domain.records import Certainty
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.wording import catalogue as wording

_LIMIT_REACHED = "most"
_VERDICT_LOOKS: Mapping[ForecastKind, tuple[str, Tone]] = {
    ForecastKind.WOULD_RUN: ("arrow_right", "progress"),
    ForecastKind.SKIP: ("dash", "muted"),
    ForecastKind.REFUSED: ("ring_slash", "care"),
}
_RESULT_LOOKS: Mapping[str, tuple[str, Tone]] = {
    "done": ("check", "good"),
    STILL_UNKNOWN: ("question", "unknown"),
    "skipped": ("dash", "muted"),
    "refused": ("ring_slash", "care"),
    "failed": ("cross", "bad"),
    "none": ("ring", "muted"),
}
RESULT_NAMES = tuple(_RESULT_LOOKS)[:-1]
_STATE_LOOKS: Mapping[str, tuple[str, Tone]] = {
    "frozen": ("ring", "muted"),
    "running": ("half_disc", "progress"),
    "paused": ("hourglass", "care"),
    "stopped": ("square_bang", "care"),
    "done": ("check", "good"),
}


class RunStatus(NamedTuple):
    """The state of a run for the screen: a sentence, and the shape and colour tone of its icon."""

    words: str
    shape: str
    tone: Tone


def verdict_cell(forecast: RowForecast, action: BulkAction, context: WindowContext) -> StateCell:
    """Return the table cell with the forecast of a row: the action would be done, skipped or refused."""
    shape, tone = _VERDICT_LOOKS[forecast.verdict]
    is_planned = forecast.verdict is ForecastKind.WOULD_RUN
    key = f"bulk.verdict.would.{action.value}" if is_planned else f"bulk.verdict.{forecast.verdict.value}"
    return StateCell(context.translate(key), shape, tone)


def result_cell(row: BulkRow, action: BulkAction, context: WindowContext) -> StateCell:
    """Return the table cell with the outcome of an executed row."""
    name = outcome_of(row.result, row.reason) or "none"
    shape, tone = _RESULT_LOOKS.get(name, ("dash", "muted"))
    return StateCell(result_word(name, action, context), shape, tone)


def result_word(name: str, action: BulkAction, context: WindowContext) -> str:
    """Return the word for the outcome of a row. What "done" means depends on the action."""
    return context.translate(f"bulk.result.done.{action.value}" if name == "done" else f"bulk.result.{name}")


def record_state_cell(record: RecoverableRecord | None, context: WindowContext) -> StateCell:
    """Return the table cell with the present state of a row's record: the state word, or that its outcome is unknown.
    The cell is empty if the record no longer exists.
    """
    if record is None:
        return StateCell("", "dash", "muted")
    key = case_words.state_key(record)
    if not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN:
        key = "certainty.unknown"
    return record_words.state_cell(key, context.language)


def reason_key(code: str) -> str | None:
    """Return the wording key of a row's reason code; None if no text exists. A text for bulk runs has priority over a
    text that is written for single actions.
    """
    keys = (f"bulk.reason.{code}", f"reason.{code}", f"refusal.{code}", f"cause.{code}")
    return next(filter(wording.has_sentence, keys), None)


def reason_text(code: str | None, person: str | None, context: WindowContext) -> str:
    """Return the sentence of a reason code for the forecast or result of a row, with the name of `person` if the
    sentence names one. Return "" without a code, and the code itself if it has no sentence.
    """
    if not code:
        return ""
    key = reason_key(code)
    return context.translate(key, who=record_words.actor_name(person, context) if person else None) if key else code


def row_reason(row: BulkRow, context: WindowContext) -> str:
    return reason_text(*split_reason(row.reason), context)


def record_name(record: RecoverableRecord | None, row: BulkRow, context: WindowContext) -> str:
    """Return the short name of a row's record. `record` is None if the record no longer exists; then return a text
    which says this.
    """
    if record is None:
        return context.translate("bulk.gone", kind=row.kind, id=row.subject_id)
    return case_words.short_title(record, context)


def company_name(record: RecoverableRecord | None, context: WindowContext) -> str:
    """Return the name of the record's company for a row; "" if the record is None or has no corporation number."""
    return case_words.name_of(record, context) if record is not None and case_words.number_of(record) else ""


def totals_text(plan: BulkPlan, context: WindowContext) -> str:
    return context.translate(
        "bulk.totals", **{verdict.value: plan.row_counts.get(verdict, 0) for verdict in ForecastKind}
    )


def duration_text(plan: BulkPlan, context: WindowContext) -> str:
    """Return the text of the shortest time that the planned run can take."""
    if plan.shortest_seconds < 1:
        return context.translate("bulk.time.soon")
    return context.translate("bulk.time", time=timedelta(seconds=round(plan.shortest_seconds)))


def state_cell(run: BulkRun, context: WindowContext) -> StateCell:
    shape, tone = _STATE_LOOKS.get(run.state, ("dash", "muted"))
    return StateCell(context.translate(f"bulk.state.{run.state}"), shape, tone)


def tally_text(counts: Mapping[str, int], action: BulkAction, context: WindowContext) -> str:
    """Return a text with the number of rows for each outcome of a bulk run; outcomes that no row has are left out."""
    named_counts = ((name, counts[name]) for name in RESULT_NAMES if counts.get(name))
    words = [
        context.translate("bulk.tally", word=result_word(name, action, context), n=n) for name, n in named_counts
    ]
    return context.translate("list.separator").join(words)


def run_status(
    item: BulkItem, context: WindowContext, counts: Mapping[str, int] | None = None, *, runs_here: bool = False
) -> RunStatus:
    """Return the sentence and icon for the state of a run. `counts` are the numbers of rows by outcome, None if they
    weren't read. `runs_here` is True if this window executes the run.
    """
    if runs_here:
        return RunStatus(context.translate("bulk.told.here"), "circle_arrow", "progress")
    sentence = _status_words(item, context)
    if not has_ended(item.run):
        shape, tone = _STATE_LOOKS.get(item.run.state, ("dash", "muted"))
        return RunStatus(sentence, shape, tone)
    return RunStatus(sentence, *look_of_end(counts))


def look_of_end(counts: Mapping[str, int] | None) -> tuple[str, Tone]:
    """Return shape and colour tone for the end of a run with these numbers of rows by outcome: good only if every row
    was done. None: the numbers aren't known.
    """
    open_names = [name for name in RESULT_NAMES if name != "done" and (counts or {}).get(name)]
    if counts is None:
        return "check", "muted"
    if not open_names:
        return _STATE_LOOKS["done"]
    return _RESULT_LOOKS[STILL_UNKNOWN] if STILL_UNKNOWN in open_names else ("square_bang", "care")


def has_ended(run: BulkRun) -> bool:
    """Return True if the bulk run has executed all the rows that the person wanted: all rows, or the first ones up to
    the chosen number.
    """
    return run.state == "done" or (run.state == "stopped" and run.reason == _LIMIT_REACHED)


def _status_words(item: BulkItem, context: WindowContext) -> str:
    run = item.run
    code, actor = split_reason(run.reason)
    if run.state == "running" and item.holder is not None:
        holder_name = record_words.actor_name(item.holder.operator, context)
        return context.translate("bulk.told.there", who=holder_name, host=item.holder.host)
    if run.state == "running":
        return context.translate("bulk.told.nobody")
    if run.state == "paused" and code == "maker":
        return context.translate("bulk.told.maker", maker=run.made_by)
    if run.state == "done" and code == DISCARDED_REASON:
        return context.translate("bulk.told.discarded")
    state_name = _LIMIT_REACHED if has_ended(run) and run.state == "stopped" else run.state
    return context.translate(
        f"bulk.told.{state_name}", provider=actor, reason=code, most=run.most, left=run.size - run.done
    )
