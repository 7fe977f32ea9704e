"""What the window asks of the services, as types alone: it is given the real ones by a worker thread."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Protocol

from console.domain.pages import PageHit, PageImage
from console.domain.records import (
    AuditEntry,
    CreditCheck,
    CreditCheckView,
    HealthCheck,
    LeaseHolder,
    LookupResult,
    Operation,
    OperationView,
    Person,
    PurchasePlan,
    PurchaseRequest,
    QueueCount,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
    UnfinishedWork,
)

RecordId = int | str
Step = Callable[[str], None]


class Settings(Protocol):
    """What of the settings the window needs before there are services."""

    @property
    def home(self) -> Path: ...
    @property
    def language(self) -> Literal["ja", "en"]: ...
    @property
    def operator(self) -> str | None: ...
    @property
    def environment_word(self) -> Literal["production", "test", "training"]: ...


class Lookups(Protocol):
    def find(self, text: str) -> LookupResult: ...
    def suggest(self, text: str, limit: int = 20) -> tuple[CreditCheck, ...]: ...
    def neighbours(self, text: str) -> tuple[str, ...]: ...


class CreditChecks(Protocol):
    def plan(self, number: str) -> PurchasePlan: ...
    def purchase(self, request: PurchaseRequest, progress: Step | None = None) -> CreditCheck: ...
    def refetch(
        self, id: int, *, detail: bool = True, pdf: bool = True, saw: int | None = None, progress: Step | None = None
    ) -> RefetchResult: ...


class Recovery(Protocol):
    def queue(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage: ...
    def counts(self) -> tuple[QueueCount, ...]: ...
    def unfinished(self) -> tuple[UnfinishedWork, ...]: ...
    def holders(self) -> tuple[LeaseHolder, ...]: ...
    def changes(self, after: int | None = None) -> tuple[int, tuple[tuple[str, int], ...]]: ...
    def run_due(self) -> tuple[TaskRun, ...]: ...
    def show(self, kind: str, id: RecordId) -> CreditCheckView | OperationView: ...
    def probe(self, kind: str, id: RecordId) -> CreditCheck | Operation: ...
    def resolve(
        self,
        kind: str,
        id: RecordId,
        as_state: str,
        evidence: str | Path,
        provider_id: int | None = None,
        saw: int | None = None,
    ) -> ResolveResult: ...


class Audit(Protocol):
    def list(self, limit: int = 50, before: int | None = None) -> tuple[AuditEntry, ...]: ...
    def verify(self) -> int: ...
    def export(self, path: Path) -> int: ...


class People(Protocol):
    def me(self) -> Person: ...
    def all(self) -> tuple[Person, ...]: ...


class Health(Protocol):
    def doctor(self) -> tuple[HealthCheck, ...]: ...


class PdfPages(Protocol):
    """A document whose pages are rendered by a child process; safe from any thread."""

    def page_count(self) -> int: ...
    def page_image(self, index: int, width: int) -> PageImage: ...
    def search(self, words: str) -> tuple[PageHit, ...]: ...
    def close(self) -> None: ...


class Pdfs(Protocol):
    def open(self, record_id: int, sha256: str | None = None) -> PdfPages: ...


class Desk(Protocol):
    """All services of one desk, to be called from worker threads inside `acting`."""

    @property
    def lookup(self) -> Lookups: ...
    @property
    def credit_checks(self) -> CreditChecks: ...
    @property
    def recovery(self) -> Recovery: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def people(self) -> People: ...
    @property
    def health(self) -> Health: ...
    @property
    def pdfs(self) -> Pdfs: ...
    def acting(self, name: str | None) -> AbstractContextManager[None]: ...


Facts = Mapping[str, object]
