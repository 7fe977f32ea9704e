"""What the database lets pass about payments, refunds and orders: what our services write, in their order."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store import money_scene as money
from tests.store.forbidden import UTC
from tests.store.guard_lines import Lines, does, honest, said
from tests.store.money_scene import (
    APPROVED,
    ASIDE,
    ASKED,
    BIG,
    CANCELLED,
    DONE,
    GIVEN_UP,
    LATE,
    NOT_DONE,
    SENDING,
    SENT,
    SUBMITTED,
    SUM,
    TWO,
    UNPAID,
    answer,
    payment,
    proof,
    refund,
    refund_row,
    reserve,
    row,
    vote,
)
from tests.support.teams import Team

RELEASED = {"reserved_minor": f"reserved_minor - {SUM}"}
GIVEN_BACK = RELEASED | {"refunded_minor": f"refunded_minor + {SUM}"}
BACK = {"status": "'approved'", "certainty": "'known'"}


class Desk:
    """What one person's client does, all of it in one transaction that is undone; empty when the database let it."""

    def __init__(self, people: Team, lines: Lines) -> None:
        self._people, self._lines = people, lines

    def __call__(self, who: str, *statements: str) -> str:
        return does(self._lines, who, *(honest(one, self._people, who) for one in statements))


@pytest.fixture
def desk(people: Team, lines: Lines) -> Desk:
    return Desk(people, lines)


# ---------------------------------------------------------------- refunds


@pytest.mark.parametrize("who", ["op-a", "lead-b"])
def test_a_request(desk: Desk, who: str) -> None:
    """The sum is reserved, then asked for: all that is left, and with a second checker what is large."""
    assert desk(who, reserve(), refund_row()) == ""
    assert desk(who, reserve(minor=1000), refund_row(minor=1000)) == ""
    large = {"checkers_needed": "2", "sends_after": f"{UTC} + INTERVAL 15 MINUTE"}
    assert desk(who, reserve(BIG, 600_000), refund_row(BIG, 600_000, **large)) == ""
    assert "Duplicate entry" in desk(who, reserve(), refund_row(), reserve(), refund_row())


def test_a_further_request_while_one_is_on_its_way(desk: Desk) -> None:
    """What the first one holds counts too."""
    assert desk("op-a", reserve(SUBMITTED), refund_row(SUBMITTED)) == ""
    assert "own sum" in desk("op-a", reserve(SUBMITTED), refund_row(SUBMITTED, SUM + 1))


def test_a_request_for_what_was_set_aside(desk: Desk) -> None:
    """Taken out of what was set aside, which is marked once the refund is there, and put back with it."""
    taken = payment(ASIDE, set_aside_minor="set_aside_minor - 400", reserved_minor="reserved_minor + 400")
    asked = (taken, refund_row(ASIDE, 400, set_aside_id="1"), "SET @made = LAST_INSERT_ID()")
    marked = money.changed("set_asides", 1, status="'refunding'", refund_id="@made")
    assert desk("op-a", *asked, marked) == ""
    ended = refund("@made", status="'withdrawn'")
    freed = payment(ASIDE, set_aside_minor="set_aside_minor + 400", reserved_minor="reserved_minor - 400")
    assert desk("op-a", *asked, marked, ended, freed, money.changed("set_asides", 1, status="'open'")) == ""


def test_an_approval(desk: Desk) -> None:
    """A vote, then the state; where two are needed the first one leaves it as it is, with the version raised."""
    assert desk("lead-b", vote(ASKED), refund(ASKED, status="'approved'")) == ""
    assert desk("lead-b", vote(TWO), refund(TWO)) == ""
    assert "only an approver" in desk("op-a", vote(ASKED))


