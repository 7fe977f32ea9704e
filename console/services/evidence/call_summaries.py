"""Decide from the source and the summary of stored evidence whether it is an answer to a call, and whether the answer
is usable.
"""

from console.domain.provider_outcome import OutcomeClass

_FAILED_CLASSES = frozenset(map(str, (OutcomeClass.UNKNOWN, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)))
_ANSWERED_CLASSES = frozenset(map(str, (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.NOT_FOUND)))
_UNREQUESTED_CALLS = ("notice", "callback")
"""Last part of the source of evidence that a provider sent by itself: notices and callbacks. They answer no call."""


def is_call(source: str) -> bool:
    """True if evidence with this source is about a call of this program: the provider's answer, or the fact that no
    answer came.
    """
    provider, _, call = source.partition(".")
    return bool(call) and provider != "person" and call not in _UNREQUESTED_CALLS


def classify_answer(summary: str) -> tuple[bool, bool]:
    """Return two flags for the summary of a call: an answer came; the answer was usable. A definite refusal is
    usable.
    """
    words = summary.split()
    outcome = words[2] if words[0] == "HTTP" and len(words) > 2 else words[0]
    has_answer = words[0] == "HTTP" or outcome in _ANSWERED_CLASSES
    return has_answer, has_answer and outcome not in _FAILED_CLASSES
