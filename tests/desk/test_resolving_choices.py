"""The recovery dialog: results that the facts rule out stay in sight with the reason, the others say what they do."""

from datetime import timedelta

from console.app import Console
from console.sandbox.server import Sandbox
from console.views.money.payment_page import PaymentPage
from console.views.records.evidence_wizard import TEXT_EVIDENCE
from console.views.records.resolve_money_dialog import ResolveMoneyDialog
from console.views.runtime.routes import PaymentRoute
from tests.desk.conftest import Sit
from tests.desk.test_evidence import shown
from tests.support.desks import MovedClock
from tests.support.money_desks import paid


def test_what_the_facts_rule_out_says_why(sit: Sit, console: Console, sandbox: Sandbox) -> None:
    """Of a paid payment the reversal alone is open, and the provider says otherwise: each result has its reason."""
    payment = paid(console, sandbox, "ORD-1")
    person = sit()
    page = shown(person, PaymentRoute(payment.id), PaymentPage)
    assert isinstance(page, PaymentPage)
    page.acts.resolve(payment)
    form = person.dialog(ResolveMoneyDialog).form
    person.until(lambda: bool(form._choices))
    form.kinds[TEXT_EVIDENCE].setChecked(True)
    form.text.edit.insertPlainText("the bank told us")  # type: ignore[union-attr]  # an area
    reasons = {name: words.plain for name, words in form._reason_labels.items()}
    assert not any(radio.isEnabled() for radio in form.outcomes.values())
    assert "already known" in reasons["completed"]
    assert "isn't possible" in reasons["payment_failed"]
    assert "contradicts" in reasons["reversed"]


def test_the_dry_run_names_the_money(sit: Sit, console: Console, sandbox: Sandbox, clock: MovedClock) -> None:
    """What becomes refundable, before and after, as the service works it out."""
    payment = paid(console, sandbox, "ORD-1", minor=3_000)
    clock.offset += timedelta(days=2)  # what the provider said is old by now
    person = sit()
    page = shown(person, PaymentRoute(payment.id), PaymentPage)
    assert isinstance(page, PaymentPage)
    page.acts.resolve(payment)
    form = person.dialog(ResolveMoneyDialog).form
    person.until(lambda: bool(form._choices))
    form.kinds[TEXT_EVIDENCE].setChecked(True)
    form.text.edit.insertPlainText("the bank told us")  # type: ignore[union-attr]  # an area
    form.outcomes["reversed"].setChecked(True)
    assert form.money_effect.plain == "Refundable: ¥3,000 → ¥0"
