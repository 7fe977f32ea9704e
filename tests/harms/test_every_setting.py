"""A person in team mode sets every setting of the database session to its limits. The database still writes the
person and time of each desk request, still refuses forbidden statements, and everybody can still work.
"""

import random
from dataclasses import replace

import pymysql
import pytest

from console.domain.desk_requests.records import make_request_id
from console.store.constraints.desk_requests import MAX_WAITING_REQUESTS
from tests.harms.scene import UTC_NOW_SQL
from tests.harms.session_settings import list_settings
from tests.harms.test_every_route import _ENGINES, PEOPLE_IN_TEAM_MODE, AttackedTeam, attacked_team

__all__ = ["attacked_team"]

ORDINARY_RUN_SETTING_COUNT = 40
"""Number of settings of the database session, drawn at random, that this test changes in an ordinary run of the
tests. A setting that the server refuses to change isn't counted: MySQL 8.4 doesn't say which settings a person may
change, and refuses most. The soak tries all settings."""
PERSON_WITH_FULL_QUOTA = "lead-c"
"""A person who has the largest allowed number of waiting requests."""
REQUEST_LIFETIME_SECONDS = 60
_INSERT_FORGED_REQUEST_SQL = (
    "INSERT INTO requests (id, who, at, expires_at, action, args, desk) VALUES"
    " ('{id}', '{other}', '2020-01-01', '2099-01-01', 'refetch', '[]', 'forged')"
)
_REFUSED_STATEMENTS = (
    "INSERT INTO requests (id, action, args, state) VALUES ('{id}', 'probe', '[]', 'taken')",
    "INSERT INTO requests (id, action, args, taken_by) VALUES ('{id}', 'probe', '[]', '{me}')",
    "INSERT INTO requests (id, action, args, state, result) VALUES ('{id}', 'probe', '[]', 'ended', 'x')",
    "INSERT INTO requests (id, action, args) VALUES ('no-uuid', 'probe', '[]')",
    "INSERT INTO requests (id, action, args) VALUES ('{id}', 'probe', REPEAT('x', 20000))",
    "INSERT INTO requests SET id = '{id}', action = 'withdraw', args = '[]', subject_id = '{others_request}'",
    "INSERT INTO request_files (request, part, content) VALUES ('{others_request}', 0, 'x')",
)
_FORGED_DESK = "forged"


def _execute_if_allowed(cursor: object, statement: str) -> bool:
    """Execute one statement. Return True if the server executed it, and False if it refused."""
    try:
        cursor.execute(statement)  # type: ignore[attr-defined]  # of a driver without types
    except (pymysql.MySQLError, UnicodeError):
        return False
    return True


@pytest.mark.parametrize(
    "drawn_count", [ORDINARY_RUN_SETTING_COUNT, pytest.param(0, marks=pytest.mark.soak)], ids=["drawn", "all"]
)
@pytest.mark.parametrize("attacked_team", _ENGINES, indirect=True)
def test_no_setting_forges_a_request(attacked_team: AttackedTeam, drawn_count: int) -> None:
    """After a person in team mode has changed one setting of the session, a request with a forged person and time
    still gets the name of the account and the server's time. The forbidden statements on requests are still refused,
    and a person with the largest number of waiting requests can't store one more.
    """
    people, names = (
        replace(attacked_team.scene.people, server=attacked_team.scene.nodes[-1]),
        attacked_team.scene.people.names,
    )
    others_request = make_request_id()
    with people.open_connection("op-b") as connection, connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO requests (id, action, args, evidence_sha256) VALUES ('{others_request}', 'probe', '[]',"
            " REPEAT('a', 64))"
        )
    with people.open_connection(PERSON_WITH_FULL_QUOTA) as connection, connection.cursor() as cursor:
        for _ in range(MAX_WAITING_REQUESTS):
            cursor.execute(f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'probe', '[]')")
        settings = list(list_settings(cursor))
    before, settled, passed = attacked_team.read_protected_content(), 0, []
    for setting in random.sample(settings, len(settings)) if drawn_count else settings:
        if settled == (drawn_count or len(settings)):
            break
        person = PEOPLE_IN_TEAM_MODE[settled % len(PEOPLE_IN_TEAM_MODE)]
        words = {"me": names[person], "other": names["lead-b"], "others_request": others_request}
        with people.open_connection(person) as connection, connection.cursor() as cursor:
            if not _execute_if_allowed(cursor, f"SET SESSION {setting}"):
                continue
            settled += 1
            _execute_if_allowed(cursor, _INSERT_FORGED_REQUEST_SQL.format(id=make_request_id(), **words))
            passed += [
                (setting, refused)
                for refused in _REFUSED_STATEMENTS
                if person != "aud-e" and _execute_if_allowed(cursor, refused.format(id=make_request_id(), **words))
            ]
        with people.open_connection(PERSON_WITH_FULL_QUOTA) as connection, connection.cursor() as cursor:
            one_more = f"INSERT INTO requests (id, action, args) VALUES ('{make_request_id()}', 'probe', '[]')"
            if _execute_if_allowed(cursor, f"SET SESSION {setting}") and _execute_if_allowed(cursor, one_more):
                passed.append((setting, "one more than a person may have waiting"))
        if settled % 50 == 0:
            _end_waiting_requests_except(attacked_team, names[PERSON_WITH_FULL_QUOTA], others_request)
    assert passed == []
    assert attacked_team.read_protected_content() == before
    assert settled >= (drawn_count or 100)
    _judge_forged_requests(attacked_team)
    _end_waiting_requests_except(attacked_team, "", "")
    attacked_team.check_no_harm()
    attacked_team.check_ordinary_work()


def _judge_forged_requests(stage: AttackedTeam) -> None:
    """Check that each forged request has the name of the account that inserted it, and the server's time."""
    rows = stage.scene.sql(
        "SELECT who, ABS(TIMESTAMPDIFF(SECOND, at, expires_at)), state,"
        f" at BETWEEN {UTC_NOW_SQL} - INTERVAL 1 HOUR AND {UTC_NOW_SQL} + INTERVAL 2 SECOND, at, expires_at"
        f" FROM requests WHERE desk = '{_FORGED_DESK}'"
    )
    assert rows
    asking = {stage.scene.people.names[person] for person in PEOPLE_IN_TEAM_MODE}
    wrong = [row for row in rows if row[0] not in asking or row[1] != REQUEST_LIFETIME_SECONDS or row[3] != 1]
    assert wrong == []


def _end_waiting_requests_except(stage: AttackedTeam, account_name: str, request_id: str) -> None:
    """As the schema account, end all waiting requests except the request `request_id` and those of the account
    `account_name`."""
    stage.scene.sql(
        "UPDATE requests SET state = 'ended'"
        f" WHERE state = 'asked' AND who <> '{account_name}' AND id <> '{request_id}'"
    )
