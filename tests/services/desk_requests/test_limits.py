"""Two administrators together change a refund limit: in team mode through a worker, and on an SQLite file by their
names.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.domain.access.permissions import ADMIN, OPERATOR
from console.domain.payments.limits import LARGEST_LIMIT, Limit
from console.domain.records import Person
from console.sandbox.server import Sandbox
from console.settings.settings import load_settings
from tests.support.desks import UNUSED_URL, make_environment
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal_code
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests
from tests.support.teams import apply_accounts

NEW_LIMIT_JPY = 1_234_567


def read_limit(console: Console) -> Limit:
    """Return the stored limit per refund in JPY."""
    (limit,) = [
        one for one in console.refund_limits.list_limits() if (one.name, one.currency) == ("per_refund", "JPY")
    ]
    return limit


def read_refusal_code(console: Console, *arguments: object) -> str:
    """Try to set a limit, and return the code of the error with which that is refused. `arguments` are the
    arguments of `console.refund_limits.set_limit`.
    """
    return call_for_refusal_code(lambda: console.refund_limits.set_limit(*arguments))  # type: ignore[arg-type]


def test_a_second_administrator_sets_the_proposed_limit(place: Place, sandbox: Sandbox) -> None:
    """The first administrator proposes a limit and can't confirm it; another administrator sets it. The audit trail
    names both administrators.
    """
    assert isinstance(place, ServerPlace)
    roles = {"op-b": ["admin"], "lead-c": ["admin"], "op-a": ["operator"]}
    people = [
        {"name": place.get_account_name(person), "roles": given, "acts": False} for person, given in roles.items()
    ]
    apply_accounts(place.database._team.owner, people, {})
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="op-b", desk=2) as first,
        place.open_desk(sandbox, person="lead-c", desk=3) as second,
        place.open_desk(sandbox, person="op-a", desk=4) as operator,
        keep_executing_desk_requests(worker),
    ):
        before = read_limit(first)
        assert before.proposed is None
        with answer_password_prompts(place, "op-b"):
            proposed = first.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY, request_id="mine")
            assert read_refusal_code(first, "per_refund", "JPY", NEW_LIMIT_JPY) == "same_person"
        assert (proposed.value, proposed.proposed, proposed.proposed_by) == (
            before.value,
            NEW_LIMIT_JPY,
            place.get_account_name("op-b"),
        )
        assert read_limit(second) == proposed
        assert (
            read_refusal_code(second, "per_refund", "JPY", NEW_LIMIT_JPY) == "not_allowed"
        )  # nobody has typed the password
        with answer_password_prompts(place, "op-a"):
            assert read_refusal_code(operator, "per_refund", "JPY", NEW_LIMIT_JPY) == "not_allowed"
        with answer_password_prompts(place, "lead-c"):
            assert read_refusal_code(second, "per_dream", "JPY", NEW_LIMIT_JPY) == "not_found"
            assert read_refusal_code(second, "per_refund", "JPY", LARGEST_LIMIT + 1) == "invalid_amount"
            now_set = second.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY)
        assert (now_set.value, now_set.proposed) == (NEW_LIMIT_JPY, None)
        with answer_password_prompts(place, "op-b"):
            assert first.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY, request_id="mine") == proposed
            assert read_limit(first) == now_set
            added = first.refund_limits.set_limit("per_refund", "EUR", 5)
        assert (added.value, added.proposed) == (None, 5)
        with answer_password_prompts(place, "lead-c"):
            assert second.refund_limits.set_limit("per_refund", "EUR", 5).value == 5
    rows = place.sql("SELECT who, what FROM audit_log WHERE what IN ('limit.proposed', 'limit.changed') ORDER BY id")
    assert [(person, str(what)) for person, what in rows] == [
        (place.get_account_name("op-b"), "limit.proposed"), (place.get_account_name("lead-c"), "limit.changed"),
    ] * 2  # fmt: skip


def test_two_administrator_names_decide_on_an_embedded_database(tmp_path: Path) -> None:
    """On SQLite, without database accounts and passwords, two administrators with different names together change a
    limit.
    """
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        for name, role in (("adm-f", ADMIN), ("adm-g", ADMIN), ("op-a", OPERATOR)):
            console.people.add_person(Person(name, frozenset({role}), may_buy=False))
        before = read_limit(console)
        console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY)
        assert read_refusal_code(console, "per_refund", "JPY", NEW_LIMIT_JPY) == "same_person"
        with console.acting_as("op-a"):
            assert read_refusal_code(console, "per_refund", "JPY", NEW_LIMIT_JPY) == "not_allowed"
        with console.acting_as("adm-g"):
            assert read_limit(console) == Limit("per_refund", "JPY", before.value, NEW_LIMIT_JPY, "adm-f")
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY).value == NEW_LIMIT_JPY
        assert read_limit(console) == Limit("per_refund", "JPY", NEW_LIMIT_JPY)


@pytest.mark.parametrize(
    ("name", "largest"),
    [("second_checker_age", 36_500), ("cooling_off_seconds", 604_800), ("second_checker_payer", 99)],
)
def test_a_limit_that_is_no_amount_has_a_largest_value(tmp_path: Path, name: str, largest: int) -> None:
    """A limit that is no amount can't be set above its largest value. A longer period of a payment's age has no end
    in the calendar, and a longer cooling-off period would postpone refunds for weeks. The refunds of a payer are
    counted up to 100, so a larger limit could not be exceeded.
    """
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        console.people.add_person(Person("adm-f", frozenset({ADMIN}), may_buy=False))
        assert read_refusal_code(console, name, "JPY", largest + 1) == "invalid_amount"
        assert console.refund_limits.set_limit(name, "JPY", largest).proposed == largest


@pytest.mark.parametrize("change", ["roles = 'operator'", "disabled_at = '2026-11-20 00:00:00'"])
def test_a_proposal_of_a_former_administrator_does_not_count(tmp_path: Path, change: str) -> None:
    """The proposal of a limit by a person who is no longer an administrator doesn't count: when the next
    administrator sets the limit, this is a new proposal.
    """
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        for name in ("adm-f", "adm-g", "adm-h"):
            console.people.add_person(Person(name, frozenset({ADMIN}), may_buy=False))
        before = read_limit(console)
        console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY)
        with closing(sqlite3.connect(tmp_path / "console.db")) as owner, owner:
            owner.execute(f"UPDATE operators SET {change} WHERE name = 'adm-f'")
        with console.acting_as("adm-g"):
            assert read_limit(console) == before
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY).proposed_by == "adm-g"
            assert read_limit(console) == Limit("per_refund", "JPY", before.value, NEW_LIMIT_JPY, "adm-g")
            assert read_refusal_code(console, "per_refund", "JPY", NEW_LIMIT_JPY) == "same_person"
        with console.acting_as("adm-h"):
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY).value == NEW_LIMIT_JPY


def test_a_replaced_proposal_does_not_count(tmp_path: Path) -> None:
    """An administrator proposes a value and then another one. The list shows the second one, so a colleague who
    requests the first value makes a new proposal, and doesn't set the limit."""
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        for name in ("adm-f", "adm-g"):
            console.people.add_person(Person(name, frozenset({ADMIN}), may_buy=False))
        before = read_limit(console)
        console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY)
        console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY + 1)
        with console.acting_as("adm-g"):
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY).proposed_by == "adm-g"
            assert read_limit(console).value == before.value
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY + 1).value == NEW_LIMIT_JPY + 1


def test_a_person_replaces_an_own_proposal_in_another_spelling_of_the_name(tmp_path: Path) -> None:
    """On an embedded database without people, a name in capitals is the same administrator: the second value replaces
    the first one, so a colleague who requests the first value makes a new proposal, and doesn't set the limit."""
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        before = read_limit(console)
        console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY)
        with console.acting_as("ADM-F"):
            console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY + 1)
        with console.acting_as("adm-g"):
            assert console.refund_limits.set_limit("per_refund", "JPY", NEW_LIMIT_JPY).proposed_by == "adm-g"
            assert read_limit(console).value == before.value
