"""The values that the page of a credit check shows: the state in this database and at the provider, the documents,
the changed fields and the offered actions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from console.domain.audit.actions import AuditAction
from console.domain.audit.record_entries import find_last_writer
from console.domain.explained_state import Explanation
from console.domain.records import Certainty, CheckState, CreditCheck, EvidenceItem, WorkReason, is_attempt_overdue
from console.domain.recovery.decision_rules import has_expired, is_decidable_check
from console.domain.views.any_record import CreditCheckDetails, find_evidence_of_last_call
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.widgets.display.record_parts import DocumentSummary, RecordSideState
from console.wording.sentences import catalogue as wording

_COMPARED_CREDIT_CHECK_FIELDS = (
    "state",
    "certainty",
    "company_name",
    "result",
    "purchased_at",
    "expired_at",
    "pdf_file_path",
)
_WORD_ICON_AND_TONE_BY_OUTCOME: Mapping[str, tuple[str, str, Tone]] = {
    "SUCCEEDED": ("found", "disc", "good"),
    "NOT_FOUND": ("not_found", "cross", "muted"),
    **dict.fromkeys(("FAILED_DEFINITE", "AUTH", "RATE_LIMITED", "PENDING"), ("refused", "cross", "bad")),
    "UNKNOWN": ("no_answer", "question", "unknown"),
}
"""For each outcome of a provider's answer: the part of the wording key for it, the icon and the colour tone.
The outcome is a word in the summary of the stored answer.
"""


def format_time_in_sentence(at: datetime, context: WindowContext) -> str:
    """Return an instant as text within a sentence: for an instant of today in Japan, the time with seconds;
    otherwise day and time, as format_time_in_column returns them."""
    return wording.format_clock_instant(at, context.now())


def format_time_in_column(at: datetime, context: WindowContext) -> str:
    """Return an instant as text for a table column: day and time, with the year if it isn't the present year."""
    return wording.format_short_instant(at, context.now())


def make_compared_sides(
    details: CreditCheckDetails, context: WindowContext
) -> tuple[RecordSideState, RecordSideState, RecordSideState]:
    """Return the contents of the three panels on the page of a credit check: the state in this database, the state
    at the provider, and the order's panel, which only says that a credit check has no order."""
    last_call = find_evidence_of_last_call(details.evidence)
    provider_side = _make_provider_side(details.record, details.explanation, last_call, context)
    return _make_our_side(details, context), provider_side, _make_order_side(context)


def make_preview_sides(
    record: CreditCheck, explanation: Explanation, last_call: EvidenceItem | None, context: WindowContext
) -> list[RecordSideState]:
    """Return the state of a credit check in this database and at AlarmBox, for the preview next to a list.
    `last_call` is the evidence of the last call to AlarmBox; None if there was no call."""
    return [_make_our_state(record, context), _make_provider_side(record, explanation, last_call, context)]


def _make_our_side(details: CreditCheckDetails, context: WindowContext) -> RecordSideState:
    """Return the content of the panel with the state of the credit check in this database."""
    record = details.record
    # a renewal changes the record's badge, but not its stored state
    renewed_at = _find_last_event_time(details, AuditAction.CREDIT_CHECK_SUPERSEDED) if record.superseded_by else None
    since_instant = renewed_at or record.state_since
    changed_by = find_last_writer(details.timeline)
    version = context.translate("record.side.version", version=record.version)
    return replace(
        _make_our_state(record, context),
        age_text=context.translate(
            "record.side.since_age",
            at=format_time_in_sentence(since_instant, context),
            age=context.format_age(since_instant),
        )
        if since_instant
        else "",
        source=context.translate("record.side.version_by", version=record.version, who=changed_by)
        if changed_by
        else version,
    )


def _make_our_state(record: CreditCheck, context: WindowContext) -> RecordSideState:
    """Return the state and the result of the credit check in this database, without their time and source."""
    badge = words.make_state_cell(words.get_state_badge_key(record), context.language)
    return RecordSideState(
        context.translate("record.side.ours"),
        badge.word,
        badge.icon_name,
        badge.tone,
        word_of_side=_format_check_result(record, context),
    )


def _make_provider_side(
    record: CreditCheck, explanation: Explanation, last_answer: EvidenceItem | None, context: WindowContext
) -> RecordSideState:
    """Return the content of the panel with the state of the credit check at AlarmBox, from the last answer."""
    word, icon_name, tone = _make_answer_word_icon_and_tone(record, last_answer, context)
    if last_answer is None and explanation.verdict == "verdict.pending":  # the call is under way
        word, icon_name, tone = context.translate("record.side.waiting"), "half_disc", "progress"
    is_contradicted = record.work.reason == WorkReason.CONTRADICTED
    # the stored result is from the provider's earlier answer, not from its contradicting answer
    own_word = _format_check_result(record, context) if record.credit_check_id and not is_contradicted else ""
    fact = ""
    if last_answer is not None:
        fact = context.translate(
            "record.side.asked_age",
            at=format_time_in_sentence(last_answer.at, context),
            age=context.format_age(last_answer.at),
        )
    return RecordSideState(
        context.translate("record.side.provider"),
        word,
        icon_name,
        tone,
        word_of_side=own_word,
        age_text=fact,
        is_different=is_contradicted,
        has_different_state=is_contradicted,
        difference_word=context.translate("record.side.differs"),
    )


