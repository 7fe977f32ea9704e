"""A credit check's view as the values that the parts of its screen show: sides, documents, badges, changes."""

from datetime import datetime

from console import wording
from console.domain.records import CheckState, CreditCheck, EvidenceItem
from console.domain.results import CreditCheckView
from console.views import record_words as words
from console.views.look.tokens import Tone
from console.views.seat import Seat
from console.views.widgets.record import DocumentPart, Side

_AWAITING = "waiting_for_approval"
_COMPARED = ("state", "certainty", "company_name", "result", "purchased_at", "expired_at", "pdf_file_path")
_OUTCOMES = ("SUCCEEDED", "NOT_FOUND", "FAILED_DEFINITE", "AUTH", "RATE_LIMITED", "PENDING", "UNKNOWN")


def badges(view: CreditCheckView) -> tuple[str, str, str]:
    """The keys of the three badges; a proposal waits for its second person."""
    state, certainty, work = words.badge_keys(view.record, derived=False)
    return state, certainty, f"work.{_AWAITING}" if view.awaiting else work


def moment(at: datetime, seat: Seat) -> str:
    """A time for people: today's with seconds, else the day and time."""
    today = wording.format_instant(at, "day") == wording.format_instant(seat.now(), "day")
    return wording.format_instant(at, "clock" if today else "short")


def sides(view: CreditCheckView, seat: Seat) -> tuple[Side, Side, Side]:
    """Ours, the provider's, and that there is no order: always in this order."""
    return _ours(view, seat), _providers(view, seat), _order(seat)


def _ours(view: CreditCheckView, seat: Seat) -> Side:
    record = view.record
    badge = words.cell(words.state_key(record, derived=False), seat.language)
    since = record.changed_at or record.created_at
    by = next((entry.who for entry in reversed(view.timeline) if not words.is_opening(entry)), None)
    version = seat.say("record.side.version", version=record.version)
    return Side(
        seat.say("record.side.ours"), badge.word, badge.shape, badge.tone,
        own_word=_result(record, seat),
        fact=seat.say("record.side.since_age", at=moment(since, seat), age=seat.age(since)) if since else "",
        source=seat.say("record.side.version_by", version=record.version, who=words.who(by, seat)) if by else version,
    )  # fmt: skip


def _providers(view: CreditCheckView, seat: Seat) -> Side:
    record, asked = view.record, last_answer(view)
    word, shape, tone = _found(record, asked, seat)
    own = _result(record, seat) if record.credit_check_id else ""
    fact = ""
    if asked is not None:
        fact = seat.say("record.side.asked_age", at=moment(asked.at, seat), age=seat.age(asked.at))
    return Side(
        seat.say("record.side.provider"), word, shape, tone, own_word=own, fact=fact,
        differs=record.work.reason == "contradicted", differs_word=seat.say("record.side.differs"),
    )  # fmt: skip


def _found(record: CreditCheck, asked: EvidenceItem | None, seat: Seat) -> tuple[str, str, Tone]:
    """What the provider said last, in a word."""
    if record.credit_check_id is not None:
        return seat.say("record.side.found"), "disc", "good"
    outcome = next((one for one in _OUTCOMES if asked is not None and one in asked.summary.split()), "")
    match outcome:
        case "":
            return seat.say("record.side.never_asked_short"), "dash", "muted"
        case "NOT_FOUND":
            return seat.say("record.side.not_found"), "cross", "muted"
        case "UNKNOWN":
            return seat.say("record.side.no_answer"), "question", "unknown"
        case "SUCCEEDED":
            return seat.say("record.side.found"), "disc", "good"
    return seat.say("record.side.refused"), "cross", "bad"


def _order(seat: Seat) -> Side:
    none = seat.say("record.side.none")
    return Side(seat.say("record.side.order"), none, "dash", "muted", fact=seat.say("record.side.no_order"))


def last_answer(view: CreditCheckView) -> EvidenceItem | None:
    """The newest answer of the provider, or the lack of one."""
    return next((item for item in reversed(view.evidence) if item.source.startswith("alarmbox.")), None)


def _result(record: CreditCheck, seat: Seat) -> str:
    return seat.say("record.side.result", result=record.result) if record.result else ""


