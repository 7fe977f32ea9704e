"""The ledger of payments: money is conserved whatever happens to it, in whatever order."""

import random
from datetime import UTC, datetime

import pytest

from console.sandbox.clock import SandboxClock
from console.sandbox.payment_book import Payment, PaymentBook
from console.sandbox.payment_states import TONGUES
from console.sandbox.settings import Settings

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Till:
    """One book with one payment, and everything that can happen to it."""

    def __init__(self, provider: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.settings = Settings(settle_by_hand=True)
        self.book = PaymentBook(SandboxClock(lambda: NOW), self.settings, lambda: None)
        tongue = TONGUES[provider]
        self.payment = self.book.add(
            Payment(provider, "M", "P", 10_000, "JPY", tongue.words["created"], NOW, details={"product": "NSE"})
        )

    def step(self) -> None:
        self.chance.choice((self.move, self.refund, self.refund, self.settle, self.end_refund))()

    def move(self) -> None:
        self.book.move(self.payment, self.chance.choice(list(self.payment.tongue.words)))

    def refund(self) -> None:
        """As the providers check it."""
        amount = self.chance.randint(1, 4000)
        if self.payment.captured and amount <= self.payment.left_minor:
            self.book.accept(self.payment, f"R{self.chance.randint(1, 5)}", amount)

    def settle(self) -> None:
        self.settings.settle_by_hand = False
        self.book.find(self.payment.provider, "P")
        self.settings.settle_by_hand = True

    def end_refund(self) -> None:
        waiting = [r for r in self.payment.refunds if r.state in self.payment.tongue.accepted]
        for refund in waiting[:1]:
            self.book.move_refund(refund, self.chance.choice(["completed", "failed"]))


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("seed", range(20))
def test_money_is_conserved(provider: str, seed: int) -> None:
    """Captured = left + accepted + reversed at every step, never less than nothing left, none of it invented."""
    till = Till(provider, seed)
    payment = till.payment
    for _ in range(80):
        till.step()
        assert payment.captured_minor == payment.left_minor + payment.accepted_minor + payment.reversed_minor
        assert payment.captured_minor in (0, 10_000)
        assert payment.left_minor >= 0
        assert 0 <= payment.refunded_minor <= payment.accepted_minor


def test_a_repeated_execution_shows() -> None:
    """What the provider refunded twice is two entries of one key, and less than nothing is left."""
    till = Till("paypay", 1)
    till.book.move(till.payment, "paid")
    refund = till.book.accept(till.payment, "R", 6000)
    till.book.repeat(refund.serial)
    assert [entry.key for entry in till.book.refunds("R")] == ["R", "R"]
    assert (till.payment.accepted_minor, till.payment.left_minor) == (12_000, -2_000)
    assert till.book.refund_count == 2
