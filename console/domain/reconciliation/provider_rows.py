"""A provider's history of payments and refunds, row by row, whatever file or list it was read from. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.money import Money
from console.domain.payment_states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing that the provider says happened at `at` (aware UTC): to a payment, or, with `refund`, to a refund of
    it. `key` is its place in the history, the same whenever that is read again; `word` the provider's own word.
    `amount` is what moved, whichever way. At least one of the two numbers of the payment is there.
    """

    key: str
    provider_payment_id: str | None
    merchant_payment_id: str | None
    state: PaymentState
    word: str
    at: datetime
    amount: Money
    refund: RefundState | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is not believed, and why; `provider_payment_id` where at least that could be read."""

    key: str
    reason: str
    provider_payment_id: str | None = None
