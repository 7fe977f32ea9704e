"""The part of desk requests that a person's desk runs: store a request, wait until a worker has answered it, and
return or raise the answer."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from console import __version__
from console.domain.desk_requests.records import (
    DeskRequestProgress,
    DeskRequestState,
    NewDeskRequest,
    make_request_id,
)
from console.domain.desk_requests.rules import (
    ACTIONS_WITH_PASSWORD,
    LARGEST_FILE_BYTES,
    LONGEST_ARGUMENTS_BYTES,
    PRESENCE_LEASE_SECONDS,
)
from console.domain.error_reasons import (
    DatabaseUnreachableProblem,
    NotAllowedReason,
    OutcomeUnknownReason,
    PossibleRepeatReason,
)
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode, rebuild_error
from console.domain.errors.details import PossibleRepeatDetail
from console.domain.process import interrupts
from console.domain.reason import ForeignText
from console.domain.usage_problems import UsageProblem
from console.services.desk_requests.arguments import read_arguments
from console.services.desk_requests.commands import (
    FILE_PLACEHOLDER_KEY,
    LARGEST_LIST_BYTES,
    LONG_LIST_PLACEHOLDER_KEY,
    DeskRequestForm,
)
from console.services.desk_requests.own_requests import (
    find_exit_status_and_version,
    parse_stored_answer,
    withdraw,
)
from console.services.desk_requests.request_wait import get_current_wait
from console.services.desk_requests.typed_words import strip_typed_words
from console.services.guarded import answer_serialization
from console.services.guarded.operation import StepReporter
from console.services.guarded.request_ids import (
    AnswerFinder,
    RequestIdService,
    mark_request_as_repeated,
    require_valid_request_id,
    return_no_answer,
)
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.services.process.passwords import connect_with_password, has_person_typed_password, read_typed_password
from console.settings.private_files import open_ordinary_file
from console.store.database.engine import Transaction
from console.store.desk_requests import presence, requests
from console.store.operations import journal
from console.store.operations.idempotency_cache import IdempotencyCache
from console.store.records import any_record

FIRST_ANSWER_POLL_SECONDS = 0.05
"""First pause between two reads of the answer, in seconds. Each further pause is longer."""
LONGEST_ANSWER_POLL_SECONDS = 0.2
"""Longest pause between two reads of the answer, in seconds. With it, an answer reaches the desk within 300 ms, also
after a long wait for a slow provider.
"""
ANSWER_WAIT_LIMIT_SECONDS = 120.0
"""Seconds after which a desk stops waiting if the database doesn't answer, or if the worker that took its request
doesn't renew its presence lease.
"""
T = TypeVar("T")


class RemoteRequestIdService(RequestIdService):
    """Replaces `RequestIdService` at a desk whose database account may only read, and store desk requests: a worker
    runs the commands for this desk."""

    def __init__(self, context: ServiceContext, form_by_command: Mapping[str, DeskRequestForm]) -> None:
        super().__init__(context, IdempotencyCache())
        self._form_by_command = form_by_command

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
        """Store a desk request for the command, wait for the worker, and return or raise its answer. A command
        without a DeskRequestForm only reads: this desk runs it by calling `act`.

        `command` is the name of the command, such as `refund approve`, and `arguments` are its arguments. `progress`
        is called with the name of each step that the worker reports. `find_answer` and `continues_work` are not used
        by this class, because the worker finds the answers to repeated calls.

        For a command of ACTIONS_WITH_PASSWORD the person types the password again. Some other commands need the
        password only in some cases, and only the worker can decide that: it refuses them with `password_needed`, and
        this desk repeats the request with the password. A password that the person has typed already, after such a
        refusal, is sent with the first request. Raises worker_away if no worker is present or no worker takes the
        request in time (then nothing was sent); not_allowed if the person does not type the password (reason
        `password_needed`) or types a wrong password (`password_wrong`), or if the settings name an operator who isn't
        the connected account (`other_account`); bad_profile (`account_locked`) if the server has locked the account;
        outcome_unknown (reason `asked`) if the desk stops waiting without an answer; usage for a malformed request id
        or arguments that are too long; no_evidence if the file among the arguments can't be read or is too large;
        interrupted (reason `withdrawn`) if the person has withdrawn the request elsewhere; possible_repeat (reason
        `answer_unreadable`) if this desk can't read the answer of a worker of another version;
        InterruptedBeforeAction if a signal has ended the wait and the request is withdrawn; the errors of the
        database; and the errors of the command.
        """
        if command not in self._form_by_command:
            return act()
        self._context.require_own_name(self._context.database.account_name or "")
        request, file_content = self._make_desk_request(command, request_id, arguments)
        with self._context.database.read() as conn:
            if presence.find_newest_worker(conn, PRESENCE_LEASE_SECONDS) is None:
                raise ConsoleError(ErrorCode.WORKER_AWAY)
        needs_password = command in ACTIONS_WITH_PASSWORD or has_person_typed_password()
        password = read_typed_password() if needs_password else None
        value: T
        try:
            value = self._store_request_and_wait(request, file_content, password, progress)
        except ConsoleError as refusal:
            if password is not None or refusal.detail.get("reason") != NotAllowedReason.PASSWORD_NEEDED:
                raise
            value = self._store_request_and_wait(
                replace(request, id=make_request_id()), file_content, read_typed_password(), progress
            )
        return value

    def _store_request_and_wait(
        self, request: NewDeskRequest, file_content: bytes | None, password: str | None, progress: StepReporter | None
    ) -> Any:
        """Store the desk request, wait for its answer, and return the answer's value or raise its error.
        `file_content` is the content of the request's file (None: no file), see `_make_desk_request`. With
        `password`, the request is stored over a new connection that signs in with this password.
        """
        context = self._context
        with interrupts.defer_signals():  # the worker executes the request even if this desk doesn't wait
            interrupts.raise_if_interrupt_pending()
            with log_and_suppress("remembering a desk request"):
                context.spool.store_own_request(request.id, context.database_id)
            self._store_request(request, file_content, password)
            answer_text = self._await_answer(request.id, progress)
            with log_and_suppress("forgetting a desk request"):
                context.spool.forget_own_request(request.id)
            return self._return_or_raise_answer(request, answer_text)

    def _store_request(self, request: NewDeskRequest, file_content: bytes | None, password: str | None) -> None:
        context = self._context

        def insert_request(tx: Transaction) -> None:
            requests.insert_request(
                tx, replace(request, is_password_confirmed=password is not None), context.spool.desk_id, file_content
            )

        try:
            if password is None:
                context.write(insert_request)
            else:
                with connect_with_password(context, password) as database:
                    database.write(insert_request)
        except ConsoleError as error:
            if error.detail.get("problem") == DatabaseUnreachableProblem.COMMIT_UNANSWERED:
                raise _make_unanswered_request_error() from error
            if error.detail.get("reason") == NotAllowedReason.REFUSED_BY_THE_DATABASE:
                context.read_person()  # raises a more precise error if an administrator has disabled the person
            raise

    def _make_desk_request(
        self, command: str, request_id: str | None, arguments: tuple[object, ...]
    ) -> tuple[NewDeskRequest, bytes | None]:
        """Return the desk request to store, and the content of its file: the file among `arguments`, or a list that
        is too long for the arguments; None if it has no file. Raises usage for arguments that are too long or that
        the worker would refuse, such as an integer that doesn't fit the database.
        """
        form = self._form_by_command[command]
        sent_arguments = strip_typed_words(arguments, form.typed_text_index)
        file = next((part for part in arguments if isinstance(part, Path)), None)
        file_content = None if file is None else _read_file_content(file)
        try:
            text = _format_arguments(sent_arguments)
            read_arguments(text, form.argument_types, file)
            if len(text.encode()) > LONGEST_ARGUMENTS_BYTES and file is None:
                text, file_content = _move_list_to_file(sent_arguments)
            is_too_long = len(text.encode()) > LONGEST_ARGUMENTS_BYTES
        except ValueError as malformed:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ARGUMENTS}) from malformed
        if is_too_long:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ARGUMENTS, "longest": LONGEST_ARGUMENTS_BYTES}
            )
        facts = form.read_facts(self._context, sent_arguments)
        request = NewDeskRequest(
            id=make_request_id(),
            action=command,
            arguments_json=text,
            subject_kind=facts.kind,
            subject_id=facts.id,
            amount_minor=facts.amount_minor,
            proposed_value=facts.proposed_value,
            evidence_sha256=None if file_content is None else hashlib.sha256(file_content).hexdigest(),
            request_id=None if request_id is None else require_valid_request_id(request_id),
        )
        return request, file_content

    def _await_answer(self, desk_request_id: str, progress: StepReporter | None) -> str:
        """Wait until the desk request with this id has ended, and return the text of its answer. Report each new
        progress step to `progress`.

        Raises worker_away if the request has lapsed, so that no worker can take it; interrupted (reason `withdrawn`)
        if the person has withdrawn it elsewhere, such as in the window; outcome_unknown if the database or the
        request's worker does not respond for ANSWER_WAIT_LIMIT_SECONDS. A signal of the operating system ends the
        wait: the method then tries to withdraw the request. It raises InterruptedBeforeAction if the withdrawal
        succeeds, otherwise outcome_unknown.
        """
        clock, request_wait = self._context.clock, get_current_wait()
        pause_seconds, last_step = FIRST_ANSWER_POLL_SECONDS, None
        last_response_at, has_lapsed = clock.monotonic(), False
        while not interrupts.is_interrupt_pending():
            stored_progress = self._read_request_progress(desk_request_id)
            if stored_progress is not None:
                if not (stored_progress.is_abandoned or stored_progress.is_lapsed):
                    last_response_at = clock.monotonic()
                if request_wait is not None:
                    request_wait.desk_request_id = desk_request_id
                    request_wait.is_taken = stored_progress.state is not DeskRequestState.WAITING
                    request_wait.is_abandoned = stored_progress.is_abandoned
                if progress is not None and stored_progress.progress not in (None, last_step):
                    last_step = stored_progress.progress
                    progress(str(last_step))
                if stored_progress.state is DeskRequestState.ENDED:
                    return stored_progress.result or ""
                self._raise_if_unexecuted(desk_request_id, stored_progress, had_lapsed=has_lapsed)
                has_lapsed = has_lapsed or stored_progress.is_lapsed
            if clock.monotonic() - last_response_at > self._context.scale.scale_seconds(ANSWER_WAIT_LIMIT_SECONDS):
                break
            clock.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.2, LONGEST_ANSWER_POLL_SECONDS)
        if interrupts.is_interrupt_pending() and self._withdraw_request(desk_request_id):
            raise interrupts.InterruptedBeforeAction
        raise _make_unanswered_request_error()

    def _raise_if_unexecuted(
        self, desk_request_id: str, stored_progress: DeskRequestProgress, *, had_lapsed: bool
    ) -> None:
        """Raise an error if no worker has executed this desk request, and none will: interrupted (reason `withdrawn`)
        if the person has withdrawn it, worker_away if it has lapsed. `had_lapsed`: an earlier read found that the
        60 s were over, so that a withdrawal is this desk's own.
        """
        if stored_progress.is_withdrawn and not had_lapsed:
            raise ConsoleError(ErrorCode.INTERRUPTED, {"reason": "withdrawn"})
        if stored_progress.state is DeskRequestState.LAPSED:
            raise ConsoleError(ErrorCode.WORKER_AWAY)
        # A worker's COMMIT may still be on its way, or another node's clock behind: only a withdrawal proves that
        # nothing is sent.
        if stored_progress.is_lapsed and (stored_progress.is_withdrawn or self._withdraw_request(desk_request_id)):
            raise ConsoleError(ErrorCode.WORKER_AWAY)

    def _return_or_raise_answer(self, request: NewDeskRequest, text: str) -> Any:
        """Return the value in `text`, the stored answer of a desk request, or raise its error. If the worker has
        repeated the answer to an earlier call with the same request id, call `mark_request_as_repeated`. Raises
        the error of `_make_unreadable_answer_error` if a worker of another version has written the answer."""
        try:
            answer, is_repetition = parse_stored_answer(text)
        except ValueError:
            raise self._make_unreadable_answer_error(request, text) from None
        if is_repetition:
            mark_request_as_repeated()
        error = answer.error
        if error is not None and error.detail.get("problem") == UsageProblem.UNREADABLE_DESK_REQUEST:
            error = rebuild_error(error.code, {**error.detail, "desk_version": __version__})
        if error is not None:
            raise error
        return answer.value

    def _make_unreadable_answer_error(self, request: NewDeskRequest, text: str) -> ConsoleError:
        """Return the error about the stored answer `text` that this program can't read, because a worker of another
        version has written it: outcome_unknown if the worker doesn't know the outcome; otherwise possible_repeat
        (reason `answer_unreadable`). The error possible_repeat has the request's record, if the request named one by
        a number, the version of the desk's program, and that of the worker's program if the answer has it."""
        exit_status, worker_version = find_exit_status_and_version(text)
        if exit_status == EXIT_STATUS[ErrorCode.OUTCOME_UNKNOWN]:
            return _make_unanswered_request_error()
        detail: PossibleRepeatDetail = {
            "reason": PossibleRepeatReason.ANSWER_UNREADABLE,
            "command": request.action,
            "desk_version": __version__,
        }
        if worker_version is not None:
            detail["worker_version"] = worker_version
        if request.subject_kind is not None and (request.subject_id or "").isdecimal():
            with self._context.database.read() as conn:
                lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
                detail["record"] = any_record.find(
                    conn, request.subject_kind, int(request.subject_id or 0), lapsed_ids
                )
        return ConsoleError(ErrorCode.POSSIBLE_REPEAT, detail)

    def _withdraw_request(self, desk_request_id: str) -> bool:
        """Withdraw the desk request with this id. Return True, or False if a worker has taken it, or after a
        ConsoleError, for example because the database doesn't answer. After an error the request may be withdrawn all
        the same."""
        try:
            return withdraw(self._context, desk_request_id)
        except ConsoleError:
            return False

    def _read_request_progress(self, desk_request_id: str) -> DeskRequestProgress | None:
        """Return the present state of the desk request with this id; None if the database doesn't answer or doesn't
        have the request.

        Raises outcome_unknown if the database refuses the read, for example because the account was locked or got
        other roles meanwhile: the error of the read would say that nothing was sent, although a worker may have
        executed the request.
        """
        try:
            with self._context.database.read() as conn:
                return requests.read_progress(conn, desk_request_id)
        except ConsoleError as refusal:
            if refusal.exit_status != EXIT_STATUS[ErrorCode.DATABASE_UNREACHABLE]:
                raise _make_unanswered_request_error() from refusal
            return None


def _make_unanswered_request_error() -> ConsoleError:
    """Return the error outcome_unknown about a desk request whose answer this desk didn't get: a worker may still
    execute the request."""
    return ConsoleError(ErrorCode.OUTCOME_UNKNOWN, {"reason": OutcomeUnknownReason.WORKER_ANSWER_MISSING})


def _format_arguments(arguments: tuple[object, ...]) -> str:
    """Return the arguments of a command as JSON text, with a placeholder in place of a file."""
    json_values = [{FILE_PLACEHOLDER_KEY: part.name} if isinstance(part, Path) else part for part in arguments]
    return json.dumps([answer_serialization.serialize_value(value) for value in json_values], ensure_ascii=False)


def _move_list_to_file(arguments: tuple[object, ...]) -> tuple[str, bytes | None]:
    """Return the arguments of a command as JSON text with a placeholder in place of the first list, and this list as
    the content of the request's file. If no argument is a list, or if the list is longer than LARGEST_LIST_BYTES,
    return the whole arguments as text, and None."""
    index = next((index for index, argument in enumerate(arguments) if isinstance(argument, tuple)), None)
    if index is None:
        return _format_arguments(arguments), None
    content = json.dumps(answer_serialization.serialize_value(arguments[index])).encode()
    if len(content) > LARGEST_LIST_BYTES:
        return _format_arguments(arguments), None
    placeholder = {LONG_LIST_PLACEHOLDER_KEY: len(content)}
    return _format_arguments((*arguments[:index], placeholder, *arguments[index + 1 :])), content


def _read_file_content(path: Path) -> bytes:
    """Return the content of a file. Raises no_evidence if the file can't be read, or if it has more than
    LARGEST_FILE_BYTES. A desk without a worker raises the same error for such a file.
    """
    try:
        with open_ordinary_file(path) as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ConsoleError(ErrorCode.NO_EVIDENCE, {"file": str(path), "problem": ForeignText(str(error))}) from error
    if len(content) > LARGEST_FILE_BYTES:
        raise ConsoleError(ErrorCode.NO_EVIDENCE, {"problem": "too_large", "largest": LARGEST_FILE_BYTES})
    return content
