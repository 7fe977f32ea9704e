"""Tests that each reason in an outcome of a payment provider has a text in Japanese and English."""

from pathlib import Path

import console
from console.providers.atom import status_codes as atom_codes
from console.providers.paypay import result_codes as paypay_codes
from console.wording.sentences.catalogue import LANGUAGES, read_sentences
from scripts import word_use

PROVIDER_PACKAGE_PATH = Path(console.__file__).parent / "providers"
CODE_POSITION_BY_FUNCTION = {
    "CodeVerdict": 1, "make_unknown_verdict": 0, "make_failed_verdict": 0, "make_auth_verdict": 0,
    "make_rate_limited_verdict": 0, "make_pending_verdict": 0, "UnusableAnswer": 0, "make_unsent_outcome": 0,
    "_require_equal": 2,
}  # fmt: skip


def list_outcome_reasons() -> set[str]:
    """Return all reasons of outcomes: those in the tables of codes, and those that the adapters' source code
    states."""
    rows = [*paypay_codes.VERDICTS_BY_CALL_AND_CODE.values(), *paypay_codes.VERDICTS_OF_ALL_CALLS.values()]
    rows += [row.verdict for row in paypay_codes.PAYMENT_STATE_MEANINGS.values()]
    rows += [row for table in atom_codes.VERDICTS_BY_CALL.values() for row in table.values()]
    rows += [
        row[0] for row in (*atom_codes.REFUND_REMARK_MEANINGS.values(), *paypay_codes.REFUND_STATE_MEANINGS.values())
    ]
    made = {argument.text for argument in word_use.find_arguments(PROVIDER_PACKAGE_PATH, CODE_POSITION_BY_FUNCTION)}
    return {row.reason for row in rows} | made | {"callback_refused"}


def test_every_reason_has_a_word() -> None:
    """Each reason of an outcome has a text in Japanese and English."""
    reasons = list_outcome_reasons()
    assert len(reasons) > 45
    for language in LANGUAGES:
        assert {reason for reason in reasons if f"cause.{reason}" not in read_sentences(language)} == set()


def test_every_state_has_a_label() -> None:
    """Each state of PayPay and of Atom has a Japanese text for the screens, under the provider's name, and there is
    no text for another state.
    """
    families = {
        "paypay-payment": paypay_codes.PAYMENT_STATE_MEANINGS,
        "paypay-refund": paypay_codes.REFUND_STATE_MEANINGS,
        "atom-payment": atom_codes.PAYMENT_CODE_MEANINGS,
        "atom-refund": atom_codes.REFUND_REMARK_MEANINGS,
    }
    labels = {key for key in read_sentences("ja") if key.startswith("provider_state.")}
    assert labels == {
        f"provider_state.{family}.{state.replace(' ', '_')}" for family, table in families.items() for state in table
    }
