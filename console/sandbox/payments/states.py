"""The words in which each simulated payment provider says how a payment or a refund stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tongue:
    """One provider's words. `words` and `refund_words` translate common ones, so that a test can say `paid`."""

    words: dict[str, str]
    refund_words: dict[str, str]
    unpaid: frozenset[str]
    captured: frozenset[str]
    gone_back: frozenset[str]
    failed: str
    accepted: frozenset[str]
    refunded: frozenset[str]
    void: frozenset[str]
    first_payment: int
    id_digits: int

    def state(self, word: str) -> str:
        """`paid` → COMPLETED or OTS0000; the provider's own words pass. Raises `ValueError`."""
        return _known(word, self.words)

    def refund_state(self, word: str) -> str:
        """`completed` → REFUNDED or REFUND PROCESSED; the provider's own words pass. Raises `ValueError`."""
        return _known(word, self.refund_words)

    def payment_id(self, number: int) -> str:
        return f"{number:0{self.id_digits}d}"


def _known(word: str, words: dict[str, str]) -> str:
    if word in words:
        return words[word]
    if word in words.values():
        return word
    raise ValueError(f"no state is called {word!r}: {', '.join(words)}")


PAYPAY = Tongue(
    words={
        "created": "CREATED", "authorized": "AUTHORIZED", "reauthorizing": "REAUTHORIZING", "paid": "COMPLETED",
        "failed": "FAILED", "reversed": "FAILED", "cancelled": "CANCELED", "expired": "EXPIRED", "gone": "GONE",
    },
    refund_words={"accepted": "CREATED", "completed": "REFUNDED", "failed": "REFUND_FAILED"},
    unpaid=frozenset({"CREATED", "GONE"}),
    captured=frozenset({"COMPLETED"}),
    gone_back=frozenset({"FAILED", "CANCELED"}),
    failed="FAILED",
    accepted=frozenset({"CREATED"}),
    refunded=frozenset({"REFUNDED"}),
    void=frozenset(),  # PayPay tries a failed one again until it is refunded
    first_payment=4_212_345_678_900_000_001,
    id_digits=20,
)  # fmt: skip

ATOM = Tongue(
    words={
        "created": "NONE", "opened": "OTS0301", "started": "OTS0351", "pending": "OTS0551", "timeout": "OTS0201",
        "paid": "OTS0000", "forced": "OTS0002", "cancelled": "OTS0101", "failed": "OTS0600", "reversed": "OTS0001",
    },
    refund_words={
        "accepted": "REFUND INITIATED", "pending": "REFUND PENDING", "completed": "REFUND PROCESSED",
        "failed": "REFUND FAILED", "rejected": "REFUND REJECTED",
    },
    unpaid=frozenset({"NONE"}),
    captured=frozenset({"OTS0000", "OTS0002"}),
    gone_back=frozenset({"OTS0001", "OTS0101", "OTS0600"}),
    failed="OTS0600",
    accepted=frozenset({"REFUND INITIATED"}),
    refunded=frozenset({"REFUND PROCESSED"}),
    void=frozenset({"REFUND FAILED", "REFUND REJECTED"}),
    first_payment=11_000_000_615_892,
    id_digits=14,
)  # fmt: skip

TONGUES = {"paypay": PAYPAY, "atom": ATOM}
