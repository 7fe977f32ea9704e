"""Makes single sample credit checks: random numbers, times and people, and the events of their purchase."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from console.demo.samples.provider_answers import make_purchase_body
from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.corporation_number import compute_check_digit
from console.domain.records import CheckReport, WorkReason

CLIENT_IDS = ("1", "2", "3", "7", "42")
FIRST_PROVIDER_CHECK_ID = 20_001
ONE_SECOND = timedelta(seconds=1)
_BUYER_NAMES = ("op-a", "op-a", "op-a", "lead-b")
_UNKNOWN_OUTCOME_CAUSES = ("read_timeout", "http_503", "connection_broken", "answer_cut", "http_500")

JournalState = tuple[str, str | None, str | None]
"""State, outcome class and reason of an operation in the journal; class and reason are None while it runs."""
CompanyDescriber = Callable[[str], tuple[str, str]]
"""A function that returns, for a corporation number, the name and the result (ok, hold or ng) of the sample company.
"""


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """One audit entry about a sample record: time, actor, action, facts (`detail`), result and reason."""

    at: datetime
    actor: str
    action: AuditAction
    detail: dict[str, Any] = field(default_factory=dict)
    result: str = "done"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SampleEvidenceItem:
    """One item of evidence about a sample record: an answer of the provider, or a statement of a person. `source` is
    the provider's call, such as "alarmbox.purchase", or "person". `actor` is the person or program that stored the
    item. `summary` is a short text such as "HTTP 201 SUCCEEDED answered", `body` the content.
    """

    at: datetime
    actor: str
    source: str
    summary: str
    body: str = ""


@dataclass(slots=True)
class CheckSample:
    """One sample credit check; `sample_kind` names the situation that it shows. `corporation_number` is the
    corporation number, `client_id` the client's id, `buyer` the person who bought it, `begun_at` the beginning of the
    purchase.

    `journal_state` is (state, outcome class, reason) of its purchase in the journal, None for a row of another
    application. `is_running`: the purchase is running, under a lease that is valid. `column_values` are columns that
    differ from those of a plain record. `report` is the provider's report, None if nothing was purchased;
    `is_denied_by_provider`: the provider no longer has the report. `missing_parts` are the parts of the report that
    were not received.

    `newer_sample` is the purchase that replaced it, `original_sample` the purchase of which it is a duplicate;
    `pdf_version_count` is the number of versions of its PDF. `proposed_by` is the person who has proposed a decision
    (None: no proposal); `status` is the stored state; `events` and `evidence_items` are its audit entries and its
    evidence. `operation_id` is "" for a row of another application; `id` is 0 until the sample has its id.
    """

    sample_kind: str
    corporation_number: str
    client_id: str
    begun_at: datetime
    buyer: str
    journal_state: JournalState | None
    status: str
    report: CheckReport | None = None
    missing_parts: tuple[str, ...] = ()
    column_values: dict[str, Any] = field(default_factory=dict)
    is_running: bool = False
    is_denied_by_provider: bool = False
    newer_sample: "CheckSample | None" = None
    original_sample: "CheckSample | None" = None
    proposed_by: str | None = None
    pdf_version_count: int = 1
    events: list[SampleEvent] = field(default_factory=list)
    evidence_items: list[SampleEvidenceItem] = field(default_factory=list)
    operation_id: str = ""
    id: int = 0

    @property
    def has_pdf(self) -> bool:
        return self.status == "success" and self.journal_state is not None and "pdf" not in self.missing_parts


class CheckSampleFactory:
    """Makes sample credit checks from random numbers, times and people. All values depend only on the seed and on
    the present time `now`. `describe` returns the company's name and its result (ok, hold or ng) for a corporation
    number.
    """

    def __init__(self, seed: int, now: datetime, describe: CompanyDescriber) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self.now = now
        self._describe_company = describe
        self._numbers: set[str] = set()
        self._id_at_provider = FIRST_PROVIDER_CHECK_ID

    def make_next_corporation_number(self) -> str:
        """Return a new valid corporation number that no corporation has: its 12 digits after the check digit begin
        with 99, which is not the code of any registry office.
        """
        while True:
            twelve_digits = f"99{self.random.randrange(10**10):010d}"
            if twelve_digits not in self._numbers:
                self._numbers.add(twelve_digits)
                return compute_check_digit(twelve_digits) + twelve_digits

    def pick_workday_instant(self, least_days: float, most_days: float) -> datetime:
        """Return a random instant on a weekday between 09:00 and 18:00 in Japan, about `least_days` to `most_days`
        before now.
        """
        time_ago = timedelta(days=self.random.uniform(least_days + 1, most_days + 1))
        day = (self.now - time_ago).astimezone(JST).date()
        day -= timedelta(days=max(0, day.weekday() - 4))
        second = self.random.randrange(9 * 3600, 18 * 3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def pick_instant_ago(self, least_minutes: float, most_minutes: float) -> datetime:
        """Return a random instant from `least_minutes` to `most_minutes` before now."""
        return self.now - timedelta(minutes=self.random.uniform(least_minutes, most_minutes))

    def make_report(self, corporation_number: str, at: datetime) -> CheckReport:
        """Return the provider's report about the corporation `corporation_number`, purchased at the instant `at`."""
        name, verdict = self._describe_company(corporation_number)
        day = at.astimezone(JST).date()
        self._id_at_provider += self.random.randrange(1, 9)
        return CheckReport(self._id_at_provider, corporation_number, name, verdict, day, day + timedelta(days=365))

    def make_begun_check(self, kind: str, at: datetime, journal_state: JournalState, status: str) -> CheckSample:
        """Return a sample of a purchase that began at the instant `at`, with the audit entry of its beginning only.
        `kind` is the name of the situation that the sample shows, `journal_state` is (state, outcome class, reason)
        of its operation in the journal, `status` the stored state of the record. The caller adds the report and the
        other entries that this state needs.
        """
        operation_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        buyer, client = self.random.choice(_BUYER_NAMES), self.random.choice(CLIENT_IDS)
        sample = CheckSample(
            kind,
            self.make_next_corporation_number(),
            client,
            at,
            buyer,
            journal_state,
            status,
            operation_id=operation_id,
        )
        sample.events.append(
            SampleEvent(at, buyer, AuditAction.CREDIT_CHECK_PURCHASE_STARTED, {"operation": operation_id})
        )
        return sample

    def make_purchased_check(self, kind: str, at: datetime, missing_parts: tuple[str, ...] = ()) -> CheckSample:
        """Return a sample of a successful purchase at the instant `at`. The sample has all parts of the report except
        those in `missing_parts`. `kind` is the name of the situation that the sample shows."""
        sample = self.make_begun_check(kind, at, ("done", "SUCCEEDED", "answered"), "success")
        sample.report, sample.missing_parts = self.make_report(sample.corporation_number, at), missing_parts
        add_purchase_events(sample)
        return sample

    def make_unanswered_check(self, kind: str, at: datetime, is_charged: bool) -> CheckSample:
        """Return a sample of a purchase at the instant `at` to which the provider gave no usable answer; `is_charged`
        is True if the provider has executed the purchase. `kind` is the name of the situation that the sample
        shows."""
        cause = self.random.choice(_UNKNOWN_OUTCOME_CAUSES)
        sample = self.make_begun_check(kind, at, ("unknown", "UNKNOWN", cause), "pending")
        sample.column_values = make_needs_review_columns(
            WorkReason.NO_LIST_CALL, certainty="unknown", error_code=cause
        )
        sample.report = self.make_report(sample.corporation_number, at) if is_charged else None
        add_ending_event(sample, AuditAction.CREDIT_CHECK_UNKNOWN, cause, 31)
        return sample


