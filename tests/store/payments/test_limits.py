"""Tests of the limits of refunds in each currency, and of the limits and balances of corporations' accounts."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from console.domain.payments.records import Account, Limits, SetAsideState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database.engine import Database
from console.store.payments import account_limits as accounts
from console.store.payments import currency_limits as limits
from console.store.payments import set_asides
from tests.store.money_rows import NOW, insert_paid_payment

CORPORATION_NUMBER = "1180301018771"


def open_account(conn: Connection, limit: int = 10_000) -> Account:
    """Open an account of the corporation CORPORATION_NUMBER with this limit, and return the account."""
    return read_account(conn, accounts.open_account(conn, CORPORATION_NUMBER, "JPY", limit))


def read_account(conn: Connection, account_id: int) -> Account:
    """Read the account again, and return its present row."""
    account = accounts.find(conn, account_id)
    assert account is not None
    return account


def test_initial_limits_exist_for_each_currency(connection: Connection) -> None:
    """A new database has separate limits for yen and for paise, with the cooling-off period in seconds. In a currency
    without limits nothing can be refunded.
    """
    assert limits.read_limits(connection, "JPY") == Limits("JPY", 1_000_000, 3_000_000, 500_000, 100_000, 900)
    assert limits.read_limits(connection, "INR") == Limits("INR", 50_000_000, 150_000_000, 25_000_000, 5_000_000, 900)
    assert limits.read_limits(connection, "USD") == Limits("USD", 0, 0, 0, 0, 900)


def test_a_missing_limit_is_the_strictest(connection: Connection) -> None:
    """A limit whose row is missing counts as 0. Rows with unknown names are ignored."""
    connection.execute(text("DELETE FROM limits WHERE currency = 'JPY' AND name = 'second_checker_above'"))
    connection.execute(text("INSERT INTO limits (name, currency, value) VALUES ('per_week', 'JPY', 1)"))
    assert limits.read_limits(connection, "JPY").second_checker_above == 0


def test_reservations_count_against_the_limit_of_an_account(connection: Connection) -> None:
    """An account's reservations count against its limit. A released amount can be reserved again. At most the
    reserved amount can be released."""
    account = open_account(connection)
    assert accounts.reserve_amount(connection, account.id, 6_000)
    assert not accounts.reserve_amount(connection, account.id, 4_001)
    assert accounts.reserve_amount(connection, account.id, 4_000)
    assert not accounts.reserve_amount(connection, account.id, 0)
    assert accounts.release_amount(connection, account.id, 6_000)
    assert not accounts.release_amount(connection, account.id, 4_001)
    assert not accounts.release_amount(connection, account.id, -1)
    assert (
        read_account(connection, account.id).reserved_minor,
        read_account(connection, account.id).available_minor,
    ) == (
        4_000,
        6_000,
    )


@pytest.mark.parametrize(
    ("minor", "released", "accepted", "reserved"),
    [
        (6_000, 0, 6_000, 4_000),
        (6_001, 0, 6_000, 4_000),
        (7_000, 1_000, 7_000, 3_000),
        (11_000, 4_000, 10_000, 0),
        (11_000, 9_000, 10_000, 0),
    ],
)
def test_a_booking_uses_only_the_free_amount(
    connection: Connection, minor: int, released: int, accepted: int, reserved: int
) -> None:
    """A booking for a payment uses the amount that this payment has reserved on the account, and the amount that
    is still free below the account's limit. The booking doesn't use the reservations of other payments, and the
    rest of the payment's amount isn't booked.
    """
    account = open_account(connection)
    assert accounts.reserve_amount(connection, account.id, 4_000)
    assert accounts.book_amount(connection, read_account(connection, account.id), minor, released) == accepted
    assert (
        read_account(connection, account.id).balance_minor,
        read_account(connection, account.id).reserved_minor,
    ) == (
        accepted,
        reserved,
    )


def test_a_booking_on_an_old_version_is_refused(connection: Connection) -> None:
    """A booking by a caller that has read an older version of the account raises StaleRow."""
    account = open_account(connection)
    assert accounts.book_amount(connection, account, 100) == 100
    with pytest.raises(accounts.StaleRow):
        accounts.book_amount(connection, account, 100)
    assert read_account(connection, account.id).balance_minor == 100


def test_a_balance_above_a_lowered_limit_books_nothing_more(connection: Connection) -> None:
    """If the limit of an account was lowered below its balance, nothing more is booked until the balance is below the
    limit again."""
    account = open_account(connection)
    accounts.book_amount(connection, account, 9_000)
    connection.execute(text("UPDATE accounts SET limit_minor = 5000 WHERE id = :id"), {"id": account.id})
    assert accounts.book_amount(connection, read_account(connection, account.id), 100) == 0
    assert not accounts.subtract_from_balance(connection, account.id, 9_001)
    assert accounts.subtract_from_balance(connection, account.id, 4_500)
    assert read_account(connection, account.id).available_minor == 500


def test_a_corporation_has_one_account_per_currency(connection: Connection) -> None:
    """A corporation has at most one account in each currency. A corporation without an account has no limit."""
    account = open_account(connection)
    assert accounts.find_by_corporation(connection, CORPORATION_NUMBER, "JPY") == account
    assert accounts.find_by_corporation(connection, CORPORATION_NUMBER, "INR") is None
    with pytest.raises(IntegrityError):
        open_account(connection)


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_the_limit_of_an_account_is_reserved_once(database_without_person_triggers: Database) -> None:
    """Many payments reserve amounts on one account at the same moment. Together they reserve the limit and no
    more."""
    with database_without_person_triggers.write_without_retries() as tx:
        account_id = accounts.open_account(tx.conn, "2000000000000", "JPY", 5)

    def reserve_amount(_: int) -> bool:
        return database_without_person_triggers.write(lambda tx: accounts.reserve_amount(tx.conn, account_id, 1))

    with ThreadPoolExecutor(8) as threads:
        got = sum(threads.map(reserve_amount, range(12)))
    with database_without_person_triggers.read() as conn:
        assert (got, read_account(conn, account_id).reserved_minor) == (5, 5)


def test_a_set_aside_is_open_until_its_refund(connection: Connection) -> None:
    """A set-aside is first open, then marked as being refunded, and then refunded. If the refund ends without money,
    the set-aside is open again."""
    payment, account = insert_paid_payment(connection), open_account(connection)
    item_id = set_asides.insert_set_aside(connection, payment, account.id, 300, NOW)
    other = set_asides.insert_set_aside(connection, payment, account.id, 200, NOW)
    item = set_asides.find(connection, item_id)
    assert item is not None
    assert (item.amount_minor, item.currency, item.state) == (300, "JPY", SetAsideState.OPEN)
    assert [one.id for one in set_asides.list_open_set_asides(connection, 10)] == [item_id, other]
    assert [one.id for one in set_asides.list_open_set_asides(connection, 10, item_id)] == [other]
    for state in (SetAsideState.REFUNDING, SetAsideState.OPEN, SetAsideState.REFUNDING, SetAsideState.REFUNDED):
        item = set_asides.find(connection, item_id)
        assert item is not None
        set_asides.change_set_aside(connection, item, NOW, state, None if state is SetAsideState.OPEN else 9)
    with pytest.raises(set_asides.StaleRow):
        set_asides.change_set_aside(connection, item, NOW, SetAsideState.REFUNDED, 9)
    first, _ = set_asides.find_by_payment(connection, payment.id)
    assert (first.state, first.refund_id) == (SetAsideState.REFUNDED, 9)
    with pytest.raises(ForbiddenTransition):
        set_asides.change_set_aside(connection, first, NOW, SetAsideState.OPEN, None)