def _make_answer_word_icon_and_tone(
    record: CreditCheck, answer: EvidenceItem | None, context: WindowContext
) -> tuple[str, str, Tone]:
    """Return the word, the icon and the colour tone that the panel of the provider shows. `answer` is the evidence of
    the last call to AlarmBox; its summary contains the outcome as a word. The first case that applies decides:

    - AlarmBox's answer contradicts the record, and the outcome isn't NOT_FOUND: the panel says that AlarmBox's answer
      differs.
    - AlarmBox's answer doesn't contradict the record, and the record has an id at AlarmBox: the panel shows the word
      of the outcome SUCCEEDED.
    - The summary contains an outcome of `_WORD_ICON_AND_TONE_BY_OUTCOME`, such as UNKNOWN: the panel shows the word
      of this outcome.
    - The summary contains no such outcome, or `answer` is None: the panel says that the program has never called
      AlarmBox about this credit check.
    """
    summary_words = answer.summary.split() if answer is not None else []
    outcome = next((code for code in _WORD_ICON_AND_TONE_BY_OUTCOME if code in summary_words), "")
    if record.work.reason == WorkReason.CONTRADICTED:
        if outcome != "NOT_FOUND":
            return context.translate("record.side.other_answer"), "not_equal", "bad"
    elif record.credit_check_id is not None:
        outcome = "SUCCEEDED"
    word, icon_name, tone = _WORD_ICON_AND_TONE_BY_OUTCOME.get(outcome, ("never_asked_short", "dash", "muted"))
    return context.translate(f"record.side.{word}"), icon_name, tone


def _make_order_side(context: WindowContext) -> RecordSideState:
    """Return the content of the order's panel, which says that a credit check has no order."""
    no_order_word = context.translate("record.side.none")
    return RecordSideState(
        context.translate("record.side.order"),
        no_order_word,
        "dash",
        "muted",
        age_text=context.translate("record.side.no_order"),
    )


def _format_check_result(record: CreditCheck, context: WindowContext) -> str:
    """Return the text with the result of the credit check; "" if it has no result."""
    return context.translate("record.side.result", result=record.result) if record.result else ""


def make_document_summaries(details: CreditCheckDetails, context: WindowContext) -> list[DocumentSummary]:
    """Return the summaries of the four parts of a credit check (detail, result, dates, PDF) for its page: each
    part is stored, missing or not yet expected."""
    if details.record.state is not CheckState.SUCCESS:
        part_names = ("detail", "result", "dates", "pdf")
        return [
            DocumentSummary(
                context.translate(f"record.document.{name}"),
                "dash",
                "muted",
                context.translate("record.document.not_yet"),
            )
            for name in part_names
        ]
    return [
        _make_detail_summary(details, context),
        _make_result_summary(details, context),
        _make_dates_summary(details, context),
        _make_pdf_summary(details, context),
    ]


def _make_detail_summary(details: CreditCheckDetails, context: WindowContext) -> DocumentSummary:
    name = context.translate("record.document.detail")
    if {"name", "detail"} & set(details.record.incomplete):
        return _make_missing_part_summary(details, name, context)
    stored_at = _find_last_event_time(details, AuditAction.CREDIT_CHECK_DETAIL_STORED) or details.record.state_since
    detail = (
        context.translate("record.document.fetched_at", at=format_time_in_sentence(stored_at, context))
        if stored_at
        else ""
    )
    return DocumentSummary(name, "check", "good", context.translate("record.document.complete"), detail)


def _make_result_summary(details: CreditCheckDetails, context: WindowContext) -> DocumentSummary:
    record, name = details.record, context.translate("record.document.result")
    if "result" in record.incomplete:
        return _make_missing_part_summary(details, name, context)
    value = context.translate("record.document.value", value=record.result)
    return DocumentSummary(name, "check", "good", words.get_result_word(record, context), value)


def _make_dates_summary(details: CreditCheckDetails, context: WindowContext) -> DocumentSummary:
    record, name = details.record, context.translate("record.document.dates")
    if "dates" in record.incomplete:
        return _make_missing_part_summary(details, name, context)
    is_over = has_expired(record, context.now())
    until_text = context.translate("record.document.until", until=record.expired_at)
    bought_text = context.translate("record.document.bought", at=record.purchased_at)
    return DocumentSummary(
        name, "clock" if is_over else "check", "care" if is_over else "good", until_text, bought_text
    )


