"""Settle, as not sent, operations that would otherwise count as unknown but whose request was certainly never
sent.

The proof is the operation's row in the spool of this desk: the row is still `prepared`, because the process ended
before it sent the request, or could not record that the request was not sent. Only the desk of that process has
the proof. Every other desk sees an unknown outcome until this desk has settled the operation.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from console.domain.errors import ConsoleError
from console.domain.process.sending_permission import STOPPED_BEFORE_SENDING_REASON
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import OperationState
from console.services.process.context import ServiceContext
from console.store.operations import journal
from console.store.spool.spool import SpoolEntry

if TYPE_CHECKING:
    from console.services.guarded.operation import OperationSettler

_LONGEST_WAIT_FOR_CLAIM_COMMIT = timedelta(hours=1)
"""Age from which an operation without a journal row counts as never claimed. Below this age, the COMMIT of its claim
may still be running.
"""
_log = logging.getLogger("console.guard")


def make_not_sent_outcome(reason: str = STOPPED_BEFORE_SENDING_REASON) -> Outcome[Any]:
    """Return the outcome of an operation whose request certainly did not reach the provider. `reason` is stored
    with the outcome."""
    return Outcome(OutcomeClass.FAILED_DEFINITE, reason, SendingCertainty.NO)


def settle_unsent_operation(
    context: ServiceContext, operation_id: str, deliver: Callable[[str, Outcome[Any]], bool]
) -> bool:
    """Settle an operation as not sent if its spool row is still `prepared`; return True if it is settled. `deliver`
    settles the operation in the database.

    Never raises an Exception: after a failure, the next call of this function tries again. If the process of the
    operation still runs, the changed spool row prevents it from sending the request.
    """
    try:
        return context.spool.mark_void(operation_id) and deliver(operation_id, make_not_sent_outcome())
    except ConsoleError as error:
        _log.info("operation %s was not sent, and this could not be stored: %s", operation_id, error.code)
    except Exception:
        _log.warning("operation %s was not sent, and this could not be stored", operation_id, exc_info=True)
    return False


def find_unsent_operations(context: ServiceContext) -> tuple[SpoolEntry, ...]:
    """Return the spool entries of unsent operations that this desk must settle, oldest first. Operations that may
    still be sent are left out. The function deletes from the spool the entries whose operation has failed in the
    journal, or is still missing in the journal an hour after the operation began."""
    return tuple(
        entry
        for entry in context.spool.list_unsent_entries(context.database_id)
        if _must_settle_spool_entry(context, entry)
    )


def _must_settle_spool_entry(context: ServiceContext, entry: SpoolEntry) -> bool:
    """Return True if this desk must settle the operation of the spool entry as not sent. Delete the entry from the
    spool, and return False, if the operation has failed in the journal, or is missing in the journal after
    _LONGEST_WAIT_FOR_CLAIM_COMMIT. Return False, too, while the operation may still be claimed or sent."""
    operation_id = entry.intent.operation_id
    with context.database.read() as conn:
        operation = journal.find_with_state_after_lapse(conn, operation_id)
    if operation is not None and operation.state is OperationState.CALLING:
        return False
    if operation is None and context.now() - entry.intent.at < _LONGEST_WAIT_FOR_CLAIM_COMMIT:
        return False
    if operation is None or operation.state is OperationState.FAILED:
        context.spool.forget_unsent_operation(operation_id)
        return False
    return True


def has_unsent_operations(context: ServiceContext) -> bool:
    """True if this desk has an unsent operation to settle. Never raises an Exception; also False if this can't be
    found out because of an error."""
    try:
        return bool(find_unsent_operations(context))
    except ConsoleError as error:
        _log.info("the unsent operations could not be read: %s", error.code)
    except Exception:
        _log.warning("the unsent operations could not be read", exc_info=True)
    return False


def settle_all_unsent_operations(context: ServiceContext, settlers: "Mapping[str, OperationSettler]") -> int:
    """Settle this desk's unsent operations as not sent; return the number of settled operations. The keys of
    `settlers` are action names. An operation of an action that this program version doesn't know stays in the spool,
    for the version that knows the action."""
    results = (
        settle_unsent_operation(context, entry.intent.operation_id, settlers[entry.intent.action].deliver_outcome)
        for entry in find_unsent_operations(context)
        if entry.intent.action in settlers
    )
    return sum(results)
