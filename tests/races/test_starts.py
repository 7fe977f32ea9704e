"""Many threads begin the same order at the same time: it gets one payment code at the provider, one payment here, and
the account's limit is reserved once."""

from concurrent.futures import ThreadPoolExecutor

from console.domain.errors import ConsoleError
from console.sandbox.server import Sandbox
from tests.support.desks import NUMBERS, MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place

STARTERS = 8


def test_simultaneous_starts_create_one_payment(place: Place) -> None:
    """Eight threads begin each of four orders. The second one doesn't wait: it gets the same code, or a refusal that
    names the first payment. The account's limit covers three orders."""
    with Sandbox() as sandbox, open_payment_desk(place, sandbox, MovedClock()) as scene:
        scene.insert_account(NUMBERS[0], 10_000)
        orders = [scene.insert_order(f"ORD-{turn}", 3300, corporation=NUMBERS[0]) for turn in range(4)]
        with ThreadPoolExecutor(STARTERS) as pool:
            ends = list(
                pool.map(lambda order: start_payment(scene, order), [order for order in orders for _ in range(8)])
            )
        assert set(ends) <= {"begun", "in_progress", "over_limit", "already_decided"}
        assert len(scene.control.read_requests(call="paypay_create")) == 3
        rows = scene.place.sql("SELECT COUNT(*), COUNT(DISTINCT order_id), SUM(account_minor) FROM payments")
        assert [tuple(map(int, row)) for row in rows] == [(3, 3, 9900)]
        assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(0, 9900)]


def start_payment(scene: PaymentDesk, order: int) -> str:
    """Begin a payment of the order. Return "begun", or the code of the refusal."""
    try:
        scene.payments.start(order, "paypay")
    except ConsoleError as refusal:
        return refusal.code
    return "begun"
