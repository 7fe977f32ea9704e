"""Texts and icons of reconciliation: the state of a run, our side and the provider's side of a difference, and the
action that the difference needs.
"""

import re
from datetime import date, timedelta

from console.domain.payments.provider_registry import time_zone
from console.domain.reconciliation.service_results import DifferenceItem, ReadFile, RunItem, RunState
from console.domain.tasks.records import ReconcileReport, Verdict
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import Toast, WindowContext
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone
from console.wording import catalogue as wording

_SIDE_PATTERN = re.compile(
    r"(?:refund (?P<refund>\d{1,18}) )?(?P<word>\S{1,64}) (?P<minor>\d{1,15})(?: (?P<currency>[A-Z]{3}))?"
    r"(?: (?P<at>\d{4}-\d\d-\d\dT\S{1,40}))?(?: \S.*)?"
)
_RUN_LOOKS: dict[RunState, tuple[str, Tone]] = {
    RunState.RUNNING: ("half_disc", "progress"),
    RunState.RESUMABLE: ("square_bang", "care"),
    RunState.DONE: ("check", "good"),
    RunState.FAILED: ("cross", "bad"),
}
_VERDICT_LOOKS: dict[Verdict, tuple[str, Tone]] = {
    Verdict.IMPORTED: ("arrow_down", "text"),
    Verdict.MISSING_THERE: ("not_equal", "bad"),
    Verdict.DIFFERENT_STATE: ("not_equal", "bad"),
    Verdict.DIFFERENT_AMOUNT: ("not_equal", "bad"),
    Verdict.REFUSED: ("question", "care"),
}


def state_cell(item: RunItem, context: WindowContext) -> StateCell:
    """Return the table cell with the state of a reconciliation run."""
    return StateCell(context.translate(f"reconcile.state.{item.state}"), *_RUN_LOOKS[item.state])


def days_text(item: RunItem) -> str:
    """Return the text of the days that a reconciliation run compares: one day, or the first and the last day."""
    return period_text(item.from_day, item.to_day)


def period_text(first: date, last: date) -> str:
    """Return the text of a range of days: one day, or the first and the last day."""
    return wording.format_day(first) if first == last else f"{wording.format_day(first)} – {wording.format_day(last)}"


def run_title(item: RunItem, context: WindowContext) -> str:
    """Return the title of a reconciliation run, such as `PayPay 2026-11-19`."""
    return f"{case_words.provider_word(item.provider, context)} {days_text(item)}"


def time_text(item: RunItem, context: WindowContext) -> str:
    """Return a sentence with the person who began the run, the time of its begin, and the time of its end or of its
    last change.
    """
    facts = {"who": record_words.actor_name(item.asked_by, context), "begun": item.begun_at}
    if item.ended_at is not None:
        return context.translate("reconcile.when.ended", **facts, ended=item.ended_at)
    return context.translate("reconcile.when.open", **facts, changed=item.changed_at)


# -- one difference


def verdict_cell(item: DifferenceItem, context: WindowContext) -> StateCell:
    """Return the table cell with the verdict of the comparison, such as "different amount". The cell is red only if
    the difference still needs an action.
    """
    shape, tone = _VERDICT_LOOKS[item.found.verdict]
    is_resolved = item.action is None and tone == "bad"
    return StateCell(
        context.translate(f"reconcile.verdict.{item.found.verdict}"), shape, "text" if is_resolved else tone
    )


def difference_name(item: DifferenceItem, context: WindowContext) -> str:
    """Return the short name of the payment of a difference. If a row of the provider's history could not be read,
    return its readable part. Return "" if the payment is unknown.
    """
    if item.payment is not None:
        return case_words.short_title(item.payment, context)
    return _readable_part(item) if item.found.verdict is Verdict.REFUSED else ""


def our_text(item: DifferenceItem, context: WindowContext) -> str:
    """Return the text with our state and amount of the payment; "" if we don't have the payment."""
    return _side_text(item.found.ours, item, context, is_ours=True)


def their_text(item: DifferenceItem, context: WindowContext) -> str:
    """Return the text with the provider's state and amount of the payment; "" for a row of the provider that could
    not be read.
    """
    return (
        "" if item.found.verdict is Verdict.REFUSED else _side_text(item.found.theirs, item, context, is_ours=False)
    )


def _side_text(text: str | None, item: DifferenceItem, context: WindowContext, *, is_ours: bool) -> str:
    """Return the state and amount of one side as text. `text` is the stored form, such as "completed 12000 JPY". Our
    own state (`is_ours`) is translated; the provider's word, and a text of another form, stay unchanged.
    """
    match = _SIDE_PATTERN.fullmatch(text or "")
    if match is None:
        return text or ""
    kind = "refund" if match["refund"] else "payment"
    word = match["word"]
    if word == "refunded":
        return context.translate("reconcile.side.refunded", amount=_amount_text(match, item))
    if is_ours and wording.has_sentence(f"state.{kind}.{word}"):
        word = wording.state_word(kind, word, context.language)
    amount = _amount_text(match, item)
    key = "reconcile.side.refund" if match["refund"] else "reconcile.side.payment"
    return context.translate(key, id=match["refund"], word=word, amount=amount)


def _amount_text(side: re.Match[str], item: DifferenceItem) -> str:
    return wording.format_amount(int(side["minor"]), side["currency"] or _currency(item))


