"""Request ids of the window's acting calls: the services execute calls with the same id only once."""

import uuid
from collections.abc import Hashable

from console.domain.errors import EXIT_STATUS, ErrorCode
from console.views.runtime.tasks import Failure

_STORED_EXIT_STATUSES = (4, 5)
"""Exit statuses of the failures that the service stores under the request id: a call with the same id would return
the stored failure.
"""


class AttemptIds:
    """The request ids of the attempts that have no answer yet.

    An attempt is a command with its arguments. A second click, and a retry after a lost answer, are the same attempt
    and get the same request id. After an answer, the same command is a new attempt with a new request id.
    """

    def __init__(self) -> None:
        self._ids: dict[Hashable, str] = {}

    def id_of(self, attempt: Hashable) -> str:
        """Return the request id of the attempt. An attempt that is new, or whose last call was answered, gets a new
        id.
        """
        return self._ids.setdefault(attempt, str(uuid.uuid4()))

    def end(self, attempt: Hashable, request_id: str, failure: Failure | None = None) -> None:
        """Forget the attempt's request id if the call was answered: with a value (`failure` is None), or with a
        failure that the service has stored and would return again for the same id. Otherwise keep the id for a retry.
        """
        if self._ids.get(attempt) == request_id and (failure is None or _is_answer(failure)):
            del self._ids[attempt]


def _is_answer(failure: Failure) -> bool:
    """Return True if the failure is a final answer: the service has stored it under the request id, or refuses the
    id. After any other failure, the answer may be lost or the id unused, and a retry must use the same id.
    """
    return EXIT_STATUS.get(failure.code) in _STORED_EXIT_STATUSES or failure.code == ErrorCode.POSSIBLE_REPEAT
