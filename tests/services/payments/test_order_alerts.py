"""An order's page says why its alert is open and where it is settled, as the facts are at this moment."""

import pytest

from console.domain.payments.service_results import OrderDetails
from tests.services.alerts.test_evaluate import Looks
from tests.support.desks import MovedClock
from tests.support.payment_desks import Scene

pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def looks(scene: Scene, clock: MovedClock) -> Looks:
    return Looks(scene, clock)


def view(looks: Looks) -> OrderDetails:
    return looks.scene.console.payments.read_order(looks.scene.order_now("ORD-1").id)


def test_a_pending_order_of_a_paid_payment(looks: Looks) -> None:
    """From when it is told on, and no longer than the facts are so."""
    payment = looks.behind()
    assert view(looks).alert is None
    looks.after_grace()
    seen = view(looks)
    assert seen.alert is not None
    assert (seen.alert.alert.rule_id, seen.alert.action, seen.alert.id) == ("A", "open", payment)
    assert seen.explanation.verdict == "verdict.order_alert_A_short"
    looks.shop("total_amount = 3300")
    covered = view(looks)
    assert covered.alert is not None
    assert (covered.alert.action, covered.explanation.why) == ("move_order", "why.order_alert_A")
    looks.scene.payments.set_order_paid(payment)
    fits = view(looks)
    assert (fits.alert, fits.explanation.verdict) == (None, "verdict.order_paid"), "before the rules look again"


def test_the_other_rules(looks: Looks) -> None:
    """Money for a cancelled order, and an order that is paid by nothing."""
    payment = looks.late()
    looks.run()
    seen = view(looks)
    assert (seen.explanation.why, seen.alert and seen.alert.action) == ("why.order_alert_C_cancelled", "refund")
    assert seen.explanation.facts["payment"] == payment


def test_an_order_that_is_paid_by_nothing(looks: Looks) -> None:
    payment = looks.begun()
    looks.shop("status = 'paid'")
    looks.after_grace()
    seen = view(looks)
    assert (seen.explanation.why, seen.alert and seen.alert.id) == ("why.order_alert_B", payment)
