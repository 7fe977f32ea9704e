"""Notices that providers send without a request from us, as the adapters read them: signed callbacks and unsigned
hints.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.provider_outcome import OutcomeClass


@dataclass(frozen=True, slots=True)
class Callback:
    """Content of a signed callback. Unless `genuine` is True (the signature is valid), nothing in it may be used as a
    fact.

    - `hint`: the merchant's id of the payment that the callback names, also if it isn't genuine; the services then
      read this payment from the provider. None if it can't be read.
    - `event_id`: the same for each repetition of a callback; empty if it isn't genuine.
    - `kind`, `reason`: as in an Outcome.
    - `report`: None if the callback contains no payment state.
    - `evidence`: the text that may be stored. `sha256` (hex): digest of the body as received.
    """

    genuine: bool
    hint: str | None
    event_id: str
    kind: OutcomeClass
    reason: str
    report: PaymentReport | None
    evidence: str
    sha256: str


@runtime_checkable
class CallbackReader(Protocol):
    """Method of a payment provider that signs its notices."""

    def parse_callback(self, body: bytes) -> Callback:
        """Parse and check a callback; its times are whole seconds. No content of a body makes it raise."""
        ...


@dataclass(frozen=True, slots=True)
class TransactionHint:
    """An unconfirmed event of a payment. The services read the payment's state from the provider before they write
    anything.

    `payment_id` (the provider's id) or `merchant_payment_id` (ours) exists, or both. `event_id` is the same for each
    repetition; if the provider sends none, it is a digest of the fields that distinguish events. `amount` and
    `latest` (the newest time in the notice, UTC) are None if missing or invalid: such a hint is still useful.
    """

    event_id: str
    payment_id: str | None
    merchant_payment_id: str | None
    state: str
    amount: Money | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class ReconFileHint:
    """The reconciliation file of one day can be downloaded from `url`, which contains its own signature."""

    event_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherHint:
    """A well-formed notice of a type that the console ignores."""

    kind: str


Hint = TransactionHint | ReconFileHint | OtherHint
