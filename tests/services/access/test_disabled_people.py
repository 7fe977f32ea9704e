"""On an SQLite file, one administrator disables a person at once, and two administrators enable the person, by their
names."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from console.app import Console, open_console
from console.domain.access.disabled_people import PersonAccess
from console.domain.access.permissions import ADMIN, APPROVER, OPERATOR, WORKER
from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.services.process.context import ServiceContext
from console.settings.settings import load_settings
from console.store.access.disabled_people import disable_person, enable_person, insert_enabling_proposal
from console.store.database.compare_and_swap import StaleRow
from console.store.database.engine import Transaction
from console.wording.sentences.catalogue import format_error_message
from tests.support.desks import UNUSED_URL, make_environment
from tests.support.refusals import call_for_refusal

REASON = "the laptop was stolen"
T = TypeVar("T")


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    environment = make_environment(tmp_path, UNUSED_URL, OPERATOR="adm-f")
    with open_console(load_settings(environment)) as console:
        for name, role in (
            ("adm-f", ADMIN),
            ("adm-g", ADMIN),
            ("op-a", OPERATOR),
            ("lead-b", APPROVER),
            ("night", WORKER),
        ):
            console.people.add_person(Person(name, frozenset({role}), may_buy=False))
        yield console


def find_person(console: Console, name: str) -> PersonAccess:
    (found,) = [access for access in console.disabled_people.list_people() if access.person.name == name]
    return found


def refuse(console: Console, person: str, method: str, *arguments: str) -> ConsoleError:
    with console.acting_as(person):
        return call_for_refusal(lambda: getattr(console.disabled_people, method)(*arguments))


def test_an_administrator_disables_and_two_enable_on_an_embedded_database(console: Console) -> None:
    """On SQLite one administrator disables a person, who then may do nothing, and two administrators with different
    names enable the person. Disabling again keeps the first reason; enabling an enabled person changes nothing."""
    disabled = console.disabled_people.disable("op-a", f" {REASON} ", request_id="mine")
    assert disabled == find_person(console, "op-a")
    assert disabled.disabling is not None
    assert (disabled.disabling.by, disabled.disabling.reason) == ("adm-f", REASON)
    assert console.disabled_people.disable("op-a", "again") == disabled
    with console.acting_as("op-a"):
        refusal = call_for_refusal(lambda: console.lookup.find_records("1180301018771"))
    assert (refusal.detail["reason"], refusal.detail["who"]) == ("person_disabled", "adm-f")
    assert console.disabled_people.enable("op-a").proposed_by == "adm-f"
    assert call_for_refusal(lambda: console.disabled_people.enable("op-a")).code == "same_person"
    with console.acting_as("adm-g"):
        assert console.disabled_people.enable("op-a").disabling is None
        assert console.disabled_people.enable("op-a").proposed_by is None
    assert console.disabled_people.disable("op-a", f" {REASON} ", request_id="mine") == disabled
    assert find_person(console, "op-a").disabling is None


def test_refusals_change_nothing(console: Console) -> None:
    """Nobody disables themselves or a worker; a reason is necessary; other roles and disabled administrators disable
    and enable nobody; the file of accounts has to enable whom it has disabled."""
    before = console.disabled_people.list_people()
    for person in ("op-a", "lead-b"):
        assert refuse(console, person, "disable", "adm-g", REASON).detail["reason"] == "role"
        assert refuse(console, person, "enable", "op-a").detail["reason"] == "role"
    assert refuse(console, "adm-f", "disable", "adm-f", REASON).detail["reason"] == "own_account"
    assert refuse(console, "adm-f", "disable", "night", REASON).detail["reason"] == "worker_account"
    assert refuse(console, "adm-f", "disable", "nobody", REASON).code == "not_found"
    assert refuse(console, "adm-f", "enable", "nobody").code == "not_found"
    for reason in ("", " \u200b ", "x" * 201):
        assert refuse(console, "adm-f", "disable", "op-a", reason).code == "usage"
    assert console.disabled_people.list_people() == before
    console.accounts.apply_account_file(
        '{"operators": [{"name": "op-a", "roles": ["operator"], "disabled": true}]}', lambda _: None
    )
    assert refuse(console, "adm-f", "enable", "op-a").detail["reason"] == "disabled_by_file"
    console.disabled_people.disable("adm-g", REASON)
    assert refuse(console, "adm-g", "disable", "lead-b", REASON).detail["reason"] == "person_disabled"
    assert refuse(console, "adm-g", "enable", "op-a").detail["reason"] == "person_disabled"


def test_a_proposal_counts_for_one_disabling(console: Console) -> None:
    """A person was enabled and is disabled again: the first administrator's earlier request to enable the person
    doesn't count any more. Neither does the request of an administrator who is disabled now."""
    console.people.add_person(Person("adm-h", frozenset({ADMIN}), may_buy=False))
    console.disabled_people.disable("op-a", REASON)
    console.disabled_people.enable("op-a")
    with console.acting_as("adm-g"):
        console.disabled_people.enable("op-a")
        console.disabled_people.disable("op-a", "again")
        assert console.disabled_people.enable("op-a").proposed_by == "adm-g"
    console.disabled_people.disable("adm-g", REASON)
    assert find_person(console, "op-a").proposed_by is None
    assert console.disabled_people.enable("op-a").proposed_by == "adm-f"


