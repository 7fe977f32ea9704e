"""Tests of the ledger of payments in the sandbox: no sequence of random steps loses money or creates money."""

import random
from datetime import UTC, datetime

import pytest

from console.sandbox import SandboxControl
from console.sandbox.control.client import SandboxError
from console.sandbox.environment.clock import SandboxClock
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.payments.ledger import Payment, PaymentLedger
from console.sandbox.payments.states import STATE_WORDS_BY_PROVIDER

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class RandomLedgerSteps:
    """A ledger with one payment, and the random steps that a test executes on it."""

    def __init__(self, provider: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.settings = SandboxSettings(waits_for_manual_settling=True)
        self.ledger = PaymentLedger(SandboxClock(lambda: NOW), self.settings, lambda: None)
        provider_words = STATE_WORDS_BY_PROVIDER[provider]
        self.payment = self.ledger.add_payment(
            Payment(
                provider,
                "M",
                "P",
                10_000,
                "JPY",
                provider_words.payment_words["created"],
                NOW,
                details={"product": "NSE"},
            )
        )

    def do_random_step(self) -> None:
        self.chance.choice(
            (
                self.move_payment,
                self.refund_random_amount,
                self.refund_random_amount,
                self.settle_payment,
                self.end_refund,
            )
        )()

    def move_payment(self) -> None:
        self.ledger.change_payment_state(
            self.payment, self.chance.choice(list(self.payment.provider_words.payment_words))
        )

    def refund_random_amount(self) -> None:
        """Refund a random amount if the simulated provider's own checks allow the refund."""
        amount = self.chance.randint(1, 4000)
        if self.payment.is_captured and amount <= self.payment.remaining_minor:
            self.ledger.accept_refund(self.payment, f"R{self.chance.randint(1, 5)}", amount)

    def settle_payment(self) -> None:
        self.settings.waits_for_manual_settling = False
        self.ledger.find_payment(self.payment.provider, "P")
        self.settings.waits_for_manual_settling = True

    def end_refund(self) -> None:
        waiting = [r for r in self.payment.refunds if r.state in self.payment.provider_words.accepted_states]
        for refund in waiting[:1]:
            self.ledger.change_refund_state(refund, self.chance.choice(["completed", "failed"]))


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("seed", range(20))
def test_money_is_conserved(provider: str, seed: int) -> None:
    """After each random step, the captured sum is nothing or the whole amount, and the accepted refunds and the
    reversed sum are together at most the captured sum."""
    steps = RandomLedgerSteps(provider, seed)
    payment = steps.payment
    for _ in range(80):
        steps.do_random_step()
        assert payment.captured_minor in (0, 10_000)
        assert payment.accepted_refunds_minor + payment.reversed_minor <= payment.captured_minor
        assert 0 <= payment.refunded_minor <= payment.accepted_refunds_minor


def test_a_refund_made_twice_has_two_ledger_entries() -> None:
    """If the provider makes one refund twice, the ledger has two entries with the same key, and the remaining sum of
    the payment is negative.
    """
    steps = RandomLedgerSteps("paypay", 1)
    steps.ledger.change_payment_state(steps.payment, "paid")
    refund = steps.ledger.accept_refund(steps.payment, "R", 6000)
    steps.ledger.repeat_refund(refund.serial)
    assert [entry.key for entry in steps.ledger.list_refunds("R")] == ["R", "R"]
    assert (steps.payment.accepted_refunds_minor, steps.payment.remaining_minor) == (12_000, -2_000)
    assert steps.ledger.refund_count == 2


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_test_adds_payments_made_elsewhere(control: SandboxControl, provider: str) -> None:
    """Through the control API a test can add a payment with its refunds to the ledger, and choose their ids, states
    and times.
    """
    at = "2026-11-18T03:00:00.000Z"
    given = [
        {"key": "R-1", "amount_minor": 1000, "at": at, "id": "771"},
        {"key": "R-2", "amount_minor": 300, "state": "accepted"},
    ]
    control.change_settings(waits_for_manual_settling=True)
    known = control.payments_control.register_payment(
        provider, "ORD-9", 3300, at=at, id="4212345678900000001", refunds=given
    )
    assert (known["id"], known["created"], known["paid"]) == ("4212345678900000001", at, at)
    assert (known["refunded_minor"], known["accepted_minor"], known["left_minor"]) == (1000, 1300, 2000)
    assert [(one["key"], one["done"]) for one in known["refunds"]] == [("R-1", True), ("R-2", False)]
    assert (known["refunds"][0]["id"], known["refunds"][0]["at"]) == ("771", at)
    with pytest.raises(SandboxError):
        control.payments_control.register_payment(provider, "ORD-10", 100, id="4212345678900000001")
    others = {control.payments_control.register_payment(provider, f"ORD-{n}", 100)["id"] for n in range(11, 14)}
    assert "4212345678900000001" not in others
    assert len(others) == 3
