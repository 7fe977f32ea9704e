"""Notices that payment providers send without a request from this console, as the adapters read them: signed
callbacks and unsigned hints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, runtime_checkable

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.provider_outcome import OutcomeClass
from console.settings.provider_access import ProviderSettingsT


@dataclass(frozen=True, slots=True)
class SignedCallback:
    """Content of a signed callback. Unless `has_valid_signature` is True, nothing in it may be used as a fact.

    - `merchant_payment_id`: our id of the payment that the callback names, also if the signature isn't valid; the
      services then read this payment from the provider. None if the id can't be read.
    - `event_id`: the id of the reported event, the same for each repetition of a callback; empty if the signature
      isn't valid.
    - `kind`, `reason`: outcome class and reason code, as in an Outcome.
    - `report`: None if the callback contains no payment state or can't be used.
    - `evidence`: the text that may be stored. `sha256` (hex): digest of the body as received.
    """

    has_valid_signature: bool
    merchant_payment_id: str | None
    event_id: str
    kind: OutcomeClass
    reason: str
    report: PaymentReport | None
    evidence: str
    sha256: str


@runtime_checkable
class CallbackReader(Protocol):
    """Protocol of an adapter that reads signed callbacks. An adapter implements it, in addition to PaymentReader, if
    its payment provider signs its notices."""

    def parse_callback(self, body: bytes) -> SignedCallback:
        """Return the content of a callback's body; `has_valid_signature` of the result is True if the callback's
        signature is valid. Times in the result are whole seconds. No content of `body` makes the method raise an
        exception."""
        ...


@dataclass(frozen=True, slots=True)
class TransactionHint:
    """An unsigned notice about an event of a payment. The services read the payment's state from the provider before
    they write anything.

    `payment_id` is the id that the provider has given to the payment, `merchant_payment_id` the id that we have given
    to it. At least one of the two ids is set. `event_id` is the same for each repetition; if the provider sends none,
    it is a digest of the fields in which events differ. `amount` and `newest_time` (the newest time of an event in
    the notice, UTC; not the time at which something expires) are None if they are missing or invalid: such a hint is
    still useful.
    """

    event_id: str
    payment_id: str | None
    merchant_payment_id: str | None
    provider_state: str
    amount: Money | None
    newest_time: datetime | None


@dataclass(frozen=True, slots=True)
class ReconciliationFileHint:
    """An unsigned notice that the provider's reconciliation file of one day can be downloaded from `url`, which
    contains its own signature. `event_id` is the same for each repetition of the notice.
    """

    event_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherHint:
    """A well-formed unsigned notice of a type that the console ignores; `notice_type` is this type."""

    notice_type: str


Hint = TransactionHint | ReconciliationFileHint | OtherHint


@dataclass(frozen=True, slots=True, eq=False)
class HintReader(Generic[ProviderSettingsT]):
    """Functions that read the unsigned notices of a provider. `list_networks` returns the networks (CIDR) from which
    the provider sends notices. `parse_notice` parses a notice's body and raises UnreadableJson for a body that is no
    notice of the provider. `stored_fields`: names of the fields of a notice (a JSON object) that are stored as
    evidence.
    """

    list_networks: Callable[[ProviderSettingsT], Sequence[str]]
    parse_notice: Callable[[bytes], Hint]
    stored_fields: Sequence[str]
