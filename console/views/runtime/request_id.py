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
    """The request ids of the attempts that aren't answered yet.

    An attempt is a command with its arguments. A second click, and a retry after the answer was lost, have the id of
    the first click; after an answer the same click is a new attempt with a new id.
    """

    def __init__(self) -> None:
        self._ids: dict[Hashable, str] = {}

    def id_of(self, attempt: Hashable) -> str:
        """Return the id of the attempt; a new id if the attempt is new or was answered."""
        return self._ids.setdefault(attempt, str(uuid.uuid4()))

    def end(self, attempt: Hashable, request_id: str, failure: Failure | None = None) -> None:
        """Forget the attempt's id if the call was answered: with a value (`failure` is None), or with a failure that
        a retry with the same id would return again.
        """
        if self._ids.get(attempt) == request_id and (failure is None or _is_answer(failure)):
            del self._ids[attempt]


def _is_answer(failure: Failure) -> bool:
    """Return True if the service stored this failure under the request id, or refuses the id. After any other failure
    the answer may be lost or the id unused, so that a retry needs the same id.
    """
    return EXIT_STATUS.get(failure.code) in _STORED_EXIT_STATUSES or failure.code == ErrorCode.POSSIBLE_REPEAT
