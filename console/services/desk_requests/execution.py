"""The part of desk requests that a worker runs: take requests, run their commands in the name of the people whose
desks stored them, and store the answers."""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from console import __version__
from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.records import TakenDeskRequest
from console.domain.desk_requests.rules import (
    ACTIONS_WITH_PASSWORD,
    AUDIT_REQUEST_ACTION,
    PRESENCE_LEASE_NAME,
    PRESENCE_LEASE_SECONDS,
    SILENT_WORKER_SECONDS,
)
from console.domain.error_reasons import InProgressReason, OutcomeUnknownReason, PossibleRepeatReason
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.errors.details import StaleViewDetail
from console.domain.process import interrupts
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.desk_requests.answer_masking import mask_payers_in_answer
from console.services.desk_requests.arguments import read_arguments
from console.services.desk_requests.commands import CommandCall, CommandRunner, DeskRequestFacts, DeskRequestForm
from console.services.desk_requests.locked_requests import LockedRequests
from console.services.desk_requests.own_requests import parse_stored_answer
from console.services.guarded import answer_serialization
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES
from console.services.guarded.request_ids import ActNotAnswered, forbid_acting, watch_for_repeated_request
from console.services.process.context import WORKER, ServiceContext, act_for_requester, require_confirmed_request
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.temporary_files import open_temporary_folder
from console.store.audit.trail import NewAuditEntry
from console.store.database.engine import Transaction
from console.store.desk_requests import presence, requests
from console.store.desk_requests.requested_audit import parse_audit_entry
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess, Lease
from console.store.spool.sqlite_file import translate_errors

MAX_EXECUTIONS_PER_REQUEST = 8
"""Largest number of times that workers take one request to execute it. If each of these workers ended before it
stored an answer, the worker that takes the request next gives it the answer outcome_unknown and does not execute it.
"""
REQUEST_RETRY_SECONDS = 2.0
"""Pause in seconds before a request is tried again, while the call of the earlier worker that had taken it still
counts as running.
"""
_MAX_ANSWER_STORE_ATTEMPTS = 3
"""Largest number of attempts to store an answer that the database refuses."""
_MAX_PRESENT_WORKERS = 16
"""Largest number of presence leases of other workers that one check reads."""
_LONGEST_AUDITED_SUBJECT_CHARACTERS = 40
"""Largest number of characters of a record's id in an audit entry about a refusal."""
_log = logging.getLogger("console.worker")


class _RequestTakenOver(Exception):
    """Raised in a transaction that ends a desk request if another worker has taken the request meanwhile. The
    transaction is rolled back."""


