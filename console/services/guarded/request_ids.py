"""Request ids: a call that repeats an id gets the first call's answer, and nothing is sent or written again.

The function `act` does the work of a call, such as a purchase. The steps of a call are: check the id, acquire the
lease of the id's row in the table `request_ids`, run `act`, store the answer. If `act` raises a refusal, the id is
released. The transactions of `act` store in this row the kind and id of the record that they changed
(`ServiceContext.bind_to_request_id`). After a crash, a later call finds the answer from this record. If the database
fails after `act` has written, the call itself finds its success from the record. A Redis cache, if it is configured,
returns final answers faster; the answers are the same without it.
"""

import hashlib
import json
import logging
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from console.domain.access.permissions import ROLES_THAT_SEND_REQUEST_IDS, WORKER
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason, NotAllowedReason, PossibleRepeatReason
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.errors.details import InProgressDetail, NotAllowedDetail, PossibleRepeatDetail
from console.domain.payments.records import Order, Payment, Refund
from console.domain.process import interrupts
from console.domain.records import CreditCheck, OperationState
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.guarded import answer_serialization
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.confirmed_decisions import call_with_password
from console.services.guarded.idempotency import make_cached_answer_key
from console.services.guarded.operation import OutcomeUnrecorded, StepReporter
from console.services.process.context import ServiceContext, bind_writes_to_request_id, get_executed_desk_request_id
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.heartbeat import Heartbeat
from console.settings.private_files import open_ordinary_file
from console.store.access import operators as people
from console.store.credit_checks import credit_checks
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import idempotency, journal, request_ids
from console.store.operations.idempotency_cache import IdempotencyCache
from console.store.operations.request_ids import LeasedRequestId, RequestIdUse, RequestKey
from console.store.payments import orders, payments
from console.store.records import any_record
from console.store.refunds import refunds

LONGEST_REQUEST_ID_CHARACTERS = 64
_REQUEST_ID_CHARACTERS = frozenset(string.ascii_letters + string.digits + "._-")
_EXIT_STATUSES_WITH_EFFECT = (0, 4, 5)
"""Exit statuses of calls that wrote or sent something; after any other status the id is free again."""
_OUTCOME_UNKNOWN_EXIT_STATUS = 4
_ERROR_CODES_OF_UNSURE_EFFECT = (
    ErrorCode.DATABASE_UNREACHABLE,
    ErrorCode.DATABASE_LOCKED,
    ErrorCode.STORAGE_FULL,
    ErrorCode.INTERNAL_ERROR,
)
"""Error codes of failures that say nothing about the effect of the act."""
_LONGEST_CACHED_ANSWER_AGE = request_ids.ANSWER_RETENTION - 2 * idempotency.LONGEST_EPOCH_AGE
"""Age at which an answer is no longer put into the cache: a cache entry is valid for one epoch and must not outlive
the row of its id.
"""
_MAX_ANSWER_STORE_ATTEMPTS = 3
"""Largest number of attempts to store the answer of an act, or to search for it. After that, this process gives up.
"""
_PAUSE_BETWEEN_ANSWER_ATTEMPTS_SECONDS = 0.1
_REQUEST_ID_KIND = "request"
_KIND_OF_RECORD_CLASS: Mapping[type, str] = {
    CreditCheck: credit_checks.CREDIT_CHECK_KIND,
    Order: orders.ORDER_KIND,
    Payment: payments.PAYMENT_KIND,
    Refund: refunds.REFUND_KIND,
}
_LARGEST_HASHED_BYTES = 10 * 1024 * 1024
_log = logging.getLogger("console.guard")

T = TypeVar("T")
AnswerFinder = Callable[[RequestIdUse], CallAnswer | None]
"""Type of a function that finds the answer of an act from the record that the act changed. It is called if the stored
answer is missing or says that the outcome is unknown, and returns None if the act had no effect.
"""


def return_no_answer(_: RequestIdUse) -> CallAnswer | None:
    """Return None. This is the default `find_answer` of `RequestIdService.act_once`, which calls it if an earlier
    call with the same request id began and stored no answer. None means that the function `act` runs again, so this
    default is for functions that only read or return an existing record; a test has the list of these functions."""
    return None


