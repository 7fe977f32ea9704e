"""Tests of many threads that begin a payment of the same order at the same time. The provider has one payment code,
the database one payment, and the account's limit is reserved once."""

from concurrent.futures import ThreadPoolExecutor

from console.domain.errors import ConsoleError
from console.sandbox.server import Sandbox
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place

THREAD_COUNT = 8


def test_simultaneous_starts_create_one_payment(place: Place) -> None:
    """Threads start the payment of each of four orders eight times at the same moment. Only one start per order
    succeeds; the others get the same payment code or a refusal. The account's limit covers three orders, so the
    provider makes three payment codes and the database has three payments.
    """
    with Sandbox() as sandbox, open_payment_desk(place, sandbox, MovedClock()) as scene:
        scene.insert_account(CORPORATION_NUMBERS[0], 10_000)
        orders = [scene.insert_order(f"ORD-{turn}", 3300, corporation=CORPORATION_NUMBERS[0]) for turn in range(4)]
        with ThreadPoolExecutor(THREAD_COUNT) as pool:
            ends = list(
                pool.map(lambda order: start_payment(scene, order), [order for order in orders for _ in range(8)])
            )
        assert set(ends) <= {"begun", "in_progress", "over_limit", "already_decided"}
        assert len(scene.control.read_requests(call="paypay_create")) == 3
        rows = scene.place.sql("SELECT COUNT(*), COUNT(DISTINCT order_id), SUM(account_minor) FROM payments")
        assert [tuple(map(int, row)) for row in rows] == [(3, 3, 9900)]
        assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(0, 9900)]


def start_payment(scene: PaymentDesk, order: int) -> str:
    """Start a payment of the order. Return "begun", or the error code of the refusal."""
    try:
        scene.payments.start(order, "paypay")
    except ConsoleError as refusal:
        return refusal.code
    return "begun"