def amount_difference_text(item: DifferenceItem) -> str:
    """Return the provider's amount minus our amount as text; for a refund, the sign is reversed. Return "" if the
    amounts are equal or unknown.
    """
    ours, theirs = (_SIDE_PATTERN.fullmatch(text or "") for text in (item.found.ours, item.found.theirs))
    if item.found.verdict is Verdict.REFUSED or (ours is None and theirs is None):
        return ""
    minor = int(theirs["minor"] if theirs else 0) - int(ours["minor"] if ours else 0)
    currency = (ours and ours["currency"]) or (theirs and theirs["currency"])
    is_refund = any(side is not None and _is_refund(side) for side in (ours, theirs))
    return wording.format_amount(-minor if is_refund else minor, currency or _currency(item)) if minor else ""


def _is_refund(side: re.Match[str]) -> bool:
    """Return True if the side describes a refund: it contains the id of our refund, or a time (which only the
    provider's refunds have), or the word `refunded`.
    """
    return bool(side["refund"] or side["at"]) or side["word"] == "refunded"


def _currency(item: DifferenceItem) -> str:
    return item.payment.currency if item.payment is not None else "JPY"


def cause_cell(item: DifferenceItem, context: WindowContext) -> StateCell:
    """Return the table cell with the reason why a person must look at the difference; if nobody must, the cell says
    this.
    """
    if item.found.verdict is Verdict.REFUSED:
        return StateCell(context.translate(f"reconcile.row.{_reason_code(item)}"), "square_bang", "care")
    if item.case is not None:
        key = wording.rule_sentence_key(item.case.rule_id)
        return StateCell(context.translate(key) if key else item.case.rule_id, "square_bang", "care")
    cause_name = "imported" if item.found.verdict is Verdict.IMPORTED else "settled"
    if item.found.verdict is not Verdict.IMPORTED and not item.found.case_opened:
        return StateCell(context.translate("reconcile.cause.no_order"), "hourglass", "muted")
    return StateCell(context.translate(f"reconcile.cause.{cause_name}"), "check", "muted")


def advice_text(item: DifferenceItem, context: WindowContext) -> str:
    """Return the explanation of the difference and, if a person must act, the action."""
    if item.found.verdict is Verdict.REFUSED:
        return context.translate(
            "reconcile.to_do.refused", why=context.translate(f"reconcile.row.{_reason_code(item)}")
        )
    if item.found.verdict is Verdict.IMPORTED:
        return context.translate("reconcile.to_do.imported")
    if item.payment is None:
        return context.translate("reconcile.to_do.no_payment")
    if item.case is None:
        return context.translate("reconcile.to_do.settled")
    has_words = wording.has_sentence(f"reconcile.to_do.{item.case.rule_id}")
    return context.translate(
        f"reconcile.to_do.{item.case.rule_id}" if has_words else "reconcile.to_do.case", id=item.case.id
    )


def _reason_code(item: DifferenceItem) -> str:
    """Return the code of the reason why a row of the provider's history could not be read. It is the first word of
    `theirs`, or "other" if that word has no text.
    """
    code = (item.found.theirs or "").partition(" ")[0]
    return code if wording.has_sentence(f"reconcile.row.{code}") else "other"


def _readable_part(item: DifferenceItem) -> str:
    return (item.found.theirs or "").partition(" ")[2]


# -- files


def file_text(read_file: ReadFile, context: WindowContext) -> str:
    """Return one line about a file of the provider that the run has read: day, number of rows, amounts and size. A
    value that is None is left out.
    """
    parts = [context.translate("reconcile.file.day", day=read_file.day)]
    if read_file.rows is not None:
        parts.append(context.translate("reconcile.file.rows", n=read_file.rows))
    if read_file.paid_minor is not None:
        parts.append(
            context.translate("reconcile.file.paid", amount=wording.format_amount(read_file.paid_minor, "JPY"))
        )
    if read_file.refunded_minor:
        parts.append(
            context.translate(
                "reconcile.file.refunded", amount=wording.format_amount(-read_file.refunded_minor, "JPY")
            )
        )
    if read_file.bytes is not None:
        parts.append(wording.format_bytes(read_file.bytes))
    if read_file.before:
        parts.append(context.translate("reconcile.file.before", run=read_file.before[-1]))
    return " · ".join(parts)


def run_toast(context: WindowContext, report: ReconcileReport) -> Toast:
    """Return the toast with the result of a reconciliation run: the numbers of compared, different and imported
    rows.
    """
    difference_count = report.different_state + report.different_amount + report.missing_there
    has_ended = report.ended_at is not None or report.run_id is None
    lead = context.translate(
        "reconcile.told" if has_ended else "reconcile.told_open",
        provider=case_words.provider_word(report.provider, context),
        days=period_text(report.from_day, report.to_day),
    )
    counts = context.translate(
        "reconcile.counted", n=_count_compared(report), differ=difference_count, imported=report.imported
    )
    is_equal = difference_count == 0 and report.refused == 0
    return Toast(lead, counts, "check" if is_equal else "not_equal", "good" if is_equal else "care")


def _count_compared(report: ReconcileReport) -> int:
    return report.matched + report.imported + report.missing_there + report.different_state + report.different_amount


def yesterday(context: WindowContext, provider: str) -> date:
    """Return yesterday's date in the provider's time zone."""
    return context.now().astimezone(time_zone(provider)).date() - timedelta(days=1)
