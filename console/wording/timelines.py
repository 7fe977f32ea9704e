"""The timeline of a record as plain text in Japanese or English, for the clipboard and for evidence packs."""

from collections.abc import Iterator, Mapping

from console.domain.audit.actions import AuditAction
from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, TimelinePage, mask_text
from console.domain.records import TimelineEntry
from console.wording.evidence_words import format_evidence_source
from console.wording.notices import format_notice_type
from console.wording.sentences import catalogue as wording
from console.wording.sentences import findings

_EVENT_KINDS_WITH_OWN_SENTENCE = frozenset(
    (
        TimelineEventKind.BEGUN,
        TimelineEventKind.ENDED,
        TimelineEventKind.ANSWER,
        TimelineEventKind.NOTICE,
        TimelineEventKind.PROOF,
    )
)
_RECONCILIATION_ROW = "reconciliation_row"
"""Event of a timeline: a reconciliation has compared the payment with a row of its provider's history."""
_AUDIT_LOG_SOURCE = "audit_log"
"""Source of the timeline events that are audit entries."""

_RECORD_OPENED_AUDIT_ACTIONS = (AuditAction.CREDIT_CHECK_OPENED, AuditAction.CREDIT_CHECK_PDF_READ)


def is_record_opened_entry(entry: TimelineEntry) -> bool:
    """Return True if the audit entry only records that a person has opened a credit check or its PDF."""
    return entry.what in _RECORD_OPENED_AUDIT_ACTIONS


def format_timeline(timeline: TimelinePage, language: str) -> str:
    """Return the timeline of a record as plain text: a header about the record, then one line per event."""
    lines = [
        *format_header_lines(timeline, language),
        *(format_event_line(event, timeline, language) for event in timeline.events),
    ]
    if not timeline.events:
        lines.append(wording.translate("story.empty", language))
    if timeline.next_cursor is not None:
        lines.append(wording.translate("story.more", language))
    return "\n".join(mask_text(entry, timeline.hidden_texts) for entry in lines) + "\n"


def format_note_about_earlier_events(timeline: TimelinePage, language: str) -> str:
    """Return a sentence which says that older events exist than the timeline has; "" if it has all events."""
    return wording.translate("story.earlier", language) if timeline.has_earlier_events else ""


def format_header_lines(timeline: TimelinePage, language: str) -> Iterator[str]:
    """Yield the lines above the events of a record's timeline: the record's name, its states, the official name of
    its corporation if known, and an empty line."""
    facts = wording.convert_amount_facts(timeline.facts)
    kind = wording.translate(f"kind.{timeline.kind}", language)
    # People know an order and a payment by their numbers, other records by their ids.
    key = "story.title_of" if timeline.kind in ("order", "payment") and "amount" in facts else "story.title"
    if timeline.kind == "credit-check" and "name" in facts:
        facts = {**facts, "name": wording.format_corporation_number(str(facts["name"]))}
    yield wording.translate(key, language, **{**facts, "kind": kind, "id": timeline.id})
    yield " / ".join(_format_record_state_lines(timeline, language))
    if "official_name" in facts:
        yield wording.translate("story.official_name", language, **facts)
    yield ""


def _format_record_state_lines(timeline: TimelinePage, language: str) -> Iterator[str]:
    names = ("state", "state_badge", "certainty", "work")
    state, badge, certainty, work = (timeline.facts.get(name) for name in names)
    if badge is None:
        yield wording.get_state_word(timeline.kind, str(state), language)
        return
    for name in (badge, f"certainty.{certainty}", f"work.{work}"):
        yield wording.get_badge_word(str(name), language)


def format_event_line(event: TimelineEvent, timeline: TimelinePage, language: str) -> str:
    """Return an event of a timeline as one line: instant, person, sentence, and in brackets the operation and the
    evidence. Example: `2026-11-20 15:04:05 JST op-a Approved the refund. [evidence #12]`."""
    actor = wording.translate("who.worker", language) if event.who == "worker" else event.who
    sentence_text = format_event_sentence_with_record(event, timeline, language)
    references = wording.translate("list.separator", language).join(_format_event_references(event, language))
    entry = f"{wording.format_instant(event.at)}  {actor}  {sentence_text}{f'  [{references}]' if references else ''}"
    return "".join(character if character.isprintable() else " " for character in entry)


