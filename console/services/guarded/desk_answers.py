"""Answers of providers against which people can't decide that an operation did not happen: an answer that is in the
desk's spool and not in the database, because the database could not store it or was restored to an earlier state; and
an answer that says "not found" and contains what people deny; and an answer that a cache had stored before the
question, which may hide the provider's own answer.
"""

from console.domain.error_reasons import MismatchReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import AnyRecord
from console.domain.setting_problems import SettingProblem
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.response_classes import REFUSED_BUT_MADE_REASON
from console.services.process.context import ServiceContext
from console.store.spool.spool import SpoolEntry


def find_own_spool_entry(context: ServiceContext, operation_id: str | None) -> SpoolEntry | None:
    """Return the entry of this desk's spool about an operation of this database; None if there is none, or if the
    operation was certainly not sent. If the entry has an answer, it is decrypted: raises bad_profile if this desk's
    store key can't do that."""
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


def refuse_decision_against_answer(entry: SpoolEntry | None, record: AnyRecord) -> None:
    """Refuse a person's decision that an operation did not happen: raise evidence_mismatch (detail.reason
    `answer_on_desk`) if this desk's spool has the provider's answer that it did happen, otherwise do nothing. `entry`
    is the spool's entry about the operation (None: the desk has none, and nothing is refused), `record` the record
    about which the person decides."""
    if entry is not None and entry.proves_effect:
        raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": MismatchReason.ANSWER_ON_DESK})


def refuse_denial_of_unclear_answer(reason: str, record: AnyRecord) -> None:
    """Raise evidence_mismatch if a person decides that the operation of `record` did not happen, and `reason`, the
    reason of the provider's present answer about it, is `refused_but_made` or `old_answer` (detail.reason). Such an
    answer contradicts itself (it says "not found", and contains what was asked for), or a cache had stored it before
    the question. Two people could otherwise deny what the provider has made, and it would be made once more."""
    if reason == REFUSED_BUT_MADE_REASON:
        raise make_contradictory_answer_error(record)
    if reason == OLD_ANSWER_REASON:
        raise ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": MismatchReason.OLD_ANSWER})


def make_contradictory_answer_error(record: AnyRecord) -> ConsoleError:
    """Return the error evidence_mismatch for a denial against an answer that contradicts itself."""
    return ConsoleError(ErrorCode.EVIDENCE_MISMATCH, {"record": record, "reason": MismatchReason.REFUSED_BUT_MADE})
