"""Everything the sandbox remembers, in one place that providers, faults and the control room share."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from console.sandbox.calllog import CallLog
from console.sandbox.clock import SandboxClock, machine_time
from console.sandbox.holds import Holds
from console.sandbox.ledger import Ledger
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
        self._pace = Lock()
        self._next_start = 0.0

    def reset(self, *, keep_tokens: bool = False) -> None:
        """As at the start; calls that hang end without any effect."""
        self.rules.clear()
        self.holds.drop()
        self.settings.reset()
        self.clock.set(None)
        self.clock.fix_today(None)
        self.ledger.clear()
        self.log.clear()
        if not keep_tokens:
            self.tokens.reset()

    def too_fast(self) -> bool:
        """Whether a call starts closer to the one before than `spacing_seconds` allows."""
        with self._pace:
            now = time.monotonic()
            if now < self._next_start:
                return True
            self._next_start = now + self.settings.spacing_seconds
            return False