def test_a_second_approval(people: Team, desk: Desk) -> None:
    """With the vote of somebody else in the table, the second one decides; not where that one is no approver now."""
    lead = people.names["lead-c"]
    with people.connect("owner") as owner, owner.cursor() as cursor:
        cursor.execute(vote(TWO, f"'{lead}'"))
        decided = desk("lead-b", vote(TWO), refund(TWO, status="'approved'"))
        cursor.execute("UPDATE operators SET roles = 'operator' WHERE name = %s", (lead,))
        demoted = desk("lead-b", vote(TWO), refund(TWO, status="'approved'"))
        cursor.execute("UPDATE operators SET roles = 'approver' WHERE name = %s", (lead,))
        cursor.execute("DROP TRIGGER " + _trigger(cursor, "approvals", "DELETE"))
        cursor.execute(f"DELETE FROM approvals WHERE vote_of = '{TWO}'")
    assert decided == ""
    assert "as many approvers" in demoted


def _trigger(cursor: Any, table: str, event: str) -> str:
    cursor.execute(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        " AND event_object_table = %s AND event_manipulation = %s",
        (table, event),
    )
    return str(cursor.fetchone()[0])


def test_other_decisions(desk: Desk) -> None:
    """An approver declines, the maker withdraws, anybody writes down that the time is over; the sum is free again."""
    declined = refund(ASKED, status="'rejected'", declined_because="'not ours'")
    assert desk("lead-b", declined, payment(ASKED, **RELEASED)) == ""
    assert "an approver declines" in desk("op-a", declined)
    withdrawn = (refund(APPROVED, status="'withdrawn'"), payment(APPROVED, **RELEASED))
    assert desk("op-b", *withdrawn) == ""
    assert "only who asked" in desk("lead-b", *withdrawn)
    assert desk("worker", refund(LATE, status="'expired'"), payment(LATE, **RELEASED)) == ""


@pytest.mark.parametrize("who", ["op-a", "lead-b", "worker"])
def test_sending_and_the_answer(desk: Desk, who: str) -> None:
    """The refund, then the journal; the answer is kept before anything is settled by it, the money moves last."""
    begun = money.sending(APPROVED).replace("UUID(), 'refund.submit'", "'op-new', 'refund.submit'")
    assert desk(who, refund(APPROVED, **SENT), begun) == ""
    assert "only a refund that is approved" in desk(who, begun)
    accepted = {"status": "'submitted'", "certainty": "'known'", "refund_txn_id": "'4711'"}
    assert desk(who, answer("HTTP 200 PENDING accepted"), refund(SENDING, **accepted)) == ""
    done = (answer("HTTP 200 SUCCEEDED answered"), refund(SENDING, **DONE), payment(SENDING, **GIVEN_BACK))
    assert desk(who, *done) == ""
    refused = (answer("HTTP 400 FAILED_DEFINITE no"), refund(SENDING, **NOT_DONE), payment(SENDING, **RELEASED))
    assert desk(who, *refused) == ""
    assert desk(who, answer("UNKNOWN timeout"), refund(SENDING, work_state="'needs_review'")) == ""


def test_never_sent(desk: Desk) -> None:
    """An answer to this very sending, or two that know nothing of it."""
    assert desk("worker", answer("AUTH http_401"), refund(SENDING, **BACK)) == ""
    assert desk("worker", answer("FAILED_DEFINITE refused_connection"), refund(SENDING, **BACK)) == ""
    absent = answer("HTTP 404 NOT_FOUND no", source="paypay.refund_status")
    assert desk("worker", absent, absent, refund(SENDING, **BACK)) == ""


def test_two_people_decide_what_nobody_knows(desk: Desk) -> None:
    """op-b said that it never happened; lead-b says so too. Neither op-b again nor an operator is the second one."""
    second = (proof(GIVEN_UP), refund(GIVEN_UP, **NOT_DONE), payment(GIVEN_UP, **RELEASED))
    assert desk("lead-b", *second) == ""
    for who in ("op-a", "op-b", "worker"):
        assert "refunded: only the provider" in desk(who, *second)
    assert "refunded: only the provider" in desk("lead-b", proof(GIVEN_UP), refund(GIVEN_UP, **DONE))


