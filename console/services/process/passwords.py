"""The password that a person types to confirm a decision: the function that reads it, and the database connection
that it opens.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.services.process.context import ServiceContext
from console.services.process.tolerated import log_and_suppress
from console.store.database.engine import Database

if TYPE_CHECKING:
    from console.domain.errors.details import NotAllowed

SESSION = "session"
"""Subject kind of the audit entries about sign-ins and typed passwords."""
ReadPassword = Callable[[], str | None]
"""A function that asks the person for the password and returns it; it returns None if no person can be asked."""

_read: ContextVar[ReadPassword | None] = ContextVar("read_password", default=None)


@contextmanager
def passwords_from(read: ReadPassword) -> Iterator[None]:
    """Within the block, let this thread ask for passwords with the function `read`."""
    token = _read.set(read)
    try:
        yield
    finally:
        _read.reset(token)


def typed_password() -> str:
    """Ask the person for the password and return it. Raises not_allowed (reason `password_needed`) if no person can
    be asked or nothing was typed.
    """
    read = _read.get()
    password = None if read is None else read()
    if not password:
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.PASSWORD_NEEDED})
    return password


@contextmanager
def connected_with(context: ServiceContext, password: str) -> Iterator[Database]:
    """Yield the database over new connections that use the present database account and this password. They are
    closed at the end of the block.

    Raises not_allowed (reason `password_wrong`) if the server refuses the password; an audit entry is then written.
    Raises database_unreachable and similar errors if the server does not answer.
    """
    database = Database(context.settings.sign_in.url_with_password(password))
    try:
        yield database
    except ConsoleError as error:
        if error.detail.get("problem") != SettingProblem.ACCESS_DENIED:
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
