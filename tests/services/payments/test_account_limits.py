"""What payments mean for the accounts that limit how much may be held for a corporation."""

import pytest

from console.domain.money import Money
from console.domain.payments.records import Payment
from console.services.payments import account_limits as account_money
from tests.services.payments.test_apply_report import P, begun, fact, paid, tell
from tests.support.desks import NUMBERS
from tests.support.payment_desks import Scene

pytestmark = pytest.mark.engines("sqlite")
ONE, OTHER = NUMBERS[0], NUMBERS[1]


def held(scene: Scene) -> list[tuple[object, ...]]:
    """Booked and reserved, account by account."""
    return [tuple(row) for row in scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts ORDER BY id")]


def reserved(scene: Scene, number: str, minor: int) -> Payment:
    """A payment for which room was reserved when it began."""
    which = f"corporation_number = '{ONE}' AND currency = 'JPY'"
    scene.place.sql(f"UPDATE accounts SET reserved_minor = reserved_minor + {minor} WHERE {which}")
    return begun(scene, number, corporation_number=ONE, account_minor=minor)


def test_what_was_paid_is_counted_instead_of_what_was_reserved(scene: Scene) -> None:
    """In the account of its own corporation and currency; what others have reserved stays."""
    scene.account(ONE, 10_000)
    scene.account(OTHER, 10_000)
    scene.account(ONE, 10_000, "INR")
    reserved(scene, "ORD-1", 1000)
    paid(scene, reserved(scene, "ORD-2", 3300))
    assert held(scene) == [(3300, 1000), (0, 0), (0, 0)]
    assert scene.cases() == []


def test_nothing_is_counted_where_nothing_limits(scene: Scene) -> None:
    """Neither for a payment of nobody in particular, nor for a corporation without an account."""
    scene.account(ONE, 10_000)
    assert paid(scene, begun(scene, "ORD-1")).captured_minor == 3300
    assert paid(scene, begun(scene, "ORD-2", corporation_number=OTHER)).captured_minor == 3300
    tell(scene, begun(scene, "ORD-3", corporation_number=OTHER), fact(P.PAYMENT_FAILED, 1))
    assert held(scene) == [(0, 0)]


@pytest.mark.parametrize(
    ("limit", "booked", "excess"),
    [(3300, 3300, 0), (3301, 3300, 0), (3299, 3299, 1), (3000, 3000, 300), (0, 0, 3300)],
)
def test_whatever_exceeds_the_limit_is_set_aside(scene: Scene, limit: int, booked: int, excess: int) -> None:
    """To the yen, as a case with the sums, and its refund is proposed once."""
    scene.account(ONE, limit)
    payment = paid(scene, begun(scene, "ORD-1", corporation_number=ONE))
    assert held(scene) == [(booked, 0)]
    assert (payment.captured_minor, payment.set_aside_minor) == (3300, excess)
    asides = scene.payments.list_set_asides()
    assert [one.record.amount_minor for one in asides] == ([excess] if excess else [])
    told = scene.place.sql("SELECT rule_id, observed, expected FROM alerts")
    expected = [("set_aside", f"{excess} of 3300 JPY", f"at most {limit} JPY")] if excess else []
    assert [tuple(row) for row in told] == expected


@pytest.mark.parametrize("end", [P.PAYMENT_FAILED, P.EXPIRED])
def test_what_ended_unpaid_gives_up_its_room(scene: Scene, end: P) -> None:
    """Its own and no more; it is given up once."""
    scene.account(ONE, 10_000)
    reserved(scene, "ORD-1", 1000)
    ended = tell(scene, reserved(scene, "ORD-2", 3300), fact(end, 1), fact(end, 2))
    assert (held(scene), ended.account_minor) == ([(0, 1000)], 0)


def test_what_was_taken_back_is_held_no_more(scene: Scene) -> None:
    """What is left of it; other money stays booked."""
    scene.account(ONE, 4000)
    paid(scene, begun(scene, "ORD-1", corporation_number=ONE))
    payment = paid(scene, begun(scene, "ORD-2", corporation_number=ONE))
    assert (held(scene), payment.set_aside_minor) == ([(4000, 0)], 2600)
    tell(scene, payment, fact(P.PAYMENT_FAILED, 2))
    assert held(scene) == [(3300, 0)]


def test_of_nobody_nothing_is_given_up_or_taken_back(scene: Scene) -> None:
    alone = begun(scene, "ORD-1")
    scene.context.write(lambda tx: account_money.release_amount(tx, alone))
    scene.context.write(lambda tx: account_money.subtract_reversed_amount(tx, alone))
    scene.context.write(lambda tx: account_money.book_amount(scene.context, tx, alone, Money(3300, "JPY")))
    assert scene.cases() == []
