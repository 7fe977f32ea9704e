"""A day of 150 orders, and an oracle that sees what is wrong with one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.day import oracle
from tests.day.facts import Facts, Row
from tests.day.plan import Day
from tests.day.run import Ended, figure, run
from tests.support import server_fixtures
from tests.support.quick_desks import quick_folder

ORDERS = 150  # 20,000 in the soak
pytestmark = pytest.mark.timeout(1_200)
Alter = Callable[[Facts], Facts]


@pytest.fixture(scope="module")
def day() -> Iterator[Ended]:
    """Lived once, looked at by all."""
    server_fixtures.need("mariadb")
    with quick_folder() as folder:
        yield run(Day(ORDERS, seed=1, patience=500.0), folder)


def test_a_day_in_the_life(day: Ended) -> None:
    """Nothing is stuck, the books balance, and the alerts are those that were planted."""
    scored = oracle.score(day.facts)
    print(figure(day))
    assert oracle.judge(day.facts) == []
    assert (scored.precision, scored.recall) == (1.0, 1.0)
    assert set(day.facts.planted.values()) == set("ABC")
    for trouble in ("lost", "doubled", "late", "worker_kills", "database_kills", "outages", "broken_answers"):
        assert day.tally[trouble] > 0, trouble


def _changed(facts: Facts, table: str, which: Callable[[Row], bool], **values: Any) -> Facts:
    """With one row altered: the first of those."""
    rows = list(facts[table])
    place = next(n for n, row in enumerate(rows) if which(row))
    rows[place] = {**rows[place], **values}
    return replace(facts, rows={**facts.rows, table: rows})


def _without(facts: Facts, table: str, which: Callable[[Row], bool]) -> Facts:
    rows = list(facts[table])
    rows.remove(next(row for row in rows if which(row)))
    return replace(facts, rows={**facts.rows, table: rows})


def _with(facts: Facts, table: str, row: Mapping[str, Any]) -> Facts:
    return replace(facts, rows={**facts.rows, table: [*facts[table], row]})


def _one_yen(facts: Facts) -> Facts:
    row = next(row for row in facts["payments"] if row["captured_minor"])
    return _changed(facts, "payments", lambda one: one is row, captured_minor=row["captured_minor"] + 1)


def _refunded_twice(facts: Facts) -> Facts:
    ledger = [dict(payment) for payment in facts.ledger]
    payment = next(one for one in ledger if one["refunds"])
    payment["refunds"] = [*payment["refunds"], payment["refunds"][0]]
    return replace(facts, ledger=ledger)


def _unknown_for_ever(facts: Facts) -> Facts:
    return _changed(facts, "payments", _is_completed, certainty="unknown", work_state="none")


def _overdue(facts: Facts) -> Facts:
    at = facts.now - timedelta(minutes=5)
    return _changed(facts, "refunds", lambda row: bool(row), work_state="scheduled", work_at=at)


def _extra_alert(facts: Facts) -> Facts:
    order = next(row for row in facts["orders"] if row["merch_txn_id"] not in facts.planted)
    return _with(facts, "alerts", {
        "id": 0, "rule_id": "A", "subject_kind": "order", "subject_id": order["id"],
        "order_no": order["merch_txn_id"], "resolved_at": None,
    })  # fmt: skip


def _is_completed(row: Row) -> bool:
    return bool(row["status"] == "completed")


def _order_of(facts: Facts, payment: Row) -> Row:
    return facts.by_id("orders")[int(payment["order_id"])]


def _is_alert(row: Row) -> bool:
    return row["rule_id"] in "ABC"


ALTERED: Mapping[str, tuple[Alter, str]] = {
    "a wrong yen": (_one_yen, "books: "),
    "a second refund": (_refunded_twice, "was made 2 times"),
    "a missing alert": (lambda facts: _without(facts, "alerts", _is_alert), "alert missing: "),
    "an alert too many": (_extra_alert, "alert that nobody planted: A of "),
    "a wrong rule": (lambda facts: _changed(facts, "alerts", _is_alert, rule_id="D"), "alert missing: "),
    "unknown without a probe": (_unknown_for_ever, "stuck: payment "),
    "an overdue step": (_overdue, "stuck: refund "),
    "a request without an answer": (
        lambda facts: _with(facts, "requests", {"id": "a", "action": "refund approve", "state": "taken", "fence": 1}),
        "stuck: request ",
    ),
    "a saga that hangs": (lambda facts: _changed(facts, "sagas", bool, ended_at=None, next_at=None), "stuck: saga "),
    "an event that never left": (
        lambda facts: _changed(facts, "outbox", bool, published_at=None, next_at=None),
        "stuck: event ",
    ),
    "a message that was lost": (lambda facts: replace(facts, messages=facts.messages[1:]), "never told: event "),
    "a forged message": (lambda facts: replace(facts, bad_signatures=1), "bad signature"),
    "stock that stays": (
        lambda facts: _changed(facts, "stock_reservations", lambda row: row["status"] == "released", status="held"),
        "stock: held for ",
    ),
    "a case that was settled": (
        lambda facts: _changed(
            facts,
            "alerts",
            lambda row: row["rule_id"] == "not_moved",
            resolved_at=None,
            subject_id=next(
                row["id"]
                for row in facts["payments"]
                if row["status"] == "completed" and _order_of(facts, row)["status"] == "paid"
            ),
        ),
        "case still open: not_moved of ",
    ),
    "a case about nothing": (
        lambda facts: replace(facts, planted={order: rule for order, rule in facts.planted.items() if rule != "A"}),
        "case that nobody planted: not_moved of ",
    ),
    "a broken trail": (lambda facts: replace(facts, audit_trouble="audit_broken"), "audit trail: "),
}


@pytest.mark.parametrize("what", ALTERED)
def test_the_oracle_names_what_is_wrong(day: Ended, what: str) -> None:
    """One thing of a sound day is altered, and that very thing is named."""
    alter, named = ALTERED[what]
    assert any(named in word for word in oracle.judge(alter(day.facts)))
