"""Read the data for the screen of one credit check: the record, its history, evidence, documents and allowed
actions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from console.domain.access.permissions import ROLES_BY_RIGHT, has_right
from console.domain.allowed_action import AllowedAction
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.process.lease_names import make_credit_check_lease_name
from console.domain.records import (
    CheckRelations,
    CreditCheck,
    Document,
    EvidenceItem,
    LeaseHolder,
    Person,
    TimelineEntry,
)
from console.domain.recovery.decision_rules import find_renewal_refusal
from console.domain.views.any_record import CreditCheckDetails, find_evidence_of_last_call
from console.services.annotations.annotations import read_annotations
from console.services.audit.opening_log import RecordOpeningLog
from console.services.credit_checks import records as check_records
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter, complete_record
from console.services.registry.facts import read_facts
from console.store.audit import trail as audit
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import leases
from console.store.records import evidence

CREDIT_CHECK_KIND = credit_checks.CREDIT_CHECK_KIND
ActionReader = Callable[[Connection, str, int, Person | None, Sequence[str]], tuple[AllowedAction, ...]]
"""Type of a function that returns the named actions on a record (kind and id) for a person. An action that the
decision table doesn't allow now has the reason.
"""


class CreditCheckDetailsReader:
    """Reads credit checks for their screen, and writes an audit entry about each opened credit check and PDF."""

    def __init__(
        self,
        context: ServiceContext,
        opening_log: RecordOpeningLog,
        complete_records: RecordsCompleter,
        read_actions: ActionReader,
    ) -> None:
        """Store the service context, the log `opening_log` (it writes the audit entries about opened records) and two
        functions. `complete_records` returns records with their relations (facts of related rows). `read_actions`
        returns the actions on a credit check, each with the reason if the decision table doesn't allow it now.
        """
        self._context = context
        self._opening_log = opening_log
        self._complete_records, self._read_actions = complete_records, read_actions

    def read_credit_check(self, record_id: int) -> CreditCheckDetails:
        """Return one credit check with the data of its screen, and write an audit entry about the opening. Raises
        not_found if there is no such credit check, and not_allowed if the acting person has no right to read."""
        context = self._context
        with context.database.read() as conn:
            person = context.find_reading_person(conn)
            record = complete_record(self._complete_records, conn, check_records.require_record(conn, record_id))
            relations = record.relations or CheckRelations()
            holder = self._find_lease_holder(conn, record)
            evidence_items = evidence.find_by_subject(conn, CREDIT_CHECK_KIND, record_id)
            details = CreditCheckDetails(
                record=record,
                explanation=explain_credit_check(record, context.now()),
                timeline=read_audit_history(conn, CREDIT_CHECK_KIND, str(record_id)),
                evidence=evidence_items,
                documents=evidence.list_documents(conn, CREDIT_CHECK_KIND, record_id, record.pdf_file_path),
                actions=self._list_actions(conn, record, person),
                holder=holder,
                awaiting="second_person" if relations.awaits_second_person else None,
                last_answer_at=_find_last_answer_time(evidence_items),
                history=self._complete_records(
                    conn, credit_checks.find_by_number(conn, record.corporation_number, skips_unreadable=True)
                ),
                corporation=read_facts(context, conn, record.corporation_number),
                **read_annotations(context, conn, CREDIT_CHECK_KIND, record_id),
            )
        self._opening_log.record_opening(AuditAction.CREDIT_CHECK_OPENED, CREDIT_CHECK_KIND, record_id)
        # without an alert about the record itself, its page opens the alert about a change of its corporation
        return details if details.open_alert_id else replace(details, open_alert_id=relations.change_alert_id)

    def read_last_call(self, record_id: int) -> EvidenceItem | None:
        """Return the evidence of the last call to AlarmBox for one credit check, for the preview next to a list; None
        if there was no call. Writes no audit entry. Raises not_found if there is no such credit check, and
        not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            check_records.require_record(conn, record_id)
            return find_evidence_of_last_call(evidence.find_by_subject(conn, CREDIT_CHECK_KIND, record_id))

    def read_pdf(self, record_id: int, sha256: str | None = None) -> bytes:
        """Return the content of the credit check's PDF with this SHA-256 (None: of its current PDF). Writes an audit
        entry. Raises not_found if there is no such credit check, if it has no such PDF (no_pdf), or if the PDF's file
        is missing or damaged; documents_unreachable if the storage of the documents can't be reached; not_allowed if
        the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            record = check_records.require_record(conn, record_id)
            documents = evidence.list_documents(conn, CREDIT_CHECK_KIND, record_id, record.pdf_file_path)
        document = next(
            (doc for doc in documents if doc.sha256 == sha256 or (sha256 is None and doc.is_current)), None
        )
        path = document.path if document else (record.pdf_file_path if sha256 is None else None)
        if path is None:
            raise make_no_pdf_error(record_id)
        content = self._context.documents.read(path, document.sha256 if document else None)
        self._opening_log.record_opening(AuditAction.CREDIT_CHECK_PDF_READ, CREDIT_CHECK_KIND, record_id)
        return content

    def iterate_pdf_contents(self, record_id: int) -> Iterator[tuple[Document, bytes]]:
        """Yield each stored PDF of the credit check, newest first, with its content, for a caller that shows nothing
        of the content: no audit entry is written. A PDF whose file is missing or altered is left out. Raises
        not_found if there is no such credit check, documents_unreachable if the storage of the documents can't be
        reached, and not_allowed if the acting person has no right to read."""
        for document in self.list_documents(record_id):
            try:
                content = self._context.documents.read(document.path, document.sha256)
            except ConsoleError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
            else:
                yield document, content

    def list_documents(self, record_id: int) -> tuple[Document, ...]:
        """Return the stored PDFs of the credit check, newest first. Raises not_found if there is no such credit
        check, and not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            record = check_records.require_record(conn, record_id)
            return evidence.list_documents(conn, CREDIT_CHECK_KIND, record_id, record.pdf_file_path)

    def _find_lease_holder(self, conn: Connection, record: CreditCheck) -> LeaseHolder | None:
        holder = leases.find_holder(conn, make_credit_check_lease_name(record.id))
        return holder if holder is not None else check_records.find_purchase_lease_holder(conn, record)

    def _list_actions(
        self, conn: Connection, record: CreditCheck, person: Person | None
    ) -> tuple[AllowedAction, ...]:
        """Return the actions on the screen of the credit check, each with the reason if the action is not allowed to
        `person` (None: rights aren't checked). The rules are those of the decision table, of a renewal and of a
        stored PDF; the service that executes an action checks these rules again."""
        table_actions = self._read_actions(
            conn, CREDIT_CHECK_KIND, record.id, person, ("probe", "refetch", "resolve")
        )
        renewal_reason = find_renewal_refusal(record, self._context.now())
        renewal_facts = {"until": record.expired_at, "holder": None}
        renewal_action = self._make_allowed_action("renew", "purchase", renewal_reason, person, renewal_facts)
        pdf_reason = None if record.pdf_file_path else "no_pdf"
        return (*table_actions, renewal_action, self._make_allowed_action("open_pdf", "read", pdf_reason, person, {}))

    @staticmethod
    def _make_allowed_action(
        action_name: str, right_name: str, reason: str | None, person: Person | None, facts: Mapping[str, object]
    ) -> AllowedAction:
        """Return the action `action_name` for the screen. It is marked as not allowed if `reason`, the code of a
        reason, isn't None (`facts` belong to the reason), or if the person lacks the right `right_name`. If `person`
        is None, the right isn't checked."""
        if reason is not None:
            return AllowedAction(action_name, False, f"reason.{reason}", facts)
        if person is not None and not has_right(person, right_name):
            return AllowedAction(
                action_name, False, "reason.role", {"needs": tuple(sorted(ROLES_BY_RIGHT[right_name]))}
            )
        return AllowedAction(action_name, True)


def make_no_pdf_error(record_id: int) -> ConsoleError:
    """Return the error `not_found` for a PDF that the credit check with this id doesn't have."""
    return ConsoleError(ErrorCode.NOT_FOUND, {"kind": "document", "id": str(record_id), "problem": "no_pdf"})


def read_audit_history(conn: Connection, kind: str, subject_id: str) -> tuple[TimelineEntry, ...]:
    """Return the history of the record with this kind and id from the audit trail, oldest entry first. It contains
    only audit entries; the timeline of a record (`evidence.timeline`) also has the events of other tables."""
    return tuple(
        TimelineEntry(entry.at, entry.who, entry.what, {**entry.detail, "reason": entry.reason}, entry.result)
        for entry in audit.list_entries_of_subject(conn, kind, subject_id)
    )


def _find_last_answer_time(evidence_items: tuple[EvidenceItem, ...]) -> datetime | None:
    """Return the time (UTC) of the provider's last answer among `evidence_items`, the evidence of a credit check;
    None if the evidence contains no answer."""
    return max((item.at for item in evidence_items if item.source.startswith("alarmbox.")), default=None)
