"""The shared state of one sandbox. The simulated providers, the faults and the control API use it."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from console.sandbox.alarmbox.ledger import ChargeLedger
from console.sandbox.alarmbox.oauth import TokenIssuer
from console.sandbox.atom.merchant import RegisteredAtomMerchants
from console.sandbox.environment.clock import SandboxClock, get_machine_time
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.http.call_log import CallLog
from console.sandbox.payments.ledger import PaymentLedger
from console.sandbox.paypay.authentication import RegisteredPayPayKeys
from console.sandbox.registry.published_registry import PublishedRegistry
from console.sandbox.rules.fault_rules import FaultRulebook
from console.sandbox.rules.held_calls import HeldCalls


class SandboxState:
    """State of one sandbox, which the simulated providers and the control API use in several threads: clock,
    settings, charges, payments, keys and tokens, fault rules, held calls, the registry, and the log of calls. The
    parts share no lock: most parts have their own lock, the clock and the settings have no lock.
    """

    def __init__(self, get_time: Callable[[], datetime] = get_machine_time) -> None:
        self.clock = SandboxClock(get_time)
        self.settings = SandboxSettings()
        self.ledger = ChargeLedger()
        self.tokens = TokenIssuer(self.clock, self.settings)
        self.fault_rules = FaultRulebook()
        self.held_calls = HeldCalls()
        self.call_log = CallLog(self.clock)
        self.payment_ledger = PaymentLedger(self.clock, self.settings, self.held_calls.notify_waiters)
        self.paypay_keys = RegisteredPayPayKeys(self.clock)
        self.atom_merchants = RegisteredAtomMerchants()
        self.registry = PublishedRegistry()
        self.notices_ended = 0
        self._pace_lock = Lock()
        self._next_start: dict[str, float] = {}

    def reset(self, *, must_keep_tokens: bool = False) -> None:
        """Restore the sandbox's initial state; held calls end without an effect. `must_keep_tokens`: OAuth clients,
        merchants and tokens stay. The control API also deletes the credit checks and the record of sent notices,
        which are not part of this state."""
        self.fault_rules.remove_rules()
        self.held_calls.drop_calls()
        self.settings.reset()
        self.clock.set_time(None)
        self.clock.set_today(None)
        self.ledger.clear()
        self.payment_ledger.delete_all_payments()
        self.call_log.clear()
        self.registry.reset()
        if not must_keep_tokens:
            self.tokens.reset()
            self.paypay_keys.reset()
            self.atom_merchants.reset()

    def mark_delivered(self, entry_id: int) -> None:
        """Record that the correct answer about a charge or refund was written to the caller completely. `entry_id` is
        the id of the charge or refund in its ledger; if both ledgers lack this id, do nothing."""
        self.ledger.mark_delivered(entry_id)
        self.payment_ledger.mark_delivered(entry_id)

    def record_fault(self, entry_id: int, fault: str) -> None:
        """Record the simulated fault (its action) of the call that made a charge or refund. `entry_id` is the id of
        the charge or refund in its ledger; if both ledgers lack this id, do nothing."""
        self.ledger.record_fault(entry_id, fault)
        self.payment_ledger.record_fault(entry_id, fault)

    def must_refuse_too_fast_call(self, provider: str) -> bool:
        """Return True if a call to the provider must be refused, because less than the setting `spacing_seconds` has
        passed since the provider's last accepted call. Otherwise record the present call as accepted and return
        False."""
        with self._pace_lock:
            now = time.monotonic()
            if now < self._next_start.get(provider, 0.0):
                return True
            self._next_start[provider] = now + self.settings.spacing_seconds
            return False
