"""End sessions of people that hold others up, on each node of the server; and prepared transactions that do so."""

import logging

from console.domain.audit_actions import AuditAction
from console.services.process.context import WORKER, ServiceContext, act_as
from console.store.access import lock_holders
from console.store.access.lock_holders import EndedSession
from console.store.database.engine import Database

MOST_ENDED = 100
"""Largest number of sessions that one pass ends on a node."""
_log = logging.getLogger("console.worker")


class LockWatch:
    """Looks for sessions that hold others up, for a worker. Keeps one connection to each node."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._nodes = [_Node(database) for database in _databases(context.database)]

    def end_holders(self) -> int:
        """End all sessions that hold others up now. Return how many. The trail names their accounts.

        Raises not_allowed if the schema account or this one lacks a right.
        """
        ended = [one for node in self._nodes for one in node.end_holders(self._context.clock.monotonic())]
        for account, reason in sorted({(one.account, one.reason) for one in ended}):
            _log.info("a session of %s that held others up was ended: %s", account or "nobody", reason)
            facts = {"account": account, "reason": reason}
            with act_as(WORKER):
                self._context.write(
                    lambda tx, facts=facts: self._context.record_audit(  # type: ignore[misc]  # a bound value
                        tx, AuditAction.LOCK_HOLDER_ENDED, None, facts, kind="session"
                    )
                )
        return len(ended)

    def close(self) -> None:
        """Close the connections."""
        for node in self._nodes:
            node.database.close()


class _Node:
    """One server. `_seen` has the prepared transactions of an earlier pass, and when each was seen first."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._seen: dict[str, float] = {}

    def end_holders(self, now: float) -> list[EndedSession]:
        """End sessions, and prepared transactions if one of them holds others up."""
        ended: list[EndedSession] = []
        with self.database.read() as conn:
            for _ in range(MOST_ENDED):
                found = lock_holders.end_next_session(conn)
                if found is None:
                    self._seen.clear()
                    break
                if found.reason == lock_holders.PREPARED:
                    ids = lock_holders.prepared_transactions(conn)
                    self._seen = {id: self._seen.get(id, now) for id in ids}
                    old = [id for id, since in self._seen.items() if now - since >= lock_holders.BLOCKING_SECONDS]
                    ended += [found for id in old if lock_holders.roll_back(conn, id)]
                    break
                ended.append(found)
        return ended


def _databases(database: Database) -> list[Database]:
    """Return a database for each node: locks are a node's own."""
    if database.server is None:
        return []
    plain = database.url.difference_update_query(["fallback"])
    return [
        Database(plain.set(host=host, port=port).render_as_string(hide_password=False))
        for host, port in database.server.nodes
    ]
