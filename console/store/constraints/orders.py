"""What the database refuses about orders, which the shop writes and of which the console moves the state."""

from console.domain.records import WorkState
from console.domain.states import ORDER
from console.domain.truth import PAID, WAITING
from console.store.guard_words import RAISED, WORK, Rule, among, same, steps, there_is, unless, word
from console.store.payment_schema import orders

TABLE = orders.name
_OURS = ("work_state", "work_at", "work_reason", "work_attempts", "version")
_MAY_BE_PAID = there_is(
    f"payments p WHERE p.order_id = OLD.id AND (p.status IN {among(WAITING | PAID)} OR p.certainty = 'unknown')"
)
_STEPS = Rule(steps(ORDER, "status"), "no such step of an order")

ADDED_BY_PEOPLE = (Rule("FALSE", "orders are written by the shop"),)
CHANGED_BY_PEOPLE = (
    RAISED,
    Rule(
        same("id", "user_id", "corporation_number", "merch_txn_id", "total_amount", "currency", "payment_method",
             "created_at"),
        "what was ordered is the shop's to write",
    ),
    _STEPS,
    WORK,
    Rule(
        unless(
            "(NEW.status = 'paid' AND OLD.status <> 'paid')",
            there_is("payments p WHERE p.order_id = OLD.id AND p.captured_minor > 0"),
        ),
        "an order is paid by a payment of its own",
    ),
    Rule(
        unless("(NEW.status = 'cancelled' AND OLD.status <> 'cancelled')", f"NOT {_MAY_BE_PAID}"),
        "an order that may be paid isn't cancelled",
    ),
)  # fmt: skip
ADDED_BY_OTHERS = (
    Rule(
        f"{word('NEW.work_state', (WorkState.NONE,))} AND NEW.version = 1 AND NEW.work_attempts = 0"
        " AND COALESCE(NEW.work_at, NEW.work_reason) IS NULL",
        "the shop writes its own columns alone",
    ),
    Rule(word("NEW.status", ORDER), "no such state of an order"),
    Rule("NEW.total_amount >= 0", "an order is of no negative sum"),
)
CHANGED_BY_OTHERS = (
    Rule(same("id", *_OURS), "the shop writes its own columns alone"),
    _STEPS,
    Rule("NEW.total_amount >= 0", "an order is of no negative sum"),
)
DELETED_BY_PEOPLE = (Rule("FALSE", "an order is never deleted"),)
DELETED_BY_OTHERS = DELETED_BY_PEOPLE
