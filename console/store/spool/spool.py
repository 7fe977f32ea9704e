"""The desk's spool: what this desk knows even if the database forgets.

The intent before each call that costs money, the answer that the database could not take, and the heads
of the audit chains. One file, `desk.db`, shared by all processes of the desk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from console.domain.errors import ConsoleError
from console.domain.records import CheckReport
from console.store.cipher import Cipher, SealBroken
from console.store.desk_db import DeskFile, Value

if TYPE_CHECKING:  # whoever only looks has no answers to keep
    from console.store.answers import Answer

FILE_NAME = "desk.db"

ADDED = (
    "ALTER TABLE intents ADD COLUMN payment_id INTEGER",
    "ALTER TABLE intents ADD COLUMN provider_key TEXT",
    "ALTER TABLE intents ADD COLUMN amount_minor INTEGER",
    "CREATE INDEX intents_refunds ON intents(database_id, payment_id) WHERE payment_id IS NOT NULL",
)
"""What refunds brought: a file of the first form gets it in place, and is as good as a new one."""
_TABLES = (
    "CREATE TABLE desk(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE intents(
        operation_id TEXT PRIMARY KEY, database_id TEXT NOT NULL, action TEXT NOT NULL,
        client_id TEXT, corporation_number TEXT, record_id INTEGER, operator TEXT NOT NULL,
        desk_id TEXT NOT NULL, at TEXT NOT NULL, fingerprint TEXT NOT NULL,
        state TEXT NOT NULL, holds_claim INTEGER NOT NULL, provider_id INTEGER,
        answer BLOB, delivered INTEGER NOT NULL DEFAULT 0)""",
    *ADDED,
    "CREATE INDEX intents_claim ON intents(database_id, corporation_number, client_id) WHERE holds_claim",
    "CREATE INDEX intents_open ON intents(database_id, at) WHERE state <> 'ended'",
    "CREATE INDEX intents_undelivered ON intents(database_id, at) WHERE answer IS NOT NULL AND NOT delivered",
    """CREATE TABLE anchors(
        database_id TEXT NOT NULL, chain TEXT NOT NULL, seq INTEGER NOT NULL, row_id INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY(database_id, chain, seq, row_id)) WITHOUT ROWID""",
)
_INTENT = (
    "operation_id, database_id, action, client_id, corporation_number, record_id, operator, desk_id, at,"
    " fingerprint, payment_id, provider_key, amount_minor"
)
# S608: both are put together from constants only.
_ENTRY = f"SELECT {_INTENT}, state, holds_claim, provider_id, answer, delivered FROM intents"  # noqa: S608
_ADD = f"INSERT INTO intents({_INTENT}, state, holds_claim) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,'calling',?)"  # noqa: S608
_DESK_ID = "SELECT value FROM desk WHERE name = 'desk_id'"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be asked of a provider. With a client and a number it claims that pair, with a payment what
    is left of it: `payment_id`, `provider_key` and `amount_minor` are those of a refund.

    `record_id` is the row that tx1 committed, `at` an aware instant, `fingerprint` the request's hash.
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


