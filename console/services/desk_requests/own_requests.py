"""The desk requests of the acting person: list the requests of the last 24 hours with their answers, and withdraw a
request."""

import json

from console.domain.desk_requests.records import OwnRequest, OwnRequestState, StoredRequest
from console.services.guarded import answer_serialization
from console.services.guarded.answer_serialization import CallAnswer
from console.services.process.context import ServiceContext
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.desk_requests import requests

LISTED_REQUEST_AGE_SECONDS = 24 * 3600
"""Age in seconds of the oldest request in the list. The answer to a request id is stored for the same time."""
MAX_LISTED_REQUESTS = 200
_LONGEST_VERSION_CHARACTERS = 40


def withdraw(context: ServiceContext, desk_request_id: str) -> bool:
    """Withdraw the desk request of the acting person with the id `desk_request_id`. Return True if the request is
    withdrawn, so that nothing is sent, and False if a worker has already taken it. A unique index makes sure that a
    request can't be both withdrawn and taken.

    Raises not_allowed for a request of another person. After an error of the database, such as database_unreachable,
    it is not known whether the request is withdrawn; the caller can repeat the call.
    """
    try:
        context.write(lambda tx: requests.insert_withdrawal(tx, desk_request_id, context.spool.desk_id))
    except UniqueViolation:
        return False
    return True


def parse_stored_answer(text: str) -> tuple[CallAnswer, bool]:
    """Parse a stored answer of a desk request. Return the answer, and True if the worker has repeated the answer to
    an earlier call with the same request id. Raises ValueError if `text` isn't a stored answer."""
    content = json.loads(text)
    try:
        return answer_serialization.deserialize_answer(content["answer"]), bool(content["repeated"])
    except (TypeError, KeyError) as malformed:
        raise ValueError("not an answer of a desk request") from malformed


def find_exit_status_and_version(text: str) -> tuple[int | None, str | None]:
    """From an answer that `parse_stored_answer` refuses, return two values: the exit status of the answer's error,
    and the version of the worker's program; None for a value that the answer lacks. The version is a short text
    without control characters.
    """
    try:
        content = json.loads(text)
        status, version = json.loads(content["answer"]).get("status"), content.get("version")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, None
    is_version = isinstance(version, str) and version.isprintable() and len(version) <= _LONGEST_VERSION_CHARACTERS
    return status if type(status) is int else None, version if is_version else None


class OwnDeskRequestService:
    """Lists and withdraws the desk requests that the connected database account has stored. If no worker acts for the
    account's person, the account has stored no desk requests."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def list_recent_requests(self) -> tuple[OwnRequest, ...]:
        """Return the acting person's desk requests of the last 24 hours by the server's clock, newest first, at most
        MAX_LISTED_REQUESTS; empty if no worker acts for this person."""
        context = self._context
        if not context.acts_through_worker:
            return ()
        ids_sent_from_here = context.spool.list_own_requests(context.database_id)
        with context.database.read() as conn:
            stored_requests = requests.list_own_requests(conn, LISTED_REQUEST_AGE_SECONDS, MAX_LISTED_REQUESTS)
        return tuple(
            _make_own_request(stored_request, is_from_this_desk=stored_request.id in ids_sent_from_here)
            for stored_request in stored_requests
        )

    def withdraw(self, desk_request_id: str) -> bool:
        """Withdraw the acting person's desk request with the id `desk_request_id`. Return True if nothing is sent,
        False if a worker has already taken the request. Raises not_allowed for a request of another person."""
        return withdraw(self._context, desk_request_id)


def _make_own_request(stored_request: StoredRequest, *, is_from_this_desk: bool) -> OwnRequest:
    try:
        answer = CallAnswer() if stored_request.result is None else parse_stored_answer(stored_request.result)[0]
    except ValueError:  # a worker of another version wrote it
        answer = CallAnswer()
    is_unanswered = is_from_this_desk and stored_request.state is OwnRequestState.ENDED
    facts = (
        stored_request.id,
        stored_request.at,
        stored_request.action,
        stored_request.subject_kind,
        stored_request.subject_id,
        stored_request.state,
    )
    return OwnRequest(*facts, answer.value, answer.error, is_unanswered)
