"""Only people with the right can set the read-only switch on a server, in their own name, and the rows of the switch
can't be changed.
"""

import json
import os
from collections.abc import Iterator

import pytest

from tests.harms.test_requests_of_people import RequestingTeam, _make_insert
from tests.store.forbidden import NOW_SQL
from tests.support import server_fixtures
from tests.support.places import use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import apply_accounts

_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]
PEOPLE = {"op-a": ["operator"], "lead-b": ["approver"], "aud-e": ["auditor"], "adm-f": ["admin"]}


@pytest.fixture(params=_ENGINES)
def read_only_team(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    with use_shared_nodes(request.param) as nodes, lend_team(nodes) as people:
        entries = [{"name": people.names[person], "roles": roles, "acts": False} for person, roles in PEOPLE.items()]
        apply_accounts(people.owner, entries, {})
        yield RequestingTeam(people)


def make_switch_insert(person: str, is_on: int = 1, scope: str = "everything") -> str:
    values = {"scope": scope, "is_on": is_on, "reason": "r", "person": f"{{{person}}}", "at": f"={NOW_SQL}"}
    return _make_insert("read_only_switches", values)


def take_switch_request(
    team: RequestingTeam, person: str, word: str = "on", scope: str = "everything"
) -> tuple[str, ...]:
    """Store a person's desk request to set the read-only switch of `scope` to `word` ("on" or "off"), and let the
    worker take it. Return the statements with which the worker's session begins.
    """
    arguments = json.dumps([scope, word == "on", "r"])
    return team.take_request(
        team.store_request(person, "read-only set", "read-only", scope, proposed=word, args=arguments)
    )


def test_the_read_only_switch_has_the_name_of_its_requester(read_only_team: RequestingTeam) -> None:
    """A worker can set the read-only switch only with the desk request of an approver or administrator. The scope,
    the value, the reason and the person's name must be those of the request.
    """
    for person in (*PEOPLE, "worker"):
        read_only_team.check_refused(person, make_switch_insert(person.replace("-", "_")))
    for person in ("op-a", "aud-e"):
        read_only_team.check_refused(
            "worker", *take_switch_request(read_only_team, person), make_switch_insert(person.replace("-", "_"))
        )
    for person, name in (("lead-b", "lead_b"), ("adm-f", "adm_f")):
        taken = take_switch_request(read_only_team, person)
        read_only_team.check_refused("worker", *taken, make_switch_insert(name, 0))
        read_only_team.check_refused("worker", *taken, make_switch_insert(name, scope="paypay"))
        read_only_team.check_refused("worker", *taken, make_switch_insert("op_a"))
        read_only_team.execute_in_session("worker", *taken, make_switch_insert(name))
    for person in ("op-a", "lead-b", "aud-e", "adm-f"):
        read = "SELECT scope, is_on FROM read_only_switches ORDER BY id DESC LIMIT 1"
        assert read_only_team.execute_in_session(person, read) == [("everything", 1)], person
    for statement in ("UPDATE read_only_switches SET is_on = 0", "DELETE FROM read_only_switches"):
        for person in (*PEOPLE, "worker"):
            read_only_team.check_refused(person, statement)
