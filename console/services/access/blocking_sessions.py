"""End database sessions of people whose locks block other sessions. Also roll back prepared (XA) transactions whose
locks block other sessions. On each node of the database server, one worker at a time does this."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.process.failure_suppression import log_and_suppress
from console.store.access import lock_holders
from console.store.access.lock_holders import EndedSession
from console.store.database.engine import Database, Transaction
from console.store.database.error_codes import is_lock_wait_timeout
from console.store.database.server import avoid_lock_waits
from console.store.database.sqlalchemy_names import DatabaseFailure

MAX_SESSIONS_ENDED_PER_PASS = 100
"""Largest number of sessions that one pass ends on one node."""
FORGET_PREPARED_TRANSACTIONS_AFTER_SECONDS = 10.0
"""If no pass finds a blocking prepared transaction for this time (seconds), the times at which earlier passes found
prepared transactions are forgotten. A write that waits for a lock gives up after some seconds and tries again, and a
pass between the two attempts finds no blocking transaction.
"""
PASSES_BEFORE_REPORT_OF_UNENDED_SESSION = 3
"""Number of consecutive passes that find a blocking session of the same account, which the server was told to end and
has not ended, before the session is reported in the log."""
_AUDIT_ACTION_BY_REASON = {
    lock_holders.SUSPENDED_REASON: AuditAction.LOCK_HOLDER_LOCKED_OUT,
    lock_holders.DISABLED_REASON: AuditAction.OPERATOR_SESSION_ENDED,
    lock_holders.LOCKED_REASON: AuditAction.OPERATOR_LOCKED,
    lock_holders.UNLOCKED_REASON: AuditAction.OPERATOR_UNLOCKED,
}
"""The action of the audit entry by the reason of `EndedSession`; for all other reasons it is
`AuditAction.LOCK_HOLDER_ENDED`."""
_ENDED_LOG_TEXT = "a session of %s that blocked others was ended: %s"
_LOG_TEXT_BY_REASON = {
    lock_holders.DISABLED_REASON: "a session of the disabled person %s was ended: %s",
    lock_holders.LOCKED_REASON: "the database account of the disabled person %s was changed: %s",
    lock_holders.UNLOCKED_REASON: "the database account of the enabled person %s was changed: %s",
}
_log = logging.getLogger("console.worker")


class BlockingSessionEnder:
    """Ends, for a worker, the database sessions of people whose locks block other sessions or that run for too
    long. Has one Database object for each node of the database server."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._nodes = [_ServerNode(database) for database in _open_node_databases(context.database)]
        self._ended_sessions: list[tuple[float, EndedSession]] = []
        """The sessions that were ended in the last `lock_holders.REPEATED_BLOCKING_PERIOD_SECONDS`, each with the
        time (monotonic seconds) of its end. Older sessions are removed at the next pass."""
        self._sessions_to_report: list[EndedSession] = []

    def end_blocking_sessions(self) -> int:
        """End the sessions of people that block other sessions now or have run for too long (see
        `lock_holders.MAX_SESSION_SECONDS`), at most MAX_SESSIONS_ENDED_PER_PASS on each node. Return the number of
        ended sessions and rolled-back prepared transactions. If this number is 0, write the audit entries about the
        sessions that earlier calls have ended. If one node fails, the sessions on the other nodes are still ended,
        and then its error is raised; a node that can't be reached raises no error.

        Raises not_allowed if the account that owns the schema, or the worker's account, lacks a right that it needs
        to end sessions.
        """
        now = self._context.clock.monotonic()
        ended_count = 0
        failures: list[Exception] = []
        for node in self._nodes:
            try:
                for session in node.end_blocking_sessions(now, self._list_repeatedly_blocking_accounts(now)):
                    self._ended_sessions.append((now, session))
                    self._sessions_to_report.append(session)
                    ended_count += 1
            except Exception as failure:  # raised after the other nodes
                if not (isinstance(failure, ConsoleError) and failure.code == ErrorCode.DATABASE_UNREACHABLE):
                    failures.append(failure)
        if failures:
            raise failures[0]
        if not ended_count:
            self._report_ended_sessions()
        return ended_count

    def _report_ended_sessions(self) -> None:
        """Write audit entries about the ended sessions: one entry for each account and each reason for which sessions
        of the account were ended. `end_blocking_sessions` calls this method only after a pass that has ended no
        session; `close` calls it at the end. Earlier, a blocking session may still hold a lock on the audit trail,
        and the write would fail.
        """
        for account, reason in sorted({(session.account, session.reason) for session in self._sessions_to_report}):
            is_locked_out = reason == lock_holders.SUSPENDED_REASON
            action = _AUDIT_ACTION_BY_REASON.get(reason, AuditAction.LOCK_HOLDER_ENDED)
            facts = {"account": account, "reason": reason}
            with act_as(WORKER):
                self._context.write(lambda tx, action=action, facts=facts: self._record_audit(tx, action, facts))  # type: ignore[misc]  # the lambda gets the values of this iteration
            if is_locked_out:
                _log.error(
                    "the database account %s is locked now, because its sessions blocked others repeatedly", account
                )
            _log.info(_LOG_TEXT_BY_REASON.get(reason, _ENDED_LOG_TEXT), account or "nobody", reason)
            self._sessions_to_report = [
                session
                for session in self._sessions_to_report
                if (session.account, session.reason) != (account, reason)
            ]

    def _record_audit(self, tx: Transaction, action: AuditAction, facts: dict[str, str]) -> None:
        """Write one audit entry about ended sessions, with `facts` as its details. Raises database_locked if another
        session holds a lock that the write needs. The write neither waits for the lock (on MySQL longer than a
        second) nor is run again, because only this thread could end that session. The entry is then written after a
        later pass.
        """
        try:
            with avoid_lock_waits(tx.conn):
                self._context.record_audit(tx, action, None, facts, kind="session")
        except DatabaseFailure as error:
            if not is_lock_wait_timeout(error):
                raise
            raise ConsoleError(ErrorCode.DATABASE_LOCKED) from error

    def _list_repeatedly_blocking_accounts(self, now: float) -> frozenset[str]:
        """Return the accounts with at least MAX_BLOCKING_POINTS points. Each session that this object has ended in
        the last REPEATED_BLOCKING_PERIOD_SECONDS gives its account the points that POINTS_BY_REASON has for the
        reason of the end. `now` is in monotonic seconds. (All three constants are in `lock_holders`.)"""
        oldest = now - lock_holders.REPEATED_BLOCKING_PERIOD_SECONDS
        self._ended_sessions = [(at, session) for at, session in self._ended_sessions if at > oldest]
        points = Counter[str]()
        for _, session in self._ended_sessions:
            points[session.account] += lock_holders.POINTS_BY_REASON.get(session.reason, 0)
        return frozenset(account for account, count in points.items() if count >= lock_holders.MAX_BLOCKING_POINTS)

    def close(self) -> None:
        """Write the audit entries that are not written yet (a failure is only logged), and close the connections to
        all nodes of the server."""
        with log_and_suppress("the entries about ended sessions"):
            self._report_ended_sessions()
        for node in self._nodes:
            node.database.close()