class RequestExecutor:
    """Executes desk requests under the database account of a worker. Several threads and several processes may
    execute requests at the same time. By the name of each command, `commands` has the function that runs the command,
    and `form_by_command` has the required content of its desk requests."""

    def __init__(
        self,
        context: ServiceContext,
        commands: Mapping[str, CommandRunner],
        form_by_command: Mapping[str, DeskRequestForm],
    ) -> None:
        self._context = context
        self._commands, self._form_by_command = commands, form_by_command
        self._presence_lease: Lease | None = None
        self._silent_tokens: frozenset[str] = frozenset()
        self.is_standby = False
        """True while this worker looks for requests less often, because another worker of this account looks for them
        as often as it can."""
        self._progress_steps: dict[str, tuple[TakenDeskRequest, str]] = {}
        self._last_steps: dict[str, str] = {}
        """The last progress step of each desk request that is being executed. It is stored with the answer, because
        the request may end before `store_progress_steps` has stored its step."""
        self._take_mutex = Lock()
        self._locked_requests = LockedRequests(context.clock)
        self._served_people: tuple[str, ...] = ()
        """The people whose requests `_take_next_request` has taken, sorted by the time at which the last request of
        each person was taken.
        """
        self._unexecuted_requests: deque[TakenDeskRequest] = deque()
        """Requests that `take_locked_request` has taken, and that no thread executes yet."""
        self.clock, self.scale = context.clock, context.scale

    def announce_presence(self) -> None:
        """Acquire or renew this worker's presence lease for PRESENCE_LEASE_SECONDS, by which desks see that the
        worker is running. A renewal also releases the desk requests of workers that have ended, so that other workers
        can take these requests.
        """
        context, lease_seconds = self._context, self.scale.scale_lease_seconds(PRESENCE_LEASE_SECONDS)
        lease = self._presence_lease
        if lease is not None and context.write(lambda tx: leases.renew(tx.conn, lease, context.now(), lease_seconds)):
            self._release_requests_of_ended_workers(lease.token, lease_seconds)
            return
        self._silent_tokens, self.is_standby = frozenset(), False
        self._presence_lease = context.write(
            lambda tx: leases.acquire(
                tx, PRESENCE_LEASE_NAME, context.make_holder(), context.now(), lease_seconds, _MAX_PRESENT_WORKERS
            )
        )

    def _release_requests_of_ended_workers(self, own_token: str, presence_seconds: float) -> None:
        """Release the desk requests of ended workers, so that other workers can take these requests. A worker has
        ended if its presence lease was silent (not renewed for SILENT_WORKER_SECONDS) both now and at the previous
        call. Two calls are necessary: a pause of the database makes all workers silent, and each running worker
        renews its lease before the second call.

        `presence_seconds` is the length of a presence lease. This worker becomes a standby, which looks for requests
        less often, if a worker that isn't silent has a token lower than `own_token`.
        """
        context, limit_seconds = self._context, self.scale.scale_lease_seconds(SILENT_WORKER_SECONDS)
        with context.database.read() as conn:
            silent_seconds = presence.read_seconds_since_presence_renewal(conn, presence_seconds)
        silent_tokens = frozenset(token for token, seconds in silent_seconds.items() if seconds > limit_seconds)
        self.is_standby = min(silent_seconds.keys() - silent_tokens, default=own_token) < own_token
        ended_tokens, self._silent_tokens = silent_tokens & self._silent_tokens, silent_tokens
        if ended_tokens:
            own_account = context.make_holder().operator
            context.write(lambda tx: requests.end_leases_of_workers(tx, ended_tokens, own_account))

    def release_presence_lease(self) -> None:
        """Release the desk requests that this worker has taken and not executed. Then release the worker's presence
        lease, so that the desks see that this worker is no longer present."""
        self.release_unexecuted_requests()
        lease = self._presence_lease
        if lease is not None:
            with log_and_suppress("giving a lease up"):
                self._context.write(lambda tx: leases.release(tx.conn, lease))

    def release_unexecuted_requests(self) -> None:
        """Release the desk requests that this worker has taken and not executed, so that other workers can take these
        requests now, and not only after the end of their leases."""
        while True:
            try:
                taken_request = self._unexecuted_requests.popleft()
            except IndexError:  # also if another thread has just released the last one
                return
            self._context.heartbeat.remove_beat(_make_beat_name(taken_request))
            with log_and_suppress("giving a desk request back"):
                self._context.write(partial(_end_lease, taken_request=taken_request))

    def is_any_request_waiting(self) -> bool:
        """True if a desk request waits, or if this worker has taken one for its next free thread. The database reads
        at most one entry of an index."""
        if self._unexecuted_requests:
            return True
        with self._context.database.read() as conn:
            return requests.is_any_request_waiting(conn)

    def count_waiting_requests(self) -> int:
        """Return the number of desk requests that this worker may take now, including requests that it has already
        taken for its next free thread. If no request is open, the database reads one entry of an index."""
        with self._context.database.read() as conn:
            return len(self._unexecuted_requests) + requests.count_takable_requests(conn, self._locked_requests.ids)

    @property
    def has_locked_requests(self) -> bool:
        """True if this worker has found a desk request locked and not yet taken it, so that `take_locked_request` has
        a request to wait for."""
        return bool(self._locked_requests)

    def store_progress_steps(self) -> None:
        """Store the latest progress step of each desk request whose command has reported a step since the last call.
        Only one thread calls this method, so that the steps keep their order. A step of a request that another
        transaction locks is left out: a wait would delay the requests of other people."""
        while self._progress_steps:
            _, (taken_request, step) = self._progress_steps.popitem()
            with log_and_suppress("progress of a desk request"), suppress(requests.RequestLocked):
                self._context.write(partial(_write_progress_step, taken_request=taken_request, step=step))

    def execute_next(self, *, only_first_of_person: bool = False) -> bool:
        """Take the next desk request and execute it. If the request is locked, only remember it for
        `take_locked_request`. Return True, or False if no request can be taken now, or if a signal asks this process
        to end before the command has started. With `only_first_of_person`, take no request of a person for whom a
        worker is executing another request."""
        try:
            taken_request = self._take_next_request(only_first_of_person=only_first_of_person)
        except requests.RequestLocked as locked:
            self._locked_requests.add(locked.request_id, locked.person)
            return True
        if taken_request is None:
            return False
        self._add_lease_beat(taken_request)
        try:
            if (
                taken_request.action == AUDIT_REQUEST_ACTION
                and taken_request.fencing_token <= MAX_EXECUTIONS_PER_REQUEST
            ):
                self._write_requested_audit_entry(taken_request)
                return True
            with interrupts.defer_signals():  # the answer is stored before the end of this process
                return self._execute_request(taken_request)
        finally:
            self._last_steps.pop(taken_request.id, None)
            self._context.heartbeat.remove_beat(_make_beat_name(taken_request))

    def _take_next_request(self, *, only_first_of_person: bool) -> TakenDeskRequest | None:
        """Take the next desk request, or return a request that `take_locked_request` has already taken; None if no
        request can be taken. With `only_first_of_person`, take no request of a person for whom a worker is executing
        another request. Only one thread of this process takes a request at a time; otherwise a second thread would
        find the request, which the first thread is taking, locked. Raises RequestLocked if the request is locked by
        another session.
        """
        if not only_first_of_person:
            with suppress(IndexError):
                return self._unexecuted_requests.popleft()
        with self._take_mutex:
            locked_ids, served_people = self._locked_requests.ids, self._served_people
            taken_request = self._context.write(
                lambda tx: requests.take_next_request(
                    tx,
                    self._make_holder(),
                    self._context.heartbeat.scale_lease_seconds,
                    locked_ids,
                    served_people,
                    only_first_of_person=only_first_of_person,
                )
            )
            if taken_request is not None:
                person = taken_request.person
                self._served_people = (*(name for name in served_people if name != person), person)
            return taken_request

    def take_locked_request(self) -> bool:
        """Take one of the desk requests that were found locked: wait for the request's locks, so that
        `BlockingSessionEnder` finds the session that holds them. A thread that calls `execute_next` then executes the
        taken request. Return True, also if the request could no longer be taken after the wait, for example because
        it was withdrawn. Return False if no request is locked, or if the request is still locked after the wait. Only
        one thread may call this method."""
        next_locked = self._locked_requests.choose_next_id()
        if next_locked is None:
            return False
        try:
            taken_request = self._context.write(
                lambda tx: requests.take_locked_request(
                    tx, self._make_holder(), self._context.heartbeat.scale_lease_seconds, next_locked
                )
            )
        except requests.RecordIsBusy:
            taken_request = None
        except ConsoleError as refusal:
            if refusal.code == ErrorCode.DATABASE_LOCKED:
                return False
            raise
        if taken_request is not None:
            self._add_lease_beat(taken_request)
            self._unexecuted_requests.append(taken_request)
        self._locked_requests.remove(next_locked)
        return True

    def _add_lease_beat(self, taken_request: TakenDeskRequest) -> None:
        """Add a beat to this process's heartbeat: the heartbeat renews the lease of the taken desk request until the
        caller removes the beat."""

        def renew_lease() -> None:
            self._renew_desk_request_lease(taken_request)

        self._context.heartbeat.add_beat(_make_beat_name(taken_request), renew_lease)

    def _execute_request(self, taken_request: TakenDeskRequest) -> bool:
        """Execute a desk request and store its answer. If workers have already taken the request
        MAX_EXECUTIONS_PER_REQUEST times, its command is not run again (`_answer_given_up_request`). If the time limit
        of the request has passed (`is_late`), its command is not begun: the request gets the answer of an earlier
        worker, or is marked as lapsed if no worker has begun its command. If a signal asks this process to end before
        the command has started, release the request, so that another worker can take it immediately, and return
        False. Otherwise return True."""
        try:
            if taken_request.fencing_token > MAX_EXECUTIONS_PER_REQUEST:
                answer = self._answer_given_up_request(taken_request)
            elif taken_request.is_late:
                with forbid_acting():
                    answer = self._make_answer(taken_request)
            else:
                answer = self._make_answer(taken_request)
        except interrupts.InterruptedBeforeAction:
            self._context.write(lambda tx: requests.end_lease(tx.conn, taken_request))
            return False
        except ActNotAnswered:
            if self._context.write(lambda tx: requests.mark_taken_request_lapsed(tx, taken_request)):
                return True
            answer = _serialize_answer(CallAnswer(error=_make_unknown_answer_error()))
        self._store_answer(taken_request, answer)
        return True

    def _make_holder(self) -> HoldingProcess:
        """Return this worker as the holder of the leases under which it executes desk requests. The holder's
        session is the token of the worker's presence lease, so that other workers can find the requests of a
        worker that has ended.
        """
        holder, lease = self._context.make_holder(), self._presence_lease
        return holder if lease is None else replace(holder, session_id=lease.token)

    def _store_answer(self, taken_request: TakenDeskRequest, text: str) -> None:
        """Store `text`, the answer as JSON, with the last progress step, and end the desk request. If the database
        refuses the answer _MAX_ANSWER_STORE_ATTEMPTS times, store the answer without its values, so that no other
        worker executes the request again. If the database can't be reached, raise the error of the database: the next
        worker that takes the request finds the same answer under the request id.
        """
        last_step = self._last_steps.get(taken_request.id)
        refusal: Exception
        for _ in range(_MAX_ANSWER_STORE_ATTEMPTS):
            try:
                self._context.write(lambda tx: requests.store_answer(tx, taken_request, text, last_step))
            except Exception as error:
                if isinstance(error, ConsoleError) and error.code in OWN_FAILURE_ERROR_CODES:
                    raise
                refusal = error
            else:
                return
        _log.error("desk request %s: its answer can't be stored", taken_request.id, exc_info=refusal)
        self._context.write(lambda tx: requests.store_answer(tx, taken_request, _make_answer_without_values(text)))

    def _answer_given_up_request(self, taken_request: TakenDeskRequest) -> str:
        """Write an audit entry, and return the answer outcome_unknown as JSON, for a desk request that workers have
        taken MAX_EXECUTIONS_PER_REQUEST times without storing an answer. The request possibly crashes the process of
        each worker, and its effect is not known."""
        _log.error(
            "desk request %s is given up: %d executions did not end",
            taken_request.id,
            taken_request.fencing_token - 1,
        )
        facts = {
            "action": taken_request.action,
            "request": taken_request.id,
            "worker": self._context.database.account_name,
            "executions": taken_request.fencing_token - 1,
        }
        entry = NewAuditEntry(taken_request.person, AuditAction.REQUEST_GIVEN_UP, result="failed", detail=facts)
        entries = (entry, self._make_entry_of_worker(taken_request, entry))
        self._write_first_accepted_entry(taken_request, entries, ends_request=False)
        return _serialize_answer(CallAnswer(error=_make_unknown_answer_error()))

    def _make_entry_of_worker(self, taken_request: TakenDeskRequest, entry: NewAuditEntry) -> NewAuditEntry:
        """Return the audit entry in the worker's own name, with the person of the desk request as a fact. It is the
        last resort if the database refuses the entry in the person's name."""
        own_name = self._context.database.account_name or WORKER
        return replace(entry, person=own_name, detail={**entry.detail, "person": taken_request.person})

    def _write_first_accepted_entry(
        self, taken_request: TakenDeskRequest, entries: Iterable[NewAuditEntry], *, ends_request: bool
    ) -> None:
        """Write the first of the audit entries that the database accepts; with `ends_request`, also end the desk
        request in the same transaction. If the database refuses all of them, only the log says so."""
        any(self._try_to_write_entry(taken_request, entry, ends_request=ends_request) for entry in entries)

    def _try_to_write_entry(
        self, taken_request: TakenDeskRequest, entry: NewAuditEntry, *, ends_request: bool
    ) -> bool:
        """Write the audit entry, and return True, or False if the database refuses the entry. With `ends_request`,
        also end the desk request in the same transaction; if another worker has taken the request meanwhile, write
        nothing and return True, because that worker writes the entry. An entry in the person's name is written as
        part of the desk request, an entry in the worker's own name as an act of the worker.
        """

        def write_entry(tx: Transaction) -> None:
            self._context.audit.record_all(tx, (entry,))
            if ends_request and not requests.store_answer(tx, taken_request, ""):
                raise _RequestTakenOver

        is_own_entry = entry.person == self._context.database.account_name
        try:
            with act_for_requester(None if is_own_entry else taken_request):
                self._context.write(write_entry)
        except _RequestTakenOver:
            return True
        except Exception as refusal:
            if isinstance(refusal, ConsoleError) and refusal.code in OWN_FAILURE_ERROR_CODES:
                raise
            if ends_request and not self._renew_desk_request_lease(taken_request):
                return True
            _log.warning("desk request %s: its audit entry can't be written", taken_request.id, exc_info=True)
            return False
        return True

    def _write_requested_audit_entry(self, taken_request: TakenDeskRequest) -> None:
        """Write the audit entry that a desk request contains, in the name of its person, and end the request in the
        same transaction. If the entry is malformed or the database refuses the entry, write an entry about an
        unreadable request instead; if the database refuses every entry in the person's name, write this entry in the
        worker's own name, with the person as a fact.
        """
        unreadable_entry = NewAuditEntry(taken_request.person, AuditAction.REQUEST_UNREADABLE, result="refused")
        try:
            entry = parse_audit_entry(taken_request.person, taken_request.arguments_json)
        except ValueError:
            entry = unreadable_entry

        facts = {"request": taken_request.id, "worker": self._context.database.account_name}
        entries = (entry, unreadable_entry, self._make_entry_of_worker(taken_request, unreadable_entry))
        self._write_first_accepted_entry(
            taken_request, (replace(each, detail={**each.detail, **facts}) for each in entries), ends_request=True
        )

    def _renew_desk_request_lease(self, taken_request: TakenDeskRequest) -> bool:
        """Renew the lease of a taken desk request (see `requests.renew_lease`)."""
        return self._context.write(
            lambda tx: requests.renew_lease(tx.conn, taken_request, self._context.heartbeat.scale_lease_seconds)
        )

    def _make_answer(self, taken_request: TakenDeskRequest) -> str:
        """Run the command of a desk request and return its answer as JSON, with masked payers. An exception of the
        command other than ConsoleError is logged and becomes the error internal_error. Raises InterruptedBeforeAction
        if a signal asks this process to end before the command has started; ActNotAnswered, inside a block of
        `forbid_acting`, if only a run of the command could answer the request; and the error of the database if the
        payers can't be read: the next worker that takes the request finds the same answer under the request id.
        """
        with act_for_requester(taken_request), watch_for_repeated_request() as repeats:
            answer = self._run_command_and_make_answer(taken_request)
            while _is_earlier_call_running(taken_request, answer):
                interrupts.raise_if_interrupt_pending()
                self.clock.sleep(self.scale.scale_seconds(REQUEST_RETRY_SECONDS))
                answer = self._run_command_and_make_answer(taken_request)
            answer = mask_payers_in_answer(self._context, answer)
        if repeats.is_repetition and self._has_earlier_worker_executed(taken_request):
            return _serialize_answer(_remove_repetition_mark(answer))
        return _serialize_answer(answer, is_repetition=repeats.is_repetition)

    def _has_earlier_worker_executed(self, taken_request: TakenDeskRequest) -> bool:
        """True if the stored answer to a desk request is that of an earlier worker that had taken the same request,
        and not the answer to an earlier call of the person with the same request id."""
        if taken_request.fencing_token == 1:
            return False
        with self._context.database.read() as conn:
            return not requests.has_earlier_request(conn, taken_request)

    def _run_command_and_make_answer(self, taken_request: TakenDeskRequest) -> CallAnswer:
        try:
            return CallAnswer(self._run_command(taken_request))
        except ConsoleError as error:
            return CallAnswer(error=self._make_truthful_error(taken_request, error))
        except ActNotAnswered:
            raise
        except Exception:
            _log.exception("desk request %s failed", taken_request.id)
            return CallAnswer(error=ConsoleError(ErrorCode.INTERNAL_ERROR))

    def _make_truthful_error(self, taken_request: TakenDeskRequest, error: ConsoleError) -> ConsoleError:
        """Return the error that answers a desk request whose command has raised `error`. If an earlier worker may
        have begun the command, a failure of this worker must not say that nothing was sent. For a request that this
        worker can't read, the answer is then outcome_unknown. A failure of the database or of the disk is then
        raised, so that a worker that takes the request later answers it."""
        is_unreadable = error.detail.get("problem") == UsageProblem.UNREADABLE_DESK_REQUEST
        if taken_request.fencing_token == 1 or not (is_unreadable or error.code in OWN_FAILURE_ERROR_CODES):
            return error
        with self._context.database.read() as conn:
            if not requests.may_have_begun_command(conn, taken_request):
                return error
        if is_unreadable:
            return _make_unknown_answer_error()
        raise error

    def _run_command(self, taken_request: TakenDeskRequest) -> object:
        if taken_request.action in ACTIONS_WITH_PASSWORD:
            with self._audit_early_refusal(taken_request):
                require_confirmed_request()
        with self._read_arguments(taken_request) as arguments:
            call = CommandCall(
                arguments, lambda step: self._remember_latest_step(taken_request, step), taken_request.request_id
            )
            refusal = self._find_refusal_of_facts(taken_request, arguments)
            if refusal is None:
                return self._commands[taken_request.action](call)
            if refusal.code != ErrorCode.STALE_VIEW:
                raise refusal
            # An earlier worker may have executed the command, and its changes may be what differs now.
            try:
                with forbid_acting():
                    return self._commands[taken_request.action](call)
            except ActNotAnswered:
                with self._audit_early_refusal(taken_request):
                    raise refusal from None

    @contextmanager
    def _audit_early_refusal(self, taken_request: TakenDeskRequest) -> Iterator[None]:
        """Context manager: if the block refuses the desk request, write an audit entry in the person's name, as the
        service of the command does for its own refusals."""
        action = self._form_by_command[taken_request.action].audit_action_of_refusal
        if action is None:
            yield
            return
        subject_id = (taken_request.subject_id or "")[:_LONGEST_AUDITED_SUBJECT_CHARACTERS] or None
        with refusals.audit_refusals(self._context, action, subject_id, kind=taken_request.subject_kind or ""):
            yield

    def _find_refusal_of_facts(
        self, taken_request: TakenDeskRequest, arguments: tuple[Any, ...]
    ) -> ConsoleError | None:
        """Return the refusal of a desk request if the facts in its columns differ from its arguments; None if they
        don't differ. The refusal is stale_view if the facts depend on a record that has changed since the request was
        made, otherwise usage."""
        form = self._form_by_command[taken_request.action]
        stored_facts = DeskRequestFacts(
            taken_request.subject_kind,
            taken_request.subject_id,
            taken_request.amount_minor,
            taken_request.proposed_value,
        )
        present_facts = form.read_facts(self._context, arguments)
        if present_facts == stored_facts:
            return None
        if not form.has_changing_facts or replace(present_facts, id=stored_facts.id) != stored_facts:
            return _make_malformed_request_error()
        changes = {"id": {"saw": stored_facts.id, "now": present_facts.id}}
        detail: StaleViewDetail = {"about": present_facts.kind or "", "changed": changes}
        return ConsoleError(ErrorCode.STALE_VIEW, detail)

    def _remember_latest_step(self, taken_request: TakenDeskRequest, step: str) -> None:
        """Keep the latest progress step of a desk request in memory until `store_progress_steps` stores it. A COMMIT
        for each step would delay the call to the provider."""
        self._progress_steps[taken_request.id] = taken_request, step
        self._last_steps[taken_request.id] = step

    @contextmanager
    def _read_arguments(self, taken_request: TakenDeskRequest) -> Iterator[tuple[Any, ...]]:
        """Context manager: yield the arguments of the desk request; a file among the arguments exists until the end
        of the block. Raises usage if the arguments don't fit the command or this worker doesn't know the command, and
        storage_full if the file can't be written."""
        with ExitStack() as stack:
            try:
                with self._context.database.read() as conn:
                    content = requests.read_request_file(conn, taken_request)
                file = None if content is None else _write_temporary_file(stack, content)
                arguments = read_arguments(
                    taken_request.arguments_json, self._form_by_command[taken_request.action].argument_types, file
                )
            except (KeyError, ValueError) as malformed:
                _log.info("desk request %s of %s is malformed: %s", taken_request.id, taken_request.person, malformed)
                raise _make_malformed_request_error() from malformed
            yield arguments


