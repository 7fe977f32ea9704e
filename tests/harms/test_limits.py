"""A limit of refunds changes only when two administrators request the same change."""

import os
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.harms.test_requests_of_people import RequestingTeam, _make_insert
from tests.store.forbidden import NOW_SQL
from tests.support import server_fixtures
from tests.support.places import use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import ROLES_BY_PERSON, apply_accounts

_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]
PEOPLE = {"op-a": ["operator"], "lead-b": ["approver"], "adm-f": ["admin"], "adm-g": ["admin"], "adm-h": ["admin"]}
LIMIT_NAME = "per_refund"
NEW_LIMIT_VALUE = 1_234_567
SELECT_LIMIT_SQL = f"SELECT value FROM limits WHERE name = '{LIMIT_NAME}' AND currency = 'JPY'"
UPDATE_LIMIT_SQL = f"UPDATE limits SET value = {NEW_LIMIT_VALUE} WHERE name = '{LIMIT_NAME}' AND currency = 'JPY'"


@pytest.fixture(params=_ENGINES)
def limit_team(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    members = {**ROLES_BY_PERSON, "adm-g": ("admin",), "adm-h": ("admin",)}
    with use_shared_nodes(request.param) as nodes, lend_team(nodes, members) as people:
        entries = [{"name": people.names[person], "roles": roles, "acts": False} for person, roles in PEOPLE.items()]
        apply_accounts(people.owner, entries, {})
        yield RequestingTeam(people)


def read_limit(team: RequestingTeam) -> int:
    """Return the stored value of the limit that these tests attack."""
    ((value,),) = team.execute_in_session("owner", SELECT_LIMIT_SQL)
    return int(value)


def take_limit_request(
    team: RequestingTeam, person: str, *, value: int = NEW_LIMIT_VALUE, old: int | None = None, **more: object
) -> tuple[str, ...]:
    """Store a person's desk request to change the limit to `value`, and let the worker take it. Return the statements
    with which the worker's session begins. Without `old`, the request states the present value as the old one. `more`
    replaces or adds columns of the request, such as `action` or `confirmed`.
    """
    subject = f"{LIMIT_NAME} JPY {read_limit(team) if old is None else old}"
    facts: dict[str, object] = {"proposed": str(value), "confirmed": 1} | more
    return team.take_request(
        team.store_request(person, str(facts.pop("action", "limits set")), "limit", subject, **facts)
    )


def make_proposal_insert(person: str, old: int, value: int = NEW_LIMIT_VALUE) -> str:
    return _make_insert(
        "approvals",
        {"subject_kind": "limit", "subject_id": f"{LIMIT_NAME} JPY {old}", "action": "limit", "proposed": value,
         "person": f"{{{person}}}", "at": f"={NOW_SQL}"},
    )  # fmt: skip


def test_two_administrators_change_a_limit_once(limit_team: RequestingTeam) -> None:
    """The requests of two administrators change the limit once. They allow neither a change back nor the same change
    from another old value.
    """
    old = read_limit(limit_team)
    limit_team.execute_in_session(
        "worker", *take_limit_request(limit_team, "adm-f"), make_proposal_insert("adm_f", old)
    )
    second = take_limit_request(limit_team, "adm-g")
    limit_team.execute_in_session("worker", *second, UPDATE_LIMIT_SQL)
    assert read_limit(limit_team) == NEW_LIMIT_VALUE
    limit_team.check_refused(
        "worker", *second, f"UPDATE limits SET value = {old} WHERE name = '{LIMIT_NAME}' AND currency = 'JPY'"
    )
    limit_team.execute_in_session(
        "owner", f"UPDATE limits SET value = {old + 1} WHERE name = '{LIMIT_NAME}' AND currency = 'JPY'"
    )
    limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-h"), UPDATE_LIMIT_SQL)


def test_one_person_alone_cannot_change_a_limit(limit_team: RequestingTeam) -> None:
    """The database refuses a change of a limit by a person, and by a worker without a desk request. It also refuses a
    worker that has the request of only one administrator, or requests of people without this role.
    """
    old = read_limit(limit_team)
    for person in (*PEOPLE, "worker"):
        limit_team.check_refused(person, UPDATE_LIMIT_SQL)
        limit_team.check_refused(
            person, f"REPLACE INTO limits (name, currency, value) VALUES ('{LIMIT_NAME}', 'JPY', {NEW_LIMIT_VALUE})"
        )
        limit_team.check_refused(
            person, f"INSERT INTO limits (name, currency, value) VALUES ('{LIMIT_NAME}', 'EUR', {NEW_LIMIT_VALUE})"
        )
        limit_team.check_refused(person, "DELETE FROM limits")
        limit_team.check_refused(person, make_proposal_insert(person.replace("-", "_"), old))
    alone = take_limit_request(limit_team, "adm-f")
    limit_team.check_refused("worker", *alone, UPDATE_LIMIT_SQL)
    limit_team.execute_in_session("worker", *alone, make_proposal_insert("adm_f", old))
    limit_team.check_refused("worker", *alone, UPDATE_LIMIT_SQL)
    limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-f"), UPDATE_LIMIT_SQL)
    limit_team.check_refused("worker", *alone, make_proposal_insert("adm_g", old))
    for person in ("op-a", "lead-b"):
        taken = take_limit_request(limit_team, person)
        limit_team.check_refused("worker", *taken, UPDATE_LIMIT_SQL)
        limit_team.check_refused("worker", *taken, make_proposal_insert(person.replace("-", "_"), old))
    assert read_limit(limit_team) == old


@pytest.mark.parametrize(
    "more",
    [{"value": NEW_LIMIT_VALUE + 1}, {"old": 7}, {"confirmed": 0}, {"action": "probe"}, {"proposed": None}],
    ids=["another value", "from another value", "without a password", "another command", "no value"],
)
def test_both_administrators_request_the_same_change(limit_team: RequestingTeam, more: dict[str, Any]) -> None:
    """A request for another change, or a request without the password, counts neither as the first administrator's
    request nor as the second's.
    """
    old = read_limit(limit_team)
    limit_team.check_refused(
        "worker", *take_limit_request(limit_team, "adm-f", **more), make_proposal_insert("adm_f", old)
    )
    limit_team.execute_in_session(
        "worker", *take_limit_request(limit_team, "adm-f"), make_proposal_insert("adm_f", old)
    )
    limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-g", **more), UPDATE_LIMIT_SQL)
    assert read_limit(limit_team) == old


def test_a_proposal_has_the_servers_present_time(limit_team: RequestingTeam) -> None:
    """The database accepts a proposal only with the present time of the server's clock, so that no proposal is valid
    for longer than a day.
    """
    old = read_limit(limit_team)
    for at in ("'9999-12-31'", f"{NOW_SQL} + INTERVAL 23 HOUR", f"{NOW_SQL} - INTERVAL 1 MINUTE"):
        proposal = make_proposal_insert("adm_f", old).replace(NOW_SQL, at)
        limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-f"), proposal)
        limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-g"), UPDATE_LIMIT_SQL)
    assert read_limit(limit_team) == old


def test_a_proposal_ends_after_a_day_or_with_the_role_of_its_person(limit_team: RequestingTeam) -> None:
    """A proposal no longer counts after a day, after it was closed, or after the person who made it has lost the role
    of administrator.
    """
    old = read_limit(limit_team)
    limit_team.execute_in_session(
        "owner", make_proposal_insert("adm_f", old).replace(NOW_SQL, f"{NOW_SQL} - INTERVAL 25 HOUR")
    )
    limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-g"), UPDATE_LIMIT_SQL)
    limit_team.execute_in_session(
        "worker", *take_limit_request(limit_team, "adm-f"), make_proposal_insert("adm_f", old)
    )
    limit_team.execute_in_session(
        "owner", f"UPDATE operators SET roles = 'auditor' WHERE name = '{limit_team.team.names['adm-f']}'"
    )
    limit_team.check_refused("worker", *take_limit_request(limit_team, "adm-g"), UPDATE_LIMIT_SQL)
    limit_team.execute_in_session(
        "owner", f"UPDATE operators SET roles = 'admin' WHERE name = '{limit_team.team.names['adm-f']}'"
    )
    limit_team.execute_in_session("worker", f"UPDATE approvals SET closed_at = {NOW_SQL}")
    with pytest.raises(pymysql.MySQLError):
        limit_team.execute_in_session("worker", *take_limit_request(limit_team, "adm-g"), UPDATE_LIMIT_SQL)
    assert read_limit(limit_team) == old
