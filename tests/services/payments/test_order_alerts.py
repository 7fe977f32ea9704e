"""An order's page shows why the order's alert is open and on which page a person can deal with it, by the present
facts.
"""

import pytest

from console.domain.payments.service_results import OrderDetails
from tests.services.alerts.test_evaluate import AlertRulesDesk
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def rules_desk(scene: PaymentDesk, clock: MovedClock) -> AlertRulesDesk:
    """A desk on this scene with which the tests cause the alerts of orders and run the alert rules."""
    return AlertRulesDesk(scene, clock)


def read_order(rules_desk: AlertRulesDesk) -> OrderDetails:
    """Return the details of the order ORD-1."""
    return rules_desk.scene.console.payments.read_order(rules_desk.scene.read_order("ORD-1").id)


def test_the_page_of_a_pending_order_shows_its_alert(rules_desk: AlertRulesDesk) -> None:
    """An alert is raised about a pending order: the order's page shows the alert until the facts match again."""
    payment = rules_desk.pay_too_little()
    assert read_order(rules_desk).alert is None
    rules_desk.run_after_grace()
    details = read_order(rules_desk)
    assert details.alert is not None
    assert (details.alert.alert.rule_id, details.alert.action, details.alert.id) == ("A", "open", payment)
    assert details.explanation.verdict == "verdict.order_alert_A_short"
    rules_desk.change_order_as_shop("total_amount = 3300")
    covered = read_order(rules_desk)
    assert covered.alert is not None
    assert (covered.alert.action, covered.explanation.why) == ("move_order", "why.order_alert_A")
    rules_desk.scene.payments.set_order_paid(payment)
    fits = read_order(rules_desk)
    assert (fits.alert, fits.explanation.verdict) == (None, "verdict.order_paid"), "before the rules look again"


def test_the_page_of_a_cancelled_order_advises_a_refund(rules_desk: AlertRulesDesk) -> None:
    """An order is cancelled although its payment was paid: the order's page shows the alert of the alert rule C, and
    advises a refund.
    """
    payment = rules_desk.pay_cancelled_order()
    rules_desk.run_alert_rules()
    details = read_order(rules_desk)
    assert (details.explanation.why, details.alert and details.alert.action) == (
        "why.order_alert_C_cancelled",
        "refund",
    )
    assert details.explanation.facts["payment"] == payment


def test_the_page_of_a_paid_order_without_a_paid_payment_shows_its_alert(rules_desk: AlertRulesDesk) -> None:
    """An order is paid although its payment isn't paid: the order's page shows the alert of the alert rule B."""
    payment = rules_desk.start_payment()
    rules_desk.change_order_as_shop("status = 'paid'")
    rules_desk.run_after_grace()
    details = read_order(rules_desk)
    assert (details.explanation.why, details.alert and details.alert.id) == ("why.order_alert_B", payment)
