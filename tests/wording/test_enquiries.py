"""The letter to a provider has the record's numbers, amounts, times and last answer, and no personal data."""

from dataclasses import replace

from console.wording.enquiries import format_enquiry
from tests.domain.recovery.test_decision_table import NOW, PAYMENT, REFUND

SENT_REFUND = replace(
    REFUND, provider_refund_key="RFD-7", provider_refund_id="1519", first_sent_at=NOW, provider_state="PENDING"
)


def test_the_letter_to_a_japanese_provider_is_japanese_and_names_nobody() -> None:
    payment = replace(PAYMENT, provider="paypay", provider_payment_id="0421", payer="payer-77", paid_at=NOW)
    text = format_enquiry(payment, replace(SENT_REFUND, maker="op-a"))
    for fact in ("PayPay", payment.merchant_payment_id, "0421", "RFD-7", "1519", "PENDING", "当社の返金番号", "¥"):
        assert fact in text, fact
    assert "payer-77" not in text
    assert "op-a" not in text


def test_an_enquiry_to_an_indian_provider_is_english_with_both_times() -> None:
    """An enquiry to an Indian provider is English, and gives each time in Japanese and in Indian time. It has no line
    for a fact that isn't known."""
    payment = replace(PAYMENT, provider="atom", provider_payment_id=None, paid_at=NOW, currency="INR")
    text = format_enquiry(payment, None)
    assert "Your payment number" not in text
    assert "Our refund number" not in text
    assert "JST / " in text
    assert "IST" in text
    assert "whether the customer has paid" in text
