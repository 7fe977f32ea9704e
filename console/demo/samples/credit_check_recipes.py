"""What there is to see among the samples: each recipe makes all records of one kind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from console.domain.schedules import INCOMPLETE_REFETCHES
from console.services.samples.maker import (
    CLIENTS,
    Answer,
    Event,
    Maker,
    Sample,
    needs_review,
    tell_bought,
    tell_ended,
)

ALL_PARTS = ("name", "result", "dates", "pdf")
_NOT_BOUGHT = (
    ("http_422", "FAILED_DEFINITE"),
    ("http_404", "FAILED_DEFINITE"),
    ("http_403", "FAILED_DEFINITE"),
    ("invalid_grant", "AUTH"),
    ("http_429", "RATE_LIMITED"),
    ("not_connected", "FAILED_DEFINITE"),
    ("name_not_resolved", "FAILED_DEFINITE"),
    ("connect_timeout", "FAILED_DEFINITE"),
)
_MISSING = (("pdf",), ("result",), ("name",), ("dates",), ("result", "pdf"), ALL_PARTS)
_PART_TROUBLES = ("read_timeout", "http_503", "pdf_not_pdf", "answer_cut", "pdf_missing")


def _running(maker: Maker) -> Iterator[Sample]:
    """Asked a moment ago by a colleague, not answered yet."""
    for _ in range(4):
        sample = maker.begun("running", maker.ago(0.2, 2), ("calling", None, None), "pending")
        sample.running = True
        yield sample


def _lapsed(maker: Maker) -> Iterator[Sample]:
    """The process that asked has gone; half of them had been charged."""
    for turn in range(4):
        sample = maker.begun("lapsed", maker.ago(60, 300), ("calling", None, None), "pending")
        sample.report = maker.report(sample.number, sample.at) if turn % 2 else None
        yield sample


def _unknown(maker: Maker) -> Iterator[Sample]:
    for turn in range(12):
        yield maker.unanswered("unknown", maker.ago(20, 3_000), charged=turn % 2 == 0)


def _half_decided(maker: Maker) -> Iterator[Sample]:
    """One person says it was not bought; a second one is awaited."""
    for _ in range(3):
        sample = maker.unanswered("half_decided", maker.ago(1_500, 4_000), charged=False)
        sample.proposed_by = "op-a"
        at = sample.at + timedelta(hours=2)
        words = "提供元の画面を確認: 該当する購入なし (no such purchase on the provider's screen)"
        sample.answers.append(Answer(at, "op-a", "person", words, words))
        sample.events.append(Event(at, "op-a", "credit-check.resolve_proposed", {"as": "error"}))
        yield sample


def _misfits(maker: Maker) -> Iterator[Sample]:
    """The answer was about another number, or carried no usable id."""
    for cause in ("other_number", "bad_id"):
        sample = maker.unanswered("misfit", maker.ago(200, 2_000), charged=True)
        sample.journal = ("unknown", "UNKNOWN", cause)
        sample.values = needs_review("answer_does_not_fit", certainty="unknown", error_code=cause)
        yield sample


def _errors(maker: Maker) -> Iterator[Sample]:
    """Certainly not bought, for each cause; some were bought later."""
    for cause, outcome in _NOT_BOUGHT * 3:
        sample = maker.begun("error", maker.workday(1, 60), ("failed", outcome, cause), "error")
        sample.values = {"error_code": cause}
        tell_ended(sample, "credit-check.not_bought", cause, 3)
        yield sample
        if maker.random.random() < 0.25:
            yield _again(maker, sample)
    for _ in range(3):
        yield _decided(maker)


def _again(maker: Maker, failed: Sample) -> Sample:
    """The same company for the same client, bought the next hour."""
    sample = maker.bought("bought_after_error", failed.at + timedelta(hours=1))
    return _moved(maker, sample, failed.number, failed.client)


def _moved(maker: Maker, sample: Sample, number: str, client: str) -> Sample:
    """The same purchase, but of another number."""
    sample.number, sample.client = number, client
    sample.report = maker.report(number, sample.at)
    sample.events, sample.answers = sample.events[:1], []
    tell_bought(sample)
    return sample


def _decided(maker: Maker) -> Sample:
    """An unknown that two people settled as not bought."""
    sample = maker.unanswered("decided_unbought", maker.workday(5, 90), charged=False)
    sample.journal = ("failed", "FAILED_DEFINITE", "resolved_by_people")
    sample.status, sample.values = "error", {"error_code": "resolved_by_people"}
    at = sample.at + timedelta(hours=20)
    sample.answers.append(Answer(at, "lead-b", "person", "provider's letter no. 26-118"))
    sample.events += [
        Event(at - timedelta(hours=3), "op-a", "credit-check.resolve_proposed", {"as": "error"}),
        Event(at, "lead-b", "credit-check.not_bought", {"first": "op-a"}, reason="resolved_by_people"),
    ]
    return sample


def _incomplete(maker: Maker) -> Iterator[Sample]:
    """Each kind of gap at each position of the schedule, and after its end."""
    for missing in _MISSING:
        for attempts in range(len(INCOMPLETE_REFETCHES) + 1):
            yield _with_gap(maker, missing, attempts)


def _with_gap(maker: Maker, missing: tuple[str, ...], attempts: int) -> Sample:
    ended = attempts == len(INCOMPLETE_REFETCHES)
    waited = sum(INCOMPLETE_REFETCHES[:attempts], timedelta())
    pause = timedelta(days=1) if ended else INCOMPLETE_REFETCHES[attempts]
    last = maker.now - pause * maker.random.uniform(0.05, 0.9)
    sample = maker.bought("incomplete", last - waited, missing)
    trouble = maker.random.choice(_PART_TROUBLES)
    sample.values = {"error_code": trouble, "work_attempts": attempts}
    if ended:
        sample.values |= needs_review("refetches_ended")
    else:
        sample.values |= {"work_state": "scheduled", "work_reason": "incomplete", "work_at": last + pause}
    if missing == ("result",) and sample.report is not None:
        sample.report = replace(sample.report, result=None)  # the provider has no verdict yet
    part = "pdf" if "pdf" in missing else "detail"
    at = sample.at
    for pause in (timedelta(seconds=5), *INCOMPLETE_REFETCHES[:attempts]):
        at += pause
        what = f"credit-check.{part}_failed"
        code = {"code": "provider_answer_unusable"}
        sample.events.append(Event(at, sample.who, what, code, "failed", trouble))
    return sample


def _viewing_over(maker: Maker) -> Iterator[Sample]:
    """The provider shows them no more; what is missing stays missing."""
    for turn in range(6):
        sample = maker.bought("viewing_over", maker.workday(370, 420), ("pdf",) if turn % 2 else ())
        code = "viewing_period_over"
        sample.values = {"viewing_over": True, "error_code": code}
        at = sample.at + timedelta(days=366)
        failed = {"code": code}
        sample.events.append(Event(at, "op-a", "credit-check.pdf_failed", failed, "failed", "http_403"))
        yield sample


def _renewed(maker: Maker) -> Iterator[Sample]:
    """Chains of two and three purchases, each superseding the one before."""
    for turn in range(24):
        newer = maker.bought("renewal", maker.workday(2, 200))
        yield newer
        for _ in range(1 + turn % 2):
            at = newer.at - timedelta(days=maker.random.randrange(367, 400))
            older = _moved(maker, maker.bought("superseded", at), newer.number, newer.client)
            older.successor, newer = newer, older
            superseded = Event(older.successor.at, older.successor.who, "credit-check.superseded")
            older.events.append(superseded)
            yield older


def _two_reports(maker: Maker) -> Iterator[Sample]:
    """The provider changed the PDF: the newer is current, the older stays."""
    for _ in range(8):
        sample = maker.bought("two_reports", maker.workday(20, 300))
        sample.revisions = 2
        at = sample.at + timedelta(days=9)
        sample.events.append(Event(at, "op-a", "credit-check.pdf_stored", {"changes": {"pdf_file_path": []}}))
        yield sample


def _for_several_clients(maker: Maker) -> Iterator[Sample]:
    """One company, bought for every client."""
    for _ in range(6):
        first = maker.bought("several_clients", maker.workday(5, 200))
        yield first
        for client in (client for client in CLIENTS if client != first.client):
            sample = maker.bought("several_clients", maker.workday(5, 200))
            yield _moved(maker, sample, first.number, client)


def _contradicted(maker: Maker) -> Iterator[Sample]:
    """Known here, and the provider says otherwise: the state stays, a case is open."""
    for _ in range(2):
        sample = maker.bought("contradicted", maker.workday(10, 100))
        sample.values = needs_review("contradicted")
        at = sample.at + timedelta(days=2)
        sample.events.append(Event(at, "op-a", "credit-check.contradicted", {"observed": "http_404"}))
        sample.forgotten = True
        yield sample


def _by_others(maker: Maker) -> Iterator[Sample]:
    """Rows of another application: bought, still open, in other spellings, and with what is no number."""
    for turn in range(6):
        sample = maker.bought("by_other_bought", maker.workday(3, 60), ALL_PARTS if turn % 2 else ("pdf",))
        yield _foreign(sample, sample.number)
    for _ in range(3):
        sample = maker.begun("by_other_open", maker.workday(3, 30), ("", None, None), "pending")
        yield _foreign(sample, sample.number)
    for spelling in (_full_width, _hyphenated, _invoice_form):
        sample = maker.bought("by_other_spelling", maker.workday(3, 60), ("pdf",))
        yield _foreign(sample, spelling(sample.number))
    for text in ("架空商事", "12345", "1-2345-6789-O123"):
        sample = maker.begun("no_number", maker.workday(3, 60), ("", None, None), "pending")
        yield _foreign(sample, text)


def _foreign(sample: Sample, written: str) -> Sample:
    sample.journal, sample.operation_id = None, ""
    sample.number, sample.events, sample.answers = written, [], []
    return sample


def _full_width(number: str) -> str:
    return number.translate({0x30 + digit: 0xFF10 + digit for digit in range(10)})


def _hyphenated(number: str) -> str:
    return f"{number[0]}-{number[1:5]}-{number[5:9]}-{number[9:]}"


def _invoice_form(number: str) -> str:
    return f"T{number}"


def _duplicates(maker: Maker) -> Iterator[Sample]:
    """Kept from before the claim was unique: the same company bought twice for one client."""
    for _ in range(4):
        original = maker.bought("duplicated", maker.workday(200, 340))
        yield original
        at = original.at + timedelta(minutes=3)
        sample = _moved(maker, maker.bought("duplicate", at), original.number, original.client)
        sample.original = original
        yield sample


RECIPES: tuple[Callable[[Maker], Iterator[Sample]], ...] = (
    _running, _lapsed, _unknown, _half_decided, _misfits, _errors, _incomplete, _viewing_over, _renewed,
    _two_reports, _for_several_clients, _contradicted, _by_others, _duplicates,
)  # fmt: skip
