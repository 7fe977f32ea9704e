"""Read the password that a person types to confirm a decision, and connect to the database with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.database.engine import Database

if TYPE_CHECKING:
    from console.domain.errors.details import NotAllowedDetail

SESSION_KIND = "session"
"""Subject kind of the audit entries about sign-ins and typed passwords."""
PasswordPrompt = Callable[[], str | None]
"""A function that asks the person for the password and returns it; it returns None if no person can be asked."""

_password_reader: ContextVar[PasswordPrompt | None] = ContextVar("read_password", default=None)
_has_person_typed_password: ContextVar[bool] = ContextVar("has_person_typed_password", default=False)


@contextmanager
def use_password_reader(read_password: PasswordPrompt, *, is_typed: bool = False) -> Iterator[None]:
    """Context manager: within the block, this thread calls the function `read_password` to get passwords from the
    person. `is_typed` is True if the person has typed the password already, and `read_password` only returns it.
    """
    tokens = _password_reader.set(read_password), _has_person_typed_password.set(is_typed)
    try:
        yield
    finally:
        _password_reader.reset(tokens[0])
        _has_person_typed_password.reset(tokens[1])


def has_person_typed_password() -> bool:
    """Return True if the person has typed the password before this call, so that `read_typed_password` returns it
    without asking the person."""
    return _has_person_typed_password.get()


def can_read_password() -> bool:
    """Return True if this thread has a function that reads passwords from the person."""
    return _password_reader.get() is not None


def read_typed_password() -> str:
    """Return the password that the person types. Raises not_allowed (reason `password_needed`) if this thread has no
    function that reads a password, if this function can ask nobody, or if the person typed an empty password.
    """
    read_password = _password_reader.get()
    password = None if read_password is None else read_password()
    if not password:
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.PASSWORD_NEEDED})
    return password


@contextmanager
def connect_with_password(context: ServiceContext, password: str) -> Iterator[Database]:
    """Context manager: yield the database over new connections that sign in with the present database account and
    this password. The connections are closed at the end of the block.

    Raises not_allowed (reason `password_wrong`), and writes an audit entry, if the server refuses the password.
    Raises bad_profile (problem `account_locked` or `password_expired`) if the server has locked the account, for
    example after too many wrong passwords, or if the password has expired. Raises database_unreachable if the server
    does not answer.
    """
    database = Database(context.settings.sign_in.make_url_with_password(password))
    try:
        yield database
    except ConsoleError as error:
        if error.detail.get("problem") != SettingProblem.ACCESS_DENIED:
            raise
        _audit_wrong_password(context)
        facts: NotAllowedDetail = {"reason": NotAllowedReason.PASSWORD_WRONG}
        if context.operator is not None:
            facts["operator"] = context.operator
        raise ConsoleError(ErrorCode.NOT_ALLOWED, facts) from None
    finally:
        database.close()


def _audit_wrong_password(context: ServiceContext) -> None:
    place = {"place": context.settings.sign_in.database_address}
    audit_action, outcome = AuditAction.SESSION_CONFIRMED, {"result": "refused", "reason": "password"}
    with log_and_suppress("audit of a wrong password"):
        context.write(
            lambda tx: context.record_audit(tx, audit_action, context.session_id, place, kind=SESSION_KIND, **outcome)
        )
