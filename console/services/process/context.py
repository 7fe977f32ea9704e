"""What every service stands on: the database, the desk's spool, the clock, and who acts."""

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from console.domain import tracing
from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.permissions import ROLES_FOR, may
from console.domain.records import Person
from console.services.failpoints import Failpoints
from console.services.tally import Tally
from console.services.turns import Turn
from console.settings import Settings
from console.store import migrate, people
from console.store.cipher import Cipher
from console.store.documents import Documents
from console.store.engine import Database, Transaction
from console.store.leases import Holder
from console.store.spool import Head, Spool

if TYPE_CHECKING:
    from console.store.audit import AuditTrail

WORKER = "worker"
KEY_FINGERPRINT = "store_key_fingerprint"
T = TypeVar("T")
_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting(name: str | None) -> Iterator[None]:
    """Who acts in this thread (or task) until the end of the block."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


@dataclass
class Desk:
    """One process at one desk. Services take it whole; nothing in it belongs to one of them."""

    settings: Settings
    database: Database
    database_id: str
    spool: Spool
    documents: Documents
    clock: Clock
    scale: TimeScale
    failpoints: Failpoints
    fit_until: float = float("-inf")
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    host: str = field(default_factory=lambda: socket.gethostname()[:64])
    program: str = "terminal"
    tally: Tally = field(default_factory=Tally)
    _turn: Turn = field(default_factory=Turn, repr=False)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """`database.write` for whoever writes from many threads at once: on a server the threads of a process all
        continue one chain of the trail, so they take turns from their entry in it to COMMIT instead of losing races.
        """
        with self._turn.offered():
            return self.database.write(work)

    @cached_property
    def audit(self) -> "AuditTrail":
        """This process's audit chain."""
        from console.store.audit import AuditTrail

        def anchor(heads: Sequence[Head]) -> None:
            self.spool.anchor(self.database_id, heads)

        def begin(conn: Connection) -> None:
            who = self.database.account or self.settings.operator
            run = (self.session, who, self.spool.desk_id, self.host, os.getpid(), self.program)
            people.begin_session(conn, *run, self.now())

        return AuditTrail(self.session, self.spool.desk_id, self.clock, anchor, begin)

    @cached_property
    def cipher(self) -> Cipher:
        """The key that all desks of this database share; the first one to need it leaves its fingerprint there.

        Raises bad_profile where there is no key, or another one than the database's.
        """
        cipher = Cipher(self.settings.store_key())
        with self.database.read() as conn:
            known = migrate.remembered(conn, KEY_FINGERPRINT)
        if known is None:
            known = self.database.write(lambda tx: migrate.remember(tx.conn, KEY_FINGERPRINT, cipher.fingerprint))
        if known != cipher.fingerprint:
            problem = {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": "other_key"}
            raise ConsoleError("bad_profile", problem)
        self.spool.unlock(cipher)
        return cipher

    @property
    def operator(self) -> str | None:
        """The name under which everything here is done: on a server the connected account, whoever runs the task."""
        return self.database.account or _acting.get() or self.settings.operator

    def now(self) -> datetime:
        return self.clock.now()

    def holder(self) -> Holder:
        """Who takes leases and begins operations here and now."""
        return Holder(self.operator or WORKER, self.spool.desk_id, self.host, os.getpid(), self.session)

    def person(self) -> Person:
        """The person who acts. Raises no_operator when nobody is named, not_allowed when unknown here."""
        name = self.operator
        if name is None:
            raise ConsoleError("no_operator")
        if self._is_the_program:
            return Person(WORKER, frozenset({WORKER}), may_buy=False)
        with self.database.read() as conn:
            return self._known(conn, name)

    @property
    def _is_the_program(self) -> bool:
        """A due task on SQLite: the program says so, never the environment. A server knows only its accounts."""
        return _acting.get() == WORKER and not self.database.is_server

    def _known(self, conn: Connection, name: str) -> Person:
        """Without accounts, and while no operators are kept, anybody holds every role."""
        self._require_own_name(name)
        return _recognised(name, people.find(conn, name, anybody=self.anybody))

    @property
    def anybody(self) -> bool:
        """Whether everybody may come while no operators are kept."""
        return not self.database.is_server

    def _require_own_name(self, name: str) -> None:
        """On a server nobody acts under another name than the account's, not even by the environment."""
        others = {self.settings.operator, _acting.get()} - {None, WORKER, name}
        if self.database.is_server and others:
            raise ConsoleError("not_allowed", {"operator": min(map(str, others)), "reason": "other_account"})

    def reader(self, conn: Connection) -> Person | None:
        """Who looks, within the read that follows. Looking takes no name; a named person needs the right."""
        name = self.looker
        return None if name is None else admitted(name, people.find(conn, name, anybody=self.anybody))

    @property
    def looker(self) -> str | None:
        """Whose right to look is to be asked for; None where looking takes no name."""
        name = self.operator
        if name is None or self._is_the_program:
            return None
        self._require_own_name(name)
        return name

    def require(self, action: str) -> Person:
        """The person who acts, if their roles admit the action; else not_allowed, audited by the caller."""
        person = self.person()
        if not may(person, action):
            reason = "may_not_buy" if person.roles & ROLES_FOR[action] else "role"
            detail = {"operator": person.name, "reason": reason, "needs": sorted(ROLES_FOR[action])}
            raise ConsoleError("not_allowed", detail)
        return person

    def note(
        self, tx: Transaction, what: str, subject_id: int | str | None, detail: Mapping[str, object] | None = None, *,
        kind: str = "credit-check", result: str = "done", reason: str | None = None,
    ) -> None:  # fmt: skip
        """Append to the audit trail inside the caller's transaction, with the correlation id of the work at hand."""
        if self.database.is_server:
            self._turn.take(tx)
        mark = {tracing.CORRELATION: tracing.correlation()} if tracing.correlation() else {}
        facts = {**(detail or {}), **mark}
        self.audit.record(tx, self.operator or WORKER, what, kind, subject_id, result, reason, facts)


def admitted(name: str, person: Person | None) -> Person:
    """Who was found under the name, if they may look; else not_allowed."""
    person = _recognised(name, person)
    if not may(person, "read"):
        detail = {"operator": name, "reason": "role", "needs": sorted(ROLES_FOR["read"])}
        raise ConsoleError("not_allowed", detail)
    return person


def _recognised(name: str, person: Person | None) -> Person:
    if person is None:
        raise ConsoleError("not_allowed", {"operator": name, "reason": "unknown_operator"})
    return person