def documents(view: CreditCheckView, seat: Seat) -> list[DocumentPart]:
    """Detail, result, dates, PDF."""
    if view.record.state is not CheckState.SUCCESS:
        names = ("detail", "result", "dates", "pdf")
        return [
            DocumentPart(seat.say(f"record.document.{name}"), "dash", "muted", seat.say("record.document.not_yet"))
            for name in names
        ]
    return [_detail(view, seat), _verdict(view, seat), _dates(view, seat), _pdf(view, seat)]


def _detail(view: CreditCheckView, seat: Seat) -> DocumentPart:
    name = seat.say("record.document.detail")
    if {"name", "detail"} & set(view.record.incomplete):
        return _missing(view, name, seat)
    at = _when(view, "detail_stored") or view.record.changed_at
    detail = seat.say("record.document.fetched_at", at=moment(at, seat)) if at else ""
    return DocumentPart(name, "check", "good", seat.say("record.document.complete"), detail)


def _verdict(view: CreditCheckView, seat: Seat) -> DocumentPart:
    record, name = view.record, seat.say("record.document.result")
    if "result" in record.incomplete:
        return _missing(view, name, seat)
    value = seat.say("record.document.value", value=record.result)
    return DocumentPart(name, "check", "good", words.result_word(record, seat), value)


def _dates(view: CreditCheckView, seat: Seat) -> DocumentPart:
    record, name = view.record, seat.say("record.document.dates")
    if "dates" in record.incomplete:
        return _missing(view, name, seat)
    over = record.expired_at is not None and record.expired_at <= seat.now()
    until = seat.say("record.document.until", until=record.expired_at)
    bought = seat.say("record.document.bought", at=record.purchased_at)
    return DocumentPart(name, "clock" if over else "check", "care" if over else "good", until, bought)


def _pdf(view: CreditCheckView, seat: Seat) -> DocumentPart:
    name = seat.say("record.document.pdf")
    current = next((document for document in view.documents if document.current), None)
    if "pdf" in view.record.incomplete or current is None:
        return _missing(view, name, seat)
    size = seat.say("record.document.size", size=current.bytes)
    fetched = seat.say("record.document.fetched_at", at=moment(current.fetched_at, seat))
    return DocumentPart(name, "check", "good", size, fetched)


def _missing(view: CreditCheckView, name: str, seat: Seat) -> DocumentPart:
    record = view.record
    code = record.error_code
    why = seat.say(f"cause.{code}") if code and wording.has(f"cause.{code}") else seat.say("record.document.not_yet")
    if record.work.at is not None:
        when = seat.say("record.document.next_attempt_at", at=moment(record.work.at, seat))
    else:
        when = seat.say("record.document.stopped")
    return DocumentPart(name, "cross", "bad", why, when, True, seat.say("record.document.missing"))


def _when(view: CreditCheckView, what: str) -> datetime | None:
    """When something last happened to the record."""
    return next((entry.at for entry in reversed(view.timeline) if entry.what.endswith(what)), None)


def changed_fields(before: CreditCheck, after: CreditCheck) -> dict[str, tuple[object, object]]:
    """What differs between two versions, field by field, before and after."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in _COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def difference(before: CreditCheck, after: CreditCheck, seat: Seat) -> str:
    """The same as one sentence, in words."""
    changes = changed_fields(before, after)
    shown = {name: [_shown(name, one, seat) for one in pair] for name, pair in changes.items()}
    if before.incomplete != after.incomplete and "pdf_file_path" not in changes:
        shown["work"] = [_parts(before, seat), _parts(after, seat)]
    return seat.say("record.changed", changes=shown) if shown else ""


def _parts(record: CreditCheck, seat: Seat) -> str:
    return seat.say("record.missing_parts", missing=record.incomplete)


def _shown(name: str, value: object, seat: Seat) -> str:
    if value is None:
        return wording.NOTHING
    if name == "state":
        return seat.say(f"state.credit_check.{value}")
    if name == "certainty":
        return seat.say(f"state.certainty.{value}")
    if name == "pdf_file_path":
        return seat.say("record.document.copy", name=str(value)[3:11])
    if isinstance(value, datetime):
        return wording.format_instant(value, "until" if name == "expired_at" else "day")
    return seat.say(f"result.{value}") if name == "result" and wording.has(f"result.{value}") else str(value)
