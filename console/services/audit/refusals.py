"""Write audit entries about refusals: the person, the requested action and the error code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.errors.details import InProgressDetail, LeaseHolderFacts
from console.domain.process import interrupts
from console.domain.reason import Reason
from console.domain.records import CreditCheck, LeaseHolder
from console.services.process.context import ServiceContext, remember_required_rights
from console.services.process.failure_suppression import log_and_suppress

REFUSED_EXIT_STATUS = 3
"""Exit status of the errors that are refusals of this program."""


@contextmanager
def audit_refusals(
    context: ServiceContext,
    action: AuditAction,
    subject_id: int | str | None,
    facts: Mapping[str, object] | None = None,
    *,
    kind: str = "credit-check",
) -> Iterator[None]:
    """Context manager: if the `with` block raises a refusal (an error with exit status 3), write an audit entry
    about the refusal in a separate transaction and raise the refusal again. In nested blocks, only the innermost
    block writes the entry. The entry has the error code as its reason. If `detail.reason` of the error is a `Reason`
    (one of the fixed reasons of this program, not a provider's text), the entry also has it as the fact `refusal`.
    `facts` must contain no text of a provider or of a person: the entry stores `facts` without masking the payers'
    names, and the refused person may have no right to read the record.

    `kind` and `subject_id` name the record that the refused action was about. If `subject_id` is None, the action
    was about no single record, or the record is the credit check in the error's `detail.record`.

    A signal of the operating system does not end the block: the signal only aborts a running call to a provider, and
    the process ends after the block.
    """
    with interrupts.defer_signals():
        try:
            with remember_required_rights():
                yield
        except ConsoleError as refusal:
            if refusal.exit_status == REFUSED_EXIT_STATUS and not refusal.is_audited:
                refusal.is_audited = True
                record = refusal.detail.get("record")
                audited_subject_id = (
                    record.id if subject_id is None and isinstance(record, CreditCheck) else subject_id
                )
                code, reason = refusal.code, refusal.detail.get("reason")
                # Another program's text is left out: only reasons of a closed set have words.
                entry_facts = {**(facts or {}), "refusal": reason.value} if isinstance(reason, Reason) else facts
                with log_and_suppress("audit of a refusal"):
                    context.write(
                        lambda tx: context.record_audit(
                            tx, action, audited_subject_id, entry_facts, kind=kind, result="refused", reason=code
                        )
                    )
            raise


def make_lease_holder_detail(holder: LeaseHolder | None) -> InProgressDetail:
    """Return the facts about the holder of a lease for the detail of the error in_progress: the holder (person, desk,
    host, process), and the beginning and end of the lease. `holder` is None if the lease was released meanwhile: then
    the returned holder and beginning are None, and the end is left out.
    """
    if holder is None:
        return {"holder": None, "since": None}
    holder_facts = LeaseHolderFacts(
        operator=holder.operator, desk=holder.desk, host=holder.host, process=holder.process
    )
    return {"holder": holder_facts, "since": holder.since, "until": holder.until}
