"""Texts, icons and table cells of reconciliation: the state of a run, the two records of a difference, and the
action that the difference needs."""

from datetime import date, timedelta

from console.domain.payments.provider_registry import get_time_zone
from console.domain.reconciliation.service_results import (
    PART_ONLY_OURS,
    DifferenceItem,
    ReconciledFile,
    ReconciliationRunDetails,
    ReconciliationRunItem,
    RunState,
)
from console.domain.tasks.records import ReconcileReport, ReconciliationVerdict
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import Toast, WindowContext
from console.views.tables.columns import StateCell, TextWithAmount
from console.views.theme.design_tokens import Tone
from console.wording import reconciliation as texts
from console.wording.reconciliation import format_amount_difference as format_amount_difference
from console.wording.reconciliation import format_day_range as format_day_range
from console.wording.reconciliation import format_run_days as format_run_days
from console.wording.reconciliation import get_difference_name as get_difference_name
from console.wording.sentences import catalogue as wording

_ICON_AND_TONE_BY_RUN_STATE: dict[RunState, tuple[str, Tone]] = {
    RunState.RUNNING: ("half_disc", "progress"),
    RunState.RESUMABLE: ("square_bang", "care"),
    RunState.DONE: ("check", "good"),
    RunState.FAILED: ("cross", "bad"),
}
_ICON_AND_TONE_BY_DIFFERENCE_VERDICT: dict[ReconciliationVerdict, tuple[str, Tone]] = {
    ReconciliationVerdict.IMPORTED: ("arrow_down", "text"),
    ReconciliationVerdict.MISSING_THERE: ("not_equal", "bad"),
    ReconciliationVerdict.DIFFERENT_STATE: ("not_equal", "bad"),
    ReconciliationVerdict.DIFFERENT_AMOUNT: ("not_equal", "bad"),
    ReconciliationVerdict.REFUSED: ("question", "care"),
}


def make_run_state_cell(run_item: ReconciliationRunItem, context: WindowContext) -> StateCell:
    """Return the table cell with the state of a reconciliation run."""
    return StateCell(
        context.translate(f"reconcile.state.{run_item.state}"), *_ICON_AND_TONE_BY_RUN_STATE[run_item.state]
    )


def format_run_title(run_item: ReconciliationRunItem, context: WindowContext) -> str:
    """Return the title of a reconciliation run, such as `PayPay 2026-11-19`."""
    return f"{case_words.get_provider_name(run_item.provider, context)} {format_run_days(run_item)}"


def format_run_times(run_item: ReconciliationRunItem, context: WindowContext) -> str:
    """Return the sentence about the times of a run: the person who began the run, the time at which it began, and the
    time of its end or, if it hasn't ended, of its last change."""
    facts = {"who": record_words.get_actor_name(run_item.asked_by, context), "begun": run_item.begun_at}
    if run_item.ended_at is not None:
        return context.translate("reconcile.when.ended", **facts, ended=run_item.ended_at)
    return context.translate("reconcile.when.open", **facts, changed=run_item.changed_at)


# -- one difference


def make_verdict_cell(difference: DifferenceItem, context: WindowContext) -> StateCell:
    """Return the table cell with the verdict of the comparison, such as "different amount". The cell is red only
    while a person must still act because of the difference."""
    icon_name, tone = _ICON_AND_TONE_BY_DIFFERENCE_VERDICT[difference.difference.verdict]
    is_resolved = difference.action is None and tone == "bad"
    return StateCell(
        texts.get_verdict_word(difference, context),
        icon_name,
        "text" if is_resolved else tone,
    )


def make_our_side_cell(difference: DifferenceItem, context: WindowContext) -> str:
    """Return the table cell with our state and amount; the amount is right-aligned."""
    return _align_amount(texts.format_our_side(difference, context), texts.format_side_amounts(difference)[0])


def make_provider_side_cell(difference: DifferenceItem, context: WindowContext) -> str:
    """Return the table cell with the state and amount in the provider's history; the amount is right-aligned."""
    return _align_amount(texts.format_provider_side(difference, context), texts.format_side_amounts(difference)[1])


def _align_amount(text: str, amount: str) -> str:
    if not amount or not text.endswith(f" {amount}"):
        return text
    return TextWithAmount(text.removesuffix(amount), amount)


def make_cause_cell(difference: DifferenceItem, context: WindowContext) -> StateCell:
    """Return the table cell with the reason why a person must look at the difference. If no person must look at it,
    the cell says so."""
    cause_text = texts.format_difference_cause(difference, context)
    if difference.difference.verdict is ReconciliationVerdict.REFUSED or difference.case is not None:
        return StateCell(cause_text, "square_bang", "care")
    if difference.difference.verdict is not ReconciliationVerdict.IMPORTED and not difference.difference.case_opened:
        return StateCell(cause_text, "hourglass", "muted")
    return StateCell(cause_text, "check", "muted")


def format_difference_advice(difference: DifferenceItem, context: WindowContext) -> str:
    """Return the sentence that explains the difference and, if a person must act, the action. If the table shows
    our word for the state at the provider, the text also contains the provider's own word."""
    advice, word = _format_advice(difference, context), texts.format_history_state_word(difference, context)
    provider_word = context.translate("reconcile.history_word", word=word) if word else ""
    return wording.join_sentences((advice, provider_word), context.translate)