class _ServerNode:
    """One node of the database server, on which BlockingSessionEnder ends sessions that block others. A pass is one
    call of `end_blocking_sessions`. `_detection_times` maps the id of each prepared transaction to the time
    (monotonic seconds) at which a pass first found it. `_last_pass_at` is the time of the last pass that found a
    prepared transaction which blocked other sessions.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._detection_times: dict[str, float] = {}
        self._last_pass_at = float("-inf")
        self._unended_account: str | None = None
        """Account of the blocking session that the server had not ended at the time of the last pass; None if there
        was no such session."""
        self._unended_passes = 0
        """Number of consecutive passes that found a blocking session of the account `_unended_account` which the
        server had not ended."""

    def end_blocking_sessions(
        self, now: float, repeatedly_blocking_accounts: frozenset[str]
    ) -> Iterator[EndedSession]:
        """End the sessions of people that block other sessions on this node or have run for too long. If a prepared
        transaction blocks other sessions, roll back each prepared transaction that was first found by a call of this
        method at least MAX_BLOCKING_SECONDS ago. Yield one EndedSession for each ended session and each rolled-back
        transaction. `now` is in monotonic seconds. `repeatedly_blocking_accounts` are the accounts whose sessions
        have blocked other sessions repeatedly (`_list_repeatedly_blocking_accounts`): if a session of such an account
        blocks other sessions again, the account is locked.
        """
        unended_account: str | None = None
        with self.database.read() as conn:
            try:
                lock_holders.set_repeated_blockers(conn, repeatedly_blocking_accounts)
                for _ in range(MAX_SESSIONS_ENDED_PER_PASS):
                    blocking_session = lock_holders.end_next_blocking_session(conn)
                    if blocking_session is None:
                        break
                    if blocking_session.reason == lock_holders.UNENDED_SESSION_REASON:
                        unended_account = blocking_session.account
                        break
                    if blocking_session.reason == lock_holders.PREPARED_TRANSACTION_REASON:
                        transaction_ids = lock_holders.list_prepared_transactions(conn)
                        for id in self._find_overdue_transactions(transaction_ids, now):
                            if lock_holders.roll_back_prepared_transaction(conn, id):
                                yield blocking_session
                        break
                    yield blocking_session
            except Exception:
                conn.invalidate()  # the end of the session lets another worker look, which may have the missing right
                raise
        self._report_unended_session(unended_account)

    def _find_overdue_transactions(self, transaction_ids: Sequence[str], now: float) -> Sequence[str]:
        """Return the ids of the prepared transactions that a pass first found at least MAX_BLOCKING_SECONDS ago.
        `transaction_ids` are all that this pass has found, `now` is its time."""
        known_detection_times = (
            self._detection_times if now - self._last_pass_at <= FORGET_PREPARED_TRANSACTIONS_AFTER_SECONDS else {}
        )
        self._detection_times = {id: known_detection_times.get(id, now) for id in transaction_ids}
        self._last_pass_at = now
        return [id for id, since in self._detection_times.items() if now - since >= lock_holders.MAX_BLOCKING_SECONDS]

    def _report_unended_session(self, account: str | None) -> None:
        """Write one log event if a session of this account blocks other sessions and the server has not ended it. The
        event is written when PASSES_BEFORE_REPORT_OF_UNENDED_SESSION consecutive passes have found a session of the
        account, because a server needs some time to end a session. If `account` is None, because this pass has found
        no such session, the count of consecutive passes begins again.
        """
        is_same = account is not None and account == self._unended_account
        self._unended_passes = self._unended_passes + 1 if is_same else int(account is not None)
        self._unended_account = account
        if self._unended_passes == PASSES_BEFORE_REPORT_OF_UNENDED_SESSION:
            _log.error(
                "a session of %s holds others up, and the server %s does not end it: restart this node",
                account,
                self.database.url.host,
            )


def _open_node_databases(database: Database) -> list[Database]:
    """Return one Database object for each node of the database server, because each node has its own locks; empty
    if the database is an SQLite file."""
    if database.server is None:
        return []
    url_without_fallback = database.url.difference_update_query(["fallback"])
    return [
        Database(url_without_fallback.set(host=host, port=port).render_as_string(hide_password=False))
        for host, port in database.server.nodes
    ]
