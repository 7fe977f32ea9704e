"""Tests of invented sample payments and refunds: their contents, and that the desk and the simulated providers agree
where they should.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.cli.json_output import results as cli_json
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Translator
from console.demo import payments as demo_payments
from console.demo.samples import PaymentSample, generate_credit_checks, generate_payments, write_samples
from console.domain.payments.states import RefundState
from console.sandbox import Sandbox, start_sandbox
from console.settings.settings import Settings
from tests.services.test_samples import NOW, SAMPLE_OPERATORS, describe_company, make_samples
from tests.support import payment_desks
from tests.support.desks import make_environment


@cache
def make_payments(count: int = 120) -> tuple[PaymentSample, ...]:
    """Return this number of sample payments for seed 1."""
    return generate_payments(1, datetime.now(UTC), make_samples(), count)


@pytest.fixture
def sample_payment_desk(tmp_path: Path) -> Iterator[tuple[Console, Sandbox]]:
    """Yield a desk with the samples, and a sandbox whose providers have the same payments."""
    with start_sandbox() as sandbox:
        environment = make_environment(tmp_path, sandbox.url, **payment_desks.make_settings(sandbox.url))
        with open_console(Settings.load(environment)) as desk:
            write_samples(
                desk._context, (), SAMPLE_OPERATORS, lambda *_: b"", make_payments()
            )  # credit checks have tests of their own
            demo_payments.register_payments(sandbox, make_payments())
            yield desk, sandbox


def test_the_same_seed_makes_the_same_payments() -> None:
    """Two runs of one seed give equal payments."""
    first, second = (
        generate_payments(7, NOW, generate_credit_checks(7, NOW, describe_company, 100), 80) for _ in range(2)
    )
    assert repr(first) == repr(second)
    assert len(first) == 80
    assert [made.begun_at for made in first] == sorted(made.begun_at for made in first)
    assert max(made.latest_event_at for made in first) <= NOW


def test_samples_have_each_kind_of_payment() -> None:
    """The samples contain each kind of payment that support staff may see, at PayPay and at Atom."""
    kinds = {made.sample_kind for made in make_payments()}
    assert kinds >= {
        "pays_by_itself", "waiting", "unknown", "failed", "expired", "paid_after_cancel", "not_moved", "contradicted",
        "reversed", "set_aside", "refund_asked", "refund_approved", "refund_rejected", "refund_withdrawn",
        "refund_expired", "refund_sent", "refund_unknown", "refund_failed", "refunded", "may_be_reversed", "complete",
    }  # fmt: skip
    assert {made.provider for made in make_payments()} == {"paypay", "atom"}
    refunds = {one.status.value for made in make_payments() for one in made.refunds}
    assert refunds == set(RefundState)


def test_money_of_samples_adds_up(sample_payment_desk: tuple[Console, Sandbox]) -> None:
    """The parts of the captured sum (refundable, reserved, refunded, set aside) add up to it. If the simulated
    provider has the payment, its ledger agrees.
    """
    console, sandbox = sample_payment_desk
    for made in make_payments():
        record = console.payments.read_payment(made.id).record
        parts = (record.refundable_minor, record.reserved_minor, record.refunded_minor, record.set_aside_minor)
        assert min(parts) >= 0
        assert sum(parts) == record.captured_minor
        if made.sample_kind in ("complete", "refunded"):
            provider_payment = sandbox.control.payments_control.read_payment(made.provider, made.merchant_payment_id)
            assert provider_payment["captured_minor"] == record.captured_minor
            assert provider_payment["refunded_minor"] == record.refunded_minor


def test_every_payment_and_refund_explains_itself(sample_payment_desk: tuple[Console, Sandbox]) -> None:
    """Each sample has an explanation in Japanese and English, as text and as JSON; a missing sentence would make this
    test fail.
    """
    console, _ = sample_payment_desk
    translator = Translator()
    kinds = {made.sample_kind: made for made in make_payments()}
    for translator.language in ("ja", "en"):
        for made in kinds.values():
            ids = [("payment", made.id), ("order", made.order_id), *(("refund", one.id) for one in made.refunds)]
            for kind, record_id in ids:
                view = console.recovery.read_record(kind, record_id or 0)
                text = "\n".join(cli_text.format_record_details_lines(view, translator))
                assert not {"{", "None"} & set(text.split()), text
                assert cli_json.build_record_details_json(view, translator)["next_step"]["text"]
                assert kind == "order" or view.timeline, made.sample_kind


def test_an_unknown_sample_refund_is_settled_by_a_probe(sample_payment_desk: tuple[Console, Sandbox]) -> None:
    """A probe settles an unknown refund that the simulated provider has made."""
    console, _ = sample_payment_desk
    unknown_refunds = [
        one
        for made in make_payments()
        for one in made.refunds
        if made.sample_kind == "refund_unknown" and one.sandbox_state
    ]
    assert unknown_refunds
    for one in unknown_refunds:
        with console.acting_as("op-a"):
            assert console.refunds.probe(one.id).state is RefundState.COMPLETED
    requested_refund = next(
        one
        for made in make_payments()
        for one in made.refunds
        if made.sample_kind == "refund_asked" and one.maker == "op-a"
    )
    with console.acting_as("lead-b"):
        assert console.refunds.approve(requested_refund.id).state is RefundState.SUBMITTED


def test_due_tasks_process_all_samples_without_a_failure(sample_payment_desk: tuple[Console, Sandbox]) -> None:
    """The due tasks process all samples without a failure."""
    console, _ = sample_payment_desk
    with console.acting_as("worker"):
        assert {run.task for run in console.recovery.run_all_tasks()} >= {
            "payment_polls",
            "refund_polls",
            "refund_probes",
        }


def test_events_of_samples_are_in_order(sample_payment_desk: tuple[Console, Sandbox]) -> None:
    """A payment expires after its deadline and after its steps have begun. A contradiction is recorded when its
    answer came, and an approver decides after the request.
    """
    console, _ = sample_payment_desk
    for made in make_payments():
        if made.sample_kind == "expired":
            assert made.latest_event_at > made.column_values["payment_expires_at"]
            whats = [event.what for event in console.recovery.read_timeline("payment", str(made.id)).events]
            begun = next(place for place, what in enumerate(whats) if "saga" in what)
            assert whats.index("payment.expired") > begun, whats
        if made.sample_kind == "contradicted":
            assert made.latest_event_at == made.column_values["told_at"]
        for refund in made.refunds:
            entries = console.recovery.read_timeline("refund", str(refund.id)).events
            decided_at = [event.at for event in entries if event.what == "approval"]
            assert len(decided_at) == len(refund.checkers)
            assert all(at > refund.requested_at for at in decided_at)
