"""Decide from the source and the summary of stored evidence whether the evidence is about a call to a provider,
and whether the provider gave a usable answer. A source is a provider and a call, such as `paypay.refund`; a
summary starts with the HTTP status or the outcome.
"""

from console.domain.provider_outcome import OutcomeClass

_UNUSABLE_OUTCOME_CLASSES = frozenset(map(str, (OutcomeClass.UNKNOWN, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)))
_ANSWERED_OUTCOME_CLASSES = frozenset(
    map(str, (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.NOT_FOUND))
)
_UNREQUESTED_CALL_NAMES = ("notice", "callback", "recon")
"""Last part of the source of evidence that answers no call: notices and callbacks, which a provider sent by itself,
and the daily files with their lines, which are stored again for each reconciliation that reads a stored file.
"""


def is_provider_call(evidence_source: str) -> bool:
    """True if evidence with this source is about a call of this program to a provider, whether the provider has
    answered or not."""
    provider, _, call = evidence_source.partition(".")
    return bool(call) and provider != "person" and call not in _UNREQUESTED_CALL_NAMES


def get_provider(evidence_source: str) -> str:
    """Return the provider in the source of evidence: `paypay` for `paypay.refund`."""
    return evidence_source.partition(".")[0]


def classify_answer(summary: str) -> tuple[bool, bool]:
    """Return two flags for the summary of a call to a provider: True if the provider has answered, and True if its
    answer was usable. A definite refusal is a usable answer. A blank summary, which this program never writes, is no
    answer."""
    summary_words = summary.split() or [""]
    outcome = summary_words[2] if summary_words[0] == "HTTP" and len(summary_words) > 2 else summary_words[0]
    has_answer = summary_words[0] == "HTTP" or outcome in _ANSWERED_OUTCOME_CLASSES
    return has_answer, has_answer and outcome not in _UNUSABLE_OUTCOME_CLASSES
