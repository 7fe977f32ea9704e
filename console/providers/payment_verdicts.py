"""What a provider's code says in one line of a table: a class and the word of its reason."""

from dataclasses import dataclass

from console.domain.outcomes import OutcomeClass


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row's right half; `reason` is a stable code with words of its own."""

    kind: OutcomeClass
    reason: str


ANSWERED = Verdict(OutcomeClass.SUCCEEDED, "answered")
ACCEPTED = Verdict(OutcomeClass.PENDING, "accepted")
UNLISTED = Verdict(OutcomeClass.UNKNOWN, "unlisted_answer")


def unknown(reason: str) -> Verdict:
    """An answer that settles nothing, and why."""
    return Verdict(OutcomeClass.UNKNOWN, reason)