class SpoolState(StrEnum):
    """How far the desk knows the operation went."""

    CALLING = "calling"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """An intent and what became of it. A `sealed` one without `answer`: the key at hand doesn't open it."""

    intent: Intent
    state: SpoolState
    holds_claim: bool
    provider_id: int | None
    answer: "Answer | None"
    sealed: bool
    delivered: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A row of the audit trail as it was when it was committed: chain, place in it, row id, hash (hex)."""

    chain: str
    seq: int
    row_id: int
    hash: str


class Spool:
    """The desk's memory. Safe from any thread and any number of processes; what it returned for is not lost.

    Nothing is opened before the first call. Every method raises ConsoleError: `storage_full` when the file
    can't be written, `bad_profile` when it is damaged, not ours or gone, `database_locked` after 30 s.
    """

    def __init__(self, home: Path, cipher: Cipher | None) -> None:
        self._file = DeskFile(home / FILE_NAME, _TABLES, ADDED)
        self._cipher = cipher

    def unlock(self, cipher: Cipher) -> None:
        """From now on answers can be sealed and opened: the key is known only once it is needed."""
        self._cipher = cipher

    @cached_property
    def desk_id(self) -> str:
        """The random id of this desk, made once, whoever comes first."""
        if not self._file.read(_DESK_ID):
            made = str(uuid4())
            self._file.write("INSERT OR IGNORE INTO desk VALUES ('desk_id', ?)", (made,), durable=True)
        return str(self._file.read(_DESK_ID)[0][0])

    def intent(self, intent: Intent) -> None:
        """Remember, on the disk, that this is about to be sent. Costs one fdatasync."""
        at = intent.at.isoformat(timespec="microseconds")
        pair = intent.client_id is not None and intent.corporation_number is not None
        claims = pair or intent.payment_id is not None
        self._file.write(
            _ADD,
            (
                intent.operation_id,
                intent.database_id,
                intent.action,
                intent.client_id,
                intent.corporation_number,
                intent.record_id,
                intent.operator,
                intent.desk_id,
                at,
                intent.fingerprint,
                intent.payment_id,
                intent.provider_key,
                intent.amount_minor,
                claims,
            ),
            durable=True,
        )

    def answered(self, operation_id: str, answer: "Answer") -> None:
        """Keep, encrypted and on the disk, an answer that the database could not take."""
        from console.store import answers

        if self._cipher is None:
            raise ConsoleError(
                "bad_profile", {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": "store_key_missing"}
            )
        sealed = self._cipher.seal(answers.to_json(answer).encode())
        provider_id = answer.found.credit_check_id if isinstance(answer.found, CheckReport) else None
        kept = self._file.write(
            "UPDATE intents SET state = 'answered', answer = ?, delivered = 0,"
            " provider_id = COALESCE(?, provider_id) WHERE operation_id = ?",
            (sealed, provider_id, operation_id),
            durable=True,
        )
        if not kept:
            facts = {"problem": "answer_without_intent", "operation_id": operation_id}
            raise ConsoleError("internal_error", facts)

    def ended(self, operation_id: str, *, holds_claim: bool, provider_id: int | None = None) -> None:
        """The database has the end. Not synced: what a power cut forgets, the database still knows."""
        self._file.write(
            "UPDATE intents SET state = 'ended', provider_id = COALESCE(?, provider_id), holds_claim ="
            " (? AND (client_id IS NOT NULL AND corporation_number IS NOT NULL OR payment_id IS NOT NULL))"
            " WHERE operation_id = ?",
            (provider_id, holds_claim, operation_id),
            durable=False,
        )

    def delivered(self, operation_id: str) -> None:
        """The database has taken the answer. Not synced: delivering twice must be harmless anyway."""
        mark = "UPDATE intents SET delivered = 1 WHERE operation_id = ?"
        self._file.write(mark, (operation_id,), durable=False)

    def standing(self, database_id: str, client_id: str, corporation_number: str) -> tuple[Intent, ...]:
        """Intents whose claim on the pair still holds as far as this desk knows, oldest first."""
        return tuple(
            entry.intent
            for entry in self._entries(
                "database_id = ? AND corporation_number = ? AND client_id = ? AND holds_claim",
                (database_id, corporation_number, client_id),
            )
        )

    def standing_refunds(self, database_id: str, payment_id: int) -> tuple[Intent, ...]:
        """Refunds of a payment that this desk sent and does not know to have come to nothing, oldest first."""
        sent = self._entries("database_id = ? AND payment_id = ? AND holds_claim", (database_id, payment_id))
        return tuple(entry.intent for entry in sent)

    def find(self, operation_id: str) -> SpoolEntry | None:
        return next(iter(self._entries("operation_id = ?", (operation_id,))), None)

    def undelivered(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Answers that the database has not taken yet, oldest first."""
        return self._entries("database_id = ? AND answer IS NOT NULL AND NOT delivered", (database_id,))

    def unended(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """Operations whose end this desk has not seen, oldest first: few, whatever the desk's age."""
        return self._entries("database_id = ? AND state <> 'ended'", (database_id,))

    def entries(self, database_id: str) -> tuple[SpoolEntry, ...]:
        """All that this desk ever began on that database, oldest first: grows with the desk's age."""
        return self._entries("database_id = ?", (database_id,))

    def anchor(self, database_id: str, heads: Sequence[Head]) -> None:
        """Remember audit rows as they were committed. What is anchored once stays. Not synced."""
        self._file.write_all(
            "INSERT OR IGNORE INTO anchors VALUES (?,?,?,?,?)",
            [(database_id, head.chain, head.seq, head.row_id, head.hash) for head in heads],
            durable=False,
        )

    def anchored(self, database_id: str) -> Iterator[Head]:
        """Every anchor of that database, in the order in which the verifier walks the chains."""
        rows = self._file.stream(
            "SELECT chain, seq, row_id, hash FROM anchors WHERE database_id = ? ORDER BY chain, seq, row_id",
            (database_id,),
        )
        for chain, seq, row_id, digest in rows:
            yield Head(str(chain), _int(seq), _int(row_id), str(digest))

    def anchor_of(self, database_id: str, chain: str, seq: int) -> tuple[Head, ...]:
        """What this desk saw committed at that place of a chain: nothing, or one row."""
        found = self._file.read(
            "SELECT row_id, hash FROM anchors WHERE database_id = ? AND chain = ? AND seq = ? ORDER BY row_id",
            (database_id, chain, seq),
        )
        return tuple(Head(chain, seq, _int(row_id), str(digest)) for row_id, digest in found)

    def close(self) -> None:
        self._file.close()

    def _entries(self, where: str, values: Sequence[Value]) -> tuple[SpoolEntry, ...]:
        found = self._file.read(f"{_ENTRY} WHERE {where} ORDER BY at, operation_id", values)
        return tuple(self._entry(row) for row in found)

    def _entry(self, row: tuple[Any, ...]) -> SpoolEntry:
        told = (*row[:8], datetime.fromisoformat(row[8]), *row[9:13])
        state, holds_claim, provider_id, answer, delivered = row[13:]
        return SpoolEntry(
            intent=Intent(*told),
            state=SpoolState(state),
            holds_claim=bool(holds_claim),
            provider_id=provider_id,
            answer=self._opened(answer),
            sealed=answer is not None,
            delivered=bool(delivered),
        )

    def _opened(self, sealed: bytes | None) -> "Answer | None":
        if sealed is None or self._cipher is None:
            return None
        from console.store import answers

        try:
            return answers.from_json(self._cipher.open(sealed))
        except (SealBroken, ValueError):
            return None


def _int(value: Value) -> int:
    if not isinstance(value, int):
        raise ConsoleError("bad_profile", {"file": FILE_NAME, "problem": "damaged"})
    return value
