"""Every reason that a payment provider's answer can have is told in both languages."""

from pathlib import Path

import console
from console.providers import atom_codes, paypay_codes
from console.wording import LANGUAGES, catalogue
from scripts import word_use

PROVIDERS = Path(console.__file__).parent / "providers"
MAKERS = {
    "Verdict": 1, "unknown": 0, "refused": 0, "denied": 0, "too_fast": 0, "pending": 0, "Unusable": 0,
    "never_sent": 0, "_same": 2,
}  # fmt: skip


def reasons() -> set[str]:
    """From the tables, and from every place that makes one."""
    rows = [*paypay_codes.OWN.values(), *paypay_codes.COMMON.values()]
    rows += [row.verdict for row in paypay_codes.PAYMENT_STATES.values()]
    rows += [row for table in atom_codes.CODES.values() for row in table.values()]
    rows += [row[0] for row in (*atom_codes.REMARKS.values(), *paypay_codes.REFUND_STATES.values())]
    made = {asked.text for asked in word_use.arguments(PROVIDERS, MAKERS)}
    return {row.reason for row in rows} | made | {"callback_refused"}


def test_every_reason_has_a_word() -> None:
    """What a list and a sentence say of an answer."""
    found = reasons()
    assert len(found) > 45
    for language in LANGUAGES:
        assert {reason for reason in found if f"cause.{reason}" not in catalogue(language)} == set()


def test_every_state_has_a_label() -> None:
    """A provider's own state is shown in words, by provider."""
    families = {
        "paypay-payment": paypay_codes.PAYMENT_STATES, "paypay-refund": paypay_codes.REFUND_STATES,
        "atom-payment": atom_codes.PAYMENTS, "atom-refund": atom_codes.REMARKS,
    }  # fmt: skip
    labels = {key for key in catalogue("ja") if key.startswith("provider_state.")}
    assert labels == {
        f"provider_state.{family}.{state.replace(' ', '_')}" for family, table in families.items() for state in table
    }