class ActNotAnswered(Exception):
    """Raised within `forbid_acting` by a call of `act_once` whose answer is not stored and can't be derived from the
    record, so that only a run of `act` could answer it."""


_is_acting_forbidden: ContextVar[bool] = ContextVar("is_acting_forbidden", default=False)


@contextmanager
def forbid_acting() -> Iterator[None]:
    """Context manager: within the block, `act_once` only returns or raises the answer to an earlier call with the
    same request id, and raises ActNotAnswered if there is none. It still runs a function `act` that continues the
    work that an earlier call has begun (`continues_work`)."""
    token = _is_acting_forbidden.set(True)
    try:
        yield
    finally:
        _is_acting_forbidden.reset(token)


@dataclass
class RepeatedRequestMark:
    """The object that `watch_for_repeated_request` yields: `is_repetition` becomes True if a call in its block got
    the stored answer of an earlier call with the same request id."""

    is_repetition: bool = False


_current_repeat_mark: ContextVar[RepeatedRequestMark | None] = ContextVar("repeats", default=None)


@contextmanager
def watch_for_repeated_request() -> Iterator[RepeatedRequestMark]:
    """Context manager: yield a RepeatedRequestMark, which shows if a call of this thread in the block repeated an
    earlier request id."""
    repeat_mark = RepeatedRequestMark()
    token = _current_repeat_mark.set(repeat_mark)
    try:
        yield repeat_mark
    finally:
        _current_repeat_mark.reset(token)


def mark_request_as_repeated() -> None:
    """Set the RepeatedRequestMark of the surrounding `watch_for_repeated_request`, because a call of this thread got
    the stored answer of an earlier call. If no `watch_for_repeated_request` surrounds the call, do nothing."""
    repeat_mark = _current_repeat_mark.get()
    if repeat_mark is not None:
        repeat_mark.is_repetition = True


def require_valid_request_id(request_id: str) -> str:
    """Return the request id. Raises usage (detail.problem `request_id`) unless it consists of 1 to 64 ASCII
    letters, digits, dots, underscores and hyphens."""
    if 0 < len(request_id) <= LONGEST_REQUEST_ID_CHARACTERS and _REQUEST_ID_CHARACTERS.issuperset(request_id):
        return request_id
    raise ConsoleError(
        ErrorCode.USAGE, {"problem": UsageProblem.INVALID_REQUEST_ID, "longest": LONGEST_REQUEST_ID_CHARACTERS}
    )


def _make_other_request_error(request: RequestKey, row: RequestIdUse) -> ConsoleError:
    """Return the error possible_repeat for a request id that was used for another command or other arguments, as the
    row of the request id states."""
    detail: PossibleRepeatDetail = {
        "request_id": request.request_id,
        "command": row.command,
        "since": row.holder.since,
    }
    return ConsoleError(ErrorCode.POSSIBLE_REPEAT, {"reason": PossibleRepeatReason.REQUEST_ID, **detail})


def find_earlier_use(conn: Connection, request: RequestKey) -> RequestIdUse | None:
    """Return the use of the request id by an earlier call of the same request; None if there is none. Raises
    possible_repeat if the id was used for another command or other arguments."""
    row = request_ids.find_use(conn, request)
    if row is None or row.is_available:
        return None
    if (row.command, row.fingerprint) != (request.command, request.fingerprint):
        raise _make_other_request_error(request, row)
    return row


