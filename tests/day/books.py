"""Compares the amounts in our database exactly with the providers' ledgers, and checks the stock reservations and the
cases.
"""

from collections import Counter
from collections.abc import Iterator

from tests.day.facts import PLANNED_RULES, DayFacts, TableRow

_PAID_STATES = frozenset({"payment_success", "callback_received", "signature_verified", "completed"})
_STATES_THAT_RESERVE = frozenset({"requested", "approved", "submitting", "submitted"})


def check_books(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each difference between our database and the providers' ledgers: of a payment's amounts or
    state, of the sums per provider, and of each refund. Also yield one for each order that was charged twice, and for
    each payment whose amounts differ from the sums of its refunds.
    """
    theirs = {(str(one["provider"]), str(one["number"])): one for one in facts.ledger}
    ours = {(str(row["provider"]), str(row["merchant_payment_id"])): row for row in facts["payments"]}
    for key in sorted(theirs.keys() - ours.keys()):
        yield f"books: the provider's payment {key} is not ours"
    for key, row in ours.items():
        yield from _compare_payment(key, row, theirs.get(key))
    yield from _compare_sums(ours, theirs)
    yield from _find_double_charges(facts, theirs)
    yield from _compare_refunds(facts)


def _compare_payment(key: tuple[str, str], ours: TableRow, provider_side: TableRow | None) -> Iterator[str]:
    """Yield a sentence for each difference of one payment. `key` is (provider, payment number), `ours` the row in our
    database, `provider_side` the row in the provider's ledger; None if the provider doesn't have the payment.
    """
    captured = int(provider_side["captured_minor"]) if provider_side else 0
    if int(ours["captured_minor"]) != captured:
        yield f"books: {key} captured {ours['captured_minor']} here, {captured} there"
    refunded = int(provider_side["refunded_minor"]) if provider_side else 0
    if int(ours["refunded_minor"]) != refunded:
        yield f"books: {key} refunded {ours['refunded_minor']} here, {refunded} there"
    accepted = int(provider_side["accepted_minor"]) if provider_side else 0
    if not refunded <= accepted <= int(ours["refunded_minor"]) + int(ours["reserved_minor"]) <= captured:
        yield f"books: {key} refunds of {accepted} there: {dict(ours)}"
    is_paid_there = captured > 0 and not (provider_side and provider_side["reversed_minor"])
    if is_paid_there != (ours["status"] in _PAID_STATES):
        yield f"books: {key} is {ours['status']} here, and {provider_side and provider_side['state']} there"
    if provider_side is not None and provider_side["currency"] != ours["currency"]:
        yield f"books: {key} in {ours['currency']} here, in {provider_side['currency']} there"


def _compare_sums(
    ours: dict[tuple[str, str], TableRow], provider_side: dict[tuple[str, str], TableRow]
) -> Iterator[str]:
    """Yield a sentence for each provider whose sum of captured or refunded money differs from the sum in our
    database. Both mappings have the rows by (provider, payment number)."""
    for name in ("captured_minor", "refunded_minor"):
        for provider in ("paypay", "atom"):
            here = sum(int(row[name]) for key, row in ours.items() if key[0] == provider)
            there = sum(int(row[name]) for key, row in provider_side.items() if key[0] == provider)
            if here != there:
                yield f"books: {provider} {name} in sum {here} here, {there} there"


def _find_double_charges(facts: DayFacts, provider_side: dict[tuple[str, str], TableRow]) -> Iterator[str]:
    """Yield a sentence for each order of which more than one payment was captured."""
    captured = Counter[int]()
    for row in facts["payments"]:
        there = provider_side.get((str(row["provider"]), str(row["merchant_payment_id"])))
        captured[int(row["order_id"] or 0)] += bool(there and there["captured_minor"])
    orders = facts.get_rows_by_id("orders")
    for order, much in captured.items():
        if much > 1:
            yield f"books: order {orders[order]['merch_txn_id']} was charged {much} times"


def _compare_refunds(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each wrong refund: one that the provider has made twice, or for another payment or amount;
    one that has no row in our database; one whose states differ. Also yield the results of
    `_compare_reserved_amounts`.
    """
    payments = facts.get_rows_by_id("payments")
    ours = {str(row["provider_refund_key"]): row for row in facts["refunds"] if row["provider_refund_key"]}
    theirs = [refund for payment in facts.ledger for refund in payment["refunds"]]
    for key, much in Counter(str(refund["key"]) for refund in theirs).items():
        if much > 1:
            yield f"books: refund {key} was made {much} times"
    for refund in theirs:
        row = ours.get(str(refund["key"]))
        if row is None:
            yield f"books: refund {refund['key']} of {refund['payment']} is none of ours"
            continue
        number = payments[int(row["payment_id"])]["merchant_payment_id"]
        if (number, int(row["refund_amount"])) != (refund["payment"], int(refund["amount_minor"])):
            there = f"{refund['amount_minor']} of {refund['payment']}"
            yield f"books: refund {refund['key']} is {there} there: {dict(row)}"
        if refund["done"] and row["status"] != "completed" and row["work_state"] == "none":
            yield f"books: refund {refund['key']} is done there, and {row['status']} here"
    done = {str(refund["key"]) for refund in theirs if refund["done"]}
    for key, row in ours.items():
        if row["status"] == "completed" and key not in done:
            yield f"books: refund {key} is completed here, and not there"
    yield from _compare_reserved_amounts(facts)


def _compare_reserved_amounts(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each payment whose reserved or refunded amount differs from the sum of its refunds."""
    reserved, refunded = Counter[int](), Counter[int]()
    for row in facts["refunds"]:
        reserved[int(row["payment_id"])] += int(row["refund_amount"]) * (row["status"] in _STATES_THAT_RESERVE)
        refunded[int(row["payment_id"])] += int(row["refund_amount"]) * (row["status"] == "completed")
    for payment in facts["payments"]:
        expected = (reserved[int(payment["id"])], refunded[int(payment["id"])])
        if (int(payment["reserved_minor"]), int(payment["refunded_minor"])) != expected:
            yield f"books: payment {dict(payment)}, its refunds say {expected}"


def check_stock(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each wrong stock reservation. A reservation must stay until its order ends, and must be
    released if its order is cancelled."""
    orders = facts.get_rows_by_id("orders")
    reserved, free = Counter[str](), Counter[str]()
    reservations_by_order = Counter[str]()
    for row in facts["stock_reservations"]:
        order = orders[int(row["order_id"])]
        name = str(order["merch_txn_id"])
        reservations_by_order[name] += 1
        if facts.stock.get(name) != (row["item"], int(row["quantity"])):
            yield f"stock: {name} holds {dict(row)} instead of {facts.stock.get(name)}"
        is_free = row["status"] == "released"
        (free if is_free else reserved)[str(row["item"])] += int(row["quantity"])
        if is_free != (order["status"] == "cancelled"):
            yield f"stock: {row['status']} for {name}, which is {order['status']}"
    for name in sorted(facts.stock.keys() - reservations_by_order.keys()):
        yield f"stock: nothing is reserved for {name}"
    planned = Counter[str]()
    for item, quantity in facts.stock.values():
        planned[item] += quantity
    for item in planned:
        if reserved[item] != planned[item] - free[item]:
            yield f"stock: {item}: {reserved[item]} reserved, {planned[item]} planned, {free[item]} free"


def check_cases(facts: DayFacts) -> Iterator[str]:
    """Yield a sentence for each case about a payment or refund without a planned fault, and for each open case whose
    cause is removed."""
    orders, payments, refunds = (
        facts.get_rows_by_id("orders"),
        facts.get_rows_by_id("payments"),
        facts.get_rows_by_id("refunds"),
    )
    for case in facts["alerts"]:
        if case["rule_id"] in PLANNED_RULES or case["subject_kind"] not in ("payment", "refund"):
            continue
        of_refund = case["subject_kind"] == "refund"
        payment = payments[int(refunds[int(case["subject_id"])]["payment_id"] if of_refund else case["subject_id"])]
        order = orders[int(payment["order_id"])]
        if order["merch_txn_id"] not in facts.broken_rule_by_order:
            yield f"case without a planned fault: {case['rule_id']} of {order['merch_txn_id']}"
        if case["resolved_at"] is not None:
            continue
        is_moved = case["rule_id"] == "not_moved" and order["status"] != "pending"
        is_refunded = payment["captured_minor"] == payment["refunded_minor"] > 0
        if is_moved or (case["rule_id"] == "paid_after_cancel" and is_refunded):
            yield f"case still open: {case['rule_id']} of payment {payment['id']} of {order['merch_txn_id']}"
