"""What payments mean for the accounts that limit how much may be held for a corporation."""

from console.domain.money import Money
from console.domain.order_records import Account, Payment
from console.services import payment_work
from console.services.desk import Desk
from console.store import accounts, payments, set_asides
from console.store.engine import Transaction


def account_of(tx: Transaction, payment: Payment) -> Account | None:
    """The account that a payment counts towards; None where nothing limits it."""
    number = payment.corporation_number
    return accounts.of(tx.conn, number, payment.currency) if number else None


@accounts.runs_again()
def book(desk: Desk, tx: Transaction, payment: Payment, amount: Money) -> None:
    """Count what was paid instead of what was reserved for it. It can't be refused any more: whatever exceeds the
    limit is set aside, and its refund is proposed.
    """
    account = account_of(tx, payment)
    if account is None:
        return
    accepted = accounts.book(tx.conn, account, amount.minor, payment.account_minor)
    excess = amount.minor - accepted
    if excess > 0:
        payments.set_aside(tx.conn, payment.id, excess, desk.now())
        set_asides.insert(tx.conn, payment, account.id, excess, desk.now())
        observed = f"{excess} of {amount.minor} {amount.currency}"
        payment_work.open_case(desk, tx, payment.id, "set_aside", observed, f"at most {account.limit_minor}")


def release(tx: Transaction, payment: Payment) -> None:
    """Give up what a payment that ended unpaid had reserved."""
    account = account_of(tx, payment)
    if account is not None:
        accounts.release(tx.conn, account.id, payment.account_minor)


def take_back(tx: Transaction, payment: Payment) -> None:
    """What is left of a payment that was reversed is held no more."""
    account = account_of(tx, payment)
    if account is not None:
        accounts.give_back(tx.conn, account.id, payment.left_minor)
