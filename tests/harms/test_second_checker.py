"""If a refund fulfils a condition for two approvers, the database requires two approvers, whatever program inserts
the refund."""

from collections.abc import Iterator

import pytest

from tests.harms.test_requests_of_people import (
    _ENGINES,
    REFUND_YEN,
    UNREFUNDED_PAYMENT_ID,
    RequestingTeam,
    _make_insert,
    make_refund_statements,
    open_requesting_team,
)
from tests.store.forbidden import NOW_SQL

PAYER = "pat@example.com"


@pytest.fixture(scope="module", params=_ENGINES)
def refund_team(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    with open_requesting_team(request.param, can_act=True) as made:
        made.execute_in_session(
            "owner",
            "SET SESSION sql_mode = ''",
            f"UPDATE payments SET payer_ref = '{PAYER}', paid_at = {NOW_SQL} - INTERVAL 10 DAY + INTERVAL 1 HOUR,"
            " version = version + 1",
        )
        yield made


def make_request_statements(checker_count: int) -> tuple[str, str]:
    """Return the statements that insert op-a's refund, which states that it needs `checker_count` approvers."""
    reserve, row = make_refund_statements("me")
    columns, values = row.split(") VALUES (")
    position = columns.split("(", 1)[1].split(", ").index("checkers_needed")
    written = values.split(", ")
    written[position] = f"'{checker_count}'"
    return reserve, f"{columns}) VALUES ({', '.join(written)}"


def try_refund_insert(team: RequestingTeam, checker_count: int) -> None:
    """Insert a refund that states `checker_count` approvers, as op-a with a plain client, and roll it back. Raises
    pymysql.MySQLError if the database refuses the refund."""
    team.execute_in_session("op-a", "START TRANSACTION", *make_request_statements(checker_count), "ROLLBACK")


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("second_above_paypay", REFUND_YEN),
        ("second_checker_today", 2 * REFUND_YEN),
        ("second_checker_payer", 1),
        ("second_checker_age", 10),
    ],
)
def test_one_vote_is_refused_if_the_limit_requires_two(refund_team: RequestingTeam, name: str, fact: int) -> None:
    """`name` is a condition for two approvers, and `fact` the value that this refund has for it: its amount, the
    requester's sum of the day, the payer's number of refunds, or the age of the payment. If the limit of the
    condition is one less than this value, the database refuses the refund with one approver and accepts it with two.
    If the limit equals the value or isn't set, the database accepts the refund with one approver.
    """
    try_refund_insert(refund_team, 1)
    refund_team.execute_in_session(
        "owner", _make_insert("limits", {"name": name, "currency": "JPY", "value": fact - 1})
    )
    refund_team.check_refused("op-a", "START TRANSACTION", *make_request_statements(1))
    try_refund_insert(refund_team, 2)
    refund_team.execute_in_session("owner", f"UPDATE limits SET value = {fact} WHERE name = '{name}'")
    try_refund_insert(refund_team, 1)
    refund_team.execute_in_session("owner", f"DELETE FROM limits WHERE name = '{name}'")
    assert refund_team.execute_in_session(
        "owner", f"SELECT COUNT(*) FROM refunds WHERE payment_id = {UNREFUNDED_PAYMENT_ID}"
    ) == [(0,)]
