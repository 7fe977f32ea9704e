"""The password that a person types for a decision: where a program reads it, and the connection that it opens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from console.domain.audit_actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.services.process.context import ServiceContext
from console.services.process.tolerated import log_and_suppress
from console.store.database.engine import Database

if TYPE_CHECKING:
    from console.domain.error_details import NotAllowed

SESSION = "session"
"""Kind of the audit entries about sign-ins and passwords."""
ReadPassword = Callable[[], str | None]
"""A function that returns the password which the person has typed; None if it can't ask anybody."""

_read: ContextVar[ReadPassword | None] = ContextVar("read_password", default=None)


@contextmanager
def passwords_from(read: ReadPassword) -> Iterator[None]:
    """Let `read` ask the person for the password until the end of the block, in this thread."""
    token = _read.set(read)
    try:
        yield
    finally:
        _read.reset(token)


def typed_password() -> str:
    """Return the password that the person types. Raises not_allowed (reason `password_needed`) if nobody can be asked
    or nothing was typed.
    """
    read = _read.get()
    password = None if read is None else read()
    if not password:
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.PASSWORD_NEEDED})
    return password


@contextmanager
def connected_with(context: ServiceContext, password: str) -> Iterator[Database]:
    """Yield the database over new connections under the account in use. They are opened with this password, and
    closed at the end of the block.

    Raises not_allowed (reason `password_wrong`) if the server refuses the password, which is written to the audit
    trail, and database_unreachable and similar codes if the server does not answer.
    """
    database = Database(context.settings.sign_in.url_with_password(password))
    try:
        yield database
    except ConsoleError as trouble:
        if trouble.detail.get("problem") != SettingProblem.ACCESS_DENIED:
            raise
        _audit_wrong_password(context)
        facts: NotAllowed = {"reason": NotAllowedReason.PASSWORD_WRONG}
        if context.operator is not None:
            facts["operator"] = context.operator
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts) from None
    finally:
        database.close()


def _audit_wrong_password(context: ServiceContext) -> None:
    place = {"place": context.settings.sign_in.database_place}
    what, outcome = AuditAction.SESSION_CONFIRMED, {"result": "refused", "reason": "password"}
    with log_and_suppress("audit of a wrong password"):
        context.write(lambda tx: context.record_audit(tx, what, context.session, place, kind=SESSION, **outcome))
