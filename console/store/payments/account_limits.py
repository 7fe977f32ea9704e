"""How much of a currency may be held for a corporation: reserved when payments begin, booked when they are paid."""

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from console.domain.order_records import Account
from console.store import swaps
from console.store.payment_schema import accounts
from console.store.swaps import Stale as Stale
from console.store.swaps import runs_again as runs_again

_t = accounts.c
_X: BindParameter[int] = bindparam("x")
_ALL = select(
    _t.id, _t.corporation_number, _t.currency, _t.limit_minor, _t.balance_minor, _t.reserved_minor, _t.version
)
_GET = _ALL.where(_t.id == bindparam("of"))
_OF = _ALL.where(_t.corporation_number == bindparam("of"), _t.currency == bindparam("in_currency"))
_INSERT = insert(accounts)
_MOVE = update(accounts).where(_t.id == bindparam("of"), _X > 0).values(version=_t.version + 1)
_RESERVE = _MOVE.where(_t.limit_minor - _t.balance_minor - _t.reserved_minor >= _X).values(
    reserved_minor=_t.reserved_minor + _X
)
_RELEASE = _MOVE.where(_t.reserved_minor >= _X).values(reserved_minor=_t.reserved_minor - _X)
_GIVE_BACK = _MOVE.where(_t.balance_minor >= _X).values(balance_minor=_t.balance_minor - _X)


def find(conn: Connection, account_id: int) -> Account | None:
    row = conn.execute(_GET, {"of": account_id}).first()
    return Account(*row) if row else None


def of(conn: Connection, number: str, currency: str) -> Account | None:
    """The account of a corporation in a currency; None where there is no limit."""
    row = conn.execute(_OF, {"of": number, "in_currency": currency}).first()
    return Account(*row) if row else None


def open_account(conn: Connection, number: str, currency: str, limit_minor: int) -> int:
    """A new account's id; IntegrityError where the corporation has one in this currency."""
    row = {"corporation_number": number, "currency": currency, "limit_minor": limit_minor}
    key = conn.execute(_INSERT, row).inserted_primary_key
    return int(key[0]) if key else 0


def reserve(conn: Connection, account_id: int, minor: int) -> bool:
    """Hold room for a payment that begins; False when there is less."""
    return conn.execute(_RESERVE, {"of": account_id, "x": minor}).rowcount == 1


def release(conn: Connection, account_id: int, minor: int) -> bool:
    """Give up what a payment held; False when less is reserved."""
    return conn.execute(_RELEASE, {"of": account_id, "x": minor}).rowcount == 1


def book(conn: Connection, account: Account, minor: int, released: int = 0) -> int:
    """Book what was paid, as far as there is room; how much was. `released`: what this payment had reserved, given
    up here. The rest is to be set aside. Raises Stale.
    """
    held = max(0, account.reserved_minor - released)
    accepted = max(0, min(minor, account.limit_minor - account.balance_minor - held))
    booked = {"balance_minor": account.balance_minor + accepted, "reserved_minor": held}
    swaps.swap(conn, accounts, (account.id, account.version), booked)
    return accepted


def give_back(conn: Connection, account_id: int, minor: int) -> bool:
    """What had been booked went back to its payer; False when less is booked."""
    return conn.execute(_GIVE_BACK, {"of": account_id, "x": minor}).rowcount == 1
