"""Sign-in to the database: find the acting person of this process, record a sign-in, confirm the password, and
sign out."""

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.domain.service_results import Identity
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.passwords import SESSION_KIND, connect_with_password
from console.store.database.engine import Transaction


class SignInService:
    """The sign-in of this process at its database, and the sign-out. On a database server a person signs in with a
    database account; SQLite has no accounts, and the program accepts the configured name."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._sign_in = context.settings.sign_in

    def read_identity(self) -> Identity:
        """Return the acting person with the person's roles, the address of the database, and the source of the
        sign-in (typed in, configured, or read from the keyring). A name that the database doesn't know gets no roles,
        and `is_known_operator` is False. Raises no_operator if no name of a person is configured."""
        context, sign_in = self._context, self._sign_in
        database_location = sign_in.database_address or str(context.settings.database_path)
        try:
            person, is_known = context.read_person(), True
        except ConsoleError as unknown:
            if unknown.detail.get("reason") != NotAllowedReason.UNKNOWN_OPERATOR:
                raise
            person, is_known = Person(str(context.operator), frozenset(), may_buy=False), False
        return Identity(
            person,
            is_known,
            database_location,
            sign_in.account_source,
            sign_in.is_server and sign_in.is_password_stored(),
        )

    def record_sign_in(self, *, must_store_password: bool) -> bool:
        """Write an audit entry about a sign-in that the database has accepted, and one with the reason for which the
        person had to sign in, if there is one (`DatabaseSignIn.sign_in_reason`). A failure of these entries is only
        logged. With `must_store_password`, store the password in the keyring of the machine. Return True if the
        password was stored in the keyring; otherwise only this process has the password.
        """
        missing_reason, is_stored = self._sign_in.sign_in_reason, must_store_password and self._store_password()

        def write_audit_entries(tx: Transaction) -> None:
            if missing_reason is not None:
                self._write_audit_entry(tx, AuditAction.SESSION_MISSING, {}, reason=missing_reason)
            self._write_audit_entry(tx, AuditAction.SESSION_CREATED, {"kept": is_stored})

        with log_and_suppress("audit of a sign-in"):
            self._context.write(write_audit_entries)
        self._sign_in.sign_in_reason = None  # also if the entry failed: the next sign-in has its own reason
        return is_stored

    def confirm_password(self, password: str) -> bool:
        """Return True if `password` is the password of the database account in use, which this method tries on a new
        connection. If the password is wrong, the attempt (without the password) is written to the audit
        trail. Always True on SQLite, which has no passwords.

        Raises bad_profile (problem `account_locked` or `password_expired`) if the server has locked the account or
        the password has expired, and database_unreachable if the database does not answer.
        """
        if not self._sign_in.is_server:
            return True
        try:
            with connect_with_password(self._context, password) as database, database.read() as conn:
                conn.exec_driver_sql("SELECT 1")
        except ConsoleError as refusal:
            if refusal.detail.get("reason") != NotAllowedReason.PASSWORD_WRONG:
                raise
            return False
        return True

    def sign_out(self) -> bool:
        """Remove the password from the keyring and from this process. Return True if the audit entry about the
        sign-out was written; the person is signed out even if the database is unreachable. Raises bad_profile if the
        keyring can't be changed; in this case the person stays signed in."""
        was_stored = self._sign_in.sign_out()
        try:
            self._context.write(
                lambda tx: self._write_audit_entry(tx, AuditAction.SESSION_DELETED, {"kept": was_stored})
            )
        except ConsoleError:
            return False
        return True

    def _store_password(self) -> bool:
        """Store the password in the keyring. Return True, or False if there is no keyring, or if it is locked."""
        try:
            self._sign_in.store_password()
        except ConsoleError:  # no keyring, or a locked one: the password is stored nowhere else
            return False
        return True

    def _write_audit_entry(
        self, tx: Transaction, action: AuditAction, facts: dict[str, object], **outcome: str
    ) -> None:
        detail = {**facts, "place": self._sign_in.database_address}
        self._context.record_audit(tx, action, self._context.session_id, detail, kind=SESSION_KIND, **outcome)
