"""Everything one record's screen needs, read in one go: history, evidence, documents, and who may do what."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.explain import explain
from console.domain.permissions import ROLES_FOR, may
from console.domain.records import (
    Certainty,
    CheckState,
    CreditCheck,
    EvidenceItem,
    LeaseHolder,
    Person,
    TimelineEntry,
)
from console.domain.results import AllowedAction, CreditCheckView
from console.services import reading
from console.services.beside import beside
from console.services.completion import lease_name
from console.services.desk import Desk
from console.services.reads import ReadLog
from console.store import approvals, audit, credit_checks, evidence, journal, leases

KIND = credit_checks.KIND
_ACTIONS = ("probe", "refetch", "resolve", "renew", "open_pdf")


class Views:
    """Opens records. Each opening is audited, after the answer."""

    def __init__(self, desk: Desk, reads: ReadLog) -> None:
        self._desk = desk
        self._reads = reads

    def credit_check(self, record_id: int) -> CreditCheckView:
        """One record with everything about it. Raises not_found."""
        desk = self._desk
        with desk.database.read() as conn:
            person = desk.reader(conn)
            record = reading.found(conn, record_id)
            proposal = approvals.open_proposal(conn, KIND, str(record_id))
            awaiting = "second_person" if proposal else None
            holder = self._holder(conn, record)
            kept = evidence.of_subject(conn, KIND, record_id)
            view = CreditCheckView(
                record=record,
                explanation=explain(record, desk.now(), awaiting=awaiting),
                timeline=timeline(conn, KIND, str(record_id)),
                evidence=kept,
                documents=evidence.documents_of(conn, KIND, record_id, record.pdf_file_path),
                actions=tuple(self._action(name, record, person, holder) for name in _ACTIONS),
                holder=holder,
                awaiting=awaiting,
                asked_at=_last_asked(kept),
                history=credit_checks.by_number(conn, record.corporation_number),
                **beside(desk, conn, KIND, record_id),
            )
        self._reads.opened("credit-check.opened", KIND, record_id)
        return view

    def pdf(self, record_id: int, sha256: str | None = None) -> bytes:
        """The current PDF of a record, or the one of that content. Raises not_found; audited."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            record = credit_checks.find(conn, record_id)
            kept = evidence.documents_of(conn, KIND, record_id, record.pdf_file_path if record else None)
        wanted = next((doc for doc in kept if doc.sha256 == sha256 or (sha256 is None and doc.current)), None)
        path = wanted.path if wanted else (record.pdf_file_path if record and sha256 is None else None)
        if path is None:
            raise ConsoleError("not_found", {"kind": "document", "id": str(record_id)})
        content = self._desk.documents.read(path)
        self._reads.opened("credit-check.pdf_read", KIND, record_id)
        return content

    def _holder(self, conn: Connection, record: CreditCheck) -> LeaseHolder | None:
        held = leases.holder_of(conn, lease_name(record.id))
        if held is not None or record.state is not CheckState.PENDING:
            return held
        running = journal.running_of(conn, KIND, record.id)
        if running is None:
            return None
        return leases.holder_of(conn, f"alarmbox_credit_check_{record.client_id}")

    def _action(
        self, name: str, record: CreditCheck, person: Person | None, holder: LeaseHolder | None
    ) -> AllowedAction:
        """Whether the reader may act, and why not; the service decides again when asked."""
        reason = self._off(name, record) or ("in_progress" if holder and name != "open_pdf" else None)
        if reason is not None:
            return AllowedAction(name, False, f"reason.{reason}", self._facts(record, holder))
        right = {"renew": "purchase", "open_pdf": "read"}.get(name, name)
        if person is not None and not may(person, right):
            needs = {"needs": tuple(sorted(ROLES_FOR[right]))}
            return AllowedAction(name, False, "reason.role", needs)
        return AllowedAction(name, True)

    def _facts(self, record: CreditCheck, holder: LeaseHolder | None) -> dict[str, object]:
        return {"until": record.expired_at, "holder": holder.operator if holder else None}

    def _off(self, name: str, record: CreditCheck) -> str | None:
        bought = record.state is CheckState.SUCCESS
        rules: dict[str, Callable[[], str | None]] = {
            "probe": lambda: None,
            "refetch": lambda: None if bought and not record.viewing_over else (
                "viewing_over" if record.viewing_over else "not_bought"
            ),
            "resolve": lambda: None if record.certainty is Certainty.UNKNOWN else "outcome_known",
            "renew": lambda: self._not_renewable(record),
            "open_pdf": lambda: None if record.pdf_file_path else "no_pdf",
        }  # fmt: skip
        return rules[name]()

    def _not_renewable(self, record: CreditCheck) -> str | None:
        if record.state is not CheckState.SUCCESS:
            return "not_bought"
        if not record.live:
            return "not_live"
        expired = record.expired_at is not None and record.expired_at <= self._desk.now()
        return None if expired else "not_expired"


def timeline(conn: Connection, kind: str, subject_id: str) -> tuple[TimelineEntry, ...]:
    """A record's history from the audit trail, oldest first."""
    return tuple(
        TimelineEntry(entry.at, entry.who, entry.what, {**entry.detail, "reason": entry.reason}, entry.result)
        for entry in audit.of_subject(conn, kind, subject_id)
    )


def _last_asked(items: tuple[EvidenceItem, ...]) -> datetime | None:
    """When the provider was last asked about this record."""
    return max((item.at for item in items if item.source.startswith("alarmbox.")), default=None)
