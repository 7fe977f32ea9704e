"""One reading of a bought check, detail or PDF: asking for it, and writing what it brought."""

from collections.abc import Callable
from dataclasses import dataclass

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import CheckReport, CreditCheck, Work, WorkState
from console.domain.schedules import INCOMPLETE_REFETCHES, next_at
from console.providers.protocol import CreditReader, PdfAnswer
from console.services import settling
from console.services.desk import Desk
from console.store import credit_checks, evidence
from console.store.documents import Stored
from console.store.engine import Transaction

DETAIL, PDF = "detail", "pdf"
_CONTRADICTIONS = ("other_number", "http_404")
_OURS = ("storage_full", "documents_unreachable")
_BROKE_OFF = "broke_off"


@dataclass(frozen=True, slots=True)
class Part:
    """What one reading call brought: its outcome, the report if any, the stored file if any."""

    name: str
    outcome: Outcome[object]
    report: CheckReport | None = None
    stored: Stored | None = None

    @property
    def got(self) -> bool:
        return self.outcome.kind is OutcomeClass.SUCCEEDED


class Parts:
    """Asks with the reading half of the vendor, and writes inside the caller's transaction."""

    def __init__(self, desk: Desk, reader: Callable[[], CreditReader]) -> None:
        self._desk = desk
        self._reader = reader

    def require_provider(self) -> None:
        """Raises bad_profile, before anything is written or sent, where nobody can be asked."""
        self._reader()

    def fetch(self, record: CreditCheck, name: str) -> Part:
        """Ask the provider, no transaction open; a PDF is stored by its content before any row points to it."""
        self._desk.failpoints.reach(f"before_{name}")
        provider_id = record.credit_check_id or 0
        if name == DETAIL:
            detail = self._reader().detail(provider_id)
            return _fitting(record, Part(name, detail, detail.found))
        answer = self._reader().pdf(provider_id)
        if answer.kind is not OutcomeClass.SUCCEEDED or not isinstance(answer.found, PdfAnswer):
            return Part(name, answer)
        part = _fitting(record, Part(name, answer, answer.found.report))
        if not part.got:
            return part
        return Part(name, answer, answer.found.report, self._desk.documents.put(answer.found.content))

    @credit_checks.runs_again()
    def apply(self, tx: Transaction, record_id: int, part: Part) -> None:
        """Write one part: values that changed, the current PDF, or why there is none."""
        desk = self._desk
        record = credit_checks.find(tx.conn, record_id)
        if record is None:
            return
        settling.keep_answer(desk, tx, record, part.name, part.outcome)
        if not part.got:
            self._apply_failure(tx, record, part)
            return
        now = desk.now()
        values = settling.report_values(part.report, record, now) if part.report else {}
        changes = {name: value for name, value in values.items() if not _same(record, name, value)}
        if part.stored is not None:
            stored = part.stored
            evidence.add_document(
                tx.conn, record_id, credit_checks.KIND, stored.path, stored.sha256, stored.bytes, now
            )
            if record.pdf_file_path != stored.path:
                changes["pdf_file_path"] = stored.path
        if changes:
            credit_checks.change(tx.conn, record, now, **changes)
        desk.note(tx, f"credit-check.{part.name}_stored", record_id, {"changes": _before_after(record, changes)})

    def _apply_failure(self, tx: Transaction, record: CreditCheck, part: Part) -> None:
        desk, code = self._desk, part_code(part.outcome)
        if code == "viewing_period_over":
            credit_checks.change(tx.conn, record, desk.now(), viewing_over=True, error_code=code)
        else:
            credit_checks.change(tx.conn, record, desk.now(), error_code=part.outcome.reason[:64])
        if part.outcome.reason in _CONTRADICTIONS:
            settling.contradict(desk, tx, record, part.outcome.reason)
        reason = part.outcome.reason[:64]
        what = f"credit-check.{part.name}_failed"
        desk.note(tx, what, record.id, {"code": code}, result="failed", reason=reason)

    @credit_checks.runs_again()
    def plan_next(self, tx: Transaction, record_id: int, attempts: int) -> None:
        """Schedule the next attempt, or call a person when the schedule has ended."""
        record = credit_checks.find(tx.conn, record_id)
        if record is None or record.work.reason == "contradicted":
            return
        now = self._desk.now()
        work = Work()
        if record.incomplete and not record.viewing_over:
            at = next_at(INCOMPLETE_REFETCHES, attempts, now, self._desk.scale)
            work = Work(WorkState.SCHEDULED, at, "incomplete", attempts)
            if at is None:
                work = Work(WorkState.NEEDS_REVIEW, None, "refetches_ended", attempts)
        cleared = {} if record.incomplete else {"error_code": None}
        credit_checks.change(tx.conn, record, now, **credit_checks.work_values(work), **cleared)


def part_code(outcome: Outcome[object]) -> str:
    """The error code of a reading that did not bring what was asked for."""
    if outcome.kind is OutcomeClass.AUTH:
        return "provider_auth"
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return "rate_limited"
    if outcome.status == 403 and outcome.kind is OutcomeClass.FAILED_DEFINITE:
        return "viewing_period_over"
    if outcome.reason in _OURS:
        return outcome.reason
    if outcome.status is None and outcome.reason != _BROKE_OFF:
        return "provider_unreachable"
    return "provider_answer_unusable"


def broken_off(name: str, trouble: Exception) -> Part:
    """A reading that ended on our side: no room for its file, or something nobody foresaw."""
    code = trouble.code if isinstance(trouble, ConsoleError) else _BROKE_OFF
    return Part(name, Outcome(OutcomeClass.UNKNOWN, code, Sent.MAYBE))


def _fitting(record: CreditCheck, part: Part) -> Part:
    """A report about another corporation is no report about this record."""
    number = part.report.corporation_number if part.report else None
    if number is None or number == record.corporation_number:
        return part
    wrong = part.outcome
    outcome: Outcome[object] = Outcome(
        OutcomeClass.UNKNOWN, "other_number", wrong.sent, None, wrong.status, wrong.evidence, wrong.sha256
    )
    return Part(part.name, outcome)


def _same(record: CreditCheck, name: str, value: object) -> bool:
    mine = getattr(record, name)
    return bool(value == (settling.stored(mine) if mine is not None else None))


def _before_after(record: CreditCheck, changes: dict[str, object]) -> dict[str, list[str | None]]:
    """For the timeline: field → [before, after] as text."""

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return {name: [text(getattr(record, name)), text(value)] for name, value in changes.items()}
