"""Names of the leases that cover the work on records. A process holds such a lease while it calls a provider about a
record or stores a decision about it. Screens and lists read the holder of a lease by the same name. No I/O.
"""


def make_purchase_lease_name(client_id: str) -> str:
    """Return the name of the lease under which a process buys a credit check for this client. A client's purchases
    run one after another."""
    return f"alarmbox_credit_check_{client_id}"


def make_credit_check_lease_name(record_id: int) -> str:
    """Return the name of the credit check's lease. Re-fetches, probes and decisions of people run under this
    lease, so that only one of them runs at a time."""
    return f"credit_check_{record_id}"


def make_payment_start_lease_name(order_id: int) -> str:
    """Return the name of the lease under which a process starts a payment of the order. Because of it, only one
    process at a time starts a payment of the order."""
    return f"payment_start_{order_id}"


def make_payment_lease_name(payment_id: int) -> str:
    """Return the name of the payment's lease. Probes, decisions and sagas hold this lease, so that only one of them
    works on the payment at a time.
    """
    return f"payment_{payment_id}"


def make_refund_lease_name(payment_id: int) -> str:
    """Return the name of the lease that covers all refunds of the payment. A process holds this lease while it sends
    a refund, probes a refund or stores a decision about it, so that only one of these actions runs at a time."""
    return f"refund_{payment_id}"
