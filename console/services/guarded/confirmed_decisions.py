"""Ask a person for the password before a decision that a second person makes, if the person's own account acts.

On a database server the commands of ACTIONS_WITH_PASSWORD, and the second person's `resolve`, need the password. A
person for whom a worker acts confirms the desk request with it (`services/desk_requests/desk_calls.py`). A person
whose account acts confirms the call itself, in this module. SQLite has no passwords, and only a thread that can read
a password from the person asks for one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND, OPERATOR_KIND
from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.rules import ACTIONS_WITH_PASSWORD
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.payments.limits import LIMIT_KIND
from console.services.audit import refusals
from console.services.process.context import ServiceContext, get_executed_desk_request_id, require_confirmed_request
from console.services.process.passwords import can_read_password, connect_with_password, read_typed_password
from console.store.refunds.refunds import REFUND_KIND

T = TypeVar("T")
_AUDIT_ACTION_AND_KIND_BY_COMMAND = {
    "limits set": (AuditAction.LIMIT_SET, LIMIT_KIND),
    DISABLE_COMMAND: (AuditAction.OPERATOR_DISABLE, OPERATOR_KIND),
    ENABLE_COMMAND: (AuditAction.OPERATOR_ENABLE, OPERATOR_KIND),
    "refund approve": (AuditAction.REFUND_APPROVE, REFUND_KIND),
    "refund reject": (AuditAction.REFUND_REJECT, REFUND_KIND),
}
"""By command of ACTIONS_WITH_PASSWORD: the action and the kind of the subject in the audit entry of a refusal."""
_LONGEST_SUBJECT_CHARACTERS = 40
_is_call_confirmed: ContextVar[bool | None] = ContextVar("is_call_confirmed", default=None)
"""True if the person has typed the password for the call that this thread runs, False if not yet. None if this thread
runs no call for which a person is asked."""


def call_with_password(
    context: ServiceContext, command: str, arguments: tuple[object, ...], call: Callable[[], T]
) -> T:
    """Run `call`, the work of `command` with these arguments, and return its result. If the command needs the acting
    person's password, ask for it first. If only the call finds out that it needs the password
    (`require_confirmed_decision`), ask for it then, outside of its transaction, and run the call again.

    Raises not_allowed if the person types no password (reason `password_needed`) or a wrong one (`password_wrong`),
    bad_profile if the server has locked the account, and the errors of `call`.
    """
    if _is_call_confirmed.get() is not None or not _must_ask_for_password(context):
        return call()
    if command not in ACTIONS_WITH_PASSWORD:
        try:
            with _mark_call(is_confirmed=False):
                return call()
        except ConsoleError as refusal:
            if refusal.detail.get("reason") != NotAllowedReason.PASSWORD_NEEDED:
                raise
    _confirm_password(context, command, arguments)
    with _mark_call(is_confirmed=True):
        return call()


def require_confirmed_decision() -> None:
    """Raise not_allowed (reason `password_needed`) if this thread runs a decision that its person must confirm with
    the password, and the person has not confirmed it. The decision is that of a desk request or of the acting
    person's own call."""
    require_confirmed_request()
    if _is_call_confirmed.get() is False:
        facts: NotAllowedDetail = {"reason": NotAllowedReason.PASSWORD_NEEDED}
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)


def _must_ask_for_password(context: ServiceContext) -> bool:
    """True if this thread can ask the acting person for the password that confirms a decision, on a database server.
    A worker that executes a desk request asks nobody: the person has confirmed the request."""
    return context.database.is_server and can_read_password() and get_executed_desk_request_id() is None


def _confirm_password(context: ServiceContext, command: str, arguments: tuple[object, ...]) -> None:
    """Read the person's password, and sign in with it over a new connection, which is closed again. Raises
    not_allowed if the person types no password or a wrong one. If no password was typed and `command` is in
    _AUDIT_ACTION_AND_KIND_BY_COMMAND, also write an audit entry about the record whose id is the first of
    `arguments`."""
    try:
        password = read_typed_password()
    except ConsoleError as refusal:  # outside of the block that defers signals: Ctrl+C ends the wait for a password
        if command in _AUDIT_ACTION_AND_KIND_BY_COMMAND:  # the refusal of `resolve` has an entry already
            action, kind = _AUDIT_ACTION_AND_KIND_BY_COMMAND[command]
            subject = str(arguments[0])[:_LONGEST_SUBJECT_CHARACTERS]
            with refusals.audit_refusals(context, action, subject, kind=kind):
                raise refusal from None
        raise
    with connect_with_password(context, password) as database, database.read() as conn:
        conn.exec_driver_sql("SELECT 1")


@contextmanager
def _mark_call(*, is_confirmed: bool) -> Iterator[None]:
    """Context manager: within the block, this thread runs a call for which the person has typed the password
    (`is_confirmed` is True) or has not typed it yet (False)."""
    token = _is_call_confirmed.set(is_confirmed)
    try:
        yield
    finally:
        _is_call_confirmed.reset(token)