class RequestIdService:
    """Runs the function of a service's call under the request id of its caller, so that two calls with one id take
    effect only once. Several threads and processes may use request ids at the same time."""

    def __init__(self, context: ServiceContext, cache: IdempotencyCache) -> None:
        self._context = context
        self._cache = cache
        self._heartbeat = Heartbeat(context.scale)

    def act_once(
        self,
        command: str,
        request_id: str | None,
        arguments: tuple[object, ...],
        act: Callable[[], T],
        find_answer: AnswerFinder = return_no_answer,
        progress: StepReporter | None = None,
        *,
        continues_work: bool = False,
    ) -> T:
        """Run `act` and store its answer under the request id. If the id was used before, return or raise the first
        call's answer.

        Without an id, `act` always runs. `act` is the function that does the work of the call; `command` and
        `arguments` identify the request. If the stored answer is missing or contains an unknown outcome,
        `find_answer` finds the answer from the changed record. `progress` is used only by `RemoteRequestIdService`,
        which replaces this class at desks without rights to act. `continues_work`: a second run of `act` only
        continues the work that the first run has begun. Raises the errors of `act` (with detail.duplicate if the
        error is the stored answer); usage for a malformed id; possible_repeat if the id was used for another request
        within 24 hours; in_progress with the holder while the first call runs; not_allowed for auditors and admins on
        a database server, and if a decision needs the person's password (`call_with_password`).
        """
        return call_with_password(
            self._context,
            command,
            arguments,
            lambda: self._act_once(command, request_id, arguments, act, find_answer, continues_work=continues_work),
        )

    def _act_once(
        self,
        command: str,
        request_id: str | None,
        arguments: tuple[object, ...],
        act: Callable[[], T],
        find_answer: AnswerFinder,
        *,
        continues_work: bool,
    ) -> T:
        if request_id is None:
            if _is_acting_forbidden.get():
                raise ActNotAnswered
            return act()
        person = self._context.operator or WORKER
        request = RequestKey(
            person, require_valid_request_id(request_id), command, compute_fingerprint(command, arguments)
        )
        facts = {"command": command, "request_id": request_id}
        with refusals.audit_refusals(self._context, AuditAction.REQUEST_REPEATED, None, facts, kind=_REQUEST_ID_KIND):
            id_or_answer = self._acquire_id_or_find_answer(request, find_answer, continues_work=continues_work)
        if isinstance(id_or_answer, LeasedRequestId):
            with interrupts.defer_signals():  # the answer is stored under its id before a signal ends the process
                return self._run_call(id_or_answer, act, find_answer)
        value: T = _return_or_raise_stored_answer(id_or_answer)
        return value

    def close(self) -> None:
        """Stop the heartbeat that renews the leases of request ids."""
        self._heartbeat.close()

    # Check and take the id

    def _refuse_roles_without_request_ids(self) -> None:
        """Raise not_allowed if an auditor or admin makes a call with a request id on a database server. On a server,
        only the accounts of roles that change records may store request ids. A worker that executes a desk request
        needs no check: its account has such a role.
        """
        context = self._context
        if not context.database.is_server or get_executed_desk_request_id() is not None:
            return
        with context.database.read() as conn:
            person = people.find(conn, context.operator or WORKER, includes_unlisted_names=False)
        # A database account without a person is the account that owns the schema.
        if person is not None and not person.roles & ROLES_THAT_SEND_REQUEST_IDS:
            detail: NotAllowedDetail = {
                "operator": person.name,
                "reason": NotAllowedReason.RIGHT_MISSING,
                "needs": sorted(ROLES_THAT_SEND_REQUEST_IDS),
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)

    def _acquire_id_or_find_answer(
        self, request: RequestKey, find_answer: AnswerFinder, *, continues_work: bool
    ) -> LeasedRequestId | CallAnswer:
        """Acquire the request id for its first call and return the acquired id, or return the answer that an earlier
        call has stored under it. If there is no such answer within `forbid_acting`, the id is acquired only if an
        earlier call has written something and `continues_work` is True; otherwise ActNotAnswered is raised."""
        context, may_act = self._context, not _is_acting_forbidden.get()
        cache_answer = self._cache.announce_use(*_make_cache_key(request))
        if cache_answer.result is not None:
            # Another version of this program stored an unreadable answer: the answer is then built from the database.
            with suppress(ValueError):
                return answer_serialization.deserialize_answer(cache_answer.result)
        self._refuse_roles_without_request_ids()
        row = None if cache_answer.is_entry_missing and may_act else self._find_row_of_request(request)
        while True:
            answer = None if row is None else self._find_answer(request, row, find_answer, cache_answer.epoch)
            if answer is not None:
                return answer
            if not (may_act or (continues_work and row is not None and row.has_unfinished_work)):
                raise ActNotAnswered
            context.failpoints.reach("before_request_id")
            leased_request = context.write(partial(self._acquire_id, request=request, expected_row=row))
            if leased_request is not None:
                context.failpoints.reach("after_request_id")
                return leased_request
            row = self._find_row_of_request(request)

    def _find_row_of_request(self, request: RequestKey) -> RequestIdUse | None:
        """Return the row of the request id; None if the id was not used yet. In the same read, pass the present epoch
        in the database to the Redis cache."""
        with self._context.database.read() as conn:
            self._cache.refresh_epoch(lambda: idempotency.read_current_epoch(conn, self._context.now()))
            return request_ids.find_use(conn, request)

    def _acquire_id(
        self, tx: Transaction, request: RequestKey, expected_row: RequestIdUse | None
    ) -> LeasedRequestId | None:
        """Acquire the lease of the request id if the id's row is unchanged since it was read as `expected_row` (None:
        no row existed); otherwise return None."""
        context, now = self._context, self._context.now()
        if self._cache.state is not None and not idempotency.read_current_epoch(tx.conn, now):
            idempotency.replace_epoch(tx, context.make_holder(), now)
        # Without an expected row the INSERT finds out whether the id was used, so the row isn't read before.
        row = None if expected_row is None else request_ids.find_use(tx.conn, request)
        if _make_row_state_key(row) != _make_row_state_key(expected_row):
            return None
        return request_ids.acquire_request_id(
            tx, request, row, context.make_holder(), now, self._heartbeat.scale_lease_seconds
        )

    def _find_answer(
        self, request: RequestKey, row: RequestIdUse, find_answer: AnswerFinder, epoch: str | None
    ) -> CallAnswer | None:
        """Return the answer for this call from `row`, the row of a request id that was used before; None if the call
        may be executed.

        `epoch` is the epoch of the Redis cache. Raises possible_repeat if the id was used for another request, and
        in_progress while the first call runs.
        """
        if row.is_available:
            return None
        if (row.command, row.fingerprint) != (request.command, request.fingerprint):
            raise self._count_and_return_refusal(_make_other_request_error(request, row))
        if row.state == request_ids.RUNNING_USE_STATE:
            self._refuse_running_call(request, row)
            return self._find_answer_of_ended_call(request, row, find_answer)
        return self._read_stored_answer(request, row, find_answer, epoch)

    def _find_answer_of_ended_call(
        self, request: RequestKey, row: RequestIdUse, find_answer: AnswerFinder
    ) -> CallAnswer | None:
        """Return the answer of a first call whose process ended before it stored the answer, built from the record
        that the first call changed. Return None if the first call had no effect.

        A final answer is stored, so that later calls get the same answer even if the record changes. The row's new
        state also prevents the first process, if it still runs, from writing under the request id. A refusal isn't
        stored: the first call has written something, and a stored refusal would free the id for a second act.
        """
        answer = find_answer(row)
        if answer is not None and _is_final_answer(answer) and _had_effect(answer):
            with log_and_suppress("storing a found answer"):
                self._store_answer(LeasedRequestId(request, row.fence), answer)
        return answer

    def _refuse_running_call(self, request: RequestKey, row: RequestIdUse) -> None:
        """Raise in_progress while the first call holds the request id's lease, or while its operation is still
        calling the provider."""
        holder, since = refusals.make_lease_holder_detail(row.holder).get("holder"), row.holder.since
        if not row.has_live_lease:
            with self._context.database.read() as conn:
                operation = journal.find_with_state_after_lapse(conn, row.operation_id or "")
            if operation is None or operation.state is not OperationState.CALLING:
                return
            holder = {"operator": operation.operator, "desk": operation.desk}
        facts: InProgressDetail = {
            "reason": InProgressReason.SAME_REQUEST_ID_RUNNING,
            "request_id": request.request_id,
            "holder": holder,
            "since": since,
        }
        raise self._count_and_return_refusal(ConsoleError(ErrorCode.IN_PROGRESS, facts))

    def _read_stored_answer(
        self, request: RequestKey, row: RequestIdUse, find_answer: AnswerFinder, epoch: str | None
    ) -> CallAnswer:
        """Return the stored answer of the first call with this request id. If the outcome in this answer is unknown,
        return an answer with the present state of the record. Raises possible_repeat with the record if the stored
        text can't be read and `find_answer` returns None. `epoch` is the epoch of the Redis cache.
        """
        try:
            answer = answer_serialization.deserialize_answer(row.answer or "")
        except ValueError:  # too long to be stored, or written by another version of this program
            present_answer = find_answer(row)
            if present_answer is not None:
                return present_answer
            raise self._count_and_return_refusal(self._make_unreadable_first_answer_error(request, row)) from None
        if not _is_final_answer(answer):
            return find_answer(row) or self._replace_with_present_record(answer)
        if row.age < _LONGEST_CACHED_ANSWER_AGE:
            self._cache.store_result(*_make_cache_key(request), row.answer or "", epoch)
        return answer

    def _make_unreadable_first_answer_error(self, request: RequestKey, row: RequestIdUse) -> ConsoleError:
        """Return the error possible_repeat for a call whose first answer can't be read, with the record that the
        first call changed: a credit check, order, payment or refund, or else its operation."""
        number = row.subject_id if row.subject_id is not None and row.subject_id.isdecimal() else "0"
        with self._context.database.read() as conn:
            record = any_record.find(
                conn, row.subject_kind or "", int(number), journal.list_lapsed_record_ids_by_kind(conn)
            )
            operation = journal.find_with_state_after_lapse(conn, row.operation_id) if row.operation_id else None
        detail: PossibleRepeatDetail = {
            "reason": PossibleRepeatReason.ANSWER_NOT_STORED,
            "request_id": request.request_id,
            "command": row.command,
            "since": row.holder.since,
            "record": record or operation,
        }
        return ConsoleError(ErrorCode.POSSIBLE_REPEAT, detail)

    def _replace_with_present_record(self, answer: CallAnswer) -> CallAnswer:
        """Return `answer`, whose outcome is unknown, with the present state of the record in its error."""
        error = answer.error
        record = error.detail.get("record") if error is not None else None
        kind = _KIND_OF_RECORD_CLASS.get(type(record))
        if error is None or kind is None:
            return answer
        with self._context.database.read() as conn:
            present_record = any_record.find(
                conn, kind, getattr(record, "id", 0), journal.list_lapsed_record_ids_by_kind(conn)
            )
        detail = {**error.detail, "record": present_record or record}
        return CallAnswer(error=rebuild_error(error.code, detail, exit_status=error.exit_status))

    def _count_and_return_refusal(self, refusal: ConsoleError) -> ConsoleError:
        """Add the refusal to the counters of this process, and return it unchanged."""
        self._context.process_counters.count_refusal(refusal.code)
        return refusal

    # Run the act and store its answer

    def _run_call(self, leased_request: LeasedRequestId, act: Callable[[], T], find_answer: AnswerFinder) -> T:
        """Run `act` under the acquired request id, store its answer, and return its value or raise its error. If
        another call has acquired the id meanwhile, and this call had no effect, return or raise the answer of that
        other call."""
        beat_name = f"{leased_request.request_key.request_id}-{leased_request.fence}-{id(leased_request)}"
        self._heartbeat.add_beat(beat_name, lambda: self._renew_request_id_lease(leased_request))
        try:
            with bind_writes_to_request_id(leased_request) as binding:
                try:
                    value = act()
                except Exception as error:
                    if not (binding.is_committed and _may_error_hide_success(error)):
                        raise
                    value = self._find_value_of_committed_call(leased_request, find_answer, error)
            self._end_call(leased_request, CallAnswer(value))
        except ConsoleError as error:
            if _may_error_hide_success(error):
                self._end_lease(leased_request)
                raise
            answer = CallAnswer(error=error)
            is_still_held = self._end_call(leased_request, answer)
            if is_still_held or _had_effect(answer):
                raise
            value = self._return_or_raise_answer_of_later_holder(leased_request.request_key, find_answer, error)
        except BaseException:
            self._end_lease(leased_request)
            raise
        finally:
            self._heartbeat.remove_beat(beat_name)
        return value

    def _find_value_of_committed_call(
        self, leased_request: LeasedRequestId, find_answer: AnswerFinder, error: Exception
    ) -> Any:
        """Return the value of `act` if the changed record shows that `act` succeeded before it raised `error`: `act`
        had committed a write, and then the database failed or a bug raised an exception.

        Raises `error` if `act` did not succeed, or if the database can't be read within _MAX_ANSWER_STORE_ATTEMPTS
        tries.
        """
        _log.warning("the call of a request id failed after it had written", exc_info=error)

        def find_stored_answer() -> CallAnswer | None:
            with self._context.database.read() as conn:
                row = request_ids.find_use(conn, leased_request.request_key)
            return None if row is None or row.fence != leased_request.fence else find_answer(row)

        try:
            answer = self._repeat_until_success(find_stored_answer)
        except Exception as later:
            raise error from later
        if answer is None or answer.error is not None:
            raise error
        return answer.value

    def _return_or_raise_answer_of_later_holder(
        self, request: RequestKey, find_answer: AnswerFinder, refusal: ConsoleError
    ) -> Any:
        """Return or raise the answer of the call that has acquired the request id after this call's lease had
        expired. The refusal of this call may only be the effect of that other call, for example already_purchased.
        Raises in_progress while the other call runs, and `refusal` if the other call has left no answer.
        """
        row = self._find_row_of_request(request)
        answer = None if row is None else self._find_answer(request, row, find_answer, None)
        if answer is None:
            raise refusal
        return _return_or_raise_stored_answer(answer)

    def _end_lease(self, leased_request: LeasedRequestId) -> None:
        """End the lease of a request id whose call ended with an unexpected exception. If the call has written
        something, `find_answer` finds the answer for later calls; otherwise the id is free."""
        with log_and_suppress("end of a request that broke off"):
            self._context.write(lambda tx: request_ids.end_lease(tx.conn, leased_request))

    def _end_call(self, leased_request: LeasedRequestId, answer: CallAnswer) -> bool:
        """Store the answer of a call under its request id, or release the id after a refusal. Return True, or False
        if another call has acquired the id meanwhile. For an OutcomeUnrecorded, write nothing and return True. If the
        database fails, nothing is raised and True is returned: the lease of the id expires, and `find_answer` finds
        the answer for later calls."""
        is_still_held = True
        if isinstance(answer.error, OutcomeUnrecorded):
            return is_still_held
        with log_and_suppress("keeping the answer of a request"):
            self._context.failpoints.reach("before_answer_kept")
            is_still_held = self._repeat_until_success(lambda: self._store_answer(leased_request, answer))
            self._context.failpoints.reach("after_answer_kept")
        return is_still_held

    def _store_answer(self, leased_request: LeasedRequestId, answer: CallAnswer) -> bool:
        """Store the answer in the row of the request id if this call still holds the id, and also in the Redis cache
        if the answer is final. If the call had no effect, release the id instead. An answer longer than
        LONGEST_ANSWER_CHARACTERS isn't stored; the id then counts as answered, without a text. Return True, or False
        if another call has acquired the id meanwhile.
        """
        is_stored = _had_effect(answer)
        text = answer_serialization.serialize_answer(answer) if is_stored else None
        if text is not None and len(text) > answer_serialization.LONGEST_ANSWER_CHARACTERS:
            text = None
        state = request_ids.ANSWERED_USE_STATE if is_stored else request_ids.FREE_USE_STATE
        is_owner, epoch = self._context.write(
            lambda tx: self._store_state_and_answer(tx, leased_request, state, text)
        )
        if is_owner and text is not None and _is_final_answer(answer):
            self._cache.store_result(*_make_cache_key(leased_request.request_key), text, epoch)
        return is_owner

    def _repeat_until_success(self, step: Callable[[], T]) -> T:
        """Run `step` until it succeeds, at most _MAX_ANSWER_STORE_ATTEMPTS times, and return its result; raise the
        error of the last try. Each try gets a new connection if the last connection was lost, and waits for the
        database as `console.store.database.retry_policy` says.
        """
        for tries_left in reversed(range(_MAX_ANSWER_STORE_ATTEMPTS)):
            try:
                return step()
            except Exception:
                if not tries_left:
                    raise
                _log.info("a step after the action of a request id is tried again", exc_info=True)
            self._context.clock.sleep(_PAUSE_BETWEEN_ANSWER_ATTEMPTS_SECONDS)
        raise AssertionError  # not reached: the last try returns or raises

    def _store_state_and_answer(
        self, tx: Transaction, leased_request: LeasedRequestId, state: str, text: str | None
    ) -> tuple[bool, str | None]:
        """Write the state and the answer (`text`) of the ended call into the row of the request id. Return True if
        this call still held the id (otherwise nothing is written), and the epoch of the Redis cache (None without
        Redis)."""
        epoch = self._cache.refresh_epoch(lambda: idempotency.read_current_epoch(tx.conn, self._context.now()))
        return request_ids.end_use(tx.conn, leased_request, state, text), epoch

    def _renew_request_id_lease(self, leased_request: LeasedRequestId) -> None:
        self._context.write(
            lambda tx: request_ids.renew_lease(tx.conn, leased_request, self._heartbeat.scale_lease_seconds)
        )


