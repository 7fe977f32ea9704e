"""The spool of a desk: a local file with the operations of this desk, which exist there even if the database loses
them.

The spool stores an intent for each call that costs or moves money. The intent is in state `prepared` during the
database transaction that sets the claim, and in state `calling` before the first byte is sent. So an operation
that is still `prepared` was certainly not sent, unless the file is a copy (`file_identity`). The spool also stores
answers that the database could not store, and anchors: rows of the audit trail that this desk saw committed. All
processes of the desk share one file, `desk.db`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from console.domain.error_reasons import InternalErrorProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import OUTCOME_CLASSES_WITH_EFFECT
from console.domain.records import CheckReport
from console.domain.setting_problems import SettingProblem
from console.store.spool.cipher import Cipher, DecryptionFailed
from console.store.spool.file_identity import create_identity_file, find_file_identity
from console.store.spool.sqlite_file import SQLITE_APPLICATION_ID, LocalJournal, SqliteValue, write_transaction

if TYPE_CHECKING:  # commands that only read need no answer codec
    from console.domain.errors.details import InternalErrorDetail
    from console.store.spool.answer_codec import Answer

SPOOL_FILE_NAME = "desk.db"

UPGRADE_TO_VERSION_2_SQL = (
    "ALTER TABLE intents ADD COLUMN payment_id INTEGER",
    "ALTER TABLE intents ADD COLUMN provider_key TEXT",
    "ALTER TABLE intents ADD COLUMN amount_minor INTEGER",
    "CREATE INDEX intents_refunds ON intents(database_id, payment_id) WHERE payment_id IS NOT NULL",
)
"""Statements that upgrade a file of version 1 to version 2: they add the columns of refunds. A file is upgraded when
it is opened.
"""
UPGRADE_TO_VERSION_3_SQL = (
    "ALTER TABLE anchors ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX anchors_newest ON anchors(database_id, row_id) WHERE NOT given_up",
)
"""Statements that upgrade a file of version 2 to version 3. They add an index of the newest anchors, which show that
the database was restored to an earlier state, and the column `given_up`, which marks anchors of audit rows whose loss
a person has confirmed."""
UPGRADE_TO_VERSION_4_SQL: tuple[str, ...] = ()
"""Statements that upgrade a file of version 3 to version 4. There are none, because only the states `prepared` and
`void` are new. An older program can't read these states, and refuses the file because of its version."""
UPGRADE_TO_VERSION_5_SQL = (
    "CREATE TABLE asked_requests(id TEXT PRIMARY KEY, database_id TEXT NOT NULL) WITHOUT ROWID",
)
"""Statements that upgrade a file of version 4 to version 5. They add the table of the desk requests whose answer
no process of this desk has received.
"""
_PAYMENT_START_CONDITION = "holds_claim AND payment_id IS NULL AND client_id IS NULL"
UPGRADE_TO_VERSION_6_SQL = (
    f"CREATE INDEX intents_start_keys ON intents(database_id, provider_key) WHERE {_PAYMENT_START_CONDITION}",
    f"CREATE INDEX intents_start_fingerprints ON intents(database_id, fingerprint) WHERE {_PAYMENT_START_CONDITION}",
)
"""Statements that upgrade a file of version 5 to version 6. They add the indexes by which each start of a payment
looks for earlier ones.
"""
_CREATE_TABLES_SQL = (
    "CREATE TABLE desk(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE intents(
        operation_id TEXT PRIMARY KEY, database_id TEXT NOT NULL, action TEXT NOT NULL,
        client_id TEXT, corporation_number TEXT, record_id INTEGER, operator TEXT NOT NULL,
        desk_id TEXT NOT NULL, at TEXT NOT NULL, fingerprint TEXT NOT NULL,
        state TEXT NOT NULL, holds_claim INTEGER NOT NULL, provider_id INTEGER,
        answer BLOB, delivered INTEGER NOT NULL DEFAULT 0)""",
    *UPGRADE_TO_VERSION_2_SQL,
    "CREATE INDEX intents_claim ON intents(database_id, corporation_number, client_id) WHERE holds_claim",
    "CREATE INDEX intents_open ON intents(database_id, at) WHERE state <> 'ended'",
    "CREATE INDEX intents_undelivered ON intents(database_id, at) WHERE answer IS NOT NULL AND NOT delivered",
    """CREATE TABLE anchors(
        database_id TEXT NOT NULL, chain TEXT NOT NULL, seq INTEGER NOT NULL, row_id INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY(database_id, chain, seq, row_id)) WITHOUT ROWID""",
    *UPGRADE_TO_VERSION_3_SQL,
    *UPGRADE_TO_VERSION_5_SQL,
    *UPGRADE_TO_VERSION_6_SQL,
)
_INTENT_COLUMNS = (
    "operation_id, database_id, action, client_id, corporation_number, record_id, operator, desk_id, at,"
    " fingerprint, payment_id, provider_key, amount_minor"
)
_SPOOL_ENTRIES_QUERY = f"SELECT {_INTENT_COLUMNS}, state, holds_claim, provider_id, answer, delivered FROM intents"  # noqa: S608 (constants)
_INSERT_INTENT_SQL = (
    f"INSERT INTO intents({_INTENT_COLUMNS}, state, holds_claim) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,'prepared',0)"  # noqa: S608 (constants)
    " ON CONFLICT(operation_id) DO UPDATE SET record_id = excluded.record_id, fingerprint = excluded.fingerprint,"
    " payment_id = excluded.payment_id, provider_key = excluded.provider_key, amount_minor = excluded.amount_minor"
    " WHERE state = 'prepared'"
)
_INTENT_HAS_CLAIM_SQL = (
    "(client_id IS NOT NULL AND corporation_number IS NOT NULL OR payment_id IS NOT NULL OR provider_key IS NOT NULL)"
)
_BEGIN_CALLING_SQL = f"UPDATE intents SET state = 'calling', holds_claim = {_INTENT_HAS_CLAIM_SQL}"  # noqa: S608 (constants)
_UPGRADES_SQL = (
    UPGRADE_TO_VERSION_2_SQL,
    UPGRADE_TO_VERSION_3_SQL,
    UPGRADE_TO_VERSION_4_SQL,
    UPGRADE_TO_VERSION_5_SQL,
    UPGRADE_TO_VERSION_6_SQL,
)
NEWEST_SPOOL_VERSION = 1 + len(_UPGRADES_SQL)
"""Version of the file that this program writes."""
MAX_OWN_REQUESTS = 1_000
"""Largest number of desk requests without an answer whose ids a desk keeps; more than a list of requests shows."""
SPOOL_TABLES = ("intents", "desk", "anchors", "asked_requests")
_FIRST_VERSION_WITH_PREPARED_STATE = 4
_UNSENT_ENTRY_CONDITION = "state IN ('prepared', 'void')"
_MARK_ENDED_SQL = (
    "UPDATE intents SET state = 'ended', provider_id = COALESCE(?, provider_id),"  # noqa: S608  # constants
    f" holds_claim = (? AND {_INTENT_HAS_CLAIM_SQL}) WHERE operation_id = ? AND NOT {_UNSENT_ENTRY_CONDITION}"
)
_STORE_ANSWER_SQL = (
    "UPDATE intents SET state = 'answered', answer = ?, delivered = 0, provider_id = COALESCE(?, provider_id),"  # noqa: S608  # constants
    f" holds_claim = (holds_claim OR ? AND {_INTENT_HAS_CLAIM_SQL}) WHERE operation_id = ?"
)
_GIVE_UP_CLAIM_SQL = (
    "UPDATE intents SET state = 'ended', holds_claim = 0"
    " WHERE operation_id = ? AND state = ? AND (answer IS NOT NULL) = ? AND provider_id IS ?"
)
# One subquery for each index: SQLite would read all entries of the database for an OR of the three conditions.
_STARTS_BY_KEYS_CONDITION = (
    f"rowid IN (SELECT rowid FROM intents WHERE {_PAYMENT_START_CONDITION} AND database_id = ? AND fingerprint = ?"  # noqa: S608 (constants)
    f" UNION ALL SELECT rowid FROM intents WHERE {_PAYMENT_START_CONDITION} AND database_id = ? AND provider_key = ?"
    f" UNION ALL SELECT rowid FROM intents WHERE {_PAYMENT_START_CONDITION} AND database_id = ?"
    " AND provider_key >= ? AND provider_key < ?)"
)
_LARGEST_ROW_ID = 2**63 - 1
_DESK_ID_QUERY = "SELECT value FROM desk WHERE name = 'desk_id'"
_IDENTITY_VALUE_NAME = "place"
_IDENTITY_QUERY = "SELECT value FROM desk WHERE name = 'place'"
_STORE_VALUE_SQL = "INSERT INTO desk VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"


def mark_prepared_as_calling(file: Path) -> None:
    """In a copy of a spool, change the state of each operation from `prepared` to `calling`.

    The original spool may have sent such an operation after the copy was made, so the copy can't prove that the
    operation wasn't sent. The caller makes sure that no process uses the file meanwhile. Raises sqlite3.Error if the
    file can't be changed.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as copy:
        ((application_id,),) = copy.execute("PRAGMA application_id")
        ((version,),) = copy.execute("PRAGMA user_version")
        if application_id == SQLITE_APPLICATION_ID and version >= _FIRST_VERSION_WITH_PREPARED_STATE:
            copy.execute(f"{_BEGIN_CALLING_SQL} WHERE state = 'prepared'")


