"""Tests of the sums of a payment: the captured amount always equals the sum of the remaining, reserved, refunded and
set-aside amounts."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from console.domain.payments.states import PaymentState
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.payments import payments
from tests.store.money_rows import NOW, insert_begun_payment, insert_paid_payment, reread_payment

on_all_engines = pytest.mark.engines("sqlite", "mariadb", "galera")


@dataclass
class ComputedSums:
    """The sums of a payment, computed by the same rules with plain arithmetic, to compare them with the stored
    sums.
    """

    captured_minor: int = 0
    reserved_minor: int = 0
    refunded_minor: int = 0
    set_aside_minor: int = 0

    def apply_change(self, name: str, x: int) -> bool:
        """Apply the balance change `name` of `_BALANCE_CHANGES` with the amount `x` to these sums. If the change
        would break a rule, change nothing and return False.
        """
        after = ComputedSums(self.captured_minor, self.reserved_minor, self.refunded_minor, self.set_aside_minor)
        match name:
            case "reserve":
                after.reserved_minor += x
            case "reserve aside":
                after.reserved_minor, after.set_aside_minor = after.reserved_minor + x, after.set_aside_minor - x
            case "release":
                after.reserved_minor -= x
            case "release aside":
                after.reserved_minor, after.set_aside_minor = after.reserved_minor - x, after.set_aside_minor + x
            case "settle":
                after.reserved_minor, after.refunded_minor = after.reserved_minor - x, after.refunded_minor + x
            case "set aside":
                after.set_aside_minor += x
            case _:
                after.captured_minor = x
        remaining_minor = after.captured_minor - after.reserved_minor - after.refunded_minor - after.set_aside_minor
        allowed = (
            x > 0
            and min(remaining_minor, after.reserved_minor, after.set_aside_minor) >= 0
            and (name != "capture" or x > self.captured_minor)
        )
        if allowed:
            self.captured_minor, self.reserved_minor, self.refunded_minor, self.set_aside_minor = (
                after.captured_minor,
                after.reserved_minor,
                after.refunded_minor,
                after.set_aside_minor,
            )
        return allowed


_BALANCE_CHANGES: dict[str, Callable[[Connection, int, int], bool]] = {
    "reserve": lambda conn, payment_id, x: payments.reserve_amount(conn, payment_id, x, NOW),
    "reserve aside": lambda conn, payment_id, x: payments.reserve_amount(
        conn, payment_id, x, NOW, is_from_set_aside=True
    ),
    "release": lambda conn, payment_id, x: payments.release_amount(conn, payment_id, x, NOW),
    "release aside": lambda conn, payment_id, x: payments.release_amount(
        conn, payment_id, x, NOW, is_to_set_aside=True
    ),
    "settle": lambda conn, payment_id, x: payments.settle_refund(conn, payment_id, x, NOW),
    "set aside": lambda conn, payment_id, x: payments.set_amount_aside(conn, payment_id, x, NOW),
    "capture": lambda conn, payment_id, x: payments.set_captured_amount(conn, payment_id, x, NOW),
}


def read_sums(conn: Connection, payment_id: int) -> ComputedSums:
    one = reread_payment(conn, payment_id)
    assert one.refundable_minor >= 0
    return ComputedSums(one.captured_minor, one.reserved_minor, one.refunded_minor, one.set_aside_minor)


@on_all_engines
def test_sums_change_only_if_arithmetic_allows_it(connection: Connection, seed: int) -> None:
    """Random changes of a payment's sums in random order have amounts below, at and above the limit. The database
    makes a change and raises the payment's version if plain arithmetic allows it; otherwise it changes nothing."""
    draw, expected = random.Random(seed), ComputedSums()
    payment, done = insert_begun_payment(connection), 0
    for _ in range(300):
        name = draw.choice(list(_BALANCE_CHANGES))
        x = draw.choice(
            [-1, 0, 1, expected.reserved_minor, expected.set_aside_minor, draw.randint(1, 40)]
        ) + draw.choice([0, 0, 1])
        x += expected.captured_minor if name == "capture" and draw.random() < 0.5 else 0
        allowed = expected.apply_change(name, x)
        assert _BALANCE_CHANGES[name](connection, payment.id, x) is allowed, (seed, name, x, expected)
        assert read_sums(connection, payment.id) == expected, (seed, name, x)
        done += allowed
    assert reread_payment(connection, payment.id).version == payment.version + done
    assert done > 50