# ---------------------------------------------------------------- payments and orders


@pytest.mark.parametrize("who", ["op-a", "lead-b", "worker"])
def test_a_payment_from_its_beginning(desk: Desk, who: str) -> None:
    """Begun without money; the answer is kept, the state goes step by step, then money, excess and order."""
    begun = money.payment_row(order_id=str(UNPAID))
    assert desk(who, begun, "INSERT INTO payment_events (source, event_id, kind, received_at, done, body)"
                f" VALUES ('bank', 'e2', 'x', {UTC}, 'unmatched', '')") == ""  # fmt: skip
    told = (
        begun, "SET @made = LAST_INSERT_ID()",
        answer("HTTP 200 SUCCEEDED answered", "@made", "paypay.payment", "payment"),
        payment("@made", status="'token_generated'"), payment("@made", status="'user_payment'"),
        payment("@made", status="'payment_success'"), payment("@made", status="'completed'"),
        payment("@made", captured_minor="500"), payment("@made", set_aside_minor="100"),
        row("set_asides", payment_id="@made", account_id="1", amount_minor="100", currency="'JPY'", status="'open'",
            created_at=UTC, changed_at=UTC),
    )  # fmt: skip
    assert desk(who, *told, money.changed("orders", UNPAID, status="'paid'")) == ""
    assert "paid by a payment" in desk(who, begun, money.changed("orders", UNPAID, status="'paid'"))


def test_two_people_decide_about_a_payment(desk: Desk) -> None:
    """op-b said that it was taken back; nobody else's word makes it so, but an approver's with evidence."""
    second = (proof(BIG, kind="payment"), payment(BIG, status="'reversed'"))
    assert desk("lead-b", *second) == ""
    assert "money has moved only" in desk("lead-b", second[1])
    for who in ("op-a", "op-b", "worker"):
        assert "money has moved only" in desk(who, *second)


def test_an_account(desk: Desk) -> None:
    """Reserved, booked and given back, within its limit."""
    back = money.changed("accounts", 1, balance_minor="balance_minor - 100")
    held = money.changed("accounts", 1, reserved_minor="reserved_minor + 100")
    assert desk("worker", back, held) == ""
    assert "its limit" in desk("worker", back, held, held)


@pytest.fixture
def shop(people: Team) -> Iterator[Any]:
    """Another application, with the rights that it needs on the one table, whatever it does undone."""
    table = f"`{people.database}`.orders"
    people.server.sql(
        "CREATE USER IF NOT EXISTS shop@`%` IDENTIFIED BY 'pw'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO shop@`%`",
    )
    with people.server.connect("shop", "pw", people.database, autocommit=False) as connection:
        with connection.cursor() as cursor:
            yield lambda statement: said(cursor, statement)
        connection.rollback()


def test_the_shop_writes_its_orders(shop: Any) -> None:
    """A new one, its own columns, and states forward; never back, never ours, never away."""
    assert shop("INSERT INTO orders (merch_txn_id, total_amount) VALUES ('ORD-7', 100)") == ""
    assert shop("INSERT INTO orders (id, merch_txn_id, total_amount, status) VALUES (8, 'ORD-8', 5, 'paid')") == ""
    assert shop("UPDATE orders SET status = 'shipped', payment_method = 'card' WHERE id = 8") == ""
    assert "no such step" in shop("UPDATE orders SET status = 'paid' WHERE id = 8")
    assert "no such step" in shop(f"UPDATE orders SET status = 'pending' WHERE id = {CANCELLED}")
    assert "its own columns" in shop("UPDATE orders SET version = 7 WHERE id = 8")
    assert "its own columns" in shop("UPDATE orders SET work_state = 'needs_review' WHERE id = 8")
    assert "never deleted" in shop("DELETE FROM orders WHERE id = 8")
