"""An administrator disables a person at once through a worker, which also locks the person's database account. Two
administrators enable the person."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest

from console.app import Console
from console.domain.access.disabled_people import PersonAccess
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from tests.services.desk_requests.test_lock_holders import open_connection
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests
from tests.support.teams import apply_accounts
from tests.support.waiting import wait_until

REASON = "the laptop was stolen"


@dataclass(frozen=True)
class DisablingScene:
    """A worker that executes desk requests, and the desks of two administrators (accounts of op-b and lead-c)."""

    place: ServerPlace
    worker: Console
    first: Console
    second: Console

    def disable(self, person: str, reason: str = REASON) -> PersonAccess:
        """Let the first administrator disable the person with the password."""
        with answer_password_prompts(self.place, "op-b"):
            return self.first.disabled_people.disable(self.place.get_account_name(person), reason)

    def enable(self, person: str) -> PersonAccess:
        """Let both administrators request to enable the person. Return the answer to the second one."""
        name = self.place.get_account_name(person)
        with answer_password_prompts(self.place, "op-b"):
            assert self.first.disabled_people.enable(name).proposed_by == self.place.get_account_name("op-b")
            assert call_for_refusal(lambda: self.first.disabled_people.enable(name)).code == "same_person"
        with answer_password_prompts(self.place, "lead-c"):
            return self.second.disabled_people.enable(name)

    def look_for_locks(self) -> None:
        """Let the worker look for accounts to lock or unlock, and for sessions to end, until there is none."""
        while self.worker.blocking_session_ender.end_blocking_sessions():
            pass

    def wait_for_lock(self, person: str, *, is_locked: bool) -> None:
        """Let the worker look until the person's account is locked or unlocked. One look may be too early: another
        node of a cluster gets the change a moment later, and a conflict of two nodes is tried again."""

        def is_reached() -> bool:
            self.look_for_locks()
            return self.read_lock(person) == (is_locked, is_locked)

        wait_until(is_reached, f"the account of {person}: locked {is_locked}")

    def wait_until_session_ends(self, session: Any) -> None:
        """Let the worker look until this open session of a disabled person has ended."""

        def has_ended() -> bool:
            self.look_for_locks()
            try:
                session.query("SELECT 1")
            except pymysql.MySQLError:
                return True
            return False

        wait_until(has_ended, "the end of the session")

    def read_lock(self, person: str) -> tuple[bool, bool]:
        """Return if the person's account is marked as locked, and if the server lets nobody sign in with it."""
        name = self.place.get_account_name(person)
        ((is_marked,),) = self.place.sql(f"SELECT account_locked FROM operators WHERE name = '{name}'")
        try:
            open_connection(self.place, person, 1).close()
        except pymysql.MySQLError:
            return bool(is_marked), True
        return bool(is_marked), False


def set_up_people(place: ServerPlace, *, may_act: bool = False) -> None:
    roles = {"op-b": ["admin"], "lead-c": ["admin"], "op-a": ["operator"], "lead-b": ["approver"]}
    entries = [
        {
            "name": place.get_account_name(person),
            "roles": given,
            "may_buy": True,
            "acts": may_act and "admin" not in given,
        }
        for person, given in roles.items()
    ]
    apply_accounts(place.database._team.owner, entries, {})


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[DisablingScene]:
    assert isinstance(place, ServerPlace)
    set_up_people(place)
    with ExitStack() as stack:
        worker, first, second = (
            stack.enter_context(place.open_desk(sandbox, person=person, desk=desk))
            for desk, person in ((1, "worker"), (2, "op-b"), (3, "lead-c"))
        )
        stack.enter_context(keep_executing_desk_requests(worker))
        yield DisablingScene(place, worker, first, second)