@dataclass(frozen=True, slots=True)
class Intent:
    """A call to a provider that the desk `desk_id` was going to send when it stored the intent. `operation_id` and
    `action` are those of the call's operation in the database `database_id`; `operator` is the acting person.

    - A purchase has `client_id` and `corporation_number`, and its claim is that pair.
    - A refund has `payment_id`, `provider_key` (the idempotency key at the provider) and `amount_minor` (minor
      units), and its claim is that part of the payment.
    - The start of a payment has `provider_key` (provider and merchant number), `amount_minor` and, if the order has
      one, `corporation_number`.

    `record_id` is the id of the record that the transaction before the call committed. `at` is an aware instant,
    `fingerprint` the digest of the request.
    """

    operation_id: str
    database_id: str
    action: str
    client_id: str | None
    corporation_number: str | None
    record_id: int | None
    operator: str
    desk_id: str
    at: datetime
    fingerprint: str
    payment_id: int | None = None
    provider_key: str | None = None
    amount_minor: int | None = None


class StartKeys(NamedTuple):
    """Keys by which the spool finds the operations that start (create) a payment for one order at one provider: the
    `provider_key` of the first start (`first_key`); the beginning of the `provider_key` of each later start (which
    the key of another order's start may share); and the `fingerprint`, which all starts of the order have.
    """

    first_key: str
    later_key_prefix: str
    fingerprint: str


