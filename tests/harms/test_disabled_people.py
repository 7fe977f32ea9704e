"""A person is disabled only by an administrator's own request, and enabled only if two administrators request it."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harms.test_requests_of_people import RequestingTeam, _make_insert
from tests.store.forbidden import NOW_SQL
from tests.support import server_fixtures
from tests.support.places import use_shared_nodes
from tests.support.pooled_teams import lend_team
from tests.support.teams import ROLES_BY_PERSON, apply_accounts

_ENGINES = ["mariadb", "galera", *(["mysql"] if os.environ.get(server_fixtures.MYSQL_URL_VARIABLE) else [])]
PEOPLE = {"op-a": ["operator"], "lead-b": ["approver"], "aud-e": ["auditor"], "adm-f": ["admin"], "adm-g": ["admin"],
          "adm-h": ["admin"]}  # fmt: skip
PERSON = "op-a"
REASON = "the laptop was stolen"
ENABLE_SQL = (
    "UPDATE operators SET disabled_at = NULL, disabled_by = NULL, disabled_reason = NULL WHERE name = '{op_a}'"
)
PERSON_QUERY = "SELECT disabled_by, disabled_reason, roles, may_buy, asks FROM operators WHERE name = '{op_a}'"
DISABLING_ID_QUERY = (
    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', disabled_at) FROM operators WHERE name = '{op_a}'"
)


@pytest.fixture(params=_ENGINES)
def people_team(request: pytest.FixtureRequest) -> Iterator[RequestingTeam]:
    members = {**ROLES_BY_PERSON, "adm-g": ("admin",), "adm-h": ("admin",)}
    with use_shared_nodes(request.param) as nodes, lend_team(nodes, members) as people:
        entries = [{"name": people.names[person], "roles": roles, "acts": False} for person, roles in PEOPLE.items()]
        apply_accounts(people.owner, entries, {})
        yield RequestingTeam(people)


def make_disabling(administrator: str = "adm_f", person: str = "op_a", **columns: str) -> str:
    """Return the statement with which a worker disables the person in the administrator's name. `columns` replaces
    the SQL of columns."""
    values = {"disabled_at": NOW_SQL, "disabled_by": f"'{{{administrator}}}'", "disabled_reason": f"'{REASON}'"}
    changes = ", ".join(f"{column} = {value}" for column, value in (values | columns).items())
    return f"UPDATE operators SET {changes} WHERE name = '{{{person}}}'"


def read_person(team: RequestingTeam) -> tuple[Any, ...]:
    """Return the columns of the attacked person that a change of rights or access would change."""
    ((*columns,),) = team.execute_in_session("owner", PERSON_QUERY)
    return tuple(columns)


def take_disabling_request(
    team: RequestingTeam, administrator: str, *, person: str = PERSON, reason: str = REASON, **more: object
) -> tuple[str, ...]:
    """Store an administrator's desk request to disable the person, and let the worker take it. Return the statements
    with which the worker's session begins. `more` replaces columns of the request, such as `action`."""
    facts: dict[str, object] = {"args": f'["{team.team.names[person]}", "{reason}"]'} | more
    request = team.store_request(
        administrator, str(facts.pop("action", "people disable")), "operator", team.team.names[person], **facts
    )
    return team.take_request(request)


def read_disabling_id(team: RequestingTeam) -> str:
    ((instant,),) = team.execute_in_session("owner", DISABLING_ID_QUERY)
    return str(instant)


def take_enabling_request(
    team: RequestingTeam, administrator: str, *, disabling: str | None = None, **more: object
) -> tuple[str, ...]:
    """Store an administrator's desk request to enable the person, and let the worker take it. `disabling` is the
    disabling that the request names; None: the present one."""
    subject = f"{team.team.names[PERSON]} {disabling or read_disabling_id(team)}"
    facts: dict[str, object] = dict(more)
    request = team.store_request(
        administrator, str(facts.pop("action", "people enable")), "operator", subject, **facts
    )
    return team.take_request(request)


def make_proposal(team: RequestingTeam, administrator: str, disabling: str | None = None) -> str:
    return _make_insert(
        "approvals",
        {"subject_kind": "operator", "subject_id": "{op_a}", "action": "enable",
         "proposed": disabling or read_disabling_id(team), "person": f"{{{administrator}}}", "at": f"={NOW_SQL}"},
    )  # fmt: skip


def disable_person(team: RequestingTeam) -> None:
    team.execute_in_session("worker", *take_disabling_request(team, "adm-f"), make_disabling())