def _make_pdf_summary(details: CreditCheckDetails, context: WindowContext) -> DocumentSummary:
    name = context.translate("record.document.pdf")
    current_document = next((document for document in details.documents if document.is_current), None)
    if "pdf" in details.record.incomplete or current_document is None:
        return _make_missing_part_summary(details, name, context)
    size = context.translate("record.document.size", size=current_document.bytes)
    fetched_text = context.translate(
        "record.document.fetched_at", at=format_time_in_sentence(current_document.fetched_at, context)
    )
    return DocumentSummary(name, "check", "good", size, fetched_text)


def _make_missing_part_summary(
    details: CreditCheckDetails, part_name: str, context: WindowContext
) -> DocumentSummary:
    """Return the summary of a part that is missing: the reason, and the time of the next attempt to fetch it or a
    text which says that there is none. `part_name` is the name of the part on the page."""
    record = details.record
    code = record.error_code
    cause_text = (
        wording.capitalize_first_letter(context.translate(f"cause.{code}"))
        if code and wording.has_sentence(f"cause.{code}")
        else context.translate("record.document.not_yet")
    )
    if is_attempt_overdue(record.work, context.now()):
        attempt_text = context.translate("record.document.next_overdue")
    elif record.work.at is not None:
        attempt_text = context.translate(
            "record.document.next_attempt_at", at=format_time_in_sentence(record.work.at, context)
        )
    else:
        attempt_text = context.translate("record.document.stopped")
    return DocumentSummary(
        part_name, "cross", "bad", cause_text, attempt_text, True, context.translate("record.document.missing")
    )


def _find_last_event_time(details: CreditCheckDetails, action: AuditAction) -> datetime | None:
    """Return the instant of the newest audit entry of the credit check with this action; None if there is no such
    entry."""
    return next((entry.at for entry in reversed(details.timeline) if entry.what == action), None)


def _find_changed_fields(before: CreditCheck, after: CreditCheck) -> dict[str, tuple[object, object]]:
    """Return the fields that differ between two versions of a credit check: by the name of the field, the value in
    `before` and the value in `after`. Only the fields of _COMPARED_CREDIT_CHECK_FIELDS are compared."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in _COMPARED_CREDIT_CHECK_FIELDS}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def format_differences(before: CreditCheck, after: CreditCheck, context: WindowContext) -> str:
    """Return a sentence with the changes from the version `before` of a credit check to the version `after` (see
    `format_changed_values`). Return "" if there are no changes."""
    texts = format_changed_values(before, after, context)
    return context.translate("record.changed", changes=texts) if texts else ""


def format_changed_values(before: CreditCheck, after: CreditCheck, context: WindowContext) -> dict[str, list[str]]:
    """Return the fields that differ between two versions of a credit check, by their names, each as a list of two
    texts: the value before and the value after the change. The texts of the name `work` are the missing parts; if
    these are the same, or if the PDF has changed, they are the next step (the work) with its reason."""
    changes = _find_changed_fields(before, after)
    texts = {name: [_format_field_value(name, value, context) for value in pair] for name, pair in changes.items()}
    if before.incomplete != after.incomplete and "pdf_file_path" not in changes:
        texts["work"] = [_format_missing_parts(before, context), _format_missing_parts(after, context)]
    elif (before.work.state, before.work.reason) != (after.work.state, after.work.reason):
        texts["work"] = [case_words.format_work_with_reason(record.work, context) for record in (before, after)]
    return texts


def _format_missing_parts(record: CreditCheck, context: WindowContext) -> str:
    """Return the text that names the missing parts of the credit check."""
    return context.translate("record.missing_parts", missing=record.incomplete)


def _format_field_value(field_name: str, value: object, context: WindowContext) -> str:
    """Return the value of a changed field as text; – for None."""
    if value is None:
        return wording.NO_VALUE
    if field_name == "state":
        return context.translate(f"state.credit_check.{value}")
    if field_name == "certainty":
        return context.translate(f"state.certainty.{value}")
    if field_name == "pdf_file_path":
        return context.translate("record.document.copy", name=str(value)[3:11])
    if isinstance(value, datetime):
        return wording.format_instant(value, "until" if field_name == "expired_at" else "day")
    return (
        context.translate(f"result.{value}")
        if field_name == "result" and wording.has_sentence(f"result.{value}")
        else str(value)
    )


def list_offered_actions(details: CreditCheckDetails) -> tuple[str, ...]:
    """Return the names of the actions that the page of the credit check offers in its present state. The action of
    the next step comes first, if the explanation names one."""
    record, advised = details.record, details.explanation.next_step.action
    if record.is_superseded or record.duplicate_of is not None:
        return ("successor",)
    if record.certainty is Certainty.UNKNOWN:
        other_actions: tuple[str, ...] = ("resolve", "probe")
    elif is_decidable_check(record):
        other_actions = ("resolve",)
    elif record.state is CheckState.PENDING:
        other_actions = ("probe",)
    elif record.state is CheckState.ERROR:
        other_actions = ()
    else:
        other_actions = ("probe",) if advised is not None else ("open_pdf", "probe")
    return tuple(dict.fromkeys((*((advised,) if advised is not None else ()), *other_actions)))
