"""Rows of accounts: limit and balance of a corporation in one currency. When a payment begins, it reserves a part of
the limit. When it is paid, its amount is added to the balance; refunds and a reversal subtract it again. All amounts
are in minor units. For an amount below 1, `reserve_amount`, `release_amount` and `subtract_from_balance` change
nothing and return False."""

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from console.domain.payments.records import Account
from console.store.database import compare_and_swap
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.compare_and_swap import run_again_if_stale as run_again_if_stale
from console.store.schema.payments import accounts

_AMOUNT_MINOR_PARAMETER: BindParameter[int] = bindparam("amount_minor")
_ACCOUNTS_QUERY = select(
    accounts.c.id,
    accounts.c.corporation_number,
    accounts.c.currency,
    accounts.c.limit_minor,
    accounts.c.balance_minor,
    accounts.c.reserved_minor,
    accounts.c.version,
)
_ACCOUNT_BY_ID_QUERY = _ACCOUNTS_QUERY.where(accounts.c.id == bindparam("account_id"))
_ACCOUNT_OF_CORPORATION_QUERY = _ACCOUNTS_QUERY.where(
    accounts.c.corporation_number == bindparam("corporation_number"), accounts.c.currency == bindparam("currency")
)
_INSERT_ACCOUNT_STATEMENT = insert(accounts)
_UPDATE_ACCOUNT_AMOUNTS_STATEMENT = (
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), _AMOUNT_MINOR_PARAMETER > 0)
    .values(version=accounts.c.version + 1)
)
_RESERVE_AMOUNT_STATEMENT = _UPDATE_ACCOUNT_AMOUNTS_STATEMENT.where(
    accounts.c.limit_minor - accounts.c.balance_minor - accounts.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER
).values(reserved_minor=accounts.c.reserved_minor + _AMOUNT_MINOR_PARAMETER)
_RELEASE_AMOUNT_STATEMENT = _UPDATE_ACCOUNT_AMOUNTS_STATEMENT.where(
    accounts.c.reserved_minor >= _AMOUNT_MINOR_PARAMETER
).values(reserved_minor=accounts.c.reserved_minor - _AMOUNT_MINOR_PARAMETER)
_SUBTRACT_FROM_ACCOUNT_BALANCE_STATEMENT = _UPDATE_ACCOUNT_AMOUNTS_STATEMENT.where(
    accounts.c.balance_minor >= _AMOUNT_MINOR_PARAMETER
).values(balance_minor=accounts.c.balance_minor - _AMOUNT_MINOR_PARAMETER)


def find(conn: Connection, account_id: int) -> Account | None:
    """Return an account by its id; None if there is none."""
    row = conn.execute(_ACCOUNT_BY_ID_QUERY, {"account_id": account_id}).first()
    return Account(*row) if row else None


def find_by_corporation(conn: Connection, corporation_number: str, currency: str) -> Account | None:
    """Return the account of a corporation in a currency; None if there is none, which means that no limit applies."""
    row = conn.execute(
        _ACCOUNT_OF_CORPORATION_QUERY, {"corporation_number": corporation_number, "currency": currency}
    ).first()
    return Account(*row) if row else None


def open_account(conn: Connection, corporation_number: str, currency: str, limit_minor: int) -> int:
    """Insert an account with the limit `limit_minor` (minor units) and return its id. Raises IntegrityError if the
    corporation already has an account in this currency.
    """
    row = {"corporation_number": corporation_number, "currency": currency, "limit_minor": limit_minor}
    key = conn.execute(_INSERT_ACCOUNT_STATEMENT, row).inserted_primary_key
    return int(key[0]) if key else 0


def reserve_amount(conn: Connection, account_id: int, amount_minor: int) -> bool:
    """Reserve `amount_minor` of the account's limit for a payment that begins. Return False, without a write, if
    the limit less balance and reserved amount is smaller than `amount_minor`."""
    return (
        conn.execute(_RESERVE_AMOUNT_STATEMENT, {"account_id": account_id, "amount_minor": amount_minor}).rowcount
        == 1
    )


def release_amount(conn: Connection, account_id: int, amount_minor: int) -> bool:
    """Reduce the account's reserved amount by `amount_minor`, because a payment ended unpaid. Return False, without a
    write, if the account's reserved amount is smaller than `amount_minor`."""
    return (
        conn.execute(_RELEASE_AMOUNT_STATEMENT, {"account_id": account_id, "amount_minor": amount_minor}).rowcount
        == 1
    )


def book_amount(conn: Connection, account: Account, amount_minor: int, released_minor: int = 0) -> int:
    """Add the paid amount `amount_minor` to the account's balance, as far as the limit allows, and return the added
    amount. The caller sets aside the part of the paid amount that exceeds the limit.

    `released_minor`: the amount that the payment had reserved on this account; it is no longer reserved afterwards.
    Raises StaleRow if the account's row has changed since it was read.
    """
    reserved_minor = max(0, account.reserved_minor - released_minor)
    accepted_minor = max(0, min(amount_minor, account.limit_minor - account.balance_minor - reserved_minor))
    new_amounts = {"balance_minor": account.balance_minor + accepted_minor, "reserved_minor": reserved_minor}
    compare_and_swap.update_if_unchanged(conn, accounts, (account.id, account.version), new_amounts)
    return accepted_minor


def subtract_from_balance(conn: Connection, account_id: int, amount_minor: int) -> bool:
    """Reduce the account's balance by `amount_minor` after a refund or a reversal. Return False, without a write, if
    the balance is smaller than `amount_minor`."""
    return (
        conn.execute(
            _SUBTRACT_FROM_ACCOUNT_BALANCE_STATEMENT, {"account_id": account_id, "amount_minor": amount_minor}
        ).rowcount
        == 1
    )
