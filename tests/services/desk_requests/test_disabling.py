"""An administrator disables a person at once through a worker, which also locks the person's database account. Two
administrators enable the person."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest

from console.app import Console
from console.domain.access.disabled_people import PersonAccess
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.access.accounts import DatabaseAccountService
from console.store.constraints.fitness import check_fitness
from tests.services.desk_requests.test_lock_holders import open_connection
from tests.support.invented import invent_numbers
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import answer_password_prompts, get_password_of, keep_executing_desk_requests
from tests.support.teams import apply_accounts
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

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
            return self.read_lock(person) == (int(is_locked), is_locked)

        wait_until(is_reached, f"the account of {person}: locked {is_locked}")

    def wait_for_sign_in(self, person: str, *, is_possible: bool) -> None:
        """Let the worker look until the server lets the person sign in, or refuses it."""

        def is_reached() -> bool:
            self.look_for_locks()
            return self.read_lock(person)[1] != is_possible

        wait_until(is_reached, f"{person} may sign in: {is_possible}")

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

    def read_lock(self, person: str) -> tuple[int, bool]:
        """Return the record about the lock of the person's account (`operators.account_lock`), and True if the
        server lets nobody sign in with the account."""
        name = self.place.get_account_name(person)
        ((record,),) = self.place.sql(f"SELECT account_lock FROM operators WHERE name = '{name}'")
        try:
            open_connection(self.place, person, 1).close()
        except pymysql.MySQLError:
            return record, True
        return record, False

    def read_wrong_locks(self) -> object:
        """Return the people of whom `db check` says that no worker has locked or unlocked their accounts yet."""
        findings = check_fitness(self.worker._context.database)
        return next(finding.facts["wrong"] for finding in findings if finding.check_name == "disabled_people")


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
            stack.enter_context(place.open_desk(sandbox, person=person, desk=desk, TIME_SCALE="1"))
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


def test_a_request_that_no_administrator_could_confirm_is_refused(scene: DisablingScene) -> None:
    """A request about a disabling that isn't the present one is refused. So is one of the last administrator for whom
    a worker acts: the database accepts no request of an administrator who acts."""
    scene.disable("op-a")
    name, second = scene.place.get_account_name("op-a"), scene.place.get_account_name("lead-c")
    with answer_password_prompts(scene.place, "op-b"):
        refusal = call_for_refusal(lambda: scene.first.disabled_people.enable(name, "1"))
        assert (refusal.code, refusal.detail["about"]) == ("stale_view", "operator")
        scene.place.sql(f"UPDATE operators SET asks = 0 WHERE name = '{second}'")
        refusal = call_for_refusal(lambda: scene.first.disabled_people.enable(name))
        assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "only_administrator")
        scene.place.sql(f"UPDATE operators SET asks = 1 WHERE name = '{second}'")
        assert scene.first.disabled_people.enable(name).proposed_by == scene.place.get_account_name("op-b")


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
    assert scene.read_lock("op-a") == (0, True)
    scene.place.sql(f"ALTER USER '{name}'@'%' ACCOUNT UNLOCK")


def test_a_missing_account_counts_as_locked(scene: DisablingScene) -> None:
    """The server lacks the account of a disabled person: it counts as locked, so that `db check` reports nothing. The
    file of accounts makes the account again, and the person can sign in."""
    name, password = scene.place.get_account_name("op-a"), get_password_of(scene.place, "op-a")
    scene.place.sql(f"DROP USER '{name}'@'%'")
    scene.disable("op-a")
    scene.wait_for_lock("op-a", is_locked=True)
    entry = {"name": name, "roles": ["operator"], "may_buy": True, "acts": False, "password_env": "NEW"}
    apply_accounts(scene.place.database._team.owner, [entry | {"disabled": False}], {"NEW": password})
    scene.wait_for_lock("op-a", is_locked=False)


def test_a_lock_that_could_not_be_recorded_ends_with_the_disabling(scene: DisablingScene) -> None:
    """Somebody locks the rows of two disabled people, so that the worker can't record the locks of their accounts: it
    locks both accounts nevertheless. It unlocks the account of the one who is enabled after that. This person is
    disabled again while the record is wrong once more: the account is locked again."""
    for person in ("op-a", "lead-b"):
        scene.disable(person)
    with closing(open_connection(scene.place, "lead-c", 1)) as session:
        session.query("BEGIN")
        session.query("SELECT COUNT(*) FROM operators LOCK IN SHARE MODE")
        for person in ("op-a", "lead-b"):
            scene.wait_for_sign_in(person, is_possible=False)
    scene.enable("op-a")
    with closing(open_connection(scene.place, "lead-c", 1)) as session:
        session.query("BEGIN")
        session.query("SELECT COUNT(*) FROM operators LOCK IN SHARE MODE")
        scene.wait_for_sign_in("op-a", is_possible=True)
    scene.disable("op-a")
    for person in ("op-a", "lead-b"):
        scene.wait_for_lock(person, is_locked=True)


def test_db_check_names_accounts_that_no_worker_has_changed_yet(scene: DisablingScene) -> None:
    """A worker must still lock the account of a disabled person and unlock that of an enabled one: `db check` names
    both until the worker has done it."""
    scene.disable("op-a")
    scene.wait_for_lock("op-a", is_locked=True)
    wait_until(lambda: scene.read_wrong_locks() == (), "no wrong lock")
    names = tuple(sorted(map(scene.place.get_account_name, ("op-a", "lead-b"))))
    scene.place.sql(f"UPDATE operators SET account_lock = 2 WHERE name IN {names}")
    wait_until(lambda: scene.read_wrong_locks() == names, "two wrong locks")
    scene.wait_for_lock("op-a", is_locked=True)
    scene.wait_for_lock("lead-b", is_locked=False)
    wait_until(lambda: scene.read_wrong_locks() == (), "no wrong lock")


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


@pytest.mark.parametrize("states_enabled", [False, True])
def test_a_decision_overtakes_the_accounts_file(
    scene: DisablingScene, monkeypatch: pytest.MonkeyPatch, *, states_enabled: bool
) -> None:
    """While `db accounts apply` runs and has just unlocked the account, an administrator disables the person: the
    person stays disabled, whatever the file states, and the account is locked. If two administrators enable the
    person during a run that has just locked the account, the account is unlocked."""
    name = scene.place.get_account_name("op-a")
    entry = {"name": name, "roles": ["operator"], "may_buy": True, "acts": False, "password_env": "NEW"}
    entry |= {"disabled": False} if states_enabled else {}
    change_accounts = DatabaseAccountService._apply_changes_to_server

    def apply_while(decide: Callable[[str], PersonAccess]) -> None:
        def let_administrators_overtake(*arguments: Any, **more: Any) -> tuple[str, ...]:
            statements = change_accounts(*arguments, **more)
            decide("op-a")
            scene.look_for_locks()
            return statements

        with monkeypatch.context() as overtaken:
            overtaken.setattr(DatabaseAccountService, "_apply_changes_to_server", let_administrators_overtake)
            password = get_password_of(scene.place, "op-a")
            apply_accounts(scene.place.database._team.owner, [entry], {"NEW": password})

    apply_while(scene.disable)
    ((by,),) = scene.place.sql(f"SELECT disabled_by FROM operators WHERE name = '{name}'")
    assert by == scene.place.get_account_name("op-b")
    scene.wait_for_lock("op-a", is_locked=True)
    entry.pop("disabled", None)
    apply_while(scene.enable)
    scene.wait_for_lock("op-a", is_locked=False)


@pytest.mark.expects_log("the answer that a worker can't write in the person's name")
def test_a_purchase_in_flight_of_a_disabled_person_is_recorded(scene: DisablingScene, sandbox: Sandbox) -> None:
    """A person is disabled while the worker waits for AlarmBox's answer to the person's purchase. The worker may not
    write the answer in the person's name any more. It keeps the answer, and writes it in its own name."""
    (number,) = invent_numbers(1, seed=176)
    sandbox.control.add_fault("hang_after_charge", call="purchase", number=number)
    request = PurchaseRequest(number, "1")
    with scene.place.open_desk(sandbox, person="op-a", desk=4) as desk, ThreadPoolExecutor(1) as thread:
        refused = thread.submit(call_for_refusal, lambda: desk.credit_checks.purchase(request))
        wait_until(lambda: len(sandbox.ledger.list_charges_of_number(number)) == 1, "the charge")
        scene.disable("op-a")
        sandbox.control.release_calls(number=number)
        assert refused.result(MAX_WAIT_SECONDS).code == "outcome_unknown"
    assert scene.worker.recovery.run_all_tasks()[0].count == 1
    query = "SELECT status, operator FROM operations o JOIN hansha_alarmbox_credit_checks c ON c.operation_id = o.id"
    assert scene.place.sql(query) == [("success", scene.place.get_account_name("op-a"))]
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1
