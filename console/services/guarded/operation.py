"""How a service describes a guarded operation, and what the pipeline hands back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import OperationState
from console.store.engine import Transaction
from console.store.leases import Lease

T = TypeVar("T")
Progress = Callable[[str], None]
HAPPENED = (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING)
"""It is done, or it was accepted and will be: what was claimed stays claimed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What tx1 claimed: the record, for a purchase the pair that the unique index now holds, for a refund the payment
    with our key towards the provider and the sum.
    """

    kind: str
    id: int
    client_id: str | None
    corporation_number: str | None
    key: str
    fingerprint: str
    payment_id: int | None = None
    provider_key: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Guarded(Generic[T]):
    """One guarded operation, described. All callables run in the caller's thread.

    `check` refuses what can't succeed, before and during waiting. `claim` makes the checks again and writes, in
    tx1. `call` asks the provider, with no transaction open. `record` writes what the outcome means, in tx2.
    `deliver` settles an answer that came too late for tx2, False when there is nothing left to settle. `effect`:
    it costs or moves money.
    """

    action: str
    lease: str | None
    waits: bool
    effect: bool
    check: Callable[[Connection], None]
    claim: Callable[[Transaction, str], Subject]
    call: Callable[[Subject], Outcome[T]]
    record: Callable[[Transaction, Subject, Outcome[T]], None]
    deliver: Callable[[str, Outcome[T]], bool]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A committed tx1."""

    operation_id: str
    fence: int
    subject: Subject
    lease: Lease | None


class Unrecorded(ConsoleError):
    """The call was made and its outcome could not be written: nobody knows it until the answer is delivered, or,
    not even `kept` on the desk, until people decide; the provider's id, if it named one, helps them.
    """

    def __init__(self, claimed: Claimed, *, kept: bool, provider_id: int | str | None) -> None:
        facts = {"reason": "not_recorded" if kept else "not_kept", "operation_id": claimed.operation_id}
        super().__init__("outcome_unknown", {**facts, "provider_id": provider_id})
        self.claimed = claimed


class Settler(Protocol):
    """What a kind of record does about operations that their own process didn't end."""

    def deliver(self, operation_id: str, outcome: Outcome[Any]) -> bool:
        """Settle by an answer that came too late for tx2; False when there is nothing left to settle."""
        ...

    def lapse(self, operation_id: str) -> bool:
        """Write down that the process went away in the middle; False when somebody else did."""
        ...


def error_code(outcome: Outcome[Any]) -> str:
    """The error code for a call that costs or moves money and did not come about."""
    if outcome.kind is OutcomeClass.AUTH:
        return "provider_auth"
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return "rate_limited"
    if outcome.kind is OutcomeClass.FAILED_DEFINITE:
        return "provider_unreachable" if outcome.sent is Sent.NO else "provider_refused"
    return "outcome_unknown"


def ended_state(outcome: Outcome[T], effect: bool) -> OperationState:
    """What the journal says of an outcome. A reading that taught nothing has failed; nobody need settle it."""
    if outcome.kind in HAPPENED:
        return OperationState.DONE
    if outcome.kind in (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED) or not effect:
        return OperationState.FAILED
    return OperationState.UNKNOWN