@on_all_engines
def test_more_than_was_captured_is_never_reserved_at_once(database_without_person_triggers: Database) -> None:
    """Many processes reserve parts of a payment at the same moment. Together they reserve the captured amount and no
    more."""
    with database_without_person_triggers.write_without_retries() as tx:
        payment = insert_paid_payment(tx.conn, "ORD-crowd", minor=5)

    def reserve_amount(_: int) -> bool:
        return database_without_person_triggers.write(lambda tx: payments.reserve_amount(tx.conn, payment.id, 1, NOW))

    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(reserve_amount, range(12)))
    with database_without_person_triggers.read() as conn:
        assert (sum(got), read_sums(conn, payment.id)) == (5, ComputedSums(5, 5))


def test_no_amount_of_a_reversed_payment_is_reserved(connection: Connection) -> None:
    """For a reversed payment no amount can be reserved for a refund, either of the remaining or of the set-aside
    amount."""
    payment = insert_paid_payment(connection)
    assert payments.set_amount_aside(connection, payment.id, 100, NOW)
    payments.change_payment(connection, reread_payment(connection, payment.id), NOW, status=PaymentState.REVERSED)
    assert not payments.reserve_amount(connection, payment.id, 1, NOW)
    assert not payments.reserve_amount(connection, payment.id, 1, NOW, is_from_set_aside=True)


@pytest.mark.parametrize(("reported_minor", "minor_after"), [(0, 300), (None, None), (1_000, 1_000), (299, 300)])
def test_a_completed_refund_makes_no_mismatch(
    connection: Connection, reported_minor: int | None, minor_after: int | None
) -> None:
    """When a refund is completed, its amount is added to the refunded amount that the provider last reported for the
    payment, if that report doesn't contain it yet. So the payment shows no mismatch until the provider is asked
    again.
    """
    payment = insert_paid_payment(connection)
    payments.change_payment(
        connection, reread_payment(connection, payment.id), NOW, provider_refunded_minor=reported_minor
    )
    assert payments.reserve_amount(connection, payment.id, 300, NOW)
    assert payments.settle_refund(connection, payment.id, 300, NOW)
    assert (
        reread_payment(connection, payment.id).refunded_minor,
        reread_payment(connection, payment.id).provider_refunded_minor,
    ) == (300, minor_after)


def test_a_changed_sum_is_in_the_change_feed(connection: Connection) -> None:
    """A change of a payment's sums adds an entry to the change feed; a refused change adds none."""
    payment = insert_paid_payment(connection)
    mark, _ = change_feed.list_changes_since(connection, None)
    assert not payments.reserve_amount(connection, payment.id, 9_999, NOW)
    mark, news = change_feed.list_changes_since(connection, mark)
    assert news == ()
    assert payments.reserve_amount(connection, payment.id, 1, NOW)
    assert change_feed.list_changes_since(connection, mark)[1] == ((payments.PAYMENT_KIND, payment.id),)


def test_a_change_of_sums_leaves_other_payments_unchanged(connection: Connection) -> None:
    """A change of the sums changes only the row of the payment with the given id."""
    one, other = insert_paid_payment(connection, "ORD-1"), insert_paid_payment(connection, "ORD-2")
    assert payments.reserve_amount(connection, one.id, 1_000, NOW)
    assert reread_payment(connection, other.id) == other
    assert not payments.reserve_amount(connection, 99_999, 1, NOW)
