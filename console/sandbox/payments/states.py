"""The words of each simulated payment provider for the states of payments and refunds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderStateWords:
    """The words by which one provider names the states of payments and refunds. `payment_words` and `refund_words`
    map common words such as `paid` to the provider's words.

    - `unpaid_states`, `captured_states`, `money_returned_states`: states of a payment before the payer begins, after
      the capture, and after the money was given back
    - `failed_state`: the state of a failed payment
    - `accepted_states`, `refunded_states`, `void_states`: states of a refund that will be executed, was executed, and
      won't be executed
    - `first_payment_id`, `payment_id_digit_count`: the first payment id that the provider assigns, and the number of
      digits of each payment id
    """

    payment_words: dict[str, str]
    refund_words: dict[str, str]
    unpaid_states: frozenset[str]
    captured_states: frozenset[str]
    money_returned_states: frozenset[str]
    failed_state: str
    accepted_states: frozenset[str]
    refunded_states: frozenset[str]
    void_states: frozenset[str]
    first_payment_id: int
    payment_id_digit_count: int

    def get_payment_state(self, word: str) -> str:
        """Return the provider's payment state for a common word (`paid` → COMPLETED or OTS0000). The provider's own
        word is accepted, too.

        Raises `ValueError` for an unknown word.
        """
        return _get_provider_word(word, self.payment_words)

    def get_refund_state(self, word: str) -> str:
        """Return the provider's refund state for a common word (`completed` → REFUNDED or REFUND PROCESSED). The
        provider's own word is accepted, too.

        Raises `ValueError` for an unknown word.
        """
        return _get_provider_word(word, self.refund_words)

    def make_payment_id(self, number: int) -> str:
        """Return the number as a payment id with the provider's number of digits."""
        return f"{number:0{self.payment_id_digit_count}d}"


def _get_provider_word(word: str, words: dict[str, str]) -> str:
    """Return the provider's word for the common word `word`; return a word of the provider unchanged. Raises
    `ValueError` for an unknown word."""
    if word in words:
        return words[word]
    if word in words.values():
        return word
    raise ValueError(f"no state is called {word!r}: {', '.join(words)}")


PAYPAY_STATE_WORDS = ProviderStateWords(
    payment_words={
        "created": "CREATED", "authorized": "AUTHORIZED", "reauthorizing": "REAUTHORIZING", "paid": "COMPLETED",
        "failed": "FAILED", "reversed": "FAILED", "cancelled": "CANCELED", "expired": "EXPIRED", "gone": "GONE",
    },
    refund_words={"accepted": "CREATED", "completed": "REFUNDED", "failed": "REFUND_FAILED"},
    unpaid_states=frozenset({"CREATED", "GONE"}),
    captured_states=frozenset({"COMPLETED"}),
    money_returned_states=frozenset({"FAILED", "CANCELED"}),
    failed_state="FAILED",
    accepted_states=frozenset({"CREATED"}),
    refunded_states=frozenset({"REFUNDED"}),
    void_states=frozenset(),  # PayPay retries a failed refund until it is executed
    first_payment_id=4_212_345_678_900_000_001,
    payment_id_digit_count=20,
)  # fmt: skip

ATOM_STATE_WORDS = ProviderStateWords(
    payment_words={
        "created": "NONE", "opened": "OTS0301", "started": "OTS0351", "pending": "OTS0551", "timeout": "OTS0201",
        "paid": "OTS0000", "forced": "OTS0002", "cancelled": "OTS0101", "failed": "OTS0600", "reversed": "OTS0001",
    },
    refund_words={
        "accepted": "REFUND INITIATED", "pending": "REFUND PENDING", "completed": "REFUND PROCESSED",
        "failed": "REFUND FAILED", "rejected": "REFUND REJECTED",
    },
    unpaid_states=frozenset({"NONE"}),
    captured_states=frozenset({"OTS0000", "OTS0002"}),
    money_returned_states=frozenset({"OTS0001", "OTS0101", "OTS0600"}),
    failed_state="OTS0600",
    accepted_states=frozenset({"REFUND INITIATED"}),
    refunded_states=frozenset({"REFUND PROCESSED"}),
    void_states=frozenset({"REFUND FAILED", "REFUND REJECTED"}),
    first_payment_id=11_000_000_615_892,
    payment_id_digit_count=14,
)  # fmt: skip

STATE_WORDS_BY_PROVIDER = {"paypay": PAYPAY_STATE_WORDS, "atom": ATOM_STATE_WORDS}