@pytest.mark.expects_log("the database refuses the acts of a disabled person")
def test_a_disabled_person_stops_at_once_and_returns_by_two(scene: DisablingScene, sandbox: Sandbox) -> None:
    """A person is disabled while the person's desk is open: the desk says who has disabled the person and why, and
    gets nothing done. Then the worker locks the account and ends its sessions. When two administrators have enabled
    the person, the account is unlocked and the same desk works again. The audit trail names everybody."""
    (number,) = invent_numbers(1, seed=175)
    name, administrator = scene.place.get_account_name("op-a"), scene.place.get_account_name("op-b")
    with scene.place.open_desk(sandbox, person="op-a", desk=4) as desk:
        assert desk.lookup.find_records(number).credit_checks == ()
        disabled = scene.disable("op-a")
        assert disabled.disabling is not None
        assert (disabled.disabling.by, disabled.disabling.reason) == (administrator, REASON)

        def is_refused() -> bool:
            refusal = call_for_refusal(lambda: desk.credit_checks.purchase(PurchaseRequest(number, "1")))
            return (refusal.code, refusal.detail.get("reason")) == ("not_allowed", "person_disabled") and (
                refusal.detail["who"],
                refusal.detail["note"],
            ) == (administrator, REASON)

        wait_until(is_refused, "the refusal on the desk's node")
        assert call_for_refusal(lambda: desk.lookup.find_records(number)).detail["reason"] == "person_disabled"
        with closing(open_connection(scene.place, "op-a", 1)) as session:
            scene.wait_until_session_ends(session)
        scene.wait_for_lock("op-a", is_locked=True)
        refusal = call_for_refusal(lambda: desk.lookup.find_records(number))
        assert (refusal.code, refusal.detail["problem"]) == ("bad_profile", "account_locked")
        assert scene.enable("op-a").disabling is None
        scene.wait_for_lock("op-a", is_locked=False)
        assert desk.credit_checks.purchase(PurchaseRequest(number, "1")).corporation_number == number
    entries = scene.place.sql("SELECT what, who, subject_id FROM audit_log WHERE what LIKE 'operator.%' ORDER BY id")
    second = scene.place.get_account_name("lead-c")
    assert [entry for entry in entries if entry[0] != "operator.enable" and entry[1] in (administrator, second)] == [
        ("operator.disabled", administrator, name),
        ("operator.enabling_requested", administrator, name),
        ("operator.enabled", second, name),
    ]
    assert ("operator.enable", administrator, name) in entries  # the refused second request of the same person
    assert {what for what, who, _ in entries if who == scene.place.get_account_name("worker")} >= {
        "operator.locked", "operator.unlocked",
    }  # fmt: skip


def test_a_disabled_person_who_acts_is_stopped(place: Place, sandbox: Sandbox) -> None:
    """The account of a person who acts may write tables itself. It is locked, too, and its open sessions are ended,
    so that it writes nothing more."""
    assert isinstance(place, ServerPlace)
    set_up_people(place, may_act=True)
    with ExitStack() as stack:
        worker, first = (
            stack.enter_context(place.open_desk(sandbox, person=person, desk=desk))
            for desk, person in ((1, "worker"), (2, "op-b"))
        )
        scene = DisablingScene(place, worker, first, first)
        with keep_executing_desk_requests(worker):
            scene.disable("op-a")
        with closing(open_connection(place, "op-a", 1)) as session:
            scene.wait_until_session_ends(session)
        scene.wait_for_lock("op-a", is_locked=True)
        place.sql("UPDATE operators SET disabled_at = NULL, disabled_by = NULL, disabled_reason = NULL")
        scene.wait_for_lock("op-a", is_locked=False)


def test_a_lock_for_another_reason_stays(scene: DisablingScene) -> None:
    """The worker locks and unlocks only the accounts of people whom administrators have disabled and enabled: an
    account that somebody has locked for another reason stays locked."""
    name = scene.place.get_account_name("op-a")
    scene.place.sql(f"ALTER USER '{name}'@'%' ACCOUNT LOCK")
    scene.look_for_locks()
    assert scene.read_lock("op-a") == (False, True)
    scene.place.sql(f"ALTER USER '{name}'@'%' ACCOUNT UNLOCK")


@pytest.mark.parametrize("states_enabled", [False, True])
def test_the_accounts_file_enables_nobody_silently(scene: DisablingScene, *, states_enabled: bool) -> None:
    """An accounts file without `disabled` leaves a person disabled whom an administrator has disabled, with the
    account locked. With `"disabled": false` it enables the person."""
    scene.disable("op-a")
    scene.wait_for_lock("op-a", is_locked=True)
    name = scene.place.get_account_name("op-a")
    entry = {"name": name, "roles": ["operator"], "may_buy": True, "acts": False}
    apply_accounts(scene.place.database._team.owner, [entry | ({"disabled": False} if states_enabled else {})], {})
    scene.wait_for_lock("op-a", is_locked=not states_enabled)
    ((by,),) = scene.place.sql(f"SELECT disabled_by FROM operators WHERE name = '{name}'")
    assert (by is None) == states_enabled
    if not states_enabled:
        assert scene.enable("op-a").disabling is None
        scene.wait_for_lock("op-a", is_locked=False)
