"""The request ids of the window's acting calls. The services execute calls with the same request id only once."""

import hashlib
import uuid
from collections.abc import Hashable

from console.domain.errors import EXIT_STATUS, ErrorCode
from console.domain.person_state.retention import ATTEMPT_PREFIX
from console.views.runtime.person_state import PersonValues
from console.views.runtime.tasks import Failure

_STORED_FAILURE_EXIT_STATUSES = (4, 5)
"""Exit statuses of the failures that the service stores under the request id: a call with the same id would return
the stored failure.
"""


class AttemptRequestIds:
    """The request ids of the attempts that have no answer yet.

    An attempt is a command with its arguments. A second click, and a retry after a lost answer, are the same attempt
    and get the same request id. After a final answer (a value, or a failure that the service would return again), the
    same command is a new attempt with a new request id.

    The ids are also stored in the PersonValues, so that a window that is opened after a crash continues an
    attempt with its id. The key of a stored id is a digest of the attempt.
    """

    def __init__(self, person_values: PersonValues | None = None) -> None:
        """`person_values` is the store in which the ids are saved. If it is None, the ids exist only in memory."""
        self._person_values = person_values
        self._id_by_person_and_attempt: dict[tuple[str | None, Hashable], str] = {}
        self._ended_ids: set[str] = set()
        """The ids whose attempts have ended, because the stored values of a person who no longer acts keep theirs."""

    def get_request_id(self, attempt: Hashable) -> str:
        """Return the request id of an attempt (a command with its arguments): the stored id if the attempt has no
        answer yet, otherwise a new one."""
        person = None if self._person_values is None else self._person_values.person
        request_id = self._id_by_person_and_attempt.get((person, attempt))
        if request_id is None:
            stored_id = self._find_stored_id(attempt)
            request_id = str(uuid.uuid4()) if stored_id is None or stored_id in self._ended_ids else stored_id
            self._id_by_person_and_attempt[person, attempt] = request_id
            self._store_request_id(attempt, request_id)
        return request_id

    def _find_stored_id(self, attempt: Hashable) -> str | None:
        if self._person_values is None:
            return None
        stored_id = self._person_values.get_value(_make_stored_id_name(attempt))
        return stored_id if isinstance(stored_id, str) else None

    def end_attempt(self, attempt: Hashable, request_id: str, failure: Failure | None = None) -> None:
        """Remove the request id of an attempt (a command with its arguments) if its call was answered: with a
        value (`failure` is None), or with a failure that the service would return again for the same id.
        Otherwise the id stays for a retry.
        """
        if failure is not None and not _is_final_answer(failure):
            return
        self._ended_ids.add(request_id)
        self._id_by_person_and_attempt = {
            person_and_attempt: stored_id
            for person_and_attempt, stored_id in self._id_by_person_and_attempt.items()
            if stored_id != request_id
        }
        if self._find_stored_id(attempt) == request_id:
            self._store_request_id(attempt, None)

    def _store_request_id(self, attempt: Hashable, request_id: str | None) -> None:
        """Store the request id of the attempt in the PersonValues. If the id is None, remove the stored id of the
        attempt."""
        if self._person_values is not None:
            self._person_values.store(_make_stored_id_name(attempt), request_id)


def _make_stored_id_name(attempt: Hashable) -> str:
    """Return the name under which the request id of an attempt is stored: a digest of the attempt."""
    return ATTEMPT_PREFIX + hashlib.sha256(repr(attempt).encode()).hexdigest()[:32]


def _is_final_answer(failure: Failure) -> bool:
    """Return True if the failure is the final answer to a call: the service has stored the failure under the request
    id, or refuses to use the id again. After any other failure, a retry must use the same id, because the answer may
    have been lost. Also return False if a worker didn't answer this desk.
    """
    if failure.is_answer_missing:
        return False
    return EXIT_STATUS.get(failure.code) in _STORED_FAILURE_EXIT_STATUSES or failure.code == ErrorCode.POSSIBLE_REPEAT