def compute_fingerprint(command: str, arguments: tuple[object, ...]) -> str:
    """Return the SHA-256 (hex) of the command and its arguments. For a Path argument, the first 10 MiB + 1 byte of
    the file's content are hashed instead of the path.
    """
    facts = [
        command,
        *(answer_serialization.serialize_value(_replace_file_by_digest(argument)) for argument in arguments),
    ]
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _replace_file_by_digest(argument: object) -> object:
    """Return the argument for the fingerprint of a request: for a Path the SHA-256 of its file's content (at most the
    first 10 MiB + 1 byte), or the path as text if the file can't be read; any other argument unchanged."""
    if not isinstance(argument, Path):
        return argument
    try:
        with open_ordinary_file(argument) as file:
            return {"sha256": hashlib.sha256(file.read(_LARGEST_HASHED_BYTES + 1)).hexdigest()}
    except OSError:
        return str(argument)


def _make_cache_key(request: RequestKey) -> tuple[str, str]:
    """Return the key and the fingerprint under which the Redis cache stores the answer of a request."""
    return make_cached_answer_key(request.person, request.request_id), request.fingerprint


def _make_row_state_key(row: RequestIdUse | None) -> tuple[object, ...] | None:
    """Return the row's fencing token, its state, the kind of its record, the id of its operation, and True if its
    lease is live; None if `row` is None. If two reads of a row give equal values, no call has acquired or ended the
    request id, and none has written under it, between them."""
    return None if row is None else (row.fence, row.state, row.subject_kind, row.operation_id, row.has_live_lease)