def _make_malformed_request_error() -> ConsoleError:
    return ConsoleError(
        ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_DESK_REQUEST, "worker_version": __version__}
    )


def _make_unknown_answer_error() -> ConsoleError:
    """Return the error outcome_unknown about a desk request that an earlier worker has begun: neither that worker nor
    this one can give its answer."""
    return ConsoleError(ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.WORKER_ANSWER_MISSING})


def _write_temporary_file(stack: ExitStack, content: bytes) -> Path:
    """Write the content to a temporary file, which exists until the end of `stack`, and return its path. Raises
    storage_full if it can't be written."""
    path = stack.enter_context(open_temporary_folder()) / "evidence"
    with translate_errors(path):
        path.write_bytes(content)
    return path


def _serialize_answer(answer: CallAnswer, *, is_repetition: bool = False) -> str:
    """Return the answer as the JSON text that the desk reads, with the version of this program. `is_repetition` is
    True if this answer was stored by an earlier call with the same request id."""
    content = {"answer": answer_serialization.serialize_answer(answer), "repeated": is_repetition}
    return json.dumps({**content, "version": __version__})


def _remove_repetition_mark(answer: CallAnswer) -> CallAnswer:
    """Return the answer without the fact that an error repeats the error of an earlier call."""
    error = answer.error
    if error is None:
        return answer
    detail = {name: value for name, value in error.detail.items() if name != "duplicate"}
    return CallAnswer(error=rebuild_error(error.code, detail, exit_status=error.exit_status))


