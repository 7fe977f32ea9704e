"""Makes up single records: numbers, times, people, and what the past of a purchase looks like."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from console.domain.corporation_number import check_digit
from console.domain.dates import JST
from console.domain.records import CheckReport

CLIENTS = ("1", "2", "3", "7", "42")
FIRST_PROVIDER_ID = 20_001
SECOND = timedelta(seconds=1)
_BUYERS = ("op-a", "op-a", "op-a", "lead-b")
_NO_ANSWER = ("read_timeout", "http_503", "connection_broken", "answer_cut", "http_500")

Journal = tuple[str, str | None, str | None]
Describe = Callable[[str], tuple[str, str]]
"""A corporation number → the invented company's name, and its verdict (ok, hold, ng)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a record's past, as the audit trail has it."""

    at: datetime
    who: str
    what: str
    detail: dict[str, Any] = field(default_factory=dict)
    result: str = "done"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A kept answer of the provider, or a person's proof (`source` "person")."""

    at: datetime
    who: str
    source: str
    summary: str
    body: str = ""


@dataclass(slots=True)
class Sample:
    """One invented record; `kind` says what it shows.

    `journal` is (state, outcome class, reason) of its purchase, None for rows that another application wrote.
    `values` are columns that differ from those of a plain record. `report` is what the provider has, None
    where nothing was bought there, and `forgotten` when it denies it now; `missing` what of it never reached us.
    """

    kind: str
    number: str
    client: str
    at: datetime
    who: str
    journal: Journal | None
    status: str
    report: CheckReport | None = None
    missing: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    running: bool = False
    forgotten: bool = False
    successor: "Sample | None" = None
    original: "Sample | None" = None
    proposed_by: str | None = None
    revisions: int = 1
    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    operation_id: str = ""
    id: int = 0

    @property
    def has_pdf(self) -> bool:
        return self.status == "success" and self.journal is not None and "pdf" not in self.missing


class Maker:
    """Draws numbers, times and people; every draw comes from the seed."""

    def __init__(self, seed: int, now: datetime, describe: Describe) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self.now = now
        self._describe = describe
        self._numbers: set[str] = set()
        self._provider_id = FIRST_PROVIDER_ID

    def number(self) -> str:
        """A well-formed number that no corporation has: no registry office's code begins with 99."""
        while True:
            base = f"99{self.random.randrange(10**10):010d}"
            if base not in self._numbers:
                self._numbers.add(base)
                return check_digit(base) + base

    def workday(self, least_days: float, most_days: float) -> datetime:
        """A second of Japanese office hours, so many days ago."""
        back = timedelta(days=self.random.uniform(least_days + 1, most_days + 1))
        day = (self.now - back).astimezone(JST).date()
        day -= timedelta(days=max(0, day.weekday() - 4))
        second = self.random.randrange(9 * 3600, 18 * 3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def ago(self, least_minutes: float, most_minutes: float) -> datetime:
        return self.now - timedelta(minutes=self.random.uniform(least_minutes, most_minutes))

    def report(self, number: str, at: datetime) -> CheckReport:
        """What the provider has of a purchase at that time."""
        name, verdict = self._describe(number)
        day = at.astimezone(JST).date()
        self._provider_id += self.random.randrange(1, 9)
        return CheckReport(self._provider_id, number, name, verdict, day, day + timedelta(days=365))

    def begun(self, kind: str, at: datetime, journal: Journal, status: str) -> Sample:
        """A purchase that was asked for; how it ended is the caller's."""
        operation_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        who, client = self.random.choice(_BUYERS), self.random.choice(CLIENTS)
        sample = Sample(kind, self.number(), client, at, who, journal, status, operation_id=operation_id)
        sample.events.append(Event(at, who, "credit-check.purchase.started", {"operation": operation_id}))
        return sample

    def bought(self, kind: str, at: datetime, missing: tuple[str, ...] = ()) -> Sample:
        """A purchase that succeeded, as far as it was followed up."""
        sample = self.begun(kind, at, ("done", "SUCCEEDED", "http_201"), "success")
        sample.report, sample.missing = self.report(sample.number, at), missing
        tell_bought(sample)
        return sample

    def unanswered(self, kind: str, at: datetime, charged: bool) -> Sample:
        """A purchase that nobody answered; `charged` is what only the provider knows."""
        cause = self.random.choice(_NO_ANSWER)
        sample = self.begun(kind, at, ("unknown", "UNKNOWN", cause), "pending")
        sample.values = needs_review("no_list_call", certainty="unknown", error_code=cause)
        sample.report = self.report(sample.number, at) if charged else None
        tell_ended(sample, "credit-check.unknown", cause, 31)
        return sample


def needs_review(reason: str, **more: object) -> dict[str, Any]:
    return {"work_state": "needs_review", "work_reason": reason, **more}


def tell_bought(sample: Sample) -> None:
    report, at, who = sample.report, sample.at, sample.who
    assert report is not None  # noqa: S101 - for the type checker
    body = f'{{"credit_check":{{"credit_check_id":{report.credit_check_id}}}}}'
    sample.answers.append(Answer(at + SECOND, who, "alarmbox.purchase", "HTTP 201 SUCCEEDED http_201", body))
    bought = {"provider_id": report.credit_check_id}
    sample.events.append(Event(at + SECOND, who, "credit-check.bought", bought))
    if not {"name", "dates"} & set(sample.missing):
        sample.events.append(Event(at + 2 * SECOND, who, "credit-check.detail_stored", {"changes": {}}))
    if "pdf" not in sample.missing:
        sample.events.append(Event(at + 4 * SECOND, who, "credit-check.pdf_stored", {"changes": {}}))


def tell_ended(sample: Sample, what: str, reason: str, seconds: int) -> None:
    """How a purchase that brought nothing ended."""
    at, (_, outcome, cause) = sample.at + seconds * SECOND, sample.journal or ("", None, None)
    status = f"HTTP {cause[5:]} " if cause and cause.startswith("http_") else ""
    sample.answers.append(Answer(at, sample.who, "alarmbox.purchase", f"{status}{outcome} {cause}"))
    sample.events.append(Event(at, sample.who, what, reason=reason))