class SpoolState(StrEnum):
    """Progress of an operation, as far as the desk's spool shows it. `prepared`: not sent yet. `void`: never sent,
    and no process may send it any more. `calling`: sent, or about to be sent. `answered`: the answer is in the spool.
    `ended`: the database has stored the operation's final state."""

    PREPARED = "prepared"
    VOID = "void"
    CALLING = "calling"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """An intent and its progress. `holds_claim`: the operation still has its claim. `is_delivered`: the database has
    stored the answer. If `has_answer` is True and `answer` is None, the stored answer can't be read: the spool has no
    cipher or another store key, or a newer program wrote the answer. `id_at_provider` is the id that the provider
    gave to the record; None if it isn't stored here."""

    intent: Intent
    state: SpoolState
    holds_claim: bool
    id_at_provider: int | None
    answer: "Answer | None"
    has_answer: bool
    is_delivered: bool

    @property
    def proves_effect(self) -> bool:
        """True if the spool proves that the operation has happened or that the provider has accepted it. If the spool
        has an answer, only this answer decides. Without an answer, each of two facts is enough: the provider has
        given an id to the record, or the database has stored a final state in which the operation still has its
        claim."""
        if self.answer is not None:
            return self.answer.kind in OUTCOME_CLASSES_WITH_EFFECT
        return self.id_at_provider is not None or (self.state is SpoolState.ENDED and self.holds_claim)