def _make_answer_without_values(text: str) -> str:
    """Return a short answer, as JSON, which replaces `text`, an answer that the database refuses. If `text` contains
    an error, the short answer has the error's code without its detail. If `text` is the answer of a successful
    command, the short answer is the error possible_repeat, which says that the answer wasn't stored.
    """
    answer, is_repetition = parse_stored_answer(text)
    if answer.error is None:
        replacement = ConsoleError(ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.ANSWER_NOT_STORED})
    else:
        replacement = rebuild_error(answer.error.code, {}, exit_status=answer.error.exit_status)
    return _serialize_answer(CallAnswer(error=replacement), is_repetition=is_repetition)


def _make_beat_name(taken_request: TakenDeskRequest) -> str:
    """Return the name of the beat that renews the lease of this request."""
    return f"desk request {taken_request.id}"


def _end_lease(tx: Transaction, taken_request: TakenDeskRequest) -> None:
    """End the lease of a taken desk request in the caller's transaction, so that another worker can take the
    request."""
    requests.end_lease(tx.conn, taken_request)


def _write_progress_step(tx: Transaction, taken_request: TakenDeskRequest, step: str) -> None:
    requests.write_progress(tx.conn, taken_request, step)


def _is_earlier_call_running(taken_request: TakenDeskRequest, answer: CallAnswer) -> bool:
    """True if `answer` is the error in_progress because another worker, which has ended, had started the same
    call. The leases of that worker expire soon, and then this worker can run the call."""
    error = answer.error
    return (
        taken_request.fencing_token > 1
        and error is not None
        and error.code == ErrorCode.IN_PROGRESS
        and error.detail.get("reason") == InProgressReason.SAME_REQUEST_ID_RUNNING
    )
