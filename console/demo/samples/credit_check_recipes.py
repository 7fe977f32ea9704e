"""Recipes of sample credit checks. Each recipe is a function that yields all samples of one kind of situation."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from console.demo.samples.credit_check_factory import (
    CLIENT_IDS,
    CheckSample,
    CheckSampleFactory,
    SampleEvent,
    SampleEvidenceItem,
    add_ending_event,
    add_purchase_events,
    make_needs_review_columns,
)
from console.domain.audit.actions import AuditAction
from console.domain.errors import ErrorCode
from console.domain.records import WorkReason
from console.domain.tasks.retry_schedules import INCOMPLETE_REFETCH_WAITS

CHECK_PART_NAMES = ("name", "result", "dates", "pdf")
_FAILED_PURCHASE_CAUSES = (
    ("http_422", "FAILED_DEFINITE"),
    ("http_404", "FAILED_DEFINITE"),
    ("http_403", "FAILED_DEFINITE"),
    ("invalid_grant", "AUTH"),
    ("http_429", "RATE_LIMITED"),
    ("not_connected", "FAILED_DEFINITE"),
    ("name_not_resolved", "FAILED_DEFINITE"),
    ("connect_timeout", "FAILED_DEFINITE"),
)
_MISSING_PART_COMBINATIONS = (("pdf",), ("result",), ("name",), ("dates",), ("result", "pdf"), CHECK_PART_NAMES)
_MISSING_PART_CAUSES = ("read_timeout", "http_503", "pdf_not_pdf", "answer_cut", "pdf_missing")


def _make_running_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchases that began a moment ago, are still running and have no answer yet."""
    for _ in range(4):
        sample = factory.make_begun_check(
            "running", factory.pick_instant_ago(0.2, 2), ("calling", None, None), "pending"
        )
        sample.is_running = True
        yield sample


def _make_lapsed_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchases whose process ended before it recorded an answer. The provider has executed half of these
    purchases."""
    for turn in range(4):
        sample = factory.make_begun_check(
            "lapsed", factory.pick_instant_ago(60, 300), ("calling", None, None), "pending"
        )
        sample.report = factory.make_report(sample.corporation_number, sample.begun_at) if turn % 2 else None
        yield sample


def _make_unknown_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    for turn in range(12):
        yield factory.make_unanswered_check("unknown", factory.pick_instant_ago(20, 3_000), is_charged=turn % 2 == 0)


def _make_checks_with_proposed_outcome(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchases with an unknown outcome. For each, one person has proposed the outcome "not purchased"; a
    second person must still agree.
    """
    for _ in range(3):
        sample = factory.make_unanswered_check(
            "half_decided", factory.pick_instant_ago(1_500, 4_000), is_charged=False
        )
        sample.proposed_by = "op-a"
        at = sample.begun_at + timedelta(hours=2)
        words = "提供元の画面を確認: 該当する購入なし"
        sample.evidence_items.append(SampleEvidenceItem(at, "op-a", "person", words, words))
        sample.events.append(SampleEvent(at, "op-a", AuditAction.CREDIT_CHECK_RESOLVE_PROPOSED, {"as": "error"}))
        yield sample