def format_event_sentence_with_record(event: TimelineEvent, timeline: TimelinePage, language: str) -> str:
    """Return a sentence about an event of a timeline. If the event belongs to a record other than the record of the
    timeline, the sentence also names the event's record. References of payers are masked."""
    text = format_event_sentence(event, language)
    if (event.kind, event.id) != (timeline.kind, timeline.id):
        text = wording.translate("story.of", language, name=_get_record_name(event, timeline, language), told=text)
    return mask_text(text, timeline.hidden_texts)


def _get_record_name(event: TimelineEvent, timeline: TimelinePage, language: str) -> str:
    """Return the kind of the event's record, followed by the number by which people know the record; the kind alone
    if the number is unknown."""
    kind = wording.translate(f"kind.{event.kind}", language)
    number = timeline.names.get((event.kind, event.id))
    return f"{kind} {number}" if number else kind


def format_event_sentence(event: TimelineEvent, language: str) -> str:
    """Return a sentence about an event of a timeline; the sentence doesn't name the event's record."""
    facts = wording.convert_amount_facts(event.facts)
    if _adds_nothing_to_outcome(facts.get("reason"), facts.get("outcome"), language):
        facts = {**facts, "reason": None}
    if event.event_kind is TimelineEventKind.PROOF:
        summary = str(facts.get("summary") or "")
        facts = {**facts, "summary": wording.format_stated_reason(summary, language) or summary}
    if event.event_kind is TimelineEventKind.ANSWER:
        # "succeeded" alone would be read as paid, also in the answer to a call that only starts a payment
        facts = {**facts, "source": format_evidence_source(event.what, language)}
    if event.event_kind is TimelineEventKind.NOTICE:
        source, type = str(facts.get("from") or ""), str(facts.get("told") or "")
        facts = {**facts, "told": format_notice_type(source, type, language)}
    if event.event_kind in _EVENT_KINDS_WITH_OWN_SENTENCE and event.source != _AUDIT_LOG_SOURCE:
        return wording.translate(f"story.{event.event_kind.value}", language, **facts)
    if event.source != _AUDIT_LOG_SOURCE:
        if event.what == _RECONCILIATION_ROW:
            return _format_reconciliation_row(facts, language)
        return wording.translate(f"story.{event.what}", language, **facts)
    return wording.format_audit_entry(TimelineEntry(event.at, event.who, event.what, facts, event.result), language)


def _format_reconciliation_row(facts: Mapping[str, object], language: str) -> str:
    """Return the sentence about the comparison of a payment with its provider's history. `facts` has the first and
    the last compared day (`from_day`, `to_day`), and the provider's side of the comparison (`theirs`). If both days
    are the same, the sentence names the day once. If `theirs` is missing or empty, the sentence says that the history
    doesn't have the payment."""
    first_day, last_day = facts.get("from_day"), facts.get("to_day")
    days = str(first_day)
    if first_day != last_day:
        days = wording.translate("close.days", language, first=days, last=str(last_day))
    key = f"story.{_RECONCILIATION_ROW}{'' if facts.get('theirs') else '.not_there'}"
    return wording.translate(key, language, **{**facts, "days": days})


def _adds_nothing_to_outcome(reason: object, outcome: object, language: str) -> bool:
    """Return True if the reason of a provider's answer contains no more information than the outcome of the answer,
    or has the same words, as in "Not found (not found)"."""
    if findings.is_reason_without_information(str(reason)):
        return True
    if not reason or not outcome:
        return False
    words = wording.translate("finding.code", language, code=reason)
    return words.casefold() == wording.translate(f"outcome.{outcome}", language).casefold()


def _format_event_references(event: TimelineEvent, language: str) -> Iterator[str]:
    if event.operation_id is not None:
        yield wording.translate("story.operation", language, id=event.operation_id)
    elif event.correlation is not None:
        yield wording.translate("story.correlation", language, id=event.correlation)
    for evidence_id in event.evidence:
        yield wording.translate("story.evidence", language, id=evidence_id)