class ChainHead(NamedTuple):
    """A committed row of the audit trail that this desk has stored as an anchor (see `console.store.audit.anchors`):
    its chain, its position in the chain (`seq`), its row id and its hash (hex).
    """

    chain: str
    seq: int
    row_id: int
    hash: str


class Spool:
    """The spool of a desk. Any thread and any number of processes may use it at the same time. `home` is the folder
    of its file.

    A method that writes durably returns after the data is on the disk. The file is opened at the first call.
    Methods raise ConsoleError: `storage_full` if the file can't be written, `bad_profile` if it is damaged, isn't
    a spool or was removed, `database_locked` if other processes hold its lock for 30 s.
    """

    def __init__(self, home: Path, cipher: Cipher | None) -> None:
        self.home = home
        self._file = LocalJournal(
            home / SPOOL_FILE_NAME,
            _CREATE_TABLES_SQL,
            _UPGRADES_SQL,
            self._mark_copied_entries_as_calling,
        )
        self._cipher = cipher

    def set_cipher(self, cipher: Cipher) -> None:
        """Set the cipher that encrypts and decrypts answers from now on. The spool can be opened without one,
        because the store key is needed only for answers."""
        self._cipher = cipher

    def _mark_copied_entries_as_calling(self, conn: sqlite3.Connection) -> None:
        """If the spool's file is a copy, or was put back from one, change the state of each operation from `prepared`
        to `calling`, because the operation may have been sent since the copy was made. If the file can't be changed
        now, the next process tries again. Until then, `mark_void` treats every operation in state `prepared` as
        possibly sent.
        """

        def is_original() -> bool:
            """True if the spool's file has the identity that is stored in it, so that it isn't a copy."""
            return bool(conn.execute(_IDENTITY_QUERY).fetchone() == (find_file_identity(self._file.path),))

        if is_original():
            return
        with suppress(sqlite3.OperationalError), write_transaction(conn):
            create_identity_file(self._file.path)
            identity = find_file_identity(self._file.path)
            # Another process may have stored the identity meanwhile. Operations that it has prepared since then are
            # its own, and it is about to send them.
            if identity is None or is_original():
                return
            conn.execute(f"{_BEGIN_CALLING_SQL} WHERE state = 'prepared'")
            conn.execute(_STORE_VALUE_SQL, (_IDENTITY_VALUE_NAME, identity))

    @cached_property
    def desk_id(self) -> str:
        """The random id of this desk. The first process that reads it creates it durably."""
        if not self._file.read(_DESK_ID_QUERY):
            new_id = str(uuid4())
            self._file.write("INSERT OR IGNORE INTO desk VALUES ('desk_id', ?)", (new_id,), is_durable=True)
        return str(self._file.read(_DESK_ID_QUERY)[0][0])

    def store_intent(self, intent: Intent) -> None:
        """Store an intent in state `prepared`. If the intent exists already, because the database transaction runs
        again, replace its values.

        The write isn't synced to the disk. If it is lost by a power cut, the desk can no longer prove that the
        operation wasn't sent. Raises ConsoleError `internal_error` if the operation is in another state than
        `prepared`.
        """
        stored_count = self._file.write(
            _INSERT_INTENT_SQL,
            (
                intent.operation_id,
                intent.database_id,
                intent.action,
                intent.client_id,
                intent.corporation_number,
                intent.record_id,
                intent.operator,
                intent.desk_id,
                intent.at.isoformat(timespec="microseconds"),
                intent.fingerprint,
                intent.payment_id,
                intent.provider_key,
                intent.amount_minor,
            ),
            is_durable=False,
        )
        if not stored_count:
            raise ConsoleError(
                ErrorCode.INTERNAL_ERROR,
                {"problem": InternalErrorProblem.PREPARED_LATE, "operation_id": intent.operation_id},
            )

    def mark_calling(self, operation_id: str) -> bool:
        """Change the operation's state from `prepared` to `calling`, durably.

        The caller does this before it sends the request. Return False if the state isn't `prepared`. In this case the
        caller must not send the request, because another process may have reported the operation as unsent.
        """
        still_prepared_sql = " WHERE operation_id = ? AND state = 'prepared'"
        return self._file.write(_BEGIN_CALLING_SQL + still_prepared_sql, (operation_id,), is_durable=True) == 1

    def mark_void(self, operation_id: str) -> bool:
        """Change the operation's state from `prepared` to `void`, durably. Return True if the state is `void` now:
        the operation was never sent, and no process can send it any more. Return False if the operation may
        have been sent, or has no entry. In a copy of the spool, an operation that was `prepared` when the copy was
        made may have been sent.
        """
        statement = (
            "UPDATE intents SET state = 'void' WHERE operation_id = ?"  # noqa: S608 (constants)
            f" AND (state = 'void' OR state = 'prepared' AND ? = ({_IDENTITY_QUERY}))"
        )
        values = (operation_id, find_file_identity(self._file.path))
        return self._file.write(statement, values, is_durable=True) == 1

    def list_unsent_entries(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Return the entries of the database with this id in state `prepared` or `void`, oldest first. None of these
        operations was sent, unless the spool is a copy: then an operation that was `prepared` when the copy was made
        may have been sent, and `mark_void` returns False for it."""
        conditions = f"database_id = ? AND state <> 'ended' AND {_UNSENT_ENTRY_CONDITION}"
        query = f"{_SPOOL_ENTRIES_QUERY} WHERE {conditions} ORDER BY at, operation_id"
        return tuple(self._make_entry(row) for row in self._file.read(query, (database_id,)))

    def forget_unsent_operation(self, operation_id: str) -> None:
        """Delete the entry of an unsent operation, after the database has stored that it wasn't sent. No process
        can send it any more."""
        statement = f"DELETE FROM intents WHERE operation_id = ? AND {_UNSENT_ENTRY_CONDITION}"  # noqa: S608  # constants
        self._file.write(statement, (operation_id,), is_durable=False)

    def store_answer(self, operation_id: str, answer: "Answer") -> None:
        """Encrypt an answer that the database could not store, and store it durably.

        If the answer says that the effect has happened or that the provider has accepted it, also mark in the spool
        that the operation holds its claim. This mark is set even if people have decided before that the operation had
        no effect. Raises ConsoleError `bad_profile` if the spool has no cipher, `internal_error` if the operation has
        no intent.
        """
        from console.store.spool import answer_codec as answers

        if self._cipher is None:
            raise ConsoleError(
                ErrorCode.BAD_PROFILE,
                {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": SettingProblem.STORE_KEY_MISSING},
            )
        encrypted_answer = self._cipher.encrypt(answers.encode_answer(answer).encode())
        id_at_provider = answer.content.credit_check_id if isinstance(answer.content, CheckReport) else None
        stored_count = self._file.write(
            _STORE_ANSWER_SQL,
            (encrypted_answer, id_at_provider, answer.kind in OUTCOME_CLASSES_WITH_EFFECT, operation_id),
            is_durable=True,
        )
        if not stored_count:
            facts: InternalErrorDetail = {
                "problem": InternalErrorProblem.ANSWER_WITHOUT_INTENT,
                "operation_id": operation_id,
            }
            raise ConsoleError(ErrorCode.INTERNAL_ERROR, facts)

    def mark_ended(self, operation_id: str, *, holds_claim: bool, id_at_provider: int | None = None) -> None:
        """Mark an operation as ended, after the database has stored its final state. `holds_claim`: the operation
        still has its claim. `id_at_provider` is the id that the provider gave to the record; None leaves the stored
        id unchanged. If the operation was never sent, its entry is deleted instead.

        The write isn't synced to the disk, because after a power cut the database still has the final state.
        """
        if not self._file.write(_MARK_ENDED_SQL, (id_at_provider, holds_claim, operation_id), is_durable=False):
            self.forget_unsent_operation(operation_id)

    def give_up_claim(self, entry: SpoolEntry) -> None:
        """Mark an operation as ended without its claim, durably, after people have decided that it had no effect. If
        an answer has come since `entry` was read, nothing is changed."""
        values_as_read = (entry.intent.operation_id, entry.state.value, entry.has_answer, entry.id_at_provider)
        self._file.write(_GIVE_UP_CLAIM_SQL, values_as_read, is_durable=True)

    def mark_delivered(self, operation_id: str) -> None:
        """Mark the answer of an operation as stored in the database. The write isn't synced to the disk: if a
        power cut undoes it, the answer is delivered again, which changes nothing."""
        statement = "UPDATE intents SET delivered = 1 WHERE operation_id = ?"
        self._file.write(statement, (operation_id,), is_durable=False)

    def list_purchases_holding_claim(
        self, database_id: str, client_id: str | None, corporation_number: str
    ) -> tuple[Intent, ...]:
        """Return this desk's purchases, in the database with the id `database_id`, for this client (None: any client)
        and corporation number that still have their claim according to this spool, oldest first."""
        condition, values = "database_id = ? AND corporation_number = ?", [database_id, corporation_number]
        if client_id is not None:
            condition, values = f"{condition} AND client_id = ?", [*values, client_id]
        return tuple(entry.intent for entry in self._read_entries(f"{condition} AND holds_claim", values))

    def list_refunds_holding_amount(self, database_id: str, payment_id: int) -> tuple[Intent, ...]:
        """Return this desk's refunds of a payment of the database with the id `database_id` that still have their
        claim on a part of the payment according to this spool, oldest first."""
        sent_entries = self._read_entries(
            "database_id = ? AND payment_id = ? AND holds_claim", (database_id, payment_id)
        )
        return tuple(entry.intent for entry in sent_entries)

    def list_starts_holding_claim(self, database_id: str, keys: StartKeys) -> tuple[Intent, ...]:
        """Return this desk's starts of payments that the provider may have accepted according to this spool and that
        match `keys`, oldest first. A start matches if its `provider_key` equals `keys.first_key` or begins with
        `keys.later_key_prefix`, or if it has the fingerprint of `keys`."""
        later_end = keys.later_key_prefix[:-1] + chr(ord(keys.later_key_prefix[-1]) + 1)
        sent_entries = self._read_entries(
            _STARTS_BY_KEYS_CONDITION,
            (
                database_id,
                keys.fingerprint,
                database_id,
                keys.first_key,
                database_id,
                keys.later_key_prefix,
                later_end,
            ),
        )
        return tuple(entry.intent for entry in sent_entries)

    def find(self, operation_id: str) -> SpoolEntry | None:
        """Return the entry of an operation that was sent or may have been sent; None if there is none, or if the
        operation wasn't sent."""
        return next(iter(self._read_entries("operation_id = ?", (operation_id,))), None)

    def list_undelivered_entries(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Return the entries of the database with this id that have an answer which the database hasn't stored yet,
        oldest first."""
        return self._read_entries("database_id = ? AND answer IS NOT NULL AND NOT delivered", (database_id,))

    def list_unended_entries(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Return the entries of the database with this id whose operations were or may have been sent and aren't
        marked as ended, oldest first. Their number stays small."""
        return self._read_entries("database_id = ? AND state <> 'ended'", (database_id,))

    def read_entries(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Return the entries of all operations that this desk has sent or may have sent for the database with this
        id, oldest first. There is no limit of age, so the number of entries grows with the age of the desk."""
        return self._read_entries("database_id = ?", (database_id,))

    def store_anchors(self, database_id: str, heads: Sequence[ChainHead]) -> None:
        """Store the committed rows `heads` of the audit trail of the database with this id as anchors. A stored
        anchor never changes. The write isn't synced to the disk."""
        self._file.write_all(
            "INSERT OR IGNORE INTO anchors(database_id, chain, seq, row_id, hash) VALUES (?,?,?,?,?)",
            [(database_id, head.chain, head.seq, head.row_id, head.hash) for head in heads],
            is_durable=False,
        )

    def iterate_anchors(self, database_id: str) -> Iterator[ChainHead]:
        """Yield every anchor of the database with this id, sorted by chain and position."""
        rows = self._file.stream_rows(
            "SELECT chain, seq, row_id, hash FROM anchors WHERE database_id = ? ORDER BY chain, seq, row_id",
            (database_id,),
        )
        for chain, seq, row_id, digest in rows:
            yield ChainHead(str(chain), _require_int(seq), _require_int(row_id), str(digest))

    def list_anchors_at(self, database_id: str, chain: str, seq: int) -> tuple[ChainHead, ...]:
        """Return the anchors at this position (`seq`) of a chain of the database with the id `database_id`. There are
        several if this desk has seen different rows at this position, and none if it has seen no row."""
        rows = self._file.read(
            "SELECT row_id, hash FROM anchors WHERE database_id = ? AND chain = ? AND seq = ? ORDER BY row_id",
            (database_id, chain, seq),
        )
        return tuple(ChainHead(chain, seq, _require_int(row_id), str(digest)) for row_id, digest in rows)

    # Anchors with the highest row ids: they show which audit rows the database had when this desk last used it

    def list_newest_anchors(
        self, database_id: str, limit: int, below_row_id: int | None = None
    ) -> tuple[ChainHead, ...]:
        """Return at most `limit` anchors of the database with this id that aren't given up, the highest row ids
        first. With `below_row_id`, return only anchors with smaller row ids."""
        rows = self._file.read(
            "SELECT chain, seq, row_id, hash FROM anchors WHERE database_id = ? AND NOT given_up AND row_id < ?"
            " ORDER BY row_id DESC LIMIT ?",
            (database_id, _LARGEST_ROW_ID if below_row_id is None else below_row_id, limit),
        )
        return tuple(
            ChainHead(str(chain), _require_int(seq), _require_int(row_id), str(digest))
            for chain, seq, row_id, digest in rows
        )

    def give_up_anchors(self, database_id: str, heads: Sequence[ChainHead]) -> None:
        """Mark anchors as given up, durably: a person has confirmed that the database lost these audit rows. From
        then on the rows are no longer reported as missing. The spool still stores these anchors."""
        self._file.write_all(
            "UPDATE anchors SET given_up = 1 WHERE database_id = ? AND chain = ? AND seq = ? AND row_id = ?",
            [(database_id, head.chain, head.seq, head.row_id) for head in heads],
            is_durable=True,
        )

    # Desk requests whose answer hasn't come

    def store_own_request(self, desk_request_id: str, database_id: str) -> None:
        """Store the id of a desk request that this desk sends to a worker. If more than MAX_OWN_REQUESTS ids are
        stored then, the lowest are deleted: an id begins with its time, so these are the earliest requests. No id is
        deleted only because of its age, because this desk's clock may have been wrong. The writes aren't synced to
        the disk: they survive the end of the process, but not a power cut.
        """
        self._file.write(
            "INSERT OR IGNORE INTO asked_requests VALUES (?, ?)", (desk_request_id, database_id), is_durable=False
        )
        self._file.write(
            "DELETE FROM asked_requests WHERE id <="
            " (SELECT id FROM asked_requests ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (MAX_OWN_REQUESTS,),
            is_durable=False,
        )

    def forget_own_request(self, desk_request_id: str) -> None:
        """Delete the id of a desk request after this desk has received its answer."""
        self._file.write("DELETE FROM asked_requests WHERE id = ?", (desk_request_id,), is_durable=False)

    def list_own_requests(self, database_id: str) -> frozenset[str]:
        """Return the ids of this desk's requests in the database with the id `database_id` whose answer no process of
        this desk has received yet."""
        rows = self._file.read("SELECT id FROM asked_requests WHERE database_id = ?", (database_id,))
        return frozenset(str(id) for (id,) in rows)

    def read_value(self, name: str) -> str | None:
        """Return the value that this desk stored under `name`; None if there is none."""
        rows = self._file.read("SELECT value FROM desk WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def read_values(self, names: Sequence[str]) -> tuple[str | None, ...]:
        """Return the values that this desk stored under `names`, in their order; None for each name without a value.
        One query reads all of them, so they belong to the same moment."""
        places = ",".join("?" * len(names))
        rows = self._file.read(f"SELECT name, value FROM desk WHERE name IN ({places})", names)  # noqa: S608  # places
        value_by_name = {name: str(value) for name, value in rows}
        return tuple(map(value_by_name.get, names))

    def store_value(self, name: str, value: str, *, is_durable: bool = False) -> None:
        """Store `value` under `name`; an older value is replaced. With `is_durable`, the value is on the disk when
        this method returns."""
        self._file.write(_STORE_VALUE_SQL, (name, value), is_durable=is_durable)

    @property
    def file_exists(self) -> bool:
        """True if the spool's file exists. Reading this property doesn't create the file."""
        return self._file.path.exists()

    def close(self) -> None:
        """Close the connections to the spool's file."""
        self._file.close()

    def _read_entries(self, condition_sql: str, values: Sequence[SqliteValue]) -> tuple[SpoolEntry, ...]:
        sent_condition_sql = f"{condition_sql} AND NOT {_UNSENT_ENTRY_CONDITION}"
        sent_query = f"{_SPOOL_ENTRIES_QUERY} WHERE {sent_condition_sql} ORDER BY at, operation_id"
        rows = self._file.read(sent_query, values)
        return tuple(self._make_entry(row) for row in rows)

    def _make_entry(self, row: tuple[Any, ...]) -> SpoolEntry:
        columns = (*row[:8], datetime.fromisoformat(row[8]), *row[9:13])
        state, holds_claim, id_at_provider, answer, delivered_at = row[13:]
        return SpoolEntry(
            intent=Intent(*columns),
            state=SpoolState(state),
            holds_claim=bool(holds_claim),
            id_at_provider=id_at_provider,
            answer=self._decrypt_answer(answer),
            has_answer=answer is not None,
            is_delivered=bool(delivered_at),
        )

    def _decrypt_answer(self, encrypted_answer: bytes | None) -> "Answer | None":
        if encrypted_answer is None or self._cipher is None:
            return None
        from console.store.spool import answer_codec as answers

        try:
            return answers.decode_answer(self._cipher.decrypt(encrypted_answer))
        except (DecryptionFailed, ValueError):
            return None


def _require_int(value: SqliteValue) -> int:
    if not isinstance(value, int):
        raise ConsoleError(
            ErrorCode.BAD_PROFILE, {"file": SPOOL_FILE_NAME, "problem": SettingProblem.DESK_FILE_DAMAGED}
        )
    return value
