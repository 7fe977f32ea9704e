"""Outcome of a call to a provider. Each call gets exactly one outcome class, even if an error of the network or of
the program ended it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class OutcomeClass(StrEnum):
    """Class of the outcome of a call. SUCCEEDED: the provider has executed the call; FAILED_DEFINITE: the provider
    has certainly not executed it; PENDING: accepted, not ended; NOT_FOUND: the provider doesn't have the record;
    AUTH: the provider refused the credentials; RATE_LIMITED: too many calls; UNKNOWN: the call may have been
    executed. If an answer to a call that costs money has a code, status or field that isn't in the adapter's tables,
    the class is UNKNOWN.
    """

    SUCCEEDED = "SUCCEEDED"
    PENDING = "PENDING"
    FAILED_DEFINITE = "FAILED_DEFINITE"
    UNKNOWN = "UNKNOWN"
    NOT_FOUND = "NOT_FOUND"
    AUTH = "AUTH"
    RATE_LIMITED = "RATE_LIMITED"


OUTCOME_CLASSES_WITH_EFFECT = (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING)
"""Classes of outcomes in which the effect has happened or the provider has accepted it; the claim stays in force."""


class SendingCertainty(StrEnum):
    """Certainty that a byte of the request has reached the provider: it certainly has not (NO), possibly has (MAYBE),
    or certainly has (YES).
    """

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T_co]):
    """Outcome of one call to a provider.

    `kind` is its class. `reason` is a stable code (`read_timeout`, `http_503`, `other_number`, …). `sent` states if a
    byte of the request reached the provider. `status` is the HTTP status, None if no answer came; `content` the
    parsed content of the answer, None if there is none or it can't be used. `evidence` is the redacted text of the
    body, `sha256` the hash of the body as received; both are empty without an answer.
    """

    kind: OutcomeClass
    reason: str
    sent: SendingCertainty
    content: T_co | None = None
    status: int | None = None
    evidence: str = ""
    sha256: str = ""

    @property
    def has_success_status(self) -> bool:
        """True if an answer with an HTTP status of success (2xx) came, whatever its content is."""
        return is_success_status(self.status)


def is_success_status(status: int | None) -> bool:
    """True for an HTTP status of success (2xx); False for any other status, and for None (no answer came)."""
    return status is not None and 200 <= status < 300