def _format_advice(difference: DifferenceItem, context: WindowContext) -> str:
    if difference.difference.verdict is ReconciliationVerdict.REFUSED:
        return context.translate(
            "reconcile.to_do.refused",
            why=context.translate(f"reconcile.row.{texts.get_unreadable_reason_code(difference)}"),
        )
    if difference.difference.verdict is ReconciliationVerdict.IMPORTED:
        return context.translate("reconcile.to_do.imported")
    if difference.payment is None:
        return context.translate("reconcile.to_do.no_payment")
    if difference.case is None:
        return context.translate("reconcile.to_do.settled")
    answered_key = f"reconcile.to_do_answered.{difference.case.rule_id}"
    if difference.was_reported_after_case and wording.has_sentence(answered_key):
        return context.translate(answered_key, answered_at=difference.payment.told_at)
    has_words = wording.has_sentence(f"reconcile.to_do.{difference.case.rule_id}")
    return context.translate(f"reconcile.to_do.{difference.case.rule_id}" if has_words else "reconcile.to_do.case")


def format_difference_count(count: int, item: ReconciliationRunItem) -> str:
    """Return the number of differences of one kind as text. Return – if the run has failed and has found no
    difference of this kind, because a failed run has not compared everything."""
    return wording.NO_VALUE if item.state is RunState.FAILED and not count else wording.format_count(count)


def format_difference_count_of_part(part: str, run_details: ReconciliationRunDetails) -> str:
    """Return the number of differences in `part`, a part of the run's list (a key of `VERDICTS_OF_PART`), as text.
    Return – if the number isn't known because the run has failed."""
    if part == PART_ONLY_OURS:
        return format_missing_payment_count(run_details.item)
    return format_difference_count(run_details.count_differences(part), run_details.item)


def format_missing_payment_count(item: ReconciliationRunItem) -> str:
    """Return the number of payments that are missing at the provider as text. Return – if the number isn't known,
    because the run has failed, or because a rejected row of the provider has prevented the search for them."""
    count = item.missing_at_provider_count
    return wording.NO_VALUE if item.is_missing_unknown else format_difference_count(count, item)


# -- files


def format_provider_file(read_file: ReconciledFile, context: WindowContext) -> str:
    """Return one line about a file of the provider that a run has read: day, number of rows, amounts, size in bytes,
    and the last earlier run that read the same file. A value that isn't known (None), and a refunded amount of 0, is
    left out."""
    texts = [context.translate("reconcile.file.day", day=read_file.day)]
    if read_file.row_count is not None:
        texts.append(context.translate("reconcile.file.rows", n=read_file.row_count))
    if read_file.paid_minor is not None:
        texts.append(
            context.translate("reconcile.file.paid", amount=wording.format_amount(read_file.paid_minor, "JPY"))
        )
    if read_file.refunded_minor:
        texts.append(
            context.translate(
                "reconcile.file.refunded", amount=wording.format_amount(-read_file.refunded_minor, "JPY")
            )
        )
    if read_file.bytes is not None:
        texts.append(wording.format_bytes(read_file.bytes))
    if read_file.earlier_run_ids:
        texts.append(context.translate("reconcile.file.before", run=read_file.earlier_run_ids[-1]))
    return wording.join_facts(texts, context.translate)


def make_run_toast(context: WindowContext, report: ReconcileReport) -> Toast:
    """Return the toast with the result of a reconciliation run: the counts of compared, differing and imported rows,
    and of rows that exist only in this database, if the run knows their number. The toast uses the names of these
    counts from the page of the run.
    """
    difference_count = report.different_state + report.different_amount
    has_ended = report.ended_at is not None or report.run_id is None
    is_dry_run = report.run_id is None
    key = "reconcile.told_dry" if is_dry_run else "reconcile.told" if has_ended else "reconcile.told_open"
    lead = context.translate(
        key,
        provider=case_words.get_provider_name(report.provider, context),
        days=format_day_range(report.from_day, report.to_day),
    )
    counts_key = "reconcile.counted_dry" if is_dry_run else "reconcile.counted"
    counts_text = context.translate(
        f"{counts_key}_unsearched" if report.is_missing_unknown else counts_key,
        n=_count_compared_rows(report),
        differ=difference_count,
        missing=report.missing_there,
        imported=report.imported,
        refused=report.refused,
    )
    is_equal = difference_count == 0 and report.missing_there == 0 and report.refused == 0
    return Toast(
        lead, counts_text, "check" if is_equal else "not_equal", "good" if is_equal else "care", subject_title=""
    )


def _count_compared_rows(report: ReconcileReport) -> int:
    """Return the number of rows that the run has compared: matched rows, imported rows, different rows, and rows that
    are missing at the provider."""
    return report.matched + report.imported + report.missing_there + report.different_state + report.different_amount


def get_yesterday(context: WindowContext, provider: str) -> date:
    """Return the date of yesterday in the time zone of the provider."""
    return context.now().astimezone(get_time_zone(provider)).date() - timedelta(days=1)