def test_one_administrator_disables_and_two_enable(people_team: RequestingTeam) -> None:
    """An administrator's request disables the person: the database accepts no desk request of the person any more.
    The requests of two administrators enable the person again, once."""
    disable_person(people_team)
    assert read_person(people_team)[:2] == (people_team.team.names["adm-f"], REASON)
    people_team.check_refused(PERSON, _make_insert("requests", {"id": "x", "action": "probe", "args": "[]"}))
    first = read_disabling_id(people_team)
    people_team.execute_in_session(
        "worker", *take_enabling_request(people_team, "adm-f"), make_proposal(people_team, "adm_f")
    )
    second = take_enabling_request(people_team, "adm-g")
    people_team.execute_in_session("worker", *second, ENABLE_SQL)
    assert read_person(people_team)[:2] == (None, None)
    disable_person(people_team)
    people_team.check_refused("worker", *second, ENABLE_SQL)
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-h", disabling=first), ENABLE_SQL)
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-h"), ENABLE_SQL)
    assert read_person(people_team)[0] is not None


def test_a_proposal_counts_only_for_its_person(people_team: RequestingTeam) -> None:
    """Two people are disabled at the same instant, so both disablings have the same id. An administrator's proposal
    to enable one of them doesn't count for the other."""
    ((now,),) = people_team.execute_in_session("owner", f"SELECT {NOW_SQL}")
    for person in ("lead-b", PERSON):
        taken = take_disabling_request(people_team, "adm-f", person=person)
        disabling = make_disabling(person=person.replace("-", "_"), disabled_at=f"'{now}'")
        people_team.execute_in_session("worker", *taken, disabling)
    subject = f"{people_team.team.names['lead-b']} {read_disabling_id(people_team)}"
    request = people_team.store_request("adm-f", "people enable", "operator", subject)
    proposal = make_proposal(people_team, "adm_f").replace("{op_a}", "{lead_b}")
    people_team.execute_in_session("worker", *people_team.take_request(request), proposal)
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-g"), ENABLE_SQL)


def test_nobody_else_changes_a_person(people_team: RequestingTeam) -> None:
    """No person, and no worker without an administrator's request, disables or enables a person, changes the person's
    roles, or records that an account is locked."""
    changes = ("roles = 'admin'", "roles = 'worker'", "may_buy = 1 - may_buy", "asks = 0", "name = 'x'",
               "account_lock = 1", "disabled_reason = 'x'", "disabled_by = 'x'")  # fmt: skip
    before = read_person(people_team)
    for person in (*PEOPLE, "worker"):
        own = person.replace("-", "_")
        for table in ("operators", f"`{people_team.team.database}`.operators"):
            for change in changes:
                people_team.check_refused(person, f"UPDATE {table} SET {change} WHERE name = '{{op_a}}'")
            people_team.check_refused(person, make_disabling(own).replace("operators", table, 1))
            people_team.check_refused(person, f"DELETE FROM {table}")
            people_team.check_refused(
                person, f"INSERT INTO {table} (name, roles, disabled_by) VALUES ('x', 'admin', 'x')"
            )
            people_team.check_refused(person, f"REPLACE INTO {table} (name, roles) VALUES ('{{op_a}}', 'admin')")
        people_team.check_refused(
            person,
            _make_insert(
                "approvals",
                {"subject_kind": "operator", "subject_id": "{op_a}", "action": "enable", "proposed": "1",
                 "person": f"{{{own}}}", "at": f"={NOW_SQL}"},
            ),
        )  # fmt: skip
    assert read_person(people_team) == before
    disable_person(people_team)
    for person in (*PEOPLE, "worker"):
        people_team.check_refused(person, ENABLE_SQL)
        people_team.check_refused(person, make_proposal(people_team, person.replace("-", "_")))
    assert read_person(people_team)[0] is not None


