"""Book payments on the accounts of corporations, subtract refunds and reversals, and release the amounts that
payments have reserved on these accounts. The part of a payment that exceeds the account's limit is set aside.
"""

from console.domain.money import Money
from console.domain.payments.records import Account, Payment, SetAsideState
from console.domain.payments.states import PaymentState
from console.domain.records import WorkReason
from console.services.payments import next_work as payment_work
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.payments import account_limits as accounts
from console.store.payments import payments, set_asides


def find_account(tx: Transaction, payment: Payment) -> Account | None:
    """Return the account of the payment's corporation in the payment's currency; None if there is no such account."""
    number = payment.corporation_number
    return accounts.find_by_corporation(tx.conn, number, payment.currency) if number else None


@accounts.run_again_if_stale()
def book_amount(context: ServiceContext, tx: Transaction, payment: Payment, amount: Money) -> None:
    """Book the paid amount on the payment's account, and release the amount that the payment had reserved on this
    account. Do nothing without an account.

    The payer has already paid, so the part that exceeds the account's limit can't be refused: it is set aside, and
    a case is opened about it.
    """
    account = find_account(tx, payment)
    if account is None:
        return
    accepted_minor = accounts.book_amount(tx.conn, account, amount.minor, payment.account_minor)
    excess = amount.minor - accepted_minor
    if excess > 0:
        payments.set_amount_aside(tx.conn, payment.id, excess, context.now())
        set_asides.insert_set_aside(tx.conn, payment, account.id, excess, context.now())
        observed = f"{excess} of {amount.minor} {amount.currency}"
        payment_work.open_case(
            context,
            tx,
            payment.id,
            WorkReason.SET_ASIDE,
            observed,
            f"at most {account.limit_minor} {amount.currency}",
        )


@payments.run_again_if_stale()
def close_set_aside_case(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    """Close the payment's case about money set aside, unless such money waits for its refund. Call this after a
    set-aside was refunded, and after the payment was reversed."""
    if not has_waiting_set_aside(tx, payment_id):
        payment_work.close_case(context, tx, payment_work.require_payment(tx, payment_id), WorkReason.SET_ASIDE)


def has_waiting_set_aside(tx: Transaction, payment_id: int) -> bool:
    """True if money of the payment is set aside and waits for its refund, or if this refund is open."""
    waiting_states = (SetAsideState.OPEN, SetAsideState.REFUNDING)
    return any(item.state in waiting_states for item in set_asides.find_by_payment(tx.conn, payment_id))


def release_amount(tx: Transaction, payment: Payment) -> None:
    """Release the amount that a payment which ended unpaid has reserved on its account. Do nothing without an
    account."""
    account = find_account(tx, payment)
    if account is not None:
        accounts.release_amount(tx.conn, account.id, payment.account_minor)


def subtract_refunded_amount(tx: Transaction, payment_id: int, amount_minor: int) -> None:
    """Subtract a completed refund of `amount_minor` (minor units) from the account of its payment. Do nothing without
    an account, or if the payment was reversed, because the reversal has subtracted the whole amount. Don't call this
    for the refund of a set-aside: the account never contained the set-aside amount.
    """
    payment = payments.find(tx.conn, payment_id)
    account = find_account(tx, payment) if payment and payment.state is not PaymentState.REVERSED else None
    if account is not None:
        accounts.subtract_from_balance(tx.conn, account.id, amount_minor)


def subtract_reversed_amount(context: ServiceContext, tx: Transaction, payment_id: int) -> None:
    """Subtract the amount of a payment that is reversed now from the balance of its account. The subtracted amount is
    the paid amount without completed refunds (also those done outside) and set-asides, which the balance doesn't
    contain. An open refund is not considered; when it ends later, the balance doesn't change. Also close the case
    about money set aside.
    """
    close_set_aside_case(context, tx, payment_id)
    payment = payment_work.require_payment(tx, payment_id)
    account = find_account(tx, payment)
    if account is None:
        return
    # A refunded set-aside is contained in `refunded_minor`; the others were never booked on the account.
    set_aside_minor = sum(
        item.amount_minor
        for item in set_asides.find_by_payment(tx.conn, payment.id)
        if item.state is not SetAsideState.REFUNDED
    )
    amount_minor = payment.captured_minor - payment.given_back_minor - set_aside_minor
    accounts.subtract_from_balance(tx.conn, account.id, amount_minor)
