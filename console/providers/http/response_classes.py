"""From an HTTP answer to an outcome: status tables that any vendor may use, and a 2xx read field by field."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.providers.strict_json import Unreadable
from console.providers.transport import HttpAnswer

T = TypeVar("T")
Judge = Callable[[HttpAnswer], Outcome[T]]
Table = Mapping[int, OutcomeClass]

# A status that a table does not list is UNKNOWN: 408, 409, 425 and every 3xx and 5xx among them.
PURCHASE: Table = {
    400: OutcomeClass.FAILED_DEFINITE,  # validation
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # contract or scope
    404: OutcomeClass.FAILED_DEFINITE,  # no such company
    422: OutcomeClass.FAILED_DEFINITE,  # validation
    429: OutcomeClass.RATE_LIMITED,
}
READ: Table = {
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # not permitted, or the viewing period is over
    404: OutcomeClass.NOT_FOUND,
    429: OutcomeClass.RATE_LIMITED,
}
LIST: Table = {401: OutcomeClass.AUTH, 429: OutcomeClass.RATE_LIMITED}

_EVIDENCE_CHARACTERS = 65_536


class Unusable(Exception):
    """A 2xx that does not answer the question; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def shown(body: bytes) -> str:
    """What may be kept of a body: its text, at most 65,536 characters."""
    return body[: 4 * _EVIDENCE_CHARACTERS].decode("utf-8", "replace")[:_EVIDENCE_CHARACTERS]


def judge_by(table: Table, read: Callable[[bytes], T], evidence: Callable[[bytes], str] = shown) -> Judge[T]:
    """A judge: any other status by the table alone, a 2xx by what `read` finds in its body.

    `read` raises Unusable or Unreadable when it finds no answer; that is UNKNOWN, as no status can heal it.
    """

    def judge(answer: HttpAnswer) -> Outcome[T]:
        found, kind, reason = _verdict(answer)
        return Outcome(kind, reason, Sent.YES, found, answer.status, evidence(answer.body), answer.sha256)

    def _verdict(answer: HttpAnswer) -> tuple[T | None, OutcomeClass, str]:
        if not 200 <= answer.status < 300:
            reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
            return None, table.get(answer.status, OutcomeClass.UNKNOWN), reason
        try:
            return read(answer.body), OutcomeClass.SUCCEEDED, "answered"
        except Unusable as error:
            return None, OutcomeClass.UNKNOWN, error.reason
        except Unreadable:
            return None, OutcomeClass.UNKNOWN, "unreadable"

    return judge