def test_a_worker_disables_only_for_the_administrators_request(people_team: RequestingTeam) -> None:
    """With an administrator's request the worker disables only this person, in the administrator's name, for the
    stated reason and at the server's present time. Nobody disables themselves or a worker, and the requests of other
    people count as little as one without the password."""
    taken = take_disabling_request(people_team, "adm-f")
    for statement in (
        make_disabling(person="lead_b"), make_disabling("adm_g"), make_disabling("worker"),
        make_disabling(disabled_reason="'another reason'"), make_disabling(disabled_reason="NULL"),
        make_disabling(disabled_by="NULL"), make_disabling(disabled_at="'2020-01-01'"),
        make_disabling(disabled_at="'9999-12-31'"), make_disabling(roles="'admin'"),
        make_disabling(account_lock="1"),
    ):  # fmt: skip
        people_team.check_refused("worker", *taken, statement)
    for person in ("adm-f", "worker"):
        own = take_disabling_request(people_team, "adm-f", person=person)
        people_team.check_refused("worker", *own, make_disabling(person=person.replace("-", "_")))
    for person in ("op-a", "lead-b", "aud-e"):
        other = take_disabling_request(people_team, person, person="adm-g")
        people_team.check_refused("worker", *other, make_disabling(person.replace("-", "_"), "adm_g"))
    for more in ({"confirmed": 0}, {"action": "people enable"}, {"action": "probe"}):
        people_team.check_refused("worker", *take_disabling_request(people_team, "adm-f", **more), make_disabling())
    assert read_person(people_team)[0] is None
    people_team.execute_in_session("worker", *taken, make_disabling())
    people_team.check_refused("worker", *taken, make_disabling())
    people_team.check_refused("worker", *taken, ENABLE_SQL)
    people_team.check_refused("worker", *taken, make_proposal(people_team, "adm_f"))


def test_one_administrator_alone_enables_nobody(people_team: RequestingTeam) -> None:
    """The worker enables a person neither with one administrator's requests nor with those of other people. A request
    counts only with the password, for this disabling, and while its person is an enabled administrator."""
    disable_person(people_team)
    alone = take_enabling_request(people_team, "adm-f")
    people_team.check_refused("worker", *alone, ENABLE_SQL)
    people_team.check_refused("worker", *alone, make_proposal(people_team, "adm_g"))
    people_team.check_refused("worker", *alone, make_proposal(people_team, "adm_f", "7"))
    proposal = make_proposal(people_team, "adm_f")
    with_evidence = proposal.replace("(subject_kind", "(evidence_id, subject_kind").replace("VALUES (", "VALUES (1, ")
    people_team.check_refused("worker", *alone, with_evidence)
    people_team.execute_in_session("owner", proposal.replace(NOW_SQL, f"{NOW_SQL} - INTERVAL 25 HOUR"))
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-g"), ENABLE_SQL)
    people_team.execute_in_session("worker", *alone, make_proposal(people_team, "adm_f"))
    people_team.check_refused("worker", *alone, ENABLE_SQL)
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-f"), ENABLE_SQL)
    for more in ({"confirmed": 0}, {"action": "people disable"}, {"action": "limits set"}, {"disabling": "7"}):
        people_team.check_refused("worker", *take_enabling_request(people_team, "adm-g", **more), ENABLE_SQL)
    for person in ("lead-b", "aud-e"):
        taken = take_enabling_request(people_team, person)
        people_team.check_refused("worker", *taken, ENABLE_SQL)
        people_team.check_refused("worker", *taken, make_proposal(people_team, person.replace("-", "_")))
    second = take_enabling_request(people_team, "adm-g")
    for change in ("roles = 'operator'", f"disabled_at = {NOW_SQL}"):
        people_team.execute_in_session("owner", f"UPDATE operators SET {change} WHERE name = '{{adm_f}}'")
        people_team.check_refused("worker", *second, ENABLE_SQL)
        people_team.execute_in_session(
            "owner", "UPDATE operators SET roles = 'admin', disabled_at = NULL WHERE name = '{adm_f}'"
        )
    for kept in ("disabled_by = NULL, ", ", disabled_reason = NULL"):
        people_team.check_refused("worker", *second, ENABLE_SQL.replace(kept, ""))
    people_team.check_refused(
        "worker", *second, ENABLE_SQL.replace("disabled_reason = NULL", "disabled_reason = NULL, roles = 'admin'")
    )
    people_team.execute_in_session("worker", f"UPDATE approvals SET closed_at = {NOW_SQL}")
    people_team.check_refused("worker", *second, ENABLE_SQL)
    assert read_person(people_team)[0] is not None


def test_two_administrators_do_not_enable_whom_the_file_has_disabled(people_team: RequestingTeam) -> None:
    """The schema account has disabled the person by the file of accounts: only the schema account enables the person,
    because it has also taken the rights away."""
    people_team.execute_in_session("owner", f"UPDATE operators SET disabled_at = {NOW_SQL} WHERE name = '{{op_a}}'")
    people_team.execute_in_session(
        "worker", *take_enabling_request(people_team, "adm-f"), make_proposal(people_team, "adm_f")
    )
    people_team.check_refused("worker", *take_enabling_request(people_team, "adm-g"), ENABLE_SQL)
