"""Sign-ins: who this process is at its database, whether a password is that person's own, and signing out."""

from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.domain.results import Identity
from console.services import settling
from console.services.desk import Desk
from console.store.engine import Database, Transaction

KIND = "session"


class Sessions:
    """Servers ask for an account; SQLite has none, and there whoever sits at the desk is believed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sign_in = desk.settings.sign_in

    def whoami(self) -> Identity:
        """Who acts here. Raises no_operator where nobody is named."""
        desk, sign_in = self._desk, self._sign_in
        where = sign_in.place or str(desk.settings.database_path)
        try:
            person, known = desk.person(), True
        except ConsoleError as unknown:
            if unknown.detail.get("reason") != "unknown_operator":
                raise
            person, known = Person(str(desk.operator), frozenset(), may_buy=False), False
        return Identity(person, known, where, sign_in.source, sign_in.is_server and sign_in.is_kept())

    def signed_in(self, *, keep: bool) -> bool:
        """The database has taken an account that somebody was asked for: audited, and kept in the keyring where
        `keep` says so. Whether it is kept now; what can't be kept lives in this process alone.
        """
        missing, kept = self._sign_in.missing, keep and self._keep()

        def tell(tx: Transaction) -> None:
            if missing is not None:
                self._note(tx, "session_missing", {}, reason=missing)
            self._note(tx, "session_created", {"kept": kept})

        with settling.tolerated("audit of a sign-in"):
            self._desk.write(tell)
            self._sign_in.missing = None
        return kept

    def confirm_password(self, password: str) -> bool:
        """Whether this is the password of the account in use: asked of the database on a fresh connection, and a
        wrong one is audited. SQLite has no passwords: there every answer is right.

        Raises database_unreachable and its like where nobody can say.
        """
        if not self._sign_in.is_server:
            return True
        asked = Database(self._sign_in.url_for(password))
        try:
            with asked.read() as conn:
                conn.exec_driver_sql("SELECT 1")
        except ConsoleError as trouble:
            if trouble.detail.get("problem") != "access_denied":
                raise
            self._note_refused()
            return False
        finally:
            asked.close()
        return True

    def sign_out(self) -> bool:
        """Nothing stays in the keyring or in this process; whether that could be audited. A database that is away
        keeps nobody from signing out. Raises bad_profile `keyring_failed`, and then is signed in as before.
        """
        kept = self._sign_in.forget()
        try:
            self._desk.write(lambda tx: self._note(tx, "session_deleted", {"kept": kept}))
        except ConsoleError:
            return False
        return True

    def _keep(self) -> bool:
        try:
            self._sign_in.keep()
        except ConsoleError:  # no keyring, or one that is locked: never anywhere else
            return False
        return True

    def _note_refused(self) -> None:
        with settling.tolerated("audit of a wrong password"):
            self._desk.write(
                lambda tx: self._note(tx, "session_confirmed", {}, result="refused", reason="password")
            )

    def _note(self, tx: Transaction, what: str, facts: dict[str, object], **outcome: str) -> None:
        detail = {**facts, "place": self._sign_in.place}
        self._desk.note(tx, what, self._desk.session, detail, kind=KIND, **outcome)
