"""What a provider's answer, or its silence, means: one class per call, whatever went wrong."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class OutcomeClass(StrEnum):
    """Seven meanings; a code, status or field that no table lists is UNKNOWN for a call that costs money."""

    SUCCEEDED = "SUCCEEDED"
    PENDING = "PENDING"
    FAILED_DEFINITE = "FAILED_DEFINITE"
    UNKNOWN = "UNKNOWN"
    NOT_FOUND = "NOT_FOUND"
    AUTH = "AUTH"
    RATE_LIMITED = "RATE_LIMITED"


class Sent(StrEnum):
    """Whether a byte of the request can have reached the provider."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T_co]):
    """One provider call seen from outside.

    `reason` is a stable code (`read_timeout`, `http_503`, `other_number`, …), `status` the HTTP status if one
    arrived, `evidence` the redacted body text, `sha256` the hash of the body as it came, `found` what was read.
    """

    kind: OutcomeClass
    reason: str
    sent: Sent
    found: T_co | None = None
    status: int | None = None
    evidence: str = ""
    sha256: str = ""