def make_needs_review_columns(reason: str, **other_columns: object) -> dict[str, Any]:
    """Return the columns of a record whose work state is `needs_review` for the given reason, together with the
    columns `other_columns`.
    """
    return {"work_state": "needs_review", "work_reason": reason, **other_columns}


def add_purchase_events(sample: CheckSample) -> None:
    """Add to the sample the audit entries and the item of evidence of a successful purchase. The caller must have set
    the sample's report before."""
    report, at, buyer = sample.report, sample.begun_at, sample.buyer
    assert report is not None  # noqa: S101 - for the type checker
    body = make_purchase_body(report)
    sample.evidence_items.append(
        SampleEvidenceItem(at + ONE_SECOND, buyer, "alarmbox.purchase", "HTTP 201 SUCCEEDED answered", body)
    )
    event_facts = {"provider_id": report.credit_check_id}
    sample.events.append(SampleEvent(at + ONE_SECOND, buyer, AuditAction.CREDIT_CHECK_BOUGHT, event_facts))
    if not {"name", "dates"} & set(sample.missing_parts):
        sample.events.append(
            SampleEvent(at + 2 * ONE_SECOND, buyer, AuditAction.CREDIT_CHECK_DETAIL_STORED, {"changes": {}})
        )
    if "pdf" not in sample.missing_parts:
        sample.events.append(
            SampleEvent(at + 4 * ONE_SECOND, buyer, AuditAction.CREDIT_CHECK_PDF_STORED, {"changes": {}})
        )


def add_ending_event(sample: CheckSample, audit_action: AuditAction, reason: str, delay_seconds: int) -> None:
    """Add to the sample the audit entry and the item of evidence of a purchase that was not completed. The audit
    entry and the evidence have the same time, `delay_seconds` after the beginning of the purchase. `audit_action` is
    the action of the audit entry, `reason` its reason."""
    at, (_, outcome, cause) = sample.begun_at + delay_seconds * ONE_SECOND, sample.journal_state or ("", None, None)
    status = f"HTTP {cause[5:]} " if cause and cause.startswith("http_") else ""
    sample.evidence_items.append(
        SampleEvidenceItem(at, sample.buyer, "alarmbox.purchase", f"{status}{outcome} {cause}")
    )
    sample.events.append(SampleEvent(at, sample.buyer, audit_action, reason=reason))
