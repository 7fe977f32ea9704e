"""Protocol of the part of the sandbox's state that the simulated PayPay uses."""

from typing import Protocol

from console.sandbox.environment.clock import SandboxClock
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.payments.ledger import PaymentLedger
from console.sandbox.paypay.authentication import RegisteredPayPayKeys


class PayPayState(Protocol):
    """The part of `SandboxState` that the simulated PayPay reads and changes."""

    clock: SandboxClock
    settings: SandboxSettings
    payment_ledger: PaymentLedger
    paypay_keys: RegisteredPayPayKeys