def test_a_request_ends_the_disabling_that_the_administrator_has_seen(console: Console) -> None:
    """An administrator has seen a disabling that ended meanwhile; another administrator has disabled the person for
    another reason. The request to end the first disabling is refused, and the request to end the second one counts.
    """
    seen = console.disabled_people.disable("op-a", REASON).disabling
    assert seen is not None
    console.disabled_people.enable("op-a", seen.id)
    with console.acting_as("adm-g"):
        console.disabled_people.enable("op-a", seen.id)
        later = console.disabled_people.disable("op-a", "again").disabling
    assert later is not None
    refusal = refuse(console, "adm-f", "enable", "op-a", seen.id)
    assert (refusal.code, refusal.detail["changed"]) == (
        "stale_view", {"disabling": {"saw": seen.id, "now": later.id}},
    )  # fmt: skip
    assert find_person(console, "op-a").proposed_by is None
    assert console.disabled_people.enable("op-a", later.id).proposed_by == "adm-f"


def test_the_last_administrator_is_told_that_nobody_can_confirm(console: Console) -> None:
    """With one enabled administrator left, nobody could confirm that a person is enabled: the request is refused, and
    the sentence names the accounts file. When the file has enabled a second administrator, it is accepted. The
    proposal of a limit is accepted before, too."""
    console.disabled_people.disable("op-a", REASON)
    console.disabled_people.enable("op-a")
    console.disabled_people.disable("adm-g", REASON)
    for person in ("adm-g", "op-a"):
        refusal = refuse(console, "adm-f", "enable", person)
        assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "only_administrator")
        assert f"disabled to false for {person} in the accounts file" in format_error_message(refusal, "en")
    assert console.refund_limits.set_limit("per_refund", "JPY", 1).proposed_by == "adm-f"
    console.accounts.apply_account_file(
        '{"operators": [{"name": "adm-g", "roles": ["admin"], "disabled": false}]}', lambda _: None
    )
    with console.acting_as("adm-g"):
        assert console.disabled_people.enable("op-a").disabling is None


def test_a_proposal_counts_for_a_day(console: Console) -> None:
    """An administrator requested 25 hours ago to enable the person. The request of a second one now is the first."""
    context, disabled = console._context, console.disabled_people.disable("op-a", REASON)
    assert disabled.disabling is not None
    then, disabling = context.now() - timedelta(hours=25), disabled.disabling
    context.write(lambda tx: insert_enabling_proposal(tx.conn, "op-a", disabling, "adm-f", then))
    with console.acting_as("adm-g"):
        assert console.disabled_people.enable("op-a").proposed_by == "adm-g"
    assert console.disabled_people.enable("op-a").disabling is None


def test_two_administrators_do_not_disable_each_other(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are administrators when they press the button. The first one is disabled before the own change is written,
    so this change is refused: an enabled administrator always remains."""
    write, turns = ServiceContext.write, iter([True])

    def let_other_overtake(context: ServiceContext, write_changes: Callable[[Transaction], T]) -> T:
        if next(turns, False):
            with console.acting_as("adm-g"):
                console.disabled_people.disable("adm-f", REASON)
        return write(context, write_changes)

    monkeypatch.setattr(ServiceContext, "write", let_other_overtake)
    assert refuse(console, "adm-f", "disable", "adm-g", REASON).detail["reason"] == "person_disabled"
    assert find_person(console, "adm-g").disabling is None


def test_a_changed_person_is_not_changed_once_more(console: Console) -> None:
    """The person was disabled, or this disabling has ended, since the transaction has read the person: the store
    changes nothing, so that the transaction is run again."""
    context = console._context
    console.disabled_people.disable("op-a", REASON)
    disabling = find_person(console, "op-a").disabling
    assert disabling is not None
    with pytest.raises(StaleRow):
        context.write(lambda tx: disable_person(tx.conn, "op-a", "adm-g", "again", context.now()))
    context.write(lambda tx: enable_person(tx.conn, "op-a", disabling, context.now()))
    with pytest.raises(StaleRow):
        context.write(lambda tx: enable_person(tx.conn, "op-a", disabling, context.now()))