def _had_effect(answer: CallAnswer) -> bool:
    """True if the call with this answer wrote or sent something. This includes the error already_decided with a case:
    the request was sent, but people decided before the provider's answer arrived."""
    error = answer.error
    if error is None:
        return True
    return error.exit_status in _EXIT_STATUSES_WITH_EFFECT or (
        error.code == ErrorCode.ALREADY_DECIDED and "case" in error.detail
    )


def _may_error_hide_success(error: Exception) -> bool:
    """True if `error` may hide the success of a call: the database failed, possibly after the COMMIT of the call's
    changes, or the program has a bug.
    """
    return not isinstance(error, ConsoleError) or error.code in _ERROR_CODES_OF_UNSURE_EFFECT


def _is_final_answer(answer: CallAnswer) -> bool:
    """True if a repeated call must get exactly this answer. Only an answer with an unknown outcome is not final,
    because its outcome can become known later."""
    return answer.error is None or answer.error.exit_status != _OUTCOME_UNKNOWN_EXIT_STATUS


def _return_or_raise_stored_answer(answer: CallAnswer) -> Any:
    """Return the value of the first call's answer, or raise its error with detail.duplicate. Before that, call
    `mark_request_as_repeated`, which shows the caller that the answer is a stored answer."""
    mark_request_as_repeated()
    if answer.error is None:
        return answer.value
    error = answer.error
    raise rebuild_error(error.code, {**error.detail, "duplicate": True}, exit_status=error.exit_status)
