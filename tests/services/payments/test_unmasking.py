"""Tests of unmasking a payer: a person with a reason sees the payer's name for a minute, the audit trail stores the
reason, and all other texts stay masked.
"""

from datetime import timedelta

from console.app import Console
from console.domain.access.permissions import ROLES_BY_RIGHT
from console.domain.payments.records import Payment
from console.domain.payments.unmasking import UNMASKED_SECONDS
from console.sandbox.server import Sandbox
from tests.store.forbidden import NOW_SQL
from tests.support.desks import MovedClock
from tests.support.money_desks import import_paid_payment, make_provider_settings, request_refund
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

PAYER = "PAYER-55512345678"
MASKED_PAYER = "****5678"
ANSWER_WITH_PAYER = f'{{"payer": "{PAYER}"}}'


def make_payment_with_payer(place: Place, console: Console, sandbox: Sandbox) -> Payment:
    """Return a paid payment whose payer is stored in the record and in an answer of the provider."""
    payment = import_paid_payment(console, sandbox, "ORD-1")
    now = NOW_SQL if place.is_server else "'2026-11-20 03:00:00'"
    place.sql(
        f"UPDATE payments SET payer_ref = '{PAYER}', version = version + 1 WHERE id = {payment.id}",
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body)"
        f" VALUES ('payment', {payment.id}, {now}, 'paypay.payment', 'p', 's', 'HTTP 200 {PAYER}',"
        f" '{ANSWER_WITH_PAYER}')",
    )
    return payment


def read_evidence_texts(console: Console, payment: Payment) -> list[str]:
    """Return the summaries and the contents of the payment's evidence."""
    return [text for item in console.payments.read_payment(payment.id).evidence for text in (item.summary, item.body)]


def test_an_unmasked_payer_is_shown_for_a_minute(place: Place, sandbox: Sandbox) -> None:
    """A person who gives a reason sees the payer's name for a minute; another person doesn't. The record, its answers
    and the audit trail stay masked.
    """
    clock = MovedClock()
    with place.open_desk(sandbox, clock, **make_provider_settings(sandbox.url)) as desk:
        payment = make_payment_with_payer(place, desk, sandbox)
        assert any(MASKED_PAYER in text for text in read_evidence_texts(desk, payment))
        assert not any(PAYER in text for text in read_evidence_texts(desk, payment))
        assert desk.recovery.read_unmasked("payment", payment.id) is None
        assert desk.recovery.unmask("payment", payment.id, f"the caller says {PAYER}")
        texts = desk.recovery.read_unmasked("payment", payment.id)
        assert texts is not None
        assert texts.payer == PAYER
        assert ANSWER_WITH_PAYER in texts.answers.values()
        assert 0 < texts.seconds_left <= UNMASKED_SECONDS
        assert not any(PAYER in text for text in read_evidence_texts(desk, payment))
        ((what, detail),) = place.sql("SELECT what, detail FROM audit_log WHERE what LIKE 'payment.unmask%'")
        assert what == "payment.unmask"
        assert f"the caller says {MASKED_PAYER}" in detail
        with place.open_console_of_person(desk, "lead-b") as other:
            assert other.recovery.read_unmasked("payment", payment.id) is None, "another person's minute"
        if not place.is_server:  # a server's rows have the server's time
            clock.offset += timedelta(seconds=UNMASKED_SECONDS)
            assert desk.recovery.read_unmasked("payment", payment.id) is None


def test_an_unmasked_refund_shows_its_payments_payer(place: Place, sandbox: Sandbox) -> None:
    """Unmasking a refund shows the payer of the refund's payment."""
    with place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as desk:
        payment = make_payment_with_payer(place, desk, sandbox)
        refund = request_refund(desk, payment.id)
        desk.recovery.unmask("refund", refund.id, "compare with the letter")
        texts = desk.recovery.read_unmasked("refund", refund.id)
        assert texts is not None
        assert texts.payer == PAYER


def test_a_reason_is_required_and_the_record_must_exist(place: Place, sandbox: Sandbox) -> None:
    """Unmasking is refused without a reason and for a record that does not exist."""
    with place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as desk:
        payment = make_payment_with_payer(place, desk, sandbox)
        assert call_for_refusal(lambda: desk.recovery.unmask("payment", payment.id, " ")).code == "usage"
        assert call_for_refusal(lambda: desk.recovery.unmask("payment", 987_654, "why")).code == "not_found"
        assert call_for_refusal(lambda: desk.recovery.unmask("credit-check", 1, "why")).code == "not_found"
        assert desk.recovery.read_unmasked("payment", payment.id) is None


def test_roles_that_open_records_unmask_payers() -> None:
    """Each role that may open records may unmask payers, except the role of the worker."""
    assert ROLES_BY_RIGHT["unmask"] == ROLES_BY_RIGHT["read"] - {"worker"}
