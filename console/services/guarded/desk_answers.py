"""Answers of providers that prevent people from deciding that an operation did not happen. There are three sorts:

- An answer that is in the spool of a desk but not in the database, because the database could not store it or was
  restored to an earlier state. Another desk knows of it by the audit entries about its failed delivery.
- An answer that says "not found" although it contains the record that people deny.
- An answer that a cache had stored before the request, so that the provider's own answer may be hidden.
"""

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import EvidenceMismatchReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AnyRecord
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT
from console.domain.setting_problems import SettingProblem
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import REFUSED_BUT_MADE_REASON
from console.services.process.context import ServiceContext
from console.store.audit import trail as audit
from console.store.database.sqlalchemy_names import Connection
from console.store.operations.lost_operations import OPERATION_KIND, has_no_effect
from console.store.spool.spool import SpoolEntry


def find_own_spool_entry(context: ServiceContext, operation_id: str | None) -> SpoolEntry | None:
    """Return the entry of this desk's spool about the operation `operation_id` of this database; None if the spool
    has no such entry, if the operation was certainly not sent, or if `operation_id` is None, because the record has
    no operation. An answer in the entry is decrypted. Raises bad_profile if this desk's store key can't decrypt the
    answer."""
    entry = context.spool.find(operation_id) if operation_id is not None else None
    if entry is None or entry.intent.database_id != context.database_id:
        return None
    if entry.has_answer and entry.answer is None:
        context.spool.set_cipher(context.cipher)
        entry = context.spool.find(entry.intent.operation_id) or entry
    if entry.has_answer and entry.answer is None:
        raise ConsoleError(
            ErrorCode.BAD_PROFILE,
            {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": SettingProblem.OTHER_STORE_KEY},
        )
    return entry


def is_claim_ended_elsewhere(context: ServiceContext, conn: Connection, operation_id: str) -> bool:
    """True if the database proves that a lost operation had no effect, and this desk's spool has no answer about the
    operation and doesn't prove its effect. The spool may still have the claim: two people may have decided at another
    desk that the operation had no effect, a probe there may have shown it, or the process of the decision may have
    ended before it changed the spool."""
    if not has_no_effect(conn, operation_id):
        return False
    entry = context.spool.find(operation_id)
    return entry is None or not (entry.has_answer or entry.proves_effect)


def refuse_decision_against_answer(
    context: ServiceContext, entry: SpoolEntry | None, operation_id: str | None, record: AnyRecord
) -> None:
    """Refuse a person's decision that the operation `operation_id` did not happen: raise evidence_mismatch
    (detail.reason `answer_on_desk`) if a desk has the provider's answer that the operation did happen; otherwise do
    nothing. `entry` is the entry of this desk's spool about the operation (None: the spool has no entry), `record`
    the record about which the person decides. The answer of another desk is known if that desk has tried to deliver
    it to the database."""
    has_answer = entry is not None and entry.proves_effect
    if not has_answer and operation_id is not None:
        with context.database.read() as conn:
            has_answer = _has_undelivered_answer_with_effect(conn, operation_id)
    if has_answer:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": EvidenceMismatchReason.ANSWER_ON_DESK}
        )


def _has_undelivered_answer_with_effect(conn: Connection, operation_id: str) -> bool:
    """True if an audit entry says that a desk could not deliver the provider's answer about the operation, and this
    answer says that the operation happened or that the provider has accepted it."""
    return any(
        entry.what == AuditAction.OPERATION_UNDELIVERED and entry.detail.get("outcome") in OUTCOME_CLASSES_WITH_EFFECT
        for entry in audit.list_entries_of_subject(conn, OPERATION_KIND, operation_id)
    )


def refuse_denial_of_unclear_answer(reason: str, record: AnyRecord) -> None:
    """Raise evidence_mismatch if a person decides that the operation of `record` did not happen, and `reason`, the
    reason code of the provider's present answer, is `refused_but_made` or `old_answer`. The error has this reason as
    detail.reason.

    Such an answer contradicts itself (it says "not found", and contains the requested record), or a cache had stored
    it before the request. Otherwise two people could deny an operation that the provider has executed, and the
    operation would be executed a second time.
    """
    if reason == REFUSED_BUT_MADE_REASON:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": EvidenceMismatchReason.REFUSED_BUT_MADE}
        )
    if reason == OLD_ANSWER_REASON:
        raise ConsoleError(
            ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": EvidenceMismatchReason.OLD_ANSWER}
        )
