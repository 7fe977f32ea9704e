"""The payments of the demo: two people refund a payment, and the simulated payer pays one by itself. Afterwards the
provider, the payment and the order agree.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.cli.servers import demo
from console.demo import payments as demo_payments
from console.demo.samples import PaymentSample, generate_payments, write_samples
from console.domain.payments.records import RefundRequest
from console.domain.payments.states import RefundState
from console.sandbox import Sandbox, start_sandbox
from console.settings.settings import Settings
from tests.support.waiting import wait_until


@pytest.fixture
def short_demo(tmp_path: Path) -> Iterator[tuple[Console, Sandbox, tuple[PaymentSample, ...]]]:
    """Yield the console of a demo without credit checks, its sandbox and its sample payments. The credit checks are
    omitted because making them takes long.
    """
    with start_sandbox() as sandbox:
        environment = demo._make_demo_variables(tmp_path, sandbox, has_fast_clock=True)
        with open_console(Settings.load(environment)) as console:
            payments = generate_payments(demo.SAMPLE_SEED, console._context.now(), (), 100)
            write_samples(console._context, (), demo.DEMO_PEOPLE, demo.render_sample_report_pdf, payments)
            demo_payments.register_payments(sandbox, payments)
            yield console, sandbox, payments


def test_two_people_refund_a_payment_of_the_demo(
    short_demo: tuple[Console, Sandbox, tuple[PaymentSample, ...]],
) -> None:
    """In the demo the operator requests a refund, the approver approves it, and the provider executes it once, with
    the demo's own keys.
    """
    console, sandbox, payments = short_demo
    for provider, amount in (("paypay", "500"), ("atom", "5.00")):
        paid = next(made for made in payments if made.sample_kind == "complete" and made.provider == provider)
        with console.acting_as("op-a"):
            refund = console.refunds.request(RefundRequest(paid.id, amount, "デモの返金"))
        with console.acting_as("lead-b"):
            assert console.refunds.approve(refund.id).state is RefundState.SUBMITTED
            assert console.refunds.probe(refund.id).state is RefundState.COMPLETED
        provider_payment = sandbox.control.payments_control.read_payment(provider, paid.merchant_payment_id)
        assert provider_payment["refunded_minor"] == 500


def test_the_simulated_payer_pays_one_payment(
    short_demo: tuple[Console, Sandbox, tuple[PaymentSample, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulated payer pays one open payment after a while; a probe books it and sets its order to paid."""
    console, sandbox, payments = short_demo
    (waiting,) = (made for made in payments if made.sample_kind == demo_payments.KIND_PAID_BY_SIMULATED_PAYER)
    monkeypatch.setattr(demo_payments, "FAST_PAYER_DELAY_SECONDS", 0.01)
    with demo_payments.run_simulated_payer(sandbox, payments, has_fast_clock=True):
        money = sandbox.control.payments_control
        wait_until(
            lambda: bool(money.read_payment(waiting.provider, waiting.merchant_payment_id)["captured_minor"]),
            "the payer pays",
        )
    with console.acting_as("op-a"):
        assert console.payments.probe(waiting.id).state.value == "completed"
        assert console.payments.read_order(waiting.order_id or 0).record.state.value == "paid"


def test_the_demo_prints_one_payment_of_each_kind(
    short_demo: tuple[Console, Sandbox, tuple[PaymentSample, ...]],
) -> None:
    """The demo prints one sample payment of each kind, and the refund of it that waits for a decision, if there is
    one.
    """
    _, _, payments = short_demo
    shown = {one["what"]: one for one in demo_payments.build_listed_payments_json(payments)}
    assert tuple(shown) == demo_payments.LISTED_PAYMENT_SAMPLE_KINDS
    assert shown["refund_asked"]["refunds"]
