"""Everything the sandbox remembers, in one place that providers, faults and the control room share."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from console.sandbox.atom_merchant import AtomDoor
from console.sandbox.calllog import CallLog
from console.sandbox.clock import SandboxClock, machine_time
from console.sandbox.holds import Holds
from console.sandbox.ledger import Ledger
from console.sandbox.payment_book import PaymentBook
from console.sandbox.paypay_door import PayPayDoor
from console.sandbox.rules import Rulebook
from console.sandbox.settings import Settings
from console.sandbox.tokens import TokenOffice


class World:
    """Shared state of one sandbox; every part locks for itself."""

    def __init__(self, source: Callable[[], datetime] = machine_time) -> None:
        self.clock = SandboxClock(source)
        self.settings = Settings()
        self.ledger = Ledger()
        self.tokens = TokenOffice(self.clock, self.settings)
        self.rules = Rulebook()
        self.holds = Holds()
        self.log = CallLog(self.clock)
        self.payments = PaymentBook(self.clock, self.settings, self.holds.ring)
        self.paypay_door = PayPayDoor(self.clock)
        self.atom_door = AtomDoor()
        self.notices_ended = 0
        self._pace = Lock()
        self._next_start: dict[str, float] = {}

    def reset(self, *, keep_tokens: bool = False) -> None:
        """As at the start; calls that hang end without any effect."""
        self.rules.clear()
        self.holds.drop()
        self.settings.reset()
        self.clock.set(None)
        self.clock.fix_today(None)
        self.ledger.clear()
        self.payments.clear()
        self.log.clear()
        if not keep_tokens:
            self.tokens.reset()
            self.paypay_door.reset()
            self.atom_door.reset()

    def delivered(self, charge: int) -> None:
        """The true answer about a charge or a refund was written to the caller in full."""
        self.ledger.delivered(charge)
        self.payments.told(charge)

    def happened_under(self, charge: int, fault: str) -> None:
        """Name the fault that accompanied a charge or a refund."""
        self.ledger.happened_under(charge, fault)
        self.payments.happened_under(charge, fault)

    def too_fast(self, provider: str) -> bool:
        """Whether a call starts closer to the provider's one before than `spacing_seconds` allows."""
        with self._pace:
            now = time.monotonic()
            if now < self._next_start.get(provider, 0.0):
                return True
            self._next_start[provider] = now + self.settings.spacing_seconds
            return False