def _make_checks_with_unusable_answer(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchases whose answer named another corporation number or contained no usable id."""
    for cause in ("other_number", "bad_id"):
        sample = factory.make_unanswered_check("misfit", factory.pick_instant_ago(200, 2_000), is_charged=True)
        sample.journal_state = ("unknown", "UNKNOWN", cause)
        sample.column_values = make_needs_review_columns(
            WorkReason.ANSWER_DOES_NOT_FIT, certainty="unknown", error_code=cause
        )
        yield sample


def _make_failed_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchases that were certainly not made, three for each cause; for some of them a later purchase
    succeeded. Also yield three purchases with an unknown outcome that two people have resolved.
    """
    for cause, outcome in _FAILED_PURCHASE_CAUSES * 3:
        sample = factory.make_begun_check(
            "error", factory.pick_workday_instant(1, 60), ("failed", outcome, cause), "error"
        )
        sample.column_values = {"error_code": cause}
        add_ending_event(sample, AuditAction.CREDIT_CHECK_NOT_BOUGHT, cause, 3)
        yield sample
        if factory.random.random() < 0.25:
            yield _make_successful_repetition(factory, sample)
    for _ in range(3):
        yield _make_check_decided_as_not_bought(factory)


def _make_successful_repetition(factory: CheckSampleFactory, failed_check: CheckSample) -> CheckSample:
    """Return a successful purchase for the same corporation and client as `failed_check`, one hour after it."""
    sample = factory.make_purchased_check("bought_after_error", failed_check.begun_at + timedelta(hours=1))
    return _replace_number_and_client(factory, sample, failed_check.corporation_number, failed_check.client_id)


def _replace_number_and_client(
    factory: CheckSampleFactory, sample: CheckSample, corporation_number: str, client: str
) -> CheckSample:
    """Give the purchased sample another corporation number and client, and return it."""
    sample.corporation_number, sample.client_id = corporation_number, client
    sample.report = factory.make_report(corporation_number, sample.begun_at)
    sample.events, sample.evidence_items = sample.events[:1], []
    add_purchase_events(sample)
    return sample


def _make_check_decided_as_not_bought(factory: CheckSampleFactory) -> CheckSample:
    """Return a purchase with an unknown outcome that two people have decided as not bought."""
    sample = factory.make_unanswered_check("decided_unbought", factory.pick_workday_instant(5, 90), is_charged=False)
    sample.journal_state = ("failed", "FAILED_DEFINITE", "resolved_by_people")
    sample.status, sample.column_values = "error", {"error_code": "resolved_by_people"}
    at = sample.begun_at + timedelta(hours=20)
    sample.evidence_items.append(SampleEvidenceItem(at, "lead-b", "person", "provider's letter no. 26-118"))
    sample.events += [
        SampleEvent(at - timedelta(hours=3), "op-a", AuditAction.CREDIT_CHECK_RESOLVE_PROPOSED, {"as": "error"}),
        SampleEvent(
            at, "lead-b", AuditAction.CREDIT_CHECK_NOT_BOUGHT, {"first": "op-a"}, reason="resolved_by_people"
        ),
    ]
    return sample


def _make_incomplete_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield purchased credit checks with missing parts. For each combination of missing parts, yield one sample for
    each attempt of the re-fetch schedule and one sample after the end of the schedule.
    """
    for missing_parts in _MISSING_PART_COMBINATIONS:
        for attempts in range(len(INCOMPLETE_REFETCH_WAITS) + 1):
            yield _make_incomplete_check(factory, missing_parts, attempts)


def _make_incomplete_check(
    factory: CheckSampleFactory, missing_parts: tuple[str, ...], attempt_count: int
) -> CheckSample:
    """Return a purchased credit check without the parts `missing_parts`, after `attempt_count` attempts of its
    re-fetch schedule."""
    is_schedule_over = attempt_count == len(INCOMPLETE_REFETCH_WAITS)
    waiting_time = sum(INCOMPLETE_REFETCH_WAITS[:attempt_count], timedelta())
    pause = timedelta(days=1) if is_schedule_over else INCOMPLETE_REFETCH_WAITS[attempt_count]
    last_attempt_at = factory.now - pause * factory.random.uniform(0.05, 0.9)
    sample = factory.make_purchased_check("incomplete", last_attempt_at - waiting_time, missing_parts)
    failed_part = "pdf" if "pdf" in missing_parts else "detail"
    error_code = factory.random.choice(_MISSING_PART_CAUSES)
    if failed_part == "detail" and error_code.startswith("pdf_"):
        error_code = "answer_cut"  # a detail is no PDF
    sample.column_values = {"error_code": error_code, "work_attempts": attempt_count}
    if is_schedule_over:
        sample.column_values |= make_needs_review_columns(WorkReason.REFETCHES_ENDED)
    else:
        sample.column_values |= {
            "work_state": "scheduled",
            "work_reason": WorkReason.INCOMPLETE,
            "work_at": last_attempt_at + pause,
        }
    if missing_parts == ("result",) and sample.report is not None:
        sample.report = replace(sample.report, result=None)  # the provider has no result yet
    at, actor = sample.begun_at, sample.buyer
    for pause in (timedelta(seconds=5), *INCOMPLETE_REFETCH_WAITS[:attempt_count]):
        at += pause
        audit_action = AuditAction(f"credit-check.{failed_part}_failed")
        code = {"code": ErrorCode.PROVIDER_ANSWER_UNUSABLE}
        sample.events.append(SampleEvent(at, actor, audit_action, code, "failed", error_code))
        actor = "worker"  # which makes the later attempts
    return sample


def _make_checks_after_viewing_period(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield credit checks whose viewing period at the provider is over, so that missing parts can no longer be
    fetched.
    """
    for turn in range(6):
        sample = factory.make_purchased_check(
            "viewing_over", factory.pick_workday_instant(370, 420), ("pdf",) if turn % 2 else ()
        )
        error_code = ErrorCode.VIEWING_PERIOD_OVER
        sample.column_values = {"viewing_over": True, "error_code": error_code}
        at = sample.begun_at + timedelta(days=366)
        failure_facts = {"code": error_code}
        sample.events.append(
            SampleEvent(at, "op-a", AuditAction.CREDIT_CHECK_PDF_FAILED, failure_facts, "failed", "http_403")
        )
        yield sample


def _make_renewed_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield chains of two or three purchases for the same corporation and client, each of which supersedes the one
    before.
    """
    for turn in range(24):
        newer_check = factory.make_purchased_check("renewal", factory.pick_workday_instant(2, 200))
        yield newer_check
        for _ in range(1 + turn % 2):
            at = newer_check.begun_at - timedelta(days=factory.random.randrange(367, 400))
            older = _replace_number_and_client(
                factory,
                factory.make_purchased_check("superseded", at),
                newer_check.corporation_number,
                newer_check.client_id,
            )
            older.newer_sample, newer_check = newer_check, older
            superseded_event = SampleEvent(
                older.newer_sample.begun_at, older.newer_sample.buyer, AuditAction.CREDIT_CHECK_SUPERSEDED
            )
            older.events.append(superseded_event)
            yield older


def _make_checks_with_two_pdfs(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield credit checks whose PDF the provider has replaced: the newer PDF is current, and the older one is still
    stored.
    """
    for _ in range(8):
        sample = factory.make_purchased_check("two_reports", factory.pick_workday_instant(20, 300))
        sample.pdf_version_count = 2
        at = sample.begun_at + timedelta(days=9)
        sample.events.append(
            SampleEvent(at, "op-a", AuditAction.CREDIT_CHECK_PDF_STORED, {"changes": {"pdf_file_path": []}})
        )
        yield sample


def _make_checks_for_several_clients(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield, for several corporations, one credit check for each client."""
    for _ in range(6):
        first_purchase = factory.make_purchased_check("several_clients", factory.pick_workday_instant(5, 200))
        yield first_purchase
        for client in (client for client in CLIENT_IDS if client != first_purchase.client_id):
            sample = factory.make_purchased_check("several_clients", factory.pick_workday_instant(5, 200))
            yield _replace_number_and_client(factory, sample, first_purchase.corporation_number, client)


def _make_contradicted_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield credit checks whose known state the provider contradicts: the state stays, and a case is open."""
    for _ in range(2):
        sample = factory.make_purchased_check("contradicted", factory.pick_workday_instant(10, 100))
        sample.column_values = make_needs_review_columns(WorkReason.CONTRADICTED)
        at = sample.begun_at + timedelta(days=2)
        sample.events.append(SampleEvent(at, "op-a", AuditAction.CREDIT_CHECK_CONTRADICTED, {"observed": "http_404"}))
        sample.evidence_items.append(
            SampleEvidenceItem(
                at, "op-a", "alarmbox.detail", "HTTP 404 NOT_FOUND http_404", '{"message":"not found"}'
            )
        )
        sample.is_denied_by_provider = True
        yield sample


def _make_checks_by_other_programs(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield credit checks that another application wrote: purchased and pending rows, rows with the corporation
    number in another spelling, and rows without a valid number.
    """
    for turn in range(6):
        sample = factory.make_purchased_check(
            "by_other_bought", factory.pick_workday_instant(3, 60), CHECK_PART_NAMES if turn % 2 else ("pdf",)
        )
        yield _make_check_of_other_program(sample, sample.corporation_number)
    for _ in range(3):
        sample = factory.make_begun_check(
            "by_other_open", factory.pick_workday_instant(3, 30), ("", None, None), "pending"
        )
        yield _make_check_of_other_program(sample, sample.corporation_number)
    for spelling in (_convert_to_full_width, _insert_hyphens, _format_invoice_number):
        sample = factory.make_purchased_check("by_other_spelling", factory.pick_workday_instant(3, 60), ("pdf",))
        yield _make_check_of_other_program(sample, spelling(sample.corporation_number))
    for text in ("架空商事", "12345", "1-2345-6789-O123"):
        sample = factory.make_begun_check(
            "no_number", factory.pick_workday_instant(3, 60), ("", None, None), "pending"
        )
        yield _make_check_of_other_program(sample, text)


def _make_check_of_other_program(sample: CheckSample, written_number: str) -> CheckSample:
    """Change the sample to a row that another application wrote: with the corporation number in the spelling
    `written_number`, and without an operation of this program. Return the sample."""
    sample.journal_state, sample.operation_id = None, ""
    sample.corporation_number, sample.events, sample.evidence_items = written_number, [], []
    return sample


def _convert_to_full_width(corporation_number: str) -> str:
    return corporation_number.translate({0x30 + digit: 0xFF10 + digit for digit in range(10)})


def _insert_hyphens(corporation_number: str) -> str:
    return f"{corporation_number[0]}-{corporation_number[1:5]}-{corporation_number[5:9]}-{corporation_number[9:]}"


def _format_invoice_number(corporation_number: str) -> str:
    """Return the corporation number in the form of an invoice number: with a T before it."""
    return f"T{corporation_number}"


def _make_duplicate_checks(factory: CheckSampleFactory) -> Iterator[CheckSample]:
    """Yield duplicates from the time before claims were unique: the same corporation, purchased twice for one
    client.
    """
    for _ in range(4):
        original = factory.make_purchased_check("duplicated", factory.pick_workday_instant(200, 340))
        yield original
        at = original.begun_at + timedelta(minutes=3)
        sample = _replace_number_and_client(
            factory, factory.make_purchased_check("duplicate", at), original.corporation_number, original.client_id
        )
        sample.original_sample = original
        yield sample


CHECK_SAMPLE_RECIPES: tuple[Callable[[CheckSampleFactory], Iterator[CheckSample]], ...] = (
    _make_running_checks, _make_lapsed_checks, _make_unknown_checks, _make_checks_with_proposed_outcome,
    _make_checks_with_unusable_answer, _make_failed_checks, _make_incomplete_checks,
    _make_checks_after_viewing_period, _make_renewed_checks, _make_checks_with_two_pdfs,
    _make_checks_for_several_clients, _make_contradicted_checks, _make_checks_by_other_programs,
    _make_duplicate_checks,
)  # fmt: skip
